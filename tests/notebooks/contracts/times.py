"""How long a lesson takes: what it says of itself is recomputed from its words, formulas, figures and code."""

import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import Heading, headings, lesson_number, prose, tags, without_fences
from contracts.registry import rule

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
    everything = headings(notebook)
    optional = _optional(everything, len(notebook.cells))
    end = next((heading.cell for heading in everything if heading.text == "Problems"), len(notebook.cells))
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
            seconds += SECONDS["figure"] * _shows_picture(cell)
            if not kinds & {"imports", "recall"} and not cell.metadata.get("jupyter", {}).get("source_hidden"):
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


def _optional(everything: list[Heading], end: int) -> set[int]:
    cells: set[int] = set()
    for number, heading in enumerate(everything):
        if heading.text.startswith("Optional: "):
            ends = [other.cell for other in everything[number + 1 :] if other.level <= heading.level]
            cells |= set(range(heading.cell, min(ends, default=end)))
    return cells


def _shows_picture(cell: NotebookNode) -> bool:
    return any("<img" in output.get("data", {}).get("text/html", "") for output in cell.get("outputs", []))


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
