"""Lesson 13, text and topics: the corpus as the lesson splits it, and the models that notebook and explorers share."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.naive_bayes import MultinomialNB
from torch import Tensor

from course_utils.models import corpus, text, topics
from course_utils.models.corpus import CONTENT_WORDS, TOPICS, Corpus
from course_utils.workshop.data import data_file
from course_utils.workshop.model_cache import kept

LENGTH = 14
"""Columns of a table of sentences: START, at most twelve words, END."""

TOPIC_COUNTS = (2, 3, 5, 8)
"""How many topics the models of the topic explorer have."""

# --- the corpus -------------------------------------------------------------------------------------------------------


@functools.cache
def corpora() -> tuple[Corpus, Corpus]:
    """Return 2400 sentences (400 documents) to train on, and 600 (100 documents) to test on."""
    return corpus.split(corpus.make_corpus())


@functools.cache
def vocabulary() -> text.Vocabulary:
    """Return the vocabulary of the whole corpus, the frequent words first."""
    return text.Vocabulary.of(corpus.make_corpus().sentences)


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
    model = topics.TopicModel(len(CONTENT_WORDS), count, (), prior_scale=3.0, seed=seed).start_at_mean(documents)
    options = {"epochs": 300, "batch_size": 100, "learning_rate": 3e-2, "smoothing": 0.0, "progress": False}
    topics.fit_topics(model, documents, seed=seed, **options)
    return model.requires_grad_(False)


@functools.cache
def lda_topics(seed: int = 0, count: int = 5) -> np.ndarray:
    """Return the topics (K, V) that scikit-learn's latent Dirichlet allocation finds in the training documents."""
    lda = LatentDirichletAllocation(count, doc_topic_prior=0.1, max_iter=30, random_state=seed)
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


@functools.cache
@kept
def _told(seed: int) -> text.LanguageModel:
    train, _ = corpora()
    model = topic_model(seed)
    bags = topics.counts_of(train.sentences, CONTENT_WORDS)
    given = topics.context_proportions(model, bags, train.documents)
    told = text.LanguageModel(len(vocabulary()), context_dim=len(TOPICS), seed=seed)
    text.fit(told, tokens()[0], given, seed=seed, progress=False, **TRAINING)
    return told


def told_model(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Return log p(sentence | topic) (N, 5) as a function of tokens (N, T), of a GRU that is given proportions.

    It was trained with the proportions that `topic_model` finds in the other sentences of each document, and is asked
    with all weight on one topic; the topics are in the topic model's order. Three seconds, the first time.
    """
    told = _told(seed)

    @torch.no_grad()
    def log_probs(sentences: Tensor) -> Tensor:
        rows = torch.eye(len(TOPICS))
        return torch.stack([told.log_prob(sentences, row.expand(len(sentences), -1)) for row in rows], 1)

    return log_probs


# --- what was recorded ------------------------------------------------------------------------------------------------

RECORD, GRID, WEIGHTS = "text_runs.safetensors", "text_grid.safetensors", "text_models.safetensors"
_COLUMNS = ("train bound", "bound", "log p", "kl", "read", "rewritten", "steered", "grammatical")
RUNS = (
    "GRU",
    "GRU, given the topics",
    "plain",
    "warm-up",
    "free bits",
    "free bits, GRU encoder",
    "free bits, reflections",
    "word dropout",
    "without words",
    "topic prior",
    "topic prior, warm-up",
    "topic prior, learned",
)
"""What `tools/train_text_lesson.py` trained, in the order in which the lesson shows it."""

SHOWN = ("plain", "free bits", "topic prior, warm-up")
"""VAEs whose weights come with the course."""

LATENTS = 16


@functools.cache
def text_runs() -> dict[str, dict[str, np.ndarray]]:
    """Return by model, then by measure, what `tools/train_text_lesson.py` measured: one number a seed.

    "perplexity" is that of unseen sentences, by importance sampling where there is a latent; "bound perplexity" is
    that of the bound, "kl" in nats a sentence. "read" is the share of unseen sentences whose topic a logistic
    regression names from one draw of q, or the language model by Bayes' rule; "rewritten" that of sentences that the
    decoder writes again about the same topic; "steered" that of sentences to order that are about what was ordered,
    "grammatical" that the grammar could have made. "curve" is the KL (seeds, epochs + 1). What a model does not have
    is NaN.
    """
    arrays = load_file(data_file(RECORD))
    runs = {}
    for name in RUNS:
        table = arrays[name].double().numpy()
        run = dict(zip(_COLUMNS, table.T, strict=True))
        length = arrays["tokens"].double().numpy()
        run["perplexity"] = np.exp(-run["log p"] / length[1])
        run["bound perplexity"] = np.exp(-run["bound"] / length[1])
        run["train perplexity"] = np.exp(-run["train bound"] / length[0])
        if f"curve {name}" in arrays:
            run["curve"] = arrays[f"curve {name}"].numpy()
        runs[name] = run
    return runs


@functools.cache
def cure_runs() -> dict[tuple[str, str], dict]:
    """Return by epochs of warm-up and free nats a latent the KL's "curve", and "kl" and "perplexity" at the end."""
    arrays = load_file(data_file(GRID))
    length = text.predicted(tokens()[1]).double().mean().item()
    warm_ups, floors = (arrays[key].tolist() for key in ("warm-ups", "floors"))
    runs = {}
    for i, warm_up in enumerate(warm_ups):
        for j, floor in enumerate(floors):
            kl, _, log_p = arrays["ends"][i, j].tolist()
            runs[f"{warm_up:g}", f"{floor:g}"] = {
                "curve": arrays["curves"][i, j].tolist(),
                "kl": kl,
                "perplexity": float(np.exp(-log_p / length)),
            }
    return runs


def rival_level() -> float:
    """Return the perplexity of unseen sentences under the GRU without a code, with the seed of `cure_runs`."""
    return float(text_runs()["GRU"]["perplexity"][0])


@functools.cache
def sentence_vae(name: str) -> text.SentenceVAE:
    """Return one of the VAEs `SHOWN` as it was trained; a topic prior has its Gaussians in the order of `TOPICS`."""
    if name not in SHOWN:
        raise ValueError(f"name must be one of {', '.join(SHOWN)}; got {name!r}")
    weights = load_file(data_file(WEIGHTS))
    own = {key.removeprefix(f"{name}/"): value for key, value in weights.items() if key.startswith(f"{name}/")}
    size = len(CONTENT_WORDS)
    prior = text.TopicPrior(torch.full((len(TOPICS), size), 1 / size), LATENTS) if name == SHOWN[2] else None
    model = text.SentenceVAE(len(vocabulary()), LATENTS, prior=prior)
    model.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in own.items()})
    return model.requires_grad_(False).eval()


NO_TOPIC = "no topic"
"""What a sentence of words that all topics share is about."""


@functools.cache
def _judge() -> MultinomialNB:
    train, _ = corpora()
    return MultinomialNB().fit(topics.counts_of(train.sentences, CONTENT_WORDS).numpy(), train.topics)


def topic_of(sentences: Sequence[str]) -> np.ndarray:
    """Return the topic (N,) of each sentence, by a naive Bayes classifier that was trained on true sentences."""
    return _judge().predict(topics.counts_of(sentences, CONTENT_WORDS).numpy())


def subject_of(sentences: Sequence[str]) -> list[str]:
    """Return the name of each sentence's topic, or `NO_TOPIC` where the classifier finds none more likely than not."""
    odds = _judge().predict_proba(topics.counts_of(sentences, CONTENT_WORDS).numpy())
    return [TOPICS[row.argmax()] if row.max() >= 0.5 else NO_TOPIC for row in odds]
