"""The file: its format, its metadata and its size."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from contracts.cells import code_cells, tags
from contracts.registry import rule
from tools.execute import CELL_METADATA, METADATA, describe

TAGS = {"exercise", "explorer", "imports", "nbval-ignore-output", "notes", "recall", "solution", "timing"}
MAX_OUTPUT_LINES, MAX_NOTEBOOK_BYTES = 40, 4 * 1024 * 1024


@rule
def valid_format(notebook: NotebookNode, path: Path) -> list[str]:
    """Valid nbformat 4.5, which gives every cell an id of its own."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        return [f"the format is {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"]
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {str(error).splitlines()[0]}"]
    return []


@rule
def canonical_metadata(notebook: NotebookNode, path: Path) -> list[str]:
    """The metadata of the course and nothing else; known tags only."""
    found = []
    if notebook.metadata != METADATA:
        found.append(f"notebook metadata are {dict(notebook.metadata)}, not {METADATA}")
    for index, cell in enumerate(notebook.cells):
        name = describe(index, cell)
        if extra := set(cell.metadata) - set(CELL_METADATA):
            found.append(f"{name} has metadata that are not stored: {', '.join(sorted(extra))}")
        if unknown := tags(cell) - TAGS:
            found.append(f"{name} has an unknown tag: {', '.join(sorted(unknown))}")
        if cell.cell_type not in ("code", "markdown"):
            found.append(f"{name} is of type {cell.cell_type}")
    return found


@rule
def size(notebook: NotebookNode, path: Path) -> list[str]:
    """A file that is quick to clone and to open, and outputs one can read."""
    found = []
    stored = len(nbformat.writes(notebook, version=nbformat.NO_CONVERT).encode())
    if stored > MAX_NOTEBOOK_BYTES:
        found.append(f"the notebook takes {stored / 2**20:.1f} MB, more than {MAX_NOTEBOOK_BYTES / 2**20:g} MB")
    for index, cell in code_cells(notebook):
        lines = sum(len(output.get("text", "").splitlines()) for output in cell.outputs)
        lines += sum(len(output.get("data", {}).get("text/plain", "").splitlines()) for output in cell.outputs)
        if lines > MAX_OUTPUT_LINES:
            found.append(f"{describe(index, cell)} prints {lines} lines, more than {MAX_OUTPUT_LINES}")
    return found
