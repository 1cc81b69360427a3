"""The package's three storeys: a module imports from storeys below its own, and nothing imports upward.

Ground: what every lesson needs and none teaches. Middle: the models and algorithms, one concept each, which know
nothing of each other. Top: one room per lesson, which knows no other lesson.
"""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "course_utils"
GROUND = {
    "claims",
    "data",
    "environment",
    "exercises",
    "explorer",
    "gaussians",
    "kept",
    "networks",
    "planes",
    "style",
    "training",
    "validation",
}


def name_of(path):
    """Dotted name below the package, "" for the package itself: mixtures, lessons.gumbel."""
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
                folder = ["course_utils", *name.split(".")][: -node.level]
                base = ".".join([*folder, base]).rstrip(".")
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


def storey(name):
    """0 for the ground, with the package itself, 1 for the middle, 2 for the rooms of the lessons."""
    if name == "lessons" or name.startswith("lessons."):
        return 2
    return 0 if name in GROUND | {""} else 1


def objection(name, target):
    """What is wrong with one import, or an empty text."""
    if storey(target) > storey(name):
        return f"{name or 'course_utils'} imports {target}, which is a storey above it"
    if storey(target) == storey(name) > 0:
        return f"{name} imports {target} of its own storey"
    if target == "":
        return f"{name} imports the package itself, which imports the ground"
    return ""


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "the-package")
def test_a_module_imports_from_below_only(name):
    targets = imported(MODULES[name].read_text(encoding="utf-8"), name)
    assert not [words for target in sorted(targets) if (words := objection(name, target))]


def test_there_is_no_circle():
    graph = {name: imported(path.read_text(encoding="utf-8"), name) for name, path in MODULES.items()}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(MODULES)


def test_the_ground_is_all_there_and_every_storey_is_inhabited():
    assert GROUND <= set(MODULES)
    assert {storey(name) for name in MODULES} == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("style", "from course_utils.vae import VAE", "vae"),
        ("style", "def f():\n    import course_utils.vae as v", "vae"),
        ("vae", "from course_utils import mixtures", "mixtures"),
        ("vae", "from .mixtures import GaussianMixture", "mixtures"),
        ("vae", "from . import mixtures", "mixtures"),
        ("vae", "import importlib\nm = importlib.import_module('course_utils.lessons.vae')", "lessons.vae"),
        ("mixtures", "from course_utils.lessons import gumbel", "lessons.gumbel"),
        ("lessons.vae", "from course_utils.lessons import gumbel", "lessons.gumbel"),
        ("lessons.vae", "from .gumbel import simplex", "lessons.gumbel"),
        ("lessons.vae", "from .. import palette", ""),
        ("style", "from course_utils import claim", ""),
    ],
)
def test_a_forbidden_import_is_found(name, source, target):
    assert target in imported(source, name)
    assert objection(name, target)


@pytest.mark.parametrize(
    ("name", "target"), [("style", "validation"), ("vae", "networks"), ("lessons.vae", "vae"), ("", "claims")]
)
def test_an_allowed_import_is_not_objected_to(name, target):
    assert objection(name, target) == ""
