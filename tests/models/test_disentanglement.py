"""Sprites, scores of a code and the decomposition of the KL: closed forms, enumeration and scikit-learn as oracles."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from course_utils.models.disentanglement import (
    FACTORS,
    POSITIONS,
    SCALES,
    aggregate_log_prob,
    discrete_kl_parts,
    factor_change_score,
    gaussian_kl_parts,
    information_matrix,
    kl_parts,
    linear_schedule,
    mutual_information,
    mutual_information_gap,
    render_sprites,
    reverse_water_filling,
    sprites,
    total_correlation,
)


@pytest.fixture(scope="module")
def pictures():
    return sprites(2000, seed=3)


@pytest.fixture(scope="module")
def known():
    """Factors (3000, 3) of five, four and six values, each combination equally often."""
    return np.tile(np.indices((5, 4, 6)).reshape(3, -1).T, (25, 1))


# --- sprites


def test_areas_match_the_scale_whatever_the_shape(pictures):
    wanted = (0.34 * 32 * SCALES[pictures.factors[:, 1]]) ** 2
    np.testing.assert_allclose(pictures.images.sum(1), wanted, rtol=0.08)  # a grid of 4 × 4 points in each pixel
    for shape in range(3):
        mine = pictures.factors[:, 0] == shape
        assert pictures.images[mine].sum() == pytest.approx(wanted[mine].sum(), rel=0.01)


def test_centroids_match_the_position(pictures):
    images = pictures.images.reshape(-1, 32, 32)
    centres, ink = np.arange(32) + 0.5, images.sum((1, 2))
    np.testing.assert_allclose((images.sum(1) @ centres) / ink, 32 * POSITIONS[pictures.factors[:, 3]], atol=0.15)
    np.testing.assert_allclose((images.sum(2) @ centres) / ink, 32 * POSITIONS[pictures.factors[:, 4]], atol=0.15)


def test_the_long_axis_of_the_ellipse_turns_with_the_orientation():
    angles = np.arange(40)
    factors = np.column_stack([np.full(40, 1), np.full(40, 5), angles, np.full(40, 16), np.full(40, 16)])
    images = render_sprites(factors, side=64).reshape(-1, 64, 64)
    centre = 64 * POSITIONS[16]
    down, across = np.mgrid[:64, :64] + 0.5 - centre
    ink = images.sum((1, 2))
    xx, yy, xy = ((images * part).sum((1, 2)) / ink for part in (across**2, down**2, across * down))
    measured = 0.5 * np.arctan2(2 * xy, xx - yy)
    np.testing.assert_allclose(np.cos(2 * (measured - 2 * math.pi * angles / 39)), 1, atol=0.01)
    # the eigenvalues of the second moments of an ellipse are a²/4 and b²/4, with a/b = 1.6 and πab = area
    spread = np.hypot(xx - yy, 2 * xy)
    np.testing.assert_allclose(spread, ink / (4 * math.pi) * (1.6 - 1 / 1.6), rtol=0.05)


def test_the_heart_stands_on_its_tip():
    heart = render_sprites([[2, 5, 0, 16, 16]], side=64).reshape(64, 64)
    across = np.arange(64) + 0.5 - 64 * POSITIONS[16]
    skewness = heart.sum(0) @ across**3 / heart.sum() / (heart.sum(0) @ across**2 / heart.sum()) ** 1.5
    assert abs(skewness) < 0.02  # left is as right
    rows = np.flatnonzero(heart.sum(1))
    assert heart[rows[-2]].sum() < 4 < heart[rows[2]].sum()


def test_two_separate_renderings_agree(pictures):
    np.testing.assert_array_equal(pictures.images[:100], render_sprites(pictures.factors[:100]))
    assert pictures.images.dtype == np.float32 and pictures.images.min() == 0 and pictures.images.max() == 1


def test_no_sprite_is_cut_off_at_the_edge():
    corners = [[shape, 5, angle, x, y] for shape in range(3) for angle in (0, 3) for x in (0, 31) for y in (0, 31)]
    middle = [[shape, 5, angle, 16, 16] for shape, _, angle, _, _ in corners]
    ink = render_sprites(corners).sum(1), render_sprites(middle).sum(1)
    np.testing.assert_allclose(*ink, rtol=0.03)


def test_thresholded_images_are_black_and_white():
    factors = sprites(50, seed=1).factors
    grey, hard = render_sprites(factors), render_sprites(factors, antialiased=False)
    assert set(np.unique(hard)) == {0, 1} and ((0 < grey) & (grey < 1)).any()
    np.testing.assert_array_equal(hard, grey >= 0.5)


def test_sampling_is_without_repetition_and_keeps_what_is_fixed():
    drawn = sprites(3 * 6, seed=4, fixed={"orientation": 7, "x": 3, "y": 30}, side=8)
    assert len(np.unique(drawn.factors, axis=0)) == 18
    assert (drawn.factors[:, 2:] == [7, 3, 30]).all()
    np.testing.assert_array_equal(sprites(20, seed=5, side=8).factors, sprites(20, seed=5, side=8).factors)
    assert (sprites(20, seed=5, side=8).factors != sprites(20, seed=6, side=8).factors).any()
    assert (sprites(2000, seed=0, side=8).factors.max(0) == np.array(list(FACTORS.values())) - 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render_sprites([[3, 0, 0, 0, 0]]), "factors must have shape from 0 to 2; got 3 to 3"),
        (lambda: render_sprites([[0, 0, 0, 0]]), r"factors must have shape \(any, 5\)"),
        (lambda: render_sprites([[0, 0, 0, 0, 0]], side=4), "side must be at least 8"),
        (lambda: sprites(193, fixed={"shape": 0, "orientation": 0, "x": 0}), "size must be at most 192"),
        (lambda: sprites(5, fixed={"colour": 0}), "fixed must be one of 'shape'"),
        (lambda: sprites(5, fixed={"scale": 6}), r"fixed\['scale'\] must be at most 5"),
    ],
)
def test_sprites_that_cannot_be_drawn_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- scores


def test_mutual_information_is_scikit_learns():
    rng = np.random.default_rng(1)
    first = rng.integers(7, size=500)
    second = (first + rng.integers(3, size=500)) % 7 - 2
    assert mutual_information(first, second) == pytest.approx(mutual_info_score(first, second), abs=1e-12)
    assert mutual_information(first, first) == pytest.approx(mutual_info_score(first, first), abs=1e-12)


def test_information_matrix_cuts_each_latent_into_bins_of_equal_width(known):
    codes = np.random.default_rng(2).normal(size=(3000, 2)) + known[:, :2]
    edges = [np.linspace(column.min(), column.max(), 21)[1:-1] for column in codes.T]
    labels = [np.digitize(column, edge) for column, edge in zip(codes.T, edges, strict=True)]
    wanted = [[mutual_info_score(label, factor) for factor in known.T] for label in labels]
    np.testing.assert_allclose(information_matrix(codes, known), wanted, atol=2e-3)  # ties at an edge


def test_a_perfect_code_scores_one(known):
    codes = np.column_stack([known[:, 2] * -3.0, known[:, 0], np.zeros(3000), known[:, 1] ** 2])
    assert mutual_information_gap(codes, known) == pytest.approx(1, abs=1e-12)
    assert factor_change_score(codes, known) == 1


def test_noise_scores_nothing(known):
    noise = np.random.default_rng(3).normal(size=(3000, 4))
    assert mutual_information_gap(noise, known) < 0.02
    assert factor_change_score(noise, known) == pytest.approx(1 / 3, abs=0.08)


def test_a_perfect_code_with_its_rows_shuffled_scores_nothing(known):
    codes = np.random.default_rng(4).permutation(known.astype(float))
    assert mutual_information_gap(codes, known) < 0.02
    assert factor_change_score(codes, known) == pytest.approx(1 / 3, abs=0.08)


def test_a_factor_told_by_two_latents_has_no_gap(known):
    twice = np.column_stack([known, known]).astype(float)
    assert mutual_information_gap(twice, known) == pytest.approx(0, abs=1e-12)


def test_the_gap_is_divided_by_the_entropy_of_its_own_factor():
    """Factor 0 is known from latent 0; half of factor 1's two bits from latent 1. Uniform grid, so all is exact."""
    first, second = (part.ravel() for part in np.meshgrid(np.arange(2), np.arange(4)))
    codes = np.column_stack([first, second // 2]).astype(float)
    assert mutual_information_gap(codes, np.column_stack([first, second])) == pytest.approx((1 + 0.5) / 2, abs=1e-12)


def test_a_rotation_by_45_degrees_loses_the_gap():
    turn = math.pi / 4
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    factors = np.indices((8, 8)).reshape(2, -1).T
    straight = mutual_information_gap(factors, factors)
    turned = mutual_information_gap(factors @ rotation, factors, bins=15)
    assert straight == pytest.approx(1, abs=1e-12) and turned == pytest.approx(0, abs=1e-12)


def test_the_score_repeats_under_its_seed(known):
    codes = known + np.random.default_rng(6).normal(size=known.shape)
    assert factor_change_score(codes, known, seed=1) == factor_change_score(codes, known, seed=1)
    tensors = torch.as_tensor(codes), torch.as_tensor(known)
    assert factor_change_score(*tensors, seed=1) == factor_change_score(codes, known, seed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, f: factor_change_score(c[:10], f), r"factors must have shape \(10, any\)"),
        (lambda c, f: factor_change_score(c, f[:, :1]), "at least two columns"),
        (lambda c, f: factor_change_score(c, f, pairs=0), "pairs must be at least 1"),
        (lambda c, f: mutual_information_gap(c, 0 * f), "factors must vary; column 0 has the value 0 throughout"),
        (lambda c, f: mutual_information_gap(c[:, :1], f), "at least two latents"),
        (lambda c, f: mutual_information_gap(c, f + 0.5), "whole numbers"),
        (lambda c, f: information_matrix(c, f, bins=1), "bins must be at least 2"),
    ],
)
def test_codes_and_factors_that_do_not_fit_are_refused(call, message, known):
    with pytest.raises(ValueError, match=message):
        call(known.astype(float), known)


# --- what the KL term is made of


def test_total_correlation_of_two_variables_is_their_mutual_information():
    joint = np.random.default_rng(7).dirichlet(np.ones(12)).reshape(3, 4)
    product = joint.sum(1, keepdims=True) * joint.sum(0)
    assert total_correlation(joint) == pytest.approx((joint * np.log(joint / product)).sum(), abs=1e-12)
    assert total_correlation(product) == pytest.approx(0, abs=1e-12)


def test_total_correlation_of_three_equal_coins_is_two_of_their_entropies():
    joint = np.zeros((2, 2, 2))
    joint[0, 0, 0] = joint[1, 1, 1] = 0.5
    assert total_correlation(joint) == pytest.approx(2 * math.log(2), abs=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([(2,), (3, 2), (2, 4, 3)]), st.integers(1, 6))
def test_the_discrete_decomposition_adds_up_and_no_part_is_negative(seed, sizes, points):
    rng = np.random.default_rng(seed)
    conditional = rng.dirichlet(np.full(math.prod(sizes), 0.5), size=points).reshape(points, *sizes)
    conditional /= conditional.sum(axis=tuple(range(1, conditional.ndim)), keepdims=True)
    parts = discrete_kl_parts(conditional, [rng.dirichlet(np.full(k, 5.0)) for k in sizes])
    assert parts.kl == pytest.approx(sum(parts[1:]), abs=1e-10)
    assert min(parts) > -1e-10


def test_a_discrete_code_that_names_the_data_point_carries_log_n():
    conditional = np.eye(4).reshape(4, 2, 2)
    parts = discrete_kl_parts(conditional, [[0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(parts, [math.log(4), math.log(4), 0, 0], atol=1e-12)
    diagonal = np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    parts = discrete_kl_parts(diagonal, [[0.5, 0.5], [0.25, 0.75]])
    wanted = [2 * math.log(2) + math.log(2 / math.sqrt(3)), math.log(2), math.log(2), math.log(2 / math.sqrt(3))]
    np.testing.assert_allclose(parts, [wanted[0] - 0, *wanted[1:]], atol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_gaussian_decomposition_adds_up_and_no_part_is_negative(seed, size):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(size, size + 1))
    parts = gaussian_kl_parts(
        factor @ factor.T + 0.01 * np.eye(size), rng.uniform(0.05, 2, size), mean=rng.normal(size=size)
    )
    assert parts.kl == pytest.approx(sum(parts[1:]), rel=1e-10)
    assert min(parts) > -1e-10


def test_total_correlation_of_a_gaussian_with_known_correlation():
    rho, variance = 0.8, np.array([0.3, 0.1])
    scales = np.array([1.5, 0.75])
    aggregate = np.outer(scales, scales) * np.array([[1, rho], [rho, 1]])
    parts = gaussian_kl_parts(aggregate - np.diag(variance), variance)
    assert parts.total_correlation == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-12)


def test_the_estimate_agrees_with_the_closed_form_of_gaussian_data():
    rng = np.random.default_rng(8)
    covariance = np.array([[1.0, 0.6, 0.0], [0.6, 0.7, 0.1], [0.0, 0.1, 0.3]])
    variance = np.array([0.3, 0.2, 0.6])
    mean = rng.multivariate_normal([0.2, 0.0, -0.1], covariance, size=2500)
    wanted = gaussian_kl_parts(covariance, variance, mean=[0.2, 0.0, -0.1])
    measured = kl_parts(mean, np.tile(np.log(variance), (2500, 1)), draws=2)
    np.testing.assert_allclose(measured, wanted, atol=0.06)
    assert measured.kl == pytest.approx(sum(measured[1:]), abs=0.06)


def test_log_prob_of_the_aggregate_is_that_of_the_mixture():
    rng = np.random.default_rng(9)
    mean, log_var, z = rng.normal(size=(3, 6, 2))
    parts = torch.distributions.Normal(torch.as_tensor(mean), torch.as_tensor(np.exp(log_var / 2)))
    log_prob = parts.log_prob(torch.as_tensor(z)[:, None])
    joint, each = aggregate_log_prob(z, mean, log_var)
    np.testing.assert_allclose(joint, log_prob.sum(-1).logsumexp(1) - math.log(6), atol=1e-10)
    np.testing.assert_allclose(each, log_prob.logsumexp(1) - math.log(6), atol=1e-10)


def test_the_stratified_density_of_a_batch_is_right_on_average():
    """All batches of three out of five that hold data point 0: their mean is the density of the whole mixture."""
    rng = np.random.default_rng(10)
    mean, log_var, z = rng.normal(size=(3, 5, 2))
    whole, _ = aggregate_log_prob(z, mean, log_var)
    densities = []
    for i in range(1, 5):
        for j in range(i + 1, 5):
            rows = [0, i, j]
            densities.append(np.exp(aggregate_log_prob(z[rows], mean[rows], log_var[rows], size=5)[0][0]))
    assert np.mean(densities) == pytest.approx(np.exp(whole[0]), rel=1e-10)


def test_the_weighted_density_is_chens_formula():
    rng = np.random.default_rng(11)
    mean, log_var, z = rng.normal(size=(3, 4, 3))
    joint, each = aggregate_log_prob(z, mean, log_var, size=50, weighting="weighted")
    exact_joint, exact_each = aggregate_log_prob(z, mean, log_var)
    np.testing.assert_allclose(joint, exact_joint - math.log(50), atol=1e-10)
    np.testing.assert_allclose(each, exact_each - math.log(50), atol=1e-10)
    one = aggregate_log_prob(z[:1], mean[:1], log_var[:1], size=50, weighting="weighted")
    assert np.isfinite(one[0]).all()


def test_large_batches_in_blocks_are_what_they_are_in_one(monkeypatch):
    rng = np.random.default_rng(12)
    arguments = rng.normal(size=(3, 40, 2))
    whole = aggregate_log_prob(*arguments, size=90)
    monkeypatch.setattr("course_utils.models.disentanglement._ENTRIES", 240)
    for part, wanted in zip(aggregate_log_prob(*arguments, size=90), whole, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: total_correlation([[0.5, 0.6]]), "joint must add up to 1; the sum is 1.1"),
        (lambda: total_correlation([1.5, -0.5]), "joint must not be negative; its smallest entry is -0.5"),
        (lambda: discrete_kl_parts([[0.5, 0.5]], []), "conditional must have one axis more than there are priors, 0"),
        (lambda: discrete_kl_parts([[0.5, 0.5]], [[1.0, 0.0]]), "priors must be positive"),
        (lambda: discrete_kl_parts([[0.5, 0.5]], [[1.0]]), r"priors must have shape \(2,\)"),
        (lambda: gaussian_kl_parts(np.eye(2), [1.0, 0.0]), "variance must be positive"),
        (lambda: gaussian_kl_parts(-np.eye(2), [1.0, 1.0]), "covariance must be positive definite"),
        (lambda: kl_parts(np.zeros((3, 2)), np.zeros((3, 3))), r"log_var must have shape \(3, 2\)"),
        (lambda: kl_parts(np.zeros((3, 2)), np.zeros((3, 2)), size=2), "size must be at least 3"),
        (lambda: kl_parts(np.zeros((1, 2)), np.zeros((1, 2)), size=2), "at least two rows to stand for 2 data points"),
        (lambda: kl_parts(np.zeros((3, 2)), np.zeros((3, 2)), weighting="equal"), "weighting must be one of"),
        (lambda: reverse_water_filling([1.0, 0.0], 1.0), "variances must be positive"),
        (lambda: reverse_water_filling([1.0], 0.0), "level must be positive"),
        (lambda: linear_schedule(-1, 10), "step must not be negative"),
        (lambda: linear_schedule(0, 0), "steps must be at least 1"),
    ],
)
def test_what_is_no_distribution_or_schedule_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- rate, distortion and schedules


def test_water_filling_is_the_best_linear_channel():
    """For each feature alone: minimise error / 2w + rate over the error, by a fine grid."""
    variances, level = np.array([3.0, 0.9, 0.2]), 0.5
    errors = np.linspace(1e-3, 3, 300_000)
    best = [
        errors[np.argmin(np.where(errors <= v, errors / (2 * level) + 0.5 * np.log(v / errors), np.inf))]
        for v in variances
    ]
    rate, distortion = reverse_water_filling(variances, level)
    assert distortion == pytest.approx(sum(best), abs=1e-3)
    assert rate == pytest.approx(sum(0.5 * np.log(variances / best)), abs=1e-3)


def test_above_the_highest_variance_nothing_is_described():
    assert reverse_water_filling([2.0, 1.0], 2.5) == (0.0, 3.0)


def test_linear_schedule_reaches_its_end_and_stays():
    assert [linear_schedule(step, 4) for step in (0, 1, 2, 4, 5, 400)] == [0, 0.25, 0.5, 1, 1, 1]
    assert linear_schedule(30, 40, start=1.0, end=5.0) == pytest.approx(4)
    assert linear_schedule(10, 5, start=3.0, end=-2.0) == -2
