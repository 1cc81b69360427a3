"""Grids: the stops of sliders, and how many frames of each control."""

import numpy as np
import pytest

from course_utils.workshop.explorer import Slider
from frames.bells import COUNT, FINE, KIND, MEAN, SCALE, TRUTH, draw_all, make, number_of
from tools.publish.frames import FramesError, grid_of, stops_of


def test_a_slider_keeps_its_stops_where_they_fit():
    assert stops_of(MEAN) == (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2)
    assert grid_of(make(), 9) == {"mean": stops_of(MEAN)}
    assert stops_of(COUNT) == (1, 2, 3, 4)
    assert all(type(stop) is int for stop in stops_of(COUNT))


def test_a_logarithmic_slider_is_spread_over_its_decades():
    assert len(stops_of(SCALE)) == 41
    grid = grid_of(make(draw_all, [SCALE]), 5)["scale"]
    assert np.log10(grid) == pytest.approx([-1, -0.5, 0, 0.5, 1])


@pytest.mark.parametrize(
    "slider",
    [
        Slider("s", "s", minimum=0.05, maximum=20.0, step=0.1, value=1.0, log=True),
        Slider("s", "s", minimum=1, maximum=300, step=0.1, value=10, log=True),
        Slider("s", "s", minimum=0.0, maximum=1.0, step=0.3, value=0.6),
        Slider("s", "s", minimum=0, maximum=1, step=1, value=1),
    ],
)
def test_ends_and_default_are_stops_also_beside_the_scale(slider):
    stops = stops_of(slider)
    assert {*slider.ends, slider.value} <= set(stops)
    assert list(stops) == sorted(set(stops))
    ratios = np.diff(np.log10(stops) if slider.log else stops) / slider.step
    assert ratios.max() < 1.5 + 1e-9


@pytest.mark.parametrize("most", [6, 12, 20, 37, 100, 500, 5000])
@pytest.mark.parametrize("default", [0.0, 0.01, 0.3, 0.5, 0.99, 1.0])
def test_a_grid_is_bounded_and_holds_ends_default_and_all_options(most, default):
    slider = Slider("x", "x", minimum=0.0, maximum=1.0, step=0.01, value=default)
    for controls in ([slider], [slider, KIND], [slider, TRUTH], [slider, COUNT][: 1 + (most >= 9)]):
        explorer = make(draw_all, controls)
        grid = grid_of(explorer, most)
        assert number_of(grid) <= most
        assert grid == grid_of(explorer, most)
        assert {0.0, 1.0, default} <= set(grid["x"]) <= set(stops_of(slider))
        assert list(grid["x"]) == sorted(set(grid["x"]))
        assert len(grid["x"]) >= 3
        assert grid.get("kind", KIND.options) == KIND.options
        assert grid.get("truth", (False, True)) == (False, True)


def test_sliders_share_the_frames():
    assert len(grid_of(make(draw_all, [FINE]), 80)["x"]) == 80
    three = grid_of(make(draw_all, [MEAN, SCALE, FINE]), 100)
    assert [len(values) for values in three.values()] == [5, 5, 4]
    with_short = grid_of(make(draw_all, [COUNT, FINE]), 100)
    assert [len(values) for values in with_short.values()] == [4, 25]


def test_stops_are_even_on_both_sides_of_the_default():
    stops = np.array(grid_of(make(draw_all, [FINE]), 11)["x"])
    gaps = np.diff(stops)
    assert gaps.max() - gaps.min() <= 0.01 + 1e-12


def test_a_grid_that_cannot_be_so_small_says_so():
    with pytest.raises(FramesError, match=r"'bell' needs at least 54 frames.*at most 53 are allowed"):
        grid_of(make(draw_all, [MEAN, SCALE, FINE, KIND]), 53)
