"""The presenter's page: which note belongs to which slide, how the minutes add up, and that the page holds together."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import slides as decks
from tools.publish.slide_types import NOTE, kind
from tools.teach import notes

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def slide(source, how="slide"):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": how}})


def note(minutes, words):
    summary = f"<summary>Presenter's note · {minutes} min</summary>"
    return slide(f"<details>{summary}\n\n{words}\n\n</details>", "notes")


def code(source, output=None, *tags):
    shown = {"slideshow": {"slide_type": "fragment"}, "tags": list(tags)}
    return new_code_cell(source, outputs=[output] if output else [], metadata=shown)


@pytest.fixture
def lesson():
    """Two sections; the first has two notes, the second's slide comes after its note too."""
    return new_notebook(
        cells=[
            slide("# 07 · Title\n\nA promise."),
            slide("## 7.1 First\n\nWhy?"),
            note(5, 'Wait. Ask: "who knows $m$?" (Nobody.)'),
            slide("not shown", "skip"),
            slide("More of it.", "subslide"),
            note(4, "Go on."),
            slide("## 7.2 Second\n\nHow?"),
            note(3, "Move."),
            slide("### Then\n\nThe end.", "subslide"),
        ]
    )


def test_a_note_belongs_to_the_slides_before_it_and_the_last_to_the_rest_of_its_section(lesson):
    shown = notes.slides(lesson)
    assert [(one.title, one.section) for one in shown] == [
        ("07 · Title", "07 · Title"),
        ("7.1 First", "7.1 First"),
        ("7.1 First, continued", "7.1 First"),
        ("7.2 Second", "7.2 Second"),
        ("Then", "7.2 Second"),
    ]
    assert [(one.begins, one.minutes) for one in shown] == [(0, 0), (0, 5), (5, 4), (9, 3), (9, 3)]
    assert [one.note for one in shown[3:]] == ["<p>Move.</p>\n"] * 2
    assert shown[0].note == ""


def test_the_question_for_the_room_stands_out_and_a_letter_needs_no_formula(lesson):
    words = notes.slides(lesson)[1].note
    assert '<strong class="question">“who knows <em>m</em>?”</strong>' in words
    assert "(Nobody.)" in words and "$" not in words


def test_each_press_is_named_by_what_it_shows():
    picture = new_output("display_data", {"text/html": '<img alt="A line &amp; a dot" src="data:,">'})
    notebook = new_notebook(
        cells=[
            slide("# A\n\nLet **x** be $x_1$, and $\\sum_n x_n$ a sum:\n\n$$\\int x$$"),
            code("draw()", picture),
            code("show()", picture, "explorer"),
            code("def f(): ...", None, "exercise"),
            code("claim()\nclaim()", new_output("stream", text="✓ it holds\n✓ so does this\n")),
            code("# said\nx = 1"),
        ]
    )
    (only,) = notes.slides(notebook)
    assert [words for _, words in only.stops] == [
        "Let x be x_1, and … a sum: …",
        "Figure. A line & a dot",
        "Explorer",
        "Exercise: the starter code",
        "Claims: it holds so does this",
        "Code: # said",
    ]
    assert [cell for cell, _ in only.stops] == [cell.id for cell in notebook.cells]


def test_the_page_is_one_file_that_no_text_of_a_lesson_can_break(lesson):
    lesson.cells[0].source = "# 07 · A </script><b>\n\nLong."
    page = notes.page(lesson, "07_lesson", "abc", "@font-face {}")
    assert "@font-face {}" in page and "/* FONTS */" not in page and "@TITLE@" not in page
    assert page.count("</script>") == 1
    known = json.loads(re.search(r"= (\{.*\});$", page, re.MULTILINE)[1].replace("<\\/", "</"))
    assert known["presentation"] == "abc" and known["minutes"] == 12
    assert len(known["slides"]) == 5
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_a_lesson_without_slides_and_notes_has_an_empty_page():
    assert "@TITLE@" not in notes.page(new_notebook(cells=[]), "scratch", "abc", "")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_all_notes_of_a_lesson_are_on_its_page_and_their_minutes_add_up(path):
    notebook = nbformat.read(path, as_version=4)
    shown = notes.slides(notebook)
    assert [len(one.stops) for one in shown] == [len(cells) for cells in decks.slides_of(notebook)]
    assert shown[-1].begins + shown[-1].minutes == decks.minutes_of(notebook)
    assert [one.begins for one in shown] == sorted(one.begins for one in shown)
    given = [cell for cell in notebook.cells if kind(cell) == "notes"]
    assert len({one.note for one in shown} - {""}) == len(given)
    # There is no MathJax on the page.
    formulas = [found for cell in given for found in re.findall(r"\$([^$]*)\$", NOTE.match(cell.source)[2])]
    assert all(re.fullmatch(r"[\w\s=+<>.,−-]+", formula) for formula in formulas)
    assert not any("\\" in words for one in shown for _, words in one.stops)
