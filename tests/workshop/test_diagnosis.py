"""What the errors have in common: generic slips on simple references, each told by its own relation."""

import math

import numpy as np
import pytest
from scipy import special

from course_utils.workshop.diagnosis import Case, diagnose
from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.verdicts import number


def _exercise(name, arguments, reference, law, probes=(), returns="result", **more):
    probes = list(probes) or [law(np.random.default_rng(7))]
    settings = {"misconceptions": [], "hints": []} | more
    return Exercise(name, arguments, returns, reference, probes, law=law, **settings)


def _table(rng):
    rows, columns = rng.integers(1, 6, 2)
    return (rng.normal(1.0, 2.0, (rows, columns)),)


def _wide(rng):
    rows, columns = rng.integers(2, 6, 2)
    return (rng.normal(0.0, 2.0, (rows + 1, columns)),)


def _log_density(data, mean, scale):
    return np.sum(-0.5 * np.log(2 * np.pi * scale**2) - 0.5 * ((data - mean) / scale) ** 2)


def _normal(rng):
    return rng.normal(0, 2, rng.integers(1, 7)), float(rng.normal()), float(rng.uniform(0.3, 3))


def _kl(mean, log_var):
    return 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=-1)


def _parameters(rng):
    shape = tuple(rng.integers(1, 4, 2))
    return rng.normal(0, 1.5, shape), rng.normal(0, 1, shape)


def _covariance(data):
    centred = data - data.mean(axis=0)
    return centred.T @ centred / len(data)


REFERENCES = {
    "sum of squares": _exercise("squares", ("data",), lambda data: np.sum(data**2), lambda rng: (_table(rng)[0][0],)),
    "log-density": _exercise("log_density", ("data", "mean", "scale"), _log_density, _normal),
    "softmax": _exercise(
        "softmax", ("logits",), lambda logits: special.softmax(logits, axis=1), _wide,
        extremes=[(np.array([[800.0, 0.0, -1.0], [3.0, -900.0, 2.0]]),)], stable="subtract the maximum of each row",
    ),
    "mean of the rows": _exercise("row_mean", ("data",), lambda data: data.mean(axis=0), _table),
    "covariance": _exercise("covariance", ("data",), _covariance, _wide),
    "cumulative sum": _exercise("running", ("data",), lambda data: np.cumsum(data, axis=0), _wide),
    "argmax": _exercise("winner", ("data",), lambda data: data.argmax(axis=1), _wide),
    "KL": _exercise(
        "kl", ("mean", "log_var"), _kl, _parameters, extremes=[(np.array([[0.0, 1e3]]), np.array([[-700.0, 30.0]]))],
    ),
}  # fmt: skip

GENERIC = {
    "twice": (lambda value: 2 * value, {"factor"}, "2 times the right one"),
    "half": (lambda value: 0.5 * value, {"factor"}, "½ times the right one"),
    "a stray weight": (lambda value: 0.00025 * value, {"factor"}, "0.00025 times the right one"),
    "π": (lambda value: math.pi * value, {"factor"}, "π times the right one"),
    "plus half": (lambda value: value + 0.5, {"constant"}, "too large by ½"),
    "minus one": (lambda value: value - 1, {"constant"}, "too small by 1"),
    "plus ½ log 2π": (lambda value: value + 0.5 * math.log(2 * math.pi), {"constant"}, "too large by ½ log 2π"),
    "sign": (lambda value: -value, {"sign"}, "sign is opposite"),
    "rounded constant": (lambda value: 1.0004 * value, {"digits"}, "Nearly right: about 3 digits"),
    "factor and constant": (lambda value: 2 * value + 3, {"factor and constant"}, "2 times the right one, plus 3"),
    "always zero": (lambda value: 0 * value, {"same answer"}, "0 everywhere"),
}


@pytest.mark.parametrize("slip", GENERIC)
@pytest.mark.parametrize("name", REFERENCES)
def test_a_generic_slip_is_told_on_every_reference(name, slip):
    exercise = REFERENCES[name]
    change, patterns, words = GENERIC[slip]
    verdict = exercise.examine(lambda *arguments: change(exercise._reference(*arguments)))
    assert verdict.pattern in patterns, str(verdict)
    assert words in verdict.detail


@pytest.mark.parametrize("name", REFERENCES)
def test_right_answers_get_no_sentence(name):
    verdict = REFERENCES[name].examine(lambda *arguments: REFERENCES[name]._reference(*arguments) * (1 + 1e-9))
    assert verdict.correct
    assert verdict.pattern == ""


SPECIAL = {
    "squares, averaged": (
        "sum of squares", lambda d: np.mean(d**2), "factor by input", "divided by the length of `data`"
    ),
    "squares, not squared": ("sum of squares", lambda d: np.sum(d), "one change", "a square left out"),
    "squares, root taken": ("sum of squares", lambda d: np.sqrt(np.sum(d**2)), "square root", "square root of the"),
    "squares, its inverse": ("sum of squares", lambda d: 1 / np.sum(d**2), "reciprocal", "reciprocal"),
    "squares, its log": ("sum of squares", lambda d: np.log(np.sum(d**2)), "logarithm", "the logarithm of the right"),
    "squares, squared": ("sum of squares", lambda d: np.sum(d**2) ** 2, "square", "the square of the right"),
    "squares, one by one": ("sum of squares", lambda d: d**2, "one change", "a sum left out"),
    "squares, N - 1": (
        "sum of squares", lambda d: np.sum(d**2) * len(d) / (len(d) + 1), "", "wrong on probe"
    ),
    "density, no 2π": (
        "log-density", lambda d, m, s: _log_density(d, m, s) + len(d) / 2 * math.log(2 * math.pi),
        "summand by input", "too large by ½ log 2π times the length of `data`",
    ),
    "density, averaged": (
        "log-density", lambda d, m, s: _log_density(d, m, s) / len(d), "factor by input",
        "divided by the length of `data`",
    ),
    "density, exponentiated": (
        "log-density", lambda d, m, s: np.exp(_log_density(d, m, s)), "exponential", "its logarithm"
    ),
    "density, variance for scale": (
        "log-density", lambda d, m, s: _log_density(d, m, np.sqrt(s)), "argument changed",
        "√`scale` in place of `scale`"
    ),
    "density, swapped": (
        "log-density", lambda d, m, s: _log_density(d, s, abs(m)), "arguments swapped",
        "`mean` and `scale` with their places exchanged"
    ),
    "density, negative mean": (
        "log-density", lambda d, m, s: _log_density(d, -m, s), "argument changed", "comes to the same here, −`mean`"
    ),
    "density, mean ignored": (
        "log-density", lambda d, m, s: _log_density(d, 0, s), "argument changed",
        "`mean` with each entry replaced by 0",
    ),
    "softmax, axis 0": ("softmax", lambda x: special.softmax(x, axis=0), "axis", "rows and columns exchanged"),
    "softmax, not normalised": (
        "softmax", lambda x: np.exp(x - x.max(axis=1, keepdims=True)), "normalisation", "Right up to normalisation"
    ),
    "softmax, log": ("softmax", lambda x: special.log_softmax(x, axis=1), "logarithm", "the logarithm of the right"),
    "softmax, unstable": (
        "softmax", lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True), "extremes",
        "Right except at extreme inputs",
    ),
    "softmax, transposed": ("softmax", lambda x: special.softmax(x, axis=1).T, "transposed", "transposed"),
    "softmax, negative": (
        "softmax", lambda x: special.softmax(-x, axis=1), "argument changed", "−`logits` in place of `logits`"
    ),
    "softmax, reversed": (
        "softmax", lambda x: special.softmax(x, axis=1)[:, ::-1], "reversed", "in reverse order along the last axis"
    ),
    "softmax, sorted": ("softmax", lambda x: np.sort(special.softmax(x, axis=1)), "sorted", "sorted"),
    "softmax, complement": ("softmax", lambda x: 1 - special.softmax(x, axis=1), "complement", "1 minus the right"),
    "row mean, axis": ("mean of the rows", lambda d: d.mean(axis=1), "axis", "rows and columns exchanged"),
    "row mean, sum": (
        "mean of the rows", lambda d: d.sum(axis=0), "factor by input", "times the number of rows of `data`"
    ),
    "row mean, wrong size": (
        "mean of the rows", lambda d: d.sum(axis=0) / d.shape[1], "factor by input",
        "times (the number of rows of `data`) / (the number of columns of `data`)"
    ),
    "row mean, all": ("mean of the rows", lambda d: d.mean(), "averaged", "mean of the right answer"),
    "row mean, column vector": (
        "mean of the rows", lambda d: d.mean(axis=0)[:, None], "shape", "axis of length 1 too much at the end"
    ),
    "covariance, N - 1": (
        "covariance", lambda d: np.cov(d.T).reshape(d.shape[1], d.shape[1]), "factor by input", "n/(n − 1)"
    ),
    "covariance, not divided": (
        "covariance", lambda d: _covariance(d) * len(d), "factor by input", "times the number of rows of `data`"
    ),
    "covariance, by D": (
        "covariance", lambda d: _covariance(d) / d.shape[1], "factor by input",
        "divided by the number of columns of `data`",
    ),
    "covariance, not centred": ("covariance", lambda d: d.T @ d / len(d), "one change", "a term left out"),
    "cumulative, axis": ("cumulative sum", lambda d: np.cumsum(d, axis=1), "axis", "rows and columns exchanged"),
    "cumulative, exclusive": (
        "cumulative sum", lambda d: np.cumsum(d, axis=0) - d, "shifted", "one place too late along the first axis"
    ),
    "cumulative, rolled": (
        "cumulative sum", lambda d: np.roll(np.cumsum(d, axis=0), 1, axis=0), "shifted", "one place too late"
    ),
    "cumulative, rolled back": (
        "cumulative sum", lambda d: np.roll(np.cumsum(d, axis=0), -1, axis=0), "shifted", "one place too early"
    ),
    "cumulative, backwards": (
        "cumulative sum", lambda d: np.cumsum(d[::-1], axis=0), "argument changed", "`data` in reverse order"
    ),
    "argmax, from 1": ("argmax", lambda d: d.argmax(axis=1) + 1, "constant", "too large by 1"),
    "argmax, argmin": ("argmax", lambda d: d.argmin(axis=1), "argument changed", "−`data` in place of `data`"),
    "argmax, axis": ("argmax", lambda d: d.argmax(axis=0), "axis", "rows and columns exchanged"),
    "KL, no half": ("KL", lambda m, v: 2 * _kl(m, v), "factor", "2 times the right one"),
    "KL, minus one forgotten": (
        "KL", lambda m, v: _kl(m, v) + m.shape[1] / 2, "summand by input",
        "too large by ½ times the number of columns of `mean`",
    ),
    "KL, mean over latents": (
        "KL", lambda m, v: _kl(m, v) / m.shape[1], "factor by input", "divided by the number of columns of `mean`"
    ),
    "KL, variance": (
        "KL", lambda m, v: _kl(m, np.log(v)), "argument changed", "log(`log_var`) in place of `log_var`"
    ),
    "KL, log scale": ("KL", lambda m, v: _kl(m, 2 * v), "argument changed", "2 × `log_var` in place of `log_var`"),
    "KL, swapped": ("KL", lambda m, v: _kl(v, m), "arguments swapped", "`mean` and `log_var` with their places"),
    "KL, total": ("KL", lambda m, v: _kl(m, v).sum(), "summed", "sum of the right answer over all"),
    "KL, wrong for one point": (
        "KL", lambda m, v: _kl(m, v) if len(m) > 1 else 0 * _kl(m, v) + 7.0, "some inputs",
        "the number of rows of `mean` is 1",
    ),
    "KL, random": (
        "KL", lambda m, v: _kl(m, v) + np.random.normal(size=len(m)), "own randomness", "Called twice"
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SPECIAL)
def test_a_particular_slip_is_told_by_what_is_seen(slip):
    name, answer, pattern, words = SPECIAL[slip]
    verdict = REFERENCES[name].examine(answer)
    assert not verdict.correct
    assert verdict.pattern == pattern, str(verdict)
    assert words in verdict.detail or words in verdict.title, str(verdict)


def _found(got, right, arguments=None, **more):
    arguments = arguments or {"data": np.ones(2)}
    cases = [Case(arguments, np.atleast_1d(g), np.atleast_1d(r)) for g, r in zip(got, right, strict=True)]
    return diagnose(cases, lambda one, other: np.isclose(one, other, rtol=1e-5, atol=1e-8, equal_nan=True), **more)


SMALL = np.array([1.0, -0.7, 0.4, -0.9])  # follows no relation with 1, 2, 3, 4


def test_an_answer_that_is_off_by_little_everywhere_is_called_close_and_says_by_how_much():
    right = [np.array([1.0, 2.0, 3.0, 4.0]), np.array([40.0, 10.0, 30.0, 20.0])]
    found = _found([one + 0.01 * one.max() * SMALL for one in right], right, confirmed=False)
    assert found.pattern == "nearly" and "reach 1 % of the largest number" in found.words
    assert "a small term is missing" in found.words and "approximates" in found.words


@pytest.mark.parametrize(
    "off", ["by more", "by more on one input", "not finite", "where all is zero", "in two numbers"]
)
def test_an_answer_that_is_not_close_on_every_input_is_not_called_close(off):
    right = [np.array([1.0, 2.0, 3.0, 4.0]), np.array([40.0, 10.0, 30.0, 20.0])]
    errors = [0.01 * one.max() * SMALL for one in right]
    if off == "by more":
        errors = [3 * error for error in errors]
    elif off == "by more on one input":
        errors[0] = 3 * errors[0]
    elif off == "not finite":
        errors[1][2] = np.inf
    elif off == "where all is zero":
        right, errors = [*right, np.zeros(2)], [*errors, np.array([1e-3, 2e-3])]
    else:
        errors = [errors[0] * [1, 1, 0, 0], 0 * errors[1]]
    found = _found([one + error for one, error in zip(right, errors, strict=True)], right, confirmed=False)
    assert found is None or found.pattern != "nearly"


def test_an_error_of_one_where_nothing_was_expected_is_not_nearly_right():
    assert _found([0.50001, 1.0, 2.0003, 3.0], [0.5, 0.0, 2.0, 3.0]) is None


@pytest.mark.parametrize(("got", "right"), [([4.0, 6.0], [2.0, 3.0]), ([0.0, 4.0, 6.0], [0.0, 2.0, 3.0])])
def test_two_informative_numbers_are_no_constant_factor(got, right):
    finding = _found(got, right)
    assert finding is None or finding.pattern != "factor"


def test_the_same_right_answer_everywhere_tells_neither_a_factor_nor_a_constant():
    finding = _found([3.0, 3.0, 3.0, 3.0], [2.0, 2.0, 2.0, 2.0])
    assert finding is None or finding.pattern not in {"factor", "constant"}


def test_a_size_in_place_of_another_is_no_missing_constant():
    """BIC-like: K components in D = 2 dimensions, with D where K belongs."""
    exercise = _exercise(
        "parameters",
        ("components", "dimensions"),
        lambda components, dimensions: components * (dimensions + 1) - 1,
        lambda rng: (int(rng.integers(1, 9)), int(rng.integers(1, 9))),
        probes=[(1, 2), (3, 2), (5, 2)],
    )
    verdict = exercise.examine(lambda components, dimensions: dimensions * (components + 1) - 1)
    assert verdict.pattern == "arguments swapped"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "½"), (2.0, "2"), (-1 / 3, "−1/3"), (math.pi, "π"), (math.sqrt(2 * math.pi), "√(2π)"), (-0.25, "−¼"),
        (math.log(2), "log 2"), (0.00025, "0.00025"), (1 / math.log(10), "1/log 10"), (17.0, "17"),
        (1.2345678, "1.235"),
    ],
)  # fmt: skip
def test_numbers_have_names(value, words):
    assert number(value) == words


# --- listed misconceptions --------------------------------------------------------------------------------------------


@pytest.fixture
def entropy():
    """Entropy of a Gaussian, with a misconception that is not finite in places."""
    return _exercise(
        "entropy",
        ("log_scale",),
        lambda log_scale: np.sum(log_scale) + len(log_scale) * 0.5 * (math.log(2 * math.pi) + 1),
        lambda rng: (rng.normal(0, 1, rng.integers(1, 6)),),
        misconceptions=[
            Misconception(
                "scale for its log",
                lambda log_scale: np.sum(np.log(log_scale)) + len(log_scale) * 0.5 * (math.log(2 * math.pi) + 1),
                "log_scale is a logarithm already.",
            ),
            Misconception("constant left out", lambda log_scale: np.sum(log_scale), "The constant is missing."),
        ],
    )


def _of_logs(log_scale):
    return np.sum(np.log(log_scale)) + len(log_scale) * 0.5 * (math.log(2 * math.pi) + 1)


def test_a_misconception_is_recognised_by_its_nans(entropy):
    verdict = entropy.examine(_of_logs)
    assert (verdict.kind, verdict.misconception) == ("misconception", "scale for its log")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: -value, "the sign is opposite"),
        (lambda value: 0.5 * value, "everything is multiplied by ½"),
        (lambda value: value + 2, "everything is plus 2"),
    ],
)
def test_a_misconception_and_something_else_are_two_things(entropy, change, words):
    verdict = entropy.examine(lambda log_scale: change(np.sum(log_scale)))
    assert (verdict.kind, verdict.misconception) == ("misconception", "constant left out"), str(verdict)
    assert verdict.detail.startswith("Two things: The constant is missing.")
    assert words in verdict.detail


def test_where_two_misconceptions_fit_equally_neither_is_asserted():
    exercise = _exercise(
        "total",
        ("data",),
        lambda data: np.sum(data),
        lambda rng: (rng.normal(size=3),),
        misconceptions=[
            Misconception("thirds", lambda data: np.sum(data) / 3, "You divide by 3."),
            Misconception("mean", lambda data: np.mean(data), "You take the mean."),
        ],
    )
    verdict = exercise.examine(lambda data: data.mean())
    assert (verdict.kind, verdict.pattern) == ("wrong", "factor")
    assert "You divide by 3." not in verdict.detail


def test_with_several_results_each_is_spoken_of():
    exercise = _exercise(
        "mean_and_spread",
        ("data",),
        lambda data: (data.mean(), data.std()),
        lambda rng: (rng.normal(size=rng.integers(2, 9)),),
        returns=("the mean", "the-spread"),
    )
    detail = exercise.examine(lambda data: (data.mean(), 2 * data.std())).detail
    assert "the-spread: Everywhere your answer is 2 times the right one" in detail
    assert "the mean: right." in detail
    assert exercise.examine(lambda data: (data.std(), data.mean())).pattern == "order"
    assert "as in `return the_mean, the_spread`" in exercise.examine(lambda data: data.mean()).detail


def test_the_first_difference_comes_last_and_shows_no_right_answer():
    verdict = REFERENCES["sum of squares"].examine(lambda data: np.sum(np.sin(data)))
    assert verdict.pattern == "experiment"
    assert "The answer is off by" in verdict.detail


def test_answers_that_differ_by_less_than_the_tolerance_are_one_answer():
    exercise = _exercise("total", ("data",), np.sum, lambda rng: (rng.normal(0, 3, 4),), atol=1e-4)
    verdict = exercise.examine(lambda data: 1e-7 * data[0])
    assert (verdict.pattern, verdict.correct) == ("same answer", False)
    assert "Your answer is 0 everywhere" in verdict.detail
