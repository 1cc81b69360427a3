"""Mean field on a correlated Gaussian: where it ends, and the way there."""

from typing import Any

import numpy as np

from course_utils.models.gaussians import solve_lower
from course_utils.workshop.validation import check_array, check_covariance, check_scalar


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
