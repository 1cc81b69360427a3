"""Right answers of exercises whose formula no page prints, held against others: scikit-learn, quadrature, draws."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.mixture import GaussianMixture

from course_utils.lessons import expectation_maximization, graphs, reparameterisation

E_STEP, SCORE = expectation_maximization.e_step, reparameterisation.score_gradient


def _scikit_learn(data, weights, means, covariances):
    peer = GaussianMixture(len(weights))
    peer.weights_, peer.means_, peer.covariances_ = weights, means, covariances
    peer.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(covariances))
    return peer.predict_proba(data)


def test_a_note_leaves_the_mixture_of_what_is_allowed():
    for data, allowed, weights, means, covariances in E_STEP.fresh(7, 20):
        for x, possible, row in zip(
            data, allowed, E_STEP._reference(data, allowed, weights, means, covariances), strict=True
        ):
            kept = weights[possible] / weights[possible].sum()
            shares = _scikit_learn(x[None], kept, means[possible], covariances[possible])[0]
            np.testing.assert_allclose(row[possible], shares, atol=1e-9)
            assert not row[~possible].any()


def test_labels_that_the_note_refuses_are_drawn_and_thrown_away():
    rng = np.random.default_rng(0)
    data, allowed = np.array([[0.6, 0.1]]), np.array([[True, False, True]])
    parameters = np.array([0.2, 0.5, 0.3]), np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), np.array([np.eye(2)] * 3)
    labels = rng.choice(3, size=200_000, p=_scikit_learn(data, *parameters)[0])
    kept = labels[allowed[0][labels]]
    share = E_STEP._reference(data, allowed, *parameters)[0, 0]
    assert np.mean(kept == 0) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / kept.size))


def test_without_a_note_it_is_the_e_step_of_scikit_learn():
    for data, allowed, *parameters in E_STEP.fresh(8, 6):
        everything = np.ones_like(allowed)
        ours = E_STEP._reference(data, everything, *parameters)
        np.testing.assert_allclose(ours, _scikit_learn(data, *parameters), atol=1e-9)


def test_the_score_of_a_width_is_the_slope_of_the_log_density():
    for z, mean, scale, values in SCORE.fresh(7, 20):

        def weighted(scale, z=z, mean=mean, values=values):
            return np.mean(values * stats.norm.logpdf(z, mean, scale).sum(axis=1))

        slope = optimize.approx_fprime(scale, weighted, 1e-7)
        np.testing.assert_allclose(SCORE._reference(z, mean, scale, values), slope, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_the_score_of_a_width_has_the_gradient_of_the_expectation(scale):
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    z = 0.7 + scale * nodes[:, None]
    values = z[:, 0] ** 4 * weights / np.sqrt(2 * np.pi) * len(nodes)  # the mean over the nodes is E[z⁴ · score]
    gradient = SCORE._reference(z, np.array([0.7]), np.array([scale]), values)
    # E[z⁴] = μ⁴ + 6 μ²σ² + 3σ⁴
    assert gradient == pytest.approx(12 * 0.7**2 * scale + 12 * scale**3, rel=1e-9)


# --- lesson 12 --------------------------------------------------------------------------------------------------------


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
