"""Wrong answers that people are expected to give to the exercises of lesson 09, and what they are told."""

import math

import numpy as np
import pytest
import torch

from course_utils.lessons.beta_vae import exercises as beta_vae


def _correlation(log_q, size, log_sum_exp):
    """The total correlation with another log-sum-exp over the images."""
    constant = math.log(len(log_q) * size)
    return (log_sum_exp(log_q.sum(-1)) - constant - (log_sum_exp(log_q) - constant).sum(-1)).mean()


def _naive(terms):
    return terms.exp().sum(1).log()


def _with_maximum_of_all(terms):
    return (terms - terms.max()).exp().sum(1).log() + terms.max()


def _with_maximum_of_the_draw(terms):
    largest = terms.flatten(1).max(1).values.reshape(-1, *[1] * (terms.ndim - 2))
    return (terms - largest[:, None]).exp().sum(1).log() + largest


def _smaller_than_the_best(information, entropies):
    gaps = []
    for column, entropy in zip(information.T, entropies, strict=True):
        rest = column[column < column.max()]
        gaps.append((column.max() - (rest.max() if rest.size else 0)) / entropy)
    return np.mean(gaps)


SLIPS = {
    "9.1 the loss D + βR": (beta_vae.beta_elbo, lambda r, k, b: (-r + b * k).mean(), "This is the loss"),
    "9.1 no mean": (beta_vae.beta_elbo, lambda r, k, b: r - b * k, "should be a single number"),
    "9.1 terms swapped": (
        beta_vae.beta_elbo, lambda r, k, b: (k - b * r).mean(), "`reconstruction` and `kl` with their places exchanged",
    ),
    "9.1 β twice": (beta_vae.beta_elbo, lambda r, k, b: (r - b * b * k).mean(), "`beta`²"),
    "9.1 KL summed": (beta_vae.beta_elbo, lambda r, k, b: r.mean() - b * k.sum(), "β counts N times"),
    "9.2 cut off after the sum": (
        beta_vae.water_filling, lambda v, w: (max(0, np.log(v / w).sum() / 2), np.minimum(v, w).sum()),
        "takes nothing from the others",
    ),
    "9.2 order": (
        beta_vae.water_filling, lambda v, w: (np.minimum(v, w).sum(), np.log(np.maximum(v / w, 1)).sum() / 2),
        "not in the order rate and distortion",
    ),
    "9.2 capacity of a channel": (
        beta_vae.water_filling, lambda v, w: (np.log(1 + v / w).sum() / 2, np.minimum(v, w).sum()), "a noisy channel",
    ),
    "9.2 means": (
        beta_vae.water_filling, lambda v, w: (np.log(np.maximum(v / w, 1)).mean() / 2, np.minimum(v, w).mean()),
        "divided by the length of `variances`",
    ),
    "9.3 densities": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _naive), "no density is computed",
    ),
    "9.3 one maximum": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _with_maximum_of_all), "its own maximum",
    ),
    "9.3 maximum over the latents too": (
        beta_vae.minibatch_correlation, lambda q, n: _correlation(q, n, _with_maximum_of_the_draw),
        "every latent by itself",
    ),
    "9.3 a small number": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(q, n, lambda terms: (terms.exp().sum(1) + 1e-300).log()),
        "Look at the small number",
    ),
    "9.3 over the latents": (
        beta_vae.minibatch_correlation,
        lambda q, n: (
            q.sum(2).logsumexp(1) - q.logsumexp(2).sum(1) + (len(q) - 1) * math.log(len(q) * n)
        ).mean(),
        "over the images j",
    ),
    "9.3 never negative": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(q, n, lambda terms: terms.logsumexp(1)).clamp(min=0), "below 0 set to 0",
    ),
    "9.3 without its own image": (
        beta_vae.minibatch_correlation,
        lambda q, n: _correlation(
            q.masked_fill(torch.eye(len(q))[..., None] == 1, -math.inf), n, lambda terms: terms.logsumexp(1)
        ),
        "includes j = i",
    ),
    "9.4 next smaller": (beta_vae.information_gap, _smaller_than_the_best, "know exactly the same"),
    "9.4 sign": (
        beta_vae.information_gap, lambda i, h: np.mean(np.diff(np.sort(i, axis=0)[:-3:-1], axis=0) / h), "sign",
    ),
    "9.4 the two smallest": (
        beta_vae.information_gap,
        lambda i, h: np.mean(np.diff(np.sort(i, axis=0)[:2], axis=0) / h), "−`information` in place of `information`",
    ),
    "9.4 one of the means": (
        beta_vae.information_gap,
        lambda i, h: np.diff(np.sort(i, axis=0)[-2:], axis=0).mean() / h.mean(), "its own entropy",
    ),
    "9.5 a jump without //": (beta_vae.warm_up, lambda s, n: 0 if s < n else 1, "rise a little with every step"),
    "9.5 integer division": (beta_vae.warm_up, lambda s, n: min(1, s // n), "`//` drops it"),
    "9.5 the larger": (beta_vae.warm_up, lambda s, n: max(1, s / n), "the larger of the two"),
    "9.5 no end": (beta_vae.warm_up, lambda s, n: s / n, "It must stay at 1"),
    "9.5 steps + 1": (beta_vae.warm_up, lambda s, n: min(1, s / (n + 1)), "`steps` + 1"),
    "9.5 rounded": (beta_vae.warm_up, lambda s, n: round(min(1, s / n), 3), "Probe"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    exercise, answer, words = SLIPS[slip]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct
    assert words in verdict.detail, str(verdict)


def test_a_maximum_of_its_own_for_each_draw_and_latent_is_right():
    def log_sum_exp(terms):
        largest = terms.max(1).values
        return (terms - largest[:, None]).exp().sum(1).log() + largest

    verdict = beta_vae.minibatch_correlation.examine(lambda q, n: _correlation(q, n, log_sum_exp))
    assert verdict.correct, str(verdict)
