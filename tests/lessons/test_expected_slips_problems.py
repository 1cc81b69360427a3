"""Answers to the problems that nobody listed: wrong ones and what they are told, right ones in odd spellings."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats
from told import assert_told

from course_utils.lessons.amortisation import problems as amortisation
from course_utils.lessons.beta_vae import problems as beta_vae
from course_utils.lessons.estimation import problems as estimation
from course_utils.lessons.expectation_maximization import problems as em
from course_utils.lessons.gumbel import problems as gumbel
from course_utils.lessons.mixtures import problems as mixtures
from course_utils.lessons.reparameterisation import problems as reparameterisation
from course_utils.lessons.variational_inference import problems as variational


def _coins(change):
    def answer(heads, tosses, share, first, second):
        return change(*em._coins(heads, tosses, share, first, second), heads)

    return answer


def _on_a_grid(rates, distortions, highest):
    prices = np.linspace(0, highest, 1001)
    cheapest = np.argmin(distortions[:, None] + np.outer(rates, prices), axis=0)
    return np.bincount(cheapest, minlength=len(rates)) / len(prices)


def _squares_first(mean, log_var):
    centre, variance = mean.mean(0), (log_var.exp() + mean**2).mean(0) - mean.mean(0) ** 2
    return centre, variance, (variance + centre**2 - 1 - variance.log()).sum() / 2


def _page_by_what_is_left(logits, page):
    weights = np.exp(logits - logits.max())
    left = weights.sum() - np.cumsum(weights[page]) + weights[page]
    return np.log(weights[page] / left).sum(), gumbel._pages(logits, page)[1]


def _winner_and_rest(logits, chosen, uniforms, rest):
    """The right sum for the winner, and others by a rule for (logits, uniform numbers, the winner's sum)."""
    top = gumbel._sums(logits, chosen, uniforms)[chosen]
    return np.where(np.arange(len(logits)) == chosen, top, rest(logits, uniforms, top))


SLIPS = {
    "1.6 prior without hours": (
        estimation.poisson_rate,
        lambda n, t, a, b: (n.sum() / t.sum(), max(n.sum() + a - 1, 0) / t.sum()),
        "a term left out, in a part with `prior_rate`",
    ),
    "1.8 the other way round": (
        estimation.log_bayes_factor, lambda *a: -estimation._bayes_factor(*a), "the sign is opposite",
    ),
    "1.8 without the fair coin": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: special.betaln(a + h, b + n - h) - special.betaln(a, b),
        "too small by log 2 times `tosses`",
    ),
    "1.8 in bits": (
        estimation.log_bayes_factor, lambda *a: estimation._bayes_factor(*a) / math.log(2), "1/log 2 times",
    ),
    "2.5 without M": (
        mixtures.worth_of_draws,
        lambda v, w: (mixtures._worth(v, w)[0], w / mixtures._worth(v, w)[0]),
        "multiply by M",
    ),
    "2.7 mean without weights": (
        mixtures.one_gaussian,
        lambda w, m, c: (m.mean(0), mixtures._one_gaussian(w, m, c)[1]),
        "`weights` with each entry replaced by the mean",
    ),
    "3.5 share not averaged": (
        em.two_coins_step, _coins(lambda s, p, q, heads: (s * len(heads), p, q)), "times the length of `heads`",
    ),
    "3.5 share of the other coin": (
        em.two_coins_step, _coins(lambda s, p, q, heads: (1 - s, p, q)), "1 minus the right answer",
    ),
    "3.6 the other axis": (
        em.tempered_e_step,
        lambda j, t: (special.softmax(j / t, axis=0), em._tempered(j, t)[1]),
        "rows and columns exchanged",
    ),
    "3.6 the whole table": (
        em.tempered_e_step, lambda j, t: (special.softmax(j / t), em._tempered(j, t)[1]), "in each row",
    ),
    "3.6 one value": (
        em.tempered_e_step,
        lambda j, t: (em._tempered(j, t)[0], em._tempered(j, t)[1].sum()),
        "an array of shape (1,)",
    ),
    "4.5 factors exchanged": (
        variational.mean_field_table,
        lambda *a: (lambda r, c, e: (c, r, e))(*variational._mean_field(*a)),
        "should be an array of shape (2,)",
    ),
    "4.5 one sweep less": (
        variational.mean_field_table,
        lambda j, c, n: (lambda r, q: (r, q, variational._table_bound(j, r, q)))(
            *(variational._mean_field(j, c, n - 1)[:2] if n > 1 else (special.softmax(j @ c), c))
        ),
        "One sweep is missing",
    ),
    "4.5 till nothing changes": (
        variational.mean_field_table, lambda j, c, n: variational._mean_field(j, c, 400), "until nothing changes",
    ),
    "4.5 the divergence": (
        variational.mean_field_table,
        lambda j, c, n: (
            *variational._mean_field(j, c, n)[:2], special.logsumexp(j) - variational._mean_field(j, c, n)[2]
        ),
        "is KL(q‖posterior)",
    ),
    "4.5 largest number subtracted": (
        variational.mean_field_table,
        variational._swept(
            lambda j, r, c: (lambda r: (r, special.softmax(r @ j)))(
                np.exp(j @ c - j.max()) / np.exp(j @ c - j.max()).sum()
            )
        ),
        "the largest of *these averages*",
    ),
    "4.6 the largest weight": (
        variational.judge_q,
        lambda j, q: (*variational._judgement(j, q)[:2], np.max(j - q)), "the largest log-weight",
    ),
    "4.6 M − 1 twice": (
        variational.judge_q,
        lambda j, q: (
            np.mean(j - q), np.std(j - q, ddof=1) / np.sqrt(len(j) - 1), variational._judgement(j, q)[2]
        ),
        "M − 1 is there twice",
    ),
    "4.6 backwards": (
        variational.judge_q, lambda j, q: variational._judgement(j, q)[::-1], "wrong order: first the ELBO",
    ),
    "4.6 error last": (
        variational.judge_q,
        lambda j, q: tuple(variational._judgement(j, q)[k] for k in (0, 2, 1)), "the standard error comes second",
    ),
    "4.6 first subtracted": (
        variational.judge_q,
        lambda j, q: (
            *variational._judgement(j, q)[:2], j[0] - q[0] + np.log(np.mean(np.exp(j - q - j[0] + q[0])))
        ),
        "with the largest log-weight subtracted",
    ),
    "4.7 means": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (
            s + (n * o).sum(1) / np.maximum(o.sum(1), 1), r + o @ (a / b) / np.maximum(o.sum(1), 1)
        ),
        "You average over the observed hours",
    ),
    "4.7 prior per hour": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (np.sum(o * (n + s), axis=1), o @ (a / b + r)), "once with every observed hour",
    ),
    "4.7 counts divided": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (s + np.sum(o * n * b / a, axis=1), r + o @ (a / b)), "divide the counts",
    ),
    "5.5 errors added": (
        amortisation.compare_encoders,
        lambda ja, qa, jb, qb: (
            np.mean(ja - qa) - np.mean(jb - qb), stats.sem((ja - qa).mean(0)) + stats.sem((jb - qb).mean(0))
        ),
        "adds up those of both encoders",
    ),
    "5.5 sums over draws": (
        amortisation.compare_encoders,
        lambda ja, qa, jb, qb: (lambda d: (d.mean(), stats.sem(d)))((ja - qa).sum(0) - (jb - qb).sum(0)),
        "You sum over the draws",
    ),
    "5.5 N − 1 twice": (
        amortisation.compare_encoders,
        lambda *a: (lambda d, e: (d, e * np.sqrt(a[0].shape[1] / (a[0].shape[1] - 1))))(*amortisation._comparison(*a)),
        "N − 1 is there twice",
    ),
    "5.5 mean of the squares": (
        amortisation.compare_encoders,
        lambda ja, qa, jb, qb: (
            lambda d: (d.mean(), np.sqrt((np.mean(d**2) - np.mean(d) ** 2) / (len(d) - 1)))
        )((ja - qa).mean(0) - (jb - qb).mean(0)),
        "nearly all digits cancel",
    ),
    "5.6 exponentials": (
        amortisation.poisson_encoder,
        lambda s, r: (
            amortisation._exact(s, r)[0],
            np.log(s * np.exp(-r.sum(1))) - np.log(s[0] * np.exp(-r[0].sum())),
        ),
        "exponentiate nothing",
    ),
    "5.6 weights not against the first": (
        amortisation.poisson_encoder, lambda s, r: (np.log(r).T, amortisation._exact(s, r)[1]), "The bias is right",
    ),
    "5.6 bias not against the first": (
        amortisation.poisson_encoder,
        lambda s, r: (amortisation._exact(s, r)[0], np.log(s) - r.sum(1)), "its own is subtracted",
    ),
    "5.6 proportions": (
        amortisation.poisson_encoder,
        lambda s, r: (
            np.log(r / r.sum(1, keepdims=True)).T - np.log(r[:1] / r[0].sum()).T, np.log(s) - np.log(s[0])
        ),
        "only the proportions",
    ),
    "6.6 lgamma(n)": (
        reparameterisation.regression_log_joint,
        lambda z, x, n, s: (
            reparameterisation._regression(z, x, n, s) + torch.lgamma(n + 1).sum() - torch.lgamma(n).sum()
        ),
        "log (n − 1)!",
    ),
    "6.6 softplus": (
        reparameterisation.regression_log_joint,
        lambda z, x, n, s: (
            torch.distributions.Poisson(torch.nn.functional.softplus(z @ x.T)).log_prob(n).sum(1)
            + torch.distributions.Normal(0.0, s).log_prob(z).sum(1)
        ),
        "Your rate is softplus",
    ),
    "6.6 factorials themselves": (
        reparameterisation.regression_log_joint,
        lambda z, x, n, s: (
            reparameterisation._regression(z, x, n, s)
            + torch.lgamma(n + 1).sum() - torch.tensor(special.factorial(n.numpy())).log().sum()
        ),
        "171!",
    ),
    "6.7 slope": (
        reparameterisation.rate_gradient,
        lambda u, r, n: r * np.sum(n) / -np.log1p(-u) - len(n) - 1, "the slope of the log-joint at z",
    ),
    "6.7 values": (
        reparameterisation.rate_gradient,
        lambda u, r, n: (lambda z: stats.poisson.logpmf(n, z[:, None]).sum(1) - z - np.log(r) + r * z)(
            -np.log1p(-u) / r
        ),
        "Asked for are their derivatives",
    ),
    "6.7 KL in closed form": (
        reparameterisation.rate_gradient,
        lambda u, r, n: (len(n) * -np.log1p(-u) / r - np.sum(n)) / r - 1 / r + 1 / r**2, "the KL to the prior",
    ),
    "6.7 numbers kept away from the ends": (
        reparameterisation.rate_gradient,
        lambda u, r, n: reparameterisation._rate_gradient(np.clip(u, 1e-6, 1 - 1e-6), r, n), "Look at the bound in",
    ),
    "4.6 the joint's scatter": (
        variational.judge_q,
        lambda j, q: (np.mean(j - q), stats.sem(j), variational._judgement(j, q)[2]),
        "in place of `log_q`",
    ),
    "4.7 scales for rates": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (s + (n * o).sum(1), r + o @ (a * b)),
        "1/`column_rate` in place of `column_rate`",
    ),
    "4.7 a scale comes back": (
        variational.update_row_rates,
        lambda *a: (variational._rows_of_counts(*a)[0], 1 / variational._rows_of_counts(*a)[1]),
        "the reciprocal of the right answer",
    ),
    "5.6 transposed": (
        amortisation.poisson_encoder,
        lambda s, r: (amortisation._exact(s, r)[0].T, amortisation._exact(s, r)[1]),
        "should be an array of shape (1, 2)",
    ),
    "6.6 without gradient": (
        reparameterisation.regression_log_joint,
        lambda z, *others: reparameterisation._regression(z.detach(), *others),
        "no gradient reaches `z`",
    ),
    "6.7 averaged": (
        reparameterisation.rate_gradient,
        lambda *a: reparameterisation._rate_gradient(*a).mean(),
        "the mean of the right answer",
    ),
    "9.6 prices on a grid": (beta_vae.market_shares, _on_a_grid, "values tried one by one"),
    "9.6 customers, not shares": (
        beta_vae.market_shares, lambda r, d, h: h * np.array(beta_vae._shares(r, d, h)), "times `highest`",
    ),
    "9.6 R + βD": (
        beta_vae.market_shares, lambda r, d, h: beta_vae._shares(d, r, h), "with their places exchanged",
    ),
    "9.6 the middle of the market": (
        beta_vae.market_shares, lambda r, d, h: (d + h * r / 2 == min(d + h * r / 2)) * 1.0, "decides for himself",
    ),
    "9.7 a scale": (
        beta_vae.fitted_prior,
        lambda m, v: (lambda c, s, saved: (c, s.sqrt(), saved))(*beta_vae._fitted(m, v)), "the square root",
    ),
    "9.7 squares first": (beta_vae.fitted_prior, _squares_first, "subtract the mean before you square"),
    "9.7 for all images": (
        beta_vae.fitted_prior,
        lambda m, v: (lambda c, s, saved: (c, s, len(m) * saved))(*beta_vae._fitted(m, v)), "number of rows of `mean`",
    ),
    "9.7 scales averaged": (
        beta_vae.fitted_prior, lambda m, v: beta_vae._fitted(m, v / 2), "½ × `log_var`",
    ),
    "9.8 the same part of each": (
        beta_vae.gap_ceiling,
        lambda h, r, w: (min(1.0, r / h.sum()), w * h.sum()), "the same share of every factor",
    ),
    "9.8 shares added": (
        beta_vae.gap_ceiling,
        lambda h, r, w: (len(h) * beta_vae._ceiling(h, r, w)[0], beta_vae._ceiling(h, r, w)[1]),
        "times the length of `entropies`",
    ),
    "9.8 order": (
        beta_vae.gap_ceiling, lambda h, r, w: beta_vae._ceiling(h, r, w)[::-1], "not in the order highest MIG and",
    ),
    "10.7 what is left of 1": (gumbel.front_page, _page_by_what_is_left, "1 − p loses"),
    "10.7 from the bottom": (
        gumbel.front_page, lambda a, p: (gumbel._in_this_order(a, p[::-1]), gumbel._pages(a, p)[1]),
        "`page` in reverse order",
    ),
    "10.7 probabilities": (
        gumbel.front_page, lambda a, p: np.exp(gumbel._pages(a, p)).tolist(), "the exponential of the right answer",
    ),
    "10.7 each place on its own": (
        gumbel.front_page,
        lambda a, p: (lambda one: (one, one + math.lgamma(len(p) + 1)))(special.log_softmax(a)[p].sum()),
        "as if a story could fill two places",
    ),
    "10.8 thrown until it fits": (
        gumbel.sums_behind, lambda a, c, u: a + np.random.gumbel(size=len(a)), "Called twice",
    ),
    "10.8 cut off at the winner": (
        gumbel.sums_behind,
        lambda a, c, u: _winner_and_rest(a, c, u, lambda a, u, top: np.minimum(a - np.log(-np.log(u)), top)),
        "some stand level with it",
    ),
    "10.8 falling": (gumbel.sums_behind, lambda a, c, u: gumbel._sums(a, c, 1 - u), "1 − `uniforms`"),
    "10.8 exponentials as they are": (
        gumbel.sums_behind,
        lambda a, c, u: _winner_and_rest(a, c, u, lambda a, u, top: -np.log(np.exp(-top) - np.log(u) * np.exp(-a))),
        "np.logaddexp of logarithms",
    ),
    "10.9 Euler's constant": (
        gumbel.log_z_from_heights,
        lambda h, level: (h.mean() - np.euler_gamma, *(
            np.array(gumbel._log_z(h, level))[1:] - gumbel._log_z(h, level)[0] + h.mean() - np.euler_gamma
        )),
        "Unbiased, and used in practice",
    ),
    "10.9 a normal interval": (
        gumbel.log_z_from_heights,
        lambda h, level: (lambda best: (best, *stats.norm.interval(level, best, len(h) ** -0.5)))(
            gumbel._log_z(h, level)[0]
        ),
        "exact for few heights",
    ),
    "10.9 the tail for the level": (
        gumbel.log_z_from_heights, lambda h, level: gumbel._log_z(h, 1 - level), "1 − `level`",
    ),
    "10.9 Z itself": (
        gumbel.log_z_from_heights, lambda h, level: np.exp(gumbel._log_z(h, level)).tolist(), "the exponential of",
    ),
    "10.9 exponentials as they are": (
        gumbel.log_z_from_heights,
        lambda h, level: (lambda place: (place + np.log(len(h)), *(place + np.log(
            stats.gamma.interval(level, len(h))
        ))))(-np.log(np.exp(-h).sum())),
        "a log-sum-exp of the negative heights",
    ),
    "1.6 no prior": (
        estimation.poisson_rate, lambda c, t, a, b: (c.sum() / t.sum(), c.sum() / t.sum()), "likelihood rate twice",
    ),
    "1.6 silent watches dropped": (
        estimation.poisson_rate,
        lambda c, t, a, b: estimation._rates(c[c > 0], t[c > 0], a, b), "evidence for a low rate",
    ),
    "1.6 the prior's mean": (
        estimation.poisson_rate, lambda c, t, a, b: (c.sum() / t.sum(), a / b), "the prior alone",
    ),
    "1.7 plain median": (
        estimation.best_guesses,
        lambda v, p: (special.softmax(p) @ v, np.sort(v)[[(len(v) - 1) // 2, len(v) // 2]].mean(), v[p.argmax()]),
        "plain median",
    ),
    "1.7 the first log-posterior taken out": (
        estimation.best_guesses,
        lambda v, p: estimation._guesses(v, np.log(np.exp(p - p[0]) / np.exp(p - p[0]).sum())), "unstable",
    ),
    "1.8 posterior mean": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: (
            n * math.log(2) + h * math.log((a + h) / (a + b + n)) + (n - h) * math.log1p(-(a + h) / (a + b + n))
        ), "use the data twice",
    ),
    "1.8 sequences counted in the fair coin's": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: estimation._bayes_factor(h, n, a, b) - math.log(math.comb(n, h)), "the fair coin's evid",
    ),
    "2.5 how many are not 0": (
        mixtures.worth_of_draws,
        lambda lw, n: (np.isfinite(lw).sum(), len(lw) * n / np.isfinite(lw).sum()), "weights that are not 0",
    ),
    "2.5 upside down": (
        mixtures.worth_of_draws,
        lambda lw, n: (mixtures._worth(lw, n)[0], n / len(lw) * mixtures._worth(lw, n)[0]), "upside down",
    ),
    "2.5 −∞ as −1000": (
        mixtures.worth_of_draws, lambda lw, n: mixtures._worth(np.nan_to_num(lw, neginf=-1000.0), n),
        "except at extreme inputs",
    ),
    "2.5 rounded up": (
        mixtures.worth_of_draws,
        lambda lw, n: (mixtures._worth(lw, n)[0], math.ceil(n * len(lw) / mixtures._worth(lw, n)[0])), "sensible in a",
    ),
    "2.6 no answer twice": (
        mixtures.stratified_mean,
        lambda v, k, w: (
            sum(w[j] * np.unique(v[k == j]).mean() for j in range(len(w))), mixtures._stratified(v, k, w)[1],
        ), "Probe",
    ),
    "2.7 variances only": (
        mixtures.one_gaussian,
        lambda w, m, c: (w @ m, np.diag(np.diag(mixtures._one_gaussian(w, m, c)[1]))), "Off the diagonal",
    ),
    "3.5 odds": (
        em.two_coins_step, _coins(lambda share, a, b, heads: (share, a / (1 - a), b / (1 - b))), "these are odds",
    ),
    "3.5 both coins far out": (
        em.two_coins_step,
        lambda h, n, s, a, b: em._refitted(
            h, n, s * stats.binom.pmf(h, n, a) / (s * stats.binom.pmf(h, n, a) + (1 - s) * stats.binom.pmf(h, n, b))
        ), "unstable",
    ),
    "3.6 the maximum forgotten": (
        em.tempered_e_step,
        lambda lj, t: (
            special.softmax(lj / t, axis=1), t * np.log(np.exp((lj - lj.max(1, keepdims=True)) / t).sum(1)),
        ), "lacks the largest log-joint",
    ),
    "3.7 no weights": (
        em.model_probabilities,
        lambda ll, d, n: special.softmax(
            ll - np.log(n) / 2 * (em._parameter_counts(np.arange(1, ll.shape[1] + 1), d) - np.arange(ll.shape[1]))
        ), "weights are missing among",
    ),
    "3.7 the first taken out": (
        em.model_probabilities,
        lambda ll, d, n: (lambda e: np.exp(e - e[0, 0]) / np.exp(e - e[0, 0]).sum())(em._evidence(ll, d, n)),
        "unstable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip])


def _rate_in_integers(counts, exposures, shape, rate):
    power = sum(int(count) for count in counts) + shape - 1
    return [sum(counts.tolist()) / sum(exposures.tolist()), power / (exposures.sum() + rate) if power >= 0 else 0]


def _guess_by_search(values, log_posterior):
    odds = np.exp(log_posterior - log_posterior.max())
    median = min(values, key=lambda guess: odds @ np.abs(values - guess))
    return np.average(values, weights=odds), median, max(zip(log_posterior, values, strict=True))[1]


def _coins_by_weighted_fractions(heads, tosses, share, first, second):
    odds = stats.binom.logpmf(heads, tosses, first) - stats.binom.logpmf(heads, tosses, second)
    r = special.expit(odds + special.logit(share))
    fractions = heads / tosses
    return r.mean(), np.average(fractions, weights=r * tosses), np.average(fractions, weights=(1 - r) * tosses)


def _walk_along_the_envelope(rates, distortions, highest):
    """From the price 0 upwards, always to the model whose bill is the next to be lower."""
    shares, price = np.zeros(len(rates)), 0.0
    model = min(range(len(rates)), key=lambda m: (distortions[m], rates[m]))
    while price < highest:
        ahead = [
            ((distortions[m] - distortions[model]) / (rates[model] - rates[m]), rates[m], m)
            for m in range(len(rates))
            if rates[m] < rates[model]
        ]
        until, _, following = min(ahead, default=(highest, 0.0, model))
        shares[model] += min(until, highest) - price
        price, model = min(until, highest), following
    return shares / highest


def _moments_of_the_mixture(mean, log_var):
    scales = (log_var.T / 2).exp()
    even = torch.distributions.Categorical(logits=torch.zeros_like(scales))
    codes = torch.distributions.MixtureSameFamily(even, torch.distributions.Normal(mean.T, scales))
    saved = (codes.variance + codes.mean**2 - 1 - codes.variance.log()).sum() / 2
    return codes.mean, codes.variance, saved


def _by_linear_programmes(entropies, rate, wanted):
    ones, gains = np.ones((1, len(entropies))), 1 / entropies[None] / len(entropies)
    bounds = [(0, entropy) for entropy in entropies]
    best = optimize.linprog(-gains[0], A_ub=ones, b_ub=[rate], bounds=bounds)
    least = optimize.linprog(ones[0], A_ub=-gains, b_ub=[-wanted], bounds=bounds)
    return -best.fun, least.fun


def _page_by_categoricals(logits, page):
    def in_order(order):
        left, total = torch.tensor(logits), 0.0
        for story in map(int, order):
            total += torch.distributions.Categorical(logits=left).log_prob(torch.tensor(story))
            left = left.index_fill(0, torch.tensor(story), -1e30)
        return total

    orders = torch.stack([in_order(order) for order in itertools.permutations(page)])
    return orders[0], orders.logsumexp(0)


def _by_clocks(logits, chosen, uniforms):
    """An exponential clock for each class: after the first ring the others begin anew."""
    log_first = np.log(-np.log(uniforms[chosen])) - special.logsumexp(logits)
    log_times = np.logaddexp(log_first, np.log(-np.log(uniforms)) - logits)
    log_times[chosen] = log_first
    return -log_times


RIGHT = {
    "1.6 integers": (estimation.poisson_rate, _rate_in_integers),
    "1.7 search": (estimation.best_guesses, _guess_by_search),
    "1.8 beta-binomial": (
        estimation.log_bayes_factor,
        lambda h, n, a, b: stats.betabinom.logpmf(h, n, a, b) - stats.binom.logpmf(h, n, 0.5),
    ),
    "2.6 sem": (
        mixtures.stratified_mean,
        lambda v, k, w: np.array(
            [
                sum(w[j] * v[k == j].mean() for j in set(k)),
                math.hypot(*(w[j] * stats.sem(v[k == j]) for j in set(k))),
            ]
        ),
    ),
    "2.7 np.cov": (
        mixtures.one_gaussian,
        lambda w, m, c: (
            np.average(m, axis=0, weights=w),
            np.average(c, axis=0, weights=w) + np.atleast_2d(np.cov(m.T, aweights=w, ddof=0)),
        ),
    ),
    "3.5 weighted fractions": (em.two_coins_step, _coins_by_weighted_fractions),
    "4.6 logaddexp": (
        variational.judge_q,
        lambda j, q: ((j - q).mean(), stats.sem(j - q), np.logaddexp.reduce(j - q) - np.log(j.size)),
    ),
    "5.5 ttest": (
        amortisation.compare_encoders,
        lambda ja, qa, jb, qb: (
            np.mean(ja - qa) - np.mean(jb - qb),
            np.ptp(stats.norm.interval(0.5, 0, stats.sem((ja - qa).mean(0) - (jb - qb).mean(0))))
            / np.ptp(stats.norm.interval(0.5)),
        ),
    ),
    "6.7 by the quantile": (
        reparameterisation.rate_gradient,
        lambda u, r, n: ((n.size + 1) * stats.expon.ppf(u, scale=1 / r) - n.sum() - 1) / r,
    ),
    "4.7 masked": (
        variational.update_row_rates,
        lambda n, o, a, b, s, r: (s + np.ma.array(n, mask=~o).sum(1).filled(0), r + (o * (a / b)).sum(1)),
    ),
    "9.6 walk": (beta_vae.market_shares, _walk_along_the_envelope),
    "9.7 mixture": (beta_vae.fitted_prior, _moments_of_the_mixture),
    "9.8 linear programmes": (beta_vae.gap_ceiling, _by_linear_programmes),
    "10.7 categoricals": (gumbel.front_page, _page_by_categoricals),
    "10.8 clocks": (gumbel.sums_behind, _by_clocks),
    "10.9 root of the score": (
        gumbel.log_z_from_heights,
        lambda h, level: (
            optimize.brentq(lambda a: len(h) - np.exp(a - h).sum(), h.min() - 9, h.max() + 9, xtol=1e-13),
            *(stats.loggamma.interval(level, len(h)) - special.logsumexp(-h)),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", RIGHT)
def test_an_odd_spelling_of_a_right_answer_is_accepted(spelling):
    exercise, answer = RIGHT[spelling]
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
    assert exercise.accepts(answer, exercise.fresh(3, 100))
