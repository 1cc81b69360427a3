"""The lessons for Colab: two first cells that bring the course into an empty folder, once, whole, or not at all."""

import ast
import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.publish import colab, student_copy
from tools.publish.folders import write_zip

REPOSITORY = "https://github.com/who/what"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder of a site with the archive of the real students' copy, served on loopback; its address and its sum."""
    folder = tmp_path_factory.mktemp("site")
    copy, _ = student_copy.build(tmp_path_factory.mktemp("course") / "course")
    write_zip(copy, folder / "course.zip", "course")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/course.zip"
        yield address, hashlib.sha256((folder / "course.zip").read_bytes()).hexdigest(), folder
        server.shutdown()


def run(folder, *sources):
    """Run cells one after the other in a process of its own, as a kernel in an empty folder does."""
    code = "\n".join(f"exec(compile({source!r}, 'cell', 'exec'))" for source in sources)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # -I: neither this folder nor the course's own is on the path
    command = [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.')\n" + code]
    environment["PIP_NO_INDEX"] = "1"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def cells(published):
    address, digest, _ = published
    made = colab.colab_notebook(new_notebook(cells=[new_code_cell("lesson")]), address, digest)
    assert made.cells[-1].source == "lesson"
    return [cell.source for cell in made.cells[:2]]


LESSON = "sys.path += ['.', '..']\nsys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in str(f).lower()]\n"
LESSON += "import course_utils, os\nprint(os.getcwd(), course_utils.__file__)\n"
LESSON += "from course_utils.workshop import data\nprint(len(data.old_faithful()))"


def test_the_course_arrives_in_an_empty_folder_with_its_code_and_data(published, tmp_path):
    done = run(tmp_path, *cells(published), LESSON)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"course-{published[1][:8]}"
    where, rows = done.stdout.splitlines()
    assert where.split()[0] == str(folder / "notebooks")
    assert Path(where.split()[1]).resolve().is_relative_to(folder)
    assert int(rows) == 272


def test_a_second_run_fetches_nothing_and_keeps_what_was_written(published, tmp_path):
    setup, packages = cells(published)
    assert run(tmp_path, setup).returncode == 0
    (folder,) = tmp_path.iterdir()
    (folder / "notebooks" / "progress.json").write_text("mine")
    gone = setup.replace("/course.zip", "/gone.zip")
    for where, sources in (
        (tmp_path, (gone, packages)),
        (folder / "notebooks", (gone, packages)),
        (tmp_path, [gone] * 2),
    ):
        done = run(where, *sources)
        assert done.returncode == 0, done.stderr
    assert (folder / "notebooks" / "progress.json").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/course.zip", "/gone.zip", "The course cannot be fetched now"),
        ('SUM = "', 'SUM = "0', "There is a new edition: open this lesson from its page."),
    ],
    ids=["gone", "changed"],
)
def test_what_cannot_be_fetched_is_said_in_one_line_and_leaves_nothing(published, tmp_path, old, new, words):
    setup, _ = cells(published)
    assert old in setup
    done = run(tmp_path, setup.replace(old, new))
    assert done.returncode == 1
    assert done.stderr.startswith(words) and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_missing_is_installed(published, tmp_path):
    setup, packages = cells(published)
    done = run(tmp_path, setup, packages, "print(lacking)")
    assert done.stdout == "[]\n", done.stderr
    (folder,) = tmp_path.iterdir()
    settings = folder / "pyproject.toml"
    text = settings.read_text()
    settings.write_text(text.replace('"tqdm>=4.66"', '"tqdm>=4.66", "no-such-package-of-the-course>=2"'))
    assert settings.read_text() != text
    done = run(tmp_path, setup, packages)
    assert done.returncode == 1
    assert done.stderr.startswith("Not installed: no-such-package-of-the-course>=2 (")
    assert done.stderr.count("\n") == 1


def test_the_cells_are_short_and_the_lesson_is_not_changed(published):
    for source in cells(published):
        lines = source.splitlines()
        assert len(lines) <= 26
        assert max(map(len, (line for line in lines if "ARCHIVE =" not in line))) <= 88
        ast.parse(source)
    lesson = new_notebook(cells=[new_code_cell("lesson")])
    colab.colab_notebook(lesson, "address", "0")
    assert [cell.source for cell in lesson.cells] == ["lesson"]


def test_colab_opens_what_is_published_from_github():
    notebook, archive = colab.places(f"{REPOSITORY}.git", "01_a.ipynb", "pages")
    assert notebook == "https://colab.research.google.com/github/who/what/blob/pages/downloads/colab/01_a.ipynb"
    assert archive == "https://raw.githubusercontent.com/who/what/pages/downloads/course.zip"
    for other in ("", "https://gitlab.com/who/what", "http://github.com/who/what"):
        assert colab.places(other, "01_a.ipynb") is None
