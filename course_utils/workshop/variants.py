"""Small changes of a right formula: what people change by accident, made in the source of a right answer.

`changed_trees` makes them in a syntax tree and `variants` in a function and the private helpers that it uses. Each says
in words what was changed, without quoting the code. The checker compares a wrong answer with them (`one_change`), and
the tests hold that none of the `plain` ones is accepted.
"""

import ast
import copy
import functools
import inspect
import itertools
import types
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from course_utils.workshop import sealed


@dataclass(frozen=True)
class Change:
    """What was done to one node of a syntax tree.

    `words` say it to a reader ("" where no one would do it by accident), `rank` is small for common accidents, and
    `place` holds the names that occur in what was changed.
    """

    kind: str
    words: str
    rank: int
    old: ast.AST
    new: ast.AST
    place: frozenset = frozenset()

    @property
    def line(self):
        """The change as code, for the tests."""
        before, after = (ast.unparse(ast.fix_missing_locations(node)).splitlines()[0] for node in (self.old, self.new))
        return f"{self.kind}: {before} → {after}"


# --- the changes ------------------------------------------------------------------------------------------------------

_OPERATORS = {
    ast.Add: [(ast.Sub, "a minus where a plus belongs")],
    ast.Sub: [(ast.Add, "a plus where a minus belongs")],
    ast.Mult: [(ast.Div, "a division where a multiplication belongs")],
    ast.Div: [(ast.Mult, "a multiplication where a division belongs")],
    ast.Pow: [(ast.Mult, "a multiplication where a power belongs")],
    ast.FloorDiv: [(ast.Div, "a division that is not rounded down")],
    ast.MatMult: [],
    ast.Mod: [(ast.FloorDiv, "the quotient where the remainder belongs")],
}
_MORE_OPERATORS = {
    ast.Add: [(ast.Mult, "a product where a sum belongs")],
    ast.Mult: [(ast.Add, "a sum where a product belongs")],
    ast.Sub: [(ast.Div, "a quotient where a difference belongs")],
    ast.Div: [(ast.Sub, "a difference where a quotient belongs")],
}
_STRICT = "a comparison that decides the other way where both sides are equal"
_TURNED = "a comparison the other way round"
_COMPARISONS = {
    ast.Lt: [(ast.LtE, _STRICT), (ast.Gt, _TURNED)],
    ast.LtE: [(ast.Lt, _STRICT), (ast.GtE, _TURNED)],
    ast.Gt: [(ast.GtE, _STRICT), (ast.Lt, _TURNED)],
    ast.GtE: [(ast.Gt, _STRICT), (ast.LtE, _TURNED)],
    ast.Eq: [(ast.NotEq, _TURNED)],
    ast.NotEq: [(ast.Eq, _TURNED)],
}
_SUM, _MEAN = "a sum where a mean belongs", "a mean where a sum belongs"
_NAMES = {
    "mean": [("sum", _SUM)],
    "sum": [("mean", _MEAN)],
    "log": [("log1p", "log(1 + …) where log(…) belongs")],
    "log1p": [("log", "log(…) where log(1 + …) belongs")],
    "exp": [("expm1", "exp(…) − 1 where exp(…) belongs")],
    "expm1": [("exp", "exp(…) where exp(…) − 1 belongs")],
    "std": [("var", "a variance where a standard deviation belongs")],
    "var": [("std", "a standard deviation where a variance belongs")],
    "max": [("min", "the smallest where the largest belongs")],
    "min": [("max", "the largest where the smallest belongs")],
    "amax": [("amin", "the smallest where the largest belongs")],
    "argmax": [("argmin", "the place of the smallest where that of the largest belongs")],
    "argmin": [("argmax", "the place of the largest where that of the smallest belongs")],
    "maximum": [("minimum", "the smaller of two where the larger belongs")],
    "minimum": [("maximum", "the larger of two where the smaller belongs")],
    "logsumexp": [
        ("sum", "a plain sum where a log-sum-exp belongs"),
        ("max", "the largest term where a log-sum-exp belongs"),
    ],
    "softmax": [("log_softmax", "the logarithms of a softmax where the softmax itself belongs")],
    "cumsum": [("cumprod", "products where sums belong, one after another")],
    "quantile": [("percentile", "a share read as per cent")],
    "searchsorted": [("digitize", "")],
    "floor": [("ceil", "rounded up where rounding down belongs")],
    "ceil": [("floor", "rounded down where rounding up belongs")],
}
_MORE_NAMES = {
    "mean": [("median", "a median where a mean belongs"), ("max", "the largest where a mean belongs")],
    "sum": [("max", "the largest where a sum belongs"), ("prod", "a product where a sum belongs")],
    "nansum": [("nanmean", _MEAN)],
    "nanmean": [("nansum", _SUM)],
    "prod": [("sum", "a sum where a product belongs")],
    "max": [("mean", "the mean where the largest belongs"), ("sum", "a sum where the largest belongs")],
    "median": [("mean", "a mean where a median belongs")],
    "logsumexp": [("mean", "a plain mean where a log-sum-exp belongs")],
    "exp": [
        ("log", "a logarithm where an exponential belongs"),
        ("sqrt", "a square root where an exponential belongs"),
    ],
    "log": [
        ("exp", "an exponential where a logarithm belongs"),
        ("log2", "a logarithm to the base 2 where the natural one belongs"),
        ("log10", "a logarithm to the base 10 where the natural one belongs"),
        ("sqrt", "a square root where a logarithm belongs"),
    ],
    "sqrt": [("square", "a square where a square root belongs"), ("log", "a logarithm where a square root belongs")],
    "square": [("sqrt", "a square root where a square belongs"), ("abs", "an absolute value where a square belongs")],
    "abs": [("square", "a square where an absolute value belongs")],
    "cholesky": [("inv", "the inverse of a matrix where its Cholesky factor belongs")],
    "lgamma": [("log", "log(…) where log Γ(…) belongs")],
    "gammaln": [("log", "log(…) where log Γ(…) belongs")],
    "round": [("floor", "rounded down where rounding belongs")],
}
_LEFT_OUT = {
    "log": "a logarithm left out",
    "exp": "an exponential left out",
    "sqrt": "a square root left out",
    "square": "a square left out",
    "abs": "an absolute value left out",
    "absolute": "an absolute value left out",
    "sum": "a sum left out",
    "mean": "a mean left out",
    "cumsum": "a cumulative sum left out",
    "maximum": "a bound left out",
    "minimum": "a bound left out",
    "clip": "a bound left out",
    "clamp": "a bound left out",
    "clamp_min": "a bound left out",
    "sort": "the sorting left out",
    "sorted": "the sorting left out",
    "argsort": "the sorting left out",
    "softmax": "a softmax left out",
    "sigmoid": "a sigmoid left out",
    "inv": "an inverse left out",
    "round": "the rounding left out",
    "floor": "the rounding left out",
    "ceil": "the rounding left out",
    "log1p": "log(1 + …) left out",
    "lgamma": "log Γ(…) left out",
    "gammaln": "log Γ(…) left out",
    "outer": "an outer product left out",
    "cholesky": "a Cholesky factor left out",
    "diag": "a diagonal left out",
    "logsumexp": "a log-sum-exp left out",
}
_TEXTS = {"right": "left", "left": "right"}
_AXES = {"axis", "dim", "keepdims", "keepdim"}
_OTHER_AXIS, _ALL_AXES = "along another axis", "over all entries where one axis belongs"
_OTHER_SIZE = "a number of its own where a size of the input belongs"


def _numbers(value):
    """Yield (other value, words) for a constant."""
    if isinstance(value, bool):
        yield not value, ""
    elif isinstance(value, (int, float)):
        others = {
            value + 1: "a constant that is too large by 1",
            value - 1: "a constant that is too small by 1",
            2 * value: "a constant that is twice what it should be",
            0: "a constant set to 0",
            1: "a constant factor left out, or a constant set to 1",
        }
        yield from ((other, words) for other, words in others.items() if other != value)
    elif value in _TEXTS:
        yield _TEXTS[value], "the other side where two are equal"


def _plain(node, inside):
    """Yield (kind, words, rank, the new node) for the changes that every right answer must be told apart from."""
    if isinstance(node, ast.BinOp):
        for other, words in _OPERATORS.get(type(node.op), []):
            yield "operator", words, 1, ast.BinOp(node.left, other(), node.right)
        if not isinstance(node.op, (ast.Add, ast.Mult)):
            yield "operands swapped", _swapped_words(node.op), 2, ast.BinOp(node.right, node.op, node.left)
        yield "left operand alone", _dropped_words(node, "right"), 0, node.left
        yield "right operand alone", _dropped_words(node, "left"), 0, node.right
    elif isinstance(node, ast.UnaryOp):
        words = "a minus sign left out" if isinstance(node.op, ast.USub) else "a condition the other way round"
        yield "sign dropped", words, 0, node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other, words in _COMPARISONS.get(type(node.ops[0]), []):
            yield "comparison", words, 1, ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.Constant):
        for value, words in _numbers(node.value):
            words = _inside_words(inside, value, node.value, words)
            yield f"{node.value!r} → {value!r}", words, 3, ast.Constant(value)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        for other, words in _NAMES[node.attr]:
            yield f"{node.attr} → {other}", words, 1, ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield "index dropped", "an index left out", 4, node.value
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            length = ast.Call(ast.Name("len", ast.Load()), [node.value.value], [])
            yield "size → length", "another size of the input", 3, length
            for size in (2, 3):
                yield f"size → {size}", _OTHER_SIZE, 4, ast.Constant(size)
    elif isinstance(node, ast.IfExp):
        yield "always the first", "a distinction of two cases left out", 2, node.body
        yield "always the second", "a distinction of two cases left out", 2, node.orelse
    elif isinstance(node, ast.Tuple) and len(node.elts) > 1 and isinstance(node.ctx, ast.Load):
        words = "" if inside in ("index", "shape") else "two things in the other order"
        yield "order of a tuple", words, 3, ast.Tuple(node.elts[::-1], node.ctx)
    elif isinstance(node, ast.Call):
        yield from _changed_calls(node)
    elif isinstance(node, ast.AugAssign):
        for other, words in _OPERATORS.get(type(node.op), []):
            yield "operator", words, 1, ast.AugAssign(node.target, other(), node.value)
        yield "statement dropped", "a term or a step left out", 3, ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "statement dropped", "a step left out", 3, ast.Pass()


def _swapped_words(operator):
    if isinstance(operator, ast.Sub):
        return "the two sides of a difference exchanged"
    if isinstance(operator, (ast.Div, ast.FloorDiv)):
        return "what is divided and what divides exchanged"
    return "the order of a matrix product" if isinstance(operator, ast.MatMult) else "base and exponent exchanged"


def _dropped_words(node, side):
    """Return the words for a sum, a product or a power of which one side was left out."""
    dropped = getattr(node, side)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return "a term left out"
    if isinstance(node.op, ast.Mult):
        return "a constant factor left out" if isinstance(dropped, ast.Constant) else "a factor left out"
    if isinstance(node.op, (ast.Div, ast.FloorDiv)):
        if side == "left":
            return "only what divides, where a quotient belongs"
        return "the division by a constant left out" if isinstance(dropped, ast.Constant) else "a division left out"
    if isinstance(node.op, ast.Pow):
        if side == "left" or not isinstance(dropped, ast.Constant):
            return ""
        return {2: "a square left out", 0.5: "a square root left out"}.get(dropped.value, "a power left out")
    return "a factor of a matrix product left out" if isinstance(node.op, ast.MatMult) else ""


def _inside_words(inside, value, before, words):
    """Return the words for a changed constant, by what it stands for."""
    if inside in ("index", "range"):
        return "an index or a range off by one" if abs(value - before) == 1 else "another index"
    if inside == "axis":
        return "" if isinstance(value, bool) else _OTHER_AXIS
    if inside == "exponent":
        return "another exponent"
    return "" if inside == "shape" else words


def _changed_calls(node):
    method = isinstance(node.func, ast.Attribute)
    name = node.func.attr if method else getattr(node.func, "id", "")
    left_out = _LEFT_OUT.get(name, "")
    if name == "len" and not method:
        last = ast.Subscript(ast.Attribute(node.args[0], "shape", ast.Load()), ast.Constant(-1), ast.Load())
        yield "length → last axis", "another size of the input", 3, last
        for size in (1, 2, 3):
            words = "a size of the input left out, or taken to be 1" if size == 1 else _OTHER_SIZE
            yield f"length → {size}", words, 4, ast.Constant(size)
    if len(node.args) > 1:
        exchanged = [node.args[1], node.args[0], *node.args[2:]]
        words = "two arguments of a function exchanged"
        yield "arguments swapped", words, 3, ast.Call(node.func, exchanged, node.keywords)
    if node.args:
        yield f"{name} dropped", left_out, 1, node.args[0]
    if method and not (isinstance(node.func.value, ast.Name) and node.func.value.id in {"np", "torch", "math", "F"}):
        yield f"{name} dropped", left_out, 1, node.func.value
    for position, keyword in enumerate(node.keywords):
        others = [*node.keywords[:position], *node.keywords[position + 1 :]]
        along = keyword.arg in ("axis", "dim")
        words = _ALL_AXES if along else ("the divisor n where n − 1 belongs" if keyword.arg == "ddof" else "")
        yield f"{keyword.arg} dropped", words, 2, ast.Call(node.func, node.args, others)
        if keyword.arg in _AXES:
            for value in (0, 1, -1, None):
                changed = ast.keyword(keyword.arg, ast.Constant(value))
                words = (_ALL_AXES if value is None else _OTHER_AXIS) if along else ""
                yield f"{keyword.arg} → {value}", words, 2, ast.Call(node.func, node.args, [*others, changed])


def _further(node, names):
    """Yield changes that people make and that only help to recognise them; `names` are those of the arguments."""
    if isinstance(node, ast.Attribute):
        for other, words in _MORE_NAMES.get(node.attr, []):
            yield f"{node.attr} → {other}", words, 2, ast.Attribute(node.value, other, node.ctx)
    if isinstance(node, ast.BinOp):
        for other, words in _MORE_OPERATORS.get(type(node.op), []):
            yield "operator", words, 2, ast.BinOp(node.left, other(), node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("var", "std", "cov"):
        unbiased = ast.keyword("ddof", ast.Constant(1))
        rest = [keyword for keyword in node.keywords if keyword.arg != "ddof"]
        words = "the divisor n − 1 where n belongs"
        yield "ddof → 1", words, 1, ast.Call(node.func, node.args, [*rest, unbiased])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value:
        words = "a constant that is half of what it should be"
        yield "halved", words, 3, ast.Constant(node.value / 2)
        yield "negated", "a constant with the other sign", 3, ast.Constant(-node.value)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        for other in names:
            if other != node.id:
                words = "one argument where another belongs"
                yield f"{node.id} → {other}", words, 3, ast.Name(other, ast.Load())
    wrapped = isinstance(node, (ast.BinOp, ast.Call)) or (
        isinstance(node, (ast.Name, ast.Subscript)) and isinstance(node.ctx, ast.Load) and _is_value(node)
    )
    if wrapped:
        yield "doubled", "a part counted twice (a factor 2)", 3, ast.BinOp(node, ast.Mult(), ast.Constant(2.0))
        yield "halved", "a part counted half (a factor ½)", 3, ast.BinOp(node, ast.Mult(), ast.Constant(0.5))
        yield "negated", "a part with the opposite sign", 2, ast.UnaryOp(ast.USub(), node)
        yield "square added", "a square too many", 3, ast.BinOp(node, ast.Pow(), ast.Constant(2))
        yield "root added", "a square root too many", 3, ast.BinOp(node, ast.Pow(), ast.Constant(0.5))
        yield (
            "reciprocal",
            "a reciprocal (1 divided by a part) too many",
            4,
            ast.BinOp(node, ast.Pow(), ast.Constant(-1.0)),
        )
        yield "one more", "something too large by 1", 5, ast.BinOp(node, ast.Add(), ast.Constant(1))
        yield "one less", "something too small by 1", 5, ast.BinOp(node, ast.Sub(), ast.Constant(1))
        yield "exp added", "an exponential too many", 4, _call_of("_exp", node)
        yield "log added", "a logarithm too many", 4, _call_of("_log", node)
        yield "abs added", "an absolute value too many", 4, _call_of("_absolute", node)


def _call_of(name, node):
    return ast.Call(ast.Name(name, ast.Load()), [node], [])


def _is_value(node):
    root = node
    while isinstance(root, (ast.Subscript, ast.Attribute)):
        root = root.value
    return isinstance(root, ast.Name) and root.id not in {"np", "torch", "math", "F", "special", "stats", "linalg"}


def _applied(name):
    """Return exp, log or abs for numbers, arrays and tensors alike."""

    def apply(value):
        return getattr(value, name)() if hasattr(value, name) else getattr(np, name)(value)  # tensors have methods

    return apply


_ADDED = {"_exp": _applied("exp"), "_log": _applied("log"), "_absolute": _applied("absolute")}


def _standing(tree):
    """Yield (parent, field, position or None, node, what it stands inside) for everything that can be changed."""
    todo = [(tree, "")]
    while todo:
        parent, inside = todo.pop(0)
        for name, value in ast.iter_fields(parent):
            for position, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, (ast.expr, ast.stmt, ast.keyword, ast.comprehension)) and not _is_docstring(node):
                    now = _inside(parent, name, node, inside)
                    yield parent, name, position, node, now
                    todo.append((node, now))


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _inside(parent, name, node, inside):
    if name == "slice":
        return "index"
    if isinstance(parent, ast.keyword):
        return "axis" if parent.arg in (*_AXES, "ddof") else ""
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and name == "right":
        return "exponent"
    if isinstance(parent, ast.Call) and name == "args":
        called = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
        if called in ("range", "arange"):
            return "range"
        if called in ("reshape", "zeros", "ones", "view", "expand", "transpose", "permute", "swapaxes", "eye", "full"):
            return "shape"
        return ""
    return inside if isinstance(node, (ast.Constant, ast.UnaryOp, ast.Tuple, ast.Slice)) else ""


def changed_trees(tree, further=False) -> Iterator[Change]:
    """Make every change in `tree`, one at a time, and yield it while the tree is changed.

    Parameters
    ----------
    tree : ast.Lambda or ast.FunctionDef
        Changed in place, and put back when the next change is asked for.
    further : bool
        Make the changes that only help to recognise what someone did, in place of the plain ones.
    """
    names = [argument.arg for argument in tree.args.posonlyargs + tree.args.args] if hasattr(tree, "args") else []
    for parent, name, position, node, inside in list(_standing(tree)):
        holder = getattr(parent, name)
        for kind, words, rank, new in _further(node, names) if further else _plain(node, inside):
            used = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
            change = Change(kind, words, rank, node, new, used)
            try:
                _put(parent, name, position, holder, new)
                yield change
            finally:
                _put(parent, name, position, holder, node)


def _put(parent, name, position, holder, node):
    if position is None:
        setattr(parent, name, node)
    else:
        holder[position] = node


# --- functions from source --------------------------------------------------------------------------------------------


@functools.cache
def _module_tree(path):
    return ast.parse(sealed.text(path))


def tree_of(function):
    """Return the syntax tree of a function or lambda, found by its line and, among several lambdas, by its code.

    Raises
    ------
    LookupError
        If there is no source, or the function does not stand in it.
    """
    code = function.__code__
    try:
        module = _module_tree(sealed.source_file(function))
    except (TypeError, OSError, SyntaxError) as error:  # frozen, or typed in
        raise LookupError(f"the source of {function} was not found") from error
    found = [
        node
        for node in ast.walk(module)
        if isinstance(node, (ast.FunctionDef, ast.Lambda))
        and node.lineno == code.co_firstlineno
        and [argument.arg for argument in node.args.posonlyargs + node.args.args]
        == list(code.co_varnames[: code.co_argcount])
    ]
    if len(found) > 1:
        found = [node for node in found if isinstance(node, ast.Lambda) and _code(node).co_code == code.co_code]
    if not found:
        raise LookupError(f"the source of {function} was not found")
    tree = copy.deepcopy(found[0])
    if isinstance(tree, ast.FunctionDef):
        tree.decorator_list, tree.returns = [], None
    return tree


def _code(tree):
    compiled = compile(ast.fix_missing_locations(ast.Expression(tree)), "variant", "eval")
    return next(part for part in compiled.co_consts if isinstance(part, types.CodeType))


def built(tree, namespace):
    """Return the function that a tree defines within `namespace`; None if it does not even compile."""
    try:
        if isinstance(tree, ast.Lambda):
            return eval(compile(ast.fix_missing_locations(ast.Expression(tree)), "variant", "eval"), namespace)
        exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "variant", "exec"), namespace)
    except (SyntaxError, ValueError, TypeError):
        return None
    return namespace[tree.name]


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


def _names_in(node):
    return {getattr(node, "attr", None), getattr(node, "id", None)}


def variants(function, further=False, safe=False) -> Iterator[tuple[Change, types.FunctionType, str]]:
    """Yield (the change, the changed function, the helper it was made in or "") for a function and its helpers.

    Nothing is yielded for what has no source. With `safe`, functions are left out in which a change could do harm: an
    endless `while`, or LAPACK's own messages on the screen. `further` is explained at `changed_trees`.
    """
    if not isinstance(function, types.FunctionType):
        return
    closure, helpers = inspect.getclosurevars(function).nonlocals, _helpers(function)
    for name, changed in itertools.chain([("", function)], helpers.items()):
        try:
            tree = tree_of(changed)
        except LookupError:
            continue
        if safe and any(isinstance(node, ast.While) or "lstsq" in _names_in(node) for node in ast.walk(tree)):
            continue
        for change in changed_trees(tree, further):
            namespace = {**function.__globals__, **_ADDED}
            if name:
                for other, helper in helpers.items():  # they call each other, and the changed one, by the new names
                    namespace[other] = _moved(helper, namespace)
                if built(tree, namespace):
                    yield change, _moved(function, namespace), name
            else:
                variant = built(tree, namespace | closure)
                if variant:
                    yield change, variant, ""


__all__ = ["Change", "built", "changed_trees", "tree_of", "variants"]
