"""Who handed in what: a folder of folders, one a student, or of files that begin with a student's name, or a zip.

Nothing is unpacked and nothing is renamed. The names that Moodle and Canvas give to what they export are understood.
What cannot be read is said in a sentence, beside the student where there is one, and all else goes on.
"""

import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.teach.grading.extraction import MOST_BYTES

SUFFIXES = (".ipynb", ".py")
_MOST_FILES = 20_000
_MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_")
_CANVAS = re.compile(r"^(?P<name>[^_]+?)(?:_LATE)?_(?P<id>\d+)_\d+_")
_LESSON = re.compile(r"[\s_\-–.]*(?=\d\d_[a-z])", re.IGNORECASE)


class SubmissionsError(Exception):
    """There is nothing to grade; the message says why and what to do."""


@dataclass(frozen=True)
class Submission:
    """A file of a student; `read` returns its bytes, `trouble` is a sentence where it cannot be read."""

    student: str
    file: str
    size: int
    read: Callable[[], bytes]
    trouble: str = ""


def submissions_in(place: Path) -> tuple[list[Submission], list[str]]:
    """Return the submissions in a folder or a zip, and a sentence about each thing that was left out.

    Raises
    ------
    SubmissionsError
        There is no such place, it is neither, or it holds no notebook.
    """
    if not place.exists():
        raise SubmissionsError(f"{place} does not exist: name the folder or the zip of the students' notebooks")
    remarks: list[str] = []
    if place.is_dir():
        entries = list(_from_folder(place, remarks))
    elif zipfile.is_zipfile(place):
        entries = list(_from_zip(place, remarks))
    else:
        raise SubmissionsError(f"{place} is neither a folder nor a zip: name one of the students' notebooks")
    if not entries:
        raise SubmissionsError(f"{place} holds no notebook (*.ipynb, *.py), so there is nothing to grade")
    return _named(entries, remarks), remarks


def _from_folder(place, remarks) -> Iterator[tuple[PurePosixPath, int, Callable[[], bytes], str]]:
    inside = place.resolve()
    for path in sorted(place.rglob("*")):
        relative = PurePosixPath(path.relative_to(place).as_posix())
        if _is_hidden(relative) or path.suffix.lower() not in SUFFIXES or path.is_dir():
            continue
        if not path.resolve().is_relative_to(inside):
            remarks.append(f"{relative} is a link to a place outside the folder: left out.")
            continue
        if not path.is_file():
            remarks.append(f"{relative} is no file: left out.")
            continue
        yield relative, path.stat().st_size, path.read_bytes, ""


def _from_zip(place, remarks):
    with zipfile.ZipFile(place) as archive:
        found = archive.infolist()[:_MOST_FILES]
    parts = [PurePosixPath(entry.filename.replace("\\", "/")) for entry in found]
    # an archive made of one folder: that folder is no student
    tops = {path.parts[0] for path in parts if path.parts and not _is_hidden(path)}
    only = len(tops) == 1 and all(len(path.parts) > 1 for path, entry in zip(parts, found, strict=True)
                                  if not entry.is_dir() and not _is_hidden(path))  # fmt: skip
    deeper = only and any(len(path.parts) > 2 for path in parts)
    named_files = only and not deeper and sum(not entry.is_dir() for entry in found) > 1
    for path, entry in zip(parts, found, strict=True):
        if entry.is_dir() or path.suffix.lower() not in SUFFIXES:
            continue
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", str(path)):
            remarks.append(f"{entry.filename!r} would climb out of the archive: left out.")
            continue
        if stat.S_ISLNK(entry.external_attr >> 16):
            remarks.append(f"{entry.filename!r} is a link: left out.")
            continue
        if _is_hidden(path):
            continue
        path = PurePosixPath(*path.parts[1:]) if deeper or named_files else path
        yield path, entry.file_size, _reader(place, entry), "encrypted" if entry.flag_bits & 1 else ""


def _reader(place, entry):
    def read():
        with zipfile.ZipFile(place) as archive, archive.open(entry) as file:
            return file.read(MOST_BYTES + 1)  # whatever the archive says of its size

    return read


def _is_hidden(path):
    return any(part.startswith((".", "__MACOSX", "__pycache__")) for part in path.parts)


def _named(entries, remarks):
    """Give each file its student; people with one name and different numbers stay apart."""
    keyed = [(*_student(path), path, size, read, trouble) for path, size, read, trouble in entries]
    ids: dict[str, set[str]] = {}
    for name, number, *_ in keyed:
        ids.setdefault(name.casefold(), set()).add((name, number))
    found = []
    for name, number, path, size, read, trouble in keyed:
        shown = name
        if len(ids[name.casefold()]) > 1:
            shown = f"{name} ({number})" if number else name
        if size > MOST_BYTES:
            trouble = f"{size // 1024 // 1024} MB are too large to be read: clear the outputs, and hand it in again"
        elif trouble:
            trouble = "it is encrypted, so it cannot be read"
        found.append(Submission(shown, str(path), size, read, trouble))
    for same in ids.values():
        if len(same) > 1:
            names = ", ".join(sorted(f"{name} ({number})" if number else name for name, number in same))
            remarks.append(f"Two students have one name and are kept apart: {names}.")
    return sorted(found, key=lambda one: (one.student.casefold(), one.student, one.file))


def _student(path):
    """Return the student's name and number, "" where there is none, from where a file lies and what it is called."""
    text = path.parts[0] if len(path.parts) > 1 else path.stem
    text = unicodedata.normalize("NFC", text)
    for pattern in (_MOODLE, _CANVAS):
        if found := pattern.match(text if len(path.parts) > 1 else path.name):
            return _clean(found["name"]), found["id"]
    if len(path.parts) > 1:
        return _clean(text), ""
    before = _LESSON.split(text)[0] if _LESSON.search(text) else re.split(r"[_]| - ", text)[0]
    return _clean(before) or _clean(text), ""


def _clean(name):
    """Return a name of printable characters in one line."""
    kept = "".join(char if char.isprintable() else " " for char in name)
    return re.sub(r"\s+", " ", kept).strip(" _-–.")[:80] or "without a name"


__all__ = ["Submission", "SubmissionsError", "submissions_in"]
