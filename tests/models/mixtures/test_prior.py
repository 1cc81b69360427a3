import numpy as np
import pytest
from mixture_oracles import assert_is_map_step, log_posterior_slopes, random_mixture, random_prior, random_problem
from scipy import stats

from course_utils.models.mixtures import (
    STRUCTURES,
    ConjugatePrior,
    DegenerateComponentError,
    GaussianMixture,
    em_step,
    fit_em,
)
from course_utils.workshop.data import old_faithful


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
