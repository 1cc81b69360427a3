"""The right answers of lesson 14, held against others: finite differences, quadrature, enumeration, simulation."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats

from course_utils.lessons import richer_posteriors as lesson


def right(exercise, *arguments):
    return exercise._reference(*arguments)


def misconceived(exercise, name, *arguments):
    return next(item.function for item in exercise.misconceptions if item.name == name)(*arguments)


def _grid(size, reach, points):
    """Points of a square grid, (points ** size, size), and the volume that belongs to each."""
    axis = np.linspace(-reach, reach, points)
    return np.stack(np.meshgrid(*[axis] * size), axis=-1).reshape(-1, size), (axis[1] - axis[0]) ** size


# --- planar layers ----------------------------------------------------------------------------------------------------


def test_the_volume_of_a_stack_is_that_of_finite_differences():
    for z, u, w, bias in lesson.planar_stack.fresh(7, 10):
        u, w, bias = u.numpy(), w.numpy(), bias.numpy()

        def moved(point, u=u, w=w, bias=bias):
            for k in range(len(bias)):
                point = point + u[k] * math.tanh(w[k] @ point + bias[k])
            return point

        arrived, log_det = right(lesson.planar_stack, z, *map(torch.tensor, (u, w, bias)))
        for point, end, value in zip(z.numpy(), arrived.numpy(), log_det.numpy(), strict=True):
            steps = 1e-6 * np.eye(len(point))
            jacobian = np.array([moved(point + step) - moved(point - step) for step in steps]) / 2e-6
            assert end == pytest.approx(moved(point))
            assert np.exp(value) == pytest.approx(abs(np.linalg.det(jacobian)), rel=1e-4, abs=1e-6)


ACTIVATIONS = {"tanh": (np.tanh, 1.0), "sigmoid": (special.expit, 0.25), "steep": (lambda a: np.tanh(3 * a), 3.0)}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_with_an_allowed_u_every_layer_rises_along_w(name):
    h, steepest = ACTIVATIONS[name]
    a = np.linspace(-8, 8, 4001)
    for u, w, _ in lesson.allowed_u.fresh(8, 20):
        allowed = right(lesson.allowed_u, u, w, steepest)
        for before, after, normal in zip(u.numpy(), allowed.numpy(), w.numpy(), strict=True):
            assert np.all(np.diff(a + (normal @ after) * h(a)) > 0)
            across = (after - before) - ((after - before) @ normal) / (normal @ normal) * normal
            assert across == pytest.approx(np.zeros_like(across), abs=1e-9)
    # just as far down as the limit, and no farther
    low = right(lesson.allowed_u, torch.tensor([[-60.0]]).double(), torch.tensor([[1.0]]).double(), steepest).item()
    assert low == pytest.approx(-1 / steepest)
    assert np.any(np.diff(a + 1.05 * low * h(a)) < 0)


def test_the_layer_takes_what_was_undone_back_again():
    for y, u, w, bias in lesson.undo_planar.fresh(9, 30):
        z = right(lesson.undo_planar, y, u, w, bias)
        assert z + np.tanh(z @ w + bias)[:, None] * u == pytest.approx(y, abs=1e-9)
        found = optimize.root(
            lambda point, y=y, u=u, w=w, b=bias: point + u * np.tanh(point @ w + b) - y[0], z[0] + 0.1
        )
        assert not found.success or found.x == pytest.approx(z[0], abs=1e-5)


def test_the_three_of_them_together_make_a_density():
    u, w, bias = (torch.tensor(np.array(part)) for part in ([[-1.5, 0.8]], [[1.2, 0.7]], [0.3]))
    u = right(lesson.allowed_u, u, w, 1.0)
    y, volume = _grid(2, 8.0, 161)
    z = right(lesson.undo_planar, y, u[0].numpy(), w[0].numpy(), 0.3)
    again, log_det = right(lesson.planar_stack, torch.tensor(z), u, w, bias)
    assert again.numpy() == pytest.approx(y, abs=1e-9)
    density = np.exp(stats.norm.logpdf(z).sum(axis=1) - log_det.numpy())
    assert density.sum() * volume == pytest.approx(1, abs=1e-4)


# --- masks ------------------------------------------------------------------------------------------------------------


def _mass(log_prob, seed):
    """The integral of a masked density in two dimensions."""
    rng = np.random.default_rng(seed)
    degrees = torch.tensor([1, 2, 1, 2, 1])
    weights = (torch.tensor(rng.normal(0, 0.6, shape)) for shape in ((5, 2), (2, 5), (2, 5)))
    x, volume = _grid(2, 25.0, 401)
    return log_prob(torch.tensor(x), degrees, *weights).exp().sum().item() * volume


def test_a_masked_density_integrates_to_one():
    for seed in range(3):
        assert _mass(lesson.masked_log_prob._reference, seed) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["a unit sees one too few", "degrees counted from 0", "later for earlier"])
def test_these_wrong_masks_make_other_densities(name):
    assert _mass(lambda *a: misconceived(lesson.masked_log_prob, name, *a), 0) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["a coordinate sees itself", "second mask forgotten", "no masks"])
def test_these_wrong_masks_make_no_density(name):
    masses = [_mass(lambda *a: misconceived(lesson.masked_log_prob, name, *a), seed) for seed in range(3)]
    assert max(abs(mass - 1) for mass in masses) > 0.02


def test_the_conditionals_are_those_of_the_sampler():
    rng = np.random.default_rng(3)
    degrees = torch.tensor([1, 2, 2, 1])
    inner, mean_weights, log_scale_weights = (torch.tensor(rng.normal(0, 0.7, s)) for s in ((4, 3), (3, 4), (3, 4)))
    noise, x = rng.normal(size=(5, 3)), np.zeros((5, 3))
    jacobian = np.zeros(5)
    for d in range(3):  # one pass of the network for each coordinate
        hidden = [np.tanh(x[:, :m] @ inner.numpy()[h, :m]) for h, m in enumerate(degrees.tolist())]
        seen = [h for h, m in enumerate(degrees.tolist()) if m <= d]
        mean = sum((mean_weights.numpy()[d, h] * hidden[h] for h in seen), np.zeros(5))
        log_scale = sum((log_scale_weights.numpy()[d, h] * hidden[h] for h in seen), np.zeros(5))
        x[:, d] = mean + np.exp(log_scale) * noise[:, d]
        jacobian += log_scale
    log_prob = right(lesson.masked_log_prob, torch.tensor(x), degrees, inner, mean_weights, log_scale_weights)
    assert log_prob.numpy() == pytest.approx(stats.norm.logpdf(noise).sum(axis=1) - jacobian)


# --- weights ----------------------------------------------------------------------------------------------------------

LOG_JOINT, Q = np.log([0.05, 0.02, 0.2]), np.array([0.5, 0.3, 0.2])


def _exact_bound(k):
    """The bound with k draws of a latent with three values: all sequences of draws."""
    log_w = LOG_JOINT - np.log(Q)
    sequences = np.array(list(itertools.product(range(3), repeat=k)))
    return np.prod(Q[sequences], axis=1) @ (special.logsumexp(log_w[sequences], axis=1) - np.log(k))


def test_the_curve_is_on_average_the_sequence_of_bounds():
    sequences = np.array(list(itertools.product(range(3), repeat=4)))
    log_w = (LOG_JOINT - np.log(Q))[sequences]
    curves = [right(lesson.bound_curve, torch.tensor(row)[:, None]).numpy() for row in log_w]
    average = np.prod(Q[sequences], axis=1) @ np.array(curves)
    exact = [_exact_bound(k) for k in range(1, 5)]
    assert average == pytest.approx(exact)
    assert np.all(np.diff(exact) > 0)
    assert exact[-1] < special.logsumexp(LOG_JOINT)


def test_k_is_where_the_exact_gap_falls_below_the_wanted_one():
    weights = np.tile([0.7, 1.3], 2000)  # as probable as each other, so that the bound is a sum over a binomial

    def gap(k):
        number = np.arange(k + 1)
        return -stats.binom.pmf(number, k, 0.5) @ np.log((0.7 * (k - number) + 1.3 * number) / k)

    for wanted in (0.02, 0.004, 0.001):
        variance, k = right(lesson.draws_needed, np.log(weights) - 800, wanted)
        assert variance == pytest.approx(0.09, rel=1e-3)
        assert gap(k) < 1.03 * wanted
        assert gap(k - 1) > 0.97 * wanted


def test_weighted_draws_have_the_moments_of_the_posterior():
    prior, noise, x = 1.5, 0.8, 2.0
    z, _ = _grid(1, 12.0, 4001)  # draws spread evenly, as from a uniform q
    log_w = stats.norm.logpdf(z[:, 0], 0, prior) + stats.norm.logpdf(x, z[:, 0], noise)
    mean, scale, count = right(lesson.weighted_moments, torch.tensor(log_w), torch.tensor(z))
    precision = 1 / prior**2 + 1 / noise**2
    assert mean.item() == pytest.approx(x / noise**2 / precision, abs=1e-6)
    assert scale.item() == pytest.approx(precision**-0.5, abs=1e-6)
    # ∫p² of a Gaussian is 1/(2 √π scale), of a uniform density 1/24
    assert count.item() == pytest.approx(4001 * 2 * math.sqrt(math.pi) * scale.item() / 24, rel=1e-3)


def _two_draws(mean, log_scale):
    """Pairs of quadrature nodes for two draws of q, their mass, and log w for p(z) = N(0, 1), p(x|z) = N(2; z², 1)."""
    nodes, mass = np.polynomial.hermite_e.hermegauss(60)
    noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    mass = np.outer(mass, mass).ravel() / np.sum(mass) ** 2
    z = mean + np.exp(log_scale) * noise
    log_w = stats.norm.logpdf(z) + stats.norm.logpdf(2.0, z**2) - stats.norm.logpdf(z, mean, np.exp(log_scale))
    return noise, mass, z, log_w


def _expected_gradients(answer, mean, log_scale):
    noise, mass, z, log_w = _two_draws(mean, log_scale)
    slope = -z + (2.0 - z**2) * 2 * z + noise / np.exp(log_scale)  # of log w along z
    paths = slope[:, :, None] * np.stack([np.ones_like(z), np.exp(log_scale) * noise], axis=-1)
    scores = np.stack([noise / np.exp(log_scale), noise**2 - 1], axis=-1)
    rows = [answer(*map(torch.tensor, row)) for row in zip(log_w, paths, scores, strict=True)]
    return [mass @ np.array([np.asarray(row[part]) for row in rows]) for part in range(2)]


def test_both_gradients_are_on_average_that_of_the_bound():
    mean, log_scale = 0.6, -0.7

    def bound(mean, log_scale):
        _, mass, _, log_w = _two_draws(mean, log_scale)
        return mass @ (special.logsumexp(log_w, axis=1) - math.log(2))

    wanted = [
        (bound(mean + 1e-5, log_scale) - bound(mean - 1e-5, log_scale)) / 2e-5,
        (bound(mean, log_scale + 1e-5) - bound(mean, log_scale - 1e-5)) / 2e-5,
    ]
    for got in _expected_gradients(lesson.two_gradients._reference, mean, log_scale):
        assert got == pytest.approx(wanted, abs=1e-4)
    # and what the misconceptions say of the score holds: without it, or with w̃ for w̃², the average is another
    biased = _expected_gradients(
        lambda *arguments: misconceived(lesson.two_gradients, "w̃ for w̃²", *arguments), mean, log_scale
    )[1]
    assert np.max(np.abs(biased - wanted)) > 0.05


# --- problems ---------------------------------------------------------------------------------------------------------


def _below(x, radius, mean, scale):
    """P(R cos θ ≤ x), from the distribution function of the angle."""
    ahead, turns = math.acos(x / radius), 2 * np.pi * np.arange(-200, 201)
    ends = stats.norm.cdf([turns + ahead, turns + 2 * np.pi - ahead], mean, scale)
    return np.sum(ends[1] - ends[0])


def test_the_shadow_has_the_slope_of_its_distribution_function():
    for x, radius, mean, scale in lesson.shadow_log_prob.fresh(7, 12):
        for place, value in zip(x, right(lesson.shadow_log_prob, x, radius, mean, scale), strict=True):
            step = 1e-5 * radius
            slope = (_below(place + step, radius, mean, scale) - _below(place - step, radius, mean, scale)) / (2 * step)
            assert np.exp(value) == pytest.approx(slope, rel=1e-4, abs=1e-6 / radius)


def test_shadows_fall_where_the_density_says():
    rng = np.random.default_rng(5)
    for mean, scale in ((1.0, 0.3), (-2.0, 0.9), (310.0, 2.0)):
        thrown = 2.5 * np.cos(rng.normal(mean, scale, 20_000))
        nodes, weights = np.polynomial.legendre.leggauss(400)  # in the half-turn, where the density has no poles
        angle = np.pi / 2 * (nodes + 1)
        density = np.exp(right(lesson.shadow_log_prob, 2.5 * np.cos(angle), 2.5, mean, scale))
        shares = np.pi / 2 * weights * density * 2.5 * np.sin(angle)
        assert shares.sum() == pytest.approx(1, abs=1e-6)
        for place in (-2.0, -0.5, 1.0, 2.2):
            wanted = _below(place, 2.5, mean, scale)
            assert np.mean(thrown <= place) == pytest.approx(wanted, abs=4 * math.sqrt(0.25 / len(thrown)))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_mirrors_make_the_rotation_and_are_the_fewest(size):
    rng = np.random.default_rng(size)
    candidates = [rotation for (rotation,) in lesson.mirrors_of.fresh(8, 60) if len(rotation) == size]
    if size > 1:
        candidates += list(stats.ortho_group.rvs(size, 5, random_state=rng))
    for rotation in candidates:
        normals = right(lesson.mirrors_of, rotation)
        product = np.eye(size)
        for normal in normals:
            product = product @ (np.eye(size) - 2 * np.outer(normal, normal))
        assert product == pytest.approx(rotation, abs=1e-9)
        lengths = np.linalg.norm(normals, axis=1)
        assert np.all(np.isclose(lengths, 1) | (lengths == 0))
        # a mirror moves one direction, so that fewer than the rank of Q − I cannot do
        assert np.count_nonzero(lengths) == np.linalg.matrix_rank(rotation - np.eye(size), tol=1e-8)


def test_all_choices_of_draws_are_on_average_the_bound():
    log_w = LOG_JOINT - np.log(Q)
    sequences = np.array(list(itertools.product(range(3), repeat=4)))
    single = np.full((2, 2), -3.0)
    average = sum(
        np.prod(Q[draws]) * right(lesson.fair_difference, np.repeat(log_w[draws][:, None], 2, axis=1), single)[0]
        for draws in sequences
    )
    assert average == pytest.approx(_exact_bound(2) + 3.0)


def test_the_fair_difference_does_not_hang_on_the_order_and_scatters_as_it_says():
    rng = np.random.default_rng(6)
    level, estimates, errors = rng.normal(-90, 8, 400), [], []
    for _ in range(300):
        pictures = level[rng.integers(0, 400, 30)]
        a, b = pictures + rng.normal(0.5, 1.0, (4, 30)), pictures + rng.normal(0.0, 0.7, (2, 30))
        estimate, error = right(lesson.fair_difference, a, b)
        again = right(lesson.fair_difference, rng.permutation(a), rng.permutation(b))
        assert again == pytest.approx((estimate, error))
        estimates.append(estimate)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.2)
