"""Decks for a plan: what breaks their rule."""

from breaches.lesson import find
from breaches.registry import breaks


def tell(notebook, start, **deck):
    notebook.cells[find(notebook, start)].metadata["deck"] = {"plans": [45, 90], **deck}


@breaks("deck_metadata", "says colour, which means nothing")
def unknown_word(notebook, module):
    tell(notebook, "data = ", colour="blue")


@breaks("deck_metadata", "names no plan")
def no_plan(notebook, module):
    tell(notebook, "data = ", plans=[])


@breaks("deck_metadata", "one that there is not: [60]")
def another_plan(notebook, module):
    tell(notebook, "data = ", plans=[60])


@breaks("deck_metadata", "its slide says 7, which the cell does not")
def number_of_its_own(notebook, module):
    tell(notebook, "data = ", words="### Five of 7\n\nOf 5 numbers.")


@breaks("deck_metadata", "its slide says 3.75, which the cell does not")
def number_in_a_formula(notebook, module):
    tell(notebook, "data = ", words="### Five\n\nIt is $3.75$, and $2x$.")


@breaks("deck_metadata", "has no code to show")
def code_of_a_text(notebook, module):
    tell(notebook, "The picture shows it.", code=True)
