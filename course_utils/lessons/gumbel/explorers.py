"""Lesson 10, the Gumbel trick: its explorers."""

import functools
import math
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.gumbel.models import (
    CLASSES,
    COLOURS,
    LATENTS,
    STAMP_LOGITS,
    large_black_digits,
    large_categorical_vae,
    stamp_score,
)
from course_utils.models import discrete
from course_utils.models.planes import mosaic, show_images
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(0.75)]])


def on_triangle(z) -> np.ndarray:
    """Return the places (N, 2) of points (N, 3) of the simplex in an equilateral triangle with side 1."""
    return np.asarray(z) @ _CORNERS


def draw_triangle(axis, title: str) -> None:
    """Draw the simplex of three classes as a triangle, with a name at each corner."""
    axis.plot(*_CORNERS[[0, 1, 2, 0]].T, color=palette.data, linewidth=1.4)
    for place, offset, name in zip(_CORNERS, ((-0.05, -0.09), (0.05, -0.09), (0, 0.05)), "ABC", strict=True):
        axis.text(*(place + offset), name, ha="center", fontsize=12.5)
    axis.set(title=title, xlim=(-0.12, 1.12), ylim=(-0.14, 1.0), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


PROBABILITIES = {
    "even: 1/3, 1/3, 1/3": (1 / 3, 1 / 3, 1 / 3),
    "leaning: 0.5, 0.3, 0.2": (0.5, 0.3, 0.2),
    "lopsided: 0.9, 0.07, 0.03": (0.9, 0.07, 0.03),
}


def _build_simplex(figure):
    triangle, bars = figure.subplots(1, 2, width_ratios=(1.15, 1))
    draw_triangle(triangle, "400 relaxed draws")
    (points,) = triangle.plot([], [], "o", color=palette.approximation, markersize=4, alpha=0.45)
    places = np.arange(3)
    hard = bars.bar(places - 0.27, [0, 0, 0], 0.26, color=palette.data, label="share of largest entry")
    mean = bars.bar(places, [0, 0, 0], 0.26, color=palette.approximation, label="mean of the draws")
    truth = bars.bar(places + 0.27, [0, 0, 0], 0.26, color=palette.model, label="probabilities π")
    bars.set(title="What is kept, and what is not", ylabel="share", ylim=(0, 1.28), xticks=places, xticklabels="ABC")
    bars.set(xlabel="class", yticks=(0, 0.5, 1))
    bars.legend(loc="upper right")
    noise = discrete.gumbel_noise((4000, 3), torch.Generator().manual_seed(10))
    return SimpleNamespace(points=points, hard=list(hard), mean=list(mean), truth=list(truth), noise=noise)


def _draw_simplex(parts, temperature, probabilities):
    logits = torch.tensor(PROBABILITIES[probabilities], dtype=torch.float64).log()
    soft = discrete.gumbel_softmax(logits, temperature, noise=parts.noise)
    parts.points.set_data(*on_triangle(soft[:400]).T)
    shares = torch.bincount(soft.argmax(-1), minlength=3) / len(soft)
    for bars, heights in ((parts.hard, shares), (parts.mean, soft.mean(0)), (parts.truth, logits.exp())):
        for bar, height in zip(bars, heights.tolist(), strict=True):
            bar.set_height(height)
    largest = soft.max(-1).values
    return (
        f"τ = {temperature:.2f}: the largest entry of a draw is {largest.mean():.2f} on average, and above 0.99 in "
        f"{(largest > 0.99).double().mean():.0%} of the draws. Class A has the largest entry in {shares[0]:.0%} of "
        f"4000 draws (probability {logits[0].exp():.0%}), while the mean of its entries is {soft[:, 0].mean():.2f}."
    )


def simplex():
    """Return the explorer of relaxed draws on the simplex of three classes."""
    return Explorer(
        _build_simplex,
        _draw_simplex,
        [
            Slider("temperature", "temperature", minimum=0.05, maximum=20.0, step=0.1, value=1.0, symbol="τ", log=True),
            Choice("probabilities", "probabilities", options=tuple(PROBABILITIES), value="leaning: 0.5, 0.3, 0.2"),
        ],
        name="simplex",
        title="From the corners to the middle",
        alt="Left, relaxed draws as points in a triangle whose corners are the one-hot vectors. Right, for each class, "
        "how often it has the largest entry, the mean of its entries, and its probability.",
        width=9.4,
        height=4.0,
    )


TEMPERATURES = np.geomspace(0.1, 10.0, 21)
"""Temperatures at which the explorer of bias and noise has its estimates."""

_ESTIMATES = 16_000  # of each kind: 62 averages of 256


@functools.cache
def stamp_estimates() -> tuple[Tensor, dict[str, Tensor]]:
    """Return the stamps' exact gradient (3,), and 16 000 estimates of each kind at `TEMPERATURES`: (21, 16 000, 3)."""
    kinds = {
        name: torch.stack(
            [
                discrete.relaxed_gradient(
                    stamp_score,
                    STAMP_LOGITS,
                    float(temperature),
                    samples=_ESTIMATES,
                    generator=torch.Generator().manual_seed(10),
                    hard=hard,
                )[:, 0]
                for temperature in TEMPERATURES
            ]
        )
        for name, hard in (("Gumbel-softmax", False), ("straight-through", True))
    }
    value = discrete.exact_expectation(stamp_score, STAMP_LOGITS).item()
    score = discrete.score_gradient(
        stamp_score, STAMP_LOGITS, samples=_ESTIMATES, generator=torch.Generator().manual_seed(11), baseline=value
    )
    kinds["score function"] = score[:, 0].expand(len(TEMPERATURES), -1, -1)
    return discrete.exact_gradient(stamp_score, STAMP_LOGITS)[0], kinds


def _build_bias_noise(figure):
    exact, kinds = stamp_estimates()
    cloud, errors = figure.subplots(1, 2)
    clouds = {}
    for name in ("score function", "Gumbel-softmax", "straight-through"):
        (clouds[name],) = cloud.plot([], [], "o", color=COLOURS[name], markersize=5, alpha=0.5, label=name)
    cloud.plot(*exact[:2], "+", color=palette.truth, markersize=20, markeredgewidth=3, label="exact")
    cloud.set(title="Estimates of one gradient", xlabel="for logit A", ylabel="for logit B")
    cloud.set(xlim=(-2.6, 3.4), ylim=(-2.6, 3.4))
    cloud.legend(loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.2)
    curves = {name: errors.plot(TEMPERATURES, TEMPERATURES, color=COLOURS[name], label=name)[0] for name in kinds}
    ends = {name: errors.plot([], [], "o", color=COLOURS[name], markersize=8)[0] for name in kinds}
    now = errors.axvline(1.0, color=palette.data, linewidth=1.4)
    errors.set(title="Error of the average of S draws", xlabel="temperature τ", ylabel="root mean square error")
    errors.set(xscale="log", yscale="log", xlim=(0.1, 10), ylim=(0.05, 30))
    errors.legend(loc="upper right")
    moments = {
        name: ((estimates.mean(1) - exact).square().sum(-1), estimates.var(1).sum(-1))
        for name, estimates in kinds.items()
    }
    return SimpleNamespace(clouds=clouds, curves=curves, ends=ends, now=now, kinds=kinds, moments=moments)


def _draw_bias_noise(parts, temperature, draws):
    position = int(np.argmin(np.abs(np.log(TEMPERATURES / temperature))))
    words, shown = [], min(250, _ESTIMATES // draws)
    for name, estimates in parts.kinds.items():
        groups = estimates[position][: shown * draws].reshape(shown, draws, 3)
        parts.clouds[name].set_data(*groups.mean(1)[:, :2].T)
        bias, variance = parts.moments[name]
        error = (bias + variance / draws).sqrt()
        parts.curves[name].set_data(TEMPERATURES[: position + 1], error[: position + 1])  # as far as one has warmed up
        parts.ends[name].set_data(TEMPERATURES[[position]], error[[position]])
        words.append(f"{name} {bias[position].sqrt():.2f} and {(variance[position] / draws).sqrt():.2f}")
    parts.now.set_xdata([temperature, temperature])
    return (
        f"τ = {temperature:.2f}, {draws} draw{'s' if draws > 1 else ''} averaged: bias and standard deviation are, for "
        f"{'; '.join(words)}. Left, {shown} such averages of each kind. (The small bias shown for the score function "
        "is the noise of its 16 000 draws.)"
    )


def bias_noise():
    """Return the explorer of bias and noise of three estimators against the temperature."""
    return Explorer(
        _build_bias_noise,
        _draw_bias_noise,
        [
            Slider("temperature", "temperature", minimum=0.1, maximum=10.0, step=0.1, value=0.1, symbol="τ", log=True),
            Choice("draws", "draws averaged", options=(1, 4, 16, 64, 256), value=1),
        ],
        name="bias_noise",
        title="Bias and noise",
        alt="Left, clouds of gradient estimates of three kinds around a cross at the exact gradient. Right, the root "
        "mean square error of each kind from the coldest temperature to the chosen one.",
        width=9.8,
        height=4.2,
    )


_SIDE, _STEP, _MIDDLE = 28, 29, 13.5  # of a digit, in pixels: its side, from one to the next, its centre


@torch.no_grad()
def _build_categories(figure):
    model, (train_images, _, _, _) = large_categorical_vae(), large_black_digits()
    pictures = model.decode(discrete.enumerate_one_hot(LATENTS, CLASSES, torch.float32)).numpy()
    q = model.encode(train_images).log_softmax(-1)
    made, rows, digits_there = figure.subplots(1, 3, width_ratios=(0.8, 2.4, 1.25))
    blank = np.zeros((_SIDE, _SIDE))
    size = LATENTS * _STEP - 1, CLASSES * _STEP - 1
    images = show_images(rows, np.zeros(size), "One choice changed, the two others kept")
    rows.set(yticks=_MIDDLE + _STEP * np.arange(LATENTS), yticklabels=[f"choice {c}" for c in "abc"])
    rows.set(xticks=_MIDDLE + _STEP * np.arange(CLASSES), xticklabels=range(1, CLASSES + 1), xlabel="category")
    rows.tick_params(length=0)
    rings = [
        rows.plot([], [], "s", markersize=32, markerfacecolor="none", markeredgewidth=2.6, color=palette.model)[0]
        for _ in range(LATENTS)
    ]
    return SimpleNamespace(
        made=show_images(made, blank, "Your code"),
        images=images,
        rings=rings,
        near=show_images(digits_there, np.zeros((3 * _STEP, 2 * _STEP)), "Digits with the\nlargest q(code | x)"),
        pictures=pictures,
        q=q,
        train_images=train_images,
    )


def _draw_categories(parts, first, second, third):
    code = (first - 1, second - 1, third - 1)
    index = np.ravel_multi_index(code, (CLASSES,) * LATENTS)
    parts.made.set_data(parts.pictures[index].reshape(_SIDE, _SIDE))
    variants = []
    for latent in range(LATENTS):
        changed = [(*code[:latent], k, *code[latent + 1 :]) for k in range(CLASSES)]
        variants += [parts.pictures[np.ravel_multi_index(one, (CLASSES,) * LATENTS)] for one in changed]
        parts.rings[latent].set_data([_MIDDLE + _STEP * code[latent]], [_MIDDLE + _STEP * latent])
    parts.images.set_data(mosaic(np.array(variants), LATENTS, CLASSES))
    log_q = sum(parts.q[:, latent, k] for latent, k in enumerate(code))
    best = log_q.topk(6)
    parts.near.set_data(mosaic(parts.train_images[best.indices].numpy(), 3, 2))
    share = int((log_q.exp() > 0.5).sum())
    return (
        f"The code ({first}, {second}, {third}) decodes to a picture with {parts.pictures[index].sum():.0f} pixels' "
        f"worth "
        f"of ink. {share} of the 6000 training digits have this code with probability above one half; the largest "
        f"probability is {min(best.values[0].exp().item(), 1.0):.2f}."
    )


def categories():
    """Return the explorer of what the categories of the trained categorical VAE mean."""
    return Explorer(
        _build_categories,
        _draw_categories,
        [
            Slider(name, label, minimum=1, maximum=CLASSES, step=1, value=value)
            for name, label, value in (("first", "choice a", 8), ("second", "choice b", 2), ("third", "choice c", 2))
        ],
        name="categories",
        title="Three choices make a digit",
        alt="Left, the picture decoded from the chosen code. Middle, for each of the three choices a row with all "
        "eight "
        "categories, the two others kept. Right, training digits that have this code with the largest probability.",
        width=10.2,
        height=3.1,
    )


EXPLORERS = {"simplex": simplex, "bias_noise": bias_noise, "categories": categories}
