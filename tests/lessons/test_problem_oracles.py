"""The problems' right answers, held against others: searches, quadrature, enumeration, simulation, scikit-learn."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, spatial, special, stats
from sklearn.mixture import GaussianMixture
from test_lesson_exercises import EXERCISES, LESSONS

from course_utils.models import disentanglement

PROBLEMS = {problem.name: problem for lesson in LESSONS.values() for problem in getattr(lesson, "PROBLEMS", ())}


def right(name, *arguments):
    return PROBLEMS[name]._reference(*arguments)


def draws(name, count=6):
    """Other inputs than those of a check."""
    return PROBLEMS[name].fresh(7, count)


def test_problems_are_among_the_exercises():
    assert set(PROBLEMS) <= {name.partition(".")[2] for name in EXERCISES}
    assert len(PROBLEMS) >= 28


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_has_several_misconceptions_and_three_hints(name):
    assert len(PROBLEMS[name].misconceptions) >= 4
    assert len(PROBLEMS[name].hints) == 3


# --- lesson 01 --------------------------------------------------------------------------------------------------------


def test_poisson_rates_are_where_a_search_finds_them():
    for counts, exposures, shape, rate in draws("poisson_rate", 12):
        unit = (counts.sum() + shape + 1) / exposures.sum() / 5  # the rate lies far below 50 of these

        def likelihood(value, counts=counts, exposures=exposures):
            return stats.poisson.logpmf(counts, value * exposures).sum()

        def posterior(value, shape=shape, rate=rate, likelihood=likelihood):
            return likelihood(value) + stats.gamma.logpdf(value, shape, scale=1 / rate)

        for density, answer in zip(
            (likelihood, posterior), right("poisson_rate", counts, exposures, shape, rate), strict=True
        ):
            found = optimize.minimize_scalar(
                lambda value, f=density, unit=unit: -f(value * unit), bounds=(1e-9, 50), method="bounded"
            )
            assert found.x * unit == pytest.approx(answer, abs=2e-5 * unit)


def test_guesses_have_the_smallest_expected_losses():
    for values, log_posterior in draws("best_guesses"):
        p = np.exp(log_posterior) / np.exp(log_posterior).sum()
        candidates = np.sort([*values, *np.linspace(values.min(), values.max(), 2001)])
        offsets = candidates[:, None] - values
        losses = (offsets**2, np.abs(offsets), offsets != 0)
        for loss, guess in zip(losses, right("best_guesses", values, log_posterior), strict=True):
            nearest = np.argmin(np.abs(candidates - guess))
            assert (loss @ p)[nearest] <= (loss @ p).min() + 1e-3 * np.ptp(values) ** 2


def test_the_median_of_the_taxis_splits_the_probability():
    values = np.arange(37.0, 1000.0)
    mean, median, mode = right("best_guesses", values, -3 * np.log(values))
    p = values**-3 / np.sum(values**-3)
    assert p[values < median].sum() < 0.5 <= p[values <= median].sum()
    assert (round(mean, 1), median, mode) == (70.4, 52, 37)


def test_bayes_factors_are_those_of_quadrature():
    for heads, tosses, alpha, beta in [(2, 2, 1.0, 1.0), (3, 10, 2.0, 5.0), (0, 0, 1.5, 3.0), (7, 9, 2.5, 1.2)]:
        evidence, _ = integrate.quad(
            lambda t, h=heads, n=tosses, a=alpha, b=beta: t**h * (1 - t) ** (n - h) * stats.beta.pdf(t, a, b), 0, 1
        )
        wanted = np.log(evidence) + tosses * np.log(2)
        assert right("log_bayes_factor", heads, tosses, alpha, beta) == pytest.approx(wanted, abs=1e-6)


def test_bayes_factors_are_those_of_the_beta_binomial():
    for heads, tosses, alpha, beta in [(12012, 24000, 1.0, 1.0), (40, 300, 0.6, 4.0)]:
        wanted = stats.betabinom.logpmf(heads, tosses, alpha, beta) - stats.binom.logpmf(heads, tosses, 0.5)
        assert right("log_bayes_factor", heads, tosses, alpha, beta) == pytest.approx(wanted, abs=1e-6)


# --- lesson 02 --------------------------------------------------------------------------------------------------------


def test_weighted_draws_scatter_as_much_as_the_plain_ones_they_are_worth():
    rng = np.random.default_rng(0)
    log_weights = np.array([0.0, 1.0, -2.0, 0.5, 1.5])
    weights = np.exp(log_weights) / np.exp(log_weights).sum()
    worth, needed = right("worth_of_draws", log_weights, 30.0)
    averages = rng.standard_normal((200_000, 5)) @ weights
    assert 1 / averages.var() == pytest.approx(worth, rel=0.02)
    copies = np.tile(log_weights, round(10 * needed) // 5)  # ten times what is needed, in copies of these
    assert right("worth_of_draws", copies, 1.0)[0] == pytest.approx(10 * 30, rel=0.03)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_equal_weights_are_worth_what_they_are_and_one_weight_alone_is_worth_one(count):
    assert right("worth_of_draws", np.full(count, -3.0), 5.0) == pytest.approx((count, 5.0))
    alone = np.array([0.0] + [-np.inf] * (count - 1))
    assert right("worth_of_draws", alone, 5.0) == pytest.approx((1, 5 * count))


def test_the_planned_survey_is_unbiased_and_knows_its_error():
    rng = np.random.default_rng(1)
    weights, means, scales = np.array([0.7, 0.3]), np.array([1.0, 9.0]), np.array([2.0, 0.5])
    labels = np.array([0, 0, 0, 1, 1])
    answers = [
        right("stratified_mean", means[labels] + scales[labels] * rng.standard_normal(5), labels, weights)
        for _ in range(20_000)
    ]
    estimates, errors = np.array(answers).T
    exact = np.sqrt(np.sum(weights**2 * scales**2 / np.array([3, 2])))
    assert estimates.mean() == pytest.approx(weights @ means, abs=4 * exact / np.sqrt(20_000))
    assert estimates.std() == pytest.approx(exact, rel=0.03)
    assert np.mean(errors**2) == pytest.approx(exact**2, rel=0.03)


def test_one_gaussian_has_the_moments_of_many_draws():
    rng = np.random.default_rng(2)
    for weights, means, covariances in draws("one_gaussian", 4):
        mean, covariance = right("one_gaussian", weights, means, covariances)
        labels = rng.choice(len(weights), size=200_000, p=weights)
        noise = rng.standard_normal((len(labels), means.shape[1], 1))
        sample = means[labels] + (np.linalg.cholesky(covariances)[labels] @ noise)[..., 0]
        size = np.trace(covariance)
        assert np.allclose(sample.mean(axis=0), mean, atol=0.015 * np.sqrt(size))
        assert np.allclose(np.cov(sample.T), covariance, atol=0.03 * size)


# --- lesson 03 --------------------------------------------------------------------------------------------------------


def _coins_log_likelihood(heads, tosses, share, first, second):
    one, other = (stats.binom.pmf(heads, tosses, chance) for chance in (first, second))
    return np.log(share * one + (1 - share) * other).sum()


def test_an_em_step_for_two_coins_maximises_the_expected_log_likelihood():
    for heads, tosses, *start in draws("two_coins_step"):
        share, first, second = start
        one, other = share * stats.binom.pmf(heads, tosses, first), (1 - share) * stats.binom.pmf(heads, tosses, second)
        r = one / (one + other)

        def expected(logits, heads=heads, tosses=tosses, r=r):
            share, first, second = special.expit(np.clip(logits, -30, 30))  # where no chance is rounded to 1
            logs = np.log(share) + stats.binom.logpmf(heads, tosses, first)
            others = np.log(1 - share) + stats.binom.logpmf(heads, tosses, second)
            return r @ logs + (1 - r) @ others

        answer = np.clip(right("two_coins_step", heads, tosses, *start), 1e-9, 1 - 1e-9)
        best = expected(special.logit(answer))
        found = optimize.minimize(lambda x, f=expected: -f(x), special.logit(start), method="Nelder-Mead")
        assert best >= -found.fun - 1e-6


def test_em_for_two_coins_never_goes_down_and_ends_at_a_summit():
    heads, tosses = np.array([5, 9, 8, 4, 7]), np.full(5, 10)
    theta, history = (0.5, 0.6, 0.5), []
    for _ in range(2000):
        history.append(_coins_log_likelihood(heads, tosses, *theta))
        theta = right("two_coins_step", heads, tosses, *theta)
    assert np.all(np.diff(history) >= -1e-12)
    found = optimize.minimize(
        lambda x: -_coins_log_likelihood(heads, tosses, *special.expit(x)), special.logit(theta), method="Nelder-Mead"
    )
    assert history[-1] == pytest.approx(-found.fun, abs=1e-6)


def test_no_other_distribution_does_better_at_a_temperature():
    rng = np.random.default_rng(3)
    for log_joint, temperature in draws("tempered_e_step"):
        q, value = right("tempered_e_step", log_joint, temperature)
        assert q.sum(axis=1) == pytest.approx(1)
        others = rng.dirichlet(np.ones(log_joint.shape[1]), size=(5000, len(log_joint)))
        reached = (others * log_joint + temperature * special.entr(others)).sum(axis=-1)
        assert np.all(reached <= value + 1e-9)
        assert (q * log_joint + temperature * special.entr(q)).sum(axis=1) == pytest.approx(value)


def test_model_probabilities_are_those_of_scikit_learns_bic():
    rng = np.random.default_rng(4)
    data = rng.standard_normal((120, 3)) * [1.0, 2.0, 0.5]
    criteria, log_likelihoods = np.zeros((4, 2)), np.zeros((4, 2))
    for (row, structure), column in itertools.product(enumerate(("full", "tied", "diag", "spherical")), range(2)):
        fit = GaussianMixture(column + 1, covariance_type=structure, random_state=0).fit(data)
        criteria[row, column], log_likelihoods[row, column] = fit.bic(data), 120 * fit.score(data)
    odds = np.exp(-0.5 * (criteria - criteria.min()))
    got = right("model_probabilities", log_likelihoods, 3, 120)
    assert got == pytest.approx(odds / odds.sum(), rel=1e-6)


# --- lesson 04 --------------------------------------------------------------------------------------------------------


def test_sweeps_over_a_table_never_lower_the_bound_and_end_at_the_best_q():
    for log_joint, columns, _ in draws("mean_field_table"):
        bounds = [right("mean_field_table", log_joint, columns, sweeps)[2] for sweeps in (1, 2, 3, 200)]
        assert np.all(np.diff(bounds) >= -1e-9)
        assert bounds[-1] <= special.logsumexp(log_joint) + 1e-9

        def bound(free, log_joint=log_joint):
            rows, columns = (special.softmax(part) for part in np.split(free, [len(log_joint)]))
            q = np.outer(rows, columns)
            return np.sum(q * log_joint - special.xlogy(q, q))

        rows, columns, reached = right("mean_field_table", log_joint, columns, 200)
        start = np.log(np.maximum(np.concatenate([rows, columns]), 1e-12))
        assert bound(start) == pytest.approx(reached, abs=1e-8)
        climbed = optimize.minimize(lambda x, f=bound: -f(x), start)
        assert -climbed.fun == pytest.approx(reached, abs=1e-5)


def test_independent_causes_are_told_exactly():
    rows, columns = np.array([0.3, 0.7]), np.array([0.2, 0.5, 0.3])
    answer = right("mean_field_table", np.log(np.outer(rows, columns)) - 4, np.full(3, 1 / 3), 1)
    assert answer[0] == pytest.approx(rows) and answer[1] == pytest.approx(columns)
    assert answer[2] == pytest.approx(-4)


def test_q_is_judged_as_closed_forms_judge_it():
    # p(x, z) = e^-3 N(z; 0, 1) and q = N(0.5, 0.8²): evidence, bound and scatter are known
    rng = np.random.default_rng(5)
    z = 0.5 + 0.8 * rng.standard_normal(400_000)
    log_joint, log_q = stats.norm.logpdf(z) - 3, stats.norm.logpdf(z, 0.5, 0.8)
    elbo, error, evidence = right("judge_q", log_joint, log_q)
    divergence = 0.5 * (0.8**2 + 0.5**2 - 1 - np.log(0.8**2))
    assert elbo == pytest.approx(-3 - divergence, abs=5 * error)
    assert evidence == pytest.approx(-3, abs=0.01)
    pieces = [
        right("judge_q", *parts)[0] for parts in zip(np.split(log_joint, 1000), np.split(log_q, 1000), strict=True)
    ]
    assert np.std(pieces) / np.sqrt(1000) == pytest.approx(error, rel=0.1)


def test_a_perfect_q_has_no_error_and_no_gap():
    z = np.random.default_rng(6).standard_normal(50)
    elbo, error, evidence = right("judge_q", stats.norm.logpdf(z) - 7, stats.norm.logpdf(z))
    assert (elbo, error, evidence) == pytest.approx((-7, 0, -7), abs=1e-12)


def test_the_updated_rows_are_the_normalised_exponential_of_the_averaged_log_joint():
    rng = np.random.default_rng(7)
    theta = np.array([0.4, 1.1, 2.5, 6.0])
    for counts, observed, column_shape, column_rate, prior_shape, prior_rate in draws("update_row_rates", 3):
        hours = rng.gamma(column_shape, 1 / column_rate, size=(100_000, len(column_shape)))
        hours *= (column_shape / column_rate) / hours.mean(axis=0)  # the sample's mean exact, for a sharp test
        shapes, rates = right("update_row_rates", counts, observed, column_shape, column_rate, prior_shape, prior_rate)
        for row, seen, shape, rate in zip(counts, observed, shapes, rates, strict=True):
            joint = stats.gamma.logpdf(theta, prior_shape, scale=1 / prior_rate)
            for number, phi, there in zip(row, hours.T, seen, strict=True):
                if there:
                    joint = joint + stats.poisson.logpmf(number, theta[:, None] * phi).mean(axis=1)
            density = stats.gamma.logpdf(theta, shape, scale=1 / rate)
            assert np.diff(joint) == pytest.approx(np.diff(density), abs=1e-6)


# --- lesson 05 --------------------------------------------------------------------------------------------------------


def test_encoders_are_compared_without_bias_and_with_the_right_error():
    # x ~ N(0, 1 + 1) with z ~ N(0, 1): posterior N(x/2, 1/2), and two encoders whose gaps are known
    rng = np.random.default_rng(8)
    points, answers = 12, []
    for _ in range(4000):
        x = rng.normal(0, np.sqrt(2), points)
        tables = []
        for slope, draws in ((0.4, 3), (0.8, 2)):
            z = slope * x + np.sqrt(0.5) * rng.standard_normal((draws, points))
            tables += [stats.norm.logpdf(z) + stats.norm.logpdf(x, z), stats.norm.logpdf(z, slope * x, np.sqrt(0.5))]
        answers.append(right("compare_encoders", *tables))
    differences, errors = np.array(answers).T
    exact = ((0.8 - 0.5) ** 2 - (0.4 - 0.5) ** 2) * 2  # KL of Gaussians with variance ½, averaged over x
    assert differences.mean() == pytest.approx(exact, abs=4 * differences.std() / np.sqrt(4000))
    assert np.mean(errors**2) == pytest.approx(differences.var(), rel=0.1)


def test_the_poisson_encoder_gives_bayes_rule_for_counts():
    rng = np.random.default_rng(9)
    for shares, rates in draws("poisson_encoder"):
        weights, bias = right("poisson_encoder", shares, rates)
        x = rng.poisson(3, (20, rates.shape[1]))
        joint = np.log(shares) + stats.poisson.logpmf(x[:, None], rates).sum(axis=2)
        assert special.softmax(x @ weights + bias, axis=1) == pytest.approx(special.softmax(joint, axis=1))
        assert not weights[:, 0].any() and bias[0] == 0


# --- lesson 06 --------------------------------------------------------------------------------------------------------


def test_the_log_joint_of_a_poisson_regression_is_scipys():
    for z, features, counts, prior_scale in draws("regression_log_joint"):
        got = right("regression_log_joint", z, features, counts, prior_scale).numpy()
        rates = np.exp(z.numpy() @ features.numpy().T)
        wanted = stats.poisson.logpmf(counts.numpy(), rates).sum(axis=1)
        assert got == pytest.approx(wanted + stats.norm.logpdf(z.numpy(), 0, prior_scale).sum(axis=1))


def test_the_gradient_for_a_rate_is_that_of_finite_differences():
    for uniforms, rate, counts in draws("rate_gradient"):

        def terms(rate, uniforms=uniforms, counts=counts):
            z = stats.expon.ppf(uniforms, scale=1 / rate)
            likelihood = stats.poisson.logpmf(counts[:, None], z).sum(axis=0)
            return likelihood + stats.expon.logpdf(z) - stats.expon.logpdf(z, scale=1 / rate)

        wanted = (terms(rate + 1e-6) - terms(rate - 1e-6)) / 2e-6
        assert right("rate_gradient", uniforms, rate, counts) == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_the_gradient_for_a_rate_vanishes_on_average_at_the_best_rate():
    uniforms = (np.arange(100_000) + 0.5) / 100_000
    counts = np.array([2, 0, 3])
    best = (len(counts) + 1) / (counts.sum() + 1)
    assert right("rate_gradient", uniforms, best, counts).mean() == pytest.approx(0, abs=1e-4)
    assert right("rate_gradient", uniforms, 0.7 * best, counts).mean() > 0.1


def test_another_model_in_a_black_box_loop_finds_its_posterior():
    generator = torch.Generator().manual_seed(0)
    features = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None] ** torch.arange(2)
    counts = torch.poisson((features @ torch.tensor([1.0, 0.8]).double()).exp(), generator=generator)
    mean, log_scale = (torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam([mean, log_scale], lr=0.05)
    for _ in range(400):
        noise = torch.randn(64, 2, dtype=torch.float64, generator=generator)
        log_joint = right("regression_log_joint", mean + log_scale.exp() * noise, features, counts, 2.0)
        loss = -(log_joint.mean() + log_scale.sum())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 3, 201).double()] * 2, indexing="ij"), -1).reshape(-1, 2)
    weights = torch.softmax(right("regression_log_joint", grid, features, counts, 2.0), 0)
    assert mean.detach().numpy() == pytest.approx((weights @ grid).numpy(), abs=0.05)


# --- lesson 07 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_no_linear_autoencoder_without_offsets_loses_less_and_descent_gets_there(number):
    mean, covariance, size = draws("cost_of_not_centring", 4)[number]
    error, surplus = right("cost_of_not_centring", mean, covariance, size)
    moment = torch.tensor(covariance + np.outer(mean, mean))
    torch.manual_seed(0)
    encoder, decoder = (torch.randn(shape, dtype=torch.float64) for shape in ((size, len(mean)), (len(mean), size)))

    def loss():
        missing = decoder @ encoder - torch.eye(len(mean))
        return torch.trace(missing @ moment @ missing.T)  # E|WVx − x|²

    weights = [encoder.requires_grad_(), decoder.requires_grad_()]
    optimizer = torch.optim.LBFGS(weights, max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    assert loss().item() >= error - 1e-6
    assert loss().item() == pytest.approx(error, abs=1e-4)
    assert surplus >= -1e-9


@pytest.mark.parametrize("number", range(6))
def test_the_best_repair_is_what_regression_finds_in_simulated_pictures(number):
    mean, covariance, blur, noise_variance = draws("best_repair")[number]
    matrix, offset, error = right("best_repair", mean, covariance, blur, noise_variance)
    rng = np.random.default_rng(number)
    x = rng.multivariate_normal(mean, covariance, 200_000, method="eigh")
    y = x @ blur.T + np.sqrt(noise_variance) * rng.standard_normal((len(x), len(blur)))
    columns = np.c_[y, np.ones(len(y))]
    found = np.linalg.lstsq(columns, x, rcond=None)[0]
    repaired = y @ matrix.T + offset
    assert np.mean(np.sum((repaired - x) ** 2, axis=1)) == pytest.approx(error, rel=0.02, abs=1e-9)
    assert repaired.mean(0) == pytest.approx(mean, abs=0.03)
    # what regression finds in these pictures is better there, and hardly so
    at_best = np.mean(np.sum((columns @ found - x) ** 2, axis=1))
    assert at_best <= np.mean(np.sum((repaired - x) ** 2, axis=1)) + 1e-12 <= at_best * 1.001 + 1e-9


def test_no_nearby_translation_of_codes_has_a_smaller_error():
    rng = np.random.default_rng(2)
    for first, second, _ in draws("translate_codes"):
        columns = np.c_[first, np.ones(len(first))]
        fitted = right("translate_codes", first, second, first)
        least = np.sum((fitted - second) ** 2)
        solution = np.linalg.lstsq(columns, fitted, rcond=None)[0]
        assert columns @ solution == pytest.approx(fitted, abs=1e-8)  # it is affine
        for _ in range(50):
            moved = columns @ (solution + 1e-3 * rng.normal(size=solution.shape))
            assert np.sum((moved - second) ** 2) >= least


def test_codes_that_differ_by_an_affine_map_are_translated_exactly():
    rng = np.random.default_rng(3)
    first, new = rng.normal(size=(9, 3)), rng.normal(size=(4, 3))
    matrix, shift = rng.normal(size=(3, 2)), rng.normal(size=2)
    assert right("translate_codes", first, first @ matrix + shift, new) == pytest.approx(new @ matrix + shift)


# --- lesson 08 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(6))
def test_terms_with_gaps_are_those_of_the_small_model_of_what_was_seen(number):
    x, mean, log_var, noise, decode, scale = draws("elbo_terms_with_gaps")[number]
    reconstruction, kl = right("elbo_terms_with_gaps", x, mean, log_var, noise, decode, scale)
    for n in range(len(x)):
        seen = np.flatnonzero(np.isfinite(x[n].numpy()))
        scores = []
        for draw in noise[:, n]:
            z = mean[n] + torch.exp(log_var[n] / 2) * draw
            picture = decode(z).numpy()[seen]  # a decoder of these pixels only
            scores.append(stats.norm.logpdf(x[n].numpy()[seen], picture, scale).sum())
        assert reconstruction[n].item() == pytest.approx(np.mean(scores), abs=1e-9)
        price = sum(
            integrate.quad(
                lambda z, m=m, s=s: stats.norm.pdf(z, m, s) * (stats.norm.logpdf(z, m, s) - stats.norm.logpdf(z)),
                m - 12 * s,
                m + 12 * s,
            )[0]
            for m, s in zip(mean[n].tolist(), torch.exp(log_var[n] / 2).tolist(), strict=True)
        )
        assert kl[n].item() == pytest.approx(price, abs=1e-6)


def test_what_was_not_seen_integrates_to_one():
    x = torch.tensor([[0.4, float("nan")]], dtype=torch.float64)
    others = [torch.tensor([value], dtype=torch.float64).reshape(1, 1) for value in (0.2, -0.5)]
    noise = torch.tensor([[[0.7]]], dtype=torch.float64)
    decode = PROBLEMS["elbo_terms_with_gaps"].probes[0][4]

    def density(second):
        whole = x.clone()
        whole[0, 1] = second
        return right("elbo_terms_with_gaps", whole, *others, noise, decode, 0.6)[0].exp().item()

    total, _ = integrate.quad(density, -8, 8)
    seen = right("elbo_terms_with_gaps", x, *others, noise, decode, 0.6)[0].exp().item()
    assert total == pytest.approx(seen, rel=1e-8)


# --- lesson 09 --------------------------------------------------------------------------------------------------------


def test_market_shares_are_those_of_many_customers():
    rng = np.random.default_rng(10)
    for rates, distortions, highest in draws("market_shares", 20):
        shares = np.array(right("market_shares", rates, distortions, highest))
        prices = rng.uniform(0, highest, 40_000)
        cheapest = np.argmin(distortions + np.outer(prices, rates), axis=1)
        error = np.sqrt(shares * (1 - shares) / len(prices))
        assert np.all(np.abs(np.bincount(cheapest, minlength=len(rates)) / len(prices) - shares) <= 5 * error + 1e-9)
        assert shares.sum() == pytest.approx(1)


def test_only_vertices_of_scipys_convex_hull_are_bought():
    rng = np.random.default_rng(11)
    for _ in range(20):
        points = np.column_stack([rng.uniform(0, 8, 12), rng.uniform(0, 30, 12)])
        bought = np.flatnonzero(right("market_shares", *points.T, 1e6))
        # a point far to the right and one far above leave of the hull what faces the origin
        far = [[1e9, points[:, 1].min()], [points[points[:, 0].argmin(), 0], 1e9]]
        hull = spatial.ConvexHull(np.concatenate([points, far])).vertices
        assert set(bought) <= set(hull) <= {*bought, points[:, 0].argmin(), 12, 13}


def test_no_other_gaussian_prior_makes_the_rate_smaller():
    for mean, log_var in draws("fitted_prior"):
        codes = torch.distributions.Normal(mean, torch.exp(log_var / 2))

        def rate(values, codes=codes, latents=mean.shape[1]):
            centre, log_scale = torch.as_tensor(values).reshape(2, latents)
            prior = torch.distributions.Normal(centre, log_scale.exp())
            return torch.distributions.kl_divergence(codes, prior).sum(1).mean().item()

        centre, variance, saved = right("fitted_prior", mean, log_var)
        before = rate(np.zeros(2 * mean.shape[1]))
        found = optimize.minimize(rate, np.zeros(2 * mean.shape[1]), method="BFGS", options={"gtol": 1e-6})
        assert found.fun == pytest.approx(before - saved.item(), abs=1e-6)
        best = found.x.reshape(2, -1)
        assert best[0] == pytest.approx(centre.numpy(), abs=1e-3)
        assert np.exp(2 * best[1]) == pytest.approx(variance.numpy(), rel=1e-3)


def test_no_spending_of_the_nats_reaches_a_higher_gap():
    for entropies, rate, wanted in draws("gap_ceiling", 20):
        best, fewest = right("gap_ceiling", entropies, rate, wanted)
        bounds, gains = [(0, entropy) for entropy in entropies], 1 / entropies / len(entropies)
        spent = optimize.linprog(-gains, A_ub=np.ones((1, len(entropies))), b_ub=[rate], bounds=bounds)
        assert best == pytest.approx(-spent.fun, abs=1e-8)
        paid = optimize.linprog(np.ones(len(entropies)), A_ub=-gains[None], b_ub=[-wanted], bounds=bounds)
        assert fewest == pytest.approx(paid.fun, abs=1e-8)


def test_a_code_with_erasures_reaches_the_ceiling():
    # factors of 2 and 4 values, on a grid; the first is told always, the second in half of all cases
    first, second, told = np.indices((2, 4, 2)).reshape(3, -1)
    codes = np.column_stack([first, np.where(told, second + 1, 0)]).astype(float)
    best, _ = right("gap_ceiling", np.log([2.0, 4.0]), 2 * np.log(2), 0.0)
    assert disentanglement.mutual_information_gap(codes, np.column_stack([first, second])) == pytest.approx(best)


# --- lesson 10 --------------------------------------------------------------------------------------------------------


def test_pages_occur_as_often_as_they_should():
    rng = np.random.default_rng(12)
    for logits, page in draws("front_page"):
        ranking = np.argsort(-(logits + rng.gumbel(size=(100_000, len(logits)))), axis=1)[:, : len(page)]
        events = np.all(ranking == page, axis=1), np.all(np.sort(ranking) == np.sort(page), axis=1)
        for event, log_p in zip(events, right("front_page", logits, page), strict=True):
            p = np.exp(log_p)
            assert event.mean() == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / len(ranking)) + 1e-12)


def test_all_pages_of_a_length_have_probability_one():
    logits = np.array([0.3, -1.2, 2.0, 0.0, 0.9])
    pages = [np.array(page) for page in itertools.permutations(range(5), 3)]
    both = np.exp([right("front_page", logits, page) for page in pages])
    assert both[:, 0].sum() == pytest.approx(1)
    assert both[:, 1].sum() == pytest.approx(6)  # each set comes in six orders


def test_sums_behind_a_choice_are_those_that_led_to_it():
    rng = np.random.default_rng(13)
    logits, chosen = np.array([0.5, -0.7, 1.2, 0.0]), 3
    thrown = logits + rng.gumbel(size=(120_000, 4))
    thrown = thrown[thrown.argmax(axis=1) == chosen]
    built = np.array([right("sums_behind", logits, chosen, row) for row in rng.uniform(size=(10_000, 4))])
    assert np.all(built.argmax(axis=1) == chosen)
    for k in range(4):
        assert stats.ks_2samp(built[:, k], thrown[:, k]).pvalue > 0.001
        # and so do the distances to the winner, which hang together with its height
        assert stats.ks_2samp(built[:, chosen] - built[:, k], thrown[:, chosen] - thrown[:, k]).pvalue > 0.001
    assert stats.spearmanr(built)[0] == pytest.approx(stats.spearmanr(thrown)[0], abs=0.05)


def test_the_uniform_numbers_are_the_conditional_distribution_functions():
    for logits, chosen, uniforms in draws("sums_behind"):
        sums = right("sums_behind", logits, chosen, uniforms)
        top = sums[chosen]
        reached, _ = integrate.quad(
            lambda g, a=logits, k=chosen: stats.gumbel_r.pdf(g, a[k]) * np.prod(stats.gumbel_r.cdf(g, np.delete(a, k))),
            -40,
            top,
            points=[top - 1],
        )
        assert reached / special.softmax(logits)[chosen] == pytest.approx(uniforms[chosen], abs=1e-7)
        others = np.arange(len(logits)) != chosen
        below = stats.gumbel_r.cdf(sums, logits) / stats.gumbel_r.cdf(top, logits)
        assert below[others] == pytest.approx(uniforms[others])


def test_log_z_is_where_the_heights_are_most_probable():
    for heights, level in draws("log_z_from_heights"):
        found = optimize.minimize_scalar(
            lambda place, m=heights: -stats.gumbel_r.logpdf(m, place).sum(),
            bounds=(heights.min() - 5, heights.max() + 5),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert right("log_z_from_heights", heights, level)[0] == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_interval_for_log_z_covers_it_as_often_as_it_says(count):
    rng = np.random.default_rng(14)
    logits = np.array([0.5, -1.0, 2.0])
    heights = (logits + rng.gumbel(size=(20_000, count, 3))).max(axis=2)
    truth = special.logsumexp(logits)
    low, high = np.array([right("log_z_from_heights", row, 0.8)[1:] for row in heights]).T
    error = np.sqrt(0.1 * 0.9 / len(heights))
    assert np.mean(low > truth) == pytest.approx(0.1, abs=4 * error)
    assert np.mean(high < truth) == pytest.approx(0.1, abs=4 * error)
