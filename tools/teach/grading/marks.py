"""The class in one table: for each student and exercise one verdict, from all of the student's files, and points."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.teach.grading import course
from tools.teach.grading.judging import CORRECT, MISSING, OPEN, RAISED, SLIP, SLOW, WRONG, Judgement
from tools.teach.grading.rubric import Rubric
from tools.teach.grading.submissions import Submission

# of two files that answer one exercise the better counts
_ORDER = (CORRECT, SLIP, WRONG, RAISED, SLOW, OPEN, MISSING)
_ABSENT = Judgement(MISSING)


@dataclass
class Student:
    """A student's verdicts by exercise, files, and sentences about files that could not be read."""

    name: str
    verdicts: dict[str, Judgement] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # the file that each verdict is about
    handed_in: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def verdict(self, exercise: str) -> Judgement:
        """Return the verdict on an exercise; missing where no file has a cell for it."""
        return self.verdicts.get(exercise, _ABSENT)

    @property
    def has_begun(self) -> bool:
        """Whether anything was attempted."""
        return any(one.word not in (OPEN, MISSING) for one in self.verdicts.values())


@dataclass
class Marks:
    """The class: its students in order, the exercises that count, and what they are worth."""

    students: list[Student]
    exercises: list[str]
    rubric: Rubric

    def points(self, student: Student) -> float:
        """Return the points that a student has earned."""
        return round(sum(self.rubric.earned(name, student.verdict(name).word) for name in self.exercises), 6)

    def possible(self) -> float:
        """Return the points of all exercises together."""
        return round(sum(map(self.rubric.worth, self.exercises)), 6)


def collected(
    submissions: Sequence[Submission], said: Sequence[Mapping], rubric: Rubric, roster: Sequence[str] = ()
) -> Marks:
    """Return the marks: columns are the exercises, in the course's order, of every lesson of which something came.

    `roster` names students who appear also where they handed in nothing. An exercise that is worth nothing has no
    column.
    """
    students: dict[str, Student] = {name: Student(name) for name in roster}
    known = {name.casefold(): name for name in roster}
    for one, answer in zip(submissions, said, strict=True):
        name = known.get(one.student.casefold(), one.student)
        student = students.setdefault(name, Student(name))
        student.handed_in.append(one.file)
        if answer["trouble"]:
            student.troubles.append(f"{one.file}: {answer['trouble']}.")
        for exercise, fields in answer["judgements"].items():
            judgement = Judgement(**(fields | {"notes": tuple(fields["notes"])}))
            earlier = student.verdicts.get(exercise)
            if earlier is not None:
                two = f"{student.files[exercise]} and {one.file} both have this exercise; the better counts."
                student.troubles += [two] if two not in student.troubles else []
            if earlier is None or _ORDER.index(judgement.word) < _ORDER.index(earlier.word):
                student.verdicts[exercise], student.files[exercise] = judgement, one.file
    places = course.places()
    lessons = {places[name].lesson for student in students.values() for name in student.verdicts if name in places}
    names = [name for name, place in places.items() if place.lesson in lessons or name in rubric.exercises]
    ordered = sorted(students.values(), key=lambda student: (student.name.casefold(), student.name))
    return Marks(ordered, [name for name in names if rubric.worth(name)], rubric)


def word(judgement: Judgement) -> str:
    """Return what a cell of the table says: one of the words, a slip with its name."""
    return f"{SLIP}: {judgement.slip}" if judgement.word == SLIP else judgement.word


def plain(number: float) -> str:
    """Return a number of points without needless zeros."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def safe(text: str) -> str:
    """Return a text that a spreadsheet takes for a text, whatever it begins with."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def marks_csv(marks: Marks) -> str:
    """Return the table: student, a column for each exercise, points, and how many there are."""
    rows = [["student", *marks.exercises, "points", "of"]]
    possible = plain(marks.possible())
    for student in marks.students:
        words = [word(student.verdict(name)) for name in marks.exercises]
        rows.append([safe(student.name), *words, plain(marks.points(student)), possible])
    return as_csv(rows)


__all__ = ["Marks", "Student", "as_csv", "collected", "marks_csv", "plain", "safe", "word"]
