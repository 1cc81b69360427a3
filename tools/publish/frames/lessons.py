"""The explorers of a lesson: what its notebook's cells tagged `explorer` call in its lesson module."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import nbformat

from course_utils.workshop.explorer import Explorer
from tools.publish.frames.errors import FramesError

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"


def all_lessons() -> list[Path]:
    """Return the notebooks of all lessons."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def is_lesson(path: Path) -> bool:
    """Say whether a notebook has the name of a lesson."""
    return (NOTEBOOKS / path.name).is_file()


def lesson_called(lesson: str) -> Path:
    """Return the notebook that is called by its number, its name or its path."""
    path = Path(lesson)
    if path.suffix == ".ipynb":
        return path
    found = sorted(NOTEBOOKS.glob(f"{lesson}.ipynb")) or sorted(NOTEBOOKS.glob(f"{lesson}_*.ipynb"))
    if len(found) != 1:
        raise FramesError(f"there is no lesson {lesson!r} in {NOTEBOOKS}: name it by its number, such as 03")
    return found[0]


def explorers_of(path: Path) -> Iterator[tuple[int, Explorer]]:
    """Yield the explorers of a notebook, each with the number of its cell.

    Raises
    ------
    FramesError
        The notebook cannot be read, has no lesson module, or a cell tagged `explorer` does not call one of its
        explorers.
    """
    room, cells = cells_of(path)
    for index, source in cells:
        yield index, explorer_in(path, room, index, source)


def cells_of(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Return the name of a notebook's lesson module, and number and source of each cell tagged `explorer`."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise FramesError(f"{path} cannot be read as a notebook: {str(error).splitlines()[0]}") from error
    cells = [
        (index, cell.source) for index, cell in enumerate(notebook.cells) if "explorer" in cell.metadata.get("tags", [])
    ]
    return (_room(path, notebook), cells) if cells else ("", [])


def explorer_in(path: Path, room: str, index: int, source: str) -> Explorer:
    """Return the explorer that a cell shows; `room` is the name of the lesson module."""
    mapping = importlib.import_module(room).EXPLORERS
    name = _called(source)
    if name not in mapping:
        raise FramesError(
            f"{path}, cell {index}: a cell tagged 'explorer' must be lesson.NAME() with one of the names "
            f"{', '.join(mapping)}; got {source!r}"
        )
    return mapping[name]()


def _room(path: Path, notebook: nbformat.NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type != "code" or "course_utils.lessons" not in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module == "course_utils.lessons":
                for alias in node.names:
                    if alias.asname == "lesson":
                        return f"course_utils.lessons.{alias.name}"
    raise FramesError(f"{path}: no cell holds 'from course_utils.lessons import … as lesson'")


def _called(source: str) -> str | None:
    """Return NAME if the source is `lesson.NAME()` alone."""
    try:
        match ast.parse(source).body:
            case [ast.Expr(ast.Call(ast.Attribute(ast.Name("lesson"), name), [], []))]:
                return name
    except SyntaxError:
        pass
    return None
