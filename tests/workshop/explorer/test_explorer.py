"""Explorers: controls, quick redraws that are right, the live view, the picture without a kernel."""

import asyncio
import gc
import io
import re
import threading
import time
import weakref
from types import SimpleNamespace

import ipywidgets
import ipywidgets.widgets.widget as registry
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from matplotlib import pyplot
from matplotlib.patches import Ellipse
from PIL import Image

from course_utils.workshop.explorer import Choice, Explorer, ExplorerError, Slider
from course_utils.workshop.explorer import explorer as module

GRID = np.linspace(-4, 4, 81)
ALT = "A bell curve over points."


def mean_slider(**changes):
    return Slider("mean", "mean", **{"symbol": "μ", "unit": "min", **RANGE, **changes})


RANGE = {"minimum": -2, "maximum": 2, "step": 0.5, "value": 0}


def build(figure):
    axes = figure.subplots()
    (curve,) = axes.plot(GRID, GRID)
    axes.plot([-1, 0, 1], [0.1, 0.1, 0.1], "o", zorder=3)
    axes.set(xlim=(-4, 4), ylim=(0, 1), title="A bell")
    return SimpleNamespace(axes=axes, curve=curve)


def draw(parts, mean):
    parts.curve.set_ydata(np.exp(-0.5 * (GRID - mean) ** 2))
    return f"The curve peaks at {mean:g} min."


def make(draw=draw, build=build, controls=None, **options):
    controls = [mean_slider()] if controls is None else controls
    return Explorer(build, draw, controls, **{"name": "bell", "title": "Bell", "alt": ALT, **options})


@pytest.fixture(autouse=True)
def no_widget_survives():
    """Each test closes what it displays; whatever is left belongs to the library."""
    yield
    for shown in list(module._displayed.values()):
        for left in list(shown[1]):
            left.close()
    module._displayed.clear()
    assert not registry._instances


def widgets(kind):
    return [widget for widget in registry._instances.values() if isinstance(widget, kind)]


def page():
    """Return the live picture's alt text, its caption and the error line."""
    texts = [widget.value for widget in widgets(ipywidgets.HTML)]
    picture = next((text for text in texts if "<img" in text), "")
    error = next((text for text in texts if 'role="alert"' in text), "")
    alt = re.search(r'alt="([^"]*)"', picture)
    caption = re.search(r'role="status"[^>]*>([^<]*)<', picture)
    return SimpleNamespace(alt=alt and alt.group(1), caption=caption and caption.group(1), error=error, picture=picture)


# --- Controls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"step": 0}, ValueError, "step of slider 'mean' must be positive; got 0"),
        ({"step": -1}, ValueError, "step of slider 'mean' must be positive"),
        ({"minimum": 2}, ValueError, "minimum of slider 'mean' must be below its maximum; got 2 and 2"),
        ({"maximum": float("inf")}, ValueError, "maximum of slider 'mean' must be finite"),
        ({"value": 3}, ValueError, "mean must be at most 2; got 3"),
        ({"value": -2.5}, ValueError, "mean must be at least -2"),
        ({"value": 0.2}, ValueError, "whole number of steps"),
        ({"value": float("nan")}, ValueError, "value of slider 'mean' must be finite"),
        ({"value": "0"}, TypeError, "value of slider 'mean' must be a number"),
        ({"value": True}, TypeError, "value of slider 'mean' must be a number"),
        ({"log": True}, ValueError, "logarithmic slider 'mean' must be positive; got -2"),
    ],
)
def test_slider_says_what_is_wrong(changes, error, words):
    with pytest.raises(error, match=words):
        mean_slider(**changes)


def test_labels_and_names_are_checked():
    with pytest.raises(ValueError, match="must be a Python name; got 'the mean'"):
        Slider("the mean", "mean", **RANGE)
    with pytest.raises(ValueError, match="label of 'mean' must not be empty"):
        Slider("mean", "", **RANGE)
    with pytest.raises(ValueError, match="label of 'truth' must not be empty"):
        Choice("truth", " ", [False, True], True)


def test_whole_numbers_make_an_integer_slider():
    slider = Slider("count", "components", minimum=1, maximum=9, step=2, value=3)
    assert slider.ends == (1, 9)
    assert slider.middle == 5
    assert all(type(slider.sample(np.random.default_rng(seed))) is int for seed in range(20))
    with pytest.raises(TypeError, match="count must be an integer"):
        slider.check(2.5)


def test_linear_slider_positions_are_free_of_rounding_noise():
    slider = Slider("x", "x", minimum=0.0, maximum=1.0, step=0.1, value=0.3)
    assert slider.from_widget(0.1 + 0.2) == 0.3
    assert slider.from_widget(0.7000000000000001) == 0.7
    samples = {slider.sample(np.random.default_rng(seed)) for seed in range(200)}
    assert samples == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}


def test_logarithmic_slider_moves_in_decades():
    slider = Slider("scale", "scale", minimum=0.01, maximum=100, step=0.5, value=1, log=True)
    assert slider.middle == pytest.approx(1)
    assert slider.from_widget(3.1) == pytest.approx(10**0.5)
    samples = {slider.sample(np.random.default_rng(seed)) for seed in range(200)}
    assert np.log10(sorted(samples)) == pytest.approx(np.arange(-2, 2.5, 0.5), abs=1e-9)


def test_controls_describe_themselves_with_symbol_name_and_unit():
    assert mean_slider().caption == "mean μ (min)"
    assert mean_slider().describe(0.5) == "mean μ = 0.5 min"
    assert Choice("family", "family", ["Gaussian", "Laplace"], "Laplace").describe("Gaussian") == ("family = Gaussian")


@pytest.mark.parametrize("options", [[], ["one"], ["same", "same"]])
def test_choice_needs_different_options(options):
    with pytest.raises(ValueError, match="two or more different values"):
        Choice("family", "family", options, "same")


def test_choice_checks_its_value():
    with pytest.raises(ValueError, match=r"family must be one of \['a', 'b'\]; got 'c'"):
        Choice("family", "family", ["a", "b"], "c")


# --- The explorer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"controls": []}, ValueError, "at least one"),
        ({"controls": [mean_slider(), mean_slider()]}, ValueError, "two controls are named 'mean'"),
        ({"controls": ["mean"]}, TypeError, "controls must be Slider or Choice; got str"),
        ({"draw": lambda parts: "x"}, TypeError, r"draw must accept \(parts, mean\)"),
        ({"draw": lambda parts, mean, scale: "x"}, TypeError, "missing a required argument: 'scale'"),
        ({"draw": None}, TypeError, "draw must be a function"),
        ({"build": None}, TypeError, "build must be a function"),
        ({"alt": ""}, ValueError, "alt must not be empty"),
        ({"name": " "}, ValueError, "name must not be empty"),
        ({"title": None}, TypeError, "title must be a string"),
        ({"width": 0}, ValueError, "width must be positive"),
        ({"height": "tall"}, TypeError, "height must be a number"),
    ],
)
def test_explorer_says_what_is_wrong(options, error, words):
    with pytest.raises(error, match=words):
        make(**options)


def test_set_moves_and_checks_the_controls():
    explorer = make()
    assert explorer.parameters == {"mean": 0}
    explorer.set(mean=np.float64(1.5))
    assert explorer.parameters == {"mean": 1.5}
    assert explorer.sentence == "The curve peaks at 1.5 min."
    explorer.parameters["mean"] = 99
    assert explorer.parameters == {"mean": 1.5}
    with pytest.raises(ValueError, match="unknown parameter 'scale'; this explorer has mean"):
        explorer.set(mean=1.0, scale=2)
    with pytest.raises(ValueError, match="mean must be at most 2; got 7"):
        explorer.set(mean=7)
    assert explorer.parameters == {"mean": 1.5}
    explorer.reset()
    assert explorer.parameters == {"mean": 0}


def test_build_runs_once_and_late():
    builds = []

    def counting_build(figure):
        builds.append(figure)
        return build(figure)

    explorer = make(build=counting_build)
    assert not builds
    for mean in (-2, 0, 2):
        explorer.set(mean=mean)
    explorer.picture()
    assert len(builds) == 1


def test_build_must_return_parts_and_add_axes():
    with pytest.raises(ExplorerError, match="build must return a SimpleNamespace; got NoneType"):
        make(build=lambda figure: None).picture()
    with pytest.raises(ExplorerError, match="build must add axes"):
        make(build=lambda figure: SimpleNamespace()).picture()


def test_a_failing_draw_names_the_parameters_and_the_reason():
    def fragile(parts, mean):
        return f"{1 / mean:g}"

    with pytest.raises(ExplorerError, match=r"'bell' cannot draw mean μ = 0 min: ZeroDivisionError: .*zero"):
        make(draw=fragile).picture()


@pytest.mark.parametrize("sentence", [None, "", "  ", 3])
def test_draw_must_return_a_sentence(sentence):
    with pytest.raises(ExplorerError, match="draw must return a sentence; got"):
        make(draw=lambda parts, mean: sentence).picture()


def test_numbers_in_a_sentence_have_minus_signs_and_words_keep_their_hyphens():
    explorer = make(draw=lambda parts, mean: "At (-2, -.5) the log-likelihood is -1.5e-07 for waits of 40-50 min.")
    _, sentence = explorer.snapshot(explorer.defaults)
    assert sentence == "At (−2, −.5) the log-likelihood is −1.5e-07 for waits of 40-50 min."


def test_picture_shows_the_default_wherever_the_controls_are():
    explorer = make()
    at_default = explorer.picture()
    explorer.set(mean=2)
    assert explorer.picture() == at_default
    assert explorer.parameters == {"mean": 2}
    assert Image.open(io.BytesIO(at_default)).size == (1800, 720)


def test_figure_stays_out_of_reach_of_pyplot():
    explorer = make()
    first = explorer.frame()
    pyplot.close("all")
    assert pyplot.get_fignums() == []
    explorer.set(mean=2)
    second = explorer.frame()
    assert first != second
    explorer.reset()
    assert explorer.frame() == first


# --- Quick redraws -----------------------------------------------------------------------------------


def rebuild(changed_draw, changed_build=build, states=(-2.0, 1.0, 0.5)):
    """Return, per state, the pixels of the quick and of a full redraw; and how often the quick was full."""
    stage = module._Stage(changed_build, changed_draw, (4.0, 3.0))
    stage.redraw({"mean": 0.0})
    full_redraws = []
    original = stage._draw_everything
    stage._draw_everything = lambda: (full_redraws.append(1), original())
    compared = []
    for mean in states:
        stage.redraw({"mean": mean})
        quick = stage.pixels()
        original()
        compared.append((quick, stage.pixels()))
    return compared, len(full_redraws)


def with_limits(parts, mean):
    parts.axes.set_xlim(-4, 4 + mean)
    return draw(parts, mean)


def with_title(parts, mean):
    parts.axes.set_title(f"mean {mean}")
    return draw(parts, mean)


def with_label(parts, mean):
    parts.axes.set_xlabel(f"mean {mean}")
    return draw(parts, mean)


def with_legend(parts, mean):
    parts.curve.set_label(f"mean {mean}")
    parts.axes.legend(loc="upper left")
    return draw(parts, mean)


def with_autoscale(parts, mean):
    sentence = draw(parts, mean)
    parts.curve.set_ydata(parts.curve.get_ydata() * (3 + mean))
    parts.axes.relim()
    parts.axes.autoscale()
    return sentence


def with_new_artists(parts, mean):
    for artist in list(parts.axes.collections):
        artist.remove()
    parts.shade = parts.axes.fill_between(GRID, np.exp(-0.5 * (GRID - mean) ** 2))
    return draw(parts, mean)


@pytest.mark.parametrize(
    "changing", [with_limits, with_title, with_label, with_legend, with_autoscale, with_new_artists]
)
def test_whatever_draw_changes_the_picture_is_right(changing):
    compared, full_redraws = rebuild(changing)
    assert full_redraws == 3
    for quick, full in compared:
        np.testing.assert_array_equal(quick, full)


def test_changing_parts_only_needs_no_full_redraw():
    compared, full_redraws = rebuild(draw)
    assert full_redraws == 0
    for quick, full in compared:
        np.testing.assert_array_equal(quick, full)
    assert not np.array_equal(compared[0][0], compared[1][0])


def layered_build(figure):
    """A heatmap below points, an ellipse, a legend and a frame; a title and artists in containers."""
    left, right = figure.subplots(1, 2)
    heatmap = left.imshow(np.zeros((20, 20)), extent=(-4, 4, -4, 4), vmin=0, vmax=1, aspect="auto")
    left.scatter(GRID, np.sin(GRID), alpha=0.3, label="data")
    left.legend(loc="upper left", frameon=True)
    ellipse = left.add_patch(Ellipse((0, 0), 2, 1, fill=False))
    bars = right.bar([0, 1, 2], [1, 1, 1])
    right.set_ylim(0, 5)
    return SimpleNamespace(
        heatmap=heatmap,
        groups={"marks": [ellipse], "bars": tuple(bars)},
        title=right.set_title("start"),
        note=figure.text(0.5, 0.02, "note"),
    )


def layered_draw(parts, mean):
    x, y = np.meshgrid(np.linspace(-4, 4, 20), np.linspace(-4, 4, 20))
    parts.heatmap.set_data(np.exp(-0.5 * (x - mean) ** 2 - 0.5 * y**2))
    parts.groups["marks"][0].set_center((mean, 0))
    for place, bar in enumerate(parts.groups["bars"]):
        bar.set_height(3 + mean / (1 + place))
    parts.title.set_text(f"mean {mean}")
    parts.note.set_text(f"note {mean}")
    return f"The blob sits at {mean:g}."


def test_layers_keep_their_order_in_a_quick_redraw():
    compared, full_redraws = rebuild(layered_draw, layered_build)
    assert full_redraws == 0
    for quick, full in compared:
        np.testing.assert_array_equal(quick, full)


def test_a_part_that_its_parent_draws_is_noticed():
    def build_with_label(figure):
        parts = build(figure)
        parts.label = parts.axes.xaxis.label
        return parts

    def relabel(parts, mean):
        parts.label.set_text("right" if mean > 0 else "left")
        return draw(parts, mean)

    compared, full_redraws = rebuild(relabel, build_with_label, states=(1.0, -1.0, -2.0))
    assert full_redraws == 2  # the third state has the label of the second
    for quick, full in compared:
        np.testing.assert_array_equal(quick, full)


def grid_lines_build(figure):
    axes = figure.subplots()
    image = axes.imshow(np.zeros((9, 9)), vmin=0, vmax=1)
    axes.grid(True)
    return SimpleNamespace(image=image)


def twin_axes_build(figure):
    axes = figure.subplots()
    axes.twinx().plot([0, 8], [0, 8], linewidth=30)
    return SimpleNamespace(image=axes.imshow(np.zeros((9, 9)), vmin=0, vmax=1, aspect="auto"))


def inset_build(figure):
    axes = figure.subplots()
    axes.inset_axes([0.2, 0.2, 0.5, 0.5]).plot([0, 1])
    return SimpleNamespace(image=axes.imshow(np.zeros((9, 9)), vmin=0, vmax=1))


@pytest.mark.parametrize("layout", [grid_lines_build, twin_axes_build, inset_build])
def test_figures_too_layered_for_a_quick_redraw_are_drawn_in_full(layout):
    def brighten(parts, mean):
        parts.image.set_data(np.full((9, 9), (2 + mean) / 4))
        return f"Brightness {mean:g}."

    compared, full_redraws = rebuild(brighten, layout)
    assert full_redraws == 3
    for quick, full in compared:
        np.testing.assert_array_equal(quick, full)


def test_a_frame_is_a_png_of_the_pixels_drawn():
    explorer = make()
    frame = Image.open(io.BytesIO(explorer.frame()))
    frame.verify()
    shown = np.asarray(Image.open(io.BytesIO(explorer.frame())))
    np.testing.assert_array_equal(shown, explorer._stage.pixels()[..., :3])


def test_drawing_the_stored_picture_does_not_disturb_the_next_quick_frame():
    explorer = make()
    explorer.set(mean=1)
    before = explorer.frame()
    explorer.picture()
    assert explorer.frame() == before


# --- Snapshots ---------------------------------------------------------------------------------------


def half_drawn_at_an_end(parts, mean):
    parts.axes.set_xlim(-4, 4 if mean != 2 else 40)
    sentence = draw(parts, mean)
    if mean == 2:
        raise ValueError("too far")
    return sentence


def make_at(mean, **options):
    explorer = make(**options)
    explorer.set(mean=mean)
    return explorer


def pixels_of(frame):
    return np.asarray(Image.open(io.BytesIO(frame)))


def test_a_snapshot_is_what_a_moved_explorer_shows_and_says():
    explorer = make()
    for mean in (1, -2, 0.5):
        pixels, sentence = explorer.snapshot({"mean": mean})
        moved = make_at(mean)
        assert pixels.dtype == np.uint8 and pixels.shape == (450, 1125, 4)
        np.testing.assert_array_equal(pixels[..., :3], pixels_of(moved.frame()))
        assert (pixels[..., 3] == 255).all()
        assert sentence == moved.sentence


def test_a_snapshot_does_not_move_the_explorer():
    explorer = make_at(1)
    before = explorer.frame()
    explorer.snapshot({"mean": -2})
    explorer.snapshot({"mean": -2}, density=0.8)
    assert explorer.parameters == {"mean": 1}
    assert explorer.sentence == "The curve peaks at 1 min."
    assert explorer.frame() == before


def test_controls_that_a_snapshot_does_not_name_have_their_defaults():
    explorer = make(draw_three, controls=THREE)
    explorer.set(mean=2, family="c", truth=False)
    _, sentence = explorer.snapshot({"family": "a"})
    assert sentence == "The curve peaks at 0 min. Family a, truth True."
    _, sentence = explorer.snapshot({})
    assert sentence == "The curve peaks at 0 min. Family b, truth True."


def test_pixels_of_a_snapshot_are_its_own():
    explorer = make()
    first, _ = explorer.snapshot({"mean": -2})
    kept = first.copy()
    explorer.snapshot({"mean": 2})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("density", "shape"), [(0.9, (324, 810, 4)), (1.0, (360, 900, 4)), (2.5, (900, 2250, 4))])
def test_a_snapshot_is_drawn_anew_at_its_density(density, shape):
    fresh, used = make(), make()
    used.frame()
    pixels, sentence = fresh.snapshot({"mean": 1}, density)
    assert pixels.shape == shape
    assert sentence == "The curve peaks at 1 min."
    used.snapshot({"mean": -1}, density)
    again, _ = used.snapshot({"mean": 1}, density)
    np.testing.assert_array_equal(again, pixels)  # the same layout, whatever was drawn before
    # Shrunk to that size, the explorer's own picture differs along edges alone.
    own = Image.fromarray(pixels_of(make_at(1).frame())).resize((shape[1], shape[0]), Image.Resampling.BOX)
    assert np.abs(np.asarray(own).astype(int) - pixels[..., :3]).mean() < 4


def test_a_snapshot_that_fails_leaves_everything_as_it_was():
    explorer, fresh = make_at(1, draw=half_drawn_at_an_end), make_at(1, draw=half_drawn_at_an_end)
    before = fresh.frame()
    for density in (module.LIVE_DENSITY, 0.8):
        with pytest.raises(ExplorerError, match=r"'bell' cannot draw mean μ = 2 min: ValueError: too far"):
            explorer.snapshot({"mean": 2}, density)
        assert explorer.parameters == {"mean": 1}
        assert explorer.frame() == before
    np.testing.assert_array_equal(explorer.snapshot({"mean": -1})[0], fresh.snapshot({"mean": -1})[0])


@pytest.mark.parametrize(
    ("parameters", "density", "error", "words"),
    [
        ({"scale": 1}, 1.0, ValueError, "unknown parameter 'scale'; this explorer has mean"),
        ({"mean": 3}, 1.0, ValueError, "mean must be at most 2; got 3"),
        ({"mean": "0"}, 1.0, TypeError, "mean must be a number"),
        ({"mean": 0}, 0, ValueError, "density must be positive; got 0"),
        ({"mean": 0}, float("nan"), ValueError, "density must be finite"),
        ({"mean": 0}, "fine", TypeError, "density must be a number"),
    ],
)
def test_a_snapshot_says_what_is_wrong(parameters, density, error, words):
    calls = []

    def counted(parts, mean):
        calls.append(mean)
        return draw(parts, mean)

    with pytest.raises(error, match=words):
        make(counted).snapshot(parameters, density)
    assert calls == []


def test_a_snapshot_does_not_disturb_what_is_on_display():
    explorer = make(half_drawn_at_an_end)
    explorer._repr_mimebundle_()
    explorer.set(mean=1)
    before = page()
    (slider,) = widgets(ipywidgets.FloatSlider)
    explorer.snapshot({"mean": -2}, density=0.8)
    with pytest.raises(ExplorerError):
        explorer.snapshot({"mean": 2}, density=0.8)
    assert page() == before
    assert slider.value == 1
    slider.value = -1
    fresh = make(half_drawn_at_an_end)
    fresh._repr_mimebundle_()
    fresh.set(mean=-1)
    pictures = {widget.value for widget in widgets(ipywidgets.HTML) if "<img" in widget.value}
    assert len(pictures) == 1  # both show the very same picture


def test_snapshots_and_moves_on_two_threads_do_not_mix():
    explorer = make()
    explorer._repr_mimebundle_()
    wanted = {(mean, density): make().snapshot({"mean": mean}, density)[0] for mean in (-2, 2) for density in (0.8, 1)}
    wrong = []

    def take():
        for key in list(wanted) * 5:
            pixels, _ = explorer.snapshot({"mean": key[0]}, key[1])
            if not np.array_equal(pixels, wanted[key]):
                wrong.append(key)

    thread = threading.Thread(target=take)
    thread.start()
    for mean in (1, -1, 0.5) * 5:
        explorer.set(mean=mean)
        assert page().caption == f"The curve peaks at {mean:g} min.".replace("-", "−")
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert wrong == []
    assert explorer.frame() == make_at(0.5).frame()


# --- Sweep -------------------------------------------------------------------------------------------

THREE = [
    mean_slider(),
    Choice("family", "family", ["a", "b", "c"], "b"),
    Choice("truth", "show the truth", [False, True], True),
]


def draw_three(parts, mean, family, truth):
    return f"{draw(parts, mean)} Family {family}, truth {truth}."


def test_sweep_visits_default_middle_corners_ends_and_random_points():
    explorer = make(draw_three, controls=THREE)
    explorer.set(mean=2, family="c")
    visited = explorer.sweep(random=5)
    points = [parameters for parameters, _ in visited]
    assert points[0] == {"mean": 0, "family": "b", "truth": True}
    corners = {(mean, family, truth) for mean in (-2, 2) for family in "abc" for truth in (False, True)}
    assert corners <= {tuple(point.values()) for point in points}
    for name, end in [("mean", -2), ("mean", 2), ("family", "a"), ("family", "c"), ("truth", False)]:
        assert {**points[0], name: end} in points
    assert len(points) == len({tuple(point.values()) for point in points})
    assert all(sentence.startswith("The curve peaks at") for _, sentence in visited)
    assert explorer.parameters == points[0]
    assert explorer.sweep(random=5) == visited


def test_sweep_of_many_controls_is_limited_and_still_meets_every_end():
    controls = [Slider(f"x{index}", f"x{index}", **RANGE) for index in range(8)]

    def draw_many(parts, **values):
        return draw(parts, values["x0"])

    points = module._sweep_points(tuple(controls), 3, np.random.default_rng(0))
    assert len(points) <= 1 + 1 + 16 + 64 + 3
    defaults = {control.name: 0 for control in controls}
    for control in controls:
        for end in (-2, 2):
            assert {**defaults, control.name: end} in points
    assert make(draw_many, controls=controls).defaults == defaults


@pytest.mark.parametrize("random", [-1, 1.5])
def test_sweep_checks_its_arguments(random):
    with pytest.raises((TypeError, ValueError), match="random must"):
        make().sweep(random=random)


def failing_at_an_end(parts, mean):
    if mean == 2:
        raise RuntimeError("no such curve")
    return draw(parts, mean)


def warning_at_an_end(parts, mean):
    np.log(np.float64(mean + 2))
    return draw(parts, mean)


def not_finite_in_words(parts, mean):
    return f"{draw(parts, mean)} The ratio is {np.inf if mean == 2 else 1}."


def not_finite_in_parts(parts, mean):
    draw(parts, mean)
    if mean == 2:
        parts.curve.set_ydata(np.full_like(GRID, np.nan))
    return "A curve."


def leaving_the_panel(parts, mean):
    for line in parts.axes.lines:
        line.set_visible(mean != 2)
    return draw(parts, mean)


def changing_behind_the_figure_s_back(parts, mean):
    parts.axes.xaxis.label.set_text(f"mean {mean}")
    return draw(parts, mean)


def remembering_the_past(parts, mean):
    parts.history = [*getattr(parts, "history", []), mean]
    return f"{draw(parts, mean)} Visited {len(parts.history)} states."


def piling_up(parts, mean):
    parts.axes.plot([mean], [0.5], "ko")
    return draw(parts, mean)


@pytest.mark.parametrize(
    ("faulty", "words"),
    [
        (failing_at_an_end, "cannot draw mean μ = 2 min: RuntimeError: no such curve"),
        (warning_at_an_end, "cannot draw mean μ = -2 min: RuntimeWarning: divide by zero"),
        (not_finite_in_words, "at mean μ = 2 min: the sentence holds a number that is not finite"),
        (not_finite_in_parts, "at mean μ = 2 min: parts.curve holds no finite number"),
        (leaving_the_panel, "at mean μ = 2 min: panel 1 is blank"),
        (changing_behind_the_figure_s_back, "the quick redraw differs from a redraw from scratch"),
        (remembering_the_past, "does not return to its default state"),
        (piling_up, "does not return to its default state"),
    ],
)
def test_sweep_rejects(faulty, words):
    explorer = make(faulty)
    with pytest.raises(ExplorerError, match=words):
        explorer.sweep()
    assert explorer.parameters == {"mean": 0}


def test_words_that_contain_nan_or_inf_are_fine():
    assert make(lambda parts, mean: f"{draw(parts, mean)} Infinity of bananas, financed.").sweep(random=1)


# --- Without a kernel --------------------------------------------------------------------------------


def test_bundle_holds_the_live_view_and_the_picture_with_words():
    explorer = make(title="A <bell>")
    data, metadata = explorer._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json", "image/png", "text/html", "text/plain"
    }  # fmt: skip
    assert data["text/plain"] == f"Explorer: {ALT} The curve peaks at 0 min."
    assert f'alt="{ALT} The curve peaks at 0 min."' in data["text/html"]
    assert "A &lt;bell&gt;" in data["text/html"]
    assert "mean μ = 0 min" in data["text/html"]
    assert metadata["image/png"] == {"width": 900, "height": 360}
    assert repr(explorer) == "Explorer('bell')"


def test_picture_and_sweep_need_no_widgets(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    explorer = make()
    explorer.sweep(random=1)
    data, _ = explorer._repr_mimebundle_()
    assert set(data) == {"image/png", "text/html", "text/plain"}


# --- The live view -----------------------------------------------------------------------------------


def test_controls_are_labelled_and_reset_returns_to_the_defaults():
    explorer = make(draw_three, controls=THREE)
    explorer._repr_mimebundle_()
    (slider,), (choice, truth) = map(widgets, (ipywidgets.FloatSlider, ipywidgets.Dropdown))
    assert (slider.description, choice.description, truth.description) == (
        "mean μ (min)", "family", "show the truth"
    )  # fmt: skip
    slider.value, choice.value, truth.value = 1.5, "c", False
    assert explorer.parameters == {"mean": 1.5, "family": "c", "truth": False}
    assert page().caption == "The curve peaks at 1.5 min. Family c, truth False."
    assert page().alt == f"{ALT} {page().caption}"
    (button,) = widgets(ipywidgets.Button)
    button.click()
    assert (slider.value, choice.value, truth.value) == (0, "b", True)
    assert page().caption == "The curve peaks at 0 min. Family b, truth True."


@pytest.mark.parametrize(
    ("step", "value", "kind", "form"),
    [
        (0.5, 0.5, ipywidgets.FloatSlider, ".1f"),
        (0.25, 0.5, ipywidgets.FloatSlider, ".2f"),
        (0.01, 0.5, ipywidgets.FloatSlider, ".2f"),
        (1, 1, ipywidgets.IntSlider, "d"),
    ],
)
def test_readouts_show_as_many_digits_as_a_step_has(step, value, kind, form):
    slider = Slider("x", "x", minimum=0, maximum=10, step=step, value=value)
    make(lambda parts, x: draw(parts, x), controls=[slider])._repr_mimebundle_()
    (widget,) = widgets(kind)
    assert widget.readout_format == form


def test_logarithmic_widget_speaks_the_slider_s_values():
    slider = Slider("scale", "scale", minimum=0.01, maximum=100, step=0.5, value=1, log=True)
    explorer = make(lambda parts, scale: draw(parts, scale), controls=[slider])
    explorer._repr_mimebundle_()
    (widget,) = widgets(ipywidgets.FloatLogSlider)
    widget.value = 10**0.5
    assert explorer.parameters["scale"] == pytest.approx(10**0.5)
    assert (widget.min, widget.max) == (-2, 2)


def test_set_moves_the_controls_on_display():
    explorer = make()
    explorer._repr_mimebundle_()
    explorer.set(mean=-1.5)
    assert widgets(ipywidgets.FloatSlider)[0].value == -1.5
    assert page().caption == "The curve peaks at −1.5 min."


def test_an_error_is_told_in_words_and_the_explorer_recovers():
    explorer = make(failing_at_an_end)
    explorer._repr_mimebundle_()
    (slider,) = widgets(ipywidgets.FloatSlider)
    slider.value = 1
    slider.value = 2
    shown = page()
    assert "mean μ = 2 min. RuntimeError: no such curve" in shown.error
    assert shown.caption == "The curve peaks at 1 min."
    slider.value = -1
    assert page().error == ""
    assert page().caption == "The curve peaks at −1 min."
    fresh = make()
    fresh.set(mean=-1)
    assert explorer.frame() == fresh.frame()


def test_an_error_that_leaves_artists_half_updated_does_not_spoil_the_next_frame():
    def half(parts, mean):
        parts.axes.set_xlim(-4, 4 if mean != 2 else 40)
        sentence = draw(parts, mean)
        if mean == 2:
            raise ValueError
        return sentence

    explorer, fresh = make(half), make(half)
    explorer._repr_mimebundle_()
    explorer.set(mean=2)
    assert "ValueError. The picture" in page().error
    explorer.set(mean=1)
    fresh.set(mean=1)
    assert explorer.frame() == fresh.frame()


def test_markup_in_words_is_escaped():
    explorer = make(lambda parts, mean: f"{draw(parts, mean)} <b>")
    explorer._repr_mimebundle_()
    assert "&lt;b&gt;" in page().picture
    assert "<b>" not in page().picture


def counting(draw=draw):
    calls = []

    def counted(parts, mean):
        calls.append(mean)
        return draw(parts, mean)

    return counted, calls


def test_a_burst_of_moves_in_a_running_loop_is_drawn_once():
    counted, calls = counting()
    explorer = make(counted)

    async def drag():
        explorer._repr_mimebundle_()
        (slider,) = widgets(ipywidgets.FloatSlider)
        calls.clear()
        for step in range(50):
            slider.value = -2 + 0.5 * (step % 9)
        assert calls == []
        await asyncio.sleep(0.1)

    asyncio.run(drag())
    assert 1 <= len(calls) <= 2
    assert calls[-1] == -2 + 0.5 * (49 % 9)
    assert page().caption == f"The curve peaks at {calls[-1]:g} min."


def test_an_endless_drag_is_drawn_while_it_lasts():
    counted, calls = counting()
    explorer = make(counted)

    async def drag():
        explorer._repr_mimebundle_()
        (slider,) = widgets(ipywidgets.FloatSlider)
        calls.clear()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            slider.value = 0.5 if slider.value == 0 else 0
            await asyncio.sleep(0.001)

    asyncio.run(drag())
    assert len(calls) >= 2


def test_a_move_after_the_loop_has_ended_is_not_lost():
    counted, calls = counting()
    explorer = make(counted)

    async def move_and_leave():
        widgets(ipywidgets.FloatSlider)[0].value = 1

    explorer._repr_mimebundle_()
    asyncio.run(move_and_leave())
    time.sleep(2 * module._LiveView.PATIENCE)

    async def move_and_wait():
        widgets(ipywidgets.FloatSlider)[0].value = 2
        await asyncio.sleep(0.1)

    asyncio.run(move_and_wait())
    assert calls[-1] == 2


def test_moves_on_another_thread_wait_for_the_frame_in_progress():
    together = []
    inside = threading.Semaphore(1)

    def exclusive(parts, mean):
        together.append(inside.acquire(blocking=False))
        time.sleep(0.002)
        sentence = draw(parts, mean)
        inside.release()
        return sentence

    explorer = make(exclusive)

    def move(values):
        for mean in values:
            explorer.set(mean=mean)

    threads = [threading.Thread(target=move, args=(np.tile([-2, 2, 0], 5) / n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 30
    assert all(together)


# --- Nothing is left behind --------------------------------------------------------------------------


def test_close_frees_figure_observers_and_widgets():
    before = set(registry._instances)
    explorer = make()
    explorer._repr_mimebundle_()
    (slider,) = widgets(ipywidgets.FloatSlider)
    figure = weakref.ref(explorer._stage.figure)
    explorer.close()
    assert set(registry._instances) == before
    slider.value = 1
    assert explorer.parameters == {"mean": 0}
    gc.collect()
    assert figure() is None
    explorer.close()


def test_a_closed_explorer_can_be_shown_again():
    explorer = make()
    explorer._repr_mimebundle_()
    explorer.close()
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    widgets(ipywidgets.FloatSlider)[0].value = 1
    assert page().caption == "The curve peaks at 1 min."


def test_running_a_cell_again_closes_what_it_showed_before(monkeypatch):
    cell = {"id": "cell-1", "run": "run-1"}
    monkeypatch.setattr(module, "_running_cell", lambda: (cell["id"], cell["run"]))

    def run(number, *names):
        cell["run"] = f"run-{number}"
        explorers = [make(name=name) for name in names]
        for explorer in explorers:
            explorer._repr_mimebundle_()
        return [weakref.ref(explorer) for explorer in explorers]

    first = run(1, "bell", "other")
    alive = len(registry._instances)
    assert all(explorer()._view is not None for explorer in first)  # two explorers of one cell live together
    second = run(2, "bell", "renamed")
    assert len(registry._instances) == alive
    gc.collect()
    assert [explorer() for explorer in first] == [None, None]
    cell["id"] = "cell-2"
    run(3, "bell")
    assert all(explorer() is not None and explorer()._view is not None for explorer in second)


def test_without_cell_ids_the_name_decides():
    first, other, second = make(), make(name="other"), make()
    for explorer in (first, other, second):
        explorer._repr_mimebundle_()
    assert first._view is None
    assert other._view is not None
    assert second._view is not None


def test_showing_the_same_explorer_twice_keeps_its_view():
    explorer = make()
    first, _ = explorer._repr_mimebundle_()
    second, _ = explorer._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert first[view] == second[view]


def test_an_explorer_never_shown_is_freed_with_its_figure():
    explorer = make()
    explorer.sweep(random=1)
    figure = weakref.ref(explorer._stage.figure)
    del explorer
    gc.collect()
    assert figure() is None


# --- Through a real kernel ---------------------------------------------------------------------------

KERNEL_CELL = """
import numpy as np
from types import SimpleNamespace
from course_utils.workshop.explorer import Explorer, Slider

draws = []

def build(figure):
    (line,) = figure.subplots().plot([0, 100], [0, 1])
    return SimpleNamespace(line=line)

def draw(parts, height):
    draws.append(height)
    parts.line.set_ydata([0, height / 100])
    return f"The line rises to {height}."

controls = [Slider("height", "height", minimum=0, maximum=100, step=1, value=50)]
Explorer(build, draw, controls, name="line", title="Line", alt="A line.")
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_cell(client, code):
    """Run code and return the iopub messages of its run."""
    messages = []
    reply = client.execute_interactive(code, timeout=60, output_hook=messages.append)
    assert reply["content"]["status"] == "ok", reply["content"]
    return messages


def test_a_burst_through_a_kernel_draws_the_last_value_and_skips_stale_ones(kernel):
    messages = run_cell(kernel, KERNEL_CELL)
    opened = [message["content"] for message in messages if message["msg_type"] == "comm_open"]
    slider = next(
        content["comm_id"] for content in opened if content["data"]["state"].get("_model_name") == "IntSliderModel"
    )
    (result,) = (message for message in messages if message["msg_type"] == "execute_result")
    assert "application/vnd.jupyter.widget-view+json" in result["content"]["data"]
    run_cell(kernel, "draws.clear()")
    for height in range(51, 101):
        data = {"method": "update", "state": {"value": height}, "buffer_paths": []}
        kernel.shell_channel.send(kernel.session.msg("comm_msg", {"comm_id": slider, "data": data}))
    captions = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not (captions and captions[-1] == "100"):
        message = kernel.get_iopub_msg(timeout=10)
        if message["msg_type"] == "comm_msg":
            state = message["content"]["data"].get("state", {})
            captions += re.findall(r"polite\">The line rises to (\d+)", str(state.get("value", "")))
    assert captions[-1] == "100"
    messages = run_cell(kernel, "print(*draws)")
    (printed,) = (m["content"]["text"] for m in messages if m["msg_type"] == "stream")
    drawn = [int(height) for height in printed.split()]
    assert drawn[-1] == 100
    assert drawn == sorted(drawn)
    assert len(drawn) <= 10


def test_running_the_cell_ten_times_in_a_kernel_leaks_nothing(kernel):
    for _ in range(3):
        run_cell(kernel, KERNEL_CELL)
    count = (
        "import gc, ipywidgets.widgets.widget as registry, matplotlib.figure; "
        "get_ipython().displayhook.flush(); gc.collect(); "
        "print(len(registry._instances), "
        "sum(isinstance(o, matplotlib.figure.Figure) for o in gc.get_objects()))"
    )

    def counted():
        (text,) = (m["content"]["text"] for m in run_cell(kernel, count) if m["msg_type"] == "stream")
        return text

    before = counted()
    for _ in range(7):
        run_cell(kernel, KERNEL_CELL)
    assert counted() == before
