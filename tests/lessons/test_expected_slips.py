"""Wrong answers that people are expected to give to the exercises of lessons 02 and 08, and what they are told."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats
from told import assert_told

from course_utils.lessons.mixtures import exercises as mixtures
from course_utils.lessons.vae import exercises as vae


def _sample_with_own_numbers(uniforms, noise, weights, means, scales):
    labels = np.random.choice(len(weights), size=len(uniforms), p=weights)
    return means[labels] + scales[labels] * np.random.normal(size=len(noise))


def _log_of_densities_by_log_sum_exp(data, weights, means, scales):
    return special.logsumexp(np.log(weights * stats.norm.pdf(data[:, None], means, scales)), axis=1)


def _sorted_level(training, new, share):
    return new < np.sort(training)[int(share * len(training))]


def _bernoulli(x, logits, small=0.0):
    p = torch.sigmoid(logits)
    return (x * torch.log(p + small) + (1 - x) * torch.log(1 - p + small)).sum(-1)


def _kl(mean, variance, log_variance):
    return 0.5 * (variance + mean**2 - 1 - log_variance).sum(-1)


def _tilted(mean, factor):
    return vae._tilted_kl(mean, factor)


def _by_torch(mean, factor):
    q = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    latents = mean.shape[1]
    prior = torch.distributions.MultivariateNormal(torch.zeros(latents).double(), torch.eye(latents).double())
    return torch.distributions.kl_divergence(q, prior)


def _best(x, decoded, least):
    return vae._pixel_variances(x, decoded, least)


def _with_variances(x, decoded, variances):
    pixels = torch.distributions.Normal(decoded, variances.sqrt(), validate_args=False).log_prob(x)
    return variances, pixels.sum(2).mean()


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
    "2.4 always 2 %": (mixtures.anomalies, lambda t, n, s: n < np.quantile(t, 0.02), "is handed a `share`"),
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
    "8.2 covariance by slogdet": (
        vae.tilted_kl,
        lambda m, a: 0.5 * (a.square().sum((1, 2)) + m.square().sum(1) - m.shape[1] - (a @ a.mT).logdet()),
        "numerically unstable",
    ),
    "8.2 determinant": (
        vae.tilted_kl,
        lambda m, a: 0.5 * (a.square().sum((1, 2)) + m.square().sum(1) - m.shape[1]) - torch.linalg.det(a).abs().log(),
        "numerically unstable",
    ),
    "8.2 squares of the variances": (
        vae.tilted_kl,
        lambda m, a: _tilted(m, a) + 0.5 * ((a @ a.mT).square().sum((1, 2)) - a.square().sum((1, 2))),
        "Probe",
    ),
    "8.2 without ½": (vae.tilted_kl, lambda m, a: 2 * _tilted(m, a), "2 times the right one"),
    "8.2 the other sign": (vae.tilted_kl, lambda m, a: -_tilted(m, a), "the sign is opposite"),
    "8.2 logarithm added": (
        vae.tilted_kl, lambda m, a: _tilted(m, a) + 2 * a.diagonal(dim1=1, dim2=2).abs().log().sum(1), "Probe",
    ),
    "8.2 no mean": (vae.tilted_kl, lambda m, a: _tilted(0 * m, a), "the square of `mean`"),
    "8.2 sum of A, squared": (
        vae.tilted_kl,
        lambda m, a: _tilted(m, a) + 0.5 * (a.sum((1, 2)).square() - a.square().sum((1, 2))),
        "Probe",
    ),
    "8.2 mean over the latents": (vae.tilted_kl, lambda m, a: _tilted(m, a) / m.shape[1], "columns of `mean`"),
    "8.2 batch mean": (vae.tilted_kl, lambda m, a: _tilted(m, a).mean(), "should be an array of shape (1,)"),
    "8.2 diagonal as scales": (
        vae.tilted_kl,
        lambda m, a: _kl(m, a.diagonal(dim1=1, dim2=2) ** 2, (a.diagonal(dim1=1, dim2=2) ** 2).log()),
        "the diagonal of A alone",
    ),
    "8.2 diagonal as log-variances": (
        vae.tilted_kl,
        lambda m, a: _kl(m, a.diagonal(dim1=1, dim2=2).exp(), a.diagonal(dim1=1, dim2=2)),
        "Probe",
    ),
    "8.2 Cholesky of A": (vae.tilted_kl, lambda m, a: _tilted(m, torch.linalg.cholesky(a)), "LinAlgError"),
    "8.2 A transposed": (vae.tilted_kl, lambda m, a: _by_torch(m, a.mT), "ValueError"),
    "8.2 no abs": (vae.tilted_kl, _by_torch, "ValueError"),
    "8.2 column by column": (
        vae.tilted_kl, lambda m, a: 0.5 * (a.square().sum(1) + m.square() - 1).sum(1), "Probe",
    ),
    "8.3 standard deviations": (
        vae.pixel_variances, lambda x, f, c: (_best(x, f, c)[0].sqrt(), _best(x, f, c)[1]), "standard deviations",
    ),
    "8.3 each digit": (
        vae.pixel_variances,
        lambda x, f, c: ((x - f).square().mean(0).clamp(min=c), _best(x, f, c)[1]),
        "variances should be an array of shape (2,)",
    ),
    "8.3 one variance": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(x, f, (x - f).square().mean().clamp(min=c).expand(x.shape[1])),
        "one variance for all pixels",
    ),
    "8.3 torch's variance": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(x, f, (x - f).flatten(0, 1).var(0, correction=0).clamp(min=c)),
        "around their own mean",
    ),
    "8.3 variance of the pictures": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(x, f, f.flatten(0, 1).var(0, correction=0).clamp(min=c)),
        "Probe",
    ),
    "8.3 least for all": (
        vae.pixel_variances, lambda x, f, c: _with_variances(x, f, torch.full((x.shape[1],), c)), "Probe",
    ),
    "8.3 ½ everywhere": (
        vae.pixel_variances,
        lambda x, f, c: (_best(x, f, c)[0], -0.5 * (torch.log(2 * math.pi * _best(x, f, c)[0]) + 1).sum()),
        "you put ½ for every pixel",
    ),
    "8.3 without log 2π": (
        vae.pixel_variances,
        lambda x, f, c: (_best(x, f, c)[0], _best(x, f, c)[1] + 0.5 * x.shape[1] * math.log(2 * math.pi)),
        "variances: right",
    ),
    "8.3 the loss": (
        vae.pixel_variances, lambda x, f, c: (_best(x, f, c)[0], -_best(x, f, c)[1]), "the sign is opposite",
    ),
    "8.3 for every pixel": (
        vae.pixel_variances,
        lambda x, f, c: (_best(x, f, c)[0], torch.distributions.Normal(f, _best(x, f, c)[0].sqrt()).log_prob(x).mean()),
        "averaged over the pixels",
    ),
    "8.3 scale for variance": (
        vae.pixel_variances,
        lambda x, f, c: (_best(x, f, c)[0], torch.distributions.Normal(f, _best(x, f, c)[0]).log_prob(x).sum(2).mean()),
        "variances: right",
    ),
    "8.3 no bound": (
        vae.pixel_variances, lambda x, f, c: _with_variances(x, f, (x - f).square().mean((0, 1))), "not heeded",
    ),
    "8.3 bound on the scale": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(x, f, (x - f).square().mean((0, 1)).sqrt().clamp(min=c) ** 2),
        "Probe",
    ),
    "8.3 clipped from above": (
        vae.pixel_variances, lambda x, f, c: _with_variances(x, f, (x - f).square().mean((0, 1)).clamp(max=c)), "Probe",
    ),
    "8.3 divided by N − 1": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(
            x, f, ((x - f).square().sum((0, 1)) / max(len(x) * len(f) - 1, 1)).clamp(min=c)
        ),
        "Probe",
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
    "2.1 labels alone": (
        mixtures.ancestral_sample, lambda u, e, w, m, s: np.digitize(u, np.cumsum(w)[:-1]), "the first of two draws",
    ),
    "2.1 labels from one": (
        mixtures.ancestral_sample,
        lambda u, e, w, m, s: m[np.digitize(u, np.cumsum(w)[:-1]) - 1] + s[np.digitize(u, np.cumsum(w)[:-1]) - 1] * e,
        "one too low",
    ),
    "2.1 cuts rounded": (
        mixtures.ancestral_sample,
        lambda u, e, w, m, s: (lambda k: m[k] + s[k] * e)(np.digitize(u, np.cumsum(w)[:-1].round(4))), "Probe",
    ),
    "2.2 one Gaussian": (
        mixtures.mixture_log_prob,
        lambda x, w, m, s: stats.norm(w @ m, (w @ s**2 + w @ m**2 - (w @ m) ** 2) ** 0.5).logpdf(x), "two humps",
    ),
    "2.2 no small weight": (
        mixtures.mixture_log_prob,
        lambda x, w, m, s: special.logsumexp(np.log(w + 1e-8) + stats.norm.logpdf(x[:, None], m, s), axis=1), "Probe",
    ),
    "2.4 densities": (mixtures.anomalies, lambda t, n, s: np.exp(n) < np.quantile(np.exp(t), s), "Probe"),
    "2.4 equal points once": (mixtures.anomalies, lambda t, n, s: n < np.quantile(np.unique(t), s), "Probe"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def test_definitions_of_a_quantile_that_decide_alike_are_right():
    assert mixtures.anomalies.examine(_sorted_level).correct
    counted = lambda t, n, s: [np.mean(t < x) < s for x in n]  # noqa: E731
    assert mixtures.anomalies.examine(counted).correct
    for method in ("lower", "higher", "nearest", "hazen", "weibull", "closest_observation"):
        answer = lambda t, n, s, method=method: n < np.quantile(t, s, method=method)  # noqa: E731
        assert mixtures.anomalies.examine(answer).correct


def _tilted_by_slogdet(mean, factor):
    log_dets = np.linalg.slogdet(factor.numpy())[1]
    return [float((a**2).sum() + m @ m - len(m)) / 2 - d for a, m, d in zip(factor, mean, log_dets, strict=True)]


def _tilted_by_average(mean, factor):
    size = mean.shape[1]
    points = math.sqrt(size) * torch.cat([torch.eye(size), -torch.eye(size)]).double()  # with covariance I
    z = mean[:, None] + points @ factor.mT
    log_q = -0.5 * size - factor.diagonal(dim1=1, dim2=2).abs().log().sum(1)
    return log_q + 0.5 * z.square().sum(2).mean(1)


RIGHT = {
    "8.2 slogdet": (vae.tilted_kl, _tilted_by_slogdet),
    "8.2 as an average over 2L points": (vae.tilted_kl, _tilted_by_average),
    "8.2 row by row": (
        vae.tilted_kl,
        lambda m, a: sum(
            0.5 * (a[:, k].norm(dim=1) ** 2 + m[:, k] ** 2 - 1) - a[:, k, k].square().log() / 2
            for k in range(m.shape[1])
        ),
    ),
    "8.2 einsum": (
        vae.tilted_kl,
        lambda m, a: (torch.einsum("nij,nij->n", a, a) + torch.einsum("nl,nl->n", m, m)) / 2
        - torch.einsum("nii->ni", a).abs().log().add(0.5).sum(1),
    ),
    "8.2 diagonal set apart": (
        vae.tilted_kl,
        lambda m, a: _kl(m, a.diagonal(dim1=1, dim2=2) ** 2, 2 * a.diagonal(dim1=1, dim2=2).abs().log())
        + 0.5 * a.tril(-1).square().sum((1, 2)),
    ),
    "8.3 numpy": (
        vae.pixel_variances,
        lambda x, f, c: (lambda r, v: (v, -0.5 * np.sum(np.log(2 * np.pi * v) + r / v)))(
            np.square(f.numpy() - x.numpy()).mean((0, 1)),
            np.maximum(np.square(f.numpy() - x.numpy()).mean((0, 1)), c),
        ),
    ),
    "8.3 a list": (vae.pixel_variances, lambda x, f, c: list(_best(x, f, c))),
    "8.3 bias and scatter": (
        vae.pixel_variances,
        lambda x, f, c: _with_variances(
            x, f, torch.clamp((f - x).flatten(0, 1).var(0, correction=0) + (f - x).mean((0, 1)) ** 2, c)
        ),
    ),
    "8.3 where": (
        vae.pixel_variances,
        lambda x, f, c: (lambda r: _with_variances(x, f, torch.where(r < c, torch.tensor(c).double(), r)))(
            (x - f).pow(2).sum((0, 1)) / (len(x) * len(f))
        ),
    ),
    "8.3 digit by digit": (
        vae.pixel_variances,
        lambda x, f, c: (
            _best(x, f, c)[0],
            sum(_with_variances(x[[n]], f[:, [n]], _best(x, f, c)[0])[1] for n in range(len(x))) / len(x),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_spelling_of_a_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(5, 50))
