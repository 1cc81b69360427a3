"""Mean field on a Gaussian with unknown mean and precision, beside the exact posterior."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from course_utils.models.gaussians import LOG_2PI, normal_entropy, normal_log_prob
from course_utils.models.variational._checks import check_data
from course_utils.workshop.validation import check_array, check_scalar


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
        data = check_data(data, shape=("N",))
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
    data = check_data(data, shape=("N",))
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
    data = check_data(data, shape=("N",))
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
    data = check_data(data, shape=("N",))
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
    data = check_data(data, shape=("N",))
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


def _check_numbers(instance: Any, *, positive: tuple[str, ...]) -> None:
    for field in fields(instance):
        value = check_scalar(field.name, getattr(instance, field.name), positive=field.name in positive)
        object.__setattr__(instance, field.name, value)
