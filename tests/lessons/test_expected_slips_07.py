"""Wrong answers that people are expected to give to the exercises of lesson 07, and what they are told."""

import numpy as np
import pytest
import torch
from scipy import linalg
from sklearn import decomposition, metrics
from told import assert_told

from course_utils.lessons.autoencoders import exercises as lesson


def _projected(data, vectors):
    mean = data.mean(axis=0)
    return mean + (data - mean) @ vectors @ vectors.T


def _eigen(solver, choose):
    """Build PCA from an eigenvalue solver and the choice of columns."""

    def answer(data, size):
        values, vectors = solver(np.cov(data.T, bias=True))
        order = choose(values, size)
        return _projected(data, vectors[:, order]), values[order]

    return answer


def _sklearn(data, size):
    fitted = decomposition.PCA(size).fit(data)
    return fitted.inverse_transform(fitted.transform(data)), fitted.explained_variance_


def _svd(data, size, *, centred=True, factor=1.0):
    mean = data.mean(axis=0) * centred
    _, singular, axes = np.linalg.svd(data - mean, full_matrices=False)
    return mean + (data - mean) @ axes[:size].T @ axes[:size], factor * singular[:size] ** 2 / len(data)


def _codes(data, size):
    mean = data.mean(axis=0)
    _, singular, axes = np.linalg.svd(data - mean, full_matrices=False)
    return (data - mean) @ axes[:size].T, singular[:size] ** 2 / len(data)


def _cosines(first, second):
    return np.linalg.svd(np.linalg.qr(first)[0].T @ np.linalg.qr(second)[0], compute_uv=False)


def _angle_of_each(first, second):
    return np.degrees(np.arccos(_cosines(first, second)))


def _clipped(first, second):
    return np.degrees(np.arccos(np.clip(_cosines(first, second), 0, 1)))


def _lines(first, second):
    cosine = (first * second).sum(0) / np.linalg.norm(first, axis=0) / np.linalg.norm(second, axis=0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _loss(output, target):
    return np.sum((output - target) ** 2, axis=1).mean()


def _own_noise(x, noise, scale, weight):
    return _loss((x + np.random.normal(0, scale, x.shape)) @ weight.T, x)


SLIPS = {
    "7.1 mean over everything": (lesson.reconstruction_loss, lambda r, t: ((r - t) ** 2).mean(), "over the features"),
    "7.1 sum over everything": (lesson.reconstruction_loss, lambda r, t: ((r - t) ** 2).sum(), "over the rows too"),
    "7.1 scikit-learn": (lesson.reconstruction_loss, metrics.mean_squared_error, "over the features too"),
    "7.1 axes exchanged": (
        lesson.reconstruction_loss, lambda r, t: ((r - t) ** 2).sum(0).mean(), "The two axes are exchanged",
    ),
    "7.1 root": (lesson.reconstruction_loss, lambda r, t: np.sqrt(_loss(r, t)), "You take a root at the end"),
    "7.1 distances": (
        lesson.reconstruction_loss, lambda r, t: np.linalg.norm(r - t, axis=1).mean(), "that is the distance",
    ),
    "7.1 spectral norm": (
        lesson.reconstruction_loss, lambda r, t: np.linalg.norm(r - t, 2) ** 2 / len(r), "Probe",
    ),
    "7.1 half": (lesson.reconstruction_loss, lambda r, t: _loss(r, t) / 2, "Exactly half"),
    "7.1 sum squared": (
        lesson.reconstruction_loss, lambda r, t: ((r - t).sum(1) ** 2).mean(), "square the sum",
    ),
    "7.1 rows": (lesson.reconstruction_loss, lambda r, t: ((r - t) ** 2).sum(1), "the loss of each row"),
    "7.1 no target": (lesson.reconstruction_loss, lambda r, t: _loss(r, 0 * t), "`target` with each entry replaced"),
    "7.1 N − 1": (
        lesson.reconstruction_loss, lambda r, t: ((r - t) ** 2).sum() / max(len(r) - 1, 1), "Probe",
    ),
    "7.1 variance": (lesson.reconstruction_loss, lambda r, t: (r - t).var(axis=0).sum(), "Probe"),
    "7.1 first row": (lesson.reconstruction_loss, lambda r, t: ((r[0] - t[0]) ** 2).sum(), "Probe"),
    "7.2 eigh taken as falling": (
        lesson.pca, _eigen(np.linalg.eigh, lambda w, size: slice(size)), "np.linalg.eigh sorts from small to large",
    ),
    "7.2 eig taken as sorted": (
        lesson.pca, _eigen(np.linalg.eig, lambda w, size: slice(size)), "np.linalg.eig promises no order",
    ),
    "7.2 eig taken as rising": (
        lesson.pca, _eigen(np.linalg.eig, lambda w, size: slice(-1, -size - 1, -1)), "Probe",
    ),
    "7.2 the last, not turned round": (
        lesson.pca, _eigen(np.linalg.eigh, lambda w, size: slice(-size, None)), "the largest comes first",
    ),
    "7.2 scikit-learn": (lesson.pca, _sklearn, "You divide by N − 1, as scikit-learn does"),
    "7.2 not centred": (lesson.pca, lambda x, size: _svd(x, size, centred=False), "not centred"),
    "7.2 mean not added": (
        lesson.pca, lambda x, size: (_svd(x, size)[0] - x.mean(0), _svd(x, size)[1]), "add the mean back",
    ),
    "7.2 singular values": (
        lesson.pca,
        lambda x, size: (_svd(x, size)[0], np.linalg.svd(x - x.mean(0))[1][:size]), "the squares of the singular",
    ),
    "7.2 mean of the singular values": (
        lesson.pca,
        lambda x, size: (_svd(x, size)[0], np.linalg.svd(x - x.mean(0))[1][:size] / len(x)), "reconstruction: right.",
    ),
    "7.2 columns of Vᵀ": (
        lesson.pca,
        lambda x, size: (_projected(x, np.linalg.svd(x - x.mean(0))[2][:, :size]), _svd(x, size)[1]),
        "the components are its rows",
    ),
    "7.2 the codes": (lesson.pca, _codes, "reconstruction should be"),
    "7.2 only the reconstruction": (lesson.pca, lambda x, size: _svd(x, size)[0], "expected 2 values"),
    "7.2 other order": (lesson.pca, lambda x, size: _svd(x, size)[::-1], "not in the order"),
    "7.2 shares": (
        lesson.pca, lambda x, size: (_svd(x, size)[0], _svd(x, size)[1] / x.var(0).sum()), "shares of the total",
    ),
    "7.2 all variances": (
        lesson.pca, lambda x, size: (_svd(x, size)[0], _svd(x, x.shape[1])[1]), "variances",
    ),
    "7.2 features' variances": (
        lesson.pca, lambda x, size: (_svd(x, size)[0], np.sort(x.var(0))[::-1][:size]), "reconstruction: right.",
    ),
    "7.3 no clip": (lesson.subspace_angle, lambda f, s: _angle_of_each(f, s).max(), "np.clip(cosines, 0, 1)"),
    "7.3 no orthonormal basis": (
        lesson.subspace_angle,
        lambda f, s: np.degrees(np.arccos(np.clip(np.linalg.svd(f.T @ s)[1].min(), 0, 1))), "columns were used as",
    ),
    "7.3 smallest": (lesson.subspace_angle, lambda f, s: _clipped(f, s).min(), "This is the smallest angle"),
    "7.3 radians": (lesson.subspace_angle, lambda f, s: np.radians(_clipped(f, s).max()), "Right, but in radians"),
    "7.3 all": (lesson.subspace_angle, lambda f, s: _clipped(f, s), "These are all principal angles"),
    "7.3 column by column": (
        lesson.subspace_angle, lambda f, s: np.minimum(_lines(f, s), 180 - _lines(f, s)).max(), "its counterpart",
    ),
    "7.3 column by column, obtuse": (lesson.subspace_angle, lambda f, s: _lines(f, s).max(), "Probe"),
    "7.3 rows": (
        lesson.subspace_angle,
        lambda f, s: np.degrees(np.arccos(np.clip(_cosines(f.T, s.T), 0, 1))).max(),
        "spans of the rows",
    ),
    "7.3 obtuse": (lesson.subspace_angle, lambda f, s: 180 - _clipped(f, s).max(), "plus 180"),
    "7.3 complement": (lesson.subspace_angle, lambda f, s: 90 - _clipped(f, s).max(), "plus 90"),
    "7.3 chordal": (
        lesson.subspace_angle, lambda f, s: np.linalg.norm(_clipped(f, s)), "root of the sum of all squared angles",
    ),
    "7.3 SciPy's, all": (
        lesson.subspace_angle, lambda f, s: np.degrees(linalg.subspace_angles(f, s)), "should be a single number",
    ),
    "7.3 SciPy's last": (
        lesson.subspace_angle, lambda f, s: np.degrees(linalg.subspace_angles(f, s)[-1]), "This is the smallest angle",
    ),
    "7.3 determinant": (
        lesson.subspace_angle,
        lambda f, s: np.degrees(np.arccos(np.clip(_cosines(f, s).prod(), 0, 1))), "the determinant of QᵀR",
    ),
    "7.4 noisy target": (
        lesson.denoising_loss, lambda x, e, s, w: _loss((x + s * e) @ w.T, x + s * e), "compare with the damaged",
    ),
    "7.4 clean input": (lesson.denoising_loss, lambda x, e, s, w: _loss(x @ w.T, x), "nothing has been damaged"),
    "7.4 W from the right": (
        lesson.denoising_loss, lambda x, e, s, w: _loss((x + s * e) @ w, x), "x̃ @ weight.T",
    ),
    "7.4 variance": (
        lesson.denoising_loss, lambda x, e, s, w: _loss((x + s**2 * e) @ w.T, x), "the noise by the variance",
    ),
    "7.4 unit noise": (lesson.denoising_loss, lambda x, e, s, w: _loss((x + e) @ w.T, x), "multiply it by scale"),
    "7.4 own noise": (lesson.denoising_loss, _own_noise, "Called twice"),
    "7.4 W of the target": (
        lesson.denoising_loss, lambda x, e, s, w: _loss((x + s * e) @ w.T, x @ w.T), "send the clean x through",
    ),
    "7.4 behind the network": (
        lesson.denoising_loss, lambda x, e, s, w: _loss(x @ w.T + s * e, x), "added behind the network",
    ),
    "7.4 mean": (
        lesson.denoising_loss, lambda x, e, s, w: (((x + s * e) @ w.T - x) ** 2).mean(), "average over the features",
    ),
    "7.4 sum": (
        lesson.denoising_loss, lambda x, e, s, w: (((x + s * e) @ w.T - x) ** 2).sum(), "sum over the rows",
    ),
    "7.4 multiplied": (lesson.denoising_loss, lambda x, e, s, w: _loss((x * (1 + s * e)) @ w.T, x), "Probe"),
    "7.4 in place": (lesson.denoising_loss, lambda x, e, s, w: _in_place(x, e, s, w), "changes `x` in place"),
    "7.4 columns": (lesson.denoising_loss, lambda x, e, s, w: _loss(w @ (x + s * e), x), "Probe"),
}  # fmt: skip


def _in_place(x, noise, scale, weight):
    clean = x.copy()
    x += scale * noise
    return _loss(x @ weight.T, clean)


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _largest_angle_by_search(first, second):
    """Bisection for the smallest eigenvalue of QᵀR RᵀQ."""
    q, r = linalg.orth(first), linalg.orth(second)
    squares = np.linalg.eigvalsh(q.T @ r @ r.T @ q)
    residual = np.linalg.norm(q - r @ (r.T @ q), 2)  # the sine, which is exact where the cosine is near 1
    return np.rad2deg(np.arctan2(residual, np.sqrt(max(squares[0], 0.0))))


def _deflation(data, size):
    """One component after the other, by squaring the covariance until one direction is left."""
    centred = data - data.mean(axis=0)
    covariance, vectors, values = centred.T @ centred / len(data), [], []
    for _ in range(size):
        power = covariance / max(np.linalg.norm(covariance), 1e-300)
        for _ in range(40):
            power = power @ power
            power = power / max(np.linalg.norm(power), 1e-300)
        vector = power[:, np.argmax(np.linalg.norm(power, axis=0))]
        vector = vector / max(np.linalg.norm(vector), 1e-300)
        vectors.append(vector)
        values.append(vector @ covariance @ vector)
        covariance = covariance - values[-1] * np.outer(vector, vector)
    return _projected(data, np.array(vectors).T), values


RIGHT = {
    "7.1 scikit-learn, weighed": (
        lesson.reconstruction_loss,
        lambda r, t: metrics.mean_squared_error(t, r, multioutput="raw_values").sum(),
    ),
    "7.1 trace": (lesson.reconstruction_loss, lambda r, t: np.trace((r - t) @ (r - t).T) / len(r)),
    "7.1 torch": (
        lesson.reconstruction_loss,
        lambda r, t: torch.dist(torch.tensor(r), torch.tensor(t)).square() / len(r),
    ),
    "7.2 scikit-learn": (
        lesson.pca,
        lambda x, size: (
            decomposition.PCA(size).fit(x).inverse_transform(decomposition.PCA(size).fit_transform(x)),
            decomposition.PCA(size).fit_transform(x).var(axis=0),
        ),
    ),
    "7.2 eigh, its last columns turned round": (
        lesson.pca,
        _eigen(np.linalg.eigh, lambda w, size: np.arange(len(w))[::-1][:size]),
    ),
    "7.2 eig, ranked": (lesson.pca, _eigen(np.linalg.eig, lambda w, size: w.argsort()[::-1][:size])),
    "7.3 SciPy": (lesson.subspace_angle, lambda f, s: linalg.subspace_angles(f, s).max() * 180 / np.pi),
    "7.3 sine and cosine": (lesson.subspace_angle, _largest_angle_by_search),
    "7.3 NaN set to 0": (lesson.subspace_angle, lambda f, s: np.nan_to_num(_angle_of_each(f, s)).max()),
    "7.4 einsum": (
        lesson.denoising_loss,
        lambda x, e, s, w: np.square(np.einsum("ij,nj->ni", w, x + s * e) - x).sum() / x.shape[0],
    ),
    "7.4 torch module": (
        lesson.denoising_loss,
        lambda x, e, s, w: (
            torch.nn.MSELoss(reduction="sum")(torch.tensor(w) @ torch.tensor(x + s * e).T, torch.tensor(x).T) / len(x)
        ),
    ),
}


@pytest.mark.parametrize("spelling", RIGHT)
def test_a_right_answer_in_an_odd_spelling_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(7, 50))
