"""Variational inference: mean field by coordinate ascent (CAVI), beside exact answers.

Three parts, each of them small enough to be compared with something exact:

- a Gaussian with unknown mean and precision: exact posterior (`NormalGamma`) and mean field
  (`cavi_normal_gamma`);
- the Bayesian Gaussian mixture: `cavi_mixture` with every term of its bound, and the exact evidence of a few
  points (`log_evidence_by_enumeration`);
- mean field on a correlated Gaussian (`mean_field_gaussian`, `cavi_gaussian`).

Everything is numpy in float64. Bounds and entropies are in nats, for the whole data set. Bishop stands for
C. M. Bishop, Pattern Recognition and Machine Learning (2006).
"""

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, multigammaln, xlogy

from course_utils.models.gaussians import LOG_2PI, normal_entropy, normal_log_prob, solve_lower
from course_utils.workshop.validation import check_array, check_covariance, check_scalar

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
        return float(self._log_norm() - posterior._log_norm() - 0.5 * count * LOG_2PI)

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
        "E[log p(x|μ,τ)]": 0.5 * len(data) * (log_precision - LOG_2PI)
        - 0.5 * precision * _expected_squares(data, factors),
        "E[log p(μ|τ)]": 0.5 * (math.log(prior.strength) + log_precision - LOG_2PI)
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
        - 0.5 * factors.means.shape[1] * LOG_2PI
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
    traces = np.array([np.sum(solve_lower(lower, prior_cholesky) ** 2) for lower in factors._cholesky])
    wishart_entropies = (
        0.5 * degrees * size
        - 0.5 * (degrees - size - 1) * log_det
        - _log_wishart_norm(degrees, _log_det_scatters(factors), size)
    )
    log_p_x = 0.5 * (log_det - size * LOG_2PI - expected_quadratic(data, factors))
    prior_quadratic = size / strengths + degrees * _squared_distances(prior.mean[None], factors)[0]
    log_p_means = 0.5 * (size * (math.log(prior.strength) - LOG_2PI) + log_det - prior.strength * prior_quadratic)
    log_p_precisions = (
        _log_wishart_norm(prior.degrees_of_freedom, 2 * np.sum(np.log(np.diag(prior_cholesky))), size)
        + 0.5 * (prior.degrees_of_freedom - size - 1) * log_det
        - 0.5 * degrees * traces
    )
    mean_entropies = 0.5 * size * (1 + LOG_2PI - np.log(strengths)) - 0.5 * log_det
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
        - 0.5 * count * size * LOG_2PI
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
        np.sum(solve_lower(lower, (points - mean).T) ** 2, axis=0)
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
    inverse = solve_lower(np.linalg.cholesky(covariance), np.eye(len(mean)))
    return mean, inverse.T @ inverse


# --- checks


def _check_numbers(instance: Any, *, positive: tuple[str, ...]) -> None:
    for field in fields(instance):
        value = check_scalar(field.name, getattr(instance, field.name), positive=field.name in positive)
        object.__setattr__(instance, field.name, value)


def _check_data(value: Any, *, shape: tuple[int | str, ...], min_size: int | None = None) -> np.ndarray:
    data = check_array("data", value, shape=shape, min_size=min_size)
    if data.size and np.max(np.abs(data)) > _LARGEST:
        raise ValueError(
            f"data must stay below {_LARGEST:g}, because squares are needed; got {np.max(np.abs(data)):.3g}. "
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
    value: Any, rows: int, *, components: int | None = None, name: str = "responsibilities"
) -> np.ndarray:
    responsibilities = check_array(name, value, shape=(rows, "K" if components is None else components))
    if responsibilities.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column; got shape {responsibilities.shape}")
    if responsibilities.size and np.min(responsibilities) < 0:
        raise ValueError(f"{name} must not be negative; got {np.min(responsibilities):.3g}")
    off = np.abs(responsibilities.sum(axis=1) - 1)
    if off.size and np.max(off) > 1e-6:
        row = int(np.argmax(off))
        raise ValueError(f"{name} must sum to 1 in every row; row {row} sums to {responsibilities[row].sum():.6g}")
    return responsibilities
