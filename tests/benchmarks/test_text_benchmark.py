"""The benchmark of sentence VAEs in small: a few reviews that the grammar of the generated corpus wrote."""

import math

import pytest
import torch

from benchmarks import text as benchmark
from course_utils.models import corpus, text, topics
from course_utils.workshop import data
from course_utils.workshop.text_data import Review

SHORT = {"epochs": 1, "keep": False, "progress": False}


@pytest.fixture(scope="module")
def texts():
    parts = {}
    for number, part in enumerate(benchmark.PER_REVIEW):
        sentences = [" ".join(words) for words in corpus.make_corpus(600, seed=number).sentences]
        parts[part] = [Review(True, 7, ". ".join(sentences[row : row + 6])) for row in range(0, 600, 6)]
    return benchmark.texts_of(parts, words=200, topic_words=100)


def test_sentences_are_cut_out_of_reviews():
    review = "I liked it. The film's plot was, well, thin!! " + "very " * 30 + "bad? No."
    assert benchmark.sentences_of(review) == [["the", "film's", "plot", "was", "well", "thin"]]


def test_texts_have_sentences_and_contexts(texts):
    for part, count in benchmark.PER_REVIEW.items():
        assert len(texts.tokens[part]) == 100 * count == len(texts.proportions[part])
        assert torch.allclose(texts.proportions[part].sum(1), torch.ones(100 * count), atol=1e-4)
    assert len(texts.vocabulary) == 204


def test_counted_words_and_pairs_are_distributions(texts):
    train, test = texts.tokens["train"], texts.tokens["test"]
    size = len(texts.vocabulary)
    single, pairs = benchmark.counted(train, test, size)
    assert 1 < pairs < single < size
    # over all words that can follow one, the probabilities add up to 1: ask for every pair once
    first = int(train[0, 1])
    everything = torch.tensor([[first, second] for second in range(size) if second not in (text.PAD, text.START)])
    total = sum(1 / benchmark.counted(train, row[None], size)[1] for row in everything)
    assert total == pytest.approx(1, abs=1e-6)
    total = sum(1 / benchmark.counted(train, row[None], size)[0] for row in everything)
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("row", benchmark.ROWS, ids=lambda row: row.name)
def test_a_short_training_is_judged(texts, row):
    model, history = benchmark.train_vae(row, texts, **SHORT)
    guide = texts.proportions["test"] if row.guided else None
    bound, perplexity, kl = benchmark.judged(model, texts.tokens["test"], guide)
    assert 1 < perplexity < 1.02 * bound and math.isfinite(kl)
    # a topic's Gaussians lie far from where q begins; one epoch does not bring it there
    assert row.guided or perplexity < len(texts.vocabulary)
    assert len(history.loss) == 1 and int(model.steps) == math.ceil(300 / benchmark.TRAINING["batch_size"])


@pytest.mark.parametrize("context", [False, True])
def test_training_helps_the_language_model(texts, context):
    guide = texts.proportions["test"] if context else None
    count = text.predicted(texts.tokens["test"])
    values = []
    for epochs in (1, 8):
        model, _ = benchmark.train_language_model(texts, context, **SHORT | {"epochs": epochs})
        values.append(topics.perplexity(model.log_prob(texts.tokens["test"], guide).detach(), count))
    assert values[1] < values[0]


def test_the_reviews_are_read():
    try:
        kept = benchmark.reviews("test")
    except FileNotFoundError:
        pytest.skip(f"the reviews are not here: name a folder that has their files in {data.DATA_VARIABLE}")
    assert len(kept) == 2000 and sum(review.positive for review in kept) == 1000
    assert all(1 <= review.rating <= 10 for review in kept) and len(benchmark.sentences_of(kept[0].text)) > 1
