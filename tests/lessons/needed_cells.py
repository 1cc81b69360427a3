"""Which cells of a lesson must run before claims can judge others: what no claim in question builds on is left out.

It is read from names alone, cell by cell. Where that reads too little, what is left out is missed at once: the lesson
as it stands no longer runs, or one of its claims fails.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable

# A call of one of these changes networks that the cell may name elsewhere only.
_TRAINING = {"backward", "step", "run"}
_CHANGE_NOTHING = {"claim", "print", "show"}
_GENERATORS = {"rng"}  # each use moves them on


def needed(cells: list[str], wanted: Iterable[int]) -> list[int]:
    """Return the positions, ascending, of the wanted cells and of all that they build on."""
    chosen, late = set(wanted), set()
    trees = [ast.parse(cell).body for cell in cells[: max(chosen) + 1]]
    modules = set(dir(builtins)).union(*(_imported(statement) for tree in trees for statement in tree))
    made = [set().union(*(_bound(one) | (_changed(one) - modules) for one in tree)) for tree in trees]
    while True:
        live = set(late)
        for position in reversed(range(len(trees))):
            if position in chosen or made[position] & live:
                chosen.add(position)
                for statement in reversed(trees[position]):
                    live = (live - _settled(statement)) | _loaded(statement) | late
        # What a function's body names is looked up when it is called, which may be cells after its definition.
        found = set().union(*(_loaded_in_bodies(statement) for position in chosen for statement in trees[position]))
        if found <= late:
            return sorted(chosen)
        late |= found


def stated_in(cells: list[str], statement: str, start: int = 0) -> int:
    """Return the position, from `start` on, of the cell in which the text of a claim stands; the last where none does.

    Texts that are put together when the cell runs are recognised by their fixed parts.
    """
    for position in range(start, len(cells)):
        for node in ast.walk(ast.parse(cells[position])):
            if isinstance(node, ast.Constant) and str(node.value).startswith(statement):
                return position
            if isinstance(node, ast.JoinedStr) and re.match(_pattern(node), statement, re.DOTALL):
                return position
    return len(cells) - 1


def _pattern(text: ast.JoinedStr) -> str:
    parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in text.values]
    return "".join(parts) if any(isinstance(part, ast.Constant) for part in text.values) else r"(?!)"


def _loaded(statement: ast.AST) -> set[str]:
    """Return the names whose value the statement reads, but for those to which its loops give one."""
    nodes = list(ast.walk(statement))
    loops = [node.target for node in nodes if isinstance(node, (ast.For, ast.comprehension))]
    given = {node.id for target in loops for node in ast.walk(target) if _is_stored(node)}
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} - given


def _loaded_in_bodies(statement: ast.AST) -> set[str]:
    functions = [node for node in ast.walk(statement) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    return set().union(*(_loaded(node) - _own(node) for node in functions))


def _own(function: ast.AST) -> set[str]:
    """Return the names that are a function's own: its arguments, and what its body gives a value."""
    nodes = list(ast.walk(function))
    return {node.arg for node in nodes if isinstance(node, ast.arg)} | {node.id for node in nodes if _is_stored(node)}


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names to which the statement gives a value; those of comprehensions are nobody else's."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return _imported(statement)
    inside = {id(node.target) for node in ast.walk(statement) if isinstance(node, ast.comprehension)}
    found, todo = set(), [statement]
    while todo:
        node = todo.pop()
        if _is_stored(node):
            found.add(node.id)
        todo += [child for child in ast.iter_child_nodes(node) if id(child) not in inside]
    return found


def _imported(statement: ast.stmt) -> set[str]:
    names = statement.names if isinstance(statement, (ast.Import, ast.ImportFrom)) else []
    return {(alias.asname or alias.name).partition(".")[0] for alias in names}


def _settled(statement: ast.stmt) -> set[str]:
    """Return the names that have a new value after the statement, whatever happens in it."""
    simple = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)
    return _bound(statement) if isinstance(statement, simple) else set()


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _changed(statement: ast.stmt) -> set[str]:
    """Return the names whose values the statement may change in place."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return set()
    found = _loaded(statement) & _GENERATORS
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            found.add(_base(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TRAINING:
            found |= _loaded(statement)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found |= _by_call(node.value)
    return found


def _by_call(call: ast.Call) -> set[str]:
    """Return the names of what a call may change whose result nobody takes: its object, and what is handed to it."""
    if isinstance(call.func, ast.Name) and call.func.id in _CHANGE_NOTHING:
        return set()
    handed = {_base(argument) for argument in call.args}
    return handed | {_base(call.func)} if isinstance(call.func, ast.Attribute) else handed


def _base(node: ast.AST) -> str:
    """Return the name with which a chain of attributes, items and calls begins, or ""."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
