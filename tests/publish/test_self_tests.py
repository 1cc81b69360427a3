"""Presenter's notes: their form, the questions for the room in them, and what students get of both."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from tools.publish import self_tests
from tools.publish.self_tests import SelfTest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def note(words):
    return f"<details><summary>Presenter's note · 5 min</summary>\n\n{words}\n\n</details>"


def cell(words, tag="notes"):
    return new_markdown_cell(words, metadata={"tags": [tag]})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('Ask: "why?" (Because it is.)', [("why?", "Because it is.")]),
        ('Ask: "who? And why?" (Expected: nobody.) Go on.', [("who? And why?", "nobody.")]),
        ('Ask: "why?" (Because f(x) is (nearly) 1.) And (b).', [("why?", "Because f(x) is (nearly) 1.")]),
        ('"one?" (1.) Then: "two?" (2.)', [("one?", "1."), ("two?", "2.")]),
        ('"one?" Wait. Then: "two?" (2.)', [("two?", "2.")]),
        ('Stop at "these differ" (the complaint).', []),
        ("Vote on (a). What follows? (Nothing.)", []),
    ],
)
def test_questions_with_their_answers_are_found(words, found):
    assert self_tests.self_tests(note(words)) == [SelfTest(*pair) for pair in found]


def test_questions_without_an_answer_stay_the_presenters():
    assert self_tests.unanswered(note('"one?" Wait. Then: "two?" (2.)')) == ["one?"]


@pytest.mark.parametrize(
    "words",
    [
        "Ask the room.",
        "<details><summary>Presenter's note</summary>\n\nAsk.\n\n</details>",
        f"{note('Ask.')}\n\nMore.",
        f"{note('Ask.')}\n\n{note('Ask.')}",
        note('Ask: "why?" (Because.'),
    ],
)
def test_another_form_is_an_error(words):
    with pytest.raises(self_tests.NoteError):
        self_tests.self_tests(words)


@pytest.mark.parametrize(
    ("words", "begin"),
    [
        ("what is it", "What"),
        ("a label", "A label"),
        ("q is best", "q is"),
        ("k-means: far", "k-means"),
        ("$x$ alone", "$x$"),
        ("φ moves", "φ moves"),
        ("p(x) falls", "p(x)"),
        ("10 000 draws", "10 000"),
        ("no, the root", "No, the"),
    ],
)
def test_sentences_begin_with_a_capital_and_symbols_keep_theirs(words, begin):
    assert SelfTest(words, words).as_markdown().startswith(f"{self_tests.ASK} {begin}")


def test_self_tests_stand_in_the_place_of_their_note():
    cells = [cell("one", "x"), cell(note('Be slow. Ask: "why?" (Because.)')), cell(note("Be quick.")), cell("two", "x")]
    kept = self_tests.without_notes(cells)
    assert [one.source for one in kept] == [
        "one", "**Ask yourself.** Why?\n\n<details><summary>Answer</summary>\n\nBecause.\n\n</details>", "two"
    ]  # fmt: skip
    assert kept[1].id == cells[1].id and kept[1].metadata.tags == [self_tests.PLACE]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_note_of_the_course_has_the_form(path):
    notes = [one.source for one in nbformat.read(path, as_version=4).cells if self_tests.is_note(one)]
    assert len(notes) >= 5
    for words in notes:
        self_tests.self_tests(words)
        # What looks like a question with its answer is one: no bracket after a question is left behind.
        assert words.count('?" (') == len(self_tests.self_tests(words))


def test_the_course_has_questions_for_those_who_read_alone():
    cells = [one for path in LESSONS for one in nbformat.read(path, as_version=4).cells if self_tests.is_note(one)]
    assert sum(len(self_tests.self_tests(one.source)) for one in cells) >= 40
