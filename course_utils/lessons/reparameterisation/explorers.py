"""Lesson 06, the reparameterisation trick: its explorers."""

from types import SimpleNamespace

import numpy as np
from scipy import stats

from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

SCORE_COLOUR = palette.second
"""The score-function estimator, in every figure of the lesson; the pathwise one is orange."""


_NODES = {"mean": (0.9, 2.5), "scale": (0.9, 0.9), "noise": (3.6, 0.55), "z": (3.6, 1.9), "f": (6.4, 1.9)}
_RADIUS = 0.44


def _arrow(axes, start, end, **style):
    """Draw an arrow between the rims of two nodes; `bend` makes it an arc."""
    bend = style.pop("bend", 0.0)
    properties = {"arrowstyle": "-|>", "shrinkA": 24, "shrinkB": 24, "mutation_scale": 16, "linewidth": 1.8, **style}
    return axes.annotate(
        "", _NODES[end], _NODES[start], arrowprops={**properties, "connectionstyle": f"arc3,rad={bend}"}
    )


def _build_graph(figure):
    from matplotlib.patches import Circle

    left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
    left.set(xlim=(0.2, 7.1), ylim=(-0.15, 3.25), aspect="equal")
    left.axis("off")
    heading = left.set_title("", fontsize=13)
    circles = {name: left.add_patch(Circle(at, _RADIUS, facecolor="white", zorder=3)) for name, at in _NODES.items()}
    words = {name: left.text(*at, "", ha="center", va="center", fontsize=10.5, zorder=4) for name, at in _NODES.items()}
    forward = [_arrow(left, *ends, color=palette.data) for ends in (("mean", "z"), ("scale", "z"), ("z", "f"))]
    backward = {"linestyle": (0, (3, 2)), "bend": 0.32}
    slope = _arrow(left, "f", "z", color=palette.approximation, **backward)
    open_path = [
        _arrow(left, "noise", "z", color=palette.data),
        _arrow(left, "z", "mean", color=palette.approximation, **backward),
        _arrow(left, "z", "scale", color=palette.approximation, **{**backward, "bend": -0.32}),
    ]
    closed_path = [
        _arrow(left, "z", end, color=palette.warning, **{**backward, "bend": bend})
        for end, bend in (("mean", 0.32), ("scale", -0.32))
    ]
    crosses = [
        left.text(*at, "✗", color=palette.warning, fontsize=19, ha="center", va="center", zorder=5)
        for at in ((2.08, 2.62), (2.42, 0.98))
    ]
    labels = {
        "f": left.text(5.0, 2.75, "", color="#9A6400", ha="center", fontsize=11.5),
        "mean": left.text(2.3, 2.98, "", color="#9A6400", ha="center", fontsize=11.5),
        "scale": left.text(1.9, 0.12, "", color="#9A6400", ha="center", fontsize=11.5),
    }
    grid = np.linspace(-6, 6, 481)
    right.plot(grid, grid**2, color=palette.data, label="f(z) = z²")
    (density,) = right.plot([], [], color=palette.approximation, linewidth=2.8, label="q, times 10")
    (point,) = right.plot([], [], "o", color=palette.truth, markersize=9, zorder=5)
    (tangent,) = right.plot([], [], "--", color=palette.truth, linewidth=1.6, label="slope 2z at the draw")
    right.set(xlim=(-6, 6), ylim=(-4, 26), xlabel="z", title="The draw, and the slope of f there")
    right.legend(loc="upper center", frameon=True, framealpha=1)
    return SimpleNamespace(
        heading=heading, circles=circles, words=words, forward=forward, slope=slope, open=open_path,
        closed=[*closed_path, *crosses], labels=labels, grid=grid, density=density, point=point, tangent=tangent,
    )  # fmt: skip


def _draw_graph(parts, graph, mean, scale, noise):
    after, before = graph == "after", graph == "before"
    parts.slope.set_visible(after or before)
    z = mean + scale * noise
    for artist in parts.open:
        artist.set_visible(after)
    for artist in parts.closed:
        artist.set_visible(before)
    random_node = "noise" if after else "z"
    for name, circle in parts.circles.items():
        circle.set_visible(after or name != "noise")
        circle.set_edgecolor(palette.warning if name == random_node else palette.data)
        circle.set_linewidth(3.2 if name == random_node else 1.6)
    texts = {"mean": f"μ\n{mean:.1f}", "scale": f"σ\n{scale:.1f}", "z": f"z\n{z:.2f}", "f": f"f\n{z * z:.2f}"}
    texts["noise"] = f"ε\n{noise:.1f}" if after else ""
    for name, text in texts.items():
        parts.words[name].set_text(text)
    slopes = {"f": f"∂f/∂z = 2z = {2 * z:.2f}", "mean": "∂z/∂μ: not defined", "scale": "∂z/∂σ: not defined"}
    if after:
        slopes |= {"mean": f"∂f/∂μ = 2z · 1 = {2 * z:.2f}", "scale": f"∂f/∂σ = 2z · ε = {2 * z * noise:.2f}"}
    for name, label in parts.labels.items():
        label.set_text(slopes[name] if after or before else "")
    headings = {"before": "Before: z ~ q, a die in the way", "after": "After: z = μ + σε, the die is an input"}
    parts.heading.set_text(headings.get(graph, "Forwards: z ~ q, then f"))
    parts.density.set_data(parts.grid, np.minimum(10 * stats.norm.pdf(parts.grid, mean, scale), 27))
    parts.point.set_data([z], [z * z])
    aside = np.array([-1.0, 1.0]) if after or before else np.array([])
    parts.tangent.set_data(z + aside, z * z + 2 * z * aside)
    if not (after or before):
        return f"The draw is z = {z:.2f}, and f = {z * z:.2f}. The way back, to μ and σ, is not drawn yet."
    start = (
        f"{graph.capitalize()} the trick: the draw is z = {z:.2f}, f = {z * z:.2f}, and the slope of f is {2 * z:.2f}. "
    )
    if not after:
        return start + "Nothing passes z on the way back: μ and σ receive no gradient."
    return start + f"The chain rule goes on: {2 * z:.2f} for μ, and {2 * z * noise:.2f} for σ."


def computation_graph():
    """Return the explorer of the stochastic computation graph, before and after the trick."""
    return Explorer(
        _build_graph,
        _draw_graph,
        [
            Choice("graph", label="way back, the trick", options=("not yet", "before", "after"), value="not yet"),
            Slider("mean", label="mean", symbol="μ", minimum=-2.0, maximum=2.0, step=0.1, value=1.0),
            Slider("scale", label="standard deviation", symbol="σ", minimum=0.1, maximum=1.5, step=0.1, value=0.8),
            Slider("noise", label="noise", symbol="ε", minimum=-2.0, maximum=2.0, step=0.1, value=0.5),
        ],
        name="computation_graph",
        title="Where the gradient stops, and how it gets through",
        alt="Left, a graph from μ and σ through z to f, with forward arrows in grey and the way back dashed. Right, "
        "the function f, the density q below it, and the slope of f at the draw.",
        width=10.0,
        height=3.9,
    )


_CLOUD = 250
_MOST_SAMPLES, _MOST_DIMENSIONS = 32, 64
_MU = 1.0  # every coordinate of the mean


def gradient_scale(estimator, dimensions, samples=1):
    """Return the standard deviation of an estimate of ∂/∂μ_1 E[‖z‖²] at q = N(1, I), in closed form.

    Parameters
    ----------
    estimator : "pathwise", "score function", "score function, leave-one-out" or "score function, best baseline".
    dimensions : D, a number or an array.
    samples : how many draws are averaged; at least 2 for leave-one-out.

    Returns
    -------
    The standard deviation, in the shape of `dimensions`.
    """
    rest, square = np.asarray(dimensions) - 1.0, _MU**2
    variance_of_f = (rest + 1) * (2 + 4 * square)
    best = 8 * square + 6 + rest * (4 * square + 2)  # with b = E[f s²]
    if estimator == "pathwise":
        variance = np.full_like(rest, 4.0)
    elif estimator == "score function":
        variance = best + (square + 3 + rest * (square + 1)) ** 2
    elif estimator == "score function, best baseline":
        variance = best
    else:  # E[f s²] − E[f] = 2 remains of the mean, and the baseline has an error of its own
        variance = best + 4 + (variance_of_f + 4 * square) / (samples - 1)
    return np.sqrt(variance / samples)


_ESTIMATORS = ("score function", "score function, leave-one-out", "score function, best baseline")


def _build_clouds(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    (cloud,) = left.plot([], [], "o", color=SCORE_COLOUR, markersize=4, alpha=0.6, label="score function")
    (path,) = left.plot([], [], "o", color=palette.approximation, markersize=4, alpha=0.7, label="pathwise")
    left.plot([2], [2], "+", color=palette.truth, markersize=17, markeredgewidth=2.5, label="the truth, (2, 2)")
    left.set(xlabel=r"estimate of $\partial/\partial\mu_1$", ylabel=r"estimate of $\partial/\partial\mu_2$")
    left.set(title="250 estimates by each", aspect="equal")
    left.legend(loc="upper left", frameon=True, framealpha=0.9, markerscale=1.2)
    grid = np.arange(2, _MOST_DIMENSIONS + 1)
    styles = {"pathwise": (palette.approximation, "-")} | {
        name: (SCORE_COLOUR, style) for name, style in zip(_ESTIMATORS, ("-", ":", "--"), strict=True)
    }
    curves = {
        name: right.plot([], [], style, color=colour, label=name.replace("score function, ", ""))[0]
        for name, (colour, style) in styles.items()
    }
    (here,) = right.plot([], [], "o", color=SCORE_COLOUR, markersize=9)
    (path_here,) = right.plot([], [], "o", color=palette.approximation, markersize=9)
    right.set(xscale="log", yscale="log", xlim=(1.9, 70), ylim=(0.2, 300))
    right.set(title="Their scatter, in closed form", xlabel="dimension D", ylabel="standard deviation")
    right.set_xticks([2, 4, 8, 16, 32, 64], ["2", "4", "8", "16", "32", "64"], minor=False)
    right.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    right.legend(loc="upper left", ncols=2, columnspacing=1.2, handlelength=1.8)
    noise = np.random.default_rng(6).normal(size=(_CLOUD, _MOST_SAMPLES, _MOST_DIMENSIONS))
    return SimpleNamespace(
        left=left, cloud=cloud, path=path, curves=curves, here=here, path_here=path_here, grid=grid, noise=noise
    )  # fmt: skip


def _draw_clouds(parts, estimator, dimensions, samples):
    noise = parts.noise[:, :samples, :dimensions]
    values = np.sum((_MU + noise) ** 2, axis=2)
    if estimator == "score function":
        baseline = 0.0
    elif estimator == "score function, leave-one-out":
        baseline = (values.sum(axis=1, keepdims=True) - values) / (samples - 1)
    else:
        baseline = _MU**2 + 3 + (dimensions - 1) * (_MU**2 + 1)
    score = np.mean((values - baseline)[:, :, None] * noise[:, :, :2], axis=1)
    path = np.mean(2 * (_MU + noise[:, :, :2]), axis=1)
    parts.cloud.set_data(*score.T)
    parts.path.set_data(*path.T)
    reach = 1.05 * np.max(np.abs(np.concatenate([score, path]) - 2))
    parts.left.set(xlim=(2 - reach, 2 + reach), ylim=(2 - reach, 2 + reach))
    for name, curve in parts.curves.items():
        curve.set_data(parts.grid, gradient_scale(name, parts.grid, samples))
        curve.set_alpha(1.0 if name in (estimator, "pathwise") else 0.45)
    scales = [float(gradient_scale(name, dimensions, samples)) for name in (estimator, "pathwise")]
    parts.here.set_data([dimensions], [scales[0]])
    parts.path_here.set_data([dimensions], [scales[1]])
    return (
        f"In {dimensions} dimensions with {samples} draws for each estimate, the {estimator} has a standard deviation "
        f"of {scales[0]:.2f} and the pathwise estimator one of {scales[1]:.2f}: a ratio of {scales[0] / scales[1]:.1f}."
    )


def gradient_clouds():
    """Return the explorer of two clouds of gradient estimates."""
    return Explorer(
        _build_clouds,
        _draw_clouds,
        [
            Choice("estimator", label="compare pathwise with", options=_ESTIMATORS, value=_ESTIMATORS[0]),
            Slider("dimensions", label="dimension", symbol="D", minimum=2, maximum=_MOST_DIMENSIONS, step=1, value=2),
            Slider("samples", label="draws averaged", symbol="K", minimum=2, maximum=_MOST_SAMPLES, step=1, value=2),
        ],
        name="gradient_clouds",
        title="Two clouds of gradient estimates",
        alt="Left, 250 estimates of two components of the gradient by each of two estimators, around a cross at the "
        "truth. Right, their standard deviations against the dimension, on logarithmic axes.",
        width=10.0,
        height=4.3,
    )


EXPLORERS = {"computation_graph": computation_graph, "gradient_clouds": gradient_clouds}
