"""What was drawn is kept until something changes that it depends on; several lessons are drawn at a time."""

import os
import sys

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from frames.bells import Page
from tools.publish.frames import FramesError, all_fragments, cache, for_notebook, foundations, lessons
from tools.publish.frames.__main__ import main


def test_every_explorer_cell_gets_its_fragment(notebook, drawn):
    fragments = for_notebook(notebook("lesson.bell()", "lesson.bell()"))
    assert list(fragments) == [2, 3]
    page = Page("".join(fragments.values()))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_a_page_has_room_for_all_its_explorers(notebook, drawn):
    for count in (1, 5):
        for_notebook(notebook(*["lesson.bell()"] * count, name=f"0{count}_try"))
        budgets = {drawn.pop() for _ in range(count)}
        assert budgets == {min(cache.BUDGET, (cache.PAGE_BUDGET - cache.REST) // count)}
    assert 5 * budgets.pop() <= cache.PAGE_BUDGET - cache.REST < 5 * cache.BUDGET


def test_a_notebook_without_explorers_has_no_fragments(notebook):
    assert for_notebook(notebook()) == {}


def test_what_was_drawn_is_kept(notebook, drawn, tmp_path):
    path = notebook("lesson.bell()", "lesson.bell()")
    fragments = for_notebook(path)
    assert len(drawn) == 2
    assert for_notebook(path) == fragments
    assert all_fragments([path]) == {path: fragments}
    assert main(["01"]) == 0
    assert len(drawn) == 2
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_words_beside_the_explorers_draw_nothing_anew(notebook, drawn):
    path = notebook("lesson.bell()")
    fragments = for_notebook(path)
    changed = nbformat.read(path, as_version=4)
    changed.cells[0].source = "# 01 · Another title"
    changed.cells.append(new_markdown_cell("More words."))
    nbformat.write(changed, path)
    assert for_notebook(path) == fragments
    assert len(drawn) == 1


@pytest.mark.parametrize("change", ["cell", "place", "foundations", "budget"])
def test_what_changed_is_drawn_anew_and_the_old_is_gone(notebook, drawn, change, monkeypatch, tmp_path):
    path = notebook("lesson.bell()")
    for_notebook(path)
    earlier = set((tmp_path / "kept").iterdir())
    if change == "cell":
        path = notebook("lesson.bell( )")
    elif change == "place":
        changed = nbformat.read(path, as_version=4)
        changed.cells.insert(0, new_markdown_cell("More words."))
        nbformat.write(changed, path)
    elif change == "foundations":
        monkeypatch.setattr(cache, "foundations", lambda: "something else")
    else:
        monkeypatch.setattr(cache, "BUDGET", 1_000_000)
    fragments = for_notebook(path)
    assert len(drawn) == 2
    kept = set((tmp_path / "kept").iterdir())
    assert len(kept) == 1
    assert not kept & earlier
    assert for_notebook(path) == fragments
    assert len(drawn) == 2


@pytest.mark.parametrize(
    "damage", [lambda old: b"", lambda old: old[:-1], lambda old: old + b"\n", lambda old: b"x" + old]
)
def test_a_damaged_fragment_is_drawn_anew(notebook, drawn, damage, tmp_path):
    path = notebook("lesson.bell()")
    fragments = for_notebook(path)
    (place,) = (tmp_path / "kept").iterdir()
    whole = place.read_bytes()
    place.write_bytes(damage(whole))
    assert for_notebook(path) == fragments
    assert len(drawn) == 2
    assert for_notebook(path) == fragments
    assert len(drawn) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_half_a_fragment_is_never_kept(notebook, drawn, monkeypatch, error, tmp_path):
    def fail(*_):
        raise error

    path = notebook("lesson.bell()")
    with monkeypatch.context() as broken:
        broken.setattr(cache.os, "replace", fail)
        with pytest.raises(type(error)):
            for_notebook(path)
    assert list((tmp_path / "kept").iterdir()) == []
    assert list(for_notebook(path)) == [2]


def test_only_lessons_are_kept_unless_a_folder_is_named(notebook, drawn, monkeypatch, tmp_path):
    path = notebook("lesson.bell()")
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path / "elsewhere")
    for _ in range(2):
        for_notebook(path)
    assert len(drawn) == 2
    assert not (tmp_path / "kept").exists()
    for _ in range(2):
        for_notebook(path, cache=tmp_path / "named")
    assert len(drawn) == 3
    assert len(list((tmp_path / "named").iterdir())) == 1


def test_foundations_are_code_data_and_versions(monkeypatch, tmp_path):
    for name in (
        "course_utils/lessons/a.py",
        "data/a.csv",
        "data/cache/download",
        "tools/publish/frames/frames.js",
        "tools/publish/frames/page.py",
        "tools/publish/frames/__pycache__/page.pyc",
        "tools/publish/site.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    seen = [foundations(tmp_path)]
    for name in (
        "course_utils/lessons/a.py",
        "data/a.csv",
        "tools/publish/frames/frames.js",
        "tools/publish/frames/page.py",
    ):
        (tmp_path / name).write_text("2")
        seen.append(foundations(tmp_path))
    (tmp_path / "data/a.csv").rename(tmp_path / "data/b.csv")
    seen.append(foundations(tmp_path))
    for name in ("data/cache/download", "tools/publish/frames/__pycache__/page.pyc", "tools/publish/site.py"):
        (tmp_path / name).write_text("2")
        assert foundations(tmp_path) == seen[-1]
    monkeypatch.setattr(cache.importlib.metadata, "version", lambda name: "0.0")
    seen.append(foundations(tmp_path))
    assert len(set(seen)) == len(seen) == 7


# --- several lessons at a time ----------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a POSIX program")


@pytest.fixture
def two(notebook, tmp_path, monkeypatch):
    """Two lessons, and a way to put a program in the place of the Python that draws them."""
    paths = [notebook("lesson.bell()", name=name) for name in ("01_try", "02_fail")]

    def replace_python(text):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setattr(cache.sys, "executable", str(program))

    return paths, replace_python


@posix
def test_each_lesson_is_drawn_in_a_process_of_its_own(two, drawn, tmp_path):
    paths, replace_python = two
    log = tmp_path / "log"
    replace_python(f'echo "$PWD $OMP_NUM_THREADS $@" >> {log}')
    fragments = all_fragments(paths)  # what the stand-in did not draw is drawn here
    assert list(fragments) == paths
    assert all(list(of_lesson) == [2] for of_lesson in fragments.values())
    wanted = {f"{cache.ROOT} 1 -m tools.publish.frames {path} --jobs 1 --cache {tmp_path / 'kept'}" for path in paths}
    assert set(log.read_text().splitlines()) == wanted
    log.unlink()
    assert all_fragments(paths) == fragments  # kept: no process is needed
    assert not log.exists()


@posix
def test_a_lesson_that_fails_ends_the_others(two, tmp_path):
    paths, replace_python = two
    replace_python(f"""case "$3" in
*02_fail*) until [ -s {tmp_path}/pid ]; do sleep 0.05; done; echo noise >&2; echo "02_fail, cell 2: no" >&2; exit 1;;
*) echo $$ > {tmp_path}/began; mv {tmp_path}/began {tmp_path}/pid; exec sleep 300;;
esac""")
    with pytest.raises(FramesError, match=r"^02_fail, cell 2: no$"):
        all_fragments(paths)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@posix
def test_a_process_that_says_nothing_is_named(two):
    paths, replace_python = two
    replace_python("exit 7")
    with pytest.raises(FramesError, match=r"0[12]_\w+\.ipynb: drawing ended with 7"):
        all_fragments(paths)


def test_a_process_reports_what_it_cannot_draw(notebook):
    paths = [notebook("lesson.unknown()", name=name) for name in ("01_try", "02_fail")]
    with pytest.raises(FramesError, match=r"0[12]_\w+\.ipynb, cell 2: .* got 'lesson\.unknown\(\)'"):
        all_fragments(paths)
