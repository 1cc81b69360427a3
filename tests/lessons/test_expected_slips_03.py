"""Wrong answers that people are expected to give to the exercises of lesson 03, and what they are told."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from told import assert_told

from course_utils.lessons.expectation_maximization import exercises as lesson


def _log_joint(data, weights, means, covariances):
    columns = [stats.multivariate_normal.logpdf(data, m, c) for m, c in zip(means, covariances, strict=True)]
    return np.log(weights) + np.column_stack(columns)


def _stacked(data, weights, means, covariances):
    columns = [stats.multivariate_normal.logpdf(data, m, c) for m, c in zip(means, covariances, strict=True)]
    return np.log(weights) + np.stack(columns, axis=1)


def _bound(data, q, *parameters):
    return np.sum(q * _log_joint(data, *parameters)) + special.entr(q).sum()


def _responsibilities(*arguments):
    return special.softmax(_log_joint(*arguments), axis=1)


def _told(data, allowed, *parameters):
    return np.where(allowed, _log_joint(data, *parameters), -np.inf)


def _told_responsibilities(*arguments):
    return special.softmax(_told(*arguments), axis=1)


def _way_out(choose):
    """Build an answer that falls back on something where every density of a point has become 0."""

    def answer(data, allowed, weights, means, covariances):
        table = _told(data, allowed, weights, means, covariances)
        joint = np.exp(table)
        total = joint.sum(axis=1, keepdims=True)
        distances = np.where(allowed, ((data[:, None] - means) ** 2).sum(axis=-1), np.inf)
        return np.where(total > 0, joint / np.where(total > 0, total, 1), choose(table, weights * allowed, distances))

    return answer


def _one_hot(places, size):
    return np.eye(size)[places]


def _step(data, r, old_means):
    counts = r.sum(axis=0)
    means = r.T @ data / counts[:, None]
    return counts / len(data), means, _covariances(data, r, means)


def _covariances(data, r, centres):
    offsets = data[:, None] - centres
    return np.einsum("nk,nki,nkj->kij", r, offsets, offsets) / r.sum(axis=0)[:, None, None]


def _with_np_cov(**options):
    def answer(data, r, old_means):
        weights, means, _ = _step(data, r, old_means)
        return weights, means, np.array([np.cov(data.T, aweights=column, **options) for column in r.T])

    return answer


def _overwritten(data, r, old_means):
    weights, means, covariances = _step(data, r, old_means)
    for k, mean in enumerate(means):
        for x, share in zip(data, r[:, k], strict=True):
            covariances[k] = share * np.outer(x - mean, x - mean)
        covariances[k] /= r[:, k].sum()
    return weights, means, covariances


def _means_over_n(data, r, old_means):
    means = r.T @ data / len(data)
    return r.mean(axis=0), means, _covariances(data, r, means)


def _bic(count_parameters):
    return lambda fit, k, d, n: -2 * fit + count_parameters(k, d) * np.log(n)


SLIPS = {
    "3.1 a single point": (
        lesson.mixture_elbo, lambda x, q, *p: np.sum(q * _stacked(x, *p)) + special.entr(q).sum(),
        "data = [[0. , 0.5]]",
    ),
    "3.1 0 log 0": (
        lesson.mixture_elbo, lambda x, q, *p: np.sum(q * (_log_joint(x, *p) - np.log(q))), "0 · log 0 = NaN",
    ),
    "3.1 logged densities": (
        lesson.mixture_elbo,
        lambda x, q, *p: np.sum(q * np.log(np.exp(_log_joint(x, *p)) + 1e-300)) + special.entr(q).sum(),
        "Look at the small number",
    ),
    "3.1 what is not a number is left out": (
        lesson.mixture_elbo,
        lambda x, q, *p: np.nansum(q * np.log(np.exp(_log_joint(x, *p)))) + special.entr(q).sum(), "log 0 = −∞",
    ),
    "3.1 the best q": (
        lesson.mixture_elbo, lambda x, q, *p: _bound(x, _responsibilities(x, *p), *p), "the ceiling itself",
    ),
    "3.1 the divergence": (
        lesson.mixture_elbo, lambda x, q, *p: special.rel_entr(q, _responsibilities(x, *p)).sum(), "KL(q‖p(z|x))",
    ),
    "3.1 weights not logged": (
        lesson.mixture_elbo,
        lambda x, q, w, m, c: np.sum(q * (w + _log_joint(x, np.ones(len(w)), m, c))) + special.entr(q).sum(),
        "A factor π becomes a summand",
    ),
    "3.1 diagonal": (
        lesson.mixture_elbo, lambda x, q, w, m, c: _bound(x, q, w, m, [np.diag(np.diag(s)) for s in c]),
        "the variances alone",
    ),
    "3.2 a single point": (
        lesson.e_step,
        lambda x, allowed, *p: special.softmax(np.where(allowed, _stacked(x, *p), -np.inf), axis=1),
        "data = [[0. , 0.5]]",
    ),
    "3.2 squeezed": (
        lesson.e_step, lambda *a: _told_responsibilities(*a).squeeze(), "an axis of length 1 is missing",
    ),
    "3.2 the E-step of lesson 02": (lesson.e_step, lambda x, _, *p: _responsibilities(x, *p), "notes are not used"),
    "3.2 set to zero": (
        lesson.e_step, lambda x, allowed, *p: np.where(allowed, _responsibilities(x, *p), 0), "its share is lost",
    ),
    "3.2 shared out evenly again": (
        lesson.e_step,
        lambda x, allowed, *p: allowed * (
            (r := _responsibilities(x, *p)) + (r * ~allowed).sum(1, keepdims=True) / allowed.sum(1, keepdims=True)
        ),
        "Probe",
    ),
    "3.2 divided by what is left": (
        lesson.e_step,
        lambda x, allowed, *p: (lambda r: r / r.sum(1, keepdims=True))(_responsibilities(x, *p) * allowed),
        "Rule out in the table of logarithms",
    ),
    "3.2 a small number against 0/0": (
        lesson.e_step,
        lambda x, allowed, *p: (lambda r: r / (r.sum(1, keepdims=True) + 1e-12))(_responsibilities(x, *p) * allowed),
        "Look at the small number",
    ),
    "3.2 zeros in the table": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(np.where(allowed, _log_joint(x, *p), 0.0), axis=1),
        "a joint density of 1",
    ),
    "3.2 low, but not low enough": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(np.where(allowed, _log_joint(x, *p), -1e3), axis=1),
        "numerically unstable",
    ),
    "3.2 the others instead": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(np.where(allowed, -np.inf, _log_joint(x, *p)), axis=1),
        "True means that a component is possible",
    ),
    "3.2 notes in the exponent": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(_log_joint(x, *p) + allowed, axis=1), "Probe",
    ),
    "3.2 equal shares as a way out": (
        lesson.e_step, _way_out(lambda table, w, _: (w > 0) / (w > 0).sum(1, keepdims=True)), "numerically unstable",
    ),
    "3.2 the weights as a way out": (
        lesson.e_step, _way_out(lambda table, w, _: w / w.sum(1, keepdims=True)), "numerically unstable",
    ),
    "3.2 the nearest as a way out": (
        lesson.e_step, _way_out(lambda table, w, d: _one_hot(d.argmin(axis=1), w.shape[1])), "numerically unstable",
    ),
    "3.2 the most probable as a way out": (
        lesson.e_step, _way_out(lambda table, w, d: _one_hot(table.argmax(axis=1), w.shape[1])), "numerically unstable",
    ),
    "3.2 zeros as a way out": (lesson.e_step, _way_out(lambda table, w, d: 0 * w), "numerically unstable"),
    "3.2 one maximum for all": (
        lesson.e_step,
        lambda *a: (lambda t: t / t.sum(axis=1, keepdims=True))(np.exp(_told(*a) - _told(*a).max())),
        "numerically unstable",
    ),
    "3.2 transposed": (lesson.e_step, lambda *a: _told_responsibilities(*a).T, "the result is transposed"),
    "3.3 np.cov": (lesson.m_step, _with_np_cov(), "unless told ddof=0"),
    "3.3 np.cov, with ddof=0": (lesson.m_step, _with_np_cov(ddof=0), "np.atleast_2d makes one of it"),
    "3.3 = for +=": (lesson.m_step, _overwritten, "Only the last point counts"),
    "3.3 means over N": (lesson.m_step, _means_over_n, "The means are divided by N"),
    "3.3 means over N, covariances right": (
        lesson.m_step, lambda x, r, old: (r.mean(0), r.T @ x / len(x), _step(x, r, old)[2]), "means are divided by N",
    ),
    "3.3 counts and sums, the weights": (
        lesson.m_step, lambda x, r, old: (r.sum(0), r.T @ x, _step(x, r, old)[2]), "weights: You returned the counts",
    ),
    "3.3 counts and sums, the means": (
        lesson.m_step, lambda x, r, old: (r.sum(0), r.T @ x, _step(x, r, old)[2]), "means: The means are sums",
    ),
    "3.3 old means": (
        lesson.m_step, lambda x, r, old: (*_step(x, r, old)[:2], _covariances(x, r, old)), "around the old means",
    ),
    "3.3 a small number": (
        lesson.m_step, lambda x, r, old: (*_step(x, r, old)[:2], _step(x, r, old)[2] + 1e-6 * np.eye(x.shape[1])),
        "as scikit-learn does",
    ),
    "3.4 D(D − 1)/2": (lesson.bic, _bic(lambda k, d: k - 1 + k * d + k * d * (d - 1) / 2), "D(D − 1)/2"),
    "3.4 D²": (lesson.bic, _bic(lambda k, d: k - 1 + k * d + k * d**2), "all D² entries"),
    "3.4 K weights": (lesson.bic, _bic(lambda k, d: k + k * d + k * d * (d + 1) / 2), "You counted K weights"),
    "3.4 K for D": (
        lesson.bic, _bic(lambda k, d: d - 1 + k * d + d * k * (k + 1) / 2), "`components` and `dimensions` with their",
    ),
    "3.4 half, and upwards": (
        lesson.bic, lambda fit, k, d, n: fit - (k - 1 + k * d + k * d * (d + 1) / 2) * np.log(n) / 2, "−½ times",
    ),
    "3.1 no determinant": (
        lesson.mixture_elbo,
        lambda x, q, w, m, c: _bound(x, q, w, m, c) + (q * np.log(np.linalg.det(c)) / 2).sum(), "The determinant |Σ_k",
    ),
    "3.1 log Σ q p": (
        lesson.mixture_elbo,
        lambda x, q, *rest: np.log((q * np.exp(_log_joint(x, *rest))).sum(1)).sum(), "Jensen's inequality",
    ),
    "3.1 small shares dropped": (
        lesson.mixture_elbo,
        lambda x, q, *rest: np.sum(q * _log_joint(x, *rest)) + special.entr(np.where(q > 1e-3, q, 0)).sum(), "Probe",
    ),
    "3.2 the first covariance": (
        lesson.e_step, lambda x, allowed, w, m, c: _told_responsibilities(x, allowed, w, m, [c[0]] * len(w)),
        "the covariance of the first",
    ),
    "3.2 distances without units": (
        lesson.e_step,
        lambda x, allowed, w, m, c: special.softmax(
            np.where(allowed, np.log(w) - ((x[:, None] - m) ** 2).sum(2) / 2, -np.inf), axis=1
        ), "do not appear",
    ),
    "3.2 inverted": (
        lesson.e_step, lambda x, allowed, w, m, c: _told_responsibilities(x, allowed, w, m, np.linalg.inv(c)),
        "inverted once too often",
    ),
    "3.3 pooled": (
        lesson.m_step,
        lambda x, r, old: (
            *_step(x, r, old)[:2], np.array([np.einsum("k,kij->ij", r.mean(0), _step(x, r, old)[2])] * len(old)),
        ), "the tied model",
    ),
    "3.3 balls": (
        lesson.m_step,
        lambda x, r, old: (
            *_step(x, r, old)[:2],
            np.array([np.eye(x.shape[1]) * np.mean(np.diag(c)) for c in _step(x, r, old)[2]]),
        ), "Your covariances are balls",
    ),
    "3.4 twice the penalty": (
        lesson.bic,
        lambda ll, k, d, n: 2 * (_bic(lambda k, d: k - 1 + k * d + k * d * (d + 1) / 2)(ll, k, d, n) + ll),
        "The penalty is twice as large",
    ),
    "3.4 balls": (lesson.bic, _bic(lambda k, d: k - 1 + k * d + k), "a multiple of the identity"),
    "3.4 labels": (
        lesson.bic,
        lambda ll, k, d, n: -2 * ll + (k - 1 + k * d + k * d * (d + 1) / 2 + n * (k - 1)) * math.log(n),
        "summed out of the likelihood",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip], title=True)


def _by_roots(data, r, old_means):
    counts = r.sum(axis=0)
    means = (r / counts).T @ data
    halves = np.sqrt(r.T)[:, :, None] * (data - means[:, None])
    return counts / counts.sum(), means, halves.transpose(0, 2, 1) @ halves / counts[:, None, None]


def _by_odds(*arguments):
    table = _told(*arguments)
    differences = np.where(table[:, :, None] > -np.inf, table[:, None] - table[:, :, None], np.inf)
    return 1 / np.exp(np.minimum(differences, 800)).sum(axis=-1)


def _smaller_mixtures(data, allowed, weights, means, covariances):
    """A point with a note is a point of the mixture of what is left."""
    rows = np.zeros(allowed.shape)
    for row, x, possible in zip(rows, data, allowed, strict=True):
        kept = weights[possible] / weights[possible].sum()
        row[possible] = _responsibilities(x[None], kept, means[possible], covariances[possible])[0]
    return rows


RIGHT = {
    "3.1 where q is positive": (
        lesson.mixture_elbo, lambda x, q, *p: (q[q > 0] * (_log_joint(x, *p)[q > 0] - np.log(q[q > 0]))).sum(),
    ),
    "3.1 stats.entropy": (
        lesson.mixture_elbo, lambda x, q, *p: (q * _log_joint(x, *p)).sum() + stats.entropy(q, axis=1).sum(),
    ),
    "3.2 odds": (lesson.e_step, _by_odds),
    "3.2 single precision": (lesson.e_step, lambda *a: torch.softmax(torch.as_tensor(_told(*a)), dim=1).float()),
    "3.2 a mixture of what is left": (lesson.e_step, _smaller_mixtures),
    "3.2 the logarithm of the note": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(_log_joint(x, *p) + np.log(allowed), axis=1),
    ),
    "3.2 very low": (
        lesson.e_step, lambda x, allowed, *p: special.softmax(_log_joint(x, *p) - 1e9 * (1 - allowed), axis=1),
    ),
    "3.3 square roots": (lesson.m_step, _by_roots),
    "3.4 without halves": (
        lesson.bic, lambda fit, k, d, n: (k * (d + 1) * (d + 2) // 2 - 1) * math.log(n) - 2 * fit,
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_a_right_answer_in_another_spelling_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
