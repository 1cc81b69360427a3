"""Lesson 08, the variational autoencoder: what its notebook, explorers and exercises share."""

import functools

import numpy as np
import torch
from torch import Tensor

from course_utils.models.autoencoders import Autoencoder, autoencoder_loss
from course_utils.models.vae import VAE, load_checkpoint
from course_utils.workshop.data import data_file, digits, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

_TRAINING = 1500


@functools.cache
def split_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's digits as training images (1500, 64), their labels, test images (297, 64), their labels.

    Grey levels lie in [0, 1], float32; the split is random and always the same.
    """
    images, labels = digits()
    order = np.random.default_rng(8).permutation(len(images))
    x, y = torch.tensor(images.reshape(-1, 64)[order], dtype=torch.float32), torch.tensor(labels[order])
    return x[:_TRAINING], y[:_TRAINING], x[_TRAINING:], y[_TRAINING:]


def train(model, loss, *, epochs: int = 60, learning_rate: float = 1e-2, data: Tensor | None = None):
    """Train a model in place with this lesson's settings (batches of 150, one cycle), and return it."""
    data = split_digits()[0] if data is None else data
    return train_quietly(model, loss, data, epochs=epochs, batch_size=150, learning_rate=learning_rate, seed=8)


@functools.cache
@kept
def gaussian_vae(latent_dim: int = 2, scale: float | None = None, hidden: tuple = (128,), epochs: int = 60) -> VAE:
    """Return a VAE of the digits with a Gaussian likelihood, trained once; without `scale` its σ is learned."""
    learned = {"scale": 0.2 if scale is None else scale, "learn_scale": scale is None}
    model = VAE(64, latent_dim, hidden, likelihood="gaussian", **learned, seed=8)
    return train(model, model.loss, epochs=epochs)


@functools.cache
@kept
def plain_autoencoder(latent_dim: int = 2, hidden: tuple = (128,), epochs: int = 60) -> Autoencoder:
    """Return lesson 07's autoencoder of the digits, with the same layers and training as `gaussian_vae`."""
    model = Autoencoder(64, latent_dim, hidden=hidden, seed=8)
    return train(model, autoencoder_loss(model), epochs=epochs).eval()


DEEP = {"latent_dim": 10, "hidden": (128, 64), "epochs": 100}
"""Settings of the two models of the 8×8 digits that are compared by completeness."""


@functools.cache
@kept
def large_vae(latent_dim: int = 10, epochs: int = 12) -> VAE:
    """Return a Bernoulli VAE 784-200-L of the 6000 digits of 28 by 28 pixels, trained once, in about three seconds."""
    return _train_large(latent_dim, epochs, lambda model: model.loss)


@functools.cache
@kept
def large_autoencoder(latent_dim: int = 10, epochs: int = 12) -> VAE:
    """Return the plain autoencoder beside `large_vae`: the same network and training, no draw and no KL term.

    Its code is the mean that `encode` returns; the log-variance has been trained by nothing.
    """

    def loss_of(model: VAE):
        return lambda x: -model.log_likelihood(x, model.encode(x)[0]).mean()

    return _train_large(latent_dim, epochs, loss_of)


def _train_large(latent_dim: int, epochs: int, loss_of) -> VAE:
    images = large_digits()[0]
    model = VAE(784, latent_dim, (200,), seed=8).start_at_mean(images)
    return train_quietly(model, loss_of(model), images, epochs=epochs, batch_size=200, seed=8).eval()


@functools.cache
def plane_vae() -> VAE:
    """Return the VAE with two latents that comes with the course, trained on all of MNIST's 60 000 digits."""
    return load_checkpoint(data_file("mnist_plane.safetensors"))[0]
