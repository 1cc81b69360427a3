"""Lesson 05, amortised inference: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _comparison(joint_a, q_a, joint_b, q_b):
    """Per point the difference of the two encoders' ELBOs; the evidence is the same for both, and cancels."""
    differences = np.mean(joint_a - q_a, axis=0) - np.mean(joint_b - q_b, axis=0)
    return np.mean(differences), np.std(differences, ddof=1) / np.sqrt(len(differences))


def _comparison_loop(joint_a, q_a, joint_b, q_b):
    differences = []
    for n in range(joint_a.shape[1]):
        elbo_a = sum(joint_a[:, n] - q_a[:, n]) / len(joint_a)
        elbo_b = sum(joint_b[:, n] - q_b[:, n]) / len(joint_b)
        differences.append(elbo_a - elbo_b)
    mean = sum(differences) / len(differences)
    squares = sum((value - mean) ** 2 for value in differences)
    return mean, (squares / len(differences) / (len(differences) - 1)) ** 0.5


def _comparison_torch(joint_a, q_a, joint_b, q_b):
    tables = [torch.as_tensor(table).mean(0) for table in (joint_a, q_a, joint_b, q_b)]
    differences = (tables[0] - tables[1]) - (tables[2] - tables[3])
    return differences.mean(), torch.std(differences) / len(differences) ** 0.5


def _with_comparison(difference_of, error_of):
    """Build a misconception from the two tables of log-weights."""

    def answer(joint_a, q_a, joint_b, q_b):
        a, b = joint_a - q_a, joint_b - q_b
        right = _comparison(joint_a, q_a, joint_b, q_b)
        return right[0] if difference_of is None else difference_of(a, b), error_of(a, b)

    return answer


def _paired(a, b):
    return stats.sem(a.mean(axis=0) - b.mean(axis=0))


def _evidence(log_weights):
    return special.logsumexp(log_weights, axis=0) - np.log(len(log_weights))


def _comparison_law(rng):
    """Points that differ much in their evidence, and two encoders that draw differently often."""
    points = rng.integers(20, 60) if rng.random() < 0.15 else rng.integers(2, 7)
    alike = rng.random() < 0.3
    draws = rng.choice(np.arange(1, 7), 2, replace=False)
    evidence = rng.normal(-50, 10, points)
    tables = []
    for count in draws:
        log_q = rng.normal(-2, 1, (count, points))
        gap = rng.exponential(rng.uniform(0.2, 3), points) + rng.normal(0, 0.7, (count, points))
        if alike:  # far apart, and by nearly the same for all points
            gap = rng.uniform(0, 2000) + 0.02 * rng.normal(0, 1, (count, points))
        tables += [evidence - gap + log_q, log_q]
    return tuple(tables)


compare_encoders = Exercise(
    name="compare_encoders",
    arguments=("log_joint_a", "log_q_a", "log_joint_b", "log_q_b"),
    returns=("difference", "standard error"),
    reference=_comparison,
    spellings={"loop": _comparison_loop, "torch": _comparison_torch},
    probes=[
        (
            np.array([[-10.0, -40.0], [-12.0, -42.0]]),
            np.array([[-1.0, -1.0], [-1.0, -1.0]]),
            np.array([[-13.0, -41.0]]),
            np.array([[-1.0, -1.0]]),
        ),
        (
            np.array([[-5.0, -7.0, -30.0]]),
            np.array([[-0.5, 0.2, -1.0]]),
            np.array([[-5.5, -9.0, -31.0], [-4.5, -8.0, -30.5], [-6.0, -8.5, -29.0]]),
            np.array([[-0.4, -0.1, -1.5], [0.3, 0.1, -0.5], [-1.0, 0.4, -0.8]]),
        ),
        (
            np.array([[-2.0, -3.0, -1.0, -8.0], [-2.5, -2.0, -1.5, -7.0]]),
            np.zeros((2, 4)),
            np.array([[-2.2, -2.9, -2.0, -8.5], [-2.1, -3.0, -0.5, -7.7]]),
            np.array([[0.1, 0.3, -0.2, 0.0], [0.2, 0.0, 0.1, -0.1]]),
        ),
    ],
    law=_comparison_law,
    extremes=[
        (
            np.array([[-1500.1, -1500.1001, -1500.09995]]),
            np.zeros((1, 3)),
            np.array([[-10.0, -10.0, -10.0], [-12.0, -12.0, -12.0]]),
            np.zeros((2, 3)),
        )
    ],
    stable="subtract the mean of the differences first, then square: in mean(d²) − mean(d)² nearly all digits cancel",
    misconceptions=[
        Misconception(
            "the other way round",
            _with_comparison(lambda a, b: b.mean() - a.mean(), _paired),
            "The sign is turned. The encoder with the higher ELBO has the *smaller* gap: gap of b minus gap of a is "
            "ELBO of a minus ELBO of b.",
        ),
        Misconception(
            "evidences for the gaps",
            _with_comparison(
                lambda a, b: np.mean(_evidence(a) - _evidence(b)), lambda a, b: stats.sem(_evidence(a) - _evidence(b))
            ),
            "You compare two estimates of the evidence. Both encoders belong to one model, so the true difference of "
            "those is 0. What tells the encoders apart are their bounds.",
        ),
        Misconception(
            "not paired",
            _with_comparison(None, lambda a, b: np.hypot(stats.sem(a.mean(axis=0)), stats.sem(b.mean(axis=0)))),
            "The difference is right. Its error treats the two encoders as tried on different points. Both met the "
            "same ones, and a hard point is hard for both: take the difference point by point, and then its scatter.",
        ),
        Misconception(
            "every draw counted as a point",
            _with_comparison(
                None,
                lambda a, b: np.sqrt(a.var(ddof=1) / a.size + (b.var(ddof=1) / b.size if b.size > 1 else 0.0)),
            ),
            "The difference is right. Its error counts every draw as a new observation. Draws of one point share "
            "that point; only the points are independent of each other.",
        ),
        Misconception(
            "scatter of single points",
            _with_comparison(None, lambda a, b: np.std(a.mean(axis=0) - b.mean(axis=0), ddof=1)),
            "The difference is right. The second number is how much single points scatter; the mean of N of them is "
            "surer by √N.",
        ),
        Misconception(
            "divided by N",
            _with_comparison(None, lambda a, b: np.std(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(a.shape[1])),
            "The difference is right. The variance of the points is divided by N, around a mean from the same points: "
            "too small on average. Divide by N − 1.",
        ),
        Misconception(
            "errors added",
            _with_comparison(None, lambda a, b: stats.sem(a.mean(axis=0)) + stats.sem(b.mean(axis=0))),
            "The difference is right. Its error adds up those of both encoders, as if they erred on different images "
            "and always apart. What hits both alike cancels: take the difference image by image, and then its scatter.",
        ),
        Misconception(
            "N − 1 twice",
            _with_comparison(
                None,
                lambda a, b: np.std(a.mean(axis=0) - b.mean(axis=0), ddof=1) / np.sqrt(a.shape[1] - 1),
            ),
            "The difference is right. In its error N − 1 is there twice: it makes the variance of one image unbiased, "
            "and the mean of N images is surer by √N.",
        ),
        Misconception(
            "summed over the draws",
            _with_comparison(
                lambda a, b: np.mean(a.sum(axis=0) - b.sum(axis=0)),
                lambda a, b: stats.sem(a.sum(axis=0) - b.sum(axis=0)),
            ),
            "You sum over the draws, and the encoder with fewer of them seems better. An ELBO is an average over the "
            "draws of q.",
        ),
        Misconception(
            "summed over the points",
            _with_comparison(
                lambda a, b: np.sum(a.mean(axis=0) - b.mean(axis=0)), lambda a, b: _paired(a, b) * a.shape[1]
            ),
            "You sum over the points. The gap per point was asked for, an average.",
        ),
        Misconception(
            "q left out",
            lambda joint_a, q_a, joint_b, q_b: _comparison(joint_a, 0 * q_a, joint_b, 0 * q_b),
            "You compare the average log-joints. A bound is E_q[log p − log q]: an encoder that is too narrow sits "
            "where the joint is large, and pays with its entropy.",
        ),
    ],
    hints=[
        "The gap of an encoder is log p(x) minus its ELBO. You do not know log p(x). In which combination of the two "
        "gaps does it not matter?",
        "gap b − gap a = ELBO a − ELBO b, point by point, and each ELBO is a mean over the draws. You then have N "
        "numbers: what are their mean and its standard error?",
        "d = (log_joint_a − log_q_a).mean(axis=0) − (log_joint_b − log_q_b).mean(axis=0); then d.mean() and "
        "d.std(ddof=1)/√N.",
    ],
    praise="The evidence cancels, and so do the hard points: pairing is why so few images can tell encoders apart.",
)


def _exact(shares, rates):
    weights = np.log(rates / rates[0]).T
    return weights, np.log(shares / shares[0]) - (rates - rates[0]).sum(axis=1)


def _exact_by_differences(shares, rates):
    """The same from log-densities at 0 and at each unit vector: what is linear is known by D + 1 values."""

    def log_odds(x):
        log_joint = np.log(shares) + stats.poisson.logpmf(x, rates).sum(axis=1)
        return log_joint - log_joint[0]

    bias = log_odds(np.zeros(rates.shape[1]))
    return np.array([log_odds(unit) - bias for unit in np.eye(rates.shape[1])]), bias


def _exact_loop(shares, rates):
    weights, bias = np.zeros(rates.T.shape), np.zeros(len(shares))
    for k in range(1, len(shares)):
        bias[k] = np.log(shares[k]) - np.log(shares[0]) + sum(rates[0]) - sum(rates[k])
        for d in range(rates.shape[1]):
            weights[d, k] = np.log(rates[k, d]) - np.log(rates[0, d])
    return weights, bias


def _exact_torch(shares, rates):
    log_rates, log_shares = torch.as_tensor(rates).log(), torch.as_tensor(shares).log()
    logits = log_shares - torch.as_tensor(rates).sum(1)
    return (log_rates - log_rates[:1]).T, logits - logits[0]


def _exact_law(rng):
    """Kinds that may be rare, and rates that may be tiny; those in the hundreds are among the extremes."""
    size, dimensions = rng.integers(1, 13 if rng.random() < 0.15 else 5, 2)
    shares, rates = rng.dirichlet(np.full(size, 2.0)), np.exp(rng.normal(0.7, 1, (size, dimensions)))
    if rng.random() < 0.3:
        shares, rates = 10 ** rng.uniform(-6, 0, size), 10 ** rng.uniform(-4, 1.7, rates.shape)
        shares /= shares.sum()
    return shares, rates


poisson_encoder = Exercise(
    name="poisson_encoder",
    arguments=("shares", "rates"),
    returns=("weights", "bias"),
    reference=_exact,
    spellings={"loop": _exact_loop, "by differences": _exact_by_differences, "torch": _exact_torch},
    probes=[
        (np.array([0.5, 0.5]), np.array([[1.0], [2.0]])),
        (np.array([0.2, 0.5, 0.3]), np.array([[3.0, 0.5], [1.0, 4.0], [6.0, 2.0]])),
        (np.array([0.9, 0.1]), np.array([[0.3, 2.0, 7.0], [0.6, 1.0, 7.0]])),
        (np.array([1.0]), np.array([[2.0, 5.0]])),
    ],
    law=_exact_law,
    extremes=[(np.array([0.2, 0.5, 0.3]), np.array([[900.0, 3.0], [50.0, 0.001], [800.0, 7.0]]))],
    stable="keep the logarithm of e^(−rate), which is −rate, and exponentiate nothing: e^(−900) is 0 for the machine",
    misconceptions=[
        Misconception(
            "shares left out",
            lambda shares, rates: _exact(np.ones(len(shares)), rates),
            "The weights are right. In the bias the shares are missing: before any count was seen, a frequent kind "
            "of day is already more probable.",
        ),
        Misconception(
            "rates left out of the bias",
            lambda shares, rates: (_exact(shares, rates)[0], np.log(shares / shares[0])),
            "The weights are right. A Poisson probability also contains e^(−rate), which does not depend on the "
            "count but on the kind of day: it belongs into the bias. A count of 0 is evidence, too.",
        ),
        Misconception(
            "rates added",
            lambda shares, rates: (
                _exact(shares, rates)[0],
                np.log(shares / shares[0]) + (rates - rates[0]).sum(axis=1),
            ),
            "The weights are right. In the bias the rates have the wrong sign: the factor is e^(−rate), and many "
            "expected counts that did not come speak *against* a kind of day.",
        ),
        Misconception(
            "rates not logged",
            lambda shares, rates: ((rates - rates[0]).T, _exact(shares, rates)[1]),
            "The bias is right. The weights are differences of rates; the count stands in the exponent, rate^count, "
            "so its factor in the log-odds is the *logarithm* of the rate.",
        ),
        Misconception(
            "not against the first",
            lambda shares, rates: (np.log(rates).T, np.log(shares) - rates.sum(axis=1)),
            "A softmax of these gives the right posterior. But the log-odds against the first kind were asked for: its "
            "own column is 0, so subtract it.",
        ),
        Misconception(
            "weights not against the first",
            lambda shares, rates: (np.log(rates).T, _exact(shares, rates)[1]),
            "The bias is right. The weights are the logarithms of the rates themselves; in the log-odds against the "
            "first kind its logarithms are subtracted, so that the first column is 0.",
        ),
        Misconception(
            "bias not against the first",
            lambda shares, rates: (_exact(shares, rates)[0], np.log(shares) - rates.sum(axis=1)),
            "The weights are right. The bias belongs to log p(x, k) itself; in the log-odds against the first kind, "
            "its own is subtracted, so that the first number is 0.",
        ),
        Misconception(
            "multinomial",
            lambda shares, rates: (
                _exact(shares, rates / rates.sum(axis=1, keepdims=True))[0],
                np.log(shares / shares[0]),
            ),
            "Your rates are divided by their sum, as if only the proportions of the counts spoke. How *many* people "
            "came says something, too: each counter is a Poisson number of its own.",
        ),
        Misconception(
            "against the last",
            lambda shares, rates: (
                np.log(rates / rates[-1]).T,
                np.log(shares / shares[-1]) - (rates - rates[-1]).sum(axis=1),
            ),
            "These are the log-odds against the last kind. They were asked for against the first.",
        ),
        Misconception(
            "mean of the rates",
            lambda shares, rates: (
                _exact(shares, rates)[0],
                np.log(shares / shares[0]) - (rates - rates[0]).mean(axis=1),
            ),
            "The weights are right. In the bias the rates of the counters are averaged. The counters are "
            "independent, so their probabilities multiply, and the logarithms add.",
        ),
    ],
    hints=[
        "Bayes' rule: write log p(kind k) + log p(x | kind k). Which terms depend on x, and how?",
        "A Poisson log-probability is x log r − r − log x!. Subtract kind 1 from kind k. What is left, and is it "
        "linear in x?",
        "weights[:, k] = log(rates[k] / rates[0]); bias[k] = log(shares[k] / shares[0]) − Σ (rates[k] − rates[0]).",
    ],
    praise="No training, no gap: for some models the exact encoder is linear. Look for it before you train one.",
)

PROBLEMS = (compare_encoders, poisson_encoder)
