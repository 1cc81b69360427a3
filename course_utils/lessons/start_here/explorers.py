"""Lesson 00, start here: its explorers."""

from types import SimpleNamespace

import numpy as np
import torch

from course_utils.models.planes import plane_explorer
from course_utils.models.vae import load_checkpoint
from course_utils.workshop.data import data_file, old_faithful
from course_utils.workshop.explorer import Explorer, Slider
from course_utils.workshop.style import palette

_NOISE = 0.32  # where the slider starts: the noise of greatest likelihood, to within 0.01


def machine():
    """Return the first machine's line (2,), in standard deviations for each unit of z, and its noise in these.

    The line is the direction along which the standardised data vary most, their first principal axis.
    """
    data = old_faithful()
    standardised = (data - data.mean(axis=0)) / data.std(axis=0)
    variances, axes = np.linalg.eigh(np.cov(standardised, rowvar=False, bias=True))
    direction = axes[:, -1] * np.sign(axes[0, -1]) * np.sqrt(variances[-1] - variances[0])
    return direction, _NOISE


def _build_one_latent(figure):
    data = old_faithful()
    mean, spread = data.mean(axis=0), data.std(axis=0)
    direction, _ = machine()
    rng = np.random.default_rng(0)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    grid = np.linspace(-3, 3, 200)
    left.fill_between(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=palette.prior, alpha=0.35)
    left.set(title="One hidden number is drawn …", xlabel="z", yticks=[], xlim=(-3, 3), ylim=(0, 0.45))
    right.plot(*data.T, "o", color=palette.data, alpha=0.5, markersize=4, label="272 real eruptions")
    right.set(
        title="… and becomes two measurements",
        xlabel="eruption, minutes",
        ylabel="waiting, minutes",
        xlim=(0, 7.2),
    )
    right.set_ylim(25, 116)
    (drawn,) = right.plot([], [], "o", color=palette.model, alpha=0.55, markersize=4, label="272 invented ones")
    (path,) = right.plot([], [], color=palette.model)
    big = {"color": palette.model, "markersize": 14, "markeredgecolor": "white", "markeredgewidth": 2}
    (point,) = right.plot([], [], "o", **big, label="your z")
    (mark,) = left.plot([], [], "o", **big, clip_on=False)
    right.legend(loc="upper left")
    line = mean + np.outer([-3, 3], direction) * spread
    path.set_data(*line.T)
    return SimpleNamespace(
        drawn=drawn,
        path=path,
        point=point,
        mark=mark,
        mean=mean,
        spread=spread,
        direction=direction,
        latents=rng.standard_normal(len(data)),
        noise=rng.standard_normal(data.shape),
    )


def _draw_one_latent(parts, z, noise):
    centre = parts.mean + z * parts.direction * parts.spread
    invented = np.outer(parts.latents, parts.direction) + noise * parts.noise
    parts.point.set_data(*centre[:, None])
    parts.mark.set_data([z], [np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)])
    parts.drawn.set_data(*(parts.mean + invented * parts.spread).T)
    return (
        f"z = {z:.1f} stands for an eruption of {centre[0]:.1f} minutes and a wait of {centre[1]:.0f} minutes; "
        f"the invented eruptions scatter about the line by {noise:.2f} standard deviations."
    )


def one_latent():
    """Return the explorer of one hidden number that stands for two measurements."""
    return Explorer(
        _build_one_latent,
        _draw_one_latent,
        [
            Slider("z", label="hidden number", symbol="z", minimum=-3.0, maximum=3.0, step=0.1, value=1.0),
            Slider("noise", label="noise", symbol="σ", unit="sd", minimum=0.0, maximum=1.0, step=0.01, value=_NOISE),
        ],
        name="one_latent",
        title="One hidden number, two measurements",
        alt="Left, a bell curve of the hidden number z. Right, 272 real and 272 invented eruptions, "
        "and the eruption that the chosen z stands for.",
        width=9.0,
        height=3.8,
    )


def digit_plane():
    """Return the explorer of a VAE's two hidden numbers that stand for a handwritten digit."""
    model, _ = load_checkpoint(data_file("mnist_plane.safetensors"))

    @torch.no_grad()
    def decode(codes):
        return model.decode(torch.tensor(codes, dtype=torch.float32)).numpy()

    return plane_explorer(decode, name="digit_plane", title="Two hidden numbers, one handwritten digit")


EXPLORERS = {"one_latent": one_latent, "digit_plane": digit_plane}
