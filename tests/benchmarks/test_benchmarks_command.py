"""The command that runs benchmarks: one by name, or all of them in a night."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks import LONG, __main__


def test_all_run_in_processes_of_their_own_with_long_settings_and_none_hides_the_next(monkeypatch, capsys):
    calls, statuses = [], {"em": 1, "gumbel": -9}

    def run(command, env, check):
        calls.append((command, env[LONG], check))
        return SimpleNamespace(returncode=statuses.get(command[3], 0))

    monkeypatch.setattr(__main__.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--all", "--record"])
    assert __main__.main() == 9
    assert [command[3] for command, *_ in calls] == list(__main__.BENCHMARKS)
    assert all(command[4:] == ["--record"] and long == "1" and check is False for command, long, check in calls)
    lines = capsys.readouterr().out.splitlines()
    for name, words in (("beta", "pass"), ("em", "fail"), ("gumbel", "stopped, exit status -9")):
        assert any(line.startswith(f"| {name} ") and words in line for line in lines)
    statuses.clear()
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--all"])
    assert __main__.main() == 0 and calls[-1][0][4:] == []


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
