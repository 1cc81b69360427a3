"""What others do while a benchmark runs is counted, and what it does itself is not."""

import json
import math
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

from benchmarks import load


def clock(monkeypatch, *moments):
    moments = iter(moments)
    monkeypatch.setattr(load, "_clock", lambda: next(moments))


def test_others_are_what_is_busy_and_not_ours(monkeypatch):
    clock(monkeypatch, (100.0, 1000.0, 5.0), (110.0, 1018.0, 14.0))
    with load.Load() as measured:
        pass
    assert measured.cores == pytest.approx(0.9)


def test_sums_survive_an_interrupt(monkeypatch, tmp_path):
    file = tmp_path / "row.load.json"
    clock(monkeypatch, (0.0, 0.0, 0.0), (10.0, 10.0, 10.0), (50.0, 70.0, 0.0), (60.0, 90.0, 10.0))
    with pytest.raises(KeyboardInterrupt), load.Load(file):
        raise KeyboardInterrupt
    with load.Load(file) as measured:
        pass
    assert (measured.seconds, measured.others, measured.cores) == (20.0, 10.0, 0.5)
    assert json.loads(file.read_text()) == {"seconds": 20.0, "others": 10.0}
    assert load.Load(file).cores == 0.5
    assert math.isnan(load.Load(tmp_path / "none").cores)


def test_a_busy_neighbour_is_seen():
    code = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
    with load.Load() as measured:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert measured.others > 0.8


class Times(NamedTuple):
    user: float
    guest: float
    idle: float


def test_our_own_work_and_a_guests_are_not_counted_as_others(monkeypatch):
    """On a machine where only we are busy, and what its guests do is in its users' time, too."""
    monkeypatch.setattr(load.psutil, "cpu_times", lambda: Times(time.process_time() + 3, 3.0, 50.0))
    with load.Load() as ours:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
    assert ours.others < 0.05 < 0.2 <= ours.seconds
