"""Build the students' copy with the course's outputs in it: one run of it by nbval then proves both.

    python -m tools.publish.rehearsal [DESTINATION]      (default: build/rehearsal/student)

Each notebook of the copy gets back the outputs that the course stores for its exercises, and after its last cell the
solutions, with their outputs. `pytest --nbval` on its folder, with DESTINATION at the front of PYTHONPATH, then says
three things of each lesson: with nothing attempted it runs as a student has it, with the copy's own, sealed
`course_utils`; every cell shows what the committed notebook stores; and every solution is accepted.
"""

import argparse
import copy
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tools.publish import student_copy
from tools.publish.folders import interruptible

ROOT = Path(__file__).resolve().parents[2]
DESTINATION = ROOT / "build" / "rehearsal" / "student"


def rehearsal(student: NotebookNode, course: NotebookNode, folder: Path) -> NotebookNode:
    """Return a student's notebook with the outputs of the course's, its solutions last.

    Parameters
    ----------
    student, course : NotebookNode
        As cut by `student_copy.student_notebook`, and that from which it was cut. Neither is changed.
    folder : Path
        Of the students' copy. The last cell, one more than the solutions, shows whether `course_utils` is that in it.
    """
    notebook, course = copy.deepcopy(student), copy.deepcopy(course)
    stored = {cell.id: cell for cell in course.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = stored[cell.id].outputs, stored[cell.id].execution_count
    notebook.cells += [cell for cell in stored.values() if "solution" in cell.metadata.get("tags", [])]
    source = f"import course_utils\n\nprint(course_utils.__file__.startswith({str(folder)!r}))"
    told = new_output("stream", name="stdout", text="True\n")
    notebook.cells.append(new_code_cell(source, id="where-it-ran", execution_count=1, outputs=[told]))
    return notebook


def build(destination: Path = DESTINATION, *, root: Path = ROOT) -> Path:
    """Build the copy at `destination` and return the folder of its notebooks.

    Raises
    ------
    StudentCopyError
        As `student_copy.build`.
    """
    student, _ = student_copy.build(destination, root=root)
    for path in sorted((student / "notebooks").glob("*.ipynb")):
        both = (nbformat.read(one, as_version=4) for one in (path, root / "notebooks" / path.name))
        nbformat.write(rehearsal(*both, student), path, version=nbformat.NO_CONVERT)
    return student / "notebooks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish.rehearsal",
        description="Build the students' copy with the course's outputs, for nbval.",
    )
    parser.add_argument("destination", nargs="?", type=Path, default=DESTINATION)
    options = parser.parse_args(arguments)
    try:
        print(f"to be run by nbval: {build(options.destination)}")
    except student_copy.StudentCopyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
