"""Whether a wrong answer is a right formula with one small change.

The changes (`variants`) of an exercise's reference and spellings are tried one after another, in a thread with a time
limit. What they give is kept for the session, so that the next wrong answer is compared with more of them. No right
answer is ever compared with them.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from course_utils.workshop import running, variants
from course_utils.workshop.relations import ENOUGH, Finding

_SECONDS = 0.7  # of work, for one wrong answer
_WALL_SECONDS = 5.0  # by the clock, should a single call of a library not return


@dataclass(eq=False)
class _Tried:
    """A changed function, and what it gave on the inputs that were tried; None where it raised."""

    change: variants.Change
    function: object
    further: bool
    rank: int
    place: str
    results: dict = field(default_factory=dict)


def changes_that_fit(exercise, inputs, answers, wanted):
    """Return, for each part of the results that is wrong, the sentence on the change that gives just these numbers.

    Parameters
    ----------
    exercise : Exercise
        With the right answers whose source is changed.
    inputs : sequence of tuples
        The same ones, in the same order, for every answer of the exercise; a later call may have fewer.
    answers, wanted : sequence of tuples of arrays
        What came, and what is right.
    """
    count = len(wanted[0])
    wrong = [k for k in range(count) if not _fits(exercise, answers, wanted, k)]
    found = {part: [] for part in wrong}
    order = sorted(range(len(inputs)), key=lambda index: -min(sum(part.size for part in wanted[index]), 50))

    def work():
        until = time.thread_time() + _SECONDS
        for tried in _all(exercise):
            alive, telling = set(wrong), dict.fromkeys(wrong, 0)
            for index in order:
                parts = _result(exercise, tried, index, inputs[index])
                alive = {k for k in alive if parts and exercise._same([(answers[index][k],)], [(parts[k],)], ("",))}
                if not alive:
                    break
                for k in alive:
                    right = wanted[index][k]
                    if parts[k].shape == right.shape:
                        different = ~exercise._close(parts[k], right) & np.isfinite(parts[k])
                        telling[k] += int(different.sum())
                    else:
                        telling[k] += int(np.isfinite(parts[k]).sum())
            for k in alive:
                if telling[k] >= ENOUGH:
                    found[k].append(tried)
            if time.thread_time() > until:
                break

    running.run(work, (), lambda value: value, time.monotonic() + _WALL_SECONDS)
    return {part: _told(found, part) for part in wrong if found[part]}


def _fits(exercise, answers, wanted, part):
    pairs = zip(answers, wanted, strict=True)
    return all(exercise._same([(got[part],)], [(right[part],)], ("",)) for got, right in pairs)


def _told(found, part):
    """Return the finding on one part: the commonest of the changes, one that explains every wrong part if there is."""
    everywhere = [tried for tried in found[part] if all(tried in others for others in found.values())]
    best = min(everywhere or found[part], key=lambda tried: (tried.further, tried.rank))
    words = {tried.change.words for tried in everywhere or found[part] if tried.further == best.further}
    instance = ", for instance" if len(words) > 1 else ""
    return Finding(
        "one change",
        f"Your numbers are those of the right formula with one change{instance}: {best.change.words}{best.place}.",
    )


def _all(exercise):
    """Yield what was tried before, and then what was not."""
    if "changed" not in exercise._known:
        exercise._known["changed"] = [], _variants(exercise)
    before, rest = exercise._known["changed"]
    yield from before
    for tried in rest:
        before.append(tried)
        yield tried


def _variants(exercise):
    for further in (False, True):
        for number, function in enumerate([exercise._reference, *exercise._spellings.values()]):
            for change, variant, helper in variants.variants(function, further, safe=True):
                if change.words:
                    place = "" if helper else _place(exercise, function, change)
                    yield _Tried(change, variant, further, 5 * change.rank + min(number, 4), place)


def _place(exercise, function, change):
    """Name the argument that stands in what was changed, if it is a single one."""
    code = function.__code__
    names = dict(zip(code.co_varnames[: code.co_argcount], exercise.arguments, strict=False))
    used = [names[name] for name in change.place if name in names]
    return f", in a part with `{used[0]}`" if len(used) == 1 else ""


def _result(exercise, tried, index, probe):
    if index not in tried.results:
        tried.results[index] = None  # should it never return
        try:
            tried.results[index] = exercise._results_of(tried.function, [probe])[0]
        except Exception:
            pass  # the changed function raises here, as the reader's does not
    return tried.results[index]


__all__ = ["changes_that_fit"]
