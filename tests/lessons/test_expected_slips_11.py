"""Wrong answers that people are expected to give in lesson 11, and what they are told; odd right ones."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize, special, stats
from told import assert_told

from course_utils.lessons import denoising_vae as lesson

PAIR, DENSITY, BOUND = lesson.training_pair, lesson.log_q_tilde, lesson.dvae_bound
MOMENTS, PRICE, ENCODER = lesson.q_tilde_moments, lesson.noise_for_price, lesson.best_encoder
SENSOR, HUMPS, TRIAL = lesson.dead_sensor, lesson.two_humps, lesson.without_truth


def _noisy(x, e, s):
    return (x + s * e).clamp(0, 1)


def _salted(x, u, a):
    x = torch.where(u < a / 2, 0.0, x)
    return torch.where(u > 1 - a / 2, 1.0, x)


def _in_place(x, e, u, s, a):
    x += s * e
    x.clamp_(0, 1)
    x[u < a / 2] = 0
    x[u > 1 - a / 2] = 1
    return x, x


def _logs(z, m, s):
    return torch.distributions.Normal(m, s).log_prob(z[:, None])


def _elbo(encode, decode, seen, noise, target, pixels=lambda terms: terms.sum(-1)):
    mean, log_var = encode(seen)
    z = mean + (log_var / 2).exp() * noise
    fit = pixels(-F.binary_cross_entropy_with_logits(*torch.broadcast_tensors(decode(z), target), reduction="none"))
    return fit - 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1)


def _code(spread_of, average_of=lambda x, s, a: (1 - a) * x + a / 2):
    """Mean and covariance of q̃ from the pixels' variances and means, as functions of (x, s, a)."""

    def answer(x, w, b, v, s, a):
        return w @ average_of(x, s, a) + b, np.diag(np.exp(v)) + w @ np.diag(spread_of(x, s, a)) @ w.T

    return answer


def _spread(x, s, a):
    return (1 - a) * (x**2 + s**2) + a / 2 - ((1 - a) * x + a / 2) ** 2


def _scale_for(price):
    return lambda w, v, budget: optimize.brentq(lambda s: price(s, w, v) - budget, 1e-4, 1e4)


def _exact(v, c):
    return np.linalg.solve(v.T @ v + c * np.eye(v.shape[1]), v.T)


def _live(r, ink, s):
    return ink * stats.norm.pdf(r, 1, s) + (1 - ink) * stats.norm.pdf(r, 0, s)


def _ink(r, ink, s):
    return special.expit(special.logit(ink) + (r - 0.5) / s**2)


def _mixed(p, r, ink, s):
    return p, p * ink + (1 - p) * _ink(r, ink, s)


def _is_dead(r, ink, s, d):
    log_dead = np.log(d) - len(r) * np.log(3) if np.all((r >= -1) & (r <= 2)) else -np.inf
    log_pages = np.logaddexp(np.log(ink) + stats.norm.logpdf(r, 1, s), np.log1p(-ink) + stats.norm.logpdf(r, 0, s))
    return special.expit(log_dead - np.log1p(-d) - log_pages.sum())


def _hump(m, v):
    z = m
    for _ in range(400):
        z = m * math.tanh(m * z / v)
    return z


SLIPS = {
    "11.1 in place": (PAIR, _in_place, "the target is corrupted too"),
    "11.1 order": (
        PAIR, lambda x, e, u, s, a: (x, _salted(_noisy(x, e, s), u, a)), "not in the order input and target",
    ),
    "11.1 the input alone": (PAIR, lambda x, e, u, s, a: _salted(_noisy(x, e, s), u, a), "expected 2 values"),
    "11.1 own random numbers": (
        PAIR, lambda x, e, u, s, a: (_salted(_noisy(x, torch.randn_like(x), s), u, a), x), "Called twice",
    ),
    "11.1 the variance of the noise": (
        PAIR, lambda x, e, u, s, a: (_salted(_noisy(x, e, s**2), u, a), x), "`scale`² in place of `scale`",
    ),
    "11.1 clipped from below only": (
        PAIR, lambda x, e, u, s, a: (_salted((x + s * e).clamp(min=0), u, a), x), "at one end only",
    ),
    "11.1 not clipped": (PAIR, lambda x, e, u, s, a: (_salted(x + s * e, u, a), x), "clip them to [0, 1]"),
    "11.1 the noise clipped": (
        PAIR, lambda x, e, u, s, a: (_salted(x + (s * e).clamp(0, 1), u, a), x), "every entry of `noise` is 0",
    ),
    "11.1 salt for pepper": (
        PAIR, lambda x, e, u, s, a: (_salted(_noisy(x, e, s), 1 - u, a), x), "1 − `uniform` in place of `uniform`",
    ),
    "11.1 twice as many": (
        PAIR,
        lambda x, e, u, s, a: (torch.where(u > 1 - a, 1.0, torch.where(u < a, 0.0, _noisy(x, e, s))), x),
        "twice as many",
    ),
    "11.1 one mask": (PAIR, lambda x, e, u, s, a: (_salted(_noisy(x, e, s), u[0], a), x), "All images lose the same"),
    "11.1 so many pixels of each image": (
        PAIR,
        lambda x, e, u, s, a: (
            torch.where(
                u <= u.sort(1).values[:, max(round(a * u.shape[1] / 2) - 1, 0)][:, None], 0.0, _noisy(x, e, s)
            ),
            x,
        ),
        "Probe 1",
    ),
    "11.2 mean of logs": (DENSITY, lambda z, m, s: _logs(z, m, s).sum(2).mean(1), "You average logarithms"),
    "11.2 log K forgotten": (DENSITY, lambda z, m, s: _logs(z, m, s).sum(2).logsumexp(1), "Too large by log K"),
    "11.2 log K added": (
        DENSITY, lambda z, m, s: _logs(z, m, s).sum(2).logsumexp(1) + math.log(len(m)), "2 times the logarithm",
    ),
    "11.2 one Gaussian": (
        DENSITY, lambda z, m, s: torch.distributions.Normal(m.mean(0), s.mean(0)).log_prob(z).sum(1), "one hump",
    ),
    "11.2 variances averaged": (
        DENSITY, lambda z, m, s: torch.distributions.Normal(m.mean(0), s.square().mean(0).sqrt()).log_prob(z).sum(1),
        "the width of one answer",
    ),
    "11.2 latents apart": (
        DENSITY, lambda z, m, s: (_logs(z, m, s).logsumexp(1) - math.log(len(m))).sum(1), "the same copy",
    ),
    "11.2 each latent": (DENSITY, lambda z, m, s: _logs(z, m, s).logsumexp(1) - math.log(len(m)), "shape"),
    "11.2 over the wrong axis": (
        DENSITY, lambda z, m, s: _logs(z, m, s).sum(2).logsumexp(0) - math.log(len(m)), "shape",
    ),
    "11.2 scales as variances": (
        DENSITY, lambda z, m, s: _logs(z, m, s.sqrt()).sum(2).logsumexp(1) - math.log(len(m)), "`scales`",
    ),
    "11.2 a density": (
        DENSITY, lambda z, m, s: (_logs(z, m, s).sum(2).logsumexp(1) - math.log(len(m))).exp(), "exponential",
    ),
    "11.2 densities first": (DENSITY, lambda z, m, s: _logs(z, m, s).exp().prod(2).mean(1).log(), "torch.logsumexp"),
    "11.2 without 2π": (
        DENSITY,
        lambda z, m, s: (
            (-0.5 * ((z[:, None] - m) / s) ** 2 - s.log()).sum(2).logsumexp(1) - math.log(len(m))
        ),
        "½ log 2π times",
    ),
    "11.3 the corrupted copy": (
        BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, c).mean(0), "held against the corrupted copies",
    ),
    "11.3 KL of the clean": (
        BOUND,
        lambda x, c, e, f, g: (
            _elbo(f, g, c, e, x) + 0.5 * (f(c)[1].exp() + f(c)[0] ** 2 - 1 - f(c)[1]).sum(-1)
            - 0.5 * (f(x)[1].exp() + f(x)[0] ** 2 - 1 - f(x)[1]).sum(-1)
        ).mean(0),
        "from which no z was drawn",
    ),
    "11.3 clean throughout": (BOUND, lambda x, c, e, f, g: _elbo(f, g, x, e, x).mean(0), "plays no part"),
    "11.3 mean over the pixels": (
        BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x, lambda t: t.mean(-1)).mean(0), "you average them",
    ),
    "11.3 a loss": (BOUND, lambda x, c, e, f, g: -_elbo(f, g, c, e, x).mean(0), "sign"),
    "11.3 copies added up": (BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).sum(0), "`corrupted`"),
    "11.3 one copy": (BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x)[0], "The last entry of `corrupted`"),
    "11.3 digits averaged": (BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).mean(1), "shape"),
    "11.3 all averaged": (BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).mean(), "shape"),
    "11.3 importance weights": (
        BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).logsumexp(0) - math.log(len(c)), "expectation of",
    ),
    "11.3 copies averaged first": (
        BOUND, lambda x, c, e, f, g: _elbo(f, g, c.mean(0), e, x).mean(0), "before the encoder sees them",
    ),
    "11.3 no gradient": (
        BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).mean(0).detach(), "no gradient reaches `corrupted`",
    ),
    "11.3 the encoder without gradient": (
        BOUND, lambda x, c, e, f, g: _elbo(lambda seen: [p.detach() for p in f(seen)], g, c, e, x).mean(0),
        "no gradient reaches `corrupted`",
    ),
    "11.3 β of a half": (
        BOUND,
        lambda x, c, e, f, g: (
            _elbo(f, g, c, e, x) + 0.25 * (f(c)[1].exp() + f(c)[0] ** 2 - 1 - f(c)[1]).sum(-1)
        ).mean(0),
        "counted half",
    ),
    "11.4 the clean mean": (MOMENTS, _code(_spread, lambda x, s, a: x), "whatever they were"),
    "11.4 shrunk to 0": (MOMENTS, _code(_spread, lambda x, s, a: (1 - a) * x), "a term left out"),
    "11.4 mean square": (
        MOMENTS, _code(lambda x, s, a: (1 - a) * (x**2 + s**2) + a / 2), "is their mean square",
    ),
    "11.4 noise in full": (MOMENTS, _code(lambda x, s, a: _spread(x, 0, a) + s**2), "without it"),
    "11.4 variance s": (MOMENTS, _code(lambda x, s, a: _spread(x, 0, a) + (1 - a) * s), "√`scale` in place of `scale`"),
    "11.4 a fair coin alone": (MOMENTS, _code(lambda x, s, a: (1 - a) * s**2 + a / 4 + 0 * x), "from x to ½"),
    "11.4 Wᵀ S W": (
        MOMENTS,
        lambda x, w, b, v, s, a: (
            w @ ((1 - a) * x + a / 2) + b, np.diag(np.exp(v)) + w.T @ np.diag(_spread(x, s, a)) @ w,
        ),
        "You formed WᵀSW",
    ),
    "11.4 variances of the latents": (
        MOMENTS, lambda x, w, b, v, s, a: (w @ ((1 - a) * x + a / 2) + b, np.exp(v) + w**2 @ _spread(x, s, a)), "shape",
    ),
    "11.4 no own width": (
        MOMENTS,
        lambda x, w, b, v, s, a: (w @ ((1 - a) * x + a / 2) + b, w @ np.diag(_spread(x, s, a)) @ w.T),
        "scatters by itself",
    ),
    "11.4 bias forgotten": (
        MOMENTS,
        lambda x, w, b, v, s, a: (
            w @ ((1 - a) * x + a / 2), np.diag(np.exp(v)) + w @ np.diag(_spread(x, s, a)) @ w.T,
        ),
        "`bias`",
    ),
    "11.4 log_var as it is": (
        MOMENTS,
        lambda x, w, b, v, s, a: (w @ ((1 - a) * x + a / 2) + b, np.diag(v) + w @ np.diag(_spread(x, s, a)) @ w.T),
        "`log_var`",
    ),
    "11.5 the variance": (
        PRICE,
        lambda w, v, budget: _scale_for(
            lambda s, w, v: 0.5 * np.linalg.slogdet(np.eye(len(v)) + s**2 * np.exp(-v)[:, None] * (w @ w.T))[1]
        )(w, v, budget) ** 2,
        "square of the right",
    ),
    "11.5 no half": (
        PRICE,
        _scale_for(lambda s, w, v: np.linalg.slogdet(np.eye(len(v)) + s**2 * np.exp(-v)[:, None] * (w @ w.T))[1]),
        "twice the information",
    ),
    "11.5 the trace": (
        PRICE, _scale_for(lambda s, w, v: 0.5 * s**2 * np.sum(np.exp(-v)[:, None] * w**2)), "the answer for the clean",
    ),
    "11.5 one by one": (
        PRICE, _scale_for(lambda s, w, v: 0.5 * np.log1p(s**2 * np.exp(-v) * np.sum(w**2, 1)).sum()),
        "tell some of it twice",
    ),
    "11.5 scale for variance in Σ_q": (
        PRICE,
        _scale_for(
            lambda s, w, v: 0.5 * np.linalg.slogdet(np.eye(len(v)) + s**2 * np.exp(-v / 2)[:, None] * (w @ w.T))[1]
        ),
        "`log_var`",
    ),
    "11.5 noise of standard deviation s²": (
        PRICE,
        _scale_for(lambda s, w, v: 0.5 * np.linalg.slogdet(np.eye(len(v)) + s * np.exp(-v)[:, None] * (w @ w.T))[1]),
        "square of the right",
    ),
    "11.5 a determinant that overflows": (
        PRICE,
        lambda w, v, budget: optimize.brentq(
            lambda s: (
                0.5 * np.log(np.linalg.det(np.diag(np.exp(v)) + s**2 * w @ w.T) / np.exp(v.sum())) - budget
            ),
            1e-4,
            1e4,
        ),
        "log1p of eigenvalues",
    ),
    "11.5 bits": (
        PRICE,
        _scale_for(
            lambda s, w, v: (
                0.5 / math.log(2) * np.linalg.slogdet(np.eye(len(v)) + s**2 * np.exp(-v)[:, None] * (w @ w.T))[1]
            )
        ),
        "in bits",
    ),
    "11.5 one latent's formula": (
        PRICE, lambda w, v, budget: (np.expm1(2 * budget) / np.sum(w**2 / np.exp(v)[:, None])) ** 0.5,
        "Right for one latent",
    ),
    "11.6 dropout": (
        ENCODER,
        lambda v, c, x, a: (
            _exact(v, c) @ (x.T @ x) @ np.linalg.inv(x.T @ x + a / (1 - a) * np.diag((x**2).sum(0)))
        ),
        "as a dropout layer does it",
    ),
    "11.6 the exact encoder": (ENCODER, lambda v, c, x, a: _exact(v, c), "without masks"),
    "11.6 Wiener's filter": (
        ENCODER,
        lambda v, c, x, a: _exact(v, c) @ (x.T @ x / len(x)) @ np.linalg.inv(
            x.T @ x / len(x) + a * (1 - a) * np.diag((x**2).mean(0))
        ),
        "masks also shrink the input",
    ),
    "11.6 noise of variance a (1 − a)": (
        ENCODER,
        lambda v, c, x, a: _exact(v, c) @ (x.T @ x / len(x)) @ np.linalg.inv(
            x.T @ x / len(x) + a * (1 - a) * np.eye(x.shape[1])
        ),
        "When all of `data` is doubled",
    ),
    "11.6 the other probability": (
        ENCODER,
        lambda v, c, x, a: _exact(v, c) @ (x.T @ x) @ np.linalg.inv(a * x.T @ x + (1 - a) * np.diag((x**2).sum(0))),
        "`share`",
    ),
    "11.6 sum for mean in one place": (
        ENCODER,
        lambda v, c, x, a: _exact(v, c) @ (x.T @ x) @ np.linalg.inv(
            (1 - a) * x.T @ x + a * np.diag((x**2).mean(0))
        ),
        "the number of rows of `data` is more than 1",
    ),
    "11.6 masks that undo themselves": (ENCODER, lambda v, c, x, a: _exact(v, c) / (1 - a), "which ones are lost"),
    "11.6 no prior": (
        ENCODER,
        lambda v, c, x, a: np.linalg.pinv(v) @ (x.T @ x) @ np.linalg.inv(
            (1 - a) * x.T @ x + a * np.diag((x**2).sum(0))
        ),
        "the reconstruction error alone",
    ),
    "11.6 centred": (
        ENCODER,
        lambda v, c, x, a: (lambda C: _exact(v, c) @ C @ np.linalg.inv((1 - a) * C + a * np.diag(np.diag(C))))(
            np.atleast_2d(np.cov(x.T, bias=True))
        ),
        "took the mean of the data off",
    ),
    "11.6 least squares onto the data": (
        ENCODER, lambda v, c, x, a: (np.linalg.pinv(x) @ x @ _exact(v, c).T).T, "`share` makes no difference",
    ),
    "11.7 trusting": (
        SENSOR, lambda r, i, s, d: (_is_dead(r, i, s, d), _ink(r, i, s)), "your guesses trust the sensor fully",
    ),
    "11.7 thresholded": (
        SENSOR,
        lambda r, i, s, d: (
            _is_dead(r, i, s, d), np.full(len(r), i) if _is_dead(r, i, s, d) >= 0.5 else _ink(r, i, s),
        ),
        "as if that were sure",
    ),
    "11.7 rounded": (
        SENSOR,
        lambda r, i, s, d: (_is_dead(r, i, s, d), np.round(_mixed(_is_dead(r, i, s, d), r, i, s)[1])),
        "For the squared error the mean is best",
    ),
    "11.7 products of densities": (
        SENSOR,
        lambda r, i, s, d: _mixed(
            (lambda dead, live: dead / (dead + live))(
                d * np.prod(np.where((r >= -1) & (r <= 2), 1 / 3, 0)), (1 - d) * np.prod(_live(r, i, s))
            ), r, i, s,
        ),
        "numerically unstable",
    ),
    "11.7 the live probability": (
        SENSOR, lambda r, i, s, d: (1 - _is_dead(r, i, s, d), _mixed(_is_dead(r, i, s, d), r, i, s)[1]), "1 minus",
    ),
    "11.7 the noise's variance": (
        SENSOR, lambda r, i, s, d: _mixed(_is_dead(r, i, s**0.5, d), r, i, s**0.5), "`scale`",
    ),
    "11.7 ink without noise": (
        SENSOR, lambda r, i, s, d: (_is_dead(r, i, s, d), np.full(len(r), i)), "a factor left out",
    ),
    "11.8 the centres": (
        HUMPS,
        lambda k, j, n, w: (
            abs(k) * math.sqrt(max(j * j - n * n, 0)),
            2 * abs(k) * j if w < abs(k) * math.sqrt(max(j * j - n * n, 0)) else 0.0,
        ),
        "pulled inwards",
    ),
    "11.8 always two": (
        HUMPS,
        lambda k, j, n, w: (
            abs(k) * math.sqrt(max(j * j - n * n, 0)), 2 * abs(k) * j,
        ),
        "whether there are two humps",
    ),
    "11.8 a negative slope": (
        HUMPS,
        lambda k, j, n, w: (
            k * math.sqrt(max(j * j - n * n, 0)), 2 * _hump(k * j, w * w + k * k * n * n)
        ),
        "A distance has no sign",
    ),
    "11.8 a root of a negative number": (
        HUMPS,
        lambda k, j, n, w: (
            np.sqrt(np.float64(k * k * (j * j - n * n))), 2 * _hump(abs(k) * j, w * w + k * k * n * n)
        ),
        "a root of a negative number",
    ),
    "11.8 the smallest width": (
        HUMPS,
        lambda k, j, n, w: (
            abs(k) * math.sqrt(j * j + n * n), 2 * _hump(abs(k) * j, w * w + k * k * n * n)
        ),
        "a plus where a minus belongs",
    ),
    "11.8 jump from hump to hump": (
        HUMPS,
        lambda k, j, n, w: (
            abs(k) * math.sqrt(max(j * j / 4 - n * n, 0)), 2 * _hump(abs(k) * j / 2, w * w + k * k * n * n)
        ),
        "`jump`",
    ),
    "11.9 without the half": (
        TRIAL,
        lambda a, b, g: (np.mean((a - b) ** 2), np.mean((g - b) ** 2) - np.mean((a - b) ** 2)),
        "Both copies are noisy",
    ),
    "11.9 var": (
        TRIAL, lambda a, b, g: (np.var(a - b) / 2, np.mean((g - b) ** 2) - np.var(a - b) / 2), "known to be 0",
    ),
    "11.9 sum over the pixels": (
        TRIAL,
        lambda a, b, g: (
            np.mean((a - b) ** 2) / 2, np.mean(np.sum((g - b) ** 2, 1)) - a.shape[1] * np.mean((a - b) ** 2) / 2
        ),
        "times the number of columns",
    ),
    "11.9 scatter of the pairs": (
        TRIAL,
        lambda a, b, g: (
            np.var(np.stack([a, b]), axis=0).mean(), np.mean((g - b) ** 2) - np.var(np.stack([a, b]), axis=0).mean()
        ),
        "Neyman and Scott",
    ),
    "11.9 against both copies": (
        TRIAL,
        lambda a, b, g: (
            np.mean((a - b) ** 2) / 2,
            np.mean(((g - a) ** 2 + (g - b) ** 2) / 2) - np.mean((a - b) ** 2) / 2,
        ),
        "the cross term",
    ),
    "11.9 a root mean squared error": (
        TRIAL,
        lambda a, b, g: (
            np.mean((a - b) ** 2) / 2, np.sqrt(max(np.mean((g - b) ** 2) - np.mean((a - b) ** 2) / 2, 0.0))
        ),
        "the square root of the right answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (
            PAIR,  # salt and pepper added, and clipped after that
            lambda x, e, u, s, a: (
                (_noisy(x, e, s) + (u > 1 - a / 2).double() - (u < a / 2).double()).clamp(0, 1), x.detach().clone(),
            ),
        ),
        (PAIR, lambda x, e, u, s, a: [_salted(torch.minimum(torch.relu(x + s * e), torch.ones(())), u, a), x]),
        (DENSITY, lambda z, m, s: torch.logsumexp(_logs(z, m, s).sum(2) - math.log(len(m)), 1)),
        (
            DENSITY,
            lambda z, m, s: special.logsumexp(
                [[stats.norm.logpdf(p, a, b).sum() for a, b in zip(m, s, strict=True)] for p in z], axis=1
            ) - np.log(len(m)),
        ),
        (BOUND, lambda x, c, e, f, g: torch.stack([_elbo(f, g, *one, x) for one in zip(c, e, strict=True)]).mean(0)),
        (BOUND, lambda x, c, e, f, g: _elbo(f, g, c, e, x).sum(0) / c.shape[0]),
        (MOMENTS, _code(lambda x, s, a: (1 - a) * s**2 + a / 4 + a * (1 - a) * (x - 0.5) ** 2)),
        (
            PRICE,
            lambda w, v, budget: optimize.brentq(
                lambda t: 0.5 * np.linalg.slogdet(np.eye(w.shape[1]) + t * (w.T / np.exp(v)) @ w)[1] - budget, 1e-7, 1e7
            ) ** 0.5,
        ),
        (
            ENCODER,
            lambda v, c, x, a: (
                v.T @ np.linalg.inv(v @ v.T + c * np.eye(len(v))) @ (x.T @ x)
                @ np.linalg.inv((1 - a) * x.T @ x + a * np.diag((x**2).sum(0)))
            ),
        ),
        (SENSOR, lambda r, i, s, d: _mixed(_is_dead(r, i, s, d), r, i, s)),
        (
            HUMPS,
            lambda k, j, n, w: (
                np.sqrt(max(k * k * (j * j - n * n), 0)), 2 * _hump(abs(k) * j, w * w + k * k * n * n),
            ),
        ),
        (TRIAL, lambda a, b, g: (np.var(np.stack([a, b]), axis=0, ddof=1).mean(), ((g - a) * (g - b) + (g - b) * (a - b)
            ).mean() - ((a - b) ** 2).mean() / 2)),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 60))
