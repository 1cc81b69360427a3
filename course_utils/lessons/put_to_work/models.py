"""Lesson 16, put to work: the data and the trained models that its notebook and its explorers share."""

import copy
import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.models.rivals import GAN
from course_utils.models.vae import VAE, load_checkpoint
from course_utils.workshop.data import data_file, digits, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

_TRAINING = 1500

# --- data -------------------------------------------------------------------------------------------------------------


@functools.cache
def split_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits as lesson 08 splits them: 1500 training images (·, 64) and 297 test images."""
    images, _ = digits()
    rows = images.reshape(-1, 64)[np.random.default_rng(8).permutation(len(images))]
    return rows[:_TRAINING], rows[_TRAINING:]


@functools.cache
def black_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the course's part of MNIST in black and white: 6000 training images (·, 784), labels, 1000 test images, …

    A pixel is ink (1) where its grey level is one half or more, float32.
    """
    train_images, train_labels, test_images, test_labels = large_digits()
    return (train_images >= 0.5).float(), train_labels, (test_images >= 0.5).float(), test_labels


def square(row: int, column: int, size: int) -> Tensor:
    """Return which pixels (784,) of a 28×28 picture are seen: all but a square of `size` pixels around a centre.

    What of the square lies beyond the picture's edge hides nothing.
    """
    seen = torch.ones(28, 28, dtype=torch.bool)
    top, left = row - size // 2, column - size // 2
    seen[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = False
    return seen.flatten()


# --- models of black-and-white digits ---------------------------------------------------------------------------------


@functools.cache
def plane_vae() -> VAE:
    """Return lesson 08's VAE of the 28×28 digits with two latents, from the course's folder `data`, in float64."""
    return load_checkpoint(data_file("large_vae_2.safetensors"))[0].double()


def _trained(x: Tensor, seed: int) -> VAE:
    model = VAE(784, 10, (200,), seed=seed).start_at_mean(x)
    return train_quietly(model, model.loss, x, epochs=12, batch_size=200, learning_rate=1e-2, seed=seed)


@functools.cache
@kept
def digit_vae(seed: int = 0) -> VAE:
    """Return a VAE 784-200-10 of the black-and-white digits, with lesson 08's training: about three seconds."""
    return _trained(black_digits()[0], seed)


@functools.cache
@kept
def detector(left_out: int, seed: int = 0) -> VAE:
    """Return the same VAE, trained on the digits of all kinds but one."""
    x, kinds, _, _ = black_digits()
    return _trained(x[kinds != left_out], seed)


# --- a GAN on a line, step by step ------------------------------------------------------------------------------------

LINE_STEPS = (0, 10, 20, 30, 50, 70, 100, 150, 200, 300, 400, 600, 800, 1000)
"""Steps of both players after which `line_gan` is kept."""
HEAD_START = 500
"""Steps that the discriminator may take alone, before the first step of the generator."""


class LineData(NamedTuple):
    """Two Gaussians on a line: weights, means and standard deviations."""

    weights: tuple[float, float] = (0.5, 0.5)
    means: tuple[float, float] = (-2.0, 2.0)
    scale: float = 0.4

    def sample(self, count: int, seed: int) -> Tensor:
        """Return draws (count, 1)."""
        generator = torch.Generator().manual_seed(seed)
        which = torch.rand(count, 1, generator=generator) < self.weights[0]
        mean = torch.where(which, self.means[0], self.means[1])
        return mean + self.scale * torch.randn(count, 1, generator=generator)

    def density(self, x: np.ndarray) -> np.ndarray:
        """Return the density at points of the line."""
        parts = [
            weight * np.exp(-0.5 * ((x - mean) / self.scale) ** 2) / (self.scale * np.sqrt(2 * np.pi))
            for weight, mean in zip(self.weights, self.means, strict=True)
        ]
        return np.sum(parts, axis=0)


@functools.cache
@kept
def line_gan(kind: str = "non-saturating", ahead: bool = False, seed: int = 0) -> tuple[GAN, ...]:
    """Return a GAN of `LineData` as it was after each of `LINE_STEPS` pairs of gradient steps: about two seconds.

    Parameters
    ----------
    kind : of `GAN.generator_loss`.
    ahead : let the discriminator take `HEAD_START` steps alone before.
    seed : of networks and draws.
    """
    gan, x = GAN(1, 1, (32,), seed=seed), LineData().sample(4000, seed)
    draws = torch.Generator().manual_seed(seed)
    sides = gan.discriminator, gan.generator
    optimisers = [torch.optim.SGD(side.parameters(), lr=0.1) for side in sides]
    stages = []
    for step in range(-HEAD_START if ahead else 0, LINE_STEPS[-1] + 1):
        if step in LINE_STEPS:
            gan.zero_grad()
            stages.append(copy.deepcopy(gan))
        true = x[torch.randint(len(x), (128,), generator=draws)]
        for optimiser, side in zip(optimisers, sides, strict=True):
            if side is gan.generator and step < 0:
                continue
            with torch.enable_grad():  # an explorer that asks for the stages may have switched it off
                fake = gan.generate(torch.randn(128, 1, generator=draws))
                loss = gan.generator_loss(fake, kind) if side is gan.generator else -gan.value(true, fake.detach())
                optimiser.zero_grad()
                loss.backward()
            optimiser.step()
    return tuple(stages)
