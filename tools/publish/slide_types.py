"""What a cell is on a slide, in the decks and in JupyterLab alike."""

import ast
import re

from nbformat import NotebookNode

ANSWER = re.compile(r"\A<details><summary>Answer</summary>\n\n(.+?)\n\n</details>(?=\n\n|\Z)", re.DOTALL)
"""The folded answer to the question before an explorer, at the beginning of the cell after it."""

NOTE = re.compile(r"<details>\s*<summary>\s*Presenter['’]s note · (\d+) min\s*</summary>(.*)</details>", re.DOTALL)
"""A presenter's note: the minutes of its section, and its words."""


def kind(cell: NotebookNode) -> str:
    """Return the cell's slide type: slide, subslide, fragment, skip or notes."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "skip")


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
