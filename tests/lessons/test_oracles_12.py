"""Lesson 12, graphs: right answers, held against enumeration, quadrature, draws and libraries."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import optimize, special
from sklearn.metrics import roc_auc_score

from course_utils.lessons import graphs

PROBLEMS = {problem.name: problem for problem in graphs.PROBLEMS}


def right(name, *arguments):
    return PROBLEMS[name]._reference(*arguments)


def draws(name, count=6):
    """Other inputs than those of a check."""
    return PROBLEMS[name].fresh(7, count)


def test_the_propagation_of_an_untidy_list_is_that_of_networkx_simple_graph():
    for edges, count in graphs.propagation_matrix.fresh(7, 30):
        graph = nx.empty_graph(count)
        graph.add_edges_from((i, j) for i, j in edges.tolist() if i != j)
        degrees = 1 + np.array([graph.degree[i] for i in range(count)])
        ours = graphs.propagation_matrix._reference(edges, count)
        values = np.linalg.eigvalsh(ours)
        assert values.min() > -1
        assert values.max() == pytest.approx(1)
        assert ours @ np.sqrt(degrees) == pytest.approx(np.sqrt(degrees))
        assert np.array_equal(ours > 0, nx.to_numpy_array(graph, nodelist=range(count)) + np.eye(count) > 0)


def test_what_can_change_does_change_in_a_network_with_random_weights():
    generator = torch.Generator().manual_seed(0)
    for adjacency, node, layers in graphs.what_can_change.fresh(7, 25):
        size = len(adjacency)
        hears = torch.tensor(adjacency + np.eye(size))
        propagation = hears / torch.outer(hears.sum(1), hears.sum(1)).sqrt()
        weights = torch.randn((layers, 3, 3), generator=generator, dtype=torch.float64)

        def links(x, propagation=propagation, weights=weights):
            for weight in weights:
                x = torch.tanh(propagation @ x @ weight)  # a ReLU might hide a change by chance
            return x, torch.sigmoid(x @ x.T)

        x = torch.randn((size, 3), generator=generator, dtype=torch.float64)
        other = x.clone()
        other[node] += 1.0
        (z, p), (z_after, p_after) = links(x), links(other)
        moved = int((z != z_after).any(1).sum()), int(torch.triu(p != p_after, 1).sum())
        assert graphs.what_can_change._reference(adjacency, node, layers) == moved


def _quadrature(function, mean, scale):
    """Return E[function(z0, z1)] for two independent Gaussians."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    values = function(mean[0] + scale[0] * nodes[:, None], mean[1] + scale[1] * nodes)
    return weights @ values @ weights


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_the_bound_of_a_graph_of_two_is_its_quadrature_and_lies_below_the_evidence(edge):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((200_000, 2, 1), generator=generator, dtype=torch.float64)
    adjacency = torch.tensor([[0.0, edge], [edge, 0.0]], dtype=torch.float64)
    mean, log_var = torch.tensor([[0.8], [-0.5]]).double(), torch.tensor([[-0.7], [0.2]]).double()
    everything = torch.ones(2, 2, dtype=torch.bool)
    bound = graphs.graph_elbo._reference(adjacency, everything, mean, log_var, noise).item()
    sign, scale = 2 * edge - 1, np.exp(log_var.numpy()[:, 0] / 2)
    fit = _quadrature(lambda a, b: -np.logaddexp(0, -sign * a * b), mean.numpy()[:, 0], scale)
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum().item()
    assert bound == pytest.approx(fit - kl, abs=0.006)
    assert bound < np.log(_quadrature(lambda a, b: 1 / (1 + np.exp(-sign * a * b)), [0, 0], [1, 1])) - 0.05
    unseen = graphs.graph_elbo._reference(adjacency, ~everything, mean, log_var, noise[:1]).item()
    assert unseen == pytest.approx(-kl)  # nothing was seen, whose log-probability is 0


def test_weights_make_both_kinds_of_pairs_count_alike():
    for z, adjacency in graphs.weighted_loss.fresh(7, 12):
        graph = nx.from_numpy_array(np.triu(adjacency, 1))
        absent = len([*nx.non_edges(graph)])
        nothing = graphs.weighted_loss._reference(0 * z, adjacency).item()
        assert nothing == pytest.approx(2 * absent * np.log(2))


def test_with_weights_the_best_log_odds_are_too_large_by_the_logarithm_of_the_weight():
    z = torch.ones((8, 1), dtype=torch.float64)  # one logit for all pairs, which cannot be told apart
    graph = nx.gnm_random_graph(8, 5, seed=3)
    adjacency = torch.tensor(nx.to_numpy_array(graph))
    best = optimize.minimize_scalar(
        lambda logit: graphs.weighted_loss._reference(z * abs(logit) ** 0.5, adjacency).item(), bounds=(0, 5)
    )
    assert best.x == pytest.approx(0.0, abs=1e-4)  # log(5/23) + log(23/5): even odds, whatever the density


def test_a_rumour_ends_where_the_evenings_lead():
    for adjacency, opinions, tolerance, patience in draws("rumour", 12):
        tables = [[i, *nx.from_numpy_array(adjacency).neighbors(i)] for i in range(len(opinions))]
        days = [opinions]
        for _ in range(400):
            days.append(np.array([days[-1][table].mean() for table in tables]))
        ends, evenings = right("rumour", adjacency, opinions, tolerance, patience)
        assert days[-1] == pytest.approx(ends, abs=1e-6)
        near = np.abs(np.array(days) - ends).max(axis=1) <= tolerance
        assert not near[:evenings].any() and (near[evenings:].all() or evenings == patience)


def test_in_the_long_run_a_rumour_loses_the_second_eigenvalue_each_evening():
    path = nx.to_numpy_array(nx.path_graph(12)).astype(int)
    opinions, tables = np.linspace(0, 1, 12) ** 2, path + np.eye(12)
    second = np.sort(np.abs(np.linalg.eigvals(tables / tables.sum(1, keepdims=True))))[-2]
    evenings = [right("rumour", path, opinions, 10.0**-k, 1000)[1] for k in (4, 9)]
    assert np.diff(evenings)[0] == pytest.approx(5 * np.log(10) / -np.log(second), abs=1)


def test_the_share_of_namings_is_that_of_random_ones_and_the_auc_scikit_learns():
    rng = np.random.default_rng(15)
    for scores, adjacency in draws("is_it_surprising", 3):
        upper = np.triu_indices(len(scores), 1)
        auc, share = right("is_it_surprising", scores, adjacency)
        assert auc == pytest.approx(roc_auc_score(adjacency[upper], scores[upper]))
        orders = (rng.permutation(len(scores)) for _ in range(400))
        as_good = np.mean([roc_auc_score(adjacency[np.ix_(o, o)][upper], scores[upper]) >= auc - 1e-9 for o in orders])
        assert as_good == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 400) + 1e-12)


def test_if_names_mean_nothing_small_probabilities_are_as_rare_as_they_say():
    scores, adjacency = draws("is_it_surprising", 4)[3]
    orders = itertools.permutations(range(len(scores)))
    shares = np.array([right("is_it_surprising", scores, adjacency[np.ix_(o, o)])[1] for o in orders])
    for share in np.unique(shares):
        assert np.mean(shares <= share + 1e-12) == pytest.approx(share)  # exact, since the orders are all there are


def test_a_model_that_has_found_the_hub_has_found_little():
    star = nx.to_numpy_array(nx.star_graph(4)).astype(int)
    assert right("is_it_surprising", star + 0.0, star) == pytest.approx((1, 1 / 5))  # and not one in 210, as for pairs


def test_thinned_non_links_give_the_odds_that_the_laboratory_must_undo():
    rng = np.random.default_rng(16)
    logits, kept, tests = np.array([2.0, -0.5, 0.7, 1.1]), 0.2, 3
    truth = special.expit(logits + np.log(kept))
    linked = rng.random((300_000, 4)) < truth
    sampled = linked | (rng.random(linked.shape) < kept)
    assert (linked & sampled).sum(0) / sampled.sum(0) == pytest.approx(special.expit(logits), abs=0.006)
    found = linked[:, np.argsort(-logits)[:tests]].sum(1)
    mean, spread = right("links_to_find", logits, kept, tests)
    assert (found.mean(), found.std()) == pytest.approx((mean, spread), abs=0.01)
