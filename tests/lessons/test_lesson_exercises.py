"""Every exercise of every lesson: references pass, misconceptions are told apart, hostile answers get a verdict."""

import importlib
import pkgutil

import numpy as np
import pytest
from hostile import CALLABLES, NOT_FUNCTIONS, SLOW

import course_utils.lessons
from course_utils.workshop.outcomes import OutcomeExercise

LESSONS = {
    info.name: importlib.import_module(f"course_utils.lessons.{info.name}")
    for info in pkgutil.iter_modules(course_utils.lessons.__path__)
}
EXERCISES = {
    f"{topic}.{exercise.name}": exercise
    for topic, lesson in LESSONS.items()
    for exercise in (*lesson.EXERCISES, *getattr(lesson, "PROBLEMS", ()))  # a problem is an exercise like others
}
# an answer of these is a number on each of many inputs; of the others it is something that a judge looks at once
WITH_VALUES = {name: exercise for name, exercise in EXERCISES.items() if not isinstance(exercise, OutcomeExercise)}
MISCONCEPTIONS = [(name, slip.name) for name, exercise in EXERCISES.items() for slip in exercise.misconceptions]
SPELLINGS = [(name, spelling) for name, exercise in EXERCISES.items() for spelling in exercise.spellings]


@pytest.fixture
def exercise(request):
    """One of the declared exercises, with a short time limit and its attempts not counted."""
    exercise = EXERCISES[request.param]
    before = exercise.seconds
    yield exercise
    exercise.seconds, exercise._failures, exercise._hints_given = before, 0, 0


def _written_anew(function):
    return lambda *arguments: function(*arguments)  # the very function of the exercise is refused


@pytest.mark.parametrize("name", EXERCISES)
def test_the_exercises_own_answer_is_refused_as_such(name):
    verdict = EXERCISES[name].examine(EXERCISES[name]._reference)
    assert verdict.kind == "reference"
    assert EXERCISES[name].examine(EXERCISES[name].reference).kind == "reference"


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_shows_neither_its_hints_nor_its_inputs(name):
    assert len(repr(EXERCISES[name])) < 150


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_passes(name):
    assert EXERCISES[name].examine(_written_anew(EXERCISES[name]._reference)).correct


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_every_other_correct_spelling_passes(name, spelling):
    verdict = EXERCISES[name].examine(_written_anew(EXERCISES[name]._spellings[spelling]))
    assert verdict.correct, str(verdict)


@pytest.mark.parametrize(("name", "slip"), MISCONCEPTIONS)
def test_every_misconception_gets_its_own_message(name, slip):
    declared = next(item for item in EXERCISES[name].misconceptions if item.name == slip)
    verdict = EXERCISES[name].examine(declared.function)
    assert (verdict.kind, verdict.misconception) == ("misconception", slip), str(verdict)
    assert verdict.detail.startswith(declared.message)


@pytest.mark.parametrize("name", WITH_VALUES)
def test_no_two_misconceptions_give_the_same_answers_on_the_probes(name):
    exercise = EXERCISES[name]
    # one that raises on a probe is told apart from the others by its own message, above
    slips = zip(exercise.misconceptions, exercise._slips(), strict=True)
    known = {item.name: results for item, results in slips if results}
    known["the reference"] = exercise._results_of(exercise.reference)
    for first in known:
        for second in known:
            assert first == second or not exercise._same(known[first], known[second]), f"{first} = {second}"


@pytest.mark.parametrize("name", EXERCISES)
def test_declarations_are_complete(name):
    exercise = EXERCISES[name]
    messages = [slip.message for slip in exercise.misconceptions]
    assert len(exercise.probes) >= 3 or name not in WITH_VALUES
    assert len(exercise.misconceptions) >= 3
    assert len(set(messages)) == len(messages)
    assert len(exercise.hints) >= 2
    assert exercise.spellings
    assert all(len(probe) == len(exercise.arguments) for probe in exercise.probes)
    if name in WITH_VALUES:
        assert all(np.isfinite(part).all() for answer in exercise._results_of(exercise.reference) for part in answer)


@pytest.mark.parametrize("exercise", EXERCISES, indirect=True)
@pytest.mark.parametrize("hostile", [*CALLABLES, *NOT_FUNCTIONS])
def test_hostile_answers_get_a_verdict_and_never_pass(exercise, hostile):
    verdict = exercise.examine({**CALLABLES, **NOT_FUNCTIONS}[hostile])
    assert not verdict.correct
    assert len(str(verdict)) < 2500


@pytest.mark.parametrize("exercise", EXERCISES, indirect=True)
@pytest.mark.parametrize("hostile", [name for name in SLOW if name != "sleeps"])
def test_endless_answers_are_stopped(exercise, hostile):
    exercise.seconds = 0.01  # it never ends, so that each moment of it is spent for nothing
    verdict = exercise.examine(SLOW[hostile])
    assert verdict.kind in {
        "too_slow",
        "wrong_type",
    }  # one that loops when converted may be refused unconverted
