"""Lesson 08, the variational autoencoder: its explorers."""

from types import SimpleNamespace

import numpy as np
import torch

from course_utils.lessons.vae.models import (
    gaussian_vae,
    large_autoencoder,
    large_vae,
    plane_vae,
    split_digits,
)
from course_utils.models.planes import mosaic, plane_explorer, show_images
from course_utils.workshop.data import large_digits
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

_SHOWN, _WIDE = 300, 5  # test digits in the latent plane; the ellipse in standard deviations, or it would be a dot
_SHADES = ("#CC6677", "#332288", "#997700", "#117733", "#0077BB", "#882255", "#228877", "#777733", "#AA4499", "#555555")
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 100)), np.sin(np.linspace(0, 2 * np.pi, 100))])


def plot_numerals(axis, codes, labels, **options) -> list:
    """Draw each code (N, 2) as the numeral of its class, in the class's shade; return the artists, one per class."""
    codes, labels = np.asarray(codes), np.asarray(labels)
    style = {"linestyle": "", "markersize": 6, "markeredgewidth": 0.2} | options
    return [
        axis.plot(*codes[labels == k].T, marker=f"${k}$", color=_SHADES[k], **style)[0] for k in range(10)
    ]  # fmt: skip


@torch.no_grad()
def _build_latent_plane(figure):
    model, (_, _, test, labels) = plane_vae(), [part[:_SHOWN] for part in large_digits()]
    means, log_vars = model.encode(test)
    plane, digit, rebuilt, made = figure.subplots(1, 4, width_ratios=(2.3, 1, 1, 1))
    plot_numerals(plane, means, labels)
    (ellipse,) = plane.plot([], [], color=palette.approximation, linewidth=3, label=f"q(z|x), {_WIDE} sd")
    big = {"color": palette.model, "markersize": 12, "markeredgecolor": "white", "markeredgewidth": 1.5}
    (point,) = plane.plot([], [], "o", **big, label="your z")
    plane.set(title=f"Where the encoder puts {_SHOWN} test digits", xlabel="$z_1$", ylabel="$z_2$")
    plane.set(xlim=(-3.8, 3.8), ylim=(-3.8, 4.8), aspect="equal")
    plane.legend(loc="upper left", ncols=2, columnspacing=1)
    blank = np.zeros((28, 28))
    return SimpleNamespace(
        ellipse=ellipse,
        point=point,
        digit=show_images(digit, blank, "Digit x"),
        rebuilt=show_images(rebuilt, blank, "Decoded\nmean of q"),
        made=show_images(made, blank, "Decoded\nyour z"),
        model=model,
        test=test,
        labels=labels,
        means=means.numpy(),
        scales=torch.exp(0.5 * log_vars).numpy(),
        decoded=model.decode(means).numpy(),
    )


@torch.no_grad()
def _draw_latent_plane(parts, digit, first, second):
    mean, scale = parts.means[digit], parts.scales[digit]
    parts.ellipse.set_data(*(mean[:, None] + _WIDE * scale[:, None] * _CIRCLE))
    parts.point.set_data([first], [second])
    made = parts.model.decode(torch.tensor([[first, second]], dtype=torch.float32)).numpy()
    for artist, image in ((parts.digit, parts.test[digit]), (parts.rebuilt, parts.decoded[digit]), (parts.made, made)):
        artist.set_data(np.asarray(image).reshape(28, 28))
    return (
        f"Test digit {digit}, a {parts.labels[digit]}, has q with mean ({mean[0]:.2f}, {mean[1]:.2f}) and standard "
        f"deviations {scale[0]:.3f} and {scale[1]:.3f}. The decoder turns your z = ({first:.1f}, {second:.1f}) into "
        f"the last picture, which has {made.sum():.0f} pixels' worth of ink."
    )


def latent_plane():
    """Return the explorer of a two-dimensional latent space of 28×28 digits, with the encoder's q."""
    return Explorer(
        _build_latent_plane,
        _draw_latent_plane,
        [
            Slider("digit", label="test digit", minimum=0, maximum=59, step=1, value=4),
            Slider("first", label="first latent", symbol="z₁", minimum=-3.0, maximum=3.0, step=0.1, value=-1.4),
            Slider("second", label="second latent", symbol="z₂", minimum=-3.0, maximum=3.0, step=0.1, value=-1.4),
        ],
        name="latent_plane",
        title="The latent plane, with the encoder",
        alt="Left, the plane of the two latents with the test digits' posterior means as numerals, one posterior as an "
        "ellipse, and the chosen point. Right, a test digit, its reconstruction and the decoded point.",
        width=10.0,
        height=4.3,
    )


def mnist_plane():
    """Return the explorer of the shipped model of MNIST's 28×28 digits."""
    model = plane_vae()

    @torch.no_grad()
    def decode(codes):
        return model.decode(torch.tensor(codes, dtype=torch.float32)).numpy()

    return plane_explorer(decode, name="mnist_plane", title="The latent plane of 28×28 digits")


BALANCES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Standard deviations σ of the likelihood for which the balance explorer has models; c = σ²."""


@torch.no_grad()
def _build_balance(figure):
    _, _, test, labels = split_digits()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(6, 2, generator=generator)
    states = {}
    for scale in BALANCES:
        model = gaussian_vae(scale=scale)
        means, log_vars = model.encode(test)
        z = model.reparameterise(means[:6], log_vars[:6], generator)
        terms = model.elbo_terms(test, 20, generator)
        rows = torch.cat([test[:6], model.decode(z), model.decode(noise)])
        error = (model.decode(means) - test).square().mean().item()
        numbers = terms["reconstruction"].mean().item(), terms["kl"].mean().item(), error
        spread = torch.exp(0.5 * log_vars).mean().item()
        states[f"{scale:g}"] = (means.numpy(), mosaic(rows, 3, 6), numbers, spread)
    cloud, pictures, bars = figure.subplots(1, 3, width_ratios=(1.15, 1.35, 0.8))
    numerals = plot_numerals(cloud, np.zeros((len(labels), 2)), labels, markersize=5)
    cloud.plot(*(2 * _CIRCLE), color=palette.prior, label="prior, 2 sd")
    cloud.set(title="Means of q(z|x)", xlabel="$z_1$", ylabel="$z_2$", xlim=(-4, 4), ylim=(-4, 4.9), aspect="equal")
    cloud.legend(loc="upper left")
    image = show_images(pictures, states["0.2"][1], "Digits, rebuilt from a z ~ q, invented")
    heights = bars.bar(["error", "KL"], [0, 0], color=[palette.model, palette.approximation], width=0.6)
    bars.axhline(1, color=palette.data, linestyle=":", linewidth=1.6)
    bars.set(title="Relative to σ = 0.2", ylabel="ratio", ylim=(0, 2.6), xlim=(-0.6, 1.6))
    return SimpleNamespace(numerals=numerals, image=image, bars=list(heights), states=states, labels=labels.numpy())


def _draw_balance(parts, scale):
    means, picture, (reconstruction, kl, error), spread = parts.states[scale]
    for k, artist in enumerate(parts.numerals):
        artist.set_data(*means[parts.labels == k].T)
    parts.image.set_data(picture)
    _, _, (_, usual_kl, usual_error), _ = parts.states["0.2"]
    for bar, height in zip(parts.bars, (error / usual_error, kl / usual_kl), strict=True):
        bar.set_height(height)
    return (
        f"σ = {scale}, so c = {float(scale) ** 2:.3g} and the squared error counts {1 / (2 * float(scale) ** 2):.3g} "
        f"times: KL {kl:.2f} nats, reconstruction term {reconstruction:.1f} nats, mean squared error per pixel "
        f"{error:.3f}, average standard deviation of q {spread:.2f}. ELBO {reconstruction - kl:.1f} nats."
    )


def balance():
    """Return the explorer of the likelihood's variance, over models trained with different ones."""
    return Explorer(
        _build_balance,
        _draw_balance,
        [Choice("scale", label="likelihood's σ", options=tuple(f"{scale:g}" for scale in BALANCES), value="0.1")],
        name="balance",
        title="One number sets the balance",
        alt="Left, the posterior means of the test digits inside the prior's circle. Middle, six digits, six "
        "reconstructions and six invented digits. Right, squared error and KL relative to σ = 0.2.",
        width=10.0,
        height=4.0,
    )


PAIRS = {"0 to 1": (0, 1), "3 to 8": (3, 8), "4 to 7": (4, 7), "2 to 6": (2, 6), "5 to 9": (5, 9)}
_PLACES = 11  # on each way


@torch.no_grad()
def _build_interpolation(figure):
    train_images, _, test, labels = large_digits()
    steps = torch.linspace(0, 1, _PLACES)[:, None]
    paths = {}
    for name, (one, other) in PAIRS.items():
        pair = torch.stack([test[labels == one][1], test[labels == other][1]])
        both = []
        for model in (large_autoencoder(), large_vae()):
            start, end = model.encode(pair)[0]
            images = model.decode((1 - steps) * start + steps * end)
            both.append((images.numpy(), torch.cdist(images, train_images).min(1).values.numpy()))
        paths[name] = both
    limit = torch.cdist(test, train_images).min(1).values.quantile(0.95).item()
    curve, strip = figure.subplots(1, 2, width_ratios=(1, 2.1))
    curve.axhline(limit, color=palette.data, linestyle=":", linewidth=1.8)
    tag = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # the curves pass behind it
    note = {"ha": "center", "fontsize": 10, "bbox": tag, "zorder": 5}
    curve.text(0.5, limit + 0.35, "95 % of test digits lie below", **note)
    (first,) = curve.plot([], [], color=palette.warning, linestyle="--", label="autoencoder")
    (second,) = curve.plot([], [], color=palette.model, label="VAE")
    ends = [curve.plot([], [], "o", color=line.get_color(), markersize=8)[0] for line in (first, second)]
    now = curve.axvline(0.5, color=palette.data, linewidth=1.4)
    curve.set(title="Distance to the nearest\nreal digit", xlabel="way from one code to the other", ylabel="distance")
    curve.set(xlim=(0, 1), ylim=(0, 10))
    curve.legend(loc="upper left", ncols=2, columnspacing=1)
    blank = mosaic(np.zeros((2 * _PLACES, 784)), 2, _PLACES, gap=2)
    image = show_images(strip, blank, "What is decoded along the way")
    strip.set_yticks([14, 44], ["autoencoder", "VAE"])
    strip.tick_params(length=0)
    return SimpleNamespace(
        curves=(first, second), ends=ends, now=now, image=image, paths=paths, steps=steps[:, 0].numpy(), limit=limit
    )


def _draw_interpolation(parts, pair, way):
    position = round(way * (_PLACES - 1))
    worst, seen = [], []
    for curve, end, (images, distances) in zip(parts.curves, parts.ends, parts.paths[pair], strict=True):
        curve.set_data(parts.steps[: position + 1], distances[: position + 1])  # as far as one has walked
        end.set_data([parts.steps[position]], [distances[position]])
        seen.append(np.where(np.arange(_PLACES)[:, None] <= position, images, 0))
        worst.append((distances[position], distances[: position + 1].max()))
    parts.image.set_data(mosaic(np.concatenate(seen), 2, _PLACES, gap=2))
    parts.now.set_xdata([way, way])
    (plain, plain_worst), (variational, variational_worst) = worst
    return (
        f"{pair}, {way:.0%} of the way: the autoencoder's picture is {plain:.1f} from the nearest real digit, the "
        f"VAE's {variational:.1f}. Up to here the largest distances were {plain_worst:.1f} and "
        f"{variational_worst:.1f}; up to {parts.limit:.1f} is usual."
    )


def interpolation():
    """Return the explorer of straight ways between two codes, for an autoencoder and a VAE with ten latents."""
    return Explorer(
        _build_interpolation,
        _draw_interpolation,
        [
            Choice("pair", label="digits", options=tuple(PAIRS), value="3 to 8"),
            Slider("way", label="way", minimum=0.0, maximum=1.0, step=0.1, value=0.0),
        ],
        name="interpolation",
        title="From one digit to another",
        alt="Left, along a straight way between two codes and up to the chosen place, the distance of the decoded "
        "picture from the nearest real digit, for an autoencoder and a VAE. Right, the pictures so far, in two rows.",
        width=10.0,
        height=3.6,
    )


EXPLORERS = {
    "latent_plane": latent_plane,
    "balance": balance,
    "interpolation": interpolation,
    "mnist_plane": mnist_plane,
}
