"""Lesson 05, amortised inference: what its notebook, explorers and exercises share."""

import numpy as np

from course_utils.models.mixtures import GaussianMixture
from course_utils.workshop.data import digits


def faithful_mixture() -> GaussianMixture:
    """Return the best mixture of two Gaussians for Old Faithful, from lesson 03: short eruptions, long ones."""
    return GaussianMixture(
        weights=[0.35587, 0.64413],
        means=[[2.03639, 54.47852], [4.28966, 79.96812]],
        covariances=[[[0.06917, 0.43517], [0.43517, 33.69728]], [[0.16997, 0.94061], [0.94061, 36.04621]]],
    )


def zeros_and_ones() -> tuple[np.ndarray, np.ndarray]:
    """Return the handwritten zeros and ones: 300 images (300, 64), and the 60 that follow (60, 64)."""
    images, labels = digits()
    data = images[labels < 2].reshape(-1, 64)
    return data[:300], data[300:]
