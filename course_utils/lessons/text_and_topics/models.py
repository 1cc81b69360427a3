"""Lesson 13, text and topics: the corpus as the lesson splits it, and the models that its notebook and explorers share."""

import functools

import numpy as np
import torch
from sklearn.decomposition import LatentDirichletAllocation
from torch import Tensor

from course_utils.models import corpus, text, topics
from course_utils.models.corpus import CONTENT_WORDS, Corpus
from course_utils.workshop.model_cache import kept

LENGTH = 14
"""Columns of a table of sentences: START, at most twelve words, END."""

TOPIC_COUNTS = (2, 3, 5, 8)
"""How many topics the models of the topic explorer have."""

_EVERY = 5  # each fifth document is for tests


# --- the corpus -------------------------------------------------------------------------------------------------------


@functools.cache
def corpora() -> tuple[Corpus, Corpus]:
    """Return 2400 sentences (400 documents) to train on, and 600 (100 documents) to test on."""
    whole = corpus.make_corpus()
    kept_for_tests = whole.documents % _EVERY == 0
    return _part(whole, ~kept_for_tests), _part(whole, kept_for_tests)


def _part(whole: Corpus, chosen: np.ndarray) -> Corpus:
    """Return the chosen sentences (N,), with their documents numbered anew from 0."""
    numbers, documents = np.unique(whole.documents[chosen], return_inverse=True)
    sentences = tuple(sentence for sentence, here in zip(whole.sentences, chosen, strict=True) if here)
    return Corpus(sentences, whole.topics[chosen], documents, whole.proportions[numbers])


@functools.cache
def vocabulary() -> text.Vocabulary:
    """Return the vocabulary of the training sentences, the frequent words first."""
    return text.Vocabulary.of(corpora()[0].sentences)


@functools.cache
def tokens() -> tuple[Tensor, Tensor]:
    """Return the training and the test sentences as word numbers (2400, 14) and (600, 14)."""
    train, test = (vocabulary().encode(part.sentences, LENGTH) for part in corpora())
    return train, test


@functools.cache
def counts() -> tuple[Tensor, Tensor]:
    """Return the bags of the training and the test documents (400, V) and (100, V), of content words alone."""
    train, test = (topics.counts_of(part.sentences, CONTENT_WORDS, part.documents) for part in corpora())
    return train, test


def true_log_prob(sentences) -> np.ndarray:
    """Return log p (N,) of sentences under the grammar itself, in nats, with equally probable topics."""
    return np.logaddexp.reduce(corpus.sentence_log_joint(sentences), axis=1)


def counted(train: Tensor, test: Tensor, neighbours: int) -> Tensor:
    """Return log p (N,) of test sentences by counting words (`neighbours` 0) or pairs of neighbours (1), in nats.

    Counts of words are raised by 0.1. A pair's probability is a mixture, three parts counted pairs, one part words.
    """
    size = len(vocabulary())
    single = torch.bincount(train[:, 1:].flatten(), minlength=size).double() + 0.1
    single[[text.PAD, text.START]] = 0
    single /= single.sum()
    said, before = test[:, 1:], test[:, :-1]
    nats = single[said]
    if neighbours:
        pairs = torch.zeros(size, size).double()
        index = (train[:, :-1].flatten(), train[:, 1:].flatten())
        pairs.index_put_(index, torch.ones(len(index[0])).double(), accumulate=True)
        pairs[:, text.PAD] = 0
        seen = pairs.sum(1, keepdim=True)
        share = torch.where(seen > 0, pairs / seen.clamp(min=1), single)
        nats = 0.75 * share[before, said] + 0.25 * nats
    return torch.where(said != text.PAD, nats.clamp(min=1e-300).log(), 0.0).sum(1)


# --- topic models -----------------------------------------------------------------------------------------------------


@functools.cache
@kept
def topic_model(seed: int = 0, count: int = 5) -> topics.TopicModel:
    """Return a neural topic model of the training documents, with so many topics: a second or two, the first time."""
    documents = counts()[0]
    model = topics.TopicModel(len(CONTENT_WORDS), count, (), prior_scale=2.0, seed=seed).start_at_mean(documents)
    options = {"epochs": 300, "batch_size": 100, "learning_rate": 3e-2, "smoothing": 0.0, "progress": False}
    topics.fit_topics(model, documents, seed=seed, **options)
    return model.requires_grad_(False)


@functools.cache
def lda_topics(seed: int = 0, count: int = 5) -> np.ndarray:
    """Return the topics (K, V) that scikit-learn's latent Dirichlet allocation finds in the training documents."""
    lda = LatentDirichletAllocation(count, doc_topic_prior=0.2, max_iter=30, random_state=seed)
    table = lda.fit(counts()[0].numpy()).components_
    return table / table.sum(1, keepdims=True)


# --- models of sentences ----------------------------------------------------------------------------------------------

TRAINING = {"epochs": 12, "batch_size": 64, "learning_rate": 1e-2, "schedule": "one_cycle"}
"""How every model of sentences is trained."""


@functools.cache
@kept
def language_model(seed: int = 0) -> text.LanguageModel:
    """Return the GRU without a latent, trained on the training sentences: four seconds, the first time."""
    model = text.LanguageModel(len(vocabulary()), seed=seed)
    text.fit(model, tokens()[0], seed=seed, progress=False, **TRAINING)
    return model
