"""Lesson 15, richer priors and clustering: the data and the trained models that its notebook and explorers share."""

import functools
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.models.priors import FullMixturePrior, MixturePrior, PriorVAE, VampPrior
from course_utils.models.vae import VAE, load_checkpoint
from course_utils.workshop.data import data_file, digits, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

_TRAINING = 1500
CLASSES = 10
"""Clusters asked for wherever the lesson clusters digits."""


# --- data and models that come with the course ------------------------------------------------------------------------


@functools.cache
def split_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's digits as lesson 08 splits them: 1500 training images (·, 64), labels, 297 test …"""
    images, labels = digits()
    order = np.random.default_rng(8).permutation(len(images))
    x, y = torch.tensor(images.reshape(-1, 64)[order], dtype=torch.float32), torch.tensor(labels[order])
    return x[:_TRAINING], y[:_TRAINING], x[_TRAINING:], y[_TRAINING:]


@functools.cache
def black_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the course's part of MNIST in black and white: 6000 training images (·, 784), labels, 1000 test images, …

    A pixel is ink (1) where its grey level is one half or more, float32.
    """
    train_images, train_labels, test_images, test_labels = large_digits()
    return (train_images >= 0.5).float(), train_labels, (test_images >= 0.5).float(), test_labels


@functools.cache
def lesson_08_vae(latent_dim: int = 10) -> VAE:
    """Return lesson 08's VAE of grey 28×28 digits with 2, 5, 10 or 20 latents, from the course's folder `data`."""
    return load_checkpoint(data_file(f"large_vae_{latent_dim}.safetensors"))[0].float()


@functools.cache
def lesson_08_autoencoder() -> VAE:
    """Return the plain autoencoder of lesson 08 with the same layers and training; its code is the mean."""
    return load_checkpoint(data_file("large_autoencoder_10.safetensors"))[0].float()


# --- two latents, 8×8 pixels: what a grid can check -------------------------------------------------------------------

PLANE_PRIORS = ("N(0, I)", "mixture, K = 10", "VampPrior, K = 10")
"""Priors with which `plane_vae` is trained."""


@functools.cache
@kept
def plane_vae(prior: str = "N(0, I)", epochs: int = 60) -> PriorVAE:
    """Return a VAE of the 8×8 digits with two latents; with the prior N(0, I) it is lesson 08's."""
    x = split_digits()[0]
    model = PriorVAE(64, 2, (128,), likelihood="gaussian", scale=0.2, learn_scale=True, seed=8)
    if prior == PLANE_PRIORS[1]:
        model.prior = MixturePrior(2, 10, seed=8)
    elif prior == PLANE_PRIORS[2]:
        model.prior = VampPrior(model.encode, x[:10])
    return train_quietly(model, model.loss, x, epochs=epochs, batch_size=150, learning_rate=1e-2, seed=8)


# --- ten latents, 28×28 pixels: priors compared -----------------------------------------------------------------------

LARGE_EPOCHS = 12
"""Passes through the 6000 training digits, as in lesson 08."""


def untrained_vae(kind: str = "standard", size: int = 0, seed: int = 0) -> PriorVAE:
    """Return a Bernoulli VAE 784-200-10 of the black-and-white digits before training.

    Parameters
    ----------
    kind : "standard"; "wide", with 249 hidden units, so that it has as many parameters more as 100 pseudo-inputs;
        "mixture"; "vamp", whose pseudo-inputs start at digits; "vamp from noise", whose start near the mean digit.
    size : components of a mixture, or pseudo-inputs.
    seed : for weights, means and pseudo-inputs.
    """
    x = black_digits()[0]
    model = PriorVAE(784, 10, (249 if kind == "wide" else 200,), seed=seed).start_at_mean(x)
    generator = torch.Generator().manual_seed(seed)
    if kind == "mixture":
        model.prior = MixturePrior(10, size, seed=seed)
    elif kind == "vamp":
        model.prior = VampPrior(model.encode, x[torch.randperm(len(x), generator=generator)[:size]])
    elif kind == "vamp from noise":
        near = x.mean(0) + 0.1 * torch.randn(size, 784, generator=generator)
        model.prior = VampPrior(model.encode, near.clamp(0, 1))
    return model


def train_large(model: PriorVAE, seed: int = 0, epochs: int = LARGE_EPOCHS) -> PriorVAE:
    """Train a model of the black-and-white digits in place with lesson 08's settings, and return it."""
    x = black_digits()[0]
    return train_quietly(model, model.loss, x, epochs=epochs, batch_size=200, learning_rate=1e-2, seed=seed)


@functools.cache
@kept
def large_vae(kind: str = "standard", size: int = 0, seed: int = 0) -> PriorVAE:
    """Return `untrained_vae` after `train_large`: about three seconds, the first time."""
    return train_large(untrained_vae(kind, size, seed), seed)


def draws_of(model: PriorVAE, x: Tensor, seed: int = 0) -> Tensor:
    """Return one draw of q(z | x) (N, L) for each row of x: what a prior is fitted to afterwards."""
    with torch.no_grad():
        return model.reparameterise(*model.encode(x), torch.Generator().manual_seed(seed))


# --- clusters ---------------------------------------------------------------------------------------------------------

STARTS = ("afterwards", "random", "far apart", "warm-up", "from an autoencoder", "half-way")
"""How the mixture of a clustering VAE comes about: see `cluster_vae`."""


class Task(NamedTuple):
    """Data to cluster, and the VAE that goes with them."""

    x: Tensor
    labels: Tensor
    unseen: Tensor
    options: dict
    hidden: int
    batch: int
    epochs: int


@functools.cache
def task(data: str) -> Task:
    """Return what `cluster_vae` works on: data "8×8", grey with a Gaussian likelihood, or "28×28", black and white."""
    if data == "8×8":
        x, labels, unseen, _ = split_digits()
        return Task(x, labels, unseen, {"likelihood": "gaussian", "scale": 0.2, "learn_scale": True}, 128, 150, 60)
    x, labels, unseen, _ = black_digits()
    return Task(x, labels, unseen, {}, 200, 200, LARGE_EPOCHS)


@functools.cache
@kept
def cluster_vae(start: str, seed: int = 0, data: str = "8×8", full: bool = True) -> PriorVAE:
    """Return a VAE with ten latents and a mixture prior of ten components, all with the same number of updates.

    Parameters
    ----------
    start : "afterwards", trained with N(0, I), then the mixture is fitted to draws of its codes, and nothing moves
        any more; "random", learned along, from means drawn from N(0, I); "far apart", the same from N(0, 3² I);
        "warm-up", from N(0, I), with a KL term whose weight rises from 0 to 1 in the first half; "from an autoencoder",
        half of the updates without draw and KL term, then a mixture fitted to the codes, then all is learned;
        "half-way", half of the updates with N(0, I), then a mixture fitted to draws, then all is learned.
    seed : of weights, means, order of the data and draws.
    data : for `task`.
    full : components with full covariances, not diagonal ones.
    """
    t = task(data)
    model = PriorVAE(t.x.shape[1], 10, (t.hidden,), seed=seed, **t.options).start_at_mean(t.x)
    kind = FullMixturePrior if full else MixturePrior
    prior = kind(10, CLASSES, spread=3.0 if start == "far apart" else 1.0, seed=seed)
    first = t.epochs // 2

    def train(loss, epochs):
        settings = {"batch_size": t.batch, "learning_rate": 1e-2, "seed": seed}
        return train_quietly(model, loss, t.x, epochs=epochs, **settings)

    if start in ("random", "far apart"):
        model.prior = prior
        return train(model.loss, t.epochs)
    if start == "warm-up":
        model.prior = prior
        return train(_warming(model, t.epochs * math.ceil(len(t.x) / t.batch) // 2), t.epochs)
    if start == "from an autoencoder":
        train(lambda x: -model.log_likelihood(x, model.encode(x)[0]).mean(), first)
        codes = model.encode(t.x)[0].detach()
        with torch.no_grad():  # the log-variances have learned nothing: a tenth of the codes' spread
            model.encoder[-1].weight[10:] = 0
            model.encoder[-1].bias[10:] = 2 * torch.log(codes.std() / 10)
    else:
        train(model.loss, t.epochs if start == "afterwards" else first)
        codes = draws_of(model, t.x, seed)
    model.prior = prior.fit(codes, seed=seed, restarts=3)
    return model if start == "afterwards" else train(model.loss, t.epochs - first)


def _warming(model: PriorVAE, steps: int):
    """Return the loss of a batch whose KL term has the weight t / steps in step t, and 1 from then on."""
    taken = iter(range(1, 10**9))
    return lambda x: model.loss(x, beta=min(1.0, next(taken) / steps))


def clusters_of(model: PriorVAE, x: Tensor) -> Tensor:
    """Return the most probable class (N,) of each row of x, by q(c | x)."""
    return model.class_probs(x, 20, torch.Generator().manual_seed(0)).argmax(1)


# --- what many runs gave ----------------------------------------------------------------------------------------------

PRIOR_RUNS, CLUSTER_RUNS = "prior_runs.safetensors", "cluster_runs.safetensors"
PRIOR_MEASURES = ("train bound", "test bound", "test log p", "clear", "different", "active")
CLUSTER_MEASURES = ("accuracy", "test bound", "classes used")


@functools.cache
def prior_runs() -> dict[str, dict[str, np.ndarray]]:
    """Return by prior, then by `PRIOR_MEASURES`, what `tools/train_priors_lesson.py` measured: one number a seed.

    Bounds and log p are nats per black-and-white digit of 28×28 pixels; "clear" is lesson 08's share of a thousand
    decoded draws, "different" the number of different digits that are nearest to one, "active" counts latents.
    """
    return _runs(PRIOR_RUNS, PRIOR_MEASURES)


@functools.cache
def cluster_runs(data: str) -> dict[str, dict[str, np.ndarray]]:
    """Return by way of clustering, then by one of `CLUSTER_MEASURES`, what was measured on a `task`: one number a seed.

    Where a way has no bound, it is NaN. A class is used if it has one digit in fifty or more.
    """
    runs = _runs(CLUSTER_RUNS, CLUSTER_MEASURES)
    return {name.removeprefix(f"{data} "): run for name, run in runs.items() if name.startswith(data)}


def _runs(file: str, measures: tuple[str, ...]) -> dict[str, dict[str, np.ndarray]]:
    from safetensors.numpy import load_file

    arrays = load_file(data_file(file))
    return {name: dict(zip(measures, table.T.astype(float), strict=True)) for name, table in arrays.items()}
