"""Lesson 15, richer priors and clustering: its exercises about clusters and the classes they are compared with."""

import itertools

import numpy as np
from scipy import optimize
from sklearn.metrics.cluster import contingency_matrix

from course_utils.workshop.exercises import Exercise, Misconception


def _counts(classes, clusters):
    """How many points (C, K) are in each class and each cluster; labels may be any whole numbers."""
    return contingency_matrix(classes, clusters)


def _matched(table):
    rows, columns = optimize.linear_sum_assignment(table, maximize=True)
    return table[rows, columns].sum()


def _accuracy(classes, clusters):
    return _matched(_counts(classes, clusters)) / len(classes)


def _accuracy_by_trying(classes, clusters):
    table = _counts(classes, clusters)
    table = table if len(table) <= table.shape[1] else table.T
    ways = itertools.permutations(range(table.shape[1]), len(table))
    return max(sum(row[k] for row, k in zip(table, way, strict=True)) for way in ways) / len(classes)


def _accuracy_by_costs(classes, clusters):
    size = int(max(classes.max(), clusters.max())) + 1
    cost = np.zeros((size, size))
    for label, cluster in zip(classes, clusters, strict=True):
        cost[cluster, label] -= 1.0
    return -cost[optimize.linear_sum_assignment(cost)].sum() / classes.size


def _accuracy_by_sets(classes, clusters):
    """Give one class after the other to a cluster that is still free, or to none, and keep the best of each set."""
    names = list(np.unique(clusters))
    best = {frozenset(): 0}
    for label in np.unique(classes):
        following = dict(best)
        for used, points in best.items():
            for name in names:
                if name not in used:
                    key = used | {name}
                    reached = points + int(np.sum((classes == label) & (clusters == name)))
                    following[key] = max(following.get(key, 0), reached)
        best = following
    return max(best.values()) / len(classes)


def _greedy(classes, clusters):
    table = _counts(classes, clusters).astype(float)
    total = 0.0
    for _ in range(min(table.shape)):
        row, column = np.unravel_index(table.argmax(), table.shape)
        total += table[row, column]
        table[row], table[:, column] = -1, -1
    return total / len(classes)


def _in_turn(table):
    """Each row in its turn takes the best column that is left."""
    table, total = table.astype(float), 0.0
    for row in table:
        column = row.argmax()
        if row[column] < 0:
            break
        total += row[column]
        table[:, column] = -1
    return total


def _exchanged(classes, clusters):
    counts = _counts(classes, clusters)
    size = max(counts.shape)
    table = np.pad(counts, [(0, size - side) for side in counts.shape])
    names, better = np.arange(size), True
    while better:
        better = False
        for i, j in itertools.combinations(range(size), 2):
            if table[i, names[j]] + table[j, names[i]] > table[i, names[i]] + table[j, names[j]]:
                names[[i, j]] = names[[j, i]]
                better = True
    return table[np.arange(size), names].sum() / len(classes)


def _crossed(classes, clusters):
    table = _counts(classes, clusters)
    rows, columns = optimize.linear_sum_assignment(table.T, maximize=True)
    return table[rows, columns].sum() / len(classes)


def _surplus_cut(classes, clusters):
    table = _counts(classes, clusters)
    least = min(table.shape)
    return _matched(table[:least, :least]) / len(classes)


def _among_matched(classes, clusters):
    table = _counts(classes, clusters)
    rows, columns = optimize.linear_sum_assignment(table, maximize=True)
    return table[rows, columns].sum() / table[np.ix_(rows, columns)].sum()


def _worst(classes, clusters):
    table = _counts(classes, clusters)
    return table[optimize.linear_sum_assignment(table)].sum() / len(classes)


def _clusters_law(rng):
    """One to 30 points, one to five classes and clusters; clusters that follow the classes, or do not."""
    count, labels, groups = rng.integers(1, 31), rng.integers(1, 6), rng.integers(1, 6)
    if rng.random() < 0.3:
        groups = labels
    classes = rng.integers(0, labels, count)
    following = rng.permutation(max(labels, groups))[classes] % groups
    clusters = np.where(rng.random(count) < rng.uniform(0.2, 1), following, rng.integers(0, groups, count))
    if rng.random() < 0.3:  # names with gaps
        classes, clusters = 3 * classes + 1, rng.permutation(2 * groups)[clusters]
    return classes, clusters


def _points(table):
    """Return classes and clusters with these counts (C, K)."""
    table = np.asarray(table)
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


_TABLES = (
    [[2, 0, 2], [0, 3, 6], [5, 1, 2]],
    [[1, 6, 0, 2], [4, 0, 3, 0], [0, 5, 1, 4]],
    [[0, 7], [3, 2], [4, 1], [1, 1]],
    [[3, 1, 0], [0, 2, 4], [1, 1, 5], [2, 0, 1], [0, 6, 1]],
    [[2, 3, 0], [0, 2, 3], [3, 0, 2]],
)

matched_accuracy = Exercise(
    name="matched_accuracy",
    arguments=("classes", "clusters"),
    returns="accuracy",
    reference=_accuracy,
    spellings={
        "all ways": _accuracy_by_trying,
        "costs": _accuracy_by_costs,
        "sets of clusters": _accuracy_by_sets,
    },
    probes=[
        (np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])),
        *map(_points, _TABLES),
        (np.array([4, 4, 9, 9, 9, 2, 2]), np.array([0, 7, 7, 7, 3, 0, 0])),
    ],
    law=_clusters_law,
    misconceptions=[
        Misconception(
            "label order",
            lambda classes, clusters: np.mean(classes == clusters),
            "You compared the numbers themselves. Which cluster is called 0 is an accident of the start: first find "
            "which cluster stands for which class.",
        ),
        Misconception(
            "many clusters to one class",
            lambda classes, clusters: _counts(classes, clusters).max(axis=0).sum() / len(classes),
            "Each cluster got its most frequent class, and two clusters may have got the same. This is *purity*: with "
            "one cluster for each point it is 1. Here a class may be given to one cluster only.",
        ),
        Misconception(
            "many classes to one cluster",
            lambda classes, clusters: _counts(classes, clusters).max(axis=1).sum() / len(classes),
            "Each class got the cluster that holds most of it, and two classes may have got the same. With a single "
            "cluster for all points this is 1. One to one is asked for.",
        ),
        Misconception(
            "greedy",
            _greedy,
            "You took the largest number of the table, crossed out its row and its column, and went on. A large number "
            "may block two that are larger together. Look for the best sum over *all* one-to-one matchings.",
        ),
        Misconception(
            "cluster by cluster",
            lambda classes, clusters: _in_turn(_counts(classes, clusters).T) / len(classes),
            "The clusters choose in the order of their numbers, each the best class that is left. Rename the clusters, "
            "and the result changes. Look for the best sum over all matchings.",
        ),
        Misconception(
            "class by class",
            lambda classes, clusters: _in_turn(_counts(classes, clusters)) / len(classes),
            "The classes choose in the order of their numbers, each the best cluster that is left. Rename the classes, "
            "and the result changes. Look for the best sum over all matchings.",
        ),
        Misconception(
            "exchanged in pairs",
            _exchanged,
            "You exchanged the names of two clusters as long as that helped. Sometimes three have to move round in a "
            "circle, and no exchange of two is better on the way: look for the best sum over *all* matchings.",
        ),
        Misconception(
            "the smallest sum",
            _worst,
            "This is the *worst* matching. `linear_sum_assignment` looks for the smallest sum of costs: ask for "
            "`maximize=True`, or turn the sign of the table.",
        ),
        Misconception(
            "rows and columns crossed",
            _crossed,
            "The matching was found in the transposed table and read off in the other one: its two lists have changed "
            "places. A table of costs has one meaning for its rows, throughout.",
        ),
        Misconception(
            "surplus cut off",
            _surplus_cut,
            "You cut the table to a square before you matched. Which of the surplus clusters (or classes) goes without "
            "a partner is a part of the question, and not decided by their numbers.",
        ),
        Misconception(
            "among the matched",
            _among_matched,
            "You divided by the points whose class and cluster both have a partner. The others count as well: they are "
            "wrong.",
        ),
    ],
    hints=(
        "Count how many points are in class c and cluster k. A matching picks cells of that table, at most one of each "
        "row and each column.",
        "The best sum of such cells is a known problem, the *assignment problem*: "
        "`scipy.optimize.linear_sum_assignment`. A table need not be square for it.",
        "`np.unique(…, return_inverse=True)` turns labels into indices; `np.add.at(table, (c, k), 1)` counts; "
        "`rows, columns = linear_sum_assignment(table, maximize=True)`; divide by all N points.",
    ),
    praise="This is what papers call clustering accuracy. It saw the labels once, to name the clusters, and that is "
    "worth remembering when K is large.",
)


# --- 15.6 -------------------------------------------------------------------------------------------------------------


def _purity(classes, clusters):
    return _counts(classes, clusters).max(axis=0).sum() / len(classes)


def _on_scale(score, chance):
    return 0.0 if chance == 1 else (score - chance) / (1 - chance)


def _above(classes, clusters, orders):
    answers = []
    for score in (_purity, _accuracy):
        chance = np.mean([score(classes, clusters[order]) for order in orders])
        answers.append(_on_scale(score(classes, clusters), chance))
    return tuple(answers)


def _above_one_hot(classes, clusters, orders):
    """With tables that are matrix products, of all shuffled clusterings together."""
    labels = (classes[:, None] == np.unique(classes)).astype(float)
    groups = (clusters[:, None] == np.unique(clusters)).astype(float)
    tables = np.einsum("nc,pnk->pck", labels, np.concatenate([groups[None], groups[orders]]))
    purities = tables.max(axis=1).sum(axis=1) / len(classes)
    matched = np.array([table[optimize.linear_sum_assignment(-table)].sum() for table in tables]) / len(classes)
    answers = []
    for first, *others in (purities, matched):
        rest = 1 - np.mean(others)
        answers.append(1 - (1 - first) / rest if rest > 1e-12 else 0.0)
    return answers


def _above_loop(classes, clusters, orders):
    def scores(groups):
        table = {}
        for label, group in zip(classes.tolist(), groups, strict=True):
            table[label, group] = table.get((label, group), 0) + 1
        names, found = sorted(set(classes.tolist())), sorted(set(groups))
        pure = sum(max(table.get((label, group), 0) for label in names) for group in found)
        square = np.array([[table.get((label, group), 0) for group in found] for label in names])
        return pure / len(groups), _matched(square) / len(groups)

    pure, matched = scores(clusters.tolist())
    by_chance = np.mean([scores([clusters[i].item() for i in order]) for order in orders], axis=0)
    return _on_scale(pure, by_chance[0]), _on_scale(matched, by_chance[1])


def _against(chance_of):
    """Build a misconception from what is taken for chance, of (classes, clusters, orders, score)."""

    def answer(classes, clusters, orders):
        return tuple(
            _on_scale(score(classes, clusters), chance_of(classes, clusters, orders, score))
            for score in (_purity, _accuracy)
        )

    return answer


def _shuffled(classes, clusters, orders, score):
    return np.array([score(classes, clusters[order]) for order in orders])


def _with_score(change):
    """Build a misconception from both scores and their averages over the shuffles."""

    def answer(classes, clusters, orders):
        return tuple(
            change(score(classes, clusters), _shuffled(classes, clusters, orders, score))
            for score in (_purity, _accuracy)
        )

    return answer


def _match_kept(classes, clusters, orders):
    table = _counts(classes, clusters)
    rows, columns = optimize.linear_sum_assignment(table, maximize=True)
    chance = np.mean([_counts(classes, clusters[order])[rows, columns].sum() for order in orders]) / len(classes)
    return _above(classes, clusters, orders)[0], _on_scale(_accuracy(classes, clusters), chance)


def _pure_classes(classes, clusters, orders):
    def turned(classes, clusters):
        return _purity(clusters, classes)

    chance = np.mean(_shuffled(classes, clusters, orders, turned))
    return _on_scale(turned(classes, clusters), chance), _above(classes, clusters, orders)[1]


def _largest_class(classes, clusters, orders, score):
    return np.unique(classes, return_counts=True)[1].max() / len(classes)


def _shuffles_law(rng):
    """Three to 24 points, one to four classes, one to six clusters or one for each point, one to six shuffles."""
    count = rng.integers(3, 25)
    classes = rng.integers(0, rng.integers(1, 5), count)
    clusters = np.where(rng.random(count) < 0.6, 2 * classes, rng.integers(0, rng.integers(1, 7), count))
    if rng.random() < 0.15:
        clusters = rng.permutation(count)
    return classes, clusters, np.array([rng.permutation(count) for _ in range(rng.integers(1, 7))])


def _orders(seed, shuffles, count):
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(count) for _ in range(shuffles)])


above_chance = Exercise(
    name="above_chance",
    arguments=("classes", "clusters", "orders"),
    returns=("purity above chance", "accuracy above chance"),
    reference=_above,
    spellings={"all at once": _above_one_hot, "loop": _above_loop},
    probes=[
        (np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), np.array([[0, 2, 1, 3]])),
        (*_points(_TABLES[1]), _orders(0, 5, 26)),
        (*_points(_TABLES[2]), _orders(1, 3, 19)),
        (np.array([0, 1, 0, 2, 1, 0]), np.arange(6), _orders(2, 2, 6)),
        (*_points(_TABLES[0]), _orders(3, 4, 21)),
    ],
    law=_shuffles_law,
    draws=16,
    misconceptions=[
        Misconception(
            "one in C",
            _against(lambda classes, clusters, orders, score: 1 / len(np.unique(classes))),
            "You took 1/C for chance. Names are given to the clusters *after* looking, and the best ones: that alone "
            "is worth more than 1/C, and the more so the more clusters there are. The shuffles say how much.",
        ),
        Misconception(
            "the largest class",
            _against(_largest_class),
            "You took the share of the largest class for chance: what one gets by calling everything by its name. Many "
            "small clusters get more without knowing anything. The shuffles say how much.",
        ),
        Misconception(
            "the matching kept",
            _match_kept,
            "For the shuffled clusters you kept the matching of the real ones. The real ones got the best matching for "
            "themselves; to compare fairly, each shuffle gets its own.",
        ),
        Misconception(
            "0/0",
            _with_score(lambda score, shuffled: np.divide(score - shuffled.mean(), 1 - shuffled.mean())),
            "Right, until shuffled clusters are perfect too, as one cluster for every point is for purity. Then you "
            "divide 0 by 0; the answer asked for is 0.",
        ),
        Misconception(
            "classes shuffled",
            _against(lambda classes, clusters, orders, score: np.mean([score(classes[o], clusters) for o in orders])),
            "You put the classes into each order and left the clusters alone. That is as good on average, but it is "
            "another set of shuffles: asked for is `clusters[order]`.",
        ),
        Misconception(
            "difference",
            _with_score(lambda score, shuffled: score - shuffled.mean()),
            "You took the difference. A perfect clustering should have 1: divide by how much there was to gain above "
            "chance.",
        ),
        Misconception(
            "relative to chance",
            _with_score(
                lambda score, shuffled: 0.0 if shuffled.mean() == 1 else (score - shuffled.mean()) / shuffled.mean()
            ),
            "You divided by chance. A perfect clustering should have 1: divide by what was left to gain, 1 − chance.",
        ),
        Misconception(
            "the best shuffle",
            _against(lambda *arguments: _shuffled(*arguments).max()),
            "You compared with the best of the shuffles. With more shuffles that grows; chance is their average.",
        ),
        Misconception(
            "how often beaten",
            _with_score(lambda score, shuffled: np.mean(shuffled < score)),
            "This is how often a shuffle is beaten, which tells whether there is anything, and not how much.",
        ),
        Misconception(
            "each shuffle by itself",
            _with_score(lambda score, shuffled: np.mean([_on_scale(score, chance) for chance in shuffled])),
            "You put the score on a scale for each shuffle and averaged these. Chance is one number, the average over "
            "the shuffles: average first.",
        ),
        Misconception(
            "classes and clusters swapped",
            _pure_classes,
            "For purity you gave each class its largest cluster. Purity asks of each *cluster* how much of it is one "
            "class.",
        ),
    ],
    hints=(
        "What do purity and accuracy say of clusters that know nothing? Each shuffle is such a clustering, with the "
        "same sizes.",
        "Compute both scores once for the clusters and once for each `clusters[order]`, the matching anew each time; "
        "average the latter. Which straight line takes chance to 0 and 1 to 1?",
        "`(score - chance) / (1 - chance)`, and 0 where chance is 1.",
    ),
    praise="Clusters that know nothing now get 0 on average, however many there are.",
)
