"""Call a reader's function: in a thread with a time limit, on copies, with the session kept as it was.

**The time limit.** The function runs in a thread of its own, while the kernel waits. When its time is over, an
exception is raised inside that thread (`PyThreadState_SetAsyncExc`, part of every CPython on Linux, macOS and
Windows), again and again until the function ends, so that neither a loop nor a bare ``except:`` inside it goes on for
ever. The verdict does not wait for longer than two seconds; what has not ended then is interrupted on behind it. What
this cannot stop is one single call into compiled code. If that call lets other threads run (a huge matrix product,
``time.sleep``), the verdict comes on time, and the thread ends when the call returns; if it does not (``sum`` over an
endless range, the factorial of a huge number), nothing moves before it returns: restart the kernel. Nor can it hold
back ``os._exit``, or a process that fills the memory. It protects learners from accidents; it is no sandbox against
malice.

**The session.** Random states, settings, the working directory and the like are put back after every check. Functions
of Python, NumPy, torch and the checker that were replaced are put back too, and named.
"""

import builtins
import contextlib
import contextvars
import ctypes
import decimal
import gc
import io
import locale
import math
import operator
import os
import random
import sys
import threading
import time
import types
import warnings
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

# Some systems give threads small stacks; deep recursion must end in a RecursionError, not in a dead kernel.
_STACK_BYTES = 64 * 1024 * 1024
_PRINTED_CHARACTERS = 600
_PATIENCE = 2.0  # seconds that a function has to end after its deadline, before the verdict is given without it
_IMPORT_SECONDS = 20.0  # how long an import that is under way at the deadline may go on


class Unfit(Exception):
    """A result that is no number, array or tensor, or of the wrong structure."""

    def __init__(self, kind, title, message):
        super().__init__(message)
        self.kind, self.title = kind, title


@dataclass(frozen=True)
class Run:
    """What happened when a function was called on one probe.

    `changed` and `switched_on` are the positions of the arguments that were changed in place, and of those that ask for
    a gradient since; `peeked` tells whether the function called the exercise's own answer.
    """

    outcome: str  # returned (value: as converted), ellipsis, unfit (value: Unfit), raised (value: exception), too_slow
    value: object = None
    words: str = ""
    printed: str = ""
    changed: tuple[int, ...] = ()
    switched_on: tuple[int, ...] = ()
    peeked: bool = False


def run(function, probe, convert, deadline):
    """Call `function` on a copy of `probe`, and convert what it returns, in a thread with a time limit."""
    arguments = deepcopy(probe)
    (outcome, value, words), printed, peeked = _attempted(lambda: _report(function, arguments, convert), deadline)
    changed = switched_on = ()
    if outcome == "returned":
        changed, switched_on = _spoilt(probe, arguments)
    return Run(outcome, value, words, printed, changed, switched_on, peeked)


def run_each(function, probes, convert, seconds):
    """Call `function` on a copy of each of `probes`, all in one thread, and each with the whole time limit.

    Returns the runs up to the first that returned nothing. What was printed is not kept, and what was replaced is put
    back at the end only: `run` is for what a learner wrote.
    """
    arguments, reports = deepcopy(list(probes)), []

    def work():
        for each in arguments:
            threading.current_thread().deadline = time.monotonic() + seconds
            reports.append(_report(function, each, convert))
            if reports[-1][0] != "returned":
                break
        return "returned", None, ""

    (outcome, *_), _, peeked = _attempted(work, time.monotonic() + seconds)
    pairs = zip(reports, probes, arguments, strict=False)
    runs = [Run(*report, "", *_spoilt(probe, after), peeked) for report, probe, after in pairs]
    return runs if outcome == "returned" else [*runs, Run(outcome, peeked=peeked)]


def _report(function, arguments, convert):
    """Return what becomes of one call, as the first three entries of a `Run`."""
    try:
        value = function(*arguments)
        return ("ellipsis", None, "") if value is Ellipsis else ("returned", convert(value), "")
    except Unfit as unfit:
        return "unfit", unfit, ""
    except _TimeIsUp:
        raise
    except BaseException as error:  # SystemExit and the like belong to the reader's function, not to the kernel
        return "raised", error, _exception_words(error)


def _attempted(work, deadline):
    """Do work in a thread with a time limit; return its report, what was printed, and whether it peeked."""
    context = contextvars.copy_context()
    printed = _Bounded()
    redirected = contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed)
    with redirected[0], redirected[1], warnings.catch_warnings(), _unraisable_hushed():
        warnings.simplefilter("ignore")
        attempt = _Attempt(lambda: context.run(work))
        attempt.until(deadline)
    _pending.extend(_restore())  # at once: what follows, and the next call, must not meet it
    return attempt.report, printed.text.rstrip(), attempt.peeked


def _spoilt(before, after):
    """Return the positions of arguments that were changed in place, and of those that ask for a gradient since."""
    pairs = list(enumerate(zip(before, after, strict=True)))
    changed = tuple(position for position, (old, new) in pairs if not _identical(old, new))
    return changed, tuple(position for position, (old, new) in pairs if _asks(new) and not _asks(old))


@contextlib.contextmanager
def _unraisable_hushed():
    """Say nothing of a `_TimeIsUp` that arrived where nothing can be raised, as in a finaliser: it is sent again."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda found: None if found.exc_type is _TimeIsUp else before(found)
    try:
        yield
    finally:
        sys.unraisablehook = before


def in_attempt():
    """Return the attempt that runs in this very thread, or None outside a check."""
    thread = threading.current_thread()
    return thread if isinstance(thread, _Attempt) else None


class _TimeIsUp(BaseException):
    """Raised inside the reader's function when its time is over.

    Where it is caught by a bare ``except:``, Python creates the instance in that very thread; from then on the next
    line that the reader's code begins raises again, this time inside the handler, so that the loop around it ends.
    """

    def __init__(self):
        super().__init__()
        frame = sys._getframe().f_back  # None where compiled code alone called
        while frame is not None and frame.f_code.co_filename != __file__:
            frame.f_trace = _raise_again
            frame = frame.f_back
        sys.settrace(_raise_again)


class _TakenBack(BaseException):
    """Raised in place of a `_TimeIsUp` that comes too late."""


def _send(ident, exception):
    """Have `exception` raised in the thread of this number, as soon as it runs Python again."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(exception))


def _raise_again(frame, event, arg):
    """Trace function: raise at the first line of the reader's code, never in this module."""
    if event == "line" and frame.f_code.co_filename != __file__:
        raise _TimeIsUp
    return _raise_again


class _Attempt(threading.Thread):
    """The thread in which a reader's function runs; an exception is sent into it only while that function runs.

    Freeing what a stopped function had piled up can take a second. Whatever is sent meanwhile would be raised in the
    thread's own clean-up. So the first thing that happens when the function is left, before anything is freed, is that
    `interruptible` goes out; one exception at most can then still be on its way: `_leave` meets it, or it is caught.
    """

    def __init__(self, work):
        super().__init__(name="exercise", daemon=True)
        self.report = ("too_slow", None, "")
        self.peeked = False
        self.deadline = math.inf
        self._work = work
        self._gate = threading.Lock()
        self._cancelled = self._interruptible = self._sent = False
        self._over = threading.Event()

    def run(self):
        """Do the work, and see to it that no exception leaves the thread."""
        try:
            try:
                with self._gate:
                    self._interruptible = not self._cancelled
                if self._interruptible:
                    report = self._work()
                    self._interruptible = False
                    self.report = report
            except BaseException:
                self._interruptible = False
            self._leave()
        except BaseException:  # the one that was on its way
            self._leave()
        finally:
            self._over.set()

    def _leave(self):
        self._interruptible = False
        sys.settrace(None)
        with self._gate:
            sent = self._sent
        if sent:
            # Not by sending None: where nothing is delivered, CPython 3.11 leaves a flag up, and the next debugger or
            # profiler of the session never gets on. So another exception takes the place of what is on its way.
            try:
                _send(threading.get_ident(), _TakenBack)
                for _ in range(1_000_000):
                    pass  # it arrives here
            except _TakenBack:
                pass

    def until(self, deadline):
        """Start, wait until the work is over; at the deadline (work may move it), or when interrupted, make it end."""
        self.deadline = deadline
        before = threading.stack_size(_STACK_BYTES)
        try:
            try:
                self.start()
            finally:
                threading.stack_size(before)
            while not self._over.is_set() and (left := self.deadline - time.monotonic()) > 0:
                self._over.wait(min(left, 0.05))  # in short steps: on Windows a longer wait could not be interrupted
        finally:  # also when the reader presses 'interrupt', be it while the thread starts or while the check waits
            self._end()

    def _end(self):
        # A module whose import is cut off stays half-made, and broken for the rest of the session.
        patience = time.monotonic() + _IMPORT_SECONDS
        while not self._over.is_set() and self._is_importing() and time.monotonic() < patience:
            self._over.wait(0.05)
        with self._gate:
            self._cancelled = True  # a thread that begins only now does no work
        give_up = time.monotonic() + (0.2 if self.ident is None else _PATIENCE)
        while not self._over.is_set() and time.monotonic() < give_up:
            self._interrupt()
            self._over.wait(0.01)
        if self._over.is_set():
            self.join(0.5)
        elif self.ident is not None:
            threading.Thread(target=self._pursue, name="exercise that goes on", daemon=True).start()

    def _interrupt(self):
        with self._gate:
            if self._interruptible:
                self._sent = True
                _send(self.ident, _TimeIsUp)

    def _pursue(self):
        """Go on interrupting after the verdict: on a busy machine a loop may not have had its turn yet."""
        while not self._over.wait(0.1):
            self._interrupt()

    def _is_importing(self):
        """Whether the thread is inside an import statement just now."""
        frame = sys._current_frames().get(self.ident)
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


def _exception_words(error):
    """Return the exception as Python would print it, in at most a few lines."""
    try:
        words = str(error)
    except Exception:
        words = "(its message cannot be shown)"
    words = words if len(words) <= 300 else words[:300] + " …"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def is_array(value):
    """Whether `value` is a NumPy array or a tensor."""
    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor))


def _asks(value):
    return bool(getattr(value, "requires_grad", False))


def _identical(before, after):
    if not is_array(before):
        return before == after
    # whether a gradient was switched on is another question; the numbers are compared here
    before, after = (np.asarray(value.detach() if hasattr(value, "detach") else value) for value in (before, after))
    return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


# --- the session ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def session_kept():
    """Yield a list, and put back the session's state however the body ends; the list then names what had changed.

    Random states and the recursion limit are put back silently: a function may well draw random numbers.
    """
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    limit = sys.getrecursionlimit()
    settings = _settings()
    before = [read() for _, read, _ in settings]
    modules = len(sys.modules)
    put_back = []
    try:
        yield put_back
    finally:
        sys.setrecursionlimit(limit)
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])
        for (name, read, write), value in zip(settings, before, strict=True):
            if name == _ENVIRONMENT and len(sys.modules) > modules:
                value = {**os.environ, **value}  # what a library set for itself when it was imported stays
            if read() != value:
                write(value)
                put_back.append(name)


_ENVIRONMENT = "environment variables"


def _settings():
    """Return what a session can be set to, as (name, read, write), for the libraries that are loaded."""
    settings = [
        ("the working directory", _working_directory, os.chdir),
        (_ENVIRONMENT, lambda: dict(os.environ), _set_environment),
        ("the module search path", lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value)),
        ("the garbage collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
        ("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
        ("the precision of decimal numbers", _decimal, _set_decimal),
        ("NumPy's treatment of errors", np.geterr, lambda value: np.seterr(**value)),
        ("NumPy's print options", np.get_printoptions, lambda value: np.set_printoptions(**value)),
    ]
    torch = sys.modules.get("torch")
    if torch:
        settings += [
            ("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
            ("torch's gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
            ("torch's anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
            (
                "torch's deterministic mode",
                torch.get_deterministic_debug_mode,
                torch.set_deterministic_debug_mode,
            ),
            ("torch's number of threads", lambda: _in_a_new_thread(torch.get_num_threads), torch.set_num_threads),
        ]
    matplotlib, pyplot = sys.modules.get("matplotlib"), sys.modules.get("matplotlib.pyplot")
    if pyplot:
        figures = pyplot._pylab_helpers.Gcf.figs
        settings += [
            ("matplotlib's settings", lambda: dict(matplotlib.rcParams.copy()), _set_matplotlib),
            ("the open figures", lambda: dict(figures), lambda value: (figures.clear(), figures.update(value))),
        ]
    return settings


def _in_a_new_thread(read):
    # what one thread sets for itself, torch hands to each that starts later; the thread that asks here does not see it
    values = []
    thread = threading.Thread(target=lambda: values.append(read()))
    thread.start()
    thread.join()
    return values[0]


def _working_directory():
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _set_environment(values):
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update(values)


_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def _decimal():
    context = decimal.getcontext()
    return {name: getattr(context, name) for name in _DECIMAL} | {"traps": dict(context.traps)}


def _set_decimal(values):
    context = decimal.getcontext()
    for name in _DECIMAL:
        setattr(context, name, values[name])
    context.traps.update(values["traps"])


def _set_matplotlib(values):
    dict.update(sys.modules["matplotlib"].rcParams, values)


# --- replaced functions -----------------------------------------------------------------------------------------------

# Python, a shell or a kernel may replace these itself.
_FREE = {"input", "print", "open", "help", "exit", "quit", "copyright", "credits", "license", "breakpoint"}
_FREE |= {"__import__", "__build_class__", "display", "get_ipython", "_"}
_pending = []  # names that were found replaced, and not told yet
_originals = {}  # name of a module or class: (the thing, its functions as they were when first seen)
_readers = {}  # the same name: (what reads all these functions at once, what it read)


def watch(name, thing, kinds=object):
    """Remember the functions of a module or class, to notice later if one is replaced."""
    functions = {
        key: value
        for key, value in vars(thing).items()
        if key not in _FREE
        and isinstance(value, kinds)
        and (callable(value) or isinstance(value, (property, classmethod, staticmethod)))
    }
    if name not in _originals:
        _originals[name] = thing, functions
        if len(functions) > 1:
            _readers[name] = operator.itemgetter(*functions), tuple(functions.values())


def watch_libraries():
    """Remember the functions of Python, NumPy and, once it is loaded, torch."""
    watch("builtins", builtins)
    watch("math", math)
    watch("np", np)
    watch("np.linalg", np.linalg)
    torch = sys.modules.get("torch")
    if torch and "torch" not in _originals and hasattr(torch, "Tensor"):
        # the compiled functions; of the others torch replaces some itself, as `torch.Storage` with the default dtype
        watch("torch", torch, types.BuiltinFunctionType)
        watch("torch.Tensor", torch.Tensor)


def restore_replaced():
    """Put back every watched function that was replaced; return the names of all found since the last call."""
    found = [*_pending, *_restore(thorough=True)]
    _pending.clear()
    return found


def _restore(thorough=False):
    """Put back what was replaced and return the names; if not thorough, all but what claims to be the original."""
    found = []
    for name, (thing, functions) in _originals.items():
        now = vars(thing)
        if not thorough and name in _readers and _unchanged(now, *_readers[name]):
            continue
        for key, value in functions.items():
            if now.get(key) is not value:
                setattr(thing, key, value)
                found.append(f"{name}.{key}")
    return found


def _unchanged(now, read, before):
    """Return whether all is as before: two thousand comparisons in the time of a few lines of Python."""
    try:
        return read(now) == before
    except Exception:  # one is gone, or compares in a way of its own
        return False


watch_libraries()

__all__ = ["Run", "Unfit", "in_attempt", "is_array", "restore_replaced", "run", "run_each", "session_kept", "watch"]
__all__ += ["watch_libraries"]
