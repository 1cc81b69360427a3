"""Numbers: what a text states to three significant digits is given by code or output near it, or says whence it is."""

import ast
import functools
import html
import io
import json
import math
import re
import tokenize
from pathlib import Path

import nbformat
import numpy as np
import torch
from nbformat import NotebookNode

import course_utils
from contracts.cells import Pictures, headings, lesson_module, text_outputs, without_fences
from contracts.registry import rule
from tools.execute import describe

DIGITS = 3
NEAR = 12  # cells

ORIGINS = re.compile(r"<!-- numbers: (\{.*?\}) -->", re.DOTALL)
"""Where an instructor's page says whence its numbers are."""

_STATED = re.compile(r"(?<![\w.])(\d{1,3}(?: \d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?!\w|\.\d)")
_ANY = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_NO_VALUES = (
    re.compile(r"\]\([^)]*\)|https?://\S+|arXiv[ :]*\d+\.\d+"),  # addresses
    re.compile(
        r"\([^()]*\b(?:1[5-9]|20)\d\d\)|, (?:1[5-9]|20)\d\d(?=,)"
        r"|\b(?:1[5-9]|20)\d\d(?=\*?,? (?:Table|table|arXiv|\[arXiv))"
    ),  # (Jang, 2017)
)


@rule
def numbers(notebook: NotebookNode, path: Path) -> list[str]:
    """A number of three significant digits in words or alternative texts is given by code or output near it.

    A whole number may stand anywhere in the lesson's code and outputs. Where nothing gives a number, the cell's
    metadata say whence it is, under ``numbers``: an expression that gives it (of ``np``, ``torch``, ``math``,
    ``course_utils`` and the lesson's module ``lesson``), the lesson in which it stands (``lesson 03``), or
    ``source: …``.
    """
    found = []
    sections = section_numbers(path)
    stated = [[number for number in cell if number not in sections] for cell in _stated_by_cell(notebook)]
    values = [_values(cell) for cell in notebook.cells]
    anywhere = [value for part in values for value in part]
    for index, cell in enumerate(notebook.cells):
        origins = dict(cell.metadata.get("numbers", {}))
        near = [value for part in values[max(0, index - NEAR) : index + NEAR + 1] for value in part]
        open_ones = [number for number in stated[index] if not given(number, near if "." in number else anywhere)]
        for number in open_ones:
            if number not in origins:
                found.append(f"{describe(index, cell)} says {number}, which no code or output near it gives")
            elif trouble := _origin_trouble(number, origins[number], notebook, path):
                found.append(f"{describe(index, cell)} says {number}: {trouble}")
        unused = [number for number in origins if number not in open_ones]
        found += [f"{describe(index, cell)} says whence {number} is, which is not needed" for number in unused]
    return found


def page_troubles(page: str, path: Path) -> list[str]:
    """Return which numbers of an instructor's page nothing gives.

    A number of three significant digits stands in the code, the outputs or the words of the page's lesson, or the
    page's comment ``<!-- numbers: {"0.562": "…"} -->`` says whence it is, as the metadata of a notebook's cell do.
    """
    notebook = nbformat.read(path, as_version=4)
    comment = ORIGINS.search(page)
    origins = json.loads(comment[1]) if comment else {}
    words = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    values = [*_lesson_values(path), *map(float, _ANY.findall(words.replace("\u202f", "")))]
    sections = section_numbers(path)
    stated = [number for number in stated_numbers(without_fences(page)) if number not in sections]
    open_ones = [number for number in stated if not given(number, values)]
    found = [
        f"{number}: no code, output or word of the lesson gives it" for number in open_ones if number not in origins
    ]
    for number, origin in origins.items():
        if number not in open_ones:
            found.append(f"{number}: it is not needed to say whence it is")
        elif trouble := _origin_trouble(number, origin, notebook, path):
            found.append(f"{number}: {trouble}")
    return found


def stated_numbers(text: str) -> list[str]:
    """Return the numbers of three significant digits or more that a text states, without spaces, each once."""
    for pattern in _NO_VALUES:
        text = pattern.sub(" ", text)
    text = re.sub(r"(?:10|\^)\^?\{[^}]*\}", " ", text)  # powers of ten
    text = re.sub(r"\\[,; ]|[\u202f\u00a0\u2009]|~|\{,\}", " ", text)
    found = (match[1].replace(" ", "") for match in _STATED.finditer(text))
    return list(dict.fromkeys(number for number in found if _digits(number) >= DIGITS))


def _digits(number: str) -> int:
    digits = number.split("e")[0]
    return len(digits.replace(".", "").lstrip("0") if "." in digits else digits.strip("0"))


def given(number: str, values: list[float]) -> bool:
    """Whether one of the values reads like this number, rounded as it is; a share may be stated in per cent."""
    places = len(number.partition(".")[2]) if "e" not in number else 0
    tolerance = 0.5000001 * 10.0**-places if "e" not in number else 1e-3 * float(number)
    return any(abs(factor * abs(value) - float(number)) <= tolerance for value in values for factor in (1, 100))


def _stated_by_cell(notebook: NotebookNode) -> list[list[str]]:
    last = [heading.cell for heading in headings(notebook) if heading.text == "Going further"]
    end = last[0] if last else len(notebook.cells)
    stated = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            words = without_fences(cell.source) if index < end else ""
        else:
            words = "\n".join(_alternatives(cell))
        # an alternative text that the cell computes cannot be stale
        stated.append([number for number in stated_numbers(words) if cell.cell_type != "code" or number in cell.source])
    return stated


def _alternatives(cell: NotebookNode) -> list[str]:
    return [alt for text in text_outputs(cell) for alt in Pictures(text).alts if alt]


def _values(cell: NotebookNode) -> list[float]:
    """Return the numbers in a code cell and in what it has shown, without the alternative texts."""
    if cell.cell_type != "code":
        return []
    values = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
            if token.type == tokenize.NUMBER and "j" not in token.string:
                values.append(float(ast.literal_eval(token.string)))
    except (tokenize.TokenError, SyntaxError):
        pass  # reported by `plain_python`
    alts = _alternatives(cell)
    for text in text_outputs(cell):
        words = html.unescape(re.sub(r"<[^>]+>", " ", text))
        for alt in alts:  # the plain text of a figure is its alternative text
            words = words.replace(alt, " ")
        words = re.sub(r"(?<=\d)[\u202f\u00a0\u2009 ](?=\d{3}\b)", "", words)
        values += [float(number) for number in _ANY.findall(words)]
    return values


@functools.cache
def _lesson_values(path: Path) -> tuple[float, ...]:
    return tuple(value for cell in nbformat.read(path, as_version=4).cells for value in _values(cell))


def section_numbers(path: Path) -> set[str]:
    """Return the numbers of all sections and exercises of the course that look like decimal numbers."""
    return {number for lesson in path.parent.glob("[0-9][0-9]_*.ipynb") for number in _numbered(lesson)}


@functools.cache
def _numbered(path: Path) -> frozenset[str]:
    texts = "\n".join(heading.text for heading in headings(nbformat.read(path, as_version=4)))
    return frozenset(re.findall(r"^(?:Exercise )?(\d+\.\d+) ", texts, flags=re.MULTILINE))


def _origin_trouble(number: str, origin: str, notebook: NotebookNode, path: Path) -> str:
    """Say what is wrong with the origin of a number; an empty string if nothing is."""
    if origin.startswith("source: "):
        return ""
    if re.fullmatch(r"lesson \d\d", origin):
        files = sorted(path.parent.glob(f"{origin[-2:]}_*.ipynb"))
        return "" if files and given(number, list(_lesson_values(files[0]))) else f"{origin} does not give it"
    modules = {"np": np, "torch": torch, "math": math, "course_utils": course_utils}
    try:
        value = float(eval(origin, modules | {"lesson": lesson_module(notebook)}))
    except Exception as error:
        return f"its origin {origin!r} cannot be computed ({error})"
    return "" if given(number, [value]) else f"its origin {origin!r} gives {value:.6g}"
