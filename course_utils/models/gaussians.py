"""Gaussian densities, entropies and Kullback-Leibler divergences in closed form, in nats.

Two families, named as in torch.distributions and following its conventions:

- ``normal_*`` functions work element by element and broadcast, like ``torch.distributions.Normal``. A
  Gaussian with a diagonal covariance is a product of such factors, so its log-density, entropy and divergence
  are the sums over the last axis: ``normal_log_prob(x, mean, scale).sum(axis=-1)``.
- ``multivariate_normal_*`` functions take one mean (D,) and one full covariance (D, D), like
  ``torch.distributions.MultivariateNormal``.

`LOG_2PI` and `solve_lower`, of which they are made, serve the modules with densities of their own.

Everything here is numpy, float64 and, but for `solve_lower`, validated: these are the oracles that lessons
compare with. Where a gradient is wanted, torch.distributions is the tool. A tensor that requires grad is
therefore refused, because a loss to which such a term is added would train without it, and nothing would say so.
"""

import math
from typing import Any

import numpy as np

from course_utils.workshop.validation import Shape, check_array, check_covariance

LOG_2PI = math.log(2 * math.pi)
"""ln 2π: a Gaussian log-density loses half of it, in nats, with each dimension."""


def normal_log_prob(x: Any, mean: Any, scale: Any) -> np.ndarray:
    """Log-density of N(mean, scale²) at x, element by element, in nats.

    Parameters
    ----------
    x, mean, scale : arrays that broadcast together; `scale` holds standard deviations.

    Returns
    -------
    The log-densities, in the broadcast shape.

    Raises
    ------
    TypeError, ValueError : an argument is not made of finite real numbers, is empty or requires grad, a scale
        is not positive, or the shapes do not broadcast.
    """
    x, mean, scale = _array("x", x), _array("mean", mean), _array("scale", scale, positive=True)
    _check_broadcast(x=x, mean=mean, scale=scale)
    return -0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * LOG_2PI


def normal_entropy(scale: Any) -> np.ndarray:
    """Entropy ½ ln(2πe scale²) of a univariate Gaussian, element by element, in nats.

    Parameters
    ----------
    scale : standard deviations, any shape.

    Returns
    -------
    The entropies, in the shape of `scale`.

    Raises
    ------
    TypeError, ValueError : `scale` is not made of finite positive numbers, is empty or requires grad.
    """
    return 0.5 * (1 + LOG_2PI) + np.log(_array("scale", scale, positive=True))


def normal_kl(mean_q: Any, scale_q: Any, mean_p: Any, scale_p: Any) -> np.ndarray:
    """KL(q‖p) from q = N(mean_q, scale_q²) to p = N(mean_p, scale_p²), element by element, in nats.

    Parameters
    ----------
    mean_q, scale_q, mean_p, scale_p : arrays that broadcast together; scales are standard deviations.

    Returns
    -------
    The divergences, never negative, in the broadcast shape.

    Raises
    ------
    TypeError, ValueError : an argument is not made of finite real numbers, is empty or requires grad, a scale
        is not positive, or the shapes do not broadcast.
    """
    mean_q, scale_q = _array("mean_q", mean_q), _array("scale_q", scale_q, positive=True)
    mean_p, scale_p = _array("mean_p", mean_p), _array("scale_p", scale_p, positive=True)
    _check_broadcast(mean_q=mean_q, scale_q=scale_q, mean_p=mean_p, scale_p=scale_p)
    log_ratio = 2 * (np.log(scale_q) - np.log(scale_p))
    return 0.5 * (_excess(log_ratio) + ((mean_q - mean_p) / scale_p) ** 2)


def normal_kl_to_standard(mean: Any, log_var: Any) -> np.ndarray:
    """KL(q‖p) from q = N(mean, exp(log_var)) to p = N(0, 1), element by element, in nats.

    Summed over the last axis this is the second term of a variational autoencoder's bound, with the encoder's
    two outputs as arguments (Kingma and Welling 2014, appendix B).

    Parameters
    ----------
    mean, log_var : arrays that broadcast together; `log_var` holds the logarithms of variances.

    Returns
    -------
    The divergences ½ (exp(log_var) + mean² − 1 − log_var), never negative, in the broadcast shape.

    Raises
    ------
    TypeError, ValueError : an argument is not made of finite real numbers, is empty or requires grad, or the
        shapes do not broadcast.
    """
    mean, log_var = _array("mean", mean), _array("log_var", log_var)
    _check_broadcast(mean=mean, log_var=log_var)
    return 0.5 * (_excess(log_var) + mean**2)


def multivariate_normal_log_prob(x: Any, mean: Any, covariance: Any) -> np.ndarray:
    """Log-density of N(mean, covariance) at one point or at each of N points, in nats.

    Parameters
    ----------
    x : (D,) or (N, D).
    mean : (D,).
    covariance : (D, D), symmetric positive definite.

    Returns
    -------
    One number for x (D,), an array (N,) for x (N, D).

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, an argument is not made of finite real numbers,
        is empty or requires grad, or the covariance is not symmetric positive definite.
    """
    mean, covariance = _mean_and_covariance("mean", mean, "covariance", covariance)
    x = _array("x", x)
    if x.ndim not in (1, 2) or x.shape[-1] != len(mean):
        raise ValueError(f"x must have shape (N, {len(mean)}) or ({len(mean)},); got {x.shape}")
    factor = np.linalg.cholesky(covariance)
    whitened = solve_lower(factor, (x - mean).T)
    return -0.5 * np.sum(whitened**2, axis=0) - _half_log_det(factor) - 0.5 * len(mean) * LOG_2PI


def multivariate_normal_entropy(covariance: Any) -> float:
    """Entropy ½ ln det(2πe covariance) of a Gaussian, in nats.

    Parameters
    ----------
    covariance : (D, D), symmetric positive definite.

    Raises
    ------
    TypeError, ValueError : the covariance is not a symmetric positive definite matrix of finite real numbers,
        or requires grad.
    """
    covariance = _covariance("covariance", covariance)
    return float(0.5 * len(covariance) * (1 + LOG_2PI) + _half_log_det(np.linalg.cholesky(covariance)))


def multivariate_normal_kl(mean_q: Any, covariance_q: Any, mean_p: Any, covariance_p: Any) -> float:
    """KL(q‖p) from q = N(mean_q, covariance_q) to p = N(mean_p, covariance_p), in nats.

    Parameters
    ----------
    mean_q, mean_p : (D,).
    covariance_q, covariance_p : (D, D), symmetric positive definite.

    Returns
    -------
    The divergence ½ (tr(Σp⁻¹Σq) + (μq−μp)ᵀΣp⁻¹(μq−μp) − D − ln det(Σp⁻¹Σq)), never negative.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the others, an argument is not made of finite real numbers,
        is empty or requires grad, or a covariance is not symmetric positive definite.
    """
    mean_q, covariance_q = _mean_and_covariance("mean_q", mean_q, "covariance_q", covariance_q)
    mean_p, covariance_p = _mean_and_covariance("mean_p", mean_p, "covariance_p", covariance_p, size=len(mean_q))
    factor_q, factor_p = np.linalg.cholesky(covariance_q), np.linalg.cholesky(covariance_p)
    # Where p is standard, q has these scales along its own axes. The divergence is then a sum of univariate
    # ones, each of them non-negative, which trace − D − log-determinant is only up to rounding.
    scales = np.linalg.svd(solve_lower(factor_p, factor_q), compute_uv=False)
    shift = solve_lower(factor_p, mean_q - mean_p)
    return float(0.5 * (np.sum(_excess(2 * np.log(scales))) + np.sum(shift**2)))


def multivariate_normal_fit(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Maximum-likelihood mean and covariance (divided by N, not N − 1) of a Gaussian.

    Parameters
    ----------
    data : (N, D), with N > D.

    Returns
    -------
    mean (D,) and covariance (D, D).

    Raises
    ------
    TypeError, ValueError : `data` is not made of finite real numbers or requires grad, or there is no
        maximum: with N ≤ D points, or points in a plane of fewer than D dimensions, the likelihood has no
        bound.
    """
    data = _array("data", data, shape=("N", "D"))
    rows, columns = data.shape
    if rows <= columns:
        raise ValueError(
            f"data must have more rows than columns, or the likelihood has no maximum; got shape {data.shape}"
        )
    mean = data.mean(axis=0)
    deviations = data - mean
    return mean, check_covariance("the covariance of data", deviations.T @ deviations / rows)


def solve_lower(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve factor @ x = right for x, by forward substitution; nothing but the shapes is checked.

    With a covariance's Cholesky factor this whitens: columns of N(0, LLᵀ) become columns of N(0, I).

    Parameters
    ----------
    factor : (D, D) lower triangular with no zero on its diagonal; what stands above the diagonal is not read.
    right : (D,) or (D, N).

    Returns
    -------
    x, in the shape of `right`.

    Raises
    ------
    ValueError : the shapes do not fit, or a number is not finite.
    numpy.linalg.LinAlgError : the diagonal holds a zero.
    """
    # imported here because it costs more than the rest of the module and most lessons start without it
    from scipy.linalg import solve_triangular

    return solve_triangular(factor, right, lower=True)


def _array(name: str, value: Any, *, shape: Shape | None = None, positive: bool = False) -> np.ndarray:
    if getattr(value, "requires_grad", False):
        raise TypeError(
            f"{name} requires grad, but this function computes in numpy and would lose the gradient; "
            f"use torch.distributions, or pass {name}.detach()"
        )
    return check_array(name, value, shape=shape, positive=positive, min_size=1)


def _covariance(name: str, value: Any, *, size: int | None = None) -> np.ndarray:
    return check_covariance(name, _array(name, value), size=size)


def _mean_and_covariance(
    mean_name: str, mean: Any, covariance_name: str, covariance: Any, *, size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    mean = _array(mean_name, mean, shape=("D" if size is None else size,))
    return mean, _covariance(covariance_name, covariance, size=len(mean))


def _check_broadcast(**arrays: np.ndarray) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast together; got {shapes}") from None


def _excess(log_ratio: np.ndarray) -> np.ndarray:
    """Give r − 1 − ln r for the ratio of variances r = exp(log_ratio), without cancellation where r is close
    to 1."""
    return np.expm1(log_ratio) - log_ratio


def _half_log_det(factor: np.ndarray) -> float:
    """Half the log-determinant of a covariance, from its Cholesky factor."""
    return np.sum(np.log(np.diag(factor)))
