"""Wrong answers that people are expected to give to the exercises of lesson 09, and what they are told."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from told import assert_told

from course_utils.lessons.beta_vae import exercises as beta_vae
from course_utils.models.disentanglement import reverse_water_filling


def _with_error(variances, level):
    return level, np.minimum(variances, level).sum()


def _level_of(variances, described, budget):
    return _with_error(variances, np.exp(described.mean() - 2 * budget / len(described)))


def _right_level(variances, budget):
    logs = np.sort(np.log(variances))
    return next(
        answer
        for start in range(len(logs))
        for answer in [_level_of(variances, logs[start:], budget)]
        if np.log(answer[0]) <= logs[start] + 1e-12
    )


def _correlation(log_q, size, log_sum_exp):
    """The total correlation with another log-sum-exp over the images."""
    constant = math.log(len(log_q) * size)
    return (log_sum_exp(log_q.sum(-1)) - constant - (log_sum_exp(log_q) - constant).sum(-1)).mean()


def _naive(terms):
    return terms.exp().sum(1).log()


def _with_maximum_of_all(terms):
    return (terms - terms.max()).exp().sum(1).log() + terms.max()


def _with_maximum_of_the_draw(terms):
    largest = terms.flatten(1).max(1).values.reshape(-1, *[1] * (terms.ndim - 2))
    return (terms - largest[:, None]).exp().sum(1).log() + largest


def _smaller_than_the_best(information, entropies):
    gaps = []
    for column, entropy in zip(information.T, entropies, strict=True):
        rest = column[column < column.max()]
        gaps.append((column.max() - (rest.max() if rest.size else 0)) / entropy)
    return np.mean(gaps)


SLIPS = {
    "9.1 order": (beta_vae.two_bills, lambda e, c, b: beta_vae._bills(e, c, b)[::-1], "not in the order rate and"),
    "9.1 minus the ELBO left as it is": (
        beta_vae.two_bills, lambda e, c, b: ((c - e) / (b - 1), e - (c - e) / (b - 1)), "*minus* both bills",
    ),
    "9.1 1 − β": (
        beta_vae.two_bills, lambda e, c, b: ((c + e) / (1 - b), -e - (c + e) / (1 - b)), "the sign is opposite",
    ),
    "9.1 D without the price": (
        beta_vae.two_bills, lambda e, c, b: ((c + e) / (b - 1), c - (c + e) / (b - 1)), "D = loss − βR",
    ),
    "9.1 means": (
        beta_vae.two_bills, lambda e, c, b: tuple(part.mean() for part in beta_vae._bills(e, c, b)), "the mean of the",
    ),
    "9.1 one table": (beta_vae.two_bills, lambda e, c, b: torch.stack(beta_vae._bills(e, c, b)), "expected 2 values"),
    "9.1 in place": (
        beta_vae.two_bills, lambda e, c, b: (lambda r: (r, -e - r))(c.add_(e) / (b - 1)), "changes `loss` in place",
    ),
    "9.2 all at once": (
        beta_vae.water_level, lambda v, n: _level_of(v, np.log(v), n), "a negative rate",
    ),
    "9.2 cut off after the sum": (
        beta_vae.water_level,
        lambda v, n: _with_error(
            v, np.exp(optimize.brentq(lambda x: max(0, np.sum(np.log(v) - x) / 2) - n, -60, 60, xtol=1e-13))
        ),
        "a negative rate",
    ),
    "9.2 no half": (beta_vae.water_level, lambda v, n: _right_level(v, n / 2), "half of the budget"),
    "9.2 twice the half": (beta_vae.water_level, lambda v, n: _right_level(v, 2 * n), "2 × `budget`"),
    "9.2 the average variance": (
        beta_vae.water_level, lambda v, n: _with_error(v, v.mean() * np.exp(-2 * n / len(v))),
        "`variances` with each entry replaced by the mean",
    ),
    "9.2 order": (beta_vae.water_level, lambda v, n: _right_level(v, n)[::-1], "not in the order level and error"),
    "9.2 levels on a grid": (
        beta_vae.water_level,
        lambda v, n: _with_error(
            v, min(np.linspace(1e-3, v.max(), 500), key=lambda x: abs(np.maximum(np.log(v / x), 0).sum() / 2 - n))
        ),
        "Probe",
    ),
    "9.3 densities": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _naive), "no density is computed",
    ),
    "9.3 one maximum": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _with_maximum_of_all), "its own maximum",
    ),
    "9.3 maximum over the latents too": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _with_maximum_of_the_draw),
        "every latent by itself",
    ),
    "9.3 a small number": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(q, n, lambda terms: (terms.exp().sum(1) + 1e-300).log()),
        "Look at the small number",
    ),
    "9.3 over the latents": (
        beta_vae.minibatch_correlation,
        lambda q, n: (
            q.sum(2).logsumexp(1) - q.logsumexp(2).sum(1) + (len(q) - 1) * math.log(len(q) * n)
        ).mean(),
        "over the images j",
    ),
    "9.3 never negative": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(q, n, lambda terms: terms.logsumexp(1)).clamp(min=0), "below 0 set to 0",
    ),
    "9.3 without its own image": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(
            q.masked_fill(torch.eye(len(q))[..., None] == 1, -math.inf), n, lambda terms: terms.logsumexp(1)
        ),
        "includes j = i",
    ),
    "9.4 next smaller": (beta_vae.information_gap, _smaller_than_the_best, "know exactly the same"),
    "9.4 sign": (
        beta_vae.information_gap, lambda i, h: np.mean(np.diff(np.sort(i, axis=0)[:-3:-1], axis=0) / h), "sign",
    ),
    "9.4 the two smallest": (
        beta_vae.information_gap,
        lambda i, h: np.mean(np.diff(np.sort(i, axis=0)[:2], axis=0) / h), "−`information` in place of `information`",
    ),
    "9.4 one of the means": (
        beta_vae.information_gap,
        lambda i, h: np.diff(np.sort(i, axis=0)[-2:], axis=0).mean() / h.mean(), "its own entropy",
    ),
    "9.5 a jump without //": (beta_vae.warm_up, lambda s, n: 0 if s < n else 1, "rise a little with every step"),
    "9.5 integer division": (beta_vae.warm_up, lambda s, n: min(1, s // n), "`//` drops it"),
    "9.5 the larger": (beta_vae.warm_up, lambda s, n: max(1, s / n), "the larger of the two"),
    "9.5 no end": (beta_vae.warm_up, lambda s, n: s / n, "It must stay at 1"),
    "9.5 steps + 1": (beta_vae.warm_up, lambda s, n: min(1, s / (n + 1)), "`steps` + 1"),
    "9.5 rounded": (beta_vae.warm_up, lambda s, n: round(min(1, s / n), 3), "Probe"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def test_a_maximum_of_its_own_for_each_draw_and_latent_is_right():
    def log_sum_exp(terms):
        largest = terms.max(1).values
        return (terms - largest[:, None]).exp().sum(1).log() + largest

    verdict = beta_vae.minibatch_correlation.examine(lambda q, n: _correlation(q, n, log_sum_exp))
    assert verdict.correct, str(verdict)


def _level_by_newton(variances, budget):
    log_level = np.log(variances.min()) - 2 * budget
    for _ in range(len(variances) + 1):
        above = np.log(variances)[np.log(variances) > log_level]
        log_level = (above.sum() - 2 * budget) / len(above)
    return _with_error(variances, np.exp(log_level))


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (beta_vae.two_bills, lambda e, c, b: tuple(np.polyfit([1, b], [-e.numpy(), c.numpy()], 1))),
        (beta_vae.two_bills, lambda e, c, b: [((c + e) / (b - 1)).tolist(), ((c + b * e) / (1 - b)).tolist()]),
        (beta_vae.water_level, _right_level),
        (beta_vae.water_level, _level_by_newton),
        (
            beta_vae.water_level,
            lambda v, n: next(
                _with_error(v, level)
                for k in range(len(v), 0, -1)
                for level in [stats.gmean(np.sort(v)[-k:]) / np.exp(2 * n / k)]
                if level <= np.sort(v)[-k] * (1 + 1e-12)
            ),
        ),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 100))


def test_the_level_for_a_budget_costs_the_budget():
    for variances, budget in beta_vae.water_level.fresh(5, 30):
        level, error = beta_vae.water_level._reference(variances, budget)
        assert reverse_water_filling(variances, level) == pytest.approx((budget, error))
