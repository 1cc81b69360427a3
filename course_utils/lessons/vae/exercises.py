"""Lesson 08, the variational autoencoder: its exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.lessons.vae.exercise_importance import importance_estimate
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _diagonal(factor):
    return torch.diagonal(factor, dim1=-2, dim2=-1)


def _tilted_kl(mean, factor):
    spread = factor.square().sum((-2, -1)) + mean.square().sum(-1) - mean.shape[-1]
    return spread / 2 - _diagonal(factor).abs().log().sum(-1)


def _tilted_kl_loop(mean, factor):
    results = []
    for one_mean, one_factor in zip(mean.tolist(), factor.tolist(), strict=True):
        total = 0.0
        for row, m in enumerate(one_mean):
            total += 0.5 * (sum(a * a for a in one_factor[row]) + m * m - 1) - math.log(abs(one_factor[row][row]))
        results.append(total)
    return results


def _tilted_kl_by_torch(mean, factor):
    # a change of sign of whole columns leaves the covariance as it is
    q = torch.distributions.MultivariateNormal(mean, scale_tril=factor * _diagonal(factor).sign()[:, None])
    latents = mean.shape[1]
    prior = torch.distributions.MultivariateNormal(torch.zeros(latents).double(), torch.eye(latents).double())
    return torch.distributions.kl_divergence(q, prior)


def _tilted_kl_by_numpy(mean, factor):
    mean, factor = np.asarray(mean), np.asarray(factor)
    traces = np.trace(factor @ factor.swapaxes(1, 2), axis1=1, axis2=2)
    return 0.5 * (traces + np.einsum("nl,nl->n", mean, mean) - mean.shape[1]) - np.linalg.slogdet(factor)[1]


def _tilted_law(rng):
    count, size = rng.integers(1, 5, 2)
    factor = np.tril(rng.normal(0, 0.8, (count, size, size)), -1)
    factor += (
        np.eye(size) * (np.exp(rng.normal(-0.5, 0.8, (count, size))) * rng.choice([-1, 1], (count, size)))[:, None]
    )
    mean = rng.normal(0, 1.5, (count, size))
    mean[rng.random(mean.shape) < 0.1] = 0.0
    return torch.tensor(mean), torch.tensor(factor)


def _with_tilted_parts(together):
    """Build a misconception from |A|² (N,), |μ|² (N,), L, log |det A| (N,) and the factor itself."""

    def answer(mean, factor):
        parts = factor.square().sum((-2, -1)), mean.square().sum(-1), mean.shape[-1]
        return together(*parts, _diagonal(factor).abs().log().sum(-1), factor)

    return answer


tilted_kl = Exercise(
    name="tilted_kl",
    arguments=("mean", "factor"),
    returns="kl",
    reference=_tilted_kl,
    spellings={"loop": _tilted_kl_loop, "torch.distributions": _tilted_kl_by_torch, "numpy": _tilted_kl_by_numpy},
    probes=[
        (_tensor([1.0, 0.0]), _tensor([[1.0, 0.0], [0.0, 1.0]])),
        (_tensor([0.5], [-1.0]), _tensor([[0.4]], [[-2.0]])),
        (
            _tensor([1.0, -2.0, 0.0], [0.3, 0.0, 0.7]),
            _tensor(
                [[0.5, 0.0, 0.0], [-0.7, -1.5, 0.0], [0.2, 1.1, 0.3]],
                [[2.0, 0.0, 0.0], [0.4, 0.9, 0.0], [-1.0, 0.6, -0.8]],
            ),
        ),
    ],
    law=_tilted_law,
    extremes=[
        (_tensor([0.5, -1.0, 2.0]), _tensor([[1e-130, 0.0, 0.0], [0.0, -1e-130, 0.0], [0.0, 0.0, 1e-120]])),
        (_tensor([0.0, 1.0]), _tensor([[1e-130, 0.0], [1.0, 1e-130]])),
    ],
    stable="the determinant of a triangular matrix is the product of its diagonal: add the logarithms of their sizes",
    misconceptions=[
        Misconception(
            "only the diagonal",
            lambda mean, factor: (
                0.5 * (_diagonal(factor).square() + mean.square() - 1).sum(-1) - _diagonal(factor).abs().log().sum(-1)
            ),
            "You look at the diagonal of A alone. A variance of z is the sum of the squares of a whole *row* of A: the "
            "tilt makes the draws scatter more.",
        ),
        Misconception(
            "the factor taken for the covariance",
            lambda mean, factor: (
                0.5
                * (
                    _diagonal(factor).sum(-1)
                    + mean.square().sum(-1)
                    - mean.shape[1]
                    - _diagonal(factor).abs().log().sum(-1)
                )
            ),
            "You take A for the covariance. Draws are z = μ + Aε, so the covariance is AAᵀ (section 6.4).",
        ),
        Misconception(
            "half the logarithm",
            _with_tilted_parts(
                lambda spread, squares, size, log_det, factor: 0.5 * (spread + squares - size - log_det)
            ),
            "The logarithm has half of its size: log det(AAᵀ) is *twice* log |det A|, and the ½ in front takes that "
            "back.",
        ),
        Misconception(
            "sign of a diagonal",
            lambda mean, factor: (
                0.5 * (factor.square().sum((-2, -1)) + mean.square().sum(-1) - mean.shape[1])
                - _diagonal(factor).log().sum(-1)
            ),
            "The logarithm of a negative number is not a number. A column of A may be turned round without any "
            "change of AAᵀ, so a diagonal may be negative; what counts is its size.",
        ),
        Misconception(
            "minus L forgotten",
            _with_tilted_parts(lambda spread, squares, size, log_det, factor: 0.5 * (spread + squares) - log_det),
            "Too large by ½ for each latent. With A = I and μ = 0 q is the prior, and the divergence must be 0.",
        ),
        Misconception(
            "minus 1 once",
            _with_tilted_parts(lambda spread, squares, size, log_det, factor: 0.5 * (spread + squares - 1) - log_det),
            "The 1 is subtracted once; it belongs to each of the L latents. With A = I and μ = 0 q is the prior, and "
            "the divergence must be 0.",
        ),
        Misconception(
            "mean not squared",
            lambda mean, factor: _tilted_kl(mean, factor) - 0.5 * (mean.square() - mean).sum(-1),
            "The mean is not squared. A mean of −1 is as far from the prior as one of +1.",
        ),
        Misconception(
            "one number for the batch",
            lambda mean, factor: _tilted_kl(mean, factor).sum(),
            "This is one number for the whole batch. Each row of `mean` has a q of its own, and its own divergence.",
        ),
        Misconception(
            "reversed",
            lambda mean, factor: (
                (
                    (torch.linalg.solve_triangular(factor, mean[..., None], upper=False).square().sum((-2, -1)))
                    + torch.linalg.solve_triangular(
                        factor, torch.eye(mean.shape[1]).double().expand(factor.shape), upper=False
                    )
                    .square()
                    .sum((-2, -1))
                    - mean.shape[1]
                )
                / 2
                + _diagonal(factor).abs().log().sum(-1)
            ),
            "This is KL(N(0, I) ‖ q), the other way round. The ELBO has KL(q ‖ p): the average is over draws of q.",
        ),
    ],
    hints=(
        "log q(z) − log p(z), averaged over z = μ + Aε. With z put in, log q is a constant, an ε² and a "
        "log-determinant; log p is −|z|²/2 and a constant.",
        "E|z|² = |μ|² + |A|², the sum of all squared numbers in A. E|ε|² = L. And det of a triangular matrix is the "
        "product of its diagonal.",
        "½ (Σ A² + Σ μ² − L) − Σ log |A_ll|, each sum over one row of the batch.",
    ),
    praise="For a diagonal A this is the formula above. A tilted q costs no more to write down; it costs L(L − 1)/2 "
    "more outputs of the encoder.",
)


def _pixel_variances(x, decoded, least):
    squares = (x - decoded).square().mean((0, 1))
    variances = squares.clamp(min=least)
    return variances, -0.5 * (torch.log(2 * math.pi * variances) + squares / variances).sum()


def _pixel_variances_by_torch(x, decoded, least):
    rows = (decoded - x).reshape(-1, x.shape[1])
    scales = torch.maximum(rows.pow(2).sum(0) / len(rows), torch.tensor(least, dtype=x.dtype)).sqrt()
    return scales**2, torch.distributions.Normal(decoded, scales).log_prob(x).sum(-1).mean()


def _pixel_variances_loop(x, decoded, least):
    variances, total = [], 0.0
    for d in range(x.shape[1]):
        residuals = [float(x[n, d] - picture[n, d]) for picture in decoded for n in range(len(x))]
        square = sum(r * r for r in residuals) / len(residuals)
        variances.append(max(square, least))
        total -= 0.5 * math.log(2 * math.pi * variances[-1]) + square / variances[-1] / 2
    return variances, total


def _with_squares(answer_of):
    """Build a misconception from the mean squared residuals (D,) and what may be the least variance."""
    return lambda x, decoded, least: answer_of((x - decoded).square().mean((0, 1)), least)


def _term(squares, variances):
    return -0.5 * (torch.log(2 * math.pi * variances) + squares / variances).sum()


def _given(variances_of):
    """Build a misconception about the variances, with the right term for them after it."""

    def answer(x, decoded, least):
        variances = variances_of(x, decoded, least)
        return variances, _term((x - decoded).square().mean((0, 1)), variances)

    return answer


def _variances_law(rng):
    draws, digits, pixels = rng.integers(1, 5, 3)
    x = rng.normal(0.3, 0.5, (digits, pixels))
    decoded = (
        x + rng.normal(0, np.exp(rng.normal(-1, 0.8, pixels)), (draws, digits, pixels)) + rng.normal(0, 0.2, pixels)
    )
    if rng.random() < 0.3:
        decoded[..., 0] = x[:, 0]  # a pixel that is always white, and is drawn so
    return torch.tensor(x), torch.tensor(decoded), float(rng.choice([1e-4, 0.01, 0.1]))


pixel_variances = Exercise(
    name="pixel_variances",
    arguments=("x", "decoded", "least"),
    returns=("variances", "term"),
    reference=_pixel_variances,
    spellings={"torch.distributions": _pixel_variances_by_torch, "loop": _pixel_variances_loop},
    probes=[
        (_tensor([1.0, 0.0]), _tensor([[0.0, 0.1]]), 0.04),
        (
            _tensor([0.2, 1.0, 0.0], [0.9, 0.4, 0.0]),
            _tensor([[0.1, 0.6, 0.0], [0.5, 0.5, 0.0]], [[0.4, 1.3, 0.0], [0.8, 0.1, 0.0]]),
            0.01,
        ),
        (_tensor([0.5], [0.1], [0.9]), _tensor([[0.2], [0.4], [0.3]]), 0.001),
        (_tensor([0.0, 1.0]), _tensor([[0.0, 0.7]]), 1e-9),
    ],
    law=_variances_law,
    misconceptions=[
        Misconception(
            "one variance for all",
            _given(lambda x, decoded, least: (x - decoded).square().mean().clamp(min=least).expand(x.shape[1])),
            "This is one variance for all pixels, as in section 8.2. Here each pixel has its own: average over draws "
            "and digits, and leave the pixels apart.",
        ),
        Misconception(
            "half for every pixel",
            _with_squares(
                lambda squares, least: (
                    squares.clamp(min=least),
                    _term(squares.clamp(min=least), squares.clamp(min=least)),
                )
            ),
            "The variances are right. In the term you put ½ for every pixel; r²/2c is ½ only where c is r². A pixel "
            "held at the least variance has less.",
        ),
        Misconception(
            "the least one added",
            _given(lambda x, decoded, least: (x - decoded).square().mean((0, 1)) + least),
            "You add the least variance to each. It is a bound: a pixel with a larger residual keeps its own.",
        ),
        Misconception(
            "no least variance",
            _with_squares(lambda squares, least: (squares, _term(squares, squares))),
            "The least variance is not heeded. A pixel that is white in every digit and drawn white has the residual "
            "0, and a density without bound: the ELBO would say so, and mean nothing.",
        ),
        Misconception(
            "centred",
            _given(lambda x, decoded, least: (x - decoded).flatten(0, 1).var(0, correction=0).clamp(min=least)),
            "You take the variance of the residuals around their own mean. The likelihood is centred on the decoder's "
            "picture, and if this is wrong on average, that error counts as well: the mean of the squares.",
        ),
        Misconception(
            "pictures averaged",
            _given(lambda x, decoded, least: (x - decoded.mean(0)).square().mean(0).clamp(min=least)),
            "You average the draws into one picture, and compare that. The term is an average over draws, so each "
            "draw has its own residual, and the scatter between the draws belongs to it.",
        ),
        Misconception(
            "standard deviations",
            _with_squares(
                lambda squares, least: (squares.clamp(min=least).sqrt(), _term(squares, squares.clamp(min=least)))
            ),
            "The term is right. The first result is the root: standard deviations, where variances were asked for.",
        ),
        Misconception(
            "term for the batch",
            lambda x, decoded, least: (
                _pixel_variances(x, decoded, least)[0],
                _pixel_variances(x, decoded, least)[1] * len(x),
            ),
            "The variances are right. The term is added up over the digits; the average for one digit was asked for.",
        ),
        Misconception(
            "term for a pixel",
            lambda x, decoded, least: (
                _pixel_variances(x, decoded, least)[0],
                _pixel_variances(x, decoded, least)[1] / x.shape[1],
            ),
            "The variances are right. The term is averaged over the pixels: it is a sum over them, or it would weigh "
            "too little beside the KL term.",
        ),
    ],
    hints=(
        "The pixels' terms add up, and each holds its own c alone. So each can be maximised by itself, as in section "
        "8.2.",
        "As a function of c, −r²/2c − ½ log 2πc rises up to c = r² and falls after it. If c must not be that small, "
        "the best one is the smallest allowed.",
        "r² = (x − decoded).square().mean((0, 1)); c = r².clamp(min=least). The term is Σ_d (−r²/2c − ½ log 2πc) "
        "with these c, and r² as it was.",
    ),
    praise="So a VAE may learn a variance for every pixel. Without a least one the white corners would make its ELBO "
    "infinite.",
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
        (_tensor([0.0] * 12 + [1.0] * 8), _tensor([40.0] * 12 + [-40.0] * 8)),  # the product of these underflows
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


def _with_optimizer(make):
    """Build a misconception with another optimiser than plain gradient ascent."""

    def steps(weight, x, rate):
        w = weight.clone().requires_grad_()
        optimizer = make([w], rate)
        for _ in range(_STEPS):
            w.grad = None
            (-tiny_elbo(w, x)).backward()
            optimizer.step()
        return w.detach()

    return steps


def _unit_steps(weight, x, rate):
    moved = weight
    for _ in range(_STEPS):
        w = moved.clone().requires_grad_()
        moved = moved + rate * torch.sign(torch.autograd.grad(tiny_elbo(w, x), w)[0])
    return moved


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
        (torch.tensor(5.0, dtype=torch.float64), _tensor(200.0, -300.0, 400.0), 0.1),  # a gradient of hundreds
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
            "Adam",
            _with_optimizer(lambda parameters, rate: torch.optim.Adam(parameters, lr=rate)),
            "These are steps of Adam: each is about `rate` long, however steep it is. Plain gradient ascent is asked "
            "for, `rate` times the gradient: torch calls it SGD.",
        ),
        Misconception(
            "momentum",
            _with_optimizer(lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9)),
            "Your steps keep nine tenths of the one before: that is momentum. Each step here is `rate` times the "
            "gradient at its own place, and nothing else.",
        ),
        Misconception(
            "steps of one length",
            _unit_steps,
            "Each of your steps has the length `rate`, whatever the gradient. It should be `rate` times the gradient: "
            "long where it is steep, short near the top.",
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
    praise="A gradient, a step, and a fresh start for the next gradient: so runs every training loop of this course.",
)


EXERCISES = (bernoulli_term, tilted_kl, pixel_variances, training_steps, importance_estimate)
