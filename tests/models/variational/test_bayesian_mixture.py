import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mean_field import assert_rises, random_covariance
from mutations import assert_rejected
from scipy import special, stats

from course_utils.models import variational
from course_utils.models.variational import bayesian_mixture
from course_utils.workshop.data import old_faithful

deterministic = settings(derandomize=True, deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 4)

# Every oracle is a function of the module under test, so that the mutants at the end of this file meet exactly the
# comparisons that the module itself passes.


def assert_close_to_monte_carlo(value, draws):
    error = np.std(draws, ddof=1) / math.sqrt(len(draws))
    assert abs(np.mean(draws) - value) < 4 * error + 1e-12


def small_mixture(v, seed=0, count=60, size=2, components=3):
    """Data in clumps, a prior that is felt, and soft responsibilities."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(components, size))
    data = centres[rng.integers(components, size=count)] + rng.normal(size=(count, size))
    prior = v.MixturePrior(0.7, rng.normal(size=size), 0.5, size + 1.5, 2 * random_covariance(size, seed))
    return data, prior, rng.dirichlet(np.ones(components), size=count)


def cavi_is_that_of_scikit_learn_step_for_step(v):
    """Parameters after 1, 2, 5 and 300 sweeps; bounds that differ by the constants scikit-learn leaves out."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    data, components = old_faithful(), 4
    count, size = data.shape
    prior = v.MixturePrior(0.3, np.array([3.0, 65.0]), 0.6, 3.5, np.array([[0.5, 2.0], [2.0, 90.0]]))
    labels = KMeans(components, n_init=1, random_state=0).fit(data).labels_
    start = np.eye(components)[labels]
    constant = (
        special.gammaln(components * 0.3)
        - components * special.gammaln(0.3)
        + components * size / 2 * math.log(0.6)
        - count * size / 2 * math.log(2 * math.pi)
        + components
        * (
            3.5 / 2 * np.linalg.slogdet(prior.scatter)[1]
            - 3.5 * size / 2 * math.log(2)
            - special.gammaln([3.5 / 2, 2.5 / 2]).sum()
        )
    )
    # Near the end, where the bound no longer shows the difference, the two stop a few sweeps apart.
    for sweeps, tolerance in ((1, 1e-9), (2, 1e-9), (5, 1e-9), (300, 1e-5)):
        peer = BayesianGaussianMixture(
            n_components=components,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=prior.concentration,
            mean_prior=prior.mean,
            mean_precision_prior=prior.strength,
            degrees_of_freedom_prior=prior.degrees_of_freedom,
            covariance_prior=prior.scatter,
            reg_covar=0,
            tol=0,
            max_iter=sweeps,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            peer.fit(data)
        fit = v.cavi_mixture(data, prior, start, sweeps=sweeps, tolerance=0)
        factors = fit.factors
        np.testing.assert_allclose(factors.concentrations, peer.weight_concentration_, rtol=tolerance)
        np.testing.assert_allclose(factors.weights, peer.weights_, rtol=tolerance)
        np.testing.assert_allclose(factors.means, peer.means_, rtol=tolerance)
        np.testing.assert_allclose(factors.strengths, peer.mean_precision_, rtol=tolerance)
        np.testing.assert_allclose(factors.degrees_of_freedom, peer.degrees_of_freedom_, rtol=tolerance)
        np.testing.assert_allclose(factors.covariances, peer.covariances_, rtol=tolerance)
        assert fit.history[-1] == pytest.approx(peer.lower_bound_ + constant, abs=1e-7)
        np.testing.assert_allclose(v.update_responsibilities(data, factors), peer.predict_proba(data), atol=tolerance)


def every_term_of_the_mixture_elbo_is_that_of_monte_carlo(v):
    data, prior, responsibilities = small_mixture(v, count=12)
    factors = v.update_factors(data, np.random.default_rng(5).dirichlet(np.ones(3), size=12), prior)
    rng, draws, components = np.random.default_rng(6), 5_000, 3
    weights = rng.dirichlet(factors.concentrations, size=draws)
    log_p_weights = stats.dirichlet(np.full(3, prior.concentration)).logpdf(weights.T)
    log_q_weights = stats.dirichlet(factors.concentrations).logpdf(weights.T)
    log_x, log_p, log_q = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    for k in range(components):
        q_wishart = stats.wishart(factors.degrees_of_freedom[k], np.linalg.inv(factors.scatters[k]))
        p_wishart = stats.wishart(prior.degrees_of_freedom, np.linalg.inv(prior.scatter))
        precisions = q_wishart.rvs(size=draws, random_state=rng)
        lower = np.linalg.cholesky(precisions)
        log_det = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        noise = rng.normal(size=(draws, 2, 1)) / math.sqrt(factors.strengths[k])
        means = factors.means[k] + np.linalg.solve(lower.transpose(0, 2, 1), noise)[..., 0]

        def log_normal(x, centre, strength, lower=lower, log_det=log_det):
            whitened = np.einsum("sij,si->sj", lower, x - centre) * math.sqrt(strength)
            return 0.5 * (log_det + 2 * math.log(strength / (2 * math.pi)) - np.sum(whitened**2, axis=1))

        for x, share in zip(data, responsibilities[:, k], strict=True):
            log_x += share * log_normal(x, means, 1)
        log_p += log_normal(means, prior.mean, prior.strength) + p_wishart.logpdf(precisions.transpose(1, 2, 0))
        log_q += log_normal(means, factors.means[k], factors.strengths[k])
        log_q += q_wishart.logpdf(precisions.transpose(1, 2, 0))
    expected = {
        "E[log p(X|Z,μ,Λ)]": log_x,
        "E[log p(Z|π)]": np.log(weights) @ responsibilities.sum(axis=0),
        "E[log p(π)]": log_p_weights,
        "E[log p(μ,Λ)]": log_p,
        "H[q(Z)]": np.full(draws, sum(stats.entropy(row) for row in responsibilities)),
        "H[q(π)]": -log_q_weights,
        "H[q(μ,Λ)]": -log_q,
    }
    terms = v.mixture_elbo(data, responsibilities, factors, prior)
    assert list(terms) == list(expected)
    for name, values in expected.items():
        assert_close_to_monte_carlo(terms[name], values)


def one_component_has_no_gap(v):
    """With K = 1, q(μ, Λ) is the exact posterior and the ELBO the exact evidence: a chain of Student t."""
    for size in (1, 2, 3):
        data, prior, _ = small_mixture(v, seed=size, count=9, size=size)
        mean, strength, degrees, scatter = prior.mean, prior.strength, prior.degrees_of_freedom, prior.scatter
        total = 0.0
        for x in data:
            freedom = degrees - size + 1
            shape = scatter * (strength + 1) / (strength * freedom)
            total += stats.multivariate_t(mean, shape, df=freedom).logpdf(x)
            scatter = scatter + strength / (strength + 1) * np.outer(x - mean, x - mean)
            mean, strength, degrees = (strength * mean + x) / (strength + 1), strength + 1, degrees + 1
        fit = v.cavi_mixture(data, prior, np.ones((9, 1)))
        assert fit.history[-1] == pytest.approx(total, abs=1e-10)
        assert v.log_evidence_by_enumeration(data, prior, 1) == pytest.approx(total, abs=1e-10)


def distinct_clusters_leave_a_gap_of_log_k_factorial(v):
    rng = np.random.default_rng(2)
    centres = np.repeat(np.array([[0.0, 0.0], [1e4, 0.0], [0.0, 1e4]]), [2, 3, 2], axis=0)
    data = centres + rng.normal(size=(7, 2))
    prior = v.MixturePrior(0.8, data.mean(axis=0), 1e-6, 3.0, np.eye(2))
    start = np.repeat(np.eye(3), [2, 3, 2], axis=0)
    fit = v.cavi_mixture(data, prior, start)
    gap = v.log_evidence_by_enumeration(data, prior, 3) - fit.history[-1]
    assert gap == pytest.approx(math.log(6), abs=1e-6)


def mixture_bound_rises_and_stays_below_the_exact_evidence(v):
    for seed, components in itertools.product(range(5), (2, 3)):
        data, prior, start = small_mixture(v, seed=seed, count=7, components=components)
        exact = v.log_evidence_by_enumeration(data, prior, components)
        fit = v.cavi_mixture(data, prior, start)
        assert_rises(fit.history)
        assert fit.history[-1] <= exact


def enumeration_is_the_sum_over_assignments_written_out(v):
    """Σ_Z p(Z) Π_k p(X_k), with p(Z) from Pólya's urn and p(X_k) from the Normal–Gamma evidence."""
    data, prior, _ = small_mixture(v, seed=4, count=5, size=1)
    prior_1d = variational.NormalGamma(
        prior.mean[0], prior.strength, prior.degrees_of_freedom / 2, prior.scatter[0, 0] / 2
    )
    logs = []
    for assignment in itertools.product(range(3), repeat=5):
        log_p, counts = 0.0, np.zeros(3)
        for n, k in enumerate(assignment):
            log_p += math.log((counts[k] + prior.concentration) / (n + 3 * prior.concentration))
            counts[k] += 1
        log_p += sum(prior_1d.log_evidence(data[np.array(assignment) == k, 0]) for k in range(3))
        logs.append(log_p)
    assert v.log_evidence_by_enumeration(data, prior, 3) == pytest.approx(special.logsumexp(logs), abs=1e-11)


def updates_are_the_best_for_what_they_are_given(v):
    """No move of the responsibilities or of any factor's parameter away from its update raises the ELBO."""
    data, prior, start = small_mixture(v, count=25)
    factors = v.update_factors(data, start, prior)

    def elbo(responsibilities, q):
        return sum(v.mixture_elbo(data, responsibilities, q, prior).values())

    best, rng = elbo(start, factors), np.random.default_rng(0)
    for name in ("concentrations", "means", "strengths", "degrees_of_freedom", "scatters"):
        parameters = {field: getattr(factors, field) for field in factors.__dataclass_fields__}
        for sign in (-1, 1):
            moved = {**parameters, name: parameters[name] * (1 + sign * 1e-3)}
            assert elbo(start, v.MixtureFactors(**moved)) < best, name
    responsibilities = v.update_responsibilities(data, factors)
    best = elbo(responsibilities, factors)
    for _ in range(5):
        others = 0.999 * responsibilities + 0.001 * rng.dirichlet(np.ones(3), size=len(data))
        assert elbo(others, factors) < best


ORACLES = [
    cavi_is_that_of_scikit_learn_step_for_step,
    every_term_of_the_mixture_elbo_is_that_of_monte_carlo,
    one_component_has_no_gap,
    distinct_clusters_leave_a_gap_of_log_k_factorial,
    mixture_bound_rises_and_stays_below_the_exact_evidence,
    enumeration_is_the_sum_over_assignments_written_out,
    updates_are_the_best_for_what_they_are_given,
]


@deterministic
@given(seeds, sizes)
def test_mixture_expectations_are_those_of_the_wishart_distribution(seed, size):
    data, prior, start = small_mixture(variational, seed=seed, count=8, size=size, components=2)
    factors = variational.update_factors(data, start, prior)
    quadratic = variational.expected_quadratic(data, factors)
    for k in range(2):
        wishart = stats.wishart(factors.degrees_of_freedom[k], np.linalg.inv(factors.scatters[k]))
        deviations = data - factors.means[k]
        expected = np.sum(deviations @ np.atleast_2d(wishart.mean()) * deviations, axis=1)
        np.testing.assert_allclose(quadratic[:, k], expected + size / factors.strengths[k], rtol=1e-8)
        # the entropy is −ln B − (ν − D − 1)/2 · E[ln det Λ] + νD/2: solve it for the expectation
        degrees = factors.degrees_of_freedom[k]
        log_norm = -degrees / 2 * np.linalg.slogdet(np.linalg.inv(factors.scatters[k]))[1]
        log_norm -= degrees * size / 2 * math.log(2) + special.multigammaln(degrees / 2, size)
        log_det = (degrees * size / 2 - log_norm - wishart.entropy()) * 2 / (degrees - size - 1)
        assert variational.expected_log_det(factors)[k] == pytest.approx(log_det, abs=1e-6)


@deterministic
@given(seeds, sizes)
def test_mixture_follows_a_change_of_coordinates(seed, size):
    data, prior, start = small_mixture(variational, seed=seed, count=20, size=size)
    matrix, shift = np.linalg.cholesky(random_covariance(size, seed + 1)), np.arange(size) - 3.0
    moved_prior = variational.MixturePrior(
        prior.concentration,
        matrix @ prior.mean + shift,
        prior.strength,
        prior.degrees_of_freedom,
        matrix @ prior.scatter @ matrix.T,
    )
    fit = variational.cavi_mixture(data, prior, start, sweeps=10)
    moved = variational.cavi_mixture(data @ matrix.T + shift, moved_prior, start, sweeps=10)
    np.testing.assert_allclose(moved.responsibilities, fit.responsibilities, atol=1e-7)
    log_volume = np.log(np.diag(matrix)).sum()
    assert moved.history[-1] == pytest.approx(fit.history[-1] - 20 * log_volume, abs=1e-6)


@deterministic
@given(seeds, st.permutations(range(3)))
def test_mixture_follows_a_change_of_labels(seed, order):
    data, prior, start = small_mixture(variational, seed=seed)
    fit = variational.cavi_mixture(data, prior, start, sweeps=5)
    relabelled = variational.cavi_mixture(data, prior, start[:, order], sweeps=5)
    np.testing.assert_allclose(relabelled.factors.means, fit.factors.means[list(order)], rtol=1e-8, atol=1e-8)
    assert relabelled.history[-1] == pytest.approx(fit.history[-1], abs=1e-8)


def test_unneeded_components_switch_themselves_off_on_old_faithful():
    data = old_faithful()
    start = np.random.default_rng(0).dirichlet(np.ones(6), size=len(data))
    fit = variational.cavi_mixture(data, variational.weak_prior(data, concentration=1e-3), start)
    assert fit.converged
    assert_rises(fit.history)
    # two components keep an expected number of points of one or more
    assert np.count_nonzero(fit.responsibilities.sum(axis=0) >= 1) == 2
    assert fit.history[-1] == sum(fit.terms.values())
    two = np.argsort(-fit.factors.weights)[:2]
    # the maximum-likelihood fit, from which the prior's one or two points move it a little
    np.testing.assert_allclose(fit.factors.weights[two], [0.644, 0.356], atol=0.005)
    np.testing.assert_allclose(fit.factors.means[two], [[4.290, 79.97], [2.036, 54.48]], rtol=0.01)
    for k in set(range(6)) - set(two):
        np.testing.assert_allclose(fit.factors.means[k], data.mean(axis=0), rtol=1e-6)
        assert fit.factors.strengths[k] == pytest.approx(1.0, abs=1e-6)


def test_an_empty_component_gets_its_prior_back():
    data, prior, _ = small_mixture(variational)
    factors = variational.update_factors(data, np.eye(3)[np.zeros(60, dtype=int)], prior)
    np.testing.assert_array_equal(factors.means[2], prior.mean)
    np.testing.assert_allclose(factors.scatters[2], prior.scatter, rtol=1e-15)
    assert factors.concentrations[2] == prior.concentration
    assert factors.weights.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("data", [[[1.0, 2.0]], [[1.0, 2.0]] * 30, [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
def test_mixture_of_one_point_of_equal_points_and_of_points_on_a_line_stays_finite(data):
    prior = variational.MixturePrior(0.5, np.zeros(2), 0.1, 2.0, 0.01 * np.eye(2))
    start = np.random.default_rng(0).dirichlet(np.ones(3), size=len(data))
    fit = variational.cavi_mixture(data, prior, start)
    assert fit.converged
    assert np.all(np.isfinite(fit.history))
    assert_rises(fit.history)


def test_points_very_far_from_all_components_keep_responsibilities_that_sum_to_one():
    data, prior, start = small_mixture(variational)
    factors = variational.update_factors(data, start, prior)
    responsibilities = variational.update_responsibilities([[1e8, -1e8], [1e100, 0.0]], factors)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=1e-12)


def test_equal_columns_stay_equal_and_no_sweep_means_the_start():
    data, prior, start = small_mixture(variational)
    fit = variational.cavi_mixture(data, prior, np.full((60, 3), 1 / 3))
    np.testing.assert_allclose(fit.responsibilities, 1 / 3, rtol=1e-9)
    unmoved = variational.cavi_mixture(data, prior, start, sweeps=0)
    np.testing.assert_array_equal(unmoved.responsibilities, start)
    assert len(unmoved.history) == 1
    assert not unmoved.converged


def test_enumeration_without_points_is_zero_and_one_component_takes_any_number():
    data, prior, _ = small_mixture(variational)
    assert variational.log_evidence_by_enumeration(np.empty((0, 2)), prior, 3) == pytest.approx(0, abs=1e-12)
    assert math.isfinite(variational.log_evidence_by_enumeration(data, prior, 1))


def test_weak_prior_is_the_default_of_scikit_learn():
    from sklearn.mixture import BayesianGaussianMixture

    data = old_faithful()
    prior = variational.weak_prior(data)
    peer = BayesianGaussianMixture(n_components=1, weight_concentration_prior_type="dirichlet_distribution").fit(data)
    np.testing.assert_allclose(prior.mean, peer.mean_prior_)
    np.testing.assert_allclose(prior.scatter, peer.covariance_prior_)
    assert (prior.strength, prior.degrees_of_freedom) == (peer.mean_precision_prior_, peer.degrees_of_freedom_prior_)


# --- mutants: plausible wrong versions, each rejected by an oracle above

MUTANTS = {
    "log of the mean weight instead of mean of the log": (
        "digamma(factors.concentrations) - digamma(np.sum(factors.concentrations))",
        "np.log(factors.concentrations) - np.log(np.sum(factors.concentrations))",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "D/β forgotten in the expected quadratic form": (
        "return data.shape[1] / factors.strengths + factors.degrees_of_freedom",
        "return factors.degrees_of_freedom",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "½ forgotten before E[log det]": (
        "+ 0.5 * expected_log_det(factors)",
        "+ expected_log_det(factors)",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "E[log det] with the wrong constant": (
        "+ size * math.log(2) - _log_det_scatters(factors)",
        "- _log_det_scatters(factors)",
        every_term_of_the_mixture_elbo_is_that_of_monte_carlo,  # at the optimum the constant cancels
    ),
    "E[log det] with digammas one step too low": (
        "(factors.degrees_of_freedom[:, None] - np.arange(size)) / 2",
        "(factors.degrees_of_freedom[:, None] + 1 - np.arange(size)) / 2",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "wrong sign of the entropy of q(Z)": (
        "-np.sum(xlogy(responsibilities, responsibilities))",
        "np.sum(xlogy(responsibilities, responsibilities))",
        every_term_of_the_mixture_elbo_is_that_of_monte_carlo,
    ),
    "entropy of the means without its strengths": (
        "(1 + LOG_2PI - np.log(strengths))",
        "(1 + LOG_2PI)",
        one_component_has_no_gap,
    ),
    "entropy of q(π) with the prior's normaliser": (
        "-_log_dirichlet_norm(factors.concentrations) -",
        "-_log_dirichlet_norm(prior_concentrations) -",
        distinct_clusters_leave_a_gap_of_log_k_factorial,
    ),
    "prior strength forgotten": (
        "strengths = prior.strength + counts",
        "strengths = 1e-9 + counts",
        updates_are_the_best_for_what_they_are_given,
    ),
    "prior's mean instead of the new mean in the scatter": (
        "deviations = data - mean\n        scatters[k]",
        "deviations = data - prior.mean\n        scatters[k]",
        updates_are_the_best_for_what_they_are_given,
    ),
    "pull of the prior's mean on the scatter forgotten": (
        "+ prior.strength * np.outer(shifts[k], shifts[k])",
        "",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "degrees of freedom one too many, as in early printings": (
        "prior.degrees_of_freedom + counts, scatters",
        "prior.degrees_of_freedom + counts + 1, scatters",
        cavi_is_that_of_scikit_learn_step_for_step,
    ),
    "assignments all equally probable": (
        " + gammaln(prior.concentration + sizes) - gammaln(prior.concentration)",
        "",
        enumeration_is_the_sum_over_assignments_written_out,
    ),
}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_oracle(oracle):
    oracle(variational)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(name):
    assert_rejected(bayesian_mixture, *MUTANTS[name])


# --- bad input

EYE = np.eye(2)
PRIOR = variational.MixturePrior(1.0, [0, 0], 1.0, 2.0, EYE)
GOOD = np.array([[0.0, 1.0], [2.0, 3.0]])
HALVES = np.full((2, 2), 0.5)
FACTORS = variational.update_factors(GOOD, HALVES, PRIOR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variational.MixturePrior(0, [0, 0], 1, 2, EYE), "concentration must be positive; got 0.0"),
        (lambda: variational.MixturePrior(1, [0, 0], 1, 1, EYE), "degrees_of_freedom must be above D − 1 = 1; got 1.0"),
        (lambda: variational.MixturePrior(1, [0, 0], 1, 2, -EYE), "scatter must be positive definite"),
        (lambda: variational.MixturePrior(1, [0, 0], 1, 2, np.eye(3)), "scatter must have shape (2, 2); got (3, 3)"),
        (
            lambda: variational.MixtureFactors([1, 1], GOOD, [1, 1], [2, 1], [EYE, EYE]),
            "degrees_of_freedom must be above D − 1 = 1; got 1.0",
        ),
        (
            lambda: variational.MixtureFactors([1, 1], GOOD, [1, 1], [2, 2], [EYE, -EYE]),
            "scatters[1] must be positive definite",
        ),
        (lambda: variational.weak_prior(GOOD[:1]), "data must have at least 2 entries along its first axis"),
        (lambda: variational.weak_prior(np.ones((5, 2))), "the covariance of data must be positive definite"),
        (
            lambda: variational.cavi_mixture(np.empty((0, 2)), PRIOR, np.empty((0, 2))),
            "data must have at least 1 entry along its first axis; got shape (0, 2)",
        ),
        (
            lambda: variational.cavi_mixture([[1.0], [2.0]], PRIOR, HALVES),
            "data must have as many columns as prior.mean has entries, 2; got (2, 1)",
        ),
        (lambda: variational.cavi_mixture(GOOD, PRIOR, HALVES[:1]), "start must have shape (2, K); got (1, 2)"),
        (
            lambda: variational.cavi_mixture(GOOD, PRIOR, 2 * HALVES),
            "start must sum to 1 in every row; row 0 sums to 2",
        ),
        (lambda: variational.cavi_mixture(GOOD, PRIOR, [[2, -1], [0, 1]]), "start must not be negative; got -1"),
        (
            lambda: variational.cavi_mixture(GOOD, PRIOR, np.empty((2, 0))),
            "start must have at least one column; got shape (2, 0)",
        ),
        (
            lambda: variational.update_factors(
                [[0, 0], [1e9, 1e9]], HALVES, variational.MixturePrior(1, [0, 0], 1, 2, 1e-9 * EYE)
            ),
            "prior.scatter is too small beside the scatter of data: the scatter of component 0",
        ),
        (
            lambda: variational.mixture_elbo(GOOD, np.full((2, 3), 1 / 3), FACTORS, PRIOR),
            "responsibilities must have shape (2, 2); got (2, 3)",
        ),
        (
            lambda: variational.mixture_elbo(
                GOOD, HALVES, variational.MixtureFactors([1, 1], [[0.0], [1.0]], [1, 1], [1, 1], [[[1]], [[1]]]), PRIOR
            ),
            "factors must be those of data in 2 dimensions; got means (2, 1)",
        ),
        (
            lambda: variational.update_responsibilities([[1.0]], FACTORS),
            "data must have shape (N, 2); got (1, 1)",
        ),
        (
            lambda: variational.log_evidence_by_enumeration(np.zeros((11, 2)), PRIOR, 2),
            "data must have at most 10 points",
        ),
        (
            lambda: variational.log_evidence_by_enumeration(np.zeros((10, 2)), PRIOR, 4),
            "components ** N must be at most 1000000, to enumerate all assignments; got 4 ** 10",
        ),
        (lambda: variational.log_evidence_by_enumeration(GOOD, PRIOR, 0), "components must be at least 1; got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variational.cavi_mixture("data", PRIOR, HALVES), "data must be an array of real numbers"),
        (lambda: variational.cavi_mixture(GOOD, PRIOR, HALVES, sweeps=2.5), "sweeps must be an integer; got 2.5"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError) as error:
        call()
    assert message in str(error.value)


def test_arguments_are_left_as_they_were():
    data, prior, start = small_mixture(variational)
    kept = data.copy(), start.copy(), prior.scatter.copy()
    variational.cavi_mixture(data, prior, start, sweeps=3)
    for now, before in zip((data, start, prior.scatter), kept, strict=True):
        np.testing.assert_array_equal(now, before)
