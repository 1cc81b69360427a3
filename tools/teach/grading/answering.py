"""What happens behind the wall: take a student's function from its source, call it, and send back what it returns.

Nothing here is trusted by the grader: a student's code runs in this very process and can change all of it. It can make
this process lie about numbers, and a lie is judged like any other answer.
"""

import contextlib
import io
import os
import random
import sys
import types
import warnings
from copy import deepcopy

import numpy as np

from tools.teach.grading import wire

_PRINTED = 600
_FILE = "<answer>"


class _Printed(io.TextIOBase):
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text[: max(0, _PRINTED - len(self.text))]
        return len(text)


class _Answer:
    """The student's namespace and the functions that were handed out of it."""

    def __init__(self):
        self.space = {}
        self.functions = []
        self.graph = None  # (leaves, results that ask for a gradient) of the last call with gradients
        self.lines = []
        self.first = 0

    def load(self, message):
        """Run the statements that the function needs, then find it by name."""
        module = types.ModuleType("__main__")
        self.space = module.__dict__
        sys.modules["__main__"] = module
        notes = []
        for source, is_answer in message["statements"]:
            try:
                if is_answer:
                    self.lines = source.splitlines()
                exec(compile(source, _FILE if is_answer else "<cell>", "exec"), self.space)
            except BaseException as error:
                if is_answer:
                    return {"error": self._told(error)}
                notes.append(f"{source.splitlines()[0][:80]} → {type(error).__name__}: {str(error)[:200]}")
        function = self.space.get(message["name"])
        self.functions = [function]
        self.first = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
        return {"ok": callable(function) and not isinstance(function, type), "kind": type(function).__name__} | {
            "notes": notes
        }

    def call(self, message):
        """Call a function with copies of the values, and say what became of it and of them."""
        arguments = message["values"]
        before = deepcopy(arguments)
        leaves = [value for value in arguments if getattr(value, "requires_grad", False)]
        function = self.functions[message["function"]]
        printed = _Printed()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with _gradients(message["gradients"]), np.errstate(all="ignore"):
                    value = function(*arguments)
        except BaseException as error:
            return {"outcome": "raised", "error": self._told(error), "printed": printed.text}, ()
        changed = [k for k, (old, new) in enumerate(zip(before, arguments, strict=True)) if not _identical(old, new)]
        if message["gradients"]:
            self.graph = leaves, [part for part in _parts(value) if getattr(part, "requires_grad", False)]
        said = {"outcome": "returned", "printed": printed.text, "changed": changed}
        return said, (value, *(arguments[k] for k in changed))

    def pull(self, message):
        """Return the gradients of the last call's results, weighted by the values that came, in its arguments."""
        import torch

        leaves, results = self.graph
        pairs = [(part, weight) for part, weight in zip(results, message["values"], strict=True) if weight is not None]
        kept, weights = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(kept, leaves, weights, allow_unused=True)
        return {"outcome": "returned"}, gradients

    def kept(self, value, pack):
        """Keep a function that leaves; it is called by its number."""
        if len(self.functions) > 20:
            return ["other", type(value).__name__]
        self.functions.append(value)
        return ["function", len(self.functions) - 1, type(value).__name__]

    def _told(self, error):
        """Return an exception as its type, its words, and the student's own line."""
        line, step = "", error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == _FILE and step.tb_lineno <= len(self.lines):
                number = step.tb_lineno
                line = f"Line {number - self.first + 1} of your function: {self.lines[number - 1].strip()[:200]}"
                break  # the outermost: the line of the function itself
            step = step.tb_next
        if isinstance(error, SyntaxError):
            line = f"Line {error.lineno}: {(error.text or '').strip()[:200]}"
        try:
            words = str(error)[:2000]
        except Exception:
            words = "(its message cannot be shown)"
        return [type(error).__name__, words, line]


class _FromSource:
    """Objects that the grader hands over by source, such as the decoder of an exercise's inputs."""

    def __call__(self, number, name):
        raise wire.WireError("no function comes this way")

    def from_source(self, name, text, state):
        import math

        import torch

        space = {"torch": torch, "np": np, "math": math}
        exec(text, space)
        made = object.__new__(space[name])
        made.__dict__.update(state)
        return made


def _gradients(on):
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch is not None and on else contextlib.nullcontext()


def _parts(value):
    """Yield tensors, in the order in which they cross the wall."""
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _parts(entry)
    else:
        yield value


def _identical(before, after):
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(before, torch.Tensor):
        if before.requires_grad != after.requires_grad:
            return False
        before, after = before.detach().numpy(), after.detach().numpy()
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    return before is after or before == after


def answer(channel):
    """Serve one grader until it is gone; never returns an exception."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
    os.environ.update(HOME=os.getcwd(), OMP_NUM_THREADS="1", MPLBACKEND="agg", VAE_COURSE_PROGRESS="off")
    state, sources = _Answer(), _FromSource()
    peeked = getattr(sys.modules.get("course_utils.lessons"), "PEEKED", [])
    while (message := received(channel, sources)) is not None:
        del peeked[:]
        values = ()
        try:
            if message["op"] == "load":
                said = state.load(message)
            else:
                said, values = state.call(message) if message["op"] == "call" else state.pull(message)
        except BaseException as error:
            said = {"outcome": "raised", "error": state._told(error)}
        said["peeked"] = bool(peeked)
        functions = state.kept if message.get("keep") else None
        channel.sendall(wire.packed(said, *values, functions=functions))


def received(channel, functions):
    """Return the next message, or None when the other side is gone."""
    header = _exactly(channel, wire.HEADER.size)
    if header is None:
        return None
    text, blob = wire.sizes(header)
    return wire.unpacked(_exactly(channel, text), _exactly(channel, blob), functions)


def _exactly(channel, count):
    pieces = []
    while count:
        piece = channel.recv(min(count, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


__all__ = ["answer", "received"]
