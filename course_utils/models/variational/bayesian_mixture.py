"""Mean field on the Bayesian Gaussian mixture, beside the exact evidence of a few points."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, multigammaln, xlogy

from course_utils.models.gaussians import LOG_2PI, solve_lower
from course_utils.models.variational._checks import check_data
from course_utils.workshop.validation import check_array, check_covariance, check_scalar

_MOST_ASSIGNMENTS = 10**6
_MOST_ENUMERATED = 10


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
    data = check_data(data, shape=("N", "D"), min_size=2)
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
    data = check_data(data, shape=("N", factors.means.shape[1]))
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


def _check_points(value: Any, prior: MixturePrior, *, min_size: int | None = None) -> np.ndarray:
    data = check_data(value, shape=("N", "D"), min_size=min_size)
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
