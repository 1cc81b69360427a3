"""Build a release: ``python -m tools.publish.release`` makes ``dist/vae-course-VERSION`` and its archive.

    student/      the students' copy: notebooks without solutions, and all they need
    solutions/    the exercises with their solutions
    slides/       a deck for each lesson
    site/         the course as pages

All parts are cut from the notebooks as they are committed; nothing is executed. SHA256SUMS in the folder lists every
file, and the archive has its own sum beside it. The release appears complete or not at all.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.publish import browser, npm, site, slides, student_copy
from tools.publish.folders import interruptible, write_zip

ROOT = Path(__file__).resolve().parents[2]
SUMS = "SHA256SUMS"

README = """\
# Variational inference and variational autoencoders, version {version}

- `student/`: the course to work through; its README says how to start.
- `solutions/`: the exercises of each lesson with their solutions, for instructors.
- `slides/index.html`: a deck for each lesson. Everything it loads lies beside it: it works without network.
- `site/index.html`: the whole course to read, with explorers that answer without Python, glossary, index of claims and
  instructor's guide. It works from this folder, and from any web server.

`sha256sum -c {sums}` in this folder says whether the copy is whole.

Code: BSD-3-Clause. Text and figures: CC BY 4.0. reveal.js and MathJax keep their licences, which lie beside them.
"""


class ReleaseError(Exception):
    """The release cannot be built; the message says why and what to do."""


# --- what must hold before anything is built --------------------------------------------------------------------------


def version(root: Path) -> str:
    """Return the course's version, as pyproject.toml has it."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def require_clean(root: Path) -> None:
    """Raise ReleaseError unless everything in the working tree is committed."""
    command = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=normal"]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ReleaseError("A release is built from what is committed, and there is no git: install it.") from error
    if result.returncode:
        raise ReleaseError(f"{root} is no git checkout: clone the course's repository, and build the release there.")
    changed = [line[3:] for line in result.stdout.splitlines()]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ReleaseError(
            f"The working tree is not clean ({', '.join(changed[:3])}{more}): commit or remove the changes first."
        )


def require_outputs(root: Path) -> None:
    """Raise ReleaseError where a notebook is not stored as it ran from top to bottom."""
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        wanting = [
            number
            for number, cell in enumerate(code, start=1)
            if cell.execution_count != number or (_speaks(cell) and not cell.outputs) or _failed(cell)
        ]
        if wanting:
            raise ReleaseError(
                f"{path.relative_to(root)} has no complete outputs (code cell {wanting[0]}): run "
                f"`make execute NB={path.relative_to(root)}`, look at it, and commit it."
            )


def _speaks(cell: NotebookNode) -> bool:
    """Whether a cell ends with a call of what always shows something."""
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:
        return False
    match body[-1] if body else None:
        case ast.Expr(ast.Call(ast.Name(name))):
            return name in ("claim", "print", "show")
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("lesson")), [], [])):
            return True
    return False


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def require_tools() -> None:
    """Raise ReleaseError if a program or package is missing that a part needs."""
    try:
        browser.chromium()
        site.require_packages()
        for name in ("mathjax", "reveal.js"):
            npm.package(name)
    except (browser.BrowserError, npm.NpmError, site.SiteError) as error:
        raise ReleaseError(str(error)) from error


# --- the parts --------------------------------------------------------------------------------------------------------


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS of all files of a folder, in the form that `sha256sum -c` reads."""
    rows = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (folder / SUMS).write_text("\n".join(rows) + "\n", encoding="utf-8")


# --- building ---------------------------------------------------------------------------------------------------------


def build(destination: Path, *, root: Path = ROOT, repository: str = "") -> Path:
    """Build the release in the folder `destination`; returns the release's own folder.

    Raises
    ------
    ReleaseError
        Something is not committed, has no outputs, is missing, does not fit, or the release exists.
    """
    name = f"vae-course-{version(root)}"
    release, archive, checksum = (destination.resolve() / f"{name}{end}" for end in ("", ".zip", ".zip.sha256"))
    if release.exists() or archive.exists():
        raise ReleaseError(
            f"{release if release.exists() else archive} exists: a version is built once. Raise the version in "
            "pyproject.toml, or move the earlier release away."
        )
    require_clean(root)
    require_outputs(root)
    require_tools()
    release.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that renames finish it.
    with tempfile.TemporaryDirectory(dir=release.parent, prefix=".release-") as place:
        staging = Path(place) / name
        _fill(staging, root, repository)
        write_sums(staging)
        write_zip(staging, Path(place) / archive.name, name)
        digest = hashlib.sha256((Path(place) / archive.name).read_bytes()).hexdigest()
        (Path(place) / checksum.name).write_text(f"{digest}  {archive.name}\n", encoding="utf-8")
        placed: list[Path] = []
        try:
            for target in (checksum, archive, release):
                (Path(place) / target.name).rename(target)
                placed.append(target)
        except BaseException:
            for target in placed:
                shutil.rmtree(target) if target.is_dir() else target.unlink()
            raise
    return release


def _fill(staging: Path, root: Path, repository: str) -> None:
    staging.mkdir()
    try:
        with _Part("student and solutions", staging / "student", staging / "solutions"):
            student_copy.build(staging / "student", root=root)
        with _Part("slides", staging / "slides"):
            slides.build(staging / "slides", root=root)
        if cut := slides.oversized(staging / "slides"):
            raise ReleaseError("these slides would be cut off:\n" + "\n".join(cut))
        with _Part("site", staging / "site"):
            others = site.beside(staging / "site", inside=False)  # the decks are in the release, beside the site
            site.build(staging / "site", root=root, repository=repository, others=others)
    except (student_copy.StudentCopyError, slides.SlidesError, site.SiteError) as error:
        raise ReleaseError(str(error)) from error
    for marker in staging.glob("*/.built-by-*"):
        marker.unlink()  # a release is not to be built over
    text = README.format(version=staging.name.rpartition("-")[2], sums=SUMS)
    (staging / "README.md").write_text(text, encoding="utf-8")
    for licence in sorted(root.glob("LICENSE*")):
        shutil.copy2(licence, staging / licence.name)


class _Part:
    """Says how long a part took, and how large it is."""

    def __init__(self, name: str, *folders: Path):
        self.name, self.folders = name, folders

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            seconds = time.perf_counter() - self.start
            size = sum(path.stat().st_size for folder in self.folders for path in folder.rglob("*") if path.is_file())
            print(f"{self.name:<24}{size / 1e6:8.1f} MB{seconds:8.0f} s", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish.release", description="Build a release of the course."
    )
    parser.add_argument("--destination", type=Path, default=ROOT / "dist", metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        release = build(options.destination, repository=os.environ.get("COURSE_REPOSITORY", site.REPOSITORY))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    size = release.with_name(f"{release.name}.zip").stat().st_size / 1e6
    print(f"release: {release} (zip {size:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
