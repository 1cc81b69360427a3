"""Drawings of the course's machines: what goes in, what comes out, which shape it has on the way.

Each function takes the sizes of a model and returns a `Drawing`, a figure and its alt text, both made from the same
arguments: ``show(*machines.vae(64, 2, (128,)))``. Data are grey, the encoder and its q orange, the decoder and its p
blue, the prior green, and a bold vermilion ring marks where randomness enters, as in lesson 06.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.workshop.sketch import SIZE, Drawing, Place, Sketch, words_width
from course_utils.workshop.style import palette
from course_utils.workshop.validation import check_array, check_scalar

_MOST_HIDDEN = 3
_Q, _P, _RANDOM = palette.approximation, palette.model, palette.warning
_GAP = 0.1  # between a shape and the ends of its arrow, in inches


def hourglass(data_dim: int, latent_dim: int, hidden: Sequence[int] = (), *, images: Any = None) -> Drawing:
    """Draw an autoencoder: a bar for each layer, encoder to the left of the code, decoder to the right.

    Parameters
    ----------
    data_dim, latent_dim, hidden : D, L and the encoder's hidden layers, at most three; the decoder has them in reverse.
    images : a square picture x (D,) and its reconstruction (D,), ink 1 and paper 0; without them there are two frames.

    Raises
    ------
    TypeError, ValueError : a size is no positive integer, there are too many of them, or the pictures do not fit.
    """
    data_dim, latent_dim, hidden = _sizes(data_dim, latent_dim, hidden)
    before, after = _pictures(images, data_dim)
    sizes = [data_dim, *hidden, latent_dim, *reversed(hidden), data_dim]
    code, last = len(hidden) + 1, 2 * len(hidden) + 2
    sketch, middle = Sketch(10.0, 4.2), 2.35
    x = sketch.picture("x", before, "$x$", Place(0.95, middle, 1.3, 1.3), palette.data)
    x_hat = sketch.picture("x_hat", after, r"$\hat{x}$", Place(9.05, middle, 1.3, 1.3), _P)
    columns = np.linspace(2.35, 7.65, last + 1)
    heights = np.maximum(0.14, 1.9 * np.sqrt(np.array(sizes) / max(sizes)))
    bars = [Place(column, middle, 0.16, height) for column, height in zip(columns, heights, strict=True)]
    for number, (bar, size) in enumerate(zip(bars, sizes, strict=True)):
        sketch.bar(f"layer{number}", bar, palette.data if number == 0 else _Q if number <= code else _P)
        sketch.text(f"size{number}", str(size), bar.x, 1.05)
    for number, (left, right) in enumerate(itertools.pairwise(bars)):
        sketch.funnel(str(number), left, right, _Q if number < code else _P)
    for name, colour, start, end in (
        ("encoder $e$", _Q, columns[0] - 0.08, columns[code] - 0.5),
        ("decoder $d$", _P, columns[code] + 0.5, columns[-1] + 0.08),
    ):
        sketch.line(name[:7], (start, 3.56), (end, 3.56), colour=colour)
        sketch.text(name[:7], name, (start + end) / 2, 3.88, size=16)
    sketch.text("code", "code $z$", columns[code], 3.56, size=16, bold=True)
    _letters_above(sketch, before, x, x_hat)
    loss = sketch.box("loss", r"loss  $\|x-\hat{x}\|^2$", Place(5.0, 0.38, 2.3, 0.56), palette.data, size=16)
    sketch.arrow("x to layer0", x.at(1), bars[0].at(-1))
    sketch.arrow("layers to x_hat", bars[-1].at(1), x_hat.at(-1))
    sketch.arrow("x to loss", x.at(0, -1), (x.x, loss.y), loss.at(-1))
    sketch.arrow("x_hat to loss", x_hat.at(0, -1), (x_hat.x, loss.y), loss.at(1))
    there, back = (f"through {_and(part)}" if part else "straight" for part in (hidden, hidden[::-1]))
    return Drawing(
        sketch.figure,
        "An autoencoder as a row of upright bars, one for each layer, as high as the square root of its size. "
        f"The encoder leads from the {data_dim} numbers of the picture x {there} to the {latent_dim} of the code z; "
        f"the decoder leads {back} to the {data_dim} of the picture x-hat. Below, arrows from x and from x-hat meet in "
        "the loss, the squared distance of the two.",
    )


def vae(data_dim: int, latent_dim: int, hidden: Sequence[int], *, images: Any = None) -> Drawing:
    """Draw a VAE: shared layers, two heads, the draw with its noise, the decoder, and both terms of the loss.

    Parameters and errors as for `hourglass`; there is at least one hidden layer, which the two heads share.
    """
    data_dim, latent_dim, hidden = _sizes(data_dim, latent_dim, hidden, least=1)
    before, after = _pictures(images, data_dim)
    pixels, shared, code = _shape(data_dim), _shape(hidden[-1]), _shape(latent_dim)
    centres, width = _columns([0.95, 1.0, 1.62, 1.45, 1.0, 0.95], [pixels, shared, code, code, pixels])
    sketch, middle = Sketch(width, 4.8), 2.8
    x = sketch.picture("x", before, "$x$", Place(centres[0], middle, 0.95, 0.95), palette.data)
    trunk = sketch.box("shared", "shared\nlayers", Place(centres[1], middle, 1.0, 1.9), _Q)
    q = sketch.box("q", "", Place(centres[2], middle, 1.62, 2.2), _Q, dashed=True, empty=True)
    sketch.text("q above", r"$q(z\,|\,x)$", q.x, q.at(0, 1)[1] + 0.24, size=16)
    heads = ("mean", "mean\n$\\mu$", 0.5), ("log_var", "log-variance\n$\\log\\,\\sigma^2$", -0.5)
    draw = sketch.box("z", "draw\n$z=\\mu+\\sigma\\,\\varepsilon$", Place(centres[3], middle, 1.45, 1.9), _Q, size=15)
    for name, words, up in heads:
        head = sketch.box(name, words, Place(q.x, middle + up, 1.34, 0.85), _Q)
        sketch.arrow(f"shared to {name}", (trunk.at(1)[0], head.y), head.at(-1))
        sketch.arrow(f"{name} to z", head.at(1), (draw.at(-1)[0], head.y))
    sketch.text("shape shared", shared, (trunk.at(1)[0] + q.at(-1)[0]) / 2, middle)
    sketch.text("shape heads", code, (q.at(1)[0] + draw.at(-1)[0]) / 2, middle)
    noise = sketch.circle("noise", r"$\varepsilon$", draw.x, 4.4, _RANDOM, bold_ring=True)
    sketch.arrow("noise to z", noise.at(0, -1.1), draw.at(0, 1))
    sketch.text("shape noise", f"noise {code}", noise.at(1)[0] + 0.14, noise.y, ha="left")
    decoder = sketch.box("decoder", "decoder", Place(centres[4], middle, 1.0, 1.9), _P)
    x_hat = sketch.picture("x_hat", after, r"$\hat{x}$", Place(centres[5], middle, 0.95, 0.95), _P)
    _shaped_arrow(sketch, "x to shared", pixels, x, trunk)
    _shaped_arrow(sketch, "z to decoder", code, draw, decoder)
    _shaped_arrow(sketch, "decoder to x_hat", pixels, decoder, x_hat)
    _letters_above(sketch, before, x, x_hat)
    _loss(sketch, width, x, q, x_hat, trunk.x, "prior\nstandard normal")
    return Drawing(
        sketch.figure,
        f"A VAE from left to right, with shapes for a batch of N pictures. x {pixels} enters layers that mean and "
        f"log-variance share, of {_and(hidden)} units. Their output {shared} goes to two heads, mean and log-variance "
        f"{code} each, together q of z given x. With noise epsilon {code}, in a bold ring, they make the draw z "
        f"{code}. The decoder turns z into x-hat {pixels}. {_LOSS_WORDS.format('the standard normal prior')}",
    )


def categorical_vae(data_dim: int, latents: int, classes: int, *, images: Any = None) -> Drawing:
    """Draw a VAE whose latents are choices, trained with Gumbel-softmax: logits, noise, temperature, relaxed draw.

    Parameters
    ----------
    data_dim, latents, classes : D, and L choices among K classes.
    images : as for `hourglass`.

    Raises
    ------
    TypeError, ValueError : as `hourglass`, or there are fewer than two classes.
    """
    data_dim, latents, _ = _sizes(data_dim, latents, ())
    classes = check_scalar("classes", classes, integer=True, minimum=2)
    before, after = _pictures(images, data_dim)
    pixels, choices, flat = _shape(data_dim), _shape(latents, classes), _shape(latents * classes)
    table = max(1.1, words_width(choices))
    centres, width = _columns(
        [0.95, 1.0, table + 0.24, 1.25, table, 1.0, 0.95], [pixels, None, None, None, flat, pixels]
    )
    sketch, middle = Sketch(width, 4.8), 2.8
    x = sketch.picture("x", before, "$x$", Place(centres[0], middle, 0.95, 0.95), palette.data)
    encoder = sketch.box("encoder", "encoder", Place(centres[1], middle, 1.0, 1.9), _Q)
    q = sketch.box("q", "", Place(centres[2], middle, table + 0.24, 1.9), _Q, dashed=True, empty=True)
    sketch.text("q above", r"$q(z\,|\,x)$", q.x, q.at(0, 1)[1] + 0.24, size=16)
    probabilities, relaxed = _example(min(latents, 6), min(classes, 12))
    sketch.text("logits above", "logits", q.x, middle + 0.68)
    logits = sketch.cells("logits", probabilities, Place(q.x, middle + 0.03, table, 0.75), _Q)
    sketch.text("shape logits", choices, q.x, middle - 0.66)
    soft = sketch.box("softmax", "", Place(centres[3], middle, 1.25, 1.9), _Q)
    sketch.text("softmax", "softmax of", soft.x, middle + 0.42)
    sketch.text("scores", r"$\dfrac{\mathrm{logits}+G}{\tau}$", soft.x, middle - 0.18, size=16)
    noise = sketch.circle("noise", "$G$", soft.x - 0.3, 4.4, _RANDOM, bold_ring=True)
    sketch.text("noise words", "Gumbel noise", noise.at(-1)[0] - 0.14, noise.y, ha="right")
    heat = sketch.dot("temperature", soft.x + 0.32, 4.4, palette.data)
    sketch.text("temperature words", "temperature $\\tau$", heat.at(1)[0] + 0.12, heat.y, ha="left")
    sketch.arrow("noise to softmax", noise.at(0, -1.1), (noise.x, soft.at(0, 1)[1]))
    sketch.arrow("temperature to softmax", heat.at(0, -1), (heat.x, soft.at(0, 1)[1]))
    draw = sketch.cells("z", relaxed, Place(centres[4], middle, table, 0.75), _Q)
    sketch.text("z above", "relaxed $z$", draw.x, middle + 0.65)
    sketch.text("shape z", choices, draw.x, middle - 0.66)
    decoder = sketch.box("decoder", "decoder", Place(centres[5], middle, 1.0, 1.9), _P)
    x_hat = sketch.picture("x_hat", after, r"$\hat{x}$", Place(centres[6], middle, 0.95, 0.95), _P)
    _shaped_arrow(sketch, "x to encoder", pixels, x, encoder)
    sketch.arrow("encoder to logits", encoder.at(1), (logits.at(-1)[0], middle))
    sketch.arrow("logits to softmax", (logits.at(1)[0], middle), soft.at(-1))
    sketch.arrow("softmax to z", soft.at(1), draw.at(-1))
    _shaped_arrow(sketch, "z to decoder", flat, draw, decoder)
    _shaped_arrow(sketch, "decoder to x_hat", pixels, decoder, x_hat)
    _letters_above(sketch, before, x, x_hat)
    _loss(sketch, width, x, q, x_hat, encoder.x, "prior\nuniform")
    return Drawing(
        sketch.figure,
        f"A VAE with choices, from left to right, with shapes for a batch of N pictures. The encoder turns x {pixels} "
        f"into logits {choices}, shown as a table of {len(relaxed)} rows of {len(relaxed[0])} cells, darker where more "
        "probable: q of z given x. Gumbel noise G, in a bold ring, is added, the sum divided by the temperature tau, "
        f"and a softmax makes the relaxed draw z {choices}, whose rows are close to one-hot. Laid out as {flat} it "
        f"enters the decoder, which returns x-hat {pixels}. "
        f"{_LOSS_WORDS.format('the uniform prior')}",
    )


def graphs(count: int | None = None) -> Drawing:
    """Draw three graphs side by side: the model p, a q with parameters for each point, and an amortised q.

    Parameters
    ----------
    count : number of data points, written at the plates; without it they say N.

    Raises
    ------
    TypeError, ValueError : `count` is no positive integer.
    """
    often = "$N$" if count is None else f"$N={check_scalar('count', count, integer=True, minimum=1)}$"
    sketch = Sketch(10.2, 4.75)
    panels = (
        ("p", 1.95, "the model", r"$p(z_n)\;p_\theta(x_n\,|\,z_n)$"),
        ("per point", 5.2, "one search per point", r"$q_{\phi_n}(z_n)$"),
        ("amortised", 8.6, "one encoder for all", r"$q_\lambda(z_n\,|\,x_n)$"),
    )
    for name, x, title, formula in panels:
        sketch.text(f"title {name}", title, x, 4.42, size=16, bold=True, va="baseline")
        sketch.text(f"formula {name}", formula, x, 4.02, size=16, va="baseline")
        sketch.box(f"plate {name}", "", Place(x + 0.2, 1.93, 1.9, 3.62), palette.data, empty=True)
        sketch.text(f"plate {name}", often, x + 1.03, 0.34, ha="right")
        colour = palette.prior if name == "p" else _Q
        z = sketch.circle(f"z {name}", "$z_n$", x, 3.17, colour, radius=0.36)
        seen = sketch.circle(f"x {name}", "$x_n$", x, 0.97, palette.data, radius=0.36)
        outside = x - 1.35
        if name == "p":
            theta = sketch.dot("theta", outside, seen.y, _P)
            sketch.text("theta words", r"$\theta$", outside, seen.y + 0.36, size=17)
            sketch.arrow("theta to x", theta.at(1), seen.at(-1), colour=_P)
            sketch.arrow("z to x", z.at(0, -1), seen.at(0, 1), colour=_P)
            continue
        phi = sketch.dot(f"phi {name}", x, 2.05, _Q)
        sketch.text(f"phi {name} words", r"$\phi_n$", x + 0.22, phi.y, size=17, ha="left")
        sketch.arrow(f"phi to z {name}", phi.at(0, 1), z.at(0, -1), colour=_Q)
        if name == "per point":
            sketch.arrow("x to phi per point", seen.at(0, 1), phi.at(0, -1), dashed=True)
            sketch.text("search", "search", x + 0.14, 1.67, ha="left")
        else:
            encoder = sketch.dot("lambda", outside, phi.y, _Q)
            sketch.text("lambda words", r"$\lambda$", outside, phi.y + 0.36, size=17)
            sketch.arrow("x to phi amortised", seen.at(0, 1), phi.at(0, -1), colour=_Q)
            sketch.arrow("lambda to phi", encoder.at(1), phi.at(-1), colour=_Q)
    points = "N points" if count is None else f"N = {count} points"
    return Drawing(
        sketch.figure,
        f"Three graphs, each with a plate for {points}. Left, the model p: the latent z_n points to the observed x_n, "
        "and so does the dot theta, outside the plate. Middle, q with a search for each point: a dashed arrow leads "
        "from x_n to a dot phi_n, and phi_n points to z_n; all of it is inside the plate. Right, the amortised q: x_n "
        "and the dot lambda, outside the plate, point to phi_n, and phi_n to z_n.",
    )


def training_step(batch: int, data_dim: int, latent_dim: int) -> Drawing:
    """Draw one training step of a VAE as a circle of seven numbered stations, five forward and two back.

    Parameters
    ----------
    batch, data_dim, latent_dim : B pictures in a batch, D and L.

    Raises
    ------
    TypeError, ValueError : one of them is no positive integer.
    """
    batch = check_scalar("batch", batch, integer=True, minimum=1)
    data_dim, latent_dim, _ = _sizes(data_dim, latent_dim, ())
    pixels, code = f"({batch}, {data_dim})", f"({batch}, {latent_dim})"
    stations = (
        ("batch", f"$x$  {pixels}", palette.data),
        ("encode", f"$\\mu,\\ \\log\\,\\sigma^2$\n{code} each", _Q),
        ("draw", f"$z=\\mu+\\sigma\\,\\varepsilon$\n{code}", _Q),
        ("decode", f"$\\hat{{x}}$  {pixels}", _P),
        ("compare", "loss = −ELBO\none number", palette.data),
    )
    sketch = Sketch(10.6, 3.25)
    places = []
    for number, (title, words, colour) in enumerate(stations, start=1):
        place = Place(1.12 + 2.09 * (number - 1), 2.46, 1.8, 1.34)
        places.append(_station(sketch, number, title, words, place, colour))
    for number, (left, right) in enumerate(itertools.pairwise(places), start=1):
        sketch.arrow(f"{number} to {number + 1}", left.at(1), right.at(-1))
    back = Place(8.43, 0.72, 3.9, 1.26)
    step = Place(2.17, 0.72, 3.9, 1.26)
    _station(
        sketch,
        6,
        "gradient",
        "of the loss, for each weight of both\nnetworks, back through the draw",
        back,
        palette.data,
    )
    _station(sketch, 7, "step", "the optimiser moves all weights of\nencoder and decoder a little", step, palette.data)
    sketch.arrow("5 to 6", places[-1].at(0, -1), (places[-1].x, back.at(0, 1)[1]))
    sketch.arrow("6 to 7", back.at(-1), step.at(1))
    sketch.arrow("7 to 1", (places[0].x, step.at(0, 1)[1]), places[0].at(0, -1))
    sketch.text("again", "with the next batch", places[0].x + 0.15, 1.56, ha="left")
    return Drawing(
        sketch.figure,
        "One training step as a circle of seven stations. Above, from left to right: 1, take a batch x "
        f"{pixels}; 2, encode it: mean and log-variance, {code} each; 3, draw z {code}; 4, decode it to x-hat "
        f"{pixels}; 5, compare: the loss, minus the ELBO, is one number. Below, from right to left: 6, its "
        "gradient for the weights of both networks, back through the draw; 7, the optimiser moves all weights a "
        "little. From there an arrow leads to station 1, with the next batch.",
    )


_LOSS_WORDS = (
    "Below, the loss, minus the ELBO averaged over the batch, is the KL term, which compares q with {}, minus the "
    "reconstruction term, log p of x given z, which compares x-hat with x."
)


def _loss(sketch: Sketch, width: float, x: Place, q: Place, x_hat: Place, left: float, prior: str) -> None:
    """Draw both terms under the places where they are computed, and the loss between them."""
    row, base = 0.98, 0.22
    prior_box = sketch.box(
        "prior", prior, Place(left, row, words_width(max(prior.split("\n"), key=len)) + 0.3, 0.85), palette.prior
    )
    kl = sketch.box("kl", "KL term\n$\\mathrm{KL}(q\\,\\|\\,p)$", Place(q.x, row, 1.5, 0.85), _Q)
    fit = sketch.box(
        "reconstruction", "reconstruction\n$\\log\\,p(x\\,|\\,z)$", Place(width - 0.95, row, 1.7, 0.85), _P
    )
    middle = (kl.at(1)[0] + fit.at(-1)[0]) / 2
    loss = sketch.box("loss", "loss = −ELBO\nmean over $N$", Place(middle, row, 1.65, 0.85), palette.data)
    sketch.arrow("q to kl", q.at(0, -1), kl.at(0, 1))
    sketch.arrow("prior to kl", prior_box.at(1), kl.at(-1))
    sketch.arrow("x_hat to reconstruction", x_hat.at(0, -1), (x_hat.x, fit.at(0, 1)[1]))
    sketch.arrow("x to reconstruction", x.at(0, -1), (x.x, base), (fit.x, base), fit.at(0, -1))
    for name, sign, start, end in (("kl", "+", kl.at(1), loss.at(-1)), ("reconstruction", "−", fit.at(-1), loss.at(1))):
        sketch.arrow(f"{name} to loss", start, end)
        sketch.text(f"shape {name}", f"{sign} (N,)", (start[0] + end[0]) / 2, row + 0.25)


def _station(sketch: Sketch, number: int, title: str, words: str, place: Place, colour: str) -> Place:
    sketch.box(f"station {number}", "", place, colour)
    top = place.at(0, 1)[1] - 0.28
    badge = sketch.circle(f"badge {number}", str(number), place.at(-1)[0] + 0.3, top, colour, radius=0.2, size=SIZE)
    sketch.text(
        f"title {number}", title, badge.at(1)[0] + 0.1, top - 0.07, size=15, bold=True, ha="left", va="baseline"
    )
    sketch.text(f"words {number}", words, place.x, place.y - 0.22)
    return place


def _shaped_arrow(sketch: Sketch, name: str, shape: str, left: Place, right: Place) -> None:
    """Draw an arrow from one part to the next, with the shape of what it carries above it."""
    sketch.arrow(name, left.at(1), right.at(-1))
    sketch.text(f"shape {name}", shape, (left.at(1)[0] + right.at(-1)[0]) / 2, left.y + 0.25)


def _letters_above(sketch: Sketch, image: Any, x: Place, x_hat: Place) -> None:
    """Name two pictures; frames without a picture have their letter inside."""
    if image is not None:
        sketch.text("x above", "$x$", x.x, x.at(0, 1)[1] + 0.25, size=18)
        sketch.text("x_hat above", r"$\hat{x}$", x_hat.x, x_hat.at(0, 1)[1] + 0.25, size=18)


def _columns(widths: Sequence[float], labels: Sequence[str | None]) -> tuple[list[float], float]:
    """Return the centres of parts in a row whose gaps leave room for what is written there, and the width of all."""
    centres, edge = [], 0.1
    for width, label in itertools.zip_longest(widths, labels):
        centres.append(edge + width / 2)
        edge += width + (0.36 if label is None else words_width(label) + 2 * _GAP)
    return centres, centres[-1] + widths[-1] / 2 + 0.1


def _example(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (rows, columns) of some choices, and a relaxed draw from them at temperature ½."""
    rng = np.random.default_rng(3)
    logits = 1.5 * rng.normal(size=(rows, columns))
    noisy = (logits + rng.gumbel(size=logits.shape)) / 0.5
    tables = (np.exp(values - values.max(axis=1, keepdims=True)) for values in (logits, noisy))
    probabilities, relaxed = (table / table.sum(axis=1, keepdims=True) for table in tables)
    return probabilities, relaxed


def _and(sizes: Sequence[int]) -> str:
    return " and ".join(map(str, sizes))


def _shape(*sizes: int) -> str:
    return f"(N, {', '.join(map(str, sizes))})"


def _sizes(data_dim: int, latent_dim: int, hidden: Sequence[int], least: int = 0) -> tuple[int, int, tuple[int, ...]]:
    widths = tuple(check_scalar("hidden", width, integer=True, minimum=1) for width in hidden)
    if not least <= len(widths) <= _MOST_HIDDEN:
        raise ValueError(f"hidden must name {least} to {_MOST_HIDDEN} layers, or they do not fit; got {len(widths)}")
    data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
    return data_dim, check_scalar("latent_dim", latent_dim, integer=True, minimum=1), widths


def _pictures(images: Any, data_dim: int) -> tuple[Any, Any]:
    if images is None:
        return None, None
    if len(images) != 2:
        raise ValueError(f"images must be two, a picture and its reconstruction; got {len(images)}")
    side = math.isqrt(data_dim)
    if side * side != data_dim:
        raise ValueError(f"images must be square; got {data_dim} pixels each")
    before, after = (check_array("images", image, shape=(data_dim,)).reshape(side, side) for image in images)
    return before, after
