"""Folds: what only plots or only checks, and what is optional, does not stand between a reader and the lesson."""

import ast
import dis
import re
from pathlib import Path
from types import CodeType

from nbformat import NotebookNode

from contracts.cells import call_name, code_cells, headings, lesson_number, parse, tags
from contracts.registry import rule

LABEL = re.compile(r"# (Figure|Check): \S.*")
LABEL_LENGTH = 70
WORKED_ON = {"exercise", "explorer", "recall", "solution"}
OPEN = WORKED_ON | {"imports", "timing"}  # tags of cells that have a fold of their own, or none
OPTIONAL = re.compile(r"optional", re.IGNORECASE)


def hidden(cell: NotebookNode) -> bool:
    """Whether JupyterLab shows of the cell's source its first line alone."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


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
    return reads_and_stores(cell)[1] & later


def read_later(notebook: NotebookNode) -> dict[int, set[str]]:
    """Return for each code cell, by its number, the names that cells after it read before they define them anew."""
    later: dict[int, set[str]] = {}
    alive: set[str] = set()
    for index, cell in reversed(code_cells(notebook)):
        later[index] = set(alive)
        reads, stores = reads_and_stores(cell)
        alive = (alive - stores) | reads
    return later


def reads_and_stores(cell: NotebookNode) -> tuple[set[str], set[str]]:
    """Return the names that a cell needs from others, and those that it defines."""
    reads: set[str] = set()
    stores: set[str] = set()

    def walk(code: CodeType, outermost: bool) -> None:
        for step in dis.get_instructions(code):
            if step.opname in {"LOAD_NAME", "LOAD_GLOBAL"} and step.argval not in stores:
                reads.add(step.argval)
            elif step.opname == "STORE_NAME" and outermost:
                stores.add(step.argval)
            elif step.opname == "LOAD_CONST" and isinstance(step.argval, CodeType):
                walk(step.argval, False)

    walk(compile(parse(cell), "cell", "exec"), True)
    return reads, stores


@rule
def what_only_plots_or_checks_is_folded(notebook: NotebookNode, path: Path) -> list[str]:
    """Cells that only plot or only check are folded, under a label that says what they hold."""
    if lesson_number(path) < 0:
        return []
    later = read_later(notebook)
    found = []
    for index, cell in code_cells(notebook):
        if tags(cell) & OPEN:
            if hidden(cell):
                found.append(f"cell {index} is folded; only cells that plot or check are")
            continue
        first = cell.source.splitlines()[0] if cell.source else ""
        what = "checks" if only_checks(cell) else "plots" if only_plots(cell, later[index]) else ""
        if hidden(cell) != bool(LABEL.fullmatch(first)):
            found.append(f"cell {index}: a folded cell, and no other, begins with '# Figure: …' or '# Check: …'")
        if len(first) > LABEL_LENGTH and hidden(cell):
            found.append(f"cell {index}: its label has more than {LABEL_LENGTH} characters")
        if what and not hidden(cell):
            found.append(
                f"cell {index} only {what}: fold it (source_hidden), or put what it computes into its own cell"
            )
        if hidden(cell) and (names := left_behind(cell, later[index])):
            found.append(f"cell {index} is folded, and later cells need {', '.join(sorted(names))} from it")
    return found


@rule
def what_is_optional_is_folded(notebook: NotebookNode, path: Path) -> list[str]:
    """Headings of optional parts say so in one form, are folded, and nothing outside needs what they define."""
    if lesson_number(path) < 0:
        return []
    found = []
    everything = headings(notebook)
    for number, heading in enumerate(everything):
        if not OPTIONAL.search(heading.text):
            continue
        if not heading.text.startswith("Optional: "):
            found.append(f"cell {heading.cell}: {heading.text!r} should begin with 'Optional: '")
        if not notebook.cells[heading.cell].source.startswith("#"):
            found.append(f"cell {heading.cell}: the heading {heading.text!r} must begin its cell")
        if not notebook.cells[heading.cell].metadata.get("jp-MarkdownHeadingCollapsed"):
            found.append(f"cell {heading.cell}: the optional part is not folded (jp-MarkdownHeadingCollapsed)")
        ends = [other.cell for other in everything[number + 1 :] if other.level <= heading.level]
        end = min(ends, default=len(notebook.cells))
        inside = [cell for index, cell in code_cells(notebook) if heading.cell <= index < end]
        outside = [(index, cell) for index, cell in code_cells(notebook) if index >= end]
        alive: set[str] = set()
        for _, cell in reversed(outside):
            reads, stores = reads_and_stores(cell)
            alive = (alive - stores) | reads
        for cell in inside:
            if kinds := tags(cell) & WORKED_ON:
                found.append(f"the optional part {heading.text!r} folds a cell tagged {', '.join(sorted(kinds))}")
            if names := left_behind(cell, alive):
                found.append(f"the optional part {heading.text!r} defines {', '.join(sorted(names))}, needed after it")
    return found
