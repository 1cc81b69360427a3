"""Lesson 16, put to work: problems, whose texts tell a story and give no formula."""

import itertools

import numpy as np
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception

# --- 16.11 ------------------------------------------------------------------------------------------------------------


def _types(shares, table, answers):
    """Probabilities (K,) of the types, given the answers so far."""
    known = answers >= 0
    log_types = np.log(shares) + np.sum(np.log(np.where(answers == 1, table, 1 - table))[:, known], axis=1)
    return special.softmax(log_types)


def _entropy(probability):
    return special.entr(probability) + special.entr(1 - probability)


def _fall(types, question, aim):
    """By how much the entropy of `aim` (K,) falls, on average, once the answer to `question` (K,) is known."""
    yes = types @ question
    after_yes, after_no = types * question @ aim / yes, types * (1 - question) @ aim / (1 - yes)
    return _entropy(types @ aim) - yes * _entropy(after_yes) - (1 - yes) * _entropy(after_no)


def _open(answers, target):
    return [place for place in np.flatnonzero(answers < 0) if place != target]


def _choice(types, table, answers, target, gain=_fall):
    """The open question with the largest gain, and that gain."""
    gains = {place: gain(types, table[:, place], table[:, target]) for place in _open(answers, target)}
    best = max(gains, key=gains.get)
    return best, gains[best]


def _questions(shares, table, answers, target):
    return _choice(_types(shares, table, answers), table, answers, target)


def _questions_by_joint(shares, table, answers, target):
    """From the joint table (2, 2) of both answers, as a divergence from independence."""
    types, best = _types(shares, table, answers), (-1, -np.inf)
    for place in range(len(answers)):
        if place != target and answers[place] == -1:
            rows = [1 - table[:, place], table[:, place]]
            columns = [1 - table[:, target], table[:, target]]
            joint = np.array([[np.sum(types * row * column) for column in columns] for row in rows])
            apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
            gain = np.sum(joint * np.log(joint / apart))
            if gain > best[1]:
                best = place, gain
    return best


def _questions_by_enumeration(shares, table, answers, target):
    """From the joint distribution of all answers that are still possible."""
    free = np.flatnonzero(answers == -1)
    rows = [np.where(answers >= 0, answers, 0) for _ in range(2 ** len(free))]
    for row, filled in zip(rows, itertools.product((0, 1), repeat=len(free)), strict=True):
        row[free] = filled
    rows = np.array(rows)
    masses = np.prod(np.where(rows[:, None] == 1, table, 1 - table), axis=2) @ shares
    masses = masses / masses.sum()

    def spread(*places):
        codes = sum(rows[:, place] * 2**power for power, place in enumerate(places))
        return special.entr(np.bincount(codes, weights=masses)).sum()

    gains = [
        spread(place) + spread(target) - spread(place, target) if place in free and place != target else -1.0
        for place in range(len(answers))
    ]
    return int(np.argmax(gains)), max(gains)


def _with_types(types):
    """Build a misconception from other probabilities of the types."""

    def answer(shares, table, answers, target):
        return _choice(types(shares, table, answers), table, answers, target)

    return answer


def _with_gain(gain, told=None):
    """Build a misconception from what is made large, and what is told of the chosen question."""

    def answer(shares, table, answers, target):
        types = _types(shares, table, answers)
        best, gained = _choice(types, table, answers, target, gain)
        return best, gained if told is None else told(types, table[:, best], table[:, target])

    return answer


def _about_the_type(types, question, aim):
    yes = types @ question
    after = types * question / yes, types * (1 - question) / (1 - yes)
    return special.entr(types).sum() - yes * special.entr(after[0]).sum() - (1 - yes) * special.entr(after[1]).sum()


def _both_equally_likely(types, question, aim):
    yes = types @ question
    after = types * question @ aim / yes, types * (1 - question) @ aim / (1 - yes)
    return _entropy(types @ aim) - (_entropy(after[0]) + _entropy(after[1])) / 2


def _if_yes(types, question, aim):
    return _entropy(types @ aim) - _entropy(types * question @ aim / (types @ question))


def _left(types, question, aim):
    return _entropy(types @ aim) - _fall(types, question, aim)


def _by_type(types, question, aim):
    """What the answers tell about each other within a type is nothing; this averages entropies over the types."""
    return _entropy(types @ aim) - types @ _entropy(aim)


def _covariance(types, question, aim):
    return abs(types @ (question * aim) - (types @ question) * (types @ aim))


def _patients_law(rng):
    """Two to five types, three to seven questions of which some are answered; two at least are open."""
    kinds, questions = rng.integers(2, 6), rng.integers(3, 8)
    shares = rng.dirichlet(np.full(kinds, 2.0))
    table = np.clip(rng.beta(0.8, 0.8, (kinds, questions)), 0.03, 0.97)
    answers = np.where(rng.random(questions) < rng.choice([0.2, 0.7]), rng.integers(0, 2, questions), -1)
    target, other = rng.choice(questions, 2, replace=False)
    answers[[target, other]] = -1
    return np.maximum(shares, 0.01) / np.maximum(shares, 0.01).sum(), table, answers, int(target)


next_question = Exercise(
    name="next_question",
    arguments=("shares", "table", "answers", "target"),
    returns=("question", "nats"),
    reference=_questions,
    spellings={"joint table": _questions_by_joint, "enumeration": _questions_by_enumeration},
    probes=[
        (np.array([0.5, 0.5]), np.array([[0.9, 0.9, 0.5], [0.1, 0.1, 0.5]]), np.array([-1, -1, -1]), 0),
        (
            np.array([0.5, 0.3, 0.2]),
            np.array([[0.9, 0.2, 0.6, 0.3, 0.7], [0.4, 0.8, 0.1, 0.6, 0.2], [0.2, 0.5, 0.9, 0.9, 0.4]]),
            np.array([1, -1, -1, -1, 0]),
            3,
        ),
        (
            np.array([0.2, 0.4, 0.1, 0.3]),
            np.array(
                [
                    [0.8, 0.3, 0.95, 0.1, 0.6, 0.5],
                    [0.1, 0.7, 0.4, 0.9, 0.2, 0.6],
                    [0.5, 0.9, 0.05, 0.6, 0.9, 0.1],
                    [0.3, 0.2, 0.7, 0.2, 0.4, 0.9],
                ]
            ),
            np.array([-1, 0, -1, -1, 1, -1]),
            2,
        ),
        (
            np.array([0.6, 0.4]),
            np.array([[0.97, 0.6, 0.2, 0.8], [0.7, 0.1, 0.5, 0.3]]),
            np.array([-1, -1, 0, -1]),
            1,
        ),
    ],
    law=_patients_law,
    draws=24,
    misconceptions=[
        Misconception(
            "answers forgotten",
            _with_types(lambda shares, table, answers: shares),
            "Your answer is the same for all patients. What this one has answered already changes which type is "
            "probable, and so what there is left to learn.",
        ),
        Misconception(
            "no counts as not asked",
            _with_types(lambda shares, table, answers: _types(shares, table, np.where(answers == 1, 1, -1))),
            "You used the answers yes and left out the answers no. A no tells about the type as well.",
        ),
        Misconception(
            "not asked counts as no",
            _with_types(lambda shares, table, answers: _types(shares, table, np.maximum(answers, 0))),
            "You took questions that were not asked for answered by no. They tell nothing yet.",
        ),
        Misconception(
            "shares forgotten",
            _with_types(lambda shares, table, answers: _types(np.ones_like(shares), table, answers)),
            "You took all types for equally frequent beforehand. `shares` says otherwise, and Bayes' rule needs it.",
        ),
        Misconception(
            "covariance",
            _with_gain(_covariance),
            "You looked for the question whose answer varies most together with the target's. Covariance is not in "
            "nats, and not the measure: how far does the entropy fall?",
        ),
        Misconception(
            "about the type",
            _with_gain(_about_the_type),
            "You chose the question that tells most about the *type*. The doctor wants to know the target's answer; a "
            "question may tell types apart that answer it alike.",
        ),
        Misconception(
            "about the type, told in nats of the target",
            _with_gain(_about_the_type, _fall),
            "The nats are those of your question. But it was chosen because it tells most about the *type*; the doctor "
            "wants to know the target's answer.",
        ),
        Misconception(
            "the most uncertain question",
            _with_gain(lambda types, question, aim: _entropy(types @ question), _fall),
            "You chose the question whose answer is the most uncertain. That its answer is news does not make it news "
            "about the target.",
        ),
        Misconception(
            "both answers equally likely",
            _with_gain(_both_equally_likely),
            "You averaged over yes and no as if both were equally likely. This patient may answer yes with quite "
            "another probability.",
        ),
        Misconception(
            "if the answer is yes",
            _with_gain(_if_yes),
            "You counted the answer yes only. It may be no, and nobody knows before: average over both.",
        ),
        Misconception(
            "what is left",
            _with_gain(_fall, _left),
            "The question is right. You gave the entropy that is left on average after it; asked for is by how much it "
            "falls.",
        ),
        Misconception(
            "if the type were told",
            _with_gain(_fall, _by_type),
            "The question is right. You gave what one would learn if the type itself were told. An answer tells less "
            "than that.",
        ),
        Misconception(
            "place among the open questions",
            lambda shares, table, answers, target: (lambda best, nats: (_open(answers, target).index(best), nats))(
                *_questions(shares, table, answers, target)
            ),
            "The nats are right. You gave the place of the question among those that may still be asked; its index "
            "among all questions was asked for.",
        ),
        Misconception(
            "counted from 1",
            lambda *arguments: tuple(np.add(_questions(*arguments), (1, 0))),
            "The nats are right. You counted the questions from 1; an index counts from 0.",
        ),
        Misconception(
            "in bits",
            _with_gain(_fall, lambda types, question, aim: _fall(types, question, aim) / np.log(2)),
            "The question is right. The number is in bits; nats were asked for.",
        ),
    ],
    hints=[
        "How probable are the types, given the answers so far? From them follow the probabilities of all answers that "
        "are still open.",
        "If the answer to question j is yes, the types become more or less probable, and the target's probability "
        "changes. Compare its entropy before with its average after; yes and no have different probabilities.",
        "types ∝ shares · product over answered questions of t or 1 − t. For an open j: `yes = types @ t_j`, after a "
        "yes the target has the probability `(types * t_j) @ t_target / yes`, and the like after a no. The gain is "
        "H(before) − yes · H(after yes) − (1 − yes) · H(after no), with H(p) = −p log p − (1 − p) log(1 − p).",
    ],
    praise="A model that can complete can also ask: the same works with a VAE and its weighted draws in the place of "
    "types.",
)


# --- 16.12 ------------------------------------------------------------------------------------------------------------


def _thresholds(good, bad):
    """All scores, and one above them all, at which no alarm sounds."""
    scores = np.unique(np.concatenate([good, bad]))
    return np.append(scores, scores[-1] + 1)


def _bills(good, bad, rate, opening, missed):
    """Thresholds, the costs of a bottle with each, and the shares of opened bottles that are bad and good."""
    thresholds = _thresholds(good, bad)
    caught = rate * np.mean(bad >= thresholds[:, None], axis=1)
    false = (1 - rate) * np.mean(good >= thresholds[:, None], axis=1)
    return thresholds, opening * (caught + false) + missed * (rate - caught), caught, false


def _true_share(caught, false):
    return caught / (caught + false) if caught + false > 0 else 0.0


def _alarm(good, bad, rate, opening, missed):
    thresholds, costs, caught, false = _bills(good, bad, rate, opening, missed)
    best = costs.argmin()
    return thresholds[best], costs[best], _true_share(caught[best], false[best])


def _alarm_loop(good, bad, rate, opening, missed):
    best = max(*good, *bad) + 1, rate * missed, 0.0
    for threshold in {*good.tolist(), *bad.tolist()}:
        opened_good = sum(score >= threshold for score in good) / len(good)
        opened_bad = sum(score >= threshold for score in bad) / len(bad)
        opened = (1 - rate) * opened_good + rate * opened_bad
        cost = opened * opening + rate * (1 - opened_bad) * missed
        if cost < best[1]:
            best = threshold, cost, rate * opened_bad / opened
    return best


def _alarm_by_sums(good, bad, rate, opening, missed):
    """From the highest score down, with weights that make the tried bottles a sample of the belt."""
    scores = np.concatenate([good, bad])
    masses = np.concatenate([np.full(len(good), (1 - rate) / len(good)), np.full(len(bad), rate / len(bad))])
    kinds = np.concatenate([np.zeros(len(good)), np.ones(len(bad))])
    order = np.flip(np.argsort(scores))
    scores, masses, kinds = scores[order], masses[order], kinds[order]
    opened, caught = np.cumsum(masses), np.cumsum(masses * kinds)
    last = np.append(scores[1:] < scores[:-1], True)
    costs = np.append((opened * opening + (rate - caught) * missed)[last], rate * missed)
    place = np.argmin(costs)
    if place == len(costs) - 1:
        return scores[0] + 1, costs[-1], 0.0
    return scores[last][place], costs[place], caught[last][place] / opened[last][place]


def _with_alarm(choose, told=_bills):
    """Build a misconception from the bills by which one chooses, and those that are told."""

    def answer(*arguments):
        best = choose(*arguments)[1].argmin()
        thresholds, costs, caught, false = told(*arguments)
        return thresholds[best], costs[best], _true_share(caught[best], false[best])

    return answer


def _bills_of(change):
    """Bills with other costs, as a function of the arguments, caught and false."""

    def bills(good, bad, rate, opening, missed):
        thresholds, _, caught, false = _bills(good, bad, rate, opening, missed)
        return thresholds, change(rate, opening, missed, caught, false), caught, false

    return bills


def _as_tried(good, bad, rate, opening, missed):
    return _bills(good, bad, len(bad) / (len(good) + len(bad)), opening, missed)


_WRONG_CALLS = _bills_of(lambda rate, opening, missed, caught, false: false + rate - caught)
_BALANCED = _bills_of(lambda rate, opening, missed, caught, false: false / (1 - rate) - caught / rate)
_FALSE_ALARMS_PAID = _bills_of(lambda rate, opening, missed, caught, false: opening * false + missed * (rate - caught))


def _strict(good, bad, rate, opening, missed):
    """Opened is what scores above the threshold."""
    thresholds = _thresholds(good, bad)
    caught = rate * np.mean(bad > thresholds[:, None], axis=1)
    false = (1 - rate) * np.mean(good > thresholds[:, None], axis=1)
    return thresholds, opening * (caught + false) + missed * (rate - caught), caught, false


def _never_silent(*arguments):
    thresholds, costs, caught, false = _bills(*arguments)
    best = costs[:-1].argmin()
    return thresholds[best], costs[best], _true_share(caught[best], false[best])


def _share_as_tried(good, bad, rate, opening, missed):
    threshold, cost, _ = _alarm(good, bad, rate, opening, missed)
    opened = np.sum(good >= threshold) + np.sum(bad >= threshold)
    return threshold, cost, np.sum(bad >= threshold) / max(opened, 1)


def _share_caught(good, bad, rate, opening, missed):
    threshold, cost, _ = _alarm(good, bad, rate, opening, missed)
    return threshold, cost, np.mean(bad >= threshold)


def _best_of(arguments):
    costs = np.sort(_bills(*arguments)[1])
    gaps = np.diff(costs[:2])
    return gaps.size == 0 or gaps[0] > 1e-4 * max(costs[0], 1e-3)


def _belt_law(rng):
    """One to nine bottles of each kind, scores with ties or without; rates and costs at which one threshold is best."""
    while True:
        m, n = rng.integers(1, 10, 2)
        good, bad = rng.standard_normal(m), rng.normal(rng.choice([0.0, 1.0, 2.5]), 1.2, n)
        if rng.random() < 0.4:
            good, bad = np.round(good), np.round(bad)
        rate = float(rng.choice([rng.uniform(0.002, 0.1), rng.uniform(0.1, 0.6)]))
        opening = float(rng.uniform(0.2, 3))
        missed = float(opening * np.exp(rng.uniform(0, 2) - np.log(rate) * rng.uniform(0, 1)))
        arguments = good, bad, rate, opening, missed
        if _best_of(arguments):
            return arguments


cheapest_alarm = Exercise(
    name="cheapest_alarm",
    arguments=("good", "bad", "rate", "opening", "missed"),
    returns=("threshold", "cost", "true alarms"),
    reference=_alarm,
    spellings={"loop": _alarm_loop, "running sums": _alarm_by_sums},
    probes=[
        (np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.5, 5.0]), 0.1, 1.0, 20.0),
        (np.array([0.0, 1.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 4.0]), 0.05, 2.0, 35.0),
        (np.array([0.3, -0.8, 1.1]), np.array([0.9, 2.0, -0.1, 1.4]), 0.3, 1.5, 7.0),
        (np.array([5.0, 1.0]), np.array([4.0, 0.0]), 0.01, 1.0, 3.0),
        (np.array([1.0, 2.0, 6.0, 0.5, 2.5, 1.5]), np.array([2.0, 5.0, 7.0]), 0.02, 1.0, 30.0),
        (np.array([3.0, 2.0, 2.0]), np.array([1.0, 2.0]), 0.2, 0.3, 40.0),
    ],
    law=_belt_law,
    draws=24,
    misconceptions=[
        Misconception(
            "as many bad ones as were tried",
            _with_alarm(_as_tried, _as_tried),
            "You reckoned with as many bad bottles as there were among those tried. They were collected on purpose; on "
            "the belt the share is `rate`.",
        ),
        Misconception(
            "fewest wrong calls",
            _with_alarm(_WRONG_CALLS),
            "You chose the threshold with the fewest wrong calls. A bad bottle that passes and a good one that is "
            "opened do not cost the same.",
        ),
        Misconception(
            "the corner of the curve",
            _with_alarm(_BALANCED),
            "You chose the threshold at which the two rates differ most (Youden's). It knows neither what mistakes "
            "cost nor how rare bad bottles are.",
        ),
        Misconception(
            "only false alarms are paid",
            _with_alarm(_FALSE_ALARMS_PAID, _FALSE_ALARMS_PAID),
            "You charged the opening of good bottles only. To open a bottle costs the same whatever is found.",
        ),
        Misconception(
            "above the threshold",
            _with_alarm(_strict, _strict),
            "A bottle that scores exactly the threshold is opened too: ≥ and not >.",
        ),
        Misconception(
            "an alarm must sound",
            _never_silent,
            "You left out the alarm that never sounds. Where bad bottles are rare and opening is dear, it may be the "
            "cheapest.",
        ),
        Misconception(
            "share among the tried",
            _share_as_tried,
            "Threshold and cost are right. You gave the share of bad ones among the *tried* bottles that would be "
            "opened. On the belt good ones are far more frequent, and so are false alarms.",
        ),
        Misconception(
            "share that is caught",
            _share_caught,
            "Threshold and cost are right. You gave how many of the bad bottles are opened. Asked for is how many of "
            "the opened bottles are bad.",
        ),
        Misconception(
            "rate not used for the good",
            _with_alarm(
                _bills_of(
                    lambda rate, opening, missed, caught, false: (
                        opening * (caught + false / (1 - rate)) + missed * (rate - caught)
                    )
                ),
                _bills_of(
                    lambda rate, opening, missed, caught, false: (
                        opening * (caught + false / (1 - rate)) + missed * (rate - caught)
                    )
                ),
            ),
            "You weighed the bad bottles by `rate` and the good ones by 1. A bottle is one or the other: good ones "
            "have the share 1 − `rate`.",
        ),
        Misconception(
            "missed among all bad",
            _with_alarm(
                _bills_of(
                    lambda rate, opening, missed, caught, false: (
                        opening * (caught + false) + missed * (1 - caught / rate)
                    )
                ),
                _bills_of(
                    lambda rate, opening, missed, caught, false: (
                        opening * (caught + false) + missed * (1 - caught / rate)
                    )
                ),
            ),
            "You charged `missed` as if every bottle were bad. A bottle on the belt is bad with the probability `rate` "
            "only.",
        ),
    ],
    hints=[
        "What happens to a bottle from the belt, and with which probability? There are four cases, and opening costs "
        "in two of them.",
        "Of the bad bottles tried, a share scores at least as high as the threshold; this share holds for the belt "
        "too. So does that of the good ones. Their mixture is another: `rate` and 1 − `rate`.",
        "With b and g these two shares: cost = opening · (rate · b + (1 − rate) · g) + missed · rate · (1 − b). Try "
        "each score, and one above all. The third number is rate · b / (rate · b + (1 − rate) · g).",
    ],
    praise="An AUC asks for none of this. With rare faults even a splendid one may come with mostly false alarms.",
)


# --- 16.13 ------------------------------------------------------------------------------------------------------------


def _missing(shares, count):
    absent = (1 - shares) ** count
    together = (1 - shares[:, None] - shares) ** count - np.outer(absent, absent)
    np.fill_diagonal(together, absent * (1 - absent))
    return absent.sum(), np.sqrt(together.sum())


def _missing_loop(shares, count):
    absent = [(1 - share) ** count for share in shares]
    variance = 0.0
    for i, first in enumerate(absent):
        variance += first * (1 - first)
        for j in range(i):
            variance += 2 * ((1 - shares[i] - shares[j]) ** count - first * absent[j])
    return sum(absent), variance**0.5


def _missing_by_squares(shares, count):
    """By the mean of the square: all pairs, those of a kind with itself included."""
    left = 1 - (shares[:, None] + shares - np.diag(shares))
    mean = np.exp(count * np.log1p(-shares)).sum()
    return mean, np.sqrt(np.sum(left**count) - mean**2)


def _with_mean(mean):
    return lambda shares, count: (mean(shares, count), _missing(shares, count)[1])


def _with_scatter(variance):
    return lambda shares, count: (_missing(shares, count)[0], np.sqrt(variance(shares, count)))


def _with_absent(absent):
    """Build a misconception from another probability that a kind, or one of several, is missing."""

    def answer(shares, count):
        alone = absent(shares, count)
        together = absent(shares[:, None] + shares, count) - np.outer(alone, alone)
        np.fill_diagonal(together, alone * (1 - alone))
        return alone.sum(), np.sqrt(np.maximum(together.sum(), 0))

    return answer


def _alone(shares, count):
    absent = (1 - shares) ** count
    return np.sum(absent * (1 - absent))


def _as_if_equal(shares, count):
    return _missing(np.full(len(shares), 1 / len(shares)), count)


def _diagonal_kept(shares, count):
    absent = (1 - shares) ** count
    together = np.abs(1 - shares[:, None] - shares) ** count - np.outer(absent, absent)
    return np.maximum(_alone(shares, count) + together.sum(), 0)


def _generator_law(rng):
    """Two to eight kinds with equal or unequal shares, two to 60 pictures."""
    kinds = rng.integers(2, 9)
    shares = rng.dirichlet(np.full(kinds, rng.choice([0.7, 3.0])))
    if rng.random() < 0.2:
        shares = np.full(kinds, 1.0)
    shares = np.maximum(shares, 0.01)
    return shares / shares.sum(), int(rng.integers(2, 61) if rng.random() < 0.5 else rng.integers(2, 8))


kinds_missed = Exercise(
    name="kinds_missed",
    arguments=("shares", "count"),
    returns=("mean", "scatter"),
    reference=_missing,
    spellings={"loop": _missing_loop, "squares": _missing_by_squares},
    probes=[
        (np.array([0.5, 0.5]), 2),
        (np.array([0.7, 0.2, 0.1]), 5),
        (np.array([0.4, 0.3, 0.15, 0.1, 0.05]), 12),
        (np.array([0.25, 0.25, 0.25, 0.25]), 3),
        (np.array([0.9, 0.1]), 3),
    ],
    law=_generator_law,
    extremes=[(np.array([0.004, 0.012, 0.984]), 2000), (np.array([0.5, 0.25, 0.25]), 90)],
    atol=0.0,
    misconceptions=[
        Misconception(
            "kinds independent of each other",
            _with_scatter(_alone),
            "The mean is right. For the scatter you took the kinds as independent. They are not: the pictures that are "
            "not of one kind are of the others, so that if one is missing the others are less likely to be.",
        ),
        Misconception(
            "each pair once",
            _with_scatter(lambda shares, count: (_alone(shares, count) + _missing(shares, count)[1] ** 2) / 2),
            "The mean is right. In the variance of a sum each pair of different kinds counts *twice*, as (i, j) and as "
            "(j, i).",
        ),
        Misconception(
            "a kind paired with itself",
            _with_scatter(_diagonal_kept),
            "The mean is right. Your sum over pairs holds each kind with itself, with 1 − 2p. A kind is missing "
            "together with itself as often as alone.",
        ),
        Misconception(
            "Poisson's scatter",
            _with_scatter(lambda shares, count: _missing(shares, count)[0]),
            "The mean is right. You took its root for the scatter, as for a Poisson number. There are only K kinds, "
            "and they are not independent.",
        ),
        Misconception(
            "scatter of a binomial",
            _with_scatter(
                lambda shares, count: _missing(shares, count)[0] * (1 - _missing(shares, count)[0] / len(shares))
            ),
            "The mean is right. You took the number for binomial, as if all kinds were missing equally often and "
            "independently.",
        ),
        Misconception(
            "variance",
            _with_scatter(lambda shares, count: _missing(shares, count)[1] ** 4),
            "The mean is right. You gave the variance; the standard deviation was asked for.",
        ),
        Misconception(
            "equal shares",
            _as_if_equal,
            "You reckoned as if all kinds had the same share. It is the rare ones that are missing.",
        ),
        Misconception(
            "Poisson counts",
            _with_absent(lambda shares, count: np.exp(-count * shares)),
            "You took e^(−np) for the probability that a kind is missing. That would be so if the number of pictures "
            "were a Poisson number as well; it is fixed.",
        ),
        Misconception(
            "in every picture",
            _with_absent(lambda shares, count: shares**count),
            "pⁿ is the probability that *all* pictures are of the kind. None of them is to be.",
        ),
        Misconception(
            "linear in count",
            _with_absent(lambda shares, count: np.maximum(1 - count * shares, 0)),
            "You took 1 − np for the probability that a kind is missing. The chances of the single pictures do not add "
            "up: two of them may be of that kind. Each picture misses it with 1 − p, independently.",
        ),
        Misconception(
            "expected less than once",
            _with_mean(lambda shares, count: float(np.sum(count * shares < 1))),
            "The scatter is right. For the mean you counted the kinds that are expected less than once. A kind that is "
            "expected once is still missing about every third time.",
        ),
        Misconception(
            "kinds that occur",
            _with_mean(lambda shares, count: len(shares) - _missing(shares, count)[0]),
            "The scatter is right. You gave how many kinds *do* occur.",
        ),
        Misconception(
            "share of the kinds",
            lambda shares, count: tuple(np.divide(_missing(shares, count), len(shares))),
            "You gave which *share* of the kinds is missing, and its scatter. Their number was asked for.",
        ),
        Misconception(
            "any kind missing",
            _with_mean(lambda shares, count: 1 - np.prod(1 - (1 - shares) ** count)),
            "The scatter is right. You gave (about) the probability that *some* kind is missing. The mean number of "
            "missing kinds was asked for.",
        ),
    ],
    hints=[
        "Write the number of missing kinds as a sum of K numbers that are 0 or 1, one for each kind. Of which is the "
        "mean easy?",
        "A kind is missing with the probability (1 − p)ⁿ. The K numbers are not independent: for the variance of a sum "
        "you also need how probable it is that two given kinds are *both* missing.",
        "Mean Σ (1 − p)ⁿ. With a = (1 − p)ⁿ the variance is Σ a(1 − a) plus, over all ordered pairs of different "
        "kinds, (1 − p_i − p_j)ⁿ − a_i · a_j.",
    ],
    praise="Look at this number before you accuse a generator: among few pictures a rare kind is missing even from the "
    "data.",
)

PROBLEMS = (next_question, cheapest_alarm, kinds_missed)
