"""Lesson 02, mixtures of Gaussians: its explorers."""

from types import SimpleNamespace

import numpy as np
from scipy import special, stats

from course_utils.workshop.data import old_faithful
from course_utils.workshop.explorer import Explorer, Slider
from course_utils.workshop.style import ellipse, palette


def _build_sculptor(figure):
    data = old_faithful()
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    (hidden,) = left.plot([], [], "o", color=palette.model, markersize=4, alpha=0.35, label="drawn from the model")
    points = left.scatter(*data.T, s=22, c=np.zeros(len(data)), cmap=_two_colours(), vmin=0, vmax=1, zorder=3)
    ellipses = [left.plot([], [], color=colour, linewidth=2.5)[0] for colour in (palette.model, palette.second) * 2]
    left.set(title="Colour: which component claims the point", xlabel="eruption, minutes", ylabel="waiting, minutes")
    left.set(xlim=(0.8, 6), ylim=(35, 105))
    grid = np.linspace(30, 110, 300)
    bins = np.arange(40, 101, 4)
    right.hist(data[:, 1], bins=bins, density=True, color=palette.data, alpha=0.4, edgecolor="white")
    curves = [right.plot([], [], color=colour)[0] for colour in (palette.model, palette.second)]
    (total,) = right.plot([], [], "--", color=palette.truth, linewidth=1.8, label="their sum")
    right.set(title="Two simple curves, one complicated sum", xlabel="waiting, minutes", ylabel="density, per minute")
    right.set(xlim=(30, 110), ylim=(0, 0.06))
    right.legend(loc="upper left")
    rng = np.random.default_rng(4)
    return SimpleNamespace(
        hidden=hidden,
        points=points,
        ellipses=ellipses,
        curves=curves,
        total=total,
        data=data,
        grid=grid,
        uniforms=rng.random(272),
        noise=rng.standard_normal((272, 2)),
    )


def _two_colours():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("components", [palette.second, "#BBBBBB", palette.model])


def _draw_sculptor(parts, weight, separation, width, correlation):
    spread = np.array([0.4, 6.0]) * width
    middle, half = np.array([3.2, 67.5]), np.array([1.15, 12.75]) * separation
    means = np.array([middle - half, middle + half])
    covariance = np.outer(spread, spread) * np.array([[1, correlation], [correlation, 1]])
    weights = np.array([weight, 1 - weight])
    densities = [stats.multivariate_normal.logpdf(parts.data, mean, covariance) for mean in means]
    log_joint = np.log(weights) + np.stack(densities, axis=1)
    log_prob = special.logsumexp(log_joint, axis=1)
    parts.points.set_array(np.exp(log_joint[:, 0] - log_prob))
    for place, curve in enumerate(parts.ellipses):
        curve.set_data(*ellipse(means[place % 2], covariance, 1 + place // 2))
    labels = (parts.uniforms > weight).astype(int)
    drawn = means[labels] + parts.noise @ np.linalg.cholesky(covariance).T
    parts.hidden.set_data(*drawn.T)
    heights = [w * stats.norm.pdf(parts.grid, m[1], spread[1]) for w, m in zip(weights, means, strict=True)]
    for curve, height in zip(parts.curves, heights, strict=True):
        curve.set_data(parts.grid, height)
    parts.total.set_data(parts.grid, sum(heights))
    return (
        f"Log-likelihood {log_prob.sum():.1f} nats (one Gaussian: −1289.8; the best mixture: −1130.3). "
        f"{np.sum(log_joint[:, 0] > log_joint[:, 1])} of 272 points go to the lower component."
    )


def sculptor():
    """Return the explorer of a mixture of two Gaussians on Old Faithful."""
    return Explorer(
        _build_sculptor,
        _draw_sculptor,
        [
            Slider("weight", label="lower one's weight", symbol="π₁", minimum=0.02, maximum=0.98, step=0.02, value=0.5),
            Slider("separation", label="separation", unit="× data", minimum=0, maximum=1.5, step=0.05, value=0.6),
            Slider("width", label="width", unit="× data", minimum=0.4, maximum=3, step=0.1, value=1.6),
            Slider("correlation", label="correlation", symbol="ρ", minimum=-0.9, maximum=0.9, step=0.1, value=0.0),
        ],
        name="sculptor",
        title="Sculpt a mixture",
        alt="Left, the eruptions coloured by responsibility, with the ellipses of two components and points drawn "
        "from the model. Right, the two weighted curves over the waiting times, and their sum.",
        width=9.4,
        height=4.0,
    )


def _build_singularity(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    # different values, because two equal waits under one component would double the slope
    waiting = np.sort(np.random.default_rng(2).choice(np.unique(old_faithful()[:, 1]), 30, replace=False))
    left.plot(waiting, np.zeros(30), "|", color=palette.data, markersize=18, markeredgewidth=2)
    (curve,) = left.plot([], [], color=palette.model)
    (spike,) = left.plot([], [], color=palette.warning, linewidth=2.5)
    left.set(title="One component shrinks onto one point", xlabel="waiting, minutes", ylabel="density, per minute")
    left.set(xlim=(35, 105), ylim=(-0.01, 0.2))
    log_scales = np.linspace(-12, 3, 200)
    (plain,) = right.plot([], [], color=palette.warning, label="log-likelihood")
    (bounded,) = right.plot([], [], color=palette.prior, label="with a prior on the width")
    (here,) = right.plot([], [], "o", color=palette.warning, markersize=11, markeredgecolor="white")
    (there,) = right.plot([], [], "o", color=palette.prior, markersize=11, markeredgecolor="white")
    right.set(title="The likelihood has no upper bound", xlabel="log σ of that component", ylabel="nats")
    right.set(xlim=(-12, 3), ylim=(-150, -110))
    right.legend(loc="lower center")
    return SimpleNamespace(
        curve=curve, spike=spike, plain=plain, bounded=bounded, here=here, there=there,
        waiting=waiting, log_scales=log_scales, grid=np.linspace(35, 105, 2001),
    )  # fmt: skip


_SPIKE_WEIGHT = 0.1


def _spiked(data, centre, log_scale, rest_mean, rest_scale):
    """Log-likelihood of a broad component and a narrow one of weight 0.1, for an array of log-scales."""
    narrow = stats.norm.logpdf(data[:, None], centre, np.exp(log_scale)[None, :]) + np.log(_SPIKE_WEIGHT)
    broad = stats.norm.logpdf(data, rest_mean, rest_scale)[:, None] + np.log(1 - _SPIKE_WEIGHT)
    return np.logaddexp(narrow, broad).sum(axis=0)


def _draw_singularity(parts, log_scale, point, shape):
    centre = parts.waiting[point - 1]
    rest = parts.waiting.mean(), parts.waiting.std()
    plain = _spiked(parts.waiting, centre, parts.log_scales, *rest)
    # inverse-gamma prior on the variance, normalised to 0 at its highest point
    variance = np.exp(2 * parts.log_scales)
    log_prior = stats.invgamma.logpdf(variance, shape, scale=shape * 25.0)
    bounded = plain + log_prior - log_prior.max()
    parts.plain.set_data(parts.log_scales, plain)
    parts.bounded.set_data(parts.log_scales, np.maximum(bounded, -1e4))
    now = np.interp(log_scale, parts.log_scales, plain), np.interp(log_scale, parts.log_scales, bounded)
    parts.here.set_data([log_scale], [now[0]])
    parts.there.set_data([log_scale], [max(now[1], -1e4)])
    # a narrow bell needs points of its own, or the curve would step over it
    near = centre + np.linspace(-6, 6, 121) * np.exp(log_scale)
    parts.spike.set_data(near, _SPIKE_WEIGHT * stats.norm.pdf(near, centre, np.exp(log_scale)))
    parts.curve.set_data(parts.grid, (1 - _SPIKE_WEIGHT) * stats.norm.pdf(parts.grid, *rest))
    return (
        f"σ = {np.exp(log_scale):.2g} minutes around the wait of {centre:.0f}: log-likelihood {now[0]:.1f} nats; "
        f"with a prior of strength {shape:.1f}, {now[1]:.1f}."
    )


def singularity():
    """Return the explorer of a component that collapses onto one point."""
    return Explorer(
        _build_singularity,
        _draw_singularity,
        [
            Slider(
                "log_scale", label="narrow one's width", symbol="log σ", minimum=-12, maximum=3, step=0.25, value=1.5
            ),
            Slider("point", label="point it sits on", symbol="n", minimum=1, maximum=30, step=1, value=12),
            Slider("shape", label="prior's strength", minimum=0.1, maximum=5, step=0.1, value=1.0),
        ],
        name="singularity",
        title="A likelihood without a top",
        alt="Left, 30 waiting times as ticks, a broad bell curve and a narrow one on a single point. Right, the "
        "log-likelihood against the narrow one's log-width, with and without a prior.",
        width=9.4,
        height=3.8,
    )


EXPLORERS = {"sculptor": sculptor, "singularity": singularity}
