"""The command that runs benchmarks: one by name, or all of them in a night."""

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from benchmarks import LONG, Report, __main__


@pytest.fixture
def processes(monkeypatch):
    """Stands for the processes: what was started when, with what, beside how many others; and what they return."""
    calls, statuses, lock, running = [], {}, threading.Lock(), []

    def run(command, env, check):
        name = command[3]
        with lock:
            running.append(name)
            calls.append(SimpleNamespace(command=command, name=name, env=env, beside=len(running) - 1, check=check))
        time.sleep(0.02)
        with lock:
            running.remove(name)
        status = statuses.get(name, 0)
        if isinstance(status, BaseException):
            raise status
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr(__main__.subprocess, "run", run)
    monkeypatch.setattr(__main__.os, "cpu_count", lambda: 2)
    return SimpleNamespace(calls=calls, statuses=statuses)


def test_all_run_in_processes_of_their_own_with_long_settings_and_none_hides_the_next(monkeypatch, capsys, processes):
    processes.statuses.update({"em": 1, "gumbel": -9})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--all", "--record"])
    assert __main__.main() == 9
    assert sorted(call.name for call in processes.calls) == sorted(__main__.BENCHMARKS)
    assert all(
        call.command[4:] == ["--record"] and call.env[LONG] == "1" and call.check is False for call in processes.calls
    )
    lines = capsys.readouterr().out.splitlines()
    for name, words in (("beta", "pass"), ("em", "fail"), ("gumbel", "stopped, exit status -9")):
        assert any(line.startswith(f"| {name} ") and words in line for line in lines)
    processes.statuses.clear()
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--all"])
    assert __main__.main() == 0 and processes.calls[-1].command[4:] == []


def test_what_measures_time_runs_alone_and_the_others_side_by_side(monkeypatch, processes):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    __main__.run_all(recorded=False)
    timed, others = processes.calls[: len(__main__.TIMED)], processes.calls[len(__main__.TIMED) :]
    assert {call.name for call in timed} == set(__main__.TIMED)
    assert all(call.beside == 0 and "OMP_NUM_THREADS" not in call.env for call in timed)
    assert max(call.beside for call in others) == 1 and {call.env["OMP_NUM_THREADS"] for call in others} == {"1"}
    order = [call.name for call in others]
    assert order.index("bounds") < order.index("priors"), "the second goes on from the first one's model"


@pytest.mark.parametrize("end", [KeyboardInterrupt(), -signal.SIGINT], ids=["here", "in the process"])
def test_after_an_interrupt_nothing_more_is_started(processes, end):
    processes.statuses["bounds"] = end
    with pytest.raises(KeyboardInterrupt):
        __main__.run_all(recorded=False)
    assert "priors" not in {call.name for call in processes.calls}


def test_two_that_end_together_are_both_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(__main__.kept, "FOLDER", tmp_path / "build")
    monkeypatch.setattr(__main__.results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(__main__.results, "TWIN", tmp_path / "results.json")
    (tmp_path / "RESULTS.md").write_text("# What the last runs gave\n", encoding="utf-8")
    names = [f"row{number}" for number in range(12)]

    def record(name):
        __main__.record(name, Report("setting", ("what",), [(name,)], "bar", True), f"{name}: bar pass")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, [*names, *names]))
    sections = __main__.results.read((tmp_path / "RESULTS.md").read_text(encoding="utf-8"))
    assert sorted(sections) == sorted(names)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))


def test_a_name_and_all_exclude_each_other():
    command = [sys.executable, "-m", "benchmarks", "em", "--all"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "--all runs em as well" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_it_says_what_there_is(arguments):
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, check=True
    )
    assert all(name in result.stdout for name in __main__.BENCHMARKS)
