"""Wrong answers that people are expected to give to the exercises of lesson 04, and what they are told."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from told import assert_told

from course_utils.lessons import variational_inference as lesson

_CONSTANT = np.log(2 * np.pi * np.e)


def _entropy(scale):
    return np.sum(_CONSTANT + 2 * np.log(scale)) / 2


def _kl(mean_q, log_var_q, mean_p, log_var_p):
    log_ratio = log_var_q - log_var_p
    return 0.5 * np.sum(np.exp(log_ratio) + (mean_q - mean_p) ** 2 / np.exp(log_var_p) - 1 - log_ratio)


def _kl_of_scales(mean_q, scale_q, mean_p, scale_p):
    return np.sum(np.log(scale_p / scale_q) + (scale_q**2 + (mean_q - mean_p) ** 2) / (2 * scale_p**2) - 0.5)


def _kl_by_torch(mean_q, scale_q, mean_p, scale_p):
    normals = [torch.distributions.Normal(mean, scale) for mean, scale in ((mean_q, scale_q), (mean_p, scale_p))]
    return torch.distributions.kl_divergence(*normals).sum()


def _kl_of_log_scales(*arguments):
    mean_q, log_var_q, mean_p, log_var_p = map(torch.as_tensor, arguments)
    return _kl_by_torch(mean_q, log_var_q.exp(), mean_p, log_var_p.exp())


def _coin(z, data):
    return data.sum() * z - len(data) * np.logaddexp(0, z)


def _elbo(likelihood=_coin, log_q=stats.norm.logpdf, average=np.mean, draw=lambda e, m, s: m + s * e):
    """An estimate of the ELBO of which one part may be another."""

    def estimate(noise, mean, scale, data):
        z = draw(noise, mean, scale)
        return average(likelihood(z, data) + stats.norm.logpdf(z) - log_q(z, mean, scale))

    return estimate


def _of_probabilities(p, data):
    p = p[:, None]
    return (data * np.log(p) + (1 - data) * np.log(1 - p)).sum(axis=1)


def _per_datum(noise, mean, scale, data):
    z = (mean + scale * noise)[:, None]
    table = data * z - np.logaddexp(0, z) + stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, scale)
    return table.sum(axis=1).mean()


def _with_own_noise(noise, mean, scale, data):
    return _elbo()(np.random.normal(size=len(noise)), mean, scale, data)


def _update(shape=0.0, rate=lambda x, m, s, m0, k0: 0.0):
    """The right update, with something added to shape and rate."""

    def answer(x, m, s, m0, k0, a0, b0):
        squares = np.sum((x - m) ** 2 + s**2) + k0 * ((m - m0) ** 2 + s**2)
        return a0 + (len(x) + 1) / 2 + shape, b0 + squares / 2 + rate(x, m, s, m0, k0)

    return answer


def _normal_gamma(x, m, s, m0, k0, a0, b0):
    pull = k0 * len(x) / (k0 + len(x)) * (x.mean() - m0) ** 2
    return a0 + len(x) / 2, b0 + (len(x) * x.var() + pull) / 2


SLIPS = {
    "4.1 absolute value": (lesson.gaussian_entropy, lambda s: abs(_entropy(s)), "the minus signs are gone"),
    "4.1 cut at 0": (lesson.gaussian_entropy, lambda s: max(_entropy(s), 0.0), "keep the entropy from falling below 0"),
    "4.1 log of the sum": (
        lesson.gaussian_entropy, lambda s: (_CONSTANT + np.log(np.sum(s**2))) / 2, "take one logarithm",
    ),
    "4.1 minus": (lesson.gaussian_entropy, lambda s: -_entropy(s), "the sign is opposite"),
    "4.1 density at the mean": (
        lesson.gaussian_entropy, lambda s: -stats.norm.logpdf(0, 0, s).sum(), "Too small by ½ for every coordinate",
    ),
    "4.1 product": (
        lesson.gaussian_entropy, lambda s: np.log(np.prod(2 * np.pi * np.e * s**2)) / 2, "the product of so many",
    ),
    "4.1 determinant": (
        lesson.gaussian_entropy, lambda s: np.log(np.linalg.det(2 * np.pi * np.e * np.diag(s**2))) / 2, "the product",
    ),
    "4.1 log10": (lesson.gaussian_entropy, lambda s: _entropy(s) / np.log(10), "1/log 10 times the right one"),
    "4.1 pi left out": (
        lesson.gaussian_entropy, lambda s: _entropy(s) - len(s) * np.log(np.pi) / 2,
        "too small by ½ log π times the length of `scale`",
    ),
    "4.2 to N(0, 1)": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: 0.5 * np.sum(np.exp(vq) + mq**2 - 1 - vq), "KL(q‖N(0, I))",
    ),
    "4.2 variances": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: 0.5 * np.sum((vq + (mq - mp) ** 2) / vp - 1 - np.log(vq / vp)),
        "You took the `log_var` for the variances themselves",
    ),
    "4.2 variances, logarithms apart": (
        lesson.gaussian_kl,
        lambda mq, vq, mp, vp: 0.5 * np.sum((vq + (mq - mp) ** 2) / vp - 1 + np.log(vp) - np.log(vq)),
        "You took the `log_var` for the variances themselves",
    ),
    "4.2 scales": (lesson.gaussian_kl, _kl_of_scales, "You took the `log_var` for standard deviations"),
    "4.2 scales for torch": (
        lesson.gaussian_kl, lambda *a: _kl_by_torch(*map(torch.as_tensor, a)), "Expected parameter scale",
    ),
    "4.2 log-scales": (lesson.gaussian_kl, _kl_of_log_scales, "It is the variance already"),
    "4.2 spread forgotten": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: 0.5 * np.sum((mq - mp) ** 2 / np.exp(vp) - 1 - vq + vp),
        "the mean of q in the place of z",
    ),
    "4.2 logarithm forgotten": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: 0.5 * np.sum(np.exp(vq - vp) + (mq - mp) ** 2 / np.exp(vp) - 1),
        "The logarithm of the ratio of the variances is missing",
    ),
    "4.2 twice": (lesson.gaussian_kl, lambda *a: 2 * _kl(*a), "2 times the right one"),
    "4.2 mean over coordinates": (
        lesson.gaussian_kl, lambda *a: _kl(*a) / len(a[0]), "divided by the length of `mean_q`",
    ),
    "4.2 minus": (lesson.gaussian_kl, lambda *a: -_kl(*a), "the sign is opposite"),
    "4.2 means added": (lesson.gaussian_kl, lambda mq, vq, mp, vp: _kl(-mq, vq, mp, vp), "−`mean_q`"),
    "4.2 unit variance of p": (lesson.gaussian_kl, lambda mq, vq, mp, vp: _kl(mq, vq, mp, 0 * vp), "replaced by 0"),
    "4.2 cut off": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: _kl(mq, np.clip(vq, -20, 20), mp, np.clip(vp, -20, 20)), "extreme",
    ),
    # exp(300) is beyond the largest number that float32 holds
    "4.2 in single precision": (lesson.gaussian_kl, lambda *a: _kl_in_single_precision(*a), "numerically unstable"),
    "4.2 tiny number in the divisor": (
        lesson.gaussian_kl,
        lambda mq, vq, mp, vp: 0.5 * np.sum((np.exp(vq) + (mq - mp) ** 2) / (np.exp(vp) + 1e-12) - 1 - vq + vp),
        "Look at the small number",
    ),
    "4.2 symmetrised": (
        lesson.gaussian_kl, lambda a, u, b, v: (_kl(a, u, b, v) + _kl(b, v, a, u)) / 2, "the mean of both directions",
    ),
    "4.2 cross-entropy": (
        lesson.gaussian_kl,
        lambda a, u, b, v: 0.5 * np.sum(np.log(2 * np.pi) + v + (np.exp(u) + (a - b) ** 2) / np.exp(v)),
        "the entropy of q is subtracted",
    ),
    "4.3 stable on one side": (
        lesson.elbo_estimate,
        _elbo(lambda z, x: x.sum() * z - len(x) * (z + np.log1p(np.exp(-z)))), "do not overflow on either side",
    ),
    "4.3 likelihood alone": (
        lesson.elbo_estimate, lambda e, m, s, x: np.mean(_coin(m + s * e, x)), "E_q[log p(x | z)] alone",
    ),
    "4.3 no constants": (
        lesson.elbo_estimate,
        lambda e, m, s, x: np.mean(_coin(m + s * e, x) - (m + s * e) ** 2 / 2 + e**2 / 2), "without its constant",
    ),
    "4.4 floor": (
        lesson.update_precision, lambda x, *a: (a[4] + (len(x) + 1) // 2, _update()(x, *a)[1]), "rounded down",
    ),
    "4.4 mean of τ": (
        lesson.update_precision, lambda *a: (np.divide(*_update()(*a)), _update()(*a)[1]), "the mean of τ",
    ),
    "4.2 product of variances": (
        lesson.gaussian_kl,
        lambda mq, vq, mp, vp: 0.5 * (
            np.sum(np.exp(vq - vp) + (mq - mp) ** 2 / np.exp(vp) - 1)
            - np.log(np.prod(np.exp(vq)) / np.prod(np.exp(vp)))
        ),
        "take none of a product",
    ),
    "4.3 z as a probability": (
        lesson.elbo_estimate, _elbo(_of_probabilities), "You took z for the probability of a one",
    ),
    "4.3 z as scipy's probability": (
        lesson.elbo_estimate, _elbo(lambda z, x: stats.bernoulli.logpmf(x, z[:, None]).sum(axis=1)), "took z for the",
    ),
    "4.3 log(sigmoid)": (
        lesson.elbo_estimate, _elbo(lambda z, x: _of_probabilities(special.expit(z), x)), "numerically unstable",
    ),
    "4.3 log(1 + exp)": (
        lesson.elbo_estimate, _elbo(lambda z, x: x.sum() * z - len(x) * np.log(1 + np.exp(z))), "np.logaddexp",
    ),
    "4.3 log(sigmoid + eps)": (
        lesson.elbo_estimate,
        _elbo(lambda z, x: sum(np.log(special.expit(z if one else -z) + 1e-12) for one in x)),
        "Look at the small number",
    ),
    "4.3 only the ones": (
        lesson.elbo_estimate, _elbo(lambda z, x: -x.sum() * np.logaddexp(0, -z)), "Only the ones count",
    ),
    "4.3 ones and zeros exchanged": (lesson.elbo_estimate, _elbo(lambda z, x: _coin(z, 1 - x)), "1 − `data`"),
    "4.3 binomial": (
        lesson.elbo_estimate, _elbo(lambda z, x: stats.binom.logpmf(x.sum(), len(x), special.expit(z))),
        "no binomial coefficient",
    ),
    "4.3 prior and q per datum": (lesson.elbo_estimate, _per_datum, "once for each of the N observations"),
    "4.3 log of the mean": (
        lesson.elbo_estimate, _elbo(average=lambda w: special.logsumexp(w) - np.log(len(w))), "a tighter bound",
    ),
    "4.3 sum over draws": (lesson.elbo_estimate, _elbo(average=np.sum), "times the length of `noise`"),
    "4.3 likelihood at the mean": (
        lesson.elbo_estimate,
        lambda e, m, s, x: _elbo(lambda z, x: _coin(np.float64(m), x))(e, m, s, x), "taken at the mean of q",
    ),
    "4.3 variance in log q": (
        lesson.elbo_estimate, _elbo(log_q=lambda z, m, s: stats.norm.logpdf(z, m, s**2)), "log q is computed with",
    ),
    "4.3 no noise": (lesson.elbo_estimate, _elbo(draw=lambda e, m, s: m + 0 * e), "each entry replaced by 0"),
    "4.3 own noise": (lesson.elbo_estimate, _with_own_noise, "Called twice"),
    "4.3 not averaged": (lesson.elbo_estimate, _elbo(average=lambda w: w), "should be a single number"),
    "4.4 exponent for shape": (lesson.update_precision, _update(shape=-1.0), "Add the 1 to get the shape"),
    "4.4 exact posterior": (lesson.update_precision, _normal_gamma, "of the exact posterior"),
    "4.4 around the data's mean": (
        lesson.update_precision, _update(rate=lambda x, m, s, m0, k0: -len(x) * (x.mean() - m) ** 2 / 2),
        "the average of the data",
    ),
    "4.4 no prior shape": (
        lesson.update_precision, lambda *a: (_update()(*a)[0] - a[5], _update()(*a)[1]), "too small by `prior_shape`",
    ),
    "4.4 no prior rate": (
        lesson.update_precision, lambda *a: (_update()(*a)[0], _update()(*a)[1] - a[6]), "too small by `prior_rate`",
    ),
    "4.4 mean over the data": (
        lesson.update_precision,
        _update(rate=lambda x, m, s, m0, k0: (1 / len(x) - 1) * np.sum((x - m) ** 2 + s**2) / 2),
        "a mean where a sum belongs",
    ),
    "4.4 places of the means": (
        lesson.update_precision, lambda x, m, s, m0, *rest: _update()(x, m0, s, m, *rest), "places exchanged",
    ),
    "4.4 two things": (
        lesson.update_precision,
        _update(-0.5, lambda x, m, s, m0, k0: -(len(x) + k0) * s**2 / 2), "Leaving s² out ignores",
    ),
    "4.4 mean of the Gamma": (
        lesson.update_precision, lambda *a: np.divide(*_update()(*a)), "as in `return shape, rate`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _single_precision(*arrays):
    return [torch.tensor(array, dtype=torch.float32) for array in arrays]


def _kl_in_single_precision(*arguments):
    mean_q, log_var_q, mean_p, log_var_p = _single_precision(*arguments)
    log_ratio = log_var_q - log_var_p
    return 0.5 * (log_ratio.exp() + (mean_q - mean_p) ** 2 * torch.exp(-log_var_p) - 1 - log_ratio).sum()


def _elbo_by_pure_python(noise, mean, scale, data):
    total = 0.0
    for e in noise.tolist():
        z = mean + scale * e
        total += sum(min(0.0, z if x else -z) - math.log1p(math.exp(-abs(z))) for x in data.tolist())
        total += (e * e - z * z) / 2 + math.log(scale)
    return total / len(noise)


def _update_from_moments(x, m, s, m0, k0, a0, b0):
    second = m * m + s * s
    squares = x @ x - 2 * m * x.sum() + len(x) * second
    return np.array([a0 + (x.size + 1) / 2, b0 + (squares + k0 * (second - 2 * m * m0 + m0 * m0)) / 2])


RIGHT = {
    "4.1 in single precision": (
        lesson.gaussian_entropy, lambda s: torch.log(_single_precision(s)[0] * math.sqrt(2 * math.pi * math.e)).sum(),
    ),
    "4.1 pure Python": (
        lesson.gaussian_entropy, lambda s: math.fsum(0.5 * math.log(2 * math.pi * math.e * one * one) for one in s),
    ),
    "4.1 scipy's multivariate normal": (
        lesson.gaussian_entropy, lambda s: stats.multivariate_normal(cov=np.diag(s**2)).entropy(),
    ),
    "4.2 cross-entropy minus entropy": (
        lesson.gaussian_kl,
        lambda mq, vq, mp, vp: 0.5 * np.sum(vp + (np.exp(vq) + (mq - mp) ** 2) / np.exp(vp)) - 0.5 * np.sum(1 + vq),
    ),
    "4.2 logarithms of exponentials": (
        lesson.gaussian_kl, lambda mq, vq, mp, vp: _kl_of_scales(mq, np.sqrt(np.exp(vq)), mp, np.sqrt(np.exp(vp))),
    ),
    "4.3 pure Python": (lesson.elbo_estimate, _elbo_by_pure_python),
    "4.3 three means": (
        lesson.elbo_estimate,
        lambda e, m, s, x: _coin(m + s * e, x).mean() + (np.mean(e**2) - np.mean((m + s * e) ** 2)) / 2 + np.log(s),
    ),
    "4.4 moments, as an array": (lesson.update_precision, _update_from_moments),
    "4.4 a list": (lesson.update_precision, lambda *a: list(_update()(*a))),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_but_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert verdict.correct, str(verdict)
