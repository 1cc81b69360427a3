"""The handouts: what they show stands in the notebooks, and what cannot be found there is named."""

import base64
import html
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import handouts, paper, site

ROOT = Path(__file__).resolve().parents[2]
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
CHOICES = handouts.read_choices()
every_lesson = pytest.mark.parametrize("number", LESSONS)
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAC0lEQVR4nGNgQAcAABIAAXfx3l4AAAAASUVORK5CYII="


def made(number):
    notebook = nbformat.read(LESSONS[number], as_version=4)
    return notebook, *handouts.handout(notebook, CHOICES[number], ROOT / "notebooks")


def rows(page):
    """Yield section and TeX of every formula that a page sets on a line of its own."""
    section = ""
    for place, tex in re.findall(r'<td class="section">([^<]*)</td>.*?<td class="math">\\\[(.*?)\\\]</td>', page, re.S):
        section = place or section
        yield section, html.unescape(tex)


def text_by_section(notebook):
    """Return the text of each section, told apart without the tool's own rules."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    parts = re.split(r"^## (?:(\d+\.\d+) )?", text, flags=re.MULTILINE)
    return {number: part for number, part in zip(parts[1::2], parts[2::2], strict=True) if number}


@pytest.fixture
def lesson():
    figure = new_output("display_data", {"text/plain": "Figure: A dot, twice as wide.", "image/png": DOT})
    cells = [
        new_markdown_cell("# 07 · Small\n\nA promise with $x<y$.\n\nMore."),
        new_markdown_cell("## 7.1 First\n\nIn a line $a = b$, and again $a = b$.\n\n$$a = b + c .$$\n\n$$q = 1$$"),
        new_markdown_cell("**Predict, then move.** (a) What? (b) See [here](x.ipynb)?\n\nNot asked."),
        new_code_cell("draw()", outputs=[figure]),
        new_markdown_cell("<details><summary>Answer</summary>\n\nThe secret.\n\n</details>"),
        new_markdown_cell("## 7.2 Second\n\n$$q = 2$$\n\n$$q = 3$$\n\nAnd $r = 4$."),
        new_markdown_cell("$$s = 5$$", metadata={"tags": ["exercise"]}),
        new_markdown_cell("## What to remember\n\n- That $z$."),
    ]
    return new_notebook(cells=cells)


CHOSEN = {"formulas": {"7.1": {"a sum": "a ="}, "7.2": {"a number": "r"}}, "figures": ["twice as wide"]}


def test_every_lesson_has_a_choice_of_formulas_and_two_or_three_figures():
    assert set(CHOICES) == set(LESSONS)
    for chosen in CHOICES.values():
        assert 2 <= len(chosen["figures"]) <= 3
        assert 2 <= sum(map(len, chosen["formulas"].values())) <= 20


@every_lesson
def test_each_formula_of_a_handout_stands_in_its_section_of_the_notebook(number):
    notebook, page, _ = made(number)
    said = text_by_section(notebook)
    found = list(rows(page))
    assert len(found) == sum(map(len, CHOICES[number]["formulas"].values()))
    for section, tex in found:
        assert tex in said[section], (section, tex)


def test_the_sheet_has_the_formulas_of_all_handouts_in_order():
    notebooks = {number: nbformat.read(path, as_version=4) for number, path in LESSONS.items()}
    wanted = [row for number in LESSONS for row in rows(made(number)[1])]
    assert list(rows(handouts.sheet(notebooks, CHOICES))) == wanted
    assert len(wanted) > 80


@every_lesson
def test_a_handout_has_the_lessons_figures_questions_and_summary(number):
    notebook, page, pictures = made(number)
    stored = {
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    } | {path.read_bytes() for path in (ROOT / "notebooks" / "images").glob("*.png")}
    assert len(pictures) == len(CHOICES[number]["figures"])
    for address, picture in pictures.items():
        assert picture in stored and f'src="{address}"' in page
    assert min(len(alt) for alt in re.findall(r'<img[^>]* alt="([^"]*)"', page)) > 40
    asked = [cell for cell in notebook.cells if cell.cell_type == "markdown" and "**Predict" in cell.source]
    assert page.count('class="prediction"') == len(asked)
    parts = [len(re.findall(r"\([a-h]\)", cell.source[cell.source.index("**Predict") :])) for cell in asked]
    assert page.count('class="line"') == sum(max(1, count) for count in parts)
    summary = next(cell.source for cell in notebook.cells if cell.source.startswith("## What to remember"))
    assert page.partition('class="remember"')[2].partition("</section>")[0].count("<li>") == summary.count("\n- ")


@every_lesson
def test_no_answer_and_no_solution_is_handed_out(number):
    notebook, page, _ = made(number)
    assert "<details" not in page and "Solution" not in page
    for cell in notebook.cells:
        if cell.source.startswith("<details><summary>Answer</summary>"):
            answer = next(line for line in cell.source.splitlines()[1:] if line)
            assert html.escape(answer[:40], quote=False) not in page


def test_a_page_loads_nothing_from_outside(tmp_path):
    for number in LESSONS:
        (tmp_path / f"{number}.html").write_text(made(number)[1], encoding="utf-8")
    for asset in handouts.ASSETS:
        (tmp_path / asset).write_text((ROOT / handouts.FOLDER / asset).read_text(encoding="utf-8"), encoding="utf-8")
    assert site.outside_requests(tmp_path) == []


def test_what_a_handout_takes_of_a_lesson(lesson, tmp_path):
    page, pictures = handouts.handout(lesson, CHOSEN, tmp_path, 2)
    assert list(rows(page)) == [("7.1", "a = b + c"), ("7.2", "r = 4")]
    assert r'A promise with <span class="math inline">\(x&lt;y\)</span>.' in page
    assert "More." not in page and "Not asked" not in page and "secret" not in page
    assert "See here?" in page and "x.ipynb" not in page
    assert re.findall(r'<div class="line">([^<]*)</div>', page) == ["(a)", "", "(b)", ""]
    assert list(pictures.values()) == [base64.b64decode(DOT)] and "--shape: 2.00" in page


@pytest.mark.parametrize(
    ("section", "begins", "said"),
    [
        ("7.1", "c", "section 7.1 has no formulas that begin with c: one is needed"),
        ("7.2", "q", "section 7.2 has 2 formulas that begin with q: one is needed"),
        ("7.2", "s", "section 7.2 has no formulas that begin with s: one is needed"),
        ("7.3", "q", "section 7.3 has no formulas that begin with q: one is needed"),
    ],
)
def test_a_formula_that_is_not_there_once_is_named(lesson, section, begins, said):
    with pytest.raises(handouts.HandoutsError, match=f"^{re.escape(said)}$"):
        handouts.find_formula(lesson, section, begins)


def test_a_figure_or_a_summary_that_is_not_there_is_named(lesson, tmp_path):
    with pytest.raises(handouts.HandoutsError, match="no figures have “a line” in their descriptions: one is needed"):
        handouts.find_figure(lesson, "a line", tmp_path)
    lesson.cells.append(lesson.cells[3])
    with pytest.raises(handouts.HandoutsError, match="2 figures have “A dot”"):
        handouts.find_figure(lesson, "A dot", tmp_path)
    lesson.cells = lesson.cells[:3]
    with pytest.raises(handouts.HandoutsError, match="there is no section “What to remember”"):
        handouts.remember(lesson)


def test_the_pages_of_a_pdf_are_counted():
    assert paper.page_count(b"<</Type /Page\n>> <</Type/Page/Parent 1>> <</Type /Pages /Count 2>>") == 2
    with pytest.raises(paper.PaperError, match="it has no page"):
        paper.page_count(b"%PDF-1.4")


def test_the_command_says_what_is_wrong_and_leaves_what_is_there(tmp_path, capsys):
    assert handouts.main(["99", "--output", str(tmp_path / "new")]) == 1
    assert "there is no lesson 99; the lessons are 00, 01" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("mine")
    assert handouts.main(["--output", str(tmp_path)]) == 1
    assert "was not built by this command" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_lessons_that_the_site_has_not_are_not_printed(tmp_path):
    with pytest.raises(site.SiteError, match="has no lesson 05; it has none"):
        site.print_lessons(tmp_path, ["05"])
