"""Lesson 12, graphs: its exercises about what a node hears from its neighbours."""

import numpy as np
import torch
from scipy import sparse

from course_utils.lessons.graphs.exercises_bound import graph_elbo, weighted_loss
from course_utils.lessons.graphs.exercises_links import average_precision, split_edges
from course_utils.workshop.exercises import Exercise, Misconception

# --- a list of edges becomes the matrix that averages -----------------------------------------------------------------


def _edges_law(rng):
    """One to six nodes, none to eight lines; loops, edges in both directions, and edges that are listed twice."""
    count = int(rng.integers(1, 7))
    edges = rng.integers(0, count, (rng.integers(0, 9), 2))
    if len(edges) and rng.random() < 0.4:
        edges = np.concatenate([edges, edges[rng.integers(0, len(edges), 2)][:, :: rng.choice([1, -1])]])
    return edges, count


def _table(edges, count, loops=True):
    table = np.zeros((count, count))
    table[edges[:, 0], edges[:, 1]] = table[edges[:, 1], edges[:, 0]] = 1
    if loops:
        np.fill_diagonal(table, 1)
    return table


def _propagation(edges, count):
    table = _table(edges, count)
    degrees = table.sum(axis=1)
    return table / np.sqrt(np.outer(degrees, degrees))


def _propagation_from_sets(edges, count):
    heard = [{i} for i in range(count)]
    for i, j in edges.tolist():
        heard[i].add(j)
        heard[j].add(i)
    return [[(j in heard[i]) / (len(heard[i]) * len(heard[j])) ** 0.5 for j in range(count)] for i in range(count)]


def _propagation_torch(edges, count):
    places = torch.as_tensor(edges, dtype=torch.long)
    table = torch.eye(count, dtype=torch.float64)
    table[places[:, 0], places[:, 1]] = 1.0
    table = torch.maximum(table, table.T)
    root = torch.diag(table.sum(1) ** -0.5)
    return root @ table @ root


def _propagation_sparse(edges, count):
    every = np.arange(count)
    rows = np.concatenate([edges[:, 0], edges[:, 1], every])
    columns = np.concatenate([edges[:, 1], edges[:, 0], every])
    table = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()  # it adds repetitions
    table.data[:] = 1.0
    root = sparse.diags_array(1 / np.sqrt(table.sum(axis=1)))
    return (root @ table @ root).toarray()


def _inverse_root(degrees):
    """Return degrees^(−½), with 0 for nodes without neighbours, as most people mend it."""
    return np.divide(1, np.sqrt(degrees), out=np.zeros(len(degrees)), where=degrees > 0)


def _by_products(table, degrees):
    """Multiply by diagonal matrices; a degree of 0 makes its whole row and column NaN."""
    root = np.diag(1 / np.sqrt(degrees))
    return root @ table @ root


def _scaled(table, degrees):
    root = _inverse_root(degrees)
    return root[:, None] * table * root


def _listed(edges, count):
    """Return how often each pair is listed, either way round; a loop counts once in each line."""
    table = np.zeros((count, count))
    for i, j in edges:
        table[i, j] += 1
        if i != j:
            table[j, i] += 1
    return table


def _with_table(answer):
    """Build a misconception from the table without added loops, those of the list included."""
    return lambda edges, count: answer(_table(edges, count, loops=False), np.eye(count))


def _one_direction(edges, count):
    table = np.eye(count)
    table[edges[:, 0], edges[:, 1]] = 1
    return _scaled(table, table.sum(axis=1))


def _counted(edges, count):
    table = _listed(edges, count)
    np.fill_diagonal(table, 1)
    return _scaled(table, table.sum(axis=1))


def _degrees_counted(edges, count):
    table = _listed(edges, count)
    np.fill_diagonal(table, 1)
    return _scaled(_table(edges, count), table.sum(axis=1))


propagation_matrix = Exercise(
    name="propagation_matrix",
    arguments=("edges", "count"),
    returns="propagation",
    reference=_propagation,
    spellings={
        "sets": _propagation_from_sets,
        "torch": _propagation_torch,
        "scipy.sparse": _propagation_sparse,
    },
    probes=[
        (np.array([[0, 1], [1, 2]]), 3),
        (np.array([[0, 1], [1, 0], [2, 2], [1, 2], [3, 1]]), 5),
        (np.array([[2, 0], [0, 1], [3, 3], [2, 0], [1, 3]]), 4),
        (np.zeros((0, 2), dtype=int), 2),
    ],
    law=_edges_law,
    misconceptions=[
        Misconception(
            "no loops added",
            _with_table(lambda table, identity: _scaled(table, table.sum(axis=1))),
            "No loops were added. A node then hears its neighbours and not itself, and one without neighbours hears "
            "nothing at all: put a 1 at every place of the diagonal first.",
        ),
        Misconception(
            "no loops added, 0/0",
            _with_table(lambda table, identity: table / np.sqrt(np.outer(table.sum(axis=1), table.sum(axis=1)))),
            "No loops were added. A node then hears its neighbours and not itself, and one without neighbours has "
            "degree 0, which gives 0/0: put a 1 at every place of the diagonal first.",
        ),
        Misconception(
            "a loop upon a loop",
            _with_table(lambda table, identity: _scaled(table + identity, (table + identity).sum(axis=1))),
            "You added a loop to every node, also to those whose loop is in the list: these now have a 2 on the "
            "diagonal. Set the diagonal to 1 instead of adding to it.",
        ),
        Misconception(
            "degree without the loop",
            _with_table(lambda table, identity: _scaled(np.maximum(table, identity), table.sum(axis=1))),
            "The loops are in the matrix, but the degrees were counted before they came. Count them again: √d̃ is an "
            "eigenvector with eigenvalue 1 only if d̃ are the row sums of the matrix that you divide.",
        ),
        Misconception(
            "degree without the loop, 1/0",
            _with_table(lambda table, identity: _by_products(np.maximum(table, identity), table.sum(axis=1))),
            "The loops are in the matrix, but the degrees were counted before they came: a node without neighbours has "
            "degree 0, and 1/0 is infinite. Count the degrees with the loops.",
        ),
        Misconception(
            "the mean over a row",
            lambda edges, count: _table(edges, count) / _table(edges, count).sum(axis=1, keepdims=True),
            "You divided each row by its sum: that is D̃⁻¹(A + I), a plain mean, and it is not symmetric. Here both "
            "ends share: divide by the root of the degree of row *and* of column.",
        ),
        Misconception(
            "the mean over a column",
            lambda edges, count: _table(edges, count) / _table(edges, count).sum(axis=1),
            "You divided each column by its sum, (A + I)D̃⁻¹, and that is not symmetric. Here both ends share: divide "
            "by the root of the degree of row *and* of column.",
        ),
        Misconception(
            "no root",
            lambda edges, count: (
                _table(edges, count) / np.outer(_table(edges, count).sum(axis=1), _table(edges, count).sum(axis=1))
            ),
            "You divided by both degrees, without their roots. Then rows of a node with many neighbours nearly vanish: "
            "D̃^(−½) stands on each side, and together they make one degree.",
        ),
        Misconception(
            "one direction",
            _one_direction,
            "Each edge was entered in the direction in which the list has it. The graph has no directions: if i is a "
            "neighbour of j, then j is one of i.",
        ),
        Misconception(
            "repetitions counted",
            _counted,
            "An edge that is listed twice, or once each way, counts double in your matrix. It is one edge, with a 1 at "
            "its place.",
        ),
        Misconception(
            "repetitions counted in the degree",
            _degrees_counted,
            "The entries are those of a simple graph, but the degrees were counted from the list, where an edge may "
            "stand twice. Take the row sums of the finished matrix.",
        ),
        Misconception(
            "the identity added last",
            _with_table(lambda table, identity: _scaled(table, table.sum(axis=1)) + identity),
            "You normalised first and added the identity then. Its eigenvalues reach 2, and features grow with each "
            "layer: the loops come first, so that they are part of the degree.",
        ),
    ],
    hints=(
        "First the matrix of ones and zeros, then its degrees, then the division; in this order.",
        "Assign 1 instead of adding 1: at [i, j], at [j, i], and on the whole diagonal. Repetitions and loops in the "
        "list then do no harm.",
        "`degrees = table.sum(axis=1)`, and then `table / np.sqrt(np.outer(degrees, degrees))`.",
    ),
    praise="Loops once, degrees last. A matrix that this was forgotten in still trains, and nobody is warned.",
)

# --- a layer on a graph with directions -------------------------------------------------------------------------------


def _layer_law(rng):
    """One to five nodes that listen to some others or to none; one to four features in and out."""
    nodes, inputs, outputs = rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 5)
    adjacency = (rng.random((nodes, nodes)) < rng.choice([0.2, 0.5, 0.9])).astype(float)
    np.fill_diagonal(adjacency, 0)
    features = rng.normal(0.2, 1.2, (nodes, inputs))
    features[rng.random((nodes, inputs)) < 0.1] = 0.0
    features[~features.any(axis=1)] = 0.6  # at a hidden 0 the slope of a ReLU is a matter of taste
    return tuple(map(torch.tensor, (adjacency, features, rng.normal(0, 1, (inputs, outputs)))))


def _with_itself(adjacency):
    return adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype)


def _mean_of(table):
    return table / table.sum(1, keepdim=True)


def _listening(adjacency, features, weight):
    return torch.relu(_mean_of(_with_itself(adjacency)) @ features @ weight)


def _listening_loop(adjacency, features, weight):
    rows = []
    for i in range(len(adjacency)):
        total, heard = features[i], 1
        for j in range(len(adjacency)):
            if adjacency[i, j] == 1:
                total, heard = total + features[j], heard + 1
        rows.append((total / heard) @ weight)
    return torch.stack(rows).clamp(min=0)


def _listening_linear_first(adjacency, features, weight):
    messages = features @ weight
    return ((messages + adjacency @ messages) / (1 + adjacency.sum(1))[:, None]).relu()


def _with_mixing(mixing):
    """Build a misconception from the matrix that mixes the nodes."""
    return lambda adjacency, features, weight: torch.relu(mixing(adjacency) @ features @ weight)


def _symmetric(adjacency):
    table = _with_itself(adjacency)
    root = table.sum(1) ** -0.5
    return root[:, None] * table * root


listening_layer = Exercise(
    name="listening_layer",
    arguments=("adjacency", "features", "weight"),
    returns="hidden",
    reference=_listening,
    spellings={"loop": _listening_loop, "linear map first": _listening_linear_first},
    probes=[
        (
            torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64),
            torch.tensor([[2.0, 0.0], [4.0, -1.0]], dtype=torch.float64),
            torch.tensor([[1.0, 0.0], [0.5, -2.0]], dtype=torch.float64),
        ),
        (
            torch.tensor([[0.0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype=torch.float64),
            torch.tensor([[1.0, -0.4], [0.3, 2.0], [-1.5, 0.7]], dtype=torch.float64),
            torch.tensor([[0.8, -1.0, 0.2], [0.5, 0.3, 1.1]], dtype=torch.float64),
        ),
        (
            torch.tensor([[0.0, 0, 0, 1], [1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], dtype=torch.float64),
            torch.tensor([[0.5], [-1.0], [2.0], [1.5]], dtype=torch.float64),
            torch.tensor([[1.0, -0.6]], dtype=torch.float64),
        ),
    ],
    law=_layer_law,
    gradients=("features", "weight"),
    misconceptions=[
        Misconception(
            "heard instead of hearing",
            _with_mixing(lambda adjacency: _mean_of(_with_itself(adjacency.T))),
            "The directions are turned: node i takes from those that listen to *it*. a_ij = 1 says that i listens to "
            "j, so row i of the adjacency holds what i takes.",
        ),
        Misconception(
            "neighbours summed",
            _with_mixing(_with_itself),
            "You added up what a node hears, and did not divide. A node that listens to many then has large numbers "
            "for that reason alone, and layer after layer they grow.",
        ),
        Misconception(
            "keepdim forgotten",
            _with_mixing(lambda adjacency: _with_itself(adjacency) / _with_itself(adjacency).sum(1)),
            "You divided column j by the sum of row j: a vector (N,) is laid along the rows. With `keepdim=True` it is "
            "a column (N, 1), and each row is divided by its own sum.",
        ),
        Misconception(
            "divided by all nodes",
            _with_mixing(lambda adjacency: _with_itself(adjacency) / len(adjacency)),
            "You divided by the number of all nodes. The mean is over those that a node hears: itself and all to whom "
            "it listens.",
        ),
        Misconception(
            "nobody heard",
            lambda adjacency, features, weight: torch.relu(features @ weight),
            "The adjacency does nothing in your answer: this is an ordinary layer, for each node alone.",
        ),
        Misconception(
            "own features forgotten",
            _with_mixing(lambda adjacency: adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)),
            "A node takes the mean of the others and forgets itself. Its own features belong to the mean, with the "
            "same weight as each of the others'.",
        ),
        Misconception(
            "own features forgotten, 0/0",
            _with_mixing(_mean_of),
            "A node takes the mean of the others and forgets itself, and one that listens to nobody has 0/0. Its own "
            "features belong to the mean.",
        ),
        Misconception(
            "divided by the others alone",
            _with_mixing(lambda adjacency: _with_itself(adjacency) / adjacency.sum(1, keepdim=True).clamp(min=1)),
            "Your sum holds the node itself, but the number that it is divided by does not: it is a mean of one more.",
        ),
        Misconception(
            "half for itself",
            _with_mixing(
                lambda adjacency: torch.where(
                    adjacency.sum(1, keepdim=True) > 0,
                    (
                        torch.eye(len(adjacency), dtype=torch.float64)
                        + adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)
                    )
                    / 2,
                    torch.eye(len(adjacency), dtype=torch.float64),
                )
            ),
            "You averaged the node with the mean of the others, so that it has half of the weight. Asked was one mean "
            "over all of them, the node among them.",
        ),
        Misconception(
            "roots of both degrees",
            _with_mixing(_symmetric),
            "This is the symmetric normalisation of the text, by the roots of both ends' degrees. With directions it "
            "is no mean: divide each row by its own sum.",
        ),
        Misconception(
            "no ReLU",
            lambda adjacency, features, weight: _mean_of(_with_itself(adjacency)) @ features @ weight,
            "Negative numbers are left: the ReLU at the end is missing.",
        ),
        Misconception(
            "ReLU before the mean",
            lambda adjacency, features, weight: _mean_of(_with_itself(adjacency)) @ torch.relu(features @ weight),
            "You cut off at zero before you averaged. Mean and linear map may change places, since both are linear; "
            "the ReLU may not: it comes last.",
        ),
        Misconception(
            "two ReLUs",
            lambda adjacency, features, weight: torch.relu(
                torch.relu(_mean_of(_with_itself(adjacency)) @ features) @ weight
            ),
            "There is a ReLU too many: the mean goes to W as it is, negative numbers included.",
        ),
        Misconception(
            "weight turned",
            lambda adjacency, features, weight: torch.relu(_mean_of(_with_itself(adjacency)) @ features @ weight.T),
            "You multiplied by Wᵀ. The weight is (F, H): nodes are rows, so features (N, F) stand on its left and "
            "nothing is turned. (torch.nn.Linear keeps its weight the other way, as (H, F).)",
        ),
        Misconception(
            "weight on the left",
            lambda adjacency, features, weight: torch.relu(weight @ (_mean_of(_with_itself(adjacency)) @ features)),
            "W stands on the wrong side. From the left a matrix mixes nodes, from the right features: the adjacency "
            "belongs on the left, the weight on the right.",
        ),
    ],
    hints=(
        "From the left a matrix mixes nodes, from the right it mixes features. Which of the two does W do?",
        "Row i of (A + I) X is the sum over the node and all it listens to. How many are they?",
        "`table = adjacency + torch.eye(N)`, divided by its own row sums with `keepdim=True`; then `@ features @ "
        "weight`, and the ReLU last.",
    ),
    praise="No weight knows how many nodes there are: the same W serves a graph of a million.",
)

# --- how far a layer reaches ------------------------------------------------------------------------------------------


def _reach_law(rng):
    """One to nine nodes, connected or not, one to four layers."""
    nodes = rng.integers(1, 10)
    table = np.triu(rng.random((nodes, nodes)) < rng.choice([0.12, 0.25, 0.5]), 1)
    if rng.random() < 0.3:  # a path, in which distances are long
        table = np.eye(nodes, k=1, dtype=bool)
    order = rng.permutation(nodes)
    table = (table | table.T)[np.ix_(order, order)]
    return table.astype(int), int(rng.integers(nodes)), int(rng.integers(1, 5))


def _ball(adjacency, node, layers):
    """Return which nodes (N,) lie within this many steps."""
    inside = np.arange(len(adjacency)) == node
    for _ in range(layers):
        inside = inside | (adjacency @ inside > 0)
    return inside


def _reached(adjacency, node, layers):
    count, size = int(_ball(adjacency, node, layers).sum()), len(adjacency)
    return count, size * (size - 1) // 2 - (size - count) * (size - count - 1) // 2


def _reached_by_distances(adjacency, node, layers):
    distances = sparse.csgraph.shortest_path(sparse.csr_array(adjacency), unweighted=True, indices=node)
    near = {one for one, steps in enumerate(distances) if steps <= layers}
    pairs = {frozenset((one, other)) for one in near for other in range(len(adjacency)) if other != one}
    return len(near), len(pairs)


def _reached_by_powers(adjacency, node, layers):
    walks = np.linalg.matrix_power(np.asarray(adjacency) + np.eye(len(adjacency), dtype=int), layers)
    changes = walks[node] > 0
    either = changes[:, None] | changes[None, :]
    return changes.sum(), np.triu(either, k=1).sum()


def _with_ball(count_of, pairs_of):
    """Build a misconception from (number of nodes inside, number of nodes)."""

    def answer(adjacency, node, layers):
        inside, size = int(_ball(adjacency, node, layers).sum()), len(adjacency)
        return count_of(inside), pairs_of(inside, size)

    return answer


def _either(inside, size):
    return inside * (inside - 1) // 2 + inside * (size - inside)


def _walked(adjacency, node, layers):
    """Return the numbers for nodes that a walk of exactly this many steps reaches, without loops."""
    inside = int((np.linalg.matrix_power(adjacency, layers)[node] > 0).sum())
    return inside, _either(inside, len(adjacency))


def _ring(adjacency, node, layers):
    inside = int((_ball(adjacency, node, layers) & ~_ball(adjacency, node, layers - 1)).sum())
    return inside, _either(inside, len(adjacency))


_PATH = np.eye(5, k=1, dtype=int) + np.eye(5, k=-1, dtype=int)
_STAR = np.zeros((6, 6), dtype=int)
_STAR[0, 1:5] = _STAR[1:5, 0] = 1  # and one node alone
_KITE = np.zeros((7, 7), dtype=int)
for _i, _j in ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)):
    _KITE[_i, _j] = _KITE[_j, _i] = 1

what_can_change = Exercise(
    name="what_can_change",
    arguments=("adjacency", "node", "layers"),
    returns=("nodes", "pairs"),
    reference=_reached,
    spellings={"distances": _reached_by_distances, "powers": _reached_by_powers},
    probes=[(_PATH, 0, 1), (_PATH, 2, 1), (_STAR, 1, 2), (_KITE, 0, 2), (_KITE, 5, 3)],
    law=_reach_law,
    misconceptions=[
        Misconception(
            "both ends must change",
            _with_ball(lambda inside: inside, lambda inside, size: inside * (inside - 1) // 2),
            "The first number is right. For the second you counted pairs of which *both* ends change. σ(z_iᵀz_j) "
            "changes as soon as one of them does.",
        ),
        Misconception(
            "only the node's own pairs",
            _with_ball(lambda inside: inside, lambda inside, size: size - 1),
            "The first number is right. For the second you counted the pairs of this one node. Its neighbours have "
            "heard of the change, and their pairs change as well.",
        ),
        Misconception(
            "pairs inside counted twice",
            _with_ball(lambda inside: inside, lambda inside, size: inside * (size - 1)),
            "The first number is right. In the second a pair with both ends inside is counted twice, once for each of "
            "them.",
        ),
        Misconception(
            "only pairs across the border",
            _with_ball(lambda inside: inside, lambda inside, size: inside * (size - inside)),
            "The first number is right. For the second you counted pairs with exactly one end inside. Where both "
            "change, the pair changes too.",
        ),
        Misconception(
            "a node with itself",
            _with_ball(lambda inside: inside, lambda inside, size: _either(inside, size) + inside),
            "The first number is right. In the second each node makes a pair with itself: there are N(N − 1)/2 pairs.",
        ),
        Misconception(
            "both orders",
            _with_ball(lambda inside: inside, lambda inside, size: 2 * _either(inside, size)),
            "The first number is right. In the second every pair is counted in both orders; (i, j) and (j, i) are one.",
        ),
        Misconception(
            "walks without loops",
            _walked,
            "You asked where a walk of exactly so many steps ends. Each node hears itself too, so that a message may "
            "wait: every node within *at most* so many steps counts, the node itself among them.",
        ),
        Misconception(
            "the outermost ring",
            _ring,
            "You counted the nodes at exactly this distance. Those that are nearer hear of it as well.",
        ),
        Misconception(
            "neighbours only",
            lambda adjacency, node, layers: _reached(adjacency, node, 1),
            "You went one step, whatever `layers` says. In the second layer the neighbours' neighbours hear of it.",
        ),
        Misconception(
            "one step more for the decoder",
            lambda adjacency, node, layers: _reached(adjacency, node, layers + 1),
            "You went one step too far. The decoder multiplies z's, and passes no message: only layers do.",
        ),
        Misconception(
            "everything connected",
            lambda adjacency, node, layers: _reached(adjacency, node, len(adjacency)),
            "You counted everything that hangs together with the node. In k layers a message takes at most k steps.",
        ),
    ],
    hints=(
        "Draw a path of five nodes, and change the features at its end. Which hidden features differ after one layer? "
        "After two?",
        "After k layers, z of every node within k steps may differ, the node's own included. Pairs: count those that "
        "stay the same, it is easier.",
        "Grow a mask: `inside | (adjacency @ inside > 0)`, `layers` times. With n inside, the pairs outside are "
        "(N − n)(N − n − 1)/2.",
    ),
    praise="Two layers hear of friends of friends, and of nobody further. On a crowded graph that is nearly everybody.",
)

EXERCISES = (
    propagation_matrix,
    listening_layer,
    what_can_change,
    graph_elbo,
    weighted_loss,
    split_edges,
    average_precision,
)
