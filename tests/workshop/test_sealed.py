"""Sealed modules: imported like others, read by nobody who only looks, and still source for small changes."""

import importlib
import inspect
import linecache
import sys
import zlib

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_utils.workshop import sealed, variants

NAME = "sealed_room"
SOURCE = '''"""A module."""

FACTOR = 3


def _scaled(x):
    return FACTOR * x + 1


def wrapped(x):
    """Return it, scaled."""
    return _scaled(x)


both = lambda x: x - 1, lambda x: x + 1
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A sealed module in a package that may have such."""
    package = tmp_path / NAME
    package.mkdir()
    (package / "__init__.py").write_text("from course_utils.workshop import sealed\n\nsealed.find_in(__name__)\n")
    sealed.seal(package / "answers.sealed", SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield importlib.import_module(f"{NAME}.answers")
    for name in (NAME, f"{NAME}.answers"):
        sys.modules.pop(name, None)


def test_it_runs_like_any_other(module):
    assert (module.wrapped(2), module.FACTOR, module.__doc__) == (7, 3, "A module.")
    assert module.__name__ == f"{NAME}.answers"
    assert module.__spec__.parent == NAME
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{NAME}.nothing")


def test_its_source_is_read_by_the_checker_and_by_nobody_who_looks(module):
    path = sealed.source_file(module.wrapped)
    assert sealed.text(path) == SOURCE
    for one in (module, module.wrapped, module.both[0]):
        with pytest.raises((OSError, TypeError)):
            inspect.getsource(one)
    assert linecache.getlines(module.wrapped.__code__.co_filename, vars(module)) == []
    shell = InteractiveShell()
    shell.push({"module": module})
    for words in ("module.wrapped", "module.both[0]", "module"):
        assert "FACTOR *" not in shell.object_inspect_text(words, detail_level=1)
    data = path.read_bytes()
    assert not [word for word in (b"def", b"FACTOR", b"return") if word in data]
    with pytest.raises(zlib.error):
        zlib.decompress(data)


def test_small_changes_are_made_in_it(module):
    found = {variant(2) for _, variant, _ in variants.variants(module.wrapped)}
    assert {5, 2.5} <= found  # a minus for the plus, a division for the product
    assert {variant(5) for _, variant, _ in variants.variants(module.both[1])} != {
        variant(5) for _, variant, _ in variants.variants(module.both[0])
    }


def test_a_function_of_a_plain_module_has_its_file():
    assert "def mean" in sealed.text(sealed.source_file(importlib.import_module("statistics").mean))
    with pytest.raises(OSError, match="No such file"):
        sealed.text(sealed.source_file(eval("lambda x: x")))


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: data[:5] + b"\0" + data[6:], lambda data: b""])
def test_what_is_damaged_or_renamed_is_said_in_a_sentence(tmp_path, spoil):
    path = tmp_path / "a.sealed"
    sealed.seal(path, SOURCE)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ImportError, match="is damaged: take it from a new copy"):
        sealed.text(path)
    sealed.seal(path, SOURCE)
    with pytest.raises(ImportError, match="is damaged"):
        sealed.text(path.rename(tmp_path / "b.sealed"))
