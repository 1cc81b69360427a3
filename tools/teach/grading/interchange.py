"""The marks for other programs: Gradescope's and otter's results, and tables that Moodle and Canvas import."""

import csv
import io
import json
from pathlib import Path

from tools.teach.grading import course
from tools.teach.grading.judging import CORRECT, Judgement
from tools.teach.grading.marks import Marks, Student, as_csv, plain, safe, word

_NAMES = ("student", "name", "full name", "display name", "login", "username", "sis login id", "user id")
_FIRST, _LAST = ("first name", "given name", "firstname"), ("last name", "surname", "lastname", "family name")
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_MOODLE = ("Username", "ID number", "Email address")


class RosterError(Exception):
    """A list of students that cannot be used; the message says why."""


class Roster:
    """The students of a class, from a list of names or a table that Moodle or Canvas exported."""

    def __init__(self, rows: list[dict[str, str]]):
        self._rows = {self._name(row): row for row in rows if self._name(row)}

    @classmethod
    def read(cls, path: Path | None):
        """Return the roster in a file: a name a line, or a CSV whose first line names its columns.

        Raises
        ------
        RosterError
            It cannot be read, or holds no name.
        """
        if path is None:
            return cls([])
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RosterError(f"{path} cannot be read as a list of students: {error}") from None
        first = text.split("\n", 1)[0]
        if any(name in first.lower() for name in (*_NAMES, *_FIRST)):
            rows = [{(key or ""): (value or "") for key, value in row.items() if isinstance(value, (str, type(None)))}
                    for row in csv.DictReader(io.StringIO(text))]  # fmt: skip
            rows = [row for row in rows if "points possible" not in cls._name(row).lower()]
        else:
            rows = [{"Student": line.strip()} for line in text.splitlines() if line.strip()]
        roster = cls(rows)
        if not roster.names():
            raise RosterError(f"{path} holds no student: write a name a line, or a table with a column student")
        return roster

    @staticmethod
    def _name(row):
        lower = {key.strip().lower(): value.strip() for key, value in row.items()}
        first, last = (next((lower[key] for key in keys if lower.get(key)), "") for keys in (_FIRST, _LAST))
        if first or last:
            return f"{first} {last}".strip()
        name = next((lower[key] for key in _NAMES if lower.get(key)), "")
        last, comma, first = name.partition(",")  # Canvas: Miller, Ann
        return f"{first.strip()} {last.strip()}" if comma else name

    def names(self) -> list[str]:
        """Return the students' names."""
        return list(self._rows)

    def row(self, name: str) -> dict[str, str]:
        """Return what the table says of a student; nothing where they are not in it."""
        return self._rows.get(name, {})

    def recognised(self, student: str) -> str:
        """Return the roster's name of a student: Canvas runs names together, `millerann` for Ann Miller."""
        wanted = _joined(student)
        for name in self._rows:
            words = name.split()
            if wanted in (_joined(name), _joined("".join(words[-1:] + words[:-1]))):
                return name
        return student


def _joined(name):
    return "".join(char for char in name.casefold() if char.isalnum())


def results(marks: Marks, student: Student) -> dict:
    """Return a student's results as Gradescope's `results.json` has them, which is otter's too."""
    places = course.places()
    tests = []
    for name in marks.exercises:
        one = student.verdict(name)
        place = places[name]
        tests.append(
            {
                "name": name,
                "number": place.number,
                "score": marks.rubric.earned(name, one.word),
                "max_score": marks.rubric.worth(name),
                "status": "passed" if one.word == CORRECT else "failed",
                "output": said(one),
                "tags": [word(one)],
                "visibility": "visible",
            }
        )
    output = "\n".join(student.troubles)
    return {"score": marks.points(student), "output": output, "visibility": "visible", "tests": tests}


def said(judgement: Judgement) -> str:
    """Return all that is said of an answer, as plain text."""
    return "\n".join(filter(None, [word(judgement), judgement.title, judgement.detail, *judgement.notes]))


def results_json(marks: Marks) -> str:
    """Return the results of the whole class."""
    students = {student.name: results(marks, student) for student in marks.students}
    return json.dumps({"possible": marks.possible(), "students": students}, indent=1, ensure_ascii=False) + "\n"


def moodle_csv(marks: Marks, roster: Roster) -> str:
    """Return a table for Moodle's *Grades · Import · CSV file*: who, the points of each exercise, and their sum."""
    own = [name for name in _MOODLE if any(name in roster.row(student.name) for student in marks.students)]
    rows = [["Student", *own, *marks.exercises, "Total"]]
    for student in marks.students:
        row = roster.row(student.name)
        points = [plain(marks.rubric.earned(name, student.verdict(name).word)) for name in marks.exercises]
        rows.append([safe(student.name), *(safe(row.get(k, "")) for k in own), *points, plain(marks.points(student))])
    return as_csv(rows)


def canvas_csv(marks: Marks, roster: Roster, title: str = "Exercises") -> str:
    """Return a table for Canvas's *Gradebook · Import*: its five columns, and one assignment with the sum."""
    rows = [[*_CANVAS, title], ["    Points Possible", "", "", "", "", plain(marks.possible())]]
    for student in marks.students:
        row = roster.row(student.name)
        rows.append(
            [
                safe(row.get("Student", student.name)),
                *(safe(row.get(key, "")) for key in _CANVAS[1:]),
                plain(marks.points(student)),
            ]
        )
    return as_csv(rows)


__all__ = ["Roster", "RosterError", "canvas_csv", "moodle_csv", "results", "results_json", "said"]
