"""Write the pages that are made of others: ``python -m tools.publish.indexes``.

``docs/claims.md`` lists every claim with its lesson and section, and what it was compared with: the program text of a
claim is followed back to the library or the module that its other side comes from. ``docs/glossary.md`` lists every
term at the sentence that introduces it. Which words are terms is said by the cell that introduces them, in its
metadata under ``glossary``; what they mean is said in the cell's text alone. ``docs/instructor/calendar.md`` spreads
the course over a term (tools/publish/course_calendar.py). ``docs/published.md`` sets what the benchmarks gave beside
what the papers report (tools/publish/published.py).

With ``--check`` nothing is written, and the exit status says whether all pages are current.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools.publish.course_calendar import calendar_page
from tools.publish.published import published_page

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS, DOCS = ROOT / "notebooks", ROOT / "docs"
MADE = "<!-- Made by `python -m tools.publish.indexes` from the notebooks. Changes belong there. -->\n"

FORMS = {
    "equals": "equal",
    "at_least": "no less",
    "at_most": "no more",
    "between": "between two bounds",
    "increasing": "in order",
}
"""Keywords of `claim` that say what is asked, and their words in the index."""

ORACLES = {
    "sklearn": "scikit-learn",
    "scipy.integrate": "quadrature (scipy)",
    "scipy.optimize": "numerical optimiser (scipy)",
    "scipy.stats": "scipy.stats",
    "scipy.linalg": "linear algebra (scipy)",
    "torch.distributions": "torch.distributions",
    "torch.autograd": "automatic differentiation",
    "torch.func": "automatic differentiation",
    "torch.nn": "torch.nn",
    "torch.optim": "numerical optimiser (torch)",
    "numpy.linalg": "linear algebra (numpy)",
    "torch.linalg": "linear algebra (torch)",
    "numpy.trapezoid": "quadrature (trapezoid rule)",
    "torch.trapezoid": "quadrature (trapezoid rule)",
}
"""What a dotted name that begins like this stands for."""

NO_ORACLE = (
    "course_utils.workshop.data",
    "course_utils.lessons",
    "course_utils.models.planes",
    "course_utils.workshop.style",
)
GROUND_NAMES = ("claim", "old_faithful", "palette", "panels", "setup", "show")
DEPTH = 3
"""How many assignments a name is followed back."""


@dataclass(frozen=True)
class Claim:
    """One claim: what it states, where, which form it has, its tolerance in words, and what it was compared with."""

    statement: str
    lesson: str
    section: str
    form: str
    tolerance: str
    oracle: str


@dataclass(frozen=True)
class Term:
    """One term: the passage that introduces it, and where."""

    name: str
    passage: str
    lesson: str
    section: str


def lessons() -> Iterator[tuple[str, nbformat.NotebookNode]]:
    """Yield file name and content of every notebook, in reading order."""
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        yield path.name, nbformat.read(path, as_version=4)


def sections(notebook: nbformat.NotebookNode) -> Iterator[tuple[nbformat.NotebookNode, str]]:
    """Yield every cell with the second-level heading that it stands under, "" before the first."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"## (.+)", cell.source)):
            heading = found[1].strip()
        yield cell, heading


# --- claims


def read_claims() -> list[Claim]:
    """Return every claim of every lesson, in reading order.

    Raises
    ------
    ValueError : the lines that a cell printed do not match the claims in its program text: execute the notebook.
    """
    found = []
    for name, notebook in lessons():
        trace = Trace()
        for number, (cell, heading) in enumerate(sections(notebook)):
            if cell.cell_type != "code":
                continue
            tree = ast.parse(cell.source)
            trace.learn(tree)
            if "solution" in cell.metadata.get("tags", []) or "exercise" in cell.metadata.get("tags", []):
                continue
            calls = [node for node in ast.walk(tree) if _is_claim(node)]
            calls.sort(key=lambda node: (node.lineno, node.col_offset))
            for line in _ticks(cell) if calls else ():
                call = next((call for call in calls if _states(call, line)), None)
                if call is None:
                    raise ValueError(
                        f"{name}, cell {number}: no claim in its text states {line!r}; execute the notebook"
                    )
                form = next(keyword for keyword in call.keywords if keyword.arg in FORMS)
                statement, _, tolerance = line.partition("   ")
                oracle = trace.oracle(call, form)
                found.append(Claim(statement, name, heading, FORMS[form.arg], tolerance.strip(), oracle))
    return found


def _is_claim(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim"


def _ticks(cell: nbformat.NotebookNode) -> list[str]:
    text = "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")
    return [line.removeprefix("✓ ") for line in text.splitlines() if line.startswith("✓ ")]


def _states(call: ast.Call, line: str) -> bool:
    """Whether a call's first argument can have printed this line; an f-string's inserted values match anything."""
    words = call.args[0]
    parts = words.values if isinstance(words, ast.JoinedStr) else [words]
    pattern = "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts)
    return re.fullmatch(pattern + r"(   .*)?", line) is not None


class Trace:
    """What the names of a notebook stand for, so that a value can be followed back to where it comes from."""

    def __init__(self):
        self.imports: dict[str, str] = {}
        self.values: dict[str, list[ast.AST]] = {}

    def learn(self, tree: ast.Module) -> None:
        """Take in the imports and assignments of one cell; later ones replace earlier ones."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imports[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                self.imports |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.comprehension):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node.iter
                for target in targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name) and value is not None:
                            self.values[part.id] = [value]
            elif isinstance(node, ast.FunctionDef):
                self.values[node.name] = list(node.body)

    def oracle(self, call: ast.Call, form: ast.keyword) -> str:
        """Return in words what a claim was compared with."""
        found = self._sources([form.value], DEPTH)
        if not found and form.arg != "equals":  # a bound is often a number, and the value has the source
            found = self._sources(call.args[1:2], DEPTH)
        if found:
            return ", ".join(sorted(found, key=lambda words: (words.startswith("`"), words)))
        return "formula or number in the cell" if form.arg == "equals" else "bound in the cell"

    def _sources(self, nodes: list[ast.AST], depth: int) -> set[str]:
        found: set[str] = set()
        for node in nodes:
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute | ast.Name) and (words := self._words(part)):
                    found.add(words)
                if isinstance(part, ast.Name) and depth and part.id in self.values and part.id not in self.imports:
                    found |= self._sources(self.values[part.id], depth - 1)
        return found

    def _words(self, node: ast.Attribute | ast.Name) -> str:
        """Return what a dotted name stands for as an oracle, or ""."""
        name = ast.unparse(node)
        root, _, rest = name.partition(".")
        if root not in self.imports:
            return ""
        full = ".".join(filter(None, [self.imports[root], rest]))
        for prefix, words in ORACLES.items():
            if full == prefix or full.startswith(f"{prefix}."):
                return words
        if full.startswith("course_utils.") and not full.startswith(NO_ORACLE):
            module = ".".join(full.split(".")[1:3])
            return "" if module.split(".")[0] in GROUND_NAMES else f"`course_utils.{module}`"
        return ""


# --- terms

_BACKWARD = (
    "This",
    "That",
    "It",
    "They",
    "Such",
    "These",
    "Together",
    "Here",
    "Both",
    "So ",
    "Dropping it",
    "The left side",
)
"""How a sentence begins that cannot be read without the one before it."""


def read_terms() -> list[Term]:
    """Return every term with the passage that introduces it, in alphabetical order.

    Raises
    ------
    ValueError : a cell names a term in its metadata that its text does not set in bold.
    """
    found = []
    for name, notebook in lessons():
        for cell, heading in sections(notebook):
            for term, written in cell.metadata.get("glossary", {}).items():
                # a list when the sentence is not enough: ["the words in bold", "paragraph"]
                written, whole = (written[0], True) if isinstance(written, list) else (written, False)
                passage = passage_of(cell.source, written, whole)
                if passage is None:
                    raise ValueError(
                        f"{name}: a cell's metadata names the term {written!r}, but no bold words of it are that"
                    )
                found.append(Term(term, passage, name, heading))
    return sorted(found, key=lambda term: (term.name.lower(), term.lesson))


def passage_of(text: str, written: str, whole: bool = False) -> str | None:
    """Return the sentence of a Markdown text that holds these words in bold, with what is needed to read it.

    With `whole` it is the paragraph. Without such words it is None.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    mark = f"**{written}**"
    place = next((number for number, block in enumerate(blocks) if mark in block), None)
    if place is None:
        return None
    block = blocks[place]
    if block.lstrip().startswith("- "):  # of a list, the item
        block = next(item for item in re.split(r"\n(?=- )", block) if mark in item).removeprefix("- ")
    sentences = [block.strip()] if whole else re.split(r"(?<=[.!?])\s+(?=[A-Z*$(\[])", block.strip())
    number = next(number for number, sentence in enumerate(sentences) if mark in sentence)
    kept = [sentences[number]]
    if kept[0].startswith(_BACKWARD) and number:
        kept.insert(0, sentences[number - 1])
    passage = " ".join(kept)
    if kept[0].startswith(_BACKWARD) and not number and place and blocks[place - 1].startswith("$$"):
        passage = f"{blocks[place - 1]}\n\n{passage}"
    last = number == len(sentences) - 1
    if last and passage[-1] not in ".!?)" and place + 1 < len(blocks) and blocks[place + 1].startswith("$$"):
        passage = f"{passage}\n\n{blocks[place + 1]}"
    return passage


# --- pages


def claims_page() -> str:
    """Return the index of claims as Markdown."""
    claims, titles = read_claims(), _titles()
    lines = [
        MADE,
        "# All claims",
        "",
        f"The course checks {len(claims)} statements each time its notebooks run. A claim prints its statement, "
        "followed by the tolerance, or stops the notebook. *Compared* says what was asked of the two sides. *Against* "
        "says where the other side comes from, as far as the program text tells: a library, a method, a module of the "
        "course (shown elsewhere to agree with what a lesson writes out), or a formula, number or bound that stands in "
        "the cell.",
    ]
    lesson = None
    for claim in claims:
        if claim.lesson != lesson:
            lesson = claim.lesson
            lines += [
                "",
                f"## [{titles[lesson]}](../notebooks/{lesson})",
                "",
                "| statement | section | compared | against |",
                "|---|---|---|---|",
            ]
        compared = f"{claim.form}, {claim.tolerance}" if claim.tolerance else claim.form
        columns = (claim.statement, claim.section or "opening", compared, claim.oracle)
        lines.append(f"| {' | '.join(map(_cell, columns))} |")
    return "\n".join(lines) + "\n"


def glossary_page() -> str:
    """Return the glossary as Markdown."""
    terms, titles = read_terms(), _titles()
    lines = [
        MADE,
        "# Glossary",
        "",
        f"{len({term.name for term in terms})} terms, each in the words of the lesson that introduces it.",
    ]
    previous = None
    for term in terms:
        if term.name != previous:
            lines += ["", f"## {term.name}"]
            previous = term.name
        quoted = "\n".join(f"> {line}".rstrip() for line in _absolute(term.passage).splitlines())
        link = f"[{titles[term.lesson]}](../notebooks/{term.lesson}), {term.section or 'opening'}"
        lines += ["", quoted, ">", f"> — {link}"]
    return "\n".join(lines) + "\n"


def _titles() -> dict[str, str]:
    return {name: notebook.cells[0].source.splitlines()[0].removeprefix("# ") for name, notebook in lessons()}


def _cell(text: str) -> str:
    """Return a text as it can stand in a table's cell."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_") if "`" not in text else text


def _absolute(passage: str) -> str:
    """Return a passage whose links to other lessons work from the folder docs."""
    return re.sub(r"\]\((\d\d_[^)]*)\)", r"](../notebooks/\1)", passage)


PAGES = {
    "claims.md": claims_page,
    "glossary.md": glossary_page,
    "instructor/calendar.md": calendar_page,
    "published.md": lambda: published_page(_titles()),
}


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or check that they are current, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish.indexes", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; say which pages are not current")
    check = parser.parse_args(arguments).check
    pages = {name: make() for name, make in PAGES.items()}
    stale = [name for name, text in pages.items() if not _is(DOCS / name, text)]
    if check:
        for name in stale:
            print(f"docs/{name} is not current: run `make indexes`", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(pages[name], encoding="utf-8")
        print(f"docs/{name} written")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
