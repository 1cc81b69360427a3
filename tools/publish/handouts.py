"""Build the handouts: ``python -m tools.publish.handouts [--output FOLDER]`` (default: dist/handouts).

Each lesson gets one or two pages of A4, as HTML and as PDF: its central formulas, two or three of its figures, its
questions "Predict, then move" with lines for an answer, and what to remember. A sheet holds the formulas of all
lessons. docs/handouts/handouts.yml says which formulas and figures; all else, the formulas included, is taken from the
notebooks as they are stored, so nothing is written twice. The pages have the fonts and the MathJax of the site, and
load nothing from outside. The folder appears complete or not at all.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

from tools import fonts
from tools.publish import browser, npm, paper
from tools.publish.folders import interruptible, move_into_place, require_replaceable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("docs/handouts")
CHOICES = FOLDER / "handouts.yml"
ASSETS = ("handout.css", "handout.js")
MARKER = ".built-by-handouts"
SHEET = "formulas"
MOST_PAGES = 2
"""Pages of A4 that the handout of a lesson may have."""

MOST_LINES = 3
"""Lines for an answer, where the pages hold them."""

LONG = 340
"""Letters of a figure's description that are printed below it whole."""

_ASIDE = {"notes", "solution", "exercise", "recall"}
_SECTION = re.compile(r"^## (\d+\.\d+) (.+)$", re.MULTILINE)
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="fonts.css">
<link rel="stylesheet" href="handout.css">
<script>
MathJax = {{ chtml: {{ matchFontHeight: false, displayAlign: "left", displayIndent: "0" }} }};
</script>
<script src="mathjax/tex-mml-chtml.js" defer></script>
<script src="handout.js" defer></script>
</head>
<body{kind}>
<main>
{content}
</main>
</body>
</html>
"""


class HandoutsError(Exception):
    """The handouts cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Formula:
    """A formula of a lesson: its section, what is said of it, and its TeX as it stands in the notebook."""

    section: str
    words: str
    tex: str


@dataclass(frozen=True)
class Figure:
    """A figure of a lesson: its description, its picture, and its width over its height."""

    alt: str
    picture: bytes
    shape: float


# --- what the notebooks hold


def lessons(root: Path = ROOT) -> dict[str, Path]:
    """Return the lessons' notebooks by number."""
    return {path.name[:2]: path for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def _drawn(tex: str, *, alone: bool) -> str:
    begin, end = (r"\[", r"\]") if alone else (r"\(", r"\)")
    return html.escape(f"{begin}{tex}{end}")


def _markdown() -> MarkdownIt:
    def renderer(tex: str, options: Mapping[str, Any]) -> str:
        return _drawn(tex, alone=options["display_mode"])

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=renderer)


def _text_cells(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield the cells of text that belong to the lesson itself, each with the section in which it stands."""
    section = ""
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or _ASIDE & set(cell.metadata.get("tags", [])):
            continue
        if found := re.match(r"## (?:(\d+\.\d+) )?", cell.source):
            section = found[1] or ""
        yield section, cell


def tex_of(source: str) -> Iterator[tuple[str, bool]]:
    """Yield every formula of a Markdown text, and whether it stands on a line of its own."""
    for block in _markdown().parse(source):
        if block.type.startswith("math_block"):
            yield block.content.strip(), True
        for token in block.children or ():
            if token.type.startswith("math_inline"):
                yield token.content.strip(), token.type != "math_inline"


def find_formula(notebook: NotebookNode, section: str, begins: str) -> str:
    r"""Return the one formula of a section that begins like this, without a full stop or comma at its end.

    A formula on a line of its own goes before those within a line; so `\hat x` may name either.

    Raises
    ------
    HandoutsError : there is none, or there are several.
    """
    found: dict[bool, list[str]] = {True: [], False: []}
    for there, cell in _text_cells(notebook):
        if there == section:
            for tex, alone in tex_of(cell.source):
                if tex.startswith(begins) and tex not in found[alone]:
                    found[alone].append(tex)
    hits = found[True] or found[False]
    if len(hits) != 1:
        raise HandoutsError(
            f"section {section} has {len(hits) or 'no'} formulas that begin with {begins}: one is needed"
        )
    return re.sub(r"\s*[.,:]\s*$", "", hits[0])


def find_figure(notebook: NotebookNode, words: str, folder: Path) -> Figure:
    """Return the one figure, or picture in the text, whose description holds these words.

    `folder` is the notebook's, from which the addresses of pictures in the text count.

    Raises
    ------
    HandoutsError : there is none, or there are several.
    """
    hits = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            said = data.get("text/plain", "")
            if said.startswith("Figure: ") and words in said:
                hits.append((said.removeprefix("Figure: "), base64.b64decode(data["image/png"])))
        if cell.cell_type == "markdown":
            hits += [(alt, (folder / file).read_bytes()) for alt, file in _PICTURE.findall(cell.source) if words in alt]
    if len(hits) != 1:
        raise HandoutsError(f"{len(hits) or 'no'} figures have “{words}” in their descriptions: one is needed")
    ((alt, picture),) = hits
    return Figure(alt, picture, _shape(picture))


def _shape(png: bytes) -> float:
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    return width / height


def predictions(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return the questions that are to be answered before an explorer is moved, each with its section's heading."""
    headings = {found[1]: found[0] for cell in notebook.cells for found in [_SECTION.match(cell.source)] if found}
    return [
        (headings[section].removeprefix("## ") if section else "At the beginning", _question(paragraph))
        for section, cell in _text_cells(notebook)
        for paragraph in re.split(r"\n\s*\n", cell.source)
        if paragraph.startswith("**Predict")
    ]


def _question(paragraph: str) -> str:
    question = re.sub(r"^\*\*Predict[^*]*\*\*[.:]?\s*", "", paragraph)
    return question[0].upper() + question[1:]


def remember(notebook: NotebookNode) -> str:
    """Return the Markdown of what to remember.

    Raises
    ------
    HandoutsError : the lesson has no such section.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## What to remember\n"):
            return cell.source.partition("\n")[2].strip()
    raise HandoutsError("there is no section “What to remember”")


def formulas(notebook: NotebookNode, chosen: Mapping[str, Mapping[str, str]]) -> list[Formula]:
    """Return the formulas that `chosen` names by section, words and beginning.

    Raises
    ------
    HandoutsError : one of them is not in the notebook.
    """
    return [
        Formula(section, words, find_formula(notebook, section, begins))
        for section, entries in chosen.items()
        for words, begins in entries.items()
    ]


def read_choices(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Return the content of handouts.yml: for each lesson its formulas and its figures."""
    return yaml.safe_load((root / CHOICES).read_text(encoding="utf-8"))


# --- pages


def _on_paper(text: str) -> str:
    """Return Markdown as HTML for paper, where a link cannot be followed."""
    return _markdown().render(re.sub(r"(?<!!)\[([^\]]+)\]\([^)]+\)", r"\1", text)).strip()


def _table(rows: Sequence[Formula]) -> str:
    shown, last = [], ""
    for row in rows:
        place, last = (row.section if row.section != last else ""), row.section
        shown.append(
            f'<tr><td class="section">{place}</td><th scope="row" class="words">{html.escape(row.words)}</th>'
            f'<td class="math">{_drawn(row.tex, alone=True)}</td></tr>'
        )
    columns = '<colgroup><col class="section"><col class="words"><col></colgroup>'
    return f'<table class="formulas">{columns}<tbody>\n{chr(10).join(shown)}\n</tbody></table>'


def _prediction(heading: str, question: str, lines: int) -> str:
    """Return a question with lines for its answers, so many for each of its parts (a), (b), …"""
    letters = re.findall(r"\(([a-h])\)", question) or [""]
    blanks = "".join(
        f'<div class="line">{f"({one})" if one and not line else ""}</div>' for one in letters for line in range(lines)
    )
    return f'<div class="prediction"><h3>{_on_paper(heading)}</h3>{_on_paper(question)}{blanks}</div>'


def _caption(alt: str) -> str:
    """Return a figure's description, and of a long one its first sentence."""
    return alt if len(alt) <= LONG else re.split(r"(?<=[.])\s", alt)[0]


def handout(
    notebook: NotebookNode, chosen: Mapping[str, Any], folder: Path, lines: int = 1
) -> tuple[str, dict[str, bytes]]:
    """Return a lesson's handout as a page of HTML, and its pictures by their addresses.

    `folder` is the notebook's, and `lines` says how many lines each answer has.

    Raises
    ------
    HandoutsError : something that was chosen is not in the notebook.
    """
    title, promise, *_ = re.split(r"\n\s*\n", notebook.cells[0].source)
    title = title.removeprefix("# ")
    pictures, shown = {}, []
    for words in chosen["figures"]:
        figure = find_figure(notebook, words, folder)
        address = f"figures/{hashlib.sha256(figure.picture).hexdigest()[:20]}.png"
        pictures[address] = figure.picture
        alt = html.escape(figure.alt, quote=True)
        shown.append(
            f'<figure style="--shape: {figure.shape:.2f}"><img src="{address}" alt="{alt}">'
            f'<figcaption aria-hidden="true">{html.escape(_caption(figure.alt))}</figcaption></figure>'
        )
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<div class="promise">{_on_paper(promise)}</div>',
        "<h2>Formulas</h2>",
        _table(formulas(notebook, chosen["formulas"])),
        *shown,
        f'<section class="remember"><h2>What to remember</h2>{_on_paper(remember(notebook))}</section>',
        "<h2>Predict, then move</h2>",
        *(_prediction(*question, lines) for question in predictions(notebook)),
    ]
    return PAGE.format(title=html.escape(title), kind="", content="\n".join(parts)), pictures


def sheet(notebooks: Mapping[str, NotebookNode], choices: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the formulas of all lessons as a page of HTML.

    Raises
    ------
    HandoutsError : a formula is not in its notebook.
    """
    parts = ["<h1>The formulas of the course</h1>"]
    for number, notebook in notebooks.items():
        title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
        parts += [f"<h2>{html.escape(title)}</h2>", _table(formulas(notebook, choices[number]["formulas"]))]
    return PAGE.format(title="The formulas of the course", kind=' class="sheet"', content="\n".join(parts))


# --- building


def build(output: Path, *, root: Path = ROOT, numbers: Sequence[str] = ()) -> dict[str, int]:
    """Build handouts and sheet; returns the numbers of pages by the PDF's name.

    `numbers` are the lessons wanted, where not all are; there is no sheet then.

    Raises
    ------
    HandoutsError : a part is missing, something chosen is not in its notebook, a handout is longer than MOST_PAGES, or
        the folder exists and is not an earlier build.
    """
    output = output.resolve()
    require_replaceable(output, MARKER, HandoutsError)
    choices, paths = read_choices(root), lessons(root)
    if set(choices) != set(paths):
        raise HandoutsError(f"{CHOICES} and the notebooks differ in {sorted(set(choices) ^ set(paths))}")
    if unknown := set(numbers) - set(paths):
        raise HandoutsError(f"there is no lesson {sorted(unknown)[0]}; the lessons are {', '.join(paths)}")
    notebooks = {number: nbformat.read(path, as_version=4) for number, path in paths.items()}
    output.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".handouts-") as name:
        built = Path(name) / "handouts"
        built.mkdir()
        _write_assets(built, root)
        pages = {}
        try:
            with paper.printer() as printed:
                for number in numbers or paths:
                    pages |= _lesson(built, paths[number], notebooks[number], choices[number], printed)
                if not numbers:
                    source = built / f"{SHEET}.html"
                    source.write_text(sheet(notebooks, choices), encoding="utf-8")
                    pages[f"{SHEET}.pdf"] = printed(source, source.with_suffix(".pdf"))
        except (browser.BrowserError, paper.PaperError) as error:
            raise HandoutsError(str(error)) from error
        (built / MARKER).write_text("Built by tools/publish/handouts.py, which may replace this folder.\n")
        move_into_place(built, output, Path(name) / "earlier")
    return pages


def _lesson(
    built: Path, path: Path, notebook: NotebookNode, chosen: Mapping[str, Any], printed: paper.Print
) -> dict[str, int]:
    """Write and print a lesson's handout, with as many lines for answers as its pages hold."""
    source, tried = built / f"{path.stem}.html", built / "tried.pdf"
    kept, fewest = "", 0
    for lines in range(1, MOST_LINES + 1):
        try:
            page, pictures = handout(notebook, chosen, path.parent, lines)
        except HandoutsError as error:
            raise HandoutsError(f"{path.name}: {error}") from error
        for address, picture in pictures.items():
            (built / address).parent.mkdir(exist_ok=True)
            (built / address).write_bytes(picture)
        source.write_text(page, encoding="utf-8")
        count = printed(source, tried)
        if kept and count > fewest:
            break
        if count > MOST_PAGES:
            raise HandoutsError(
                f"{path.name}: the handout has {count} pages, and {MOST_PAGES} are allowed: choose fewer formulas or "
                f"figures in {CHOICES}"
            )
        kept, fewest = page, count
        tried.replace(source.with_suffix(".pdf"))
    source.write_text(kept, encoding="utf-8")
    tried.unlink(missing_ok=True)
    return {f"{path.stem}.pdf": fewest}


def _write_assets(built: Path, root: Path) -> None:
    try:
        npm.copy_mathjax(npm.package("mathjax"), built / "mathjax")
        fonts.copy_fonts(built / "fonts", built / "fonts.css")
    except (npm.NpmError, fonts.FontsError) as error:
        raise HandoutsError(str(error)) from error
    for asset in ASSETS:
        shutil.copy2(root / FOLDER / asset, built / asset)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish.handouts", description="Build the handouts.")
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="a number, such as 05; default: all of them, and a sheet"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "handouts", metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        pages = build(options.output, numbers=options.lessons)
    except HandoutsError as error:
        print(error, file=sys.stderr)
        return 1
    for name, count in pages.items():
        print(f"{name:<36}{count:2d} {'page' if count == 1 else 'pages'}")
    print(f"handouts: {options.output.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
