"""Lesson 08, the variational autoencoder: the problem that ends with a trained VAE, and how that is judged."""

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.lessons.vae.models import split_digits
from course_utils.models.vae import VAE, gaussian_kl
from course_utils.workshop.exercises import Misconception
from course_utils.workshop.outcomes import Finding, OutcomeExercise
from course_utils.workshop.running import Unfit
from course_utils.workshop.training import train_quietly
from course_utils.workshop.verdicts import a, as_numbers, return_words, shape_words

GOAL = -19.0
"""The test ELBO that is asked for, in nats per digit."""

_DRAWS = 20
_SECONDS = 20.0
_SEEN_BEFORE = 1.5  # nats by which test digits may be better than training ones; by chance it is 0.3
_OTHER_DIGITS = 2.0
_NOT_FROM_DATA = " The digits in `data` should be known best: are they what the networks learn from, as they are?"


@functools.cache
def _black_and_white(mirrored: bool = True) -> tuple[Tensor, Tensor]:
    """Return training (1500, 64) and test digits (297, 64) of zeros and ones, as in a mirror.

    The lesson's own digits are then neither of the two: a network that has seen them knows nothing of these.
    """
    images, _, others, _ = split_digits()
    axes = [2] if mirrored else []
    train, test = ((part > 0.5).float().reshape(-1, 8, 8).flip(axes).reshape(-1, 64) for part in (images, others))
    return train, test


# --- how an outcome is judged -----------------------------------------------------------------------------------------


def _called(name, function, argument):
    try:
        with torch.no_grad():
            return function(argument)
    except Exception as error:
        words = f"`{name}` of {shape_words(tuple(argument.shape))} raised {type(error).__name__}: {str(error)[:200]}"
        raise Unfit("raised", f"what you returned as {name} raised an error", words) from None


def _part(name, value, shape):
    """Return a result as a float64 tensor of this shape, None standing for any length; or raise `Unfit`."""
    array = as_numbers(name, value)
    fits = array.ndim == len(shape) and all(b in (None, s) for s, b in zip(array.shape, shape, strict=True))
    if not fits:
        wish = f"({', '.join('L' if size is None else str(size) for size in shape)})"
        words = f"{name} should have the shape {wish}; it is {shape_words(array.shape)}."
        raise Unfit("wrong_shape", "a result has the wrong shape", words)
    tensor = torch.from_numpy(array)
    if not torch.isfinite(tensor).all():
        words = (
            f"{name} holds NaN or infinite numbers: the training went astray. Is the logarithm of a sigmoid computed, "
            "or the learning rate very large?"
        )
        raise Unfit("not_finite", f"{name} is not finite", words)
    return tensor


@dataclass(frozen=True)
class _Terms:
    """What a pair of networks is worth on some digits, in nats per digit, and what it draws."""

    reconstruction: float
    kl: float
    logits: Tensor

    @property
    def elbo(self):
        return self.reconstruction - self.kl


def _log_likelihood(x, logits):
    return (x * logits - F.softplus(logits)).sum(-1).mean().item()


class _Networks:
    """The encoder and the decoder that came back, with every call checked."""

    def __init__(self, value):
        if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(map(callable, value)):
            came = f"{len(value)} values" if isinstance(value, (tuple, list)) else a(value)
            words = f"Return two functions, as in `return encode, decode`; you returned {came}."
            raise Unfit("wrong_type", "not an encoder and a decoder", words + return_words(value))
        self._encode, self._decode = value

    def encode(self, x):
        """Return mean and log-variance (N, L) in float64."""
        value = _called("encode", self._encode, x.clone())
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            came = f"{len(value)} values" if isinstance(value, (tuple, list)) else a(value)
            words = f"`encode(x)` should return mean and log_var of q(z|x), as a pair; it returned {came}."
            raise Unfit("wrong_type", "encode returns no pair", words)
        mean = _part("the mean of encode", value[0], (len(x), None))
        return mean, _part("the log-variance of encode", value[1], tuple(mean.shape))

    def decode(self, z):
        """Return logits (N, 64) in float64."""
        return _part("decode(z)", _called("decode", self._decode, z.float()), (len(z), 64))

    def terms(self, x, code, noise, log_var_of=lambda value: value):
        """Return the terms of the ELBO, from one decoded picture for each noise (K, N, L)."""
        mean, log_var = code[0], log_var_of(code[1])
        logits = torch.stack([self.decode(mean + torch.exp(log_var / 2) * one) for one in noise])
        return _Terms(_log_likelihood(x, logits), gaussian_kl(mean, log_var).mean().item(), logits)


def _judged(value):
    networks = _Networks(value)
    train, test = _black_and_white()
    codes = [networks.encode(x) for x in (test, train)]
    latents = codes[0][0].shape[1]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(_DRAWS, len(test), latents, generator=generator, dtype=torch.float64)
    found = networks.terms(test, codes[0], noise)
    on_train = networks.terms(train, codes[1], torch.randn(1, *codes[1][0].shape, generator=generator).double())
    if found.elbo - on_train.elbo > _SEEN_BEFORE and max(found.elbo, on_train.elbo) > _without_latents(test):
        words = f"{found.elbo:.1f} nats on the test digits, {on_train.elbo:.1f} on those that were handed over."
        # broken networks are worth anything on either: only where both are worth something one was learned from
        learned = on_train.elbo > _without_latents(train)
        return Finding(False, "test digits seen" if learned else "", words if learned else words + _NOT_FROM_DATA)
    if found.elbo >= GOAL:
        return Finding(True)
    said = f"The check measures an ELBO of {found.elbo:.1f} nats per test digit: {found.reconstruction:.1f} for the "
    said += f"reconstruction, minus a KL of {found.kl:.1f}. The goal is {GOAL:.0f}."
    return Finding(False, _slip(networks, test, codes[0], noise, found), said)


def _without_latents(x):
    """Return what the mean training digit is worth on some digits, in nats per digit."""
    return _log_likelihood(x, _black_and_white()[0].mean(0).clamp(1e-3, 1 - 1e-3).logit().double())


def _slip(networks, test, code, noise, found):
    """Return the name of what went wrong, or "" where it is only not good enough yet."""
    without_latents = _without_latents(test)

    def good(**reading):
        return networks.terms(test, code, noise[:2], **reading).elbo >= GOAL

    if (code[1] > 0).all() and (good(log_var_of=lambda v: 2 * v.log()) or good(log_var_of=torch.log)):
        return "scale for log-variance"
    if (found.logits >= 0).all() and (found.logits <= 1).all():
        restored = _log_likelihood(test, found.logits.clamp(1e-6, 1 - 1e-6).logit())
        return "probabilities for logits" if restored > without_latents else "two sigmoids"
    if found.kl > 25:
        return "no KL"
    others = _black_and_white(mirrored=False)[1]
    on_others = networks.terms(others, networks.encode(others), noise[:1]).elbo
    if on_others > max(found.elbo + _OTHER_DIGITS, _without_latents(others)):  # it knows them, not only less badly
        return "other digits"
    if networks.terms(test, code, 0 * noise[:1]).reconstruction > max(found.reconstruction + 5, without_latents):
        return "no noise"
    if found.kl < 0.5 and found.reconstruction > without_latents - 1.5:
        return "averaged over the pixels"
    if found.elbo < without_latents - 1.5:
        return "hardly trained"
    return "few latents" if code[0].shape[1] < 4 else ""


# --- right and wrong ways to train ------------------------------------------------------------------------------------


def _networks(latents, hidden=128):
    encoder = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latents))
    return encoder, nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, 64))


def _pixels(logits, x):
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _train(
    data,
    *,
    latents=10,
    epochs=50,
    rate=4e-3,
    reduce=torch.sum,
    weight=1.0,
    noisy=True,
    bend=None,
    pick=None,
    steps=True,
):
    """Train by the lesson's loop; the arguments break it in well-known ways. Returns encode and decode."""
    encoder, decoder = _networks(latents)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=rate)
    data = data if pick is None else pick()
    for _ in range(epochs):
        for rows in torch.randperm(len(data)).split(100):
            mean, log_var = encoder(data[rows]).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean) if noisy else mean
            logits = decoder(z) if bend is None else bend(decoder(z))
            gain = reduce(_pixels(logits, data[rows]), -1) - weight * gaussian_kl(mean, log_var)
            optimizer.zero_grad()
            gain.mean().neg().backward()
            if steps:
                optimizer.step()
    return (lambda x: encoder(x).chunk(2, dim=1)), (decoder if bend is None else lambda z: bend(decoder(z)))


def _train_with_the_courses_class(data):
    model = VAE(64, 8, (128,), seed=int(torch.randint(1000, ())))
    train_quietly(model, model.loss, data, epochs=50, batch_size=100, learning_rate=1e-2, seed=0)
    return model.encode, model.decoder


class _Variational(nn.Module):
    """A VAE with separate heads and smooth layers, which draws three times."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 100), nn.Tanh())
        self.mean, self.log_var = nn.Linear(100, 6), nn.Linear(100, 6)
        self.decode = nn.Sequential(nn.Linear(6, 100), nn.Tanh(), nn.Linear(100, 64))

    def encode(self, x):
        body = self.body(x)
        return self.mean(body), self.log_var(body)

    def forward(self, x):
        mean, log_var = self.encode(x)
        q = torch.distributions.Normal(mean, torch.exp(log_var / 2))
        fit = torch.distributions.Bernoulli(logits=self.decode(q.rsample((3,)))).log_prob(x).sum(-1).mean(0)
        return (torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1) - fit).mean()


def _train_a_module(data):
    model = _Variational()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    for step in range(1200):
        loss = model(data[torch.randint(len(data), (128,))])
        model.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 900:
            optimizer.param_groups[0]["lr"] = 5e-4
    return model.encode, lambda z: model.decode(z).detach().numpy()


def _returning(encoded=None, decoded=None):
    """Build a training whose networks are right, but return something else than was asked for."""

    def answer(data):
        encode, decode = _train(data)
        return (lambda x: encoded(*encode(x))) if encoded else encode, (
            lambda z: decoded(decode(z))
        ) if decoded else decode

    return answer


train_vae = OutcomeExercise(
    name="train_vae",
    arguments=("data",),
    returns="the VAE",
    reference=_train,
    spellings={"the course's class": _train_with_the_courses_class, "a module": _train_a_module},
    probes=[(_black_and_white()[0],)],
    judge=_judged,
    misconceptions=[
        Misconception(
            "averaged over the pixels",
            functools.partial(_train, reduce=torch.mean, epochs=20),
            "The posterior has collapsed: q is close to the prior for every digit, and every picture is about the mean "
            "digit. The usual cause is a reconstruction term averaged over the 64 pixels (the default of torch's "
            "losses), beside a KL term that is not: it then weighs 64 times too much. Others are a KL summed over the "
            "batch, a weight in front of it, and too few steps: the mean digit is learned first.",
        ),
        Misconception(
            "no KL",
            functools.partial(_train, weight=0.0),
            "The codes are far too dear: their KL is larger than all that a latent could save. Is the KL term in the "
            "loss, with the sign that makes it small, and is the loss *minus* the ELBO? Without the term the scales of "
            "q shrink, and this is an autoencoder.",
        ),
        Misconception(
            "no noise",
            functools.partial(_train, noisy=False),
            "Decoded from the means of q the pictures are good, decoded from draws they are not. The usual cause: the "
            "decoder is trained without a draw, though z = μ + σε belongs in every training step. If there is one, its "
            "noise may be another than q's: σ is exp(log_var/2), ε comes from randn and has a number for each latent, "
            "and `encode` has to return the log_var that was meant, log σ² and not log σ. Or only a few digits were "
            "trained on, over and over.",
        ),
        Misconception(
            "hardly trained",
            functools.partial(_train, steps=False, epochs=1),
            "This VAE knows less than the mean digit does. There are several usual causes. The networks may be about "
            "as they were made: does the optimiser hold both, is there a `step()` after each `backward()`, does the "
            "loss fall? They may have been pushed about: is there a `zero_grad()` in each step? Or they learned "
            "something else: the loss is minus the Bernoulli log-likelihood of `data` itself, plus the KL of section "
            "8.3, with all its terms. And `encode` returns mean and log_var, in this order.",
        ),
        Misconception(
            "few latents",
            functools.partial(_train, latents=2, epochs=80),
            "Nothing else stands out, and the latents are few: two or three numbers leave too much of a digit open. "
            "Section 8.11 says how many this kind of picture can use.",
        ),
        Misconception(
            "probabilities for logits",
            _returning(decoded=torch.sigmoid),
            "What `decode` returns lies between 0 and 1, and read as probabilities it is worth far more than as "
            "logits. The check wants the logits, before the sigmoid, since log(1 − p) loses its digits.",
        ),
        Misconception(
            "two sigmoids",
            functools.partial(_train, bend=torch.sigmoid),
            "All that `decode` returns lies between 0 and 1. Read as logits these are probabilities between 0.5 and "
            "0.73, and no pixel can be paper. The usual cause is a sigmoid at the end of `decode` beside a loss that "
            "applies one itself; another is that pictures are returned, where logits of any size are wanted.",
        ),
        Misconception(
            "scale for log-variance",
            _returning(encoded=lambda mean, log_var: (mean, torch.exp(log_var / 2))),
            "Read as standard deviations or variances, the second part of `encode` would make a good VAE. The check "
            "wants the *logarithm* of the variance.",
        ),
        Misconception(
            "other digits",
            functools.partial(_train, pick=lambda: _black_and_white(mirrored=False)[0]),
            "This VAE knows the lesson's digits better than those it was given. Train on `data`, the argument, and "
            "not on `train_x`: the check's digits stand as in a mirror.",
        ),
        Misconception(
            "test digits seen",
            functools.partial(_train, pick=lambda: _black_and_white()[1], epochs=300),
            "On the test digits it is better than on those it was given, by far more than chance, and it knows both: "
            "as a rule it has been trained on them. A bound on digits that were seen says nothing about others.",
        ),
    ],
    hints=[
        "Two networks, and a loop of five lines that you know from section 8.4. What is new is the likelihood: ink or "
        "paper, so the decoder gives a logit for each pixel.",
        "The encoder ends with 2L numbers, cut into mean and log_var. The loss is −(reconstruction − KL), averaged "
        "over the batch, where the reconstruction is the term of exercise 8.1, summed over the pixels. Take L from 5 "
        "to 20, 128 hidden units, Adam with a rate of a few thousandths, 50 epochs or more in batches of 100.",
        "encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 20)), the decoder the other way round "
        "from 10; in the loop .chunk(2, dim=-1), a draw, binary_cross_entropy_with_logits(…, "
        "reduction='none').sum(-1) plus the KL, zero_grad, backward, step. Return lambda x: encoder(x).chunk(2, "
        "dim=-1), decoder.",
    ],
    praise="A VAE from an empty cell, and measured by somebody else on digits that it never saw.",
    seconds=_SECONDS,
)
