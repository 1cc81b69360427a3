"""Lesson 15, richer priors and clustering: its explorers."""

import functools
import math
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.richer_priors.models import (
    CLASSES,
    PLANE_PRIORS,
    cluster_vae,
    clusters_of,
    draws_of,
    lesson_08_vae,
    plane_vae,
    split_digits,
    task,
)
from course_utils.models.planes import mosaic, show_images
from course_utils.models.priors import FullMixturePrior, Prior, PriorVAE, aggregate_log_prob, matched_accuracy
from course_utils.models.vae import VAE
from course_utils.workshop.data import large_digits
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import palette

_REACH, _STEP = 4.0, 0.08
_TICKS = torch.arange(-_REACH, _REACH + _STEP / 2, _STEP)
_PLANE = torch.cartesian_prod(_TICKS, _TICKS)

# --- prior, aggregate posterior and samples in the plane --------------------------------------------------------------


@functools.cache
@torch.no_grad()
def _pairs() -> dict[str, tuple[PriorVAE, Prior]]:
    """Return by name a model with two latents, and a prior for its codes."""
    x = split_digits()[0]
    plain = plane_vae()
    draws = draws_of(plain, x)
    pairs = {PLANE_PRIORS[0]: (plain, plain.prior)}
    for count in (2, 5, 20):
        pairs[f"mixture fitted afterwards, K = {count}"] = plain, FullMixturePrior(2, count).fit(draws)
    pairs["q̄ of the training digits"] = plain, plain.aggregate(x)
    for name in PLANE_PRIORS[1:]:
        model = plane_vae(name)
        pairs[f"learned along: {name}"] = model, model.prior
    return pairs


def _on_plane(log_density: Tensor) -> np.ndarray:
    """Return densities of the plane's points as a picture, with the second latent upwards."""
    return log_density.exp().reshape(len(_TICKS), len(_TICKS)).T.numpy()


def _build_plane(figure):
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.05))
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    blank = np.zeros((len(_TICKS), len(_TICKS)))
    style = {"cmap": "Greys", "vmin": 0, "vmax": 0.25, "origin": "lower", "extent": extent, "interpolation": "bilinear"}
    pictures = [axis.imshow(blank, **style) for axis in axes[:2]]
    (dots,) = axes[1].plot([], [], "o", color=palette.prior, markersize=4, alpha=0.9)
    axes[0].set(title="Prior p(z)", xlabel="$z_1$", ylabel="$z_2$")
    axes[1].set(title="q̄(z), and 25 draws of p", xlabel="$z_1$")
    made = show_images(axes[2], np.zeros((40, 40)), "Decoded draws of p")
    return SimpleNamespace(prior=pictures[0], aggregate=pictures[1], dots=dots, made=made)


@torch.no_grad()
def _draw_plane(parts, prior):
    x, _, unseen, _ = split_digits()
    model, p = _pairs()[prior]
    log_p, log_bar = p.log_prob(_PLANE), model.aggregate(x).log_prob(_PLANE)
    parts.prior.set_data(_on_plane(log_p))
    parts.aggregate.set_data(_on_plane(log_bar))
    z = p.sample(25, torch.Generator().manual_seed(15))
    parts.dots.set_data(*z.T.numpy())
    parts.made.set_data(mosaic(model.decode(z).clamp(0, 1).numpy(), 5, 5))
    to_be_had = (log_bar.exp() * (log_bar - log_p)).sum() * _STEP**2
    bound = _bound_with(model, p, unseen)
    return (
        f"{prior}: the aggregate posterior of the training digits is KL(q̄‖p) = {max(to_be_had, 0):.2f} nats from "
        f"the prior. Of its draws {_share_beside(model, p, x):.0%} lie in the outskirts, where 5% of the codes are. "
        f"Bound on test digits: {bound:.2f} nats."
    )


def _bound_with(model: PriorVAE, prior: Prior, x: Tensor) -> float:
    """Return the mean bound of a model with another prior, over 50 draws for each row."""
    own, model.prior = model.prior, prior
    try:
        return model.elbo(x, 50, torch.Generator().manual_seed(1)).mean().item()
    finally:
        model.prior = own


def _share_beside(model: PriorVAE, prior: Prior, x: Tensor) -> float:
    """Return the share of 2000 draws of a prior that lie where q̄ is thinner than at 95 % of the codes of x."""
    aggregate = model.aggregate(x)
    level = aggregate.log_prob(draws_of(model, x)).quantile(0.05)
    drawn = prior.sample(2000, torch.Generator().manual_seed(2))
    return (aggregate.log_prob(drawn) < level).double().mean().item()


def plane_priors():
    """Return the explorer of priors, aggregate posterior and samples of VAEs with two latents."""
    names = (
        PLANE_PRIORS[0],
        *(f"mixture fitted afterwards, K = {count}" for count in (2, 5, 20)),
        "q̄ of the training digits",
        *(f"learned along: {name}" for name in PLANE_PRIORS[1:]),
    )
    return Explorer(
        _build_plane,
        _draw_plane,
        [Choice("prior", "prior", options=names, value=names[1])],
        name="plane_priors",
        title="A prior, and where the codes are",
        alt="Left, the density of the prior in the latent plane. In the middle, that of the aggregate posterior, with "
        "25 draws of the prior as dots. Right, the pictures that these draws decode to.",
        width=10.6,
        height=3.9,
    )


# --- what the aggregate posterior knows by heart ----------------------------------------------------------------------

SIZES = (30, 100, 300, 1000, 1500)
_REPEATS = 5  # draws for each digit in the averages


@torch.no_grad()
def gains(model: VAE, x: Tensor, unseen: Tensor, sizes: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """Return what q̄ of the first N rows of x, as a prior, adds to the bound: on these N, and on unseen rows.

    In nats, for each N of `sizes`, against N(0, I): averages over draws of q of log q̄(z) − log p(z).
    """
    generator = torch.Generator().manual_seed(0)
    (mean, log_var), others = model.encode(x), model.encode(unseen)

    def draws(q_mean, q_log_var):
        shape = (_REPEATS, *q_mean.shape)
        return model.reparameterise(q_mean.expand(shape), q_log_var.expand(shape), generator)

    def gain(z, rows):
        log_p = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
        return (aggregate_log_prob(z, mean[:rows], log_var[:rows]) - log_p).mean().item()

    known, new = draws(mean, log_var), draws(*others)
    return [gain(known[:, :rows], rows) for rows in sizes], [gain(new, rows) for rows in sizes]


@functools.cache
def _curves() -> dict[str, tuple[list[float], list[float]]]:
    x, _, unseen, _ = split_digits()
    images, _, test, _ = large_digits()
    few, many = plane_vae(), lesson_08_vae()
    return {
        "2 latents": gains(few, x, unseen, SIZES),
        "10 latents": gains(many, images, test[:300], SIZES),
    }


def _build_memory(figure):
    plane, curve = figure.subplots(1, 2, width_ratios=(1, 1.5))
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    style = {"cmap": "Greys", "vmin": 0, "origin": "lower", "extent": extent, "interpolation": "bilinear"}
    picture = plane.imshow(np.zeros((len(_TICKS), len(_TICKS))), vmax=0.3, **style)
    with torch.no_grad():
        mean, log_var = plane_vae().encode(split_digits()[0])
        new = draws_of(plane_vae(), split_digits()[2])
    plane.plot(*new.T.numpy(), ".", color=palette.warning, markersize=3, label="draws of test digits")
    plane.set(title="q̄ with two latents", xlabel="$z_1$", ylabel="$z_2$", xlim=(-4, 4), ylim=(-4, 5.2))
    plane.legend(loc="upper left", borderaxespad=0.1)
    (known,) = curve.plot([], [], "o-", color=palette.approximation, label="the digits it is made of")
    (fresh,) = curve.plot([], [], "o-", color=palette.warning, label="test digits")
    curve.axhline(0, color=palette.prior, linewidth=1.2, label="N(0, I)")
    curve.set(xscale="log", xlim=(25, 1800), xlabel="digits in q̄", ylabel="gain of the bound, nats")
    curve.set(xticks=SIZES, xticklabels=SIZES, title="q̄ as the prior")
    curve.minorticks_off()
    curve.legend(loc="lower right")
    return SimpleNamespace(picture=picture, known=known, fresh=fresh, curve=curve, mean=mean, log_var=log_var)


def _draw_memory(parts, size, latents):
    rows, reached = SIZES[size], size + 1
    density = aggregate_log_prob(_PLANE, parts.mean[:rows], parts.log_var[:rows])
    parts.picture.set_data(_on_plane(density))
    known, fresh = _curves()[latents]
    parts.known.set_data(SIZES[:reached], known[:reached])
    parts.fresh.set_data(SIZES[:reached], np.maximum(fresh[:reached], -60))
    shown = [*known[:reached], *fresh[:reached], 1.0]
    low, high = max(min(shown), -60), max(shown)
    parts.curve.set_ylim(low - 0.45 * (high - low), high + 0.08 * (high - low))
    return (
        f"{latents}, q̄ made of {rows} digits: as a prior it adds {known[size]:.2f} nats to the bound of these digits, "
        f"and {fresh[size]:.2f} to that of test digits."
    )


def memory():
    """Return the explorer of the aggregate posterior as a prior for digits that it does not know."""
    return Explorer(
        _build_memory,
        _draw_memory,
        [
            Slider("size", label="step on the way to 1500 digits", minimum=0, maximum=len(SIZES) - 1, step=1, value=0),
            Choice("latents", "model", options=("2 latents", "10 latents"), value="2 latents"),
        ],
        name="memory",
        title="What q̄ knows by heart",
        alt="Left, the aggregate posterior of so many digits in a latent plane, with draws of test digits. Right, what "
        "it adds to the bound as a prior: for the digits it is made of, and for test digits.",
        width=9.6,
        height=4.0,
    )


# --- clusters and their pictures --------------------------------------------------------------------------------------

CLUSTER_STARTS = {
    "fitted afterwards": "afterwards",
    "learned along, means from N(0, I)": "random",
    "learned along, means far apart": "far apart",
}


@functools.cache
@torch.no_grad()
def _clustered(start: str) -> tuple[PriorVAE, Tensor, float]:
    model, t = cluster_vae(CLUSTER_STARTS[start]), task("8×8")
    clusters = clusters_of(model, t.x)
    table = torch.zeros(CLASSES, 10)
    table.index_put_((clusters, t.labels), torch.ones(len(t.x)), accumulate=True)
    return model, table, matched_accuracy(clusters, t.labels)


def class_draws(model: PriorVAE, chosen: int, count: int) -> Tensor:
    """Return draws of z (count, L) from one component of a `FullMixturePrior`, the same at every call."""
    prior = model.prior
    noise = torch.randn(count, prior.mean.shape[1], generator=torch.Generator().manual_seed(15))
    factor = prior.precision_factors()[chosen]
    return prior.mean[chosen] + torch.linalg.solve_triangular(factor, noise.T, upper=False).T


def _build_clusters(figure):
    every, bars, made = figure.subplots(1, 3, width_ratios=(1.25, 1.15, 1))
    table = every.imshow(np.zeros((CLASSES, 10)), cmap="Greys", vmin=0, vmax=150, aspect="auto")
    (ring,) = every.plot([], [], "s", color=palette.approximation, markersize=8)
    every.set(title="Digits in each class", xlabel="kind of digit", ylabel="class c")
    every.set(xticks=range(10), yticks=range(CLASSES), xlim=(-1.2, 9.5))
    columns = bars.bar(range(10), [0] * 10, color=palette.data)
    bars.set(title="The chosen class", xlabel="kind of digit", ylabel="training digits", xticks=range(10))
    (tops,) = bars.plot(range(10), [0] * 10, "o", color=palette.approximation, markersize=5, clip_on=False)
    bars.set(ylim=(0, 170))
    picture = show_images(made, np.zeros((40, 32)), "What it draws")
    return SimpleNamespace(table=table, ring=ring, columns=list(columns), tops=tops, picture=picture)


@torch.no_grad()
def _draw_clusters(parts, start, chosen):
    model, table, accuracy = _clustered(start)
    parts.table.set_data(table.numpy())
    parts.ring.set_data([-0.9], [chosen])
    counts = table[chosen]
    for column, count in zip(parts.columns, counts.tolist(), strict=True):
        column.set_height(min(count, 165))
    parts.tops.set_data(range(10), counts.clamp(max=165))
    z = class_draws(model, chosen, 20)
    parts.picture.set_data(mosaic(model.decode(z).clamp(0, 1).numpy(), 5, 4))
    weight = model.prior.logits.softmax(0)[chosen]
    most = f"most often {counts.argmax()}s ({counts.max() / counts.sum():.0%})" if counts.sum() else "no digit at all"
    used = int((table.sum(1) >= 30).sum())
    return (
        f"{start}: {used} of {CLASSES} classes have 30 digits or more, accuracy {accuracy:.0%}. "
        f"Class {chosen}, weight {weight:.1%}, has {counts.sum():.0f} of 1500 digits: {most}."
    )


def clusters():
    """Return the explorer of the classes of a VAE with a mixture prior, and of the pictures that each invents."""
    return Explorer(
        _build_clusters,
        _draw_clusters,
        [
            Choice("start", "mixture", options=tuple(CLUSTER_STARTS), value="fitted afterwards"),
            Slider("chosen", label="class", symbol="c", minimum=0, maximum=CLASSES - 1, step=1, value=0),
        ],
        name="clusters",
        title="Classes, and what they draw",
        alt="Left, how many digits of each kind each class holds. In the middle, the same for the chosen class, as "
        "bars. Right, twenty pictures decoded from draws of this class.",
        width=10.6,
        height=4.0,
    )


# --- the machine ------------------------------------------------------------------------------------------------------


def prior_machine(data_dim: int, latent_dim: int, components: int) -> Drawing:
    """Return a drawing of a VAE whose prior is a mixture, with the shapes of a batch, and its alt text."""
    sketch = Sketch(10.6, 5.0)
    pixels, code, table = f"(N, {data_dim})", f"(N, {latent_dim})", f"(N, {components})"
    middle, row, q_colour, p_colour = 3.5, 0.75, palette.approximation, palette.model
    x = sketch.box("x", "$x$", Place(0.6, middle, 0.9, 0.9), palette.data, size=18)
    encoder = sketch.box("encoder", "encoder\n$\\mu,\\ \\log\\,\\sigma^2$", Place(2.75, middle, 1.5, 1.3), q_colour)
    draw = sketch.box("z", "draw\n$z=\\mu+\\sigma\\,\\varepsilon$", Place(5.1, middle, 1.6, 1.3), q_colour)
    decoder = sketch.box("decoder", "decoder", Place(7.6, middle, 1.2, 1.3), p_colour)
    fit = sketch.box("fit", "$\\log\\,p(x\\,|\\,z)$", Place(9.65, middle, 1.6, 0.9), p_colour)
    noise = sketch.circle("noise", r"$\varepsilon$", draw.x, 4.7, palette.warning, radius=0.24, bold_ring=True)
    prior = sketch.box(
        "prior", f"prior: $K$ = {components}\n$\\pi_k,\\ m_k,\\ s_k$", Place(2.75, row, 2.0, 1.1), palette.prior
    )
    each = sketch.box("each", "$\\log\\,\\pi_k\\,p_k(z)$", Place(5.1, row, 1.6, 0.9), palette.prior)
    total = sketch.box("total", "log-sum-exp\n$\\log\\,p(z)$", Place(7.6, row, 1.5, 0.9), palette.prior)
    price = sketch.box("price", "$-\\log\\,q(z\\,|\\,x)$", Place(7.6, 2.13, 1.7, 0.75), q_colour)
    bound = sketch.box("bound", "bound", Place(9.65, row, 1.2, 0.9), palette.data)
    for name, left, right, shape in (
        ("x to encoder", x, encoder, pixels),
        ("encoder to z", encoder, draw, code),
        ("z to decoder", draw, decoder, code),
        ("decoder to fit", decoder, fit, ""),
        ("prior to each", prior, each, ""),
        ("each to total", each, total, table),
        ("total to bound", total, bound, "(N,)"),
    ):
        sketch.arrow(name, left.at(1), right.at(-1))
        sketch.text(name, shape, (left.at(1)[0] + right.at(-1)[0]) / 2, left.y + 0.24)
    sketch.arrow("noise to z", noise.at(0, -1.1), draw.at(0, 1))
    sketch.arrow("z to each", draw.at(0, -1), each.at(0, 1))
    sketch.arrow("fit to bound", fit.at(0, -1), bound.at(0, 1))
    sketch.arrow("z to price", (draw.at(0.6)[0], draw.at(0, -1)[1]), (draw.at(0.6)[0], price.y), price.at(-1))
    sketch.arrow("price to bound", price.at(1), (bound.at(-0.5)[0], price.y), (bound.at(-0.5)[0], bound.at(0, 1)[1]))
    sketch.arrow("x to fit", x.at(0, -1), (x.x, 0.1), (10.36, 0.1), (10.36, fit.at(0, -1)[1]))
    sketch.text("shape fit", "(N,)", fit.x + 0.32, 2.2)
    return Drawing(
        sketch.figure,
        f"A VAE with a mixture as prior, for a batch of N pictures. Above, x {pixels} goes through the encoder, whose "
        f"mean and log-variance {code} make, with noise in a bold ring, the draw z {code}; the decoder and the "
        "likelihood, which also sees x, give log p of x given z. In the middle the same draw gives minus log q. Below, "
        f"in green, the prior with {components} components and this z give a table {table}, one logarithm for each "
        "component, and log-sum-exp its log p of z. The three numbers add up to the bound.",
    )


EXPLORERS = {"plane_priors": plane_priors, "memory": memory, "clusters": clusters}
