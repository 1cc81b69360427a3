"""Values that cross the wall, in both directions, as plain data: nothing that is received is ever executed.

A message is a JSON object with the raw bytes of its arrays behind it. There is no pickle: what comes from a student's
process may be made by hand, so each part is checked, bounded, and turned into a new array, tensor, number or text.
What is none of these arrives as an `Other` with the name of its type, a function as whatever `functions` makes of it.
"""

import json
import math
import struct
import sys
from collections.abc import Callable

import numpy as np

HEADER = struct.Struct("!IQ")
MOST_TEXT = 16_000_000  # bytes of the JSON part
MOST_BYTES = 200_000_000  # of all arrays together; no exercise returns more than a few thousand numbers
_MOST_NUMBERS = 10_000_000  # in one array; the check refuses what is larger
_MOST_PARTS = 200_000
_MOST_DEPTH = 20
_MOST_CHARACTERS = 20_000
_KINDS = "fiubc"
_ENTRIES = ("none", "ellipsis", "bool", "int", "float", "complex", "str", "range", "list", "tuple", "dict", "generator")
_ENTRIES += ("other", "function", "source", "scalar", "array", "tensor", "huge")


class WireError(Exception):
    """A message that is none: cut off, too large, or not made by this module."""


class Other:
    """Stands for a value that does not cross the wall; its class has the name of the value's own class."""


def stand_in(name, base=Other):
    """Return a class with the name of one that does not cross the wall."""
    name = name if isinstance(name, str) and name.isidentifier() else "object"
    return type(name[:60], (base,), {"__module__": "answer"})


def packed(message, *values, functions: Callable | None = None):
    """Return a message, a dictionary of plain JSON, with `values` and their arrays, as bytes.

    `functions` is called with each function among the values, and with what packs a part of it; it returns an entry.
    Without it functions are named only.
    """
    packer = _Packer(functions)
    text = json.dumps({**message, "values": [packer.pack(value, 0) for value in values]}).encode()
    blob = b"".join(packer.blobs)
    return HEADER.pack(len(text), len(blob)) + text + blob


def unpacked(text, blob, functions: Callable | None = None):
    """Return a message as a dictionary, its `values` as Python objects again.

    Raises
    ------
    WireError
        It is no message of `packed`.
    """
    try:
        message = json.loads(text)
        unpacker = _Unpacker(blob, functions)
        message["values"] = [unpacker.unpack(entry, 0) for entry in message["values"]]
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"not understood: {type(error).__name__}") from None
    return message


def sizes(header):
    """Return the numbers of bytes that follow a header, or raise `WireError` where they are absurd."""
    text, blob = HEADER.unpack(header)
    if text > MOST_TEXT or blob > MOST_BYTES:
        raise WireError("the message is too large")
    return text, blob


class _Packer:
    def __init__(self, functions):
        self.functions, self.blobs, self.size, self.parts = functions, [], 0, 0

    def pack(self, value, depth):
        self.parts += 1
        kind = type(value)
        if depth > _MOST_DEPTH or self.parts > _MOST_PARTS:
            return ["other", kind.__name__]
        if value is None:
            return ["none"]
        if value is Ellipsis:
            return ["ellipsis"]
        if kind is bool:
            return ["bool", value]
        if kind is int:
            return ["int", hex(value)] if abs(value).bit_length() < 40_000 else ["other", "int"]
        if kind is float:
            return ["float", value.hex()]
        if kind is complex:
            return ["complex", value.real.hex(), value.imag.hex()]
        if kind is str:
            return ["str", value[:_MOST_CHARACTERS]]
        if isinstance(value, np.ndarray) and value.size > _MOST_NUMBERS:
            return ["huge", list(value.shape)]
        if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
            return ["scalar", *self._array(np.asarray(value))]
        if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS and value.nbytes <= MOST_BYTES - self.size:
            return ["array", *self._array(np.asarray(value))]
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._tensor(torch, value)
        if isinstance(value, range):
            return ["range", hex(value.start), hex(value.stop), hex(value.step)]
        if isinstance(value, (list, tuple)):
            name = "list" if isinstance(value, list) else "tuple"
            return [name, [self.pack(entry, depth + 1) for entry in list(value)[:_MOST_PARTS]]]
        if isinstance(value, dict):
            pairs = list(value.items())[:_MOST_PARTS]
            return ["dict", [[self.pack(key, depth + 1), self.pack(entry, depth + 1)] for key, entry in pairs]]
        if hasattr(value, "gi_frame"):
            return ["generator"]
        if callable(value) and kind is not type and self.functions is not None:
            return self.functions(value, lambda part: self.pack(part, depth + 1))
        return ["other", kind.__name__]

    def _array(self, array):
        array = np.ascontiguousarray(array).reshape(array.shape)
        dtype = array.dtype if array.dtype.kind != "f" or array.dtype.itemsize <= 8 else np.dtype("float64")
        if array.dtype.kind == "c" and array.dtype.itemsize > 16:
            dtype = np.dtype("complex128")
        data = array.astype(dtype.newbyteorder("<"), copy=False).tobytes()
        place, self.size = self.size, self.size + len(data)
        self.blobs.append(data)
        return [dtype.newbyteorder("<").str, list(array.shape), place]

    def _tensor(self, torch, value):
        plain = value.device.type == "cpu" and value.layout == torch.strided and not value.is_quantized
        if plain and value.numel() > _MOST_NUMBERS:
            return ["huge", list(value.shape)]
        if not plain or value.numel() * 8 > MOST_BYTES - self.size:
            return ["other", "Tensor"]
        name = str(value.dtype).removeprefix("torch.")
        data = value.detach().resolve_conj().resolve_neg()
        data = data.float() if data.dtype == torch.bfloat16 else data
        return ["tensor", *self._array(data.numpy()), name, bool(value.requires_grad)]


class _Unpacker:
    def __init__(self, blob, functions):
        self.blob, self.functions, self.parts = memoryview(blob), functions, 0

    def unpack(self, entry, depth):
        self.parts += 1
        if depth > _MOST_DEPTH + 2 or self.parts > 2 * _MOST_PARTS:
            raise WireError("too many parts")
        kind, *rest = entry
        if kind not in _ENTRIES:
            raise WireError("an entry of no kind")
        return getattr(self, f"_{kind}")(depth, *rest)

    def _none(self, depth):
        return None

    def _ellipsis(self, depth):
        return Ellipsis

    def _bool(self, depth, value):
        return value is True

    def _int(self, depth, value):
        return int(value, 16)

    def _float(self, depth, value):
        return float.fromhex(value)

    def _complex(self, depth, real, imag):
        return complex(float.fromhex(real), float.fromhex(imag))

    def _str(self, depth, value):
        if not isinstance(value, str):
            raise WireError("no text")
        return value[:_MOST_CHARACTERS]

    def _range(self, depth, start, stop, step):
        return range(int(start, 16), int(stop, 16), int(step, 16))

    def _list(self, depth, entries):
        return [self.unpack(entry, depth + 1) for entry in entries]

    def _tuple(self, depth, entries):
        return tuple(self._list(depth, entries))

    def _dict(self, depth, pairs):
        return {self.unpack(key, depth + 1): self.unpack(value, depth + 1) for key, value in pairs}

    def _generator(self, depth):
        return (None for _ in ())

    def _other(self, depth, name):
        return stand_in(name)()

    def _function(self, depth, number, name):
        if self.functions is None:
            return stand_in(name)()
        return self.functions(int(number), str(name))

    def _source(self, depth, name, text, state):
        if self.functions is None or not hasattr(self.functions, "from_source"):
            raise WireError("source came from the wrong side")
        return self.functions.from_source(name, text, self.unpack(state, depth + 1))

    def _huge(self, depth, shape):
        return np.broadcast_to(0.0, [int(size) for size in shape])  # of this shape, and of no size

    def _scalar(self, depth, dtype, shape, place):
        return self._array(depth, dtype, shape, place)[()]

    def _array(self, depth, dtype, shape, place):
        dtype = np.dtype(str(dtype))
        if dtype.kind not in _KINDS or dtype.itemsize > 16:
            raise WireError("no array of numbers")
        shape = [int(size) for size in shape]
        count = math.prod(shape)
        if len(shape) > 32 or min(shape, default=0) < 0 or not 0 <= place <= len(self.blob) - count * dtype.itemsize:
            raise WireError("an array of an impossible size")
        flat = np.frombuffer(self.blob, dtype, count, int(place)) if count else np.empty(0, dtype)
        return flat.reshape(shape).astype(dtype.newbyteorder("="))

    def _tensor(self, depth, dtype, shape, place, name, wants_gradient):
        import torch

        wanted = getattr(torch, str(name), None)
        if not isinstance(wanted, torch.dtype):
            raise WireError("no type of a tensor")
        tensor = torch.from_numpy(self._array(depth, dtype, shape, place)).to(wanted)
        if wants_gradient is True and (tensor.is_floating_point() or tensor.is_complex()):
            tensor.requires_grad_()
        return tensor


__all__ = ["HEADER", "Other", "WireError", "packed", "sizes", "stand_in", "unpacked"]
