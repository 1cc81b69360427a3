import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import plans
from tools.publish.slide_types import code_names
from tools.teach import present

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PICTURE = new_output("display_data", {"text/html": '<img alt="a line" src="data:,">', "text/plain": "a line"})


def as_slide(cell, kind, *tags):
    cell.metadata.slideshow = {"slide_type": kind}
    if tags:
        cell.metadata.tags = list(tags)
    return cell


def lesson(*cells):
    return new_notebook(cells=list(cells))


@pytest.fixture
def course(tmp_path):
    """A course of two lessons and a picture."""
    folder = tmp_path / "notebooks"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "one.png").write_bytes(b"png")
    for name in ("01_estimation", "02_mixtures"):
        nbformat.write(lesson(as_slide(new_markdown_cell(f"# {name}"), "slide")), folder / f"{name}.ipynb")
    nbformat.write(lesson(), folder / "scratch.ipynb")
    return tmp_path


# --- Which lesson -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["02", "2", "mixtures", "02_mixtures", "02_mixtures.ipynb"])
def test_a_lesson_is_found_by_its_number_and_by_its_name(course, wanted):
    assert present.find_lesson(wanted, course) == course / "notebooks" / "02_mixtures.ipynb"


def test_a_notebook_is_found_by_its_path(course, monkeypatch):
    monkeypatch.chdir(course)
    assert present.find_lesson("notebooks/scratch.ipynb", course) == course / "notebooks" / "scratch.ipynb"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_of_the_course_is_found(path):
    for wanted in (path.stem[:2], path.stem[3:], path.stem, str(path)):
        assert present.find_lesson(wanted) == path


def test_a_command_without_a_lesson_lists_the_lessons(course):
    with pytest.raises(present.PresentError) as error:
        present.find_lesson("", course)
    assert str(error.value) == (
        "say which lesson, for example make present LESSON=03; the lessons are 01_estimation, 02_mixtures"
    )


@pytest.mark.parametrize("wanted", ["3", "estim", "notebooks/03_missing.ipynb", "²"])
def test_an_unknown_lesson_is_named_and_the_others_are_listed(course, wanted):
    with pytest.raises(present.PresentError) as error:
        present.find_lesson(wanted, course)
    assert str(error.value) == f"there is no lesson {wanted!r}; the lessons are 01_estimation, 02_mixtures"


@pytest.mark.parametrize("arguments", [[], ["77"]], ids=["none", "unknown"])
def test_the_command_fails_in_one_line_and_makes_nothing(arguments, tmp_path, capsys):
    folder = tmp_path / "stage"
    assert present.main([*arguments, "--folder", str(folder)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert all(path.stem in said.err for path in LESSONS)
    assert not folder.exists()


# --- The copy for the room --------------------------------------------------------------------------------


def test_what_the_room_must_not_see_is_left_out_and_code_stays():
    original = lesson(
        as_slide(new_markdown_cell("# Title"), "slide"),
        as_slide(new_markdown_cell("by heart"), "skip"),
        as_slide(new_code_cell("import sys"), "skip", "imports"),
        as_slide(new_markdown_cell("ask the room"), "notes", "notes"),
        as_slide(new_code_cell("double(2)"), "fragment", "exercise"),
        as_slide(new_markdown_cell("#### Solution"), "skip", "solution"),
        as_slide(new_code_cell("secret = 4"), "skip", "solution"),
        as_slide(new_markdown_cell("The end"), "subslide"),
    )
    sources = [cell.source for cell in present.room_copy(original).cells]
    assert sources == ["# Title", "import sys", "double(2)", "The end"]
    assert len(original.cells) == 8


def test_the_source_is_hidden_where_the_output_speaks_for_itself():
    figure = as_slide(new_code_cell("draw()", outputs=[PICTURE]), "fragment")
    holds = new_output("stream", text="✓ holds")
    claims = as_slide(new_code_cell("claim()\nclaim()", outputs=[holds]), "fragment")
    work = as_slide(new_code_cell("x = 1\nclaim()", outputs=[holds]), "fragment")
    longer = as_slide(new_code_cell("# Check: x\nx = 1\nclaim()", outputs=[holds]), "fragment")
    longer.metadata.jupyter = {"source_hidden": True}
    verdict = new_output("display_data", {"text/html": "<div role='status'>Not attempted yet</div>"})
    starter = as_slide(new_code_cell("def f(): ...", outputs=[verdict]), "fragment")
    original = lesson(figure, claims, work, longer, starter)
    hidden = [
        cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in present.room_copy(original).cells
    ]
    assert hidden == [True, True, False, True, False]
    assert "jupyter" not in figure.metadata


def test_no_cell_needs_a_press_of_its_own_for_want_of_a_type_and_no_heading_hides_others():
    original = lesson(new_code_cell("1"), as_slide(new_markdown_cell("## Folded"), "subslide"))
    original.cells[1].metadata["jp-MarkdownHeadingCollapsed"] = True
    copy = present.room_copy(original)
    assert [cell.metadata.slideshow.slide_type for cell in copy.cells] == ["skip", "subslide"]
    assert "jp-MarkdownHeadingCollapsed" not in copy.cells[1].metadata


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_in_the_room_has_slides_and_neither_solutions_nor_notes(path):
    original = nbformat.read(path, as_version=4)
    copy = present.room_copy(original)
    kinds = [cell.metadata.slideshow.slide_type for cell in copy.cells]
    assert kinds[0] == "slide" and set(kinds) <= {"slide", "subslide", "fragment", "skip"}
    assert {cell.cell_type for cell, kind in zip(copy.cells, kinds, strict=True) if kind == "skip"} <= {"code"}
    assert not any(set(cell.metadata.get("tags", [])) & {"solution", "notes"} for cell in copy.cells)
    left = [cell.id for cell in copy.cells if cell.cell_type == "code"]
    code = [cell for cell in original.cells if cell.cell_type == "code"]
    assert left == [cell.id for cell in code if "solution" not in cell.metadata.get("tags", [])]


# --- The stage --------------------------------------------------------------------------------------------


def test_the_stage_holds_a_trusted_copy_with_its_pictures_and_settings(course):
    stage = present.prepare(course / "notebooks" / "02_mixtures.ipynb", course / "build" / "stage")
    copy = nbformat.read(stage.notebook, as_version=4)
    assert copy.cells[0].source == "# 02_mixtures"
    assert NotebookNotary(data_dir=str(stage.folder / "data")).check_signature(copy)
    assert (stage.notebook.parent / "images" / "one.png").read_bytes() == b"png"
    custom = stage.folder / "config" / "custom"
    sheet = (custom / "custom.css").read_text(encoding="utf-8")
    assert sheet.endswith(present.STYLE.read_text(encoding="utf-8"))
    assert all((custom / address).is_file() for address in re.findall(r'url\("([^"]+)"\)', sheet))
    assert "--jp-code-font-family: var(--course-code)" in sheet
    settings = json.loads((stage.folder / "settings" / "overrides.json").read_text())
    assert settings["jupyterlab-slideshow:plugin"] == {"active": True}
    assert [path.name for path in (course / "build").iterdir()] == ["stage"]


def test_a_notebook_without_slides_is_refused_in_one_sentence(course):
    scratch = course / "notebooks" / "scratch.ipynb"
    nbformat.write(lesson(new_code_cell("1"), new_markdown_cell("words")), scratch)
    with pytest.raises(present.PresentError, match=r"scratch\.ipynb: no cell has a slide type"):
        present.prepare(scratch, course / "stage")
    assert not (course / "stage").exists()


def test_deck_and_notes_know_each_other_by_a_name_that_each_presentation_has_anew(course):
    names = set()
    for _ in range(2):
        stage = present.prepare(course / "notebooks" / "02_mixtures.ipynb", course / "stage")
        extension = stage.folder / "data" / "labextensions" / "course-deck"
        package = json.loads((extension / "package.json").read_text())
        assert package["name"] == extension.name
        script = (extension / package["jupyterlab"]["_build"]["load"]).read_text(encoding="utf-8")
        page = (stage.folder / "config" / "custom" / "notes.html").read_text(encoding="utf-8")
        (name,) = re.findall(r'const PRESENTATION = "(\w+)"', script)
        assert f'"presentation": "{name}"' in page and "@PRESENTATION@" not in script
        names.add(name)
    assert len(names) == 2


def test_a_kernel_before_a_room_says_an_exception_in_one_line(course):
    stage = present.prepare(course / "notebooks" / "02_mixtures.ipynb", course / "stage")
    code = "from IPython import get_ipython\nprint(get_ipython().InteractiveTB.mode)"
    said = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "-c", code],
        env=present._environment(stage, "secret"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "Minimal"


def test_a_stage_replaces_the_earlier_one_whole(course):
    folder = course / "build" / "stage"
    present.prepare(course / "notebooks" / "01_estimation.ipynb", folder)
    present.prepare(course / "notebooks" / "02_mixtures.ipynb", folder)
    assert [path.name for path in (folder / "notebooks").glob("*.ipynb")] == ["02_mixtures.ipynb"]


def test_the_earlier_stage_stays_where_a_lesson_cannot_be_read(course):
    folder = course / "build" / "stage"
    stage = present.prepare(course / "notebooks" / "01_estimation.ipynb", folder)
    broken = course / "notebooks" / "02_mixtures.ipynb"
    broken.write_text("no notebook")
    with pytest.raises(present.PresentError, match=r"02_mixtures\.ipynb: this is not a notebook"):
        present.prepare(broken, folder)
    assert stage.notebook.exists()
    assert [path.name for path in (course / "build").iterdir()] == ["stage"]


def test_a_saved_presentation_keeps_its_live_views():
    config = SimpleNamespace(ContentsManager=SimpleNamespace(), ServerApp=SimpleNamespace())
    exec(present.CONFIG, {"get_config": lambda: config})
    assert config.ServerApp.contents_manager_class.endswith(".AsyncLargeFileManager")
    live = new_output("execute_result", {"text/html": "<img>", WIDGET_VIEW: {"model_id": "1"}})
    model = {"type": "notebook", "content": lesson(new_code_cell("explorer", outputs=[live]))}
    config.ContentsManager.pre_save_hook(model=model, path="", contents_manager=None)
    assert WIDGET_VIEW in model["content"].cells[0].outputs[0].data


def test_settings_of_the_user_do_not_reach_the_server(course, monkeypatch):
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    stage = present.prepare(course / "notebooks" / "01_estimation.ipynb", course / "stage")
    environment = present._environment(stage, "secret")
    assert "JUPYTERLAB_SETTINGS_DIR" not in environment
    assert environment["JUPYTER_CONFIG_DIR"] == str(course / "stage" / "config")
    assert environment["JUPYTER_TOKEN"] == "secret"
    assert environment["PYTHONPATH"].split(present.os.pathsep) == [str(ROOT), "/mine"]


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(course):
    stage = present.prepare(course / "notebooks" / "01_estimation.ipynb", course / "stage")
    stage.log.write_text("starting\nthe port is taken\n")
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(present.PresentError, match=r"JupyterLab has ended; .*server\.log\): the port is taken"):
        present.Server(process, stage, "secret").wait_until_ready()


# --- The deck of a plan -----------------------------------------------------------------------------------


@pytest.fixture
def planned(course):
    """The lesson 01 of the course with slides for 45 minutes, its path, and a page that gives them 5 minutes."""
    notebook = lesson(
        as_slide(new_markdown_cell("# 01 · Estimation\n\nA long promise."), "slide"),
        as_slide(new_markdown_cell("## 1.1 A question\n\nMany words."), "slide"),
        as_slide(new_code_cell("x = 6", id="hidden"), "fragment"),
        as_slide(new_code_cell('def f():\n    """Say it."""\n    return x * 7', id="shown"), "skip"),
        as_slide(new_markdown_cell("For the whole lesson."), "subslide"),
        as_slide(new_code_cell("secret = 4"), "skip", "solution"),
        as_slide(new_markdown_cell("<details><summary>Presenter's note · 9 min</summary>\n\nAsk.</details>"), "notes"),
    )
    notebook.cells[0].metadata.deck = {"plans": [45], "words": "# 01 · Estimation"}
    notebook.cells[1].metadata.deck = {"plans": [45], "words": "## 1.1 A question\n\nFew words."}
    notebook.cells[3].metadata.deck = {"plans": [45], "words": "### The function", "code": True}
    path = course / "notebooks" / "01_estimation.ipynb"
    nbformat.write(notebook, path)
    page = course / "docs" / "instructor" / "01.md"
    page.parent.mkdir(parents=True)
    rows = "| minutes | section | what |\n|---|---|---|\n| 1 | opening | a |\n| 5 | 1.1 A question | b |\n"
    page.write_text(f"# 01\n\n## In 45 minutes\n\n{rows}", encoding="utf-8")
    return path


def test_a_plan_is_presented_in_its_words_with_all_the_code(planned, course):
    stage = present.prepare(planned, course / "stage", "45")
    copy = nbformat.read(stage.notebook, as_version=4)
    assert [(cell.metadata.slideshow.slide_type, cell.source) for cell in copy.cells] == [
        ("slide", "# 01 · Estimation"),
        ("slide", "## 1.1 A question\n\nFew words."),
        ("skip", "x = 6"),
        ("subslide", "### The function"),
        ("fragment", "def f():\n    return x * 7"),
    ]
    assert copy.cells[4].id == "shown"
    assert copy.cells[4].metadata.jupyter.source_hidden is False


def test_a_plans_notes_have_its_minutes(planned, course):
    stage = present.prepare(planned, course / "stage", "45")
    page = (stage.folder / "config" / "custom" / present.NOTES).read_text(encoding="utf-8")
    (data,) = re.findall(r'\{"presentation": .*\}', page)
    assert json.loads(data)["minutes"] == 6
    assert [(slide["title"], slide["minutes"]) for slide in json.loads(data)["slides"]] == [
        ("01 · Estimation", 1),
        ("1.1 A question", 5),
        ("The function", 5),
    ]
    assert "Many words" not in page and "For the whole lesson" not in page


def test_a_plan_is_set_in_large_type_and_the_whole_lesson_is_not(planned, course):
    for plan, large in (("45", True), ("", False)):
        stage = present.prepare(planned, course / "stage", plan)
        sheet = (stage.folder / "config" / "custom" / "custom.css").read_text(encoding="utf-8")
        assert sheet.endswith((present.PLAN_STYLE if large else present.STYLE).read_text(encoding="utf-8"))
        (script,) = (stage.folder / "data" / "labextensions").rglob("*.js")
        assert f'const OF_A_PLAN = "{plan}" !== ""' in script.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "plan"),
    [(path, plan) for path in LESSONS for plan in plans.plans_of(nbformat.read(path, as_version=4))],
    ids=lambda value: value.stem[:2] if isinstance(value, Path) else str(value),
)
def test_a_plans_code_defines_what_the_lessons_does(path, plan):
    original = nbformat.read(path, as_version=4)
    copy = present.room_copy(present.plan_copy(original, path, str(plan)))
    code = {cell.id: cell.source for cell in copy.cells if cell.cell_type == "code"}
    wanted = [cell for cell in original.cells if cell.cell_type == "code"]
    wanted = [cell for cell in wanted if "solution" not in cell.metadata.get("tags", [])]
    assert list(code) == [cell.id for cell in wanted]
    for cell in wanted:
        assert code_names(code[cell.id])[1] == code_names(cell.source)[1], cell.source
        assert code_names(code[cell.id])[0] <= code_names(cell.source)[0]
    assert {cell.metadata.slideshow.slide_type for cell in copy.cells} == {"slide", "subslide", "fragment", "skip"}


def test_without_a_plan_the_whole_lesson_is_presented(planned, course):
    copy = nbformat.read(present.prepare(planned, course / "stage").notebook, as_version=4)
    kinds = [cell.metadata.slideshow.slide_type for cell in copy.cells]
    assert kinds == ["slide", "slide", "fragment", "skip", "subslide"]


@pytest.mark.parametrize(
    ("name", "plan", "words"),
    [
        ("01_estimation", "60", "01_estimation has no deck for 60 minutes, but one for 45"),
        ("01_estimation", "short", "a plan is named by its minutes, for example PLAN=45, and not by 'short'"),
        ("01_estimation", "-45", "a plan is named by its minutes, for example PLAN=45, and not by '-45'"),
        ("02_mixtures", "45", "02_mixtures has no deck for a plan yet, only that of the whole lesson"),
    ],
)
def test_a_plan_that_there_is_not_is_refused_in_one_sentence(planned, course, name, plan, words):
    earlier = present.prepare(course / "notebooks" / "02_mixtures.ipynb", course / "build" / "stage")
    with pytest.raises(present.PresentError) as error:
        present.prepare(course / "notebooks" / f"{name}.ipynb", earlier.folder, plan)
    assert str(error.value) == f"{words}; without PLAN, the whole lesson is presented"
    assert earlier.notebook.exists()
    assert [path.name for path in (course / "build").iterdir()] == ["stage"]


def test_a_plan_that_cannot_be_cut_names_the_page_and_the_metadata(planned, course):
    page = course / "docs" / "instructor" / "01.md"
    page.write_text(page.read_text().replace("| 5 |", "| five |"))
    with pytest.raises(present.PresentError, match=r"docs/instructor/01\.md has not the form .*'five'\); without PLAN"):
        present.prepare(planned, course / "stage", "45")
    assert not (course / "stage").exists()


def test_the_command_refuses_a_plan_in_one_line(tmp_path, capsys):
    folder = tmp_path / "stage"
    assert present.main(["06", "--plan=60", "--folder", str(folder)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "06_reparameterisation has no deck for 60 minutes, but one for 45 and 90; without PLAN, the whole lesson is "
        "presented\n"
    )
    assert not folder.exists()


# --- Running the copy -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def connection():
    """The connection file of a running kernel."""
    manager, client = start_new_kernel()
    client.stop_channels()
    yield Path(manager.connection_file)
    manager.shutdown_kernel(now=True)


def run(connection, *sources, **options):
    notebook = lesson(*map(new_code_cell, sources))
    present.run_cells(notebook, connection, **options)
    return notebook.cells


def test_outputs_and_counts_are_stored_in_their_cells(connection):
    first, prose, second = (
        new_code_cell("value = 6"),
        new_markdown_cell("then"),
        new_code_cell("print(value)\nvalue * 7"),
    )
    seen = []
    present.run_cells(lesson(first, prose, second), connection, progress=seen.append)
    assert seen == [0, 2]
    assert first.outputs == [] and second.execution_count == first.execution_count + 1
    assert [output.output_type for output in second.outputs] == ["stream", "execute_result"]
    assert second.outputs[0].text == "6\n"
    assert second.outputs[1].data["text/plain"] == "42"


def test_pieces_of_one_stream_are_joined_and_cleared_outputs_are_gone(connection):
    source = "import sys\nprint(1)\nfrom IPython.display import clear_output\nclear_output()\n"
    (cell,) = run(connection, source + "print(2, flush=True)\nprint(3, flush=True)")
    assert [output.text for output in cell.outputs] == ["2\n3\n"]


def test_a_display_is_updated_by_a_later_cell(connection):
    source = "from IPython.display import HTML, display\nhandle = display(HTML('old'), display_id=True)"
    shown, later = run(connection, source, "handle.update(HTML('new'))")
    assert [output.data["text/html"] for output in shown.outputs] == ["new"]
    assert later.outputs == []


def test_the_kernel_is_told_which_cell_runs(connection):
    (cell,) = run(connection, 'get_ipython().kernel.get_parent()["metadata"]["cellId"]')
    assert cell.outputs[0].data["text/plain"] == repr(cell.id)


def test_cells_that_are_not_chosen_keep_their_outputs(connection):
    kept = new_code_cell("1 / 0", outputs=[PICTURE])
    run_one = new_code_cell("1 + 1")
    present.run_cells(lesson(kept, run_one), connection, chosen=lambda cell: cell is run_one)
    assert kept.outputs == [PICTURE]
    assert run_one.outputs[0].data["text/plain"] == "2"


def test_a_cell_that_raises_is_named(connection):
    with pytest.raises(present.PresentError, match=r"cell 1 \(1 / 0\) raised ZeroDivisionError: division by zero"):
        run(connection, "1", "1 / 0")


def test_a_cell_that_takes_too_long_is_named(connection):
    with pytest.raises(present.PresentError, match=r"cell 0 \(import time\) takes too long"):
        run(connection, "import time\ntime.sleep(3)", timeout=0.1)


def test_waiting_ends_where_the_server_has_ended(connection):
    def ended():
        raise present.PresentError("the server has ended")

    with pytest.raises(present.PresentError, match="the server has ended"):
        run(connection, "1", require_running=ended)
