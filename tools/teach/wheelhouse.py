"""Collect every package of the course in a folder, so that a class without network installs from it.

    python -m tools.teach.wheelhouse [DESTINATION]      (default: dist/wheelhouse)

The folder gets a wheel for each line of constraints.txt, for this kind of machine and this version of Python, with a
page that says how to install from it and the checksums of all wheels. It appears complete or not at all.
"""

import argparse
import hashlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.publish.folders import interruptible, move_into_place

ROOT = Path(__file__).resolve().parents[2]
SUMS = "SHA256SUMS"
README = """\
# The course's packages, for installing without network

{count} wheels for {system}, Python {python}, the versions of constraints.txt. Carry this folder to the room, beside the
course, and set two variables before the course's own command:

    export PIP_NO_INDEX=1
    export PIP_FIND_LINKS="$PWD/{name}"
    make lab

On Windows: `set PIP_NO_INDEX=1`, `set PIP_FIND_LINKS=%CD%\\{name}`, then `py tools\\bootstrap.py lab`.

`sha256sum -c {sums}` in this folder says whether the copy is whole.
"""

Run = Callable[[list[str]], subprocess.CompletedProcess]


class WheelhouseError(Exception):
    """The folder cannot be made; the message says why and what to do."""


def run_pip(arguments: list[str]) -> subprocess.CompletedProcess:
    """Run pip of this interpreter, with what it prints captured."""
    return subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True)


def collect(destination: Path, *, root: Path = ROOT, pip: Run = run_pip) -> list[Path]:
    """Make the folder and return its wheels.

    Raises
    ------
    WheelhouseError
        The folder exists and is something else, pip failed, or a line of constraints.txt has no wheel.
    """
    destination = destination.resolve()
    if destination.exists() and any(destination.iterdir()) and not (destination / SUMS).is_file():
        raise WheelhouseError(f"{destination} exists and is no wheelhouse: name another folder, or move it away")
    constraints = root / "constraints.txt"
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".wheelhouse-") as name:
        staging = Path(name) / destination.name
        staging.mkdir()
        # `wheel`, not `download`: what comes as source becomes a wheel here, so that the room needs no compiler
        done = pip(["wheel", "--quiet", "--requirement", str(constraints), "--wheel-dir", str(staging)])
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise WheelhouseError(f"pip could not collect the packages, so nothing was written: {last}")
        wheels = sorted(staging.glob("*.whl"))
        _require_all(constraints, wheels)
        lines = [f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}" for wheel in wheels]
        (staging / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")
        text = README.format(
            count=len(wheels),
            system=f"{platform.system()} on {platform.machine()}",
            python=".".join(platform.python_version_tuple()[:2]),
            name=destination.name,
            sums=SUMS,
        )
        (staging / "README.md").write_text(text, encoding="utf-8")
        move_into_place(staging, destination, Path(name) / "earlier")
    return sorted(destination.glob("*.whl"))


def _require_all(constraints: Path, wheels: Sequence[Path]) -> None:
    there = {tuple(wheel.name.split("-")[:2]) for wheel in wheels}
    found = {(_plain(name), version.split("+")[0]) for name, version in there}
    lines = [line.strip() for line in constraints.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    missing = [line for line in wanted if (_plain(line.split("==")[0]), line.split("==")[1]) not in found]
    if missing:
        raise WheelhouseError(f"no wheel came for {', '.join(missing)}, so nothing was written")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.teach.wheelhouse",
        description="Collect the course's packages for installing without network.",
    )
    parser.add_argument("destination", nargs="?", type=Path, default=ROOT / "dist" / "wheelhouse")
    options = parser.parse_args(arguments)
    try:
        wheels = collect(options.destination)
    except WheelhouseError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    print(f"{len(wheels)} wheels, {size:.0f} MB: {options.destination}")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
