"""Lesson 02, mixtures of Gaussians: its explorers and its exercises."""

from types import SimpleNamespace

import numpy as np
import torch
from scipy import special, stats

from course_utils.data import old_faithful
from course_utils.exercises import Exercise, Misconception
from course_utils.explorer import Explorer, Slider
from course_utils.style import ellipse, palette

# --- explorers --------------------------------------------------------------------------------------------------------


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

# --- exercises --------------------------------------------------------------------------------------------------------


def _labels(uniforms, weights):
    return np.searchsorted(np.cumsum(weights)[:-1], uniforms, side="right")


def _ancestral(uniforms, noise, weights, means, scales):
    labels = _labels(uniforms, weights)
    return means[labels] + scales[labels] * noise


def _ancestral_loop(uniforms, noise, weights, means, scales):
    result = []
    for u, e in zip(uniforms, noise, strict=True):
        k, reached = 0, weights[0]
        while u >= reached and k < len(weights) - 1:
            k += 1
            reached += weights[k]
        result.append(means[k] + scales[k] * e)
    return result


def _ancestral_torch(uniforms, noise, weights, means, scales):
    edges = torch.cumsum(torch.as_tensor(weights), 0)[:-1]
    labels = torch.bucketize(torch.as_tensor(uniforms), edges, right=True)
    return torch.as_tensor(means)[labels] + torch.as_tensor(scales)[labels] * torch.as_tensor(noise)


def _with_labels(choose):
    """Build a misconception that draws correctly from wrongly chosen labels."""

    def sample(uniforms, noise, weights, means, scales):
        labels = choose(uniforms, weights)
        return means[labels] + scales[labels] * noise

    return sample


_RNG = np.random.default_rng(21)
_SAMPLING_PROBES = [
    (
        np.array([0.1, 0.5, 0.95, 0.29]),
        np.array([0.0, 1.0, -2.0, 0.5]),
        np.array([0.3, 0.7]),
        np.array([-1.0, 5.0]),
        np.array([0.5, 2.0]),
    ),
    (
        _RNG.random(40),
        _RNG.standard_normal(40),
        np.array([0.2, 0.5, 0.3]),
        np.array([0.0, 10.0, -4.0]),
        np.array([1.5, 0.1, 3.0]),
    ),
    (np.array([0.999]), np.array([1.0]), np.array([0.25, 0.25, 0.25, 0.25]), np.arange(4.0), np.full(4, 0.2)),
]

ancestral_sample = Exercise(
    name="ancestral_sample",
    arguments=("uniforms", "noise", "weights", "means", "scales"),
    returns="samples",
    reference=_ancestral,
    spellings={"loop": _ancestral_loop, "torch": _ancestral_torch},
    probes=_SAMPLING_PROBES,
    misconceptions=[
        Misconception(
            "one label for all",
            _with_labels(lambda uniforms, weights: np.full(len(uniforms), _labels(uniforms[:1], weights)[0])),
            "All points come from the same component. The label is drawn anew for every point: "
            "point n uses uniforms[n].",
        ),
        Misconception(
            "variance for scale",
            lambda uniforms, noise, weights, means, scales: (
                means[_labels(uniforms, weights)] + scales[_labels(uniforms, weights)] ** 2 * noise
            ),
            "The labels are right, but the noise is multiplied by the variance. `scales` are standard deviations.",
        ),
        Misconception(
            "average of the components",
            lambda uniforms, noise, weights, means, scales: weights @ means + (weights @ scales) * noise,
            "You mix the components' samples; a mixture chooses. An average of two bell curves' draws has one hump, "
            "and a mixture may have two.",
        ),
        Misconception(
            "weights ignored",
            _with_labels(lambda uniforms, weights: (uniforms * len(weights)).astype(int)),
            "Every component is chosen equally often. Component k should be chosen with probability weights[k]: "
            "compare the uniform number with the cumulative sum of the weights.",
        ),
        Misconception(
            "not accumulated",
            _with_labels(
                lambda uniforms, weights: np.minimum((uniforms[:, None] >= weights).sum(axis=1), len(weights) - 1)
            ),
            "You compare the uniform number with the weights themselves. The bounds of the intervals are their "
            "cumulative sums: w₁, w₁ + w₂, …",
        ),
        Misconception(
            "largest weight",
            _with_labels(lambda uniforms, weights: np.full(len(uniforms), np.argmax(weights))),
            "You always take the most probable component; the others must get their share.",
        ),
    ],
    hints=[
        "Two steps for each point: choose a label with uniforms[n], then draw from that component with noise[n].",
        "Lay the weights end to end on the interval from 0 to 1. In which piece does uniforms[n] fall?",
        "labels = np.searchsorted(np.cumsum(weights)[:-1], uniforms, side='right'); then index means and scales.",
    ],
    praise="First the cause, then the effect: this order is what 'ancestral' means.",
)


def _log_joint(data, weights, means, scales):
    return np.log(weights) + stats.norm.logpdf(data[:, None], means, scales)


def _mixture_log_prob(data, weights, means, scales):
    return special.logsumexp(_log_joint(data, weights, means, scales), axis=1)


def _mixture_log_prob_loop(data, weights, means, scales):
    result = []
    for x in data:
        terms = [
            np.log(w) - 0.5 * np.log(2 * np.pi * s**2) - (x - m) ** 2 / (2 * s**2)
            for w, m, s in zip(weights, means, scales, strict=True)
        ]
        top = max(terms)
        result.append(top + np.log(sum(np.exp(term - top) for term in terms)))
    return np.array(result)


def _mixture_torch(weights, means, scales):
    components = torch.distributions.Normal(torch.as_tensor(means), torch.as_tensor(scales))
    return torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.as_tensor(weights)), components)


_MIXTURE_PROBES = [
    (np.array([0.0, 1.0, 4.0]), np.array([0.3, 0.7]), np.array([0.0, 5.0]), np.array([1.0, 2.0])),
    (
        np.array([54.0, 79.0, 67.0, 100.0]),
        np.array([0.36, 0.64]),
        np.array([54.6, 80.1]),
        np.array([5.9, 5.9]),
    ),
    (np.array([-150.0, 0.5, 141.0]), np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 1.0])),
    (np.array([0.7]), np.array([0.9, 0.1]), np.array([0.0, 0.7]), np.array([1.0, 1e-3])),
]

mixture_log_prob = Exercise(
    name="mixture_log_prob",
    arguments=("data", "weights", "means", "scales"),
    returns="log-density",
    reference=_mixture_log_prob,
    spellings={
        "loop": _mixture_log_prob_loop,
        "torch": lambda data, *parameters: _mixture_torch(*parameters).log_prob(torch.as_tensor(data)),
        "logaddexp": lambda data, *parameters: np.logaddexp.reduce(_log_joint(data, *parameters), axis=1),
    },
    probes=_MIXTURE_PROBES,
    misconceptions=[
        Misconception(
            "sum of the logs",
            lambda data, *parameters: _log_joint(data, *parameters).sum(axis=1),
            "You sum the logarithms. The density is a sum over the components, so the sum stands inside the logarithm: "
            "log Σ, not Σ log.",
        ),
        Misconception(
            "weighted sum of the logs",
            lambda data, weights, means, scales: stats.norm.logpdf(data[:, None], means, scales) @ weights,
            "This is the average of the log-densities, Σ π log N; the log of the average, log Σ π N, is asked for. "
            "The two differ, and the first is never larger: Jensen's inequality, lesson 03.",
        ),
        Misconception(
            "weights left out",
            lambda data, weights, means, scales: special.logsumexp(
                stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "The weights are missing. In log form each component gets log π added.",
        ),
        Misconception(
            "equal weights",
            lambda data, weights, means, scales: (
                special.logsumexp(stats.norm.logpdf(data[:, None], means, scales), axis=1) - np.log(len(weights))
            ),
            "You average over the components as if they were equally frequent; weights[k] says how frequent each is.",
        ),
        Misconception(
            "underflow",
            lambda data, weights, means, scales: np.log(stats.norm.pdf(data[:, None], means, scales) @ weights),
            "Right on paper. But far from all components the densities are too small for the machine and become 0, "
            "and log 0 = −∞. Stay in logarithms and use log-sum-exp.",
        ),
        Misconception(
            "weights not logged",
            lambda data, weights, means, scales: special.logsumexp(
                weights + stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "You add the weights to log-densities. A factor π becomes a summand log π.",
        ),
        Misconception(
            "largest term only",
            lambda data, *parameters: _log_joint(data, *parameters).max(axis=1),
            "You keep only the most probable component. The density sums over all of them.",
        ),
        Misconception(
            "total",
            lambda data, *parameters: _mixture_log_prob(data, *parameters).sum(),
            "You summed over the data as well; one number per point is asked for, shape (N,).",
        ),
    ],
    hints=[
        "Make a table of shape (N, K): log weights[k] + log N(x_n | means[k], scales[k]).",
        "data[:, None] against arrays of shape (K,) gives that table. Then sum over k, but of the exponentials.",
        "special.logsumexp(table, axis=1), or take the maximum of each row out as in lesson 00.",
    ],
    praise="It holds even 10 000 nats below the peak.",
)


def _responsibilities(data, *parameters):
    log_joint = _log_joint(data, *parameters)
    return np.exp(log_joint - special.logsumexp(log_joint, axis=1, keepdims=True))


def _responsibilities_loop(data, weights, means, scales):
    rows = []
    for x in data:
        components = zip(weights, means, scales, strict=True)
        terms = np.array([np.log(w) + stats.norm.logpdf(x, m, s) for w, m, s in components])
        odds = np.exp(terms - terms.max())
        rows.append(odds / odds.sum())
    return np.array(rows)


def _responsibilities_torch(data, weights, means, scales):
    mixture = _mixture_torch(weights, means, scales)
    x = torch.as_tensor(data)[:, None]
    return torch.softmax(mixture.component_distribution.log_prob(x) + torch.as_tensor(weights).log(), dim=1)


def _one_hot(data, *parameters):
    log_joint = _log_joint(data, *parameters)
    return np.eye(log_joint.shape[1])[log_joint.argmax(axis=1)]


responsibilities = Exercise(
    name="responsibilities",
    arguments=("data", "weights", "means", "scales"),
    returns="responsibilities",
    reference=_responsibilities,
    spellings={
        "loop": _responsibilities_loop,
        "torch": _responsibilities_torch,
        "softmax": lambda data, *parameters: special.softmax(_log_joint(data, *parameters), axis=1),
    },
    probes=_MIXTURE_PROBES,
    misconceptions=[
        Misconception(
            "not normalised",
            lambda data, *parameters: np.exp(_log_joint(data, *parameters)),
            "These are the joint densities π N(x | k); Bayes' rule divides them by their sum over k.",
        ),
        Misconception(
            "normalised over the data",
            lambda data, *parameters: special.softmax(_log_joint(data, *parameters), axis=0),
            "You normalise over the data: your columns sum to 1. Each point must be shared out among the components, "
            "so the rows sum to 1.",
        ),
        Misconception(
            "weights left out",
            lambda data, weights, means, scales: special.softmax(
                stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "The weights are missing. A frequent component claims more than a rare one at the same distance: "
            "π is the prior in Bayes' rule.",
        ),
        Misconception(
            "left in logs",
            lambda data, *parameters: (
                _log_joint(data, *parameters) - special.logsumexp(_log_joint(data, *parameters), axis=1, keepdims=True)
            ),
            "These are the logarithms of the responsibilities: exponentiate at the end.",
        ),
        Misconception(
            "hard",
            _one_hot,
            "This gives each point to one component altogether. The responsibilities are probabilities; between "
            "two components they are shared.",
        ),
        Misconception(
            "underflow",
            lambda data, weights, means, scales: (
                (weights * stats.norm.pdf(data[:, None], means, scales))
                / (weights * stats.norm.pdf(data[:, None], means, scales)).sum(axis=1, keepdims=True)
            ),
            "Right on paper, but far from all components every density becomes 0, and 0/0 is not a number. "
            "Subtract the log-density of the mixture in the logarithm, and exponentiate last.",
        ),
        Misconception(
            "transposed",
            lambda data, *parameters: _responsibilities(data, *parameters).T,
            "The numbers are right, but the table lies on its side: rows are points, columns are components, (N, K).",
        ),
    ],
    hints=[
        "Bayes' rule: prior π_k times likelihood N(x | k), divided by their sum over k.",
        "In logarithms: log-joint minus the log-density of the mixture; then exponentiate.",
        "special.softmax(log_joint, axis=1) does both.",
    ],
    praise="This is the posterior of the latent variable, in closed form. Enjoy it while it lasts.",
)


def _anomalies(training_log_prob, new_log_prob, share):
    return new_log_prob < np.quantile(training_log_prob, share)


_LOG_PROBS = stats.norm.logpdf(np.random.default_rng(5).standard_normal(400))

anomalies = Exercise(
    name="anomalies",
    arguments=("training_log_prob", "new_log_prob", "share"),
    returns="flags",
    reference=_anomalies,
    spellings={
        "loop": lambda training, new, share: [float(value) < np.quantile(training, share) for value in new],
        "torch": lambda training, new, share: torch.as_tensor(new) < torch.quantile(torch.as_tensor(training), share),
        "percentile": lambda training, new, share: np.less(new, np.percentile(training, 100 * share)),
    },
    probes=[
        (np.arange(101.0), np.array([3.0, 50.0, 99.0, 7.5]), 0.05),
        (_LOG_PROBS, np.array([-0.95, -6.0, -1.5, -3.2, -20.0]), 0.02),
        (_LOG_PROBS - 100, np.array([-100.95, -106.0, -101.5, -50.0]), 0.1),
    ],
    misconceptions=[
        Misconception(
            "wrong tail",
            lambda training, new, share: new > np.quantile(training, 1 - share),
            "You flag the points of *highest* density, the most ordinary ones. An anomaly has a low density.",
        ),
        Misconception(
            "wrong quantile",
            lambda training, new, share: new < np.quantile(training, 1 - share),
            "Your threshold is the upper quantile, so nearly everything lies below it and is flagged. "
            "Use the lower one.",
        ),
        Misconception(
            "the normal ones",
            lambda training, new, share: new >= np.quantile(training, share),
            "The threshold is right, the inequality is turned round: you flag the points that are fine.",
        ),
        Misconception(
            "threshold from the new data",
            lambda training, new, share: new < np.quantile(new, share),
            "You take the threshold from the new data. Then the same share of them is flagged, however strange or "
            "ordinary they all are. What is usual was learned from the training data.",
        ),
        Misconception(
            "the share itself",
            lambda training, new, share: new < np.log(share),
            "You compare a log-density with the log of a probability. A density is no probability: it may exceed 1 "
            "and it depends on the units. The threshold is a quantile of the training log-densities.",
        ),
    ],
    hints=[
        "Which share of the *training* points should fall below the threshold?",
        "np.quantile(training_log_prob, share) is the log-density that a share of the training points stays below.",
        "Compare new_log_prob with it; an anomaly lies below.",
    ],
    praise="The threshold is a choice of how many ordinary points you are willing to bother.",
)

EXERCISES = (ancestral_sample, mixture_log_prob, responsibilities, anomalies)
