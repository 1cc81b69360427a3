"""EM and MAP-EM for mixtures of Gaussians: one step, and the climb from one start or from several.

The M-step takes its second moments from what the E-step has computed: about the old mean of each component, in that
component's own units; they are moved to the new mean afterwards.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from course_utils.models.mixtures._blocks import blocks, normalise, run, total_log_density
from course_utils.models.mixtures._checks import ROUNDING, check_numbers, check_varies, correlations_of, covariance_of
from course_utils.models.mixtures.density import STRUCTURES, GaussianMixture, Structure, check_data
from course_utils.models.mixtures.prior import ConjugatePrior, check_prior
from course_utils.workshop.validation import check_choice, check_generator, check_scalar

Initialisation = Literal["k-means++", "random"]
INITIALISATIONS = ("k-means++", "random")

# Starts are drawn from at most this many rows, which bounds their memory.
_START_ROWS = 100_000

# A component narrower than this share of the whole mixture is called collapsed: float64 leaves too few digits to
# the positions of its points. So is one whose correlation matrix, or whose width beside the size of its
# coordinates, is within a few rounding errors of zero.
_NARROWEST = 1e-12
# A component with fewer points than this is empty.
_EMPTY = 1e-100
# If a mean jumps further than this squared distance, in variances of the new component, then moments about the
# old mean have lost too many digits.
_FAR_JUMP = 1e6


class DegenerateComponentError(ValueError):
    """A component has collapsed onto a point, line or plane, or holds no point, so that EM cannot go on."""


class Restart(NamedTuple):
    """One start of `fit_em`: what it reached, or why it was given up."""

    objective: float
    """Last log-likelihood, or log-posterior with a prior, in nats; NaN if the start was given up."""
    iterations: int
    converged: bool
    problem: str | None
    """Message of the DegenerateComponentError that stopped it."""


class Fit(NamedTuple):
    """What `fit_em` found."""

    mixture: GaussianMixture
    log_likelihood: float
    """Log-likelihood of `mixture`, in nats, also where a prior was given."""
    history: np.ndarray
    """(iterations + 1,) log-likelihood, or log-posterior with a prior, from the start to `mixture`; never falls."""
    converged: bool
    iterations: int
    restarts_report: tuple[Restart, ...]


def em_step(mixture: GaussianMixture, data: Any, prior: ConjugatePrior | None = None) -> tuple[GaussianMixture, float]:
    """Make one step of EM, or of MAP-EM with a prior: responsibilities, then the parameters they call for.

    Parameters
    ----------
    mixture : the old parameters; the new ones keep their structure.
    data : (N, D).
    prior : adds log p(parameters) to what the step raises; see `ConjugatePrior`.

    Returns
    -------
    The new mixture, and the log-likelihood of the *old* one in nats, which the step computes on its way.

    Raises
    ------
    DegenerateComponentError : without a prior, a component holds no point or collapses; with one, its covariance
        is too narrow for float64 all the same.
    TypeError, ValueError : `data` is not an array (N, D) of finite numbers, or the prior has another D.

    Source: Dempster, Laird and Rubin (1977); Bishop (2006), equations 9.23 to 9.28.
    """
    data = check_data(data, mixture)
    if prior is not None:
        check_prior(prior, data.shape[1])
    moments = _moments(mixture, data)
    return _maximise(mixture, moments, prior), moments.log_likelihood


def fit_em(
    data: Any,
    components: int,
    *,
    structure: Structure | None = None,
    start: GaussianMixture | None = None,
    initialise: Initialisation = "k-means++",
    restarts: int = 1,
    prior: ConjugatePrior | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-9,
    rng: np.random.Generator | int | None = None,
) -> Fit:
    """Fit a mixture of Gaussians by EM, or by MAP-EM with a prior, and keep the best of several starts.

    Parameters
    ----------
    data : (N, D).
    components : number of components K.
    structure : of the covariances; by default that of `start`, or "full".
    start : the mixture to begin with. Without it, starts are drawn.
    initialise : how starts are drawn. Means are K rows, apart from each other ("k-means++", Arthur and
        Vassilvitskii 2007, with columns scaled to unit variance) or any ("random"); weights are equal;
        covariances are that of the data, divided by K^(2/D), a K-th of its volume. Of more than 100 000 rows,
        as many are drawn with replacement, and used for this.
    restarts : number of starts.
    prior : see `ConjugatePrior`.
    max_iterations : most steps from each start.
    tolerance : a start has converged when a step raises the objective by no more than this, in nats per row.
    rng : generator, which moves on, or seed. Needed unless `start` is given.

    Returns
    -------
    The best fit, with a report on every start.

    A start from which a component collapses or is left without points is given up, and its report says why.
    Among those that do not collapse, the highest likelihood may still belong to a narrow component on a handful
    of points: look at the weights, or use a prior. With a prior, a component without points returns to the
    prior's mode, and constant columns and duplicated rows are no obstacle.

    Raises
    ------
    DegenerateComponentError : every start was given up.
    TypeError, ValueError : an argument is of the wrong kind or out of range; there are fewer rows, or fewer
        different rows, than components; or, without a prior, a column is constant.
    """
    data = check_numbers("data", data, shape=("N", "D"))
    components = check_scalar("components", components, integer=True, minimum=1)
    restarts = check_scalar("restarts", restarts, integer=True, minimum=1)
    max_iterations = check_scalar("max_iterations", max_iterations, integer=True, non_negative=True)
    tolerance = check_scalar("tolerance", tolerance, non_negative=True)
    check_choice("initialise", initialise, INITIALISATIONS)
    if start is not None:
        _check_start(start, data, components, structure, restarts)
    if prior is None:
        if len(data) < components:
            raise _too_few_rows(len(data), components)
        check_varies(data, "Leave it out, or use prior=…")
    else:
        check_prior(prior, data.shape[1])
    if start is not None:
        starts = iter([start])
    else:
        structure = check_choice("structure", structure or "full", STRUCTURES)
        starts = _draw_starts(data, components, structure, initialise, restarts, prior, check_generator("rng", rng))
    best, reports = None, []
    for first in starts:
        fit, report = _ascend(first, data, prior, max_iterations, tolerance)
        reports.append(report)
        if fit is not None and (best is None or fit.history[-1] > best.history[-1]):
            best = fit
    if best is None:
        which = "the start was" if len(reports) == 1 else f"all {len(reports)} starts were"
        raise DegenerateComponentError(f"{which} given up; the last one because {reports[-1].problem}")
    return best._replace(restarts_report=tuple(reports))


# --- the E-step, summed over the rows


class _Sums(NamedTuple):
    """Sums over rows."""

    firsts: np.ndarray
    """(K, D + 1) Σ_n r_nk (x_n − origin), and Σ_n r_nk in the last column."""
    squares: np.ndarray
    """(K, D, D) Σ_n r_nk (y_nk − a_k)(y_nk − a_k)ᵀ about points a_k that the caller chose."""
    log_likelihood: float


class _Moments(NamedTuple):
    """What the M-step needs to know of the data."""

    counts: np.ndarray
    """(K,) N_k = Σ_n r_nk."""
    means: np.ndarray
    """(K, D) x̄_k; the mixture's mean where N_k = 0."""
    scatters: np.ndarray
    """(K, D, D) S_k = Σ_n r_nk (x_n − x̄_k)(x_n − x̄_k)ᵀ."""
    log_likelihood: float
    """Of the old parameters, from which the responsibilities are."""


def _moments(mixture: GaussianMixture, data: np.ndarray) -> _Moments:
    view = mixture._view
    firsts, squares, log_likelihood = _sums(mixture, data)
    counts = firsts[:, -1]
    centred = firsts[:, :-1] / np.maximum(counts, np.finfo(np.float64).tiny)[:, None]
    jumps = np.einsum("kij,kj->ki", view.inverses, centred - (mixture.means - view.origin))
    correction = counts[:, None, None] * jumps[:, :, None] * jumps[:, None, :]
    of_jumps, of_rows = (np.diagonal(matrices, axis1=1, axis2=2) for matrices in (correction, squares))
    if np.any(of_jumps > _FAR_JUMP * (of_rows - of_jumps)):
        squares = _sums(mixture, data, about=jumps).squares
    else:
        squares = squares - correction
    scatters = view.factors @ squares @ view.factors.transpose(0, 2, 1)
    scatters = (scatters + scatters.transpose(0, 2, 1)) / 2
    return _Moments(counts, view.origin + centred, scatters, log_likelihood)


def _sums(mixture: GaussianMixture, data: np.ndarray, about: np.ndarray | None = None) -> _Sums:
    """Do the E-step and sum what it gives; squares are taken about `about` (K, D), else about the old means."""
    components, columns = mixture.means.shape

    def task(rows: range) -> _Sums:
        firsts, squares = np.zeros((components, columns + 1)), np.zeros((components, columns, columns))
        log_likelihood = 0.0
        for _, block in blocks(mixture._view, data, rows):
            log_likelihood += normalise(block).sum()
            responsibilities, whitened = block.log_joint, block.whitened
            firsts += responsibilities @ block.centred.T
            if about is not None:
                np.subtract(whitened, about[:, :, None], out=whitened)
            # √r on both sides keeps the product symmetric, and needs no second buffer
            np.sqrt(responsibilities, out=responsibilities)
            np.multiply(whitened, responsibilities[:, None, :], out=whitened)
            squares += whitened @ whitened.transpose(0, 2, 1)
        return _Sums(firsts, squares, log_likelihood)

    firsts, squares, log_likelihoods = zip(*run(task, mixture._view, len(data)), strict=True)
    return _Sums(sum(firsts), sum(squares), math.fsum(log_likelihoods))


# --- the M-step


def _maximise(mixture: GaussianMixture, moments: _Moments, prior: ConjugatePrior | None) -> GaussianMixture:
    counts, means, scatters, _ = moments
    structure, columns = mixture.structure, means.shape[1]
    if prior is None:
        if counts.min() < _EMPTY:
            raise DegenerateComponentError(
                f"component {np.argmin(counts)} holds no point; use prior=…, another start or fewer components"
            )
        weights, covariances = counts, _covariances(structure, scatters, counts, np.zeros((columns, columns)), 0.0)
    else:
        weights, kappa = counts + prior.concentration - 1, prior.strength
        offsets = means - prior.mean
        shrinkage = (kappa / (counts + kappa))[:, None]
        pulls = (counts[:, None] * shrinkage * offsets)[:, :, None] * offsets[:, None, :]
        means = means - shrinkage * offsets
        covariances = _covariances(
            structure, scatters + pulls, counts, prior.scatter, _prior_count(prior, structure, len(counts))
        )
    weights = weights / weights.sum()
    _check_not_degenerate(weights, means, covariances)
    return GaussianMixture(weights, means, covariances, structure)


def _covariances(
    structure: Structure, scatters: np.ndarray, counts: np.ndarray, prior_scatter: np.ndarray, prior_count: float
) -> np.ndarray:
    """(K, D, D) the covariances of the structure that suit scatters about the means, with a prior's Ψ and count."""
    components, columns, _ = scatters.shape
    if structure == "full":
        return (prior_scatter + scatters) / (counts + prior_count)[:, None, None]
    if structure == "tied":
        return np.tile((prior_scatter + scatters.sum(axis=0)) / (counts.sum() + prior_count), (components, 1, 1))
    squares = np.diagonal(scatters, axis1=1, axis2=2)
    if structure == "diagonal":
        variances = (np.diag(prior_scatter) + squares) / (counts + prior_count)[:, None]
    else:
        totals = np.trace(prior_scatter) / columns + squares.sum(axis=1)
        variances = (totals / (columns * counts + prior_count))[:, None]
    return variances[:, :, None] * np.eye(columns)


def _prior_count(prior: ConjugatePrior, structure: Structure, components: int) -> float:
    """How many points the prior adds to the denominator of a covariance; derived in `ConjugatePrior`."""
    columns = len(prior.mean)
    normal = {"full": 1, "tied": components, "diagonal": 1, "spherical": columns}[structure]
    wishart = columns + 1 if structure in ("full", "tied") else 2
    return prior.degrees_of_freedom + wishart + normal


def _check_not_degenerate(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> None:
    remedy = "the likelihood has no upper bound there; use prior=… or another start"
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    widths = np.sqrt(variances)
    of_mixture = np.sqrt(weights @ (variances + (means - weights @ means) ** 2))
    narrowest = np.maximum(_NARROWEST * of_mixture, ROUNDING * np.abs(means))
    # written so that NaN counts as collapsed
    collapsed = np.argwhere(~(widths > narrowest))
    if len(collapsed):
        component, column = collapsed[0]
        raise DegenerateComponentError(
            f"component {component} has collapsed: its standard deviation is {widths[component, column]:.3g} in "
            f"column {column}, where its mean is {means[component, column]:.6g} and the mixture's standard deviation "
            f"{of_mixture[column]:.3g}; {remedy}"
        )
    smallest = np.linalg.eigvalsh(correlations_of(covariances)[0])[:, 0]
    component = np.argmin(smallest)
    if smallest[component] < ROUNDING * means.shape[1]:
        raise DegenerateComponentError(
            f"component {component} has collapsed onto a line or plane: the smallest eigenvalue of its correlation "
            f"matrix is {smallest[component]:.3g}; {remedy}"
        )


# --- the climb, and where it starts


def _ascend(
    start: GaussianMixture, data: np.ndarray, prior: ConjugatePrior | None, max_iterations: int, tolerance: float
) -> tuple[Fit | None, Restart]:
    """Repeat EM's steps from one start. The fit is None where a component degenerates."""
    mixture, log_likelihood, history = start, math.nan, []
    candidate, converged = start, False
    for iteration in range(max_iterations + 1):
        moments = _moments(candidate, data) if iteration < max_iterations else None
        reached = total_log_density(candidate._view, data) if moments is None else moments.log_likelihood
        objective = reached + (prior.log_prob(candidate) if prior is not None else 0.0)
        rise = objective - history[-1] if history else math.inf
        converged = abs(rise) <= max(tolerance * len(data), ROUNDING * abs(objective))
        if rise > 0:
            mixture, log_likelihood = candidate, reached
            history.append(objective)
        if converged or rise <= 0 or moments is None:
            break
        try:
            candidate = _maximise(mixture, moments, prior)
        except DegenerateComponentError as error:
            return None, Restart(math.nan, iteration, False, str(error))
    iterations = len(history) - 1
    fit = Fit(mixture, log_likelihood, np.array(history), converged, iterations, ())
    return fit, Restart(history[-1], iterations, converged, None)


def _draw_starts(
    data: np.ndarray,
    components: int,
    structure: Structure,
    initialise: Initialisation,
    count: int,
    prior: ConjugatePrior | None,
    rng: np.random.Generator,
) -> Iterator[GaussianMixture]:
    columns = data.shape[1]
    draw_means = _spread_rows if initialise == "k-means++" else _any_rows
    for _ in range(count):
        rows = data if len(data) <= _START_ROWS else data[rng.integers(len(data), size=_START_ROWS)]
        covariance = covariance_of(rows, definite=prior is None) / components ** (2 / columns)
        if prior is not None:  # its mode, for columns in which the data do not vary
            covariance = covariance + prior.scatter / (prior.degrees_of_freedom + columns + 1)
        equal = np.ones(components)
        covariances = _covariances(structure, equal[:, None, None] * covariance, equal, np.zeros_like(covariance), 0.0)
        yield GaussianMixture(equal / components, draw_means(rows, components, rng), covariances, structure)


def _spread_rows(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows, each with probability proportional to its squared distance from the nearest one so far."""
    deviations = rows.std(axis=0)
    scaled = rows / np.where(deviations > 0, deviations, 1.0)
    chosen = [rng.integers(len(rows))]
    distances = np.full(len(rows), np.inf)
    while len(chosen) < count:
        distances = np.minimum(distances, np.sum((scaled - scaled[chosen[-1]]) ** 2, axis=1))
        total = distances.sum()
        if total == 0:
            raise _too_few_rows(len(chosen), count)
        chosen.append(rng.choice(len(rows), p=distances / total))
    return rows[chosen]


def _any_rows(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    different = np.unique(rows, axis=0)
    if len(different) < count:
        raise _too_few_rows(len(different), count)
    return rng.choice(different, size=count, replace=False)


def _check_start(
    start: GaussianMixture, data: np.ndarray, components: int, structure: Structure | None, restarts: int
) -> None:
    check_data(data, start)
    if len(start.weights) != components:
        raise ValueError(f"start must have components={components}; it has {len(start.weights)}")
    if structure not in (None, start.structure):
        raise ValueError(f"structure must be that of start, {start.structure!r}, or left out; got {structure!r}")
    if restarts != 1:
        raise ValueError(f"restarts must be 1 with a given start, from which every run is the same; got {restarts}")


def _too_few_rows(found: int, components: int) -> ValueError:
    return ValueError(f"data must have at least as many different rows as components={components}; it has {found}")
