"""Pictures made of small images, and the explorer of a two-dimensional latent space."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.workshop.explorer import Explorer, Slider
from course_utils.workshop.style import palette
from course_utils.workshop.validation import check_array, check_scalar

_TICKS = 15


def mosaic(images: Any, rows: int, columns: int, *, gap: int = 1) -> np.ndarray:
    """Lay square images out in a grid, in reading order, with paper (0) between them.

    Parameters
    ----------
    images : (rows · columns, side²), array or tensor.
    rows, columns : of the grid.
    gap : pixels between two images.

    Returns
    -------
    (rows · (side + gap) − gap, columns · (side + gap) − gap) float64.

    Raises
    ------
    ValueError : their number is not rows · columns, or they are not square.
    """
    images = check_array("images", images, shape=(rows * columns, None))
    side = math.isqrt(images.shape[1])
    if side * side != images.shape[1]:
        raise ValueError(f"images must be square; got {images.shape[1]} pixels each")
    tiles = np.pad(images.reshape(rows, columns, side, side), ((0, 0), (0, 0), (0, gap), (0, gap)))
    picture = tiles.swapaxes(1, 2).reshape(rows * (side + gap), columns * (side + gap))
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


def show_images(axis: Any, picture: Any, title: str) -> Any:
    """Draw a picture (H, W) of ink (1) on paper (0), without ticks or frame, and return matplotlib's image."""
    artist = axis.imshow(np.asarray(picture), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    axis.set(title=title, xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return artist


def plane_explorer(
    decode: Callable[[np.ndarray], np.ndarray], *, name: str, title: str, extent: float = 2.8
) -> Explorer:
    """Return the explorer of what a decoder makes of each point of a plane.

    Parameters
    ----------
    decode : from codes (K, 2) float64 to square images (K, side²) with values in [0, 1].
    name, title : as for `Explorer`.
    extent : both latents run from −extent to extent.

    Raises
    ------
    ValueError : `extent` is not positive, or `decode` does not return square images.
    """
    extent = check_scalar("extent", extent, positive=True)

    def build(figure):
        ticks = np.linspace(-extent, extent, _TICKS)
        first, second = np.meshgrid(ticks, ticks[::-1])
        picture = mosaic(decode(np.column_stack([first.ravel(), second.ravel()])), _TICKS, _TICKS)
        plane, made = figure.subplots(1, 2, width_ratios=(1.15, 1))
        edge = extent * (1 + 1 / (_TICKS - 1))  # half a tile beyond the outermost codes
        style = {"cmap": "Greys", "vmin": 0, "vmax": 1, "interpolation": "bilinear"}
        plane.imshow(picture, extent=(-edge, edge, -edge, edge), **style)
        ring = {"markersize": 16, "markerfacecolor": "none", "markeredgecolor": palette.approximation}
        (point,) = plane.plot([], [], "o", markeredgewidth=3.5, **ring)
        plane.set(
            title="What each z decodes to", xlabel="$z_1$", ylabel="$z_2$", xlim=(-edge, edge), ylim=(-edge, edge)
        )
        side = math.isqrt(decode(np.zeros((1, 2))).shape[1])
        return SimpleNamespace(point=point, made=show_images(made, np.zeros((side, side)), "Your z"), side=side)

    def draw(parts, first, second):
        parts.point.set_data([first], [second])
        image = np.clip(decode(np.array([[first, second]])), 0, 1).reshape(parts.side, parts.side)
        parts.made.set_data(image)
        heights, widths = (image.sum(axis=axis) for axis in (1, 0))
        tall, wide = (_spread(profile) for profile in (heights, widths))
        return (
            f"z = ({first:.2f}, {second:.2f}) decodes to a picture with {image.sum():.0f} pixels' worth of ink, "
            f"{tall / wide:.1f} times as tall as wide."
        )

    bounds = {"minimum": -extent, "maximum": extent, "step": 0.05, "value": 0.0}
    return Explorer(
        build,
        draw,
        [
            Slider("first", label="first latent", symbol="z₁", **bounds),
            Slider("second", label="second latent", symbol="z₂", **bounds),
        ],
        name=name,
        title=title,
        alt="Left, a grid of images decoded from the latent plane, with a ring at the chosen point. Right, the image "
        "decoded there, large.",
        width=9.0,
        height=4.6,
    )


def _spread(profile: np.ndarray) -> float:
    """Standard deviation of a position whose weights are `profile`; 1e-9 where all ink lies in one place."""
    weights = profile + 1e-12
    place = np.arange(len(profile))
    mean = np.average(place, weights=weights)
    return max(math.sqrt(np.average((place - mean) ** 2, weights=weights)), 1e-9)
