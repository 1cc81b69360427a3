"""Wrong answers that people are expected to give to the exercises of lesson 16, and what they are told."""

import numpy as np
import pytest
import torch
from scipy import spatial, special, stats
from sklearn import metrics
from told import assert_told
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy, logsigmoid, softplus

from course_utils.lessons import put_to_work as room


def _log_weights(picture, seen, logits, log_prior, log_q):
    return (Bernoulli(logits=logits).log_prob(picture) * seen).sum(1) + log_prior - log_q


def _mixed(log_w, seen, picture, logits):
    return torch.where(seen, picture, (log_w.softmax(0)[:, None] * logits.sigmoid()).sum(0))


def _gaussian(x, seen, offset, loadings, scale, seen_noise=None):
    noise = scale if seen_noise is None else seen_noise
    above, below = loadings[seen], loadings[~seen]
    gain = below @ above.T @ np.linalg.pinv(above @ above.T + noise**2 * np.eye(seen.sum()))
    covariance = below @ below.T + scale**2 * np.eye((~seen).sum()) - gain @ above @ below.T
    return offset[~seen] + gain @ (x - offset)[seen], covariance


def _bounds(log_weights, values, low, high):
    order = values.argsort(0)
    weights = np.take_along_axis(special.softmax(log_weights, 0), order, 0).cumsum(0)
    values = np.take_along_axis(values, order, 0)
    return [np.take_along_axis(values, (weights < one).sum(0, keepdims=True), 0)[0] for one in (low, high)]


def _held(lower, upper, truth):
    return np.mean((lower <= truth) & (truth <= upper)), np.mean(upper - lower)


def _scores(log_prob, background, ordinary):
    return [-log_prob, background - log_prob, abs(log_prob - ordinary.mean()) / ordinary.std(ddof=1)]


def _in_place_of(position, score):
    def answer(*arguments):
        scores = _scores(*arguments)
        scores[position] = score(*arguments)
        return tuple(scores)

    return answer


def _labelled(anomalous, ordinary):
    return np.repeat([1, 0], [len(anomalous), len(ordinary)]), np.concatenate([anomalous, ordinary])


def _wins(anomalous, ordinary):
    return (np.sign(anomalous[:, None] - ordinary) + 1) / 2


def _area(anomalous, ordinary, error):
    return metrics.roc_auc_score(*_labelled(anomalous, ordinary)), error(_wins(anomalous, ordinary))


def _normals(mean, log_var, means, log_vars):
    return Normal(mean, (log_var / 2).exp()), Normal(means, (log_vars / 2).exp())


def _paid(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def _judge(data, model):
    return np.where(data + model > 0, data / np.where(data + model > 0, data + model, 1), 0.5)


def _game(data, model):
    with np.errstate(all="ignore"):
        return np.nansum(data * np.log(_judge(data, model)) + model * np.log(_judge(model, data)))


def _flow(x, keep, scales, shifts, order=reversed, det=lambda s, mask: s[:, ~mask].sum(1), undo=None):
    total = torch.zeros(len(x), dtype=x.dtype)
    for k in order(range(len(keep))):
        a = x * keep[k]
        s, t = torch.tanh(a @ scales[k].T), a @ shifts[k].T
        x = torch.where(keep[k], x, (x - t) / s.exp() if undo is None else undo(x, s, t))
        total = total - det(s, keep[k])
    return x, Normal(0.0, 1.0).log_prob(x).sum(1) + total


def _within(points, centres, reach):
    return np.mean((spatial.distance_matrix(points, centres) <= reach).any(1))


def _kth(points, k):
    return np.sort(spatial.distance_matrix(points, points), 1)[:, k]


def _asked(shares, table, answers, target, types=None, gain=None):
    if types is None:
        likelihoods = np.where(answers == 1, table, np.where(answers == 0, 1 - table, 1)).prod(1)
        types = shares * likelihoods / (shares @ likelihoods)
    gain = gain or _information
    gains = [
        gain(types, table[:, j], table[:, target]) if answers[j] < 0 and j != target else -1
        for j in range(len(answers))
    ]
    return int(np.argmax(gains)), max(gains)


def _information(types, one, other):
    joint = np.array([[types @ (a * b) for b in (1 - other, other)] for a in (1 - one, one)])
    return np.sum(joint * np.log(joint / np.outer(joint.sum(1), joint.sum(0))))


def _belt(good, bad, rate, opening, missed, above=np.greater_equal, cost=None):
    best = None
    for threshold in [*np.unique(np.concatenate([good, bad])), max(*good, *bad) + 1]:
        b, g = rate * above(bad, threshold).mean(), (1 - rate) * above(good, threshold).mean()
        paid = opening * (b + g) + missed * (rate - b) if cost is None else cost(rate, opening, missed, b, g)
        if best is None or paid < best[1]:
            best = threshold, paid, b / (b + g) if b + g > 0 else 0.0
    return best


def _absent(shares, count, both=None):
    alone = (1 - shares) ** count
    off = ((1 - shares[:, None] - shares) ** count if both is None else both(alone)) - np.outer(alone, alone)
    np.fill_diagonal(off, alone * (1 - alone))
    return alone.sum(), np.sqrt(max(off.sum(), 0.0))


SLIPS = {
    "16.1 hidden pixels weigh": (
        room.complete_pixels,
        lambda p, s, o, a, b: _mixed(Bernoulli(logits=o).log_prob(p).sum(1) + a - b, s, p, o),
        "add up over the *seen* pixels only",
    ),
    "16.1 no prior": (
        room.complete_pixels,
        lambda p, s, o, a, b: _mixed(_log_weights(p, s, o, 0, b), s, p, o),
        "has to count less",
    ),
    "16.1 no proposal": (
        room.complete_pixels,
        lambda p, s, o, a, b: _mixed(_log_weights(p, s, o, a, 0), s, p, o),
        "divide by q",
    ),
    "16.1 weights": (
        room.complete_pixels,
        lambda p, s, o, a, b: torch.where(
            s, p, (lambda w: w @ o.sigmoid() / w.sum())(_log_weights(p, s, o, a, b).exp())
        ),
        "no weight is computed on its own",
    ),
    "16.1 not divided": (
        room.complete_pixels,
        lambda p, s, o, a, b: torch.where(s, p, _log_weights(p, s, o, a, b).exp() @ o.sigmoid()),
        "do not add up to 1",
    ),
    "16.1 logits": (
        room.complete_pixels,
        lambda p, s, o, a, b: torch.where(s, p, torch.sigmoid(_log_weights(p, s, o, a, b).softmax(0) @ o)),
        "average of *probabilities*",
    ),
    "16.1 everything predicted": (
        room.complete_pixels,
        lambda p, s, o, a, b: _log_weights(p, s, o, a, b).softmax(0) @ o.sigmoid(),
        "keep them",
    ),
    "16.1 hidden only": (
        room.complete_pixels,
        lambda p, s, o, a, b: (_log_weights(p, s, o, a, b).softmax(0) @ o.sigmoid())[~s],
        "should be an array of shape (2,)",
    ),
    "16.2 noiseless": (
        room.complete_gaussian,
        lambda *a: (_gaussian(*a)[0], _gaussian(*a)[1] - a[4] ** 2 * np.eye((~a[1]).sum())),
        "each has its own",
    ),
    "16.2 seen exactly": (
        room.complete_gaussian,
        lambda *a: _gaussian(*a, seen_noise=0.0),
        "believed to the last digit",
    ),
    "16.2 scale": (
        room.complete_gaussian,
        lambda x, s, m, w, c: _gaussian(x, s, m, w, c**0.5),
        "its square stands on the diagonal",
    ),
    "16.2 not centred": (
        room.complete_gaussian,
        lambda x, s, m, w, c: (_gaussian(x + m, s, m, w, c)[0], _gaussian(x, s, m, w, c)[1]),
        "differ from their mean",
    ),
    "16.2 variances": (
        room.complete_gaussian,
        lambda *a: (_gaussian(*a)[0], np.diag(_gaussian(*a)[1])),
        "covariance should be an array",
    ),
    "16.2 all entries": (
        room.complete_gaussian,
        lambda x, s, m, w, c: (
            (m + w @ np.linalg.solve(w.T @ w + c**2 * np.eye(w.shape[1]), w.T @ (x - m)))[~s],
            _gaussian(x, s, m, w, c)[1],
        ),
        "keep only the seen rows",
    ),
    "16.3 unweighted": (
        room.interval_coverage,
        lambda w, v, t, p: _held(*np.quantile(v, [(1 - p) / 2, (1 + p) / 2], axis=0, method="inverted_cdf"), t),
        "their weights make a posterior",
    ),
    "16.3 between two draws": (
        room.interval_coverage,
        lambda w, v, t, p: _held(*np.quantile(v, [(1 - p) / 2, (1 + p) / 2], axis=0), t),
        "looks between two of them",
    ),
    "16.3 each side": (
        room.interval_coverage,
        lambda w, v, t, p: _held(*_bounds(w, v, 1 - p, p), t),
        "Half of it belongs",
    ),
    "16.3 Gaussian": (
        room.interval_coverage,
        lambda w, v, t, p: (lambda m, s: _held(m - s, m + s, t))(
            np.sum(special.softmax(w, 0) * v, 0),
            stats.norm.ppf((1 + p) / 2)
            * np.sqrt(np.sum(special.softmax(w, 0) * v**2, 0) - np.sum(special.softmax(w, 0) * v, 0) ** 2),
        ),
        "two humps",
    ),
    "16.3 wrong axis": (
        room.interval_coverage,
        lambda w, v, t, p: _held(*_bounds(np.log(special.softmax(w, 1) + 1e-300), v, (1 - p) / 2, (1 + p) / 2), t),
        "small number in your function",
    ),
    "16.3 open": (
        room.interval_coverage,
        lambda w, v, t, p: (lambda a, b: (np.mean((a < t) & (t < b)), np.mean(b - a)))(
            *_bounds(w, v, (1 - p) / 2, (1 + p) / 2)
        ),
        "The ends belong",
    ),
    "16.3 number": (
        room.interval_coverage,
        lambda w, v, t, p: (
            _held(*_bounds(w, v, (1 - p) / 2, (1 + p) / 2), t)[0] * len(t),
            _held(*_bounds(w, v, (1 - p) / 2, (1 + p) / 2), t)[1],
        ),
        "times the",
    ),
    "16.3 plain exp": (
        room.interval_coverage,
        lambda w, v, t, p: _held(*_bounds(np.log(np.exp(w) / np.exp(w).sum(0)), v, (1 - p) / 2, (1 + p) / 2), t),
        "as softmax does",
    ),
    "16.4 log p": (room.anomaly_scores, _in_place_of(0, lambda p, b, o: p), "turns its sign"),
    "16.4 ratio": (room.anomaly_scores, _in_place_of(1, lambda p, b, o: p - b), "background minus model"),
    "16.4 quotient": (room.anomaly_scores, _in_place_of(1, lambda p, b, o: b / p), "*difference* of logarithms"),
    "16.4 new ones counted in": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: abs(stats.zscore(np.append(o, p), ddof=1)[len(o) :])),
        "depend on its own entry alone",
    ),
    "16.4 below": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: (o.mean() - p) / o.std(ddof=1)),
        "calls it harmless",
    ),
    "16.4 NumPy's std": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: abs(p - o.mean()) / o.std()),
        "divide by N − 1",
    ),
    "16.4 variance": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: abs(p - o.mean()) / o.var(ddof=1)),
        "a square root left out",
    ),
    "16.4 median": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: abs(p - np.median(o)) / o.std(ddof=1)),
        "Their average was asked for",
    ),
    "16.4 standard error": (
        room.anomaly_scores,
        _in_place_of(2, lambda p, b, o: abs(p - o.mean()) / stats.sem(o)),
        "how well the average",
    ),
    "16.5 pairs": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: stats.sem(w.ravel())),
        "only M + N pictures",
    ),
    "16.5 binomial": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: (w.mean() * (1 - w.mean()) / w.size) ** 0.5),
        "rise and fall",
    ),
    "16.5 sum of errors": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: stats.sem(w.mean(0)) + stats.sem(w.mean(1))),
        "the *variances* add up",
    ),
    "16.5 one kind": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: stats.sem(w.mean(1))),
        "lets only the anomalies vary",
    ),
    "16.5 ddof": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: np.hypot(stats.sem(w.mean(0), ddof=0), stats.sem(w.mean(1), ddof=0))),
        "one less than their",
    ),
    "16.5 variance": (
        room.auc_with_error,
        lambda a, o: _area(a, o, lambda w: stats.sem(w.mean(0)) ** 2 + stats.sem(w.mean(1)) ** 2),
        "the square of the right",
    ),
    "16.5 strictly": (
        room.auc_with_error,
        lambda a, o: (lambda w: (w.mean(), np.hypot(stats.sem(w.mean(0)), stats.sem(w.mean(1)))))(
            (a[:, None] > o).astype(float)
        ),
        "half a win",
    ),
    "16.5 average precision": (
        room.auc_with_error,
        lambda a, o: (metrics.average_precision_score(*_labelled(a, o)), room.auc_with_error._reference(a, o)[1]),
        "error: right",
    ),
    "16.6 one prior": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(m, v, torch.zeros_like(m), torch.zeros_like(v))).sum(1),
        "You compared with N(0, I)",
    ),
    "16.6 reversed": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(cm[y], cv[y], m, v)).sum(1),
        "changed places",
    ),
    "16.6 scale": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(Normal(m, v.exp()), Normal(cm[y], cv[y].exp())).sum(1),
        "It is the variance",
    ),
    "16.6 mean over latents": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(m, v, cm[y], cv[y])).mean(1),
        "divided by the number of columns",
    ),
    "16.6 batch": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(m, v, cm[y], cv[y])).sum(1).mean(),
        "mean of the right answer",
    ),
    "16.6 all classes": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(m[:, None], v[:, None], cm, cv)).sum(2),
        "makes no difference",
    ),
    "16.6 detached": (
        room.conditional_kl,
        lambda m, v, y, cm, cv: kl_divergence(*_normals(m, v, cm[y].detach(), cv[y].detach())).sum(1),
        "class_means",
    ),
    "16.7 saturating": (room.gan_losses, lambda r, f: (_paid(r, f), logsigmoid(-f).mean()), "−log D"),
    "16.7 minus the other": (room.gan_losses, lambda r, f: (_paid(r, f), -_paid(r, f)), "−log D"),
    "16.7 probabilities": (
        room.gan_losses,
        lambda r, f: (
            -torch.log(r.sigmoid()).mean() - torch.log(1 - f.sigmoid()).mean(),
            -torch.log(f.sigmoid()).mean(),
        ),
        "no probability is computed",
    ),
    "16.7 clamped": (
        room.gan_losses,
        lambda r, f: (
            binary_cross_entropy(r.sigmoid(), torch.ones_like(r)) + binary_cross_entropy(f.sigmoid(), 0 * f),
            binary_cross_entropy(f.sigmoid(), torch.ones_like(f)),
        ),
        "no probability is computed",
    ),
    "16.7 one batch": (
        room.gan_losses,
        lambda r, f: (2 * torch.cat([softplus(-r), softplus(f)]).mean(), softplus(-f).mean()),
        "each has its own mean",
    ),
    "16.7 order": (room.gan_losses, lambda r, f: (softplus(-f).mean(), _paid(r, f)), "changed places"),
    "16.7 sums": (
        room.gan_losses,
        lambda r, f: (softplus(-r).sum() + softplus(f).sum(), softplus(-f).sum()),
        "times the length of `fake_logits`",
    ),
    "16.7 gains": (room.gan_losses, lambda r, f: (-_paid(r, f), -softplus(-f).mean()), "sign"),
    "16.8 1 − D": (
        room.gan_value,
        lambda p, q: (lambda d: (d, np.sum(special.xlogy(p, d) + special.xlogy(q, 1 - d))))(_judge(p, q)),
        "1 − D as model/(data + model)",
    ),
    "16.8 scipy's distance": (
        room.gan_value,
        lambda p, q: (_judge(p, q), 2 * spatial.distance.jensenshannon(p, q) - np.log(4)),
        "square it",
    ),
    "16.8 divergence": (
        room.gan_value,
        lambda p, q: (_judge(p, q), spatial.distance.jensenshannon(p, q) ** 2),
        "minus log 4",
    ),
    "16.8 base 2": (room.gan_value, lambda p, q: (_judge(p, q), _game(p, q) / np.log(2)), "in bits"),
    "16.8 NaN": (
        room.gan_value,
        lambda p, q: (p / (p + q), np.sum(p * np.log(p / (p + q)) + q * np.log(q / (p + q)))),
        "0 · ∞",
    ),
    "16.8 mean": (room.gan_value, lambda p, q: (_judge(p, q), _game(p, q) / len(p)), "averaged over the kinds"),
    "16.8 likelihood ratio": (
        room.gan_value,
        lambda p, q: (np.divide(p, q, out=np.ones(len(p)), where=q > 0), _game(p, q)),
        "the ratio of `data` to `model`",
    ),
    "16.9 order": (room.flow_log_prob, lambda *a: _flow(*a, order=iter), "*last* to be undone"),
    "16.9 sign": (room.flow_log_prob, lambda *a: _flow(*a, det=lambda s, m: -s[:, ~m].sum(1)), "*less* dense"),
    "16.9 all": (room.flow_log_prob, lambda *a: _flow(*a, det=lambda s, m: s.sum(1)), "only the others count"),
    "16.9 kept": (room.flow_log_prob, lambda *a: _flow(*a, det=lambda s, m: s[:, m].sum(1)), "the wrong half"),
    "16.9 shift after": (
        room.flow_log_prob,
        lambda *a: _flow(*a, undo=lambda v, s, t: v / s.exp() - t),
        "so it goes first",
    ),
    "16.9 times": (
        room.flow_log_prob,
        lambda *a: _flow(*a, undo=lambda v, s, t: (v - t) * s.exp()),
        "for −`scales`",
    ),
    "16.9 transposed": (
        room.flow_log_prob,
        lambda x, k, s, t: _flow(x, k, s.transpose(1, 2), t.transpose(1, 2)),
        "times *column*",
    ),
    "16.9 density alone": (
        room.flow_log_prob,
        lambda *a: _flow(*a)[1],
        "expected 2 values",
    ),
    "16.10 own place": (
        room.precision_and_recall,
        lambda r, f, k: (_within(f, r, _kth(r, k - 1)), _within(r, f, _kth(f, k - 1))),
        "too small",
    ),
    "16.10 exchanged": (
        room.precision_and_recall,
        lambda r, f, k: (_within(r, f, _kth(f, k)), _within(f, r, _kth(r, k))),
        "changed places",
    ),
    "16.10 judged balls": (
        room.precision_and_recall,
        lambda r, f, k: (_within(f, r, _kth(f, k)[:, None]), _within(r, f, _kth(r, k)[:, None])),
        "stray",
    ),
    "16.10 real balls twice": (
        room.precision_and_recall,
        lambda r, f, k: (_within(f, r, _kth(r, k)), _within(r, f, _kth(r, k)[:, None])),
        "precision: right",
    ),
    "16.10 squares": (
        room.precision_and_recall,
        lambda r, f, k: (
            np.mean((spatial.distance.cdist(f, r, "sqeuclidean") <= _kth(r, k)).any(1)),
            np.mean((spatial.distance.cdist(r, f, "sqeuclidean") <= _kth(f, k)).any(1)),
        ),
        "not squared",
    ),
    "16.11 no evidence": (
        room.next_question,
        lambda s, t, a, g: _asked(s, t, a, g, types=s),
        "has answered already",
    ),
    "16.11 the type": (
        room.next_question,
        lambda s, t, a, g: _asked(
            s,
            t,
            a,
            g,
            gain=lambda p, one, other: (
                stats.entropy(p) - (p @ one) * stats.entropy(p * one) - (p @ (1 - one)) * stats.entropy(p * (1 - one))
            ),
        ),
        "most about the *type*",
    ),
    "16.11 bits": (
        room.next_question,
        lambda *a: (_asked(*a)[0], _asked(*a)[1] / np.log(2)),
        "nats were asked for",
    ),
    "16.11 place among the open": (
        room.next_question,
        lambda s, t, a, g: (
            [j for j in np.flatnonzero(a < 0) if j != g].index(_asked(s, t, a, g)[0]),
            _asked(s, t, a, g)[1],
        ),
        "may still be asked",
    ),
    "16.11 counted from 1": (
        room.next_question,
        lambda *a: (_asked(*a)[0] + 1, _asked(*a)[1]),
        "counts from 0",
    ),
    "16.12 above": (room.cheapest_alarm, lambda *a: _belt(*a, above=np.greater), "opened too"),
    "16.12 rate of the tried": (
        room.cheapest_alarm,
        lambda g, b, r, o, m: _belt(g, b, len(b) / len([*g, *b]), o, m),
        "collected on purpose",
    ),
    "16.12 counts": (
        room.cheapest_alarm,
        lambda *a: _belt(*a, cost=lambda r, o, m, b, g: o * g + m * (r - b)),
        "good bottles only",
    ),
    "16.12 Youden": (
        room.cheapest_alarm,
        lambda *a: _belt(*a, cost=lambda r, o, m, b, g: g / (1 - r) - b / r),
        "how rare bad bottles",
    ),
    "16.12 recall": (
        room.cheapest_alarm,
        lambda g, b, r, o, m: (*_belt(g, b, r, o, m)[:2], np.mean(b >= _belt(g, b, r, o, m)[0])),
        "how many of the opened",
    ),
    "16.12 NaN": (
        room.cheapest_alarm,
        lambda g, b, r, o, m: (lambda t, c, s: (t, c, s if s > 0 else np.nan))(*_belt(g, b, r, o, m)),
        "where the right answer is zero",
    ),
    "16.13 independent": (
        room.kinds_missed,
        lambda p, n: _absent(p, n, both=lambda a: np.outer(a, a)),
        "They are not",
    ),
    "16.13 Poisson": (room.kinds_missed, lambda p, n: (_absent(p, n)[0], _absent(p, n)[0] ** 0.5), "Poisson number"),
    "16.13 e^-np": (
        room.kinds_missed,
        lambda p, n: (np.exp(-n * p).sum(), _absent(p, n)[1]),
        "log(1 + …) left out",
    ),
    "16.13 share": (room.kinds_missed, lambda p, n: np.divide(_absent(p, n), len(p)), "Their number was asked for"),
    "16.13 variance": (room.kinds_missed, lambda p, n: (_absent(p, n)[0], _absent(p, n)[1] ** 2), "variance"),
    "16.13 present": (room.kinds_missed, lambda p, n: (len(p) - _absent(p, n)[0], _absent(p, n)[1]), "*do* occur"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    exercise, answer, words = SLIPS[slip]
    assert_told(exercise, answer, words)


def _complete_in_numpy(picture, seen, logits, log_prior, log_q):
    x, where, a = picture.numpy(), seen.numpy(), logits.numpy()
    signed = np.where(x == 1, a, -a)[:, where]
    weights = special.softmax(special.log_expit(signed).sum(1) + (log_prior - log_q).numpy())
    return np.where(where, x, weights @ special.expit(a))


def _flow_forwards_known(x, keep, scales, shifts):
    z, log_prob = _flow(x, keep, scales, shifts)
    return [z.numpy(), log_prob.numpy()]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (room.complete_pixels, _complete_in_numpy),
        (room.complete_gaussian, lambda *a: list(_gaussian(*a))),
        (
            room.interval_coverage,
            lambda w, v, t, p: _held(*_bounds(w, v, (1 - p) / 2, (1 + p) / 2), t),
        ),
        (room.anomaly_scores, lambda *a: list(map(torch.tensor, _scores(*a)))),
        (room.auc_with_error, lambda a, o: _area(a, o, lambda w: np.hypot(stats.sem(w.mean(0)), stats.sem(w.mean(1))))),
        (room.conditional_kl, lambda m, v, y, cm, cv: kl_divergence(*_normals(m, v, cm[y], cv[y])).sum(-1)),
        (room.gan_losses, lambda r, f: torch.stack([_paid(r, f), softplus(-f).mean()])),
        (room.gan_value, lambda p, q: (_judge(p, q), _game(p, q))),
        (room.flow_log_prob, _flow_forwards_known),
        (room.precision_and_recall, lambda r, f, k: (_within(f, r, _kth(r, k)), _within(r, f, _kth(f, k)))),
        (room.next_question, _asked),
        (room.cheapest_alarm, _belt),
        (room.kinds_missed, _absent),
    ],
)
def test_a_right_answer_written_otherwise_passes(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
