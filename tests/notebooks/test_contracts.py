"""Each contract is shown to catch what it forbids, on a small notebook that is good but for one thing."""

import copy
import sys
from types import ModuleType, SimpleNamespace

import contracts
import nbformat
import pytest
from breaches import BROKEN
from breaches.lesson import (
    EXPLORERS,
    PNG,
    QUESTIONS,
    claim_cells,
    code,
    exercise,
    explorer,
    find,
    good_lesson,
    picture,
    printed,
    shown,
    text,
)
from nbformat.v4 import new_notebook, new_output

from tools.execute import METADATA, WIDGET_VIEW, canonical, write


@pytest.fixture
def module(monkeypatch):
    """The lesson's module, as the good notebook needs it."""
    names = ("mean_of", "sum_of", "median_of", "range_of")
    declared = [SimpleNamespace(name=name, arguments=("x",), misconceptions=("a", "b", "c")) for name in names]
    module = ModuleType("course_utils.lessons.small")
    vars(module).update(zip(names, declared, strict=True))
    module.EXERCISES = tuple(declared)
    module.RECALL = tuple(QUESTIONS)
    module.EXPLORERS = {name: lambda: None for name in EXPLORERS}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def course(tmp_path):
    """A folder like the course's; returns the path of its lesson 01."""
    folder = tmp_path / "course" / "notebooks"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "data.png").write_bytes(b"")
    write(
        canonical(new_notebook(cells=[text("# 00 · Start here\n\n## How to read")])),
        folder / "00_start_here.ipynb",
    )
    (tmp_path / "outside.txt").write_text("")
    return folder / "01_small.ipynb"  # fmt: skip


@pytest.mark.parametrize("name", contracts.RULES)
def test_a_good_lesson_keeps_the_rule(name, module, course):
    assert contracts.RULES[name](good_lesson(), course) == []


@pytest.mark.parametrize(("name", "words", "change"), BROKEN)
def test_a_rule_catches_what_it_forbids(name, words, change, module, course):
    notebook = copy.deepcopy(good_lesson())
    change(notebook, module)
    found = contracts.RULES[name](notebook, course)
    assert any(words in violation for violation in found), found


def test_every_rule_is_shown_to_catch_something():
    assert {parameters.values[0] for parameters in BROKEN} == set(contracts.RULES)


# --- Finer points -----------------------------------------------------------------------------------------


def test_the_first_lesson_needs_one_of_each_and_no_more(module, course):
    first = new_notebook(cells=[*claim_cells(1), *explorer("coin"), *exercise(1, "mean_of")])
    assert contracts.minimums(first, course.with_name("00_start_here.ipynb")) == []
    empty = contracts.minimums(new_notebook(), course.with_name("00_start_here.ipynb"))
    assert empty == [f"0 {kind}, fewer than 1" for kind in ("claims", "explorers", "exercises")]


def test_the_first_lesson_asks_about_no_earlier_one(module, course):
    first = course.with_name("00_start_here.ipynb")
    assert contracts.RULES["recall"](good_lesson(), first) == ["there is no lesson before this one to ask about"]
    assert contracts.RULES["recall"](new_notebook(), first) == []


def test_a_notebook_without_cells_breaks_rules_and_raises_nothing(module, course):
    empty = new_notebook(metadata=nbformat.from_dict(METADATA))
    broken = {name for name, rule in contracts.RULES.items() if rule(empty, course)}
    assert {"import_cell", "heading_order", "frame", "minimums", "own_lesson_only"} <= broken


def test_only_cells_that_nbval_compares_are_counted():
    html = {"image/png": PNG, "text/html": "<img>"}
    compared = [code("print(1)", printed("1")), code("x", shown("1", **html))]
    passed_over = [
        code("x = 1"),
        code("x", new_output("display_data", {"image/png": PNG, WIDGET_VIEW: {}})),
        code("x", shown("1"), tags=["nbval-ignore-output"]),
        text("print(1)"),
    ]
    notebook = canonical(new_notebook(cells=[*compared, *passed_over]))
    assert contracts.compared_cells(notebook) == 2
    notebook.cells[0].execution_count = None  # nbval does not compare a cell that was never run
    assert contracts.compared_cells(notebook) == 1


def test_what_is_read_at_home_may_be_skipped_in_the_slides(module, course):
    lesson = good_lesson()
    lesson.cells[find(lesson, "## Going further")].metadata.slideshow.slide_type = "skip"
    assert contracts.slides(lesson, course) == []


def test_code_and_mathematics_are_not_prose(course):
    source = "`just` and\n```python\nsimply = 1\n```\n$obviously$, justice, [x](https://x.org/just)"
    assert contracts.voice(new_notebook(cells=[text(source)]), course) == []


def test_numbers_that_code_outputs_or_an_origin_give_are_passed_over(course):
    code_and_output = code("steps = 1_289  # of 3", printed("0.6149 nats, 12\u202f012 throws"))
    words = "1289 steps, 0.61 or 0.615 nats, 61.5 %, 12 012 throws, $10^{-434}$, (Jang, 2017), 300, `4.56`, 512 codes"
    notebook = new_notebook(cells=[code_and_output, text(words, numbers={"512": "2 ** 9", "4.56": "source: a table"})])
    assert contracts.stated_numbers(words) == ["1289", "0.615", "61.5", "12012", "4.56", "512"]
    assert contracts.numbers(notebook, course) == []
    computed = code("show(figure, f'it ends at {end:.3f}')", picture("it ends at 0.777"))
    assert contracts.numbers(new_notebook(cells=[computed]), course) == []


def test_headings_in_code_are_comments():
    source = "# Title\n\n```python\n# a comment\n```\n\n~~~\n## another\n~~~\n\n## Section ##"
    found = [(heading.level, heading.text) for heading in contracts.headings(new_notebook(cells=[text(source)]))]
    assert found == [(1, "Title"), (2, "Section")]


def test_an_anchor_may_be_percent_encoded(course):
    notebook = new_notebook(cells=[text("## Exercise 1.1 · Größe\n\n[up](#Exercise-1.1-%C2%B7-Gr%C3%B6%C3%9Fe)")])
    assert contracts.links(notebook, course) == []
