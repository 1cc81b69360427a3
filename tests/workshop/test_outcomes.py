"""Exercises whose answer is judged by what came back: each verdict, and answers that no judge should stumble over."""

import time

import numpy as np
import pytest
import torch
from hostile import CALLABLES, NOT_FUNCTIONS, SLOW

from course_utils.workshop.exercises import Misconception
from course_utils.workshop.outcomes import Finding, OutcomeExercise
from course_utils.workshop.running import Unfit

CALLS = []


def judged(value):
    """A judge that calls what came back: it wants a function that maps 3 to at least 10."""
    if not callable(value):
        raise Unfit("wrong_type", "no function", f"Return a function; you returned {type(value).__name__}.")
    height = float(value(3.0))
    if height >= 10:
        return Finding(True)
    return Finding(False, "too low by far" if height < 0 else "", f"It gives {height:g} at 3.")


def climber(**changes):
    """Return a small exercise: write a function that returns a function."""
    settings = {
        "name": "climb",
        "arguments": ("data",),
        "returns": "the climb",
        "reference": lambda data: lambda x: x * 4,
        "spellings": {"a square": lambda data: lambda x: x**2 + 1},
        "probes": [(np.array([1.0, 2.0]),)],
        "judge": judged,
        "misconceptions": [Misconception("too low by far", lambda data: lambda x: -x, "It goes down: turn the sign.")],
        "hints": ("Think of a slope.", "Four times x."),
        "praise": "That is high enough.",
        "seconds": 1.0,
    }
    return OutcomeExercise(**{**settings, **changes})


def test_right_outcomes_pass_however_they_were_made():
    exercise = climber()
    for function in (exercise.reference.function, exercise.spellings["a square"].function, lambda data: lambda x: 10):
        verdict = exercise.examine(function)
        assert (verdict.kind, verdict.title, verdict.detail) == ("correct", "climb", "That is high enough.")
        assert exercise.accepts(function)


def test_a_recognised_slip_has_its_sentence_and_what_was_measured():
    verdict = climber().examine(lambda data: lambda x: x - 20)
    assert (verdict.kind, verdict.misconception) == ("misconception", "too low by far")
    assert verdict.detail == "It goes down: turn the sign.\nIt gives -17 at 3."


def test_an_outcome_that_is_not_good_enough_says_how_good_it_is_and_leads_to_the_hints():
    exercise = climber()
    verdict = exercise.examine(lambda data: lambda x: x)
    assert (verdict.kind, verdict.title, verdict.detail) == ("wrong", "the climb: not there yet", "It gives 3 at 3.")
    assert "is ready" in verdict.hint
    assert "Think of a slope." in exercise.examine(lambda data: lambda x: x).hint
    assert not exercise.accepts(lambda data: lambda x: x)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda data: 3, "wrong_type", "Return a function; you returned int."),
        (lambda data: ..., "not_attempted", "Replace the `...`"),
        (lambda: 1, "wrong_call", "The check calls `climb(data)`"),
        (3, "not_callable", "climb must be a function"),
        (lambda data: 1 / 0, "raised", "ZeroDivisionError"),
        (lambda data: lambda x: 1 / 0, "raised", "ZeroDivisionError"),
        (lambda data: lambda x, y: 12, "raised", "missing 1 required positional argument"),
    ],
)
def test_what_is_no_outcome_is_told_in_words(answer, kind, words):
    verdict = climber().examine(answer)
    assert verdict.kind == kind
    assert words in f"{verdict.title} {verdict.detail}"
    assert "probe" not in verdict.title  # there is one call, and no probes


def test_the_time_limit_covers_what_the_judge_calls():
    exercise = climber(seconds=0.3)

    def endless(x):
        while True:
            pass

    begin = time.monotonic()
    verdict = exercise.examine(lambda data: endless)
    assert verdict.kind == "too_slow"
    assert verdict.title == "stopped after 0.3 seconds"
    assert time.monotonic() - begin < 5


def test_calling_the_exercises_own_answer_is_refused():
    exercise = climber()
    assert exercise.examine(lambda data: exercise.reference(data)).kind == "reference"


def test_arguments_are_copies_and_a_change_of_them_is_refused():
    def spoils(data):
        data[0] = 7.0
        return lambda x: 100

    exercise = climber()
    assert exercise.examine(spoils).kind == "changes_argument"
    assert not exercise.accepts(spoils)
    assert exercise.probes[0][0][0] == 1.0


def test_the_misconceptions_are_not_run_beside_an_attempt():
    def counted(data):
        CALLS.append(1)
        return lambda x: -1

    exercise = climber(misconceptions=[Misconception("too low by far", counted, "It goes down.")])
    for answer in (lambda data: lambda x: 0.0, lambda data: 1 / 0, lambda data: lambda x: -3.0):
        exercise.examine(answer)
    assert CALLS == []


def test_a_judge_that_was_replaced_is_put_back():
    exercise = climber()

    def cheat(data):
        exercise.judge = lambda value: Finding(True)
        return lambda x: 0.0

    verdict = exercise.examine(cheat)
    assert not verdict.correct
    assert exercise.judge is judged


def test_the_random_state_is_as_it_was():
    def draws(data):
        torch.manual_seed(5)
        return lambda x: 11 + torch.rand(()).item()

    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert climber().examine(draws).correct
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_probe(count):
    with pytest.raises(ValueError, match="give one probe"):
        climber(probes=[(1.0,)] * count)


@pytest.mark.parametrize("hostile", [*CALLABLES, *NOT_FUNCTIONS])
def test_hostile_answers_get_a_verdict(hostile):
    verdict = climber().examine({**CALLABLES, **NOT_FUNCTIONS}[hostile])
    assert not verdict.correct
    assert len(str(verdict)) < 2500


@pytest.mark.parametrize("hostile", CALLABLES)
def test_hostile_things_in_the_place_of_the_outcome_get_a_verdict(hostile):
    verdict = climber().examine(lambda data: CALLABLES[hostile])
    assert not verdict.correct or hostile in ("returns infinity", "returns text")
    assert len(str(verdict)) < 2500


@pytest.mark.parametrize("hostile", [name for name in SLOW if name != "sleeps"])
def test_endless_things_in_the_place_of_the_outcome_are_stopped(hostile):
    assert climber(seconds=0.2).examine(lambda data: SLOW[hostile]).kind in ("too_slow", "raised", "wrong_type")
