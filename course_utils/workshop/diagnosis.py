"""What all the errors of an answer have in common, in one sentence that says what was seen.

`diagnose` is given the answers and the right ones on many inputs. It looks for a relation that holds in every
element on every input (zeros included): a constant factor, a sign, a size of the input, a transposition, another
argument in an argument's place, … A relation needs at least three numbers that could have contradicted it; where none
holds, there is no sentence.
"""

import functools
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise

import numpy as np

from course_utils.workshop.relations import (
    ENOUGH,
    Case,
    Finding,
    broadcast,
    distinct,
    is_numeric,
    of_the_inputs,
    of_the_values,
    plus,
    same,
    sizes_of,
    stack,
)
from course_utils.workshop.running import is_array
from course_utils.workshop.verdicts import SMALL_NUMBER, number

NEAR = 0.02  # of the largest number: an answer that is off by no more on any input is called close


def diagnose(
    cases: Sequence[Case],
    close: Callable,
    retry: Callable | None = None,
    stable: str = "",
    *,
    change: Callable[[], Finding | None] | None = None,
    bounded: str = "",
    confirmed: bool = True,
    alone: bool = True,
) -> Finding | None:
    """Return the relation between the answers and the right ones, or None.

    Parameters
    ----------
    cases : the inputs with both answers, NaN and infinities allowed in what came.
    close : (got, expected) -> array of bool, the exercise's tolerance.
    retry : arguments -> the right answer for other arguments, None where there is none.
    stable : the name of the stable way, for answers that fail at extreme inputs only.
    change : gives the small change of a right formula that explains the answers, or None; asked for late.
    bounded : what in the answer's source keeps numbers from being extreme, in words (`verdicts.bound_in`).
    confirmed : whether the cases are enough to say for which kind of input an answer is wrong.
    alone : whether this is the only one of several results that is wrong.
    """
    ordinary = [case for case in cases if not case.extreme]
    at_extremes = functools.partial(_at_extremes, cases, close, stable, bounded)
    if _all_close(ordinary, close):
        return at_extremes("Right except at extreme inputs")
    for search in (_rearranged, of_the_values, of_the_inputs):
        finding = search(ordinary, close)
        if finding:
            return finding
    finding = _other_arguments(ordinary, close, retry, _REPLACEMENTS) if retry else None
    groups = None if finding else _within_groups(ordinary, close)
    if groups and groups.pattern == "normalisation":
        return groups
    finding = finding or _changed(ordinary, close, retry, change, alone)
    if not finding and confirmed:
        finding = groups or _some_inputs(ordinary, close)
    finding = finding or _nearly(ordinary, close)
    wrong = sum(not same(case.got, case.expected, close) for case in ordinary)
    if finding or wrong > len(ordinary) / 10:
        return finding
    return at_extremes("Right nearly everywhere, except at extreme inputs")


def _changed(cases, close, retry, change, alone):
    """The right formula with a small change in it, or with an argument of its own for one that is given."""
    finding = change() if change else None
    if not retry:
        return finding
    named = finding and "`" in finding.words and " by 1" not in finding.words
    if named or (finding and not alone):
        return finding
    return _other_arguments(cases, close, retry, _RARE_REPLACEMENTS) or finding  # an argument's name tells more


def _all_close(cases, close):
    return all(same(case.got, case.expected, close) for case in cases)


def _at_extremes(cases, close, stable, bounded, where):
    bad = [case for case in cases if case.extreme and not same(case.got, case.expected, close)]
    if not bad or bad[0].got.shape != bad[0].expected.shape:
        return None
    finite = all(np.isfinite(case.got).all() for case in bad)
    if finite and bounded:
        words = f"there your numbers are finite, and off. Look at {bounded} in your function: does it matter there?"
        way = f" The stable way, which needs none: {stable}." if stable and bounded == SMALL_NUMBER else ""
        return Finding("extremes", f"{where}: {words}{way}")
    what = "there the digits are lost" if finite else "it is not finite there"
    way = f" The stable way: {stable}." if stable else ""
    return Finding("extremes", f"{where}, so numerically unstable: {what}.{way}")


# --- where the numbers stand ------------------------------------------------------------------------------------------


def _rearranged(cases, close):
    """The right numbers in other places, or put together along other axes."""
    for pattern, words, change in _ARRANGEMENTS:
        changed = [change(case.expected) for case in cases]
        if any(value is None for value in changed):
            continue
        if not all(same(case.got, value, close) for case, value in zip(cases, changed, strict=True)):
            continue
        # a symmetric matrix, or a single number, says nothing about its transposition
        telling = [not same(value, case.expected, close) for value, case in zip(changed, cases, strict=True)]
        if sum(case.got.size for case, tells in zip(cases, telling, strict=True) if tells) >= 2:
            return Finding(pattern, words)
    for axis in (0, -1):
        for step, words in ((1, "one place too late"), (-1, "one place too early")):
            if _shifted(cases, axis, step, close):
                return Finding("shifted", f"The right numbers, {words}{_along(cases, axis)}: an index is off by one.")
    return None


def _along(cases, axis):
    if max(case.expected.ndim for case in cases) < 2:
        return ""
    return " along the first axis" if axis == 0 else " along the last axis"


def _shifted(cases, axis, step, close):
    checked = 0
    for case in cases:
        got, right = case.got, case.expected
        if got.shape != right.shape:
            return False
        if right.ndim == 0:
            if not same(got, right, close):
                return False
            continue
        got, right = np.moveaxis(got, axis, 0), np.moveaxis(right, axis, 0)
        if step < 0:
            got, right = right, got
        if not np.all(close(got[1:], right[:-1])):
            return False
        checked += int((~close(right[1:], right[:-1])).sum())
    return checked >= ENOUGH


def _swap(array, first, second):
    return np.swapaxes(array, first, second) if array.ndim >= 2 else array


def _on_vectors(change):
    """Make a change of arrays that is none for single numbers."""
    return lambda array: change(array) if array.ndim else array


_ARRANGEMENTS = [
    ("transposed", "The numbers are right, but the result is transposed: rows and columns have changed places.",
     lambda array: _swap(array, 0, 1)),
    ("transposed", "The numbers are right, but the last two axes have changed places.",
     lambda array: _swap(array, -1, -2)),
    ("transposed", "The numbers are right, but the order of the axes is reversed.", lambda array: array.T),
    ("reversed", "The right numbers in reverse order.", _on_vectors(lambda array: array[::-1])),
    ("reversed", "The right numbers, in reverse order along the last axis.",
     _on_vectors(lambda array: array[..., ::-1])),
    ("summed", "This is the sum of the right answer over all its entries.", lambda array: np.asarray(array.sum())),
    ("averaged", "This is the mean of the right answer over all its entries.",
     lambda array: np.asarray(array.mean()) if array.size else None),
    ("summed", "This is the right answer summed over its first axis.", _on_vectors(lambda array: array.sum(0))),
    ("summed", "This is the right answer summed over its last axis.", _on_vectors(lambda array: array.sum(-1))),
    ("averaged", "This is the right answer averaged over its first axis.", _on_vectors(lambda array: array.mean(0))),
    ("averaged", "This is the right answer averaged over its last axis.", _on_vectors(lambda array: array.mean(-1))),
    ("shape", "The numbers are right; the shape has an axis of length 1 too much at the end.",
     lambda array: array[..., None]),
    ("shape", "The numbers are right; the shape has an axis of length 1 too much in front.", lambda array: array[None]),
    ("shape", "The numbers are right; an axis of length 1 is missing.",
     lambda array: array.squeeze() if 1 in array.shape else array),
    ("shape", "The numbers are right; all axes are run together into one.", lambda array: array.ravel()),
    ("shape", "Each number is right, but the whole table is filled with copies of the row of answers.",
     lambda array: np.broadcast_to(array, (array.size, array.size)) if array.ndim == 1 else array),
    ("sorted", "The right numbers, but sorted.", _on_vectors(lambda array: np.sort(array, axis=-1))),
    ("sorted", "The right numbers, but sorted along the first axis.", _on_vectors(lambda array: np.sort(array, 0))),
]  # fmt: skip


# --- the right formula with other arguments ---------------------------------------------------------------------------


def _other_arguments(cases, close, retry, replacements):
    """The right answer to another question: an argument changed, or two that changed places."""
    names = list(cases[0].arguments)
    order = sorted(cases, key=lambda case: -case.expected.size)  # the most telling input first
    for words, change in _axes(names, cases) if replacements is _REPLACEMENTS else ():
        for transposed in (False, True):
            if _fits(order, change, retry, close, transposed):
                return Finding("axis", words)
    found = [
        (pattern, words)
        for pattern, words, change in _substitutions(names, cases, replacements)
        if _fits(order, change, retry, close)
    ]
    if found:
        also = f" (Or, which comes to the same here, {found[1][1]}.)" if len(found) > 1 else ""
        return Finding(found[0][0], f"These are the right numbers for {found[0][1]}.{also}")
    return None


def _fits(cases, change, retry, close, transposed=False):
    telling = 0
    for case in cases:
        try:
            arguments = change(dict(case.arguments))
        except (TypeError, ValueError, IndexError, RuntimeError):
            return False
        value = retry(arguments)
        if value is None:
            return False
        value = _swap(value, 0, 1) if transposed else value
        if not same(case.got, value, close):
            return False
        if value.shape != case.expected.shape:
            telling += int(np.isfinite(value).sum())
        else:  # NaN against NaN is no evidence
            telling += int((np.isfinite(value) & ~close(value, case.expected)).sum())
    return telling >= ENOUGH


def _substitutions(names, cases, replacements):
    for first, second in combinations(names, 2) if replacements is _REPLACEMENTS else ():
        words = f"`{first}` and `{second}` with their places exchanged"
        yield "arguments swapped", words, lambda a, f=first, s=second: {**a, f: a[s], s: a[f]}
    for name in names:
        if not all(is_numeric(case.arguments[name]) for case in cases):
            continue
        for form, change in replacements.items():
            words = f"{form.format(f'`{name}`')} in place of `{name}`"
            yield "argument changed", words, lambda a, n=name, c=change: {**a, n: _applied(c, a[n])}


_REPLACEMENTS = {
    "−{}": lambda value: -value,
    "{}²": np.square,
    "√{}": np.sqrt,
    "exp({})": np.exp,
    "log({})": np.log,
    "2 × {}": lambda value: 2 * value,
    "½ × {}": lambda value: value / 2,
    "1/{}": lambda value: 1 / value,
    "1 − {}": lambda value: 1 - value,
    "{} with each entry replaced by 1": np.ones_like,
    "{} with each entry replaced by the mean": lambda value: np.full_like(value, value.mean()),
    "{} with each entry replaced by the first one": lambda value: np.full_like(value, value.ravel()[0]),
    "the absolute value of {}": np.abs,
    "{} in reverse order": lambda value: value[::-1],
    "{} shifted by one place": lambda value: np.roll(value, 1, axis=0),
    "{} shifted back by one place": lambda value: np.roll(value, -1, axis=0),
    "{} sorted": lambda value: np.sort(value, axis=-1),
    "the cumulative sum of {}": lambda value: np.cumsum(value, axis=-1),
    "rounded {}": np.round,
}
# what also other slips come to, as a factor that is left out
_RARE_REPLACEMENTS = {
    "{} with each entry replaced by 0": np.zeros_like,
    "{} + 1": lambda value: value + 1,
    "{} − 1": lambda value: value - 1,
}


def _applied(change, value):
    """Apply a change of arrays to an argument, and return the argument's own type."""
    with np.errstate(all="ignore"):
        if not is_array(value):
            changed = float(change(np.asarray(float(value))))
            if not isinstance(value, int):
                return changed
            # a size or a count: a huge one would take for ever, a broken one makes no sense
            if not changed.is_integer() or not 0 <= changed <= 2 * abs(value) + 1:
                raise ValueError(changed)
            return int(changed)
        changed = change(np.asarray(value))
    if changed is value or (changed.shape == value.shape and np.array_equal(changed, np.asarray(value))):
        changed = np.array(changed)
    return changed if isinstance(value, np.ndarray) else value.new_tensor(changed.copy()).to(value.dtype)


def _axes(names, cases):
    tables = [name for name in names if any(np.ndim(case.arguments[name]) >= 2 for case in cases)]
    words = "These are the right numbers for {} with rows and columns exchanged: the wrong axis is used."
    for first, second in ((0, 1), (-1, -2)):
        if len(tables) > 1:
            both = " and ".join(f"`{name}`" for name in tables)
            yield words.format(both), lambda a, f=first, s=second: {**a, **{n: _swap(a[n], f, s) for n in tables}}
        for name in tables:
            yield words.format(f"`{name}`"), lambda a, n=name, f=first, s=second: {**a, n: _swap(a[n], f, s)}


# --- groups and kinds of inputs ---------------------------------------------------------------------------------------


def _within_groups(cases, close):
    """A factor or a summand that is the same within each row, or within each input."""
    if stack(cases) is None or not all(np.isfinite(case.got).all() for case in cases):
        return None
    rows = [
        (got, right)
        for case in cases
        if case.expected.ndim == 2 and case.expected.shape[1] > 1
        for got, right in zip(case.got, case.expected, strict=True)
    ]
    whole = [(case.got.ravel(), case.expected.ravel()) for case in cases if case.expected.size > 1]
    alone = [case for case in cases if case.expected.size == 1 and not same(case.got, case.expected, close)]
    for groups, place in ((rows, "row"), (whole, "input")):
        if len(groups) < 2 or sum(got.size - 1 for got, _ in groups) < ENOUGH:
            continue
        wrong = sum(not np.all(close(got, right)) for got, right in groups)
        if wrong < 2 or len(alone) > wrong:
            continue
        if all(_proportional(got, right, close) for got, right in groups):
            sums = [right.sum() for _, right in groups]
            if np.allclose(sums, 1):
                words = f"Right up to normalisation: in each {place} the right numbers sum to 1, and yours do not."
                return Finding("normalisation", words)
            return Finding("factor by group", f"In each {place} a constant factor is off, not the same in all of them.")
        if all(np.all(close(got, right + np.mean(got - right))) for got, right in groups):
            words = f"In each {place} your numbers are off by the same amount, not the same in all of them."
            return Finding("constant by group", words)
    return None


def _proportional(got, right, close):
    size = right @ right
    return size > 0 and got @ right != 0 and bool(np.all(close(got, (got @ right) / size * right)))


def _some_inputs(cases, close):
    """Wrong for one kind of input or of element only."""
    if any(case.got.shape != case.expected.shape for case in cases):
        wrong = np.array([not same(case.got, case.expected, close) for case in cases])
        return _telling_kind(wrong, list(_kinds(cases)))
    wrong = np.concatenate([~np.atleast_1d(close(case.got, case.expected)).ravel() for case in cases])
    wrong_cases = np.array([not same(case.got, case.expected, close) for case in cases])
    # a size is the cause where the right answer is of one kind because of it
    return (
        _telling_kind(wrong, list(_argument_kinds(cases)))
        or _telling_kind(wrong_cases, list(_kinds(cases)))
        or _telling_kind(wrong, list(_answer_kinds(cases)))
    )


def _nearly(cases, close):
    """Off by little on every input, and in at least as many numbers as a relation needs."""
    stacked = stack(cases)
    if stacked is None or not np.isfinite(stacked).all() or np.count_nonzero(~close(*stacked)) < ENOUGH:
        return None
    errors = [np.abs(case.got - case.expected).max(initial=0.0) for case in cases]
    sizes = [np.abs(case.expected).max(initial=0.0) for case in cases]
    if not all(error <= NEAR * size for error, size in zip(errors, sizes, strict=True)):
        return None
    worst = max(error / size for error, size in zip(errors, sizes, strict=True) if size)
    return Finding(
        "nearly",
        f"Close on every input, and not exact: the errors reach {100 * worst:.2g} % of the largest number. Either a "
        "small term is missing or wrong, or something in your function only approximates: values tried one by one, a "
        "sum that ends too early, a difference quotient, rounding, a small number added.",
    )


def _telling_kind(wrong, kinds):
    if wrong.sum() < 2 or (~wrong).sum() < ENOUGH:
        return None
    for words, holds in kinds:
        if np.array_equal(wrong, holds):
            return Finding("some inputs", f"Wrong exactly where {words}; right everywhere else.")
    return None


_SIGNS = {
    "negative": lambda v: v < 0,
    "zero": lambda v: v == 0,
    "positive": lambda v: v > 0,
    "above 1": lambda v: v > 1,
}


def _argument_kinds(cases):
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(is_numeric(value) for value in values):
            continue
        parts = [broadcast(np.asarray(v, float), case.expected.shape) for v, case in zip(values, cases, strict=True)]
        if all(part is not None for part in parts):
            flat = np.concatenate([part.ravel() for part in parts])
            for word, holds in _SIGNS.items():
                yield f"`{argument}` is {word}", holds(flat)


def _answer_kinds(cases):
    right = np.concatenate([case.expected.ravel() for case in cases])
    for word, holds in _SIGNS.items():
        yield f"the right answer is {word}", holds(right)


def _kinds(cases):
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(is_numeric(value) for value in values):
            continue
        arrays = [np.asarray(value, dtype=float) for value in values]
        for name, sizes in sizes_of(argument, arrays):
            yield f"{name} is 1", sizes == 1
            yield f"{name} is more than 1", sizes > 1
        if len({array.ndim for array in arrays}) > 1:
            for ndim in sorted({array.ndim for array in arrays}):
                yield (
                    f"`{argument}` has {ndim} {'axis' if ndim == 1 else 'axes'}",
                    np.array([array.ndim == ndim for array in arrays]),
                )
        for word, holds in _SIGNS.items():
            if max(array.size for array in arrays) > 1:
                yield f"an entry of `{argument}` is {word}", np.array([bool(holds(a).any()) for a in arrays])
        yield f"two entries of `{argument}` are equal", np.array([_tied(array) for array in arrays])
        if all(array.ndim == 2 for array in arrays):
            yield f"`{argument}` is not square", np.array([len(set(array.shape)) > 1 for array in arrays])
    yield "the right answer is a single number", np.array([case.expected.size == 1 for case in cases])


def _tied(array):
    return any(first == second for first, second in pairwise(np.sort(array.ravel())))


def besides(got: Sequence[np.ndarray], slip: Sequence[np.ndarray], close: Callable) -> str:
    """Say how answers differ from those of a known slip, if by a sign, a factor or a summand; or return ""."""
    if any(one.shape != other.shape for one, other in zip(got, slip, strict=True)):
        return ""
    one, other = (np.concatenate([part.ravel() for part in parts]) for parts in (got, slip))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return ""
    informative = np.abs(other) > 1e-12
    if informative.sum() < ENOUGH or distinct(other[informative]) < 2:
        return ""
    if np.all(close(one, -other)):
        return "the sign is opposite"
    ratio, shift = float(np.median(one[informative] / other[informative])), float(np.median(one - other))
    if ratio and np.all(close(one, ratio * other)):
        return f"everything is multiplied by {number(ratio)}"
    return f"everything is {plus(shift)}" if np.all(close(one, other + shift)) else ""


__all__ = ["Case", "Finding", "besides", "diagnose"]
