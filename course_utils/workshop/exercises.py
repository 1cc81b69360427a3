"""Executable exercises: a reference, probes, misconceptions and hints, declared once.

An `Exercise` runs a reader's function on its probe inputs and says one thing about it, in words:
not attempted yet · wrong call, type or shape · raised · too slow · not finite · a recognised misconception ·
wrong, with the first probe that differs · correct. It never shows the reference, and it leaves the session as it was:
probes are copied for every call, and the random states of Python, NumPy and torch are put back.

**The time limit.** The function runs in a thread of its own, while the kernel waits. When its time is over, an
exception is raised inside that thread (`PyThreadState_SetAsyncExc`, part of every CPython on Linux, macOS and
Windows), again and again until the thread ends, so that neither a loop nor a bare ``except:`` inside it goes on for
ever. (An endless loop within two nested bare excepts can outlive this; like the call below it is then given up.) What
this cannot stop is one single call into compiled code. If that call lets other threads run (a huge matrix product,
``time.sleep``), the verdict comes on time, and the thread ends when the call returns; if it does not (``sum`` over an
endless range, the factorial of a huge number), nothing moves before it returns: restart the kernel. Nor can it hold
back ``os._exit``, or a process that fills the memory. It protects learners from accidents; it is no sandbox against
malice.
"""

import contextlib
import contextvars
import ctypes
import dis
import html
import inspect
import io
import linecache
import random
import sys
import textwrap
import threading
import time
import types
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np

# Some systems give threads small stacks; deep recursion must end in a RecursionError, not in a dead kernel.
_STACK_BYTES = 64 * 1024 * 1024
_PRINTED_CHARACTERS = 600
_THREAD = "exercise"
_IMPORT_SECONDS = 20.0  # how long an import that is under way at the deadline may go on
_UNEXPLAINED = {"wrong", "wrong_shape", "not_finite"}  # verdicts that leave the reader to find the cause
_BRANDS = {
    "open": ("○", "Not attempted yet", "#595959"),
    "correct": ("✓", "Correct", "#00684a"),
    "wrong": ("✗", "Not yet", "#a33c00"),
}


@dataclass(frozen=True)
class Misconception:
    """A wrong implementation and the sentence that helps whoever wrote it."""

    name: str
    function: Callable
    message: str


@dataclass(frozen=True)
class Verdict:
    """What the checker says of one attempt.

    `kind` is one of: not_attempted, not_callable, wrong_call, raised, too_slow, wrong_type, wrong_shape, wrong_device,
    not_finite, misconception, wrong, correct. `detail` is the sentence; `hint` and `printed` may be empty.
    """

    kind: str
    title: str
    detail: str
    hint: str = ""
    printed: str = ""
    misconception: str = ""

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


class _TimeIsUp(BaseException):
    """Raised inside the reader's function when its time is over.

    Where it is caught by a bare ``except:``, Python creates the instance in that very thread; from then on the next
    line that the reader's code begins raises again, this time inside the handler, so that the loop around it ends.
    """

    def __init__(self):
        super().__init__()
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != __file__:
            frame.f_trace = _raise_again
            frame = frame.f_back
        sys.settrace(_raise_again)


def _raise_again(frame, event, arg):
    """Trace function: raise at the first line of the reader's code, never in this module."""
    if event == "line" and frame.f_code.co_filename != __file__:
        raise _TimeIsUp
    return _raise_again


@dataclass(eq=False)
class Exercise:
    """One exercise: what is right, what is commonly wrong, and what to say.

    Parameters
    ----------
    name : str
        The name of the function that the reader writes.
    arguments : sequence of str
        The names of its arguments, in order.
    returns : str or sequence of str
        What the result is called in messages; a sequence declares a tuple of so many results.
    reference : callable
        A correct implementation.
    probes : sequence of tuples
        The argument tuples it is called with: numbers, arrays or tensors. The first is an easy one.
    misconceptions : sequence of Misconception
        Wrong implementations that are recognised.
    hints : sequence of str
        From gentle to nearly complete. From the second failed attempt on the next one is given where the verdict
        cannot name the cause, and offered elsewhere; `hint()` asks for it.
    spellings : mapping of str to callable, optional
        Other correct implementations (a loop, torch, …): the tests hold the checker to accepting them.
    praise : str, optional
        What to say when the answer is correct: what the reader has now shown, or where it leads.
    rtol, atol : float
        An answer is right if ``|answer - reference| <= atol + rtol * |reference|`` in every element.
        The defaults leave room for single precision.
    seconds : float
        Time limit for all probes together.
    """

    name: str
    arguments: Sequence[str]
    returns: str | Sequence[str]
    reference: Callable
    probes: Sequence[tuple]
    misconceptions: Sequence[Misconception]
    hints: Sequence[str]
    spellings: dict[str, Callable] = field(default_factory=dict)
    praise: str = ""
    rtol: float = 1e-5
    atol: float = 1e-8
    seconds: float = 3.0
    _failures: int = field(default=0, init=False, repr=False)
    _hints_given: int = field(default=0, init=False, repr=False)

    def check(self, function):
        """Judge `function` and show the verdict; nothing is returned and nothing is raised."""
        verdict = self.examine(function)
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
            sys.modules["IPython"].display.display(verdict)
        else:
            print(verdict)

    def hint(self):
        """Print the next hint, without waiting for another failed attempt."""
        print(self._next_hint() if self.hints else "There is no hint for this exercise.")

    def examine(self, function):
        """Judge `function` and return the `Verdict`; failed attempts count towards the hints."""
        if threading.current_thread().name == _THREAD:
            words = "The call of the check belongs below the function, at the left margin; here it stands inside."
            return Verdict("wrong_call", "the function checks itself", words)
        with _session_kept():
            verdict = self._judge(function)
        if verdict.correct:
            self._failures = self._hints_given = 0
        elif verdict.kind != "not_attempted" and self.hints:
            self._failures += 1
            # Where the verdict cannot say what is wrong, the next hint is given; elsewhere it is only offered.
            stuck = self._failures > 1 and verdict.kind in _UNEXPLAINED and self._hints_given < len(self.hints)
            verdict = replace(verdict, hint=self._next_hint() if stuck else self._offer())
        return verdict

    def _offer(self):
        number = self._hints_given + 1
        which = (
            f"Hint {number} of {len(self.hints)} is ready" if number <= len(self.hints) else "To see the hints again"
        )
        return f"{which}: run lesson.{self.name}.hint() in a cell of its own."

    def _next_hint(self):
        """Return the next hint; after the last one, begin again."""
        self._hints_given = self._hints_given % len(self.hints) + 1
        return f"Hint {self._hints_given} of {len(self.hints)}: {self.hints[self._hints_given - 1]}"

    def _judge(self, function):
        if not callable(function) or issubclass(type(function), type):
            return Verdict(
                "not_callable",
                f"{self.name} must be a function",
                f"What came is {_a(function)}. Write `def {self._call()}:` and hand over `{self.name}` itself, "
                "without brackets behind it.",
            )
        if _is_empty(function):
            return self._not_attempted()
        trouble = self._wrong_arity(function)
        if trouble:
            return trouble
        deadline = time.monotonic() + self.seconds
        runs = []
        for probe in self.probes:
            runs.append(_run(function, probe, self._as_parts, deadline))
            if runs[-1].outcome in ("raised", "too_slow"):
                return self._interrupted(runs[-1], function, len(runs))
        verdict = self._compare(runs)
        mutated = sorted({self.arguments[position] for run in runs for position in run.mutated})
        if mutated:
            names = " and ".join(f"`{name}`" for name in mutated)
            note = f"Note: your function changes {names} in place, which would surprise whoever calls it."
            verdict = replace(verdict, detail=f"{verdict.detail}\n{note}".strip())
        return replace(verdict, printed=next((run.printed for run in runs if run.printed), ""))

    def _call(self):
        return f"{self.name}({', '.join(self.arguments)})"

    def _not_attempted(self):
        return Verdict(
            "not_attempted",
            self.name,
            f"Replace the `...` in the body of `{self._call()}` and run the cell again.",
        )

    def _wrong_arity(self, function):
        try:
            signature = inspect.signature(function)
        except Exception:  # some built-in functions tell nothing about themselves, some objects tell lies
            return None
        try:
            signature.bind(*self.arguments)
        except TypeError as error:
            asked = ", ".join(signature.parameters) or "no argument"
            return Verdict(
                "wrong_call",
                "the arguments do not fit",
                f"The check calls `{self._call()}`, with {len(self.arguments)} arguments by position; "
                f"your function takes: {asked}. Python says: {error}.",
            )
        return None

    def _interrupted(self, run, function, number):
        if run.outcome == "too_slow":
            return Verdict(
                "too_slow",
                f"stopped after {self.seconds:g} seconds, on probe {number} of {len(self.probes)}",
                "Is there a loop that never ends, or work that grows too fast with the size of the input?",
                printed=run.printed,
            )
        return Verdict(
            "raised",
            f"your function raised {type(run.value).__name__} on probe {number} of {len(self.probes)}",
            "\n".join(filter(None, [_own_line(run.value, function), run.words])),
            printed=run.printed,
        )

    def _compare(self, runs):
        """Judge what was returned for all probes."""
        if all(run.outcome == "ellipsis" for run in runs):
            return self._not_attempted()
        wanted = self._results_of(self.reference)
        trouble = None
        for number, (run, reference) in enumerate(zip(runs, wanted, strict=True), start=1):
            if run.outcome == "unfit":
                trouble = Verdict(run.value.kind, run.value.title, f"On probe {number}: {run.value}")
            elif run.outcome == "ellipsis":
                trouble = Verdict("wrong_type", "a `...` came back", f"On probe {number}, a `...` is still to replace.")
            else:
                trouble = self._wrong_shape(number, run.value, reference)
            if trouble:
                break
        if all(run.outcome == "returned" for run in runs):
            answers = [run.value for run in runs]
            if not trouble and self._same(answers, wanted):
                return Verdict("correct", self.name, self.praise)
            for known in self.misconceptions:
                if self._same(answers, self._results_of(known.function)):
                    return Verdict("misconception", "a well-known slip", known.message, misconception=known.name)
            trouble = trouble or self._not_finite(answers, wanted) or self._first_difference(answers, wanted)
        return trouble

    def _results_of(self, function):
        """Return what one of the declared functions gives on all probes."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [self._as_parts(function(*deepcopy(probe))) for probe in self.probes]

    def _names(self):
        return (self.returns,) if isinstance(self.returns, str) else tuple(self.returns)

    def _as_parts(self, value):
        """Return the result as a tuple of float64 arrays, one for each declared part, or raise `_Unfit`."""
        names = self._names()
        if len(names) == 1:
            return (_as_numbers(names[0], value),)
        # An array counts as several results only where each of them is a single number.
        several = isinstance(value, (tuple, list)) or (_is_array(value) and value.ndim == 1 and self._returns_numbers())
        if not several or len(value) != len(names):
            came = f"{_a(value)} of length {len(value)}" if several else _a(value)
            wish = f"expected {len(names)} values, as in `return {', '.join(names)}`; you returned {came}."
            raise _Unfit("wrong_type", "the result has the wrong type", wish + _return_words(value))
        return tuple(_as_numbers(name, part) for name, part in zip(names, value, strict=True))

    def _returns_numbers(self):
        return all(np.ndim(part) == 0 for part in self.reference(*deepcopy(self.probes[0])))

    def _wrong_shape(self, number, answer, reference):
        for name, got, expected in zip(self._names(), answer, reference, strict=True):
            if got.shape != expected.shape:
                return Verdict(
                    "wrong_shape",
                    "the result has the wrong shape",
                    f"On probe {number}, {name} should be {_shape_words(expected.shape)}; "
                    f"you returned {_shape_words(got.shape)}.",
                )
        return None

    def _same(self, answers, wanted):
        return all(
            got.shape == expected.shape and self._close(got, expected).all()
            for _, _, got, expected in self._pairs(answers, wanted)
        )

    def _close(self, got, expected):
        return np.isclose(got, expected, rtol=self.rtol, atol=self.atol, equal_nan=True)

    def _pairs(self, answers, wanted):
        for number, (answer, reference) in enumerate(zip(answers, wanted, strict=True), start=1):
            for name, got, expected in zip(self._names(), answer, reference, strict=True):
                yield number, name, got, expected

    def _not_finite(self, answers, wanted):
        for number, name, got, expected in self._pairs(answers, wanted):
            bad = ~np.isfinite(got) & np.isfinite(expected)
            if bad.any():
                what = "NaN" if np.isnan(got[bad][0]) else "infinite"
                return Verdict(
                    "not_finite",
                    f"{name} is {what} on probe {number} of {len(self.probes)}",
                    f"{self._probe_words(number)} Look for an overflow, a logarithm of zero, or a division by zero.",
                )
        return None

    def _first_difference(self, answers, wanted):
        pairs = list(self._pairs(answers, wanted))
        number, name, got, expected = next(pair for pair in pairs if not self._close(pair[2], pair[3]).all())
        wrong = ~self._close(got, expected)
        first = int(np.flatnonzero(wrong.ravel())[0])
        error = abs(float(got.ravel()[first]) - float(expected.ravel()[first]))
        place = ""
        if got.ndim:
            index = ", ".join(str(int(i)) for i in np.unravel_index(first, got.shape))
            place = f" in element [{index}] ({int(wrong.sum())} of {wrong.size} elements differ)"
        pattern = _pattern([pair for pair in pairs if pair[1] == name])
        return Verdict(
            "wrong",
            f"{name}: wrong on probe {number} of {len(self.probes)}",
            f"{self._probe_words(number)} The answer is off by {error:.4g}{place}. {pattern}".rstrip(),
        )

    def _probe_words(self, number):
        values = self.probes[number - 1]
        shown = [f"{name} = {_brief(value)}" for name, value in zip(self.arguments, values, strict=True)]
        return f"Probe {number}: {', '.join(shown)}."


class _Unfit(Exception):
    """A result that is no number, array or tensor, or of the wrong structure."""

    def __init__(self, kind, title, message):
        super().__init__(message)
        self.kind, self.title = kind, title


@dataclass(frozen=True)
class _Run:
    """What happened when a function was called on one probe."""

    outcome: str  # returned (value: arrays), ellipsis, unfit (value: _Unfit), raised (value: exception), too_slow
    value: object = None
    words: str = ""
    printed: str = ""
    mutated: tuple[int, ...] = ()


def _run(function, probe, convert, deadline):
    """Call `function` on a copy of `probe`, and convert what it returns, in a thread with a time limit."""
    arguments = deepcopy(probe)
    done = []  # what the thread reports; still empty if it had to be given up

    def work():
        try:
            value = function(*arguments)
            done.append(("ellipsis", None, "") if value is Ellipsis else ("returned", convert(value), ""))
        except _Unfit as unfit:
            done.append(("unfit", unfit, ""))
        except _TimeIsUp:
            done.append(("too_slow", None, ""))
        except BaseException as error:  # SystemExit and the like belong to the reader's function, not to the kernel
            done.append(("raised", error, _exception_words(error)))
        finally:
            sys.settrace(None)

    context = contextvars.copy_context()
    printed = _Bounded()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _in_thread(lambda: context.run(work), deadline)
    outcome, value, words = done[0] if done else ("too_slow", None, "")
    mutated = ()
    if outcome == "returned":
        pairs = enumerate(zip(probe, arguments, strict=True))
        mutated = tuple(position for position, (before, after) in pairs if not _identical(before, after))
    return _Run(outcome, value, words, printed.text.rstrip(), mutated)


def _in_thread(work, deadline):
    """Run `work` in a thread until it ends; at the deadline, or when interrupted, make it end."""
    ended = threading.Event()  # set by the work itself, so that no exception is raised in the thread's own clean-up

    def run():
        try:
            work()
        finally:
            ended.set()

    before = threading.stack_size(_STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name=_THREAD, daemon=True)
        thread.start()
    finally:
        threading.stack_size(before)
    try:
        while not ended.is_set() and time.monotonic() < deadline:
            ended.wait(0.05)  # in short steps: on Windows a longer wait could not be interrupted
    finally:  # also when the reader presses 'interrupt' while the check waits
        # A module whose import is cut off stays half-made, and broken for the rest of the session.
        patience = time.monotonic() + _IMPORT_SECONDS
        while not ended.is_set() and _is_importing(thread) and time.monotonic() < patience:
            ended.wait(0.05)
        give_up = time.monotonic() + 2.0
        while not ended.is_set() and time.monotonic() < give_up:
            ident = ctypes.c_ulong(thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_TimeIsUp))
            ended.wait(0.01)
        if ended.is_set():
            thread.join(0.5)


def _is_importing(thread):
    """Whether the thread is inside an import statement just now."""
    frame = sys._current_frames().get(thread.ident)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class _Bounded(io.TextIOBase):
    """Keep the first few hundred characters of what is printed, and drop the rest."""

    def __init__(self):
        super().__init__()
        self.text = ""

    def write(self, text):
        """Take `text` as a file would."""
        room = _PRINTED_CHARACTERS - len(self.text)
        if room > 0:
            self.text += text[:room] + (" …" if len(text) > room else "")
        return len(text)


@contextlib.contextmanager
def _session_kept():
    """Put back the recursion limit and the random states of Python, NumPy and torch, however the body ends."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])


def _code_of(function):
    """Return the code object of a function or method written in Python, None for any other callable."""
    return function.__code__ if type(function) in (types.FunctionType, types.MethodType) else None


def _is_empty(function):
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


def _own_line(error, function):
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


def _exception_words(error):
    """Return the exception as Python would print it, in at most a few lines."""
    try:
        words = str(error)
    except Exception:
        words = "(its message cannot be shown)"
    words = words if len(words) <= 300 else words[:300] + " …"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _is_array(value):
    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor))


def _as_numbers(name, value):
    """Return a float64 copy of `value`, or raise `_Unfit` in words."""
    dtype = getattr(value, "dtype", None)
    came = _a(value) + (f" of dtype {dtype}" if dtype is not None else "")
    wish = f"{name} should be a real number, or an array or tensor of real numbers; you returned {came}."
    unfit = _Unfit("wrong_type", "the result has the wrong type", wish + _return_words(value))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.device.type != "cpu":
            words = f"{name} should be on the cpu; your tensor is on {value.device}."
            raise _Unfit("wrong_device", "the result is on the wrong device", words)
        if value.layout != torch.strided or value.is_complex() or value.is_quantized:
            raise unfit
        _refuse_huge(name, value.numel(), tuple(value.shape))
        return value.detach().to(torch.float64).numpy().copy()
    if isinstance(value, range):  # converting a long one would hold up the whole kernel
        raise unfit
    if isinstance(value, (list, tuple)) and any(_is_array(part) for part in value):
        value = [_as_numbers(name, part) for part in value]
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
        words = f"{name} is far too large: you returned {_shape_words(shape)}."
        raise _Unfit("wrong_shape", "the result has the wrong shape", words)


def _return_words(value):
    if inspect.isgenerator(value):
        return " Did you write `yield` where `return` was meant?"
    return " Is `return` missing?" if value is None else ""


def _a(value):
    """Name the type of a value as one would in a sentence."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _shape_words(shape):
    return f"an array of shape {shape}" if shape else "a single number"


def _brief(value):
    """Show a probe's argument in a few characters."""
    if _is_array(value):
        array = np.asarray(value)
        if array.size > 6:
            return f"an array of shape {array.shape}"
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _identical(before, after):
    if not _is_array(before):
        return before == after
    # a tensor on which a gradient was switched on, even in place, holds the same numbers
    before, after = (np.asarray(value.detach() if hasattr(value, "detach") else value) for value in (before, after))
    return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


def _pattern(pairs):
    """Say what all the errors have in common, if they have something in common."""
    got = np.concatenate([g.ravel() for _, _, g, _ in pairs])
    expected = np.concatenate([e.ravel() for _, _, _, e in pairs])
    if got.size < 3 or not (np.isfinite(got).all() and np.isfinite(expected).all()):
        return ""
    if np.allclose(got, -expected) and np.any(expected):
        return "Everywhere the size is right and the sign is opposite."
    nonzero = np.abs(expected) > 1e-12
    if nonzero.sum() >= 3:
        ratios = got[nonzero] / expected[nonzero]
        if np.allclose(ratios, 1, rtol=1e-3):
            return "That is nearly right: a rounded constant, a loss of digits, or a search that stopped early?"
        if ratios[0] != 0 and np.allclose(ratios, ratios[0], rtol=1e-4) and np.allclose(got[~nonzero], 0):
            return f"Everywhere your answer is {ratios[0]:.4g} times the right one: a constant factor is off."
    if np.allclose(got - expected, got[0] - expected[0], rtol=1e-4):
        return "Everywhere it is off by the same amount: a constant is missing or too much."
    return ""


__all__ = ["Exercise", "Misconception", "Verdict"]
