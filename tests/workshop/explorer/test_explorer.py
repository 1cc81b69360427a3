"""The explorer: its states, snapshots and sweep, and the picture without a kernel."""

import io
import threading
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from course_utils.workshop.explorer import ExplorerError
from course_utils.workshop.explorer.stage import LIVE_DENSITY
from explorer.bell import (
    ALT,
    GRID,
    THREE,
    build,
    draw,
    draw_three,
    failing_at_an_end,
    half_drawn_at_an_end,
    make,
    make_at,
    mean_slider,
    page,
    widgets,
)


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


# --- Snapshots ---------------------------------------------------------------------------------------


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
    for density in (LIVE_DENSITY, 0.8):
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


@pytest.mark.parametrize("random", [-1, 1.5])
def test_sweep_checks_its_arguments(random):
    with pytest.raises((TypeError, ValueError), match="random must"):
        make().sweep(random=random)


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
