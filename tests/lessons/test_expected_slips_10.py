"""Wrong answers that people are expected to give to the exercises of lesson 10, and what they are told."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats
from told import assert_told

from course_utils.lessons.gumbel import exercises as gumbel


def _one_hot(scores):
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).double()


def _unstable_softmax(scores):
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def _score(values, chosen, probabilities, baseline):
    return ((values - baseline)[:, None] * (F.one_hot(chosen, len(probabilities)) - probabilities)).mean(0)


def _noise(uniform):
    return -torch.log(-torch.log(uniform))


def _bit(log_odds, noise, temperature):
    return torch.sigmoid((log_odds + noise) / temperature)


def _row(terms):
    return terms.sum(1, keepdim=True)


def _ways(back):
    """Both gradients, from a formula of the relaxed draw, its corner, and the slopes of f."""

    def answer(relaxed, curvature, slope, temperature):
        corner = _one_hot(relaxed)
        return tuple(back(relaxed, corner, v @ curvature + slope) / temperature for v in (relaxed, corner))

    return answer


def _kl(q, log_q, prior_logits):
    return (q * (log_q - prior_logits.log_softmax(1))).sum((1, 2))


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
    "10.4 divided afterwards": (gumbel.relaxed_bit, lambda a, u, t: _bit(a, torch.logit(u), 1) / t, "Probe"),
    "10.4 no temperature": (gumbel.relaxed_bit, lambda a, u, t: _bit(a, torch.logit(u), 1), "the case τ = 1"),
    "10.4 noise alone divided": (
        gumbel.relaxed_bit, lambda a, u, t: _bit(a, torch.logit(u) / t, 1), "with another probability than π says",
    ),
    "10.4 the other class": (gumbel.relaxed_bit, lambda a, u, t: 1 - _bit(a, torch.logit(u), t), "1 minus the right"),
    "10.4 one Gumbel number": (gumbel.relaxed_bit, lambda a, u, t: _bit(a, _noise(u), t), "the second none"),
    "10.4 u and 1 − u": (
        gumbel.relaxed_bit, lambda a, u, t: _bit(a, _noise(u) - _noise(1 - u), t), "They are not independent",
    ),
    "10.4 Gaussian": (gumbel.relaxed_bit, lambda a, u, t: _bit(a, torch.special.ndtri(u), t), "heavier tails"),
    "10.4 a ratio of exponentials": (
        gumbel.relaxed_bit, lambda a, u, t: _unstable_softmax(torch.stack([a + u.logit(), 0 * a], 1) / t)[:, 0], "∞/∞",
    ),
    "10.4 an infinite slope": (
        gumbel.relaxed_bit, lambda a, u, t: 1 / (1 + torch.exp(-(a + u.logit()) / t)), "`log_odds` is not finite",
    ),
    "10.4 NumPy": (
        gumbel.relaxed_bit, lambda a, u, t: special.expit((a.numpy() + special.logit(u.numpy())) / t),
        "no gradient reaches",
    ),
    "10.4 detached": (
        gumbel.relaxed_bit, lambda a, u, t: _bit(a, u.logit(), t).detach(), "no gradient reaches `log_odds`",
    ),
    "10.4 torch's own noise": (
        gumbel.relaxed_bit, lambda a, u, t: F.gumbel_softmax(torch.stack([a, 0 * a], 1), t)[:, 0], "Called twice",
    ),
    "10.5 order": (
        gumbel.ways_back, lambda *a: _ways(lambda y, z, v: y * (v - _row(y * v)))(*a)[::-1],
        "not in the order Gumbel-softmax and straight-through",
    ),
    "10.5 sign": (gumbel.ways_back, _ways(lambda y, z, v: y * (_row(y * v) - v)), "the sign is opposite"),
    "10.5 z for y": (gumbel.ways_back, _ways(lambda y, z, v: z * (v - _row(z * v))), "0 everywhere"),
    "10.5 z for y in the second": (
        gumbel.ways_back,
        lambda *a: (
            _ways(lambda y, z, v: y * (v - _row(y * v)))(*a)[0], _ways(lambda y, z, v: z * (v - _row(z * v)))(*a)[1],
        ),
        "z stands where y belongs",
    ),
    "10.5 diagonal of the Jacobian": (gumbel.ways_back, _ways(lambda y, z, v: y * (1 - y) * v), "couples the classes"),
    "10.5 nothing taken off": (gumbel.ways_back, _ways(lambda y, z, v: y * v), "must add up to 0"),
    "10.5 τ twice": (
        gumbel.ways_back, lambda y, c, s, t: [g / t for g in _ways(lambda y, z, v: y * (v - _row(y * v)))(y, c, s, t)],
        "divided by `temperature`",
    ),
    "10.5 both at y": (
        gumbel.ways_back, lambda *a: _ways(lambda y, z, v: y * (v - _row(y * v)))(*a)[:1] * 2, "that at the corner",
    ),
    "10.6 sign": (gumbel.kl_of_choices, lambda a, p: -_kl(a.softmax(2), a.log_softmax(2), p), "the sign is opposite"),
    "10.6 log(softmax)": (
        gumbel.kl_of_choices, lambda a, p: _kl(a.softmax(2), a.softmax(2).log(), p), "no logarithm of a 0",
    ),
    "10.6 unstable": (
        gumbel.kl_of_choices, lambda a, p: _kl(_unstable_softmax(a), a.log_softmax(2), p), "numerically unstable",
    ),
    "10.6 kl_div as one reads it": (
        gumbel.kl_of_choices,
        lambda a, p: F.kl_div(a.log_softmax(2), p.softmax(1).expand_as(a), reduction="none").sum((1, 2)), "KL(b ‖ a)",
    ),
    "10.6 the text's KL": (
        gumbel.kl_of_choices,
        lambda a, p: (a.softmax(2) * a.log_softmax(2) + math.log(a.shape[2]) / a.shape[2]).sum((1, 2)),
        "the uniform prior of the text",
    ),
    "10.6 logits as they are": (
        gumbel.kl_of_choices, lambda a, p: (a.softmax(2) * (a - p)).sum((1, 2)), "Neither are normalised",
    ),
    "10.6 mean over the pictures": (
        gumbel.kl_of_choices, lambda a, p: _kl(a.softmax(2), a.log_softmax(2), p).mean(),
        "the mean of the right answer",
    ),
    "10.6 each choice": (
        gumbel.kl_of_choices, lambda a, p: (a.softmax(2) * (a.log_softmax(2) - p.log_softmax(1))).sum(2), "shape",
    ),
    "10.6 choices for classes": (
        gumbel.kl_of_choices, lambda a, p: (a.softmax(1) * (a.log_softmax(1) - p.log_softmax(0))).sum((1, 2)),
        "the wrong axis",
    ),
    "10.6 bits": (
        gumbel.kl_of_choices, lambda a, p: _kl(a.softmax(2), a.log_softmax(2), p) / math.log(2),
        "1/log 2 times the right one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


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
        (gumbel.relaxed_bit, lambda a, u, t: torch.exp(F.logsigmoid((a - torch.log(1 / u - 1)) / t))),
        (gumbel.relaxed_bit, lambda a, u, t: torch.sigmoid((a + 2 * torch.atanh(2 * u - 1)) / t)),
        (gumbel.relaxed_bit, lambda a, u, t: torch.sigmoid((a + torch.tensor(stats.logistic.ppf(u.numpy()))) / t)),
        (
            gumbel.ways_back,
            _ways(lambda y, z, v: (torch.diag_embed(y) - y[:, :, None] * y[:, None]).matmul(v[..., None])[..., 0]),
        ),
        (gumbel.ways_back, _ways(lambda y, z, v: torch.einsum("nk,nj,nkj->nk", y, y, v[:, :, None] - v[:, None]))),
        (gumbel.kl_of_choices, lambda a, p: special.rel_entr(a.softmax(2).numpy(), p.softmax(1).numpy()).sum((1, 2))),
        (
            gumbel.kl_of_choices,
            lambda a, p: stats.entropy(a.softmax(2).numpy(), p.softmax(1).expand_as(a).numpy(), axis=2).sum(1),
        ),
        (
            gumbel.kl_of_choices,
            lambda a, p: (a.softmax(2) * (a - p)).sum((1, 2)) - (a.logsumexp(2) - p.logsumexp(1)).sum(1),
        ),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 100))


def test_a_relaxed_bit_is_distributed_as_the_first_of_two_entries_of_a_gumbel_softmax():
    rng = np.random.default_rng(0)
    logits, temperature = torch.tensor([0.8, 0.0], dtype=torch.float64), 0.7
    pairs = ((logits + torch.tensor(rng.gumbel(size=(20_000, 2)))) / temperature).softmax(-1)[:, 0]
    bits = gumbel.relaxed_bit._reference(logits[:1].expand(20_000), torch.tensor(rng.uniform(size=20_000)), temperature)
    assert stats.ks_2samp(pairs.numpy(), bits.numpy()).pvalue > 0.001
    assert stats.ks_2samp(pairs.numpy(), torch.sigmoid(0.9 * torch.logit(bits)).numpy()).pvalue < 0.001  # it can fail


def test_the_way_back_of_a_gumbel_softmax_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    for _, curvature, slope, temperature in gumbel.ways_back.fresh(6, 8):
        scores, c, s = rng.normal(size=(3, len(slope))), curvature.numpy(), slope.numpy()

        def value(scores, c=c, s=s, t=temperature):
            y = special.softmax(scores / t, axis=-1)
            return 0.5 * np.einsum("...i,ij,...j->...", y, c, y) + y @ s

        steps = 1e-5 * np.eye(len(slope))
        wanted = (value(scores[:, None] + steps) - value(scores[:, None] - steps)) / 2e-5
        relaxed = torch.tensor(special.softmax(scores / temperature, axis=1))
        got = gumbel.ways_back._reference(relaxed, curvature, slope, temperature)[0]
        assert got.numpy() == pytest.approx(wanted, abs=1e-6)
