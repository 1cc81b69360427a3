"""Lesson 14, richer posteriors: its problems, for which no formula is given."""

import itertools
import math

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception

# --- a shadow ---------------------------------------------------------------------------------------------------------


def _shadow(x, radius, mean, scale):
    turns = np.round(mean / (2 * np.pi)) + np.arange(-3 - int(2 * scale), 4 + int(2 * scale))
    ahead = np.arccos(x / radius)[:, None]
    angles = np.concatenate([ahead + 2 * np.pi * turns, -ahead + 2 * np.pi * turns], axis=1)
    log_prob = -0.5 * ((angles - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    return np.logaddexp.reduce(log_prob, axis=1) - 0.5 * np.log(radius**2 - x**2)


def _shadow_loop(x, radius, mean, scale):
    results = []
    for one in x:
        terms = []
        for sign in (1, -1):
            angle = sign * math.acos(one / radius)
            middle = round((mean - angle) / (2 * math.pi))
            reach = 3 + int(2 * scale)
            for turn in range(middle - reach, middle + reach + 1):
                distance = (angle + 2 * math.pi * turn - mean) / scale
                terms.append(-(distance**2) / 2 - math.log(scale) - math.log(2 * math.pi) / 2)
        slope = radius * math.sin(math.acos(one / radius))
        results.append(special.logsumexp(terms) - math.log(slope))
    return results


def _shadow_torch(x, radius, mean, scale):
    """Fold the angle: modulo a turn, and then onto half a turn."""
    share = torch.acos(torch.tensor(x) / radius)
    turns = torch.tensor(2 * np.pi * np.arange(-4 - int(2 * scale), 5 + int(2 * scale)))
    distance = torch.stack([share, -share], dim=-1)[..., None] + turns - math.remainder(mean, 2 * math.pi)
    log_angle = torch.logsumexp(-0.5 * (distance / scale) ** 2, dim=(1, 2)) - math.log(scale * math.sqrt(2 * math.pi))
    return log_angle - math.log(radius) - torch.log(torch.sin(share))


def _with_branches(angles_of, log_slope_of=None):
    """Build a misconception from the angles that are added up, (N, any), and the logarithm of |dx/dθ|."""

    def answer(x, radius, mean, scale):
        log_prob = stats.norm.logpdf(angles_of(np.arccos(x / radius)[:, None], mean, scale), mean, scale)
        log_slope = 0.5 * np.log(radius**2 - x**2) if log_slope_of is None else log_slope_of(x, radius)
        return special.logsumexp(log_prob, axis=1) - log_slope

    return answer


def _turns(mean, scale):
    return 2 * np.pi * (np.round(mean / (2 * np.pi)) + np.arange(-3 - int(2 * scale), 4 + int(2 * scale)))


def _all_branches(ahead, mean, scale):
    return np.concatenate([ahead + _turns(mean, scale), -ahead + _turns(mean, scale)], axis=1)


def _shadow_in_probabilities(x, radius, mean, scale):
    p = stats.norm.pdf(_all_branches(np.arccos(x / radius)[:, None], mean, scale), mean, scale).sum(1)
    return np.log(p / np.sqrt(radius**2 - x**2))


def _shadow_law(rng):
    """One to six places on the wall; an angle known well or not at all, near 0 or after many turns."""
    radius, scale = 10 ** rng.uniform(-1, 1.5), float(10 ** rng.uniform(-0.7, 0.6))
    mean = float(rng.choice([0.0, rng.normal(0, 2), rng.normal(0, 60)]))
    share = rng.uniform(-0.99, 0.99, rng.integers(1, 7))
    share[rng.random(share.size) < 0.1] = 0.0
    return radius * share, float(radius), mean, scale


shadow_log_prob = Exercise(
    name="shadow_log_prob",
    arguments=("x", "radius", "mean", "scale"),
    returns="log_prob",
    reference=_shadow,
    spellings={"loop": _shadow_loop, "torch": _shadow_torch},
    probes=[
        (np.array([0.0]), 2.0, 0.0, 100.0),
        (np.array([0.5, -0.3]), 1.0, 1.0, 0.4),
        (np.array([2.0, -1.5, 0.2]), 3.0, -2.5, 3.0),
        (np.array([-0.9, -1.15, 0.1]), 1.2, 3.0, 0.45),
        (np.array([-0.85]), 0.9, -3.0, 0.4),
        (np.array([-4.0, 0.0, 3.0]), 5.0, 200.0, 0.8),
    ],
    law=_shadow_law,
    extremes=[
        (np.array([0.9, -0.9, 0.1]), 1.0, 1.0, 0.001),
        (np.array([-20.0, 3.0]), 25.0, -1000.0, 0.01),
    ],
    stable="a log-sum-exp over branches that are counted from `mean`; far from it every density is 0 for a computer",
    misconceptions=[
        Misconception(
            "one branch",
            _with_branches(lambda ahead, mean, scale: ahead),
            "You take the one angle that arccos returns. Which other angles throw the same shadow? The weight may be "
            "in front or behind, and may have gone round.",
        ),
        Misconception(
            "front and back, no turns",
            _with_branches(lambda ahead, mean, scale: np.concatenate([ahead, -ahead], axis=1)),
            "You have the weight in front and behind. After any number of whole turns it stands there again: add up "
            "these angles too, as many as the Gaussian reaches.",
        ),
        Misconception(
            "turns, but one side",
            _with_branches(lambda ahead, mean, scale: ahead + _turns(mean, scale)),
            "You add up the turns, but only for one of the two angles within a turn. −θ has the same cosine as θ.",
        ),
        Misconception(
            "turns around zero",
            _with_branches(
                lambda ahead, mean, scale: np.concatenate([ahead + _turns(0, scale), -ahead + _turns(0, scale)], axis=1)
            ),
            "You add up the turns around 0. `mean` may be a hundred turns away: count from there.",
        ),
        Misconception(
            "no slope",
            _with_branches(_all_branches, lambda x, radius: 0.0 * x),
            "You add up densities of the angle. A density of x is per metre, not per radian: near the edges of the "
            "wall many angles fall on little space. Divide by |dx/dθ|.",
        ),
        Misconception(
            "slope multiplied",
            _with_branches(_all_branches, lambda x, radius: -0.5 * np.log(radius**2 - x**2)),
            "You multiply by |dx/dθ|. Where x moves fast with the angle, the probability is spread thin: divide.",
        ),
        Misconception(
            "radius left out of the slope",
            _with_branches(_all_branches, lambda x, radius: 0.5 * np.log(1 - (x / radius) ** 2)),
            "Your slope is that of the cosine. x is `radius` times as large: R sin θ = √(R² − x²).",
        ),
        Misconception(
            "averaged over the branches",
            lambda x, radius, mean, scale: (
                _with_branches(lambda ahead, m, s: _all_branches(ahead, m, s))(x, radius, mean, scale)
                - np.log(_all_branches(np.zeros((1, 1)), mean, scale).size)
            ),
            "You average over the angles. They exclude each other, so their densities add up.",
        ),
        Misconception(
            "nearest angle",
            _with_branches(
                lambda ahead, mean, scale: np.take_along_axis(
                    _all_branches(ahead, mean, scale),
                    np.abs(_all_branches(ahead, mean, scale) - mean).argmin(1)[:, None],
                    axis=1,
                )
            ),
            "You take the angle that is nearest to `mean`. The others are less probable and still count: add up the "
            "densities of all.",
        ),
        Misconception(
            "sum of the logarithms",
            lambda x, radius, mean, scale: (
                stats.norm.logpdf(
                    np.concatenate([np.arccos(x / radius)[:, None], -np.arccos(x / radius)[:, None]], 1), mean, scale
                ).sum(1)
                - 0.5 * np.log(radius**2 - x**2)
            ),
            "You add logarithms, as if both angles had to occur at once. One *or* the other: densities add, and the "
            "logarithm comes last.",
        ),
        Misconception(
            "densities, not their logarithms",
            _shadow_in_probabilities,
            "Right on paper. But with a small `scale` each density far from `mean` is zero for a computer: add up in "
            "logarithms.",
        ),
    ],
    hints=[
        "Which angles throw a shadow at x? How long is the piece of the wall that a small piece of angle covers?",
        "The angles are ±arccos(x/R) and whole turns more or less. Each brings its density under the Gaussian divided "
        "by |dx/dθ| = √(R² − x²), which is the same for all of them.",
        "With `turns` = whole numbers around mean/2π, as many as the Gaussian reaches (2·scale on both sides will do): "
        "a log-sum-exp over both signs and all turns of the Gaussian log-density, minus ½ log(R² − x²).",
    ],
    praise="A map that is not one-to-one still has a density: add up what arrives. Flows avoid the sum by being "
    "invertible.",
)


# --- mirrors ----------------------------------------------------------------------------------------------------------


def _mirrors(rotation):
    rest, normals = rotation.copy(), np.zeros_like(rotation)
    for j in range(len(rotation)):
        axis = np.eye(len(rotation))[j]
        normal = axis - rest[:, j]
        if np.linalg.norm(normal) > 1e-9:
            normals[j] = normal / np.linalg.norm(normal)
            rest = rest - 2 * np.outer(normals[j], normals[j] @ rest)
    return normals


def _mirrors_torch(rotation):
    rest = torch.tensor(rotation)
    identity, normals = torch.eye(len(rest), dtype=rest.dtype), []
    for column in range(len(rest)):
        normal = identity[column] - rest[:, column]
        length = normal.norm()
        unit = normal / length if length > 1e-9 else torch.zeros_like(normal)
        normals.append(unit)
        rest = (identity - 2 * torch.outer(unit, unit)) @ rest
    return torch.stack(normals)


def _mirrors_one_column_each(rotation):
    """Take each column through the mirrors that were found before."""
    normals = []
    for j, column in enumerate(rotation.T):
        image = column.copy()
        for normal in normals:
            image -= 2 * (normal @ image) * normal
        image[j] -= 1
        length = np.sqrt(np.sum(image**2))
        normals.append(-image / length if length > 1e-9 else 0 * image)
    return np.array(normals)


def _mirrors_with(target=1.0, factor=2.0, keep=False, least=1e-9, unit=True):
    """Build a misconception about where a column goes, how a mirror acts, what is done next, or what counts as 0."""

    def answer(rotation):
        rest, normals = rotation.copy(), np.zeros_like(rotation)
        for j in range(len(rotation)):
            normal = target * np.eye(len(rotation))[j] - rest[:, j]
            length = np.linalg.norm(normal)
            if length > least:
                normals[j] = normal / length
                if not keep:
                    rest = rest - factor * np.outer(normals[j], normals[j] @ rest)
                normals[j] *= 1 if unit else length
        return normals

    return answer


def _mirrors_of_qr(rotation):
    """The textbook's vectors: each takes a column to the side of its axis that is farther away."""
    rest, normals = rotation.copy(), np.zeros_like(rotation)
    for j in range(len(rotation)):
        normal = rest[:, j] + np.where(rest[j, j] >= 0, 1, -1) * np.eye(len(rotation))[j]
        normals[j] = normal / np.linalg.norm(normal)
        rest = rest - 2 * np.outer(normals[j], normals[j] @ rest)
    return normals


def _rotation_law(rng):
    """Rotations and mirrored ones in one to five dimensions; some leave axes alone, some exchange them."""
    size = int(rng.integers(1, 6))
    kind = rng.random()
    if kind < 0.2:
        rotation = np.eye(size)[rng.permutation(size)] * rng.choice([-1.0, 1.0], size)
    else:
        rotation = np.eye(size)
        moved = size if kind < 0.7 else int(rng.integers(1, size + 1))
        first = int(rng.integers(0, size - moved + 1))
        block = np.linalg.qr(rng.normal(size=(moved, moved)))[0] * rng.choice([-1.0, 1.0], moved)
        rotation[first : first + moved, first : first + moved] = block
    return (rotation + 0.0,)


_TURN = np.array([[0.6, -0.8], [0.8, 0.6]])

mirrors_of = Exercise(
    name="mirrors_of",
    arguments=("rotation",),
    returns="normals",
    reference=_mirrors,
    spellings={"torch": _mirrors_torch, "column by column": _mirrors_one_column_each},
    probes=[
        (np.array([[0.0, 1.0], [1.0, 0.0]]),),
        (_TURN,),
        (np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3,),
        (np.array([[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 0.8, 0.6]]),),
        (np.array([[-1.0]]),),
    ],
    law=_rotation_law,
    misconceptions=[
        Misconception(
            "to the far side",
            _mirrors_with(target=-1.0),
            "Your mirrors take a column to *minus* its axis. Then what is left at the end is a matrix of signs, and "
            "not the identity.",
        ),
        Misconception(
            "columns of the matrix as it was",
            _mirrors_with(keep=True),
            "The first mirror is right. It moves the other columns too: the second one has to take care of what has "
            "become of the second column.",
        ),
        Misconception(
            "projection for reflection",
            _mirrors_with(factor=1.0),
            "The first mirror is right. After it you take v(v·x) off once: that lays x onto the mirror's plane. A "
            "mirror goes as far again on the other side, 2 v(v·x).",
        ),
        Misconception(
            "rows for columns",
            lambda rotation: _mirrors(rotation.T.copy()),
            "You work on rows, and so find the mirrors of the inverse rotation. The first mirror, applied from the "
            "left, is to bring the first *column* to its axis.",
        ),
        Misconception(
            "rounding for a mirror",
            _mirrors_with(least=0.0),
            "A column that is on its axis up to 1e-16 gets a mirror of its own, made of rounding errors. Within 1e-9 "
            "it needs none: a row of zeros.",
        ),
        Misconception(
            "not of length 1",
            _mirrors_with(unit=False),
            "The directions are right. Asked for are vectors of length 1, and rows of zeros.",
        ),
        Misconception(
            "vectors of QR",
            _mirrors_of_qr,
            "These are the vectors of a QR decomposition by Householder. Its mirrors take a column to the side of the "
            "axis that is farther away, and what is left is a matrix of signs.",
        ),
    ],
    hints=[
        "One mirror exchanges two different vectors a and b of the same length. Where must it stand, and what is "
        "perpendicular to it?",
        "The normal is along a − b. Everything perpendicular to a − b stays where it is: why are the axes that were "
        "reached before among that?",
        "For j = 0 … D − 1: normal = axis j − column j of `rest`; if its length exceeds 1e-9, divide by it, store it, "
        "and replace `rest` by rest − 2 v (v @ rest), with v as a column.",
    ],
    praise="D mirrors give any rotation, and these are the fewest: each adds a direction that stays. D(D − 1)/2 angles "
    "are stored in vectors.",
)


# --- two colleagues ---------------------------------------------------------------------------------------------------


def _bounds_at(log_w, k):
    """Return for each picture the bound with k draws, averaged over all choices of k among the draws."""
    choices = np.array(list(itertools.combinations(range(len(log_w)), k)))
    return (np.logaddexp.reduce(log_w[choices], axis=1) - np.log(k)).mean(axis=0)


def _fair(log_w_a, log_w_b):
    k = min(len(log_w_a), len(log_w_b))
    difference = _bounds_at(log_w_a, k) - _bounds_at(log_w_b, k)
    return np.mean(difference), np.std(difference, ddof=1) / np.sqrt(len(difference))


def _fair_torch(log_w_a, log_w_b):
    tables = torch.tensor(log_w_a), torch.tensor(log_w_b)
    k = min(map(len, tables))

    def bounds(table):
        chosen = torch.combinations(torch.arange(len(table)), k)
        return torch.logsumexp(table[chosen], 1).mean(0) - math.log(k)

    difference = bounds(tables[0]) - bounds(tables[1])
    return difference.mean(), (difference.var() / difference.numel()) ** 0.5


def _fair_loop(log_w_a, log_w_b):
    k, differences = min(log_w_a.shape[0], log_w_b.shape[0]), []
    for column_a, column_b in zip(log_w_a.T, log_w_b.T, strict=True):
        bounds = []
        for column in (column_a, column_b):
            estimates = [np.logaddexp.reduce(group) - math.log(k) for group in itertools.combinations(column, k)]
            bounds.append(sum(estimates) / len(estimates))
        differences.append(bounds[0] - bounds[1])
    return sum(differences) / len(differences), stats.sem(differences)


def _compared(bounds_of):
    """Build a misconception from the bounds (N,) of a table of log-weights, given the k that both have."""

    def answer(log_w_a, log_w_b):
        k = min(len(log_w_a), len(log_w_b))
        difference = bounds_of(log_w_a, k) - bounds_of(log_w_b, k)
        return difference.mean(), stats.sem(difference)

    return answer


def _with_error(error_of):
    """Build a misconception about the standard error, from the bounds (N,) of both."""

    def answer(log_w_a, log_w_b):
        k = min(len(log_w_a), len(log_w_b))
        a, b = _bounds_at(log_w_a, k), _bounds_at(log_w_b, k)
        return np.mean(a - b), error_of(a, b)

    return answer


def _log_mean(log_w, k=None):
    return special.logsumexp(log_w, axis=0) - np.log(len(log_w))


def _drawn_with_repetition(log_w, k):
    choices = np.array(list(itertools.product(range(len(log_w)), repeat=k)))
    return _log_mean(log_w[choices].swapaxes(0, 1)).mean(axis=0)


def _in_groups(log_w, k):
    return np.mean([_log_mean(log_w[i : i + k]) for i in range(0, len(log_w) - k + 1, k)], axis=0)


def _reports_law(rng):
    """One to five draws for each of two to six pictures; pictures differ more than models."""
    pictures = rng.integers(2, 7)
    level = rng.normal(-90, 8, pictures)
    tables = [level + rng.normal(0, rng.choice([0.5, 2.0]), (rng.integers(1, 6), pictures)) for _ in range(2)]
    return tables[0] + rng.normal(0, 1), tables[1]


fair_difference = Exercise(
    name="fair_difference",
    arguments=("log_w_a", "log_w_b"),
    returns=("difference", "standard error"),
    reference=_fair,
    spellings={"torch": _fair_torch, "loop": _fair_loop},
    probes=[
        (np.array([[0.0, 1.0], [math.log(3), 1.0]]), np.array([[0.0, 0.0]])),
        (
            np.array([[-3.0, -5.0, -4.0], [-2.0, -7.0, -4.5], [-6.0, -5.5, -3.0], [-2.5, -6.0, -5.0]]),
            np.array([[-3.5, -5.2, -4.8], [-4.0, -6.0, -3.9]]),
        ),
        (
            np.array([[-90.0, -80.0, -95.0], [-92.0, -81.0, -93.0], [-89.0, -84.0, -94.0]]),
            np.array(
                [
                    [-91.0, -80.5, -94.0],
                    [-90.0, -82.0, -96.0],
                    [-88.5, -83.0, -95.0],
                    [-92.0, -79.0, -93.5],
                    [-90.2, -81.7, -97.0],
                ]
            ),
        ),
    ],
    law=_reports_law,
    extremes=[
        (np.array([[-1000.0, 3.0], [-1002.0, 1.0], [-999.0, 2.0]]), np.array([[-1001.0, 2.0], [-1001.5, 2.5]])),
    ],
    stable="log-sum-exp over the draws of each choice",
    misconceptions=[
        Misconception(
            "as reported",
            _compared(_log_mean),
            "Each has its own k in your comparison. A bound rises with k all by itself: bring both to the same k.",
        ),
        Misconception(
            "first draws only",
            _compared(lambda log_w, k: _log_mean(log_w[:k])),
            "The same k, and so fair; but you throw away all but the first draws. Every choice of k draws gives a "
            "bound with k draws: average over all of them.",
        ),
        Misconception(
            "groups of neighbours",
            _compared(_in_groups),
            "The same k, and so fair; but your answer depends on the order of the draws, which means nothing, and may "
            "leave some out. Average over *all* choices of k draws.",
        ),
        Misconception(
            "one draw each",
            _compared(lambda log_w, k: log_w.mean(axis=0)),
            "You compare the ELBOs. That is fair, and looser than it need be: both have more than one draw for each "
            "picture. Take the largest k that both allow.",
        ),
        Misconception(
            "drawn with repetition",
            _compared(_drawn_with_repetition),
            "You let a draw occur twice in a choice. Then the mean is over fewer than k different weights, and on "
            "average the bound comes out too low.",
        ),
        Misconception(
            "as if the pictures were others",
            _with_error(lambda a, b: np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))),
            "The difference is right. Your error is for two different sets of pictures. They are the same ones: what "
            "makes a picture hard for A makes it hard for B, and cancels in the difference of each.",
        ),
        Misconception(
            "scatter of one picture",
            _with_error(lambda a, b: np.std(a - b, ddof=1)),
            "The difference is right. This is how much one picture's difference scatters. The mean of N scatters less, "
            "by √N.",
        ),
        Misconception(
            "N for N − 1",
            _with_error(lambda a, b: np.std(a - b) / np.sqrt(len(a))),
            "The difference is right. With N in place of N − 1 the scatter of few pictures comes out too small.",
        ),
    ],
    hints=[
        "Which k can both have? And how many different bounds with that k do the longer table's draws give?",
        "k is the smaller number of draws. For each picture average log-mean-exp over all choices of k among the "
        "draws; then one difference for each picture.",
        "`itertools.combinations(range(S), k)` lists the choices. The result is the mean of the differences, and their "
        "standard deviation (N − 1) divided by √N.",
    ],
    praise="A fair comparison of bounds, with its error. Which *model* is better it cannot tell: the gaps may differ.",
)

PROBLEMS = (shadow_log_prob, mirrors_of, fair_difference)
