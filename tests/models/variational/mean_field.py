"""What the tests of the three mean fields share."""

import numpy as np


def random_covariance(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.3 * np.eye(size)


def assert_rises(history):
    """Never falls, but for the last digits of the larger of its values."""
    assert np.all(np.diff(history) >= -1e-11 * np.maximum(1, np.abs(history).max()))
