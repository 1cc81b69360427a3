"""The slides: what a deck shows of a notebook, what it leaves out, and how building it may fail."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import npm, slides
from tools.publish.slide_types import unfolded
from tools.teach import present

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
PIXEL = '<img alt="A dot" src="data:image/png;base64,iVBORw0KGgo=">'


def shown(kind, *tags):
    return {"slideshow": {"slide_type": kind}, **({"tags": list(tags)} if tags else {})}


def figure(text):
    return new_output("display_data", {"text/html": text, "text/plain": "a figure"})


def note(minutes, text):
    source = f"<details><summary>Presenter's note · {minutes} min</summary>\n\n{text}\n\n</details>"
    return new_markdown_cell(source, metadata=shown("notes", "notes"))


@pytest.fixture
def lesson():
    cells = [
        new_markdown_cell("# 07 · Small\n\nSee [01](01_other.ipynb#part).", metadata=shown("slide")),
        new_code_cell("import hidden_module", metadata=shown("skip", "imports")),
        new_markdown_cell("## 7.1 First\n\nThe formula $x < y$.", metadata=shown("slide")),
        new_code_cell("claim('ab', 1)", metadata=shown("fragment"), outputs=[new_output("stream", text="✓ ab")]),
        new_code_cell("draw_something()", metadata=shown("subslide"), outputs=[figure(PIXEL)]),
        new_code_cell("lesson.mover()", metadata=shown("subslide", "explorer"), outputs=[figure(PIXEL)]),
        note(5, "Ask the room."),
        new_markdown_cell("## 7.2 Second", metadata=shown("slide")),
        new_code_cell(
            "def answer():\n    ...",
            metadata=shown("fragment", "exercise"),
            outputs=[new_output("stream", text="○ Not yet")],
        ),
        new_markdown_cell("#### Solution", metadata=shown("skip", "solution")),
        new_code_cell("the_solution()", metadata=shown("skip", "solution")),
        note(7, "Give them time."),
    ]
    return new_notebook(cells=cells)


def page_of(notebook, fragments=None, folder=ROOT / "notebooks"):
    return slides.deck_html(slides.deck_notebook(notebook, fragments or {}), "07 · Small", folder)


def sections(page):
    """The leaves: what is on each slide, notes included."""
    body = page[page.index('<div class="slides">') :]
    return [part for part in re.split(r"<section[^>]*>", body) if part.split("</section>")[0].strip()][1:]


def test_slides_and_minutes_are_counted(lesson):
    assert [len(slide) for slide in slides.slides_of(lesson)] == [1, 2, 1, 1, 2]
    assert slides.minutes_of(lesson) == 12


def test_a_deck_has_these_slides_and_shows_them(lesson):
    parts = sections(page_of(lesson))
    assert len(parts) == 5
    assert "07 · Small" in parts[0] and "✓ ab" in parts[1] and "A dot" in parts[2] and "def</span>" in parts[4]


def test_what_is_skipped_or_solved_is_not_in_it(lesson):
    page = page_of(lesson)
    assert "hidden_module" not in page and "the_solution" not in page and "Not yet" not in page
    assert "hidden_module" in page_of(without(lesson, 1, "skip"))


def without(notebook, index, kind):
    """The notebook with that cell shown, if it was of that kind."""
    assert slides.kind(notebook.cells[index]) == kind
    notebook.cells[index].metadata["slideshow"] = {"slide_type": "fragment"}
    return notebook


def test_a_picture_and_claims_stand_without_their_code(lesson):
    page = page_of(lesson)
    assert "draw_something" not in page and page.count("A dot") == 2
    assert "claim" not in page and "✓ ab" in page
    lesson.cells[3].source = "ab = 1\nclaim('ab', ab)"
    assert "claim" in page_of(lesson)


def test_an_explorer_is_the_fragment_made_for_it(lesson):
    page = page_of(lesson, {5: "<figure class='course-frames'>moving</figure>"})
    assert page.count("A dot") == 1 and "moving" in page


def test_the_notes_of_a_section_stand_behind_each_of_its_slides(lesson):
    parts = sections(page_of(lesson))
    assert ["Ask the room." in part for part in parts] == [False, True, True, True, False]
    assert "5 minutes for this section" in parts[1]
    assert "Give them time." in parts[4] and "<details>" not in parts[4]


def test_links_lead_to_the_other_decks_and_formulas_stay(lesson):
    page = page_of(lesson)
    assert 'href="01_other.html"' in page and ".ipynb" not in page
    assert "$x &lt; y$" in page


def test_no_id_stands_twice(lesson):
    ids = re.findall(r'\bid="([^"]+)"', page_of(lesson))
    assert len(ids) == len(set(ids))


def test_a_note_without_minutes_and_a_fragment_without_slide_are_named(lesson):
    lesson.cells[6].source = "Talk."
    with pytest.raises(slides.SlidesError, match=r"does not say its minutes: 'Talk\.'"):
        slides.deck_notebook(lesson, {})
    lesson.cells[0].metadata["slideshow"]["slide_type"] = "fragment"
    with pytest.raises(slides.SlidesError, match="fragment of no slide: '# 07"):
        slides.slides_of(lesson)


def test_an_answer_is_unfolded_on_slides_and_other_folds_stay():
    answer = "<details><summary>Answer</summary>\n\n(a) $x$.\n\n</details>"
    assert unfolded(answer) == "(a) $x$."
    assert unfolded(f"{answer}\n\nOn.\n\n<details>") == "(a) $x$.\n\nOn.\n\n<details>"
    for other in ("<details><summary>More</summary>\n\nx\n\n</details>", f"First.\n\n{answer}"):
        assert unfolded(other) == other
    notebook = new_notebook(cells=[new_markdown_cell(answer, metadata={"slideshow": {"slide_type": "slide"}})])
    assert slides.deck_notebook(notebook, {}).cells[0].source == "(a) $x$."
    assert present.room_copy(notebook).cells[0].source == "(a) $x$."


# --- the course's own lessons -----------------------------------------------------------------------------------------


@every_lesson
def test_a_lesson_has_at_most_thirty_slides(path):
    count = len(slides.slides_of(nbformat.read(path, as_version=4)))
    assert 8 <= count <= slides.MOST


@every_lesson
def test_every_press_shows_something(path):
    for slide in slides.slides_of(nbformat.read(path, as_version=4)):
        for cell in slide:
            words = unfolded(cell.source).strip()
            seen = words and not words.startswith("<details")
            assert seen, f"nothing to see: {cell.source[:60]!r}"
            assert "solution" not in cell.metadata.get("tags", [])
            assert "imports" not in cell.metadata.get("tags", [])


@every_lesson
def test_every_explorer_is_on_a_slide_and_has_the_question_before_it(path):
    notebook = nbformat.read(path, as_version=4)
    on_slides = [cell.id for slide in slides.slides_of(notebook) for cell in slide]
    for index, cell in enumerate(notebook.cells):
        if "explorer" in cell.metadata.get("tags", []):
            assert cell.id in on_slides, f"{cell.source} is on no slide"
            question = next(one for one in reversed(notebook.cells[:index]) if "**Predict, then move" in one.source)
            assert question.id in on_slides, f"the question before {cell.source} is on no slide"
            answer = notebook.cells[index + 1]
            if answer.id in on_slides:
                assert not any(
                    {cell.id, answer.id} <= {one.id for one in slide} for slide in slides.slides_of(notebook)
                )


# --- the folder -------------------------------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch, lesson):
    """A course of one lesson; the packages of npm are stand-ins, and no explorer is drawn."""
    (tmp_path / "notebooks").mkdir()
    nbformat.write(lesson, tmp_path / "notebooks" / "07_small.ipynb")
    packages = tmp_path / "npm"
    for part in (*slides.REVEAL_PARTS, *(f"plugin/notes/{name}" for name in slides.NOTES_PARTS), "es5/LICENSE"):
        (packages / part).parent.mkdir(parents=True, exist_ok=True)
        (packages / part).write_text(part)
    (packages / "es5" / "tex-mml-chtml.js").write_text("mathematics")
    monkeypatch.setattr(slides.npm, "MATHJAX_PARTS", ("tex-mml-chtml.js",))
    monkeypatch.setattr(slides.npm, "package", lambda name: packages)
    fragments = {5: "<figure>moving</figure>"}
    monkeypatch.setattr(slides.frames, "all_fragments", lambda paths: dict.fromkeys(paths, fragments))
    return tmp_path


def test_a_folder_has_decks_an_index_and_all_they_load_with_licences(course):
    (deck,) = slides.build(course / "out" / "slides", root=course)
    assert deck == slides.Deck("07_small", "07 · Small", 5, 12)
    folder = course / "out" / "slides"
    index = (folder / "index.html").read_text()
    assert '<a href="07_small.html">07 · Small</a></td><td>5</td><td>12</td>' in index
    for page in (index, (folder / "07_small.html").read_text()):
        loaded = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^":]+)"', page)
        assert loaded
        for address in loaded:
            assert (folder / address).is_file(), address
    assert (folder / "assets/reveal/LICENSE").is_file() and (folder / "assets/mathjax/LICENSE").is_file()
    assert [path.name for path in (course / "out").iterdir()] == ["slides"]


def test_a_second_build_replaces_the_first_and_nothing_else(course):
    slides.build(course / "slides", root=course)
    (course / "slides" / "old.html").write_text("old")
    slides.build(course / "slides", root=course)
    assert not (course / "slides" / "old.html").exists()
    (course / "mine").mkdir()
    (course / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(slides.SlidesError, match="was not built by this command, so it is left alone"):
        slides.build(course / "mine", root=course)
    assert (course / "mine" / "thesis.txt").read_text() == "precious"


def test_a_failure_leaves_the_earlier_folder(course, lesson, monkeypatch):
    slides.build(course / "out" / "slides", root=course)
    before = (course / "out" / "slides" / "07_small.html").read_text()
    lesson.cells += [new_markdown_cell("more", metadata=shown("subslide")) for _ in range(slides.MOST)]
    nbformat.write(lesson, course / "notebooks" / "07_small.ipynb")
    with pytest.raises(slides.SlidesError, match=r"07_small\.ipynb: 35 slides are more than 30"):
        slides.build(course / "out" / "slides", root=course)
    assert (course / "out" / "slides" / "07_small.html").read_text() == before
    assert [path.name for path in (course / "out").iterdir()] == ["slides"]


def test_unknown_lessons_and_missing_packages_are_one_sentence(course, monkeypatch, capsys):
    with pytest.raises(slides.SlidesError, match="there is no lesson 12: name them by number, from 07"):
        slides.build(course / "slides", root=course, lessons=["12"])
    with pytest.raises(slides.SlidesError, match="holds no lesson"):
        slides.build(course / "slides", root=course / "npm")

    def missing(name):
        raise npm.NpmError("there is no npm: install it")

    monkeypatch.setattr(slides.npm, "package", missing)
    assert slides.main(["--output", str(course / "slides")]) == 1
    assert capsys.readouterr().err == "there is no npm: install it\n"
    assert not (course / "slides").exists()


# --- margins ----------------------------------------------------------------------------------------------------------


def test_a_slide_without_margin_at_its_right_or_its_bottom_is_named():
    class Page:
        def evaluate(self, script):
            ends = [("fits", 1228, 691), ("wide", 1229, 400), ("high", 800, 692)]
            return [{"words": words, "right": right, "bottom": bottom} for words, right, bottom in ends]

    assert slides.cut_off(Page()) == ["slide 2 (wide): 1229 × 400", "slide 3 (high): 800 × 692"]


def test_a_deck_s_folder_without_fonts_is_not_built(tmp_path, monkeypatch):
    from course_utils.workshop import style

    monkeypatch.setattr(slides.frames, "all_fragments", lambda paths: {path: {} for path in paths})
    monkeypatch.setattr(npm, "package", lambda name: tmp_path / "packages")
    monkeypatch.setattr(slides, "_write_assets", lambda target, *_: slides.fonts.copy_fonts(target, target))
    monkeypatch.setattr(style, "FONTS", tmp_path / "none")
    with pytest.raises(slides.SlidesError, match="fonts are not complete"):
        slides.build(tmp_path / "slides")
    assert list(tmp_path.iterdir()) == []
