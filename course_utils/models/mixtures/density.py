"""The mixture of Gaussians itself: densities, responsibilities, sampling and what a set of parameters must fulfil."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from course_utils.models.mixtures._blocks import (
    Block,
    View,
    blocks,
    joint_log_densities,
    normalise,
    posteriors,
    run,
    total_log_density,
    view_of,
)
from course_utils.models.mixtures._checks import ROUNDING, check_numbers, correlations_of
from course_utils.workshop.validation import check_choice, check_covariance, check_generator, check_scalar

Structure = Literal["full", "tied", "diagonal", "spherical"]
STRUCTURES = ("full", "tied", "diagonal", "spherical")


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
        weights = check_numbers("weights", self.weights, shape=("K",))
        _check_weights(weights)
        means = check_numbers("means", self.means, shape=(len(weights), "D"))
        components, columns = means.shape
        covariances = check_numbers("covariances", self.covariances, shape=(components, columns, columns))
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
        return self._by_rows(data, joint_log_densities)

    def log_prob(self, data: Any) -> np.ndarray:
        """Log p(x_n) in nats, for data (N, D): an array (N,). Errors as in `log_joint`."""
        return self._by_rows(data, normalise)

    def responsibilities(self, data: Any) -> np.ndarray:
        """Probabilities p(z_n = k | x_n), for data (N, D): an array (N, K) with rows summing to 1.

        Errors as in `log_joint`.
        """
        return self._by_rows(data, posteriors)

    def log_likelihood(self, data: Any) -> float:
        """Σ_n log p(x_n) in nats, of data (N, D) that the mixture was fitted to or that were held out.

        Memory beyond the data does not grow with N. Errors as in `log_joint`.
        """
        return total_log_density(self._view, check_data(data, self))

    def bic(self, data: Any) -> float:
        """Bayesian information criterion −2 log p(data) + P ln N with P parameters; lower is better.

        Errors as in `log_joint`. Source: Schwarz, Estimating the Dimension of a Model (1978); sign and scale
        as in scikit-learn.
        """
        data = check_data(data, self)
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
    def _view(self) -> View:
        return view_of(self.weights, self.means, self.covariances)

    def _by_rows(self, data: Any, compute: Callable[[Block], np.ndarray]) -> np.ndarray:
        """Fill an array (N,) or (N, K) with what `compute` gives for each block of rows."""
        data = check_data(data, self)
        shape = (len(data),) if compute is normalise else (len(data), len(self.weights))
        result = np.empty(shape)

        def task(rows: range) -> None:
            for part, block in blocks(self._view, data, rows):
                result[part] = compute(block)

        run(task, self._view, len(data))
        return result


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
        correlations, _ = correlations_of(covariances)
        if np.all(np.abs(correlations) < 1 + ROUNDING) and np.linalg.eigvalsh(correlations).min() > ROUNDING * len(
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


def check_data(data: Any, mixture: GaussianMixture) -> np.ndarray:
    """Return data (N, D) as an array, if they have as many columns as the mixture."""
    return check_numbers("data", data, shape=("N", mixture.means.shape[1]))
