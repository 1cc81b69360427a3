"""Lesson 03, expectation–maximization: its explorers."""

from types import SimpleNamespace

import numpy as np
from scipy import special, stats

from course_utils.models.mixtures import GaussianMixture, em_step
from course_utils.workshop.data import old_faithful
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import ellipse, palette

_STEPS = 50  # of EM in the step-through
_MAXIMUM = -1130.263960  # log-likelihood in nats of the best two components on Old Faithful
_FLOOR = -1310.0  # lower values, of poor starts, are drawn at this edge

# For each start: the means, and the covariances as a share of the data's.
_STARTS = {
    "two fair guesses": ([[2.5, 60.0], [4.0, 75.0]], 0.25),
    "crossed": ([[2.0, 85.0], [4.5, 55.0]], 0.5),
    "both on one group": ([[4.2, 75.0], [4.6, 88.0]], 0.1),
    "almost equal": ([[3.45, 70.5], [3.55, 71.5]], 1.0),
    "exactly equal": ([[3.5, 71.0], [3.5, 71.0]], 1.0),
}


def _half_steps(data, start):
    """List (mixture, q, bound, log-likelihood) before EM begins and after each E-step and each M-step."""
    means, share = _STARTS[start]
    mixture = GaussianMixture([0.5, 0.5], means, np.tile(share * np.cov(data.T), (2, 1, 1)))
    q = np.full((len(data), 2), 0.5)
    states = []
    for half in range(2 * _STEPS + 1):
        if half % 2:
            q = mixture.responsibilities(data)
        elif half:
            mixture, _ = em_step(mixture, data)
        bound = np.sum(q * mixture.log_joint(data) - special.xlogy(q, q))
        states.append((mixture, q, bound, mixture.log_likelihood(data)))
    return states


def _build_step_through(figure):
    from matplotlib.colors import LinearSegmentedColormap

    data = old_faithful()
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    colours = LinearSegmentedColormap.from_list("components", [palette.second, "#BBBBBB", palette.model])
    points = left.scatter(*data.T, s=22, c=np.full(len(data), 0.5), cmap=colours, vmin=0, vmax=1)
    ellipses = [left.plot([], [], color=colour, linewidth=2.5)[0] for colour in (palette.model, palette.second) * 2]
    left.set(title="Colour: who is responsible", xlabel="eruption, minutes", ylabel="waiting, minutes")
    left.set(xlim=(1, 6), ylim=(38, 102))
    right.axhline(_MAXIMUM, linestyle="--", color=palette.truth, linewidth=1.5, label="maximum")
    (bound,) = right.plot([], [], "-", color=palette.approximation, label=r"lower bound $\mathcal{L}(q, \theta)$")
    (likelihood,) = right.plot([], [], "-", color=palette.model, label="log-likelihood")
    (here,) = right.plot([], [], "o", color=palette.model, markersize=11, markeredgecolor="white")
    (below,) = right.plot([], [], "o", color=palette.approximation, markersize=8, markeredgecolor="white")
    right.set(title="The bound follows and touches", xlabel="half-step: E, M, E, M, …", ylabel="nats")
    right.set(xlim=(-2, 2 * _STEPS + 2), ylim=(_FLOOR - 6, _MAXIMUM + 12))
    right.legend(loc="lower right")
    return SimpleNamespace(
        points=points,
        ellipses=ellipses,
        bound=bound,
        likelihood=likelihood,
        here=here,
        below=below,
        runs={start: _half_steps(data, start) for start in _STARTS},
    )


def _draw_step_through(parts, half, start):
    run = parts.runs[start]
    mixture, q, bound, log_likelihood = run[half]
    parts.points.set_array(q[:, 0])
    components = list(zip(mixture.means, mixture.covariances, strict=True))
    for place, curve in enumerate(parts.ellipses):
        curve.set_data(*ellipse(*components[place % 2], 1 + place // 2))
    bounds, likelihoods = (np.maximum([state[column] for state in run[: half + 1]], _FLOOR) for column in (2, 3))
    parts.bound.set_data(np.arange(half + 1), bounds)
    parts.likelihood.set_data(np.arange(half + 1), likelihoods)
    parts.here.set_data([half], [likelihoods[-1]])
    parts.below.set_data([half], [bounds[-1]])
    if half == 0:
        done = "Before the first step, with q = ½ for every point"
    else:
        done = f"After {'E' if half % 2 else 'M'}-step {(half + 1) // 2}"
    return (
        f"{done}: log-likelihood {log_likelihood:.3f} nats, bound {bound:.3f}, "
        f"so KL(q‖p(z|x)) = {max(log_likelihood - bound, 0):.3f}."
    )


def step_through():
    """Return the explorer of EM's half-steps on Old Faithful."""
    return Explorer(
        _build_step_through,
        _draw_step_through,
        [
            Slider("half", label="half-steps", minimum=0, maximum=2 * _STEPS, step=1, value=30),
            Choice("start", label="start", options=tuple(_STARTS), value="both on one group"),
        ],
        name="step_through",
        title="EM, half a step at a time",
        alt="Left, the eruptions coloured by responsibility, with the ellipses of two components. Right, the "
        "log-likelihood and its lower bound after each half-step, below the dashed maximum; whatever is under −1310 "
        "is drawn at that edge.",
        width=9.4,
        height=4.0,
    )


_LOWER_MEAN, _UPPER_WEIGHT = 54.6, 0.64  # what the one-parameter family takes as known


def _upper_and_total(waiting, mean, scale):
    """Log joint of the component with the unknown mean, and log-density of the mixture: (N, number of means)."""
    upper = np.log(_UPPER_WEIGHT) + stats.norm.logpdf(waiting[:, None], mean, scale)
    lower = np.log(1 - _UPPER_WEIGHT) + stats.norm.logpdf(waiting, _LOWER_MEAN, scale)[:, None]
    return upper, np.logaddexp(upper, lower)


def _build_tangent_bound(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    (likelihood,) = left.plot([], [], color=palette.model, linewidth=2.8, label="log-likelihood")
    (bound,) = left.plot([], [], color=palette.approximation, label=r"bound from $\theta_{old}$")
    (old,) = left.plot([], [], "o", color=palette.model, markersize=11, markeredgecolor="white")
    (new,) = left.plot([], [], "^", color=palette.approximation, markersize=11, markeredgecolor="white")
    (risen,) = left.plot([], [], "o", color="white", markeredgecolor=palette.model, markersize=9, markeredgewidth=2)
    left.set(title="Touch, then climb the bound", xlabel="mean μ of the long waits, minutes")
    left.set(ylabel="nats per data point", xlim=(45, 105), ylim=(-8.2, -3.1))
    left.legend(loc="upper left", ncols=2, columnspacing=1.2)
    right.plot([45, 105], [45, 105], "--", color=palette.truth, linewidth=1.5, label="standing still")
    (em_map,) = right.plot([], [], color=palette.model, label="EM's map")
    (path,) = right.plot([], [], "-", color=palette.approximation, linewidth=1.5, label="12 steps")
    right.set(
        title="Step after step",
        xlabel=r"$\theta_{old}$, minutes",
        ylabel=r"$\theta_{new}$, minutes",
        xlim=(45, 105),
        ylim=(45, 105),
    )
    right.legend(loc="lower right")
    return SimpleNamespace(
        likelihood=likelihood,
        bound=bound,
        old=old,
        new=new,
        risen=risen,
        em_map=em_map,
        path=path,
        waiting=old_faithful()[:, 1],
        means=np.linspace(45, 105, 241),
    )


def _draw_tangent_bound(parts, old, scale):
    waiting, means = parts.waiting, parts.means
    upper, total = _upper_and_total(waiting, means, scale)
    mapped = np.exp(upper - total).T @ waiting / np.exp(upper - total).sum(axis=0)
    path = [old]
    for _ in range(12):
        upper_old, total_old = _upper_and_total(waiting, np.array([path[-1]]), scale)
        shares = np.exp(upper_old - total_old)[:, 0]
        path.append(shares @ waiting / shares.sum())
        if len(path) == 2:
            # Moving μ changes the joint of the upper component only, by a quadratic in μ.
            change = (waiting[:, None] - old) ** 2 - (waiting[:, None] - np.append(means, path[1])) ** 2
            bound = total_old.mean() + np.mean(shares[:, None] * change, axis=0) / (2 * scale**2)
            height = total_old.mean()
    new = path[1]
    reached = _upper_and_total(waiting, np.array([new]), scale)[1].mean()
    parts.likelihood.set_data(means, total.mean(axis=0))
    parts.bound.set_data(means, bound[:-1])
    parts.old.set_data([old], [height])
    parts.new.set_data([new], [bound[-1]])
    parts.risen.set_data([new], [reached])
    parts.em_map.set_data(means, mapped)
    parts.path.set_data(np.repeat(path, 2)[:-1], np.repeat(path, 2)[1:])
    return (
        f"From the old θ = {old:.1f} to the new θ = {new:.2f} minutes: the bound promises "
        f"{len(waiting) * (bound[-1] - height):.2f} nats, the log-likelihood rises by "
        f"{len(waiting) * (reached - height):.2f}. After 12 steps θ is {path[-1]:.4f}."
    )


def tangent_bound():
    """Return the explorer of the bound in one parameter, the mean of the long waiting times."""
    return Explorer(
        _build_tangent_bound,
        _draw_tangent_bound,
        [
            Slider("old", label="old value", symbol="θ", unit="min", minimum=46.0, maximum=104.0, step=0.5,
                   value=62.0),
            Slider("scale", label="width of both", symbol="σ", unit="min", minimum=3.5, maximum=14.0, step=0.5,
                   value=6.0),
        ],
        name="tangent_bound",
        title="A bound that touches",
        alt="Left, the log-likelihood over one mean and the lower bound that touches it at the old value. Right, "
        "the new value as a function of the old one, with the path of twelve steps.",
        width=9.4,
        height=3.9,
    )  # fmt: skip


EXPLORERS = {"step_through": step_through, "tangent_bound": tangent_bound}
