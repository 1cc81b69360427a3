"""How every figure of the course looks: a palette with meanings, readable sizes, pictures with alt text.

Matplotlib and Pillow are imported inside the functions that need them, so that importing the
course package stays cheap.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import html
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.workshop.validation import check_array, check_covariance, check_scalar

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

CSS_DPI = 100
"""CSS pixels per figure inch: a 9 in wide figure is 900 px wide on the page."""

PRINT_DENSITY = 2.0
"""Picture pixels per CSS pixel of a stored picture: sharp on high-density screens and on paper."""

_INVISIBLE = 4  # largest error of a colour channel, out of 255, that leaves a gradient looking smooth


FONTS = Path(__file__).with_name("fonts")
"""The fonts of the course: its figures, slides and pages look the same on every machine."""

TEXT, CODE, SIGNS = "Course Text", "Course Code", "Course Signs"
"""The families in FONTS: for words, for code, and for the signs that one of these lacks."""

_FACES = {TEXT: ("Regular", "Italic", "Bold", "BoldItalic"), CODE: ("Regular", "Bold"), SIGNS: ("Regular",)}


class StyleError(Exception):
    """A part of the course's look is missing; the message says what to do."""


class Palette(NamedTuple):
    """Colours by meaning, from the colour-blind-safe set of Okabe and Ito (2008)."""

    data: str = "#4D4D4D"
    model: str = "#0072B2"
    approximation: str = "#E69F00"
    prior: str = "#009E73"
    truth: str = "#000000"
    warning: str = "#D55E00"
    second: str = "#CC79A7"  # the second of two of a kind: components of one model, groups, estimators


palette = Palette()

STYLE: dict[str, Any] = {
    "figure.dpi": CSS_DPI,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": [TEXT, SIGNS],
    "mathtext.fontset": "dejavusans",  # shipped with matplotlib; its letters are as high as those of the text
    "font.size": 11.5,
    "axes.titlesize": 13.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 12.0,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "legend.fontsize": 11.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "lines.linewidth": 2.2,
    "lines.markersize": 5.0,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "figure.constrained_layout.w_pad": 0.06,
    "figure.constrained_layout.h_pad": 0.06,
}
"""Matplotlib settings of the course; :func:`use_style` makes them the session's default."""

_CYCLE = (palette.model, palette.approximation, palette.prior, palette.second, "#56B4E9", palette.data)


def style_settings() -> dict[str, Any]:
    """Return the matplotlib settings of the course, the colour cycle included.

    Returns
    -------
    dict
        A new dictionary that ``matplotlib.rc_context`` accepts.

    Raises
    ------
    StyleError
        If the course was installed without its fonts.
    """
    from cycler import cycler

    _know_fonts()
    return {**STYLE, "axes.prop_cycle": cycler(color=_CYCLE)}


def font_files() -> list[Path]:
    """Return the files of the course's fonts.

    Raises
    ------
    StyleError
        If one is missing.
    """
    files = [FONTS / f"{family}-{style}.ttf".replace(" ", "") for family in _FACES for style in _FACES[family]]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise StyleError(
            f"the course's fonts are not complete ({', '.join(missing)} missing in {FONTS}): install the course again, "
            "or copy its folder anew"
        )
    return files


@functools.cache
def _know_fonts() -> None:
    """Tell matplotlib of the course's fonts, once in a session: it keeps a list."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    for file in font_files():
        manager.addfont(file)
    # The rare signs have one weight. Without an entry of its own, matplotlib would warn at every bold title.
    manager.ttflist += [dataclasses.replace(one, weight=700) for one in manager.ttflist if one.name == SIGNS]


def use_style() -> None:
    """Make the style of the course the default of this Python session."""
    import matplotlib

    matplotlib.rcParams.update(style_settings())


def panels(
    columns: int = 1, rows: int = 1, *, height: float = 3.4, width: float = 9.0, **subplots_kw: Any
) -> tuple[Figure, Any]:
    """Create a figure with a grid of axes that pyplot does not know about.

    Such a figure is shown once, by :func:`show`, and is freed when nothing refers to it any more.

    Parameters
    ----------
    columns, rows : int
        Size of the grid.
    height, width : float
        Size of the whole figure in inches, 100 CSS pixels each.
    **subplots_kw
        Passed to :meth:`matplotlib.figure.Figure.subplots` (``sharex``, ``width_ratios``, …).

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes or array of Axes
        One Axes for a single panel, shape (columns,) or (rows,) for one row or column, else (rows, columns).

    Raises
    ------
    TypeError, ValueError
        If the grid is not made of whole positive numbers or a size is not positive and finite.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = check_scalar("columns", columns, integer=True, minimum=1)
    rows = check_scalar("rows", rows, integer=True, minimum=1)
    width = check_scalar("width", width, positive=True)
    height = check_scalar("height", height, positive=True)
    figure = Figure(figsize=(width, height), dpi=CSS_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **subplots_kw)


def ellipse(mean: Any, covariance: Any, radius: float = 1.0, *, points: int = 100) -> np.ndarray:
    """Return points of the ellipse that lies ``radius`` standard deviations away from a Gaussian's mean.

    It is the curve (x − m)ᵀ Σ⁻¹ (x − m) = radius². Of a Gaussian in the plane, 1 − exp(−radius²/2) of the
    probability lies inside: 39 % with radius 1, 86 % with 2.

    Parameters
    ----------
    mean : array, shape (2,)
    covariance : array, shape (2, 2)
        Symmetric positive definite.
    radius : float
        In standard deviations, positive.
    points : int
        Number of points; the last one is the first again, so that a line through them is closed.

    Returns
    -------
    array, shape (2, points)
        Rows are the two coordinates: ``axes.plot(*ellipse(mean, covariance, 2))`` draws it.

    Raises
    ------
    TypeError, ValueError
        If a shape does not fit, the covariance is not symmetric positive definite, the radius is not
        positive, or there are fewer than 2 points.
    """
    import numpy as np

    mean = check_array("mean", mean, shape=(2,))
    covariance = check_covariance("covariance", covariance, size=2)
    radius = check_scalar("radius", radius, positive=True)
    angle = np.linspace(0, 2 * np.pi, check_scalar("points", points, integer=True, minimum=2))
    return mean[:, None] + radius * np.linalg.cholesky(covariance) @ np.array([np.cos(angle), np.sin(angle)])


def show(figure: Figure, alt: str) -> None:
    """Display a figure, with words for whoever cannot see it, in Lab, nbconvert, the site or a terminal.

    One output is written: the picture as HTML with alt text, the bare PNG for viewers that refuse
    HTML, and the alt text alone. Outside IPython the alt text is printed. A figure that was made
    with pyplot is closed, so that the inline backend does not show it a second time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What one should see, in one or two sentences.

    Raises
    ------
    TypeError
        If ``figure`` is not a matplotlib figure or ``alt`` not a string.
    ValueError
        If ``alt`` is empty.
    """
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib Figure; got {type(figure).__name__}")
    words = check_words("alt", alt, purpose="say in a sentence what the figure shows")
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(f"Figure: {words}")
    else:
        data, metadata = picture_bundle(figure_png(figure), words, *css_size(figure))
        data["text/plain"] = f"Figure: {words}"
        ipython.display.display(data, metadata=metadata, raw=True)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def check_words(name: str, value: str, *, purpose: str) -> str:
    """Return ``value`` on one line, stripped; raise TypeError or ValueError if it holds no words."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string; got {type(value).__name__}")
    words = " ".join(value.split())
    if not words:
        raise ValueError(f"{name} must not be empty: {purpose}")
    return words


def css_size(figure: Figure) -> tuple[int, int]:
    """Return width and height of a figure in CSS pixels."""
    width, height = figure.get_size_inches()
    return round(width * CSS_DPI), round(height * CSS_DPI)


def figure_png(figure: Figure, density: float = PRINT_DENSITY) -> bytes:
    """Render a figure as a compact PNG, ``density`` picture pixels per CSS pixel."""
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    # Not compressed here: encoding is left to compact_png, once. A tight bounding box would make the picture's
    # size depend on its labels, hence on the machine.
    figure.savefig(buffer, format="png", dpi=CSS_DPI * density, bbox_inches=None, pil_kwargs={"compress_level": 0})
    with Image.open(buffer) as picture:
        return compact_png(np.asarray(picture.convert("RGBA")))


def compact_png(pixels: np.ndarray) -> bytes:
    """Encode opaque pixels (height, width, 4) as a small PNG: 256 colours where the eye cannot tell."""
    import numpy as np
    from PIL import Image, ImageChops

    picture = Image.fromarray(pixels[..., :3])
    # Maximum coverage keeps the colour of a thin line or a lone point (median cut gives nearly all colours
    # to the large areas and turns vermilion brown). Several colour maps in one figure need more than 256
    # colours: rather than in bands, such a figure is stored in full colour.
    reduced = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    worst = np.asarray(ImageChops.difference(picture, reduced.convert("RGB"))).max()
    buffer = io.BytesIO()
    (reduced if worst <= _INVISIBLE else picture).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def image_tag(png: bytes, alt: str, width: int, height: int) -> str:
    """Return an HTML ``<img>`` that holds the picture itself, shrinks on narrow pages, and has alt text."""
    encoded = base64.b64encode(png).decode("ascii")
    # decoding="sync" and a fixed aspect ratio: replacing the picture neither flashes nor moves the page.
    shape = f"width:{width}px;max-width:100%;height:auto;aspect-ratio:{width}/{height};background:#fff"
    return (
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{encoded}" width="{width}" '
        f'decoding="sync" style="{shape}">'
    )


def picture_bundle(png: bytes, alt: str, width: int, height: int) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the display data (HTML with alt text, and the bare PNG) and metadata of one picture."""
    data = {
        "image/png": base64.b64encode(png).decode("ascii"),
        "text/html": image_tag(png, alt, width, height),
    }
    return data, {"image/png": {"width": width, "height": height}}
