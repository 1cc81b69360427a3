import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from course_utils.models import bounds
from course_utils.models.vae import gaussian_log_prob

Z = np.linspace(-14, 14, 1401)
STEP = Z[1] - Z[0]


def gaussian_case(mean=0.3, scale=0.9):
    """Posterior N(0, 1), log p(x) = 0, and q = N(mean, scale²) on a grid: log-joint, log q, log-masses."""
    log_q = stats.norm.logpdf(Z, mean, scale)
    return stats.norm.logpdf(Z), log_q, log_q + math.log(STEP)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- weights


def test_the_bound_is_the_logarithm_of_the_mean_weight_at_any_height():
    weights = draw(5, 3).exp()
    expected = weights.mean(0).log()
    for height in (0, -2000, 2000):
        torch.testing.assert_close(bounds.importance_bound(weights.log() + height) - height, expected)


def test_normalised_weights_sum_to_one_and_the_effective_draws_count_them():
    log_weights = 3 * draw(7, 4)
    shares = bounds.normalised_weights(log_weights - 5000)
    torch.testing.assert_close(shares.sum(0), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(shares, log_weights.exp() / log_weights.exp().sum(0))
    counts = bounds.effective_draws(log_weights)
    assert ((counts >= 1) & (counts <= 7)).all()
    torch.testing.assert_close(bounds.effective_draws(torch.full((7, 1), -900.0)), torch.tensor([7.0]))
    assert bounds.effective_draws(torch.tensor([0.0, -1000.0])).item() == 1


# --- the oracles


def test_one_draw_gives_the_elbo():
    log_joint, log_q, log_mass = gaussian_case()
    kl = -math.log(0.9) + (0.9**2 + 0.3**2 - 1) / 2
    assert bounds.expected_bound(log_joint - log_q, log_mass, 1) == pytest.approx(-kl, abs=1e-9)


def test_two_draws_against_a_double_integral():
    log_joint, log_q, log_mass = gaussian_case()
    weights, mass = np.exp(log_joint - log_q), np.exp(log_mass)
    expected = np.sum(mass[:, None] * mass * np.log((weights[:, None] + weights) / 2))
    assert bounds.expected_bound(log_joint - log_q, log_mass, 2) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("draws", [3, 20])
def test_more_draws_against_simulation(draws):
    log_joint, log_q, log_mass = gaussian_case(0.5, 0.8)
    z = 0.5 + 0.8 * np.random.default_rng(draws).normal(size=(draws, 40_000))
    log_weights = torch.tensor(stats.norm.logpdf(z) - stats.norm.logpdf(z, 0.5, 0.8))
    estimates = bounds.importance_bound(log_weights)
    error = estimates.std().item() / math.sqrt(40_000)
    exact = bounds.expected_bound(log_joint - log_q, log_mass, draws)
    assert estimates.mean().item() == pytest.approx(exact, abs=5 * error)
    assert error < 0.002


def test_a_weight_of_two_values_against_the_binomial_sum():
    log_weights, mass = np.array([-30.0, 2.0]), np.array([0.7, 0.3])
    for draws in (1, 4, 9):
        hits = np.arange(draws + 1)
        sums = ((draws - hits) * math.exp(-30) + hits * math.exp(2)) / draws
        expected = stats.binom.pmf(hits, draws, 0.3) @ np.log(sums)
        assert bounds.expected_bound(log_weights, np.log(mass), draws) == pytest.approx(expected, abs=1e-9)


def test_masses_are_normalised_and_no_weight_is_too_small():
    for draws in (1, 100, 1000):
        assert bounds.expected_bound(np.zeros(3), np.log([0.3331, 0.3331, 0.3331]), draws) == pytest.approx(0, abs=1e-9)
    assert bounds.expected_bound([0.0, -2000.0], np.log([0.5, 0.5]), 1) == pytest.approx(-1000, abs=1e-6)
    # both, one or none of two draws has weight 1
    expected = 0.25 * 0 + 0.5 * math.log(0.5) + 0.25 * -2000
    assert bounds.expected_bound([0.0, -2000.0], np.log([0.5, 0.5]), 2) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 1000), st.floats(-800, 800))
@settings(max_examples=20, deadline=None)
def test_the_bound_rises_with_the_draws_and_moves_with_the_weights(seed, height):
    rng = np.random.default_rng(seed)
    log_weights, mass = 4 * rng.normal(size=30), rng.dirichlet(np.ones(30))
    log_p = math.log(mass @ np.exp(log_weights))
    values = bounds.expected_bound(log_weights, np.log(mass), [1, 2, 3, 10, 1000])
    assert all(np.diff(values) >= -1e-9) and values[-1] <= log_p + 1e-9
    assert values[0] == pytest.approx(mass @ log_weights, abs=1e-8)
    moved = bounds.expected_bound(log_weights + height, np.log(mass), 10)
    assert moved == pytest.approx(values[3] + height, abs=1e-8)


def test_the_gap_is_half_the_variance_over_k_where_there_is_one():
    log_joint, log_q, log_mass = gaussian_case(0.3, 1.2)
    variance = np.exp(2 * (log_joint - log_q) + log_mass).sum() - 1
    for draws in (1000, 10_000):
        gap = -bounds.expected_bound(log_joint - log_q, log_mass, draws)
        assert gap == pytest.approx(variance / (2 * draws), rel=5 / math.sqrt(draws))


@pytest.mark.parametrize("draws", [1, 2, 10, 300])
def test_the_implied_density_integrates_to_one_and_lies_between_q_and_the_posterior(draws):
    log_joint, log_q, log_mass = gaussian_case()
    log_density = bounds.implicit_log_prob(log_joint, log_q, log_joint - log_q, log_mass, draws)
    density = np.exp(log_density)
    assert integrate.trapezoid(density, Z) == pytest.approx(1, abs=1e-9)
    if draws == 1:
        np.testing.assert_allclose(log_density[300:-300], log_q[300:-300], atol=1e-9)
    elbo = integrate.trapezoid(density * (log_joint - log_density), Z)
    bound = bounds.expected_bound(log_joint - log_q, log_mass, draws)
    assert bound - 1e-9 <= elbo <= 1e-9


def test_the_implied_density_at_two_draws_against_its_integral():
    log_joint, log_q, log_mass = gaussian_case()
    ratio = np.exp(log_joint - log_q)
    expected = np.exp(log_joint) * (np.exp(log_mass) @ (2 / (ratio[:, None] + ratio)))
    found = np.exp(bounds.implicit_log_prob(log_joint, log_q, log_joint - log_q, log_mass, 2))
    np.testing.assert_allclose(found, expected, atol=1e-12)


# --- gradients: z ~ N(θ, 1), x | z ~ N(z, 1), q = N(mean, 0.8)


X, THETA, LOG_VAR = 1.0, 0.2, math.log(0.8)


def exact_gradient(draws, mean):
    """∂L_K/∂mean, ∂L_K/∂log_var and ∂L_K/∂θ by central differences of the oracle."""

    def bound(mean, log_var, theta):
        log_joint = stats.norm.logpdf(Z, theta) + stats.norm.logpdf(X, Z)
        log_q = stats.norm.logpdf(Z, mean, math.exp(log_var / 2))
        return bounds.expected_bound(log_joint - log_q, log_q + math.log(STEP), draws)

    at, h = np.array([mean, LOG_VAR, THETA]), 1e-3
    return np.array([(bound(*(at + h * e)) - bound(*(at - h * e))) / (2 * h) for e in np.eye(3)])


def gradients(estimator, draws, mean, repeats=60_000):
    leaves = [torch.full((repeats, 1), value, dtype=torch.float64) for value in (mean, LOG_VAR, THETA)]
    mean, log_var, theta = (leaf.requires_grad_() for leaf in leaves)

    def log_joint(z):
        zero = torch.zeros_like(log_var)
        return gaussian_log_prob(z, theta, zero) + gaussian_log_prob(torch.full_like(z, X), z, zero)

    loss = bounds.importance_loss(log_joint, mean, log_var, draws, estimator=estimator, noise=draw(draws, repeats, 1))
    (-loss.sum()).backward()
    return loss, torch.stack([leaf.grad[:, 0] for leaf in (mean, log_var, theta)])


@pytest.mark.parametrize("estimator", bounds.ESTIMATORS)
@pytest.mark.parametrize("draws", [1, 2, 8])
def test_the_gradient_is_unbiased(estimator, draws):
    _, found = gradients(estimator, draws, 0.9)
    error = found.std(1) / math.sqrt(found.shape[1])
    distance = (found.mean(1) - torch.tensor(exact_gradient(draws, 0.9))).abs()
    assert (distance < 5 * error + 1e-6).all(), (found.mean(1), exact_gradient(draws, 0.9), error)


def test_both_estimators_agree_on_the_value_and_on_the_models_gradient():
    (plain, first), (doubly, second) = (gradients(name, 5, 0.9, repeats=50) for name in bounds.ESTIMATORS)
    torch.testing.assert_close(plain, doubly)
    torch.testing.assert_close(first[2], second[2])
    assert not torch.allclose(first[0], second[0])


def test_doubly_reparameterised_gradients_are_zero_at_the_posterior():
    mean = (X + THETA) / 2
    leaves = [torch.full((100, 1), value, dtype=torch.float64, requires_grad=True) for value in (mean, math.log(0.5))]

    def log_joint(z):
        zero = torch.zeros(100, 1, dtype=torch.float64)
        return gaussian_log_prob(z, zero + THETA, zero) + gaussian_log_prob(zero + X, z, zero)

    loss = bounds.importance_loss(log_joint, *leaves, 4, estimator="dreg", noise=draw(4, 100, 1))
    loss.sum().backward()
    assert max(leaf.grad.abs().max().item() for leaf in leaves) < 1e-12


def test_drawing_repeats_under_a_generator():
    mean, log_var = torch.zeros(3, 2), torch.zeros(3, 2)
    values = [
        bounds.importance_loss(lambda z: z.sum(-1), mean, log_var, 5, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    ]
    assert torch.equal(*values) and values[0].shape == (3,)


# --- bad input


@pytest.mark.parametrize(
    ("error", "call", "words"),
    [
        (TypeError, lambda: bounds.importance_bound([0.0]), "must be a torch tensor"),
        (ValueError, lambda: bounds.importance_bound(torch.zeros(0, 3)), "at least one draw"),
        (ValueError, lambda: bounds.normalised_weights(torch.tensor(1.0)), "at least one draw"),
        (ValueError, lambda: bounds.expected_bound([0.0, 1.0], np.log([0.5, 0.2]), 3), "sum to 1"),
        (ValueError, lambda: bounds.expected_bound([0.0, 1.0], [0.0], 3), "log_mass must have shape"),
        (ValueError, lambda: bounds.expected_bound([0.0], [0.0], 0), "draws must be at least 1"),
        (ValueError, lambda: bounds.implicit_log_prob([0.0], [0.0, 0.0], [0.0], [0.0], 1), "log_q must have shape"),
        (
            ValueError,
            lambda: bounds.importance_loss(lambda z: z, torch.zeros(1, 1), torch.zeros(1, 1), estimator="best"),
            "estimator must be one of",
        ),
        (
            TypeError,
            lambda: bounds.importance_loss(lambda z: z, torch.zeros(1, 1), torch.zeros(1, 1), generator=3),
            "generator must be",
        ),
    ],
)
def test_bad_input_is_named(error, call, words):
    with pytest.raises(error, match=words):
        call()
