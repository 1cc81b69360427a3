"""Lesson 01, estimation: its explorers."""

from types import SimpleNamespace

import numpy as np
from scipy import stats

from course_utils.workshop.data import old_faithful
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

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
                value=5,
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
