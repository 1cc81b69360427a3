"""The calendar: what its data say holds of the lessons and of the guide, and what does not hold is named."""

import copy
import re
from pathlib import Path

import pytest

from tools.publish import course_calendar

ROOT = Path(__file__).resolve().parents[2]
LESSONS, DATA = course_calendar.read_lessons(), course_calendar.read_data()


def part(number, heading):
    page = (ROOT / "docs" / "instructor" / f"{number}.md").read_text(encoding="utf-8")
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_data_hold():
    assert course_calendar.troubles(DATA, LESSONS) == []
    assert [plan["weeks"] for plan in DATA["plans"]] == [5, 10, 14]


def test_every_lesson_has_its_facts():
    for number, lesson in LESSONS.items():
        assert lesson.reading >= 10 and lesson.code >= lesson.reading
        assert {45, 90} <= lesson.plans
        assert lesson.needs or number == "00"
        assert lesson.sections and lesson.exercises
        assert number == "00" or len(lesson.problems) >= 2
        named = set(re.findall(r"Exercise (\d+\.\d+) · ", part(number, "Homework")))
        assert named == set(lesson.homework)
        assert all(5 <= minutes <= 60 for minutes in lesson.homework.values())


@pytest.mark.parametrize("plan", DATA["plans"], ids=lambda plan: str(plan["weeks"]))
def test_every_lesson_is_read_and_shown_after_what_it_needs(plan):
    """Asked once more without the tool's own rules."""
    place = {}
    for index, meeting in enumerate(plan["meetings"]):
        for number in meeting.get("read", ()):
            place.setdefault(number, index)
    assert set(place) >= set(LESSONS) - course_calendar.electives(DATA)
    for number, index in place.items():
        assert all(place[other] <= index for other in LESSONS[number].needs)
    assert sum(plan["marks"].values()) == 100


def test_what_may_go_is_what_each_page_says_may_go():
    for number, about in DATA["lessons"].items():
        said = part(number, "Leave out")
        for section in about["drop"]:
            assert re.search(rf"(?<![\d.]){re.escape(section)}(?![\d])", said), (number, section)


def test_the_page_shows_every_week_exercise_and_minute():
    page = course_calendar.calendar_page()
    for plan in DATA["plans"]:
        text = page.partition(f"\n## {plan['title']}\n")[2].partition("\n## ")[0]
        for week, minutes in course_calendar.loads(plan, LESSONS).items():
            assert re.search(rf"^\| {week} \| .*\| {minutes} \|$", text, re.MULTILINE)
        for meeting in plan["meetings"]:
            for exercise in meeting.get("homework", ()):
                assert re.search(rf"[ ,]{re.escape(exercise)}[ ,;]", text)
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (ROOT / "docs" / "instructor" / link).is_file(), link


def change(path, value):
    """Return the data with one thing changed."""
    data = copy.deepcopy(DATA)
    place = data
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


MEETINGS = ("plans", 1, "meetings")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("lessons", "04", "needs"), {"02": "x"}, "lesson 04 needs 02, and its first cell names 03"),
        (("lessons", "04"), None, "lesson 04 is not described"),
        (("lessons", "99"), {"needs": {}, "drop": [], "keep": []}, "there is no lesson 99"),
        (("lessons", "04", "drop"), ["4.99"], "lesson 04 has no section 4.99"),
        (("lessons", "04", "keep"), ["4.11"], "section 4.11 is to be dropped and kept"),
        (("plans", 1, "marks", "homework"), 40, "plan of 10 weeks: the marks add up to 90"),
        (("plans", 1, "cut"), ["08"], "lesson 08 may not be dropped: lesson 09 needs it"),
        (("plans", 1, "most"), 60, "minutes at home, and 60 are allowed"),
        ((*MEETINGS, 3, "homework"), ["4.99"], "week 4 gives exercise 4.99, and there is no such exercise"),
        ((*MEETINGS, 3, "homework"), ["3.2"], "exercise 3.2 is given twice"),
        ((*MEETINGS, 5, "homework"), ["6.1"], "exercise 6.1, for which the guide has no minutes"),
        ((*MEETINGS, 3, "lesson"), "99", "week 4 has lesson 99, and there is no such lesson"),
        ((*MEETINGS, 3, "minutes"), 60, "no plan of 60 minutes for lesson 04"),
        ((*MEETINGS, 3, "read"), ["99"], "week 4 reads 99, and there is no such lesson"),
        ((*MEETINGS, 3, "read"), [], "week 4: lesson 04 is shown and was not read"),
        ((*MEETINGS, 2), None, "the weeks do not run from the first to the last"),
        ((*MEETINGS, 2), {"week": 3, "minutes": 90}, "a meeting without a lesson and without a word"),
        ((*MEETINGS, 2, "marks"), 3, "week 3 says marks, which means nothing"),
        ((*MEETINGS, 9, "read"), [], "lesson 10 has no place"),
    ],
)
def test_what_does_not_hold_is_named(path, value, said):
    data = change(path, value)
    if said.endswith("has no place"):
        data = change((*MEETINGS, 9), {"week": 10, "minutes": 90, "what": "Questions"})
    assert any(said in trouble for trouble in course_calendar.troubles(data, LESSONS)), course_calendar.troubles(
        data, LESSONS
    )


def test_an_elective_needs_no_place_and_keeps_what_it_needs_where_it_has_one():
    free = change(("lessons", "10", "elective"), True)
    assert course_calendar.electives(free) == {*course_calendar.electives(DATA), "10"}
    free["plans"][1]["meetings"][9] = {"week": 10, "minutes": 90, "what": "Questions"}
    assert not any("has no place" in trouble for trouble in course_calendar.troubles(free, LESSONS))
    # a plan that leaves out an elective may drop what only this elective needs
    free["plans"][1]["cut"] = ["09"]
    assert not any("may not be dropped" in trouble for trouble in course_calendar.troubles(free, LESSONS))


def test_a_lesson_before_what_it_needs_is_named():
    data = copy.deepcopy(DATA)
    meetings = data["plans"][1]["meetings"]
    meetings[3], meetings[4] = {**meetings[4], "week": 4}, {**meetings[3], "week": 5}
    assert any("week 4: lesson 05 needs 04 before it" in trouble for trouble in course_calendar.troubles(data, LESSONS))


def test_a_page_of_what_does_not_hold_is_not_made(monkeypatch):
    monkeypatch.setattr(course_calendar, "read_data", lambda root: change(("plans", 0, "cut"), ["08"]))
    with pytest.raises(course_calendar.PlanError, match="lesson 08 may not be dropped"):
        course_calendar.calendar_page()
