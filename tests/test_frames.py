"""Frames: grids, pictures and sentences as the explorer has them, the fragment of a page, and its script."""

import io
import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from course_utils.explorer import Choice, Explorer, Slider, Toggle
from course_utils.lessons import estimation, start_here
from tools import frames as module
from tools.frames import FramesError, assets, explorers_of, for_notebook, grid_of, html, render, stops_of

GRID = np.linspace(-4, 4, 81)
MEAN = Slider("mean", "mean", symbol="μ", unit="min", minimum=-2, maximum=2, step=0.5, value=0)
SCALE = Slider("scale", "scale", minimum=0.1, maximum=10.0, step=0.05, value=1.0, log=True)
FINE = Slider("x", "x", minimum=0.0, maximum=1.0, step=0.01, value=0.3)
COUNT = Slider("count", "points", minimum=1, maximum=4, step=1, value=2)
KIND = Choice("kind", "kind", ["full", "half & <half>"], "half & <half>")
TRUTH = Toggle("truth", "show the truth", False)


def build(figure):
    axes = figure.subplots()
    (curve,) = axes.plot(GRID, GRID)
    axes.set(xlim=(-4, 4), ylim=(0, 1))
    return SimpleNamespace(axes=axes, curve=curve)


def draw(parts, mean):
    parts.curve.set_ydata(np.exp(-0.5 * (GRID - mean) ** 2))
    return f"The curve peaks at {mean:g} min."


def draw_all(parts, mean=0, scale=1, x=0, count=1, kind="full", truth=False):
    height = (0.5 if kind.startswith("half") else 1.0) / count
    parts.curve.set_ydata(height * np.exp(-0.5 * ((GRID - mean - x) / scale) ** 2))
    parts.curve.set_color("black" if truth else "blue")
    return f"Mean {mean:g}, scale {scale:g}, x {x:g}, </script> {kind}, {count} points, {'true' if truth else 'model'}."


def make(draw=draw, controls=(MEAN,), build=build, **options):
    words = {"name": "bell", "title": "Bell & <curve>", "alt": "A bell curve.", "width": 5.0, "height": 3.0}
    return Explorer(build, draw, controls, **{**words, **options})


@pytest.fixture(scope="module")
def several():
    return render(make(draw_all, [MEAN, KIND, TRUTH]))


def number_of(grid):
    return int(np.prod([len(values) for values in grid.values()]))


# --- grids ------------------------------------------------------------------------------------------------------------


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


# --- pictures and sentences -------------------------------------------------------------------------------------------


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
    check_states(frames, explorer, step=5)


# --- the fragment -----------------------------------------------------------------------------------------------------

VOID = {"img", "input", "br", "meta", "link"}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        assert self.tags[self.open.pop()][0] == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def words(self, tag):
        return [self.text.get(place, "") for place, (name, _) in enumerate(self.tags) if name == tag]


def test_the_fragment_is_well_formed_and_every_control_is_labelled(several):
    page = Page(html(several))
    assert page.open == []
    controls = [*page.all("input"), *page.all("select")]
    assert [control.get("type", "select") for control in controls] == ["range", "checkbox", "select"]
    assert {control["id"] for control in controls} == {label["for"] for label in page.all("label")}
    assert page.words("label") == ["mean μ (min)", "kind", "show the truth"]
    slider = controls[0]
    assert (slider["min"], slider["max"], slider["step"], slider["value"]) == ("0", "8", "1", "4")
    assert slider["aria-valuetext"] == "0 min"
    assert "0 min" in page.words("span")
    assert page.words("option") == ["full", "half & <half>"]
    assert ["selected" in option for option in page.all("option")] == [False, True]
    assert "checked" not in controls[1]
    assert page.words("strong") == ["Bell & <curve>"]


def test_without_the_script_the_default_shows_with_its_words(several):
    page = Page(html(several))
    sentence = several.states[several.default][1]
    base, patch = page.all("img")
    assert base["alt"] == sentence
    assert base["src"].startswith("data:image/webp;base64,")
    assert "hidden" not in base
    assert "hidden" in patch and patch["alt"] == "" and "src" not in patch
    (status,) = (attrs for attrs in page.all("p") if attrs.get("role") == "status")
    assert status["aria-live"] == "polite"
    assert sentence in page.words("p")
    (panel,) = (attrs for attrs in page.all("div") if attrs["class"] == "course-frames-controls")
    assert "hidden" in panel


def test_the_data_name_every_state(several):
    (text,) = Page(html(several)).words("script")
    assert "<" not in text  # a sentence of these holds "</script>"
    data = json.loads(text)
    assert data["counts"] == [9, 2, 2]
    assert data["words"] == [[f"{value:g} min".replace("-", "−") for value in stops_of(MEAN)], None, None]
    assert [(patch, data["sentences"][number]) for patch, number in data["states"]] == list(several.states)
    assert len(data["patches"]) == len(several.patches)


def test_two_fragments_of_a_page_share_no_id(several):
    page = Page(html(several) + html(several))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids)) == 2 * 5
    assert {attrs["for"] for attrs in page.all("label")} <= set(ids)
    assert {attrs["aria-labelledby"] for attrs in page.all("figure")} <= set(ids)


def test_nothing_is_fetched(several):
    page = Page(html(several) + assets())
    assert all(not attrs.get("src", "data:").startswith(("http", "/", ".")) for _, attrs in page.tags)
    rest = re.sub(r'"patches":\[.*?\]|base64,[\w+/=]+', "", html(several) + assets())
    assert not re.search(r"https?:|url\(|@import|fetch|XMLHttpRequest|WebSocket|sendBeacon", rest)


def test_the_script_is_small_and_harmless():
    text = module.SCRIPT.read_text(encoding="utf-8")
    assert len(text.encode()) < 6000
    for word in (
        "eval",
        "Function(",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "http",
        "import",
    ):
        assert word not in text


# --- the script -------------------------------------------------------------------------------------------------------

# As much of a page as the script uses: one figure whose controls are those of `several`.
STAGE = """
const element = (more = {}) => ({
  handlers: {}, attributes: {}, textContent: "", hidden: false,
  addEventListener(kind, handler) { this.handlers[kind] = handler; },
  setAttribute(name, value) { this.attributes[name] = value; },
  ...more,
});
const range = element({ type: "range", value: "7", defaultValue: "4", nextElementSibling: element() });
const kind = element({ type: "select-one", selectedIndex: 0,
  options: [{ defaultSelected: false }, { defaultSelected: true }] });
const truth = element({ type: "checkbox", checked: true, defaultChecked: false });
const button = element(), base = element(), patch = element({ hidden: true }), sentence = element();
const panel = element({ hidden: true, querySelectorAll: () => [range, kind, truth], querySelector: () => button });
const parts = { 'script[type="application/json"]': element({ textContent: DATA }), ".course-frames-controls": panel,
  ".course-frames-base": base, ".course-frames-patch": patch, ".course-frames-sentence": sentence };
const figure = { querySelector: (selector) => parts[selector], closest: () => ({}) };
let watch, page = [];
global.MutationObserver = class { constructor(react) { watch = react; } observe() {} };
global.document = { readyState: "complete", documentElement: {}, querySelectorAll: () => page };
"""
PLAY = """
page = [figure];
watch();
watch();
const seen = [];
const look = () => seen.push({ value: range.attributes["aria-valuetext"], shown: range.nextElementSibling.textContent,
  alt: base.alt, sentence: sentence.textContent, src: patch.hidden ? "" : patch.src });
seen.push({ hidden: panel.hidden, value: range.value, index: kind.selectedIndex, checked: truth.checked });
range.value = "0"; panel.handlers.input(); look();
kind.selectedIndex = 0; panel.handlers.change(); look();
truth.checked = true; panel.handlers.change(); look();
button.handlers.click(); look();
const press = (key) => {
  const event = { key, stopped: 0, left: 0, stopPropagation() { this.stopped++; } };
  event.target = { blur() { event.left++; } };
  panel.handlers.keydown(event);
  return [event.stopped, event.left];
};
seen.push(["ArrowRight", "Home", "End", "Tab", "Escape"].map(press));
console.log(JSON.stringify(seen));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_shows_what_the_explorer_says(several, tmp_path):
    (text,) = Page(html(several)).words("script")
    program = tmp_path / "play.js"
    script = module.SCRIPT.read_text(encoding="utf-8")
    program.write_text(f"const DATA = {json.dumps(text)};\n{STAGE}\n{script}\n{PLAY}", encoding="utf-8")
    run = subprocess.run(["node", program], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    first, *states, keys = json.loads(run.stdout)
    # What a browser brought back after a reload is set to the default again.
    assert first == {"hidden": False, "value": "4", "index": 1, "checked": False}
    wanted = [(-2, KIND.value, False), (-2, "full", False), (-2, "full", True), (0, KIND.value, False)]
    every = list(itertools.product(*several.grid.values()))
    for state, values in zip(states, wanted, strict=True):
        patch, sentence = several.states[every.index(values)]
        assert state["alt"] == state["sentence"] == sentence
        assert state["value"] == state["shown"] == f"{values[0]} min".replace("-", "−")
        expected = f"data:image/webp;base64,{module._text(several.patches[patch - 1])}" if patch else ""
        assert state["src"] == expected
    assert keys == [[1, 0], [1, 0], [1, 0], [0, 0], [1, 1]]


# --- notebooks and the command ----------------------------------------------------------------------------------------


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(start_here, "EXPLORERS", {"bell": make, "broken": lambda: make(lambda parts, mean: 1 / 0)})
    monkeypatch.setattr(module, "NOTEBOOKS", tmp_path)

    def write(*sources):
        cells = [
            new_markdown_cell("# 01 · Try"),
            new_code_cell("from course_utils.lessons import start_here as lesson"),
        ]
        cells += [new_code_cell(source, metadata={"tags": ["explorer"]}) for source in sources]
        path = tmp_path / "01_try.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


def test_every_explorer_cell_gets_its_fragment(notebook):
    fragments = for_notebook(notebook("lesson.bell()", "lesson.bell()"))
    assert list(fragments) == [2, 3]
    page = Page("".join(fragments.values()))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert for_notebook(notebook("lesson.bell()", "lesson.bell()")) == fragments


@pytest.mark.parametrize("source", ["lesson.unknown()", "lesson.bell(1)", "bell()", "x = lesson.bell()", "lesson."])
def test_a_cell_that_is_no_explorer_is_named(notebook, source):
    with pytest.raises(FramesError, match=r"01_try\.ipynb, cell 2: .*one of the names bell, broken; got"):
        list(explorers_of(notebook(source)))


def test_a_notebook_without_explorers_has_no_fragments(notebook):
    assert for_notebook(notebook()) == {}


def test_the_command_prints_what_frames_cost(notebook, capsys):
    notebook("lesson.bell()")
    assert module.main(["01"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"01_try +bell +9 +9 +\d+ +\d+\.\d +\d+\.\d\n", out)


def test_the_command_says_what_failed(notebook, capsys):
    notebook("lesson.broken()")
    assert module.main(["01_try"]) == 1
    assert re.search(r"cell 2: explorer 'bell' cannot draw mean μ = 0 min: ZeroDiv", capsys.readouterr().err)
    assert module.main(["77"]) == 1
    assert "there is no lesson '77'" in capsys.readouterr().err


def test_a_page_over_its_budget_fails(notebook, capsys, monkeypatch):
    monkeypatch.setattr(module, "PAGE_BUDGET", 10_000)
    notebook("lesson.bell()")
    assert module.main([]) == 1
    assert "over the 10 kB of a page" in capsys.readouterr().out
