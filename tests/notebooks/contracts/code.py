"""Code cells: small steps of plain Python, with prose between them."""

import ast
import re
import statistics
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import (
    SHOWING,
    call_name,
    code_cells,
    lesson_imports,
    lesson_module,
    parse,
    run_at_once,
    tags,
)
from contracts.registry import rule
from tools.execute import describe

MAX_LINES, MAX_MEDIAN, MAX_IMPORT_LINES = 25, 8, 8
MAX_COLUMNS = 88  # as in notebooks/ruff.toml


@rule
def plain_python(notebook: NotebookNode, path: Path) -> list[str]:
    """Every code cell holds Python and no magic, so that it can be read, linted and moved."""
    found = []
    for index, cell in code_cells(notebook):
        if not cell.source.strip():
            found.append(f"{describe(index, cell)} is empty")
            continue
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            found.append(f"{describe(index, cell)} is not plain Python: {error.msg} in its line {error.lineno}")
    return found


@rule
def cell_lengths(notebook: NotebookNode, path: Path) -> list[str]:
    """Code in small steps: a median of at most 8 lines, and no cell above 25."""
    lengths = {index: len(cell.source.splitlines()) for index, cell in code_cells(notebook)}
    found = [
        f"{describe(index, notebook.cells[index])} has {length} lines, more than {MAX_LINES}"
        for index, length in lengths.items()
        if length > MAX_LINES
    ]
    if lengths and statistics.median(lengths.values()) > MAX_MEDIAN:
        found.append(f"the median code cell has {statistics.median(lengths.values()):g} lines, more than {MAX_MEDIAN}")
    return found


@rule
def line_widths(notebook: NotebookNode, path: Path) -> list[str]:
    """Code that fits a page, a slide and half a screen: no line, fenced blocks included, above 88 columns."""
    found = []
    for index, cell in enumerate(notebook.cells):
        fenced = re.findall(r"^(```|~~~)[^\n]*\n(.*?)^\1", cell.source, flags=re.MULTILINE | re.DOTALL)
        code = cell.source if cell.cell_type == "code" else "".join(block for _, block in fenced)
        for line in code.splitlines():
            if len(line) > MAX_COLUMNS:
                name = describe(index, cell)
                found.append(f"{name} has a line of {len(line)} columns, more than {MAX_COLUMNS}: {line.strip()[:40]}")
    return found


@rule
def import_cell(notebook: NotebookNode, path: Path) -> list[str]:
    """One import cell, before any other code, of at most 8 lines; then setup(seed)."""
    code = code_cells(notebook)
    tagged = [index for index, cell in code if "imports" in tags(cell)]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged imports; there must be one"]
    found = []
    cell = notebook.cells[tagged[0]]
    if tagged[0] != code[0][0]:
        found.append(f"{describe(tagged[0], cell)} is not the first code cell")
    statements = [node for node in parse(cell).body if call_name(getattr(node, "value", None)) != "setup"]
    lines = sum(node.end_lineno - node.lineno + 1 for node in statements)
    if lines > MAX_IMPORT_LINES:
        found.append(f"{describe(tagged[0], cell)} has {lines} lines of imports, more than {MAX_IMPORT_LINES}")
    if not any(call_name(node) == "setup" for _, early in code[:2] for node in run_at_once(parse(early))):
        found.append("setup(seed) is called neither in the import cell nor in the code cell after it")
    return found


@rule
def prose_between(notebook: NotebookNode, path: Path) -> list[str]:
    """Between two code cells there is prose, unless the second only shows what the first made."""
    found = []
    before = None
    for index, cell in enumerate(notebook.cells):
        if "notes" in tags(cell):
            continue
        if cell.cell_type == "code" and before == "code" and not _only_shows(parse(cell)):
            found.append(f"{describe(index, cell)} follows another code cell, and does more than show its result")
        before = cell.cell_type
    return found


def _only_shows(tree: ast.Module) -> bool:
    """At most three statements: claims, figures, checks, something printed, or a value as it stands."""
    return 1 <= len(tree.body) <= 3 and all(
        isinstance(statement, ast.Expr)
        and (not isinstance(statement.value, ast.Call) or call_name(statement.value) in SHOWING)
        for statement in tree.body
    )


@rule
def no_interact(notebook: NotebookNode, path: Path) -> list[str]:
    """No ipywidgets.interact: it stores nothing one can see without a kernel, and tests cannot move it."""
    banned = {"interact", "interactive", "interact_manual", "interactive_output"}
    found = []
    for index, cell in code_cells(notebook):
        for node in ast.walk(parse(cell)):
            named = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else {call_name(node)}
            if used := named & banned:
                found.append(f"{describe(index, cell)} uses {min(used)}: write an Explorer in the lesson's module")
                break
    return found


@rule
def own_lesson_only(notebook: NotebookNode, path: Path) -> list[str]:
    """A notebook NN_topic imports lessons/topic as ``lesson``, and no other lesson's module."""
    topic = path.stem[3:]
    found = [
        f"it imports the lesson module {other}; its own is {topic} (what is shared is no lesson's)"
        for other, _ in lesson_imports(notebook)
        if other != topic
    ]
    if (topic, "lesson") not in lesson_imports(notebook):
        found.append(f"`from course_utils.lessons import {topic} as lesson` is missing")
    elif lesson_module(notebook) is None:
        found.append(f"there is no module course_utils.lessons.{topic}")
    return found
