"""Lesson 15, richer priors and clustering: its exercises about densities of codes."""

import math

import numpy as np
import torch
from scipy import special, stats

from course_utils.lessons.richer_priors.exercises_clusters import above_chance, matched_accuracy
from course_utils.lessons.richer_priors.exercises_mixtures import kl_to_mixture, sum_out_class
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _terms(z, mean, log_var):
    """Log-densities (…, N, L) of points (…, L) under N diagonal Gaussians, one for each latent."""
    z = z[..., None, :]
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean) ** 2 * (-log_var).exp())


def _table(z, mean, log_var):
    return _terms(z, mean, log_var).sum(-1)


# --- 15.1 -------------------------------------------------------------------------------------------------------------


def _archive(z, mean, log_var, counts):
    return (_table(z, mean, log_var) + counts.log()).logsumexp(1) - counts.sum().log()


def _archive_loop(z, mean, log_var, counts):
    answers = []
    for point in z.numpy():
        logs = [
            np.log(count) + stats.norm.logpdf(point, m, np.exp(0.5 * v)).sum()
            for m, v, count in zip(mean.numpy(), log_var.numpy(), counts.tolist(), strict=True)
        ]
        answers.append(np.logaddexp.reduce(logs) - np.log(counts.sum().item()))
    return answers


def _archive_by_torch(z, mean, log_var, counts):
    parts = torch.distributions.Independent(torch.distributions.Normal(mean, (0.5 * log_var).exp()), 1)
    which = torch.distributions.Categorical(probs=counts)
    return torch.distributions.MixtureSameFamily(which, parts).log_prob(z)


def _archive_one_by_one(z, mean, log_var, counts):
    """Every image as often as it was kept."""
    times = counts.long()
    table = _table(z, mean.repeat_interleave(times, 0), log_var.repeat_interleave(times, 0))
    return table.logsumexp(-1) - math.log(table.shape[1])


def _archive_law(rng):
    """One to five codes, one to five images kept one to five times, one to three latents; some codes far out."""
    points, images, latents = rng.integers(1, 6), rng.integers(1, 6), rng.integers(1, 4)
    mean = rng.normal(0, 1.5, (images, latents))
    log_var = rng.uniform(-4, 2, (images, latents))
    chosen = rng.integers(0, images, points)
    z = mean[chosen] + np.exp(0.5 * log_var[chosen]) * rng.standard_normal((points, latents))
    z[rng.random(points) < 0.2] *= 3
    counts = rng.integers(1, 6, images)
    return tuple(torch.tensor(value, dtype=torch.float64) for value in (z, mean, log_var, counts))


aggregate_log_prob = Exercise(
    name="aggregate_log_prob",
    arguments=("z", "mean", "log_var", "counts"),
    returns="log_prob",
    reference=_archive,
    spellings={
        "loop": _archive_loop,
        "torch.distributions": _archive_by_torch,
        "one by one": _archive_one_by_one,
        "weights first": lambda z, mean, log_var, counts: torch.logsumexp(
            (counts / counts.sum()).log()
            - 0.5 * (2 * math.pi * log_var.exp()).log().sum(1)
            - 0.5 * ((z[:, None] - mean).square() / log_var.exp()).sum(2),
            dim=1,
        ),
    },
    probes=[
        (_tensor([0.0]), _tensor([1.0], [-1.0]), _tensor([0.0], [0.0]), _tensor(3, 1)),
        (
            _tensor([0.5, -1.0], [0.0, 2.0], [1.0, 1.0]),
            _tensor([1.0, -0.5], [-1.0, 0.3]),
            _tensor([0.4, -1.0], [-0.6, 0.8]),
            _tensor(1, 4),
        ),
        (
            _tensor([0.2, -1.0, 0.4]),
            _tensor([0.1, -0.5, 0.2], [0.7, 0.3, 1.0], [0.0, -1.5, 0.0], [1.0, 0.0, -0.2]),
            _tensor([0.5, -1.0, 0.2], [-0.7, 0.6, -0.3], [1.0, 0.3, -1.2], [0.0, -0.4, 0.8]),
            _tensor(2, 1, 3, 1),
        ),
    ],
    law=_archive_law,
    extremes=[
        (
            _tensor([100.0, -80.0], [0.0, 1e4]),
            _tensor([0.0, 0.3], [1.0, -1.0]),
            _tensor([-1.0, 0.0], [0.5, -0.7]),
            _tensor(2, 5),
        ),
        (_tensor([0.3], [-40.0]), _tensor([0.1], [0.5], [-0.2]), _tensor([-18.0], [-20.0], [0.2]), _tensor(1, 4, 2)),
    ],
    stable="log-sum-exp, such as torch.logsumexp; no density is computed",
    misconceptions=[
        Misconception(
            "mean of the logs",
            lambda z, mean, log_var, counts: (_table(z, mean, log_var) @ counts) / counts.sum(),
            "You averaged the log-densities. The densities are averaged, and the logarithm comes after: with a mean of "
            "logs a code would have to be probable under *every* image.",
        ),
        Misconception(
            "counts left out",
            lambda z, mean, log_var, counts: _table(z, mean, log_var).logsumexp(1) - math.log(len(mean)),
            "The counts are not used: each image has the same weight in your answer, however often it was kept.",
        ),
        Misconception(
            "not normalised",
            lambda z, mean, log_var, counts: (_table(z, mean, log_var) + counts.log()).logsumexp(1),
            "You added the densities up and did not divide. This integrates to the number of pictures, not to 1: "
            "subtract the logarithm of how many were kept in all.",
        ),
        Misconception(
            "divided by the rows",
            lambda z, mean, log_var, counts: (
                (_table(z, mean, log_var) + counts.log()).logsumexp(1) - math.log(len(mean))
            ),
            "You divided by the number of rows. How many pictures do the rows stand for?",
        ),
        Misconception(
            "counts for their logarithms",
            lambda z, mean, log_var, counts: (_table(z, mean, log_var) + counts).logsumexp(1) - counts.sum().log(),
            "You added the counts to log-densities. A count multiplies a density: its logarithm is added.",
        ),
        Misconception(
            "counts times logarithms",
            lambda z, mean, log_var, counts: (_table(z, mean, log_var) * counts).logsumexp(1) - counts.sum().log(),
            "You multiplied the log-densities by the counts. That raises a density to a power; two copies of an image "
            "give twice its density.",
        ),
        Misconception(
            "log-variance for variance",
            lambda z, mean, log_var, counts: _archive(z, mean, log_var.log(), counts),
            "You took `log_var` for the variance. It is its logarithm, and may be negative.",
        ),
        Misconception(
            "log-variance for the scale",
            lambda z, mean, log_var, counts: _archive(z, mean, 2 * log_var, counts),
            "You took e^log_var for the standard deviation. It is the variance.",
        ),
        Misconception(
            "each latent by itself",
            lambda z, mean, log_var, counts: (
                (_terms(z, mean, log_var) + counts.log()[:, None]).logsumexp(1) - counts.sum().log()
            ).sum(-1),
            "You mixed each latent by itself and added the results up. That is the product of the marginals, in which "
            "latents are independent. One image gives *all* latents of a code: add up over them first, then mix.",
        ),
        Misconception(
            "parameters averaged",
            lambda z, mean, log_var, counts: _terms(
                z, (counts @ mean / counts.sum())[None], (counts @ log_var / counts.sum())[None]
            ).sum((-1, -2)),
            "You averaged the means and the log-variances. That is one Gaussian, in the middle, where perhaps no code "
            "lies. What is averaged are the densities.",
        ),
        Misconception(
            "the largest alone",
            lambda z, mean, log_var, counts: (_table(z, mean, log_var) + counts.log()).amax(1) - counts.sum().log(),
            "You kept the largest term of the sum alone. Where clouds overlap the others count too.",
        ),
        Misconception(
            "over the codes",
            lambda z, mean, log_var, counts: (
                (_table(z, mean, log_var) + counts.log()).logsumexp(0) - counts.sum().log()
            ),
            "You added up over the codes, and got one number for each image. Each code has its density: the sum runs "
            "over the images.",
        ),
    ],
    hints=(
        "In which proportion does a draw from the archive come from image n? That proportion is its weight.",
        "Make a table (M, N) of log q(z_m | x_n), summed over the latents: `z[:, None]` against `mean`. Where does "
        "log c_n go, and what is subtracted in the end?",
        "`torch.logsumexp(table + counts.log(), dim=1) - counts.sum().log()`.",
    ),
    praise="With counts that may be any weights this is every mixture with diagonal covariances in the lesson.",
)


# --- 15.2 -------------------------------------------------------------------------------------------------------------


def _others(log_q):
    return log_q.masked_fill(torch.eye(len(log_q), dtype=torch.bool), -math.inf)


def _gain(log_q, log_p):
    count = len(log_q)
    own_left_out = _others(log_q).logsumexp(1) - math.log(count - 1)
    return (own_left_out - log_p).mean(), (log_q.logsumexp(1) - math.log(count) - log_p).mean()


def _gain_loop(log_q, log_p):
    least = most = 0.0
    for i, row in enumerate(log_q.tolist()):
        others = row[:i] + row[i + 1 :]
        least += np.logaddexp.reduce(others) - np.log(len(others)) - log_p[i].item()
        most += np.logaddexp.reduce(row) - np.log(len(row)) - log_p[i].item()
    return least / len(log_p), most / len(log_p)


def _gain_numpy(log_q, log_p):
    table, count = log_q.numpy(), len(log_q)
    everyone = special.logsumexp(table, axis=1, b=1 / count)
    others = special.logsumexp(table, axis=1, b=(1 - np.eye(count)) / (count - 1))
    return np.mean(others - log_p.numpy()), np.mean(everyone - log_p.numpy())


def _with_most(most):
    return lambda log_q, log_p: (_gain(log_q, log_p)[0], most(log_q, log_p))


def _with_least(least):
    return lambda log_q, log_p: (least(log_q, log_p), _gain(log_q, log_p)[1])


def _subtracted(log_q, log_p):
    """The others as all without one: e^a − e^b, by logarithms."""
    total, own = log_q.logsumexp(1), log_q.diagonal()
    return (total + torch.log1p(-(own - total).exp()) - math.log(len(log_q) - 1) - log_p).mean()


def _gain_law(rng):
    """Two to six images; codes that overlap much or little, a prior that fits or not."""
    count, latents = rng.integers(2, 7), rng.integers(1, 4)
    mean = torch.tensor(rng.normal(rng.normal(), 1.5, (count, latents)))
    log_var = torch.tensor(rng.uniform(-2, 1, (count, latents)))
    z = mean + (0.5 * log_var).exp() * torch.tensor(rng.standard_normal((count, latents)))
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1) + float(rng.choice([0.0, rng.normal(0, 2)]))
    return _table(z, mean, log_var), log_p


gain_bounds = Exercise(
    name="gain_bounds",
    arguments=("log_q", "log_p"),
    returns=("at least", "at most"),
    reference=_gain,
    spellings={"loop": _gain_loop, "numpy": _gain_numpy},
    probes=[
        (_tensor([0.0, -1.0], [-2.0, 0.5]), _tensor(-1.0, -1.5)),
        (_tensor([0.7, -0.4, -3.0], [-1.0, 1.2, -0.2], [-6.0, -2.0, 0.3]), _tensor(-2.0, -1.1, -3.4)),
        (
            _tensor([1.0, 0.3, -2.0, 0.9], [0.5, 0.8, -1.0, -0.7], [-2.5, 0.1, 1.5, -4.0], [0.2, -1.2, -3.0, 0.4]),
            _tensor(0.4, -1.0, -2.2, 0.1),
        ),
    ],
    law=_gain_law,
    extremes=[
        (_tensor([3.0, -2000.0, -2100.0], [-1800.0, 2.0, -1500.0], [-90.0, -900.0, 2.5]), _tensor(-3.0, -2.0, -5.0)),
        (_tensor([2.0, -60.0], [-45.0, 3.0]), _tensor(-1.0, -2.0)),
        (_tensor([-1200.0, -1203.0], [-1100.0, -1101.0]), _tensor(-1150.0, -1080.0)),
    ],
    stable="put −∞ on the diagonal (`masked_fill`), and torch.logsumexp",
    misconceptions=[
        Misconception(
            "own image in both",
            lambda log_q, log_p: (_gain(log_q, log_p)[1],) * 2,
            "Both numbers count the image from which the code was drawn, and both are too large on average. In the "
            "whole population the own image has next to no weight, in a sample of N it has 1/N. How do you get an "
            "answer that does not profit from it?",
        ),
        Misconception(
            "own image in neither",
            lambda log_q, log_p: (_gain(log_q, log_p)[0],) * 2,
            "Both numbers leave out the image from which the code was drawn, and both are too small on average: "
            "a mixture of N − 1 others is a worse prior than the best. What errs upwards?",
        ),
        Misconception(
            "divided by all",
            _with_least(lambda log_q, log_p: (_others(log_q).logsumexp(1) - math.log(len(log_q)) - log_p).mean()),
            "You left the own image out and divided by N all the same. The weights of the others add up to less than 1 "
            "then: no density, and a loss that is none.",
        ),
        Misconception(
            "not normalised",
            lambda log_q, log_p: (
                (_others(log_q).logsumexp(1) - log_p).mean(),
                (log_q.logsumexp(1) - log_p).mean(),
            ),
            "The densities are added up and not divided by their number. What you compare with the prior is none then.",
        ),
        Misconception(
            "mean of the logs",
            lambda log_q, log_p: (
                ((log_q.sum(1) - log_q.diagonal()) / (len(log_q) - 1) - log_p).mean(),
                (log_q.mean(1) - log_p).mean(),
            ),
            "You averaged log q over the images. The mixture averages densities: log-sum-exp over each row first, and "
            "the mean over the draws last.",
        ),
        Misconception(
            "the whole rate",
            _with_most(lambda log_q, log_p: (log_q.diagonal() - log_p).mean()),
            "This is the whole KL term. No prior can save it all: what a code says about its own image has to be paid "
            "under every prior. A bound, but one can have a better one.",
        ),
        Misconception(
            "what a code says",
            lambda log_q, log_p: tuple(
                (log_q.diagonal() - log_p).mean() - value for value in reversed(_gain(log_q, log_p))
            ),
            "These are bounds on the mutual information, the part of the KL term that no prior can save. The other "
            "part was asked for.",
        ),
        Misconception(
            "log of the mean",
            lambda log_q, log_p: (
                (_others(log_q).logsumexp(1) - math.log(len(log_q) - 1) - log_p).logsumexp(0) - math.log(len(log_q)),
                (log_q.logsumexp(1) - math.log(len(log_q)) - log_p).logsumexp(0) - math.log(len(log_q)),
            ),
            "You averaged the ratios of densities and took the logarithm afterwards. The gain is an average of log "
            "ratios: each draw's nats are added up.",
        ),
        Misconception(
            "over the draws",
            lambda log_q, log_p: (
                (_others(log_q).logsumexp(0) - math.log(len(log_q) - 1) - log_p).mean(),
                (log_q.logsumexp(0) - math.log(len(log_q)) - log_p).mean(),
            ),
            "You added up over the draws. A row holds one draw under all images, and its mixture runs along the row.",
        ),
        Misconception(
            "the own image subtracted",
            _with_least(_subtracted),
            "Right on paper. But the own density is often nearly the whole sum, and a difference of two almost equal "
            "numbers has no digits left. Leave it out *before* you add up: put −∞ on the diagonal.",
        ),
        Misconception(
            "the prior left out",
            lambda log_q, log_p: tuple(value + log_p.mean() for value in _gain(log_q, log_p)),
            "These are averages of the mixture's log-density. The gain is what it has *more* than the prior.",
        ),
    ],
    hints=(
        "Which density would be the best prior for these N images, and does an image that was kept out of them agree?",
        "If you try the mixture of the N − 1 others as a prior for draw i, can it do better on average than the best "
        "prior there is? And if draw i meets a mixture that holds its own image?",
        "Twice the mean over i of logsumexp(row i) − log(number) − log_p[i]: once over all N entries, once over the "
        "N − 1 off the diagonal.",
    ),
    praise="The truth lies between, on average. If the lower number is below zero, q̄ of N images shows no better "
    "prior; a mixture with fewer humps still may.",
)

EXERCISES = (aggregate_log_prob, gain_bounds, kl_to_mixture, sum_out_class, matched_accuracy, above_chance)
