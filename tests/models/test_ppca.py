import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.decomposition import PCA

from course_utils.models.gaussians import multivariate_normal_kl
from course_utils.models.ppca import ProbabilisticPCA, fit_ppca
from course_utils.workshop.data import digits

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10_000)


def random_model(columns=5, latents=2, seed=0):
    rng = np.random.default_rng(seed)
    return ProbabilisticPCA(rng.normal(size=columns), rng.normal(size=(columns, latents)), rng.uniform(0.1, 2))


def random_q(points, latents, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(points, latents, latents + 2))
    return rng.normal(size=(points, latents)), roots @ roots.transpose(0, 2, 1) / latents


def random_data(points=40, columns=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(points, columns)) @ rng.normal(size=(columns, columns)) + rng.normal(size=columns)


def spectrum(data):
    return np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]


# --- the density


@deterministic
@given(seeds, st.integers(1, 6), st.integers(1, 4))
def test_log_prob_is_that_of_the_multivariate_normal(seed, columns, latents):
    model = random_model(columns, latents, seed)
    data, _ = model.sample(20, seed)
    covariance = model.loadings @ model.loadings.T + model.noise_variance * np.eye(columns)
    np.testing.assert_allclose(model.covariance, covariance, rtol=1e-15)
    expected = stats.multivariate_normal(model.mean, covariance).logpdf(data)
    np.testing.assert_allclose(model.log_prob(data), expected, rtol=1e-10)
    assert model.log_likelihood(data) == pytest.approx(expected.sum(), rel=1e-10)


def test_log_prob_is_that_of_torch():
    model = random_model(30, 3, 1)
    data, _ = model.sample(50, 2)
    peer = torch.distributions.LowRankMultivariateNormal(
        torch.tensor(model.mean),
        torch.tensor(model.loadings),
        torch.full((30,), model.noise_variance, dtype=torch.float64),
    )
    np.testing.assert_allclose(model.log_prob(data), peer.log_prob(torch.tensor(data)).numpy(), rtol=1e-11)


def test_the_density_is_the_integral_over_the_latent_variable():
    model = ProbabilisticPCA([0.5, -1.0], [[1.5], [-0.4]], 0.3)
    x = np.array([1.2, -0.3])

    def joint(z):
        likelihood = stats.norm.pdf(x, model.mean + model.loadings[:, 0] * z, math.sqrt(model.noise_variance)).prod()
        return likelihood * stats.norm.pdf(z)

    evidence, _ = integrate.quad(joint, -10, 10, epsabs=1e-14)
    assert model.log_prob(x[None])[0] == pytest.approx(math.log(evidence), abs=1e-11)


def test_little_noise_costs_no_digits():
    model = ProbabilisticPCA(np.zeros(3), [[1.0], [2.0], [-1.0]], 1e-12)
    # on the line itself the square is that of z alone; the determinant is (σ²)² (6 + σ²)
    expected = -0.5 * (3 * math.log(2 * math.pi) + 2 * math.log(1e-12) + math.log(6) + 1)
    assert model.log_prob([[1.0, 2.0, -1.0]])[0] == pytest.approx(expected, rel=1e-12)


# --- the posterior


def test_the_posterior_is_that_of_quadrature():
    model = ProbabilisticPCA([0.5, -1.0], [[1.5], [-0.4]], 0.3)
    x = np.array([1.2, -0.3])

    def moment(power):
        def weighted(z):
            mean = model.mean + model.loadings[:, 0] * z
            return z**power * stats.norm.pdf(x, mean, math.sqrt(0.3)).prod() * stats.norm.pdf(z)

        return integrate.quad(weighted, -10, 10, epsabs=1e-14)[0]

    mean = moment(1) / moment(0)
    posterior = model.posterior(x[None])
    assert posterior.means[0, 0] == pytest.approx(mean, abs=1e-10)
    assert posterior.covariance[0, 0] == pytest.approx(moment(2) / moment(0) - mean**2, abs=1e-10)


@deterministic
@given(seeds, st.integers(1, 6), st.integers(1, 4))
def test_the_posterior_is_the_conditional_of_the_joint_gaussian(seed, columns, latents):
    model = random_model(columns, latents, seed)
    data, _ = model.sample(7, seed)
    # Cov[z, x] = Wᵀ and Cov[x] = C, so z | x has mean WᵀC⁻¹(x − μ) and covariance I − WᵀC⁻¹W
    gain = model.loadings.T @ np.linalg.inv(model.covariance)
    posterior = model.posterior(data)
    np.testing.assert_allclose(posterior.means, (data - model.mean) @ gain.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(posterior.covariance, np.eye(latents) - gain @ model.loadings, rtol=1e-8, atol=1e-10)
    matrix, offset = model.encoder
    np.testing.assert_allclose(data @ matrix.T + offset, posterior.means, rtol=1e-10, atol=1e-12)


def test_bayes_rule_holds_at_any_z():
    model = random_model(4, 2, 3)
    data, _ = model.sample(1, 4)
    posterior = model.posterior(data)
    for z in np.random.default_rng(5).normal(size=(5, 2)):
        joint = stats.norm.logpdf(data[0], model.mean + model.loadings @ z, math.sqrt(model.noise_variance)).sum()
        joint += stats.norm.logpdf(z).sum()
        log_posterior = stats.multivariate_normal(posterior.means[0], posterior.covariance).logpdf(z)
        assert joint - log_posterior == pytest.approx(model.log_prob(data)[0], abs=1e-10)


# --- ELBO and gap


@deterministic
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_elbo_plus_gap_is_the_log_density(seed, columns, latents):
    model = random_model(columns, latents, seed)
    data, _ = model.sample(6, seed)
    means, covariances = random_q(6, latents, seed + 1)
    gap = model.gap(data, means, covariances)
    assert np.all(gap >= 0)
    np.testing.assert_allclose(model.elbo(data, means, covariances) + gap, model.log_prob(data), rtol=1e-8)


def test_the_gap_is_the_divergence_from_q_to_the_posterior():
    model = random_model(6, 3, 6)
    data, _ = model.sample(5, 7)
    means, covariances = random_q(5, 3, 8)
    posterior = model.posterior(data)
    expected = [
        multivariate_normal_kl(mean, covariance, exact, posterior.covariance)
        for mean, covariance, exact in zip(means, covariances, posterior.means, strict=True)
    ]
    np.testing.assert_allclose(model.gap(data, means, covariances), expected, rtol=1e-9)


def test_the_gap_of_the_posterior_itself_is_zero_and_its_elbo_the_log_density():
    model = random_model(8, 3, 9)
    data, _ = model.sample(10, 10)
    np.testing.assert_allclose(model.gap(data, *model.posterior(data)), 0, atol=1e-25)
    np.testing.assert_allclose(model.elbo(data, *model.posterior(data)), model.log_prob(data), rtol=1e-12)


def test_the_elbo_is_that_of_sampling():
    model = random_model(4, 2, 11)
    data, _ = model.sample(1, 12)
    means, covariances = random_q(1, 2, 13)
    q = stats.multivariate_normal(means[0], covariances[0])
    z = q.rvs(200_000, random_state=14)
    terms = stats.norm.logpdf(data, model.mean + z @ model.loadings.T, math.sqrt(model.noise_variance)).sum(axis=1)
    terms += stats.norm.logpdf(z).sum(axis=1) - q.logpdf(z)
    error = terms.std() / math.sqrt(len(terms))
    assert model.elbo(data, means, covariances)[0] == pytest.approx(terms.mean(), abs=4 * error)


def test_one_covariance_stands_for_all_points():
    model = random_model(4, 2, 15)
    data, _ = model.sample(5, 16)
    means, covariances = random_q(5, 2, 17)
    repeated = np.repeat(covariances[:1], 5, axis=0)
    for function in (model.elbo, model.gap):
        np.testing.assert_allclose(function(data, means, covariances[0]), function(data, means, repeated), rtol=1e-12)


def test_the_smallest_gap_of_a_diagonal_q_is_that_of_the_conditional_variances():
    model = random_model(6, 3, 18)
    data, _ = model.sample(1, 19)
    exact = model.posterior(data)
    precision = np.linalg.inv(exact.covariance)
    expected = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    best = model.gap(data, exact.means, np.diag(1 / np.diag(precision)))[0]
    assert best == pytest.approx(expected, rel=1e-10)
    for factor in (0.9, 1.1):
        assert model.gap(data, exact.means, np.diag(factor / np.diag(precision)))[0] > best


def test_a_rotation_of_the_loadings_changes_the_posterior_and_not_the_density():
    model = random_model(5, 2, 20)
    data, _ = model.sample(6, 21)
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    turned = ProbabilisticPCA(model.mean, model.loadings @ rotation, model.noise_variance)
    np.testing.assert_allclose(turned.log_prob(data), model.log_prob(data), rtol=1e-12)
    np.testing.assert_allclose(turned.posterior(data).means, model.posterior(data).means @ rotation, rtol=1e-10)


# --- fitting


@pytest.mark.parametrize("latents", [1, 3, 8])
def test_the_fit_reaches_the_closed_form_of_the_log_likelihood(latents):
    data = digits()[0].reshape(-1, 64)[:500]
    eigenvalues = spectrum(data)
    noise = eigenvalues[latents:].mean()
    model = fit_ppca(data, latents)
    assert model.noise_variance == pytest.approx(noise, rel=1e-10)
    expected = 64 * math.log(2 * math.pi) + np.log(eigenvalues[:latents]).sum() + (64 - latents) * math.log(noise) + 64
    assert model.log_likelihood(data) == pytest.approx(-len(data) / 2 * expected, rel=1e-11)


@pytest.mark.parametrize("latents", [1, 4])
def test_the_fit_is_that_of_scikit_learn_but_for_its_divisor(latents):
    data = random_data(40, 6, 22)
    peer = PCA(latents, svd_solver="full").fit(data)
    model = fit_ppca(data, latents)
    shrink = (len(data) - 1) / len(data)
    np.testing.assert_allclose(model.covariance, shrink * peer.get_covariance(), rtol=1e-10, atol=1e-12)
    # scikit-learn's model has the covariance C/shrink: its average square is D·shrink, and its log-determinant is
    # larger by −D log(shrink)
    expected = peer.score(data) - 6 / 2 * (1 - shrink + math.log(shrink))
    assert model.log_likelihood(data) / len(data) == pytest.approx(expected, rel=1e-12)


def test_no_other_model_is_more_likely():
    data = random_data(60, 5, 23)
    model = fit_ppca(data, 2)
    best, rng = model.log_likelihood(data), np.random.default_rng(24)
    for _ in range(50):
        other = ProbabilisticPCA(
            model.mean + 0.1 * rng.normal(size=5),
            model.loadings + 0.1 * rng.normal(size=(5, 2)),
            model.noise_variance * math.exp(0.1 * rng.normal()),
        )
        assert other.log_likelihood(data) < best


def test_the_axes_are_sorted_and_have_a_fixed_sign():
    data = random_data(50, 6, 25)
    model, flipped = fit_ppca(data, 3), fit_ppca(2 * data.mean(axis=0) - data, 3)
    np.testing.assert_allclose(model.loadings, flipped.loadings, rtol=1e-9, atol=1e-12)
    lengths = np.sum(model.loadings**2, axis=0)
    assert np.all(np.diff(lengths) < 0)
    np.testing.assert_allclose(lengths, spectrum(data)[:3] - model.noise_variance, rtol=1e-9)
    assert np.all(model.loadings[np.argmax(np.abs(model.loadings), axis=0), range(3)] > 0)
    np.testing.assert_allclose(model.mean, data.mean(axis=0), rtol=1e-14)


def test_more_columns_than_rows():
    data = random_data(6, 20, 26)
    model = fit_ppca(data, 2)
    assert model.noise_variance == pytest.approx(spectrum(data)[2:].mean(), rel=1e-9)


def test_a_fit_finds_the_model_that_made_the_data():
    truth = random_model(6, 2, 27)
    model = fit_ppca(truth.sample(100_000, 28)[0], 2)
    np.testing.assert_allclose(model.covariance, truth.covariance, atol=0.05 * np.abs(truth.covariance).max())
    assert model.noise_variance == pytest.approx(truth.noise_variance, rel=0.02)


# --- sampling


def test_samples_have_the_moments_of_the_model():
    model = random_model(3, 2, 29)
    data, z = model.sample(200_000, 30)
    assert data.shape == (200_000, 3) and z.shape == (200_000, 2)
    scale = np.sqrt(np.diag(model.covariance))
    assert np.all(np.abs(data.mean(axis=0) - model.mean) < 4 * scale / math.sqrt(200_000))
    np.testing.assert_allclose(np.cov(data.T), model.covariance, atol=0.02 * scale.max() ** 2)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.02)
    residual = data - model.mean - z @ model.loadings.T
    np.testing.assert_allclose(residual.var(axis=0), model.noise_variance, rtol=0.02)


def test_a_seed_repeats_and_a_generator_moves_on():
    model = random_model()
    np.testing.assert_array_equal(model.sample(3, 1)[0], model.sample(3, 1)[0])
    rng = np.random.default_rng(1)
    first, second = model.sample(3, rng)[0], model.sample(3, rng)[0]
    np.testing.assert_array_equal(first, model.sample(3, 1)[0])
    assert not np.array_equal(first, second)
    assert model.sample(0, 1)[0].shape == (0, 5)


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0.0, 1.0], [[1.0]], 1.0), ValueError, r"loadings must have shape \(2, L\); got \(1, 1\)"),
        (([0.0], [[1.0]], 0.0), ValueError, "noise_variance must be positive; got 0"),
        (([0.0], [[np.nan]], 1.0), ValueError, "loadings must be finite"),
        ((["a"], [[1.0]], 1.0), TypeError, "mean must be an array of real numbers"),
        (([0.0], np.empty((1, 0)), 1.0), ValueError, "loadings must not be empty"),
        (([0.0], [[1.0]], "much"), TypeError, "noise_variance must be a number"),
    ],
)
def test_a_model_that_is_none(arguments, error, words):
    with pytest.raises(error, match=words):
        ProbabilisticPCA(*arguments)


@pytest.mark.parametrize(
    ("means", "covariances", "words"),
    [
        (np.zeros((3, 2)), np.eye(2), r"means must have shape \(4, 2\); got \(3, 2\)"),
        (np.zeros((4, 2)), np.eye(3), r"covariances must have shape \(2, 2\), one for all points, or \(4, 2, 2\)"),
        (np.zeros((4, 2)), np.zeros((3, 2, 2)), r"got \(3, 2, 2\)"),
        (np.zeros((4, 2)), -np.eye(2), "covariances must be positive definite"),
        (np.zeros((4, 2)), np.stack([np.eye(2)] * 3 + [-np.eye(2)]), r"covariances\[3\] must be positive definite"),
    ],
)
def test_a_q_that_is_none(means, covariances, words):
    model = random_model()
    data, _ = model.sample(4, 0)
    for function in (model.elbo, model.gap):
        with pytest.raises(ValueError, match=words):
            function(data, means, covariances)


def test_data_that_do_not_fit():
    model = random_model()
    for function in (model.posterior, model.log_prob, model.log_likelihood):
        with pytest.raises(ValueError, match=r"data must have shape \(N, 5\); got \(3, 4\)"):
            function(np.zeros((3, 4)))
        with pytest.raises(TypeError, match="data requires grad"):
            function(torch.zeros(3, 5, requires_grad=True))


@pytest.mark.parametrize(
    ("data", "latents", "words"),
    [
        (random_data(10, 3), 3, "latent_dim must be below the number of columns, 3; got 3"),
        (random_data(10, 3), 0, "latent_dim must be at least 1; got 0"),
        (np.ones((10, 3)), 1, "must vary in more than latent_dim=1 directions"),
        (random_data(10, 1) * np.array([[1.0, 2.0, 3.0]]), 1, "Choose a smaller latent_dim"),
        (random_data(2, 3), 1, "must vary in more than latent_dim=1 directions"),
        (np.zeros((0, 3)), 1, "data must have at least 1 entry"),
    ],
)
def test_data_that_have_no_fit(data, latents, words):
    with pytest.raises(ValueError, match=words):
        fit_ppca(data, latents)


def test_random_numbers_must_be_repeatable():
    with pytest.raises(TypeError, match="so that the result can be repeated; got None"):
        random_model().sample(3, None)
    with pytest.raises(TypeError, match="latent_dim must be an integer"):
        fit_ppca(random_data(), 1.5)


def test_the_parameters_cannot_be_changed_from_outside():
    mean = np.zeros(2)
    model = ProbabilisticPCA(mean, [[1.0], [0.5]], 1.0)
    mean[0] = 5.0
    assert model.mean[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        model.loadings[0, 0] = 2.0


def test_the_import_costs_neither_torch_nor_scipy():
    words = "import sys, course_utils.models.ppca; print({'torch', 'scipy', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", words], text=True).strip() == "set()"


# --- the oracles notice what is wrong


def wrong_posterior(model, data):
    """M = WᵀW + I, as if the noise had unit variance."""
    inner = model.loadings.T @ model.loadings + np.eye(2)
    return (data - model.mean) @ np.linalg.solve(inner, model.loadings.T).T


def transposed_noise(model, data):
    """WᵀC⁻¹ with C's noise as standard deviation."""
    covariance = model.loadings @ model.loadings.T + math.sqrt(model.noise_variance) * np.eye(5)
    return (data - model.mean) @ np.linalg.solve(covariance, model.loadings)


@pytest.mark.parametrize("wrong", [wrong_posterior, transposed_noise, lambda model, data: data @ model.encoder[0].T])
def test_a_wrong_posterior_mean_has_a_gap(wrong):
    model = random_model(seed=31)
    data, _ = model.sample(20, 32)
    assert model.gap(data, wrong(model, data), model.posterior(data).covariance).mean() > 1e-3
