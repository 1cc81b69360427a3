"""Lesson 12, graphs: what its notebook, explorers and exercises share."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from course_utils.models import graphs
from course_utils.models.graphs import VGAE, EdgeSplit
from course_utils.models.vae import gaussian_kl
from course_utils.workshop.model_cache import kept

KARATE_EDGES = (
    *((0, j) for j in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31)),
    *((1, j) for j in (2, 3, 7, 13, 17, 19, 21, 30)),
    *((2, j) for j in (3, 7, 8, 9, 13, 27, 28, 32)),
    *((3, 7), (3, 12), (3, 13), (4, 6), (4, 10), (5, 6), (5, 10), (5, 16), (6, 16)),
    *((8, 30), (8, 32), (8, 33), (9, 33), (13, 33), (14, 32), (14, 33), (15, 32), (15, 33)),
    *((18, 32), (18, 33), (19, 33), (20, 32), (20, 33), (22, 32), (22, 33)),
    *((23, j) for j in (25, 27, 29, 32, 33)),
    *((24, 25), (24, 27), (24, 31), (25, 31), (26, 29), (26, 33), (27, 33), (28, 31), (28, 33)),
    *((29, 32), (29, 33), (30, 32), (30, 33), (31, 32), (31, 33), (32, 33)),
)
"""The 78 friendships of Zachary's karate club, counted from 0: node 0 is the instructor, node 33 the officer.

Source: Zachary, "An information flow model for conflict and fission in small groups" (1977).
"""

WITH_THE_INSTRUCTOR = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)
"""The 17 members that joined the instructor's club when the old one broke in two."""

NODES = 34


@functools.cache
def karate_club() -> tuple[Tensor, Tensor]:
    """Return the karate club: adjacency (34, 34), and faction (34,), 0 for the instructor's, 1 for the other."""
    faction = torch.ones(NODES, dtype=torch.long)
    faction[list(WITH_THE_INSTRUCTOR)] = 0
    return graphs.adjacency_matrix(KARATE_EDGES, NODES), faction


def two_blocks(nodes: int, inside: float, across: float, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a random graph of two blocks: adjacency (N, N), float32, and block (N,), 0 or 1.

    Two nodes of one block are joined with probability `inside`, two of different blocks with probability `across`.
    """
    block = (torch.arange(nodes) >= nodes // 2).long()
    probability = torch.where(block[:, None] == block, inside, across)
    drawn = torch.rand(nodes, nodes, generator=torch.Generator().manual_seed(seed)) < probability
    upper = drawn.float().triu(1)
    return upper + upper.T, block


def two_sides(nodes: int, across: float, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a random bipartite graph: as `two_blocks`, with no edge inside a block."""
    return two_blocks(nodes, 0.0, across, seed=seed)


@torch.enable_grad()  # also where the caller needs none
def train_many(
    models: Sequence[VGAE],
    x: Tensor,
    adjacencies: Tensor,
    *,
    epochs: int = 200,
    learning_rate: float = 0.01,
    positive_weight: float | Sequence[float] | None = None,
    beta: float | Sequence[float] = 1.0,
    seed: int = 0,
) -> Sequence[VGAE]:
    """Train S models of one form at once, each on its graph, in place, as `graphs.fit` trains one; return them.

    Adam treats each number on its own, so that training them together is training each alone, in a fraction of the
    time. The graphs must have equally many edges, which all splits of a graph have.

    Parameters
    ----------
    x : features (N, F) of all, or (S, N, F).
    adjacencies : (S, N, N).
    positive_weight, beta : as for `graphs.fit`, the same for all or one for each.
    """
    weight = graphs.balanced_weight(adjacencies[0]) if positive_weight is None else positive_weight
    weights, betas = (torch.as_tensor(value, dtype=torch.float32).expand(len(models)) for value in (weight, beta))
    edges = torch.stack([graphs.edge_list(adjacency) for adjacency in adjacencies])
    propagation = torch.stack([graphs.normalised_adjacency(adjacency) for adjacency in adjacencies])
    losses = [_Loss(model) for model in models]
    parameters, buffers = stack_module_state(losses)
    learned = [value for value in parameters.values() if value.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=learning_rate, fused=True)

    def loss(parameters, buffers, *graph):
        return functional_call(losses[0], (parameters, buffers), graph)

    each = vmap(loss, in_dims=(0, 0, 0 if x.ndim == 3 else None, 0, 0, 0, 0), randomness="different")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(epochs):
            optimiser.zero_grad()
            each(parameters, buffers, x, propagation, edges, weights, betas).sum().backward()
            optimiser.step()
    with torch.no_grad():
        for place, own in enumerate(losses):
            for name, parameter in own.named_parameters():
                parameter.copy_(parameters[name][place])
    return models


class _Loss(nn.Module):
    """The loss of `graphs.fit` as a module, so that the parameters of many can be stacked."""

    def __init__(self, model: VGAE):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, propagation: Tensor, edges: Tensor, weight: Tensor, beta: Tensor) -> Tensor:
        mean, log_var = self.model.encode(x, propagation)
        kl = 0.0 if log_var is None else gaussian_kl(mean, log_var).sum()
        fit = self.model.log_likelihood(self.model.sample(mean, log_var), edges, weight)
        return (beta * kl - fit) / len(propagation)


def many_splits(adjacency: Tensor, count: int, *, test: float = 0.1) -> list[EdgeSplit]:
    """Return `count` random splits of a graph's edges for link prediction, without a validation set."""
    seeds = (torch.Generator().manual_seed(seed) for seed in range(count))
    return [graphs.split_edges(adjacency, validation=0, test=test, generator=seed) for seed in seeds]


def tested(splits: Sequence[EdgeSplit], score: Callable[[int, Tensor], Tensor]) -> np.ndarray:
    """Return AUC and average precision (S, 2) of scores on the held-out pairs of each split.

    `score(n, pairs)` returns the scores (P,) of pairs (P, 2) for split number n.
    """
    rows = []
    for number, split in enumerate(splits):
        pairs = torch.cat([split.test_edges, split.test_non_edges])
        labels = torch.arange(len(pairs)) < len(split.test_edges)
        scores = score(number, pairs)
        rows.append((graphs.area_under_curve(labels, scores), graphs.average_precision(labels, scores)))
    return np.array(rows)


def tested_table(splits: Sequence[EdgeSplit], table: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Return `tested` for a rival that needs no training: `table(adjacency)` returns the scores (N, N)."""
    return tested(splits, lambda number, pairs: table(splits[number].adjacency)[pairs[:, 0], pairs[:, 1]])


def tested_model(
    splits: Sequence[EdgeSplit], x: Tensor | None = None, *, hidden: Sequence[int] = (16,), form: type = VGAE, **options
) -> np.ndarray:
    """Return `tested` for graph autoencoders, one trained on each split, from a seed of its own.

    Parameters
    ----------
    x : features (N, F); without them the identity.
    hidden, form : the encoder's hidden layers, and the class, which takes the arguments of `VGAE`.
    options : of `train_many`, or of the class; two latents unless `latent_dim` says otherwise.
    """
    x = torch.eye(len(splits[0].adjacency)) if x is None else x
    training = {name: options.pop(name) for name in ("epochs", "positive_weight", "beta") if name in options}
    options = {"latent_dim": 2} | options
    models = [form(x.shape[1], hidden=hidden, seed=seed, **options) for seed in range(len(splits))]
    train_many(models, x, torch.stack([split.adjacency for split in splits]), **training)
    propagation = [graphs.normalised_adjacency(split.adjacency) for split in splits]
    return tested(splits, lambda number, pairs: models[number].scores(x, propagation[number], pairs))


def separated(points: Tensor, groups: Tensor) -> int:
    """Return how many of N points in a plane the best straight line, of 180 directions, puts on their group's side."""
    angles = torch.arange(180) * np.pi / 180
    along = points.detach().double() @ torch.stack([angles.cos(), angles.sin()]).double()  # (N, 180)
    sign = (2 * groups - 1)[along.argsort(0)]  # +1 and −1 in the order of each direction
    # cut after the first k points: who is on which side, against who should be
    below = torch.cat([torch.zeros(1, 180, dtype=sign.dtype), sign.cumsum(0)])
    right = (sign == 1).sum(0) - below
    return int(torch.maximum(right, len(points) - right).max())


FEATURES = ("one of its own for each", "16 random numbers", "the same for all")
BETAS = (0.0, 0.1, 1.0, 10.0)


def node_features(kind: str) -> Tensor:
    """Return features of the 34 members: the identity, (34, 16) fixed random numbers, or a column of ones."""
    if kind == FEATURES[0]:
        return torch.eye(NODES)
    if kind == FEATURES[1]:
        return torch.randn(NODES, 16, generator=torch.Generator().manual_seed(1))
    return torch.ones(NODES, 1)


@functools.cache
@kept
def club_models(layers: int = 2, features: str = FEATURES[0]) -> Sequence[VGAE]:
    """Return a VGAE of the whole club with two latents for each weight of the KL in `BETAS`, trained once."""
    x, (adjacency, _) = node_features(features), karate_club()
    models = [VGAE(x.shape[1], 2, (16,) * (layers - 1), seed=0) for _ in BETAS]
    return train_many(models, x, adjacency.expand(len(BETAS), -1, -1), beta=BETAS, seed=12)
