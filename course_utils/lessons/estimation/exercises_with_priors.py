"""Lesson 01, estimation: its exercises with a prior."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _coin(rng):
    """Draw counts and a prior: none to many, flat, weak and strong, successes only; never no trial and a flat prior."""
    trials = int(rng.integers(9, 10_000) if rng.random() < 0.2 else rng.integers(0, 9))
    successes = int(rng.choice([0, trials, rng.integers(0, trials + 1)]))
    alpha, beta = 1 + rng.choice([0.0, 1.0, 0.5], 2) * np.round(rng.exponential(3, 2), 2)
    if rng.random() < 0.25:
        alpha, beta = 1 + 10 ** rng.uniform(-6, 4, 2)
    if trials == 0 and alpha == beta == 1:
        alpha = 2.5
    return successes, trials, float(alpha), float(beta)


beta_bernoulli_map = Exercise(
    name="beta_bernoulli_map",
    arguments=("successes", "trials", "alpha", "beta"),
    returns="MAP estimate",
    reference=lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials + alpha + beta - 2),
    spellings={
        "posterior's parameters": lambda successes, trials, alpha, beta: (
            (alpha + successes - 1) / ((alpha + successes) + (beta + trials - successes) - 2)
        ),
        "weighted average": lambda successes, trials, alpha, beta: np.average(
            [successes / max(trials, 1), (alpha - 1) / max(alpha + beta - 2, 1e-12)],
            weights=[trials, alpha + beta - 2],
        ),
        "expit": lambda successes, trials, alpha, beta: special.expit(
            special.log1p(successes + alpha - 2) - np.log(trials - successes + beta - 1)
        ),
        "torch": lambda successes, trials, alpha, beta: (
            torch.tensor(successes + alpha - 1.0) / torch.tensor(trials + alpha + beta - 2.0)
        ),
    },
    probes=[
        (7, 10, 2.0, 2.0),
        (0, 4, 3.0, 5.0),
        (1, 1, 2.5, 4.0),
        (5, 5, 1.5, 4.0),
        (175, 272, 13.0, 29.0),
        (3, 8, 1.0, 1.5),
        (0, 6, 1.0, 3.0),
        (4, 4, 2.5, 1.0),
        (0, 0, 3.0, 1.5),
        (0, 0, 1.00002, 1.00006),
        (2, 7, 1.0, 1.0),
    ],
    law=_coin,
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
            "prior dropped, with a way out",
            lambda successes, trials, alpha, beta: successes / trials if trials else 0.5,
            "This is the maximum-likelihood estimate, with ½ where there is no trial. The prior answers there, and "
            "everywhere it pulls a little.",
        ),
        Misconception(
            "Laplace's rule",
            lambda successes, trials, alpha, beta: (successes + 1) / (trials + 2),
            "This is Laplace's rule, the posterior mean under a flat prior. α and β do not appear in it.",
        ),
        Misconception(
            "posterior median",
            lambda successes, trials, alpha, beta: stats.beta.median(alpha + successes, beta + trials - successes),
            "This is the median of the posterior. The MAP is its mode, the place of the maximum.",
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
            "the prior's mean",
            lambda successes, trials, alpha, beta: alpha / (alpha + beta),
            "This is the mean of the prior: the data do not appear in it, and the MAP is a mode.",
        ),
        Misconception(
            "failures for successes",
            lambda successes, trials, alpha, beta: (trials - successes + alpha - 1) / (trials + alpha + beta - 2),
            "You counted the failures as successes: θ is the chance of a success, and α goes with those.",
        ),
        Misconception(
            "denominator −1",
            lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials + alpha + beta - 1),
            "In the denominator only 1 is subtracted; both exponents bring a −1, so it is trials + α + β − 2.",
        ),
        Misconception(
            "odds",
            lambda successes, trials, alpha, beta: (successes + alpha - 1) / (trials - successes + beta - 1),
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


def _with_mean(function):
    """Build a misconception that has the right scale and another mean."""

    def predictive(data, scale, prior_mean, prior_scale):
        _, variance = _posterior(data, scale, prior_mean, prior_scale)
        return function(data, scale, prior_mean, prior_scale), np.sqrt(scale**2 + variance)

    return predictive


def _with_mean_and_count(function):
    """Build a misconception that has the right mean, and a scale from that of the data and their number."""

    def predictive(data, scale, prior_mean, prior_scale):
        return _posterior(data, scale, prior_mean, prior_scale)[0], function(scale, len(data))

    return predictive


def _with_scale_of_prior(data, scale, prior_mean, prior_scale):
    mean, _ = _posterior(data, scale, prior_mean, prior_scale)
    return mean, np.sqrt(scale**2 + prior_scale**2)


def _known_scale(rng):
    """Draw a prior of the mean, a known scale and few or many data that may surprise the prior, in any unit."""
    scale, prior_scale = np.exp(rng.normal(0, 0.8, 2))
    prior_mean = rng.choice([0.0, rng.normal(0, 5)], p=[0.2, 0.8])
    if rng.random() < 0.2:
        prior_scale = scale * 10 ** rng.uniform(-2, 2)
    count = rng.integers(7, 300) if rng.random() < 0.2 else rng.integers(1, 7)
    data = rng.normal(prior_mean, 2 * prior_scale) + scale * rng.standard_normal(count)
    if count > 1 and rng.random() < 0.3:
        data[-1] = data[0]
    unit = 10 ** rng.uniform(-4, 4) if rng.random() < 0.3 else 1.0
    return unit * data, float(unit * scale), float(unit * prior_mean), float(unit * prior_scale)


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
        (np.array([79.0, 79.0, 62.0]), 6.0, 70.0, 5.0),
        (np.linspace(2e-4, 9e-4, 150), 4e-4, 0.0, 5e-5),
        (np.array([3e4, -1e4]), 5e4, 1e4, 2e4),
    ],
    law=_known_scale,
    misconceptions=[
        Misconception(
            "parameter uncertainty left out",
            _with_scale(lambda scale, variance: scale),
            "This is the scale of the observations alone. The mean μ is not known exactly: "
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
            "This is the posterior's scale of the mean μ. A new observation scatters around μ by another `scale`: "
            "add that variance too.",
        ),
        Misconception(
            "the posterior's variance",
            _with_scale(lambda scale, variance: variance),
            "This is the variance of the posterior of μ. Two steps are missing: add scale², the scatter of a new "
            "observation around μ, and take the root.",
        ),
        Misconception(
            "the posterior's precision",
            _with_scale(lambda scale, variance: 1 / variance),
            "This is the precision of μ. Its reciprocal is a variance; add scale² to that, and take the root.",
        ),
        Misconception(
            "variance of μ added unsquared",
            _with_scale(lambda scale, variance: np.sqrt(scale**2 + np.sqrt(variance))),
            "You added a variance and a standard deviation: 1/precision is the variance of μ already, without a root.",
        ),
        Misconception(
            "variance of μ squared",
            _with_scale(lambda scale, variance: np.sqrt(scale**2 + variance**2)),
            "You squared the variance of μ: 1/precision is a variance already.",
        ),
        Misconception(
            "the prior's scale",
            _with_scale_of_prior,
            "The scatter of μ is taken from the prior. The data have narrowed it: use the posterior's variance, "
            "1/(1/prior_scale² + N/scale²).",
        ),
        Misconception(
            "flat prior",
            lambda data, scale, prior_mean, prior_scale: (np.mean(data), np.sqrt(scale**2 + scale**2 / len(data))),
            "This is the prediction under a flat prior: the sample mean, and scale²/N for the doubt about μ. "
            "Here the prior N(prior_mean, prior_scale²) adds its precision and pulls the mean.",
        ),
        Misconception(
            "doubt from the data alone",
            _with_mean_and_count(lambda scale, count: np.sqrt(scale**2 + scale**2 / count)),
            "The mean is right. For the doubt about μ you take scale²/N, as under a flat prior. The prior knows "
            "something too: the variance of μ is 1/(1/prior_scale² + N/scale²).",
        ),
        Misconception(
            "standard error",
            _with_mean_and_count(lambda scale, count: scale / np.sqrt(count)),
            "The mean is right. scale/√N is the standard error of the sample mean. A new observation scatters by "
            "`scale` around a μ that is not known exactly: the two variances add.",
        ),
        Misconception(
            "the data's own spread",
            lambda data, scale, prior_mean, prior_scale: (np.mean(data), np.std(data)),
            "These are mean and spread of the data themselves. σ is known here (`scale`), and μ has a prior.",
        ),
        Misconception(
            "plug-in",
            lambda data, scale, prior_mean, prior_scale: (np.mean(data), scale),
            "This is the plug-in prediction: the sample mean, taken as if it were exact. The prior does not appear.",
        ),
        Misconception(
            "mean for sum",
            _mean_for_sum,
            "In the posterior's mean the data enter with their sum, Σx/scale²; you used their average.",
        ),
        Misconception(
            "sample mean",
            _with_mean(lambda data, scale, prior_mean, prior_scale: np.mean(data)),
            "This is the sample mean. The prior pulls it towards prior_mean: weigh the two with their precisions, "
            "1/prior_scale² and N/scale².",
        ),
        Misconception(
            "prior mean kept",
            _with_mean(lambda data, scale, prior_mean, prior_scale: prior_mean),
            "This is the mean before any data. The data pull it: weigh prior_mean and the data with their precisions.",
        ),
        Misconception(
            "half way",
            _with_mean(lambda data, scale, prior_mean, prior_scale: (prior_mean + np.mean(data)) / 2),
            "You took the middle between prior mean and sample mean. That is right only where both are equally "
            "precise; in general weigh them with their precisions.",
        ),
        Misconception(
            "weights exchanged",
            _with_mean(
                lambda data, scale, prior_mean, prior_scale: (
                    (prior_mean * len(data) / scale**2 + np.mean(data) / prior_scale**2)
                    / (len(data) / scale**2 + 1 / prior_scale**2)
                )
            ),
            "The two weights have changed places: the data's precision N/scale² belongs to the sample mean, the "
            "prior's, 1/prior_scale², to prior_mean.",
        ),
        Misconception(
            "weighted with variances",
            _with_mean(
                lambda data, scale, prior_mean, prior_scale: (
                    (prior_mean * prior_scale**2 + np.sum(data) * scale**2) / (prior_scale**2 + len(data) * scale**2)
                )
            ),
            "You weighted with the variances, so the less certain counts more. Weigh with their reciprocals, the "
            "precisions.",
        ),
        Misconception(
            "not divided by the precision",
            _with_mean(
                lambda data, scale, prior_mean, prior_scale: prior_mean / prior_scale**2 + np.sum(data) / scale**2
            ),
            "This is the precision-weighted sum; the mean is that sum divided by the sum of the precisions.",
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


def _regression(rng):
    """Draw tables with more rows than columns, or one less, some with a column of zeros or two nearly equal ones."""
    size = rng.integers(1, 5)
    count = max(1, size + rng.integers(-1, 4))
    features = rng.normal(0, 1.5, (count, size)) + rng.normal(0, 1, size)
    if count >= size and rng.random() < 0.2:
        features[:, -1] = 0.0
    elif size > 1 and rng.random() < 0.3:
        features[:, 0] = features[:, 1] + rng.normal(0, 0.05, count)
    scales = np.exp(rng.normal(0, 0.6, 2))
    if rng.random() < 0.4:
        scales = 10 ** rng.uniform(-3, 3) * np.array([1.0, 30 ** rng.uniform(-1, 1)])
    return features, rng.normal(1, 3, count), float(scales[0]), float(scales[1])


ridge_map = Exercise(
    name="ridge_map",
    arguments=("features", "targets", "noise_scale", "prior_scale"),
    returns="weights",
    reference=lambda features, targets, noise_scale, prior_scale: _ridge(
        features, targets, noise_scale**2 / prior_scale**2
    ),
    spellings={
        "imagined observations": _ridge_augmented,
        "torch": _ridge_torch,
        "kernel": lambda features, targets, noise_scale, prior_scale: (
            features.T
            @ np.linalg.inv(features @ features.T + noise_scale**2 / prior_scale**2 * np.eye(len(features)))
            @ targets
        ),
    },
    probes=[
        (np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 2.0, 2.5]), 0.5, 2.0),
        (_FEATURES, _FEATURES @ np.array([1.0, -2.0, 0.5]) + 0.1, 3.0, 1.5),
        (np.array([[1.0, 1.0, 1.0]]), np.array([-2.0]), 1.0, 2.0),
        (_FEATURES[:2], np.array([4.0, -1.0]), 0.3, 0.2),
        (_FEATURES[:5, :1], np.array([3.0, 1.0, -2.0, 0.5, 4.0]), 1.0, 0.7),
        (np.array([[1.0, 1.05], [2.0, 1.97], [-1.0, -1.02]]), np.array([1.0, 3.0, 0.5]), 0.2, 6.0),
        (_FEATURES[:4], np.array([1.0, -3.0, 2.0, 0.5]), 60.0, 2.5),
    ],
    law=_regression,
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
            "penalty divided by N",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, noise_scale**2 / prior_scale**2 / len(features)
            ),
            "The penalty has been divided by N. That belongs to an averaged squared error; the log-posterior sums "
            "over the data, and the prior is stated once.",
        ),
        Misconception(
            "half the penalty",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, noise_scale**2 / (2 * prior_scale**2)
            ),
            "The penalty is half as large as it should be: a ½ stands in front of the squared error too, and both "
            "disappear with the derivative.",
        ),
        Misconception(
            "twice the penalty",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, 2 * noise_scale**2 / prior_scale**2
            ),
            "The penalty is twice as large as it should be: the 2 in 2σ² is common to both terms of the log-posterior "
            "and cancels.",
        ),
        Misconception(
            "prior forgotten in the penalty",
            lambda features, targets, noise_scale, prior_scale: _ridge(features, targets, noise_scale**2),
            "The penalty is σ² alone; it must be measured against the prior's variance: c = σ²/s₀².",
        ),
        Misconception(
            "penalty subtracted",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                features, targets, -(noise_scale**2) / prior_scale**2
            ),
            "The penalty has the wrong sign: it would push the weights away from 0. The negative log-posterior holds "
            "+‖w‖²/(2s₀²).",
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
            "intercept fitted and dropped",
            lambda features, targets, noise_scale, prior_scale: _ridge(
                np.column_stack([features, np.ones(len(features))]), targets, noise_scale**2 / prior_scale**2
            )[:-1],
            "You fit an intercept beside the weights, and leave it out of the answer. It takes up part of the targets, "
            "and this model has none.",
        ),
        Misconception(
            "prior dropped",
            lambda features, targets, noise_scale, prior_scale: np.linalg.pinv(features) @ targets,
            "This is least squares, the maximum-likelihood estimate: the prior does not appear in it.",
        ),
        Misconception(
            "prior dropped, and solved",
            lambda features, targets, noise_scale, prior_scale: _ridge(features, targets, 0.0),
            "These are the normal equations of least squares, without the prior. With fewer data than weights they "
            "have no single solution; the prior's penalty on the diagonal is what makes it one.",
        ),
    ],
    hints=[
        "Write the negative log-posterior: ‖y − Fw‖²/(2σ²) + ‖w‖²/(2s₀²) + constant.",
        "Set its gradient to zero: (FᵀF/σ² + I/s₀²) w = Fᵀy/σ².",
        "np.linalg.solve(features.T @ features + penalty * np.eye(D), features.T @ targets), with the right penalty.",
    ],
    praise="A Gaussian prior on the weights and a quadratic penalty are one and the same thing.",
)
