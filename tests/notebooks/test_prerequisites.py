"""The notebook before lesson 00: fifteen questions that teach, as they are declared, and where to read on."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import contracts
import nbformat
import numpy as np
import pytest

from course_utils.lessons.start_here import PREREQUISITES, TOPICS
from course_utils.workshop.recall import as_markdown
from tools import execute
from tools.publish.student_copy import BEFORE

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "notebooks" / BEFORE
NOTEBOOK = nbformat.read(PATH, as_version=4)
QUESTIONS = list(PREREQUISITES.values())
APPLICABLE = ("no_errors", "links", "executed", "no_widget_state")

rng = np.random.default_rng(0)


def test_there_are_fifteen_on_six_topics():
    assert len(QUESTIONS) == 15 and len(TOPICS) == 6
    assert list(PREREQUISITES) == [f"P{number}" for number in range(1, 16)]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_answer_teaches(question):
    assert question.examine(question.right or question.number).correct
    for wrong, reason in question.reasons.items():
        assert question.examine(wrong).detail == reason
    texts = [*question.reasons.values(), question.praise, *filter(None, [question.otherwise])]
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 25 and text.endswith(".") for text in texts)
    assert len(question.reasons) >= (2 if question.choices else 3)
    if not question.choices:
        values = sorted([*question.reasons, question.number])
        assert min(b - a for a, b in pairwise(values)) > 2 * question.tolerance


def test_neither_place_nor_length_gives_an_answer_away():
    asked = [question for question in QUESTIONS if question.choices]
    places = Counter(question.right for question in asked)
    assert set(places) == {"a", "b", "c"} and max(places.values()) <= len(asked) / 2
    sizes = [([len(choice) for choice in one.choices], one.letters.index(one.right)) for one in asked]
    assert sum(lengths[right] == max(lengths) for lengths, right in sizes) <= len(asked) / 2
    assert sum(lengths[right] == min(lengths) for lengths, right in sizes) <= len(asked) / 2
    for questions in TOPICS.values():
        letters = [question.right for question in questions if question.choices]
        assert len(set(letters)) == len(letters)


def chosen(name):
    question = PREREQUISITES[name]
    return question.choices[question.letters.index(question.right)]


def test_choices_are_right_by_computation():
    a, b = rng.normal(size=(4, 1)), rng.normal(size=3)
    assert "(4, 3)" in chosen("P1")
    np.testing.assert_array_equal(a + b, [[x + y for y in b] for x in a[:, 0]])
    points = rng.normal(size=(100, 3))
    assert "mean point" in chosen("P2")
    np.testing.assert_allclose(points.mean(axis=0), sum(points) / 100)
    x = np.array([1, 2, 3])
    y = x
    y[0] = 9
    assert chosen("P3").startswith(f"{x[0]},")
    draws = rng.uniform(0, 0.5, size=200_000)
    assert np.mean(abs(draws - 0.3) < 0.05) / 0.1 == pytest.approx(float(chosen("P7")), rel=0.02)
    grid = np.linspace(0.01, 5, 1000)
    f = grid**2 * np.exp(-grid) + 0.3 * np.exp(-((grid - 4) ** 2))
    assert "stays" in chosen("P11") and np.argmax(f) == np.argmax(np.log(f))
    step = np.array([float(word.replace("−", "-")) for word in re.search(r"\((.+?)\)", chosen("P13"))[1].split(",")])
    assert step @ np.array([1, -2]) < 0
    matrix = rng.normal(size=(5, 3))
    columns = [[matrix[:, i] @ matrix[:, j] for j in range(3)] for i in range(3)]
    assert "(3, 3)" in chosen("P14") and "each column" in chosen("P14")
    np.testing.assert_allclose(matrix.T @ matrix, columns)


def by_counting():
    ill = rng.uniform(size=1_000_000) < 0.1
    positive = rng.uniform(size=len(ill)) < np.where(ill, 0.8, 0.2)
    return ill[positive].mean()


def near_1_70():
    """The density of heights in centimetres where in metres it is 4, from a uniform law that has it."""
    metres = rng.uniform(1.6, 1.85, size=400_000)
    return np.mean(abs(100 * metres - 170) < 5) / 10


def slope(f, w, h=1e-5):
    return (f(w + h) - f(w - h)) / (2 * h)


NUMBERS = {
    "P4": by_counting,
    "P5": lambda: (rng.normal(0, 3, 1_000_000) + rng.normal(0, 4, 1_000_000)).std(),
    "P6": lambda: np.mean(rng.normal(2, 3, 4_000_000) ** 2),
    "P8": lambda: 1.5 * 0.01,
    "P9": near_1_70,
    "P10": lambda: np.exp(-10.0) / np.exp(-12.0),
    "P12": lambda: slope(lambda w: (3 * w - 1) ** 2, 1.0),
    "P15": lambda: rng.multivariate_normal([0, 0], [[4, 1], [1, 4]], size=1_000_000).sum(axis=1).var(),
}


def test_numbers_are_right_by_computation():
    assert set(NUMBERS) == {question.name for question in QUESTIONS if not question.choices}
    for name, compute in NUMBERS.items():
        assert compute() == pytest.approx(PREREQUISITES[name].number, rel=0.01), name


def test_the_notebook_asks_what_is_declared_in_its_order():
    texts = [cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown"]
    checks = [cell for cell in NOTEBOOK.cells if "recall" in cell.metadata.get("tags", [])]
    for (topic, questions), cell in zip(TOPICS.items(), checks, strict=True):
        assert as_markdown(questions, opening=[f"## {topic}"]) in texts
        assert cell.source.splitlines() == [f'ask["{question.name}"].check(...)' for question in questions]
        assert [output.data for output in cell.outputs] == [
            question.examine(...)._repr_mimebundle_() for question in questions
        ]


def test_every_topic_says_where_to_read_on():
    rows = re.findall(
        r"^\| ([A-Z][^|]+) \| (P\d+)–(P\d+) \| (.+?) \| (.+?) \|$", NOTEBOOK.cells[-1].source, re.MULTILINE
    )
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (topic, questions[0].name, questions[-1].name) for topic, questions in TOPICS.items()
    ]


def test_it_is_stored_as_lessons_are():
    assert execute.not_canonical(PATH) == ""
    nbformat.validate(NOTEBOOK)
    for name in ("no_errors", "no_widget_state", "links"):
        assert getattr(contracts, name)(NOTEBOOK, PATH) == []
    assert all("slide_type" in cell.metadata.get("slideshow", {}) for cell in NOTEBOOK.cells)


def test_the_readme_leads_to_it():
    assert f"(notebooks/{BEFORE})" in (ROOT / "README.md").read_text(encoding="utf-8")
