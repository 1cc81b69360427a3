"""Topic models against enumeration, quadrature, scipy and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, sparse, stats

from course_utils.models import corpus, topics

WORDS = ("sea", "ship", "sky", "star")


@pytest.fixture(scope="module")
def documents():
    """Bags of the corpus: 400 documents to learn from, 100 others."""
    parts = corpus.split(corpus.make_corpus())
    return [topics.counts_of(part.sentences, corpus.CONTENT_WORDS, part.documents) for part in parts]


@pytest.fixture(scope="module")
def fitted(documents):
    model = topics.TopicModel(len(corpus.CONTENT_WORDS), 5, (64,), prior_scale=2.0)
    topics.fit_topics(model, documents[0], epochs=60, learning_rate=0.05, progress=False)
    return model


# bags


def test_the_coefficient_counts_the_orders():
    p = torch.tensor([0.5, 0.3, 0.2])
    counts = torch.tensor([2.0, 1.0, 0.0])
    orders = set(itertools.permutations([0, 0, 1]))
    total = sum(math.prod(p[word].item() for word in order) for order in orders)
    assert topics.bag_log_likelihood(counts, p, coefficient=True).exp().item() == pytest.approx(total)
    assert topics.bag_log_likelihood(counts, p).exp().item() == pytest.approx(total / len(orders))
    reference = stats.multinomial.logpmf(counts.numpy(), 3, p.double().numpy() / p.double().sum().item())
    assert topics.bag_log_likelihood(counts, p, coefficient=True).item() == pytest.approx(reference, abs=1e-6)


def test_with_the_coefficient_all_bags_of_a_length_add_up_to_one():
    p = torch.tensor([0.5, 0.3, 0.2])
    bags = [bag for bag in itertools.product(range(5), repeat=3) if sum(bag) == 4]
    total = topics.bag_log_likelihood(torch.tensor(bags).float(), p, coefficient=True).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-6)


def test_a_word_that_does_not_occur_may_be_impossible():
    assert topics.bag_log_likelihood(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0])).item() == 0
    assert topics.bag_log_likelihood(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0])).item() == -math.inf


def test_counts_add_up_sentences_of_a_document():
    counts = topics.counts_of(["sea ship sea", ("sky", "moon"), "star"], WORDS, [0, 1, 0])
    assert counts.tolist() == [[2, 1, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (torch.tensor([[1.0, 1.0], [0.0, 0.0]]), "document 1 has no word"),
        (torch.tensor([[3.0], [1.0]]), "a vocabulary of 1 words has no topics"),
        (torch.tensor([[1.5, 1.0]]), "whole numbers"),
        (torch.tensor([[-1.0, 1.0]]), "none below 0"),
        (torch.tensor([1.0, 1.0]), "a row for each document"),
        (torch.ones(2, 3), "each of the model's 2 words; got 3"),
    ],
)
def test_bad_counts_are_told_what_is_wrong(counts, message):
    with pytest.raises(ValueError, match=message):
        topics.check_counts(counts, 2)


def test_bad_words_are_told_what_is_wrong():
    with pytest.raises(ValueError, match="'moon', which is no column"):
        topics.counts_of(["sea moon"], WORDS, strict=True)
    with pytest.raises(ValueError, match="two or more, each once; got 1"):
        topics.counts_of(["sea"], ["sea"])
    with pytest.raises(TypeError, match=r"counts must be a torch tensor; got list"):
        topics.check_counts([[1, 2]])
    model = topics.TopicModel(2, 2)
    with pytest.raises(ValueError, match="document 0 has no word"):
        topics.fit_topics(model, torch.zeros(3, 2))


def test_perplexity_is_the_number_of_equally_likely_words():
    tokens = torch.tensor([3.0, 5.0])
    assert topics.perplexity(-tokens * math.log(7), tokens) == pytest.approx(7)
    # all texts together, not the mean of perplexities, nor per document
    assert topics.perplexity(torch.tensor([-3.0, -1.0]), torch.tensor([1.0, 3.0])) == pytest.approx(math.e)
    with pytest.raises(ValueError, match="one log p for each"):
        topics.perplexity(torch.zeros(2), torch.ones(3))


# the model


def small_model(prior_scale=1.0):
    model = topics.TopicModel(4, 2, (8,), prior_scale=prior_scale, seed=1)
    with torch.no_grad():
        model.logits.copy_(torch.tensor([[2.0, 1.0, 0.0, -1.0], [-1.0, 0.0, 1.0, 2.0]]))
        model.encoder[-1].bias[2:] = 2 * math.log(prior_scale)  # about as wide as the prior, for importance sampling
    return model.double()


@pytest.mark.parametrize("prior_scale", [1.0, 2.0])
def test_the_bounds_lie_below_the_quadrature_of_log_p(prior_scale):
    model, counts = small_model(prior_scale), torch.tensor([[2.0, 1.0, 0.0, 1.0]]).double()
    table = model.table().detach().numpy()

    def density(difference):  # of the two latents, on which alone their softmax depends
        theta = 1 / (1 + math.exp(-difference))
        words = theta * table[0] + (1 - theta) * table[1]
        return np.prod(words ** counts[0].numpy()) * stats.norm.pdf(difference, 0, prior_scale * math.sqrt(2))

    exact = math.log(integrate.quad(density, -15 * prior_scale, 15 * prior_scale, epsabs=1e-12)[0])
    generator = torch.Generator().manual_seed(0)
    elbo = model.elbo(counts, 20000, generator).item()
    assert elbo < exact
    assert model.importance_log_prob(counts, 20000, generator).item() == pytest.approx(exact, abs=0.01)
    # the gap is the KL to the true posterior: only q's KL to the prior in closed form is ours, so compare it as well
    terms = model.elbo_terms(counts, 5, generator)
    mean, log_var = model.encode(counts)
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var))
    p = torch.distributions.Normal(torch.zeros_like(mean), prior_scale)
    assert torch.allclose(terms["kl"], torch.distributions.kl_divergence(q, p).sum(-1))


def test_rows_of_the_table_and_proportions_are_distributions(fitted, documents):
    assert torch.allclose(fitted.table().sum(1), torch.ones(5), atol=1e-5)
    for samples in (0, 10):
        theta = fitted.proportions(documents[1], samples)
        assert theta.shape == (100, 5) and torch.allclose(theta.sum(1), torch.ones(100), atol=1e-5)
    loss = fitted.loss(documents[1].to(torch.uint8), beta=0.0)
    assert loss["kl"].item() == 0


def test_true_topics_are_found(fitted, documents):
    order, cosines = topics.match_topics(fitted.table().detach(), corpus.word_table())
    assert sorted(order) == list(range(5)) and cosines.min() > 0.95
    theta = fitted.proportions(documents[1])[:, order].detach().numpy()
    _, test = corpus.split(corpus.make_corpus())
    assert (theta.argmax(1) == test.proportions.argmax(1)).mean() > 0.85


def test_a_documents_topics_do_not_see_the_sentence(fitted):
    _, test = corpus.split(corpus.make_corpus())
    counts = topics.counts_of(test.sentences, corpus.CONTENT_WORDS)
    proportions = topics.context_proportions(fitted, counts, test.documents)
    other = counts.clone()
    other[7] = counts[3]  # whatever sentence 7 says, its own proportions stay
    changed = topics.context_proportions(fitted, other, test.documents)
    assert torch.allclose(changed[7], proportions[7], atol=1e-6)
    assert not torch.allclose(changed[8], proportions[8], atol=1e-3)
    alone = topics.context_proportions(fitted, counts[:1], [0])
    assert torch.allclose(alone, torch.full((1, 5), 0.2))


# measures


def test_topics_are_matched_by_the_largest_sum_of_cosines():
    true = np.array([[1.0, 0, 0], [0, 1, 0]])
    found = np.array([[0, 0.9, 0.1], [0, 0, 1], [0.8, 0, 0.2]])
    order, cosines = topics.match_topics(found, true)
    assert order.tolist() == [2, 0]
    assert cosines == pytest.approx([0.8 / math.hypot(0.8, 0.2), 0.9 / math.hypot(0.9, 0.1)])
    best = max(
        sum(found[a] @ t / np.linalg.norm(found[a]) for a, t in zip(p, true, strict=True))
        for p in itertools.permutations(range(3), 2)
    )
    assert cosines.sum() == pytest.approx(best)
    with pytest.raises(ValueError, match="a found topic for each of the 2"):
        topics.match_topics(found[:1], true)


def test_coherence_of_pairs_is_one_zero_or_minus_one():
    # words 0 and 1 always together, 2 independent of them, 3 never with 0
    counts = np.array([[1, 1, 1, 0], [2, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 3]])
    pair = {name: np.zeros((1, 4)) for name in ("together", "independent", "apart")}
    pair["together"][0, [0, 1]] = pair["independent"][0, [0, 2]] = pair["apart"][0, [0, 3]] = 0.5
    for name, value in (("together", 1), ("independent", 0), ("apart", -1)):
        assert topics.npmi(pair[name], counts, 2) == pytest.approx([value]), name
        assert topics.npmi(pair[name], sparse.csr_array(counts), 2) == pytest.approx([value]), name
        assert topics.npmi(pair[name], torch.from_numpy(counts), 2) == pytest.approx([value]), name
    everywhere = np.ones((3, 2))
    assert topics.npmi(np.array([[0.5, 0.5]]), everywhere, 2) == pytest.approx([1])
    with pytest.raises(ValueError, match="column 1 is in no document"):
        topics.npmi(np.array([[0.5, 0.5]]), np.array([[1, 0]]), 2)


def test_coherence_is_the_formula_pair_by_pair(fitted, documents):
    table, counts = fitted.table().detach().double().numpy(), documents[0].numpy()
    has = counts > 0
    for topic, value in enumerate(topics.npmi(table, counts, 5)):
        pairs = []
        for i, j in itertools.combinations(np.argsort(-table[topic])[:5], 2):
            both = (has[:, i] & has[:, j]).mean()
            pmi = math.log(both / (has[:, i].mean() * has[:, j].mean())) if both else 0
            pairs.append(pmi / -math.log(both) if both else -1)
        assert value == pytest.approx(np.mean(pairs))


def test_diversity_and_top_words():
    table = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.1, 0.2, 0.3]])
    assert topics.top_words(table, WORDS, 2) == [["sea", "ship"], ["sea", "star"]]
    assert topics.diversity(table, 2) == 0.75 and topics.diversity(table, 4) == 0.5
    with pytest.raises(ValueError, match="at most 4"):
        topics.diversity(table)


# the rival


def test_ldas_log_p_is_the_quadrature_over_proportions():
    table = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    counts = torch.tensor([[3.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    concentration = np.array([0.5, 1.5])
    found = topics.lda_log_prob(table, concentration, counts, samples=40000)
    for bag, value in zip(counts.numpy(), found, strict=True):

        def likelihood(theta, bag=bag):
            return np.prod((theta * table[0] + (1 - theta) * table[1]) ** bag) * stats.beta.pdf(theta, *concentration)

        assert value == pytest.approx(math.log(integrate.quad(likelihood, 0, 1)[0]), abs=0.01)


def test_the_neural_model_is_not_far_behind_lda(fitted, documents):
    from sklearn.decomposition import LatentDirichletAllocation

    train, test = documents
    fits = [LatentDirichletAllocation(5, max_iter=20, random_state=seed).fit(train.numpy()) for seed in (0, 1)]
    lda = max(fits, key=lambda fit: fit.score(train.numpy()))  # one start in two is stuck
    table = lda.components_ / lda.components_.sum(1, keepdims=True)
    tokens = test.sum(1)
    theirs = topics.perplexity(topics.lda_log_prob(table, lda.doc_topic_prior_, test), tokens)
    ours = topics.perplexity(fitted.importance_log_prob(test, 500, torch.Generator().manual_seed(0)), tokens)
    exact = topics.perplexity(topics.lda_log_prob(corpus.word_table(), 0.1, test), tokens)
    assert exact < theirs < 1.15 * exact and ours < 1.15 * theirs


def test_normalised_means_fill_the_prior(documents):
    train, _ = documents
    model = topics.TopicModel(train.shape[1], 5, (16,), prior_scale=2.0, normalised=True)
    mean, _ = model.train().encode(train)
    assert torch.allclose(mean.mean(0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(mean.std(0, correction=0), torch.full((5,), 2.0), rtol=0.02)
    topics.fit_topics(model, train, epochs=1, progress=False)
    one, all_of_them = model.proportions(train[:1]), model.proportions(train)[:1]
    assert torch.allclose(one, all_of_them, atol=1e-5), "a document's topics do not depend on the others after training"
