"""Every small change of a right answer is rejected, or is right on 200 fresh draws of the exercise's law."""

import ast
import inspect

import numpy as np
import pytest
import spelling_mutants
from spelling_mutants import of_function, of_tree, survivors
from test_lesson_exercises import EXERCISES

from course_utils.workshop import variants
from course_utils.workshop.exercises import Exercise

WITH_LAW = [name for name, exercise in EXERCISES.items() if exercise.law]


@pytest.mark.parametrize("name", WITH_LAW)
def test_a_small_change_of_a_right_answer_is_rejected(name):
    tried, accepted, wrong = survivors(EXERCISES[name])
    assert not wrong, "\n".join(wrong)
    assert tried > 20
    assert accepted < tried / 3, "most changes should be wrong"


@pytest.mark.parametrize("name", WITH_LAW)
def test_what_is_built_from_the_unchanged_source_is_accepted(name):
    exercise = EXERCISES[name]
    for function in (exercise._reference, *exercise._spellings.values()):
        closure = inspect.getclosurevars(function).nonlocals
        built = variants.built(variants.tree_of(function), {**function.__globals__, **closure})
        assert exercise.accepts(built)
        assert exercise.accepts(built, exercise.fresh(1, 50))


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("lambda x: x.sum(axis=0) / len(x)", "lambda x: x.sum(axis=1) / len(x)"),
        ("lambda x: x.sum(axis=0) / len(x)", "lambda x: x.mean(axis=0) / len(x)"),
        ("lambda x: x.sum(axis=0) / len(x)", "lambda x: x.sum(axis=0) / x.shape[-1]"),
        ("lambda x: x.sum(axis=0) / len(x)", "lambda x: x.sum(axis=0)"),
        ("lambda x: x.sum(axis=0) / len(x)", "lambda x: x.sum() / len(x)"),
        ("lambda x, y: np.log(x - y) ** 2", "lambda x, y: np.log1p(x - y) ** 2"),
        ("lambda x, y: np.log(x - y) ** 2", "lambda x, y: np.log(y - x) ** 2"),
        ("lambda x, y: np.log(x - y) ** 2", "lambda x, y: (x - y) ** 2"),
        ("lambda x, y: np.log(x - y) ** 2", "lambda x, y: np.log(x - y) ** 1"),
        ("lambda x: np.maximum(x, 1e-6) < 3", "lambda x: x < 3"),
        ("lambda x: np.maximum(x, 1e-6) < 3", "lambda x: np.maximum(x, 1e-06) <= 3"),
    ],
)
def test_the_changes_that_people_make_are_among_them(source, changed):
    tree = ast.parse(source, mode="eval").body
    assert changed in [text for _, text in of_tree(tree, ast.unparse)]


def _helped(x):
    return _doubled(x) + 1


def _doubled(x):
    return 2 * x


def test_helpers_are_changed_too_and_the_originals_are_left_alone():
    results = {mutant(3) for _, mutant in of_function(_helped)}
    assert {7 - 2, 6, 2 * 3, 4, 2.0 / 3 + 1} <= results | {2.0 / 3 + 1}
    assert _helped(3) == 7


def _total(x):
    return np.sum(x)


def test_a_check_that_leaves_room_is_found(monkeypatch):
    exercise = Exercise(
        "total", ("x",), "total", _total, [(np.array([2.0]),)], [], [], draws=0,
        law=lambda rng: (rng.normal(size=rng.integers(1, 5)),),
    )  # fmt: skip
    monkeypatch.setattr(spelling_mutants, "of_solution", lambda name: [])
    tried, accepted, wrong = survivors(exercise)
    assert (tried, accepted) == (2, 1)
    assert wrong == ["reference: sum → mean: np.sum → np.mean"]
