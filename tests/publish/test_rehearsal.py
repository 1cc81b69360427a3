import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import OFFLINE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import rehearsal, student_copy

PACKAGE = """def check(double):
    print("✓ Correct" if double(3) == 6 else "○ Not attempted yet")
"""
STARTER = "def double(x):\n    ...\n\n\nlesson.check(double)"


def said(text):
    return [new_output("stream", name="stdout", text=f"{text}\n")]


def lesson(body="answer = x + x  # as it should be\n    return answer", after="print(2 + 2)", stored="4"):
    """A lesson of one exercise, its solution, and a cell after it."""
    return new_notebook(
        cells=[
            new_markdown_cell("# 01 · Small"),
            new_code_cell("import course_utils as lesson", metadata={"tags": ["imports"]}, execution_count=1),
            new_markdown_cell("### Exercise 1.1 · Double", metadata={"tags": ["exercise"]}),
            new_code_cell(
                STARTER, metadata={"tags": ["exercise"]}, execution_count=2, outputs=said("○ Not attempted yet")
            ),
            new_markdown_cell("#### Solution", metadata={"tags": ["solution"]}),
            new_code_cell(
                STARTER.replace("...", body),
                metadata={"tags": ["solution"]},
                execution_count=3,
                outputs=said("✓ Correct"),
            ),
            new_code_cell(after, execution_count=4, outputs=said(stored)),
        ]
    )


LESSONS = {
    "00_good": lesson(),
    "01_wrong_solution": lesson(body="answer = x * x + 1 + 1\n    return answer"),
    "02_needs_its_solution": lesson(after="print(double(2))"),
    "03_shows_something_else": lesson(stored="5"),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of small lessons, with every file that a copy takes along."""
    root = tmp_path_factory.mktemp("course")
    for folder in ("course_utils", "data", "notebooks", "tools/teach"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for pattern in (*student_copy.FILES, *student_copy.TOOLS):
        (root / pattern.replace("*", "")).write_text(f"# {pattern}")
    (root / "course_utils" / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    for name, notebook in LESSONS.items():
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def rehearsed(course):
    return rehearsal.build(course / "build" / "student", root=course)


def test_exercises_keep_their_outputs_and_solutions_come_last(rehearsed):
    notebook = nbformat.read(rehearsed / "00_good.ipynb", as_version=4)
    assert [cell.source.splitlines()[-1] for cell in notebook.cells] == [
        "# 01 · Small",
        "import course_utils as lesson",
        "### Exercise 1.1 · Double",
        "lesson.check(double)",
        "print(2 + 2)",
        "lesson.check(double)",
        f"print(course_utils.__file__.startswith({str(rehearsed.parent)!r}))",
    ]
    assert [cell.outputs[0].text for cell in notebook.cells[3:]] == [
        "○ Not attempted yet\n", "4\n", "✓ Correct\n", "True\n"
    ]  # fmt: skip
    assert None not in [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]


def test_nothing_is_changed(course):
    whole = nbformat.read(course / "notebooks" / "00_good.ipynb", as_version=4)
    student = student_copy.student_notebook(whole)
    before = nbformat.writes(whole), nbformat.writes(student)
    rehearsal.rehearsal(student, whole, course).cells[3].outputs.clear()
    assert (nbformat.writes(whole), nbformat.writes(student)) == before


@pytest.mark.parametrize("own", [True, False], ids=["the copy's package", "the course's package"])
def test_strict_nbval_finds_what_does_not_hold(own, course, rehearsed, tmp_path):
    command = [*(sys.executable, "-m", "pytest"), "--nbval", "--nbval-current-env", "-p", "no:xdist"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-q", str(rehearsed)]
    path = os.pathsep.join(map(str, [OFFLINE, rehearsed.parent if own else course]))
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120
    )
    failed = re.findall(r"FAILED \S*?(\w+)\.ipynb::Cell (\d)", done.stdout)
    # code cells are counted from 0: imports, exercise, what comes after it, solution, where it ran
    wrong = {("01_wrong_solution", "3"), ("02_needs_its_solution", "2"), ("03_shows_something_else", "2")}
    elsewhere = set() if own else {(name, "4") for name in LESSONS}
    assert set(failed) == wrong | elsewhere, done.stdout + done.stderr
    assert f"{len(failed)} failed, {5 * len(LESSONS) - len(failed)} passed" in done.stdout


def test_a_course_without_a_part_is_one_sentence(tmp_path, capsys, monkeypatch):
    build = rehearsal.build
    monkeypatch.setattr(rehearsal, "build", lambda destination: build(destination, root=tmp_path))
    assert rehearsal.main([str(tmp_path / "copy")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "copy").exists()
