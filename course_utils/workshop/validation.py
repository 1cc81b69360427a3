"""Argument checks that read the same in every module.

Each check returns the value in the one form the rest of the package computes with (float64 or int64 arrays,
Python numbers) and otherwise raises a sentence with three parts: which argument, what was expected, what
came. A value of the wrong kind is a ``TypeError``; a value of the right kind, but wrong in shape or size, is
a ``ValueError``.

Torch tensors are welcome everywhere, on any device and of any real dtype. They are copied out of the graph:
what comes back is numpy and carries no gradient. Torch itself is never imported here, because a caller that
holds a tensor has imported it already.
"""

import math
import numbers
import reprlib
import sys
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

Shape = tuple[int | str | None, ...]

# A few rounding errors (1.2e-7) of float32, the coarsest arithmetic in which a covariance is likely to be
# computed.
_SYMMETRY_TOLERANCE = 1e-6


def check_array(
    name: str,
    value: Any,
    *,
    shape: Shape | None = None,
    dtype: Literal["float", "int"] = "float",
    finite: bool = True,
    positive: bool = False,
    min_size: int | None = None,
) -> np.ndarray:
    """Return `value` as a float64 (or int64) array, or say what is wrong with it.

    Parameters
    ----------
    name : the argument's name, as the caller's user knows it.
    value : array, tensor, number or nested list of real numbers; booleans count as 0 and 1.
    shape : expected shape. An int is a required length, None any length, a letter any length that is the same
        wherever the letter stands again.
    dtype : "float" for float64; "int" for int64, where a float is accepted if it is a whole number.
    finite : refuse NaN and infinities.
    positive : refuse numbers that are not above zero.
    min_size : smallest accepted length of the first axis; no other axis may be empty then.

    Returns
    -------
    The array. It may share memory with `value`: copy it before writing to it.

    Raises
    ------
    TypeError : `value` is not made of real numbers.
    ValueError : its shape or one of its numbers is not as asked.
    """
    array = _real_array(name, value)
    if shape is not None and not _fits(array.shape, shape):
        raise ValueError(f"{name} must have shape {_spell(shape)}; got {array.shape}")
    if min_size is not None:
        length = array.shape[0] if array.ndim else 1
        if length < min_size:
            raise ValueError(
                f"{name} must have at least {min_size} {'entry' if min_size == 1 else 'entries'} "
                f"along its first axis; got shape {array.shape}"
            )
        if array.size == 0:
            raise ValueError(f"{name} must not be empty; got shape {array.shape}")
    if dtype == "int":
        _refuse_where(name, "hold whole numbers", array, ~_is_whole(array))
        array = array.astype(np.int64, copy=False)
    else:
        with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes infinite, and is refused below
            array = array.astype(np.float64, copy=False)
    if finite:
        _refuse_where(name, "be finite", array, ~np.isfinite(array))
    if positive:
        # written so that NaN, which finite=False lets through, is refused too
        _refuse_where(name, "be positive", array, ~(array > 0))
    return array


@overload
def check_scalar(
    name: str,
    value: Any,
    *,
    positive: bool = ...,
    non_negative: bool = ...,
    minimum: float | None = ...,
    maximum: float | None = ...,
    integer: Literal[True],
) -> int: ...
@overload
def check_scalar(
    name: str,
    value: Any,
    *,
    positive: bool = ...,
    non_negative: bool = ...,
    minimum: float | None = ...,
    maximum: float | None = ...,
    integer: Literal[False] = ...,
) -> float: ...
def check_scalar(
    name: str,
    value: Any,
    *,
    positive: bool = False,
    non_negative: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    integer: bool = False,
) -> float | int:
    """Return `value` as a Python float (int with `integer`), or say what is wrong with it.

    A number is a Python or numpy number or a zero-dimensional array or tensor; True and False are not
    numbers, and 3.0 is no integer. `minimum` and `maximum` are themselves allowed.

    Raises
    ------
    TypeError : `value` is not one real number, or not an int where `integer` asks for one.
    ValueError : it is NaN, infinite or out of range.
    """
    expected = "an integer" if integer else "a number"
    number = _one_number(value)
    if number is None or (integer and not isinstance(number, numbers.Integral)):
        raise TypeError(f"{name} must be {expected}; got {_describe(value)}")
    if integer:
        number = int(number)
    else:
        try:
            number = float(number)
        except OverflowError:  # a Python int above 1.8e308
            number = math.inf
        if not math.isfinite(number):
            raise ValueError(f"{name} must be finite; got {number}")
    if positive and number <= 0:
        raise ValueError(f"{name} must be positive; got {number}")
    if non_negative and number < 0:
        raise ValueError(f"{name} must not be negative; got {number}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {number}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}; got {number}")
    return number


def check_choice(name: str, value: Any, options: Sequence[str]) -> str:
    """Return `value` if it is one of the words in `options`, or say which those are.

    Raises
    ------
    TypeError : `value` is not a string.
    ValueError : it is a string, but none of `options`.
    """
    listed = ", ".join(repr(option) for option in options)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {listed}; got {_describe(value)}")
    if value not in options:
        raise ValueError(f"{name} must be one of {listed}; got {value!r}")
    return value


def check_generator(name: str, value: Any) -> np.random.Generator:
    """Return a numpy generator as it is, or a new one from a seed.

    Raises
    ------
    TypeError : `value` is neither; None too is refused, because the result could not be repeated.
    ValueError : the seed is negative.
    """
    if isinstance(value, np.random.Generator):
        return value
    if value is None:
        raise TypeError(
            f"{name} must be a numpy random Generator or a seed, so that the result can be repeated; got None"
        )
    return np.random.default_rng(check_scalar(name, value, integer=True, non_negative=True))


def check_covariance(name: str, value: Any, *, size: int | None = None) -> np.ndarray:
    """Return `value` as a symmetric positive definite float64 matrix (D, D), or say what is wrong with it.

    A difference between mirrored entries as small as float32 rounding is averaged away. Definite is judged on
    the correlations, so that variances of very different sizes (1e-20 beside 1e3, say) are no obstacle.

    Raises
    ------
    TypeError : `value` is not made of real numbers.
    ValueError : it is not square, not D = `size`, not finite, not symmetric, or not positive definite; the
        last names the smallest and the largest eigenvalue.
    """
    side = "D" if size is None else size
    matrix = check_array(name, value, shape=(side, side), min_size=1)
    deviations = np.sqrt(np.abs(np.diag(matrix)))
    asymmetry = np.abs(matrix - matrix.T)
    tolerance = _SYMMETRY_TOLERANCE * np.outer(deviations, deviations)
    if np.any(asymmetry > tolerance):
        row, column = np.unravel_index(np.argmax(asymmetry - tolerance), matrix.shape)
        raise ValueError(
            f"{name} must be symmetric; entry [{row}, {column}] is {matrix[row, column]:.6g} "
            f"but entry [{column}, {row}] is {matrix[column, row]:.6g}"
        )
    # halved before they are added: the sum of two large entries would overflow
    matrix = matrix / 2 + matrix.T / 2
    if not _is_positive_definite(matrix):
        eigenvalues = np.linalg.eigvalsh(matrix)
        raise ValueError(
            f"{name} must be positive definite; its smallest eigenvalue is {eigenvalues[0]:.3g} "
            f"(its largest {eigenvalues[-1]:.3g})"
        )
    return matrix


def _is_positive_definite(matrix: np.ndarray) -> bool:
    variances = np.diag(matrix)
    if np.any(variances <= 0):
        return False
    deviations = np.sqrt(variances)
    with np.errstate(over="ignore"):
        correlations = matrix / deviations[:, None] / deviations
    # An entry above 1 settles it; one that has overflowed would stop some builds of LAPACK.
    if np.any(np.abs(correlations) > 1 + 1e-9):
        return False
    eigenvalues = np.linalg.eigvalsh(correlations)
    # Below this an eigenvalue cannot be told from zero; above it, the Cholesky factor exists in float64 too.
    return bool(eigenvalues[0] > len(matrix) * np.finfo(np.float64).eps * eigenvalues[-1])


def _from_torch(value: Any) -> Any:
    """Give a tensor back as a numpy array and anything else unchanged."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    tensor = value.detach().cpu()
    # numpy has no bfloat16, and float64 does not exist on every device: hence first to the CPU, then to
    # double
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def _real_array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(_from_torch(value))
    except Exception as error:
        # Ragged lists, and objects whose own conversion fails in a way only they know.
        raise TypeError(f"{name} must be an array of numbers; got {_describe(value)} ({error})") from error
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must be an array of real numbers; got {_describe(value, array)}")
    return array


def _one_number(value: Any) -> numbers.Real | None:
    value = _from_torch(value)
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        value = value.item() if value.dtype.kind in "iuf" else None
    return value if isinstance(value, numbers.Real) and not isinstance(value, bool) else None


def _is_whole(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return np.full(array.shape, True) if array.dtype != np.uint64 else array <= np.iinfo(np.int64).max
    return np.isfinite(array) & (array == np.round(array)) & (np.abs(array) < np.float64(2**63))


def _refuse_where(name: str, demand: str, array: np.ndarray, refused: np.ndarray) -> None:
    """Raise a ValueError that shows the first refused number and counts them, if there are any."""
    count = int(np.count_nonzero(refused))
    if not count:
        return
    if array.ndim == 0:
        raise ValueError(f"{name} must {demand}; got {array.item()}")
    first = tuple(int(i) for i in np.argwhere(refused)[0])
    others = f", and {count - 1} more of {array.size}" if count > 1 else ""
    raise ValueError(f"{name} must {demand}; got {array[first].item()} at index {list(first)}{others}")


def _fits(shape: tuple[int, ...], pattern: Shape) -> bool:
    if len(shape) != len(pattern):
        return False
    letters: dict[str, int] = {}
    for length, wanted in zip(shape, pattern, strict=True):
        if isinstance(wanted, str):
            wanted = letters.setdefault(wanted, length)
        if wanted is not None and length != wanted:
            return False
    return True


def _spell(pattern: Shape) -> str:
    words = ["any" if item is None else str(item) for item in pattern]
    return f"({words[0]},)" if len(words) == 1 else f"({', '.join(words)})"


def _describe(value: Any, array: np.ndarray | None = None) -> str:
    """Say in a few words what came: the value itself only where it is sure to be short."""
    if value is None:
        return "None"
    kind = type(value).__name__
    if isinstance(value, str | bool | numbers.Number):
        return f"{reprlib.repr(value)} ({kind})"
    dtype = getattr(value if array is None else array, "dtype", None)
    shape = getattr(value, "shape", None)
    details = [] if dtype is None else [f"dtype {dtype}"]
    details += [] if shape is None else [f"shape {tuple(shape)}"]
    return f"{kind} of {' and '.join(details)}" if details else kind
