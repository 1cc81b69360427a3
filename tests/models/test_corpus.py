"""The generated corpus: its probabilities by enumeration, its topics by counting."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp

from course_utils.models import corpus


@pytest.fixture(scope="module")
def made():
    return corpus.make_corpus()


def test_a_seed_means_the_same_sentences_and_another_seed_others(made):
    again, other = corpus.make_corpus(), corpus.make_corpus(seed=1)
    assert again.sentences == made.sentences and np.array_equal(again.topics, made.topics)
    assert other.sentences != made.sentences
    assert len(made.sentences) == 3000 and made.proportions.shape == (500, 5)
    assert all(4 <= len(sentence) <= 12 for sentence in made.sentences)
    assert np.bincount(made.documents).tolist() == [6] * 500


def test_the_templates_and_the_slots_are_distributions():
    assert sum(corpus.TEMPLATES.values()) == pytest.approx(1)
    slots = {slot for template in corpus.TEMPLATES for slot in template.split()}
    for slot, topic in itertools.product(slots, range(5)):
        assert sum(corpus._slot(slot, topic).values()) == pytest.approx(1)


def test_the_probabilities_of_all_sentences_of_a_template_add_up_to_its_weight(monkeypatch):
    """Four words a topic leave few enough sentences to count them all."""
    small = {kind: " ".join(words.split()[:2]) for kind, words in corpus._WORDS["kitchen"].items()}
    monkeypatch.setattr(corpus, "_WORDS", dict.fromkeys(corpus.TOPICS, small))
    monkeypatch.setattr(corpus, "_SHARED", {kind: words.split()[0] for kind, words in corpus._SHARED.items()})
    monkeypatch.setattr(corpus, "_slot", corpus._slot.__wrapped__)
    monkeypatch.setattr(corpus, "_log_joint", corpus._log_joint.__wrapped__)
    for template in ("DET PERSON PAST the OBJECT", "did the PERSON BASE the OBJECT"):
        choices = [list(corpus._slot(slot, 0)) for slot in template.split()]
        joint = corpus.sentence_log_joint(itertools.product(*choices))
        assert np.exp(logsumexp(joint)) == pytest.approx(corpus.TEMPLATES[template])


def test_the_exact_log_prob_is_the_share_in_many_draws():
    sentences = corpus.make_corpus(20000, concentration=100.0).sentences  # nearly equal topics
    with_did = [sentence for sentence in sentences if sentence[0] == "did"]
    assert len(with_did) / 20000 == pytest.approx(0.08, abs=0.008)
    verbs = [sentence[3] for sentence in with_did]
    shares = np.mean([corpus._slot("BASE", topic).get("find", 0) for topic in range(5)])
    assert verbs.count("find") / len(verbs) == pytest.approx(shares, abs=0.02)


def test_bayes_rule_finds_the_topic_and_no_grammar_makes_word_salad(made):
    joint = corpus.sentence_log_joint(made.sentences)
    assert np.isfinite(logsumexp(joint, axis=1)).all()
    assert (joint.argmax(1) == made.topics).mean() > 0.98
    assert (corpus.sentence_log_joint([("soup", "the", "stirred", "cook")]) == -np.inf).all()


def test_the_table_of_words_is_what_counting_gives():
    words = {word: column for column, word in enumerate(corpus.CONTENT_WORDS)}
    table = corpus.word_table()
    for topic in ("kitchen", "sky"):
        counts = np.zeros(len(words))
        for word in itertools.chain(*corpus.sentences_about(topic, 6000)):
            if word in words:
                counts[words[word]] += 1
        share = counts / counts.sum()
        assert np.abs(share - table[corpus.TOPICS.index(topic)]).max() < 0.006
    assert np.allclose(table.sum(1), 1)
    chosen = corpus.word_table(["bow", "book", "the"])
    assert (chosen[:, 2] == 0).all(), "a function word belongs to no topic"
    assert chosen[0].tolist() == [0, 1, 0] and 0 < chosen[2, 0] < 1, "there is no bow in the kitchen"


def test_the_parts_have_whole_documents(made):
    train, test = corpus.split(made)
    assert (len(train.sentences), len(test.sentences)) == (2400, 600)
    assert train.sentences[:6] == made.sentences[6:12] and test.sentences[:6] == made.sentences[:6]
    assert train.documents.tolist() == np.repeat(np.arange(400), 6).tolist()
    assert np.array_equal(test.proportions, made.proportions[::5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corpus.make_corpus(0), "sentences must be at least 1"),
        (lambda: corpus.make_corpus(concentration=0.0), "concentration must be positive"),
        (lambda: corpus.sentences_about("football", 3), "topic must be one of kitchen"),
        (lambda: corpus.word_table(["the", "did"]), "no word of the topic 'kitchen'"),
        (lambda: corpus.split(corpus.make_corpus(12), 7), "every must be at most 2"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
