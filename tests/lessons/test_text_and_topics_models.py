"""Lesson 13's room: its corpus, counted models, the classifier of topics, and what was recorded."""

import math

import numpy as np
import pytest
import torch

from course_utils.lessons import text_and_topics as lesson
from course_utils.models import corpus, text, topics


def test_documents_are_in_one_part_only_and_whole():
    train, test = lesson.corpora()
    assert (len(train.sentences), len(test.sentences)) == (2400, 600)
    for part in (train, test):
        assert np.bincount(part.documents).tolist() == [6] * len(part.proportions)
    whole = corpus.make_corpus()
    assert sorted((*train.sentences, *test.sentences)) == sorted(whole.sentences)


def test_tokens_decode_to_the_sentences():
    for rows, part in zip(lesson.tokens(), lesson.corpora(), strict=True):
        assert rows.shape[1] == lesson.LENGTH
        assert lesson.vocabulary().decode(rows[:20]) == [" ".join(words) for words in part.sentences[:20]]
        assert not (rows == text.UNKNOWN).any()


def test_counts_are_those_of_the_documents():
    train, _ = lesson.corpora()
    counts, _ = lesson.counts()
    first = [word for sentence in train.sentences[:6] for word in sentence if word in corpus.CONTENT_WORDS]
    assert counts[0].sum() == len(first)
    assert counts[0, corpus.CONTENT_WORDS.index(first[0])] == first.count(first[0])


def test_the_true_log_prob_sums_over_topics():
    sentence = lesson.corpora()[1].sentences[0]
    joint = corpus.sentence_log_joint([sentence])
    assert lesson.true_log_prob([sentence])[0] == pytest.approx(math.log(np.exp(joint).sum()))


@pytest.mark.parametrize("neighbours", [0, 1])
def test_counted_models_are_distributions(neighbours):
    train, _ = lesson.tokens()
    words = torch.arange(2, len(lesson.vocabulary()))  # END and all that is no other mark
    starts = torch.full_like(words, text.START)
    rows = torch.stack([starts, words], 1)
    total = lesson.counted(train, rows, neighbours).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-9)


def test_counted_words_are_counted():
    train, _ = lesson.tokens()
    word = int(train[0, 1])
    said = (train[:, 1:] == word).sum().item() + 0.1
    others = ((train[:, 1:] != text.PAD) & (train[:, 1:] != text.START)).sum().item()
    size = len(lesson.vocabulary()) - 2
    row = torch.tensor([[text.START, word]])
    assert lesson.counted(train, row, 0).item() == pytest.approx(math.log(said / (others + 0.1 * size)), abs=1e-9)


def test_the_judge_knows_true_sentences():
    _, test = lesson.corpora()
    assert np.mean(lesson.topic_of([" ".join(words) for words in test.sentences]) == test.topics) > 0.95


def test_lda_gives_distributions():
    table = lesson.lda_topics(1)
    assert np.allclose(table.sum(1), 1) and table.shape == (5, len(corpus.CONTENT_WORDS))


@pytest.mark.parametrize("name", lesson.SHOWN)
def test_models_that_come_with_the_course_are_those_of_the_record(name):
    model, runs = lesson.sentence_vae(name), lesson.text_runs()
    _, test = lesson.tokens()
    mean, log_var, _ = model.encode(test)
    assert mean.shape == (600, lesson.LATENTS)
    if not name.startswith("topic prior"):
        kl = 0.5 * (mean**2 + log_var.exp() - log_var - 1).sum(1).mean().item()
        assert kl == pytest.approx(runs[name]["kl"][0], rel=0.02, abs=0.01)
    with pytest.raises(ValueError, match="name must be one of"):
        lesson.sentence_vae("another")


def test_the_record_has_every_model_and_every_seed():
    runs = lesson.text_runs()
    assert tuple(runs) == lesson.RUNS
    for name, run in runs.items():
        assert len(run["perplexity"]) == 3 and np.isfinite(run["perplexity"]).all()
        assert np.isnan(run["kl"]).all() == name.startswith("GRU")


def test_the_grid_has_every_setting_of_its_explorer():
    assert set(lesson.cure_runs()) == {(warm, floor) for warm in lesson.WARM_UPS for floor in lesson.FLOORS}


def test_a_way_begins_and_ends_at_its_sentences_codes():
    model, (_, test) = lesson.sentence_vae(lesson.SHOWN[2]), lesson.tokens()
    stops = lesson.way(model, test[:1], test[1:2], 3)
    ends = lesson.vocabulary().decode(model.generate(model.posterior_mean(test[:2]), length=lesson.LENGTH))
    assert [stops[0], stops[-1]] == ends


def test_perplexities_of_the_record_are_those_of_log_p():
    runs, lengths = lesson.text_runs(), text.predicted(lesson.tokens()[1])
    mean = runs["GRU"]["log p"][0]
    expected = topics.perplexity(torch.full((600,), float(mean)), lengths)
    assert runs["GRU"]["perplexity"][0] == pytest.approx(expected, rel=1e-4)
