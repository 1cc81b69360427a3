"""A class that was never taught: notebooks made of right answers, of declared misconceptions, and of hostile code.

What each invented student hands in is known, so that a grader can be held to it. The misconceptions are those that the
exercises declare: their code is taken from the lessons' own modules, with whatever it calls.
"""

from __future__ import annotations

import ast
import functools
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from tools.teach.grading import course

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "endless loop": ("while True: pass", "too slow"),
    "memory": ("kept = []\n    while True: kept.append(bytearray(10**8))", "raised"),
    "forks": ("import os\n    while True: os.fork()", "raised"),
    "ends the process": ("import os\n    os._exit(0)", "raised"),
    "sys.exit": ("import sys\n    sys.exit(0)", "raised"),
    "network": ("import socket\n    socket.create_connection(('192.0.2.1', 80), 2)", "raised"),
    "writes home": ("open('/root/taken', 'w').write('x')", "raised"),
    "writes a course": ("import course_utils\n    open(course_utils.__file__, 'a').write('#')", "raised"),
    "replaces allclose": (
        "import numpy\n    numpy.allclose = numpy.isclose = lambda *a, **k: True\n    return 0.0",
        "wrong",
    ),
    "reads the reference": ("return lesson.{name}.reference(*arguments)", "wrong"),
    "wraps the reference": ("return getattr(lesson.{name}, '_refe' + 'rence')(*arguments)", "wrong"),
    "reads the file": ("return open(lesson.__file__.replace('__init__', 'exercises')).read()", "raised"),
    "huge answer": ("import numpy\n    return numpy.zeros(12_000_000)", "wrong"),
    "no number": ("return type('Liar', (float,), dict(__eq__=lambda a, b: True))()", "wrong"),
}
"""Bodies of functions that mean harm, and the verdict that is due."""


@dataclass
class Planned:
    """What a student hands in: cells by lesson, and the verdict that is due for each exercise."""

    student: str
    cells: dict[str, list[str]] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)


@functools.cache
def helpers(topic: str, exercise: str = "") -> str:
    """Return all that the modules of a lesson's room define, without declarations; that of an exercise comes last."""
    folder = ROOT / "course_utils" / "lessons" / topic
    kept = []
    for path in sorted(folder.glob("*.py"), key=lambda path: (f'name="{exercise}"' in path.read_text("utf-8"), path)):
        if not path.stem.startswith(("exercise", "problem", "small", "clinic")):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            own = isinstance(node, ast.ImportFrom) and re.match(
                rf"course_utils\.lessons\.{topic}\.(?!models)", node.module or ""
            )
            if not own and "Exercise(" not in ast.unparse(node)[:400] and "__all__" not in ast.unparse(node)[:30]:
                kept.append(ast.unparse(node))
    return "\n\n".join(kept)


@functools.cache
def misconceptions(topic: str) -> dict[str, dict[str, str]]:
    """Return the code of each misconception that stands written out in a declaration, by exercise and name."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "course_utils" / "lessons" / topic).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Exercise")):
                continue
            values = {word.arg: word.value for word in node.keywords}
            if "misconceptions" in values and isinstance(values.get("name"), ast.Constant):
                found[values["name"].value] = {
                    item.args[0].value: ast.unparse(item.args[1])
                    for item in getattr(values["misconceptions"], "elts", [])
                    if isinstance(item, ast.Call) and isinstance(item.args[0], ast.Constant)
                }
    return found


def imports(topic: str) -> str:
    """Return a lesson's first code cell."""
    notebook = course.lessons()[topic][1]
    return next(cell.source for cell in notebook.cells if "imports" in cell.metadata.get("tags", []))


def wrong_cell(exercise: str, code: str) -> str:
    """Return an exercise's cell whose function does what a misconception does."""
    place = course.places()[exercise]
    names = ", ".join(course.exercises()[place.topic][exercise].arguments)
    return f"def {exercise}({names}):\n    return ({code})({names})\n\n\nlesson.{exercise}.check({exercise})"


def hostile_cell(exercise: str, body: str) -> str:
    """Return an exercise's cell whose function means harm."""
    body = body.replace("{name}", exercise)
    return f"def {exercise}(*arguments):\n    {body}\n\n\nlesson.{exercise}.check({exercise})"


def empty_cell(exercise: str) -> str:
    """Return an exercise's cell as it is handed out."""
    return f'def {exercise}(*arguments):\n    """Return it."""\n    ...\n\n\nlesson.{exercise}.check({exercise})'


def notebook(topic: str, cells: list[str], spare: bool = True) -> str:
    """Return a notebook of a lesson as text: its imports, a broken cell, what misconceptions call, and these cells."""
    first = [imports(topic), "this is no Python (", helpers(topic)] if spare else []
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in [*first, *cells]])
    return nbformat.writes(made)


def planned(count: int, topics: list[str], seed: int = 0, skip: frozenset[str] = frozenset()) -> list[Planned]:
    """Return what `count` students hand in of these lessons; each kind of answer occurs."""
    rng = random.Random(seed)
    right = course.solution_texts()
    hostile = list(HOSTILE.values())
    students = []
    for k in range(count):
        one = Planned(f"Student {k + 1:02d}")
        for topic in topics:
            if k % 15 == 14:  # has not begun
                continue
            cells = []
            for exercise in course.names()[topic]:
                if exercise in skip:
                    continue
                slips, dice = misconceptions(topic).get(exercise, {}), rng.random()
                if k % 12 == 11 and exercise == course.names()[topic][0]:
                    body, due = hostile[(k // 12 + 3 * topics.index(topic)) % len(hostile)]
                    cells.append(hostile_cell(exercise, body))
                    one.due[exercise] = due
                elif dice < 0.55 or not slips:
                    cells.append(right[exercise])
                    one.due[exercise] = "correct"
                elif dice < 0.85:
                    # half a class believes the same
                    name = min(slips) if rng.random() < 0.5 else rng.choice(sorted(slips))
                    cells += [helpers(topic, exercise), wrong_cell(exercise, slips[name])]
                    one.due[exercise] = f"slip: {name}"
                elif dice < 0.95:
                    cells.append(empty_cell(exercise))
                    one.due[exercise] = "not attempted"
                else:
                    one.due[exercise] = "missing"
            one.cells[topic] = cells
        students.append(one)
    return students


def write(students: list[Planned], folder: Path) -> None:
    """Write a folder for each student, with a notebook for each lesson, not all of them well named."""
    for k, one in enumerate(students):
        own = folder / one.student
        own.mkdir(parents=True)
        for topic, cells in one.cells.items():
            stem = course.lessons()[topic][0].stem
            name = (stem, f"Copy of {stem}", "Untitled", f"{stem} (1)")[k % 4]
            (own / f"{name if name != 'Untitled' else f'Untitled{stem[:2]}'}.ipynb").write_text(
                notebook(topic, cells), encoding="utf-8"
            )
        if not one.cells:
            (own / "empty.ipynb").write_text("", encoding="utf-8")
