"""What a learner has solved, remembered in one small readable file beside the notebooks, `progress.json`.

The file is written by checks that run in a notebook, and read by `progress()`. It is sent nowhere, and may be deleted
at any time. The environment variable VAE_COURSE_PROGRESS=off keeps it from being written and read, which the course's
tools and tests do; so does pytest, whoever starts it, with nbval too. A check never fails because of it: where the
folder cannot be written, nothing is remembered.

For each exercise the file says on which days it was solved, after how many tries, and which slips were met. A solution
that is run as it stands counts as *read*. To solve an exercise again counts after a week, three weeks and two months,
and only where the answer was written anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

FILE = "progress.json"
SET_ASIDE = "progress-damaged.json"
SWITCH = "VAE_COURSE_PROGRESS"
"""The environment variable that switches the memory off."""

AGAIN = (7, 21, 60)
"""After how many days an exercise is to be solved again: after the first time, the second, the third."""

ABOUT = "What you have solved in this course. It stays on this computer; delete it to begin anew."
_LESSONS = "[0-9][0-9]_*.ipynb"
_PATIENCE = 2.0  # seconds to wait for another notebook that is writing
_LEFT_BEHIND = 1.5  # seconds after which its lock counts as left behind by a process that has ended


@dataclass
class Record:
    """What is remembered of one exercise, or of one question.

    Attributes
    ----------
    solved : list of str
        The days on which it was solved, as 2026-03-01; a later one only where it was due.
    tries : int
        How many answers were judged.
    slips : dict of str to int
        How often each recognised misconception was met.
    read : str
        The day on which only the solution was run, or "".
    text : str
        A digest of the cell that last passed.
    emptied : bool
        Whether the function has been emptied since it last passed.
    """

    solved: list[str] = field(default_factory=list)
    tries: int = 0
    slips: dict[str, int] = field(default_factory=dict)
    read: str = ""
    text: str = ""
    emptied: bool = False

    def due(self) -> date | None:
        """Return from which day on it is to be solved again; None if it is open, or has been solved often enough."""
        if not 0 < len(self.solved) <= len(AGAIN):
            return None
        return date.fromisoformat(self.solved[-1]) + timedelta(days=AGAIN[len(self.solved) - 1])

    def state(self, today: date) -> str:
        """Return "solved", "again", "tried", "read" or "open"."""
        due = self.due()
        if self.solved:
            return "again" if due and due <= today else "solved"
        return "tried" if self.tries else "read" if self.read else "open"


@dataclass(frozen=True)
class Lesson:
    """One lesson as its notebook has it: number, title, file, exercises (number, title, name), and how many questions.

    The questions are those about earlier lessons, at its beginning.
    """

    number: int
    title: str
    file: str
    exercises: tuple[tuple[str, str, str], ...]
    questions: int


# --- what is remembered -----------------------------------------------------------------------------------------------


def remember(name: str, verdict: Any, *, today: date | None = None) -> None:
    """Note what a check said of an answer, if a notebook runs it; nothing is raised, whatever happens.

    Parameters
    ----------
    name : str
        The exercise's, as in `lesson.<name>.check`; of a question "question N.k".
    verdict : Verdict
    today : date, optional
        For tests.
    """
    with suppress(Exception):  # a full disk, a folder that vanished: the verdict matters more
        shell = _shell()
        folder = None if shell is None else notebooks_folder()
        if folder is None:
            return
        identity, source = _running_cell(shell)
        opened = verdict.kind == "not_attempted"
        if opened and not (folder / FILE).exists():
            return  # nothing was emptied where nothing was solved
        solution = not opened and _is_solution(folder, name, identity, source)
        note(folder, name, verdict, _digest(source), solution, today or date.today())


def note(folder: Path, name: str, verdict: Any, text: str, solution: bool, today: date) -> None:
    """Enter one verdict into the folder's file; `text` is a digest of the cell, `solution` whether that holds one."""
    with _alone(folder):
        records, damaged = load(folder)
        record = records.setdefault(name, Record())
        before = asdict(record)
        _enter(record, verdict, text, solution, today)
        if asdict(record) == before:
            return
        if damaged:
            os.replace(folder / FILE, folder / SET_ASIDE)
        _write(folder, records)


def _enter(record: Record, verdict: Any, text: str, solution: bool, today: date) -> None:
    if verdict.kind == "not_attempted":
        record.emptied = bool(record.solved)
    elif solution:
        if verdict.correct and not record.read:
            record.read = today.isoformat()
    elif not verdict.correct:
        record.tries += 1
        if verdict.misconception:
            record.slips[verdict.misconception] = record.slips.get(verdict.misconception, 0) + 1
    elif not record.solved or record.emptied or text != record.text:  # else the same cell is run once more
        due = record.due()
        record.tries += 1
        record.text, record.emptied = text, False
        if not record.solved or (due and due <= today):
            record.solved.append(today.isoformat())


def load(folder: Path) -> tuple[dict[str, Record], bool]:
    """Return what the folder's file holds, by name, and whether a part of it is damaged.

    Raises
    ------
    OSError
        The file is there, but cannot be read.
    """
    try:
        entries = json.loads((folder / FILE).read_text(encoding="utf-8"))["exercises"]
        read = {name: _record(entry) for name, entry in entries.items()}
    except FileNotFoundError:
        return {}, False
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}, True
    return {name: record for name, record in read.items() if record}, None in read.values()


def _record(entry: Any) -> Record | None:
    """Return an entry of the file as a record; None where a part of it has another form."""
    try:
        record = Record(**entry)
        [date.fromisoformat(day) for day in (*record.solved, *filter(None, [record.read]))]
        count = [record.tries, *record.slips.values()]
    except (TypeError, ValueError, AttributeError):
        return None
    kinds = isinstance(record.solved, list) and isinstance(record.text, str) and isinstance(record.emptied, bool)
    return record if kinds and all(type(number) is int for number in count) else None


def _write(folder: Path, records: dict[str, Record]) -> None:
    """Write beside the file, then rename: nobody reads half of it. What says nothing is left out."""
    plain, nothing = {}, asdict(Record())
    for name in sorted(records):
        plain[name] = {key: value for key, value in asdict(records[name]).items() if value != nothing[key]}
    content = json.dumps({"about": ABOUT, "exercises": plain}, indent=1, ensure_ascii=False) + "\n"
    handle, name = tempfile.mkstemp(dir=folder, prefix=".progress-")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
        Path(name).chmod(_mode(folder / FILE))  # a temporary file is private, this one is as any other
        os.replace(name, folder / FILE)
    finally:
        Path(name).unlink(missing_ok=True)


def _mode(file: Path) -> int:
    """Return the permissions of a file, or those that a new one would get."""
    if file.exists():
        return file.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other notebooks from writing at the same time; a lock that was left behind stops nobody for long."""
    lock = folder / ".progress.lock"
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _LEFT_BEHIND:
                    lock.unlink()
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


# --- where and by whom ------------------------------------------------------------------------------------------------


def _shell() -> Any:
    """Return IPython's shell; None outside it, and where the memory is switched off."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None or _off() else ipython.get_ipython()


def _off() -> bool:
    """Whether nothing is to be remembered; a kernel that pytest has started inherits the version that it announces."""
    return os.environ.get(SWITCH) == "off" or "PYTEST_VERSION" in os.environ


def notebooks_folder() -> Path | None:
    """Return the folder of the notebooks: the one at work, or that of the course; None if neither holds a lesson."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2] / "notebooks"):
        if any(folder.glob(_LESSONS)):
            return folder
    return None


def _running_cell(shell: Any) -> tuple[str, str]:
    """Return the id of the cell that runs ("" where the editor does not tell) and its text."""
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    source = request.get("content", {}).get("code") or shell.history_manager.input_hist_raw[-1]
    return request.get("metadata", {}).get("cellId") or "", source


def _is_solution(folder: Path, name: str, identity: str, source: str) -> bool:
    """Whether the running cell is one that holds the course's solution: by its id, or else by its text."""
    same = False
    for path in folder.glob(_LESSONS):
        text = path.read_text(encoding="utf-8")
        if f"lesson.{name}.check(" not in text:
            continue
        for cell in json.loads(text)["cells"]:
            tagged = "solution" in cell["metadata"].get("tags", [])
            if identity and cell.get("id") == identity:
                return tagged
            same |= tagged and "".join(cell["source"]).strip() == source.strip()
    return same


def _digest(text: str) -> str:
    return hashlib.sha256("".join(text.split()).encode()).hexdigest()[:12]


def lessons(folder: Path) -> list[Lesson]:
    """Return the lessons of a folder, in order, as their notebooks have them; what is no notebook is left out."""
    found = []
    for path in sorted(folder.glob(_LESSONS)):
        with suppress(OSError, ValueError, LookupError, TypeError):
            found.append(_lesson(path))
    return found


def _lesson(path: Path) -> Lesson:
    cells = [
        (set(cell["metadata"].get("tags", [])), "".join(cell["source"]))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]
    title = re.search(r"^# \d+ · ([^:\n]+)", cells[0][1])
    exercises, questions = [], 0
    for (_, above), (tags, source) in pairwise(cells):
        heading = re.match(r"### Exercise (\d+\.\d+) · (.+)", above)
        call = re.search(r"^lesson\.(\w+)\.check\(", source, flags=re.MULTILINE)
        if heading and call and "exercise" in tags:
            exercises.append((heading[1], heading[2].strip(), call[1]))
        if "recall" in tags:
            questions += len(re.findall(r"^lesson\.RECALL\[\d+\]\.check\(", source, flags=re.MULTILINE))
    number = int(path.name[:2])
    return Lesson(number, title[1] if title else path.stem, path.name, tuple(exercises), questions)


# --- what is shown ----------------------------------------------------------------------------------------------------


def progress(*, folder: Path | None = None, today: date | None = None) -> None:
    """Show what you have solved in this course, what is open, and what to solve once more.

    Parameters
    ----------
    folder : Path, optional
        Where the notebooks and `progress.json` are (default: found from where the notebook runs).
    today : date, optional
        The day that counts as today.
    """
    today = today or date.today()
    folder = folder or (None if _off() else notebooks_folder())
    try:
        records, damaged = load(folder) if folder else ({}, False)
    except OSError as error:
        print(f"{FILE}, which is to hold what you have solved, cannot be read: {error.strerror}.")
        return
    if damaged:
        print(
            f"A part of {FILE} is damaged and is passed over. With the next answer that you have checked, the file "
            f"as it is will be kept as {SET_ASIDE}."
        )
    if folder is None or not any(record.solved or record.tries or record.read for record in records.values()):
        print(
            "Nothing is remembered yet. Solve an exercise, or answer a question, in any lesson: Exercise 0.1, above, "
            "is a good one to begin with. Then run this cell again."
        )
        return
    course = lessons(folder)
    _draw(course, records, today)
    print("\n".join(_words(course, records, today)))


def _words(course: list[Lesson], records: dict[str, Record], today: date) -> list[str]:
    """Return in lines what is to be done again, what comes next, and how far each lesson is."""
    again, open_ones, lines = [], [], []
    for lesson in course:
        for number, title, name in lesson.exercises:
            record = records.get(name, Record())
            state = record.state(today)
            if state == "again":
                ago = (today - date.fromisoformat(record.solved[-1])).days
                slips = f"; slips met: {', '.join(sorted(record.slips))}" if record.slips else ""
                again.append(f"  {number} · {title} (solved {ago} days ago{slips})")
            elif state != "solved":
                tried = {"tried": f", {_times(record.tries)} tried", "read": ", its solution was run"}.get(state, "")
                open_ones.append(f"{number} · {title}, in {lesson.file}{tried}")
    if again:
        lines += ["To solve once more: put `...` back, run the cell, and write it anew.", *again]
    lines.append(f"Next: {open_ones[0]}" if open_ones else "Every exercise of the course is solved.")
    for lesson in course:
        done = sum(bool(records.get(name, Record()).solved) for _, _, name in lesson.exercises)
        parts = [f"{done} of {len(lesson.exercises)} exercises"]
        if lesson.questions:
            answered = sum(bool(record.solved) for record in _questions(lesson, records))
            parts.append(f"{answered} of {lesson.questions} questions")
        lines.append(f"{lesson.number:02d} · {lesson.title}: {', '.join(parts)}")
    return lines


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _questions(lesson: Lesson, records: dict[str, Record]) -> list[Record]:
    return [records.get(f"question {lesson.number}.{k}", Record()) for k in range(1, lesson.questions + 1)]


def _draw(course: list[Lesson], records: dict[str, Record], today: date) -> None:
    """Show lessons × exercises as a board: filled where solved, an arrow where to solve again, empty where open."""
    from course_utils.workshop.style import palette, panels, show

    figure, axes = panels(height=0.8 + 0.34 * len(course))
    looks = {
        "solved": ("✓", palette.model, "white", "-"),
        "again": ("↻", "white", palette.warning, "-"),
        "tried": ("…", "white", palette.data, "-"),
        "read": ("", "white", palette.data, ":"),
        "open": ("", "white", palette.data, "-"),
    }
    counts = dict.fromkeys(looks, 0)
    widest = max(len(lesson.exercises) for lesson in course)
    most = max(lesson.questions for lesson in course)
    for row, lesson in enumerate(course):
        axes.text(-0.8, row, f"{lesson.number:02d} · {lesson.title}", ha="right", va="center", fontsize=10)
        states = [records.get(name, Record()).state(today) for _, _, name in lesson.exercises]
        asked = ["solved" if r.solved else "tried" if r.tries else "open" for r in _questions(lesson, records)]
        for column, state in [*enumerate(states), *enumerate(asked, start=widest + 1)]:
            sign, fill, ink, line = looks[state]
            edge = palette.warning if state == "again" else palette.model if state == "solved" else palette.data
            corner = (column - 0.4, row - 0.4)
            axes.add_patch(_square(corner, facecolor=fill, edgecolor=edge, linestyle=line))
            axes.text(column, row, sign, ha="center", va="center", fontsize=10, color=ink)
        for state in states:
            counts[state] += 1
    axes.set(xlim=(-7, widest + most + 1), ylim=(len(course) - 0.4, -1.6), title=_finding(counts))
    axes.text(-0.4, -0.9, "exercises", va="center", fontsize=9)
    if most:
        axes.text(widest + 0.6, -0.9, "questions", va="center", fontsize=9)
    axes.axis("off")
    show(
        figure,
        f"A board with a row for each lesson and a square for each exercise. {_finding(counts)}: solved ones are "
        f"filled, {counts['again']} to solve again carry an arrow, {counts['tried']} that were tried carry dots, "
        f"{counts['read']} of which the solution was run are dotted, {counts['open']} are empty.",
    )


def _square(corner: tuple[float, float], **look: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 0.8, 0.8, linewidth=1.2, **look)


def _finding(counts: dict[str, int]) -> str:
    done, total = counts["solved"] + counts["again"], sum(counts.values())
    once_more = f", {counts['again']} of them to solve once more" if counts["again"] else ""
    return f"{done} of {total} exercises are solved{once_more}"


__all__ = ["progress", "remember"]
