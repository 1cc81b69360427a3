"""Right answers of exercises whose formula no page prints, held against others: scikit-learn, quadrature, draws."""

import itertools

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.mixture import GaussianMixture

from course_utils.lessons import denoising_vae, expectation_maximization, reparameterisation

E_STEP, SCORE = expectation_maximization.e_step, reparameterisation.score_gradient


def _scikit_learn(data, weights, means, covariances):
    peer = GaussianMixture(len(weights))
    peer.weights_, peer.means_, peer.covariances_ = weights, means, covariances
    peer.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(covariances))
    return peer.predict_proba(data)


def test_a_note_leaves_the_mixture_of_what_is_allowed():
    for data, allowed, weights, means, covariances in E_STEP.fresh(7, 20):
        for x, possible, row in zip(
            data, allowed, E_STEP._reference(data, allowed, weights, means, covariances), strict=True
        ):
            kept = weights[possible] / weights[possible].sum()
            shares = _scikit_learn(x[None], kept, means[possible], covariances[possible])[0]
            np.testing.assert_allclose(row[possible], shares, atol=1e-9)
            assert not row[~possible].any()


def test_labels_that_the_note_refuses_are_drawn_and_thrown_away():
    rng = np.random.default_rng(0)
    data, allowed = np.array([[0.6, 0.1]]), np.array([[True, False, True]])
    parameters = np.array([0.2, 0.5, 0.3]), np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), np.array([np.eye(2)] * 3)
    labels = rng.choice(3, size=200_000, p=_scikit_learn(data, *parameters)[0])
    kept = labels[allowed[0][labels]]
    share = E_STEP._reference(data, allowed, *parameters)[0, 0]
    assert np.mean(kept == 0) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / kept.size))


def test_without_a_note_it_is_the_e_step_of_scikit_learn():
    for data, allowed, *parameters in E_STEP.fresh(8, 6):
        everything = np.ones_like(allowed)
        ours = E_STEP._reference(data, everything, *parameters)
        np.testing.assert_allclose(ours, _scikit_learn(data, *parameters), atol=1e-9)


def test_the_score_of_a_width_is_the_slope_of_the_log_density():
    for z, mean, scale, values in SCORE.fresh(7, 20):

        def weighted(scale, z=z, mean=mean, values=values):
            return np.mean(values * stats.norm.logpdf(z, mean, scale).sum(axis=1))

        slope = optimize.approx_fprime(scale, weighted, 1e-7)
        np.testing.assert_allclose(SCORE._reference(z, mean, scale, values), slope, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_the_score_of_a_width_has_the_gradient_of_the_expectation(scale):
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    z = 0.7 + scale * nodes[:, None]
    values = z[:, 0] ** 4 * weights / np.sqrt(2 * np.pi) * len(nodes)  # the mean over the nodes is E[z⁴ · score]
    gradient = SCORE._reference(z, np.array([0.7]), np.array([scale]), values)
    # E[z⁴] = μ⁴ + 6 μ²σ² + 3σ⁴
    assert gradient == pytest.approx(12 * 0.7**2 * scale + 12 * scale**3, rel=1e-9)


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
