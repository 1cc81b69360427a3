"""Run a lesson with one line of its mathematics changed, and see which of its claims objects.

The lesson's own cells are executed, in this process, without pictures, explorers and exercises.
"""

import contextlib
import io
import os
import sys
from pathlib import Path

import nbformat

from course_utils import ClaimError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SKIPPED = {"exercise", "solution", "explorer"}


def cells_of(name):
    """Return the source of the cells of a lesson that its mathematics consists of."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.source for cell in code if not SKIPPED & set(cell.metadata.get("tags", []))]


def objection(name, original="", mutant=""):
    """Return the statement of the claim that fails once `original` is replaced by `mutant`, or None if all hold.

    Raises
    ------
    AssertionError
        If `original` does not stand exactly once in the lesson's cells: the list of mutants is out of date.
    """
    cells = cells_of(name)
    if original:
        found = sum(cell.count(original) for cell in cells)
        assert found == 1, f"{original!r} stands {found} times in {name}; it must stand once"
        cells = [cell.replace(original, mutant) for cell in cells]
    before, path = os.getcwd(), list(sys.path)
    namespace = {"__name__": "lesson"}
    os.chdir(NOTEBOOKS)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in cells:
                exec(compile(cell, name, "exec"), namespace)
    except ClaimError as error:
        return str(error).splitlines()[0].removeprefix("✗ ")
    finally:
        os.chdir(before)
        sys.path[:] = path
    return None
