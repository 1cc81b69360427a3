"""Lesson 04, variational inference: its explorers."""

from types import SimpleNamespace

import numpy as np
from scipy import special, stats

from course_utils.models.variational import MixturePrior, cavi_gaussian, mean_field_gaussian, weak_prior
from course_utils.workshop.data import old_faithful
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

# The durations under the best mixture of two Gaussians for Old Faithful (lesson 03), in minutes.
_WEIGHTS = np.array([0.35587, 0.64413])
_MEANS = np.array([2.03639, 4.28966])
_SCALES = np.sqrt([0.06917, 0.16997])


def _log_target(durations):
    """Log-density of the two-humped target at durations (G,)."""
    return special.logsumexp(
        np.log(_WEIGHTS) + stats.norm.logpdf(durations[:, None], _MEANS, _SCALES),
        axis=1,
    )


def _under(grid, heights):
    """Return the corners (G + 2, 2) of the area between a curve and zero."""
    ends = [[grid[0], 0.0]], [[grid[-1], 0.0]]
    return np.concatenate([ends[0], np.column_stack([grid, heights]), ends[1]])


def _build_tug_of_war(figure):
    left, right, bars = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 0.75))
    grid = np.linspace(-9, 16, 2501)
    log_p = _log_target(grid)
    left.plot(grid, np.exp(log_p), color=palette.model, label="target p")
    (curve,) = left.plot([], [], color=palette.approximation, linewidth=2.8, label="your q")
    left.set(title="Place and stretch q", xlabel="duration z, minutes", ylabel="density, per minute")
    left.set(xlim=(0, 7), ylim=(0, 1.15))
    left.legend(loc="upper left", ncols=2, columnspacing=1.2, handlelength=1.6)
    right.axhline(0, color=palette.data, linewidth=0.8)
    (reverse,) = right.fill([0, 1], [0, 1], color=palette.approximation, alpha=0.6, label="q log(q/p)")
    (forward,) = right.fill([0, 1], [0, 1], color=palette.model, alpha=0.45, label="p log(p/q)")
    right.set(title="Where each KL comes from", xlabel="duration z, minutes", ylabel="integrand, nats per minute")
    right.set(xlim=(0, 7), ylim=(-0.6, 2.6))
    right.legend(loc="upper left", ncols=2, columnspacing=1.2, handlelength=1.2, frameon=True, framealpha=1)
    heights = bars.bar(["KL(q‖p)", "KL(p‖q)"], [0, 0], color=[palette.approximation, palette.model], width=0.6)
    bars.set(title="The two sums", ylabel="nats (bars end at 5)", ylim=(0, 5.4), xlim=(-0.6, 1.6))
    return SimpleNamespace(
        curve=curve, reverse=reverse, forward=forward, bars=list(heights), grid=grid, log_p=log_p
    )  # fmt: skip


def _draw_tug_of_war(parts, mean, scale):
    log_q = stats.norm.logpdf(parts.grid, mean, scale)
    q, p = np.exp(log_q), np.exp(parts.log_p)
    reverse, forward = q * (log_q - parts.log_p), p * (parts.log_p - log_q)
    parts.curve.set_data(parts.grid, q)
    parts.reverse.set_xy(_under(parts.grid, np.clip(reverse, -5, 5)))
    parts.forward.set_xy(_under(parts.grid, np.clip(forward, -5, 5)))
    step = parts.grid[1] - parts.grid[0]
    divergences = reverse.sum() * step, forward.sum() * step
    for bar, divergence in zip(parts.bars, divergences, strict=True):
        bar.set_height(min(divergence, 5.0))
    return (
        f"q has mean {mean:.2f} and standard deviation {scale:.2f} minutes: KL(q‖p) = {divergences[0]:.2f} nats and "
        f"KL(p‖q) = {divergences[1]:.2f} nats."
    )


def tug_of_war():
    """Return the explorer of the two KL divergences between a Gaussian and a density with two humps."""
    return Explorer(
        _build_tug_of_war,
        _draw_tug_of_war,
        [
            Slider("mean", label="mean of q", symbol="m", unit="min", minimum=1.0, maximum=6.0, step=0.05, value=3.2),
            Slider(
                "scale",
                label="std. deviation of q",
                symbol="s",
                unit="min",
                minimum=0.1,
                maximum=2.0,
                step=0.02,
                value=0.8,
            ),
        ],
        name="tug_of_war",
        title="Two divergences pull at one Gaussian",
        alt="Left, a target density with two humps and a Gaussian q. Middle, the integrands of both KL divergences, "
        "shaded. Right, the two divergences as bars.",
        width=10.0,
        height=3.7,
    )


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 120)), np.sin(np.linspace(0, 2 * np.pi, 120))])
_START = np.array([-2.2, 2.2])


def _build_mean_field(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    truth = [left.plot([], [], color=palette.model, label="p" if radius == 2 else None)[0] for radius in (1, 2)]
    factors = [
        left.plot([], [], color=palette.approximation, linewidth=2.8, label="q" if radius == 2 else None)[0]
        for radius in (1, 2)
    ]
    (path,) = left.plot([], [], ".-", color=palette.data, linewidth=1.2, markersize=7, label="mean of q, step by step")
    left.set(title="Ellipses at 1 and 2 deviations", xlabel="$z_1$", ylabel="$z_2$")
    left.set(xlim=(-3.2, 3.2), ylim=(-3.2, 4.4), aspect="equal")
    left.legend(loc="upper left", ncols=3, columnspacing=0.8, handlelength=1.1)
    grid = np.linspace(-4, 4, 401)
    right.plot(grid, stats.norm.pdf(grid), color=palette.model, label="p($z_1$), variance 1")
    (marginal,) = right.plot([], [], color=palette.approximation, linewidth=2.8, label="q($z_1$)")
    right.set(title="What each says about $z_1$ alone", xlabel="$z_1$", ylabel="density", xlim=(-4, 4), ylim=(0, 1.5))
    right.legend(loc="upper left")
    return SimpleNamespace(truth=truth, factors=factors, path=path, marginal=marginal, grid=grid)


def _draw_mean_field(parts, correlation, steps, direction):
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    if direction == "KL(q‖p)":
        _, variances = mean_field_gaussian(np.zeros(2), covariance)
        path = cavi_gaussian(np.zeros(2), covariance, _START, sweeps=10)[: steps + 1]
    else:  # the product of the marginals, found at once
        variances, path = np.ones(2), np.zeros((1, 2))
    root, scales = np.linalg.cholesky(covariance), np.sqrt(variances)
    for radius, true, factor in zip((1, 2), parts.truth, parts.factors, strict=True):
        true.set_data(*(radius * root @ _CIRCLE))
        factor.set_data(*(path[-1][:, None] + radius * scales[:, None] * _CIRCLE))
    parts.path.set_data(*path.T)
    parts.marginal.set_data(parts.grid, np.minimum(stats.norm.pdf(parts.grid, path[-1][0], scales[0]), 1.6))
    return (
        f"With ρ = {correlation:.2f}, the factorised q that minimises {direction} has variance {variances[0]:.3f} in "
        f"each coordinate; p has 1. After {len(path) - 1} updates the mean of q is ({path[-1][0]:.2f}, "
        f"{path[-1][1]:.2f}); that of p is (0, 0)."
    )


def mean_field():
    """Return the explorer of mean field on a correlated Gaussian."""
    return Explorer(
        _build_mean_field,
        _draw_mean_field,
        [
            Slider("correlation", label="correlation", symbol="ρ", minimum=-0.95, maximum=0.95, step=0.05, value=0.0),
            Slider("steps", label="single updates made", minimum=0, maximum=20, step=1, value=20),
            Choice("direction", label="divergence", options=("KL(q‖p)", "KL(p‖q)"), value="KL(q‖p)"),
        ],
        name="mean_field",
        title="Two factors for one correlated Gaussian",
        alt="Left, the ellipses of a correlated Gaussian and of its factorised approximation, with the path of the "
        "approximation's mean. Right, the densities of the first coordinate under both.",
        width=9.4,
        height=4.2,
    )


_COMPONENTS = 6
_MOST_SWEEPS = 300
_SHADES = ("#0072B2", palette.second, "#56B4E9", "#117733", "#882255", "#999933")


def pruning_start(data, components):
    """Return responsibilities (N, K) that cut the points into K equal slices by their second coordinate."""
    ranks = np.argsort(np.argsort(data[:, 1], kind="stable"), kind="stable")
    return np.eye(components)[ranks * components // len(data)]


def cavi_path(data: np.ndarray, prior: MixturePrior, start: np.ndarray, sweeps: int) -> np.ndarray:
    """Follow the responsibilities of the Bayesian mixture, without checks or bound: quick enough for a slider.

    Parameters
    ----------
    data : (N, 2).
    prior : the mixture's prior.
    start : responsibilities (N, K).
    sweeps : how many sweeps to make.

    Returns
    -------
    (sweeps + 1, N, K), from the start on; equal to `course_utils.models.variational.cavi_mixture`.
    """
    size, path = data.shape[1], [start]
    centred = data - prior.mean
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(data), -1)
    for _ in range(sweeps):
        counts = path[-1].sum(axis=0)
        strengths, degrees = prior.strength + counts, prior.degrees_of_freedom + counts
        means = path[-1].T @ centred / strengths[:, None]
        outer = strengths[:, None, None] * means[:, :, None] * means[:, None, :]
        scatters = prior.scatter + (path[-1].T @ products).reshape(-1, size, size) - outer
        factors = np.linalg.inv(np.linalg.cholesky(scatters))
        whitened = factors @ (centred.T - means[:, :, None])
        log_det = special.digamma((degrees[:, None] - np.arange(size)) / 2).sum(axis=1)
        log_det += 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        log_rho = special.digamma(prior.concentration + counts) + (log_det - size / strengths) / 2
        log_rho = log_rho - degrees * np.sum(whitened**2, axis=1).T / 2
        log_rho -= log_rho.max(axis=1, keepdims=True)
        rho = np.exp(log_rho)
        path.append(rho / rho.sum(axis=1, keepdims=True))
    return np.array(path)


def _build_pruning(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    data = old_faithful()
    left.plot(*data.T, "o", color=palette.data, markersize=4, alpha=0.5)
    ellipses = [left.plot([], [], color=shade, linewidth=2.8)[0] for shade in _SHADES]
    left.set(title="Components with at least one point", xlabel="eruption, minutes", ylabel="waiting, minutes")
    left.set(xlim=(0.8, 6), ylim=(35, 105))
    curves = [right.plot([], [], color=shade)[0] for shade in _SHADES]
    now = right.axvline(1, color=palette.data, linestyle=":", linewidth=1.6)
    right.set(title="Points per component, as sweeps pass", xlabel="sweeps made", ylabel="expected points $N_k$")
    right.set(xscale="log", xlim=(1, _MOST_SWEEPS), ylim=(-5, 205))
    right.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    return SimpleNamespace(ellipses=ellipses, curves=curves, now=now, data=data, paths={})


def _draw_pruning(parts, concentration, sweeps):
    if concentration not in parts.paths:
        start = pruning_start(parts.data, _COMPONENTS)
        prior = weak_prior(parts.data, concentration=concentration)
        path = cavi_path(parts.data, prior, start, _MOST_SWEEPS)
        parts.paths[concentration] = path, path.sum(axis=1)
    path, counts = parts.paths[concentration]
    sweeps = round(sweeps)  # a logarithmic slider stands on fractions too
    responsibilities, here = path[sweeps], counts[sweeps]
    for k, (ellipse, curve) in enumerate(zip(parts.ellipses, parts.curves, strict=True)):
        curve.set_data(np.arange(1, _MOST_SWEEPS + 1), counts[1:, k])
        ellipse.set_visible(bool(here[k] >= 1))
        if here[k] >= 1:
            mean = responsibilities[:, k] @ parts.data / here[k]
            deviations = parts.data - mean
            covariance = (responsibilities[:, k, None] * deviations).T @ deviations / here[k] + 1e-6 * np.eye(2)
            ellipse.set_data(*(mean[:, None] + 2 * np.linalg.cholesky(covariance) @ _CIRCLE))
        else:  # an invisible artist still needs numbers
            ellipse.set_data([], [])
    parts.now.set_xdata([sweeps, sweeps])
    survivors = int(np.sum(here >= 1))
    largest = ", ".join(f"{count:.0f}" for count in np.sort(here)[::-1][: min(survivors, 6)])
    return (
        f"Concentration α₀ = {concentration:.3g}, after {sweeps} sweeps: {survivors} of 6 components hold at least one "
        f"expected point; they hold {largest}."
    )


def pruning():
    """Return the explorer of components that switch themselves off, on Old Faithful."""
    return Explorer(
        _build_pruning,
        _draw_pruning,
        [
            Slider(
                "concentration",
                label="concentration",
                symbol="α₀",
                minimum=0.001,
                maximum=100,
                step=0.25,
                value=0.1,
                log=True,
            ),
            Slider("sweeps", label="sweeps made", minimum=1, maximum=_MOST_SWEEPS, step=0.1, value=10, log=True),
        ],
        name="pruning",
        title="Components that switch themselves off",
        alt="Left, the eruptions and the ellipses of those of six components that hold at least one point. Right, the "
        "expected number of points of each component against the sweeps made.",
        width=9.4,
        height=4.0,
    )


EXPLORERS = {"tug_of_war": tug_of_war, "mean_field": mean_field, "pruning": pruning}
