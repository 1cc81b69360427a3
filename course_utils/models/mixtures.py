"""Mixtures of Gaussians: densities, responsibilities, sampling, and fitting by EM and MAP-EM.

Log-densities are in nats. Everything is numpy in float64 and validated; where a gradient is wanted,
``torch.distributions.MixtureSameFamily`` is the tool.

How the sums are computed. With a factor Σ_k = L_k L_kᵀ, component k sees a point as y = L_k⁻¹ (x − μ_k), and
(x − μ_k)ᵀ Σ_k⁻¹ (x − μ_k) = yᵀy. That square is never expanded into xᵀΣ_k⁻¹x − 2 … + …, whose terms cancel where
a component is narrow or the data are far from the origin. The M-step takes its second moments from the same y:
about the old mean of each component, in that component's own units; they are moved to the new mean afterwards.

Rows are worked on in blocks that stay in the processor's cache, so memory beyond the data does not grow with
their number. Neither blocks nor results depend on how many threads share the work.
"""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from course_utils.models.gaussians import LOG_2PI
from course_utils.workshop.validation import (
    Shape,
    check_array,
    check_choice,
    check_covariance,
    check_generator,
    check_scalar,
)

Structure = Literal["full", "tied", "diagonal", "spherical"]
Initialisation = Literal["k-means++", "random"]

STRUCTURES = ("full", "tied", "diagonal", "spherical")
INITIALISATIONS = ("k-means++", "random")

# Most numbers of a block, rows × components and rows × components × columns: few enough for the processor's
# caches, enough for threads to hand over the interpreter's lock seldom.
_BLOCK_PAIRS = 60_000
_BLOCK_COORDINATES = 500_000
_BLOCKS_IN_A_TASK = 8
# A pass over fewer pairs (row, component) takes about a millisecond, and threads would not make it shorter.
_SERIAL_PAIRS = 100_000

# Starts are drawn from at most this many rows, which bounds their memory.
_START_ROWS = 100_000

# A component narrower than this share of the whole mixture is called collapsed: float64 leaves too few digits to
# the positions of its points. So is one whose correlation matrix, or whose width beside the size of its
# coordinates, is within a few rounding errors of zero.
_NARROWEST = 1e-12
_ROUNDING = 64 * np.finfo(np.float64).eps
# A component with fewer points than this is empty.
_EMPTY = 1e-100
# If a mean jumps further than this squared distance, in variances of the new component, then moments about the
# old mean have lost too many digits.
_FAR_JUMP = 1e6


class DegenerateComponentError(ValueError):
    """A component has collapsed onto a point, line or plane, or holds no point, so that EM cannot go on."""


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """The density p(x) = Σ_k π_k N(x | μ_k, Σ_k).

    Parameters
    ----------
    weights : (K,) π, not negative, summing to 1.
    means : (K, D) μ.
    covariances : (K, D, D) Σ, symmetric positive definite, and written out in full whatever the structure.
    structure : "full"; "tied", one matrix for all components; "diagonal"; or "spherical", multiples of the
        identity. It says how a fit may change the covariances and how many parameters they have.

    The arrays become read-only copies.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, a number is not finite, the weights are no
        distribution, or a covariance (the message says which) is not positive definite or lacks the structure.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 9.2.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    structure: Structure = "full"

    def __post_init__(self) -> None:
        check_choice("structure", self.structure, STRUCTURES)
        weights = _numbers("weights", self.weights, shape=("K",))
        _check_weights(weights)
        means = _numbers("means", self.means, shape=(len(weights), "D"))
        components, columns = means.shape
        covariances = _numbers("covariances", self.covariances, shape=(components, columns, columns))
        covariances = _check_covariances(covariances)
        _check_structure(covariances, self.structure)
        for name, array in (("weights", weights), ("means", means), ("covariances", covariances)):
            array = array.copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def number_of_parameters(self) -> int:
        """Numbers that a fit chooses freely: K − 1 weights, K D means, and those of the covariances."""
        components, columns = self.means.shape
        triangle = columns * (columns + 1) // 2
        of_covariances = {
            "full": components * triangle,
            "tied": triangle,
            "diagonal": components * columns,
            "spherical": components,
        }
        return components - 1 + components * columns + of_covariances[self.structure]

    def log_joint(self, data: Any) -> np.ndarray:
        """Log π_k + log N(x_n | μ_k, Σ_k) in nats, for data (N, D): an array (N, K).

        Raises
        ------
        TypeError, ValueError : `data` is not an array (N, D) of finite real numbers, is empty or requires grad,
            or has a point so far from every component that its log-density is below the range of float64.
        """
        return self._by_rows(data, _log_joint)

    def log_prob(self, data: Any) -> np.ndarray:
        """Log p(x_n) in nats, for data (N, D): an array (N,). Errors as in `log_joint`."""
        return self._by_rows(data, _normalise)

    def responsibilities(self, data: Any) -> np.ndarray:
        """Probabilities p(z_n = k | x_n), for data (N, D): an array (N, K) with rows summing to 1.

        Errors as in `log_joint`.
        """
        return self._by_rows(data, _responsibilities)

    def log_likelihood(self, data: Any) -> float:
        """Σ_n log p(x_n) in nats, of data (N, D) that the mixture was fitted to or that were held out.

        Memory beyond the data does not grow with N. Errors as in `log_joint`.
        """
        return _log_likelihood(self, _check_data(data, self))

    def bic(self, data: Any) -> float:
        """Bayesian information criterion −2 log p(data) + P ln N with P parameters; lower is better.

        Errors as in `log_joint`. Source: Schwarz, Estimating the Dimension of a Model (1978); sign and scale
        as in scikit-learn.
        """
        data = _check_data(data, self)
        return -2 * self.log_likelihood(data) + self.number_of_parameters * math.log(len(data))

    def sample(self, count: int, rng: np.random.Generator | int) -> tuple[np.ndarray, np.ndarray]:
        """Draw points by ancestral sampling: first z from the weights, then x from component z.

        Parameters
        ----------
        count : number of points N.
        rng : generator, which moves on, or seed.

        Returns
        -------
        data (N, D) and component indices z (N,).
        """
        count = check_scalar("count", count, integer=True, non_negative=True)
        rng = check_generator("rng", rng)
        labels = rng.choice(len(self.weights), size=count, p=self.weights / self.weights.sum())
        data = rng.normal(size=(count, self.means.shape[1]))
        for k, (mean, factor) in enumerate(zip(self.means, self._view.factors, strict=True)):
            data[labels == k] = mean + data[labels == k] @ factor.T
        return data, labels

    @cached_property
    def _view(self) -> "_View":
        return _view(self)

    def _by_rows(self, data: Any, compute: "Callable[[_Block], np.ndarray]") -> np.ndarray:
        """Fill an array (N,) or (N, K) with what `compute` gives for each block of rows."""
        data = _check_data(data, self)
        shape = (len(data),) if compute is _normalise else (len(data), len(self.weights))
        result = np.empty(shape)

        def task(rows: range) -> None:
            for part, block in _blocks(self, data, rows):
                result[part] = compute(block)

        _run(task, self, len(data))
        return result


@dataclass(frozen=True, eq=False)
class ConjugatePrior:
    """Dirichlet prior of the weights and Normal–inverse-Wishart prior of means and covariances.

    π ~ Dirichlet(α, …, α),  Σ_k ~ IW(Ψ, ν),  μ_k | Σ_k ~ N(m, Σ_k / κ).

    Parameters
    ----------
    concentration : α ≥ 1. Each component counts as if it held α − 1 points more.
    mean : (D,) m.
    strength : κ > 0, the number of points that m is worth.
    scatter : (D, D) Ψ, positive definite.
    degrees_of_freedom : ν > D − 1.

    Under the other structures the prior is the one of the same form: tied covariances have one Σ ~ IW(Ψ, ν);
    diagonal ones have σ²_kj ~ InverseGamma(ν/2, Ψ_jj/2); spherical ones σ²_k ~ InverseGamma(ν/2, tr Ψ / 2D).

    Raises
    ------
    TypeError, ValueError : a parameter is out of its range, or shapes do not fit.

    Where the updates come from. The E-step is that of EM. With r_nk from it, the M-step maximises
    Σ_nk r_nk [log π_k + log N(x_n | μ_k, Σ_k)] + log p(π, μ, Σ). Write N_k = Σ_n r_nk, x̄_k for the weighted
    mean and S_k = Σ_n r_nk (x_n − x̄_k)(x_n − x̄_k)ᵀ.

    - Weights: Σ_k (N_k + α − 1) log π_k under Σ π_k = 1 gives π_k = (N_k + α − 1) / (N + Kα − K).
    - Means: N_k and κ points at x̄_k and m pull with the same Σ_k⁻¹, so μ_k = (N_k x̄_k + κ m) / (N_k + κ),
      whatever Σ_k is. Put back, the two squares leave (N_k κ / (N_k + κ)) (x̄_k − m)(x̄_k − m)ᵀ.
    - Covariances: what remains is −½ [(N_k + ν + D + 2) log |Σ_k| + tr(Σ_k⁻¹ T_k)] with
      T_k = Ψ + S_k + (N_k κ / (N_k + κ)) (x̄_k − m)(x̄_k − m)ᵀ. Of the D + 2, D + 1 are in the exponent of the
      inverse Wishart and 1 in that of μ_k's normal. Hence Σ_k = T_k / (N_k + ν + D + 2).
    - Tied: the components share Ψ and the exponent, so Σ = (Ψ + Σ_k (T_k − Ψ)) / (N + ν + D + 1 + K). Diagonal:
      each column is a case of D = 1, σ²_kj = (T_k)_jj / (N_k + ν + 3). Spherical: the D columns are D N_k values
      with one variance, σ²_k = (tr Ψ / D + tr(T_k − Ψ)) / (D N_k + ν + D + 2).

    No denominator is ever zero and T_k ≥ Ψ, so the log-posterior has an upper bound where the log-likelihood
    has none: a component that holds no point, or one point only, stays a proper Gaussian.

    Source: Fraley and Raftery, Bayesian Regularization for Normal Mixture Estimation and Model-Based Clustering
    (2007), section 3; Murphy, Machine Learning: A Probabilistic Perspective (2012), section 11.4.2.8.
    """

    concentration: float
    mean: np.ndarray
    strength: float
    scatter: np.ndarray
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        check_scalar("concentration", self.concentration, minimum=1)
        check_scalar("strength", self.strength, positive=True)
        mean = _numbers("mean", self.mean, shape=("D",))
        scatter = check_covariance("scatter", _numbers("scatter", self.scatter), size=len(mean))
        check_scalar("degrees_of_freedom", self.degrees_of_freedom)
        if self.degrees_of_freedom <= len(mean) - 1:
            raise ValueError(
                f"degrees_of_freedom must be above D − 1 = {len(mean) - 1}, or the prior is no distribution; "
                f"got {self.degrees_of_freedom}"
            )
        for name, array in (("mean", mean), ("scatter", scatter)):
            array = array.copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_data(cls, data: Any, components: int) -> "ConjugatePrior":
        """Build a weak prior that knows where the data lie and how wide they are.

        m is their mean with the strength of κ = 0.01 points, ν = D + 2, and Ψ = Cov(data) / K^(2/D), as wide as
        a K-th of the data's volume; α = 2, one extra point for each component, so that no weight vanishes.

        Parameters
        ----------
        data : (N, D).
        components : number of components K.

        Raises
        ------
        TypeError, ValueError : `data` is not an array (N, D) of finite numbers, or its covariance is singular.

        Source: Fraley and Raftery (2007), section 3.2, for all but the weights.
        """
        data = _numbers("data", data, shape=("N", "D"))
        components = check_scalar("components", components, integer=True, minimum=1)
        _check_varies(data, "Leave it out, or choose the scatter of the prior yourself")
        covariance = _covariance_of(data)
        columns = data.shape[1]
        return cls(2.0, data.mean(axis=0), 0.01, covariance / components ** (2 / columns), columns + 2.0)

    def log_prob(self, mixture: GaussianMixture) -> float:
        """Log-density of a mixture's parameters under the prior of its structure, in nats.

        It is a density of the weights π_1 … π_{K−1}, the means, and each free entry of the covariances.

        Raises
        ------
        ValueError : the mixture has another number of columns than the prior.
        """
        from scipy.special import gammaln, multigammaln, xlogy

        _check_prior(self, mixture.means.shape[1])
        components, columns = mixture.means.shape
        alpha, kappa, dof = self.concentration, self.strength, self.degrees_of_freedom
        weights = gammaln(components * alpha) - components * gammaln(alpha) + np.sum(xlogy(alpha - 1, mixture.weights))
        log_dets = 2 * mixture._view.log_volumes
        pulls = np.einsum("kij,kj->ki", mixture._view.inverses, mixture.means - self.mean)
        means = -0.5 * np.sum(columns * (LOG_2PI - math.log(kappa)) + log_dets + kappa * np.sum(pulls**2, axis=1))
        if mixture.structure in ("full", "tied"):
            distinct = slice(None) if mixture.structure == "full" else slice(1)
            traces = np.sum((mixture._view.inverses[distinct] @ np.linalg.cholesky(self.scatter)) ** 2, axis=(1, 2))
            log_norm = 0.5 * dof * (np.linalg.slogdet(self.scatter)[1] - columns * math.log(2))
            log_norm -= multigammaln(dof / 2, columns)
            covariances = log_norm - 0.5 * ((dof + columns + 1) * log_dets[distinct] + traces)
        else:
            variances, scatters = np.diagonal(mixture.covariances, axis1=1, axis2=2), np.diag(self.scatter)
            if mixture.structure == "spherical":
                variances, scatters = variances[:, 0], scatters.mean()
            log_norm = 0.5 * dof * np.log(scatters / 2) - gammaln(dof / 2)
            covariances = log_norm - (0.5 * dof + 1) * np.log(variances) - 0.5 * scatters / variances
        return float(weights + means + np.sum(covariances))


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
    data = _check_data(data, mixture)
    if prior is not None:
        _check_prior(prior, data.shape[1])
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
    data = _numbers("data", data, shape=("N", "D"))
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
        _check_varies(data, "Leave it out, or use prior=…")
    else:
        _check_prior(prior, data.shape[1])
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


# --- the E-step, block by block


class _View(NamedTuple):
    """How the components see the rows: y_k = L_k⁻¹ (x − μ_k), one affine map for all of them."""

    origin: np.ndarray
    """(D,) the mixture's mean, subtracted from a row before all else, so that no digits go to a common offset."""
    factors: np.ndarray
    """(K, D, D) L_k, lower triangular with L_k L_kᵀ = Σ_k."""
    inverses: np.ndarray
    """(K, D, D) L_k⁻¹."""
    matrix: np.ndarray
    """(K D, D + 1) takes (x − origin, 1) to all y_k, one below the other."""
    log_volumes: np.ndarray
    """(K,) ½ log |Σ_k|."""
    constants: np.ndarray
    """(K,) log π_k − ½ log |2πΣ_k|."""


class _Block(NamedTuple):
    """Buffers for some rows. The rows are the last axis, along which processors are fast."""

    centred: np.ndarray
    """(D + 1, rows) the rows less the origin, and ones."""
    whitened: np.ndarray
    """(K, D, rows) y_k."""
    log_joint: np.ndarray
    """(K, rows) log π_k + log N(x | μ_k, Σ_k)."""


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


def _view(mixture: GaussianMixture) -> _View:
    components, columns = mixture.means.shape
    factors = np.linalg.cholesky(mixture.covariances)
    inverses = np.linalg.inv(factors)
    origin = mixture.weights @ mixture.means
    matrix = np.empty((components, columns, columns + 1))
    matrix[:, :, :-1] = inverses
    matrix[:, :, -1] = -np.einsum("kij,kj->ki", inverses, mixture.means - origin)
    log_volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    with np.errstate(divide="ignore"):  # a component of weight 0 has log-weight −∞, as it should
        constants = np.log(mixture.weights) - log_volumes - 0.5 * columns * LOG_2PI
    return _View(origin, factors, inverses, matrix.reshape(-1, columns + 1), log_volumes, constants)


def _correlations(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, D, D) correlation matrices and (K, D) standard deviations."""
    scales = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    with np.errstate(over="ignore"):  # in what is no covariance, and will be refused
        return covariances / scales[:, :, None] / scales[:, None, :], scales


def _blocks(mixture: GaussianMixture, data: np.ndarray, rows: range) -> Iterator[tuple[slice, _Block]]:
    """Yield runs of rows with their joint log-densities, in the same buffers each time."""
    view, (components, columns) = mixture._view, mixture.means.shape
    step = min(_block_rows(mixture), len(rows))
    buffers = _Block(np.ones((columns + 1, step)), np.empty((components, columns, step)), np.empty((components, step)))
    for first in range(rows.start, rows.stop, step):
        part = slice(first, min(first + step, rows.stop))
        block = _Block(*(buffer[..., : part.stop - first] for buffer in buffers))
        with np.errstate(over="ignore", invalid="ignore"):  # `_highest` speaks of a point too far away
            np.subtract(data[part].T, view.origin[:, None], out=block.centred[:-1])
            np.matmul(view.matrix, block.centred, out=block.whitened.reshape(components * columns, -1))
            np.einsum("kdn,kdn->kn", block.whitened, block.whitened, out=block.log_joint)
            np.multiply(block.log_joint, -0.5, out=block.log_joint)
            np.add(block.log_joint, view.constants[:, None], out=block.log_joint)
        yield part, block


def _normalise(block: _Block) -> np.ndarray:
    """Turn joint log-densities into responsibilities, in place, and return log p(x) of each row."""
    scores = block.log_joint
    top = _highest(block)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=0)
    scores /= total
    return top + np.log(total)


def _log_joint(block: _Block) -> np.ndarray:
    _highest(block)
    return block.log_joint.T


def _responsibilities(block: _Block) -> np.ndarray:
    _normalise(block)
    return block.log_joint.T


def _highest(block: _Block) -> np.ndarray:
    top = block.log_joint.max(axis=0)
    if not np.isfinite(top).all():
        point = block.centred[:-1, np.argmin(np.isfinite(top))]
        raise ValueError(
            "data must have a log-density in the range of float64; a point at distance "
            f"{math.hypot(*point):.3g} from the mixture's mean has none"
        )
    return top


def _sums(mixture: GaussianMixture, data: np.ndarray, about: np.ndarray | None = None) -> _Sums:
    """Do the E-step and sum what it gives; squares are taken about `about` (K, D), else about the old means."""
    components, columns = mixture.means.shape

    def task(rows: range) -> _Sums:
        firsts, squares = np.zeros((components, columns + 1)), np.zeros((components, columns, columns))
        log_likelihood = 0.0
        for _, block in _blocks(mixture, data, rows):
            log_likelihood += _normalise(block).sum()
            responsibilities, whitened = block.log_joint, block.whitened
            firsts += responsibilities @ block.centred.T
            if about is not None:
                np.subtract(whitened, about[:, :, None], out=whitened)
            # √r on both sides keeps the product symmetric, and needs no second buffer
            np.sqrt(responsibilities, out=responsibilities)
            np.multiply(whitened, responsibilities[:, None, :], out=whitened)
            squares += whitened @ whitened.transpose(0, 2, 1)
        return _Sums(firsts, squares, log_likelihood)

    firsts, squares, log_likelihoods = zip(*_run(task, mixture, len(data)), strict=True)
    return _Sums(sum(firsts), sum(squares), math.fsum(log_likelihoods))


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


def _log_likelihood(mixture: GaussianMixture, data: np.ndarray) -> float:
    def task(rows: range) -> float:
        return sum(_normalise(block).sum() for _, block in _blocks(mixture, data, rows))

    return math.fsum(_run(task, mixture, len(data)))


def _block_rows(mixture: GaussianMixture) -> int:
    components, columns = mixture.means.shape
    return max(1, min(_BLOCK_PAIRS // components, _BLOCK_COORDINATES // (components * columns)))


def _run(task: Callable[[range], Any], mixture: GaussianMixture, count: int) -> list[Any]:
    """Give runs of rows to a task, in as many threads as the linear algebra would use, and list what it returns."""
    length = _BLOCKS_IN_A_TASK * _block_rows(mixture)
    parts = [range(first, min(first + length, count)) for first in range(0, count, length)]
    blas = _blas()
    # The matrices of a block are too small to be shared between threads; blocks are not, and numpy lets go of
    # the interpreter's lock while it computes.
    workers = 1
    if count * len(mixture.weights) > _SERIAL_PAIRS:
        workers = max((library["num_threads"] for library in blas.info()), default=os.cpu_count() or 1)
    with blas.limit(limits=1):
        if workers == 1:
            return [task(part) for part in parts]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(task, parts))


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


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
    narrowest = np.maximum(_NARROWEST * of_mixture, _ROUNDING * np.abs(means))
    # written so that NaN counts as collapsed
    collapsed = np.argwhere(~(widths > narrowest))
    if len(collapsed):
        component, column = collapsed[0]
        raise DegenerateComponentError(
            f"component {component} has collapsed: its standard deviation is {widths[component, column]:.3g} in "
            f"column {column}, where its mean is {means[component, column]:.6g} and the mixture's standard deviation "
            f"{of_mixture[column]:.3g}; {remedy}"
        )
    smallest = np.linalg.eigvalsh(_correlations(covariances)[0])[:, 0]
    component = np.argmin(smallest)
    if smallest[component] < _ROUNDING * means.shape[1]:
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
        reached = _log_likelihood(candidate, data) if moments is None else moments.log_likelihood
        objective = reached + (prior.log_prob(candidate) if prior is not None else 0.0)
        rise = objective - history[-1] if history else math.inf
        converged = abs(rise) <= max(tolerance * len(data), _ROUNDING * abs(objective))
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
        covariance = _covariance_of(rows, definite=prior is None) / components ** (2 / columns)
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


def _covariance_of(data: np.ndarray, *, definite: bool = True) -> np.ndarray:
    deviations = data - data.mean(axis=0)
    covariance = deviations.T @ deviations / len(data)
    return check_covariance("the covariance of data", covariance) if definite else covariance


# --- what is refused


def _numbers(name: str, value: Any, *, shape: Shape | None = None) -> np.ndarray:
    if getattr(value, "requires_grad", False):
        raise TypeError(
            f"{name} requires grad, but mixtures are computed in numpy, where the gradient would be lost; "
            f"use torch.distributions.MixtureSameFamily, or pass {name}.detach()"
        )
    array = check_array(name, value, shape=shape, min_size=1, finite=False)
    # A sum, unlike a look at every number, takes no memory. If it is not finite, the look says where and why.
    with np.errstate(over="ignore", invalid="ignore"):
        all_finite = np.isfinite(array.sum())
    return array if all_finite else check_array(name, array)


def _check_weights(weights: np.ndarray) -> None:
    if np.any(weights < 0):
        component = np.argmin(weights)
        raise ValueError(f"weights must not be negative; component {component} has {weights[component]:.6g}")
    if abs(weights.sum() - 1) > 1e-6:
        raise ValueError(f"weights must sum to 1; their sum is {weights.sum():.9g}")


def _check_covariances(covariances: np.ndarray) -> np.ndarray:
    # All at once where nothing is in doubt, as in every step of EM; one by one to mend or to say what is wrong.
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if np.all(variances > 0) and np.array_equal(covariances, covariances.transpose(0, 2, 1)):
        correlations, _ = _correlations(covariances)
        if np.all(np.abs(correlations) < 1 + _ROUNDING) and np.linalg.eigvalsh(correlations).min() > _ROUNDING * len(
            covariances[0]
        ):
            return covariances
    return np.stack([check_covariance(f"covariances[{k}]", matrix) for k, matrix in enumerate(covariances)])


def _check_structure(covariances: np.ndarray, structure: Structure) -> None:
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    nearest = {
        "full": covariances,
        "tied": covariances[:1],
        "diagonal": variances[:, :, None] * np.eye(variances.shape[1]),
        "spherical": variances[:, :1, None] * np.eye(variances.shape[1]),
    }[structure]
    different = np.any(covariances != nearest, axis=(1, 2))
    if different.any():
        demand = {"tied": "be equal", "diagonal": "be diagonal", "spherical": "be multiples of the identity"}[structure]
        raise ValueError(
            f"covariances must {demand} in a mixture with structure {structure!r}; component {np.argmax(different)} "
            "breaks this. Change it, or choose structure='full'"
        )


def _check_data(data: Any, mixture: GaussianMixture) -> np.ndarray:
    return _numbers("data", data, shape=("N", mixture.means.shape[1]))


def _check_prior(prior: ConjugatePrior, columns: int) -> None:
    if len(prior.mean) != columns:
        raise ValueError(f"prior must be one for {columns} columns; its mean has {len(prior.mean)}")


def _check_start(
    start: GaussianMixture, data: np.ndarray, components: int, structure: Structure | None, restarts: int
) -> None:
    _check_data(data, start)
    if len(start.weights) != components:
        raise ValueError(f"start must have components={components}; it has {len(start.weights)}")
    if structure not in (None, start.structure):
        raise ValueError(f"structure must be that of start, {start.structure!r}, or left out; got {structure!r}")
    if restarts != 1:
        raise ValueError(f"restarts must be 1 with a given start, from which every run is the same; got {restarts}")


def _check_varies(data: np.ndarray, remedy: str) -> None:
    constant = data.min(axis=0) == data.max(axis=0)
    if constant.any():
        column = np.argmax(constant)
        raise ValueError(
            f"data must vary in every column, or the likelihood has no upper bound; column {column} is "
            f"{data[0, column]:.6g} throughout. {remedy}"
        )


def _too_few_rows(found: int, components: int) -> ValueError:
    return ValueError(f"data must have at least as many different rows as components={components}; it has {found}")
