"""Wrong answers that people are expected to give to the exercises of lessons 02 and 08, and what they are told."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats

from course_utils.lessons.mixtures import exercises as mixtures
from course_utils.lessons.vae import exercises as vae


def _sample_with_own_numbers(uniforms, noise, weights, means, scales):
    labels = np.random.choice(len(weights), size=len(uniforms), p=weights)
    return means[labels] + scales[labels] * np.random.normal(size=len(noise))


def _log_of_densities_by_log_sum_exp(data, weights, means, scales):
    return special.logsumexp(np.log(weights * stats.norm.pdf(data[:, None], means, scales)), axis=1)


def _sorted_level(training, new, share):
    return new < np.sort(training)[int(share * len(training))]


def _draw(mean, log_var, noise):
    return mean + torch.exp(log_var / 2) * noise


def _without_gradient(mean, log_var, noise):
    with torch.no_grad():
        return _draw(mean, log_var, noise)


def _bernoulli(x, logits, small=0.0):
    p = torch.sigmoid(logits)
    return (x * torch.log(p + small) + (1 - x) * torch.log(1 - p + small)).sum(-1)


def _kl(mean, variance, log_variance):
    return 0.5 * (variance + mean**2 - 1 - log_variance).sum(-1)


def _steps(weight, x, rate):
    weight.requires_grad_()
    moving = weight
    for _ in range(3):
        (gradient,) = torch.autograd.grad(vae.tiny_elbo(moving, x), moving)
        moving = (moving + rate * gradient).detach().requires_grad_()
    return moving.detach()


def _steps_in_place(weight, x, rate):
    for _ in range(3):
        leaf = weight.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(vae.tiny_elbo(leaf, x), leaf)
        weight += rate * gradient
    return weight


SLIPS = {
    "2.1 own random numbers": (mixtures.ancestral_sample, _sample_with_own_numbers, "Called twice with the same"),
    "2.1 labels of the left edge": (
        mixtures.ancestral_sample,
        lambda u, e, w, m, s: (lambda k: m[k] + s[k] * e)(np.minimum(np.searchsorted(np.cumsum(w), u) + 1, len(w) - 1)),
        "Probe",
    ),
    "2.1 noise alone": (
        mixtures.ancestral_sample, lambda u, e, w, m, s: m[np.searchsorted(np.cumsum(w)[:-1], u)] + e,
        "`scales` with each entry replaced by 1",
    ),
    "2.2 log-sum-exp of logged densities": (
        mixtures.mixture_log_prob, _log_of_densities_by_log_sum_exp, "Begin with log-densities",
    ),
    "2.2 variance for scale": (
        mixtures.mixture_log_prob,
        lambda x, w, m, s: special.logsumexp(np.log(w) + stats.norm.logpdf(x[:, None], m, s**2), axis=1), "`scales`²",
    ),
    "2.2 the density": (
        mixtures.mixture_log_prob, lambda x, w, m, s: stats.norm.pdf(x[:, None], m, s) @ w, "the exponential of the",
    ),
    "2.2 one maximum for all": (
        mixtures.mixture_log_prob,
        lambda x, w, m, s: (lambda t: t.max() + np.log(np.exp(t - t.max()).sum(axis=1)))(
            np.log(w) + stats.norm.logpdf(x[:, None], m, s)
        ),
        "numerically unstable",
    ),
    "2.3 hidden in a small number": (
        mixtures.responsibilities,
        lambda x, w, m, s: (lambda t: t / (t.sum(axis=1, keepdims=True) + 1e-300))(
            w * stats.norm.pdf(x[:, None], m, s)
        ),
        "Look at the small number",
    ),
    "2.3 variance for scale": (
        mixtures.responsibilities,
        lambda x, w, m, s: special.softmax(np.log(w) + stats.norm.logpdf(x[:, None], m, s**2), axis=1), "`scales`²",
    ),
    "2.4 or equal": (mixtures.anomalies, lambda t, n, s: n <= np.quantile(t, s), "Compare with `<`"),
    "2.4 per cent": (mixtures.anomalies, lambda t, n, s: n < np.percentile(t, s), "Probe"),
    "8.1 arguments swapped": (
        vae.bernoulli_term, lambda x, y: -F.binary_cross_entropy_with_logits(x, y, reduction="none").sum(-1),
        "have changed places",
    ),
    "8.1 squared error": (
        vae.bernoulli_term, lambda x, y: -((x - y.sigmoid()) ** 2).sum(-1), "This is a squared error",
    ),
    "8.1 log(sigmoid + eps)": (vae.bernoulli_term, lambda x, y: _bernoulli(x, y, 1e-9), "Look at the small number"),
    "8.1 log(sigmoid)": (vae.bernoulli_term, _bernoulli, "numerically unstable"),
    "8.1 torch's default": (
        vae.bernoulli_term, lambda x, y: -F.binary_cross_entropy_with_logits(y, x), "torch's default",
    ),
    "8.2 variance": (vae.kl_term, lambda m, v: _kl(m, v, v.log()), "You took log_var for the variance"),
    "8.2 scale": (vae.kl_term, lambda m, v: _kl(m, v**2, 2 * v.log()), "You took log_var for the standard deviation"),
    "8.2 log-scale": (vae.kl_term, lambda m, v: _kl(m, (2 * v).exp(), 2 * v), "logarithm of the standard deviation"),
    "8.2 stray weight": (vae.kl_term, lambda m, v: 0.00025 * _kl(m, v.exp(), v), "0.00025 times the right one"),
    "8.2 the other axis": (
        vae.kl_term, lambda m, v: 0.5 * (v.exp() + m**2 - 1 - v).sum(1 if m.ndim > 1 else 0, keepdim=True), "shape",
    ),
    "8.2 rank 2 only": (vae.kl_term, lambda m, v: 0.5 * (v.exp() + m**2 - 1 - v).sum(1), "IndexError"),
    "8.3 detached": (vae.latent_sample, lambda *a: _draw(*a).detach(), "no gradient reaches `mean` and `log_var`"),
    "8.3 no_grad": (vae.latent_sample, _without_gradient, "no gradient reaches `mean` and `log_var`"),
    "8.3 NumPy": (
        vae.latent_sample, lambda m, v, e: m.numpy() + np.exp(v.numpy() / 2) * e.numpy(),
        "no gradient reaches `mean` and `log_var`",
    ),
    "8.3 half detached": (
        vae.latent_sample, lambda m, v, e: m + torch.exp(v.detach() / 2) * e, "no gradient reaches `log_var`",
    ),
    "8.3 randn_like": (
        vae.latent_sample, lambda m, v, e: m + torch.exp(v / 2) * torch.randn_like(m), "Called twice",
    ),
    "8.4 left on": (vae.training_steps, _steps, "switches the gradient of `weight` on"),
    "8.4 in place": (vae.training_steps, _steps_in_place, "changes `weight` in place"),
    "8.4 one gradient": (vae.training_steps, vae._one_gradient, "took the gradient once"),
    "8.5 naive": (vae.importance_estimate, lambda j, q: torch.exp(j - q).mean(0).log(), "no weight may be computed"),
    "8.5 one maximum": (
        vae.importance_estimate,
        lambda j, q: (j - q).max() + (j - q - (j - q).max()).exp().sum(0).log() - math.log(len(j)),
        "the largest of all log-weights",
    ),
    "8.5 weighted": (
        vae.importance_estimate, lambda j, q: (torch.softmax(j - q, 0) * (j - q)).sum(0), "normalised weights",
    ),
    "8.5 N for K": (
        vae.importance_estimate, lambda j, q: torch.logsumexp(j - q, 0) - math.log(j.shape[1]),
        "the logarithm of ((the number of rows of `log_joint`) / (the number of columns of `log_joint`))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    exercise, answer, words = SLIPS[slip]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct
    assert words in verdict.detail, str(verdict)


def test_definitions_of_a_quantile_that_decide_alike_are_right():
    assert mixtures.anomalies.examine(_sorted_level).correct
    for method in ("lower", "higher", "nearest"):
        answer = lambda t, n, s, method=method: n < np.quantile(t, s, method=method)  # noqa: E731
        assert mixtures.anomalies.examine(answer).correct
