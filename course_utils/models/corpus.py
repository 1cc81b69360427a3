"""A generated corpus with known topics: short English sentences from a small grammar, and their exact probabilities.

A sentence has one of five topics. First a template is drawn, such as "DET PERSON PAST the OBJECT", the same way in all
topics; then, for each slot, a word: with probability 0.85 one of the topic's own words, the earlier in its list the
likelier, else one that all topics share. Some words belong to several topics: a *bow* is on a boat and in a
violinist's hand. A document is a few sentences whose topics are drawn from its own proportions, θ ~ Dirichlet.

Because the grammar is known, so is everything else: log p(sentence), p(topic | sentence), and what a topic's words are.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from course_utils.workshop.validation import check_scalar

TOPICS = ("kitchen", "harbour", "orchestra", "garden", "sky")

OWN = 0.85
"""Probability that a slot is filled with one of the topic's own words."""

_WORDS = {
    "kitchen": {
        "PERSON": "cook baker chef waiter butcher grandmother",
        "VERB": "stir/stirred bake/baked taste/tasted slice/sliced boil/boiled season/seasoned serve/served "
        "peel/peeled weigh/weighed burn/burned",
        "OBJECT": "soup bread onion sauce cake dough pepper butter stock potato scale spoon pan egg flour plate salt "
        "pumpkin",
        "ADJECTIVE": "hot sweet fresh salty crisp bitter thick spicy sour golden",
        "PLACE": "kitchen oven bakery pantry cellar restaurant table",
    },
    "harbour": {
        "PERSON": "sailor captain fisherman pilot diver admiral",
        "VERB": "steer/steered load/loaded anchor/anchored row/rowed repair/repaired tow/towed catch/caught "
        "launch/launched pull/pulled moor/moored",
        "OBJECT": "boat sail net rope anchor ship fish mast bow chart oar cargo buoy rudder ferry lantern scale crab",
        "ADJECTIVE": "wooden salty heavy stormy wet rusty deep calm narrow loose",
        "PLACE": "harbour pier lighthouse deck coast river dock",
    },
    "orchestra": {
        "PERSON": "violinist conductor singer pianist composer drummer",
        "VERB": "play/played tune/tuned rehearse/rehearsed sing/sang hear/heard conduct/conducted record/recorded "
        "practise/practised hum/hummed compose/composed",
        "OBJECT": "violin melody song piano bow concert flute drum scale trumpet chord opera note harp waltz sonata "
        "record star",
        "ADJECTIVE": "loud quiet slow sad famous gentle sharp golden joyful solemn",
        "PLACE": "stage theatre orchestra studio balcony chapel pit",
    },
    "garden": {
        "PERSON": "gardener farmer botanist neighbour beekeeper florist",
        "VERB": "plant/planted water/watered cut/cut dig/dug pick/picked prune/pruned grow/grew rake/raked sow/sowed "
        "peel/peeled",
        "OBJECT": "rose tree seed apple hedge weed tulip lawn pumpkin potato bush bee branch herb onion leaf spade "
        "root",
        "ADJECTIVE": "green fresh wild dry thorny ripe muddy tall sweet shady",
        "PLACE": "garden greenhouse orchard meadow fence shed pond",
    },
    "sky": {
        "PERSON": "astronomer pilot astronaut physicist stargazer engineer",
        "VERB": "observe/observed measure/measured discover/discovered photograph/photographed follow/followed "
        "launch/launched name/named map/mapped track/tracked record/recorded",
        "OBJECT": "star planet comet moon telescope rocket galaxy satellite chart lens orbit crater meteor eclipse "
        "signal probe nebula cloud",
        "ADJECTIVE": "distant bright dark faint cold calm huge round invisible silent",
        "PLACE": "observatory tower desert horizon dome laboratory balcony",
    },
}
_SHARED = {
    "PERSON": "woman man child stranger",
    "VERB": "see/saw find/found need/needed show/showed",
    "OBJECT": "box book letter picture",
    "ADJECTIVE": "old new small good",
    "PLACE": "house room yard corner",
}
_FUNCTION = {
    "DET": {"the": 0.5, "our": 0.2, "this": 0.15, "every": 0.15},
    "PREP": {"in": 0.3, "near": 0.3, "behind": 0.2, "beside": 0.2},
    "TIME": {"yesterday": 0.4, "today": 0.3, "suddenly": 0.3},
    "SOON": {"soon": 0.4, "tomorrow": 0.4, "again": 0.2},
}
TEMPLATES = {
    "DET PERSON PAST the OBJECT": 0.14,
    "DET ADJECTIVE PERSON PAST the OBJECT": 0.12,
    "DET PERSON PAST DET ADJECTIVE OBJECT": 0.12,
    "DET PERSON PAST the OBJECT PREP the PLACE": 0.12,
    "TIME DET PERSON PAST the OBJECT": 0.10,
    "DET OBJECT PREP the PLACE was ADJECTIVE": 0.08,
    "did the PERSON BASE the OBJECT": 0.08,
    "DET PERSON will BASE DET OBJECT SOON": 0.08,
    "nobody PAST the OBJECT and the OBJECT": 0.06,
    "DET PERSON and DET PERSON PAST the OBJECT": 0.05,
    "PREP the PLACE the PERSON must BASE the ADJECTIVE OBJECT": 0.05,
}
"""How sentences are built, and how often: words in capitals are slots."""

Sentence = Sequence[str]


class Corpus(NamedTuple):
    """Sentences, and what a learner does not see.

    Attributes
    ----------
    sentences : N sentences, each a tuple of words.
    topics : (N,) int64, the place in `TOPICS` of each sentence's topic.
    documents : (N,) int64, to which document each sentence belongs, from 0.
    proportions : (D, K) float64, from which each document's topics were drawn.
    """

    sentences: tuple[tuple[str, ...], ...]
    topics: np.ndarray
    documents: np.ndarray
    proportions: np.ndarray


def make_corpus(sentences: int = 3000, *, seed: int = 0, per_document: int = 6, concentration: float = 0.1) -> Corpus:
    """Return sentences of at most 12 words, and their topics and documents; the same ones for the same seed.

    Parameters
    ----------
    sentences : N.
    seed : for all that is drawn.
    per_document : sentences in a document; the last one may have fewer.
    concentration : of the symmetric Dirichlet distribution of proportions. Small: documents with mostly one topic.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    count = check_scalar("sentences", sentences, integer=True, minimum=1)
    size = check_scalar("per_document", per_document, integer=True, minimum=1)
    concentration = check_scalar("concentration", concentration, positive=True)
    rng = np.random.default_rng(check_scalar("seed", seed, integer=True, non_negative=True))
    documents = np.arange(count) // size
    proportions = rng.dirichlet(np.full(len(TOPICS), concentration), documents[-1] + 1)
    cumulative = np.cumsum(proportions, axis=1).tolist()
    topics = np.array([_chosen(cumulative[document], rng) for document in documents])
    return Corpus(tuple(_sentence(topic, rng) for topic in topics), topics, documents, proportions)


def split(corpus: Corpus, every: int = 5) -> tuple[Corpus, Corpus]:
    """Return a corpus in two parts: without every fifth document, and every fifth document. Documents stay whole.

    In each part documents are numbered anew, from 0.

    Raises
    ------
    TypeError, ValueError : `every` is no whole number from 2 to the number of documents.
    """
    every = check_scalar("every", every, integer=True, minimum=2, maximum=len(corpus.proportions))
    held_out = np.arange(len(corpus.proportions)) % every == 0
    parts = []
    for chosen in (~held_out, held_out):
        rows = np.flatnonzero(chosen[corpus.documents])
        numbers = np.cumsum(chosen) - 1
        sentences = tuple(corpus.sentences[row] for row in rows)
        documents = numbers[corpus.documents[rows]]
        parts.append(Corpus(sentences, corpus.topics[rows], documents, corpus.proportions[chosen]))
    return parts[0], parts[1]


def sentences_about(topic: str, count: int, *, seed: int = 0) -> tuple[tuple[str, ...], ...]:
    """Return `count` sentences of one of the `TOPICS`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    count = check_scalar("count", count, integer=True, minimum=1)
    rng = np.random.default_rng(check_scalar("seed", seed, integer=True, non_negative=True))
    return tuple(_sentence(_number(topic), rng) for _ in range(count))


def sentence_log_joint(sentences: Iterable[Sentence]) -> np.ndarray:
    """Return the exact log p(sentence, topic) (N, K) in nats, with equally probable topics.

    The sum over templates is carried out: log-sum-exp over the last axis is log p(sentence), and what it leaves is
    p(topic | sentence). A sentence that the grammar does not make has −∞ everywhere.
    """
    return np.array([_log_joint(tuple(sentence)) for sentence in sentences]).reshape(-1, len(TOPICS))


def word_table(words: Sequence[str] | None = None) -> np.ndarray:
    """Return p(word | topic) (K, V) for content words, as the grammar has it: the topics to be found.

    Parameters
    ----------
    words : the columns, by default `CONTENT_WORDS`. Other words of the topics are left out, and rows sum to 1.

    Raises
    ------
    ValueError : a topic has none of the words.
    """
    columns = {word: column for column, word in enumerate(CONTENT_WORDS if words is None else words)}
    table = np.zeros((len(TOPICS), len(columns)))
    for row in range(len(TOPICS)):
        for template, weight in TEMPLATES.items():
            for slot in template.split():
                for word, probability in _slot(slot, row).items():
                    if word in columns:
                        table[row, columns[word]] += weight * probability
    function = [column for word, column in columns.items() if word in _FUNCTION_WORDS]
    table[:, function] = 0
    if not (total := table.sum(1)).all():
        raise ValueError(f"no word of the topic {TOPICS[int(np.argmin(total))]!r} is among the words")
    return table / total[:, None]


# --- the grammar ------------------------------------------------------------------------------------------------------


def _number(topic: str) -> int:
    if topic not in TOPICS:
        raise ValueError(f"topic must be one of {', '.join(TOPICS)}; got {topic!r}")
    return TOPICS.index(topic)


@functools.cache
def _slot(slot: str, topic: int) -> dict[str, float]:
    """Return the words, and their probabilities, of one place of a template in one topic."""
    if slot in _FUNCTION:
        return _FUNCTION[slot]
    kind, form = ("VERB", slot == "PAST") if slot in ("PAST", "BASE") else (slot, None)
    if kind not in _SHARED:
        return {slot: 1.0}
    probabilities: dict[str, float] = {}
    for lists, total in ((_WORDS[TOPICS[topic]], OWN), (_SHARED, 1 - OWN)):
        words = [word if form is None else word.split("/")[form] for word in lists[kind].split()]
        weights = np.arange(3, 3 + len(words)) ** -1.0  # 1/3, 1/4, …: some words are rarer, none is rare
        for word, weight in zip(words, total * weights / weights.sum(), strict=True):
            probabilities[word] = probabilities.get(word, 0.0) + float(weight)
    return probabilities


def _chosen(cumulative: Sequence[float], rng: np.random.Generator) -> int:
    """Return one place, drawn by inversion from sums of probabilities."""
    return min(bisect.bisect_right(cumulative, rng.random() * cumulative[-1]), len(cumulative) - 1)


@functools.cache
def _choices(slot: str, topic: int) -> tuple[tuple[str, ...], list[float]]:
    """Return the words of a slot, and the sums of their probabilities up to each."""
    choices = _slot(slot, topic)
    return tuple(choices), list(itertools.accumulate(choices.values()))


def _sentence(topic: int, rng: np.random.Generator) -> tuple[str, ...]:
    template = list(TEMPLATES)[_chosen(list(itertools.accumulate(TEMPLATES.values())), rng)]
    words = []
    for slot in template.split():
        choices, cumulative = _choices(slot, topic)
        words.append(choices[0] if len(choices) == 1 else choices[_chosen(cumulative, rng)])
    return tuple(words)


@functools.cache
def _log_joint(sentence: tuple[str, ...]) -> tuple[float, ...]:
    totals = np.zeros(len(TOPICS))
    for template, weight in TEMPLATES.items():
        slots = template.split()
        if len(slots) == len(sentence):
            for topic in range(len(TOPICS)):
                pairs = zip(slots, sentence, strict=True)
                totals[topic] += weight * math.prod(_slot(slot, topic).get(word, 0.0) for slot, word in pairs)
    with np.errstate(divide="ignore"):
        return tuple(np.log(totals / len(TOPICS)).tolist())


_SLOTS = ("PERSON", "PAST", "BASE", "OBJECT", "ADJECTIVE", "PLACE")
CONTENT_WORDS = tuple(sorted({word for topic in range(len(TOPICS)) for slot in _SLOTS for word in _slot(slot, topic)}))
"""All words that fill the slots of a topic; the others, such as "the" and "nobody", say nothing about it."""

_FUNCTION_WORDS = {
    word for template in TEMPLATES for slot in template.split() if slot not in _SLOTS for word in _slot(slot, 0)
}
