"""Questions about earlier lessons: every answer gets a verdict in words, and the declared ones teach."""

import importlib
from collections import Counter
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course_utils.workshop import progress
from course_utils.workshop.recall import Question, as_markdown

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))[1:]
DECLARED = {path.stem: importlib.import_module(f"course_utils.lessons.{path.stem[3:]}").RECALL for path in NOTEBOOKS}
ALL = [pytest.param(question, id=question.name) for questions in DECLARED.values() for question in questions]

letter = Question(
    "9.1", "Which?", {"a": "Not one.", "c": "Not three."}, "Two it is.", ("one", "two", "three"), right="b"
)
number = Question(
    "9.2",
    "How much?",
    {0.5: "That is a half.", -np.inf: "That is nothing at all."},
    "A quarter.",
    number=0.25,
    tolerance=0.001,
    otherwise="Halve it twice.",
)


class Hostile:
    """Raises whatever it is asked, once it is armed: pytest asks too."""

    armed = False

    def __getattribute__(self, name):
        if Hostile.armed:
            raise RuntimeError(name)
        return object.__getattribute__(self, name)

    def __eq__(self, other):
        raise RuntimeError

    def __float__(self):
        raise RuntimeError

    __hash__ = None


@pytest.mark.parametrize("answer", ["b", "B", " b ", "(b)", "b.", np.str_("b"), np.array(["b"])[0]])
def test_a_letter_may_be_written_in_many_ways(answer):
    verdict = letter.examine(answer)
    assert verdict.correct
    assert verdict.detail == "Two it is."


@pytest.mark.parametrize(
    "answer",
    [0.25, Fraction(1, 4), np.float32(0.25), np.array(0.25), torch.tensor(0.25), "0.25", "1/4", 0.2505],
)
def test_a_number_may_be_written_in_many_ways(answer):
    assert number.examine(answer).correct


def test_a_wrong_choice_is_told_its_own_reason():
    assert [letter.examine(choice).detail for choice in "ac"] == ["Not one.", "Not three."]
    assert letter.examine("a").kind == "wrong"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.5, "That is a half."),
        ("1/2", "That is a half."),
        (-np.inf, "That is nothing at all."),
        (3, "Halve it twice."),
        (np.inf, "Halve it twice."),
        ("−0.25", "Halve it twice."),
    ],
)
def test_a_wrong_number_is_told_why_where_it_was_expected(answer, words):
    verdict = number.examine(answer)
    assert (verdict.kind, verdict.detail) == ("wrong", words)


@pytest.mark.parametrize("question", [letter, number], ids=["letter", "number"])
def test_three_dots_are_no_attempt(question):
    assert str(question.examine(...)).startswith(f"○ Not attempted yet: question {question.name}")


@pytest.mark.parametrize(
    "answer",
    ["d", "", "ab", "B or C", None, True, np.True_, 1j, np.nan, [0.25, 0.5], {}, Hostile(), len, float, b"b",
     np.array([1.0, 2.0]), 10**400, "1/0", "1e", "9" * 5000 + "/3"],
    ids=lambda answer: type(answer).__name__,
)  # fmt: skip
@pytest.mark.parametrize("question", [letter, number], ids=["letter", "number"])
def test_nonsense_gets_one_sentence(question, answer, monkeypatch):
    monkeypatch.setattr(Hostile, "armed", True)
    verdict = question.examine(answer)
    monkeypatch.undo()
    assert verdict.kind == "wrong_type"
    assert verdict.detail.startswith("The answer should be ")
    assert "\n" not in verdict.detail


def test_a_number_in_place_of_a_letter_is_told_so():
    assert letter.examine(2).detail == 'The answer should be a letter from a to c, in quotes: "a".'


def test_check_shows_the_verdict_and_remembers_it(capsys, monkeypatch):
    noted = []
    monkeypatch.setattr(progress, "remember", lambda name, verdict: noted.append((name, verdict.kind)))
    for answer in (..., "c", "b"):
        assert letter.check(answer) is None
    shown = capsys.readouterr().out
    assert [line[0] for line in shown.splitlines() if not line.startswith(" ")] == ["○", "✗", "✓"]
    assert noted == [("question 9.1", kind) for kind in ("not_attempted", "wrong", "correct")]


def test_a_question_is_frozen():
    with pytest.raises(FrozenInstanceError):
        letter.right = "a"


@pytest.mark.parametrize(
    "change",
    [
        {"right": "d"},
        {"right": ""},
        {"right": "ab"},
        {"reasons": {"a": "Not one."}},
        {"choices": (), "right": ""},
        {"choices": (), "right": "", "number": 1.0},
    ],
)
def test_a_question_without_an_answer_or_a_reason_is_refused(change):
    declared = {"reasons": letter.reasons, "choices": letter.choices, "right": "b"} | change
    with pytest.raises(ValueError, match=r"question 9\.1: give"):
        Question("9.1", "Which?", praise="Yes.", **declared)


def test_the_text_has_all_questions_and_choices():
    words = as_markdown([letter, number])
    assert words.endswith(
        "**Question 9.1.** Which?\n\n- **a** · one\n- **b** · two\n- **c** · three\n\n**Question 9.2.** How much?"
    )


# --- the course's own questions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ALL)
def test_every_answer_teaches(question):
    """The right one is right, and every declared wrong one is told a reason of its own."""
    assert question.examine(question.right or question.number).correct
    for wrong, reason in question.reasons.items():
        assert question.examine(wrong).detail == reason
    texts = [*question.reasons.values(), question.praise, *filter(None, [question.otherwise])]
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 25 and text.endswith(".") for text in texts)
    assert len(question.reasons) >= (2 if question.choices else 3)


@pytest.mark.parametrize("question", [one for one in ALL if not one.values[0].choices])
def test_expected_wrong_numbers_keep_apart(question):
    values = sorted([*question.reasons, question.number])
    assert min(b - a for a, b in pairwise(values)) > 2 * question.tolerance


def test_neither_place_nor_length_gives_an_answer_away():
    asked = [one.values[0] for one in ALL if one.values[0].choices]
    places = Counter(question.right for question in asked)
    assert set(places) == {"a", "b", "c"}
    assert max(places.values()) <= len(asked) / 2
    lengths = [([len(choice) for choice in one.choices], one.letters.index(one.right)) for one in asked]
    assert sum(sizes[right] == max(sizes) for sizes, right in lengths) <= len(asked) / 2
    assert sum(sizes[right] == min(sizes) for sizes, right in lengths) <= len(asked) / 2
    for questions in DECLARED.values():
        letters = [question.right for question in questions if question.choices]
        assert len(set(letters)) == len(letters), "within a lesson the right letters differ"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_board_counts_a_lessons_questions(path):
    lesson = next(one for one in progress.lessons(path.parent) if one.file == path.name)
    assert lesson.questions == len(DECLARED[path.stem]) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_boxes_are_those_of_unanswered_questions(path):
    cell = next(cell for cell in nbformat.read(path, as_version=4).cells if "recall" in cell.metadata.get("tags", []))
    wanted = [question.examine(...)._repr_mimebundle_() for question in DECLARED[path.stem]]
    assert [output.data for output in cell.outputs] == wanted
