"""Controls: what they hold, check, describe and sample, and the points of a sweep."""

import numpy as np
import pytest

from course_utils.workshop.explorer import Choice, Slider
from course_utils.workshop.explorer.controls import sweep_points
from explorer.bell import RANGE, draw, make, mean_slider


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


def test_sweep_of_many_controls_is_limited_and_still_meets_every_end():
    controls = [Slider(f"x{index}", f"x{index}", **RANGE) for index in range(8)]

    def draw_many(parts, **values):
        return draw(parts, values["x0"])

    points = sweep_points(tuple(controls), 3, np.random.default_rng(0))
    assert len(points) <= 1 + 1 + 16 + 64 + 3
    defaults = {control.name: 0 for control in controls}
    for control in controls:
        for end in (-2, 2):
            assert {**defaults, control.name: end} in points
    assert make(draw_many, controls=controls).defaults == defaults
