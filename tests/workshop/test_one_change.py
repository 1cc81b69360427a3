"""A wrong answer that is a right formula with one small change is told which, from what was seen alone."""

import ast
import math
import time

import numpy as np
import pytest
import torch

from course_utils.workshop import variants
from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.one_change import changes_that_fit

# the reader's own code is written apart from the reference: what is compared are numbers


def _kl(mean_q, log_var_q, mean_p, log_var_p):
    ratio = np.exp(log_var_q - log_var_p)
    return 0.5 * np.sum(log_var_p - log_var_q + ratio + (mean_q - mean_p) ** 2 / np.exp(log_var_p) - 1)


def _four(rng):
    return tuple(rng.normal(size=(4, rng.integers(1, 6))))


def _exercise(reference, law, arguments, **more):
    settings = {"misconceptions": [], "hints": [], "returns": "result"} | more
    probes = settings.pop("probes", [law(np.random.default_rng(7))])
    return Exercise("exercise", arguments, settings.pop("returns"), reference, probes, law=law, **settings)


def _kl_exercise(**more):
    return _exercise(_kl, _four, ("mean_q", "log_var_q", "mean_p", "log_var_p"), **more)


def _slip(change):
    """The KL divergence of one dimension with `change` made in it, summed by a loop."""
    return lambda *arguments: sum(change(*numbers) for numbers in zip(*arguments, strict=True)) / 2


_BEGINNING = "Your numbers are those of the right formula with one change"
SLIPS = {
    "a square": (lambda m, v, n, w: w - v + np.exp(v - w) + (m - n) * np.exp(-w) - 1, "a square left out"),
    "no division": (lambda m, v, n, w: w - v + np.exp(v - w) + (m - n) ** 2 - 1, "a division left out"),
    "a plus": (
        lambda m, v, n, w: w - v + np.exp(v + w) + (m - n) ** 2 * np.exp(-w) - 1, "a plus where a minus belongs",
    ),
    "a product": (
        lambda m, v, n, w: w - v + np.exp(v - w) + (m - n) ** 2 * np.exp(w) - 1,
        "a multiplication where a division belongs",
    ),
    "no exponential": (
        lambda m, v, n, w: w - v + np.exp(v - w) + (m - n) ** 2 / w - 1,
        "an exponential left out, in a part with `log_var_p`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_one_change_is_told_in_words(slip):
    change, words = SLIPS[slip]
    verdict = _kl_exercise().examine(_slip(change))
    assert verdict.pattern == "one change", str(verdict)
    assert verdict.detail.startswith(_BEGINNING)
    assert words in verdict.detail


def test_two_changes_are_not_one():
    verdict = _kl_exercise().examine(_slip(lambda m, v, n, w: w + v + np.exp(v - w) + abs(m - n) * np.exp(-w) - 1))
    assert verdict.pattern == ""
    assert _BEGINNING not in verdict.detail


def _shown(node):
    return ast.unparse(ast.fix_missing_locations(node))


def test_no_code_of_a_right_answer_is_shown():
    tree = variants.tree_of(_kl)
    for further in (False, True):
        for change in variants.changed_trees(tree, further):
            shown = _shown(change.new)
            assert len(shown) < 6 or shown not in change.words


def test_the_tree_is_put_back_after_every_change():
    tree = variants.tree_of(_kl)
    before = _shown(tree)
    changed = {_shown(tree) for further in (False, True) for _ in variants.changed_trees(tree, further)}
    assert len(changed) > 100
    assert before not in changed
    assert _shown(tree) == before


@pytest.mark.parametrize(
    ("source", "further", "changed", "words"),
    [
        ("lambda x: x.mean(axis=0)", False, "lambda x: x.sum(axis=0)", "a sum where a mean belongs"),
        ("lambda x: x.mean(axis=0)", False, "lambda x: x.mean(axis=1)", "along another axis"),
        ("lambda x: x.mean(axis=0)", False, "lambda x: x.mean()", "over all entries where one axis belongs"),
        ("lambda x: x[1:] / len(x)", False, "lambda x: x[2:] / len(x)", "off by one"),
        ("lambda x: x[1:] / len(x)", False, "lambda x: x[1:] / 2", "a number of its own where a size"),
        ("lambda x: x[1:] / len(x)", False, "lambda x: len(x) / x[1:]", "divides exchanged"),
        ("lambda x, y: (x, y < x)", False, "lambda x, y: (x, y <= x)", "where both sides are equal"),
        ("lambda x, y: (x, y < x)", False, "lambda x, y: (y < x, x)", "in the other order"),
        ("lambda x, y: (x, y < x)", True, "lambda x, y: (y, y < x)", "one argument where another belongs"),
        ("lambda x: 0.5 * x", False, "lambda x: 1.5 * x", "too large by 1"),
        ("lambda x: 0.5 * x", False, "lambda x: x", "a constant factor left out"),
        ("lambda x: 0.5 * x", True, "lambda x: 0.5 * x ** 2", "a square too many"),
        ("lambda x: x.var()", True, "lambda x: x.var(ddof=1)", "n − 1 where n belongs"),
    ],
)
def test_every_kind_of_change_has_its_words(source, further, changed, words):
    tree = ast.parse(source, mode="eval").body
    told = {_shown(tree): change.words for change in variants.changed_trees(tree, further)}
    assert words in told[changed]


def _vector(rng):
    return (rng.normal(size=rng.integers(2, 6)),)


def _product_less_one(first, second):
    return first * second - 1


def test_several_changes_that_fit_are_given_as_an_instance():
    cases = [(2.0, 3.0), (-1.0, 4.0), (0.5, 5.0)]
    exercise = _exercise(_product_less_one, lambda rng: tuple(rng.normal(size=2)), ("first", "second"))
    right = [(np.array(_product_less_one(*case)),) for case in cases]
    found = changes_that_fit(exercise, cases, [(np.array(first * second),) for first, second in cases], right)
    assert found[0].words == f"{_BEGINNING}, for instance: a term left out."
    found = changes_that_fit(exercise, cases, [(np.array(first / second - 1),) for first, second in cases], right)
    assert found[0].words == f"{_BEGINNING}: a division where a multiplication belongs."


def test_two_numbers_are_no_evidence_of_a_change():
    exercise = _exercise(_product_less_one, lambda rng: tuple(rng.normal(size=2)), ("first", "second"))
    cases = [(2.0, 3.0), (-1.0, 4.0)]
    answers, right = [(np.array(6.0),), (np.array(-4.0),)], [(np.array(5.0),), (np.array(-5.0),)]
    assert changes_that_fit(exercise, cases, answers, right) == {}


def _root(value):
    guess = 1.0 + abs(value)  # the diagnosis tries other arguments than those promised
    while abs(guess * guess - abs(value)) > 1e-12 * (1 + abs(value)):
        guess = 0.5 * (guess + abs(value) / guess)
    return guess


def test_functions_that_a_change_can_make_endless_are_left_out():
    assert list(variants.variants(_root))
    assert not list(variants.variants(_root, safe=True))
    exercise = _exercise(_root, lambda rng: (float(rng.uniform(1, 9)),), ("value",))
    began = time.monotonic()
    verdict = exercise.examine(lambda value: math.sin(value))
    assert time.monotonic() - began < 3
    assert verdict.pattern == ""


def test_a_change_that_takes_too_long_is_stopped_and_not_tried_again():
    def reference(size):
        return float(len(range(int(size))) and sum(range(int(size) * 10**4)))  # its changes take long

    exercise = _exercise(reference, lambda rng: (int(rng.integers(50, 60)),), ("size",), draws=2)
    began = time.thread_time()
    assert not exercise.examine(lambda size: math.sin(size)).correct
    assert time.thread_time() - began < 4


def test_an_exercise_without_source_is_checked_all_the_same():
    namespace = {}
    exec("def typed(values):\n    return (values ** 2).sum()", namespace)
    exercise = _exercise(namespace["typed"], _vector, ("values",))
    verdict = exercise.examine(lambda values: np.sum(np.sin(values)))
    assert (verdict.kind, verdict.pattern) == ("wrong", "experiment")


def test_a_right_answer_is_compared_with_no_change():
    exercise = _kl_exercise()
    assert exercise.examine(lambda *arguments: _kl(*arguments)).correct
    assert "changed" not in exercise._known
    assert "fresh" not in exercise._known


def test_a_change_within_a_private_helper_and_in_tensors_is_found():
    exercise = _exercise(
        lambda mean: _spread(mean) + mean.sum(), lambda rng: (torch.tensor(rng.normal(size=rng.integers(2, 6))),),
        ("mean",),
    )  # fmt: skip
    verdict = exercise.examine(lambda mean: sum(abs(value) for value in mean) + sum(mean))
    assert "a square too many" not in verdict.detail
    verdict = exercise.examine(lambda mean: mean.exp().sum() + mean.sum())
    assert verdict.detail.startswith(_BEGINNING), str(verdict)
    assert "a square left out" in verdict.detail


def _spread(values):
    return (values.exp() ** 2).sum()


# --- findings hold on fresh draws -------------------------------------------------------------------------------------


def test_wrong_exactly_where_is_not_said_by_coincidence():
    """On the probes the answer is wrong where the result is above 1; on fresh draws it is not so."""
    probes = [(np.array([0.2]),), (np.array([0.3]),), (np.array([0.5]),), (np.array([2.0, 3.0]),)]
    probes += [(np.array([4.0, 1.0]),)]
    exercise = _exercise(
        lambda values: np.sum(values**2), lambda rng: (rng.uniform(0, 0.4, size=rng.integers(1, 4)),), ("values",),
        probes=probes, draws=0,
    )  # fmt: skip
    verdict = exercise.examine(lambda values: values[0] ** 2 + np.sin(values[1:]).sum())
    assert "Wrong exactly where the right answer is above 1" not in verdict.detail
    assert "Wrong exactly where the length of `values` is more than 1" in verdict.detail


def test_nan_against_nan_is_no_evidence():
    def per_label(values, labels):
        return np.array([np.nan if label < 0 else values[label] for label in labels])

    exercise = _exercise(
        per_label, lambda rng: (rng.normal(size=4), rng.integers(0, 4, 3)), ("values", "labels"), draws=4
    )
    verdict = exercise.examine(lambda values, labels: np.full(len(labels), np.nan))
    assert "places exchanged" not in verdict.detail
    assert verdict.kind == "not_finite"


def test_a_size_is_named_before_the_kind_of_answer_it_brings():
    exercise = _exercise(
        lambda data: np.atleast_1d(np.var(data)), _vector, ("data",),
        probes=[(np.array([2.0]),), (np.array([5.0]),), (np.array([1.0, 4.0]),)],
    )  # fmt: skip
    verdict = exercise.examine(lambda data: np.atleast_1d(np.var(data)) if len(data) > 1 else np.array([np.nan]))
    assert "Wrong exactly where the length of `data` is 1" in verdict.detail


# --- results in another order -----------------------------------------------------------------------------------------


def _three(values):
    return values.sum(), (values**2).sum(), values.max()


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((2, 1, 0), "the first and the third have changed places"),
        ((0, 2, 1), "the second and the third have changed places"),
        ((1, 2, 0), "you return square, largest and total"),
    ],
)
def test_any_other_order_is_told(order, words):
    exercise = _exercise(_three, _vector, ("values",), returns=("total", "square", "largest"))
    verdict = exercise.examine(lambda values: tuple(_three(values)[k] for k in order))
    assert verdict.pattern == "order"
    assert words in verdict.detail


def test_a_result_in_the_place_of_another_is_told():
    exercise = _exercise(_three, _vector, ("values",), returns=("total", "square", "largest"))
    verdict = exercise.examine(lambda values: (values.sum(), values.max(), values.max()))
    assert verdict.detail.startswith("square: These are the right numbers for the largest.")


# --- nearly right, and right but at extremes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words", "other"),
    [
        (lambda data: data + 1e-6, "where the right answer is 0 yours is off by up to 1e-06", "digits agree"),
        (lambda data: data * (1 + 1e-10), "a tiny number is added", "float32"),
        (lambda data: data.astype(np.float32), "single precision", "tiny"),
    ],
)
def test_nearly_right_is_told_by_its_digits(answer, words, other):
    exercise = _exercise(
        lambda data: data.copy(), lambda rng: (rng.normal(1e3, 1e2, 4) * np.array([0, 1, 1, 1]),), ("data",),
        rtol=1e-8 if "digits" in words else 1e-12 if "tiny" in words or "precision" in words else 1e-5, atol=1e-12,
    )  # fmt: skip
    verdict = exercise.examine(answer)
    assert verdict.pattern == "digits", str(verdict)
    assert words in verdict.detail
    assert other not in verdict.detail


def _softplus(value):
    return np.logaddexp(0, value)


def _held(value, limit=30):
    return np.log1p(np.exp(np.clip(value, -limit, limit)))


@pytest.mark.parametrize(
    ("answer", "words", "unwanted"),
    [
        (
            lambda value: np.log1p(np.exp(value)),
            "numerically unstable: it is not finite there. The stable way",
            "Look at",
        ),
        (lambda value: _held(value), "Look at the bound in your function", "stable way"),
        (lambda value: np.log1p(np.exp(min(value, 40))), "Look at the bound in your function", "unstable"),
        (
            lambda value: -np.log(1 / (1 + np.exp(value)) + 1e-12),
            "Look at the small number in your function: does it matter there? The stable way, which needs none: logadd",
            "unstable",
        ),
    ],
)
def test_a_bound_is_no_instability(answer, words, unwanted):
    exercise = _exercise(
        _softplus, lambda rng: (float(rng.normal()),), ("value",), extremes=[(1e3,), (900.0,)], stable="logaddexp"
    )
    verdict = exercise.examine(answer)
    assert verdict.pattern == "extremes"
    assert words in verdict.detail
    assert unwanted not in verdict.detail


@pytest.mark.parametrize(
    ("answer", "words", "unwanted"),
    [
        (lambda x: (x**2 + 1e-6).sqrt().sum(), "slightly off. A small number added, a bound", "counted twice"),
        (lambda x: (x.abs() + x.abs().detach()).sum() / 2, "cut off from it or counted twice does this", "slightly"),
    ],
)
def test_a_wrong_gradient_is_told_by_its_size(answer, words, unwanted):
    exercise = _exercise(
        lambda x: x.abs().sum(), lambda rng: (torch.tensor(rng.uniform(0.5, 1, 3) * np.array([200, 0.1, 3])),),
        ("x",), gradients=("x",),
    )  # fmt: skip
    verdict = exercise.examine(answer)
    assert verdict.kind == "gradient", str(verdict)
    assert words in verdict.detail
    assert unwanted not in verdict.detail


def test_one_change_comes_before_two_slips():
    exercise = _exercise(
        lambda fit, count: -2 * fit + 3 * np.log(count), lambda rng: (float(rng.normal()), int(rng.integers(2, 90))),
        ("fit", "count"),
        misconceptions=[Misconception("half", lambda fit, count: -fit + 3 * np.log(count), "The 2 is missing.")],
    )  # fmt: skip
    verdict = exercise.examine(lambda fit, count: 2 * (3 * np.log(count)) - 2 * fit)
    assert verdict.kind == "wrong"
    assert "Two things" not in verdict.detail
