"""Lesson 08, the variational autoencoder: VAEs that are broken, each in one well-known way, and their curves.

All are trained on the lesson's digits by the lesson's loop; what breaks one is a line or two of `_reported`, `_decoded`
or `trained_with`. The curves come twice: what the broken code reports of itself, and what the same networks are worth
when they are read as the VAE they were meant to be. Those of the six that the problem shows come with the course.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.vae.models import one_thread, split_digits
from course_utils.models.vae import VAE
from course_utils.workshop.data import data_file
from course_utils.workshop.model_cache import kept

FAULTS = {
    "healthy": "nothing is wrong",
    "no KL": "the KL term is missing from the loss",
    "averaged": "the reconstruction term is averaged over the pixels, the KL term is not",
    "no noise": "the decoder is trained on the means of q, without a draw",
    "gradients kept": "`optimizer.zero_grad()` was forgotten",
    "two sigmoids": "the decoder's output goes through two sigmoids, one after the other",
    "few digits": "only 60 digits are trained on, again and again",
    "no step": "`optimizer.step()` was forgotten",
}
"""The faults by name, and in words."""

EPOCHS = 40
_LATENTS, _BATCH, _RATE, _FEW = 5, 100, 5e-3, 60


@dataclass(frozen=True)
class Curves:
    """What was recorded of one VAE after each of E epochs, in nats per digit.

    Attributes
    ----------
    reported : (E,), minus the loss on the digits it learns from, as the VAE's own code computes it.
    train, test : (E,), the ELBO of the same networks as it should be computed, on these and on test digits.
    kl : (E, L), the KL term of each latent, averaged over the digits it learns from.
    """

    reported: np.ndarray
    train: np.ndarray
    test: np.ndarray
    kl: np.ndarray


def _decoded(model: VAE, z: Tensor, fault: str) -> Tensor:
    pictures = model.decoder(z)
    return torch.sigmoid(torch.sigmoid(pictures)) if fault == "two sigmoids" else pictures


def _terms(model: VAE, x: Tensor, fault: str, noisy: bool = True) -> tuple[Tensor, Tensor]:
    """Return the log-likelihoods (N, D) of the pixels under one draw of z, and the KL (N, L) of each latent."""
    mean, log_var = model.encode(x)
    z = model.reparameterise(mean, log_var) if noisy else mean
    pixels = torch.distributions.Normal(_decoded(model, z, fault), model.log_scale.exp()).log_prob(x)
    return pixels, 0.5 * (log_var.exp() + mean.square() - 1 - log_var)


def _reported(model: VAE, x: Tensor, fault: str) -> Tensor:
    """Return what the code with this fault takes for the ELBO, averaged over x."""
    pixels, kl = _terms(model, x, fault, noisy=fault != "no noise")
    reconstruction = pixels.mean(-1) if fault == "averaged" else pixels.sum(-1)
    return (reconstruction if fault == "no KL" else reconstruction - kl.sum(-1)).mean()


@torch.no_grad()
def _measured(model: VAE, train: Tensor, fault: str) -> tuple[float, float, float, np.ndarray]:
    test = split_digits()[2]
    pixels, kl = _terms(model, train, fault)
    test_pixels, test_kl = _terms(model, test, fault)
    elbos = [(one.sum(-1) - other.sum(-1)).mean().item() for one, other in ((pixels, kl), (test_pixels, test_kl))]
    return _reported(model, train, fault).item(), *elbos, kl.mean(0).numpy()


@functools.cache
@kept
def trained_with(fault: str, seed: int = 0, epochs: int = EPOCHS) -> Curves:
    """Train a VAE with one of `FAULTS`, and return its curves; torch's random state is left as it was."""
    train = split_digits()[0][: _FEW if fault == "few digits" else None]
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        model = VAE(64, _LATENTS, (128,), likelihood="gaussian", scale=0.2, learn_scale=True, seed=seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
        rows = []
        for _ in range(epochs):
            for batch in torch.randint(len(train), (15, _BATCH)):
                if fault != "gradients kept":
                    optimizer.zero_grad()
                (-_reported(model, train[batch], fault)).backward()
                if fault != "no step":
                    optimizer.step()
            rows.append(_measured(model, train, fault))
    reported, on_train, on_test, kl = (np.array(column) for column in zip(*rows, strict=True))
    return Curves(reported, on_train, on_test, kl)


def _faults_of_patients() -> dict[str, str]:
    """Return which fault each VAE of the problem has, by its letter; two of `FAULTS` belong to none."""
    return dict(
        zip("ABCDEF", ("no KL", "two sigmoids", "healthy", "gradients kept", "averaged", "no noise"), strict=True)
    )


@functools.cache
def patients() -> Mapping[str, Curves]:
    """Return the curves of six VAEs by letter: five with different faults, and a healthy one.

    They are those of `trained_with`, recorded, and come from the course's folder `data`.
    """
    from safetensors.numpy import load_file

    arrays = load_file(data_file("six_vaes.safetensors"))
    names = [field.name for field in fields(Curves)]
    return {letter: Curves(*(arrays[f"{letter}.{name}"] for name in names)) for letter in _faults_of_patients()}
