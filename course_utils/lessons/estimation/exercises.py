"""Lesson 01, estimation: its exercises."""

import math

import numpy as np
import torch
from scipy import stats

from course_utils.lessons.estimation.exercises_with_priors import beta_bernoulli_map, posterior_predictive, ridge_map
from course_utils.workshop.exercises import Exercise, Misconception


def _squares(data, mean, scale):
    return np.sum((data - mean) ** 2) / scale**2


def _log_likelihood_torch(data, mean, scale):
    distances = (torch.as_tensor(data) - mean) / scale
    return -0.5 * torch.sum(distances**2) - distances.numel() * math.log(scale * math.sqrt(2 * math.pi))


def _log_likelihood_loop(data, mean, scale):
    total = 0.0
    for x in data:
        total += -0.5 * np.log(2 * np.pi) - np.log(scale) - 0.5 * ((x - mean) / scale) ** 2
    return total


def _sample(rng):
    """Draw data of one Gaussian with its mean and scale: every sign, every width, some values twice, in any unit."""
    mean, scale = rng.choice([0.0, rng.normal(0, 20)], p=[0.15, 0.85]), np.exp(rng.normal(0.2, 1))
    data = mean + scale * rng.normal(0, 1.5, rng.integers(1, 7))
    if len(data) > 1 and rng.random() < 0.3:
        data[-1] = data[0]
    unit = 10 ** rng.uniform(-4, 4) if rng.random() < 0.3 else 1.0
    return unit * data, float(unit * mean), float(unit * scale)


# Many points, points 60 and 4000 widths away, a wide and a narrow Gaussian: no product of densities survives.
_LONG_PRODUCTS = [
    (np.linspace(40, 100, 400), 70.0, 5.0),
    (np.array([0.0, 60.0]), 0.0, 1.0),
    (np.array([-7999.0, 2.0]), 1.0, 2.0),
    (np.linspace(-3e6, 3e6, 60), -1e5, 1e6),
    (np.linspace(-2e-6, 2e-6, 70), 0.0, 1e-6),
]

gaussian_log_likelihood = Exercise(
    name="gaussian_log_likelihood",
    arguments=("data", "mean", "scale"),
    returns="log-likelihood",
    reference=lambda data, mean, scale: np.sum(stats.norm.logpdf(data, mean, scale)),
    spellings={
        "formula": lambda data, mean, scale: (
            -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale) / 2
        ),
        "torch": _log_likelihood_torch,
        "loop": _log_likelihood_loop,
        "moments": lambda data, mean, scale: (
            -len(data)
            * (np.log(scale) + np.log(2 * np.pi) / 2 + (data.var() + (data.mean() - mean) ** 2) / 2 / scale**2)
        ),
    },
    probes=[
        (np.array([1.0, 3.0, 4.0]), 2.0, 1.5),
        (np.array([-0.5]), 0.25, 0.2),
        (np.array([54.0, 79.0, 74.0, 62.0, 85.0]), 70.0, 13.0),
        (np.array([-3.0, 1.0]), -1.5, 1.0),
    ],
    law=_sample,
    extremes=_LONG_PRODUCTS,
    stable="take the logarithm of each density first, on paper or with logpdf, and sum the logarithms",
    misconceptions=[
        Misconception(
            "half of the log missing",
            lambda data, mean, scale: -len(data) * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale) / 2,
            "The ½ in front of log(2πσ²) is missing: the density holds a square root, 1/√(2πσ²), "
            "and the logarithm of a square root is half a logarithm.",
        ),
        Misconception(
            "N missing",
            lambda data, mean, scale: -np.log(2 * np.pi * scale**2) / 2 - _squares(data, mean, scale) / 2,
            "The term with log(2πσ²) is there once, but every observation brings its own: multiply it by N.",
        ),
        Misconception(
            "half of the square missing",
            lambda data, mean, scale: -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale),
            "The ½ in front of the squared distance is missing: the exponent is −(x − μ)²/(2σ²).",
        ),
        Misconception(
            "divided, then multiplied",
            lambda data, mean, scale: (
                -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, 1.0) / 2 * scale**2
            ),
            "Python reads a / 2 * scale**2 as (a / 2) · scale², so you multiply by the variance. "
            "Put the denominator in brackets: / (2 * scale**2).",
        ),
        Misconception(
            "scale in the logarithm",
            lambda data, mean, scale: -len(data) / 2 * np.log(2 * np.pi * scale) - _squares(data, mean, scale) / 2,
            "The logarithm holds σ where σ² belongs: the density is divided by √(2πσ²), which gives −½ log(2πσ²).",
        ),
        Misconception(
            "scale in the distance",
            lambda data, mean, scale: (
                -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, 1.0) / (2 * scale)
            ),
            "The squared distance is divided by 2σ; it is 2σ², so that distance and scale are in the same units.",
        ),
        Misconception(
            "scale left out of the distance",
            lambda data, mean, scale: -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, 1.0) / 2,
            "The squared distance is not divided by σ²: how far away a point is, is measured in standard deviations.",
        ),
        Misconception(
            "sign of the logarithm",
            lambda data, mean, scale: len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale) / 2,
            "The term with log(2πσ²) has the wrong sign: √(2πσ²) stands in the denominator of the density.",
        ),
        Misconception(
            "sign of the distance",
            lambda data, mean, scale: -len(data) / 2 * np.log(2 * np.pi * scale**2) + _squares(data, mean, scale) / 2,
            "The squared distance has the wrong sign: points far from the mean would be the most likely ones.",
        ),
        Misconception(
            "squared after the sum",
            lambda data, mean, scale: (
                -len(data) / 2 * np.log(2 * np.pi * scale**2) - np.sum(data - mean) ** 2 / (2 * scale**2)
            ),
            "You add the distances up and square the sum, so that distances to the left and to the right cancel. "
            "Square each one first: np.sum((data - mean) ** 2).",
        ),
        Misconception(
            "mean of the squares",
            lambda data, mean, scale: (
                -len(data) / 2 * np.log(2 * np.pi * scale**2) - np.mean((data - mean) ** 2) / (2 * scale**2)
            ),
            "The squared distances are averaged; every observation brings its own, so they are summed.",
        ),
        Misconception(
            "the data's own mean",
            lambda data, mean, scale: np.sum(stats.norm.logpdf(data, np.mean(data), scale)),
            "You measure the distances from the sample mean. The function must answer for any `mean` it is given: "
            "that is what makes it a function of the parameters.",
        ),
        Misconception(
            "the data's own scale",
            lambda data, mean, scale: np.sum(stats.norm.logpdf(data, mean, np.std(data))),
            "You measure in the data's own standard deviation. The function must answer for any `scale` it is given, "
            "and for a single point, too.",
        ),
        Misconception(
            "log of the sum",
            lambda data, mean, scale: np.log(np.sum(stats.norm.pdf(data, mean, scale))),
            "You add the densities up. Independent observations multiply: Σ log p, not log Σ p.",
        ),
        Misconception(
            "variance for standard deviation",
            lambda data, mean, scale: np.sum(stats.norm.logpdf(data, mean, np.sqrt(scale))),
            "You use `scale` where the variance belongs. `scale` is the standard deviation σ: square it.",
        ),
        Misconception(
            "mean for sum",
            lambda data, mean, scale: np.mean(stats.norm.logpdf(data, mean, scale)),
            "You average over the data. Independent observations multiply, so their logarithms are summed.",
        ),
        Misconception(
            "constant missing",
            lambda data, mean, scale: -len(data) * np.log(scale) - _squares(data, mean, scale) / 2,
            "The term with 2π is missing. It does not move the maximum, but without it the number is no log-likelihood "
            "and cannot be compared with another model's.",
        ),
        Misconception(
            "sign",
            lambda data, mean, scale: -np.sum(stats.norm.logpdf(data, mean, scale)),
            "This is the negative log-likelihood: right for a loss to minimise; here the log-likelihood is asked for.",
        ),
        Misconception(
            "not summed",
            lambda data, mean, scale: stats.norm.logpdf(data, mean, scale),
            "These are the log-densities of the single observations; the log-likelihood of the data set is their sum.",
        ),
        Misconception(
            "log of the product",
            lambda data, mean, scale: np.log(np.prod(stats.norm.pdf(data, mean, scale))),
            "For a few points this is right. But the product of 400 densities is smaller than the smallest number "
            "that the machine can hold, and becomes 0: take logarithms first, then sum.",
        ),
        Misconception(
            "the likelihood itself",
            lambda data, mean, scale: np.prod(stats.norm.pdf(data, mean, scale)),
            "This is the likelihood, a product of densities; its logarithm is asked for.",
        ),
    ],
    hints=[
        "Write the logarithm of one density first: two terms, one with log(2πσ²), one with (x − μ)².",
        "log p(x) = −½ log(2πσ²) − (x − μ)²/(2σ²). The first term does not depend on x: it comes N times.",
        "np.sum over −0.5 * np.log(2 * np.pi * scale**2) − 0.5 * ((data − mean) / scale)**2.",
    ],
    praise="Every model of this course is trained by a function of this kind.",
)


def _mle(data):
    mean = data.mean(axis=0)
    return mean, (data - mean).T @ (data - mean) / len(data)


def _mle_loop(data):
    count, size = data.shape
    mean = [sum(row[d] for row in data) / count for d in range(size)]
    covariance = np.zeros((size, size))
    for row in data:
        covariance += np.outer(row - mean, row - mean) / count
    return mean, covariance


def _mle_torch(data):
    tensor = torch.as_tensor(data)
    return tensor.mean(dim=0), torch.cov(tensor.T, correction=0).reshape(tensor.shape[1], -1)


def _mle_of_columns(data):
    mean = data.mean(axis=1)
    return mean, np.cov(data, bias=True)


def _ddof_one(data):
    centred = data - data.mean(axis=0)
    return data.mean(axis=0), np.divide(centred.T @ centred, len(data) - 1)


def _points(rng):
    """Draw correlated points in any unit, from one in one dimension to sixty in twelve."""
    size = rng.integers(5, 13) if rng.random() < 0.15 else rng.integers(1, 5)
    count = rng.integers(7, 61) if rng.random() < 0.2 else rng.integers(1, 7)
    points = rng.standard_normal((count, size)) @ rng.standard_normal((size, size))
    if len(points) > 1 and rng.random() < 0.2:
        points[-1] = points[0]
    unit = 10 ** rng.uniform(-3, 1) if rng.random() < 0.3 else 1.0
    return (unit * (points + rng.normal(0, 20, size)),)


def _correlation(data):
    mean, covariance = _mle(data)
    scale = np.sqrt(np.diag(covariance))
    return mean, covariance / np.outer(scale, scale)


_POINTS = np.random.default_rng(7).normal(size=(9, 3)) @ np.array([[2.0, 0.3, 0.0], [0.0, 1.0, -0.5], [0.0, 0.0, 0.7]])

gaussian_mle = Exercise(
    name="gaussian_mle",
    arguments=("data",),
    returns=("mean", "covariance"),
    reference=_mle,
    spellings={
        "loop": _mle_loop,
        "torch": _mle_torch,
        "numpy": lambda data: (np.mean(data, axis=0), np.atleast_2d(np.cov(data, rowvar=False, ddof=0))),
        "pairs of columns": lambda data: (
            [column.mean() for column in data.T],
            [[np.mean((a - a.mean()) * (b - b.mean())) for b in data.T] for a in data.T],
        ),
        "einsum": lambda data: (
            data.mean(0),
            np.einsum("ni,nj->ij", data - data.mean(0), data - data.mean(0)) / data.shape[0],
        ),
    },
    probes=[
        (np.array([[1.0, 10.0], [2.0, 14.0], [6.0, 12.0]]),),
        (np.array([[3.6, 79.0], [1.8, 54.0], [3.333, 74.0], [2.283, 62.0], [4.533, 85.0]]),),
        (_POINTS + np.array([5.0, -2.0, 100.0]),),
        (np.array([[2.0], [-1.0], [-4.0]]),),
        (np.array([[-1.5, 0.0, 7.0]]),),
    ],
    law=_points,
    misconceptions=[
        Misconception(
            "a number for a matrix",
            lambda data: (data.mean(axis=0), np.cov(data, rowvar=False, ddof=0)),
            "For data of one column, NumPy's and torch's `cov` give a bare number, where a matrix of shape (1, 1) is "
            "asked for: np.atleast_2d makes one of it, or write the matrix product centred.T @ centred yourself.",
        ),
        Misconception(
            "np.cov as it comes",
            lambda data: (data.mean(axis=0), np.cov(data, rowvar=False)),
            "np.cov divides by N − 1 unless told ddof=0. That is the unbiased estimate; the one that maximises the "
            "likelihood divides by N. (And of one column it makes a bare number; np.atleast_2d mends that.)",
        ),
        Misconception(
            "mean not divided",
            lambda data: (data.sum(axis=0), _mle(data)[1]),
            "This is the sum of the points; the mean is their sum divided by N.",
        ),
        Misconception(
            "mean divided twice",
            lambda data: (data.mean(axis=0) / len(data), _mle(data)[1]),
            "This is the mean divided by N once more: np.mean has divided already.",
        ),
        Misconception(
            "one mean for all columns",
            lambda data: (data.mean(), np.mean((data - data.mean()) ** 2)),
            "You average over all the numbers, columns and all. Each coordinate has a mean of its own: axis=0.",
        ),
        Misconception(
            "standard deviations",
            lambda data: (data.mean(axis=0), np.sqrt(np.abs(_mle(data)[1]))),
            "You took the root: the covariance holds squares and products, not standard deviations.",
        ),
        Misconception(
            "ddof",
            _ddof_one,
            "Your covariance is N/(N − 1) times too large: you divide by N − 1. That is the unbiased estimate; "
            "the one that maximises the likelihood divides by N, also where N is 1.",
        ),
        Misconception(
            "ddof, with a way out",
            lambda data: (data.mean(axis=0), _mle(data)[1] * (len(data) / max(len(data) - 1, 1))),
            "You divide by N − 1, except where that would be 0. That is the unbiased estimate; the one that maximises "
            "the likelihood divides by N, and a single point needs no exception.",
        ),
        Misconception(
            "standard deviations on the diagonal",
            lambda data: (data.mean(axis=0), np.diag(data.std(axis=0))),
            "These are the standard deviations, on a diagonal. A covariance holds their squares there, and beside them "
            "how the coordinates vary together.",
        ),
        Misconception(
            "not centred",
            lambda data: (data.mean(axis=0), data.T @ data / len(data)),
            "The mean has not been subtracted before the squares were taken: this is E[xxᵀ], the second moment.",
        ),
        Misconception(
            "not divided",
            lambda data: (data.mean(axis=0), _mle(data)[1] * len(data)),
            "This is the scatter matrix: the sum over the points has not been divided by N.",
        ),
        Misconception(
            "variances only",
            lambda data: (data.mean(axis=0), np.diag(data.var(axis=0))),
            "Only the variances are there; the covariances off the diagonal are missing: "
            "each point gives an outer product (x − μ)(x − μ)ᵀ.",
        ),
        Misconception(
            "a vector of variances",
            lambda data: (data.mean(axis=0), data.var(axis=0)),
            "These are the D variances; the covariance is a D × D matrix: it also says how coordinates vary together.",
        ),
        Misconception(
            "correlation",
            _correlation,
            "This is the correlation matrix: it has been divided by the standard deviations, and has lost the units.",
        ),
        Misconception(
            "np.corrcoef",
            lambda data: (data.mean(axis=0), np.corrcoef(data, rowvar=False)),
            "np.corrcoef gives correlations, without units, and NaN where nothing varies; the covariance is asked for.",
        ),
        Misconception(
            "rows for columns",
            _mle_of_columns,
            "You average along the wrong axis: each row is one observation, so the mean runs over axis 0 "
            "(and np.cov wants rowvar=False).",
        ),
    ],
    hints=[
        "The mean first: average over the observations, axis 0. Its shape is (D,).",
        "Centre the data. Then the covariance is the average of the outer products (x − μ)(x − μ)ᵀ.",
        "With centred = data − mean, the sum of the outer products is the matrix product centred.T @ centred.",
    ],
    praise="The mean and covariance of the data themselves: the model has no other wish than to copy two moments.",
)

EXERCISES = (gaussian_log_likelihood, gaussian_mle, beta_bernoulli_map, posterior_predictive, ridge_map)
