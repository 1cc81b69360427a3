import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import assert_rejected
from scipy import integrate, optimize, special, stats

from course_utils.models import divergences
from course_utils.models.gaussians import multivariate_normal_log_prob, normal_kl, normal_log_prob

deterministic = settings(derandomize=True, deadline=None, max_examples=25)

# Every oracle is a function of the module under test, so that the mutants at the end of this file meet exactly the
# comparisons that the module itself passes.


def random_covariance(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.3 * np.eye(size)


LINE = np.linspace(-20, 20, 4001)
PLANE = np.linspace(-8, 8, 161)
ALL = [
    ("reverse-kl", None),
    ("forward-kl", None),
    ("alpha", -0.5),
    ("alpha", 0.5),
    ("alpha", 2),
    ("wasserstein-2", None),
]


def two_bumps(x):
    return np.logaddexp(math.log(0.4) + normal_log_prob(x, -2, 0.7), math.log(0.6) + normal_log_prob(x, 2, 1.0))


def far_bumps(x):
    return np.logaddexp(math.log(0.4) + normal_log_prob(x, -4, 0.7), math.log(0.6) + normal_log_prob(x, 4, 1.0))


def skewed(x):
    """The density of arsinh(y) for y ~ N(0.5, 1)."""
    return normal_log_prob(np.sinh(x), 0.5, 1.0) + np.log(np.cosh(x))


def scipy_divergence(mean, scale, divergence, alpha):
    """The divergence of N(mean, scale²) from `two_bumps`, by Simpson on a grid of its own."""
    x = np.linspace(-30, 30, 12_001)
    log_p, log_q = two_bumps(x), stats.norm(mean, scale).logpdf(x)
    if divergence == "reverse-kl":
        values = np.exp(log_q) * (log_q - log_p)
    elif divergence == "forward-kl":
        values = np.exp(log_p) * (log_p - log_q)
    else:
        mixed = integrate.simpson(np.exp(alpha * log_p + (1 - alpha) * log_q), x=x)
        return (1 - mixed) / (alpha * (1 - alpha))
    return integrate.simpson(values, x=x)


def divergences_and_their_optima_are_those_of_brute_force(v):
    target = v.grid_target(lambda x: two_bumps(x) + 3, LINE)
    assert target.log_normaliser == pytest.approx(3, abs=1e-10)
    for divergence, alpha in ALL[:-1]:
        value = v.gaussian_divergence(target, [0.8], [[2.25]], divergence, alpha=alpha)
        assert value == pytest.approx(scipy_divergence(0.8, 1.5, divergence, alpha), rel=1e-8)
        fit = v.fit_gaussian(target, divergence, alpha=alpha)
        assert fit.converged
        best = min(
            (
                optimize.minimize(
                    lambda t, d=divergence, a=alpha: scipy_divergence(t[0], math.exp(t[1]), d, a),
                    [mean, log_scale],
                    method="Nelder-Mead",
                    options={"xatol": 1e-7, "fatol": 1e-13},
                )
                for mean, log_scale in ((0.4, 0.7), (-2, -0.3), (2, 0))
            ),
            key=lambda result: result.fun,
        )
        assert fit.value == pytest.approx(best.fun, abs=1e-9)
        np.testing.assert_allclose([fit.mean[0], fit.scale[0]], [best.x[0], math.exp(best.x[1])], atol=1e-5)


def reverse_kl_has_one_optimum_at_each_far_mode(v):
    target = v.grid_target(far_bumps, LINE)
    for mean, scale, weight in ((-4, 0.7, 0.4), (4, 1.0, 0.6)):
        fit = v.fit_gaussian(target, "reverse-kl", start=([mean + 0.5], [[1.0]]))
        # a Gaussian on one of two distant bumps is missing ln(1/weight)
        assert fit.value == pytest.approx(math.log(1 / weight), abs=1e-3)
        np.testing.assert_allclose([fit.mean[0], fit.scale[0]], [mean, scale], atol=2e-2)
    assert v.fit_gaussian(target, "reverse-kl").mean[0] == pytest.approx(4, abs=2e-2)
    forward = v.fit_gaussian(target, "forward-kl")
    assert forward.mean[0] == pytest.approx(0.8, abs=1e-9)
    assert forward.covariance[0, 0] == pytest.approx(0.4 * 0.49 + 0.6 + 0.24 * 64, abs=1e-9)


def wasserstein_on_the_line_is_that_of_quantiles(v):
    """Least squares of exact quantiles on normal scores; the quantiles by root finding in the mixture's CDF."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    u, weights = (nodes + 1) / 2, weights / 2

    def cdf(x):
        return 0.4 * special.ndtr((x + 2) / 0.7) + 0.6 * special.ndtr(x - 2)

    quantiles = np.array([optimize.brentq(lambda x, level=level: cdf(x) - level, -20, 20, xtol=1e-13) for level in u])
    scores = special.ndtri(u)
    mean, scale = weights @ quantiles, weights @ (quantiles * scores)
    target = v.grid_target(two_bumps, LINE)
    fit = v.fit_gaussian(target, "wasserstein-2")
    np.testing.assert_allclose([fit.mean[0], fit.scale[0]], [mean, scale], rtol=1e-4)
    assert fit.value == pytest.approx(weights @ (quantiles - mean - scale * scores) ** 2, rel=1e-3)
    assert fit.scale[0] < math.sqrt(target.covariance[0, 0]) - 0.05
    moved = v.gaussian_divergence(target, [1.0], [[4.0]], "wasserstein-2")
    assert moved == pytest.approx(weights @ (quantiles - 1 - 2 * scores) ** 2, rel=1e-3)


def wasserstein_on_a_uniform_density_is_known(v):
    """∫ u Φ⁻¹(u) du = 1 / (2√π)."""
    fit = v.fit_gaussian(v.grid_target(np.zeros_like, np.linspace(0, 1, 4001)), "wasserstein-2")
    np.testing.assert_allclose([fit.mean[0], fit.scale[0]], [0.5, 0.5 / math.sqrt(math.pi)], rtol=1e-6)
    assert fit.value == pytest.approx(1 / 12 - 1 / (4 * math.pi), rel=1e-4)


def gaussian_targets_are_recovered(v):
    mean, covariance = np.array([0.5, -0.3]), np.array([[1.0, 0.9], [0.9, 1.5]])
    targets = [
        (v.grid_target(lambda x: normal_log_prob(x, 1.3, 0.8), LINE), [1.3], [[0.64]], ([-2.0], [[4.0]])),
        (
            v.grid_target(lambda x: multivariate_normal_log_prob(x, mean, covariance), PLANE, PLANE),
            mean,
            covariance,
            ([2.0, 1.0], [[3.0, -0.5], [-0.5, 1.0]]),
        ),
    ]
    for (target, true_mean, true_covariance, start), (divergence, alpha) in itertools.product(targets, ALL):
        fit = v.fit_gaussian(target, divergence, alpha=alpha, start=start)
        assert fit.converged
        np.testing.assert_allclose(fit.mean, true_mean, atol=1e-6)
        np.testing.assert_allclose(fit.covariance, true_covariance, atol=3e-6)
        assert fit.value == pytest.approx(0, abs=1e-8)


def a_product_in_the_plane_is_fitted_as_its_factors(v):
    target = v.grid_target(lambda x: two_bumps(x[:, 0]) + skewed(x[:, 1]), PLANE, PLANE)
    factors = [v.grid_target(log_prob, np.linspace(-8, 8, 1601)) for log_prob in (two_bumps, skewed)]
    for divergence, alpha in ALL:
        if alpha == -0.5:
            continue  # infinite for every Gaussian: this target's tails are lighter
        fit = v.fit_gaussian(target, divergence, alpha=alpha, start=([0.5, 0.3], [[3.0, 0.5], [0.5, 0.6]]))
        alone = [
            v.fit_gaussian(factor, divergence, alpha=alpha, start=([mean], [[variance]]))
            for factor, mean, variance in zip(factors, (0.5, 0.3), (3.0, 0.6), strict=True)
        ]
        tolerance = 0.01 if divergence == "wasserstein-2" else 1e-5
        np.testing.assert_allclose(fit.mean, [part.mean[0] for part in alone], atol=tolerance)
        np.testing.assert_allclose(fit.scale, [part.scale[0] for part in alone], rtol=tolerance)
        assert abs(fit.covariance[0, 1]) < tolerance * fit.scale.prod()
        if divergence == "alpha":
            # the integrals ∫ p^α q^(1−α) multiply
            c = alpha * (1 - alpha)
            expected = (1 - np.prod([1 - c * part.value for part in alone])) / c
        else:
            expected = sum(part.value for part in alone)
        assert fit.value == pytest.approx(expected, rel=max(tolerance, 1e-4))


ORACLES = [
    divergences_and_their_optima_are_those_of_brute_force,
    reverse_kl_has_one_optimum_at_each_far_mode,
    wasserstein_on_the_line_is_that_of_quantiles,
    wasserstein_on_a_uniform_density_is_known,
    gaussian_targets_are_recovered,
    a_product_in_the_plane_is_fitted_as_its_factors,
]


@deterministic
@given(st.floats(-2, 2), st.floats(0.4, 2), st.floats(-2, 2), st.floats(0.4, 2))
def test_divergences_between_gaussians_are_those_in_closed_form(mean_p, scale_p, mean_q, scale_q):
    target = divergences.grid_target(lambda x: normal_log_prob(x, mean_p, scale_p), LINE)

    def divergence(name, alpha=None):
        return divergences.gaussian_divergence(target, [mean_q], [[scale_q**2]], name, alpha=alpha)

    assert divergence("reverse-kl") == pytest.approx(normal_kl(mean_q, scale_q, mean_p, scale_p), rel=1e-6, abs=1e-8)
    assert divergence("forward-kl") == pytest.approx(normal_kl(mean_p, scale_p, mean_q, scale_q), rel=1e-6, abs=1e-8)
    total = scale_p**2 + scale_q**2
    overlap = math.sqrt(2 * scale_p * scale_q / total) * math.exp(-((mean_p - mean_q) ** 2) / (4 * total))
    assert divergence("alpha", 0.5) == pytest.approx(4 * (1 - overlap), rel=1e-6, abs=1e-8)
    squared = (mean_p - mean_q) ** 2 + (scale_p - scale_q) ** 2
    assert divergence("wasserstein-2") == pytest.approx(squared, abs=1e-6)


def test_alpha_divergence_turns_into_the_two_kl_divergences():
    target = divergences.grid_target(two_bumps, LINE)
    for limit, name in ((0.0, "reverse-kl"), (1.0, "forward-kl")):
        kl = divergences.fit_gaussian(target, name)
        at_limit = divergences.gaussian_divergence(target, [0.3], [[4.0]], name)
        for step in (1e-2, 1e-3, 1e-5, 1e-7, 0):
            alpha = limit + step
            near = divergences.fit_gaussian(target, "alpha", alpha=alpha)
            np.testing.assert_allclose([near.mean[0], near.scale[0]], [kl.mean[0], kl.scale[0]], atol=2 * step + 2e-6)
            value = divergences.gaussian_divergence(target, [0.3], [[4.0]], "alpha", alpha=alpha)
            assert value == pytest.approx(at_limit, abs=2 * step + 1e-9)


@deterministic
@given(st.floats(-2, 3), st.floats(-3, 3), st.floats(0.3, 2.5))
def test_alpha_divergences_are_never_negative_and_change_sides_with_alpha(alpha, mean, scale):
    axis = np.linspace(-20, 20, 2001)
    p = divergences.grid_target(lambda x: normal_log_prob(x, 0.5, 1.2), axis)
    q = divergences.grid_target(lambda x: normal_log_prob(x, mean, scale), axis)
    value = divergences.gaussian_divergence(p, [mean], [[scale**2]], "alpha", alpha=alpha)
    swapped = divergences.gaussian_divergence(q, [0.5], [[1.2**2]], "alpha", alpha=1 - alpha)
    assert value >= -1e-9
    assert value == pytest.approx(swapped, rel=1e-5, abs=1e-7)


def test_wasserstein_in_the_plane_is_that_of_gaussians_and_follows_a_rotation():
    covariance, other = random_covariance(2, 1), random_covariance(2, 2)
    target = divergences.grid_target(
        lambda x: multivariate_normal_log_prob(x, [0, 0], covariance), 1.5 * PLANE, 1.5 * PLANE
    )
    lower = np.linalg.cholesky(covariance)
    eigenvalues = np.linalg.eigvalsh(lower.T @ other @ lower)
    bures = np.trace(covariance) + np.trace(other) - 2 * np.sum(np.sqrt(eigenvalues)) + 1.0
    value = divergences.gaussian_divergence(target, [1, 0], other, "wasserstein-2")
    assert value == pytest.approx(bures, abs=0.005 * np.trace(covariance + other))

    angle = math.pi / 5
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def product(x):
        return two_bumps(x[:, 0]) + skewed(np.clip(x[:, 1], -30, 30))

    straight = divergences.fit_gaussian(divergences.grid_target(product, PLANE, PLANE), "wasserstein-2")
    turned = divergences.fit_gaussian(
        divergences.grid_target(lambda x: product(x @ rotation), PLANE, PLANE), "wasserstein-2"
    )
    np.testing.assert_allclose(turned.covariance, rotation @ straight.covariance @ rotation.T, atol=0.04)
    assert turned.value == pytest.approx(straight.value, abs=0.005 * np.trace(straight.covariance))


def test_a_finer_target_grid_changes_nothing_and_uneven_axes_are_fine():
    uneven = np.sinh(np.linspace(-3.4, 3.4, 1501))
    even = divergences.fit_gaussian(divergences.grid_target(two_bumps, LINE), "reverse-kl")
    for axis, tolerance in ((np.linspace(-14, 14, 5601), 1e-7), (uneven, 1e-4)):
        fit = divergences.fit_gaussian(divergences.grid_target(two_bumps, axis), "reverse-kl")
        np.testing.assert_allclose([fit.mean[0], fit.scale[0]], [even.mean[0], even.scale[0]], atol=tolerance)


def test_a_target_that_is_zero_in_places_is_refused_only_where_the_divergence_is_infinite():
    def half(x):
        return np.where(x > 0, normal_log_prob(x, 0, 1), -np.inf)

    target = divergences.grid_target(half, LINE)
    for divergence, alpha in (("reverse-kl", None), ("alpha", -1)):
        with pytest.raises(ValueError, match="the target must be positive at every grid point"):
            divergences.fit_gaussian(target, divergence, alpha=alpha)
    for divergence, alpha in (("forward-kl", None), ("wasserstein-2", None), ("alpha", 0.5), ("alpha", 2)):
        fit = divergences.fit_gaussian(target, divergence, alpha=alpha)
        assert math.isfinite(fit.value)
        assert 0.4 < fit.mean[0] < 1.1
    # the half-normal distribution's mean; the jump at 0 costs a grid spacing
    assert divergences.fit_gaussian(target, "forward-kl").mean[0] == pytest.approx(math.sqrt(2 / math.pi), abs=0.01)


def test_a_gaussian_that_does_not_fit_on_the_grid_is_refused():
    target = divergences.grid_target(lambda x: normal_log_prob(x, 0, 1), np.linspace(-5, 5, 101))
    with pytest.raises(ValueError, match=r"q must fit on the grid.*wider grid"):
        divergences.gaussian_divergence(target, [4.0], [[1.0]], "reverse-kl")
    with pytest.raises(ValueError, match=r"q must fit on the grid.*finer one"):
        divergences.gaussian_divergence(target, [0.03], [[1e-4]], "alpha", alpha=0.5)
    with pytest.raises(ValueError, match="the fitted Gaussian must fit on the grid"):
        divergences.fit_gaussian(divergences.grid_target(np.zeros_like, LINE), "reverse-kl")
    assert divergences.gaussian_divergence(target, [4.0], [[1.0]], "forward-kl") == pytest.approx(8, abs=1e-3)


# --- mutants: plausible wrong versions, each rejected by an oracle above

MUTANTS = {
    "α on the wrong density": (
        "alpha * log_p + (1 - alpha) * log_q",
        "(1 - alpha) * log_p + alpha * log_q",
        divergences_and_their_optima_are_those_of_brute_force,
    ),
    "KL(q‖p) weighted by p": (
        "value = np.sum(q * (log_q - log_p))",
        "value = np.sum(np.exp(log_p) * (log_q - log_p))",
        divergences_and_their_optima_are_those_of_brute_force,
    ),
    "standard deviation for the scale nearest in Wasserstein": (
        "np.array([[_normal_score_slope(target) ** 2]])",
        "target.covariance",
        wasserstein_on_the_line_is_that_of_quantiles,
    ),
}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_oracle(oracle):
    oracle(divergences)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(name):
    assert_rejected(divergences, *MUTANTS[name])


# --- bad input

TARGET = divergences.grid_target(lambda x: normal_log_prob(x, 0, 1), LINE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergences.grid_target(np.sin), "axes must be one or two arrays; got 0"),
        (lambda: divergences.grid_target(np.sin, [0, 1, 2, 3, 3]), "axes[0] must be increasing"),
        (lambda: divergences.grid_target(np.sin, [0, 1]), "axes[0] must have at least 5 entries"),
        (lambda: divergences.grid_target(lambda x: x[:3], LINE), "log_prob(points) must have shape (4001,); got (3,)"),
        (lambda: divergences.grid_target(lambda x: x * math.nan, LINE), "log_prob(points) must hold finite numbers"),
        (
            lambda: divergences.grid_target(lambda x: np.full_like(x, -np.inf), LINE),
            "log_prob(points) must be finite somewhere",
        ),
        (lambda: divergences.fit_gaussian(TARGET, "kl"), "divergence must be one of 'reverse-kl', 'forward-kl'"),
        (lambda: divergences.fit_gaussian(TARGET, "alpha"), "alpha must be a number with divergence 'alpha'; got None"),
        (
            lambda: divergences.fit_gaussian(TARGET, "reverse-kl", alpha=0.5),
            "alpha must be left out with divergence 'reverse-kl'; got 0.5",
        ),
        (
            lambda: divergences.fit_gaussian(TARGET, "reverse-kl", start=([30.0], [[1.0]])),
            "the start's mean must lie on the grid, [-20.0, 20.0]; got 30.0",
        ),
        (
            lambda: divergences.fit_gaussian(TARGET, "reverse-kl", start=([0.0], [[-1.0]])),
            "the start's covariance must be positive definite",
        ),
        (
            lambda: divergences.fit_gaussian(
                divergences.grid_target(lambda x: np.where(x == 0, 0, -np.inf), np.linspace(-1, 1, 5)), "forward-kl"
            ),
            "the target's covariance on its grid must be positive definite",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergences.fit_gaussian(TARGET, None), "divergence must be one of"),
        (lambda: divergences.fit_gaussian(TARGET, "reverse-kl", start=3), "start must be a pair (mean, covariance)"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError) as error:
        call()
    assert message in str(error.value)
