"""Boxes, nodes, arrows and labels for drawings of machines, in one style, with names by which tests find them again.

A `Sketch` is measured in inches, from the lower left corner. Colours are those of the palette, with its meanings; they
are never alone: what a part is, its words say too. No text is below `SIZE`, so that a room can read it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.workshop.style import CSS_DPI, palette, style_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 14.0
"""Points of the smallest text: 19 pixels of a slide."""

_LINE = 2.0
_HEAD = 16.0
_TINT = 0.14


class Drawing(NamedTuple):
    """A figure and the words for whoever cannot see it: ``show(*drawing)`` displays both."""

    figure: Figure
    alt: str


class Place(NamedTuple):
    """Centre, width and height of a part, in inches."""

    x: float
    y: float
    width: float
    height: float

    def at(self, across: float = 0.0, up: float = 0.0) -> tuple[float, float]:
        """Return a point of the part: (0, 0) is its centre, (1, 0) the middle of its right side, (0, 1) of its top."""
        return self.x + across * self.width / 2, self.y + up * self.height / 2


class Sketch:
    """An empty drawing of a given size, to which parts are added by name.

    Parameters
    ----------
    width, height : in inches, 100 CSS pixels each.

    Attributes
    ----------
    figure : matplotlib's figure. Its artists have the gids "box:NAME", "text:NAME", "arrow:NAME" and "line:NAME".
    """

    def __init__(self, width: float, height: float):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        settings = style_settings()
        self._font = {"family": settings["font.family"], "math_fontfamily": settings["mathtext.fontset"]}
        self.figure = Figure(figsize=(width, height), dpi=CSS_DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(0, height))
        self._axes.set_axis_off()

    def text(
        self, name: str, words: str, x: float, y: float, *, size: float = SIZE, bold: bool = False, **align: Any
    ) -> None:
        """Write words, centred at a point unless `ha` and `va` say otherwise."""
        weight = "bold" if bold else "normal"
        align = {"ha": "center", "va": "center"} | align
        self._axes.text(
            x, y, words, gid=f"text:{name}", size=size, weight=weight, zorder=5, linespacing=1.35, **align, **self._font
        )

    def box(
        self,
        name: str,
        words: str,
        place: Place,
        colour: str,
        *,
        dashed: bool = False,
        empty: bool = False,
        **text: Any,
    ) -> Place:
        """Draw a rounded box with words in its middle, tinted unless `empty`, and return its place."""
        from matplotlib.patches import FancyBboxPatch

        left, low = place.at(-1, -1)
        style = f"round,pad=0,rounding_size={min(0.12, place.height / 3):.3f}"
        self._add(FancyBboxPatch((left, low), place.width, place.height, style), f"box:{name}", colour, dashed, empty)
        if words:
            self.text(name, words, place.x, place.y, **text)
        return place

    def circle(
        self,
        name: str,
        words: str,
        x: float,
        y: float,
        colour: str,
        *,
        radius: float = 0.3,
        bold_ring: bool = False,
        **text: Any,
    ) -> Place:
        """Draw a node of a graph, its ring bold where randomness enters, and return its place."""
        from matplotlib.patches import Circle

        ring = Circle((x, y), radius)
        self._add(ring, f"box:{name}", colour, dashed=False, empty=False)
        if bold_ring:
            ring.set(linewidth=2 * _LINE, facecolor="white")
        self.text(name, words, x, y, **{"size": 17.0} | text)
        return Place(x, y, 2 * radius, 2 * radius)

    def dot(self, name: str, x: float, y: float, colour: str) -> Place:
        """Draw a full dot, a graph's sign for what is not random, and return its place."""
        from matplotlib.patches import Circle

        radius = 0.09
        self._axes.add_patch(Circle((x, y), radius, gid=f"box:{name}", facecolor=colour, edgecolor=colour, zorder=3))
        return Place(x, y, 2 * radius, 2 * radius)

    def funnel(self, name: str, left: Place, right: Place, colour: str) -> None:
        """Draw a tinted slope from one upright bar's right side to another's left side: a layer between two sizes."""
        from matplotlib.patches import Polygon

        corners = [left.at(1, 1), right.at(-1, 1), right.at(-1, -1), left.at(1, -1)]
        slope = Polygon(
            corners, closed=True, gid=f"funnel:{name}", facecolor=tinted(colour, 0.3), linewidth=0, zorder=1
        )
        self._axes.add_patch(slope)

    def bar(self, name: str, place: Place, colour: str) -> Place:
        """Draw a full upright bar, the numbers in one layer, and return its place."""
        from matplotlib.patches import Rectangle

        patch = Rectangle(place.at(-1, -1), place.width, place.height, gid=f"box:{name}", facecolor=colour, zorder=3)
        self._axes.add_patch(patch)
        return place

    def picture(self, name: str, image: Any, words: str, place: Place, colour: str) -> Place:
        """Draw an image (H, W) of ink (1) on paper (0) in a frame; without one, the frame with words in it."""
        import numpy as np
        from matplotlib.patches import Rectangle

        left, low = place.at(-1, -1)
        frame = Rectangle((left, low), place.width, place.height)
        self._add(frame, f"box:{name}", colour, dashed=False, empty=image is not None)
        if image is None:
            self.text(name, words, place.x, place.y, size=20)
        else:
            extent = (left, left + place.width, low, low + place.height)
            limits = self._axes.get_xlim(), self._axes.get_ylim()
            look = {"cmap": "Greys", "vmin": 0, "vmax": 1, "interpolation": "nearest", "aspect": "auto", "zorder": 2}
            self._axes.imshow(np.asarray(image), extent=extent, **look)
            self._axes.set(xlim=limits[0], ylim=limits[1])
        return place

    def cells(self, name: str, values: Any, place: Place, colour: str) -> Place:
        """Draw a table (rows, columns) of numbers from 0 to 1 as cells, white to full colour, and return its place."""
        from matplotlib.patches import Rectangle

        rows, columns = len(values), len(values[0])
        left, top = place.at(-1, 1)
        wide, high = place.width / columns, place.height / rows
        for row, numbers in enumerate(values):
            for column, number in enumerate(numbers):
                corner = left + column * wide, top - (row + 1) * high
                look = {"facecolor": tinted(colour, float(number)), "edgecolor": colour, "linewidth": 0.7, "zorder": 3}
                self._axes.add_patch(Rectangle(corner, wide, high, gid=f"cell:{name}", **look))
        frame = Rectangle(place.at(-1, -1), place.width, place.height)
        self._add(frame, f"box:{name}", colour, dashed=False, empty=True)
        return place

    def arrow(self, name: str, *points: tuple[float, float], colour: str = palette.data, dashed: bool = False) -> None:
        """Draw an arrow through points, with its head at the last one."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        look = {"color": colour, "linewidth": _LINE, "mutation_scale": _HEAD, "joinstyle": "round", "capstyle": "butt"}
        look |= {"shrinkA": 0, "shrinkB": 0, "zorder": 2.5, "gid": f"arrow:{name}"}
        if not dashed:
            self._axes.add_patch(FancyArrowPatch(path=Path(points), arrowstyle="-|>", **look))
            return
        # the dashes of a shaft would go on around its head
        (x, y), (end_x, end_y) = points[-2:]
        share = 0.2 / math.hypot(end_x - x, end_y - y)
        neck = end_x + share * (x - end_x), end_y + share * (y - end_y)
        shaft = FancyArrowPatch(path=Path([*points[:-1], neck]), arrowstyle="-", linestyle=(0, (3, 1.5)), **look)
        self._axes.add_patch(shaft)
        self._axes.add_patch(FancyArrowPatch(path=Path([neck, points[-1]]), arrowstyle="-|>", **look))

    def line(self, name: str, *points: tuple[float, float], colour: str) -> None:
        """Draw a bold line through points, without a head."""
        columns = zip(*points, strict=True)
        self._axes.plot(
            *columns, color=colour, linewidth=2 * _LINE, gid=f"line:{name}", solid_capstyle="butt", zorder=2
        )

    def _add(self, patch: Any, gid: str, colour: str, dashed: bool, empty: bool) -> None:
        patch.set(
            gid=gid,
            edgecolor=colour,
            facecolor="none" if empty else tinted(colour, _TINT),
            linewidth=_LINE,
            linestyle=(0, (4, 2)) if dashed else "-",
            zorder=3,
        )
        self._axes.add_patch(patch)


def tinted(colour: str, amount: float) -> tuple[float, float, float]:
    """Return a colour mixed with white: 0 is white, 1 the colour itself."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - amount * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue


def words_width(words: str, size: float = SIZE) -> float:
    """Return the inches that a line of words takes, in the font of the drawings."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    settings = style_settings()
    font = FontProperties(family=settings["font.family"], math_fontfamily=settings["mathtext.fontset"])
    return TextPath((0, 0), words, size=size, prop=font).get_extents().width / 72
