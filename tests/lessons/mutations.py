"""Run a lesson with one line of its mathematics changed, and see which of its claims objects.

The lesson's own cells are executed, in one process of their own, without pictures, explorers and exercises. The
lesson is run once as it stands; at the cell that a mutant changes, a copy of the process goes on with the changed cell
until a claim objects. Cells on which neither a mutant nor its claim builds are left out: that all of a lesson holds is
seen where its outputs are compared.
"""

import inspect
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
from mutations_process import AS_IT_STANDS
from needed_cells import needed, stated_in

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SKIPPED = {"exercise", "solution", "explorer"}
CHILD = Path(__file__).with_name("mutations_process.py")


def cells_of(name):
    """Return the source of the cells of a lesson that its mathematics consists of."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.source for cell in code if not SKIPPED & set(cell.metadata.get("tags", []))]


def mutated(module, right, wrong):
    """Return a copy of an imported module with one piece of its source replaced."""
    source = inspect.getsource(module)
    assert source.count(right) == 1, f"{right!r} must stand exactly once in {module.__name__}; edit this mutant"
    mutant = types.ModuleType("mutant")
    exec(compile(source.replace(right, wrong), "mutant", "exec"), mutant.__dict__)
    return mutant


def assert_rejected(module, right, wrong, oracle):
    """An oracle, which a module passes, must object to the module with one piece of its source replaced."""
    mutant = mutated(module, right, wrong)  # outside of what may fail: a mutant that is out of date is no rejection
    with pytest.raises(AssertionError):
        oracle(mutant)


def objections(name, mutants, lighter=()):
    """Return for each mutant the statement of the claim that fails, or None if all claims hold.

    Parameters
    ----------
    name : file name of the lesson.
    mutants : mapping of names to (original, mutant, statement); the first two are pieces of source, the third is the
        claim that should object, or its beginning, and says how far the lesson must be run.
    lighter : pairs (piece of source, what stands in its place), with which the lesson computes less and its claims
        hold as well; the mutants change what comes of it.

    Returns
    -------
    dict with the names of `mutants`, and `AS_IT_STANDS` for the lesson up to the last of the changed cells. An
    exception other than a failing claim is told as "raised ...".

    Raises
    ------
    AssertionError
        If an original does not stand exactly once in the lesson's cells: the list of mutants is out of date.
    """
    cells = cells_of(name)
    for heavy, light in lighter:
        _position(heavy, cells, name)
        cells = [cell.replace(heavy, light) for cell in cells]
    wanted = set()
    for original, _, statement in mutants.values():
        start = _position(original, cells, name)
        wanted |= set(range(start, stated_in(cells, statement, start) + 1))
    cells = [cells[position] for position in needed(cells, wanted)]
    task = json.dumps({"cells": cells, "mutants": {key: pieces[:2] for key, pieces in mutants.items()}})
    run = subprocess.run(
        [sys.executable, CHILD],
        input=task,
        capture_output=True,
        encoding="utf-8",
        cwd=NOTEBOOKS,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def _position(piece, cells, name):
    """Return the position of the cell that holds a piece of source."""
    found = [position for position, cell in enumerate(cells) for _ in range(cell.count(piece))]
    assert len(found) == 1, f"{piece!r} stands {len(found)} times in {name}; it must stand once"
    return found[0]


def expected(mutants):
    """Return what `objections` should return if each mutant's third entry is the claim that must fail."""
    return {AS_IT_STANDS: None} | {key: statement for key, (_, _, statement) in mutants.items()}
