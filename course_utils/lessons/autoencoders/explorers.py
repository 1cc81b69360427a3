"""Lesson 07, autoencoders and PCA: its explorers."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch

from course_utils.lessons.autoencoders.models import large_digits, letters, plane, trained
from course_utils.models.autoencoders import fit_pca
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

_SIZES = (1, 2, 4, 8, 32, 128)
_KINDS = ("handwritten digit", "printed letter", "shuffled pixels")
_SHOWN = 20


def _through(model, images):
    """Return the reconstructions of images (N, 64) as an array."""
    with torch.no_grad():
        return model(torch.tensor(images, dtype=torch.float32)).numpy()


@cache
def _bottlenecks():
    """Reconstructions of all images of the explorer, and mean errors of the digits kept apart, for each size."""
    data, kept, _ = large_digits()
    shuffled = np.random.default_rng(1).permuted(kept[:_SHOWN], axis=1)
    images = dict(zip(_KINDS, (kept[:_SHOWN], letters()[: 2 * _SHOWN : 2], shuffled), strict=True))
    widest = fit_pca(data, max(_SIZES))
    results = {}
    for size in _SIZES:
        leading = replace(widest, components=widest.components[:size], variances=widest.variances[:size])
        model = trained(size, (200,), 8)
        pairs = {"PCA": leading.reconstruct, "autoencoder": lambda x, model=model: _through(model, x)}
        results[size] = {
            name: ({kind: pair(x) for kind, x in images.items()}, np.mean(np.sum((kept - pair(kept)) ** 2, axis=1)))
            for name, pair in pairs.items()
        }
    return images, results


def _build_bottleneck(figure):
    images, results = _bottlenecks()
    *pictures, curve = figure.subplots(1, 4, width_ratios=(1, 1, 1, 2))
    shown = [axis.imshow(np.zeros((28, 28)), cmap="gray_r", vmin=0, vmax=1) for axis in pictures]
    for axis, title in zip(pictures, ("In", "Out of PCA", "Out of the network"), strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    styles = {"PCA": (palette.data, "--"), "autoencoder": (palette.model, "-")}
    points = {}
    for name, (colour, line) in styles.items():
        means = [results[size][name][1] for size in _SIZES]
        curve.plot(_SIZES, means, line, color=colour, label=f"{name}, mean")
        (points[name],) = curve.plot([], [], "o", color=colour, markersize=10, markeredgecolor="white")
    now = curve.axvline(1, color=palette.data, linestyle=":", linewidth=1.4)
    curve.set(title="Lines: test digits; dots: this image", xlabel="numbers in the code L", ylabel="squared error")
    curve.set(xscale="log", yscale="log")
    curve.set_xlim(0.85, 155)
    curve.set_ylim(2, 300)
    curve.set_xticks(_SIZES, [str(size) for size in _SIZES], minor=False)
    curve.set_xticks([], minor=True)
    curve.legend(loc="lower left", frameon=True, framealpha=1, edgecolor="none")
    return SimpleNamespace(shown=shown, points=points, now=now, images=images, results=results)


def _draw_bottleneck(parts, size, kind, which):
    image = parts.images[kind][which]
    parts.shown[0].set_data(image.reshape(28, 28))
    errors = []
    for picture, (name, point) in zip(parts.shown[1:], parts.points.items(), strict=True):
        output = parts.results[size][name][0][kind][which]
        picture.set_data(output.reshape(28, 28))
        errors.append(float(np.sum((output - image) ** 2)))
        point.set_data([size], [min(max(errors[-1], 2.2), 280)])
    parts.now.set_xdata([size, size])
    amount = "one number" if size == 1 else f"{size} numbers"
    return (
        f"A {kind} (number {which}) through {amount}: the squared error is {errors[0]:.2f} with PCA and "
        f"{errors[1]:.2f} with the autoencoder; the image itself has {np.sum(image**2):.1f}."
    )


def bottleneck():
    """Return the explorer of the size of the code against what comes back."""
    return Explorer(
        _build_bottleneck,
        _draw_bottleneck,
        [
            Choice("size", label="numbers in the code L", options=_SIZES, value=2),
            Choice("kind", label="what goes in", options=_KINDS, value="handwritten digit"),
            Slider("which", label="which one", minimum=0, maximum=_SHOWN - 1, step=1, value=3),
        ],
        name="bottleneck",
        title="How narrow may it be?",
        alt="Three images side by side, the input and what PCA and an autoencoder make of it, and a curve of the error "
        "against the size of the code.",
        width=10.0,
        height=3.4,
    )


_REACH = 3.0
_COMPARED = 1500  # digits among which the nearest is sought


@cache
def _plane():
    """Describe the shared plane in units of the codes' standard deviations, with a map of distances to real digits."""
    rows, new, labels = large_digits()
    model, data, kinds = plane(), rows[:_COMPARED], labels[:_COMPARED]
    with torch.no_grad():
        codes = model.encode(torch.tensor(data)).double().numpy()
    centre, spread = codes.mean(axis=0), codes.std(axis=0)

    def decode(points):
        with torch.no_grad():
            return model.decode(torch.tensor(points * spread + centre, dtype=torch.float32)).numpy()

    def to_nearest(images):
        nearest = torch.cdist(torch.tensor(images), torch.tensor(data)).min(dim=1)
        return nearest.values.numpy(), kinds[nearest.indices.numpy()]

    side = np.linspace(-_REACH, _REACH, 61)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    usual, kind = to_nearest(_through(model, new))
    limits = np.array([np.quantile(usual[kind == digit], 0.95) for digit in range(10)])
    distances, kind = to_nearest(decode(grid))
    return SimpleNamespace(
        decode=decode,
        codes=(codes - centre) / spread,
        map=(distances / limits[kind]).reshape(61, 61),
        limits=limits,
        data=data,
        labels=kinds,
    )


def _build_latent_plane(figure):
    from matplotlib.colors import LinearSegmentedColormap

    plane = _plane()
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.75, 1, 1))
    colours = LinearSegmentedColormap.from_list("distance", ["white", palette.warning])
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    heat = left.imshow(plane.map, origin="lower", extent=extent, cmap=colours, vmin=0.6, vmax=1.3, aspect="auto")
    figure.colorbar(heat, ax=left, label="distance to a digit ÷ limit")
    left.scatter(*plane.codes.T, s=3, color=palette.data, linewidths=0)
    tag = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    for digit in range(10):
        centre = np.median(plane.codes[plane.labels == digit], axis=0)
        left.text(*centre, str(digit), fontsize=12, fontweight="bold", ha="center", va="center", bbox=tag)
    (mark,) = left.plot([], [], "o", color=palette.model, markersize=13, markeredgecolor="white", markeredgewidth=2)
    left.set(title="Codes, and how far decoded ones are", xlabel="$z_1$, sd of the codes", ylabel="$z_2$")
    left.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH))
    pictures = [axis.imshow(np.zeros((28, 28)), cmap="gray_r", vmin=0, vmax=1) for axis in (middle, right)]
    left.contour(plane.map, levels=[1], extent=extent, colors=palette.truth, linestyles="--", linewidths=1.2)
    for axis, title in ((middle, "Decoded z"), (right, "Nearest real digit")):
        axis.set_title(title)
        axis.set_axis_off()
    return SimpleNamespace(mark=mark, decoded=pictures[0], nearest=pictures[1], plane=plane)


def _draw_latent_plane(parts, first, second):
    plane = parts.plane
    image = plane.decode(np.array([[first, second]]))[0]
    distances = np.sqrt(np.sum((plane.data - image) ** 2, axis=1))
    nearest = int(distances.argmin())
    parts.mark.set_data([first], [second])
    parts.decoded.set_data(image.reshape(28, 28))
    parts.nearest.set_data(plane.data[nearest].reshape(28, 28))
    kind = plane.labels[nearest]
    ratio = distances[nearest] / plane.limits[kind]
    verdict = "as near as" if ratio <= 1 else "farther than 95 % of"
    return (
        f"z = ({first:.1f}, {second:.1f}) decodes to an image at {ratio:.2f} of the limit from the nearest digit, "
        f"a {kind}: {verdict} reconstructions of new digits are."
    )


def latent_plane():
    """Return the explorer of a walk through the plane of codes, holes included."""
    return Explorer(
        _build_latent_plane,
        _draw_latent_plane,
        [
            Slider("first", label="first code", symbol="z₁", minimum=-3.0, maximum=3.0, step=0.1, value=0.5),
            Slider("second", label="second code", symbol="z₂", minimum=-3.0, maximum=3.0, step=0.1, value=0.5),
        ],
        name="latent_plane",
        title="A walk through the plane of codes",
        alt="Left, the codes of the digits over a map of how far decoded codes lie from real digits. Right, the "
        "decoded image at the chosen place and the real digit nearest to it.",
        width=10.0,
        height=4.2,
    )


EXPLORERS = {"bottleneck": bottleneck, "latent_plane": latent_plane}
