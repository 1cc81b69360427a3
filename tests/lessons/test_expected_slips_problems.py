"""Answers to the problems that nobody listed: wrong ones and what they are told, right ones in odd spellings."""

import math

import numpy as np
import pytest
from scipy import special, stats

from course_utils.lessons.amortisation import problems as amortisation
from course_utils.lessons.estimation import problems as estimation
from course_utils.lessons.expectation_maximization import problems as em
from course_utils.lessons.mixtures import problems as mixtures
from course_utils.lessons.reparameterisation import problems as reparameterisation
from course_utils.lessons.variational_inference import problems as variational


def _coins(change):
    def answer(heads, tosses, share, first, second):
        return change(*em._coins(heads, tosses, share, first, second), heads)

    return answer


SLIPS = {
    "1.6 prior without hours": (
        estimation.poisson_rate,
        lambda n, t, a, b: (n.sum() / t.sum(), max(n.sum() + a - 1, 0) / t.sum()),
        "a term left out, in a part with `prior_rate`",
    ),
    "1.8 the other way round": (
        estimation.log_bayes_factor, lambda *a: -estimation._bayes_factor(*a), "the sign is opposite",
    ),
    "1.8 without the fair coin": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: special.betaln(a + h, b + n - h) - special.betaln(a, b),
        "too small by log 2 times `tosses`",
    ),
    "1.8 in bits": (
        estimation.log_bayes_factor, lambda *a: estimation._bayes_factor(*a) / math.log(2), "1/log 2 times",
    ),
    "2.5 without M": (
        mixtures.worth_of_draws,
        lambda v, w: (mixtures._worth(v, w)[0], w / mixtures._worth(v, w)[0]),
        "multiply by M",
    ),
    "2.7 mean without weights": (
        mixtures.one_gaussian,
        lambda w, m, c: (m.mean(0), mixtures._one_gaussian(w, m, c)[1]),
        "`weights` with each entry replaced by the mean",
    ),
    "3.5 share not averaged": (
        em.two_coins_step, _coins(lambda s, p, q, heads: (s * len(heads), p, q)), "times the length of `heads`",
    ),
    "3.5 share of the other coin": (
        em.two_coins_step, _coins(lambda s, p, q, heads: (1 - s, p, q)), "1 minus the right answer",
    ),
    "3.6 the other axis": (
        em.tempered_e_step,
        lambda j, t: (special.softmax(j / t, axis=0), em._tempered(j, t)[1]),
        "rows and columns exchanged",
    ),
    "3.6 the whole table": (
        em.tempered_e_step, lambda j, t: (special.softmax(j / t), em._tempered(j, t)[1]), "in each row",
    ),
    "3.6 one value": (
        em.tempered_e_step,
        lambda j, t: (em._tempered(j, t)[0], em._tempered(j, t)[1].sum()),
        "an array of shape (1,)",
    ),
    "4.5 factors exchanged": (
        variational.mean_field_table,
        lambda *a: (lambda r, c, e: (c, r, e))(*variational._mean_field(*a)),
        "should be an array of shape (2,)",
    ),
    "4.6 the joint's scatter": (
        variational.judge_q,
        lambda j, q: (np.mean(j - q), stats.sem(j), variational._judgement(j, q)[2]),
        "in place of `log_q`",
    ),
    "4.7 scales for rates": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (s + (n * o).sum(1), r + o @ (a * b)),
        "1/`column_rate` in place of `column_rate`",
    ),
    "4.7 a scale comes back": (
        variational.update_row_rates,
        lambda *a: (variational._rows_of_counts(*a)[0], 1 / variational._rows_of_counts(*a)[1]),
        "the reciprocal of the right answer",
    ),
    "5.6 transposed": (
        amortisation.poisson_encoder,
        lambda s, r: (amortisation._exact(s, r)[0].T, amortisation._exact(s, r)[1]),
        "should be an array of shape (1, 2)",
    ),
    "6.6 without gradient": (
        reparameterisation.regression_log_joint,
        lambda z, *others: reparameterisation._regression(z.detach(), *others),
        "no gradient reaches `z`",
    ),
    "6.7 averaged": (
        reparameterisation.rate_gradient,
        lambda *a: reparameterisation._rate_gradient(*a).mean(),
        "the mean of the right answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    exercise, answer, words = SLIPS[slip]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct
    assert words in verdict.detail, str(verdict)


def _rate_in_integers(counts, exposures, shape, rate):
    power = sum(int(count) for count in counts) + shape - 1
    return [sum(counts.tolist()) / sum(exposures.tolist()), power / (exposures.sum() + rate) if power >= 0 else 0]


def _guess_by_search(values, log_posterior):
    odds = np.exp(log_posterior - log_posterior.max())
    median = min(values, key=lambda guess: odds @ np.abs(values - guess))
    return np.average(values, weights=odds), median, max(zip(log_posterior, values, strict=True))[1]


def _coins_by_weighted_fractions(heads, tosses, share, first, second):
    odds = stats.binom.logpmf(heads, tosses, first) - stats.binom.logpmf(heads, tosses, second)
    r = special.expit(odds + special.logit(share))
    fractions = heads / tosses
    return r.mean(), np.average(fractions, weights=r * tosses), np.average(fractions, weights=(1 - r) * tosses)


RIGHT = {
    "1.6 integers": (estimation.poisson_rate, _rate_in_integers),
    "1.7 search": (estimation.best_guesses, _guess_by_search),
    "1.8 beta-binomial": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: stats.betabinom.logpmf(h, n, a, b) - stats.binom.logpmf(h, n, 0.5),
    ),
    "2.6 sem": (
        mixtures.stratified_mean,
        lambda v, k, w: np.array(
            [
                sum(w[j] * v[k == j].mean() for j in set(k)),
                math.hypot(*(w[j] * stats.sem(v[k == j]) for j in set(k))),
            ]
        ),
    ),
    "2.7 np.cov": (
        mixtures.one_gaussian,
        lambda w, m, c: (
            np.average(m, axis=0, weights=w),
            np.average(c, axis=0, weights=w) + np.atleast_2d(np.cov(m.T, aweights=w, ddof=0)),
        ),
    ),
    "3.5 weighted fractions": (em.two_coins_step, _coins_by_weighted_fractions),
    "4.6 logaddexp": (
        variational.judge_q,
        lambda j, q: ((j - q).mean(), stats.sem(j - q), np.logaddexp.reduce(j - q) - np.log(j.size)),
    ),
    "5.5 ttest": (
        amortisation.compare_encoders,
        lambda ja, qa, jb, qb: (
            np.mean(ja - qa) - np.mean(jb - qb),
            np.ptp(stats.norm.interval(0.5, 0, stats.sem((ja - qa).mean(0) - (jb - qb).mean(0))))
            / np.ptp(stats.norm.interval(0.5)),
        ),
    ),
    "6.7 by the quantile": (
        reparameterisation.rate_gradient,
        lambda u, r, n: ((n.size + 1) * stats.expon.ppf(u, scale=1 / r) - n.sum() - 1) / r,
    ),
    "4.7 masked": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (s + np.ma.array(n, mask=~o).sum(1).filled(0), r + (o * (a / b)).sum(1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_spelling_of_a_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 100))
