"""Decks for a plan: what they show, in which words, and what is refused as a page."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import plans, slides

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
BOTH = [45, 90]
NOTE = "<details><summary>Presenter's note · 7 min</summary>\n\nAsk the room.\n\n</details>"
PICTURE = new_output("display_data", {"text/html": '<img alt="a line" src="data:image/png;base64,AA==">'})


def text(source, **deck):
    return new_markdown_cell(source, metadata={"deck": deck} if deck else {})


def code(source, *lines, tags=(), outputs=(), **deck):
    said = [new_output("stream", text="".join(f"{line}\n" for line in lines))] if lines else list(outputs)
    return new_code_cell(source, outputs=said, metadata={"tags": list(tags), **({"deck": deck} if deck else {})})


def note(source=NOTE):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": "notes"}, "tags": ["notes"]})


def lesson(*cells):
    opening = text("# 01 · Small\n\nA long promise.", plans=BOTH, words="# 01 · Small\n\nA promise.")
    return new_notebook(cells=[opening, code("import numpy as np", tags=["imports"]), *cells])


def deck(notebook, plan=45, **minutes):
    shown, came_from = plans.plan_notebook(notebook, plan, minutes)
    return slides.slides_of(shown), shown, came_from


def troubles(*cells):
    notebook = lesson(*cells)
    return plans.troubles(deck(notebook)[0], plans.imported(notebook))


def test_a_plan_shows_its_cells_in_its_words():
    notebook = lesson(
        text("## 1.1 A question\n\nMany words.", plans=BOTH, words="## 1.1 A question\n\nFew."),
        text("For ninety minutes.", plans=[90], words="### More\n\nMuch more."),
        text("For nobody."),
        code("draw()", outputs=[PICTURE], plans=BOTH, words="### The picture"),
    )
    before = nbformat.writes(notebook)
    texts = [[cell.source for cell in slide] for slide in deck(notebook)[0]]
    assert texts == [["# 01 · Small\n\nA promise."], ["## 1.1 A question\n\nFew."], ["### The picture", "draw()"]]
    assert len(deck(notebook, 90)[0]) == 4
    assert plans.plans_of(notebook) == BOTH
    assert nbformat.writes(notebook) == before


def test_cells_are_known_by_the_place_they_had():
    notebook = lesson(code("draw()", outputs=[PICTURE], plans=BOTH, words="### The picture"), code("more()"))
    _, shown, came_from = deck(notebook)
    for index, old in came_from.items():
        assert shown.cells[index].cell_type == notebook.cells[old].cell_type
    assert sorted(came_from.values()) == list(range(len(notebook.cells)))


def test_code_is_shown_where_it_is_asked_for_and_without_docstrings():
    function = 'def f(x):\n    """Say what it is."""\n    return x'
    shown = code(function, plans=BOTH, words="### The function", code=True)
    hidden = code("claim('it holds')", "✓ it holds", plans=BOTH, words="### It holds")
    cells = [cell for cell in deck(lesson(shown, hidden))[1].cells if cell.cell_type == "code"]
    assert [cell.metadata.jupyter.source_hidden for cell in cells[1:]] == [False, True]
    assert cells[1].source == "def f(x):\n    return x"


@pytest.mark.parametrize(("wanted", "left"), [(None, "first"), (1, "second")])
def test_of_several_claims_one_is_shown(wanted, left):
    source = "x = 1\nclaim('first')\nclaim(\n    'second',\n    x,\n)\nprint('a word')"
    choice = {} if wanted is None else {"claim": wanted}
    cell = code(source, "✓ first", "✓ second", "a word", plans=BOTH, words="### One", **choice)
    shown = deck(lesson(cell))[1].cells[-1]
    assert shown.outputs[0].text == f"✓ {left}\na word\n"
    assert shown.source.count("claim(") == 1 and left in shown.source
    assert shown.source.startswith("x = 1") and shown.source.endswith("print('a word')")


def test_a_claim_leaves_its_tolerance_to_the_notebook():
    source = "claim('a is b, within reason', a, equals=b)\nprint('a   within 3')"
    said = "✓ a is b, within reason   within 1e-06 + 0.0001 relative", "a   within 3"
    shown = deck(lesson(code(source, *said, plans=BOTH, words="### One")))[1].cells[-1]
    assert shown.outputs[0].text == "✓ a is b, within reason\na   within 3\n"


def test_each_section_has_one_note_with_the_minutes_of_the_plan():
    first = text("## 1.1 One", plans=BOTH)
    second = text("## 1.2 Two", plans=BOTH)
    again = note(NOTE.replace("Ask the room.", "Ask again."))
    notebook = lesson(first, note(), again, second)
    minutes = {"01 · Small": 2, "1.1 One": 11, "1.2 Two": 4}
    shown, _ = plans.plan_notebook(notebook, 45, minutes)
    assert slides.minutes_of(shown) == 17
    notes = [cell.source for cell in shown.cells if slides.kind(cell) == "notes"]
    assert [slides.NOTE.match(source)[1] for source in notes] == ["2", "11", "4"]
    assert "Ask the room." in notes[1] and "Ask again." in notes[1]


def test_the_note_of_a_section_without_slides_is_left_out():
    """It would stand behind the section that is shown before it; a note before its section's slides is kept."""
    of_the_next = note(NOTE.replace("Ask the room.", "Ask about Three."))
    cells = text("## 1.1 One", plans=BOTH), text("## 1.2 Two", plans=[90]), note(), text("## 1.3 Three"), of_the_next
    notebook = lesson(*cells, text("### Three, seen", plans=BOTH))
    for plan, asked in ((45, [False, False, True]), (90, [False, False, True, True])):
        minutes = {"01 · Small": 2, "1.1 One": 11, "1.2 Two": plan - 45, "1.3 Three": 5}
        shown, _ = plans.plan_notebook(notebook, plan, minutes)
        notes = [cell.source for cell in shown.cells if slides.kind(cell) == "notes"]
        assert ["Ask" in source for source in notes] == asked
        assert "Ask about Three." in notes[-1] and slides.minutes_of(shown) == sum(minutes.values())


def test_the_slides_of_a_section_are_counted():
    cells = [text(f"{words}", plans=BOTH) for words in ("## 1.1 One", "### One, continued", "## 1.2 Two")]
    assert plans.slides_of_sections(deck(lesson(*cells))[0]) == {
        "01 · Small": (1, 1),
        "1.1 One": (2, 3),
        "1.2 Two": (4, 4),
    }


def test_the_minutes_are_those_of_the_instructors_page():
    page = (
        "## In 45 minutes\n\n| minutes | section | slides | what |\n|---|---|---|---|\n"
        "| 40 | opening | 1 | Look. |\n| 5 | break | | |\n\n## In 90 minutes\n"
    )
    assert plans.plan_minutes(page, 45, "01 · Small") == {"01 · Small": 40}
    assert plans.plan_rows(page, 90) == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (text("x", plans=BOTH, words="### Much\n\n" + "word " * 61), "61 words, more than 60"),
        (code("claim('x')", "✓ " + "word " * 61, plans=BOTH, words="### Much"), "61 words, more than 60"),
        (code("x = 1\n" * 11, plans=BOTH, words="### Code", code=True), "11 lines of code, more than 10"),
        (code(f"x = '{'y' * 80}'", plans=BOTH, words="### Code", code=True), "has 86 columns, more than 78"),
        (code("draw(secret)", outputs=[PICTURE], plans=BOTH, words="### C", code=True), "uses draw, secret"),
        (text("x", plans=BOTH, words="### Where\n\nSee below."), "it speaks of a page: 'below'"),
        (text("x", plans=BOTH, words="### Where\n\nThe next cell says."), "it speaks of a page: 'next cell'"),
        (code("x = 1", plans=BOTH, words="### Nothing"), "neither code nor anything that came out"),
    ],
)
def test_a_page_is_no_slide(cell, words):
    assert any(words in trouble for trouble in troubles(cell)), troubles(cell)


def test_a_slide_without_a_heading_is_refused():
    notebook = lesson()
    notebook.cells[0].metadata["deck"]["words"] = "A promise."
    with pytest.raises(slides.SlidesError, match="fragment of no slide"):
        deck(notebook)


def test_what_the_words_introduce_the_code_may_use():
    cells = [
        text("x", plans=BOTH, words="### Data\n\nThe waits are in `waiting`, and $\\text{below}$."),
        code("mean = np.mean(waiting)", plans=BOTH, words="### Mean", code=True),
        code("print(mean)", "71", plans=BOTH, words="### It is", code=True),
    ]
    assert troubles(*cells) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lessons_plans_are_slides_and_have_its_minutes(path):
    notebook = nbformat.read(path, as_version=4)
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    for plan in plans.plans_of(notebook):
        minutes = plans.plan_minutes(plans.guide_page(path), plan, title)
        shown, _ = plans.plan_notebook(notebook, plan, minutes)
        found = slides.slides_of(shown)
        assert plans.troubles(found, plans.imported(notebook)) == []
        assert slides.minutes_of(shown) == sum(minutes.values())
        assert set(plans.slides_of_sections(found)) - {title} == set(minutes) - {title}
