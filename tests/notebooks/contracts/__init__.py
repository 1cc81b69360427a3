"""What every notebook of the course must keep: one pure function for each rule.

A rule takes a notebook and its path and returns its violations in words. Cells are numbered from 0 over all
cells. `RULES` holds them all; `test_contracts.py` shows for each that it catches what it forbids, and
`test_notebooks.py` applies each to each notebook of the course.
"""

import ast
import importlib
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from tools.execute import CELL_METADATA, METADATA, WIDGET_VIEW, describe

Rule = Callable[[NotebookNode, Path], list[str]]
RULES: dict[str, Rule] = {}

TAGS = {"exercise", "explorer", "imports", "nbval-ignore-output", "notes", "solution", "timing"}
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
SHOWING = {"check", "claim", "display", "print", "show"}  # calls that leave an output behind
BANNED = ("simply", "obviously", "just")
FRAME = ("You will be able to", "What to remember", "Common confusions", "Going further")
MAX_LINES, MAX_MEDIAN, MAX_IMPORT_LINES, MAX_REMEMBER = 25, 8, 8, 7
MAX_COLUMNS = 88  # as in notebooks/ruff.toml
MAX_OUTPUT_LINES, MAX_NOTEBOOK_BYTES = 40, 4 * 1024 * 1024
MIN_ALT, MIN_MISCONCEPTIONS = 20, 3


def rule(function: Rule) -> Rule:
    """Register a rule under its function's name."""
    RULES[function.__name__] = function
    return function


# --- What the rules look at --------------------------------------------------------------------------------


class Heading(NamedTuple):
    """A heading of a notebook: the number of its cell, its level and its words."""

    cell: int
    level: int
    text: str


def lesson_number(path: Path) -> int:
    """Return the number that the file's name starts with, or -1."""
    return int(path.stem[:2]) if re.match(r"\d\d_", path.stem) else -1


def tags(cell: NotebookNode) -> set[str]:
    """Return the cell's tags."""
    return set(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the code cells with their numbers."""
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def markdown_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the markdown cells with their numbers."""
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]


def parse(cell: NotebookNode) -> ast.Module:
    """Return the cell's syntax tree; an empty one where it is not Python (reported by `plain_python`)."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def call_name(node: ast.AST) -> str:
    """Return the last word of what is called (``check`` for ``lesson.em.check(f)``), or an empty string."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def run_at_once(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk through what runs when the cell runs: everything but the bodies of functions and classes."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def without_fences(markdown: str) -> str:
    """Drop fenced code and HTML comments."""
    return re.sub(r"^(```|~~~).*?^\1[^\n]*$|<!--.*?-->", "", markdown, flags=re.MULTILINE | re.DOTALL)


def prose(markdown: str) -> str:
    """Return the words alone: no code, no mathematics, no addresses."""
    text = without_code_and_maths(markdown)
    return re.sub(r"\]\([^)]*\)|</?[a-zA-Z][^>]*>|https?://\S+", " ", text)


def without_code_and_maths(markdown: str) -> str:
    """Drop fenced and inline code and mathematics, in which brackets and words mean something else."""
    text = re.sub(r"(`+).+?\1", "", without_fences(markdown), flags=re.DOTALL)
    return re.sub(r"\$\$.*?\$\$|(?<![\\$])\$(?:[^$\n]|\n(?!\n))+\$", "", text, flags=re.DOTALL)


def headings(notebook: NotebookNode) -> list[Heading]:
    """Return the headings of all markdown cells in order."""
    return [
        Heading(index, len(marks), text.strip())
        for index, cell in markdown_cells(notebook)
        for marks, text in re.findall(r"^(#{1,6}) +(.+?)#*$", without_fences(cell.source), flags=re.MULTILINE)
    ]


def anchors(notebook: NotebookNode) -> set[str]:
    """Return what JupyterLab lets one link to: each heading as it reads, with hyphens for spaces."""
    return {re.sub(r"[*_`]", "", heading.text).replace(" ", "-") for heading in headings(notebook)}


def text_outputs(cell: NotebookNode) -> list[str]:
    """Return all texts among the cell's outputs, without the bytes of pictures."""
    texts = []
    for output in cell.get("outputs", []):
        texts.append(output.get("text", ""))
        texts.extend("\n".join(output.get("traceback", [])).splitlines())
        texts.extend(data for kind, data in output.get("data", {}).items() if kind.startswith("text/"))
    return [re.sub(r"data:image/[^\"')\s]+", "PICTURE", text) for text in texts if text]


def verdict(cell: NotebookNode) -> str:
    """Return the first plain text the cell shows."""
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if text:
            return text
    return ""


class _Pictures(HTMLParser):
    """Collects the alternative texts and the addresses of all pictures, and the addresses of all links."""

    def __init__(self, html: str):
        super().__init__()
        self.alts: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.alts.append(given.get("alt", "").strip())
            self.sources.append(given.get("src", ""))
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])


def is_compared(cell: NotebookNode) -> bool:
    """Whether strict nbval compares anything here: run, not ignored, more stored than a picture's bytes."""
    if cell.cell_type != "code" or cell.execution_count is None or "nbval-ignore-output" in tags(cell):
        return False
    return any(
        output.output_type == "stream" or set(output.get("data", {})) - {"image/png", "image/jpeg", WIDGET_VIEW}
        for output in cell.outputs
    )


def compared_cells(notebook: NotebookNode) -> int:
    """Count the cells in which strict nbval compares something."""
    return sum(is_compared(cell) for cell in notebook.cells)


def claims(notebook: NotebookNode) -> int:
    """Count the claims that are written in the notebook; one in a loop counts once."""
    return sum(call_name(node) == "claim" for _, cell in code_cells(notebook) for node in ast.walk(parse(cell)))


def explorer_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the cells that show an explorer."""
    return [(index, cell) for index, cell in code_cells(notebook) if "explorer" in tags(cell)]


def starters(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the cells in which a student writes an answer."""
    return [(index, cell) for index, cell in code_cells(notebook) if "exercise" in tags(cell)]


def lesson_imports(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return each lesson module that is imported, with the name it gets in the notebook."""
    found = []
    for _, cell in code_cells(notebook):
        for node in ast.walk(parse(cell)):
            if isinstance(node, ast.ImportFrom) and node.module == "course_utils.lessons":
                found.extend((alias.name, alias.asname or alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils.lessons."):
                found.append((node.module.removeprefix("course_utils.lessons."), "(parts of it)"))
            elif isinstance(node, ast.Import):
                named = [alias for alias in node.names if alias.name.startswith("course_utils.lessons")]
                found.extend((alias.name.removeprefix("course_utils.lessons."), alias.asname or "") for alias in named)
    return found


def lesson_module(notebook: NotebookNode) -> ModuleType | None:
    """Return the module that the notebook imports as ``lesson``, or None (`own_lesson_only`)."""
    for topic, name in lesson_imports(notebook):
        if name == "lesson":
            try:
                return importlib.import_module(f"course_utils.lessons.{topic}")
            except ModuleNotFoundError:
                return None
    return None


# --- The file ----------------------------------------------------------------------------------------------


@rule
def valid_format(notebook: NotebookNode, path: Path) -> list[str]:
    """Valid nbformat 4.5, which gives every cell an id of its own."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        return [f"the format is {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"]
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {str(error).splitlines()[0]}"]
    return []


@rule
def canonical_metadata(notebook: NotebookNode, path: Path) -> list[str]:
    """The metadata of the course and nothing else; known tags only."""
    found = []
    if notebook.metadata != METADATA:
        found.append(f"notebook metadata are {dict(notebook.metadata)}, not {METADATA}")
    for index, cell in enumerate(notebook.cells):
        name = describe(index, cell)
        if extra := set(cell.metadata) - set(CELL_METADATA):
            found.append(f"{name} has metadata that are not stored: {', '.join(sorted(extra))}")
        if unknown := tags(cell) - TAGS:
            found.append(f"{name} has an unknown tag: {', '.join(sorted(unknown))}")
        if cell.cell_type not in ("code", "markdown"):
            found.append(f"{name} is of type {cell.cell_type}")
    return found


@rule
def size(notebook: NotebookNode, path: Path) -> list[str]:
    """A file that is quick to clone and to open, and outputs one can read."""
    found = []
    stored = len(nbformat.writes(notebook, version=nbformat.NO_CONVERT).encode())
    if stored > MAX_NOTEBOOK_BYTES:
        found.append(f"the notebook takes {stored / 2**20:.1f} MB, more than {MAX_NOTEBOOK_BYTES / 2**20:g} MB")
    for index, cell in code_cells(notebook):
        lines = sum(len(output.get("text", "").splitlines()) for output in cell.outputs)
        lines += sum(len(output.get("data", {}).get("text/plain", "").splitlines()) for output in cell.outputs)
        if lines > MAX_OUTPUT_LINES:
            found.append(f"{describe(index, cell)} prints {lines} lines, more than {MAX_OUTPUT_LINES}")
    return found


# --- What is stored and compared ---------------------------------------------------------------------------


@rule
def executed(notebook: NotebookNode, path: Path) -> list[str]:
    """Every code cell was run, once, from top to bottom."""
    return [
        f"{describe(index, cell)} has execution count {cell.execution_count}, not {count}"
        for count, (index, cell) in enumerate(code_cells(notebook), start=1)
        if cell.execution_count != count
    ]


@rule
def no_errors(notebook: NotebookNode, path: Path) -> list[str]:
    """No exception and no warning is stored."""
    found = []
    for index, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{describe(index, cell)} stores an error: {output.ename}")
            elif output.get("name") == "stderr":
                found.append(f"{describe(index, cell)} writes to stderr: {output.text.strip()[:80]!r}")
    return found


@rule
def compared(notebook: NotebookNode, path: Path) -> list[str]:
    """Whatever shows something has it stored, or strict nbval would have nothing to compare."""
    found = []
    for index, cell in code_cells(notebook):
        name, tree = describe(index, cell), parse(cell)
        if "nbval-ignore-output" in tags(cell) and not tags(cell) & {"explorer", "timing"}:
            found.append(f"{name} is ignored by nbval, which only explorer and timing cells may be")
        if marker := re.search(r"^\s*#+\s*((?:NBVAL|PYTEST_VALIDATE)_\w+)", cell.source, flags=re.MULTILINE):
            found.append(f"{name} holds the comment {marker[1]}: use a tag, where it is allowed")
        if cell.source.rstrip().endswith(";"):
            found.append(f"{name} ends with ';', which hides nothing from nbval: end with an assignment")
        called = {call_name(node) for node in run_at_once(tree)} & SHOWING
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not isinstance(tree.body[-1].value, ast.Call):
            called.add("its last line")
        if called and not any(output.get("text") or output.get("data") for output in cell.outputs):
            found.append(f"{name} shows something ({', '.join(sorted(called))}), but no output is stored")
        if "claim" in called and not any("✓" in text for text in text_outputs(cell)):
            found.append(f"{name} makes a claim, but no line with ✓ is stored")
    return found


@rule
def no_widget_state(notebook: NotebookNode, path: Path) -> list[str]:
    """No live widget is stored: without its kernel it would be an error message."""
    found = ["the notebook's metadata hold the state of widgets"] if "widgets" in notebook.metadata else []
    for index, cell in code_cells(notebook):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        if any("jupyter.widget" in kind for kind in kinds):
            found.append(f"{describe(index, cell)} stores the view of a live widget")
    return found


@rule
def figures(notebook: NotebookNode, path: Path) -> list[str]:
    """Every picture has an alternative text that says what to see, and plain text that never changes."""
    found, seen = [], {}
    for index, cell in code_cells(notebook):
        name = describe(index, cell)
        for output in cell.outputs:
            data = output.get("data", {})
            pictures = _Pictures(data.get("text/html", ""))
            if "image/png" not in data and not pictures.alts:
                continue
            if "image/png" in data and not pictures.alts:
                found.append(f"{name} stores a picture without <img alt=…>: show figures with show(figure, alt)")
            for alt in pictures.alts:
                if len(alt) < MIN_ALT:
                    found.append(f"{name} has the alternative text {alt!r}: say in a sentence what one should see")
                elif alt in seen:
                    found.append(f"{name} has the same alternative text as cell {seen[alt]}")
                seen.setdefault(alt, index)
            plain = data.get("text/plain", "")
            if not plain.strip() or re.search(r"at 0x|^<.*>$|^Figure\(\d", plain):
                found.append(f"{name} has a picture whose plain text is {plain!r}: say what it shows")
    for index, cell in markdown_cells(notebook):
        text = without_code_and_maths(cell.source)
        for alt in [*re.findall(r"!\[([^\]]*)\]", text), *_Pictures(text).alts]:
            if len(alt.strip()) < MIN_ALT:
                found.append(f"{describe(index, cell)} shows a picture with the alternative text {alt!r}")
    return found


@rule
def portable(notebook: NotebookNode, path: Path) -> list[str]:
    """Nothing depends on one machine: no absolute paths, no addresses of objects, no numbers in all their digits."""
    folder = re.compile(
        r"(?<![\w.:/~])/(?:home|Users|tmp|root|work|usr|opt|var|mnt|private)/\w[^\s'\"]*|\b[A-Z]:\\+Users\S*|site-packages"
    )
    found = []
    for index, cell in enumerate(notebook.cells):
        texts = [*text_outputs(cell), cell.source]
        for text in texts:
            if match := folder.search(text):
                found.append(f"{describe(index, cell)} holds a path of one machine: {match[0][:60]}")
            if match := re.search(r"\bat 0x[0-9a-fA-F]+", text):
                found.append(f"{describe(index, cell)} shows the address of an object: {match[0]}")
        if "nbval-ignore-output" in tags(cell):
            continue
        for line in "\n".join(text_outputs(cell)).splitlines():
            # a claim's statement is fixed text; any other number may end differently elsewhere
            if not line.startswith("✓") and (match := re.search(r"\d+\.\d{5,}", line)):
                found.append(
                    f"{describe(index, cell)} prints a number that another machine rounds otherwise: {match[0]}"
                )
    return found


# --- Code cells --------------------------------------------------------------------------------------------


@rule
def plain_python(notebook: NotebookNode, path: Path) -> list[str]:
    """Every code cell holds Python and no magic, so that it can be read, linted and moved."""
    found = []
    for index, cell in code_cells(notebook):
        if not cell.source.strip():
            found.append(f"{describe(index, cell)} is empty")
            continue
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            found.append(f"{describe(index, cell)} is not plain Python: {error.msg} in its line {error.lineno}")
    return found


@rule
def cell_lengths(notebook: NotebookNode, path: Path) -> list[str]:
    """Code in small steps: a median of at most 8 lines, and no cell above 25."""
    lengths = {index: len(cell.source.splitlines()) for index, cell in code_cells(notebook)}
    found = [
        f"{describe(index, notebook.cells[index])} has {length} lines, more than {MAX_LINES}"
        for index, length in lengths.items()
        if length > MAX_LINES
    ]
    if lengths and statistics.median(lengths.values()) > MAX_MEDIAN:
        found.append(f"the median code cell has {statistics.median(lengths.values()):g} lines, more than {MAX_MEDIAN}")
    return found


@rule
def line_widths(notebook: NotebookNode, path: Path) -> list[str]:
    """Code that fits a page, a slide and half a screen: no line, fenced blocks included, above 88 columns."""
    found = []
    for index, cell in enumerate(notebook.cells):
        fenced = re.findall(r"^(```|~~~)[^\n]*\n(.*?)^\1", cell.source, flags=re.MULTILINE | re.DOTALL)
        code = cell.source if cell.cell_type == "code" else "".join(block for _, block in fenced)
        for line in code.splitlines():
            if len(line) > MAX_COLUMNS:
                name = describe(index, cell)
                found.append(f"{name} has a line of {len(line)} columns, more than {MAX_COLUMNS}: {line.strip()[:40]}")
    return found


@rule
def import_cell(notebook: NotebookNode, path: Path) -> list[str]:
    """One import cell, before any other code, of at most 8 lines; then setup(seed)."""
    code = code_cells(notebook)
    tagged = [index for index, cell in code if "imports" in tags(cell)]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged imports; there must be one"]
    found = []
    cell = notebook.cells[tagged[0]]
    if tagged[0] != code[0][0]:
        found.append(f"{describe(tagged[0], cell)} is not the first code cell")
    lines = sum(bool(line.strip()) for line in cell.source.splitlines())
    if lines > MAX_IMPORT_LINES:
        found.append(f"{describe(tagged[0], cell)} has {lines} lines, more than {MAX_IMPORT_LINES}")
    if not any(call_name(node) == "setup" for _, early in code[:2] for node in run_at_once(parse(early))):
        found.append("setup(seed) is called neither in the import cell nor in the code cell after it")
    return found


@rule
def prose_between(notebook: NotebookNode, path: Path) -> list[str]:
    """Between two code cells there is prose, unless the second only shows what the first made."""
    found = []
    before = None
    for index, cell in enumerate(notebook.cells):
        if "notes" in tags(cell):
            continue
        if cell.cell_type == "code" and before == "code" and not _only_shows(parse(cell)):
            found.append(f"{describe(index, cell)} follows another code cell, and does more than show its result")
        before = cell.cell_type
    return found


def _only_shows(tree: ast.Module) -> bool:
    """At most three statements: claims, figures, checks, something printed, or a value as it stands."""
    return 1 <= len(tree.body) <= 3 and all(
        isinstance(statement, ast.Expr)
        and (not isinstance(statement.value, ast.Call) or call_name(statement.value) in SHOWING)
        for statement in tree.body
    )


@rule
def no_interact(notebook: NotebookNode, path: Path) -> list[str]:
    """No ipywidgets.interact: it stores nothing one can see without a kernel, and tests cannot move it."""
    banned = {"interact", "interactive", "interact_manual", "interactive_output"}
    found = []
    for index, cell in code_cells(notebook):
        for node in ast.walk(parse(cell)):
            named = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else {call_name(node)}
            if used := named & banned:
                found.append(f"{describe(index, cell)} uses {min(used)}: write an Explorer in the lesson's module")
                break
    return found


@rule
def own_lesson_only(notebook: NotebookNode, path: Path) -> list[str]:
    """A notebook NN_topic imports lessons/topic as ``lesson``, and no other lesson's module."""
    topic = path.stem[3:]
    found = [
        f"it imports the lesson module {other}; its own is {topic} (what is shared is no lesson's)"
        for other, _ in lesson_imports(notebook)
        if other != topic
    ]
    if (topic, "lesson") not in lesson_imports(notebook):
        found.append(f"`from course_utils.lessons import {topic} as lesson` is missing")
    elif lesson_module(notebook) is None:
        found.append(f"there is no module course_utils.lessons.{topic}")
    return found


# --- Words -------------------------------------------------------------------------------------------------


@rule
def heading_order(notebook: NotebookNode, path: Path) -> list[str]:
    """One title NN · Title on top, no level left out, sections and exercises numbered one after the other."""
    found, number = [], lesson_number(path)
    all_headings = headings(notebook)
    titles = [heading for heading in all_headings if heading.level == 1]
    if len(titles) != 1 or titles[0].cell != 0:
        found.append(f"there are {len(titles)} first-level headings; there must be one, in the first cell")
    elif not titles[0].text.startswith(f"{number:02d} · "):
        found.append(f"the title is '{titles[0].text}', it must start with '{number:02d} · '")
    level = 0
    for heading in all_headings:
        if heading.level > level + 1:
            found.append(f"cell {heading.cell}: '{heading.text}' has level {heading.level} after level {level}")
        level = heading.level
    found += _numbering([h.text for h in all_headings if h.level == 2 and h.text[0].isdigit()], number, "section", "")
    exercises = [h.text for h in all_headings if h.text.startswith("Exercise ")]
    found += _numbering(exercises, number, "exercise", "Exercise ")
    if not any(heading.level == 2 and heading.text[0].isdigit() for heading in all_headings):
        found.append(f"there is no section '## {number}.1 …'")
    return found


def _numbering(texts: list[str], number: int, kind: str, prefix: str) -> list[str]:
    wanted = [f"{prefix}{number}.{count}" for count in range(1, len(texts) + 1)]
    return [
        f"the {kind} '{text}' must start with '{start} '"
        for text, start in zip(texts, wanted, strict=True)
        if not text.startswith(f"{start} ")
    ]


@rule
def links(notebook: NotebookNode, path: Path) -> list[str]:
    """Every picture, relative link and anchor resolves offline; pictures never come from the web."""
    found = []
    for index, cell in markdown_cells(notebook):
        text = without_code_and_maths(cell.source)
        parts = _Pictures(text)
        pictures = [*re.findall(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)", text), *parts.sources]
        plain = re.findall(r"(?<!!)\[(?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*\]\(\s*<?([^)\s>]*)", text)
        defined = re.findall(r"^\s{0,3}\[[^\]^]+\]:\s*<?([^\s>]+)", text, flags=re.MULTILINE)
        for target in [*pictures, *plain, *defined, *parts.links]:
            if trouble := _unresolved(target, cell, notebook, path, target in pictures):
                found.append(f"{describe(index, cell)} points to {target or 'nothing'}: {trouble}")
    return found


def _unresolved(target: str, cell: NotebookNode, notebook: NotebookNode, path: Path, picture: bool) -> str:
    """Say why the target of a link does not resolve; an empty string if it does."""
    if target.startswith(("http://", "https://")):
        return "a picture on the web is lost offline" if picture else ""
    if target.startswith("mailto:") or (picture and target.startswith("data:")):
        return ""
    if target.startswith("attachment:"):
        return (
            "" if target.removeprefix("attachment:") in cell.get("attachments", {}) else "there is no such attachment"
        )
    file, _, anchor = unquote(target).partition("#")
    if not file:
        return "" if anchor in anchors(notebook) else "no heading reads like that"
    course = path.parent.parent.resolve()
    wanted = (path.parent / file).resolve()
    if Path(file).is_absolute() or not wanted.is_relative_to(course):
        return "it leads out of the course"
    if not wanted.exists():
        return "there is no such file"
    if anchor and wanted.suffix == ".ipynb" and anchor not in anchors(nbformat.read(wanted, as_version=4)):
        return "that notebook has no such heading"
    return ""


@rule
def frame(notebook: NotebookNode, path: Path) -> list[str]:
    """A lesson says what it is for at the start and what to keep at the end, and links to those it builds on."""
    found = []
    texts = {heading.text: heading for heading in headings(notebook)}
    opening = _opening(notebook)
    if not re.search(r"\b\d+(?:[–-]\d+)? min", opening):
        found.append("the opening does not give the reading time ('… 30 min …')")
    number = lesson_number(path)
    for neighbour in (number - 1, number + 1):
        files = sorted(path.parent.glob(f"{neighbour:02d}_*.ipynb")) if neighbour >= 0 else []
        if files and files[0].name not in opening:
            found.append(f"the opening does not link to {files[0].name}")
    words = "\n".join(cell.source for _, cell in markdown_cells(notebook))
    for mentioned in sorted(set(re.findall(r"\b[Ll]essons? (\d\d)\b", words))):
        if int(mentioned) < number and f"]({mentioned}_" not in words:
            found.append(f"it builds on lesson {mentioned} and nowhere links to it")
    if number < 1:
        return found
    for wanted in FRAME:
        if not any(text.startswith(wanted) for text in texts):
            found.append(f"there is no section '{wanted}'")
    if not _has_early_picture(notebook):
        found.append("no picture stands before the first section")
    outcomes = _lines_below(notebook, FRAME[0])
    bullets = sum(bool(re.match(r"\s*(?:[-*+]|\d+\.)\s", line)) for line in outcomes)
    if outcomes and not 3 <= bullets <= 5:
        found.append(f"'{FRAME[0]}' lists {bullets} outcomes; 3 to 5 are wanted")
    remembered = len(_lines_below(notebook, FRAME[1]))
    if remembered > MAX_REMEMBER:
        found.append(f"'{FRAME[1]}' has {remembered} lines, more than {MAX_REMEMBER}")
    year = r"\b(?:1[5-9]|20)\d\d\b(?!\.\d)"  # and not the start of an arXiv number
    papers = [line for line in _lines_below(notebook, FRAME[3]) if re.match(r"\s*(?:[-*+]|\d+\.)\s", line)]
    undated = [paper for paper in papers if not re.search(year, prose(paper))]
    found += [f"'{FRAME[3]}' lists a paper without its year: {paper}" for paper in undated]
    return found


def _opening(notebook: NotebookNode) -> str:
    """Return the words before the first second-level heading."""
    second = next((heading.cell for heading in headings(notebook) if heading.level == 2), len(notebook.cells))
    cells = [cell.source for index, cell in markdown_cells(notebook) if index <= second]
    return re.split(r"^## ", "\n".join(cells), maxsplit=1, flags=re.MULTILINE)[0]


def _has_early_picture(notebook: NotebookNode) -> bool:
    numbered = (heading.cell for heading in headings(notebook) if heading.level == 2 and heading.text[0].isdigit())
    early = notebook.cells[: next(numbered, 0)]
    drawn = any("image/png" in output.get("data", {}) for cell in early for output in cell.get("outputs", []))
    return drawn or any(re.search(r"!\[|<img", cell.source) for cell in early if cell.cell_type == "markdown")


def _lines_below(notebook: NotebookNode, start: str) -> list[str]:
    """Return the lines that are not blank below the heading that starts so, up to a heading or code."""
    lines, inside = [], False
    for cell in notebook.cells:
        if "notes" in tags(cell):
            continue
        if cell.cell_type == "code":
            inside = False
            continue
        for line in without_fences(cell.source).splitlines():
            if heading := re.match(r"#{1,6} +(.+)", line):
                inside = heading[1].startswith(start)
            elif inside and line.strip():
                lines.append(line)
    return lines


@rule
def voice(notebook: NotebookNode, path: Path) -> list[str]:
    """No word that makes a reader feel slow, and nothing left to be done."""
    found = []
    for index, cell in enumerate(notebook.cells):
        words = prose(cell.source) if cell.cell_type == "markdown" else ""
        for word in BANNED:
            if re.search(rf"\b{word}\b", words, flags=re.IGNORECASE):
                found.append(f"{describe(index, cell)} says '{word}'")
        if re.search(r"\b(?:TODO|FIXME|XXX)\b", cell.source):
            found.append(f"{describe(index, cell)} leaves something to be done")
    return found


# --- Exercises, explorers, claims --------------------------------------------------------------------------


@rule
def exercises(notebook: NotebookNode, path: Path) -> list[str]:
    """Text with the signature, starter, collapsed heading, solution; then a heading ends the collapse."""
    found, seen = [], Counter()
    belonging: set[int] = set()
    for index, cell in starters(notebook):
        name = describe(index, cell)
        function, check = _starter(parse(cell))
        if function is None:
            found.append(f"{name} must hold one function with a docstring and a body `...`, then `lesson.….check(…)`")
            continue
        seen[function.name] += 1
        belonging.update(range(index - 1, index + 3))
        neighbours = [notebook.cells[i] if 0 <= i < len(notebook.cells) else None for i in range(index - 1, index + 4)]
        words, _, heading, solution, after = neighbours
        found += [f"{name}: {trouble}" for trouble in _task(words, function)]
        if not verdict(cell).startswith("○ Not attempted yet"):
            found.append(f"{name} stores the verdict {verdict(cell)[:40]!r}, not '○ Not attempted yet'")
        found += [f"{name}: {trouble}" for trouble in _solution(heading, solution, function, check)]
        closing = re.match(r"(#{1,4}) ", after.source) if after and after.cell_type == "markdown" else None
        if after is not None and not closing:
            found.append(f"{name}: the cell after its solution must start with a heading, or JupyterLab folds it away")
    found += [f"two exercises ask for the function {function}" for function, count in seen.items() if count > 1]
    for index, cell in enumerate(notebook.cells):
        if index in belonging:
            continue
        stray = tags(cell) & {"exercise", "solution"}
        if stray and not (cell.cell_type == "code" and "exercise" in stray):
            found.append(f"{describe(index, cell)} is tagged {min(stray)}, but belongs to no exercise")
        if not stray and cell.cell_type == "code" and any(call_name(node) == "check" for node in ast.walk(parse(cell))):
            found.append(f"{describe(index, cell)} calls a check, but is tagged neither exercise nor solution")
    return found


def _starter(tree: ast.Module) -> tuple[ast.FunctionDef, str] | tuple[None, str]:
    """Return the function to be written and its check call as text; None if the cell is built differently."""
    match tree.body:
        case [
            ast.FunctionDef(
                body=[ast.Expr(value=ast.Constant(value=str())), ast.Expr(value=ast.Constant(value=e))]
            ) as f,
            ast.Expr(value=ast.Call() as call),
        ] if e is ... and _checks(call, f.name):
            return f, ast.unparse(call)
    return None, ""


def _checks(call: ast.Call, function: str) -> bool:
    return re.fullmatch(rf"lesson\.\w+\.check\({re.escape(function)}\)", ast.unparse(call)) is not None


def _task(words: NotebookNode | None, function: ast.FunctionDef) -> Iterator[str]:
    if words is None or words.cell_type != "markdown" or "exercise" not in tags(words):
        yield "the cell before it must be the exercise's text, tagged exercise"
        return
    if not re.match(r"### Exercise \d+\.\d+ · \S", words.source):
        yield "its text must start with '### Exercise N.k · Title'"
    if f"{function.name}(" not in words.source:
        yield f"its text must give the signature, `{function.name}(…)`"


def _solution(
    heading: NotebookNode | None, solution: NotebookNode | None, function: ast.FunctionDef, check: str
) -> Iterator[str]:
    folded = heading is not None and heading.metadata.get("jp-MarkdownHeadingCollapsed") is True
    if not folded or "solution" not in tags(heading) or not heading.source.startswith("#### Solution"):
        yield "after it must come '#### Solution', tagged solution, with jp-MarkdownHeadingCollapsed"
    if solution is None or solution.cell_type != "code" or "solution" not in tags(solution):
        yield "the solution's code must follow its heading, tagged solution"
        return
    tree = parse(solution)
    same = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == function.name]
    if len(same) != 1 or ast.dump(same[0].args) != ast.dump(function.args):
        yield f"its solution must define {function.name} with the same arguments"
    if not tree.body or ast.unparse(tree.body[-1]) != check:
        yield f"its solution must end with {check}"
    if not verdict(solution).startswith("✓ Correct"):
        yield f"its solution stores the verdict {verdict(solution)[:40]!r}, not '✓ Correct'"


@rule
def independence(notebook: NotebookNode, path: Path) -> list[str]:
    """Nothing depends on a student's answer: what exercises and solutions define is used nowhere else."""
    answers = [(i, cell) for i, cell in code_cells(notebook) if tags(cell) & {"exercise", "solution"}]
    others = [(i, cell) for i, cell in code_cells(notebook) if not tags(cell) & {"exercise", "solution"}]
    elsewhere = {name for _, cell in others for name in _imported(parse(cell))}
    defined = {name for _, cell in answers for name in _bound(parse(cell)) - (_imported(parse(cell)) & elsewhere)}
    found = []
    for index, cell in others:
        loaded = {n.id for n in ast.walk(parse(cell)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        if used := loaded & defined:
            found.append(f"{describe(index, cell)} uses {', '.join(sorted(used))}, which a student defines")
    return found


def _imported(tree: ast.Module) -> set[str]:
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that the cell gives to the notebook."""
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stored = {n.id for n in run_at_once(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return defined | stored | _imported(tree)


@rule
def exercises_declared(notebook: NotebookNode, path: Path) -> list[str]:
    """The notebook and the lesson's module hold the same exercises, with the same names and arguments."""
    module = lesson_module(notebook)
    declared = {exercise.name: exercise for exercise in getattr(module, "EXERCISES", ())}
    found, used = [], set()
    for index, cell in starters(notebook):
        function, check = _starter(parse(cell))
        if function is None:
            continue
        attribute = check.split(".")[1]
        exercise = getattr(module, attribute, None)
        used.add(function.name)
        if exercise is None or declared.get(function.name) is not exercise:
            found.append(f"{describe(index, cell)} checks lesson.{attribute}; EXERCISES has none of that name")
        elif attribute != function.name:  # the checker tells the reader to type lesson.<name>.hint()
            found.append(f"{describe(index, cell)} checks lesson.{attribute}, not lesson.{function.name}")
        elif [argument.arg for argument in function.args.args] != list(exercise.arguments):
            found.append(f"{describe(index, cell)} takes other arguments than ({', '.join(exercise.arguments)})")
    return found + [f"EXERCISES holds {name}, which no cell asks for" for name in sorted(set(declared) - used)]


@rule
def explorers(notebook: NotebookNode, path: Path) -> list[str]:
    """Predict, move, read: a question before every explorer, a picture in it, the answer after it."""
    found = []
    kept = [(index, cell) for index, cell in enumerate(notebook.cells) if "notes" not in tags(cell)]
    for position, (index, cell) in enumerate(kept):
        if "explorer" not in tags(cell):
            continue
        name = describe(index, cell)
        before = kept[position - 1][1] if position else None
        after = kept[position + 1][1] if position + 1 < len(kept) else None
        asked = before.source.lower() if before is not None and before.cell_type == "markdown" else ""
        if "?" not in asked or "predict" not in asked:
            found.append(f"{name} must follow a question that asks the reader to predict")
        if after is None or after.cell_type != "markdown":
            found.append(f"{name} must be followed by the answer, in words")
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        if not {"image/png", "text/html"} <= kinds:
            found.append(f"{name} stores no static picture: one sees nothing there without a kernel")
    return found


@rule
def explorers_declared(notebook: NotebookNode, path: Path) -> list[str]:
    """The notebook shows every explorer of its lesson's module, in cells tagged explorer, and no other."""
    declared = getattr(lesson_module(notebook), "EXPLORERS", {})
    found, shown = [], set()
    for index, cell in code_cells(notebook):
        named = {n.attr for n in ast.walk(parse(cell)) if isinstance(n, ast.Attribute)}
        named |= {n.value for n in ast.walk(parse(cell)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        here = {key for key, build in declared.items() if {key, getattr(build, "__name__", key)} & named}
        if "explorer" in tags(cell):
            shown |= here
            if not here:
                found.append(f"{describe(index, cell)} is tagged explorer, but shows none of EXPLORERS")
        elif here and any(isinstance(n, ast.Name) and n.id == "lesson" for n in ast.walk(parse(cell))):
            found.append(f"{describe(index, cell)} shows the explorer {min(here)} without the tag")
    return found + [f"EXPLORERS holds {key}, which the notebook does not show" for key in sorted(set(declared) - shown)]


@rule
def minimums(notebook: NotebookNode, path: Path) -> list[str]:
    """Every lesson has enough to check, to move and to do."""
    module = lesson_module(notebook)
    first = lesson_number(path) == 0
    wanted = {"claims": 1, "explorers": 1, "exercises": 1} if first else {"claims": 6, "explorers": 2, "exercises": 4}
    counted = {
        "claims": claims(notebook),
        "explorers": len(explorer_cells(notebook)),
        "exercises": len(starters(notebook)),
    }
    found = [f"{counted[kind]} {kind}, fewer than {least}" for kind, least in wanted.items() if counted[kind] < least]
    for exercise in getattr(module, "EXERCISES", ()):
        known = len(exercise.misconceptions)
        if known < MIN_MISCONCEPTIONS:
            found.append(f"the exercise {exercise.name} knows {known} misconceptions, fewer than {MIN_MISCONCEPTIONS}")
    return found


# --- Slides ------------------------------------------------------------------------------------------------


@rule
def slides(notebook: NotebookNode, path: Path) -> list[str]:
    """Every cell has its place in the slide show; sections start slides; each has a note with minutes."""
    found = []
    starts = {heading.cell: heading for heading in headings(notebook) if heading.level <= 2}
    for index, cell in enumerate(notebook.cells):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        name = describe(index, cell)
        if kind not in SLIDE_TYPES:
            found.append(f"{name} has the slide type {kind!r}; choose from {', '.join(sorted(SLIDE_TYPES))}")
        elif index in starts and kind != "slide" and not (kind == "skip" and _may_be_skipped(starts[index])):
            found.append(f"{name} starts a section, but no slide (its type is {kind})")
        if ("notes" in tags(cell)) != (kind == "notes"):
            found.append(f"{name}: the tag notes and the slide type notes go together")
        if "notes" in tags(cell) and not _minutes(cell):
            found.append(f"{name} must start with <details><summary>Presenter's note · N min</summary>")
    sections = [heading for heading in headings(notebook) if heading.level == 2]
    bounds = [*(section.cell for section in sections), len(notebook.cells)]
    for section, end in zip(sections, bounds[1:], strict=True):
        inside = notebook.cells[section.cell : end]
        if section.text[0].isdigit() and not any("notes" in tags(cell) and _minutes(cell) for cell in inside):
            found.append(f"the section '{section.text}' has no presenter's note with minutes")
    return found


def _may_be_skipped(heading: Heading) -> bool:
    """Whether it opens what one reads at home: a second-level section without a number."""
    return heading.level == 2 and not heading.text[0].isdigit()


def _minutes(cell: NotebookNode) -> bool:
    start = r"<details>\s*<summary>\s*Presenter['’]s note · \d+ min\s*</summary>"
    return re.match(start, cell.source) is not None
