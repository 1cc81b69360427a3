"""Lesson 01, estimation: its exercises."""

import numpy as np
import torch
from scipy import stats

from course_utils.workshop.exercises import Exercise, Misconception


def _squares(data, mean, scale):
    return np.sum((data - mean) ** 2) / scale**2


def _log_likelihood_torch(data, mean, scale):
    return torch.distributions.Normal(torch.tensor(float(mean)), float(scale)).log_prob(torch.as_tensor(data)).sum()


def _log_likelihood_loop(data, mean, scale):
    total = 0.0
    for x in data:
        total += -0.5 * np.log(2 * np.pi) - np.log(scale) - 0.5 * ((x - mean) / scale) ** 2
    return total


gaussian_log_likelihood = Exercise(
    name="gaussian_log_likelihood",
    arguments=("data", "mean", "scale"),
    returns="log-likelihood",
    reference=lambda data, mean, scale: np.sum(stats.norm.logpdf(data, mean, scale)),
    spellings={
        "formula": lambda data, mean, scale: (
            -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale) / 2
        ),
        "torch": _log_likelihood_torch,
        "loop": _log_likelihood_loop,
    },
    probes=[
        (np.array([1.0, 3.0, 4.0]), 2.0, 1.5),
        (np.array([-0.5]), 0.25, 0.2),
        (np.array([54.0, 79.0, 74.0, 62.0, 85.0]), 70.0, 13.0),
        (np.linspace(40, 100, 400), 70.0, 5.0),
        (np.array([0.0, 60.0]), 0.0, 1.0),
    ],
    misconceptions=[
        Misconception(
            "half of the log missing",
            lambda data, mean, scale: -len(data) * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale) / 2,
            "The ½ in front of log(2πσ²) is missing: the density holds a square root, 1/√(2πσ²), "
            "and the logarithm of a square root is half a logarithm.",
        ),
        Misconception(
            "N missing",
            lambda data, mean, scale: -np.log(2 * np.pi * scale**2) / 2 - _squares(data, mean, scale) / 2,
            "The term with log(2πσ²) is there once, but every observation brings its own: multiply it by N.",
        ),
        Misconception(
            "half of the square missing",
            lambda data, mean, scale: -len(data) / 2 * np.log(2 * np.pi * scale**2) - _squares(data, mean, scale),
            "The ½ in front of the squared distance is missing: the exponent is −(x − μ)²/(2σ²).",
        ),
        Misconception(
            "variance for standard deviation",
            lambda data, mean, scale: np.sum(stats.norm.logpdf(data, mean, np.sqrt(scale))),
            "You use `scale` where the variance belongs. `scale` is the standard deviation σ: square it.",
        ),
        Misconception(
            "mean for sum",
            lambda data, mean, scale: np.mean(stats.norm.logpdf(data, mean, scale)),
            "You average over the data. Independent observations multiply, so their logarithms are summed.",
        ),
        Misconception(
            "constant missing",
            lambda data, mean, scale: -len(data) * np.log(scale) - _squares(data, mean, scale) / 2,
            "The term with 2π is missing. It does not move the maximum, but without it the number is no log-likelihood "
            "and cannot be compared with another model's.",
        ),
        Misconception(
            "sign",
            lambda data, mean, scale: -np.sum(stats.norm.logpdf(data, mean, scale)),
            "This is the negative log-likelihood: right for a loss to minimise; here the log-likelihood is asked for.",
        ),
        Misconception(
            "not summed",
            lambda data, mean, scale: stats.norm.logpdf(data, mean, scale),
            "These are the log-densities of the single observations; the log-likelihood of the data set is their sum.",
        ),
        Misconception(
            "log of the product",
            lambda data, mean, scale: np.log(np.prod(stats.norm.pdf(data, mean, scale))),
            "For a few points this is right. But the product of 400 densities is smaller than the smallest number "
            "that the machine can hold, and becomes 0: take logarithms first, then sum.",
        ),
        Misconception(
            "the likelihood itself",
            lambda data, mean, scale: np.prod(stats.norm.pdf(data, mean, scale)),
            "This is the likelihood, a product of densities; its logarithm is asked for.",
        ),
    ],
    hints=[
        "Write the logarithm of one density first: two terms, one with log(2πσ²), one with (x − μ)².",
        "log p(x) = −½ log(2πσ²) − (x − μ)²/(2σ²). The first term does not depend on x: it comes N times.",
        "np.sum over −0.5 * np.log(2 * np.pi * scale**2) − 0.5 * ((data − mean) / scale)**2.",
    ],
    praise="Every model of this course is trained by a function of this kind.",
)


def _mle(data):
    mean = data.mean(axis=0)
    return mean, (data - mean).T @ (data - mean) / len(data)


def _mle_loop(data):
    count, size = data.shape
    mean = [sum(row[d] for row in data) / count for d in range(size)]
    covariance = np.zeros((size, size))
    for row in data:
        covariance += np.outer(row - mean, row - mean) / count
    return mean, covariance


def _mle_torch(data):
    tensor = torch.as_tensor(data)
    return tensor.mean(dim=0), torch.cov(tensor.T, correction=0)


def _mle_of_columns(data):
    mean = data.mean(axis=1)
    return mean, np.cov(data, bias=True)


def _ddof_one(data):
    mean, covariance = _mle(data)
    return mean, covariance * len(data) / (len(data) - 1)


def _correlation(data):
    mean, covariance = _mle(data)
    scale = np.sqrt(np.diag(covariance))
    return mean, covariance / np.outer(scale, scale)


_POINTS = np.random.default_rng(7).normal(size=(9, 3)) @ np.array([[2.0, 0.3, 0.0], [0.0, 1.0, -0.5], [0.0, 0.0, 0.7]])

gaussian_mle = Exercise(
    name="gaussian_mle",
    arguments=("data",),
    returns=("mean", "covariance"),
    reference=_mle,
    spellings={
        "loop": _mle_loop,
        "torch": _mle_torch,
        "numpy": lambda data: (np.mean(data, axis=0), np.cov(data, rowvar=False, ddof=0)),
        "einsum": lambda data: (
            data.mean(0),
            np.einsum("ni,nj->ij", data - data.mean(0), data - data.mean(0)) / data.shape[0],
        ),
    },
    probes=[
        (np.array([[1.0, 10.0], [2.0, 14.0], [6.0, 12.0]]),),
        (np.array([[3.6, 79.0], [1.8, 54.0], [3.333, 74.0], [2.283, 62.0], [4.533, 85.0]]),),
        (_POINTS + np.array([5.0, -2.0, 100.0]),),
    ],
    misconceptions=[
        Misconception(
            "ddof",
            _ddof_one,
            "Your covariance is N/(N − 1) times too large: you divide by N − 1. That is the unbiased estimate; "
            "the one that maximises the likelihood divides by N. (np.cov divides by N − 1 unless told ddof=0.)",
        ),
        Misconception(
            "not centred",
            lambda data: (data.mean(axis=0), data.T @ data / len(data)),
            "The mean has not been subtracted before the squares were taken: this is E[xxᵀ], the second moment.",
        ),
        Misconception(
            "not divided",
            lambda data: (data.mean(axis=0), _mle(data)[1] * len(data)),
            "This is the scatter matrix: the sum over the points has not been divided by N.",
        ),
        Misconception(
            "variances only",
            lambda data: (data.mean(axis=0), np.diag(data.var(axis=0))),
            "The variances are right, but the covariances off the diagonal are missing: "
            "each point gives an outer product (x − μ)(x − μ)ᵀ.",
        ),
        Misconception(
            "a vector of variances",
            lambda data: (data.mean(axis=0), data.var(axis=0)),
            "These are the D variances; the covariance is a D × D matrix: it also says how coordinates vary together.",
        ),
        Misconception(
            "correlation",
            _correlation,
            "This is the correlation matrix: it has been divided by the standard deviations, and has lost the units.",
        ),
        Misconception(
            "rows for columns",
            _mle_of_columns,
            "You average along the wrong axis: each row is one observation, so the mean runs over axis 0 "
            "(and np.cov wants rowvar=False).",
        ),
    ],
    hints=[
        "The mean first: average over the observations, axis 0. Its shape is (D,).",
        "Centre the data. Then the covariance is the average of the outer products (x − μ)(x − μ)ᵀ.",
        "With centred = data − mean, the sum of the outer products is the matrix product centred.T @ centred.",
    ],
    praise="The mean and covariance of the data themselves: the model has no other wish than to copy two moments.",
)

beta_bernoulli_map = Exercise(
    name="beta_bernoulli_map",
    arguments=("successes", "trials", "alpha", "beta"),
    returns="MAP estimate",
    reference=lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials + alpha + beta - 2),
    spellings={
        "posterior's parameters": lambda successes, trials, alpha, beta: (
            (alpha + successes - 1) / ((alpha + successes) + (beta + trials - successes) - 2)
        ),
        "weighted average": lambda successes, trials, alpha, beta: (
            trials / (trials + alpha + beta - 2) * successes / trials + (alpha - 1) / (trials + alpha + beta - 2)
        ),
        "torch": lambda successes, trials, alpha, beta: (
            torch.tensor(successes + alpha - 1.0) / torch.tensor(trials + alpha + beta - 2.0)
        ),
    },
    probes=[
        (7, 10, 2.0, 2.0),
        (0, 4, 3.0, 5.0),
        (5, 5, 1.5, 4.0),
        (175, 272, 13.0, 29.0),
        (3, 8, 1.0, 1.5),
        (0, 6, 1.0, 3.0),
        (4, 4, 2.5, 1.0),
    ],
    misconceptions=[
        Misconception(
            "posterior mean",
            lambda successes, trials, alpha, beta: (successes + alpha) / (trials + alpha + beta),
            "That is the mean of the posterior. The MAP is its mode, the place of the maximum: set the derivative "
            "of the log-posterior to zero, and mind the exponents α − 1 and β − 1.",
        ),
        Misconception(
            "numerator without −1",
            lambda successes, trials, alpha, beta: (successes + alpha) / (trials + alpha + beta - 2),
            "The denominator is right; in the numerator the −1 is missing: the exponent of θ is α − 1 + successes.",
        ),
        Misconception(
            "denominator without −2",
            lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials + alpha + beta),
            "The numerator is right; in the denominator the −2 is missing: the two exponents, α − 1 + successes "
            "and β − 1 + failures, add up to trials + α + β − 2.",
        ),
        Misconception(
            "prior dropped",
            lambda successes, trials, alpha, beta: successes / trials,
            "This is the maximum-likelihood estimate: the prior does not appear in it.",
        ),
        Misconception(
            "prior turned round",
            lambda successes, trials, alpha, beta: (successes + beta - 1) / (trials + alpha + beta - 2),
            "α and β have changed places: α goes with the successes, β with the failures.",
        ),
        Misconception(
            "data forgotten",
            lambda successes, trials, alpha, beta: (alpha - 1) / (alpha + beta - 2),
            "This is the mode of the prior alone: the data do not appear in it.",
        ),
        Misconception(
            "denominator −1",
            lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials + alpha + beta - 1),
            "In the denominator only 1 is subtracted; both exponents bring a −1, so it is trials + α + β − 2.",
        ),
        Misconception(
            "odds",
            lambda successes, trials, alpha, beta: np.divide(successes + alpha - 1, trials - successes + beta - 1),
            "That is a/b, the odds. The maximum of θᵃ(1 − θ)ᵇ lies at a/(a + b); a probability cannot exceed 1.",
        ),
        Misconception(
            "trials for failures",
            lambda successes, trials, alpha, beta: (successes + alpha - 1) / (successes + trials + alpha + beta - 2),
            "You counted all the trials as failures: there are trials − successes of them.",
        ),
    ],
    hints=[
        "Write down prior times likelihood and collect the powers of θ and of 1 − θ.",
        "The posterior is θ to the power a, times (1 − θ) to the power b, with a = successes + α − 1. What is b?",
        "The maximum of θᵃ(1 − θ)ᵇ lies at a/(a + b).",
    ],
    praise="A prior Beta(α, β) acts like α − 1 imagined successes and β − 1 imagined failures.",
)


def _posterior(data, scale, prior_mean, prior_scale):
    """Return mean and variance of the posterior of the mean."""
    variance = 1 / (1 / prior_scale**2 + len(data) / scale**2)
    return variance * (prior_mean / prior_scale**2 + np.sum(data) / scale**2), variance


def _predictive(data, scale, prior_mean, prior_scale):
    mean, variance = _posterior(data, scale, prior_mean, prior_scale)
    return mean, np.sqrt(scale**2 + variance)


def _predictive_sequential(data, scale, prior_mean, prior_scale):
    mean, variance = prior_mean, prior_scale**2
    for x in data:
        gain = variance / (variance + scale**2)
        mean, variance = mean + gain * (x - mean), (1 - gain) * variance
    return mean, (variance + scale**2) ** 0.5


def _predictive_torch(data, scale, prior_mean, prior_scale):
    data = torch.as_tensor(data)
    variance = 1 / (prior_scale**-2 + len(data) * scale**-2)
    mean = variance * (prior_mean / prior_scale**2 + data.sum() / scale**2)
    return mean, torch.sqrt(variance + torch.tensor(scale**2))


def _one_observation(data, scale, prior_mean, prior_scale):
    variance = 1 / (1 / prior_scale**2 + 1 / scale**2)
    return variance * (prior_mean / prior_scale**2 + np.mean(data) / scale**2), np.sqrt(scale**2 + variance)


def _mean_for_sum(data, scale, prior_mean, prior_scale):
    _, variance = _posterior(data, scale, prior_mean, prior_scale)
    return variance * (prior_mean / prior_scale**2 + np.mean(data) / scale**2), np.sqrt(scale**2 + variance)


def _unsquared(data, scale, prior_mean, prior_scale):
    precision = 1 / prior_scale + len(data) / scale
    return (prior_mean / prior_scale + np.sum(data) / scale) / precision, np.sqrt(scale**2 + 1 / precision)


def _with_scale(function):
    """Build a misconception that has the right mean and another scale."""

    def predictive(data, scale, prior_mean, prior_scale):
        mean, variance = _posterior(data, scale, prior_mean, prior_scale)
        return mean, function(scale, variance)

    return predictive


posterior_predictive = Exercise(
    name="posterior_predictive",
    arguments=("data", "scale", "prior_mean", "prior_scale"),
    returns=("predictive mean", "predictive scale"),
    reference=_predictive,
    spellings={"one at a time": _predictive_sequential, "torch": _predictive_torch},
    probes=[
        (np.array([80.0, 76.0]), 6.0, 70.0, 10.0),
        (np.array([81.0, 90.0, 71.0, 77.0, 84.0]), 6.0, 60.0, 3.0),
        (np.array([1.25]), 0.5, -2.0, 0.8),
        (np.linspace(-3.0, 5.0, 50), 2.0, 0.0, 100.0),
        (np.array([]), 2.0, 3.0, 1.5),
    ],
    misconceptions=[
        Misconception(
            "parameter uncertainty left out",
            _with_scale(lambda scale, variance: scale),
            "The mean is right, but the scale is that of the observations alone. The mean μ is not known exactly: "
            "add the variance of its posterior.",
        ),
        Misconception(
            "standard deviations added",
            _with_scale(lambda scale, variance: scale + np.sqrt(variance)),
            "You added standard deviations. Of independent quantities the variances add; take the root at the end.",
        ),
        Misconception(
            "variance returned",
            _with_scale(lambda scale, variance: scale**2 + variance),
            "That is the variance of the prediction; its square root, the scale, is asked for.",
        ),
        Misconception(
            "noise left out",
            _with_scale(lambda scale, variance: np.sqrt(variance)),
            "This is the posterior of the mean μ. A new observation scatters around μ by another `scale`: "
            "add that variance too.",
        ),
        Misconception(
            "plug-in",
            lambda data, scale, prior_mean, prior_scale: (np.mean(data), scale),
            "This is the plug-in prediction: the sample mean, taken as if it were exact. The prior does not appear.",
        ),
        Misconception(
            "mean for sum",
            _mean_for_sum,
            "The posterior's variance is right, but in its mean the data enter with their sum, Σx/scale²; "
            "you used their average.",
        ),
        Misconception(
            "scales for variances",
            _unsquared,
            "Precisions are one over the *variance*: square the scales before you take the reciprocals.",
        ),
        Misconception(
            "one observation",
            _one_observation,
            "N observations carry N times the precision of one: the data's precision is N/scale², not 1/scale².",
        ),
        Misconception(
            "prior predictive",
            lambda data, scale, prior_mean, prior_scale: (prior_mean, np.sqrt(scale**2 + prior_scale**2)),
            "This is the prediction before any data: the posterior has not been formed.",
        ),
    ],
    hints=[
        "First the posterior of μ: precisions (1/variance) add, and its mean is the precision-weighted average.",
        "A new x is μ plus noise: two independent sources of scatter, whose variances add.",
        "precision = 1/prior_scale² + N/scale²; the predictive variance is scale² + 1/precision.",
    ],
    praise="Few data leave real doubt about μ, and the prediction now says so.",
)


def _ridge(features, targets, penalty):
    return np.linalg.solve(features.T @ features + penalty * np.eye(features.shape[1]), features.T @ targets)


def _penalty_everywhere(features, targets, noise_scale, prior_scale):
    return np.linalg.solve(features.T @ features + noise_scale**2 / prior_scale**2, features.T @ targets)


def _with_intercept(features, targets, noise_scale, prior_scale):
    centred = features - features.mean(axis=0)
    return _ridge(centred, targets - targets.mean(), noise_scale**2 / prior_scale**2)


def _ridge_augmented(features, targets, noise_scale, prior_scale):
    """Least squares with one imagined observation `0 = weight` for each weight."""
    size = features.shape[1]
    rows = np.vstack([features / noise_scale, np.eye(size) / prior_scale])
    return np.linalg.lstsq(rows, np.concatenate([targets / noise_scale, np.zeros(size)]), rcond=None)[0]


def _ridge_torch(features, targets, noise_scale, prior_scale):
    x, y = torch.as_tensor(features), torch.as_tensor(targets)
    precision = x.T @ x / noise_scale**2 + torch.eye(x.shape[1], dtype=x.dtype) / prior_scale**2
    return torch.linalg.solve(precision, x.T @ y / noise_scale**2)


_FEATURES = np.random.default_rng(11).normal(size=(12, 3))

ridge_map = Exercise(
    name="ridge_map",
    arguments=("features", "targets", "noise_scale", "prior_scale"),
    returns="weights",
    reference=lambda features, targets, noise_scale, prior_scale: _ridge(
        features, targets, noise_scale**2 / prior_scale**2
    ),
    spellings={"imagined observations": _ridge_augmented, "torch": _ridge_torch},
    probes=[
        (np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 2.0, 2.5]), 0.5, 2.0),
        (_FEATURES, _FEATURES @ np.array([1.0, -2.0, 0.5]) + 0.1, 3.0, 1.5),
        (_FEATURES[:2], np.array([4.0, -1.0]), 0.3, 0.2),
        (_FEATURES[:5, :1], np.array([3.0, 1.0, -2.0, 0.5, 4.0]), 1.0, 0.7),
    ],
    misconceptions=[
        Misconception(
            "penalty inverted",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, prior_scale**2 / noise_scale**2
            ),
            "The penalty is upside down. A narrow prior (small prior_scale) must pull harder: c = σ²/s₀².",
        ),
        Misconception(
            "scales for variances",
            lambda features, targets, noise_scale, prior_scale: _ridge(features, targets, noise_scale / prior_scale),
            "You divided the scales; the exponents of the Gaussians hold variances: c = σ²/s₀².",
        ),
        Misconception(
            "penalty times N",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, len(features) * noise_scale**2 / prior_scale**2
            ),
            "The penalty has been multiplied by N. The prior is stated once, whatever the number of data; "
            "only if the squared error were averaged, not summed, would an N appear (as a division).",
        ),
        Misconception(
            "noise forgotten",
            lambda features, targets, noise_scale, prior_scale: _ridge(features, targets, 1 / prior_scale**2),
            "The noise does not appear: multiplying the log-posterior by σ² leaves σ²/s₀² in front of the penalty.",
        ),
        Misconception(
            "no identity matrix",
            _penalty_everywhere,
            "You added the penalty to every entry of FᵀF. Only the diagonal gets it: penalty times np.eye(D).",
        ),
        Misconception(
            "with an intercept",
            _with_intercept,
            "You centred the data (scikit-learn's Ridge does that unless told fit_intercept=False). "
            "This model has no intercept: every weight has the same prior.",
        ),
        Misconception(
            "prior dropped",
            lambda features, targets, noise_scale, prior_scale: np.linalg.pinv(features) @ targets,
            "This is least squares, the maximum-likelihood estimate: the prior does not appear in it.",
        ),
    ],
    hints=[
        "Write the negative log-posterior: ‖y − Fw‖²/(2σ²) + ‖w‖²/(2s₀²) + constant.",
        "Set its gradient to zero: (FᵀF/σ² + I/s₀²) w = Fᵀy/σ².",
        "np.linalg.solve(features.T @ features + penalty * np.eye(D), features.T @ targets), with the right penalty.",
    ],
    praise="A Gaussian prior on the weights and a quadratic penalty are one and the same thing.",
)

EXERCISES = (gaussian_log_likelihood, gaussian_mle, beta_bernoulli_map, posterior_predictive, ridge_map)
