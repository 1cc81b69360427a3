"""Lesson 13, text and topics: right answers, held against enumeration, quadrature, draws, searches and libraries."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats

from course_utils.lessons import text_and_topics as room


def right(exercise, *arguments):
    return exercise._reference(*arguments)


def tensors(*arrays):
    return tuple(torch.tensor(np.asarray(array, dtype=float)) for array in arrays)


def test_the_texts_of_a_length_have_probabilities_that_sum_to_one():
    rng = np.random.default_rng(0)
    z, logits = tensors(rng.normal(size=(1, 2)), rng.normal(size=(2, 3)))
    total, of_counts = 0.0, {}
    for text in itertools.product(range(3), repeat=4):
        counts = np.bincount(text, minlength=3)
        found = right(room.bag_log_prob, *tensors(counts[None]), z, logits).exp().item()
        total += found
        of_counts[tuple(counts)] = of_counts.get(tuple(counts), 0.0) + found
    assert total == pytest.approx(1)
    words = (z.softmax(1) @ logits.softmax(1))[0].numpy()
    for counts, probability in of_counts.items():  # all orders together: the multinomial distribution
        assert probability == pytest.approx(stats.multinomial(4, words).pmf(counts))


def test_a_text_is_as_probable_as_all_choices_of_a_topic_for_each_word():
    rng = np.random.default_rng(1)
    z, logits = rng.normal(size=(1, 3)), rng.normal(size=(3, 4))
    mixture, topics = special.softmax(z[0]), special.softmax(logits, axis=1)
    text = [2, 0, 2, 3]
    found = 0.0
    for chosen in itertools.product(range(3), repeat=len(text)):
        found += np.prod([mixture[k] * topics[k, word] for k, word in zip(chosen, text, strict=True)])
    counts = np.bincount(text, minlength=4)[None]
    assert right(room.bag_log_prob, *tensors(counts, z, logits)).item() == pytest.approx(np.log(found))


def test_the_perplexity_of_a_long_text_comes_to_that_of_its_source():
    rng = np.random.default_rng(2)
    source = np.array([0.5, 0.2, 0.2, 0.1])
    lengths = rng.integers(1, 400, 300)
    log_probs = np.array([np.log(source[rng.choice(4, length, p=source)]).sum() for length in lengths])
    perplexity, bits = right(room.text_perplexity, log_probs, lengths)  # one document of 300 hardly counts
    assert perplexity == pytest.approx(np.exp(stats.entropy(source)), rel=0.01)
    assert bits == pytest.approx(stats.entropy(source, base=2), rel=0.01)


def test_a_perplexity_does_not_depend_on_how_a_text_is_cut():
    whole = right(room.text_perplexity, np.array([-120.0, -9.0]), np.array([40, 2]))
    cut = right(room.text_perplexity, np.array([-3.0, -110.0, -7.0, -9.0]), np.array([5, 30, 5, 2]))
    assert whole[0] == pytest.approx(cut[0])
    assert whole[1] == pytest.approx(3 / np.log(2))  # without the second, 120 nats for 40 words
    assert cut[1] == pytest.approx(19 / 12 / np.log(2))  # without the long piece
    assert right(room.text_perplexity, np.array([-6, -2]) * np.log(50), np.array([6, 2])) == pytest.approx(
        (50, np.log2(50))
    )


def test_what_is_left_has_the_fewest_bits_of_all_choices():
    for log_probs, words in room.text_perplexity.fresh(8, 30):
        bits = [
            -sum(log_probs[list(kept)]) / np.log(2) / sum(words[list(kept)])
            for kept in itertools.combinations(range(len(words)), len(words) - 1)
        ]
        assert right(room.text_perplexity, log_probs, words)[1] == pytest.approx(min(bits))


def test_coherence_is_one_for_twins_nought_for_strangers_and_minus_one_for_enemies():
    table = np.array(list(itertools.product([0, 1, 3], [0, 2, 5])))  # every combination once: independent
    assert right(room.coherence, table, np.array([0, 1])) == pytest.approx(0)
    twins = np.array([[1, 2], [4, 1], [0, 0], [0, 0], [0, 0]])
    assert right(room.coherence, twins, np.array([1, 0])) == pytest.approx(1)
    enemies = np.array([[1, 0], [0, 1], [2, 0]])
    assert right(room.coherence, enemies, np.array([0, 1])) == -1


def test_coherence_comes_near_that_of_the_source():
    rng = np.random.default_rng(3)
    topic = rng.random(200_000) < 0.3
    rates = np.array([0.6, 0.4, 0.2])
    counts = rng.poisson(np.where(topic[:, None], rates * 2, 0.1))
    present = 1 - np.exp(-np.array([2 * rates, np.full(3, 0.1)]))  # p(in the document | topic or not)
    single = 0.3 * present[0] + 0.7 * present[1]
    values = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = 0.3 * present[0, i] * present[0, j] + 0.7 * present[1, i] * present[1, j]
        values.append(np.log(both / (single[i] * single[j])) / -np.log(both))
    assert right(room.coherence, counts, np.array([2, 0, 1])) == pytest.approx(np.mean(values), abs=0.01)


def test_going_on_after_three_words_is_what_the_chain_says():
    # scores that depend on the last token alone; the chain of words is known without any sum over sentences
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(6, 6))
    scores[:, [0, 1]] = -np.inf  # neither filling nor a second start is ever said
    chain = special.softmax(scores, axis=1)
    total = 0.0
    for words in itertools.product([3, 4, 5], repeat=3):
        tokens = np.array([1, *words, 2, 0])
        said = right(room.sentence_log_prob, torch.tensor(scores[tokens])[None], torch.tensor(tokens)[None])
        total += said.exp().item()
    state = np.eye(6)[1]
    for _ in range(4):  # three words, and a fourth: four times no END
        state = (state @ chain) * (np.arange(6) > 2)
    assert total == pytest.approx(state.sum())


def test_the_sentence_and_its_going_on_are_all_that_begins_so():
    for logits, tokens in room.sentence_log_prob.fresh(9, 20):
        nats = logits.log_softmax(2).numpy()
        for row, (one, numbers) in enumerate(zip(nats, tokens.tolist(), strict=True)):
            end = numbers.index(2)
            begun = sum(one[place, numbers[place + 1]] for place in range(end - 1))
            goes_on = right(room.sentence_log_prob, logits, tokens)[row].exp().item()
            assert goes_on + np.exp(begun + one[end - 1, 2]) == pytest.approx(np.exp(begun))


def test_a_sentence_is_worth_the_same_in_any_table():
    rng = np.random.default_rng(5)
    logits, tokens = torch.tensor(rng.normal(size=(1, 8, 7))), torch.tensor([[1, 5, 6, 2, 0, 0, 0, 0]])
    long = right(room.sentence_log_prob, logits, tokens)
    assert torch.allclose(long, right(room.sentence_log_prob, logits[:, :4], tokens[:, :4]))


def test_words_are_dropped_at_their_rate_and_nothing_else_is():
    rng = np.random.default_rng(6)
    tokens = np.concatenate([np.ones((4000, 1)), rng.integers(4, 30, (4000, 8)), np.full((4000, 1), 2)], axis=1)
    tokens = torch.tensor(tokens.astype(int))
    read, said = right(room.decoder_pair, tokens, torch.tensor(rng.random((4000, 9))), 0.3)
    assert torch.equal(said, tokens[:, 1:]) and torch.equal(read[:, 0], tokens[:, 0])
    lost = read[:, 1:] != said[:, :-1]
    assert lost.double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert (read[:, 1:][lost] == 3).all()
    shares = lost.double().mean(0).numpy()
    assert shares == pytest.approx(np.full(8, 0.3), abs=0.04)  # at every place alike


def test_free_nats_leave_a_bound_and_have_no_slope():
    for kl, least in room.floored_kl.fresh(7, 20):
        term, surplus = right(room.floored_kl, kl, least)
        assert term.item() >= kl.sum(1).mean().item() - 1e-12
        assert (term - surplus).item() == pytest.approx(kl.sum(1).mean().item())
        for latent, mean in enumerate(kl.mean(0)):
            if abs(mean - least) > 1e-3:
                moved = kl.clone()
                moved[0, latent] += 1e-5
                slope = (right(room.floored_kl, moved, least)[0] - term).item() / 1e-5
                assert slope == pytest.approx(1 / len(kl) if mean > least else 0, abs=1e-4)


def test_the_kl_of_a_mirrored_gaussian_is_that_of_quadrature():
    mean, spread = np.array([0.4, -0.9]), np.array([0.3, 1.2])
    v, prior_mean, prior_spread = np.array([2.0, 1.0]), np.array([-0.5, 0.7]), np.array([0.8, 1.5])
    mirror = np.eye(2) - 2 * np.outer(v, v) / (v @ v)

    def integrand(b, a):
        z = np.array([a, b])
        before = mirror @ z  # a mirror is its own inverse
        log_q = stats.norm.logpdf(before, mean, spread).sum()
        return np.exp(log_q) * (log_q - stats.norm.logpdf(z, prior_mean, prior_spread).sum())

    exact, _ = integrate.dblquad(integrand, -7, 7, -7, 7, epsabs=1e-7)
    arguments = tensors(mean[None], 2 * np.log(spread)[None], v[None], prior_mean, 2 * np.log(prior_spread))
    assert right(room.reflected_kl, *arguments).item() == pytest.approx(exact, abs=1e-5)


def test_the_kl_of_a_mirrored_gaussian_is_that_of_draws():
    rng = np.random.default_rng(8)
    for mean, log_var, v, prior_mean, prior_log_var in room.reflected_kl.fresh(7, 4):
        noise = rng.standard_normal((200_000, mean.shape[1]))
        start = mean[0].numpy() + np.exp(0.5 * log_var[0].numpy()) * noise
        unit = v[0].numpy() / np.linalg.norm(v[0].numpy())
        z = start - 2 * (start @ unit)[:, None] * unit
        log_q = stats.norm.logpdf(start, mean[0].numpy(), np.exp(0.5 * log_var[0].numpy())).sum(1)
        ratios = log_q - stats.norm.logpdf(z, prior_mean.numpy(), np.exp(0.5 * prior_log_var.numpy())).sum(1)
        found = right(room.reflected_kl, mean, log_var, v, prior_mean, prior_log_var)[0].item()
        assert found == pytest.approx(ratios.mean(), abs=5 * stats.sem(ratios))


def test_a_mirror_earns_nothing_under_a_standard_normal_prior():
    for mean, log_var, v, _, _ in room.reflected_kl.fresh(8, 6):
        nought = torch.zeros(mean.shape[1], dtype=torch.float64)
        plain = 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(1)
        assert torch.allclose(right(room.reflected_kl, mean, log_var, v, nought, nought), plain)


def test_no_other_shares_are_cheaper():
    rng = np.random.default_rng(13)

    def price(shares, row, prior):
        return (special.xlogy(shares, shares / prior) + shares * row).sum(-1)

    for kls, weights in room.cheapest_topics.fresh(7, 8):
        both = right(room.cheapest_topics, kls, weights)
        for row, prior, share, best in zip(*(part.numpy() for part in (kls, weights, *both)), strict=True):
            assert price(share, row, prior) == pytest.approx(best)
            others = np.concatenate([rng.dirichlet(np.full(len(row), size), 2000) for size in (0.1, 1.0)])
            near = 0.99 * share + 0.01 * others  # the price is convex, so that near ones are enough
            assert price(others, row, prior).min() >= best - 1e-9 and price(near, row, prior).min() >= best - 1e-9


def test_the_cheapest_shares_of_two_topics_are_where_a_search_finds_them():
    kls, weights = tensors([[1.3, 0.4]], [[0.8, 0.2]])

    def price(share):
        return share * np.log(share / 0.8) + (1 - share) * np.log((1 - share) / 0.2) + 1.3 * share + 0.4 * (1 - share)

    found = optimize.minimize_scalar(price, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10})
    shares, value = right(room.cheapest_topics, kls, weights)
    assert shares[0, 0].item() == pytest.approx(found.x, abs=1e-6)
    assert value.item() == pytest.approx(found.fun)


def test_the_price_lies_between_the_kl_to_the_mixture_and_the_average_of_the_kls():
    rng = np.random.default_rng(9)
    for _ in range(6):
        weights, places, spreads = rng.dirichlet(np.ones(3)), rng.normal(0, 2, 3), rng.uniform(0.4, 1.5, 3)
        centre, spread = rng.normal(0, 1.5), rng.uniform(0.2, 1.0)

        def integrand(z, weights=weights, places=places, spreads=spreads, centre=centre, spread=spread):
            log_p = special.logsumexp(stats.norm.logpdf(z, places, spreads), b=weights)
            return stats.norm.pdf(z, centre, spread) * (stats.norm.logpdf(z, centre, spread) - log_p)

        exact, _ = integrate.quad(integrand, centre - 9 * spread, centre + 9 * spread, limit=200)
        kls = np.log(spreads / spread) + (spread**2 + (centre - places) ** 2) / (2 * spreads**2) - 0.5
        value = right(room.cheapest_topics, *tensors(kls[None], weights[None]))[1].item()
        assert exact - 1e-7 <= value <= weights @ kls + 1e-12


def test_the_fair_perplexity_is_that_of_a_model_which_names_every_word():
    """Two models by word and one by letter for one text, written out as distributions over what they can say."""
    rng = np.random.default_rng(10)
    names = ["aa", "ab", "ba", "bb", "abb", "bab"]
    text = [names[i] for i in rng.choice(6, 60, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])]
    all_words = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    known = np.array([0.4, 0.25, 0.15])  # aa, ab, ba, and "unknown" for the other three
    letters = {"a": 0.45, "b": 0.25, " ": 0.3}
    plain = np.log([all_words[names.index(word)] for word in text])
    as_tokens = np.log([[*known, 0.2][min(names.index(word), 3)] for word in text])
    spelt = np.log([letters[letter] for letter in "".join(word + " " for word in text)])
    named = np.log([[*known, 0.2 / 3, 0.2 / 3, 0.2 / 3][names.index(word)] for word in text])
    unknown = sum(names.index(word) > 2 for word in text)
    best, fair = right(
        room.fair_perplexities,
        np.exp([-plain.mean(), -as_tokens.mean(), -spelt.mean()]),
        np.array([60, 60, len(spelt)]),
        np.array([0, unknown, 0]),
        np.array([1, 3, 1]),
        60,
    )
    totals = np.array([plain.sum(), named.sum(), spelt.sum()])
    assert np.log(fair) == pytest.approx(-totals / 60)
    assert best == totals.argmax()


def test_what_notes_are_worth_is_the_mutual_information_of_note_and_speech():
    # every note gives a distribution over three speeches; all that can be said is enumerated
    speech = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.25, 0.5, 0.25]])
    nats = found = 0.0
    for said in itertools.product(range(3), repeat=3):
        chance = np.prod(speech[range(3), said])
        both = right(room.worth_of_notes, np.log(speech[:, said]).T)  # [i, j]: speech i with note j
        nats, found = nats + chance * both[0], found + chance * both[1]
    joint = speech / 3
    information = (joint * np.log(joint / (joint.sum(1, keepdims=True) * joint.sum(0)))).sum()
    assert nats == pytest.approx(information)
    assert found == pytest.approx((joint * (joint / joint.sum(0))).sum())  # Bayes' rule, averaged over what is said


def test_a_note_that_names_its_speech_is_worth_log_n():
    table = np.where(np.eye(6, dtype=bool), -40.0, -900.0)
    assert right(room.worth_of_notes, table) == pytest.approx((math.log(6), 1.0))


def test_one_cook_or_many_is_decided_by_counting_all_ways():
    rng = np.random.default_rng(11)
    for _ in range(5):
        shares, habits = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(4), 3)
        order = rng.integers(0, 4, 5)
        alone = np.array([share * np.prod(habit[order]) for share, habit in zip(shares, habits, strict=True)])
        many = sum(np.prod(shares[[*ways]] * habits[[*ways], order]) for ways in itertools.product(range(3), repeat=5))
        one, who = right(room.one_or_many, np.bincount(order, minlength=4), shares, habits)
        assert one == pytest.approx(alone.sum() / (alone.sum() + many))
        assert who == pytest.approx(alone / alone.sum())


def test_the_probability_of_one_cook_is_a_share_of_kitchens():
    rng = np.random.default_rng(12)
    shares, habits, count = np.array([0.6, 0.4]), np.array([[0.8, 0.2], [0.3, 0.7]]), 400_000
    single = rng.random(count) < 0.5
    first = rng.random((count, 3)) < shares[0]
    cooks = np.where(np.where(single[:, None], first[:, :1], first), 0, 1)
    dishes = (rng.random((count, 3)) > habits[cooks, 0]).sum(1)  # how many of the second kind
    seen = dishes == 3
    one, who = right(room.one_or_many, np.array([0, 3]), shares, habits)
    assert one == pytest.approx(single[seen].mean(), abs=0.01)
    assert who[1] == pytest.approx(cooks[seen & single, 0].mean(), abs=0.01)
