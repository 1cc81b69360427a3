"""The report on the class: what it believes, what to say about it on Monday, who has not begun."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tools.teach.grading import course
from tools.teach.grading.guide import advice
from tools.teach.grading.judging import CORRECT, MISSING, OPEN, SLIP, WORDS
from tools.teach.grading.marks import Marks, plain
from tools.teach.grading.page import bars, escape, legend, lines, marked, spoken

_MOST_SLIPS = 10
_SPECIAL = {
    "reference": "call the exercise's own answer, which is not there while they are graded",
    "fitted": "are right on the inputs of the check only: fitted to them, or looked up",
    "course's solution": "are, word for word, the course's own solution (correct all the same)",
}


@dataclass(frozen=True)
class Run:
    """What is said about the grading itself: sentences on the wall, on the time, on what was left out."""

    wall: str
    cannot: str
    took: str
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Slip:
    """A misconception of the class: the exercise, its name, the words in which it is answered, and who has it."""

    exercise: str
    name: str
    words: str
    students: tuple[str, ...]


def counts(marks: Marks, exercise: str) -> Counter:
    """Return how many students have each verdict on an exercise."""
    return Counter(student.verdict(exercise).word for student in marks.students)


def slips(marks: Marks) -> list[Slip]:
    """Return the misconceptions of the class, the most frequent first."""
    words = {
        (name, item.name): item.message
        for own in course.exercises().values()
        for name, exercise in own.items()
        for item in exercise.misconceptions
    }
    found = defaultdict(list)
    for exercise in marks.exercises:
        for student in marks.students:
            one = student.verdict(exercise)
            if one.word == SLIP:
                found[exercise, one.slip].append(student.name)
    order = {name: k for k, name in enumerate(marks.exercises)}
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), order[item[0][0]], item[0][1]))
    return [Slip(exercise, name, words.get((exercise, name), ""), tuple(who)) for (exercise, name), who in ranked]


def _not_begun(marks):
    return [student.name for student in marks.students if not student.has_begun]


def _special(marks):
    """Return who was noticed for what: {kind: {student: exercises}}."""
    found = defaultdict(lambda: defaultdict(list))
    for student in marks.students:
        for exercise in marks.exercises:
            if kind := student.verdict(exercise).special:
                found[kind][student.name].append(exercise)
    return found


def _who(kind, who):
    """Return who was noticed; of the course's solutions only how many, for there are good reasons for one or two."""
    shown = {name: str(len(found)) if kind == "course's solution" else ", ".join(found) for name, found in who.items()}
    return "; ".join(f"{name} ({text})" for name, text in shown.items())


def _troubles(marks):
    return [f"{student.name}: {trouble}" for student in marks.students for trouble in student.troubles]


def _others(marks, exercise):
    """Return what else was said of wrong answers, the most frequent first."""
    said = Counter()
    for student in marks.students:
        one = student.verdict(exercise)
        if one.word not in (CORRECT, SLIP, OPEN, MISSING):
            first = one.detail.splitlines()[0] if one.detail and one.special == "" else ""
            said[f"{one.word}: {one.title}" + (f" — {first}" if first else "")] += 1
    return said.most_common(5)


def _heading(exercise):
    place = course.places()[exercise]
    return f"{place.number} · {place.title}"


def _summary(marks):
    total = Counter()
    for exercise in marks.exercises:
        total += counts(marks, exercise)
    return total


def as_html(marks: Marks, run: Run) -> str:
    """Return the body of the report as HTML."""
    total, believed = _summary(marks), slips(marks)
    count = len(marks.students)
    body = ["<h1>What the class believes</h1>"]
    body.append(
        f"<p>{count} student{'s' * (count != 1)}, {len(marks.exercises)} exercises, "
        f"{plain(marks.possible())} points to be had. All verdicts together: {spoken(total)}.</p>"
    )
    absent = _not_begun(marks)
    body.append(f"<h2>Who has not begun</h2><p>{escape(', '.join(absent))}</p>" if absent else "")
    body.append("<h2>The class at a glance</h2>" + legend())
    rows = [(_heading(name), counts(marks, name)) for name in marks.exercises]
    worst = min(rows, key=lambda row: row[1][CORRECT], default=("", Counter()))
    alt = f"A bar of verdicts for each exercise. Fewest are right on {worst[0]}: {worst[1][CORRECT]} of {count}."
    body.append(bars(rows, alt, 330))
    if believed:
        body.append("<h2>What is believed most</h2><ol>")
        for slip in believed[:_MOST_SLIPS]:
            body.append(
                f"<li><strong>{len(slip.students)} of {count}</strong> · {escape(_heading(slip.exercise))} · "
                f"<em>{escape(slip.name)}</em><br>{marked(slip.words)}</li>"
            )
        body.append("</ol>")
    body += _noticed(marks, run)
    lesson = ""
    for name in marks.exercises:
        place = course.places()[name]
        if place.lesson != lesson:
            lesson = place.lesson
            body.append(f"<h2>Lesson {lesson}</h2>")
        body += _exercise(marks, name, [slip for slip in believed if slip.exercise == name])
    body.append("<h2>How this was graded</h2>")
    body.append(f"<p>{escape(run.wall)} {escape(run.cannot)} {escape(run.took)}</p>")
    return "\n".join(filter(None, body))


def _noticed(marks, run):
    body = []
    for kind, who in _special(marks).items():
        names = escape(_who(kind, who))
        body.append(f'<div class="warn"><p>Answers that {escape(_SPECIAL[kind])}: {names}.</p></div>')
    troubles = [*run.remarks, *_troubles(marks)]
    if troubles:
        items = "".join(f"<li>{escape(text)}</li>" for text in troubles)
        body.append(f"<h3>Files that need a look</h3><ul>{items}</ul>")
    return ["<h2>What was noticed besides</h2>", *body] if body else []


def _exercise(marks, name, believed):
    own = counts(marks, name)
    body = [f"<h3>{escape(_heading(name))} <code>{escape(name)}</code></h3>"]
    body.append(bars([("", own)], f"{_heading(name)}: {spoken(own)}.", 0))
    body.append(f'<p class="small">{spoken(own)}</p>')
    if believed:
        body.append("<ul>")
        for slip in believed:
            who = escape(", ".join(slip.students))
            body.append(
                f"<li><strong>{len(slip.students)}</strong> · <em>{escape(slip.name)}</em>: {marked(slip.words)}"
                f'<div class="small">{who}</div></li>'
            )
        body.append("</ul>")
    others = _others(marks, name)
    if others:
        items = "".join(f"<li>{number} · {marked(text)}</li>" for text, number in others)
        body.append(f'<p class="small">Besides:</p><ul class="small">{items}</ul>')
    if own[CORRECT] + own[OPEN] + own[MISSING] < len(marks.students):
        body.append(_monday(name, believed))
    return body


def _monday(name, believed):
    found = advice(course.places()[name])
    items = [f"<li>Listen for: {marked(line)}</li>" for line in found.listen]
    items += [f"<li>Ask the room: {marked(line)}</li>" for line in found.ask]
    items += [f"<li>{marked(line)}</li>" for line in found.homework]
    if items:
        return f'<div class="monday"><p><strong>On Monday</strong> ({found.page})</p><ul>{"".join(items)}</ul></div>'
    said = f"The guide does not speak of this exercise ({found.page})."
    if believed:
        said += f" Begin with the slip that most have: {marked(believed[0].words)}"
    return f'<div class="monday"><p><strong>On Monday.</strong> {said}</p></div>'


def as_text(marks: Marks, run: Run) -> str:
    """Return the report as plain text."""
    count = len(marks.students)
    out = ["What the class believes", "=======================", ""]
    out += [f"{count} students, {len(marks.exercises)} exercises, {plain(marks.possible())} points to be had."]
    out += _wrapped(f"All verdicts together: {spoken(_summary(marks))}.")
    if absent := _not_begun(marks):
        out += ["", *_wrapped(f"Not begun: {', '.join(absent)}.")]
    believed = slips(marks)
    if believed:
        out += ["", "What is believed most", "---------------------"]
        for slip in believed[:_MOST_SLIPS]:
            text = f"{len(slip.students)} of {count} · {_heading(slip.exercise)} · {slip.name}: {slip.words}"
            out += _wrapped(text, "- ")
    for kind, who in _special(marks).items():
        names = _who(kind, who)
        out += ["", *_wrapped(f"Answers that {_SPECIAL[kind]}: {names}.")]
    if troubles := [*run.remarks, *_troubles(marks)]:
        out += ["", "Files that need a look:", *(line for text in troubles for line in _wrapped(text, "- "))]
    for name in marks.exercises:
        own = counts(marks, name)
        out += ["", f"{_heading(name)} ({name})", f"  {_text_bar(own, count)}  {spoken(own)}"]
        for slip in believed:
            if slip.exercise == name:
                out += _wrapped(f"{len(slip.students)} · {slip.name}: {slip.words}", "  - ")
                out += _wrapped(f"({', '.join(slip.students)})", "    ")
        for text, number in _others(marks, name):
            out += _wrapped(f"{number} · {text}", "  - ")
        found = advice(course.places()[name])
        if found and own[CORRECT] + own[OPEN] + own[MISSING] < count:
            out.append(f"  On Monday ({found.page}):")
            out += [line for text in (*found.listen, *found.ask, *found.homework) for line in _wrapped(text, "  * ")]
    out += ["", "How this was graded", "-------------------", *_wrapped(f"{run.wall} {run.cannot} {run.took}"), ""]
    return "\n".join(out)


def _text_bar(own, count, width=40):
    signs = dict(zip(WORDS, "#s x!t. ".replace(" ", ""), strict=False)) | {MISSING: " "}
    bar = "".join(signs[word] * round(own[word] * width / max(count, 1)) for word in WORDS)
    return f"[{bar[:width]:<{width}}]"


def _wrapped(text, first=""):
    text = " ".join(text.split())
    return textwrap.wrap(text, 100, initial_indent=first, subsequent_indent=" " * len(first)) or [first]


__all__ = ["Run", "Slip", "as_html", "as_text", "counts", "lines", "slips"]
