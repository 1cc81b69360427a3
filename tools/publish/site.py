"""Build the course's site: ``python -m tools.publish.site [--for students] [--output FOLDER]`` (default: dist/site).

With ``--pdf``, lessons of the site that has been built, or of one that is built now where there is none, are printed as
PDF into its folder `pdf`: those that are named by their numbers, as in ``--pdf 05 08``, or all.

The pages are the README, the lessons as they are stored (nothing is executed; explorers answer from pictures that
tools/publish/frames draws), the two indexes, the instructor's guide, and every Markdown file of the repository that
one of these links to. The files keep their relative places, so their links keep working; a link to any other file of
the repository leads to a copy of it, a link to a folder leads to the folder's README or becomes plain text, and a link
to nothing is an error. Sphinx's warnings are errors, and so is an address from which a browser would load anything: the
site needs no network, and can be opened as files.

In the place of a presenter's note stand its questions for the room, with folded answers. The site for students
(default: dist/site-students) has no solutions, no instructor's guide and no link to it, and of the README what concerns
readers.

Each lesson has links to what else there is of it: its decks and its handout, where ``make slides`` or the handouts were
built before, beside the site (the site then holds a copy of them; students get no deck, for it has the presenter's
notes), and its page of the instructor's guide. ``COURSE_REPOSITORY`` in the environment, or the constant REPOSITORY,
names the repository's address; with it every lesson has a link that runs it on Binder and, if it is on GitHub, one that
runs it on Colab: for the latter the site has to be published from the repository's branch gh-pages, or the one that
``COURSE_SITE_BRANCH`` names. The folder appears complete or not at all.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

import nbformat
from nbformat import NotebookNode

from tools import fonts
from tools.publish import browser, colab, frames, npm, paper
from tools.publish.beside import Beside, beside
from tools.publish.folders import interruptible, move_into_place, require_replaceable, write_zip
from tools.publish.self_tests import NoteError, without_notes
from tools.publish.slide_types import folded
from tools.publish.student_copy import BEFORE, leaks, named_in_vain, student_notebook, told, without_benchmarks
from tools.publish.student_copy import build as build_student_copy

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ""
"""The repository's address, such as ``https://github.com/OWNER/NAME``; empty while it has none."""

MARKER = ".built-by-site"
PAGES = ("README.md", "docs/claims.md", "docs/glossary.md", "docs/published.md")
GUIDE = "docs/instructor"
TEACHERS = (PurePosixPath(GUIDE), PurePosixPath("docs/classroom"))
STUDENTS_SECTIONS = ("The lessons", "How to work through a lesson", "How to cite", "Licence")
"""What of the README's sections the site for students shows."""

BEGIN = """\
## Begin

1. Download the course and unpack it. With Python 3.11 or newer and make, open a terminal in its folder and type
   `make lab`: it installs what is needed and opens JupyterLab. With conda (Windows too):
   `conda env create -f environment.yml`, then `conda activate vae-course` and `jupyter lab`.
2. Start with [the first lesson](notebooks/{first}), and work through the lessons in order.

"""
ZIP = "downloads/course.zip"
MODULES = {"sphinx": "Sphinx", "myst_nb": "myst-nb", "sphinx_book_theme": "sphinx-book-theme"}
STILL = '<p class="course-still">A still picture. In the notebook, its sliders move.</p>'


class SiteError(Exception):
    """The site cannot be built; the message says why and what to do."""


# --- notebooks


@dataclass
class Pictures:
    """The pictures of notebooks as files: a page that holds addresses is shown before its pictures are there."""

    files: dict[str, bytes] = field(default_factory=dict)

    def out_of(self, text: str) -> str:
        """Return HTML whose embedded PNG pictures are files in the folder `figures` beside the page."""
        return re.sub(r'src="data:image/png;base64,([^"]+)"', self._file, text)

    def _file(self, found: re.Match[str]) -> str:
        png = base64.b64decode(found[1])
        name = f"{hashlib.sha256(png).hexdigest()[:20]}.png"
        self.files[name] = png
        return f'loading="lazy" src="figures/{name}"'


def explorers(lessons: Sequence[Path]) -> dict[Path, dict[int, str]]:
    """Return for each notebook the HTML of its explorers by the cell's place, drawn or kept from an earlier build."""
    try:
        return frames.all_fragments(lessons)
    except frames.FramesError as error:
        raise SiteError(str(error)) from error


def page_notebook(
    notebook: NotebookNode,
    fragments: Mapping[int, str],
    pictures: Pictures,
    actions: str = "",
    *,
    students: bool = False,
) -> NotebookNode:
    """Return the notebook as its page shows it.

    Of presenter's notes the self-tests are left, each solution is one folded passage (for students it is gone),
    exercises have not been run, and an explorer is the fragment given for its cell or the stored picture. `actions` is
    HTML that ends the first cell.
    """
    notebook = copy.deepcopy(notebook)
    cells = []
    for index, cell in enumerate(notebook.cells):
        tags = set(cell.metadata.get("tags", []))
        if "notes" in tags:
            cells += _self_tests(index, cell)
            continue
        if "solution" in tags:
            if students:
                pass
            elif cell.cell_type == "code":
                cells.append(nbformat.v4.new_markdown_cell(_folded(cell, pictures), id=cell.id))
            elif cell.source.strip() != "#### Solution":
                raise SiteError(f"cell {index}, tagged solution, holds more than its heading: {cell.source[:60]!r}")
            continue
        if cell.cell_type == "code":
            if "exercise" in tags:
                cell.outputs = []
            elif "explorer" in tags and index in fragments:
                cell.outputs = [_shown(fragments[index])]
            else:
                cell.outputs = [_on_page(output, pictures) for output in cell.outputs]
                if "explorer" in tags:
                    cell.outputs.append(_shown(STILL))
        if students and cell.cell_type == "markdown":
            cell.source = without_benchmarks(cell.source)
        cell.metadata.pop("jp-MarkdownHeadingCollapsed", None)
        if folded(cell):
            label, _, rest = cell.source.partition("\n")
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
            cell.metadata.mystnb = {"code_prompt_show": label.removeprefix("# "), "code_prompt_hide": "Fold"}
            cell.source = rest
        cells.append(cell)
    if actions and cells:
        cells[0].source += f"\n\n{actions}"
    notebook.cells = cells
    return notebook


def _self_tests(index: int, note: NotebookNode) -> list[NotebookNode]:
    try:
        return without_notes([note])
    except NoteError as error:
        raise SiteError(f"cell {index}: {error}") from error


def _shown(text: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/html": text})


def _on_page(output: NotebookNode, pictures: Pictures) -> NotebookNode:
    data = output.get("data", {})
    if "text/html" in data:
        output.data = NotebookNode({"text/html": pictures.out_of(data["text/html"])})
    return output


def _folded(cell: NotebookNode, pictures: Pictures) -> str:
    """Return a solution's code and outputs as Markdown that unfolds without a script."""
    parts = ['<details class="solution"><summary>Solution</summary>', _fenced(cell.source, "python")]
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            parts.append(_fenced(pictures.out_of(data["text/html"]), "{raw} html"))
        elif text := output.get("text") or data.get("text/plain"):
            parts.append(_fenced(text.rstrip(), "text"))
    return "\n\n".join([*parts, "</details>"])


def _fenced(text: str, kind: str) -> str:
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{fence}{kind}\n{text}\n{fence}"


# --- links


def linked_files(
    text: str, page: PurePosixPath, root: Path, *, hidden: Sequence[PurePosixPath] = ()
) -> tuple[str, list[PurePosixPath]]:
    """Return a page's Markdown with its links as the site needs them, and the files of the repository they lead to.

    Links into the folders `hidden` become plain text.

    Raises
    ------
    SiteError : a link leads to no file, or out of the repository.
    """
    found: list[PurePosixPath] = []
    for target in _targets(text):
        address = urlsplit(target)
        if address.scheme or address.netloc or not address.path:
            continue
        path = PurePosixPath(os.path.normpath(page.parent / unquote(address.path)))
        if path.is_absolute() or path.parts[:1] == ("..",):
            raise SiteError(f"{page}: the link {target} leads out of the repository")
        if any(path.is_relative_to(folder) for folder in hidden):
            text = _unlinked(text, target)
            continue
        if (root / path).is_dir():
            readme = path / "README.md"
            if (root / readme).is_file():
                path = readme
            else:
                text = _unlinked(text, target)
                continue
        elif not (root / path).is_file():
            raise SiteError(f"{page}: the link {target} leads to no file")
        if path.name == "README.md":  # the folder's, or the course's, whose page is the landing page
            there = os.path.relpath(_place(path), page.parent).replace(os.sep, "/")
            there += f"#{address.fragment}" if address.fragment else ""
            text = text.replace(f"]({target})", f"]({there})")
        found.append(path)
    return text, found


def _unlinked(text: str, target: str) -> str:
    return re.sub(rf"(?<!!)\[([^\[\]]*)\]\({re.escape(target)}\)", r"\1", text)


def _targets(text: str) -> Iterator[str]:
    """Yield the target of every link and picture of a Markdown text, program text and formulas left aside."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    seen = set()
    for block in MarkdownIt("commonmark").enable("table").use(dollarmath_plugin).parse(text):
        for token in block.children or ():
            target = token.attrGet("href") or token.attrGet("src")
            if isinstance(target, str) and target not in seen:
                seen.add(target)
                yield target


def launch_link(repository: str, lesson: str) -> str:
    """Return the address that runs a lesson of a repository on Binder.

    Raises
    ------
    SiteError : the repository's address is not one that begins with https.
    """
    address = urlsplit(repository.removesuffix("/").removesuffix(".git"))
    if address.scheme != "https" or not address.netloc or not address.path.strip("/"):
        raise SiteError(f"COURSE_REPOSITORY must look like https://github.com/OWNER/NAME; got {repository!r}")
    hosts = {"github.com": "gh", "gitlab.com": "gl"}
    name = address.path.strip("/")
    if address.netloc == "gitlab.com":
        name = quote(name, safe="")
    place = f"{hosts[address.netloc]}/{name}" if address.netloc in hosts else f"git/{quote(repository, safe='')}"
    return f"https://mybinder.org/v2/{place}/HEAD?urlpath={quote(f'lab/tree/notebooks/{lesson}', safe='')}"


def _actions(*links: tuple[str, str, bool]) -> str:
    made = [
        f'<a href="{html.escape(address)}"{" download" if download else ""}>{html.escape(words)}</a>'
        for words, address, download in links
    ]
    return f'<p class="course-actions">{" ".join(made)}</p>'


# --- the folder that Sphinx reads


def collect(
    root: Path,
    source: Path,
    repository: str,
    *,
    students: bool = False,
    built: Beside | None = None,
    branch: str = colab.BRANCH,
) -> list[str]:
    """Write into `source` what Sphinx reads of the course at `root`; returns the lessons' file names.

    Raises
    ------
    SiteError : a part is missing, or the site for students would tell what students are not told.
    """
    lessons = [path.name for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    if not lessons:
        raise SiteError(f"{root / 'notebooks'} holds no lesson (NN_topic.ipynb)")
    found = [] if students else (root / GUIDE).rglob("*.md")
    guide = sorted(path.relative_to(root / GUIDE).as_posix() for path in found)
    hidden = TEACHERS if students else ()
    shutil.copytree(root / "docs" / "site", source, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for file in (frames.SCRIPT, frames.STYLES):
        shutil.copy2(file, source / "static" / file.name)
    extra = source / "extra"
    for folder in ("downloads", colab.FOLDER, "notebooks/figures"):
        (extra / folder).mkdir(parents=True)
    (extra / ".nojekyll").touch()  # some hosts leave out folders that begin with an underscore
    megabytes = _zip_student_copy(root, source.parent, extra / ZIP) / 1e6

    pages = [PurePosixPath(name) for name in PAGES]
    before = [BEFORE] if (root / "notebooks" / BEFORE).is_file() else []
    pages += [PurePosixPath("notebooks", name) for name in [*before, *lessons]]
    pages += [PurePosixPath(GUIDE, name) for name in guide]
    start, pictures, about = len(pages), Pictures(), []
    fragments = explorers([root / "notebooks" / name for name in lessons])
    for page in pages:  # grows while it is read
        if not (root / page).is_file():
            raise SiteError(f"the course's page {page} is missing in {root}")
        if page.suffix == ".ipynb":
            made = fragments.get(root / page, {})
            links = _links(root, page.name, repository, branch, built or Beside(), guide)
            linked = _write_lesson(root, source, page, made, pictures, links, students=students)
            if where := colab.places(repository, page.name, branch):
                _write_for_colab(extra, page.name, where[1])
        else:
            text = (root / page).read_text(encoding="utf-8")
            if students and str(page) == "README.md":
                text = _for_students(text, lessons[0])
            text, linked = linked_files(text, page, root, hidden=hidden)
            if page.name == "README.md" and len(page.parts) == 1:
                text = _landing(text, lessons, megabytes)
            _write(source / _place(page), text)
        for path in linked:
            if path in pages:
                continue
            if path.suffix in (".md", ".ipynb"):
                pages.append(path)
            else:
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / path, source / path)
    for name, png in pictures.files.items():
        (extra / "notebooks/figures" / name).write_bytes(png)
    about = [str(page.with_suffix("")) for page in pages[start:]]
    _write_contents(source, [*before, *lessons], guide, about)
    if students and (found := _told_students(source, root / "notebooks")):
        raise SiteError("the site for students would tell what students are not told:\n" + "\n".join(found))
    return lessons


def _for_students(text: str, first: str) -> str:
    """Return the README's beginning, how to begin, and those of its sections that concern readers."""
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    kept = [section for section in sections if section.partition("\n")[0].removeprefix("## ") in STUDENTS_SECTIONS]
    return "".join([head, BEGIN.format(first=first), *kept])


def _told_students(source: Path, notebooks: Path) -> list[str]:
    """Return what of solutions, notes and the guide stands in the pages, and what they name in vain."""
    pages = [*source.glob("*.md"), *source.glob("notebooks/*.ipynb"), *source.glob("docs/*.md")]
    found = leaks(source, notebooks) + told(source, notebooks) + named_in_vain(source, pages)
    found += [f"{folder}: for teachers" for folder in TEACHERS if (source / folder).exists()]
    return found


def _place(page: PurePosixPath) -> PurePosixPath:
    return PurePosixPath("index.md") if str(page) == "README.md" else page


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_lesson(
    root: Path,
    source: Path,
    page: PurePosixPath,
    fragments: Mapping[int, str],
    pictures: Pictures,
    links: Sequence[tuple[str, str, bool]],
    *,
    students: bool,
) -> list[PurePosixPath]:
    notebook = nbformat.read(root / page, as_version=4)
    try:
        download = student_notebook(notebook)
    except NoteError as error:
        raise SiteError(f"{page.name}: {error}") from error
    nbformat.write(download, source / "extra/downloads" / page.name, version=nbformat.NO_CONVERT)
    try:
        notebook = page_notebook(notebook, fragments, pictures, _actions(*links), students=students)
    except SiteError as error:
        raise SiteError(f"{page.name}: {error}") from error
    linked = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source, found = linked_files(cell.source, page, root, hidden=TEACHERS if students else ())
            linked += found
    (source / page).parent.mkdir(exist_ok=True)
    nbformat.write(notebook, source / page, version=nbformat.NO_CONVERT)
    return linked


def _links(
    root: Path, lesson: str, repository: str, branch: str, built: Beside, guide: Sequence[str]
) -> list[tuple[str, str, bool]]:
    """Return the links of a lesson's first cell: words, address, and whether it is a download."""
    links = [
        ("Download this notebook", f"../downloads/{lesson}", True),
        ("Download the whole course", f"../{ZIP}", True),
    ]
    if repository:
        links.append(("Run it on Binder", launch_link(repository, lesson), False))
        if where := colab.places(repository, lesson, branch):
            links.append(("Run it on Colab", where[0], False))
    links += built.links(lesson)
    if f"{lesson[:2]}.md" in guide:
        links.append(("Instructor's page", f"../{GUIDE}/{lesson[:2]}.html", False))
    return links


def _write_for_colab(extra: Path, lesson: str, archive: str) -> None:
    """Write the copy of a lesson that Colab opens; what students download is there already."""
    download = nbformat.read(extra / "downloads" / lesson, as_version=4)
    digest = hashlib.sha256((extra / ZIP).read_bytes()).hexdigest()
    made = colab.colab_notebook(download, archive, digest)
    nbformat.write(made, extra / colab.FOLDER / lesson, version=nbformat.NO_CONVERT)


def _landing(text: str, lessons: Sequence[str], megabytes: float) -> str:
    """Return the README with the downloads before its first section; the picture and the map are its own."""
    actions = _actions(
        ("Begin with the first lesson", f"notebooks/{lessons[0].removesuffix('.ipynb')}.html", False),
        (f"Download the course (zip, {megabytes:.1f} MB)", ZIP, True),
    )
    head, mark, rest = text.partition("\n## ")
    return f"{head}\n{actions}\n{mark}{rest}" if mark else f"{head}\n\n{actions}\n"


def _write_contents(source: Path, lessons: Sequence[str], guide: Sequence[str], about: Sequence[str]) -> None:
    """Write the navigation: Sphinx wants every page in a table of contents."""
    first = next((name for name in ("index.md", "README.md") if name in guide), None)
    chapters = [name.removesuffix(".md") for name in guide if name != first]
    groups = [
        ("Lessons", [f"notebooks/{name.removesuffix('.ipynb')}" for name in lessons]),
        ("To look up", ["docs/claims", "docs/glossary", "docs/published"]),
        ("To teach", [f"{GUIDE}/{first.removesuffix('.md') if first else 'index'}"] if guide else []),
        ("About", about),
    ]
    with (source / "index.md").open("a", encoding="utf-8") as file:
        for caption, names in groups:
            if names:
                file.write(_toctree(names, hidden=True, caption=caption))
    if guide and not first:
        _write(source / GUIDE / "index.md", "# Instructor's guide\n" + _toctree(chapters, hidden=False))
    elif guide:
        with (source / GUIDE / first).open("a", encoding="utf-8") as file:
            file.write(_toctree(chapters, hidden=True))


def _toctree(names: Sequence[str], *, hidden: bool, caption: str = "") -> str:
    options = [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else [":maxdepth: 1"]
    return "\n".join(["", "```{toctree}", *options, "", *names, "```", ""])


def _zip_student_copy(root: Path, place: Path, target: Path) -> int:
    """Write the students' copy as one archive; returns its size in bytes."""
    student, solutions = build_student_copy(place / "course", root=root)
    write_zip(student, target, "course")
    shutil.rmtree(student)
    shutil.rmtree(solutions)
    return target.stat().st_size


# --- mathematics


def mathjax() -> Path:
    """Return the folder of MathJax's package, fetched by npm if need be.

    Raises
    ------
    SiteError : it is not there and cannot be fetched.
    """
    try:
        return npm.package("mathjax")
    except npm.NpmError as error:
        raise SiteError(f"The site shows mathematics with MathJax. {error}") from error


# --- what a browser would load

_LOADED = {
    **dict.fromkeys(("script", "img", "iframe", "embed", "audio", "video", "source", "track", "input"), ("src",)),
    "object": ("data",),
    "link": ("href",),
    "base": ("href",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_SET = {"img": ("srcset",), "source": ("srcset",), "video": ("poster",)}
_NOT_LOADED = {"alternate", "author", "canonical", "index", "license", "next", "prev", "search"}
_OUTSIDE = re.compile(r"^\s*(?:https?:|wss?:)?//", re.IGNORECASE)
_IN_CSS = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
_IN_SCRIPT = re.compile(r"""["'`]((?:https?:|wss?:)?//[\w.-]+\.[a-z]{2,}[^"'`\s]*)""", re.IGNORECASE)
NAMES = ("http://www.w3.org/",)
"""Addresses in scripts that are names and never loaded: those of XML's vocabularies."""


class _Loads(HTMLParser):
    """Collects the outside addresses that a page makes a browser load."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        loaded = [attributes.get(name, "") for name in _LOADED.get(tag, ())]
        for name in _SET.get(tag, ()):
            loaded += [part.strip() for part in attributes.get(name, "").split(",")]
        if tag == "link" and set(attributes.get("rel", "").lower().split()) <= _NOT_LOADED and "rel" in attributes:
            loaded = []
        self.found += [address for address in loaded if _OUTSIDE.match(address)]
        self.found += _IN_CSS.findall(attributes.get("style", ""))
        if tag == "script" and attributes.get("type", "") not in ("", "module", "text/javascript"):
            tag = ""  # data
        self.inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.found += _IN_CSS.findall(data)
        elif self.inside == "script":
            self.found += _script_addresses(data)


def _script_addresses(text: str) -> list[str]:
    return [address for address in _IN_SCRIPT.findall(text) if not address.startswith(NAMES)]


def outside_requests(folder: Path) -> list[str]:
    """Return "file: address" for everything in a built site that a browser would load from another host.

    Links that a reader may follow are no requests. In scripts every address in quotes counts, but for NAMES and for
    what HARMLESS explains.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".html":
            page = _Loads()
            page.feed(path.read_text(encoding="utf-8"))
            page.close()
            addresses = page.found
        elif path.suffix in (".css", ".svg"):
            addresses = _IN_CSS.findall(path.read_text(encoding="utf-8"))
        elif path.suffix in (".js", ".mjs") and path.name != "searchindex.js":  # the words of the pages
            addresses = _script_addresses(path.read_text(encoding="utf-8"))
        else:
            continue
        found += [f"{name}: {address}" for address in addresses if not _is_harmless(name, address)]
    return found


_SPEECH = (
    "https://www.mathjax.org",  # a link in the menu
    "https://cdn.jsdelivr.net/npm/speech-rule-engine@",  # where the site's own copy of sre/mathmaps is not named
    "https://cdn.jsdelivr.net/npm/sre-mathmaps-ie@",  # Internet Explorer alone
    "https://cdn.jsdelivr.net/npm/wicked-good-xpath@",  # browsers without XPath alone
)
HARMLESS = {f"_static/mathjax/{file}.js": _SPEECH for file in ("tex-mml-chtml", "a11y/sre", "ui/menu")}
"""By file of the site: addresses in MathJax's scripts that are followed or fallen back on, but not loaded here."""


def _is_harmless(name: str, address: str) -> bool:
    return any(name.endswith(file) and address.startswith(known) for file, known in HARMLESS.items())


# --- building


def build(
    output: Path,
    *,
    root: Path = ROOT,
    repository: str = "",
    students: bool = False,
    others: Beside | None = None,
    branch: str = colab.BRANCH,
) -> dict[str, int]:
    """Build the site of the course at `root`; returns for every lesson the bytes of its page, with its pictures.

    With `students` it has no solutions and no instructor's guide. `others` are the decks and handouts to which its
    pages lead.

    Raises
    ------
    SiteError : a part is missing, Sphinx warns, a page is too large or would load something from outside, the site for
        students would tell what they are not told, or the folder exists and is not an earlier site.
    """
    output = output.resolve()
    if root.resolve().is_relative_to(output):
        raise SiteError(f"{output} holds the course itself: name another folder")
    require_replaceable(output, MARKER, SiteError)
    require_packages()
    package = mathjax()
    output.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".site-") as name:
        source, built = Path(name) / "source", Path(name) / "html"
        source.mkdir()
        lessons = collect(root, source, repository, students=students, built=others, branch=branch)
        npm.copy_mathjax(package, source / "static" / "mathjax")
        try:
            fonts.copy_fonts(source / "static" / "fonts", source / "static" / "fonts.css")
        except fonts.FontsError as error:
            raise SiteError(str(error)) from error
        _run_sphinx(source, built, Path(name) / "doctrees", repository)
        if found := outside_requests(built):
            raise SiteError("these would be loaded from another host:\n" + "\n".join(found))
        if others:
            others.copy(built)
        (built / MARKER).write_text("Built by tools/publish/site.py, which may replace this folder.\n")
        sizes = {lesson: _page_size(built / "notebooks" / lesson.replace(".ipynb", ".html")) for lesson in lessons}
        if large := [name for name, size in sizes.items() if size > frames.PAGE_BUDGET]:
            raise SiteError(
                f"the page of {large[0]} has {sizes[large[0]] / 1e6:.2f} MB with its pictures, and "
                f"{frames.PAGE_BUDGET / 1e6:.0f} are allowed: give it fewer or smaller pictures, or raise REST in "
                "tools/publish/frames/cache.py, so that its explorers leave more room"
            )
        move_into_place(built, output, Path(name) / "earlier")
    return sizes


def print_lessons(site: Path, numbers: Sequence[str] = ()) -> dict[str, int]:
    """Print lessons of a built site as PDF into its folder `pdf`; returns their numbers of pages by the file's name.

    Raises
    ------
    SiteError : there is no such lesson, there is no browser, or a page cannot be printed.
    """
    pages = {path.name[:2]: path for path in sorted((site / "notebooks").glob("[0-9][0-9]_*.html"))}
    if unknown := sorted(set(numbers) - set(pages)):
        raise SiteError(f"{site} has no lesson {unknown[0]}; it has {', '.join(pages) or 'none'}")
    try:
        with paper.printer() as printed:
            targets = {pages[number]: site / "pdf" / f"{pages[number].stem}.pdf" for number in numbers or pages}
            return {target.name: printed(page, target) for page, target in targets.items()}
    except (browser.BrowserError, paper.PaperError) as error:
        raise SiteError(str(error)) from error


def require_packages() -> None:
    """Raise SiteError if a package is missing that builds the site."""
    missing = [name for module, name in MODULES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SiteError(
            f"{' and '.join(missing)} not installed; to mend it, run make site, or install the course's extra for it: "
            "python tools/bootstrap.py release"
        )


def _run_sphinx(source: Path, built: Path, doctrees: Path, repository: str) -> None:
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "-q", "-d", doctrees, source, built]
    environment = os.environ | {"COURSE_REPOSITORY": repository}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip()).replace(f"{source}{os.sep}", "")
        raise SiteError(f"Sphinx did not build the site:\n{said}")
    shutil.rmtree(built / ".doctrees", ignore_errors=True)
    (built / ".buildinfo").unlink(missing_ok=True)
    _name_controls(built)


def _name_controls(built: Path) -> None:
    """Name the theme's controls, for readers who hear the pages, by the words that others see."""
    for path in built.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        arrow = '<span class="toctree-toggle"'
        named = text.replace(f"<summary>{arrow}", f'<summary aria-label="Pages of this part">{arrow}')
        # Its visible words are "Search Ctrl+K", and its name must hold them.
        named = re.sub(r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1", named)
        # A folded cell's words are its own: "Figure: ..." or "Check: ...".
        named = named.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        if named != text:
            path.write_text(named, encoding="utf-8")


def _page_size(page: Path) -> int:
    text = page.read_text(encoding="utf-8")
    pictures = {page.parent / address for address in re.findall(r'<img[^>]* src="([^":]+)"', text)}
    return page.stat().st_size + sum(path.stat().st_size for path in pictures if path.is_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish.site", description="Build the course's site.")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: dist/site, or dist/site-students")
    parser.add_argument("--for", dest="audience", choices=["everyone", "students"], default="everyone")
    parser.add_argument(
        "--pdf", nargs="*", metavar="LESSON", help="print lessons of the site as PDF, by their numbers; default: all"
    )
    options = parser.parse_args(arguments)
    students = options.audience == "students"
    output = options.output or ROOT / "dist" / ("site-students" if students else "site")
    sizes: dict[str, int] = {}
    printed: dict[str, int] = {}
    try:
        if options.pdf is None or not (output / MARKER).is_file():
            sizes = build(
                output,
                repository=os.environ.get("COURSE_REPOSITORY", REPOSITORY),
                students=students,
                others=beside(output.resolve(), students=students),
                branch=os.environ.get("COURSE_SITE_BRANCH") or colab.BRANCH,
            )
        if options.pdf is not None:
            printed = print_lessons(output, options.pdf)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    for lesson, size in sizes.items():
        print(f"{lesson:<36}{size / 1e6:6.2f} MB")
    for name, count in printed.items():
        print(f"pdf/{name:<32}{count:3d} pages")
    print(f"site: {output.resolve() / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
