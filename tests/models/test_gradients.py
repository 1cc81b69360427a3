import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from course_utils.models import gradients as g

deterministic = settings(derandomize=True, deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 4)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / np.sqrt(2 * np.pi)


def grid_noise(size):
    """Nodes (G, D) and weights (G,) that integrate polynomials under N(0, I) exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    mesh = np.stack(np.meshgrid(*[nodes] * size, indexing="ij"), axis=-1).reshape(-1, size)
    products = np.stack(np.meshgrid(*[weights] * size, indexing="ij"), axis=-1).reshape(-1, size).prod(axis=1)
    return torch.tensor(mesh), torch.tensor(products / products.sum())


def random_gaussian(size, seed, full):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(size, size)) + 1.5 * np.eye(size) if full else rng.uniform(0.3, 2, size)
    if full and abs(np.linalg.det(factor)) < 0.05:
        factor = factor + 3 * np.eye(size)
    return torch.tensor(rng.normal(size=size)), torch.tensor(factor)


def curved(z):
    """Neither even nor a polynomial of low degree, and its coordinates interact."""
    return torch.sin(z[:, 0]) + 0.3 * (z**2).sum(dim=1) + z[:, 0] * z[:, -1]


def polynomial(z):
    return (z**2).sum(dim=1) + z[:, 0] ** 3 + 0.5 * z[:, 0] * z[:, -1]


def assert_unbiased(samples, truth):
    """The average of independent rows lies within 4.5 standard errors of the truth, in every column."""
    error = samples.std(dim=0) / math.sqrt(len(samples))
    assert torch.all((samples.mean(dim=0) - truth).abs() <= 4.5 * error + 1e-12)


def exact_gradient(function, mean, factor):
    """Derivative of the quadrature of E[f] by autograd, flat as in GradientSamples."""
    mean, factor = mean.clone().requires_grad_(), factor.clone().requires_grad_()
    noise, weights = grid_noise(len(mean))
    z = mean + noise * factor if factor.ndim == 1 else mean + noise @ factor.T
    parts = torch.autograd.grad(weights @ function(z), (mean, factor))
    return torch.cat([part.flatten() for part in parts])


# --- the distribution


@deterministic
@given(sizes, seeds)
def test_draws_have_covariance_a_times_its_transpose(size, seed):
    mean, factor = random_gaussian(size, seed, full=True)
    noise, weights = grid_noise(size)
    z = g.reparameterise(noise, mean, factor)
    centre = weights @ z
    covariance = (weights[:, None] * (z - centre)).T @ (z - centre)
    torch.testing.assert_close(centre, mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(covariance, factor @ factor.T, rtol=1e-9, atol=1e-9)


def test_a_vector_is_the_diagonal_of_a_matrix():
    mean, scale = random_gaussian(3, 0, full=False)
    noise = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    diagonal, matrix = (g.reparameterise(noise, mean, factor) for factor in (scale, torch.diag(scale)))
    torch.testing.assert_close(diagonal, matrix)
    torch.testing.assert_close(
        g.gaussian_log_prob(diagonal, mean, scale), g.gaussian_log_prob(diagonal, mean, torch.diag(scale))
    )
    for vector, square in zip(
        g.gaussian_score(diagonal, mean, scale), g.gaussian_score(diagonal, mean, torch.diag(scale)), strict=True
    ):
        torch.testing.assert_close(vector, square if square.ndim == 2 else square.diagonal(dim1=1, dim2=2))


@deterministic
@given(sizes, seeds, st.booleans())
def test_log_prob_is_that_of_torch_distributions(size, seed, full):
    mean, factor = random_gaussian(size, seed, full)
    matrix = factor if full else torch.diag(factor)
    z = torch.tensor(np.random.default_rng(seed + 1).normal(size=(5, size)))
    oracle = torch.distributions.MultivariateNormal(mean, covariance_matrix=matrix @ matrix.T)
    torch.testing.assert_close(g.gaussian_log_prob(z, mean, factor), oracle.log_prob(z), rtol=1e-7, atol=1e-7)


@deterministic
@given(sizes, seeds, st.booleans())
def test_the_score_is_the_gradient_of_the_log_density(size, seed, full):
    mean, factor = random_gaussian(size, seed, full)
    z = torch.tensor(np.random.default_rng(seed + 1).normal(size=(3, size)))
    scores = g.gaussian_score(z, mean, factor)
    for k in range(3):
        leaves = mean.clone().requires_grad_(), factor.clone().requires_grad_()
        slopes = torch.autograd.grad(g.gaussian_log_prob(z[k : k + 1], *leaves).sum(), leaves)
        for score, slope in zip(scores, slopes, strict=True):
            torch.testing.assert_close(score[k], slope, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("full", [False, True])
def test_the_expected_score_is_zero(full):
    mean, factor = random_gaussian(2, 3, full)
    noise, weights = grid_noise(2)
    for score in g.gaussian_score(g.reparameterise(noise, mean, factor), mean, factor):
        average = torch.tensordot(weights, score, dims=1)
        torch.testing.assert_close(average, torch.zeros_like(average), rtol=0, atol=1e-10)


def test_gradients_flow_through_reparameterise_to_mean_and_factor():
    mean, factor = random_gaussian(2, 1, full=True)
    mean.requires_grad_(), factor.requires_grad_()
    noise = torch.tensor([[0.3, -1.2], [0.5, 2.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 2.0], [-0.5, 3.0]], dtype=torch.float64)
    (weights * g.reparameterise(noise, mean, factor)).sum().backward()
    torch.testing.assert_close(mean.grad, weights.sum(dim=0))
    torch.testing.assert_close(factor.grad, weights.T @ noise)


# --- both estimators


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [1, 3])
def test_pathwise_estimates_are_unbiased(size, full):
    mean, factor = random_gaussian(size, 5, full)
    found = g.pathwise_gradient(curved, mean, factor, samples=40_000, generator=1)
    assert_unbiased(found.flat(), exact_gradient(curved, mean, factor))
    assert found.mean.shape == (40_000, size)
    assert found.factor.shape == (40_000, *factor.shape)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("baseline", [0.0, 1.7, "optimal"])
def test_score_estimates_are_unbiased_with_every_baseline(baseline, full):
    mean, factor = random_gaussian(2, 6, full)
    found = g.score_gradient(curved, mean, factor, samples=40_000, generator=2, baseline=baseline)
    assert_unbiased(found.flat(), exact_gradient(curved, mean, factor))


def test_leave_one_out_is_unbiased_over_many_small_groups():
    mean, factor = random_gaussian(2, 6, full=False)
    generator = torch.Generator().manual_seed(0)
    groups = [
        g.score_gradient(curved, mean, factor, samples=2, generator=generator, baseline="leave-one-out").flat().mean(0)
        for _ in range(3000)
    ]
    assert_unbiased(torch.stack(groups), exact_gradient(curved, mean, factor))


def test_leave_one_out_is_the_average_of_the_others():
    torch.testing.assert_close(g.leave_one_out([1.0, 2.0, 6.0]), torch.tensor([4.0, 3.5, 1.5], dtype=torch.float64))


@pytest.mark.parametrize("mu", [0.0, 1.0, -2.5])
def test_variances_for_a_square_are_those_of_the_closed_forms(mu):
    # by quadrature over the noise: the estimates themselves, as random variables
    z = torch.tensor(mu + NODES)[:, None]
    score = g.gaussian_score(z, [mu], [1.0])[0].numpy()[:, 0]
    estimates = (mu + NODES) ** 2 * score
    mean = WEIGHTS @ estimates
    assert mean == pytest.approx(2 * mu, abs=1e-9)
    assert WEIGHTS @ (estimates - mean) ** 2 == pytest.approx(mu**4 + 14 * mu**2 + 15, rel=1e-9)
    # by simulation: what the functions return
    samples = 400_000
    found = g.score_gradient(lambda z: z[:, 0] ** 2, [mu], [1.0], samples=samples, generator=3).mean
    assert found.var().item() == pytest.approx(mu**4 + 14 * mu**2 + 15, rel=0.06)
    found = g.pathwise_gradient(lambda z: z[:, 0] ** 2, [mu], [1.0], samples=samples, generator=3).mean
    assert found.var().item() == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("size", [1, 4, 20])
def test_variance_for_a_sum_of_squares_in_d_dimensions(size):
    mu, rest = 0.7, size - 1
    plain = mu**4 + 14 * mu**2 + 15 + rest * (2 * (mu**2 + 1) * (mu**2 + 3) + 2 + 4 * mu**2) + (rest * (mu**2 + 1)) ** 2
    best = 8 * mu**2 + 6 + rest * (4 * mu**2 + 2)
    arguments = (lambda z: (z**2).sum(dim=1)), [mu] * size, [1.0] * size
    for baseline, variance in ((0.0, plain), ("optimal", best), (mu**2 + 3 + rest * (mu**2 + 1), best)):
        found = g.score_gradient(*arguments, samples=100_000, generator=4, baseline=baseline).mean[:, 0]
        assert found.var().item() == pytest.approx(variance, rel=0.07)
    found = g.pathwise_gradient(*arguments, samples=100_000, generator=4).mean[:, 0]
    assert found.var().item() == pytest.approx(4, rel=0.03)


def test_the_optimal_baseline_has_the_least_variance_of_all_constants():
    values, scores = (NODES + 1.3) ** 2, NODES
    # weights turned into repetitions, so that averages over the list are averages under the Gaussian
    counts = np.round(WEIGHTS * 1e6).astype(int)
    listed, listed_scores = torch.tensor(np.repeat(values, counts)), torch.tensor(np.repeat(scores, counts))
    best = g.optimal_baseline(listed, listed_scores).item()
    variances = [((listed - b) * listed_scores).var().item() for b in (best - 0.05, best, best + 0.05)]
    assert variances[1] < min(variances[0], variances[2])
    assert best == pytest.approx(1.3**2 + 3, rel=1e-3)


def test_optimal_baselines_differ_between_parameters():
    scores = torch.tensor([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    found = g.optimal_baseline([1.0, 2.0, 3.0], scores)
    torch.testing.assert_close(found, torch.tensor([(1 + 2 + 12) / 6, (8 + 3) / 5], dtype=torch.float64))


@pytest.mark.parametrize("full", [False, True])
def test_pathwise_gradients_are_finite_differences_with_common_random_numbers(full):
    mean, factor = random_gaussian(3, 8, full)
    found = g.pathwise_gradient(curved, mean, factor, samples=6, generator=11)
    noise = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(11))
    step = 1e-5
    for name, base in (("mean", mean), ("factor", factor)):
        for index in np.ndindex(*base.shape):
            moved = []
            for sign in (1, -1):
                here = base.clone()
                here[index] += sign * step
                phi = {"mean": mean, "factor": factor, name: here}
                moved.append(curved(g.reparameterise(noise, phi["mean"], phi["factor"])))
            slope = (moved[0] - moved[1]) / (2 * step)
            torch.testing.assert_close(getattr(found, name)[(slice(None), *index)], slope, rtol=1e-6, atol=1e-6)


def test_pathwise_gradients_are_those_through_torchs_quantile_function():
    mean, scale = torch.tensor([0.4, -1.0]).double(), torch.tensor([0.7, 1.9]).double()
    found = g.pathwise_gradient(curved, mean, scale, samples=50, generator=5)
    noise = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    leaves = mean.clone().requires_grad_(), scale.clone().requires_grad_()
    z = torch.distributions.Normal(*leaves).icdf(torch.distributions.Normal(0.0, 1.0).cdf(noise))
    slopes = torch.autograd.grad(curved(z).mean(), leaves)
    torch.testing.assert_close(found.mean.mean(0), slopes[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.factor.mean(0), slopes[1], rtol=1e-6, atol=1e-6)


def test_the_score_function_needs_no_derivative_of_f():
    # P(z > 0) under N(μ, 1) has the derivative N(0; μ, 1); the path sees a slope of zero
    found = g.score_gradient(lambda z: (z[:, 0] > 0).double(), [0.5], [1.0], samples=100_000, generator=0)
    assert_unbiased(found.mean, torch.tensor([stats.norm.pdf(0.5)]))


# --- the ELBO


def correlated_log_joint(z):
    precision = torch.tensor([[2.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    shifted = z - torch.tensor([1.0, -0.5], dtype=torch.float64)
    return -0.5 * torch.einsum("kd,de,ke->k", shifted, precision, shifted) + 0.3


@pytest.mark.parametrize("path_only", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_elbo_gradients_are_unbiased(full, path_only):
    mean, factor = random_gaussian(2, 9, full)
    truth = exact_gradient(correlated_log_joint, mean, factor)
    # the entropy's gradient in closed form: that of log|det A|
    truth[2:] += (torch.linalg.inv(factor).T if full else 1 / factor).flatten()
    found = g.elbo_gradient(correlated_log_joint, mean, factor, samples=40_000, generator=6, path_only=path_only)
    assert_unbiased(found.flat(), truth)


def test_elbo_values_average_to_the_exact_elbo():
    mean, factor = random_gaussian(2, 9, full=True)
    found = g.elbo_gradient(correlated_log_joint, mean, factor, samples=100_000, generator=6)
    noise, weights = grid_noise(2)
    energy = weights @ correlated_log_joint(mean + noise @ factor.T)
    entropy = torch.distributions.MultivariateNormal(mean, factor @ factor.T).entropy()
    assert_unbiased(found.values[:, None], energy + entropy)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_sticking_the_landing_has_no_variance_at_the_optimum(scale):
    def log_joint(z):
        return -0.5 * (z[:, 0] / scale) ** 2

    kept = g.elbo_gradient(log_joint, [0.0], [scale], samples=50_000, generator=7, path_only=True)
    full = g.elbo_gradient(log_joint, [0.0], [scale], samples=50_000, generator=7)
    torch.testing.assert_close(kept.flat(), torch.zeros(50_000, 2).double(), rtol=0, atol=1e-12)
    assert full.mean.var().item() == pytest.approx(1 / scale**2, rel=0.03)


def test_for_a_gaussian_the_full_gradient_equals_that_with_the_entropy_in_closed_form():
    mean, scale = random_gaussian(3, 2, full=False)
    full = g.elbo_gradient(curved, mean, scale, samples=10, generator=8)
    energy = g.pathwise_gradient(curved, mean, scale, samples=10, generator=8)
    torch.testing.assert_close(full.mean, energy.mean)
    torch.testing.assert_close(full.factor, energy.factor + 1 / scale)


# --- minibatches

DATA = torch.tensor([0.3, -1.1, 2.0, 0.7, 1.4, -0.2], dtype=torch.float64)


def log_prior(z):
    return -0.5 * z[:, 0] ** 2


def log_likelihood(z, indices):
    return torch.nn.functional.logsigmoid(DATA[indices] * z) - 0.1 * DATA[indices] ** 2


def test_the_average_over_all_batches_is_the_full_log_joint():
    z = torch.linspace(-2, 2, 5).double()[:, None]
    full = log_prior(z) + log_likelihood(z, torch.arange(6).expand(5, -1)).sum(dim=1)
    for size in (1, 2, 5, 6):
        batches = torch.combinations(torch.arange(6), r=size)
        estimates = [g.minibatch_log_joint(log_prior, log_likelihood, batch, 6)(z) for batch in batches]
        torch.testing.assert_close(torch.stack(estimates).mean(dim=0), full)


def test_each_draw_may_have_its_own_batch():
    z = torch.tensor([[0.4], [-1.0]]).double()
    both = g.minibatch_log_joint(log_prior, log_likelihood, [[0, 1], [4, 5]], 6)(z)
    for k, batch in enumerate(([0, 1], [4, 5])):
        alone = g.minibatch_log_joint(log_prior, log_likelihood, batch, 6)(z[k : k + 1])
        torch.testing.assert_close(both[k : k + 1], alone)


@pytest.mark.parametrize("batch_size", [1, 3, 6])
def test_doubly_stochastic_gradients_are_unbiased(batch_size):
    def energy(mean, scale):
        return integrate.quad(lambda e: stats.norm.pdf(e) * joint(mean + scale * e), -10, 10, epsabs=1e-12)[0]

    def joint(z):
        row = torch.tensor([[float(z)]]).double()
        return float((log_prior(row) + log_likelihood(row, torch.arange(6)[None]).sum(dim=1))[0])

    step = 1e-4
    truth = torch.tensor(
        [
            (energy(0.6 + step, 0.8) - energy(0.6 - step, 0.8)) / (2 * step),
            (energy(0.6, 0.8 + step) - energy(0.6, 0.8 - step)) / (2 * step) + 1 / 0.8,
        ]
    )
    found = g.minibatch_elbo_gradient(
        log_prior, log_likelihood, 6, [0.6], [0.8], batch_size=batch_size, samples=20_000, generator=9
    )
    assert_unbiased(found.flat(), truth)


def test_a_batch_of_everything_is_no_batch():
    def log_joint(z):
        return log_prior(z) + log_likelihood(z, torch.arange(6).expand(len(z), -1)).sum(dim=1)

    whole = g.elbo_gradient(log_joint, [0.6], [0.8], samples=4, generator=3)
    batch = g.minibatch_elbo_gradient(log_prior, log_likelihood, 6, [0.6], [0.8], batch_size=6, samples=4, generator=3)
    torch.testing.assert_close(whole.flat(), batch.flat())


def test_batches_are_drawn_without_replacement_and_uniformly():
    seen = []

    def record(z, indices):
        seen.append(indices)
        return log_likelihood(z, indices)

    g.minibatch_elbo_gradient(log_prior, record, 6, [0.0], [1.0], batch_size=2, samples=6000, generator=0)
    assert torch.all(seen[0][:, 0] != seen[0][:, 1])
    counts = torch.bincount(seen[0].flatten(), minlength=6).double()
    assert torch.all((counts - 2000).abs() < 4.5 * math.sqrt(6000 * (1 / 3) * (2 / 3)))


# --- randomness and mistakes


@pytest.mark.parametrize("estimate", [g.score_gradient, g.pathwise_gradient, g.elbo_gradient])
def test_a_seed_is_a_fresh_generator_and_a_generator_moves_on(estimate):
    generator = torch.Generator().manual_seed(4)
    state = torch.get_rng_state()
    first, second = (estimate(curved, [0.0], [1.0], samples=3, generator=generator).mean for _ in range(2))
    seeded = estimate(curved, [0.0], [1.0], samples=3, generator=4).mean
    torch.testing.assert_close(first, seeded, rtol=0, atol=0)
    assert not torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())


def test_float32_and_lists_are_computed_in_float64():
    found = g.pathwise_gradient(curved, torch.zeros(2), [1, 1], samples=2, generator=0)
    assert {part.dtype for part in found} == {torch.float64}


def square(z):
    return z[:, 0] ** 2


WRONG = {
    "mean of the wrong shape": (lambda: g.reparameterise([[0.0]], [[0.0]], [1.0]), "mean must have shape"),
    "an empty mean": (lambda: g.reparameterise(np.zeros((1, 0)), [], []), "at least one entry"),
    "factor of the wrong shape": (lambda: g.reparameterise([[0.0]], [0.0], [1.0, 2.0]), r"factor must hold 1 standard"),
    "a negative scale": (lambda: g.reparameterise([[0.0]], [0.0], [-1.0]), "standard deviations, must be positive"),
    "a singular matrix": (lambda: g.reparameterise([[0.0, 0.0]], [0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]]), "rank 1 of 2"),
    "noise of the wrong width": (lambda: g.reparameterise([[0.0, 1.0]], [0.0], [1.0]), "noise must have shape"),
    "no draws": (lambda: g.pathwise_gradient(square, [0.0], [1.0], samples=0, generator=0), "samples must be at least"),
    "one draw has no others": (
        lambda: g.score_gradient(square, [0.0], [1.0], samples=1, generator=0, baseline="leave-one-out"),
        "at least 2",
    ),
    "an unknown baseline": (
        lambda: g.score_gradient(square, [0.0], [1.0], samples=2, generator=0, baseline="mean"),
        "baseline must be one of 'leave-one-out', 'optimal'",
    ),
    "a detached function": (
        lambda: g.pathwise_gradient(lambda z: square(z.detach()), [0.0], [1.0], samples=2, generator=0),
        "carries no gradient",
    ),
    "a function of the wrong shape": (
        lambda: g.pathwise_gradient(lambda z: z**2, [0.0], [1.0], samples=2, generator=0),
        r"shape \(2,\), one number for each draw; got shape \(2, 1\)",
    ),
    "an infinite function": (
        lambda: g.score_gradient(lambda z: square(z) / 0, [0.0], [1.0], samples=2, generator=0),
        "finite numbers; got inf for draw 0",
    ),
    "an index too large": (lambda: g.minibatch_log_joint(log_prior, log_likelihood, [6], 6), "between 0 and 5"),
    "no index": (lambda: g.minibatch_log_joint(log_prior, log_likelihood, 3, 6), r"shape \(B,\) or \(K, B\)"),
    "batches for other draws": (
        lambda: g.minibatch_log_joint(log_prior, log_likelihood, [[0], [1]], 6)(torch.zeros(3, 1).double()),
        "one batch for each of the 3 draws; got 2",
    ),
    "a likelihood that is summed": (
        lambda: g.minibatch_log_joint(log_prior, lambda z, i: log_likelihood(z, i).sum(1), [0, 1], 6)(
            torch.zeros(3, 1).double()
        ),
        r"shape \(3, 2\)",
    ),
    "a batch larger than the data": (
        lambda: g.minibatch_elbo_gradient(
            log_prior, log_likelihood, 6, [0.0], [1.0], batch_size=7, samples=1, generator=0
        ),
        "batch_size must be at most 6",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_explained(name):
    call, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("generator", [None, 1.5, True, "0"])
def test_randomness_must_be_asked_for(generator):
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or a whole number"):
        g.pathwise_gradient(square, [0.0], [1.0], samples=1, generator=generator)
