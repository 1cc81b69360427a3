import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import execute

SANITIZE = Path(__file__).parent / "notebooks" / "nbval_sanitize.cfg"
PICTURE = "iVBORw0KGgo="
# An object that shows as the course's explorers do: a live widget, and the static picture beside it.
EXPLORER = f"""\
import ipywidgets

class Explorer:
    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = ipywidgets.HBox([ipywidgets.FloatSlider()])._repr_mimebundle_()
        picture = '<img alt="one slider and what it moves" src="data:image/png;base64,{PICTURE}">'
        static = {{"image/png": "{PICTURE}", "text/html": picture, "text/plain": "Explorer: one slider"}}
        return {{**bundle, **static}}

Explorer()"""


def notebook_of(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def store(notebook, path):
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """One notebook, run once, with everything in it that a run must put in order."""
    notebook = notebook_of(
        "print('one')\nprint('two')", "x = 3", EXPLORER, "import os\nsorted(os.listdir())", "print()", "x"
    )
    notebook.cells.insert(0, new_markdown_cell("words", metadata={"tags": ["notes"], "editable": True}))
    notebook.cells[1].metadata = nbformat.from_dict({"execution": {"iopub.execute_input": "then"}, "scrolled": True})
    notebook.cells[1].execution_count = 17
    notebook.metadata = nbformat.from_dict({"kernelspec": {"name": "someone's"}, "widgets": {"state": {}}})
    path = store(notebook, tmp_path_factory.mktemp("lesson") / "01_small.ipynb")
    ids = [cell.id for cell in notebook.cells]
    assert execute.main([str(path)]) == 0
    return path, ids


def test_a_run_stores_the_canonical_form(executed):
    path, ids = executed
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == execute.METADATA
    assert [cell.id for cell in notebook.cells] == ids
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2, 3, 4, 5, 6]
    assert [dict(cell.metadata) for cell in notebook.cells] == [{"tags": ["notes"]}, *[{}] * 6]
    assert execute.not_canonical(path) == ""


def test_outputs_are_stored_once_and_without_live_widgets(executed):
    prints, nothing, explorer, folder, blank, value = nbformat.read(executed[0], as_version=4).cells[1:]
    assert [(output.name, output.text) for output in prints.outputs] == [("stdout", "one\ntwo\n")]
    assert nothing.outputs == []
    assert [set(output.data) for output in explorer.outputs] == [{"image/png", "text/html", "text/plain"}]
    assert folder.outputs[0].data["text/plain"] == "['01_small.ipynb']"  # it ran in its own folder
    assert blank.outputs[0].text == "\n"
    assert (value.outputs[0].data["text/plain"], value.outputs[0].execution_count) == ("3", 6)


def test_strict_nbval_accepts_what_was_stored_and_nothing_else(executed, tmp_path):
    good = tmp_path / "good.ipynb"
    notebook = nbformat.read(executed[0], as_version=4)
    del notebook.cells[4]  # the one that lists its folder
    for count, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = count
    # Another machine draws other pixels: the alternative text is compared, the bytes are not.
    html = notebook.cells[3].outputs[0].data["text/html"]
    notebook.cells[3].outputs[0].data["text/html"] = html.replace(PICTURE, "AAAA")
    store(notebook, good)
    notebook.cells[3].outputs[0].data["text/html"] = html.replace("one slider and", "two sliders and")
    bad = store(notebook, tmp_path / "bad.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-sanitize-with",
        str(SANITIZE),
        "-p",
        "no:xdist",
    ]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-q", str(good), str(bad)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "1 failed, 9 passed" in done.stdout, done.stdout + done.stderr
    assert "bad.ipynb::Cell 2" in done.stdout


def test_a_second_run_changes_nothing(executed):
    path = executed[0]
    before = path.read_bytes()
    execute.execute(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("# now it breaks\n1 / 0", ["cell 2 (# now it breaks)", "ZeroDivisionError: division by zero"]),
        (
            "from course_utils import claim\nclaim('it holds', 2, equals=1)",
            ["cell 2 (from course_utils import claim)", "ClaimError: ✗ it holds", "measured 2, wanted 1 exactly"],
        ),
        ("import time\ntime.sleep(60)", ["cell 2 (import time)", "stopped after 2 seconds"]),
        ("import os\nos._exit(1)", ["cell 2 (import os)", "ended the kernel"]),
    ],
)
def test_a_failing_cell_is_named_and_the_file_stays(source, words, tmp_path, capsys):
    notebook = notebook_of("print('fine')", source, "never = True")
    notebook.cells.insert(0, new_markdown_cell("words"))
    path = store(notebook, tmp_path / "01_small.ipynb")
    before = path.read_bytes()
    assert execute.main(["--timeout", "2", str(path)]) == 1
    message = capsys.readouterr().err
    assert all(word in message for word in [str(path), "the file is unchanged", *words])
    assert "Traceback" not in message
    assert "\x1b" not in message
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["01_small.ipynb"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = store(notebook_of("x = 1"), tmp_path / "01_small.ipynb")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        execute.write(notebook_of("x = 2"), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["01_small.ipynb"]


def widget_view(notebook):
    data = {execute.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "HBox()"}
    notebook.cells[0].outputs = [new_output("display_data", data)]


def wrong_count(notebook):
    notebook.cells[0].execution_count = None


def timing(notebook):
    notebook.cells[0].metadata["execution"] = {"iopub.status.busy": "then"}


def other_kernel(notebook):
    notebook.metadata["kernelspec"]["name"] = "my-env"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (widget_view, "cell 0 (x = 1) holds metadata or outputs that are not stored"),
        (wrong_count, "cell 0 (x = 1) has execution count None where 1 belongs"),
        (timing, "cell 0 (x = 1) holds metadata or outputs"),
        (other_kernel, "the notebook's metadata"),
    ],
)
def test_check_says_what_is_not_canonical_and_writes_nothing(spoil, words, tmp_path, capsys):
    notebook = execute.canonical(notebook_of("x = 1"))
    path = tmp_path / "01_small.ipynb"
    execute.write(notebook, path)
    assert execute.main(["--check", str(path)]) == 0
    spoil(notebook)
    execute.write(notebook, path)
    before = path.read_bytes()
    assert execute.main(["--check", str(path)]) == 1
    assert words in capsys.readouterr().err
    assert path.read_bytes() == before


def test_check_sees_another_layout_of_the_same_notebook(tmp_path):
    path = tmp_path / "01_small.ipynb"
    execute.write(execute.canonical(notebook_of("x = 1")), path)
    path.write_text(path.read_text(encoding="utf-8").replace("\n ", "\n    "), encoding="utf-8")
    assert "laid out differently" in execute.not_canonical(path)


def test_pieces_of_one_stream_are_joined_and_empty_outputs_dropped():
    notebook = notebook_of("print('…')")
    only_widget = new_output("display_data", {execute.WIDGET_VIEW: {"model_id": "1"}})
    pieces = [
        new_output("stream", name=name, text=text)
        for name, text in [
            ("stdout", "a"),
            ("stdout", "b\n"),
            ("stderr", ""),
            ("stderr", "c"),
            ("stdout", "d"),
        ]
    ]
    notebook.cells[0].outputs = [only_widget, *pieces]
    joined = [(output.name, output.text) for output in execute.canonical(notebook).cells[0].outputs]
    assert joined == [("stdout", "ab\n"), ("stderr", "c"), ("stdout", "d")]


def test_code_stays_folded_and_an_output_never_is():
    notebook = notebook_of("# Figure: a line", "x = 1", "y = 2")
    folds = [{"source_hidden": True, "outputs_hidden": True}, {"outputs_hidden": True}, {"source_hidden": False}]
    for cell, fold in zip(notebook.cells, folds, strict=True):
        cell.metadata["jupyter"] = fold
    kept = [cell.metadata for cell in execute.canonical(notebook).cells]
    assert kept == [{"jupyter": {"source_hidden": True}}, {}, {}]


@pytest.mark.parametrize(("text", "words"), [(None, "no such file"), ("half of {", "not a notebook")])
def test_what_is_no_notebook_gets_one_sentence(text, words, tmp_path, capsys):
    path = tmp_path / "01_small.ipynb"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert execute.main([str(path)]) == 1
    message = capsys.readouterr().err
    assert words in message
    assert len(message.splitlines()) == 1
