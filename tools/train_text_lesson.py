"""Train what lesson 13 compares over several seeds: sentence VAEs with their cures, beside language models.

    python tools/train_text_lesson.py [runs | grid | models]

Nothing is needed but the course: the corpus is generated. Three small files are written to the folder data, each with
its provenance; data/README.md then needs the sizes and the checksums that are printed. It takes about seven minutes on
one core.
"""

import functools
import hashlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.models import corpus, text, topics  # noqa: E402

FOLDER = ROOT / "data"
COMMAND = f"python tools/{Path(__file__).name}"
SEEDS = 3
LATENT, LENGTH, EPOCHS, SAMPLES = 16, 14, 12, 50
TRAINING = {"epochs": EPOCHS, "batch_size": 64, "learning_rate": 1e-2}
RUNS, GRID, MODELS = "text_runs.safetensors", "text_grid.safetensors", "text_models.safetensors"
MEASURES = ("train bound", "bound", "log p", "kl", "read", "rewritten", "steered", "grammatical")
"""Columns of a run's table: nats a sentence, and shares of sentences.

"train bound" and "bound" are the ELBO on training and test sentences, for a language model log p; "log p" is its
importance-sampled estimate on test sentences; "kl" the KL term there. "read" is how often a logistic regression on
draws of q names a test sentence's topic, for the language model that is given topics how often the sentence is most
probable with all of its own topic; "rewritten" how often the sentence that the decoder writes for q's mean is of the
same topic; "steered" how often a sentence that was to be about a topic is, by a classifier of true sentences, and
"grammatical" how often the grammar could have made it. What a model does not have is NaN.
"""
WARM_UPS, FLOORS = (0, 3, 6, 12), (0.0, 0.1, 0.25, 0.5)


class Material(NamedTuple):
    """The two parts of the corpus as tokens (N, T), with topics and the proportions of the rest of the document."""

    vocabulary: text.Vocabulary
    train: Tensor
    test: Tensor
    train_topics: np.ndarray
    test_topics: np.ndarray
    train_proportions: Tensor
    test_proportions: Tensor
    topic_model: topics.TopicModel
    table: Tensor


@functools.cache
def material() -> Material:
    """Return what all models are trained on; the topic model's topics are put into the order of `corpus.TOPICS`."""
    whole = corpus.make_corpus()
    parts = corpus.split(whole)
    vocabulary = text.Vocabulary.of(whole.sentences)
    words = corpus.CONTENT_WORDS
    model = topics.TopicModel(len(words), len(corpus.TOPICS), (64,), prior_scale=2.0)
    documents = topics.counts_of(parts[0].sentences, words, parts[0].documents)
    topics.fit_topics(model, documents, epochs=60, learning_rate=0.05)
    order, _ = topics.match_topics(model.table().detach(), corpus.word_table())
    proportions = [
        topics.context_proportions(model, topics.counts_of(part.sentences, words), part.documents)[:, order]
        for part in parts
    ]
    tokens = [vocabulary.encode(part.sentences, LENGTH) for part in parts]
    table = model.table().detach()[order]
    return Material(vocabulary, *tokens, *(part.topics for part in parts), *proportions, model, table)


@functools.cache
def judge() -> MultinomialNB:
    """Return a classifier of topics, trained on the bags of true training sentences."""
    train, _ = corpus.split(corpus.make_corpus())
    return MultinomialNB().fit(topics.counts_of(train.sentences, corpus.CONTENT_WORDS).numpy(), train.topics)


def topics_of(sentences: list[str]) -> np.ndarray:
    """Return the topic of each sentence, by the classifier."""
    return judge().predict(topics.counts_of(sentences, corpus.CONTENT_WORDS).numpy())


def prior(**options: Any) -> text.TopicPrior:
    """Return a prior with one Gaussian for each topic that the topic model found."""
    return text.TopicPrior(material().table, LATENT, **options)


VAES: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[], Any] | None]] = {
    "plain": ({}, {}, None),
    "warm-up": ({"warm_up_epochs": EPOCHS}, {}, None),
    "free bits": ({"floor": 0.25}, {}, None),
    "free bits, GRU encoder": ({"floor": 0.25}, {"encoder": "gru"}, None),
    "free bits, reflections": ({"floor": 0.25}, {"reflections": 4}, None),
    "word dropout": ({"dropout": 0.75}, {}, None),
    "without words": ({"dropout": 1.0}, {}, None),
    "topic prior": ({}, {}, prior),
    "topic prior, warm-up": ({"warm_up_epochs": EPOCHS}, {}, prior),
    "topic prior, learned": ({}, {}, functools.partial(prior, learned=True)),
}
"""How each VAE is trained, how it is built, and its prior where that is not N(0, I)."""


def language_model(seed: int, context: bool) -> text.LanguageModel:
    """Return the GRU alone, or given the proportions of the rest of the document."""
    m = material()
    model = text.LanguageModel(len(m.vocabulary), context_dim=len(corpus.TOPICS) if context else 0, seed=seed)
    text.fit(model, m.train, m.train_proportions if context else None, seed=seed, **TRAINING)
    return model


def vae(name: str, seed: int, watch: Callable[[nn.Module], None] | None = None, **more: Any) -> text.SentenceVAE:
    """Return one of the VAES."""
    m = material()
    how, build, make = VAES[name]
    model = text.SentenceVAE(len(m.vocabulary), LATENT, prior=make and make(), seed=seed, **build)
    text.fit(model, m.train, m.train_proportions if make else None, seed=seed, watch=watch, **(TRAINING | how | more))
    return model


def steering(tokens_about: Callable[[int], Tensor]) -> list[float]:
    """Return how many of a hundred sentences about each topic are about it, and how many the grammar could make."""
    about, possible = [], []
    for topic in range(len(corpus.TOPICS)):
        sentences = material().vocabulary.decode(tokens_about(topic))
        about.append((topics_of(sentences) == topic).mean())
        joint = corpus.sentence_log_joint([sentence.split() for sentence in sentences])
        possible.append(np.isfinite(joint).any(1).mean())
    return [float(np.mean(about)), float(np.mean(possible))]


@torch.no_grad()
def measured_language_model(model: text.LanguageModel, context: bool) -> list[float]:
    """Return the `MEASURES` of a language model; with a context it is steered by saying that all is about a topic."""
    m = material()
    given = (m.train_proportions, m.test_proportions) if context else (None, None)
    train, test = (model.log_prob(*pair).mean().item() for pair in zip((m.train, m.test), given, strict=True))
    read, steered = math.nan, [math.nan, math.nan]
    if context:
        generator = torch.Generator().manual_seed(1)
        rows = torch.eye(len(corpus.TOPICS))
        each = torch.stack([model.log_prob(m.test, row.repeat(len(m.test), 1)) for row in rows])
        read = float((each.argmax(0).numpy() == m.test_topics).mean())
        steered = steering(lambda topic: model.generate(100, context=rows[topic].repeat(100, 1), generator=generator))
    return [train, test, test, math.nan, read, math.nan, *steered]


@torch.no_grad()
def bounds(model: text.SentenceVAE, guided: bool, blind: bool = False, test: bool = True) -> dict[str, float]:
    """Return ELBO and KL on the test (or training) sentences, and on test sentences log p, averages in nats."""
    m = material()
    generator = torch.Generator().manual_seed(1)
    tokens, guide = (m.test, m.test_proportions) if test else (m.train, m.train_proportions)
    guide = guide if guided else None
    inputs = text.word_dropout(tokens, 1.0) if blind else None
    terms = model.elbo_terms(tokens, guide, 5 if test else 1, generator, inputs)
    result = {"bound": (terms["reconstruction"] - terms["kl"]).mean().item(), "kl": terms["kl"].mean().item()}
    if test:
        result["log p"] = model.importance_log_prob(tokens, SAMPLES, guide, generator, inputs).mean().item()
    return result


@torch.no_grad()
def measured(model: text.SentenceVAE, guided: bool, blind: bool) -> list[float]:
    """Return the `MEASURES` of a VAE.

    It is steered by draws from a topic's Gaussian, or, where the prior has none, by draws from q of training sentences
    about the topic.
    """
    m = material()
    generator = torch.Generator().manual_seed(1)
    test, train = bounds(model, guided, blind), bounds(model, guided, blind, test=False)
    # draws, for these are what the decoder sees: a mean has no noise, and may show what no draw does
    draws = torch.Generator().manual_seed(2)
    codes, drawn = (model.sample(tokens, 1, draws)[0][0].numpy() for tokens in (m.train, m.test))
    read = LogisticRegression(max_iter=1000).fit(codes, m.train_topics).score(drawn, m.test_topics)
    unseen = model.posterior_mean(m.test)
    result = [train["bound"], test["bound"], test["log p"], test["kl"], read]
    if blind:  # it cannot write word by word
        return [*result, math.nan, math.nan, math.nan]
    written = m.vocabulary.decode(model.generate(unseen, length=LENGTH))

    def about(topic: int) -> Tensor:
        if guided:
            z = model.prior.sample_topic(topic, 100, generator)
        else:
            rows = torch.from_numpy(np.flatnonzero(m.train_topics == topic)[:100])
            z = model.sample(m.train[rows], 1, generator)[0][0]
        return model.generate(z, greedy=False, generator=generator, length=LENGTH)

    return [*result, float((topics_of(written) == m.test_topics).mean()), *steering(about)]


def compare(seed: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return for one seed the measures of every model, and every VAE's KL after each epoch, from 0."""
    rows = {
        "GRU": measured_language_model(language_model(seed, False), False),
        "GRU, given the topics": measured_language_model(language_model(seed, True), True),
    }
    curves = {}
    for name, (how, _, make) in VAES.items():
        curve: list[float] = []
        note = functools.partial(_note, curve, make is not None, how.get("dropout") == 1)
        model = vae(name, seed, note)
        note(model)
        rows[name], curves[name] = measured(model, make is not None, how.get("dropout") == 1), curve
        print(name, seed, [round(value, 2) for value in rows[name]], flush=True)
    return rows, curves


@torch.no_grad()
def _note(curve: list[float], guided: bool, blind: bool, model: text.SentenceVAE) -> None:
    m = material()
    inputs = text.word_dropout(m.test, 1.0) if blind else None
    generator = torch.Generator().manual_seed(1)
    terms = model.elbo_terms(m.test, m.test_proportions if guided else None, 1, generator, inputs)
    curve.append(terms["kl"].mean().item())


def grid() -> dict[str, Tensor]:
    """Return, over warm-up and free bits, the KL's curves, and KL, bound, and log p at the end, for one seed."""
    curves = torch.zeros(len(WARM_UPS), len(FLOORS), EPOCHS + 1)
    ends = torch.zeros(len(WARM_UPS), len(FLOORS), 3)
    for i, warm in enumerate(WARM_UPS):
        for j, floor in enumerate(FLOORS):
            curve: list[float] = []
            note = functools.partial(_note, curve, False, False)
            model = vae("plain", 0, note, warm_up_epochs=warm, floor=floor)
            note(model)
            end = bounds(model, False)
            curves[i, j], ends[i, j] = torch.tensor(curve), torch.tensor([end["kl"], end["bound"], end["log p"]])
    axes = {"warm-ups": torch.tensor(WARM_UPS).float(), "floors": torch.tensor(FLOORS)}
    return {"curves": curves, "ends": ends, **axes}


def small_models() -> dict[str, Tensor]:
    """Return the weights of the models that explorers show, as numbers of two bytes."""
    m = material()
    models: dict[str, nn.Module] = {
        "topics": m.topic_model,
        "GRU": language_model(0, False),
        **{name: vae(name, 0) for name in ("plain", "free bits", "topic prior, warm-up")},
    }
    weights = {f"{name}/{key}": value for name, model in models.items() for key, value in model.state_dict().items()}
    return {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}


def write(file: str, arrays: dict[str, Tensor], **more: str) -> None:
    """Write one file with its provenance, and print what data/README.md says of it."""
    provenance = {"command": COMMAND, "data": "course_utils/models/corpus.py, seed 0", "torch": torch.__version__}
    content = save({key: value.contiguous() for key, value in arrays.items()}, provenance | more)
    (FOLDER / file).write_bytes(content)
    print(f"| {file} | {len(content)} | {hashlib.sha256(content).hexdigest()} |")


def main(wanted: list[str]) -> None:
    """Train what was asked for, or everything."""
    torch.set_num_threads(1)  # to networks this small a second one costs more than it brings
    if not wanted or "runs" in wanted:
        seeds = [compare(seed) for seed in range(SEEDS)]
        arrays = {name: torch.tensor([rows[name] for rows, _ in seeds]) for name in seeds[0][0]}
        arrays |= {f"curve {name}": torch.tensor([curves[name] for _, curves in seeds]) for name in seeds[0][1]}
        test = material().test
        arrays["tokens"] = torch.tensor([text.predicted(part).double().mean() for part in (material().train, test)])
        write(RUNS, arrays, columns=", ".join(MEASURES), rows="seeds, from 0")
    if not wanted or "grid" in wanted:
        write(GRID, grid(), axes="warm-up, free bits, epoch or (kl, bound, log p)")
    if not wanted or "models" in wanted:
        write(
            MODELS, small_models(), settings=f"latent_dim {LATENT}, length {LENGTH}, topic model (64,), prior_scale 2"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
