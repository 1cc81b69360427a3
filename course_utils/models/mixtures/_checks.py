"""What the model, its prior and EM all compute of their arguments, or refuse in them."""

from typing import Any

import numpy as np

from course_utils.workshop.validation import Shape, check_array, check_covariance

# What lies within this share of its own scale, a few rounding errors, cannot be told from zero.
ROUNDING = 64 * np.finfo(np.float64).eps


def check_numbers(name: str, value: Any, *, shape: Shape | None = None) -> np.ndarray:
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


def correlations_of(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, D, D) correlation matrices and (K, D) standard deviations."""
    scales = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    with np.errstate(over="ignore"):  # in what is no covariance, and will be refused
        return covariances / scales[:, :, None] / scales[:, None, :], scales


def covariance_of(data: np.ndarray, *, definite: bool = True) -> np.ndarray:
    deviations = data - data.mean(axis=0)
    covariance = deviations.T @ deviations / len(data)
    return check_covariance("the covariance of data", covariance) if definite else covariance


def check_varies(data: np.ndarray, remedy: str) -> None:
    constant = data.min(axis=0) == data.max(axis=0)
    if constant.any():
        column = np.argmax(constant)
        raise ValueError(
            f"data must vary in every column, or the likelihood has no upper bound; column {column} is "
            f"{data[0, column]:.6g} throughout. {remedy}"
        )
