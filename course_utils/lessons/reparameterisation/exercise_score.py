"""Lesson 06, the reparameterisation trick: the exercise on the score of a width."""

import numpy as np
import torch
from scipy import stats

from course_utils.workshop.exercises import Exercise, Misconception


def numbers(rng, *shape):
    """Numbers of both signs, with zeros and ties among them and, at times, rows that are all the same."""
    numbers = rng.normal(0, 1.5, shape)
    if rng.random() < 0.2:
        numbers = np.round(numbers)
    numbers[rng.random(shape) < 0.1] = 0.0
    if rng.random() < 0.15:
        numbers[:] = numbers[0]
    return numbers


def _table(z, mean, scale):
    """Return the scores of the scales, one for each draw and coordinate: an array (K, D)."""
    return (((z - mean) / scale) ** 2 - 1) / scale


def _score(z, mean, scale, values):
    return np.mean(values[:, None] * _table(z, mean, scale), axis=0)


def _score_torch(z, mean, scale, values):
    scale = torch.tensor(scale, requires_grad=True)
    log_q = torch.distributions.Normal(torch.tensor(mean), scale).log_prob(torch.tensor(z)).sum(dim=1)
    (torch.tensor(values) * log_q).mean().backward()
    return scale.grad


def _score_loop(z, mean, scale, values):
    total = np.zeros(len(mean))
    for draw, value in zip(z, values, strict=True):
        total += value * ((draw - mean) ** 2 / scale**3 - 1 / scale)
    return total / len(z)


def _score_law(rng):
    count, size = rng.integers(1, 6, 2)
    mean, scale = numbers(rng, size), np.exp(rng.normal(0, 0.6, size))
    if rng.random() < 0.3:
        scale = 10 ** rng.uniform(-4, 2, size)
    return mean + scale * rng.standard_normal((count, size)), mean, scale, numbers(rng, count)


def _by_table(table):
    """Build a misconception whose scores are `table`, a function of the standardised distances and the scales."""
    return lambda z, mean, scale, values: np.mean(values[:, None] * table((z - mean) / scale, scale), axis=0)


score_gradient = Exercise(
    name="score_gradient",
    arguments=("z", "mean", "scale", "values"),
    returns="gradient",
    reference=_score,
    spellings={
        "torch": _score_torch,
        "loop": _score_loop,
        "matrix product": lambda z, mean, scale, values: values @ ((z - mean) ** 2 - scale**2) / scale**3 / len(values),
    },
    probes=[
        (np.array([[2.0], [0.5]]), np.array([1.0]), np.array([0.5]), np.array([2.0, 3.0])),
        (
            np.array([[0.1, -1.4], [1.2, 0.6], [-0.5, -3.0]]),
            np.array([0.3, -1.0]),
            np.array([0.7, 1.6]),
            np.array([1.0, -2.0, 0.5]),
        ),
        # as many draws as coordinates: nothing is said of an axis that is mistaken
        (np.array([[0.4, 2.0], [-1.0, 0.7]]), np.array([0.0, 0.5]), np.array([1.3, 0.6]), np.array([3.0, -0.4])),
    ],
    law=_score_law,
    misconceptions=[
        Misconception(
            "gradient for the mean",
            _by_table(lambda distances, scale: distances / scale),
            "This is the gradient with respect to the mean, whose score the page has. The one with respect to `scale` "
            "is asked for: differentiate log q with respect to σ.",
        ),
        Misconception(
            "normaliser forgotten",
            _by_table(lambda distances, scale: distances**2 / scale),
            "The exponent is differentiated, and the factor 1/√(2πσ²) before it is not. It depends on σ too: "
            "−log σ has the derivative −1/σ. Without it the score would not average to zero.",
        ),
        Misconception(
            "normaliser alone",
            _by_table(lambda distances, scale: -np.ones_like(distances) / scale),
            "Only −log σ has been differentiated. σ stands in the exponent as well, in −(z − μ)²/(2σ²).",
        ),
        Misconception(
            "sign of the exponent",
            _by_table(lambda distances, scale: -(distances**2 + 1) / scale),
            "The derivative of −1/(2σ²) has the wrong sign: it is +1/σ³. A larger σ makes a far draw more probable.",
        ),
        Misconception(
            "sign of the normaliser",
            _by_table(lambda distances, scale: (distances**2 + 1) / scale),
            "The derivative of the normaliser has the wrong sign. log q contains −log σ, and a draw at the centre "
            "becomes less probable when σ grows.",
        ),
        Misconception(
            "half of the square",
            _by_table(lambda distances, scale: (distances**2 / 2 - 1) / scale),
            "The ½ of the exponent is still there: the derivative of σ⁻² is −2σ⁻³, and its 2 takes the ½ away.",
        ),
        Misconception(
            "twice the square",
            _by_table(lambda distances, scale: (2 * distances**2 - 1) / scale),
            "The ½ of the exponent is lost: log q contains −(z − μ)²/(2σ²), not −(z − μ)²/σ².",
        ),
        Misconception(
            "power not lowered",
            _by_table(lambda distances, scale: distances**2 - 1 / scale),
            "The squared distance is divided by σ²; the derivative of σ⁻² is −2σ⁻³, so that σ³ belongs there.",
        ),
        Misconception(
            "for the variance",
            _by_table(lambda distances, scale: (distances**2 - 1) / (2 * scale**2)),
            "This is the gradient with respect to the variance σ². With respect to σ the chain rule adds a factor 2σ.",
        ),
        Misconception(
            "for the logarithm",
            _by_table(lambda distances, scale: distances**2 - 1),
            "This is the gradient with respect to log σ. With respect to σ the chain rule adds a factor 1/σ.",
        ),
        Misconception(
            "for the log-variance",
            _by_table(lambda distances, scale: (distances**2 - 1) / 2),
            "This is the gradient with respect to log σ², the log-variance. `scale` is σ itself: a factor 2/σ is "
            "missing.",
        ),
        Misconception(
            "scale for variance",
            lambda z, mean, scale, values: _score(z, mean, np.sqrt(scale), values),
            "`scale` is treated as the variance. It is the standard deviation σ, and σ² its square.",
        ),
        Misconception(
            "distance not squared",
            _by_table(lambda distances, scale: (np.abs(distances) - 1) / scale),
            "The distance from the mean is not squared; in the exponent of a Gaussian it is.",
        ),
        Misconception(
            "no mean in the score",
            lambda z, mean, scale, values: _score(z, np.zeros_like(mean), scale, values),
            "The draws themselves are squared. The score knows how far each draw lies from the mean: (z − mean)².",
        ),
        Misconception(
            "missing score",
            lambda z, mean, scale, values: np.full(len(mean), np.mean(values)),
            "The score is missing: this is the average of f, the expectation itself. Multiply each value by the score "
            "of its draw before you average.",
        ),
        Misconception(
            "scores alone",
            lambda z, mean, scale, values: np.mean(_table(z, mean, scale), axis=0),
            "This is the average score, which is 0 but for noise, whatever f is. Multiply each draw's score by its "
            "value first.",
        ),
        Misconception(
            "mean over the wrong axis",
            lambda z, mean, scale, values: np.mean(values[:, None] * _table(z, mean, scale), axis=1),
            "The average runs over the coordinates, and one number for each draw is left. Average over the draws: "
            "axis 0. One number for each parameter must remain.",
        ),
        Misconception(
            "mean over everything",
            lambda z, mean, scale, values: np.mean(values[:, None] * _table(z, mean, scale)),
            "One number came back: the average over draws and coordinates. A gradient has one entry for each "
            "parameter, so average over the draws alone.",
        ),
        Misconception(
            "sum over draws",
            lambda z, mean, scale, values: np.sum(values[:, None] * _table(z, mean, scale), axis=0),
            "You sum over the draws. An expectation is estimated by their mean.",
        ),
        Misconception(
            "log q for its gradient",
            lambda z, mean, scale, values: np.mean(values * stats.norm.logpdf(z, mean, scale).sum(axis=1)),
            "You multiply by log q itself. The score is its gradient with respect to the scale.",
        ),
        Misconception(
            "log q of each coordinate",
            lambda z, mean, scale, values: values @ stats.norm.logpdf(z, mean, scale) / len(z),
            "You multiply by log q of each coordinate. The score is its derivative with respect to the scale.",
        ),
        Misconception(
            "density for its logarithm",
            lambda z, mean, scale, values: np.mean(
                values[:, None] * stats.norm.pdf(z, mean, scale) * _table(z, mean, scale), axis=0
            ),
            "This is the derivative of the density q. The score is that of its logarithm, without the factor q: the "
            "draws come from q already.",
        ),
        Misconception(
            "product of the averages",
            lambda z, mean, scale, values: np.mean(values) * np.mean(_table(z, mean, scale), axis=0),
            "You average values and scores separately. Their product must be averaged: which values go with which "
            "scores is all the information there is.",
        ),
        Misconception(
            "divided by K − 1",
            lambda z, mean, scale, values: np.sum(values[:, None] * _table(z, mean, scale), axis=0) / (len(z) - 1),
            "You divide by K − 1. That is for a variance, where a mean was taken from the same draws. Here the plain "
            "average over K draws is unbiased.",
        ),
        Misconception(
            "distances from the sample mean",
            lambda z, mean, scale, values: _score(z, z.mean(axis=0), scale, values),
            "The distances are measured from the mean of the draws. The score belongs to q, so they are measured from "
            "the `mean` of q, which is known.",
        ),
        Misconception(
            "baseline",
            lambda z, mean, scale, values: _score(z, mean, scale, values - values.mean()),
            "The average of the values is subtracted from each: that is a baseline, and comes in the next exercise. "
            "Here f itself multiplies the score.",
        ),
    ],
    hints=[
        "∇ E[f] = E[f · ∇ log q]: for each draw its value times its score, then the mean over the draws.",
        "For one coordinate log q is −log σ − (z − μ)²/(2σ²) + constant. σ stands in both terms; differentiate both.",
        "The derivative is −1/σ + (z − μ)²/σ³. A table (K, D) of it, each row times its value, averaged along axis 0.",
    ],
    praise="You never needed the derivative of f, nor its formula: its values at the draws were enough.",
)
