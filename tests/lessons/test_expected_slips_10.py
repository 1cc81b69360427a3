"""Wrong answers that people are expected to give to the exercises of lesson 10, and what they are told."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special

from course_utils.lessons.gumbel import exercises as gumbel


def _one_hot(scores):
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).double()


def _unstable_softmax(scores):
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def _score(values, chosen, probabilities, baseline):
    return ((values - baseline)[:, None] * (F.one_hot(chosen, len(probabilities)) - probabilities)).mean(0)


def _noise(uniform):
    return -torch.log(-torch.log(uniform))


def _through(combine, weighted=True):
    def answer(logits, noise, temperature, weights):
        leaf = logits.clone().requires_grad_()
        soft = ((leaf + noise) / temperature).softmax(-1)
        z = combine(_one_hot(soft), soft)
        (gradient,) = torch.autograd.grad(((weights if weighted else 1) * z).sum(), leaf)
        return z.detach(), gradient

    return answer


def _by_hand(slope):
    """The gradient from a formula of the soft draw, the one-hot draw, the weights and the temperature."""

    def answer(logits, noise, temperature, weights):
        y, z = ((logits + noise) / temperature).softmax(-1), _one_hot(logits + noise)
        return z, slope(y, z, weights, temperature)

    return answer


def _kl(q, log_q, log_k):
    return (q * (log_q + log_k)).sum(1)


SLIPS = {
    "10.1 own baseline": (
        gumbel.score_estimate, lambda v, c, a, b: _score(v, c, a.softmax(0), v.mean()), "the mean of these very values",
    ),
    "10.1 sum": (
        gumbel.score_estimate, lambda v, c, a, b: len(v) * _score(v, c, a.softmax(0), b), "the length of `values`",
    ),
    "10.1 unstable": (
        gumbel.score_estimate, lambda v, c, a, b: _score(v, c, _unstable_softmax(a), b), "numerically unstable",
    ),
    "10.1 gradient left on": (
        gumbel.score_estimate,
        lambda v, c, a, b: torch.autograd.grad(((v - b) * a.requires_grad_().log_softmax(0)[c]).mean(), a)[0],
        "switches the gradient of `logits` on",
    ),
    "10.2 only the ends": (
        gumbel.gumbel_noise,
        lambda u, s: _noise(torch.where(u == 0, s, torch.where(u == 1, 1 - s, u))),
        "between 0 and `smallest` is to move as well",
    ),
    "10.2 added inside": (
        gumbel.gumbel_noise, lambda u, s: -torch.log(-torch.log(u + s) + s), "the two additions cancel",
    ),
    "10.2 added inside, 1e-20": (
        gumbel.gumbel_noise, lambda u, s: -torch.log(-torch.log(u + 1e-20) + 1e-20), "`smallest` is not used",
    ),
    "10.2 from below only": (gumbel.gumbel_noise, lambda u, s: _noise(u.clamp(min=s)), "clamp from above too"),
    "10.2 from above only": (gumbel.gumbel_noise, lambda u, s: _noise(u.clamp(max=1 - s)), "clamp from below too"),
    "10.2 own bounds": (gumbel.gumbel_noise, lambda u, s: _noise(u.clamp(1e-12, 1 - 1e-12)), "Probe"),
    "10.2 in place": (gumbel.gumbel_noise, lambda u, s: _noise(u.clamp_(s, 1 - s)), "changes `uniform` in place"),
    "10.2 own random numbers": (
        gumbel.gumbel_noise, lambda u, s: _noise(torch.rand_like(u).clamp(s, 1 - s)), "Called twice",
    ),
    "10.3 more than one half": (gumbel.gumbel_max, lambda a, g: (a + g).softmax(-1) > 0.5, "You rounded a softmax"),
    "10.3 a cold softmax": (gumbel.gumbel_max, lambda a, g: (1e3 * (a + g)).softmax(-1), "argmax"),
    "10.3 the index": (gumbel.gumbel_max, lambda a, g: (a + g).argmax(-1), "index of the class"),
    "10.3 logarithm of the logits": (gumbel.gumbel_max, lambda a, g: _one_hot(a.log() + g), "log(`logits`)"),
    "10.3 the wrong axis": (gumbel.gumbel_max, lambda a, g: _one_hot((a + g).T).T, "the wrong axis"),
    "10.3 own random numbers": (
        gumbel.gumbel_max, lambda a, g: _one_hot(a - torch.empty_like(a).exponential_().log()), "Called twice",
    ),
    "10.4 divided afterwards": (
        gumbel.gumbel_softmax, lambda a, g, t: (a + g).softmax(-1) / t, "divided the finished softmax",
    ),
    "10.4 no temperature": (gumbel.gumbel_softmax, lambda a, g, t: (a + g).softmax(-1), "the case τ = 1"),
    "10.4 probabilities": (
        gumbel.gumbel_softmax, lambda a, g, t: ((a.softmax(-1) + g) / t).softmax(-1), "added to their logarithms",
    ),
    "10.4 logarithm of the logits": (
        gumbel.gumbel_softmax, lambda a, g, t: ((a.log() + g) / t).softmax(-1), "as if they were probabilities",
    ),
    "10.4 unstable": (gumbel.gumbel_softmax, lambda a, g, t: _unstable_softmax((a + g) / t), "numerically unstable"),
    "10.4 one maximum": (
        gumbel.gumbel_softmax, lambda a, g, t: _unstable_softmax((a + g) / t - ((a + g) / t).max()),
        "the largest entry of each row",
    ),
    "10.4 powers of a softmax": (
        gumbel.gumbel_softmax, lambda a, g, t: F.normalize((a + g).softmax(-1) ** (1 / t), p=1, dim=-1, eps=0),
        "numerically unstable",
    ),
    "10.4 NumPy": (
        gumbel.gumbel_softmax, lambda a, g, t: special.softmax(((a + g) / t).numpy(), axis=1), "no gradient reaches",
    ),
    "10.4 detached": (
        gumbel.gumbel_softmax, lambda a, g, t: ((a + g) / t).softmax(-1).detach(), "no gradient reaches `logits`",
    ),
    "10.4 torch's own noise": (gumbel.gumbel_softmax, lambda a, g, t: F.gumbel_softmax(a, t), "Called twice"),
    "10.5 weights forgotten": (
        gumbel.straight_through, _through(lambda z, y: z + y - y.detach(), weighted=False), "without the weights",
    ),
    "10.5 nothing detached": (gumbel.straight_through, _through(lambda z, y: z + y - y), "without a `detach`"),
    "10.5 z for y": (
        gumbel.straight_through, _by_hand(lambda y, z, w, t: z * (w - (w * z).sum(-1, keepdim=True)) / t),
        "z in the place of y",
    ),
    "10.5 diagonal of the Jacobian": (
        gumbel.straight_through, _by_hand(lambda y, z, w, t: w * y * (1 - y) / t), "couples the classes",
    ),
    "10.5 1/τ forgotten": (
        gumbel.straight_through, _by_hand(lambda y, z, w, t: y * (w - (w * y).sum(-1, keepdim=True))), "the factor 1/τ",
    ),
    "10.5 sign": (
        gumbel.straight_through, _by_hand(lambda y, z, w, t: y * ((w * y).sum(-1, keepdim=True) - w) / t),
        "the gradient has the opposite sign",
    ),
    "10.5 order": (
        gumbel.straight_through, lambda *a: _through(lambda z, y: z + y - y.detach())(*a)[::-1],
        "not in the order z and gradient",
    ),
    "10.5 mean over the rows": (
        gumbel.straight_through,
        lambda a, g, t, w: _through(lambda z, y: z + y - y.detach())(a, g, t, w / len(w)),
        "divided by the number of rows of `logits`",
    ),
    "10.6 sign": (
        gumbel.kl_to_uniform, lambda a: -_kl(a.softmax(1), a.log_softmax(1), math.log(a.shape[1])), "this is −KL",
    ),
    "10.6 log(softmax)": (
        gumbel.kl_to_uniform, lambda a: _kl(a.softmax(1), a.softmax(1).log(), math.log(a.shape[1])),
        "no logarithm of a 0",
    ),
    "10.6 unstable": (
        gumbel.kl_to_uniform, lambda a: _kl(_unstable_softmax(a), a.log_softmax(1), math.log(a.shape[1])),
        "numerically unstable",
    ),
    "10.6 kl_div as one reads it": (
        gumbel.kl_to_uniform,
        lambda a: F.kl_div(a.log_softmax(1), torch.full_like(a, 1 / a.shape[1]), reduction="none").sum(1),
        "KL(b ‖ a)",
    ),
    "10.6 log K in every term": (
        gumbel.kl_to_uniform, lambda a: (a.softmax(1) * a.log_softmax(1) + math.log(a.shape[1])).sum(1), "K times",
    ),
    "10.6 rows for classes": (
        gumbel.kl_to_uniform, lambda a: _kl(a.softmax(1), a.log_softmax(1), math.log(len(a))),
        "(the number of rows of `logits`) / (the number of columns of `logits`)",
    ),
    "10.6 bits": (
        gumbel.kl_to_uniform, lambda a: _kl(a.softmax(1), a.log_softmax(1), math.log(a.shape[1])) / math.log(2),
        "1/log 2 times the right one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    exercise, answer, words = SLIPS[slip]
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct
    assert words in verdict.detail, str(verdict)


def test_a_one_where_a_zero_belongs_is_not_nearly_right():
    def two_ones(logits, noise):
        draw = _one_hot(logits + noise)
        return draw if logits.shape[1] < 3 else torch.maximum(draw, _one_hot(logits))

    verdict = gumbel.gumbel_max.examine(two_ones)
    gumbel.gumbel_max._failures = gumbel.gumbel_max._hints_given = 0
    assert not verdict.correct
    assert "Nearly right" not in verdict.detail


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (gumbel.gumbel_noise, lambda u, s: np.log(-1 / np.log(np.clip(u.numpy(), s, 1 - s)))),
        (gumbel.gumbel_max, lambda a, g: a + g >= (a + g).amax(1, keepdim=True)),
        (gumbel.gumbel_softmax, lambda a, g, t: [torch.softmax((x + y) / t, 0) for x, y in zip(a, g, strict=True)]),
        (gumbel.straight_through, _by_hand(lambda y, z, w, t: (torch.diag_embed(y) - y[:, :, None] * y[:, None])
                                           .matmul(w[..., None])[..., 0] / t)),
        (gumbel.kl_to_uniform, lambda a: torch.xlogy(a.softmax(1), a.softmax(1) * a.shape[1]).sum(1)),
        (gumbel.kl_to_uniform, lambda a: (a.softmax(1) * (a.softmax(1) + 1e-15).log()).sum(1) + math.log(a.shape[1])),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
