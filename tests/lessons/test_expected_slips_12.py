"""Wrong answers that people are expected to give to the exercises and problems of lesson 12, and what they are told."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats
from sklearn import metrics
from told import assert_told

from course_utils.lessons.graphs import exercises as graphs
from course_utils.lessons.graphs import problems


def _adjacency(edges, count):
    table = np.zeros((count, count))
    for i, j in edges:
        table[i, j] = table[j, i] = 1
    return table


def _normalised(table, degrees, power=-0.5):
    with np.errstate(divide="ignore", invalid="ignore"):
        root = degrees**power
    return np.diag(root) @ table @ np.diag(root)


def _finite_root(degrees):
    with np.errstate(divide="ignore"):
        root = degrees**-0.5
    root[np.isinf(root)] = 0.0
    return np.diag(root)


def _as_in_gcn(edges, count, loops):
    """The recipe that is copied from one repository to the next, with or without loops."""
    table = _adjacency(edges, count) + loops * np.eye(count)
    root = _finite_root(table.sum(1))
    return root @ table @ root


def _added_up(edges, count):
    table = np.eye(count)
    np.add.at(table, (edges[:, 0], edges[:, 1]), 1)
    np.add.at(table, (edges[:, 1], edges[:, 0]), 1)
    np.fill_diagonal(table, 1)
    return _normalised(table, table.sum(1))


def _looped(edges, count):
    table = _adjacency(edges, count)
    np.fill_diagonal(table, 1)
    return table


def _hear(adjacency):
    return adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype)


def _mean(adjacency, features):
    table = _hear(adjacency)
    return table @ features / table.sum(1, keepdim=True)


def _hops(adjacency, node, cutoff):
    return nx.single_source_shortest_path_length(nx.from_numpy_array(adjacency), node, cutoff=cutoff)


def _touched(adjacency, near):
    size = len(adjacency)
    return len(near), sum(i in near or j in near for i in range(size) for j in range(i))


def _scores(mean, log_var, noise):
    z = mean + torch.exp(0.5 * log_var) * noise
    return z @ z.mT


def _fit(adjacency, logits, entries):
    cost = F.binary_cross_entropy_with_logits(logits, adjacency.expand_as(logits), reduction="none")
    return -(cost * entries).sum((1, 2)).mean()


def _kl(mean, log_var):
    return -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1)


def _upper(known):
    return torch.triu(known, 1)


def _bound(adjacency, known, mean, log_var, noise):
    return _fit(adjacency, _scores(mean, log_var, noise), _upper(known)) - _kl(mean, log_var).sum()


def _flat(z, adjacency):
    keep = torch.triu(torch.ones_like(adjacency), 1) == 1
    return (z @ z.T)[keep], adjacency[keep]


def _loss(logits, edge, weight, reduction="sum"):
    weight = torch.as_tensor(weight, dtype=torch.float64)
    return F.binary_cross_entropy_with_logits(logits, edge, pos_weight=weight, reduction=reduction)


def _as_in_gae(z, adjacency):
    """The loss as it is widely copied: the whole matrix, loops as edges, a mean."""
    label = adjacency * (1 - torch.eye(len(z), dtype=torch.float64))
    size, total = label.numel(), label.sum()
    weight, norm = (size - total) / total, size / (2 * (size - total))
    return norm * _loss(z @ z.T, label + torch.eye(len(z), dtype=torch.float64), weight, "mean")


def _all_pairs(table):
    return np.argwhere(np.triu(table, 1))


def _cut(adjacency, edges, both=True):
    train = adjacency.copy()
    train[edges[:, 0], edges[:, 1]] = 0
    if both:
        train[edges[:, 1], edges[:, 0]] = 0
    return train


def _edges_and_others(adjacency, held_out, rng):
    return (rng.permutation(_all_pairs(table))[:held_out] for table in (adjacency, adjacency == 0))


def _mirror_kept(adjacency, held_out, rng):
    edges, others = _edges_and_others(adjacency, held_out, rng)
    return _cut(adjacency, edges, both=False), edges, others


def _from_both_directions(adjacency, held_out, rng):
    """Every entry of the matrix taken for an edge of its own, as in lists that hold both directions."""
    both = rng.permutation(np.argwhere(adjacency * (1 - np.eye(len(adjacency)))))[:held_out]
    _, others = _edges_and_others(adjacency, held_out, rng)
    return _cut(adjacency, both, both=False), both, others


def _nothing_cut(adjacency, held_out, rng):
    return adjacency.copy(), *_edges_and_others(adjacency, held_out, rng)


def _others_from_train(adjacency, held_out, rng):
    edges, _ = _edges_and_others(adjacency, held_out, rng)
    train = _cut(adjacency, edges)
    return train, edges, rng.permutation(_all_pairs(train == 0))[:held_out]


def _others_at_random(adjacency, held_out, rng):
    edges, _ = _edges_and_others(adjacency, held_out, rng)
    i = rng.integers(len(adjacency), size=held_out)
    return _cut(adjacency, edges), edges, np.stack([i, (i + 1) % len(adjacency)], axis=1)


def _others_both_ways(adjacency, held_out, rng):
    """Zeros of the whole matrix without its diagonal, so that (i, j) and (j, i) may both be drawn."""
    edges, _ = _edges_and_others(adjacency, held_out, rng)
    zeros = np.argwhere(adjacency + np.eye(len(adjacency)) == 0)
    return _cut(adjacency, edges), edges, rng.permutation(zeros)[:held_out]


def _others_with_themselves(adjacency, held_out, rng):
    edges, _ = _edges_and_others(adjacency, held_out, rng)
    return _cut(adjacency, edges), edges, rng.permutation(np.argwhere(adjacency == 0))[:held_out]


def _in_place(adjacency, held_out, rng):
    edges, others = _edges_and_others(adjacency, held_out, rng)
    adjacency[edges[:, 0], edges[:, 1]] = adjacency[edges[:, 1], edges[:, 0]] = 0
    return adjacency, edges, others


def _loops_lost(adjacency, held_out, rng):
    edges, others = _edges_and_others(adjacency, held_out, rng)
    train = _cut(adjacency, edges)
    np.fill_diagonal(train, 0)
    return train, edges, others


def _ranked(labels, order):
    hits = np.cumsum(labels[order])
    return np.mean((hits / np.arange(1, len(labels) + 1))[labels[order] == 1])


def _curve(labels, scores):
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    return recall, precision


def _walk(adjacency, opinions, patience, stop):
    table = adjacency + np.eye(len(adjacency))
    now, evenings = opinions, 0
    while not stop(now, table @ now / table.sum(1)) and evenings < patience:
        now, evenings = table @ now / table.sum(1), evenings + 1
    return now, evenings


def _in_the_end(adjacency, opinions):
    table = adjacency + np.eye(len(adjacency))
    return np.linalg.matrix_power(table / table.sum(1, keepdims=True), 100_000) @ opinions


def _ends_and(stop):
    def answer(adjacency, opinions, tolerance, patience):
        ends = _in_the_end(adjacency, opinions)
        return ends, _walk(adjacency, opinions, patience, lambda now, after: stop(now, after, ends) <= tolerance)[1]

    return answer


_largest_distance = _ends_and(lambda now, after, ends: abs(now - ends).max())


def _plain_means(adjacency, opinions):
    return np.array([opinions[[*_hops(adjacency, i, None)]].mean() for i in range(len(opinions))])


def _pairs(scores, adjacency):
    upper = np.triu_indices(len(scores), 1)
    return scores[upper], adjacency[upper]


def _auc(scores, adjacency):
    values, road = _pairs(scores, adjacency)
    return (np.sign(values[road == 1][:, None] - values[road == 0]).mean() + 1) / 2


def _namings(adjacency):
    for order in itertools.permutations(range(len(adjacency))):
        yield adjacency[np.ix_(order, order)]


def _share(scores, adjacency, counts):
    seen = _auc(scores, adjacency)
    return seen, np.mean([counts(_auc(scores, other) - seen) for other in _namings(adjacency)])


def _plan(probabilities, best):
    p = probabilities(best)
    return p.sum(), np.sqrt((p * (1 - p)).sum())


def _top(logits, tests):
    return np.sort(logits)[::-1][:tests]


SLIPS = {
    "12.1 as in GCN, no loops": (graphs.propagation_matrix, lambda e, n: _as_in_gcn(e, n, 0), "No loops were added"),
    "12.1 as in GCN, A + I": (graphs.propagation_matrix, lambda e, n: _as_in_gcn(e, n, 1), "a 2 on the diagonal"),
    "12.1 no loops, 1/0": (
        graphs.propagation_matrix, lambda e, n: _normalised(_adjacency(e, n), _adjacency(e, n).sum(1)), "which gives",
    ),
    "12.1 degree first": (
        graphs.propagation_matrix, lambda e, n: _normalised(_looped(e, n), _adjacency(e, n).sum(1)),
        "counted before they came",
    ),
    "12.1 D⁻¹A": (
        graphs.propagation_matrix, lambda e, n: np.diag(1 / _looped(e, n).sum(1)) @ _looped(e, n), "a plain mean",
    ),
    "12.1 AD⁻¹": (
        graphs.propagation_matrix, lambda e, n: _looped(e, n) / _looped(e, n).sum(0), "divided each column",
    ),
    "12.1 D⁻¹AD⁻¹": (
        graphs.propagation_matrix, lambda e, n: _normalised(_looped(e, n), _looped(e, n).sum(1), -1.0),
        "without their roots",
    ),
    "12.1 times the root": (
        graphs.propagation_matrix, lambda e, n: _normalised(_looped(e, n), _looped(e, n).sum(1), 0.5), "reciprocal",
    ),
    "12.1 not normalised": (graphs.propagation_matrix, _looped, "a division left out"),
    "12.1 added up": (graphs.propagation_matrix, _added_up, "counts double"),
    "12.1 as PyTorch Geometric lists": (
        graphs.propagation_matrix,
        lambda e, n: (lambda t: _normalised(t, t.sum(1)))(np.maximum(np.eye(n), np.bincount(
            e[:, 0] * n + e[:, 1], minlength=n * n).reshape(n, n) > 0)),
        "in which the list has it",
    ),
    "12.2 transposed": (
        graphs.listening_layer, lambda a, x, w: torch.relu(_mean(a.T, x) @ w), "directions are turned",
    ),
    "12.2 divided by columns": (
        graphs.listening_layer, lambda a, x, w: torch.relu(_hear(a) / _hear(a).sum(1) @ x @ w), "laid along the rows",
    ),
    "12.2 sum": (graphs.listening_layer, lambda a, x, w: F.relu(_hear(a) @ x @ w), "did not divide"),
    "12.2 others alone": (
        graphs.listening_layer, lambda a, x, w: F.relu(a @ x / a.sum(1, keepdim=True).clamp(min=1) @ w),
        "forgets itself",
    ),
    "12.2 others alone, 0/0": (
        graphs.listening_layer, lambda a, x, w: F.relu(a @ x / a.sum(1, keepdim=True) @ w), "forgets itself",
    ),
    "12.2 mean over all": (
        graphs.listening_layer, lambda a, x, w: F.relu(_hear(a) @ x / len(a) @ w), "number of all nodes",
    ),
    "12.2 no mixing": (graphs.listening_layer, lambda a, x, w: F.relu(x @ w), "adjacency does nothing"),
    "12.2 no ReLU": (graphs.listening_layer, lambda a, x, w: _mean(a, x) @ w, "the ReLU at the end is missing"),
    "12.2 ReLU before the mean": (graphs.listening_layer, lambda a, x, w: _mean(a, F.relu(x @ w)), "it comes last"),
    "12.2 two ReLUs": (graphs.listening_layer, lambda a, x, w: F.relu(F.relu(_mean(a, x)) @ w), "a ReLU too many"),
    "12.2 Wᵀ": (graphs.listening_layer, lambda a, x, w: F.relu(F.linear(_mean(a, x), w)), "the other way, as (H, F)"),
    "12.2 W on the left": (graphs.listening_layer, lambda a, x, w: F.relu(w @ _mean(a, x)), "on the wrong side"),
    "12.2 detached": (graphs.listening_layer, lambda a, x, w: F.relu(_mean(a, x.detach()) @ w), "no gradient reaches"),
    "12.2 NumPy": (
        graphs.listening_layer, lambda a, x, w: np.maximum(_mean(a, x).numpy() @ w.numpy(), 0), "no gradient reaches",
    ),
    "12.2 the text's Â": (
        graphs.listening_layer,
        lambda a, x, w: F.relu(_hear(a).sum(1, keepdim=True) ** -0.5 * _hear(a) * _hear(a).sum(1) ** -0.5 @ x @ w),
        "With directions it is no mean",
    ),
    "12.3 powers of A": (
        graphs.what_can_change,
        lambda a, v, k: _touched(a, set(np.flatnonzero(np.linalg.matrix_power(a, k)[v]))), "a message may wait",
    ),
    "12.3 up to k, without itself": (
        graphs.what_can_change, lambda a, v, k: _touched(a, set(_hops(a, v, k)) - {v}), "too small by 1",
    ),
    "12.3 both ends": (
        graphs.what_can_change,
        lambda a, v, k: (lambda n: (n, n * (n - 1) // 2))(len(_hops(a, v, k))), "as soon as one of them does",
    ),
    "12.3 n (N − 1)": (
        graphs.what_can_change,
        lambda a, v, k: (lambda n: (n, n * (len(a) - 1)))(len(_hops(a, v, k))), "counted twice",
    ),
    "12.3 ordered": (
        graphs.what_can_change, lambda a, v, k: (lambda n, p: (n, 2 * p))(*_touched(a, _hops(a, v, k))), "both orders",
    ),
    "12.3 one layer": (graphs.what_can_change, lambda a, v, k: _touched(a, _hops(a, v, 1)), "whatever `layers` says"),
    "12.3 one layer too few": (
        graphs.what_can_change, lambda a, v, k: _touched(a, _hops(a, v, k - 1)), "layer",
    ),
    "12.3 the decoder as a layer": (
        graphs.what_can_change, lambda a, v, k: _touched(a, _hops(a, v, k + 1)), "passes no message",
    ),
    "12.3 the component": (graphs.what_can_change, lambda a, v, k: _touched(a, _hops(a, v, None)), "hangs together"),
    "12.4 each pair twice": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: (
            _fit(a, _scores(m, v, e), k & ~torch.eye(len(m), dtype=torch.bool)) - _kl(m, v).sum()
        ),
        "every pair twice",
    ),
    "12.4 whole matrix": (
        graphs.graph_elbo, lambda a, k, m, v, e: _fit(a, _scores(m, v, e), k) - _kl(m, v).sum(), "the whole matrix",
    ),
    "12.4 diagonal": (
        graphs.graph_elbo, lambda a, k, m, v, e: _fit(a, _scores(m, v, e), torch.tril(k)) - _kl(m, v).sum(),
        "The diagonal was counted",
    ),
    "12.4 all pairs": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a, _scores(m, v, e), _upper(torch.ones_like(k))) - _kl(m, v).sum(),
        "Nobody looked there",
    ),
    "12.4 unknown as no edge": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a * k, _scores(m, v, e), _upper(torch.ones_like(k))) - _kl(m, v).sum(),
        "that is no observation",
    ),
    "12.4 mean KL": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a, _scores(m, v, e), _upper(k)) - _kl(m, v).mean(), "averaged the KL over the nodes",
    ),
    "12.4 mean KL, twice": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a, _scores(m, v, e), _upper(k)) - _kl(m, v).mean() / len(m), "twice",
    ),
    "12.4 KL added": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a, _scores(m, v, e), _upper(k)) + _kl(m, v).sum(), "a plus where a minus",
    ),
    "12.4 no KL": (
        graphs.graph_elbo, lambda a, k, m, v, e: _fit(a, _scores(m, v, e), _upper(k)), "a term left out",
    ),
    "12.4 a loss": (graphs.graph_elbo, lambda *a: -_bound(*a), "the sign is opposite"),
    "12.4 log_var as log σ": (
        graphs.graph_elbo, lambda a, k, m, v, e: _bound(a, k, m, 2 * v, e), "`log_var`",
    ),
    "12.4 noise unscaled": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _fit(a, _scores(m, 0 * v, e), _upper(k)) - _kl(m, v).sum(), "a factor left out",
    ),
    "12.4 logarithms of rounded numbers": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: (
            torch.distributions.Bernoulli(torch.sigmoid(_scores(m, v, e)), validate_args=False).log_prob(a)
            * _upper(k)
        ).sum((1, 2)).mean() - _kl(m, v).sum(),
        "logsigmoid",
    ),
    "12.4 sum over draws": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: len(e) * _fit(a, _scores(m, v, e), _upper(k)) - _kl(m, v).sum(), "added up the draws",
    ),
    "12.4 mean decoded": (
        graphs.graph_elbo,
        lambda a, k, m, v, e: _bound(a, k, m, v, 0 * e[:1]), "replaced by 0 in place of `noise`",
    ),
    "12.5 inverted": (
        graphs.weighted_loss, lambda z, a: (lambda s, y: _loss(s, y, y.sum() / (1 - y).sum()))(*_flat(z, a)),
        "upside down",
    ),
    "12.5 on all": (
        graphs.weighted_loss, lambda z, a: (lambda s, y: _loss(s, y, 1.0) * (1 - y).sum() / y.sum())(*_flat(z, a)),
        "All pairs were multiplied",
    ),
    "12.5 BCE's weight": (
        graphs.weighted_loss,
        lambda z, a: (lambda s, y: F.binary_cross_entropy_with_logits(
            s, y, weight=(1 - y).sum() / y.sum(), reduction="sum"))(*_flat(z, a)),
        "All pairs were multiplied",
    ),
    "12.5 no weight": (graphs.weighted_loss, lambda z, a: _loss(*_flat(z, a), 1.0), "plain cross-entropy"),
    "12.5 pairs over edges": (
        graphs.weighted_loss, lambda z, a: (lambda s, y: _loss(s, y, len(y) / y.sum()))(*_flat(z, a)), "*all* pairs",
    ),
    "12.5 mean": (
        graphs.weighted_loss,
        lambda z, a: (lambda s, y: _loss(s, y, (1 - y).sum() / y.sum(), "mean"))(*_flat(z, a)), "the sum was asked for",
    ),
    "12.5 whole matrix": (
        graphs.weighted_loss, lambda z, a: _loss(z @ z.T, a, (1 - a).sum() / a.sum()), "over the whole matrix",
    ),
    "12.5 weight of the whole matrix": (
        graphs.weighted_loss, lambda z, a: _loss(*_flat(z, a), (1 - a).sum() / a.sum()), "in the weight the diagonal",
    ),
    "12.5 as in gae": (graphs.weighted_loss, _as_in_gae, "the recipe of much code"),
    "12.5 log p": (
        graphs.weighted_loss, lambda z, a: (lambda s, y: -_loss(s, y, (1 - y).sum() / y.sum()))(*_flat(z, a)),
        "the sign is opposite",
    ),
    "12.5 rounded": (
        graphs.weighted_loss,
        lambda z, a: (lambda s, y: -(
            (1 - y).sum() / y.sum() * y * torch.sigmoid(s).log() + (1 - y) * torch.log(1 - torch.sigmoid(s))
        ).sum())(*_flat(z, a)),
        "softplus",
    ),
    "12.5 sigmoid twice": (
        graphs.weighted_loss,
        lambda z, a: (lambda s, y: _loss(torch.sigmoid(s), y, (1 - y).sum() / y.sum()))(*_flat(z, a)), "takes it again",
    ),
    "12.6 mirror": (graphs.split_edges, _mirror_kept, "hears the answer from the other end"),
    "12.6 both directions": (graphs.split_edges, _from_both_directions, "as (i, j) and as (j, i)"),
    "12.6 nothing taken out": (graphs.split_edges, _nothing_cut, "no test"),
    "12.6 non-edges of train": (graphs.split_edges, _others_from_train, "Look in `adjacency`"),
    "12.6 any pair": (graphs.split_edges, _others_at_random, "Pairs drawn at random"),
    "12.6 non-edges both ways": (graphs.split_edges, _others_both_ways, "either way round"),
    "12.6 self-pairs": (graphs.split_edges, _others_with_themselves, "paired with themselves"),
    "12.6 in place": (graphs.split_edges, _in_place, "changes `adjacency` in place"),
    "12.6 loops lost": (graphs.split_edges, _loops_lost, "has lost its loops"),
    "12.6 not drawn": (
        graphs.split_edges,
        lambda a, h, r: (_cut(a, _all_pairs(a)[-h:]), _all_pairs(a)[-h:], r.permutation(_all_pairs(a == 0))[:h]),
        "This is no draw",
    ),
    "12.6 non-edges not drawn": (
        graphs.split_edges,
        lambda a, h, r: (lambda e: (_cut(a, e), e, _all_pairs(a == 0)[:h]))(r.permutation(_all_pairs(a))[:h]),
        "This is about non_edges",
    ),
    "12.6 pairs in columns": (
        graphs.split_edges, lambda a, h, r: (lambda e, o: (_cut(a, e), e.T, o.T))(*_edges_and_others(a, h, r)),
        "of shape (2, 240)",
    ),
    "12.7 trapezoid": (
        graphs.average_precision, lambda y, s: metrics.auc(*_curve(y, s)), "joined the points",
    ),
    "12.7 as they come": (
        graphs.average_precision, lambda y, s: _ranked(y, np.argsort(s, kind="stable")[::-1]), "at the end of the list",
    ),
    "12.7 sorted ascending": (
        graphs.average_precision, lambda y, s: _ranked(y, np.argsort(s, kind="stable")), "from the lowest score up",
    ),
    "12.7 ascending, ties together": (
        graphs.average_precision, lambda y, s: metrics.average_precision_score(y, -s), "began with the lowest",
    ),
    "12.7 mean of all precisions": (
        graphs.average_precision, lambda y, s: _curve(y, s)[1][:-1].mean(), "over the thresholds",
    ),
    "12.7 AUC": (
        graphs.average_precision, lambda y, s: 1.0 if y.all() else metrics.roc_auc_score(y, s), "This is the AUC",
    ),
    "12.7 over all": (
        graphs.average_precision, lambda y, s: metrics.average_precision_score(y, s) * y.sum() / len(y),
        "divided by the number of pairs",
    ),
    "12.7 > for ≥": (
        graphs.average_precision,
        lambda y, s: np.mean([y[s > one].mean() if (s > one).any() else 0 for one in s[y == 1]]), "strictly above",
    ),
    "12.8 plain mean": (
        problems.rumour, lambda a, x, t, p: (_plain_means(a, x), _largest_distance(a, x, t, p)[1]),
        "who has many friends is heard by many",
    ),
    "12.8 plain mean for both": (
        problems.rumour,
        lambda a, x, t, p: (lambda ends: (ends, _walk(a, x, p, lambda now, after: abs(now - ends).max() <= t)[1]))(
            _plain_means(a, x)
        ),
        "who has many friends is heard by many",
    ),
    "12.8 little changes": (
        problems.rumour, _ends_and(lambda now, after, ends: abs(after - now).max()), "changed little",
    ),
    "12.8 on average": (problems.rumour, _ends_and(lambda now, after, ends: abs(now - ends).mean()), "on average"),
    "12.8 the end of patience": (
        problems.rumour,
        lambda a, x, t, p: (_walk(a, x, p, lambda now, after: False)[0], _largest_distance(a, x, t, p)[1]),
        "it goes on for ever",
    ),
    "12.8 beyond patience": (
        problems.rumour, lambda a, x, t, p: (_in_the_end(a, x), _largest_distance(a, x, t, 5000)[1]), "evenings",
    ),
    "12.9 strictly": (problems.is_it_surprising, lambda s, a: _share(s, a, lambda d: d > 1e-9), "that do *better*"),
    "12.9 one minus": (problems.is_it_surprising, lambda s, a: _share(s, a, lambda d: d < -1e-9), "1 minus"),
    "12.10 as it says": (problems.links_to_find, lambda s, k, n: _plan(special.expit, _top(s, n)), "at its word"),
    "12.10 times kept": (
        problems.links_to_find, lambda s, k, n: _plan(lambda b: k * special.expit(b), _top(s, n)), "the *odds*",
    ),
    "12.10 the wrong way": (
        problems.links_to_find, lambda s, k, n: _plan(lambda b: special.expit(b - np.log(k)), _top(s, n)),
        "the wrong direction",
    ),
    "12.10 binomial": (
        problems.links_to_find,
        lambda s, k, n: (lambda p: (p.sum(), stats.binom.std(n, p.mean())))(special.expit(_top(s, n) + np.log(k))),
        "each with its own",
    ),
    "12.10 variance": (
        problems.links_to_find, lambda s, k, n: (lambda m, d: (m, d**2))(*_plan(special.expit, _top(s, n) + np.log(k))),
        "take the root",
    ),
    "12.10 unstable": (
        problems.links_to_find,
        lambda s, k, n: _plan(lambda b: k * np.exp(b) / (1 + k * np.exp(b)), _top(s, n)), "e^1000",
    ),
    "12.10 first of the list": (
        problems.links_to_find, lambda s, k, n: _plan(special.expit, s[:n] + np.log(k)), "most promising",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _with_loops(edges, count):
    graph = nx.Graph(edges.tolist() + [(i, i) for i in range(count)])
    table = nx.to_numpy_array(graph, nodelist=range(count))
    return _normalised(table, table.sum(0))


def _split_with_networkx(adjacency, held_out, rng):
    graph = nx.from_numpy_array(adjacency)
    graph.remove_edges_from([*nx.selfloop_edges(graph)])
    edges = rng.permutation([*graph.edges])[:held_out]
    others = rng.permutation([*nx.non_edges(graph)])[:held_out]
    graph.remove_edges_from(edges.tolist())
    train = nx.to_numpy_array(graph, nodelist=range(len(adjacency)))
    return train + np.diag(np.diag(adjacency)), edges[:, ::-1], [*map(tuple, others)]


def _namings_of_scores(scores, adjacency):
    (values, road), names = _pairs(scores, adjacency), _namings(scores)
    seen = metrics.roc_auc_score(road, values)
    return seen, np.mean([metrics.roc_auc_score(road, _pairs(o, adjacency)[0]) > seen - 1e-6 for o in names])


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (graphs.propagation_matrix, _with_loops),
        (graphs.propagation_matrix, lambda e, n: torch.tensor(_with_loops(e, n)).to_sparse().to_dense()),
        (graphs.listening_layer, lambda a, x, w: F.relu(F.normalize(_hear(a), p=1, dim=1) @ (x @ w))),
        (
            graphs.listening_layer,
            lambda a, x, w: torch.einsum("ij,jf,fh,i->ih", _hear(a), x, w, 1 / (1 + a.sum(1))).relu(),
        ),
        (graphs.what_can_change, lambda a, v, k: _touched(a, _hops(a, v, k))),
        (graphs.graph_elbo, lambda a, k, m, v, e: _fit(a, _scores(m, v, e), torch.tril(k, -1)) - _kl(m, v).sum()),
        (
            graphs.graph_elbo,
            lambda a, k, m, v, e: (
                _fit(a, _scores(m, v, e), k & ~torch.eye(len(m), dtype=torch.bool)) / 2 - _kl(m, v).sum()
            ),
        ),
        (graphs.weighted_loss, lambda z, a: (lambda s, y: _loss(s, y, (1 - y).sum() / y.sum()))(*_flat(z, a))),
        (
            graphs.weighted_loss,
            lambda z, a: (lambda s, y: (1 - y).sum() * (F.softplus(-s[y == 1]).mean() + F.softplus(s[y == 0]).mean()))(
                *_flat(z, a)
            ),
        ),
        (graphs.split_edges, _split_with_networkx),
        (graphs.average_precision, lambda y, s: -np.sum(np.diff(_curve(y, s)[0]) * _curve(y, s)[1][:-1])),
        (problems.rumour, _largest_distance),
        (problems.is_it_surprising, _namings_of_scores),
        (
            problems.links_to_find,
            lambda s, k, n: _plan(lambda b: special.expit(b + np.log(k)), s[np.argsort(-s)[:n]]),
        ),
    ],
)  # fmt: skip
def test_an_odd_right_answer_is_right(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert not exercise.law or exercise.accepts(answer, exercise.fresh(3, 10))


def test_every_slip_of_the_split_is_seen_whatever_the_draw():
    exercise, (adjacency, held_out, _) = graphs.split_edges, graphs.split_edges.probes[0]
    answers = {"": exercise._reference, **{slip.name: slip.function for slip in exercise.misconceptions}}
    for seed in range(1, 6):
        for name, answer in answers.items():
            finding = exercise.judge(answer(adjacency.copy(), held_out, np.random.default_rng(seed)))
            assert (finding.passed, finding.slip) == (not name, name)
