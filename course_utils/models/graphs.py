"""Graphs: normalised adjacency, graph convolutions, the variational graph autoencoder, link prediction and its rivals.

A graph of N nodes is undirected and has no loops. It is given by its edges (E, 2), pairs of node numbers, each edge
once, or by its adjacency matrix (N, N), zeros and ones, symmetric, with a zero diagonal; dense or as torch's sparse COO
tensor. The variational graph autoencoder (VGAE) has a latent for each node and one data point, the graph:

    z_i ~ N(0, I),    A_ij | z ~ Bernoulli(σ(offset + Σ_l s_l z_il z_jl)) for i < j,    q(z | A, X) = Π_i q(z_i | A, X).

All bounds are in nats and belong to the whole graph: sums run over the pairs i < j and over nodes and latents.

Source: Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks" (2017), arXiv 1609.02907,
and "Variational Graph Auto-Encoders" (2016), arXiv 1611.07308; signs: Hoff, "Modeling homophily and stochastic
equivalence in symmetric relational data" (2007), arXiv 0711.1146.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import check_torch_generator
from course_utils.models.vae import gaussian_kl
from course_utils.workshop.training import TrainingError
from course_utils.workshop.validation import check_array, check_choice, check_scalar

DECODERS = ("inner", "signed")

# --- the graph and its matrices ---------------------------------------------------------------------------------------


def check_adjacency(adjacency: Any) -> Tensor:
    """Return `adjacency` if it is the matrix (N, N) of an undirected graph without loops, or say what is wrong with it.

    A graph of a single node and a graph without edges are graphs. Sparse tensors come back coalesced.

    Raises
    ------
    TypeError : it is no torch tensor of floating-point numbers.
    ValueError : it is not square, has no node, an entry that is neither 0 nor 1, a loop, or an edge in one direction
        only.
    """
    if not isinstance(adjacency, Tensor) or not adjacency.is_floating_point():
        what = adjacency.dtype if isinstance(adjacency, Tensor) else type(adjacency).__name__
        raise TypeError(
            f"adjacency must be a torch tensor of floating-point numbers; got {what}. "
            "torch.as_tensor(adjacency, dtype=torch.float32) makes one"
        )
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1] or not len(adjacency):
        raise ValueError(f"adjacency must be square, with a row for each node; got shape {tuple(adjacency.shape)}")
    if adjacency.layout not in (torch.strided, torch.sparse_coo):
        raise TypeError(f"adjacency must be dense or in torch's COO form; got {adjacency.layout}. Call to_sparse_coo()")
    adjacency = adjacency.coalesce() if adjacency.is_sparse else adjacency
    pairs, values = _entries(adjacency)
    if strange := values[(values != 0) & (values != 1)].tolist():
        raise ValueError(
            f"adjacency must hold zeros and ones; it holds {strange[0]:g}. This course has no edge weights"
        )
    pairs = pairs[values == 1]
    if len(loops := pairs[pairs[:, 0] == pairs[:, 1]]):
        raise ValueError(
            f"adjacency must have a zero diagonal; node {int(loops[0, 0])} has a loop. The self-loops of a graph "
            "convolution are added where they are needed"
        )
    codes = pairs[:, 0] * len(adjacency) + pairs[:, 1]
    mirrors = pairs[:, 1] * len(adjacency) + pairs[:, 0]
    if len(alone := pairs[~torch.isin(codes, mirrors)]):
        i, j = alone[0].tolist()
        raise ValueError(
            f"adjacency must be symmetric; it has an edge from {i} to {j} and none from {j} to {i}. "
            "For an undirected graph take torch.maximum(adjacency, adjacency.T)"
        )
    return adjacency


def check_edges(edges: Any, nodes: int) -> Tensor:
    """Return `edges` as an int64 tensor (E, 2) whose rows (i, j) have i < j, or say what is wrong with them.

    Raises
    ------
    TypeError, ValueError : they are no pairs of whole numbers from 0 to `nodes` − 1, one is a loop, or one stands twice
        (also as its mirror).
    """
    nodes = check_scalar("nodes", nodes, integer=True, minimum=1)
    array = check_array("edges", edges, shape=("E", 2), dtype="int")
    if array.size and (array.min() < 0 or array.max() >= nodes):
        raise ValueError(f"edges must join nodes 0 to {nodes - 1}; got {array.min()} to {array.max()}")
    pairs = torch.as_tensor(np.sort(array, axis=1))
    if len(loops := pairs[pairs[:, 0] == pairs[:, 1]]):
        raise ValueError(f"edges must join two different nodes; got a loop at node {int(loops[0, 0])}")
    found, counts = torch.unique(pairs, dim=0, return_counts=True)
    if len(twice := found[counts > 1]):
        raise ValueError(f"each edge must stand once, in one direction; {tuple(twice[0].tolist())} stands more often")
    return pairs


def adjacency_matrix(edges: Any, nodes: int, *, sparse: bool = False) -> Tensor:
    """Return the adjacency matrix (N, N), float32, of the graph with these edges (E, 2), dense or as a COO tensor.

    Raises
    ------
    TypeError, ValueError : as `check_edges`.
    """
    pairs = check_edges(edges, nodes)
    places = torch.cat([pairs, pairs.flip(1)]).T
    matrix = torch.sparse_coo_tensor(places, torch.ones(2 * len(pairs)), (nodes, nodes), check_invariants=True)
    return matrix.coalesce() if sparse else matrix.to_dense()


def edge_list(adjacency: Tensor) -> Tensor:
    """Return the edges (E, 2) of a graph, each once, as rows (i, j) with i < j, int64.

    Raises
    ------
    TypeError, ValueError : as `check_adjacency`.
    """
    pairs, values = _entries(check_adjacency(adjacency))
    return pairs[(values != 0) & (pairs[:, 0] < pairs[:, 1])]


def normalised_adjacency(adjacency: Tensor) -> Tensor:
    """Return Â = D̃^(−1/2) (A + I) D̃^(−1/2), where D̃ holds the degrees with the self-loop counted; sparse if A is.

    Its eigenvalues lie in (−1, 1], and the square roots of the degrees d̃ are an eigenvector with value 1. An isolated
    node has the entry 1 on the diagonal: it keeps what it has.

    Raises
    ------
    TypeError, ValueError : as `check_adjacency`.

    Source: Kipf and Welling (2017), equation 2.
    """
    adjacency = check_adjacency(adjacency)
    if not adjacency.is_sparse:
        with_loops = adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype, device=adjacency.device)
        scale = with_loops.sum(1).rsqrt()
        return scale[:, None] * with_loops * scale
    nodes = torch.arange(len(adjacency), device=adjacency.device)
    places = torch.cat([adjacency.indices(), nodes.expand(2, -1)], dim=1)
    values = torch.cat([adjacency.values(), adjacency.values().new_ones(len(nodes))])
    scale = values.new_zeros(len(nodes)).index_add(0, places[0], values).rsqrt()
    values = scale[places[0]] * values * scale[places[1]]
    return torch.sparse_coo_tensor(places, values, adjacency.shape, check_invariants=True).coalesce()


def _entries(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places (M, 2) and values (M,) of what a matrix stores other than zero."""
    if matrix.is_sparse:
        return matrix.indices().T, matrix.values()
    places = matrix.nonzero()
    return places, matrix[places[:, 0], places[:, 1]]


def product(matrix: Tensor, x: Tensor) -> Tensor:
    """Return matrix @ x, where the matrix may be sparse and x is dense."""
    return torch.sparse.mm(matrix, x) if matrix.is_sparse else matrix @ x


# --- held-out edges ---------------------------------------------------------------------------------------------------


class EdgeSplit(NamedTuple):
    """A graph whose edges were divided for link prediction; all pairs are int64 (·, 2) with i < j.

    Attributes
    ----------
    adjacency : the training graph (N, N), from which every held-out edge is gone, in both directions.
    train_edges, validation_edges, test_edges : a partition of the graph's edges.
    validation_non_edges, test_non_edges : pairs that are no edges of the whole graph, as many as there are edges, and
        no pair twice.
    """

    adjacency: Tensor
    train_edges: Tensor
    validation_edges: Tensor
    validation_non_edges: Tensor
    test_edges: Tensor
    test_non_edges: Tensor


def split_edges(
    adjacency: Tensor, *, validation: float = 0.05, test: float = 0.1, generator: torch.Generator | None = None
) -> EdgeSplit:
    """Hide a share of the edges, and draw as many pairs that are no edges, to test link prediction.

    Edges are divided as pairs, so that none is left in the training graph by its mirror image. All pairs of nodes are
    enumerated, which takes 8 bytes for each.

    Parameters
    ----------
    adjacency : (N, N), dense or sparse; the training graph comes back in the same form.
    validation, test : shares of the edges, rounded to whole edges. Test edges: at least one. Validation may be 0.

    Raises
    ------
    TypeError, ValueError : as `check_adjacency`; a share is not in [0, 1); no edge is left to train on or to test with;
        or there are fewer pairs without an edge than needed.
    """
    edges, nodes = edge_list(adjacency), len(adjacency)
    generator = check_torch_generator(generator)
    if not len(edges):
        raise ValueError("adjacency must have edges, of which some can be held out; it has none")
    counts = [
        round(check_scalar(name, share, minimum=0, maximum=1) * len(edges))
        for name, share in (("validation", validation), ("test", test))
    ]
    held_out = sum(counts)
    if not counts[1] or held_out >= len(edges):
        raise ValueError(
            f"of {len(edges)} edges the shares hold out {counts[0]} for validation and {counts[1]} for the test; "
            "at least one must be tested and one be left to train on"
        )
    total = nodes * (nodes - 1) // 2
    if total - len(edges) < held_out:
        raise ValueError(
            f"{held_out} pairs without an edge are needed, and the graph has {total - len(edges)}; hold out less"
        )
    order = edges[torch.randperm(len(edges), generator=generator)]
    numbers = torch.randperm(total, generator=generator)
    codes = numbers[~torch.isin(numbers, _code(edges, nodes))][:held_out]
    others = torch.triu_indices(nodes, nodes, 1).T[codes]
    kept = order[held_out:]
    training = adjacency_matrix(kept, nodes, sparse=adjacency.is_sparse).to(adjacency.dtype)
    return EdgeSplit(
        training, kept, order[: counts[0]], others[: counts[0]], order[counts[0] : held_out], others[counts[0] :]
    )


def _code(pairs: Tensor, nodes: int) -> Tensor:
    """Return the number of each pair (i, j), i < j, in the order of torch.triu_indices."""
    i, j = pairs.T
    return i * (2 * nodes - i - 1) // 2 + j - i - 1


# --- the model --------------------------------------------------------------------------------------------------------


class GraphConvolution(nn.Module):
    """A graph convolution: average over neighbours, then a linear map, Â X W.

    Parameters
    ----------
    inputs, outputs : features of a node before and after.

    The weights (inputs, outputs) begin as Glorot's; there is no bias.

    Source: Kipf and Welling (2017), equation 2.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        inputs = check_scalar("inputs", inputs, integer=True, minimum=1)
        outputs = check_scalar("outputs", outputs, integer=True, minimum=1)
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor, propagation: Tensor) -> Tensor:
        """Return (N, outputs) for features x (N, inputs) and the matrix Â (N, N); either may be sparse."""
        return product(propagation, product(x, self.weight))


class VGAE(nn.Module):
    """A variational graph autoencoder, or a plain one: graph convolutions as encoder, a product of latents as decoder.

    Parameters
    ----------
    feature_dim : features of a node. Where nodes have none, use the identity as features, and the number of nodes here.
    latent_dim : L, latents of a node.
    hidden : sizes of the convolutions before the last one, with a ReLU after each; empty for a linear encoder.
    decoder : "inner" for the logit z_iᵀz_j; "signed" for Σ_l s_l z_il z_jl, with a learned factor s_l for each latent,
        of which every second begins as −1.
    offset : add a learned number, which begins as 0, to every logit.
    variational : without it the model is the plain graph autoencoder (GAE): z is the mean, and there is no KL.
    seed : for the initial weights. Torch's own random state is left as it was.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise, above all features x and a matrix
        Â that do not fit each other.

    Source: Kipf and Welling (2016). There: decoder "inner", offset False, hidden (32,), latent_dim 16.
    """

    def __init__(
        self,
        feature_dim: int,
        latent_dim: int = 16,
        hidden: Sequence[int] = (32,),
        *,
        decoder: str = "inner",
        offset: bool = False,
        variational: bool = True,
        seed: int = 0,
    ):
        super().__init__()
        self.feature_dim = check_scalar("feature_dim", feature_dim, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.decoder, self.variational = check_choice("decoder", decoder, DECODERS), bool(variational)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        sizes = [self.feature_dim, *hidden]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.shared = nn.ModuleList(GraphConvolution(*pair) for pair in itertools.pairwise(sizes))
            self.mean = GraphConvolution(sizes[-1], latent_dim)
            self.log_var = GraphConvolution(sizes[-1], latent_dim) if variational else None
        signs = torch.ones(latent_dim)
        if decoder == "signed":
            signs[1::2] = -1
        self.signs = nn.Parameter(signs, requires_grad=decoder == "signed")
        self.offset = nn.Parameter(torch.zeros(()), requires_grad=bool(offset))

    def encode(self, x: Tensor, propagation: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return mean and log-variance (N, L) of q(z | A, X), for features x (N, F) and Â (N, N), dense or sparse.

        The plain autoencoder has None in the place of the log-variance.
        """
        for layer in self._checked(x, propagation):
            x = torch.relu(layer(x, propagation))
        mean = self.mean(x, propagation)
        return mean, None if self.log_var is None else self.log_var(x, propagation)

    def sample(self, mean: Tensor, log_var: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        """Return one draw of z (N, L), through which gradients pass; without a log-variance the mean itself."""
        if log_var is None:
            return mean
        generator = check_torch_generator(generator)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + torch.exp(0.5 * log_var) * noise

    def logits(self, z: Tensor) -> Tensor:
        """Return the logits (N, N) of all pairs for z (N, L). The diagonal belongs to no pair: leave it out of sums."""
        return torch.addmm(self.offset, z * self.signs, z.mT)

    def pair_logits(self, z: Tensor, pairs: Tensor) -> Tensor:
        """Return the logits (P,) of the pairs (P, 2) for z (N, L)."""
        return self.offset + (z[pairs[:, 0]] * self.signs * z[pairs[:, 1]]).sum(-1)

    def log_likelihood(self, z: Tensor, edges: Tensor, positive_weight: float = 1.0) -> Tensor:
        """Return Σ_{i<j} log p(A_ij | z) in nats, for z (N, L) and the graph's edges (E, 2), i < j.

        With `positive_weight` the edges count so many times. The sum is no log-probability then: summed over all
        graphs, its exponential is not 1.
        """
        # −log(1 − p) of every pair; for the edges log p takes its place, so that no table of zeros and ones is needed
        own = self.offset + (z * self.signs * z).sum(-1)
        absent = 0.5 * (F.softplus(self.logits(z)).sum() - F.softplus(own).sum())
        on_edges = self.pair_logits(z, edges)
        return (positive_weight * F.logsigmoid(on_edges) + F.softplus(on_edges)).sum() - absent

    def elbo_terms(
        self,
        x: Tensor,
        propagation: Tensor,
        edges: Tensor,
        *,
        positive_weight: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the two terms of the bound on log p(A), in nats for the whole graph; the ELBO is their difference.

        "reconstruction" is E_q[Σ_{i<j} log p(A_ij | z)] by one draw of z, with edges counted `positive_weight` times;
        "kl" is Σ_i KL(q(z_i | A, X) ‖ N(0, I)), exactly, and 0 for the plain autoencoder. Only with weight 1 is their
        difference the ELBO. `edges` (E, 2) are those of the graph that Â was made of.
        """
        weight = check_scalar("positive_weight", positive_weight, positive=True)
        mean, log_var = self.encode(x, propagation)
        kl = mean.new_zeros(()) if log_var is None else gaussian_kl(mean, log_var).sum()
        z = self.sample(mean, log_var, generator)
        return {"reconstruction": self.log_likelihood(z, edges, weight), "kl": kl}

    @torch.no_grad()
    def scores(self, x: Tensor, propagation: Tensor, pairs: Tensor) -> Tensor:
        """Return the logits (P,) of the pairs (P, 2) at the posterior means: what link prediction ranks by."""
        return self.pair_logits(self.encode(x, propagation)[0], pairs)

    def _checked(self, x: Tensor, propagation: Tensor) -> nn.ModuleList:
        shapes = tuple(x.shape), tuple(propagation.shape)
        if len(shapes[0]) != 2 or shapes != ((shapes[0][0], self.feature_dim), (shapes[0][0], shapes[0][0])):
            raise ValueError(
                f"x must have shape (N, {self.feature_dim}), a row for each node, and the propagation matrix (N, N); "
                f"got {shapes[0]} and {shapes[1]}"
            )
        return self.shared


def balanced_weight(adjacency: Tensor) -> float:
    """Return the number of pairs without an edge over the number of edges: with it both kinds weigh the same.

    Raises
    ------
    TypeError, ValueError : as `check_adjacency`, or the graph has no edge, or no pair without one.
    """
    edges, nodes = len(edge_list(adjacency)), len(adjacency)
    absent = nodes * (nodes - 1) // 2 - edges
    if not edges or not absent:
        raise ValueError(f"the graph must have an edge and a pair without one; it has {edges} edges, {absent} others")
    return absent / edges


@torch.enable_grad()  # also where the caller needs none
def fit(
    model: VGAE,
    x: Tensor,
    adjacency: Tensor,
    *,
    epochs: int = 200,
    learning_rate: float = 0.01,
    positive_weight: float | None = None,
    beta: float = 1.0,
    dropout: float = 0.0,
    seed: int = 0,
) -> list[float]:
    """Train a model on one graph, the whole of it in every step, and return the loss of each step in nats per node.

    The loss is −(reconstruction − beta · KL) / N by one draw of z, minimised by Adam. Training is deterministic under
    its seed and leaves torch's own random state as it was.

    Parameters
    ----------
    x : features (N, F), dense or sparse.
    adjacency : (N, N), dense or sparse: the training graph.
    positive_weight : how many times an edge counts; without it `balanced_weight(adjacency)`, as Kipf and Welling have.
    beta : weight of the KL term.
    dropout : share of the features' entries that a step does not see, in [0, 1); the others grow by 1 / (1 − dropout).

    Raises
    ------
    TypeError, ValueError : an argument is not as described; the graph has no edges, or no pair without one.
    TrainingError : the loss became NaN or infinite.
    """
    epochs = check_scalar("epochs", epochs, integer=True, minimum=1)
    learning_rate = check_scalar("learning_rate", learning_rate, positive=True)
    beta = check_scalar("beta", beta, non_negative=True)
    dropout = check_scalar("dropout", dropout, minimum=0, maximum=1)
    if dropout == 1:
        raise ValueError("dropout must be below 1; got 1, with which no step would see a feature")
    weight = balanced_weight(adjacency) if positive_weight is None else positive_weight
    edges, propagation = edge_list(adjacency), normalised_adjacency(adjacency)
    if not len(edges):
        raise ValueError("adjacency must have edges to learn from; it has none")
    generator = torch.Generator().manual_seed(check_scalar("seed", seed, integer=True, non_negative=True))
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    losses = []
    for epoch in range(1, epochs + 1):
        seen = _thinned(x, dropout, generator) if dropout else x
        terms = model.elbo_terms(seen, propagation, edges, positive_weight=weight, generator=generator)
        loss = (beta * terms["kl"] - terms["reconstruction"]) / len(adjacency)
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is {loss.item()} in step {epoch}; try a smaller learning_rate")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def _thinned(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return features with a share of their entries, drawn at random, put to zero, and the others made larger."""
    sparse = x.is_sparse
    x = x.coalesce() if sparse else x
    values = x.values() if sparse else x
    values = values * (torch.rand(values.shape, generator=generator) >= share) / (1 - share)
    if not sparse:
        return values
    with torch.sparse.check_sparse_tensor_invariants():
        return torch.sparse_coo_tensor(x.indices(), values, x.shape, is_coalesced=True)


# --- rivals -----------------------------------------------------------------------------------------------------------


def common_neighbours(adjacency: Tensor) -> Tensor:
    """Return how many neighbours each pair of nodes has in common (N, N), A²: a rival of every learned score."""
    adjacency = _dense(adjacency)
    return adjacency @ adjacency


def adamic_adar(adjacency: Tensor) -> Tensor:
    """Return Σ 1 / log(degree) over the common neighbours of each pair (N, N).

    Source: Adamic and Adar, "Friends and neighbors on the Web" (2003).
    """
    adjacency = _dense(adjacency)
    degrees = adjacency.sum(1)
    # who has one neighbour is nobody's common neighbour; the clamp keeps log 1 out of the denominator
    weights = torch.where(degrees > 1, 1 / degrees.clamp(min=2).log(), 0)
    return adjacency * weights @ adjacency


def degree_product(adjacency: Tensor) -> Tensor:
    """Return the product of the two degrees of each pair (N, N): known as preferential attachment."""
    degrees = _dense(adjacency).sum(1)
    return torch.outer(degrees, degrees)


def spectral_scores(adjacency: Tensor, dim: int, *, signed: bool = False) -> Tensor:
    """Return the best approximation (N, N) of Â of rank `dim`: a linear rival of the learned latents.

    Without `signed` it keeps the largest eigenvalues, and none below 0, so that the scores are inner products z_iᵀz_j;
    with it the largest absolute values, so that they are Σ_l s_l z_il z_jl with signs s_l.

    Raises
    ------
    TypeError, ValueError : as `check_adjacency`, or `dim` is no whole number from 1 to N.
    """
    propagation = normalised_adjacency(_dense(adjacency))
    dim = check_scalar("dim", dim, integer=True, minimum=1, maximum=len(propagation))
    values, vectors = torch.linalg.eigh(propagation)
    order = (values.abs() if signed else values).argsort(descending=True)[:dim]
    kept = values[order] if signed else values[order].clamp(min=0)
    return vectors[:, order] * kept @ vectors[:, order].T


def _dense(adjacency: Tensor) -> Tensor:
    adjacency = check_adjacency(adjacency)
    return adjacency.to_dense() if adjacency.is_sparse else adjacency


# --- measures ---------------------------------------------------------------------------------------------------------


def area_under_curve(labels: Any, scores: Any) -> float:
    """Return the area under the ROC curve: how often an edge scores above a non-edge, a tie counting one half.

    Parameters
    ----------
    labels : (P,) 1 for an edge and 0 for none; both occur.
    scores : (P,) any numbers, larger for what is held to be an edge.

    Raises
    ------
    TypeError, ValueError : the two are not as described.
    """
    labels, scores = _check_ranking(labels, scores)
    positives = int(labels.sum())
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # from 1, the mean rank for ties
    above = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(labels) - positives)))


def average_precision(labels: Any, scores: Any) -> float:
    """Return the average precision: precision at each new threshold, weighted by the recall that it adds.

    Equal scores share one threshold. Parameters and errors as for `area_under_curve`.
    """
    labels, scores = _check_ranking(labels, scores)
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each group of equal scores
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def _check_ranking(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    labels = check_array("labels", labels, shape=("P",), dtype="int")
    scores = check_array("scores", scores, shape=(len(labels),))
    if set(labels.tolist()) != {0, 1}:
        raise ValueError(
            f"labels must hold both 0 and 1 and nothing else; they hold {sorted(set(labels.tolist()))[:5]}"
        )
    return labels, scores
