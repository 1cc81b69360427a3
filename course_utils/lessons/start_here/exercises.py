"""Lesson 00, start here: its exercises."""

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _log_sum_exp(values):
    top = np.max(values)
    return top + np.log(np.sum(np.exp(values - top)))


def _log_sum_exp_loop(values):
    top = max(values)
    total = 0.0
    for value in values:
        total += np.exp(value - top)
    return np.log(total) + top


def _around_the_mean(values):
    centre = np.mean(values)
    return centre + np.log(np.sum(np.exp(values - centre)))


def _law(rng):
    size = rng.integers(7, 200) if rng.random() < 0.2 else rng.integers(1, 7)
    values = rng.normal(rng.uniform(-8, 8), 3, size)
    values[rng.random(values.size) < 0.15] = 0.0
    if values.size > 1 and rng.random() < 0.3:
        values[-1] = values.max()
    return (values,)


# All below 0, some of them not far; all far above, and both; ties; the largest first, last and
# in between, away from mean and median; once the mean is too far below it, and the middle of the range is not.
_EXTREMES = [
    (np.array([-1000.0, -1000.5]),),
    (np.array([1000.0, 998.0, 3.0]),),
    (np.array([0.0, -3000.0]),),
    (np.array([-3000.0, 0.0]),),
    (np.array([-2999.0, -3000.0, 0.5, -0.5, -3001.0]),),
    (np.array([2000.0, -4000.0, 2000.0, 2000.0]),),
    (np.array([-800.0]),),
    (np.array([-780.0, -790.0, -780.5]),),
    (np.array([-1300.0, -1300.0, 0.0, -1300.0, -1300.0]),),
    (np.array([-20000.0, -20000.0, -20001.0, -20003.0, -20002.0]),),
    (np.array([20000.0, 19999.0]),),
]

log_sum_exp = Exercise(
    name="log_sum_exp",
    arguments=("values",),
    returns="log-sum-exp",
    reference=_log_sum_exp,
    spellings={
        "loop": _log_sum_exp_loop,
        "numpy": lambda values: np.logaddexp.reduce(values),
        "torch": lambda values: torch.logsumexp(torch.as_tensor(values), dim=0),
        "softmax": lambda values: values[0] - special.log_softmax(values)[0],
        "sorted": lambda values: (lambda a: a[-1] + np.log1p(np.exp(a[:-1] - a[-1]).sum()))(np.sort(values)),
    },
    probes=[(np.array([0.0, 1.0, 2.0]),), (np.array([-2.5]),), (np.array([-1.0, -1.0, 0.0, -4.0]),)],
    law=_law,
    extremes=_EXTREMES,
    stable="subtract the largest value from all before you exponentiate, and add it back to the logarithm",
    misconceptions=[
        Misconception(
            "naive",
            lambda values: np.log(np.sum(np.exp(values))),
            "Right on paper, lost in the machine: exp(−1000) is stored as 0 and exp(1000) as infinity. "
            "Take the largest value out of the sum before you exponentiate.",
        ),
        Misconception(
            "maximum not added back",
            lambda values: np.log(np.sum(np.exp(values - np.max(values)))),
            "You took the largest value out and never put it back: exp(a − m) is exp(a) divided by exp(m), "
            "so m must be added to the logarithm at the end.",
        ),
        Misconception(
            "maximum subtracted twice",
            lambda values: np.log(np.sum(np.exp(values - np.max(values)))) - np.max(values),
            "The sign of the last step is turned round: m was taken out of the sum as a factor exp(m), "
            "so its logarithm m is added back, not subtracted.",
        ),
        Misconception(
            "first value subtracted",
            lambda values: values[0] + np.log(np.sum(np.exp(values - values[0]))),
            "You take the first value out. Only the largest one keeps every exponent at or below 0.",
        ),
        Misconception(
            "mean subtracted",
            _around_the_mean,
            "You subtract the mean. The identity holds for any number, but only the maximum keeps every exponent "
            "at or below 0: here the mean of 0 and −3000 leaves exp(1500), which overflows.",
        ),
        Misconception(
            "mean of exponentials",
            lambda values: np.max(values) + np.log(np.mean(np.exp(values - np.max(values)))),
            "That is the log of the mean: the sum has been divided by how many values there are.",
        ),
        Misconception(
            "largest counted twice",
            lambda values: np.max(values) + np.log1p(np.sum(np.exp(values - np.max(values)))),
            "np.log1p adds a 1. That 1 is exp(0), the largest value's own term, and it is in your sum already: "
            "take np.log, or leave the largest value out of the sum.",
        ),
        Misconception(
            "logarithm forgotten",
            lambda values: np.max(values) + np.sum(np.exp(values - np.max(values))),
            "The maximum is added to the sum itself; the sum's logarithm must be taken first.",
        ),
        Misconception(
            "factor stays a factor",
            lambda values: np.max(values) * np.log(np.sum(np.exp(values - np.max(values)))),
            "You multiply by the maximum. The factor exp(m) leaves the logarithm as a summand: log(exp(m) · s) is "
            "m + log s.",
        ),
        Misconception(
            "probabilities",
            lambda values: special.softmax(values),
            "These are K probabilities, exp(a) divided by the sum of all: the softmax. One number is asked for, the "
            "logarithm of the sum they are divided by.",
        ),
        Misconception(
            "sum of the logarithms",
            lambda values: np.sum(values),
            "This is the sum of the values. The logarithm of a sum is not the sum of the logarithms: the exponentials "
            "are added up first.",
        ),
        Misconception(
            "only the maximum",
            lambda values: np.max(values),
            "The maximum alone is a lower bound; the other terms of the sum are missing.",
        ),
    ],
    hints=[
        "Call the largest value m. Every exp(a) is exp(m) · exp(a − m); what can be taken out of the sum?",
        "log Σ exp(a) = m + log Σ exp(a − m). The largest exponent on the right is 0, so nothing overflows.",
        "np.max gives m; then np.exp of the differences, np.sum, np.log, and m added back.",
    ],
    praise="It survives −1000. You will meet this function again wherever a sum over a latent variable is taken.",
)

EXERCISES = (log_sum_exp,)
