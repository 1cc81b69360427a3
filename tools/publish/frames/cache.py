"""What was drawn is kept: in `build/frames`, until something changes that it depends on."""

from __future__ import annotations

import glob
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from course_utils.workshop.explorer import ExplorerError
from tools.publish.frames.drawing import BUDGET, render
from tools.publish.frames.errors import FramesError
from tools.publish.frames.lessons import cells_of, explorer_in, is_lesson
from tools.publish.frames.page import html

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "build" / "frames"

PAGE_BUDGET = 6_000_000
"""Bytes of one lesson's page, its text and its other pictures included."""

REST = 1_200_000
"""Bytes of a page that are kept for its text and its other pictures."""

JOBS = 2
"""Lessons that are drawn at a time."""

_SLOWEST = "08 14 15 12 11 16 13 02 04 10 06 03 05 01 07 00 09".split()  # numbers of lessons, as measured
_PACKAGES = ("matplotlib", "numpy", "pillow", "scikit-learn", "scipy", "torch")


def for_notebook(path: Path, *, cache: Path | None = None) -> dict[int, str]:
    """Return the fragment of each explorer of a notebook, by the number of its cell.

    Parameters
    ----------
    path : Path
    cache : Path, optional
        The folder in which fragments are kept. By default, those of the course's lessons are kept in `build/frames`,
        and those of any other notebook are drawn each time.

    Raises
    ------
    FramesError
        See :func:`explorers_of` and :func:`render`.
    """
    return {index: entry.html for index, entry in entries(Path(path), cache)}


def all_fragments(paths: Sequence[Path], *, jobs: int = JOBS, cache: Path | None = None) -> dict[Path, dict[int, str]]:
    """Return what :func:`for_notebook` does for several notebooks, `jobs` of them drawn at a time.

    Raises
    ------
    FramesError
        See :func:`for_notebook`.
    """
    for _ in in_turn(paths, jobs, cache):
        pass
    return {path: for_notebook(path, cache=cache) for path in paths}


@dataclass(frozen=True)
class Entry:
    """A fragment as it is kept: the explorer's name, its grid, and the CPU seconds of its first and other frames."""

    name: str
    grid: tuple[int, ...]
    seconds: tuple[float, float]
    html: str

    def write(self, place: Path) -> None:
        """Write beside the place, then rename: nobody reads half an entry."""
        text = json.dumps([self.name, self.grid, self.seconds]) + "\n" + self.html
        content = text.encode()
        place.parent.mkdir(parents=True, exist_ok=True)
        file, name = tempfile.mkstemp(dir=place.parent, prefix=".")
        try:
            with open(file, "wb") as stream:
                stream.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            os.replace(name, place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def read(cls, place: Path) -> Entry | None:
        """Return what is kept at a place; None if there is nothing, or it is damaged."""
        try:
            checksum, _, content = place.read_bytes().partition(b"\n")
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest().encode() != checksum:
            return None
        head, _, fragment = content.decode().partition("\n")
        name, grid, seconds = json.loads(head)
        return cls(name, tuple(grid), tuple(seconds), fragment)


@dataclass(frozen=True)
class _Task:
    """The explorer of one cell, to be drawn within a budget; `place` is where its fragment is kept, if anywhere."""

    path: Path
    room: str
    index: int
    source: str
    budget: int
    place: Path | None

    def draw(self) -> Entry:
        explorer = explorer_in(self.path, self.room, self.index, self.source)
        try:
            begin = time.process_time()
            explorer.frame()  # what is trained or loaded for the first picture is counted apart
            first = time.process_time()
            frames = render(explorer, self.budget)
            fragment = html(frames, key=f"frames-{self.path.stem}-{self.index}")
            end = time.process_time()
        except (ExplorerError, FramesError) as error:
            raise FramesError(f"{self.path}, cell {self.index}: {error}") from error
        finally:
            explorer.close()
        counts = tuple(map(len, frames.grid.values()))
        entry = Entry(frames.name, counts, (round(first - begin, 1), round(end - first, 1)), fragment)
        if self.place is not None:
            entry.write(self.place)
        return entry

    @classmethod
    def all(cls, path: Path, cache: Path | None) -> list[_Task]:
        """Return the tasks of a notebook."""
        room, cells = cells_of(path)
        if not cells:
            return []
        budget = min(BUDGET, (PAGE_BUDGET - REST) // len(cells))
        if cache is None and is_lesson(path):
            cache = CACHE
        known = foundations() if cache is not None else ""
        tasks = []
        for index, source in cells:
            task = cls(path, room, index, source, budget, None)
            if cache is not None:
                digest = hashlib.sha256(json.dumps([known, path.stem, room, index, source, budget]).encode())
                place = cache / f"{path.stem}-{index}-{digest.hexdigest()[:40]}.html"
                task = cls(path, room, index, source, budget, place)
            tasks.append(task)
        return tasks


def foundations(root: Path = ROOT) -> str:
    """Return a digest of all that frames depend on beside their cell: code, data and versions of packages."""
    names = [*root.glob("course_utils/**/*.py"), *root.glob("course_utils/**/*.ttf")]
    names += [*root.glob("data/**/*"), *root.glob("tools/publish/frames/*")]
    left_out = root / "data" / "cache"  # downloads, which no explorer waits for
    digest = hashlib.sha256()
    for path in sorted(names):
        if path.is_file() and not path.is_relative_to(left_out):
            digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    versions = [platform.python_version(), *map(importlib.metadata.version, _PACKAGES)]
    digest.update(json.dumps(versions).encode())
    return digest.hexdigest()


def entries(path: Path, cache: Path | None) -> Iterator[tuple[int, Entry]]:
    """Yield what is kept of each explorer of a notebook, or drawn now, with the number of its cell."""
    tasks = _Task.all(path, cache)
    for task in tasks:
        yield task.index, (task.place and Entry.read(task.place)) or task.draw()
    places = {task.place for task in tasks if task.place is not None}
    for folder in {place.parent for place in places}:
        for older in set(folder.glob(f"{glob.escape(path.stem)}-*.html")) - places:
            older.unlink(missing_ok=True)


def in_turn(paths: Sequence[Path], jobs: int, cache: Path | None) -> Iterator[Path]:
    """Draw what is not kept, each notebook in a process of its own; yields a notebook when all its frames are there.

    A notebook whose fragments are not kept, or that is alone, is left to this process.
    """
    waiting = []
    for path in paths:
        tasks = _Task.all(path, cache)
        if jobs > 1 and any(task.place is not None and Entry.read(task.place) is None for task in tasks):
            waiting.append((path, tasks[0].place.parent))
        else:
            yield path
    if len(waiting) == 1:
        yield waiting.pop()[0]
    lock, processes, ended = threading.Lock(), [], False

    def draw(path: Path, folder: Path) -> Path:
        command = [
            sys.executable,
            "-m",
            "tools.publish.frames",
            path.resolve(),
            "--jobs",
            "1",
            "--cache",
            folder.resolve(),
        ]
        with lock:
            if ended:
                return path
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
        _, said = process.communicate()
        if process.returncode:
            raise FramesError((said.strip().splitlines() or [f"{path}: drawing ended with {process.returncode}"])[-1])
        return path

    def cost(item: tuple[Path, Path]) -> int:
        number = item[0].stem[:2]
        return _SLOWEST.index(number) if number in _SLOWEST else len(_SLOWEST)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(draw, *item) for item in sorted(waiting, key=cost)]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            with lock:
                ended = True
                for process in processes:
                    process.terminate()
