"""Lesson 06, the reparameterisation trick: its problems, for which no formula is given."""

import math

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _parts(z, features, counts, prior_scale):
    """Log-likelihoods (K, N) and log-priors (K, D)."""
    likelihood = torch.distributions.Poisson((z @ features.T).exp()).log_prob(counts)
    return likelihood, torch.distributions.Normal(0.0, prior_scale).log_prob(z)


def _regression(z, features, counts, prior_scale):
    likelihood, prior = _parts(z, features, counts, prior_scale)
    return likelihood.sum(1) + prior.sum(1)


def _regression_by_hand(z, features, counts, prior_scale):
    log_rates = z @ features.T
    likelihood = (counts * log_rates - log_rates.exp() - torch.lgamma(counts + 1)).sum(dim=1)
    squares = (z / prior_scale).square().sum(dim=1)
    return likelihood - squares / 2 - z.shape[1] * math.log(prior_scale * math.sqrt(2 * math.pi))


def _regression_loop(z, features, counts, prior_scale):
    totals = []
    for weights in z:
        total = torch.zeros((), dtype=z.dtype)
        for row, count in zip(features, counts, strict=True):
            log_rate = (row * weights).sum()
            total = total + count * log_rate - torch.exp(log_rate) - torch.lgamma(count + 1)
        for weight in weights:
            total = total - 0.5 * (weight / prior_scale) ** 2 - math.log(prior_scale) - 0.5 * math.log(2 * math.pi)
        totals.append(total)
    return torch.stack(totals)


def _with_parts(together):
    return lambda z, features, counts, prior_scale: together(*_parts(z, features, counts, prior_scale))


def _regression_law(rng):
    """Shifts with a few emergencies, some with many; priors of all widths."""
    draws, points, size = rng.integers(1, 13 if rng.random() < 0.15 else 5, 3)
    features = rng.normal(0, 0.7, (points, size))
    counts = np.minimum(rng.poisson(np.exp(rng.normal(rng.choice([0, 0, 4]), 1, points))), 165).astype(float)
    z, scale = rng.normal(0, 0.8, (draws, size)), np.exp(rng.normal(0, 0.7))
    if rng.random() < 0.3:
        scale = 10 ** rng.uniform(-3, 3)
        z = z * min(scale, 5.0)
    return torch.tensor(z), torch.tensor(features), torch.tensor(counts), float(scale)


def _tensors(*values):
    return tuple(torch.tensor(value, dtype=torch.float64) for value in values)


regression_log_joint = Exercise(
    name="regression_log_joint",
    arguments=("z", "features", "counts", "prior_scale"),
    returns="log-joint",
    reference=_regression,
    spellings={"by hand": _regression_by_hand, "loop": _regression_loop},
    probes=[
        (*_tensors([[0.0]], [[1.0]], [0.0]), 1.0),
        (*_tensors([[0.5, -1.0], [1.0, 0.2]], [[1.0, 0.3], [1.0, -1.2], [1.0, 0.9]], [2.0, 7.0, 0.0]), 2.0),
        (*_tensors([[-0.4, 0.1, 0.7]], [[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]], [1.0, 3.0]), 0.5),
    ],
    law=_regression_law,
    extremes=[
        (*_tensors([[7.0, 0.0], [1.0, 2.0]], [[1.0, -0.5], [1.0, 0.3]], [200.0, 1300.0]), 1.5),
        (*_tensors([[30.0], [-690.0], [12.0]], [[1.0]], [3.0]), 40.0),
    ],
    stable="keep zᵀx as the logarithm of the rate, with no bound; and take torch.lgamma for the logarithm of the "
    "factorial, which itself is infinite from 171! on",
    gradients=("z",),
    misconceptions=[
        Misconception(
            "rate not exponentiated",
            lambda z, features, counts, prior_scale: (
                (torch.special.xlogy(counts, (z @ features.T).abs()) - z @ features.T - torch.lgamma(counts + 1)).sum(1)
                + _parts(z, features, counts, prior_scale)[1].sum(1)
            ),
            "You take zᵀx for the rate itself. It may be negative, and a rate may not; it is the *logarithm* of the "
            "rate.",
        ),
        Misconception(
            "factorial left out",
            lambda z, features, counts, prior_scale: (
                _regression(z, features, counts, prior_scale) + torch.lgamma(counts + 1).sum()
            ),
            "The factorials of the counts are missing. Gradients do not feel it; but the ELBO is then no bound on this "
            "evidence, and cannot be compared between models.",
        ),
        Misconception(
            "factorial of n − 1",
            lambda z, features, counts, prior_scale: (
                _regression(z, features, counts, prior_scale) + (torch.lgamma(counts + 1) - torch.lgamma(counts)).sum()
            ),
            "torch.lgamma(n) is log (n − 1)!, and infinite for a count of 0. The factorial is lgamma(n + 1).",
        ),
        Misconception(
            "softplus for the rate",
            lambda z, features, counts, prior_scale: (
                torch.distributions.Poisson(torch.nn.functional.softplus(z @ features.T)).log_prob(counts).sum(1)
                + _parts(z, features, counts, prior_scale)[1].sum(1)
            ),
            "Your rate is softplus(zᵀx), positive as well. But the text says that zᵀx is the *logarithm* of the mean: "
            "the rate is its exponential.",
        ),
        Misconception(
            "prior's normaliser left out",
            lambda z, features, counts, prior_scale: (
                _parts(z, features, counts, prior_scale)[0].sum(1) - (z / prior_scale).square().sum(1) / 2
            ),
            "The prior lacks its normaliser, −log(s√(2π)) for every weight. The gradients are right without it, the "
            "ELBO is not.",
        ),
        Misconception(
            "prior left out",
            _with_parts(lambda likelihood, prior: likelihood.sum(1)),
            "This is the log-likelihood alone. The log-joint has the prior of z as well; without it q runs after the "
            "data.",
        ),
        Misconception(
            "prior for every datum",
            _with_parts(lambda likelihood, prior: (likelihood + prior.sum(1, keepdim=True)).sum(1)),
            "The prior is added once for every datum. One weight vector serves all data, and its prior stands once "
            "in the joint.",
        ),
        Misconception(
            "mean over the data",
            _with_parts(lambda likelihood, prior: likelihood.mean(1) + prior.sum(1)),
            "You average over the data. Probabilities of independent data multiply, so their logarithms add; with "
            "the mean the prior weighs N times too much.",
        ),
        Misconception(
            "scale read as a variance",
            lambda z, features, counts, prior_scale: _regression(z, features, counts, prior_scale**0.5),
            "`prior_scale` is read as a variance. In this course a scale is always a standard deviation.",
        ),
        Misconception(
            "one draw for all",
            _with_parts(lambda likelihood, prior: (likelihood.sum() + prior.sum()).expand(len(likelihood))),
            "Every draw gets the sum over all draws. Each row of z is a weight vector of its own, with a log-joint "
            "of its own.",
        ),
    ],
    hints=[
        "Two parts: Σ_n log p(x_n | z), and log p(z). Only the first differs from the logistic regression of section "
        "6.8.",
        "With log-rate η = zᵀx a Poisson count n has log-probability nη − e^η − log n!. For all draws and data at "
        "once the log-rates are z @ features.T, of shape (K, N).",
        "torch.distributions.Poisson((z @ features.T).exp()).log_prob(counts).sum(1) plus "
        "torch.distributions.Normal(0.0, prior_scale).log_prob(z).sum(1).",
    ],
    praise="One function was exchanged, and the loop of section 6.9 fits another model. That is what black-box means.",
)


def _draws(uniforms, rate):
    return -np.log1p(-uniforms) / rate


def _rate_gradient(uniforms, rate, counts):
    z = _draws(uniforms, rate)
    return ((len(counts) + 1) * z - np.sum(counts) - 1) / rate


def _rate_gradient_by_autograd(uniforms, rate, counts):
    # a rate for each draw, hence a gradient for each
    rates = torch.full((len(uniforms),), rate, dtype=torch.float64, requires_grad=True)
    z = -torch.log1p(-torch.as_tensor(uniforms)) / rates
    log_joint = torch.distributions.Poisson(z[:, None]).log_prob(torch.as_tensor(counts).double()).sum(1) - z
    log_q = torch.log(rates) - rates * z
    return torch.autograd.grad((log_joint - log_q).sum(), rates)[0]


def _rate_gradient_loop(uniforms, rate, counts):
    gradients = []
    for u in uniforms:
        z = -math.log(1 - u) / rate
        slope = sum(count / z - 1 for count in counts) - 1  # of the log-joint, at z
        gradients.append(slope * (-z / rate) - 1 / rate)  # and of the entropy, 1 − log λ
    return gradients


def _score_gradient(uniforms, rate, counts):
    z = _draws(uniforms, rate)
    log_joint = np.log(z) * np.sum(counts) - (len(counts) + 1) * z - special.gammaln(np.asarray(counts) + 1.0).sum()
    return (log_joint - np.log(rate) + rate * z) * (1 / rate - z)


def _rate_law(rng):
    """Uniform numbers up to a billionth from 0 and 1, rates of all sizes, counts with ties and above 255."""
    draws, size = rng.integers(1, 13 if rng.random() < 0.15 else 6, 2)
    counts = rng.poisson(rng.uniform(0.2, 4) * rng.choice([1, 1, 1, 300]), size)
    uniforms, rate = rng.uniform(0.01, 0.99, draws), np.exp(rng.normal(0, 0.7))
    if rng.random() < 0.3:
        small = 10 ** rng.uniform(-9, -2, draws)
        uniforms = np.where(rng.random(draws) < 0.5, small, 1 - small)
    if rng.random() < 0.3:
        rate = 10 ** rng.uniform(-3, 3)
    return uniforms, float(rate), counts


rate_gradient = Exercise(
    name="rate_gradient",
    arguments=("uniforms", "rate", "counts"),
    returns="gradients",
    reference=_rate_gradient,
    spellings={"autograd": _rate_gradient_by_autograd, "loop": _rate_gradient_loop},
    probes=[
        (np.array([1 - np.exp(-1.0)]), 1.0, np.array([2])),
        (np.array([0.1, 0.5, 0.9]), 0.5, np.array([1, 0, 3])),
        (np.array([0.25, 0.75]), 2.0, np.array([0])),
    ],
    law=_rate_law,
    extremes=[(np.array([1e-9, 1 - 1e-9, 0.5]), 0.002, np.array([2, 0])), (np.array([2e-9]), 500.0, np.array([3]))],
    stable="nothing need be added to z or kept away from 0 and 1; the 1/z of the slope cancels with the z of the path",
    misconceptions=[
        Misconception(
            "entropy left out",
            lambda uniforms, rate, counts: _rate_gradient(uniforms, rate, counts) + 1 / rate,
            "The path of the log-joint is right. The ELBO also contains the entropy of q, and that changes with the "
            "rate: without it q contracts to a point.",
        ),
        Misconception(
            "prior left out",
            lambda uniforms, rate, counts: _rate_gradient(uniforms, rate, counts) - _draws(uniforms, rate) / rate,
            "The prior is missing. log p(z) = −z has the slope −1, one more of the kind that every count contributes.",
        ),
        Misconception(
            "path of log q only",
            lambda uniforms, rate, counts: _rate_gradient(uniforms, rate, counts) + 1 / rate - _draws(uniforms, rate),
            "You stick the landing: the rate inside log q is held fixed. That is unbiased, too; but the whole "
            "gradient was asked for, in which λz = −log(1 − u) does not move.",
        ),
        Misconception(
            "score function",
            _score_gradient,
            "This is the score function's estimate. It is right on average and noisy; the path through z was asked "
            "for, which uses the slope of the log-joint.",
        ),
        Misconception(
            "u for 1 − u",
            lambda uniforms, rate, counts: _rate_gradient(1 - np.asarray(uniforms), rate, counts),
            "Your z is −log(u)/λ. It has the right distribution, but it is another draw than the one that belongs to "
            "this u: a small u gives a small z here.",
        ),
        Misconception(
            "path with the wrong sign",
            lambda uniforms, rate, counts: -_rate_gradient(uniforms, rate, counts) - 2 / rate,
            "The path has the wrong sign: with a larger rate the draws become *smaller*, dz/dλ = −z/λ.",
        ),
        Misconception(
            "path not divided by the rate",
            lambda uniforms, rate, counts: (len(counts) + 1) * _draws(uniforms, rate) - np.sum(counts) - 1 / rate,
            "You take dz/dλ = −z. From z = −log(1 − u)/λ it is −z/λ: one λ from the derivative of 1/λ is missing.",
        ),
        Misconception(
            "slope alone",
            lambda uniforms, rate, counts: np.sum(counts) / _draws(uniforms, rate) - len(counts) - 1,
            "This is the slope of the log-joint at z. The gradient for λ asks on: how far does z move with λ (dz/dλ), "
            "and what does log q change?",
        ),
        Misconception(
            "value for the gradient",
            lambda uniforms, rate, counts: (
                np.log(_draws(uniforms, rate)) * np.sum(counts)
                - (len(counts) + 1) * _draws(uniforms, rate)
                - special.gammaln(np.asarray(counts) + 1.0).sum()
                - np.log(rate)
                + rate * _draws(uniforms, rate)
            ),
            "These are the values log p − log q at the draws, whose average is the ELBO. Asked for are their "
            "derivatives with respect to λ.",
        ),
        Misconception(
            "KL in closed form",
            lambda uniforms, rate, counts: (
                (len(counts) * _draws(uniforms, rate) - np.sum(counts)) / rate - 1 / rate + 1 / rate**2
            ),
            "A good gradient, with the KL to the prior in closed form. Its average is the same, its value for a given "
            "u is not. Here the whole log p − log q takes the path through z.",
        ),
        Misconception(
            "slope at the mean",
            lambda uniforms, rate, counts: (
                (np.sum(counts) * rate - len(counts) - 1) * -_draws(uniforms, rate) / rate - 1 / rate
            ),
            "You take the slope of the log-joint at the mean of q, 1/λ. It belongs at the draw itself.",
        ),
    ],
    hints=[
        "Three steps: z as a function of u and λ; the slope of the log-joint at z; how z moves with λ. And what of "
        "log q changes with λ?",
        "z = −log(1 − u)/λ, so dz/dλ = −z/λ. The log-joint Σ (x log z − z) − z + const has the slope Σx/z − N − 1. And "
        "log q(z) = log λ − λz, where λz stays as it is.",
        "The gradient is (Σx/z − N − 1)·(−z/λ) − 1/λ = ((N + 1)z − Σx − 1)/λ, for each draw.",
    ],
    praise="The 1/z has cancelled: the path is as quiet as the draws themselves. On average it is 0 at the best rate.",
)

PROBLEMS = (regression_log_joint, rate_gradient)
