"""The assessment bank: kinds, marks and votes are complete, and the numbers of marking schemes are computed."""

import re
import warnings
from pathlib import Path

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "docs" / "instructor" / "assessment"
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(BANK.glob("[0-9][0-9].md"))}
HEAD = re.compile(r"^### (\d+)\.([A-H]) · (.+) \((paper|oral|code), (\d+) points\)$", re.MULTILINE)


def questions(page):
    """Yield letter, kind, points and text of each question."""
    part = page.partition("\n## Questions\n")[2].partition("\n## Votes\n")[0]
    found = list(HEAD.finditer(part))
    ends = [match.start() for match in found[1:]] + [len(part)]
    for match, end in zip(found, ends, strict=True):
        yield match, part[match.end() : end]


def test_pages_are_lessons_and_the_index_leads_to_them():
    assert set(PAGES) == set(LESSONS)
    index = (BANK / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d)\.md\)", index) == list(PAGES)


@pytest.mark.parametrize("number", PAGES)
def test_a_page_has_six_to_eight_questions_of_all_kinds_whose_marks_add_up(number):
    asked = list(questions(PAGES[number]))
    assert 6 <= len(asked) <= 8
    assert PAGES[number].count("\n### ") == len(asked)
    assert [match[2] for match, _ in asked] == list("ABCDEFGH"[: len(asked)])
    assert {match[1] for match, _ in asked} == {str(int(number))}
    assert {match[4] for match, _ in asked} == {"paper", "oral", "code"}
    for match, text in asked:
        question, mark, scheme = text.partition("\n**Marking.**\n")
        assert mark and len(question.strip()) > 40, match[0]
        assert sum(int(points) for points in re.findall(r"^- (\d+) points?: ", scheme, re.MULTILINE)) == int(match[5])
        assert match[4] == "oral" or "```python" in scheme, f"{match[0]}: its numbers are computed nowhere"


@pytest.mark.parametrize("number", PAGES)
def test_every_section_has_a_vote(number):
    text = PAGES[number].partition("\n## Votes\n")[2]
    cells = nbformat.read(LESSONS[number], as_version=4).cells
    markdown = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    sections = re.findall(r"^## (\d+\.\d+) ", markdown, re.MULTILINE)
    votes = re.findall(
        r"^- (\d+\.\d+) · \*\*.+\*\* \(a\) .+ \(b\) .+ \(c\) .+ \*Right: ([abc])\.\* .+\.$", text, re.MULTILINE
    )
    assert [section for section, _ in votes] == sections
    assert len({right for _, right in votes}) == 3


@pytest.mark.parametrize("number", PAGES)
def test_the_numbers_of_the_schemes_are_computed(number):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGES[number], re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        assert "assert " in block
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(block, f"assessment {number}", "exec"), {"np": np})


def test_the_rubrics_add_up():
    text = (BANK / "projects.md").read_text(encoding="utf-8")
    for part in text.split("\n## ")[1:]:
        points = [int(points) for points in re.findall(r"^\| [^|]+ \| (\d+) \|", part, re.MULTILINE)]
        assert sum(points) == 30 and "add up to 30" in part
    lesson = nbformat.read(LESSONS["08"], as_version=4).cells
    headings = "\n".join(cell.source for cell in lesson if cell.cell_type == "markdown")
    for section in re.findall(r"\b8\.\d+\b", text):
        assert f"## {section} " in headings
