"""The course's site: its pages are made of the notebooks, complete, offline, and appear whole or not at all."""

import base64
import hashlib
import html
import importlib.util
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import frames, npm, site

ROOT = Path(__file__).resolve().parents[2]
PNG = base64.b64encode(b"\x89PNG a picture").decode("ascii")
PICTURE = f'<img alt="A rising line." src="data:image/png;base64,{PNG}" width="90">'
VERDICT = '<div role="status">Correct\n\nin two paragraphs</div>'
NOTE = """<details><summary>Presenter's note · 3 min</summary>

A secret of the presenter's. Ask: "is it the last one?" (Expected: no. There is always one more behind it.)

</details>"""
TEST = """**Ask yourself.** Is it the last one?

<details><summary>Answer</summary>

No. There is always one more behind it.

</details>"""
FRAGMENT = f'<figure class="course-frames"><img alt="frame" src="data:image/png;base64,{PNG}"></figure>'


def picture():
    return new_output("display_data", {"text/html": PICTURE, "image/png": PNG, "text/plain": "a figure"})


def printed(text):
    return new_output("stream", name="stdout", text=text)


def tagged(cell, *tags):
    cell.metadata["tags"] = list(tags)
    return cell


def lesson(title="# 01 · Try", links=""):
    return new_notebook(
        metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}},
        cells=[
            new_markdown_cell(f"{title}\n\nA promise.{links}"),
            tagged(new_markdown_cell(NOTE), "notes"),
            new_markdown_cell("## 1.1 A question\n\nMathematics: $x^2$."),
            new_code_cell("draw()", outputs=[picture(), printed("✓ it holds\n")]),
            tagged(new_code_cell("lesson.landscape()", outputs=[picture()]), "explorer"),
            tagged(new_markdown_cell("### Exercise 1.1 · Write it"), "exercise"),
            tagged(new_code_cell("def f():\n    ...", outputs=[printed("not attempted")]), "exercise"),
            tagged(new_markdown_cell("#### Solution", metadata={"jp-MarkdownHeadingCollapsed": True}), "solution"),
            tagged(
                new_code_cell(
                    "def f():\n    return 'answer'",
                    outputs=[new_output("display_data", {"text/html": VERDICT}), printed("42\n")],
                ),
                "solution",
            ),
            new_markdown_cell("## 1.2 The next question"),
        ],
    )


def sources(notebook):
    return [cell.source for cell in notebook.cells]


# --- notebooks


def test_of_presenters_notes_the_self_tests_are_left_and_the_notebook_itself_is_unchanged():
    notebook = lesson()
    before = nbformat.writes(notebook)
    page = site.page_notebook(notebook, {}, site.Pictures())
    assert not any("secret" in source for source in sources(page))
    assert page.cells[1].source == TEST
    assert len(page.cells) == len(notebook.cells) - 1  # two solution cells become one
    assert nbformat.writes(notebook) == before


def test_a_note_of_another_form_is_named():
    notebook = lesson()
    notebook.cells[1].source = NOTE.replace(" · 3 min", "")
    with pytest.raises(site.SiteError, match="cell 1: a presenter's note is one folded passage"):
        site.page_notebook(notebook, {}, site.Pictures())


def test_students_see_no_solution_and_no_benchmark():
    notebook = lesson()
    notebook.cells[-1].source += "\n\nSo it goes on. The course's benchmark `speed` measures it. It is fast."
    page = site.page_notebook(notebook, {}, site.Pictures(), students=True)
    assert not any("answer" in cell.source for cell in page.cells)
    assert not any("details class" in cell.source for cell in page.cells)
    assert page.cells[1].source == TEST
    assert page.cells[-1].source.endswith("\n\nSo it goes on. It is fast.")
    assert len(page.cells) == len(notebook.cells) - 2


def test_a_solution_is_one_folded_passage_with_its_code_and_outputs():
    page = site.page_notebook(lesson(), {}, site.Pictures())
    (solution,) = [cell for cell in page.cells if "answer" in cell.source]
    assert solution.cell_type == "markdown"
    assert solution.source.startswith("<details")
    assert solution.source.endswith("</details>")
    assert "<summary>Solution</summary>" in solution.source
    assert "```python\ndef f():\n    return 'answer'\n```" in solution.source
    assert f"```{{raw}} html\n{VERDICT}\n```" in solution.source
    assert "```text\n42\n```" in solution.source
    assert "#### Solution" not in sources(page)


def test_a_folded_cell_shows_its_label_and_unfolds():
    notebook = lesson()
    notebook.cells[3].source = "# Figure: a line\ndraw()"
    notebook.cells[3].metadata["jupyter"] = {"source_hidden": True}
    page = site.page_notebook(notebook, {}, site.Pictures())
    (cell,) = [cell for cell in page.cells if cell.source == "draw()"]
    assert cell.metadata.tags == ["hide-input"]
    assert cell.metadata.mystnb["code_prompt_show"] == "Figure: a line"
    assert cell.outputs


def test_backticks_in_a_solution_do_not_end_it():
    notebook = new_notebook(cells=[tagged(new_code_cell('print("""\n````\n""")'), "solution")])
    (cell,) = site.page_notebook(notebook, {}, site.Pictures()).cells
    assert cell.source.count("\n`````") == 2


def test_words_beside_the_heading_of_a_solution_are_not_lost_in_silence():
    notebook = new_notebook(cells=[tagged(new_markdown_cell("#### Solution\n\nBecause."), "solution")])
    with pytest.raises(site.SiteError, match="more than its heading"):
        site.page_notebook(notebook, {}, site.Pictures())


def test_exercises_have_not_been_run():
    page = site.page_notebook(lesson(), {}, site.Pictures())
    (starter,) = [cell for cell in page.cells if cell.cell_type == "code" and "..." in cell.source]
    assert starter.outputs == []


def test_an_explorer_is_its_fragment_where_there_is_one():
    notebook = lesson()
    place = sources(notebook).index("lesson.landscape()")
    page = site.page_notebook(notebook, {place: FRAGMENT}, site.Pictures())
    (explorer,) = [cell for cell in page.cells if cell.source == "lesson.landscape()"]
    assert [output.data for output in explorer.outputs] == [{"text/html": FRAGMENT}]


def test_an_explorer_without_fragment_keeps_its_picture_and_says_that_it_is_still():
    page = site.page_notebook(lesson(), {}, site.Pictures())
    (explorer,) = [cell for cell in page.cells if cell.source == "lesson.landscape()"]
    assert 'alt="A rising line."' in explorer.outputs[0].data["text/html"]
    assert explorer.outputs[1].data["text/html"] == site.STILL


def test_embedded_pictures_become_files_each_once():
    pictures = site.Pictures()
    page = site.page_notebook(lesson(), {}, pictures)
    drawn = next(cell for cell in page.cells if cell.source == "draw()")
    ((name, content),) = pictures.files.items()
    assert content == base64.b64decode(PNG)
    assert drawn.outputs[0].data == {
        "text/html": f'<img alt="A rising line." loading="lazy" src="figures/{name}" width="90">'
    }


def test_an_explorer_that_cannot_be_drawn_is_no_site(monkeypatch):
    def fail(lessons):
        raise frames.FramesError("01_try.ipynb, cell 4: explorer 'landscape' cannot draw")

    monkeypatch.setattr(site.frames, "all_fragments", fail)
    with pytest.raises(site.SiteError, match="cell 4: explorer 'landscape' cannot draw"):
        site.explorers([ROOT / "notebooks" / "00_start_here.ipynb"])


# --- links

markdown = pytest.mark.skipif(
    importlib.util.find_spec("mdit_py_plugins") is None, reason="myst-nb, which brings the Markdown reader, is missing"
)


@pytest.fixture
def linked(tmp_path):
    names = (
        "README.md",
        "notebooks/02_b.ipynb",
        "data/README.md",
        "constraints.txt",
        "docs/claims.md",
        "plain/file.py",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@markdown
@pytest.mark.parametrize(
    ("page", "text", "expected", "files"),
    [
        ("notebooks/01_a.ipynb", "[b](02_b.ipynb)", "[b](02_b.ipynb)", ["notebooks/02_b.ipynb"]),
        ("docs/claims.md", "[b](../notebooks/02_b.ipynb)", "[b](../notebooks/02_b.ipynb)", ["notebooks/02_b.ipynb"]),
        ("README.md", "[pins](constraints.txt)", "[pins](constraints.txt)", ["constraints.txt"]),
        ("README.md", "[the data](data)", "[the data](data/README.md)", ["data/README.md"]),
        ("docs/claims.md", "[data](../data#origin)", "[data](../data/README.md#origin)", ["data/README.md"]),
        ("docs/claims.md", "[start](../README.md)", "[start](../index.md)", ["README.md"]),
        ("docs/claims.md", "[start](../README.md#begin)", "[start](../index.md#begin)", ["README.md"]),
        ("docs/claims.md", "see [the code](../plain/).", "see the code.", []),
        ("README.md", "[paper](https://arxiv.org/abs/1312.6114)", "[paper](https://arxiv.org/abs/1312.6114)", []),
        ("README.md", "[below](#below)", "[below](#below)", []),
        ("README.md", "`[no](link)` and $E[x](y)$", "`[no](link)` and $E[x](y)$", []),
    ],
)
def test_links(linked, page, text, expected, files):
    assert site.linked_files(text, PurePosixPath(page), linked) == (expected, [PurePosixPath(file) for file in files])


@markdown
@pytest.mark.parametrize(
    ("target", "words"), [("missing.md", "leads to no file"), ("../elsewhere.md", "out of the repository")]
)
def test_links_to_nothing_are_errors(linked, target, words):
    with pytest.raises(site.SiteError, match=f"README.md: the link {target} .*{words}|{words}"):
        site.linked_files(f"[there]({target})", PurePosixPath("README.md"), linked)


@pytest.mark.parametrize(
    ("repository", "begin"),
    [
        ("https://github.com/who/what", "https://mybinder.org/v2/gh/who/what/HEAD?"),
        ("https://github.com/who/what.git", "https://mybinder.org/v2/gh/who/what/HEAD?"),
        ("https://gitlab.com/group/sub/what/", "https://mybinder.org/v2/gl/group%2Fsub%2Fwhat/HEAD?"),
        ("https://git.example.org/what", "https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fwhat/HEAD?"),
    ],
)
def test_launch_links(repository, begin):
    link = site.launch_link(repository, "01_a.ipynb")
    assert link.startswith(begin)
    assert link.endswith("01_a.ipynb")


@pytest.mark.parametrize("repository", ["github.com/who/what", "git@github.com:who/what", "https://github.com"])
def test_a_launch_link_needs_an_address(repository):
    with pytest.raises(site.SiteError, match="must look like https"):
        site.launch_link(repository, "01_a.ipynb")


# --- mathematics


def test_why_mathjax_is_missing_is_said(monkeypatch):
    def fail(name):
        raise npm.NpmError(f"npm could not fetch {name}")

    monkeypatch.setattr(site.npm, "package", fail)
    with pytest.raises(site.SiteError, match=r"with MathJax\. npm could not fetch mathjax"):
        site.mathjax()


# --- requests


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", '<script src="https://cdn.example.org/a.js"></script>', True),
        ("a.html", '<link rel="stylesheet" href="//fonts.example.org/a.css">', True),
        ("a.html", '<link rel="preconnect" href="https://fonts.example.org">', True),
        ("a.html", '<img srcset="small.png 1x, https://example.org/a.png 2x">', True),
        ("a.html", '<p style="background:url(https://example.org/a.png)">', True),
        ("a.html", "<style>@import 'https://example.org/a.css';</style>", True),
        ("a.html", '<script>fetch("https://example.org/data.json")</script>', True),
        ("a.html", '<a href="https://arxiv.org/abs/1312.6114">paper</a>', False),
        ("a.html", '<link rel="canonical" href="https://example.org/a.html">', False),
        ("a.html", '<img src="figures/a.png"><img src="data:image/png;base64,AA">', False),
        ("a.html", "<p>url(https://example.org) in words</p>", False),
        ("a.html", '<script type="application/json">{"words": "https://example.org"}</script>', False),
        ("a.css", "@font-face { src: url('https://example.org/a.woff2') }", True),
        ("a.css", "p { background: url(a.png) } /* https://example.org */", False),
        ("a.js", 'const base = "https://cdn.example.org/npm";', True),
        ("a.js", 'document.createElementNS("http://www.w3.org/2000/svg", "svg"); // https://example.org', False),
    ],
)
def test_addresses_that_a_browser_would_load(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    assert bool(site.outside_requests(tmp_path)) is found


# --- the folder


@pytest.fixture
def course(monkeypatch, tmp_path):
    """A course of two lessons, with all that the site is made from; their explorer is no real one."""
    monkeypatch.setattr(site, "explorers", lambda lessons: {lesson: {4: FRAGMENT} for lesson in lessons})
    return write_course(tmp_path / "course")


def write_course(root):
    texts = {
        "README.md": "# A course\n\n![A line.](notebooks/images/line.png)\n\n## Lessons\n\n"
        "| | lesson |\n|---|---|\n| 01 | [Try](notebooks/01_try.ipynb) |\n\n"
        "See [how to help](CONTRIBUTING.md), [the pins](constraints.txt) and [the claims](docs/claims.md).\n\n"
        "<details>\n<summary>More</summary>\n\nWords.\n\n</details>\n",
        "CONTRIBUTING.md": "# Contributing\n\nSee the [changes](CHANGELOG.md), and [begin](README.md).\n",
        "CHANGELOG.md": "# Changelog\n",
        "docs/claims.md": "# All claims\n\n## [01 · Try](../notebooks/01_try.ipynb)\n",
        "docs/glossary.md": "# Glossary\n\n## square\n\n> The square is $x^2$.\n",
        "docs/published.md": "# Published figures and ours\n",
        "docs/instructor/01.md": "# 01 · Try\n\nAsk the room.\n",
        "docs/instructor/02.md": "# 02 · Go on\n\nAsk again.\n",
        "data/README.md": "# Data\n",
    }
    for name in ("CITATION.cff", "LICENSE", "Makefile", "constraints.txt", "environment.yml", "pyproject.toml"):
        texts[name] = ""
    for name in ("course_utils/__init__.py", "tools/bootstrap.py", "tools/teach/jupyter_server_config.py"):
        texts[name] = ""
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "notebooks" / "images").mkdir(parents=True)
    shutil.copy2(ROOT / "notebooks" / "images" / "course.png", root / "notebooks" / "images" / "line.png")
    nbformat.write(lesson(links=" Next: [02](02_go_on.ipynb)."), root / "notebooks" / "01_try.ipynb")
    nbformat.write(lesson("# 02 · Go on", " Before: [01](01_try.ipynb)."), root / "notebooks" / "02_go_on.ipynb")
    shutil.copytree(ROOT / "docs" / "site", root / "docs" / "site")
    return root


@pytest.fixture
def without_sphinx(monkeypatch, tmp_path):
    """Stand-ins for what takes long: MathJax is two files, and Sphinx writes one page for each lesson."""
    mathjax = tmp_path / "mathjax"
    (mathjax / "es5").mkdir(parents=True)
    for name in ("LICENSE", "es5/tex-mml-chtml.js"):
        (mathjax / name).write_text("MathJax")

    def run_sphinx(source, built, doctrees, repository):
        shutil.copytree(source / "extra", built)
        for path in (source / "notebooks").glob("*.ipynb"):
            (built / "notebooks" / f"{path.stem}.html").write_text("<p>page</p>")

    monkeypatch.setattr(site, "MODULES", {})
    monkeypatch.setattr(site, "mathjax", lambda: mathjax)
    monkeypatch.setattr(site.npm, "MATHJAX_PARTS", ("tex-mml-chtml.js",))
    monkeypatch.setattr(site, "_run_sphinx", run_sphinx)
    return monkeypatch


@markdown
def test_what_sphinx_reads(course, tmp_path):
    source = tmp_path / "work" / "source"
    source.mkdir(parents=True)
    assert site.collect(course, source, "") == ["01_try.ipynb", "02_go_on.ipynb"]
    landing = (source / "index.md").read_text(encoding="utf-8")
    assert landing.index("downloads/course.zip") < landing.index("## Lessons")
    for name in ("notebooks/01_try", "docs/claims", "docs/glossary", "docs/instructor/index", "CONTRIBUTING"):
        assert f"\n{name}\n" in landing
    assert "\nCHANGELOG\n" in landing  # CONTRIBUTING.md links to it
    assert (source / "constraints.txt").is_file()
    assert not (source / "pyproject.toml").exists()
    for file in (frames.SCRIPT, frames.STYLES):  # without them no explorer of a page would answer
        assert (source / "static" / file.name).read_bytes() == file.read_bytes()
    guide = (source / "docs" / "instructor" / "index.md").read_text(encoding="utf-8")
    assert "\n01\n02\n" in guide


@markdown
def test_what_sphinx_reads_for_students(course, tmp_path):
    readme = course / "README.md"
    more = (
        "\n## How to teach from it\n\nThe [guide](docs/instructor/01.md) has a page for each lesson.\n"
        "\n## Licence\n\nSee the [licence](LICENSE), and [a class](docs/classroom/README.md).\n"
    )
    readme.write_text(readme.read_text(encoding="utf-8").replace("## Lessons", "## The lessons") + more)
    (course / "docs" / "classroom").mkdir()
    (course / "docs" / "classroom" / "README.md").write_text("# A class\n")
    path = course / "docs" / "claims.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nSee [the guide](instructor/01.md).\n", encoding="utf-8")
    readme.write_text(readme.read_text(encoding="utf-8").replace("[how to help](CONTRIBUTING.md), ", ""))
    source = tmp_path / "work" / "source"
    source.mkdir(parents=True)
    site.collect(course, source, "", students=True)
    landing = (source / "index.md").read_text(encoding="utf-8")
    assert "[the first lesson](notebooks/01_try.ipynb)" in landing
    assert landing.index("## Begin") < landing.index("## The lessons") < landing.index("## Licence")
    assert "teach" not in landing and "instructor" not in landing and "and a class." in landing
    assert "See the guide." in (source / "docs" / "claims.md").read_text(encoding="utf-8")
    assert not (source / "docs" / "instructor").exists() and not (source / "docs" / "classroom").exists()
    for file in source.rglob("*.ipynb"):
        text = file.read_text(encoding="utf-8")
        assert "answer'" not in text and "secret" not in text and "Is it the last one?" in text


@markdown
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("\n\nSay: return 'answer', and that is all.", "01_try.ipynb: return 'answer'"),
        ("\n\nA secret of the presenter's.", "01_try.ipynb: A secret of the presenter's."),
        ("\n\n`make bench BENCH=speed` says so.", "01_try.ipynb: make bench"),
        ("\n\n`benchmarks/RESULTS.md` says so.", "01_try.ipynb: benchmarks/RESULTS.md"),
    ],
)
def test_a_page_that_tells_students_too_much_is_named(course, tmp_path, words, found, monkeypatch):
    path = course / "notebooks" / "01_try.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += words
    notebook.cells[8].source += "\n\n\nlesson.f.check(f)"
    nbformat.write(notebook, path)
    monkeypatch.setattr(site, "_zip_student_copy", lambda root, place, target: target.write_bytes(b""))
    source = tmp_path / "work" / "source"
    source.mkdir(parents=True)
    with pytest.raises(site.SiteError, match=re.escape(found)):
        site.collect(course, source, "", students=True)


@markdown
def test_downloads_hold_no_solution(course, tmp_path):
    source = tmp_path / "work" / "source"
    source.mkdir(parents=True)
    site.collect(course, source, "")
    assert "answer" not in (source / "extra/downloads/01_try.ipynb").read_text(encoding="utf-8")
    with zipfile.ZipFile(source / "extra" / site.ZIP) as everything:
        names = everything.namelist()
        assert "course/notebooks/01_try.ipynb" in names
        assert all(b"answer" not in everything.read(name) for name in names)


@markdown
def test_a_launch_link_stands_in_every_lesson_if_the_repository_has_an_address(course, tmp_path):
    for number, (repository, expected) in enumerate([("", 0), ("https://github.com/who/what", 1)]):
        source = tmp_path / f"work{number}" / "source"
        source.mkdir(parents=True)
        for name in site.collect(course, source, repository):
            page = (source / "notebooks" / name).read_text(encoding="utf-8")
            assert page.count("mybinder.org") == expected
            assert page.count(f"../downloads/{name}") == 1


@markdown
def test_a_lesson_on_github_has_a_copy_for_colab_and_a_link_to_it(course, tmp_path):
    for number, (repository, expected) in enumerate(
        [("https://gitlab.com/who/what", 0), ("https://github.com/a/b", 1)]
    ):
        source = tmp_path / f"work{number}" / "source"
        source.mkdir(parents=True)
        for name in site.collect(course, source, repository, branch="pages"):
            page = (source / "notebooks" / name).read_text(encoding="utf-8")
            assert page.count(f"colab.research.google.com/github/a/b/blob/pages/downloads/colab/{name}") == expected
            made = source / "extra" / "downloads" / "colab" / name
            assert made.is_file() == bool(expected)
        digest = hashlib.sha256((source / "extra" / site.ZIP).read_bytes()).hexdigest()
        if expected:
            first, _, *rest = nbformat.read(made, as_version=4).cells
            assert digest in first.source
            download = nbformat.read(source / "extra" / "downloads" / name, as_version=4)
            assert [cell.source for cell in rest] == [cell.source for cell in download.cells]


@pytest.fixture
def built_beside(tmp_path):
    """The folder of a site with decks and handouts of the first lesson beside it."""
    for name in ("slides", "handouts"):
        (tmp_path / "dist" / name).mkdir(parents=True)
        (tmp_path / "dist" / name / f".built-by-{name}").touch()
    for name in ("slides/01-45.html", "slides/01-90.html", "slides/02_go_on.html", "handouts/01_try.pdf"):
        (tmp_path / "dist" / name).write_text("made")
    return tmp_path / "dist" / "site"


def addresses(source, name):
    """Return the words and addresses of a lesson's links that lead to neither a download nor a service."""
    cell = nbformat.read(source / "notebooks" / name, as_version=4).cells[0]
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', cell.source)
    return {html.unescape(words): address for address, words in links if "https:" not in address}


@markdown
def test_a_page_leads_to_the_decks_the_handout_and_the_guide_that_there_are(course, tmp_path, built_beside):
    (course / site.GUIDE / "01.md").write_text("# 01\n")
    source = tmp_path / "work" / "source"
    source.mkdir(parents=True)
    site.collect(course, source, "", built=site.beside(built_beside))
    assert addresses(source, "01_try.ipynb") == {
        "Slides, 45 minutes": "../slides/01-45.html",
        "Slides, 90 minutes": "../slides/01-90.html",
        "Handout": "../handouts/01_try.pdf",
        "Instructor's page": "../docs/instructor/01.html",
    }
    assert addresses(source, "02_go_on.ipynb")["Slides"] == "../slides/02_go_on.html"
    assert "Handout" not in addresses(source, "02_go_on.ipynb")
    (built_beside.parent / "slides" / ".built-by-slides").unlink()  # some other folder of that name
    assert list(site.beside(built_beside).folders) == ["handouts"]


@markdown
def test_students_get_no_deck_and_a_release_leads_to_the_folders_beside_it(course, built_beside):
    assert list(site.beside(built_beside, students=True).links("01_try.ipynb")) == [
        ("Handout", "../handouts/01_try.pdf", False)
    ]
    links = list(site.beside(built_beside, inside=False).links("01_try.ipynb"))
    assert links[0] == ("Slides, 45 minutes", "../../slides/01-45.html", False)


@markdown
def test_a_site_holds_what_its_pages_lead_to(course, built_beside, without_sphinx):
    for inside in (True, False):
        site.build(built_beside, root=course, others=site.beside(built_beside, inside=inside))
        assert (built_beside / "slides" / "01-45.html").is_file() == inside
        assert (built_beside / "handouts" / "01_try.pdf").is_file() == inside
        assert not (built_beside / "slides" / ".built-by-slides").exists()


@markdown
def test_a_site_replaces_an_earlier_one_and_leaves_nothing_else(course, tmp_path, without_sphinx):
    output = tmp_path / "dist" / "site"
    for _ in range(2):
        sizes = site.build(output, root=course)
        assert list(sizes) == ["01_try.ipynb", "02_go_on.ipynb"]
        assert [path.name for path in output.parent.iterdir()] == ["site"]
        (output / "stray").touch()
    assert site.build(output, root=course)
    assert not (output / "stray").exists()


@markdown
@pytest.mark.parametrize("error", [site.SiteError("Sphinx did not build the site"), KeyboardInterrupt()])
def test_a_failed_or_interrupted_build_leaves_what_was_there(course, tmp_path, without_sphinx, error):
    output = tmp_path / "dist" / "site"
    site.build(output, root=course)
    (output / "kept").touch()

    def fail(*_):
        raise error

    without_sphinx.setattr(site, "_run_sphinx", fail)
    for target in (output, output.with_name("new")):
        with pytest.raises(type(error)):
            site.build(target, root=course)
    assert (output / "kept").is_file()
    assert [path.name for path in output.parent.iterdir()] == ["site"]


@markdown
def test_a_page_that_would_load_something_from_outside_is_no_site(course, tmp_path, without_sphinx):
    (course / "docs/site/static/more.css").write_text("@import 'https://example.org/a.css';")

    def run_sphinx(source, built, doctrees, repository):
        shutil.copytree(source / "static", built / "_static")

    without_sphinx.setattr(site, "_run_sphinx", run_sphinx)
    with pytest.raises(site.SiteError, match=r"_static/more\.css: https://example\.org/a\.css"):
        site.build(tmp_path / "site", root=course)
    assert not (tmp_path / "site").exists()


@markdown
def test_a_page_over_its_budget_is_no_site(course, tmp_path, without_sphinx):
    without_sphinx.setattr(frames, "PAGE_BUDGET", 1000)
    picture = b"a picture"

    def run_sphinx(source, built, doctrees, repository):
        shutil.copytree(source / "extra", built)
        (built / "notebooks/figures/a.png").write_bytes(picture)
        for path in (source / "notebooks").glob("*.ipynb"):
            (built / "notebooks" / f"{path.stem}.html").write_text('<img alt="A." src="figures/a.png">'.ljust(991))

    without_sphinx.setattr(site, "_run_sphinx", run_sphinx)
    assert set(site.build(tmp_path / "site", root=course).values()) == {1000}
    picture += b"!"
    with pytest.raises(site.SiteError, match=r"page of 01_try\.ipynb has 0\.00 MB .* raise REST"):
        site.build(tmp_path / "site", root=course)
    assert [path.name for path in tmp_path.glob("*site*")] == ["site"]


STOPPED = """
import sys, time
from pathlib import Path
from tools.publish import folders, npm, site
def wait(*_):
    print("building", flush=True)
    time.sleep(300)
site.explorers, site.mathjax, npm.copy_mathjax, site._run_sphinx = lambda _: {}, lambda: None, lambda *_: None, wait
site.ROOT = site.build.__kwdefaults__["root"] = Path(sys.argv[1])
site.MODULES = {}
sys.exit(folders.interruptible(lambda: site.main(["--output", sys.argv[2]])))
"""


@markdown
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_build_stopped_by_sigterm_leaves_nothing(tmp_path):
    course, output = write_course(tmp_path / "course"), tmp_path / "dist" / "site"
    command = [sys.executable, "-c", STOPPED, str(course), str(output)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "building\n"
            assert [path.name[:6] for path in output.parent.iterdir()] == [".site-"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    assert list(output.parent.iterdir()) == []


def test_a_folder_of_someone_else_is_left_alone(course, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(site.SiteError, match="left alone"):
        site.build(tmp_path / "mine", root=course)
    with pytest.raises(site.SiteError, match="holds the course itself"):
        site.build(course, root=course)


def test_the_command_says_what_is_not_installed(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(site, "MODULES", {"no_such_module_of_sphinx": "Sphinx"})
    assert site.main(["--output", str(tmp_path / "site")]) == 1
    said = capsys.readouterr().err
    assert "Sphinx not installed; to mend it, run make site" in said
    assert "python tools/bootstrap.py release" in said


# --- with Sphinx

WANTED = {module: importlib.util.find_spec(module) for module in site.MODULES}
MATHJAX = npm.CACHE / f"mathjax-{npm.PACKAGES['mathjax'][0]}" / "es5" / "tex-mml-chtml.js"


class Elements(HTMLParser):
    """All start tags of a page, with their attributes."""

    def __init__(self, path):
        super().__init__()
        self.found = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.slow
@pytest.mark.skipif(not all(WANTED.values()), reason="Sphinx, myst-nb or sphinx-book-theme is not installed")
@pytest.mark.skipif(not MATHJAX.is_file(), reason="MathJax has not been fetched: build the site once")
class TestBuilt:
    def test_two_lessons_are_built_without_a_warning(self, course, tmp_path):
        output = tmp_path / "site"
        site.build(output, root=course)
        page = Elements(output / "notebooks" / "01_try.html")
        text = (output / "notebooks" / "01_try.html").read_text(encoding="utf-8")
        assert "secret" not in text
        assert "not attempted" not in text
        assert FRAGMENT in text
        assert text.count("<summary>Solution</summary>") == 1
        for tag, attributes in page.found:  # every link and picture of the site leads somewhere
            target = attributes.get("href" if tag in ("a", "link") else "src") or ""
            file, _, _ = target.partition("#")
            if file and not file.startswith(("http", "data:")):
                assert (output / "notebooks" / file.partition("?")[0]).is_file(), target
        assert all(attributes.get("alt") for tag, attributes in page.found if tag == "img")
        assert (output / "_static/mathjax/LICENSE").is_file()
        assert (output / "search.html").is_file()
        summaries = [attributes for tag, attributes in page.found if tag == "summary" and "aria-label" in attributes]
        assert len(summaries) == 1  # the guide's chapters; a solution's summary has words
        assert not re.search(r"<summary>\s*<span[^>]*>\s*<i", text)
        assert not any("search-button-field" in a.get("class", "") and "aria-label" in a for _, a in page.found)
        assert "mybinder" not in text
        words = (output / "searchindex.js").read_text(encoding="utf-8")
        assert "promis" in words

    def test_a_warning_is_an_error_that_names_the_page(self, tmp_path):
        source = tmp_path / "source"
        shutil.copytree(ROOT / "docs" / "site", source)
        (source / "extra").mkdir()
        (source / "index.md").write_text("# A course\n\n```{nosuchdirective}\n```\n", encoding="utf-8")
        with pytest.raises(site.SiteError, match=r"index\.md.*nosuchdirective"):
            site._run_sphinx(source, tmp_path / "built", tmp_path / "doctrees", "")
