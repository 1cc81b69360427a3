"""The file: what breaks its rules."""

from contracts import MAX_NOTEBOOK_BYTES
from nbformat.v4 import new_raw_cell

from breaches.lesson import printed, shown
from breaches.registry import breaks


@breaks("valid_format", "not 4.5")
def old_format(notebook, module):
    notebook.nbformat_minor = 4


@breaks("valid_format", "not a valid notebook")
def not_a_cell_type(notebook, module):
    notebook.cells[0].cell_type = "words"


@breaks("canonical_metadata", "notebook metadata are")
def other_python(notebook, module):
    notebook.metadata.language_info["version"] = "3.11.2"


@breaks("canonical_metadata", "not stored: execution")
def stored_timing(notebook, module):
    notebook.cells[2].metadata["execution"] = {}


@breaks("canonical_metadata", "unknown tag: soluton")
def mistyped_tag(notebook, module):
    notebook.cells[2].metadata.tags = ["soluton"]


@breaks("canonical_metadata", "of type raw")
def raw_cell(notebook, module):
    notebook.cells.append(new_raw_cell("raw"))


@breaks("size", "more than 4 MB")
def huge_picture(notebook, module):
    notebook.cells[2].outputs = [shown("Figure: huge", **{"image/png": "A" * (MAX_NOTEBOOK_BYTES + 1)})]


@breaks("size", "prints 41 lines")
def long_output(notebook, module):
    notebook.cells[2].outputs = [printed("\n".join("x" * 41))]
