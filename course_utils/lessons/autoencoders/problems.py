"""Lesson 07, autoencoders and PCA: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import linalg
from sklearn.linear_model import LinearRegression

from course_utils.workshop.exercises import Exercise, Misconception


def _covariance(rng, size):
    """A covariance (size, size), sometimes singular, whose eigenvalues are well apart."""
    spreads = 4.0 * 0.5 ** np.arange(size) * rng.uniform(0.9, 1.1, size)
    if size > 1 and rng.random() < 0.2:
        spreads[-1] = 0.0
    axes = np.linalg.qr(rng.standard_normal((size, size)))[0]
    return axes * spreads @ axes.T


# --- what it costs not to centre --------------------------------------------------------------------------------------


def _falling(matrix):
    return np.linalg.eigvalsh(matrix)[::-1]


def _uncentred(mean, covariance, size):
    error = _falling(covariance + np.outer(mean, mean))[size:].sum()
    return error, error - _falling(covariance)[size:].sum()


def _uncentred_by_traces(mean, covariance, size):
    errors = []
    for moment in (covariance + mean[:, None] * mean, covariance):
        vectors = linalg.eigh(moment)[1][:, len(mean) - size :]
        errors.append(np.trace(moment) - np.trace(vectors.T @ moment @ vectors))
    return errors[0], errors[0] - errors[1]


def _uncentred_torch(mean, covariance, size):
    mean, covariance = torch.as_tensor(mean), torch.as_tensor(covariance)
    errors = [
        torch.linalg.svdvals(moment)[size:].sum() for moment in (covariance + torch.outer(mean, mean), covariance)
    ]
    return errors[0], errors[0] - errors[1]


def _with_error(error_of):
    """Build a misconception about the error without a mean, with the right difference from the centred one after it."""

    def answer(mean, covariance, size):
        error = error_of(mean, covariance, size)
        return error, error - _falling(covariance)[size:].sum()

    return answer


def _uncentred_law(rng):
    size = rng.integers(1, 6)
    mean = rng.normal(0, rng.choice([0.3, 1.5, 5.0]), size)
    if rng.random() < 0.1:
        mean[:] = 0.0
    return mean, _covariance(rng, size), int(rng.integers(1, size + 1))


cost_of_not_centring = Exercise(
    name="cost_of_not_centring",
    arguments=("mean", "covariance", "size"),
    returns=("error", "surplus"),
    reference=_uncentred,
    spellings={"traces": _uncentred_by_traces, "torch": _uncentred_torch},
    probes=[
        (np.array([3.0, 0.0]), np.diag([1.0, 2.0]), 1),
        (np.array([1.0, -0.5, 2.0]), np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]]), 2),
        (np.array([0.4, 0.3]), np.array([[5.0, 1.0], [1.0, 0.5]]), 1),
    ],
    law=_uncentred_law,
    misconceptions=[
        Misconception(
            "the mean is lost as well",
            _with_error(lambda mean, covariance, size: _falling(covariance)[size:].sum() + mean @ mean),
            "You take the plane of PCA and move it to the origin as if no part of the mean lay in it. The best plane "
            "through the origin is another one: it turns towards the mean, and pays with spread.",
        ),
        Misconception(
            "the plane does not turn",
            _with_error(
                lambda mean, covariance, size: (
                    _falling(covariance)[size:].sum()
                    + mean @ mean
                    - np.sum((np.linalg.eigh(covariance)[1][:, ::-1][:, :size].T @ mean) ** 2)
                )
            ),
            "You keep the directions of PCA and add what they miss of the mean. Nothing forces the autoencoder to keep "
            "them: it may turn its plane towards the mean, where this saves more than it costs.",
        ),
        Misconception(
            "one component for the mean",
            _with_error(lambda mean, covariance, size: _falling(covariance)[size - 1 :].sum()),
            "You give one component to the mean and leave the others to the spread. That is right for a mean far "
            "away and at right angles to the spread; in general one direction serves both.",
        ),
        Misconception(
            "mean left out",
            _with_error(lambda mean, covariance, size: _falling(covariance)[size:].sum()),
            "This is PCA's error, around the mean. The autoencoder without offsets works around the origin: its "
            "squares are those of x itself.",
        ),
        Misconception(
            "what is kept",
            lambda mean, covariance, size: (
                _falling(covariance + np.outer(mean, mean))[:size].sum(),
                _falling(covariance + np.outer(mean, mean))[:size].sum() - _falling(covariance)[:size].sum(),
            ),
            "These are sums over the directions that are *kept*. The error is what is left out.",
        ),
        Misconception(
            "smallest first",
            lambda mean, covariance, size: (
                _falling(covariance + np.outer(mean, mean))[::-1][size:].sum(),
                _falling(covariance + np.outer(mean, mean))[::-1][size:].sum()
                - _falling(covariance)[::-1][size:].sum(),
            ),
            "You leave out the largest eigenvalues: np.linalg.eigvalsh sorts from small to large.",
        ),
        Misconception(
            "the error with a mean",
            lambda mean, covariance, size: (
                _uncentred(mean, covariance, size)[0],
                _falling(covariance)[size:].sum(),
            ),
            "The first result is right. The second one is the error with offsets; how much *more* the first one is was "
            "asked for.",
        ),
        Misconception(
            "the feature with the largest mean",
            _with_error(lambda mean, covariance, size: np.sort(np.diag(covariance) + mean**2)[::-1][size:].sum()),
            "You leave out features. The code may be any L combinations of them: take eigenvalues, not the diagonal.",
        ),
    ],
    hints=[
        "Around the mean the loss is an average of |x − m|², and PCA answers it by eigenvalues of E[(x − m)(x − "
        "m)ᵀ]. Which matrix stands in that place if nothing is subtracted?",
        "E[x xᵀ] = S + m mᵀ. The derivation of section 7.2 used nothing of S but that it is such an average, so it "
        "holds word for word.",
        "np.linalg.eigvalsh(covariance + np.outer(mean, mean))[::-1][size:].sum(), and from it the same of the "
        "covariance alone is subtracted.",
    ],
    praise="A network's biases are there for this. And a PCA that forgot to centre spends a component on the mean.",
)


# --- the best repair of a blurred picture -----------------------------------------------------------------------------


def _repair(mean, covariance, blur, noise_variance):
    across = covariance @ blur.T
    gain = np.linalg.solve(blur @ across + noise_variance * np.eye(len(blur)), across.T).T
    return gain, mean - gain @ (blur @ mean), np.trace(covariance - gain @ across.T)


def _repair_by_roots(mean, covariance, blur, noise_variance):
    # x = m + A u with uncorrelated u: a matrix of the size of u is inverted, and a singular covariance does no harm
    vectors, values, _ = np.linalg.svd(covariance)
    root = vectors * np.sqrt(values)
    seen = blur @ root
    inverse = linalg.inv(np.eye(len(mean)) + seen.T @ seen / noise_variance)
    gain = root @ inverse @ seen.T / noise_variance
    return gain, mean - gain @ blur @ mean, np.sum((root @ inverse) * root)


def _repair_by_regression(mean, covariance, blur, noise_variance):
    # the joint second moments of x and y; R is the regression of the one on the other
    joint = torch.as_tensor(np.vstack([np.eye(len(mean)), blur]) @ covariance @ np.vstack([np.eye(len(mean)), blur]).T)
    size = len(mean)
    joint[size:, size:] += noise_variance * torch.eye(len(blur), dtype=torch.float64)
    gain = joint[:size, size:] @ torch.linalg.inv(joint[size:, size:])
    missing = joint[:size, :size] - gain @ joint[size:, :size]
    return gain, torch.as_tensor(mean) - gain @ torch.as_tensor(blur @ mean), torch.trace(missing)


def _spent(gain, covariance, blur, noise_variance):
    """Expected squared error of a linear repair with the right offset."""
    missing = gain @ blur - np.eye(len(covariance))
    return np.trace(missing @ covariance @ missing.T) + noise_variance * np.sum(gain**2)


def _with_gain(gain_of):
    """Build a misconception about the matrix, with the right offset and error for it."""

    def answer(mean, covariance, blur, noise_variance):
        gain = gain_of(covariance, blur, noise_variance)
        return gain, mean - gain @ blur @ mean, _spent(gain, covariance, blur, noise_variance)

    return answer


def _with_rest(rest_of):
    """Build a misconception about offset and error, from (gain, mean, covariance, blur, noise variance)."""

    def answer(mean, covariance, blur, noise_variance):
        gain = _repair(mean, covariance, blur, noise_variance)[0]
        return gain, *rest_of(gain, mean, covariance, blur, noise_variance)

    return answer


def _spread_after(gain, covariance, blur, noise_variance):
    return np.trace(gain @ (blur @ covariance @ blur.T + noise_variance * np.eye(len(blur))) @ gain.T)


def _blurred_law(rng):
    pixels, sensors = rng.integers(1, 5, 2)
    mean = rng.normal(0, 2, pixels)
    return mean, _covariance(rng, pixels), rng.normal(0, 1, (sensors, pixels)), float(np.exp(rng.normal(-0.7, 1)))


best_repair = Exercise(
    name="best_repair",
    arguments=("mean", "covariance", "blur", "noise_variance"),
    returns=("matrix", "offset", "error"),
    reference=_repair,
    spellings={"roots": _repair_by_roots, "regression": _repair_by_regression},
    probes=[
        (np.array([2.0]), np.array([[4.0]]), np.array([[1.0]]), 1.0),
        (
            np.array([1.0, 0.0, -1.0]),
            np.array([[2.0, 0.8, 0.2], [0.8, 1.5, 0.6], [0.2, 0.6, 1.0]]),
            np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]),
            0.25,
        ),
        (
            np.array([0.5, 3.0]),
            np.array([[1.0, -0.4], [-0.4, 0.7]]),
            np.array([[1.0, 0.3], [0.2, 0.6], [0.9, -0.5]]),
            0.5,
        ),
        (np.array([0.3]), np.array([[1e-3]]), np.array([[1.0]]), 1e-4),
    ],
    law=_blurred_law,
    misconceptions=[
        Misconception(
            "inverse of the blur",
            _with_gain(lambda covariance, blur, noise_variance: np.linalg.pinv(blur)),
            "You undo the blur, as if there were no noise. Where the blur made something small, its inverse makes "
            "the noise large. What is known of pictures has to limit it.",
        ),
        Misconception(
            "a ridge",
            _with_gain(
                lambda covariance, blur, noise_variance: (
                    blur.T @ np.linalg.inv(blur @ blur.T + noise_variance * np.eye(len(blur)))
                )
            ),
            "You limit the inverse as if all directions of a picture varied alike, with variance 1. How much each of "
            "them varies is what the covariance says.",
        ),
        Misconception(
            "noise before the blur",
            _with_gain(
                lambda covariance, blur, noise_variance: (
                    covariance
                    @ blur.T
                    @ np.linalg.pinv(blur @ (covariance + noise_variance * np.eye(len(covariance))) @ blur.T)
                )
            ),
            "You let the noise be blurred as well. It comes from the sensors, behind the lens: its variance is added "
            "after the blur.",
        ),
        Misconception(
            "no noise",
            _with_gain(
                lambda covariance, blur, noise_variance: (
                    covariance @ blur.T @ np.linalg.pinv(blur @ covariance @ blur.T)
                )
            ),
            "The noise is missing from the variance of what is seen: you trust the sensors too much.",
        ),
        Misconception(
            "offset is the mean",
            _with_rest(lambda gain, mean, covariance, blur, v: (mean, _spent(gain, covariance, blur, v))),
            "Matrix and error are right. As offset you return the mean of the pictures; but the matrix is applied to y "
            "itself, which is not centred, and gives the mean once more. The repair of an average y must be the "
            "average x.",
        ),
        Misconception(
            "blur left out of the offset",
            _with_rest(
                lambda gain, mean, covariance, blur, v: (
                    mean - gain @ np.resize(mean, len(blur)),
                    _spent(gain, covariance, blur, v),
                )
            ),
            "Matrix and error are right. In the offset the mean goes through the repair without having been blurred: "
            "the mean of y is B m.",
        ),
        Misconception(
            "error without noise",
            _with_rest(
                lambda gain, mean, covariance, blur, v: (
                    mean - gain @ blur @ mean,
                    _spent(gain, covariance, blur, 0.0),
                )
            ),
            "Matrix and offset are right. In the error you count what the repair distorts, and not the noise that it "
            "lets through.",
        ),
        Misconception(
            "what the repair explains",
            _with_rest(
                lambda gain, mean, covariance, blur, v: (
                    mean - gain @ blur @ mean,
                    _spread_after(gain, covariance, blur, v),
                )
            ),
            "Matrix and offset are right. Your error is the variance of the *repaired* pictures. What is lost is the "
            "rest: the variance of the pictures minus this.",
        ),
        Misconception(
            "error of a pixel",
            _with_rest(
                lambda gain, mean, covariance, blur, v: (
                    mean - gain @ blur @ mean,
                    _spent(gain, covariance, blur, v) / len(mean),
                )
            ),
            "Matrix and offset are right. The error is averaged over the pixels; in this course it is their sum "
            "(exercise 7.1).",
        ),
    ],
    hints=[
        "Centre first: the best offset makes an average y repair to the average x. Then minimise E|R(y − Bm) − (x − "
        "m)|² over R, as in section 7.9, where B was the identity.",
        "The error is tr((RB − I) S (RB − I)ᵀ) + v tr(R Rᵀ). Its derivative in R is 0 where R (B S Bᵀ + v I) = S Bᵀ.",
        "R = S Bᵀ (B S Bᵀ + v I)⁻¹, offset m − R B m, error tr(S − R B S).",
    ],
    praise="Wiener's filter for any lens. If picture and noise are Gaussian this is the posterior mean, and nothing "
    "bent would do better.",
)


# --- from one network's codes to another's ----------------------------------------------------------------------------


def _translated(first, second, new):
    centre, other = first.mean(axis=0), second.mean(axis=0)
    return other + (new - centre) @ (np.linalg.pinv(first - centre) @ (second - other))


def _translated_by_covariances(first, second, new):
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    return second.mean(axis=0) + np.linalg.solve(a.T @ a, a.T @ b).T.dot((new - first.mean(axis=0)).T).T


def _translated_torch(first, second, new):
    rows, wanted, others = (torch.as_tensor(part) for part in (first, second, new))
    shift = rows.mean(dim=0)
    solution = torch.linalg.pinv(rows - shift) @ (wanted - wanted.mean(dim=0))
    return (others - shift) @ solution + wanted.mean(dim=0)


def _turned(first, second):
    """The best rotation (with its mirror images) of centred codes onto others, (L, M)."""
    u, _, v = np.linalg.svd((first - first.mean(0)).T @ (second - second.mean(0)), full_matrices=False)
    return u @ v


def _back_and_forth(first, second, new):
    a, b = first - first.mean(0), second - second.mean(0)
    backward = np.linalg.lstsq(b, a, rcond=None)[0]
    return second.mean(0) + (new - first.mean(0)) @ np.linalg.pinv(backward)


def _column_by_column(first, second, new):
    a, b = first - first.mean(0), second - second.mean(0)
    slopes = (a.T @ b) / np.sum(a**2, axis=0)[:, None]
    return second.mean(0) + (new - first.mean(0)) @ slopes


def _codes_law(rng):
    size, other, rows = rng.integers(1, 4, 3)
    count = size + 2 + rng.integers(0, 6)
    first = rng.normal(0, 1, (count, size)) @ rng.normal(0, 1, (size, size)) + rng.normal(0, 2, size)
    first += 0.3 * rng.normal(size=first.shape)
    second = first @ rng.normal(0, 1, (size, other)) + 0.4 * rng.normal(size=(count, other)) + rng.normal(0, 2, other)
    return first, second, rng.normal(0, 2, (rows, size))


_FAR = np.array([[1.0, 0.5], [-1.0, 2.0], [0.3, -1.5], [2.0, 0.1], [-0.7, 0.4]])

translate_codes = Exercise(
    name="translate_codes",
    arguments=("first", "second", "new"),
    returns="translated",
    reference=_translated,
    spellings={
        "covariances": _translated_by_covariances,
        "torch": _translated_torch,
        "scikit-learn": lambda first, second, new: LinearRegression().fit(first, second).predict(new),
    },
    probes=[
        (np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]), np.array([[3.0]])),
        (
            np.array([[0.5, 1.0], [1.5, -0.2], [-0.7, 0.6], [2.0, 1.1]]),
            np.array([[1.0, 0.0], [0.4, 1.3], [2.2, -0.6], [-0.3, 0.9]]),
            np.array([[1.0, 1.0], [0.0, -1.0], [0.3, 0.2]]),
        ),
        (
            np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.5], [0.3, 0.1]]),
            np.array([[1.0, 0.2, 3.0], [0.0, 1.4, 1.0], [1.1, 1.0, 2.0], [2.5, 0.0, 2.2], [0.4, 0.1, 0.7]]),
            np.array([[0.5, 0.5]]),
        ),
        # a code that varies little and says much, and one of the second network that never changes
        (
            _FAR * [1.0, 1e-4],
            np.column_stack([_FAR @ [0.5, 2.0] + 0.1 * _FAR[:, 0] ** 2, np.full(5, 0.7)]),
            _FAR[:2] * [1.0, 1e-4],
        ),
    ],
    law=_codes_law,
    extremes=[
        (_FAR + 1e6, _FAR[:, ::-1] * 1.5 + 0.1 * _FAR**2, np.array([[1e6 + 0.5, 1e6 - 1.0]])),
        (_FAR, 1e6 + 2 * _FAR[:, :1] + 0.1 * _FAR[:, 1:] ** 2, _FAR[:2] + 1),
    ],
    stable="subtract the means of both codes first",
    misconceptions=[
        Misconception(
            "no offset",
            lambda first, second, new: new @ np.linalg.lstsq(first, second, rcond=None)[0],
            "Your map takes the code 0 to the code 0. A network's codes have no zero of their own either: its biases "
            "put it anywhere. Add a column of ones, or centre both.",
        ),
        Misconception(
            "the means only",
            lambda first, second, new: (
                second.mean(0) - np.resize(first.mean(0), second.shape[1]) + np.resize(new, (len(new), second.shape[1]))
            ),
            "You shift the codes and leave their axes as they are. Code 1 of one network has nothing to do with code "
            "1 of the other.",
        ),
        Misconception(
            "a rotation",
            lambda first, second, new: second.mean(0) + (new - first.mean(0)) @ _turned(first, second),
            "You turn the codes, and keep lengths and angles. Between encoder and decoder *any* invertible matrix "
            "may hide, one that stretches and shears as well.",
        ),
        Misconception(
            "back and forth",
            _back_and_forth,
            "You fit the way back, from the second codes to the first, and invert it. That makes small errors in the "
            "first codes, of which nobody asked; and where codes do not agree exactly, its inverse stretches too much.",
        ),
        Misconception(
            "column by column",
            _column_by_column,
            "You treat the first codes one at a time, each with its own slope. They are correlated, so what two of "
            "them have in common is counted twice: all have to be fitted together.",
        ),
        Misconception(
            "centred on the new ones",
            lambda first, second, new: (
                second.mean(0)
                + (new - new.mean(0)) @ np.linalg.lstsq(first - first.mean(0), second - second.mean(0), rcond=None)[0]
            ),
            "You centre the new codes on their own mean. They are other pictures, which may all lie to one side; the "
            "map was made with the mean of `first`.",
        ),
        Misconception(
            "second mean left out",
            lambda first, second, new: _translated(first, second, new) - second.mean(0),
            "The directions are right, but the translated codes sit around the origin: add the mean of `second`.",
        ),
        Misconception(
            "nearest known picture",
            lambda first, second, new: second[((new[:, None] - first) ** 2).sum(-1).argmin(1)],
            "You look up the nearest known picture. That is a map of steps; an affine one was asked for, which goes on "
            "where no picture is known.",
        ),
    ],
    hints=[
        "Which maps can hide between an encoder and a decoder, and leave every reconstruction as it is? Among those, "
        "take the one with the smallest squared error on the N pictures that both have seen.",
        "It is a matrix and an offset, C ≈ A-codes · matrix + offset: linear regression with several columns at once. "
        "Centred codes need no offset.",
        "T = np.linalg.lstsq(first − first.mean(0), second − second.mean(0), rcond=None)[0], and "
        "second.mean(0) + (new − first.mean(0)) @ T.",
    ],
    praise="Two networks that look different may say the same: compare codes only up to such a map.",
)

PROBLEMS = (cost_of_not_centring, best_repair, translate_codes)
