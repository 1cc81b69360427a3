"""Try out a class on JupyterHub on this machine: prepare what docs/classroom/jupyterhub_config.py names, and start it.

    COURSE_HUB_PASSWORD=... python -m tools.teach.hub [--port 8000] [--seats N]

The hub listens on 127.0.0.1 only, and not as root. Its state, the students' folders among it, is in build/hub, stays
there, and is closed to other accounts of the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bootstrap import LAB_SETTINGS
from tools.publish.folders import move_into_place
from tools.publish.student_copy import MARKER

ROOT = Path(__file__).resolve().parents[2]
CLASSROOM = ROOT / "docs" / "classroom"
STATE = ROOT / "build" / "hub"
PROXY = STATE / "proxy"
COURSE = ROOT / "dist" / "student"

Run = Callable[..., subprocess.CompletedProcess]


class HubError(Exception):
    """The hub cannot be started; the message says why and what to do."""


def require(
    course: Path, port: int, *, which: Callable = shutil.which, find: Callable = importlib.util.find_spec
) -> None:
    """Raise HubError where a program, the package, the students' copy or a port is missing."""
    if find("jupyterhub") is None:
        raise HubError(
            "JupyterHub is not installed here: run `python tools/bootstrap.py classroom`, then use .venv's Python"
        )
    if which("node") is None:
        raise HubError("JupyterHub's proxy needs Node.js 20 or newer, and there is no program called node: install it")
    if not (course / MARKER).is_file():
        raise HubError(f"{course} holds no students' copy: run `make student`")
    if not 1024 <= port <= 65533:
        raise HubError(f"port {port} does not do: name one from 1024 to 65533")
    for number in range(port, port + 3):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                raise HubError(
                    f"port {number} is taken, and the hub needs {port} to {port + 2}: end what uses it, or name "
                    "another port with --port"
                ) from None


def install_proxy(folder: Path = PROXY, *, which: Callable = shutil.which, run: Run = subprocess.run) -> Path:
    """Return the folder of the proxy, installed by npm from the locked versions where it is not there.

    Raises
    ------
    HubError : it is not there, and npm is missing or fails.
    """
    files = [CLASSROOM / "package.json", CLASSROOM / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return folder
    npm = which("npm")
    if npm is None:
        raise HubError(
            "JupyterHub's proxy comes from npm, and there is no program called npm: install Node.js with npm"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".proxy-") as name:
        staging = Path(name) / "proxy"
        staging.mkdir()
        for file in files:
            shutil.copyfile(file, staging / file.name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = run(command, cwd=staging, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
            raise HubError(f"npm could not install JupyterHub's proxy (is there a network?): {said}")
        (staging / stamp.name).write_text(digest, encoding="ascii")
        move_into_place(staging, folder, Path(name) / "earlier")
    return folder


def close(state: Path) -> None:
    """Make the folder of the hub's state, and let nobody but this account read it, or what an earlier hub left in it.

    Raises
    ------
    HubError : the folder cannot be made or closed.
    """
    os.umask(0o077)
    try:
        state.mkdir(parents=True, exist_ok=True)
        for path in (state, *state.glob("homes"), *state.glob("homes/*")):
            path.chmod(0o700)
        for path in (*state.glob("hub.sqlite*"), *state.glob("cookie_secret"), *state.glob("*.log")):
            path.chmod(0o600)
    except OSError as error:
        words = f"{state} cannot be closed to other accounts ({error}): name another folder with --state"
        raise HubError(words) from None


def prepare(state: Path) -> None:
    """Write the course's settings, and matplotlib's list of fonts, where the students' servers look for them."""
    settings = state / "jupyter"
    (settings / "labconfig").mkdir(parents=True, exist_ok=True)
    text = json.dumps(LAB_SETTINGS, indent=2) + "\n"
    (settings / "labconfig" / "default_setting_overrides.json").write_text(text, encoding="utf-8")
    shutil.copyfile(ROOT / "tools" / "teach" / "jupyter_server_config.py", settings / "jupyter_server_config.py")
    # Without the list, the first figure of every student would come with a notice that it is being built.
    fonts = state / "matplotlib"
    if not any(fonts.glob("fontlist*")):
        fonts.mkdir(exist_ok=True)
        environment = {**os.environ, "MPLCONFIGDIR": str(fonts)}
        done = subprocess.run(
            [sys.executable, "-c", "import matplotlib.font_manager"], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise HubError(f"matplotlib does not start, so the lessons would not: {said}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; it becomes the hub, or returns 1 if that cannot be started."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.teach.hub",
        description="Start a JupyterHub with the students' copy, on this machine only.",
    )
    parser.add_argument("--port", type=int, default=8000, help="the first of three ports in a row (default: 8000)")
    seats = os.environ.get("COURSE_HUB_SEATS") or "0"
    parser.add_argument("--seats", type=int, default=seats, help="how many servers may run at a time (default: any)")
    parser.add_argument("--course", type=Path, default=COURSE, help="the students' copy (default: dist/student)")
    parser.add_argument("--state", type=Path, default=STATE, help="where state is kept (default: build/hub)")
    options = parser.parse_args(arguments)
    course, state = options.course.resolve(), options.state.resolve()
    try:
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            raise HubError(
                "do not start this hub as root, for every student's code would be root's: use an account without "
                "rights (docs/classroom/README.md says how a real class gives each student one)"
            )
        if len(os.environ.get("COURSE_HUB_PASSWORD", "")) < 8:
            raise HubError("set COURSE_HUB_PASSWORD to the class's password, of 8 characters or more, and start again")
        require(course, options.port)
        install_proxy()
        close(state)
        prepare(state)
    except HubError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: repeat the command to go on.", file=sys.stderr)
        return 130
    os.environ.update(
        COURSE_HUB_URL=f"http://127.0.0.1:{options.port}",
        COURSE_HUB_STATE=str(state),
        COURSE_HUB_COURSE=str(course),
        COURSE_HUB_SEATS=str(options.seats),
    )
    print(f"The class's page: http://127.0.0.1:{options.port} (Ctrl-C ends the hub and all servers)", flush=True)
    config = CLASSROOM / "jupyterhub_config.py"
    os.chdir(state)
    # In place of this process, so that a signal meant for the hub reaches it.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub", "-f", str(config)])


if __name__ == "__main__":
    sys.exit(main())
