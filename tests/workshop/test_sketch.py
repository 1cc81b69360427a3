"""The parts of a drawing, and the ruler that measures drawings."""

import numpy as np
import pytest
from drawn import faults, named, words
from matplotlib.colors import to_rgb

from course_utils.workshop.sketch import SIZE, Drawing, Place, Sketch, tinted, words_width
from course_utils.workshop.style import TEXT, palette, show


def good():
    """Two boxes with an arrow between them, its shape above."""
    sketch = Sketch(5, 2)
    left = sketch.box("left", "left", Place(1, 1, 1, 0.6), palette.data)
    right = sketch.box("right", "right", Place(4, 1, 1, 0.6), palette.model)
    sketch.arrow("between", left.at(1), right.at(-1))
    sketch.text("shape", "(N, 2)", 2.5, 1.2)
    return sketch


def test_a_good_drawing_has_no_fault():
    sketch = good()
    assert faults(sketch.figure) == []
    assert words(sketch.figure) == {"left": "left", "right": "right", "shape": "(N, 2)"}
    assert [name for name, _ in named(sketch.figure, "box")] == ["left", "right"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda s: s.text("far", "far", 4.95, 0.2), "'far' leaves the page"),
        (lambda s: s.text("small", "small", 2.5, 0.2, size=12), "'small' is written in 12"),
        (lambda s: s.text("low", "low", 2.5, 1.0), "'low' touches the line of 'between'"),
        (lambda s: s.text("edge", "edge", 1.5, 1.25), "'edge' touches the line of 'left'"),
        (lambda s: s.text("near", "near", 2.5, 1.3), "'shape' and 'near' overlap"),
        (
            lambda s: s.box("tight", "much too long", Place(2.5, 0.4, 0.9, 0.4), "#000000"),
            "'tight' is not inside its box",
        ),
        (lambda s: s.box("over", "", Place(1.5, 0.6, 1, 0.6), "#000000"), "the boxes 'left' and 'over' overlap"),
        (lambda s: s.box("off", "", Place(4.9, 1.7, 0.5, 0.3), "#000000"), "the box 'off' leaves the page"),
        (lambda s: s.arrow("through", (0.2, 0.9), (2.2, 0.9)), "the arrow 'through' runs over the box 'left'"),
        (lambda s: s.arrow("astray", (2, 0.2), (2.5, 0.2)), "the arrow 'astray' touches no box"),
        (lambda s: s.line("rule", (0.5, 1.0), (1.5, 1.0), colour="#000000"), "'left' touches the line of 'rule'"),
    ],
)
def test_the_ruler_sees_every_kind_of_fault(spoil, fault):
    sketch = good()
    spoil(sketch)
    assert any(one.startswith(fault) for one in faults(sketch.figure)), faults(sketch.figure)


def test_points_of_a_place_are_counted_from_its_centre():
    place = Place(2, 3, 1, 0.5)
    assert place.at() == (2, 3)
    assert place.at(-1) == (1.5, 3)
    assert place.at(1, 1) == (2.5, 3.25)


def test_a_tint_lies_between_white_and_the_colour():
    assert tinted(palette.model, 0) == (1, 1, 1)
    assert tinted(palette.model, 1) == pytest.approx(to_rgb(palette.model))
    assert all(a < b for a, b in zip(tinted(palette.prior, 0.5), tinted(palette.prior, 0.2), strict=True))


def test_the_width_of_words_is_that_of_the_drawing():
    sketch = Sketch(5, 1)
    sketch.text("words", "(N, 784)", 2.5, 0.5)
    sketch.figure.canvas.draw()
    (_, text) = named(sketch.figure, "text")[0]
    assert text.get_fontfamily()[0] == TEXT
    assert text.get_window_extent().width / 100 == pytest.approx(words_width("(N, 784)", SIZE), abs=0.05)


def test_a_picture_fills_its_frame_and_ink_is_dark():
    sketch = Sketch(2, 2)
    sketch.picture("x", np.eye(2), "$x$", Place(1, 1, 1, 1), palette.data)
    sketch.figure.canvas.draw()
    pixels = np.asarray(sketch.figure.canvas.buffer_rgba())[..., 0]
    assert pixels[75, 75] == pixels[125, 125] == 0
    assert pixels[75, 125] == pixels[125, 75] == 255
    assert pixels[20, 20] == 255  # the page is as large as it was
    assert words(sketch.figure) == {}


def test_a_frame_without_a_picture_says_what_belongs_there():
    sketch = Sketch(2, 2)
    sketch.picture("x", None, "$x$", Place(1, 1, 1, 1), palette.data)
    assert words(sketch.figure) == {"x": "$x$"}
    assert faults(sketch.figure) == []


def test_cells_are_darker_where_numbers_are_larger():
    sketch = Sketch(2, 1)
    sketch.cells("z", [[0, 0.5, 1]], Place(1, 0.5, 1.5, 0.5), palette.approximation)
    colours = [cell.get_facecolor()[:3] for _, cell in named(sketch.figure, "cell")]
    assert colours[0] == (1, 1, 1)
    assert colours[2] == pytest.approx(to_rgb(palette.approximation))
    assert sum(colours[0]) > sum(colours[1]) > sum(colours[2])


def test_a_dashed_arrow_ends_where_a_solid_one_ends():
    sketch = Sketch(3, 1)
    sketch.arrow("dashed", (0.5, 0.5), (2.5, 0.5), dashed=True)
    sketch.arrow("solid", (0.5, 0.5), (2.5, 0.5))
    shaft, head, solid = (one.get_path().get_extents() for _, one in named(sketch.figure, "arrow"))
    assert shaft.x0 == pytest.approx(solid.x0)
    assert shaft.x1 == pytest.approx(2.3)
    assert head.x1 == pytest.approx(solid.x1)


def test_a_drawing_is_shown_with_its_words(capsys):
    show(*Drawing(good().figure, "Two boxes and an arrow."))
    assert capsys.readouterr().out == "Figure: Two boxes and an arrow.\n"
