"""Each contract is shown to catch what it forbids, on a small notebook that is good but for one thing."""

import copy
import sys
from types import ModuleType, SimpleNamespace

import contracts
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from tools.execute import METADATA, WIDGET_VIEW, canonical, write

PNG = "iVBORw0KGgo="
EXPLORERS = ("likelihood", "coin")
NOTES = "<details><summary>Presenter's note · 6 min</summary>\n\nAsk the room.\n</details>"


# --- One good lesson --------------------------------------------------------------------------------------


def text(source, slide="fragment", **metadata):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide}, **metadata})


def code(source, *outputs, tags=()):
    metadata = {"slideshow": {"slide_type": "fragment"}} | ({"tags": list(tags)} if tags else {})
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def printed(line):
    return new_output("stream", name="stdout", text=f"{line}\n")


def shown(plain, **data):
    return new_output("display_data", {"text/plain": plain, **data})


def picture(alt):
    html = f'<img alt="{alt}" src="data:image/png;base64,{PNG}">'
    return shown(f"Figure: {alt}", **{"image/png": PNG, "text/html": html})


def exercise(number, name):
    starter = f'def {name}(x):\n    """Return the {name} of x."""\n    ...\n\n\nlesson.{name}.check({name})'
    solution = starter.replace("...", f"return x * {number}")
    task = f"### Exercise 1.{number} · The {name}\n\nWrite `{name}(x)`, the {name} of an array of shape (N,)."
    return [
        text(task, tags=["exercise"]),
        code(starter, shown(f"○ Not attempted yet: {name}"), tags=["exercise"]),
        text("#### Solution", "skip", tags=["solution"], **{"jp-MarkdownHeadingCollapsed": True}),
        code(solution, shown(f"✓ Correct: {name}"), tags=["solution"]),
    ]


def explorer(name):
    return [
        text(f"Predict, then move: what does the slider of the {name} do?"),
        code(f'lesson.EXPLORERS["{name}"]()', picture(f"the {name}, and what moves in it"), tags=["explorer"]),
        text("It follows the data."),
    ]


def claim_cells(section):
    cells = []
    for number in range(3):
        statement = f"claim {section}.{number}"
        cells.append(text("The mean does not depend on the order."))
        cells.append(code(f"claim('{statement}', 1, equals=1)", printed(f"✓ {statement}")))
    return cells


def good_lesson():
    opening = (
        "# 01 · Small\n\nWhat a lesson holds. 30 minutes; needs [this](00_start_here.ipynb#How-to-read).\n\n"
        "![the data, with two clusters that overlap](figures/data.png)"
    )
    imports = (
        "import numpy as np\n\nfrom course_utils import claim, setup\n"
        "from course_utils.lessons import small as lesson\n\nsetup(1)"
    )
    cells = [
        text(opening, "slide"),
        text("## You will be able to …\n\n- count\n- add\n- divide, see [below](#1.2-The-median)", "slide"),
        code(imports, tags=["imports"]),
        text("## 1.1 The *mean*\n\nWhat is typical? $\\bar x = [x](1)$, `just(x)`, not `[a](b)`.", "slide"),
        text(NOTES, "notes", tags=["notes"]),
        code("data = np.arange(5)\nmean = data.mean()"),
        code("print(mean)", printed("2.0")),
        text("The picture shows it."),
        code("show(panels()[0], 'alt')", picture("five points on a line, the mean in the middle")),
        *claim_cells(1),
        *explorer("likelihood"),
        *exercise(1, "mean_of"),
        *exercise(2, "sum_of"),
        text("## 1.2 The median\n\nAnd if one value is far away? See [the mean](<#1.1-The-mean>).", "slide"),
        text(NOTES, "notes", tags=["notes"]),
        *claim_cells(2),
        *explorer("coin"),
        *exercise(3, "median_of"),
        *exercise(4, "range_of"),
        text("## What to remember\n\n- one\n- two", "slide"),
        text("## Common confusions\n\n**Is the mean robust?** No.", "slide"),
        text("## Going further\n\n- Gauss, *Theoria*, 1809, arXiv:1809.02691 [x](https://x.y/1802)", "slide"),
    ]  # fmt: skip
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return canonical(new_notebook(cells=cells))


@pytest.fixture
def module(monkeypatch):
    """The lesson's module, as the good notebook needs it."""
    names = ("mean_of", "sum_of", "median_of", "range_of")
    declared = [SimpleNamespace(name=name, arguments=("x",), misconceptions=("a", "b", "c")) for name in names]
    module = ModuleType("course_utils.lessons.small")
    vars(module).update(zip(names, declared, strict=True))
    module.EXERCISES = tuple(declared)
    module.EXPLORERS = {name: lambda: None for name in EXPLORERS}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def course(tmp_path):
    """A folder like the course's; returns the path of its lesson 01."""
    folder = tmp_path / "course" / "notebooks"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "data.png").write_bytes(b"")
    write(
        canonical(new_notebook(cells=[text("# 00 · Start here\n\n## How to read")])),
        folder / "00_start_here.ipynb",
    )
    (tmp_path / "outside.txt").write_text("")
    return folder / "01_small.ipynb"  # fmt: skip


@pytest.mark.parametrize("name", contracts.RULES)
def test_a_good_lesson_keeps_the_rule(name, module, course):
    assert contracts.RULES[name](good_lesson(), course) == []


# --- What each rule catches -------------------------------------------------------------------------------

BROKEN = []


def breaks(rule, words):
    """Declare that a change to the good lesson breaks `rule`, with these words in the message."""

    def keep(change):
        BROKEN.append(pytest.param(rule, words, change, id=f"{rule}-{change.__name__}"))
        return change

    return keep


def find(notebook, start):
    """Return the position of the first cell whose source starts so."""
    return next(index for index, cell in enumerate(notebook.cells) if cell.source.startswith(start))


def insert_after(notebook, start, *cells):
    position = find(notebook, start) + 1
    notebook.cells[position:position] = cells


def replace(notebook, old, new, start=""):
    cell = next(cell for cell in notebook.cells if old in cell.source and cell.source.startswith(start))
    cell.source = cell.source.replace(old, new)


def replace_verdict(notebook, start, new):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("data", {}).get("text/plain", "").startswith(start):
                output.data["text/plain"] = new
                return


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
    notebook.cells[2].outputs = [shown("Figure: huge", **{"image/png": "A" * (contracts.MAX_NOTEBOOK_BYTES + 1)})]


@breaks("size", "prints 41 lines")
def long_output(notebook, module):
    notebook.cells[2].outputs = [printed("\n".join("x" * 41))]


@breaks("executed", "execution count None, not 2")
def never_run(notebook, module):
    notebook.cells[find(notebook, "data =")].execution_count = None


@breaks("executed", "execution count 7, not 2")
def run_out_of_order(notebook, module):
    notebook.cells[find(notebook, "data =")].execution_count = 7


@breaks("no_errors", "stores an error: ValueError")
def stored_error(notebook, module):
    notebook.cells[2].outputs = [new_output("error", ename="ValueError", evalue="no", traceback=[])]


@breaks("no_errors", "writes to stderr: 'UserWarning'")
def stored_warning(notebook, module):
    notebook.cells[2].outputs = [new_output("stream", name="stderr", text="UserWarning")]


@breaks("compared", "shows something (print), but no output is stored")
def stripped_output(notebook, module):
    notebook.cells[find(notebook, "print(mean)")].outputs = []


@breaks("compared", "shows something (check)")
def stripped_verdict(notebook, module):
    notebook.cells[find(notebook, "def mean_of")].outputs = []


@breaks("compared", "shows something (its last line)")
def stripped_value(notebook, module):
    insert_after(notebook, "data =", code("mean"))


@breaks("compared", "shows something (claim)")
def stripped_claim_in_a_loop(notebook, module):
    insert_after(notebook, "data =", code("for k in range(3):\n    claim('k', k, at_least=0)"))


@breaks("compared", "no line with ✓")
def claim_without_its_line(notebook, module):
    notebook.cells[find(notebook, "claim(")].outputs = [printed("something else")]


@breaks("compared", "ignored by nbval")
def ignored_claim(notebook, module):
    notebook.cells[find(notebook, "claim(")].metadata.tags = ["nbval-ignore-output"]


@breaks("compared", "holds the comment NBVAL_IGNORE_OUTPUT")
def ignored_by_comment(notebook, module):
    replace(notebook, "print(mean)", "# NBVAL_IGNORE_OUTPUT\nprint(mean)")


@breaks("compared", "ends with ';'")
def semicolon(notebook, module):
    replace(notebook, "print(mean)", "print(mean);")


@breaks("no_widget_state", "hold the state of widgets")
def widget_state(notebook, module):
    notebook.metadata["widgets"] = {}


@breaks("no_widget_state", "stores the view of a live widget")
def widget_view(notebook, module):
    notebook.cells[find(notebook, "lesson.EXPLORERS")].outputs[0].data[WIDGET_VIEW] = {"model_id": "1"}


@breaks("figures", "without <img alt=…>")
def bare_picture(notebook, module):
    del notebook.cells[find(notebook, "show(")].outputs[0].data["text/html"]


@breaks("figures", "alternative text 'points'")
def short_alt(notebook, module):
    data = notebook.cells[find(notebook, "show(")].outputs[0].data
    data["text/html"] = f"<img src='data:image/png;base64,{PNG}' alt='points'/>"


@breaks("figures", "same alternative text as cell")
def repeated_alt(notebook, module):
    outputs = notebook.cells[find(notebook, "show(")].outputs
    outputs.append(outputs[0])


@breaks("figures", "plain text is '<Figure size")
def plain_text_of_matplotlib(notebook, module):
    notebook.cells[find(notebook, "show(")].outputs[0].data["text/plain"] = "<Figure size 640x480 with 1 Axes>"


@breaks("figures", "shows a picture with the alternative text ''")
def markdown_picture_without_alt(notebook, module):
    replace(notebook, "the data, with two clusters that overlap", "")


@breaks("portable", "a path of one machine: /home/me/data.csv")
def absolute_path(notebook, module):
    notebook.cells[2].outputs = [printed("read '/home/me/data.csv'")]


@breaks("portable", "a path of one machine: C:\\Users\\me")
def windows_path(notebook, module):
    replace(notebook, "data = ", "where = r'C:\\Users\\me'\ndata = ")


@breaks("portable", "the address of an object: at 0x7f")
def object_address(notebook, module):
    notebook.cells[2].outputs = [shown("<matplotlib.axes.Axes at 0x7f0123>")]


@breaks("portable", "another machine rounds otherwise: 11.51120")
def raw_numbers(notebook, module):
    notebook.cells[2].outputs = [shown("History(loss=[11.511201858520508, 8.4])")]


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


@breaks("import_cell", "has 9 lines, more than 8")
def long_imports(notebook, module):
    replace(notebook, "import numpy as np", "import numpy as np\n" * 6)


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


@breaks("heading_order", "2 first-level headings")
def two_titles(notebook, module):
    replace(notebook, "## 1.2", "# 1.2")


@breaks("heading_order", "must start with '01 · '")
def wrong_title(notebook, module):
    replace(notebook, "# 01 · Small", "# 2 · Small")


@breaks("heading_order", "has level 4 after level 2")
def left_out_level(notebook, module):
    replace(notebook, "And if one", "#### Deep\n\nAnd if one")


@breaks("heading_order", "the section '1.3 The median' must start with '1.2 '")
def wrong_section(notebook, module):
    replace(notebook, "## 1.2", "## 1.3")


@breaks("heading_order", "the exercise 'Exercise 1.4 · The median_of' must start with 'Exercise 1.3 '")
def wrong_exercise_number(notebook, module):
    replace(notebook, "Exercise 1.3", "Exercise 1.4")


@breaks("heading_order", "there is no section '## 1.1 …'")
def no_sections(notebook, module):
    for cell in notebook.cells:
        cell.source = cell.source.replace("## 1.", "## Section 1.")


@breaks("links", "figures/none.png: there is no such file")
def lost_picture(notebook, module):
    replace(notebook, "figures/data.png", "figures/none.png")


@breaks("links", "a picture on the web")
def web_picture(notebook, module):
    replace(notebook, "figures/data.png", "https://example.org/data.png")


@breaks("links", "a picture on the web")
def web_picture_in_html(notebook, module):
    replace(notebook, "![the data", '<img src="https://example.org/data.png" alt="…"> ![the data')


@breaks("links", "02_mixtures.ipynb: there is no such file")
def later_lesson(notebook, module):
    replace(notebook, "00_start_here.ipynb#How-to-read", "02_mixtures.ipynb")


@breaks("links", "that notebook has no such heading")
def lost_anchor_elsewhere(notebook, module):
    replace(notebook, "#How-to-read", "#how-to-read")


@breaks("links", "no heading reads like that")
def lost_anchor(notebook, module):
    replace(notebook, "#1.2-The-median", "#1.2-The-mode")


@breaks("links", "leads out of the course")
def outside(notebook, module):
    replace(notebook, "00_start_here.ipynb#How-to-read", "../../outside.txt")


@breaks("links", "no such attachment")
def lost_attachment(notebook, module):
    replace(notebook, "figures/data.png", "attachment:data.png")


@breaks("links", "lost.md: there is no such file")
def lost_reference(notebook, module):
    replace(notebook, "And if one", "[the guide]: lost.md\n\nAnd if one")


@breaks("links", "lost.md: there is no such file")
def lost_link_around_a_picture(notebook, module):
    replace(notebook, "And if one", "[![a picture](figures/data.png)](lost.md) And if one")


@breaks("frame", "does not give the reading time")
def no_time(notebook, module):
    replace(notebook, "30 minutes; ", "")


@breaks("frame", "does not link to 00_start_here.ipynb")
def no_link_back(notebook, module):
    replace(notebook, "[this](00_start_here.ipynb#How-to-read)", "the start")


@breaks("frame", "builds on lesson 00 and nowhere links to it")
def speaks_of_a_lesson_without_a_link(notebook, module):
    source = notebook.cells[0].source
    notebook.cells[0].source = source.replace("[this](00_start_here.ipynb#How-to-read)", "what lesson 00 says")


@breaks("frame", "no picture stands before")
def no_picture(notebook, module):
    replace(notebook, "![the data", "[the data")


@breaks("frame", "there is no section 'Common confusions'")
def missing_section(notebook, module):
    replace(notebook, "Common confusions", "Questions")


@breaks("frame", "lists 2 outcomes")
def few_outcomes(notebook, module):
    replace(notebook, "- add\n", "")


@breaks("frame", "has 8 lines, more than 7")
def much_to_remember(notebook, module):
    replace(notebook, "- one", "- one\n" * 7)


@breaks("frame", "a paper without its year")
def paper_without_year(notebook, module):
    replace(notebook, "1809, ", "")


@breaks("voice", "says 'just'")
def banned_word(notebook, module):
    replace(notebook, "It follows", "Just look: it follows")


@breaks("voice", "leaves something to be done")
def left_to_do(notebook, module):
    replace(notebook, "data = ", "# TODO: real data\ndata = ")


@breaks("exercises", "must hold one function with a docstring")
def starter_with_code(notebook, module):
    replace(notebook, "    ...", "    y = 1\n    ...")


@breaks("exercises", "must hold one function with a docstring")
def starter_without_docstring(notebook, module):
    replace(notebook, '    """Return the mean_of of x."""\n', "")


@breaks("exercises", "then `lesson.….check(…)`")
def starter_without_check(notebook, module):
    replace(notebook, "lesson.mean_of.check(mean_of)", "")


@breaks("exercises", "must start with '### Exercise N.k · Title'")
def exercise_without_title(notebook, module):
    replace(notebook, "### Exercise 1.1 · The mean_of", "### The mean")


@breaks("exercises", "must give the signature, `mean_of(…)`")
def exercise_without_signature(notebook, module):
    replace(notebook, "`mean_of(x)`", "it")


@breaks("exercises", "must be the exercise's text, tagged exercise")
def untagged_exercise(notebook, module):
    del notebook.cells[find(notebook, "### Exercise 1.1")].metadata["tags"]


@breaks("exercises", "with jp-MarkdownHeadingCollapsed")
def open_solution(notebook, module):
    del notebook.cells[find(notebook, "#### Solution")].metadata["jp-MarkdownHeadingCollapsed"]


@breaks("exercises", "with jp-MarkdownHeadingCollapsed")
def untagged_solution_heading(notebook, module):
    del notebook.cells[find(notebook, "#### Solution")].metadata["tags"]


@breaks("exercises", "must follow its heading, tagged solution")
def untagged_solution(notebook, module):
    del notebook.cells[find(notebook, "#### Solution") + 1].metadata["tags"]


@breaks("exercises", "calls a check, but is tagged neither")
def check_in_another_cell(notebook, module):
    insert_after(notebook, "data =", code("lesson.mean_of.check(np.mean)", printed("✓ Correct")))


@breaks("exercises", "belongs to no exercise")
def lonely_solution(notebook, module):
    notebook.cells[find(notebook, "data =")].metadata["tags"] = ["solution"]


@breaks("exercises", "must define mean_of with the same arguments")
def other_arguments(notebook, module):
    notebook.cells[find(notebook, "#### Solution") + 1].source = "def mean_of(y):\n    return y"


@breaks("exercises", "must end with lesson.mean_of.check(mean_of)")
def solution_without_check(notebook, module):
    cell = notebook.cells[find(notebook, "#### Solution") + 1]
    cell.source = cell.source.replace("lesson.mean_of.check", "print")


@breaks("exercises", "not '✓ Correct'")
def wrong_solution(notebook, module):
    replace_verdict(notebook, "✓ Correct", "✗ Not yet")


@breaks("exercises", "not '○ Not attempted yet'")
def attempted_starter(notebook, module):
    replace_verdict(notebook, "○ Not", "✓ Correct")


@breaks("exercises", "or JupyterLab folds it away")
def words_after_the_solution(notebook, module):
    notebook.cells.insert(find(notebook, "### Exercise 1.2"), text("And so on."))


@breaks("exercises", "two exercises ask for the function mean_of")
def same_exercise_twice(notebook, module):
    notebook.cells += exercise(5, "mean_of")


@breaks("independence", "uses mean_of, which a student defines")
def used_answer(notebook, module):
    replace(notebook, "And if one", "Then:")
    insert_after(notebook, "## 1.2", code("m = mean_of(data)"))


@breaks("independence", "uses helper, which a student defines")
def used_helper(notebook, module):
    replace(notebook, "return x * 1", "return x * 1\n\n\nhelper = 3")
    insert_after(notebook, "## 1.2", code("def f(x):\n    return x + helper"))


@breaks("exercises_declared", "EXERCISES has none of that name")
def undeclared_exercise(notebook, module):
    module.EXERCISES = module.EXERCISES[1:]


@breaks("exercises_declared", "EXERCISES holds extra, which no cell asks for")
def unused_exercise(notebook, module):
    module.EXERCISES += (SimpleNamespace(name="extra", arguments=(), misconceptions=()),)


@breaks("exercises_declared", "takes other arguments than (data, axis)")
def undeclared_arguments(notebook, module):
    module.mean_of.arguments = ("data", "axis")


@breaks("exercises_declared", "checks lesson.average, not lesson.mean_of")
def exercise_by_another_name(notebook, module):
    module.average = module.mean_of
    replace(notebook, "lesson.mean_of.check", "lesson.average.check")


@breaks("explorers", "must follow a question")
def no_question(notebook, module):
    replace(notebook, "what does the slider of the coin do?", "here it is.")


@breaks("explorers", "must follow a question")
def no_prediction(notebook, module):
    replace(notebook, "Predict, then move: what", "What", start="Predict")


@breaks("explorers", "must be followed by the answer")
def no_answer(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS") + 1 :]


@breaks("explorers", "stores no static picture")
def no_static_picture(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS")].outputs[0].data["image/png"]


@breaks("explorers_declared", "shows the explorer coin without the tag")
def untagged_explorer(notebook, module):
    del notebook.cells[find(notebook, 'lesson.EXPLORERS["coin"]')].metadata["tags"]


@breaks("explorers_declared", "shows none of EXPLORERS")
def undeclared_explorer(notebook, module):
    del module.EXPLORERS["coin"]


@breaks("explorers_declared", "EXPLORERS holds extra, which the notebook does not show")
def unused_explorer(notebook, module):
    module.EXPLORERS["extra"] = lambda: None


@breaks("minimums", "5 claims, fewer than 6")
def few_claims(notebook, module):
    del notebook.cells[find(notebook, "claim(")]


@breaks("minimums", "1 explorers, fewer than 2")
def few_explorers(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS")]


@breaks("minimums", "3 exercises, fewer than 4")
def few_exercises(notebook, module):
    del notebook.cells[find(notebook, "def mean_of")]


@breaks("minimums", "the exercise sum_of knows 2 misconceptions")
def few_misconceptions(notebook, module):
    module.sum_of.misconceptions = ("a", "b")


@breaks("slides", "slide type None")
def no_slide_type(notebook, module):
    del notebook.cells[2].metadata["slideshow"]


@breaks("slides", "slide type 'slides'")
def mistyped_slide_type(notebook, module):
    notebook.cells[2].metadata.slideshow.slide_type = "slides"


@breaks("slides", "starts a section, but no slide")
def section_without_slide(notebook, module):
    notebook.cells[find(notebook, "## 1.2")].metadata.slideshow.slide_type = "subslide"


@breaks("slides", "starts a section, but no slide")
def skipped_section(notebook, module):
    notebook.cells[find(notebook, "## 1.2")].metadata.slideshow.slide_type = "skip"


@breaks("slides", "the tag notes and the slide type notes go together")
def untagged_notes(notebook, module):
    del notebook.cells[find(notebook, "<details>")].metadata["tags"]


@breaks("slides", "must start with <details>")
def notes_without_minutes(notebook, module):
    replace(notebook, " · 6 min", "")


@breaks("slides", "the section '1.2 The median' has no presenter's note")
def section_without_notes(notebook, module):
    del notebook.cells[find(notebook, "## 1.2") + 1]


@pytest.mark.parametrize(("name", "words", "change"), BROKEN)
def test_a_rule_catches_what_it_forbids(name, words, change, module, course):
    notebook = copy.deepcopy(good_lesson())
    change(notebook, module)
    found = contracts.RULES[name](notebook, course)
    assert any(words in violation for violation in found), found


def test_every_rule_is_shown_to_catch_something():
    assert {parameters.values[0] for parameters in BROKEN} == set(contracts.RULES)


# --- Finer points -----------------------------------------------------------------------------------------


def test_the_first_lesson_needs_one_of_each_and_no_more(module, course):
    first = new_notebook(cells=[*claim_cells(1), *explorer("coin"), *exercise(1, "mean_of")])
    assert contracts.minimums(first, course.with_name("00_start_here.ipynb")) == []
    empty = contracts.minimums(new_notebook(), course.with_name("00_start_here.ipynb"))
    assert empty == [f"0 {kind}, fewer than 1" for kind in ("claims", "explorers", "exercises")]


def test_a_notebook_without_cells_breaks_rules_and_raises_nothing(module, course):
    empty = new_notebook(metadata=nbformat.from_dict(METADATA))
    broken = {name for name, rule in contracts.RULES.items() if rule(empty, course)}
    assert {"import_cell", "heading_order", "frame", "minimums", "own_lesson_only"} <= broken


def test_only_cells_that_nbval_compares_are_counted():
    html = {"image/png": PNG, "text/html": "<img>"}
    compared = [code("print(1)", printed("1")), code("x", shown("1", **html))]
    passed_over = [
        code("x = 1"),
        code("x", new_output("display_data", {"image/png": PNG, WIDGET_VIEW: {}})),
        code("x", shown("1"), tags=["nbval-ignore-output"]),
        text("print(1)"),
    ]
    notebook = canonical(new_notebook(cells=[*compared, *passed_over]))
    assert contracts.compared_cells(notebook) == 2
    notebook.cells[0].execution_count = None  # nbval does not compare a cell that was never run
    assert contracts.compared_cells(notebook) == 1


def test_what_is_read_at_home_may_be_skipped_in_the_slides(module, course):
    lesson = good_lesson()
    lesson.cells[find(lesson, "## Going further")].metadata.slideshow.slide_type = "skip"
    assert contracts.slides(lesson, course) == []


def test_code_and_mathematics_are_not_prose(course):
    source = "`just` and\n```python\nsimply = 1\n```\n$obviously$, justice, [x](https://x.org/just)"
    assert contracts.voice(new_notebook(cells=[text(source)]), course) == []


def test_headings_in_code_are_comments():
    source = "# Title\n\n```python\n# a comment\n```\n\n~~~\n## another\n~~~\n\n## Section ##"
    found = [(heading.level, heading.text) for heading in contracts.headings(new_notebook(cells=[text(source)]))]
    assert found == [(1, "Title"), (2, "Section")]


def test_an_anchor_may_be_percent_encoded(course):
    notebook = new_notebook(cells=[text("## Exercise 1.1 · Größe\n\n[up](#Exercise-1.1-%C2%B7-Gr%C3%B6%C3%9Fe)")])
    assert contracts.links(notebook, course) == []
