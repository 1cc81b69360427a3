import math
import subprocess
import sys
import tracemalloc
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer
from threadpoolctl import threadpool_limits
from torch import distributions as td

from course_utils.models.mixtures import (
    STRUCTURES,
    ConjugatePrior,
    DegenerateComponentError,
    GaussianMixture,
    _blocks,
    em,
    em_step,
    fit_em,
)
from course_utils.workshop.data import old_faithful

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10_000)
structures = st.sampled_from(STRUCTURES)

PEER_WORDS = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


def random_mixture(components, columns, seed, structure="full", spread=2.0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(components, columns, columns + 2))
    covariances = roots @ roots.transpose(0, 2, 1) / (columns + 2)
    if structure == "tied":
        covariances = np.repeat(covariances[:1], components, axis=0)
    if structure == "diagonal":
        covariances = covariances * np.eye(columns)
    if structure == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(columns)
    weights = rng.dirichlet(np.full(components, 5.0))
    return GaussianMixture(weights, spread * rng.normal(size=(components, columns)), covariances, structure)


def random_problem(components, columns, count, seed, structure="full"):
    """Data of one mixture, and another one to start from: as wide as the data, and centred on some of them."""
    data, _ = random_mixture(components, columns, seed).sample(count, seed + 1)
    shape = random_mixture(components, columns, seed + 2, structure)
    rows = np.random.default_rng(seed + 3).choice(data, size=components, replace=False)
    return data, GaussianMixture(shape.weights, rows, (shape.covariances + 2 * np.eye(columns)) * data.var(), structure)


def random_prior(columns, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(columns, columns + 2))
    return ConjugatePrior(1.7, rng.normal(size=columns), 0.6, root @ root.T, columns + 1.5)


def torch_mixture(weights, means, covariances):
    return td.MixtureSameFamily(td.Categorical(probs=weights), td.MultivariateNormal(means, covariances))


def tensors(mixture):
    return [torch.tensor(array) for array in (mixture.weights, mixture.means, mixture.covariances)]


def peer(mixture, iterations=1):
    """scikit-learn's mixture with the same start and no floor under its covariances."""
    precisions = np.linalg.inv(mixture.covariances)
    initial = {
        "full": precisions,
        "tied": precisions[0],
        "diagonal": np.diagonal(precisions, axis1=1, axis2=2),
        "spherical": precisions[:, 0, 0],
    }
    return Peer(
        len(mixture.weights),
        covariance_type=PEER_WORDS[mixture.structure],
        reg_covar=0,
        tol=0,
        max_iter=iterations,
        weights_init=mixture.weights / mixture.weights.sum(),
        means_init=mixture.means,
        precisions_init=initial[mixture.structure],
    )


def peer_fit(mixture, data, iterations=1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return peer(mixture, iterations).fit(data)


def peer_covariances(fitted):
    components, columns = fitted.means_.shape
    if fitted.covariance_type in ("full", "tied"):
        return np.broadcast_to(fitted.covariances_, (components, columns, columns))
    return fitted.covariances_.reshape(components, -1)[:, :, None] * np.eye(columns)


# --- what a right formula must agree with; the mutants at the end are held against the same four functions


def assert_is_log_density(log_prob):
    """`log_prob(weights, means, covariances, data)` is that of torch, and far out too."""
    mixture = random_mixture(3, 2, 0)
    data = np.vstack([mixture.sample(50, 1)[0], [[80.0, -120.0], [-40.0, 3.0]]])
    expected = torch_mixture(*tensors(mixture)).log_prob(torch.tensor(data)).numpy()
    np.testing.assert_allclose(
        log_prob(mixture.weights, mixture.means, mixture.covariances, data), expected, rtol=1e-12, atol=1e-12
    )


def assert_is_em_step(step, structure="full"):
    """`step(weights, means, covariances, data)` gives the parameters that scikit-learn's step gives."""
    data, start = random_problem(3, 2, 200, 3, structure)
    weights, means, covariances = step(start.weights, start.means, start.covariances, data)
    fitted = peer_fit(start, data)
    np.testing.assert_allclose(weights, fitted.weights_, rtol=1e-9)
    np.testing.assert_allclose(means, fitted.means_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(covariances, peer_covariances(fitted), rtol=1e-9, atol=1e-9)


def assert_is_bic(bic):
    """`bic(mixture, data)` is scikit-learn's after a fit."""
    data, start = random_problem(3, 4, 300, 5)
    fit = fit_em(data, 3, start=start, max_iterations=3, tolerance=0)
    assert bic(fit.mixture, data) == pytest.approx(peer_fit(start, data, 3).bic(data), rel=1e-10)


def assert_is_map_step(step, structure="full"):
    """At the point that `step(mixture, data, prior)` no longer changes, the log-posterior has no slope."""
    data, start = random_problem(2, 2, 80, 7, structure)
    prior = random_prior(2, 8)
    mixture = start
    for _ in range(300):
        mixture = step(mixture, data, prior)
    for slope in log_posterior_slopes(mixture, data, prior):
        np.testing.assert_allclose(slope, 0, atol=1e-6)


def log_posterior_slopes(mixture, data, prior):
    """Slopes of the log-posterior in logits of the weights, means, and free factors of the covariances, by autograd
    through torch's own densities."""
    weights, means, covariances = tensors(mixture)
    factors = torch.linalg.cholesky(covariances)
    diagonals = torch.diagonal(factors, dim1=1, dim2=2)
    free = {"full": factors, "tied": factors[:1], "diagonal": diagonals, "spherical": diagonals[:, :1]}
    leaves = [weights.log(), means, free[mixture.structure].clone()]
    for leaf in leaves:
        leaf.requires_grad_()
    logits, means, roots = leaves
    columns = means.shape[1]
    if mixture.structure in ("full", "tied"):
        roots = torch.tril(roots)
        distinct = roots @ roots.transpose(1, 2)
        covariances = distinct.expand(len(means), -1, -1)
    else:
        distinct = roots**2
        covariances = torch.diag_embed(distinct.expand(-1, columns))
    weights = torch.softmax(logits, 0)
    objective = torch_mixture(weights, means, covariances).log_prob(torch.tensor(data)).sum()
    objective = objective + torch_log_prior(prior, mixture.structure, weights, means, covariances, distinct)
    objective.backward()
    return [leaf.grad.numpy() for leaf in leaves]


def torch_log_prior(prior, structure, weights, means, covariances, distinct):
    scatter = torch.tensor(prior.scatter)
    columns = len(scatter)
    dof = torch.tensor(prior.degrees_of_freedom, dtype=torch.float64)
    value = td.Dirichlet(torch.full_like(weights, prior.concentration)).log_prob(weights)
    normal = td.MultivariateNormal(torch.tensor(prior.mean), covariances / prior.strength)
    value = value + normal.log_prob(means).sum()
    if structure in ("full", "tied"):
        # Σ ~ IW(Ψ, ν) if Σ⁻¹ ~ W(Ψ⁻¹, ν); |∂Σ⁻¹/∂Σ| = |Σ|^−(D+1)
        wishart = td.Wishart(dof, torch.linalg.inv(scatter), validate_args=False)
        value = value + (wishart.log_prob(torch.linalg.inv(distinct)) - (columns + 1) * torch.logdet(distinct)).sum()
    else:
        rates = torch.diag(scatter) if structure == "diagonal" else torch.diag(scatter).mean()
        value = value + td.InverseGamma(dof / 2, rates / 2).log_prob(distinct).sum()
    return value


def assert_is_elbo(elbo):
    """`elbo(responsibilities, mixture, data)` is log p − KL(q‖posterior), so log p at the posterior itself."""
    mixture = random_mixture(3, 2, 9)
    data, _ = mixture.sample(40, 10)
    posterior = mixture.responsibilities(data)
    assert elbo(posterior, mixture, data) == pytest.approx(mixture.log_likelihood(data), rel=1e-12)
    other = np.random.default_rng(11).dirichlet(np.ones(3), size=40)
    gap = stats.entropy(other, posterior, axis=1).sum()
    assert elbo(other, mixture, data) == pytest.approx(mixture.log_likelihood(data) - gap, rel=1e-12)


# --- the density


def test_log_prob_is_that_of_torch():
    assert_is_log_density(lambda *arguments: GaussianMixture(*arguments[:3]).log_prob(arguments[3]))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("components", "columns"), [(1, 1), (4, 1), (3, 5), (10, 16)])
def test_densities_and_responsibilities_are_those_of_scikit_learn(structure, components, columns):
    data, start = random_problem(components, columns, 3000, 1, structure)
    fitted = peer_fit(start, data)
    ours = GaussianMixture(fitted.weights_, fitted.means_, peer_covariances(fitted), structure)
    np.testing.assert_allclose(ours.log_prob(data), fitted.score_samples(data), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ours.responsibilities(data), fitted.predict_proba(data), rtol=1e-8, atol=1e-12)
    assert ours.log_likelihood(data) == pytest.approx(fitted.score_samples(data).sum(), rel=1e-12)


def test_log_joint_is_that_of_scipy_and_sums_to_the_density():
    mixture = random_mixture(4, 3, 2)
    data, _ = mixture.sample(30, 3)
    expected = np.stack(
        [
            math.log(weight) + stats.multivariate_normal(mean, covariance).logpdf(data)
            for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(mixture.log_joint(data), expected, rtol=1e-12)
    np.testing.assert_allclose(mixture.log_prob(data), np.logaddexp.reduce(expected, axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        mixture.responsibilities(data), np.exp(expected - np.logaddexp.reduce(expected, axis=1)[:, None]), rtol=1e-10
    )


def test_the_density_integrates_to_one():
    mixture = GaussianMixture([0.3, 0.7], [[-1.0], [2.0]], [[[0.2]], [[1.5]]])
    area, _ = integrate.quad(lambda x: math.exp(mixture.log_prob([[x]])[0]), -15, 15, points=[-1, 2], epsabs=1e-11)
    assert area == pytest.approx(1, abs=1e-9)


def test_log_densities_near_minus_ten_thousand_keep_their_digits():
    mixture = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 0.0]], [np.eye(2), np.eye(2)])
    x = math.sqrt(2e4)
    # both components matter there: the second is exp(x − ½) times the first
    expected = math.log(0.5) - math.log(2 * math.pi) - 1e4 + np.logaddexp(0, x - 0.5)
    assert -10_000 < expected < -9_000
    assert mixture.log_prob([[x, 0.0]])[0] == pytest.approx(expected, rel=1e-14)
    torch_value = torch_mixture(*tensors(mixture)).log_prob(torch.tensor([[x, 0.0]], dtype=torch.float64)).item()
    assert mixture.log_prob([[x, 0.0]])[0] == pytest.approx(torch_value, rel=1e-14)
    np.testing.assert_allclose(mixture.responsibilities([[-x, 0.0]]), [[1, 0]], atol=1e-60)


@pytest.mark.parametrize("offset", [0.0, 1e6, -3e9])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_digits_survive_an_offset(offset, scale):
    rng = np.random.default_rng(4)
    root = rng.normal(size=(3, 2, 3))
    means = offset + scale * rng.normal(size=(3, 2)) * 4
    mixture = GaussianMixture([0.2, 0.3, 0.5], means, scale**2 * root @ root.transpose(0, 2, 1))
    data, _ = mixture.sample(20, 5)
    np.testing.assert_allclose(mixture.log_joint(data), exact_log_joint(mixture, data), rtol=1e-12, atol=1e-12)


def test_digits_survive_components_of_very_different_widths():
    covariances = [np.diag([1e-12, 1e-14]), [[4.0, 3.9], [3.9, 4.0]], np.diag([1e-3, 1e5])]
    mixture = GaussianMixture([0.2, 0.3, 0.5], [[700.0, -2.0], [0.5, 0.5], [-40.0, 1e3]], covariances)
    data, _ = mixture.sample(60, 6)
    # A coordinate of 700 is itself known to 1e-13 only, which is 1e-7 of the first component's width.
    expected = exact_log_joint(mixture, data)
    near = np.isclose(expected, mixture.log_prob(data)[:, None], rtol=0, atol=30)
    np.testing.assert_allclose(mixture.log_joint(data)[near], expected[near], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(mixture.log_joint(data), expected, rtol=1e-9, atol=1e-6)


def exact_log_joint(mixture, data):
    """Log-densities in two dimensions, with the squares in rational arithmetic."""
    result = np.empty((len(data), len(mixture.weights)))
    for k, (weight, mean, covariance) in enumerate(
        zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ):
        (a, b), (_, c) = [[Fraction(float(entry)) for entry in row] for row in covariance]
        determinant = a * c - b * b
        for n, point in enumerate(data):
            u, v = (Fraction(float(x)) - Fraction(float(m)) for x, m in zip(point, mean, strict=True))
            square = (c * u * u - 2 * b * u * v + a * v * v) / determinant
            result[n, k] = (
                math.log(weight) - float(square) / 2 - math.log(float(determinant)) / 2 - math.log(2 * math.pi)
            )
    return result


@deterministic
@given(seeds, structures, st.integers(1, 5), st.integers(1, 4))
def test_responsibilities_are_distributions(seed, structure, components, columns):
    mixture = random_mixture(components, columns, seed, structure)
    data = np.random.default_rng(seed).normal(size=(30, columns)) * 50
    responsibilities = mixture.responsibilities(data)
    assert np.all(responsibilities >= 0)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=1e-14)


@deterministic
@given(seeds, structures)
def test_the_order_of_components_does_not_matter(seed, structure):
    data, mixture = random_problem(4, 2, 60, seed, structure)
    order = np.random.default_rng(seed).permutation(4)
    shuffled = GaussianMixture(mixture.weights[order], mixture.means[order], mixture.covariances[order], structure)
    np.testing.assert_allclose(shuffled.log_prob(data), mixture.log_prob(data), rtol=1e-11, atol=1e-11)
    ours, theirs = em_step(mixture, data)[0], em_step(shuffled, data)[0]
    np.testing.assert_allclose(theirs.means, ours.means[order], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(theirs.covariances, ours.covariances[order], rtol=1e-6, atol=1e-8)


def test_a_component_of_weight_zero_changes_nothing():
    covariances = [np.eye(2)] * 2
    mixture = GaussianMixture([1.0, 0.0], [[0.0, 0.0], [1.0, 1.0]], covariances)
    alone = GaussianMixture([1.0], [[0.0, 0.0]], covariances[:1])
    data = np.array([[0.0, 0.0], [1.0, 1.0], [300.0, -2.0]])
    np.testing.assert_array_equal(mixture.log_prob(data), alone.log_prob(data))
    np.testing.assert_array_equal(mixture.responsibilities(data), [[1, 0]] * 3)
    assert np.all(np.isneginf(mixture.log_joint(data)[:, 1]))


# --- sampling


def test_samples_have_the_weights_means_and_covariances_of_their_components():
    mixture = random_mixture(3, 2, 12)
    data, labels = mixture.sample(60_000, 13)
    assert data.shape == (60_000, 2)
    counts = np.bincount(labels, minlength=3)
    assert stats.chisquare(counts, 60_000 * mixture.weights).pvalue > 1e-3
    for k in range(3):
        whitened = np.linalg.solve(np.linalg.cholesky(mixture.covariances[k]), (data[labels == k] - mixture.means[k]).T)
        for coordinate in whitened:
            assert stats.kstest(coordinate, stats.norm.cdf).pvalue > 1e-3
        assert abs(np.corrcoef(whitened)[0, 1]) < 4 / math.sqrt(counts[k])


def test_sampling_is_repeatable_and_leaves_the_global_generators_alone():
    mixture = random_mixture(3, 2, 14)
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    first, second = mixture.sample(10, 15), mixture.sample(10, np.random.default_rng(15))
    fit_em(first[0], 2, rng=3, restarts=2, prior=ConjugatePrior.from_data(first[0], 2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)
    rng = np.random.default_rng(15)
    assert not np.array_equal(mixture.sample(10, rng)[0], mixture.sample(10, rng)[0])


def test_an_empty_sample_is_a_sample():
    data, labels = random_mixture(3, 2, 16).sample(0, 1)
    assert data.shape == (0, 2) and labels.shape == (0,)


# --- counting and choosing


@pytest.mark.parametrize("structure", STRUCTURES)
def test_parameters_and_bic_are_counted_as_by_scikit_learn(structure):
    data, start = random_problem(3, 4, 300, 17, structure)
    fitted = peer_fit(start, data, 5)
    ours = fit_em(data, 3, start=start, max_iterations=5, tolerance=0).mixture
    assert ours.number_of_parameters == fitted._n_parameters()
    assert ours.bic(data) == pytest.approx(fitted.bic(data), rel=1e-10)


def test_bic_is_that_of_scikit_learn():
    assert_is_bic(lambda mixture, data: mixture.bic(data))


def test_held_out_likelihood_prefers_the_number_of_components_that_made_the_data():
    truth = GaussianMixture([0.4, 0.6], [[-3.0], [3.0]], [[[1.0]], [[1.0]]])
    data, held_out = truth.sample(400, 18)[0], truth.sample(4000, 19)[0]
    fits = {k: fit_em(data, k, rng=20, restarts=3, prior=ConjugatePrior.from_data(data, k)) for k in (1, 2)}
    per_point = {k: fit.mixture.log_likelihood(held_out) / len(held_out) for k, fit in fits.items()}
    assert per_point[2] > per_point[1] + 0.2
    assert per_point[2] == pytest.approx(truth.log_likelihood(held_out) / len(held_out), abs=0.01)
    assert fits[2].mixture.bic(data) < fits[1].mixture.bic(data)


# --- EM


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_step_is_that_of_scikit_learn(structure):
    def step(weights, means, covariances, data):
        new, _ = em_step(GaussianMixture(weights, means, covariances, structure), data)
        return new.weights, new.means, new.covariances

    assert_is_em_step(step, structure)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("components", "columns", "count"), [(1, 3, 50), (2, 1, 80), (3, 2, 200), (5, 6, 600)])
def test_em_is_that_of_scikit_learn_step_for_step(structure, components, columns, count):
    data, mixture = random_problem(components, columns, count, 21, structure)
    start = mixture
    for iterations in (1, 2, 5, 12):
        fitted = peer_fit(start, data, iterations)
        fit = fit_em(data, components, start=start, max_iterations=iterations, tolerance=0)
        if components > 1:
            assert fit.iterations == iterations
        np.testing.assert_allclose(fit.mixture.weights, fitted.weights_, rtol=1e-7)
        np.testing.assert_allclose(fit.mixture.means, fitted.means_, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(fit.mixture.covariances, peer_covariances(fitted), rtol=1e-6, atol=1e-8)
        assert fit.log_likelihood == pytest.approx(fitted.score(data) * count, rel=1e-10)
        assert fit.mixture.structure == structure


def test_em_step_returns_the_log_likelihood_of_the_old_parameters():
    data, start = random_problem(3, 2, 100, 22)
    new, log_likelihood = em_step(start, data)
    assert log_likelihood == pytest.approx(start.log_likelihood(data), rel=1e-14)
    assert new.log_likelihood(data) > log_likelihood + 1


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_step_keeps_its_digits_far_from_the_origin(offset):
    # A power of two shifts and scales without rounding, so the step must follow exactly but for the last digits.
    scale, shift = 2.0**-20, 2.0 ** round(math.log2(offset)) if offset else 0.0
    data, start = random_problem(3, 2, 300, 23)
    data, means = np.round(data * 2**10) / 2**10, np.round(start.means * 2**10) / 2**10
    start = GaussianMixture(start.weights, means, start.covariances)
    far = GaussianMixture(start.weights, means * scale + shift, start.covariances * scale**2)
    near_step, far_step = em_step(start, data)[0], em_step(far, data * scale + shift)[0]
    np.testing.assert_allclose(far_step.weights, near_step.weights, rtol=1e-10)
    np.testing.assert_allclose(far_step.covariances, near_step.covariances * scale**2, rtol=1e-10)
    np.testing.assert_allclose(
        (far_step.means - shift) / scale, near_step.means, rtol=0, atol=2e-4 if offset else 1e-12
    )


def test_a_start_far_from_the_data_costs_one_step_and_no_digits():
    # Both means are a million widths of the clusters away, where moments about them would cancel.
    rng = np.random.default_rng(24)
    data = 1e6 + rng.normal(size=(200, 2)) + np.repeat([[0.0, 0.0], [30.0, 0.0]], 100, axis=0)
    start = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1e4, 0.0]], [np.eye(2) * 1e10] * 2)
    fitted = peer_fit(start, data)
    ours, _ = em_step(start, data)
    np.testing.assert_allclose(ours.covariances, peer_covariances(fitted), rtol=1e-8)


@deterministic
@given(seeds, structures, st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_no_step_lowers_the_objective(seed, structure, components, columns, with_prior):
    data, start = random_problem(components, columns, 60, seed, structure)
    prior = random_prior(columns, seed) if with_prior else None
    mixture, before = start, -math.inf
    for _ in range(15):
        try:
            new, log_likelihood = em_step(mixture, data, prior)
        except DegenerateComponentError:
            assert not with_prior
            break
        objective = log_likelihood + (prior.log_prob(mixture) if with_prior else 0)
        assert objective >= before - 1e-9 * abs(before)
        mixture, before = new, objective


@deterministic
@given(seeds, structures, st.booleans())
def test_the_history_of_a_fit_never_falls_and_ends_where_the_fit_does(seed, structure, with_prior):
    data, _ = random_mixture(2, 2, seed).sample(80, seed)
    prior = ConjugatePrior.from_data(data, 3) if with_prior else None
    try:
        fit = fit_em(data, 3, structure=structure, prior=prior, max_iterations=40, rng=seed)
    except DegenerateComponentError:
        assert not with_prior
        return
    assert np.all(np.diff(fit.history) >= 0)
    assert len(fit.history) == fit.iterations + 1
    assert fit.log_likelihood == pytest.approx(fit.mixture.log_likelihood(data), rel=1e-12)
    log_prior = prior.log_prob(fit.mixture) if with_prior else 0
    assert fit.history[-1] == pytest.approx(fit.log_likelihood + log_prior, rel=1e-12)


def test_one_component_is_fitted_in_one_step():
    fit = fit_em(old_faithful(), 1, rng=0)
    assert fit.log_likelihood == pytest.approx(-1289.7967, abs=1e-4)
    np.testing.assert_allclose(fit.mixture.means[0], old_faithful().mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(fit.mixture.covariances[0], np.cov(old_faithful().T, bias=True), rtol=1e-12)
    assert fit.converged and fit.iterations == 1


@pytest.mark.parametrize("initialise", ["k-means++", "random"])
def test_old_faithful(initialise):
    fit = fit_em(old_faithful(), 2, initialise=initialise, restarts=10, rng=0)
    order = np.argsort(fit.mixture.means[:, 0])
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-1130.26396, abs=1e-5)
    np.testing.assert_allclose(fit.mixture.weights[order], [0.35587, 0.64413], atol=1e-5)
    np.testing.assert_allclose(fit.mixture.means[order], [[2.03639, 54.47852], [4.28966, 79.96812]], atol=1e-4)
    covariances = [[[0.06917, 0.43517], [0.43517, 33.69728]], [[0.16997, 0.94061], [0.94061, 36.04621]]]
    np.testing.assert_allclose(fit.mixture.covariances[order], covariances, rtol=5e-5)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_fit_is_a_stationary_point_of_the_likelihood(structure):
    data = old_faithful()
    fit = fit_em(data, 2, structure=structure, restarts=3, tolerance=0, rng=1)
    weights, means, covariances = tensors(fit.mixture)
    means.requires_grad_()
    torch_mixture(weights, means, covariances).log_prob(torch.tensor(data)).sum().backward()
    # per standard error of the means, so that minutes of both columns count alike
    errors = np.sqrt(np.diagonal(fit.mixture.covariances, axis1=1, axis2=2) / len(data))
    np.testing.assert_allclose(means.grad.numpy() * errors, 0, atol=1e-4)
    best = peer_fit(fit.mixture, data, 50)
    assert best.score(data) * len(data) == pytest.approx(fit.log_likelihood, abs=1e-6)


def test_the_best_restart_is_kept_and_all_are_reported():
    data, _ = random_mixture(4, 2, 25, spread=4).sample(300, 26)
    fit = fit_em(data, 4, restarts=6, initialise="random", rng=27)
    assert len(fit.restarts_report) == 6
    reached = [report.objective for report in fit.restarts_report if report.problem is None]
    assert fit.log_likelihood == max(reached) and max(reached) > min(reached) + 1e-3
    best = next(report for report in fit.restarts_report if report.objective == fit.log_likelihood)
    assert (best.iterations, best.converged) == (fit.iterations, fit.converged)
    again = fit_em(data, 4, restarts=6, initialise="random", rng=np.random.default_rng(27))
    np.testing.assert_array_equal(again.history, fit.history)


def test_a_fit_that_stops_early_says_so():
    fit = fit_em(old_faithful(), 2, max_iterations=2, rng=0)
    assert (fit.converged, fit.iterations, len(fit.history)) == (False, 2, 3)
    start = fit_em(old_faithful(), 2, max_iterations=0, rng=0)
    assert (start.converged, start.iterations, len(start.history)) == (False, 0, 1)


@pytest.mark.parametrize("initialise", ["k-means++", "random"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_starts_are_what_the_documentation_says(structure, initialise):
    data, _ = random_problem(3, 2, 200, 52)
    start = fit_em(data, 3, structure=structure, initialise=initialise, max_iterations=0, rng=1).mixture
    np.testing.assert_array_equal(start.weights, [1 / 3] * 3)
    assert all((data == mean).all(axis=1).any() for mean in start.means)
    assert len(np.unique(start.means, axis=0)) == 3
    covariance = np.cov(data.T, bias=True) / 3
    if structure == "diagonal":
        covariance = np.diag(np.diag(covariance))
    if structure == "spherical":
        covariance = np.eye(2) * np.trace(covariance) / 2
    np.testing.assert_allclose(start.covariances, [covariance] * 3, rtol=1e-12)
    prior = random_prior(2, 53)
    wider = fit_em(data, 3, prior=prior, max_iterations=0, rng=1).mixture
    mode = prior.scatter / (prior.degrees_of_freedom + 3)
    np.testing.assert_allclose(wider.covariances[0], np.cov(data.T, bias=True) / 3 + mode, rtol=1e-12)


def test_k_means_plus_plus_spreads_the_means_whatever_the_units():
    # two groups that only the second column tells apart, in units a million times larger than the first's
    rng = np.random.default_rng(54)
    data = np.column_stack([rng.normal(size=400), 1e-6 * np.repeat([-100.0, 100.0], 200) + 1e-6 * rng.normal(size=400)])

    def in_both_groups(initialise):
        starts = [fit_em(data, 2, initialise=initialise, max_iterations=0, rng=seed).mixture for seed in range(100)]
        return sum(start.means[0, 1] * start.means[1, 1] < 0 for start in starts)

    # squared distances in standard deviations: within a group about 2, between groups about 2 + 4
    assert in_both_groups("k-means++") > 65
    assert in_both_groups("random") < 65


def test_of_many_rows_a_start_looks_at_some(monkeypatch):
    monkeypatch.setattr(em, "_START_ROWS", 100)
    truth = GaussianMixture([0.5, 0.5], [[-5.0], [5.0]], [[[1.0]], [[1.0]]])
    data, _ = truth.sample(3000, 28)
    fit = fit_em(data, 2, rng=29)
    np.testing.assert_allclose(np.sort(fit.mixture.means[:, 0]), [-5, 5], atol=0.15)


# --- MAP-EM


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_log_density_of_the_prior_is_that_of_scipy(structure):
    prior, mixture = random_prior(3, 30), random_mixture(4, 3, 31, structure)
    expected = stats.dirichlet(np.full(4, prior.concentration)).logpdf(mixture.weights / mixture.weights.sum())
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        expected += stats.multivariate_normal(prior.mean, covariance / prior.strength).logpdf(mean)
    distinct = mixture.covariances[:1] if structure == "tied" else mixture.covariances
    dof, scatter = prior.degrees_of_freedom, prior.scatter
    for covariance in distinct:
        if structure in ("full", "tied"):
            expected += stats.invwishart(dof, scatter).logpdf(covariance)
        elif structure == "diagonal":
            expected += stats.invgamma(dof / 2, scale=np.diag(scatter) / 2).logpdf(np.diag(covariance)).sum()
        else:
            expected += stats.invgamma(dof / 2, scale=np.trace(scatter) / 6).logpdf(covariance[0, 0])
    assert prior.log_prob(mixture) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_fixed_point_of_map_em_is_a_stationary_point_of_the_log_posterior(structure):
    assert_is_map_step(lambda mixture, data, prior: em_step(mixture, data, prior)[0], structure)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_slopes_that_judge_map_em_are_those_of_finite_differences(structure):
    data, mixture = random_problem(2, 2, 40, 32, structure)
    prior = random_prior(2, 33)
    slopes = log_posterior_slopes(mixture, data, prior)[1]

    def objective(means):
        moved = GaussianMixture(mixture.weights, means, mixture.covariances, structure)
        return moved.log_likelihood(data) + prior.log_prob(moved)

    for index in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[index] = 1e-5
        difference = (objective(mixture.means + step) - objective(mixture.means - step)) / 2e-5
        assert slopes[index] == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_a_prior_matters_less_with_more_data():
    truth = random_mixture(2, 2, 34, spread=4)
    gaps = []
    for count in (100, 10_000):
        data, _ = truth.sample(count, 35)
        prior = ConjugatePrior.from_data(data, 2)
        plain, penalised = (fit_em(data, 2, start=truth, prior=one).mixture for one in (None, prior))
        gaps.append(np.abs(plain.covariances - penalised.covariances).max())
    assert 0 < gaps[1] < gaps[0] / 20


@pytest.mark.parametrize("narrow", [1e-4, 1e-10, 1e-60])
def test_map_em_survives_the_singular_start(narrow):
    data = old_faithful()
    covariances = [narrow**2 * np.eye(2), np.cov(data.T, bias=True)]
    start = GaussianMixture([0.5, 0.5], [data[0], data.mean(axis=0)], covariances)
    with pytest.raises(DegenerateComponentError, match="component 0 has collapsed"):
        fit_em(data, 2, start=start)
    fit = fit_em(data, 2, start=start, prior=ConjugatePrior.from_data(data, 2))
    assert fit.converged
    assert np.all(np.diff(fit.history) >= 0)
    # what is reached is bounded: no component is narrower than the prior allows
    smallest = np.linalg.eigvalsh(fit.mixture.covariances).min()
    assert smallest > np.linalg.eigvalsh(ConjugatePrior.from_data(data, 2).scatter).min() / (len(data) + 8)


def test_map_em_brings_an_empty_component_back_to_the_mode_of_the_prior():
    data = old_faithful()
    start = GaussianMixture([0.5, 0.5], [[3.5, 70.0], [1e6, 1e6]], [np.diag([1.0, 100.0]), np.eye(2)])
    with pytest.raises(DegenerateComponentError, match="component 1 holds no point"):
        em_step(start, data)
    prior = ConjugatePrior.from_data(data, 2)
    new, _ = em_step(start, data, prior)
    np.testing.assert_allclose(new.means[1], prior.mean)
    np.testing.assert_allclose(new.covariances[1], prior.scatter / (prior.degrees_of_freedom + 4))
    np.testing.assert_allclose(new.weights[1], 1 / 274)


def test_a_flat_prior_of_the_weights_lets_an_empty_component_go():
    data = old_faithful()
    start = GaussianMixture([0.5, 0.5], [[3.5, 70.0], [1e6, 1e6]], [np.diag([1.0, 100.0]), np.eye(2)])
    weak = ConjugatePrior.from_data(data, 2)
    flat = ConjugatePrior(1, weak.mean, weak.strength, weak.scatter, weak.degrees_of_freedom)
    fit = fit_em(data, 2, start=start, prior=flat)
    np.testing.assert_array_equal(fit.mixture.weights, [1, 0])
    assert fit.converged and np.isfinite(fit.history).all()


# --- data that leave EM nothing to stand on


def test_fewer_rows_than_components():
    with pytest.raises(ValueError, match="at least as many different rows as components=3; it has 2"):
        fit_em([[0.0, 1.0], [2.0, 3.0]], 3, rng=0)
    with pytest.raises(ValueError, match="as components=3; it has 2"):
        fit_em([[0.0], [1.0]], 3, start=random_mixture(3, 1, 0))
    data = np.array([[0.0, 1.0], [2.0, 3.0]])
    prior = ConjugatePrior(2.0, [1.0, 2.0], 0.1, np.eye(2), 4.0)
    fit = fit_em(data, 3, start=random_mixture(3, 2, 0), prior=prior)
    assert fit.converged and np.isfinite(fit.history).all()


@pytest.mark.parametrize("initialise", ["k-means++", "random"])
def test_fewer_different_rows_than_components(initialise):
    data = np.repeat([[0.0, 1.0], [2.0, 5.0]], 20, axis=0)
    prior = ConjugatePrior(2.0, [1.0, 2.0], 0.1, np.eye(2), 4.0)
    with pytest.raises(ValueError, match="as many different rows as components=3; it has 2"):
        fit_em(data, 3, initialise=initialise, prior=prior, rng=0)


def test_duplicated_rows_that_catch_a_component_are_reported():
    rng = np.random.default_rng(36)
    data = np.vstack([np.repeat([[5.0, 5.0]], 30, axis=0), rng.normal(size=(60, 2))])
    with pytest.raises(DegenerateComponentError, match=r"all 3 starts were given up.*no upper bound there; use prior="):
        fit_em(data, 2, rng=0, restarts=3)
    fit = fit_em(data, 2, rng=0, prior=ConjugatePrior.from_data(data, 2))
    closest = np.abs(fit.mixture.means - 5).sum(axis=1).argmin()
    np.testing.assert_allclose(fit.mixture.means[closest], [5, 5], atol=0.01)
    np.testing.assert_allclose(fit.mixture.weights[closest], 31 / 92, rtol=1e-3)


def test_a_restart_that_collapses_is_given_up_and_the_others_go_on():
    # a point far from all others catches a component from some starts, not from all
    rng = np.random.default_rng(37)
    data = np.vstack([rng.normal(size=(40, 1)), rng.normal(size=(40, 1)) + 12, [[30.0]]])
    fit = fit_em(data, 2, initialise="random", restarts=20, rng=38)
    problems = [report for report in fit.restarts_report if report.problem is not None]
    assert 0 < len(problems) < 20
    assert all("has collapsed" in report.problem and math.isnan(report.objective) for report in problems)
    assert np.isfinite(fit.log_likelihood)


def test_constant_columns():
    data = np.column_stack([np.random.default_rng(39).normal(size=50), np.full(50, 0.1)])
    with pytest.raises(ValueError, match=r"column 1 is 0\.1 throughout"):
        fit_em(data, 2, rng=0)
    with pytest.raises(ValueError, match=r"column 1 is 0\.1 throughout.*scatter of the prior"):
        ConjugatePrior.from_data(data, 2)
    with pytest.raises(DegenerateComponentError, match="in column 1"):
        mixture = GaussianMixture([1.0], [[0.0, 0.1]], [np.eye(2)])
        for _ in range(3):
            mixture, _ = em_step(mixture, data)
    fit = fit_em(data, 2, rng=0, prior=ConjugatePrior(2.0, [0.0, 0.1], 0.1, np.eye(2), 4.0))
    assert fit.converged and np.isfinite(fit.history).all()


def test_columns_that_depend_on_each_other():
    x = np.random.default_rng(40).normal(size=50)
    data = np.column_stack([x, 3 * x])
    with pytest.raises(ValueError, match="the covariance of data must be positive definite"):
        fit_em(data, 2, rng=0)
    with pytest.raises(DegenerateComponentError, match="collapsed onto a line or plane"):
        em_step(GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)]), data)


def test_a_component_on_two_points_collapses_onto_their_line():
    data = np.vstack([[[50.0, 50.0], [51.0, 52.0]], np.random.default_rng(41).normal(size=(50, 2))])
    start = GaussianMixture([0.1, 0.9], [[50.0, 51.0], [0.0, 0.0]], [np.eye(2), np.eye(2)])
    with pytest.raises(DegenerateComponentError, match="component 0 has collapsed onto a line"):
        fit_em(data, 2, start=start)


def test_a_point_beyond_the_range_of_float64():
    mixture = random_mixture(2, 2, 42)
    for method in (mixture.log_joint, mixture.log_prob, mixture.responsibilities, mixture.log_likelihood):
        with pytest.raises(ValueError, match="in the range of float64"):
            method([[0.0, 0.0], [1e200, 0.0]])
    with pytest.raises(ValueError, match="in the range of float64"):
        em_step(mixture, [[0.0, 0.0], [1.7e308, -1.7e308]])


# --- blocks and threads


def test_blocks_change_nothing(monkeypatch):
    data, start = random_problem(3, 2, 1000, 43)
    whole, log_likelihood = em_step(start, data)
    values = start.log_prob(data), start.log_joint(data), start.responsibilities(data)
    monkeypatch.setattr(_blocks, "_BLOCK_PAIRS", 3 * 37)
    monkeypatch.setattr(_blocks, "_SERIAL_PAIRS", 0)
    pieces, in_pieces = em_step(start, data)
    assert in_pieces == pytest.approx(log_likelihood, rel=1e-14)
    np.testing.assert_allclose(pieces.means, whole.means, rtol=1e-12)
    np.testing.assert_allclose(pieces.covariances, whole.covariances, rtol=1e-11, atol=1e-13)
    for one, other in zip(
        (start.log_prob(data), start.log_joint(data), start.responsibilities(data)), values, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


def test_threads_change_no_bit():
    data, start = random_problem(4, 3, 60_000, 44)
    assert data.size * 4 > _blocks._SERIAL_PAIRS
    many, many_log_likelihood = em_step(start, data)
    with threadpool_limits(1):
        one, one_log_likelihood = em_step(start, data)
    assert one_log_likelihood == many_log_likelihood
    np.testing.assert_array_equal(one.covariances, many.covariances)
    np.testing.assert_array_equal(one.means, many.means)


def test_memory_does_not_grow_with_the_data():
    _, start = random_problem(10, 2, 10, 45)
    rng = np.random.default_rng(46)
    peaks = []
    for count in (200_000, 800_000):
        data = rng.normal(size=(count, 2))
        tracemalloc.start()
        em_step(start, data)
        start.log_likelihood(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 12e6  # the responsibilities alone would take 64 MB
    assert peaks[1] < peaks[0] + 1e6


def test_neither_arguments_nor_fits_can_be_changed_by_accident():
    weights, means, covariances = np.array([1.0]), np.zeros((1, 2)), np.eye(2)[None]
    mixture = GaussianMixture(weights, means, covariances)
    data = np.random.default_rng(47).normal(size=(20, 2))
    copy = data.copy()
    fit_em(data, 1, start=mixture)
    np.testing.assert_array_equal(data, copy)
    means[0, 0] = 7
    assert mixture.means[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        mixture.means[0, 0] = 1


def test_tensors_and_lists_are_welcome():
    mixture = random_mixture(2, 2, 48)
    data = np.random.default_rng(49).normal(size=(5, 2))
    np.testing.assert_array_equal(mixture.log_prob(torch.tensor(data)), mixture.log_prob(data))
    np.testing.assert_array_equal(mixture.log_prob(data.tolist()), mixture.log_prob(np.asfortranarray(data)))
    assert mixture.log_prob(torch.tensor(data, dtype=torch.float32)).dtype == np.float64


# --- bad arguments

EYES = np.stack([np.eye(2), np.eye(2)])
MEANS = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.5, 0.6], MEANS, EYES), ValueError, r"weights must sum to 1; their sum is 1\.1"),
        (([1.5, -0.5], MEANS, EYES), ValueError, r"weights must not be negative; component 1 has -0\.5"),
        (([0.5, 0.5], np.zeros((3, 2)), EYES), ValueError, r"means must have shape \(2, D\); got \(3, 2\)"),
        (([0.5, 0.5], MEANS, np.eye(2)), ValueError, r"covariances must have shape \(2, 2, 2\); got \(2, 2\)"),
        (([0.5, 0.5], MEANS, [np.eye(2), -np.eye(2)]), ValueError, r"covariances\[1\] must be positive definite"),
        (([0.5, 0.5], MEANS, [np.eye(2), np.ones((2, 2))]), ValueError, r"covariances\[1\] must be positive definite"),
        (([0.5, 0.5], MEANS, [np.eye(2), [[1, 0.5], [0, 1]]]), ValueError, r"covariances\[1\] must be symmetric"),
        (([0.5, 0.5], [[0, 0], [0, math.nan]], EYES), ValueError, r"means must be finite; got nan at index \[1, 1\]"),
        (([0.5, 0.5], MEANS, np.full((2, 2, 2), math.inf)), ValueError, "covariances must be finite"),
        (("half", MEANS, EYES), TypeError, "weights must be an array of real numbers"),
        (([0.5, 0.5], MEANS, EYES, "diag"), ValueError, "structure must be one of 'full', 'tied', 'diagonal'"),
        (([0.5, 0.5], MEANS, [np.eye(2), 2 * np.eye(2)], "tied"), ValueError, "must be equal .* component 1"),
        (([0.5, 0.5], MEANS, [[[1, 0.1], [0.1, 1]], np.eye(2)], "diagonal"), ValueError, "must be diagonal .* 0 "),
        (([0.5, 0.5], MEANS, [np.eye(2), np.diag([1, 2.0])], "spherical"), ValueError, "multiples of the identity"),
        ((torch.ones(1, requires_grad=True), MEANS[:1], EYES[:1]), TypeError, "weights requires grad"),
    ],
)
def test_bad_mixtures_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        GaussianMixture(*arguments)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([1.0, 2.0], ValueError, r"data must have shape \(N, [2D]\); got \(2,\)"),
        (np.zeros((3, 5)), ValueError, r"data must have shape \(N, 2\); got \(3, 5\)"),
        (np.zeros((0, 2)), ValueError, "data must have at least 1 entry"),
        ([[0.0, math.nan]], ValueError, r"data must be finite; got nan at index \[0, 1\]"),
        ([[math.inf, 1.0], [-math.inf, 0.0]], ValueError, "data must be finite"),
        ([["a", "b"]], TypeError, "data must be an array of real numbers"),
        (None, TypeError, "data must be"),
        (torch.zeros(2, 2, requires_grad=True), TypeError, "data requires grad"),
    ],
)
def test_bad_data_are_refused_everywhere(data, error, message):
    mixture = random_mixture(2, 2, 50)
    for function in (
        mixture.log_joint,
        mixture.log_prob,
        mixture.responsibilities,
        mixture.log_likelihood,
        mixture.bic,
        lambda data: em_step(mixture, data),
        lambda data: fit_em(data, 2, start=mixture),
    ):
        with pytest.raises(error, match=message):
            function(data)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"components": 0}, ValueError, "components must be at least 1; got 0"),
        ({"components": 2.0}, TypeError, "components must be an integer"),
        ({"structure": "diag"}, ValueError, "structure must be one of"),
        ({"initialise": "kmeans"}, ValueError, r"initialise must be one of 'k-means\+\+', 'random'"),
        ({"restarts": 0}, ValueError, "restarts must be at least 1"),
        ({"max_iterations": -1}, ValueError, "max_iterations must not be negative"),
        ({"tolerance": -1e-3}, ValueError, "tolerance must not be negative"),
        ({"rng": None}, TypeError, "rng must be a numpy random Generator or a seed"),
        ({"rng": "seed"}, TypeError, "rng must be an integer"),
        ({"prior": ConjugatePrior(1, [0.0], 1, [[1.0]], 1)}, ValueError, "prior must be one for 2 columns"),
        ({"start": random_mixture(3, 2, 0)}, ValueError, "start must have components=2; it has 3"),
        ({"start": random_mixture(2, 3, 0)}, ValueError, r"data must have shape \(N, 3\)"),
        ({"start": random_mixture(2, 2, 0), "structure": "tied"}, ValueError, "structure must be that of start"),
        ({"start": random_mixture(2, 2, 0), "restarts": 2}, ValueError, "restarts must be 1 with a given start"),
    ],
)
def test_bad_options_of_a_fit_are_refused(options, error, message):
    arguments = {"components": 2, "rng": 0} | options
    with pytest.raises(error, match=message):
        fit_em(old_faithful(), arguments.pop("components"), **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0.5, [0, 0], 1, np.eye(2), 3), ValueError, "concentration must be at least 1"),
        ((1, [0, 0], 0, np.eye(2), 3), ValueError, "strength must be positive"),
        ((1, [0, 0], 1, np.eye(3), 3), ValueError, r"scatter must have shape \(2, 2\)"),
        ((1, [0, 0], 1, np.zeros((2, 2)), 3), ValueError, "scatter must be positive definite"),
        ((1, [0, 0], 1, np.eye(2), 1), ValueError, "degrees_of_freedom must be above D − 1 = 1"),
        ((1, [[0, 0]], 1, np.eye(2), 3), ValueError, r"mean must have shape \(D,\)"),
    ],
)
def test_bad_priors_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        ConjugatePrior(*arguments)


@pytest.mark.parametrize(("count", "error"), [(-1, ValueError), (2.5, TypeError)])
def test_bad_counts_of_samples_are_refused(count, error):
    with pytest.raises(error, match="count must"):
        random_mixture(2, 2, 51).sample(count, 0)


def test_the_module_imports_neither_torch_nor_scipy_nor_scikit_learn():
    program = (
        "import sys, course_utils.models.mixtures as m; f = m.fit_em([[0.], [1.], [2.], [9.]], 1, rng=0);"
        "raise SystemExit(any(name in sys.modules for name in ('torch', 'scipy', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- mutants: plausible wrong versions of the central formulas, each rejected by the assertion that the right one
# passes


def log_densities(means, covariances, data, half=0.5, invert=np.linalg.inv):
    """(N, K) log N(x_n | μ_k, Σ_k)."""
    deviations = data[:, None, :] - means
    squares = np.einsum("nki,kij,nkj->nk", deviations, invert(covariances), deviations)
    return -half * squares - 0.5 * np.linalg.slogdet(2 * np.pi * covariances)[1]


def textbook_log_prob(weights, means, covariances, data):
    return np.logaddexp.reduce(np.log(weights) + log_densities(means, covariances, data), axis=1)


LOG_DENSITY_MUTANTS = {
    "weights forgotten": lambda w, m, c, x: np.logaddexp.reduce(log_densities(m, c, x), axis=1),
    "weighted sum of logs": lambda w, m, c, x: log_densities(m, c, x) @ w,
    "half forgotten": lambda w, m, c, x: np.logaddexp.reduce(np.log(w) + log_densities(m, c, x, half=1), axis=1),
    "covariance for precision": lambda w, m, c, x: np.logaddexp.reduce(
        np.log(w) + log_densities(m, c, x, invert=lambda matrices: matrices), axis=1
    ),
    "exp first, log after": lambda w, m, c, x: np.log(np.exp(np.log(w) + log_densities(m, c, x)).sum(axis=1)),
}


def textbook_responsibilities(weights, means, covariances, data):
    joint = np.log(weights) + log_densities(means, covariances, data)
    return np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])


def textbook_step(weights, means, covariances, data, mutant=None):
    r = textbook_responsibilities(weights, means, covariances, data)
    if mutant == "weights forgotten in the E-step":
        r = textbook_responsibilities(np.full_like(weights, 1 / len(weights)), means, covariances, data)
    if mutant == "normalised over the data":
        r = np.exp(np.log(weights) + log_densities(means, covariances, data))
        r = r / r.sum(axis=0)
    if mutant == "hard assignment":
        r = np.eye(len(weights))[r.argmax(axis=1)]
    counts = r.sum(axis=0)
    divisor = np.full_like(counts, len(data)) if mutant == "N for N_k" else counts
    new_means = r.T @ data / divisor[:, None]
    about = means if mutant == "old mean in the new covariance" else new_means
    deviations = data[:, None, :] - about
    scatters = np.einsum("nk,nki,nkj->kij", r, deviations, deviations)
    if mutant == "outer product lost":
        scatters = np.einsum("nk,nki,nki->ki", r, deviations, deviations)[:, :, None] * np.eye(data.shape[1])
    if mutant == "one degree of freedom less":
        divisor = divisor - 1
    new_weights = weights if mutant == "weights not updated" else counts / len(data)
    return new_weights, new_means, scatters / divisor[:, None, None]


STEP_MUTANTS = (
    "N for N_k",
    "old mean in the new covariance",
    "weights forgotten in the E-step",
    "weights not updated",
    "outer product lost",
    "normalised over the data",
    "hard assignment",
    "one degree of freedom less",
)


def textbook_bic(mixture, data, covariance_parameters=lambda d: d * (d + 1) // 2, sign=-2, log=math.log, weights=-1):
    components, columns = mixture.means.shape
    parameters = components * (1 + columns + covariance_parameters(columns)) + weights
    return sign * mixture.log_likelihood(data) + parameters * log(len(data))


BIC_MUTANTS = {
    "full matrices counted": {"covariance_parameters": lambda d: d * d},
    "variances only": {"covariance_parameters": lambda d: d},
    "sign": {"sign": 2},
    "factor 2 forgotten": {"sign": -1},
    "base 2": {"log": math.log2},
    "all weights free": {"weights": 0},
}


def textbook_elbo(responsibilities, mixture, data, sign=1, with_weights=True):
    joint = log_densities(mixture.means, mixture.covariances, data)
    joint = joint + np.log(mixture.weights) if with_weights else joint
    return np.sum(responsibilities * joint) + sign * stats.entropy(responsibilities, axis=1).sum()


ELBO_MUTANTS = {
    "sign of the entropy": {"sign": -1},
    "entropy forgotten": {"sign": 0},
    "weights forgotten": {"with_weights": False},
}


def textbook_map_step(mixture, data, prior, mutant=None):
    r = mixture.responsibilities(data)
    counts, kappa = r.sum(axis=0), prior.strength
    averages = r.T @ data / counts[:, None]
    deviations = data[:, None, :] - averages
    totals = prior.scatter + np.einsum("nk,nki,nkj->kij", r, deviations, deviations)
    pull = counts * kappa / (counts + kappa)
    if mutant != "pull of the mean forgotten":
        offsets = averages - prior.mean
        totals = totals + np.einsum("k,ki,kj->kij", pull, offsets, offsets)
    means = (counts[:, None] * averages + kappa * prior.mean) / (counts + kappa)[:, None]
    if mutant == "mean not shrunk":
        means = averages
    columns = data.shape[1]
    # D + 1 is the posterior mode of Σ alone; the mode of (μ, Σ) together has one more
    dof = prior.degrees_of_freedom + columns + (1 if mutant == "mode of the covariance alone" else 2)
    if mutant == "posterior mean of the covariance":
        dof = prior.degrees_of_freedom - columns - 1
    weights = counts + prior.concentration - (0 if mutant == "posterior mean of the weights" else 1)
    return GaussianMixture(weights / weights.sum(), means, totals / (counts + dof)[:, None, None])


MAP_MUTANTS = (
    "pull of the mean forgotten",
    "mean not shrunk",
    "mode of the covariance alone",
    "posterior mean of the covariance",
    "posterior mean of the weights",
)


def test_the_textbook_formulas_from_which_the_mutants_differ_are_right():
    assert_is_log_density(textbook_log_prob)
    assert_is_em_step(textbook_step)
    assert_is_bic(textbook_bic)
    assert_is_elbo(textbook_elbo)
    assert_is_map_step(textbook_map_step)


@pytest.mark.parametrize("mutant", LOG_DENSITY_MUTANTS)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_log_densities_are_rejected(mutant):
    with pytest.raises(AssertionError):
        assert_is_log_density(LOG_DENSITY_MUTANTS[mutant])


@pytest.mark.parametrize("mutant", STEP_MUTANTS)
def test_wrong_em_steps_are_rejected(mutant):
    with pytest.raises(AssertionError):
        assert_is_em_step(lambda *arguments: textbook_step(*arguments, mutant=mutant))


@pytest.mark.parametrize("mutant", BIC_MUTANTS)
def test_wrong_information_criteria_are_rejected(mutant):
    with pytest.raises(AssertionError):
        assert_is_bic(lambda mixture, data: textbook_bic(mixture, data, **BIC_MUTANTS[mutant]))


@pytest.mark.parametrize("mutant", ELBO_MUTANTS)
def test_wrong_bounds_are_rejected(mutant):
    with pytest.raises(AssertionError):
        assert_is_elbo(lambda r, mixture, data: textbook_elbo(r, mixture, data, **ELBO_MUTANTS[mutant]))


@pytest.mark.parametrize("mutant", MAP_MUTANTS)
def test_wrong_map_steps_are_rejected(mutant):
    with pytest.raises(AssertionError):
        assert_is_map_step(lambda mixture, data, prior: textbook_map_step(mixture, data, prior, mutant=mutant))
