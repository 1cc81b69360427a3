"""A small lesson that keeps every contract, what it is made of, and ways to change it."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.workshop.recall import Question, as_markdown
from tools.execute import canonical

PNG = "iVBORw0KGgo="
EXPLORERS = ("likelihood", "coin")
NOTES = "<details><summary>Presenter's note · 6 min</summary>\n\nAsk the room.\n</details>"


def text(source, slide="fragment", **metadata):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide}, **metadata})


def code(source, *outputs, tags=()):
    metadata = {"slideshow": {"slide_type": "fragment"}} | ({"tags": list(tags)} if tags else {})
    if source.startswith(("# Figure: ", "# Check: ")):
        metadata["jupyter"] = {"source_hidden": True}
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
        text("<details><summary>Answer</summary>\n\nIt follows the data.\n\n</details>\n\nAnd so on."),
    ]


QUESTIONS = [
    Question(f"1.{k}", "How many?", {"a": "more", "c": "fewer"}, "Yes.", ("one", "two", "three"), right="b")
    for k in (1, 2, 3)
]


def recall():
    verdicts = [shown(f"○ Not attempted yet: question {question.name}") for question in QUESTIONS]
    asked = code("\n".join(f"lesson.RECALL[{k}].check(...)" for k in range(3)), *verdicts, tags=["recall"])
    asked.metadata.slideshow.slide_type = "skip"
    return [text(as_markdown(QUESTIONS), "skip"), asked]


def claim_cells(section):
    cells = []
    for number in range(3):
        statement = f"claim {section}.{number}"
        cells.append(text("The mean does not depend on the order."))
        cells.append(code(f"# Check: order\nclaim('{statement}', 1, equals=1)", printed(f"✓ {statement}")))
    return cells


def good_lesson():
    opening = (
        "# 01 · Small\n\nWhat a lesson holds; needs [this](00_start_here.ipynb#How-to-read).\n\n"
        "Reading time: 5 minutes for the text, 5 with its code, 53 with the exercises.\n\n"
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
        *recall(),
        text("## 1.1 The *mean*\n\nWhat is typical? $\\bar x = [x](1)$, `just(x)`, not `[a](b)`.", "slide"),
        text(NOTES, "notes", tags=["notes"]),
        code("data = np.arange(5)\nmean = data.mean()"),
        code("print(mean)", printed("2.0")),
        text("The picture shows it."),
        code("# Figure: five points\nshow(panels()[0], 'alt')", picture("five points on a line, and their mean")),
        *claim_cells(1),
        *explorer("likelihood"),
        *exercise(1, "mean_of"),
        *exercise(2, "sum_of"),
        text("### Optional: twice", "skip", **{"jp-MarkdownHeadingCollapsed": True}),
        code("twice = 2 * mean\nprint(twice)", printed("4.0")),
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
