"""Lesson 12, graphs: its exercises about the bound of a graph, and about what is optimised in its place."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.workshop.exercises import Exercise, Misconception


def _symmetric(values):
    """Keep the upper triangle and the diagonal, and mirror them."""
    upper = np.triu(values)
    return upper + np.triu(values, 1).T


def _tensors(*arrays):
    return tuple(torch.tensor(np.asarray(array, dtype=float)) for array in arrays)


# --- the ELBO of a graph of which not every pair was looked at --------------------------------------------------------


def _elbo_law(rng):
    """One to five nodes, one to three latents, one to four draws; some pairs unknown; diagonals that mean nothing."""
    nodes, latents, draws = rng.integers(1, 6), rng.integers(1, 4), rng.integers(1, 5)
    adjacency = _symmetric((rng.random((nodes, nodes)) < 0.4).astype(float))
    known = _symmetric(rng.random((nodes, nodes)) < rng.choice([0.4, 0.8, 1.1]))
    mean, log_var = rng.normal(0, 1, (nodes, latents)), rng.normal(-0.5, 1, (nodes, latents))
    noise = rng.normal(0, 1, (draws, nodes, latents))
    return torch.tensor(adjacency), torch.tensor(known), *_tensors(mean, log_var, noise)


def _kls(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)


def _logits(mean, log_var, noise):
    z = mean + torch.exp(0.5 * log_var) * noise
    return z @ z.transpose(1, 2)


def _pair_terms(adjacency, logits):
    return adjacency * F.logsigmoid(logits) + (1 - adjacency) * F.logsigmoid(-logits)


def _graph_elbo(adjacency, known, mean, log_var, noise):
    terms = _pair_terms(adjacency, _logits(mean, log_var, noise))
    counted = torch.triu(known, diagonal=1)
    return (terms * counted).sum((1, 2)).mean() - _kls(mean, log_var).sum()


def _graph_elbo_loop(adjacency, known, mean, log_var, noise):
    fit, nodes = 0.0, range(len(mean))
    for draw in noise:
        z = [mean[i] + (log_var[i] / 2).exp() * draw[i] for i in nodes]
        for i in nodes:
            for j in range(i):
                if known[i, j]:
                    logit = (z[i] * z[j]).sum()
                    fit = fit + adjacency[i, j] * logit - torch.logaddexp(torch.zeros_like(logit), logit)
    return fit / len(noise) - sum(_kls(mean, log_var))


def _graph_elbo_distributions(adjacency, known, mean, log_var, noise):
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    rows, columns = torch.where(torch.tril(known, diagonal=-1))
    z = q.loc + q.scale * noise
    edge = torch.distributions.Bernoulli(logits=torch.einsum("spl,spl->sp", z[:, rows], z[:, columns]))
    fit = edge.log_prob(adjacency[rows, columns]).sum() / len(noise)
    return fit - torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()


def _with_fit(fit_of):
    """Build a misconception about the first part, from the terms (S, N, N), the pairs that count, and adjacency."""

    def answer(adjacency, known, mean, log_var, noise):
        terms = _pair_terms(adjacency, _logits(mean, log_var, noise))
        return fit_of(terms, torch.triu(known, diagonal=1), known, adjacency) - _kls(mean, log_var).sum()

    return answer


def _with_kl(kl_of):
    """Build a misconception about the second part, from the nodes' KLs and which pairs are known."""

    def answer(adjacency, known, mean, log_var, noise):
        kls = _kls(mean, log_var)
        return _graph_elbo(adjacency, known, mean, log_var, noise) + kls.sum() - kl_of(kls, known)

    return answer


def _mean_decoded(adjacency, known, mean, log_var, noise):
    return _graph_elbo(adjacency, known, mean, log_var, noise.mean(0, keepdim=True))


def _probabilities_averaged(adjacency, known, mean, log_var, noise):
    edge = torch.sigmoid(_logits(mean, log_var, noise)).mean(0).clamp(1e-300, 1 - 1e-16)
    terms = adjacency * edge.log() + (1 - adjacency) * torch.log1p(-edge)
    return (terms * torch.triu(known, diagonal=1)).sum() - _kls(mean, log_var).sum()


def _heard_of(kls, known):
    """Return the KL of those nodes only of which a pair is known."""
    return kls[torch.any(known & ~torch.eye(len(known), dtype=torch.bool), dim=1)].sum()


_NONE_UNKNOWN = torch.ones(2, 2, dtype=torch.bool)
_THREE_NODES = torch.tensor([[1.0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.float64)
_TWO_KNOWN = torch.tensor([[True, True, False], [True, True, True], [False, True, False]])

graph_elbo = Exercise(
    name="graph_elbo",
    arguments=("adjacency", "known", "mean", "log_var", "noise"),
    returns="elbo",
    reference=_graph_elbo,
    spellings={"loop": _graph_elbo_loop, "torch.distributions": _graph_elbo_distributions},
    probes=[
        (
            *_tensors([[0, 1], [1, 0]]),
            _NONE_UNKNOWN,
            *_tensors([[1.0], [2.0]], [[0.0], [0.0]], [[[0.0], [0.0]]]),
        ),
        (
            _THREE_NODES,
            _TWO_KNOWN,
            *_tensors(
                [[0.5, -1.0], [1.2, 0.3], [-0.4, 0.8]],
                [[-1.0, 0.5], [0.2, -2.0], [0.0, -0.5]],
                [[[0.3, -0.2], [1.0, 0.4], [-0.7, 0.9]], [[-1.1, 0.6], [0.2, -0.8], [0.5, 0.1]]],
            ),
        ),
        (
            *_tensors(_symmetric(np.array([[0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))),
            torch.tensor(_symmetric(np.array([[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) > 0)),
            *_tensors([[0.9], [-0.3], [1.4], [0.2]], [[-0.5], [0.3], [-1.5], [0.1]], [[[0.2], [1.3], [-0.6], [0.8]]]),
        ),
    ],
    law=_elbo_law,
    extremes=[
        (
            *_tensors([[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
            torch.ones(3, 3, dtype=torch.bool),
            *_tensors([[40.0], [-30.0], [50.0]], [[-3.0], [1.0], [0.0]], [[[0.4], [-1.0], [0.3]]]),
        ),
        (
            *_tensors([[0, 0], [0, 0]]),
            _NONE_UNKNOWN,
            *_tensors([[0.5, 60.0], [0.2, 30.0]], [[-600.0, -1.0], [-1.0, 8.0]], [[[0.7, 0.1], [-0.3, 0.2]]]),
        ),
    ],
    stable="logsigmoid, or binary_cross_entropy_with_logits: 1 − σ(s) is 0 for the machine where s is large",
    gradients=("mean", "log_var"),
    misconceptions=[
        Misconception(
            "every pair twice",
            _with_fit(lambda terms, counted, known, adjacency: (terms * (counted | counted.T)).sum((1, 2)).mean()),
            "You summed over the whole matrix without its diagonal, which holds every pair twice. An edge is one "
            "observation: count pairs with i < j. (Twice the fit is as if the KL had the weight ½.)",
        ),
        Misconception(
            "the whole matrix",
            _with_fit(lambda terms, counted, known, adjacency: (terms * known).sum((1, 2)).mean()),
            "You summed over the whole matrix: every pair twice, and the diagonal, which says nothing about the "
            "graph. Count pairs with i < j.",
        ),
        Misconception(
            "the diagonal too",
            _with_fit(lambda terms, counted, known, adjacency: (terms * torch.triu(known)).sum((1, 2)).mean()),
            "The diagonal was counted. A node is no pair with itself, and σ(zᵢᵀzᵢ) is above ½ whatever the data say: "
            "count i < j.",
        ),
        Misconception(
            "unknown taken for absent",
            _with_fit(
                lambda terms, counted, known, adjacency: (
                    (terms * torch.triu(torch.ones_like(terms[0]), 1)).sum((1, 2)).mean()
                )
            ),
            "You used `adjacency` where `known` is false. Nobody looked there, so its entries mean nothing; an "
            "unobserved edge drops out of log p, as a lost pixel does.",
        ),
        Misconception(
            "unknown taken for no edge",
            lambda adjacency, known, mean, log_var, noise: _graph_elbo(
                adjacency * known, torch.ones_like(known), mean, log_var, noise
            ),
            "Where `known` is false you counted a pair without an edge. Nobody looked there: that is no observation, "
            "and it drops out of log p, as a lost pixel does.",
        ),
        Misconception(
            "edges only",
            _with_fit(lambda terms, counted, known, adjacency: (terms * adjacency * counted).sum((1, 2)).mean()),
            "You counted edges alone. That two nodes are *not* linked is an observation too; without it the best "
            "decoder edges everything.",
        ),
        Misconception(
            "the mean over the pairs",
            _with_fit(
                lambda terms, counted, known, adjacency: (
                    (terms * counted).sum((1, 2)).mean() / counted.sum().clamp(min=1)
                )
            ),
            "You averaged over the pairs. log p of the graph is the *sum* over them; a mean makes the KL weigh as much "
            "more as there are pairs.",
        ),
        Misconception(
            "the sum over the draws",
            _with_fit(lambda terms, counted, known, adjacency: (terms * counted).sum()),
            "You added up the draws. They estimate one expectation: average over them.",
        ),
        Misconception(
            "the draws averaged first",
            _mean_decoded,
            "You averaged the noise (or z) over the draws, and decoded once. The expectation is that of log p, which "
            "bends: decode each draw, and average then.",
        ),
        Misconception(
            "probabilities averaged",
            _probabilities_averaged,
            "You averaged the probabilities over the draws and took the logarithm then. The bound has the mean of the "
            "logarithms.",
        ),
        Misconception(
            "the mean KL",
            _with_kl(lambda kls, known: kls.mean()),
            "You averaged the KL over the nodes. Each node has a latent of its own, and they are independent in q and "
            "in the prior: their KLs add up, as the pairs do.",
        ),
        Misconception(
            "the mean KL, averaged again",
            _with_kl(lambda kls, known: kls.mean() / len(kls)),
            "You divided the KL by the number of nodes twice. That is a weight, as β in lesson 09, and no bound: the "
            "KLs of the nodes add up.",
        ),
        Misconception(
            "the KL of nodes with known pairs",
            _with_kl(_heard_of),
            "You left out the KL of nodes of which no pair is known. Their latents are in the model as well: if their "
            "q differs from the prior, it costs.",
        ),
    ],
    hints=(
        "One data point is the whole graph. What is observed of it, and how many latents has it? Each observation "
        "gives one term, each latent one KL.",
        "`torch.triu(known, diagonal=1)` marks each known pair once. A draw has the logits "
        "`z @ z.transpose(1, 2)`, of shape (S, N, N).",
        "With logits s, a pair's term is a·s − softplus(s). Sum over marked pairs, average over draws, and subtract "
        "the sum of ½(μ² + e^v − 1 − v) over all nodes and latents, with v the log-variance.",
    ),
    praise="A sum over N(N − 1)/2 pairs, and a sum over N nodes. Whoever averages one of them has chosen another β.",
)

# --- the weighted loss ------------------------------------------------------------------------------------------------


def _weighted_law(rng):
    """Three to seven nodes, at least one pair of each kind, one to three latents; a diagonal that means nothing."""
    nodes = rng.integers(3, 8)
    adjacency = _symmetric((rng.random((nodes, nodes)) < rng.choice([0.15, 0.5, 0.8])).astype(float))
    first, second = rng.permutation(np.transpose(np.triu_indices(nodes, 1)))[:2]
    adjacency[tuple(first)] = adjacency[tuple(first[::-1])] = 1.0
    adjacency[tuple(second)] = adjacency[tuple(second[::-1])] = 0.0
    return _tensors(rng.normal(0, 1.2, (nodes, rng.integers(1, 4))), adjacency)


def _pairs(z, adjacency):
    rows, columns = torch.triu_indices(len(z), len(z), offset=1)
    return (z[rows] * z[columns]).sum(1), adjacency[rows, columns]


def _weighted(z, adjacency):
    logit, edge = _pairs(z, adjacency)
    weight = (1 - edge).sum() / edge.sum()
    return F.binary_cross_entropy_with_logits(logit, edge, pos_weight=weight, reduction="sum")


def _weighted_loop(z, adjacency):
    edges, others = [], []
    for i in range(len(z)):
        for j in range(i):
            (edges if adjacency[i, j] else others).append(z[i] @ z[j])
    cost = sum(F.softplus(-logit) for logit in edges) * len(others) / len(edges)
    return cost + sum(F.softplus(logit) for logit in others)


def _weighted_formula(z, adjacency):
    off, logits = 1 - torch.eye(len(z), dtype=z.dtype), z @ z.T
    edges, others = adjacency * off, (1 - adjacency) * off
    weight = others.sum() / edges.sum()
    return -(weight * edges * F.logsigmoid(logits) + others * F.logsigmoid(-logits)).sum() / 2


def _weighing(weight_of):
    """Build a misconception about the weight, from the edges' 0/1 (P,) and the whole adjacency."""

    def answer(z, adjacency):
        logit, edge = _pairs(z, adjacency)
        weight = torch.as_tensor(weight_of(edge, adjacency), dtype=torch.float64)
        return F.binary_cross_entropy_with_logits(logit, edge, pos_weight=weight, reduction="sum")

    return answer


def _ratio(edge):
    return (1 - edge).sum() / edge.sum()


def _with_costs(loss_of):
    """Build a misconception from costs of the edges and of the others, and the right weight, all over pairs (P,)."""

    def answer(z, adjacency):
        logit, edge = _pairs(z, adjacency)
        return loss_of(edge * F.softplus(-logit), (1 - edge) * F.softplus(logit), _ratio(edge))

    return answer


def _over(entries_of, diagonal=None):
    """Build a misconception about which entries count, for the weight as well; the diagonal may be filled anew."""

    def answer(z, adjacency):
        eye = torch.eye(len(z), dtype=torch.float64)
        table = adjacency if diagonal is None else adjacency * (1 - eye) + diagonal * eye
        entries = entries_of(torch.ones_like(adjacency, dtype=torch.bool))
        edge = table[entries]
        logits = (z @ z.T)[entries]
        return F.binary_cross_entropy_with_logits(logits, edge, pos_weight=_ratio(edge), reduction="sum")

    return answer


def _usual_recipe(z, adjacency):
    eye = torch.eye(len(z), dtype=torch.float64)
    edges, entries = (adjacency * (1 - eye)).sum(), adjacency.numel()
    weight, norm = (entries - edges) / edges, entries / (2 * (entries - edges))
    labels = adjacency * (1 - eye) + eye
    return norm * F.binary_cross_entropy_with_logits(z @ z.T, labels, pos_weight=weight)


weighted_loss = Exercise(
    name="weighted_loss",
    arguments=("z", "adjacency"),
    returns="loss",
    reference=_weighted,
    spellings={"loop": _weighted_loop, "written out": _weighted_formula},
    probes=[
        _tensors([[1.0], [0.0], [-1.0]], [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
        _tensors(
            [[1.5, 0.4], [-0.7, 2.0], [0.3, 1.1], [-0.2, -0.9]],
            _symmetric(np.array([[0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]])),
        ),
        _tensors([[0.5], [-1.3], [0.8]], _symmetric(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]]))),
    ],
    law=_weighted_law,
    extremes=[
        _tensors([[30.0], [-40.0], [25.0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]]),
        _tensors([[-20.0, 3.0], [40.0, 1.0], [-1.0, 30.0]], [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
    ],
    stable="softplus, or binary_cross_entropy_with_logits: log σ(−1000) is −1000, and σ(−1000) is 0 for the machine",
    gradients=("z",),
    misconceptions=[
        Misconception(
            "the weight inverted",
            _weighing(lambda edge, adjacency: 1 / _ratio(edge)),
            "The weight is upside down: edges are rare, and yours makes them count for less still. It is non-edges "
            "divided by edges.",
        ),
        Misconception(
            "the weight on the others",
            _with_costs(lambda edges, others, weight: edges.sum() + weight * others.sum()),
            "The weight stands at the pairs that are *not* linked. It belongs to the edges, which are few.",
        ),
        Misconception(
            "the weight on all",
            _with_costs(lambda edges, others, weight: weight * (edges + others).sum()),
            "All pairs were multiplied by the weight. That changes the length of a step and nothing else: only the "
            "edges are weighed.",
        ),
        Misconception(
            "no weight",
            _with_costs(lambda edges, others, weight: (edges + others).sum()),
            "This is the plain cross-entropy, minus log p of the graph, in which edges and others count alike. The "
            "weight of the edges is missing.",
        ),
        Misconception(
            "pairs for non-edges",
            _weighing(lambda edge, adjacency: len(edge) / edge.sum()),
            "You divided the number of *all* pairs by that of the edges. Then the edges together weigh more than the "
            "others, by one for each edge: take the pairs that are not linked.",
        ),
        Misconception(
            "the diagonal in the weight",
            _weighing(lambda edge, adjacency: (1 - adjacency).sum() / adjacency.sum()),
            "The sum is right, but in the weight the diagonal was counted. Count over i < j, for the weight as for the "
            "sum.",
        ),
        Misconception(
            "every pair twice",
            _over(lambda every: every & ~torch.eye(len(every), dtype=torch.bool)),
            "Every pair was counted twice, as (i, j) and as (j, i). Take i < j.",
        ),
        Misconception(
            "the diagonal counted",
            _over(torch.triu),
            "The diagonal was counted. A node is no pair with itself: take i < j.",
        ),
        Misconception(
            "the whole matrix",
            _over(lambda every: every),
            "You summed over the whole matrix: every pair twice, and each node as a pair with itself. Take i < j.",
        ),
        Misconception(
            "the whole matrix with loops",
            _over(lambda every: every, diagonal=1),
            "You summed over the whole matrix with loops on its diagonal, as much code does: every pair twice, and "
            "each node linked to itself. Loops help the encoder to listen; they are no data. Take i < j.",
        ),
        Misconception(
            "the usual recipe",
            _usual_recipe,
            "This is the recipe of much code: the whole matrix, with loops as edges, and a mean with a factor in "
            "front. Loops help the encoder to listen; they are no data. Sum over i < j.",
        ),
        Misconception(
            "sigmoid twice",
            lambda z, adjacency: (
                lambda logit, edge: F.binary_cross_entropy_with_logits(
                    torch.sigmoid(logit), edge, pos_weight=_ratio(edge), reduction="sum"
                )
            )(*_pairs(z, adjacency)),
            "You took the sigmoid, and the function that you handed it to takes it again: with_logits wants z_iᵀz_j "
            "itself.",
        ),
        Misconception(
            "the mean over the pairs",
            _with_costs(lambda edges, others, weight: (weight * edges + others).mean()),
            "You averaged over the pairs; the sum was asked for.",
        ),
    ],
    hints=(
        "First take out the pairs: `torch.triu_indices(N, N, offset=1)`, or a mask. Everything, the counting too, "
        "happens there.",
        "The weight is the number of pairs without an edge divided by the number with one. An edge costs −log σ(s), "
        "which is softplus(−s), another pair softplus(s).",
        "`F.binary_cross_entropy_with_logits(logit, edge, pos_weight=weight, reduction='sum')` multiplies the edges' "
        "costs by `weight`.",
    ),
    praise="Edges together now weigh as much as all the rest. The price: at the best logits, log w too much "
    "everywhere, and the sum is no −log p any more.",
)
