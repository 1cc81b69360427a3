"""Small changes of right answers: of an exercise's reference, its spellings and its notebook's solution.

A change that the check accepts must be no change at all: it must agree with the reference on fresh draws of the
exercise's law. Where it does not, the law, the probes or the extremes leave room for a wrong answer.
"""

import ast
import functools
from pathlib import Path

import nbformat

from course_utils.workshop import variants

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def of_tree(tree, build):
    """Yield (what was done, what `build` makes of the changed tree), each change once."""
    seen = {ast.unparse(tree)}
    for change in variants.changed_trees(tree):
        text = ast.unparse(ast.fix_missing_locations(tree))
        if text not in seen:
            seen.add(text)
            mutant = build(tree)
            if mutant:
                yield change.line, mutant


def of_function(function):
    """Yield (what was done, the mutant) for a function of a module and the private helpers it uses."""
    for change, mutant, helper in variants.variants(function):
        yield f"in {helper}, {change.line}" if helper else change.line, mutant


@functools.cache
def _cells():
    """Return for every exercise's name the source of its solution cell and the imports of its notebook."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        trees = [ast.parse(cell.source) for cell in code if not cell.source.lstrip().startswith(("%", "!"))]
        imports = [node for tree in trees for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        for cell in code:
            if "solution" in cell.metadata.get("tags", []):
                for node in ast.parse(cell.source).body:
                    if isinstance(node, ast.FunctionDef):
                        found[node.name] = (node, imports)
    return found


def of_solution(name):
    """Yield (what was done, the mutant) for the notebook's solution of an exercise."""
    tree, imports = _cells()[name]
    namespace = {}
    exec(compile(ast.fix_missing_locations(ast.Module(imports, [])), "imports", "exec"), namespace)
    tree.decorator_list, tree.returns = [], None
    yield from of_tree(tree, lambda changed: variants.built(changed, dict(namespace)))


def of_exercise(exercise):
    """Yield (whose, what was done, the mutant) for all right answers of an exercise."""
    answers = {"reference": exercise._reference, **exercise._spellings}
    for whose, function in answers.items():
        for what, mutant in of_function(function):
            yield whose, what, mutant
    for what, mutant in of_solution(exercise.name):
        yield "solution", what, mutant


def survivors(exercise, fresh=200):
    """Return how many mutants were tried, how many were accepted, and those accepted that are wrong on fresh draws."""
    tried, accepted, wrong = 0, 0, []
    inputs, before = exercise.fresh(1, fresh), exercise.seconds
    try:
        for whose, what, mutant in of_exercise(exercise):
            tried += 1
            exercise.seconds = 1.0  # some changes make a loop endless
            if exercise.accepts(mutant):
                accepted += 1
                exercise.seconds = 60.0  # this one ends; a busy machine must not make it look wrong
                if not exercise.accepts(mutant, inputs):
                    wrong.append(f"{whose}: {what}")
    finally:
        exercise.seconds = before
    return tried, accepted, wrong
