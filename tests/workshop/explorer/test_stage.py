"""The stage: quick redraws that are right."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.patches import Ellipse
from PIL import Image

from course_utils.workshop.explorer.stage import Stage
from explorer.bell import GRID, build, draw, make


def rebuild(changed_draw, changed_build=build, states=(-2.0, 1.0, 0.5)):
    """Return, per state, the pixels of the quick and of a full redraw; and how often the quick was full."""
    stage = Stage(changed_build, changed_draw, (4.0, 3.0))
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
