"""Cut the answers to exercises out of a notebook, each with what it needs, without running anything.

The lesson is found from the exercises that cells check (`lesson.NAME.check(f)`) or define (`def NAME(…)`), whatever the
file is called. Of the other cells only those statements are taken that bind a name which the answer uses: an import, a
helper, a constant. So a broken cell elsewhere costs nothing, and outputs, numbers of runs and unsaved states do not
matter. What the notebook lacks because cells were deleted is taken from the course's own notebook, and said.
"""

import ast
import builtins
import functools
import inspect
import json
import re
import symtable
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_BYTES = 64 * 1024 * 1024
_CHECK = re.compile(r"\blesson\.(\w+)\.check\(")
_ROOM = re.compile(r"from course_utils\.lessons import (\w+) as lesson\b")
_DEFINITION = re.compile(r"^\s*(?:async\s+)?def\s+(\w+)\s*\(", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!?]|^\s*\S+\s*\?+\s*$")
_BUILTINS = set(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class NotebookError(Exception):
    """A file that cannot be read as a notebook; the message says what is the matter, in a sentence."""


@dataclass
class Cell:
    """A code cell: its text without magics, its statements (none where it does not parse), and what is wrong."""

    text: str
    solution: bool
    statements: list[ast.stmt] = field(default_factory=list)
    trouble: str = ""
    was_run: bool = True

    @functools.cached_property
    def bindings(self) -> dict[str, ast.stmt]:
        """The last statement at the top level that binds each name."""
        return {name: node for node in self.statements for name in _bound(node)}

    @functools.cached_property
    def checks(self) -> frozenset[str]:
        """The exercises whose check it calls."""
        return frozenset(_CHECK.findall(self.text))

    @functools.cached_property
    def definitions(self) -> frozenset[str]:
        """The functions that it defines, also where it does not parse."""
        return frozenset(_DEFINITION.findall(self.text))


@dataclass
class Answer:
    """What a notebook holds for one exercise.

    `state` is one of: ready, not attempted, broken (`trouble` says why). `statements` are what the function needs and
    the function itself (True), in order.
    """

    exercise: str
    state: str
    name: str = ""
    statements: list[tuple[str, bool]] = field(default_factory=list)
    signature: inspect.Signature | None = None
    notes: list[str] = field(default_factory=list)
    trouble: str = ""
    text: str = ""
    place: int = -1


def cells_of(data: bytes) -> list[Cell]:
    """Return the code cells of a notebook, or of a script into which one was converted.

    Raises
    ------
    NotebookError
        It is none, or too large.
    """
    if len(data) > MOST_BYTES:
        size = len(data) // 1024 // 1024
        raise NotebookError(f"{size} MB are too large to be read: clear the outputs, and hand it in again")
    if not data.strip():
        raise NotebookError("the file is empty: it was not saved, or not uploaded")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotebookError("it is no text, so no notebook") from None
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        if text.lstrip().startswith("{"):
            raise NotebookError("it breaks off, or was changed by hand: its JSON cannot be read") from None
        return [_cell(text, False)]  # a script: `jupyter nbconvert --to script`, or Colab's *Download .py*
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    if (
        found is None and isinstance(notebook, dict) and "worksheets" in notebook
    ):  # notebooks of format 3 keep their cells in worksheets
        found = [cell for sheet in notebook.get("worksheets") or [] for cell in sheet.get("cells", [])]
    if not isinstance(found, list):
        raise NotebookError("it is JSON, but no notebook")
    cells, below_solution = [], False
    for cell in found:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", cell.get("input", ""))
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if cell.get("cell_type") != "code":
            if re.search(r"^#", source, re.MULTILINE):
                below_solution = bool(re.search(r"^#+ *Solution", source, re.MULTILINE))
            continue
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        cells.append(_cell(source, "solution" in (tags or []) or below_solution))
        cells[-1].was_run = bool(cell.get("execution_count") or cell.get("prompt_number") or cell.get("outputs"))
        below_solution = False
    return cells


def _cell(text, solution):
    text = text.replace("\x00", "")
    kept = "\n".join(_without_magic(line) for line in text.splitlines())
    try:
        return Cell(kept, solution, ast.parse(kept).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        words = error.msg if isinstance(error, SyntaxError) else str(error)
        return Cell(kept, solution, trouble=f"{type(error).__name__}: {words}{line}")


def _without_magic(line):
    return re.match(r"\s*", line)[0] + "pass" if _MAGIC.match(line) else line


def answers_in(
    cells: Sequence[Cell], lessons: Mapping[str, Sequence[str]], fallback: Mapping[str, Sequence[Cell]]
) -> dict[str, Answer]:
    """Return what a notebook holds for each exercise that it has a cell for.

    Parameters
    ----------
    cells : of the notebook.
    lessons : names of the exercises, by lesson.
    fallback : the course's own cells by lesson, for what was deleted from the notebook.
    """
    lesson_of = {name: lesson for lesson, names in lessons.items() for name in names}
    found, cells = {}, list(cells)
    here = _lessons_of(cells, lesson_of)
    for name in lesson_of:
        places = [k for k, cell in enumerate(cells) if name in cell.checks]
        if all(cells[k].solution for k in places) and (not here or lesson_of[name] in here):  # by the name alone
            shown = [node for cell in fallback.get(lesson_of[name], ()) if (node := _binding(cell, name))]
            defined = [k for k, cell in enumerate(cells) if name in cell.definitions]
            places += [k for k in defined if not _is_shown(cells[k], name, shown) and k not in places]
        own = [k for k in places if not cells[k].solution]
        if not own:
            continue
        answer = _answer(name, own, cells)
        if len(own) < len(places):
            answer.notes.append("the course's solution stands in this notebook; it is left out")
        if answer.state == "ready":
            _complete(answer, own, cells, fallback.get(lesson_of[name], ()))
        found[name] = answer
    return found


def _lessons_of(cells, lesson_of):
    """Return the lessons that a notebook is of, by the exercises that it checks and by what it imports as `lesson`."""
    checked = {lesson_of.get(name) for cell in cells for name in cell.checks}
    imported = {name for cell in cells for name in _ROOM.findall(cell.text)}
    return (checked | imported) & set(lesson_of.values())


def _is_shown(cell, name, shown):
    """Whether a cell's definition is one that the lesson itself shows."""
    node = _binding(cell, name)
    return node is not None and any(ast.dump(node) == ast.dump(other) for other in shown)


def _answer(name, places, cells):
    """Find the function that answers an exercise: the one that is checked, in the last cell where it was attempted."""
    checked = [k for k in places if name in cells[k].checks]
    found, empty, broken = [], [], []
    for place in places:
        cell = cells[place]
        if cell.trouble:
            broken.append(place)
            continue
        handed = _handed(cell.statements, name)
        called = handed.id if isinstance(handed, ast.Name) else name
        node = _binding(cell, called)
        if isinstance(handed, ast.Lambda):
            node = ast.parse(f"{name} = {ast.unparse(handed)}").body[0]
            cell = cells[place] = Cell(f"{name} = {ast.unparse(handed)}\n" + cell.text, False, [node, *cell.statements])
        elif node is None and called != name:  # defined in an earlier cell, checked here
            for earlier in range(place, -1, -1):
                if (node := _binding(cells[earlier], called)) is not None:
                    place = earlier
                    break
        if node is not None:
            (empty if _is_empty(node) else found).append((place, called, node))
    if found:
        place, called, node = found[-1]
        answer = Answer(name, "ready", called, text=_text(cells[place], node), signature=_signature(node))
        answer.statements = [(answer.text, True)]
        if len(found) > 1:
            answer.notes.append(f"{len(found)} cells answer it; the last counts")
        elif len(empty) + len(found) > 1:
            answer.notes.append("the cell stands here more than once; the one with an answer counts")
        if not cells[place].was_run:
            answer.notes.append("its cell was not run in this file, or the file was not saved afterwards")
        answer.place = place
    elif broken:
        answer = Answer(name, "broken", name, text=cells[broken[-1]].text, trouble=cells[broken[-1]].trouble)
    else:
        answer = Answer(name, "not attempted", name)
        if not empty:
            answer.notes.append("its cell calls the check and defines no function")
    if not checked:
        answer.notes.append("the call of its check is gone")
    return answer


def _handed(statements, exercise):
    """Return what a cell hands to an exercise's check, or None."""
    for node in ast.walk(ast.Module(statements, [])):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "check":
            value = node.func.value
            if isinstance(value, ast.Attribute) and value.attr == exercise and node.args:
                return node.args[0]
    return None


def _binding(cell, name):
    """Return the last statement at the top level of a cell that binds a name, or None."""
    return cell.bindings.get(name)


def _bound(node):
    """Return the names that a statement binds at the top level."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name.split(".")[0]) for alias in node.names}
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.With, ast.For, ast.If, ast.Try, ast.While)):
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
            names |= {name for part in inner for name in _bound(part)}
        return names
    return set()


def _is_empty(node):
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    return all(
        isinstance(step, ast.Pass)
        or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
        or (isinstance(step, ast.Return) and (step.value is None or _is_nothing(step.value)))
        for step in node.body
    )


def _is_nothing(value):
    return isinstance(value, ast.Constant) and (value.value is None or value.value is Ellipsis)


def _text(cell, node):
    """Return the text of a statement, decorators included."""
    decorators = [each.lineno for each in getattr(node, "decorator_list", [])]
    first = min([node.lineno, *decorators])
    return "\n".join(cell.text.splitlines()[first - 1 : node.end_lineno])


def _signature(node):
    """Return the signature of a plain function as its text says, None for anything else."""
    if not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return None
    kinds, spec = inspect.Parameter, node.args
    plain = [*spec.posonlyargs, *spec.args]
    optional = len(plain) - len(spec.defaults)
    parameters = [
        kinds(
            each.arg,
            kinds.POSITIONAL_ONLY if k < len(spec.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD,
            default=kinds.empty if k < optional else ...,
        )
        for k, each in enumerate(plain)
    ]
    if spec.vararg:
        parameters.append(kinds(spec.vararg.arg, kinds.VAR_POSITIONAL))
    for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        parameters.append(kinds(each.arg, kinds.KEYWORD_ONLY, default=kinds.empty if default is None else ...))
    if spec.kwarg:
        parameters.append(kinds(spec.kwarg.arg, kinds.VAR_KEYWORD))
    try:
        return inspect.Signature(parameters)
    except ValueError:
        return None


def _complete(answer, places, cells, course):
    """Put in front of an answer what it needs: from the notebook, and where that lacks it from the course's own."""
    here = answer.place
    # what was run before counts first, the nearest last; a name may also be bound below
    order = [*range(here, -1, -1), *range(here + 1, len(cells))]
    texts = [cells[k] for k in order if not cells[k].solution]
    needed: dict[str, str] = {}  # text of a statement, with the name it was taken for
    missing = []
    todo = sorted(_used(answer.text) - {answer.name})
    seen = {answer.name}
    while todo:
        name = todo.pop(0)
        if name in seen or name in _BUILTINS:
            continue
        seen.add(name)
        where = _find(name, texts)
        if where is None and (where := _find(name, course)) is not None:
            missing.append(name)
        if where is not None:
            needed.pop(where, None)
            needed[where] = name
            todo = [*todo, *sorted(_used(where))]
    # what was found last is needed first
    imports = [text for text in needed if text.lstrip().startswith(("import ", "from "))]
    others = [text for text in reversed(needed) if text not in imports]
    answer.statements = [*((text, False) for text in [*imports, *others]), (answer.text, True)]
    if missing:
        names = ", ".join(f"`{name}`" for name in sorted(missing))
        answer.notes.append(f"{names}: not in this notebook, taken from the course's own")


def _find(name, cells):
    for cell in cells:
        node = _binding(cell, name)
        if node is None:
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            kept = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) == name]
            single = ast.copy_location(
                ast.Import(kept) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, kept, node.level),
                node,
            )
            return ast.unparse(single)
        return _text(cell, node)
    return None


def _used(text):
    """Return the names that a piece of code reads from outside itself."""
    found, tables = set(), [symtable.symtable(text, "<cell>", "exec")]
    while tables:
        table = tables.pop()
        outside = table.get_type() == "module"
        found |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and (outside or one.is_global())}
        tables += table.get_children()
    return found


__all__ = ["Answer", "Cell", "NotebookError", "answers_in", "cells_of"]
