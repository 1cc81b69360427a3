"""Lesson 01, estimation: its explorers and its exercises."""

from types import SimpleNamespace

import numpy as np
import torch
from scipy import stats

from course_utils.data import old_faithful
from course_utils.exercises import Exercise, Misconception
from course_utils.explorer import Choice, Explorer, Slider
from course_utils.style import palette

# --- explorers --------------------------------------------------------------------------------------------------------

# Contours of the log-likelihood, in nats below its maximum. At 2 nats lies, for two parameters, roughly the edge of
# what the data leave plausible (the 86 % region of a Gaussian posterior).
_BANDS = np.array([0, 0.5, 2, 5, 10, 20, 50, 100])


def _gaussian_log_likelihood(count, average, variance, mean, scale):
    """Log-likelihood from the sufficient statistics, element by element."""
    misfit = variance + (average - mean) ** 2
    return -count * (np.log(scale) + np.log(2 * np.pi) / 2 + misfit / (2 * scale**2))


def _build_likelihood_surface(figure):
    from matplotlib.colors import BoundaryNorm

    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    means, scales = np.linspace(50, 95, 181), np.linspace(4, 32, 141)
    surface = left.imshow(
        np.zeros((scales.size, means.size)),
        origin="lower",
        aspect="auto",
        extent=(means[0], means[-1], scales[0], scales[-1]),
        cmap="Greys_r",
        norm=BoundaryNorm(_BANDS, 256, extend="max"),
        interpolation="bilinear",
    )
    bar = left.figure.colorbar(surface, ax=left, ticks=_BANDS)
    bar.set_label("nats below the maximum")
    bar.ax.set_yticklabels([f"{band:g}" for band in _BANDS])
    left.set(
        title="The summit is the maximum likelihood",
        xlabel="mean μ, minutes",
        ylabel="standard deviation σ, minutes",
    )
    (best,) = left.plot([], [], "X", color="white", markeredgecolor=palette.truth, markersize=11)
    (here,) = left.plot([], [], "o", color=palette.model, markersize=12, markeredgecolor="white", markeredgewidth=2)
    right.set(title="The Gaussian you chose, on the data", xlabel="waiting, minutes", ylabel="density, per minute")
    right.set(xlim=(25, 120), ylim=(0, 0.085))
    bars = right.bar(np.arange(32.5, 120, 5), 0, width=5, color=palette.data, alpha=0.45, edgecolor="white")
    (curve,) = right.plot([], [], color=palette.model)
    return SimpleNamespace(
        surface=surface,
        best=best,
        here=here,
        bars=list(bars),
        curve=curve,
        waiting=np.random.default_rng(3).permutation(old_faithful()[:, 1]),
        means=means,
        scales=scales,
        grid=np.linspace(25, 120, 300),
    )


def _draw_likelihood_surface(parts, mean, scale, count):
    sample = parts.waiting[:count]
    statistics = sample.size, sample.mean(), sample.var()
    top = _gaussian_log_likelihood(*statistics, sample.mean(), sample.std())
    below = top - _gaussian_log_likelihood(*statistics, parts.means[None, :], parts.scales[:, None])
    parts.surface.set_data(below)
    parts.best.set_data([sample.mean()], [sample.std()])
    parts.here.set_data([mean], [scale])
    heights, _ = np.histogram(sample, bins=np.arange(30, 121, 5), density=True)
    for bar, height in zip(parts.bars, heights, strict=True):
        bar.set_height(height)
    parts.curve.set_data(parts.grid, stats.norm.pdf(parts.grid, mean, scale))
    value = _gaussian_log_likelihood(*statistics, mean, scale)
    return (
        f"With {count} waiting times, μ = {mean:.1f} and σ = {scale:.1f} minutes give a log-likelihood of "
        f"{value:.1f} nats, {top - value:.1f} below the maximum (the cross)."
    )


def likelihood_surface():
    """Return the explorer of the log-likelihood of one Gaussian for Old Faithful's waiting times."""
    return Explorer(
        _build_likelihood_surface,
        _draw_likelihood_surface,
        [
            Slider("mean", label="mean", symbol="μ", unit="min", minimum=50.0, maximum=95.0, step=0.5, value=80.0),
            Slider(
                "scale",
                label="std. deviation",
                symbol="σ",
                unit="min",
                minimum=4.0,
                maximum=32.0,
                step=0.5,
                value=8.0,
            ),
            Choice("count", label="data used", options=(10, 30, 100, 272), value=272),
        ],
        name="likelihood_surface",
        title="The likelihood as a landscape",
        alt="Left, the log-likelihood over mean and standard deviation with its maximum marked by a cross. "
        "Right, the histogram of the waiting times and the density of the chosen Gaussian.",
        width=9.4,
        height=3.8,
    )


def _build_prior_strength(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    grid = np.linspace(0, 1, 801)
    (prior,) = left.plot([], [], color=palette.prior, label="prior")
    (likelihood,) = left.plot([], [], color=palette.data, linestyle=":", label="likelihood")
    (posterior,) = left.plot([], [], color=palette.model, linewidth=3, label="posterior")
    left.set(title="Data pull the posterior away from the prior", xlabel="share θ", yticks=[])
    left.set(ylabel="height, each scaled to 1", xlim=(0, 1), ylim=(0, 1.28))
    left.legend(loc="upper left", ncols=3, columnspacing=1.2, handlelength=1.6)
    is_long = np.random.default_rng(1).permutation(old_faithful()[:, 0] > 3)
    (shares,) = right.plot([], [], color=palette.data, linestyle=":", label="maximum likelihood")
    (modes,) = right.plot([], [], color=palette.model, label="MAP")
    (share,) = right.plot([], [], "o", color=palette.data, markersize=9, markeredgecolor="white")
    (mode,) = right.plot([], [], "o", color=palette.model, markersize=9, markeredgecolor="white")
    right.set(title="As data arrive, the prior matters less", xlabel="eruptions seen N", ylabel="estimate of θ")
    right.set(xlim=(-4, 276), ylim=(-0.03, 1.03))
    right.legend(loc="lower right")
    return SimpleNamespace(
        prior=prior,
        likelihood=likelihood,
        posterior=posterior,
        shares=shares,
        modes=modes,
        share=share,
        mode=mode,
        grid=grid,
        long_so_far=np.concatenate([[0], np.cumsum(is_long)]),
    )


def _scaled_beta(grid, successes, failures):
    """Return θ^successes (1−θ)^failures, divided by its maximum."""
    log_height = stats.beta.logpdf(grid, successes + 1, failures + 1)
    return np.exp(log_height - np.max(log_height))


def _draw_prior_strength(parts, centre, strength, count):
    imagined_long, imagined_short = strength * centre, strength * (1 - centre)
    seen_long = int(parts.long_so_far[count])
    parts.prior.set_data(parts.grid, _scaled_beta(parts.grid, imagined_long, imagined_short))
    parts.likelihood.set_data(parts.grid, _scaled_beta(parts.grid, seen_long, count - seen_long))
    parts.posterior.set_data(
        parts.grid, _scaled_beta(parts.grid, imagined_long + seen_long, imagined_short + count - seen_long)
    )
    numbers = np.arange(1, 273)
    shares = parts.long_so_far[1:] / numbers
    modes = (parts.long_so_far[1:] + imagined_long) / (numbers + strength)
    parts.shares.set_data(numbers, shares)
    parts.modes.set_data(numbers, modes)
    parts.share.set_data([count], [shares[count - 1]])
    parts.mode.set_data([count], [modes[count - 1]])
    return (
        f"{seen_long} of {count} eruptions, taken in random order, were long. Maximum likelihood says "
        f"{shares[count - 1]:.3f}; with a prior worth {strength:.0f} imagined eruptions around {centre:.2f}, the MAP "
        f"is {modes[count - 1]:.3f}."
    )


def prior_strength():
    """Return the explorer of a prior's strength against the number of data, for a coin."""
    return Explorer(
        _build_prior_strength,
        _draw_prior_strength,
        [
            Slider("centre", label="prior's mode", symbol="m", minimum=0.05, maximum=0.95, step=0.05, value=0.3),
            Slider(
                "strength",
                label="prior's strength",
                symbol="s",
                unit="eruptions",
                minimum=0,
                maximum=200,
                step=5,
                value=40,
            ),
            Slider("count", label="eruptions seen", symbol="N", minimum=1, maximum=272, step=1, value=10),
        ],
        name="prior_strength",
        title="Prior against data",
        alt="Left, prior, likelihood and posterior of the share of long eruptions. Right, the maximum-likelihood "
        "and the MAP estimate as the number of eruptions grows.",
        width=9.4,
        height=3.8,
    )


EXPLORERS = {"likelihood_surface": likelihood_surface, "prior_strength": prior_strength}

# --- exercises --------------------------------------------------------------------------------------------------------


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
