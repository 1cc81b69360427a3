"""Lesson 03, expectation–maximization: its exercises."""

import numpy as np
import torch
from scipy import special

from course_utils.lessons.expectation_maximization.exercise_bic import bic
from course_utils.lessons.expectation_maximization.exercise_e_step import e_step
from course_utils.lessons.expectation_maximization.small_mixtures import (
    CLOUD,
    ERUPTIONS,
    FAR_OUT,
    GEYSER,
    SMALL,
    SOFT,
    THREE,
    TWO,
    log_joint,
    log_joint_torch,
    mixture,
    one_hot,
    posterior,
)
from course_utils.workshop.exercises import Exercise, Misconception


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
    data, weights, old_means, _ = mixture(rng)
    return data, _shares(rng, len(data), len(weights)), old_means


def _n_for_counts(data, responsibilities, old_means):
    means = responsibilities.T @ data / len(data)
    return responsibilities.mean(axis=0), means, _scatter(data, responsibilities, means) / len(data)


m_step = Exercise(
    name="m_step",
    arguments=("data", "responsibilities", "old_means"),
    returns=("weights", "means", "covariances"),
    reference=_m_step,
    spellings={"loop": _m_step_loop, "torch": _m_step_torch, "numpy": _m_step_numpy},
    probes=[
        (SMALL, np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), TWO[1]),
        (ERUPTIONS, posterior(ERUPTIONS, np.array([0.5, 0.5]), GEYSER[1], 4 * GEYSER[2]), GEYSER[1]),
        (CLOUD, SOFT, THREE[1]),
        (np.array([[1.0], [-2.0], [4.5]]), np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]]), np.array([[0.0], [1.0]])),
        (SMALL[1:2], np.array([[0.4, 0.6]]), TWO[1]),
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
            lambda data, responsibilities, old_means: _m_step(data, one_hot(responsibilities), old_means),
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
    return np.sum(np.where(q > 0, q * log_joint(data, *parameters), 0.0))


def _entropy(q):
    return np.sum(special.entr(q))


def _elbo(data, responsibilities, weights, means, covariances):
    return _energy(data, responsibilities, weights, means, covariances) + _entropy(responsibilities)


def _gap(data, q, *parameters):
    return -_entropy(q) - np.sum(q * special.log_softmax(log_joint(data, *parameters), axis=1))


def _evidence(data, *parameters):
    return np.sum(special.logsumexp(log_joint(data, *parameters), axis=1))


def _elbo_loop(data, responsibilities, weights, means, covariances):
    table = log_joint(data, weights, means, covariances)
    return sum(
        q * (value - np.log(q))
        for row, values in zip(responsibilities, table, strict=True)
        for q, value in zip(row, values, strict=True)
        if q > 0
    )


def _elbo_by_hand(data, q, weights, means, covariances):
    offsets = data[:, None, :] - means
    squares = np.sum(offsets * np.linalg.solve(covariances, offsets[..., None])[..., 0], axis=2)
    logdets = np.log(np.linalg.det(covariances)) + data.shape[1] * np.log(2 * np.pi)
    entropy = -np.sum(special.xlogy(q, q))
    return np.sum(q * (np.log(weights) - 0.5 * logdets - 0.5 * squares)) + entropy


def _elbo_torch(data, responsibilities, *parameters):
    q = torch.as_tensor(responsibilities)
    return (q * log_joint_torch(data, *parameters)).sum() - torch.xlogy(q, q).sum()


def _elbo_naive(data, q, *parameters):
    return np.sum(q * (log_joint(data, *parameters) - np.log(q)))


def _bound_law(rng):
    data, weights, means, covariances = mixture(rng)
    return data, _shares(rng, len(data), len(weights)), weights, means, covariances


_FAR_SHARES = np.array([[0.3, 0.7], [0.0, 1.0], [1.0, 0.0]])
# Each point is given to the component that it lies in; the other one is 4000 standard deviations away.
_FAR_APART = (
    np.array([[0.5, 0.0], [4000.0, 1.0]]),
    np.array([[1.0, 0.0], [0.0, 1.0]]),
    np.array([0.5, 0.5]),
    np.array([[0.0, 0.0], [4000.0, 0.0]]),
    np.array([np.eye(2), np.eye(2)]),
)

mixture_elbo = Exercise(
    name="mixture_elbo",
    arguments=("data", "responsibilities", "weights", "means", "covariances"),
    returns="bound",
    reference=_elbo_by_hand,
    spellings={
        "scipy": _elbo,
        "loop": _elbo_loop,
        "torch": _elbo_torch,
        "evidence less divergence": lambda data, q, *parameters: (
            _evidence(data, *parameters) - _gap(data, q, *parameters)
        ),
        "xlogy": lambda data, q, *parameters: np.sum(q * log_joint(data, *parameters) - special.xlogy(q, q)),
    },
    probes=[
        (SMALL, np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), *TWO),
        (ERUPTIONS[:4], np.array([[0.0, 1.0], [1.0, 0.0], [0.3, 0.7], [0.6, 0.4]]), *GEYSER),
        (CLOUD, SOFT, *THREE),
        (SMALL[:1], np.array([[0.25, 0.75]]), *TWO),
        (SMALL[1:2], np.array([[5e-4, 1 - 5e-4]]), *TWO),
    ],
    law=_bound_law,
    extremes=[*[(data, _FAR_SHARES[: len(data)], *parameters) for data, *parameters in FAR_OUT], _FAR_APART],
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
                np.where(q > 0, q * np.log(np.exp(log_joint(data, *parameters))), 0.0) + special.entr(q)
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
                np.log(np.sum(q * np.exp(log_joint(data, *parameters)), axis=1)) + special.entr(q).sum(axis=1)
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
            lambda data, q, *parameters: np.sum(np.log(np.sum(q * np.exp(log_joint(data, *parameters)), axis=1))),
            "You take the logarithm of the average of p(x, z) under q. The bound is the average of the logarithm of "
            "p(x, z)/q(z), and lies below: Jensen's inequality.",
        ),
        Misconception(
            "not weighted",
            lambda data, q, *parameters: np.sum(log_joint(data, *parameters)) + _entropy(q),
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
                np.where(q > 0, q * log_joint(data, *parameters), 0.0) + special.entr(q), axis=1
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
        "log p(x_n) is the logarithm of an average of p(x_n, z_n = k)/q_nk under q_n. Below it lies the average of the "
        "logarithms, and the logarithm of a quotient is a difference: two sums over n and k.",
        "log p(x_n, z_n = k) is log weights[k] plus the log-density of component k: a table of shape (N, K).",
        "np.sum(q * table) − np.sum(special.xlogy(q, q)); xlogy makes 0 log 0 equal to 0.",
    ],
    praise="For one q it reaches log p(X), and for every other it is less. Section 3.3 finds that q.",
)

EXERCISES = (mixture_elbo, e_step, m_step, bic)
