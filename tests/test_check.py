"""All stages run whatever becomes of one, the table tells it, and Ctrl-C leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.workshop import model_cache
from tools import check
from tools.publish import browser, npm

ROOT = Path(__file__).resolve().parents[1]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no groups of processes")


def stage(name, *scripts, **options):
    """A stand-in: each of its commands is a Python script."""
    return check.Stage(name, tuple((sys.executable, "-c", script) for script in scripts), **options)


def rows(said):
    """The table's stages with their results, from all that was printed."""
    table = said.rpartition("\nstage ")[2].partition("\n\n")[0].splitlines()[1:]
    return {row[:20].strip(): row[20:].split()[0] for row in table if not row.startswith("all ")}


def told(capfd):
    return rows(capfd.readouterr().out)


@pytest.fixture
def wide():
    """A name as wide as the table's first column is in these tests."""
    return "a name of 18 signs"


def test_a_stage_that_fails_does_not_hide_the_next(tmp_path, capfd, wide):
    mark = tmp_path / "ran"
    todo = [
        stage(wide, "pass"),
        stage("one", "raise SystemExit(1)"),
        stage("two", "raise SystemExit(3)", f"open({str(mark)!r}, 'w')"),
        stage("three", "raise SystemExit(2)"),
        stage("last", "print('the last one spoke')"),
    ]
    assert check.run(todo) == 3
    assert mark.exists(), "a failing command hid the next of its stage"
    said = capfd.readouterr().out
    assert "the last one spoke" in said
    assert rows(said) == {wide: "passed", "one": "failed", "two": "failed", "three": "failed", "last": "passed"}


def test_where_all_stages_pass_so_does_the_check(capfd, wide):
    assert check.run([stage(wide, "pass"), stage("two", "pass", "pass")]) == 0
    assert told(capfd) == {wide: "passed", "two": "passed"}


@posix
def test_a_stage_that_is_killed_has_failed(capfd, wide):
    assert check.run([stage(wide, "import os; os.kill(os.getpid(), 9)")]) == 128 + 9
    assert told(capfd) == {wide: "failed"}


def test_a_stage_with_an_obstacle_is_skipped_and_says_why(capfd, wide):
    blocked = stage(wide, "raise SystemExit(1)", obstacle=lambda: "There is no Chromium: install it.")
    assert check.run([blocked, stage("two", "pass")]) == 0
    said = capfd.readouterr().out
    assert rows(said) == {wide: "skipped", "two": "passed"}
    assert said.count("There is no Chromium: install it.") == 2, "once in its place and once in the table"


def test_an_obstacle_is_asked_for_when_it_is_the_stages_turn(tmp_path, wide, capfd):
    fetched = tmp_path / "fetched"
    later = stage(wide, "pass", obstacle=lambda: "" if fetched.exists() else "Nothing was fetched.")
    assert check.run([stage("one", f"open({str(fetched)!r}, 'w')"), later]) == 0
    assert told(capfd) == {"one": "passed", wide: "passed"}


def test_an_obstacle_to_what_is_required_is_a_failure(capfd, wide):
    assert check.run([stage(wide, "pass", obstacle=lambda: "There is none.", required=True), stage("two", "pass")]) == 1
    assert told(capfd) == {wide: "failed", "two": "passed"}


def test_an_optional_stage_that_fails_is_skipped(capfd, wide):
    assert check.run([stage(wide, "raise SystemExit(1)", optional=True)]) == 0
    assert told(capfd) == {wide: "skipped"}


def test_a_stages_environment_is_its_own(capfd, wide):
    asks = "import os; raise SystemExit(os.environ.get('ONLY_HERE') != {!r})"
    todo = [stage(wide, asks.format("yes"), environment={"ONLY_HERE": "yes"}), stage("two", asks.format(None))]
    assert check.run(todo) == 0


@posix
def test_the_table_counts_the_processors_seconds_of_a_stage_and_all_it_started(capfd, wide):
    works = "import time\nwhile time.process_time() < 0.6: pass"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {works!r}])"
    check.run([stage(wide, inner), stage("sleeps", "import time; time.sleep(0.6)")])
    lines = capfd.readouterr().out.rpartition("\nstage ")[2].splitlines()
    assert int(lines[1].split()[-1]) >= 1
    assert int(lines[2].split()[-1]) == 0
    assert int(lines[3].split()[-1]) >= 1


@pytest.fixture
def suite(tmp_path):
    """Two files of tests, of which one is slow and one fails; returns a stage for each."""
    (tmp_path / "test_slow.py").write_text("import time\ndef test_slow(): time.sleep(0.6)\ndef test_quick(): pass\n")
    (tmp_path / "test_fails.py").write_text("import time\ndef test_fails():\n    time.sleep(0.3)\n    assert False\n")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return [
        check.Stage(name, ((sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), str(tmp_path / file)),), alone)
        for name, file in (("a name of 18 signs", "test_slow.py"), ("fails", "test_fails.py"))
    ]


def test_the_slowest_tests_of_all_stages_are_named_and_pytest_closes_as_always(suite, capfd):
    assert check.run(suite) == 1
    said = capfd.readouterr().out
    assert "2 passed in" in said
    assert "1 failed in" in said
    files = said.rpartition("files, seconds of all their tests\n")[2].splitlines()[:2]
    assert [line.split()[1:] for line in files] == [["test_slow", "(2)"], ["test_fails", "(1)"]]
    assert float(files[0].split()[0]) >= 0.6
    lines = said.rpartition("slowest tests, seconds\n")[2].splitlines()
    assert [line.split("::")[-1] for line in lines] == ["test_slow", "test_fails", "test_quick"]
    assert [float(line.split()[0]) >= least for line, least in zip(lines, (0.6, 0.3, 0), strict=True)] == [True] * 3


def test_no_more_than_ten_are_named_and_a_broken_report_is_left_out(tmp_path):
    cases = "".join(f'<testcase classname="tests.test_a" name="test_{n}" time="{n}.5"/>' for n in range(12))
    (tmp_path / "whole.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    (tmp_path / "broken.xml").write_text('<testsuites><testsuite><testcase name="x" time="99')
    tests = check.measured(tmp_path)
    assert check.by_file(tests) == [(72.0, 12, "test_a")]
    found = check.slowest(tests)
    assert found == [(n + 0.5, f"test_a::test_{n}") for n in range(11, 1, -1)]


PROGRAM = """\
import sys
from tools import check
sleep = "import subprocess, sys, time; subprocess.Popen([sys.executable, sys.argv[1]]); time.sleep(60)"
stages = [
    check.Stage("a name of 18 signs", ((sys.executable, "-c", "pass"),)),
    check.Stage("sleeps", ((sys.executable, "-c", sleep, sys.argv[1]),)),
    check.Stage("never", ((sys.executable, "-c", "print('the third ran')"),)),
]
check.stages = lambda jobs: stages
sys.exit(check.main([]))
"""
# What a stage starts may take no notice of Ctrl-C.
CHILD = """\
import os, pathlib, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
pathlib.Path({note!r} + ".new").write_text(str(os.getpid()))
os.rename({note!r} + ".new", {note!r})
time.sleep(60)
"""


@posix
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_that_runs_and_tells_how_far_it_came(tmp_path, ending):
    note, child = tmp_path / "note", tmp_path / "child.py"
    child.write_text(CHILD.format(note=str(note)))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, child],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not note.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(ending)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == check.INTERRUPTED
    assert rows(said) == {"a name of 18 signs": "passed", "sleeps": "interrupted", "never": "not"}
    assert "the third ran" not in said
    while Path(f"/proc/{note.read_text()}").exists():
        assert time.monotonic() < end, "what the stage had started goes on"
        time.sleep(0.02)


# --- the course's stages ----------------------------------------------------------------------------------------------


def commands(todo):
    return [" ".join(command[2:]) for one in todo for command in one.commands]


def test_the_stages_hold_every_check_and_the_browser_is_last():
    todo = check.stages(3)
    style, layout, packages, units, copied, outputs, frames, last = commands(todo)
    assert (style, layout) == ("ruff check .", "ruff format --check .")
    assert (packages, copied, frames) == ("tools.publish.npm", "tools.publish.rehearsal", "tools.publish.frames")
    assert units.startswith("pytest -n 3 ")
    assert units.endswith(" tests --ignore tests/browser")
    assert "--nbval " in outputs
    assert "--nbval-lax" not in outputs
    assert outputs.endswith(" build/rehearsal/student/notebooks")
    assert last.endswith(" tests/browser")
    for one in todo:
        if "pytest" in one.commands[-1]:
            assert one.environment["OMP_NUM_THREADS"] == "1"
            first, *others = one.environment["PYTHONPATH"].split(os.pathsep)
            assert first == str(ROOT / "tests" / "offline")
            # what is compared is what a student runs, with the copy's own package
            assert others == [str(ROOT / "build" / "rehearsal" / "student")] * (one.name == "outputs (nbval)")
    assert [one.name for one in todo if one.environment.get("TQDM_DISABLE")] == ["outputs (nbval)"]
    assert [one.name for one in todo if model_cache.FOLDER in one.environment] == [
        "units and contracts",
        "explorers' frames",
        "browser",
    ]
    assert [one.name for one in todo if one.optional] == ["packages from npm"]
    assert [one.obstacle for one in todo if one.obstacle() != ""] in ([], [check.no_browser] * 2)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with npm's packages; returns a function that lets it have a Chromium, or none."""
    for name in ("CHROMIUM", "COURSE_BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(npm, "package", lambda name: tmp_path)
    monkeypatch.setattr(browser, "NAMES", ("no-such-chromium",))

    def chromium(there):
        monkeypatch.setattr(browser, "NAMES", (sys.executable,) if there else ("no-such-chromium",))

    return chromium


def required():
    return {one.name: one.required for one in check.stages(2)}["browser"]


def test_without_chromium_it_is_said_what_to_install(machine, monkeypatch):
    assert "apt install chromium" in check.no_browser()
    assert not required()
    monkeypatch.setenv("COURSE_BROWSER", "required")
    assert required()
    machine(there=True)
    assert check.no_browser() == ""
    monkeypatch.setenv("COURSE_BROWSER", "off")
    assert check.no_browser() == "COURSE_BROWSER is off."
    assert not required()


def test_without_npms_packages_no_browser_stage_runs(machine, monkeypatch):
    def fail(name):
        raise npm.NpmError(f"npm could not fetch {name}.")

    machine(there=True)
    monkeypatch.setattr(npm, "package", fail)
    assert check.no_browser().startswith("npm could not fetch ")


def test_a_lesson_is_checked_alone():
    path = ROOT / "notebooks" / "08_vae.ipynb"
    todo = check.lesson_stages([path], 2)
    style, layout, tests, copied, outputs = commands(todo)
    assert style == "ruff check notebooks/08_vae.ipynb"
    assert layout == "ruff format --check notebooks/08_vae.ipynb"
    for part in (
        "tests/notebooks/test_notebooks.py",
        "tests/lessons/test_mutations_08.py",
        "tests/publish/test_student_copy.py",
        "08_vae",
    ):
        assert part in tests
    assert copied == "tools.publish.rehearsal"
    assert outputs.endswith(" build/rehearsal/student/notebooks/08_vae.ipynb")
    assert todo[1].environment["COURSE_BROWSER"] == "off"


def test_the_tests_of_a_lesson_are_the_ones_chosen():
    [tests] = [one for one in check.lesson_stages([ROOT / "notebooks" / "08_vae.ipynb"], 1)[1].commands]
    result = subprocess.run([*tests, "-n", "0", "--collect-only", "-q"], cwd=ROOT, capture_output=True, text=True)
    found = [line for line in result.stdout.splitlines() if "::" in line]
    for name in (
        "test_mutations_08.py::test_each_wrong_formula_is_rejected_by_the_claim_named_for_it",
        "test_explorer_sweeps.py::test_every_explorer_of_the_lesson_survives_a_sweep[08_vae]",
        "test_student_copy.py::test_all_else_is_kept[08_vae.ipynb]",
    ):
        assert sum(line.endswith(name) for line in found) == 1, name
    assert sum("test_contract[" in line for line in found) > 20
    assert not [line for line in found if "09_beta_vae" in line]


@pytest.mark.parametrize("name", ["notebooks/99_none.ipynb", "README.md", "notebooks"])
def test_what_is_no_lesson_is_one_sentence(name, capsys):
    assert check.main([name]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"{name} is no lesson")
