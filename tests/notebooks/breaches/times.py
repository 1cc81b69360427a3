"""How long a lesson takes: what breaks its rule."""

from breaches.lesson import find, replace
from breaches.registry import breaks


@breaks("times", "lacks 'Reading time: N minutes for the text")
def no_times(notebook, module):
    replace(notebook, "Reading time: ", "It takes ")


@breaks("times", "with the text it takes about")
def longer_text(notebook, module):
    replace(notebook, "It follows the data.", "It follows the data. " * 500)


@breaks("times", "with the text it takes about")
def more_formulas(notebook, module):
    replace(notebook, "It follows the data.", "It follows the data.\n\n" + "$$x = 1$$\n\n" * 20)


@breaks("times", "with the code it takes about")
def longer_code(notebook, module):
    notebook.cells[find(notebook, "data = ")].source += "\ntotal = 1" * 200


@breaks("times", "with the exercises it takes about")
def fewer_exercises(notebook, module):
    del notebook.cells[find(notebook, "### Exercise 1.2")]
