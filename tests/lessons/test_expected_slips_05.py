"""Wrong answers that people are expected to give to the exercises of lesson 05, and what they are told."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from told import assert_told

from course_utils.lessons import amortisation as lesson


def _encoder(function):
    """An encoder that makes its answer from the outputs (N, 2L)."""
    return lambda data, weights, bias: function(data @ weights + bias)


def _halves(function):
    """An encoder that makes its scales from the second half of the outputs."""
    return _encoder(lambda out: (out[:, : out.shape[1] // 2], function(out[:, out.shape[1] // 2 :])))


def _bias_outside(data, weights, bias):
    (mean, log_var), (first, second) = np.split(data @ weights, 2, axis=1), np.split(bias, 2)
    return mean + first, np.exp(log_var / 2) + second


def _kl(mean, scale):
    return np.sum(scale**2 + mean**2 - 1 - 2 * np.log(scale)) / 2


def _spread(w, s):
    return np.sum((w * s) ** 2)


def _fit(x, m, w, b, v):
    return stats.norm.logpdf(x, b + w @ m, np.sqrt(v)).sum()


def _elbo(spread=_spread, price=_kl):
    """The ELBO of which one part may be another."""
    return lambda x, m, s, w, b, v: _fit(x, m, w, b, v) - spread(w, s) / (2 * v) - price(m, s)


def _likelihood_of_spread(x, m, s, w, b, v):
    covariance = w @ np.diag(s**2) @ w.T + v * np.eye(len(x))
    return stats.multivariate_normal(b + w @ m, covariance).logpdf(x) - _kl(m, s)


def _evidence(x, m, s, w, b, v):
    return stats.multivariate_normal(b, w @ w.T + v * np.eye(len(x))).logpdf(x)


def _from_one_draw(x, m, s, w, b, v):
    return _fit(x, m + s * np.random.normal(size=len(m)), w, b, v) - _kl(m, s)


def _centred_in_place(x, m, s, w, b, v):
    x -= b
    return _elbo()(x, m, s, w, 0 * b, v)


def _gaps(evidence, best, given):
    return np.mean(evidence - best), np.mean(best - given)


def _picked(elbos, chosen):
    return elbos[np.arange(len(elbos)), chosen]


def _sorted_in_place(evidence, elbos, chosen):
    given = _picked(elbos, chosen)
    elbos.sort(axis=1)
    return _gaps(evidence, elbos[:, -1], given)


SLIPS = {
    "5.1 log-variances shared": (
        lesson.count_parameters, lambda n, d, k: (2 * k * n, (d + 1) * k + k), "the same for all x",
    ),
    "5.1 with the decoder": (
        lesson.count_parameters, lambda n, d, k: (2 * k * n, 2 * k * (d + 1) + d * (k + 1)), "a decoder as well",
    ),
    "5.2 square": (lesson.encode, _halves(np.square), "A square is positive"),
    "5.2 sigmoid": (lesson.encode, _halves(lambda v: 1 / (1 + np.exp(-v))), "stays below 1"),
    "5.2 tiny number added": (lesson.encode, _halves(lambda v: np.exp(v / 2) + 1e-8), "nothing added"),
    "5.3 scale as a log-variance": (
        lesson.elbo, _elbo(price=lambda m, s: np.sum(np.exp(s) + m**2 - 1 - s) / 2), "for a log-variance",
    ),
    "5.3 joint at the mean": (
        lesson.elbo,
        lambda x, m, s, w, b, v: _fit(x, m, w, b, v) + stats.norm.logpdf(m).sum(), "at the mean of q",
    ),
    "5.4 log-sum-exp": (
        lesson.inference_gaps,
        lambda e, t, c: (
            np.mean(e - special.logsumexp(t, axis=1)),
            np.mean(special.logsumexp(t, axis=1) - t[np.arange(len(t)), c]),
        ),
        "the maximum in each row",
    ),
    "5.1 one log-variance": (lesson.count_parameters, lambda n, d, k: (n * (k + 1), (d + 1) * (k + 1)), "one log-var"),
    "5.1 a single q": (lesson.count_parameters, lambda n, d, k: (2 * k, 2 * k * (d + 1)), "2L numbers describe"),
    "5.1 a decoder": (lesson.count_parameters, lambda n, d, k: (2 * k * n, 2 * d * (k + 1)), "a decoder"),
    "5.1 bias for columns": (lesson.count_parameters, lambda n, d, k: (2 * k * n, 2 * k * d + d), "D inputs"),
    "5.1 half of the biases": (
        lesson.count_parameters, lambda n, d, k: (2 * k * n, 2 * k * d + k), "too small by `latents`",
    ),
    "5.1 columns for latents": (
        lesson.count_parameters, lambda n, d, k: (2 * d * n, 2 * k * (d + 1)), "places exchanged",
    ),
    "5.1 one too many": (lesson.count_parameters, lambda n, d, k: (2 * k * n, 2 * k * (d + 1) + 1), "too large by 1"),
    "5.1 one number": (
        lesson.count_parameters, lambda n, d, k: 2 * k * (n + d + 1), "as in `return per_point, amortised`",
    ),
    "5.2 every second column": (
        lesson.encode, _encoder(lambda out: (out[:, ::2], np.exp(out[:, 1::2] / 2))), "You read the outputs in turn",
    ),
    "5.2 pairs": (
        lesson.encode,
        _encoder(lambda out: (lambda pairs: (pairs[..., 0], np.exp(pairs[..., 1] / 2)))(out.reshape(len(out), -1, 2))),
        "You read the outputs in turn",
    ),
    "5.2 square root": (lesson.encode, _halves(np.sqrt), "took the outputs for the variances themselves"),
    "5.2 bias outside": (lesson.encode, _bias_outside, "added after the exponential"),
    "5.2 bounded": (lesson.encode, _halves(lambda v: np.exp(np.clip(v, -20, 20) / 2)), "Right except at extreme"),
    "5.2 at least": (lesson.encode, _halves(lambda v: np.maximum(np.exp(v / 2), 1e-5)), "Right except at extreme"),
    "5.2 something added": (lesson.encode, _halves(lambda v: np.exp(v / 2) + 1e-6), "a small number added for safety"),
    "5.2 L for granted": (lesson.encode, _encoder(lambda out: (out[:, :1], np.exp(out[:, 1:] / 2))), "shape"),
    "5.2 flat": (lesson.encode, _encoder(lambda out: (out[:, 0], np.exp(out[:, 1] / 2))), "shape (1, 1)"),
    "5.2 turned": (
        lesson.encode,
        _encoder(lambda out: tuple(part.T for part in _halves(lambda v: np.exp(v / 2))(out, np.eye(out.shape[1]), 0))),
        "transposed",
    ),
    "5.2 scale first": (
        lesson.encode,
        _encoder(lambda out: (np.exp(np.hsplit(out, 2)[1] / 2), np.hsplit(out, 2)[0])), "order mean and scale",
    ),
    "5.2 bias of the means only": (
        lesson.encode,
        lambda x, w, b: (lambda mean, v: (mean + b[: len(b) // 2], np.exp(v / 2)))(*np.hsplit(x @ w, 2)),
        "`bias` with each entry replaced by 0",
    ),
    "5.3 spread of the sum": (lesson.elbo, _elbo(spread=lambda w, s: np.sum((w @ s) ** 2)), "their variances add up"),
    "5.3 log of the mean": (lesson.elbo, _likelihood_of_spread, "the average of the logarithm"),
    "5.3 evidence": (lesson.elbo, _evidence, "log p(x) itself"),
    "5.3 energy": (
        lesson.elbo, _elbo(price=lambda m, s: np.sum(np.log(2 * np.pi) + m**2 + s**2) / 2), "The entropy of q is",
    ),
    "5.3 mean KL": (lesson.elbo, _elbo(price=lambda m, s: _kl(m, s) / len(m)), "You average the KL"),
    "5.3 scale as variance in the KL": (lesson.elbo, _elbo(price=lambda m, s: _kl(m, np.sqrt(s))), "In the KL you put"),
    "5.3 no σ² in the constant": (
        lesson.elbo, lambda x, m, s, w, b, v: _elbo()(x, m, s, w, b, v) + len(x) * np.log(v) / 2, "has no σ²",
    ),
    "5.3 no 2π": (
        lesson.elbo, lambda x, *rest: _elbo()(x, *rest) + len(x) * np.log(2 * np.pi) / 2,
        "too large by ½ log 2π times the length of `x`",
    ),
    "5.3 no −1 in the KL": (
        lesson.elbo, _elbo(price=lambda m, s: _kl(m, s) + len(m) / 2), "too small by ½ times the length of `mean`",
    ),
    "5.3 offset added": (lesson.elbo, lambda x, m, s, w, b, v: _elbo()(x, m, s, w, -b, v), "−`offset`"),
    "5.3 mean squared misfit": (
        lesson.elbo,
        lambda x, m, s, w, b, v: _elbo()(x, m, s, w, b, v)
        + (len(x) - 1) / len(x) * np.sum((x - b - w @ m) ** 2) / (2 * v),
        "a mean where a sum belongs",
    ),
    "5.3 one draw": (lesson.elbo, _from_one_draw, "Called twice"),
    "5.3 in place": (lesson.elbo, _centred_in_place, "changes `x` in place"),
    "5.4 all choices": (
        lesson.inference_gaps, lambda e, t, c: _gaps(e, t.max(axis=1), t[:, c]), "a table of N × N",
    ),
    "5.4 all choices, turned": (
        lesson.inference_gaps,
        lambda e, t, c: (np.mean(e - t.max(axis=1)), np.mean(t.max(axis=1, keepdims=True) - t[:, c])),
        "a table of N × N",
    ),
    "5.4 rows": (lesson.inference_gaps, lambda e, t, c: _gaps(e, t.max(axis=1), t[c]), "IndexError"),
    "5.4 inference gap first": (
        lesson.inference_gaps,
        lambda e, t, c: (np.mean(e - _picked(t, c)), np.mean(t.max(axis=1) - _picked(t, c))),
        "Your first number is the whole inference gap",
    ),
    "5.4 argmax": (
        lesson.inference_gaps, lambda e, t, c: _gaps(e, t.argmax(axis=1), _picked(t, c)), "argmax says in which column",
    ),
    "5.4 from 1 on": (
        lesson.inference_gaps, lambda e, t, c: _gaps(e, t.max(axis=1), _picked(t, c - 1)), "`chosen` − 1",
    ),
    "5.4 the first column": (
        lesson.inference_gaps, lambda e, t, c: _gaps(e, t.max(axis=1), t[:, 0]), "each entry replaced by 0",
    ),
    "5.4 the sum": (
        lesson.inference_gaps, lambda e, t, c: np.mean(e - _picked(t, c)),
        "as in `return approximation_gap, amortisation_gap`",
    ),
    "5.4 in place": (lesson.inference_gaps, _sorted_in_place, "changes `elbos` in place"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _layer(data, weights, bias):
    """An encoder by torch's linear layer, in single precision."""
    data, weights, bias = (torch.tensor(array, dtype=torch.float32) for array in (data, weights, bias))
    mean, log_var = torch.nn.functional.linear(data, weights.T, bias).tensor_split(2, dim=-1)
    return [mean, torch.exp(log_var) ** 0.5]


def _counts_of_arrays(points, columns, latents):
    return np.array([points, columns + 1]) * 2 * latents


def _elbo_in_single_precision(*arguments):
    x, m, s, w, b, v = (torch.tensor(argument, dtype=torch.float32) for argument in arguments)
    squares = (x - b - w @ m).square().sum() + (w * s).square().sum()
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(m, s), torch.distributions.Normal(0.0, 1.0))
    return -(len(x) * torch.log(2 * torch.pi * v) + squares / v) / 2 - kl.sum()


RIGHT = {
    "5.1 an array": (lesson.count_parameters, _counts_of_arrays),
    "5.1 decimals": (lesson.count_parameters, lambda n, d, k: [2.0 * k * n, 2.0 * k * d + 2.0 * k]),
    "5.2 a layer": (lesson.encode, _layer),
    "5.2 a list of the square roots": (lesson.encode, _halves(lambda v: np.sqrt(np.exp(v)).tolist())),
    "5.3 in single precision": (lesson.elbo, _elbo_in_single_precision),
    "5.3 trace": (lesson.elbo, _elbo(spread=lambda w, s: np.trace(w.T @ w @ np.diag(s**2)))),
    "5.3 norm": (lesson.elbo, _elbo(spread=lambda w, s: np.linalg.norm(w * s) ** 2)),
    "5.4 choose": (lesson.inference_gaps, lambda e, t, c: _gaps(e, t.max(axis=1), np.choose(c, t.T))),
    "5.4 trace": (
        lesson.inference_gaps,
        lambda e, t, c: np.array([e.mean() - t.max(1).mean(), t.max(1).mean() - np.trace(t[:, c]) / len(c)]),
    ),
    "5.4 sorted": (
        lesson.inference_gaps, lambda e, t, c: _gaps(e, np.sort(t)[:, -1], np.take_along_axis(t, c[:, None], 1)[:, 0]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_but_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert verdict.correct, str(verdict)
