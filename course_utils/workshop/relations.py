"""Relations between answers and right ones that hold number by number: a factor, a constant, a size, an argument."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from course_utils.workshop.running import is_array
from course_utils.workshop.verdicts import number

ENOUGH = 3  # numbers that could have contradicted a relation


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


def same(got, expected, close):
    """Return whether two arrays have one shape and agree within the tolerance."""
    return got.shape == expected.shape and bool(np.all(close(got, expected)))


# --- the numbers themselves -------------------------------------------------------------------------------------------


def stack(cases):
    """All numbers of all inputs in two rows, without those that are not finite; None where shapes differ."""
    if any(case.got.shape != case.expected.shape for case in cases):
        return None
    got = np.concatenate([case.got.ravel() for case in cases])
    right = np.concatenate([case.expected.ravel() for case in cases])
    return got, right


def distinct(values):
    """Return how many different finite numbers there are."""
    return np.unique(np.round(values[np.isfinite(values)], 12)).size


def of_the_values(cases, close):
    """Relations that hold number by number: a factor, a constant, few digits, a function of the right answer."""
    stacked = stack(cases)
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
        if got.size >= ENOUGH and (finding := search(got, right, close)):
            # an answer that is not finite in places is told so; what a function does there belongs to the function
            return Finding(finding.pattern, finding.words + tail)
    return None


def _one_answer(got, right, close):
    value = 0.0 if close(np.median(got), 0.0) else float(np.median(got))
    if np.all(close(got, np.full_like(got, value))) and distinct(right) > 1:
        return Finding("same answer", f"Your answer is {number(value)} everywhere, whatever goes in.")
    return None


def _digits(got, right, close):
    error, size = np.abs(got - right), np.abs(right)
    informative = size > 1e-12
    if informative.sum() < ENOUGH or np.any(error[~informative] > 1e-5):
        return None
    if np.all(close(got[informative], right[informative])):
        worst = number(float(error[~informative].max()))
        words = (
            f"Right, but where the right answer is 0 yours is off by up to {worst}: "
            "a small number added, a bound that keeps it from 0, or single precision does this."
        )
        return Finding("digits", words)
    worst = (error[informative] / size[informative]).max()
    if worst > 2e-3 or np.any(error[~informative] > 1e-6):
        return None
    if worst < 1e-8:
        words = _TINY
    elif worst < 5e-7:
        words = "that is what single precision (float32) gives, or a small number added for safety"
    else:
        words = (
            "a rounded constant, single precision (`torch.tensor(5.0)` has it), a small number added for safety, or a "
            "search that stopped early does this"
        )
    return Finding("digits", f"Nearly right: about {round(-math.log10(worst))} digits agree everywhere; {words}.")


_TINY = "a tiny number is added, or a bound such as 1e-12 is in the way"


def _sign(got, right, close):
    informative = int((np.abs(right) > 1e-12).sum())
    if informative < ENOUGH:
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
    if informative.sum() < ENOUGH or distinct(right) < 2:
        return None
    ratio = float(np.median(got[informative] / right[informative]))
    if ratio == 0 or not np.all(close(got, ratio * right)):
        return None
    return Finding(
        "factor", f"Everywhere your answer is {number(ratio)} times the right one: a constant factor is off."
    )


def _offset(got, right, close):
    if distinct(right) < 2:
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
        if telling.sum() >= ENOUGH and distinct(right[telling]) >= 2 and np.all(close(got[telling], value[telling])):
            if not np.all(close(value[telling], right[telling])):
                return Finding(pattern, words)
    return None


def _affine(got, right, close):
    if got.size < 5 or distinct(right) < 4:
        return None
    slope, shift = np.polyfit(right, got, 1)
    if abs(slope) < 1e-9 or not np.all(close(got, slope * right + shift)):
        return None
    words = f"Everywhere your answer is {number(slope)} times the right one, {plus(shift)}: two things are off."
    return Finding("factor and constant", words)


def plus(value):
    """Return a summand in words."""
    return f"{'plus' if value > 0 else 'minus'} {number(abs(value))}"


def _is_named(value):
    return not number(value).replace("−", "").replace(".", "").replace("e", "").replace("-", "").isdigit() or (
        float(value).is_integer()
    )


# --- sizes and arguments ----------------------------------------------------------------------------------------------


def of_the_inputs(cases, close):
    """A factor or a summand that changes with a size of the inputs, or with an argument."""
    if stack(cases) is None:
        return None
    got, right = stack(cases)
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
    if informative.sum() < ENOUGH or distinct(feature[informative]) < 2:
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
    if abs(weight) < 1e-9 or telling.sum() < ENOUGH or distinct(feature[telling]) < 2:
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
            guarded = _spread(values / np.maximum(values - 1, 1), cases)
            yield f"n/(n − 1) where n is above 1, with n {name}", guarded
    for first, second in combinations(sizes, 2):
        if np.all(sizes[first] > 0) and np.all(sizes[second] > 0):
            ratio = sizes[first] / sizes[second]
            yield f"({first}) / ({second})", _spread(ratio, cases)
            yield f"the logarithm of (({first}) / ({second}))", _spread(np.log(ratio), cases)
    for argument in cases[0].arguments:
        values = [case.arguments[argument] for case in cases]
        if not all(is_numeric(value) for value in values):
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
            yield from sizes_of(argument, values)


def is_numeric(value):
    """Return whether a value is a number or an array of numbers."""
    if is_array(value):
        return np.asarray(value).dtype.kind in "fiub"
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spread(numbers, cases):
    return [np.full(case.expected.shape, size) for size, case in zip(numbers, cases, strict=True)]


def sizes_of(argument, arrays):
    """Yield the name of each size of an argument, and the sizes in all inputs."""
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


def broadcast(array, shape):
    """Return the array spread out to a shape, None if it does not fit."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        return None


def _reduced(reduce, axis):
    def apply(array, shape):
        if array.ndim == 0 or (axis is not None and array.ndim < 2):
            return None
        with np.errstate(all="ignore"):
            return broadcast(reduce(array, axis=axis), shape)

    return apply


_REDUCTIONS = [
    ("{}", broadcast),
    ("{}, row by row", lambda array, shape: broadcast(array[:, None], shape) if array.ndim == 1 else None),
    ("the sum of {}", _reduced(np.sum, None)),
    ("the mean of {}", _reduced(np.mean, None)),
    ("the sum over the last axis of {}", _reduced(np.sum, -1)),
    ("the sum over the first axis of {}", _reduced(np.sum, 0)),
    ("the mean over the last axis of {}", _reduced(np.mean, -1)),
]


__all__ = ["ENOUGH", "Case", "Finding", "broadcast", "distinct", "is_numeric", "of_the_inputs", "of_the_values", "plus"]
__all__ += ["same", "sizes_of", "stack"]
