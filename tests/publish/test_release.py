"""The release: refused where something would be missing, complete or not at all, and the same bytes twice."""

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import browser, npm, release, site, slides, student_copy

ROOT = Path(__file__).resolve().parents[2]


def notebook():
    """Return a lesson as it is stored: every cell ran once, in order."""
    cells = [
        new_markdown_cell("# 01 · Small"),
        new_code_cell("x = 2", execution_count=1),
        new_code_cell("claim('two', x)", execution_count=2, outputs=[new_output("stream", text="✓ two")]),
    ]
    return new_notebook(cells=cells)


def git(folder, *words):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture
def course(tmp_path):
    """A committed course of one lesson."""
    root = tmp_path / "course"
    (root / "notebooks").mkdir(parents=True)
    nbformat.write(notebook(), root / "notebooks" / "01_small.ipynb")
    (root / "pyproject.toml").write_text('[project]\nname = "vae-course"\nversion = "7.8.9"\n')
    (root / "LICENSE").write_text("free")
    git(tmp_path, "init", "-q", str(root))
    commit(root)
    return root


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "state")


@pytest.fixture
def parts(monkeypatch):
    """Stand-ins for what builds the parts; the list says which were built."""
    built = []

    def part(name, *folders):
        def build(output, *, root, **_):
            for folder in (output, *(output.with_name(other) for other in folders)):
                folder.mkdir()
                (folder / "index.html").write_text(f"{folder.name} of {root.name}")
                (folder / ".built-by-a-tool").touch()
            built.append(name)

        return build

    monkeypatch.setattr(student_copy, "build", part("student", "solutions"))
    monkeypatch.setattr(slides, "build", part("slides"))
    monkeypatch.setattr(slides, "oversized", lambda folder: [])
    monkeypatch.setattr(site, "build", part("site"))
    monkeypatch.setattr(release, "require_tools", lambda: None)
    return built


def test_a_release_has_four_parts_their_sums_and_an_archive(course, parts, tmp_path, capsys):
    folder = release.build(tmp_path / "dist", root=course)
    assert folder == tmp_path / "dist" / "vae-course-7.8.9"
    assert sorted(path.name for path in folder.iterdir()) == [
        "LICENSE", "README.md", "SHA256SUMS", "site", "slides", "solutions", "student"
    ]  # fmt: skip
    assert not list(folder.rglob(".built-by-*"))
    assert "version 7.8.9" in (folder / "README.md").read_text()
    rows = dict(reversed(row.split("  ")) for row in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert set(rows) == set(files) - {"SHA256SUMS"}
    assert all(hashlib.sha256(files[name].read_bytes()).hexdigest() == digest for name, digest in rows.items())
    with zipfile.ZipFile(folder.with_name("vae-course-7.8.9.zip")) as archive:
        assert {name.removeprefix("vae-course-7.8.9/") for name in archive.namelist()} == set(files)
        assert archive.testzip() is None
    digest, name = folder.with_name("vae-course-7.8.9.zip.sha256").read_text().split()
    assert digest == hashlib.sha256((folder.parent / name).read_bytes()).hexdigest()
    assert len(list(folder.parent.iterdir())) == 3
    said = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in said] == ["student and solutions", "slides", "site"]


def test_the_same_course_gives_the_same_bytes(course, parts, tmp_path):
    sums = [release.build(tmp_path / name, root=course).with_name("vae-course-7.8.9.zip.sha256") for name in "ab"]
    assert sums[0].read_text() == sums[1].read_text()


def refused(match, course, tmp_path, parts):
    """Check that nothing is built, and that the reason is one sentence."""
    with pytest.raises(release.ReleaseError, match=match) as caught:
        release.build(tmp_path / "dist", root=course)
    assert "\n" not in str(caught.value)
    assert parts == []
    assert not (tmp_path / "dist").exists()


def test_what_is_not_committed_is_not_released(course, parts, tmp_path):
    (course / "LICENSE").write_text("changed")
    (course / "new file.txt").touch()
    refused(r"not clean \(LICENSE, .*new file.*\): commit or remove", course, tmp_path, parts)


def test_a_folder_without_git_is_refused(course, parts, tmp_path):
    (course / ".git").rename(tmp_path / "elsewhere")
    refused("is no git checkout: clone", course, tmp_path, parts)


def spoil_count(lesson):
    lesson.cells[1].execution_count = None


def spoil_order(lesson):
    lesson.cells[1].execution_count = 5


def spoil_output(lesson):
    lesson.cells[2].outputs = []


def spoil_result(lesson):
    lesson.cells[1].outputs = [new_output("error", ename="E", evalue="e", traceback=[])]


@pytest.mark.parametrize("spoil", [spoil_count, spoil_order, spoil_output, spoil_result])
def test_a_notebook_that_is_not_stored_as_it_ran_is_refused(course, parts, tmp_path, spoil):
    lesson = notebook()
    spoil(lesson)
    nbformat.write(lesson, course / "notebooks" / "01_small.ipynb")
    commit(course)
    cell = 2 if spoil is spoil_output else 1
    expected = rf"01_small\.ipynb has no complete outputs \(code cell {cell}\): run `make execute NB="
    refused(expected, course, tmp_path, parts)


def test_the_courses_own_notebooks_are_stored_as_they_ran():
    release.require_outputs(ROOT)


@pytest.mark.parametrize("name", ["vae-course-7.8.9", "vae-course-7.8.9.zip"])
def test_a_version_is_built_once(course, parts, tmp_path, name):
    (tmp_path / "dist" / name).mkdir(parents=True)
    with pytest.raises(release.ReleaseError, match=r"a version is built once\. Raise the version in pyproject\.toml"):
        release.build(tmp_path / "dist", root=course)
    assert [path.name for path in (tmp_path / "dist").iterdir()] == [name]
    assert parts == []


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        (browser, "chromium", browser.BrowserError("no Chromium: install it")),
        (npm, "package", npm.NpmError("no npm: install it")),
        (site, "require_packages", site.SiteError("no Sphinx: install it")),
    ],
)
def test_missing_programs_are_named_before_anything_is_built(course, tmp_path, monkeypatch, module, name, error):
    def fail(*_):
        raise error

    for other, function in ((browser, "chromium"), (npm, "package"), (site, "require_packages")):
        monkeypatch.setattr(other, function, lambda *_: None)
    monkeypatch.setattr(module, name, fail)
    refused(str(error), course, tmp_path, [])


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (student_copy, student_copy.StudentCopyError("a line would be told")),
        (slides, slides.SlidesError("too many")),
        (site, site.SiteError("Sphinx warns")),
    ],
)
def test_a_part_that_fails_leaves_nothing(course, parts, tmp_path, monkeypatch, module, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(module, "build", fail)
    with pytest.raises(release.ReleaseError, match=str(error)):
        release.build(tmp_path / "dist", root=course)
    assert list((tmp_path / "dist").iterdir()) == []


def test_a_slide_that_is_cut_off_is_not_released(course, parts, tmp_path, monkeypatch):
    monkeypatch.setattr(slides, "oversized", lambda folder: ["01_small, slide 3 (Title): 1280 × 800"])
    with pytest.raises(release.ReleaseError, match="would be cut off:\n01_small, slide 3"):
        release.build(tmp_path / "dist", root=course)
    assert list((tmp_path / "dist").iterdir()) == []


def test_an_error_at_the_very_end_leaves_nothing(course, parts, tmp_path, monkeypatch):
    rename = Path.rename

    def stop(self, target):
        if Path(target).name == "vae-course-7.8.9":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        release.build(tmp_path / "dist", root=course)
    assert list((tmp_path / "dist").iterdir()) == []


SLOW = """
import sys, time
from pathlib import Path
from tools.publish import folders, release, student_copy
def build(output, *, root):
    output.mkdir()
    print("building", flush=True)
    time.sleep(60)
student_copy.build = build
release.require_tools = lambda: None
release.build.__kwdefaults__["root"] = Path(sys.argv[1])
sys.exit(folders.interruptible(lambda: release.main(["--destination", sys.argv[2]])))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_build_leaves_nothing(course, tmp_path, number):
    command = [sys.executable, "-c", SLOW, str(course), str(tmp_path / "dist")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "building\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "Interrupted: nothing half made is left.\n")
    assert list((tmp_path / "dist").iterdir()) == []


def test_the_command_says_in_one_line_why_it_fails(monkeypatch, capsys):
    def fail(*_, **__):
        raise release.ReleaseError("The working tree is not clean.")

    monkeypatch.setattr(release, "build", fail)
    assert release.main([]) == 1
    assert capsys.readouterr().err == "The working tree is not clean.\n"


# --- the browser ------------------------------------------------------------------------------------------------------


def test_a_missing_browser_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(browser.BrowserError, match=r"^There is no Chromium: install it .*`sudo apt install chromium`"):
        browser.chromium()
    monkeypatch.setenv("CHROMIUM", "my-browser")
    with pytest.raises(browser.BrowserError, match=r"^CHROMIUM names my-browser, which is no program: install it"):
        browser.chromium()
    (tmp_path / "my-browser").write_text("#!/bin/sh\n")
    (tmp_path / "my-browser").chmod(0o755)
    assert browser.chromium() == str(tmp_path / "my-browser")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a browser is a POSIX program")
def test_a_browser_that_does_not_start_is_one_sentence(monkeypatch, tmp_path):
    program = tmp_path / "old-chromium"
    program.write_text("#!/bin/sh\necho 'unknown option' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(program))
    with pytest.raises(browser.BrowserError, match=r"old-chromium did not start .*: install a current Chro") as caught:
        with browser.browser():
            pass
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a driver is a POSIX program")
def test_a_driver_that_does_not_start_is_one_sentence(tmp_path):
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\nexit 127\n")
    program.chmod(0o755)
    script = (
        "from tools.publish import browser\n"
        "try:\n    with browser.driver(): pass\n"
        "except browser.BrowserError as error: print(error)\n"
    )
    # In a process of its own: playwright leaves an event loop behind when it cannot start.
    environment = {**os.environ, "PLAYWRIGHT_NODEJS_PATH": str(program)}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.stdout.startswith("playwright's own program did not start (")
    assert result.stdout.endswith("`sudo apt install libatomic1`.\n")
    assert result.stdout.count("\n") == 1
