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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from course_utils.validation import check_array, check_choice, check_covariance, check_scalar

Structure = Literal["full", "tied", "diagonal", "spherical"]
Initialisation = Literal["k-means++", "random"]

STRUCTURES = ("full", "tied", "diagonal", "spherical")
INITIALISATIONS = ("k-means++", "random")

_LOG_2PI = math.log(2 * math.pi)

# Most numbers of a block: rows × components, below which torch stays in the calling thread, and rows ×
# components × columns, 4 MB.
_BLOCK_PAIRS = 32_000
_BLOCK_COORDINATES = 2**19
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
        covariances = np.stack([check_covariance(f"covariances[{k}]", matrix) for k, matrix in enumerate(covariances)])
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
        return _expectations(self, _check_data(data, self), moments=False).log_likelihood

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
        rng = _generator(rng)
        labels = rng.choice(len(self.weights), size=count, p=self.weights / self.weights.sum())
        data = rng.normal(size=(count, self.means.shape[1]))
        for k, (mean, factor) in enumerate(zip(self.means, self._view.factors, strict=True)):
            data[labels == k] = mean + data[labels == k] @ factor.T
        return data, labels

    @cached_property
    def _view(self) -> "_View":
        return _view(self)

    def _by_rows(self, data: Any, compute: "Callable[[_Block, _Exp], np.ndarray]") -> np.ndarray:
        """Fill an array (N,) or (N, K) with what `compute` gives for each block of rows."""
        data = _check_data(data, self)
        shape = (len(data),) if compute is _normalise else (len(data), len(self.weights))
        result = np.empty(shape)

        def task(rows: range, exp: _Exp) -> None:
            for part, block in _blocks(self, data, rows):
                result[part] = compute(block, exp)

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
    mean_strength : κ > 0, the number of points that m is worth.
    scale : (D, D) Ψ, positive definite.
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
    mean_strength: float
    scale: np.ndarray
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        check_scalar("concentration", self.concentration, minimum=1)
        check_scalar("mean_strength", self.mean_strength, positive=True)
        mean = _numbers("mean", self.mean, shape=("D",))
        scale = check_covariance("scale", _numbers("scale", self.scale), size=len(mean))
        check_scalar("degrees_of_freedom", self.degrees_of_freedom)
        if self.degrees_of_freedom <= len(mean) - 1:
            raise ValueError(
                f"degrees_of_freedom must be above D − 1 = {len(mean) - 1}, or the prior is no distribution; "
                f"got {self.degrees_of_freedom}"
            )
        for name, array in (("mean", mean), ("scale", scale)):
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
        components = check_scalar("components", components, integer=True, positive=True)
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

        _check_prior(self, mixture)
        components, columns = mixture.means.shape
        alpha, kappa, dof = self.concentration, self.mean_strength, self.degrees_of_freedom
        weights = gammaln(components * alpha) - components * gammaln(alpha) + np.sum(xlogy(alpha - 1, mixture.weights))
        log_dets = 2 * mixture._view.log_volumes
        pulls = np.einsum("kij,kj->ki", mixture._view.inverses, mixture.means - self.mean)
        means = -0.5 * np.sum(columns * (_LOG_2PI - math.log(kappa)) + log_dets + kappa * np.sum(pulls**2, axis=1))
        if mixture.structure in ("full", "tied"):
            distinct = slice(None) if mixture.structure == "full" else slice(1)
            traces = np.sum((mixture._view.inverses[distinct] @ np.linalg.cholesky(self.scale)) ** 2, axis=(1, 2))
            log_norm = 0.5 * dof * (np.linalg.slogdet(self.scale)[1] - columns * math.log(2))
            log_norm -= multigammaln(dof / 2, columns)
            covariances = log_norm - 0.5 * ((dof + columns + 1) * log_dets[distinct] + traces)
        else:
            variances, scales = np.diagonal(mixture.covariances, axis1=1, axis2=2), np.diag(self.scale)
            if mixture.structure == "spherical":
                variances, scales = variances[:, 0], scales.mean()
            log_norm = 0.5 * dof * np.log(scales / 2) - gammaln(dof / 2)
            covariances = log_norm - (0.5 * dof + 1) * np.log(variances) - 0.5 * scales / variances
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


def em_step(
    mixture: GaussianMixture, data: Any, prior: ConjugatePrior | None = None
) -> tuple[GaussianMixture, float]:
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
        _check_prior(prior, mixture)
    expectations = _expectations(mixture, data)
    return _maximise(mixture, expectations, prior), expectations.log_likelihood


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
        as many are drawn and used for this.
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
    data, components = _numbers("data", data, shape=("N", "D")), check_scalar("components", components, integer=True)
    check_scalar("components", components, positive=True)
    restarts = check_scalar("restarts", restarts, integer=True, positive=True)
    max_iterations = check_scalar("max_iterations", max_iterations, integer=True, non_negative=True)
    tolerance = check_scalar("tolerance", tolerance, non_negative=True)
    check_choice("initialise", initialise, INITIALISATIONS)
    if start is not None:
        _check_start(start, components, structure, restarts)
        _check_data(data, start)
    if prior is None:
        _check_spread(data, components)
    elif len(prior.mean) != data.shape[1]:
        raise ValueError(f"prior must be one for D = {data.shape[1]} columns; its mean has {len(prior.mean)}")
    starts = [start] if start is not None else _draw_starts(
        data, components, structure or "full", initialise, restarts, prior, _generator(rng)
    )
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
