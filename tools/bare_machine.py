"""Prove that a bare machine suffices: README's two commands in an empty Debian or Ubuntu that is made for it.

    sudo make bare                                              both, the second with Chromium and what it takes
    sudo make bare BARE_FLAGS=--without-browser                 with the first packages alone
    sudo make bare BARE_FLAGS="--keep /var/tmp/bare"            leave the system there, and use it again next time

mmdebstrap makes the system, of the same release as this machine's, with the packages in PACKAGES and nothing else.
The course in it is a clone of what is committed here, and an ordinary user runs it. What this machine says about
reaching packages (settings of apt, pip and npm, proxies, certificates, folders of wheels) holds in there as well; no
other program or package of it is seen.

Everything mounted is mounted in a namespace of its own, which ends with the command that runs in it. So the folder of
the system never has anything of this machine below it when it is removed, however this script ends.

What was run, how long it took, how it ended and what was skipped is written to build/bare-machine.txt, and all that
was printed to build/bare-machine.log.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.publish.folders import interruptible

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PACKAGES = ("python3", "python3-venv", "make", "git", "ca-certificates")
BROWSER_PACKAGES = ("chromium", "npm", "libatomic1")
USER = "reader"
HOME = f"/home/{USER}"
COURSE = f"{HOME}/course"
MARKER = ".bare-machine"
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAB_SECONDS = 3600

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/npmrc", "/usr/etc/npmrc")
HOME_SETTINGS = (".config/pip/pip.conf", ".pip/pip.conf", ".npmrc")
VARIABLES = re.compile(
    r"PIP_.*|npm_config_.*|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|"
    r"NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO",
    re.IGNORECASE,
)
"""What of the environment says how packages are reached; the rest stays outside."""

# The shell that runs this is the first process of its namespace, and stays to collect what others leave behind.
ENTER = """\
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$1"
    mount -o remount,bind,ro "$root$1"
    shift
done
shift
chroot "$@" || exit $?
"""


class BareMachineError(Exception):
    """The system cannot be made or entered; the message says why and what to do."""


@dataclass
class Outcome:
    """What became of one command."""

    command: str
    seconds: float = 0.0
    status: int = 0
    remark: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> list[str]:
        """What pytest says it skipped, and why."""
        return [line for line in self.lines if line.startswith("SKIPPED")]

    def text(self, closing: int = 8) -> str:
        """Return the outcome for the report, with the last other lines that say something."""
        said = [line for line in self.lines if line.strip() and line not in self.skipped][-closing:]
        head = [f"$ {self.command}", f"  exit code {self.status} after {self.seconds:.0f} s{self.remark}"]
        head += [f"  {line}" for line in self.skipped] or ["  skipped: nothing"] * any(
            "passed" in line for line in said
        )
        return "\n".join([*head, *(f"  | {line}" for line in said)])


# ---- what this machine says about reaching packages


def output(command: Sequence[str]) -> str:
    """Return what a program of this machine prints; raises `BareMachineError` if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    except FileNotFoundError:
        raise BareMachineError(f"There is no program {command[0]} on this machine.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BareMachineError(f"`{' '.join(command)}` failed: {last}")
    return done.stdout


def sources(targets: str) -> list[str]:
    """Return lines for sources.list from `apt-get indextargets`: the distribution's own main and universe."""
    lines = []
    for target in targets.splitlines():
        origin, component, uri, release = target.split("|")
        if origin in ("Debian", "Ubuntu") and component in ("main", "universe"):
            lines.append(f"deb {uri} {release} {component}")
    if not lines:
        raise BareMachineError("apt knows no packages of Debian or Ubuntu on this machine: run `apt-get update` first.")
    return sorted(set(lines))


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say how packages are reached."""
    return {name: value for name, value in environment.items() if VARIABLES.fullmatch(name)}


def is_empty(path: Path) -> bool:
    """Say whether there is nothing at a path, or nothing in it: a place to show something, left from an earlier run."""
    if path.is_dir():
        return not any(path.iterdir())
    return not path.exists() or path.stat().st_size == 0


def folders_named(texts: Iterable[str], system: Path) -> list[Path]:
    """Return the folders and files of this machine that settings name and the new system does not have."""
    found: dict[Path, None] = {}
    for text in texts:
        for name in re.findall(r"(?:(?<=file://)|(?<![\w/:.]))/[^\s'\",;]+", text):
            path = Path(os.path.normpath(name))
            # The pages of an index of packages link to files that lie beside them.
            path = path.parent if path.name == "simple" else path
            inside = system / path.relative_to("/")
            if path.exists() and is_empty(inside):
                found[path] = None
    # Of a folder and what is in it the folder is enough.
    return [path for path in found if not any(parent in found for parent in path.parents)]


# ---- the system


def require_rights(euid: int, which: Callable[[str], str | None] = shutil.which) -> None:
    """Raise `BareMachineError` unless this script can make a system."""
    if not sys.platform.startswith("linux"):
        raise BareMachineError("A bare Debian can be made on Linux only: run this on a Debian or Ubuntu.")
    missing = [name for name in ("mmdebstrap", "unshare", "chroot", "git") if which(name) is None]
    if missing:
        raise BareMachineError(
            f"There is no program called {missing[0]}: on Debian and Ubuntu run "
            "`sudo apt install mmdebstrap util-linux git`, then repeat the command."
        )
    if euid != 0:
        raise BareMachineError("Only root can make a system in a folder: repeat the command with sudo.")


def require_folder(folder: Path) -> None:
    """Raise `BareMachineError` if a folder to keep the system in holds something else."""
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BareMachineError(f"{folder} exists and holds no bare system: name another folder, or move it away.")


def mounted_below(folder: Path, table: str | None = None) -> list[str]:
    """Return what is mounted in a folder, from the table of mounts that the kernel keeps."""
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if table is None else table
    # The kernel writes blanks in names as octal numbers.
    points = [line.split()[4].encode().decode("unicode_escape") for line in table.splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder)]


def remove(folder: Path) -> None:
    """Remove the system, unless something is mounted in it."""
    if mounted := mounted_below(folder.resolve()):
        raise BareMachineError(f"{mounted[0]} is still mounted: unmount it, then remove {folder}.")
    for _ in range(3):  # processes that were ended a moment ago may still have written
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    shutil.rmtree(folder)


class Machine:
    """A bare system in a folder, and what was run in it."""

    def __init__(self, system: Path, log: Path, environment: Mapping[str, str], binds: Sequence[Path]):
        self.system, self.log = system, log
        self.binds = list(binds)
        self.variables = {
            **passed_on(environment),
            "PATH": SEARCH,
            "HOME": HOME,
            "USER": USER,
            "LOGNAME": USER,
            "LANG": "C.UTF-8",
        }
        self.outcomes: list[Outcome] = []

    def make(self) -> None:
        """Make the system with PACKAGES, the settings of this machine and a user."""
        targets = output(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)|$(RELEASE)"])
        lines = sources(targets)
        suite = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
        if suite is None:
            raise BareMachineError("/etc/os-release names no release of Debian or Ubuntu to make.")
        self.system.mkdir(parents=True, exist_ok=True)
        self.system.chmod(0o755)  # a temporary folder is closed to the user in there
        # How apt reaches its packages here, without what it fetches besides packages.
        options = output(["apt-config", "dump", "--no-empty", "Acquire"]).splitlines()
        options = [line for line in options if not line.startswith(("Acquire::IndexTargets", "Acquire::Changelogs"))]
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            print(*options, "", sep="\n", file=file, flush=True)
            command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
            command += [f"--aptopt={file.name}", suite[1], str(self.system), *lines]
            outcome = self._run(f"mmdebstrap {suite[1]} {' '.join(PACKAGES)}", command, dict(os.environ))
        if outcome.status:
            raise BareMachineError(f"mmdebstrap could not make the system: its words are in {self.log}.")
        self._settle()

    def _settle(self) -> None:
        for name in ("/etc/resolv.conf", "/etc/hosts", CERTIFICATES, *SETTINGS):
            self._copy(Path(name), name)
        self.run_as_root("a user", f"useradd --create-home --shell /bin/bash {USER}")
        for name in HOME_SETTINGS:
            self._copy(Path.home() / name, f"{HOME}/{name}")
        self.run_as_root("the user's settings", f"chown -R {USER}: {HOME}")
        (self.system / MARKER).write_text("A bare system made by tools/bare_machine.py.\n", encoding="utf-8")

    def _copy(self, source: Path, name: str) -> None:
        if source.is_file():
            target = self.system / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)

    def bind_settings(self) -> None:
        """Find what the copied settings name: folders of wheels, for example."""
        files = [*SETTINGS, *(f"{HOME}/{name}" for name in HOME_SETTINGS)]
        there = [self.system / name.lstrip("/") for name in files]
        texts = [path.read_text(encoding="utf-8") for path in there if path.is_file()]
        self.binds += folders_named([*texts, *passed_on(self.variables).values()], self.system)
        for path in self.binds:
            place = self.system / path.relative_to("/")
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            elif not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()

    def clone(self, source: Path) -> str:
        """Bring what is committed in `source` into the system, and return the commit."""
        commit = output(["git", "-C", str(source), "rev-parse", "HEAD"]).strip()
        course = self.system / COURSE.lstrip("/")
        trust = ["-c", f"safe.directory={course}"]
        if not course.exists():
            output(["git", "init", "--quiet", str(course)])
        output(["git", "-C", str(course), *trust, "fetch", "--quiet", "--depth=1", f"file://{source}", commit])
        output(["git", "-C", str(course), *trust, "reset", "--quiet", "--hard", commit])
        output(["git", "-C", str(course), *trust, "clean", "--quiet", "-fd"])
        self.run_as_root("the clone", f"chown -R {USER}: {COURSE}")
        return commit

    def run_as_root(self, title: str, command: str) -> None:
        """Run a command that prepares the system; raises `BareMachineError` if it fails."""
        outcome = self._run(title, self._enter("root", ["sh", "-c", command]), {**self.variables, "HOME": "/root"})
        if outcome.status:
            last = ([line for line in outcome.lines if line.strip()] or ["it said nothing"])[-1]
            raise BareMachineError(f"In the bare system `{command}` failed: {last}")

    def install(self, packages: Sequence[str]) -> None:
        """Install packages of the distribution, without those that it merely recommends."""
        names = " ".join(packages)
        apt = "DEBIAN_FRONTEND=noninteractive apt-get"
        self.run_as_root(
            f"apt-get install --no-install-recommends {names}",
            f"{apt} -qq update && {apt} -qq install -y --no-install-recommends {names} </dev/null",
        )
        self.outcomes.append(Outcome(f"apt-get install --no-install-recommends {names}"))

    def lab(self) -> None:
        """Run `make lab` without a screen until it answers, then end it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        flags = f"--no-browser --port={port} --ServerApp.port_retries=0"
        answered: list[float] = []
        began = time.monotonic()

        def watch(line: str) -> None:
            address = re.search(rf"http://(?:127\.0\.0\.1|localhost):{port}(/\S*)\?token=(\w+)", line)
            if address and not answered:
                path, token = address.groups()
                if "<title>JupyterLab</title>" in ask(f"http://127.0.0.1:{port}{path}", token):
                    answered.append(time.monotonic() - began)
                ask(f"http://127.0.0.1:{port}/api/shutdown", token, method="POST")

        command = self._enter(USER, ["env", f"--chdir={COURSE}", "make", "lab", f"LAB_FLAGS={flags}"])
        title = f'make lab LAB_FLAGS="{flags}"'
        outcome = self._run(title, command, self.variables, watch=watch, limit=LAB_SECONDS)
        if answered:
            outcome.remark = f"; JupyterLab answered after {answered[0]:.0f} s, and was asked to end"
        else:
            outcome.status = outcome.status or 1
            outcome.remark = "; JupyterLab did not answer"
        self.outcomes.append(outcome)

    def test(self, command: str) -> None:
        """Run the second command, or another in its place."""
        line = self._enter(USER, ["env", f"--chdir={COURSE}", "sh", "-c", command])
        self.outcomes.append(self._run(command, line, self.variables))

    def facts(self) -> list[str]:
        """Return the lines of the report that say what the system is."""
        release = (self.system / "etc" / "os-release").read_text(encoding="utf-8")
        name = re.search(r'^PRETTY_NAME="(.*)"', release, re.MULTILINE)
        asked = "python3 --version; dpkg-query --show | wc -l"
        python, count = self._run("facts", self._enter(USER, ["sh", "-c", asked]), self.variables).lines[-2:]
        earlier = "; those for the browser are there from an earlier run" if self.has_browser else ""
        return [
            f"System: {name[1] if name else 'unknown'}, {python}, {os.cpu_count()} cores, an ordinary user",
            f"System packages asked for: {' '.join(PACKAGES)} ({count} packages in all{earlier})",
        ]

    @property
    def has_browser(self) -> bool:
        """Whether an earlier run left Chromium or npm in the system."""
        return any((self.system / "usr" / "bin" / name).exists() for name in ("chromium", "npm"))

    def _enter(self, user: str, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` in the system, in namespaces that end with it."""
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", str(self.system)]
        return [*enter, *map(str, self.binds), "--", f"--userspec={user}", str(self.system), *command]

    def _run(
        self,
        title: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        watch: Callable[[str], None] = lambda line: None,
        limit: float | None = None,
    ) -> Outcome:
        """Run a command, show and keep what it prints, and hand every line to `watch`."""
        began = time.monotonic()
        outcome = Outcome(title)
        with self.log.open("a", encoding="utf-8") as log:
            print(f"$ {title}", file=log, flush=True)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                cwd="/",
                text=True,
                errors="replace",
                start_new_session=True,  # so that Ctrl-C reaches this script alone, which then ends the command
            )
            timer = threading.Timer(limit or threading.TIMEOUT_MAX, process.kill)
            timer.daemon = True
            timer.start()
            try:
                for line in process.stdout:
                    print(line, end="", file=log, flush=True)
                    print(line, end="", flush=True)
                    outcome.lines.append(line.rstrip("\n"))
                    watch(line)
                process.wait()
            except BaseException:
                process.terminate() if command[0] == "mmdebstrap" else process.kill()
                # The end of what they print is the end of all processes in there.
                process.stdout.read()
                process.wait()
                raise
            finally:
                timer.cancel()
        outcome.seconds = time.monotonic() - began
        outcome.status = process.returncode
        return outcome


def ask(address: str, token: str, method: str = "GET") -> str:
    """Return what JupyterLab answers; an empty text if it does not."""
    request = urllib.request.Request(address, method=method, headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(60):  # the address is printed a moment before it answers
        try:
            with direct.open(request, timeout=60) as answer:
                return answer.read().decode("utf-8", "replace")
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    return ""


def prove(machine: Machine, test: str, *, browser: bool) -> list[str]:
    """Run README's commands in a system that is made, and return the report's lines."""
    machine.bind_settings()
    commit = machine.clone(ROOT)
    facts = [f"Commit: {commit}", *machine.facts()]
    machine.lab()
    if browser:
        machine.install(BROWSER_PACKAGES)
        # With all packages there, nothing may be skipped for want of them.
        machine.variables["COURSE_BROWSER"] = "required"
    machine.test(test)
    return facts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 if both commands of README succeed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bare_machine",
        description="Run README's two commands in an empty Debian or Ubuntu that is made for it.",
    )
    parser.add_argument("--without-browser", action="store_true", help="install neither Chromium nor npm")
    parser.add_argument("--test-command", default="make test", help="run this for the second command (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the system there, leave it, use it again")
    parser.add_argument(
        "--bind", type=Path, metavar="PATH", action="append", default=[], help="show this path in the system, read only"
    )
    options = parser.parse_args(arguments)
    try:
        require_rights(os.geteuid())
        if options.keep is not None:
            require_folder(options.keep)
        return _run_in_place(options)
    except BareMachineError as error:
        print(error, file=sys.stderr)
        return 1


def _run_in_place(options: argparse.Namespace) -> int:
    BUILD.mkdir(exist_ok=True)
    log, report = BUILD / "bare-machine.log", BUILD / "bare-machine.txt"
    log.write_text("", encoding="utf-8")
    report.unlink(missing_ok=True)
    place = Path(tempfile.mkdtemp(prefix="bare-machine-")) if options.keep is None else options.keep.resolve()
    made = (place / MARKER).is_file()
    binds = [path.resolve() for path in options.bind]
    machine = Machine(place, log, os.environ, binds)
    done = False
    try:
        if options.without_browser and machine.has_browser:
            raise BareMachineError(
                f"{place} holds Chromium or npm from an earlier run: name another folder for --without-browser."
            )
        if not made:
            machine.make()
        facts = prove(machine, options.test_command, browser=not options.without_browser)
        done = True
    finally:
        # A system that was made is kept where that was asked for; half of one is not.
        if options.keep is None or not (place / MARKER).is_file():
            remove(place)
        elif not done and not made:
            print(f"The system is left in {place}.", file=sys.stderr)
    text = "\n\n".join(["\n".join(facts), *(outcome.text() for outcome in machine.outcomes)]) + "\n"
    report.write_text(text, encoding="utf-8")
    owner = ROOT.stat()
    for path in (BUILD, log, report):  # the course may belong to another than root
        os.chown(path, owner.st_uid, owner.st_gid)
    print(f"\n{text}\nThis report is in {report.relative_to(ROOT)}.")
    return int(any(outcome.status for outcome in machine.outcomes))


if __name__ == "__main__":
    sys.exit(interruptible(main))
