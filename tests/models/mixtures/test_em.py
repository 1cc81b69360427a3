import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mixture_oracles import (
    assert_is_em_step,
    peer_covariances,
    peer_fit,
    random_mixture,
    random_prior,
    random_problem,
    tensors,
    torch_mixture,
)

from course_utils.models.mixtures import (
    STRUCTURES,
    ConjugatePrior,
    DegenerateComponentError,
    GaussianMixture,
    em,
    em_step,
    fit_em,
)
from course_utils.workshop.data import old_faithful

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10_000)
structures = st.sampled_from(STRUCTURES)


# --- the step, the climb and the starts


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


# --- arguments


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
