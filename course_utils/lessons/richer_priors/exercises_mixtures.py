"""Lesson 15, richer priors and clustering: its exercises about mixtures as priors."""

import math

import numpy as np
import torch
from scipy import stats

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _terms(z, mean, log_var):
    """Log-densities (…, N, L) of points (…, L) under N diagonal Gaussians, one for each latent."""
    z = z[..., None, :]
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean) ** 2 * (-log_var).exp())


def _table(z, mean, log_var):
    return _terms(z, mean, log_var).sum(-1)


# --- 15.3 -------------------------------------------------------------------------------------------------------------


def _mixture(z, weights, means, log_vars):
    return (_table(z, means, log_vars) + weights.log()).logsumexp(-1)


def _log_q(noise, log_var):
    return -0.5 * (math.log(2 * math.pi) + log_var + noise**2).sum(-1)


def _draw(noise, mean, log_var):
    return mean + (0.5 * log_var).exp() * noise


def _estimated(ratios):
    return ratios.mean(0), ratios.std(0) / math.sqrt(len(ratios))


def _kl(noise, mean, log_var, weights, prior_means, prior_log_vars):
    z = _draw(noise, mean, log_var)
    return _estimated(_log_q(noise, log_var) - _mixture(z, weights, prior_means, prior_log_vars))


def _kl_by_torch(noise, mean, log_var, weights, prior_means, prior_log_vars):
    dist = torch.distributions
    q = dist.Independent(dist.Normal(mean, (0.5 * log_var).exp()), 1)
    parts = dist.Independent(dist.Normal(prior_means, (0.5 * prior_log_vars).exp()), 1)
    z = mean + q.base_dist.scale * noise
    ratios = q.log_prob(z) - dist.MixtureSameFamily(dist.Categorical(weights), parts).log_prob(z)
    return ratios.mean(0), (ratios.var(0) / len(ratios)).sqrt()


def _kl_loop(noise, mean, log_var, weights, prior_means, prior_log_vars):
    means, errors = [], []
    for n in range(len(mean)):
        ratios = []
        for draw in noise[:, n].numpy():
            scale = np.exp(0.5 * log_var[n].numpy())
            z = mean[n].numpy() + scale * draw
            logs = [
                math.log(weight) + stats.norm.logpdf(z, m, np.exp(0.5 * v)).sum()
                for weight, m, v in zip(weights.tolist(), prior_means.numpy(), prior_log_vars.numpy(), strict=True)
            ]
            ratios.append(stats.norm.logpdf(z, mean[n].numpy(), scale).sum() - np.logaddexp.reduce(logs))
        means.append(np.mean(ratios))
        errors.append(stats.sem(ratios))
    return means, errors


def _log_q_at(z, noise, mean, log_var):
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean) ** 2 * (-log_var).exp()).sum(-1)


def _kl_with(log_p_of, log_q_of=lambda z, noise, mean, log_var: _log_q(noise, log_var), draw_of=_draw):
    """Build a misconception from log p(z), log q(z) and the draw."""

    def answer(noise, mean, log_var, weights, prior_means, prior_log_vars):
        z = draw_of(noise, mean, log_var)
        return _estimated(log_q_of(z, noise, mean, log_var) - log_p_of(z, weights, prior_means, prior_log_vars))

    return answer


def _with_error(error_of):
    """Build a misconception about the error alone, from (log q, log p) of the draws."""

    def answer(noise, mean, log_var, *prior):
        log_q = _log_q(noise, log_var)
        log_p = _mixture(_draw(noise, mean, log_var), *prior)
        return (log_q - log_p).mean(0), error_of(log_q, log_p)

    return answer


def _closed_forms(mean, log_var, prior_means, prior_log_vars):
    """KL (N, K) of each q to each component, in closed form."""
    mean, log_var = mean[:, None], log_var[:, None]
    gap = prior_log_vars - log_var
    return 0.5 * ((-gap).exp() + (mean - prior_means) ** 2 * (-prior_log_vars).exp() - 1 + gap).sum(-1)


def _with_kl(kl_of):
    """Build a misconception about the KL alone; the error stays that of the draws."""

    def answer(noise, mean, log_var, weights, prior_means, prior_log_vars):
        error = _kl(noise, mean, log_var, weights, prior_means, prior_log_vars)[1]
        return kl_of(_closed_forms(mean, log_var, prior_means, prior_log_vars), weights), error

    return answer


def _entropy_known(log_var, log_p):
    entropy = 0.5 * (math.log(2 * math.pi) + 1 + log_var).sum(-1)
    average, error = _estimated(-log_p)
    return average - entropy, error


def _self_normalised(noise, mean, log_var, *prior):
    ratios = _log_q(noise, log_var) - _mixture(_draw(noise, mean, log_var), *prior)
    worth = (-ratios).softmax(0)
    average = (worth * ratios).sum(0)
    return average, (worth**2 * (ratios - average) ** 2).sum(0).sqrt()


def _draws_of_the_prior(noise, mean, log_var, *prior):
    return _estimated(_log_q_at(noise, noise, mean, log_var) - _mixture(noise, *prior))


def _mixture_law(rng):
    """Two to six draws for one to four images, one to three latents, one to four components; some q equal to one."""
    draws, images, latents, parts = rng.integers(2, 7), rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 5)
    noise = rng.standard_normal((draws, images, latents))
    prior_means = rng.normal(0, 1.5, (parts, latents))
    prior_log_vars = rng.uniform(-2, 1.5, (parts, latents))
    nearest, away = rng.integers(0, parts, images), rng.random((images, 1)) < 0.6
    mean = prior_means[nearest] + away * rng.normal(0, 0.7, (images, latents))
    log_var = np.where(away, rng.uniform(-3, 0.5, (images, latents)), prior_log_vars[nearest])
    weights = rng.dirichlet(np.full(parts, 2.0))
    weights = np.maximum(weights, 1e-3) / np.maximum(weights, 1e-3).sum()
    return tuple(map(torch.tensor, (noise, mean, log_var, weights, prior_means, prior_log_vars)))


kl_to_mixture = Exercise(
    name="kl_to_mixture",
    arguments=("noise", "mean", "log_var", "weights", "prior_means", "prior_log_vars"),
    returns=("kl", "error"),
    reference=_kl,
    spellings={"torch.distributions": _kl_by_torch, "loop": _kl_loop},
    probes=[
        (
            _tensor([[1.0]], [[-1.0]], [[0.5]]),
            _tensor([0.5]),
            _tensor([0.0]),
            _tensor(0.5, 0.5),
            _tensor([-1.0], [1.0]),
            _tensor([0.0], [0.0]),
        ),
        (
            _tensor([[0.3, -1.2], [1.1, 0.2]], [[-0.8, 0.6], [0.4, -0.5]], [[1.7, 0.1], [-1.3, 0.9]]),
            _tensor([0.2, 1.0], [-0.7, 0.4]),
            _tensor([-1.0, 0.2], [-0.5, -2.0]),
            _tensor(0.2, 0.5, 0.3),
            _tensor([0.0, 1.0], [-1.0, 0.5], [1.5, -0.5]),
            _tensor([-0.3, 0.4], [0.6, -1.0], [0.0, 0.8]),
        ),
        (
            _tensor([[0.9], [-0.2], [0.4]], [[-1.4], [0.7], [1.2]]),
            _tensor([2.0], [0.1], [-1.5]),
            _tensor([-0.8], [0.4], [-1.6]),
            _tensor(0.7, 0.3),
            _tensor([2.0], [-1.0]),
            _tensor([-0.5], [0.9]),
        ),
    ],
    law=_mixture_law,
    extremes=[
        (
            _tensor([[0.3, -1.2]], [[-0.8, 0.6]]),
            _tensor([60.0, -70.0]),
            _tensor([-1.0, 0.2]),
            _tensor(0.4, 0.6),
            _tensor([0.0, 1.0], [-1.0, 0.5]),
            _tensor([-0.3, 0.4], [0.6, -1.0]),
        ),
        (
            _tensor([[0.3]], [[-0.8]], [[0.1]]),
            _tensor([0.2]),
            _tensor([-20.0]),
            _tensor(0.999, 0.001),
            _tensor([90.0], [-90.0]),
            _tensor([-1.0], [0.0]),
        ),
    ],
    stable="log-sum-exp of log-weight + log-density; no density is computed",
    misconceptions=[
        Misconception(
            "mean of the components' logs",
            _kl_with(lambda z, weights, *parts: _table(z, *parts) @ weights),
            "You averaged the components' log-densities, each with its weight. The mixture adds up densities, and the "
            "logarithm comes after. A code need not please every component: one is enough.",
        ),
        Misconception(
            "closed forms averaged",
            _with_kl(lambda table, weights: table @ weights),
            "You averaged the closed-form KLs to the components. That is an upper bound, and often a wild one: each q "
            "would have to be near *all* components. The logarithm of a sum has no closed form here.",
        ),
        Misconception(
            "the nearest component",
            _with_kl(lambda table, weights: (table - weights.log()).amin(1)),
            "This is the KL to the best component, its weight paid for. A bound from above, and near the "
            "truth where that component has nearly all draws to itself. Where several share them, it is too large.",
        ),
        Misconception(
            "draws from N(0, I)",
            _draws_of_the_prior,
            "You took the noise for the code. KL(q‖p) is an average under q: shift and scale the noise, z = μ + σε.",
        ),
        Misconception(
            "draws weighted",
            _self_normalised,
            "You weighted the draws by p/q. That makes them stand for draws from the prior, and averages for those "
            "under p. They come from q, and under q the average is asked for: all draws count alike.",
        ),
        Misconception(
            "weights left out",
            _kl_with(lambda z, weights, *parts: _table(z, *parts).logsumexp(-1)),
            "The components' weights are left out. Add their logarithms before the log-sum-exp, or the prior "
            "integrates to K.",
        ),
        Misconception(
            "equal weights",
            _kl_with(lambda z, weights, *parts: _table(z, *parts).logsumexp(-1) - math.log(len(weights))),
            "Each component has the weight 1/K in your answer. The prior has weights of its own.",
        ),
        Misconception(
            "the largest component",
            _kl_with(lambda z, weights, *parts: (_table(z, *parts) + weights.log()).amax(-1)),
            "You kept the largest component of each draw. Where components overlap the others count as well: sum them, "
            "by log-sum-exp.",
        ),
        Misconception(
            "e^log_var as the scale",
            _kl_with(_mixture, log_q_of=_log_q_at, draw_of=lambda noise, mean, log_var: mean + log_var.exp() * noise),
            "You stretched the noise by e^log_var. That is the variance, and the scale is its root: e^(log_var/2).",
        ),
        Misconception(
            "entropy in closed form",
            lambda noise, mean, log_var, *prior: _entropy_known(log_var, _mixture(_draw(noise, mean, log_var), *prior)),
            "You averaged log p over the draws and took the entropy of q in closed form. That is right on average too, "
            "and another estimate: its error is that of log p alone. Asked for is log q − log p at the same draws, "
            "which scatters less where q is near p.",
        ),
        Misconception(
            "cut off at 0",
            lambda *arguments: (_kl(*arguments)[0].clamp(min=0), _kl(*arguments)[1]),
            "You lifted negative estimates to 0. A KL is never negative, but an estimate of a small one may be; if "
            "only these are moved, the average is too large.",
        ),
        Misconception(
            "log_var as the scale",
            _kl_with(_mixture, log_q_of=_log_q_at, draw_of=lambda noise, mean, log_var: mean + log_var * noise),
            "You stretched the noise by `log_var`. The scale is the root of the variance, e^(log_var/2).",
        ),
        Misconception(
            "variances as scales",
            lambda noise, mean, log_var, weights, prior_means, prior_log_vars: _kl(
                noise, mean, 2 * log_var, weights, prior_means, 2 * prior_log_vars
            ),
            "You took e^log_var for a standard deviation, in q and in the prior. It is the variance.",
        ),
        Misconception(
            "log q left out",
            _kl_with(_mixture, log_q_of=lambda z, noise, mean, log_var: torch.zeros(noise.shape[:2], dtype=z.dtype)),
            "This is −E[log p(z)], the cross-entropy. Log q(z) of the same draws is missing.",
        ),
        Misconception(
            "each latent by itself",
            _kl_with(
                lambda z, weights, *parts: (_terms(z, *parts) + weights.log()[:, None]).logsumexp(-2).sum(-1),
            ),
            "You mixed each latent by itself. A component gives all latents of a code together: sum over them, then "
            "mix.",
        ),
        Misconception(
            "spread for error",
            _with_error(lambda log_q, log_p: (log_q - log_p).std(0)),
            "The KL is right. The second number is the spread of single draws; the error of their mean is smaller by "
            "the root of their number.",
        ),
        Misconception(
            "divided by S",
            _with_error(lambda log_q, log_p: (log_q - log_p).std(0, correction=0) / math.sqrt(len(log_q))),
            "The KL is right. The variance is taken around the draws' own mean: divide by S − 1, or with two draws the "
            "error comes out nearly a third too small.",
        ),
        Misconception(
            "two errors added",
            _with_error(lambda log_q, log_p: ((log_q.var(0) + log_p.var(0)) / len(log_q)).sqrt()),
            "The KL is right. For the error you added the variances of log q and log p, as if they were independent. "
            "They are taken at the same draws, and much cancels: it is the difference whose scatter counts.",
        ),
    ],
    hints=(
        "KL(q‖p) is an average of log q(z) − log p(z). Under which distribution, and how is a draw from it made of "
        "noise?",
        "With z = mean + exp(log_var/2) · noise, (S, N, L): log p(z) is a log-sum-exp over K of log-weight + "
        "log-density, the latter summed over L. One number for each draw and image.",
        "With `ratios = log_q - log_p` (S, N): `ratios.mean(0)` and `ratios.std(0) / len(ratios)**0.5`.",
    ),
    praise="Were q equal to p, every draw would say 0, and the error would be 0 too.",
)


# --- 15.4 -------------------------------------------------------------------------------------------------------------


def _joint(z, weights, means, log_vars):
    return _table(z, means, log_vars) + weights.log()


def _summed_out(z, weights, means, log_vars):
    joint = _joint(z, weights, means, log_vars)
    return joint.logsumexp(-1), joint.softmax(-1).mean(0)


def _summed_out_by_torch(z, weights, means, log_vars):
    dist = torch.distributions
    parts = dist.Independent(dist.Normal(means, (0.5 * log_vars).exp()), 1)
    log_prob = dist.MixtureSameFamily(dist.Categorical(weights), parts).log_prob(z)
    columns = [
        (weight.log() + dist.Normal(m, (0.5 * v).exp()).log_prob(z).sum(-1) - log_prob).exp().mean(0)
        for weight, m, v in zip(weights, means, log_vars, strict=True)
    ]
    return log_prob, torch.stack(columns, 1)


def _summed_out_loop(z, weights, means, log_vars):
    draws, images, _ = z.shape
    log_prob, shares = np.zeros((draws, images)), np.zeros((images, len(weights)))
    for s in range(draws):
        for n in range(images):
            logs = [
                math.log(weights[k].item())
                + stats.norm.logpdf(z[s, n].numpy(), means[k].numpy(), np.exp(log_vars[k].numpy() / 2)).sum()
                for k in range(len(weights))
            ]
            log_prob[s, n] = np.logaddexp.reduce(logs)
            shares[n] += np.exp(logs - log_prob[s, n]) / draws
    return log_prob, shares


def _with_shares(shares_of):
    """Build a misconception about the shares alone."""

    def answer(z, *prior):
        joint = _joint(z, *prior)
        return joint.logsumexp(-1), shares_of(joint, z, prior)

    return answer


def _classes_law(rng):
    """One to five draws for one to four images, one to three latents, one to four classes."""
    noise, _, _, weights, means, log_vars = _mixture_law(rng)
    draws, images, _ = noise.shape
    z = means[torch.tensor(rng.integers(0, len(means), images))] + 1.5 * noise[: rng.integers(1, draws)]
    return z, weights, means, log_vars


sum_out_class = Exercise(
    name="sum_out_class",
    arguments=("z", "weights", "means", "log_vars"),
    returns=("log_prob", "shares"),
    reference=_summed_out,
    spellings={"torch.distributions": _summed_out_by_torch, "loop": _summed_out_loop},
    probes=[
        (_tensor([[0.5]], [[-1.0]]), _tensor(0.75, 0.25), _tensor([-1.0], [1.0]), _tensor([0.0], [0.0])),
        (
            _tensor([[0.3, -1.2], [1.1, 0.2]], [[-0.8, 0.6], [0.4, -0.5]], [[1.7, 0.1], [-1.3, 0.9]]),
            _tensor(0.2, 0.5, 0.3),
            _tensor([0.0, 1.0], [-1.0, 0.5], [1.5, -0.5]),
            _tensor([-0.3, 0.4], [0.6, -1.0], [0.0, 0.8]),
        ),
        (
            _tensor(
                [[0.9, 0.0, 0.2], [-0.2, 1.0, 0.4], [0.1, 0.1, -2.0]],
                [[0.5, 0.3, 0.0], [0.0, -1.0, 0.6], [2.0, 0.2, -1.0]],
            ),
            _tensor(0.6, 0.4),
            _tensor([0.5, -0.2, 0.0], [-0.4, 0.8, -1.0]),
            _tensor([-0.5, 0.9, 0.3], [0.2, -0.7, 0.6]),
        ),
    ],
    law=_classes_law,
    extremes=[
        (
            _tensor([[90.0, -80.0]], [[-70.0, 75.0]]),
            _tensor(0.4, 0.6),
            _tensor([0.0, 1.0], [-1.0, 0.5]),
            _tensor([-0.3, 0.4], [0.6, -1.0]),
        ),
        (_tensor([[60.0]], [[0.2]], [[-55.0]]), _tensor(0.3, 0.7), _tensor([-0.5], [0.5]), _tensor([-0.2], [-0.2])),
    ],
    stable="torch.logsumexp and torch.softmax of log-weight + log-density",
    misconceptions=[
        Misconception(
            "the best class",
            lambda z, *prior: (_joint(z, *prior).amax(-1), _summed_out(z, *prior)[1]),
            "For log p(z) you took the best class and not the sum over all. That is the log-density of z *together* "
            "with its likeliest class, and too small wherever two classes share a code.",
        ),
        Misconception(
            "prior weights forgotten",
            lambda z, weights, means, log_vars: (
                _table(z, means, log_vars).logsumexp(-1),
                _table(z, means, log_vars).softmax(-1).mean(0),
            ),
            "The classes' weights are missing, from the density and from Bayes' rule: a rare class gets as much as a "
            "frequent one.",
        ),
        Misconception(
            "mean of the logs",
            lambda z, weights, means, log_vars: (
                _table(z, means, log_vars) @ weights,
                _summed_out(z, weights, means, log_vars)[1],
            ),
            "For log p(z) you averaged log-densities over the classes. Densities are averaged, and the logarithm comes "
            "last.",
        ),
        Misconception(
            "the mean draw",
            _with_shares(lambda joint, z, prior: _joint(z.mean(0), *prior).softmax(-1)),
            "log p(z) is right. The shares are those of the mean of the draws. The mean of two codes in two classes "
            "may lie in a third one, where neither is.",
        ),
        Misconception(
            "logs averaged, then normalised",
            _with_shares(lambda joint, z, prior: joint.mean(0).softmax(-1)),
            "log p(z) is right. You averaged logarithms over the draws and normalised afterwards: a class that one "
            "draw rules out is ruled out altogether. Normalise for each draw, then average probabilities.",
        ),
        Misconception(
            "densities averaged, then normalised",
            _with_shares(lambda joint, z, prior: joint.logsumexp(0).softmax(-1)),
            "log p(z) is right. You averaged joint densities over the draws and normalised afterwards: draws from "
            "where the prior is dense decide, and the others hardly count. All draws come from q and count alike.",
        ),
        Misconception(
            "votes",
            _with_shares(
                lambda joint, z, prior: torch.nn.functional.one_hot(joint.argmax(-1), joint.shape[-1]).double().mean(0)
            ),
            "log p(z) is right. You counted how many draws prefer each class. A draw that is undecided, 55 to 45, "
            "should count as that: average the probabilities.",
        ),
        Misconception(
            "one draw",
            _with_shares(lambda joint, z, prior: joint[0].softmax(-1)),
            "log p(z) is right. The shares are those of the first draw alone. Average over all of them.",
        ),
        Misconception(
            "over the images",
            _with_shares(lambda joint, z, prior: joint.softmax(1).mean(0)),
            "log p(z) is right. The shares are normalised over the images. Each image belongs to some class: its row "
            "sums to 1.",
        ),
        Misconception(
            "still logarithms",
            _with_shares(lambda joint, z, prior: joint.log_softmax(-1).mean(0)),
            "log p(z) is right. The shares are averages of logarithms. Averages of probabilities are asked for.",
        ),
        Misconception(
            "e^log_var as the scale",
            lambda z, weights, means, log_vars: _summed_out(z, weights, means, 2 * log_vars),
            "You took e^log_vars for the standard deviations. These are the variances.",
        ),
    ],
    hints=(
        "Make a table (S, N, K) of log π_c + log N(z; m_c, …). Two questions are asked of it: what does it sum to, and "
        "in which proportions?",
        "For one code, lesson 02: log p(z) is the row's log-sum-exp, p(k | z) its softmax. For an image, p(k | z) is "
        "averaged over its codes.",
        "`joint.logsumexp(-1)`, and `joint.softmax(-1).mean(0)`.",
    ),
    praise="The class was never drawn, and nothing had to be relaxed: a sum of K terms is exact, and has a gradient.",
)
