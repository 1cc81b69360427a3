"""Wrong answers that people are expected to give to the exercises of lesson 14, and what they are told."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize, special, stats
from told import assert_told
from torch.distributions import Normal

from course_utils.lessons import richer_posteriors as lesson


def _stack(z, u, w, bias, log_det):
    """Points through all layers, with a formula of (w·z + b, that at the output, u, w)."""
    total = 0.0
    for u_k, w_k, b_k in zip(u, w, bias, strict=True):
        before = z @ w_k + b_k
        z = z + torch.tanh(before)[:, None] * u_k
        total = total + log_det(before, z @ w_k + b_k, u_k, w_k)
    return z, total


def _right_det(a, after, u, w):
    return (1 + (u @ w) / a.cosh() ** 2).abs().log()


def _with_det(formula):
    return lambda z, u, w, bias: _stack(z, u, w, bias, formula)


def _allowed(wanted):
    """û from a formula of w·u and s for what w·û is to be."""

    def answer(u, w, steepest):
        a = (u * w).sum(1, keepdim=True)
        return u + (wanted(a, steepest) - a) / (w * w).sum(1, keepdim=True) * w

    return answer


def _iterated(steps):
    def answer(y, u, w, bias):
        z = y
        for _ in range(steps):
            z = y - np.tanh(z @ w + bias)[:, None] * u
        return z

    return answer


def _halved(y, u, w, bias, steps=60, low=-1, high=1):
    inner, ends = y @ w, [y @ w + side * (w @ u) * np.sign(w @ u) ** (abs(low) == 1) for side in (low, high)]
    for _ in range(steps):
        inner = (ends[0] + ends[1]) / 2
        below = inner + (w @ u) * np.tanh(inner + bias) < y @ w
        ends = [np.where(below, inner, ends[0]), np.where(below, ends[1], inner)]
    return y - np.tanh(inner + bias)[:, None] * u


def _network(inner_mask, outer_mask, log_prob=lambda x, mean, s: Normal(mean, s.exp()).log_prob(x)):
    """A masked network, from masks by index (unit, input) and (output, unit), counted from 0, and the degree."""

    def answer(x, degrees, inner, mean_weights, log_scale_weights):
        index, m = torch.arange(x.shape[1]), degrees[:, None]
        hidden = torch.tanh(x @ (inner * inner_mask(index, m)).T)
        mask = outer_mask(index, m).T
        return log_prob(x, hidden @ (mean_weights * mask).T, hidden @ (log_scale_weights * mask).T).sum(1)

    return answer


def _sees(index, m):
    return index < m


def _seen(index, m):
    return index >= m


def _k(log_w):
    return torch.arange(1, len(log_w) + 1)[:, None]


def _needed(variance_of, count_of=lambda variance, gap: max(1, math.ceil(variance / (2 * gap)))):
    def answer(log_w, gap):
        variance = variance_of(log_w)
        return variance, count_of(variance, gap)

    return answer


def _relative(log_w):
    w = np.exp(log_w - np.max(log_w))
    return np.var(w, ddof=1) / np.mean(w) ** 2


def _moments(share, z):
    mean = (share[:, None] * z).sum(0)
    return mean, (share[:, None] * (z - mean) ** 2).sum(0).sqrt(), 1 / share.square().sum()


def _moments_with(position, part):
    """The right moments, but for one of them, from (log-weights, draws, mean)."""

    def answer(log_w, z):
        parts = list(_moments(log_w.softmax(0), z))
        parts[position] = part(log_w, z, parts[0])
        return tuple(parts)

    return answer


def _shadow(angles, slope=lambda x, radius: np.sqrt(radius**2 - x**2), combine=np.logaddexp.reduce):
    def answer(x, radius, mean, scale):
        ahead = np.arccos(x / radius)
        log_p = stats.norm.logpdf(np.array(angles(ahead, mean)), mean, scale)
        return combine(log_p, axis=0) - np.log(slope(x, radius))

    return answer


def _around(turns, signs=(1, -1)):
    """Angles within so many turns on both sides of the mean, or of 0 where `turns` is negative."""

    def angles(ahead, mean):
        middle = np.round(mean / (2 * np.pi)) if turns > 0 else 0
        return [
            sign * ahead + 2 * np.pi * (middle + turn)
            for turn in range(-abs(turns), abs(turns) + 1)
            for sign in signs
        ]  # fmt: skip

    return angles


def _mirrors(normal, update=True, threshold=1e-9):
    def answer(rotation):
        rest, rows = rotation.copy(), []
        for j, axis in enumerate(np.eye(len(rotation))):
            v = normal(rest[:, j], axis)
            length = np.linalg.norm(v)
            v = v / length if length > threshold else 0 * v
            rest = rest - 2 * np.outer(v, v @ rest) if update else rest
            rows.append(v)
        return np.array(rows)

    return answer


def _bound(log_w):
    return special.logsumexp(log_w, axis=0) - np.log(len(log_w))


def _all_choices(log_w, k):
    return np.mean([_bound(log_w[list(c)]) for c in itertools.combinations(range(len(log_w)), k)], axis=0)


def _fair(bounds=_all_choices, error=lambda a, b: stats.sem(a - b)):
    def answer(log_w_a, log_w_b):
        k = min(len(log_w_a), len(log_w_b))
        a, b = bounds(log_w_a, k), bounds(log_w_b, k)
        return (a - b).mean(), error(a, b)

    return answer


SLIPS = {
    "14.1 no absolute value": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: torch.log1p((u @ w) * (1 - a.tanh() ** 2))),
        "its logarithm is no number",
    ),
    "14.1 clamped": (
        lesson.planar_stack,
        _with_det(lambda a, after, u, w: (1 + (u @ w) / a.cosh() ** 2).clamp_min(1e-8).log()), "crushes space there",
    ),
    "14.1 a small number inside": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: ((1 + (u @ w) / a.cosh() ** 2).abs() + 1e-4).log()),
        "Look at the small number",
    ),
    "14.1 z overwritten first": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: _right_det(after, a, u, w)), "before z is overwritten",
    ),
    "14.1 h for its slope": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: (1 + a.tanh() * (u @ w)).abs().log()), "1 − tanh²",
    ),
    "14.1 the square forgotten": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: (1 + (1 - a.tanh()) * (u @ w)).abs().log()),
        "a square left out",
    ),
    "14.1 w forgotten": (
        lesson.planar_stack, _with_det(lambda a, after, u, w: (1 + u.sum() / a.cosh() ** 2).abs().log()),
        "its derivative w is missing",
    ),
    "14.1 the diagonal": (
        lesson.planar_stack,
        _with_det(lambda a, after, u, w: (1 + u * w / a.cosh()[:, None] ** 2).abs().log().sum(1)),
        "You multiply the diagonal",
    ),
    "14.1 the determinant itself": (
        lesson.planar_stack,
        lambda *a: (lambda z, log_det: (z, log_det.exp()))(*_with_det(_right_det)(*a)), "the exponential of the right",
    ),
    "14.1 as log q changes": (
        lesson.planar_stack, _with_det(lambda *a: -_right_det(*a)), "It is what log q changes by",
    ),
    "14.1 layers from the last to the first": (
        lesson.planar_stack, lambda z, u, w, b: _with_det(_right_det)(z, u.flip(0), w.flip(0), b.flip(0)),
        "the number of rows of `u` is more than 1",
    ),
    "14.1 log-determinant first": (
        lesson.planar_stack, lambda *a: _with_det(_right_det)(*a)[::-1], "have changed places",
    ),
    "14.2 the paper's −1": (lesson.allowed_u, _allowed(lambda a, s: torch.logaddexp(a, 0 * a) - 1), "Right for tanh"),
    "14.2 −s": (lesson.allowed_u, _allowed(lambda a, s: F.softplus(a) - s), "upside down"),
    "14.2 no limit": (lesson.allowed_u, _allowed(lambda a, s: F.softplus(a)), "never squeeze"),
    "14.2 clipped": (
        lesson.allowed_u, _allowed(lambda a, s: torch.maximum(a, torch.full_like(a, -1 / s))), "You clip w·u",
    ),
    "14.2 ReLU": (lesson.allowed_u, _allowed(lambda a, s: a.relu() - 1 / s), "A ReLU lies at the limit"),
    "14.2 where beyond": (
        lesson.allowed_u, _allowed(lambda a, s: torch.where(a > -1 / s, a, F.softplus(a) - 1 / s)), "û jumps",
    ),
    "14.2 scaled": (
        lesson.allowed_u, _allowed(lambda a, s: F.softplus(a, beta=s) - 1 / s), "you scale h to the slope 1 and back",
    ),
    "14.2 unstable": (lesson.allowed_u, _allowed(lambda a, s: (1 + a.exp()).log() - 1 / s), "logaddexp"),
    "14.2 the length once": (
        lesson.allowed_u,
        lambda u, w, s: u + (F.softplus((u * w).sum(1, True)) - 1 / s - (u * w).sum(1, True)) * F.normalize(w),
        "the *square* of the length",
    ),
    "14.2 not divided": (
        lesson.allowed_u,
        lambda u, w, s: u + (F.softplus((u * w).sum(1, True)) - 1 / s - (u * w).sum(1, True)) * w,
        "‖w‖² times too long",
    ),
    "14.2 w changed": (
        lesson.allowed_u, lambda u, w, s: _allowed(lambda a, s: F.softplus(a) - 1 / s)(w, u, s), "along u. Asked for",
    ),
    "14.2 the wrong axis": (
        lesson.allowed_u,
        lambda u, w, s: u + (F.softplus((u * w).sum(0)) - 1 / s - (u * w).sum(0)) / (w * w).sum(0) * w,
        "the wrong axis",
    ),
    "14.2 detached": (
        lesson.allowed_u, lambda u, w, s: _allowed(lambda a, s: F.softplus(a) - 1 / s)(u.detach(), w.detach(), s),
        "no gradient reaches",
    ),
    "14.3 minus the push at y": (
        lesson.undo_planar, lambda y, u, w, b: y - np.outer(np.tanh(y @ w + b), u), "tanh(w·z + b), not",
    ),
    "14.3 again and again": (lesson.undo_planar, _iterated(100), "jumps to and fro"),
    "14.3 a thousand times": (lesson.undo_planar, _iterated(1000), "jumps to and fro"),
    "14.3 too few halvings": (
        lesson.undo_planar, lambda *a: _halved(*a, steps=18), "Close on every input, and not exact",
    ),
    "14.3 no bias": (lesson.undo_planar, lambda y, u, w, b: _halved(y, u, w, 0.0), "`bias`"),
    "14.4 output sees itself": (lesson.masked_log_prob, _network(_sees, lambda i, m: i + 1 >= m), "this is no density"),
    "14.4 one too few": (lesson.masked_log_prob, _network(lambda i, m: i + 1 < m, _seen), "Off by one in the first"),
    "14.4 degrees from 0": (
        lesson.masked_log_prob, _network(lambda i, m: i <= m, lambda i, m: i > m), "degrees that count from 0",
    ),
    "14.4 no mask behind": (
        lesson.masked_log_prob, _network(_sees, lambda i, m: 1 + 0 * (i + m)), "The second mask is missing",
    ),
    "14.4 no mask in front": (
        lesson.masked_log_prob, _network(lambda i, m: 1 + 0 * (i + m), _seen), "The first mask is missing",
    ),
    "14.4 backwards": (
        lesson.masked_log_prob, _network(lambda i, m: i + 1 >= m, lambda i, m: i + 1 < m), "Your order runs backwards",
    ),
    "14.4 sign of the log-determinant": (
        lesson.masked_log_prob,
        _network(_sees, _seen, lambda x, m, s: Normal(torch.zeros_like(m), 1).log_prob((x - m) / s.exp()) + s),
        "The sign of the log-determinant is opposite",
    ),
    "14.4 the sampler's way": (
        lesson.masked_log_prob,
        _network(_sees, _seen, lambda x, m, s: Normal(torch.zeros_like(m), 1).log_prob(m + s.exp() * x) + s),
        "as if it were noise",
    ),
    "14.4 variance": (
        lesson.masked_log_prob, _network(_sees, _seen, lambda x, m, s: Normal(m, s.exp().sqrt()).log_prob(x)),
        "It is log σ",
    ),
    "14.4 no constant": (
        lesson.masked_log_prob, _network(_sees, _seen, lambda x, m, s: -(((x - m) / s.exp()) ** 2) / 2 - s), "½ log 2π",
    ),
    "14.5 mean of logs": (lesson.bound_curve, lambda log_w: (log_w.cumsum(0) / _k(log_w)).mean(1), "the ELBO"),
    "14.5 log k forgotten": (lesson.bound_curve, lambda log_w: torch.logcumsumexp(log_w, 0).mean(1), "by log k"),
    "14.5 log S": (
        lesson.bound_curve, lambda log_w: (torch.logcumsumexp(log_w, 0) - math.log(len(log_w))).mean(1),
        "the number of all draws",
    ),
    "14.5 the other axis": (
        lesson.bound_curve, lambda log_w: torch.logcumsumexp(log_w, 1).mean(0) - torch.log(_k(log_w.T))[:, 0],
        "along the data points",
    ),
    "14.5 unstable": (
        lesson.bound_curve, lambda log_w: torch.log(log_w.exp().cumsum(0) / _k(log_w)).mean(1), "exp(−900) is zero",
    ),
    "14.5 sum over the data": (
        lesson.bound_curve, lambda log_w: (torch.logcumsumexp(log_w, 0) - torch.log(_k(log_w))).sum(1),
        "the number of columns of `log_w`",
    ),
    "14.5 a table": (
        lesson.bound_curve, lambda log_w: torch.logcumsumexp(log_w, 0) - torch.log(_k(log_w)), "a mean left out",
    ),
    "14.5 the last k": (
        lesson.bound_curve, lambda log_w: (torch.logcumsumexp(log_w.flip(0), 0) - torch.log(_k(log_w))).mean(1),
        "in reverse order",
    ),
    "14.7 variance of the logs": (
        lesson.draws_needed, _needed(lambda log_w: np.var(log_w, ddof=1)), "the variance of the log-weights",
    ),
    "14.7 not in units of the mean": (
        lesson.draws_needed, _needed(lambda log_w: np.var(np.exp(log_w), ddof=1)), "Multiply all weights by 10",
    ),
    "14.7 S in the divisor": (
        lesson.draws_needed, _needed(lambda log_w: len(log_w) * np.sum(special.softmax(log_w) ** 2) - 1), "S − 1",
    ),
    "14.7 without the ½": (
        lesson.draws_needed, _needed(_relative, lambda variance, gap: max(1, math.ceil(variance / gap))),
        "Twice as many draws",
    ),
    "14.7 an error bar": (
        lesson.draws_needed, _needed(_relative, lambda variance, gap: max(1, math.ceil(variance / gap**2))),
        "like 1/√k",
    ),
    "14.7 int": (
        lesson.draws_needed, _needed(_relative, lambda variance, gap: max(1, int(variance / gap / 2))), "round up",
    ),
    "14.7 none": (
        lesson.draws_needed, _needed(_relative, lambda variance, gap: math.ceil(variance / gap / 2)),
        "one is needed to have a bound",
    ),
    "14.7 unstable": (
        lesson.draws_needed,
        _needed(
            lambda log_w: np.var(np.exp(log_w) / np.mean(np.exp(log_w)), ddof=1),
            lambda variance, gap: np.maximum(np.ceil(variance / (2 * gap)), 1),
        ),
        "0/0 no number",
    ),
    "14.6 all alike": (lesson.weighted_moments, lambda log_w, z: _moments(0 * log_w + 1 / len(z), z), "describe q"),
    "14.6 no maximum": (
        lesson.weighted_moments, lambda log_w, z: _moments(log_w.exp() / log_w.exp().sum(), z), "A constant cancels",
    ),
    "14.6 divided by S": (
        lesson.weighted_moments, lambda log_w, z: _moments(log_w.exp() / len(log_w), z), "p(x) is still in these",
    ),
    "14.6 log-weights": (
        lesson.weighted_moments, lambda log_w, z: _moments(log_w / log_w.sum(), z), "You normalised the log-weights",
    ),
    "14.6 scale of q": (
        lesson.weighted_moments, _moments_with(1, lambda log_w, z, mean: z.std(0, correction=0)), "which is q's",
    ),
    "14.6 variance": (
        lesson.weighted_moments,
        _moments_with(1, lambda log_w, z, mean: log_w.softmax(0) @ (z - mean) ** 2), "the square of the right answer",
    ),
    "14.6 error of the mean": (
        lesson.weighted_moments,
        _moments_with(1, lambda log_w, z, mean: (log_w.softmax(0) ** 2 @ (z - mean) ** 2).sqrt()),
        "the standard error of the mean",
    ),
    "14.6 effective share": (
        lesson.weighted_moments,
        _moments_with(2, lambda log_w, z, mean: 1 / (log_w.softmax(0) ** 2).mean() / len(z) ** 2), "do not divide by S",
    ),
    "14.8 the average of the draws": (
        lesson.two_gradients, lambda w, p, s: ((p - s).sum(0) / len(w), p.sum(0) / len(w) ** 2),
        "the gradient of the ELBO",
    ),
    "14.8 weights not detached": (
        lesson.two_gradients,
        lambda w, p, s: (
            (w.softmax(0) * (1 + w - w.softmax(0) @ w)) @ (p - s),
            (w.softmax(0) ** 2 * (1 + 2 * w) - 2 * w.softmax(0) * (w.softmax(0) ** 2 @ w)) @ p,
        ),
        "detach them",
    ),
    "14.8 sticking the landing": (
        lesson.two_gradients, lambda w, p, s: (w.softmax(0) @ (p - s), w.softmax(0) @ p), "turns w̃ into w̃²",
    ),
    "14.8 score kept": (
        lesson.two_gradients, lambda w, p, s: (w.softmax(0) @ (p - s), w.softmax(0) ** 2 @ (p - s)), "in w̃² already",
    ),
    "14.8 softmax of twice": (
        lesson.two_gradients, lambda w, p, s: (w.softmax(0) @ (p - s), (2 * w).softmax(0) @ p), "your squares sum to 1",
    ),
    "14.8 unstable": (
        lesson.two_gradients,
        lambda w, p, s: (w.exp() @ (p - s) / w.exp().sum(), w.exp() ** 2 @ p / w.exp().sum() ** 2), "0/0 no number",
    ),
    "14.8 descent": (
        lesson.two_gradients, lambda w, p, s: (w.softmax(0) @ (s - p), -(w.softmax(0) ** 2) @ p), "sign is opposite",
    ),
    "14.8 the other way round": (
        lesson.two_gradients, lambda w, p, s: (w.softmax(0) ** 2 @ p, w.softmax(0) @ (p - s)), "have changed places",
    ),
    "14.9 arccos alone": (lesson.shadow_log_prob, _shadow(lambda ahead, mean: [ahead]), "the one angle that arccos"),
    "14.9 two angles": (lesson.shadow_log_prob, _shadow(lambda ahead, mean: [ahead, -ahead]), "any number of whole"),
    "14.9 one side": (lesson.shadow_log_prob, _shadow(_around(250, (1,))), "only for one of the two angles"),
    "14.9 turns around 0": (lesson.shadow_log_prob, _shadow(_around(-120)), "counted from `mean`"),
    "14.9 no Jacobian": (lesson.shadow_log_prob, _shadow(_around(250), lambda x, r: 1 + 0 * x), "per metre, not per"),
    "14.9 the Jacobian turned over": (
        lesson.shadow_log_prob, _shadow(_around(250), lambda x, r: 1 / np.sqrt(r**2 - x**2)), "spread thin: divide",
    ),
    "14.9 without R": (
        lesson.shadow_log_prob, _shadow(_around(250), lambda x, r: np.sqrt(1 - (x / r) ** 2)), "that of the cosine",
    ),
    "14.9 nearest": (
        lesson.shadow_log_prob, _shadow(_around(250), combine=np.max), "The others are less probable and still count",
    ),
    "14.9 by probabilities": (
        lesson.shadow_log_prob, _shadow(_around(250), combine=lambda a, axis: np.log(np.exp(a).sum(axis))),
        "add up in logarithms",
    ),
    "14.10 plus": (lesson.mirrors_of, _mirrors(lambda column, axis: axis + column), "−`rotation`"),
    "14.10 the textbook's QR": (
        lesson.mirrors_of, _mirrors(lambda column, axis: column + (1 if column @ axis >= 0 else -1) * axis),
        "a QR decomposition by Householder",
    ),
    "14.10 the matrix as it was": (
        lesson.mirrors_of, _mirrors(lambda column, axis: axis - column, update=False), "It moves the other columns too",
    ),
    "14.10 sign": (lesson.mirrors_of, _mirrors(lambda column, axis: column - axis), "the sign is opposite"),
    "14.10 rounding errors": (
        lesson.mirrors_of, _mirrors(lambda column, axis: axis - column, threshold=0), "made of rounding errors",
    ),
    "14.10 normals in columns": (
        lesson.mirrors_of, lambda q: _mirrors(lambda column, axis: axis - column)(q).T, "transposed",
    ),
    "14.11 as reported": (lesson.fair_difference, _fair(lambda log_w, k: _bound(log_w)), "Each has its own k"),
    "14.11 the first k": (lesson.fair_difference, _fair(lambda log_w, k: _bound(log_w[:k])), "you throw away"),
    "14.11 the last k": (lesson.fair_difference, _fair(lambda log_w, k: _bound(log_w[-k:])), "The order of the"),
    "14.11 ELBO": (lesson.fair_difference, _fair(lambda log_w, k: log_w.mean(0)), "looser than it need be"),
    "14.11 drawn anew": (
        lesson.fair_difference,
        _fair(lambda log_w, k: _bound(np.random.default_rng().permutation(log_w)[:k])), "Called twice",
    ),
    "14.11 unpaired": (
        lesson.fair_difference, _fair(error=lambda a, b: np.hypot(stats.sem(a), stats.sem(b))), "cancels in the",
    ),
    "14.11 divided by N": (
        lesson.fair_difference, _fair(error=lambda a, b: np.std(a - b) / np.sqrt(len(a))), "N in place of N − 1",
    ),
    "14.11 one picture": (lesson.fair_difference, _fair(error=lambda a, b: np.std(a - b, ddof=1)), "by √N"),
    "14.11 B minus A": (lesson.fair_difference, lambda a, b: _fair()(b, a), "the sign is opposite"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (lesson.planar_stack, _with_det(_right_det)),
        (lesson.planar_stack, _with_det(lambda a, after, u, w: (1 + (u @ w) * (1 - a.tanh() ** 2)).square().log() / 2)),
        (lesson.allowed_u, _allowed(lambda a, s: -F.logsigmoid(-a) - 1 / s)),
        (lesson.undo_planar, _halved),
        (
            lesson.undo_planar,
            lambda y, u, w, b: np.array([
                row - u * np.tanh(b + optimize.root_scalar(
                    lambda a, t=row @ w: a + (w @ u) * np.tanh(a + b) - t,
                    bracket=(row @ w - abs(w @ u) - 1, row @ w + abs(w @ u) + 1),
                ).root)
                for row in y
            ]),
        ),
        (lesson.masked_log_prob, _network(_sees, _seen)),
        (
            lesson.bound_curve,
            lambda log_w: [np.mean(_bound(log_w.numpy()[:k])) for k in range(1, len(log_w) + 1)],
        ),
        (
            lesson.draws_needed,
            _needed(lambda log_w: len(log_w) / (len(log_w) - 1) * (len(log_w) * sum(special.softmax(log_w) ** 2) - 1)),
        ),
        (
            lesson.weighted_moments,
            lambda log_w, z: (
                log_w.softmax(0) @ z,
                np.sqrt(np.diag(np.cov(z.T, ddof=0, aweights=log_w.softmax(0)).reshape(z.shape[1], -1))),
                (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp(),
            ),
        ),
        (
            lesson.two_gradients,
            lambda w, p, s: (
                torch.einsum("k,kp->p", w.softmax(0), p) - w.softmax(0) @ s,
                torch.einsum("k,k,kp->p", w.softmax(0), w.softmax(0), p),
            ),
        ),
        (lesson.shadow_log_prob, _shadow(_around(250))),
        (lesson.mirrors_of, _mirrors(lambda column, axis: axis - column)),
        (lesson.fair_difference, _fair()),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 60))
