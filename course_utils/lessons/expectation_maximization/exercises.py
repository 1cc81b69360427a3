"""Lesson 03, expectation–maximization: its exercises."""

import numpy as np
import torch
from scipy import special, stats

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
    },
    probes=[
        (_SMALL, *_TWO),
        (_ERUPTIONS, *_GEYSER),
        (np.array([[60.0, -70.0], [-80.0, 10.0], [1.0, 1.0]]), *_TWO),
        (_CLOUD, *_THREE),
    ],
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
    covariances = [np.cov(data, rowvar=False, aweights=column, ddof=0) for column in columns]
    return responsibilities.mean(axis=0), means, covariances


def _with_covariances(covariances):
    """Build a misconception with the right weights and means, and other covariances."""

    def step(data, responsibilities, old_means):
        weights, means, _ = _m_step(data, responsibilities, old_means)
        return weights, means, covariances(data, responsibilities, means, old_means)

    return step


def _n_for_counts(data, responsibilities, old_means):
    means = responsibilities.T @ data / len(data)
    return responsibilities.mean(axis=0), means, _scatter(data, responsibilities, means) / len(data)


def _changed(part, change):
    """Build a misconception in which one of the three parts is changed."""

    def step(data, responsibilities, old_means):
        parts = list(_m_step(data, responsibilities, old_means))
        parts[part] = change(parts[part], data, responsibilities)
        return tuple(parts)

    return step


def _per_count(matrices, responsibilities):
    return matrices / responsibilities.sum(axis=0)[:, None, None]


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
    ],
    misconceptions=[
        Misconception(
            "N for N_k",
            _n_for_counts,
            "You divided by N throughout. A component's mean and covariance are averages over *its* points: divide by "
            "N_k, the sum of its responsibilities. N belongs in the weights only.",
        ),
        Misconception(
            "N for N_k in the covariance",
            _with_covariances(lambda data, r, means, old: _scatter(data, r, means) / len(data)),
            "Weights and means are right, but the covariances are divided by N. Divide by N_k, as for the means.",
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
    return np.sum(special.rel_entr(q, _posterior(data, *parameters)))


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
    ],
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


# BIC
def _parameters(components, dimensions):
    return components - 1 + components * dimensions + components * dimensions * (dimensions + 1) // 2


def _bic_with(count_parameters):
    """Build a misconception with another number of parameters."""

    def wrong(log_likelihood, components, dimensions, count):
        return -2 * log_likelihood + count_parameters(components, dimensions) * np.log(count)

    return wrong


def _bic_counted(log_likelihood, components, dimensions, count):
    """Count the free numbers one by one: entries on and below the diagonal, means, all weights but the last."""
    entries = sum(1 for row in range(dimensions) for column in range(dimensions) if column <= row)
    return -2 * log_likelihood + np.log(count) * (components * (entries + dimensions + 1) - 1)


def _bic_torch(log_likelihood, components, dimensions, count):
    mixture = (components - 1) + components * (dimensions + dimensions * (dimensions + 1) / 2)
    return mixture * torch.log(torch.tensor(float(count), dtype=torch.float64)) - 2 * log_likelihood


bic = Exercise(
    name="bic",
    arguments=("log_likelihood", "components", "dimensions", "count"),
    returns="BIC",
    reference=_bic_with(_parameters),
    spellings={"counted": _bic_counted, "torch": _bic_torch},
    probes=[(-1289.8, 1, 2, 272), (-1130.26, 2, 2, 272), (-250.5, 4, 3, 90), (120.0, 3, 5, 1000)],
    misconceptions=[
        Misconception(
            "sign",
            lambda log_likelihood, *sizes: -_bic_with(_parameters)(log_likelihood, *sizes),
            "The sign is reversed: some books define it so that larger is better. Here, as in scikit-learn, "
            "it is −2 log p + P log N, and smaller is better.",
        ),
        Misconception(
            "reward for parameters",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood - _parameters(components, dimensions) * np.log(count)
            ),
            "Parameters make your score better. The penalty must work against the likelihood: −2 log p + P log N.",
        ),
        Misconception(
            "factor 2 of the log-likelihood",
            lambda log_likelihood, components, dimensions, count: (
                -log_likelihood + _parameters(components, dimensions) * np.log(count)
            ),
            "The log-likelihood needs the factor −2: a parameter costs ½ log N nats, and all has been multiplied by 2.",
        ),
        Misconception(
            "halved",
            lambda log_likelihood, *sizes: _bic_with(_parameters)(log_likelihood, *sizes) / 2,
            "This is half of the BIC. It ranks models alike, but the usual scale is −2 log p + P log N.",
        ),
        Misconception(
            "K weights",
            _bic_with(lambda components, dimensions: _parameters(components, dimensions) + 1),
            "You counted K weights. They add up to 1, so only K − 1 of them can be chosen freely.",
        ),
        Misconception(
            "no weights",
            _bic_with(lambda components, dimensions: _parameters(components, dimensions) - components + 1),
            "The weights are parameters too: K − 1 of them are free.",
        ),
        Misconception(
            "all entries of the covariance",
            _bic_with(lambda components, dimensions: components - 1 + components * (dimensions + dimensions**2)),
            "You counted all D² entries of each covariance. It is symmetric: D(D + 1)/2 of them are free.",
        ),
        Misconception(
            "diagonal covariance",
            _bic_with(lambda components, dimensions: components - 1 + 2 * components * dimensions),
            "You counted D numbers for each covariance, as if it were diagonal. A full one has D(D + 1)/2.",
        ),
        Misconception(
            "one covariance for all",
            _bic_with(
                lambda components, dimensions: (
                    components - 1 + components * dimensions + dimensions * (dimensions + 1) // 2
                )
            ),
            "You counted one covariance matrix. Each of the K components has its own.",
        ),
        Misconception(
            "logarithm to base 10",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * np.log10(count)
            ),
            "You took the logarithm to base 10. The log-likelihood is in nats, so log N must be natural too: np.log.",
        ),
        Misconception(
            "logarithm to base 2",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * np.log2(count)
            ),
            "You took the logarithm to base 2. The log-likelihood is in nats, so log N must be natural too: np.log.",
        ),
        Misconception(
            "Akaike's penalty",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + 2 * _parameters(components, dimensions)
            ),
            "This is Akaike's criterion, with 2 for each parameter. The Bayesian one charges log N.",
        ),
    ],
    hints=[
        "Count the numbers one may choose freely: weights, means, covariances.",
        "Weights add up to 1; a symmetric D × D matrix has D(D + 1)/2 different entries, and there are K of them.",
        "P = (K − 1) + K·D + K·D(D + 1)/2, and the criterion is −2·log_likelihood + P·np.log(count).",
    ],
    praise="One more component in two dimensions costs six parameters; the data must be worth it.",
)

EXERCISES = (mixture_elbo, e_step, m_step, bic)
