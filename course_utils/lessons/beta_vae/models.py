"""Lesson 09, the β-VAE: what its notebook, explorers and exercises share."""

import functools
import itertools
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.models.disentanglement import WEIGHTINGS, linear_schedule, render_sprites, sprites
from course_utils.models.vae import VAE
from course_utils.workshop.data import large_digits
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly
from course_utils.workshop.validation import check_choice

SIDE, LATENTS, EPOCHS = 16, 6, 60
BETAS = (0.25, 1.0, 4.0, 8.0, 16.0)
"""Weights of the KL term for which the rate–distortion explorer has models."""

CAPACITY, PRESSURE = 5.0, 10.0
"""Where the capacity schedule ends, in nats, and the price γ of a nat beside the line."""

_STEPS = 10 * EPOCHS


@functools.cache
def ellipses() -> tuple[Tensor, np.ndarray, Tensor, np.ndarray]:
    """Return 1000 training images (N, 256) with their factors (N, 3), and 2000 test images with theirs.

    All show a lying ellipse at 16×16 pixels; its scale and position vary, and these are the three factors, as indices.
    """
    kept = {"shape": 1, "orientation": 0}
    parts = []
    for size, seed in ((1000, 9), (2000, 10)):
        images, factors = sprites(size, seed=seed, fixed=kept, side=SIDE)
        parts += [torch.from_numpy(images), factors[:, [1, 3, 4]]]
    return tuple(parts)


@functools.cache
def every_ellipse() -> tuple[Tensor, np.ndarray]:
    """Return all lying ellipses there are, (6144, 256), and their factors (6144, 3): scale, x and y, y fastest."""
    grid = np.indices((6, 32, 32)).reshape(3, -1).T
    factors = np.zeros((len(grid), 5), dtype=np.int64)
    factors[:, 0], factors[:, [1, 3, 4]] = 1, grid
    return torch.from_numpy(render_sprites(factors, side=SIDE)), grid


def train(model: VAE, loss, seed: int = 0) -> VAE:
    """Train a model in place with this lesson's settings (batches of 100, one cycle), and return it."""
    return train_quietly(model, loss, ellipses()[0], epochs=EPOCHS, batch_size=100, seed=seed)


def new_vae(seed: int = 0) -> VAE:
    """Return this lesson's VAE before training: six latents, Bernoulli pixels, its output at the mean image."""
    return VAE(SIDE**2, LATENTS, (128, 64), seed=seed).start_at_mean(ellipses()[0])


@functools.cache
@kept
def beta_vae(beta: float, seed: int = 0) -> VAE:
    """Return a VAE of the ellipses whose KL term had the weight `beta`, trained once."""
    model = new_vae(seed)
    return train(model, lambda x: model.loss(x, beta=beta), seed)


@functools.cache
@kept
def warmed_up(beta: float, steps: int, seed: int = 0) -> VAE:
    """Return a VAE of the ellipses whose KL weight rose from 0 to `beta` over the first `steps` of 600 steps."""
    model, step = new_vae(seed), itertools.count()
    return train(model, lambda x: model.loss(x, beta=linear_schedule(next(step), steps, end=beta)), seed)


def batch_correlation(z: Tensor, mean: Tensor, log_var: Tensor, weighting: str = "weighted") -> Tensor:
    """Return the total correlation in nats, estimated from a batch (M, L) of the 1000 training images.

    Row m of z was drawn from the q with row m of mean and log_var; for the weights see
    `disentanglement.aggregate_log_prob`, which computes the same two densities without a gradient.

    Raises
    ------
    ValueError : `weighting` is neither "weighted" nor "stratified".
    """
    size, batch = len(ellipses()[0]), len(z)
    own = other = 1 / (size * batch)
    if check_choice("weighting", weighting, WEIGHTINGS) == "stratified":
        own, other = 1 / size, (size - 1) / (size * (batch - 1))
    log_weights = torch.full((batch, batch), other).fill_diagonal_(own).log()
    log_q = torch.distributions.Normal(mean, (log_var / 2).exp()).log_prob(z[:, None])
    joint = torch.logsumexp(log_q.sum(-1) + log_weights, 1)
    alone = torch.logsumexp(log_q + log_weights[..., None], 1)
    return (joint - alone.sum(-1)).mean()


@functools.cache
@kept
def tc_vae(weight: float, seed: int = 0, weighting: str = "weighted") -> VAE:
    """Return a β-TCVAE of the ellipses: of the KL's parts, the total correlation alone has a weight other than 1."""
    model = new_vae(seed)

    def loss(x):
        mean, log_var = model.encode(x)
        z = model.reparameterise(mean, log_var)
        kl = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(-1).mean()
        correlation = batch_correlation(z, mean, log_var, weighting)
        terms = {"reconstruction": -model.log_likelihood(x, z).mean(), "kl": kl}
        return terms | {"total correlation, once more": (weight - 1) * correlation}

    return train(model, loss, seed)


@functools.cache
@kept
def digit_vae(beta: float, epochs: int = 10) -> VAE:
    """Return a VAE 784-200-10 of the digits of 28 by 28 pixels whose KL term had the weight `beta`, trained once."""
    images = large_digits()[0]
    model = VAE(784, 10, (200,), seed=9).start_at_mean(images)
    return train_quietly(model, lambda x: model.loss(x, beta=beta), images, epochs=epochs, batch_size=300, seed=9)


@torch.no_grad()
def latent_kls(model: VAE, x: Tensor) -> Tensor:
    """Return the KL to the prior of each latent (L,), averaged over the rows of x, in nats."""
    mean, log_var = model.encode(x)
    return 0.5 * (log_var.exp() + mean.square() - 1 - log_var).mean(0)


@torch.no_grad()
def rate_and_distortion(model: VAE, draws: int = 5) -> tuple[float, float]:
    """Return the averages of the KL term and of −E_q[log p(x|z)] over the test images, in nats."""
    terms = model.elbo_terms(ellipses()[2], draws, torch.Generator().manual_seed(0))
    return terms["kl"].mean().item(), -terms["reconstruction"].mean().item()


@torch.no_grad()
def codes(model: VAE) -> tuple[Tensor, Tensor]:
    """Return the means of q for the test images, and one draw from each q, both (N, L)."""
    mean, log_var = model.encode(ellipses()[2])
    return mean, model.reparameterise(mean, log_var, torch.Generator().manual_seed(0))


@torch.no_grad()
def traversal(model: VAE, values, row: int = 3, images: Tensor | None = None) -> tuple[Tensor, list[int]]:
    """Return images (L, V, side²) with one latent at a time moved to each of the values, and the latents' order.

    The other latents stay at the code of one of the images, which are the test ellipses without `images`; latents are
    sorted by their KL, the largest first.
    """
    images = ellipses()[2] if images is None else images
    order = latent_kls(model, images).argsort(descending=True).tolist()
    start = model.encode(images[row : row + 1])[0]
    moved = start.repeat(model.latent_dim, len(values), 1)
    for place, latent in enumerate(order):
        moved[place, :, latent] = torch.as_tensor(np.asarray(values), dtype=moved.dtype)
    return model.decode(moved), order


@functools.cache
@kept
def capacity_vae(pressure: float = PRESSURE, rising: int = 3 * _STEPS // 4) -> tuple[VAE, list[SimpleNamespace]]:
    """Return a VAE trained towards a capacity that grows to 5 nats, and what it could do after every sixth epoch.

    `pressure` is the price γ of a nat beside the capacity, `rising` the number of training steps (of 600) in which the
    capacity grows. Each snapshot has `epoch`, `capacity`, `kls` (L,) and `images` (8, side²): the first test images,
    rebuilt.
    """
    model, snapshots = new_vae(), []
    seen = ellipses()[2][:8]

    @torch.no_grad()
    def look(step):
        images, kls = model.decode(model.encode(seen)[0]), latent_kls(model, ellipses()[2])
        snapshots.append(
            SimpleNamespace(epoch=step // 10, capacity=_capacity(step, rising), kls=kls.numpy(), images=images)
        )

    steps = itertools.count()

    def loss(x):
        step = next(steps)
        if step % 60 == 0:
            look(step)
        terms = model.loss(x)
        beside = (terms["kl"] - _capacity(step, rising)).abs()
        return {"reconstruction": terms["reconstruction"], "beside the capacity": pressure * beside}

    train(model, loss)
    look(_STEPS)
    return model, snapshots


def _capacity(step, rising=3 * _STEPS // 4):
    return linear_schedule(step, rising, end=CAPACITY)
