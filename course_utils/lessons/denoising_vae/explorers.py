"""Lesson 11, the denoising VAE: its explorers."""

import functools
import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from scipy import optimize
from scipy.special import logsumexp
from torch import Tensor

from course_utils.lessons.denoising_vae.models import black_digits, denoiser, plain_denoiser, plane_denoiser
from course_utils.models import denoising
from course_utils.models.gaussians import normal_log_prob
from course_utils.models.planes import mosaic, show_images
from course_utils.models.vae import gaussian_log_prob
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import ellipse, palette

DIGITS = (7, 3, 27, 2, 12, 5)
"""Test digits that the explorers offer."""

# --- what corruption does to the encoder's answer ---------------------------------------------------------------------

_SIDE = 90
_REACH = 3.6  # of the plane that is drawn


def _build_cloud(figure):
    model, (_, _, test_x, _) = plane_denoiser(), black_digits()
    pictures, plane = figure.subplots(1, 2, width_ratios=(1.15, 1))
    shown = show_images(pictures, np.zeros((17, 35)), "x, and seven of its corruptions")
    with torch.no_grad():
        codes = model.encode(test_x)[0].numpy()
    side = torch.linspace(-_REACH, _REACH, _SIDE)
    density = plane.imshow(
        np.zeros((_SIDE, _SIDE)), extent=(-_REACH, _REACH) * 2, origin="lower", cmap="Oranges", vmin=0, vmax=1
    )
    plane.plot(*codes.T, "o", color=palette.data, markersize=2, alpha=0.35, label="other test digits")
    (clean,) = plane.plot([], [], color=palette.truth, linewidth=2, label="q(z|x), 2 sd", zorder=4)
    rings = [plane.plot([], [], color="#A65E00", linewidth=0.9, alpha=0.7)[0] for _ in range(7)]
    rings[0].set_label("q(z|x̃), 2 sd")
    plane.set(title="Shaded: q̃(z|x), their average", xlabel="$z_1$", ylabel="$z_2$")
    plane.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    plane.legend(loc="upper left", fontsize=9.5, handlelength=1.4)
    return SimpleNamespace(
        shown=shown,
        density=density,
        clean=clean,
        rings=rings,
        model=model,
        places=torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 1, 2),
        test_x=test_x,
    )


@torch.no_grad()
def _draw_cloud(parts, kind, amount, digit):
    x, dice = parts.test_x[digit], torch.Generator().manual_seed(11)
    seen = denoising.corrupt(x.expand(400, 64), kind, amount, generator=dice)
    parts.shown.set_data(mosaic(torch.cat([x[None], seen[:7]]).clamp(0, 1).numpy(), 2, 4))
    means, log_vars = parts.model.encode(seen)
    mean, log_var = parts.model.encode(x)
    parts.clean.set_data(*ellipse(mean, torch.diag(log_var.exp()), 2))
    for ring, centre, spread in zip(parts.rings, means, log_vars, strict=False):
        ring.set_data(*ellipse(centre, torch.diag(spread.exp()), 2))
    log_q = gaussian_log_prob(parts.places, means[:200], log_vars[:200]).logsumexp(1)
    parts.density.set_data((log_q - log_q.max()).exp().sqrt().reshape(_SIDE, _SIDE).numpy())
    own, total = log_var.exp().mean().sqrt(), (log_vars.exp().mean(0) + means.var(0)).mean().sqrt()
    return (
        f"{kind}, amount {amount:.2f}: q of the clean digit has a standard deviation of {own:.2f}, q̃ of {total:.2f} "
        f"(root mean square of both axes). The price I(z; x̃ | x) is about {_price(means, log_vars, dice):.2f} nats."
    )


def _price(means: Tensor, log_vars: Tensor, dice: torch.Generator) -> float:
    """Estimate I(z; x̃ | x) by one draw of z from each of the Gaussians, q̃ being the average of all."""
    z = means + torch.exp(log_vars / 2) * torch.randn(means.shape, generator=dice)
    log_mixture = denoising.mixture_log_prob(z, *(one[:, None].expand(-1, len(z), -1) for one in (means, log_vars)))
    return max(0.0, (gaussian_log_prob(z, means, log_vars) - log_mixture).mean().item())


def cloud():
    """Return the explorer of corruptions, of the encoder's answers to them, and of their average."""
    return Explorer(
        _build_cloud,
        _draw_cloud,
        [
            Slider("amount", "amount", minimum=0.0, maximum=1.0, step=0.05, value=0.05),
            Choice("kind", "corruption", options=denoising.CORRUPTIONS, value="gaussian"),
            Choice("digit", "test digit", options=DIGITS, value=7),
        ],
        name="cloud",
        title="One digit, many answers",
        alt="Left, a test digit and seven corruptions of it. Right, the plane of the two latents: a black ellipse for "
        "q of the clean digit, seven thin ellipses for q of the corruptions, and shaded their average over many.",
        width=9.6,
        height=3.9,
    )


# --- two humps --------------------------------------------------------------------------------------------------------

HUMP_VARIANCE = 0.09
"""Variance c of x around |z| in the model with two humps."""

GRID = np.linspace(-12, 12, 2401)
"""Values of z at which its densities are computed."""

_NODES = np.linspace(-6.5, 6.5, 53)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


class Fit(NamedTuple):
    """The Gaussian with the largest ELBO: its mean, its scale, and that ELBO in nats."""

    mean: float
    scale: float
    elbo: float


@functools.lru_cache(maxsize=256)
def best_gaussian(x: float, variance: float = HUMP_VARIANCE) -> Fit:
    """Return the best Gaussian q(z) of the model x = |z| + noise, by a search from three starts on a grid of z."""
    log_joint = denoising.folded_log_joint(x, GRID, variance)

    def minus_elbo(values):
        log_q = normal_log_prob(GRID, values[0], math.exp(values[1]))
        return -np.trapezoid(np.exp(log_q) * (log_joint - log_q), GRID)

    starts = ((max(x, 0.0), math.log(0.3)), (0.3, -0.7), (0.0, 0.0))
    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000}
    found = min((optimize.minimize(minus_elbo, s, method="Nelder-Mead", options=options) for s in starts), key=_value)
    return Fit(float(found.x[0]), math.exp(found.x[1]), -float(found.fun))


def _value(found) -> float:
    return found.fun


def hump_encodings(x: float, flips: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return log q(z | x̃) (C, grid) and the probabilities (C,) of x̃, for an encoder with one Gaussian for each x̃.

    x̃ is x + noise · ε with its sign turned with probability `flips`; the encoder's mean is x̃ / (1 + c), its variance
    c / (1 + c): one hump of the posterior. The ε are 53 equally spaced values, weighed by the normal density.
    """
    variance = HUMP_VARIANCE
    seen, weights = (x + noise * _NODES, _WEIGHTS) if noise else (np.array([x]), np.ones(1))
    if flips:
        seen, weights = np.concatenate([seen, -seen]), np.concatenate([(1 - flips) * weights, flips * weights])
    scale = math.sqrt(variance / (1 + variance))
    return normal_log_prob(GRID, seen[:, None] / (1 + variance), scale), weights


def _build_modes(figure):
    densities, numbers = figure.subplots(1, 2, width_ratios=(1.5, 1))
    (posterior,) = densities.plot([], [], "--", color=palette.truth, label="posterior p(z|x)")
    (best,) = densities.plot([], [], color=palette.data, linewidth=1.4, label="best single Gaussian", zorder=3)
    (mixture,) = densities.plot([], [], color=palette.approximation, linewidth=3, label="q̃(z|x)")
    densities.set(title="Three densities", xlabel="latent z", ylabel="density", xlim=(-4, 4), ylim=(0, 1.9))
    densities.legend(loc="upper left", fontsize=10)
    names = "log p(x)", r"$\mathcal{L}(\tilde{q})$", r"$\mathcal{L}_{\mathrm{DVAE}}$", "best\nGaussian"
    colours = palette.truth, palette.approximation, palette.warning, palette.data
    bars = numbers.bar(range(4), [1] * 4, 0.62, color=colours)
    numbers.set(title="Nats below log p(x)", ylabel="nats", xticks=range(4), xticklabels=names, ylim=(0, 2.2))
    words = [numbers.text(k, 0, "", ha="center", fontsize=10.5) for k in range(4)]
    return SimpleNamespace(posterior=posterior, best=best, mixture=mixture, bars=list(bars), words=words)


def _draw_modes(parts, x, flips, noise):
    log_joint = denoising.folded_log_joint(x, GRID, HUMP_VARIANCE)
    log_q, weights = hump_encodings(x, flips, noise)
    bounds = denoising.bounds_by_quadrature(GRID, log_joint, log_q, weights)
    best = best_gaussian(x)
    parts.posterior.set_data(GRID, np.exp(log_joint - bounds.log_prob))
    parts.best.set_data(GRID, np.exp(normal_log_prob(GRID, best.mean, best.scale)))
    parts.mixture.set_data(GRID, np.exp(logsumexp(log_q + np.log(weights)[:, None], axis=0)))
    values = [bounds.log_prob - one for one in (bounds.log_prob, bounds.mixture, bounds.denoising, best.elbo)]
    values = [max(0.0, value) for value in values]
    for bar, word, value in zip(parts.bars, parts.words, values, strict=True):
        bar.set_height(min(value, 2.2))
        word.set_text(f"{value:.2f}" if value < 2.1 else f"{value:.1f} ↑")
        word.set_position((word.get_position()[0], min(value, 1.95) + 0.05))
    return (
        f"x = {x:.1f}, signs turned with probability {flips:.2f}, noise {noise:.2f}: below log p(x) lie L(q̃) by "
        f"{values[1]:.2f}, the trained bound by {values[2]:.2f} and the best single Gaussian by {values[3]:.2f} nats. "
        f"The price, I(z; x̃ | x), is {bounds.information:.2f} nats."
    )


def modes():
    """Return the explorer of the posterior with two humps, q̃ and the best single Gaussian."""
    return Explorer(
        _build_modes,
        _draw_modes,
        [
            Slider("x", "data point", minimum=0.0, maximum=3.0, step=0.1, value=1.5, symbol="x"),
            Slider("flips", "probability of a turned sign", minimum=0.0, maximum=0.5, step=0.05, value=0.0, symbol="ρ"),
            Slider("noise", "noise on x", minimum=0.0, maximum=1.0, step=0.05, value=0.0, symbol="s"),
        ],
        name="modes",
        title="Two humps and one encoder",
        alt="Left, over z, the posterior with two humps as a dashed line, the best single Gaussian on one of them, and "
        "q-tilde. Right, bars: how far L(q-tilde), the trained bound and the best Gaussian's ELBO lie below log p(x).",
        width=9.8,
        height=3.4,
    )


# --- repairing digits -------------------------------------------------------------------------------------------------

REPAIRERS = ("VAE", "denoising VAE", "denoising\nautoencoder")


@torch.no_grad()
def repaired(seen: Tensor, draws: int = 20) -> list[Tensor]:
    """Return three repairs (N, 64) of noisy digits (N, 64): by a VAE, a denoising VAE, and lesson 07's denoiser.

    The VAEs answer with E[x | z] averaged over draws from q(z | seen). Noise of scale 0.4 was in the training of the
    two denoisers.
    """
    dice, answers = torch.Generator().manual_seed(0), []
    for model in (denoiser(few=False), denoiser(amount=0.4, few=False)):
        mean, log_var = (one.expand(draws, *one.shape) for one in model.encode(seen))
        answers.append(model.decode(model.reparameterise(mean, log_var, dice)).mean(0))
    return [*answers, plain_denoiser()(seen)]


def noisy(amount: float) -> Tensor:
    """Return the test digits with Gaussian noise of this scale, always the same noise: (297, 64)."""
    return denoising.corrupt(black_digits()[2], "gaussian", amount, generator=torch.Generator().manual_seed(7))


AMOUNTS = np.round(np.arange(0, 1.21, 0.1), 1)
"""Amounts of noise on what is repaired."""


@functools.cache
def repair_errors() -> np.ndarray:
    """Return squared errors per digit, averaged over the test digits: (amounts, 3), columns as `REPAIRERS`."""
    x = black_digits()[2]
    return np.array([[(one - x).square().sum(1).mean().item() for one in repaired(noisy(float(a)))] for a in AMOUNTS])


_COLOURS = (palette.model, palette.approximation, palette.second)


def _build_repair(figure):
    pictures, errors = figure.subplots(1, 2, width_ratios=(1.25, 1))
    shown = show_images(pictures, np.zeros((8, 35)), "A noisy digit, and three repairs")
    pictures.set(xticks=3.5 + 9 * np.arange(4), xticklabels=["input", *REPAIRERS])
    pictures.tick_params(length=0)
    curves = [
        errors.plot([], [], color=colour, label=name.replace("\n", " "))[0]
        for name, colour in zip(REPAIRERS, _COLOURS, strict=True)
    ]
    ends = [errors.plot([], [], "o", color=colour, markersize=8)[0] for colour in _COLOURS]
    errors.set(title="Squared error, all test digits", xlabel="scale of the noise on the input", ylabel="per digit")
    errors.set(xlim=(-0.03, 1.23), ylim=(0, 12))
    errors.legend(loc="upper left", fontsize=10)
    return SimpleNamespace(shown=shown, curves=curves, ends=ends)


def _draw_repair(parts, amount, digit):
    seen, place = noisy(amount)[[digit]], round(amount * 10)
    repairs = torch.cat(repaired(seen))
    parts.shown.set_data(mosaic(torch.cat([seen, repairs]).clamp(0, 1).numpy(), 1, 4))
    table = repair_errors()
    for column, (curve, end) in enumerate(zip(parts.curves, parts.ends, strict=True)):
        curve.set_data(AMOUNTS[: place + 1], table[: place + 1, column])
        end.set_data(AMOUNTS[[place]], table[[place], column])
    own = (repairs - black_digits()[2][digit]).square().sum(1).tolist()
    words = ", ".join(f"{name} {value:.1f}" for name, value in zip(REPAIRERS, table[place], strict=True))
    here = ", ".join(f"{value:.1f}" for value in own)
    return (
        f"Noise {amount:.1f}: squared errors, averaged over the test digits, are {words}. "
        f"For this digit they are {here}, in the same order."
    ).replace("\n", " ")


def repair():
    """Return the explorer of three ways to repair a noisy digit."""
    return Explorer(
        _build_repair,
        _draw_repair,
        [
            Slider("amount", "scale of the noise", minimum=0.0, maximum=1.2, step=0.1, value=0.0, symbol="s"),
            Choice("digit", "test digit", options=DIGITS, value=3),
        ],
        name="repair",
        title="Three repairs of a noisy digit",
        alt="Left, a noisy test digit and its repairs by a VAE, a denoising VAE and a denoising autoencoder, in this "
        "order. Right, the squared errors of the three over all test digits, up to the chosen noise.",
        width=9.8,
        height=3.3,
    )


EXPLORERS = {"cloud": cloud, "modes": modes, "repair": repair}
