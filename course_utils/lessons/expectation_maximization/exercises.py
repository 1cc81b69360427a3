"""Lesson 03, expectation–maximization: its exercises."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.lessons.expectation_maximization.exercise_bic import bic
from course_utils.workshop.exercises import Exercise, Misconception


def _log_joint(data, weights, means, covariances):
    """Log π_k + log N(x_n | μ_k, Σ_k), an array (N, K)."""
    columns = [
        stats.multivariate_normal.logpdf(data, mean, covariance).reshape(len(data))
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    return np.log(weights) + np.stack(columns, axis=1)


def _posterior(data, weights, means, covariances):
    return special.softmax(_log_joint(data, weights, means, covariances), axis=1)


def _log_joint_torch(data, weights, means, covariances):
    components = torch.distributions.MultivariateNormal(torch.as_tensor(means), torch.as_tensor(covariances))
    return torch.log(torch.as_tensor(weights)) + components.log_prob(torch.as_tensor(data)[:, None, :])


def _random_covariances(rng, components, columns):
    roots = rng.normal(size=(components, columns, columns))
    return roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(columns)


_RNG = np.random.default_rng(31)
_TWO = (
    np.array([0.3, 0.7]),
    np.array([[0.0, 0.0], [2.0, 1.0]]),
    np.array([[[1.0, 0.4], [0.4, 0.5]], [[2.0, -0.5], [-0.5, 1.0]]]),
)
_THREE = (np.array([0.2, 0.5, 0.3]), 2 * _RNG.normal(size=(3, 3)), _random_covariances(_RNG, 3, 3))
_GEYSER = (
    np.array([0.36, 0.64]),
    np.array([[2.0, 54.0], [4.3, 80.0]]),
    np.array([[[0.07, 0.4], [0.4, 34.0]], [[0.17, 0.9], [0.9, 36.0]]]),
)
_ERUPTIONS = np.array([[3.6, 79.0], [1.8, 54.0], [3.333, 74.0], [2.283, 62.0], [4.533, 85.0], [2.883, 55.0]])
_SMALL = np.array([[0.0, 0.5], [1.0, 0.5], [2.5, 0.0]])
_CLOUD = 2 * _RNG.normal(size=(8, 3))


def _mixture(rng):
    """Draw data and a mixture: few points and components, up to twelve dimensions, equal means, rare ones, any unit."""
    components, columns = rng.integers(1, 5), rng.integers(4, 13) if rng.random() < 0.15 else rng.integers(1, 4)
    means = rng.normal(0, 2, (components, columns))
    if rng.random() < 0.2:
        means[:] = means[0]
    covariances = _random_covariances(rng, components, columns)
    near = rng.integers(components, size=rng.integers(1, 5))
    data = means[near] + np.sqrt(covariances[near].diagonal(axis1=1, axis2=2)) * rng.normal(size=(len(near), columns))
    weights = rng.dirichlet(np.full(components, 2.0))
    if rng.random() < 0.3:
        weights = special.softmax(rng.uniform(-20, 0, components))
    unit = 10 ** rng.uniform(-3, 2) if rng.random() < 0.3 else 1.0
    return unit * data, weights, unit * means, unit**2 * covariances


def _shares(rng, count, components):
    """Draw rows that sum to 1, with zeros among them; some columns are small, but none is zero altogether."""
    table = special.softmax(rng.normal(0, 1.5, (count, components)), axis=1)
    for row in range(count):
        kept = rng.random(components) < 0.7
        if kept.any() and (np.delete(table, row, axis=0)[:, ~kept] > 0).any(axis=0).all():
            table[row] = table[row] * kept / table[row][kept].sum()
    rest = np.delete(table, 0, axis=1).sum(axis=1)
    if rng.random() < 0.4 and (rest > 1e-3).all():
        small = table[:, 0] * 10 ** rng.uniform(-5, -1) / table[:, 0].max()
        table = np.column_stack([small, table[:, 1:] * ((1 - small) / rest)[:, None]])
    return table


# 80 standard deviations away from every component, beside ordinary points: a tie between equal shapes, one where the
# wider component wins although the other is nearer, one that is shared without a tie, two in one dimension.
_EYE = np.eye(2)
_FAR_OUT = [
    (
        np.array([[0.0, 80.0], [0.5, 0.0], [0.0, -60.0]]),
        np.array([0.25, 0.75]),
        np.array([[-1.0, 0.0], [1.0, 0.0]]),
        np.array([_EYE, _EYE]),
    ),
    (
        np.array([[60.0, 0.0], [1.0, 1.0], [62.0, -50.0]]),
        np.array([0.6, 0.4]),
        np.array([[2.0, 0.0], [-2.0, 0.0]]),
        np.array([_EYE, 1.5 * _EYE]),
    ),
    (
        np.array([[60.0, 0.0], [-80.0, 3.0]]),
        np.array([0.3, 0.7]),
        np.array([[0.01, 0.0], [-0.01, 0.0]]),
        np.array([_EYE, _EYE]),
    ),
    (np.array([[-80.0]]), np.array([0.2, 0.8]), np.array([[0.005], [-0.005]]), np.array([[[1.0]], [[1.0]]])),
    (np.array([[60.0, -70.0], [-80.0, 10.0], [1.0, 1.0]]), *_TWO),
]
_STABLE = "log-densities (logpdf) all the way, with log-sum-exp over the components of each point"


# E-step
def _e_step_loop(data, weights, means, covariances):
    rows = []
    for x in data:
        terms = []
        for weight, mean, covariance in zip(weights, means, covariances, strict=True):
            square = (x - mean) @ np.linalg.solve(covariance, x - mean)
            terms.append(np.log(weight) - 0.5 * (np.linalg.slogdet(2 * np.pi * covariance)[1] + square))
        top = max(terms)
        shares = [np.exp(term - top) for term in terms]
        rows.append([share / sum(shares) for share in shares])
    return rows


def _e_step_naive(data, weights, means, covariances):
    joint = np.exp(_log_joint(data, weights, means, covariances))
    return joint / joint.sum(axis=1, keepdims=True)


def _without_determinant(data, weights, means, covariances):
    half_logdets = 0.5 * np.linalg.slogdet(covariances)[1]
    return special.softmax(_log_joint(data, weights, means, covariances) + half_logdets, axis=1)


def _one_hot(table):
    return np.eye(table.shape[1])[np.argmax(table, axis=1)]


e_step = Exercise(
    name="e_step",
    arguments=("data", "weights", "means", "covariances"),
    returns="responsibilities",
    reference=_posterior,
    spellings={
        "loop": _e_step_loop,
        "torch": lambda *arguments: torch.softmax(_log_joint_torch(*arguments), dim=1),
        "logsumexp": lambda *arguments: np.exp(
            _log_joint(*arguments) - special.logsumexp(_log_joint(*arguments), axis=1, keepdims=True)
        ),
        "odds": lambda *arguments: [
            [1 / np.sum(np.exp(np.minimum(row - value, 600))) for value in row] for row in _log_joint(*arguments)
        ],
    },
    probes=[
        (_SMALL, *_TWO),
        (_ERUPTIONS, *_GEYSER),
        (_CLOUD, *_THREE),
        (_SMALL[:1], *_TWO),
        (np.array([[-1.0], [0.5]]), np.array([1.0]), np.array([[2.0]]), np.array([[[0.7]]])),
        (np.array([[-6.3], [1.0]]), np.array([1 - 2e-9, 2e-9]), np.array([[0.0], [-6.3]]), np.ones((2, 1, 1))),
    ],
    law=_mixture,
    extremes=_FAR_OUT,
    stable=_STABLE,
    misconceptions=[
        Misconception(
            "weights left out",
            lambda data, weights, means, covariances: _posterior(data, np.ones(len(weights)), means, covariances),
            "The weights π_k are missing. A rare component needs more evidence: Bayes' rule multiplies each density "
            "by its prior probability.",
        ),
        Misconception(
            "not normalised",
            lambda *arguments: np.exp(_log_joint(*arguments)),
            "These are the joint densities p(x, z = k). Divide each row by its sum, p(x), so that it adds up to 1.",
        ),
        Misconception(
            "normalised over the data",
            lambda *arguments: special.softmax(_log_joint(*arguments), axis=0),
            "Each column adds up to 1. The question is 'which component, for this point', so each row must.",
        ),
        Misconception(
            "underflow",
            _e_step_naive,
            "Right on paper. But for a point far from all components every density becomes 0, and 0/0 is NaN. "
            "Subtract each row's largest logarithm before you take exponentials.",
        ),
        Misconception(
            "hard assignment",
            lambda *arguments: _one_hot(_log_joint(*arguments)),
            "You give each point wholly to its most probable component. The E-step keeps the probabilities: a point "
            "between two components belongs to both in part.",
        ),
        Misconception(
            "left in logarithms",
            lambda *arguments: special.log_softmax(_log_joint(*arguments), axis=1),
            "These are the logarithms of the responsibilities; take the exponential at the end.",
        ),
        Misconception(
            "determinant left out",
            _without_determinant,
            "The normaliser |2πΣ_k|^(−½) of the densities is missing. It differs between the components, so it does "
            "not cancel: without it a wide component claims far too much.",
        ),
        Misconception(
            "correlation ignored",
            lambda data, weights, means, covariances: _posterior(
                data, weights, means, [np.diag(np.diag(covariance)) for covariance in covariances]
            ),
            "You used the variances alone, as if the covariances were diagonal. The whole matrix Σ_k enters.",
        ),
        Misconception(
            "one covariance for all",
            lambda data, weights, means, covariances: _posterior(
                data, weights, means, np.tile(covariances[:1], (len(weights), 1, 1))
            ),
            "You give every component the covariance of the first. Each has a matrix of its own, covariances[k].",
        ),
        Misconception(
            "plain distances",
            lambda data, weights, means, covariances: _posterior(
                data, weights, means, np.tile(np.eye(data.shape[1]), (len(weights), 1, 1))
            ),
            "The covariances do not appear: you measure every distance in the same units. How far a point is from a "
            "mean is told by that component's Σ_k.",
        ),
        Misconception(
            "precision for covariance",
            lambda data, weights, means, covariances: _posterior(data, weights, means, np.linalg.inv(covariances)),
            "Your covariances are inverted once too often. The exponent holds Σ⁻¹, so logpdf is handed Σ itself.",
        ),
        Misconception(
            "weights not logged",
            lambda data, weights, means, covariances: special.softmax(
                weights + _log_joint(data, np.ones(len(weights)), means, covariances), axis=1
            ),
            "You add the weights to log-densities. A factor π becomes a summand log π.",
        ),
    ],
    hints=[
        "Make a table of shape (N, K): log weights[k] + log N(x_n | means[k], covariances[k]).",
        "stats.multivariate_normal(mean, covariance).logpdf(data) gives one column of the table, without its weight.",
        "Subtract from each row of the table its log-sum-exp over k, then take the exponential: a softmax over axis 1.",
    ],
    praise="This is the whole E-step: Bayes' rule, once for every point.",
)


# M-step
def _m_step(data, responsibilities, old_means):
    counts = responsibilities.sum(axis=0)
    means = responsibilities.T @ data / counts[:, None]
    return counts / len(data), means, _scatter(data, responsibilities, means) / counts[:, None, None]


def _scatter(data, responsibilities, centres):
    """Σ_n r_nk (x_n − c_k)(x_n − c_k)ᵀ, an array (K, D, D)."""
    offsets = data[:, None, :] - centres
    return np.einsum("nk,nki,nkj->kij", responsibilities, offsets, offsets)


def _m_step_loop(data, responsibilities, old_means):
    weights, means, covariances = [], [], []
    for k in range(responsibilities.shape[1]):
        count = sum(responsibilities[:, k])
        mean = sum(r * x for r, x in zip(responsibilities[:, k], data, strict=True)) / count
        square = sum(r * np.outer(x - mean, x - mean) for r, x in zip(responsibilities[:, k], data, strict=True))
        weights.append(count / len(data))
        means.append(mean)
        covariances.append(square / count)
    return weights, means, covariances


def _m_step_torch(data, responsibilities, old_means):
    x, r = torch.as_tensor(data), torch.as_tensor(responsibilities)
    counts = r.sum(dim=0)
    means = (r.T @ x) / counts[:, None]
    offsets = x[None] - means[:, None]
    covariances = (r.T[:, :, None] * offsets).transpose(1, 2) @ offsets / counts[:, None, None]
    return counts / len(x), means, covariances


def _m_step_numpy(data, responsibilities, old_means):
    columns = responsibilities.T
    means = np.array([np.average(data, axis=0, weights=column) for column in columns])
    covariances = [np.atleast_2d(np.cov(data, rowvar=False, aweights=column, ddof=0)) for column in columns]
    return responsibilities.mean(axis=0), means, covariances


def _with_covariances(covariances):
    """Build a misconception with the right weights and means, and other covariances."""

    def step(data, responsibilities, old_means):
        weights, means, _ = _m_step(data, responsibilities, old_means)
        return weights, means, covariances(data, responsibilities, means, old_means)

    return step


def _changed(part, change):
    """Build a misconception in which one of the three parts is changed."""

    def step(data, responsibilities, old_means):
        parts = list(_m_step(data, responsibilities, old_means))
        parts[part] = change(parts[part], data, responsibilities)
        return tuple(parts)

    return step


def _per_count(matrices, responsibilities):
    return matrices / responsibilities.sum(axis=0)[:, None, None]


def _numpy_covariances(**options):
    """Build a misconception whose covariances are np.cov's, with some of its options."""
    return _with_covariances(
        lambda data, r, means, old: [np.cov(data, rowvar=False, aweights=column, **options) for column in r.T]
    )


def _means_over_n(data, responsibilities, old_means):
    means = responsibilities.T @ data / len(data)
    return responsibilities.mean(axis=0), means, _per_count(_scatter(data, responsibilities, means), responsibilities)


def _step_law(rng):
    data, weights, old_means, _ = _mixture(rng)
    return data, _shares(rng, len(data), len(weights)), old_means


def _n_for_counts(data, responsibilities, old_means):
    means = responsibilities.T @ data / len(data)
    return responsibilities.mean(axis=0), means, _scatter(data, responsibilities, means) / len(data)


_SOFT = special.softmax(_RNG.normal(size=(8, 3)), axis=1)

m_step = Exercise(
    name="m_step",
    arguments=("data", "responsibilities", "old_means"),
    returns=("weights", "means", "covariances"),
    reference=_m_step,
    spellings={"loop": _m_step_loop, "torch": _m_step_torch, "numpy": _m_step_numpy},
    probes=[
        (_SMALL, np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), _TWO[1]),
        (_ERUPTIONS, _posterior(_ERUPTIONS, np.array([0.5, 0.5]), _GEYSER[1], 4 * _GEYSER[2]), _GEYSER[1]),
        (_CLOUD, _SOFT, _THREE[1]),
        (np.array([[1.0], [-2.0], [4.5]]), np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]]), np.array([[0.0], [1.0]])),
        (_SMALL[1:2], np.array([[0.4, 0.6]]), _TWO[1]),
    ],
    law=_step_law,
    misconceptions=[
        Misconception(
            "np.cov as it comes",
            _numpy_covariances(),
            "np.cov with aweights divides by something less than N_k unless told ddof=0: it removes a bias, and the "
            "M-step maximises. (And of one column, D = 1, it makes a bare number; np.atleast_2d mends that.)",
        ),
        Misconception(
            "np.cov's own divisor",
            _with_covariances(
                lambda data, r, means, old: [np.atleast_2d(np.cov(data, rowvar=False, aweights=q)) for q in r.T]
            ),
            "np.cov with aweights divides by less than N_k, to remove a bias, and by 0 for a single point. The M-step "
            "maximises, and the maximum divides by N_k: ddof=0.",
        ),
        Misconception(
            "scikit-learn's small number",
            _with_covariances(
                lambda data, r, means, old: _per_count(_scatter(data, r, means), r) + 1e-6 * np.eye(data.shape[1])
            ),
            "10⁻⁶ is added to the variances, as scikit-learn does against covariances that collapse. The M-step itself "
            "adds nothing: a component of one point gets a covariance of zeros.",
        ),
        Misconception(
            "a number for a matrix",
            _numpy_covariances(ddof=0),
            "For data of one column, D = 1, np.cov gives a bare number, where a matrix of shape (1, 1) is asked for: "
            "np.atleast_2d makes one of it.",
        ),
        Misconception(
            "last point only",
            _with_covariances(lambda data, r, means, old: _per_count(_scatter(data[-1:], r[-1:], means), r)),
            "Only the last point counts in the covariances: in a loop over the points `=` replaces what was there, "
            "`+=` adds to it.",
        ),
        Misconception(
            "last point only, in the means",
            _changed(1, lambda means, data, r: r[-1][:, None] * data[-1] / r.sum(axis=0)[:, None]),
            "Only the last point counts in the means: in a loop over the points `=` replaces what was there, "
            "`+=` adds to it.",
        ),
        Misconception(
            "N for N_k in the means",
            _means_over_n,
            "The means are divided by N, and the covariances, taken around them, go wrong with them. A component's "
            "mean is the average over *its* points: divide by N_k, the sum of its responsibilities.",
        ),
        Misconception(
            "N for N_k in the means alone",
            _changed(1, lambda means, data, r: r.T @ data / len(data)),
            "The means are divided by N. Each is the average over the component's own points: divide by N_k.",
        ),
        Misconception(
            "means not divided",
            _changed(1, lambda means, data, r: r.T @ data),
            "The means are sums, not yet averages: divide by N_k, the sum of the component's responsibilities.",
        ),
        Misconception(
            "the mean of all data",
            _changed(1, lambda means, data, r: np.tile(data.mean(axis=0), (len(means), 1))),
            "All means are the mean of the data. Weigh each point with its responsibility r_nk.",
        ),
        Misconception(
            "old means returned",
            lambda data, responsibilities, old_means: (
                responsibilities.mean(axis=0),
                old_means,
                _m_step(data, responsibilities, old_means)[2],
            ),
            "You return the means from before the step. The new mean of a component is the average of the data, each "
            "point weighted with its responsibility.",
        ),
        Misconception(
            "not centred",
            _with_covariances(lambda data, r, means, old: _per_count(_scatter(data, r, 0 * means), r)),
            "The mean has not been subtracted before the squares were taken: this is a second moment, E[xxᵀ].",
        ),
        Misconception(
            "not divided",
            _with_covariances(lambda data, r, means, old: _scatter(data, r, means)),
            "The covariances are sums over the points: divide by N_k, as for the means.",
        ),
        Misconception(
            "N for N_k",
            _n_for_counts,
            "You divided by N throughout. A component's mean and covariance are averages over *its* points: divide by "
            "N_k, the sum of its responsibilities. N belongs in the weights only.",
        ),
        Misconception(
            "N for N_k in the covariance",
            _with_covariances(lambda data, r, means, old: _scatter(data, r, means) / len(data)),
            "The covariances are divided by N. Divide by N_k, as for the means.",
        ),
        Misconception(
            "around the old means",
            _with_covariances(lambda data, r, means, old: _per_count(_scatter(data, r, old), r)),
            "The covariances are taken around the old means. The M-step maximises over means and covariances at once, "
            "so the *new* means stand in the covariance.",
        ),
        Misconception(
            "around the data's mean",
            _with_covariances(
                lambda data, r, means, old: _per_count(_scatter(data, r, np.tile(data.mean(axis=0), (len(old), 1))), r)
            ),
            "The covariances are taken around the mean of all data. Each component has a centre of its own.",
        ),
        Misconception(
            "responsibilities forgotten",
            _with_covariances(lambda data, r, means, old: _scatter(data, np.ones_like(r), means) / len(data)),
            "The covariances count every point fully. Weigh each outer product by r_nk, as in the means.",
        ),
        Misconception(
            "pooled",
            _with_covariances(
                lambda data, r, means, old: np.tile(
                    _scatter(data, r, means).sum(axis=0, keepdims=True) / len(data), (len(old), 1, 1)
                )
            ),
            "All components get the same covariance, pooled over them. That is the tied model; here each has a matrix "
            "of its own.",
        ),
        Misconception(
            "spherical",
            _with_covariances(
                lambda data, r, means, old: (
                    np.trace(_per_count(_scatter(data, r, means), r), axis1=1, axis2=2)[:, None, None]
                    * np.eye(data.shape[1])
                    / data.shape[1]
                )
            ),
            "Your covariances are balls, one variance for all directions. A full covariance has a variance for each "
            "coordinate, and the covariances between them.",
        ),
        Misconception(
            "outer product lost",
            _with_covariances(
                lambda data, r, means, old: _per_count(_scatter(data, r, means), r) * np.eye(data.shape[1])
            ),
            "Only the diagonal is there: (x − μ)² element by element holds the variances. The outer product "
            "(x − μ)(x − μ)ᵀ also holds the covariances.",
        ),
        Misconception(
            "responsibilities squared",
            _with_covariances(lambda data, r, means, old: _per_count(_scatter(data, r**2, means), r)),
            "Each r_nk enters the covariance twice: you weighted both factors of the outer product. Weigh one of them.",
        ),
        Misconception(
            "N_k − 1",
            _with_covariances(
                lambda data, r, means, old: _scatter(data, r, means) / (r.sum(axis=0) - 1)[:, None, None]
            ),
            "You divided by N_k − 1. That removes a bias; the M-step maximises, and the maximum divides by N_k "
            "(lesson 01).",
        ),
        Misconception(
            "equal weights",
            _changed(0, lambda weights, data, r: np.full(len(weights), 1 / len(weights))),
            "The weights have been forgotten: they are not 1/K, but N_k/N, the share of the data each component has.",
        ),
        Misconception(
            "weights not divided",
            _changed(0, lambda weights, data, r: weights * len(data)),
            "You returned the counts N_k as weights. Weights are a distribution: divide by N.",
        ),
        Misconception(
            "old means kept",
            lambda data, responsibilities, old_means: (
                responsibilities.mean(axis=0),
                old_means,
                _per_count(_scatter(data, responsibilities, old_means), responsibilities),
            ),
            "The means have not moved. The new mean of a component is the average of the data, each point weighted "
            "with its responsibility.",
        ),
        Misconception(
            "hard assignment",
            lambda data, responsibilities, old_means: _m_step(data, _one_hot(responsibilities), old_means),
            "You rounded the responsibilities to 0 and 1 first. That is hard clustering; EM lets a point count in part "
            "for each component.",
        ),
    ],
    hints=[
        "First N_k = Σ_n r_nk, the number of points that component k has, counted in parts.",
        "means[k] is the r-weighted sum of the data divided by N_k; in one line: responsibilities.T @ data / N_k.",
        "covariances[k] is the r-weighted sum of outer products of x_n − means[k] (the new mean), divided by N_k.",
    ],
    praise="Weighted averages, nothing more: lesson 01 with points that count in part.",
)


# ELBO
def _energy(data, q, *parameters):
    return np.sum(np.where(q > 0, q * _log_joint(data, *parameters), 0.0))


def _entropy(q):
    return np.sum(special.entr(q))


def _elbo(data, responsibilities, weights, means, covariances):
    return _energy(data, responsibilities, weights, means, covariances) + _entropy(responsibilities)


def _gap(data, q, *parameters):
    return -_entropy(q) - np.sum(q * special.log_softmax(_log_joint(data, *parameters), axis=1))


def _evidence(data, *parameters):
    return np.sum(special.logsumexp(_log_joint(data, *parameters), axis=1))


def _elbo_loop(data, responsibilities, weights, means, covariances):
    table = _log_joint(data, weights, means, covariances)
    return sum(
        q * (value - np.log(q))
        for row, values in zip(responsibilities, table, strict=True)
        for q, value in zip(row, values, strict=True)
        if q > 0
    )


def _elbo_torch(data, responsibilities, *parameters):
    q = torch.as_tensor(responsibilities)
    return (q * _log_joint_torch(data, *parameters)).sum() - torch.xlogy(q, q).sum()


def _elbo_naive(data, q, *parameters):
    return np.sum(q * (_log_joint(data, *parameters) - np.log(q)))


def _bound_law(rng):
    data, weights, means, covariances = _mixture(rng)
    return data, _shares(rng, len(data), len(weights)), weights, means, covariances


_FAR_SHARES = np.array([[0.3, 0.7], [0.0, 1.0], [1.0, 0.0]])
# Each point is given to the component that it lies in; the other one is 4000 standard deviations away.
_FAR_APART = (
    np.array([[0.5, 0.0], [4000.0, 1.0]]),
    np.array([[1.0, 0.0], [0.0, 1.0]]),
    np.array([0.5, 0.5]),
    np.array([[0.0, 0.0], [4000.0, 0.0]]),
    np.array([_EYE, _EYE]),
)

mixture_elbo = Exercise(
    name="mixture_elbo",
    arguments=("data", "responsibilities", "weights", "means", "covariances"),
    returns="bound",
    reference=_elbo,
    spellings={
        "loop": _elbo_loop,
        "torch": _elbo_torch,
        "evidence less divergence": lambda data, q, *parameters: (
            _evidence(data, *parameters) - _gap(data, q, *parameters)
        ),
        "xlogy": lambda data, q, *parameters: np.sum(q * _log_joint(data, *parameters) - special.xlogy(q, q)),
    },
    probes=[
        (_SMALL, np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), *_TWO),
        (_ERUPTIONS[:4], np.array([[0.0, 1.0], [1.0, 0.0], [0.3, 0.7], [0.6, 0.4]]), *_GEYSER),
        (_CLOUD, _SOFT, *_THREE),
        (_SMALL[:1], np.array([[0.25, 0.75]]), *_TWO),
        (_SMALL[1:2], np.array([[5e-4, 1 - 5e-4]]), *_TWO),
    ],
    law=_bound_law,
    extremes=[*[(data, _FAR_SHARES[: len(data)], *parameters) for data, *parameters in _FAR_OUT], _FAR_APART],
    stable="log-densities (logpdf) all the way; an average of them under q needs no density",
    misconceptions=[
        Misconception(
            "sign of the entropy",
            lambda data, q, *parameters: _energy(data, q, *parameters) - _entropy(q),
            "The entropy has the wrong sign. The bound is E_q[log p(x, z)] − E_q[log q(z)], and the entropy is "
            "−Σ q log q: it is added.",
        ),
        Misconception(
            "entropy left out",
            _energy,
            "This is E_q[log p(x, z)], the expected complete log-likelihood. It is enough for the M-step, but the "
            "bound also holds the entropy of q.",
        ),
        Misconception(
            "weights left out",
            lambda data, q, weights, means, covariances: _elbo(data, q, np.ones(len(weights)), means, covariances),
            "log π_k is missing: the joint is p(x, z = k) = π_k N(x | μ_k, Σ_k), not the Gaussian alone.",
        ),
        Misconception(
            "0 log 0",
            _elbo_naive,
            "Right on paper. But where a responsibility is 0 the machine computes 0 · log 0 = NaN; the limit is 0. "
            "scipy.special.xlogy(q, q) knows that.",
        ),
        Misconception(
            "underflow",
            lambda data, q, *parameters: np.sum(
                np.where(q > 0, q * np.log(np.exp(_log_joint(data, *parameters))), 0.0) + special.entr(q)
            ),
            "Right on paper. But for a point far from all components every density becomes 0, and log 0 = −∞. "
            "Begin with log-densities: logpdf, and never its exponential.",
        ),
        Misconception(
            "weights not logged",
            lambda data, q, weights, means, covariances: (
                _elbo(data, q, np.ones(len(weights)), means, covariances) + np.sum(q @ weights)
            ),
            "You add the weights to log-densities. A factor π becomes a summand log π.",
        ),
        Misconception(
            "correlation ignored",
            lambda data, q, weights, means, covariances: _elbo(
                data, q, weights, means, covariances * np.eye(data.shape[1])
            ),
            "You used the variances alone, as if the covariances were diagonal. The whole matrix Σ_k enters.",
        ),
        Misconception(
            "log outside the average",
            lambda data, q, *parameters: np.sum(
                np.log(np.sum(q * np.exp(_log_joint(data, *parameters)), axis=1)) + special.entr(q).sum(axis=1)
            ),
            "You take the logarithm of the average under q. The bound is the average of the logarithm: the sum over k "
            "stands outside.",
        ),
        Misconception(
            "determinant left out",
            lambda data, q, *parameters: (
                _elbo(data, q, *parameters) + np.sum(q @ (0.5 * np.linalg.slogdet(parameters[2])[1]))
            ),
            "The determinant |Σ_k|^(−½) of the densities is missing. A wide Gaussian is low everywhere, and the bound "
            "must know that.",
        ),
        Misconception(
            "log of the average alone",
            lambda data, q, *parameters: np.sum(np.log(np.sum(q * np.exp(_log_joint(data, *parameters)), axis=1))),
            "You take the logarithm of the average of p(x, z) under q. The bound is the average of the logarithm of "
            "p(x, z)/q(z), and lies below: Jensen's inequality.",
        ),
        Misconception(
            "not weighted",
            lambda data, q, *parameters: np.sum(_log_joint(data, *parameters)) + _entropy(q),
            "You sum log p(x, z = k) over all components as if each counted fully. It is an average under q: "
            "multiply by q_nk.",
        ),
        Misconception(
            "the evidence",
            lambda data, q, *parameters: _evidence(data, *parameters),
            "This is log p(x), the ceiling itself. The bound depends on the responsibilities you were given.",
        ),
        Misconception(
            "the divergence",
            _gap,
            "This is KL(q‖p(z|x)), the gap between log p(x) and the bound. Divide q into the joint, not into the "
            "posterior.",
        ),
        Misconception(
            "mean for sum",
            lambda data, q, *parameters: _elbo(data, q, *parameters) / len(data),
            "You average over the data; the bound on log p(X) is the sum over all points.",
        ),
        Misconception(
            "not summed over the data",
            lambda data, q, *parameters: np.sum(
                np.where(q > 0, q * _log_joint(data, *parameters), 0.0) + special.entr(q), axis=1
            ),
            "These are the bounds of the single points; add them up to bound log p(X).",
        ),
        Misconception(
            "entropy of the weights",
            lambda data, q, weights, *rest: (
                _energy(data, q, weights, *rest) + len(data) * np.sum(special.entr(weights))
            ),
            "You added the entropy of the weights π. The entropy in the bound is that of q, point by point.",
        ),
    ],
    hints=[
        "Two sums over n and k: one of q_nk · log p(x_n, z_n = k), one of −q_nk · log q_nk.",
        "log p(x_n, z_n = k) is log weights[k] plus the log-density of component k: a table of shape (N, K).",
        "np.sum(q * table) − np.sum(special.xlogy(q, q)); xlogy makes 0 log 0 equal to 0.",
    ],
    praise="With q equal to the posterior this is log p(X); with any other q it is less.",
)

EXERCISES = (mixture_elbo, e_step, m_step, bic)
