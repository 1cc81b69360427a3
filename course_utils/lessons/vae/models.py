"""Lesson 08, the variational autoencoder: what its notebook, explorers and exercises share."""

import contextlib
import functools
from collections.abc import Callable, Iterator

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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: to networks this small a second one costs more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train(model, loss, *, epochs: int = 60, learning_rate: float = 1e-2, data: Tensor | None = None):
    """Train a model in place with this lesson's settings (batches of 150, one cycle, one thread), and return it."""
    data = split_digits()[0] if data is None else data
    with one_thread():
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


DEEP = {"latent_dim": 10, "hidden": (128, 64), "epochs": 50}
"""Settings of the two models of the 8×8 digits that are compared by completeness."""


LARGE_SIZES = (2, 5, 10, 20)
"""Latents of the VAEs of the 28×28 digits that come with the course."""

LARGE_EPOCHS = 12
"""Passes through the 6000 training digits, of each of these models."""


def train_large_vae(latent_dim: int, epochs: int = LARGE_EPOCHS) -> VAE:
    """Return a Bernoulli VAE 784-200-L of the 6000 digits of 28 by 28 pixels, newly trained: about two seconds."""
    return _train_large(latent_dim, epochs, lambda model: model.loss)


def train_large_autoencoder(latent_dim: int, epochs: int = LARGE_EPOCHS) -> VAE:
    """Return the plain autoencoder beside `train_large_vae`: the same network and training, no draw and no KL term.

    Its code is the mean that `encode` returns; the log-variance has been trained by nothing.
    """

    def loss_of(model: VAE) -> Callable[[Tensor], Tensor]:
        return lambda x: -model.log_likelihood(x, model.encode(x)[0]).mean()

    return _train_large(latent_dim, epochs, loss_of)


def _train_large(latent_dim: int, epochs: int, loss_of: Callable[[VAE], Callable]) -> VAE:
    images = large_digits()[0]
    model = VAE(784, latent_dim, (200,), seed=8).start_at_mean(images)
    with one_thread():
        return train_quietly(model, loss_of(model), images, epochs=epochs, batch_size=200, seed=8).eval()


@functools.cache
def large_vae(latent_dim: int = 10) -> VAE:
    """Return what `train_large_vae` made of one of `LARGE_SIZES` latents, from the course's folder `data`.

    Raises
    ------
    ValueError : no VAE with this number of latents comes with the course.
    """
    if latent_dim not in LARGE_SIZES:
        known = ", ".join(map(str, LARGE_SIZES))
        raise ValueError(
            f"VAEs with {known} latents come with the course; got {latent_dim!r}, which train_large_vae can train"
        )
    return load_checkpoint(data_file(f"large_vae_{latent_dim}.safetensors"))[0].float()


@functools.cache
def large_autoencoder() -> VAE:
    """Return what `train_large_autoencoder` made with ten latents, from the course's folder `data`."""
    return load_checkpoint(data_file("large_autoencoder_10.safetensors"))[0].float()


@functools.cache
def plane_vae() -> VAE:
    """Return the VAE with two latents that comes with the course, trained on all of MNIST's 60 000 digits."""
    return load_checkpoint(data_file("mnist_plane.safetensors"))[0]
