"""The Gaussian closest to a density in one or two dimensions, by a divergence of your choice.

The density is evaluated on a grid (`grid_target`), and integrals are taken there. `gaussian_divergence` gives KL in
both directions, the α-divergences between and beyond them, and the squared Wasserstein-2 distance; `fit_gaussian`
finds the mean and covariance that make one of them smallest.

Everything is numpy in float64. KL divergences are in nats, Wasserstein's in squared units of x.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtri

from course_utils.models.gaussians import multivariate_normal_log_prob, normal_log_prob, solve_lower
from course_utils.workshop.validation import check_array, check_choice, check_covariance, check_scalar

Divergence = Literal["reverse-kl", "forward-kl", "alpha", "wasserstein-2"]

_MASS_TOLERANCE = 1e-3
# Between the limit and its neighbourhood the α-divergence changes by about as much as rounding does there.
_NEAR_LIMIT = 1e-6
# A Fibonacci number: the points (i/610, 377 i/610 mod 1) fill the square evenly.
_LATTICE = (610, 377)


@dataclass(frozen=True, eq=False)
class GridTarget:
    """A density on a grid in one or two dimensions, made by `grid_target`.

    Attributes
    ----------
    axes : one or two increasing arrays.
    points : (G, D), the grid's points, the last axis running fastest.
    log_prob : (G,), the log-density in nats, normalised by the trapezoid rule.
    log_volume : (G,), logarithms of the trapezoid rule's weights.
    log_normaliser : what was subtracted to normalise; the log evidence, if log-joint densities were given.
    """

    axes: tuple[np.ndarray, ...]
    points: np.ndarray
    log_prob: np.ndarray
    log_volume: np.ndarray
    log_normaliser: float

    @property
    def mass(self) -> np.ndarray:
        """Probability of each grid point, (G,); sums to 1."""
        return np.exp(self.log_prob + self.log_volume)

    @property
    def mean(self) -> np.ndarray:
        """Mean of the target, (D,)."""
        return self.mass @ self.points

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the target, (D, D)."""
        deviations = self.points - self.mean
        return (self.mass[:, None] * deviations).T @ deviations


@dataclass(frozen=True, eq=False)
class GaussianFit:
    """What `fit_gaussian` found: mean (D,), covariance (D, D), the divergence's value there, and convergence."""

    mean: np.ndarray
    covariance: np.ndarray
    value: float
    converged: bool

    @property
    def scale(self) -> np.ndarray:
        """Standard deviations of the coordinates, (D,)."""
        return np.sqrt(np.diag(self.covariance))


def grid_target(log_prob: Callable[[np.ndarray], Any], *axes: Any) -> GridTarget:
    """Evaluate a log-density, which need not be normalised, on a grid and normalise it there.

    The grid should hold all the mass that matters, of the target and of the Gaussians to be fitted, and should
    have several points per standard deviation. Outside the grid the density counts as zero.

    Parameters
    ----------
    log_prob : function of the points, (G,) on one axis or (G, 2) on two, that returns (G,) log-densities in
        nats; −inf is allowed.
    axes : one or two increasing arrays of at least 5 numbers.

    Raises
    ------
    TypeError, ValueError : an axis is not increasing or too short, there are none or more than two, or the
        log-densities have the wrong shape, hold NaN or +inf, or are −inf everywhere.
    """
    if len(axes) not in (1, 2):
        raise ValueError(f"axes must be one or two arrays; got {len(axes)}")
    checked = tuple(check_array(f"axes[{i}]", axis, shape=("G",), min_size=5) for i, axis in enumerate(axes))
    for i, axis in enumerate(checked):
        if np.any(np.diff(axis) <= 0):
            raise ValueError(f"axes[{i}] must be increasing; got {axis[:3]} …")
    points = np.stack([mesh.ravel() for mesh in np.meshgrid(*checked, indexing="ij")], axis=1)
    values = check_array(
        "log_prob(points)", log_prob(points[:, 0] if len(axes) == 1 else points), shape=(len(points),), finite=False
    )
    if np.any(np.isnan(values) | (values == np.inf)):
        raise ValueError("log_prob(points) must hold finite numbers or −inf; got nan or +inf")
    log_volume = np.zeros(1)
    for axis in checked:
        log_volume = np.add.outer(log_volume, np.log(np.gradient(axis) * _halved_ends(len(axis)))).ravel()
    log_normaliser = logsumexp(values + log_volume)
    if not np.isfinite(log_normaliser):
        raise ValueError("log_prob(points) must be finite somewhere; got −inf at every point")
    return GridTarget(checked, points, values - log_normaliser, log_volume, float(log_normaliser))


def gaussian_divergence(
    target: GridTarget, mean: Any, covariance: Any, divergence: Divergence, *, alpha: float | None = None
) -> float:
    """Divergence between a target p and the Gaussian q = N(mean, covariance), by quadrature on the target's grid.

    - "reverse-kl": KL(q‖p) in nats. "forward-kl": KL(p‖q) in nats.
    - "alpha": (1 − ∫ p^α q^(1−α)) / (α (1 − α)), Amari's α-divergence in the form of Minka (2005). It is
      KL(q‖p) at α = 0, twice the squared Hellinger distance ∫ (√p − √q)² at α = ½, and KL(p‖q) at α = 1.
      Where the integral does not exist on the whole line (possible for α < 0 and α > 1), it still does on the
      grid, and depends on its ends.
    - "wasserstein-2": the squared distance W₂², in squared units of x. In one dimension from the quantile
      functions; in two from the best pairing of 610 points of each, an approximation (see `fit_gaussian`).

    Parameters
    ----------
    target : from `grid_target`.
    mean : (D,).
    covariance : (D, D), symmetric positive definite.
    divergence : which one.
    alpha : any number, with "alpha" only.

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, the covariance is not symmetric positive definite, `alpha`
        does not fit the divergence, the divergence is infinite because the target is zero at a grid point, or q
        does not fit on the grid (except for "forward-kl" and "wasserstein-2", to which that is no obstacle).

    Source: T. Minka, Divergence measures and message passing (2005).
    """
    alpha = _check_divergence(target, divergence, alpha)
    mean = check_array("mean", mean, shape=(target.points.shape[1],))
    covariance = check_covariance("covariance", covariance, size=len(mean))
    if divergence == "wasserstein-2":
        return _wasserstein(target, mean, covariance)
    if alpha == 1:
        held = target.mass > 0
        log_q = multivariate_normal_log_prob(target.points[held], mean, covariance)
        return float(np.sum(target.mass[held] * (target.log_prob[held] - log_q)))
    _check_on_grid(target, mean, covariance, "q")
    value, _ = _log_divergence(target, alpha, mean, np.linalg.cholesky(covariance))
    if alpha == 0:
        return value
    with np.errstate(over="ignore"):  # a divergence above 1e308 is given as infinite
        return float(np.expm1(alpha * (alpha - 1) * value) / (alpha * (alpha - 1)))


def fit_gaussian(
    target: GridTarget,
    divergence: Divergence,
    *,
    alpha: float | None = None,
    start: tuple[Any, Any] | None = None,
) -> GaussianFit:
    """Find the Gaussian closest to a target on a grid, by one of the divergences of `gaussian_divergence`.

    - "forward-kl": the target's mean and covariance (moment matching), exactly.
    - "reverse-kl" and "alpha": BFGS with exact gradients of the quadrature, on mean and Cholesky factor. There
      may be several local optima. From a given start the one it leads to, which on an axis of symmetry may
      be a saddle; without a start the best of those reached from the moments and from the target's (at most six
      highest) modes.
    - "wasserstein-2" in one dimension: the target's mean, and scale ∫ F⁻¹(u) Φ⁻¹(u) du, exactly. That is the
      covariance of x with its normal score, and smaller than the standard deviation unless p is Gaussian.
    - "wasserstein-2" in two dimensions, an approximation: 610 points x_i of the target are paired with 610
      standard normal points z_i so that Σ ‖x_i − m − A z_i‖² is smallest, A is fitted to the pairs by least
      squares (m is the target's mean), and the two steps alternate. Gaussian targets are recovered to
      quadrature accuracy; for others expect errors of up to half a percent in the scales, one in the
      correlation, and half a percent of the total variance in the value.

    Parameters
    ----------
    target : from `grid_target`.
    divergence : which one.
    alpha : any number, with "alpha" only; within 1e-6 of 0 and 1 the two KL divergences take over.
    start : mean (D,) and covariance (D, D) to begin with; not used where the optimum is known.

    Returns
    -------
    The fit. Its `value` is that of `gaussian_divergence`: in nats, without unit for "alpha", in squared units of
    x for "wasserstein-2". Its `converged` is False where the gradient does not vanish; often there is no minimum.

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, `alpha` does not fit the divergence, the divergence is infinite
        because the target is zero at a grid point, all of the target's mass is on one line of grid points, or
        the fitted Gaussian is cut off by the grid's ends or too narrow for its spacing.
    """
    alpha = _check_divergence(target, divergence, alpha)
    moments = target.mean, check_covariance("the target's covariance on its grid", target.covariance)
    if start is not None:
        start = _check_start(target, start)
    if divergence == "wasserstein-2":
        return _fit_wasserstein(target, moments if start is None else start)
    if alpha == 1:
        return GaussianFit(*moments, gaussian_divergence(target, *moments, "forward-kl"), True)
    starts = [start] if start is not None else [moments, *((mode, moments[1] / 16) for mode in _modes(target))]
    best = None
    for candidate in starts:
        fit = _minimise(target, alpha, *candidate, moments)
        # two modes of equal height: keep the first, whatever rounding says
        if best is None or fit.value < best.value - 1e-9:
            best = fit
    try:
        check_covariance("the fitted covariance", best.covariance)
    except ValueError as error:
        raise ValueError(f"the divergence must have a minimum, but the Gaussian collapses: {error}") from None
    _check_on_grid(target, best.mean, best.covariance, "the fitted Gaussian")
    value = gaussian_divergence(target, best.mean, best.covariance, "alpha", alpha=alpha)
    return GaussianFit(best.mean, best.covariance, value, best.converged)


def _log_divergence(
    target: GridTarget, alpha: float, mean: np.ndarray, lower: np.ndarray
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Value of the objective and its gradients with respect to mean and lower Cholesky factor of q.

    The objective is KL(q‖p) at α = 0 and ln ∫ p^α q^(1−α) / (α (α − 1)) elsewhere, which rises and falls with
    the α-divergence but does not overflow. Here q is normalised on the grid, like p, so both are never negative.
    """
    whitened = solve_lower(lower, (target.points - mean).T)
    log_q = target.log_volume - 0.5 * np.sum(whitened**2, axis=0)
    log_q -= logsumexp(log_q)
    q, log_p = np.exp(log_q), target.log_prob + target.log_volume
    # In both cases the gradient is Σ coefficient · ∇ log q, and Σ q ∇ log q = 0 because q is normalised.
    if alpha == 0:
        value = np.sum(q * (log_q - log_p))
        coefficient = q * (log_q - log_p - value)
    else:
        log_product = alpha * log_p + (1 - alpha) * log_q
        log_integral = logsumexp(log_product)
        value = log_integral / (alpha * (alpha - 1))
        coefficient = (q - np.exp(log_product - log_integral)) / alpha
    scores = solve_triangular(lower, whitened, lower=True, trans="T")
    return float(value), (scores @ coefficient, np.tril((scores * coefficient) @ whitened.T))


def _minimise(
    target: GridTarget,
    alpha: float,
    mean: np.ndarray,
    covariance: np.ndarray,
    moments: tuple[np.ndarray, np.ndarray],
) -> GaussianFit:
    from scipy.optimize import minimize

    # In coordinates in which the target has mean 0 and variances 1, one step length suits all parameters.
    centre, unit = moments[0], np.sqrt(np.diag(moments[1]))
    size = len(centre)
    rows, columns = np.tril_indices(size)
    diagonal = rows == columns

    def unpack(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        entries = parameters[size:].copy()
        entries[diagonal] = np.exp(entries[diagonal])
        lower = np.zeros((size, size))
        lower[rows, columns] = entries
        return centre + unit * parameters[:size], unit[:, None] * lower

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        q_mean, lower = unpack(parameters)
        value, (by_mean, by_lower) = _log_divergence(target, alpha, q_mean, lower)
        by_entries = (unit[:, None] * by_lower)[rows, columns]
        by_entries[diagonal] *= np.exp(parameters[size:][diagonal])
        return value, np.concatenate([unit * by_mean, by_entries])

    entries = (np.linalg.cholesky(covariance) / unit[:, None])[rows, columns]
    entries[diagonal] = np.log(entries[diagonal])
    result = minimize(
        objective, np.concatenate([(mean - centre) / unit, entries]), jac=True, method="BFGS", options={"gtol": 1e-9}
    )
    q_mean, lower = unpack(result.x)
    # BFGS reports a loss of precision where rounding keeps it from gtol: judge the gradient itself.
    return GaussianFit(q_mean, lower @ lower.T, float(result.fun), bool(np.max(np.abs(result.jac)) < 1e-6))


def _modes(target: GridTarget, most: int = 6) -> np.ndarray:
    """The highest local maxima of the density on the grid, (M, D)."""
    from scipy.ndimage import maximum_filter

    shape = [len(axis) for axis in target.axes]
    density = np.exp(target.log_prob - target.log_prob.max()).reshape(shape)
    is_mode = (density == maximum_filter(density, size=3)) & (density > 1e-3)
    found = np.flatnonzero(is_mode)
    return target.points[found[np.argsort(-density.ravel()[found], kind="stable")][:most]]


def _wasserstein(target: GridTarget, mean: np.ndarray, covariance: np.ndarray) -> float:
    if len(mean) == 1:
        scale = math.sqrt(covariance[0, 0])
        spread = math.sqrt(target.covariance[0, 0])
        slope = min(_normal_score_slope(target), spread)
        shift = mean[0] - target.mean[0]
        return float(shift**2 + (scale - spread) ** 2 + 2 * scale * (spread - slope))
    points, normal = _paired_points(target)
    return _pair(points - mean, normal @ np.linalg.cholesky(covariance).T)[1]


def _fit_wasserstein(target: GridTarget, start: tuple[np.ndarray, np.ndarray]) -> GaussianFit:
    if len(target.axes) == 1:
        covariance = np.array([[_normal_score_slope(target) ** 2]])
        return GaussianFit(target.mean, covariance, _wasserstein(target, target.mean, covariance), True)
    points, normal = _paired_points(target)
    mean = target.mean
    # The points come in pairs that fit a Gaussian target exactly; the second way begins from the start's matrix.
    candidates = []
    for order in (np.arange(len(points)), _pair(points - mean, normal @ np.linalg.cholesky(start[1]).T)[0]):
        converged = False
        for _ in range(100):
            factor = np.linalg.lstsq(normal[order], points - mean, rcond=None)[0]
            better, value = _pair(points - mean, normal @ factor)
            converged = np.array_equal(better, order)
            if converged:
                break
            order = better
        candidates.append(GaussianFit(mean, factor.T @ factor, value, converged))
    return min(candidates, key=lambda fit: fit.value)


def _pair(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
    """Give each of the points its partner among the others so that the mean squared distance is smallest."""
    from scipy.optimize import linear_sum_assignment

    _, order = linear_sum_assignment(-points @ others.T)
    return order, float(np.mean(np.sum((points - others[order]) ** 2, axis=1)))


def _paired_points(target: GridTarget) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spread points of a target in two dimensions, and of a standard normal, from one lattice.

    The target's points follow from the normal ones coordinate by coordinate, through the distribution of x₁ and
    that of x₂ given x₁ (Knothe and Rosenblatt). Both are interpolated in ways that are exact for Gaussians.
    """
    count, step = _LATTICE
    index = np.arange(count)
    normal = ndtri(np.stack([(index + 0.5) / count, (index * step % count + 0.5) / count], axis=1))
    # A lattice has no tails beyond its last points: give it mean 0 and covariance 1 exactly.
    normal -= normal.mean(axis=0)
    normal = solve_lower(np.linalg.cholesky(normal.T @ normal / count), normal.T).T
    first, second = target.axes
    # far below anything that counts, but finite, so that it can be interpolated
    log_prob = np.maximum(target.log_prob, target.log_prob.max() - 700).reshape(len(first), len(second))
    volume = np.gradient(second) * _halved_ends(len(second))
    x = np.interp(normal[:, 0], _normal_scores(first, np.exp(log_prob) @ volume), first)
    left = np.clip(np.searchsorted(first, x) - 1, 0, len(first) - 2)
    share = ((x - first[left]) / (first[left + 1] - first[left]))[:, None]
    log_slices = (1 - share) * log_prob[left] + share * log_prob[left + 1]
    slices = np.exp(log_slices - log_slices.max(axis=1, keepdims=True))
    y = [np.interp(z, _normal_scores(second, slice_), second) for z, slice_ in zip(normal[:, 1], slices, strict=True)]
    return np.column_stack([x, y]), normal


def _normal_score_slope(target: GridTarget) -> float:
    """∫ F⁻¹(u) Φ⁻¹(u) du, integrated by parts to ∫ φ(Φ⁻¹(F(x))) dx, which has nothing infinite in it."""
    (axis,) = target.axes
    density = np.exp(normal_log_prob(_normal_scores(axis, np.exp(target.log_prob)), 0, 1))
    return float(np.sum(density * np.exp(target.log_volume)))


def _normal_scores(axis: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Φ⁻¹(F(x)) at the points of an axis, (G,), never decreasing."""
    from scipy.integrate import cumulative_simpson

    # Each half is integrated from its own end, because 1 − F would lose the upper tail's digits.
    below = np.maximum.accumulate(np.maximum(cumulative_simpson(density, x=axis, initial=0), 0))
    above = np.maximum.accumulate(np.maximum(cumulative_simpson(density[::-1], x=-axis[::-1], initial=0), 0))[::-1]
    total = below + above
    smallest = np.finfo(np.float64).tiny
    lower, upper = (np.maximum(part / total, smallest) for part in (below, above))
    return np.maximum.accumulate(np.where(lower < 0.5, ndtri(lower), -ndtri(upper)))


def _halved_ends(length: int) -> np.ndarray:
    weights = np.ones(length)
    weights[[0, -1]] = 0.5
    return weights


# --- checks


def _check_divergence(target: GridTarget, divergence: str, alpha: float | None) -> float:
    """Return α: that of the two KL divergences, or the one given; without meaning for Wasserstein."""
    alpha = _check_alpha(divergence, alpha)
    if alpha <= 0 and np.any(target.log_prob == -np.inf):
        raise ValueError(
            "the target must be positive at every grid point, or KL(q‖p) and α-divergences with α ≤ 0 are infinite "
            "for every Gaussian; got log-densities of −inf. Use a narrower grid or another divergence"
        )
    return alpha


def _check_alpha(divergence: str, alpha: float | None) -> float:
    check_choice("divergence", divergence, ("reverse-kl", "forward-kl", "alpha", "wasserstein-2"))
    if divergence != "alpha":
        if alpha is not None:
            raise ValueError(f"alpha must be left out with divergence {divergence!r}; got {alpha}")
        return 0.0 if divergence == "reverse-kl" else 1.0
    if alpha is None:
        raise ValueError("alpha must be a number with divergence 'alpha'; got None")
    alpha = check_scalar("alpha", alpha)
    return next((limit for limit in (0.0, 1.0) if abs(alpha - limit) < _NEAR_LIMIT), alpha)


def _check_start(target: GridTarget, start: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(start, tuple | list) or len(start) != 2:
        raise TypeError(f"start must be a pair (mean, covariance); got {type(start).__name__}")
    mean = check_array("the start's mean", start[0], shape=(target.points.shape[1],))
    covariance = check_covariance("the start's covariance", start[1], size=len(mean))
    for i, axis in enumerate(target.axes):
        if not axis[0] <= mean[i] <= axis[-1]:
            raise ValueError(f"the start's mean must lie on the grid, [{axis[0]}, {axis[-1]}]; got {mean[i]}")
    return mean, covariance


def _check_on_grid(target: GridTarget, mean: np.ndarray, covariance: np.ndarray, name: str) -> None:
    """Refuse a Gaussian that is cut off by the grid's ends, or too narrow to be integrated on it."""
    log_q = multivariate_normal_log_prob(target.points, mean, covariance)
    mass = np.exp(logsumexp(log_q + target.log_volume))
    if abs(mass - 1) > _MASS_TOLERANCE:
        scales = np.sqrt(np.diag(covariance))
        raise ValueError(
            f"{name} must fit on the grid; with mean {np.array2string(mean, precision=3)} and scales "
            f"{np.array2string(scales, precision=3)} its mass there is {mass:.4g} instead of 1. Use a wider grid if "
            "it is cut off, a finer one if it is narrow"
        )
