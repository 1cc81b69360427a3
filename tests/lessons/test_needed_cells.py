"""Which cells run for a mutant: all that it and its claim build on, and nothing else."""

import mutations
import nbformat
import pytest
from mutations import AS_IT_STANDS, objections
from needed_cells import needed, stated_in


@pytest.mark.parametrize(
    ("cells", "left"),
    [
        (["x = 1", "y = 2", "z = x"], [0, 2]),
        (["x = 1", "x = 2", "z = x"], [1, 2]),  # a new value replaces the old one
        (["x = 1", "if x:\n    x = 2", "z = x"], [0, 1, 2]),
        (["x = [1]", "x.append(2)", "z = x"], [0, 1, 2]),
        (["x = [1]", "x[0] += 1", "print(x)", "z = x"], [0, 1, 3]),
        (["import lesson", "model = lesson.new()", "lesson.train(model)", "z = model"], [0, 1, 2, 3]),
        (["m = new()", "o = adam(m)", "for p in m:\n    loss(m).backward()\n    o.step()", "z = m"], [0, 1, 2, 3]),
        (["figure = 1\nfigure.draw()", "figure = 2\nz = figure"], [1]),
        (["size = 3", "def f(x):\n    return x * size", "y = [size for size in 'ab']", "z = f(1)"], [0, 1, 3]),
        (["def f():\n    return later", "later = 1", "unused = 2", "z = f()"], [0, 1, 3]),
        (["def f():\n    own = 1\n    return own", "own = 2", "z = f()"], [0, 2]),
        (["import numpy as np", "np.zeros(3)", "z = np.ones(3)"], [0, 2]),
        (["from a import b as c", "z = c"], [0, 1]),
        (["rng = setup(1)", "x = rng.normal()", "z = rng.normal()"], [0, 1, 2]),  # the same numbers as in the lesson
    ],
)
def test_a_cell_runs_if_something_builds_on_it(cells, left):
    assert needed(cells, [len(cells) - 1]) == left


def test_what_comes_after_the_last_wanted_cell_does_not_run():
    assert needed(["x = 1", "y = x", "x = 2"], [1]) == [0, 1]


def test_a_claim_is_found_by_its_text():
    cells = ['claim("one", 1)', 'claim("two, " "in parts", 1)', 'claim(f"for {name}: three", 1)', 'claim("one", 2)']
    assert [stated_in(cells, text) for text in ("one", "two, in parts", "for x: three")] == [0, 1, 2]
    assert stated_in(cells, "one", 1) == 3
    assert stated_in(cells, "said nowhere") == 3  # then the lesson is run to its end


LESSON = (
    "from course_utils import claim",
    "raise RuntimeError('nothing builds on this')",
    "a, count = 2.0, 1000",
    "b = a + sum(0 * k for k in range(count))",
    "claim('b is two', b, equals=2.0)\nclaim('b is positive', b, at_least=0.0)",
    "c = a\nclaim('c is two', c, equals=2.0)",
    "raise RuntimeError('this is after the last claim')",
)


def made(monkeypatch, folder, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, folder / "lesson.ipynb")
    monkeypatch.setattr(mutations, "NOTEBOOKS", folder)


def test_the_claim_that_objects_is_named_and_a_change_that_changes_nothing_is_seen(monkeypatch, tmp_path):
    made(monkeypatch, tmp_path, *LESSON)
    mutants = {
        "caught": ("b = a +", "b = 2 * a +", "b is two"),
        "caught earlier than was said": ("b = a ", "b = -a ", "b is positive"),
        "not caught": ("b = a + sum", "b = a - sum", "b is two"),
        "raises": ("c = a", "c = a / 0", "c is two"),
    }
    found = objections("lesson.ipynb", mutants, [("count = 2.0, 1000", "count = 2.0, 10")])
    assert found == {
        AS_IT_STANDS: None,
        "caught": "b is two",
        "caught earlier than was said": "b is two",
        "not caught": None,
        "raises": "raised ZeroDivisionError: float division by zero",
    }


def test_a_lesson_that_does_not_hold_as_it_stands_is_told(monkeypatch, tmp_path):
    made(monkeypatch, tmp_path, *LESSON)
    mutants = {"caught": ("c = a", "c = 2 * a", "c is two")}
    found = objections("lesson.ipynb", mutants, [("a, count = 2.0", "a, count = 3.0")])
    assert found == {AS_IT_STANDS: "c is two", "caught": "c is two"}


def test_a_piece_that_is_gone_is_named(monkeypatch, tmp_path):
    made(monkeypatch, tmp_path, *LESSON)
    for mutants, lighter in (({"m": ("gone", "", "c is two")}, ()), ({"m": ("c = a", "", "c is two")}, [("gone", "")])):
        with pytest.raises(AssertionError, match=r"'gone' stands 0 times in lesson\.ipynb; it must stand once"):
            objections("lesson.ipynb", mutants, lighter)
