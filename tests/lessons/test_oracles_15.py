"""Lesson 15, richer priors: right answers, held against enumeration, quadrature, draws and libraries."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from sklearn.metrics import adjusted_rand_score, rand_score

from course_utils.lessons import richer_priors

PROBLEMS = {problem.name: problem for problem in richer_priors.PROBLEMS}


def right(name, *arguments):
    return PROBLEMS[name]._reference(*arguments)


def draws(name, count=6):
    """Other inputs than those of a check."""
    return PROBLEMS[name].fresh(7, count)


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


def test_the_warehouse_saves_what_it_expects_and_knows_its_error():
    # savings per picture: mean 0.4, variance 0.25 between the pictures and 0.64/S within one
    rng = np.random.default_rng(15)
    pictures, draws_of_one, count = 12, 3, 50
    answers = []
    for _ in range(4000):
        old = rng.normal(-9, 3, (1, pictures)) + rng.normal(0, 1, (draws_of_one, pictures))
        saved = 0.4 + rng.normal(0, 0.5, (1, pictures)) + rng.normal(0, 0.8, (draws_of_one, pictures))
        answers.append(right("prior_to_buy", np.array([old, old + saved]), np.array([1000.0, 3.0]), count))
    best, nats, errors = np.array(answers).T
    exact = count * np.sqrt((0.25 + 0.64 / draws_of_one) / pictures)
    assert np.all(best == 1)
    assert nats.mean() == pytest.approx(count * 0.4 + 997, abs=4 * exact / np.sqrt(4000))
    assert nats.std() == pytest.approx(exact, rel=0.04)
    assert np.mean(errors**2) == pytest.approx(exact**2, rel=0.04)


def test_the_bill_of_the_bought_prior_is_the_smallest():
    for log_priors, prices, count in draws("prior_to_buy", 12):
        bills = [price - count * table.mean() for price, table in zip(prices, log_priors, strict=True)]
        best, saved, error = right("prior_to_buy", log_priors, prices, count)
        assert bills[best] == min(bills)
        assert saved == pytest.approx(bills[0] - min(bills))
        assert error >= 0 and (best > 0 or error == 0)


def test_two_groupings_are_compared_as_scikit_learn_does():
    for first, second in draws("two_groupings", 20):
        agreed, _, above = right("two_groupings", first, second)
        assert agreed == pytest.approx(rand_score(first, second))
        assert above == pytest.approx(adjusted_rand_score(first, second))


@pytest.mark.parametrize("second", [(0, 0, 0, 1, 1, 2), (3, 3, 3, 3, 3, 3), (0, 1, 1, 1, 1, 1)])
def test_chance_is_the_average_over_all_ways_to_shuffle(second):
    first = np.array([0, 0, 1, 1, 1, 2])
    ways = [rand_score(first, np.array(order)) for order in itertools.permutations(second)]
    assert right("two_groupings", first, np.array(second))[1] == pytest.approx(np.mean(ways))


def test_the_new_shares_are_where_a_search_finds_them():
    for probabilities, old_shares, worth in draws("new_shares"):
        evidence = probabilities / old_shares

        def log_likelihood(logits, evidence=evidence, old=old_shares, worth=worth):
            shares = special.softmax(logits)
            return np.log(evidence @ shares).sum() + worth * old @ np.log(shares)

        shares, types = right("new_shares", probabilities, old_shares, worth)
        start = np.zeros(len(old_shares))
        found = optimize.minimize(lambda x, f=log_likelihood: -f(x), start, options={"gtol": 1e-9})
        assert shares == pytest.approx(special.softmax(found.x), abs=1e-5)
        assert types == pytest.approx(evidence * shares / (evidence @ shares)[:, None], abs=1e-6)


def test_the_shares_of_a_town_are_found_from_answers_for_another():
    rng = np.random.default_rng(16)
    old, new, places = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5]), np.array([-2.0, 0.0, 2.0])
    truth = rng.choice(3, 20_000, p=new)
    joint = old * stats.norm.pdf((places[truth] + rng.standard_normal(20_000))[:, None], places)
    probabilities = joint / joint.sum(axis=1, keepdims=True)
    shares, types = right("new_shares", probabilities, old, 1e-3)
    assert shares == pytest.approx(new, abs=0.02)
    assert np.abs(probabilities.mean(axis=0) - new).max() > 0.1  # counted once, the answers are far off
    for kind in range(3):  # and the types' probabilities now mean what they say
        assert types[:, kind].mean() == pytest.approx(np.mean(truth == kind), abs=0.02)
