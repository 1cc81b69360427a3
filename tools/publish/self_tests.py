"""Presenter's notes, and the questions in them that become self-tests in what students get.

A note is one Markdown cell, tagged `notes`, of the form

    <details><summary>Presenter's note · 5 min</summary>

    Move σ alone first. Ask: "the summit is sharp. Is the model right?" (Expected: no. It is sharp *in its family*.)

    </details>

A question for the room is what stands in straight double quotes, ends with a question mark, and is followed at once by
its answer in round brackets, which may begin with "Expected:". The student reads these questions in the place of the
note, each with its answer folded. All other words of a note are the presenter's, and so is a question without an
answer in brackets; nothing of them is handed on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

TAG, PLACE = "notes", "self-test"
FORM = re.compile(r"<details><summary>Presenter's note · (\d+) min</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
QUOTED = re.compile(r'"([^"]*\?)"')
EXPECTED = re.compile(r"(?:Expected|Answer|A good answer): *")
ASK = "**Ask yourself.**"


class NoteError(ValueError):
    """A presenter's note does not have the form from which its questions can be taken."""


@dataclass(frozen=True)
class SelfTest:
    """A question for the room, with the answer that stands beside it in the note."""

    question: str
    answer: str

    def as_markdown(self) -> str:
        """Return the question, and its answer folded."""
        return (
            f"{ASK} {_capitalised(self.question)}\n\n"
            f"<details><summary>Answer</summary>\n\n{_capitalised(self.answer)}\n\n</details>"
        )


def is_note(cell: NotebookNode) -> bool:
    """Whether a cell is the presenter's."""
    return TAG in cell.metadata.get("tags", [])


def body(note: str) -> str:
    """Return the words of a presenter's note, without its frame.

    Raises
    ------
    NoteError : the note has another form.
    """
    found = FORM.fullmatch(note.strip())
    if not found or "<details" in found[2]:
        raise NoteError(f"a presenter's note is one folded passage with its minutes in the title; got {note[:60]!r}")
    return found[2]


def self_tests(note: str) -> list[SelfTest]:
    """Return the questions of a presenter's note that have their answer beside them.

    Raises
    ------
    NoteError : the note has another form, or brackets are opened and not closed.
    """
    text = body(note)
    return [SelfTest(found[1], answer) for found in QUOTED.finditer(text) if (answer := _bracketed(text, found.end()))]


def unanswered(note: str) -> list[str]:
    """Return the quoted questions of a presenter's note that have no answer in brackets, and so no student."""
    kept = {test.question for test in self_tests(note)}
    return [found[1] for found in QUOTED.finditer(body(note)) if found[1] not in kept]


def without_notes(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Return cells without the presenter's notes; where a note holds questions with answers, they take its place.

    Raises
    ------
    NoteError : a note has another form.
    """
    kept = []
    for cell in cells:
        if not is_note(cell):
            kept.append(cell)
        elif tests := self_tests(cell.source):
            text = "\n\n".join(test.as_markdown() for test in tests)
            metadata = {"slideshow": {"slide_type": "skip"}, "tags": [PLACE]}
            kept.append(nbformat.v4.new_markdown_cell(text, id=cell.id, metadata=metadata))
    return kept


def _bracketed(text: str, start: int) -> str:
    """Return what stands in round brackets at `start`, spaces before it allowed, or "" where no bracket opens."""
    opening = re.compile(r"\s*\(").match(text, start)
    if not opening:
        return ""
    depth = 1
    for place in range(opening.end(), len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return EXPECTED.sub("", text[opening.end() : place].strip(), count=1)
    raise NoteError(f"the bracket after a question is not closed: {text[start:][:60]!r}")


def _capitalised(text: str) -> str:
    """Return a text that begins with a capital, unless it begins with a symbol: one letter (but a), or a formula."""
    first = re.match(r"[a-z]{2,}(?=[\s,.:;?!’'-])|a(?=\s)", text)
    return text[0].upper() + text[1:] if first else text
