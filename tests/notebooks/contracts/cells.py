"""What the rules look at: a notebook's cells, their code, words and outputs."""

import ast
import importlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from nbformat import NotebookNode

from tools.execute import WIDGET_VIEW

SHOWING = {"check", "claim", "display", "print", "show"}  # calls that leave an output behind


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


def part_below(notebook: NotebookNode, heading: Heading) -> range:
    """Return the numbers of the cells below a heading, down to the next one of its level or above; its own is one."""
    ends = [other.cell for other in headings(notebook) if other.cell > heading.cell and other.level <= heading.level]
    return range(heading.cell, min(ends, default=len(notebook.cells)))


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


class Pictures(HTMLParser):
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


def declared_exercises(module: ModuleType | None) -> tuple:
    """Return the exercises and problems that a lesson's module declares."""
    return (*getattr(module, "EXERCISES", ()), *getattr(module, "PROBLEMS", ()))


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
