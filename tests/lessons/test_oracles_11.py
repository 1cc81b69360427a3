"""Lesson 11, the denoising VAE: right answers, held against enumeration, quadrature, draws and libraries."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from course_utils.lessons import denoising_vae

PROBLEMS = {problem.name: problem for problem in denoising_vae.PROBLEMS}


def right(name, *arguments):
    return PROBLEMS[name]._reference(*arguments)


def draws(name, count=6):
    """Other inputs than those of a check."""
    return PROBLEMS[name].fresh(7, count)


def test_moments_of_the_averaged_encoder_are_those_of_all_fates_of_the_pixels():
    for x, weight, bias, log_var, scale, amount in denoising_vae.q_tilde_moments.fresh(7, 12):
        pieces, total = [], 0.0
        for fate in itertools.product((None, 0.0, 1.0), repeat=len(x)):
            lost = np.array([one is not None for one in fate])
            probability = np.prod(np.where(lost, amount / 2, 1 - amount))
            mean = weight @ np.where(lost, np.array(fate, dtype=float), x) + bias
            within = np.diag(np.exp(log_var)) + (weight * np.where(lost, 0.0, scale**2)) @ weight.T
            pieces.append((probability, mean, within + np.outer(mean, mean)))
            total += probability
        assert total == pytest.approx(1)
        wanted = sum(p * m for p, m, _ in pieces)
        second = sum(p * square for p, _, square in pieces)
        mean, covariance = denoising_vae.q_tilde_moments._reference(x, weight, bias, log_var, scale, amount)
        np.testing.assert_allclose(mean, wanted, atol=1e-10)
        np.testing.assert_allclose(covariance, second - np.outer(wanted, wanted), atol=1e-10)


def test_the_price_of_noise_is_the_mutual_information_of_input_and_code():
    for weight, log_var, budget in denoising_vae.noise_for_price.fresh(7, 12):
        scale = denoising_vae.noise_for_price._reference(weight, log_var, budget)
        seen = scale**2 * np.eye(weight.shape[1])
        code = np.diag(np.exp(log_var)) + weight @ seen @ weight.T
        joint = np.block([[seen, seen @ weight.T], [weight @ seen, code]])
        entropies = [stats.multivariate_normal(cov=one).entropy() for one in (seen, code, joint)]
        assert entropies[0] + entropies[1] - entropies[2] == pytest.approx(budget, rel=1e-6, abs=1e-9)


def test_no_other_linear_encoder_has_a_higher_bound_under_masks():
    for decoder, variance, data, share in denoising_vae.best_encoder.fresh(7, 6):
        masks = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(decoder))), dtype=torch.float64)
        chances = (share + (1 - 2 * share) * masks).prod(1)
        own = torch.distributions.Normal(0.0, 1.0)
        clean, table = torch.tensor(data), torch.tensor(decoder)

        def bound(weight, masks=masks, chances=chances, clean=clean, table=table, c=variance, own=own):
            mean = (masks[:, None] * clean) @ weight.T  # (masks, N, L); q has scale 0.5
            q = torch.distributions.Normal(mean, 0.5)
            error = (clean - mean @ table.T).square().sum(-1) + 0.25 * table.square().sum()
            elbo = -error / (2 * c) - torch.distributions.kl_divergence(q, own).sum(-1)
            return chances @ elbo.mean(1)

        best = torch.tensor(denoising_vae.best_encoder._reference(decoder, variance, data, share))
        slope = torch.autograd.functional.jacobian(bound, best)
        assert slope.abs().max() < 1e-9
        for seed in range(3):
            other = best + 0.1 * torch.randn(
                best.shape, dtype=best.dtype, generator=torch.Generator().manual_seed(seed)
            )
            assert bound(other) < bound(best)


def test_a_sensor_is_as_often_dead_as_among_all_with_such_readings():
    rng = np.random.default_rng(15)
    ink, scale, dead, readings = 0.3, 0.4, 0.25, np.array([0.4, 1.3])
    count = 2_000_000
    pages, broken = rng.random((count, 2)) < ink, rng.random(count) < dead
    seen = np.where(broken[:, None], rng.uniform(-1, 2, (count, 2)), pages + scale * rng.standard_normal((count, 2)))
    alike = np.all(np.abs(seen - readings) < 0.05, axis=1)
    assert alike.sum() > 2000
    probability, guesses = right("dead_sensor", readings, ink, scale, dead)
    error = 4 * np.sqrt(0.25 / alike.sum())
    assert broken[alike].mean() == pytest.approx(probability, abs=error)
    assert pages[alike].mean(axis=0) == pytest.approx(guesses, abs=error)


def test_no_other_guess_about_a_sensor_errs_less():
    rng = np.random.default_rng(16)
    ink, scale, dead, errors = 0.3, 0.5, 0.3, []
    for _ in range(2000):
        pages = rng.random(3) < ink
        broken = rng.random() < dead
        readings = rng.uniform(-1, 2, 3) if broken else pages + scale * rng.standard_normal(3)
        _, guesses = right("dead_sensor", readings, ink, scale, dead)
        trusting = right("dead_sensor", readings, ink, scale, 1e-12)[1]
        alone = np.array([right("dead_sensor", readings[n : n + 1], ink, scale, dead)[1][0] for n in range(3)])
        errors.append([np.sum((one - pages) ** 2) for one in (guesses, alone, trusting)])
    worse = np.diff(errors, axis=1)
    assert np.all(worse.mean(axis=0) > worse.std(axis=0) / np.sqrt(len(errors)))


def _tops(slope, jump, noise, width):
    """The places of the local maxima of q̃ on a fine grid."""
    scale = np.hypot(width, slope * noise)
    reach = abs(slope) * jump + scale
    grid = np.linspace(-reach, reach, 40_001)
    density = stats.norm.pdf(grid, slope * jump, scale) + stats.norm.pdf(grid, -slope * jump, scale)
    return grid[1:-1][(density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])], grid[1] - grid[0]


def test_humps_are_where_a_grid_finds_them():
    split = 0
    for slope, jump, noise, width in draws("two_humps", 25):
        widest, distance = right("two_humps", slope, jump, noise, width)
        tops, step = _tops(slope, jump, noise, width)
        assert len(tops) == 1 + (distance > 0)
        assert np.ptp(tops) == pytest.approx(distance, abs=3 * step)
        if widest > 0:
            split += 1
            assert len(_tops(slope, jump, noise, 0.98 * widest)[0]) == 2
            assert len(_tops(slope, jump, noise, 1.02 * widest)[0]) == 1
    assert split > 10


@pytest.mark.parametrize("denoiser", [lambda x: x, lambda x: 0.6 * x, lambda x: np.tanh(2 * x), np.zeros_like])
def test_a_denoiser_is_judged_rightly_without_the_truth(denoiser):
    rng = np.random.default_rng(17)
    clean, scale, estimates = rng.normal(0.3, 1, (4, 3)), 0.8, []
    for _ in range(4000):
        first, second = clean + scale * rng.standard_normal((2, 4, 3))
        guess = denoiser(first)
        estimates.append([*right("without_truth", first, second, guess), np.mean((guess - clean) ** 2)])
    variance, error, truth = np.array(estimates).T
    bound = 4 / np.sqrt(len(estimates))
    assert variance.mean() == pytest.approx(scale**2, abs=bound * variance.std())
    assert (error - truth).mean() == pytest.approx(0, abs=bound * (error - truth).std())
