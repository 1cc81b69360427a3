"""Lesson 13, text and topics: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception

# --- three vocabularies -----------------------------------------------------------------------------------------------


def _fair(perplexities, tokens, unknowns, hidden, words):
    each = (tokens * np.log(perplexities) + unknowns * np.log(hidden)) / words
    return int(np.argmin(each)), np.exp(each)


def _fair_by_powers(perplexities, tokens, unknowns, hidden, words):
    fair = perplexities ** (tokens / words) * hidden ** (unknowns / words)
    return fair.argmin(), fair


def _fair_loop(perplexities, tokens, unknowns, hidden, words):
    bits = []
    for perplexity, length, gaps, choices in zip(perplexities, tokens, unknowns, hidden, strict=True):
        total = 0.0
        for _ in range(int(length)):
            total += np.log2(perplexity)
        bits.append((total + gaps * np.log2(choices)) / words)
    return bits.index(min(bits)), 2.0 ** np.array(bits)


def _fair_with(nats_of):
    """Build a misconception from the nats (M,) for each word of the text; the best model has the fewest."""

    def answer(perplexities, tokens, unknowns, hidden, words):
        nats = nats_of(np.log(perplexities), tokens, unknowns, hidden, words)
        return np.argmin(nats), np.exp(nats)

    return answer


def _chosen_by(order):
    """Build a misconception about the choice alone."""
    return lambda *arguments: (np.argmin(order(*arguments)), _fair(*arguments)[1])


def _models_law(rng):
    """One to five models of one text of 5 to 60 words: by word, by syllable, by letter, some with unknowns."""
    models, words = rng.integers(1, 6), int(rng.integers(5, 61))
    while True:
        length = rng.choice([1.0, 1.0, 1.6, 4.7], models)
        tokens = np.maximum(np.round(words * length * rng.uniform(0.95, 1.1, models)), 1).astype(int)
        unknowns = np.where(rng.random(models) < 0.5, rng.integers(0, words // 3 + 2, models), 0)
        unknowns = np.minimum(unknowns, tokens)
        hidden = np.where(unknowns > 0, rng.integers(1, 5000, models), 1)
        perplexities = np.exp(rng.uniform(2.5, 5, models) * words / tokens)
        fair = np.sort(_fair(perplexities, tokens, unknowns, hidden, words)[1])
        if models == 1 or fair[1] / fair[0] > 1.01:
            return perplexities, tokens, unknowns, hidden, words


fair_perplexities = Exercise(
    name="fair_perplexities",
    arguments=("perplexities", "tokens", "unknowns", "hidden", "words"),
    returns=("best", "perplexities"),
    reference=_fair,
    spellings={"powers": _fair_by_powers, "loop": _fair_loop},
    probes=[
        (np.array([32.0, 2.0]), np.array([10, 40]), np.array([0, 0]), np.array([1, 1]), 10),
        (np.array([60.0, 45.0, 3.0]), np.array([20, 20, 75]), np.array([0, 4, 0]), np.array([1, 500, 1]), 20),
        (np.array([80.0, 12.0, 30.0]), np.array([33, 50, 33]), np.array([2, 0, 9]), np.array([40, 1, 3000]), 30),
        (np.array([5.0]), np.array([20]), np.array([3]), np.array([7]), 12),
    ],
    law=_models_law,
    extremes=[
        (
            np.array([3.0, 150.0, 90.0]),
            np.array([50_000, 10_000, 10_000]),
            np.array([0, 0, 600]),
            np.array([1, 1, 200_000]),
            10_000,
        )
    ],
    stable="logarithms, divided by the number of words before the exponential",
    misconceptions=[
        Misconception(
            "as reported",
            _fair_with(lambda nats, tokens, unknowns, hidden, words: nats),
            "You compared the perplexities as they were reported. One is for each letter, another for each word: a "
            "letter is easier to guess. What did each model pay for the whole text?",
        ),
        Misconception(
            "unknowns for nothing",
            _fair_with(lambda nats, tokens, unknowns, hidden, words: nats * tokens / words),
            "The unknowns cost nothing in your answer beyond saying “unknown”. A model that knows no word would be the "
            "best of all. Charge what is left to guess.",
        ),
        Misconception(
            "unknowns left out",
            _fair_with(lambda nats, tokens, unknowns, hidden, words: nats * (tokens - unknowns) / words),
            "You left the unknowns out. They are words of the text as well: first the model says that one comes, then "
            "which it is.",
        ),
        Misconception(
            "guess for the token",
            _fair_with(
                lambda nats, tokens, unknowns, hidden, words: (
                    (nats * (tokens - unknowns) + unknowns * np.log(hidden)) / words
                )
            ),
            "You charged the guess in the place of the token “unknown”. The model had to say “unknown” first, and paid "
            "for that: both count.",
        ),
        Misconception(
            "times the tokens of a word",
            lambda perplexities, tokens, unknowns, hidden, words: (
                np.argmin(perplexities * tokens / words * hidden ** (unknowns / words)),
                perplexities * tokens / words * hidden ** (unknowns / words),
            ),
            "You multiplied the perplexity by the number of tokens in a word. Choices multiply: four letters with two "
            "choices each are 16, not 8. It is the *nats* that add up.",
        ),
        Misconception(
            "for each token",
            _fair_with(
                lambda nats, tokens, unknowns, hidden, words: (nats * tokens + unknowns * np.log(hidden)) / tokens
            ),
            "The unknowns are charged, and the sum is divided by each model's own tokens. Divide all by the same "
            "number, the words of the text.",
        ),
        Misconception(
            "guessed once",
            _fair_with(
                lambda nats, tokens, unknowns, hidden, words: (nats * tokens + (unknowns > 0) * np.log(hidden)) / words
            ),
            "You charged one guess for each model. There is one for each unknown in the text.",
        ),
        Misconception(
            "guessed without order",
            _fair_with(
                lambda nats, tokens, unknowns, hidden, words: (
                    (nats * tokens + np.where(unknowns > 0, np.log(np.maximum(unknowns * hidden, 1)), 0)) / words
                )
            ),
            "For u unknowns you counted u times as many possibilities as for one. Each of them can be any of the "
            "hidden words: the possibilities multiply.",
        ),
        Misconception(
            "2 to the nats",
            lambda *arguments: (_fair(*arguments)[0], 2 ** np.log(_fair(*arguments)[1])),
            "The best model is right. For the perplexities you took 2 to the power of nats. Where logarithms are "
            "natural ones, e belongs there.",
        ),
        Misconception(
            "best as reported",
            _chosen_by(lambda perplexities, tokens, unknowns, hidden, words: perplexities),
            "The perplexities are right. The best model is chosen by those that were reported. Choose by the fair "
            "ones.",
        ),
        Misconception(
            "the worst",
            _chosen_by(lambda *arguments: -_fair(*arguments)[1]),
            "The perplexities are right. You chose the largest: the model that is surprised most.",
        ),
    ],
    hints=[
        "What is the same for all models? The text. Which probability does each give to the *whole* text?",
        "A perplexity is e to the nats for each token, so the model paid tokens · log perplexity. An unknown still "
        "leaves the choice among the hidden words: log of their number, each time.",
        "nats = tokens · log(perplexities) + unknowns · log(hidden); the smallest is the best, and the perplexities "
        "for each word are exp(nats / words).",
    ],
    praise="Before two perplexities are compared, ask what was counted, and what the models did not have to say.",
)


# --- the interpreter's notes ------------------------------------------------------------------------------------------


def _notes(log_probs):
    own = log_probs.diagonal()
    total = special.logsumexp(log_probs, axis=1)
    return (own - total).mean() + np.log(len(own)), np.exp(own - total).mean()


def _notes_torch(log_probs):
    guesses = torch.as_tensor(log_probs).log_softmax(1).diagonal()
    return guesses.mean() + np.log(guesses.numel()), guesses.exp().mean()


def _notes_loop(log_probs):
    worth, found, count = 0.0, 0.0, log_probs.shape[0]
    for i, row in enumerate(log_probs):
        ratio = np.sum(np.exp(row - row.max())) / np.exp(row[i] - row.max()) if row[i] > row.max() - 700 else np.inf
        log_ratio = row.max() - row[i] + np.log(np.sum(np.exp(row - row.max())))
        worth += (np.log(count) - log_ratio) / count
        found += 1 / ratio / count
    return worth, found


def _notes_with(log_unknown_of):
    """Build a misconception from the log-probability of each speech for the person who is not told the note."""

    def answer(log_probs):
        return np.mean(np.diag(log_probs) - log_unknown_of(log_probs)), _notes(log_probs)[1]

    return answer


def _recognised(found_of):
    """Build a misconception about the second number alone."""
    return lambda log_probs: (_notes(log_probs)[0], found_of(log_probs))


def _others_only(log_probs):
    others = np.where(np.eye(len(log_probs), dtype=bool), -np.inf, log_probs)
    if len(log_probs) == 1:
        return log_probs.diagonal()
    return special.logsumexp(others, axis=1) - np.log(len(others) - 1)


def _mean_of_others(log_probs):
    count = len(log_probs)
    if count == 1:
        return log_probs.diagonal()
    return (log_probs.sum(axis=1) - log_probs.diagonal()) / (count - 1)


def _notes_by_columns(log_probs):
    return _notes(log_probs.T)


def _notes_law(rng):
    """One to seven speeches: notes that are read, hardly read, or misread; speeches of very different length."""
    speeches = rng.integers(1, 8)
    level = rng.uniform(-60, -5, (speeches, 1))
    table = level + rng.normal(0, rng.choice([0.3, 2.0]), (speeches, speeches))
    return (table + rng.choice([0.0, 1.0, 4.0]) * np.eye(speeches),)


worth_of_notes = Exercise(
    name="worth_of_notes",
    arguments=("log_probs",),
    returns=("nats", "recognised"),
    reference=_notes,
    spellings={"torch": _notes_torch, "loop": _notes_loop},
    probes=[
        (np.array([[-3.0, -3.0], [-7.0, -7.0]]),),
        (np.array([[-2.0, -4.0], [-6.0, -3.0]]),),
        (np.array([[-10.0, -12.0, -11.0], [-20.5, -21.0, -19.0], [-8.0, -9.5, -6.0]]),),
        (np.array([[-5.0]]),),
    ],
    law=_notes_law,
    extremes=[
        (np.array([[-2000.0, -2004.0, -2900.0], [-1500.0, -1100.0, -1400.0], [-3000.0, -3001.0, -2999.0]]),),
        (np.array([[-2000.0, -1000.0], [-1200.0, -1900.0]]),),
    ],
    stable="log-sum-exp of each row",
    misconceptions=[
        Misconception(
            "mean of the logarithms",
            _notes_with(lambda log_probs: log_probs.mean(axis=1)),
            "You averaged the log-probabilities over the notes. Who does not know the note averages *probabilities*; "
            "their logarithm is larger. One note that fits very badly would make all others look valuable.",
        ),
        Misconception(
            "mean of the others' logarithms",
            _notes_with(_mean_of_others),
            "You compared with the average log-probability under the other notes. The second person averages "
            "probabilities, over all notes: the right one may lie on the desk as well.",
        ),
        Misconception(
            "the others alone",
            _notes_with(_others_only),
            "You compared with a *wrong* note. Who is not told does not know that it is wrong: each of the N is "
            "equally likely, the right one too.",
        ),
        Misconception(
            "the best other note",
            _notes_with(
                lambda log_probs: (
                    np.where(np.eye(len(log_probs), dtype=bool), -np.inf, log_probs).max(axis=1)
                    if len(log_probs) > 1
                    else log_probs.diagonal()
                )
            ),
            "You compared with the best of the wrong notes. The second person does not pick one: all N are equally "
            "likely, and the probabilities are averaged.",
        ),
        Misconception(
            "the next note",
            _notes_with(lambda log_probs: np.roll(log_probs, -1, axis=1).diagonal()),
            "You compared each speech with one other note. Which one it is, is pure chance, and it is a wrong one. The "
            "second person holds all N for equally likely, the right one too.",
        ),
        Misconception(
            "number of notes forgotten",
            lambda log_probs: (
                np.mean(np.diag(log_probs) - special.logsumexp(log_probs, axis=1)),
                _notes(log_probs)[1],
            ),
            "You subtracted the sum over the notes. The average is smaller by log N: notes that are not read should be "
            "worth 0.",
        ),
        Misconception(
            "columns",
            _notes_by_columns,
            "You compared speeches for one note. Long speeches are less probable than short ones, with any note. Keep "
            "the speech, and compare notes: along a row.",
        ),
        Misconception(
            "one average for all",
            lambda log_probs: (
                np.mean(np.diag(log_probs)) - special.logsumexp(log_probs) + 2 * np.log(len(log_probs)),
                _notes(log_probs)[1],
            ),
            "You averaged the probabilities over the whole table first. Then the shortest speech decides. Compare for "
            "each speech by itself, and average in the end.",
        ),
        Misconception(
            "ratio for its logarithm",
            lambda log_probs: (
                len(log_probs) * np.mean(np.exp(np.diag(log_probs) - special.logsumexp(log_probs, axis=1))),
                _notes(log_probs)[1],
            ),
            "The first number is the average ratio of the two probabilities. Asked for are nats: its logarithm for "
            "each speech, then averaged.",
        ),
        Misconception(
            "how often the own note is the likeliest",
            _recognised(lambda log_probs: np.mean(log_probs.argmax(axis=1) == np.arange(len(log_probs)))),
            "The first number is right. The second counts how often the own note is the likeliest. Asked for is the "
            "probability that the person gives it, averaged: a guess that is nearly even counts as such.",
        ),
        Misconception(
            "geometric mean",
            _recognised(lambda log_probs: np.exp(np.mean(np.diag(log_probs) - special.logsumexp(log_probs, axis=1)))),
            "The first number is right. For the second you averaged logarithms and then took the exponential. Average "
            "the probabilities themselves.",
        ),
        Misconception(
            "recognised by columns",
            _recognised(lambda log_probs: np.mean(np.diag(special.softmax(log_probs, axis=0)))),
            "The first number is right. For the second you normalised over the speeches. The speech was heard, and the "
            "note is asked for: over the notes.",
        ),
    ],
    hints=[
        "What does the second person, who knows all notes but not which one is on the desk, hold for the probability "
        "of a speech?",
        "The average of the probabilities along a row, as a log-sum-exp minus log N. The first person has the "
        "diagonal. Afterwards the second one uses Bayes' rule with equal prior probabilities.",
        "own = diagonal, total = logsumexp along the rows: the mean of own − total + log N, and the mean of "
        "exp(own − total).",
    ],
    praise="If a decoder ignores its code, the answer is 0 nats. Log N is the most that N notes can show.",
)


# --- one cook or many -------------------------------------------------------------------------------------------------


def _cooks(counts, shares, habits):
    scores = np.log(habits) @ counts + np.log(shares)
    alone = special.logsumexp(scores)
    return special.expit(alone - counts @ np.log(shares @ habits)), np.exp(scores - alone)


def _cooks_torch(counts, shares, habits):
    counts, shares, habits = (torch.as_tensor(part, dtype=torch.float64) for part in (counts, shares, habits))
    order = torch.distributions.Multinomial(1, logits=habits.log()).logits @ counts + shares.log()
    many = torch.sum(counts * torch.einsum("k,kv->v", shares, habits).log())
    return torch.stack([order.logsumexp(0), many]).softmax(0)[0], order.softmax(0)


def _cooks_loop(counts, shares, habits):
    """Dish by dish: what one cook's dishes so far say about him, against fresh cooks."""
    belief, odds = np.log(shares), 0.0
    for dish, count in enumerate(counts):
        for _ in range(int(count)):
            level = special.logsumexp(belief + np.log(habits[:, dish]))
            odds += level - np.log(np.sum(shares * habits[:, dish]))
            belief = belief + np.log(habits[:, dish]) - level
    return 0.5 + 0.5 * np.tanh(odds / 2), np.exp(belief)


def _cooks_with(alone_of=None, many_of=None, who_of=None):
    """Build a misconception from both log-probabilities of the order and from each cook's probability."""

    def answer(counts, shares, habits):
        scores = np.log(habits) @ counts + np.log(shares)
        alone = special.logsumexp(scores) if alone_of is None else alone_of(counts, shares, habits)
        many = counts @ np.log(shares @ habits) if many_of is None else many_of(counts, shares, habits)
        who = special.softmax(scores) if who_of is None else who_of(counts, shares, habits)
        return special.expit(alone - many), who

    return answer


def _coefficient(counts):
    return special.gammaln(counts.sum() + 1) - special.gammaln(counts + 1).sum()


def _kitchen_law(rng):
    """One to four cooks, one to five dishes, an order of nothing to a dozen dishes; cooks alike or unlike."""
    cooks, dishes = rng.integers(1, 5), rng.integers(1, 6)
    counts = rng.poisson(rng.choice([0.4, 2.0]), dishes)
    habits = np.maximum(rng.dirichlet(np.full(dishes, rng.choice([0.5, 4.0])), cooks), 1e-3)
    shares = np.maximum(rng.dirichlet(np.full(cooks, 2.0)), 0.02)
    return counts, shares / shares.sum(), habits / habits.sum(axis=1, keepdims=True)


one_or_many = Exercise(
    name="one_or_many",
    arguments=("counts", "shares", "habits"),
    returns=("one", "who"),
    reference=_cooks,
    spellings={"torch": _cooks_torch, "dish by dish": _cooks_loop},
    probes=[
        (np.array([2, 0]), np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]])),
        (np.array([1, 3, 1]), np.array([0.7, 0.3]), np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])),
        (
            np.array([2, 1, 0, 2]),
            np.array([0.2, 0.5, 0.3]),
            np.array([[0.6, 0.2, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.3, 0.2]]),
        ),
    ],
    law=_kitchen_law,
    extremes=[
        (np.array([1500, 900]), np.array([0.5, 0.5]), np.array([[0.6, 0.4], [0.3, 0.7]])),
        (np.array([1000, 1000]), np.array([0.3, 0.7]), np.array([[0.999, 0.001], [0.001, 0.999]])),
    ],
    stable="logarithms throughout, and a log-sum-exp over the cooks",
    misconceptions=[
        Misconception(
            "a cook for each kind of dish",
            _cooks_with(
                many_of=lambda counts, shares, habits: special.logsumexp(
                    np.log(shares)[:, None] + counts * np.log(habits), axis=0
                ).sum()
            ),
            "In your second case one cook makes all dishes of a kind. Each *dish* has a cook of its own there, also "
            "when two are alike: the average habit, to the power of the count.",
        ),
        Misconception(
            "shares for every dish",
            lambda counts, shares, habits: (
                lambda scores: (
                    special.expit(special.logsumexp(scores) - counts @ np.log(shares @ habits)),
                    special.softmax(scores),
                )
            )(np.log(habits) @ counts + counts.sum() * np.log(shares)),
            "You paid a cook's share once for every dish, also where one cook makes them all. He is chosen once, and "
            "then cooks.",
        ),
        Misconception(
            "shares left out",
            lambda counts, shares, habits: _cooks(counts, np.full(len(shares), 1 / len(shares)), habits),
            "You treated all cooks alike. They are chosen with the probability of their shares, once or for every "
            "dish.",
        ),
        Misconception(
            "the likeliest cook",
            _cooks_with(alone_of=lambda counts, shares, habits: (np.log(habits) @ counts + np.log(shares)).max()),
            "For one cook you took the likeliest one. It may have been any of them: sum over the cooks.",
        ),
        Misconception(
            "mean of the logarithms",
            _cooks_with(alone_of=lambda counts, shares, habits: shares @ (np.log(habits) @ counts)),
            "For one cook you averaged log-probabilities. The order's probability is the average of *probabilities*, "
            "one for each cook.",
        ),
        Misconception(
            "mean of the logarithms for every dish",
            _cooks_with(many_of=lambda counts, shares, habits: counts @ (shares @ np.log(habits))),
            "For many cooks you averaged the logarithms of their habits. A dish is made by one of them: average the "
            "habits, then take the logarithm.",
        ),
        Misconception(
            "orders counted on one side",
            _cooks_with(many_of=lambda counts, shares, habits: counts @ np.log(shares @ habits) + _coefficient(counts)),
            "You counted for many cooks in how many orders the dishes can come, and for one cook you did not. It is "
            "the same number in both cases and cancels.",
        ),
        Misconception(
            "the dishes as many independent clues",
            _cooks_with(
                who_of=lambda counts, shares, habits: (
                    counts @ (shares[:, None] * habits / (shares @ habits)).T / counts.sum() if counts.sum() else shares
                )
            ),
            "The first number is right. For each cook you averaged his probability dish by dish: that is his part of "
            "the work if there were many. If it was one, all dishes are evidence about the *same* cook, and multiply.",
        ),
        Misconception(
            "cooks without their shares",
            _cooks_with(who_of=lambda counts, shares, habits: special.softmax(np.log(habits) @ counts)),
            "The first number is right. The cooks' probabilities lack their shares: who does most of the work is the "
            "likelier one to begin with.",
        ),
        Misconception(
            "cooks, whether one or many",
            _cooks_with(
                who_of=lambda counts, shares, habits: (
                    _cooks(counts, shares, habits)[0] * _cooks(counts, shares, habits)[1]
                )
            ),
            "The first number is right. The cooks' probabilities are multiplied by it: they are asked for *supposing* "
            "that it was one, and sum to 1.",
        ),
        Misconception(
            "ordered or not",
            lambda counts, shares, habits: _cooks((counts > 0).astype(int), shares, habits),
            "You counted every kind of dish once. Three soups are three clues.",
        ),
        Misconception(
            "probability of the order",
            lambda counts, shares, habits: (
                np.exp(special.logsumexp(np.log(habits) @ counts + np.log(shares))),
                _cooks(counts, shares, habits)[1],
            ),
            "The first number is how probable the order is if one cook makes it. Asked for is how probable one cook "
            "is, after the order was seen: Bayes' rule, with both ways equally likely before.",
        ),
        Misconception(
            "odds",
            lambda counts, shares, habits: (
                np.exp(min(special.logit(_cooks(counts, shares, habits)[0]), 700.0)),
                _cooks(counts, shares, habits)[1],
            ),
            "The first number is the ratio of the two probabilities of the order. Asked for is the probability that it "
            "was one cook: a/(a + b).",
        ),
    ],
    hints=[
        "Write down the probability of two soups in both cases. Where does the sum over the cooks stand, and where the "
        "product over the dishes?",
        "One cook: a sum over cooks of share times a product over dishes. Many: a product over dishes of the average "
        "habit. Then Bayes' rule, for one against many and for the cooks.",
        "scores = log(shares) + log(habits) @ counts; one = logsumexp(scores), many = counts @ log(shares @ habits); "
        "return 1/(1 + exp(many − one)) and exp(scores − one).",
    ],
    praise="A mixture of topics against a topic for every word: the same numbers in both, and only the place of the "
    "sum differs.",
)

PROBLEMS = (fair_perplexities, worth_of_notes, one_or_many)
