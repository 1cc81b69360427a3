import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mean_field import assert_rises
from mutations import assert_rejected
from scipy import integrate, stats

from course_utils.models import variational
from course_utils.models.variational import normal_gamma

deterministic = settings(derandomize=True, deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)

# Every oracle is a function of the module under test, so that the mutants at the end of this file meet exactly the
# comparisons that the module itself passes.

POINTS = np.array([2.1, -0.4, 1.3, 3.0, 0.2, 1.1])
NORMAL_GAMMA = dict(mean=0.5, strength=0.8, shape=1.5, rate=2.0)


def normal_gamma_evidence_is_the_chain_of_student_t_predictions(v):
    """p(x_1, …, x_N) = Π p(x_n | the points before), each a Student t; prior parameters updated one by one."""
    mean, strength, shape, rate = NORMAL_GAMMA.values()
    total = 0.0
    for x in POINTS:
        total += stats.t(2 * shape, mean, math.sqrt(rate * (strength + 1) / (shape * strength))).logpdf(x)
        rate += 0.5 * strength / (strength + 1) * (x - mean) ** 2
        mean, strength, shape = (strength * mean + x) / (strength + 1), strength + 1, shape + 0.5
    prior = v.NormalGamma(**NORMAL_GAMMA)
    assert prior.log_evidence(POINTS) == pytest.approx(total, abs=1e-11)
    posterior = prior.posterior(POINTS)
    np.testing.assert_allclose(
        [posterior.mean, posterior.strength, posterior.shape, posterior.rate], [mean, strength, shape, rate], rtol=1e-12
    )


def normal_gamma_cavi_ends_where_theory_says(v):
    """The fixed point in closed form: exact E[μ] and E[τ], and a shape of the exact one plus ½."""
    prior = v.NormalGamma(**NORMAL_GAMMA)
    exact = prior.posterior(POINTS)
    fit = v.cavi_normal_gamma(POINTS, prior, tolerance=0)
    q = fit.factors
    assert fit.converged
    assert q.mean == pytest.approx(exact.mean, rel=1e-12)
    assert q.shape == pytest.approx(exact.shape + 0.5, rel=1e-12)
    assert q.shape / q.rate == pytest.approx(exact.shape / exact.rate, rel=1e-7)
    assert q.scale**2 == pytest.approx(exact.rate / (exact.shape * exact.strength), rel=1e-7)
    # too confident in both: the exact marginal variances, of a Student t and a Gamma, are larger
    assert q.scale**2 < exact.rate / ((exact.shape - 1) * exact.strength)
    assert q.shape / q.rate**2 < exact.shape / exact.rate**2
    assert_rises(fit.history)
    assert fit.history[-1] < prior.log_evidence(POINTS)


def normal_gamma_terms_are_those_of_quadrature(v):
    prior, q = v.NormalGamma(**NORMAL_GAMMA), v.NormalGammaFactors(0.9, 0.6, 3.5, 4.0)
    q_mean, q_precision = stats.norm(0.9, 0.6), stats.gamma(3.5, scale=1 / 4.0)
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(20)
    means, node_weights = 0.9 + 0.6 * nodes, node_weights / node_weights.sum()

    def expect(function):
        """E_q of function(means, precision), over the precision by quad and over the mean by Gauss–Hermite."""
        value, _ = integrate.quad(lambda t: q_precision.pdf(t) * (node_weights @ function(means, t)), 0, 20, limit=200)
        return value

    def log_likelihood(mean, precision):
        return np.sum(stats.norm(mean[:, None], precision**-0.5).logpdf(POINTS), axis=1)

    expected = {
        "E[log p(x|μ,τ)]": expect(log_likelihood),
        "E[log p(μ|τ)]": expect(lambda m, t: stats.norm(0.5, (0.8 * t) ** -0.5).logpdf(m)),
        "E[log p(τ)]": expect(lambda m, t: np.full(len(m), stats.gamma(1.5, scale=1 / 2.0).logpdf(t))),
        "H[q(μ)]": q_mean.entropy(),
        "H[q(τ)]": q_precision.entropy(),
    }
    terms = v.normal_gamma_elbo(POINTS, prior, q)
    assert list(terms) == list(expected)
    for name, value in expected.items():
        assert terms[name] == pytest.approx(value, abs=1e-8), name


def normal_gamma_elbo_and_kl_add_up_to_the_evidence(v):
    prior, q = v.NormalGamma(**NORMAL_GAMMA), v.NormalGammaFactors(0.9, 0.3, 6.0, 7.0)
    posterior = prior.posterior(POINTS)

    def integrand(mean, precision):
        log_q = stats.norm(0.9, 0.3).logpdf(mean) + stats.gamma(6.0, scale=1 / 7.0).logpdf(precision)
        log_p = stats.gamma(posterior.shape, scale=1 / posterior.rate).logpdf(precision)
        log_p = log_p + stats.norm(posterior.mean, (posterior.strength * precision) ** -0.5).logpdf(mean)
        return np.exp(log_q) * (log_q - log_p)

    precision, mean = np.linspace(1e-6, 8, 2001), np.linspace(-2.5, 4.5, 801)
    values = integrand(mean[None], precision[:, None])
    kl = integrate.simpson(integrate.simpson(values, x=mean, axis=1), x=precision)
    elbo = sum(v.normal_gamma_elbo(POINTS, prior, q).values())
    assert elbo + kl == pytest.approx(prior.log_evidence(POINTS), abs=1e-6)


ORACLES = [
    normal_gamma_evidence_is_the_chain_of_student_t_predictions,
    normal_gamma_cavi_ends_where_theory_says,
    normal_gamma_terms_are_those_of_quadrature,
    normal_gamma_elbo_and_kl_add_up_to_the_evidence,
]


def test_normal_gamma_densities_are_those_of_scipy():
    mean, precision = np.array([-1.0, 0.3, 2.0]), np.array([0.2, 1.0, 5.0])
    log_gamma = stats.gamma(1.5, scale=1 / 2.0).logpdf(precision)
    exact = variational.NormalGamma(**NORMAL_GAMMA).log_prob(mean, precision)
    np.testing.assert_allclose(exact, log_gamma + stats.norm(0.5, (0.8 * precision) ** -0.5).logpdf(mean), rtol=1e-12)
    factors = variational.NormalGammaFactors(0.5, 0.7, 1.5, 2.0).log_prob(mean[:, None], precision)
    np.testing.assert_allclose(factors, log_gamma + stats.norm(0.5, 0.7).logpdf(mean)[:, None], rtol=1e-12)


@deterministic
@given(seeds, st.integers(0, 40), st.floats(0.01, 100), st.floats(0.05, 50), st.floats(0.01, 100))
def test_normal_gamma_bound_rises_to_below_the_evidence(seed, count, strength, shape, rate):
    data = np.random.default_rng(seed).normal(3, 2, size=count)
    prior = variational.NormalGamma(1.0, strength, shape, rate)
    fit = variational.cavi_normal_gamma(data, prior)
    assert fit.converged
    assert len(fit.history) == len(fit.path)
    assert_rises(fit.history)
    assert fit.history[-1] <= prior.log_evidence(data) + 1e-9


@deterministic
@given(seeds, st.integers(0, 12), st.integers(0, 12))
def test_normal_gamma_learns_in_two_portions_as_in_one(seed, first, second):
    data = np.random.default_rng(seed).normal(size=first + second)
    prior = variational.NormalGamma(**NORMAL_GAMMA)
    middle = prior.posterior(data[:first])
    together, after = prior.posterior(data), middle.posterior(data[first:])
    for name in NORMAL_GAMMA:
        assert getattr(after, name) == pytest.approx(getattr(together, name), rel=1e-11, abs=1e-12)
    in_portions = prior.log_evidence(data[:first]) + middle.log_evidence(data[first:])
    assert in_portions == pytest.approx(prior.log_evidence(data), abs=1e-10)


def test_normal_gamma_without_points_keeps_its_prior_and_with_equal_points_stays_finite():
    prior = variational.NormalGamma(**NORMAL_GAMMA)
    assert prior.posterior([]) == prior
    assert prior.log_evidence([]) == 0
    for data in ([4.0], [4.0] * 50):
        fit = variational.cavi_normal_gamma(data, prior)
        assert fit.converged
        assert np.all(np.isfinite(fit.history))
        assert fit.history[-1] < prior.log_evidence(data)


def test_normal_gamma_does_not_lose_digits_to_a_large_mean():
    prior = variational.NormalGamma(**NORMAL_GAMMA)
    far = variational.NormalGamma(**{**NORMAL_GAMMA, "mean": 0.5 + 2.0**30})
    assert far.log_evidence(POINTS + 2.0**30) == pytest.approx(prior.log_evidence(POINTS), abs=1e-6)


# --- mutants: plausible wrong versions, each rejected by an oracle above

MUTANTS = {
    "the shape's ½ for the mean forgotten": (
        "(len(data) + 1) / 2",
        "len(data) / 2",
        normal_gamma_cavi_ends_where_theory_says,
    ),
    "the mean's own variance forgotten": (
        " + len(data) * factors.scale**2",
        "",
        normal_gamma_cavi_ends_where_theory_says,
    ),
    "log of the mean precision instead of mean of the log": (
        "log_precision = digamma(factors.shape) - math.log(factors.rate)",
        "log_precision = math.log(factors.shape) - math.log(factors.rate)",
        normal_gamma_terms_are_those_of_quadrature,
    ),
    "entropy of the precision with a wrong sign": (
        "(1 - factors.shape) * digamma(factors.shape)",
        "(factors.shape - 1) * digamma(factors.shape)",
        normal_gamma_elbo_and_kl_add_up_to_the_evidence,
    ),
}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_oracle(oracle):
    oracle(variational)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(name):
    assert_rejected(normal_gamma, *MUTANTS[name])


# --- bad input

NORMAL_PRIOR = variational.NormalGamma(0, 1, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variational.NormalGamma(0, 0, 1, 1), "strength must be positive; got 0.0"),
        (lambda: variational.NormalGamma(0, 1, -1, 1), "shape must be positive; got -1.0"),
        (lambda: variational.NormalGamma(math.nan, 1, 1, 1), "mean must be finite; got nan"),
        (lambda: variational.NormalGammaFactors(0, 0, 1, 1), "scale must be positive; got 0.0"),
        (lambda: NORMAL_PRIOR.posterior([[1.0]]), "data must have shape (N,); got (1, 1)"),
        (lambda: NORMAL_PRIOR.log_evidence([1, math.nan]), "data must be finite; got nan at index [1]"),
        (lambda: NORMAL_PRIOR.posterior([1e200]), "data must stay below 1e+150"),
        (lambda: NORMAL_PRIOR.log_prob(0, -1), "precision must be positive; got -1.0"),
        (lambda: variational.cavi_normal_gamma([1.0], NORMAL_PRIOR, sweeps=0), "sweeps must be at least 1; got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variational.NormalGamma("0", 1, 1, 1), "mean must be a number; got '0' (str)"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError) as error:
        call()
    assert message in str(error.value)
