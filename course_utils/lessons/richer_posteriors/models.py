"""Lesson 14, richer posteriors: what its notebook and explorers share."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.models import flows
from course_utils.models.vae import VAE
from course_utils.workshop.data import data_file, digits, large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

_TRAINING = 1500

# --- the digits, and lesson 08's model of them ------------------------------------------------------------------------


@functools.cache
def split_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scikit-learn's digits as training images (1500, 64), their labels, test images (297, 64), their labels.

    Grey levels lie in [0, 1], float32; the split is lesson 08's.
    """
    images, labels = digits()
    order = np.random.default_rng(8).permutation(len(images))
    x, y = torch.tensor(images.reshape(-1, 64)[order], dtype=torch.float32), torch.tensor(labels[order])
    return x[:_TRAINING], y[:_TRAINING], x[_TRAINING:], y[_TRAINING:]


@functools.cache
@kept
def two_latent_vae() -> VAE:
    """Return lesson 08's VAE of the digits with two latents and a learned c: same network, seed and training."""
    model = VAE(64, 2, (128,), likelihood="gaussian", scale=0.2, learn_scale=True, seed=8)
    settings = {"epochs": 100, "batch_size": 150, "learning_rate": 1e-2}
    return train_quietly(model, model.loss, split_digits()[0], **settings, seed=8).requires_grad_(False)


@functools.cache
def black_digits() -> tuple[Tensor, Tensor]:
    """Return the course's part of MNIST in black and white: 6000 training images (·, 784) and 1000 test images, 0 or 1.

    A pixel is ink where its grey level is one half or more.
    """
    train_images, _, test_images, _ = large_digits()
    return (train_images >= 0.5).float(), (test_images >= 0.5).float()


# --- the four potentials ----------------------------------------------------------------------------------------------


def _wave(z: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * z[..., 0] / 4)


def _two_bands(z: Tensor, shift: Tensor, scales: tuple[float, float]) -> Tensor:
    """Return the energy of two bands: one along the wave, the other lower by `shift`."""
    height = z[..., 1] - _wave(z)
    bands = torch.stack([-0.5 * (height / scales[0]).square(), -0.5 * ((height + shift) / scales[1]).square()])
    return -bands.logsumexp(0)


def _wall(z: Tensor) -> Tensor:
    return 0.5 * (z[..., 0] / 2).square()


def two_moons(z: Tensor) -> Tensor:
    """Return the potential U₁ (…) of points (…, 2): two moons on a ring of radius 2."""
    sides = torch.stack([-0.5 * ((z[..., 0] - 2) / 0.6).square(), -0.5 * ((z[..., 0] + 2) / 0.6).square()])
    return 0.5 * ((z.norm(dim=-1) - 2) / 0.4).square() - sides.logsumexp(0)


def wave(z: Tensor) -> Tensor:
    """Return the potential U₂ (…) of points (…, 2): a wave, with a soft wall at the left and right."""
    return 0.5 * ((z[..., 1] - _wave(z)) / 0.4).square() + _wall(z)


def split_wave(z: Tensor) -> Tensor:
    """Return the potential U₃ (…) of points (…, 2): a wave that splits in two around z₁ = 1, with the same wall."""
    shift = 3 * torch.exp(-0.5 * ((z[..., 0] - 1) / 0.6).square())
    return _two_bands(z, shift, (0.35, 0.35)) + _wall(z)


def forked_wave(z: Tensor) -> Tensor:
    """Return the potential U₄ (…) of points (…, 2): a wave that forks at z₁ = 1, with the same wall."""
    return _two_bands(z, 3 * torch.sigmoid((z[..., 0] - 1) / 0.3), (0.4, 0.35)) + _wall(z)


POTENTIALS: dict[str, Callable[[Tensor], Tensor]] = {
    "U₁, two moons": two_moons,
    "U₂, a wave": wave,
    "U₃, a wave that splits": split_wave,
    "U₄, a wave that forks": forked_wave,
}
"""The potentials of Rezende and Mohamed (2015), table 1.

The last three go on for ever to the left and right, and exp(−U) has no integral. Here they have a wall, ½(z₁/2)².
"""

LAYERS = (2, 8, 32)
"""Numbers of planar layers of the flows that come with the course."""

SEEDS = (0, 1, 2, 3, 4)
"""Seeds of these flows."""


@dataclass(frozen=True)
class PlanarFits:
    """R flows in the plane side by side: a Gaussian and K planar layers each.

    Attributes
    ----------
    mean, log_scale : (R, 2), of the Gaussian with which each flow begins.
    u, w : (R, K, 2); b : (R, K). The layers use `invertible_u(u, w)`.
    """

    mean: Tensor
    log_scale: Tensor
    u: Tensor
    w: Tensor
    b: Tensor

    def __call__(self, noise: Tensor, layers: int | None = None) -> tuple[Tensor, Tensor]:
        """Return where noise (…, R, 2) ends after all layers, or the first few, and its log-density there (…, R)."""
        log_q = flows.standard_log_prob(noise) - self.log_scale.sum(-1)
        z = self.mean + self.log_scale.exp() * noise
        if layers == 0:
            return z, log_q
        z, log_det = flows.planar_chain(z, self.u[:, :layers], self.w[:, :layers], self.b[:, :layers])
        return z, log_q - log_det

    def rows(self, which: slice) -> "PlanarFits":
        """Return some of the flows."""
        return PlanarFits(self.mean[which], self.log_scale[which], self.u[which], self.w[which], self.b[which])


def fit_planar(
    potentials: Sequence[Callable[[Tensor], Tensor]],
    layers: int,
    seeds: Sequence[int] = SEEDS,
    *,
    steps: int = 1000,
    warm: bool = True,
    learning_rate: float = 0.03,
    draws: int = 128,
) -> PlanarFits:
    """Return flows trained side by side on E[log q + U], one for each potential and seed, in this order.

    `warm` lets the potential count a hundredth at first and rise to its whole weight over the first half of the steps.
    """
    starts = [flows.PlanarFlow(2, layers, seed=seed) for _ in potentials for seed in seeds]
    leaves = [torch.zeros(len(starts), 2), torch.zeros(len(starts), 2)]
    leaves += [torch.stack([getattr(start, name).detach() for start in starts]) for name in ("u", "w", "b")]
    fits = PlanarFits(*(leaf.requires_grad_() for leaf in leaves))
    optimizer = torch.optim.Adam(leaves, lr=learning_rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, cycle_momentum=False)
    generator = torch.Generator().manual_seed(14)
    for step in range(steps):
        weight = min(1.0, 0.01 + 0.99 * step / (0.5 * steps)) if warm else 1.0
        z, log_q = fits(torch.randn(draws, len(starts), 2, generator=generator))
        energy = torch.cat(
            [potential(part) for potential, part in zip(potentials, z.chunk(len(potentials), 1), strict=True)], 1
        )
        optimizer.zero_grad()
        (log_q + weight * energy).mean(0).sum().backward()
        optimizer.step()
        cycle.step()
    return PlanarFits(*(leaf.detach() for leaf in leaves))


@torch.no_grad()
def kl_by_quadrature(fits: PlanarFits, potential: Callable[[Tensor], Tensor], log_z: float) -> np.ndarray:
    """Return KL(q‖p) (R,) in nats between each flow and exp(−U)/Z: an integral over the noise, from −6 to 6."""
    side = torch.arange(-6, 6.05, 0.1)
    noise = torch.cartesian_prod(side, side)[:, None].expand(-1, len(fits.mean), 2)
    z, log_q = fits(noise)
    mass = flows.standard_log_prob(noise).double().exp() * 0.1**2
    return (mass * (log_q + potential(z) + log_z)).sum(0).numpy()


@functools.cache
def planar_fits(name: str, layers: int) -> PlanarFits:
    """Return five flows of one of `POTENTIALS` with one of `LAYERS`, from the course's folder `data`."""
    from safetensors.torch import load_file

    tensors = load_file(data_file("planar_flows.safetensors"))
    fields = (tensors[f"{field}_{layers}"].float() for field in ("mean", "log_scale", "u", "w", "b"))
    first = len(SEEDS) * list(POTENTIALS).index(name)
    return PlanarFits(*fields).rows(slice(first, first + len(SEEDS)))
