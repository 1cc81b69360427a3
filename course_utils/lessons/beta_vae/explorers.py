"""Lesson 09, the β-VAE: its explorers."""

from types import SimpleNamespace

import numpy as np
import torch

from course_utils.lessons.beta_vae.models import (
    BETAS,
    EPOCHS,
    LATENTS,
    SIDE,
    _capacity,
    beta_vae,
    capacity_vae,
    ellipses,
    latent_kls,
    rate_and_distortion,
    traversal,
)
from course_utils.models.planes import mosaic, show_images
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette


def draw_frames(axis, rows: int, columns: int) -> None:
    """Draw a thin line around each picture of a mosaic, whose paper is as white as the gaps between its pictures."""
    step = SIDE + 1
    ends = -1, step * columns - 1, -1, step * rows - 1
    axis.vlines(step * np.arange(columns + 1) - 1, ends[2], ends[3], color="0.75", linewidth=0.8)
    axis.hlines(step * np.arange(rows + 1) - 1, ends[0], ends[1], color="0.75", linewidth=0.8)


@torch.no_grad()
def _build_rate_distortion(figure):
    images = ellipses()[2][:8]
    noise = torch.randn(8, LATENTS, generator=torch.Generator().manual_seed(1))
    states = {}
    for beta in BETAS:
        model = beta_vae(beta)
        rows = torch.cat([images, model.decode(model.encode(images)[0]), model.decode(noise)])
        used = int((latent_kls(model, ellipses()[2]) > 0.1).sum())
        states[f"{beta:g}"] = (*rate_and_distortion(model), mosaic(rows, 3, 8), used)
    curve, pictures = figure.subplots(1, 2, width_ratios=(1, 1.35))
    points = np.array([state[:2] for state in states.values()])
    curve.plot(*points.T, "o-", color=palette.model, label="five trained models")
    for beta, point in zip(states, points, strict=True):
        curve.annotate(f"β = {beta}", point, xytext=(9, 3), textcoords="offset points", color=palette.model)
    (line,) = curve.plot([], [], color=palette.data, linestyle="--", linewidth=1.6, label="D + βR constant")
    (now,) = curve.plot([], [], "o", color=palette.approximation, markersize=13)
    curve.set(title="The exchange rate is the slope", xlabel="rate R, nats", ylabel="distortion D, nats")
    curve.set(xlim=(-0.5, 12), ylim=(0, 62))
    curve.legend(loc="upper right")
    picture = show_images(pictures, states["4"][2], "Ellipses · rebuilt · invented")
    return SimpleNamespace(line=line, now=now, picture=picture, states=states)


def _draw_rate_distortion(parts, beta):
    rate, distortion, picture, used = parts.states[beta]
    ends = np.array([-1.0, 13.0])
    parts.line.set_data(ends, distortion - float(beta) * (ends - rate))
    parts.now.set_data([rate], [distortion])
    parts.picture.set_data(picture)
    return (
        f"β = {beta}: the code costs {rate:.1f} nats per image and leaves a distortion of {distortion:.1f} nats; "
        f"{used} of {LATENTS} latents carry more than a tenth of a nat. The objective D + βR is "
        f"{distortion + float(beta) * rate:.1f} nats, the ELBO {-distortion - rate:.1f} nats."
    )


def rate_distortion():
    """Return the explorer of the rate–distortion curve of the ellipses, with pictures from the chosen model."""
    return Explorer(
        _build_rate_distortion,
        _draw_rate_distortion,
        [Choice("beta", label="weight β", options=tuple(f"{beta:g}" for beta in BETAS), value="4")],
        name="rate_distortion",
        title="What a nat buys",
        alt="Left, distortion against rate for five models, each with its β, falling and convex, with a dashed line of "
        "slope −β through the chosen one. Right, eight ellipses, what the model rebuilds of them, and eight "
        "inventions.",
        width=10.0,
        height=3.9,
    )


_VALUES = np.linspace(-2, 2, 9)
MODELS = {"β = 1": 1.0, "β = 4": 4.0}
_BASES = {"small, low": 3, "large, central": 63, "large, at the top": 157}
"""Which test image a traversal starts from: in the first one the fourth latent at β = 1 does little."""


@torch.no_grad()
def _build_traversals(figure):
    states = {}
    for name, beta in MODELS.items():
        model = beta_vae(beta)
        for base, row in _BASES.items():
            images, order = traversal(model, _VALUES, row)
            kls = latent_kls(model, ellipses()[2])[order].tolist()
            table = mosaic(images.reshape(-1, SIDE**2), LATENTS, len(_VALUES))
            states[name, base] = (model, order, kls, table, ellipses()[2][row : row + 1])
    table, large = figure.subplots(1, 2, width_ratios=(1.6, 1))
    step = SIDE + 1
    draw_frames(table, LATENTS, len(_VALUES))
    picture = table.imshow(states["β = 4", "small, low"][3], cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    table.set(title="One latent at a time, from −2 to 2", xlabel="value of the latent", ylabel="latent, by its KL")
    table.set_xticks(step * np.arange(0, 9, 2) + SIDE / 2 - 0.5, ["−2", "−1", "0", "1", "2"])
    table.set_yticks(step * np.arange(LATENTS) + SIDE / 2 - 0.5, [str(k) for k in range(1, LATENTS + 1)])
    table.tick_params(length=0)
    table.spines[:].set_visible(False)
    table.set(xlim=(-2.5, 9 * step + 0.5), ylim=(LATENTS * step + 0.5, -2.5))
    (mark,) = table.plot([], [], color=palette.approximation, linewidth=3)
    made = show_images(large, np.zeros((SIDE, SIDE)), "Decoded")
    return SimpleNamespace(picture=picture, mark=mark, made=made, states=states, step=step)


@torch.no_grad()
def _draw_traversals(parts, model, base, latent, value):
    trained, order, kls, table, start = parts.states[model, base]
    parts.picture.set_data(table)
    top, left = parts.step * (latent - 1) - 1, parts.step * (value + 2) * 2 - 1
    bottom, right = top + parts.step, left + parts.step
    parts.mark.set_data([left, right, right, left, left], [top, top, bottom, bottom, top])
    code = trained.encode(start)[0]
    code[0, order[latent - 1]] = value
    image = trained.decode(code).numpy().reshape(SIDE, SIDE)
    parts.made.set_data(image)
    share, grid = image / image.sum(), np.arange(SIDE) + 0.5
    across, down = share.sum(0) @ grid, share.sum(1) @ grid
    return (
        f"{model}, starting image {base}, latent {latent} with a KL of {kls[latent - 1]:.2f} nats, at {value:.2f}: the "
        f"ink of {image.sum():.0f} pixels, centred {across:.1f} pixels from the left and {down:.1f} from the top."
    )


def traversals():
    """Return the explorer of what each latent of two models does to a picture."""
    return Explorer(
        _build_traversals,
        _draw_traversals,
        [
            Choice("model", label="model", options=tuple(MODELS), value="β = 4"),
            Choice("base", label="starting image", options=tuple(_BASES), value="small, low"),
            Slider("latent", label="latent", minimum=1, maximum=LATENTS, step=1, value=1),
            Slider("value", label="value", symbol="z", minimum=-2.0, maximum=2.0, step=0.25, value=1.0),
        ],
        name="traversals",
        title="Traversals",
        alt="Left, a table of ellipses, one row for each latent and one column for each of its values; a frame marks "
        "the chosen place. Right, the picture decoded there, large.",
        width=9.6,
        height=4.4,
    )


def _build_valve(figure):
    _, snapshots = capacity_vae()
    epochs = np.array([snapshot.epoch for snapshot in snapshots])
    order = np.argsort(-snapshots[-1].kls)
    curve, bars, pictures = figure.subplots(1, 3, width_ratios=(1.25, 0.85, 1.4))
    planned = [_capacity(10 * epoch) for epoch in range(EPOCHS + 1)]
    curve.plot(range(EPOCHS + 1), planned, color=palette.truth, linestyle="--", label="capacity C")
    (measured,) = curve.plot([], [], "o-", color=palette.approximation, label="KL on test images")
    curve.set(title="The KL follows", xlabel="epoch", ylabel="nats", xlim=(0, EPOCHS + 2), ylim=(0, 7.5))
    curve.legend(loc="upper left")
    heights = bars.bar(np.arange(1, LATENTS + 1), np.zeros(LATENTS), color=palette.approximation)
    bars.set(title="Who carries it", xlabel="latent", ylabel="KL, nats", ylim=(0, 4), xlim=(0.4, LATENTS + 0.6))
    bars.axhline(0.1, color=palette.data, linestyle=":", linewidth=1.6)
    seen = ellipses()[2][:8]
    image = show_images(pictures, np.zeros((4 * SIDE + 3, 4 * SIDE + 3)), "Ellipses, and rebuilt (below)")
    return SimpleNamespace(
        measured=measured, bars=list(heights), image=image, snapshots=snapshots, epochs=epochs, order=order, seen=seen
    )


def _draw_valve(parts, epoch):
    index = round(epoch / 6)
    now = parts.snapshots[index]
    parts.measured.set_data(parts.epochs[: index + 1], [past.kls.sum() for past in parts.snapshots[: index + 1]])
    for bar, height in zip(parts.bars, now.kls[parts.order], strict=True):
        bar.set_height(height)
    rows = [parts.seen[:4], now.images[:4], parts.seen[4:], now.images[4:]]
    parts.image.set_data(mosaic(torch.cat(rows), 4, 4))
    used = int((now.kls > 0.1).sum())
    return (
        f"After epoch {now.epoch} the capacity is {now.capacity:.2f} nats and the KL on the test images "
        f"{now.kls.sum():.2f} nats; {used} of {LATENTS} latents carry more than a tenth of a nat."
    )


def valve():
    """Return the explorer of a training run in which the KL term follows a growing capacity."""
    return Explorer(
        _build_valve,
        _draw_valve,
        [Slider("epoch", label="epoch", minimum=0, maximum=EPOCHS, step=6, value=24)],
        name="valve",
        title="Opening the valve",
        alt="Left, the capacity rising linearly to five nats and the KL following it. Middle, the KL of each latent. "
        "Right, eight ellipses in two rows, each row with its reconstructions below.",
        width=10.0,
        height=3.7,
    )


EXPLORERS = {"rate_distortion": rate_distortion, "traversals": traversals, "valve": valve}
