"""The process in which a lesson and its mutants run, for `mutations`; it imports nothing that the lesson does not.

A task is read from the standard input, and its answer is written to the standard output.
"""

import contextlib
import gc
import io
import json
import os
import sys

AS_IT_STANDS = "the lesson as it stands"


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
