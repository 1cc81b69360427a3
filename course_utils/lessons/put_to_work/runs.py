"""Lesson 16, put to work: rivals at equal size, and what many runs of `tools/train_rivals_lesson.py` gave."""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.lessons.put_to_work.models import black_digits, digit_vae
from course_utils.models.completion import HalfEncoder, random_halves, random_squares, train_half_encoder
from course_utils.models.rivals import GAN, RealNVP, ring, train_gan
from course_utils.models.vae import VAE
from course_utils.workshop.data import data_file, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

RUNS = "put_to_work_runs.safetensors"
RIVALS = ("VAE", "RealNVP", "GAN")
SAMPLES = 1000
"""How many samples of each rival are looked at, and how many points that nobody was trained on."""

RIVAL_MEASURES = ("parameters", "seconds", "modes", "near", "precision", "recall", "log p", "microseconds")
ANOMALY_MEASURES = (
    "-log p",
    "reconstruction",
    "-ELBO",
    "ratio to pixels",
    "ratio to flipped",
    "ratio to compressor",
    "typicality",
    "compressor alone",
    "log p usual",
    "log p strange",
)
WAYS = (
    "50 real",
    "+ jitter",
    "+ jitter, a quarter",
    "+ invented from 50, early",
    "+ invented from 50",
    "+ jitter + invented from 50",
    "+ invented from 6000",
    "codes of 6000",
    "6000 real",
)
"""How the classifiers of the experiment on invented data were trained.

Half of each batch is real, half what is added; with "a quarter", a quarter of it is jitter and the rest real, as much
jitter as where jitter and inventions share a half. The generator of "early" was trained for 400 updates, that of the
other inventions of fifty for 1600, and that of the 6000 for 1650.
"""


class Rivals(NamedTuple):
    """The three, trained with about as many parameters and as much time."""

    vae: VAE
    flow: RealNVP
    gan: GAN


@functools.cache
@kept
def half_encoder(seed: int = 0) -> HalfEncoder:
    """Return an encoder of half-seen pictures for `digit_vae` of this seed: two to three seconds, the first time.

    Of half the pictures it was trained on, one side of a line was seen, of the others all but a square.
    """
    draws = torch.Generator().manual_seed(seed)

    def masks(rows: int) -> Tensor:
        halves, squares = random_halves(rows, generator=draws), random_squares(rows, generator=draws)
        return torch.where(torch.rand(rows, 1, generator=draws) < 0.5, halves, squares)

    return train_half_encoder(digit_vae(seed), black_digits()[0], masks, seed=seed)


# --- the ring ---------------------------------------------------------------------------------------------------------

RING_SCALE = 0.1
RING_UPDATES = {"VAE": 2000, "RealNVP": 1000, "GAN": 1500}
"""Updates, of 200 points each, that take about the same time: two to three seconds on one core."""


def ring_points(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return training points (4000, 2) of a ring of eight Gaussians, as many test points as `SAMPLES`, and centres."""
    generator = torch.Generator().manual_seed(100 + seed)
    x, centres = ring(4000, generator, scale=RING_SCALE)
    return x, ring(SAMPLES, generator, scale=RING_SCALE)[0], centres


def untrained_ring(seed: int = 0) -> Rivals:
    """Return the rivals of the ring before training, each with about five thousand parameters."""
    vae = VAE(2, 2, (48, 48), likelihood="gaussian", scale=0.5, learn_scale=True, seed=seed)
    flow = RealNVP(2, 6, (26, 26), seed=seed).fit_scale(ring_points(seed)[0])
    return Rivals(vae, flow, GAN(2, 2, (48, 48), seed=seed))


def train_on_ring(name: str, rivals: Rivals, seed: int = 0) -> nn.Module:
    """Train one of `RIVALS` in place on the ring with its `RING_UPDATES`, and return it."""
    x, updates = ring_points(seed)[0], RING_UPDATES[name]
    if name == "GAN":
        train_gan(rivals.gan, x, updates=updates, batch_size=200, learning_rate=1e-3, seed=seed)
        return rivals.gan
    model = rivals.vae if name == "VAE" else rivals.flow
    epochs = updates * 200 // len(x)
    return train_quietly(model, model.loss, x, epochs=epochs, batch_size=200, learning_rate=1e-2, seed=seed)


@functools.cache
@kept
def ring_rivals(seed: int = 0) -> Rivals:
    """Return the rivals, trained on the ring: about eight seconds, the first time."""
    rivals = untrained_ring(seed)
    for name in RIVALS:
        train_on_ring(name, rivals, seed)
    return rivals


# --- digits -----------------------------------------------------------------------------------------------------------

LEVELS = 8
"""Grey levels that the rivals' digits have."""
DIGIT_EPOCHS = {"VAE": 104, "RealNVP": 42, "GAN": 78}
"""Passes through the 6000 digits, in batches of 200, that take about the same time: 16 seconds on one core."""


@functools.cache
def grey_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return digits (6000, 784) in `LEVELS` whole grey levels from 0, labels, test digits (1000, 784), labels."""
    train, kinds, test, test_kinds = large_digits()
    return coarse(train), kinds, coarse(test), test_kinds


def coarse(pictures: Tensor) -> Tensor:
    """Return which of the `LEVELS` cells of [0, 1] grey levels lie in: whole numbers from 0."""
    return (pictures * 255 * LEVELS / 256).floor().clamp(0, LEVELS - 1)


def spread_out(levels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return whole levels, each moved to a random place in its cell of width 1.

    The density of such points has a bound to give: E[log p(n + u)] ≤ log P(n), the log-probability that the model gives
    to the whole cell. So rivals with a density are compared as models of one and the same discrete picture.
    """
    return levels + torch.rand(levels.shape, generator=generator)


def untrained_digits(seed: int = 0) -> Rivals:
    """Return the rivals of the digits before training, each with about 150 000 parameters."""
    x = spread_out(grey_digits()[0], torch.Generator().manual_seed(7))
    vae = VAE(784, 10, (100,), likelihood="gaussian", learn_scale=True, seed=seed).start_at_mean(x)
    vae.log_scale = nn.Parameter(x.std(0).clamp(min=0.3).log())  # one for each pixel, as the flow has
    flow = RealNVP(784, 4, (32,), seed=seed).fit_scale(x)
    return Rivals(vae, flow, GAN(784, 10, (98,), bounded=True, seed=seed))


def train_on_digits(name: str, rivals: Rivals, seed: int = 0, epochs: int | None = None) -> nn.Module:
    """Train one of `RIVALS` in place on the digits, for its `DIGIT_EPOCHS` or fewer, and return it."""
    x, epochs = grey_digits()[0], DIGIT_EPOCHS[name] if epochs is None else epochs
    if name == "GAN":
        updates = epochs * len(x) // 200
        grey = x / (LEVELS - 1)
        train_gan(rivals.gan, grey, updates=updates, batch_size=200, learning_rate=5e-4, seed=seed)
        return rivals.gan
    model, rate = (rivals.vae, 5e-3) if name == "VAE" else (rivals.flow, 2e-3)
    settings = {"epochs": epochs, "batch_size": 200, "learning_rate": rate, "seed": seed}
    return train_quietly(model, lambda levels: model.loss(spread_out(levels)), x, **settings)


@torch.no_grad()
def digit_samples(name: str, rivals: Rivals, count: int, generator: torch.Generator) -> Tensor:
    """Return pictures (count, 784) in [0, 1] with `LEVELS` grey levels.

    "VAE" has the likelihood's noise on every pixel, as its density asks for; "VAE, means" has not.
    """
    if name == "GAN":
        levels = rivals.gan.sample(count, generator) * LEVELS
    elif name == "RealNVP":
        levels = rivals.flow.sample(count, generator)
    else:
        levels = rivals.vae.sample_means(count, generator)
        if name == "VAE":
            levels = levels + rivals.vae.log_scale.exp() * torch.randn(levels.shape, generator=generator)
    return levels.floor().clamp(0, LEVELS - 1) / (LEVELS - 1)


@functools.cache
def digit_rivals() -> Rivals:
    """Return the rivals of the digits that were trained with seed 0, from the course's folder `data`."""
    from safetensors.torch import load_file

    rivals = untrained_digits(0)
    for name, model in zip(RIVALS, rivals, strict=True):
        weights = load_file(data_file(f"rival_{name.lower()}.safetensors"))
        model.load_state_dict({key: value.float() for key, value in weights.items()})
        model.eval()
    return rivals


# --- what many runs gave ----------------------------------------------------------------------------------------------


@functools.cache
def rival_runs(data: str) -> dict[str, dict[str, np.ndarray]]:
    """Return by rival and by one of `RIVAL_MEASURES` what was measured for data "ring" or "digits", one number a seed.

    "VAE, means" are the VAE's pictures without the likelihood's noise, and "data" are training points in the place of
    samples. "modes" counts centres of the ring, or kinds of digits, with their share of the samples: one in a hundred,
    or one in fifty. "near" is the share of samples near a centre, or of pictures whose ten nearest digits are of one
    kind. Precision and recall are taken with test points, of digits by the features of a classifier. "log p" is nats a
    test point, "microseconds" the time to one sample in a batch of a thousand. What does not apply is NaN.
    """
    return _table(f"{data} ", RIVAL_MEASURES)


@functools.cache
def anomaly_runs() -> dict[str, dict[str, np.ndarray]]:
    """Return by strangers, then by one of `ANOMALY_MEASURES`, the areas under the ROC curve: one number a seed."""
    return _table("anomalies ", ANOMALY_MEASURES)


@functools.cache
def augmentation_runs() -> dict[str, np.ndarray]:
    """Return by one of `WAYS` the accuracy on a thousand test digits (10,): one number a seed."""
    return {name: run["accuracy"] for name, run in _table("augmentation ", ("accuracy",)).items()}


def _table(prefix: str, measures: tuple[str, ...]) -> dict[str, dict[str, np.ndarray]]:
    from safetensors.numpy import load_file

    arrays = load_file(data_file(RUNS))
    return {
        name.removeprefix(prefix): dict(zip(measures, table.T.astype(float), strict=True))
        for name, table in sorted(arrays.items())
        if name.startswith(prefix)
    }
