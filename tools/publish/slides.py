"""Build the slides: ``python -m tools.publish.slides [LESSON ...] [--output FOLDER]`` (default: all, in dist/slides).

Each lesson becomes a deck of reveal.js for each of its plans (06-45.html and 06-90.html; tools/publish/plans.py says
what a plan shows), or one deck, cut from the stored notebook by its slideshow metadata; nothing is executed.
Cells of type `skip` and solutions are left out, a cell of claims or with a picture shows what came out alone,
explorers answer to their sliders, and the presenter's notes of a section stand behind each of its slides (key S).
Everything that a deck loads lies beside it in `assets`, with its licences: the folder works from a stick, without
network.

``--check`` opens the decks in Chromium and fails where a slide leaves less than 4 % of its 1280 × 720 free at its
right or its bottom. ``--pdf`` prints them too, one page a slide, with explorers as they start.
"""

from __future__ import annotations

import argparse
import copy
import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from tools import fonts
from tools.publish import browser, frames, npm, plans
from tools.publish.folders import interruptible, move_into_place, require_replaceable
from tools.publish.slide_types import NOTE, kind, speaks_for_itself, unfolded

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
DECK = Path(__file__).resolve().parent / "deck"
MARKER = ".built-by-slides"
WIDTH, HEIGHT = 1280, 720
"""How large a slide is; the page hands it on to deck.js and deck.css."""

MARGIN = 0.04
"""The part of a slide that stays free at its right and at its bottom."""

MOST = 30
"""The most slides that a lesson may have."""

REVEAL_PARTS = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "LICENSE")
NOTES_PARTS = ("notes.js", "speaker-view.html")


class SlidesError(Exception):
    """The slides cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Deck:
    """What is known of a lesson's slides: title, number of slides, and minutes by the presenter's notes."""

    name: str
    title: str
    slides: int
    minutes: int


# --- from a notebook to slides ----------------------------------------------------------------------------------------


def slides_of(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """Return the cells of each slide, subslides counted as slides."""
    slides: list[list[NotebookNode]] = []
    for cell in notebook.cells:
        if kind(cell) in ("slide", "subslide"):
            slides.append([cell])
        elif kind(cell) == "fragment":
            if not slides:
                raise SlidesError(f"the first cell shown is a fragment of no slide: {cell.source[:60]!r}")
            slides[-1].append(cell)
    return slides


def minutes_of(notebook: NotebookNode) -> int:
    """Return the sum of the minutes that the presenter's notes give to the sections."""
    found = [NOTE.match(cell.source) for cell in notebook.cells if kind(cell) == "notes"]
    return sum(int(note[1]) for note in found if note)


def deck_notebook(
    notebook: NotebookNode, fragments: Mapping[int, str], decks: Mapping[str, str] | None = None
) -> NotebookNode:
    """Return the notebook as a deck shows it; `decks` names those that do not have their lesson's name.

    Skipped cells and solutions are gone, pictures stand without the code that draws them, an explorer is the fragment
    given for its cell, links lead to the other lessons' decks, and each slide has the notes of its section.
    """
    notebook = copy.deepcopy(notebook)
    cells: list[NotebookNode] = []
    for section, note in _sections(notebook, fragments, decks or {}):
        for cell in section:
            cells.append(cell)
            if note is not None and kind(cell) in ("slide", "subslide"):
                cells.append(nbformat.v4.new_markdown_cell(note, metadata={"slideshow": {"slide_type": "notes"}}))
    notebook.cells = cells
    return notebook


def _sections(
    notebook: NotebookNode, fragments: Mapping[int, str], decks: Mapping[str, str]
) -> Iterator[tuple[list[NotebookNode], str | None]]:
    """Yield the cells that each section shows, with its note."""
    section: list[NotebookNode] = []
    note = None
    for index, cell in enumerate(notebook.cells):
        if kind(cell) == "slide" and section:
            yield section, note
            section, note = [], None
        if kind(cell) == "notes":
            note = _note(cell.source)
        elif kind(cell) != "skip" and "solution" not in cell.metadata.get("tags", []):
            section.append(_shown(cell, fragments.get(index), decks))
    yield section, note


def _note(source: str) -> str:
    found = NOTE.match(source)
    if not found:
        raise SlidesError(f"a presenter's note does not say its minutes: {source[:60]!r}")
    return f"**{found[1]} minutes for this section.**\n\n{found[2].strip()}"


def _shown(cell: NotebookNode, fragment: str | None, decks: Mapping[str, str]) -> NotebookNode:
    if cell.cell_type == "markdown":

        def link(found: re.Match[str]) -> str:
            return f"]({decks.get(found[1], found[1])}.html)"

        cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb(#[^)]*)?\)", link, unfolded(cell.source))
        return cell
    if speaks_for_itself(cell):
        cell.metadata["transient"] = {"remove_source": True}
    if fragment is not None:
        cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": fragment})]
    if "exercise" in cell.metadata.get("tags", []):
        cell.outputs = []
    return cell


def deck_html(notebook: NotebookNode, title: str, folder: Path, *, large: bool = False) -> str:
    """Return the page of a deck; `folder` is where the notebook's pictures are; a plan's deck is set in large type."""
    settings = Config()
    settings.CSSHTMLHeaderPreprocessor.style = "a11y-high-contrast-light"
    exporter = SlidesExporter(
        config=settings,
        template_name="deck",
        extra_template_basedirs=[str(DECK.parent)],
        embed_images=True,
    )
    deck = {"title": title, "width": WIDTH, "height": HEIGHT, "large": large}
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}, "deck": deck})
    return page


# --- the folder -------------------------------------------------------------------------------------------------------


def build(output: Path, *, root: Path = ROOT, lessons: Sequence[str] = ()) -> list[Deck]:
    """Build the decks of the course at `root`; returns what is known of each.

    Raises
    ------
    SlidesError
        A lesson has too many slides or cannot be shown, npm cannot bring what decks load, the course's fonts are not
        complete, or the folder exists and is not an earlier one.
    """
    output = output.resolve()
    require_replaceable(output, MARKER, SlidesError)
    paths = _paths(root, lessons)
    try:
        packages = npm.package("reveal.js"), npm.package("mathjax")
        fragments = frames.all_fragments(paths)
    except (npm.NpmError, frames.FramesError) as error:
        raise SlidesError(str(error)) from error
    output.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".slides-") as name:
        staging = Path(name) / "slides"
        try:
            _write_assets(staging / "assets", *packages)
        except fonts.FontsError as error:
            raise SlidesError(str(error)) from error
        decks = [deck for path in paths for deck in _write_decks(path, staging, fragments[path], root)]
        (staging / "index.html").write_text(_index(decks), encoding="utf-8")
        (staging / MARKER).write_text("Built by tools/publish/slides.py, which may replace this folder.\n")
        move_into_place(staging, output, Path(name) / "earlier")
    return decks


def _paths(root: Path, lessons: Sequence[str]) -> list[Path]:
    paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise SlidesError(f"{root / 'notebooks'} holds no lesson (NN_topic.ipynb)")
    unknown = [lesson for lesson in lessons if not any(path.name.startswith(f"{lesson}_") for path in paths)]
    if unknown:
        known = ", ".join(path.name[:2] for path in paths)
        raise SlidesError(f"there is no lesson {' or '.join(unknown)}: name them by number, from {known}")
    return [path for path in paths if not lessons or path.name[:2] in lessons]


def _write_decks(path: Path, folder: Path, fragments: Mapping[int, str], root: Path) -> list[Deck]:
    """Write the decks of a lesson: one for each plan, or one for the lesson that has none."""
    notebook = nbformat.read(path, as_version=4)
    title = plans.title_of(notebook)
    try:
        wanted = plans.plans_of(notebook)
        decks = [_write_plan(path, notebook, plan, folder, fragments, root) for plan in wanted]
        if wanted:
            return decks
        count = len(slides_of(notebook))
        if count > MOST:
            raise SlidesError(f"{count} slides are more than {MOST}: set some of its cells to skip")
        shown = deck_notebook(notebook, fragments, _names_of_decks(root))
        (folder / f"{path.stem}.html").write_text(deck_html(shown, title, path.parent), encoding="utf-8")
    except (SlidesError, plans.PlanError) as error:
        raise SlidesError(f"{path.name}: {error}") from error
    return [Deck(path.stem, title, count, minutes_of(notebook))]


def _write_plan(
    path: Path, lesson: NotebookNode, plan: int, folder: Path, fragments: Mapping[int, str], root: Path
) -> Deck:
    title, name = plans.title_of(lesson), f"{path.stem[:2]}-{plan}"
    notebook, came_from = plans.plan_of(path, lesson, plan, root)
    slides = slides_of(notebook)
    if found := plans.troubles(slides, plans.imported(lesson)):
        raise SlidesError("\n".join([f"the plan of {plan} minutes has slides that are none:", *found]))
    moved = {index: fragments[old] for index, old in came_from.items() if old in fragments}
    shown = deck_notebook(notebook, moved, _names_of_decks(root, plan))
    page = deck_html(shown, f"{title} · {plan} minutes", path.parent, large=True)
    (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return Deck(name, title, len(slides), minutes_of(notebook))


def _names_of_decks(root: Path, plan: int = 90) -> dict[str, str]:
    """Return for each lesson with plans the name of the deck that links from another lead to."""
    names = {}
    for path in _paths(root, ()):
        there = plans.plans_of(nbformat.read(path, as_version=4))
        if there:
            names[path.stem] = f"{path.stem[:2]}-{plan if plan in there else there[-1]}"
    return names


def _write_assets(target: Path, reveal: Path, mathjax: Path) -> None:
    (target / "reveal" / "notes").mkdir(parents=True)
    for part in REVEAL_PARTS:
        shutil.copy2(reveal / part, target / "reveal" / Path(part).name)
    for part in NOTES_PARTS:
        shutil.copy2(reveal / "plugin" / "notes" / part, target / "reveal" / "notes" / part)
    npm.copy_mathjax(mathjax, target / "mathjax")
    fonts.copy_fonts(target / "fonts", target / "fonts.css")
    for file in (DECK / "deck.js", DECK / "deck.css", frames.SCRIPT, frames.STYLES):
        shutil.copy2(file, target / file.name)
    shutil.copy2(ROOT / "docs" / "site" / "static" / "favicon.svg", target / "favicon.svg")


def _index(decks: Sequence[Deck]) -> str:
    rows = "\n".join(
        f'<tr><td><a href="{deck.name}.html">{html.escape(deck.title)}</a></td><td>{deck.slides}</td>'
        f"<td>{deck.minutes}</td></tr>"
        for deck in decks
    )
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slides · Variational inference and variational autoencoders</title>
<link rel="icon" href="assets/favicon.svg">
<link rel="stylesheet" href="assets/fonts.css">
<style>
body {{ font: 20px/1.5 var(--course-text); font-synthesis: none; font-variant-numeric: tabular-nums;
  text-rendering: geometricPrecision; color: #1a1a1a; background: #fff; max-width: 44em; margin: 2em auto;
  padding: 0 1em; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid #999; }}
a {{ color: #00558a; }}
</style>
</head>
<body>
<main>
<h1>Slides</h1>
<p>Space goes on, Shift and Space back, S opens the presenter's notes in a window, F fills the screen, O shows all
slides. In an explorer the arrow keys move a slider; Escape leaves it.</p>
<table>
<thead><tr><th scope="col">Lesson</th><th scope="col">Slides</th><th scope="col">Minutes</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
</body>
</html>
"""


# --- what does not fit ------------------------------------------------------------------------------------------------

_MEASURE = """() => Reveal.getSlides().map((slide) => {
  const {h, v} = Reveal.getIndices(slide);
  Reveal.slide(h, v, 99);
  const frame = slide.getBoundingClientRect(), scale = Reveal.getScale();
  const ends = [...slide.querySelectorAll(".cell *")]
    // A formula's own boxes count, and not those of its signs: a part of a tall bracket reaches beyond what is seen.
    .filter((part) => !part.closest(".notes, script") && !part.parentElement.closest("mjx-container"))
    .map((part) => part.getBoundingClientRect()).filter((box) => box.width > 0);
  return {
    words: slide.innerText.trim().split("\\n")[0],
    right: Math.max(...ends.map((box) => box.right - frame.left)) / scale,
    bottom: Math.max(...ends.map((box) => box.bottom - frame.top)) / scale,
  };
})"""


def cut_off(page: Page) -> list[str]:
    """Visit every slide of an open deck; return a line for each that does not keep its margins."""
    return [
        f"slide {number} ({slide['words'][:40]}): {slide['right']:.0f} × {slide['bottom']:.0f}"
        for number, slide in enumerate(page.evaluate(_MEASURE), start=1)
        if slide["right"] > (1 - MARGIN) * WIDTH or slide["bottom"] > (1 - MARGIN) * HEIGHT
    ]


def oversized(folder: Path) -> list[str]:
    """Open every deck of a folder in Chromium; return a line for each slide that does not keep its margins.

    Raises
    ------
    SlidesError : there is no browser, or a deck does not start.
    """
    return [f"{path.stem}, {line}" for path, page in _opened(folder) for line in cut_off(page)]


def _opened(folder: Path, query: str = "") -> Iterator[tuple[Path, Page]]:
    """Yield every deck of a folder with its page, started, one after the other."""
    try:
        with browser.browser() as chromium:
            page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for path in sorted(folder.glob("[0-9][0-9][_-]*.html")):
                page.goto(path.as_uri() + query)
                page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
                yield path, page
    except browser.BrowserError as error:
        raise SlidesError(str(error)) from error


# --- on paper ---------------------------------------------------------------------------------------------------------


def write_pdfs(folder: Path) -> list[Path]:
    """Print every deck of a folder beside it, one page a slide with all that comes on it; return the files.

    Raises
    ------
    SlidesError : there is no browser, or a deck does not start.
    """
    written = []
    for path, page in _opened(folder, "?print-pdf"):
        page.wait_for_selector(".pdf-page")
        pages = page.locator(".pdf-page").count()  # Chromium would add an empty one
        size = {"width": f"{WIDTH}px", "height": f"{HEIGHT}px"}
        paper = page.pdf(**size, print_background=True, page_ranges=f"1-{pages}")
        path.with_suffix(".pdf").write_bytes(paper)
        written.append(path.with_suffix(".pdf"))
    return written


# --- the command ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built or a slide is too large."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish.slides", description="Build the lessons' slides.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 03 (default: all)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "slides", metavar="FOLDER")
    parser.add_argument("--check", action="store_true", help="fail where a slide has no margin left; needs Chromium")
    parser.add_argument("--pdf", action="store_true", help="print the decks too, one page a slide; needs Chromium")
    options = parser.parse_args(arguments)
    try:
        decks = build(options.output, lessons=options.lessons)
        cut = oversized(options.output) if options.check else []
        if options.pdf:
            write_pdfs(options.output)
    except SlidesError as error:
        print(error, file=sys.stderr)
        return 1
    for deck in decks:
        size = (options.output / f"{deck.name}.html").stat().st_size / 1e6
        print(f"{deck.name:<32}{deck.slides:3} slides {deck.minutes:4} min {size:6.2f} MB")
    print(f"slides: {options.output.resolve() / 'index.html'}")
    if cut:
        room = f"{(1 - MARGIN) * WIDTH:.0f} × {(1 - MARGIN) * HEIGHT:.0f}"
        print(f"larger than {room}, which leaves a margin of {MARGIN:.0%}:", *cut, sep="\n", file=sys.stderr)
    return int(bool(cut))


if __name__ == "__main__":
    sys.exit(interruptible(main))
