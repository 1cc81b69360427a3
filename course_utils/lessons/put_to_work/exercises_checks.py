"""Lesson 16, put to work: its exercises about intervals and samples on trial."""

import numpy as np
import torch
from scipy import spatial, special

from course_utils.workshop.exercises import Exercise, Misconception

# --- 16.3 -------------------------------------------------------------------------------------------------------------


def _ends(log_weights, values, level):
    """Lower and upper ends (2, N) of the central intervals."""
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, 0)
    reached = np.cumsum(np.take_along_axis(special.softmax(log_weights, 0), order, 0), axis=0)
    first = [np.argmax(reached >= bound, axis=0) for bound in ((1 - level) / 2, (1 + level) / 2)]
    return np.take_along_axis(ranked, np.array(first), 0)


def _inside(ends, truth):
    lower, upper = ends
    return np.mean((lower <= truth) & (truth <= upper)), np.mean(upper - lower)


def _coverage(log_weights, values, truth, level):
    return _inside(_ends(log_weights, values, level), truth)


def _coverage_loop(log_weights, values, truth, level):
    hits = widths = 0.0
    for logs, draws, true in zip(log_weights.T, values.T, truth, strict=True):
        weights = np.exp(logs - logs.max())
        weights = weights / weights.sum()
        up_to = np.array([weights[draws <= value].sum() for value in draws])
        lower = draws[up_to >= (1 - level) / 2].min()
        upper = draws[up_to >= (1 + level) / 2].min()
        hits += lower <= true <= upper
        widths += upper - lower
    return hits / len(truth), widths / len(truth)


def _coverage_by_numpy(log_weights, values, truth, level):
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights, axis=0))
    both = [(1 - level) / 2, (1 + level) / 2]
    ends = [
        np.quantile(draws, both, weights=weight, method="inverted_cdf")
        for draws, weight in zip(values.T, weights.T, strict=True)
    ]
    lower, upper = np.transpose(ends)
    return 1 - np.mean((truth < lower) | (truth > upper)), np.mean(upper) - np.mean(lower)


def _with_ends(ends):
    return lambda log_weights, values, truth, level: _inside(ends(log_weights, values, level), truth)


def _moment_ends(log_weights, values, level):
    weights = special.softmax(log_weights, 0)
    mean = np.sum(weights * values, axis=0)
    reach = special.ndtri((1 + level) / 2) * np.sqrt(np.sum(weights * (values - mean) ** 2, axis=0))
    return mean - reach, mean + reach


def _draws_counted(log_weights, values, truth, level):
    """Of the draws, and not of the truths, how many lie inside."""
    lower, upper = _ends(log_weights, values, level)
    return np.mean((lower <= values) & (values <= upper)), np.mean(upper - lower)


def _strictly(log_weights, values, truth, level):
    lower, upper = _ends(log_weights, values, level)
    return np.mean((lower < truth) & (truth < upper)), np.mean(upper - lower)


def _width_of_hits(log_weights, values, truth, level):
    lower, upper = _ends(log_weights, values, level)
    inside = (lower <= truth) & (truth <= upper)
    return np.mean(inside), (upper - lower)[inside].mean() if inside.any() else 0.0


def _not_sorted_along(log_weights, values, level):
    """Values sorted, and their weights left where they were."""
    reached = np.cumsum(special.softmax(log_weights, 0), axis=0)
    first = [np.argmax(reached >= bound, axis=0) for bound in ((1 - level) / 2, (1 + level) / 2)]
    return np.take_along_axis(np.sort(values, axis=0), np.array(first), 0)


def _densest(log_weights, values, level):
    """The draws of largest weight, until they have `level` together, and from the least of these to the largest."""
    weights = special.softmax(log_weights, 0)
    order = np.argsort(-weights, axis=0)
    before = np.cumsum(np.take_along_axis(weights, order, 0), axis=0) - np.take_along_axis(weights, order, 0)
    chosen = np.take_along_axis(values, order, 0)
    return np.where(before < level, chosen, np.inf).min(0), np.where(before < level, chosen, -np.inf).max(0)


def _ink_law(rng):
    """One to six pictures, one to twelve draws, whole numbers with ties or others; truths that fit, or do not."""
    draws, pictures = rng.integers(1, 13), rng.integers(1, 7)
    log_weights = rng.normal(0, rng.choice([0.3, 1.5]), (draws, pictures)) + rng.normal(0, 5, pictures)
    values = rng.normal(0, 2, (draws, pictures))
    truth = np.where(rng.random(pictures) < 0.5, values[rng.integers(draws)], rng.normal(0, 2.5, pictures))
    if rng.random() < 0.4:
        values, truth = np.round(values), np.round(truth)
    lost = rng.random((draws, pictures)) < 0.15
    lost[rng.integers(draws)] = False
    log_weights[lost] = -np.inf
    return log_weights, values, truth, float(rng.uniform(0.3, 0.95))


interval_coverage = Exercise(
    name="interval_coverage",
    arguments=("log_weights", "values", "truth", "level"),
    returns=("coverage", "width"),
    reference=_coverage,
    spellings={"loop": _coverage_loop, "np.quantile": _coverage_by_numpy},
    probes=[
        (np.log([[0.1], [0.3], [0.6]]), np.array([[0.0], [1.0], [2.0]]), np.array([1.0]), 0.5),
        (
            np.array([[0.3, -1.0, 0.0], [-0.7, 0.4, 1.0], [1.1, 0.2, -0.4], [0.0, -0.3, 0.6], [-0.2, 0.9, 0.1]]),
            np.array([[3.0, 0.5, 1.0], [1.0, -1.5, 4.0], [2.5, 2.0, 0.0], [-1.0, 0.0, 2.0], [0.2, 1.1, 3.0]]),
            np.array([2.7, 1.9, 5.0]),
            0.6,
        ),
        (
            np.array([[1.0, -0.5], [0.2, 0.7], [-2.0, 0.1], [0.6, -1.2]]),
            np.array([[5.0, 2.0], [3.0, 2.0], [9.0, 7.0], [4.0, 1.0]]),
            np.array([5.0, 1.0]),
            0.8,
        ),
        (
            np.array([[0.2, 0.9, -0.4, 0.5], [0.8, -0.6, 0.3, 0.0], [-0.5, 0.1, 0.7, -0.9]]),
            np.array([[1.0, 6.0, -2.0, 0.0], [4.0, 2.0, 3.0, 5.0], [2.0, -3.0, 1.0, 8.0]]),
            np.array([4.5, 1.0, 3.0, 0.0]),
            0.35,
        ),
    ],
    law=_ink_law,
    extremes=[
        (
            np.array([[-2000.0, 900.0], [-2001.0, 901.5], [-1999.6, 898.0]]),
            np.array([[1.0, 4.0], [2.0, 0.0], [3.0, 7.0]]),
            np.array([1.0, 2.0]),
            0.7,
        ),
        (
            np.array([[-np.inf, -1500.0], [-1990.0, -np.inf], [-1990.5, -1500.2], [-np.inf, -1501.0]]),
            np.array([[-50.0, 1.0], [0.0, 90.0], [1.0, 0.0], [60.0, 2.0]]),
            np.array([0.5, 3.0]),
            0.5,
        ),
    ],
    stable="subtract the largest log-weight of each picture before you take exp, as softmax does",
    misconceptions=[
        Misconception(
            "weights ignored",
            _with_ends(
                lambda log_weights, values, level: _ends(0 * np.exp(log_weights - log_weights.max(0)), values, level)
            ),
            "Every draw counts the same in your intervals. The draws come from q; their weights make a posterior of "
            "them.",
        ),
        Misconception(
            "NumPy's quantile",
            _with_ends(
                lambda log_weights, values, level: np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
            ),
            "np.quantile takes all draws for equally heavy, and looks between two of them. Sort the draws, add up "
            "their weights, and take the draw at which the sum passes the bound.",
        ),
        Misconception(
            "weights of all pictures together",
            _with_ends(
                lambda log_weights, values, level: _ends_of_weights(
                    np.exp(log_weights - log_weights.max())
                    / np.sum(np.exp(log_weights - log_weights.max()), axis=1, keepdims=True),
                    values,
                    level,
                )
            ),
            "You normalised the weights over the pictures. Each picture has its own draws, and *its* weights add up to "
            "1: down the column.",
        ),
        Misconception(
            "weights left unsorted",
            _with_ends(_not_sorted_along),
            "You sorted the values and left their weights where they were. Each value has to take its weight along.",
        ),
        Misconception(
            "not sorted",
            _with_ends(
                lambda log_weights, values, level: np.take_along_axis(
                    values,
                    np.array(
                        [
                            np.argmax(np.cumsum(special.softmax(log_weights, 0), axis=0) >= bound, axis=0)
                            for bound in ((1 - level) / 2, (1 + level) / 2)
                        ]
                    ),
                    0,
                )
            ),
            "You added the weights up in the order of the draws. “Up to a value” means: of all draws that are not "
            "larger. Sort them first.",
        ),
        Misconception(
            "1 − level on each side",
            _with_ends(
                lambda log_weights, values, level: _ends_at(log_weights, values, 1 - level, level),
            ),
            "You left out 1 − level on *each* side, so that the interval holds less than `level`. Half of it belongs "
            "below, half above.",
        ),
        Misconception(
            "one-sided",
            _with_ends(
                lambda log_weights, values, level: (
                    np.where(np.isfinite(log_weights), values, np.inf).min(0),
                    _ends_at(log_weights, values, level, level)[1],
                )
            ),
            "Your interval goes from the smallest draw up to where the weight reaches `level`. A central one leaves "
            "out as much below as above.",
        ),
        Misconception(
            "a Gaussian's interval",
            _with_ends(_moment_ends),
            "You took mean ± so many standard deviations. That is the interval of a Gaussian; a completion may have "
            "two humps.",
        ),
        Misconception(
            "the weightiest draws",
            _with_ends(_densest),
            "You collected the draws of the largest weights. A weight is no density: where draws are many, each may "
            "have a small one. Go through the *values* in order.",
        ),
        Misconception(
            "draws counted",
            _draws_counted,
            "You counted how many *draws* lie inside. About `level` of them always do, by how the interval was made, "
            "whether the model is right or not. The truths are the test.",
        ),
        Misconception(
            "ends excluded",
            _strictly,
            "The ends belong to the interval: with ink that is counted in whole pixels the truth is often exactly "
            "there.",
        ),
        Misconception(
            "width of those that hold the truth",
            _width_of_hits,
            "The coverage is right. The width was averaged over the intervals that hold the truth; those that miss it "
            "count as well, and they are often the narrow ones.",
        ),
        Misconception(
            "median width",
            lambda log_weights, values, truth, level: (
                _coverage(log_weights, values, truth, level)[0],
                np.median(np.diff(_ends(log_weights, values, level), axis=0)),
            ),
            "The coverage is right. You gave the median of the widths; the mean was asked for.",
        ),
    ],
    hints=(
        "Sort the draws of a picture, take the weights along, and add them up from the smallest value on. Where does "
        "that sum pass the two bounds?",
        "`order = np.argsort(values, axis=0)` and `np.take_along_axis` sort both tables in the same way; weights of a "
        "column are `softmax(log_weights, axis=0)`.",
        "With `reached = np.cumsum(sorted_weights, axis=0)` the place of an end is `(reached < bound).sum(axis=0)`; "
        "then count lower ≤ truth ≤ upper.",
    ),
    praise="A coverage of N pictures is itself a share of N: near 0.9 its standard error is 0.3/√N.",
)


def _ends_at(log_weights, values, low, high):
    return _bounded(special.softmax(log_weights, 0), values, (low, high))


def _ends_of_weights(weights, values, level):
    return _bounded(weights, values, ((1 - level) / 2, (1 + level) / 2))


def _bounded(weights, values, bounds):
    order = np.argsort(values, axis=0)
    reached = np.cumsum(np.take_along_axis(weights, order, 0), axis=0)
    first = [np.minimum(np.sum(reached < bound, axis=0), len(values) - 1) for bound in bounds]
    return np.take_along_axis(np.take_along_axis(values, order, 0), np.array(first), 0)


# --- 16.10 ------------------------------------------------------------------------------------------------------------


def _reach(points, k):
    """How far the ball of each point reaches: to its k-th neighbour, itself not counted."""
    return np.sort(spatial.distance.cdist(points, points), axis=1)[:, k]


def _share_within(points, centres, reach):
    return np.mean((spatial.distance.cdist(points, centres) <= reach).any(axis=1))


def _near(real, fake, k):
    return _share_within(fake, real, _reach(real, k)), _share_within(real, fake, _reach(fake, k))


def _near_loop(real, fake, k):
    def share(points, centres):
        radii = []
        for place, centre in enumerate(centres):
            others = np.delete(centres, place, axis=0)
            radii.append(sorted(np.sum((others - centre) ** 2, axis=1))[k - 1])
        inside = 0
        for point in points:
            squares = ((centres - point) ** 2).sum(axis=1)
            inside += any(square <= radius for square, radius in zip(squares, radii, strict=True))
        return inside / len(points)

    return share(fake, real), share(real, fake)


def _near_by_torch(real, fake, k):
    one, other = torch.from_numpy(real), torch.from_numpy(fake)

    def share(points, centres):
        own = (centres[:, None] - centres).square().sum(2)
        own.fill_diagonal_(torch.inf)
        reach = own.kthvalue(k, dim=1).values
        return ((points[:, None] - centres).square().sum(2) <= reach).any(1).double().mean()

    return share(other, one), share(one, other)


def _from_both(share):
    """Build a misconception from the share of points near a set, used in both directions."""
    return lambda real, fake, k: (share(fake, real, k), share(real, fake, k))


def _distances(first, second):
    return spatial.distance.cdist(first, second)


def _ball_of_the_nearest(points, centres, k):
    apart = _distances(points, centres)
    nearest = apart.argmin(axis=1)
    return np.mean(apart.min(axis=1) <= _reach(centres, k)[nearest])


def _own_ball(points, centres, k):
    return np.mean((_distances(points, centres) <= _reach(points, k)[:, None]).any(axis=1))


def _without_root(points, centres, k):
    return np.mean((_distances(points, centres) ** 2 <= _reach(centres, k)).any(axis=1))


def _union_reach(points, centres, k):
    """The k-th neighbour in both sets together."""
    reach = np.sort(_distances(centres, np.concatenate([centres, points])), axis=1)[:, k]
    return _share_within(points, centres, reach)


def _clouds_law(rng):
    """Three to nine points of each kind, one to three dimensions; grids with ties, copies, clouds apart or not."""
    m, n, size = rng.integers(3, 10), rng.integers(3, 10), rng.integers(1, 4)
    real = rng.normal(0, 1.5, (m, size))
    fake = rng.normal(rng.normal(0, 1, size), rng.choice([0.4, 1.5]), (n, size))
    if rng.random() < 0.4:
        real, fake = np.round(real), np.round(fake)
    if rng.random() < 0.4:
        fake[0] = real[0]
    return real, fake, int(rng.integers(1, min(m, n)))


precision_and_recall = Exercise(
    name="precision_and_recall",
    arguments=("real", "fake", "k"),
    returns=("precision", "recall"),
    reference=_near,
    spellings={"loop": _near_loop, "torch": _near_by_torch},
    probes=[
        (np.array([[0.0], [1.0], [5.0]]), np.array([[0.5], [0.6], [0.7]]), 1),
        (
            np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [7.0, 7.0], [5.0, 1.0]]),
            np.array([[1.0, 1.0], [2.0, 2.0], [9.0, 0.0], [6.0, 8.5]]),
            2,
        ),
        (
            np.array([[0.2], [0.9], [1.1], [4.0], [4.6], [8.0]]),
            np.array([[0.5], [4.2], [4.3], [6.0], [-3.0], [5.1], [12.0]]),
            1,
        ),
        (np.array([[0.0], [1.0], [2.0], [6.0]]), np.array([[3.0], [4.0], [9.0]]), 1),
        (
            np.array([[0.1, 0.4], [1.5, -0.2], [-0.8, 2.0], [3.1, 0.6], [2.2, 2.4], [0.3, 0.2]]),
            np.array([[0.2, 0.3], [4.0, 4.0], [2.0, 1.1], [-2.5, 0.4], [3.3, 0.1]]),
            3,
        ),
    ],
    law=_clouds_law,
    draws=24,
    misconceptions=[
        Misconception(
            "itself counted as a neighbour",
            _from_both(lambda points, centres, k: _share_within(points, centres, _reach(centres, k - 1))),
            "Your balls are too small: you counted the point itself as its first neighbour, at distance 0. With k = 1 "
            "no ball would hold anything else.",
        ),
        Misconception(
            "one neighbour too far",
            _from_both(
                lambda points, centres, k: _share_within(points, centres, _reach(centres, min(k + 1, len(centres) - 1)))
            ),
            "Your balls reach to the neighbour number k + 1. In a sorted row that holds the distance 0 to the point "
            "itself, the k-th neighbour stands at index k.",
        ),
        Misconception(
            "precision and recall exchanged",
            lambda *arguments: _near(*arguments)[::-1],
            "The two have changed places. Precision is about the *invented* points, recall about the real ones.",
        ),
        Misconception(
            "the ball of the nearest",
            _from_both(_ball_of_the_nearest),
            "You looked only at the ball of the *nearest* point. Another point, further away, may have a larger ball.",
        ),
        Misconception(
            "balls around the points that are judged",
            _from_both(_own_ball),
            "Your balls are those of the points that are judged. A stray invented point has a large ball and would "
            "pass easily. The balls belong to the set that something is to be near to.",
        ),
        Misconception(
            "one radius for all",
            _from_both(
                lambda points, centres, k: _share_within(
                    points, centres, np.full(len(centres), _reach(centres, k).mean())
                )
            ),
            "You used one radius for all, the mean. Where points are dense, balls are to be small.",
        ),
        Misconception(
            "edge excluded",
            _from_both(
                lambda points, centres, k: np.mean((_distances(points, centres) < _reach(centres, k)).any(axis=1))
            ),
            "A point on the edge of a ball lies in it: ≤ and not <.",
        ),
        Misconception(
            "neighbours in both sets",
            _from_both(_union_reach),
            "You looked for the k-th neighbour in both sets together. Then the balls shrink as the other set comes "
            "near. They reach to a neighbour of their *own* set.",
        ),
        Misconception(
            "square against distance",
            _from_both(_without_root),
            "You compared squared distances with a radius that is not squared.",
        ),
        Misconception(
            "balls counted",
            _from_both(
                lambda points, centres, k: np.mean((_distances(points, centres) <= _reach(centres, k)).sum(axis=1))
            ),
            "You counted the balls that hold a point, and averaged. A point counts once, however many balls hold it.",
        ),
        Misconception(
            "share of the balls that hold something",
            _from_both(
                lambda points, centres, k: np.mean((_distances(points, centres) <= _reach(centres, k)).any(axis=0))
            ),
            "You gave the share of the *balls* that hold a point. Asked for is the share of the points that are held "
            "by a ball.",
        ),
        Misconception(
            "along the axes",
            _from_both(
                lambda points, centres, k: np.mean(
                    (
                        spatial.distance.cdist(points, centres, "cityblock")
                        <= np.sort(spatial.distance.cdist(centres, centres, "cityblock"), axis=1)[:, k]
                    ).any(axis=1)
                )
            ),
            "You added up absolute differences. Distances are Euclidean.",
        ),
    ],
    hints=(
        "First how far each ball reaches, from distances within one set; then who lies in which ball, from distances "
        "between the sets.",
        "`scipy.spatial.distance.cdist(a, b)` is the table of distances. In a sorted row of `cdist(real, real)` the "
        "first entry, 0, is the point itself.",
        "`reach = np.sort(cdist(real, real), axis=1)[:, k]`; precision is `(cdist(fake, real) <= reach).any(axis=1)"
        ".mean()`; recall is the same with both sets exchanged.",
    ),
    praise="Copies of a single real point have precision 1, which is why precision alone proves little.",
)
