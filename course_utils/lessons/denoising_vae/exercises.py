"""Lesson 11, the denoising VAE: its exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special, stats

from course_utils.lessons.denoising_vae.exercises_linear import best_encoder, noise_for_price, q_tilde_moments
from course_utils.models.vae import gaussian_kl, gaussian_log_prob
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- what the encoder sees, and what the decoder is to hit ------------------------------------------------------------


def _noisy(images, noise, scale):
    return (images + scale * noise).clamp(0.0, 1.0)


def _salted(images, uniform, amount):
    return images.where(uniform >= amount / 2, 0.0).where(uniform <= 1 - amount / 2, 1.0)


def _pair(images, noise, uniform, scale, amount):
    return _salted(_noisy(images, noise, scale), uniform, amount), images


def _pair_by_loops(images, noise, uniform, scale, amount):
    seen = np.zeros(images.shape)
    for n, d in np.ndindex(*images.shape):
        value = min(max(float(images[n, d] + scale * noise[n, d]), 0.0), 1.0)
        u = float(uniform[n, d])
        seen[n, d] = 0.0 if 2 * u < amount else 1.0 if 2 * (1 - u) < amount else value
    return seen, images


def _counted(images, uniform, amount):
    """Salt and pepper on a fixed number of pixels of each image."""
    size = images.shape[1]
    lost = round(amount * size)
    rank = uniform.argsort(dim=1).argsort(dim=1)
    return images.where(rank >= lost // 2, 0.0).where(rank < size - (lost - lost // 2), 1.0)


def _with_input(input_of):
    """Build a misconception about the corrupted input; the target is right."""
    return lambda images, noise, uniform, scale, amount: (input_of(images, noise, uniform, scale, amount), images)


def _pair_law(rng):
    """One to five images of one to nine pixels, many of them white or black; little or much noise of either kind."""
    shape = tuple(rng.integers(1, [6, 10]))
    images = rng.random(shape)
    ends = rng.random(shape) < 0.4
    images[ends] = rng.integers(0, 2, np.sum(ends))
    scale = float(rng.choice([0.0, rng.uniform(0.05, 1.5)], p=[0.15, 0.85]))
    amount = float(rng.choice([0.0, 1.0, rng.uniform(0.1, 0.9)], p=[0.1, 0.1, 0.8]))
    return torch.tensor(images), torch.tensor(rng.normal(size=shape)), torch.tensor(rng.random(shape)), scale, amount


training_pair = Exercise(
    name="training_pair",
    arguments=("images", "noise", "uniform", "scale", "amount"),
    returns=("input", "target"),
    reference=_pair,
    spellings={
        "loop": _pair_by_loops,
        "numpy": lambda images, noise, uniform, scale, amount: (
            np.select(
                [uniform.numpy() < amount / 2, uniform.numpy() > 1 - amount / 2],
                [0.0, 1.0],
                np.clip(images.numpy() + scale * noise.numpy(), 0, 1),
            ),
            images.numpy(),
        ),
        "lost, then its colour": lambda images, noise, uniform, scale, amount: (
            torch.where((uniform - 0.5).abs() > (1 - amount) / 2, uniform.round(), _noisy(images, noise, scale)),
            images.clone(),
        ),
    },
    probes=[
        (_tensor([0.2, 0.4, 0.6, 0.8]), _tensor([0.5, 0.5, 0.5, 0.5]), _tensor([0.1, 0.4, 0.6, 0.9]), 0.2, 0.4),
        (
            _tensor([0.0, 1.0, 0.5, 0.3], [0.1, 0.7, 0.9, 0.0], [1.0, 1.0, 0.0, 0.25]),
            _tensor([-1.0, 0.8, 0.3, -0.2], [0.4, 2.0, -0.5, 1.5], [0.1, -0.9, -0.6, 0.7]),
            _tensor([0.45, 0.62, 0.03, 0.97], [0.33, 0.99, 0.71, 0.08], [0.5, 0.12, 0.9, 0.28]),
            0.5,
            0.3,
        ),
        (_tensor([0.3, 0.6], [0.9, 0.2]), _tensor([1.0, -2.0], [0.5, -0.4]), _tensor([0.7, 0.2], [0.1, 0.9]), 0.0, 1.0),
        (_tensor([0.5], [0.1]), _tensor([3.0], [-0.2]), _tensor([0.001], [0.4]), 0.4, 0.0),
    ],
    law=_pair_law,
    misconceptions=[
        Misconception(
            "target corrupted as well",
            lambda images, noise, uniform, scale, amount: (_pair(images, noise, uniform, scale, amount)[0],) * 2,
            "The input is right. But the target is corrupted too: a network that copies would be paid in full. The "
            "decoder is to hit the clean images.",
        ),
        Misconception(
            "half-corrupted target",
            lambda images, noise, uniform, scale, amount: (
                _pair(images, noise, uniform, scale, amount)[0],
                _noisy(images, noise, scale),
            ),
            "The input is right. The target is what stood in your variable between the two steps. The target is the "
            "image as it came, before any of them.",
        ),
        Misconception(
            "nothing corrupted",
            _with_input(lambda images, noise, uniform, scale, amount: images),
            "What you return as input is the clean image: the corrupted one was made and not handed on. Training would "
            "run, as a plain VAE.",
        ),
        Misconception(
            "not clipped",
            _with_input(lambda images, noise, uniform, scale, amount: _salted(images + scale * noise, uniform, amount)),
            "Salt and pepper are right. After the Gaussian noise some pixels lie below 0 or above 1: clip them to "
            "[0, 1].",
        ),
        Misconception(
            "clipped at 0 only",
            _with_input(
                lambda images, noise, uniform, scale, amount: _salted(
                    (images + scale * noise).clamp(min=0.0), uniform, amount
                )
            ),
            "You clip at one end only: pixels above 1 are left as they are.",
        ),
        Misconception(
            "one mask for all",
            _with_input(
                lambda images, noise, uniform, scale, amount: _salted(
                    _noisy(images, noise, scale), uniform[:1].expand_as(images), amount
                )
            ),
            "All images lose the same pixels: those of the first row of `uniform`. Each has a row of its own. With one "
            "mask a step's gradient is right on average, but its errors no longer average out over the batch.",
        ),
        Misconception(
            "one noise for all",
            _with_input(
                lambda images, noise, uniform, scale, amount: _salted(_noisy(images, noise[:1], scale), uniform, amount)
            ),
            "All images get the Gaussian noise of the first row. Each has a row of its own.",
        ),
        Misconception(
            "salt only",
            _with_input(
                lambda images, noise, uniform, scale, amount: _noisy(images, noise, scale).where(
                    uniform <= 1 - amount, 1.0
                )
            ),
            "As many pixels are lost as should be, but all of them become 1. Half of the lost ones, those with small "
            "u, become 0.",
        ),
        Misconception(
            "pepper only",
            _with_input(
                lambda images, noise, uniform, scale, amount: _noisy(images, noise, scale).where(uniform >= amount, 0.0)
            ),
            "As many pixels are lost as should be, but all of them become 0. Half of the lost ones, those with large "
            "u, become 1.",
        ),
        Misconception(
            "the whole amount at each end",
            _with_input(
                lambda images, noise, uniform, scale, amount: _salted(_noisy(images, noise, scale), uniform, 2 * amount)
            ),
            "You take the share `amount` at each end of [0, 1], so that twice as many pixels are lost as should be. "
            "Salt and pepper together make up `amount`.",
        ),
        Misconception(
            "share as a count",
            _with_input(
                lambda images, noise, uniform, scale, amount: _counted(_noisy(images, noise, scale), uniform, amount)
            ),
            "Every image of yours loses the same number of pixels. Here each pixel is lost with probability `amount`, "
            "whatever happens to the others; the number varies from image to image.",
        ),
        Misconception(
            "blended",
            _with_input(
                lambda images, noise, uniform, scale, amount: (
                    amount * _salted(_noisy(images, noise, scale), uniform, 1.0)
                    + (1 - amount) * _noisy(images, noise, scale)
                )
            ),
            "You mix every pixel with salt or pepper, with `amount` as the weight. A pixel is either lost altogether, "
            "with probability `amount`, or untouched by this step.",
        ),
        Misconception(
            "noise last",
            _with_input(
                lambda images, noise, uniform, scale, amount: _noisy(_salted(images, uniform, amount), noise, scale)
            ),
            "You made the two steps in the other order, and a lost pixel of yours is a noisy 0 or 1. The Gaussian "
            "noise comes first; salt and pepper are exactly 1 and 0.",
        ),
    ],
    hints=(
        "The target first: nothing happens to it. So never write the corrupted image into the same variable.",
        "The first step is `(images + scale * noise).clamp(0, 1)`. For the second: which stretch of [0, 1], of which "
        "length, must u fall into, for a pixel to become 0 with probability amount/2?",
        "`torch.where(uniform < amount / 2, 0.0, noisy)`, and the same once more for `uniform > 1 - amount / 2` "
        "with 1.0. Return this and `images`.",
    ),
    praise="Damage on one side only. That is all that separates a denoising VAE from a plain one in code.",
)


# --- the bound that is trained ----------------------------------------------------------------------------------------


class _Network:
    """A small network that is shared by copies, and equal to itself alone."""

    def __init__(self, *tables):
        self.tables = [torch.as_tensor(table, dtype=torch.float64) for table in tables]

    def __deepcopy__(self, memo):
        return self


class _Encoder(_Network):
    """An encoder (…, D) → means and log-variances (…, L) that bends."""

    def __call__(self, pixels):
        inner, mean, log_var = self.tables
        hidden = torch.tanh(pixels @ inner)
        return hidden @ mean, hidden @ log_var - 0.5

    def __repr__(self):
        return f"an encoder (…, {self.tables[0].shape[0]}) → two of (…, {self.tables[1].shape[1]})"


class _Decoder(_Network):
    """A decoder (…, L) → logits (…, D) that bends."""

    def __call__(self, z):
        weight, bias = self.tables
        return 3 * torch.tanh(z @ weight) + bias

    def __repr__(self):
        return f"a decoder (…, {self.tables[0].shape[0]}) → logits (…, {self.tables[0].shape[1]})"


def _draws_of(mean, log_var, noise):
    return mean + torch.exp(log_var / 2) * noise


def _log_likelihoods(target, logits):
    """Log-probabilities of the pixels, each in nats."""
    return target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits)


def _bound(x, corrupted, noise, encode, decode):
    mean, log_var = encode(corrupted)
    reconstruction = _log_likelihoods(x, decode(_draws_of(mean, log_var, noise))).sum(-1)
    return (reconstruction - gaussian_kl(mean, log_var)).mean(0)


def _bound_by_torch(x, corrupted, noise, encode, decode):
    total = 0.0
    for seen, draw in zip(corrupted, noise, strict=True):
        mean, log_var = encode(seen)
        q = torch.distributions.Normal(mean, (0.5 * log_var).exp())
        pixels = torch.distributions.Bernoulli(logits=decode(q.loc + q.scale * draw))
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
        total = total + pixels.log_prob(x).sum(1) - kl
    return total / len(corrupted)


def _bound_by_hand(x, corrupted, noise, encode, decode):
    mean, log_var = encode(corrupted)
    logits = decode(mean + (log_var / 2).exp() * noise)
    errors = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(dim=2)
    kl = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(dim=2)
    return -errors.mean(dim=0) - kl.mean(dim=0)


def _with_copies(value_of):
    """Build a misconception from the values (K, N) that are averaged over the copies."""

    def answer(x, corrupted, noise, encode, decode):
        mean, log_var = encode(corrupted)
        z = _draws_of(mean, log_var, noise)
        return value_of(x, corrupted, mean, log_var, z, encode, decode).mean(0)

    return answer


def _standard_log_prob(z):
    return gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))


def _mixture_log_prob(z, mean, log_var):
    """Log-density (K, N) at z (K, N, L) of the average of all K Gaussians."""
    return torch.stack([gaussian_log_prob(z, *one) for one in zip(mean, log_var, strict=True)]).logsumexp(0) - math.log(
        len(mean)
    )


def _bound_law(rng):
    """One to four copies of one to four digits, of one to five pixels; one to three latents."""
    copies, digits, latents, pixels = rng.integers(1, [5, 5, 4, 6])
    x = rng.integers(0, 2, (digits, pixels)).astype(float)
    corrupted = np.where(rng.random((copies, digits, pixels)) < 0.4, rng.random((copies, digits, pixels)), x)
    encode = _Encoder(rng.normal(0, 1, (pixels, 3)), rng.normal(0, 1.2, (3, latents)), rng.normal(0, 1, (3, latents)))
    decode = _Decoder(rng.normal(0, 1, (latents, pixels)), rng.normal(0, 0.7, pixels))
    noise = torch.tensor(rng.standard_normal((copies, digits, latents)))
    return torch.tensor(x), torch.tensor(corrupted), noise, encode, decode


_ENCODER = _Encoder([[1.0, 0.3], [-0.7, 1.2]], [[0.9], [-0.5]], [[0.4], [-0.8]])
_WIDE_ENCODER = _Encoder([[1.0, 0.3], [-0.7, 1.2], [0.5, -1.0]], [[0.9, 0.2], [-0.5, 1.1]], [[0.4, -0.3], [-0.8, 0.6]])


dvae_bound = Exercise(
    name="dvae_bound",
    arguments=("x", "corrupted", "noise", "encode", "decode"),
    returns="bound",
    reference=_bound,
    spellings={"torch.distributions, copy by copy": _bound_by_torch, "by hand": _bound_by_hand},
    probes=[
        (_tensor([1.0, 0.0]), _tensor([[0.6, 0.2]]), _tensor([[0.5]]), _ENCODER, _Decoder([[1.0, -0.5]], [0.0, 0.2])),
        (
            _tensor([1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
            _tensor([[1.0, 0.3, 0.0], [0.0, 1.0, 0.8]], [[0.4, 0.0, 1.0], [0.9, 0.0, 0.1]]),
            _tensor([[0.3, -0.8], [1.1, 0.2]], [[-1.4, 0.6], [0.5, 0.9]]),
            _WIDE_ENCODER,
            _Decoder([[1.0, -0.5, 0.3], [0.2, 0.8, -1.1]], [0.0, 0.2, -0.4]),
        ),
        (
            _tensor([0.0, 1.0], [1.0, 1.0]),
            _tensor([[0.5, 1.0], [1.0, 0.0]], [[0.0, 0.2], [0.7, 1.0]], [[0.0, 1.0], [0.3, 0.9]]),
            _tensor([[0.4], [-0.6]], [[1.3], [0.1]], [[-0.2], [0.8]]),
            _ENCODER,
            _Decoder([[0.6, 1.4]], [0.5, -0.3]),
        ),
    ],
    law=_bound_law,
    gradients=("corrupted",),
    misconceptions=[
        Misconception(
            "KL of the clean encoding",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(x, decode(z)).sum(-1) - gaussian_kl(*encode(x))
                )
            ),
            "The reconstruction term is right. But the KL is that of q(z | x), from which no z was drawn. Each copy "
            "pays for the q that its z came from: q(z | x̃).",
        ),
        Misconception(
            "plain VAE",
            lambda x, corrupted, noise, encode, decode: _bound(x, x.expand_as(corrupted), noise, encode, decode),
            "The encoder is given the clean digit throughout: this is lesson 08's ELBO, and `corrupted` plays no part.",
        ),
        Misconception(
            "corrupted copy reconstructed",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(corrupted, decode(z)).sum(-1) - gaussian_kl(mean, log_var)
                )
            ),
            "The decoder is held against the corrupted copies. Its target is the clean digit x: 𝓛_DVAE is a bound on "
            "log p(x), not on log p(x̃).",
        ),
        Misconception(
            "mean over the pixels",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(x, decode(z)).mean(-1) - gaussian_kl(mean, log_var)
                )
            ),
            "The log-probabilities of the pixels add up; you average them. Then the KL term weighs D times too much.",
        ),
        Misconception(
            "log q̃ for log q",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(x, decode(z)).sum(-1) + _standard_log_prob(z) - _mixture_log_prob(z, mean, log_var)
                )
            ),
            "You subtract the logarithm of the average of the K densities, an estimate of log q̃. That belongs to the "
            "other bound, 𝓛(q̃). Training knows which copy each z came from, and subtracts log q(z | x̃) of that one.",
        ),
        Misconception(
            "KL from the draws",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(x, decode(z)).sum(-1) + _standard_log_prob(z) - gaussian_log_prob(z, mean, log_var)
                )
            ),
            "Right on average, but your KL is estimated from the draws, log q − log p. Given x̃, q is a Gaussian: the "
            "closed form is asked for, and needs no draw.",
        ),
        Misconception(
            "KL of the averaged parameters",
            _with_copies(
                lambda x, corrupted, mean, log_var, z, encode, decode: (
                    _log_likelihoods(x, decode(z)).sum(-1) - gaussian_kl(mean.mean(0), log_var.mean(0))
                )
            ),
            "You average the encoder's answers, and take one KL of that. The KL bends upwards in the means, so the "
            "average of K KLs is another number: average last.",
        ),
        Misconception(
            "copies averaged",
            lambda x, corrupted, noise, encode, decode: _bound(
                x, corrupted.mean(0, keepdim=True).expand_as(corrupted), noise, encode, decode
            ),
            "You average the copies before the encoder sees them. That takes away much of the noise. The encoder sees "
            "each copy alone; the values are averaged.",
        ),
        Misconception(
            "the mean decoded",
            lambda x, corrupted, noise, encode, decode: _bound(x, corrupted, 0 * noise, encode, decode),
            "You decode the mean of q(z | x̃). Corruption does not stand in for the draw: there are two sources of "
            "noise, x̃ and then z given x̃, so z = μ + σε as in lesson 08.",
        ),
        Misconception(
            "densities averaged",
            lambda x, corrupted, noise, encode, decode: (
                (
                    _log_likelihoods(x, decode(_draws_of(*encode(corrupted), noise))).sum(-1)
                    - gaussian_kl(*encode(corrupted))
                ).logsumexp(0)
                - math.log(len(corrupted))
            ),
            "You average exponentials over the copies and take the logarithm after that. 𝓛_DVAE is an expectation of "
            "logarithms: average the K values as they are.",
        ),
        Misconception(
            "e^log_var as scale",
            lambda x, corrupted, noise, encode, decode: _bound(
                x, corrupted, noise * torch.exp(encode(corrupted)[1] / 2), encode, decode
            ),
            "The KL is right, but z is drawn with the variance in the place of the standard deviation: σ is "
            "exp(log_var/2).",
        ),
    ],
    hints=(
        "For one copy k it is an ordinary ELBO in which the encoder was given x̃_k and the decoder is held against x.",
        "`mean, log_var = encode(corrupted)` handles all copies at once, (K, N, L). Draw z with the noise, decode, and "
        "ask for the log-probability of x, the clean digit, with x broadcast over the copies.",
        "Σ_d over the last axis of x·logσ(a) + (1 − x)·logσ(−a), minus ½ Σ_l (e^log_var + mean² − 1 − log_var); then "
        "the mean over the first axis.",
    ),
    praise="An average of ordinary ELBOs, one for each copy. Each of them is a bound on log p(x), so their average is "
    "one too.",
)


# --- how dense q̃ is ---------------------------------------------------------------------------------------------------


def _each_log_prob(z, means, scales):
    """Log-densities (S, K, L), latent by latent."""
    return torch.distributions.Normal(means, scales).log_prob(z[:, None])


def _log_q_tilde(z, means, scales):
    return _each_log_prob(z, means, scales).sum(-1).logsumexp(1) - math.log(len(means))


def _log_q_tilde_numpy(z, means, scales):
    z, means, scales = z.numpy()[:, None], means.numpy(), scales.numpy()
    logs = -0.5 * ((z - means) / scales) ** 2 - np.log(scales) - 0.5 * np.log(2 * np.pi)
    return special.logsumexp(logs.sum(axis=2), axis=1, b=1 / len(means))


def _log_q_tilde_loop(z, means, scales):
    found = []
    for point in z.numpy():
        total = -math.inf
        for mean, scale in zip(means.numpy(), scales.numpy(), strict=True):
            total = np.logaddexp(total, stats.norm.logpdf(point, mean, scale).sum() - math.log(len(means)))
        found.append(total)
    return found


def _log_q_tilde_by_mixture(z, means, scales):
    parts = torch.distributions.Independent(torch.distributions.Normal(means, scales), 1)
    which = torch.distributions.Categorical(logits=torch.zeros(len(means), dtype=z.dtype))
    return torch.distributions.MixtureSameFamily(which, parts).log_prob(z)


def _one_gaussian(z, mean, scale):
    return torch.distributions.Normal(mean, scale).log_prob(z).sum(-1)


def _tilde_law(rng):
    """One to five points, one to five copies, one to four latents; copies near each other or far apart."""
    points, copies, latents = rng.integers(1, [6, 6, 5])
    spread = rng.choice([0.3, 2.0])
    means = rng.normal(0, spread, (copies, latents)) + rng.normal(0, 1, latents)
    scales = np.exp(rng.normal(-0.7, 0.7, (copies, latents)))
    z = rng.normal(0, 1.5, (points, latents))
    return torch.tensor(z), torch.tensor(means), torch.tensor(scales)


log_q_tilde = Exercise(
    name="log_q_tilde",
    arguments=("z", "means", "scales"),
    returns="log q̃",
    reference=_log_q_tilde,
    spellings={
        "numpy": _log_q_tilde_numpy,
        "loop": _log_q_tilde_loop,
        "torch's mixture": _log_q_tilde_by_mixture,
    },
    probes=[
        (_tensor([0.0]), _tensor([1.0], [-1.0]), _tensor([1.0], [1.0])),
        (
            _tensor([0.3, -0.2], [1.5, 0.4], [-1.0, 2.0]),
            _tensor([0.5, 0.1], [-0.7, 1.2], [1.1, -0.4]),
            _tensor([0.6, 1.1], [0.3, 0.8], [0.9, 0.5]),
        ),
        (_tensor([0.2, 0.4, -0.9]), _tensor([0.1, -0.3, 0.5], [1.4, 0.9, -1.2]), _tensor([0.7, 0.4, 1.3], [1.2, 2, 1])),
    ],
    law=_tilde_law,
    extremes=[
        (_tensor([60.0, -45.0], [0.0, 0.1]), _tensor([0.5, 0.1], [-0.7, 1.2]), _tensor([0.6, 1.1], [0.3, 0.8])),
        (_tensor([0.0]), _tensor([40.0], [-41.0], [50.0]), _tensor([0.5], [0.5], [1.0])),
        (
            torch.full((2, 300), 0.01, dtype=torch.float64),
            torch.linspace(-0.02, 0.02, 900, dtype=torch.float64).reshape(3, 300),
            torch.full((3, 300), 0.01, dtype=torch.float64),
        ),
    ],
    stable="a log-sum-exp of log-densities; a density itself is 0 or infinite for the machine",
    misconceptions=[
        Misconception(
            "mean of logs",
            lambda z, means, scales: _each_log_prob(z, means, scales).sum(-1).mean(1),
            "You average logarithms. q̃ is an average of densities; its logarithm is taken last, and by Jensen lies "
            "higher. Yours belongs to no density: it does not integrate to 1.",
        ),
        Misconception(
            "log K forgotten",
            lambda z, means, scales: _each_log_prob(z, means, scales).sum(-1).logsumexp(1),
            "Too large by log K: you add the K densities up, and their sum integrates to K. The average is asked for.",
        ),
        Misconception(
            "parameters averaged",
            lambda z, means, scales: _one_gaussian(z, means.mean(0), scales.mean(0)),
            "You average means and scales, and take the density of that one Gaussian. It has one hump, wherever the "
            "copies are. Average the densities.",
        ),
        Misconception(
            "variances averaged",
            lambda z, means, scales: _one_gaussian(z, means.mean(0), scales.square().mean(0).sqrt()),
            "You average means and variances: a Gaussian in the middle, with the width of one answer. That the copies "
            "lie apart widens q̃ further, and gives it more humps than one. Average the densities.",
        ),
        Misconception(
            "mean and variance matched",
            lambda z, means, scales: _one_gaussian(
                z, means.mean(0), (scales.square().mean(0) + means.var(0, correction=0)).sqrt()
            ),
            "This Gaussian has the mean and the variances of q̃, and is not q̃: a mixture of Gaussians is no Gaussian. "
            "Average the densities.",
        ),
        Misconception(
            "each latent by itself",
            lambda z, means, scales: (_each_log_prob(z, means, scales).logsumexp(1) - math.log(len(means))).sum(-1),
            "You average within each latent and multiply afterwards. That is the product of q̃'s marginals. All latents "
            "come from the same copy: sum over the latents first, for each copy.",
        ),
        Misconception(
            "nearest copy only",
            lambda z, means, scales: _each_log_prob(z, means, scales).sum(-1).amax(1) - math.log(len(means)),
            "You keep the largest of the K densities. The others count too, most of all where several are near.",
        ),
        Misconception(
            "densities first",
            lambda z, means, scales: _each_log_prob(z, means, scales).sum(-1).exp().mean(1).log(),
            "Right on paper. But far from all copies each density is 0 for the machine, and its logarithm −∞; with "
            "hundreds of narrow latents it is infinite. Use torch.logsumexp.",
        ),
    ],
    hints=(
        "For one copy: the log-density of a diagonal Gaussian, a sum over the latents. There are S × K of these "
        "numbers.",
        "Broadcast: `z[:, None]` is (S, 1, L), the means are (K, L). Sum over the last axis. What happens to the K "
        "numbers of a point must average densities and not logarithms.",
        "`torch.logsumexp(logs, dim=1) - math.log(K)`.",
    ),
    praise="The density estimate is unbiased. Its logarithm is too low on average, by Jensen, and less so the larger "
    "K is.",
)

EXERCISES = (training_pair, log_q_tilde, dvae_bound, q_tilde_moments, noise_for_price, best_encoder)
