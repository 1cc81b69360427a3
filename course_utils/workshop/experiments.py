"""What a wrong function does when one of its arguments changes, told in one sentence.

Where no relation and no small change explains an answer, the reader's function is asked a few more questions: another
value in one argument's place, the same entries in another order, a constant added, everything doubled, all entries
equal. Where the right answer responds in one way and the reader's in another, on every input that tells, this is said.
It says where to look, not what is wrong; only what was seen is said.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from course_utils.workshop import running
from course_utils.workshop.relations import ENOUGH, Finding, is_numeric, same
from course_utils.workshop.running import is_array
from course_utils.workshop.verdicts import number

_SECONDS = 0.25  # of work
_WALL_SECONDS = 3.0  # by the clock, should a single call not return
_INPUTS = 10  # how many inputs are changed, at most
_ROUNDING = 1e-12  # what rounding leaves of a zero, beside the numbers from which it came


@dataclass(frozen=True)
class _Answers:
    """One part of the results for one input, before and after the change: what came and what is right."""

    got: np.ndarray
    right: np.ndarray
    got_after: np.ndarray
    right_after: np.ndarray


@dataclass(frozen=True)
class _Experiment:
    """A change of an input, what it shows (True, False, or None where it tells nothing) and the words for it."""

    words: str
    change: Callable  # (arguments by name, those of other inputs) -> the arguments that change, a list of such, or None
    shows: Callable  # (_Answers, close) -> bool or None
    short: str = ""  # of several that hold, those with a short form are told together
    about: str = ""


def observed(exercise, inputs, answers, wanted, function) -> dict[int, Finding]:
    """Return, for each part of the results that is wrong, what was seen of it, if anything was.

    Parameters
    ----------
    exercise : Exercise
        With the right answer.
    inputs, answers, wanted : sequence of tuples
        Ordinary inputs, what came for them, and what is right.
    function : callable
        The reader's.
    """
    known, found = {}, {}
    until = []

    def parts_of(of, key, arguments):
        if (of, key) not in known:
            try:
                with np.errstate(all="ignore"):
                    known[of, key] = exercise._as_parts(of(*deepcopy(arguments)))
            except Exception:
                known[of, key] = None
        return known[of, key]

    # inputs with several entries tell most
    order = sorted(range(len(inputs)), key=lambda n: -min(sum(map(_size, inputs[n])), 40))[:_INPUTS]
    named = [dict(zip(exercise.arguments, probe, strict=True)) for probe in inputs]

    def seen(experiment, index, part):
        """Yield what the changes of one input show."""
        others = [named[other] for other in range(index + 1 - len(named), index)]
        for place, changes in enumerate(_changes(experiment, named[index], others)):
            arguments = tuple({**named[index], **changes}.values())
            key = experiment.words, experiment.short, index, place
            right = parts_of(exercise._reference, key, arguments)
            if right is None or not np.isfinite(right[part]).all():
                continue
            got = parts_of(function, key, arguments)
            if got is not None:
                both = _Answers(answers[index][part], wanted[index][part], got[part], right[part])
                yield experiment.shows(both, exercise._close)

    def holds(experiment, part):
        shown = 0
        for index in order:
            if time.thread_time() > until[0]:
                return False
            verdicts = list(seen(experiment, index, part))
            if False in verdicts:
                return False
            shown += True in verdicts
        return shown >= ENOUGH

    def work():
        until.append(time.thread_time() + _SECONDS)
        for part in range(len(wanted[0])):
            experiments = list(_experiments(named, [right[part] for right in wanted]))
            pairs = zip(answers, wanted, strict=True)
            if all(same(got[part], right[part], exercise._close) for got, right in pairs):
                continue
            holding = []
            for experiment in experiments:
                if (experiment.short or not holding) and holds(experiment, part):
                    holding.append(experiment)
                    if not experiment.short:
                        break
            if holding and not holding[0].short:
                found[part] = Finding("experiment", holding[0].words)
            elif holding:
                found[part] = Finding(
                    "experiment", f"Your answer is right as soon as {_either(holding)}; else it is not."
                )

    running.run(work, (), lambda value: value, time.monotonic() + _WALL_SECONDS)
    return found


def _either(holding):
    """Put the first of the simplifications into words, and one of another argument."""
    first = holding[0]
    others = [experiment.short for experiment in holding if experiment.about != first.about]
    return ", or ".join([first.short, *others[:1]])


def _changes(experiment, arguments, others):
    """Return the changes of one input as a list of the arguments that change, with their new values."""
    try:
        with np.errstate(all="ignore"):
            changes = experiment.change(arguments, others)
    except (TypeError, ValueError, IndexError, RuntimeError):
        return []
    return changes if isinstance(changes, list) else [changes] if changes else []


def _experiments(named: Sequence[dict], rights: Sequence[np.ndarray]) -> Iterator[_Experiment]:
    names = [name for name in named[0] if all(is_numeric(arguments[name]) for arguments in named)]
    arrays = [name for name in names if all(is_array(arguments[name]) for arguments in named)]
    whole = {name for name in names if any(_kind(arguments[name]) in "iub" for arguments in named)}
    signed = {name for name in names if any(np.any(np.asarray(arguments[name]) < 0) for arguments in named)} - whole
    large = {name for name in names if any(np.any(np.asarray(arguments[name]) > 1) for arguments in named)} - whole
    for name in names:
        yield _Experiment(
            f"`{name}` makes no difference to your answer: with another value it stays the same, and the right one "
            "does not.", lambda a, o, n=name: _replaced(a, o, n), _insensitive,
        )  # fmt: skip
    for name in arrays:
        yield _Experiment(
            f"The order of the entries of `{name}` changes your answer, and should not.",
            lambda a, o, n=name: _reordered(a, n), _sensitive,
        )  # fmt: skip
        if any(right.shape[:1] != np.shape(a[name])[:1] for a, right in zip(named, rights, strict=True)):
            continue  # the answers are not for its entries, one by one
        yield _Experiment(
            f"When the first entry of `{name}` changes, your answers for the others change too. Each should depend "
            "on its own entry alone.", lambda a, o, n=name: _one_replaced(a, n, 0), _spills,
        )  # fmt: skip
    for name in arrays:
        for place, word in ((0, "first"), (-1, "last")):
            yield _Experiment(
                f"The {word} entry of `{name}` makes no difference to your answer: with another one it stays the same, "
                "and the right one does not.", lambda a, o, n=name, p=place: _one_replaced(a, n, p), _insensitive,
            )  # fmt: skip
    for name in names:
        all_of = f"all of `{name}`" if name in arrays else f"`{name}`"
        if name in signed:
            yield _Experiment(
                f"Adding one number to {all_of} changes your answer, and should not.",
                lambda a, o, n=name: {n: a[n] + 1.5}, _sensitive,
            )  # fmt: skip
            yield _Experiment(
                f"When a number is added to {all_of}, the right answer grows by just that number; yours does "
                "not.", lambda a, o, n=name: {n: a[n] + 1.5}, _not_carried(1.5),
            )  # fmt: skip
        if name in large:
            for factor in (1, 2, 0.5, 4, 0.25):
                told = f"is multiplied by {number(factor)}" if factor != 1 else "stays the same"
                yield _Experiment(
                    f"When {all_of} is doubled, the right answer {told}; yours does something else.",
                    lambda a, o, n=name: {n: 2 * a[n]}, _not_scaled(factor),
                )  # fmt: skip
    zero = {name for name in names if any(np.any(np.asarray(arguments[name]) == 0) for arguments in named)} | signed
    yield from _simpler(named, names, arrays, whole, zero)


def _simpler(named, names, arrays, whole, zero):
    """Yield the experiments that take something out of the question, so that what is left is answered right."""
    for name in arrays:
        if name not in whole:
            short = f"all entries of `{name}` are equal"
            yield _Experiment(
                "", lambda a, o, n=name: _several(a, n, lambda v: np.full_like(v, np.mean(v))), _mended, short, name
            )
        if all(_is_square(arguments[name]) for arguments in named):
            yield _Experiment(
                "", lambda a, o, n=name: _several(a, n, _diagonal), _mended, f"`{name}` is diagonal", name
            )
            short = f"`{name}` is the identity"
            yield _Experiment("", lambda a, o, n=name: _several(a, n, _identity), _mended, short, name)
    for first, second in pairwise(name for name in names if name not in whole):
        short = f"`{first}` and `{second}` are the same"
        yield _Experiment("", lambda a, o, f=first, s=second: _equated(a, f, s), _mended, short, first + second)
    for name in names:
        for value in (0, 1) if name in zero else (1,):
            every = "every entry of " if name in arrays else ""
            short = f"{every}`{name}` is {value}"
            yield _Experiment("", lambda a, o, n=name, v=value: {n: a[n] * 0 + v}, _mended, short, name)


# --- changes ----------------------------------------------------------------------------------------------------------


def _kind(value):
    return np.asarray(value).dtype.kind


def _size(value):
    return math.prod(np.shape(value))


def _like(value, changed):
    """Return a changed array as the argument's own type; None where nothing has changed."""
    if np.array_equal(np.asarray(value), changed):
        return None
    return changed if isinstance(value, np.ndarray) else value.new_tensor(changed.copy()).to(value.dtype)


def _several(arguments, name, change):
    value = arguments[name]
    if _size(value) < 2:
        return None
    changed = _like(value, change(np.asarray(value)))
    return None if changed is None else {name: changed}


def _is_square(value):
    shape = np.shape(value)
    return len(shape) >= 2 and shape[-1] == shape[-2] and bool(np.all(np.diagonal(np.asarray(value), 0, -2, -1)))


def _diagonal(array):
    return array * np.eye(array.shape[-1])


def _identity(array):
    return np.zeros_like(array) + np.eye(array.shape[-1])


def _reordered(arguments, name):
    orders = (lambda value: np.roll(value, 1, axis=0), lambda value: np.flip(value, axis=0))
    return [changed for order in orders if (changed := _several(arguments, name, order))]


def _replaced(arguments, others, name):
    """Put the argument of up to three other inputs in its place, where they have the same shape."""
    value = arguments[name]
    fitting = [other[name] for other in others if np.shape(other[name]) == np.shape(value)]
    return [{name: new} for new in fitting if not np.array_equal(np.asarray(new), np.asarray(value))][:3]


def _one_replaced(arguments, name, place):
    """Put the largest, and then the smallest, that the argument holds in the place of one entry."""
    value = np.asarray(arguments[name])
    if value.ndim == 0 or len(value) < 2:
        return []
    made = []
    for extreme in (value.max(axis=0), value.min(axis=0)):
        changed = value.copy()
        changed[place] = extreme
        changed = _like(arguments[name], changed)
        made += [] if changed is None else [{name: changed}]
    return made


def _equated(arguments, first, second):
    one, other = arguments[first], arguments[second]
    if np.shape(one) != np.shape(other) or type(one) is not type(other) or _kind(one) != _kind(other):
        return None
    return {second: deepcopy(one)}


# --- what they show ---------------------------------------------------------------------------------------------------


def _insensitive(seen, close):
    if same(seen.right, seen.right_after, close):
        return None
    return same(seen.got, seen.got_after, close) and bool(np.isfinite(seen.got).all())


def _sensitive(seen, close):
    if not same(seen.right, seen.right_after, close):
        return False
    return None if same(seen.got, seen.got_after, close) else True


def _spills(seen, close):
    shapes = {part.shape for part in (seen.got, seen.right, seen.got_after, seen.right_after)}
    if len(shapes) > 1 or seen.right.ndim == 0 or len(seen.right) < 2:
        return False
    if not same(seen.right[1:], seen.right_after[1:], close):
        return False
    return None if same(seen.got[1:], seen.got_after[1:], close) else True


def _not_carried(step):
    def shows(seen, close):
        if not same(seen.right_after, seen.right + step, close):
            return False
        return None if same(seen.got_after, seen.got + step, close) else True

    return shows


def _not_scaled(factor):
    def shows(seen, close):
        if not np.any(seen.right):
            return None
        if not same(seen.right_after, factor * seen.right, close):
            return False
        return None if same(seen.got_after, factor * seen.got, close) else True

    return shows


def _mended(seen, close):
    if same(seen.got, seen.right, close):
        return None  # it was right before
    if np.max(np.abs(seen.right_after), initial=0) <= _ROUNDING * np.max(np.abs(seen.right), initial=0):
        return False  # it is easy to be right about zeros, also about those that rounding left
    return same(seen.got_after, seen.right_after, close)


__all__ = ["observed"]
