"""The models of lesson 08 that its pictures of 28 by 28 pixels come from."""

import torch
from torch.nn import functional

from course_utils.lessons import vae as lesson
from course_utils.models.vae import VAE


def test_the_large_digits_are_grey_levels_with_a_label_each() -> None:
    train, train_labels, test, test_labels = lesson.large_digits()
    assert train.shape == (6000, 784) and test.shape == (1000, 784)
    assert train.dtype == test.dtype == torch.float32
    assert train.min() == 0 and train.max() == 1
    assert torch.bincount(train_labels).tolist() == [600] * 10
    assert torch.bincount(test_labels).tolist() == [100] * 10


def test_one_epoch_of_the_large_vae_beats_a_model_without_latents() -> None:
    train, _, test, _ = lesson.large_digits()
    mean = train.mean(0).clamp(1e-3, 1 - 1e-3).expand_as(test)
    without = -functional.binary_cross_entropy(mean, test, reduction="sum") / len(test)
    model = lesson.large_vae(5, epochs=1)
    with torch.no_grad():
        elbo = model.elbo(test, 3, torch.Generator().manual_seed(0)).mean()
    assert model.latent_dim == 5 and not model.training
    assert elbo > without + 10


def test_the_plain_autoencoder_is_the_vae_without_draw_and_kl_term() -> None:
    model = lesson.large_autoencoder(5, epochs=1)
    untouched = VAE(784, 5, (200,), seed=8)
    means, log_vars = model.encoder[-1].weight.split(5)
    first_means, first_log_vars = untouched.encoder[-1].weight.split(5)
    assert torch.equal(log_vars, first_log_vars)  # nothing asked for a variance
    assert not torch.allclose(means, first_means)
    train = lesson.large_digits()[0]
    error = (model.decode(model.encode(train)[0]) - train).square().sum(1).mean()
    assert error < (train - train.mean(0)).square().sum(1).mean() * 0.8  # nearer than the mean digit


def test_the_shipped_plane_knows_digits_that_it_has_not_seen() -> None:
    model, unseen = lesson.plane_vae(), lesson.large_digits()[2]
    assert (model.data_dim, model.latent_dim, model.training) == (784, 2, False)
    with torch.no_grad():
        elbo = model.elbo(unseen, 3, torch.Generator().manual_seed(0)).mean()
    assert -140 < elbo < -134  # its own record, on all 10 000 test images, is -137.05
