"""Wrong answers that people are expected to give to the exercises of lesson 01, and what they are told."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.linear_model import Ridge
from told import assert_told

from course_utils.lessons.estimation import exercises as lesson


def _log_likelihood(data, mean, scale):
    return np.sum(stats.norm.logpdf(data, mean, scale))


def _covariance(data):
    centred = data - data.mean(axis=0)
    return centred.T @ centred / len(data)


def _posterior(data, scale, prior_mean, prior_scale):
    precision = 1 / prior_scale**2 + len(data) / scale**2
    return (prior_mean / prior_scale**2 + data.sum() / scale**2) / precision, 1 / precision


def _penalised(features, targets, matrix):
    return np.linalg.inv(features.T @ features + matrix) @ features.T @ targets


SLIPS = {
    "1.1 no brackets": (
        lesson.gaussian_log_likelihood,
        lambda d, m, s: np.sum(-0.5 * np.log(2 * np.pi * s**2) - (d - m) ** 2 / 2 * s**2), "in brackets",
    ),
    "1.1 log(2πσ)": (
        lesson.gaussian_log_likelihood,
        lambda d, m, s: -len(d) / 2 * np.log(2 * np.pi * s) - np.sum((d - m) ** 2) / (2 * s**2), "−½ log(2πσ²)",
    ),
    "1.1 positive means only": (
        lesson.gaussian_log_likelihood, lambda d, m, s: _log_likelihood(d, max(m, 0), s), "`mean` is negative",
    ),
    "1.1 size of the mean": (
        lesson.gaussian_log_likelihood, lambda d, m, s: _log_likelihood(d, abs(m), s), "the absolute value of `mean`",
    ),
    "1.1 logged densities": (
        lesson.gaussian_log_likelihood, lambda d, m, s: np.log(stats.norm.pdf(d, m, s)).sum(), "numerically unstable",
    ),
    "1.1 per point": (lesson.gaussian_log_likelihood, stats.norm.logpdf, "the log-likelihood of the data set is their"),
    "1.1 base 10": (
        lesson.gaussian_log_likelihood, lambda d, m, s: _log_likelihood(d, m, s) / np.log(10), "1/log 10 times",
    ),
    "1.2 np.cov of one column": (
        lesson.gaussian_mle, lambda d: (d.mean(0), np.cov(d.T, bias=True)), "np.atleast_2d makes one of it",
    ),
    "1.2 np.cov": (lesson.gaussian_mle, lambda d: (d.mean(0), np.cov(d.T)), "divides by N − 1"),
    "1.2 torch.cov": (
        lesson.gaussian_mle, lambda d: (d.mean(0), torch.cov(torch.as_tensor(d).T)), "divides by N − 1",
    ),
    "1.2 N − 1": (
        lesson.gaussian_mle, lambda d: (d.mean(0), len(d) * _covariance(d) / np.float64(len(d) - 1)), "also where N is",
    ),
    "1.2 two slips in two parts, the mean": (
        lesson.gaussian_mle, lambda d: (d.mean(0) / len(d), d.T @ d / len(d)), "mean: This is the mean divided by N",
    ),
    "1.2 two slips in two parts, the covariance": (
        lesson.gaussian_mle, lambda d: (d.mean(0) / len(d), d.T @ d / len(d)), "covariance: The mean has not been sub",
    ),
    "1.2 D for N": (
        lesson.gaussian_mle, lambda d: (d.mean(0), len(d) * _covariance(d) / d.shape[1]), "the number of columns of",
    ),
    "1.2 other order": (lesson.gaussian_mle, lambda d: (_covariance(d), d.mean(0)), "not in the order mean and cov"),
    "1.3 MLE": (lesson.beta_bernoulli_map, lambda s, n, a, b: s / n, "the prior does not appear"),
    "1.3 MLE with ½": (lesson.beta_bernoulli_map, lambda s, n, a, b: s / n if n else 0.5, "½ where there is no trial"),
    "1.3 the prior's mode": (lesson.beta_bernoulli_map, lambda s, n, a, b: (a - 1) / (a + b - 2), "the prior alone"),
    "1.3 mean without trials": (
        lesson.beta_bernoulli_map,
        lambda s, n, a, b: (s + a - 1) / (n + a + b - 2) if n else a / (a + b), "Wrong exactly where `trials` is zero",
    ),
    "1.3 ½ for a flat prior": (
        lesson.beta_bernoulli_map,
        lambda s, n, a, b: 0.5 if a == b == 1 else (s + a - 1) / (n + a + b - 2), "alpha = 1, beta = 1",
    ),
    "1.3 odds": (lesson.beta_bernoulli_map, lambda s, n, a, b: (s + a - 1) / (n - s + b - 1), "the odds"),
    "1.4 least squares, solved": (
        lesson.ridge_map, lambda f, y, n, p: np.linalg.solve(f.T @ f, f.T @ y), "the normal equations",
    ),
    "1.4 least squares in torch": (
        lesson.ridge_map,
        lambda f, y, n, p: torch.linalg.solve(torch.tensor(f.T @ f), torch.tensor(f.T @ y)), "the normal equations",
    ),
    "1.4 no identity": (lesson.ridge_map, lambda f, y, n, p: _penalised(f, y, n**2 / p**2), "penalty times np.eye(D)"),
    "1.4 upside down": (
        lesson.ridge_map, lambda f, y, n, p: _penalised(f, y, p**2 / n**2 * np.eye(f.shape[1])), "upside down",
    ),
    "1.4 an intercept": (
        lesson.ridge_map, lambda f, y, n, p: Ridge(alpha=n**2 / p**2).fit(f, y).coef_, "fit_intercept=False",
    ),
    "1.5 flat prior": (
        lesson.posterior_predictive, lambda d, s, m, p: (d.mean(), s * np.sqrt(1 + 1 / len(d))), "under a flat prior",
    ),
    "1.5 the posterior": (lesson.posterior_predictive, _posterior, "Two steps are missing"),
    "1.5 no root": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (_posterior(d, s, m, p)[0], s**2 + _posterior(d, s, m, p)[1]), "its square root, the scale",
    ),
    "1.5 the sample mean": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (d.mean(), np.sqrt(s**2 + _posterior(d, s, m, p)[1])), "This is the sample mean",
    ),
    "1.5 the sample mean and no root": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (d.mean(), s**2 + _posterior(d, s, m, p)[1]), "predictive mean: This is the sample mean",
    ),
    "1.5 divided by N − 1": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (_posterior(d, s, m, p)[0], np.sqrt(d.var(ddof=1) + _posterior(d, s, m, p)[1])), "NaN",
    ),
    "1.1 no value twice": (
        lesson.gaussian_log_likelihood, lambda d, m, s: _log_likelihood(np.unique(d), m, s), "Probe",
    ),
    "1.1 nothing beyond 1000σ": (
        lesson.gaussian_log_likelihood,
        lambda d, m, s: _log_likelihood(np.clip(d, m - 1000 * s, m + 1000 * s), m, s),
        "Look at the bound",
    ),
    "1.2 N − 1, or 1": (
        lesson.gaussian_mle,
        lambda d: (d.mean(0), (d - d.mean(0)).T @ (d - d.mean(0)) / max(1, len(d) - 1)), "needs no exception",
    ),
    "1.2 a diagonal of standard deviations": (
        lesson.gaussian_mle, lambda d: (d.mean(0), np.eye(d.shape[1]) * d.std(0)), "standard deviations, on a diag",
    ),
    "1.2 bias removed from thirty points on": (
        lesson.gaussian_mle,
        lambda d: (d.mean(0), _covariance(d) * (len(d) / (len(d) - 1) if len(d) > 30 else 1)), "Probe",
    ),
    "1.3 the prior's mean": (lesson.beta_bernoulli_map, lambda s, n, a, b: 1 / (1 + b / a), "the mean of the prior"),
    "1.3 failures": (
        lesson.beta_bernoulli_map, lambda s, n, a, b: (n - s + a - 1) / (n + a + b - 2), "the failures as successes",
    ),
    "1.1 the data's scale": (
        lesson.gaussian_log_likelihood, lambda d, m, s: _log_likelihood(d, m, d.var() ** 0.5), "any `scale`",
    ),
    "1.4 an intercept left out of the answer": (
        lesson.ridge_map,
        lambda x, y, s, p: Ridge((s / p) ** 2, fit_intercept=False).fit(np.c_[np.ones(len(x)), x], y).coef_[1:],
        "leave it out of the answer",
    ),
    "1.4 no weak prior": (
        lesson.ridge_map,
        lambda x, y, s, p: _penalised(x, y, min((s / p) ** 2, 100) * np.eye(x.shape[1])), "Probe",
    ),
    "1.5 scale²/N for the doubt": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (_posterior(d, s, m, p)[0], s * np.sqrt(1 + 1 / len(d))), "as under a flat prior",
    ),
    "1.5 the standard error": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (_posterior(d, s, m, p)[0], s / len(d) ** 0.5), "standard error of the sample mean",
    ),
    "1.5 no prior for many data": (
        lesson.posterior_predictive,
        lambda d, s, m, p: (
            (d.mean(), s * np.sqrt(1 + 1 / len(d))) if len(d) >= 20
            else (_posterior(d, s, m, p)[0], np.sqrt(s**2 + _posterior(d, s, m, p)[1]))
        ), "Probe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip], title=True)


def _by_weights(data, scale, prior_mean, prior_scale):
    prior, own = prior_scale**-2, len(data) * scale**-2
    return np.average([prior_mean, data.mean()], weights=[prior, own]), np.hypot(scale, (prior + own) ** -0.5)


def _by_singular_values(features, targets, noise_scale, prior_scale):
    left, values, right = np.linalg.svd(features, full_matrices=False)
    return right.T @ (values / (values**2 + noise_scale**2 / prior_scale**2) * (left.T @ targets))


def _by_search(successes, trials, alpha, beta):
    slope = lambda t: (successes + alpha - 1) * (1 - t) - (trials - successes + beta - 1) * t  # noqa: E731
    return optimize.brentq(slope, 0.0, 1.0)


RIGHT = {
    "1.1 torch": (
        lesson.gaussian_log_likelihood,
        lambda d, m, s: torch.distributions.Normal(m, s).log_prob(torch.as_tensor(d)).sum(),
    ),
    "1.1 negative": (lesson.gaussian_log_likelihood, lambda d, m, s: -stats.norm.nnlf((m, s), d)),
    "1.2 E[xxᵀ] − μμᵀ": (lesson.gaussian_mle, lambda d: (d.mean(0), d.T @ d / len(d) - np.outer(d.mean(0), d.mean(0)))),
    "1.2 lists": (lesson.gaussian_mle, lambda d: (list(d.mean(0)), [list(row) for row in _covariance(d)])),
    "1.3 a search": (lesson.beta_bernoulli_map, _by_search),
    "1.4 singular values": (lesson.ridge_map, _by_singular_values),
    "1.4 scikit-learn": (
        lesson.ridge_map, lambda f, y, n, p: Ridge(alpha=n**2 / p**2, fit_intercept=False).fit(f, y).coef_,
    ),
    "1.5 weights": (lesson.posterior_predictive, _by_weights),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_a_right_answer_in_another_spelling_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
