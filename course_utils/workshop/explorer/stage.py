"""The stage of an explorer: its figure, the quickest correct way to redraw it, and what is wrong with a state.

Matplotlib is imported when the first stage is built.
"""

from __future__ import annotations

import itertools
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.workshop.style import CSS_DPI, figure_png, style_settings

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIVE_DENSITY = 1.25
"""Picture pixels per CSS pixel of a live frame: sharp enough to read, quick enough to drag."""


class Stage:
    """The figure of an explorer and the quickest correct way to redraw it.

    Matplotlib marks a figure stale when anything in it changes, except through an artist that is
    "animated" (``Artist.stale`` stops there) or that hangs below another artist (a tick label). So the
    moving artists are made animated and drawn on top of a saved background, and as long as the figure
    is not stale after ``draw``, the background still holds. New limits, titles outside the moving set,
    legends, colour bars and new artists make the figure stale and lead to a full redraw.
    """

    def __init__(
        self, build: Callable[[Figure], SimpleNamespace], draw: Callable[..., str], size: tuple[float, float]
    ) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with matplotlib.rc_context(style_settings()):
            self.figure = Figure(figsize=size, dpi=CSS_DPI * LIVE_DENSITY, layout="constrained")
            self.canvas = FigureCanvasAgg(self.figure)
            self.parts = build(self.figure)
        if not isinstance(self.parts, SimpleNamespace):
            raise TypeError(f"build must return a SimpleNamespace; got {type(self.parts).__name__}")
        if not self.figure.axes:
            raise ValueError("build must add axes to the figure")
        self._draw = draw
        self._laid_out = False
        self._background: Any = None
        self._moving: list[Artist] = []
        self._hidden: list[Artist] = []

    def set_density(self, density: float) -> None:
        """Draw from now on with so many picture pixels per CSS pixel."""
        if self.figure.dpi != CSS_DPI * density:
            self.figure.set_dpi(CSS_DPI * density)
            self.forget_background()

    def redraw(self, parameters: dict[str, Any]) -> str:
        """Draw a state and return its sentence; raises what ``draw`` raises, or TypeError if it returns none."""
        sentence = self._draw(self.parts, **parameters)
        if not isinstance(sentence, str) or not sentence.strip():
            raise TypeError(f"draw must return a sentence; got {sentence!r}")
        for axes in self.figure.axes:
            axes.viewLim  # noqa: B018 - settles a pending autoscale, which then marks the figure stale
        unchanged = not self.figure.stale and not any(artist.stale for artist in self._hidden)
        if self._background is None or not unchanged:
            self._draw_everything()
        else:
            self.canvas.restore_region(self._background)
            self._draw_moving()
        return re.sub(r"(?<![\w.)−])-(?=\.?\d)", "−", " ".join(sentence.split()))  # formatted numbers have a hyphen

    def frame(self) -> bytes:
        """Return the state just drawn as PNG, encoded for speed."""
        return _quick_png(self.pixels())

    def picture(self) -> bytes:
        """Return the present state as PNG, drawn and encoded for storing."""
        png = figure_png(self.figure)
        self.forget_background()  # rendering at another density went through the same canvas
        return png

    def pixels(self) -> np.ndarray:
        """Return the state just drawn, shape (height, width, 4), uint8."""
        return np.array(self.canvas.buffer_rgba())

    def forget_background(self) -> None:
        """Let the next redraw be one from scratch."""
        self._background = None

    def complaint(self, sentence: str) -> str | None:
        """Say what is wrong with the state just drawn, or return None."""
        if re.search(r"\b(nan|inf)\b", sentence, re.IGNORECASE):
            return f"the sentence holds a number that is not finite: {sentence!r}"
        for key, artist in _artists(self.parts):
            if artist.get_visible() and not _has_finite_data(artist):
                return f"parts.{key} holds no finite number"
        pixels = self.pixels()
        for index, axes in enumerate(self.figure.axes, start=1):
            if axes.get_visible() and _is_blank(axes, pixels):
                return f"panel {index} is blank"
        self._draw_everything()
        if not np.array_equal(pixels, self.pixels()):
            return "the quick redraw differs from a redraw from scratch; put every artist that moves in parts"
        return None

    def _draw_everything(self) -> None:
        if not self._laid_out:
            # The layout is found once, from all artists, then kept: finding it again would take most
            # of the time of a frame and would make the axes jump as labels change.
            dpi = self.figure.dpi
            self.set_density(LIVE_DENSITY)  # one layout for every density
            self.canvas.draw()
            self.figure.set_layout_engine("none")
            self.figure.set_dpi(dpi)
            self._laid_out = True
        for artist in self._moving:
            artist.set_animated(False)
        self._moving, self._hidden = _moving_artists(self.figure, self.parts)
        for artist in self._moving:
            artist.set_animated(True)
        self.canvas.draw()
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._draw_moving()

    def _draw_moving(self) -> None:
        renderer = self.canvas.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        self.figure.stale = False  # a legend arranges its entries while it is drawn, and says so


def _quick_png(pixels: np.ndarray) -> bytes:
    """Encode opaque pixels (height, width, 4) as PNG in the least time.

    Image libraries try five filters on every row, which takes most of a frame's time and makes drawn
    lines and flat areas hardly smaller. Here rows are compressed as they are.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = pixels[..., :3].reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits per channel, RGB, not interlaced
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows, level=1)),
            chunk(b"IEND", b""),
        )
    )


def _artists(parts: SimpleNamespace) -> Iterator[tuple[str, Artist]]:
    """Yield (name, artist) for the artists held by ``parts``, also in containers; not axes and figures."""
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import FigureBase

    def walk(name: str, value: Any) -> Iterator[tuple[str, Artist]]:
        if isinstance(value, Artist):
            # An artist that was removed from its figure no longer takes part.
            if not isinstance(value, Axes | Axis | FigureBase) and value.get_figure() is not None:
                yield name, value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(f"{name}[{key!r}]", item)
        elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            for index, item in enumerate(value):
                yield from walk(f"{name}[{index}]", item)

    for name, value in vars(parts).items():
        yield from walk(name, value)


def _moving_artists(figure: Figure, parts: SimpleNamespace) -> tuple[list[Artist], list[Artist]]:
    """Return the artists to draw on top of the background, in order, and those whose change it hides.

    In axes that hold a moving artist, whatever lies above the lowest of them (points over a heatmap,
    the frame, a legend) is drawn anew too, so that the order of the layers stays right.
    """
    from matplotlib.axes import Axes

    found = {id(artist): artist for _, artist in _artists(parts)}
    groups = [_layers(axes) for axes in sorted(figure.axes, key=lambda a: a.get_zorder()) if axes.get_visible()]
    groups.append(
        sorted(
            (a for a in figure.get_children() if not isinstance(a, Axes) and a is not figure.patch),
            key=lambda artist: artist.get_zorder(),
        )
    )
    # Tick labels, legend entries and the like are drawn by their parent, in the background, and do not
    # always tell the figure that they changed: their own stale flag does.
    direct = {id(artist) for group in groups for artist in group}
    hidden = [artist for key, artist in found.items() if key not in direct]
    moving: list[Artist] = []
    for group in groups:
        lowest = next((place for place, artist in enumerate(group) if id(artist) in found), len(group))
        moving += [artist for artist in group[lowest:] if id(artist) in found or not _is_beside_panel(artist)]
    if _axes_overlap(figure) or any(_must_stay_in_background(artist) for artist in moving):
        return [], hidden  # no artist is animated then: any change leads to a full redraw
    return [artist for artist in moving if not _is_axis(artist)], hidden


def _layers(axes: Axes) -> list[Artist]:
    """Return what ``axes.draw`` draws above the patch, from bottom to top."""
    skipped = {id(axes.patch)}
    if not (axes.axison and axes.get_frame_on()):
        skipped |= {id(spine) for spine in axes.spines.values()}
    if not axes.axison:
        skipped |= {id(artist) for artist in axes.get_children() if _is_axis(artist)}
    children = (artist for artist in axes.get_children() if id(artist) not in skipped)
    return sorted(children, key=lambda artist: artist.get_zorder())


def _is_axis(artist: Artist) -> bool:
    from matplotlib.axis import Axis

    return isinstance(artist, Axis)


def _is_beside_panel(artist: Artist) -> bool:
    """Say whether an artist is a text outside its panel, such as a title, where nothing covers it."""
    from matplotlib.text import Text

    if not isinstance(artist, Text) or artist.axes is None:
        return False
    return not artist.get_window_extent().overlaps(artist.axes.get_window_extent())


def _must_stay_in_background(artist: Artist) -> bool:
    """Say whether an artist is too complex to be drawn with the moving ones, yet would be covered by them."""
    from matplotlib.axes import Axes

    if _is_axis(artist):  # ticks and labels lie outside the panel, grid lines do not
        return any(line.get_visible() for line in artist.get_gridlines())
    return isinstance(artist, Axes)


def _axes_overlap(figure: Figure) -> bool:
    from matplotlib.transforms import Bbox

    boxes = [axes.get_window_extent() for axes in figure.axes if axes.get_visible()]
    shared = (Bbox.intersection(one, other) for one, other in itertools.combinations(boxes, 2))
    return any(box is not None and box.width > 1 and box.height > 1 for box in shared)


def _has_finite_data(artist: Artist) -> bool:
    """Say whether an artist that holds numbers holds a finite one."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D

    if isinstance(artist, Line2D):
        rows = np.asarray(artist.get_xydata(), dtype=float)
    elif isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        rows = np.ma.filled(np.ma.asarray(artist.get_array(), dtype=float), np.nan).reshape(-1, 1)
    elif isinstance(artist, Collection):
        rows = np.ma.filled(np.ma.asarray(artist.get_offsets(), dtype=float), np.nan)
    else:
        return True
    return len(rows) == 0 or bool(np.isfinite(rows).all(axis=1).any())


def _is_blank(axes: Axes, pixels: np.ndarray) -> bool:
    """Say whether nothing but the background shows inside the frame of the axes."""
    from matplotlib.colors import to_rgb

    box = axes.get_window_extent().padded(-4)  # leaves out the frame and ticks that point inwards
    if box.width < 1 or box.height < 1:
        return False
    top = pixels.shape[0] - math.floor(box.y1)
    inside = pixels[top : top + int(box.height), math.ceil(box.x0) : int(box.x1), :3]
    uniform = not np.ptp(inside, axis=(0, 1)).any()
    backgrounds = (axes.get_facecolor(), axes.get_figure(root=True).get_facecolor())
    return uniform and any(
        np.allclose(inside[0, 0], np.multiply(to_rgb(colour), 255), atol=1) for colour in backgrounds
    )
