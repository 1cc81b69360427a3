"""The benchmark of topic models in small, on the generated corpus."""

import numpy as np
import pytest
import torch

from benchmarks import topics as benchmark
from course_utils.models import corpus, topics
from course_utils.workshop import data


@pytest.fixture(scope="module")
def documents():
    parts = corpus.split(corpus.make_corpus())
    return [topics.counts_of(part.sentences, corpus.CONTENT_WORDS, part.documents) for part in parts]


def test_both_find_topics_and_are_judged_alike(documents):
    train, test = documents
    longer = benchmark.neural(train, topic_count=5, epochs=150)
    short = benchmark.neural(train, topic_count=5, epochs=1)
    theirs = benchmark.lda(train.numpy(), topic_count=5, passes=2)
    marks = [benchmark.judged(found, train, train, 5, 10) for found in (longer, short, theirs)]
    assert marks[0][0] > marks[1][0] and marks[0][2] > marks[1][2], "training makes topics coherent and different"
    for found in (longer, short, theirs):
        assert found.table.shape == (5, len(corpus.CONTENT_WORDS)) and found.seconds > 0
        assert np.allclose(found.table.sum(1), 1, atol=1e-5)
    assert benchmark.examples(longer, train, corpus.CONTENT_WORDS).count(";") == 2
    assert test.shape[1] == train.shape[1]


def test_the_posts_are_read():
    try:
        posts = benchmark.newsgroups("train")
    except FileNotFoundError:
        pytest.skip(f"20 Newsgroups is not here: name a folder that has its file in {data.DATA_VARIABLE}")
    assert posts.counts.shape == (11314, 5000) and posts.counts.sum() == 1_250_680
    counts = torch.from_numpy(posts.counts[:600].toarray()).float()
    found = benchmark.neural(counts, topic_count=4, epochs=1)
    assert found.table.shape == (4, 5000)
