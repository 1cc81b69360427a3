"""Wrong answers that no relation and no sentence of their exercise names, and what was seen of them."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from told import assert_told

from course_utils.lessons.amortisation import exercises as amortisation
from course_utils.lessons.autoencoders import exercises as autoencoders
from course_utils.lessons.beta_vae import exercises as bills
from course_utils.lessons.beta_vae import problems as beta_vae
from course_utils.lessons.expectation_maximization import exercises as em
from course_utils.lessons.gumbel import exercises as gumbel
from course_utils.lessons.mixtures import exercises as mixtures
from course_utils.lessons.mixtures import problems as surveys
from course_utils.lessons.reparameterisation import exercises as reparameterisation
from course_utils.lessons.vae import exercises as vae
from course_utils.lessons.variational_inference import problems as inference


def _table(data, weights, means, scales, logs=1.0, half=0.5):
    return np.log(weights) - logs * np.log(scales) - half * ((data[:, None] - means) / scales) ** 2


def _shares(table):
    return special.softmax(table, axis=1)


def _step(data, responsibilities, changed):
    """The M-step with other responsibilities in its covariances."""
    counts = responsibilities.sum(0)
    means = responsibilities.T @ data / counts[:, None]
    offsets = data[:, None] - means
    covariances = np.einsum("nk,nki,nkj->kij", changed, offsets, offsets) / changed.sum(0)[:, None, None]
    return counts / len(data), means, covariances


def _notes(data, allowed, weights, means, covariances, logdets=0.5):
    offsets = data[:, None] - means
    squares = np.einsum("nki,kij,nkj->nk", offsets, np.linalg.inv(covariances), offsets)
    table = np.log(weights) - logdets * np.linalg.slogdet(covariances)[1] - 0.5 * squares
    return _shares(np.where(allowed, table, -np.inf))


def _judged(log_joint, log_q, evidence):
    differences = log_joint - log_q
    return differences.mean(), stats.sem(differences), evidence(differences)


def _from_correlations(noise, mean, covariance):
    scales = np.sqrt(np.diag(covariance))
    return noise @ np.linalg.cholesky(covariance / np.outer(scales, scales)).T + mean


def _level_from_a_millionth(variances, budget):
    low, high = 1e-6 * variances.min(), variances.max()
    for _ in range(200):
        middle = np.sqrt(low * high)
        dear = 0.5 * np.log(variances / np.minimum(variances, middle)).sum() > budget
        low, high = (middle, high) if dear else (low, middle)
    return high, np.minimum(variances, high).sum()


def _ascent(make):
    def steps(weight, x, rate):
        w = weight.clone().requires_grad_()
        optimizer = make([w], lr=rate)
        for _ in range(3):
            optimizer.zero_grad()
            (-vae.tiny_elbo(w, x)).backward()
            optimizer.step()
        return w.detach()

    return steps


def _with_floor(x, decoded, least):
    variances = ((x - decoded) ** 2).mean((0, 1)).clamp(min=max(least, 1e-6))
    densities = torch.distributions.Normal(decoded, variances.sqrt(), validate_args=False)
    return variances, densities.log_prob(x).sum(-1).mean()


def _prior(mean, log_var, variance):
    centre = mean.mean(0)
    saved = beta_vae.fitted_prior._reference(mean, log_var)[2]
    return centre, variance, saved


SLIPS = {
    "2.1 the label before": (
        mixtures.ancestral_sample,
        lambda u, e, w, m, s: (lambda k: m[k] + s[k] * e)(np.maximum(np.searchsorted(np.cumsum(w)[:-1], u) - 1, 0)),
        "The last entry of `means` makes no difference",
    ),
    "2.1 a seed of its own": (
        mixtures.ancestral_sample,
        lambda u, e, w, m, s: (lambda k: m[k] + s[k] * e)(np.random.default_rng(0).choice(len(w), len(u), p=w)),
        "`uniforms` makes no difference to your answer",
    ),
    "2.2 log π as a factor": (
        mixtures.mixture_log_prob,
        lambda x, w, m, s: special.logsumexp(np.log(w) * stats.norm.logpdf(x[:, None], m, s), axis=1),
        "a product where a sum belongs",
    ),
    "2.3 no log σ": (
        mixtures.responsibilities, lambda *a: _shares(_table(*a, logs=0)), "one change",
    ),
    "2.3 log σ twice": (mixtures.responsibilities, lambda *a: _shares(_table(*a, logs=2)), "one change"),
    "2.3 no ½": (mixtures.responsibilities, lambda *a: _shares(_table(*a, half=1)), "one change"),
    "2.4 both tails": (
        mixtures.anomalies,
        lambda t, n, q: (n < np.quantile(t, q / 2)) | (n > np.quantile(t, 1 - q / 2)), "You flag both ends",
    ),
    "2.4 with the new ones": (
        mixtures.anomalies, lambda t, n, q: n < np.quantile(np.concatenate([n, t]), q), "hide themselves",
    ),
    "2.4 never sorted": (
        mixtures.anomalies, lambda t, n, q: n < t[int(q * len(t))], "The order of the entries of `training_log_prob`",
    ),
    "2.5 log-weights for weights": (
        surveys.worth_of_draws,
        lambda v, wanted: (v.sum() ** 2 / (v**2).sum(), wanted * len(v) * (v**2).sum() / v.sum() ** 2),
        "Adding one number to all of `log_weights` changes your answer",
    ),
    "2.7 equal shares between": (
        surveys.one_gaussian,
        lambda w, m, c: (w @ m, np.einsum("k,kij->ij", w, c) + (m - w @ m).T @ (m - w @ m) / len(w)),
        "as soon as all entries of `weights` are equal",
    ),
    "3.1 normaliser not halved": (
        em.mixture_elbo,
        lambda x, q, w, m, c: (
            em.mixture_elbo._reference(x, q, w, m, c) - 0.5 * np.sum(q @ np.linalg.slogdet(2 * np.pi * c)[1])
        ),
        "one change",
    ),
    "3.2 determinant not halved": (em.e_step, lambda *a: _notes(*a, logdets=1.0), "one change"),
    "3.2 determinant with a plus": (em.e_step, lambda *a: _notes(*a, logdets=-0.5), "a plus where a minus belongs"),
    "3.3 squares of the shares": (
        em.m_step, lambda x, r, old: _step(x, r, r**2), "as soon as all entries of `responsibilities` are equal",
    ),
    "4.6 ratio of the means": (
        inference.judge_q,
        lambda p, q: _judged(p, q, lambda d: special.logsumexp(p) - special.logsumexp(q)),
        "as soon as all entries of `log_q` are equal",
    ),
    "5.1 whole numbers of 32 bits": (
        amortisation.count_parameters,
        lambda n, d, k: (float(np.array(n * 2 * k).astype(np.int32)), 2 * k * (d + 1)), "Probe 7: points = 400001",
    ),
    "6.1 K − 1, or 1": (
        reparameterisation.score_gradient,
        lambda z, m, s, f: f @ (((z - m) / s) ** 2 - 1) / s / max(len(f) - 1, 1),
        "n/(n − 1) where n is above 1, with n the number of rows of `z`",
    ),
    "6.4 factor of the correlations": (
        reparameterisation.correlated_sample, _from_correlations, "as soon as `covariance` is the identity",
    ),
    "6.4 a row for all": (
        reparameterisation.correlated_sample,
        lambda e, m, c: np.tile(np.linalg.cholesky(c) @ e[0] + m, (len(e), 1)), "on its own entry alone",
    ),
    "7.2 rows centred": (
        autoencoders.pca,
        lambda x, k: autoencoders.pca._reference(x - x.mean(1, keepdims=True), k), "When a number is added to all of",
    ),
    "8.3 a floor of its own": (vae.pixel_variances, _with_floor, "Look at the bound"),
    "8.4 Adam": (vae.training_steps, _ascent(torch.optim.Adam), "These are steps of Adam"),
    "8.4 Momentum": (
        vae.training_steps, _ascent(lambda w, lr: torch.optim.SGD(w, lr=lr, momentum=0.9)), "that is momentum",
    ),
    "9.1 near 1 is 1": (
        bills.two_bills,
        lambda e, l_, b: (lambda r: (r, -e - r))((l_ + e) / (b - 1) if abs(b - 1) > 0.01 else 0 * e),
        "Probe 5",
    ),
    "9.2 searched from a millionth": (bills.water_level, _level_from_a_millionth, "Probe 10"),
    "9.7 N − 1": (
        beta_vae.fitted_prior,
        lambda m, v: _prior(m, v, v.exp().mean(0) + ((m - m.mean(0)) ** 2).sum(0) / max(len(m) - 1, 1)),
        "prior variance: You divide by N − 1",
    ),
    "9.7 geometric mean": (
        beta_vae.fitted_prior,
        lambda m, v: _prior(m, v, v.mean(0).exp() + ((m - m.mean(0)) ** 2).mean(0)),
        "prior variance: You averaged the log-variances",
    ),
    "10.6 one row of the prior": (
        gumbel.kl_of_choices,
        lambda a, p: gumbel.kl_of_choices._reference(a, p[:1].expand_as(p)), "The last entry of `prior_logits`",
    ),
    "10.6 sigmoids": (
        gumbel.kl_of_choices,
        lambda a, p: (torch.sigmoid(a) * (torch.log_softmax(a, -1) - torch.log_softmax(p, -1))).sum((1, 2)),
        "Adding one number to all of `logits` changes your answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_what_was_seen_of_a_slip_is_told(slip):
    assert_told(*SLIPS[slip])
