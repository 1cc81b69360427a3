"""Right answers of exercises whose formula no page prints, held against others: scikit-learn, quadrature, draws."""

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.mixture import GaussianMixture

from course_utils.lessons import expectation_maximization, reparameterisation

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
