"""Decks for a plan: what a cell's metadata say of its slide, beside what the cell says."""

import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import code_cells, text_outputs
from contracts.numbers import section_numbers
from contracts.registry import rule
from tools.execute import describe

PLANS = {45, 90}
KEYS = {"plans", "words", "code", "claim"}
NUMBER = re.compile(r"\d+(?:[.\u202f ]\d+)*")


@rule
def deck_metadata(notebook: NotebookNode, path: Path) -> list[str]:
    """The metadata ``deck`` have the form that tools/publish/plans.py describes, and their numbers are the cell's."""
    found = []
    sections = section_numbers(path)
    for index, cell in enumerate(notebook.cells):
        deck = cell.metadata.get("deck")
        if deck is None:
            continue
        where = describe(index, cell)
        if extra := set(deck) - KEYS:
            found.append(f"{where}: its deck says {', '.join(sorted(extra))}, which means nothing")
        if not deck.get("plans") or set(deck["plans"]) - PLANS:
            found.append(f"{where}: its deck names no plan, or one that there is not: {deck.get('plans')}")
        given = {_plain(number) for text in (cell.source, *text_outputs(cell)) for number in NUMBER.findall(text)}
        for number in numbers_of(deck.get("words", "")):
            if number not in given and number not in sections:
                found.append(f"{where}: its slide says {number}, which the cell does not")
    code = dict(code_cells(notebook))
    shown = [index for index, cell in enumerate(notebook.cells) if cell.metadata.get("deck", {}).get("code")]
    found += [f"{describe(index, notebook.cells[index])} has no code to show" for index in shown if index not in code]
    return found


def numbers_of(words: str) -> list[str]:
    """Return the numbers of a slide's words: all that are said, and in formulas those of two digits or more."""
    said = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " ", words, flags=re.DOTALL)
    said = re.sub(
        r"^(?:\d+\.|#+ (?:Exercise )?\d+\.\d+)", " ", said, flags=re.MULTILINE
    )  # numbers of a list, of sections
    formulas = " ".join(re.findall(r"\$\$.*?\$\$|\$[^$]+\$", words, flags=re.DOTALL))
    found = NUMBER.findall(said) + [number for number in NUMBER.findall(formulas) if len(number) > 1]
    return [_plain(number) for number in found]


def _plain(number: str) -> str:
    return re.sub(r"[\u202f ]", "", number)
