"""Lesson 09, the β-VAE: its exercises."""

import math

import numpy as np
import torch

from course_utils.models.disentanglement import linear_schedule
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


beta_elbo = Exercise(
    name="beta_elbo",
    arguments=("reconstruction", "kl", "beta"),
    returns="objective",
    reference=lambda reconstruction, kl, beta: (reconstruction - beta * kl).mean(),
    spellings={
        "two means": lambda reconstruction, kl, beta: reconstruction.mean() - kl.mean() * beta,
        "numpy": lambda reconstruction, kl, beta: np.mean(np.asarray(reconstruction) - beta * np.asarray(kl)),
        "loop": lambda reconstruction, kl, beta: (
            sum(float(r) - beta * float(k) for r, k in zip(reconstruction, kl, strict=True)) / len(kl)
        ),
    },
    probes=[
        (_tensor(-10.0, -13.0), _tensor(2.0, 3.0), 4.0),
        (_tensor(-20.5, 3.0, -7.0), _tensor(0.5, 6.0, 1.2), 0.5),
        (_tensor(-90.0, -85.0, -99.0, -70.0), _tensor(7.0, 0.1, 3.3, 12.0), 2.5),
    ],
    misconceptions=[
        Misconception(
            "β on the wrong term",
            lambda reconstruction, kl, beta: (beta * reconstruction - kl).mean(),
            "β stands at the reconstruction. It is the KL that is made dearer: multiplying the other term does the "
            "opposite, as 1/β would.",
        ),
        Misconception(
            "β on both terms",
            lambda reconstruction, kl, beta: beta * (reconstruction - kl).mean(),
            "You multiplied the whole ELBO by β. Its maximum stays where it was: only the ratio of the terms matters.",
        ),
        Misconception(
            "KL added",
            lambda reconstruction, kl, beta: (reconstruction + beta * kl).mean(),
            "The KL is added, so a code would be paid for every nat it costs. In the objective it is subtracted.",
        ),
        Misconception(
            "the loss",
            lambda reconstruction, kl, beta: -(reconstruction - beta * kl).mean(),
            "This is the loss, −1 times what was asked for: the objective is to be maximised.",
        ),
        Misconception(
            "sum over the batch",
            lambda reconstruction, kl, beta: (reconstruction - beta * kl).sum(),
            "You added up over the batch. Average over the images, so that the value does not depend on their number.",
        ),
        Misconception(
            "β left out",
            lambda reconstruction, kl, beta: (reconstruction - kl).mean(),
            "This is the plain ELBO: β is not used.",
        ),
        Misconception(
            "divided by β",
            lambda reconstruction, kl, beta: (reconstruction - kl / beta).mean(),
            "You divided the KL by β. A larger β must make a nat of code more expensive.",
        ),
    ],
    hints=(
        "The ELBO of an image is its reconstruction term minus its KL.",
        "One of the two terms is multiplied by β: the one that says what the code costs.",
        "Then average over the rows.",
    ),
    praise="At β = 1 it is the ELBO; above 1 a lower bound still, but a looser one; below 1 it may be no bound.",
)


def _water(variances, level):
    error = np.minimum(variances, level)
    return 0.5 * np.log(variances / error).sum(), error.sum()


def _water_loop(variances, level):
    rate = distortion = 0.0
    for variance in variances:
        if variance > level:
            rate += 0.5 * math.log(variance / level)
            distortion += level
        else:
            distortion += variance
    return rate, distortion


water_filling = Exercise(
    name="water_filling",
    arguments=("variances", "level"),
    returns=("rate", "distortion"),
    reference=_water,
    spellings={
        "loop": _water_loop,
        "clip": lambda variances, level: (
            np.clip(np.log(variances / level) / 2, 0, None).sum(),
            np.where(variances > level, level, variances).sum(),
        ),
    },
    probes=[
        (np.array([4.0, 1.0, 0.25]), 0.5),
        (np.array([3.0, 2.0]), 0.3),
        (np.array([0.9, 0.2, 5.0, 1.7]), 1.2),
    ],
    misconceptions=[
        Misconception(
            "half missing",
            lambda variances, level: (2 * _water(variances, level)[0], _water(variances, level)[1]),
            "The rate is twice too large: a feature costs ½ log(variance / error) nats.",
        ),
        Misconception(
            "negative rates",
            lambda variances, level: (0.5 * np.log(variances / level).sum(), _water(variances, level)[1]),
            "Features below the water level got a negative rate. They are not described at all: their rate is 0.",
        ),
        Misconception(
            "bits",
            lambda variances, level: (_water(variances, level)[0] / math.log(2), _water(variances, level)[1]),
            "The rate is in bits. This course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "the level everywhere",
            lambda variances, level: (_water(variances, level)[0], level * len(variances)),
            "You counted the level as the error of every feature. One that varies less than the level can never be "
            "that wrong: its error is its variance.",
        ),
        Misconception(
            "idle features without error",
            lambda variances, level: (_water(variances, level)[0], level * (variances > level).sum()),
            "Features that are not described are missing in the distortion. All of their variance is lost.",
        ),
        Misconception(
            "water on top",
            lambda variances, level: (_water(variances, level)[0], np.maximum(variances, level).sum()),
            "You took the larger of variance and level. The error is the smaller of the two.",
        ),
        Misconception(
            "what is explained",
            lambda variances, level: (_water(variances, level)[0], (variances - np.minimum(variances, level)).sum()),
            "This is the variance that the code explains. The distortion is what remains.",
        ),
    ],
    hints=(
        "The error of a feature is the smaller of its variance and the level.",
        "Its rate is ½ log(variance / error), which is 0 where they are equal.",
        "`np.minimum(variances, level)` gives all errors at once. Sum both over the features.",
    ),
    praise="That is the whole rate–distortion function of a Gaussian, and what a linear VAE reaches.",
)


def _correlation(log_q, size):
    constant = math.log(len(log_q) * size)
    joint = log_q.sum(-1).logsumexp(1) - constant
    return (joint - (log_q.logsumexp(1) - constant).sum(-1)).mean()


def _correlation_loop(log_q, size):
    total, count = 0.0, len(log_q)
    for row in np.asarray(log_q):
        constant = math.log(count * size)
        total += np.logaddexp.reduce(row.sum(1)) - constant
        total -= sum(np.logaddexp.reduce(column) - constant for column in row.T)
    return total / count


def _pairwise(seed, batch, latents, shift=0.0):
    """Log q(z_il | x_j) (M, M, L) of some Gaussians and one draw from each."""
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=(batch, latents)), rng.uniform(0.3, 0.8, (batch, latents))
    z = mean + scale * rng.normal(size=mean.shape)
    terms = -0.5 * ((z[:, None] - mean) / scale) ** 2 - np.log(scale) - 0.5 * math.log(2 * math.pi) - shift
    return torch.as_tensor(terms)


def _without_constant(log_q, inside):
    constant = math.log(inside) if inside else 0.0
    joint = log_q.sum(-1).logsumexp(1) - constant
    return (joint - (log_q.logsumexp(1) - constant).sum(-1)).mean()


minibatch_correlation = Exercise(
    name="minibatch_correlation",
    arguments=("log_q", "size"),
    returns="total_correlation",
    reference=_correlation,
    spellings={
        "loop": _correlation_loop,
        "constants together": lambda log_q, size: (
            (log_q.sum(2).logsumexp(1) - log_q.logsumexp(1).sum(1)).mean()
            + (log_q.shape[2] - 1) * math.log(log_q.shape[0] * size)
        ),
    },
    probes=[
        (_pairwise(0, 2, 2), 10),
        (_pairwise(1, 4, 3), 60),
        (_pairwise(2, 3, 2, shift=500.0), 1000),
        (_pairwise(3, 3, 3), 90),
    ],
    misconceptions=[
        Misconception(
            "no constant",
            lambda log_q, size: _without_constant(log_q, 0),
            "The factor 1/(NM) is missing. It stands once in the joint density and once in each of the L others, so it "
            "does not cancel.",
        ),
        Misconception(
            "only the batch",
            lambda log_q, size: _without_constant(log_q, len(log_q)),
            "You divided by M, the batch. With minibatch weighting each term has the weight 1/(NM).",
        ),
        Misconception(
            "only the data",
            lambda log_q, size: _without_constant(log_q, size),
            "You divided by N, the data. With minibatch weighting each term has the weight 1/(NM).",
        ),
        Misconception(
            "over the draws",
            lambda log_q, size: _correlation(log_q.transpose(0, 1), size),
            "The mixture runs over the wrong index. For a fixed draw z_i, the densities under all q(·|x_j) are added "
            "up: over the second axis.",
        ),
        Misconception(
            "opposite sign",
            lambda log_q, size: -_correlation(log_q, size),
            "Right but for its sign: the joint density comes first, the product of the single ones is subtracted.",
        ),
        Misconception(
            "sum over the draws",
            lambda log_q, size: _correlation(log_q, size) * len(log_q),
            "You added up over the draws. A divergence is an expectation: average over them.",
        ),
        Misconception(
            "mean of the logarithms",
            lambda log_q, size: (log_q.sum(-1).mean(1) - log_q.mean(1).sum(-1)).mean(),
            "You averaged log-densities over the data points, and then the two parts are always equal. A mixture "
            "averages densities: use logsumexp.",
        ),
        Misconception(
            "the joint alone",
            lambda log_q, size: (log_q.sum(-1).logsumexp(1) - math.log(len(log_q) * size)).mean(),
            "This is the first part, log q(z), the negative entropy of the joint. Subtract the logarithms of the "
            "marginal densities.",
        ),
    ],
    hints=(
        "log q(z_i) ≈ logsumexp over j of Σ_l log q(z_il | x_j), minus log(NM).",
        "For each latent alone: logsumexp over j of log q(z_il | x_j), minus log(NM). Then sum over the latents.",
        "Subtract the second from the first, and average over i.",
    ),
    praise="This term, with a weight of its own, is the penalty of the β-TCVAE.",
)


def _sorted_gap(information, entropies, place=1):
    ordered = np.sort(information, axis=0)[::-1]
    return float(np.mean((ordered[0] - ordered[place]) / entropies))


def _gap_loop(information, entropies):
    gaps = []
    for column, entropy in zip(information.T, entropies, strict=True):
        best = int(column.argmax())
        second = max(float(value) for place, value in enumerate(column) if place != best)
        gaps.append((float(column[best]) - second) / entropy)
    return sum(gaps) / len(gaps)


information_gap = Exercise(
    name="information_gap",
    arguments=("information", "entropies"),
    returns="gap",
    reference=_sorted_gap,
    spellings={
        "loop": _gap_loop,
        "torch": lambda information, entropies: (
            -torch.as_tensor(information).topk(2, dim=0).values.diff(dim=0)[0] / torch.as_tensor(entropies)
        ).mean(),
    },
    probes=[
        (np.array([[1.2, 0.1], [0.3, 0.4], [0.1, 0.2]]), np.array([1.5, 0.7])),
        (np.array([[0.9, 0.1, 0.2], [0.8, 0.3, 0.15], [0.0, 0.2, 1.6]]), np.array([1.0, 1.4, 2.0])),
        (np.array([[0.05, 2.9], [0.6, 0.3], [0.55, 1.0], [0.2, 0.1]]), np.array([0.69, 3.4])),
    ],
    misconceptions=[
        Misconception(
            "not normalised",
            lambda information, entropies: _sorted_gap(information, np.ones_like(entropies)),
            "The gaps are in nats. Divide each by the entropy of its factor, the most that can be known, or factors "
            "with many values count more.",
        ),
        Misconception(
            "normalised by the sum",
            lambda information, entropies: _sorted_gap(information, np.full_like(entropies, entropies.mean())),
            "You divided by the average entropy. Each factor's gap is divided by its own entropy before averaging.",
        ),
        Misconception(
            "best alone",
            lambda information, entropies: float(np.mean(information.max(0) / entropies)),
            "This is how much the best latent knows. Subtract what the second best knows: the score asks whether it is "
            "alone.",
        ),
        Misconception(
            "best minus worst",
            lambda information, entropies: _sorted_gap(information, entropies, place=-1),
            "You subtracted the smallest information. The rival is the second largest.",
        ),
        Misconception(
            "best minus the mean of the others",
            lambda information, entropies: float(
                np.mean(
                    (information.max(0) - (information.sum(0) - information.max(0)) / (len(information) - 1))
                    / entropies
                )
            ),
            "You compared the best latent with the average of the others. One rival is enough to spoil a code: take "
            "the second best.",
        ),
        Misconception(
            "relative to the best",
            lambda information, entropies: float(
                np.mean(1 - np.sort(information, axis=0)[-2] / np.sort(information, axis=0)[-1])
            ),
            "You divided by the best latent's information. Then a factor that is hardly known at all can score 1. "
            "Divide by the factor's entropy.",
        ),
        Misconception(
            "over the factors",
            lambda information, entropies: float(
                np.mean(-np.diff(np.sort(information, axis=1)[:, ::-1][:, :2], axis=1)) / entropies.mean()
            ),
            "You looked for the best and second best factor of each latent. The gap is taken for each factor, between "
            "latents: along the first axis.",
        ),
    ],
    hints=(
        "For each column, the factor: the largest entry minus the second largest.",
        "Divide by the entropy of that factor, then average over the factors.",
        "`np.sort(information, axis=0)` has the largest entries in its last row.",
    ),
    praise="1 would mean: each factor is known completely, from one latent and no other.",
)

warm_up = Exercise(
    name="warm_up",
    arguments=("step", "steps"),
    returns="weight",
    reference=lambda step, steps: min(1.0, step / steps),
    spellings={
        "numpy": lambda step, steps: np.clip(step / steps, 0, 1),
        "condition": lambda step, steps: step / steps if step < steps else 1,
        "library": lambda step, steps: linear_schedule(step, steps),
    },
    probes=[(1, 4), (0, 10), (9, 10), (10, 10), (37, 10), (3, 7)],
    misconceptions=[
        Misconception(
            "exceeds 1",
            lambda step, steps: step / steps,
            "After the warm-up the weight goes on growing. It must stay at 1.",
        ),
        Misconception(
            "off by one",
            lambda step, steps: min(1.0, (step + 1) / steps),
            "One step ahead: at step 0 the weight is 0, and 1 is reached at step `steps`.",
        ),
        Misconception(
            "one step early",
            lambda step, steps: min(1.0, step / (steps - 1)),
            "You divided by steps − 1, so 1 is reached a step too early.",
        ),
        Misconception(
            "cooling down",
            lambda step, steps: max(0.0, 1 - step / steps),
            "This goes from 1 to 0. The weight starts at 0, so that the codes become useful before they cost anything.",
        ),
        Misconception(
            "a jump",
            lambda step, steps: step // steps if step < steps else 1,
            "The weight is 0 throughout the warm-up and then jumps: `//` drops the fraction. Use `/`.",
        ),
        Misconception(
            "starts again",
            lambda step, steps: (step % steps) / steps,
            "After the warm-up the weight starts again from 0. (That is a schedule too, a cyclical one, but not this.)",
        ),
    ],
    hints=(
        "A straight line from 0 at step 0 to 1 at step `steps`.",
        "After that it stays at 1: which function takes the smaller of two numbers?",
    ),
    praise="From step `steps` on, what is trained is the ELBO itself.",
)

EXERCISES = (beta_elbo, water_filling, minibatch_correlation, information_gap, warm_up)
