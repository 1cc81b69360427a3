"""Lesson 12, graphs: its exercises about edges that were held out, and how well they are found again."""

import numpy as np
import torch
from sklearn import metrics

from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.outcomes import Finding, OutcomeExercise
from course_utils.workshop.running import Unfit
from course_utils.workshop.verdicts import a, return_words, shape_words

# --- the split --------------------------------------------------------------------------------------------------------


def _crowded(nodes=40, density=0.64, loops=12):
    """Return a graph with so many edges that every careless draw shows: 500 edges, more or less, and a few loops."""
    rng = np.random.default_rng(12)
    upper = np.triu(rng.random((nodes, nodes)) < density, 1)
    adjacency = (upper | upper.T).astype(int)
    places = rng.permutation(nodes)[:loops]
    adjacency[places, places] = 1
    return adjacency


_ADJACENCY = _crowded()
_HELD_OUT = 240
_TO_SAY = "return train, edges, non_edges"


def _as_split(value):
    """Return the three arrays, or raise `Unfit` in words."""
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        came = f"{a(value)} of length {len(value)}" if isinstance(value, (tuple, list)) else a(value)
        words = f"Three arrays are expected, as in `{_TO_SAY}`; you returned {came}."
        raise Unfit("wrong_type", "the result has the wrong type", words + return_words(value))
    shapes = {"train": _ADJACENCY.shape, "edges": (_HELD_OUT, 2), "non_edges": (_HELD_OUT, 2)}
    parts = []
    for (name, shape), part in zip(shapes.items(), value, strict=True):
        try:
            numbers = np.asarray(part, dtype=float)
        except (TypeError, ValueError, RuntimeError):
            words = f"{name} should be an array of numbers, of shape {shape}; it is {a(part)}."
            raise Unfit("wrong_type", "the result has the wrong type", words) from None
        if numbers.shape != shape:
            words = f"{name} should be {shape_words(shape)}; you returned {shape_words(numbers.shape)}."
            raise Unfit("wrong_shape", "the result has the wrong shape", words)
        parts.append(numbers)
    for name, pairs in (("edges", parts[1]), ("non_edges", parts[2])):
        if not (np.isin(pairs, np.arange(len(_ADJACENCY)))).all():
            words = f"{name} should hold the numbers of nodes, from 0 to N − 1; it holds others."
            raise Unfit("wrong_type", "the result holds no nodes", words)
    return parts[0], parts[1].astype(int), parts[2].astype(int)


def _shown(pairs, which):
    """Return words about the first of the pairs that are marked, and how many there are."""
    first = pairs[int(np.flatnonzero(which)[0])]
    return f"({first[0]}, {first[1]}) is one of {int(np.sum(which))}."


def _repeated(pairs):
    """Mark pairs that stand in the list before, either way round."""
    _, first = np.unique(np.sort(pairs, axis=1), axis=0, return_index=True)
    return ~np.isin(np.arange(len(pairs)), first)


def _in_order(pairs, table):
    """Return whether these are the first or the last of their kind, in the order of rows or of columns."""
    ours = {tuple(pair) for pair in np.sort(pairs, axis=1).tolist()}
    by_rows = np.transpose(np.nonzero(np.triu(table, 1))).tolist()
    by_columns = np.transpose(np.nonzero(np.tril(table, -1)))[:, ::-1].tolist()
    return any(
        ours == {tuple(pair) for pair in part}
        for order in (by_rows, by_columns)
        for part in (order[: len(pairs)], order[-len(pairs) :])
    )


def _judged(value):
    train, edges, non_edges = _as_split(value)
    loop, strange = edges[:, 0] == edges[:, 1], _ADJACENCY[tuple(edges.T)] == 0
    if loop.any():
        return Finding(False, "loops held out", _shown(edges, loop))
    if strange.any():
        return Finding(False, "", f"Among the edges are pairs without an edge: {_shown(edges, strange)}")
    if _repeated(edges).any():
        return Finding(False, "an edge drawn twice", _shown(edges, _repeated(edges)))
    there, back = train[tuple(edges.T)] != 0, train[tuple(edges.T[::-1])] != 0
    if (there & back).all():
        return Finding(False, "still in training", "")
    if (there | back).any():
        if (there ^ back).all():
            return Finding(False, "the mirror edge left in", _shown(edges, there ^ back))
        return Finding(False, "", f"Some edges are in `train` as well: {_shown(edges, there | back)}")
    expected = _ADJACENCY.copy()
    expected[tuple(edges.T)] = expected[tuple(edges.T[::-1])] = 0
    if np.array_equal(train, expected * (1 - np.eye(len(expected)))):
        words = "`train` has lost its loops. They are no edges to be held out: leave them as they are."
        return Finding(False, "", words)
    if np.array_equal(train, np.triu(expected)) or np.array_equal(train, np.tril(expected)):
        return Finding(False, "one triangle", "")
    if not np.array_equal(train, expected):
        wrong = np.transpose(np.nonzero(train != expected))
        words = f"`train` should be the graph without these edges, and all else as it was. {len(wrong)} entries differ"
        return Finding(False, "", f"{words}, the first at [{wrong[0][0]}, {wrong[0][1]}].")
    itself = non_edges[:, 0] == non_edges[:, 1]
    if itself.any():
        return Finding(False, "self-pairs", _shown(non_edges, itself))
    linked = _ADJACENCY[tuple(non_edges.T)] != 0
    kept = train[tuple(non_edges.T)] != 0
    if kept.any():
        return Finding(False, "non-edges that are edges", _shown(non_edges, linked))
    if linked.any():
        return Finding(False, "test edges among the non-edges", _shown(non_edges, linked))
    if _repeated(non_edges).any():
        return Finding(False, "a non-edge drawn twice", _shown(non_edges, _repeated(non_edges)))
    for name, pairs, table in (("edges", edges, _ADJACENCY), ("non_edges", non_edges, _ADJACENCY == 0)):
        if _in_order(pairs, table):
            return Finding(False, "no draw", f"This is about {name}.")
    return Finding(True)


def _without(adjacency, edges):
    train = adjacency.copy()
    train[edges[:, 0], edges[:, 1]] = train[edges[:, 1], edges[:, 0]] = 0
    return train


def _pairs_of(table):
    """Return the pairs (i, j), i < j, at which a table is not 0."""
    return np.transpose(np.nonzero(np.triu(table, 1)))


def _drawn(pairs, count, rng):
    return pairs[rng.permutation(len(pairs))[:count]]


def _split(adjacency, held_out, rng):
    edges = _drawn(_pairs_of(adjacency), held_out, rng)
    return _without(adjacency, edges), edges, _drawn(_pairs_of(adjacency == 0), held_out, rng)


def _split_loop(adjacency, held_out, rng):
    """Draw pairs one by one, and keep what fits; the larger end first."""
    nodes, found, train = len(adjacency), {True: [], False: []}, adjacency.tolist()
    while min(map(len, found.values())) < held_out:
        j, i = sorted(rng.integers(nodes, size=2).tolist())
        kind = found[bool(adjacency[i, j])]
        if i != j and (i, j) not in kind and len(kind) < held_out:
            kind.append((i, j))
    for i, j in found[True]:
        train[i][j] = train[j][i] = 0
    return train, found[True], found[False]


def _split_torch(adjacency, held_out, rng):
    table = torch.as_tensor(adjacency)
    pairs = torch.combinations(torch.arange(len(table)))
    pairs = pairs[torch.as_tensor(rng.permutation(len(pairs)))]
    linked = table[pairs[:, 0], pairs[:, 1]] == 1
    edges, train = pairs[linked][:held_out], table.clone()
    for order in (edges, edges.flip(1)):
        train[order[:, 0], order[:, 1]] = 0
    return train, edges, pairs[~linked][:held_out]


def _with_edges(links_of):
    """Build a misconception about which edges are held out."""

    def answer(adjacency, held_out, rng):
        edges = links_of(adjacency, held_out, rng)
        return _without(adjacency, edges), edges, _drawn(_pairs_of(adjacency == 0), held_out, rng)

    return answer


def _with_train(train_of):
    """Build a misconception about what is left for training."""

    def answer(adjacency, held_out, rng):
        _, edges, non_edges = _split(adjacency, held_out, rng)
        return train_of(adjacency.copy(), edges), edges, non_edges

    return answer


def _with_non_edges(non_edges_of):
    """Build a misconception about the non-edges, from (adjacency, train, how many, rng)."""

    def answer(adjacency, held_out, rng):
        train, edges, _ = _split(adjacency, held_out, rng)
        return train, edges, non_edges_of(adjacency, train, held_out, rng)

    return answer


def _one_way(train, edges):
    train[edges[:, 0], edges[:, 1]] = 0
    return train


def _any_pairs(adjacency, train, held_out, rng):
    i, step = rng.integers(len(train), size=held_out), rng.integers(1, len(train), size=held_out)
    return np.stack([i, (i + step) % len(train)], axis=1)


split_edges = OutcomeExercise(
    name="split_edges",
    arguments=("adjacency", "held_out", "rng"),
    returns="split",
    reference=_split,
    spellings={"one by one": _split_loop, "torch": _split_torch},
    probes=[(_ADJACENCY.copy(), _HELD_OUT, np.random.default_rng(0))],
    judge=_judged,
    in_place=("rng",),
    misconceptions=[
        Misconception(
            "the mirror edge left in",
            _with_train(_one_way),
            "Of each edge that is held out, one of its two entries is still in `train`. The encoder then hears the "
            "answer from the other end, and the test is won before it began: clear [i, j] and [j, i].",
        ),
        Misconception(
            "still in training",
            _with_train(lambda train, edges: train),
            "The edges that are held out are all in `train` as well. What the encoder has seen is no test: take them "
            "out, at [i, j] and at [j, i].",
        ),
        Misconception(
            "one triangle",
            _with_train(lambda train, edges: np.triu(_without(train, edges))),
            "`train` holds one triangle of the matrix. It is to be a graph as `adjacency` is, symmetric, so that both "
            "ends hear each other.",
        ),
        Misconception(
            "an edge drawn twice",
            _with_edges(
                lambda adjacency, held_out, rng: _drawn(
                    np.transpose(np.nonzero(adjacency * (1 - np.eye(len(adjacency))))), held_out, rng
                )
            ),
            "An edge is among the held-out ones twice, as (i, j) and as (j, i), or drawn again. Draw from a list in "
            "which each stands once (i < j), and without putting back.",
        ),
        Misconception(
            "loops held out",
            _with_edges(
                lambda adjacency, held_out, rng: _drawn(np.transpose(np.nonzero(np.triu(adjacency))), held_out, rng)
            ),
            "A loop was held out as an edge. A node with itself is no pair, and its score zᵢᵀzᵢ is large whatever was "
            "learned: take i < j.",
        ),
        Misconception(
            "self-pairs",
            _with_non_edges(
                lambda adjacency, train, held_out, rng: _drawn(
                    np.transpose(np.nonzero(np.triu(adjacency == 0))), held_out, rng
                )
            ),
            "Among the non-edges are nodes paired with themselves. Their scores zᵢᵀzᵢ are among the largest of all, so "
            "that a good model looks bad: take i < j.",
        ),
        Misconception(
            "non-edges that are edges",
            _with_non_edges(_any_pairs),
            "Among the non-edges are edges. Pairs drawn at random are often linked; look each up in `adjacency`.",
        ),
        Misconception(
            "test edges among the non-edges",
            _with_non_edges(lambda adjacency, train, held_out, rng: _drawn(_pairs_of(train == 0), held_out, rng)),
            "You looked for non-edges in `train`, from which edges were taken out: some of these now count as edges "
            "and as non-edges at once. Look in `adjacency`.",
        ),
        Misconception(
            "a non-edge drawn twice",
            _with_non_edges(
                lambda adjacency, train, held_out, rng: _pairs_of(adjacency == 0)[
                    rng.integers(len(_pairs_of(adjacency == 0)), size=held_out)
                ]
            ),
            "A pair is among the non-edges twice, either way round. Draw without putting back, from a list in which "
            "each stands once.",
        ),
        Misconception(
            "no draw",
            _with_edges(lambda adjacency, held_out, rng: _pairs_of(adjacency)[:held_out]),
            "This is no draw: the pairs are the first or the last of a list, so that some nodes lose nearly all their "
            "edges and others none. Use `rng`.",
        ),
    ],
    hints=(
        "Begin with two lists in which every pair stands once, i < j: those that are linked, and those that are not. "
        "`np.triu(…, 1)` helps.",
        "`pairs[rng.permutation(len(pairs))[:held_out]]` draws without putting back, from either list.",
        "On a copy of `adjacency`: `train[i, j] = train[j, i] = 0` for the edges that are held out. The non-edges come "
        "from `adjacency == 0`, not from `train`.",
    ),
    praise="A split without leaks. With any of these slips a number would have come out all the same, and with some of "
    "them a finer one.",
)

# --- average precision ------------------------------------------------------------------------------------------------


def _ranking_law(rng):
    """One to nine pairs, at least one of them an edge, with many equal scores or none; any sign."""
    count = rng.integers(1, 10)
    labels = (rng.random(count) < rng.choice([0.2, 0.5, 0.8])).astype(int)
    labels[rng.integers(count)] = 1
    levels = rng.normal(0, 3, rng.choice([1, 2, 3, 30], p=[0.1, 0.2, 0.3, 0.4]))
    return labels, rng.choice(levels, count)


def _average_precision(labels, scores):
    above = scores >= scores[:, None]  # row i: all that stand at least as high as i
    precision = (above * labels).sum(axis=1) / above.sum(axis=1)
    return precision[labels == 1].mean()


def _ap_by_steps(labels, scores):
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = labels[scores >= threshold]
        now = taken.sum() / labels.sum()
        total, recall = total + (now - recall) * taken.mean(), now
    return total


def _ap_by_sorting(labels, scores):
    order = np.argsort(-scores)
    ranked, heights = labels[order], scores[order]
    last = np.append(heights[1:] != heights[:-1], True)  # the last of each run of equal scores
    hits, places = np.cumsum(ranked)[last], np.arange(1, len(labels) + 1)[last]
    return np.sum(np.diff(hits, prepend=0) * hits / places) / hits[-1]


def _one_by_one(labels, scores, order):
    ranked = labels[order]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return precision[ranked == 1].mean()


def _with_ties(key):
    """Build a misconception about ties: what comes first among equal scores."""
    return lambda labels, scores: _one_by_one(labels, scores, np.lexsort((key(labels), -scores)))


def _curve(labels, scores):
    """Return recall and precision after each run of equal scores, from the highest on."""
    thresholds = np.unique(scores)[::-1]
    taken = [labels[scores >= threshold] for threshold in thresholds]
    return np.array([one.sum() / labels.sum() for one in taken]), np.array([one.mean() for one in taken])


def _trapezoid(labels, scores):
    recall, precision = _curve(labels, scores)
    return np.trapezoid(np.append(1.0, precision), np.append(0.0, recall))


def _above_only(labels, scores):
    above = [labels[scores > score] for score in scores[labels == 1]]
    return np.mean([one.mean() if len(one) else 0.0 for one in above])


def _envelope(labels, scores):
    recall, precision = _curve(labels, scores)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return np.sum(np.diff(recall, prepend=0) * best)


def _before(labels, scores):
    recall, precision = _curve(labels, scores)
    return np.sum(np.diff(recall, prepend=0) * np.append(1.0, precision[:-1]))


def _auc(labels, scores):
    up, down = scores[labels == 1], scores[labels == 0]
    if not len(down):
        return 1.0
    return ((up[:, None] > down).mean() + (up[:, None] >= down).mean()) / 2


average_precision = Exercise(
    name="average_precision",
    arguments=("labels", "scores"),
    returns="average precision",
    reference=_average_precision,
    spellings={
        "steps": _ap_by_steps,
        "sorting": _ap_by_sorting,
        "scikit-learn": lambda labels, scores: metrics.average_precision_score(labels, scores),
    },
    probes=[
        (np.array([1, 0, 1]), np.array([3.0, 2.0, 1.0])),
        (np.array([0, 1, 1, 0, 1]), np.array([0.2, 2.5, -1.0, 0.9, 0.4])),
        (np.array([1, 0, 0, 1, 0]), np.array([1.0, 1.0, 2.0, 0.5, 0.5])),
        (np.array([0, 1, 1, 0]), np.array([-2.0, -2.0, -2.0, -2.0])),
    ],
    law=_ranking_law,
    misconceptions=[
        Misconception(
            "trapezoid",
            _trapezoid,
            "You joined the points of precision against recall by straight lines, from (0, 1) on. Between two points "
            "no threshold reaches a line: each rise in recall counts with the precision *after* it.",
        ),
        Misconception(
            "the precision before",
            _before,
            "Each rise in recall was multiplied by the precision before it. An edge counts with the precision when it "
            "is among those that were taken.",
        ),
        Misconception(
            "ties as they come",
            lambda labels, scores: _one_by_one(labels, scores, np.argsort(-scores, kind="stable")),
            "Equal scores were taken one by one, in the order of the list: shuffle it, and your number changes. "
            "A threshold cannot part them: they enter together.",
        ),
        Misconception(
            "ties from behind",
            lambda labels, scores: _one_by_one(labels, scores, np.argsort(scores, kind="stable")[::-1]),
            "Equal scores were taken one by one, those at the end of the list first: shuffle it, and your number "
            "changes. A threshold cannot part them: they enter together.",
        ),
        Misconception(
            "edges first among equals",
            _with_ties(lambda labels: -labels),
            "Among equal scores the edges were taken first. A model that gives one score to all would then have an "
            "average precision of 1. Equal scores enter together.",
        ),
        Misconception(
            "edges last among equals",
            _with_ties(lambda labels: labels),
            "Among equal scores the edges were taken last. Equal scores enter together, edges and others.",
        ),
        Misconception(
            "from below",
            lambda labels, scores: _average_precision(labels, -scores),
            "You began with the lowest score. The best candidates come first: sort in descending order.",
        ),
        Misconception(
            "from below, one by one",
            lambda labels, scores: _one_by_one(labels, scores, np.argsort(scores, kind="stable")),
            "np.argsort sorts from the lowest score up. The best candidates come first; and equal scores enter "
            "together.",
        ),
        Misconception(
            "above only",
            _above_only,
            "You asked what stands strictly above an edge. It counts with the precision at its own score, itself and "
            "its equals included.",
        ),
        Misconception(
            "all ranks",
            lambda labels, scores: np.mean([labels[scores >= score].mean() for score in scores]),
            "You averaged the precision over all ranks. Only those count where an edge comes in: there recall rises.",
        ),
        Misconception(
            "all thresholds",
            lambda labels, scores: _curve(labels, scores)[1].mean(),
            "You averaged the precision over the thresholds. Each counts by how much recall rises there; where no edge "
            "comes in, not at all.",
        ),
        Misconception(
            "divided by all",
            lambda labels, scores: _average_precision(labels, scores) * labels.mean(),
            "You divided by the number of pairs. Recall goes from 0 to 1 in steps of one over the number of *edges*.",
        ),
        Misconception(
            "the best precision from here on",
            _envelope,
            "You replaced each precision by the best one at a higher recall, as some contests do. Here each edge "
            "counts with the precision at its own score.",
        ),
        Misconception(
            "AUC",
            _auc,
            "This is the AUC: how often an edge stands above a pair without one. Average precision asks what share of "
            "those taken are edges.",
        ),
        Misconception(
            "precision at so many edges",
            lambda labels, scores: labels[scores >= np.sort(scores)[-labels.sum()]].mean(),
            "This is the precision at one threshold, where as many are taken as there are edges. Average over the "
            "edges: each has a threshold of its own.",
        ),
    ],
    hints=(
        "For one edge: lower the threshold to its score. What share of all that stand so high are edges?",
        "Average this share over the edges. Equal scores take care of themselves, if you compare with ≥.",
        "`above = scores >= scores[:, None]`; row i marks all that stand at least as high as i. Row sums of "
        "`above * labels`, divided by those of `above`, at the edges.",
    ),
    praise="A model that gives one score to all has the share of edges as its average precision, and ½ as its AUC: the "
    "first falls with every non-edge that is added, the second does not.",
)
