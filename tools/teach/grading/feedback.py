"""A page for each student: what was said of each answer, and what the files held."""

import re
import unicodedata
from collections.abc import Iterable

from tools.teach.grading import course
from tools.teach.grading.judging import CORRECT, MISSING, OPEN
from tools.teach.grading.marks import Marks, Student, plain, word
from tools.teach.grading.page import escape, lines, swatch


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file's name, without its ending, for each student's: plain letters, and no two alike."""
    taken: dict[str, str] = {}
    for name in names:
        plainer = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        base = re.sub(r"[^a-z0-9]+", "-", plainer).strip("-")[:60] or "student"
        candidate, number = base, 2
        while candidate in taken.values():
            candidate, number = f"{base}-{number}", number + 1
        taken[name] = candidate
    return taken


def as_html(marks: Marks, student: Student) -> str:
    """Return the body of a student's page."""
    body = [f"<h1>{escape(student.name)}</h1>"]
    right = sum(student.verdict(name).word == CORRECT for name in marks.exercises)
    body.append(
        f"<p>{plain(marks.points(student))} of {plain(marks.possible())} points; {right} of {len(marks.exercises)} "
        "exercises are right.</p>"
    )
    if student.troubles:
        body.append(
            f'<div class="warn"><ul>{"".join(f"<li>{escape(text)}</li>" for text in student.troubles)}</ul></div>'
        )
    lesson = ""
    for name in marks.exercises:
        place, one = course.places()[name], student.verdict(name)
        if place.lesson != lesson:
            lesson = place.lesson
            body.append(f"<h2>Lesson {lesson}</h2>")
        points = f"{plain(marks.rubric.earned(name, one.word))} of {plain(marks.rubric.worth(name))}"
        body.append(
            f'<h3>{escape(place.number)} · {escape(place.title)}</h3><p><span class="verdict">{swatch(one.word)}'
            f'<strong>{escape(word(one))}</strong></span> <span class="small">· {points} points</span></p>'
        )
        if one.word == MISSING:
            body.append("<p>No file that you handed in has a cell for this exercise.</p>")
        elif one.word == OPEN:
            body.append("<p>The body of the function is still to be written.</p>")
        elif one.title and one.title != place.exercise:
            body.append(f"<p>{lines(one.title)}</p>")
        if one.detail:
            body.append(f"<p>{lines(one.detail)}</p>")
        if one.notes:
            body.append(f'<p class="small">Of the notebook: {escape("; ".join(one.notes))}.</p>')
    files = ", ".join(student.handed_in) or "nothing"
    body.append(f'<p class="small">Handed in: {escape(files)}. Answers were called with inputs of the same kind as ')
    body.append("those of the check in the notebook, and not the same ones.</p>")
    return "\n".join(body)


__all__ = ["as_html", "file_names"]
