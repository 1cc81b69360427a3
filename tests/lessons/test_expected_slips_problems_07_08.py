"""Answers to the problems of lessons 07 and 08 that nobody listed: wrong ones and what they are told, odd right "
"ones."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg
from sklearn import decomposition
from told import assert_told

from course_utils.lessons.autoencoders import problems as autoencoders
from course_utils.lessons.vae import problems as vae

COST, REPAIR = autoencoders.cost_of_not_centring, autoencoders.best_repair
CODES, GAPS = autoencoders.translate_codes, vae.elbo_terms_with_gaps


def _left_out(matrix, size):
    return np.sort(np.linalg.eigvals(matrix).real)[: len(matrix) - size].sum()


def _cost(moment_of, mean, covariance, size):
    error = _left_out(moment_of(mean, covariance), size)
    return error, error - _left_out(covariance, size)


def _repaired(change):
    return lambda m, s, b, v: change(*autoencoders._repair(m, s, b, v), m, s, b, v)


def _gain(matrix_of):
    """A repair with another matrix, and the right offset and error for that."""
    return autoencoders._with_gain(matrix_of)


def _gaps(change):
    return lambda *a: change(*vae._terms(*a), *a)


def _z(mean, log_var, noise):
    return mean + torch.exp(log_var / 2) * noise


def _log_prob(x, mean, log_var, noise, decode, scale):
    return torch.distributions.Normal(decode(_z(mean, log_var, noise)), scale, validate_args=False).log_prob(x)


def _kl(mean, log_var):
    return 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1)


def _masked_late(x, mean, log_var, noise, decode, scale):
    pixels = _log_prob(x, mean, log_var, noise, decode, scale)
    return torch.where(x.isnan(), 0.0, pixels).sum(2).mean(0), _kl(mean, log_var)


SLIPS = {
    "7.5 the mean added": (COST, lambda m, s, k: _cost(lambda m, s: s + np.diag(m**2), m, s, k), "Probe"),
    "7.5 mean squared length": (COST, lambda m, s, k: _cost(lambda m, s: s + m @ m * np.eye(len(m)), m, s, k), "Probe"),
    "7.5 moment subtracted": (COST, lambda m, s, k: _cost(lambda m, s: s - np.outer(m, m), m, s, k), "Probe"),
    "7.5 S alone": (COST, lambda m, s, k: _cost(lambda m, s: s, m, s, k), "This is PCA's error"),
    "7.5 other order": (COST, lambda *a: autoencoders._uncentred(*a)[::-1], "not in the order"),
    "7.5 surplus negative": (
        COST, lambda *a: (autoencoders._uncentred(*a)[0], -autoencoders._uncentred(*a)[1]), "the sign is opposite",
    ),
    "7.5 ratio": (
        COST,
        lambda m, s, k: (_cost(lambda m, s: s + np.outer(m, m), m, s, k)[0],
                         _left_out(s + np.outer(m, m), k) / max(_left_out(s, k), 1e-9)),
        "error: right.",
    ),
    "7.5 share": (
        COST, lambda m, s, k: tuple(v / np.trace(s) for v in autoencoders._uncentred(m, s, k)), "Probe",
    ),
    "7.5 a mean over the features": (
        COST, lambda m, s, k: tuple(v / len(m) for v in autoencoders._uncentred(m, s, k)), "the length of `mean`",
    ),
    "7.5 roots": (
        COST, lambda *a: tuple(np.sqrt(max(v, 0)) for v in autoencoders._uncentred(*a)), "the square root of the right",
    ),
    "7.5 one component fewer": (
        COST, lambda m, s, k: autoencoders._uncentred(m, s, max(k - 1, 0)), "Probe",
    ),
    "7.5 one component more": (COST, lambda m, s, k: autoencoders._uncentred(m, s, min(k + 1, len(m))), "Probe"),
    "7.5 singular values": (
        COST, lambda m, s, k: _cost(lambda m, s: linalg.sqrtm(s + np.outer(m, m)).real, m, s, k), "Probe",
    ),
    "7.5 with offsets and the whole mean": (
        COST, lambda m, s, k: (_left_out(s, k) + m @ m, m @ m), "You take the plane of PCA",
    ),
    "7.5 drawn": (
        COST,
        lambda m, s, k: (lambda x: (_left_out(x.T @ x / len(x), k), 0.0))(
            np.random.default_rng().multivariate_normal(m, s, 500)
        ),
        "Called twice",
    ),
    "7.6 Wiener without a lens": (
        REPAIR,
        _gain(lambda s, b, v: np.resize(s @ np.linalg.inv(s + v * np.eye(len(s))), (len(s), len(b)))),
        "Probe",
    ),
    "7.6 transposed": (REPAIR, _repaired(lambda r, o, e, *a: (r.T, o, e)), "matrix"),
    "7.6 adjoint": (REPAIR, _gain(lambda s, b, v: b.T), "Probe"),
    "7.6 pinv": (REPAIR, _gain(lambda s, b, v: np.linalg.pinv(b)), "You undo the blur"),
    "7.6 scale for variance": (
        REPAIR, _gain(lambda s, b, v: autoencoders._repair(np.zeros(len(s)), s, b, v**2)[0]), "`noise_variance`²",
    ),
    "7.6 zero offset": (REPAIR, _repaired(lambda r, o, e, *a: (r, 0 * o, e)), "matrix: right"),
    "7.6 offset with the other sign": (REPAIR, _repaired(lambda r, o, e, *a: (r, -o, e)), "the sign is opposite"),
    "7.6 offset m − R m": (
        REPAIR,
        _repaired(lambda r, o, e, m, s, b, v: (r, m - r @ np.resize(m, len(b)), e)),
        "without having been blurred",
    ),
    "7.6 error of one pixel": (
        REPAIR, _repaired(lambda r, o, e, m, *a: (r, o, e / len(m))), "averaged over the pixels",
    ),
    "7.6 error as a root": (REPAIR, _repaired(lambda r, o, e, *a: (r, o, math.sqrt(max(e, 0)))), "the square root"),
    "7.6 error is the noise": (REPAIR, _repaired(lambda r, o, e, m, s, b, v: (r, o, v * np.sum(r**2))), "right"),
    "7.6 error is what was there": (REPAIR, _repaired(lambda r, o, e, m, s, *a: (r, o, np.trace(s))), "right"),
    "7.6 the whole error matrix": (
        REPAIR, _repaired(lambda r, o, e, m, s, b, v: (r, o, s - r @ b @ s)), "error should be a single number",
    ),
    "7.6 only the matrix": (REPAIR, _repaired(lambda r, *a: r), "expected 3 values"),
    "7.6 forgetting the noise": (
        REPAIR, _gain(lambda s, b, v: s @ b.T @ np.linalg.pinv(b @ s @ b.T)), "you trust the sensors too much",
    ),
    "7.6 noise once": (
        REPAIR, _gain(lambda s, b, v: s @ b.T @ np.linalg.pinv(b @ s @ b.T + v)), "Probe",
    ),
    "7.6 identity for S": (
        REPAIR, _gain(lambda s, b, v: b.T @ np.linalg.inv(b @ b.T + v * np.eye(len(b)))), "variance 1",
    ),
    "7.7 no centring": (CODES, lambda a, b, n: n @ np.linalg.lstsq(a, b, rcond=None)[0], "no zero of their own"),
    "7.7 inverse way": (CODES, autoencoders._back_and_forth, "You fit the way back"),
    "7.7 turned": (
        CODES, lambda a, b, n: b.mean(0) + (n - a.mean(0)) @ autoencoders._turned(a, b), "keep lengths and angles",
    ),
    "7.7 known codes back": (CODES, lambda a, b, n: autoencoders._translated(a, b, a), "shape"),
    "7.7 the map itself": (
        CODES, lambda a, b, n: np.linalg.lstsq(a - a.mean(0), b - b.mean(0), rcond=None)[0], "shape",
    ),
    "7.7 own mean": (
        CODES,
        lambda a, b, n: b.mean(0) + (n - n.mean(0)) @ np.linalg.lstsq(a - a.mean(0), b - b.mean(0), rcond=None)[0],
        "on their own mean",
    ),
    "7.7 no second mean": (
        CODES, lambda a, b, n: (n - a.mean(0)) @ np.linalg.lstsq(a - a.mean(0), b - b.mean(0), rcond=None)[0],
        "add the mean of `second`",
    ),
    "7.7 first mean added": (
        CODES,
        lambda a, b, n: np.resize(a.mean(0), b.shape[1])
        + (n - a.mean(0)) @ np.linalg.lstsq(a - a.mean(0), b - b.mean(0), rcond=None)[0],
        "Probe",
    ),
    "7.7 not centred, mean added": (
        CODES, lambda a, b, n: b.mean(0) + (n - a.mean(0)) @ np.linalg.lstsq(a, b, rcond=None)[0], "Probe",
    ),
    "7.7 nearest": (
        CODES, lambda a, b, n: b[np.linalg.norm(n[:, None] - a, axis=2).argmin(1)], "the nearest known picture",
    ),
    "7.7 column of ones, naive": (
        CODES,
        lambda a, b, n: (lambda x: np.c_[n, np.ones(len(n))] @ np.linalg.inv(x.T @ x) @ x.T @ b)(
            np.c_[a, np.ones(len(a))]
        ),
        "numerically unstable",
    ),
    "7.7 a penalty": (
        CODES,
        lambda a, b, n: b.mean(0)
        + (n - a.mean(0))
        @ (lambda x: np.linalg.solve(x.T @ x + np.eye(a.shape[1]), x.T @ b))(a - a.mean(0)),
        "Probe",
    ),
    "7.7 PCA of both": (
        CODES,
        lambda a, b, n: (decomposition.PCA().fit(a).transform(n)[:, :1] * np.ones(b.shape[1])) + b.mean(0),
        "Probe",
    ),
    "7.7 standardised": (
        CODES,
        lambda a, b, n: b.mean(0) + np.resize(((n - a.mean(0)) / a.std(0)), (len(n), b.shape[1])) * b.std(0),
        "Probe",
    ),
    "7.7 the average for all": (CODES, lambda a, b, n: np.tile(b.mean(0), (len(n), 1)), "Probe"),
    "7.7 transposed": (CODES, lambda a, b, n: autoencoders._translated(a, b, n).T, "shape"),
    "8.7 masked after the fact": (GAPS, _masked_late, "mask then"),
    "8.7 nansum": (
        GAPS, lambda *a: (torch.nansum(_log_prob(*a), 2).mean(0), _kl(*a[1:3])), "by a number first",
    ),
    "8.7 NaN left in": (GAPS, lambda *a: (_log_prob(*a).sum(2).mean(0), _kl(*a[1:3])), "kl: right."),
    "8.7 nanmean": (
        GAPS, lambda *a: (torch.nanmean(_log_prob(*a), 2).mean(0).nan_to_num(), _kl(*a[1:3])),
        "You average over the pixels",
    ),
    "8.7 zeros": (GAPS, lambda x, *a: vae._terms(x.nan_to_num(), *a), "as if they were 0"),
    "8.7 the mean pixel": (
        GAPS, lambda x, *a: vae._terms(torch.where(x.isnan(), x.nanmean(), x).nan_to_num(), *a), "Probe",
    ),
    "8.7 the decoder's own picture": (
        GAPS, lambda x, m, v, e, d, s: vae._terms(torch.where(x.isnan(), d(m), x), m, v, e, d, s), "Probe",
    ),
    "8.7 detached": (GAPS, lambda *a: tuple(part.detach() for part in vae._terms(*a)), "no gradient reaches"),
    "8.7 only the KL has one": (GAPS, _gaps(lambda r, k, *a: (r.detach(), k)), "not that of the formula"),
    "8.7 the ELBO": (GAPS, _gaps(lambda r, k, *a: r - k), "expected 2 values"),
    "8.7 other order": (GAPS, _gaps(lambda r, k, *a: (k, r)), "not in the order"),
    "8.7 minus KL": (GAPS, _gaps(lambda r, k, *a: (r, -k)), "the sign is opposite"),
    "8.7 for each draw": (
        GAPS,
        lambda x, m, v, e, d, s: (
            torch.stack([vae._terms(x, m, v, one[None], d, s)[0] for one in e]), _kl(m, v),
        ),
        "reconstruction should be",
    ),
    "8.7 for the batch": (GAPS, _gaps(lambda r, k, *a: (r.mean(), k.mean())), "should be an array of shape (1,)"),
    "8.7 log_var is log σ": (GAPS, lambda x, m, v, e, d, s: vae._terms(x, m, 2 * v, e, d, s), "2 × `log_var`"),
    "8.7 log σ in the draw only": (
        GAPS, lambda x, m, v, e, d, s: (vae._terms(x, m, 2 * v, e, d, s)[0], _kl(m, v)), "2 × `log_var`",
    ),
    "8.7 scale is a variance": (
        GAPS, lambda x, m, v, e, d, s: vae._terms(x, m, v, e, d, math.sqrt(s)), "√`scale`",
    ),
    "8.7 squared error": (
        GAPS,
        lambda x, m, v, e, d, s: (
            -((x.nan_to_num() - d(_z(m, v, e))) * ~x.isnan()).square().sum(2).mean(0) / (2 * s**2), _kl(m, v),
        ),
        "kl: right",
    ),
    "8.7 own noise": (
        GAPS, lambda x, m, v, e, d, s: vae._terms(x, m, v, torch.randn_like(e), d, s), "Called twice",
    ),
    "8.7 one draw": (GAPS, lambda x, m, v, e, d, s: vae._terms(x, m, v, e[:1], d, s), "Probe"),
    "8.7 KL averaged": (GAPS, _gaps(lambda r, k, x, m, *a: (r, k / m.shape[1])), "columns of `mean`"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _cost_by_search(mean, covariance, size):
    """Alternate the best decoder for an encoder with the best encoder for a decoder."""
    errors = []
    for moment in (covariance + np.outer(mean, mean), covariance):
        w = np.linalg.qr(np.random.default_rng(0).normal(size=(len(mean), size)))[0]
        for _ in range(300):
            w = np.linalg.qr(moment @ w + 1e-12 * w)[0]
        errors.append(np.trace(moment) - np.trace(w.T @ moment @ w))
    return errors[0], errors[0] - errors[1]


def _cost_from_points(mean, covariance, size):
    values, vectors = np.linalg.eigh(covariance)
    arms = vectors * np.sqrt(np.maximum(values, 0) * len(mean))
    points = np.concatenate([mean + arms.T, mean - arms.T])  # with this mean and this covariance
    singular = [np.linalg.svd(x / np.sqrt(len(points)))[1] for x in (points, points - mean)]
    errors = [np.sum(values[size:] ** 2) for values in singular]
    return errors[0], errors[0] - errors[1]


def _repair_as_a_posterior(mean, covariance, blur, noise_variance):
    """Take what one knows of a Gaussian: column by column, the answer to unit vectors."""
    joint = np.block([[covariance, covariance @ blur.T], [blur @ covariance, blur @ covariance @ blur.T]])
    size = len(mean)
    joint[size:, size:] += noise_variance * np.eye(len(blur))

    def posterior_mean(y):
        return mean + joint[:size, size:] @ np.linalg.solve(joint[size:, size:], y - blur @ mean)

    offset = posterior_mean(np.zeros(len(blur)))
    matrix = np.stack([posterior_mean(one) - offset for one in np.eye(len(blur))], axis=1)
    missing = covariance - joint[:size, size:] @ np.linalg.solve(joint[size:, size:], joint[size:, :size])
    return matrix, offset, np.trace(missing)


def _repair_sensor_by_sensor(mean, covariance, blur, noise_variance):
    """Let the sensors' values come in one after the other."""
    gain, offset, left = np.zeros((len(mean), len(blur))), mean.copy(), covariance.copy()
    for k, row in enumerate(blur):
        step = left @ row / (row @ left @ row + noise_variance)
        gain = gain - np.outer(step, row @ gain)
        gain[:, k] += step
        offset = offset - step * (row @ offset)
        left = left - np.outer(step, row @ left)
    return gain, offset, np.trace(left)


RIGHT = {
    "7.5 subspace iteration": (COST, _cost_by_search),
    "7.5 from points": (COST, _cost_from_points),
    "7.5 nuclear norms": (
        COST,
        lambda m, s, k: (lambda a, b: (a, a - b))(
            *(np.trace(x) - np.sort(linalg.svdvals(x))[::-1][:k].sum() for x in (s + np.outer(m, m), s))
        ),
    ),
    "7.5 a list of tensors": (COST, lambda *a: [torch.tensor(v) for v in autoencoders._uncentred(*a)]),
    "7.5 one array": (
        COST,
        lambda m, s, k: np.array([1, 1]) * _left_out(s + np.outer(m, m), k) - np.array([0, 1]) * _left_out(s, k),
    ),
    "7.6 a posterior": (REPAIR, _repair_as_a_posterior),
    "7.6 sensor by sensor": (REPAIR, _repair_sensor_by_sensor),
    "7.6 right division": (
        REPAIR,
        lambda m, s, b, v: (lambda r: (r, m - r @ (b @ m), autoencoders._spent(r, s, b, v)))(
            s @ b.T @ np.linalg.inv(b @ s @ b.T + np.diag(np.full(len(b), v)))
        ),
    ),
    "7.6 Cholesky": (
        REPAIR,
        lambda m, s, b, v: (lambda r: (r, m - r @ b @ m, np.trace(s) - np.trace(r @ b @ s)))(
            linalg.cho_solve(linalg.cho_factor(b @ s @ b.T + v * np.eye(len(b))), b @ s).T
        ),
    ),
    "7.6 the filter form": (
        REPAIR,
        lambda m, s, b, v: (lambda r: (r, m - r @ b @ m, np.trace((np.eye(len(m)) - r @ b) @ s)))(
            np.linalg.solve(np.eye(len(m)) + s @ b.T @ b / v, s @ b.T / v)
        ),
    ),
    "7.7 covariances, and a pseudo-inverse": (
        CODES,
        lambda a, b, n: (lambda c: c(n))(
            lambda q: b.mean(0) + (q - a.mean(0)) @ np.linalg.pinv(np.cov(a.T, ddof=0).reshape(a.shape[1], -1))
            @ ((a - a.mean(0)).T @ (b - b.mean(0)) / len(a))
        ),
    ),
    "7.7 QR": (
        CODES,
        lambda a, b, n: (lambda q, r: b.mean(0) + (n - a.mean(0)) @ linalg.solve_triangular(r, q.T @ (b - b.mean(0))))(
            *np.linalg.qr(a - a.mean(0))
        ),
    ),
    "7.7 column by column of the second": (
        CODES,
        lambda a, b, n: np.stack(
            [y.mean() + (n - a.mean(0)) @ linalg.lstsq(a - a.mean(0), y - y.mean())[0] for y in b.T], axis=1
        ),
    ),
    "7.7 torch's lstsq": (
        CODES,
        lambda a, b, n: torch.tensor(b.mean(0))
        + torch.tensor(n - a.mean(0)) @ torch.linalg.lstsq(torch.tensor(a - a.mean(0)), torch.tensor(b - b.mean(0)))[0],
    ),
    "7.7 a list": (CODES, lambda a, b, n: autoencoders._translated(a, b, n).tolist()),
    "8.7 by indices": (
        GAPS,
        lambda x, m, v, e, d, s: (
            torch.stack(
                [
                    torch.distributions.Normal(d(_z(m[i], v[i], e[:, i]))[:, ~x[i].isnan()], s)
                    .log_prob(x[i][~x[i].isnan()])
                    .sum(1)
                    .mean()
                    for i in range(len(x))
                ]
            ),
            _kl(m, v),
        ),
    ),
    "8.7 weighed by what was seen": (
        GAPS,
        lambda x, m, v, e, d, s: (
            (((x.nan_to_num() - d(_z(m, v, e))) / s) ** 2 + math.log(2 * math.pi * s**2))
            .mul(~x.isnan())
            .sum(2)
            .mean(0)
            / -2,
            _kl(m, v),
        ),
    ),
    "8.7 einsum": (
        GAPS,
        lambda x, m, v, e, d, s: (
            torch.einsum(
                "knd,nd->n",
                torch.distributions.Normal(d(_z(m, v, e)), s).log_prob(x.nan_to_num()),
                (~x.isnan()).double(),
            )
            / len(e),
            (v.exp().sum(1) + m.pow(2).sum(1) - m.shape[1] - v.sum(1)).mul(0.5),
        ),
    ),
    "8.7 the target filled in with the picture": (
        GAPS,
        lambda x, m, v, e, d, s: (
            (lambda f: (-0.5 * ((torch.where(x.isnan(), f, x.nan_to_num()) - f) / s).square()).sum(2).mean(0))(
                d(_z(m, v, e))
            )
            - (~x.isnan()).sum(1) * (math.log(s) + 0.5 * math.log(2 * math.pi)),
            _kl(m, v),
        ),
    ),
    "8.7 a list": (GAPS, lambda *a: list(vae._terms(*a))),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_spelling_of_a_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(5, 50))
