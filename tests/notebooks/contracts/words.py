"""Words: headings, links, what frames a lesson, and its voice."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from contracts.cells import (
    Pictures,
    anchors,
    headings,
    lesson_number,
    markdown_cells,
    prose,
    tags,
    without_code_and_maths,
    without_fences,
)
from contracts.registry import rule
from tools.execute import describe

BANNED = ("simply", "obviously", "just")
FRAME = ("You will be able to", "What to remember", "Common confusions", "Going further")
MAX_REMEMBER = 7


@rule
def heading_order(notebook: NotebookNode, path: Path) -> list[str]:
    """One title NN · Title on top, no level left out, sections and exercises numbered one after the other."""
    found, number = [], lesson_number(path)
    all_headings = headings(notebook)
    titles = [heading for heading in all_headings if heading.level == 1]
    if len(titles) != 1 or titles[0].cell != 0:
        found.append(f"there are {len(titles)} first-level headings; there must be one, in the first cell")
    elif not titles[0].text.startswith(f"{number:02d} · "):
        found.append(f"the title is '{titles[0].text}', it must start with '{number:02d} · '")
    level = 0
    for heading in all_headings:
        if heading.level > level + 1:
            found.append(f"cell {heading.cell}: '{heading.text}' has level {heading.level} after level {level}")
        level = heading.level
    found += _numbering([h.text for h in all_headings if h.level == 2 and h.text[0].isdigit()], number, "section", "")
    exercises = [h.text for h in all_headings if h.text.startswith("Exercise ")]
    found += _numbering(exercises, number, "exercise", "Exercise ")
    if not any(heading.level == 2 and heading.text[0].isdigit() for heading in all_headings):
        found.append(f"there is no section '## {number}.1 …'")
    return found


def _numbering(texts: list[str], number: int, kind: str, prefix: str) -> list[str]:
    wanted = [f"{prefix}{number}.{count}" for count in range(1, len(texts) + 1)]
    return [
        f"the {kind} '{text}' must start with '{start} '"
        for text, start in zip(texts, wanted, strict=True)
        if not text.startswith(f"{start} ")
    ]


@rule
def links(notebook: NotebookNode, path: Path) -> list[str]:
    """Every picture, relative link and anchor resolves offline; pictures never come from the web."""
    found = []
    for index, cell in markdown_cells(notebook):
        text = without_code_and_maths(cell.source)
        parts = Pictures(text)
        pictures = [*re.findall(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)", text), *parts.sources]
        plain = re.findall(r"(?<!!)\[(?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*\]\(\s*<?([^)\s>]*)", text)
        defined = re.findall(r"^\s{0,3}\[[^\]^]+\]:\s*<?([^\s>]+)", text, flags=re.MULTILINE)
        for target in [*pictures, *plain, *defined, *parts.links]:
            if trouble := _unresolved(target, cell, notebook, path, target in pictures):
                found.append(f"{describe(index, cell)} points to {target or 'nothing'}: {trouble}")
    return found


def _unresolved(target: str, cell: NotebookNode, notebook: NotebookNode, path: Path, picture: bool) -> str:
    """Say why the target of a link does not resolve; an empty string if it does."""
    if target.startswith(("http://", "https://")):
        return "a picture on the web is lost offline" if picture else ""
    if target.startswith("mailto:") or (picture and target.startswith("data:")):
        return ""
    if target.startswith("attachment:"):
        return (
            "" if target.removeprefix("attachment:") in cell.get("attachments", {}) else "there is no such attachment"
        )
    file, _, anchor = unquote(target).partition("#")
    if not file:
        return "" if anchor in anchors(notebook) else "no heading reads like that"
    course = path.parent.parent.resolve()
    wanted = (path.parent / file).resolve()
    if Path(file).is_absolute() or not wanted.is_relative_to(course):
        return "it leads out of the course"
    if not wanted.exists():
        return "there is no such file"
    if anchor and wanted.suffix == ".ipynb" and anchor not in anchors(nbformat.read(wanted, as_version=4)):
        return "that notebook has no such heading"
    return ""


@rule
def frame(notebook: NotebookNode, path: Path) -> list[str]:
    """A lesson says what it is for at the start and what to keep at the end, and links to those it builds on."""
    found = []
    texts = {heading.text: heading for heading in headings(notebook)}
    opening = _opening(notebook)
    if not re.search(r"\b\d+(?:[–-]\d+)? min", opening):
        found.append("the opening does not give the reading time ('… 30 min …')")
    number = lesson_number(path)
    for neighbour in (number - 1, number + 1):
        files = sorted(path.parent.glob(f"{neighbour:02d}_*.ipynb")) if neighbour >= 0 else []
        if files and files[0].name not in opening:
            found.append(f"the opening does not link to {files[0].name}")
    words = "\n".join(cell.source for _, cell in markdown_cells(notebook))
    for mentioned in sorted(set(re.findall(r"\b[Ll]essons? (\d\d)\b", words))):
        if int(mentioned) < number and f"]({mentioned}_" not in words:
            found.append(f"it builds on lesson {mentioned} and nowhere links to it")
    if number < 1:
        return found
    for wanted in FRAME:
        if not any(text.startswith(wanted) for text in texts):
            found.append(f"there is no section '{wanted}'")
    if not _has_early_picture(notebook):
        found.append("no picture stands before the first section")
    outcomes = _lines_below(notebook, FRAME[0])
    bullets = sum(bool(re.match(r"\s*(?:[-*+]|\d+\.)\s", line)) for line in outcomes)
    if outcomes and not 3 <= bullets <= 5:
        found.append(f"'{FRAME[0]}' lists {bullets} outcomes; 3 to 5 are wanted")
    remembered = len(_lines_below(notebook, FRAME[1]))
    if remembered > MAX_REMEMBER:
        found.append(f"'{FRAME[1]}' has {remembered} lines, more than {MAX_REMEMBER}")
    year = r"\b(?:1[5-9]|20)\d\d\b(?!\.\d)"  # and not the start of an arXiv number
    papers = [line for line in _lines_below(notebook, FRAME[3]) if re.match(r"\s*(?:[-*+]|\d+\.)\s", line)]
    undated = [paper for paper in papers if not re.search(year, prose(paper))]
    found += [f"'{FRAME[3]}' lists a paper without its year: {paper}" for paper in undated]
    return found


def _opening(notebook: NotebookNode) -> str:
    """Return the words before the first second-level heading."""
    second = next((heading.cell for heading in headings(notebook) if heading.level == 2), len(notebook.cells))
    cells = [cell.source for index, cell in markdown_cells(notebook) if index <= second]
    return re.split(r"^## ", "\n".join(cells), maxsplit=1, flags=re.MULTILINE)[0]


def _has_early_picture(notebook: NotebookNode) -> bool:
    numbered = (heading.cell for heading in headings(notebook) if heading.level == 2 and heading.text[0].isdigit())
    early = notebook.cells[: next(numbered, 0)]
    drawn = any("image/png" in output.get("data", {}) for cell in early for output in cell.get("outputs", []))
    return drawn or any(re.search(r"!\[|<img", cell.source) for cell in early if cell.cell_type == "markdown")


def _lines_below(notebook: NotebookNode, start: str) -> list[str]:
    """Return the lines that are not blank below the heading that starts so, up to a heading or code."""
    lines, inside = [], False
    for cell in notebook.cells:
        if "notes" in tags(cell):
            continue
        if cell.cell_type == "code":
            inside = False
            continue
        for line in without_fences(cell.source).splitlines():
            if heading := re.match(r"#{1,6} +(.+)", line):
                inside = heading[1].startswith(start)
            elif inside and line.strip():
                lines.append(line)
    return lines


@rule
def voice(notebook: NotebookNode, path: Path) -> list[str]:
    """No word that makes a reader feel slow, and nothing left to be done."""
    found = []
    for index, cell in enumerate(notebook.cells):
        words = prose(cell.source) if cell.cell_type == "markdown" else ""
        for word in BANNED:
            if re.search(rf"\b{word}\b", words, flags=re.IGNORECASE):
                found.append(f"{describe(index, cell)} says '{word}'")
        if re.search(r"\b(?:TODO|FIXME|XXX)\b", cell.source):
            found.append(f"{describe(index, cell)} leaves something to be done")
    return found
