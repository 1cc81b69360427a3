"""The calendar page of the instructor's guide, ``docs/instructor/calendar.md``, from ``calendar.yml`` beside it.

The data say which lesson is met in which week, what is read before, what is done at home, how marks are given, what may
be left out, and what a lesson takes from which other. Titles, reading times and links between lessons come from the
notebooks, minutes of exercises and of meetings from the guide's pages. ``make indexes`` writes the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = "docs/instructor/calendar.yml"
MADE = "<!-- Made by `python -m tools.publish.indexes` from calendar.yml. Changes belong there. -->\n"
FIELDS = {"week", "lesson", "minutes", "read", "homework", "what", "also"}


class PlanError(ValueError):
    """The data of the calendar contradict themselves or the lessons; the message says where."""


@dataclass(frozen=True)
class Lesson:
    """What the calendar needs to know of one lesson.

    Attributes
    ----------
    title, file : str
    reading, code : int
        Minutes for the text, and for the text with its code.
    sections : mapping from a section's number to its title
    exercises : mapping from an exercise's number to its title
    problems : frozenset of the numbers of those exercises that are problems
    homework : mapping from an exercise's number to its minutes, as the guide's page gives them
    needs : frozenset of the numbers of the lessons that its first cell names under "You need"
    plans : frozenset of the minutes for which the guide has a plan
    """

    title: str
    file: str
    reading: int
    code: int
    sections: Mapping[str, str]
    exercises: Mapping[str, str]
    problems: frozenset[str]
    homework: Mapping[str, int]
    needs: frozenset[str]
    plans: frozenset[int]


def read_lessons(root: Path = ROOT) -> dict[str, Lesson]:
    """Return every lesson by its number."""
    return {path.stem[:2]: _lesson(path, root) for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def _lesson(path: Path, root: Path) -> Lesson:
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    first, whole = texts[0], "\n".join(texts)
    page = root / "docs" / "instructor" / f"{path.stem[:2]}.md"
    guide = page.read_text(encoding="utf-8") if page.is_file() else ""
    homework = guide.partition("\n## Homework\n")[2]
    reading = re.search(r"Reading time: (\d+) minutes(?: for the text, (\d+) with its code)?", first)
    needed = re.search(r"You need: (.*?\)?)\.(?: |\*|$)(?=Next|Previous|\*|$)", first, re.DOTALL)
    problems = whole.partition("\n## Problems")[2]
    return Lesson(
        title=first.splitlines()[0].removeprefix("# "),
        file=path.name,
        reading=int(reading[1]) if reading else 0,
        code=int(reading[2] or reading[1]) if reading else 0,
        sections=dict(re.findall(r"^## (\d+\.\d+) (.+)", whole, re.MULTILINE)),
        exercises=dict(re.findall(r"^### Exercise (\d+\.\d+) · (.+)", whole, re.MULTILINE)),
        problems=frozenset(re.findall(r"^### Exercise (\d+\.\d+) · ", problems, re.MULTILINE)),
        homework={
            number: int(most or least)
            for number, least, most in re.findall(
                r"Exercise (\d+\.\d+) · [^(:\n]+?(?: \(|: )(\d+)(?: to (\d+))?(?= minutes|[.,]| if)", homework
            )
        },
        needs=frozenset(re.findall(r"\]\((\d\d)_[^)]*\)", needed[1])) if needed else frozenset(),
        plans=frozenset(map(int, re.findall(r"^## In (\d+) minutes", guide, re.MULTILINE))),
    )


def read_data(root: Path = ROOT) -> dict[str, Any]:
    """Return the calendar's data."""
    return yaml.safe_load((root / DATA).read_text(encoding="utf-8"))


# --- what must hold


def troubles(data: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> list[str]:
    """Return a sentence for each place where the data contradict themselves, the lessons, or the guide."""
    found = _troubles_of_lessons(data["lessons"], lessons)
    for plan in data["plans"]:
        name = f"plan of {plan['weeks']} weeks"
        found += [f"{name}: {trouble}" for trouble in _troubles_of_plan(plan, lessons, electives(data))]
    return found


def electives(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the numbers of the lessons that a plan need not have."""
    return frozenset(number for number, about in data["lessons"].items() if about.get("elective"))


def _troubles_of_lessons(described: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> list[str]:
    found = [f"lesson {number} is not described" for number in sorted(set(lessons) - set(described))]
    for number, about in described.items():
        if number not in lessons:
            found.append(f"there is no lesson {number}")
            continue
        lesson = lessons[number]
        if set(about["needs"]) != lesson.needs:
            given, named = sorted(about["needs"]), sorted(lesson.needs)
            found.append(f"lesson {number} needs {', '.join(given)}, and its first cell names {', '.join(named)}")
        found += [
            f"lesson {number} has no section {section}"
            for section in [*about["drop"], *about["keep"]]
            if section not in lesson.sections
        ]
        found += [
            f"lesson {number}: section {section} is to be dropped and kept"
            for section in sorted(set(about["drop"]) & set(about["keep"]))
        ]
    return found


def _troubles_of_plan(plan: Mapping[str, Any], lessons: Mapping[str, Lesson], free: frozenset[str]) -> list[str]:
    found, seen, given, read = [], set(), set(), set()
    weeks = [meeting["week"] for meeting in plan["meetings"]]
    if weeks != sorted(weeks) or set(weeks) != set(range(1, plan["weeks"] + 1)):
        found.append("the weeks do not run from the first to the last")
    if sum(plan["marks"].values()) != 100:
        found.append(f"the marks add up to {sum(plan['marks'].values())}")
    for meeting in plan["meetings"]:
        week, number = meeting["week"], meeting.get("lesson")
        found += [f"week {week} says {field}, which means nothing" for field in sorted(set(meeting) - FIELDS)]
        for missing in [other for other in meeting.get("read", ()) if other not in lessons]:
            found.append(f"week {week} reads {missing}, and there is no such lesson")
        read |= set(meeting.get("read", ()))
        for exercise in meeting.get("homework", ()):
            lesson = lessons.get(f"{int(exercise.partition('.')[0]):02}")
            if lesson is None or exercise not in lesson.exercises:
                found.append(f"week {week} gives exercise {exercise}, and there is no such exercise")
            elif exercise not in lesson.homework:
                found.append(f"week {week} gives exercise {exercise}, for which the guide has no minutes")
            if exercise in given:
                found.append(f"exercise {exercise} is given twice")
            given.add(exercise)
        if number is None:
            if not meeting.get("what"):
                found.append(f"week {week} has a meeting without a lesson and without a word on what is done")
            continue
        if number not in lessons:
            found.append(f"week {week} has lesson {number}, and there is no such lesson")
            continue
        if meeting["minutes"] not in lessons[number].plans:
            found.append(f"week {week}: the guide has no plan of {meeting['minutes']} minutes for lesson {number}")
        if missing := sorted(lessons[number].needs - seen - read):
            found.append(f"week {week}: lesson {number} needs {', '.join(missing)} before it")
        if number not in read:
            found.append(f"week {week}: lesson {number} is shown and was not read")
        seen.add(number)
    found += [f"lesson {number} has no place" for number in sorted(set(lessons) - free - seen - read)]
    found += _troubles_of_cuts(plan["cut"], lessons, set(lessons) - free | seen | read)
    for week, minutes in loads(plan, lessons).items():
        if minutes > plan["most"]:
            found.append(f"week {week} asks for {minutes} minutes at home, and {plan['most']} are allowed")
    return found


def _troubles_of_cuts(cuts: Sequence[str], lessons: Mapping[str, Lesson], had: set[str]) -> list[str]:
    found, left = [], had & set(lessons)
    for number in cuts:
        left.discard(number)
        found += [
            f"lesson {number} may not be dropped: lesson {other} needs it"
            for other in sorted(left)
            if number in lessons[other].needs
        ]
    return found


def loads(plan: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> dict[int, int]:
    """Return for each week the minutes at home: reading with code, and the exercises; a project comes on top."""
    minutes = dict.fromkeys(range(1, plan["weeks"] + 1), 0)
    for meeting in plan["meetings"]:
        minutes[meeting["week"]] += _reading(meeting, lessons) + _exercises(meeting, lessons)
    return minutes


def _reading(meeting: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> int:
    return sum(lessons[number].code for number in meeting.get("read", ()) if number in lessons)


def _exercises(meeting: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> int:
    return sum(
        lessons[f"{int(exercise.partition('.')[0]):02}"].homework.get(exercise, 0)
        for exercise in meeting.get("homework", ())
        if f"{int(exercise.partition('.')[0]):02}" in lessons
    )


# --- the page


def calendar_page(root: Path = ROOT) -> str:
    """Return the calendar page as Markdown.

    Raises
    ------
    PlanError : the data contradict themselves, the lessons, or the guide.
    """
    lessons, data = read_lessons(root), read_data(root)
    if found := troubles(data, lessons):
        raise PlanError("docs/instructor/calendar.yml: " + "; ".join(found))
    points = data["points"]
    lines = [
        MADE,
        "# A calendar for the course",
        "",
        f"{len(data['plans'])} ways to spread the lessons over a term. *Read* is done before the meeting, with its "
        "code run. *Live* follows the plan of that many minutes on the lesson's page. *At home* comes after the "
        f"meeting. An exercise gives {points['exercise']} points and a problem (marked P) {points['problem']}. "
        "Minutes at home count the reading with its code and the exercises, as their pages state them; a project comes "
        "on top.",
    ]
    for plan in data["plans"]:
        lines += _plan(plan, lessons, points)
    lines += _dependencies(data["lessons"], lessons)
    return "\n".join(lines) + "\n"


def _plan(plan: Mapping[str, Any], lessons: Mapping[str, Lesson], points: Mapping[str, int]) -> list[str]:
    lines = ["", f"## {plan['title']}", "", plan["about"], ""]
    lines += ["| week | read | live | at home | points | minutes at home |", "|---|---|---|---|---|---|"]
    total, before = 0, 0
    minutes = loads(plan, lessons)
    for meeting in plan["meetings"]:
        week, homework = meeting["week"], meeting.get("homework", ())
        read = ", ".join(f"{_link(number, lessons)} ({lessons[number].code} min)" for number in meeting.get("read", ()))
        number = meeting.get("lesson")
        what = f"[{lessons[number].title}]({number}.md)" if number else meeting["what"]
        live = f"{what}, {meeting['minutes']} min"
        earned = sum(points["problem" if _is_problem(one, lessons) else "exercise"] for one in homework)
        home = ", ".join(f"{one}{' P' if _is_problem(one, lessons) else ''}" for one in homework)
        home = "; ".join(filter(None, [home, meeting.get("also", "")]))
        spent = str(minutes[week]) if week != before else ""
        lines.append(f"| {week if week != before else ''} | {read} | {live} | {home} | {earned or ''} | {spent} |")
        total, before = total + earned, week
    marks = ", ".join(f"{what} {percent} %" for what, percent in plan["marks"].items())
    cuts = ", then ".join(_link(number, lessons) for number in plan["cut"])
    lines += [
        "",
        f"*Marks.* {marks[0].upper()}{marks[1:]}. Homework has {total} points; its share of the marks is the share of "
        "these points.",
        "",
        f"*If a meeting is lost*, leave out {cuts}: no lesson that is left needs them. Within a lesson, see below.",
    ]
    return lines


def _dependencies(described: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> list[str]:
    lines = [
        "",
        "## What depends on what, and what may go",
        "",
        "Before a lesson, those that it needs must have been read. *May go* names sections in the order in which they "
        "can be dropped from the live part; *must stay* what later lessons stand on. Each lesson's page says what is "
        "lost. An *elective* takes one more meeting, of 45 or 90 minutes, after what it needs; a project may begin "
        "there, too.",
        "",
        "| lesson | needs | may go | must stay |",
        "|---|---|---|---|",
    ]
    for number, about in sorted(described.items()):
        needs = "; ".join(f"{other}: {why}" for other, why in sorted(about["needs"].items())) or "nothing"
        mark = ", elective" if about.get("elective") else ""
        columns = [f"[{lessons[number].title}]({number}.md){mark}", needs]
        columns += [", ".join(_section(one, lessons[number]) for one in about[what]) for what in ("drop", "keep")]
        lines.append(f"| {' | '.join(columns)} |")
    return lines


def _section(number: str, lesson: Lesson) -> str:
    return f"{number} {lesson.sections[number]}".replace("|", "\\|")


def _is_problem(exercise: str, lessons: Mapping[str, Lesson]) -> bool:
    return exercise in lessons[f"{int(exercise.partition('.')[0]):02}"].problems


def _link(number: str, lessons: Mapping[str, Lesson]) -> str:
    return f"[{number}](../../notebooks/{lessons[number].file})"
