"""Frames: grids, pictures and sentences as the explorer has them, the fragment of a page, and its script."""

import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from course_utils.lessons import estimation, start_here
from course_utils.workshop.explorer import Choice, Explorer, Slider
from tools.publish.frames import (
    FramesError,
    all_fragments,
    assets,
    explorers_of,
    for_notebook,
    foundations,
    grid_of,
    html,
    render,
    stops_of,
)
from tools.publish.frames import drawing as module

GRID = np.linspace(-4, 4, 81)
MEAN = Slider("mean", "mean", symbol="μ", unit="min", minimum=-2, maximum=2, step=0.5, value=0)
SCALE = Slider("scale", "scale", minimum=0.1, maximum=10.0, step=0.05, value=1.0, log=True)
FINE = Slider("x", "x", minimum=0.0, maximum=1.0, step=0.01, value=0.3)
COUNT = Slider("count", "points", minimum=1, maximum=4, step=1, value=2)
KIND = Choice("kind", "kind", ["full", "half & <half>"], "half & <half>")
TRUTH = Choice("truth", "show the truth", [False, True], False)


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
    check_states(frames, explorer, step=3)


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
    assert [control.get("type", "select") for control in controls] == ["range", "select", "select"]
    assert {control["id"] for control in controls} == {label["for"] for label in page.all("label")}
    assert page.words("label") == ["mean μ (min)", "kind", "show the truth"]
    slider = controls[0]
    assert (slider["min"], slider["max"], slider["step"], slider["value"]) == ("0", "8", "1", "4")
    assert slider["aria-valuetext"] == "0 min"
    assert "0 min" in page.words("span")
    assert page.words("option") == ["full", "half & <half>", "False", "True"]
    assert ["selected" in option for option in page.all("option")] == [False, True, True, False]
    assert page.words("strong") == ["Bell & <curve>"]


def test_without_the_script_the_default_shows_with_its_words(several):
    page = Page(html(several))
    sentence = several.states[several.default][1]
    base, patch = page.all("img")
    assert base["alt"] == sentence
    assert base["src"].startswith("data:image/webp;base64,")
    assert "hidden" not in base
    assert "hidden" in patch and patch["alt"] == "" and "src" not in patch
    for style in (base["style"], patch["style"]):  # whatever a page does to its pictures, these two lie upon each other
        assert {"padding:0!important", "filter:none!important"} <= set(style.split(";"))
    assert "background:none!important" in patch["style"].split(";")  # the default shows through
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
const truth = element({ type: "select-one", selectedIndex: 1,
  options: [{ defaultSelected: true }, { defaultSelected: false }] });
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
seen.push({ hidden: panel.hidden, value: range.value, index: [kind, truth].map((list) => list.selectedIndex) });
range.value = "0"; panel.handlers.input(); look();
kind.selectedIndex = 0; panel.handlers.change(); look();
truth.selectedIndex = 1; panel.handlers.change(); look();
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
    assert first == {"hidden": False, "value": "4", "index": [1, 0]}
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
    """Write a lesson whose explorers are bells; the folder `kept` is where its frames are kept."""
    monkeypatch.setattr(start_here, "EXPLORERS", {"bell": make, "broken": lambda: make(lambda parts, mean: 1 / 0)})
    monkeypatch.setattr(module, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(module, "CACHE", tmp_path / "kept")

    def write(*sources, name="01_try"):
        cells = [
            new_markdown_cell("# 01 · Try"),
            new_code_cell("from course_utils.lessons import start_here as lesson"),
        ]
        cells += [new_code_cell(source, metadata={"tags": ["explorer"]}) for source in sources]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


@pytest.fixture(scope="module")
def bell():
    return render(make(), most=3)


@pytest.fixture
def drawn(monkeypatch, bell):
    """The budgets of the explorers that would have been drawn; what stands for their frames was drawn once."""
    budgets = []

    def counted(explorer, budget):
        budgets.append(budget)
        return bell

    monkeypatch.setattr(module, "render", counted)
    return budgets


def test_every_explorer_cell_gets_its_fragment(notebook, drawn):
    fragments = for_notebook(notebook("lesson.bell()", "lesson.bell()"))
    assert list(fragments) == [2, 3]
    page = Page("".join(fragments.values()))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_a_page_has_room_for_all_its_explorers(notebook, drawn):
    for count in (1, 5):
        for_notebook(notebook(*["lesson.bell()"] * count, name=f"0{count}_try"))
        budgets = {drawn.pop() for _ in range(count)}
        assert budgets == {min(module.BUDGET, (module.PAGE_BUDGET - module.REST) // count)}
    assert 5 * budgets.pop() <= module.PAGE_BUDGET - module.REST < 5 * module.BUDGET


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


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_what_was_drawn_is_kept(notebook, drawn, tmp_path):
    path = notebook("lesson.bell()", "lesson.bell()")
    fragments = for_notebook(path)
    assert len(drawn) == 2
    assert for_notebook(path) == fragments
    assert all_fragments([path]) == {path: fragments}
    assert module.main(["01"]) == 0
    assert len(drawn) == 2
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_words_beside_the_explorers_draw_nothing_anew(notebook, drawn):
    path = notebook("lesson.bell()")
    fragments = for_notebook(path)
    changed = nbformat.read(path, as_version=4)
    changed.cells[0].source = "# 01 · Another title"
    changed.cells.append(new_markdown_cell("More words."))
    nbformat.write(changed, path)
    assert for_notebook(path) == fragments
    assert len(drawn) == 1


@pytest.mark.parametrize("change", ["cell", "place", "foundations", "budget"])
def test_what_changed_is_drawn_anew_and_the_old_is_gone(notebook, drawn, change, monkeypatch, tmp_path):
    path = notebook("lesson.bell()")
    for_notebook(path)
    earlier = set((tmp_path / "kept").iterdir())
    if change == "cell":
        path = notebook("lesson.bell( )")
    elif change == "place":
        changed = nbformat.read(path, as_version=4)
        changed.cells.insert(0, new_markdown_cell("More words."))
        nbformat.write(changed, path)
    elif change == "foundations":
        monkeypatch.setattr(module, "foundations", lambda: "something else")
    else:
        monkeypatch.setattr(module, "BUDGET", 1_000_000)
    fragments = for_notebook(path)
    assert len(drawn) == 2
    kept = set((tmp_path / "kept").iterdir())
    assert len(kept) == 1
    assert not kept & earlier
    assert for_notebook(path) == fragments
    assert len(drawn) == 2


@pytest.mark.parametrize(
    "damage", [lambda old: b"", lambda old: old[:-1], lambda old: old + b"\n", lambda old: b"x" + old]
)
def test_a_damaged_fragment_is_drawn_anew(notebook, drawn, damage, tmp_path):
    path = notebook("lesson.bell()")
    fragments = for_notebook(path)
    (place,) = (tmp_path / "kept").iterdir()
    whole = place.read_bytes()
    place.write_bytes(damage(whole))
    assert for_notebook(path) == fragments
    assert len(drawn) == 2
    assert for_notebook(path) == fragments
    assert len(drawn) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_half_a_fragment_is_never_kept(notebook, drawn, monkeypatch, error, tmp_path):
    def fail(*_):
        raise error

    path = notebook("lesson.bell()")
    with monkeypatch.context() as broken:
        broken.setattr(module.os, "replace", fail)
        with pytest.raises(type(error)):
            for_notebook(path)
    assert list((tmp_path / "kept").iterdir()) == []
    assert list(for_notebook(path)) == [2]


def test_only_lessons_are_kept_unless_a_folder_is_named(notebook, drawn, monkeypatch, tmp_path):
    path = notebook("lesson.bell()")
    monkeypatch.setattr(module, "NOTEBOOKS", tmp_path / "elsewhere")
    for _ in range(2):
        for_notebook(path)
    assert len(drawn) == 2
    assert not (tmp_path / "kept").exists()
    for _ in range(2):
        for_notebook(path, cache=tmp_path / "named")
    assert len(drawn) == 3
    assert len(list((tmp_path / "named").iterdir())) == 1


def test_foundations_are_code_data_and_versions(monkeypatch, tmp_path):
    for name in (
        "course_utils/lessons/a.py",
        "data/a.csv",
        "data/cache/download",
        "tools/publish/frames/frames.js",
        "tools/publish/site.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    seen = [foundations(tmp_path)]
    for name in ("course_utils/lessons/a.py", "data/a.csv", "tools/publish/frames/frames.js"):
        (tmp_path / name).write_text("2")
        seen.append(foundations(tmp_path))
    (tmp_path / "data/a.csv").rename(tmp_path / "data/b.csv")
    seen.append(foundations(tmp_path))
    for name in ("data/cache/download", "tools/publish/site.py"):
        (tmp_path / name).write_text("2")
        assert foundations(tmp_path) == seen[-1]
    monkeypatch.setattr(module.importlib.metadata, "version", lambda name: "0.0")
    seen.append(foundations(tmp_path))
    assert len(set(seen)) == len(seen) == 6


# --- several lessons at a time ----------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a POSIX program")


@pytest.fixture
def two(notebook, tmp_path, monkeypatch):
    """Two lessons, and a way to put a program in the place of the Python that draws them."""
    paths = [notebook("lesson.bell()", name=name) for name in ("01_try", "02_fail")]

    def replace_python(text):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setattr(module.sys, "executable", str(program))

    return paths, replace_python


@posix
def test_each_lesson_is_drawn_in_a_process_of_its_own(two, drawn, tmp_path):
    paths, replace_python = two
    log = tmp_path / "log"
    replace_python(f'echo "$PWD $OMP_NUM_THREADS $@" >> {log}')
    fragments = all_fragments(paths)  # what the stand-in did not draw is drawn here
    assert list(fragments) == paths
    assert all(list(of_lesson) == [2] for of_lesson in fragments.values())
    wanted = {f"{module.ROOT} 1 -m tools.publish.frames {path} --jobs 1 --cache {tmp_path / 'kept'}" for path in paths}
    assert set(log.read_text().splitlines()) == wanted
    log.unlink()
    assert all_fragments(paths) == fragments  # kept: no process is needed
    assert not log.exists()


@posix
def test_a_lesson_that_fails_ends_the_others(two, tmp_path):
    paths, replace_python = two
    replace_python(f"""case "$3" in
*02_fail*) until [ -s {tmp_path}/pid ]; do sleep 0.05; done; echo noise >&2; echo "02_fail, cell 2: no" >&2; exit 1;;
*) echo $$ > {tmp_path}/began; mv {tmp_path}/began {tmp_path}/pid; exec sleep 300;;
esac""")
    with pytest.raises(FramesError, match=r"^02_fail, cell 2: no$"):
        all_fragments(paths)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@posix
def test_a_process_that_says_nothing_is_named(two):
    paths, replace_python = two
    replace_python("exit 7")
    with pytest.raises(FramesError, match=r"0[12]_\w+\.ipynb: drawing ended with 7"):
        all_fragments(paths)


def test_a_process_reports_what_it_cannot_draw(notebook):
    paths = [notebook("lesson.unknown()", name=name) for name in ("01_try", "02_fail")]
    with pytest.raises(FramesError, match=r"0[12]_\w+\.ipynb, cell 2: .* got 'lesson\.unknown\(\)'"):
        all_fragments(paths)
