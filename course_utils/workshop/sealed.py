"""Modules that are stored sealed: compressed, and mixed with a stream of bytes that comes from their own name.

In the copy of the course that students get, a module that holds exercises and their right answers is a file
`exercises.sealed` in the place of `exercises.py`. It is imported like any other. Whoever opens it, searches the folder,
or asks a notebook for the source of a function finds nothing. That keeps answers out of sight, not out of reach: what
opens the file has to lie beside it, and a function in memory can be called and taken apart.

What is stored is source and not bytecode: each version of Python has its own bytecode, and `variants` makes its small
changes in source.
"""

import hashlib
import importlib.abc
import importlib.util
import inspect
import sys
import zlib
from pathlib import Path

SUFFIX = ".sealed"


def seal(path: Path, text: str) -> None:
    """Store the source `text` in a file; the name of the file and that of its folder count."""
    path.write_bytes(_mixed(zlib.compress(text.encode(), 9), path))


def text(path: Path) -> str:
    """Return the source in a file, sealed or not.

    Raises
    ------
    ImportError
        The file is damaged, or had another name when it was sealed.
    """
    if path.suffix != SUFFIX:
        return path.read_text(encoding="utf-8")
    try:
        return zlib.decompress(_mixed(path.read_bytes(), path)).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ImportError(f"{path} is damaged: take it from a new copy of the course", path=str(path)) from error


def _mixed(data, path):
    """Mix bytes with the stream of a name; to do it twice is to undo it."""
    stream = hashlib.shake_256(f"{path.parent.name}/{path.stem}".encode()).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream, strict=True))


def source_file(function) -> Path:
    """Return where the source of a Python function stands, for `text`; of one that was typed in, no file is there.

    Raises
    ------
    TypeError
        It has no source at all.
    """
    shown = function.__code__.co_filename
    if shown.endswith(f"{SUFFIX}>"):
        return Path(shown[1:-1])
    return Path(inspect.getsourcefile(function))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `name.sealed` in the folders of the packages below one."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, fullname, path=None, target=None):
        if path and fullname.startswith(f"{self.package}."):
            for folder in path:
                place = Path(folder, fullname.rpartition(".")[2] + SUFFIX)
                if place.is_file():
                    return importlib.util.spec_from_loader(fullname, _Loader(place), origin=_shown(place))
        return None


class _Loader(importlib.abc.Loader):
    """Runs a sealed module; without a `get_source`, which would hand its text to `inspect`, `linecache` and IPython."""

    def __init__(self, path):
        self._path = path

    def exec_module(self, module):
        exec(compile(text(self._path), _shown(self._path), "exec", dont_inherit=True), vars(module))


def _shown(path):
    return f"<{path}>"  # no tool takes this for the name of a file


def find_in(package: str) -> None:
    """Have sealed modules of a package found, where Python itself finds none."""
    if not any(isinstance(finder, _Finder) and finder.package == package for finder in sys.meta_path):
        sys.meta_path.append(_Finder(package))


__all__ = ["SUFFIX", "find_in", "seal", "source_file", "text"]
