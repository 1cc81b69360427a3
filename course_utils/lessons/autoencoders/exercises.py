"""Lesson 07, autoencoders and PCA: its exercises."""

import numpy as np
import torch
from scipy import linalg

from course_utils.workshop.exercises import Exercise, Misconception

_PAIRS = [
    (np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])),
    (
        np.array([[0.5, -1.0, 2.0, 0.0], [1.5, 0.2, -0.7, 3.0]]),
        np.array([[0.4, 1.0, 2.0, -1.0], [-1.5, 0.0, 0.3, 1.0]]),
    ),
    (np.array([[1.0, 2.0], [-0.5, 0.4], [3.0, -1.0]]), np.array([[0.0, 2.5], [0.5, -0.4], [2.0, 0.0]])),
]


def _pairs_law(rng):
    shape = tuple(rng.integers(1, 6, 2))
    target = rng.normal(0, 1.5, shape)
    reconstruction = target + rng.normal(0, 1, shape)
    right = rng.random(shape) < 0.15
    reconstruction[right] = target[right]
    return reconstruction, target


def _loss_loop(reconstruction, target):
    total = 0.0
    for output, wanted in zip(reconstruction, target, strict=True):
        for a, b in zip(output, wanted, strict=True):
            total += (a - b) ** 2
    return total / len(target)


reconstruction_loss = Exercise(
    name="reconstruction_loss",
    arguments=("reconstruction", "target"),
    returns="loss",
    reference=lambda reconstruction, target: np.mean(np.sum((reconstruction - target) ** 2, axis=1)),
    spellings={
        "loop": _loss_loop,
        "torch": lambda r, t: (
            torch.nn.functional.mse_loss(torch.as_tensor(r), torch.as_tensor(t), reduction="sum") / len(t)
        ),
        "norm": lambda r, t: np.mean(np.linalg.norm(r - t, axis=1) ** 2),
        "scaled mean": lambda r, t: np.mean((r - t) ** 2) * r.shape[1],
        "multiplied out": lambda r, t: (np.vdot(r, r) - 2 * np.vdot(r, t) + np.vdot(t, t)) / len(r),
    },
    probes=_PAIRS,
    law=_pairs_law,
    misconceptions=[
        Misconception(
            "mean over everything",
            lambda r, t: np.mean((r - t) ** 2),
            "You average over the features too. That divides the loss by D, and any second term of the loss (a "
            "penalty, or the KL of lesson 08) would then weigh D times too much. Sum over axis 1 first.",
        ),
        Misconception(
            "sum over everything",
            lambda r, t: np.sum((r - t) ** 2),
            "You sum over the rows too: a batch twice as long would have twice the loss, and need half the step size. "
            "Average over the rows.",
        ),
        Misconception(
            "wrong axes",
            lambda r, t: np.sum(np.mean((r - t) ** 2, axis=1)),
            "The two axes are exchanged: sum over the features (axis 1), average over the rows (axis 0).",
        ),
        Misconception(
            "not squared",
            lambda r, t: np.mean(np.sum(np.abs(r - t), axis=1)),
            "These are absolute differences. Here the error is squared.",
        ),
        Misconception(
            "signed",
            lambda r, t: np.mean(np.sum(r - t, axis=1)),
            "Nothing is squared: errors of opposite sign cancel, and a wrong reconstruction can have the loss 0.",
        ),
        Misconception(
            "root of each row",
            lambda r, t: np.mean(np.sqrt(np.sum((r - t) ** 2, axis=1))),
            "You take the root of each row's sum: that is the distance. Here its square is averaged.",
        ),
        Misconception(
            "root of the mean",
            lambda r, t: np.sqrt(np.mean(np.sum((r - t) ** 2, axis=1))),
            "You take a root at the end. The loss is the mean square itself.",
        ),
        Misconception(
            "squared after the sum",
            lambda r, t: np.mean(np.sum(r - t, axis=1) ** 2),
            "You sum the differences of a row and square the sum: within a row, errors of opposite sign cancel. Square "
            "each difference first.",
        ),
        Misconception(
            "difference of squares",
            lambda r, t: np.mean(np.sum(r**2 - t**2, axis=1)),
            "You subtract the squares. Squared differences are asked for: subtract first, then square.",
        ),
        Misconception(
            "one number for each row",
            lambda r, t: np.sum((r - t) ** 2, axis=1),
            "This is the loss of each row. One number is asked for: average over the rows.",
        ),
        Misconception(
            "one number for each feature",
            lambda r, t: np.mean((r - t) ** 2, axis=0),
            "This is the mean square of each feature. One number is asked for: add them up.",
        ),
        Misconception(
            "half",
            lambda r, t: np.mean(np.sum((r - t) ** 2, axis=1)) / 2,
            "Exactly half: the factor ½ belongs to a Gaussian of variance 1 (lesson 08). Here there is none.",
        ),
    ],
    hints=[
        "Two reductions: one over the features of a row, one over the rows. Which is a sum?",
        "np.sum(…, axis=1) leaves one number for each row; then np.mean.",
    ],
    praise="Features add, because the log-likelihoods of lesson 08 add; rows are averaged, so that a batch's length "
    "does not matter.",
)


def _spectrum(data):
    mean = data.mean(axis=0)
    left, singular, axes = np.linalg.svd(data - mean, full_matrices=False)
    return mean, left, singular, axes


def _pca(data, size):
    mean, _, singular, axes = _spectrum(data)
    return mean + (data - mean) @ axes[:size].T @ axes[:size], singular[:size] ** 2 / len(data)


def _pca_eigen(data, size):
    mean = data.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(data.T, bias=True))
    vectors = vectors[:, ::-1][:, :size]
    return mean + (data - mean) @ vectors @ vectors.T, values[::-1][:size]


def _pca_ranked(data, size):
    centred = data - np.average(data, axis=0)
    values, vectors = np.linalg.eig(centred.T @ centred / data.shape[0])
    order = np.argsort(-values)[:size]
    kept = vectors[:, order]
    return data - centred + (kept @ (kept.T @ centred.T)).T, values[order].tolist()


def _pca_left(data, size):
    mean, left, singular, axes = _spectrum(data)
    return mean + left[:, :size] * singular[:size] @ axes[:size], singular[:size] ** 2 / len(data)


def _pca_torch(data, size):
    rows = torch.as_tensor(data)
    mean = rows.mean(dim=0)
    _, singular, axes = torch.linalg.svd(rows - mean, full_matrices=False)
    return mean + (rows - mean) @ axes[:size].T @ axes[:size], singular[:size] ** 2 / len(rows)


def _pca_not_centred(data, size):
    _, singular, axes = np.linalg.svd(data, full_matrices=False)
    return data @ axes[:size].T @ axes[:size], singular[:size] ** 2 / len(data)


def _pca_centred_by_rows(data, size):
    mean = data.mean(axis=1, keepdims=True)
    _, singular, axes = np.linalg.svd(data - mean, full_matrices=False)
    return mean + (data - mean) @ axes[:size].T @ axes[:size], singular[:size] ** 2 / len(data)


def _pca_columns(data, size):
    mean, _, singular, axes = _spectrum(data)
    return mean + (data - mean) @ axes[:, :size] @ axes[:, :size].T, singular[:size] ** 2 / len(data)


def _pca_scaled(data, size):
    mean, left, singular, axes = _spectrum(data)
    return mean + left[:, :size] @ axes[:size], singular[:size] ** 2 / len(data)


def _pca_last(data, size):
    mean, _, singular, axes = _spectrum(data)
    return mean + (data - mean) @ axes[-size:].T @ axes[-size:], singular[-size:] ** 2 / len(data)


def _pca_unsorted(solver):
    """Build PCA from what an eigenvalue solver returns, taken as if it were sorted from large to small."""

    def pca_unsorted(data, size):
        mean = data.mean(axis=0)
        values, vectors = solver(np.cov(data.T, bias=True))
        return mean + (data - mean) @ vectors[:, :size] @ vectors[:, :size].T, values[:size]

    return pca_unsorted


def _pca_row_vectors(data, size):
    mean = data.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(data.T, bias=True))
    rows = vectors[::-1][:size]
    return mean + (data - mean) @ rows.T @ rows, values[::-1][:size]


def _pca_first_features(data, size):
    mean = data.mean(axis=0)
    kept = np.arange(data.shape[1]) < size
    return np.where(kept, data, mean), data.var(axis=0)[:size]


def _pca_standardised(data, size):
    mean, scale = data.mean(axis=0), data.std(axis=0)
    _, singular, axes = np.linalg.svd((data - mean) / scale, full_matrices=False)
    return mean + scale * ((data - mean) / scale @ axes[:size].T @ axes[:size]), singular[:size] ** 2 / len(data)


_CLOUDS = [
    (np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 0.0], [7.0, 1.5]]), 1),
    # along the axes, and the widest is the last: a solver that leaves them where they are has not sorted them
    (
        np.array(
            [[1.0, 2.0, 3.0], [-1.0, 2.0, 3.0], [0.0, 4.0, 3.0], [0.0, 0.0, 3.0], [0.0, 2.0, 7.0], [0.0, 2.0, -1.0]]
        ),
        2,
    ),
    (np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]), 1),
]


def _cloud_law(rng):
    size = rng.integers(2, 6)
    count = size + rng.integers(0, 8)
    # no two variances are nearly equal, or the plane itself would not be determined
    spreads = rng.permutation(3.0 * 0.55 ** np.arange(size) * rng.uniform(0.9, 1.1, size))
    draws = rng.standard_normal((count, size))
    uncorrelated = np.linalg.qr(draws - draws.mean(axis=0))[0] * np.sqrt(count)
    data = uncorrelated * spreads @ np.linalg.qr(rng.standard_normal((size, size)))[0] + rng.normal(0, 3, size)
    return data, int(rng.integers(1, size + 1))


pca = Exercise(
    name="pca",
    arguments=("data", "size"),
    returns=("reconstruction", "variances"),
    reference=_pca,
    spellings={"eigenvectors": _pca_eigen, "ranked": _pca_ranked, "left vectors": _pca_left, "torch": _pca_torch},
    probes=_CLOUDS,
    law=_cloud_law,
    misconceptions=[
        Misconception(
            "not centred",
            _pca_not_centred,
            "The data are not centred. The first direction then points at the mean, and not along the spread: subtract "
            "data.mean(axis=0) first, and add it back at the end.",
        ),
        Misconception(
            "mean not added back",
            lambda data, size: (_pca(data, size)[0] - data.mean(axis=0), _pca(data, size)[1]),
            "The variances are right, but the reconstruction sits around the origin: add the mean back.",
        ),
        Misconception(
            "centred by rows",
            _pca_centred_by_rows,
            "You subtract the mean of each row. The mean belongs to a feature, over all points: axis=0.",
        ),
        Misconception(
            "columns of Vᵀ",
            _pca_columns,
            "You take columns of the matrix that np.linalg.svd returns. It returns Vᵀ: the components are its rows.",
        ),
        Misconception(
            "scaled scores",
            _pca_scaled,
            "Your codes all have the same spread: the singular values are missing. U alone are whitened scores; the "
            "scores of PCA are U·S, that is, (data − mean) Vᵀ with the components as rows of V.",
        ),
        Misconception(
            "last components",
            _pca_last,
            "You keep the components of the smallest variance. np.linalg.svd sorts from large to small "
            "(np.linalg.eigh does the opposite).",
        ),
        Misconception(
            "eigh's order",
            _pca_unsorted(np.linalg.eigh),
            "np.linalg.eigh sorts from small to large, so the first columns hold the smallest variance: take the last "
            "ones, `vectors[:, ::-1][:, :size]`.",
        ),
        Misconception(
            "eig is not sorted",
            _pca_unsorted(np.linalg.eig),
            "np.linalg.eig promises no order: which eigenvalue comes first depends on the matrix. Take np.linalg.eigh, "
            "which sorts from small to large, or sort yourself with np.argsort.",
        ),
        Misconception(
            "smallest variance first",
            lambda data, size: (_pca(data, size)[0], _pca(data, size)[1][::-1]),
            "The reconstruction is right, and so are the variances but for their order: the largest comes first. "
            "np.linalg.eigh sorts from small to large.",
        ),
        Misconception(
            "rows of eigenvectors",
            _pca_row_vectors,
            "You take rows of the matrix that np.linalg.eigh returns. Its eigenvectors are the columns (it is svd that "
            "returns them as rows).",
        ),
        Misconception(
            "features for components",
            _pca_first_features,
            "You keep the first features and forget the others. Components are directions: new axes, turned towards "
            "the spread of the data.",
        ),
        Misconception(
            "standardised",
            _pca_standardised,
            "You divide each feature by its standard deviation. That is a PCA of other data, those in other units, and "
            "no longer the best for the squared error of these.",
        ),
        Misconception(
            "singular values for variances",
            lambda data, size: (_pca(data, size)[0], np.sqrt(_pca(data, size)[1] * len(data))),
            "The reconstruction is right. The variances are the squares of the singular values, divided by N.",
        ),
        Misconception(
            "not divided by N",
            lambda data, size: (_pca(data, size)[0], _pca(data, size)[1] * len(data)),
            "The reconstruction is right. The squared singular values are sums over the points: divide by N.",
        ),
        Misconception(
            "divided by N − 1",
            lambda data, size: (_pca(data, size)[0], _pca(data, size)[1] * len(data) / (len(data) - 1)),
            "The reconstruction is right. You divide by N − 1, as scikit-learn does; this course divides by N, the "
            "maximum-likelihood variance of lesson 01.",
        ),
        Misconception(
            "shares",
            lambda data, size: (_pca(data, size)[0], _pca(data, size)[1] / data.var(axis=0).sum()),
            "The reconstruction is right. You return shares of the total variance; the variances themselves are asked "
            "for.",
        ),
        Misconception(
            "standard deviations",
            lambda data, size: (_pca(data, size)[0], np.sqrt(_pca(data, size)[1])),
            "The reconstruction is right, but you return standard deviations: leave out the root.",
        ),
    ],
    hints=[
        "Centre first. Then `left, singular, axes = np.linalg.svd(centred, full_matrices=False)`.",
        "The first `size` rows of `axes` are the components. Codes are centred @ components.T.",
        "Back again: mean + codes @ components. The variances are singular[:size] ** 2 / len(data).",
    ],
    praise="This is the best linear encoder and decoder there is, and nothing was trained.",
)


def _angle(first, second):
    return np.degrees(linalg.subspace_angles(first, second)[0])


def _cosines(first, second):
    left, right = np.linalg.qr(first)[0], np.linalg.qr(second)[0]
    return np.clip(np.linalg.svd(left.T @ right, compute_uv=False), 0, 1)


def _angle_projections(first, second):
    left, right = np.linalg.qr(first)[0], np.linalg.qr(second)[0]
    return np.degrees(np.arcsin(min(np.linalg.norm(left @ left.T - right @ right.T, 2), 1.0)))


def _angle_torch(first, second):
    left, right = torch.linalg.qr(torch.as_tensor(first))[0], torch.linalg.qr(torch.as_tensor(second))[0]
    return torch.rad2deg(torch.arccos(torch.linalg.svdvals(left.T @ right).min().clamp(0, 1)))


def _angle_unnormalised(first, second):
    singular = np.linalg.svd(first.T @ second, compute_uv=False)
    return np.degrees(np.arccos(np.clip(singular.min(), 0, 1)))


def _angle_normalised_only(first, second):
    left, right = first / np.linalg.norm(first, axis=0), second / np.linalg.norm(second, axis=0)
    return np.degrees(np.arccos(np.clip(np.linalg.svd(left.T @ right, compute_uv=False).min(), 0, 1)))


def _angle_first_columns(first, second):
    cosine = first[:, 0] @ second[:, 0] / np.linalg.norm(first[:, 0]) / np.linalg.norm(second[:, 0])
    return np.degrees(np.arccos(min(abs(cosine), 1.0)))


def _angle_flattened(first, second):
    cosine = np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


_PLANES = [
    (np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]])),
    (np.eye(4)[:, :2], np.array([[1.0, 2.0], [0.0, 0.5], [0.5, 0.4], [0.0, 1.0]])),
    (np.eye(4)[:, :2], np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0]])),  # one direction at right angles
]


def _basis_law(rng):
    size = rng.integers(1, 4)
    # in fewer than 2L dimensions two planes share a line: see the extremes
    first = rng.standard_normal((2 * size + rng.integers(0, 3), size))
    second = rng.standard_normal(first.shape)
    if rng.random() < 0.2:
        second = first + 0.01 * second  # nearly the same plane
    return first * np.exp(rng.normal(0, 1, size)), second * np.exp(rng.normal(0, 1, size))


def _same_line(size, factor):
    line = np.arange(1.0, size + 1)[:, None]
    return line, factor * line


# By rounding, the cosine of an angle of 0 may come out above 1. On every machine some of so many do.
_COINCIDING = [_same_line(size, factor) for size in (2, 3, 5, 6, 7, 10, 11, 13) for factor in (1.0, -3.0, 0.7, 9.1)]
_COINCIDING += [(np.ones((size, 1)), np.full((size, 1), 0.1)) for size in (1, 3, 5, 6, 7, 11, 13)]
_COINCIDING += [
    (_PLANES[1][1], _PLANES[1][1] @ np.array([[1.0, -2.0], [0.5, 3.0]])),  # the same plane
    (np.array([[1.0, 0.3], [-0.5, 2.0], [0.7, 1.1]]), np.array([[0.2, -1.0], [1.5, 0.4], [0.9, -0.8]])),
    (np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[0.5, 0.0], [1.0, 4.0]])),  # both the whole of two dimensions
    (np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]]), np.array([[-2.0, 0.3], [-4.0, 0.0], [0.0, 1.0]])),  # share a line
]

subspace_angle = Exercise(
    name="subspace_angle",
    arguments=("first", "second"),
    returns="angle",
    reference=_angle,
    spellings={
        "cosines": lambda first, second: np.degrees(np.arccos(_cosines(first, second).min())),
        "projections": _angle_projections,
        "torch": _angle_torch,
    },
    probes=_PLANES,
    law=_basis_law,
    extremes=_COINCIDING,
    stable="np.clip(cosines, 0, 1) before np.arccos, since rounding may lift the cosine of an angle of 0 above 1",
    atol=1e-4,
    misconceptions=[
        Misconception(
            "not orthonormal",
            _angle_unnormalised,
            "The columns were used as they are. The singular values of AᵀB are cosines only if the columns of A and of "
            "B are orthonormal: take Q of np.linalg.qr first.",
        ),
        Misconception(
            "only normalised",
            _angle_normalised_only,
            "You gave each column length 1, but the columns of one matrix are not at right angles to each other. "
            "np.linalg.qr gives an orthonormal basis of the same plane.",
        ),
        Misconception(
            "smallest angle",
            lambda first, second: np.degrees(np.arccos(_cosines(first, second).max())),
            "This is the smallest angle: two planes that share one line would count as equal. The largest angle has "
            "the smallest cosine.",
        ),
        Misconception(
            "mean angle",
            lambda first, second: np.degrees(np.mean(np.arccos(_cosines(first, second)))),
            "You average the angles. Asked for is the largest one.",
        ),
        Misconception(
            "sum of the angles",
            lambda first, second: np.degrees(np.sum(np.arccos(_cosines(first, second)))),
            "You add the angles up. Asked for is the largest one.",
        ),
        Misconception(
            "root of the summed squares",
            lambda first, second: np.degrees(np.linalg.norm(np.arccos(_cosines(first, second)))),
            "This is the root of the sum of all squared angles, another distance of planes. Asked for is the largest "
            "angle.",
        ),
        Misconception(
            "determinant",
            lambda first, second: np.degrees(np.arccos(np.prod(_cosines(first, second)))),
            "You take the product of the cosines, which is the determinant of QᵀR. Each singular value belongs to an "
            "angle of its own: the largest angle has the smallest of them.",
        ),
        Misconception(
            "all of the angles",
            lambda first, second: np.degrees(np.arccos(_cosines(first, second))),
            "These are all principal angles. One number is asked for, the largest.",
        ),
        Misconception(
            "radians",
            lambda first, second: np.radians(_angle(first, second)),
            "Right, but in radians: np.degrees turns it into degrees.",
        ),
        Misconception(
            "cosine",
            lambda first, second: np.cos(np.radians(_angle(first, second))),
            "This is the cosine. np.arccos gives the angle, np.degrees its degrees.",
        ),
        Misconception(
            "sine for cosine",
            lambda first, second: np.degrees(np.arcsin(_cosines(first, second).max())),
            "The singular values are cosines, so the angle is their arccos, not their arcsin.",
        ),
        Misconception(
            "first columns",
            _angle_first_columns,
            "You compare the first column of each. A plane has no first direction: another basis of the same plane "
            "would give another answer.",
        ),
        Misconception(
            "column by column",
            lambda first, second: max(
                _angle_first_columns(first[:, [k]], second[:, [k]]) for k in range(first.shape[1])
            ),
            "You compare each column with its counterpart and take the largest angle. Another basis of the same plane "
            "has other columns: take orthonormal bases, and the singular values of QᵀR.",
        ),
        Misconception(
            "rows",
            lambda first, second: np.degrees(np.arccos(_cosines(first.T, second.T).min())),
            "Your answer is always 0: you compare the spans of the rows, and L independent columns have rows that fill "
            "all L dimensions. The columns span the plane; leave the matrices as they are.",
        ),
        Misconception(
            "flattened",
            _angle_flattened,
            "You compare the two matrices number by number. Two bases of one plane can be very different matrices.",
        ),
    ],
    hints=[
        "An orthonormal basis of each span first: np.linalg.qr(first)[0].",
        "The singular values of QᵀR, for the two bases Q and R, are the cosines of the angles.",
        "The largest angle belongs to the smallest of them: np.arccos, then np.degrees. Rounding may lift a cosine "
        "above 1, where arccos is not defined: np.clip.",
    ],
    praise="Now you can say whether two networks found the same plane, whatever basis each of them uses.",
)


def _squares(output, target):
    return np.mean(np.sum((output - target) ** 2, axis=1))


def _denoising_loop(x, noise, scale, weight):
    total = 0.0
    for clean, draw in zip(x, noise, strict=True):
        total += np.sum((weight @ (clean + scale * draw) - clean) ** 2)
    return total / len(x)


def _denoising_torch(x, noise, scale, weight):
    x, noise, weight = (torch.as_tensor(part) for part in (x, noise, weight))
    return ((torch.nn.functional.linear(x + scale * noise, weight) - x) ** 2).sum(dim=1).mean()


def _damage_law(rng):
    count, size = rng.integers(1, 6, 2)
    scale = 0.0 if rng.random() < 0.1 else float(np.exp(rng.normal(-0.3, 0.7)))
    return rng.normal(0, 1.5, (count, size)), rng.normal(size=(count, size)), scale, rng.normal(size=(size, size))


denoising_loss = Exercise(
    name="denoising_loss",
    arguments=("x", "noise", "scale", "weight"),
    returns="loss",
    reference=lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight.T, x),
    spellings={
        "loop": _denoising_loop,
        "torch": _denoising_torch,
        "columns": lambda x, noise, scale, weight: np.square(weight @ (x.T + noise.T * scale) - x.T).sum(0).mean(),
    },
    probes=[
        (np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 2.0, np.eye(2)),
        (
            np.array([[1.0, -0.5], [0.3, 2.0], [-1.2, 0.4]]),
            np.array([[0.6, 1.1], [-0.4, 0.2], [1.5, -0.9]]),
            0.3,
            np.array([[0.8, 0.1], [-0.2, 0.5]]),
        ),
        (np.array([[2.0], [-1.0]]), np.array([[0.5], [1.4]]), 1.7, np.array([[-0.6]])),
    ],
    law=_damage_law,
    misconceptions=[
        Misconception(
            "noisy target",
            lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight.T, x + scale * noise),
            "You compare with the damaged input. Its best reconstruction is itself: this loss teaches the identity. "
            "The target is the clean x.",
        ),
        Misconception(
            "clean input",
            lambda x, noise, scale, weight: _squares(x @ weight.T, x),
            "The network sees the clean x here: nothing has been damaged. Add scale · noise to the input.",
        ),
        Misconception(
            "exchanged",
            lambda x, noise, scale, weight: _squares(x @ weight.T, x + scale * noise),
            "Input and target are exchanged: the network gets the damaged x and is judged by the clean one.",
        ),
        Misconception(
            "noise as target",
            lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight.T, noise),
            "You ask for the noise. That is a good idea too (diffusion models do it), but here the target is the "
            "clean x.",
        ),
        Misconception(
            "target through the network",
            lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight.T, x @ weight.T),
            "You send the clean x through the network as well. The output is compared with x itself.",
        ),
        Misconception(
            "network left out",
            lambda x, noise, scale, weight: _squares(x + scale * noise, x),
            "You compare the damaged rows with the clean ones: the network is missing. Multiply by W first.",
        ),
        Misconception(
            "noise not scaled",
            lambda x, noise, scale, weight: _squares((x + noise) @ weight.T, x),
            "The noise has standard deviation 1 whatever `scale` is: multiply it by scale.",
        ),
        Misconception(
            "scale squared",
            lambda x, noise, scale, weight: _squares((x + scale**2 * noise) @ weight.T, x),
            "You multiply the noise by the variance. `scale` is the standard deviation, and standard normal noise "
            "times scale has it.",
        ),
        Misconception(
            "root of the scale",
            lambda x, noise, scale, weight: _squares((x + np.sqrt(scale) * noise) @ weight.T, x),
            "You take the root, as if `scale` were a variance. It is a standard deviation already.",
        ),
        Misconception(
            "noise at the output",
            lambda x, noise, scale, weight: _squares(x @ weight.T + scale * noise, x),
            "The noise is added behind the network. It belongs before: the network must see the damage to repair it.",
        ),
        Misconception(
            "matrix transposed",
            lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight, x),
            "Rows hold the points, so W x̃ for each of them is x̃ @ weight.T.",
        ),
        Misconception(
            "mean over everything",
            lambda x, noise, scale, weight: np.mean(((x + scale * noise) @ weight.T - x) ** 2),
            "You average over the features too; the loss of this course sums them (exercise 7.1).",
        ),
        Misconception(
            "sum over everything",
            lambda x, noise, scale, weight: np.sum(((x + scale * noise) @ weight.T - x) ** 2),
            "You sum over the rows too; the loss of this course averages them (exercise 7.1).",
        ),
        Misconception(
            "root of each row",
            lambda x, noise, scale, weight: np.mean(np.linalg.norm((x + scale * noise) @ weight.T - x, axis=1)),
            "You average distances. The squared distances are averaged: no root is taken.",
        ),
    ],
    hints=[
        "First the damaged input: x + scale * noise.",
        "One row goes through the network as weight @ row; all rows as rows @ weight.T.",
        "The squared distance to the clean x, summed over features, averaged over rows.",
    ],
    praise="One changed word, clean for damaged, and the identity is no longer the best answer.",
)

EXERCISES = (reconstruction_loss, pca, subspace_angle, denoising_loss)
