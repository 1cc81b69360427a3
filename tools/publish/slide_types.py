"""What a cell is on a slide, in the decks and in JupyterLab alike."""

import ast
import dis
import re
from types import CodeType

from nbformat import NotebookNode

ANSWER = re.compile(r"\A<details><summary>Answer</summary>\n\n(.+?)\n\n</details>(?=\n\n|\Z)", re.DOTALL)
"""The folded answer to the question before an explorer, at the beginning of the cell after it."""

NOTE = re.compile(r"<details>\s*<summary>\s*Presenter['’]s note · (\d+) min\s*</summary>(.*)</details>", re.DOTALL)
"""A presenter's note: the minutes of its section, and its words."""


def kind(cell: NotebookNode) -> str:
    """Return the cell's slide type: slide, subslide, fragment, skip or notes."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "skip")


def code_names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that code needs from elsewhere when it runs, and those that it defines for others.

    A name that a function reads is needed where the function is defined; its arguments and own names are neither.
    """
    reads: set[str] = set()
    stores: set[str] = set()

    def walk(code: CodeType, outermost: bool) -> None:
        for step in dis.get_instructions(code):
            if step.opname in {"LOAD_NAME", "LOAD_GLOBAL"} and step.argval not in stores:
                reads.add(step.argval)
            elif step.opname == "STORE_NAME" and outermost:
                stores.add(step.argval)
            elif step.opname == "LOAD_CONST" and isinstance(step.argval, CodeType):
                walk(step.argval, False)

    try:
        walk(compile(source, "cell", "exec"), True)
    except SyntaxError:
        return set(), set()  # the rule of plain Python says so
    return reads, stores


def unfolded(source: str) -> str:
    """Return a text with its answer unfolded: on slides the answer has a stop of its own, one press further."""
    return ANSWER.sub(r"\1", source)


def has_picture(cell: NotebookNode) -> bool:
    """Whether a cell has stored a picture or an explorer."""
    return any("<img" in output.get("data", {}).get("text/html", "") for output in cell.get("outputs", []))


def folded(cell: NotebookNode) -> bool:
    """Whether JupyterLab shows of the cell's code its label alone."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def speaks_for_itself(cell: NotebookNode) -> bool:
    """Whether a deck shows a cell's output alone: a picture, or what nothing but claims and prints have said."""
    if has_picture(cell) or folded(cell):
        return True
    if not cell.get("outputs") or "exercise" in cell.metadata.get("tags", []):
        return False
    calls = [node.value for node in ast.parse(cell.source).body if isinstance(node, ast.Expr)]
    names = [call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
    return len(names) == len(ast.parse(cell.source).body) and set(names) <= {"claim", "print", "show"}
