"""Lesson 03, expectation–maximization: the exercise on an E-step that knows what is ruled out."""

import numpy as np
import torch
from scipy import special

from course_utils.lessons.expectation_maximization.small_mixtures import (
    CLOUD,
    ERUPTIONS,
    FAR_OUT,
    GEYSER,
    SMALL,
    THREE,
    TWO,
    log_joint,
    log_joint_torch,
    mixture,
    one_hot,
    posterior,
)
from course_utils.workshop.exercises import Exercise, Misconception


def _noted(data, allowed, *parameters):
    """The log-joint with the notes, an array (N, K): −∞ where a component is ruled out."""
    return np.where(allowed, log_joint(data, *parameters), -np.inf)


def _shares(data, allowed, *parameters):
    return special.softmax(_noted(data, allowed, *parameters), axis=1)


def _loop(data, allowed, weights, means, covariances):
    rows = np.zeros(allowed.shape)
    for n, x in enumerate(data):
        terms = {}
        for k in np.flatnonzero(allowed[n]):
            square = (x - means[k]) @ np.linalg.solve(covariances[k], x - means[k])
            terms[k] = np.log(weights[k]) - 0.5 * (np.linalg.slogdet(2 * np.pi * covariances[k])[1] + square)
        top = max(terms.values())
        total = sum(np.exp(term - top) for term in terms.values())
        for k, term in terms.items():
            rows[n, k] = np.exp(term - top) / total
    return rows


def _log_joint_by_hand(data, weights, means, covariances):
    offsets = data[:, None, :] - means
    squares = np.einsum("nki,kij,nkj->nk", offsets, np.linalg.inv(covariances), offsets)
    logdets = np.log(np.linalg.det(covariances))
    return np.log(weights) - 0.5 * data.shape[1] * np.log(2 * np.pi) - 0.5 * logdets - 0.5 * squares


def _by_hand(data, allowed, *parameters):
    table = np.where(allowed, _log_joint_by_hand(data, *parameters), -np.inf)
    odds = np.exp(table - table.max(axis=1)[:, None])
    return odds / odds.sum(axis=1)[:, None]


def _torch(data, allowed, *parameters):
    table = log_joint_torch(data, *parameters).masked_fill(~torch.as_tensor(allowed), -torch.inf)
    return torch.softmax(table, dim=1)


def _with_zero_weights(data, allowed, weights, *rest):
    table = log_joint(data, np.ones(len(weights)), *rest) + np.log(weights * allowed)
    return np.exp(table - np.logaddexp.reduce(table, axis=1)[:, None])


def _weighted_sum(data, allowed, *parameters):
    table = log_joint(data, *parameters)
    return allowed * np.exp(table * allowed - special.logsumexp(table, axis=1, b=allowed, keepdims=True) * allowed)


def _naive(data, allowed, *parameters):
    joint = np.exp(log_joint(data, *parameters)) * allowed
    return joint / joint.sum(axis=1, keepdims=True)


def _masked_after(data, allowed, *parameters):
    table = posterior(data, *parameters) * allowed
    return table / table.sum(axis=1, keepdims=True)


def _without_determinant(data, allowed, weights, means, covariances):
    half_logdets = 0.5 * np.linalg.slogdet(covariances)[1]
    return special.softmax(_noted(data, allowed, weights, means, covariances) + half_logdets, axis=1)


def _law(rng):
    data, *parameters = mixture(rng)
    shape = len(data), len(parameters[0])
    allowed = rng.random(shape) < rng.choice([0.4, 0.7, 1.0])
    allowed[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = True
    return data, allowed, *parameters


# A point on a component that is ruled out, 70 or 80 standard deviations away from those that are allowed.
_ON_WHAT_IS_RULED_OUT = (
    np.array([[0.0, 0.0], [70.0, 0.2], [0.4, -0.3]]),
    np.array([[False, True, True], [True, False, False], [False, False, True]]),
    np.array([0.5, 0.3, 0.2]),
    np.array([[0.0, 0.0], [70.0, 0.0], [70.0, 0.02]]),
    np.array([np.eye(2)] * 3),
)

e_step = Exercise(
    name="e_step",
    arguments=("data", "allowed", "weights", "means", "covariances"),
    returns="responsibilities",
    reference=_shares,
    spellings={
        "by hand": _by_hand,
        "loop": _loop,
        "torch": _torch,
        "weights of zero": _with_zero_weights,
        "a sum of those allowed": _weighted_sum,
    },
    probes=[
        (SMALL, np.array([[True, True], [False, True], [True, True]]), *TWO),
        (ERUPTIONS, np.tile([[True, True], [True, False], [False, True]], (2, 1)), *GEYSER),
        (CLOUD, np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0]] * 2, dtype=bool), *THREE),
        (SMALL[:1], np.array([[True, True]]), *TWO),
        (
            np.array([[-1.0], [0.5]]),
            np.array([[True], [True]]),
            np.array([1.0]),
            np.array([[2.0]]),
            np.array([[[0.7]]]),
        ),
        (
            np.array([[-6.3], [1.0]]),
            np.array([[True, True], [True, True]]),
            np.array([1 - 2e-9, 2e-9]),
            np.array([[0.0], [-6.3]]),
            np.ones((2, 1, 1)),
        ),
    ],
    law=_law,
    extremes=[
        *((data, np.ones((len(data), len(rest[0])), dtype=bool), *rest) for data, *rest in FAR_OUT),
        _ON_WHAT_IS_RULED_OUT,
    ],
    stable="log-densities (logpdf), −∞ in the table for what is ruled out, then log-sum-exp along each row",
    misconceptions=[
        Misconception(
            "notes ignored",
            lambda data, allowed, *parameters: posterior(data, *parameters),
            "The notes are not used: these are the responsibilities of lesson 02. A component that is ruled out gets "
            "0, and the others share the point among them.",
        ),
        Misconception(
            "masked, not normalised again",
            lambda data, allowed, *parameters: posterior(data, *parameters) * allowed,
            "What is ruled out has become 0, and its share is lost: the rows no longer add up to 1. Given the note, "
            "the rest is all there is.",
        ),
        Misconception(
            "masked after the softmax",
            _masked_after,
            "Right on paper. But beside a ruled-out component that is far more probable, the allowed ones have been "
            "rounded to 0 before you divide, and 0/0 is NaN. Rule out in the table of logarithms, before you "
            "normalise.",
        ),
        Misconception(
            "a logarithm of zero for zero",
            lambda data, allowed, *parameters: special.softmax(log_joint(data, *parameters) * allowed, axis=1),
            "You put 0 into the table of logarithms. That is a joint density of 1, not of 0: the logarithm of 0 is −∞.",
        ),
        Misconception(
            "what is ruled out kept",
            lambda data, allowed, *parameters: _shares(data, ~allowed, *parameters),
            "You keep what the notes rule out, and drop the rest: True means that a component is possible.",
        ),
        Misconception(
            "equal shares of what is allowed",
            lambda data, allowed, *parameters: allowed / allowed.sum(axis=1, keepdims=True),
            "Only the notes speak here. Among the allowed components the point itself and the weights still decide.",
        ),
        Misconception(
            "weights of what is allowed",
            lambda data, allowed, weights, *rest: weights * allowed / (weights * allowed).sum(axis=1, keepdims=True),
            "This is the prior, given the notes. The point itself has not been asked: multiply by the densities.",
        ),
        Misconception(
            "weights left out",
            lambda data, allowed, weights, *rest: _shares(data, allowed, np.ones(len(weights)), *rest),
            "The weights π_k are missing. A rare component needs more evidence: Bayes' rule multiplies each density "
            "by its prior probability.",
        ),
        Misconception(
            "not normalised",
            lambda data, allowed, *parameters: np.exp(_noted(data, allowed, *parameters)),
            "These are the joint densities p(x, z = k). Divide each row by its sum, so that it adds up to 1.",
        ),
        Misconception(
            "normalised over the data",
            lambda data, allowed, *parameters: special.softmax(_noted(data, allowed, *parameters), axis=0),
            "Each column adds up to 1. The question is 'which component, for this point', so each row must.",
        ),
        Misconception(
            "underflow",
            _naive,
            "Right on paper. But for a point far from all components every density becomes 0, and 0/0 is NaN. "
            "Subtract each row's largest logarithm before you take exponentials.",
        ),
        Misconception(
            "hard assignment",
            lambda data, allowed, *parameters: one_hot(_noted(data, allowed, *parameters)),
            "You give each point wholly to its most probable component. The E-step keeps the probabilities: a point "
            "between two components belongs to both in part.",
        ),
        Misconception(
            "left in logarithms",
            lambda data, allowed, *parameters: special.log_softmax(_noted(data, allowed, *parameters), axis=1),
            "These are the logarithms of the responsibilities; take the exponential at the end.",
        ),
        Misconception(
            "determinant left out",
            _without_determinant,
            "The normaliser |2πΣ_k|^(−½) of the densities is missing. It differs between the components, so it does "
            "not cancel: without it a wide component claims far too much.",
        ),
        Misconception(
            "correlation ignored",
            lambda data, allowed, weights, means, covariances: _shares(
                data, allowed, weights, means, [np.diag(np.diag(covariance)) for covariance in covariances]
            ),
            "You used the variances alone, as if the covariances were diagonal. The whole matrix Σ_k enters.",
        ),
        Misconception(
            "one covariance for all",
            lambda data, allowed, weights, means, covariances: _shares(
                data, allowed, weights, means, np.tile(covariances[:1], (len(weights), 1, 1))
            ),
            "You give every component the covariance of the first. Each has a matrix of its own, covariances[k].",
        ),
        Misconception(
            "plain distances",
            lambda data, allowed, weights, means, covariances: _shares(
                data, allowed, weights, means, np.tile(np.eye(data.shape[1]), (len(weights), 1, 1))
            ),
            "The covariances do not appear: you measure every distance in the same units. How far a point is from a "
            "mean is told by that component's Σ_k.",
        ),
        Misconception(
            "precision for covariance",
            lambda data, allowed, weights, means, covariances: _shares(
                data, allowed, weights, means, np.linalg.inv(covariances)
            ),
            "Your covariances are inverted once too often. The exponent holds Σ⁻¹, so logpdf is handed Σ itself.",
        ),
        Misconception(
            "weights not logged",
            lambda data, allowed, weights, *rest: special.softmax(
                weights + _noted(data, allowed, np.ones(len(weights)), *rest), axis=1
            ),
            "You add the weights to log-densities. A factor π becomes a summand log π.",
        ),
    ],
    hints=[
        "A note is evidence: p(x, z = k, note) is p(x, z = k) where the note allows k, and 0 where it does not.",
        "Make the table log weights[k] + log N(x_n | means[k], covariances[k]) of shape (N, K). The logarithm of 0 "
        "is −∞: np.where puts −np.inf into the places that are not allowed.",
        "Subtract from each row of that table its log-sum-exp over k, then take the exponential; exp(−∞) is 0.",
    ],
    praise="A note is evidence like any other: it multiplies p(x, z), by 1 or by 0, before the row is normalised.",
)
