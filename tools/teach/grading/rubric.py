"""Points: a small YAML file that says what an exercise is worth, and what a verdict is worth of that.

points: 1                # of an exercise that is not named below; 0 leaves it out
verdicts:                # the part of the points that a verdict earns; what is not named earns nothing
  correct: 1
  slip: 0.5
exercises:
  log_sum_exp: 2
  train_vae: {points: 4, slip: 0.25}
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.teach.grading.judging import CORRECT, WORDS

_KEYS = {"points", "verdicts", "exercises"}


class RubricError(Exception):
    """A rubric that cannot be used; the message says where and what to do."""


@dataclass(frozen=True)
class Rubric:
    """What exercises and verdicts are worth."""

    points: float = 1.0
    verdicts: dict[str, float] = field(default_factory=lambda: {CORRECT: 1.0})
    exercises: dict[str, dict[str, float]] = field(default_factory=dict)

    def worth(self, exercise: str) -> float:
        """Return the points of an exercise that is right."""
        return self.exercises.get(exercise, {}).get("points", self.points)

    def earned(self, exercise: str, word: str) -> float:
        """Return the points that a verdict earns."""
        own = self.exercises.get(exercise, {})
        return round(self.worth(exercise) * own.get(word, self.verdicts.get(word, 0.0)), 6)


def read_rubric(path: Path | None, names: Iterable[str]) -> Rubric:
    """Return the rubric in a file; without one, a point for each exercise that is right.

    Raises
    ------
    RubricError
        There is no such file, it is no YAML, it names something else than exercises, or nothing is worth anything.
    """
    if path is None:
        return Rubric()
    import yaml

    names = list(names)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RubricError(f"{path} cannot be read as a rubric: {error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise RubricError(f"{path} is no YAML{f': look at line {line}' if line else ''}") from None
    if not isinstance(found, dict) or not set(found) & _KEYS:
        raise RubricError(f"{path} names no exercise: a rubric has the keys points, verdicts and exercises")
    if unknown := sorted(map(str, set(found) - _KEYS)):
        raise RubricError(f"{path}: {unknown[0]!r} is none of the keys points, verdicts, exercises")
    points = _number(path, "points", found.get("points", 1))
    verdicts = {CORRECT: 1.0} | _table(path, "verdicts", found.get("verdicts") or {}, WORDS, "verdict")
    exercises = {}
    given = found.get("exercises") or {}
    if not isinstance(given, dict):
        raise RubricError(f"{path}: exercises should be a table of names and points")
    for name, value in given.items():
        _known(path, name, names, "exercise")
        if isinstance(value, dict):
            exercises[name] = _table(path, name, value, ("points", *WORDS), "verdict")
        else:
            exercises[name] = {"points": _number(path, name, value)}
    rubric = Rubric(points, verdicts, exercises)
    if not any(rubric.worth(name) for name in names):
        raise RubricError(f"{path} names no exercise that is worth anything, so there would be no points")
    return rubric


def _table(path, where, value, known, kind):
    if not isinstance(value, dict):
        raise RubricError(f"{path}: {where} should be a table of names and numbers")
    for name in value:
        _known(path, name, known, kind)
    return {name: _number(path, f"{where}, {name}", number) for name, number in value.items()}


def _known(path, name, names, kind):
    if name not in names:
        near = difflib.get_close_matches(str(name), list(names), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RubricError(f"{path}: {str(name)!r} is no {kind} of the course{hint}")


def _number(path, where, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise RubricError(f"{path}: {where} should be a number from 0 on, and is {value!r}")
    return float(value)


__all__ = ["Rubric", "RubricError", "read_rubric"]
