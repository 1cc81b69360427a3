"""Lesson 08, the variational autoencoder: its exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.workshop.exercises import Exercise, Misconception


def _kl_loop(mean, log_var):
    if mean.ndim == 1:
        return _kl_loop(mean[None], log_var[None])[0]
    rows = []
    for one_mean, one_log_var in zip(mean, log_var, strict=True):
        pairs = zip(one_mean, one_log_var, strict=True)
        rows.append(sum(0.5 * (math.exp(v) + m * m - 1 - v) for m, v in pairs))
    return rows


def _kl_by_torch(mean, log_var):
    q = torch.distributions.Normal(torch.as_tensor(mean), torch.exp(0.5 * torch.as_tensor(log_var)))
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1)


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _latent_shape(rng, most):
    """A shape of one to `most` axes; of any two sizes none is larger by rule."""
    return tuple(rng.integers(1, 5, rng.integers(1, most + 1)))


def _latent_law(rng, most=2):
    shape = _latent_shape(rng, most)
    mean, log_var = rng.normal(0, 1.5, shape), rng.normal(-0.5, 1.5, shape)
    mean[rng.random(shape) < 0.1] = 0.0
    log_var[rng.random(shape) < 0.1] = 0.0
    return torch.tensor(mean), torch.tensor(log_var)


_LATENT_PROBES = [
    (_tensor([0.5]), _tensor([-1.0])),
    (_tensor([1.0, -2.0], [0.3, 0.0], [0.0, 0.4]), _tensor([0.5, -0.7], [-2.0, 0.2], [0.0, 1.1])),
    (_tensor([0.1, 0.2, -1.5], [2.0, -0.4, 0.6]), _tensor([0.3, -1.2, -0.1], [0.9, -3.0, 0.4])),
]

kl_term = Exercise(
    name="kl_term",
    arguments=("mean", "log_var"),
    returns="kl",
    reference=lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1),
    spellings={"loop": _kl_loop, "torch.distributions": _kl_by_torch},
    probes=[*_LATENT_PROBES, (_tensor(0.4, -1.0, 2.0), _tensor(-0.5, 0.7, -1.1))],
    law=_latent_law,
    extremes=[(_tensor([0.0, 300.0]), _tensor([-80.0, -0.5])), (_tensor([-2.0, 0.5]), _tensor([40.0, -300.0]))],
    stable="the logarithm of the variance is there already, as log_var; only one exponential is needed",
    misconceptions=[
        Misconception(
            "half missing",
            lambda mean, log_var: (log_var.exp() + mean**2 - 1 - log_var).sum(-1),
            "Exactly twice too large: the ½ in front of the sum is missing. It comes from the ½ in the exponent of "
            "the Gaussian density.",
        ),
        Misconception(
            "mean not squared",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean - 1 - log_var).sum(-1),
            "The mean is not squared. A mean of −1 is as far from the prior as one of +1.",
        ),
        Misconception(
            "minus one forgotten",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - log_var).sum(-1),
            "Too large by ½ for each latent dimension: the −1 is missing. With it the divergence of the prior from "
            "itself (mean 0, log_var 0) is zero.",
        ),
        Misconception(
            "sum over the batch",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(0),
            "You added up over the rows of the batch. Each image has its own KL term: sum over the last axis, the "
            "latent dimensions, and keep one number per row.",
        ),
        Misconception(
            "one number for the batch",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(),
            "This is one number for the whole batch. Return one per row: sum over the last axis only.",
        ),
        Misconception(
            "mean over the latents",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 - log_var).mean(-1),
            "You averaged over the latent dimensions. The divergences of independent dimensions add up: use a sum.",
        ),
        Misconception(
            "sign of the log-variance",
            lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 + log_var).sum(-1),
            "The log-variance has the wrong sign. A narrower q is farther from the prior: −log σ² must grow as σ "
            "shrinks.",
        ),
        Misconception(
            "variance is not exponentiated",
            lambda mean, log_var: 0.5 * (log_var + mean**2 - 1 - log_var).sum(-1),
            "You used the log-variance where the variance belongs: the first term is exp(log_var).",
        ),
        Misconception(
            "log-variance taken for log-scale",
            lambda mean, log_var: 0.5 * ((2 * log_var).exp() + mean**2 - 1 - 2 * log_var).sum(-1),
            "You treated log_var as the logarithm of the standard deviation. It is the logarithm of the variance: "
            "exp(log_var) is σ² already.",
        ),
        Misconception(
            "log-variance read as a variance",
            lambda mean, log_var: 0.5 * (log_var + mean**2 - 1 - log_var.log()).sum(-1),
            "You took log_var for the variance itself, and the logarithm of a negative one is not a number. log_var is "
            "log σ² already, and σ² is exp(log_var).",
        ),
        Misconception(
            "log-variance read as a scale",
            lambda mean, log_var: (0.5 * (log_var**2 + mean**2 - 1) - log_var.log()).sum(-1),
            "You took log_var for the standard deviation σ. It is log σ²: the variance is exp(log_var), and its "
            "logarithm is log_var itself.",
        ),
        Misconception(
            "negative",
            lambda mean, log_var: -0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1),
            "Right but for its sign: this is −KL, the term as it stands in the ELBO. A divergence is never negative.",
        ),
    ],
    hints=(
        "For one dimension: KL(N(μ, σ²) ‖ N(0, 1)) = ½ (σ² + μ² − 1 − log σ²).",
        "log_var is log σ². Which function turns it into σ²?",
        "Sum over the last axis: `.sum(-1)` leaves one number per row.",
    ),
    praise="This is the term that pulls every posterior towards the prior.",
)

_NOISE = [_tensor([0.7]), _tensor([-0.3, 1.0], [0.8, 0.2], [1.4, -0.5]), _tensor([0.6, -1.0, 2.0], [-0.2, 0.3, 0.9])]


def _sample_law(rng):
    mean, log_var = _latent_law(rng, most=3)
    return mean, log_var, torch.tensor(rng.standard_normal(tuple(mean.shape)))


def _latent_loop(mean, log_var, noise):
    entries = zip(mean.ravel(), log_var.ravel(), noise.ravel(), strict=True)
    return torch.stack([m + torch.exp(v / 2) * e for m, v, e in entries]).reshape(mean.shape)


latent_sample = Exercise(
    name="latent_sample",
    arguments=("mean", "log_var", "noise"),
    returns="z",
    reference=lambda mean, log_var, noise: mean + torch.exp(0.5 * log_var) * noise,
    spellings={
        "square root": lambda mean, log_var, noise: mean + noise * torch.sqrt(torch.exp(log_var)),
        "torch.addcmul": lambda mean, log_var, noise: torch.addcmul(mean, torch.exp(log_var / 2), noise),
        "loop": _latent_loop,
    },
    probes=[(*probe, noise) for probe, noise in zip(_LATENT_PROBES, _NOISE, strict=True)],
    law=_sample_law,
    gradients=("mean", "log_var"),
    misconceptions=[
        Misconception(
            "variance for scale",
            lambda mean, log_var, noise: mean + torch.exp(log_var) * noise,
            "You multiplied the noise by the variance. Its factor is the standard deviation, the square root of "
            "exp(log_var): halve the log-variance first.",
        ),
        Misconception(
            "log-variance for scale",
            lambda mean, log_var, noise: mean + log_var * noise,
            "You multiplied the noise by the log-variance itself. Exponentiate half of it to get σ.",
        ),
        Misconception(
            "noise alone",
            lambda mean, log_var, noise: mean + noise,
            "This draws with standard deviation 1 whatever the encoder says. Scale the noise by exp(log_var / 2).",
        ),
        Misconception(
            "mean forgotten",
            lambda mean, log_var, noise: torch.exp(0.5 * log_var) * noise,
            "The mean is missing: the draw must be centred on it.",
        ),
        Misconception(
            "precision",
            lambda mean, log_var, noise: mean + torch.exp(-0.5 * log_var) * noise,
            "The sign in the exponent is wrong: a larger log-variance must spread the draws more, not less.",
        ),
        Misconception(
            "added instead of multiplied",
            lambda mean, log_var, noise: mean + torch.exp(0.5 * log_var) + noise,
            "You added σ to the noise. z = μ + σ·ε: the noise is multiplied by σ.",
        ),
    ],
    hints=(
        "A standard normal number ε becomes one with mean μ and standard deviation σ as μ + σ·ε.",
        "σ is the square root of the variance, and the variance is exp(log_var).",
        "√exp(a) = exp(a / 2).",
    ),
    praise="All randomness comes from `noise`, so gradients reach mean and log_var.",
)


def _bernoulli_loop(x, logits):
    rows = []
    for one_x, one_logits in zip(x.tolist(), logits.tolist(), strict=True):
        total = 0.0
        for pixel, logit in zip(one_x, one_logits, strict=True):
            total += pixel * logit - (max(logit, 0) + math.log1p(math.exp(-abs(logit))))
        rows.append(total)
    return rows


def _pixels_law(rng):
    shape = tuple(rng.integers(1, 5, 2))
    logits = rng.normal(0, 2.5, shape)
    logits[rng.random(shape) < 0.1] = 0.0
    return torch.tensor(rng.integers(0, 2, shape).astype(float)), torch.tensor(logits)


bernoulli_term = Exercise(
    name="bernoulli_term",
    arguments=("x", "logits"),
    returns="log_likelihood",
    reference=lambda x, logits: -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1),
    spellings={
        "softplus": lambda x, logits: (x * logits - F.softplus(logits)).sum(-1),
        "torch.distributions": lambda x, logits: torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1),
        "loop": _bernoulli_loop,
    },
    probes=[
        (_tensor([1.0, 0.0]), _tensor([0.8, -0.5])),
        (_tensor([1.0, 0.0, 1.0], [0.0, 0.0, 1.0]), _tensor([2.0, -1.0, 0.3], [0.5, 1.2, -0.7])),
        (_tensor([0.0], [1.0], [1.0]), _tensor([-1.3], [0.4], [-2.0])),
    ],
    law=_pixels_law,
    extremes=[
        (_tensor([1.0, 0.0, 1.0, 1.0]), _tensor([40.0, -45.0, 1.0, -38.0])),
        (_tensor([0.0, 1.0], [1.0, 0.0], [0.0, 0.0]), _tensor([45.0, -45.0], [45.0, -45.0], [0.5, 45.0])),
    ],
    stable="x · logit − softplus(logit), or torch's function that takes logits; no probability is computed",
    misconceptions=[
        Misconception(
            "mean over the pixels",
            lambda x, logits: -F.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(-1),
            "You averaged over the pixels. Independent pixels multiply their probabilities, so their logarithms add "
            "up. With a mean, the KL term would weigh as many times too much as there are pixels.",
        ),
        Misconception(
            "wrong sign",
            lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1),
            "This is the cross-entropy, a loss. The log-likelihood is its negative: a log-probability is never above "
            "zero.",
        ),
        Misconception(
            "sum over the batch too",
            lambda x, logits: -F.binary_cross_entropy_with_logits(logits, x, reduction="sum"),
            "This is one number for the whole batch. Return one per row: sum over the last axis only.",
        ),
        Misconception(
            "mean over everything",
            lambda x, logits: -F.binary_cross_entropy_with_logits(logits, x),
            "This is one number, the mean over all pixels of all rows: torch's default. Ask for `reduction='none'` and "
            "sum over the last axis, so that each row keeps its own number.",
        ),
        Misconception(
            "mean over the batch",
            lambda x, logits: -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean(),
            "You averaged over the rows. Return one number per row; the average comes later, in the loss.",
        ),
        Misconception(
            "arguments exchanged",
            lambda x, logits: -F.binary_cross_entropy_with_logits(x, logits, reduction="none").sum(-1),
            "The two arguments of torch's function have changed places: the logits come first, then what was seen.",
        ),
        Misconception(
            "only the ink",
            lambda x, logits: (x * F.logsigmoid(logits)).sum(-1),
            "Only pixels with ink count here. A white pixel has a probability too: add (1 − x) · log(1 − p).",
        ),
        Misconception(
            "sigmoid taken twice",
            lambda x, logits: -F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, reduction="none").sum(-1),
            "The sigmoid was applied twice: this loss function takes logits and applies it itself.",
        ),
        Misconception(
            "squared error",
            lambda x, logits: -0.5 * (x - torch.sigmoid(logits)).square().sum(-1),
            "This is a squared error, which belongs to a Gaussian likelihood. For a Bernoulli take the logarithm of "
            "the probability of each pixel.",
        ),
        Misconception(
            "pixels swapped",
            lambda x, logits: -F.binary_cross_entropy_with_logits(logits, 1 - x, reduction="none").sum(-1),
            "Ink and paper are swapped: p = sigmoid(logit) is the probability of x = 1.",
        ),
    ],
    hints=(
        "For one pixel: log p(x) = x log p + (1 − x) log(1 − p), with p = sigmoid(logit).",
        "In logits: log p(x) = x · logit − log(1 + e^logit). Torch calls the second part softplus.",
        "For large logits 1 − sigmoid(logit) rounds to zero: use the form with softplus, or torch's function that "
        "takes logits.",
    ),
    praise="This is −1 times the familiar binary cross-entropy, summed over the pixels.",
)


def tiny_elbo(weight: Tensor, x: Tensor) -> Tensor:
    """Return the ELBO of a tiny model, averaged over x (N,), in nats: x | z ~ N(w·z, 1), q the exact posterior.

    The bound is tight, so it is log N(x; 0, 1 + w²) in closed form. `weight` is a tensor ().
    """
    variance = 1 + weight.square()
    return (-0.5 * (x.square() / variance + torch.log(2 * math.pi * variance))).mean()


_STEPS = 3


def _training_steps(weight, x, rate, *, clear=True, sign=-1.0, steps=_STEPS, total=False):
    weight = weight.detach().clone().requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=rate)
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        loss = sign * tiny_elbo(weight, x) * (len(x) if total else 1)
        loss.backward()
        optimizer.step()
    return weight.detach()


def _by_hand(weight, x, rate):
    w = weight.detach()
    for _ in range(_STEPS):
        w.requires_grad_()
        (gradient,) = torch.autograd.grad(tiny_elbo(w, x), w)
        w = w.detach() + rate * gradient
    return w


def _on_paper(weight, x, rate):
    w, x = float(weight), x.numpy()
    for _ in range(_STEPS):
        w += rate * np.mean(w * x**2 / (1 + w * w) ** 2 - w / (1 + w * w))
    return w


# The first optimiser of a session loads a good part of torch, which takes seconds: not in the time of a check.
torch.optim.SGD([torch.zeros(1)], lr=1.0)


def _steps_law(rng):
    weight = 0.0 if rng.random() < 0.1 else rng.normal(0, 1.5)
    x = rng.normal(0, 2, rng.integers(1, 6))
    return torch.tensor(weight, dtype=torch.float64), torch.tensor(x), float(rng.uniform(0.02, 0.5))


def _one_gradient(weight, x, rate):
    w = weight.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(tiny_elbo(w, x), w)
    return w.detach() + _STEPS * rate * gradient


training_steps = Exercise(
    name="training_steps",
    arguments=("weight", "x", "rate"),
    returns="weight",
    reference=_training_steps,
    spellings={"by hand": _by_hand, "derivative on paper": _on_paper},
    probes=[
        (torch.tensor(0.5, dtype=torch.float64), _tensor(2.0, -1.0, 3.0), 0.1),
        (torch.tensor(1.5, dtype=torch.float64), _tensor(0.3, -0.4), 0.3),
        (torch.tensor(-0.8, dtype=torch.float64), _tensor(2.5, 1.0, -2.0, 0.5, 4.0), 0.05),
    ],
    law=_steps_law,
    misconceptions=[
        Misconception(
            "no zero_grad",
            lambda weight, x, rate: _training_steps(weight, x, rate, clear=False),
            "The first step is right, the next ones are not: `backward` adds to the gradient that is there. Clear it "
            "with `optimizer.zero_grad()` before each step.",
        ),
        Misconception(
            "maximising the loss",
            lambda weight, x, rate: _training_steps(weight, x, rate, sign=1.0),
            "The weight moves the wrong way. An optimiser minimises what you call backward on: give it the negative "
            "ELBO.",
        ),
        Misconception(
            "one gradient three times",
            _one_gradient,
            "You took the gradient once and went three times as far. Each step needs the gradient at the place that "
            "the step before has reached.",
        ),
        Misconception(
            "one step only",
            lambda weight, x, rate: _training_steps(weight, x, rate, steps=1),
            "This is the weight after one step. The exercise asks for three.",
        ),
        Misconception(
            "one step too many",
            lambda weight, x, rate: _training_steps(weight, x, rate, steps=4),
            "This is the weight after four steps. The exercise asks for three.",
        ),
        Misconception(
            "sum over the batch",
            lambda weight, x, rate: _training_steps(weight, x, rate, total=True),
            "Each step is as many times too long as there are data points: the loss is the mean over the batch, which "
            "`lesson.tiny_elbo` returns already.",
        ),
        Misconception(
            "no step at all",
            lambda weight, x, rate: weight,
            "The weight is where it was. `backward` fills in the gradient; it is `optimizer.step()` that moves.",
        ),
    ],
    hints=(
        "Four lines for each step: clear the gradient, compute the loss, go backward, step.",
        "Begin with a copy of the weight that asks for a gradient (`clone`, `requires_grad_`), and give it to "
        "`torch.optim.SGD([weight], lr=rate)`.",
        "The loss is `-lesson.tiny_elbo(weight, x)`; return `weight.detach()`.",
    ),
    praise="These four lines are in every training loop of this course.",
)


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

EXERCISES = (kl_term, latent_sample, bernoulli_term, training_steps, importance_estimate)
