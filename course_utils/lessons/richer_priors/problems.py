"""Lesson 15, richer priors and clustering: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special, stats
from sklearn.metrics.cluster import contingency_matrix, pair_confusion_matrix

from course_utils.workshop.exercises import Exercise, Misconception

# --- 15.7 -------------------------------------------------------------------------------------------------------------


def _bought(log_priors, prices, count):
    per_image = log_priors.mean(axis=1)
    saved = count * (per_image - per_image[0]).mean(axis=1) - prices + prices[0]
    best = int(np.argmax(saved))
    error = np.std(per_image[best] - per_image[0], ddof=1) / np.sqrt(per_image.shape[1])
    return best, saved[best], count * error


def _bought_loop(log_priors, prices, count):
    bills, images = [], log_priors.shape[2]
    for table, price in zip(log_priors, prices, strict=True):
        lengths = [-np.mean(table[:, n]) for n in range(images)]
        bills.append((price + count * np.mean(lengths), lengths))
    best = min(range(len(bills)), key=lambda m: bills[m][0])
    differences = [count * (old - new) for old, new in zip(bills[0][1], bills[best][1], strict=True)]
    return best, bills[0][0] - bills[best][0], stats.sem(differences)


def _bought_torch(log_priors, prices, count):
    rates = -torch.as_tensor(log_priors).mean(1)
    bills = torch.as_tensor(prices) + count * rates.mean(1)
    best = bills.argmin()
    differences = rates[0] - rates[best]
    return best.item(), bills[0] - bills[best], count * (differences.var() / len(differences)).sqrt()


def _choose(bill_of):
    """Build a misconception about the choice, from the bills of all priors."""

    def answer(log_priors, prices, count):
        best = int(np.argmin(bill_of(log_priors, prices, count)))
        chosen = log_priors[[0, best]] if best else log_priors[:1]
        _, saved, error = _bought(chosen, np.array([0.0, -np.inf])[: len(chosen)], count) if best else (0, 0.0, 0.0)
        if best:
            saved = count * (log_priors[best] - log_priors[0]).mean() - prices[best] + prices[0]
        return best, saved, error

    return answer


def _with_bought_error(error_of):
    """Build a misconception about the error alone, from the tables (S, N) of the best prior and of the first."""

    def answer(log_priors, prices, count):
        best, saved, _ = _bought(log_priors, prices, count)
        return best, saved, error_of(log_priors[best], log_priors[0], count)

    return answer


def _log_of_means(log_priors, prices, count):
    per_image = special.logsumexp(log_priors, axis=1) - np.log(log_priors.shape[1])
    return _bought(per_image[:, None], prices, count)


def _warehouse_law(rng):
    """One to five priors, one to five draws, two to eight pictures; prices for which this or that one pays."""
    priors, draws, images = rng.integers(1, 6), rng.integers(1, 6), rng.integers(2, 9)
    shared = rng.normal(-6, 2, images) + rng.normal(0, 0.8, (draws, images))
    own = rng.normal(rng.uniform(0, 1, (priors, 1, 1)), 0.3, (priors, draws, images))
    count = int(rng.integers(1, 400))
    prices = rng.uniform(0, 0.8 * count, priors)
    prices[0] *= rng.integers(0, 2)
    return shared + own + 0.2 * rng.normal(size=(priors, 1, images)), prices, count


prior_to_buy = Exercise(
    name="prior_to_buy",
    arguments=("log_priors", "prices", "count"),
    returns=("prior", "saved", "error"),
    reference=_bought,
    spellings={"loop": _bought_loop, "torch": _bought_torch},
    probes=[
        (np.array([[[-5.0, -7.0]], [[-4.0, -5.0]]]), np.array([0.0, 120.0]), 100),
        (
            np.array(
                [
                    [[-5.0, -8.0, -4.0], [-6.0, -7.0, -3.0]],
                    [[-4.0, -7.5, -3.5], [-4.5, -6.0, -3.2]],
                    [[-3.0, -7.0, -3.8], [-4.0, -5.0, -2.2]],
                ]
            ),
            np.array([10.0, 40.0, 90.0]),
            80,
        ),
        (np.array([[[-3.0, -4.0, -5.0]], [[-2.5, -4.2, -4.6]], [[-2.7, -3.1, -4.4]]]), np.array([0.0, 9.0, 30.0]), 25),
        (
            np.array([[[-2.0, -3.0, -6.0], [-2.5, -3.5, -7.0]], [[-2.4, -3.3, -6.4], [-2.2, -4.0, -6.0]]]),
            np.array([5.0, 25.0]),
            40,
        ),
        (
            np.array(
                [
                    [[-4.0, -6.0], [-5.0, -9.0], [-3.0, -6.5]],
                    [[-3.0, -5.5], [-4.5, -6.0], [-3.5, -4.5]],
                    [[-3.5, -4.0], [-3.0, -5.0], [-2.5, -6.0]],
                ]
            ),
            np.array([0.0, 260.0, 350.0]),
            200,
        ),
    ],
    law=_warehouse_law,
    draws=24,
    misconceptions=[
        Misconception(
            "prices forgotten",
            lambda log_priors, prices, count: _bought(log_priors, 0 * prices, count),
            "The prices of the catalogues are left out. A richer prior makes the codes shorter, and has to be sent "
            "along itself.",
        ),
        Misconception(
            "the first one's price forgotten",
            lambda log_priors, prices, count: (
                *np.add(_bought(log_priors, prices, count)[:2], (0, -prices[0])),
                _bought(log_priors, prices, count)[2],
            ),
            "Compared with the first prior one saves *its* price too. You subtracted the price of the new catalogue "
            "alone.",
        ),
        Misconception(
            "price for each picture",
            lambda log_priors, prices, count: _bought(log_priors, count * prices, count),
            "You paid for the catalogue with each picture. It is bought once, so many pictures make it cheap.",
        ),
        Misconception(
            "best for one picture",
            _choose(lambda log_priors, prices, count: -log_priors.mean(axis=(1, 2))),
            "You chose the prior with the shortest codes, whatever it costs. Which one has the smallest *bill*?",
        ),
        Misconception(
            "a sum over the sample",
            lambda log_priors, prices, count: _bought(log_priors, prices, log_priors.shape[2]),
            "Your bill is for the pictures in the table. It is a sample: the warehouse will keep `count` of them.",
        ),
        Misconception(
            "log of the mean density",
            _log_of_means,
            "You averaged densities over the draws of a picture and took the logarithm afterwards. A code that is "
            "stored is *one* draw, and costs −log p of that: average the costs.",
        ),
        Misconception(
            "draws counted as pictures",
            _with_bought_error(lambda best, first, count: count * np.std(best - first, ddof=1) / np.sqrt(best.size)),
            "Choice and saving are right. For the error you counted every draw as a picture of its own. Draws of one "
            "picture are alike, and more of them do not make more pictures: average over them first.",
        ),
        Misconception(
            "draws counted as pictures, divided by all",
            _with_bought_error(lambda best, first, count: count * np.std(best - first) / np.sqrt(best.size)),
            "Choice and saving are right. For the error you counted every draw as a picture of its own, and divided by "
            "their number. Average over the draws of each picture first; of N averages the variance wants N − 1.",
        ),
        Misconception(
            "errors added",
            _with_bought_error(
                lambda best, first, count: (
                    count
                    * np.sqrt((np.var(best.mean(axis=0), ddof=1) + np.var(first.mean(axis=0), ddof=1)) / best.shape[1])
                )
            ),
            "Choice and saving are right. The error is that of two priors tried on *different* pictures. They were "
            "tried on the same ones, and a picture that is dear under one is mostly dear under both: take the "
            "differences first. (If the first prior is the best, nothing is uncertain.)",
        ),
        Misconception(
            "divided by N",
            _with_bought_error(
                lambda best, first, count: count * np.std((best - first).mean(axis=0)) / np.sqrt(best.shape[1])
            ),
            "Choice and saving are right. The variance is taken around the sample's own mean: divide by N − 1.",
        ),
        Misconception(
            "error of one picture",
            _with_bought_error(
                lambda best, first, count: np.std((best - first).mean(axis=0), ddof=1) / np.sqrt(best.shape[1])
            ),
            "Choice and saving are right. The error is that of the saving for one picture. The saving is `count` times "
            "as much, and so is its error: one average is used for all of them.",
        ),
        Misconception(
            "error with the root of count",
            _with_bought_error(
                lambda best, first, count: (
                    np.sqrt(count) * np.std((best - first).mean(axis=0), ddof=1) / np.sqrt(best.shape[1])
                )
            ),
            "Choice and saving are right. The error grows with `count`, not with its root: what is unknown is one "
            "number, the average saving, and the same error is made for each picture.",
        ),
        Misconception(
            "scatter of what will come",
            _with_bought_error(lambda best, first, count: np.sqrt(count) * np.std((best - first).mean(axis=0), ddof=1)),
            "Choice and saving are right. You gave how much a sum of `count` future savings scatters around its "
            "expectation. Asked for is how well the expectation is known, and that depends on N.",
        ),
        Misconception(
            "scatter of the pictures",
            _with_bought_error(lambda best, first, count: count * np.std((best - first).mean(axis=0), ddof=1)),
            "Choice and saving are right. You gave the scatter of single pictures. The error of an average over N of "
            "them is smaller by √N.",
        ),
    ],
    hints=[
        "How many nats does it cost to store one code z, under a prior p? And which part of the KL term does not "
        "depend on the prior at all?",
        "The bill of a prior is price + count · (average of −log p). For the error think of one number for each "
        "picture: what it saves, averaged over its draws. These numbers are independent of each other.",
        "With `m = log_priors.mean(axis=1)` (M, N): saved = count · (m − m[0]).mean(axis=1) − (prices − prices[0]); "
        "take its argmax, and count · std(m[best] − m[0], ddof=1)/√N.",
    ],
    praise="The winner of many is a little flattered by the sample in which it won. If you can, tell its saving on "
    "pictures that did not choose it.",
)


# --- 15.8 -------------------------------------------------------------------------------------------------------------


def _pairs(sizes):
    return sizes * (sizes - 1) / 2


def _agreement(first, second):
    table = contingency_matrix(first, second)
    everyone = _pairs(len(first))
    together = _pairs(table).sum()
    in_first, in_second = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    agreed = (everyone + 2 * together - in_first - in_second) / everyone
    one, other = in_first / everyone, in_second / everyone
    chance = one * other + (1 - one) * (1 - other)
    return agreed, chance, 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _agreement_of_tables(first, second):
    """With tables of all pairs."""
    above = np.triu_indices(len(first), 1)
    one = (first[:, None] == first)[above]
    other = (second[:, None] == second)[above]
    agreed = np.mean(one == other)
    chance = one.mean() * other.mean() + np.mean(~one) * np.mean(~other)
    rest = 1 - chance
    return agreed, chance, (agreed - chance) / rest if rest > 1e-12 else 1.0


def _agreement_by_confusion(first, second):
    (apart, only_second), (only_first, both) = pair_confusion_matrix(first, second).astype(float)
    everyone = apart + only_second + only_first + both
    one, other = only_first + both, only_second + both
    chance = (one * other + (everyone - one) * (everyone - other)) / everyone**2
    agreed = (apart + both) / everyone
    if one == other and one in (0, everyone):
        return agreed, chance, 1
    return agreed, chance, (agreed - chance) / (1 - chance)


def _scaled(agreed, chance):
    return agreed, chance, 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _shares_together(first, second):
    def share(labels):
        return _pairs(np.unique(labels, return_counts=True)[1]).sum() / _pairs(len(labels))

    return share(first), share(second), share(1000 * first + second)


def _from_shares(agreed_of, chance_of=lambda one, other: one * other + (1 - one) * (1 - other)):
    """Build a misconception from the shares of pairs that are together in the first, the second, and in both."""

    def answer(first, second):
        one, other, both = _shares_together(first, second)
        return _scaled(agreed_of(one, other, both), chance_of(one, other))

    return answer


def _right_agreed(one, other, both):
    return 1 + 2 * both - one - other


def _self_paired(first, second):
    one, other = first[:, None] == first, second[:, None] == second
    return _scaled(np.mean(one == other), one.mean() * other.mean() + np.mean(~one) * np.mean(~other))


def _with_scale(scale):
    return lambda first, second: (*_agreement(first, second)[:2], scale(*_agreement(first, second)[:2]))


def _clients_law(rng):
    """Two to 25 clients, one to five groups with any names; groupings that resemble each other, or do not."""
    count = rng.integers(2, 26)
    first = rng.integers(0, rng.integers(1, 6), count)
    second = np.where(rng.random(count) < rng.uniform(0, 1), first[::-1] if rng.random() < 0.3 else first,
                      rng.integers(0, rng.integers(1, 6), count))  # fmt: skip
    if rng.random() < 0.1:
        second = rng.permutation(count)
    if rng.random() < 0.1:
        first = np.full(count, 4)
    return first, second


two_groupings = Exercise(
    name="two_groupings",
    arguments=("first", "second"),
    returns=("agreement", "by chance", "above chance"),
    reference=_agreement,
    spellings={"all pairs": _agreement_of_tables, "pair counts": _agreement_by_confusion},
    probes=[
        (np.array([0, 0, 1, 1]), np.array([5, 5, 5, 2])),
        (np.array([0, 0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 0, 0, 2, 0])),
        (np.array([3, 3, 1, 1, 0, 0, 2, 2, 3]), np.array([0, 1, 1, 1, 0, 0, 0, 2, 0])),
        (np.array([7, 7, 7]), np.array([0, 0, 0])),
        (np.array([0, 1, 2, 3, 4]), np.array([1, 1, 0, 0, 0])),
    ],
    law=_clients_law,
    draws=16,
    misconceptions=[
        Misconception(
            "names compared",
            lambda first, second: _scaled(
                np.mean(first == second),
                sum(np.mean(first == name) * np.mean(second == name) for name in np.unique(first)),
            ),
            "You compared the groups' names. One consultant's group 0 has nothing to do with the other's: rename one's "
            "groups, and nothing may change. Look at pairs of clients.",
        ),
        Misconception(
            "together in both",
            _from_shares(lambda one, other, both: both, lambda one, other: one * other),
            "You counted the pairs that both put together. They agree as well about a pair that both keep apart.",
        ),
        Misconception(
            "Jaccard",
            _from_shares(
                lambda one, other, both: both / (one + other - both) if one + other > 0 else 1.0,
                lambda one, other: one * other,
            ),
            "You left out the pairs that both keep apart. About these they agree too.",
        ),
        Misconception(
            "chance of being together in both",
            _from_shares(_right_agreed, lambda one, other: one * other),
            "The agreement is right. By chance a pair may also be *apart* in both; you counted only together.",
        ),
        Misconception(
            "a coin",
            _from_shares(_right_agreed, lambda one, other: 0.5),
            "The agreement is right. Chance is no coin: if both consultants put nearly everybody into one group, they "
            "agree about most pairs, whoever the clients are.",
        ),
        Misconception(
            "0/0",
            _with_scale(lambda agreed, chance: np.divide(agreed - chance, 1 - chance)),
            "Right, until both lists have one group only, or nobody together. Then shuffling changes nothing, and you "
            "divide 0 by 0; the answer asked for is 1.",
        ),
        Misconception(
            "with replacement",
            lambda first, second: _scaled(
                _agreement(first, second)[0],
                float(
                    np.sum(np.unique(first, return_counts=True)[1] ** 2 / len(first) ** 2)
                    * np.sum(np.unique(second, return_counts=True)[1] ** 2 / len(first) ** 2)
                    + (1 - np.sum(np.unique(first, return_counts=True)[1] ** 2 / len(first) ** 2))
                    * (1 - np.sum(np.unique(second, return_counts=True)[1] ** 2 / len(first) ** 2))
                ),
            ),
            "The agreement is right. For chance you drew the two clients with replacement: the squares of the groups' "
            "shares count each client as a pair with herself.",
        ),
        Misconception(
            "pairs with oneself",
            _self_paired,
            "You count each client as a pair with herself, and about that everyone agrees. The two are different.",
        ),
        Misconception(
            "difference",
            _with_scale(lambda agreed, chance: agreed - chance),
            "The first two are right. The difference is 0 for chance, but a full agreement should be 1: divide by how "
            "much was left to gain.",
        ),
        Misconception(
            "ratio",
            _with_scale(lambda agreed, chance: agreed / chance),
            "The first two are right. Full agreement should be 1 on the scale, and chance 0: two points that a "
            "straight line has to go through.",
        ),
    ],
    hints=[
        "Count pairs. In how many ways can two consultants agree about a pair of clients, without using the "
        "names of groups?",
        "A pair is together in both, apart in both, or in one of two mixed ways. Shuffling the second list makes the "
        "two events independent: a pair's probability of being together in it is the share of all pairs that are.",
        "With a, b the shares of pairs together in the first and in the second list, and c in both: agreement 1 − a − "
        "b + 2c, chance a·b + (1 − a)(1 − b), and (agreement − chance)/(1 − chance).",
    ],
    praise="The first number is Rand's index, the third the adjusted one of Hubert and Arabie. No labels were needed: "
    "it compares two runs of one model as well.",
)


# --- 15.9 -------------------------------------------------------------------------------------------------------------


def _new_shares(probabilities, old_shares, worth):
    shares = old_shares
    for _ in range(100):
        joint = probabilities / old_shares * shares
        types = joint / joint.sum(axis=1, keepdims=True)
        shares = (types.sum(axis=0) + worth * old_shares) / (len(types) + worth)
    return shares, types


def _new_shares_torch(probabilities, old_shares, worth):
    likelihood = torch.as_tensor(probabilities).log() - torch.as_tensor(old_shares).log()
    old = torch.as_tensor(old_shares)
    shares = torch.full_like(old, 1 / len(old))
    while True:
        types = (likelihood + shares.log()).softmax(1)
        before, shares = shares, (types.sum(0) + worth * old) / (len(types) + worth)
        if (shares - before).abs().max() < 1e-12:
            return shares, (likelihood + shares.log()).softmax(1)


def _new_shares_with_seen(probabilities, old_shares, worth):
    """As a sum of what each patient adds, with those whose types are known in rows of their own."""
    evidence = np.vstack([probabilities / old_shares, np.eye(len(old_shares))])
    weights = np.concatenate([np.ones(len(probabilities)), worth * old_shares])
    shares = np.full(len(old_shares), 1.0 / len(old_shares))
    for _ in range(100):
        shares = shares * (weights / (evidence @ shares) @ evidence) / weights.sum()
    joint = evidence[: len(probabilities)] * shares
    return shares, joint / joint.sum(axis=1, keepdims=True)


def _types(shares, probabilities, old_shares):
    joint = probabilities / old_shares * shares
    return joint / joint.sum(axis=1, keepdims=True)


def _shares_by(step, rounds=100, start=None):
    """Build a misconception: another step, taken `rounds` times; types by Bayes' rule from what comes out."""

    def answer(probabilities, old_shares, worth):
        shares = old_shares if start is None else start(old_shares)
        for _ in range(rounds):
            shares = step(shares, probabilities, old_shares, worth)
        return shares, _types(shares, probabilities, old_shares)

    return answer


def _step(shares, probabilities, old_shares, worth):
    types = _types(shares, probabilities, old_shares)
    return (types.sum(axis=0) + worth * old_shares) / (len(types) + worth)


def _step_with_hard_counts(shares, probabilities, old_shares, worth):
    types = np.eye(len(shares))[_types(shares, probabilities, old_shares).argmax(axis=1)]
    return (types.sum(axis=0) + worth * old_shares) / (len(types) + worth)


def _step_with_even_memory(shares, probabilities, old_shares, worth):
    types = _types(shares, probabilities, old_shares)
    return (types.sum(axis=0) + worth / len(shares)) / (len(types) + worth)


def _step_forgetting(shares, probabilities, old_shares, worth):
    types = _types(shares, probabilities, old_shares)
    return (types.sum(axis=0) + worth * shares) / (len(types) + worth)


def _step_with_full_memory(shares, probabilities, old_shares, worth):
    types = _types(shares, probabilities, old_shares)
    return (types.sum(axis=0) + worth) / (len(types) + worth * len(shares))


def _step_as_densities(shares, probabilities, old_shares, worth):
    types = probabilities * shares
    types = types / types.sum(axis=1, keepdims=True)
    return (types.sum(axis=0) + worth * old_shares) / (len(types) + worth)


def _as_densities(probabilities, old_shares, worth):
    shares = old_shares
    for _ in range(100):
        shares = _step_as_densities(shares, probabilities, old_shares, worth)
    joint = probabilities * shares
    return shares, joint / joint.sum(axis=1, keepdims=True)


def _corrected_again(probabilities, old_shares, worth):
    """Every round begins with the last round's probabilities and divides by the old shares again."""
    shares, types = old_shares, probabilities
    for _ in range(100):
        joint = types / old_shares * shares
        types = joint / joint.sum(axis=1, keepdims=True)
        shares = (types.sum(axis=0) + worth * old_shares) / (len(types) + worth)
    return shares, types


def _with_old_types(probabilities, old_shares, worth):
    return _new_shares(probabilities, old_shares, worth)[0], probabilities


def _town_law(rng):
    """Three to 40 patients, two to four types, of which some are hard to tell apart; memory of a third of N or more."""
    patients, types = rng.integers(3, 41), rng.integers(2, 5)
    old_shares = np.maximum(rng.dirichlet(np.full(types, 2.0)), 0.05)
    old_shares /= old_shares.sum()
    new = rng.dirichlet(np.full(types, 1.0))
    truth = rng.choice(types, patients, p=new)
    likelihood = np.exp(rng.normal(0, 1, (patients, types)) + rng.uniform(0, 4) * np.eye(types)[truth])
    joint = likelihood * old_shares
    probabilities = joint / joint.sum(axis=1, keepdims=True)
    return probabilities, old_shares, float(rng.uniform(0.34, 2) * patients)


new_shares = Exercise(
    name="new_shares",
    arguments=("probabilities", "old_shares", "worth"),
    returns=("shares", "types"),
    reference=_new_shares,
    spellings={"torch": _new_shares_torch, "rows for the known": _new_shares_with_seen},
    probes=[
        (np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), np.array([0.5, 0.5]), 1.0),
        (
            np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2]]),
            np.array([0.5, 0.3, 0.2]),
            2.0,
        ),
        (
            np.array([[0.99, 0.01], [0.95, 0.05], [0.7, 0.3], [0.4, 0.6], [0.85, 0.15], [0.9, 0.1]]),
            np.array([0.9, 0.1]),
            4.0,
        ),
        (np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.6]]), np.array([0.25, 0.75]), 1.5),
    ],
    law=_town_law,
    rtol=1e-4,
    atol=1e-5,
    seconds=5.0,
    misconceptions=[
        Misconception(
            "the average answer",
            lambda probabilities, old_shares, worth: (
                (probabilities.sum(axis=0) + worth * old_shares) / (len(probabilities) + worth),
                probabilities,
            ),
            "You counted the laboratory's probabilities once. They were computed with the old shares, and so they drag "
            "the new ones back to these. With the new shares the probabilities change, and then the shares again…",
        ),
        Misconception(
            "one round",
            _shares_by(_step, rounds=1),
            "You corrected the shares once, and with them the probabilities. These would now give other shares again: "
            "go on until nothing changes.",
        ),
        Misconception(
            "probabilities for densities",
            _as_densities,
            "You used the laboratory's probabilities as if they were densities of the measurements. The old shares are "
            "in them already: divide these out, or they count twice.",
        ),
        Misconception(
            "corrected in every round",
            _corrected_again,
            "Each round begins with the probabilities of the round before, and divides by the old shares again. What "
            "is fixed is p(x | type), up to a factor for each patient: go back to the laboratory's probabilities.",
        ),
        Misconception(
            "hard counts",
            _shares_by(_step_with_hard_counts, rounds=1),
            "You counted each patient to her likeliest type. A rare type that is often the second guess is then never "
            "counted. Count probabilities.",
        ),
        Misconception(
            "memory left out",
            _shares_by(lambda shares, probabilities, old, worth: _step(shares, probabilities, old, 0.0), rounds=1000),
            "The old patients are forgotten: `worth` is not used, and in a small town chance decides.",
        ),
        Misconception(
            "memory of the last round",
            _shares_by(_step_forgetting),
            "The remembered patients got the shares of the last round. Their types are *known*, and they do not "
            "change: they keep the old shares in all rounds.",
        ),
        Misconception(
            "memory of equal shares",
            _shares_by(_step_with_even_memory),
            "The remembered patients are spread evenly over the types in your answer. They had the old shares.",
        ),
        Misconception(
            "worth for each type",
            _shares_by(_step_with_full_memory),
            "You added `worth` patients to *each* type. There are `worth` of them altogether, in the old shares.",
        ),
        Misconception(
            "types as they were",
            _with_old_types,
            "The shares are right. The second table is the laboratory's. A type that has become more frequent is more "
            "probable for each patient, too: Bayes' rule with the new shares.",
        ),
        Misconception(
            "mixed at the end",
            lambda probabilities, old_shares, worth: _mixed_at_the_end(probabilities, old_shares, worth),
            "You found the shares of the new patients alone, and mixed them with the old ones afterwards. The memory "
            "belongs into every round: it decides how patients are counted who could be of several types.",
        ),
    ],
    hints=[
        "Which part of the mixture has changed, and which not? Can p(x | type) be had from what the laboratory "
        "returned, up to a factor that is the same for all types of a patient?",
        "With p(x | k) proportional to `probabilities / old_shares`, this is EM with components that stay as they are: "
        "E-step as in lesson 02, and an M-step for the shares alone. The remembered patients are in the M-step, with "
        "types that are known.",
        "Repeat a hundred times or more: joint = probabilities / old_shares · shares, normalise its rows, and shares = "
        "(sum over the patients + worth · old_shares)/(N + worth).",
    ],
    praise="Nothing was trained again, and nobody looked at a measurement. A VAE whose population drifts can be given "
    "new weights in its prior like this.",
)


def _mixed_at_the_end(probabilities, old_shares, worth):
    shares = old_shares
    for _ in range(2000):
        shares = _step(shares, probabilities, old_shares, 0.0)
    shares = (len(probabilities) * shares + worth * old_shares) / (len(probabilities) + worth)
    return shares, _types(shares, probabilities, old_shares)


PROBLEMS = (prior_to_buy, two_groupings, new_shares)
