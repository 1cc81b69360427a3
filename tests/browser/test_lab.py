"""Every lesson in JupyterLab, as a reader has it: run, explored by keyboard, its exercise answered, saved.

The first lesson is there whole. Of the others, which train for minutes and are long, there are the cells that a reader
works with and the text before each, and the text of all lessons is shown at once. Each lesson of the students' copy is
run from top to bottom by the stage of outputs (tools/publish/rehearsal.py).
"""

import re
from pathlib import Path

import contracts
import nbformat
import pytest
from contracts.cells import part_below
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

from browser.lab import LabNotebook
from tools.execute import METADATA
from tools.publish.slide_types import folded

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))

# A slip in the solution of each lesson's first exercise: what stands there, what somebody might write, and the
# misconception that the checker should recognise.
SLIPS = {
    "00": ("largest + ", "", "maximum not added back"),
    "01": ("len(data) / 2", "len(data)", "half of the log missing"),
    "02": ("scales[chosen]", "scales[chosen] ** 2", "variance for scale"),
    "03": ("entropy = -np", "entropy = np", "sign of the entropy"),
    "04": ("0.5 * ", "", "half missing"),
    "05": ("outputs = 2 * latents", "outputs = latents", "scales forgotten"),
    "06": ("np.mean(", "np.sum(", "sum over draws"),
    "07": ("np.mean(", "np.sum(", "sum over everything"),
    "08": (".sum(dim=-1)", ".mean(dim=-1)", "mean over the pixels"),
    "09": ("loss - beta * rate", "loss - rate", "β forgotten in the distortion"),
    "10": ("values - baseline", "values + baseline", "baseline added"),
    "11": ("return corrupted, images", "return corrupted, corrupted", "target corrupted as well"),
    "12": ("** -0.5", "** -1.0", "no root"),
    "13": ("topic_logits, dim=1", "topic_logits, dim=0", "topics share a word"),
    "14": ("torch.abs(1 + psi @ u_k)", "1 + psi @ u_k", "no absolute value"),
    "15": ("(log_var / 2).exp()", "log_var.exp()", "log-variance for the scale"),
    "16": ("(picture)[:, seen]", "(picture)", "weights from all pixels"),
}
# The tags of the cells that a reader works with; they need nothing of the others.
WORKED_ON = {"imports", "recall", "explorer", "exercise"}
# ipywidgets 8.1 gives the handle of a slider no name, and its user no way to; the slider's label stands beside it.
NAMELESS = "aria-input-field-name"
BROKEN_PICTURES = """[...document.querySelectorAll(".jp-Notebook img")]
    .filter(picture => !picture.complete || !picture.naturalWidth).map(picture => picture.alt)"""
CONTROLS = ".noUi-handle, select"
# Whether no formula is still written as in the file.
ALL_SET = """() => [...document.querySelectorAll(".jp-Notebook .jp-RenderedMarkdown")].every(page => {
    const words = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
    while (words.nextNode())
        if (words.currentNode.data.includes("$") && !words.currentNode.parentElement.closest("code")) return false;
    return true;
})"""


def students_lesson(path, folder):
    """Return a lesson of the students' copy as if nothing had been run, with its first solution near its end.

    So nothing is attempted until the last lesson cell has run. One more cell says where the course's package lies.
    """
    notebook = nbformat.read(folder / path.name, as_version=4)
    if path != LESSONS[0]:
        worked_on = {index for index, cell in contracts.code_cells(notebook) if contracts.tags(cell) & WORKED_ON}
        kept = worked_on | {index - 1 for index in worked_on}
        notebook.cells = [cell for index, cell in enumerate(notebook.cells) if index in kept]
    whole = nbformat.read(path, as_version=4)
    notebook.cells += [cell for cell in whole.cells if "solution" in contracts.tags(cell)][:2]
    notebook.cells += [new_markdown_cell("#### Package"), new_code_cell("import course_utils\n\ncourse_utils.__file__")]
    for _, cell in contracts.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    return notebook


def check_run(saved, path, folder):
    """All cells have run in their order, with the copy's own package; before the solution, nothing was attempted."""
    assert contracts.executed(saved, path) == []
    assert Path(saved.cells[-1].outputs[0].data["text/plain"].strip("'")).is_relative_to(folder.parent)
    verdicts = {"exercise": [], "solution": []}
    for _, cell in contracts.code_cells(saved):
        for tag in contracts.tags(cell) & set(verdicts):
            verdicts[tag].append(contracts.verdict(cell).split(":")[0])
    assert set(verdicts["exercise"]) == {"○ Not attempted yet"}
    assert verdicts["solution"] == ["✓ Correct"]


def first_exercise(notebook):
    """Return the cells of the first starter and of its solution, and the exercise that checks them."""
    starter = contracts.starters(notebook)[0][0]
    solution = next(
        index
        for index, cell in contracts.code_cells(notebook)
        if index > starter and "solution" in contracts.tags(cell)
    )
    name = re.search(r"^lesson\.(\w+)\.check\(", notebook.cells[starter].source, flags=re.MULTILINE)[1]
    return starter, solution, getattr(contracts.lesson_module(notebook), name)


def check_explorers(lesson, notebook, screenshot):
    """Move every control of every explorer, see the picture and the words for it change, and put all back."""
    for number, (index, _) in enumerate(contracts.explorer_cells(notebook), start=1):
        explorer = lesson.cell(index).locator(".course-explorer")
        picture, controls = explorer.locator("img"), explorer.locator(CONTROLS)
        expect(picture).to_be_visible()
        assert controls.count()
        start = picture.get_attribute("alt")
        for control in controls.all():
            move(picture, control)
            expect(explorer.get_by_role("alert")).to_have_count(0)
            if control == controls.last:
                screenshot(f"{lesson.path.stem}-explorer-{number}", explorer)
            # From the end of another control, two settings may look the same.
            explorer.get_by_role("button", name="Reset").press("Enter")
            expect(picture).to_have_attribute("alt", start)


def move(picture, control):
    """Move a control from the keyboard: by one step for another picture, a slider on to its end for other words."""
    src, alt = picture.get_attribute("src"), picture.get_attribute("alt")
    control.focus()
    kind = control.evaluate("element => element.type || element.getAttribute('role')")
    if kind == "slider":
        at_the_end = control.get_attribute("aria-valuenow") == control.get_attribute("aria-valuemax")
        control.press("ArrowLeft" if at_the_end else "ArrowRight")
        expect(picture).not_to_have_attribute("src", src)
        stepped, value = picture.get_attribute("src"), control.get_attribute("aria-valuenow")
        control.press("Home" if at_the_end else "End")
        if control.get_attribute("aria-valuenow") != value:
            expect(picture).not_to_have_attribute("src", stepped)  # what is pressed next must not overtake this
    else:
        at_the_end = control.evaluate("element => element.selectedIndex === element.length - 1")
        # JupyterLab keeps the arrows for itself, to go from cell to cell, until the list is open.
        for key in ("Space", "ArrowUp" if at_the_end else "ArrowDown", "Enter"):
            control.press(key)
    expect(picture).not_to_have_attribute("alt", alt)
    expect(picture).not_to_have_attribute("src", src)


def check_folds(lesson, notebook):
    """What is optional is shown when it is asked for; so is the code of a folded cell, whose output is seen at once."""
    optional = next(
        part_below(notebook, heading)
        for heading in contracts.headings(notebook)
        if notebook.cells[heading.cell].metadata.get("jp-MarkdownHeadingCollapsed")
    )
    heading, *hidden = optional
    expect(lesson.cell(heading)).to_be_visible()
    for index in hidden:
        expect(lesson.cell(index)).to_be_hidden()
    open_part(lesson.cell(heading))
    for index in hidden:
        expect(lesson.cell(index)).to_be_visible()
    cells = [index for index, cell in contracts.code_cells(notebook) if folded(cell)]
    assert set(cells) & set(hidden) and set(cells) - set(hidden)
    for index in cells:
        label, line = notebook.cells[index].source.splitlines()[:2]
        cell, code = lesson.cell(index), lesson.cell(index).locator(".cm-content")
        expect(cell.locator(".jp-OutputArea-output").first).to_be_visible()
        expect(cell.locator(".jp-InputPlaceholder")).to_be_visible()
        expect(cell.locator(".jp-InputPlaceholder")).to_contain_text(label)
        expect(code).to_be_hidden()
        cell.locator(".jp-InputPlaceholder").click()
        expect(code).to_be_visible()
        expect(code).to_contain_text(line)


def open_part(heading):
    """Open the part of the notebook below a collapsed heading."""
    heading.locator(".jp-showHiddenCellsButton").click()


def check_exercise(lesson, notebook, screenshot):
    """Answer the first exercise wrongly and rightly, and read what the checker says; then open and run the solution."""
    starter, solution, exercise = first_exercise(notebook)
    right = notebook.cells[solution].source
    good, bad, name = SLIPS[lesson.path.stem[:2]]
    assert right.count(good) == 1
    slip = next(slip for slip in exercise.misconceptions if slip.name == name)

    verdict = lesson.cell(starter).get_by_role("status")
    expect(verdict).to_contain_text("Not attempted yet")
    lesson.write(starter, right.replace(good, bad))
    expect(verdict).to_contain_text("✗ Not yet")
    expect(verdict).to_contain_text(slip.message)
    screenshot(f"{lesson.path.stem}-wrong", lesson.cell(starter))
    lesson.write(starter, right)
    expect(verdict).to_contain_text("✓ Correct")
    expect(verdict).to_contain_text(exercise.praise)

    heading, code = lesson.cell(solution - 1), lesson.cell(solution).locator(".cm-content")
    expect(code).not_to_be_visible()
    open_part(heading)
    expect(code).to_be_visible()
    assert code.inner_text().strip().splitlines()[0] == right.splitlines()[0]
    lesson.run_again(solution)
    expect(lesson.cell(solution).get_by_role("status")).to_contain_text("✓ Correct")
    lesson.page.mouse.move(0, 0)
    screenshot(f"{lesson.path.stem}-solution", lesson.cell(solution))
    return starter, right


def check_saved(saved, original, answers):
    """What is on disk is the lesson with its outputs and the reader's answers, and opens without live widgets."""
    assert contracts.no_errors(saved, None) == []
    assert contracts.no_widget_state(saved, None) == []
    nbformat.validate(saved)
    for index, (cell, before) in enumerate(zip(saved.cells, original.cells, strict=True)):
        assert cell.source == answers.get(index, before.source)


def check_page(page, axe):
    """No formula and no picture is broken, and nothing that the course shows shuts out a reader."""
    assert page.locator(".jp-Notebook mjx-merror").count() == 0
    assert page.evaluate(BROKEN_PICTURES) == []
    violations = axe(page, ".jp-Notebook .jp-OutputArea-output")
    assert [found for found in violations if not (found.rule == NAMELESS and "noUi-handle" in found.element)] == []


def test_every_lesson_has_its_slip():
    assert [path.stem[:2] for path in LESSONS] == list(SLIPS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_works_in_the_lab(path, lab, page, screenshot, axe):
    notebook = students_lesson(path, lab.folder)
    nbformat.write(notebook, lab.folder / path.name, version=nbformat.NO_CONVERT)
    lesson = LabNotebook(page, lab, path.name)
    lesson.run_all(timeout=240)
    saved = lesson.save()
    check_saved(saved, notebook, {})
    check_run(saved, path, lab.folder)

    if path == LESSONS[0]:
        check_folds(lesson, notebook)
    check_explorers(lesson, notebook, screenshot)
    starter, answer = check_exercise(lesson, notebook, screenshot)
    check_saved(lesson.save(), notebook, {starter: answer})
    check_page(page, axe)


def test_all_text_is_shown_with_its_formulas_and_pictures(lab, page):
    texts = [
        "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
        for path in LESSONS
    ]
    cells = [new_markdown_cell(text) for text in texts]
    nbformat.write(new_notebook(metadata=METADATA, cells=cells), lab.folder / "texts.ipynb")
    LabNotebook(page, lab, "texts.ipynb")
    page.wait_for_function(ALL_SET, polling=200, timeout=120_000)
    page.wait_for_function(f"() => !({BROKEN_PICTURES}).length", polling=200)
    assert page.locator(".jp-Notebook mjx-container").count() > 2000
    assert page.locator(".jp-Notebook mjx-merror").count() == 0
    assert page.locator(".jp-Notebook img").count() == sum(text.count("![") for text in texts) > 0


def wait_for_kernel_words(page):
    """Wait until JupyterLab has written what the kernel says about itself into the notebook that is open."""
    # Nothing on the page tells when; it follows the kernel's first answer, which `LabNotebook` has waited for.
    page.wait_for_timeout(3_000)


def test_a_lesson_that_is_only_opened_is_not_changed(lab, page):
    path = next(path for path in LESSONS if contracts.explorer_cells(nbformat.read(path, as_version=4)))
    stored = path.read_bytes()
    (lab.folder / "opened.ipynb").write_bytes(stored)
    LabNotebook(page, lab, "opened.ipynb")
    wait_for_kernel_words(page)
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Close Tab")).click()
    expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    assert (lab.folder / "opened.ipynb").read_bytes() == stored


def test_a_notebook_that_its_kernel_changes_is_noticed(lab, page):
    kernel = {**METADATA["kernelspec"], "display_name": "Another name"}
    notebook = new_notebook(metadata={**METADATA, "kernelspec": kernel}, cells=[new_code_cell("1")])
    nbformat.write(notebook, lab.folder / "changed.ipynb")
    LabNotebook(page, lab, "changed.ipynb")
    wait_for_kernel_words(page)
    assert page.locator(".jp-mod-dirty").count() == 1


def test_a_lesson_that_raises_is_noticed(lab, page):
    notebook = new_notebook(metadata=METADATA, cells=[new_code_cell(source) for source in ("1", "1 / 0", "2")])
    nbformat.write(notebook, lab.folder / "raises.ipynb")
    lesson = LabNotebook(page, lab, "raises.ipynb")
    lesson.run_all(timeout=60)
    saved = lesson.save()
    assert contracts.executed(saved, lesson.path) != []
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        check_saved(saved, notebook, {})
