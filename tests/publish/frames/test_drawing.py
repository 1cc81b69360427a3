"""Pictures and sentences of frames as the explorer has them, within a budget."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from course_utils.lessons import estimation, start_here
from course_utils.workshop.explorer import Explorer, Slider
from frames.bells import FINE, GRID, KIND, MEAN, TRUTH, build, draw, draw_all, make, number_of
from tools.publish.frames import FramesError, html, render, stops_of


def own_pixels(explorer):
    return np.asarray(Image.open(io.BytesIO(explorer.frame())).convert("RGB")).astype(int)


def check_states(frames, explorer, step=1):
    parameters = frames.parameters
    assert len(parameters) == len(frames) == number_of(frames.grid)
    for state in range(0, len(frames), step):
        explorer.set(**parameters[state])
        assert frames.states[state][1] == explorer.sentence
        pixels, own = frames.picture(state).astype(int), own_pixels(explorer)
        assert pixels.shape == own.shape
        assert np.abs(pixels - own).max() <= 4


def test_every_state_looks_and_reads_as_in_the_explorer(several):
    assert len(several) == 9 * 2 * 2
    check_states(several, make(draw_all, [MEAN, KIND, TRUTH]))


def test_the_default_is_the_explorers_own_picture(several):
    explorer = make(draw_all, [MEAN, KIND, TRUTH])
    assert several.parameters[several.default] == explorer.defaults
    assert several.states[several.default][0] == 0
    assert np.abs(several.picture(several.default) - own_pixels(explorer)).mean() < 2


def test_all_pictures_have_the_same_size(several):
    sizes = {Image.open(io.BytesIO(content)).size for content in (several.base, *several.patches)}
    assert sizes == {(625, 375)}
    assert several.size == (500, 300)


def test_frames_are_the_same_in_every_run(several):
    assert render(make(draw_all, [MEAN, KIND, TRUTH])) == several


def test_equal_pictures_are_stored_once():
    def coarse(parts, mean):
        parts.curve.set_ydata(np.full(GRID.shape, 0.25 if mean < 0 else 0.75))
        return f"At {mean:g}."

    frames = render(make(coarse))
    assert len(frames) == 9
    assert len(frames.patches) == 1
    assert [patch for patch, _ in frames.states] == [1] * 4 + [0] * 5
    assert len({sentence for _, sentence in frames.states}) == 9


def test_every_state_is_drawn_once_into_one_figure():
    calls, figures = [], []

    def counted_build(figure):
        figures.append(figure)
        return build(figure)

    def counted(parts, mean):
        calls.append(mean)
        return draw(parts, mean)

    explorer = Explorer(counted_build, counted, [MEAN], name="bell", title="Bell", alt="A bell.")
    explorer.set(mean=1)
    calls.clear()
    render(explorer)
    assert len(figures) == 1
    assert sorted(set(calls)) == list(stops_of(MEAN))
    assert len(calls) <= len(stops_of(MEAN)) + 1  # the default is drawn first, for the others to differ from
    assert explorer.parameters == {"mean": 1}


def test_a_state_that_cannot_be_drawn_is_named():
    def broken(parts, mean):
        if mean > 1:
            raise ZeroDivisionError("too far")
        return draw(parts, mean)

    with pytest.raises(FramesError, match=r"'bell' cannot draw mean μ = 1\.5 min: ZeroDivisionError: too far"):
        render(make(broken))


@pytest.mark.parametrize("budget", [150_000, 300_000])
@pytest.mark.parametrize("controls", [[FINE], [FINE, MEAN, KIND]])
def test_frames_keep_to_their_budget(budget, controls):
    explorer = make(draw_all, controls)
    frames = render(explorer, budget)
    assert len(html(frames, key=f"frames-{frames.name}").encode()) == frames.bytes <= budget
    assert len(frames) >= 3 ** sum(isinstance(control, Slider) for control in controls)
    check_states(frames, explorer, step=7)


def test_a_budget_too_small_is_refused():
    with pytest.raises(FramesError, match=r"'bell' does not fit its budget: .*\(3 frames\).* 5,000 are allowed"):
        render(make(), 5000)


def test_where_the_coarsest_grid_is_too_large_pictures_have_fewer_pixels():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 3000))

    def cloud(figure):
        axes = figure.subplots()
        (points,) = axes.plot(*noise, ".", markersize=3)
        axes.set(xlim=(-4, 4), ylim=(-4, 4))
        return SimpleNamespace(points=points)

    def turn(parts, mean):
        parts.points.set_data(np.cos(mean) * noise[0] - np.sin(mean) * noise[1], noise[0] + mean)
        return f"Turned by {mean:g}."

    full = render(make(turn, build=cloud), most=3).bytes
    explorer = make(turn, build=cloud)
    frames = render(explorer, int(0.8 * full), most=3)
    assert len(frames) == 3
    assert frames.bytes <= 0.8 * full
    assert frames.size == (500, 300)
    shapes = {frames.picture(state).shape for state in range(3)}
    assert len(shapes) == 1 and shapes <= {(300, 500, 3), (270, 450, 3)}
    assert own_pixels(explorer).shape == (375, 625, 3)  # the explorer itself is as it was


@pytest.mark.parametrize("room", [estimation.EXPLORERS["likelihood_surface"], start_here.EXPLORERS["one_latent"]])
def test_a_real_explorer_keeps_its_words_and_picture(room):
    explorer = room()
    frames = render(explorer, 500_000, most=40)
    assert frames.bytes <= 500_000
    check_states(frames, explorer, step=3)
