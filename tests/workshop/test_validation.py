import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.workshop.validation import check_array, check_choice, check_covariance, check_generator, check_scalar

deterministic = settings(derandomize=True, deadline=None)


class RefusesConversion:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("not today")


# --- check_array


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2.0), (3.0, 4.0)),
        np.array([[1, 2], [3, 4]], dtype=np.int8),
        np.array([[1, 2], [3, 4]], dtype=np.uint64),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        np.array([[1, 3], [2, 4]], order="F").T,
        torch.tensor([[1, 2], [3, 4]]),
        torch.tensor([[1, 2], [3, 4]], dtype=torch.bfloat16),
        torch.tensor([[1, 2], [3, 4]], dtype=torch.float16),
        torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
        torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True) * 1,
    ],
)
@pytest.mark.parametrize(("dtype", "expected"), [("float", np.float64), ("int", np.int64)])
@pytest.mark.filterwarnings("error")
def test_check_array_takes_every_carrier_of_real_numbers(value, dtype, expected):
    array = check_array("data", value, dtype=dtype, shape=("N", "D"))
    assert type(array) is np.ndarray
    assert array.dtype == expected
    want = [[1, 3], [2, 4]] if isinstance(value, np.ndarray) and value.flags.c_contiguous is False else None
    np.testing.assert_array_equal(array, want or [[1, 2], [3, 4]])


def test_check_array_does_not_copy_what_is_right_already():
    data = np.zeros((3, 2))
    assert np.shares_memory(check_array("data", data), data)


def test_check_array_counts_booleans_as_zero_and_one():
    np.testing.assert_array_equal(check_array("x", np.array([True, False])), [1.0, 0.0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "data must be an array of real numbers; got None"),
        ("abc", "data must be an array of real numbers; got 'abc' (str)"),
        (1j, "data must be an array of real numbers; got 1j (complex)"),
        (
            np.array([1j, 2]),
            "data must be an array of real numbers; got ndarray of dtype complex128 and shape (2,)",
        ),
        (["1", "2"], "data must be an array of real numbers; got list of dtype <U1"),
        ([1, None], "data must be an array of real numbers; got list of dtype object"),
        ([10**30], "data must be an array of real numbers; got list of dtype object"),
        (
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            "data must be an array of real numbers; got ndarray of dtype datetime64[D] and shape (1,)",
        ),
        ((i for i in range(3)), "data must be an array of real numbers; got generator of dtype object"),
        (
            torch.tensor([1j]),
            "data must be an array of real numbers; got Tensor of dtype complex64 and shape (1,)",
        ),
    ],
)
def test_check_array_refuses_what_is_not_made_of_real_numbers(value, message):
    with pytest.raises(TypeError) as caught:
        check_array("data", value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "beginning"),
    [
        ([[1, 2], [3]], "data must be an array of numbers; got list ("),
        (RefusesConversion(), "data must be an array of numbers; got RefusesConversion (not today)"),
        (
            torch.zeros(2, device="meta"),
            "data must be an array of numbers; got Tensor of dtype torch.float32",
        ),
    ],
)
def test_check_array_says_why_a_conversion_failed(value, beginning):
    with pytest.raises(TypeError) as caught:
        check_array("data", value)
    assert str(caught.value).startswith(beginning)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (np.zeros((3, 2)), ("N", "D")),
        (np.zeros((3, 2)), (None, 2)),
        (np.zeros((3, 3)), ("D", "D")),
        (np.zeros((4, 3, 3)), ("K", "D", "D")),
        (5.0, ()),
    ],
)
def test_check_array_accepts_shapes_that_fit(value, shape):
    assert check_array("data", value, shape=shape).shape == np.shape(value)


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        (np.zeros(3), ("N", "D"), "data must have shape (N, D); got (3,)"),
        (np.zeros((3, 2)), ("N",), "data must have shape (N,); got (3, 2)"),
        (np.zeros((3, 2)), (None, 4), "data must have shape (any, 4); got (3, 2)"),
        (np.zeros((3, 2)), ("D", "D"), "data must have shape (D, D); got (3, 2)"),
        (np.zeros(1), (), "data must have shape (); got (1,)"),
        (1.0, ("N",), "data must have shape (N,); got ()"),
    ],
)
def test_check_array_refuses_shapes_that_do_not_fit(value, shape, message):
    with pytest.raises(ValueError, match="must have shape") as caught:
        check_array("data", value, shape=shape)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "min_size", "message"),
    [
        (np.zeros((0, 2)), 1, "data must have at least 1 entry along its first axis; got shape (0, 2)"),
        ([], 1, "data must have at least 1 entry along its first axis; got shape (0,)"),
        (np.zeros((1, 2)), 2, "data must have at least 2 entries along its first axis; got shape (1, 2)"),
        (3.0, 2, "data must have at least 2 entries along its first axis; got shape ()"),
        (np.zeros((3, 0)), 1, "data must not be empty; got shape (3, 0)"),
    ],
)
def test_check_array_refuses_too_few_entries(value, min_size, message):
    with pytest.raises(ValueError, match="data must") as caught:
        check_array("data", value, min_size=min_size)
    assert str(caught.value) == message


def test_check_array_accepts_empty_arrays_unless_asked_otherwise():
    assert check_array("data", np.zeros((0, 2))).shape == (0, 2)
    assert check_array("data", 3.0, min_size=1).shape == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "data must be finite; got nan"),
        ([1, math.nan, 3], "data must be finite; got nan at index [1]"),
        (
            [[1, 2], [math.inf, math.nan]],
            "data must be finite; got inf at index [1, 0], and 1 more of 4",
        ),
        (torch.tensor([1.0, -math.inf]), "data must be finite; got -inf at index [1]"),
        (np.array([np.longdouble("1e400")]), "data must be finite; got inf at index [0]"),
    ],
)
def test_check_array_refuses_nan_and_infinity(value, message):
    with pytest.raises(ValueError, match="must be finite") as caught:
        check_array("data", value)
    assert str(caught.value) == message


def test_check_array_lets_nan_and_infinity_through_when_allowed():
    np.testing.assert_array_equal(check_array("x", [1, math.nan, math.inf], finite=False), [1, math.nan, math.inf])


@pytest.mark.parametrize(
    ("value", "finite", "message"),
    [
        ([1.0, 0.0], True, "scale must be positive; got 0.0 at index [1]"),
        ([-2.0, 1.0, -3.0], True, "scale must be positive; got -2.0 at index [0], and 1 more of 3"),
        (-1, True, "scale must be positive; got -1.0"),
        ([1.0, math.nan], False, "scale must be positive; got nan at index [1]"),
    ],
)
def test_check_array_refuses_what_is_not_positive(value, finite, message):
    with pytest.raises(ValueError, match="must be positive") as caught:
        check_array("scale", value, positive=True, finite=finite)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2.5], "labels must hold whole numbers; got 2.5 at index [1]"),
        ([1, math.nan], "labels must hold whole numbers; got nan at index [1]"),
        ([1e30], "labels must hold whole numbers; got 1e+30 at index [0]"),
        (
            np.array([2**63], dtype=np.uint64),
            "labels must hold whole numbers; got 9223372036854775808 at index [0]",
        ),
    ],
)
def test_check_array_refuses_what_int64_cannot_hold(value, message):
    with pytest.raises(ValueError, match="whole numbers") as caught:
        check_array("labels", value, dtype="int")
    assert str(caught.value) == message


# --- check_scalar


@pytest.mark.parametrize(
    "value",
    [3, 3.0, np.float32(3), np.int64(3), np.array(3.0), torch.tensor(3.0), Fraction(3), np.longdouble(3)],
)
def test_check_scalar_returns_a_python_float(value):
    number = check_scalar("beta", value)
    assert type(number) is float
    assert number == 3.0


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3), torch.tensor(3)])
def test_check_scalar_returns_a_python_int_where_asked(value):
    number = check_scalar("steps", value, integer=True)
    assert type(number) is int
    assert number == 3


@pytest.mark.parametrize(
    ("value", "integer", "message"),
    [
        (None, False, "beta must be a number; got None"),
        ("3", False, "beta must be a number; got '3' (str)"),
        (True, False, "beta must be a number; got True (bool)"),
        (np.True_, False, "beta must be a number; got bool of dtype bool and shape ()"),
        (torch.tensor(True), False, "beta must be a number; got Tensor of dtype torch.bool and shape ()"),
        (3 + 0j, False, "beta must be a number; got (3+0j) (complex)"),
        ([3.0], False, "beta must be a number; got list"),
        (np.array([3.0]), False, "beta must be a number; got ndarray of dtype float64 and shape (1,)"),
        (3.0, True, "beta must be an integer; got 3.0 (float)"),
        (torch.tensor(3.0), True, "beta must be an integer; got Tensor of dtype torch.float32 and shape ()"),
    ],
)
def test_check_scalar_refuses_other_types(value, integer, message):
    with pytest.raises(TypeError) as caught:
        check_scalar("beta", value, integer=integer)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (math.nan, {}, "beta must be finite; got nan"),
        (-math.inf, {}, "beta must be finite; got -inf"),
        (10**400, {}, "beta must be finite; got inf"),
        (0, {"positive": True}, "beta must be positive; got 0.0"),
        (-1e-9, {"non_negative": True}, "beta must not be negative; got -1e-09"),
        (1, {"minimum": 2, "integer": True}, "beta must be at least 2; got 1"),
        (1.5, {"maximum": 1}, "beta must be at most 1; got 1.5"),
    ],
)
def test_check_scalar_refuses_what_is_out_of_range(value, limits, message):
    with pytest.raises(ValueError, match="beta must") as caught:
        check_scalar("beta", value, **limits)
    assert str(caught.value) == message


def test_check_scalar_includes_its_limits():
    assert check_scalar("beta", 0, non_negative=True, minimum=0, maximum=0) == 0
    assert check_scalar("seed", 2**70, integer=True) == 2**70


# --- check_choice


def test_check_choice_returns_the_word():
    assert check_choice("split", "test", ("train", "test")) == "test"


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("valid", ValueError, "split must be one of 'train', 'test'; got 'valid'"),
        ("Train", ValueError, "split must be one of 'train', 'test'; got 'Train'"),
        (None, TypeError, "split must be one of 'train', 'test'; got None"),
        (["train"], TypeError, "split must be one of 'train', 'test'; got list"),
    ],
)
def test_check_choice_lists_the_options(value, kind, message):
    with pytest.raises(kind) as caught:
        check_choice("split", value, ("train", "test"))
    assert str(caught.value) == message


# --- check_covariance


def rotated(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    size = len(eigenvalues)
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    matrix = vectors * eigenvalues @ vectors.T
    return (matrix + matrix.T) / 2


@deterministic
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6), st.integers(0, 1000))
def test_check_covariance_returns_valid_covariances_unchanged(eigenvalues, seed):
    matrix = rotated(eigenvalues, seed)
    np.testing.assert_array_equal(check_covariance("covariance", matrix), matrix)


@deterministic
@given(
    st.lists(st.floats(1e-2, 1e2), min_size=0, max_size=5),
    st.floats(-1e2, -1e-9),
    st.integers(0, 1000),
)
def test_check_covariance_refuses_any_negative_eigenvalue(positive, negative, seed):
    with pytest.raises(ValueError, match=r"must be positive definite; its smallest eigenvalue is -"):
        check_covariance("covariance", rotated([*positive, negative], seed))


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1e-20, 1e3]),
        np.diag([1e-300, 1e300]),
        rotated([1e-10, 1.0, 1e2]),
        np.outer([1e-8, 1e8], [1e-8, 1e8]) * [[1.0, 0.999], [0.999, 1.0]],
        np.array([[1e-320]]),
        np.eye(200) + 1e6,
    ],
    ids=[
        "scales",
        "extreme scales",
        "condition 1e12",
        "scales and correlation",
        "subnormal",
        "200 dimensions",
    ],
)
def test_check_covariance_accepts_badly_conditioned_but_valid_matrices(matrix):
    returned = check_covariance("covariance", matrix)
    np.testing.assert_allclose(returned, matrix, rtol=1e-12)
    assert np.all(np.diag(np.linalg.cholesky(returned)) > 0)


def test_check_covariance_averages_float32_rounding_away():
    matrix = np.array([[2.0, 1.0], [1.0 + 3e-7, 2.0]])
    np.testing.assert_allclose(check_covariance("covariance", matrix), [[2, 1 + 1.5e-7], [1 + 1.5e-7, 2]], rtol=1e-15)
    factor = torch.linspace(-1, 1, 12, dtype=torch.float32).reshape(3, 4).requires_grad_() ** 2
    returned = check_covariance("covariance", factor @ factor.T + torch.eye(3))
    np.testing.assert_array_equal(returned, returned.T)


@pytest.mark.parametrize(
    ("matrix", "size", "message"),
    [
        ([[1.0, 0.5, 0], [0.5, 1, 0]], None, "covariance must have shape (D, D); got (2, 3)"),
        (np.ones(2), None, "covariance must have shape (D, D); got (2,)"),
        (2.0, None, "covariance must have shape (D, D); got ()"),
        (np.eye(2), 3, "covariance must have shape (3, 3); got (2, 2)"),
        (
            np.zeros((0, 0)),
            None,
            "covariance must have at least 1 entry along its first axis; got shape (0, 0)",
        ),
        (
            [[1, math.nan], [math.nan, 1]],
            None,
            "covariance must be finite; got nan at index [0, 1], and 1 more of 4",
        ),
        (
            [[1.0, 0.2], [0.5, 1.0]],
            None,
            "covariance must be symmetric; entry [0, 1] is 0.2 but entry [1, 0] is 0.5",
        ),
        (
            [[1.0, 1e-9], [0.0, 1e-20]],
            None,
            "covariance must be symmetric; entry [0, 1] is 1e-09 but entry [1, 0] is 0",
        ),
        (
            [[1.0, 1.3], [1.3, 1.0]],
            None,
            "covariance must be positive definite; its smallest eigenvalue is -0.3 (its largest 2.3)",
        ),
        (
            [[0.0]],
            None,
            "covariance must be positive definite; its smallest eigenvalue is 0 (its largest 0)",
        ),
        (
            np.diag([1.0, -0.25]),
            2,
            "covariance must be positive definite; its smallest eigenvalue is -0.25 (its largest 1)",
        ),
        (
            [[1e-300, 1e300], [1e300, 1.0]],
            None,
            "covariance must be positive definite; its smallest eigenvalue is -1e+300 (its largest 1e+300)",
        ),
    ],
)
def test_check_covariance_says_what_is_wrong(matrix, size, message):
    with pytest.raises(ValueError, match="covariance must") as caught:
        check_covariance("covariance", matrix, size=size)
    assert str(caught.value) == message


def test_check_covariance_refuses_a_singular_matrix_whose_cholesky_factor_exists():
    direction = np.array([0.1, 0.7, 0.3])
    matrix = np.outer(direction, direction) + np.diag([0, 0, 1.0])
    matrix[0, 0] = np.nextafter(matrix[0, 0], 1)
    np.linalg.cholesky(matrix)  # rounding makes this pass
    with pytest.raises(ValueError, match="must be positive definite"):
        check_covariance("covariance", matrix)


# --- the module


def test_validation_never_imports_torch():
    program = (
        "import sys, course_utils.workshop.validation as v; v.check_array('x', [1, 2]); v.check_scalar('x', 1);"
        "raise SystemExit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_generator_is_used_and_a_seed_makes_one():
    rng = np.random.default_rng(3)
    assert check_generator("rng", rng) is rng
    assert check_generator("rng", 3).random() == np.random.default_rng(3).random()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (
            None,
            TypeError,
            "rng must be a numpy random Generator or a seed, so that the result can be repeated; got None",
        ),
        (2.5, TypeError, "rng must be an integer"),
        (-1, ValueError, "rng must not be negative; got -1"),
    ],
)
def test_what_is_no_generator_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        check_generator("rng", value)
