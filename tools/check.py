"""Run everything that must hold, one stage after the other; a stage that fails does not hide the next.

    python -m tools.check                                  (all stages, the browser last)
    python -m tools.check notebooks/08_vae.ipynb           (what concerns one lesson, without a browser)

In the end a table names each stage with its result and seconds, and the slowest files and tests of all stages. The exit
status is that of the worst stage. Ctrl-C ends the running stage and all that it started, and the table tells how far it
came.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.publish import browser, npm, rehearsal

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SLOWEST = 10
"""How many of the slowest tests, and of the slowest files, the table names."""

INTERRUPTED = 130
"""The exit status after Ctrl-C."""

_GRACE = 30  # seconds a stage has, after Ctrl-C, to end what it started
_REHEARSAL = rehearsal.DESTINATION
_SANITIZE = ROOT / "tests" / "notebooks" / "nbval_sanitize.cfg"
# One thread for each of the processes that run at a time.
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_NOBODY = {"VAE_COURSE_PROGRESS": "off"}  # what runs here is no learner's answer
# A sitecustomize module that refuses connections to the outside, in kernels too.
_OFFLINE = {"PYTHONPATH": str(ROOT / "tests" / "offline")}
# Sweeps, frames, mutants, slides and the explorers of the browser tests show the same trained models. What a reader
# runs trains its own, and so it is with the outputs.
_KEPT = {"VAE_COURSE_MODELS": str(ROOT / "build" / "models")}


@dataclass(frozen=True)
class Stage:
    """Commands that belong together; all of them run, and the stage is as bad as its worst.

    Attributes
    ----------
    name : str
    commands : tuple of tuple of str
        Each a program with its arguments.
    environment : dict of str to str
        Added to that of this process.
    obstacle : callable
        Says, when it is the stage's turn, why it cannot run, in one sentence, or "".
    required : bool
        A stage that cannot run has failed; otherwise it is skipped.
    optional : bool
        A stage that fails leaves out no check by itself: it is skipped.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    environment: dict[str, str] = field(default_factory=dict)
    obstacle: Callable[[], str] = str
    required: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a stage ended.

    Attributes
    ----------
    stage : Stage
    result : str
        "passed", "failed", "skipped", "interrupted" or "not run".
    status : int
        The exit status.
    seconds, processor : float
        By the clock, and of the processor (0 where the system does not count what other processes used).
    reason : str
        Why it was skipped, or could not run.
    """

    stage: Stage
    result: str
    status: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    reason: str = ""


# --- the stages -------------------------------------------------------------------------------------------------------


def stages(jobs: int) -> list[Stage]:
    """Return all stages of the course, from the quickest answer to the slowest."""
    needed = {"obstacle": no_browser, "required": _browser_required()}
    return [
        _lint(),
        # Where it fails, the browser's stages say whether that matters.
        Stage("packages from npm", (_python("tools.publish.npm"),), optional=True),
        _tests("units and contracts", jobs, "worksteal", "tests", "--ignore", "tests/browser", environment=_KEPT),
        _outputs(jobs),
        Stage("explorers' frames", (_python("tools.publish.frames"),), {**_ONE_THREAD, **_KEPT}, **needed),
        # Now and then, a browser test waits for its page or for a kernel.
        _tests("browser", jobs + 1, "worksteal", "tests/browser", environment=_KEPT, **needed),
    ]


def lesson_stages(paths: Sequence[Path], jobs: int) -> list[Stage]:
    """Return what concerns some lessons alone: style, contracts, sweeps, mutants, the students' copy, and outputs.

    Raises
    ------
    ValueError
        One of the paths is no notebook of the course; the message says which.
    """
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file() or path.resolve().parent != NOTEBOOKS:
            raise ValueError(f"{path} is no lesson: name notebooks of the course, such as notebooks/08_vae.ipynb")
    names = [path.stem for path in paths]
    files = [
        "tests/notebooks/test_notebooks.py",
        "tests/lessons/test_explorer_sweeps.py",
        "tests/publish/test_student_copy.py",
    ]
    mutants = [ROOT / "tests" / "lessons" / f"test_mutations_{name[:2]}.py" for name in names]
    files = [str(path.relative_to(ROOT)) for path in mutants if path.is_file()] + files
    chosen = " or ".join([*names, *(path.stem for path in mutants)])
    here = [str(path.resolve().relative_to(ROOT)) for path in paths]
    # No browser is started, whichever tests are chosen.
    alone = {"COURSE_BROWSER": "off", **_KEPT}
    return [
        _lint(*here),
        _tests("contracts, sweep, mutants and copy", jobs, "load", *files, "-k", chosen, environment=alone),
        _outputs(jobs, *(path.name for path in paths)),
    ]


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _lint(*paths: str) -> Stage:
    paths = paths or (".",)
    return Stage("lint", (_python("ruff", "check", *paths), _python("ruff", "format", "--check", *paths)))


def _tests(
    name: str, jobs: int, order: str, *arguments: str, environment: dict[str, str] | None = None, **options: Any
) -> Stage:
    command = _python("pytest", "-n", str(jobs), "--dist", order, *arguments)
    return Stage(name, (command,), {**_ONE_THREAD, **_OFFLINE, **_NOBODY, **(environment or {})}, **options)


def _outputs(jobs: int, *names: str) -> Stage:
    """Run notebooks once, as students have them and with the course's outputs, by nbval; all of them without names."""
    folder = _REHEARSAL.relative_to(ROOT) / "notebooks"
    paths = [str(folder / name) for name in names] or [str(folder)]
    flags = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(_SANITIZE.relative_to(ROOT)))
    # Progress bars come and go with the speed of the machine: outputs that are compared do without.
    environment = {"TQDM_DISABLE": "1", "PYTHONPATH": os.pathsep.join([_OFFLINE["PYTHONPATH"], str(_REHEARSAL)])}
    stage = _tests("outputs (nbval)", jobs, "loadfile", *flags, *paths, environment=environment)
    return replace(stage, commands=(_python("tools.publish.rehearsal"), *stage.commands))


def no_browser() -> str:
    """Return why no browser test can run and what to do, in one sentence; "" where nothing stands in the way."""
    if os.environ.get("COURSE_BROWSER") == "off":
        return "COURSE_BROWSER is off."
    try:
        browser.chromium()
        for name in npm.PACKAGES:
            npm.package(name)
    except (browser.BrowserError, npm.NpmError) as error:
        return str(error)
    return ""


def _browser_required() -> bool:
    return os.environ.get("COURSE_BROWSER") == "required" or bool(os.environ.get("CHROMIUM"))


# --- running them -----------------------------------------------------------------------------------------------------


def run(todo: Sequence[Stage]) -> int:
    """Run stages in their order, whatever becomes of each, and print the table; return the worst exit status."""
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        try:
            for number, stage in enumerate(todo):
                print(f"\n-- {stage.name} {'-' * max(3, 76 - len(stage.name))}", flush=True)
                outcomes.append(_run_stage(stage, Path(folder) / str(number)))
                if outcomes[-1].result == "interrupted":
                    break
            outcomes += [Outcome(stage, "not run") for stage in todo[len(outcomes) :]]
        finally:
            print(summary(outcomes, measured(Path(folder))), flush=True)
    return max((outcome.status for outcome in outcomes), default=0)


def _run_stage(stage: Stage, reports: Path) -> Outcome:
    begin, used = time.monotonic(), _processor()

    def outcome(result: str, status: int, reason: str = "") -> Outcome:
        return Outcome(stage, result, status, time.monotonic() - begin, _processor() - used, reason)

    try:
        if reason := stage.obstacle():
            print(reason, flush=True)
            return outcome("failed" if stage.required else "skipped", int(stage.required), reason)
        reports.mkdir()
        worst = 0
        for number, command in enumerate(stage.commands):
            if command[1:3] == ("-m", "pytest"):
                command = (*command, f"--junit-xml={reports / f'{number}.xml'}")
            worst = max(worst, _status(command, {**os.environ, **stage.environment}))
    except KeyboardInterrupt:
        return outcome("interrupted", INTERRUPTED)
    if worst and stage.optional:
        return outcome("skipped", 0, "It failed; the stages that need it say more.")
    return outcome("failed" if worst else "passed", worst)


def _processor() -> float:
    """Return the processor's seconds of all processes that were started and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _status(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command to its end and return its exit status; after Ctrl-C, nothing of what it started goes on."""
    # A group of its own: Ctrl-C in a terminal then reaches this process alone, which passes it on once.
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    return status if status >= 0 else 128 - status


def _end(process: subprocess.Popen) -> None:
    """End a process and its group: by Ctrl-C, so that it tidies up, and by force what is left of it."""
    _signal(process, signal.SIGINT)
    try:
        process.wait(timeout=_GRACE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()


def _signal(process: subprocess.Popen, number: int) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except (ProcessLookupError, PermissionError):
        pass  # all of it has ended


# --- the table --------------------------------------------------------------------------------------------------------


def measured(folder: Path) -> list[tuple[float, str, str]]:
    """Return seconds, file and name of each test in what pytest reports below a folder.

    A report that pytest did not finish is left out.
    """
    found = []
    for path in folder.rglob("*.xml"):
        try:
            cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        except ElementTree.ParseError:
            continue
        found += [
            (float(case.get("time", 0)), case.get("classname", "").removeprefix("tests."), case.get("name", ""))
            for case in cases
        ]
    return found


def slowest(tests: Sequence[tuple[float, str, str]], count: int = SLOWEST) -> list[tuple[float, str]]:
    """Return seconds and names of the slowest of what `measured` returned, the slowest first."""
    named = [(seconds, f"{file}::{name}" if file else name) for seconds, file, name in tests]
    return sorted(named, key=lambda item: (-item[0], item[1]))[:count]


def by_file(tests: Sequence[tuple[float, str, str]], count: int = SLOWEST) -> list[tuple[float, int, str]]:
    """Return seconds, number of tests and name of the files whose tests take longest together, the longest first."""
    files: dict[str, list[float]] = {}
    for seconds, file, _ in tests:
        files.setdefault(file, []).append(seconds)
    found = [(sum(times), len(times), file) for file, times in files.items()]
    return sorted(found, key=lambda item: (-item[0], item[2]))[:count]


def summary(outcomes: Sequence[Outcome], tests: Sequence[tuple[float, str, str]]) -> str:
    """Return the table of stages, and of the files and tests that take longest, of what `measured` returned."""
    wide = max([len(outcome.stage.name) for outcome in outcomes], default=0)
    lines = ["", f"{'stage':<{wide}}  {'result':<11} {'seconds':>7} {'CPU':>7}"]
    for outcome in outcomes:
        line = f"{outcome.stage.name:<{wide}}  {outcome.result:<11} {outcome.seconds:7.0f} {outcome.processor:7.0f}"
        lines.append(line + (f"  {outcome.reason}" if outcome.reason else ""))
    seconds, processor = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("seconds", "processor"))
    lines.append(f"{'all':<{wide}}  {'':<11} {seconds:7.0f} {processor:7.0f}")
    if tests:
        lines += ["", "files, seconds of all their tests"]
        lines += [f"{seconds:7.1f}  {file} ({count})" for seconds, count, file in by_file(tests)]
        lines += ["", "slowest tests, seconds"]
        lines += [f"{seconds:7.1f}  {name}" for seconds, name in slowest(tests)]
    return "\n".join(lines)


# --- the command ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the status of the worst stage."""
    parser = argparse.ArgumentParser(prog="python -m tools.check", description="Run everything that must hold.")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK", help="check these lessons alone")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tests at a time (default: 2)")
    options = parser.parse_args(arguments)
    try:
        todo = lesson_stages(options.notebooks, options.jobs) if options.notebooks else stages(options.jobs)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # SIGTERM ends it as Ctrl-C does. A run that was started in the background may have inherited to ignore both.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    return run(todo)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
