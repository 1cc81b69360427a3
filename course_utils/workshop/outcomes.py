"""Exercises whose answer is judged by what it is worth: a trained model, a diagnosis.

The answers of an `Exercise` are numbers, compared with those of a reference on many inputs. Two good training loops
return different models, and both are right. An `OutcomeExercise` calls the reader's function once, and hands what came
back to its `judge`, which measures it and says what it found. All else is as in any exercise: the time limit (it covers
the judge as well, which may have to call what was returned), the session that is kept, the verdicts, the hints.

    train_vae = OutcomeExercise(
        name="train_vae",
        arguments=("data",),
        returns="model",
        reference=_trained,
        spellings={"a class": _trained_with_a_class},
        probes=[(digits,)],
        judge=_judged,
        misconceptions=[Misconception("no KL", _trained_without_kl, "The KL term is missing: …")],
        hints=("…", "…"),
        seconds=20.0,
    )

A misconception is here a function whose outcome the judge calls by that name. It is run by the tests only.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from course_utils.workshop import running
from course_utils.workshop.exercises import Exercise
from course_utils.workshop.verdicts import Verdict


@dataclass(frozen=True)
class Finding:
    """What a judge found.

    `slip` is the name of one of the exercise's misconceptions, or "" where none fits; `words` says what was seen of
    this very outcome. They are shown where the outcome is not `passed`.
    """

    passed: bool
    slip: str = ""
    words: str = ""


@dataclass(eq=False, repr=False)
class OutcomeExercise(Exercise):
    """An exercise whose answer is called once, and judged by what came back.

    Parameters
    ----------
    probes : sequence of one tuple
        The arguments of the one call.
    judge : callable
        Takes what the function returned; returns a `Finding`, or raises `Unfit` in words. It is handed whatever a
        reader may return, and runs in the function's thread, within its time limit.

    The other parameters are those of `Exercise`; `law`, `extremes`, `gradients` and the tolerances are not used.

    Raises
    ------
    ValueError
        There is not exactly one probe.
    """

    judge: Callable[[Any], Finding] = field(kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._sealed["judge"] = self.judge
        if len(self.probes) != 1:
            raise ValueError(f"the exercise {self.name} is judged by one call; give one probe, not {len(self.probes)}")

    def accepts(self, function, probes=None):
        """Return whether what `function` returns passes; nothing is said and nothing is counted."""
        with running.session_kept():
            probe = (self._inputs() if probes is None else probes)[0]
            run = running.run(function, probe, self._as_parts, time.monotonic() + self.seconds)
        return run.outcome == "returned" and run.value.passed and not self._spoilt([run])

    def _as_parts(self, value):
        return self.judge(value)

    def _interrupted(self, run, function, number):
        verdict = super()._interrupted(run, function, number)
        return replace(verdict, title=verdict.title.removesuffix(" on probe 1 of 1").removesuffix(","))

    def _slip_that_raises(self, runs, verdict):
        return verdict  # the misconceptions are not run beside an attempt: one of them may take as long as it

    def _compare(self, runs, function, deadline):
        (run,) = runs
        if run.outcome == "ellipsis":
            return self._not_attempted()
        if run.outcome == "unfit":
            return Verdict(run.value.kind, run.value.title, str(run.value))
        if run.value.passed:
            return self._spoilt(runs) or Verdict("correct", self.name, self.praise)
        if not run.value.slip:
            return Verdict("wrong", f"{self.returns}: not there yet", run.value.words)
        message = next(item.message for item in self.misconceptions if item.name == run.value.slip)
        words = f"{message}\n{run.value.words}".strip()
        return Verdict("misconception", "a well-known slip", words, misconception=run.value.slip)


for _thing in (OutcomeExercise, Finding):
    running.watch(_thing.__name__, _thing)
running.watch(__name__, sys.modules[__name__])

__all__ = ["Finding", "OutcomeExercise"]
