"""Lesson 14, richer posteriors: its explorers."""

import functools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.richer_posteriors.models import POTENTIALS, planar_fits
from course_utils.models import bounds, flows
from course_utils.models.gaussians import normal_log_prob
from course_utils.models.vae import gaussian_log_prob
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import ellipse, palette


def ring(mean: Any, covariance: Any) -> np.ndarray:
    """Return the ellipse (2, 100) at two standard deviations of a Gaussian of the plane."""
    return ellipse(mean, covariance, 2)


def flow_machine() -> Drawing:
    """Draw an encoder whose q is a Gaussian and K planar layers, all of whose parameters it returns."""
    sketch, middle = Sketch(10.6, 4.3), 2.0
    q, p = palette.approximation, palette.model
    x = sketch.picture("x", None, "$x$", Place(0.75, middle, 0.95, 0.95), palette.data)
    encoder = sketch.box("encoder", "encoder", Place(2.75, middle, 1.15, 1.5), q)
    gauss = sketch.box("gauss", "$z_0=\\mu+\\sigma\\varepsilon$", Place(5.15, middle, 1.5, 0.9), q)
    layers = sketch.box("layers", "$K$ planar\nlayers", Place(7.75, middle, 1.4, 0.9), q)
    decoder = sketch.box("decoder", "decoder\n(fixed)", Place(9.85, middle, 1.15, 1.5), p)
    noise = sketch.circle("noise", r"$\varepsilon$", gauss.x, 0.75, palette.warning, bold_ring=True)
    sketch.arrow("noise to gauss", noise.at(0, 1.1), gauss.at(0, -1))
    sketch.text("shape noise", "(N, L)", noise.at(1)[0] + 0.14, noise.y, ha="left")
    sketch.arrow("x to encoder", x.at(1), encoder.at(-1))
    sketch.text("shape x", "(N, D)", (x.at(1)[0] + encoder.at(-1)[0]) / 2, middle + 0.25)
    sketch.arrow("encoder to gauss", encoder.at(1), gauss.at(-1))
    sketch.text("shape gauss", "μ, log σ²\n(N, L)", (encoder.at(1)[0] + gauss.at(-1)[0]) / 2, middle + 0.4)
    sketch.arrow("encoder to layers", encoder.at(0, 1), (encoder.x, 3.35), (layers.x, 3.35), layers.at(0, 1))
    sketch.text("shape layers", "u, w (N, K, L)   b (N, K)", (encoder.x + layers.x) / 2, 3.6)
    sketch.arrow("gauss to layers", gauss.at(1), layers.at(-1))
    sketch.text("shape z0", "$z_0$ (N, L)", (gauss.at(1)[0] + layers.at(-1)[0]) / 2, middle + 0.25)
    sketch.arrow("layers to decoder", layers.at(1), decoder.at(-1))
    sketch.text("shape zK", "$z_K$", (layers.at(1)[0] + decoder.at(-1)[0]) / 2, middle + 0.25)
    log_q = sketch.box("log_q", "$\\log\\,q=\\log\\,q_0-\\Sigma\\,\\log|\\det|$", Place(layers.x, 0.75, 2.7, 0.7), q)
    sketch.arrow("layers to log_q", layers.at(0, -1), log_q.at(0, 1))
    return Drawing(
        sketch.figure,
        "An encoder with a flow, from left to right, with shapes for N pictures. x (N, D) enters the encoder. It "
        "returns mean and log-variance (N, L), from which noise epsilon, in a bold ring, makes z-zero, and, by a line "
        "above, the parameters u and w (N, K, L) and b (N, K) of K planar layers. These turn z-zero into z-K, which "
        "the fixed decoder receives, and give log q: log q-zero minus the sum of the log-determinants.",
    )


# --- one planar layer, by hand ----------------------------------------------------------------------------------------

_TICKS = torch.linspace(-3, 3, 13, dtype=torch.float64)
_FINE = torch.linspace(-3, 3, 121, dtype=torch.float64)
_LATTICE = torch.cat(
    [
        torch.stack([_FINE.expand(13, 121), _TICKS[:, None].expand(13, 121)], -1),
        torch.stack([_TICKS[:, None].expand(13, 121), _FINE.expand(13, 121)], -1),
    ]
)
"""26 straight lines (26, 121, 2): 13 across, then 13 up."""


def _build_one_layer(figure):
    plane, along = figure.subplots(1, 2, width_ratios=(1.25, 1))
    colours = [palette.approximation] * 13 + [palette.data] * 13
    lines = [plane.plot([], [], color=colour, linewidth=1.1)[0] for colour in colours]
    plane.set(title="A lattice after the layer", xlabel="$z_1$", ylabel="$z_2$", xlim=(-5, 5), ylim=(-5, 5))
    plane.set_aspect("equal")
    along.plot([-4, 4], [-4, 4], color=palette.data, linewidth=1, linestyle=":")
    (curve,) = along.plot([], [], color=palette.approximation)
    (folded,) = along.plot([], [], color=palette.warning, linewidth=3.6)
    along.set(title="Along w: before and after", xlabel="$w^⊤z + b$ before", ylabel="$w^⊤z' + b$ after")
    along.set(xlim=(-4, 4), ylim=(-6, 6))
    return SimpleNamespace(lines=lines, curve=curve, folded=folded)


def _draw_one_layer(parts, strength, tilt, bend, rule):
    angle = math.radians(tilt)
    w = bend * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    side = torch.tensor([-w[1], w[0]]) / bend
    u = strength * w / bend**2 + 0.6 * side
    if rule == "invertible":
        u = flows.invertible_u(u, w)
    zero = torch.zeros((), dtype=torch.float64)
    moved, _ = flows.planar(_LATTICE, u, w, zero)
    for line, points in zip(parts.lines, moved.numpy(), strict=True):
        line.set_data(*points.T)
    before = np.linspace(-4, 4, 401)
    actual = float(w @ u)
    after = before + actual * np.tanh(before)
    parts.curve.set_data(before, after)
    falls = 1 + actual * (1 - np.tanh(before) ** 2) < 0
    parts.folded.set_data(before[falls], after[falls])
    verdict = (
        "The curve falls in the middle: three points arrive where one should, and the layer folds the plane"
        if falls.any()
        else "The curve rises everywhere: each point has one origin, and the layer can be undone"
    )
    return f"wᵀu = {actual:.2f}, asked for {strength:.2f}; |w| = {bend:.1f}, at {tilt:.0f}°. {verdict}."


def one_layer():
    """Return the explorer of a single planar layer, with and without the constraint."""
    return Explorer(
        _build_one_layer,
        _draw_one_layer,
        [
            Slider("strength", "strength", minimum=-3.0, maximum=3.0, step=0.1, value=0.0, symbol="wᵀu"),
            Slider("tilt", "direction of w", minimum=0, maximum=90, step=5, value=30, unit="°"),
            Slider("bend", "length of w", minimum=0.5, maximum=4.0, step=0.1, value=1.5, symbol="|w|"),
            Choice("rule", "u is used", options=("as it is", "invertible"), value="as it is"),
        ],
        name="one_layer",
        title="One planar layer",
        alt="Left, a lattice of orange and grey lines after one planar layer. Right, the coordinate along w before and "
        "after it, with the falling part in vermilion.",
        width=9.4,
        height=4.2,
    )


# --- layers of trained flows ------------------------------------------------------------------------------------------

_SHOWN = 8
_BINS = np.linspace(-4, 4, 101)
_CELL_SIDE = 0.08


@functools.cache
def _noise() -> tuple[Tensor, np.ndarray]:
    """Return a fine lattice of noise (G, 1, 2) from −4 to 4 and the mass of each of its points (G,).

    Each point is moved within its cell, or the lattice and the picture's cells would make stripes together.
    """
    side = torch.linspace(-4, 4, 401)
    points = torch.cartesian_prod(side, side)
    points += 0.02 * (torch.rand(points.shape, generator=torch.Generator().manual_seed(14)) - 0.5)
    mass = flows.standard_log_prob(points).double().exp().numpy()
    return points[:, None], mass / mass.sum()


@torch.no_grad()
def density_of(push: Callable[[Tensor], tuple[Tensor, Tensor]]) -> np.ndarray:
    """Return the density (100, 100) of where noise (G, 1, 2) is pushed, on cells from −4 to 4, rows from below."""
    noise, mass = _noise()
    z, _ = push(noise)
    counts, _, _ = np.histogram2d(z[:, 0, 1], z[:, 0, 0], bins=(_BINS, _BINS), weights=mass)
    return counts / _CELL_SIDE**2


def target_density(potential: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Return the density (100, 100) of exp(−U) on the same cells, normalised there."""
    side = torch.linspace(-4 + _CELL_SIDE / 2, 4 - _CELL_SIDE / 2, 100)
    energy = torch.exp(-potential(torch.stack(torch.meshgrid(side, side, indexing="xy"), -1))).numpy()
    return energy / (energy.sum() * _CELL_SIDE**2)


def draw_density(axis: Any, density: np.ndarray, title: str, colours: str = "Oranges") -> Any:
    """Draw a density of these cells, orange for q and "Blues" for p, and return matplotlib's image."""
    image = axis.imshow(density, extent=(-4, 4, -4, 4), origin="lower", cmap=colours, vmin=0, vmax=0.4)
    axis.set(title=title, xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="$z_1$")
    return image


def _build_layers(figure):
    plane, density, target = figure.subplots(1, 3)
    colours = [palette.approximation] * 13 + [palette.data] * 13
    lines = [plane.plot([], [], color=colour, linewidth=1)[0] for colour in colours]
    plane.set(title="Lattice of the noise", xlabel="$z_1$", ylabel="$z_2$")
    plane.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    q = draw_density(density, np.zeros((100, 100)), "q after these layers")
    p = draw_density(target, np.zeros((100, 100)), "Target", "Blues")
    targets = {name: target_density(potential) for name, potential in POTENTIALS.items()}
    return SimpleNamespace(lines=lines, q=q, p=p, targets=targets)


@torch.no_grad()
def _draw_layers(parts, potential, passed):
    fits = planar_fits(potential, _SHOWN).rows(slice(0, 1))
    lattice, _ = fits(_LATTICE.float()[..., None, :], passed)
    for line, points in zip(parts.lines, lattice[..., 0, :].numpy(), strict=True):
        line.set_data(*points.T)
    density = density_of(lambda noise: fits(noise, passed))
    parts.q.set_data(density)
    parts.p.set_data(parts.targets[potential])
    overlap = np.minimum(density, parts.targets[potential]).sum() * _CELL_SIDE**2
    word = "layer" if passed == 1 else "layers"
    return (
        f"{potential}: after {passed} of {_SHOWN} {word}, q and the target have {overlap:.0%} of their mass in common."
    )


def layers():
    """Return the explorer of what the layers of a trained planar flow do, one after the other."""
    return Explorer(
        _build_layers,
        _draw_layers,
        [
            Choice("potential", "potential", options=tuple(POTENTIALS), value="U₂, a wave"),
            Slider("passed", "layers passed", minimum=0, maximum=_SHOWN, step=1, value=0),
        ],
        name="layers",
        title="Layer by layer",
        alt="Left, a lattice of the noise after some layers of a trained planar flow. Middle, the density of q there. "
        "Right, the target.",
        width=10.2,
        height=3.7,
    )


# --- the density that k draws imply -----------------------------------------------------------------------------------

_Z = np.linspace(-7, 7, 701)
_CELL = math.log(_Z[1] - _Z[0])
COUNTS = (1, 2, 5, 10, 30, 100, 300, 1000)
"""Numbers of draws of the explorer of q_k."""


def two_humps(z: np.ndarray) -> np.ndarray:
    """Return the log-density (…) of the explorer's posterior: 0.6 N(−1.2, 0.5²) + 0.4 N(1.5, 0.7²)."""
    left = math.log(0.6) + normal_log_prob(z, -1.2, 0.5)
    return np.logaddexp(left, math.log(0.4) + normal_log_prob(z, 1.5, 0.7))


def _build_many_draws(figure):
    densities, curve = figure.subplots(1, 2, width_ratios=(1.25, 1))
    densities.plot(_Z, np.exp(two_humps(_Z)), "--", color=palette.truth, linewidth=1.8, label="posterior")
    (q,) = densities.plot([], [], color=palette.approximation, linewidth=1.4, linestyle=":", label="q")
    (implied,) = densities.plot([], [], color=palette.approximation, label="$q_k$")
    densities.set(title="What k draws imply", xlabel="z", ylabel="density", xlim=(-4.5, 4.5), ylim=(0, 1.0))
    densities.legend(loc="upper right")
    curve.axhline(0, color=palette.truth, linestyle="--", linewidth=1.6, label="log p(x)")
    (gaps,) = curve.plot([], [], "o-", color=palette.approximation, label="$ℒ_k$")
    curve.set(title="The bound so far", xlabel="draws k", ylabel="nats", xscale="log", xlim=(0.8, 1300))
    curve.set(ylim=(-3, 0.2))
    curve.legend(loc="lower right")
    return SimpleNamespace(q=q, implied=implied, gaps=gaps)


def _draw_many_draws(parts, draws, mean, scale):
    log_p, log_q = two_humps(_Z), normal_log_prob(_Z, mean, scale)
    log_mass = log_q + _CELL
    log_mass -= np.logaddexp.reduce(log_mass)
    values = bounds.expected_bound(log_p - log_q, log_mass, COUNTS)
    implied = np.exp(bounds.implicit_log_prob(log_p, log_q, log_p - log_q, log_mass, draws))
    parts.q.set_data(_Z, np.exp(log_q))
    parts.implied.set_data(_Z, implied)
    upto = COUNTS.index(draws) + 1
    parts.gaps.set_data(COUNTS[:upto], values[:upto])
    overlap = np.minimum(implied, np.exp(log_p)).sum() * (_Z[1] - _Z[0])
    return (
        f"q has mean {mean:.1f} and scale {scale:.1f}. With k = {draws} the bound lies {max(-values[upto - 1], 0):.3f} "
        f"nats below log p(x), and the picked draw has {overlap:.0%} of its mass in common with the posterior."
    )


def many_draws():
    """Return the explorer of the density that k weighted draws of a Gaussian imply, beside the bound."""
    return Explorer(
        _build_many_draws,
        _draw_many_draws,
        [
            Choice("draws", "draws k", options=COUNTS, value=1),
            Slider("mean", "mean of q", minimum=-2.0, maximum=2.0, step=0.1, value=-1.2),
            Slider("scale", "scale of q", minimum=0.3, maximum=2.5, step=0.1, value=0.5),
        ],
        name="many_draws",
        title="Many draws of a simple q",
        alt="Left, a posterior with two humps, dashed, a Gaussian q, dotted, and the density that k weighted draws of "
        "q imply. Right, the importance-weighted bound up to k draws.",
        width=9.6,
        height=4.0,
    )


# --- signal and noise of gradients ------------------------------------------------------------------------------------

DRAWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Numbers of draws at which the signal-to-noise ratios are known."""

X, THETA, MEAN = 1.0, 0.2, 0.8
"""The small model of the section on gradients: z ~ N(θ, 1), x | z ~ N(z, 1), and a q whose mean is 0.2 too large."""

WIDTHS = (0.3, 0.5, 0.8, 1.5)
"""Variances of q that the explorer offers; the posterior's is 0.5."""


def small_log_joint(z: Tensor, theta: Tensor | float = THETA) -> Tensor:
    """Return log p(x, z) (…) of the small model for z (…, 1), at x = 1."""
    one = torch.zeros_like(z)
    return gaussian_log_prob(z, torch.as_tensor(theta, dtype=z.dtype), one) + gaussian_log_prob(one + X, z, one)


def gradients_of(estimator: str, draws: int, variance: float, repeats: int, seed: int = 14) -> Tensor:
    """Return gradients of 𝓛_k with respect to q's mean and to θ, (2, repeats), each from `draws` draws."""
    leaves = [torch.full((repeats, 1), value, dtype=torch.float64, requires_grad=True) for value in (MEAN, THETA)]
    log_var = torch.full((repeats, 1), math.log(variance), dtype=torch.float64)
    noise = torch.randn(draws, repeats, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def log_joint(z):
        return small_log_joint(z, leaves[1])

    loss = bounds.importance_loss(log_joint, leaves[0], log_var, estimator=estimator, noise=noise)
    gradients = torch.autograd.grad(-loss.sum(), leaves)
    return torch.stack(gradients).squeeze(-1)


def exact_gradients(variance: float, draws=DRAWS) -> np.ndarray:
    """Return the exact derivatives of 𝓛_k by q's mean and by θ, (2, C): central differences of the quadrature."""

    def bound(mean, theta):
        z = np.linspace(-12, 12, 801)
        log_joint = normal_log_prob(z, theta, 1) + normal_log_prob(X, z, 1)
        log_q = normal_log_prob(z, mean, math.sqrt(variance))
        log_mass = log_q + math.log(z[1] - z[0])
        return bounds.expected_bound(log_joint - log_q, log_mass - np.logaddexp.reduce(log_mass), draws)

    step = 1e-3
    by_mean = bound(MEAN + step, THETA) - bound(MEAN - step, THETA)
    by_theta = bound(MEAN, THETA + step) - bound(MEAN, THETA - step)
    return np.stack([by_mean, by_theta]) / (2 * step)


@functools.cache
def signal_to_noise(variance: float, repeats: int = 3000) -> dict[str, np.ndarray]:
    """Return |mean| / standard deviation (C,) at `DRAWS` of three gradients; the mean is exact, the noise sampled.

    Where there is no noise at all but rounding, the ratio is infinite.
    """
    exact = np.abs(exact_gradients(variance))
    noise = {
        estimator: np.stack([gradients_of(estimator, k, variance, repeats).std(1).numpy() for k in DRAWS], 1)
        for estimator in bounds.ESTIMATORS
    }
    with np.errstate(divide="ignore"):
        ratios = {
            "encoder": exact[0] / noise["standard"][0],
            "encoder, DReG": exact[0] / noise["dreg"][0],
            "decoder": exact[1] / noise["standard"][1],
        }
    return {name: np.where(ratio < 1e6, ratio, np.inf) for name, ratio in ratios.items()}


COLOURS = {"encoder": palette.warning, "encoder, DReG": palette.approximation, "decoder": palette.model}
"""Colours of the three gradients."""


def _build_signal(figure):
    weights, ratios = figure.subplots(1, 2, width_ratios=(1, 1.25))
    z = np.linspace(-2.5, 4, 300)
    weights.plot(z, np.exp(normal_log_prob(z, 0.6, math.sqrt(0.5))), "--", color=palette.truth, label="posterior")
    (q,) = weights.plot([], [], color=palette.approximation, label="q")
    weights.set(title="q and the posterior", xlabel="z", ylabel="density", xlim=(-2.5, 4), ylim=(0, 0.95))
    weights.legend(loc="upper right")
    curves = {name: ratios.plot([], [], "o-", color=colour, label=name)[0] for name, colour in COLOURS.items()}
    ratios.set(title="Signal over noise of one gradient", xlabel="draws k", ylabel="|mean| / standard deviation")
    ratios.set(xscale="log", yscale="log", xlim=(0.8, 330), ylim=(5e-3, 60))
    ratios.legend(loc="upper left")
    return SimpleNamespace(q=q, curves=curves, z=z)


def _draw_signal(parts, draws, variance):
    parts.q.set_data(parts.z, np.exp(normal_log_prob(parts.z, MEAN, math.sqrt(variance))))
    ratios, upto = signal_to_noise(variance), DRAWS.index(draws) + 1
    for name, curve in parts.curves.items():
        finite = np.isfinite(ratios[name][:upto])
        curve.set_data(np.array(DRAWS[:upto])[finite], ratios[name][:upto][finite])
    now = {name: values[upto - 1] for name, values in ratios.items()}
    words = "; ".join(f"{name} {f'{value:.2f}' if np.isfinite(value) else 'no noise'}" for name, value in now.items())
    return f"Variance of q {variance} (the posterior's is 0.5), k = {draws}. Signal over noise: {words}."


def signal():
    """Return the explorer of the signal-to-noise ratios of gradients against the number of draws."""
    return Explorer(
        _build_signal,
        _draw_signal,
        [
            Choice("draws", "up to k", options=DRAWS, value=1),
            Choice("variance", "variance of q", options=WIDTHS, value=0.8),
        ],
        name="signal",
        title="Signal and noise",
        alt="Left, the posterior, dashed, and q. Right, the ratio of signal to noise of the gradients of encoder and "
        "decoder against the number of draws, up to the chosen one.",
        width=9.6,
        height=4.0,
    )


EXPLORERS = {"one_layer": one_layer, "layers": layers, "many_draws": many_draws, "signal": signal}
