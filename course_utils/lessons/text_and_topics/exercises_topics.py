"""Lesson 13, text and topics: its exercises about documents, their words and their topics."""

import itertools

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- 13.1 -------------------------------------------------------------------------------------------------------------


def _bag(counts, z, topic_logits):
    log_theta = z - z.logsumexp(1, keepdim=True)
    log_beta = topic_logits - topic_logits.logsumexp(1, keepdim=True)
    return (counts * (log_theta.unsqueeze(2) + log_beta).logsumexp(1)).sum(1)


def _bag_by_torch(counts, z, topic_logits):
    dist = torch.distributions
    values = []
    for row, latent in zip(counts, z, strict=True):
        parts = dist.Categorical(logits=topic_logits)
        log_words = [
            dist.MixtureSameFamily(dist.Categorical(logits=latent), parts).log_prob(torch.tensor(word))
            for word in range(len(row))
        ]
        values.append(row @ torch.stack(log_words))
    return torch.stack(values)


def _bag_loop(counts, z, topic_logits):
    values = []
    for row, latent in zip(counts, z, strict=True):
        total = 0 * latent.sum()
        for word, count in enumerate(row):
            ways = latent.log_softmax(0) + topic_logits.log_softmax(1)[:, word]
            total = total + count * torch.logsumexp(ways, 0)
        values.append(total)
    return torch.stack(values)


def _bag_with(log_words_of, counts_of=lambda counts: counts):
    """Build a misconception from log p(word) (N, V), given z and the logits, and from what is done to the counts."""
    return lambda counts, z, topic_logits: (counts_of(counts) * log_words_of(z, topic_logits)).sum(1)


def _log_words(z, topic_logits):
    return (z.log_softmax(1)[:, :, None] + topic_logits.log_softmax(1)).logsumexp(1)


def _one_topic(counts, z, topic_logits):
    return (z.log_softmax(1) + counts @ topic_logits.log_softmax(1).T).logsumexp(1)


def _with_coefficient(counts, z, topic_logits):
    orders = torch.lgamma(counts.sum(1) + 1) - torch.lgamma(counts + 1).sum(1)
    return _bag(counts, z, topic_logits) + orders


def _bag_law(rng):
    """One to four documents, one to five topics, one to six words; counts with zeros, some documents empty."""
    documents, topics, words = rng.integers(1, 5), rng.integers(1, 6), rng.integers(1, 7)
    counts = rng.poisson(rng.choice([0.3, 2.0, 6.0]), (documents, words)).astype(float)
    z = rng.normal(0, rng.choice([0.5, 3.0]), (documents, topics))
    return torch.tensor(counts), torch.tensor(z), torch.tensor(rng.normal(0, 2, (topics, words)))


bag_log_prob = Exercise(
    name="bag_log_prob",
    arguments=("counts", "z", "topic_logits"),
    returns="log-probability",
    reference=_bag,
    spellings={"torch.distributions": _bag_by_torch, "loop": _bag_loop},
    probes=[
        (_tensor([2.0, 1.0]), _tensor([0.0, 0.0]), _tensor([0.0, 0.0], [3.0, -1.0])),
        (
            _tensor([3.0, 0.0, 1.0], [0.0, 2.0, 2.0]),
            _tensor([1.0, -0.5], [-2.0, 0.3]),
            _tensor([0.5, 0.0, -1.0], [-0.7, 1.2, 0.4]),
        ),
        (
            _tensor([1.0, 0.0, 4.0, 2.0], [0.0, 0.0, 0.0, 0.0], [5.0, 1.0, 1.0, 0.0]),
            _tensor([0.2, 1.5, -1.0], [0.0, 0.1, 0.2], [-0.3, 0.9, 2.0]),
            _tensor([1.0, -1.0, 0.3, 0.0], [2.0, 0.5, -0.5, 1.0], [-1.2, 0.8, 0.6, -0.4]),
        ),
    ],
    law=_bag_law,
    extremes=[
        (_tensor([2.0, 1.0]), _tensor([0.0, 0.5]), _tensor([0.0, -2000.0], [1.0, -1500.0])),
        (_tensor([1.0, 3.0, 0.0]), _tensor([900.0, -900.0]), _tensor([0.0, -1200.0, 1000.0], [0.5, 0.0, -0.5])),
    ],
    stable="log-softmax and log-sum-exp; no probability is computed",
    gradients=("z", "topic_logits"),
    misconceptions=[
        Misconception(
            "mean of the topics' logs",
            _bag_with(lambda z, logits: z.softmax(1) @ logits.log_softmax(1)),
            "You averaged the topics' log-probabilities. Then one topic that never says a word forbids it. A word "
            "comes from one of the topics, so its probabilities are averaged, and the logarithm comes after.",
        ),
        Misconception(
            "scores mixed",
            _bag_with(lambda z, logits: (z.softmax(1) @ logits).log_softmax(1)),
            "You mixed the topics' scores, and took the softmax of that. Such a model exists (ProdLDA): it multiplies "
            "topics where this one adds them up. Here each row becomes a topic first, and then topics are mixed.",
        ),
        Misconception(
            "one topic for the document",
            _one_topic,
            "In your model one topic is drawn for the whole document, and says all its words. Here every word may come "
            "from another topic: sum over the topics for each word, then multiply the words.",
        ),
        Misconception(
            "topics share a word",
            _bag_with(lambda z, logits: (z.log_softmax(1)[:, :, None] + logits.log_softmax(0)).logsumexp(1)),
            "Your softmax runs over the topics: each word is shared out among them, and a topic's words do not sum to "
            "1. A topic is a distribution over words, one row.",
        ),
        Misconception(
            "softmax over documents",
            _bag_with(lambda z, logits: (z.log_softmax(0)[:, :, None] + logits.log_softmax(1)).logsumexp(1)),
            "Your softmax of z runs over the documents. The topics of *one* document have to sum to 1.",
        ),
        Misconception(
            "with the multinomial coefficient",
            _with_coefficient,
            "You counted in how many orders the words may stand. That turns the probability of a text into that of its "
            "counts, and a perplexity for each word needs the former. (No parameter depends on the coefficient.)",
        ),
        Misconception(
            "log(1 + counts)",
            _bag_with(_log_words, torch.log1p),
            "You weighted words by log(1 + count). That is what the encoder reads, to see frequent words less large. "
            "In the likelihood every occurrence is a word, with a factor of its own.",
        ),
        Misconception(
            "occurs or not",
            _bag_with(_log_words, lambda counts: (counts > 0).to(counts)),
            "You counted each word once, however often it stands there. Ten occurrences are ten factors.",
        ),
        Misconception(
            "per word",
            _bag_with(_log_words, lambda counts: counts / counts.sum(1, keepdim=True).clamp(min=1)),
            "You divided by the length of each document. In the ELBO stands the whole document's log-probability, and "
            "against it the KL of the whole document.",
        ),
        Misconception(
            "words that are absent count",
            lambda counts, z, logits: (
                counts * _log_words(z, logits) + (counts == 0) * torch.log1p(-_log_words(z, logits).exp())
            ).sum(1),
            "You took each word for a coin, present or absent. Here each *place* in the text draws one word of V: a "
            "word that is absent is a word that no place has drawn, and has no factor of its own.",
        ),
    ],
    hints=(
        "What is the probability of one word of the document? It comes from topic 1 or topic 2 or …",
        "log p(word) is a log-sum-exp over the topics of log mixture + log topic, a table (N, V). Each word counts as "
        "often as it occurs.",
        "`torch.logsumexp(z.log_softmax(1)[:, :, None] + topic_logits.log_softmax(1), 1)`, times the counts, summed "
        "over the words.",
    ),
    praise="One term of the topic model's ELBO. Words are independent given the mixture, and only given it.",
)


# --- 13.2 -------------------------------------------------------------------------------------------------------------


def _rest(log_probs, words):
    """Nats (N,) for each word of the text without each of the documents."""
    return (log_probs - log_probs.sum()) / (words.sum() - words)


def _surprise(log_probs, words):
    return np.exp(-log_probs.sum() / words.sum()), _rest(log_probs, words).min() / np.log(2)


def _surprise_by_average(log_probs, words):
    bits = -log_probs / words / np.log(2)
    left = [np.average(np.delete(bits, n), weights=np.delete(words, n)) for n in range(len(words))]
    return 2 ** np.average(bits, weights=words), min(left)


def _surprise_loop(log_probs, words):
    nats, count = 0.0, 0
    for log_prob, length in zip(log_probs, words, strict=True):
        nats -= float(log_prob)
        count += int(length)
    left = []
    for log_prob, length in zip(log_probs, words, strict=True):
        left.append((nats + float(log_prob)) / (count - int(length)))
    return np.exp(nats / count), np.log2(np.exp(sorted(left)[0]))


def _without_each(measure, log_probs, words):
    """What a measure says of the text without each of its documents."""
    return [measure(np.delete(log_probs, n), np.delete(words, n)) for n in range(len(words))]


def _surprise_with(nats_of):
    """Build a misconception from the nats for each word, which both numbers use."""

    def answer(log_probs, words):
        return np.exp(nats_of(log_probs, words)), min(_without_each(nats_of, log_probs, words)) / np.log(2)

    return answer


def _struck(which):
    """Build a misconception from which document is struck out."""

    def answer(log_probs, words):
        return _surprise(log_probs, words)[0], _rest(log_probs, words)[which(log_probs, words)] / np.log(2)

    return answer


def _mean_perplexity(log_probs, words):
    return np.mean(np.exp(-log_probs / words))


def _mean_of_perplexities(log_probs, words):
    return _mean_perplexity(log_probs, words), np.log2(min(_without_each(_mean_perplexity, log_probs, words)))


def _words_stay(log_probs, words):
    return _surprise(log_probs, words)[0], ((log_probs - log_probs.sum()) / words.sum()).min() / np.log(2)


def _text_law(rng):
    """Two to six documents of one to forty words, some of equal length, each word between 0.3 and 6 nats."""
    documents = rng.integers(2, 7)
    words = rng.integers(1, 41, documents)
    words[rng.random(documents) < 0.2] = words[0]
    return -words * rng.uniform(0.3, 6, documents), words


text_perplexity = Exercise(
    name="text_perplexity",
    arguments=("log_probs", "words"),
    returns=("perplexity", "bits"),
    reference=_surprise,
    spellings={"average, in bits": _surprise_by_average, "loop": _surprise_loop},
    probes=[
        (np.array([-6.0, -40.0, -20.0]) * np.log(2), np.array([1, 10, 10])),
        (np.array([-100.0, -80.0, -36.0, -7.0]), np.array([100, 20, 30, 1])),
        (np.array([-40.0, -33.0]), np.array([11, 9])),
        (np.array([-7.0, -8.0, -30.0, -2.5]), np.array([5, 5, 5, 1])),
    ],
    law=_text_law,
    extremes=[(np.array([-80_000.0, -12_000.0]), np.array([11_000, 2_000]))],
    stable="divide the nats by the words before the exponential is taken",
    misconceptions=[
        Misconception(
            "for each document",
            _surprise_with(lambda log_probs, words: -np.mean(log_probs)),
            "You divided by the number of documents. That is the perplexity of a document, and grows with its length: "
            "texts of other lengths cannot be compared. Divide by the number of words.",
        ),
        Misconception(
            "mean of the documents' perplexities",
            _mean_of_perplexities,
            "You averaged the documents' perplexities. One odd short document then outweighs all others. Average nats, "
            "over the words, and take the exponential once.",
        ),
        Misconception(
            "documents count alike",
            _surprise_with(lambda log_probs, words: -np.mean(log_probs / words)),
            "You took the nats for each word in every document, and averaged over the documents. A document of one "
            "word then counts as much as one of a thousand. It is the perplexity of the *text*: all nats over all "
            "words.",
        ),
        Misconception(
            "none struck out",
            lambda log_probs, words: (_surprise(log_probs, words)[0], -log_probs.sum() / words.sum() / np.log(2)),
            "The perplexity is right. The second number is that of the whole text. One document may be struck out, the "
            "one without which the rest has the fewest bits for each word.",
        ),
        Misconception(
            "the most nats",
            _struck(lambda log_probs, words: np.argmin(log_probs)),
            "The perplexity is right. You struck out the document with the most nats. It may be long and easy, and "
            "then the rest is harder without it. Try each.",
        ),
        Misconception(
            "the most for each word",
            _struck(lambda log_probs, words: np.argmin(log_probs / words)),
            "The perplexity is right. You struck out the document that is most surprising for each word. A short one "
            "hardly weighs: what counts is what is left. Try each.",
        ),
        Misconception(
            "the longest",
            _struck(lambda log_probs, words: np.argmax(words)),
            "The perplexity is right. You struck out the longest document, whatever it costs. What counts is nats over "
            "words of what is left.",
        ),
        Misconception(
            "its words stay",
            _words_stay,
            "The perplexity is right. You took the document's nats away and left its words in the denominator. Struck "
            "out, it has neither.",
        ),
        Misconception(
            "the most is left",
            lambda log_probs, words: (_surprise(log_probs, words)[0], _rest(log_probs, words).max() / np.log(2)),
            "The perplexity is right. You left the most bits for each word. The fewest are asked for.",
        ),
        Misconception(
            "both of what is left",
            lambda log_probs, words: (np.exp(_rest(log_probs, words).min()), _surprise(log_probs, words)[1]),
            "The bits are right. Your perplexity is that of what is left, too. Asked for is that of the whole text, "
            "with all its documents.",
        ),
        Misconception(
            "2 to the nats",
            lambda log_probs, words: (2 ** (-log_probs.sum() / words.sum()), _surprise(log_probs, words)[1]),
            "The bits are right. For the perplexity you took 2 to the power of *nats*. Either 2 to the bits or e to "
            "the nats: both give the same number.",
        ),
        Misconception(
            "e to the bits",
            lambda log_probs, words: (
                np.exp(-log_probs.sum() / words.sum() / np.log(2)),
                _surprise(log_probs, words)[1],
            ),
            "The bits are right. For the perplexity you took e to the power of *bits*. Either e to the nats or 2 to "
            "the bits: both give the same number.",
        ),
        Misconception(
            "nats called bits",
            lambda log_probs, words: (_surprise(log_probs, words)[0], _rest(log_probs, words).min()),
            "The perplexity is right. The second number is in nats. A bit is log 2 of a nat, so there are more bits.",
        ),
        Misconception(
            "multiplied by log 2",
            lambda log_probs, words: (_surprise(log_probs, words)[0], _rest(log_probs, words).min() * np.log(2)),
            "The perplexity is right. You multiplied by log 2 where one divides. A bit is smaller than a nat, so there "
            "are more of them.",
        ),
        Misconception(
            "a typical length",
            _surprise_with(lambda log_probs, words: -np.mean(log_probs) / np.median(words)),
            "You divided by a typical length. The text has as many words as all its documents together.",
        ),
    ],
    hints=(
        "Without document n, how many nats are left, and how many words?",
        "(all nats − its nats) / (all words − its words), for each document; then the smallest.",
        "`rest = (log_probs - log_probs.sum()) / (words.sum() - words)`; return `np.exp(-log_probs.sum() / "
        "words.sum())` and `rest.min() / np.log(2)`.",
    ),
    praise="Neither the longest document nor the oddest need be the one that harms a text most. And whoever reports a "
    "perplexity says what was counted as a word.",
)


# --- 13.3 -------------------------------------------------------------------------------------------------------------


def _coherence(counts, top):
    present = (counts[:, top] > 0).astype(float)
    alone, joint = present.mean(0), present.T @ present / len(present)
    rows, columns = np.triu_indices(len(top), 1)
    together = joint[rows, columns]
    safe = np.where(together == 0, 0.5, together)
    return np.where(together == 0, -1.0, np.log(alone[rows] * alone[columns] / safe) / np.log(safe)).mean()


def _coherence_loop(counts, top):
    total = pairs = 0
    for i, j in itertools.combinations(top, 2):
        first, second = set(np.flatnonzero(counts[:, i])), set(np.flatnonzero(counts[:, j]))
        pairs += 1
        if not first & second:
            total -= 1
            continue
        bits = [-np.log2(len(found) / len(counts)) for found in (first, second, first & second)]
        total += (bits[0] + bits[1] - bits[2]) / bits[2]
    return total / pairs


def _coherence_torch(counts, top):
    there = torch.as_tensor(counts)[:, torch.as_tensor(top)].gt(0).double()
    joint = torch.einsum("ni,nj->ij", there, there) / there.shape[0]
    single = joint.diagonal()
    table = (joint / torch.outer(single, single)).log() / -joint.log()
    table = torch.where(joint == 0, torch.tensor(-1.0, dtype=joint.dtype), table)
    return table[torch.ones_like(table).triu(1).bool()].mean()


def _pairs_with(value_of, when_never=-1.0, chosen=None, shares_of=None):
    """Build a misconception: the value of a pair from (p_i, p_j, p_ij), what a pair that is never together counts,
    which pairs there are, and how the shares come about."""

    def answer(counts, top):
        alone, joint = (_shares_of_documents if shares_of is None else shares_of)(counts, top)
        pairs = itertools.combinations(range(len(top)), 2) if chosen is None else chosen(len(top))
        values = []
        for i, j in pairs:
            if joint[i, j] > 0:
                values.append(value_of(alone[i], alone[j], joint[i, j]))
            elif when_never is not None:
                values.append(when_never)
        return np.mean(values) if values else 0.0

    return answer


def _shares_of_documents(counts, top):
    present = (counts[:, top] > 0).astype(float)
    return present.mean(0), present.T @ present / len(present)


def _shares_of_tokens(counts, top):
    chosen = counts[:, top].astype(float)
    smaller = np.minimum(chosen[:, :, None], chosen[:, None]).sum(0)
    return chosen.sum(0) / counts.sum(), smaller / counts.sum()


def _shares_among_the_top(counts, top):
    kept = counts[np.any(counts[:, top] > 0, axis=1)]
    return _shares_of_documents(kept, top)


def _npmi(first, second, both):
    if both == 1:
        return 1.0
    return np.log(both / (first * second)) / -np.log(both)


def _smoothed(counts, top):
    """As many programs have it: a small number in the logarithms, and no special case."""
    alone, joint = _shares_of_documents(counts, top)
    values = []
    for i, j in itertools.combinations(range(len(top)), 2):
        both = joint[i, j] + 1e-12
        values.append(np.log(both / (alone[i] * alone[j] + 1e-12)) / -np.log(both))
    return np.mean(values)


def _umass(counts, top):
    alone, joint = _shares_of_documents(counts, top)
    pairs = list(itertools.combinations(range(len(top)), 2))
    with np.errstate(all="ignore"):
        return np.mean([np.log((joint[i, j] + 1 / len(counts)) / max(alone[i], 1 / len(counts))) for i, j in pairs])


def _corpus_law(rng):
    """Two to twelve documents, two to seven words, of which two or more are listed; no pair is in all documents."""
    while True:
        documents, words = rng.integers(2, 13), rng.integers(2, 8)
        theme = rng.random((documents, 1)) < 0.5
        rate = np.where(theme, rng.choice([0.4, 1.5]), rng.choice([0.1, 0.8]))
        counts = rng.poisson(rate, (documents, words))
        top = rng.permutation(words)[: rng.integers(2, words + 1)]
        _, joint = _shares_of_documents(counts, top)
        if np.max(joint[~np.eye(len(top), dtype=bool)]) < 1:
            return counts, top


coherence = Exercise(
    name="coherence",
    arguments=("counts", "top"),
    returns="coherence",
    reference=_coherence,
    spellings={"sets of documents": _coherence_loop, "torch": _coherence_torch},
    probes=[
        (np.array([[1, 2], [3, 1], [0, 0], [0, 0]]), np.array([0, 1])),
        (
            np.array([[2, 1, 0, 0], [1, 1, 1, 0], [0, 3, 0, 0], [0, 0, 1, 4], [1, 0, 0, 0], [0, 0, 0, 1]]),
            np.array([0, 1, 2]),
        ),
        (
            np.array(
                [[1, 0, 2, 1, 0], [1, 1, 0, 0, 0], [0, 2, 1, 1, 0], [0, 0, 0, 1, 1], [3, 1, 1, 0, 0], [0, 0, 1, 0, 2]]
            ),
            np.array([3, 0, 4, 2]),
        ),
        (np.array([[1, 0, 1], [0, 2, 0], [1, 0, 0]]), np.array([2, 1, 0])),
    ],
    law=_corpus_law,
    misconceptions=[
        Misconception(
            "PMI",
            _pairs_with(lambda first, second, both: np.log(both / (first * second))),
            "This is the mutual information of a pair without its normaliser (it is right for pairs that never meet). "
            "Rare words would have much larger values than frequent ones: divide by −log p_ij.",
        ),
        Misconception(
            "pairs that never meet are left out",
            _pairs_with(_npmi, when_never=None),
            "You left out the pairs that are never together. They are what an incoherent topic is full of: each counts "
            "as −1.",
        ),
        Misconception(
            "pairs that never meet count 0",
            _pairs_with(_npmi, when_never=0.0),
            "A pair that is never together counts 0 in your answer, as one of independent words does. It is the "
            "opposite of company: −1.",
        ),
        Misconception(
            "a small number in the logarithm",
            _smoothed,
            "You put a small number into the logarithms, as many programs do. A pair that never meets then gets "
            "about −0.9, and how much depends on your small number. Here it is −1, by rule.",
        ),
        Misconception(
            "a word with itself",
            _pairs_with(_npmi, chosen=lambda count: itertools.product(range(count), repeat=2)),
            "You averaged over the whole table, words with themselves included. Each of them has the value 1, and the "
            "shorter the list, the more they add.",
        ),
        Misconception(
            "neighbours in the list",
            _pairs_with(_npmi, chosen=lambda count: [(i, i + 1) for i in range(count - 1)]),
            "You took neighbours of the list alone. The order of the list means nothing: all pairs.",
        ),
        Misconception(
            "each word with the first",
            _pairs_with(_npmi, chosen=lambda count: [(0, j) for j in range(1, count)]),
            "You compared the words with the first one of the list alone. All pairs count, each once.",
        ),
        Misconception(
            "shares of words",
            _pairs_with(
                lambda first, second, both: np.log(both / (first * second)) / -np.log(both) if both < 1 else 1.0,
                shares_of=_shares_of_tokens,
            ),
            "You took shares of the words. A word that fills one document would look frequent. Counted are documents: "
            "it occurs in one or it does not.",
        ),
        Misconception(
            "documents of the topic alone",
            _pairs_with(_npmi, shares_of=_shares_among_the_top),
            "You left out the documents in which none of the words occurs. They say that the words keep away "
            "together, and count in all shares.",
        ),
        Misconception(
            "other normaliser",
            _pairs_with(
                lambda first, second, both: (
                    1.0 if first * second == 1 else np.log(both / (first * second)) / -np.log(first * second)
                )
            ),
            "You divided by −log(p_i p_j). The normaliser is −log p_ij: two words that are always together then reach "
            "1, however rare they are.",
        ),
        Misconception(
            "conditional probabilities",
            _umass,
            "This is another coherence (UMass), the log-probability of one word where the other is. It depends on the "
            "order of the list, and is never above 0 by much. Asked for is NPMI.",
        ),
    ],
    hints=(
        "First make a table of what is in which document: yes or no. Which shares can be read off it?",
        "For every pair i < j: p_i and p_j are means of columns, p_ij is the mean of their product. If p_ij is 0 the "
        "pair counts −1.",
        "`np.log(p_ij / (p_i * p_j)) / -np.log(p_ij)`, averaged over `itertools.combinations(range(len(top)), 2)`.",
    ),
    praise="Nobody trained on this number, and people's judgement of topics goes along with it, though not always. "
    "Report it beside diversity: five copies of one good topic are coherent too.",
)
