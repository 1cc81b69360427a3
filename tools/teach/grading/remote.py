"""The function that stands for a student's, on the grader's side of the wall.

`Remote` is called like any function, by `Exercise.examine` among others: it sends its arguments across, waits, and
gives back what came, raises what was raised, prints what was printed. Only numbers come back, so the comparison with
what is right happens here, where no student's code runs. Gradients are asked for across the wall too.
"""

import sys
import time

import numpy as np

from course_utils.workshop import running
from tools.teach.grading import wire
from tools.teach.grading.yard import ProcessEnded

_STARTS = 4  # of a process, for one function
_LOAD_SECONDS = 60.0


class Remote:
    """Stands for a student's function behind the wall.

    Parameters
    ----------
    seat : Seat
    statements : list of (str, bool)
        What the function needs, and the function itself (True), in order.
    name : str
        Of the function.
    signature : inspect.Signature or None
    """

    def __init__(self, seat, statements, name, signature=None):
        self._seat, self._statements, self._name = seat, statements, name
        if signature is not None:
            self.__signature__ = signature
        self._starts = 0
        self.notes: list[str] = []
        self.line = ""  # of the student's code, where the last call raised
        self.peeked = False
        self.loaded: dict = {}

    def load(self):
        """Have the function ready behind the wall.

        Returns
        -------
        dict
            ``ok`` tells whether there is a function; ``error`` what was raised where its cell was run.
        """
        self._seat.begin()
        if self._seat.holds is self:
            return self.loaded
        if self._starts >= _STARTS:
            raise ProcessEnded("the process ended again and again")
        self._starts += 1
        message = {"op": "load", "statements": self._statements, "name": self._name}
        try:
            self.loaded = self._exchange(message, (), time.monotonic() + _LOAD_SECONDS)
            self._seat.holds = self
        except (ProcessEnded, MemoryError) as error:
            self.loaded = {"error": ["ProcessEnded", str(error), ""]}
        except TimeoutError:
            self.loaded = {"error": ["TimeoutError", f"not ready after {_LOAD_SECONDS:.0f} seconds", ""]}
        self.notes = [str(note)[:300] for note in self.loaded.get("notes", [])][:5]
        return self.loaded

    def __call__(self, *arguments):
        """Call the student's function."""
        return self.call(0, arguments)

    def call(self, function, arguments):
        """Call the function with this number across the wall."""
        loaded = self.load()
        if not loaded.get("ok"):
            raise self._error(loaded.get("error", ["TypeError", "there is no function", ""]))
        torch = sys.modules.get("torch")
        leaves = [value for value in arguments if _asks(value)]
        gradients = torch is not None and torch.is_grad_enabled()
        message = {"op": "call", "function": function, "gradients": bool(leaves) and gradients, "keep": True}
        if not leaves:  # a function that trains needs them of its own
            message["gradients"] = gradients
        said = self._exchange(message, arguments, time.monotonic() + 3600)
        if isinstance(said.get("printed"), str) and said["printed"]:
            print(said["printed"][:700], end="")
        if said.get("outcome") != "returned":
            raise self._error(said.get("error"))
        value, *changed = said["values"]
        for position, new in zip(said.get("changed", []), changed, strict=False):
            if isinstance(position, int) and 0 <= position < len(arguments):
                _put_back(arguments[position], new)
        return self._connected(value, leaves) if leaves and gradients else _without_gradients(value)

    def _exchange(self, message, values, deadline):
        said = self._seat.exchange(message, values, deadline, self._function)
        if said.get("peeked") is True:
            self.peeked = True
            if attempt := running.in_attempt():
                attempt.peeked = True
        return said

    def _function(self, number, name):
        remote, life = self, self._seat.life

        class Handed:
            """A function that the student's function returned."""

            def __call__(self, *arguments):
                if remote._seat.life != life or remote._seat.holds is not remote:
                    raise ProcessEnded("the process that holds this function is gone")
                return remote.call(number, arguments)

        Handed.__name__ = wire.stand_in(name).__name__
        return Handed()

    def _error(self, told):
        name, words, line = (str(part) for part in (told or ["Exception", "", ""])[:3])
        self.line = line[:300]
        return wire.stand_in(name, Exception)(words[:2000]) if words else wire.stand_in(name, Exception)()

    def _connected(self, value, leaves):
        """Return a result whose gradients are asked for across the wall."""
        torch = sys.modules["torch"]
        remote = self

        class Across(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *tensors):
                return tuple(tensor.clone() for tensor in tensors[len(leaves) :])

            @staticmethod
            def backward(ctx, *weights):
                said = remote._exchange({"op": "pull"}, weights, time.monotonic() + 60)
                if said.get("outcome") != "returned" or len(said["values"]) != len(leaves):
                    raise remote._error(said.get("error"))
                fits = [
                    got if torch.is_tensor(got) and got.shape == leaf.shape else None
                    for got, leaf in zip(said["values"], leaves, strict=True)
                ]
                return (*fits, *(None for _ in weights))

        results = [part for part in _tensors(value) if part.requires_grad]
        if not results:
            return value
        passed = iter(Across.apply(*leaves, *(part.detach() for part in results)))
        return _replaced(value, lambda part: next(passed) if part.requires_grad else part)


def _asks(value):
    return bool(getattr(value, "requires_grad", False))


def _tensors(value):
    torch = sys.modules["torch"]
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _tensors(entry)
    elif isinstance(value, torch.Tensor):
        yield value


def _replaced(value, change):
    torch = sys.modules["torch"]
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(entry, change) for entry in value)
    return change(value) if isinstance(value, torch.Tensor) else value


def _without_gradients(value):
    """Return results that ask for gradients as tensors that came out of a computation."""
    torch = sys.modules.get("torch")
    if torch is None:
        return value
    return _replaced(value, lambda part: part.detach() if part.requires_grad else part)


def _put_back(argument, new):
    """Change an argument as it was changed behind the wall, as far as that can be shown."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(argument, torch.Tensor):
        if isinstance(new, torch.Tensor):
            with torch.no_grad():
                if new.shape == argument.shape:
                    argument.copy_(new)
                if new.requires_grad and not argument.requires_grad and argument.is_floating_point():
                    argument.requires_grad_()
    elif isinstance(argument, np.ndarray) and isinstance(new, np.ndarray):
        if new.shape == argument.shape:
            argument[...] = new


__all__ = ["Remote"]
