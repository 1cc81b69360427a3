"""Lesson 09's room: its batch estimate of the total correlation, its images, its capacity schedule."""

import numpy as np
import pytest
import torch

from course_utils.lessons import beta_vae as lesson
from course_utils.models import disentanglement
from course_utils.models.vae import VAE


@pytest.mark.parametrize("weighting", disentanglement.WEIGHTINGS)
def test_the_correlation_of_a_batch_is_that_of_the_module_which_has_no_gradient(weighting):
    dice = torch.Generator().manual_seed(3)
    z, mean, log_var = (torch.randn(30, 4, generator=dice, dtype=torch.float64) for _ in range(3))
    joint, each = disentanglement.aggregate_log_prob(
        z.numpy(), mean.numpy(), log_var.numpy(), size=1000, weighting=weighting
    )
    found = lesson.batch_correlation(z.float(), mean.float(), log_var.float(), weighting)
    assert found.item() == pytest.approx((joint - each.sum(1)).mean(), abs=1e-4)


def test_a_gradient_passes_through_the_correlation_of_a_batch():
    dice = torch.Generator().manual_seed(3)
    mean = torch.randn(5, 2, generator=dice).requires_grad_()
    lesson.batch_correlation(mean.detach(), mean, torch.zeros(5, 2)).backward()
    assert mean.grad.abs().sum() > 0


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="weighting must be"):
        lesson.batch_correlation(*torch.zeros(3, 2, 2), weighting="even")


def test_every_ellipse_is_there_once_and_the_test_images_are_among_them():
    images, factors = lesson.every_ellipse()
    assert len(np.unique(factors, axis=0)) == len(images) == 6 * 32 * 32
    _, _, test_x, test_factors = lesson.ellipses()
    rows = np.ravel_multi_index(tuple(test_factors[:50].T), (6, 32, 32))
    assert torch.equal(images[rows], test_x[:50])


def test_a_traversal_moves_one_latent_at_a_time_whatever_the_pictures():
    _, _, digits, _ = lesson.large_digits()
    model = VAE(784, 10, (5,), seed=1)
    images, order = lesson.traversal(model, [-1.0, 2.0], 3, digits)
    assert images.shape == (10, 2, 784) and sorted(order) == list(range(10))
    with torch.no_grad():
        code = model.encode(digits[3:4])[0]
        code[0, order[4]] = 2.0
        torch.testing.assert_close(images[4, 1], model.decode(code)[0])
