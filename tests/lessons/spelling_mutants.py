"""Small changes of right answers: of an exercise's reference, its spellings and its notebook's solution.

A change that the check accepts must be no change at all: it must agree with the reference on fresh draws of the
exercise's law. Where it does not, the law, the probes or the extremes leave room for a wrong answer.
"""

import ast
import copy
import functools
import inspect
import types
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

# --- the changes ------------------------------------------------------------------------------------------------------

_OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.MatMult: [],
    ast.Mod: [ast.FloorDiv],
}
_COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}
_NAMES = {
    "mean": ["sum"],
    "sum": ["mean"],
    "log": ["log1p"],
    "log1p": ["log"],
    "exp": ["expm1"],
    "expm1": ["exp"],
    "std": ["var"],
    "var": ["std"],
    "max": ["min"],
    "min": ["max"],
    "amax": ["amin"],
    "argmax": ["argmin"],
    "argmin": ["argmax"],
    "maximum": ["minimum"],
    "minimum": ["maximum"],
    "logsumexp": ["sum", "max"],
    "softmax": ["log_softmax"],
    "cumsum": ["cumprod"],
    "quantile": ["percentile"],
    "searchsorted": ["digitize"],
    "floor": ["ceil"],
    "ceil": ["floor"],
}
_TEXTS = {"right": "left", "left": "right"}
_AXES = {"axis", "dim", "keepdims", "keepdim"}


def _numbers(value):
    if isinstance(value, bool):
        return [not value]
    if not isinstance(value, (int, float)):
        return [_TEXTS[value]] if value in _TEXTS else []
    return [other for other in dict.fromkeys([value + 1, value - 1, 2 * value, 0, 1]) if other != value]


def _changes(node):
    """Yield (what was done, the new node) for one node of a syntax tree."""
    if isinstance(node, ast.BinOp):
        for other in _OPERATORS.get(type(node.op), []):
            yield "operator", ast.BinOp(node.left, other(), node.right)
        if not isinstance(node.op, (ast.Add, ast.Mult)):
            yield "operands swapped", ast.BinOp(node.right, node.op, node.left)
        yield "left operand alone", node.left
        yield "right operand alone", node.right
    elif isinstance(node, ast.UnaryOp):
        yield "sign dropped", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARISONS.get(type(node.ops[0]), []):
            yield "comparison", ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.Constant):
        for value in _numbers(node.value):
            yield f"{node.value!r} → {value!r}", ast.Constant(value)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        for other in _NAMES[node.attr]:
            yield f"{node.attr} → {other}", ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield "index dropped", node.value
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            yield "size → length", ast.Call(ast.Name("len", ast.Load()), [node.value.value], [])
            for size in (2, 3):
                yield f"size → {size}", ast.Constant(size)
    elif isinstance(node, ast.IfExp):
        yield "always the first", node.body
        yield "always the second", node.orelse
    elif isinstance(node, ast.Tuple) and len(node.elts) > 1 and isinstance(node.ctx, ast.Load):
        yield "order of a tuple", ast.Tuple(node.elts[::-1], node.ctx)
    elif isinstance(node, ast.Call):
        yield from _changed_calls(node)
    elif isinstance(node, ast.AugAssign):
        for other in _OPERATORS.get(type(node.op), []):
            yield "operator", ast.AugAssign(node.target, other(), node.value)
        yield "statement dropped", ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "statement dropped", ast.Pass()


def _changed_calls(node):
    method = isinstance(node.func, ast.Attribute)
    name = node.func.attr if method else getattr(node.func, "id", "")
    if name == "len" and not method:
        yield "length → last axis", ast.parse(f"({ast.unparse(node.args[0])}).shape[-1]", mode="eval").body
        for size in (1, 2, 3):
            yield f"length → {size}", ast.Constant(size)
    if len(node.args) > 1:
        yield "arguments swapped", ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    if node.args:
        yield f"{name} dropped", node.args[0]
    if method and not (isinstance(node.func.value, ast.Name) and node.func.value.id in {"np", "torch", "math", "F"}):
        yield f"{name} dropped", node.func.value
    for position, keyword in enumerate(node.keywords):
        others = [*node.keywords[:position], *node.keywords[position + 1 :]]
        yield f"{keyword.arg} dropped", ast.Call(node.func, node.args, others)
        if keyword.arg in _AXES:
            for value in (0, 1, -1, None):
                changed = ast.keyword(keyword.arg, ast.Constant(value))
                yield f"{keyword.arg} → {value}", ast.Call(node.func, node.args, [*others, changed])


class _Replace(ast.NodeTransformer):
    """Replace the node of one number by another."""

    def __init__(self, number, new):
        self.number, self.new = number, new

    def visit(self, node):
        """Replace, or go down."""
        return self.new if vars(node).get("number") == self.number else self.generic_visit(node)


def _changed_trees(tree):
    """Yield (what was done, the changed tree) for every change of every node."""
    body = tree.body if isinstance(tree, ast.Lambda) else ast.Module(tree.body, [])
    # not the operators and contexts: Python shares one object of each between all trees
    nodes = [node for node in ast.walk(body) if isinstance(node, (ast.expr, ast.stmt, ast.keyword))]
    for number, node in enumerate(nodes):
        node.number = number
    seen = {ast.unparse(tree)}
    for number, node in enumerate(nodes):
        for what, new in _changes(node):
            changed = _Replace(number, copy.deepcopy(new)).visit(copy.deepcopy(tree))
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text not in seen:
                seen.add(text)
                line = ast.unparse(node).splitlines()[0]
                yield f"{what}: {line} → {ast.unparse(ast.fix_missing_locations(new)).splitlines()[0]}", changed


# --- functions from source --------------------------------------------------------------------------------------------


@functools.cache
def _module_tree(path):
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def _tree_of(function):
    """Return the syntax tree of a function or lambda, found by its line and, among several lambdas, by its code."""
    code = function.__code__
    found = [
        node
        for node in ast.walk(_module_tree(inspect.getsourcefile(function)))
        if isinstance(node, (ast.FunctionDef, ast.Lambda))
        and node.lineno == code.co_firstlineno
        and [argument.arg for argument in node.args.posonlyargs + node.args.args]
        == list(code.co_varnames[: code.co_argcount])
    ]
    if len(found) > 1:
        found = [node for node in found if isinstance(node, ast.Lambda) and _code(node).co_code == code.co_code]
    assert found, f"the source of {function} was not found"
    return found[0]


def _code(tree):
    compiled = compile(ast.fix_missing_locations(ast.Expression(tree)), "mutant", "eval")
    return next(part for part in compiled.co_consts if isinstance(part, types.CodeType))


def _built(tree, namespace):
    """Return the function that a changed tree defines; None if it does not even compile."""
    try:
        if isinstance(tree, ast.Lambda):
            return eval(compile(ast.fix_missing_locations(ast.Expression(tree)), "mutant", "eval"), namespace)
        tree = copy.deepcopy(tree)
        tree.decorator_list, tree.returns = [], None
        exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "mutant", "exec"), namespace)
    except (SyntaxError, ValueError, TypeError):
        return None
    return namespace[tree.name]


def _rebound(namespace):
    """Return a copy of a module's names in which its own functions call each other through the copy."""
    own = dict(namespace)
    for name, value in namespace.items():
        if isinstance(value, types.FunctionType) and value.__globals__ is namespace:
            own[name] = _moved(value, own)
    return own


def _moved(function, namespace):
    moved = types.FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    moved.__kwdefaults__ = function.__kwdefaults__
    return moved


def _helpers(function):
    """Return the module's private functions that a function uses, also through others."""
    found, todo = {}, [function.__code__]
    while todo:
        code = todo.pop()
        todo += [part for part in code.co_consts if isinstance(part, types.CodeType)]
        for name in code.co_names:
            helper = function.__globals__.get(name)
            if (
                name.startswith("_")
                and name not in found
                and isinstance(helper, types.FunctionType)
                and helper.__globals__ is function.__globals__
            ):
                found[name] = helper
                todo.append(helper.__code__)
    return found


def of_function(function):
    """Yield (what was done, the mutant) for a function of a module and the private helpers it uses."""
    if not isinstance(function, types.FunctionType):
        return
    closure = inspect.getclosurevars(function).nonlocals
    for what, tree in _changed_trees(_tree_of(function)):
        mutant = _built(tree, {**_rebound(function.__globals__), **closure})
        if mutant:
            yield what, mutant
    for name, helper in _helpers(function).items():
        for what, tree in _changed_trees(_tree_of(helper)):
            namespace = _rebound(function.__globals__)
            if _built(tree, namespace):
                yield f"in {name}, {what}", _moved(function, namespace)


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
    for what, changed in _changed_trees(tree):
        mutant = _built(changed, dict(namespace))
        if mutant:
            yield what, mutant


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
