import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_utils.models.gaussians import (
    multivariate_normal_entropy,
    multivariate_normal_fit,
    multivariate_normal_kl,
    multivariate_normal_log_prob,
    normal_entropy,
    normal_kl,
    normal_kl_to_standard,
    normal_log_prob,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=50)
means = st.floats(-1e3, 1e3)
scales = st.floats(1e-3, 1e3)
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 6)


def random_gaussian(size, seed, condition=1e4):
    """A mean and a covariance whose eigenvalues span `condition`."""
    rng = np.random.default_rng(seed)
    vectors, _ = np.linalg.qr(rng.normal(size=(size, size)))
    eigenvalues = condition ** rng.uniform(-0.5, 0.5, size=size)
    covariance = vectors * eigenvalues @ vectors.T
    return rng.normal(size=size), (covariance + covariance.T) / 2


def torch_gaussian(mean, covariance):
    return MultivariateNormal(torch.tensor(mean), torch.tensor(covariance))


def assert_close_to_monte_carlo(value, draws):
    error = np.std(draws, ddof=1) / math.sqrt(len(draws))
    assert abs(np.mean(draws) - value) < 4 * error


# --- univariate: oracles


def test_normal_log_prob_is_that_of_torch_and_scipy():
    rng = np.random.default_rng(1)
    x, mean, scale = rng.normal(size=(50, 3)), rng.normal(size=3), rng.uniform(0.1, 3, size=3)
    ours = normal_log_prob(x, mean, scale)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, stats.norm(mean, scale).logpdf(x), rtol=1e-13, atol=1e-13)
    theirs = Normal(torch.tensor(mean), torch.tensor(scale)).log_prob(torch.tensor(x))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-13, atol=1e-13)


def test_normal_log_prob_integrates_to_one():
    area, _ = integrate.quad(lambda x: np.exp(normal_log_prob(x, 1.5, 0.3)), -1.5, 4.5, epsabs=1e-12)
    assert area == pytest.approx(1, abs=1e-10)


def test_normal_log_prob_stays_exact_far_out():
    # (x / scale)² / 2 = 10⁴ and 5·10⁵: the density itself is 0 in float64
    expected = [-1e4 - 0.5 * math.log(2 * math.pi), -5e5 - math.log(1e-3) - 0.5 * math.log(2 * math.pi)]
    np.testing.assert_allclose(normal_log_prob([math.sqrt(2e4), 1.0], 0, [1, 1e-3]), expected, rtol=1e-14)


def test_normal_entropy_is_that_of_torch_and_of_quadrature():
    scale = np.array([1e-3, 0.5, 1.0, 40.0])
    np.testing.assert_allclose(normal_entropy(scale), Normal(0.0, torch.tensor(scale)).entropy().numpy(), rtol=1e-13)
    entropy, _ = integrate.quad(lambda x: -np.exp(normal_log_prob(x, 2, 0.5)) * normal_log_prob(x, 2, 0.5), -5, 9)
    assert entropy == pytest.approx(normal_entropy(0.5), abs=1e-9)
    assert normal_entropy(1 / math.sqrt(2 * math.pi * math.e)) == pytest.approx(0, abs=1e-15)


@deterministic
@given(means, scales, means, scales)
def test_normal_kl_is_that_of_torch_and_never_negative(mean_q, scale_q, mean_p, scale_p):
    ours = normal_kl(mean_q, scale_q, mean_p, scale_p)
    q, p = (
        Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64))
        for mean, scale in ((mean_q, scale_q), (mean_p, scale_p))
    )
    assert ours >= 0
    assert ours == pytest.approx(kl_divergence(q, p).item(), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize(("q", "p"), [((0.3, 0.8), (-1.0, 1.7)), ((-1.0, 1.7), (0.3, 0.8))])
def test_normal_kl_is_that_of_quadrature_in_both_directions(q, p):
    def integrand(x):
        return np.exp(normal_log_prob(x, *q)) * (normal_log_prob(x, *q) - normal_log_prob(x, *p))

    kl, _ = integrate.quad(integrand, -20, 20)
    assert normal_kl(*q, *p) == pytest.approx(kl, abs=1e-9)


def test_normal_kl_is_that_of_monte_carlo():
    x = np.random.default_rng(2).normal(0.3, 0.8, size=100_000)
    draws = normal_log_prob(x, 0.3, 0.8) - normal_log_prob(x, -1.0, 1.7)
    assert_close_to_monte_carlo(normal_kl(0.3, 0.8, -1.0, 1.7), draws)


def test_normal_kl_keeps_its_digits_when_the_gaussians_almost_agree():
    # KL(N(0, (1 + h)²) ‖ N(0, 1)) = h² − h³/3 + h⁴/4 − …
    for h in (1e-3, 1e-6, 1e-8):
        assert normal_kl(0, 1 + h, 0, 1) == pytest.approx(h**2 - h**3 / 3 + h**4 / 4, rel=1e-7)


@deterministic
@given(means, scales)
def test_normal_kl_to_itself_is_zero(mean, scale):
    assert normal_kl(mean, scale, mean, scale) == 0


@deterministic
@given(means, st.floats(-12, 12))
def test_normal_kl_to_standard_is_the_general_one_with_a_standard_p(mean, log_var):
    ours = normal_kl_to_standard(mean, log_var)
    assert ours >= 0
    assert ours == pytest.approx(normal_kl(mean, math.exp(log_var / 2), 0, 1), rel=1e-10, abs=1e-14)


def test_normal_kl_to_standard_is_half_the_sum_of_the_published_formula():
    rng = np.random.default_rng(3)
    mean, log_var = rng.normal(size=(7, 5)), rng.normal(size=(7, 5))
    per_point = normal_kl_to_standard(mean, log_var).sum(axis=-1)
    published = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
    np.testing.assert_allclose(per_point, published, rtol=1e-13)
    assert normal_kl_to_standard(0, 0) == 0


def test_univariate_functions_broadcast_and_take_single_numbers():
    assert normal_log_prob(np.zeros((4, 1)), np.zeros(3), 1.0).shape == (4, 3)
    assert normal_kl(np.zeros((4, 1)), 1.0, np.zeros(3), 1.0).shape == (4, 3)
    assert normal_log_prob(0, 0, 1) == pytest.approx(-0.5 * math.log(2 * math.pi), rel=1e-15)
    assert normal_entropy(1).shape == ()


# --- multivariate: oracles


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_log_prob_is_that_of_torch_and_scipy(size, seed):
    mean, covariance = random_gaussian(size, seed)
    x = mean + np.random.default_rng(seed + 1).normal(size=(20, size))
    ours = multivariate_normal_log_prob(x, mean, covariance)
    assert ours.shape == (20,)
    np.testing.assert_allclose(ours, torch_gaussian(mean, covariance).log_prob(torch.tensor(x)).numpy(), rtol=1e-9)
    reference = stats.multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(ours, reference, rtol=1e-9, atol=1e-9)


def test_multivariate_normal_log_prob_integrates_to_one():
    mean, covariance = np.array([0.5, -1.0]), np.array([[1.0, 0.6], [0.6, 0.5]])
    grid = np.linspace(-10, 10, 401)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    density = np.exp(multivariate_normal_log_prob(points, mean, covariance))
    assert np.sum(density) * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=1e-10)


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_with_diagonal_covariance_is_a_product_of_univariate_ones(size, seed):
    rng = np.random.default_rng(seed)
    x, mean, other = rng.normal(size=(3, size))
    scale, other_scale = rng.uniform(0.01, 10, size=(2, size))
    covariance, other_covariance = np.diag(scale**2), np.diag(other_scale**2)
    assert multivariate_normal_log_prob(x, mean, covariance) == pytest.approx(
        normal_log_prob(x, mean, scale).sum(), rel=1e-11
    )
    assert multivariate_normal_entropy(covariance) == pytest.approx(normal_entropy(scale).sum(), rel=1e-11, abs=1e-11)
    assert multivariate_normal_kl(mean, covariance, other, other_covariance) == pytest.approx(
        normal_kl(mean, scale, other, other_scale).sum(), rel=1e-11
    )


def test_one_point_gives_one_number_and_n_points_an_array():
    mean, covariance = random_gaussian(3, 0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    together = multivariate_normal_log_prob(x, mean, covariance)
    alone = [multivariate_normal_log_prob(point, mean, covariance) for point in x]
    assert np.ndim(alone[0]) == 0
    np.testing.assert_allclose(together, alone, rtol=1e-13)
    assert multivariate_normal_log_prob(x[:1], mean, covariance).shape == (1,)


def test_one_dimension_is_the_univariate_case():
    x = np.array([[-1.0], [0.5]])
    np.testing.assert_allclose(
        multivariate_normal_log_prob(x, [0.2], [[0.25]]), normal_log_prob(x[:, 0], 0.2, 0.5), rtol=1e-14
    )
    assert multivariate_normal_entropy([[0.25]]) == pytest.approx(normal_entropy(0.5), rel=1e-14)
    assert multivariate_normal_kl([0.2], [[0.25]], [1], [[4]]) == pytest.approx(normal_kl(0.2, 0.5, 1, 2), rel=1e-14)
    mean, covariance = multivariate_normal_fit([[1.0], [2.0], [6.0]])
    np.testing.assert_allclose(mean, [3.0], rtol=1e-15)
    np.testing.assert_allclose(covariance, [[14 / 3]], rtol=1e-15)


def test_multivariate_normal_log_prob_stays_exact_far_out():
    covariance = np.array([[4.0, 1.2], [1.2, 1.0]])
    direction = np.linalg.cholesky(covariance) @ [0.6, 0.8]
    expected = -1e4 - 0.5 * math.log(np.linalg.det(covariance)) - math.log(2 * math.pi)
    ours = multivariate_normal_log_prob(math.sqrt(2e4) * direction, np.zeros(2), covariance)
    assert ours == pytest.approx(expected, rel=1e-13)


def test_badly_conditioned_covariances_keep_their_digits():
    # Exact by hand: precision [[1, −r], [−r, 1]] / (1 − r²), condition number 2·10¹⁰, scales 10⁻⁶ and 10⁶.
    r = 1 - 2.0**-33
    rest = 2.0**-33 * (2 - 2.0**-33)  # 1 − r², without cancellation
    stretch = np.array([1e-6, 1e6])
    covariance = np.outer(stretch, stretch) * [[1, r], [r, 1]]
    expected = -0.5 / (1 + r) * 2 - 0.5 * math.log(rest) - math.log(2 * math.pi)
    assert multivariate_normal_log_prob(stretch, [0, 0], covariance) == pytest.approx(expected, rel=1e-5)
    entropy = 0.5 * math.log(rest) + math.log(2 * math.pi * math.e)
    assert multivariate_normal_entropy(covariance) == pytest.approx(entropy, rel=1e-5)
    assert multivariate_normal_kl([0, 0], covariance, [0, 0], covariance) == pytest.approx(0, abs=1e-12)


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_entropy_is_that_of_torch(size, seed):
    mean, covariance = random_gaussian(size, seed)
    theirs = torch_gaussian(mean, covariance).entropy().item()
    assert multivariate_normal_entropy(covariance) == pytest.approx(theirs, rel=1e-11, abs=1e-11)


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_kl_is_that_of_torch_and_never_negative(size, seed):
    q, p = random_gaussian(size, seed), random_gaussian(size, seed + 1)
    ours = multivariate_normal_kl(*q, *p)
    assert ours >= 0
    assert ours == pytest.approx(kl_divergence(torch_gaussian(*q), torch_gaussian(*p)).item(), rel=1e-8)


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_kl_to_itself_is_zero(size, seed):
    q = random_gaussian(size, seed)
    assert 0 <= multivariate_normal_kl(*q, *q) < 1e-20


@deterministic
@given(sizes, seeds)
def test_multivariate_normal_kl_ignores_a_common_change_of_coordinates(size, seed):
    rng = np.random.default_rng(seed)
    (mean_q, cov_q), (mean_p, cov_p) = random_gaussian(size, seed), random_gaussian(size, seed + 1)
    vectors, _ = np.linalg.qr(rng.normal(size=(size, size)))
    matrix, shift = vectors * rng.uniform(0.5, 2, size=size), rng.normal(size=size)
    moved = multivariate_normal_kl(
        matrix @ mean_q + shift, matrix @ cov_q @ matrix.T, matrix @ mean_p + shift, matrix @ cov_p @ matrix.T
    )
    assert moved == pytest.approx(multivariate_normal_kl(mean_q, cov_q, mean_p, cov_p), rel=1e-7)


def test_multivariate_entropy_and_kl_are_those_of_monte_carlo():
    q, p = random_gaussian(3, 11, condition=10), random_gaussian(3, 12, condition=10)
    x = np.random.default_rng(4).multivariate_normal(*q, size=100_000)
    log_q, log_p = multivariate_normal_log_prob(x, *q), multivariate_normal_log_prob(x, *p)
    assert_close_to_monte_carlo(multivariate_normal_entropy(q[1]), -log_q)
    assert_close_to_monte_carlo(multivariate_normal_kl(*q, *p), log_q - log_p)


@deterministic
@given(sizes, seeds)
def test_cross_entropy_is_entropy_plus_kl(size, seed):
    # E_q[log p] has the closed form log p(mean_q) − ½ tr(Σp⁻¹ Σq)
    (mean_q, cov_q), (mean_p, cov_p) = random_gaussian(size, seed), random_gaussian(size, seed + 1)
    expected_log_p = multivariate_normal_log_prob(mean_q, mean_p, cov_p) - 0.5 * np.trace(np.linalg.solve(cov_p, cov_q))
    kl = multivariate_normal_kl(mean_q, cov_q, mean_p, cov_p)
    assert multivariate_normal_entropy(cov_q) + kl == pytest.approx(-expected_log_p, rel=1e-8)


# --- fitting


def test_fit_on_old_faithful_reaches_the_published_log_likelihood():
    from course_utils.workshop.data import old_faithful

    data = old_faithful()
    mean, covariance = multivariate_normal_fit(data)
    np.testing.assert_allclose(mean, data.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(covariance, np.cov(data.T, bias=True), rtol=1e-12)
    total = multivariate_normal_log_prob(data, mean, covariance).sum()
    assert total == pytest.approx(-1289.7967, abs=1e-4)


@deterministic
@given(sizes, seeds)
def test_fit_is_a_maximum(size, seed):
    rng = np.random.default_rng(seed)
    data = rng.multivariate_normal(*random_gaussian(size, seed), size=size + 5)
    mean, covariance = multivariate_normal_fit(data)
    best = multivariate_normal_log_prob(data, mean, covariance).sum()
    moved = mean + 0.01 * rng.normal(size=size)
    stretched = covariance * (1.01 if seed % 2 else 0.99)
    assert multivariate_normal_log_prob(data, moved, covariance).sum() < best
    assert multivariate_normal_log_prob(data, mean, stretched).sum() < best


def test_fit_does_not_lose_digits_to_a_large_mean():
    data = np.array([[0.0, 1.0], [1.0, -1.0], [2.0, 0.5]])
    _, covariance = multivariate_normal_fit(data)
    _, shifted = multivariate_normal_fit(data + 2.0**30)
    np.testing.assert_allclose(shifted, covariance, rtol=1e-7)


# --- bad input

EYE = np.eye(2)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (normal_log_prob, ([], 0, 1), "x must have at least 1 entry along its first axis; got shape (0,)"),
        (normal_log_prob, (0, 0, 0), "scale must be positive; got 0.0"),
        (normal_log_prob, (0, 0, [1, -1]), "scale must be positive; got -1.0 at index [1]"),
        (normal_log_prob, (math.nan, 0, 1), "x must be finite; got nan"),
        (normal_log_prob, (0, math.inf, 1), "mean must be finite; got inf"),
        (
            normal_log_prob,
            (np.zeros(3), np.zeros(2), 1),
            "shapes must broadcast together; got x (3,), mean (2,), scale ()",
        ),
        (normal_entropy, ([0.5, 0],), "scale must be positive; got 0.0 at index [1]"),
        (normal_entropy, ([],), "scale must have at least 1 entry along its first axis; got shape (0,)"),
        (normal_kl, (0, 0, 0, 1), "scale_q must be positive; got 0.0"),
        (normal_kl, (0, 1, 0, -1), "scale_p must be positive; got -1.0"),
        (normal_kl, (0, 1, math.nan, 1), "mean_p must be finite; got nan"),
        (
            normal_kl,
            (np.zeros(2), 1, np.zeros(3), 1),
            "shapes must broadcast together; got mean_q (2,), scale_q (), mean_p (3,), scale_p ()",
        ),
        (normal_kl_to_standard, (0, math.nan), "log_var must be finite; got nan"),
        (
            normal_kl_to_standard,
            (np.zeros((4, 3)), np.zeros(4)),
            "shapes must broadcast together; got mean (4, 3), log_var (4,)",
        ),
        (
            multivariate_normal_log_prob,
            (np.zeros((0, 2)), [0, 0], EYE),
            "x must have at least 1 entry along its first axis; got shape (0, 2)",
        ),
        (multivariate_normal_log_prob, (1.0, [0, 0], EYE), "x must have shape (N, 2) or (2,); got ()"),
        (
            multivariate_normal_log_prob,
            (np.zeros((5, 3)), [0, 0], EYE),
            "x must have shape (N, 2) or (2,); got (5, 3)",
        ),
        (
            multivariate_normal_log_prob,
            (np.zeros((5, 4, 2)), [0, 0], EYE),
            "x must have shape (N, 2) or (2,); got (5, 4, 2)",
        ),
        (
            multivariate_normal_log_prob,
            ([[1, 2], [math.nan, 3]], [0, 0], EYE),
            "x must be finite; got nan at index [1, 0]",
        ),
        (multivariate_normal_log_prob, ([0, 0], 0, EYE), "mean must have shape (D,); got ()"),
        (multivariate_normal_log_prob, ([0, 0], [0, 0], 1), "covariance must have shape (2, 2); got ()"),
        (
            multivariate_normal_log_prob,
            ([0, 0], [0, 0], [1, 1]),
            "covariance must have shape (2, 2); got (2,)",
        ),
        (
            multivariate_normal_log_prob,
            ([0, 0], [0, 0], [[1, 1.3], [1.3, 1]]),
            "covariance must be positive definite; its smallest eigenvalue is -0.3 (its largest 2.3)",
        ),
        (
            multivariate_normal_entropy,
            ([[1, 0.2], [0.5, 1]],),
            "covariance must be symmetric; entry [0, 1] is 0.2 but entry [1, 0] is 0.5",
        ),
        (
            multivariate_normal_entropy,
            ([[0, 0], [0, 5]],),
            "covariance must be positive definite; its smallest eigenvalue is 0 (its largest 5)",
        ),
        (multivariate_normal_kl, ([0, 0], EYE, [0], [[1]]), "mean_p must have shape (2,); got (1,)"),
        (
            multivariate_normal_kl,
            ([0, 0], EYE, [0, 0], [[1]]),
            "covariance_p must have shape (2, 2); got (1, 1)",
        ),
        (
            multivariate_normal_kl,
            ([0, 0], -EYE, [0, 0], EYE),
            "covariance_q must be positive definite; its smallest eigenvalue is -1 (its largest -1)",
        ),
        (
            multivariate_normal_fit,
            (np.zeros((0, 2)),),
            "data must have at least 1 entry along its first axis; got shape (0, 2)",
        ),
        (
            multivariate_normal_fit,
            ([[1.0]],),
            "data must have more rows than columns, or the likelihood has no maximum; got shape (1, 1)",
        ),
        (
            multivariate_normal_fit,
            ([[1.0, 2.0], [2.0, 1.0]],),
            "data must have more rows than columns, or the likelihood has no maximum; got shape (2, 2)",
        ),
        (multivariate_normal_fit, ([1.0, 2.0],), "data must have shape (N, D); got (2,)"),
        (multivariate_normal_fit, ([[1.0], [math.inf]],), "data must be finite; got inf at index [1, 0]"),
        (
            multivariate_normal_fit,
            ([[3.0], [3.0], [3.0]],),
            "the covariance of data must be positive definite; its smallest eigenvalue is 0 (its largest 0)",
        ),
    ],
)
def test_bad_values_are_named(function, arguments, message):
    with pytest.raises(ValueError, match="must") as caught:
        function(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (normal_log_prob, ("a", 0, 1), "x"),
        (normal_entropy, (None,), "scale"),
        (normal_kl, (0, 1, 1j, 1), "mean_p"),
        (multivariate_normal_log_prob, ([0], [0], "a"), "covariance"),
        (multivariate_normal_fit, ([["1"], ["2"]],), "data"),
    ],
)
def test_bad_types_are_named(function, arguments, name):
    with pytest.raises(TypeError, match=f"^{name} must be an array of real numbers; got "):
        function(*arguments)


def test_gradients_are_refused_and_not_lost():
    mean = torch.zeros(2, requires_grad=True)
    advice = "use torch.distributions, or pass mean.detach()"
    with pytest.raises(TypeError, match=r"^mean requires grad, .*") as caught:
        normal_kl_to_standard(mean, torch.zeros(2))
    assert str(caught.value).endswith(advice)
    with pytest.raises(TypeError, match=r"^covariance requires grad, "):
        multivariate_normal_entropy(torch.eye(2, requires_grad=True))
    np.testing.assert_array_equal(normal_kl_to_standard(mean.detach(), torch.zeros(2)), [0, 0])


def test_arguments_are_left_as_they_were():
    data, mean, covariance = np.ones((4, 2)), np.zeros(2), np.eye(2)
    multivariate_normal_log_prob(data, mean, covariance)
    multivariate_normal_kl(mean, covariance, mean + 1, covariance)
    normal_log_prob(data, mean, 1.0)
    np.testing.assert_array_equal(data, np.ones((4, 2)))
    np.testing.assert_array_equal(mean, np.zeros(2))
    np.testing.assert_array_equal(covariance, np.eye(2))


def test_the_module_imports_neither_torch_nor_scipy():
    program = (
        "import sys, course_utils.models.gaussians as g; g.normal_kl_to_standard([1, 2], 0);"
        "raise SystemExit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
