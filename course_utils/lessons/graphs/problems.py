"""Lesson 12, graphs: its problems, for which no formula is given."""

import itertools
import math

import numpy as np
import torch
from scipy import sparse, special, stats

from course_utils.workshop.exercises import Exercise, Misconception

# --- a rumour ---------------------------------------------------------------------------------------------------------


def _friends_law(rng):
    """One to seven people in one group or several, opinions of any sign; sometimes all agree, or all but one."""
    people = rng.integers(1, 8)
    upper = np.triu(rng.random((people, people)) < rng.choice([0.15, 0.35, 0.7]), 1)
    opinions = rng.normal(0, 1, people) * rng.choice([0.3, 1, 4])
    if rng.random() < 0.3:  # all agree, but perhaps for one
        opinions[:] = opinions[0]
        opinions[rng.integers(people)] += rng.choice([-2, 0, 2])
    patience = int(rng.choice([2, 5, 300], p=[0.15, 0.15, 0.7]))
    return (upper | upper.T).astype(int), opinions, float(10 ** rng.uniform(-3, -0.5)), patience


def _groups(adjacency):
    return sparse.csgraph.connected_components(sparse.csr_array(adjacency), directed=False)[1]


def _averaging(adjacency):
    table = np.asarray(adjacency) + np.eye(len(adjacency))
    return table / table.sum(axis=1, keepdims=True)


def _limits(adjacency, opinions):
    weights, groups = 1 + adjacency.sum(axis=1), _groups(adjacency)
    return (np.bincount(groups, weights * opinions) / np.bincount(groups, weights))[groups]


def _evenings(mixing, opinions, settled, patience):
    """Return how many evenings it takes until `settled` says so of the opinions and what becomes of them next."""
    for evening in range(patience):
        following = mixing @ opinions
        if settled(opinions, following):
            return evening
        opinions = following
    return patience


def _rumour(adjacency, opinions, tolerance, patience):
    limits = _limits(adjacency, opinions)

    def near(now, _):
        return np.max(np.abs(now - limits)) <= tolerance

    return limits, _evenings(_averaging(adjacency), opinions, near, patience)


def _rumour_by_walking(adjacency, opinions, tolerance, patience):
    """Squared again and again, the averaging becomes the limit; then the evenings are walked one by one."""
    friends = torch.as_tensor(adjacency, dtype=torch.float64) + torch.eye(len(adjacency), dtype=torch.float64)
    step = friends / friends.sum(1, keepdim=True)
    for_ever, now, evenings = step, torch.as_tensor(opinions), 0
    for _ in range(40):
        for_ever = for_ever @ for_ever
        for_ever = for_ever / for_ever.sum(1, keepdim=True)
    limits = for_ever @ now
    while evenings < patience and (now - limits).abs().max() > tolerance:
        now, evenings = step @ now, evenings + 1
    return limits, evenings


def _rumour_by_eigenvectors(adjacency, opinions, tolerance, patience):
    """What does not shrink is the limit; of the rest, all evenings are computed at once."""
    roots = np.sqrt(1 + adjacency.sum(axis=1))
    values, vectors = np.linalg.eigh((adjacency + np.eye(len(adjacency))) / np.outer(roots, roots))
    parts, stays = vectors.T @ (roots * opinions), values > 1 - 1e-9
    limits = vectors[:, stays] @ parts[stays] / roots
    powers = values[~stays, None] ** np.arange(patience)
    left = vectors[:, ~stays] @ (parts[~stays, None] * powers) / roots[:, None]
    return limits, (np.abs(left) > tolerance).any(axis=0).sum()  # nobody moves away again


def _to_limits(limits_of):
    """Build a misconception about the limits; the evenings are counted until the right ones."""
    return lambda adjacency, opinions, tolerance, patience: (
        limits_of(adjacency, opinions),
        _rumour(adjacency, opinions, tolerance, patience)[1],
    )


def _until(settled):
    """Build a misconception about the evening, from (now, next, limits, tolerance)."""

    def answer(adjacency, opinions, tolerance, patience):
        limits = _limits(adjacency, opinions)

        def enough(now, after):
            return settled(now, after, limits, tolerance)

        return limits, _evenings(_averaging(adjacency), opinions, enough, patience)

    return answer


def _group_means(adjacency, opinions):
    groups = _groups(adjacency)
    return (np.bincount(groups, opinions) / np.bincount(groups))[groups]


def _friends_as_weights(adjacency, opinions):
    groups, weights = _groups(adjacency), adjacency.sum(axis=1)
    weights = np.where(weights > 0, weights, 1)
    return (np.bincount(groups, weights * opinions) / np.bincount(groups, weights))[groups]


def _one_village(adjacency, opinions):
    return np.full(len(opinions), np.average(opinions, weights=1 + adjacency.sum(axis=1)))


def _by_roots(adjacency, opinions, tolerance, patience):
    """Average with the symmetric normalisation of the text, in which rows do not add up to 1."""
    degrees = 1 + adjacency.sum(axis=1)
    roots, groups = np.sqrt(degrees), _groups(adjacency)
    limits = roots * (np.bincount(groups, roots * opinions) / np.bincount(groups, degrees))[groups]
    mixing = (adjacency + np.eye(len(opinions))) / np.outer(roots, roots)
    return limits, _evenings(mixing, opinions, lambda now, _: np.max(np.abs(now - limits)) <= tolerance, patience)


def _by_second_eigenvalue(adjacency, opinions, tolerance, patience):
    limits = _limits(adjacency, opinions)
    off = np.max(np.abs(opinions - limits))
    values = np.abs(np.linalg.eigvals(_averaging(adjacency)))
    second = np.max(values[values < 1 - 1e-9], initial=1e-12)
    return limits, 0 if off <= tolerance else min(math.ceil(math.log(tolerance / off) / math.log(second)), patience)


def _path(people):
    return np.eye(people, k=1, dtype=int) + np.eye(people, k=-1, dtype=int)


_STAR = np.zeros((5, 5), dtype=int)
_STAR[0, 1:] = _STAR[1:, 0] = 1
_TWO_GROUPS = np.zeros((6, 6), dtype=int)
for _i, _j in ((0, 1), (1, 2), (3, 4)):
    _TWO_GROUPS[_i, _j] = _TWO_GROUPS[_j, _i] = 1

rumour = Exercise(
    name="rumour",
    arguments=("adjacency", "opinions", "tolerance", "patience"),
    returns=("opinions in the end", "evenings"),
    reference=_rumour,
    spellings={"walking": _rumour_by_walking, "eigenvectors": _rumour_by_eigenvectors},
    probes=[
        (_path(3), np.array([1.0, 0.0, 0.0]), 0.1, 100),
        (_STAR, np.array([0.3, 1.0, 1.2, 1.0, -2.0]), 0.03, 200),
        (_TWO_GROUPS, np.array([2.0, -1.0, 0.5, 1.0, 3.0, -2.0]), 0.05, 40),
        (_path(4), np.array([0.4, 0.45, 0.5, 0.42]), 0.2, 5),
        (_path(4), np.array([3.0, -1.0, 2.0, 0.5]), 1e-5, 7),
    ],
    law=_friends_law,
    extremes=[
        (_path(24), np.linspace(-1.0, 3.0, 24) ** 2, 0.0013, 2000),
        (_path(16), np.sin(np.arange(16.0)), 1.7e-6, 1000),
    ],
    stable="a formula for the limits, from the numbers of friends; on a long path they are reached only after many "
    "hundreds of evenings",
    misconceptions=[
        Misconception(
            "the plain mean",
            _to_limits(_group_means),
            "For the end you took the plain mean of each group. But the mean of all opinions changes from evening to "
            "evening: who has many friends is heard by many. Which weighted mean stays as it is?",
        ),
        Misconception(
            "friends as weights",
            _to_limits(_friends_as_weights),
            "You weighed everybody by the number of friends. Nearly: they all listen to themselves as well, and that "
            "is one listener more for each.",
        ),
        Misconception(
            "one village",
            _to_limits(_one_village),
            "You gave one end to all. No word passes between groups that do not know each other: each has an end of "
            "its own.",
        ),
        Misconception(
            "the end of patience",
            lambda adjacency, opinions, tolerance, patience: (
                np.linalg.matrix_power(_averaging(adjacency), patience) @ opinions,
                _rumour(adjacency, opinions, tolerance, patience)[1],
            ),
            "You took the opinions after `patience` evenings for the end. They may still be far from it: it goes on "
            "for ever. Find a number that no evening changes.",
        ),
        Misconception(
            "roots of both degrees",
            _by_roots,
            "You averaged with D̃^(−½)(A + I)D̃^(−½), as the layers do. In this story everybody takes a plain mean: "
            "rows add up to 1. (Both have the same eigenvalues, and different eigenvectors.)",
        ),
        Misconception(
            "until little changes",
            _until(lambda now, after, limits, tolerance: np.max(np.abs(after - now)) <= tolerance),
            "The ends are right. You stopped when an evening changed little. On a slow network every evening changes "
            "little, and all are still far from the end.",
        ),
        Misconception(
            "until they agree",
            _until(
                lambda now, after, limits, tolerance: (
                    max(np.ptp(now[limits == one]) for one in np.unique(limits)) <= tolerance
                )
            ),
            "The ends are right. You stopped when no two of a group were further apart than the tolerance. Asked was "
            "the distance to the end, which may be smaller.",
        ),
        Misconception(
            "on average",
            _until(lambda now, after, limits, tolerance: np.mean(np.abs(now - limits)) <= tolerance),
            "The ends are right. You stopped when people were near them on average. *Everybody* is to be near.",
        ),
        Misconception(
            "root mean square",
            _until(lambda now, after, limits, tolerance: np.sqrt(np.mean((now - limits) ** 2)) <= tolerance),
            "The ends are right. You stopped when the root mean square of the distances was small. *Everybody* is to "
            "be near.",
        ),
        Misconception(
            "the second eigenvalue alone",
            _by_second_eigenvalue,
            "The ends are right. For the evenings you trusted the second eigenvalue. It is the rate in the long run; "
            "what faster patterns do before, and how much of the slowest is there, it does not say. Count.",
        ),
        Misconception(
            "the evening counted before it came",
            lambda adjacency, opinions, tolerance, patience: (
                _limits(adjacency, opinions),
                min(_rumour(adjacency, opinions, tolerance, patience)[1] + 1, patience),
            ),
            "The ends are right, and the number of evenings is one too large. Look before the first evening: who is "
            "near from the start needs none.",
        ),
    ],
    hints=[
        "Two questions. First: which number about a group does an evening leave as it is? Try three people in a row. "
        "Second: can anybody move away from the end again?",
        "Add up everybody's opinion times (1 + number of friends), over a group: each evening leaves that as it is, "
        "since who has d friends is heard d + 1 times, with the weights 1/(their number + 1). And a mean is never "
        "further from the end than the furthest of those it is taken of.",
        "For each group the end is Σ(1 + dᵢ)xᵢ / Σ(1 + dᵢ). Then go from evening to evening with (A + I)x divided by "
        "1 + d, and stop at the first at which the largest distance is at most the tolerance, the start included.",
    ],
    praise="The second eigenvalue rules the long run: it says by which factor the distance shrinks each evening.",
)

# --- is this AUC surprising? ------------------------------------------------------------------------------------------


def _villages_law(rng):
    """Three to five villages, scores with ties or without, at least one road and one pair without."""
    villages = rng.integers(3, 6)
    upper = np.triu_indices(villages, 1)
    scores, adjacency = np.zeros((villages, villages)), np.zeros((villages, villages), dtype=int)
    levels = rng.normal(0, 2, rng.choice([2, 3, 30]))
    scores[upper] = rng.choice(levels, len(upper[0]))
    roads = rng.permutation(len(upper[0])) < rng.integers(1, len(upper[0]))
    adjacency[upper] = roads
    if rng.random() < 0.3:  # a model that knows something
        scores[upper] += 2 * roads
    return scores + scores.T, adjacency + adjacency.T


def _wins(scores, roads):
    """Return twice the number of comparisons won (…,), ties as a half, for marked pairs (…, P); a whole number."""
    beats = (scores[:, None] > scores).astype(int) + (scores[:, None] >= scores)
    return np.einsum("...i,ij,...j->...", roads, beats, 1 - roads)


def _auc_of(scores, roads):
    return _wins(scores, roads) / (2 * roads.sum(-1) * (1 - roads).sum(-1))


def _namings(adjacency):
    """Return the graph under every naming of its villages, as marked pairs (N!, P)."""
    orders = np.array([*itertools.permutations(range(len(adjacency)))])
    rows, columns = np.triu_indices(len(adjacency), 1)
    return adjacency[orders[:, rows], orders[:, columns]]


def _pairs(scores, adjacency):
    upper = np.triu_indices(len(scores), 1)
    return scores[upper], adjacency[upper]


def _surprise(scores, adjacency):
    values, roads = _pairs(scores, adjacency)
    return _auc_of(values, roads), np.mean(_wins(values, _namings(adjacency)) >= _wins(values, roads))


def _surprise_loop(scores, adjacency):
    villages = range(len(scores))

    def auc(order):
        linked, others = [], []
        for i in villages:
            for j in range(i):
                (linked if adjacency[i, j] else others).append(scores[order[i], order[j]])
        won = sum((up > down) + 0.5 * (up == down) for up in linked for down in others)
        return won / (len(linked) * len(others))

    seen = auc(villages)
    values = [auc(order) for order in itertools.permutations(villages)]
    return seen, sum(value >= seen - 1e-9 for value in values) / len(values)


def _surprise_ranks(scores, adjacency):
    """By rank sums; each graph that a naming can give comes from equally many namings, so one of each will do."""
    values, roads = _pairs(scores, adjacency)
    graphs = np.unique(_namings(adjacency), axis=0)
    sums = graphs @ stats.rankdata(values)
    links = roads.sum()
    auc = (roads @ stats.rankdata(values) - links * (links + 1) / 2) / (links * (len(roads) - links))
    return auc, np.mean(sums >= roads @ stats.rankdata(values))


def _with_share(share_of):
    """Build a misconception about the probability, from the wins under all namings and those that were seen."""

    def answer(scores, adjacency):
        values, roads = _pairs(scores, adjacency)
        return _auc_of(values, roads), share_of(_wins(values, _namings(adjacency)), _wins(values, roads), roads)

    return answer


def _strict(values, roads, ties):
    """Return the number of comparisons won, ties counted as `ties`, times 2."""
    beats = 2 * (values[:, None] > values) + 2 * ties * (values[:, None] == values)
    return np.einsum("...i,ij,...j->...", roads, beats, 1 - roads)


def _with_ties(ties):
    """Build a misconception about what a tie counts, in the AUC and in the share."""

    def answer(scores, adjacency):
        values, roads = _pairs(scores, adjacency)
        seen, every = _strict(values, roads, ties), _strict(values, _namings(adjacency), ties)
        return seen / (2 * roads.sum() * (1 - roads).sum()), np.mean(every >= seen)

    return answer


def _pairs_shuffled(scores, adjacency):
    values, roads = _pairs(scores, adjacency)
    every = np.zeros((math.comb(len(roads), roads.sum()), len(roads)), dtype=int)
    for row, chosen in zip(every, itertools.combinations(range(len(roads)), roads.sum()), strict=True):
        row[[*chosen]] = 1
    return _auc_of(values, roads), np.mean(_wins(values, every) >= _wins(values, roads))


def _normal(scores, adjacency):
    values, roads = _pairs(scores, adjacency)
    auc, linked, others = _auc_of(values, roads), roads.sum(), (1 - roads).sum()
    return auc, stats.norm.sf((auc - 0.5) / np.sqrt((linked + others + 1) / (12 * linked * others)))


def _diagonal_too(scores, adjacency):
    rows, columns = np.triu_indices(len(scores))
    values, roads = scores[rows, columns], adjacency[rows, columns]
    orders = np.array([*itertools.permutations(range(len(scores)))])
    every = adjacency[orders[:, rows], orders[:, columns]]
    return _auc_of(values, roads), np.mean(_wins(values, every) >= _wins(values, roads))


def _table(size, **entries):
    table = np.zeros((size, size))
    for name, value in entries.items():
        i, j = int(name[1]), int(name[2])
        table[i, j] = table[j, i] = value
    return table


is_it_surprising = Exercise(
    name="is_it_surprising",
    arguments=("scores", "adjacency"),
    returns=("AUC", "probability"),
    reference=_surprise,
    spellings={"loop": _surprise_loop, "rank sums": _surprise_ranks},
    probes=[
        (_table(3, p01=2.0, p02=1.0, p12=0.0), _table(3, p01=1).astype(int)),
        (
            _table(4, p01=2.0, p02=0.5, p03=-1.0, p12=1.5, p13=0.0, p23=-0.5),
            _table(4, p01=1, p12=1, p02=1).astype(int),
        ),
        (
            _table(4, p01=1.0, p02=1.0, p03=0.0, p12=0.0, p13=1.0, p23=0.0),
            _table(4, p01=1, p23=1).astype(int),
        ),
        (
            _table(5, p01=3, p02=2.5, p03=2.0, p04=1.0, p12=0.4, p13=0.3, p14=-0.6, p23=0.2, p24=-1.0, p34=0.3),
            _table(5, p01=1, p02=1, p03=1, p12=1).astype(int),
        ),
    ],
    law=_villages_law,
    misconceptions=[
        Misconception(
            "pairs shuffled",
            _pairs_shuffled,
            "The AUC is right. For the probability you dealt out the roads among all *pairs*. Names are put on "
            "villages, and the pairs of a village move together; a model that knows nothing but who has many roads "
            "would seem more surprising than it is.",
        ),
        Misconception(
            "strictly better",
            _with_share(lambda every, seen, roads: np.mean(every > seen)),
            "The AUC is right. For the probability you counted namings that do *better*. Asked was at least as well: "
            "otherwise the best possible AUC would have probability 0.",
        ),
        Misconception(
            "without the true naming",
            _with_share(lambda every, seen, roads: (np.sum(every >= seen) - 1) / (len(every) - 1)),
            "The AUC is right. From the namings you left out the true one. Whoever is blindfold may hit upon it as "
            "well: it is one of the N! ways.",
        ),
        Misconception(
            "the other tail",
            _with_share(lambda every, seen, roads: np.mean(every <= seen)),
            "The AUC is right. The probability is that of an AUC at most as large. A large one is to surprise.",
        ),
        Misconception(
            "both tails",
            _with_share(
                lambda every, seen, roads: np.mean(
                    np.abs(every - roads.sum() * (1 - roads).sum()) >= abs(seen - roads.sum() * (1 - roads).sum())
                )
            ),
            "The AUC is right. For the probability you counted both tails, those far below ½ as well. Asked was an AUC "
            "at least as large.",
        ),
        Misconception(
            "a normal approximation",
            _normal,
            "The AUC is right. For the probability you took the normal approximation of Mann and Whitney. It is one "
            "for many independent pairs; here are few, and they share villages. All namings can be counted.",
        ),
        Misconception(
            "ties lost",
            _with_ties(0),
            "Equal scores count nothing in your AUC. A coin would decide them: each counts one half.",
        ),
        Misconception(
            "ties won",
            _with_ties(1),
            "Equal scores count as won in your AUC. A coin would decide them: each counts one half.",
        ),
        Misconception(
            "villages with themselves",
            _diagonal_too,
            "The diagonal was counted: a village with itself, as a pair without a road. Take i < j.",
        ),
    ],
    hints=[
        "The AUC is the probability that a pair with a road, drawn at random, has a larger score than a pair without; "
        "a coin decides where they are equal. And what is it that blindfold people shuffle: pairs, or villages?",
        "Villages. If the names are put on in another order, rows and columns of `adjacency` (or of `scores`) are "
        "reordered together. All N! orders are equally probable: itertools.permutations(range(N)).",
        "For each order take `adjacency[np.ix_(order, order)]`, its pairs i < j, and the AUC with the scores as they "
        "are. The probability is the share of orders with an AUC at least as large as the true one, up to rounding.",
    ],
    seconds=20.0,  # for those who call a library for each of the namings
    praise="Exchangeable are the nodes, not the pairs. With few nodes even a splendid AUC may be no surprise.",
)

# --- how many links are there to be found -----------------------------------------------------------------------------


def _tests_law(rng):
    """One to eight pairs, of which at least one is tested; from all non-links kept to very few."""
    pairs = rng.integers(1, 9)
    logits = rng.normal(rng.choice([-2, 0, 2]), 2.5, pairs)
    if rng.random() < 0.2:
        logits[: pairs // 2] = logits[0]
    kept = 1.0 if rng.random() < 0.1 else float(10 ** rng.uniform(-2.5, 0))
    return logits, kept, int(rng.integers(1, pairs + 1))


def _found(logits, kept, tests):
    p = special.expit(np.sort(logits)[::-1][:tests] + np.log(kept))
    return p.sum(), np.sqrt(np.sum(p * (1 - p)))


def _found_by_odds(logits, kept, tests):
    mean = variance = 0.0
    for logit in sorted(logits.tolist())[-tests:]:
        against = math.log(1 / kept) - logit  # the log-odds against a link
        p = 1 / (1 + math.exp(against)) if against < 0 else math.exp(-against) / (1 + math.exp(-against))
        mean, variance = mean + p, variance + p * (1 - p)
    return mean, variance**0.5


def _found_torch(logits, kept, tests):
    best = torch.topk(torch.as_tensor(logits), tests).values
    link = torch.distributions.Bernoulli(logits=best + math.log(kept))
    return link.mean.sum(), link.variance.sum().sqrt()


def _best(logits, tests):
    return np.sort(logits)[::-1][:tests]


def _with_probabilities(probabilities_of):
    """Build a misconception about the probabilities, from the logits that are tested and `kept`."""

    def answer(logits, kept, tests):
        p = probabilities_of(_best(logits, tests), kept)
        return p.sum(), np.sqrt(np.sum(np.maximum(p * (1 - p), 0)))

    return answer


def _with_spread(spread_of):
    """Build a misconception about the spread, from the right probabilities."""

    def answer(logits, kept, tests):
        p = special.expit(_best(logits, tests) + np.log(kept))
        return p.sum(), spread_of(p)

    return answer


links_to_find = Exercise(
    name="links_to_find",
    arguments=("logits", "kept", "tests"),
    returns=("expected number", "spread"),
    reference=_found,
    spellings={"odds": _found_by_odds, "torch": _found_torch},
    probes=[
        (np.array([0.0]), 0.25, 1),
        (np.array([1.5, -0.4, 2.2, 0.3]), 0.1, 2),
        (np.array([-1.0, 4.0, 0.5]), 0.02, 3),
        (np.array([0.7, 3.1, -2.0, 1.9, 1.9, -0.3]), 1.0, 4),
    ],
    law=_tests_law,
    extremes=[
        (np.array([1000.0, -1000.0, 2.0]), 0.1, 3),
        (np.array([-900.0, 40.0, -30.0]), 1e-12, 2),
    ],
    stable="scipy.special.expit of the logit plus log kept; e^1000 is infinite for the machine",
    misconceptions=[
        Misconception(
            "as the model says",
            _with_probabilities(lambda best, kept: special.expit(best)),
            "You took the model at its word. It has learned from a sample in which non-links are much rarer than they "
            "are among the pairs of the laboratory: its probabilities are too high.",
        ),
        Misconception(
            "the wrong way",
            _with_probabilities(lambda best, kept: special.expit(best - np.log(kept))),
            "You corrected in the wrong direction: your probabilities are higher than the model's. Among all pairs "
            "there are more non-links than in its sample.",
        ),
        Misconception(
            "probabilities times kept",
            _with_probabilities(lambda best, kept: kept * special.expit(best)),
            "You multiplied the probabilities by `kept`. It is the *odds* that change by that factor: a pair which is "
            "nearly certain stays so.",
        ),
        Misconception(
            "log-odds times kept",
            _with_probabilities(lambda best, kept: special.expit(kept * best)),
            "You multiplied the logits by `kept`. The odds change by that factor, so the logits by an added constant.",
        ),
        Misconception(
            "kept taken off the logits",
            _with_probabilities(lambda best, kept: special.expit(best - kept)),
            "You took `kept` off the logits. A factor of the odds is a summand of their logarithm: which?",
        ),
        Misconception(
            "the first of the list",
            lambda logits, kept, tests: _found(logits[:tests], kept, tests),
            "You tested the first pairs of the list. The laboratory takes the most promising ones.",
        ),
        Misconception(
            "the least promising",
            lambda logits, kept, tests: _found(np.sort(logits)[:tests], kept, tests),
            "You tested the least promising pairs: sort in descending order.",
        ),
        Misconception(
            "all pairs",
            lambda logits, kept, tests: _found(logits, kept, len(logits)),
            "You counted all pairs. Only `tests` of them are looked at.",
        ),
        Misconception(
            "binomial",
            _with_spread(lambda p: np.sqrt(len(p) * p.mean() * (1 - p.mean()))),
            "The expected number is right. For the spread you gave all pairs the mean probability. Variances of "
            "independent pairs add up, each with its own; unequal probabilities make the sum *less* uncertain.",
        ),
        Misconception(
            "Poisson",
            _with_spread(lambda p: np.sqrt(p.sum())),
            "The expected number is right. Its root is the spread of a Poisson variable, and fits where all are rare. "
            "A pair that is nearly certain adds nearly nothing.",
        ),
        Misconception(
            "spreads added",
            _with_spread(lambda p: np.sqrt(p * (1 - p)).sum()),
            "The expected number is right. For the spread you added standard deviations. Of independent pairs the "
            "*variances* add up.",
        ),
        Misconception(
            "variance",
            _with_spread(lambda p: np.sum(p * (1 - p))),
            "The expected number is right, and the second is its variance: take the root.",
        ),
    ],
    hints=[
        "Take a thousand pairs that look alike, ten of them links. Of the non-links one in a hundred is kept. What "
        "share of links does the model see, and what share has the laboratory?",
        "Bayes: the sample multiplies the odds of a link by 1/kept. The model has learned those; undo it. And for the "
        "spread, each pair is a coin of its own.",
        "`p = expit(logit + log kept)` for the `tests` largest logits. The expected number is Σp, and its standard "
        "deviation √Σp(1 − p).",
    ],
    praise="The ranking was right all along, and so were AUC and average precision: neither sees a shift. A plan does.",
)

PROBLEMS = (rumour, is_it_surprising, links_to_find)
