"""What holds for all tests: they run without network, and so does every kernel they start."""

import gc
import importlib
import os
import runpy
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = ROOT / "tests" / "offline"


def pytest_configure():
    """Close the network and the learner's memory, and say so to child processes.

    A hook and not a fixture, because the cells that nbval collects ask for no fixtures.
    """
    os.environ["VAE_COURSE_PROGRESS"] = "off"  # no test is a learner
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))
    # tqdm.auto chooses between terminal and notebook when it is first imported, by whether there is an IPython shell. A
    # test that makes one must not decide that for the tests after it.
    importlib.import_module("tqdm.auto")
    # Some tests end a program by Ctrl-C. A run that was itself started in the background ignores that, and with it
    # every program it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    inherited = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    search = dict.fromkeys([OFFLINE, ROOT, *inherited])  # a kernel works in another folder: no relative entries
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, search))


def pytest_collection_finish():
    """Spare the garbage collector what was made while tests were collected: it lives to the end."""
    _spare()


def pytest_runtest_logfinish():
    """Spare it also what tests have left, between two of them, whenever all was searched since.

    Functions that pile up objects, of which there are hundreds, otherwise have everything searched again and again.
    """
    if gc.get_stats()[-1]["collections"] != _searched[-1]:
        _spare()


_searched = [0]  # how often the oldest objects had been searched when they were spared


def _spare():
    gc.collect()
    gc.freeze()
    _searched[:] = [gc.get_stats()[-1]["collections"]]


def pytest_make_parametrize_id(val, argname):
    """Refuse bytes as names of tests: what is compressed may hold the time, and parallel workers then disagree."""
    if isinstance(val, bytes):
        raise pytest.UsageError(
            f"the parameter {argname} is bytes: give its cases readable names, pytest.param(…, id=…)"
        )
