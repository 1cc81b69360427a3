"""Trained models that the course's tools and tests need more than once, kept between processes.

Nothing is kept unless the environment variable VAE_COURSE_MODELS names a folder, which the tools and the tests do: a
reader's lesson trains its models in front of the reader. The folder may be deleted at any time.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import io
import json
import os
import pickle
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

FOLDER = "VAE_COURSE_MODELS"
"""The environment variable that names the folder."""

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("numpy", "scikit-learn", "scipy", "torch")

P = ParamSpec("P")
R = TypeVar("R")


def kept(train: Callable[P, R]) -> Callable[P, R]:
    """Let a function that trains be carried out once under the same code, data, versions and arguments.

    Parameters
    ----------
    train : a function of this package. Its arguments are numbers, strings, truth values, None, and tuples of these;
        what it returns follows from them alone and can be pickled. Any other call, and any call where
        VAE_COURSE_MODELS is not set, is carried out as if there were no decorator.

    Returns
    -------
    callable
        With the same signature. What it returns is bit for bit what the function returned, gradients included, and
        shares nothing with what other calls returned.
    """

    @functools.wraps(train)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        place = _place(train, args, kwargs)
        if place is None:
            return train(*args, **kwargs)
        content = _read(place)
        if content is None:
            content = _pickled(train(*args, **kwargs))
            _write(place, content)
        return pickle.loads(content)

    return once


@functools.cache
def foundations(root: Path, threads: int) -> str:
    """Return a digest of all that a trained model depends on: code, data, versions, and how the processor adds up."""
    code = (path for pattern in ("*.py", "*.sealed") for path in root.glob(f"course_utils/**/{pattern}"))
    names = sorted([*code, *root.glob("data/**/*")])
    if not names:
        raise FileNotFoundError(f"{root} holds neither course_utils nor data: a digest of nothing would fit all code")
    left_out = root / "data" / "cache"  # downloads, which no lesson waits for
    digest = hashlib.sha256()
    for path in names:
        if path.is_file() and not path.is_relative_to(left_out):
            digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    versions = [platform.python_version(), *map(importlib.metadata.version, _PACKAGES)]
    machine = [platform.system(), platform.machine(), torch.backends.cpu.get_cpu_capability(), threads]
    digest.update(json.dumps([versions, machine]).encode())
    return digest.hexdigest()


def _place(train: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Path | None:
    """Return where the result of a call is kept; None if it is not."""
    folder = os.environ.get(FOLDER)
    # A changed copy of a module, as tests make them, is not what the digest describes.
    if not folder or train.__module__.partition(".")[0] != __name__.partition(".")[0]:
        return None
    try:
        call = inspect.signature(train).bind(*args, **kwargs)
    except TypeError:
        return None  # the call itself says better what is wrong
    call.apply_defaults()
    values = list(call.arguments.items())
    if not _plain(values):
        return None
    known = foundations(ROOT, torch.get_num_threads())
    asked = f"{train.__module__}.{train.__qualname__}{values!r}"
    name = f"{train.__qualname__}-{_digest(asked)}"
    return Path(folder) / f"{name}-{_digest(known + asked)}.pickle"


def _plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class _Pickler(pickle.Pickler):
    """Keeps the gradients of parameters too, which pickle leaves out: a model is what training left behind."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, nn.Parameter) and value.grad is not None:
            return _parameter, (value.detach(), value.requires_grad, value.grad)
        return NotImplemented


def _parameter(data: Tensor, requires_grad: bool, grad: Tensor) -> nn.Parameter:
    parameter = nn.Parameter(data, requires_grad)
    parameter.grad = grad
    return parameter


def _pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _read(place: Path) -> bytes | None:
    """Return what is kept at a place; None if there is nothing, or it is damaged."""
    try:
        checksum, _, content = place.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == checksum else None


def _write(place: Path, content: bytes) -> None:
    """Write beside the place, then rename: nobody reads half an entry. Takes away what earlier code had left."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file, name = tempfile.mkstemp(dir=place.parent, prefix=".")
    try:
        with open(file, "wb") as stream:
            stream.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for earlier in place.parent.glob(place.name.rpartition("-")[0] + "-*.pickle"):
        if earlier != place:
            earlier.unlink(missing_ok=True)
