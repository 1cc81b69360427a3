"""Lesson 16, put to work: its explorers."""

import functools
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.put_to_work.models import (
    LINE_STEPS,
    LineData,
    black_digits,
    detector,
    digit_vae,
    line_gan,
    square,
)
from course_utils.lessons.put_to_work.runs import half_encoder
from course_utils.models.anomalies import (
    IndependentPixels,
    alarm_curve,
    alarm_rates,
    log_prob_score,
    ratio_score,
    reconstruction_score,
    threshold_for,
    typicality_score,
)
from course_utils.models.bounds import effective_draws
from course_utils.models.completion import completions, importance_draws, predictive_log_prob
from course_utils.models.graphs import area_under_curve
from course_utils.models.planes import mosaic, show_images
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import palette

# --- brush a part away ------------------------------------------------------------------------------------------------

_DIGITS = 10
_DRAWS = 400
_PROPOSALS = ("a guess", "the second encoder")


@functools.cache
def _examples() -> Tensor:
    """Return one test digit of each kind (10, 784)."""
    _, _, x, kinds = black_digits()
    return torch.stack([x[kinds == kind][3] for kind in range(_DIGITS)])


@functools.cache
def _frequency() -> Tensor:
    x = black_digits()[0]
    return (x.sum(0) + 0.5) / (len(x) + 1)


def _build_brush(figure):
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.5))
    seen = show_images(left, np.zeros((28, 28)), "What is seen")
    made = show_images(right, np.zeros((2 * 29 - 1, 5 * 29 - 1)), "Ten completions")
    return SimpleNamespace(seen=seen, made=made)


@torch.no_grad()
def _draw_brush(parts, kind, row, column, size, places):
    x, seen = _examples()[kind : kind + 1], square(row, column, size)
    hidden = ~seen
    model, generator = digit_vae(), torch.Generator().manual_seed(16)
    proposal = None if places == _PROPOSALS[0] else half_encoder()
    draws = importance_draws(model, x, seen, _DRAWS, proposal=proposal, generator=generator)
    made = completions(model, x, seen, draws, 10, means=True, generator=generator)[:, 0]
    parts.seen.set_data((x[0] * seen + 0.4 * hidden).reshape(28, 28).numpy())
    parts.made.set_data(mosaic(made.numpy(), 2, 5, gap=1))
    score = predictive_log_prob(model, x, seen, draws).item() / int(hidden.sum())
    usual = torch.distributions.Bernoulli(_frequency()).log_prob(x)[0, hidden].mean().item()
    count = effective_draws(draws.log_weights).item()
    return (
        f"A {kind}, of which a square of {size} pixels around row {row}, column {column} is hidden, "
        f"{int(hidden.sum())} pixels in all. Log-score {score:.2f} nats for each hidden pixel, that of the mean digit "
        f"{usual:.2f}. Of {_DRAWS} draws from {places} about {count:.0f} count."
    )


def brush():
    """Return the explorer of a hidden square and its completions."""
    return Explorer(
        _build_brush,
        _draw_brush,
        [
            Slider("kind", label="kind of digit", minimum=0, maximum=_DIGITS - 1, step=1, value=7),
            Slider("row", label="centre, row", minimum=4, maximum=24, step=2, value=20),
            Slider("column", label="centre, column", minimum=4, maximum=24, step=2, value=14),
            Slider("size", label="side of the square", minimum=4, maximum=24, step=2, value=10, unit="pixels"),
            Choice("places", "draws from", options=_PROPOSALS, value=_PROPOSALS[0]),
        ],
        name="brush",
        title="Brush a part away",
        alt="Left, a digit with a grey square that hides a part of it. Right, ten pictures that a VAE completed.",
        width=9.6,
        height=3.3,
    )


# --- an alarm and its two kinds of error ------------------------------------------------------------------------------

SCORES = ("reconstruction", "−log p", "likelihood ratio", "typicality")
STRANGERS = {"eights, left out in training": 8, "ones, left out in training": 1}


@functools.cache
@torch.no_grad()
def _scored(kind: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return by score those of reference digits, of usual ones to be judged, and of the kind that was left out."""
    x, kinds, unseen, unseen_kinds = black_digits()
    model, known = detector(kind), x[kinds != kind]
    background = IndependentPixels(known)
    usual, strange = unseen[unseen_kinds != kind], unseen[unseen_kinds == kind]
    sets = usual[::2], usual[1::2], strange  # one half says what is usual, the other is judged
    logs = [-log_prob_score(model, rows, 50, torch.Generator().manual_seed(1)) for rows in sets]
    found = {
        "reconstruction": [reconstruction_score(model, rows) for rows in sets],
        "−log p": [-log for log in logs],
        "likelihood ratio": [ratio_score(log, background.log_prob(rows)) for log, rows in zip(logs, sets, strict=True)],
        "typicality": [typicality_score(log, logs[0]) for log in logs],
    }
    return {name: tuple(part.double().numpy() for part in parts) for name, parts in found.items()}


def _build_alarm(figure):
    bars, curve = figure.subplots(1, 2, width_ratios=(1.6, 1))
    usual = bars.stairs(np.zeros(40), np.arange(41), color=palette.data, fill=True, alpha=0.45, label="usual digits")
    strange = bars.stairs(np.zeros(40), np.arange(41), color=palette.warning, linewidth=2, label="strangers")
    (line,) = bars.plot([0, 0], [0, 1], "--", color=palette.truth, linewidth=1.6)
    bars.set(title="Alarm at the right of the line", xlabel="score, nats", ylabel="share of all", ylim=(0, 0.4))
    bars.legend(loc="upper right")
    (path,) = curve.plot([], [], color=palette.model)
    (dot,) = curve.plot([], [], "o", color=palette.truth, markersize=8)
    curve.plot([0, 1], [0, 1], ":", color=palette.data, linewidth=1.2)
    curve.set(title="Every threshold", xlabel="false alarms", ylabel="strangers found", xlim=(-0.02, 1.02))
    curve.set(ylim=(-0.02, 1.02))
    return SimpleNamespace(bars=bars, usual=usual, strange=strange, line=line, path=path, dot=dot)


def _draw_alarm(parts, strangers, score, allowed):
    reference, usual, strange = _scored(STRANGERS[strangers])[score]
    both = np.concatenate([usual, strange])
    labels = np.repeat([0, 1], [len(usual), len(strange)])
    edges = np.linspace(*np.quantile(both, [0, 0.995]), 41)
    tops = []
    for steps, values in ((parts.usual, usual), (parts.strange, strange)):
        heights = np.histogram(values, edges)[0] / len(values)
        steps.set_data(heights, edges)
        tops.append(heights.max())
    threshold = threshold_for(reference, allowed / 100)
    parts.bars.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.35 * max(tops)))
    parts.line.set_data([threshold, threshold], [0, 1.35 * max(tops)])
    _, false_alarms, found = alarm_curve(labels, both)
    parts.path.set_data(false_alarms, found)
    wrong, missed = alarm_rates(labels, both, threshold)
    parts.dot.set_data([wrong], [1 - missed])
    return (
        f"Strangers: {strangers}; score: {score}. At a threshold of {threshold:.0f} nats {wrong:.0%} of the usual "
        f"digits give a false alarm, and {missed:.0%} of the strangers are missed. "
        f"AUC {area_under_curve(labels, both):.2f}."
    )


def alarm():
    """Return the explorer of an alarm's threshold, and of its two kinds of error."""
    return Explorer(
        _build_alarm,
        _draw_alarm,
        [
            Choice("strangers", "strangers", options=tuple(STRANGERS), value=next(iter(STRANGERS))),
            Choice("score", "score", options=SCORES, value=SCORES[0]),
            Slider("allowed", label="false alarms allowed", minimum=1, maximum=50, step=1, value=5, unit="%"),
        ],
        name="alarm",
        title="An alarm has two kinds of error",
        alt="Left, two histograms of a score, of usual digits and of strangers, with the threshold as a dashed line. "
        "Right, the share of strangers that is found against the share of false alarms, for every threshold, with a "
        "dot at the present one.",
        width=9.8,
        height=3.8,
    )


# --- a GAN on a line --------------------------------------------------------------------------------------------------

_LINE = np.linspace(-5, 5, 401)
_BINS = np.linspace(-5, 5, 51)
_STARTS = ("both players together", "the discriminator 500 steps ahead")


def _build_line(figure):
    density, judge = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    density.plot(_LINE, LineData().density(_LINE), "--", color=palette.truth, label="data")
    made = density.stairs(np.zeros(50), _BINS, color=palette.model, fill=True, alpha=0.5, label="generator")
    density.set(ylabel="density", ylim=(0, 1.3), title="Two players on a line")
    density.legend(loc="upper right")
    (own,) = judge.plot([], [], color=palette.approximation, label="discriminator D")
    (best,) = judge.plot([], [], ":", color=palette.truth, label="best D")
    judge.set(xlabel="x", ylabel="D(x)", ylim=(-0.05, 1.35), xlim=(-5, 5), yticks=(0, 0.5, 1))
    judge.legend(loc="upper right", ncols=2)
    return SimpleNamespace(made=made, own=own, best=best)


@torch.no_grad()
def _draw_line(parts, step, kind, start):
    gan = line_gan(kind, start != _STARTS[0])[step]
    fake = gan.sample(20_000, torch.Generator().manual_seed(16))[:, 0].numpy()
    heights = np.histogram(fake, _BINS, density=True)[0] * np.mean(np.abs(fake) <= 5)
    parts.made.set_data(np.minimum(heights, 1.3), _BINS)
    points = torch.tensor(_LINE, dtype=torch.float32)[:, None]
    parts.own.set_data(_LINE, torch.sigmoid(gan.logits(points)).numpy())
    middles = (_BINS[1:] + _BINS[:-1]) / 2
    p = LineData().density(middles)
    parts.best.set_data(middles, p / (p + heights))  # the data's density is nowhere 0
    real = LineData().sample(4000, 99)
    value = gan.value(real, torch.tensor(fake)[:4000, None]).item()
    right = np.mean(np.abs(fake - 2) < 1.2)
    left = np.mean(np.abs(fake + 2) < 1.2)
    return (
        f"{kind}, {start}, after {LINE_STEPS[step]} steps of the generator: {left:.0%} of what is generated lies at "
        f"the left hump, {right:.0%} at the right one. Value of the game {value:.2f} nats; "
        "it is −1.39 where neither can win."
    )


def line():
    """Return the explorer of a GAN's two players on a line."""
    return Explorer(
        _build_line,
        _draw_line,
        [
            Slider("step", label="stage of training", minimum=0, maximum=len(LINE_STEPS) - 1, step=1, value=1),
            Choice("kind", "generator's loss", options=("non-saturating", "minimax"), value="non-saturating"),
            Choice("start", "start", options=_STARTS, value=_STARTS[0]),
        ],
        name="line",
        title="Two players on a line",
        alt="Above, the density of the data, with two humps, dashed, and a histogram of what the generator makes. "
        "Below, the discriminator's probability of true along the line, and the best one against this generator.",
        width=8.4,
        height=4.6,
    )


EXPLORERS = {"brush": brush, "alarm": alarm, "line": line}
