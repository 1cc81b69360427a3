"""Whether gradients pass through an answer as they pass through the reference."""

import sys
import time
from copy import deepcopy
from dataclasses import replace

import numpy as np

from course_utils.workshop import running
from course_utils.workshop.verdicts import Verdict, as_numbers, listed, own_line

_INFINITE = "something on the way is infinite, and its slope is 0 · ∞. Look for a function that avoids it."
_MASKED = (
    "what is masked only after a NaN was computed with ruins the gradient all the same, for 0 · NaN is NaN. Replace it "
    "by a number first (`torch.where`), compute, and mask then."
)


def gradient_trouble(exercise, function, deadline):
    """Return the `Verdict` on missing or wrong gradients of an answer whose numbers are right, or None.

    Parameters
    ----------
    exercise : Exercise
        With the names of the arguments through which gradients must pass in `gradients`.
    function : callable
        The reader's.
    deadline : float
        Of the clock `time.monotonic`; half of the exercise's seconds are granted in any case.
    """
    deadline = max(deadline, time.monotonic() + exercise.seconds / 2)
    graded, right = _with_gradients(exercise, function), _with_gradients(exercise, exercise._reference)
    names = listed([f"`{name}`" for name in exercise.gradients])
    cut = (
        "`.detach()`, `.item()`, `.numpy()`, `torch.no_grad()` or a new `torch.tensor(…)` cuts it off: "
        "compute with the tensors themselves."
    )
    missing = Verdict(
        "gradient", "the gradient is missing", f"The numbers are right, but no gradient reaches {names}. {cut}"
    )
    for probe in exercise._ordinary(exercise._inputs()):
        run = running.run(graded, probe, lambda value: value, deadline)
        if run.outcome == "too_slow":
            return exercise._interrupted(run, function, 1)
        if run.outcome == "raised":
            said = "\n".join(filter(None, [missing.detail, own_line(run.value, function), run.words]))
            return replace(missing, detail=said)
        if run.value is None:
            return missing
        wanted = right(*deepcopy(probe))
        pairs = [*zip(exercise.gradients, run.value, wanted, strict=True)]
        absent = [f"`{name}`" for name, got, expected in pairs if got is None and np.any(expected)]
        if absent:
            return replace(missing, detail=f"The numbers are right, but no gradient reaches {listed(absent)}. {cut}")
        for name, got, expected in pairs:
            finite = expected is None or np.isfinite(expected).all()
            if got is not None and finite and not np.isfinite(got).all():
                masked = np.isnan(got).any() and any(_has_nan(value) for value in probe)
                said = f"The numbers are right, but the gradient with respect to `{name}` is not finite: "
                return Verdict("gradient", "the gradient is not finite", said + (_MASKED if masked else _INFINITE))
            if got is not None and not exercise._close(got, 0 * got if expected is None else expected).all():
                words = f"The numbers are right, but the gradient with respect to `{name}` {_wrong_by(got, expected)}"
                return Verdict("gradient", "the gradient is wrong", words)
    return None


def _wrong_by(got, expected):
    """Say what may be wrong with a gradient; whether it is off by little tells a bound from a broken path."""
    expected = 0 * got if expected is None else expected
    if np.isfinite(got).all() and np.abs(got - expected).max() < 1e-2 * np.abs(expected).max():
        return (
            "is slightly off. A small number added, a bound or single precision does this: "
            "the numbers hardly notice it, and their slope does."
        )
    return (
        "is not that of the formula. A part of the computation that is cut off from it or counted twice does this, "
        "and so does a bound, or a small number added where the result is nearly 0."
    )


def _with_gradients(exercise, function):
    """Return the function that gives, instead of the results, the gradients of a fixed weighted sum of them."""
    torch = sys.modules["torch"]

    def graded(*arguments):
        named = dict(zip(exercise.arguments, arguments, strict=True))
        leaves = {name: named[name].detach().clone().requires_grad_() for name in exercise.gradients}
        value = function(*(named | leaves).values())
        parts = value if len(exercise._names()) > 1 else [value]
        parts = [_stacked(part) for part in parts]
        total = 0.0
        for part in parts:
            if isinstance(part, torch.Tensor) and part.requires_grad:
                weights = np.random.default_rng(0).uniform(0.5, 1.5, tuple(part.shape))
                total = total + (torch.as_tensor(weights) * part).sum()
        if not isinstance(total, torch.Tensor):
            return None
        gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return [None if gradient is None else as_numbers("gradient", gradient) for gradient in gradients]

    return graded


def _stacked(part):
    """Return a list of tensors as one tensor, and anything else as it is."""
    torch = sys.modules["torch"]
    if isinstance(part, (list, tuple)) and part and all(isinstance(entry, torch.Tensor) for entry in part):
        return torch.stack(list(part))
    return part


def _has_nan(value):
    return running.is_array(value) and bool(np.isnan(as_numbers("argument", value)).any())
