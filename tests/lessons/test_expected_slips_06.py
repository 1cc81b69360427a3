"""Wrong answers that people are expected to give to the exercises of lesson 06, and what they are told."""

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from told import assert_told

from course_utils.lessons.reparameterisation import exercises as lesson


def _scores(z, mean, scale):
    return (z - mean) ** 2 / scale**3 - 1 / scale


def _score(z, mean, scale, values, axis=0):
    return np.mean(values[:, None] * _scores(z, mean, scale), axis=axis)


def _slopes(power, factor=1.0):
    """Build an answer to 6.1 with (z − μ)²/σ^power − factor/σ for the score."""
    return lambda z, m, s, f: np.mean(f[:, None] * ((z - m) ** 2 / s**power - factor / s), axis=0)


def _others(values):
    return (values.sum() - values) / (len(values) - 1)


def _leaf(array):
    return torch.tensor(array, requires_grad=True)


def _leaves(*arrays):
    return [_leaf(array) for array in arrays]


def _with_gradients(z, *leaves):
    return z, *torch.autograd.grad(z.sum(), leaves)


def _path(draw):
    """Build an answer to 6.3 from a way to draw z from noise (an array) and two leaves."""

    def answer(noise, mean, log_var):
        m, v = _leaves(mean, log_var)
        return _with_gradients(draw(noise, m, v), m, v)

    return answer


def _of_mean(noise, mean, log_var):
    m, v = _leaves(mean, log_var)
    z = m + (v / 2).exp() * torch.tensor(noise)
    return z, *torch.autograd.grad(z.mean(), (m, v))


def _of_tensor(noise, mean, log_var):
    m, v = _leaves(mean, log_var)
    z = m + (v / 2).exp() * torch.tensor(noise)
    return z, *torch.autograd.grad(z, (m, v))


def _never_backward(noise, mean, log_var):
    m, v = _leaves(mean, log_var)
    return m + (v / 2).exp() * torch.tensor(noise), m.grad, v.grad


def _of_scale(noise, mean, log_var):
    m, s = _leaves(mean, np.exp(log_var / 2))
    return _with_gradients(m + s * torch.tensor(noise), m, s)


def _on_the_array(noise, mean, log_var):
    mean.requires_grad_()


def _without_graph(noise, m, v):
    with torch.no_grad():
        return m + (v / 2).exp() * torch.tensor(noise)


def _normal(m, v):
    return torch.distributions.Normal(m, (v / 2).exp())


SLIPS = {
    "6.1 the page's own": (
        lesson.score_gradient, lambda z, m, s, f: np.mean(f[:, None] * (z - m) / s**2, axis=0), "respect to the mean",
    ),
    "6.1 exponent alone": (lesson.score_gradient, _slopes(3, 0.0), "is not. It depends on σ too"),
    "6.1 both signs turned": (lesson.score_gradient, lambda z, m, s, f: -_score(z, m, s, f), "sign"),
    "6.1 normaliser with a plus": (lesson.score_gradient, _slopes(3, -1.0), "normaliser has the wrong sign"),
    "6.1 half a normaliser": (lesson.score_gradient, _slopes(3, 0.5), "half of what it should"),
    "6.1 the power kept": (lesson.score_gradient, _slopes(2), "σ³ belongs there"),
    "6.1 the fourth power": (lesson.score_gradient, _slopes(4), "Probe"),
    "6.1 for the logarithm": (
        lesson.score_gradient, lambda z, m, s, f: s * _score(z, m, s, f), "the gradient with respect to log σ",
    ),
    "6.1 for the variance": (
        lesson.score_gradient, lambda z, m, s, f: _score(z, m, s, f) / (2 * s), "respect to the variance",
    ),
    "6.1 the variance for the scale": (
        lesson.score_gradient, lambda z, m, s, f: _score(z, m, s**0.5, f), "treated as the variance",
    ),
    "6.1 the draws for the distances": (
        lesson.score_gradient, lambda z, m, s, f: _score(z, 0, s, f), "how far each draw lies from the mean",
    ),
    "6.1 mean over coordinates": (
        lesson.score_gradient, lambda *a: _score(*a, axis=1), "The average runs over the coordinates",
    ),
    "6.1 sum": (lesson.score_gradient, lambda z, m, s, f: len(z) * _score(z, m, s, f), "You sum over the draws"),
    "6.1 no score": (lesson.score_gradient, lambda z, m, s, f: np.full(len(m), f.mean()), "The score is missing"),
    "6.1 score alone": (lesson.score_gradient, lambda z, m, s, f: _scores(z, m, s).mean(0), "the average score"),
    "6.1 baseline": (lesson.score_gradient, lambda z, m, s, f: _score(z, m, s, f - f.mean()), "that is a baseline"),
    "6.1 log-density": (
        lesson.score_gradient, lambda z, m, s, f: (f[:, None] * stats.norm.logpdf(z, m, s)).mean(0),
        "by log q of each coordinate",
    ),
    "6.1 D for K": (
        lesson.score_gradient, lambda z, m, s, f: (f[:, None] * _scores(z, m, s)).sum(0) / len(m), "number of columns",
    ),
    "6.1 no new axis": (lesson.score_gradient, lambda z, m, s, f: np.mean(f * _scores(z, m, s), axis=0), "broadcast"),
    "6.1 divided by K − 1": (
        lesson.score_gradient, lambda z, m, s, f: f @ _scores(z, m, s) / max(len(z) - 1, 1), "Probe",
    ),
    "6.1 divided by K − 1, without a guard": (
        lesson.score_gradient, lambda z, m, s, f: f @ _scores(z, m, s) / (len(z) - 1), "You divide by K − 1",
    ),
    "6.1 sample mean": (
        lesson.score_gradient, lambda z, m, s, f: _score(z, z.mean(0), s, f), "from the mean of the draws",
    ),
    "6.2 scores centred": (
        lesson.leave_one_out_gradient, lambda f, s: f @ (s - s.mean(0)) / len(f), "which comes to the same",
    ),
    "6.2 products centred": (
        lesson.leave_one_out_gradient,
        lambda f, s: (lambda g: np.mean(g - (g.sum(0) - g) / (len(g) - 1), axis=0))(f[:, None] * s), "cancels to 0",
    ),
    "6.2 the next": (
        lesson.leave_one_out_gradient, lambda f, s: (f - np.roll(f, -1)) @ s / len(f), "the draw after it",
    ),
    "6.2 running mean": (
        lesson.leave_one_out_gradient,
        lambda f, s: np.mean([(f[k] - (f[:k].mean() if k else 0)) * s[k] for k in range(len(f))], axis=0),
        "the draws before it",
    ),
    "6.2 rewards standardised": (
        lesson.leave_one_out_gradient, lambda f, s: (f - f.mean()) / (f.std() + 1e-8) @ s / len(f), "with rewards",
    ),
    "6.4 factor of the precision": (
        lesson.correlated_sample,
        lambda e, m, c: m + e @ np.linalg.cholesky(np.linalg.inv(c)).T, "the inverse of the covariance",
    ),
    "6.4 upper factor": (
        lesson.correlated_sample,
        lambda e, m, c: m + (np.linalg.cholesky(c[::-1, ::-1]) @ e[:, ::-1].T)[::-1].T, "an upper triangular A",
    ),
    "6.5 log(N/B)": (
        lesson.minibatch_log_joint, lambda x, p, n: p + x.sum(1) + np.log(n / x.shape[1]), "You add log(N/B)",
    ),
    "6.2 own value": (
        lesson.leave_one_out_gradient, lambda f, s: ((f - f.mean())[:, None] * s).mean(0), "the draw's own value",
    ),
    "6.2 no baseline": (lesson.leave_one_out_gradient, lambda f, s: f @ s / len(f), "No baseline is subtracted"),
    "6.2 divided by K − 1 again": (
        lesson.leave_one_out_gradient, lambda f, s: (f - _others(f)) @ s / (len(f) - 1), "n/(n − 1)",
    ),
    "6.2 P for K": (
        lesson.leave_one_out_gradient, lambda f, s: (f - _others(f)) @ s / s.shape[1], "the number of columns",
    ),
    "6.2 sum of the others": (
        lesson.leave_one_out_gradient, lambda f, s: (f - (f.sum() - f)) @ s / len(f), "the sum of the other values",
    ),
    "6.2 the other way": (lesson.leave_one_out_gradient, lambda f, s: (_others(f) - f) @ s / len(f), "sign is opp"),
    "6.2 median": (
        lesson.leave_one_out_gradient, lambda f, s: (f - np.median(f)) @ s / len(f), "Probe",
    ),
    "6.2 standardised": (
        lesson.leave_one_out_gradient, lambda f, s: ((f - f.mean()) / f.std()) @ s / len(f), "standard deviation",
    ),
    "6.2 a loop that returns early": (
        lesson.leave_one_out_gradient, lambda f, s: (f[0] - f[1:].mean()) * s[0] / len(f), "Probe",
    ),
    "6.3 z.mean()": (lesson.pathwise_sample, _of_mean, "those of `z.mean()`"),
    "6.3 sample": (
        lesson.pathwise_sample, _path(lambda e, m, v: _normal(m, v).sample((len(e),))), "`.rsample()`, and noise that",
    ),
    "6.3 rsample": (
        lesson.pathwise_sample, _path(lambda e, m, v: _normal(m, v).rsample((len(e),))), "random numbers of its own",
    ),
    "6.3 no_grad": (lesson.pathwise_sample, _path(_without_graph), "`torch.no_grad()`"),
    "6.3 NumPy noise": (lesson.pathwise_sample, _path(lambda e, m, v: m + (v / 2).exp() * e), "Make tensors of the"),
    "6.3 NumPy noise first": (
        lesson.pathwise_sample, _path(lambda e, m, v: m + e * (v / 2).exp()), "becomes a tensor by `torch.tensor(…)`",
    ),
    "6.3 np.exp": (
        lesson.pathwise_sample, _path(lambda e, m, v: m + np.exp(v / 2) * torch.tensor(e)), "`torch.exp` for `np.exp`",
    ),
    "6.3 requires_grad_ on an array": (lesson.pathwise_sample, _on_the_array, "becomes a tensor by"),
    "6.3 a copied scale": (
        lesson.pathwise_sample, _path(lambda e, m, v: m + torch.tensor((v / 2).exp()) * torch.tensor(e)),
        "The path from one of the parameters is cut",
    ),
    "6.3 no sum": (lesson.pathwise_sample, _of_tensor, "A gradient is that of one number"),
    "6.3 backward never called": (lesson.pathwise_sample, _never_backward, "until `.backward()` has filled it"),
    "6.3 gradient of the scale": (lesson.pathwise_sample, _of_scale, "the one with respect to σ"),
    "6.3 variance": (
        lesson.pathwise_sample, _path(lambda e, m, v: m + v.exp() * torch.tensor(e)), "noise by the variance",
    ),
    "6.3 log-variance": (
        lesson.pathwise_sample, _path(lambda e, m, v: m + v * torch.tensor(e)), "noise by log_var itself",
    ),
    "6.3 other order": (
        lesson.pathwise_sample, lambda *a: lesson._path(*a)[1:] + lesson._path(*a)[:1], "On probe",
    ),
    "6.4 Aᵀ": (lesson.correlated_sample, lambda e, m, c: m + e @ np.linalg.cholesky(c), "multiplied by Aᵀ"),
    "6.4 scipy's upper factor": (
        lesson.correlated_sample, lambda e, m, c: m + e @ linalg.cholesky(c).T, "multiplied by Aᵀ",
    ),
    "6.4 covariance": (lesson.correlated_sample, lambda e, m, c: m + e @ c, "by the covariance itself"),
    "6.4 entries' roots": (
        lesson.correlated_sample, lambda e, m, c: m + e @ np.sqrt(np.abs(c)), "A negative covariance is no mistake",
    ),
    "6.4 signed roots": (
        lesson.correlated_sample, lambda e, m, c: m + e @ (np.sign(c) * np.sqrt(np.abs(c))), "Probe",
    ),
    "6.4 diagonal": (
        lesson.correlated_sample, lambda e, m, c: m + e * np.sqrt(np.diag(c)), "the correlations are gone",
    ),
    "6.4 absolute factor": (
        lesson.correlated_sample, lambda e, m, c: m + e @ np.abs(np.linalg.cholesky(c)).T, "Probe",
    ),
    "6.4 eigenvectors": (
        lesson.correlated_sample, lambda e, m, c: (lambda w, v: m + e @ (v * np.sqrt(w)).T)(*np.linalg.eigh(c)),
        "eigenvectors times the roots",
    ),
    "6.4 own noise": (
        lesson.correlated_sample, lambda e, m, c: np.random.multivariate_normal(m, c, len(e)), "Called twice",
    ),
    "6.4 no mean": (lesson.correlated_sample, lambda e, m, c: e @ np.linalg.cholesky(c).T, "The mean is missing"),
    "6.4 column by column": (lesson.correlated_sample, lambda e, m, c: m + np.linalg.cholesky(c) @ e, "Probe"),
    "6.4 the correlation matrix": (
        lesson.correlated_sample,
        lambda e, m, c: m + e @ np.linalg.cholesky(c / np.sqrt(np.outer(np.diag(c), np.diag(c)))).T, "Probe",
    ),
    "6.5 prior forgotten": (
        lesson.minibatch_log_joint, lambda x, p, n: n * x.mean(axis=1), "The prior is missing",
    ),
    "6.5 shape[0] for B": (
        lesson.minibatch_log_joint, lambda x, p, n: p + n / x.shape[0] * x.sum(axis=1), "`log_likelihoods.shape[1]`",
    ),
    "6.5 everything scaled": (
        lesson.minibatch_log_joint, lambda x, p, n: n / x.shape[1] * (p + x.sum(axis=1)), "The prior is scaled",
    ),
    "6.5 prior for each datum": (
        lesson.minibatch_log_joint, lambda x, p, n: n * (x + p[:, None]).mean(axis=1), "counted N times",
    ),
    "6.5 whole numbers": (
        lesson.minibatch_log_joint, lambda x, p, n: p + n // x.shape[1] * x.sum(axis=1), "rounded down",
    ),
    "6.5 batch for all": (lesson.minibatch_log_joint, lambda x, p, n: p + x.sum(axis=1), "The factor N/B is forgotten"),
    "6.5 mean over the draws": (
        lesson.minibatch_log_joint, lambda x, p, n: p.mean() + n * x.mean(), "One number came back",
    ),
    "6.5 over the draws": (lesson.minibatch_log_joint, lambda x, p, n: p + n * x.mean(axis=0), "broadcast"),
    "6.5 never positive": (
        lesson.minibatch_log_joint, lambda x, p, n: p - n * np.abs(x).mean(axis=1), "Probe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _single_precision(noise, mean, log_var):
    m, v = (torch.Tensor(part).requires_grad_() for part in (mean, log_var))
    z = torch.distributions.Normal(m, (0.5 * v).exp()).mean + (0.5 * v).exp() * torch.Tensor(noise)
    z.sum().backward()
    return [z, m.grad, v.grad]


def _one_gradient_at_a_time(noise, mean, log_var):
    m, v = _leaves(mean, log_var)
    z = m.addcmul(v.exp().sqrt(), torch.from_numpy(noise))
    (first,) = torch.autograd.grad(z.sum(), m, retain_graph=True)
    return z.detach(), first, torch.autograd.grad(z.sum(), v)[0]


def _forward_substitution(noise, mean, covariance):
    factor = np.zeros_like(covariance)
    for i in range(len(mean)):
        for j in range(i + 1):
            rest = covariance[i, j] - factor[i, :j] @ factor[j, :j]
            factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
    return [mean + factor @ row for row in noise]


def _by_log_scale(z, mean, scale, values):
    log_scale = _leaf(np.log(scale))
    log_q = torch.distributions.Normal(torch.tensor(mean), log_scale.exp()).log_prob(torch.tensor(z))
    (slope,) = torch.autograd.grad((torch.tensor(values) @ log_q).sum() / len(z), log_scale)
    return slope / torch.tensor(scale)


RIGHT = {
    "6.1 einsum": (
        lesson.score_gradient,
        lambda z, m, s, f: np.einsum("k,kd->d", f, (z - m + s) * (z - m - s)) / s**3 / f.size,
    ),
    "6.1 column by column, as a list": (
        lesson.score_gradient,
        lambda z, m, s, f: [
            float(np.dot(f, ((z[:, d] - m[d]) / s[d]) ** 2 - 1) / (s[d] * len(f))) for d in range(len(m))
        ],
    ),
    "6.1 average": (lesson.score_gradient, lambda z, m, s, f: np.average(_scores(z, m, s).T * f, axis=1)),
    "6.1 autograd of the log-scale": (lesson.score_gradient, _by_log_scale),
    "6.1 single precision": (lesson.score_gradient, lambda *a: _score(*a).astype(np.float32)),
    "6.2 covariance": (
        lesson.leave_one_out_gradient,
        lambda f, s: np.cov(f, s, rowvar=False)[0, 1:] if len(f) > 1 else None,
    ),
    "6.2 pairs": (
        lesson.leave_one_out_gradient,
        lambda f, s: ((f[:, None] - f[None, :]).sum(1)[:, None] * s).sum(0) / len(f) / (len(f) - 1),
    ),
    "6.3 single precision": (lesson.pathwise_sample, _single_precision),
    "6.3 one gradient at a time": (lesson.pathwise_sample, _one_gradient_at_a_time),
    "6.3 by hand": (
        lesson.pathwise_sample,
        lambda e, m, v: (m + np.sqrt(np.exp(v)) * e, len(e) * np.ones(len(m)), e.sum(0) * np.exp(v / 2) / 2),
    ),
    "6.4 by hand": (lesson.correlated_sample, _forward_substitution),
    "6.4 scipy": (
        lesson.correlated_sample,
        lambda e, m, c: (linalg.cholesky(c, lower=True) @ e.T + m[:, None]).T,
    ),
    "6.4 torch's distribution": (
        lesson.correlated_sample,
        lambda e, m, c: (
            (
                torch.distributions.MultivariateNormal(*map(torch.tensor, (m, c))).scale_tril
                @ torch.tensor(e)[..., None]
            )[..., 0]
            + torch.tensor(m)
        ),
    ),
    "6.5 dot product": (
        lesson.minibatch_log_joint,
        lambda x, p, n: x @ np.full(x.shape[-1], n / x.shape[-1]) + p,
    ),
}


@pytest.mark.parametrize("spelling", RIGHT)
def test_a_right_answer_in_an_odd_spelling_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(7, 50))
