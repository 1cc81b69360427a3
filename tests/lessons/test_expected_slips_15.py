"""Wrong answers that people are expected to give to the exercises of lesson 15, and what they are told."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats
from sklearn import metrics
from told import assert_told
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from course_utils.lessons import richer_priors as room


def _table(z, mean, log_var):
    return Normal(mean, (log_var / 2).exp()).log_prob(z[..., None, :]).sum(-1)


def _archive(z, mean, log_var, log_weights):
    return (_table(z, mean, log_var) + log_weights).logsumexp(1)


def _others(log_q):
    return log_q.masked_fill(torch.eye(len(log_q), dtype=torch.bool), -math.inf).logsumexp(1) - math.log(len(log_q) - 1)


def _everyone(log_q):
    return log_q.logsumexp(1) - math.log(len(log_q))


def _log_prior(z, weights, means, log_vars):
    return (_table(z, means, log_vars) + weights.log()).logsumexp(-1)


def _ratios(noise, mean, log_var, *prior, z_of=None, log_p=_log_prior):
    z = mean + (log_var / 2).exp() * noise if z_of is None else z_of(noise, mean, log_var)
    return Normal(mean, (log_var / 2).exp()).log_prob(z).sum(-1) - log_p(z, *prior)


def _estimate(ratios):
    return ratios.mean(0), ratios.std(0) / len(ratios) ** 0.5


def _closed_forms(mean, log_var, prior_means, prior_log_vars):
    q = Independent(Normal(mean[:, None], (log_var[:, None] / 2).exp()), 1)
    return kl_divergence(q, Independent(Normal(prior_means, (prior_log_vars / 2).exp()), 1))


def _joint(z, weights, means, log_vars):
    return _table(z, means, log_vars) + weights.log()


def _counted(classes, clusters):
    table = np.zeros((classes.max() + 1, clusters.max() + 1))
    np.add.at(table, (classes, clusters), 1)
    return table


def _matched(table):
    return table[optimize.linear_sum_assignment(-table)].sum()


def _scores(classes, clusters):
    table = _counted(classes, clusters)
    return np.array([table.max(0).sum(), _matched(table)]) / len(classes)


def _scaled(classes, clusters, chance):
    with np.errstate(all="ignore"):
        return np.where(chance == 1, 0.0, (_scores(classes, clusters) - chance) / (1 - chance)).tolist()


def _chance(classes, clusters, orders):
    return np.mean([_scores(classes, clusters[order]) for order in orders], axis=0)


def _bought(log_priors, prices, count, error=None):
    less = (log_priors - log_priors[0]).mean(1)
    saved = count * less.mean(1) - prices + prices[0]
    best = saved.argmax()
    error = stats.sem(less[best]) if error is None else error(log_priors[best], log_priors[0])
    return best, saved[best], count * error


def _town(probabilities, old_shares, worth, rounds=300):
    shares = old_shares
    for _ in range(rounds):
        types = probabilities / old_shares * shares
        types /= types.sum(1, keepdims=True)
        shares = (types.sum(0) + worth * old_shares) / (len(types) + worth)
    return shares, types


SLIPS = {
    "15.1 a density": (
        room.aggregate_log_prob, lambda z, m, v, c: (_table(z, m, v).exp() @ c / c.sum()).log(),
        "no density is computed",
    ),
    "15.1 a small number": (
        room.aggregate_log_prob, lambda z, m, v, c: (_table(z, m, v).exp() @ c / c.sum() + 1e-300).log(),
        "the small number in your function",
    ),
    "15.1 e^log_var": (
        room.aggregate_log_prob, lambda z, m, v, c: _archive(z, m, 2 * v, (c / c.sum()).log()), "It is the variance",
    ),
    "15.1 variance by hand": (
        room.aggregate_log_prob, lambda z, m, v, c: _archive(z, m, v.log(), (c / c.sum()).log()), "may be negative",
    ),
    "15.1 no 2π": (
        room.aggregate_log_prob,
        lambda z, m, v, c: _archive(z, m, v, (c / c.sum()).log()) + m.shape[1] * math.log(2 * math.pi) / 2,
        "½ log 2π times",
    ),
    "15.1 mean over latents": (
        room.aggregate_log_prob,
        lambda z, m, v, c: (
            Normal(m, (v / 2).exp()).log_prob(z[:, None]).mean(-1) + (c / c.sum()).log()
        ).logsumexp(1),
        "a mean where a sum belongs",
    ),
    "15.1 product of marginals": (
        room.aggregate_log_prob,
        lambda z, m, v, c: MixtureSameFamily(
            Categorical(c.expand(m.shape[1], -1)), Normal(m.T, (v.T / 2).exp())
        ).log_prob(z).sum(1),
        "product of the marginals",
    ),
    "15.1 number of rows": (
        room.aggregate_log_prob, lambda z, m, v, c: _archive(z, m, v, (c / len(c)).log()), "How many pictures",
    ),
    "15.1 softmax of counts": (
        room.aggregate_log_prob, lambda z, m, v, c: _archive(z, m, v, c.log_softmax(0)), "exp(`counts`)",
    ),
    "15.1 one Gaussian": (
        room.aggregate_log_prob,
        lambda z, m, v, c: Normal(c @ m / c.sum(), (c @ v / c.sum() / 2).exp()).log_prob(z).sum(-1),
        "one Gaussian, in the middle",
    ),
    "15.2 order": (
        room.gain_bounds, lambda q, p: ((_everyone(q) - p).mean(), (_others(q) - p).mean()), "changed places",
    ),
    "15.2 own image in both": (
        room.gain_bounds, lambda q, p: ((_everyone(q) - p).mean(),) * 2, "does not profit from it",
    ),
    "15.2 the rate": (
        room.gain_bounds, lambda q, p: ((_others(q) - p).mean(), (q.diagonal() - p).mean()), "the whole KL term",
    ),
    "15.2 information": (
        room.gain_bounds,
        lambda q, p: ((q.diagonal() - _everyone(q)).mean(), (q.diagonal() - _others(q)).mean()), "mutual information",
    ),
    "15.2 0 on the diagonal": (
        room.gain_bounds,
        lambda q, p: (
            ((q * (1 - torch.eye(len(q)))).logsumexp(1) - math.log(len(q) - 1) - p).mean(), (_everyone(q) - p).mean(),
        ),
        "grows by just that number; yours does not",
    ),
    "15.2 subtracted": (
        room.gain_bounds,
        lambda q, p: (
            ((q.exp().sum(1) - q.exp().diagonal()).log() - math.log(len(q) - 1) - p).mean(), (_everyone(q) - p).mean(),
        ),
        "digits",
    ),
    "15.2 columns": (
        room.gain_bounds, lambda q, p: ((_others(q.T) - p).mean(), (_everyone(q.T) - p).mean()), "along the row",
    ),
    "15.2 never below zero": (
        room.gain_bounds, lambda q, p: ((_others(q) - p).mean().clamp(min=0), (_everyone(q) - p).mean()), "below 0 set",
    ),
    "15.2 sum": (room.gain_bounds, lambda q, p: ((_others(q) - p).sum(), (_everyone(q) - p).sum()), "number of rows"),
    "15.3 sign": (
        room.kl_to_mixture, lambda *a: (-_ratios(*a).mean(0), _estimate(_ratios(*a))[1]), "the sign is opposite",
    ),
    "15.3 noise for draws": (
        room.kl_to_mixture, lambda *a: _estimate(_ratios(*a, z_of=lambda n, m, v: n)),
        "You took the noise for the code",
    ),
    "15.3 components' logs": (
        room.kl_to_mixture,
        lambda *a: _estimate(_ratios(*a, log_p=lambda z, w, m, v: _table(z, m, v) @ w)), "one is enough",
    ),
    "15.3 closed forms": (
        room.kl_to_mixture,
        lambda n, m, v, w, pm, pv: (_closed_forms(m, v, pm, pv) @ w, torch.zeros(len(m))), "near *all* components",
    ),
    "15.3 own weights": (
        room.kl_to_mixture,
        lambda n, m, v, w, pm, pv: _estimate(_ratios(n, m, v, torch.ones_like(w) / len(w), pm, pv)),
        "weights of its own",
    ),
    "15.3 log_var as the scale": (
        room.kl_to_mixture, lambda *a: _estimate(_ratios(*a, z_of=lambda n, m, v: m + v * n)), "by `log_var`",
    ),
    "15.3 variance": (
        room.kl_to_mixture, lambda *a: (_ratios(*a).mean(0), _ratios(*a).var(0) / len(a[0])), "the square of the right",
    ),
    "15.3 NumPy's std": (
        room.kl_to_mixture, lambda *a: (_ratios(*a).mean(0), _ratios(*a).numpy().std(0) / len(a[0]) ** 0.5), "S − 1",
    ),
    "15.3 root of N": (
        room.kl_to_mixture, lambda *a: (_ratios(*a).mean(0), _ratios(*a).std(0) / a[1].shape[0] ** 0.5), "another size",
    ),
    "15.3 cut off": (
        room.kl_to_mixture, lambda *a: (_ratios(*a).mean(0).clamp(min=0), _estimate(_ratios(*a))[1]),
        "an estimate of a small",
    ),
    "15.3 absolute values": (
        room.kl_to_mixture, lambda *a: (_ratios(*a).abs().mean(0), _estimate(_ratios(*a))[1]),
        "an absolute value too many",
    ),
    "15.3 density": (
        room.kl_to_mixture,
        lambda *a: _estimate(_ratios(*a, log_p=lambda z, w, m, v: (_table(z, m, v).exp() @ w).log())),
        "no density is computed",
    ),
    "15.4 no weights in Bayes' rule": (
        room.sum_out_class,
        lambda z, w, m, v: (_log_prior(z, w, m, v), _table(z, m, v).softmax(-1).mean(0)), "each entry replaced by 1",
    ),
    "15.4 weights for their logarithms": (
        room.sum_out_class,
        lambda z, w, m, v: ((_table(z, m, v) + w).logsumexp(-1), (_table(z, m, v) + w).softmax(-1).mean(0)),
        "exp(`weights`)",
    ),
    "15.4 mean code": (
        room.sum_out_class,
        lambda z, *p: (_log_prior(z, *p), _joint(z.mean(0), *p).softmax(-1)), "in a third one",
    ),
    "15.4 best class": (
        room.sum_out_class,
        lambda z, *p: (_joint(z, *p).amax(-1), _joint(z, *p).softmax(-1).mean(0)), "and not the sum over all",
    ),
    "15.4 sum": (
        room.sum_out_class, lambda z, *p: (_log_prior(z, *p), _joint(z, *p).softmax(-1).sum(0)),
        "times the size of axis 0",
    ),
    "15.4 order": (
        room.sum_out_class, lambda z, *p: (_joint(z, *p).softmax(-1).mean(0), _log_prior(z, *p)), "changed places",
    ),
    "15.4 density": (
        room.sum_out_class,
        lambda z, w, m, v: ((_table(z, m, v).exp() @ w).log(), _joint(z, w, m, v).softmax(-1).mean(0)),
        "Right except at extreme inputs",
    ),
    "15.5 scikit-learn's accuracy": (
        room.matched_accuracy, lambda c, k: metrics.accuracy_score(c, k), "an accident of the start",
    ),
    "15.5 modes": (
        room.matched_accuracy,
        lambda c, k: sum(stats.mode(c[k == name]).count for name in np.unique(k)) / len(c), "This is *purity*",
    ),
    "15.5 count": (room.matched_accuracy, lambda c, k: _matched(_counted(c, k)), "times the length of `classes`"),
    "15.5 costs for gains": (
        room.matched_accuracy,
        lambda c, k: (lambda t: t[optimize.linear_sum_assignment(t.max() + t)].sum() / len(c))(
            np.array([[np.sum((c == a) & (k == b)) for b in np.unique(k)] for a in np.unique(c)])
        ),
        "*worst* matching",
    ),
    "15.5 crossed": (
        room.matched_accuracy,
        lambda c, k: (lambda t, pair: t[pair[1], pair[0]].sum() / len(c))(
            _counted(c, k), optimize.linear_sum_assignment(-_counted(c, k))
        ),
        "changed places",
    ),
    "15.5 error": (
        room.matched_accuracy, lambda c, k: 1 - _matched(_counted(c, k)) / len(c),
        "1 minus the right answer",
    ),
    "15.6 as they are": (room.above_chance, lambda c, k, o: tuple(_scores(c, k)), "a term left out"),
    "15.6 both shuffled": (
        room.above_chance,
        lambda c, k, o: _scaled(c, k, np.mean([_scores(c[i], k[i]) for i in o], axis=0)), "Your answer is 0 everywhere",
    ),
    "15.6 classes shuffled": (
        room.above_chance, lambda c, k, o: _scaled(c, k, np.mean([_scores(c[i], k) for i in o], axis=0)),
        "another set of shuffles",
    ),
    "15.6 own shuffles": (
        room.above_chance,
        lambda c, k, o: _scaled(c, k, _chance(c, k, [np.random.permutation(len(c)) for _ in o])), "Called twice",
    ),
    "15.6 0/0": (
        room.above_chance,
        lambda c, k, o: tuple((_scores(c, k) - _chance(c, k, o)) / (1 - _chance(c, k, o))), "divide 0 by 0",
    ),
    "15.6 cut off": (
        room.above_chance, lambda c, k, o: tuple(np.maximum(_scaled(c, k, _chance(c, k, o)), 0)), "below 0 set to 0",
    ),
    "15.7 not paired": (
        room.prior_to_buy,
        lambda *a: _bought(*a, lambda b, f: np.hypot(stats.sem(b.mean(0)), stats.sem(f.mean(0)))),
        "*different* pictures",
    ),
    "15.7 every draw": (
        room.prior_to_buy, lambda *a: _bought(*a, lambda b, f: stats.sem((b - f).ravel())), "a picture of its own",
    ),
    "15.7 every draw, by NumPy": (
        room.prior_to_buy, lambda *a: _bought(*a, lambda b, f: np.std(b - f) / np.sqrt(b.size)),
        "divided by their number",
    ),
    "15.7 no prices": (room.prior_to_buy, lambda t, p, c: _bought(t, 0 * p, c), "The prices of the catalogues"),
    "15.7 one picture": (
        room.prior_to_buy, lambda t, p, c: np.divide(_bought(t, p, c), (1, c, c)), "the right one divided by `count`",
    ),
    "15.7 loss": (room.prior_to_buy, lambda *a: np.multiply(_bought(*a), (1, -1, 1)), "the sign is opposite"),
    "15.7 counted from 1": (room.prior_to_buy, lambda *a: np.add(_bought(*a), (1, 0, 0)), "too large by 1"),
    "15.8 pairs with oneself": (
        room.two_groupings,
        lambda a, b: (
            np.mean((a[:, None] == a) == (b[:, None] == b)), *room.two_groupings._reference(a, b)[1:],
        ),
        "agreement",
    ),
    "15.8 some shuffles": (
        room.two_groupings,
        lambda a, b: (
            metrics.rand_score(a, b),
            metrics.rand_score(a, np.random.permutation(b)),
            metrics.adjusted_rand_score(a, b),
        ),
        "Called twice",
    ),
    "15.8 a coin": (
        room.two_groupings,
        lambda a, b: (metrics.rand_score(a, b), 0.5, 2 * metrics.rand_score(a, b) - 1), "Chance is no coin",
    ),
    "15.8 0 in the end": (
        room.two_groupings,
        lambda a, b: (lambda r, c, s: (r, c, 0.0 if c == 1 else s))(*room.two_groupings._reference(a, b)),
        "agreement and by chance: right",
    ),
    "15.9 the average": (
        room.new_shares, lambda p, o, w: ((p.sum(0) + w * o) / (len(p) + w), p), "drag the new ones back",
    ),
    "15.9 few rounds": (room.new_shares, lambda p, o, w: _town(p, o, w, 10), "Close on every input"),
    "15.9 old answers": (
        room.new_shares, lambda p, o, w: (_town(p, o, w)[0], p),
        "The second table is the laboratory's",
    ),
    "15.9 not normalised": (
        room.new_shares, lambda p, o, w: (_town(p, o, w)[0], p / o * _town(p, o, w)[0]), "Right up to normalisation",
    ),
    "15.9 in place": (
        room.new_shares,
        lambda p, o, w: _town(np.divide(p, o, out=p), np.ones_like(o), w)[0:1] * 2, "changes `probabilities` in place",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip], title=True)


def _by_softmax(probabilities, old_shares, worth):
    evidence = probabilities / old_shares

    def loss(x):
        shares = special.softmax(x)
        return -np.log(evidence @ shares).sum() - worth * old_shares @ np.log(shares)

    shares = special.softmax(optimize.minimize(loss, np.log(old_shares), tol=1e-10).x)
    types = evidence * shares
    return shares, types / types.sum(1, keepdims=True)


def _by_hub(classes, clusters):
    cost = np.array([[-np.sum((classes == a) & (clusters == b)) for b in set(clusters)] for a in set(classes)])
    rows, columns = optimize.linear_sum_assignment(cost.max() - (cost.max() - cost))
    return -cost[rows, columns].sum() / classes.size


def _gain_in_numpy(log_q, log_p):
    log_q, log_p = np.array(log_q), np.array(log_p)
    everyone = special.logsumexp(log_q, axis=1) - np.log(len(log_p))
    np.fill_diagonal(log_q, -np.inf)
    return (special.logsumexp(log_q, axis=1) - np.log(len(log_p) - 1) - log_p).mean(), (everyone - log_p).mean()


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (room.aggregate_log_prob, lambda z, m, v, c: _archive(z, m, v, c.log() - c.sum().log())),
        (room.gain_bounds, _gain_in_numpy),
        (room.kl_to_mixture, lambda *a: torch.stack(_estimate(_ratios(*a))).unbind()),
        (room.sum_out_class, lambda z, *p: [_log_prior(z, *p), _joint(z, *p).log_softmax(2).exp().mean(0).numpy()]),
        (room.matched_accuracy, _by_hub),
        (room.above_chance, lambda c, k, o: _scaled(c, k, _chance(c, k, o))),
        (room.prior_to_buy, lambda *a: np.array(_bought(*a))),
        (
            room.two_groupings,
            lambda a, b: [
                metrics.rand_score(a, b),
                room.two_groupings._reference(a, b)[1],
                metrics.adjusted_rand_score(a, b),
            ],
        ),
        (room.new_shares, _by_softmax),
    ],
)
def test_a_right_answer_written_otherwise_passes(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
