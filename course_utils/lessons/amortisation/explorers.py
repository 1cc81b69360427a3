"""Lesson 05, amortised inference: its explorers."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from scipy import special

from course_utils.lessons.amortisation.models import faithful_mixture, zeros_and_ones
from course_utils.models.ppca import fit_ppca
from course_utils.workshop.data import old_faithful
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.model_cache import kept
from course_utils.workshop.style import palette

_LATENTS = 2
_MOST_STEPS = 20
_FLOOR = 1e-6


def _build_growing(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    train, test = zeros_and_ones()
    model = fit_ppca(train, _LATENTS)
    numbers = np.array([1, len(train)])
    amortised = 2 * _LATENTS * (train.shape[1] + 1)
    left.plot(numbers, 2 * _LATENTS * numbers, "--", color=palette.approximation, label="one φ per point")
    left.plot(numbers, [amortised, amortised], color=palette.approximation, label="one encoder")
    counts = [left.plot([], [], "o", color=palette.approximation, markersize=10)[0] for _ in range(2)]
    left.set(title="Numbers that describe q", xlabel="digits N seen so far", ylabel="numbers", ylim=(2, 3000))
    left.set(xscale="log", yscale="log", xlim=(0.9, 340))
    left.legend(loc="upper left")
    (alone,) = right.plot([], [], "--", color=palette.approximation, label="from the prior")
    (helped,) = right.plot([], [], color=palette.approximation, label="from the encoder's answer")
    here = [right.plot([], [], "o", color=palette.approximation, markersize=10)[0] for _ in range(2)]
    right.set(title="A new digit: how far is q from p(z|x)?", xlabel="gradient steps on its own φ")
    right.set(
        ylabel="mean gap of 60 digits, nats", yscale="log", ylim=(_FLOOR / 2, 1e4), xlim=(-0.5, _MOST_STEPS + 0.5)
    )
    right.set_xticks(range(0, _MOST_STEPS + 1, 5))
    right.legend(loc="upper right")
    return SimpleNamespace(
        counts=counts, alone=alone, helped=helped, here=here, model=model, train=train, test=test, amortised=amortised
    )


def _gap_after_steps(model, shifts):
    """Mean gap (_MOST_STEPS + 1,) while gradient ascent removes shifts (N, L) of the mean; the scale is right."""
    curvature = np.linalg.eigvalsh(np.linalg.inv(model.posterior(model.mean[None]).covariance))[::-1]
    left_over = (1 - curvature / curvature[0]) ** np.arange(_MOST_STEPS + 1)[:, None]
    return 0.5 * np.sum(curvature * left_over**2 * np.mean(shifts**2, axis=0), axis=1)


def _draw_growing(parts, points, steps):
    points = round(points)  # a logarithmic slider stands on fractions too
    model, seen = parts.model, parts.train[:points]
    # where gradient ascent from weights of zero ends: the smallest weights that are right on all points seen
    weights = np.linalg.pinv(seen - model.mean, rcond=1e-9) @ model.posterior(seen).means
    exact = model.posterior(parts.test).means
    from_prior = _gap_after_steps(model, exact)
    from_encoder = _gap_after_steps(model, (parts.test - model.mean) @ weights - exact)
    for curve, marker, gaps in zip(
        (parts.alone, parts.helped), parts.here, (from_prior, from_encoder), strict=True
    ):  # fmt: skip
        drawn = np.maximum(gaps, _FLOOR)
        curve.set_data(np.arange(_MOST_STEPS + 1), drawn)
        marker.set_data([steps], [drawn[steps]])
    per_point = 2 * _LATENTS * points
    for marker, count in zip(parts.counts, (per_point, parts.amortised), strict=True):
        marker.set_data([points], [count])
    return (
        f"N = {points}: {per_point} numbers with one φ per point, {parts.amortised} with one encoder. After {steps} "
        f"steps a new digit's gap is {_nats(from_prior[steps])} from the prior, {_nats(from_encoder[steps])} from the "
        "encoder."
    )


def _nats(value):
    return f"below {_FLOOR:g} nats" if value < _FLOOR else f"{value:.2g} nats"


def growing():
    """Return the explorer of per-point and amortised inference while the number of points grows."""
    return Explorer(
        _build_growing,
        _draw_growing,
        [
            Slider("points", label="digits seen", symbol="N", minimum=1, maximum=300, step=0.05, value=10, log=True),
            Slider("steps", label="gradient steps for a new digit", minimum=0, maximum=_MOST_STEPS, step=1, value=0),
        ],
        name="growing",
        title="One φ per point, or one encoder for all",
        alt="Left, how many numbers describe q, per point and amortised, against the number of points. Right, the gap "
        "of new digits against gradient steps, begun at the prior and begun at the encoder's answer.",
        width=9.8,
        height=4.0,
    )


ENCODERS = ("linear", "quadratic", "small network")
_BOX = (0.0, 7.0, 20.0, 120.0)
_MIDDLE, _SPREAD = np.array([3.488, 70.9]), np.array([1.139, 13.57])  # mean and standard deviation of Old Faithful


def _features(points, kind):
    """Return what an encoder of this kind is linear in, or, for the network, its input; points (N, 2)."""
    u, v = ((points - _MIDDLE) / _SPREAD).T
    columns = [np.ones_like(u), u, v]
    if kind == "quadratic":
        columns += [u * u, u * v, v * v]
    return torch.tensor(np.stack(columns, axis=1))


def _logit(parameters, features):
    """Return the encoder's log-odds of a long eruption (N,)."""
    *hidden, last = parameters
    for weights in hidden:
        features = torch.cat([torch.ones(len(features), 1), torch.tanh(features @ weights)], dim=1)
    return features @ last


@cache
@kept
def _trained(kind):
    """Maximise the mean ELBO of Old Faithful over the encoder's parameters."""
    data, rng = old_faithful(), np.random.default_rng(5)
    features, log_joint = _features(data, kind), torch.tensor(faithful_mixture().log_joint(data))
    sizes = [(3, 8), (9,)] if kind == "small network" else [(features.shape[1],)]
    scales = [1.0, 0.0] if kind == "small network" else [0.0]
    parameters = [
        torch.tensor(scale * rng.normal(size=size)).requires_grad_() for scale, size in zip(scales, sizes, strict=True)
    ]
    search = torch.optim.LBFGS(
        parameters, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def loss():
        search.zero_grad()
        logit = _logit(parameters, features)
        log_q = torch.nn.functional.logsigmoid(torch.stack([-logit, logit], dim=1))
        negative = -(log_q.exp() * (log_joint - log_q)).sum(dim=1).mean()
        negative.backward()
        return negative

    search.step(loss)
    return [one.detach() for one in parameters]


def _answers(points, kind):
    """Return exact log-odds, the encoder's log-odds and the gap in nats, each (N,)."""
    log_joint = faithful_mixture().log_joint(points)
    exact = log_joint[:, 1] - log_joint[:, 0]
    logit = _logit(_trained(kind), _features(points, kind)).numpy()
    gap = np.zeros(len(points))
    for sign in (1, -1):
        share = special.expit(sign * logit)
        gap += share * (special.log_expit(sign * logit) - special.log_expit(sign * exact))
    return exact, logit, np.maximum(gap, 0)


def _build_trusted(figure):
    from matplotlib.colors import LinearSegmentedColormap

    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    grid = np.stack(np.meshgrid(np.linspace(*_BOX[:2], 141), np.linspace(*_BOX[2:], 101)), axis=-1)
    maps = {
        kind: np.log10(np.clip(_answers(grid.reshape(-1, 2), kind)[2], 1e-4, 10)).reshape(grid.shape[:2])
        for kind in ENCODERS
    }
    colours = LinearSegmentedColormap.from_list("warning", ["white", palette.warning])
    image = left.imshow(
        maps["linear"], origin="lower", extent=_BOX, aspect="auto", cmap=colours, vmin=-4, vmax=1
    )  # fmt: skip
    bar = figure.colorbar(image, ax=left, label="gap KL(q‖p), nats", ticks=[-4, -2, 0, 1])
    bar.ax.set_yticklabels(["< 0.0001", "0.01", "1", "10"])
    left.plot(*old_faithful().T, "o", color=palette.data, markersize=3, alpha=0.5)
    (point,) = left.plot([], [], "X", color=palette.approximation, markeredgecolor="black", markersize=14)
    left.set(title="Where the encoder can be trusted", xlabel="eruption, minutes", ylabel="waiting, minutes")
    bars = right.bar(["exact p", "encoder's q"], [0, 0], color=[palette.model, palette.approximation], width=0.6)
    right.axhline(0.5, color=palette.data, linestyle=":", linewidth=1.2)
    right.set(title="Probability of a long eruption", ylim=(0, 1.05), xlim=(-0.6, 1.6))
    return SimpleNamespace(image=image, point=point, bars=list(bars), maps=maps)


def _draw_trusted(parts, duration, waiting, encoder):
    here = np.array([[duration, waiting]])
    exact, logit, gap = (values[0] for values in _answers(here, encoder))
    parts.image.set_data(parts.maps[encoder])
    parts.point.set_data(*here.T)
    for bar, value in zip(parts.bars, (exact, logit), strict=True):
        bar.set_height(special.expit(value))
    density = faithful_mixture().log_prob(here)[0]
    return (
        f"At {duration:.1f} and {waiting:.0f} minutes, where log p(x) = {density:.0f} nats, "
        f"p(long | x) is {special.expit(exact):.4f}; the {encoder} encoder says {special.expit(logit):.4f}. "
        f"The gap is {gap:.2g} nats."
    )


def trusted():
    """Return the explorer of encoders away from the data they were trained on, on Old Faithful."""
    return Explorer(
        _build_trusted,
        _draw_trusted,
        [
            Slider("duration", label="eruption", unit="min", minimum=0.0, maximum=7.0, step=0.1, value=4.3),
            Slider("waiting", label="waiting", unit="min", minimum=20.0, maximum=120.0, step=1.0, value=80.0),
            Choice("encoder", label="encoder", options=ENCODERS, value="linear"),
        ],
        name="trusted",
        title="Move a point off the data",
        alt="Left, Old Faithful's eruptions on a map of the encoder's gap, white where it is right and vermilion where "
        "it is wrong. Right, the probability of a long eruption at one point, exact and according to the encoder.",
        width=10.0,
        height=4.1,
    )


EXPLORERS = {"growing": growing, "trusted": trusted}
