"""Lesson 14, richer posteriors: its exercises about importance weights."""

import math

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- all bounds from one set of draws ---------------------------------------------------------------------------------


def _bound_curve(log_w):
    count = torch.arange(1, len(log_w) + 1)
    return (torch.logcumsumexp(log_w, 0) - torch.log(count)[:, None]).mean(1)


def _bound_curve_numpy(log_w):
    total = np.logaddexp.accumulate(log_w.numpy(), axis=0)
    return total.sum(axis=1) / total.shape[1] - np.log(1 + np.arange(len(total)))


def _bound_curve_loop(log_w):
    bounds = []
    for k in range(1, len(log_w) + 1):
        estimates = [float(torch.logsumexp(column[:k], 0)) - math.log(k) for column in log_w.T]
        bounds.append(sum(estimates) / len(estimates))
    return torch.tensor(bounds)


def _counts(log_w):
    return torch.arange(1, len(log_w) + 1)[:, None]


def _one_maximum(log_w):
    top = log_w.max()
    return (top + ((log_w - top).exp().cumsum(0) / _counts(log_w)).log()).mean(1)


def _curve_law(rng):
    """One to six draws for one to five data points, log-weights around any place; ties, and a draw that outweighs."""
    log_w = rng.normal(-6, rng.choice([0.5, 2.0, 4.0]), tuple(rng.integers(1, 7, 2)))
    if rng.random() < 0.2:
        log_w[:] = log_w[:1]
    return (torch.tensor(log_w[:, :5] + rng.normal(0, 3)),)


bound_curve = Exercise(
    name="bound_curve",
    arguments=("log_w",),
    returns="bounds",
    reference=_bound_curve,
    spellings={"numpy": _bound_curve_numpy, "loop": _bound_curve_loop},
    probes=[
        (_tensor([0.0], [math.log(3)]),),
        (_tensor([-3.0, -4.5], [-1.0, -6.0], [-2.2, -4.4]),),
        (_tensor([-10.0, -7.5, -8.0, -9.1], [-6.0, -9.0, -8.5, -9.0]),),
        (_tensor([0.5], [-0.2], [1.4], [-2.0], [0.8]),),
    ],
    law=_curve_law,
    extremes=[
        (_tensor([-900.0, -1200.0], [-903.0, -1210.0], [-901.0, -1195.0]),),
        (_tensor([-1200.0, -3.0], [-4.0, -1200.0]),),
        (_tensor([1000.0, 5.0], [998.0, 7.0]),),
    ],
    stable="torch.logcumsumexp, np.logaddexp.accumulate, or a logsumexp of the first k",
    misconceptions=[
        Misconception(
            "mean of the logarithms",
            lambda log_w: (log_w.cumsum(0) / _counts(log_w)).mean(1),
            "You averaged logarithms, so that all entries estimate the same thing, the ELBO. 𝓛_k is the logarithm of "
            "an average of weights, in which a good draw counts more than a bad one.",
        ),
        Misconception(
            "log k forgotten",
            lambda log_w: torch.logcumsumexp(log_w, 0).mean(1),
            "Too large by log k: this is the logarithm of the sum of the weights, which grows by itself with each "
            "draw. A bound needs their mean.",
        ),
        Misconception(
            "log S for all",
            lambda log_w: torch.logcumsumexp(log_w, 0).mean(1) - math.log(len(log_w)),
            "You divide by the number of all draws. 𝓛_k is a mean of k weights: divide the sum of the first k by k.",
        ),
        Misconception(
            "over the wrong axis",
            lambda log_w: (torch.logcumsumexp(log_w, 1) - torch.log(_counts(log_w.T)).T).mean(0),
            "You went along the data points. The draws stand along the first axis: the weights of one column belong "
            "together.",
        ),
        Misconception(
            "data averaged inside the logarithm",
            lambda log_w: (
                torch.logcumsumexp(torch.logsumexp(log_w, 1) - math.log(log_w.shape[1]), 0)
                - torch.log(_counts(log_w))[:, 0]
            ),
            "You averaged the weights over the data points too, inside the logarithm: then one easy data point hides "
            "all others. Each data point has its bound; average these.",
        ),
        Misconception(
            "log of the mean bound",
            lambda log_w: torch.logcumsumexp(log_w.mean(1), 0) - torch.log(_counts(log_w))[:, 0],
            "You averaged the log-weights over the data points first. A draw belongs to one data point: the logarithm "
            "of the mean weight comes first, for each, and then the mean over the data points.",
        ),
        Misconception(
            "the best draw so far",
            lambda log_w: log_w.cummax(0).values.mean(1),
            "This is the largest log-weight so far. It comes near 𝓛_k + log k where one draw dominates; the bound "
            "takes the mean of the weights.",
        ),
        Misconception(
            "no log-sum-exp",
            lambda log_w: (log_w.exp().cumsum(0) / _counts(log_w)).log().mean(1),
            "Right on paper. But exp(−900) is zero for a computer, and exp(1000) infinite: no weight may be computed "
            "on its own.",
        ),
        Misconception(
            "one maximum for all",
            _one_maximum,
            "You took out the largest log-weight of the whole table. A data point whose own weights are far smaller "
            "still underflows, and so do the first draws before a large one.",
        ),
        Misconception(
            "normalised weights",
            lambda log_w: torch.stack(
                [(log_w[:k].softmax(0) * log_w[:k]).sum(0).mean() for k in range(1, len(log_w) + 1)]
            ),
            "You averaged the log-weights with the normalised weights. They are the weights in the *gradient* of 𝓛_k; "
            "𝓛_k itself is the logarithm of the plain mean of the weights.",
        ),
    ],
    hints=(
        "For one data point and k draws: log (1/k Σ w). Then what is averaged over the data points, weights or "
        "logarithms?",
        "All k at once: `torch.logcumsumexp(log_w, 0)` has the log of the sum of the first k weights in row k − 1.",
        "Subtract log k from row k − 1, with k = torch.arange(1, S + 1)[:, None]; then `.mean(1)`.",
    ),
    praise="S bounds for the price of one. A single curve of this kind may fall; its expectation never does.",
)


# --- how many draws ---------------------------------------------------------------------------------------------------


def _draws_needed(log_w, gap):
    w = np.exp(log_w - log_w.max())
    variance = np.var(w / w.mean(), ddof=1)
    return variance, max(1, math.ceil(variance / (2 * gap)))


def _draws_torch(log_w, gap):
    ratio = torch.softmax(torch.as_tensor(log_w), 0) * len(log_w)
    variance = float(ratio.var())
    return variance, int(np.ceil(np.maximum(variance / gap / 2, 1)))


def _draws_by_logarithms(log_w, gap):
    """From log E[w²] − 2 log E[w], which is log(1 + variance) but for the divisor."""
    size = len(log_w)
    moments = [special.logsumexp(power * np.array(log_w)) - math.log(size) for power in (1, 2)]
    variance = max(math.expm1(moments[1] - 2 * moments[0]), 0.0) * size / (size - 1)
    return variance, max(-int(-variance / gap // 2), 1)


def _ratio(log_w):
    w = np.exp(log_w - np.max(log_w))
    return w / w.mean()


def _with_spread(variance_of):
    """Build a misconception about the spread; the number of draws follows from it by the right rule."""

    def answer(log_w, gap):
        variance = variance_of(log_w)
        return variance, max(1, math.ceil(variance / (2 * gap)))

    return answer


def _with_count(count_of):
    """Build a misconception about the number of draws, from the right variance."""
    return lambda log_w, gap: (np.var(_ratio(log_w), ddof=1), count_of(np.var(_ratio(log_w), ddof=1), gap))


def _plain_draws(log_w, gap):
    w = np.exp(log_w)
    variance = np.var(w, ddof=1) / w.mean() ** 2
    return variance, np.maximum(1, np.ceil(variance / (2 * gap)))


def _needed_law(rng):
    """Two to twelve log-weights around any place, equal or far apart; a gap that is met exactly is avoided."""
    if rng.random() < 0.1:
        return np.full(rng.integers(2, 6), rng.normal(0, 3)), float(rng.uniform(0.01, 1))
    while True:
        log_w = rng.normal(rng.normal(-3, 4), rng.choice([0.05, 0.5, 1.5, 3.0]), rng.integers(2, 13))
        gap = float(10 ** rng.uniform(-2, 0.5))
        share = _draws_needed(log_w, gap)[0] / (2 * gap)
        if abs(share - round(share)) > 1e-3 * max(share, 0.1):
            return log_w, gap


draws_needed = Exercise(
    name="draws_needed",
    arguments=("log_w", "gap"),
    returns=("variance", "k"),
    reference=_draws_needed,
    spellings={"torch": _draws_torch, "logarithms": _draws_by_logarithms},
    probes=[
        (np.array([0.0, math.log(3)]), 0.12),
        (np.array([-2.0, -3.5, -1.0, -2.2]), 0.05),
        (np.array([0.4, 0.5, 0.45]), 0.5),
        (np.array([-0.7, -0.7]), 0.2),
        (np.array([1.0, -4.0, 2.5, 0.3, -1.0, 0.2]), 0.01),
    ],
    law=_needed_law,
    extremes=[
        (np.array([-1000.0, -1001.0, -1003.0]), 0.02),
        (np.array([1000.0, 999.0, 1001.5, 1000.2]), 0.3),
        (np.array([-1200.0, -1200.0]), 0.1),
    ],
    stable="w divided by its mean, with the largest log-weight taken out before exp",
    misconceptions=[
        Misconception(
            "variance of the logarithms",
            _with_spread(lambda log_w: np.var(log_w, ddof=1)),
            "This is the variance of the log-weights. Near 0 it says the same; where weights differ much the variance "
            "of w itself, in units of its mean, is far larger.",
        ),
        Misconception(
            "variance of w",
            _with_spread(lambda log_w: np.var(np.exp(log_w), ddof=1)),
            "This is the variance of w as it is. Multiply all weights by 10: the gap stays, your answer does not. "
            "Divide w by its mean first.",
        ),
        Misconception(
            "divided by the mean once",
            _with_spread(lambda log_w: np.var(np.exp(log_w), ddof=1) / np.exp(log_w).mean()),
            "You divide the variance of w by its mean. A variance has the unit of w²: divide by the square of the "
            "mean.",
        ),
        Misconception(
            "divided by S",
            _with_spread(lambda log_w: np.var(_ratio(log_w))),
            "You divide by S. With the mean estimated from the same weights the unbiased variance has S − 1.",
        ),
        Misconception(
            "standard deviation",
            _with_spread(lambda log_w: np.std(_ratio(log_w), ddof=1)),
            "This is the standard deviation of w/mean. Into the gap goes its square.",
        ),
        Misconception(
            "½ left out",
            _with_count(lambda variance, gap: max(1, math.ceil(variance / gap))),
            "The variance is right. Twice as many draws as needed: the curvature of the logarithm brings a ½, so the "
            "gap is Var/(2k).",
        ),
        Misconception(
            "as an error bar",
            _with_count(lambda variance, gap: max(1, math.ceil(variance / gap**2))),
            "The variance is right. You asked for a standard error below the gap, which falls like 1/√k. The gap of "
            "the bound falls like 1/k.",
        ),
        Misconception(
            "rounded down",
            _with_count(lambda variance, gap: max(1, math.floor(variance / (2 * gap)))),
            "The variance is right. You round down, and so miss the gap by a draw: round up.",
        ),
        Misconception(
            "rounded to the nearest",
            _with_count(lambda variance, gap: max(1, round(variance / (2 * gap)))),
            "The variance is right. You round to the nearest number; half of the time this is a draw too few.",
        ),
        Misconception(
            "no draw at all",
            _with_count(lambda variance, gap: math.ceil(variance / (2 * gap))),
            "The variance is right. Where all weights are equal you take no draw: one is needed to have a bound.",
        ),
        Misconception(
            "no maximum taken out",
            _plain_draws,
            "Right on paper. But exp(−1000) is zero for a computer, and 0/0 no number. w/mean does not change when a "
            "constant is taken out of all log-weights: take the largest.",
        ),
    ],
    hints=(
        "The gap is about Var(w)/(2k), with w in units of its mean, p(x). Solve for k.",
        "Only w/mean matters, so exponentiate log_w minus its largest entry.",
        "`np.var(w / w.mean(), ddof=1)`; then k = ⌈variance/(2 gap)⌉, and at least 1.",
    ),
    praise="An estimate of a tail by draws that may have missed it: read k̂ and the effective sample size beside it.",
)


# --- the posterior's moments ------------------------------------------------------------------------------------------


def _weighted_moments(log_w, z):
    share = torch.softmax(log_w, 0)
    mean = share @ z
    return mean, (share @ (z - mean) ** 2).sqrt(), 1 / (share**2).sum()


def _moments_numpy(log_w, z):
    w = np.exp(log_w.numpy() - log_w.numpy().max())
    mean = np.average(z.numpy(), axis=0, weights=w)
    spread = np.average((z.numpy() - mean) ** 2, axis=0, weights=w)
    return mean, np.sqrt(spread), np.sum(w) ** 2 / np.sum(w**2)


def _moments_loop(log_w, z):
    logs = log_w - torch.logsumexp(log_w, 0)
    mean, second = torch.zeros(z.shape[1], dtype=z.dtype), torch.zeros(z.shape[1], dtype=z.dtype)
    for one, point in zip(logs, z, strict=True):
        mean = mean + one.exp() * point
    for one, point in zip(logs, z, strict=True):
        second = second + one.exp() * (point - mean) * (point - mean)
    return mean, second**0.5, torch.exp(-torch.logsumexp(2 * logs, 0))


def _with_shares(shares_of):
    """Build a misconception about the weights."""

    def answer(log_w, z):
        share = shares_of(log_w)
        mean = share @ z
        return mean, (share @ (z - mean) ** 2).sqrt(), 1 / (share**2).sum()

    return answer


def _with_part(position, part_of):
    """Build a misconception about one of the three results, from (shares, z, mean)."""

    def answer(log_w, z):
        parts = list(_weighted_moments(log_w, z))
        parts[position] = part_of(log_w.softmax(0), z, parts[0])
        return tuple(parts)

    return answer


def _moments_law(rng):
    """One to eight draws in one to four dimensions; log-weights alike, or far apart; ties, zeros."""
    draws, size = rng.integers(1, 9), rng.integers(1, 5)
    log_w = rng.normal(rng.normal(0, 3), rng.choice([0.0, 0.7, 2.0]), draws)
    z = rng.normal(0.5, 1.5, (draws, size))
    z[rng.random(z.shape) < 0.1] = 0.0
    return torch.tensor(log_w), torch.tensor(z)


weighted_moments = Exercise(
    name="weighted_moments",
    arguments=("log_w", "z"),
    returns=("mean", "scale", "effective sample size"),
    reference=_weighted_moments,
    spellings={"numpy": _moments_numpy, "loop": _moments_loop},
    probes=[
        (_tensor(0.0, math.log(3)), _tensor([0.0], [4.0])),
        (_tensor(-1.0, 0.5, -2.0), _tensor([0.3, -1.0], [1.2, 0.4], [-0.7, 2.0])),
        (_tensor(-5.0, -5.0, -4.0, -7.0), _tensor([1.0], [0.0], [-2.0], [0.6])),
        (_tensor(2.0), _tensor([1.5, -0.5, 3.0])),
    ],
    law=_moments_law,
    extremes=[
        (_tensor(-1000.0, -1000.7, -1001.3), _tensor([0.3, -1.0], [1.2, 0.4], [-0.7, 2.0])),
        (_tensor(1000.0, 999.0), _tensor([1.0], [2.5])),
    ],
    stable="torch.softmax, or take out the largest log-weight before exp",
    misconceptions=[
        Misconception(
            "the same weight for all",
            _with_shares(lambda log_w: torch.full_like(log_w, 1 / len(log_w))),
            "You give all draws the same weight, and so describe q. The posterior gives a draw the weight w.",
        ),
        Misconception(
            "log-weights as weights",
            _with_shares(lambda log_w: log_w / log_w.sum()),
            "You normalised the log-weights. Weights are their exponentials; logarithms may be negative.",
        ),
        Misconception(
            "not normalised",
            _with_shares(lambda log_w: log_w.exp() / len(log_w)),
            "You divide by the number of draws. p(x) is still in these weights: divide by their sum, and it cancels.",
        ),
        Misconception(
            "no maximum taken out",
            _with_shares(lambda log_w: log_w.exp() / log_w.exp().sum()),
            "Right on paper. But exp(−1000) is zero for a computer, and 0/0 no number. A constant cancels: take the "
            "largest log-weight out first, as softmax does.",
        ),
        Misconception(
            "weights turned over",
            _with_shares(lambda log_w: (-log_w).softmax(0)),
            "The weights are upside down: where the posterior exceeds q, a draw counts more.",
        ),
        Misconception(
            "squared weights",
            _with_shares(lambda log_w: (2 * log_w).softmax(0)),
            "You used squared weights. They belong into the effective sample size alone, and there below the line.",
        ),
        Misconception(
            "resampled by the largest",
            lambda log_w, z: (z[log_w.argmax()], 0 * z[0], torch.ones((), dtype=z.dtype)),
            "You keep the draw with the largest weight. The posterior's moments are averages over all draws, each with "
            "its weight.",
        ),
        Misconception(
            "scale of the draws",
            _with_part(1, lambda share, z, mean: z.std(0, unbiased=False)),
            "The mean is right. The scale is that of the draws, which is q's: weigh the squared distances too.",
        ),
        Misconception(
            "around the plain mean",
            _with_part(1, lambda share, z, mean: (share @ (z - z.mean(0)) ** 2).sqrt()),
            "The mean is right. The distances are taken from the plain mean of the draws: take them from the weighted "
            "one.",
        ),
        Misconception(
            "not around the mean",
            _with_part(1, lambda share, z, mean: (share @ z**2).sqrt()),
            "The mean is right. This is the root of E[z²], which is a scale only where the mean is 0.",
        ),
        Misconception(
            "standard error",
            _with_part(1, lambda share, z, mean: (share**2 @ (z - mean) ** 2).sqrt()),
            "The mean is right. With squared weights this is the standard error of the mean, which shrinks with more "
            "draws. The posterior's own scale does not.",
        ),
        Misconception(
            "share of the largest",
            _with_part(2, lambda share, z, mean: 1 / share.max()),
            "Moments right. 1 over the largest share is another measure, which looks at one draw alone: the effective "
            "sample size is (Σw)²/Σw².",
        ),
        Misconception(
            "perplexity of the weights",
            _with_part(2, lambda share, z, mean: (-(share * share.log()).sum()).exp()),
            "Moments right. This is e to the entropy of the shares, another way to count. The effective sample size is "
            "(Σw)²/Σw².",
        ),
        Misconception(
            "as a share",
            _with_part(2, lambda share, z, mean: 1 / (share**2).sum() / len(share)),
            "Moments right. This is the effective share of the draws. Asked for is how many draws it comes to: do not "
            "divide by S.",
        ),
    ],
    hints=(
        "Under the posterior a draw from q counts w/Σw. What is a mean, and what a variance, if draws count unequally?",
        "`share = torch.softmax(log_w, 0)` are those weights, stable at any size. mean = share @ z.",
        "The variance is `share @ (z - mean)**2`, and the effective sample size (Σw)²/Σw² is 1/Σ share².",
    ),
    praise="Anything that can be asked of a posterior can be asked of its weighted draws, if enough of them count.",
)


# --- the encoder's gradient -------------------------------------------------------------------------------------------


def _two_gradients(log_w, paths, scores):
    share = torch.softmax(log_w, 0)
    return share @ (paths - scores), share**2 @ paths


def _two_gradients_by_autograd(log_w, paths, scores):
    nudge = torch.zeros(paths.shape[1], dtype=paths.dtype, requires_grad=True)
    bound = torch.logsumexp(log_w + (paths - scores) @ nudge, 0)
    held = (log_w - torch.logsumexp(log_w, 0)).exp().square().detach()
    surrogate = held @ (paths @ nudge)
    return torch.autograd.grad(bound, nudge)[0], torch.autograd.grad(surrogate, nudge)[0]


def _two_gradients_loop(log_w, paths, scores):
    w = [math.exp(one - max(log_w.tolist())) for one in log_w.tolist()]
    first, second = np.zeros(paths.shape[1]), np.zeros(paths.shape[1])
    for one, path, score in zip(w, paths.numpy(), scores.numpy(), strict=True):
        first += one / sum(w) * (path - score)
        second += one * one / sum(w) / sum(w) * path
    return first, second


def _weighted_not_held(log_w, paths, scores):
    """Both gradients of sums of weights times log-weights, in which the weights are differentiated too."""
    leaf = log_w.clone().requires_grad_()
    share = leaf.softmax(0)
    sums = (share * leaf).sum(), (share**2 * leaf).sum()
    slopes = [torch.autograd.grad(one, leaf, retain_graph=True)[0] for one in sums]
    return slopes[0] @ (paths - scores), slopes[1] @ paths


def _with_second(second_of):
    """Build a misconception about the second gradient, from (shares, paths, scores)."""
    return lambda log_w, paths, scores: (
        _two_gradients(log_w, paths, scores)[0],
        second_of(log_w.softmax(0), paths, scores),
    )


def _with_weights(weights_of):
    """Build a misconception about the weights, from the log-weights."""
    return lambda log_w, paths, scores: (
        weights_of(log_w) @ (paths - scores),
        weights_of(log_w) ** 2 @ paths,
    )


def _gradients_law(rng):
    """One to six draws, one to four parameters; log-weights around any place, alike or far apart."""
    draws, size = rng.integers(1, 7), rng.integers(1, 5)
    log_w = rng.normal(rng.normal(0, 2), rng.choice([0.3, 1.0, 2.5]), draws)
    return torch.tensor(log_w), *(torch.tensor(rng.normal(0, 1.5, (draws, size))) for _ in range(2))


two_gradients = Exercise(
    name="two_gradients",
    arguments=("log_w", "paths", "scores"),
    returns=("standard", "doubly reparameterised"),
    reference=_two_gradients,
    spellings={"autograd": _two_gradients_by_autograd, "loop": _two_gradients_loop},
    probes=[
        (_tensor(-1.0), _tensor([2.0]), _tensor([0.5])),
        (_tensor(0.0, math.log(3)), _tensor([1.0, -2.0], [3.0, 0.5]), _tensor([0.4, 1.0], [-1.2, 0.3])),
        (_tensor(-4.0, -2.5, -3.2), _tensor([0.7], [-1.1], [2.0]), _tensor([1.3], [0.2], [-0.6])),
    ],
    law=_gradients_law,
    extremes=[
        (_tensor(-1000.0, -1001.0), _tensor([1.0, 0.3], [-2.0, 0.8]), _tensor([0.5, 0.2], [0.1, -0.4])),
        (_tensor(1000.0, 998.5, 999.0), _tensor([1.0], [-2.0], [0.6]), _tensor([0.5], [0.1], [1.1])),
    ],
    stable="torch.softmax of the log-weights",
    misconceptions=[
        Misconception(
            "the same weight for all",
            lambda log_w, paths, scores: ((paths - scores).mean(0), paths.mean(0) / len(paths)),
            "You average over the draws: that is the gradient of the ELBO. Differentiate the logarithm of the mean "
            "weight: each draw's gradient counts with its share of the weights.",
        ),
        Misconception(
            "weights not held",
            _weighted_not_held,
            "These are the gradients of Σ w̃ log w and of Σ w̃² log w, with weights that are differentiated too. In the "
            "gradient of 𝓛_k the weights come out of the chain rule, as numbers: detach them.",
        ),
        Misconception(
            "w̃ for w̃²",
            _with_second(lambda share, paths, scores: share @ paths),
            "The first is right. In the second you drop the score and keep the weights. With more than one draw the "
            "score does not vanish on average, since a weight depends on its draw: what replaces it turns w̃ into w̃².",
        ),
        Misconception(
            "score kept in the second",
            _with_second(lambda share, paths, scores: share**2 @ (paths - scores)),
            "The first is right. The second still has the score: it has been turned into a path, and is in w̃² already.",
        ),
        Misconception(
            "squares normalised",
            _with_second(lambda share, paths, scores: share**2 / (share**2).sum() @ paths),
            "The first is right. In the second your squares sum to 1. They are not to: w̃² is at most w̃.",
        ),
        Misconception(
            "first without the score",
            lambda log_w, paths, scores: (log_w.softmax(0) @ paths, log_w.softmax(0) ** 2 @ paths),
            "The second is right. In the first the score is missing: φ stands in log q(z) as well, not only in z.",
        ),
        Misconception(
            "score added",
            lambda log_w, paths, scores: (log_w.softmax(0) @ (paths + scores), log_w.softmax(0) ** 2 @ paths),
            "The second is right. log q is subtracted in log w, so its score is subtracted in the gradient.",
        ),
        Misconception(
            "not normalised",
            _with_weights(lambda log_w: log_w.exp() / len(log_w)),
            "You weigh with w/k, and so differentiate the mean weight, p(x). The logarithm divides by it: the weights "
            "sum to 1.",
        ),
        Misconception(
            "no maximum taken out",
            _with_weights(lambda log_w: log_w.exp() / log_w.exp().sum()),
            "Right on paper. But exp(−1000) is zero for a computer, and 0/0 no number: softmax takes the largest out.",
        ),
    ],
    hints=(
        "Differentiate log (1/k) Σ exp(log w): which factor stands before the gradient of each log w?",
        "It is w̃ = w/Σw, a softmax. The gradient of log w = log p(x, z) − log q(z) is its path minus the score.",
        "`share = torch.softmax(log_w, 0)`; then `share @ (paths - scores)`, and `share**2 @ paths`.",
    ),
    praise="Two estimates of one gradient. With one draw the second is sticking the landing.",
)
