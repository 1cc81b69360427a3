import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mixture_oracles import (
    assert_is_bic,
    assert_is_log_density,
    peer_covariances,
    peer_fit,
    random_mixture,
    random_problem,
    tensors,
    torch_mixture,
)
from scipy import integrate, stats

from course_utils.models.mixtures import STRUCTURES, ConjugatePrior, GaussianMixture, em_step, fit_em

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10_000)
structures = st.sampled_from(STRUCTURES)


# --- densities and responsibilities


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


def test_a_point_beyond_the_range_of_float64():
    mixture = random_mixture(2, 2, 42)
    for method in (mixture.log_joint, mixture.log_prob, mixture.responsibilities, mixture.log_likelihood):
        with pytest.raises(ValueError, match="in the range of float64"):
            method([[0.0, 0.0], [1e200, 0.0]])
    with pytest.raises(ValueError, match="in the range of float64"):
        em_step(mixture, [[0.0, 0.0], [1.7e308, -1.7e308]])


def test_tensors_and_lists_are_welcome():
    mixture = random_mixture(2, 2, 48)
    data = np.random.default_rng(49).normal(size=(5, 2))
    np.testing.assert_array_equal(mixture.log_prob(torch.tensor(data)), mixture.log_prob(data))
    np.testing.assert_array_equal(mixture.log_prob(data.tolist()), mixture.log_prob(np.asfortranarray(data)))
    assert mixture.log_prob(torch.tensor(data, dtype=torch.float32)).dtype == np.float64


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


@pytest.mark.parametrize(("count", "error"), [(-1, ValueError), (2.5, TypeError)])
def test_bad_counts_of_samples_are_refused(count, error):
    with pytest.raises(error, match="count must"):
        random_mixture(2, 2, 51).sample(count, 0)
