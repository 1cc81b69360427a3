"""The fragment of a page that shows frames, and its script."""

import itertools
import json
import re
import shutil
import subprocess

import pytest

from frames.bells import KIND, MEAN, Page
from tools.publish.frames import SCRIPT, assets, html, stops_of
from tools.publish.frames import page as fragment


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
    text = SCRIPT.read_text(encoding="utf-8")
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


# --- The script -------------------------------------------------------------------------------------------------------

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
    script = SCRIPT.read_text(encoding="utf-8")
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
        expected = f"data:image/webp;base64,{fragment._text(several.patches[patch - 1])}" if patch else ""
        assert state["src"] == expected
    assert keys == [[1, 0], [1, 0], [1, 0], [0, 0], [1, 1]]
