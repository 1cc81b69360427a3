"""Every notebook of the course keeps every contract; a new lesson is held to them by existing."""

import re
from pathlib import Path

import contracts
import nbformat
import pytest

from tools import execute

ROOT = Path(__file__).resolve().parents[2]
PREREQUISITES = "prerequisites.ipynb"  # no lesson: tests/notebooks/test_prerequisites.py holds it to what concerns it
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if ".ipynb_checkpoints" not in path.parts and path.name != PREREQUISITES]


def read(path):
    return nbformat.read(path, as_version=4)


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks_numbered_one_after_the_other():
    assert NOTEBOOKS, "notebooks/ holds no notebook: nothing of the course would be tested"
    numbers = [contracts.lesson_number(path) for path in NOTEBOOKS]
    assert numbers == list(range(len(NOTEBOOKS))), [path.name for path in NOTEBOOKS]
    assert {path.parent for path in NOTEBOOKS} == {ROOT / "notebooks"}


@every_notebook
@pytest.mark.parametrize("name", contracts.RULES)
def test_contract(path, name):
    found = contracts.RULES[name](read(path), path)
    assert not found, "\n".join([contracts.RULES[name].__doc__, *found])


@every_notebook
def test_stored_as_the_tool_stores_it(path):
    assert execute.not_canonical(path) == ""


@every_notebook
def test_strict_nbval_compares_something(path, record_property):
    notebook = read(path)
    compared = contracts.compared_cells(notebook)
    showing = sum(bool(cell.outputs) for _, cell in contracts.code_cells(notebook))
    record_property("cells compared by strict nbval", compared)
    print(f"{path.name}: strict nbval compares {compared} of {showing} cells with output")
    ignored = sum(
        "nbval-ignore-output" in contracts.tags(cell) for _, cell in contracts.code_cells(notebook) if cell.outputs
    )
    assert compared > 0
    assert compared == showing - ignored


@every_notebook
def test_the_readme_leads_to_it(path):
    assert re.search(rf"\]\(notebooks/{re.escape(path.name)}\)", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_every_lesson_module_has_its_notebook():
    modules = {path.parent.name for path in (ROOT / "course_utils" / "lessons").glob("*/__init__.py")}
    assert modules == {path.stem[3:] for path in NOTEBOOKS}
