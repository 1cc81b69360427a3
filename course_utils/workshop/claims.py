"""Claims: statements of theory that are checked in front of the reader, and again at every release.

``claim`` prints one line that is the same on every machine, or raises `ClaimError` with the numbers.
The line holds the statement and the tolerance its author wrote, never a measured value.
"""

import sys
from numbers import Real

import numpy as np

_NOT_GIVEN = object()


class ClaimError(AssertionError):
    """A statement of the course was found to be false for the values it was given."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the message alone, its first line in bold red; IPython asks for it.

        Whoever changed a cell wants to know which statement fell and by how much; the lines of code on the way to the
        check are the same for every claim.
        """
        statement, *rest = str(self).splitlines() or [""]
        return [f"\x1b[1;31m{statement}\x1b[0m", *rest]


def claim(
    statement,
    value,
    *,
    equals=_NOT_GIVEN,
    at_least=_NOT_GIVEN,
    at_most=_NOT_GIVEN,
    between=_NOT_GIVEN,
    increasing=_NOT_GIVEN,
    atol=0.0,
    rtol=0.0,
    within=None,
):
    """Check one statement and print it with a tick, or raise.

    Exactly one of the following forms is given. Numbers, arrays and tensors of any real dtype are accepted;
    of arrays, every element must satisfy the claim.

    Parameters
    ----------
    statement : str
        What is claimed, in words. It is printed, so it holds no measured number.
    value : number, array or tensor
        The measured side.
    equals : number, array or tensor
        ``|value - equals| <= atol + rtol * |equals|``. Same shape as `value`, or a single number.
        With both tolerances 0 (the default) the two must be identical.
    at_least, at_most : number, array or tensor
        One-sided, loosened by the same tolerance.
    between : pair
        ``(low, high)``, both ends included, loosened by the same tolerance.
    increasing : True
        `value` is a sequence of at least two numbers that never goes down by more than `atol`.
    atol, rtol : float
        Absolute and relative tolerance, not negative.
    within : str, optional
        Words for a tolerance that was computed (``"3 standard errors"``): they are printed in place of the number,
        which would differ from machine to machine.

    Raises
    ------
    ClaimError
        The claim is false, a value is NaN, or the shapes differ. The message gives both sides and the tolerance.
    TypeError, ValueError
        The claim itself is put wrongly (no form or two forms, a negative tolerance, text for a number, …).
    """
    if not isinstance(statement, str) or not statement.strip():
        raise TypeError("statement must be a sentence: a str that is not empty")
    forms = {
        "equals": equals,
        "at_least": at_least,
        "at_most": at_most,
        "between": between,
        "increasing": increasing,
    }
    given = {name: bound for name, bound in forms.items() if bound is not _NOT_GIVEN}
    if len(given) != 1:
        named = " and ".join(given) or "none"
        raise TypeError(f"give exactly one of {', '.join(forms)}; received {named}")
    atol, rtol = _tolerance("atol", atol), _tolerance("rtol", rtol)
    ((form, bound),) = given.items()

    measured = _as_array("value", value)
    if form == "increasing":
        if bound is not True:
            raise TypeError(f"increasing takes True, received {bound!r}")
        if rtol:
            raise TypeError("increasing takes atol only, received rtol")
        failure = _decreases(measured, atol)
    else:
        bounds = _bounds(form, bound)
        failure = _violates(form, measured, bounds, atol, rtol)
    if failure:
        raise ClaimError(f"✗ {statement}\n  {failure}")
    words = f"within {within}" if within else _tolerance_words(form, atol, rtol)
    print(f"✓ {statement}   {words}".rstrip())


def _tolerance(name, value):
    if isinstance(value, bool) or not isinstance(_single(value), Real):
        raise TypeError(f"{name} must be a number that is not negative, received {type(value).__name__}")
    number = float(_single(value))
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be a finite number that is not negative, received {number}")
    return number


def _single(value):
    """Turn a 0-d array or tensor into the number it holds; leave anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _as_array(name, value):
    """Return `value` as a float64 array; integers, booleans and tensors of any real dtype are converted."""
    torch = sys.modules.get("torch")  # a tensor can only exist where torch has been imported already
    if torch is not None and isinstance(value, torch.Tensor):
        if value.is_complex():
            raise TypeError(f"{name} must be real, received a complex tensor")
        value = value.detach().to("cpu", torch.float64).numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a number, an array or a tensor, received {_describe(value)}")
    array = array.astype(np.float64)
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}): there is nothing to check")
    return array


def _describe(value):
    dtype = getattr(value, "dtype", None)
    return type(value).__name__ + (f" of dtype {dtype}" if dtype is not None else "")


def _bounds(form, bound):
    if form != "between":
        return (_as_array(form, bound),)
    if not isinstance(bound, (tuple, list)) or len(bound) != 2:
        raise TypeError("between must be a pair (low, high)")
    low, high = _as_array("low", bound[0]), _as_array("high", bound[1])
    if low.ndim or high.ndim:
        raise TypeError("between takes two single numbers")
    if not low <= high:
        raise ValueError(f"between needs low <= high, received ({low}, {high})")
    return low, high


def _violates(form, measured, bounds, atol, rtol):
    """Return what is wrong in words, or an empty string."""
    for bound in bounds:
        if bound.ndim and bound.shape != measured.shape:
            return f"shapes differ: value has shape {measured.shape}, {form} has shape {bound.shape}"
    if form == "between":
        low, high = bounds
        good = (measured >= low - atol) & (measured <= high + atol)
        wanted = [f"between {low} and {high}"] * measured.size
    else:
        (bound,) = bounds
        with np.errstate(invalid="ignore"):  # inf - inf and 0 * inf: equal infinities are caught by `==`
            slack = atol + rtol * np.abs(bound)
            if form == "equals":
                good = (measured == bound) | (np.abs(measured - bound) <= slack) & np.isfinite(bound)
            elif form == "at_least":
                good = measured >= bound - slack
            else:
                good = measured <= bound + slack
        words = {"equals": "", "at_least": "at least ", "at_most": "at most "}[form]
        wanted = [f"{words}{b:.17g}" for b in np.broadcast_to(bound, measured.shape).ravel()]
    if good.all():
        return ""
    first = int(np.flatnonzero(~good.ravel())[0])
    number = measured.ravel()[first]
    where = f" at index {_index(first, measured.shape)}" if measured.ndim else ""
    count = f" ({(~good).sum()} of {good.size} elements fail)" if measured.size > 1 else ""
    allowed = _tolerance_words(form, atol, rtol)
    off = ""
    if form == "equals" and np.isfinite(number):
        off = f", a difference of {abs(number - np.broadcast_to(bounds[0], measured.shape).ravel()[first]):.3g}"
    return f"measured {number:.17g}{where}, wanted {f'{wanted[first]} {allowed}'.rstrip()}{off}{count}"


def _decreases(measured, atol):
    if measured.ndim != 1 or measured.size < 2:
        raise ValueError(f"increasing needs a sequence of at least two numbers, received shape {measured.shape}")
    if np.isnan(measured).any():
        return f"measured NaN at index {int(np.flatnonzero(np.isnan(measured))[0])}"
    falls = measured[1:] < measured[:-1] - atol
    if not falls.any():
        return ""
    first = int(np.flatnonzero(falls)[0])
    before, after = measured[first], measured[first + 1]
    return f"goes down by {before - after:.3g}, from {before:.17g} at index {first} to {after:.17g}; allowed {atol:g}"


def _index(flat, shape):
    index = tuple(int(i) for i in np.unravel_index(flat, shape))
    return index[0] if len(index) == 1 else index


def _tolerance_words(form, atol, rtol):
    """Say the tolerance as its author wrote it."""
    parts = [f"{atol:g}"] * bool(atol) + [f"{rtol:g} relative"] * bool(rtol)
    if parts:
        return "within " + " + ".join(parts)
    return "exactly" if form == "equals" else ""
