"""A benchmark whose output goes to a file says a line a minute, and on a terminal draws its bars as ever."""

import io
import sys

import pytest
from tqdm import tqdm

from benchmarks import Report, __main__, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bar_becomes_a_line_a_minute():
    clock, file = Clock(), io.StringIO()
    stream = progress.TerseProgress(file, clock=clock)
    # Two bars, one after the other, as from two trainings: the minute is that of the whole benchmark.
    for name in ("first", "second"):
        for _ in tqdm(range(90), desc=name, file=stream, mininterval=0, miniters=1, ascii=True, leave=False):
            clock.now += 1.0
    lines = file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["first", "second", "second"]
    assert "\r" not in file.getvalue()
    assert file.getvalue().endswith("\n")


def test_a_short_run_says_nothing_and_other_text_passes():
    file = io.StringIO()
    stream = progress.TerseProgress(file, clock=Clock())
    for _ in tqdm(range(9), file=stream, mininterval=0, miniters=1):
        print("a warning", file=stream)
    assert file.getvalue().replace("\n", "") == "a warning" * 9


@pytest.mark.parametrize(("stream", "terse"), [(io.StringIO(), True), (Terminal(), False)], ids=["file", "terminal"])
def test_a_benchmark_is_terse_where_nobody_watches(stream, terse, monkeypatch, capsys):
    seen = []

    class Module:
        @staticmethod
        def run():
            seen.append(sys.stderr)
            return Report("setting", ["a"], [["1"]], "bar", True)

    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "em"])
    monkeypatch.setattr(__main__.importlib, "import_module", lambda name: Module)
    assert __main__.main() == 0
    assert isinstance(seen[0], progress.TerseProgress) == terse
    assert sys.stderr is stream
    assert "em: bar pass" in capsys.readouterr().out


def test_the_stream_comes_back_after_an_error(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(ZeroDivisionError), progress.terse_progress():
        raise ZeroDivisionError
    assert sys.stderr is stream
