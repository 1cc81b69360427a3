import itertools
import math

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import assert_rejected
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_utils.models import graphs
from course_utils.workshop.training import TrainingError

CLUB = nx.karate_club_graph()
EDGES = np.array([pair for pair in CLUB.edges])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def random_adjacency(nodes, seed, density=0.3):
    upper = torch.rand(nodes, nodes, generator=generator(seed), dtype=torch.float64).triu(1)
    upper = ((upper > 0) & (upper < density)).double()
    return upper + upper.T


def club(module=graphs):
    return module.adjacency_matrix(EDGES, 34)


def tiny(module=graphs, **options):
    """A model of five-node graphs in float64, with three features."""
    options = {"latent_dim": 2, "hidden": (4,), "seed": 3} | options
    return module.VGAE(3, **options).double()


# --- the graph and its matrices


def test_adjacency_is_networkx_s():
    expected = nx.to_numpy_array(CLUB, weight=None)
    np.testing.assert_array_equal(club(), expected)
    np.testing.assert_array_equal(graphs.adjacency_matrix(EDGES[:, ::-1], 34), expected)
    np.testing.assert_array_equal(graphs.adjacency_matrix(EDGES, 34, sparse=True).to_dense(), expected)


def test_edges_come_back_once_each():
    for sparse in (False, True):
        found = graphs.edge_list(graphs.adjacency_matrix(EDGES[:, ::-1], 34, sparse=sparse))
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, np.sort(EDGES, axis=1).tolist()))


def test_a_graph_without_edges_and_one_node_are_graphs():
    for nodes, sparse in itertools.product((1, 3), (False, True)):
        empty = graphs.adjacency_matrix(np.zeros((0, 2)), nodes, sparse=sparse)
        assert graphs.edge_list(empty).shape == (0, 2)
        found = graphs.normalised_adjacency(empty)
        np.testing.assert_array_equal(found.to_dense() if sparse else found, np.eye(nodes))


def normalised_is_networkx_s(module):
    # I − the normalised Laplacian of the graph with loops. networkx counts a loop twice in a degree: numpy does it
    matrix = nx.to_numpy_array(CLUB, weight=None) + np.eye(34)
    root = np.diag(matrix.sum(1) ** -0.5)
    np.testing.assert_allclose(module.normalised_adjacency(club(module).double()), root @ matrix @ root, atol=1e-14)
    sparse = module.normalised_adjacency(module.adjacency_matrix(EDGES, 34, sparse=True).double())
    assert sparse.is_sparse
    np.testing.assert_allclose(sparse.to_dense(), root @ matrix @ root, atol=1e-14)


def test_normalised_adjacency():
    normalised_is_networkx_s(graphs)


@settings(max_examples=40, deadline=None)
@given(nodes=st.integers(1, 12), seed=st.integers(0, 10**6), density=st.sampled_from([0.0, 0.2, 0.6, 1.0]))
def test_eigenvalues_lie_above_minus_one_up_to_one(nodes, seed, density):
    adjacency = random_adjacency(nodes, seed, density)
    found = graphs.normalised_adjacency(adjacency)
    values = torch.linalg.eigvalsh(found)
    assert values.min() > -1 and values.max() <= 1 + 1e-12
    roots = (adjacency.sum(1) + 1).sqrt()
    torch.testing.assert_close(found @ roots, roots)


def with_entries(*entries, nodes=3):
    matrix = torch.zeros(nodes, nodes)
    for i, j, value in entries:
        matrix[i, j] = value
    return matrix


BAD = {
    "numpy": (np.eye(3), TypeError, "adjacency must be a torch tensor of floating-point numbers; got ndarray"),
    "whole numbers": (torch.zeros(3, 3).long(), TypeError, "got torch.int64. torch.as_tensor"),
    "not square": (torch.zeros(3, 2), ValueError, r"must be square, with a row for each node; got shape \(3, 2\)"),
    "no node": (torch.zeros(0, 0), ValueError, "must be square, with a row for each node"),
    "weights": (with_entries((0, 1, 2.0), (1, 0, 2.0)), ValueError, "must hold zeros and ones; it holds 2"),
    "not a number": (with_entries((0, 1, math.nan), (1, 0, math.nan)), ValueError, "it holds nan"),
    "loop": (with_entries((2, 2, 1.0)), ValueError, "zero diagonal; node 2 has a loop"),
    "directed": (with_entries((0, 2, 1.0)), ValueError, "it has an edge from 0 to 2 and none from 2 to 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_matrix_that_is_no_graph_is_refused_in_one_sentence(name):
    matrix, error, message = BAD[name]
    functions = [graphs.check_adjacency, graphs.normalised_adjacency, graphs.edge_list, graphs.split_edges]
    for function in (*functions, graphs.common_neighbours, graphs.balanced_weight):
        with pytest.raises(error, match=message) as caught:
            function(matrix)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
def test_another_sparse_layout_is_named():
    with pytest.raises(TypeError, match=r"torch's COO form; got torch\.sparse_csr\. Call to_sparse_coo"):
        graphs.edge_list(torch.eye(2).to_sparse_csr())


@pytest.mark.parametrize("name", ["weights", "loop", "directed"])
def test_sparse_matrices_are_checked_too(name):
    matrix, error, message = BAD[name]
    with pytest.raises(error, match=message):
        graphs.normalised_adjacency(matrix.to_sparse_coo())


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 3]], "edges must join nodes 0 to 2; got 0 to 3"),
        ([[-1, 1]], "edges must join nodes 0 to 2; got -1 to 1"),
        ([[1, 1]], "two different nodes; got a loop at node 1"),
        ([[0, 1], [1, 0]], r"each edge must stand once, in one direction; \(0, 1\) stands more often"),
        ([[0, 1, 2]], "edges must have shape"),
    ],
)
def test_edges_that_are_none_are_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        graphs.adjacency_matrix(edges, 3)


# --- held-out edges


def pairs_of(tensor):
    return [tuple(pair) for pair in tensor.tolist()]


def the_split_hides_its_edges(module):
    for seed in range(10):
        adjacency = club(module)
        split = module.split_edges(adjacency, validation=0.05, test=0.1, generator=generator(seed))
        parts = [pairs_of(part) for part in (split.train_edges, split.validation_edges, split.test_edges)]
        assert [len(part) for part in parts] == [66, 4, 8]
        assert sorted(itertools.chain(*parts)) == pairs_of(module.edge_list(adjacency))
        for i, j in parts[1] + parts[2]:
            assert split.adjacency[i, j] == 0 and split.adjacency[j, i] == 0
        np.testing.assert_array_equal(split.adjacency, module.adjacency_matrix(split.train_edges, 34))
        others = pairs_of(torch.cat([split.validation_non_edges, split.test_non_edges]))
        assert len(set(others)) == len(others) == 12
        for i, j in others:
            assert i < j and adjacency[i, j] == 0


def test_the_split_hides_its_edges():
    the_split_hides_its_edges(graphs)


def test_the_split_keeps_form_and_dtype_and_obeys_its_generator():
    sparse = graphs.adjacency_matrix(EDGES, 34, sparse=True).double()
    first, again = (graphs.split_edges(sparse, generator=generator(7)) for _ in range(2))
    assert first.adjacency.is_sparse and first.adjacency.dtype == torch.float64
    dense = graphs.split_edges(club(), generator=generator(7))
    for one, two, three in zip(first[1:], again[1:], dense[1:], strict=True):
        assert torch.equal(one, two) and torch.equal(one, three)
    assert len(graphs.split_edges(club(), validation=0, test=0.2).validation_edges) == 0


def test_non_edges_are_drawn_evenly():
    path = graphs.adjacency_matrix([[0, 1], [1, 2], [2, 3], [3, 4]], 5)
    draws = generator(1)
    counts = torch.zeros(5, 5)
    for _ in range(3000):
        ((i, j),) = pairs_of(graphs.split_edges(path, validation=0, test=0.25, generator=draws).test_non_edges)
        counts[i, j] += 1
    found = counts[counts > 0]
    assert len(found) == 6  # pairs without an edge
    assert ((found - 500) ** 2 / 500).sum() < 20.5  # χ² with 5 degrees of freedom, p = 0.001


@pytest.mark.parametrize(
    ("edges", "nodes", "options", "message"),
    [
        ([], 1, {}, "adjacency must have edges, of which some can be held out; it has none"),
        ([[0, 1]], 3, {"test": 1.0}, "hold out 0 for validation and 1 for the test; at least one must be tested"),
        ([[0, 1], [1, 2]], 3, {"test": 0.1}, "of 2 edges the shares hold out 0 for validation and 0 for the test"),
        ([[0, 1], [0, 2], [1, 2]], 3, {"test": 0.4}, "1 pairs without an edge are needed, and the graph has 0"),
        ([[0, 1]], 3, {"validation": -0.1}, "validation must be at least 0"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(edges, nodes, options, message):
    adjacency = graphs.adjacency_matrix(np.reshape(edges, (-1, 2)), nodes)
    with pytest.raises(ValueError, match=message):
        graphs.split_edges(adjacency, **options)


# --- the model


def test_a_convolution_is_the_mean_over_neighbours_then_a_map():
    adjacency, x = random_adjacency(6, 2), draw(6, 3)
    layer = graphs.GraphConvolution(3, 2).double()
    degrees = adjacency.sum(1) + 1
    for i in range(6):
        around = [j for j in range(6) if j == i or adjacency[i, j]]
        sums = sum(x[j] / (degrees[i] * degrees[j]).sqrt() for j in around)
        torch.testing.assert_close(layer(x, graphs.normalised_adjacency(adjacency))[i], sums @ layer.weight)


@pytest.mark.parametrize("decoder", graphs.DECODERS)
def test_renumbering_the_nodes_renumbers_the_answer(decoder):
    adjacency, x = random_adjacency(7, 4), draw(7, 3)
    model = tiny(decoder=decoder, offset=True)
    order = torch.randperm(7, generator=generator(5))
    before = model.encode(x, graphs.normalised_adjacency(adjacency))
    after = model.encode(x[order], graphs.normalised_adjacency(adjacency[order][:, order]))
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one[order], two)
    torch.testing.assert_close(model.logits(before[0])[order][:, order], model.logits(after[0]))


def test_sparse_and_dense_agree():
    split = graphs.split_edges(graphs.adjacency_matrix(EDGES, 34, sparse=True).double(), generator=generator(1))
    sparse = graphs.normalised_adjacency(split.adjacency)
    identity = torch.eye(34, dtype=torch.float64)
    model = graphs.VGAE(34, 4, (8, 8), seed=2).double()
    for features in (identity, identity.to_sparse_coo()):
        results = [model.encode(features, matrix) for matrix in (sparse, sparse.to_dense())]
        for one, two in zip(*results, strict=True):
            torch.testing.assert_close(one, two)


def test_pairs_have_the_logits_of_the_table():
    model, z = tiny(decoder="signed", offset=True), draw(5, 2)
    with torch.no_grad():
        model.offset.fill_(-0.7)
        model.signs.copy_(torch.tensor([1.5, -0.4]))
    pairs = torch.triu_indices(5, 5, 1).T
    table = model.logits(z)
    torch.testing.assert_close(model.pair_logits(z, pairs), table[pairs[:, 0], pairs[:, 1]])
    expected = -0.7 + 1.5 * z[0, 0] * z[3, 0] - 0.4 * z[0, 1] * z[3, 1]
    torch.testing.assert_close(table[0, 3], expected)


def terms_are_those_of_torch_distributions(module):
    adjacency, x = random_adjacency(5, 6), draw(5, 3)
    edges, propagation = module.edge_list(adjacency), module.normalised_adjacency(adjacency)
    for decoder, weight in itertools.product(module.DECODERS, (1.0, 3.5)):
        model = tiny(module, decoder=decoder, offset=True)
        with torch.no_grad():
            model.offset.fill_(-0.3)
        terms = model.elbo_terms(x, propagation, edges, positive_weight=weight, generator=generator(8))
        mean, log_var = model.encode(x, propagation)
        q = Normal(mean, torch.exp(0.5 * log_var))
        torch.testing.assert_close(terms["kl"], kl_divergence(q, Normal(0.0, 1.0)).sum())
        z = model.sample(mean, log_var, generator(8))
        total = torch.zeros((), dtype=torch.float64)
        for i, j in itertools.combinations(range(5), 2):
            log_prob = Bernoulli(logits=model.offset + (model.signs * z[i] * z[j]).sum()).log_prob(adjacency[i, j])
            total = total + log_prob * (weight if adjacency[i, j] else 1)
        torch.testing.assert_close(terms["reconstruction"], total)


def test_terms():
    terms_are_those_of_torch_distributions(graphs)


def test_draws_have_mean_and_variance():
    mean, log_var = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[0.5, -1.0]]).double()
    model = tiny()
    z = model.sample(mean.expand(40_000, 2), log_var.expand(40_000, 2), generator(1))
    torch.testing.assert_close(z.mean(0), mean[0], atol=0.03, rtol=0)
    torch.testing.assert_close(z.var(0), log_var[0].exp(), atol=0, rtol=0.04)


ALL_GRAPHS = [
    torch.tensor([pair for pair, there in zip(itertools.combinations(range(4), 2), bits, strict=True) if there])
    .reshape(-1, 2)
    .long()
    for bits in itertools.product((0, 1), repeat=6)
]


def test_only_with_weight_one_is_it_a_probability():
    model, z = tiny(offset=True), draw(4, 2, seed=9)
    sums = {
        weight: torch.stack([model.log_likelihood(z, edges, weight) for edges in ALL_GRAPHS]).exp().sum()
        for weight in (1.0, 4.0)
    }
    torch.testing.assert_close(sums[1.0], torch.ones((), dtype=torch.float64))
    assert sums[4.0] < 0.9


@pytest.mark.parametrize("decoder", graphs.DECODERS)
def test_the_bound_lies_below_the_evidence_by_quadrature(decoder):
    """Three nodes with a latent each: log p(A) by a grid, the bound by many draws."""
    model = graphs.VGAE(1, 1, (3,), decoder=decoder, offset=True, seed=1).double()
    adjacency = graphs.adjacency_matrix([[0, 1], [1, 2]], 3).double()
    edges, propagation = graphs.edge_list(adjacency), graphs.normalised_adjacency(adjacency)
    x = torch.tensor([[1.0], [-0.5], [0.3]]).double()
    line = torch.linspace(-7, 7, 57, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line, line)
    log_joint = sum(Normal(0.0, 1.0).log_prob(grid[:, node]) for node in range(3))
    for i, j in itertools.combinations(range(3), 2):
        logit = model.offset + model.signs[0] * grid[:, i] * grid[:, j]
        log_joint = log_joint + Bernoulli(logits=logit).log_prob(adjacency[i, j])
    evidence = torch.logsumexp(log_joint, 0) + 3 * math.log(line[1] - line[0])
    with torch.no_grad():
        draws = generator(3)
        terms = [model.elbo_terms(x, propagation, edges, generator=draws) for _ in range(3000)]
    bounds = torch.stack([term["reconstruction"] - term["kl"] for term in terms])
    assert bounds.mean() + 5 * bounds.std() / len(bounds) ** 0.5 < evidence


def test_gradients_are_those_of_finite_differences():
    adjacency, x = random_adjacency(5, 6), draw(5, 3)
    edges, propagation = graphs.edge_list(adjacency), graphs.normalised_adjacency(adjacency)
    model = tiny(decoder="signed", offset=True)

    def loss():
        terms = model.elbo_terms(x, propagation, edges, positive_weight=2.0, generator=generator(4))
        return terms["kl"] - terms["reconstruction"]

    loss().backward()
    for parameter in model.parameters():
        flat, exact, step = parameter.data.view(-1), parameter.grad.reshape(-1), 1e-6
        for entry in range(0, len(flat), 3):
            kept, values = flat[entry].item(), []
            for sign in (1, -1):
                flat[entry] = kept + sign * step
                values.append(loss().item())
            flat[entry] = kept
            assert exact[entry].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-5)


def test_the_plain_autoencoder_has_no_noise_and_no_kl():
    adjacency, x = random_adjacency(5, 6), draw(5, 3)
    model = tiny(variational=False)
    arguments = x, graphs.normalised_adjacency(adjacency), graphs.edge_list(adjacency)
    first, again = (model.elbo_terms(*arguments) for _ in range(2))
    assert first["kl"] == 0 and first["reconstruction"] == again["reconstruction"]
    assert model.encode(*arguments[:2])[1] is None


def test_training_learns_the_clubs_and_leaves_the_random_state():
    adjacency, features = club(), torch.eye(34)
    before = torch.get_rng_state()
    models = [graphs.VGAE(34, 2, (8,), seed=1) for _ in range(2)]
    losses = [graphs.fit(model, features, adjacency, epochs=150, seed=2) for model in models]
    assert torch.equal(before, torch.get_rng_state())
    assert losses[0] == losses[1] and len(losses[0]) == 150
    assert np.mean(losses[0][-20:]) < np.mean(losses[0][:20])
    pairs = torch.triu_indices(34, 34, 1).T
    scores = models[0].scores(features, graphs.normalised_adjacency(adjacency), pairs)
    assert graphs.area_under_curve(adjacency[pairs[:, 0], pairs[:, 1]], scores) > 0.75


@pytest.mark.parametrize("sparse", [True, False])
def test_dropped_features_are_other_ones_in_every_step_and_their_mean_is_kept(sparse, monkeypatch):
    seen = []
    model = graphs.VGAE(34, 2, (8,), seed=1)
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda x, propagation: seen.append(x.to_dense()) or encode(x, propagation))
    features = torch.eye(34) if not sparse else torch.eye(34).to_sparse()
    losses = [graphs.fit(model, features, club(), epochs=200, dropout=0.25, seed=2)]
    assert all(set(x.unique().tolist()) <= {0.0, torch.tensor(1 / 0.75).item()} for x in seen)
    assert not torch.equal(seen[0], seen[1])
    # 200 · 34 coins: the standard error of the mean is 0.007
    assert torch.stack(seen).diagonal(dim1=1, dim2=2).mean().item() == pytest.approx(1, abs=0.03)
    losses.append(graphs.fit(graphs.VGAE(34, 2, (8,), seed=1), features, club(), epochs=200, dropout=0.25, seed=2))
    assert losses[0] == losses[1]


def test_fixed_parts_stay_as_they_are():
    model = graphs.VGAE(34, 2, (8,), seed=1)
    graphs.fit(model, torch.eye(34), club(), epochs=3)
    assert model.offset == 0 and torch.equal(model.signs, torch.ones(2))


def test_bad_arguments_are_refused():
    model, features = graphs.VGAE(34, 2, (8,)), torch.eye(34)
    with pytest.raises(
        ValueError, match="the graph must have an edge and a pair without one; it has 0 edges, 0 others"
    ):
        graphs.fit(graphs.VGAE(1, 1), torch.ones(1, 1), torch.zeros(1, 1))
    with pytest.raises(ValueError, match="adjacency must have edges to learn from; it has none"):
        graphs.fit(model, features, torch.zeros(34, 34), positive_weight=1.0)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 34\), .*; got \(34, 33\) and \(34, 34\)"):
        graphs.fit(model, features[:, :33], club())
    with pytest.raises(ValueError, match="decoder must be one of 'inner', 'signed'; got 'outer'"):
        graphs.VGAE(34, decoder="outer")
    with pytest.raises(ValueError, match="latent_dim must be at least 1; got 0"):
        graphs.VGAE(34, 0)
    with pytest.raises(ValueError, match="positive_weight must be positive"):
        graphs.fit(model, features, club(), positive_weight=0)
    with pytest.raises(ValueError, match="dropout must be below 1; got 1"):
        graphs.fit(model, features, club(), dropout=1)
    with pytest.raises(TypeError, match="generator must be a torch"):
        graphs.split_edges(club(), generator=3)
    with pytest.raises(TrainingError, match="the loss is nan in step 1; try a smaller learning_rate"):
        graphs.fit(model, torch.full((34, 34), math.nan), club())


# --- rivals


def test_scores_of_pairs_are_networkx_s():
    adjacency, pairs = club().double(), list(itertools.combinations(range(34), 2))
    for ours, theirs in (
        (graphs.common_neighbours, nx.common_neighbor_centrality),
        (graphs.adamic_adar, nx.adamic_adar_index),
        (graphs.degree_product, nx.preferential_attachment),
    ):
        options = {"alpha": 1.0} if theirs is nx.common_neighbor_centrality else {}
        for i, j, expected in theirs(CLUB, pairs, **options):
            assert ours(adjacency)[i, j].item() == pytest.approx(expected)


def test_sparse_graphs_have_the_same_rivals():
    sparse = graphs.adjacency_matrix(EDGES, 34, sparse=True)
    for function in (graphs.common_neighbours, graphs.adamic_adar, graphs.degree_product):
        torch.testing.assert_close(function(sparse), function(club()))


def test_neighbours_of_one_node_alone_share_it_without_infinity():
    star = graphs.adjacency_matrix([[0, 1]], 3)
    assert torch.equal(graphs.adamic_adar(star), torch.zeros(3, 3))


def test_the_spectral_scores_are_the_best_of_their_rank():
    adjacency = club().double()
    target = graphs.normalised_adjacency(adjacency)
    u, s, v = np.linalg.svd(target.numpy())
    np.testing.assert_allclose(
        graphs.spectral_scores(adjacency, 5, signed=True), (u[:, :5] * s[:5]) @ v[:5], atol=1e-10
    )
    positive = graphs.spectral_scores(adjacency, 5)
    assert torch.linalg.eigvalsh(positive).min() > -1e-10 and torch.linalg.matrix_rank(positive) == 5
    torch.testing.assert_close(graphs.spectral_scores(adjacency, 34, signed=True), target)
    with pytest.raises(ValueError, match="dim must be at most 34; got 35"):
        graphs.spectral_scores(adjacency, 35)


def test_an_inner_product_cannot_say_no_on_average():
    """Over all pairs the mean logit is at least −mean ‖z‖² / (N − 1): what the lesson derives."""
    for seed in range(20):
        z = draw(9, 3, seed=seed) - draw(1, 3, seed=seed + 50)
        table = tiny(latent_dim=3).logits(z)
        off = (table.sum() - table.diagonal().sum()) / (9 * 8)
        assert off >= -z.square().sum(1).mean() / 8 - 1e-12


# --- measures


def measures_are_scikit_learn_s(module):
    rng = np.random.default_rng(0)
    for size in (2, 5, 40):
        for _ in range(30):
            labels = np.append([0, 1], rng.integers(0, 2, size - 2))
            for scores in (rng.normal(size=size), rng.integers(0, 3, size).astype(float)):  # without and with ties
                expected = roc_auc_score(labels, scores), average_precision_score(labels, scores)
                found = module.area_under_curve(labels, scores), module.average_precision(labels, scores)
                np.testing.assert_allclose(found, expected, atol=1e-12)


def test_measures():
    measures_are_scikit_learn_s(graphs)


def test_measures_take_tensors_and_refuse_what_is_no_ranking():
    labels, scores = torch.tensor([1, 0, 1]), torch.tensor([0.3, 0.2, 0.1])
    assert graphs.area_under_curve(labels, scores) == pytest.approx(0.5)
    for measure in (graphs.area_under_curve, graphs.average_precision):
        with pytest.raises(ValueError, match=r"labels must hold both 0 and 1 and nothing else; they hold \[1\]"):
            measure([1, 1], [0.1, 0.2])
        with pytest.raises(ValueError, match=r"scores must have shape \(2,\)"):
            measure([1, 0], [0.1, 0.2, 0.3])
        with pytest.raises(ValueError, match="scores must be finite"):
            measure([1, 0], [0.1, math.nan])


# --- wrong formulas

MUTANTS = {
    "degrees without the self-loop": (
        "scale = with_loops.sum(1).rsqrt()",
        "scale = adjacency.sum(1).rsqrt()",
        normalised_is_networkx_s,
    ),
    "rows that sum to 1": (
        "return scale[:, None] * with_loops * scale",
        "return scale[:, None] ** 2 * with_loops",
        normalised_is_networkx_s,
    ),
    "self-loops forgotten in the sparse form": (
        "values = torch.cat([adjacency.values(), adjacency.values().new_ones(len(nodes))])",
        "values = torch.cat([adjacency.values(), adjacency.values().new_zeros(len(nodes))])",
        normalised_is_networkx_s,
    ),
    "test edges left in the training graph": (
        "kept = order[held_out:]",
        "kept = order[counts[0]:]",
        the_split_hides_its_edges,
    ),
    "non-edges that are edges": (
        "codes = numbers[~torch.isin(numbers, _code(edges, nodes))][:held_out]",
        "codes = numbers[:held_out]",
        the_split_hides_its_edges,
    ),
    "the diagonal counted": (
        "absent = 0.5 * (F.softplus(self.logits(z)).sum() - F.softplus(own).sum())",
        "absent = 0.5 * F.softplus(self.logits(z)).sum()",
        terms_are_those_of_torch_distributions,
    ),
    "each pair twice": ("absent = 0.5 * (F", "absent = 1.0 * (F", terms_are_those_of_torch_distributions),
    "the weight on the non-edges' term": (
        "(positive_weight * F.logsigmoid(on_edges) + F.softplus(on_edges)).sum()",
        "(F.logsigmoid(on_edges) + positive_weight * F.softplus(on_edges)).sum()",
        terms_are_those_of_torch_distributions,
    ),
    "the edges' own log(1 − p) left in": (
        "(positive_weight * F.logsigmoid(on_edges) + F.softplus(on_edges)).sum()",
        "(positive_weight * F.logsigmoid(on_edges)).sum()",
        terms_are_those_of_torch_distributions,
    ),
    "ties count in full": (
        "ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]",
        "ranks = np.cumsum(counts)[inverse]",
        measures_are_scikit_learn_s,
    ),
    "a threshold for each of equal scores": (
        "last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)",
        "last = np.arange(len(scores))",
        measures_are_scikit_learn_s,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_rejected(name):
    assert_rejected(graphs, *MUTANTS[name])
