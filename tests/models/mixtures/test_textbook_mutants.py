"""Plausible wrong versions of the central formulas, each rejected by the assertion that the right one passes."""

import math

import numpy as np
import pytest
from mixture_oracles import assert_is_bic, assert_is_elbo, assert_is_em_step, assert_is_log_density, assert_is_map_step
from scipy import stats

from course_utils.models.mixtures import GaussianMixture


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
