"""Lesson 12, graphs: how a graph and the lesson's machine are drawn."""

import numpy as np
import torch
from torch import Tensor

from course_utils.models.graphs import edge_list
from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import palette

FACTION_COLOURS = ("#56B4E9", palette.second)
"""Colours of the instructor's members and of the officer's."""

_CLUB = (
    ((-0.33, 0.01), (-0.24, -0.17), (0.0, 0.07), (-0.24, 0.14), (-0.58, 0.16), (-0.69, 0.15), (-0.69, -0.04)),
    ((-0.23, 0.27), (0.02, -0.17), (0.29, 0.09), (-0.55, 0.35), (-0.62, -0.22), (-0.4, 0.41), (-0.05, -0.09)),
    ((0.34, -0.48), (0.45, -0.44), (-1.01, 0.11), (-0.5, -0.31), (0.55, -0.37), (-0.05, -0.28), (0.63, -0.26)),
    ((-0.42, -0.4), (0.65, -0.12), (0.5, 0.26), (0.27, 0.59), (0.14, 0.56), (0.76, -0.01), (0.27, 0.3)),
    ((0.28, 0.2), (0.62, 0.1), (0.11, -0.38), (0.06, 0.2), (0.32, -0.16), (0.34, -0.08)),
)
CLUB_PLACES = np.array([place for row in _CLUB for place in row])
"""Where the 34 members stand in drawings, chosen once so that friends stand near each other."""


def circle(count: int) -> np.ndarray:
    """Return `count` places (N, 2) on a circle, beginning at the top."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def columns(count: int) -> np.ndarray:
    """Return `count` places (N, 2) in two upright columns of one half each."""
    half = count // 2
    heights = np.linspace(1, -1, half)
    return np.concatenate([np.stack([np.full(half, side), heights], axis=1) for side in (-0.8, 0.8)])


def draw_graph(axis, adjacency: Tensor, places: np.ndarray, title: str = "", *, size: float = 9.0, **look):
    """Draw a graph with its nodes at `places` (N, 2), and return the artist of the nodes, a scatter.

    `look` goes to the scatter: colours of the nodes as `c`, and what belongs to them.
    """
    from matplotlib.collections import LineCollection

    lines = places[edge_list(adjacency).numpy()]
    axis.add_collection(LineCollection(lines, colors=palette.data, linewidths=0.9, alpha=0.4, zorder=1))
    look = {"c": palette.data, "edgecolors": "white", "linewidths": 1.0, "zorder": 3} | look
    nodes = axis.scatter(*places.T, s=size**2, **look)
    axis.set(title=title, aspect="equal", xticks=[], yticks=[])
    axis.margins(0.08)
    axis.spines[:].set_visible(False)
    return nodes


def faction_colours(faction: Tensor) -> list[str]:
    """Return the colour of each member's faction."""
    return [FACTION_COLOURS[side] for side in faction.tolist()]


def draw_results(axis, results: dict[str, np.ndarray], title: str) -> None:
    """Draw rivals as rows: the AUC of each split (S, ·) as a dot, their mean with two standard errors as a bar."""
    for row, (name, measured) in enumerate(results.items()):
        auc, colour = measured[:, 0], palette.warning if "leak" in name else palette.data
        axis.plot(auc, row + np.linspace(-0.25, 0.25, len(auc)), ".", color=colour, alpha=0.2)
        error = 2 * auc.std(ddof=1) / len(auc) ** 0.5
        axis.errorbar(auc.mean(), row, xerr=error, fmt="o", color=colour, capsize=4, markersize=7)
    axis.axvline(0.5, color=palette.truth, linestyle="--", linewidth=1.2)
    axis.set(title=title, xlabel="AUC", xlim=(0.1, 1.02), yticks=range(len(results)), yticklabels=results)
    axis.invert_yaxis()


def machine(nodes: int, features: int, hidden: int, latents: int) -> Drawing:
    """Draw the VGAE with the shapes of its parts: two graph convolutions, two heads, draw, inner products, loss."""
    table, z_shape = f"({nodes}, {nodes})", f"({nodes}, {latents})"
    sketch, middle = Sketch(10.8, 4.7), 2.75
    a = sketch.box("A", f"graph $A$\n{table}", Place(0.85, 3.55, 1.4, 0.9), palette.data)
    x = sketch.box("X", f"features $X$\n({nodes}, {features})", Place(0.85, 1.95, 1.4, 0.9), palette.data)
    first = sketch.box(
        "first", "average over\nneighbours,\nmap, ReLU", Place(2.75, middle, 1.5, 1.9), palette.approximation
    )
    q = sketch.box("q", "", Place(5.05, middle, 1.75, 2.3), palette.approximation, dashed=True, empty=True)
    sketch.text("q above", r"$q(z\,|\,A,X)$", q.x, q.at(0, 1)[1] + 0.24, size=16)
    draw = sketch.box("z", "draw\n$z=\\mu+\\sigma\\,\\varepsilon$", Place(7.3, middle, 1.4, 1.5), palette.approximation)
    for name, words, up in (
        ("mean", "average, map:\nmeans $\\mu$", 0.55),
        ("log_var", "average, map:\n$\\log\\,\\sigma^2$", -0.55),
    ):
        head = sketch.box(name, words, Place(q.x, middle + up, 1.5, 0.9), palette.approximation)
        sketch.arrow(f"first to {name}", (first.at(1)[0], head.y), head.at(-1))
        sketch.arrow(f"{name} to z", head.at(1), (draw.at(-1)[0], head.y))
    sketch.text("shape first", f"({nodes}, {hidden})", 3.85, middle, size=14)
    sketch.text("shape z", z_shape, 6.27, middle, size=14)
    noise = sketch.circle("noise", r"$\varepsilon$", draw.x, 4.25, palette.warning, bold_ring=True)
    sketch.arrow("noise to z", noise.at(0, -1.1), draw.at(0, 1))
    pairs = sketch.box(
        "pairs", "inner products\n$\\sigma(z_i^\\top z_j)$\n" + table, Place(9.75, middle, 1.75, 1.5), palette.model
    )
    sketch.arrow("z to pairs", draw.at(1), pairs.at(-1))
    sketch.arrow("A to first", a.at(1), (first.at(-1)[0], a.y - 0.25))
    sketch.arrow("X to first", x.at(1), (first.at(-1)[0], x.y + 0.25))
    prior = sketch.box("prior", "prior\nstandard normal", Place(2.75, 0.6, 1.75, 0.85), palette.prior)
    kl = sketch.box("kl", "KL term\nsum over nodes", Place(q.x, 0.6, 1.7, 0.85), palette.approximation)
    loss = sketch.box("loss", "−ELBO\none number", Place(7.3, 0.6, 1.4, 0.85), palette.data)
    fit = sketch.box("fit", "$\\log\\,p(A\\,|\\,z)$\nsum over $i<j$", Place(9.75, 0.6, 1.75, 0.85), palette.model)
    sketch.arrow("q to kl", q.at(0, -1), kl.at(0, 1))
    sketch.arrow("prior to kl", prior.at(1), kl.at(-1))
    sketch.arrow("pairs to fit", pairs.at(0, -1), fit.at(0, 1))
    sketch.arrow("kl to loss", kl.at(1), loss.at(-1))
    sketch.arrow("fit to loss", fit.at(-1), loss.at(1))
    return Drawing(
        sketch.figure,
        f"A VGAE from left to right, with shapes for one graph of {nodes} nodes. The table A {table} and the features "
        f"X ({nodes}, {features}) enter a graph convolution with ReLU, whose output ({nodes}, {hidden}) goes to two "
        f"more, the means and log-variances {z_shape} of q of z given A and X. With noise epsilon they make the draw "
        f"z {z_shape}, and the decoder turns each pair's inner product into a probability, a table {table}. Below, the "
        "KL term, summed over nodes, and log p of A given z, summed over pairs, make one number, minus the ELBO.",
    )


def two_blocks_places(count: int) -> np.ndarray:
    """Return places (N, 2) for a graph of two blocks: two circles side by side."""
    ring = circle(count // 2)
    return np.concatenate([ring * 0.75 - [1.0, 0.0], ring * 0.75 + [1.0, 0.0]])


def smoothing_graphs() -> dict[str, tuple[Tensor, np.ndarray]]:
    """Return the graphs of the explorer of smoothing, each with the places of its nodes."""
    ring, sides, blocks = torch.zeros(16, 16), torch.zeros(16, 16), torch.zeros(16, 16)
    for i in range(16):
        ring[i, (i + 1) % 16] = ring[(i + 1) % 16, i] = 1
    sides[:8, 8:] = sides[8:, :8] = 1
    dice = torch.rand(16, 16, generator=torch.Generator().manual_seed(4)) < 0.75
    same = torch.arange(16)[:, None] // 8 == torch.arange(16) // 8
    blocks = (dice & same).float().triu(1)
    blocks[3, 13] = 1  # the one bridge
    return {
        "ring": (ring, circle(16)),
        "two blocks, one bridge": (blocks + blocks.T, two_blocks_places(16)),
        "two sides": (sides, columns(16)),
    }
