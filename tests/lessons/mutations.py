"""Run a lesson with one line of its mathematics changed, and see which of its claims objects.

The lesson's own cells are executed, in one process of their own, without pictures, explorers and exercises. The
lesson is run once as it stands; at the cell that a mutant changes, a copy of the process goes on with the changed cell
until a claim objects.
"""

import contextlib
import gc
import inspect
import io
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SKIPPED = {"exercise", "solution", "explorer"}
AS_IT_STANDS = "the lesson as it stands"


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


def objections(name, mutants):
    """Return for each mutant the statement of the claim that fails, or None if all claims hold.

    Parameters
    ----------
    name : file name of the lesson.
    mutants : mapping of names to (original, mutant, …); the first two are pieces of source.

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
    for original, *_ in mutants.values():
        found = sum(cell.count(original) for cell in cells)
        assert found == 1, f"{original!r} stands {found} times in {name}; it must stand once"
    task = json.dumps({"cells": cells, "mutants": {key: pieces[:2] for key, pieces in mutants.items()}})
    run = subprocess.run(
        [sys.executable, __file__],
        input=task,
        capture_output=True,
        encoding="utf-8",
        cwd=NOTEBOOKS,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def expected(mutants):
    """Return what `objections` should return if each mutant's third entry is the claim that must fail."""
    return {AS_IT_STANDS: None} | {key: statement for key, (_, _, statement) in mutants.items()}


def _objection(cells, namespace):
    """Run cells until one fails, and say what failed."""
    from course_utils import ClaimError

    try:
        for cell in cells:
            exec(compile(cell, "lesson", "exec"), namespace)
    except ClaimError as error:
        return str(error).splitlines()[0].removeprefix("✗ ")
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"
    return None


def _in_a_copy(work):
    """Return what `work` returns in a copy of this process."""
    end, other_end = os.pipe()
    gc.freeze()  # or the copy's collector of garbage would touch, and so copy, the whole memory
    child = os.fork()
    if child == 0:
        with os.fdopen(other_end, "w", encoding="utf-8") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(other_end)
    with os.fdopen(end, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else "raised nothing, but ended the process"


def _run_all(cells, mutants):
    namespace, found = {"__name__": "lesson"}, {}
    last = max(i for i, cell in enumerate(cells) if any(original in cell for original, _ in mutants.values()))
    for position, cell in enumerate(cells[: last + 1]):
        for key, (original, mutant) in mutants.items():
            if original not in cell:
                continue
            changed = [cell.replace(original, mutant), *cells[position + 1 :]]
            if hasattr(os, "fork"):
                found[key] = _in_a_copy(lambda changed=changed: _objection(changed, namespace))
            else:  # Windows: from the beginning
                found[key] = _objection([*cells[:position], *changed], {"__name__": "lesson"})
        failure = _objection([cell], namespace)
        if failure is not None:
            return {**found, AS_IT_STANDS: failure}
    return {**found, AS_IT_STANDS: None}


if __name__ == "__main__":
    task = json.load(sys.stdin)
    with contextlib.redirect_stdout(io.StringIO()):
        answer = _run_all(task["cells"], task["mutants"])
    json.dump(answer, sys.stdout)
