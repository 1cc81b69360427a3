"""Lesson 07, autoencoders and PCA: its explorers, its exercises and its letters."""

import string
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from scipy import linalg

from course_utils.autoencoders import Autoencoder, autoencoder_loss, completeness, fit_pca
from course_utils.data import digits
from course_utils.exercises import Exercise, Misconception
from course_utils.explorer import Choice, Explorer, Slider
from course_utils.kept import kept
from course_utils.style import palette
from course_utils.training import Trainer

# --- images -----------------------------------------------------------------------------------------------------------

CLASS_COLOURS = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#777777",
)  # fmt: skip
"""Ten colours for ten digits, told apart by colour-blind eyes (Tol, 2021)."""


def printed(characters: str, face: str = "DejaVuSans") -> np.ndarray:
    """Print characters at 8×8 pixels, each filling its square as the handwritten digits do.

    Parameters
    ----------
    characters : K of them.
    face : a font that matplotlib ships.

    Returns
    -------
    (K, 64), ink 1 and paper 0.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    size = 96
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)
    images = []
    for character in characters:
        page = Image.new("L", (3 * size, 3 * size), 0)
        ImageDraw.Draw(page).text((size, size), character, fill=255, font=font)
        ink = page.crop(page.getbbox())
        square = Image.new("F", (max(ink.size),) * 2, 0)
        square.paste(ink.convert("F"), tuple((max(ink.size) - side) // 2 for side in ink.size))
        images.append(np.asarray(square.resize((8, 8), Image.Resampling.BOX)).ravel() / 255)
    return np.clip(np.array(images, dtype=np.float64), 0, 1)


def letters() -> np.ndarray:
    """Return the 52 Latin letters in two printed faces: (104, 64), ink 1 and paper 0."""
    return np.concatenate([printed(string.ascii_letters, face) for face in ("DejaVuSans", "DejaVuSerif")])


# --- explorers --------------------------------------------------------------------------------------------------------

_SIZES = (1, 2, 4, 8, 16, 32)
_KINDS = ("handwritten digit", "printed letter", "shuffled pixels")
_SHOWN = 20


@cache
def _split():
    """Digits to learn from and digits kept apart, (1437, 64) and (360, 64), with the labels of the first."""
    images, labels = digits()
    order = np.random.default_rng(7).permutation(len(images))
    rows = images.reshape(-1, 64)[order]
    return rows[:1437], rows[1437:], labels[order][:1437]


@kept
def _train(size, epochs, hidden):
    data = _split()[0]
    model = Autoencoder(64, size, hidden=hidden, mean=data.mean(axis=0), seed=1)
    rows = torch.tensor(data, dtype=torch.float32)
    Trainer(
        model,
        autoencoder_loss(model),
        rows,
        epochs=epochs,
        batch_size=240,
        learning_rate=8e-3,
        schedule="one_cycle",
        progress=False,
    ).run()
    return model


def _through(model, images):
    """Return the reconstructions of images (N, 64) as an array."""
    with torch.no_grad():
        return model(torch.tensor(images, dtype=torch.float32)).double().numpy()


@cache
def _bottlenecks():
    """Reconstructions of all images of the explorer, and mean errors of the digits kept apart, for each size."""
    data, kept, _ = _split()
    shuffled = np.random.default_rng(1).permuted(kept[:_SHOWN], axis=1)
    images = dict(zip(_KINDS, (kept[:_SHOWN], letters()[: 2 * _SHOWN : 2], shuffled), strict=True))
    results = {}
    for size in _SIZES:
        pairs = {"PCA": fit_pca(data, size).reconstruct}
        model = _train(size, 24, (128,))
        pairs["autoencoder"] = lambda x, model=model: _through(model, x)
        results[size] = {
            name: ({kind: pair(x) for kind, x in images.items()}, np.mean(np.sum((kept - pair(kept)) ** 2, axis=1)))
            for name, pair in pairs.items()
        }
    return images, results


def _build_bottleneck(figure):
    images, results = _bottlenecks()
    *pictures, curve = figure.subplots(1, 4, width_ratios=(1, 1, 1, 2))
    shown = [axis.imshow(np.zeros((8, 8)), cmap="gray_r", vmin=0, vmax=1) for axis in pictures]
    for axis, title in zip(pictures, ("In", "Out of PCA", "Out of the network"), strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    styles = {"PCA": (palette.data, "--"), "autoencoder": (palette.model, "-")}
    points = {}
    for name, (colour, line) in styles.items():
        means = [results[size][name][1] for size in _SIZES]
        curve.plot(_SIZES, means, line, color=colour, label=f"{name}, mean")
        (points[name],) = curve.plot([], [], "o", color=colour, markersize=10, markeredgecolor="white")
    now = curve.axvline(1, color=palette.data, linestyle=":", linewidth=1.4)
    curve.set(title="Lines: test digits; dots: this image", xlabel="numbers in the code L", ylabel="squared error")
    curve.set(xscale="log", yscale="log")
    curve.set_xlim(0.85, 38)
    curve.set_ylim(0.02, 40)
    curve.set_xticks(_SIZES, [str(size) for size in _SIZES], minor=False)
    curve.set_xticks([], minor=True)
    curve.legend(loc="lower left")
    return SimpleNamespace(shown=shown, points=points, now=now, images=images, results=results)


def _draw_bottleneck(parts, size, kind, which):
    image = parts.images[kind][which]
    parts.shown[0].set_data(image.reshape(8, 8))
    errors = []
    for picture, (name, point) in zip(parts.shown[1:], parts.points.items(), strict=True):
        output = parts.results[size][name][0][kind][which]
        picture.set_data(output.reshape(8, 8))
        errors.append(float(np.sum((output - image) ** 2)))
        point.set_data([size], [max(errors[-1], 0.025)])
    parts.now.set_xdata([size, size])
    amount = "one number" if size == 1 else f"{size} numbers"
    return (
        f"A {kind} (number {which}) through {amount}: the squared error is {errors[0]:.2f} with PCA and "
        f"{errors[1]:.2f} with the autoencoder; the image itself has {np.sum(image**2):.1f}."
    )


def bottleneck():
    """Return the explorer of the size of the code against what comes back."""
    return Explorer(
        _build_bottleneck,
        _draw_bottleneck,
        [
            Choice("size", label="numbers in the code L", options=_SIZES, value=2),
            Choice("kind", label="what goes in", options=_KINDS, value="handwritten digit"),
            Slider("which", label="which one", minimum=0, maximum=_SHOWN - 1, step=1, value=3),
        ],
        name="bottleneck",
        title="How narrow may it be?",
        alt="Three images side by side, the input and what PCA and an autoencoder make of it, and a curve of the error "
        "against the size of the code.",
        width=10.0,
        height=3.4,
    )


_REACH = 3.0


@cache
def _plane():
    """An autoencoder with two codes, in units of the codes' standard deviations, and a map of its distances."""
    data, _, labels = _split()
    model = _train(2, 75, (128, 64))
    with torch.no_grad():
        codes = model.encode(torch.tensor(data, dtype=torch.float32)).double().numpy()
    centre, spread = codes.mean(axis=0), codes.std(axis=0)

    def decode(points):
        with torch.no_grad():
            return model.decode(torch.tensor(points * spread + centre, dtype=torch.float32)).double().numpy()

    side = np.linspace(-_REACH, _REACH, 61)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    result = completeness(decode, grid, data)
    return SimpleNamespace(
        decode=decode,
        codes=(codes - centre) / spread,
        map=(result.distances / result.limit).reshape(61, 61),
        limit=result.limit,
        data=data,
        labels=labels,
    )


def _build_latent_plane(figure):
    from matplotlib.colors import LinearSegmentedColormap

    plane = _plane()
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.75, 1, 1))
    colours = LinearSegmentedColormap.from_list("distance", ["white", palette.warning])
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    heat = left.imshow(plane.map, origin="lower", extent=extent, cmap=colours, vmin=0.5, vmax=1.5, aspect="auto")
    figure.colorbar(heat, ax=left, label="distance to a digit, of the limit")
    left.scatter(*plane.codes.T, s=3, color=palette.data, linewidths=0)
    tag = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    for digit in range(10):
        centre = np.median(plane.codes[plane.labels == digit], axis=0)
        left.text(*centre, str(digit), fontsize=13.5, fontweight="bold", ha="center", va="center", bbox=tag)
    (mark,) = left.plot([], [], "o", color=palette.model, markersize=13, markeredgecolor="white", markeredgewidth=2)
    left.set(title="Codes, and how far decoded ones are", xlabel="$z_1$, sd of the codes", ylabel="$z_2$")
    left.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH))
    pictures = [axis.imshow(np.zeros((8, 8)), cmap="gray_r", vmin=0, vmax=1) for axis in (middle, right)]
    left.contour(plane.map, levels=[1], extent=extent, colors=palette.truth, linestyles="--", linewidths=1.2)
    for axis, title in ((middle, "Decoded z"), (right, "Nearest real digit")):
        axis.set_title(title)
        axis.set_axis_off()
    return SimpleNamespace(mark=mark, decoded=pictures[0], nearest=pictures[1], plane=plane)


def _draw_latent_plane(parts, first, second):
    plane = parts.plane
    image = plane.decode(np.array([[first, second]]))[0]
    distances = np.sqrt(np.sum((plane.data - image) ** 2, axis=1))
    nearest = int(distances.argmin())
    parts.mark.set_data([first], [second])
    parts.decoded.set_data(image.reshape(8, 8))
    parts.nearest.set_data(plane.data[nearest].reshape(8, 8))
    ratio = distances[nearest] / plane.limit
    verdict = "as near as real digits are to each other" if ratio <= 1 else "farther than 95 % of real digits are"
    return (
        f"z = ({first:.1f}, {second:.1f}) decodes to an image at {ratio:.2f} of the limit from the nearest digit, "
        f"a {plane.labels[nearest]}: {verdict}."
    )


def latent_plane():
    """Return the explorer of a walk through the plane of codes, holes included."""
    return Explorer(
        _build_latent_plane,
        _draw_latent_plane,
        [
            Slider("first", label="first code", symbol="z₁", minimum=-3.0, maximum=3.0, step=0.1, value=0.5),
            Slider("second", label="second code", symbol="z₂", minimum=-3.0, maximum=3.0, step=0.1, value=0.5),
        ],
        name="latent_plane",
        title="A walk through the plane of codes",
        alt="Left, the codes of the digits over a map of how far decoded codes lie from real digits. Right, the "
        "decoded image at the chosen place and the real digit nearest to it.",
        width=10.0,
        height=4.2,
    )


EXPLORERS = {"bottleneck": bottleneck, "latent_plane": latent_plane}

# --- exercises --------------------------------------------------------------------------------------------------------

_RNG = np.random.default_rng(70)
_PAIRS = [
    (np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])),
    (_RNG.normal(size=(3, 4)), _RNG.normal(size=(3, 4))),
    (_RNG.normal(size=(5, 2)), _RNG.normal(size=(5, 2))),
    (_RNG.normal(size=(2, 6)), _RNG.normal(size=(2, 6))),
]


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
    },
    probes=_PAIRS,
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


def _pca_standardised(data, size):
    mean, scale = data.mean(axis=0), data.std(axis=0)
    _, singular, axes = np.linalg.svd((data - mean) / scale, full_matrices=False)
    return mean + scale * ((data - mean) / scale @ axes[:size].T @ axes[:size]), singular[:size] ** 2 / len(data)


_CLOUDS = [
    (np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 0.0], [7.0, 1.5]]), 1),
    (_RNG.normal(size=(12, 4)) * [3.0, 1.5, 0.7, 0.2] @ np.linalg.qr(_RNG.normal(size=(4, 4)))[0] + [4, -2, 1, 3], 2),
    (_RNG.normal(size=(9, 5)) @ _RNG.normal(size=(5, 5)) + 2.0, 3),
    (_RNG.normal(size=(7, 3)) @ _RNG.normal(size=(3, 3)) - 1.0, 1),
]

pca = Exercise(
    name="pca",
    arguments=("data", "size"),
    returns=("reconstruction", "variances"),
    reference=_pca,
    spellings={"eigenvectors": _pca_eigen, "left vectors": _pca_left, "torch": _pca_torch},
    probes=_CLOUDS,
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
    praise="This is the best linear encoder and decoder there is, in five lines.",
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
    (np.eye(3)[:, :2], np.array([[1.0, 2.0], [0.0, 0.5], [0.0, 0.4]])),
    (_RNG.normal(size=(5, 2)), _RNG.normal(size=(5, 2))),
    (_RNG.normal(size=(6, 3)), _RNG.normal(size=(6, 3))),
    (0.1 * _RNG.normal(size=(4, 2)), 0.3 * _RNG.normal(size=(4, 2))),
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


denoising_loss = Exercise(
    name="denoising_loss",
    arguments=("x", "noise", "scale", "weight"),
    returns="loss",
    reference=lambda x, noise, scale, weight: _squares((x + scale * noise) @ weight.T, x),
    spellings={"loop": _denoising_loop, "torch": _denoising_torch},
    probes=[
        (np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 2.0, np.eye(2)),
        (_RNG.normal(size=(4, 3)), _RNG.normal(size=(4, 3)), 0.5, _RNG.normal(size=(3, 3))),
        (_RNG.normal(size=(6, 2)), _RNG.normal(size=(6, 2)), 0.3, np.array([[0.8, 0.1], [-0.2, 0.5]])),
        (_RNG.normal(size=(2, 4)), _RNG.normal(size=(2, 4)), 1.7, _RNG.normal(size=(4, 4))),
    ],
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
    ],
    hints=[
        "First the damaged input: x + scale * noise.",
        "One row goes through the network as weight @ row; all rows as rows @ weight.T.",
        "The squared distance to the clean x, summed over features, averaged over rows.",
    ],
    praise="One changed word, clean for damaged, and the identity is no longer the best answer.",
)

EXERCISES = (reconstruction_loss, pca, subspace_angle, denoising_loss)
