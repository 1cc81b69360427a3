"""What the course knows that grading needs: its exercises by lesson, their numbers and sections, its own cells."""

import functools
import hashlib
import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools.teach.grading.extraction import Cell, cells_of

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Place:
    """Where an exercise stands: `lesson` 08, `number` 8.3, its `title`, and the number of its section."""

    exercise: str
    lesson: str
    topic: str
    number: str
    title: str
    section: str


@functools.cache
def exercises():
    """Return the exercises of each lesson's room, problems included, in their order: {topic: {name: exercise}}."""
    found = {}
    for folder in sorted((ROOT / "course_utils" / "lessons").iterdir()):
        if (folder / "__init__.py").is_file():
            room = importlib.import_module(f"course_utils.lessons.{folder.name}")
            both = [*room.EXERCISES, *getattr(room, "PROBLEMS", ())]
            found[folder.name] = {exercise.name: exercise for exercise in both}
    return found


@functools.cache
def lessons():
    """Return the lessons' notebooks by the name of their room, in the order of the course."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))
        for cell in notebook.cells:
            cell.source = "".join(cell.source)  # a file may hold lines
        text = "\n".join(cell.source for cell in notebook.cells if "imports" in cell.metadata.get("tags", []))
        if named := re.search(r"from course_utils\.lessons import (\w+) as lesson", text):
            found[named[1]] = path, notebook
    return found


@functools.cache
def places():
    """Return where each exercise stands, in the order of the course: {name: Place}."""
    found = {}
    for topic, (path, notebook) in lessons().items():
        section, number, title = "", "", ""
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                for line in cell.source.splitlines():
                    if heading := re.match(r"## (\d+\.\d+)\b", line):
                        section = heading[1]
                    elif heading := re.match(r"### Exercise (\d+\.\d+) · (.+)", line):
                        number, title = heading[1], heading[2].strip()
            elif "exercise" in cell.metadata.get("tags", []):
                for name in re.findall(r"\blesson\.(\w+)\.check\(", cell.source):
                    found[name] = Place(name, path.stem[:2], topic, number, title, section)
    return found


def names():
    """Return the names of all exercises by lesson's room."""
    return {topic: list(own) for topic, own in exercises().items()}


@functools.cache
def own_cells():
    """Return the cells of each lesson that are no answer: what a student may have deleted."""
    found = {}
    for topic, (_, notebook) in lessons().items():
        cells = []
        for cell in notebook.cells:
            tags = set(cell.metadata.get("tags", []))
            if cell.cell_type == "code" and not tags & {"exercise", "solution", "recall"}:
                cells += _plain(cell.source)
        found[topic] = cells
    return found


def _plain(source) -> list[Cell]:
    return cells_of(source.encode()) if source.strip() and not source.lstrip().startswith("{") else []


def solution_texts():
    """Return the text of each solution in the course."""
    return {
        name: cell.source
        for _, notebook in lessons().values()
        for cell in notebook.cells
        if cell.cell_type == "code" and "solution" in cell.metadata.get("tags", [])
        for name in re.findall(r"\blesson\.(\w+)\.check\(", cell.source)
    }


def fingerprint() -> str:
    """Return what changes when the exercises, the notebooks or the grader do: kept results then count no longer."""
    digest = hashlib.sha256()
    for folder, pattern in (("course_utils", "**/*.py"), ("tools/teach/grading", "*.py"), ("notebooks", "*.ipynb")):
        for path in sorted((ROOT / folder).glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


__all__ = ["Place", "exercises", "fingerprint", "lessons", "names", "own_cells", "places", "solution_texts"]
