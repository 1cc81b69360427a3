"""Lesson 03, expectation–maximization: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _first_coin(heads, tosses, share, first, second):
    """Log-odds, and from them the probability, that each series was thrown with the first coin."""
    log_odds = np.log(share / (1 - share))
    log_odds = log_odds + heads * np.log(first / second) + (tosses - heads) * np.log((1 - first) / (1 - second))
    return special.expit(log_odds)


def _refitted(heads, tosses, r):
    return r.mean(), r @ heads / (r @ tosses), (1 - r) @ heads / ((1 - r) @ tosses)


def _coins(heads, tosses, share, first, second):
    return _refitted(heads, tosses, _first_coin(heads, tosses, share, first, second))


def _coins_by_binomials(heads, tosses, share, first, second):
    table = np.stack(
        [
            np.log(share) + stats.binom.logpmf(heads, tosses, first),
            np.log1p(-share) + stats.binom.logpmf(heads, tosses, second),
        ]
    )
    r = special.softmax(table, axis=0)
    chances = (r * heads).sum(axis=1) / (r * tosses).sum(axis=1)
    return r[0].sum() / len(heads), *chances


def _coins_loop(heads, tosses, share, first, second):
    counted = np.zeros((2, 3))
    for h, n in zip(heads, tosses, strict=True):
        logs = np.array(
            [
                np.log(share) + h * np.log(first) + (n - h) * np.log(1 - first),
                np.log(1 - share) + h * np.log(second) + (n - h) * np.log(1 - second),
            ]
        )
        odds = np.exp(logs - logs.max())
        counted += np.outer(odds / odds.sum(), [1, h, n])
    return counted[0, 0] / len(heads), counted[0, 1] / counted[0, 2], counted[1, 1] / counted[1, 2]


def _coins_torch(heads, tosses, share, first, second):
    heads, tosses = torch.as_tensor(heads).double(), torch.as_tensor(tosses).double()
    chances = torch.tensor([[first], [second]], dtype=torch.float64)
    likelihood = heads * chances.log() + (tosses - heads) * torch.log1p(-chances)
    r = torch.softmax(likelihood + torch.tensor([[share], [1 - share]]).double().log(), 0)
    return r[0].mean(), *(r @ heads / (r @ tosses))


def _with_labels(labels_of):
    """Build a misconception about the E-step, with a right M-step after it."""

    def step(heads, tosses, share, first, second):
        return _refitted(heads, tosses, labels_of(heads, tosses, share, first, second))

    return step


def _naive(heads, tosses, share, first, second):
    one = share * first**heads * (1 - first) ** (tosses - heads)
    other = (1 - share) * second**heads * (1 - second) ** (tosses - heads)
    return one / (one + other)


def _hard(heads, tosses, share, first, second):
    r = np.round(_first_coin(heads, tosses, share, first, second))
    with np.errstate(all="ignore"):
        return _refitted(heads, tosses, r)


def _coins_law(rng):
    """Up to seven series of unequal lengths, coins near each other or of any chance; each may have thrown a series."""
    while True:
        size = rng.integers(1, 8)
        tosses = rng.integers(1, 21, size)
        if rng.random() < 0.3:
            share, first, second = special.expit(rng.uniform(-9, 9, 3))
        else:
            share, first = rng.uniform(0.1, 0.9, 2)
            second = np.clip(first + rng.choice([-1, 1]) * rng.uniform(0.05, 0.4), 0.05, 0.95)
            if rng.random() < 0.2:
                tosses = rng.integers(1, 200, size)
        chances = rng.choice([first, second], size) if rng.random() < 0.5 else rng.uniform(0.2, 0.8, size)
        heads = rng.binomial(tosses, chances)
        r = _first_coin(heads, tosses, share, first, second)
        if min(r.max(), (1 - r).max()) > 1e-3:
            return heads, tosses, float(share), float(first), float(second)


two_coins_step = Exercise(
    name="two_coins_step",
    arguments=("heads", "tosses", "share", "first", "second"),
    returns=("share", "first", "second"),
    reference=_coins,
    spellings={"binomials": _coins_by_binomials, "loop": _coins_loop, "torch": _coins_torch},
    probes=[
        (np.array([5, 9, 8, 4, 7]), np.full(5, 10), 0.5, 0.6, 0.5),
        (np.array([2, 0, 30, 11]), np.array([3, 1, 40, 20]), 0.3, 0.8, 0.4),
        (np.array([3]), np.array([4]), 0.25, 0.5, 0.6),
        (np.array([2]), np.array([2]), 0.5, 0.9, 0.05),
    ],
    law=_coins_law,
    extremes=[
        (np.array([5200, 1900, 700]), np.array([8000, 6000, 1000]), 0.4, 0.7, 0.3),
        (np.array([0, 4000]), np.array([3000, 4000]), 0.5, 0.02, 0.97),
        (np.array([5000]), np.array([10_000]), 0.5, 0.9, 0.1),
        (np.array([30_000, 11]), np.array([60_000, 20]), 0.3, 0.2, 0.8),
    ],
    stable="the E-step in logarithms: log share + h log p + (n − h) log(1 − p), then softmax over the two coins",
    misconceptions=[
        Misconception(
            "hard labels",
            _hard,
            "You give each series to the likelier coin altogether. EM shares it out: a series that could have come "
            "from either counts for both, in part.",
        ),
        Misconception(
            "average of fractions",
            lambda heads, tosses, share, first, second: (
                lambda r: (r.mean(), np.average(heads / tosses, weights=r), np.average(heads / tosses, weights=1 - r))
            )(_first_coin(heads, tosses, share, first, second)),
            "You average the fractions of heads, so a series of one toss says as much as one of forty. Maximise the "
            "expected log-likelihood: heads and tosses are summed first, and divided after.",
        ),
        Misconception(
            "share of the tosses",
            lambda heads, tosses, share, first, second: (
                lambda r: (r @ tosses / tosses.sum(), *_refitted(heads, tosses, r)[1:])
            )(_first_coin(heads, tosses, share, first, second)),
            "The coins are right. The share counts tosses; but a coin was picked once for each *series*, so the "
            "series count, whatever their lengths.",
        ),
        Misconception(
            "share left out of the E-step",
            _with_labels(lambda heads, tosses, share, first, second: _first_coin(heads, tosses, 0.5, first, second)),
            "In your E-step both coins are equally likely beforehand. `share` is the prior probability of the first: "
            "it belongs into Bayes' rule.",
        ),
        Misconception(
            "share kept",
            lambda heads, tosses, share, first, second: (share, *_coins(heads, tosses, share, first, second)[1:]),
            "The coins are right, and the share is still the old one. It is a parameter like the others, and the "
            "M-step has a best value for it.",
        ),
        Misconception(
            "tails left out",
            _with_labels(
                lambda heads, tosses, share, first, second: special.expit(
                    np.log(share / (1 - share)) + heads * np.log(first / second)
                )
            ),
            "Your E-step sees the heads only. A tail is evidence too: it has the probability 1 − p, and the coins "
            "differ in that as well.",
        ),
        Misconception(
            "second coin from the first",
            lambda heads, tosses, share, first, second: (lambda new: (new[0], new[1], 1 - new[1]))(
                _coins(heads, tosses, share, first, second)
            ),
            "Your second coin is 1 minus the first. These are two coins, not the two sides of one: each has a chance "
            "of heads of its own.",
        ),
        Misconception(
            "divided by series",
            lambda heads, tosses, share, first, second: (
                lambda r: (r.mean(), r @ heads / r.sum(), (1 - r) @ heads / (1 - r).sum())
            )(_first_coin(heads, tosses, share, first, second)),
            "Your coins are expected heads per *series*, which may exceed 1. A coin's chance is heads per toss: "
            "divide by the tosses that it is credited with.",
        ),
        Misconception(
            "tosses for tails",
            _with_labels(
                lambda heads, tosses, share, first, second: special.expit(
                    np.log(share / (1 - share))
                    + heads * np.log(first / second)
                    + tosses * np.log((1 - first) / (1 - second))
                )
            ),
            "Your E-step counts every toss as a tail. There are tosses − heads tails.",
        ),
        Misconception(
            "odds",
            lambda heads, tosses, share, first, second: (
                lambda r: (
                    r.mean(),
                    r @ heads / (r @ (tosses - heads)),
                    (1 - r) @ heads / ((1 - r) @ (tosses - heads)),
                )
            )(_first_coin(heads, tosses, share, first, second)),
            "You divide heads by tails: these are odds, which may exceed 1. A chance is heads divided by tosses.",
        ),
        Misconception(
            "one of each imagined",
            lambda heads, tosses, share, first, second: (
                lambda r: (
                    r.mean(),
                    (r @ heads + 1) / (r @ tosses + 2),
                    ((1 - r) @ heads + 1) / ((1 - r) @ tosses + 2),
                )
            )(_first_coin(heads, tosses, share, first, second)),
            "You add an imagined head and tail to each coin. That is a prior; the M-step of EM maximises the expected "
            "log-likelihood alone.",
        ),
        Misconception(
            "divided by all tosses",
            lambda heads, tosses, share, first, second: (
                lambda r: (r.mean(), r @ heads / tosses.sum(), (1 - r) @ heads / tosses.sum())
            )(_first_coin(heads, tosses, share, first, second)),
            "You divide by all tosses. Those of the other coin say nothing about this one: as in the mixture, each "
            "average is divided by its own N_k.",
        ),
        Misconception(
            "underflow",
            _with_labels(_naive),
            "Right on paper. But 0.7 to the power of 5000 is 0 for the machine, for both coins, and 0/0 is not a "
            "number. Do the E-step in logarithms.",
        ),
    ],
    hints=[
        "Which variable is hidden, and how many are there: one for each toss, or one for each series? Write down "
        "log p(heads, coin) for one series.",
        "E-step: the probability r_n that series n was thrown with the first coin, by Bayes' rule in logarithms. "
        "M-step: maximise the sum of r_n log p(heads_n, first) + (1 − r_n) log p(heads_n, second).",
        "The log-odds are log(share/(1 − share)) + h log(first/second) + (n − h) log((1 − first)/(1 − second)), and "
        "r = special.expit of them. Then r.mean(), Σ r·heads/Σ r·tosses, and the same with 1 − r.",
    ],
    praise="No Gaussian in sight, and the same two steps. EM needs a hidden label and two sums that can be done.",
)


def _tempered(log_joint, temperature):
    scaled = log_joint / temperature
    return special.softmax(scaled, axis=1), temperature * special.logsumexp(scaled, axis=1)


def _objective(log_joint, temperature, q):
    return np.sum(q * log_joint + temperature * special.entr(q), axis=1)


def _tempered_by_objective(log_joint, temperature):
    powers = np.exp((log_joint - log_joint.max(axis=1, keepdims=True)) / temperature)
    q = powers / powers.sum(axis=1, keepdims=True)
    return q, _objective(log_joint, temperature, q)


def _tempered_loop(log_joint, temperature):
    rows, best = [], []
    for row in log_joint:
        top = row.max()
        powers = [np.exp((value - top) / temperature) for value in row]
        rows.append([power / sum(powers) for power in powers])
        best.append(top + temperature * np.log(sum(powers)))
    return rows, best


def _tempered_torch(log_joint, temperature):
    scaled = torch.as_tensor(log_joint) / temperature
    return torch.softmax(scaled, 1), temperature * torch.logsumexp(scaled, 1)


def _powers_left_alone(log_joint, temperature):
    q = special.softmax(log_joint, axis=1) ** (1 / temperature)
    return q, _objective(log_joint, temperature, q)


def _tempered_law(rng):
    count, size = rng.integers(1, 6), rng.integers(1, 5)
    log_joint = rng.normal(0, 2, (count, size)) + rng.normal(-3, 4, (count, 1))
    if rng.random() < 0.2:
        log_joint[0] = log_joint[0, 0]  # a tie
    warm = 10 ** rng.uniform(0, 4) if rng.random() < 0.3 else np.exp(rng.normal(0.3, 0.8))
    return log_joint, float(warm)


tempered_e_step = Exercise(
    name="tempered_e_step",
    arguments=("log_joint", "temperature"),
    returns=("responsibilities", "largest value"),
    reference=_tempered,
    spellings={"objective": _tempered_by_objective, "loop": _tempered_loop, "torch": _tempered_torch},
    probes=[
        (np.array([[0.0, np.log(3.0)]]), 2.0),
        (np.array([[0.0, np.log(3.0)]]), 0.5),
        (np.array([[-1.0, -4.0, 0.5], [2.0, 2.0, -3.0]]), 3.0),
        (np.array([[-2.0], [1.0]]), 1.7),
    ],
    law=_tempered_law,
    extremes=[
        (np.array([[-3000.0, -3001.0], [-5.0, -2000.0]]), 1.0),
        (np.array([[-1.0, -1.001, -3.0], [-9.0, -8.5, -8.5]]), 1e-3),
        (np.array([[-700.0, -1400.0], [-900.0, -300.0]]), 40.0),
        (np.array([[-3000.0, -3000.002, -2999.999], [-1.0, -3000.0, -1.001]]), 1e-3),
        (np.array([[-3000.0, -2500.0], [0.0, -3.0]]), 8000.0),
    ],
    stable="divide the log-joint by the temperature, then softmax and log-sum-exp over each row",
    misconceptions=[
        Misconception(
            "temperature ignored",
            lambda log_joint, temperature: _tempered(log_joint, 1.0),
            "This is the ordinary E-step, the best answer for T = 1. For a larger T uncertainty is worth more, and the "
            "best q is more even.",
        ),
        Misconception(
            "temperature upside down",
            lambda log_joint, temperature: (
                special.softmax(log_joint * temperature, axis=1),
                _objective(log_joint, temperature, special.softmax(log_joint * temperature, axis=1)),
            ),
            "Your q gets *sharper* as T grows. A large T rewards entropy, so it must make q more even: the log-joint "
            "is divided by T.",
        ),
        Misconception(
            "powers left as they are",
            _powers_left_alone,
            "You take the posterior to the power 1/T, and then its rows no longer sum to 1. The constraint holds for "
            "every T: normalise after the power, not before.",
        ),
        Misconception(
            "value without its temperature",
            lambda log_joint, temperature: (
                _tempered(log_joint, temperature)[0],
                special.logsumexp(log_joint / temperature, axis=1),
            ),
            "The responsibilities are right. The value is missing a factor T: put your q into the objective, and the "
            "log-normaliser comes out multiplied by T.",
        ),
        Misconception(
            "value of the plain bound",
            lambda log_joint, temperature: (
                _tempered(log_joint, temperature)[0],
                _objective(log_joint, 1.0, _tempered(log_joint, temperature)[0]),
            ),
            "The responsibilities are right. The value is that of the ordinary bound, where the entropy counts once; "
            "here it counts T times.",
        ),
        Misconception(
            "maximum not added back",
            lambda log_joint, temperature: (
                _tempered(log_joint, temperature)[0],
                _tempered(log_joint, temperature)[1] - log_joint.max(axis=1),
            ),
            "The responsibilities are right. The value lacks the largest log-joint of the row: it was taken out before "
            "exponentiating, and belongs back into the value.",
        ),
        Misconception(
            "energy alone",
            lambda log_joint, temperature: (
                _tempered(log_joint, temperature)[0],
                _objective(log_joint, 0.0, _tempered(log_joint, temperature)[0]),
            ),
            "The responsibilities are right. The value is the expected log-joint alone; the entropy's part T·H(q) is "
            "missing.",
        ),
        Misconception(
            "hard",
            lambda log_joint, temperature: (
                np.eye(log_joint.shape[1])[log_joint.argmax(axis=1)],
                log_joint.max(axis=1),
            ),
            "This is the best q for T = 0: all on the largest log-joint. As soon as entropy is worth anything, "
            "sharing a little gains more than it costs.",
        ),
        Misconception(
            "underflow",
            lambda log_joint, temperature: (
                np.exp(log_joint / temperature) / np.exp(log_joint / temperature).sum(axis=1, keepdims=True),
                temperature * np.log(np.exp(log_joint / temperature).sum(axis=1)),
            ),
            "Right on paper. But far out, or for a small T, every power becomes 0, and 0/0 is not a number. Divide "
            "by T in logarithms, and let softmax and log-sum-exp do the rest.",
        ),
    ],
    hints=[
        "For each point maximise Σ q_k l_k − T Σ q_k log q_k under Σ q_k = 1. A Lagrange multiplier, or a divergence "
        "that is zero at its best?",
        "Divide by T: Σ q_k (l_k/T) + H(q). For T = 1 you know the answer. What changed?",
        "The responsibilities are special.softmax(log_joint / T, axis=1), and the largest value is T times "
        "special.logsumexp(log_joint / T, axis=1).",
    ],
    praise="Cool slowly, and do not start too hot: from T = 4 Old Faithful's components melt into one, and stay one.",
)


def _parameter_counts(components, dimensions):
    """Free numbers of the four structures (rows) for each number of components (columns)."""
    one = dimensions * (dimensions + 1) // 2
    covariances = np.stack([components * one, np.full_like(components, one), components * dimensions, components])
    return covariances + components * dimensions + components - 1


def _probabilities(log_likelihoods, dimensions, count):
    counts = _parameter_counts(np.arange(1, log_likelihoods.shape[1] + 1), dimensions)
    return special.softmax(log_likelihoods - 0.5 * np.log(count) * counts)


def _probabilities_loop(log_likelihoods, dimensions, count):
    criteria = []
    for structure, row in enumerate(log_likelihoods):
        for k, value in enumerate(row, start=1):
            full = dimensions * (dimensions + 1) / 2
            covariances = (k * full, full, k * dimensions, k)[structure]
            criteria.append(-2 * value + (covariances + k * dimensions + k - 1) * np.log(count))
    odds = np.exp(-0.5 * (np.array(criteria) - min(criteria)))
    return (odds / odds.sum()).reshape(4, -1)


def _probabilities_torch(log_likelihoods, dimensions, count):
    k = torch.arange(1, log_likelihoods.shape[1] + 1)
    size = dimensions * (dimensions + 1) / 2
    covariances = [k * size, torch.full_like(k, int(size)), k * dimensions, k]
    table = [c + k * (dimensions + 1) - 1 for c in covariances]
    evidence = torch.as_tensor(log_likelihoods) - torch.stack(table) / 2 * np.log(count)
    return torch.softmax(evidence.ravel(), 0).reshape(evidence.shape)


def _with_penalty(penalty_of):
    """Build a misconception with another penalty, from (parameters, components, dimensions, count)."""

    def answer(log_likelihoods, dimensions, count):
        components = np.arange(1, log_likelihoods.shape[1] + 1)
        counts = _parameter_counts(components, dimensions)
        return special.softmax(log_likelihoods - penalty_of(counts, components, dimensions, count))

    return answer


def _with_covariances(covariances_of):
    """Build a misconception about the free numbers in the covariances, from (K, D, those in one full matrix)."""

    def penalty(counts, components, dimensions, count):
        covariances = np.stack(covariances_of(components, dimensions, dimensions * (dimensions + 1) // 2))
        return 0.5 * np.log(count) * (covariances + components * dimensions + components - 1)

    return _with_penalty(penalty)


def _evidence(log_likelihoods, dimensions, count):
    counts = _parameter_counts(np.arange(1, log_likelihoods.shape[1] + 1), dimensions)
    return log_likelihoods - 0.5 * np.log(count) * counts


def _best_alone(log_likelihoods, dimensions, count):
    evidence = _evidence(log_likelihoods, dimensions, count)
    return (evidence == evidence.max()) / np.sum(evidence == evidence.max())


def _underflown(log_likelihoods, dimensions, count):
    weights = np.exp(_evidence(log_likelihoods, dimensions, count))
    return weights / weights.sum()


def _probabilities_law(rng):
    """Log-likelihoods between which the penalties leave a real choice."""
    size, dimensions = rng.integers(1, 5), int(rng.integers(6, 13) if rng.random() < 0.15 else rng.integers(1, 6))
    count = int(10 ** rng.uniform(3, 6) if rng.random() < 0.2 else rng.integers(3, 1000))
    penalty = 0.5 * np.log(count) * _parameter_counts(np.arange(1, size + 1), dimensions)
    return rng.normal(-200, 100) + penalty + rng.normal(0, 1.5, (4, size)), dimensions, count


_LIKELIHOODS = np.array(
    [[-1289.8, -1130.3, -1119.2], [-1289.8, -1141.5, -1126.4], [-1331.0, -1147.0, -1131.9], [-1502.0, -1310.0, -1270.0]]
)

_RISING = np.array([[-5000.0, -4000.0], [-5000.0, -4001.0], [-5000.0, -4003.0], [-5000.0, -4010.0]])

model_probabilities = Exercise(
    name="model_probabilities",
    arguments=("log_likelihoods", "dimensions", "count"),
    returns="probabilities",
    reference=_probabilities,
    spellings={"loop": _probabilities_loop, "torch": _probabilities_torch},
    probes=[
        (np.zeros((4, 1)), 1, 50),
        (np.array([[-99.0, -90.0], [-99.0, -93.0], [-102.0, -91.5], [-104.0, -97.0]]), 2, 40),
        (np.array([[-60.0, -52.0, -50.0], [-60.0, -55.0, -54.0], [-60.5, -54.0, -52.0], [-62.0, -55.5, -52.5]]), 3, 12),
    ],
    law=_probabilities_law,
    extremes=[(_LIKELIHOODS, 2, 272), (100 * _LIKELIHOODS[:, :1] - 2e5, 3, 5000), (_RISING, 2, 500)],
    stable="stay with logarithms, and subtract the largest one before you exponentiate",
    misconceptions=[
        Misconception(
            "likelihood alone",
            _with_penalty(lambda counts, components, dimensions, count: 0.0),
            "You compare the largest likelihoods. The richest model always wins then. The evidence averages over the "
            "parameters, and pays for each of them.",
        ),
        Misconception(
            "AIC",
            _with_penalty(lambda counts, components, dimensions, count: counts),
            "Each parameter costs one nat here. That is Akaike's criterion, made for prediction. The evidence charges "
            "½ log N: with more points there are more ways to be precisely wrong.",
        ),
        Misconception(
            "the half forgotten in the penalty",
            _with_penalty(lambda counts, components, dimensions, count: counts * np.log(count)),
            "Each parameter costs log N nats, twice too much. BIC is *minus two* times a log-evidence; take the half "
            "of both of its terms.",
        ),
        Misconception(
            "BIC not halved",
            lambda log_likelihoods, dimensions, count: special.softmax(
                2 * _evidence(log_likelihoods, dimensions, count)
            ),
            "You exponentiate −BIC, which squares every evidence. BIC lives on a scale of minus two times a logarithm.",
        ),
        Misconception(
            "normalised row by row",
            lambda log_likelihoods, dimensions, count: special.softmax(
                _evidence(log_likelihoods, dimensions, count), axis=1
            ),
            "Each row sums to 1: you compare the numbers of components within each structure. All models compete with "
            "each other, so the whole table sums to 1.",
        ),
        Misconception(
            "normalised column by column",
            lambda log_likelihoods, dimensions, count: special.softmax(
                _evidence(log_likelihoods, dimensions, count), axis=0
            ),
            "Each column sums to 1: you compare the structures for each number of components. All models compete with "
            "each other, so the whole table sums to 1.",
        ),
        Misconception(
            "tied counted K times",
            _with_covariances(lambda k, dimensions, one: [k * one, k * one, k * dimensions, k]),
            "The tied structure has one covariance for all components, and you count it once for each.",
        ),
        Misconception(
            "symmetry forgotten",
            _with_covariances(lambda k, dimensions, one: [k * dimensions**2, 0 * k + dimensions**2, k * dimensions, k]),
            "You count D² numbers in a covariance. It is symmetric: the entries above the diagonal repeat those below "
            "it, so D(D + 1)/2 are free.",
        ),
        Misconception(
            "weights not counted",
            _with_penalty(
                lambda counts, components, dimensions, count: 0.5 * np.log(count) * (counts - components + 1)
            ),
            "The weights are missing among the parameters. A mixture of K components has K − 1 free ones.",
        ),
        Misconception(
            "means not counted",
            _with_penalty(
                lambda counts, components, dimensions, count: 0.5 * np.log(count) * (counts - components * dimensions)
            ),
            "The means are missing among the parameters: each component has D numbers there, in all four structures.",
        ),
        Misconception(
            "the best one alone",
            _best_alone,
            "You give everything to the smallest BIC. A difference of 2 means odds of e to 1, which is nothing to bet "
            "the house on: share the probability out.",
        ),
        Misconception(
            "underflow",
            _underflown,
            "Right on paper. But exp(−1130) is 0 for the machine, for every model, and 0/0 is not a number. Subtract "
            "the largest log-evidence first; it cancels.",
        ),
    ],
    hints=[
        "Bayes' rule once more, with models in the place of parameters: prior (all equal) times evidence, divided by "
        "the sum over all models. Section 3.9 has an approximation of the evidence.",
        "BIC ≈ −2 log evidence. So log evidence ≈ log-likelihood − ½ P log N. Which P has each structure (section "
        "2.5)?",
        "P = K − 1 + K·D + the covariances' K·D(D + 1)/2, D(D + 1)/2, K·D or K. Then special.softmax over the whole "
        "table of log-likelihood − ½ P log N.",
    ],
    praise="A choice with its doubt attached. (BIC's own doubts, in section 3.9, come on top.)",
    rtol=1e-4,  # log-likelihoods in the hundreds, and counts of parameters that torch halves in single precision
)

PROBLEMS = (two_coins_step, tempered_e_step, model_probabilities)
