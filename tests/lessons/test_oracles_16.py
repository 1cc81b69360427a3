"""Lesson 16, put to work: right answers, held against enumeration, quadrature, searches, draws and libraries."""

import itertools

import numpy as np
import pytest
import torch
from scipy import optimize, spatial, special, stats
from sklearn.metrics import log_loss, mutual_info_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from course_utils.lessons.put_to_work.exercises import EXERCISES
from course_utils.lessons.put_to_work.problems import PROBLEMS

ALL = {exercise.name: exercise for exercise in (*EXERCISES, *PROBLEMS)}


def right(name, *arguments):
    return ALL[name]._reference(*arguments)


def draws(name, count=6):
    """Other inputs than those of a check."""
    return ALL[name].fresh(7, count)


# --- completing -------------------------------------------------------------------------------------------------------


def test_a_completion_is_the_conditional_of_the_table_of_all_pictures():
    rng = np.random.default_rng(0)
    shares, logits = rng.dirichlet(np.ones(4)), rng.normal(0, 1.5, (4, 5))
    pictures = np.array(list(itertools.product((0, 1), repeat=5)))
    ink = special.expit(logits)
    table = np.prod(np.where(pictures[:, None] == 1, ink, 1 - ink), axis=2) @ shares
    picture, seen = np.array([1, 0, 1, 0, 1]), np.array([True, False, True, True, False])
    alike = (pictures[:, seen] == picture[seen]).all(axis=1)
    wanted = table[alike] @ pictures[alike] / table[alike].sum()
    once = [torch.tensor(value) for value in (picture.astype(float), seen, logits, np.log(shares), np.zeros(4))]
    np.testing.assert_allclose(right("complete_pixels", *once), wanted, atol=1e-12)  # each code once: exact
    proposal = np.array([0.4, 0.3, 0.2, 0.1])
    codes = rng.choice(4, 100_000, p=proposal)
    many = (once[0], once[1], once[2][codes], once[3][codes], torch.tensor(np.log(proposal))[codes])
    np.testing.assert_allclose(right("complete_pixels", *many), wanted, atol=0.01)


def test_a_gaussian_completion_is_a_ratio_of_densities():
    for x, seen, offset, loadings, scale in draws("complete_gaussian", 12):
        mean, covariance = right("complete_gaussian", x, seen, offset, loadings, scale)
        whole = stats.multivariate_normal(offset, loadings @ loadings.T + scale**2 * np.eye(len(x)))
        log_seen = 0.0
        if seen.any():
            part = whole.cov_object.covariance[np.ix_(seen, seen)]
            log_seen = stats.multivariate_normal(offset[seen], part).logpdf(x[seen])
        log_hidden = stats.multivariate_normal(mean, covariance).logpdf(x[~seen])
        assert log_hidden == pytest.approx(whole.logpdf(x) - log_seen, abs=1e-8)


def test_draws_with_weights_complete_as_the_linear_model_does():
    rng = np.random.default_rng(1)
    loadings, offset = rng.standard_normal((4, 2)), rng.standard_normal(4)
    x, seen = np.array([0.7, 0.0, -1.2, 0.0]), np.array([True, False, True, False])
    z = rng.standard_normal((200_000, 2))
    centres = offset + z @ loadings.T
    weights = special.softmax(stats.norm.logpdf(x[seen], centres[:, seen], 0.8).sum(axis=1))
    mean, covariance = right("complete_gaussian", x, seen, offset, loadings, 0.8)
    np.testing.assert_allclose(weights @ centres[:, ~seen], mean, atol=0.03)
    spread = np.cov(centres[:, ~seen].T, aweights=weights) + 0.64 * np.eye(2)
    np.testing.assert_allclose(spread, covariance, atol=0.03)


def test_intervals_of_weighted_draws_cover_as_often_as_they_say():
    rng = np.random.default_rng(2)
    centres = rng.normal(0, 3, 3000)
    truth = centres + rng.standard_normal(3000)
    values = centres + 1.5 * rng.standard_normal((300, 3000))  # draws from a wider q
    log_weights = stats.norm.logpdf(values, centres) - stats.norm.logpdf(values, centres, 1.5) - 1000
    for level in (0.5, 0.9):
        coverage, width = right("interval_coverage", log_weights, values, truth, level)
        assert coverage == pytest.approx(level, abs=0.03)
        assert width == pytest.approx(2 * stats.norm.ppf((1 + level) / 2), rel=0.03)
    unweighted, _ = right("interval_coverage", 0 * log_weights, values, truth, 0.5)
    assert unweighted > 0.6


# --- scores -----------------------------------------------------------------------------------------------------------


def test_the_most_probable_point_is_the_least_surprising_and_the_least_typical():
    rng = np.random.default_rng(3)

    def log_prob(x, scale=1.0):
        return stats.norm.logpdf(x, 0, scale).sum(axis=1)

    known, fresh = rng.standard_normal((2, 2000, 100))
    odd = np.stack([np.zeros(100), rng.standard_normal(100), 1.5 * rng.standard_normal(100)])
    surprise, _, distance = right("anomaly_scores", log_prob(odd), log_prob(odd, 2.0), log_prob(known))
    assert surprise.argmin() == 0 and surprise.argmax() == 2
    assert distance[0] > 5 and distance[1] < 4 and distance[2] > 5
    _, _, usual = right("anomaly_scores", log_prob(fresh), log_prob(fresh, 2.0), log_prob(known))
    assert np.mean(usual**2) == pytest.approx(1, abs=0.15)


def test_no_score_tells_a_known_alternative_apart_better_than_the_ratio():
    rng = np.random.default_rng(4)
    ordinary, strange = rng.normal(0, 1, 4000), rng.normal(0, 2, 4000)
    new = np.concatenate([ordinary, strange])
    scores = right("anomaly_scores", stats.norm.logpdf(new), stats.norm.logpdf(new, 0, 2), stats.norm.logpdf(ordinary))
    labels = np.repeat([0, 1], 4000)
    ratio = roc_auc_score(labels, scores[1])
    grid = np.linspace(0, 20, 4001)
    exact = np.trapezoid(2 * stats.halfnorm.pdf(grid) * stats.halfnorm.sf(grid, scale=2), grid) / 2
    assert ratio == pytest.approx(exact, abs=0.02)
    assert ratio >= roc_auc_score(labels, scores[2])


def test_an_auc_is_scikit_learns():
    for anomalous, ordinary in draws("auc_with_error", 12):
        labels = np.repeat([1, 0], [len(anomalous), len(ordinary)])
        wanted = roc_auc_score(labels, np.concatenate([anomalous, ordinary]))
        assert right("auc_with_error", anomalous, ordinary)[0] == pytest.approx(wanted)


def test_the_error_of_an_auc_is_the_scatter_of_many():
    rng = np.random.default_rng(5)
    for m, n in ((40, 40), (15, 100)):
        both = [
            right("auc_with_error", np.round(rng.normal(1, 1.5, m)), np.round(rng.standard_normal(n)))
            for _ in range(1500)
        ]
        areas, errors = np.array(both).T
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(areas.std(), rel=0.08)


# --- conditional models, games, flows, samples ------------------------------------------------------------------------


def test_the_kl_to_the_prior_of_a_class_is_that_of_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    for mean, log_var, labels, class_means, class_log_vars in draws("conditional_kl", 3):
        got = right("conditional_kl", mean, log_var, labels, class_means, class_log_vars)
        for n, label in enumerate(labels.tolist()):
            total = 0.0
            for m, v, m0, v0 in zip(mean[n], log_var[n], class_means[label], class_log_vars[label], strict=True):
                q = m.item() + np.exp(v.item() / 2) * nodes
                log_q = stats.norm.logpdf(q, m.item(), np.exp(v.item() / 2))
                total += weights @ (log_q - stats.norm.logpdf(q, m0.item(), np.exp(v0.item() / 2)))
            assert got[n].item() == pytest.approx(total, abs=1e-6)


def test_the_players_losses_are_scikit_learns():
    for real, fake in draws("gan_losses", 6):
        judged, made = (float(value) for value in right("gan_losses", real, fake))
        d_real, d_fake = torch.sigmoid(real).numpy(), torch.sigmoid(fake).numpy()

        def loss(label, chance):
            return log_loss(np.full(len(chance), label), chance, labels=[0, 1])

        assert judged == pytest.approx(loss(1, d_real) + loss(0, d_fake), rel=1e-6)
        assert made == pytest.approx(loss(1, d_fake), rel=1e-6)


def test_the_generators_loss_is_steep_where_its_pictures_are_found_out():
    fake = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
    right("gan_losses", torch.zeros(1, dtype=torch.float64), fake)[1].backward()
    saturating = torch.autograd.grad(torch.log(1 - torch.sigmoid(fake)).sum(), fake)[0]
    assert fake.grad.item() == pytest.approx(-1, abs=1e-6)
    assert abs(saturating.item()) < 1e-8


def test_the_best_discriminator_is_where_a_search_finds_it():
    for data, model in draws("gan_value", 12):
        judge, value = right("gan_value", data, model)
        assert value == pytest.approx(2 * spatial.distance.jensenshannon(data, model) ** 2 - np.log(4), abs=1e-7)
        for p, q, found in zip(data, model, judge, strict=True):
            if p + q > 0:
                best = optimize.minimize_scalar(
                    lambda d, p=p, q=q: -special.xlogy(p, d) - special.xlogy(q, 1 - d), bounds=(0, 1), method="bounded",
                    options={"xatol": 1e-8},
                )  # fmt: skip
                assert best.x == pytest.approx(found, abs=1e-5)
            else:
                assert found == 0.5


def test_the_density_of_a_flow_integrates_to_one_and_its_draws_have_it():
    rng = np.random.default_rng(6)
    keep = torch.tensor([[True, False], [False, True], [True, False]])
    scales, shifts = (torch.tensor(rng.normal(0, 0.5, (3, 2, 2))) for _ in range(2))
    side = torch.linspace(-14, 14, 561, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    density = right("flow_log_prob", grid, keep, scales, shifts)[1].exp()
    assert density.sum().item() * 0.05**2 == pytest.approx(1, abs=1e-3)
    noise = torch.tensor(rng.standard_normal((100_000, 2)))
    x = noise
    for mask, matrix, shift in zip(keep, scales, shifts, strict=True):
        a = x * mask
        x = torch.where(mask, x, x * torch.tanh(a @ matrix.T).exp() + a @ shift.T)
    np.testing.assert_allclose(right("flow_log_prob", x, keep, scales, shifts)[0], noise, atol=1e-9)
    box = (grid.abs() < 0.96).all(1)  # cells up to 0.975
    inside = (x.abs() < 0.975).all(1).double().mean().item()
    assert density[box].sum().item() * 0.05**2 == pytest.approx(inside, abs=0.01)


def test_precision_and_recall_are_those_of_nearest_neighbour_searches():
    for real, fake, k in draws("precision_and_recall", 12):

        def share(points, centres, k=k):
            reach = NearestNeighbors(n_neighbors=k).fit(centres).kneighbors()[0][:, -1]  # without the point itself
            tree = spatial.cKDTree(points)
            held = set().union(
                *(tree.query_ball_point(one, far + 1e-12) for one, far in zip(centres, reach, strict=True))
            )
            return len(held) / len(points)

        assert right("precision_and_recall", real, fake, k) == pytest.approx((share(fake, real), share(real, fake)))


# --- problems ---------------------------------------------------------------------------------------------------------


def test_the_next_question_tells_what_a_table_of_all_answers_says():
    for shares, table, answers, target in draws("next_question", 10):
        rows = np.array(list(itertools.product((0, 1), repeat=len(answers))))
        masses = np.prod(np.where(rows[:, None] == 1, table, 1 - table), axis=2) @ shares
        masses *= ((rows == answers) | (answers == -1)).all(axis=1)
        told = {}
        for place in range(len(answers)):
            if answers[place] == -1 and place != target:
                counts = np.zeros((2, 2))
                np.add.at(counts, (rows[:, place], rows[:, target]), masses)
                whole = np.round(1e9 * counts / counts.sum())  # scikit-learn wants counts
                told[place] = mutual_info_score(None, None, contingency=whole)
        question, nats = right("next_question", shares, table, answers, target)
        assert question == max(told, key=told.get)
        assert nats == pytest.approx(told[question], abs=1e-6)


def test_patients_tell_about_the_target_what_the_answer_promises():
    rng = np.random.default_rng(7)
    shares, table = np.array([0.5, 0.3, 0.2]), rng.uniform(0.05, 0.95, (3, 4))
    answers, target = np.array([1, -1, -1, -1]), 2
    types = rng.choice(3, 1_000_000, p=shares)
    given = rng.random((1_000_000, 4)) < table[types]
    alike = given[given[:, 0]]
    question, nats = right("next_question", shares, table, answers, target)
    found = {place: mutual_info_score(alike[:, place], alike[:, target]) for place in (1, 3)}
    assert question == max(found, key=found.get)
    assert nats == pytest.approx(found[question], abs=0.003)


def test_no_other_threshold_is_cheaper_on_a_belt():
    rng = np.random.default_rng(8)
    for good, bad, rate, opening, missed in draws("cheapest_alarm", 6):
        threshold, cost, true = right("cheapest_alarm", good, bad, rate, opening, missed)
        is_bad = rng.random(200_000) < rate
        scores = np.where(is_bad, rng.choice(bad, 200_000), rng.choice(good, 200_000))

        def paid(threshold, scores=scores, is_bad=is_bad, opening=opening, missed=missed):
            opened = scores >= threshold
            return opening * opened + missed * (is_bad & ~opened)

        bill = paid(threshold)
        error = bill.std() / np.sqrt(200_000)
        assert bill.mean() == pytest.approx(cost, abs=5 * error + 1e-9)
        scale = np.unique(np.concatenate([good, bad]))
        others = np.concatenate([scale, (scale[1:] + scale[:-1]) / 2, [scale[0] - 1, scale[-1] + 1]])
        for other in others:
            difference = paid(other) - bill
            assert difference.mean() > -5 * difference.std() / np.sqrt(200_000) - 1e-9
        opened = scores >= threshold
        assert true == pytest.approx(is_bad[opened].mean() if opened.any() else 0.0, abs=0.02)


def test_missing_kinds_are_counted_by_enumeration_and_by_draws():
    for shares, count in ((np.array([0.5, 0.3, 0.2]), 4), (np.array([0.1, 0.2, 0.3, 0.4]), 5)):
        series = np.array(list(itertools.product(range(len(shares)), repeat=count)))
        chances = shares[series].prod(axis=1)
        missing = np.array([len(shares) - len(set(one)) for one in series.tolist()])
        mean = chances @ missing
        scatter = np.sqrt(chances @ (missing - mean) ** 2)
        assert right("kinds_missed", shares, count) == pytest.approx((mean, scatter))
    rng = np.random.default_rng(9)
    for shares, count in draws("kinds_missed", 4):
        missing = np.sum(rng.multinomial(count, shares, 100_000) == 0, axis=1)
        mean, scatter = right("kinds_missed", shares, count)
        assert missing.mean() == pytest.approx(mean, abs=5 * scatter / np.sqrt(100_000) + 1e-9)
        assert missing.std() == pytest.approx(scatter, rel=0.05, abs=0.003)
