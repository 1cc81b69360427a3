"""Exercises, explorers and claims: what a reader does."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import (
    call_name,
    claims,
    code_cells,
    declared_exercises,
    explorer_cells,
    headings,
    lesson_module,
    lesson_number,
    parse,
    run_at_once,
    starters,
    tags,
    verdict,
)
from contracts.registry import rule
from course_utils.workshop.recall import as_markdown
from tools.execute import describe
from tools.publish.slide_types import ANSWER

MIN_MISCONCEPTIONS = 3
QUESTIONS = 3  # about earlier lessons, at the beginning of each lesson but the first


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
        if _calls_a_check(cell) and not tags(cell) & {"exercise", "solution", "recall"}:
            found.append(f"{describe(index, cell)} calls a check, but is tagged neither exercise, solution nor recall")
    return found


def _calls_a_check(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and any(call_name(node) == "check" for node in ast.walk(parse(cell)))


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
    declared = {exercise.name: exercise for exercise in declared_exercises(module)}
    found, used = [], set()
    for index, cell in starters(notebook):
        function, check = _starter(parse(cell))
        if function is None:
            continue
        attribute = check.split(".")[1]
        exercise = getattr(module, attribute, None)
        used.add(function.name)
        if exercise is None or declared.get(function.name) is not exercise:
            found.append(f"{describe(index, cell)} checks lesson.{attribute}; neither EXERCISES nor PROBLEMS has it")
        elif attribute != function.name:  # the checker tells the reader to type lesson.<name>.hint()
            found.append(f"{describe(index, cell)} checks lesson.{attribute}, not lesson.{function.name}")
        elif [argument.arg for argument in function.args.args] != list(exercise.arguments):
            found.append(f"{describe(index, cell)} takes other arguments than ({', '.join(exercise.arguments)})")
    return found + [f"the lesson declares {name}, which no cell asks for" for name in sorted(set(declared) - used)]


@rule
def recall(notebook: NotebookNode, path: Path) -> list[str]:
    """A lesson begins with three questions from earlier ones, as its module declares them, and unanswered."""
    number, questions = lesson_number(path), getattr(lesson_module(notebook), "RECALL", ())
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if "recall" in tags(cell)]
    if number == 0:
        return ["there is no lesson before this one to ask about"] if cells or questions else []
    found = []
    if [question.name for question in questions] != [f"{number}.{k}" for k in range(1, QUESTIONS + 1)]:
        found.append(f"RECALL must hold {QUESTIONS} questions, named {number}.1 to {number}.{QUESTIONS}")
    if len(cells) != 1:
        return [*found, f"{len(cells)} cells are tagged recall; there must be one"]
    index, cell = cells[0]
    name = describe(index, cell)
    if cell.source != "\n".join(f"lesson.RECALL[{k}].check(...)" for k in range(QUESTIONS)):
        found.append(f"{name} must hold {QUESTIONS} lines lesson.RECALL[k].check(...) and nothing else")
    words = notebook.cells[index - 1]
    if words.cell_type != "markdown" or words.source != as_markdown(questions):
        found.append(f"{name} must follow the text of its questions: course_utils.workshop.recall.as_markdown(RECALL)")
    if any(one.metadata.get("slideshow", {}).get("slide_type") != "skip" for one in (words, cell)):
        found.append(f"{name} and its text must have the slide type skip")
    said = [output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])]
    if len(said) != QUESTIONS or not all(text.startswith("○ Not attempted yet") for text in said):
        found.append(f"{name} must store {QUESTIONS} verdicts '○ Not attempted yet'")
    sections = [heading.cell for heading in headings(notebook) if heading.level == 2 and heading.text[0].isdigit()]
    if sections and index > sections[0]:
        found.append(f"{name} must stand before the first section")
    return found


@rule
def explorers(notebook: NotebookNode, path: Path) -> list[str]:
    """Predict, move, read: a question before every explorer, a picture in it, the answer folded after it."""
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
        if after is None or after.cell_type != "markdown" or not ANSWER.match(after.source):
            found.append(f"{name} must be followed by its answer: <details><summary>Answer</summary> … </details>")
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
    for exercise in declared_exercises(module):
        known = len(exercise.misconceptions)
        if known < MIN_MISCONCEPTIONS:
            found.append(f"the exercise {exercise.name} knows {known} misconceptions, fewer than {MIN_MISCONCEPTIONS}")
    return found
