"""The instructor's guide: a page for every lesson, whose minutes add up and whose names are those of the notebook."""

import functools
import importlib
import re
from pathlib import Path

import contracts
import nbformat
import pytest

from tools.publish import plans, slides

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "instructor"
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
PARTS = (
    "In 45 minutes",
    "In 90 minutes",
    "Ask the room",
    "Misconceptions to listen for",
    "Explorers",
    "Leave out",
    "Homework",
)


def page(number):
    return (GUIDE / f"{number}.md").read_text(encoding="utf-8")


def part(number, heading):
    """The text below a second-level heading."""
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page(number), re.DOTALL | re.MULTILINE)[1]


def rows(text):
    """The cells of a table's rows, without head and rule."""
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def headings(number):
    cells = nbformat.read(LESSONS[number], as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return [found for text in texts for found in re.findall(r"^#{1,3} (.+)", text, re.MULTILINE)]


def titles(number):
    """Titles in the lesson's room: of its explorers, and of panels."""
    module = importlib.import_module(f"course_utils.lessons.{LESSONS[number].stem[3:]}")
    source = Path(module.__file__).with_name("explorers.py").read_text(encoding="utf-8")
    return set(re.findall(r"title=\"([^\"]+)\"", source))


def test_every_lesson_has_a_page_and_no_page_is_left_over():
    assert {path.stem for path in GUIDE.glob("[0-9][0-9].md")} == set(LESSONS)


@pytest.mark.parametrize("number", LESSONS)
def test_a_page_has_the_lessons_title_and_all_parts_in_order(number):
    text = page(number)
    assert text.splitlines()[0] == f"# {headings(number)[0]}"
    assert tuple(re.findall(r"^## (.+)", text, re.MULTILINE)) == PARTS


@pytest.mark.parametrize("minutes", [45, 90])
@pytest.mark.parametrize("number", LESSONS)
def test_a_plan_adds_up_and_names_sections_of_the_lesson(number, minutes):
    plan = rows(part(number, f"In {minutes} minutes"))
    assert sum(int(row[0]) for row in plan) == minutes
    known = {*headings(number), "opening", "break"}
    assert [row[1] for row in plan if row[1] not in known] == []
    columns = 4 if minutes in decks(number) else 3
    assert all(len(row) == columns for row in plan)


@functools.cache
def decks(number):
    """The lesson's decks by plan: the cells of each slide."""
    lesson = nbformat.read(LESSONS[number], as_version=4)
    return {plan: slides.slides_of(plans.plan_notebook(lesson, plan, {})[0]) for plan in plans.plans_of(lesson)}


@pytest.mark.parametrize("number", LESSONS)
def test_a_plan_says_on_which_slides_its_sections_are_and_they_hold_what_it_names(number):
    for minutes, deck in decks(number).items():
        places = plans.slides_of_sections(deck)
        title = headings(number)[0]
        for row in rows(part(number, f"In {minutes} minutes")):
            if row[1] == "break":
                continue
            first, last = places.pop(title if row[1] == "opening" else row[1])
            assert row[2] == (f"{first}–{last}" if last > first else f"{first}"), row[1]
            cells = [cell for slide in deck[first - 1 : last] for cell in slide]
            texts = "\n".join(cell.source for cell in cells)
            for named in re.findall(r"[Ee]xercise (\d+\.\d+)", row[3]):
                assert f"Exercise {named} ·" in texts, f"{row[1]}: exercise {named} is on no slide"
            shown = any("explorer" in cell.metadata.get("tags", []) for cell in cells)
            assert shown or not re.search(r"\b[Ee]xplorer\b", row[3]), f"{row[1]}: the explorer is on no slide"
        places.pop(title, None)  # a title may go by without minutes of its own
        assert places == {}, "sections that the plan does not have"


@pytest.mark.parametrize("number", LESSONS)
def test_questions_come_from_a_section_that_exists(number):
    questions = re.findall(r"^- (.*)", part(number, "Ask the room"), re.MULTILINE)
    assert len(questions) >= 5
    numbers = {heading.split()[0] for heading in headings(number)} | {"opening"}
    named = [re.match(r"(\d+\.\d+|opening) · \*\*", question) for question in questions]
    assert all(named) and {match[1] for match in named} <= numbers
    assert len(re.findall(r"^- \*", part(number, "Misconceptions to listen for"), re.MULTILINE)) >= 5


@pytest.mark.parametrize("number", LESSONS)
def test_every_explorer_has_its_place(number):
    named = [row[0] for row in rows(part(number, "Explorers"))]
    assert named and set(named) <= titles(number)
    cells = nbformat.read(LESSONS[number], as_version=4).cells
    assert len(set(named)) == sum("explorer" in cell.metadata.get("tags", []) for cell in cells)


@pytest.mark.parametrize("number", LESSONS)
def test_homework_names_exercises_of_the_lesson(number):
    named = re.findall(r"Exercise (\d+\.\d+ · [^(.\n]+?)(?: \(|\.|:|,|$)", part(number, "Homework"), re.MULTILINE)
    known = {heading.removeprefix("Exercise ") for heading in headings(number) if heading.startswith("Exercise ")}
    assert named and [name for name in named if not any(full.startswith(name) for full in known)] == []


@pytest.mark.parametrize("number", LESSONS)
def test_every_number_of_a_page_is_the_lessons_or_says_whence_it_is(number):
    assert contracts.page_troubles(page(number), LESSONS[number]) == []


def test_a_number_that_nothing_gives_is_noticed():
    lesson = LESSONS["01"]
    assert contracts.page_troubles("It is 0.98765.", lesson) == [
        "0.98765: no code, output or word of the lesson gives it"
    ]
    origins = '<!-- numbers: {"0.98765": "0.5 + 0.48765"} -->'
    assert contracts.page_troubles(f"It is 0.98765. {origins}", lesson) == []
    assert (
        "gives 0.89995" in contracts.page_troubles(f"It is 0.98765. {origins.replace('0.5 +', '0.4123 +')}", lesson)[0]
    )
    assert "not needed" in contracts.page_troubles(f"It is so. {origins}", lesson)[0]
