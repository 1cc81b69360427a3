"""Code cells: what breaks its rules."""

import sys

from breaches.lesson import NOTES, code, find, insert_after, printed, replace, text
from breaches.registry import breaks


@breaks("plain_python", "is not plain Python")
def magic(notebook, module):
    replace(notebook, "data = ", "%matplotlib inline\ndata = ")


@breaks("plain_python", "is empty")
def empty_cell(notebook, module):
    notebook.cells.append(code(""))


@breaks("cell_lengths", "has 26 lines, more than 25")
def long_cell(notebook, module):
    notebook.cells[find(notebook, "data =")].source = "\n".join(["x = 1"] * 26)


@breaks("cell_lengths", "the median code cell has 9 lines")
def long_cells(notebook, module):
    for cell in notebook.cells:
        cell.source += "\n" * (9 - len(cell.source.splitlines())) if cell.cell_type == "code" else ""
        cell.source += "pass" if cell.cell_type == "code" else ""


@breaks("line_widths", "has a line of 89 columns, more than 88: total")
def wide_code(notebook, module):
    notebook.cells[find(notebook, "data =")].source += f"\ntotal = {'1' * 81}"


@breaks("line_widths", "has a line of 90 columns, more than 88: result")
def wide_fenced_code(notebook, module):
    replace(notebook, "It follows the data.", f"It follows the data:\n\n```python\nresult = {'1' * 81}\n```\n\nSo.")


@breaks("import_cell", "2 cells are tagged imports")
def two_import_cells(notebook, module):
    notebook.cells[find(notebook, "data =")].metadata["tags"] = ["imports"]


@breaks("import_cell", "has 9 lines of imports, more than 8")
def long_imports(notebook, module):
    replace(notebook, "import numpy as np", "import numpy as np\n" * 7)


@breaks("import_cell", "not the first code cell")
def late_imports(notebook, module):
    notebook.cells.insert(1, code("x = 1"))


@breaks("import_cell", "setup(seed) is called neither")
def no_setup(notebook, module):
    replace(notebook, "\nsetup(1)", "")


@breaks("prose_between", "follows another code cell")
def code_after_code(notebook, module):
    insert_after(notebook, "data =", code("total = data.sum()"))


@breaks("prose_between", "follows another code cell")
def code_after_code_and_a_note(notebook, module):
    note = text(NOTES, "notes", tags=["notes"])
    insert_after(notebook, "data =", note, code("np.sort(data)", printed("…")))


@breaks("prose_between", "print(mean)")
def too_much_shown(notebook, module):
    notebook.cells[find(notebook, "print(mean)")].source = "\n".join(["print(mean)"] * 4)


@breaks("no_interact", "uses interact")
def interact(notebook, module):
    replace(notebook, "data = ", "from ipywidgets import interact\ndata = ")


@breaks("no_interact", "uses interactive")
def interactive(notebook, module):
    replace(notebook, "data = ", "ipywidgets.interactive(f, x=(0, 1))\ndata = ")


@breaks("own_lesson_only", "imports the lesson module mixtures")
def other_lesson(notebook, module):
    replace(notebook, "data = ", "from course_utils.lessons import mixtures\ndata = ")


@breaks("own_lesson_only", "imports the lesson module mixtures")
def part_of_another_lesson(notebook, module):
    replace(notebook, "data = ", "from course_utils.lessons.mixtures import em\ndata = ")


@breaks("own_lesson_only", "`from course_utils.lessons import small as lesson` is missing")
def no_lesson(notebook, module):
    replace(notebook, "from course_utils.lessons import small as lesson", "lesson = None")


@breaks("own_lesson_only", "there is no module course_utils.lessons.small")
def no_module(notebook, module):
    del sys.modules[module.__name__]
