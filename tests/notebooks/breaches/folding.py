"""Folded cells: what breaks their rules."""

from breaches.lesson import code, find, replace
from breaches.registry import breaks

PLOTS_OR_CHECKS = "what_only_plots_or_checks_is_folded"
OPTIONAL = "what_is_optional_is_folded"


@breaks(PLOTS_OR_CHECKS, "only checks: fold it")
def open_check(notebook, module):
    cell = notebook.cells[find(notebook, "# Check: ")]
    cell.source, cell.metadata = cell.source.split("\n", 1)[1], {}


@breaks(PLOTS_OR_CHECKS, "only plots: fold it")
def open_figure(notebook, module):
    cell = notebook.cells[find(notebook, "# Figure: ")]
    cell.source, cell.metadata = "grid = [1]\nshow(panels()[0], 'alt')", {}


@breaks(PLOTS_OR_CHECKS, "begins with '# Figure: …' or '# Check: …'")
def no_label(notebook, module):
    replace(notebook, "# Check: order", "# Order")


@breaks(PLOTS_OR_CHECKS, "begins with '# Figure: …' or '# Check: …'")
def label_of_an_open_cell(notebook, module):
    notebook.cells[find(notebook, "# Check: ")].metadata.pop("jupyter")


@breaks(PLOTS_OR_CHECKS, "its label has more than 70 characters")
def long_label(notebook, module):
    replace(notebook, "# Check: order", f"# Check: {'order ' * 12}".rstrip())


@breaks(PLOTS_OR_CHECKS, "later cells need mean from it")
def folded_definition(notebook, module):
    cell = notebook.cells[find(notebook, "data = ")]
    cell.source = f"# Check: what the mean is\n{cell.source}"
    cell.metadata["jupyter"] = {"source_hidden": True}


@breaks(PLOTS_OR_CHECKS, "only cells that plot or check are")
def folded_imports(notebook, module):
    notebook.cells[find(notebook, "import numpy")].metadata["jupyter"] = {"source_hidden": True}


@breaks(OPTIONAL, "should begin with 'Optional: '")
def another_form(notebook, module):
    replace(notebook, "### Optional: twice", "### Twice (optional)")


@breaks(OPTIONAL, "the optional part is not folded")
def open_part(notebook, module):
    notebook.cells[find(notebook, "### Optional")].metadata.pop("jp-MarkdownHeadingCollapsed")


@breaks(OPTIONAL, "must begin its cell")
def heading_below_words(notebook, module):
    replace(notebook, "### Optional: twice", "Words.\n\n### Optional: twice")


@breaks(OPTIONAL, "folds a cell tagged explorer")
def folded_explorer(notebook, module):
    notebook.cells[find(notebook, "twice = ")].metadata["tags"] = ["explorer"]


@breaks(OPTIONAL, "defines twice, needed after it")
def needed_later(notebook, module):
    notebook.cells.append(code("print(twice)"))
