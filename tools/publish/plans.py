"""Decks for a plan: which cells of a lesson the room sees in 45 or in 90 minutes, and in which words.

A cell that a plan shows says so in its metadata, under ``deck``:

    {"plans": [45, 90], "words": "### 6.2, continued\\n\\nAdd 100 to f. What changes?", "code": true, "claim": 1}

plans : list of int
    The minutes of the plans whose decks show the cell.
words : str, optional
    What the slide says: of a text, in its place; of a code cell, before what came out.
code : bool, optional
    Whether the cell's code is shown; left out, only what came out is.
claim : int, optional
    Of several claims, the one whose ✓ is shown, counted from 0; left out, the first.

Words that begin with a heading begin a slide; without one they come on the slide before, one press further. The minutes
of each section are those of the plan on the instructor's page, which also says on which slides it is.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.publish.slide_types import NOTE, code_names, folded, has_picture, kind, unfolded

ROOT = Path(__file__).resolve().parents[2]
GUIDE = "docs/instructor"
WORDS, LINES, COLUMNS = 60, 10, 78
"""What a slide holds at most: words, lines of code, and columns of code at 24 px."""


class PlanError(Exception):
    """There is no such plan, or it cannot be cut from its lesson; the message says why and what to do."""


ELSEWHERE = re.compile(
    r"\b(below|folded|unfold|(?:next|last|previous) cell|cells? (?:above|before|after))\b", re.IGNORECASE
)
"""Words that speak of a notebook's page, and have no meaning on a slide."""


def plans_of(notebook: NotebookNode) -> list[int]:
    """Return the plans that have a deck, in minutes."""
    return sorted({plan for cell in notebook.cells for plan in cell.metadata.get("deck", {}).get("plans", [])})


def plan_of(path: Path, lesson: NotebookNode, plan: int, root: Path = ROOT) -> tuple[NotebookNode, dict[int, int]]:
    """Return what `plan_notebook` makes of the lesson at `path`, with the minutes of its instructor's page.

    Raises
    ------
    PlanError : the lesson has no deck for this plan, or what the plan says of it cannot be read.
    """
    there = plans_of(lesson)
    if not there:
        raise PlanError(f"{path.stem} has no deck for a plan yet, only that of the whole lesson")
    if plan not in there:
        known = " and ".join(str(minutes) for minutes in there)
        raise PlanError(f"{path.stem} has no deck for {plan} minutes, but one for {known}")
    try:
        return plan_notebook(lesson, plan, plan_minutes(guide_page(path, root), plan, title_of(lesson)))
    except (AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
        raise PlanError(
            f"{path.stem} has a deck for {plan} minutes that cannot be cut: its metadata `deck` or the table in "
            f"{GUIDE}/{path.stem[:2]}.md has not the form that CONTRIBUTING.md describes ({error})"
        ) from error


def title_of(notebook: NotebookNode) -> str:
    """Return the lesson's title."""
    found = re.search(r"^# (.+)$", notebook.cells[0].source, flags=re.MULTILINE)
    return found[1].strip() if found else "A lesson"


def plan_notebook(notebook: NotebookNode, plan: int, minutes: Mapping[str, int]) -> tuple[NotebookNode, dict[int, int]]:
    """Return the lesson as a plan's deck shows it, and for each of its cells that were there the number it had.

    Parameters
    ----------
    notebook : NotebookNode
        The lesson; it is not changed.
    plan : int
        The plan's minutes.
    minutes : mapping of str to int
        The plan's minutes for each section, by its heading.
    """
    notebook = copy.deepcopy(notebook)
    cells: list[NotebookNode] = []
    came_from: dict[int, int] = {}
    section = ""
    shown = _sections_of(notebook, plan)
    for index, cell in enumerate(notebook.cells):
        if heading := section_of(cell):
            _end_section(cells, minutes.get(section, 0))
            section = heading
        deck = cell.metadata.get("deck", {})
        if kind(cell) == "notes":
            if section in shown:  # the note of a section without slides would stand behind another one's
                _take_note(cell, cells, minutes.get(section, 0))
            continue
        if plan not in deck.get("plans", []):
            _set_kind(cell, "skip")
        elif cell.cell_type == "markdown":
            cell.source = deck.get("words", unfolded(cell.source))
            _set_kind(cell, _kind_of(cell.source))
        else:
            if words := deck.get("words"):
                said = nbformat.v4.new_markdown_cell(words, id=f"{cell.id[:58]}-words")
                _set_kind(said, _kind_of(words))
                cells.append(said)
            _show_code(cell, deck)
            _set_kind(cell, "fragment")
        came_from[len(cells)] = index
        cells.append(cell)
    _end_section(cells, minutes.get(section, 0))
    notebook.cells = cells
    return notebook, came_from


def _sections_of(notebook: NotebookNode, plan: int) -> set[str]:
    """Return the headings of the sections of which a plan shows a cell."""
    section, found = "", set()
    for cell in notebook.cells:
        section = section_of(cell) or section
        if plan in cell.metadata.get("deck", {}).get("plans", []):
            found.add(section)
    return found


def section_of(cell: NotebookNode) -> str:
    """Return the heading of the section that a cell begins, or an empty string."""
    found = re.match(r"#{1,2} (.+)", cell.source) if cell.cell_type == "markdown" else None
    return found[1].strip() if found else ""


def _set_kind(cell: NotebookNode, name: str) -> None:
    cell.metadata["slideshow"] = NotebookNode(slide_type=name)


def _kind_of(words: str) -> str:
    return "slide" if re.match(r"#{1,2} ", words) else "subslide" if words.startswith("#") else "fragment"


def _end_section(cells: list[NotebookNode], minutes: int) -> None:
    """Give a section that has minutes in the plan and no note in the lesson a note of its minutes alone."""
    if minutes and not any(kind(cell) == "notes" for cell in _of_section(cells)):
        note = nbformat.v4.new_markdown_cell("", id=f"minutes-{len(cells)}")
        _set_kind(note, "notes")
        note.source = _note("", minutes)
        cells.append(note)


def _of_section(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield the cells of the section that was begun last, from its end."""
    for cell in reversed(cells):
        yield cell
        if section_of(cell):
            return


def _note(text: str, minutes: int) -> str:
    return f"<details><summary>Presenter's note · {minutes} min</summary>\n\n{text}\n\n</details>"


def _take_note(cell: NotebookNode, cells: list[NotebookNode], minutes: int) -> None:
    """Append a note with the plan's minutes; a section's second note goes into its first."""
    text = NOTE.match(cell.source)[2].strip()
    for earlier in _of_section(cells):
        if kind(earlier) == "notes":
            earlier.source = earlier.source.replace("\n\n</details>", f"\n\n{text}\n\n</details>")
            return
    cell.source = _note(text, minutes)
    cells.append(cell)


def _show_code(cell: NotebookNode, deck: Mapping[str, object]) -> None:
    """Hide the code unless it is to be seen, and keep one claim of several, in the code and in what came out.

    What came out leaves a claim's tolerance to the notebook.
    """
    shown = bool(deck.get("code", False))
    cell.metadata["jupyter"] = NotebookNode(source_hidden=not shown)
    if shown:
        cell.source = without_docstrings(cell.source)
    claims = [node for node in ast.parse(cell.source).body if _is_claim(node)]
    for output in cell.outputs:
        if claims and output.output_type == "stream":  # from the last row a tolerance is noise
            output.text = re.sub(r"^(✓ .*?) {3}within .*$", r"\1", output.text, flags=re.MULTILINE)
    if len(claims) < 2:
        return
    wanted = claims[int(str(deck.get("claim", 0)))]
    lines = cell.source.splitlines()
    for node in reversed(claims):
        if node is not wanted:
            del lines[node.lineno - 1 : node.end_lineno]
    cell.source = "\n".join(lines).strip("\n")
    for output in cell.outputs:
        if output.output_type == "stream":
            said = output.text.splitlines(keepends=True)
            ticks = [line for line in said if line.startswith("✓")]
            kept = ticks[claims.index(wanted) : claims.index(wanted) + 1]
            output.text = "".join(line for line in said if not line.startswith("✓") or line in kept)


def without_docstrings(source: str) -> str:
    """Return code without the docstrings of its functions: on a slide the words beside it say what they do."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    said = [node.body[0] for node in functions if ast.get_docstring(node) is not None and len(node.body) > 1]
    for node in sorted(said, key=lambda node: -node.lineno):
        del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines)


def _is_claim(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "claim"


# --- the plan on the instructor's page --------------------------------------------------------------------------------


def plan_rows(page: str, plan: int) -> list[list[str]]:
    """Return the cells of the rows of a plan's table on an instructor's page."""
    part = re.search(rf"^## In {plan} minutes\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    lines = [line.strip().strip("|").split("|") for line in (part[1] if part else "").splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def plan_minutes(page: str, plan: int, title: str) -> dict[str, int]:
    """Return a plan's minutes by section; the opening is named by the lesson's `title`."""
    rows = plan_rows(page, plan)
    return {title if row[1] == "opening" else row[1]: int(row[0]) for row in rows if row[1] != "break"}


def guide_page(path: Path, root: Path = ROOT) -> str:
    """Return the instructor's page of a lesson, or an empty text where there is none."""
    page = root / GUIDE / f"{path.stem[:2]}.md"
    return page.read_text(encoding="utf-8") if page.is_file() else ""


def slides_of_sections(slides: Sequence[Sequence[NotebookNode]]) -> dict[str, tuple[int, int]]:
    """Return for each section of a deck its first and its last slide, counted from 1."""
    found: dict[str, tuple[int, int]] = {}
    section = ""
    for number, slide in enumerate(slides, start=1):
        section = section_of(slide[0]) or section
        found[section] = (found.get(section, (number, number))[0], number)
    return found


# --- what a slide may hold --------------------------------------------------------------------------------------------


def troubles(slides: Sequence[Sequence[NotebookNode]], known: set[str]) -> list[str]:
    """Return which slides of a plan's deck are pages and not slides, one line each.

    Parameters
    ----------
    slides : list of lists of NotebookNode
        The cells of each slide, of a notebook that `plan_notebook` made.
    known : set of str
        The names that need no definition on a slide: those of the import cell.
    """
    found = []
    names = set(known) | set(dir(builtins))
    for number, slide in enumerate(slides, start=1):
        found += [f"slide {number} ({_first_words(slide)}): {words}" for words in _troubles(slide, names)]
    return found


def _troubles(slide: Sequence[NotebookNode], names: set[str]) -> Iterator[str]:
    """Yield what is wrong with one slide, and add the names that it introduces to those that are known."""
    if not slide[0].source.startswith("#"):
        yield "it has no heading"
    if (count := word_count(slide)) > WORDS:
        yield f"{count} words, more than {WORDS}"
    shown = [cell for cell in slide if cell.cell_type == "code" and not folded(cell)]
    lines = [line for cell in shown for line in cell.source.splitlines() if line.strip()]
    if len(lines) > LINES:
        yield f"{len(lines)} lines of code, more than {LINES}"
    if wide := [line for line in lines if len(line) > COLUMNS]:
        yield f"a line of code has {len(wide[0])} columns, more than {COLUMNS}: {wide[0].strip()}"
    texts = [cell.source for cell in slide if cell.cell_type == "markdown"]
    for text in texts:
        names |= set(re.findall(r"`([A-Za-z_]\w*)", text))
        if words := ELSEWHERE.search(re.sub(r"\$\$.*?\$\$|\$[^$]+\$|\A#+ [^\n]*", " ", text, flags=re.DOTALL)):
            yield f"it speaks of a page: {words[0]!r}"
    for cell in shown:
        reads, stores = code_names(cell.source)
        if unknown := sorted(reads - names):
            yield f"its code uses {', '.join(unknown)}, which no slide has defined"
        names |= stores
    for cell in slide:
        if cell.cell_type == "code" and folded(cell) and not cell.outputs:
            yield "a cell has neither code nor anything that came out of it"


def word_count(slide: Sequence[NotebookNode]) -> int:
    """Return how many words a slide shows: of its texts, without headings and formulas, and of what its code said."""
    words = 0
    for cell in slide:
        if cell.cell_type == "markdown":
            text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " ", cell.source, flags=re.DOTALL)
            text = re.sub(r"^#+ .*$|!\[.*?\]\(.*?\)", " ", text, flags=re.MULTILINE)
            text = re.sub(r"\]\([^)]*\)|</?\w[^>]*>", " ", text)
            words += len(re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", text))
        elif not has_picture(cell):
            said = "".join(output.get("text", "") for output in cell.outputs)
            words += len(re.findall(r"[^\W\d_]{2,}", said))
    return words


def imported(notebook: NotebookNode) -> set[str]:
    """Return the names that a lesson's import cell defines."""
    cells = [cell for cell in notebook.cells if "imports" in cell.metadata.get("tags", [])]
    return {name for cell in cells for name in code_names(cell.source)[1]}


def _first_words(slide: Sequence[NotebookNode]) -> str:
    return slide[0].source.splitlines()[0].lstrip("# ")[:40] if slide[0].source else ""
