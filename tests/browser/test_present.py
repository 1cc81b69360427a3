"""A lesson presented in JupyterLab: the deck is walked by keyboard, explored, and run, and every slide fits."""

import ast
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import expect

from browser import pages
from tools.execute import describe
from tools.publish import plans, slides
from tools.teach import present

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SCREEN = {"width": 1280, "height": 720}
LIVE = {"imports", "explorer"}
SHOWN = ("slide", "subslide", "fragment")
LEAST_TYPE = 20  # pixels of an explorer's words, sliders and numbers
# What an instructor tries first: a piece of a line on a slide, what is written in its place, and the claim that fails.
DEMONSTRATIONS = {
    "06_reparameterisation": (
        ".sample((5,))",
        ".rsample((5,))",
        "the average of plain draws depends on μ, but carries no gradient",
    ),
    "08_vae": (
        "optimizer.zero_grad()",
        "",
        "the VAE's bound on test digits is 10 nats or more above a model without latents",
    ),
}
FAILURE = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"

# Waits until a cell is active and the slide has been drawn: formulas are set, pictures are there, and nothing has moved
# for four frames. Returns what is then seen, or nothing after 20 seconds.
SETTLED = """arrival => new Promise(resolve => {
    const cells = [...document.querySelectorAll(".jp-Deck .jp-Notebook-cell")];
    const onScreen = () => cells.filter(cell => cell.classList.contains("jp-deck-mod-onscreen"));
    const rendered = cell => [...cell.querySelectorAll(".jp-RenderedMarkdown")].every(page => {
        const words = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
        while (words.nextNode())
            if (words.currentNode.data.includes("$") && !words.currentNode.parentElement.closest("code")) return false;
        return true;
    }) && [...cell.querySelectorAll("img")].every(image => image.complete);
    const seen = cell => cell.matches(".jp-deck-mod-onscreen.jp-deck-mod-visible")
        && (cell.innerText.trim() || cell.querySelector("img, mjx-container"));
    const end = performance.now() + 20000;
    let before = "", still = 0;
    const look = () => {
        const arrived = cells[arrival].classList.contains("jp-mod-active");
        const now = onScreen().map(cell => cell.getBoundingClientRect().height).join();
        still = arrived && now === before && onScreen().every(rendered) ? still + 1 : 0;
        before = now;
        if (still === 4) resolve(cells.flatMap((cell, index) => seen(cell) ? [index] : []));
        else if (performance.now() > end) resolve(null);
        else requestAnimationFrame(look);
    };
    look();
})"""
# A box that could be scrolled hides something. For prose it is asked of its parts: what MathJax adds for screen readers
# makes a box wider than anything that is seen.
CUT_OFF = """() => {
    const found = [];
    const cells = [...document.querySelectorAll(".jp-Deck .jp-deck-mod-onscreen")];
    const top = document.querySelector(".jp-Deck .jp-WindowedPanel-viewport").getBoundingClientRect().top;
    const bottom = Math.max(...cells.map(cell => cell.getBoundingClientRect().bottom)) - top;
    if (bottom > 0.96 * innerHeight) found.push(`${Math.round(bottom)} px high`);
    const say = (words, box) => {
        const text = box.innerText || box.alt || box.closest(".jp-Cell").innerText;  // a formula's signs are no text
        found.push(`${words}: ${text.replace(/\\s+/g, " ").slice(0, 60)}`);
    };
    for (const cell of cells) {
        for (const box of cell.querySelectorAll(".cm-scroller, .jp-OutputArea-output")) {
            const [wide, high] = [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight];
            if (box.clientWidth && (wide > 1 || high > 1)) say(`${wide} px too wide, ${high} px too high`, box);
        }
        const edge = cell.getBoundingClientRect();
        for (const part of cell.querySelectorAll("img, table, pre, mjx-math, mjx-mtable")) {
            const {left, right} = part.getBoundingClientRect();
            const wide = Math.round(Math.max(edge.left - left, right - edge.right));
            if (wide > 1) say(`${wide} px too wide`, part);
        }
    }
    return found;
}"""


SMALLEST_TYPE = """cell => Math.min(
    ...[...cell.querySelectorAll("strong, p, label, .widget-readout, select")]
        .filter(part => part.innerText.trim()).map(part => parseFloat(getComputedStyle(part).fontSize))
)"""


class Deck:
    """A presented lesson in the browser."""

    def __init__(self, page, address, notebook):
        self.page, self.notebook = page, notebook
        self.stops = [index for index, cell in enumerate(notebook.cells) if cell.metadata.slideshow.slide_type in SHOWN]
        page.set_viewport_size(SCREEN)
        page.goto(address)
        self.open()

    def open(self):
        """Wait until the page shows the deck, with its explorers alive."""
        self.page.locator(".jp-Deck .jp-deck-mod-onscreen").first.wait_for(timeout=60_000)
        expect(self.page.locator(".jp-Deck .jp-Notebook-cell")).to_have_count(len(self.notebook.cells))
        explorers = [cell for cell in self.notebook.cells if "explorer" in cell.metadata.get("tags", [])]
        expect(self.page.locator(".course-explorer img")).to_have_count(len(explorers))

    def cell(self, index):
        """Return a cell by its number in the copy."""
        return self.page.locator(".jp-Deck .jp-Notebook-cell").nth(index)

    def settle(self, arrival):
        """Wait until a cell is active and the slide has been drawn; return the cells that show something."""
        seen = self.page.evaluate(SETTLED, arrival)
        assert seen is not None, f"the slide with cell {arrival} did not appear, or did not come to rest"
        return seen

    def press(self, key, arrival):
        """Press a key that leads to a cell; return the cells that then show something."""
        self.page.keyboard.press(key)
        return self.settle(arrival)

    def place(self):
        """Return what stands in the corner: the slide's number, and how many there are."""
        return self.page.locator("#course-count").inner_text()

    def forward(self):
        """Walk to the last slide, yielding each cell that a press leads to and the cells that then show something."""
        yield self.stops[0], self.settle(self.stops[0])
        for stop in self.stops[1:]:
            yield stop, self.press("Space", stop)

    def ends_slide(self, stop):
        """Say whether the next cell that is shown, if any, begins a slide."""
        following = [index for index in self.stops if index > stop]
        return not following or self.notebook.cells[following[0]].metadata.slideshow.slide_type != "fragment"


def first_line(notebook, index):
    """Return what the room reads at the top of the slide that shows a cell."""
    start = next(i for i in range(index, -1, -1) if notebook.cells[i].metadata.slideshow.slide_type in SHOWN[:2])
    return describe(start, notebook.cells[start])


def overflow(deck: Deck, demonstrate=lambda stop: None) -> list[str]:
    """Walk the deck by keyboard, and return what is cut off on its slides, and the key presses that show nothing.

    Whatever is demonstrated at a stop, the slides after it must fit too.
    """
    troubles = []
    before = []
    for stop, seen in deck.forward():
        slide = first_line(deck.notebook, stop)
        if stop not in seen or seen == before:
            troubles.append(f"{slide}: the press that leads to cell {stop} shows nothing")
        if deck.ends_slide(stop):
            troubles += [f"{slide}: {words}" for words in deck.page.evaluate(CUT_OFF)]
        if "explorer" in deck.notebook.cells[stop].metadata.get("tags", []):
            small = deck.cell(stop).evaluate(SMALLEST_TYPE)
            if small < LEAST_TYPE:
                troubles.append(f"{slide}: words of {small} px in the explorer")
        demonstrate(stop)
        before = seen
    assert deck.press("Space", deck.stops[-1]) == before
    return troubles


def needed(cells, last):
    """Return the code cells that a cell builds on, with itself, by the names that they define and use."""
    wanted, found = set(), []
    for index in range(last, -1, -1):
        cell = cells[index]
        if cell.cell_type != "code" or {"exercise", "recall"} & set(cell.metadata.get("tags", [])):
            continue
        names = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)]
        defined = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        defined |= {node.name for node in ast.parse(cell.source).body if hasattr(node, "name")}
        if index == last or defined & wanted:
            found.append(cell.id)
            wanted |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return set(found)


def claiming(notebook, statement):
    """Return the cell that states a claim."""
    return next(i for i, cell in enumerate(notebook.cells) if statement in cell.source and "claim(" in cell.source)


@pytest.fixture
def plan():
    """The plan whose deck is presented: none, but the whole lesson; a test may name another."""
    return ""


@pytest.fixture
def presented(path, plan, tmp_path):
    """A lesson as the command serves it, with its explorers alive and the stored outputs of all other cells.

    What its demonstration needs has run as well. Code that neither is shown nor runs is left out: JupyterLab takes its
    time for what it hides, too. The first lesson, which the command presents, keeps all of it.
    """
    stage = present.prepare(path, tmp_path / "stage", plan)
    notebook = nbformat.read(stage.notebook, as_version=4)
    live = {cell.id for cell in notebook.cells if LIVE & set(cell.metadata.get("tags", []))}
    if path.stem in DEMONSTRATIONS:
        live |= needed(notebook.cells, claiming(notebook, DEMONSTRATIONS[path.stem][2]))
    notebook.cells = [cell for cell in notebook.cells if cell.id in live or cell.metadata.slideshow.slide_type in SHOWN]
    with present.serve(stage) as server:
        stage.write(notebook)
        present.run_cells(notebook, server.open_session(), chosen=lambda cell: cell.id in live)
        stage.write(notebook)
        yield server.address, notebook


# A page is closed before its server ends, of which it would complain: `page` is the later argument.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_slide_fits_and_every_press_shows_something(path, presented, page, screenshot):
    deck = Deck(page, *presented)
    if path.stem not in DEMONSTRATIONS:
        troubles = overflow(deck)
    else:
        old, new, statement = DEMONSTRATIONS[path.stem]
        claim = claiming(deck.notebook, statement)
        changed = next(i for i in deck.stops if i <= claim and old in deck.notebook.cells[i].source)

        def demonstrate(stop):
            if stop == changed:
                change(deck, stop, old, new)
            if stop == claim:
                page.keyboard.press("Control+Enter")
                fails(deck, stop, statement)
                screenshot(f"present-claim-{path.stem[:2]}")

        troubles = overflow(deck, demonstrate)
    assert not troubles, "\n".join(troubles)


# Of a plan's slide: the sizes of its letters, and which part of its width the explorer has.
LETTERS = """() => {
    const size = selector => parseFloat(getComputedStyle(document.querySelector(`.jp-Deck ${selector}`)).fontSize);
    const said = ".jp-OutputArea-output:not([data-mime-type$=stderr]) pre";  // a claim that fails has its own size
    return [size(".jp-RenderedMarkdown p"), size(".cm-content"), size(said)];
}"""
FILLED = """cell => {
    const screen = document.querySelector(".jp-Deck .jp-WindowedPanel-viewport").getBoundingClientRect().width;
    return cell.querySelector(".course-explorer").getBoundingClientRect().width / screen;
}"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plan", ["45"])
@pytest.mark.parametrize("path", [path for path in LESSONS if path.stem[:2] == "06"], ids=lambda path: path.stem)
def test_the_deck_of_a_plan_is_walked_explored_and_run(path, plan, presented, page, screenshot):
    address, notebook = presented
    deck = Deck(page, address, notebook)
    shown = plans.plan_of(path, nbformat.read(path, as_version=4), int(plan))[0]
    assert len(slides.slides_of(shown)) == int(deck.place().split(" / ")[1])
    old, new, statement = DEMONSTRATIONS[path.stem]
    moved, ran = [], []

    def demonstrate(stop):
        if "explorer" in notebook.cells[stop].metadata.get("tags", []):
            assert deck.cell(stop).evaluate(FILLED) > 0.85
            screenshot(f"present-plan-explorer-{stop}")
            explore(deck, stop)
            page.keyboard.press("Escape")
            moved.append(stop)
        if old in notebook.cells[stop].source and statement in notebook.cells[stop].source:
            change(deck, stop, old, new)
            fails(deck, stop, statement)
            screenshot("present-plan-run")
            ran.append(stop)

    assert overflow(deck, demonstrate) == []
    assert len(moved) == 2 and len(ran) == 1
    assert page.evaluate(LETTERS) == [36, 24, 24]
    stays(deck, deck.stops[-1])
    place = deck.place()
    page.reload()
    deck.open()
    deck.settle(deck.stops[-1])
    assert deck.place() == place
    deck.press("Shift+Space", deck.stops[-2])
    page.goto("about:blank")
    page.goto(address)
    deck.open()
    deck.settle(deck.stops[-2])
    expect(deck.cell(ran[0])).to_contain_text(new)


def change(deck, index, old, new):
    """Change a piece of a line on its slide from the keyboard, and run the cell."""
    lines = deck.notebook.cells[index].source.splitlines()
    row = next(i for i, line in enumerate(lines) if old in line)
    keys = ["Enter", "Control+Home", *["ArrowDown"] * row, "Home", "Shift+End", "Delete"]
    for key in keys:
        deck.page.keyboard.press(key)
    deck.page.keyboard.insert_text(lines[row].strip().replace(old, new))
    deck.page.keyboard.press("Control+Enter")


def fails(deck, index, statement):
    """See a claim fail before the room: its own words in large type first, then both sides, and no traceback."""
    failure = deck.cell(index).locator(FAILURE)
    expect(failure).to_have_count(1, timeout=120_000)
    first, *rest = failure.inner_text().strip().splitlines()
    assert first == f"✗ {statement}"
    assert len(rest) == 1 and rest[0].strip().startswith("measured ")
    sizes = failure.evaluate(
        "all => [all.querySelector('pre > span'), all.querySelector('pre')].map(one => getComputedStyle(one).fontSize)"
    )
    assert sizes == ["30px", "20px"]
    assert deck.page.evaluate(CUT_OFF) == []


@pytest.fixture
def command(tmp_path):
    """Present the first lesson with the command; yields its process, the addresses of deck and notes, and the copy."""
    arguments = [LESSONS[0].stem[:2], "--no-browser", f"--folder={tmp_path / 'stage'}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.teach.present", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "reload" in line:
                break
        else:
            pytest.fail("nothing is presented: " + "".join(said))
        notebook = nbformat.read(tmp_path / "stage" / "notebooks" / LESSONS[0].name, as_version=4)
        addresses = re.findall(r"http://\S+", "".join(said))
        assert len(addresses) == 2, "".join(said)
        yield process, addresses, notebook
    finally:
        process.terminate()
        process.communicate(timeout=60)


def explore(deck, index):
    """Move the first slider of an explorer by one step from the keyboard, and see its picture change."""
    explorer = deck.cell(index).locator(".course-explorer")
    picture, slider = explorer.locator("img"), explorer.locator(".noUi-handle").first
    source, words = picture.get_attribute("src"), picture.get_attribute("alt")
    slider.focus()
    slider.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", source)
    expect(picture).not_to_have_attribute("alt", words)


def rerun(deck, index):
    """Change a cell on its slide, run it, and see what it says; then return to the deck's keys."""
    deck.page.keyboard.press("Enter")
    deck.page.keyboard.press("Control+End")
    deck.page.keyboard.insert_text("\nprint(6 * 7)")
    deck.page.keyboard.press("Control+Enter")
    expect(deck.cell(index).locator(".jp-OutputArea-output").last).to_have_text(re.compile(r"\b42\s*$"))


@pytest.mark.timeout(600)
def test_a_whole_deck_is_walked_by_keyboard_with_an_explorer_moved_and_a_cell_run(command, page, axe, screenshot):
    process, said, notebook = command
    address, notes_address = said
    deck = Deck(page, address, notebook)
    notes = page.context.new_page()
    notes.set_viewport_size(SCREEN)
    notes.goto(notes_address)
    page.bring_to_front()
    slides = sum(notebook.cells[i].metadata.slideshow.slide_type in SHOWN[:2] for i in deck.stops)
    explorer = next(i for i in deck.stops if "explorer" in notebook.cells[i].metadata.get("tags", []))
    claim = next(i for i in deck.stops if i > explorer and "claim(" in notebook.cells[i].source)
    number = 0
    for stop, seen in deck.forward():
        assert stop in seen
        number += notebook.cells[stop].metadata.slideshow.slide_type != "fragment"
        assert deck.place() == f"{number} / {slides}"
        if stop == explorer:
            explore(deck, stop)
            screenshot("present-explorer")
            assert pages.machine_fonts(page, ".jp-Deck .jp-WindowedPanel-viewport") == []
            expect(notes.locator("#count")).to_have_text(f"Slide {number} of {slides}")
            expect(notes.locator("#note .question").first).to_be_visible()
            screenshot("present-notes", notes)
            assert pages.machine_fonts(notes, "body") == []
            page.reload()
            deck.open()
            deck.settle(explorer)
            explore(deck, explorer)
        if stop == claim:
            rerun(deck, stop)
            screenshot("present-run")
            assert pages.machine_fonts(page, ".jp-Deck .jp-WindowedPanel-viewport") == []
    expect(page.locator(".jp-Deck")).not_to_contain_text(re.compile("Solution|Presenter's note"))
    stays(deck, deck.stops[-1])
    deck.press("Shift+Space", deck.stops[-2])
    # The presenter's window turns the deck's pages.
    notes.keyboard.press("Space")
    deck.settle(deck.stops[-1])
    notes.keyboard.press("ArrowLeft")
    deck.settle(deck.stops[-2])

    page.locator(".jp-Deck-Remote .jp-deck-mod-stop").click()
    page.get_by_role("button", name="Back to the slides").click()
    deck.settle(deck.stops[-2])
    page.goto("about:blank")
    expect(notes.locator("#state")).to_contain_text("No deck is open")
    page.goto(address)
    deck.open()
    deck.settle(deck.stops[-2])
    expect(deck.cell(claim)).to_contain_text("print(6 * 7)")
    assert axe(notes) == []

    page.goto("about:blank")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=10)


def stays(deck, stop):
    """Press Escape wherever the keys may be: the deck stays on its slide and has them."""
    page, place = deck.page, deck.place()
    for take in (
        "() => {}",
        "() => document.activeElement.blur()",
        "() => document.querySelector('.jp-Deck-Remote button').focus()",
    ):
        page.evaluate(take)
        for _ in range(2):
            page.keyboard.press("Escape")
        expect(page.locator("#course-hint")).to_be_visible()
        assert deck.place() == place and stop in deck.settle(stop)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    deck.settle(stop)
