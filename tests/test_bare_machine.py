"""The bare machine: made from what this one is told about packages, and taken away without touching this one.

Nothing here needs root or makes a system; commands that would run in one run beside it.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import bare_machine
from tools.bare_machine import BareMachineError, Machine, Outcome

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systems are made on Linux only")
ROOT = Path(__file__).resolve().parents[1]


def one_line(error):
    assert "\n" not in str(error.value)
    return True


@pytest.mark.parametrize(
    ("euid", "missing", "words"),
    [
        (1000, None, "Only root .* with sudo"),
        (0, "mmdebstrap", "no program called mmdebstrap: .*`sudo apt install mmdebstrap"),
        (0, "unshare", "no program called unshare: .*util-linux"),
    ],
)
def test_what_is_missing_is_one_sentence(euid, missing, words):
    with pytest.raises(BareMachineError, match=words) as error:
        bare_machine.require_rights(euid, lambda name: None if name == missing else f"/bin/{name}")
    assert one_line(error)
    bare_machine.require_rights(0, lambda name: f"/bin/{name}")


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    bare_machine.require_folder(tmp_path / "new")
    bare_machine.require_folder(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BareMachineError, match="holds no bare system") as error:
        bare_machine.require_folder(tmp_path)
    assert one_line(error)
    (tmp_path / bare_machine.MARKER).touch()
    bare_machine.require_folder(tmp_path)


def test_packages_come_from_the_distribution_alone():
    targets = (
        "Debian|main|http://example.org/debian/|bookworm\nDebian|contrib|http://example.org/debian/|bookworm\n"
        "Somebody|main|http://example.com/|nodistro\nDebian|main|http://example.org/security/|bookworm-security\n"
    )
    assert bare_machine.sources(targets) == [
        "deb http://example.org/debian/ bookworm main",
        "deb http://example.org/security/ bookworm-security main",
    ]
    with pytest.raises(BareMachineError, match="run `apt-get update` first"):
        bare_machine.sources("Somebody|main|http://example.com/|nodistro")


def test_of_the_environment_only_the_way_to_packages_is_passed_on():
    passed = {"PIP_FIND_LINKS": "/wheels", "https_proxy": "p", "NO_PROXY": "n", "SSL_CERT_FILE": "c"}
    kept_out = {"PYTHONPATH": "/lib", "CHROMIUM": "/c", "COURSE_BROWSER": "required", "MY_TOKEN": "t", "PATH": "/bin"}
    assert bare_machine.passed_on({**passed, **kept_out}) == passed


def test_folders_that_settings_name_are_shown_and_the_system_is_not(tmp_path):
    wheels, index, system = tmp_path / "wheels", tmp_path / "index", tmp_path / "system"
    for folder in (wheels, index / "simple", index / "files", system / "usr", tmp_path / "a b"):
        folder.mkdir(parents=True)
    (system / "usr" / "bin").touch()
    settings = [
        f"[global]\nfind-links = {wheels}\nextra-index-url = file://{index}/simple https://example.org{wheels}/x",
        f"nodedir=/usr\ncache={tmp_path}/nowhere\n",
        str(wheels / "inside"),
    ]
    (wheels / "inside").mkdir()
    # The index with the files beside its pages, but neither /usr, which the system has, nor what is not there.
    assert bare_machine.folders_named(settings, system) == [wheels, index]
    # An earlier run leaves the places where something was shown.
    (system / wheels.relative_to("/")).mkdir(parents=True)
    assert bare_machine.folders_named(settings, system) == [wheels, index]


def test_the_system_is_not_removed_while_something_is_mounted_in_it(tmp_path, monkeypatch):
    place = tmp_path / "a system"
    (place / "bin").mkdir(parents=True)
    name = str(place).replace(" ", "\\040")
    table = f"22 1 8:1 / / rw - ext4 /dev/a rw\n23 22 8:1 /w {name}/wheels rw - ext4 /dev/a rw\n"
    assert bare_machine.mounted_below(place, table) == [f"{place}/wheels"]
    assert bare_machine.mounted_below(tmp_path / "a", table) == []
    with monkeypatch.context() as patch:
        patch.setattr(bare_machine, "mounted_below", lambda folder: [f"{folder}/wheels"])
        with pytest.raises(BareMachineError, match=r"wheels is still mounted: unmount it"):
            bare_machine.remove(place)
    assert place.exists()
    bare_machine.remove(place)
    assert not place.exists()


def test_every_mount_is_made_in_namespaces_that_end_with_the_command(tmp_path):
    machine = Machine(tmp_path, tmp_path / "log", {}, [Path("/wheels")])
    command = machine._enter("reader", ["make", "test"])
    assert command[:5] == ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    assert command[-6:] == ["/wheels", "--", "--userspec=reader", str(tmp_path), "make", "test"]
    assert machine.variables["PATH"] == bare_machine.SEARCH


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose commands run on this one, as whoever runs the tests."""
    machine = Machine(tmp_path / "system", tmp_path / "log", {"PIP_INDEX_URL": "i", "LEAK": "l"}, [])
    monkeypatch.setattr(machine, "_enter", lambda user, command: ["sh", "-c", shlex.join(command[-3:])])
    return machine


def test_the_report_says_how_it_ended_and_what_was_skipped(machine, tmp_path):
    machine.test(
        "echo one; echo 'SKIPPED [2] tests/a.py:1: no Chromium'; echo \"$PIP_INDEX_URL ${LEAK-kept out}\"; exit 3"
    )
    (outcome,) = machine.outcomes
    assert (outcome.status, outcome.lines[0]) == (3, "one")
    assert outcome.skipped == ["SKIPPED [2] tests/a.py:1: no Chromium"]
    text = outcome.text(closing=1)
    assert "exit code 3 after 0 s" in text
    assert "  SKIPPED [2] tests/a.py:1: no Chromium\n" in text
    assert text.endswith("  | i kept out")
    assert "one\n" in (tmp_path / "log").read_text()


def test_a_command_that_takes_too_long_is_ended(machine):
    began = time.monotonic()
    outcome = machine._run("waits", ["sleep", "60"], os.environ, limit=0.2)
    assert outcome.status == -signal.SIGKILL
    assert time.monotonic() - began < 30


JUPYTERLAB = """\
import http.server, sys, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"] == "token abc" else 403)
        self.end_headers()
        self.wfile.write(TITLE.encode())
    def do_POST(self):
        self.do_GET()
        if self.path == "/api/shutdown":
            threading.Thread(target=server.shutdown).start()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", PORT), Answer)
print("http://127.0.0.1:PORT/lab/tree/a.ipynb?token=abc", flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize("title", ["<title>JupyterLab</title>", "<title>Something else</title>"])
def test_the_lab_is_asked_and_ended(machine, monkeypatch, title):
    def enter(user, command):
        assert command[-3:-1] == ["make", "lab"]
        port = command[-1].partition("--port=")[2].split()[0]
        return [sys.executable, "-c", JUPYTERLAB.replace("PORT", port).replace("TITLE", repr(title))]

    monkeypatch.setattr(machine, "_enter", enter)
    machine.lab()
    (outcome,) = machine.outcomes
    good = "JupyterLab" in title
    assert outcome.status == (0 if good else 1)
    assert ("JupyterLab answered after" in outcome.remark) == good


def test_a_lab_that_fails_is_reported(machine, monkeypatch):
    monkeypatch.setattr(machine, "_enter", lambda user, command: ["sh", "-c", "echo no network; exit 2"])
    machine.lab()
    assert machine.outcomes[0].status == 2
    assert "JupyterLab did not answer" in machine.outcomes[0].text()


def test_what_prepares_the_system_must_succeed(machine):
    with pytest.raises(BareMachineError, match="failed: no such package") as error:
        machine.run_as_root("a title", "echo no such package; exit 100")
    assert one_line(error)
    assert not machine.outcomes


def run_main(monkeypatch, tmp_path, arguments, prove, make=None):
    """Run the command where making a system leaves only its marker."""
    monkeypatch.setattr(bare_machine, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bare_machine, "ROOT", tmp_path)
    monkeypatch.setattr(bare_machine, "require_rights", lambda euid: None)
    monkeypatch.setattr(bare_machine.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir(exist_ok=True)

    def pretend(machine):
        machine.system.mkdir(parents=True, exist_ok=True)
        (machine.system / bare_machine.MARKER).touch()

    monkeypatch.setattr(Machine, "make", make or pretend)
    monkeypatch.setattr(bare_machine, "prove", prove)
    return bare_machine.main(arguments)


def proof(status):
    def prove(machine, test, *, browser):
        machine.outcomes.append(Outcome(test, status=status))
        return [f"browser: {browser}"]

    return prove


@pytest.mark.parametrize("status", [0, 1])
def test_the_report_is_written_and_the_system_goes(status, monkeypatch, tmp_path, capsys):
    arguments = ["--without-browser", "--test-command", "make lint"]
    assert run_main(monkeypatch, tmp_path, arguments, proof(status)) == status
    report = (tmp_path / "build" / "bare-machine.txt").read_text()
    assert "browser: False" in report
    assert f"$ make lint\n  exit code {status}" in report
    assert not any((tmp_path / "temporary").iterdir())
    assert report in capsys.readouterr().out


def test_a_system_that_is_kept_is_made_once(monkeypatch, tmp_path):
    made = []

    def make(machine):
        made.append(machine.system)
        machine.system.mkdir()
        (machine.system / bare_machine.MARKER).touch()

    for _ in range(2):
        assert run_main(monkeypatch, tmp_path, ["--keep", str(tmp_path / "kept")], proof(0), make) == 0
    assert made == [tmp_path / "kept"]
    assert (tmp_path / "kept").exists()


def test_without_a_browser_means_without_that_of_an_earlier_run(monkeypatch, tmp_path, capsys):
    kept = tmp_path / "kept"
    (kept / "usr" / "bin").mkdir(parents=True)
    for name in (bare_machine.MARKER, "usr/bin/npm"):
        (kept / name).touch()
    assert run_main(monkeypatch, tmp_path, ["--keep", str(kept)], proof(0)) == 0
    capsys.readouterr()
    assert run_main(monkeypatch, tmp_path, ["--keep", str(kept), "--without-browser"], proof(0)) == 1
    assert "holds Chromium or npm from an earlier run" in capsys.readouterr().err
    assert kept.exists()


def test_half_a_system_is_not_kept(monkeypatch, tmp_path, capsys):
    def make(machine):
        machine.system.mkdir()
        (machine.system / "bin").mkdir()
        raise BareMachineError("mmdebstrap could not make the system.")

    assert run_main(monkeypatch, tmp_path, ["--keep", str(tmp_path / "kept")], proof(0), make) == 1
    assert capsys.readouterr().err == "mmdebstrap could not make the system.\n"
    assert not (tmp_path / "kept").exists()


def test_interrupted_it_ends_what_runs_and_leaves_nothing(tmp_path):
    script = f"""\
import sys, tempfile
from pathlib import Path
from tools import bare_machine
from tools.publish import folders
here = Path({str(tmp_path)!r})
bare_machine.BUILD = here / "build"
bare_machine.require_rights = lambda euid: None
tempfile.tempdir = str(here / "temporary")
bare_machine.Machine.make = lambda machine: (machine.system / bare_machine.MARKER).touch()
bare_machine.prove = lambda machine, test, browser: machine._run("waits", ["sleep", "987"], {{"PATH": "/usr/bin:/bin"}})
sys.exit(folders.interruptible(lambda: bare_machine.main([])))
"""
    (tmp_path / "temporary").mkdir()
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while (
            not (tmp_path / "build" / "bare-machine.log").is_file()
            or "waits" not in (tmp_path / "build" / "bare-machine.log").read_text()
        ):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        time.sleep(0.3)
        assert any((tmp_path / "temporary").iterdir())
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "Interrupted: nothing half made is left.\n")
    assert not any((tmp_path / "temporary").iterdir())
