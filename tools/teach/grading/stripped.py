"""A copy of the package without answers: all that a student's code can read of the course while it is graded.

The ground and the models go along as they are. Of each lesson's room nothing is taken but its `models.py`, constants,
and the functions that its notebook uses and that no exercise asks for (`tiny_elbo` of lesson 08), each with what it
needs. An exercise becomes a name whose `check` does nothing, and which notes that somebody asked it for its answer.
"""

import ast
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("zygote.py", "wall.py", "wire.py", "answering.py")
_LEFT_OUT = ("__pycache__", "cache", ".*")
_ANSWERS = ("exercise", "problem")  # how the names of the modules begin that hold exercises
_TELLING = {"patients", "trained_with"}  # they say who of lesson 08's patients has what
_NO_PLACE = {"EXERCISES", "PROBLEMS", "RECALL", "EXPLORERS"}
_LESSONS = '''\
"""The rooms of the lessons, as far as a function that is graded may need them."""

PEEKED = []
"""What code asked an exercise for, besides its check."""


class Exercise:
    """The name of an exercise; the exercise itself is elsewhere."""

    def __init__(self, name):
        object.__setattr__(self, "name", name)

    def check(self, function=None):
        """Do nothing."""

    def hint(self):
        """Do nothing."""

    def __getattribute__(self, name):
        if name not in ("check", "hint", "name", "__class__", "__doc__"):
            PEEKED.append(name)
        return object.__getattribute__(self, name)


def close(name):
    """Do nothing."""
'''


def build(target, exercises, root=ROOT):
    """Write the copy into the folder `target`, which does not exist yet.

    Parameters
    ----------
    target : Path
    exercises : mapping of str to sequence of str
        The names of the exercises of each lesson's room.
    root : Path
        Of the course.
    """
    package = target / "course_utils"
    ignore = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(root / "course_utils", package, ignore=shutil.ignore_patterns(*_LEFT_OUT, "lessons"))
    shutil.copytree(root / "data", target / "data", ignore=ignore)
    lessons = package / "lessons"
    lessons.mkdir()
    (lessons / "__init__.py").write_text(_LESSONS, encoding="utf-8")
    for topic, names in exercises.items():
        _room(root / "course_utils" / "lessons" / topic, lessons / topic, names)
    parts = target / "tools" / "teach" / "grading"
    parts.mkdir(parents=True)
    for folder in (parts, parts.parent, parts.parent.parent):
        (folder / "__init__.py").write_text("")
    for name in PARTS:
        shutil.copy2(Path(__file__).with_name(name), parts / name)


def _room(source, target, names):
    target.mkdir()
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(source.glob("*.py"))}
    wanted = _exported(trees["__init__"]) - set(names) - _NO_PLACE - _TELLING
    lines = [f'"""The room of {source.name}, without its answers."""', "", "from course_utils.lessons import Exercise"]
    if "models" in trees:
        shutil.copy2(source / "models.py", target / "models.py")
        own = sorted(wanted & _defined(trees["models"]))
        if own:
            lines.append(f"from course_utils.lessons.{source.name}.models import {', '.join(own)}")
        wanted -= set(own)
    helpers = [text for stem, tree in trees.items() if stem.startswith(_ANSWERS) for text in _needed(tree, wanted)]
    if helpers:
        (target / "helpers.py").write_text("\n\n".join(helpers) + "\n", encoding="utf-8")
        lines.append(f"from course_utils.lessons.{source.name}.helpers import *")
    for stem, tree in trees.items():
        if stem not in ("__init__", "models"):
            lines += [text for name, text in _constants(tree) if name in wanted]
    lines += [f"{name} = Exercise({name!r})" for name in names]
    (target / "__init__.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _exported(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def _defined(tree):
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _constants(tree):
    """Yield name and text of what is a plain constant."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                ast.literal_eval(node.value)
            except ValueError:
                continue
            yield node.targets[0].id, ast.unparse(node)


def _needed(tree, wanted):
    """Return the text of the wanted functions of a module, its imports from elsewhere in front, or nothing."""
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    todo, taken = [name for name in found if name in wanted], []
    while todo:
        name = todo.pop()
        if name not in taken:
            taken.append(name)
            used = {node.id for node in ast.walk(found[name]) if isinstance(node, ast.Name)}
            todo += [other for other in found if other in used]
    if not taken:
        return []
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    outside = [node for node in imports if not (getattr(node, "module", "") or "").startswith("course_utils.")]
    return [ast.unparse(node) for node in [*outside, *(found[name] for name in found if name in taken)]]


__all__ = ["build"]
