"""Variational inference: mean field by coordinate ascent (CAVI), and Gaussians fitted to a target density.

Four parts, each of them small enough to be compared with something exact:

- a Gaussian with unknown mean and precision: exact posterior (`NormalGamma`) and mean field
  (`cavi_normal_gamma`);
- the Bayesian Gaussian mixture: `cavi_mixture` with every term of its bound, and the exact evidence of a few
  points (`log_evidence_by_enumeration`);
- mean field on a correlated Gaussian (`mean_field_gaussian`, `cavi_gaussian`);
- the Gaussian closest to a density in one or two dimensions, by a divergence of your choice (`grid_target`,
  `fit_gaussian`).

Everything is numpy in float64. Bounds, entropies and divergences are in nats, for the whole data set. Bishop
stands for C. M. Bishop, Pattern Recognition and Machine Learning (2006).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaln, logsumexp, multigammaln, ndtri, xlogy

from course_utils.gaussians import multivariate_normal_log_prob, normal_entropy, normal_log_prob
from course_utils.validation import check_array, check_choice, check_covariance, check_scalar

Divergence = Literal["reverse-kl", "forward-kl", "alpha", "wasserstein-2"]

_LOG_2PI = math.log(2 * math.pi)
# The square of a larger number, summed over many points, would leave float64.
_LARGEST = 1e150
_MOST_ASSIGNMENTS = 10**6
_MOST_ENUMERATED = 10


# --- a Gaussian with unknown mean and precision


@dataclass(frozen=True)
class NormalGamma:
    """Joint distribution of the mean μ and the precision τ of a univariate Gaussian, conjugate to its data.

    τ ~ Gamma(shape, rate) and, given τ, μ ~ N(mean, 1 / (strength τ)). As a prior it is worth `strength`
    points seen at `mean`, and 2 `shape` points seen with variance `rate` / `shape`. Bishop (2.154).

    Parameters
    ----------
    mean : any number.
    strength, shape, rate : positive; the rate is an inverse scale, as in torch.distributions.Gamma.

    Raises
    ------
    TypeError, ValueError : a parameter is not a finite number, or not positive where it must be.
    """

    mean: float
    strength: float
    shape: float
    rate: float

    def __post_init__(self) -> None:
        _check_numbers(self, positive=("strength", "shape", "rate"))

    def posterior(self, data: Any) -> "NormalGamma":
        """Return the exact posterior after `data` (N,); without points it is the prior itself.

        Raises
        ------
        TypeError, ValueError : `data` is not one row of finite real numbers below 1e150.

        Source: K. P. Murphy, Conjugate Bayesian analysis of the Gaussian distribution (2007), section 3.
        """
        data = _check_data(data, shape=("N",))
        strength = self.strength + len(data)
        mean = self.mean + np.sum(data - self.mean) / strength
        squares = np.sum((data - mean) ** 2) + self.strength * (mean - self.mean) ** 2
        return NormalGamma(mean, strength, self.shape + len(data) / 2, self.rate + squares / 2)

    def log_evidence(self, data: Any) -> float:
        """Return ln p(data) in nats, with μ and τ integrated out, for `data` (N,); 0 without points.

        Raises
        ------
        TypeError, ValueError : `data` is not one row of finite real numbers below 1e150.
        """
        posterior = self.posterior(data)
        count = posterior.strength - self.strength
        return float(self._log_norm() - posterior._log_norm() - 0.5 * count * _LOG_2PI)

    def log_prob(self, mean: Any, precision: Any) -> np.ndarray:
        """Log-density at mean μ and precision τ > 0, element by element, in nats.

        Raises
        ------
        TypeError, ValueError : an argument is not made of finite real numbers, a precision is not positive, or
            the shapes do not broadcast.
        """
        precision = check_array("precision", precision, positive=True, min_size=1)
        scale = 1 / np.sqrt(self.strength * precision)
        return normal_log_prob(mean, self.mean, scale) + _gamma_log_prob(precision, self.shape, self.rate)

    def _log_norm(self) -> float:
        """Logarithm of the factor in front of the density, without its powers of 2π."""
        return 0.5 * math.log(self.strength) + self.shape * math.log(self.rate) - gammaln(self.shape)


@dataclass(frozen=True)
class NormalGammaFactors:
    """The mean-field approximation q(μ) q(τ) = N(mean, scale²) Gamma(shape, rate). Bishop (10.25)–(10.30).

    Raises
    ------
    TypeError, ValueError : a parameter is not a finite number, or scale, shape or rate is not positive.
    """

    mean: float
    scale: float
    shape: float
    rate: float

    def __post_init__(self) -> None:
        _check_numbers(self, positive=("scale", "shape", "rate"))

    def log_prob(self, mean: Any, precision: Any) -> np.ndarray:
        """Log-density of q at mean μ and precision τ > 0, element by element, in nats.

        Raises
        ------
        TypeError, ValueError : an argument is not made of finite real numbers, a precision is not positive, or
            the shapes do not broadcast.
        """
        precision = check_array("precision", precision, positive=True, min_size=1)
        return normal_log_prob(mean, self.mean, self.scale) + _gamma_log_prob(precision, self.shape, self.rate)


@dataclass(frozen=True, eq=False)
class NormalGammaFit:
    """What `cavi_normal_gamma` found: `factors`, the way there, and whether it had converged.

    `path` holds the start and then the factors after each single update; `history` (T,) is the ELBO of each of
    them, in nats, and never falls.
    """

    path: tuple[NormalGammaFactors, ...]
    history: np.ndarray
    converged: bool

    @property
    def factors(self) -> NormalGammaFactors:
        """The last factors of the path."""
        return self.path[-1]


def update_mean_factor(data: Any, prior: NormalGamma, factors: NormalGammaFactors) -> NormalGammaFactors:
    """Replace q(μ) by the best one for the present q(τ): ln q(μ) = E_τ[ln p(data, μ, τ)] + const.

    Parameters
    ----------
    data : (N,).
    prior : the prior of μ and τ.
    factors : q(μ) q(τ), of which only q(τ) is used.

    Raises
    ------
    TypeError, ValueError : `data` is not one row of finite real numbers below 1e150.

    Source: Bishop (10.26), (10.27).
    """
    data = _check_data(data, shape=("N",))
    strength = prior.strength + len(data)
    mean = prior.mean + np.sum(data - prior.mean) / strength
    scale = math.sqrt(factors.rate / (strength * factors.shape))
    return NormalGammaFactors(mean, scale, factors.shape, factors.rate)


def update_precision_factor(data: Any, prior: NormalGamma, factors: NormalGammaFactors) -> NormalGammaFactors:
    """Replace q(τ) by the best one for the present q(μ): ln q(τ) = E_μ[ln p(data, μ, τ)] + const.

    The shape grows by N/2 for the points and by ½ for μ itself, whose prior variance depends on τ.

    Parameters
    ----------
    data : (N,).
    prior : the prior of μ and τ.
    factors : q(μ) q(τ), of which only q(μ) is used.

    Raises
    ------
    TypeError, ValueError : `data` is not one row of finite real numbers below 1e150.

    Source: Bishop (10.29), (10.30); early printings lack the ½.
    """
    data = _check_data(data, shape=("N",))
    shape = prior.shape + (len(data) + 1) / 2
    rate = prior.rate + 0.5 * (_expected_squares(data, factors) + prior.strength * _expected_shift(prior, factors))
    return NormalGammaFactors(factors.mean, factors.scale, shape, rate)


def normal_gamma_elbo(data: Any, prior: NormalGamma, factors: NormalGammaFactors) -> dict[str, float]:
    """Return the terms of the ELBO, in nats; the ELBO is their sum.

    Parameters
    ----------
    data : (N,).
    prior : the prior of μ and τ.
    factors : the approximation q(μ) q(τ).

    Returns
    -------
    Expected log-densities of data, mean and precision, and the entropies of the two factors.

    Raises
    ------
    TypeError, ValueError : `data` is not one row of finite real numbers below 1e150.
    """
    data = _check_data(data, shape=("N",))
    precision = factors.shape / factors.rate
    log_precision = digamma(factors.shape) - math.log(factors.rate)
    terms = {
        "E[log p(x|μ,τ)]": 0.5 * len(data) * (log_precision - _LOG_2PI)
        - 0.5 * precision * _expected_squares(data, factors),
        "E[log p(μ|τ)]": 0.5 * (math.log(prior.strength) + log_precision - _LOG_2PI)
        - 0.5 * prior.strength * precision * _expected_shift(prior, factors),
        "E[log p(τ)]": prior.shape * math.log(prior.rate)
        - gammaln(prior.shape)
        + (prior.shape - 1) * log_precision
        - prior.rate * precision,
        "H[q(μ)]": normal_entropy(factors.scale),
        "H[q(τ)]": factors.shape
        - math.log(factors.rate)
        + gammaln(factors.shape)
        + (1 - factors.shape) * digamma(factors.shape),
    }
    return {name: float(value) for name, value in terms.items()}


def cavi_normal_gamma(
    data: Any,
    prior: NormalGamma,
    *,
    start: NormalGammaFactors | None = None,
    sweeps: int = 200,
    tolerance: float = 1e-10,
) -> NormalGammaFit:
    """Approximate the posterior of a Gaussian's mean and precision by q(μ) q(τ), by coordinate ascent.

    Parameters
    ----------
    data : (N,); without points the prior itself is approximated.
    prior : the prior of μ and τ.
    start : the first factors; without it, the prior's mean, scale at its mean precision, shape and rate.
    sweeps : the most sweeps to make; one sweep updates q(μ), then q(τ).
    tolerance : a sweep that raises the ELBO by less than this, in nats, is the last.

    Returns
    -------
    The fit: factors, path, ELBO along the path, and `converged`, which is False if all sweeps were used up.

    Raises
    ------
    TypeError, ValueError : `data` is not one row of finite real numbers below 1e150, or an option is out of
        range.

    Source: Bishop, section 10.1.3.
    """
    data = _check_data(data, shape=("N",))
    sweeps = check_scalar("sweeps", sweeps, integer=True, minimum=1)
    tolerance = check_scalar("tolerance", tolerance, non_negative=True)
    if start is None:
        scale = math.sqrt(prior.rate / (prior.strength * prior.shape))
        start = NormalGammaFactors(prior.mean, scale, prior.shape, prior.rate)
    path, history = [start], [sum(normal_gamma_elbo(data, prior, start).values())]
    converged = False
    for _ in range(sweeps):
        for update in (update_mean_factor, update_precision_factor):
            path.append(update(data, prior, path[-1]))
            history.append(sum(normal_gamma_elbo(data, prior, path[-1]).values()))
        converged = history[-1] - history[-3] <= tolerance
        if converged:
            break
    return NormalGammaFit(tuple(path), np.array(history), converged)


def _expected_squares(data: np.ndarray, factors: NormalGammaFactors) -> float:
    """E_q[Σ (x − μ)²]."""
    return np.sum((data - factors.mean) ** 2) + len(data) * factors.scale**2


def _expected_shift(prior: NormalGamma, factors: NormalGammaFactors) -> float:
    """E_q[(μ − prior mean)²]."""
    return (factors.mean - prior.mean) ** 2 + factors.scale**2


def _gamma_log_prob(precision: np.ndarray, shape: float, rate: float) -> np.ndarray:
    return shape * math.log(rate) - gammaln(shape) + (shape - 1) * np.log(precision) - rate * precision


# --- the Bayesian Gaussian mixture


@dataclass(frozen=True, eq=False)
class MixturePrior:
    """Prior of a Gaussian mixture: Dirichlet on the weights, Normal–Wishart on each mean and precision matrix.

    π ~ Dirichlet(concentration, …, concentration); Λ_k ~ Wishart with `degrees_of_freedom` and scale matrix
    `scatter`⁻¹; given Λ_k, μ_k ~ N(mean, (strength Λ_k)⁻¹). The prior is worth `strength` points seen at
    `mean`, and `degrees_of_freedom` points whose squared deviations add up to `scatter`, so the covariance one
    expects is about `scatter` / `degrees_of_freedom`. Bishop (10.39), (10.40), with α₀, m₀, β₀, ν₀ and W₀⁻¹.

    In scikit-learn's BayesianGaussianMixture the same numbers are called weight_concentration_prior,
    mean_prior, mean_precision_prior, degrees_of_freedom_prior and covariance_prior.

    Parameters
    ----------
    concentration : positive; below 1, the prior likes components to be empty.
    mean : (D,).
    strength : positive.
    degrees_of_freedom : above D − 1.
    scatter : (D, D), symmetric positive definite.

    Raises
    ------
    TypeError, ValueError : a parameter has the wrong type or shape, or is out of range.
    """

    concentration: float
    mean: np.ndarray
    strength: float
    degrees_of_freedom: float
    scatter: np.ndarray

    def __post_init__(self) -> None:
        mean = check_array("mean", self.mean, shape=("D",), min_size=1)
        size = len(mean)
        degrees = check_scalar("degrees_of_freedom", self.degrees_of_freedom)
        if degrees <= size - 1:
            raise ValueError(f"degrees_of_freedom must be above D − 1 = {size - 1}; got {degrees}")
        # a frozen dataclass can only be completed in this way
        for name, value in {
            "concentration": check_scalar("concentration", self.concentration, positive=True),
            "mean": mean,
            "strength": check_scalar("strength", self.strength, positive=True),
            "degrees_of_freedom": degrees,
            "scatter": check_covariance("scatter", self.scatter, size=size),
        }.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class MixtureFactors:
    """The factors q(π) Π q(μ_k, Λ_k) of the mixture's mean-field approximation.

    q(π) = Dirichlet(concentrations); q(Λ_k) = Wishart(degrees_of_freedom[k], scatters[k]⁻¹); given Λ_k,
    q(μ_k) = N(means[k], (strengths[k] Λ_k)⁻¹). Bishop (10.57)–(10.63).

    Parameters
    ----------
    concentrations, strengths, degrees_of_freedom : (K,).
    means : (K, D).
    scatters : (K, D, D), the inverses W_k⁻¹ of the Wishart's scale matrices.

    Raises
    ------
    TypeError, ValueError : a parameter has the wrong type or shape, or is out of range.
    """

    concentrations: np.ndarray
    means: np.ndarray
    strengths: np.ndarray
    degrees_of_freedom: np.ndarray
    scatters: np.ndarray

    def __post_init__(self) -> None:
        means = check_array("means", self.means, shape=("K", "D"), min_size=1)
        components, size = means.shape
        checked = {"means": means}
        for name in ("concentrations", "strengths", "degrees_of_freedom"):
            checked[name] = check_array(name, getattr(self, name), shape=(components,), positive=True)
        if np.min(checked["degrees_of_freedom"]) <= size - 1:
            lowest = np.min(checked["degrees_of_freedom"])
            raise ValueError(f"degrees_of_freedom must be above D − 1 = {size - 1}; got {lowest}")
        scatters = check_array("scatters", self.scatters, shape=(components, size, size))
        checked["scatters"] = np.stack(
            [check_covariance(f"scatters[{k}]", scatter, size=size) for k, scatter in enumerate(scatters)]
        )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def weights(self) -> np.ndarray:
        """Posterior means of the weights, (K,)."""
        return self.concentrations / np.sum(self.concentrations)

    @property
    def covariances(self) -> np.ndarray:
        """Inverses of the posterior means of the precision matrices, (K, D, D); scikit-learn's covariances_."""
        return self.scatters / self.degrees_of_freedom[:, None, None]

    @cached_property
    def _cholesky(self) -> np.ndarray:
        return np.linalg.cholesky(self.scatters)


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """What `cavi_mixture` found.

    `factors` are the best ones for `responsibilities` (N, K); `terms` are the terms of their ELBO. `history`
    (T + 1,) is the ELBO in nats after the factors of the start and after each of T sweeps; it never falls.
    """

    factors: MixtureFactors
    responsibilities: np.ndarray
    terms: dict[str, float]
    history: np.ndarray
    converged: bool


def weak_prior(data: Any, *, concentration: float = 1.0) -> MixturePrior:
    """Return a prior that is worth about one point: scikit-learn's default, but for the concentration.

    It takes mean and covariance (divided by N − 1) from the data, which a prior in the strict sense cannot: the
    evidence under it is a little too high.

    Parameters
    ----------
    data : (N, D), not all in one hyperplane.
    concentration : of the Dirichlet; scikit-learn's default is 1/K.

    Raises
    ------
    TypeError, ValueError : `data` has not the right shape, or its covariance is singular.
    """
    data = _check_data(data, shape=("N", "D"), min_size=2)
    covariance = check_covariance("the covariance of data", np.cov(data.T).reshape(data.shape[1], data.shape[1]))
    return MixturePrior(concentration, data.mean(axis=0), 1.0, data.shape[1], covariance)


def update_factors(data: Any, responsibilities: Any, prior: MixturePrior) -> MixtureFactors:
    """Replace q(π) and all q(μ_k, Λ_k) by the best ones for the present responsibilities.

    A component without points gets its prior back: nothing is divided by N_k.

    Parameters
    ----------
    data : (N, D).
    responsibilities : (N, K), rows that are non-negative and sum to 1.
    prior : the mixture's prior.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, rows of `responsibilities` are no probabilities, or
        data and prior are of such different size that a scatter matrix is singular in float64.

    Source: Bishop (10.58)–(10.63), where N_k S_k + β₀N_k/(β₀+N_k) (x̄_k−m₀)(x̄_k−m₀)ᵀ is written as the scatter
    of the points about the new mean m_k plus β₀ (m_k−m₀)(m_k−m₀)ᵀ, which is the same.
    """
    data = _check_points(data, prior)
    responsibilities = _check_responsibilities(responsibilities, len(data))
    counts = responsibilities.sum(axis=0)
    strengths = prior.strength + counts
    shifts = responsibilities.T @ (data - prior.mean) / strengths[:, None]
    means = prior.mean + shifts
    scatters = np.empty((len(counts), data.shape[1], data.shape[1]))
    for k, mean in enumerate(means):
        deviations = data - mean
        scatters[k] = (
            prior.scatter
            + (responsibilities[:, k, None] * deviations).T @ deviations
            + prior.strength * np.outer(shifts[k], shifts[k])
        )
    for k, scatter in enumerate(scatters):
        try:
            check_covariance(f"the scatter of component {k}", scatter)
        except ValueError as error:
            raise ValueError(f"prior.scatter is too small beside the scatter of data: {error}") from None
    return MixtureFactors(prior.concentration + counts, means, strengths, prior.degrees_of_freedom + counts, scatters)


def expected_log_weights(factors: MixtureFactors) -> np.ndarray:
    """E_q[ln π_k], (K,), in nats. Bishop (10.66)."""
    return digamma(factors.concentrations) - digamma(np.sum(factors.concentrations))


def expected_log_det(factors: MixtureFactors) -> np.ndarray:
    """E_q[ln det Λ_k], (K,), in nats. Bishop (10.65)."""
    size = factors.means.shape[1]
    halves = (factors.degrees_of_freedom[:, None] - np.arange(size)) / 2
    return np.sum(digamma(halves), axis=1) + size * math.log(2) - _log_det_scatters(factors)


def expected_quadratic(data: Any, factors: MixtureFactors) -> np.ndarray:
    """E_q[(x_n − μ_k)ᵀ Λ_k (x_n − μ_k)], (N, K). Bishop (10.64).

    Parameters
    ----------
    data : (N, D).
    factors : those of K components.

    Raises
    ------
    TypeError, ValueError : `data` has not the right shape, or is not made of finite real numbers below 1e150.
    """
    data = _check_data(data, shape=("N", factors.means.shape[1]))
    return data.shape[1] / factors.strengths + factors.degrees_of_freedom * _squared_distances(data, factors)


def update_responsibilities(data: Any, factors: MixtureFactors) -> np.ndarray:
    """Replace q(Z) by the best one for the present factors: responsibilities (N, K).

    Parameters
    ----------
    data : (N, D).
    factors : those of K components.

    Raises
    ------
    TypeError, ValueError : `data` has not the right shape, or is not made of finite real numbers below 1e150.

    Source: Bishop (10.46), (10.49).
    """
    log_rho = (
        expected_log_weights(factors)
        + 0.5 * expected_log_det(factors)
        - 0.5 * expected_quadratic(data, factors)
        - 0.5 * factors.means.shape[1] * _LOG_2PI
    )
    return np.exp(log_rho - logsumexp(log_rho, axis=1, keepdims=True))


def mixture_elbo(data: Any, responsibilities: Any, factors: MixtureFactors, prior: MixturePrior) -> dict[str, float]:
    """Return the seven terms of the mixture's ELBO, in nats; the ELBO is their sum.

    All constants are kept, so the sum can be compared with an exact log evidence. (The lower bound of
    scikit-learn's BayesianGaussianMixture leaves out everything that depends on prior, N and D alone, so only
    its differences mean something; and it holds directly after the factors were updated.)

    Parameters
    ----------
    data : (N, D).
    responsibilities : (N, K), the factor q(Z).
    factors : the factors q(π) and q(μ_k, Λ_k).
    prior : the mixture's prior.

    Returns
    -------
    Four expected log-densities and three entropies, by name.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, or rows of `responsibilities` are no probabilities.

    Source: Bishop (10.71)–(10.77), in this order; the entropies are (10.75)–(10.77) with the other sign.
    """
    data = _check_points(data, prior)
    responsibilities = _check_responsibilities(responsibilities, len(data), components=len(factors.means))
    components, size = factors.means.shape
    if size != data.shape[1]:
        raise ValueError(
            f"factors must be those of data in {data.shape[1]} dimensions; got means {factors.means.shape}"
        )
    log_weights, log_det = expected_log_weights(factors), expected_log_det(factors)
    degrees, strengths = factors.degrees_of_freedom, factors.strengths
    # tr(W₀⁻¹ W_k), from the Cholesky factors of both
    prior_cholesky = np.linalg.cholesky(prior.scatter)
    traces = np.array([np.sum(_solve_lower(lower, prior_cholesky) ** 2) for lower in factors._cholesky])
    wishart_entropies = (
        0.5 * degrees * size
        - 0.5 * (degrees - size - 1) * log_det
        - _log_wishart_norm(degrees, _log_det_scatters(factors), size)
    )
    log_p_x = 0.5 * (log_det - size * _LOG_2PI - expected_quadratic(data, factors))
    prior_quadratic = size / strengths + degrees * _squared_distances(prior.mean[None], factors)[0]
    log_p_means = 0.5 * (size * (math.log(prior.strength) - _LOG_2PI) + log_det - prior.strength * prior_quadratic)
    log_p_precisions = (
        _log_wishart_norm(prior.degrees_of_freedom, 2 * np.sum(np.log(np.diag(prior_cholesky))), size)
        + 0.5 * (prior.degrees_of_freedom - size - 1) * log_det
        - 0.5 * degrees * traces
    )
    mean_entropies = 0.5 * size * (1 + _LOG_2PI - np.log(strengths)) - 0.5 * log_det
    prior_concentrations = np.full(components, prior.concentration)
    terms = {
        "E[log p(X|Z,μ,Λ)]": np.sum(responsibilities * log_p_x),
        "E[log p(Z|π)]": np.sum(responsibilities @ log_weights),
        "E[log p(π)]": _log_dirichlet_norm(prior_concentrations) + (prior.concentration - 1) * np.sum(log_weights),
        "E[log p(μ,Λ)]": np.sum(log_p_means + log_p_precisions),
        "H[q(Z)]": -np.sum(xlogy(responsibilities, responsibilities)),
        "H[q(π)]": -_log_dirichlet_norm(factors.concentrations) - np.sum((factors.concentrations - 1) * log_weights),
        "H[q(μ,Λ)]": np.sum(mean_entropies + wishart_entropies),
    }
    return {name: float(value) for name, value in terms.items()}


def cavi_mixture(
    data: Any, prior: MixturePrior, start: Any, *, sweeps: int = 1000, tolerance: float = 1e-8
) -> MixtureFit:
    """Fit the Bayesian Gaussian mixture by coordinate ascent.

    The factors are updated from the start first; a sweep then updates the responsibilities and the factors.
    The result is a local optimum that depends on the start: compare several by their last ELBO.

    Parameters
    ----------
    data : (N, D), at least one point.
    prior : the mixture's prior.
    start : responsibilities (N, K), for instance those of k-means, or ``rng.dirichlet(np.ones(K), size=N)``.
        Equal columns stay equal for ever.
    sweeps : the most sweeps to make.
    tolerance : a sweep that raises the ELBO by less than this, in nats, is the last.

    Returns
    -------
    The fit; its `converged` is False if all sweeps were used up.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, rows of `start` are no probabilities, an option is
        out of range, or data and prior are of such different size that a scatter matrix is singular in float64.

    Source: Bishop, section 10.2.
    """
    data = _check_points(data, prior, min_size=1)
    responsibilities = _check_responsibilities(start, len(data), name="start")
    sweeps = check_scalar("sweeps", sweeps, integer=True, non_negative=True)
    tolerance = check_scalar("tolerance", tolerance, non_negative=True)
    factors = update_factors(data, responsibilities, prior)
    terms = mixture_elbo(data, responsibilities, factors, prior)
    history, converged = [sum(terms.values())], False
    while not converged and len(history) <= sweeps:
        responsibilities = update_responsibilities(data, factors)
        factors = update_factors(data, responsibilities, prior)
        terms = mixture_elbo(data, responsibilities, factors, prior)
        history.append(sum(terms.values()))
        converged = history[-1] - history[-2] <= tolerance
    return MixtureFit(factors, responsibilities, terms, np.array(history), converged)


def log_evidence_by_enumeration(data: Any, prior: MixturePrior, components: int) -> float:
    """Exact ln p(data) of the Bayesian mixture in nats, summed over all K^N assignments of points to components.

    Each assignment counts with its labels, so K! of them are the same partition: a mean-field bound, which
    settles for one labelling, is lower by about ln K! where clusters are distinct.

    Parameters
    ----------
    data : (N, D), few points unless K = 1; without points the result is 0.
    prior : the mixture's prior.
    components : their number K.

    Raises
    ------
    TypeError, ValueError : a shape does not fit, `components` is not a positive integer, or with more than one
        component there are more than 10 points or more than a million assignments.
    """
    data = _check_points(data, prior)
    components = check_scalar("components", components, integer=True, minimum=1)
    count = len(data)
    if components == 1:
        return _log_block_evidence(data, prior)
    if count > _MOST_ENUMERATED or components**count > _MOST_ASSIGNMENTS:
        raise ValueError(
            f"data must have at most {_MOST_ENUMERATED} points, and components ** N must be at most "
            f"{_MOST_ASSIGNMENTS}, to enumerate all assignments; got {components} ** {count}"
        )
    # A component's points are a subset, written as the bits of an integer.
    bits = 1 << np.arange(count)
    log_evidences = np.array([_log_block_evidence(data[(mask & bits) > 0], prior) for mask in range(1 << count)])
    sizes = np.array([mask.bit_count() for mask in range(1 << count)])
    log_subset = log_evidences + gammaln(prior.concentration + sizes) - gammaln(prior.concentration)
    labels = np.arange(components**count)[:, None] // components ** np.arange(count) % components
    log_assignments = sum(log_subset[(labels == k) @ bits] for k in range(components))
    total = components * prior.concentration
    return float(gammaln(total) - gammaln(total + count) + logsumexp(log_assignments))


def effective_components(responsibilities: Any, *, at_least: float = 1.0) -> int:
    """Count the components that keep an expected number of points Σ_n r_nk of `at_least` or more.

    Parameters
    ----------
    responsibilities : (N, K).
    at_least : expected number of points, positive.

    Raises
    ------
    TypeError, ValueError : rows of `responsibilities` are no probabilities, or `at_least` is not positive.
    """
    responsibilities = _check_responsibilities(responsibilities)
    at_least = check_scalar("at_least", at_least, positive=True)
    return int(np.count_nonzero(responsibilities.sum(axis=0) >= at_least))


def log_predictive(new: Any, factors: MixtureFactors) -> np.ndarray:
    """Log-density of new points under the fit, with all parameters integrated out: a mixture of Student t.

    Parameters
    ----------
    new : (M, D).
    factors : those of K components.

    Returns
    -------
    (M,), in nats.

    Raises
    ------
    TypeError, ValueError : `new` has not the right shape, or is not made of finite real numbers below 1e150.

    Source: Bishop (10.81), (10.82).
    """
    size = factors.means.shape[1]
    new = _check_data(new, shape=("M", size), name="new")
    freedom = factors.degrees_of_freedom + 1 - size
    # The t distribution's shape matrix is stretch times the scatter, over its degrees of freedom.
    stretch = (1 + factors.strengths) / factors.strengths
    log_norm = (
        gammaln((freedom + size) / 2)
        - gammaln(freedom / 2)
        - 0.5 * size * np.log(np.pi * stretch)
        - 0.5 * _log_det_scatters(factors)
    )
    log_t = log_norm - 0.5 * (freedom + size) * np.log1p(_squared_distances(new, factors) / stretch)
    return logsumexp(log_t + np.log(factors.weights), axis=1)


def _log_block_evidence(data: np.ndarray, prior: MixturePrior) -> float:
    """Exact ln p(data) of a single Gaussian under the Normal–Wishart prior (Murphy 2007)."""
    count, size = data.shape
    posterior = update_factors(data, np.ones((count, 1)), prior)
    degrees, log_det = posterior.degrees_of_freedom[0], _log_det_scatters(posterior)[0]
    prior_log_det = np.linalg.slogdet(prior.scatter)[1]
    return float(
        _log_wishart_norm(prior.degrees_of_freedom, prior_log_det, size)
        - _log_wishart_norm(degrees, log_det, size)
        + 0.5 * size * np.log(prior.strength / posterior.strengths[0])
        - 0.5 * count * size * _LOG_2PI
    )


def _log_dirichlet_norm(concentrations: np.ndarray) -> float:
    """ln C(α), Bishop (B.23)."""
    return gammaln(np.sum(concentrations)) - np.sum(gammaln(concentrations))


def _log_wishart_norm(degrees: Any, log_det_scatter: Any, size: int) -> np.ndarray:
    """ln B(W, ν), Bishop (B.79), where ln det W is minus `log_det_scatter`."""
    return 0.5 * degrees * (log_det_scatter - size * math.log(2)) - multigammaln(np.asarray(degrees) / 2, size)


def _log_det_scatters(factors: MixtureFactors) -> np.ndarray:
    return 2 * np.sum(np.log(np.diagonal(factors._cholesky, axis1=1, axis2=2)), axis=1)


def _squared_distances(points: np.ndarray, factors: MixtureFactors) -> np.ndarray:
    """(x_n − m_k)ᵀ W_k (x_n − m_k), (N, K)."""
    columns = [
        np.sum(_solve_lower(lower, (points - mean).T) ** 2, axis=0)
        for lower, mean in zip(factors._cholesky, factors.means, strict=True)
    ]
    return np.stack(columns, axis=1)


# --- mean field on a Gaussian


def mean_field_gaussian(mean: Any, covariance: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (D,) and variances (D,) of the factorised q that minimises KL(q‖p) to p = N(mean, covariance).

    The mean is right; the variances are 1/Λ_ii with Λ the inverse covariance, which is each coordinate's
    variance when the others are known, and never above Σ_ii.

    Parameters
    ----------
    mean : (D,).
    covariance : (D, D), symmetric positive definite.

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, or the covariance is not symmetric positive definite.

    Source: Bishop (10.12)–(10.15).
    """
    mean, precision = _mean_and_precision(mean, covariance)
    return mean.copy(), 1 / np.diag(precision)


def cavi_gaussian(mean: Any, covariance: Any, start: Any, *, sweeps: int = 50) -> np.ndarray:
    """Follow the means of a factorised q on p = N(mean, covariance) while one coordinate after the other is set.

    The variances do not take part: they are 1/Λ_ii after each factor's first update.

    Parameters
    ----------
    mean : (D,).
    covariance : (D, D), symmetric positive definite.
    start : (D,), the first means of q.
    sweeps : how often all D coordinates are updated.

    Returns
    -------
    The path (1 + sweeps · D, D), from the start on, with one coordinate changed in each row.

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, the covariance is not symmetric positive definite, or `sweeps`
        is no positive integer.

    Source: Bishop (10.13); the same sequence as Gauss–Seidel iteration on Λ(m − mean) = 0.
    """
    mean, precision = _mean_and_precision(mean, covariance)
    current = check_array("start", start, shape=(len(mean),)).copy()
    sweeps = check_scalar("sweeps", sweeps, integer=True, minimum=1)
    path = [current.copy()]
    for _ in range(sweeps):
        for i in range(len(mean)):
            others = np.arange(len(mean)) != i
            pull = precision[i, others] @ (current[others] - mean[others])
            current[i] = mean[i] - pull / precision[i, i]
            path.append(current.copy())
    return np.array(path)


def _mean_and_precision(mean: Any, covariance: Any) -> tuple[np.ndarray, np.ndarray]:
    mean = check_array("mean", mean, shape=("D",), min_size=1)
    covariance = check_covariance("covariance", covariance, size=len(mean))
    inverse = _solve_lower(np.linalg.cholesky(covariance), np.eye(len(mean)))
    return mean, inverse.T @ inverse


# --- the Gaussian closest to a density

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
    whitened = _solve_lower(lower, (target.points - mean).T)
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
    normal = _solve_lower(np.linalg.cholesky(normal.T @ normal / count), normal.T).T
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


def _solve_lower(lower: np.ndarray, right: np.ndarray) -> np.ndarray:
    return solve_triangular(lower, right, lower=True)


def _check_numbers(instance: Any, *, positive: tuple[str, ...]) -> None:
    for field in fields(instance):
        value = check_scalar(field.name, getattr(instance, field.name), positive=field.name in positive)
        object.__setattr__(instance, field.name, value)


def _check_data(
    value: Any, *, shape: tuple[int | str, ...], name: str = "data", min_size: int | None = None
) -> np.ndarray:
    data = check_array(name, value, shape=shape, min_size=min_size)
    if data.size and np.max(np.abs(data)) > _LARGEST:
        raise ValueError(
            f"{name} must stay below {_LARGEST:g}, because squares are needed; got {np.max(np.abs(data)):.3g}. "
            "Measure in a larger unit"
        )
    return data


def _check_points(value: Any, prior: MixturePrior, *, min_size: int | None = None) -> np.ndarray:
    data = _check_data(value, shape=("N", "D"), min_size=min_size)
    if data.shape[1] != len(prior.mean):
        raise ValueError(
            f"data must have as many columns as prior.mean has entries, {len(prior.mean)}; got {data.shape}"
        )
    return data


def _check_responsibilities(
    value: Any, rows: int | None = None, *, components: int | None = None, name: str = "responsibilities"
) -> np.ndarray:
    responsibilities = check_array(
        name, value, shape=("N" if rows is None else rows, "K" if components is None else components)
    )
    if responsibilities.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column; got shape {responsibilities.shape}")
    if responsibilities.size and np.min(responsibilities) < 0:
        raise ValueError(f"{name} must not be negative; got {np.min(responsibilities):.3g}")
    off = np.abs(responsibilities.sum(axis=1) - 1)
    if off.size and np.max(off) > 1e-6:
        row = int(np.argmax(off))
        raise ValueError(f"{name} must sum to 1 in every row; row {row} sums to {responsibilities[row].sum():.6g}")
    return responsibilities


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
