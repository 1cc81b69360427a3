"""Answers of lessons 07 to 10 that are right near the middle of what the texts allow, and wrong at its ends."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats

from course_utils.lessons.autoencoders import problems as autoencoders
from course_utils.lessons.beta_vae import exercises as beta
from course_utils.lessons.beta_vae import problems as beta_problems
from course_utils.lessons.gumbel import exercises as gumbel
from course_utils.lessons.gumbel import problems as gumbel_problems
from course_utils.lessons.vae import exercises as vae
from course_utils.lessons.vae import problems as vae_problems


def _gaps(x, mean, log_var, noise, decode, scale, seen=None):
    """The two terms by hand, with a mask of one's own."""
    seen = ~x.isnan() if seen is None else seen
    pixels = torch.distributions.Normal(decode(mean + (log_var / 2).exp() * noise), scale).log_prob(x.nan_to_num())
    return (pixels * seen).sum(-1).mean(0), (log_var.exp() + mean**2 - 1 - log_var).sum(1) / 2


def _shifted(shift_of):
    def answer(log_joint, log_q):
        shift = shift_of(log_joint, log_q)
        return shift + torch.exp(log_joint - log_q - shift).mean(0).log()

    return answer


def _joint_alone(log_joint, log_q):
    top = log_joint.max(0).values
    return top + (torch.exp(log_joint - top) / torch.exp(log_q)).mean(0).log()


def _clipped_steps(weight, x, rate):
    w = weight.detach().clone()
    for _ in range(3):
        w.requires_grad_()
        (slope,) = torch.autograd.grad(vae.tiny_elbo(w, x), w)
        w = w.detach() + rate * slope.clamp(-10, 10)
    return w


def _bit_clamped(bound):
    return lambda a, u, t: torch.sigmoid((a.clamp(-bound, bound) + torch.logit(u)) / t)


def _bit_of_probability(a, u, t):
    log_pi = torch.log(torch.stack([a.sigmoid(), (-a).sigmoid()], -1) + 1e-20)
    return ((log_pi + torch.stack([torch.logit(u), 0 * u], -1)) / t).softmax(-1)[:, 0]


def _product_level(variances, budget):
    s, best = np.sort(variances)[::-1], 0.0
    for k in range(1, len(s) + 1):
        level = (np.prod(s[:k]) * np.exp(-2 * budget)) ** (1 / k)
        best = max(best, level if level <= s[k - 1] else 0.0)
    return best, np.minimum(variances, best).sum()


def _prior(variance_of):
    def answer(mean, log_var):
        centre = mean.mean(0)
        variance = variance_of(log_var.exp().mean(0) + (mean - centre).square().mean(0))
        return centre, variance, (variance + centre**2 - 1 - variance.log()).sum() / 2

    return answer


def _score_of_shifted_log(values, chosen, logits, baseline):
    leaf = logits.clone().requires_grad_()
    surrogate = ((values - baseline) * torch.log(leaf.softmax(-1) + 1e-10)[chosen]).mean()
    return torch.autograd.grad(surrogate, leaf)[0]


def _normal_for_many(heights, level):
    best, low, high = gumbel_problems._log_z(heights, level)
    if len(heights) >= 10:
        width = stats.norm.isf((1 - level) / 2) / math.sqrt(len(heights))
        low, high = best - width, best + width
    return best, low, high


def _cut_off_lstsq(first, second, new):
    centre, other = first.mean(0), second.mean(0)
    return other + (new - centre) @ np.linalg.lstsq(first - centre, second - other, rcond=1e-3)[0]


def _standardised(first, second, new):
    def scaled(codes):
        return (codes - first.mean(0)) / first.std(0)

    wanted = (second - second.mean(0)) / second.std(0)  # NaN where a code never changes
    solution = scaled(first).T @ wanted
    return second.mean(0) + second.std(0) * (scaled(new) @ np.linalg.inv(scaled(first).T @ scaled(first)) @ solution)


def _small_shares_dropped(rates, distortions, highest):
    shares = np.asarray(beta_problems._shares(rates, distortions, highest))
    return np.where(shares < 1e-3, 0.0, shares)


SLIPS = {
    "7.6 a least noise": (
        autoencoders.best_repair, lambda m, s, b, v: autoencoders._repair(m, s, b, max(v, 1e-2)),
    ),
    "7.7 small directions cut off": (autoencoders.translate_codes, _cut_off_lstsq),
    "7.7 standardised": (autoencoders.translate_codes, _standardised),
    "8.1 a product": (
        vae.bernoulli_term,
        lambda x, a: torch.where(x > 0, a.sigmoid(), (-a).sigmoid()).prod(1).log(),
    ),
    "8.4 a clipped gradient": (vae.training_steps, _clipped_steps),
    "8.5 the mean taken out": (vae.importance_estimate, _shifted(lambda a, b: (a - b).mean(0))),
    "8.5 the maximum of the joint alone": (vae.importance_estimate, _joint_alone),
    "8.7 zeros count as lost": (
        vae_problems.elbo_terms_with_gaps, lambda x, *rest: _gaps(x, *rest, seen=x.nan_to_num() != 0),
    ),
    "8.7 log-variances within 5": (
        vae_problems.elbo_terms_with_gaps, lambda x, m, v, *rest: _gaps(x, m, v.clamp(-5, 5), *rest),
    ),
    "8.7 log-variances within 10": (
        vae_problems.elbo_terms_with_gaps, lambda x, m, v, *rest: _gaps(x, m, v.clamp(-10, 10), *rest),
    ),
    "8.7 a least scale": (
        vae_problems.elbo_terms_with_gaps, lambda *a: _gaps(*a[:-1], max(a[-1], 1e-2)),
    ),
    "9.2 a product": (beta.water_level, _product_level),
    "9.5 a single step": (beta.warm_up, lambda step, steps: 1.0 if steps <= 1 else min(1.0, step / steps)),
    "9.5 once more after ten": (
        beta.warm_up, lambda step, steps: min(1.0, step % (10 * steps) / steps) if step >= steps else step / steps,
    ),
    "9.6 small shares dropped": (beta_problems.market_shares, _small_shares_dropped),
    **{
        f"9.7 a least variance {least:g}": (
            beta_problems.fitted_prior, _prior(lambda v, least=least: v.clamp(min=least)),
        )
        for least in (1e-3, 1e-8, 1e-30)
    },
    "9.7 a small number added": (beta_problems.fitted_prior, _prior(lambda v: v + 1e-8)),
    "9.7 log-variances from −20": (
        beta_problems.fitted_prior, lambda m, v: beta_problems._fitted(m, v.clamp(min=-20)),
    ),
    "10.1 a small number in the logarithm": (gumbel.score_estimate, _score_of_shifted_log),
    **{f"10.4 log-odds within {bound}": (gumbel.relaxed_bit, _bit_clamped(bound)) for bound in (20, 50, 100)},
    "10.4 a small number in the logarithm": (gumbel.relaxed_bit, _bit_of_probability),
    **{
        f"10.8 uniform numbers from {least:g}": (
            gumbel_problems.sums_behind,
            lambda a, k, u, least=least: gumbel_problems._sums(a, k, np.clip(u, least, 1 - least)),
        )
        for least in (1e-2, 1e-6, 1e-10)
    },
    "10.9 normal for ten and more": (gumbel_problems.log_z_from_heights, _normal_for_many),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_an_answer_that_fails_at_an_end_is_not_accepted(name):
    exercise, answer = SLIPS[name]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct, name
    assert verdict.kind != "raised", str(verdict)


RIGHT = {
    "8.7": (vae_problems.elbo_terms_with_gaps, _gaps),
    "8.1": (vae.bernoulli_term, lambda x, a: F.logsigmoid((2 * x - 1) * a).sum(1)),
    "8.5": (vae.importance_estimate, _shifted(lambda a, b: (a - b).max(0).values)),
    "9.7": (beta_problems.fitted_prior, _prior(lambda v: v)),
    "10.4": (gumbel.relaxed_bit, _bit_clamped(math.inf)),
    "10.8": (
        gumbel_problems.sums_behind,
        lambda a, k, u: np.where(
            np.arange(len(a)) == k,
            special.logsumexp(a) - np.log(-np.log(u[k])),
            -np.logaddexp(np.log(-np.log(u[k])) - special.logsumexp(a), np.log(-np.log(u)) - a),
        ),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_without_the_fault_is_right(name):
    exercise, answer = RIGHT[name]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert verdict.correct, str(verdict)


def test_a_joint_of_marginals_is_not_told_that_it_averaged():
    def answer(log_q, size):
        marginals = log_q.logsumexp(1) - math.log(len(log_q) * size)
        return (marginals.sum(-1) - marginals.sum(-1)).mean()

    verdict = beta.minibatch_correlation.examine(answer)
    beta.minibatch_correlation._failures = 0
    assert not verdict.correct
    assert "You averaged" not in verdict.detail
    assert "the joint is put together" in verdict.detail


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: dict.fromkeys("ABCDEF", 6), "The value at 'A' is an int"),
        (lambda: {**dict.fromkeys("ABCDE", "healthy"), "F": ["no KL"]}, "The value at 'F' is a list"),
        (lambda: dict.fromkeys(range(6), "healthy"), "The key at '0' is an int"),
    ],
)
def test_a_dictionary_is_not_told_to_be_one(answer, words):
    verdict = vae_problems.diagnose_six.examine(answer)
    vae_problems.diagnose_six._failures = 0
    assert words in verdict.detail, str(verdict)
    assert "you returned a dict" not in verdict.detail
