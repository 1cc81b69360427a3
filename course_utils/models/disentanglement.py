"""Disentanglement: images whose factors are known, scores of a code against them, and what the KL term is made of.

Sprites are rendered here, never stored. The scores take codes (N, L) and the factors (N, F) behind them. The
decomposition takes what an encoder returns: mean and log-variance of ``q(z | x_n) = N(mean_n, diag exp(log_var_n))``
for each data point. With the aggregate posterior ``q(z) = 1/N Σ_n q(z | x_n)`` and a standard normal prior p,

    1/N Σ_n KL(q(z | x_n) ‖ p(z)) = I(x; z) + KL(q(z) ‖ Π_l q(z_l)) + Σ_l KL(q(z_l) ‖ p(z_l)):

mutual information, total correlation, and how far each latent is from its prior. All in nats.

Source: Matthey, Higgins, Hassabis and Lerchner, "dSprites" (2017); Higgins et al., "β-VAE" (2017); Hoffman and Johnson,
"ELBO surgery" (2016); Chen, Li, Grosse and Duvenaud, "Isolating Sources of Disentanglement in VAEs" (2018), arXiv
1802.04942.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from course_utils.workshop.validation import check_array, check_choice, check_covariance, check_scalar

# --- sprites ----------------------------------------------------------------------------------------------------------

SHAPES = ("square", "ellipse", "heart")
FACTORS = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
"""Name and number of values of each factor of dSprites, in the order of the columns of a factor array."""

SCALES = np.linspace(0.5, 1.0, FACTORS["scale"])
ORIENTATIONS = np.linspace(0.0, 2 * math.pi, FACTORS["orientation"])
"""Radians; as in dSprites the last angle is the first one again."""

POSITIONS = np.linspace(0.25, 0.75, FACTORS["x"])
"""Centre of a sprite as a share of the side, from the left or from the top: no sprite is ever cut off."""

_WIDTH = 0.34  # square root of a sprite's area at scale 1, as a share of the side
_REACH = 0.72  # no point of a sprite is farther from its centre than this share of the root of its area
_SUBPIXELS = 4  # along each side of a pixel
_BLOCK = 1000  # images rendered at once: some tens of megabytes


class Sprites(NamedTuple):
    """Images (N, side²) float32, ink 1 on paper 0, row after row, and the factors (N, 5) int64 behind them."""

    images: np.ndarray
    factors: np.ndarray


def render_sprites(factors: Any, *, side: int = 32, antialiased: bool = True) -> np.ndarray:
    """Draw one image per row of factors.

    A sprite has the area (0.34 · scale · side)² whatever its shape, its centroid at the given position, and is turned
    clockwise by its orientation. Grey levels are the share of a pixel that is covered, found on a 4 × 4 grid in it.

    Parameters
    ----------
    factors : (N, 5) indices of shape, scale, orientation, x and y, each below its number of values in `FACTORS`.
    side : pixels along each side of an image.
    antialiased : keep the grey levels; otherwise a pixel is ink where at least half of it is covered, as in dSprites.

    Returns
    -------
    (N, side²) float32 in [0, 1].

    Raises
    ------
    TypeError, ValueError : the factors are no such indices, or `side` is below 8.

    Source: factors and values of dSprites (2017); the heart is a square with two half discs, the ellipse 1.6 times as
    long as wide.
    """
    factors = check_array("factors", factors, shape=(None, len(FACTORS)), dtype="int")
    side = check_scalar("side", side, integer=True, minimum=8)
    for column, (name, size) in zip(factors.T, FACTORS.items(), strict=True):
        if len(column) and not (column.min() >= 0 and column.max() < size):
            raise ValueError(f"factors must have {name} from 0 to {size - 1}; got {column.min()} to {column.max()}")
    images = np.empty((len(factors), side, side), dtype=np.float32)
    for start in range(0, len(factors), _BLOCK):
        rows = factors[start : start + _BLOCK]
        for shape in np.unique(rows[:, 0]):
            chosen = rows[:, 0] == shape
            images[start : start + _BLOCK][chosen] = _render(SHAPES[shape], rows[chosen], side)
    if not antialiased:
        images = (images >= 0.5).astype(np.float32)
    return images.reshape(len(factors), side * side)


def _render(shape: str, factors: np.ndarray, side: int) -> np.ndarray:
    """Return images (n, side, side) of one shape; only the pixels within its reach are looked at."""
    _, scale, angle, x, y = factors.T
    width = (_WIDTH * side * SCALES[scale]).astype(np.float32)
    window = math.ceil(2 * _REACH * _WIDTH * side) + 1
    first = [np.floor(POSITIONS[place] * side - (window - 1) / 2).astype(int) for place in (x, y)]
    fine = ((np.arange(window * _SUBPIXELS) + 0.5) / _SUBPIXELS).astype(np.float32)
    across, down = (
        (start[:, None] + fine - (POSITIONS[place] * side)[:, None]).astype(np.float32) / width[:, None]
        for start, place in zip(first, (x, y), strict=True)
    )
    turn = ORIENTATIONS[angle].astype(np.float32)[:, None, None]
    u = np.cos(turn) * across[:, None, :] + np.sin(turn) * down[:, :, None]
    v = np.cos(turn) * down[:, :, None] - np.sin(turn) * across[:, None, :]
    covered = _covers(shape, u, v).reshape(len(factors), window, _SUBPIXELS, window, _SUBPIXELS)
    rows, columns = (start[:, None] + np.arange(window) for start in reversed(first))
    margin = window  # the window may stick out of the image, where there is never any ink
    canvas = np.zeros((len(factors), side + 2 * margin, side + 2 * margin), dtype=np.float32)
    every = np.arange(len(factors))[:, None, None]
    canvas[every, margin + rows[:, :, None], margin + columns[:, None, :]] = covered.mean((2, 4), dtype=np.float32)
    return canvas[:, margin:-margin, margin:-margin]


def _covers(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return where (u, v) lies in the shape of area 1 with its centroid at the origin, v pointing down."""
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= 0.5
    if shape == "ellipse":
        return (u * u / 1.6 + v * v * 1.6) * math.pi <= 1
    # A square of half-side h stands on its corner; half discs of radius h lie on its two upper sides.
    half = 1 / math.sqrt(4 + math.pi)
    shift = half * (math.pi / 2 + 2 / 3) / (4 + math.pi)  # of the centroid, along either of the square's axes
    right, left = (u - v) / math.sqrt(2) + shift, (-u - v) / math.sqrt(2) + shift
    square = np.maximum(abs(right), abs(left)) <= half
    discs = np.minimum((right - half) ** 2 + left * left, right * right + (left - half) ** 2) <= half * half
    return square | discs


def sprites(
    size: int,
    *,
    seed: int = 0,
    fixed: Mapping[str, int] | None = None,
    side: int = 32,
    antialiased: bool = True,
) -> Sprites:
    """Draw combinations of factors at random, no combination twice, and render them.

    Parameters
    ----------
    size : number N of images.
    seed : for the choice of combinations; the same seed gives the same images.
    fixed : factors that keep one value, as index by name: ``{"shape": 1}`` draws ellipses only.
    side, antialiased : as for `render_sprites`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or there are fewer combinations than `size`.
    """
    size = check_scalar("size", size, integer=True, minimum=1)
    seed = check_scalar("seed", seed, integer=True, non_negative=True)
    fixed = dict(fixed or {})
    for name, value in fixed.items():
        check_choice("fixed", name, tuple(FACTORS))
        check_scalar(f"fixed[{name!r}]", value, integer=True, minimum=0, maximum=FACTORS[name] - 1)
    counts = [1 if name in fixed else count for name, count in FACTORS.items()]
    total = math.prod(counts)
    if size > total:
        raise ValueError(f"size must be at most {total}, the number of combinations of these factors; got {size}")
    chosen = np.random.default_rng(seed).choice(total, size, replace=False)
    factors = np.column_stack(np.unravel_index(chosen, counts)).astype(np.int64)
    factors += np.array([fixed.get(name, 0) for name in FACTORS])
    return Sprites(render_sprites(factors, side=side, antialiased=antialiased), factors)


# --- scores -----------------------------------------------------------------------------------------------------------


def factor_change_score(
    codes: Any, factors: Any, *, pairs: int = 32, points: int = 1000, test_points: int = 500, seed: int = 0
) -> float:
    """Return how well the factor that two images share can be read from the differences of their codes.

    One point: choose a factor, then `pairs` pairs of images that agree in it (all else is free), and average
    |code − code'| over the pairs. A linear classifier learns from `points` of them to name the factor; the score is its
    accuracy on `test_points` new ones. 1 is best; 1/F is what guessing gives.

    Parameters
    ----------
    codes : (N, L), usually the means of q(z | x).
    factors : (N, F) whole numbers, the values behind each image; every column varies, and there are two or more.
    pairs, points, test_points, seed : as described.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Higgins et al., "β-VAE" (2017), section 3, where the images are rendered on demand: here the pairs are found
    among those given.
    """
    from sklearn.linear_model import LogisticRegression

    codes, factors = _check_pair(codes, factors)
    if factors.shape[1] < 2:
        raise ValueError(f"factors must have at least two columns to tell apart; got shape {factors.shape}")
    pairs = check_scalar("pairs", pairs, integer=True, minimum=1)
    points = check_scalar("points", points, integer=True, minimum=10)
    test_points = check_scalar("test_points", test_points, integer=True, minimum=1)
    rng = np.random.default_rng(check_scalar("seed", seed, integer=True, non_negative=True))

    total = points + test_points
    answer = np.arange(total) % factors.shape[1]
    rng.shuffle(answer)
    inputs = np.empty((total, codes.shape[1]))
    for factor in range(factors.shape[1]):
        mine = np.flatnonzero(answer == factor)
        first = rng.integers(len(codes), size=(len(mine), pairs))
        second = _partners(factors[:, factor], first, rng)
        inputs[mine] = abs(codes[first] - codes[second]).mean(1)
    inputs /= max(inputs.std(), 1e-12)  # one unit for all latents: an idle one stays idle
    classifier = LogisticRegression(C=100.0, max_iter=2000).fit(inputs[:points], answer[:points])
    return float(classifier.score(inputs[points:], answer[points:]))


def _partners(values: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each of `rows` a row drawn from those with the same value, perhaps itself."""
    order = np.argsort(values, kind="stable")
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    which = group[rows]
    return order[starts[which] + (rng.random(rows.shape) * counts[which]).astype(int)]


def mutual_information(first: Any, second: Any) -> float:
    """Return the mutual information in nats of two sequences of labels (N,), from how often each pair occurs.

    Raises
    ------
    TypeError, ValueError : they are not whole numbers of one length.
    """
    first = check_array("first", first, shape=(None,), dtype="int", min_size=1)
    second = check_array("second", second, shape=(len(first),), dtype="int")
    _, first = np.unique(first, return_inverse=True)
    _, second = np.unique(second, return_inverse=True)
    joint = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(joint, (first, second), 1 / len(first))
    return float(total_correlation(joint / joint.sum()))


def information_matrix(codes: Any, factors: Any, *, bins: int = 20) -> np.ndarray:
    """Return the mutual information in nats of each latent, cut into bins of equal width, with each factor: (L, F).

    Give draws from q(z | x) rather than its means: the mean of an idle latent moves by a hair, but what moves, moves
    with the image, and bins that adapt to its range would find information that no decoder can use.

    Raises
    ------
    TypeError, ValueError : codes (N, L) and factors (N, F) do not fit together, or a factor does not vary.

    Source: the bins are those of Locatello et al. (2019), arXiv 1811.12359.
    """
    codes, factors = _check_pair(codes, factors)
    bins = check_scalar("bins", bins, integer=True, minimum=2)
    low, high = codes.min(0), codes.max(0)
    share = (codes - low) / np.where(high > low, high - low, 1.0)
    labels = np.minimum((share * bins).astype(np.int64), bins - 1)
    return np.array([[mutual_information(label, factor) for factor in factors.T] for label in labels.T])


def mutual_information_gap(codes: Any, factors: Any, *, bins: int = 20) -> float:
    """Return the mutual information gap: how far ahead the best latent is of the second best, for each factor.

    The difference of the two largest mutual informations, divided by the factor's entropy, averaged over the factors:
    1 if each factor is known from exactly one latent, 0 if none is known, or if for each two latents know it equally
    well and no latent knows it better. A factor with more values than there are bins is not known completely even from
    itself: 32 equally frequent values in 20 bins leave 0.85.

    Raises
    ------
    TypeError, ValueError : as for `information_matrix`, or there are fewer than two latents.

    Source: Chen et al. (2018), equation 6.
    """
    matrix = information_matrix(codes, factors, bins=bins)
    if len(matrix) < 2:
        raise ValueError("codes must have at least two latents, a best and a second best; got one")
    factors = check_array("factors", factors, shape=(None, None), dtype="int")
    entropies = np.array([mutual_information(factor, factor) for factor in factors.T])
    second, first = np.sort(matrix, axis=0)[-2:]
    return float(((first - second) / entropies).mean())


def _check_pair(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    codes = check_array("codes", codes, shape=(None, None), min_size=2)
    factors = check_array("factors", factors, shape=(len(codes), None), dtype="int", min_size=2)
    still = np.flatnonzero((factors == factors[0]).all(0))
    if len(still):
        raise ValueError(f"factors must vary; column {still[0]} has the value {factors[0, still[0]]} throughout")
    return codes, factors


# --- what the KL term is made of --------------------------------------------------------------------------------------


class KLParts(NamedTuple):
    """The averaged KL to the prior and its three parts, in nats per data point; the parts add up to `kl`."""

    kl: float
    mutual_information: float
    total_correlation: float
    dimension_wise: float


def total_correlation(joint: Any) -> float:
    """Return KL(p(z_1, …, z_L) ‖ Π p(z_l)) in nats of a table of probabilities (K_1, …, K_L).

    Of two variables it is their mutual information.

    Raises
    ------
    TypeError, ValueError : the table is not made of probabilities that add up to 1.
    """
    joint = _check_probabilities("joint", joint)
    return float(_entropy(_marginals(joint)) - _entropy([joint]))


def discrete_kl_parts(conditional: Any, priors: Sequence[Any]) -> KLParts:
    """Return the decomposition of 1/N Σ_n KL(q(z | x_n) ‖ p(z)) for discrete latents, exactly.

    Parameters
    ----------
    conditional : (N, K_1, …, K_L), one table of probabilities q(z | x_n) for each data point.
    priors : L vectors of probabilities (K_l,), positive; p(z) is their product.

    Raises
    ------
    TypeError, ValueError : these are not probabilities, or the shapes do not fit.
    """
    conditional = check_array("conditional", conditional, min_size=1)
    if conditional.ndim != len(priors) + 1:
        raise ValueError(f"conditional must have one axis more than there are priors, {len(priors)}; got "
                         f"shape {conditional.shape}")  # fmt: skip
    for table in conditional:
        _check_probabilities("conditional", table)
    sizes = conditional.shape[1:]
    priors = [
        _check_probabilities("priors", check_array("priors", p, shape=(size,), positive=True))
        for p, size in zip(priors, sizes, strict=True)
    ]
    aggregate = conditional.mean(0)
    marginals = _marginals(aggregate)
    information = _entropy([aggregate]) - float(np.mean([_entropy([table]) for table in conditional]))
    cross = -sum(float(marginal @ np.log(prior)) for marginal, prior in zip(marginals, priors, strict=True))
    log_prior = sum(
        np.log(prior).reshape([-1 if axis == place else 1 for axis in range(len(sizes))])
        for place, prior in enumerate(priors)
    )
    kl = float((xlogy(conditional, conditional) - conditional * log_prior).sum() / len(conditional))
    correlation = _entropy(marginals) - _entropy([aggregate])
    return KLParts(kl, information, correlation, cross - _entropy(marginals))


def gaussian_kl_parts(covariance: Any, variance: Any, *, mean: Any = None) -> KLParts:
    """Return the decomposition for Gaussian data behind a linear encoder, exactly.

    The means of q(z | x) are distributed as N(mean, covariance), its variances are the same for all x, so that the
    aggregate posterior is N(mean, covariance + diag(variance)).

    Parameters
    ----------
    covariance : (L, L), of the means of q.
    variance : (L,), of q.
    mean : (L,), average of the means of q; zero without it.

    Raises
    ------
    TypeError, ValueError : the covariance is not positive definite, or the shapes do not fit.
    """
    covariance = check_covariance("covariance", covariance)
    size = len(covariance)
    variance = check_array("variance", variance, shape=(size,), positive=True)
    mean = np.zeros(size) if mean is None else check_array("mean", mean, shape=(size,))
    aggregate = covariance + np.diag(variance)
    spread, log_det = np.diag(aggregate), np.linalg.slogdet(aggregate)[1]
    squares = np.square(mean) + spread
    return KLParts(
        kl=0.5 * float((squares - 1 - np.log(variance)).sum()),
        mutual_information=0.5 * float(log_det - np.log(variance).sum()),
        total_correlation=0.5 * float(np.log(spread).sum() - log_det),
        dimension_wise=0.5 * float((squares - 1 - np.log(spread)).sum()),
    )


WEIGHTINGS = ("stratified", "weighted")

_ENTRIES = 1_000_000  # numbers in one block of log-densities: some megabytes


def aggregate_log_prob(
    z: Any, mean: Any, log_var: Any, *, size: int | None = None, weighting: str = "stratified"
) -> tuple[np.ndarray, np.ndarray]:
    """Return log q(z_m) (M,) and log q(z_ml) (M, L) of the aggregate posterior, estimated from a batch, in nats.

    Row m of z was drawn from the q with row m of mean and log_var. If the M rows are a batch of `size` = N data points,
    their own q counts 1/N in the average, and the others stand for all those that were left out: "stratified" gives
    each of them (N − 1) / (N (M − 1)), so that the density is right on average and exact for M = N; "weighted" gives
    every row, their own too, 1/(NM), the simplest rule and far too low for large batches.

    Parameters
    ----------
    z, mean, log_var : (M, L).
    size : data points that the batch was drawn from; without it the batch is all of them.
    weighting : "stratified" or "weighted".

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, `size` is below M, or a batch of one stands for more.

    Source: Chen et al. (2018), appendix C: minibatch weighted and minibatch stratified sampling, the latter with the
    weights averaged over the order of the batch.
    """
    z = check_array("z", z, shape=(None, None), min_size=1)
    mean = check_array("mean", mean, shape=z.shape)
    log_var = check_array("log_var", log_var, shape=z.shape)
    batch = len(z)
    size = batch if size is None else check_scalar("size", size, integer=True, minimum=batch)
    own = other = -math.log(batch * size)
    if check_choice("weighting", weighting, WEIGHTINGS) == "stratified":
        if batch == 1 < size:
            raise ValueError(f"z must have at least two rows to stand for {size} data points; got one")
        own, other = -math.log(size), (math.log((size - 1) / (size * (batch - 1))) if batch > 1 else 0.0)
    joint, each = np.empty(batch), np.empty(z.shape)
    block = max(1, _ENTRIES // batch)
    for start in range(0, batch, block):
        rows = np.arange(start, min(start + block, batch))
        weights = np.full((len(rows), batch), other)
        weights[np.arange(len(rows)), rows] = own
        total = weights.copy()
        for latent in range(z.shape[1]):
            squares = np.square(z[rows, latent, None] - mean[:, latent]) * np.exp(-log_var[:, latent])
            terms = -0.5 * (squares + log_var[:, latent] + math.log(2 * math.pi))
            total += terms
            each[rows, latent] = _log_sum_exp(terms + weights)
        joint[rows] = _log_sum_exp(total)
    return joint, each


def kl_parts(
    mean: Any, log_var: Any, *, size: int | None = None, weighting: str = "stratified", draws: int = 1, seed: int = 0
) -> KLParts:
    """Return the decomposition of the averaged KL term, estimated by draws of z from each q.

    `kl` is the closed form, averaged over the rows. The parts are averages over the draws of log q(z|x) − log q(z),
    log q(z) − Σ log q(z_l) and Σ log q(z_l) − log p(z), so they add up to `kl` only up to the error of the draws.

    Parameters
    ----------
    mean, log_var : (M, L), of q(z | x) for M data points.
    size, weighting : as for `aggregate_log_prob`.
    draws : of z for each data point.
    seed : for the draws.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    mean = check_array("mean", mean, shape=(None, None), min_size=1)
    log_var = check_array("log_var", log_var, shape=mean.shape)
    draws = check_scalar("draws", draws, integer=True, minimum=1)
    rng = np.random.default_rng(check_scalar("seed", seed, integer=True, non_negative=True))
    totals = np.zeros(3)
    for _ in range(draws):
        noise = rng.standard_normal(mean.shape)
        z = mean + np.exp(0.5 * log_var) * noise
        joint, each = aggregate_log_prob(z, mean, log_var, size=size, weighting=weighting)
        constant = math.log(2 * math.pi)
        conditional = -0.5 * (np.square(noise) + log_var + constant).sum(-1)
        prior = -0.5 * (np.square(z) + constant).sum(-1)
        product = each.sum(-1)
        totals += [(conditional - joint).mean(), (joint - product).mean(), (product - prior).mean()]
    kl = 0.5 * float((np.exp(log_var) + np.square(mean) - 1 - log_var).sum(-1).mean())
    return KLParts(kl, *map(float, totals / draws))


def _log_sum_exp(rows: np.ndarray) -> np.ndarray:
    """Return log Σ exp along the last axis; several times as fast as scipy's, which allows for signs and infinities."""
    top = rows.max(-1, keepdims=True)
    return np.log(np.exp(rows - top).sum(-1)) + top[..., 0]


def _check_probabilities(name: str, value: Any) -> np.ndarray:
    table = check_array(name, value, min_size=1)
    if table.min() < 0:
        raise ValueError(f"{name} must not be negative; its smallest entry is {table.min():.6g}")
    if abs(table.sum() - 1) > 1e-9:
        raise ValueError(f"{name} must add up to 1; the sum is {table.sum():.10g}")
    return table


def _marginals(joint: np.ndarray) -> list[np.ndarray]:
    axes = range(joint.ndim)
    return [joint.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]


def _entropy(tables: Sequence[np.ndarray]) -> float:
    """Return the sum of the entropies of some tables of probabilities, in nats."""
    return -float(sum(xlogy(table, table).sum() for table in tables))


# --- rate, distortion and schedules -----------------------------------------------------------------------------------


def reverse_water_filling(variances: Any, level: float) -> tuple[float, float]:
    """Return the smallest rate, in nats, and the squared error it leaves, for independent Gaussian features.

    A feature with a variance above the water level is described until its error is the level; one below is not
    described at all, and its error is its variance. A linear Gaussian VAE whose likelihood has the variance c, trained
    with β, ends at the level β · c.

    Parameters
    ----------
    variances : (D,), positive; of correlated features take the eigenvalues of the covariance.
    level : positive.

    Raises
    ------
    TypeError, ValueError : the variances or the level are not positive.

    Source: Cover and Thomas, "Elements of Information Theory" (2006), theorem 10.3.3.
    """
    variances = check_array("variances", variances, shape=(None,), min_size=1, positive=True)
    errors = np.minimum(variances, check_scalar("level", level, positive=True))
    return float(0.5 * np.log(variances / errors).sum()), float(errors.sum())


def linear_schedule(step: int, steps: int, *, start: float = 0.0, end: float = 1.0) -> float:
    """Return a weight or a capacity that goes from `start` at step 0 to `end` at step `steps`, then stays.

    From 0 to 1 it is the warm-up of the KL's weight; from 0 to so many nats it is a capacity schedule.

    Raises
    ------
    TypeError, ValueError : `step` is negative, `steps` is below 1, or one of them is not a whole number.

    Source: Bowman et al. (2016), arXiv 1511.06349, for the weight; Burgess et al. (2018), arXiv 1804.03599, for the
    capacity.
    """
    step = check_scalar("step", step, integer=True, non_negative=True)
    steps = check_scalar("steps", steps, integer=True, minimum=1)
    start, end = check_scalar("start", start), check_scalar("end", end)
    return start + (end - start) * min(1.0, step / steps)
