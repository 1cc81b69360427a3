"""What a reader handed over, as numbers and in words, and the verdict on it."""

import dis
import html
import inspect
import linecache
import math
import sys
import textwrap
import types
from dataclasses import dataclass, replace
from fractions import Fraction
from numbers import Real

import numpy as np

from course_utils.workshop.running import Unfit, is_array

_BRANDS = {
    "open": ("○", "Not attempted yet", "#595959"),
    "correct": ("✓", "Correct", "#00684a"),
    "wrong": ("✗", "Not yet", "#a33c00"),
}


@dataclass(frozen=True)
class Verdict:
    """What the checker says of one attempt.

    `kind` is one of: not_attempted, not_callable, wrong_call, raised, too_slow, wrong_type, wrong_shape, wrong_device,
    not_finite, misconception, wrong, changes_argument, gradient, reference, replaced, correct. `detail` is the
    sentence; `hint` and `printed` may be empty. `misconception` is the name of the recognised one, `pattern` that of
    the relation between the answers and the right ones (`diagnosis`).
    """

    kind: str
    title: str
    detail: str
    hint: str = ""
    printed: str = ""
    misconception: str = ""
    pattern: str = ""

    @property
    def correct(self):
        """Whether the attempt passed."""
        return self.kind == "correct"

    def _brand(self):
        return _BRANDS[{"not_attempted": "open", "correct": "correct"}.get(self.kind, "wrong")]

    def __str__(self):
        symbol, word, _ = self._brand()
        lines = [f"{symbol} {word}: {self.title}"]
        lines += textwrap.indent(self.detail, "  ").splitlines()
        if self.hint:
            lines += textwrap.indent(self.hint, "  ").splitlines()
        if self.printed:
            lines += ["  Your function printed:", *textwrap.indent(self.printed, "  | ").splitlines()]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include=None, exclude=None):
        symbol, word, colour = self._brand()
        detail = html.escape(self.detail).replace("\n", "<br>").replace("  ", "&nbsp; ")
        parts = [
            f'<strong><span aria-hidden="true" style="color:{colour}">{symbol}</span> {word}:</strong> '
            f"{html.escape(self.title)}"
        ]
        if detail:
            parts.append(f"<div>{detail}</div>")
        if self.hint:
            parts.append(f"<div><em>{html.escape(self.hint)}</em></div>")
        if self.printed:
            parts.append(f"<div>Your function printed:</div><pre>{html.escape(self.printed)}</pre>")
        box = (
            f'<div role="status" style="border-left:6px solid {colour};padding:0.4em 0.9em;margin:0.3em 0">'
            f"{''.join(parts)}</div>"
        )
        return {"text/html": box, "text/plain": str(self)}


def shown(verdict):
    """Display a verdict where IPython runs, and print it elsewhere."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        sys.modules["IPython"].display.display(verdict)
    else:
        print(verdict)


def noted(verdict, words):
    """Return the verdict with a note below its sentence."""
    return replace(verdict, detail=f"{verdict.detail}\nNote: {words}".strip())


def listed(words):
    """Join words as one would in a sentence: a, b and c."""
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _code_of(function):
    """Return the code object of a function or method written in Python, None for any other callable."""
    return function.__code__ if type(function) in (types.FunctionType, types.MethodType) else None


def is_empty(function):
    """Whether the body is nothing but a docstring and ``...`` or ``pass``."""
    code = _code_of(function)
    if code is None or code.co_flags & inspect.CO_GENERATOR:
        return False
    for step in dis.get_instructions(code):
        if step.opname in {"LOAD_CONST", "RETURN_CONST"}:
            if step.argval is not None and step.argval is not Ellipsis:
                return False
        elif step.opname not in {"RESUME", "NOP", "RETURN_VALUE"}:
            return False
    return True


SMALL_NUMBER = "the small number"
_BOUNDS = {"clip", "clamp", "clamp_min", "clamp_max", "maximum", "minimum", "nan_to_num"}
_SINGLE = {"float32", "float16", "half"}


def bound_in(function):
    """Return what keeps numbers from being extreme in a function, or in one of its own that it uses, in words.

    It is a bound, a small constant or single precision; "" where there is none.
    """
    todo, seen, found = [function], set(), set()
    while todo:
        code = _code_of(used := todo.pop())
        if code is None or code in seen:
            continue
        seen.add(code)
        parts = _with_inner(code)
        found |= {words for part in parts for words in _bounds(part)}
        todo += [used.__globals__.get(name) for part in parts for name in part.co_names]
        todo += [cell.cell_contents for cell in used.__closure__ or () if _is_filled(cell)]
    return " and ".join(sorted(found))


def _with_inner(code):
    """Return a code object with those of the functions defined inside it."""
    inner = [value for value in code.co_consts if isinstance(value, types.CodeType)]
    return [code] + [part for value in inner for part in _with_inner(value)]


def _bounds(code):
    # Python's own `max(x, 1)` is a bound; a method of that name is none
    own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"} & {"max", "min"}
    if own or _BOUNDS & set(code.co_names):
        yield "the bound"
    elif any(isinstance(value, float) and 0 < abs(value) <= 1e-3 for value in code.co_consts):
        yield SMALL_NUMBER
    if _SINGLE & set(code.co_names):
        yield "the single precision"


def _is_filled(cell):
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is not bound yet
        return False


def own_line(error, function):
    """Quote the last line of the reader's own code that the exception passed through."""
    code, own, step = _code_of(function), None, error.__traceback__
    while step is not None and code:  # by hand: after a deep recursion, formatting the whole traceback takes seconds
        if step.tb_frame.f_code is code:
            own = step
        step = step.tb_next
    if own is None:
        return ""
    source = linecache.getline(code.co_filename, own.tb_lineno).strip()
    return f"Line {own.tb_lineno - code.co_firstlineno + 1} of your function: {source}"


# What torch says of a broken path from parameters to a result leads astray: it proposes to break it for good, or names
# parts of a graph that the reader has never seen.
_ADVICE = (
    (
        "does not require grad and does not have a grad_fn",
        "No path leads from the parameters to what you differentiate. `.sample()`, `.detach()`, `torch.no_grad()` and "
        "tensors made without `requires_grad=True` cut it; `.rsample()`, and noise that is multiplied and added, keep "
        "it.",
    ),
    (
        "appears to not have been used in the graph",
        "The path from one of the parameters is cut, and `allow_unused` would only hide it. Is that tensor detached, "
        "or copied by `torch.tensor(…)`, before it is used? Compute with the very tensor that you differentiate by.",
    ),
    (
        "Can't call numpy() on Tensor that requires grad",
        "NumPy met a tensor that carries a gradient. To detach it on the way, as torch proposes, cuts the gradient "
        "off. Make tensors of the arrays (`torch.tensor(…)`) and use torch's functions throughout, as `torch.exp` for "
        "`np.exp`. Only what you return may be detached.",
    ),
    (
        "grad can be implicitly created only for scalar outputs",
        "A gradient is that of one number: take the sum, or the mean, of the tensor first.",
    ),
    *(
        (words, "What came as a NumPy array becomes a tensor by `torch.tensor(…)`; torch's functions then take it.")
        for words in (
            "must be Tensor, not numpy",
            "'numpy.ndarray' and 'Tensor'",
            "'numpy.ndarray' object has no attribute 'requires_grad",
            "'numpy.ndarray' object has no attribute 'exp'",
        )
    ),
)


def advice(words):
    """Return what to do about an error with such a message, where the message itself leads astray; else ""."""
    return next((told for said, told in _ADVICE if said in words), "")


def as_numbers(name, value):
    """Return a float64 copy of `value`, or raise `Unfit` in words."""
    dtype = getattr(value, "dtype", None)
    came = a(value) + (f" of dtype {dtype}" if dtype is not None else "")
    wish = f"{name} should be a real number, or an array or tensor of real numbers; you returned {came}."
    unfit = Unfit("wrong_type", "the result has the wrong type", wish + return_words(value))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.device.type != "cpu":
            words = f"{name} should be on the cpu; your tensor is on {value.device}."
            raise Unfit("wrong_device", "the result is on the wrong device", words)
        if value.layout != torch.strided or value.is_complex() or value.is_quantized:
            raise unfit
        _refuse_huge(name, value.numel(), tuple(value.shape))
        return value.detach().resolve_conj().resolve_neg().to(torch.float64).numpy().copy()
    if isinstance(value, range):  # converting a long one would hold up the whole kernel
        raise unfit
    if isinstance(value, (list, tuple)) and any(is_array(part) for part in value):
        value = [as_numbers(name, part) for part in value]
    try:
        array = np.asarray(float(value) if isinstance(value, Real) else value)
    except Exception:
        raise unfit from None
    if array.dtype.kind not in "fiub":
        raise unfit
    _refuse_huge(name, array.size, array.shape)
    return array.astype(np.float64)


def _refuse_huge(name, size, shape):
    """Refuse what would fill the memory when it is converted; no exercise wants that much."""
    if size > 10_000_000:
        words = f"{name} is far too large: you returned {shape_words(shape)}."
        raise Unfit("wrong_shape", "the result has the wrong shape", words)


def return_words(value):
    """Ask about a missing `return` or a stray `yield`, where the value looks like one."""
    if inspect.isgenerator(value):
        return " Did you write `yield` where `return` was meant?"
    return " Is `return` missing?" if value is None else ""


def a(value):
    """Name the type of a value as one would in a sentence."""
    if value is None:
        return "None"
    name = type(value).__name__
    # by the sound: an "en-dee-array", a "you-int8"
    vowel = name.lower().startswith(("a", "e", "i", "o", "nd"))
    return f"{'an' if vowel else 'a'} {name}"


def shape_words(shape):
    """Name a shape as one would in a sentence."""
    return f"an array of shape {shape}" if shape else "a single number"


def brief(value):
    """Show a probe's argument in a few characters."""
    if is_array(value):
        array = np.asarray(value)
        if array.size > 6:
            return f"an array of shape {array.shape}"
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


_NAMED = {
    "π": math.pi, "2π": 2 * math.pi, "1/π": 1 / math.pi, "1/(2π)": 0.5 / math.pi, "√2": math.sqrt(2),
    "1/√2": math.sqrt(0.5), "√π": math.sqrt(math.pi), "√(2π)": math.sqrt(2 * math.pi),
    "1/√(2π)": 1 / math.sqrt(2 * math.pi), "log 2": math.log(2), "½ log 2": math.log(2) / 2,
    "1/log 2": 1 / math.log(2), "log 10": math.log(10), "1/log 10": 1 / math.log(10), "log 2π": math.log(2 * math.pi),
    "½ log 2π": math.log(2 * math.pi) / 2, "log π": math.log(math.pi), "½ log π": math.log(math.pi) / 2,
    "e": math.e, "1/e": 1 / math.e, "½ log 2πe": (math.log(2 * math.pi) + 1) / 2, "log 3": math.log(3),
}  # fmt: skip
_SIMPLE = {Fraction(1, 2): "½", Fraction(1, 4): "¼", Fraction(3, 4): "¾", Fraction(3, 2): "1½"}


def number(value):
    """Name a number as one would in a sentence: ½, 3, −⅔ as −2/3, ½ log 2π, or four digits."""
    value = float(value)
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size and math.isfinite(size):
        fraction = Fraction(size).limit_denominator(12)
        if math.isclose(size, float(fraction), rel_tol=3e-6):
            return sign + _SIMPLE.get(fraction, str(fraction))
        for name, named in _NAMED.items():
            if math.isclose(size, named, rel_tol=3e-6):
                return sign + name
    return f"{sign}{size:.4g}"


__all__ = [
    "Verdict",
    "a",
    "advice",
    "as_numbers",
    "brief",
    "is_empty",
    "listed",
    "noted",
    "number",
    "own_line",
    "return_words",
    "shape_words",
    "shown",
]
