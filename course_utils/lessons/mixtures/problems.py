"""Lesson 02, mixtures of Gaussians: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _worth(log_weights, wanted):
    shares = special.softmax(log_weights)
    worth = 1 / np.sum(shares**2)
    return worth, len(log_weights) * wanted / worth


def _worth_by_log_sum_exp(log_weights, wanted):
    log_worth = 2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights)
    return np.exp(log_worth), wanted * np.exp(np.log(len(log_weights)) - log_worth)


def _worth_torch(log_weights, wanted):
    weights = torch.exp(torch.as_tensor(log_weights) - max(log_weights))
    worth = weights.sum() ** 2 / (weights**2).sum()
    return worth, wanted / (worth / len(weights))


def _with_worth(worth_of):
    """Build a misconception about what the draws are worth, with the right rule of three after it."""

    def answer(log_weights, wanted):
        worth = worth_of(log_weights)
        return worth, len(log_weights) * wanted / worth

    return answer


def _worth_law(rng):
    """Few or many log-weights around any level; some are −∞, sometimes all are equal; little or much is wanted."""
    size = rng.integers(9, 200) if rng.random() < 0.2 else rng.integers(1, 9)
    log_weights = rng.normal(0, rng.choice([0.0, 1.0, 2.5]), size) + rng.normal(0, 5)
    if size > 2 and rng.random() < 0.3:
        log_weights[rng.integers(0, size, rng.integers(1, size))] = -np.inf
    return log_weights, float(np.exp(rng.uniform(-4, 7)))


worth_of_draws = Exercise(
    name="worth_of_draws",
    arguments=("log_weights", "wanted"),
    returns=("worth", "draws needed"),
    reference=_worth,
    spellings={"log-sum-exp": _worth_by_log_sum_exp, "torch": _worth_torch},
    probes=[
        (np.log([3.0, 1.0]), 90.0),
        (np.zeros(5), 20.5),
        (np.array([0.3, -2.0, 1.7, 0.9]), 64.0),
        (np.array([-4.0]), 3.5),
    ],
    law=_worth_law,
    extremes=[
        (np.array([-2000.0, -2001.0, -2000.5]), 50.0),
        (np.array([-800.0, 900.0, 901.5, 899.0]), 10.0),
        (np.array([-np.inf, -2000.0, -2000.0]), 10.0),
    ],
    stable="subtract the largest log-weight first; a constant changes nothing",
    misconceptions=[
        Misconception(
            "not normalised",
            _with_worth(lambda log_weights: 1 / np.sum(np.exp(log_weights) ** 2)),
            "Your answer changes when all weights are doubled, and the weighted average does not. Divide the weights "
            "by their sum first.",
        ),
        Misconception(
            "one over the largest",
            _with_worth(lambda log_weights: 1 / special.softmax(log_weights).max()),
            "You look at the largest weight alone. The variance of the average is a sum over all draws: every weight "
            "enters it, squared.",
        ),
        Misconception(
            "by the entropy",
            _with_worth(lambda log_weights: np.exp(special.entr(special.softmax(log_weights)).sum())),
            "This is the exponential of the entropy, another honest measure of how many weights matter. The question "
            "was about the variance of the average, and there the squares of the weights decide.",
        ),
        Misconception(
            "a share",
            lambda log_weights, wanted: (
                _worth(log_weights, wanted)[0] / len(log_weights),
                _worth(log_weights, wanted)[1],
            ),
            "The first number is the worth of *one* draw, a share between 0 and 1. All M together were asked for.",
        ),
        Misconception(
            "weights above 0 counted",
            _with_worth(lambda log_weights: float(np.sum(log_weights > -np.inf))),
            "You count the weights that are not 0. A tiny weight is not nothing, but it is not a whole draw either: it "
            "must matter how unequal they are.",
        ),
        Misconception(
            "weights of 0 not drawn",
            lambda log_weights, wanted: (
                _worth(log_weights, wanted)[0],
                np.sum(log_weights > -np.inf) * wanted / _worth(log_weights, wanted)[0],
            ),
            "The worth is right. For the draws needed you do not count those whose weight is 0. They were drawn and "
            "paid for, and among further draws there will be such as well.",
        ),
        Misconception(
            "upside down",
            lambda log_weights, wanted: (
                _worth(log_weights, wanted)[0],
                wanted * _worth(log_weights, wanted)[0] / len(log_weights),
            ),
            "The worth is right. The rule of three is upside down: draws worth less than a plain one are needed in "
            "*larger* number.",
        ),
        Misconception(
            "draws that are not equal",
            lambda log_weights, wanted: (_worth(log_weights, wanted)[0], wanted / _worth(log_weights, wanted)[0]),
            "You divide what is wanted by what all M draws together are worth. That is how many times *as many* draws "
            "are needed; multiply by M.",
        ),
        Misconception(
            "rounded up",
            lambda log_weights, wanted: (_worth(log_weights, wanted)[0], np.ceil(_worth(log_weights, wanted)[1])),
            "The draws needed are rounded up. That is sensible in a shop; here the number itself was asked for.",
        ),
        Misconception(
            "difference of draws",
            lambda log_weights, wanted: (
                _worth(log_weights, wanted)[0],
                len(log_weights) + wanted - _worth(log_weights, wanted)[0],
            ),
            "You add what is missing. But further draws are no better than these: each is worth the same share of a "
            "plain one, so the worth grows in proportion.",
        ),
        Misconception(
            "squared outside",
            _with_worth(lambda log_weights: 1 / np.sum(special.softmax(2 * log_weights) ** 2)),
            "The weights are squared twice. Once comes from the variance of a multiple; they are normalised before "
            "that.",
        ),
        Misconception(
            "underflow",
            _with_worth(lambda log_weights: np.exp(log_weights).sum() ** 2 / np.sum(np.exp(log_weights) ** 2)),
            "Right on paper. But weights of exp(−2000) are 0 for the machine, and those of exp(900) infinite. A "
            "common factor cancels, so subtract the largest log-weight first.",
        ),
    ],
    hints=[
        "Let the f(x_m) be independent with variance v. What is the variance of Σ w_m f(x_m), if the weights sum to 1?",
        "It is v Σ w_m². The variance of a plain average of n draws is v/n. Which n makes them equal?",
        "shares = special.softmax(log_weights); worth = 1/Σ shares². Then M draws are to their worth as the draws "
        "needed are to the worth wanted.",
    ],
    praise="This is called the effective sample size. Later it tells how good a q is, without knowing the truth.",
)


def _stratified(values, labels, weights):
    estimate, variance = 0.0, 0.0
    for k, weight in enumerate(weights):
        own = values[labels == k]
        estimate += weight * own.mean()
        variance += weight**2 * own.var(ddof=1) / len(own)
    return estimate, np.sqrt(variance)


def _stratified_by_bins(values, labels, weights):
    counts = np.bincount(labels)
    means = np.bincount(labels, values) / counts
    squares = np.bincount(labels, (values - means[labels]) ** 2)
    return weights @ means, np.sqrt(np.sum(weights**2 * squares / (counts * (counts - 1))))


def _stratified_torch(values, labels, weights):
    groups = [torch.as_tensor(values)[torch.as_tensor(labels) == k] for k in range(len(weights))]
    weights = torch.as_tensor(weights)
    errors = torch.stack([group.std() / len(group) ** 0.5 for group in groups])
    return weights @ torch.stack([group.mean() for group in groups]), torch.linalg.norm(weights * errors)


def _with_error(error_of):
    """Build a misconception about the standard error, from (weights, variances, counts, values)."""

    def answer(values, labels, weights):
        groups = [values[labels == k] for k in range(len(weights))]
        variances, counts = np.array([g.var(ddof=1) for g in groups]), np.array([len(g) for g in groups])
        return _stratified(values, labels, weights)[0], error_of(weights, variances, counts, values)

    return answer


def _between_strata(values, labels, weights):
    means = np.array([values[labels == k].mean() for k in range(len(weights))])
    return weights @ (means - weights @ means) ** 2


def _stratified_law(rng):
    """One to four groups of two to five draws, of sizes that have nothing to do with the weights; some draws equal."""
    size = rng.integers(1, 5)
    labels = rng.permutation(np.repeat(np.arange(size), rng.integers(2, 6, size)))
    values = rng.normal(0, 10, size)[labels] + np.exp(rng.normal(0, 0.7, size))[labels] * rng.normal(size=len(labels))
    if rng.random() < 0.4:
        values = np.round(values)
    unit = 2.0 ** rng.integers(-10, 8) if rng.random() < 0.3 else 1.0
    return unit * values, labels, rng.dirichlet(np.full(size, 2.0))


stratified_mean = Exercise(
    name="stratified_mean",
    arguments=("values", "labels", "weights"),
    returns=("estimate", "standard error"),
    reference=_stratified,
    spellings={"bins": _stratified_by_bins, "torch": _stratified_torch},
    probes=[
        (np.array([10.0, 14.0, 30.0, 34.0]), np.array([0, 0, 1, 1]), np.array([0.75, 0.25])),
        (np.array([1.0, 2.0, 4.0]), np.array([0, 0, 0]), np.array([1.0])),
        (np.array([10.0, 3.0, 10.0, 14.0, 3.0]), np.array([0, 1, 0, 0, 1]), np.array([0.4, 0.6])),
        (np.array([2e-3, 2.1e-3, 3e-3, 3e-3]), np.array([0, 0, 1, 1]), np.array([0.5, 0.5])),
        (
            np.array([5.0, 0.5, 5.5, 0.0, -3.0, 1.0, -9.0]),
            np.array([1, 0, 1, 0, 2, 0, 2]),
            np.array([0.2, 0.5, 0.3]),
        ),
    ],
    law=_stratified_law,
    misconceptions=[
        Misconception(
            "plain average",
            lambda values, labels, weights: (values.mean(), values.std(ddof=1) / np.sqrt(len(values))),
            "You average all draws alike. How many came from each component was your decision, not nature's: the "
            "component's mean must count with its weight.",
        ),
        Misconception(
            "equal weights",
            lambda values, labels, weights: _stratified(values, labels, np.full(len(weights), 1 / len(weights))),
            "Every component counts the same. `weights` says how much of the mixture each one makes up.",
        ),
        Misconception(
            "weights not squared",
            _with_error(lambda w, variances, counts, values: np.sqrt(np.sum(w * variances / counts))),
            "The estimate is right. In its variance the weights enter squared: Var(π m) = π² Var(m).",
        ),
        Misconception(
            "errors added",
            _with_error(lambda w, variances, counts, values: np.sum(w * np.sqrt(variances / counts))),
            "The estimate is right. But you add the standard errors of the parts. They are independent, so their "
            "*variances* add.",
        ),
        Misconception(
            "error of a plain average",
            _with_error(lambda w, variances, counts, values: values.std(ddof=1) / np.sqrt(len(values))),
            "The estimate is right. Its error is computed from the scatter of all draws, and that contains the "
            "differences between the components. These are no longer left to chance: only the scatter *within* counts.",
        ),
        Misconception(
            "all draws in each",
            _with_error(lambda w, variances, counts, values: np.sqrt(np.sum(w**2 * variances) / len(values))),
            "The estimate is right. In its error each component's variance is divided by the number of all draws; "
            "the mean of component k was formed from n_k of them.",
        ),
        Misconception(
            "scatter of single answers",
            _with_error(lambda w, variances, counts, values: np.sqrt(np.sum(w**2 * variances))),
            "The estimate is right. Its error is computed as if each component had given one draw. A mean of n_k draws "
            "has 1/n_k of their variance.",
        ),
        Misconception(
            "divided by n",
            _with_error(
                lambda w, variances, counts, values: np.sqrt(np.sum(w**2 * variances * (counts - 1) / counts**2))
            ),
            "The estimate is right. The variance within is divided by n_k, which makes it too small on average: the "
            "mean was taken from the same draws. With two draws that is a factor of two; divide by n_k − 1.",
        ),
        Misconception(
            "scatter between added",
            lambda values, labels, weights: (
                _stratified(values, labels, weights)[0],
                np.sqrt(_stratified(values, labels, weights)[1] ** 2 + _between_strata(values, labels, weights)),
            ),
            "The estimate is right. Its error contains the differences between the components. How many draws came "
            "from each was planned, so they are the same in every such survey: only the scatter *within* counts.",
        ),
        Misconception(
            "one variance for all",
            _with_error(
                lambda w, variances, counts, values: np.sqrt(
                    np.sum(w**2 / counts) * np.sum((counts - 1) * variances) / np.sum(counts - 1)
                )
            ),
            "The estimate is right. In its error you take one variance for all components, pooled. Houses scatter more "
            "than flats: each component's variance comes from its own draws.",
        ),
        Misconception(
            "not a root",
            _with_error(lambda w, variances, counts, values: np.sum(w**2 * variances / counts)),
            "The estimate is right, and so is its variance. A standard error is the root of it, in the values' own "
            "units.",
        ),
    ],
    hints=[
        "What is the mean of f under a mixture, if you know its mean under each component?",
        "The estimate is Σ π_k m_k with independent m_k. What is the variance of one m_k, from n_k draws, and what "
        "that of the sum?",
        "For each k: own = values[labels == k]. Add weights[k]·own.mean(), and weights[k]²·own.var(ddof=1)/len(own); "
        "the root of the second sum at the end.",
    ],
    praise="The differences between the components cost nothing any more: that is why surveys are drawn in strata.",
)


def _one_gaussian(weights, means, covariances):
    mean = weights @ means
    offsets = means - mean
    return mean, np.einsum("k,kij->ij", weights, covariances) + np.einsum("k,ki,kj->ij", weights, offsets, offsets)


def _one_gaussian_loop(weights, means, covariances):
    mean = sum(w * m for w, m in zip(weights, means, strict=True))
    total = np.zeros(covariances.shape[1:])
    for w, m, c in zip(weights, means, covariances, strict=True):
        total += w * (c + np.outer(m - mean, m - mean))
    return mean, total


def _one_gaussian_torch(weights, means, covariances):
    weights, means, covariances = map(torch.as_tensor, (weights, means, covariances))
    mean = weights @ means
    centred = (means - mean) * weights[:, None].sqrt()
    return mean, torch.tensordot(weights, covariances, 1) + centred.T @ centred


def _with_covariance(covariance_of):
    return lambda weights, means, covariances: (weights @ means, covariance_of(weights, means, covariances))


def _within(weights, covariances):
    return np.einsum("k,kij->ij", weights, covariances)


def _between(weights, offsets):
    return np.einsum("k,ki,kj->ij", weights, offsets, offsets)


def _one_gaussian_law(rng):
    size, dimensions = rng.integers(1, 5), int(rng.choice([rng.integers(1, 4), rng.integers(4, 11)], p=[0.8, 0.2]))
    roots = rng.normal(size=(size, dimensions, dimensions)) * np.exp(rng.normal(0, 0.5, (size, 1, 1)))
    means = rng.normal(0, 3, (size, dimensions)) + rng.normal(0, 2, dimensions)
    unit = 10 ** rng.uniform(-2, 3) if rng.random() < 0.3 else 1.0
    covariances = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(dimensions)
    return rng.dirichlet(np.full(size, 2.0)), unit * means, unit**2 * covariances


one_gaussian = Exercise(
    name="one_gaussian",
    arguments=("weights", "means", "covariances"),
    returns=("mean", "covariance"),
    reference=_one_gaussian,
    spellings={"loop": _one_gaussian_loop, "torch": _one_gaussian_torch},
    probes=[
        (np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), np.ones((2, 1, 1))),
        (
            np.array([0.36, 0.64]),
            np.array([[2.04, 54.5], [4.29, 80.0]]),
            np.array([[[0.07, 0.44], [0.44, 33.7]], [[0.17, 0.94], [0.94, 36.0]]]),
        ),
        (np.array([1.0]), np.array([[3.0, -2.0, 0.5]]), np.diag([1.0, 2.0, 3.0])[None]),
    ],
    law=_one_gaussian_law,
    extremes=[
        (np.array([0.5, 0.5]), np.array([[1e8], [1e8 + 2]]), np.ones((2, 1, 1))),
        (
            np.array([0.2, 0.8]),
            np.array([[3e8, 5.0], [3e8 - 10, -5.0]]),
            np.stack([np.eye(2), np.array([[2.0, 0.5], [0.5, 1.0]])]),
        ),
    ],
    stable="subtract the common mean before you square",
    misconceptions=[
        Misconception(
            "only within",
            _with_covariance(lambda weights, means, covariances: _within(weights, covariances)),
            "The mean is right. Your covariance is the average of the components' own. Draws scatter also because the "
            "components stand in different places: the scatter of the means is missing.",
        ),
        Misconception(
            "only between",
            _with_covariance(lambda weights, means, covariances: _between(weights, means - weights @ means)),
            "The mean is right. Your covariance is that of the components' means alone, as if every draw fell onto the "
            "mean of its component. The scatter within is missing.",
        ),
        Misconception(
            "average of independent draws",
            _with_covariance(lambda weights, means, covariances: _within(weights**2, covariances)),
            "Here the weights are squared, as for a *sum* of independent draws, one from each component. A mixture "
            "chooses one component: its density is averaged, not its draws.",
        ),
        Misconception(
            "equal weights",
            lambda weights, means, covariances: _one_gaussian(
                np.full(len(weights), 1 / len(weights)), means, covariances
            ),
            "Every component counts the same. A component of weight 0.64 makes up 64 % of the draws.",
        ),
        Misconception(
            "not centred",
            _with_covariance(
                lambda weights, means, covariances: _within(weights, covariances) + _between(weights, means)
            ),
            "This is the average of x xᵀ, the second moment around the origin. A covariance is taken around the mean.",
        ),
        Misconception(
            "means without weights",
            _with_covariance(
                lambda weights, means, covariances: (
                    _within(weights, covariances)
                    + _between(np.full(len(weights), 1 / len(weights)), means - means.mean(axis=0))
                )
            ),
            "The mean and the scatter within are right. The scatter of the means is taken as if all components were "
            "equally frequent: weigh each offset, and take it from the mixture's mean.",
        ),
        Misconception(
            "only the diagonal",
            _with_covariance(
                lambda weights, means, covariances: (
                    (_within(weights, covariances) + _between(weights, means - weights @ means))
                    * np.eye(means.shape[1])
                )
            ),
            "The mean and the variances are right. Off the diagonal the covariances are missing: components that lie "
            "along a slope make the coordinates vary together.",
        ),
        Misconception(
            "covariances added up",
            _with_covariance(
                lambda weights, means, covariances: covariances.sum(axis=0) + _between(weights, means - weights @ means)
            ),
            "The mean and the scatter of the means are right. The components' own covariances are summed; a draw comes "
            "from one of them, so they are averaged with the weights.",
        ),
        Misconception(
            "large numbers subtracted",
            _with_covariance(
                lambda weights, means, covariances: (
                    _within(weights, covariances)
                    + _between(weights, means)
                    - np.outer(weights @ means, weights @ means)
                )
            ),
            "Right on paper. But with means around 10⁸ their squares have 16 digits before the comma, and in the "
            "difference nothing is left of a variance of 1. Subtract the mean first, then square.",
        ),
    ],
    hints=[
        "Draw in two steps, label first. Which mean has a draw, on average over the labels?",
        "A draw's offset from the common mean is (x − μ_k) + (μ_k − μ). Square it, and average: within a component, "
        "then over the components. What happens to the mixed term?",
        "mean = weights @ means; the covariance is Σ π_k Σ_k + Σ π_k (μ_k − mean)(μ_k − mean)ᵀ.",
    ],
    praise="Scatter within plus scatter between. This Gaussian is what lesson 01 fits to endlessly many draws.",
)

PROBLEMS = (worth_of_draws, stratified_mean, one_gaussian)
