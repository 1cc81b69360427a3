"""The palette, the figures and the pictures of course_utils.workshop.style."""

import base64
import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager, pyplot
from matplotlib.colors import to_rgb
from PIL import Image

from course_utils.workshop import style
from course_utils.workshop.style import ellipse, palette, panels, show, use_style

ALT = "A rising line."


@pytest.fixture
def displayed(monkeypatch):
    """What reaches the front end while IPython runs: a list of (data, metadata)."""
    import IPython
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    outputs = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, metadata=None, **_: outputs.append((data, metadata)))
    assert IPython.get_ipython() is shell
    yield outputs
    InteractiveShell.clear_instance()
    import builtins

    for name in ("get_ipython", "display"):
        if hasattr(builtins, name):
            delattr(builtins, name)


def line_figure():
    figure, axes = panels()
    axes.plot([0, 1], [0, 1])
    return figure


def contrast(one, other):
    """Return the WCAG contrast ratio of two colours."""

    def luminance(colour):
        channels = np.array(to_rgb(colour))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_palette_colours_differ_pairwise_and_stand_out_from_white():
    assert palette._fields == ("data", "model", "approximation", "prior", "truth", "warning", "second")
    for one, other in itertools.combinations(palette, 2):
        assert np.abs(np.subtract(to_rgb(one), to_rgb(other))).max() > 0.2, (one, other)
    for colour in palette:
        assert contrast(colour, "white") > (2 if colour == palette.approximation else 3), colour


def test_importing_style_imports_no_drawing_library():
    code = (
        "import sys, course_utils.workshop.style; "
        "print(sorted({'matplotlib', 'PIL', 'torch', 'ipywidgets', 'IPython'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_use_style_sets_the_defaults_of_new_figures():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        use_style()
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][0] == palette.model
        assert matplotlib.rcParams["font.size"] >= 11
        assert not matplotlib.rcParams["axes.spines.top"]


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ({}, "CourseText-Regular.ttf"),
        ({"weight": "bold"}, "CourseText-Bold.ttf"),
        ({"style": "italic"}, "CourseText-Italic.ttf"),
        ({"weight": "bold", "style": "italic"}, "CourseText-BoldItalic.ttf"),
        ({"family": style.CODE}, "CourseCode-Regular.ttf"),
        ({"family": style.SIGNS}, "CourseSigns-Regular.ttf"),
    ],
)
def test_figures_use_the_fonts_of_the_course(words, file):
    with matplotlib.rc_context(style.style_settings()):
        found = font_manager.findfont(font_manager.FontProperties(**words), fallback_to_default=False)
    assert Path(found) == style.FONTS / file


@pytest.mark.filterwarnings("error")  # matplotlib warns of a sign that is in none of its fonts
def test_rare_signs_are_drawn():
    with matplotlib.rc_context(style.style_settings()):
        figure, axes = panels()
        axes.set_title("∇ log p ∝ 𝓛, x̂ ✓ ✗ ‖ ᵀ ↦")
        assert style.figure_png(figure)


def test_missing_fonts_are_named_with_what_to_do(tmp_path, monkeypatch):
    style._know_fonts.cache_clear()
    monkeypatch.setattr(style, "FONTS", tmp_path)
    with pytest.raises(style.StyleError, match=r"CourseText-Regular\.ttf.*missing.*install the course again"):
        style.use_style()


@pytest.mark.parametrize(("columns", "rows", "shape"), [(1, 1, None), (2, 1, (2,)), (1, 3, (3,)), (3, 2, (2, 3))])
def test_panels_grid(columns, rows, shape):
    figure, axes = panels(columns, rows)
    assert np.shape(axes) == (shape or ())
    assert len(figure.axes) == columns * rows


def test_panels_passes_options_to_subplots():
    _, (left, right) = panels(2, sharey=True, width_ratios=[1, 2])
    left.set_ylim(3, 4)
    assert right.get_ylim() == (3, 4)


def test_panels_figure_is_unknown_to_pyplot_and_has_the_asked_size():
    before = pyplot.get_fignums()
    figure, _ = panels(height=2.5)
    assert pyplot.get_fignums() == before
    assert figure.get_size_inches() == pytest.approx((9.0, 2.5))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"columns": 0}, ValueError, "columns must be at least 1; got 0"),
        ({"rows": -1}, ValueError, "rows must be at least 1"),
        ({"columns": 1.5}, TypeError, "columns must be an integer"),
        ({"height": 0}, ValueError, "height must be positive"),
        ({"width": float("nan")}, ValueError, "width must be finite"),
        ({"width": "wide"}, TypeError, "width must be a number"),
    ],
)
def test_panels_says_what_is_wrong(arguments, error, words):
    with pytest.raises(error, match=words):
        panels(**arguments)


@pytest.mark.parametrize("radius", [0.5, 1, 2])
def test_points_of_an_ellipse_have_the_asked_distance_and_close_the_curve(radius):
    mean, covariance = np.array([3.2, -70.0]), np.array([[0.4, 2.1], [2.1, 30.0]])
    curve = ellipse(mean, covariance, radius, points=37)
    assert curve.shape == (2, 37)
    deviations = curve - mean[:, None]
    squares = np.einsum("in,ij,jn->n", deviations, np.linalg.inv(covariance), deviations)
    np.testing.assert_allclose(squares, radius**2, rtol=1e-10)
    np.testing.assert_allclose(curve[:, 0], curve[:, -1], rtol=1e-12)
    # all around, not along one arc: the points but for the repeated one have the mean as their centre
    np.testing.assert_allclose(curve[:, :-1].mean(axis=1), mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0, 0, 0], np.eye(2), 1), ValueError, r"mean must have shape \(2,\)"),
        (([0, 0], np.eye(3), 1), ValueError, r"covariance must have shape \(2, 2\)"),
        (([0, 0], -np.eye(2), 1), ValueError, "covariance must be positive definite"),
        (([0, 0], np.eye(2), 0), ValueError, "radius must be positive"),
        (("origin", np.eye(2), 1), TypeError, "mean must be"),
    ],
)
def test_ellipse_says_what_is_wrong(arguments, error, words):
    with pytest.raises(error, match=words):
        ellipse(*arguments)


def test_show_prints_the_words_outside_ipython():
    code = "from course_utils.workshop.style import panels, show; show(panels()[0], 'A  flat\\nline.')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "Figure: A flat line.\n"


def test_show_writes_one_bundle_with_picture_and_words(displayed):
    show(line_figure(), 'Points with x < 1 & a "line".')
    ((data, metadata),) = displayed
    assert set(data) == {"image/png", "text/html", "text/plain"}
    assert data["text/plain"] == 'Figure: Points with x < 1 & a "line".'
    tag = data["text/html"]
    assert 'alt="Points with x &lt; 1 &amp; a &quot;line&quot;."' in tag
    assert "max-width:100%" in tag
    assert re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", tag).group(1) == data["image/png"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (1800, 680)  # twice the CSS size
    assert metadata["image/png"] == {"width": 900, "height": 340}
    json.dumps(data)


def test_show_of_a_pyplot_figure_leaves_nothing_for_the_inline_backend(displayed):
    figure = pyplot.figure()
    show(figure, ALT)
    assert not pyplot.fignum_exists(figure.number)
    assert len(displayed) == 1


@pytest.mark.parametrize(
    ("figure", "alt", "error", "words"),
    [
        (None, ALT, TypeError, "figure must be a matplotlib Figure; got NoneType"),
        ("figure", "", ValueError, "alt must not be empty"),
        ("figure", " \n ", ValueError, "alt must not be empty"),
        ("figure", None, TypeError, "alt must be a string; got NoneType"),
    ],
)
def test_show_says_what_is_wrong(figure, alt, error, words, capsys):
    with pytest.raises(error, match=words):
        show(line_figure() if figure else None, alt)
    assert capsys.readouterr().out == ""


def test_pictures_of_the_same_figure_are_the_same_bytes():
    figure = line_figure()
    assert style.figure_png(figure) == style.figure_png(figure)
    assert figure.dpi == style.CSS_DPI  # rendering at another density leaves the figure as it was


def heatmap_pixels(*maps):
    """Return the pixels of a picture with smooth heatmaps in several colour maps and a vermilion point."""
    grid = np.linspace(-2, 2, 400)
    x, y = np.meshgrid(grid, grid)
    values = np.exp(-(x**2) - y**2 + x * y)
    pixels = np.concatenate([matplotlib.colormaps[name](values, bytes=True) for name in maps], axis=1)
    pixels[10:14, 10:14, :3] = np.multiply(to_rgb(palette.warning), 255).round()
    return pixels


@pytest.mark.parametrize("maps", [("viridis",), ("viridis", "magma", "RdBu")])
def test_small_pictures_keep_gradients_and_the_colour_of_a_lone_point(maps):
    pixels = heatmap_pixels(*maps)
    stored = np.asarray(Image.open(io.BytesIO(style.compact_png(pixels))).convert("RGB"), dtype=int)
    error = np.abs(stored - pixels[..., :3])
    assert error.max() <= 4
    assert error[10:14, 10:14].max() <= 2


def test_pictures_with_few_colours_are_stored_with_a_palette():
    figure, axes = panels()
    axes.scatter(*np.random.default_rng(0).normal(size=(2, 272)), color=palette.data)
    png = style.figure_png(figure)
    assert Image.open(io.BytesIO(png)).mode == "P"
    assert len(png) < 60_000


@pytest.mark.parametrize("width", [7.5, 9.4, 10.2, 11.1])
def test_sizes_that_are_no_whole_number_of_pixels_are_drawn(width):
    figure, _ = style.panels(width=width, height=1.1)
    with Image.open(io.BytesIO(style.figure_png(figure))) as picture:
        assert abs(picture.width - width * style.CSS_DPI * style.PRINT_DENSITY) <= 1


def test_a_bold_title_with_a_rare_sign_says_nothing(caplog):
    style.use_style()
    figure, axes = panels()
    axes.set_title("½ of the mass ⟹ 𝟙", fontweight="bold")
    style.figure_png(figure)
    assert caplog.text == ""
