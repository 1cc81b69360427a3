"""Lesson 03, expectation–maximization: small mixtures and data, and what is known of them, for its exercises."""

import numpy as np
import torch
from scipy import special, stats


def log_joint(data, weights, means, covariances):
    """Log π_k + log N(x_n | μ_k, Σ_k), an array (N, K)."""
    columns = [
        stats.multivariate_normal.logpdf(data, mean, covariance).reshape(len(data))
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    return np.log(weights) + np.stack(columns, axis=1)


def posterior(data, weights, means, covariances):
    """Responsibilities, an array (N, K)."""
    return special.softmax(log_joint(data, weights, means, covariances), axis=1)


def one_hot(table):
    """A 1 at the largest number of each row, an array (N, K)."""
    return np.eye(table.shape[1])[np.argmax(table, axis=1)]


def log_joint_torch(data, weights, means, covariances):
    """Log π_k + log N(x_n | μ_k, Σ_k) by torch, a tensor (N, K)."""
    components = torch.distributions.MultivariateNormal(torch.as_tensor(means), torch.as_tensor(covariances))
    return torch.log(torch.as_tensor(weights)) + components.log_prob(torch.as_tensor(data)[:, None, :])


def _random_covariances(rng, components, columns):
    roots = rng.normal(size=(components, columns, columns))
    return roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(columns)


_RNG = np.random.default_rng(31)
TWO = (
    np.array([0.3, 0.7]),
    np.array([[0.0, 0.0], [2.0, 1.0]]),
    np.array([[[1.0, 0.4], [0.4, 0.5]], [[2.0, -0.5], [-0.5, 1.0]]]),
)
THREE = (np.array([0.2, 0.5, 0.3]), 2 * _RNG.normal(size=(3, 3)), _random_covariances(_RNG, 3, 3))
GEYSER = (
    np.array([0.36, 0.64]),
    np.array([[2.0, 54.0], [4.3, 80.0]]),
    np.array([[[0.07, 0.4], [0.4, 34.0]], [[0.17, 0.9], [0.9, 36.0]]]),
)
ERUPTIONS = np.array([[3.6, 79.0], [1.8, 54.0], [3.333, 74.0], [2.283, 62.0], [4.533, 85.0], [2.883, 55.0]])
SMALL = np.array([[0.0, 0.5], [1.0, 0.5], [2.5, 0.0]])
CLOUD = 2 * _RNG.normal(size=(8, 3))


def mixture(rng):
    """Draw data and a mixture: few points and components, up to twelve dimensions, equal means, rare ones, any unit."""
    components, columns = rng.integers(1, 5), rng.integers(4, 13) if rng.random() < 0.15 else rng.integers(1, 4)
    means = rng.normal(0, 2, (components, columns))
    if rng.random() < 0.2:
        means[:] = means[0]
    covariances = _random_covariances(rng, components, columns)
    near = rng.integers(components, size=rng.integers(1, 5))
    data = means[near] + np.sqrt(covariances[near].diagonal(axis1=1, axis2=2)) * rng.normal(size=(len(near), columns))
    weights = rng.dirichlet(np.full(components, 2.0))
    if rng.random() < 0.3:
        weights = special.softmax(rng.uniform(-20, 0, components))
    unit = 10 ** rng.uniform(-3, 2) if rng.random() < 0.3 else 1.0
    return unit * data, weights, unit * means, unit**2 * covariances


# 80 standard deviations away from every component, beside ordinary points: a tie between equal shapes, one where the
# wider component wins although the other is nearer, one that is shared without a tie, two in one dimension.
_EYE = np.eye(2)
FAR_OUT = [
    (
        np.array([[0.0, 80.0], [0.5, 0.0], [0.0, -60.0]]),
        np.array([0.25, 0.75]),
        np.array([[-1.0, 0.0], [1.0, 0.0]]),
        np.array([_EYE, _EYE]),
    ),
    (
        np.array([[60.0, 0.0], [1.0, 1.0], [62.0, -50.0]]),
        np.array([0.6, 0.4]),
        np.array([[2.0, 0.0], [-2.0, 0.0]]),
        np.array([_EYE, 1.5 * _EYE]),
    ),
    (
        np.array([[60.0, 0.0], [-80.0, 3.0]]),
        np.array([0.3, 0.7]),
        np.array([[0.01, 0.0], [-0.01, 0.0]]),
        np.array([_EYE, _EYE]),
    ),
    (np.array([[-80.0]]), np.array([0.2, 0.8]), np.array([[0.005], [-0.005]]), np.array([[[1.0]], [[1.0]]])),
    (np.array([[60.0, -70.0], [-80.0, 10.0], [1.0, 1.0]]), *TWO),
]
STABLE = "log-densities (logpdf) all the way, with log-sum-exp over the components of each point"
SOFT = special.softmax(_RNG.normal(size=(8, 3)), axis=1)
