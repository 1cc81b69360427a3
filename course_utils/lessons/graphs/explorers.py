"""Lesson 12, graphs: its explorers."""

from types import SimpleNamespace

import numpy as np
import torch

from course_utils.lessons.graphs.drawings import CLUB_PLACES, FACTION_COLOURS, draw_graph, smoothing_graphs
from course_utils.lessons.graphs.models import (
    BETAS,
    FEATURES,
    NODES,
    club_models,
    karate_club,
    node_features,
    separated,
)
from course_utils.models import graphs
from course_utils.models.vae import gaussian_kl
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.style import ellipse, palette

_STEPS = 40
LOOPS = ("with self-loops", "without")


def _averaging(adjacency, loops):
    """Return D^(−1/2) A D^(−1/2) with or without self-loops, and the roots of the degrees that belong to it."""
    table = adjacency.double() + (torch.eye(len(adjacency)) if loops == LOOPS[0] else 0)
    roots = table.sum(1).sqrt()
    return table / roots[:, None] / roots, roots


def _build_smoothing(figure):
    drawn, curve = figure.subplots(1, 2, width_ratios=(1.15, 1))
    start = torch.randn(16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    nodes, edges, tables = {}, {}, {}
    for name, (adjacency, places) in smoothing_graphs().items():
        nodes[name] = draw_graph(drawn, adjacency, places, size=15, c=np.zeros(16), cmap="RdBu_r", vmin=-1.5, vmax=1.5)
        edges[name], tables[name] = drawn.collections[-2], adjacency
    drawn.set(title="One number at each node", xlim=(-2.0, 2.0), ylim=(-1.25, 1.25))
    (line,) = curve.plot([], [], "o-", color=palette.data, markersize=4, label="measured")
    (rate,) = curve.plot([], [], "--", color=palette.truth, label="second eigenvalue, to the power k")
    curve.set(title="How far the nodes are from agreeing", xlabel="steps k", ylabel="distance, relative to k = 0")
    curve.set(yscale="log", xlim=(0, _STEPS), ylim=(1e-6, 30))
    curve.legend(loc="lower left")
    return SimpleNamespace(nodes=nodes, edges=edges, tables=tables, line=line, rate=rate, start=start)


def _draw_smoothing(parts, steps, graph, loops):
    for name in parts.tables:
        parts.nodes[name].set_visible(name == graph)
        parts.edges[name].set_visible(name == graph)
    averaging, roots = _averaging(parts.tables[graph], loops)
    limit = roots / roots.norm()
    states = [parts.start * roots]
    for _ in range(steps):
        states.append(averaging @ states[-1])
    states = torch.stack(states)
    away = (states - torch.outer(states @ limit, limit)).norm(dim=1)
    parts.nodes[graph].set_array((states[-1] / roots).numpy())
    values = torch.linalg.eigvalsh(averaging)[:-1].abs()
    second = values.max().item()
    count = np.arange(steps + 1)
    parts.line.set_data(count, (away / away[0]).numpy())
    parts.rate.set_data(count, second**count)
    return (
        f"{graph}, {loops}, k = {steps}: the largest absolute eigenvalue after the first is {second:.3f}, and what the "
        f"nodes differ by is {(away[-1] / away[0]).item():.2g} times what it was."
    )


def smoothing():
    """Return the explorer of repeated averaging on a drawn graph."""
    return Explorer(
        _build_smoothing,
        _draw_smoothing,
        [
            Slider("steps", "steps of averaging", minimum=0, maximum=_STEPS, step=1, value=1, symbol="k"),
            Choice("graph", "graph", options=tuple(smoothing_graphs()), value="two blocks, one bridge"),
            Choice("loops", "self-loops", options=LOOPS, value=LOOPS[0]),
        ],
        name="smoothing",
        title="Averaging, again and again",
        alt="Left, a graph of sixteen nodes, coloured by the number that each holds, from blue through white to red. "
        "Right, how far the numbers are from agreeing, on a logarithmic axis, and the power of the second eigenvalue.",
        width=9.8,
        height=4.1,
    )


def _build_club(figure):
    plane, table = figure.subplots(1, 2, width_ratios=(1.1, 1))
    adjacency, faction = karate_club()
    order = faction.argsort(stable=True)
    edges = graphs.edge_list(adjacency)
    (ties,) = plane.plot([], [], color=palette.data, linewidth=0.6, alpha=0.3)
    points = [plane.plot([], [], "o", color=colour, markersize=9)[0] for colour in FACTION_COLOURS]
    (width,) = plane.plot([], [], color=palette.approximation, linewidth=1.4, label="q of node 0, one deviation")
    for line, words in zip(points, ("went with the instructor", "went with the officer"), strict=True):
        line.set_label(words)
    plane.set(title="The members in the latent plane", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    plane.set(xlim=(-3.2, 3.2), ylim=(-3.0, 3.8))
    plane.legend(loc="upper left", fontsize=9.5)
    image = table.imshow(np.zeros((NODES, NODES)), vmin=0, vmax=1, cmap="Blues")
    place = torch.empty(NODES, dtype=torch.long)
    place[order] = torch.arange(NODES)
    both = place[torch.cat([edges, edges.flip(1)])]
    table.plot(both[:, 0], both[:, 1], ".", color=palette.data, markersize=2.5)
    table.set(title="What the decoder says, friends as dots", xticks=[], yticks=[])
    table.set(xlabel="members, sorted by faction")
    return SimpleNamespace(
        ties=ties,
        points=points,
        width=width,
        image=image,
        edges=edges,
        order=order,
        faction=faction,
        adjacency=adjacency,
    )


@torch.no_grad()
def _draw_club(parts, layers, features, beta):
    model = club_models(layers, features)[BETAS.index(beta)]
    mean, log_var = model.encode(node_features(features), graphs.normalised_adjacency(parts.adjacency))
    for side, line in enumerate(parts.points):
        line.set_data(*mean[parts.faction == side].T)
    ends = mean[parts.edges]  # (E, 2, 2)
    broken = torch.cat([ends, torch.full((len(ends), 1, 2), torch.nan)], dim=1).reshape(-1, 2)
    parts.ties.set_data(*broken.T)
    parts.width.set_data(*ellipse(mean[0], log_var[0].exp().diag()))
    logits = model.logits(mean) - np.log(graphs.balanced_weight(parts.adjacency))
    parts.image.set_data(torch.sigmoid(logits)[parts.order][:, parts.order].numpy())
    pairs = torch.triu_indices(NODES, NODES, 1)
    auc = graphs.area_under_curve(parts.adjacency[pairs[0], pairs[1]], logits[pairs[0], pairs[1]])
    return (
        f"{layers} convolution{'s' if layers > 1 else ''}, features {features}, β = {beta:g}: a straight line puts "
        f"{separated(mean, parts.faction)} of 34 members on their faction's side, the KL is "
        f"{gaussian_kl(mean, log_var).sum():.0f} nats in all, and on the friendships it was trained on the AUC is "
        f"{auc:.2f}."
    )


def club():
    """Return the explorer of the karate club in the latent plane, for several encoders and weights of the KL."""
    return Explorer(
        _build_club,
        _draw_club,
        [
            Choice("layers", "convolutions", options=(1, 2, 3, 4), value=2),
            Choice("features", "features", options=FEATURES, value=FEATURES[0]),
            Choice("beta", "weight of the KL β", options=BETAS, value=1.0),
        ],
        name="club",
        title="The club in the plane",
        alt="Left, the posterior means of the 34 members, coloured by faction, with friendships as thin lines. Right, "
        "a table of the decoder's probabilities for all pairs, with a dot at each friendship.",
        width=9.8,
        height=4.9,
    )


@torch.no_grad()
def _build_pair(figure):
    drawn, plane, bars = figure.subplots(1, 3, width_ratios=(1.15, 1, 1.05))
    adjacency, _ = karate_club()
    model = club_models()[BETAS.index(1.0)]
    mean, _ = model.encode(node_features(FEATURES[0]), graphs.normalised_adjacency(adjacency))
    table = torch.sigmoid(model.logits(mean) - np.log(graphs.balanced_weight(adjacency)))
    draw_graph(drawn, adjacency, CLUB_PLACES, "Who is friends with whom", size=7)
    (chosen,) = drawn.plot([], [], "o-", color=palette.warning, markersize=9)
    plane.plot(*mean.T, "o", color=palette.data, markersize=4, alpha=0.5)
    arrows = [plane.plot([], [], "-", color=palette.warning)[0] for _ in range(2)]
    heads = [plane.plot([], [], "o", color=palette.warning, markersize=8)[0] for _ in range(2)]
    plane.plot(0, 0, "+", color=palette.truth, markersize=14)
    reach = 1.1 * mean.abs().max().item()
    plane.set(title="Their means", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach))
    i, j = torch.triu_indices(NODES, NODES, 1)
    friends = adjacency[i, j] == 1
    look = {"bins": np.linspace(0, 0.8, 17), "density": True, "alpha": 0.45}
    bars.hist(table[i, j][~friends].numpy(), color=palette.data, label="483 other pairs", **look)
    bars.hist(table[i, j][friends].numpy(), color=palette.model, label="78 friendships", **look)
    line = bars.axvline(0.0, color=palette.warning)
    bars.set(title="Probability of an edge", xlabel="corrected for the weight", ylabel="density", yticks=[])
    bars.legend(loc="upper right", fontsize=9.5)
    return SimpleNamespace(
        chosen=chosen, arrows=arrows, heads=heads, line=line, mean=mean, table=table, adjacency=adjacency
    )


def _draw_pair(parts, first, second):
    if first == second:
        second = (first + 1) % NODES
        note = f"A node is no pair with itself: {first} and {second} are shown. "
    else:
        note = ""
    ends = [first, second]
    parts.chosen.set_data(*CLUB_PLACES[ends].T)
    for arrow, head, node in zip(parts.arrows, parts.heads, ends, strict=True):
        point = parts.mean[node].numpy()
        arrow.set_data([0, point[0]], [0, point[1]])
        head.set_data(point[:1], point[1:])
    probability = parts.table[first, second].item()
    parts.line.set_xdata([probability, probability])
    friends = "friends" if parts.adjacency[first, second] else "not friends"
    inner = (parts.mean[first] @ parts.mean[second]).item()
    return (
        f"{note}Members {first} and {second}: the inner product of their means is {inner:.2f}, the probability of a "
        f"friendship, corrected for the weight, {probability:.2f}. They are {friends}."
    )


def pair():
    """Return the explorer of the probability of an edge between two chosen members of the club."""
    return Explorer(
        _build_pair,
        _draw_pair,
        [
            Slider("first", "one member", minimum=0, maximum=NODES - 1, step=1, value=5),
            Slider("second", "another", minimum=0, maximum=NODES - 1, step=1, value=16),
        ],
        name="pair",
        title="An edge between two members",
        alt="Left, the club, with two members marked. In the middle, the latent plane with lines from the origin to "
        "their means. Right, histograms of the probabilities of friendships and of other pairs, with a line at theirs.",
        width=10.4,
        height=3.9,
    )


EXPLORERS = {"smoothing": smoothing, "club": club, "pair": pair}
