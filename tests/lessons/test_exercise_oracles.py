"""Right answers of exercises whose formula no page prints, held against others: scikit-learn, quadrature, draws."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from sklearn.mixture import GaussianMixture

from course_utils.lessons import expectation_maximization, reparameterisation, richer_priors

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


def test_a_better_prior_gains_between_the_two_bounds_and_both_come_near():
    # x ~ N(0, 4) and q(z|x) = N(x, 1): the aggregate posterior is N(0, 5), its KL to N(0, 1) is known
    rng = np.random.default_rng(0)
    gain = 0.5 * (5 - 1 - np.log(5))
    width = {}
    for pictures, samples in ((2, 4000), (8, 2000), (50, 200)):
        x = rng.normal(0, 2, (samples, pictures))
        z = x + rng.standard_normal(x.shape)
        tables = torch.tensor(stats.norm.logpdf(z[:, :, None], x[:, None, :]))
        log_p = torch.tensor(stats.norm.logpdf(z))
        pairs = [richer_priors.gain_bounds._reference(*one) for one in zip(tables, log_p, strict=True)]
        least, most = np.array(pairs).T
        errors = [4 * bound.std() / np.sqrt(samples) for bound in (least, most)]
        assert least.mean() < gain + errors[0]
        assert most.mean() > gain - errors[1]
        width[pictures] = most.mean() - least.mean()
    assert width[2] > width[8] > width[50] and width[50] < 0.25


def test_the_kl_to_a_mixture_is_that_of_quadrature_and_its_error_that_of_many_runs():
    rng = np.random.default_rng(1)
    weights, means, log_vars = np.array([0.3, 0.7]), np.array([[-1.5], [1.0]]), np.array([[-0.5], [0.3]])
    mean, log_var = np.array([[0.2]]), np.array([[-0.4]])

    def integrand(z):
        log_q = stats.norm.logpdf(z, 0.2, np.exp(-0.2))
        log_p = special.logsumexp(stats.norm.logpdf(z, means[:, 0], np.exp(log_vars[:, 0] / 2)), b=weights)
        return np.exp(log_q) * (log_q - log_p)

    exact, _ = integrate.quad(integrand, -10, 10)
    prior = tuple(map(torch.tensor, (weights, means, log_vars)))
    noise = torch.tensor(rng.standard_normal((10, 5000, 1)))
    repeated = [torch.tensor(value).expand(5000, 1) for value in (mean, log_var)]
    estimates, errors = richer_priors.kl_to_mixture._reference(noise, *repeated, *prior)
    scatter = estimates.std()
    assert estimates.mean() == pytest.approx(exact, abs=float(4 * scatter / np.sqrt(5000)))
    assert (errors**2).mean().sqrt() == pytest.approx(float(scatter), rel=0.05)


def test_an_archive_has_the_density_of_its_histogram():
    rng = np.random.default_rng(2)
    mean, log_var = torch.tensor([[-1.0], [2.0], [0.5]]).double(), torch.tensor([[-1.0], [0.0], [0.4]]).double()
    counts = torch.tensor([3.0, 1.0, 2.0]).double()
    chosen = rng.choice(3, 400_000, p=(counts / counts.sum()).numpy())
    codes = mean[chosen, 0].numpy() + np.exp(0.5 * log_var[chosen, 0].numpy()) * rng.standard_normal(400_000)
    shares, edges = np.histogram(codes, np.linspace(-3, 4, 36), density=True)
    middles = torch.tensor((edges[1:] + edges[:-1]) / 2)[:, None]
    got = richer_priors.aggregate_log_prob._reference(middles, mean, log_var, counts).exp().numpy()
    np.testing.assert_allclose(got, shares * len(codes) / np.sum((codes > -3) & (codes < 4)), atol=0.015)


def test_the_class_of_a_code_is_that_of_draws_with_their_classes():
    rng = np.random.default_rng(3)
    weights, means, log_vars = np.array([0.25, 0.75]), np.array([[-1.0], [1.0]]), np.array([[-0.5], [0.5]])
    drawn = rng.choice(2, 2_000_000, p=weights)
    codes = means[drawn, 0] + np.exp(0.5 * log_vars[drawn, 0]) * rng.standard_normal(drawn.size)
    z = torch.tensor([[[-0.6]], [[0.4]]]).double()  # two codes of one picture
    log_prob, shares = richer_priors.sum_out_class._reference(z, *map(torch.tensor, (weights, means, log_vars)))
    near = [drawn[np.abs(codes - place) < 0.02] for place in (-0.6, 0.4)]
    assert np.exp(log_prob[:, 0].numpy()) == pytest.approx([len(ones) / drawn.size / 0.04 for ones in near], rel=0.02)
    assert shares[0, 1].item() == pytest.approx(np.mean([ones.mean() for ones in near]), abs=0.01)


def test_the_best_names_are_best_among_all():
    for classes, clusters in richer_priors.matched_accuracy.fresh(7, 8):
        every = np.unique(classes)
        padded = [*every, *[-1] * len(np.unique(clusters))]  # a cluster may go without a name
        found = max(
            np.mean(np.array(names)[np.unique(clusters, return_inverse=True)[1]] == classes)
            for names in itertools.permutations(padded, len(np.unique(clusters)))
        )
        assert richer_priors.matched_accuracy._reference(classes, clusters) == pytest.approx(found)


def test_clusters_that_know_nothing_are_at_chance():
    rng = np.random.default_rng(4)
    answers = []
    for _ in range(150):
        classes, clusters = rng.integers(0, 3, 40), rng.integers(0, 12, 40)
        orders = np.array([rng.permutation(40) for _ in range(10)])
        answers.append(richer_priors.above_chance._reference(classes, clusters, orders))
    answers = np.array(answers)
    assert np.all(np.abs(answers.mean(axis=0)) < 4 * answers.std(axis=0) / np.sqrt(150))
