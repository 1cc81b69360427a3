"""What all the errors of an answer have in common, in one sentence that says what was seen.

`diagnose` is given the answers and the right ones on many inputs. It looks for a relation that holds in every
element on every input (zeros included): a constant factor, a sign, a size of the input, a transposition, another
argument in an argument's place, … A relation needs at least three numbers that could have contradicted it; where none
holds, there is no sentence.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from course_utils.workshop.running import is_array
from course_utils.workshop.verdicts import number

_ENOUGH = 3  # numbers that could have contradicted a relation


@dataclass(frozen=True)
class Case:
    """One input with the answer and the right one: `arguments` by name, two float arrays, whether it is an extreme."""

    arguments: dict[str, object]
    got: np.ndarray
    expected: np.ndarray
    extreme: bool = False


@dataclass(frozen=True)
class Finding:
    """A relation: its short name, for tests and titles, and the sentence for the reader."""

    pattern: str
    words: str


def diagnose(cases: Sequence[Case], close: Callable, retry: Callable | None = None, stable: str = "") -> Finding | None:
    """Return the relation between the answers and the right ones, or None.

    Parameters
    ----------
    cases : the inputs with both answers, NaN and infinities allowed in what came.
    close : (got, expected) -> array of bool, the exercise's tolerance.
    retry : arguments -> the right answer for other arguments, None where there is none.
    stable : the name of the stable way, for answers that fail at extreme inputs only.
    """
    ordinary = [case for case in cases if not case.extreme]
    if _all_close(ordinary, close):
        return _only_at_extremes(cases, close, stable) if len(ordinary) < len(cases) and ordinary else None
    for search in (_rearranged, _of_the_values, _of_the_inputs):
        finding = search(ordinary, close)
        if finding:
            return finding
    finding = _other_arguments(ordinary, close, retry) if retry else None
    return finding or _within_groups(ordinary, close) or _some_inputs(ordinary, close)


def _same(got, expected, close):
    return got.shape == expected.shape and bool(np.all(close(got, expected)))


def _all_close(cases, close):
    return all(_same(case.got, case.expected, close) for case in cases)


def _only_at_extremes(cases, close, stable):
    bad = next(case for case in cases if not _same(case.got, case.expected, close))
    if bad.got.shape != bad.expected.shape:
        return None
    what = "it is not finite there" if not np.isfinite(bad.got).all() else "there the digits are lost"
    way = f" The stable way: {stable}." if stable else ""
    return Finding("extremes", f"Right except at extreme inputs, so numerically unstable: {what}.{way}")


# --- where the numbers stand ------------------------------------------------------------------------------------------


def _rearranged(cases, close):
    """The right numbers in other places, or put together along other axes."""
    for pattern, words, change in _ARRANGEMENTS:
        changed = [change(case.expected) for case in cases]
        if any(value is None for value in changed):
            continue
        # a symmetric matrix, or a single number, says nothing about its transposition
        telling = [not _same(value, case.expected, close) for value, case in zip(changed, cases, strict=True)]
        fits = all(_same(case.got, value, close) for case, value in zip(cases, changed, strict=True))
        if fits and sum(case.got.size for case, tells in zip(cases, telling, strict=True) if tells) >= 2:
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
            if not _same(got, right, close):
                return False
            continue
        got, right = np.moveaxis(got, axis, 0), np.moveaxis(right, axis, 0)
        if step < 0:
            got, right = right, got
        if not np.all(close(got[1:], right[:-1])):
            return False
        checked += int((~close(right[1:], right[:-1])).sum())
    return checked >= _ENOUGH


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


# --- the numbers themselves -------------------------------------------------------------------------------------------


def _stack(cases):
    """All numbers of all inputs in two rows, without those that are not finite; None where shapes differ."""
    if any(case.got.shape != case.expected.shape for case in cases):
        return None
    got = np.concatenate([case.got.ravel() for case in cases])
    right = np.concatenate([case.expected.ravel() for case in cases])
    return got, right


def _distinct(values):
    return np.unique(np.round(values[np.isfinite(values)], 12)).size


def _of_the_values(cases, close):
    """Relations that hold number by number: a factor, a constant, few digits, a function of the right answer."""
    stacked = _stack(cases)
    if stacked is None:
        return None
    got, right = stacked
    everything = got.size
    finite = np.isfinite(got) & np.isfinite(right)
    got, right = got[finite], right[finite]
    if np.all(close(got, right)):
        return None
    tail = "" if finite.all() else f" ({everything - got.size} of {everything} numbers are not finite.)"
    for search in (_one_answer, _digits, _sign, _factor, _offset, _function, _affine):
        # numbers that are zero on both sides contradict no factor and no sign
        if got.size >= _ENOUGH and (finding := search(got, right, close)):
            # an answer that is not finite in places is told so; what a function does there belongs to the function
            return Finding(finding.pattern, finding.words + tail)
    return None


def _one_answer(got, right, close):
    value = 0.0 if close(np.median(got), 0.0) else float(np.median(got))
    if np.all(close(got, np.full_like(got, value))) and _distinct(right) > 1:
        return Finding("same answer", f"Your answer is {number(value)} everywhere, whatever goes in.")
    return None


def _digits(got, right, close):
    error, size = np.abs(got - right), np.abs(right)
    informative = size > 1e-12
    if informative.sum() < _ENOUGH or np.any(error[~informative] > 1e-6):
        return None
    relative = error[informative] / size[informative]
    if relative.max() > 2e-3:
        return None
    worst = relative.max()
    if worst < 5e-7:
        words = "that is what single precision (float32) gives"
    else:
        words = (
            "a rounded constant, single precision (`torch.tensor(5.0)` has it), a small number added for safety, or a "
            "search that stopped early does this"
        )
    return Finding(
        "digits", f"Nearly right: about {round(-math.log10(max(worst, 1e-12)))} digits agree everywhere; {words}."
    )


def _sign(got, right, close):
    informative = int((np.abs(right) > 1e-12).sum())
    if informative < _ENOUGH:
        return None
    if np.all(close(got, -right)):
        return Finding("sign", "Everywhere the size is right and the sign is opposite.")
    if np.all(close(got, np.abs(right))):
        return Finding("absolute value", "This is the absolute value of the right answer: the minus signs are gone.")
    if np.all(close(np.abs(got), np.abs(right))):
        return Finding("sign", "Everywhere the size is right, but some signs are opposite.")
    return None


def _factor(got, right, close):
    informative = np.abs(right) > 1e-12
    # where all right numbers are the same, or 0, only a 0 that stays 0 tells a factor from a summand
    if informative.sum() < _ENOUGH or _distinct(right) < 2:
        return None
    ratio = float(np.median(got[informative] / right[informative]))
    if ratio == 0 or not np.all(close(got, ratio * right)):
        return None
    return Finding(
        "factor", f"Everywhere your answer is {number(ratio)} times the right one: a constant factor is off."
    )


def _offset(got, right, close):
    if _distinct(right) < 2:
        return None
    shift = float(np.median(got - right))
    if abs(shift) < 1e-12 or not np.all(close(got, right + shift)):
        return None
    size, side = number(abs(shift)), "large" if shift > 0 else "small"
    return Finding("constant", f"Everywhere it is off by the same amount: too {side} by {size}.")


_FUNCTIONS = [
    ("logarithm", "This is the logarithm of the right answer.", np.log),
    ("logarithm", "This is minus the logarithm of the right answer.", lambda right: -np.log(right)),
    ("exponential", "This is the exponential of the right answer: the right one is its logarithm.", np.exp),
    ("exponential", "This is the exponential of minus the right answer.", lambda right: np.exp(-right)),
    ("complement", "This is 1 minus the right answer.", lambda right: 1 - right),
    ("reciprocal", "This is the reciprocal of the right answer, 1 divided by it.", lambda right: 1 / right),
    ("square", "This is the square of the right answer.", np.square),
    ("square root", "This is the square root of the right answer.", np.sqrt),
    ("reciprocal", "This is 1 divided by the square of the right answer.", lambda right: 1 / right**2),
    ("reciprocal", "This is 1 divided by the square root of the right answer.", lambda right: 1 / np.sqrt(right)),
    ("clipped", "This is the right answer with everything below 0 set to 0.", lambda right: np.maximum(right, 0)),
    ("clipped", "This is the right answer with everything above 1 set to 1.", lambda right: np.minimum(right, 1)),
    ("rounded", "This is the right answer rounded to whole numbers.", np.round),
    ("rounded", "This is the right answer without its decimals.", np.trunc),
]


def _function(got, right, close):
    for pattern, words, function in _FUNCTIONS:
        with np.errstate(all="ignore"):
            value = function(right)
        telling = np.isfinite(value)
        if telling.sum() >= _ENOUGH and _distinct(right[telling]) >= 2 and np.all(close(got[telling], value[telling])):
            if not np.all(close(value[telling], right[telling])):
                return Finding(pattern, words)
    return None


def _affine(got, right, close):
    if got.size < 5 or _distinct(right) < 4:
        return None
    slope, shift = np.polyfit(right, got, 1)
    if abs(slope) < 1e-9 or not np.all(close(got, slope * right + shift)):
        return None
    words = f"Everywhere your answer is {number(slope)} times the right one, {_plus(shift)}: two things are off."
    return Finding("factor and constant", words)


def _plus(value):
    return f"{'plus' if value > 0 else 'minus'} {number(abs(value))}"


def _is_named(value):
    return not number(value).replace("−", "").replace(".", "").replace("e", "").replace("-", "").isdigit() or (
        float(value).is_integer()
    )


# --- sizes and arguments ----------------------------------------------------------------------------------------------


def _of_the_inputs(cases, close):
    """A factor or a summand that changes with a size of the inputs, or with an argument."""
    if _stack(cases) is None:
        return None
    got, right = _stack(cases)
    if not np.isfinite(got).all():
        return None
    found = []
    for name, parts in _features(cases):
        feature = np.concatenate([part.ravel() for part in parts])
        if not np.isfinite(feature).all() or np.ptp(feature) < 1e-9:
            continue
        found += _factor_by(name, feature, got, right, close) + _summand_by(name, feature, got, right, close)
    # a plain size before a function of it, a named constant before a crooked one
    return min(found, key=lambda entry: entry[0])[1] if found else None


def _factor_by(name, feature, got, right, close):
    informative = (np.abs(right) > 1e-12) & (np.abs(feature) > 1e-12)
    if informative.sum() < _ENOUGH or _distinct(feature[informative]) < 2:
        return []
    found = []
    for times, form in ((feature, "times {}"), (None, "divided by {}")):
        if times is None:
            if np.any(feature == 0):
                continue
            times = 1 / feature
        scale = float(np.median((got[informative] / right[informative]) / times[informative]))
        if scale and np.all(close(got, scale * times * right)):
            also = "" if abs(scale - 1) < 1e-5 else f", and times {number(scale)}"
            also = ", and with the opposite sign" if abs(scale + 1) < 1e-5 else also
            words = f"Everywhere your answer is the right one {form.format(name)}{also}."
            found.append(((bool(also), len(name)), Finding("factor by input", words)))
    return found


def _summand_by(name, feature, got, right, close):
    error = got - right
    weight = float(feature @ error / (feature @ feature))
    telling = np.abs(feature) > 1e-9
    if abs(weight) < 1e-9 or telling.sum() < _ENOUGH or _distinct(feature[telling]) < 2:
        return []
    if not np.all(close(got, right + weight * feature)):
        return []
    times = "" if abs(abs(weight) - 1) < 1e-5 else f"{number(abs(weight))} times "
    side = "too large" if weight > 0 else "too small"
    words = f"Everywhere your answer is {side} by {times}{name}."
    return [((bool(times) + (not _is_named(weight)), len(name)), Finding("summand by input", words))]


_TRANSFORMS = {
    "{}": lambda value: value,
    "the square of {}": np.square,
    "the logarithm of {}": np.log,
    "the exponential of {}": np.exp,
    "the square root of {}": np.sqrt,
    "the absolute value of {}": np.abs,
}


def _features(cases) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield names of sizes and arguments with their values, spread out to the shape of each result."""
    sizes = {}
    for name, values in _all_sizes(cases):
        if not any(np.array_equal(values, others) for others in sizes.values()):  # one name for equal sizes
            sizes[name] = values
    for name, values in sizes.items():
        yield name, _spread(values, cases)
        yield f"{name} minus 1", _spread(values - 1, cases)
        with np.errstate(all="ignore"):
            yield f"the logarithm of {name}", _spread(np.log(values), cases)
            yield f"the square root of {name}", _spread(np.sqrt(values), cases)
            yield f"n/(n − 1), with n {name}", _spread(values / (values - 1), cases)
    for first, second in combinations(sizes, 2):
        if np.all(sizes[first] > 0) and np.all(sizes[second] > 0):
            ratio = sizes[first] / sizes[second]
            yield f"({first}) / ({second})", _spread(ratio, cases)
            yield f"the logarithm of (({first}) / ({second}))", _spread(np.log(ratio), cases)
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(_is_numeric(value) for value in values):
            continue
        arrays = [np.asarray(value, dtype=float) for value in values]
        for form, transform in _TRANSFORMS.items():
            with np.errstate(all="ignore"):
                changed = [transform(array) for array in arrays]
            for template, reduce in _REDUCTIONS:
                parts = [reduce(array, case.expected.shape) for array, case in zip(changed, cases, strict=True)]
                if all(part is not None for part in parts):
                    yield template.format(form.format(f"`{argument}`")), parts


def _all_sizes(cases):
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if all(map(is_array, values)):
            yield from _sizes(argument, values)


def _is_numeric(value):
    if is_array(value):
        return np.asarray(value).dtype.kind in "fiub"
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spread(numbers, cases):
    return [np.full(case.expected.shape, size) for size, case in zip(numbers, cases, strict=True)]


def _sizes(argument, arrays):
    dimensions = {array.ndim for array in arrays}
    ndim = min(dimensions)
    if ndim == 0:
        return
    if dimensions == {1}:
        names = [f"the length of `{argument}`"]
    elif dimensions == {2}:
        names = [f"the number of rows of `{argument}`", f"the number of columns of `{argument}`"]
    else:
        names = [f"the size of axis {axis} of `{argument}`" for axis in range(ndim)]
    for axis, name in enumerate(names):
        yield name, np.array([float(array.shape[axis]) for array in arrays])
    if ndim > 1:
        yield f"the number of entries of `{argument}`", np.array([float(math.prod(array.shape)) for array in arrays])


def _broadcast(array, shape):
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        return None


def _reduced(reduce, axis):
    def apply(array, shape):
        if array.ndim == 0 or (axis is not None and array.ndim < 2):
            return None
        with np.errstate(all="ignore"):
            return _broadcast(reduce(array, axis=axis), shape)

    return apply


_REDUCTIONS = [
    ("{}", _broadcast),
    ("{}, row by row", lambda array, shape: _broadcast(array[:, None], shape) if array.ndim == 1 else None),
    ("the sum of {}", _reduced(np.sum, None)),
    ("the mean of {}", _reduced(np.mean, None)),
    ("the sum over the last axis of {}", _reduced(np.sum, -1)),
    ("the sum over the first axis of {}", _reduced(np.sum, 0)),
    ("the mean over the last axis of {}", _reduced(np.mean, -1)),
]


# --- the right formula with other arguments ---------------------------------------------------------------------------


def _other_arguments(cases, close, retry):
    """The right answer to another question: an argument changed, or two that changed places."""
    names = list(cases[0].arguments)
    order = sorted(cases, key=lambda case: -case.expected.size)  # the most telling input first
    for words, change in _axes(names, cases):
        for transposed in (False, True):
            if _fits(order, change, retry, close, transposed):
                return Finding("axis", words)
    found = [
        (pattern, words)
        for pattern, words, change in _substitutions(names, cases)
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
        if not _same(case.got, value, close):
            return False
        if not _same(value, case.expected, close):
            telling += value.size
    return telling >= _ENOUGH


def _substitutions(names, cases):
    for first, second in combinations(names, 2):
        words = f"`{first}` and `{second}` with their places exchanged"
        yield "arguments swapped", words, lambda a, f=first, s=second: {**a, f: a[s], s: a[f]}
    for name in names:
        if not all(_is_numeric(case.arguments[name]) for case in cases):
            continue
        for form, change in _REPLACEMENTS.items():
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
    "{} with each entry replaced by 0": np.zeros_like,
    "{} with each entry replaced by the mean": lambda value: np.full_like(value, value.mean()),
    "{} with each entry replaced by the first one": lambda value: np.full_like(value, value.ravel()[0]),
    "the absolute value of {}": np.abs,
    "{} + 1": lambda value: value + 1,
    "{} − 1": lambda value: value - 1,
    "{} in reverse order": lambda value: value[::-1],
    "{} shifted by one place": lambda value: np.roll(value, 1, axis=0),
    "{} shifted back by one place": lambda value: np.roll(value, -1, axis=0),
    "{} sorted": lambda value: np.sort(value, axis=-1),
    "the cumulative sum of {}": lambda value: np.cumsum(value, axis=-1),
    "rounded {}": np.round,
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
    if _stack(cases) is None or not all(np.isfinite(case.got).all() for case in cases):
        return None
    rows = [
        (got, right)
        for case in cases
        if case.expected.ndim == 2 and case.expected.shape[1] > 1
        for got, right in zip(case.got, case.expected, strict=True)
    ]
    whole = [(case.got.ravel(), case.expected.ravel()) for case in cases if case.expected.size > 1]
    alone = [case for case in cases if case.expected.size == 1 and not _same(case.got, case.expected, close)]
    for groups, place in ((rows, "row"), (whole, "input")):
        if len(groups) < 2 or sum(got.size - 1 for got, _ in groups) < _ENOUGH:
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
        wrong = np.array([not _same(case.got, case.expected, close) for case in cases])
        return _telling_kind(wrong, list(_kinds(cases)))
    wrong = np.concatenate([~np.atleast_1d(close(case.got, case.expected)).ravel() for case in cases])
    finding = _telling_kind(wrong, list(_element_kinds(cases)))
    if finding:
        return finding
    return _telling_kind(np.array([not _same(c.got, c.expected, close) for c in cases]), list(_kinds(cases)))


def _telling_kind(wrong, kinds):
    if wrong.sum() < 2 or (~wrong).sum() < _ENOUGH:
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


def _element_kinds(cases):
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(_is_numeric(value) for value in values):
            continue
        parts = [_broadcast(np.asarray(v, float), case.expected.shape) for v, case in zip(values, cases, strict=True)]
        if all(part is not None for part in parts):
            flat = np.concatenate([part.ravel() for part in parts])
            for word, holds in _SIGNS.items():
                yield f"`{argument}` is {word}", holds(flat)
    right = np.concatenate([case.expected.ravel() for case in cases])
    for word, holds in _SIGNS.items():
        yield f"the right answer is {word}", holds(right)


def _kinds(cases):
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(_is_numeric(value) for value in values):
            continue
        arrays = [np.asarray(value, dtype=float) for value in values]
        for name, sizes in _sizes(argument, arrays):
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
    if informative.sum() < _ENOUGH or _distinct(other[informative]) < 2:
        return ""
    if np.all(close(one, -other)):
        return "the sign is opposite"
    ratio, shift = float(np.median(one[informative] / other[informative])), float(np.median(one - other))
    if ratio and np.all(close(one, ratio * other)):
        return f"everything is multiplied by {number(ratio)}"
    return f"everything is {_plus(shift)}" if np.all(close(one, other + shift)) else ""


__all__ = ["Case", "Finding", "besides", "diagnose"]
