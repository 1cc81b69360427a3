"""Lesson 11, the denoising VAE: what its notebook and its explorers share."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.models.autoencoders import Autoencoder, autoencoder_loss
from course_utils.models.denoising import DenoisingVAE
from course_utils.workshop.data import digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import Trainer

_TRAINING = 1500

FEW, MANY = {"count": 200, "epochs": 400}, {"count": _TRAINING, "epochs": 60}
"""Two settings of `fit`: 200 digits seen 400 times, so that the model overfits, and 1500 digits seen 60 times."""

SEEDS = (0, 1, 2)
"""Seeds of the weights, of the training's noise and, with few digits, of the choice of the digits."""


@functools.cache
def black_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's digits in black and white: 1500 training images (·, 64), labels, 297 test images, labels.

    A pixel is ink (1) where its grey level is one half or more, float32; the split is random and always the same.
    """
    images, labels = digits()
    order = np.random.default_rng(11).permutation(len(images))
    x, y = torch.tensor(images.reshape(-1, 64)[order] >= 0.5, dtype=torch.float32), torch.tensor(labels[order])
    return x[:_TRAINING], y[:_TRAINING], x[_TRAINING:], y[_TRAINING:]


@functools.cache
def some_digits(count: int, seed: int) -> Tensor:
    """Return `count` of the training images (count, 64), chosen by the seed."""
    return black_digits()[0][torch.tensor(np.random.default_rng(seed).permutation(_TRAINING)[:count])]


def new_model(kind: str = "gaussian", amount: float = 0.0, seed: int = 0, latent_dim: int = 10) -> DenoisingVAE:
    """Return an untrained denoising VAE of the digits, 64-128-L; with amount 0 it is a plain VAE."""
    model = DenoisingVAE(64, latent_dim, (128,), kind=kind, amount=amount, seed=seed)
    return model.start_at_mean(black_digits()[0])


def fit(
    model,
    loss: Callable | None = None,
    *,
    count: int = _TRAINING,
    epochs: int = 60,
    seed: int = 0,
    weight_decay: float = 0.0,
):
    """Train a model in place on `count` digits, and return it.

    Without `loss` it is the model's own. Batches of at most 200, one cycle of the step size up to 0.01, one thread;
    with `weight_decay` the encoder's weights shrink as in AdamW, and those of the decoder do not.
    """
    optimizer = None
    if weight_decay:

        def optimizer(parameters):
            encoder = {id(parameter) for parameter in model.encoder.parameters()}
            parts = [[one for one in parameters if (id(one) in encoder) == inside] for inside in (True, False)]
            groups = [
                {"params": part, "weight_decay": decay} for part, decay in zip(parts, (weight_decay, 0.0), strict=True)
            ]
            return torch.optim.AdamW(groups, lr=1e-2)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # to networks this small a second one costs more than it brings
    try:
        Trainer(
            model,
            loss or model.loss,
            some_digits(count, seed),
            epochs=epochs,
            batch_size=200,
            learning_rate=1e-2,
            schedule="one_cycle",
            optimizer=optimizer,
            seed=seed,
            progress=False,
        ).run()
    finally:
        torch.set_num_threads(threads)
    return model


@functools.cache
@kept
def denoiser(kind: str = "gaussian", amount: float = 0.0, seed: int = 0, few: bool = True) -> DenoisingVAE:
    """Return a denoising VAE of few or of all training digits, trained once; with amount 0 a plain VAE."""
    return fit(new_model(kind, amount, seed), seed=seed, **(FEW if few else MANY))


@functools.cache
@kept
def plane_denoiser(amount: float = 0.4) -> DenoisingVAE:
    """Return a denoising VAE of all training digits with two latents and Gaussian noise, trained once."""
    return fit(new_model("gaussian", amount, seed=11, latent_dim=2), seed=11, **MANY)


@functools.cache
@kept
def plain_denoiser(amount: float = 0.4) -> Autoencoder:
    """Return lesson 07's denoising autoencoder of all training digits, as wide and trained as long as `denoiser`."""
    model = Autoencoder(64, 10, hidden=(128,), mean=black_digits()[0].mean(0), seed=0)
    return fit(model, autoencoder_loss(model, corruption=("gaussian", amount)), **MANY).eval()


class Scores(NamedTuple):
    """How good a model is on the test digits: averages in nats per digit.

    clean : ELBO of q(z | x), the encoder reads the clean digit.
    denoising : L_DVAE, the encoder reads a corrupted digit, and its own density is used.
    mixture : L(q̃), by the upper end of its sandwich, which is less than 0.2 nats wide.
    log_prob : log p(x), by importance sampling with 500 draws: of the decoder alone.
    training : ELBO of the clean training digits.
    """

    clean: float
    denoising: float
    mixture: float
    log_prob: float
    training: float


@torch.no_grad()
def scores(model: DenoisingVAE, *, count: int = _TRAINING, seed: int = 0, sandwich: bool = True) -> Scores:
    """Measure a model on the 297 test digits, always with the same random numbers; a plain VAE needs no sandwich."""
    x, dice = black_digits()[2], torch.Generator().manual_seed(0)
    clean = model.elbo(x, 20, dice).mean().item()
    denoising, mixture = clean, clean
    if model.amount and sandwich:
        denoising = model.denoising_bound(x, 20, dice).mean().item()
        mixture = model.sandwich(x, 100, 3, dice)[1].mean().item()
    return Scores(
        clean,
        denoising,
        mixture,
        model.importance_log_prob(x, 500, dice).mean().item(),
        model.elbo(some_digits(count, seed)[:300], 20, dice).mean().item(),
    )


@functools.cache
def sweep(amounts: tuple, few: bool = True, kind: str = "gaussian") -> np.ndarray:
    """Return the scores of `denoiser` (amounts, seeds, 5), in the order of `Scores`."""
    count = (FEW if few else MANY)["count"]
    table = [[scores(denoiser(kind, a, s, few), count=count, seed=s) for s in SEEDS] for a in amounts]
    return np.array(table)
