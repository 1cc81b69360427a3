"""Lesson 10, the Gumbel trick: what its notebook, explorers and exercises share."""

import functools

import numpy as np
import torch
from torch import Tensor

from course_utils.models.discrete import CategoricalVAE
from course_utils.workshop.data import digits, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.style import palette
from course_utils.workshop.training import train_quietly

_TRAINING = 1500
LATENTS, CLASSES = 3, 8
"""Size of the code of the lesson's categorical VAE: 512 configurations, few enough to add them all up."""

COLOURS = {"Gumbel-softmax": palette.approximation, "straight-through": "#56B4E9", "score function": palette.second}
"""Colour of each estimator, as in lesson 06 for the score function."""


@functools.cache
def black_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's digits in black and white: 1500 training images (·, 64), labels, 297 test images, labels.

    A pixel is ink (1) where its grey level is one half or more, float32; the split is random and always the same.
    """
    images, labels = digits()
    order = np.random.default_rng(10).permutation(len(images))
    x = torch.tensor(images.reshape(-1, 64)[order] >= 0.5, dtype=torch.float32)
    y = torch.tensor(labels[order])
    return x[:_TRAINING], y[:_TRAINING], x[_TRAINING:], y[_TRAINING:]


@functools.cache
def large_black_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the course's part of MNIST in black and white: 6000 training images (·, 784), labels, 1000 test images, …

    A pixel is ink (1) where its grey level is one half or more, float32.
    """
    train_images, train_labels, test_images, test_labels = large_digits()
    return (train_images >= 0.5).float(), train_labels, (test_images >= 0.5).float(), test_labels


def train(model, loss, *, epochs: int = 40, learning_rate: float = 1e-2, data: Tensor | None = None):
    """Train a model of the digits in place with this lesson's settings (batches of 150, one cycle), and return it."""
    data = black_digits()[0] if data is None else data
    settings = {"epochs": epochs, "batch_size": 150, "learning_rate": learning_rate}
    return train_quietly(model, loss, data, **settings, seed=10)


@functools.cache
@kept
def categorical_vae(
    estimator: str = "gumbel-softmax", temperature: float | None = None, epochs: int = 40
) -> CategoricalVAE:
    """Return a VAE of the digits with three latents of eight classes, trained once.

    Without `temperature` it falls from 1 to 0.5 during the training; otherwise it stays where it is.
    """
    model = CategoricalVAE(64, LATENTS, CLASSES, (128,), seed=10).start_at_mean(black_digits()[0])
    return train(model, model.training_loss(estimator, **_schedule(temperature)), epochs=epochs)


def _schedule(temperature):
    if temperature is None:
        return {"start": 1.0, "end": 0.5, "rate": 2e-3}
    return {"start": temperature, "end": temperature}


@functools.cache
@kept
def large_categorical_vae(temperature: float | None = None, epochs: int = 10) -> CategoricalVAE:
    """Return a VAE with the same code for digits of 28 by 28 pixels, trained once; for `temperature` see above."""
    images = large_black_digits()[0]
    model = CategoricalVAE(784, LATENTS, CLASSES, (200,), seed=10).start_at_mean(images)
    return train(model, model.training_loss(**_schedule(temperature)), epochs=epochs, data=images)


# Three stamps of five pixels, and a picture that resembles the first two.
STAMPS = torch.tensor(
    [[1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]], dtype=torch.float64
)
PICTURE = torch.tensor([0.6, 1.0, 0.4, 0.2, 0.0], dtype=torch.float64)
STAMP_LOGITS = torch.tensor([[0.0, 0.4, 0.2]], dtype=torch.float64)


def stamp_score(z: Tensor) -> Tensor:
    """Return log N(picture; stamp, 0.5² I) (S,), without its constant, for z (S, 1, 3): how well the stamp fits."""
    return -2.0 * (PICTURE - z[:, 0] @ STAMPS).square().sum(-1)
