"""What every notebook of the course must keep: one pure function for each rule.

A rule takes a notebook and its path and returns its violations in words. Cells are numbered from 0 over all
cells. `RULES` holds them all; `test_contracts.py` shows for each that it catches what it forbids, and
`test_notebooks.py` applies each to each notebook of the course.
"""

from contracts import code, decks, folding, times  # register their rules, of which no one needs one by name
from contracts.activities import minimums
from contracts.cells import (
    code_cells,
    compared_cells,
    explorer_cells,
    headings,
    lesson_module,
    lesson_number,
    starters,
    tags,
    verdict,
)
from contracts.file import MAX_NOTEBOOK_BYTES
from contracts.numbers import numbers, page_troubles, stated_numbers
from contracts.outputs import executed, no_errors, no_widget_state
from contracts.registry import RULES
from contracts.slide_show import slides
from contracts.words import links, voice

__all__ = [
    "MAX_NOTEBOOK_BYTES",
    "RULES",
    "code",
    "code_cells",
    "compared_cells",
    "decks",
    "executed",
    "explorer_cells",
    "folding",
    "headings",
    "lesson_module",
    "lesson_number",
    "links",
    "minimums",
    "no_errors",
    "no_widget_state",
    "numbers",
    "page_troubles",
    "slides",
    "starters",
    "stated_numbers",
    "tags",
    "times",
    "verdict",
    "voice",
]
