"""What is said of a wrong function by how it responds when an argument changes."""

import numpy as np
import pytest
import torch

from course_utils.workshop.exercises import Exercise


def _exercise(name, arguments, reference, law, returns="result"):
    probes = [law(np.random.default_rng(1))]
    return Exercise(name, arguments, returns, reference, probes, [], [], law=law)


def _weighted_law(rng):
    size = rng.integers(2, 6)
    return rng.normal(0, 2, size), rng.dirichlet(np.ones(size))


def _weighted(values, weights):
    mean = weights @ values
    return weights @ (values - mean) ** 2


SPREAD = _exercise("spread", ("values", "weights"), _weighted, _weighted_law)
FLAGS = _exercise(
    "flags", ("known", "new", "share"), lambda known, new, share: new < np.quantile(known, share),
    lambda rng: (rng.normal(size=9), rng.normal(size=6), float(rng.uniform(0.2, 0.8))),
)  # fmt: skip
LOGS = _exercise("logs", ("values",), lambda values: np.log(np.sum(np.exp(values))), lambda rng: (rng.normal(0, 2, 4),))
RANKS = _exercise("ranks", ("values",), lambda values: np.abs(values) ** 1.5, lambda rng: (rng.normal(size=5),))
TENSORS = _exercise(
    "tensors", ("mean", "log_var"), lambda mean, log_var: (mean**2 + log_var.exp() - log_var).sum(-1),
    lambda rng: (torch.tensor(rng.normal(size=(4, 3))), torch.tensor(rng.normal(size=(4, 3)))),
)  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (SPREAD, lambda v, w: np.sum(np.sin(v - v.mean())), "`weights` makes no difference to your answer"),
        (SPREAD, lambda v, w: np.sin(v[:-1] - w[:-1] @ v[:-1]) @ w[:-1], "The last entry of `values` makes no differ"),
        (SPREAD, lambda v, w: w @ np.sin(v) ** 2, "Adding one number to all of `values` changes your answer"),
        (SPREAD, lambda v, w: w @ np.abs(v - w @ v) ** 1.5, "is doubled, the right answer is multiplied by 4"),
        (SPREAD, lambda v, w: w**3 @ (v - v.mean()) ** 2 / sum(w**3), "soon as all entries of `weights` are equal"),
        (FLAGS, lambda k, n, s: n < k[int(len(k) * s)], "The order of the entries of `known` changes your answer"),
        (RANKS, lambda v: np.sin(v) - v.mean(), "When the first entry of `values` changes, your answers for the"),
        (FLAGS, lambda k, n, s: n < np.median(k) + 0.3, "`share` makes no difference"),
        (LOGS, lambda v: np.sum(np.sin(v)), "the right answer grows by just that number"),
        (TENSORS, lambda m, lv: (m**2 + torch.sin(lv) + 1).sum(-1), "every entry of `log_var` is 0"),
    ],
)  # fmt: skip
def test_what_was_seen_is_said(exercise, answer, words):
    verdict = exercise.examine(answer)
    assert verdict.kind == "wrong"
    assert words in verdict.detail, str(verdict)
    assert verdict.detail.splitlines()[-1].startswith("Probe"), "the first difference is shown as well"


def test_zeros_that_rounding_left_are_no_merit():
    def right(values, weights):
        return _weighted(values, weights) + 1e-20 * np.abs(values).sum()

    def squares(values, weights):
        return right(values, weights**2 / sum(weights**2))

    verdict = _exercise("spread", ("values", "weights"), right, _weighted_law).examine(squares)
    assert "as soon as all entries of `weights` are equal" in verdict.detail, str(verdict)
    assert "`values` are equal" not in verdict.detail


def test_each_of_several_results_has_its_own_words():
    exercise = _exercise(
        "two", ("values", "weights"), lambda v, w: (w @ v, _weighted(v, w)), _weighted_law, ("mean", "variance")
    )
    verdict = exercise.examine(lambda v, w: (w @ v, np.sum(np.sin(v - v.mean()))))
    assert "variance: `weights` makes no difference" in verdict.detail
    assert "mean: right." in verdict.detail


def test_nothing_is_said_where_the_answer_responds_as_the_right_one_does():
    exercise = _exercise("powers", ("values",), lambda v: np.exp(v).sum(), lambda rng: (rng.normal(size=6),))
    verdict = exercise.examine(lambda values: np.sum(np.exp(values)) + np.cos(np.sum(values)))
    assert (verdict.kind, verdict.pattern) == ("wrong", "")


def test_a_function_that_raises_elsewhere_is_told_what_is_known_all_the_same():
    seen = []

    def once(values):
        if len(seen) > 60:
            raise ValueError("enough")
        seen.append(1)
        return float(np.sum(np.sin(values)))

    assert LOGS.examine(once).kind == "wrong"
