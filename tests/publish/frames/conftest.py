"""What several tests of frames need."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.lessons import start_here
from frames.bells import KIND, MEAN, TRUTH, draw_all, make
from tools.publish.frames import cache, lessons, render


@pytest.fixture(scope="module")
def several():
    return render(make(draw_all, [MEAN, KIND, TRUTH]))


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Write a lesson whose explorers are bells; the folder `kept` is where its frames are kept."""
    monkeypatch.setattr(start_here, "EXPLORERS", {"bell": make, "broken": lambda: make(lambda parts, mean: 1 / 0)})
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(cache, "CACHE", tmp_path / "kept")

    def write(*sources, name="01_try"):
        cells = [
            new_markdown_cell("# 01 · Try"),
            new_code_cell("from course_utils.lessons import start_here as lesson"),
        ]
        cells += [new_code_cell(source, metadata={"tags": ["explorer"]}) for source in sources]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


@pytest.fixture(scope="module")
def bell():
    return render(make(), most=3)


@pytest.fixture
def drawn(monkeypatch, bell):
    """The budgets of the explorers that would have been drawn; what stands for their frames was drawn once."""
    budgets = []

    def counted(explorer, budget):
        budgets.append(budget)
        return bell

    monkeypatch.setattr(cache, "render", counted)
    return budgets
