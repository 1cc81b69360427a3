import numpy as np
import pytest
import torch

from course_utils.lessons import denoising_vae as lesson
from course_utils.models import denoising
from course_utils.models.gaussians import normal_log_prob


def test_digits_are_black_and_white_and_few_are_among_those_of_training():
    train, labels, test, test_labels = lesson.black_digits()
    assert train.shape == (1500, 64) and test.shape == (297, 64) and len(labels) == 1500 and len(test_labels) == 297
    assert set(train.unique().tolist()) == {0.0, 1.0}
    known = {tuple(row) for row in train.tolist()}
    few = lesson.some_digits(200, 1)
    assert few.shape == (200, 64) and {tuple(row) for row in few.tolist()} <= known
    assert not torch.equal(few, lesson.some_digits(200, 2))


@pytest.mark.parametrize(("flips", "noise"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (0.5, 1.0)])
def test_answers_are_densities_and_their_weights_probabilities(flips, noise):
    log_q, weights = lesson.hump_encodings(1.2, flips, noise)
    assert weights.sum() == pytest.approx(1) and np.all(weights > 0)
    np.testing.assert_allclose(np.trapezoid(np.exp(log_q), lesson.GRID), 1, atol=1e-9)
    mean = weights @ np.trapezoid(np.exp(log_q) * lesson.GRID, lesson.GRID)
    assert mean == pytest.approx((1 - 2 * flips) * 1.2 / (1 + lesson.HUMP_VARIANCE), abs=1e-9)
    second = weights @ np.trapezoid(np.exp(log_q) * lesson.GRID**2, lesson.GRID)
    exact = lesson.HUMP_VARIANCE / (1 + lesson.HUMP_VARIANCE) + (1.44 + noise**2) / (1 + lesson.HUMP_VARIANCE) ** 2
    assert second == pytest.approx(exact, abs=1e-7)


def test_the_best_gaussian_is_the_posterior_where_that_is_one():
    found, variance = lesson.best_gaussian(0.0), lesson.HUMP_VARIANCE
    assert found.mean == pytest.approx(0, abs=1e-4)
    assert found.scale == pytest.approx((variance / (1 + variance)) ** 0.5, rel=1e-4)
    assert found.elbo == pytest.approx(float(denoising.folded_log_prob(0.0, variance)), abs=1e-6)


@pytest.mark.parametrize("x", [-0.5, 0.4, 1.5])
def test_no_other_gaussian_is_better(x):
    log_joint = denoising.folded_log_joint(x, lesson.GRID, lesson.HUMP_VARIANCE)
    best = lesson.best_gaussian(x).elbo
    for mean in np.linspace(-2, 2, 21):
        for scale in np.geomspace(0.1, 1.5, 15):
            log_q = normal_log_prob(lesson.GRID, mean, scale)
            assert np.trapezoid(np.exp(log_q) * (log_joint - log_q), lesson.GRID) <= best + 1e-8


def test_training_repeats_itself_and_leaves_torch_alone():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = (lesson.fit(lesson.new_model("masking", 0.2), count=30, epochs=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weight_decay_acts_on_the_encoder_alone():
    def silent(x):
        return 0.0 * sum(parameter.sum() for parameter in model.parameters())

    start, model = lesson.new_model(), lesson.new_model()
    lesson.fit(model, silent, count=30, epochs=3, weight_decay=10.0)
    for part, decays in (("encoder", True), ("decoder", False)):
        for one, other in zip(getattr(start, part).parameters(), getattr(model, part).parameters(), strict=True):
            assert torch.equal(one, other) != (decays and bool(one.abs().sum() > 0))


def test_scores_of_a_plain_model_need_no_sandwich():
    model = lesson.new_model()
    scores = lesson.scores(model, count=30)
    assert scores.clean == scores.denoising == scores.mixture
    assert scores.log_prob >= scores.clean - 0.05
    assert scores.training == pytest.approx(scores.clean, abs=3)


def test_the_drawing_says_its_shapes():
    drawing = lesson.machine(64, 10)
    assert "(N, 64)" in drawing.alt and "(N, 10)" in drawing.alt
    words = {text.get_text() for text in drawing.figure.axes[0].texts}
    assert {"(N, 64)", "(N, 10)", "corrupt"} <= words


def test_noise_on_what_is_repaired_is_always_the_same():
    assert torch.equal(lesson.noisy(0.0), lesson.black_digits()[2])
    assert torch.equal(lesson.noisy(0.5), lesson.noisy(0.5))
