"""On every exercise of every lesson, the common slips are described, whether somebody listed them or not."""

import numpy as np
import pytest
from test_lesson_exercises import WITH_VALUES as EXERCISES

_ENOUGH = 3


def _parts(exercise, arguments):
    value = exercise._reference(*arguments)
    return [np.asarray(part, dtype=float) for part in (value if len(exercise._names()) > 1 else [value])]


def _wrapped(exercise, change):
    """Return the exercise's answer with every result changed."""

    def answer(*arguments):
        parts = [change(part) for part in _parts(exercise, arguments)]
        return tuple(parts) if len(parts) > 1 else parts[0]

    return answer


def _with_tables_turned(exercise):
    def turned(value):
        return value.swapaxes(0, 1) if np.ndim(value) >= 2 else value

    return lambda *arguments: exercise._reference(*map(turned, arguments))


SLIPS = {
    "a constant factor": lambda value: 1.7 * value,
    "a constant": lambda value: value + 0.5,
    "the sign": lambda value: -value,
    "transposition": lambda value: np.swapaxes(value, 0, 1) if value.ndim >= 2 else value,
    "an index shift": lambda value: np.roll(value, 1, axis=0) if value.ndim else value,
}


def _telling(exercise, slip):
    """How many numbers of a check differ from the right ones, or None where the answer does not come about."""
    if slip in SLIPS:  # of results that are known; the tests below run it
        got = [tuple(SLIPS[slip](part) for part in parts) for parts in exercise._right()]
    else:
        try:
            got = exercise._results_of(_with_tables_turned(exercise))
        except Exception:
            return None
    pairs = list(exercise._pairs(got, exercise._right()))
    if any(one.shape != other.shape for _, _, one, other in pairs):
        return sum(one.size for _, _, one, _ in pairs)
    return sum(int((~exercise._close(one, other)).sum()) for _, _, one, other in pairs)


def _applicable(name, slip):
    exercise = EXERCISES[name]
    telling = _telling(exercise, slip)
    enough = all(sum(parts[k].size for parts in exercise._right()) >= _ENOUGH for k in range(len(exercise._names())))
    return telling is not None and telling >= _ENOUGH and enough


CASES = [(name, slip) for name in EXERCISES for slip in [*SLIPS, "the wrong axis"] if _applicable(name, slip)]


@pytest.mark.parametrize(("name", "slip"), CASES)
def test_a_slip_that_nobody_listed_is_described(name, slip):
    exercise = EXERCISES[name]
    answer = _with_tables_turned(exercise) if slip == "the wrong axis" else _wrapped(exercise, SLIPS[slip])
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert verdict.kind != "correct"
    assert verdict.pattern or verdict.misconception, str(verdict)


@pytest.mark.parametrize("name", [name for name in EXERCISES if EXERCISES[name].extremes])
def test_a_failure_at_extremes_only_is_described(name):
    exercise = EXERCISES[name]

    def answer(*arguments):
        parts = _parts(exercise, arguments)
        at_extreme = any(all(map(np.array_equal, arguments, extreme)) for extreme in exercise.extremes)
        parts = [part * np.nan for part in parts] if at_extreme else parts
        return tuple(parts) if len(parts) > 1 else parts[0]

    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert verdict.kind != "correct"
    assert verdict.pattern == "extremes" or verdict.misconception, str(verdict)


def test_the_slips_reach_every_exercise():
    reached = {name for name, _ in CASES}
    assert reached == set(EXERCISES)
