"""Numbers: what breaks the rule that each has its source nearby."""

from breaches.lesson import code, find, insert_after, picture, printed, replace, text
from breaches.registry import breaks


@breaks("numbers", "says 0.614, which no code or output near it gives")
def stale_number(notebook, module):
    insert_after(notebook, "data =", code("print(share)", printed("0.6149")))
    insert_after(notebook, "print(share)", text("The share is 0.614."))


@breaks("numbers", "says 61.7, which no")
def stale_percentage(notebook, module):
    insert_after(notebook, "data =", code("print(share)", printed("0.6149")))
    insert_after(notebook, "print(share)", text("The share is 61.7 %."))


@breaks("numbers", "says 12012, which no")
def number_with_a_space(notebook, module):
    replace(notebook, "And if one", "Of 12 012 throws one. And if one")


@breaks("numbers", "says 0.919, which no")
def number_in_a_formula(notebook, module):
    replace(notebook, "And if one", "$\\approx -0.919$. And if one")


@breaks("numbers", "says 0.777, which no")
def number_in_an_alternative_text(notebook, module):
    insert_after(
        notebook, "data =", code('show(figure, "a curve that ends at 0.777")', picture("a curve that ends at 0.777"))
    )


@breaks("numbers", "says 0.777, which no")
def output_far_away(notebook, module):
    replace(notebook, "And if one", "It ends at 0.777. And if one")
    notebook.cells += [*(text("And so on.") for _ in range(13)), code("print(end)", printed("0.777"))]


@breaks("numbers", "its origin '2 ** 9 + 1' gives 513")
def wrong_origin(notebook, module):
    replace(notebook, "And if one", "There are 512 codes. And if one")
    notebook.cells[find(notebook, "## 1.2")].metadata["numbers"] = {"512": "2 ** 9 + 1"}


@breaks("numbers", "cannot be computed")
def origin_that_is_no_expression(notebook, module):
    replace(notebook, "And if one", "There are 512 codes. And if one")
    notebook.cells[find(notebook, "## 1.2")].metadata["numbers"] = {"512": "a count"}


@breaks("numbers", "lesson 00 does not give it")
def origin_in_a_lesson_that_does_not_give_it(notebook, module):
    replace(notebook, "And if one", "There are 512 codes. And if one")
    notebook.cells[find(notebook, "## 1.2")].metadata["numbers"] = {"512": "lesson 00"}


@breaks("numbers", "says whence 512 is, which is not needed")
def origin_of_what_is_not_said(notebook, module):
    notebook.cells[find(notebook, "## 1.2")].metadata["numbers"] = {"512": "2 ** 9"}
