"""Claims: what they accept, what they refuse, and that their line is the same on every machine."""

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from course_utils import ClaimError, claim


@pytest.mark.parametrize(
    ("value", "form", "line"),
    [
        (1.0, {"equals": 1.0}, "✓ it holds   exactly\n"),
        (1.0 + 1e-12, {"equals": 1.0, "atol": 1e-9}, "✓ it holds   within 1e-09\n"),
        (101.0, {"equals": 100, "rtol": 0.02}, "✓ it holds   within 0.02 relative\n"),
        (1.01, {"equals": 1, "atol": 0.001, "rtol": 0.01}, "✓ it holds   within 0.001 + 0.01 relative\n"),
        (
            0.3,
            {"equals": 0.0, "atol": 0.4123, "within": "3 standard errors"},
            "✓ it holds   within 3 standard errors\n",
        ),
        (2, {"at_least": 2}, "✓ it holds\n"),
        (2, {"at_most": 1.9, "atol": 0.2}, "✓ it holds   within 0.2\n"),
        (0.5, {"between": (0, 1)}, "✓ it holds\n"),
        ([1, 1, 2], {"increasing": True}, "✓ it holds\n"),
        ([1.0, 1.0 - 1e-10, 2], {"increasing": True, "atol": 1e-9}, "✓ it holds   within 1e-09\n"),
        (float("inf"), {"equals": float("inf")}, "✓ it holds   exactly\n"),
        (True, {"equals": True}, "✓ it holds   exactly\n"),
    ],
)
def test_true_claims_print_one_fixed_line(capsys, value, form, line):
    assert claim("it holds", value, **form) is None
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_tensors_of_every_real_dtype(dtype, shape):
    claim("ones are ones", torch.ones(shape, dtype=dtype), equals=1)
    with pytest.raises(ClaimError):
        claim("ones are zeros", torch.ones(shape, dtype=dtype), equals=torch.zeros(shape, dtype=dtype))


def test_a_tensor_that_requires_grad_keeps_its_graph():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    total = (weight**2).sum()
    claim("the sum of squares is 5", total, equals=5.0)
    total.backward()
    assert weight.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [
        (1.5, {"equals": 1.0, "atol": 0.1}, ["measured 1.5", "wanted 1 within 0.1", "difference of 0.5"]),
        (float("nan"), {"equals": float("nan"), "atol": 1.0}, ["measured nan"]),
        (float("nan"), {"at_least": 0}, ["measured nan", "at least 0"]),
        (-3, {"at_least": 0}, ["measured -3, wanted at least 0\n"]),
        (float("nan"), {"at_most": 0}, ["measured nan", "at most 0"]),
        (float("nan"), {"between": (0, 1)}, ["measured nan", "between 0.0 and 1.0"]),
        ([0.0, float("nan")], {"increasing": True}, ["NaN at index 1"]),
        (1.0, {"equals": float("inf"), "rtol": 0.1}, ["wanted inf"]),
        ([1.0, 2.0], {"equals": [1.0, 2.0, 3.0]}, ["shapes differ", "(2,)", "(3,)"]),
        (np.zeros((2, 3)), {"equals": np.zeros((3, 2))}, ["shapes differ", "(2, 3)", "(3, 2)"]),
        (1.0, {"equals": [1.0, 1.0]}, ["shapes differ"]),
        ([[1, 2], [3, 4]], {"equals": [[1, 2], [3, 5]]}, ["measured 4 at index (1, 1)", "1 of 4 elements"]),
        ([3, 2, 5], {"increasing": True}, ["goes down by 1", "index 0"]),
        (0.9, {"at_least": 1.0, "atol": 0.05}, ["at least 1", "within 0.05"]),
        (1.2, {"between": (0, 1)}, ["between 0.0 and 1.0"]),
    ],
)
def test_false_claims_say_both_sides(capsys, value, form, words):
    with pytest.raises(ClaimError) as caught:
        claim("it holds", value, **form)
    assert str(caught.value).startswith("✗ it holds")
    for word in words:
        assert word in f"{caught.value}\n"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "form", "error", "words"),
    [
        (("s", 1), {}, TypeError, "received none"),
        (("s", 1), {"equals": 1, "at_most": 2}, TypeError, "equals and at_most"),
        (("", 1), {"equals": 1}, TypeError, "sentence"),
        (("s", 1), {"equals": 1, "atol": -1}, ValueError, "not negative"),
        (("s", 1), {"equals": 1, "rtol": float("nan")}, ValueError, "finite"),
        (("s", 1), {"equals": 1, "atol": "small"}, TypeError, "received str"),
        (("s", "one"), {"equals": 1}, TypeError, "received str"),
        (("s", 1 + 2j), {"equals": 1}, TypeError, "received complex"),
        (("s", torch.ones(2, dtype=torch.complex64)), {"equals": 1}, TypeError, "complex tensor"),
        (("s", None), {"equals": 1}, TypeError, "NoneType"),
        (("s", []), {"equals": 1}, ValueError, "empty"),
        (("s", 1), {"between": (2, 1)}, ValueError, "low <= high"),
        (("s", 1), {"between": 3}, TypeError, "pair"),
        (("s", [1, 2]), {"increasing": False}, TypeError, "takes True"),
        (("s", [1, 2]), {"increasing": True, "rtol": 0.1}, TypeError, "atol only"),
        (("s", 1), {"increasing": True}, ValueError, "at least two"),
    ],
)
def test_badly_put_claims_are_explained(arguments, form, error, words):
    with pytest.raises(error, match=words):
        claim(*arguments, **form)


def test_a_notebook_shows_the_message_of_a_false_claim_without_a_traceback():
    """The kernel's words for it: the statement first, then both sides; name and message stay those of an exception."""
    shell = InteractiveShell()
    seen = []
    shell._showtraceback = lambda kind, error, lines: seen.append((kind, str(error), lines))
    result = shell.run_cell("from course_utils import claim\n\nclaim('it holds', 2, equals=1)")
    assert isinstance(result.error_in_exec, ClaimError)
    ((kind, message, lines),) = seen
    assert kind is ClaimError and message.startswith("✗ it holds\n  measured 2, wanted 1 exactly")
    assert lines == ["\x1b[1;31m✗ it holds\x1b[0m", "  measured 2, wanted 1 exactly, a difference of 1"]


def test_no_measured_number_reaches_the_printed_line(capsys):
    for value in (0.123456789, 0.123456788):
        claim("close to a computed bound", value, at_most=value + 1e-3)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_a_tolerance_may_come_as_numpy_or_torch_number():
    claim("numpy", 1.0, equals=1.1, atol=np.float32(0.2))
    claim("torch", 1.0, equals=1.1, atol=torch.tensor(0.2))
