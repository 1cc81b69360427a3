"""The package's three storeys are its folders: nothing imports upward, and no lesson's room knows another.

Ground, `workshop`: what every lesson needs and none teaches. Middle, `models`: the models and algorithms, one concept
each. Top, `lessons`: one room per lesson. Within a folder a module may import another, as long as there is no circle;
between the rooms of two lessons there is no import at all.
"""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "course_utils"
STOREYS = ("workshop", "models", "lessons")


def name_of(path):
    """Dotted name below the package, "" for the package itself: models.mixtures, lessons.gumbel.explorers."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(source, name="", known=frozenset(MODULES)):
    """Modules of the package that a source text imports, also inside functions; `name` is the source's own."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # from . import x: seen from the module's own folder
                package = name.split(".") if name in PACKAGES else name.split(".")[:-1]
                folder = ["course_utils", *filter(None, package)]
                base = ".".join([*folder[: len(folder) + 1 - node.level], base]).rstrip(".")
            # from course_utils import x: x may be a module, or a name that the package re-exports
            candidates = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            candidates = [node.value] if node.value.startswith("course_utils.") else []  # for importlib
        else:
            continue
        below = {
            c.removeprefix("course_utils").removeprefix(".") for c in candidates if c.split(".")[0] == "course_utils"
        }
        found |= below & known
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils" and below & known - {""}:
            found.discard("")
    return found


PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}
# That a module's folder is imported before it says nothing of what the module needs.
FOLDERS = {"", *STOREYS}


def storey(name):
    """0 for the workshop, with the package itself, 1 for the models, 2 for the rooms of the lessons."""
    return STOREYS.index(name.split(".")[0]) if name else 0


def room(name):
    """The lesson whose room a module is in, or an empty text."""
    parts = name.split(".")
    return parts[1] if parts[0] == "lessons" and len(parts) > 1 else ""


def objection(name, target):
    """What is wrong with one import, or an empty text."""
    if target == "":
        return f"{name} imports the package itself, which imports the ground"
    if storey(target) > storey(name):
        return f"{name or 'course_utils'} imports {target}, which is a storey above it"
    if room(target) != room(name) and room(target):
        return f"{name} imports {target}, the room of another lesson"
    return ""


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "the-package")
def test_a_module_imports_from_below_or_from_its_own_folder(name):
    targets = imported(MODULES[name].read_text(encoding="utf-8"), name)
    assert not [words for target in sorted(targets) if (words := objection(name, target))]


def test_there_is_no_circle():
    graph = {name: imported(path.read_text(encoding="utf-8"), name) - FOLDERS for name, path in MODULES.items()}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(MODULES)


def test_every_module_is_in_a_storey_and_every_storey_is_inhabited():
    assert {name.split(".")[0] for name in MODULES} == {"", *STOREYS}
    assert {storey(name) for name in MODULES} == {0, 1, 2}


def test_every_lesson_has_a_room_with_its_explorers_and_exercises():
    rooms = {path.name: {file.stem for file in path.glob("*.py")} for path in (PACKAGE / "lessons").iterdir()}
    rooms = {name: files for name, files in rooms.items() if files and not name.startswith("_")}
    rooms.pop("__init__.py", None)
    notebooks = {path.stem[3:] for path in (PACKAGE.parent / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert set(rooms) == notebooks
    assert [name for name, files in rooms.items() if not {"__init__", "explorers", "exercises"} <= files] == []


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("workshop.style", "from course_utils.models.vae import VAE", "models.vae"),
        ("workshop.style", "def f():\n    import course_utils.models.vae as v", "models.vae"),
        ("workshop.style", "from ..models import vae", "models.vae"),
        ("models.vae", "from course_utils.lessons import gumbel", "lessons.gumbel"),
        (
            "models.vae",
            "import importlib\nm = importlib.import_module('course_utils.lessons.vae.models')",
            "lessons.vae.models",
        ),
        ("lessons.vae.explorers", "from course_utils.lessons import gumbel", "lessons.gumbel"),
        ("lessons.vae.explorers", "from ..gumbel.models import train", "lessons.gumbel.models"),
        ("lessons.vae", "from .. import gumbel", "lessons.gumbel"),
        ("lessons.vae.explorers", "from course_utils import palette", ""),
        ("workshop.style", "from course_utils import claim", ""),
    ],
)
def test_a_forbidden_import_is_found(name, source, target):
    assert target in imported(source, name)
    assert objection(name, target)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("workshop.style", "workshop.validation"),
        ("models.vae", "models.networks"),
        ("models.planes", "workshop.explorer"),
        ("lessons.vae.explorers", "lessons.vae.models"),
        ("lessons.vae", "models.vae"),
        ("", "workshop.claims"),
    ],
)
def test_an_allowed_import_is_not_objected_to(name, target):
    assert objection(name, target) == ""
