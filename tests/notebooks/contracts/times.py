"""How long a lesson takes: what it says of itself is recomputed from its words, formulas, figures and code."""

import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import headings, lesson_number, part_below, prose, tags, without_fences
from contracts.registry import rule
from tools.publish.slide_types import folded, has_picture

STATED = re.compile(r"Reading time: (\d+) minutes for the text, (\d+) with its code, (\d+) with the exercises?\b")
WORDS_A_MINUTE = 200  # a text that one studies; a novel goes faster
SECONDS = {"display": 30, "inline": 2, "figure": 30, "explorer": 90, "line": 3}
"""For a formula on its own line, one within a line, a picture, an explorer with its question, a line of code."""

EXERCISE_MINUTES = 12
ROOM = 5  # minutes that what is stated, in steps of five, may be off


def minutes(notebook: NotebookNode) -> tuple[float, float, float]:
    """Return how long the text takes, with its code, and with its exercises, in minutes.

    Presenter's notes, solutions, problems and optional parts do not count, and of the code neither imports nor folded
    cells nor the cells of questions from earlier lessons.
    """
    parts = [part_below(notebook, heading) for heading in headings(notebook) if heading.text.startswith("Optional: ")]
    optional = {index for part in parts for index in part}
    end = next((heading.cell for heading in headings(notebook) if heading.text == "Problems"), len(notebook.cells))
    seconds = lines = exercises = 0.0
    for index, cell in enumerate(notebook.cells):
        kinds = tags(cell)
        if kinds & {"notes", "solution"} or index in optional:
            continue
        if "exercise" in kinds:
            exercises += cell.cell_type == "markdown" and index < end
        elif cell.cell_type == "markdown":
            seconds += text_seconds(cell.source)
        elif "explorer" in kinds:
            seconds += SECONDS["explorer"]
        else:
            seconds += SECONDS["figure"] * has_picture(cell)
            if not kinds & {"imports", "recall"} and not folded(cell):
                lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    text = seconds / 60
    code = text + lines * SECONDS["line"] / 60
    return text, code, code + exercises * EXERCISE_MINUTES


def text_seconds(markdown: str) -> float:
    """Return how long a text takes: its words, formulas and pictures, in seconds."""
    source = re.sub(r"(`+).+?\1", "", without_fences(markdown), flags=re.DOTALL)
    without_displays, displays = re.subn(r"\$\$.*?\$\$", " ", source, flags=re.DOTALL)
    inline = len(re.findall(r"(?<![\\$])\$(?:[^$\n]|\n(?!\n))+\$", without_displays))
    return (
        len(prose(markdown).split()) * 60 / WORDS_A_MINUTE
        + displays * SECONDS["display"]
        + inline * SECONDS["inline"]
        + source.count("![") * SECONDS["figure"]
    )


@rule
def times(notebook: NotebookNode, path: Path) -> list[str]:
    """The first cell states how long text, code and exercises take, and it is true."""
    if lesson_number(path) < 0 or not notebook.cells:
        return []
    stated = STATED.search(notebook.cells[0].source)
    if stated is None:
        return ["the first cell lacks 'Reading time: N minutes for the text, M with its code, K with the exercises'"]
    found = []
    parts = zip(("the text", "the code", "the exercises"), stated.groups(), minutes(notebook), strict=True)
    for what, said, measured in parts:
        if abs(int(said) - measured) > ROOM:
            found.append(f"with {what} it takes about {measured:.0f} minutes, not {said}")
    return found
