"""Folds: what only plots or only checks, and what is optional, does not stand between a reader and the lesson."""

import ast
import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import call_name, code_cells, headings, lesson_number, parse, part_below, tags
from contracts.registry import rule
from tools.publish.slide_types import code_names, folded

LABEL = re.compile(r"# (Figure|Check): \S.*")
LABEL_LENGTH = 70
WORKED_ON = {"exercise", "explorer", "recall", "solution"}
OPEN = WORKED_ON | {"imports", "timing"}  # tags of cells that have a fold of their own, or none
OPTIONAL = re.compile(r"optional", re.IGNORECASE)


def only_checks(cell: NotebookNode) -> bool:
    """Whether the cell consists of nothing but claims."""
    body = parse(cell).body
    return bool(body) and all(isinstance(node, ast.Expr) and call_name(node.value) == "claim" for node in body)


def only_plots(cell: NotebookNode, later: set[str]) -> bool:
    """Whether the cell ends by showing a figure, claims nothing, and leaves nothing that the names `later` speak of."""
    tree = parse(cell)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr) or call_name(tree.body[-1].value) != "show":
        return False
    claims = any(call_name(node) == "claim" for node in ast.walk(tree))
    return not claims and not left_behind(cell, later)


def left_behind(cell: NotebookNode, later: set[str]) -> set[str]:
    """Return the names that the cell defines and the cells after it read."""
    return code_names(cell.source)[1] & later


def read_later(notebook: NotebookNode) -> dict[int, set[str]]:
    """Return for each code cell, by its number, the names that cells after it read before they define them anew."""
    later: dict[int, set[str]] = {}
    alive: set[str] = set()
    for index, cell in reversed(code_cells(notebook)):
        later[index] = set(alive)
        reads, stores = code_names(cell.source)
        alive = (alive - stores) | reads
    return later


@rule
def what_only_plots_or_checks_is_folded(notebook: NotebookNode, path: Path) -> list[str]:
    """Cells that only plot or only check are folded, under a label that says what they hold."""
    if lesson_number(path) < 0:
        return []
    later = read_later(notebook)
    found = []
    for index, cell in code_cells(notebook):
        if tags(cell) & OPEN:
            if folded(cell):
                found.append(f"cell {index} is folded; only cells that plot or check are")
            continue
        first = cell.source.splitlines()[0] if cell.source else ""
        what = "checks" if only_checks(cell) else "plots" if only_plots(cell, later[index]) else ""
        if folded(cell) != bool(LABEL.fullmatch(first)):
            found.append(f"cell {index}: a folded cell, and no other, begins with '# Figure: …' or '# Check: …'")
        if len(first) > LABEL_LENGTH and folded(cell):
            found.append(f"cell {index}: its label has more than {LABEL_LENGTH} characters")
        if what and not folded(cell):
            found.append(
                f"cell {index} only {what}: fold it (source_hidden), or put what it computes into its own cell"
            )
        if folded(cell) and (names := left_behind(cell, later[index])):
            found.append(f"cell {index} is folded, and later cells need {', '.join(sorted(names))} from it")
    return found


@rule
def what_is_optional_is_folded(notebook: NotebookNode, path: Path) -> list[str]:
    """Headings of optional parts say so in one form, are folded, and nothing outside needs what they define."""
    if lesson_number(path) < 0:
        return []
    found = []
    for heading in headings(notebook):
        if not OPTIONAL.search(heading.text):
            continue
        if not heading.text.startswith("Optional: "):
            found.append(f"cell {heading.cell}: {heading.text!r} should begin with 'Optional: '")
        if not notebook.cells[heading.cell].source.startswith("#"):
            found.append(f"cell {heading.cell}: the heading {heading.text!r} must begin its cell")
        if not notebook.cells[heading.cell].metadata.get("jp-MarkdownHeadingCollapsed"):
            found.append(f"cell {heading.cell}: the optional part is not folded (jp-MarkdownHeadingCollapsed)")
        part = part_below(notebook, heading)
        inside = [cell for index, cell in code_cells(notebook) if index in part]
        outside = [(index, cell) for index, cell in code_cells(notebook) if index >= part.stop]
        alive: set[str] = set()
        for _, cell in reversed(outside):
            reads, stores = code_names(cell.source)
            alive = (alive - stores) | reads
        for cell in inside:
            if kinds := tags(cell) & WORKED_ON:
                found.append(f"the optional part {heading.text!r} folds a cell tagged {', '.join(sorted(kinds))}")
            if names := left_behind(cell, alive):
                found.append(f"the optional part {heading.text!r} defines {', '.join(sorted(names))}, needed after it")
    return found
