"""Lesson 08, the variational autoencoder: the exercise on the importance-weighted estimate of log p(x)."""

import math

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _importance_loop(log_joint, log_q):
    results = []
    for column in range(log_joint.shape[1]):
        weights = [float(a - b) for a, b in zip(log_joint[:, column], log_q[:, column], strict=True)]
        top = max(weights)
        results.append(top + math.log(sum(math.exp(w - top) for w in weights) / len(weights)))
    return results


def _weights_law(rng):
    shape = tuple(rng.integers(1, 6, 2))
    log_joint, log_q = rng.normal(-4, 2, shape), rng.normal(-1.5, 1, shape)
    if rng.random() < 0.2:
        log_joint[:], log_q[:] = log_joint[:1], log_q[:1]  # ties
    return torch.tensor(log_joint), torch.tensor(log_q)


importance_estimate = Exercise(
    name="importance_estimate",
    arguments=("log_joint", "log_q"),
    returns="log_prob",
    reference=lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, 0) - math.log(len(log_q)),
    spellings={
        "numpy": lambda log_joint, log_q: (
            np.logaddexp.reduce(np.asarray(log_joint) - np.asarray(log_q), axis=0) - np.log(len(log_q))
        ),
        "loop": _importance_loop,
        "softmax": lambda log_joint, log_q: torch.logsumexp(log_joint - log_q - math.log(len(log_q)), dim=0),
    },
    probes=[
        (_tensor([-1.0], [-2.0]), _tensor([-0.5], [-0.2])),
        (_tensor([-3.0, -4.0], [-2.5, -6.0], [-5.0, -4.4]), _tensor([-1.0, -0.3], [-2.0, -1.5], [-0.1, -0.8])),
        (_tensor([-10.0, -20.0, -30.0]), _tensor([-1.0, -2.0, 0.5])),
    ],
    law=_weights_law,
    extremes=[
        (_tensor([-900.0, -1200.0], [-903.0, -1210.0]), _tensor([-1.0, 2.0], [0.5, 1.0])),
        (_tensor([-50.0, -1200.0], [-52.0, -1200.0], [-51.0, -1201.0]), _tensor([-1.0, 2.0], [0.5, 1.0], [0.0, 0.0])),
        (_tensor([-1200.0, -3.0], [-4.0, -1200.0]), _tensor([-1.0, 2.0], [0.5, 1.0])),
        # one draw is worth all the others, whose mean is far below it; both densities are small
        (_tensor([0.0], [-1200.0], [-1200.0], [-1200.0], [-1200.0]), _tensor([0.0], [0.0], [0.0], [0.0], [0.0])),
        (_tensor([-1200.0, -1100.0], [-1201.0, -1103.0]), _tensor([-1200.0, -3.0], [-1200.0, -1200.0])),
    ],
    stable="logsumexp over the draws, or take out the largest log-weight of each data point",
    misconceptions=[
        Misconception(
            "mean of the logarithms",
            lambda log_joint, log_q: (log_joint - log_q).mean(0),
            "You averaged the logarithms: that is the ELBO, estimated with K draws. Average the weights first, then "
            "take the logarithm.",
        ),
        Misconception(
            "q forgotten",
            lambda log_joint, log_q: torch.logsumexp(log_joint, 0) - math.log(len(log_q)),
            "The draws came from q, so each p(x, z) has to be divided by q(z | x): subtract log_q first.",
        ),
        Misconception(
            "not divided by K",
            lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, 0),
            "Too large by exactly log K: this is the logarithm of the sum of the weights, not of their mean.",
        ),
        Misconception(
            "divided outside the logarithm",
            lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, 0) / len(log_q),
            "You divided the logarithm by K. The division belongs inside: log(sum / K) = log sum − log K.",
        ),
        Misconception(
            "over the wrong axis",
            lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, -1) - math.log(log_q.shape[-1]),
            "You averaged over the data points. The draws lie along the first axis: one estimate per column.",
        ),
        Misconception(
            "no log-sum-exp",
            lambda log_joint, log_q: torch.exp(log_joint - log_q).mean(0).log(),
            "Right on paper. But exp(−900) is zero for a computer, and log 0 = −∞: no weight may be computed on its "
            "own. Let logsumexp do both.",
        ),
        Misconception(
            "one maximum for all",
            lambda log_joint, log_q: (
                (log_joint - log_q).max() + torch.exp(log_joint - log_q - (log_joint - log_q).max()).mean(0).log()
            ),
            "You took out the largest of all log-weights. A data point whose own weights are far smaller still "
            "underflows: take out the largest of each column.",
        ),
        Misconception(
            "sum over the data inside",
            lambda log_joint, log_q: torch.logsumexp((log_joint - log_q).sum(-1), 0) - math.log(len(log_q)),
            "You summed over the data points before averaging over the draws, as if one draw served them all at once. "
            "Each data point has its own estimate: one per column.",
        ),
        Misconception(
            "weighted logarithms",
            lambda log_joint, log_q: (torch.softmax(log_joint - log_q, 0) * (log_joint - log_q)).sum(0),
            "You averaged the log-weights with the normalised weights. The estimate is the logarithm of the plain "
            "average of the weights themselves.",
        ),
        Misconception(
            "the best draw",
            lambda log_joint, log_q: (log_joint - log_q).max(0).values,
            "This is the largest log-weight. It comes close when one draw dominates, but the estimate is the mean of "
            "all weights.",
        ),
        Misconception(
            "weights turned over",
            lambda log_joint, log_q: torch.logsumexp(log_q - log_joint, 0) - math.log(len(log_q)),
            "The ratio is upside down: a weight is p(x, z) / q(z | x).",
        ),
    ],
    hints=(
        "With weights w_k = p(x, z_k) / q(z_k | x), the estimate is log (1/K Σ_k w_k).",
        "In logarithms: log w_k = log_joint − log_q. exp(−900) is zero for a computer, so use logsumexp.",
        "`torch.logsumexp(log_w, 0) − log K`, with K the length of the first axis.",
    ),
    praise="With one draw this is the ELBO's estimate; with more it climbs towards log p(x).",
)
