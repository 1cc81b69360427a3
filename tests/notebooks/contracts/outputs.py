"""What is stored and compared: outputs that hold on every machine."""

import ast
import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import (
    SHOWING,
    Pictures,
    call_name,
    code_cells,
    markdown_cells,
    parse,
    run_at_once,
    tags,
    text_outputs,
    without_code_and_maths,
)
from contracts.registry import rule
from tools.execute import describe

MIN_ALT = 20


@rule
def executed(notebook: NotebookNode, path: Path) -> list[str]:
    """Every code cell was run, once, from top to bottom."""
    return [
        f"{describe(index, cell)} has execution count {cell.execution_count}, not {count}"
        for count, (index, cell) in enumerate(code_cells(notebook), start=1)
        if cell.execution_count != count
    ]


@rule
def no_errors(notebook: NotebookNode, path: Path) -> list[str]:
    """No exception and no warning is stored."""
    found = []
    for index, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{describe(index, cell)} stores an error: {output.ename}")
            elif output.get("name") == "stderr":
                found.append(f"{describe(index, cell)} writes to stderr: {output.text.strip()[:80]!r}")
    return found


@rule
def compared(notebook: NotebookNode, path: Path) -> list[str]:
    """Whatever shows something has it stored, or strict nbval would have nothing to compare."""
    found = []
    for index, cell in code_cells(notebook):
        name, tree = describe(index, cell), parse(cell)
        if "nbval-ignore-output" in tags(cell) and not tags(cell) & {"explorer", "timing"}:
            found.append(f"{name} is ignored by nbval, which only explorer and timing cells may be")
        if marker := re.search(r"^\s*#+\s*((?:NBVAL|PYTEST_VALIDATE)_\w+)", cell.source, flags=re.MULTILINE):
            found.append(f"{name} holds the comment {marker[1]}: use a tag, where it is allowed")
        if cell.source.rstrip().endswith(";"):
            found.append(f"{name} ends with ';', which hides nothing from nbval: end with an assignment")
        called = {call_name(node) for node in run_at_once(tree)} & SHOWING
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not isinstance(tree.body[-1].value, ast.Call):
            called.add("its last line")
        if called and not any(output.get("text") or output.get("data") for output in cell.outputs):
            found.append(f"{name} shows something ({', '.join(sorted(called))}), but no output is stored")
        if "claim" in called and not any("✓" in text for text in text_outputs(cell)):
            found.append(f"{name} makes a claim, but no line with ✓ is stored")
    return found


@rule
def no_widget_state(notebook: NotebookNode, path: Path) -> list[str]:
    """No live widget is stored: without its kernel it would be an error message."""
    found = ["the notebook's metadata hold the state of widgets"] if "widgets" in notebook.metadata else []
    for index, cell in code_cells(notebook):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        if any("jupyter.widget" in kind for kind in kinds):
            found.append(f"{describe(index, cell)} stores the view of a live widget")
    return found


@rule
def figures(notebook: NotebookNode, path: Path) -> list[str]:
    """Every picture has an alternative text that says what to see, and plain text that never changes."""
    found, seen = [], {}
    for index, cell in code_cells(notebook):
        name = describe(index, cell)
        for output in cell.outputs:
            data = output.get("data", {})
            pictures = Pictures(data.get("text/html", ""))
            if "image/png" not in data and not pictures.alts:
                continue
            if "image/png" in data and not pictures.alts:
                found.append(f"{name} stores a picture without <img alt=…>: show figures with show(figure, alt)")
            for alt in pictures.alts:
                if len(alt) < MIN_ALT:
                    found.append(f"{name} has the alternative text {alt!r}: say in a sentence what one should see")
                elif alt in seen:
                    found.append(f"{name} has the same alternative text as cell {seen[alt]}")
                seen.setdefault(alt, index)
            plain = data.get("text/plain", "")
            if not plain.strip() or re.search(r"at 0x|^<.*>$|^Figure\(\d", plain):
                found.append(f"{name} has a picture whose plain text is {plain!r}: say what it shows")
    for index, cell in markdown_cells(notebook):
        text = without_code_and_maths(cell.source)
        for alt in [*re.findall(r"!\[([^\]]*)\]", text), *Pictures(text).alts]:
            if len(alt.strip()) < MIN_ALT:
                found.append(f"{describe(index, cell)} shows a picture with the alternative text {alt!r}")
    return found


@rule
def portable(notebook: NotebookNode, path: Path) -> list[str]:
    """Nothing depends on one machine: no absolute paths, no addresses of objects, no numbers in all their digits."""
    folder = re.compile(
        r"(?<![\w.:/~])/(?:home|Users|tmp|root|work|usr|opt|var|mnt|private)/\w[^\s'\"]*|\b[A-Z]:\\+Users\S*|site-packages"
    )
    found = []
    for index, cell in enumerate(notebook.cells):
        texts = [*text_outputs(cell), cell.source]
        for text in texts:
            if match := folder.search(text):
                found.append(f"{describe(index, cell)} holds a path of one machine: {match[0][:60]}")
            if match := re.search(r"\bat 0x[0-9a-fA-F]+", text):
                found.append(f"{describe(index, cell)} shows the address of an object: {match[0]}")
        if "nbval-ignore-output" in tags(cell):
            continue
        for line in "\n".join(text_outputs(cell)).splitlines():
            # a claim's statement is fixed text; any other number may end differently elsewhere
            if not line.startswith("✓") and (match := re.search(r"\d+\.\d{5,}", line)):
                found.append(
                    f"{describe(index, cell)} prints a number that another machine rounds otherwise: {match[0]}"
                )
    return found
