"""Sentences: marks, likelihoods by enumeration, bounds, priors by quadrature, reflections, and what training does."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import distributions

from course_utils.models import corpus, flows, text, topics
from course_utils.models.priors import MixturePrior
from course_utils.models.text import END, PAD, START, UNKNOWN

VOCABULARY = text.Vocabulary(["the", "cat", "sat"])
TABLE = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def material():
    """The corpus as tokens: those to learn from and others, with topics and the proportions of documents."""
    whole = corpus.make_corpus()
    vocabulary = text.Vocabulary.of(whole.sentences)
    parts = corpus.split(whole)
    tokens = [vocabulary.encode(part.sentences, 14) for part in parts]
    guides = [torch.tensor(part.proportions[part.documents]).float() for part in parts]
    return vocabulary, parts, tokens, guides


# words and numbers


def test_sentences_have_marks_and_come_back():
    tokens = VOCABULARY.encode(["the cat sat", ("cat",), "the dog"], 6)
    assert tokens.tolist() == [
        [START, 4, 5, 6, END, PAD],
        [START, 5, END, PAD, PAD, PAD],
        [START, 4, UNKNOWN, END, PAD, PAD],
    ]
    assert VOCABULARY.decode(tokens) == ["the cat sat", "cat", "the <unknown>"]
    assert text.predicted(tokens).tolist() == [4, 2, 3]
    assert VOCABULARY.encode(["the cat"]).shape == (1, 4)


def test_a_vocabulary_has_frequent_words_first():
    vocabulary = text.Vocabulary.of(["a b", "b c", "b c d"], most=3)
    assert vocabulary.words == (*text.MARKS, "b", "c", "a") and len(vocabulary) == 7


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: text.Vocabulary(["cat"]), ValueError, "at least two words"),
        (lambda: text.Vocabulary(["cat", "cat"]), ValueError, "stand once.*'cat'"),
        (lambda: text.Vocabulary(["cat", "<pad>"]), ValueError, "'<pad>'"),
        (lambda: text.Vocabulary([3, 4]), TypeError, "words must be strings; got 3"),
        (lambda: VOCABULARY.encode([]), ValueError, "at least one sentence"),
        (lambda: VOCABULARY.encode(["the cat", ""]), ValueError, "sentence 1 must have 1 to 2 words.*it has 0"),
        (lambda: VOCABULARY.encode(["the cat sat"], 4), ValueError, "sentence 0 must have 1 to 2 words.*it has 3"),
        (lambda: VOCABULARY.encode(["the dog"], strict=True), ValueError, "'dog', which the vocabulary does not have"),
        (lambda: text.check_tokens(torch.zeros(2, 3), 7), TypeError, "int64"),
        (lambda: text.check_tokens(torch.tensor([[1, 9, 2]]), 7), ValueError, "0 to 6; got 1 to 9"),
        (lambda: text.word_dropout(torch.ones(1, 3), 1.5), ValueError, "rate must be at most 1"),
        (lambda: text.SentenceVAE(7, prior="normal"), TypeError, "prior must be None or one of"),
        (lambda: text.SentenceVAE(7, encoder="transformer"), ValueError, "encoder"),
        (lambda: text.TopicPrior(torch.ones(2, 3), 2), ValueError, "sum to 1"),
        (lambda: text.fit(text.LanguageModel(7), torch.ones(1, 3).long(), floor=1), ValueError, "a VAE's cures"),
    ],
)
def test_bad_input_is_told_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_word_dropout_spares_marks_and_hits_its_share_of_words():
    tokens = VOCABULARY.encode(["the cat sat"] * 4000, 6)
    assert torch.equal(text.word_dropout(tokens, 0.0), tokens)
    everything = text.word_dropout(tokens, 1.0)
    assert everything[0].tolist() == [START, UNKNOWN, UNKNOWN, UNKNOWN, END, PAD]
    some = text.word_dropout(tokens, 0.3, generator())
    assert torch.equal(some[:, [0, 4, 5]], tokens[:, [0, 4, 5]])
    assert (some == UNKNOWN)[:, 1:4].double().mean().item() == pytest.approx(0.3, abs=0.02)


# likelihoods


@pytest.mark.parametrize("latent", [False, True])
def test_all_sentences_up_to_a_length_have_their_probability_word_by_word(latent):
    """The sum over all beginnings of n tokens is 1, whatever the weights: enumerate them."""
    model = text.SentenceVAE(6, 2, embedding=3, hidden=4) if latent else text.LanguageModel(6, embedding=3, hidden=4)
    z = torch.tensor([[0.3, -1.0]]) if latent else None
    total = 0.0
    everything = [mark for mark in range(6) if mark != PAD]  # PAD is no target
    for n in (1, 2):
        rows = torch.tensor([[START, *words] for words in itertools.product(everything, repeat=n)])
        log_prob = model.decoder.log_prob(rows, None if z is None else z.expand(len(rows), -1))
        lost = 1 - log_prob.exp().sum().item()
        assert 0 < lost < 1, "what is missing has PAD somewhere"
        total = max(total, lost)
    states, _ = model.decoder.states(torch.tensor([[START]]), z)
    pad = model.decoder.output(states)[0, 0].softmax(-1)[PAD].item()
    first = torch.tensor([[START, word] for word in everything])
    code = None if z is None else z.expand(len(first), -1)
    assert model.decoder.log_prob(first, code).exp().sum().item() == pytest.approx(1 - pad, abs=1e-6)


def test_the_likelihood_is_the_product_of_steps_and_pads_do_not_count():
    model = text.LanguageModel(7, embedding=3, hidden=4, seed=3)
    short, long = VOCABULARY.encode(["cat sat"]), VOCABULARY.encode(["cat sat"], 9)
    steps, state = 0.0, None
    for word, following in itertools.pairwise(short[0]):
        states, state = model.decoder.states(word.reshape(1, 1), None, state)
        steps += model.decoder.output(states)[0, 0].log_softmax(-1)[following].item()
    assert model.log_prob(short).item() == pytest.approx(steps, abs=1e-5)
    assert model.log_prob(long).item() == pytest.approx(steps, abs=1e-5)


def test_draws_have_the_models_probabilities():
    model = text.LanguageModel(7, embedding=3, hidden=4, seed=3)
    with torch.no_grad():
        model.decoder.output.bias[[PAD, START, UNKNOWN]] = -30.0  # which are never drawn
        model.decoder.output.bias[END] = 1.0
    drawn = model.generate(4000, generator=generator(), length=6)
    ended = VOCABULARY.decode(drawn)
    one = VOCABULARY.encode(["cat"], 6)
    assert ended.count("cat") / 4000 == pytest.approx(model.log_prob(one).exp().item(), abs=0.02)
    assert ((drawn == END).sum(1) == 1).all() and (drawn[:, 0] == START).all()
    assert len(set(VOCABULARY.decode(model.generate(5, greedy=True)))) == 1


# bounds


@pytest.mark.parametrize("encoder", text.ENCODERS)
@pytest.mark.parametrize("reflections", [0, 3])
def test_the_bounds_lie_below_the_quadrature_of_log_p(encoder, reflections):
    model = text.SentenceVAE(
        7, 2 if reflections else 1, embedding=3, hidden=4, encoder=encoder, reflections=reflections, seed=2
    )
    tokens = VOCABULARY.encode(["the cat", "sat"])
    size = model.latent_dim
    axis = torch.linspace(-7, 7, 141)
    grid = torch.cartesian_prod(*[axis] * size).reshape(-1, size)
    with torch.no_grad():
        log_p = model.log_likelihood(tokens, grid[:, None].expand(-1, 2, -1))
        log_prior = distributions.Normal(0, 1).log_prob(grid).sum(-1, keepdim=True)
        exact = (log_p + log_prior).logsumexp(0) + size * math.log(14 / 140)
        elbo = model.elbo(tokens, samples=4000)
        estimate = model.importance_log_prob(tokens, 4000, generator=generator())
    assert (elbo < exact + 1e-3).all()
    assert torch.allclose(estimate, exact, atol=0.01)


def test_the_kl_is_exact_with_reflections_too():
    model = text.SentenceVAE(7, 3, embedding=3, hidden=4, reflections=2, seed=2)
    tokens = VOCABULARY.encode(["the cat", "sat"])
    with torch.no_grad():
        terms = model.elbo_terms(tokens)
        z, log_q = model.sample(tokens, 40000, generator())
        drawn = (log_q - distributions.Normal(0, 1).log_prob(z).sum(-1)).mean(0)
        _, log_var, vectors = model.encode(tokens)
    assert torch.allclose(terms["kl"], drawn, atol=0.02)
    assert torch.allclose(terms["kl_per_latent"].sum(1), terms["kl"])
    assert torch.allclose(z.mean(0), model.posterior_mean(tokens), atol=0.03)
    for row in range(2):
        covariance = torch.cov(z[:, row].T)
        assert torch.allclose(text.reflected_covariance(log_var, vectors)[row], covariance, atol=0.05)


def test_a_reflected_gaussian_is_the_matrices_product():
    log_var, vectors = (
        torch.randn(4, generator=generator()).double(),
        torch.randn(3, 4, generator=generator(1)).double(),
    )
    product = torch.eye(4).double()
    for v in vectors:
        product = (torch.eye(4).double() - 2 * torch.outer(v, v) / (v @ v)) @ product
    expected = product @ torch.diag(log_var.exp()) @ product.T
    assert torch.allclose(text.reflected_covariance(log_var, vectors), expected, atol=1e-12)
    moved, log_det = flows.householder_chain(torch.eye(4).double(), vectors.expand(4, 3, 4))
    assert torch.allclose(moved.T, product, atol=1e-12) and (log_det == 0).all()


# cures


def test_free_bits_hold_each_latent_above_the_floor_and_leave_its_gradient_out():
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]], requires_grad=True)
    value = text.free_bits(kl, 0.5)
    value.backward()
    assert value.item() == pytest.approx(0.5 + 3.0)  # the mean .2 counts as .5; a floor of the sum would give 3.2
    assert kl.grad.tolist() == [[0, 0.5], [0, 0.5]]
    assert text.free_bits(kl, 0.0).item() == pytest.approx(3.2)


def test_warm_up_climbs_to_one_and_stays():
    assert [text.warm_up(step, 4) for step in (0, 1, 4, 9)] == [0, 0.25, 1, 1]
    assert text.warm_up(0, 0) == 1


def test_the_loss_is_minus_the_elbo_and_cures_change_it():
    model = text.SentenceVAE(7, 2, embedding=3, hidden=4, seed=2)
    tokens = VOCABULARY.encode(["the cat", "sat"])

    def loss(**cures):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return {name: value.item() for name, value in model.loss(tokens, **cures).items()}

    with torch.random.fork_rng():
        torch.manual_seed(0)
        elbo = model.elbo(tokens).mean().item()
    plain = loss()
    assert sum(plain.values()) == pytest.approx(-elbo, abs=1e-5)
    assert loss(beta=0.5)["kl"] == pytest.approx(0.5 * plain["kl"])
    assert loss(floor=10.0)["kl"] == pytest.approx(20.0)
    assert loss(dropout=1.0)["reconstruction"] != plain["reconstruction"]


# priors


def test_the_kl_to_a_mixture_is_the_quadrature_in_one_dimension():
    prior = MixturePrior(1, 3, spread=2.0, seed=1)
    mean, log_var = torch.tensor([[0.5], [-2.0]]), torch.tensor([[-1.0], [0.4]])
    weights, means, log_vars = (part.detach() for part in prior.components())
    found = text.mixture_kl(mean, log_var, prior, 200_000, generator())
    for row in range(2):
        q = stats.norm(mean[row].item(), math.exp(0.5 * log_var[row].item()))
        p = [stats.norm(m.item(), math.exp(0.5 * v.item())) for m, v in zip(means, log_vars, strict=True)]

        def integrand(z, q=q, p=p):
            mixed = sum(math.exp(w) * one.pdf(z) for w, one in zip(weights.tolist(), p, strict=True))
            return q.pdf(z) * (q.logpdf(z) - math.log(mixed))

        exact = integrate.quad(integrand, -12, 12, limit=200)[0]
        assert found[row].item() == pytest.approx(exact, abs=0.01)


def test_the_topic_prior_is_a_mixture_of_torch():
    prior = text.TopicPrior(TABLE, 2, learned=True, seed=4)
    with torch.no_grad():
        prior.to_log_var += 0.3
    z = torch.randn(5, 3, 2, generator=generator())
    proportions = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.2, 0.8]])
    _, mean, log_var = prior.components()
    direction = TABLE[0] / TABLE[0].norm()
    assert torch.allclose(mean[0], direction @ prior.to_mean)
    gaussians = distributions.Independent(distributions.Normal(mean, torch.exp(0.5 * log_var)), 1)
    mixtures = [distributions.MixtureSameFamily(distributions.Categorical(probs=row), gaussians) for row in proportions]
    expected = torch.stack([mixture.log_prob(z[:, row]) for row, mixture in enumerate(mixtures)], dim=1)
    assert torch.allclose(prior.log_prob(z, proportions), expected, atol=1e-5)
    equal = distributions.MixtureSameFamily(distributions.Categorical(probs=torch.ones(2)), gaussians)
    assert torch.allclose(prior.log_prob(z), equal.log_prob(z), atol=1e-5)
    assert torch.allclose(prior.class_log_probs(z).exp().sum(-1), torch.ones(5, 3), atol=1e-5)
    with pytest.raises(ValueError, match="a row for each sentence"):
        prior.log_prob(z, proportions[:2])
    drawn = prior.sample_topic(1, 20000, generator())
    assert torch.allclose(drawn.mean(0), mean[1].detach(), atol=0.05)


def test_the_topic_prior_is_learned_only_on_wish():
    assert not any(part.requires_grad for part in text.TopicPrior(TABLE, 2).parameters())
    assert all(part.requires_grad for part in text.TopicPrior(TABLE, 2, learned=True).parameters())
    model = text.SentenceVAE(7, 2)
    with pytest.raises(ValueError, match="proportions guide a TopicPrior"):
        model.elbo(VOCABULARY.encode(["cat"]), torch.ones(1, 2) / 2)


# training


SHORT = {"epochs": 12, "batch_size": 64, "learning_rate": 1e-2, "progress": False}


def test_plain_training_collapses_and_free_bits_do_not(material):
    vocabulary, _, (train, test), _ = material
    curve, kl = [], {}
    for name, floor in (("plain", 0.0), ("free bits", 0.25)):
        model = text.SentenceVAE(len(vocabulary), 16)

        def watch(model, name=name):
            curve.append((name, model.elbo_terms(test)["kl"].mean().item()))

        history = text.fit(model, train, floor=floor, watch=watch, **SHORT)
        kl[name] = model.elbo_terms(test)["kl"].mean().item()
        assert len(history.loss) == 12 and set(history.terms) == {"reconstruction", "kl"}
    assert len(curve) == 24
    assert kl["plain"] < 0.3 and kl["free bits"] > 2


def test_the_language_model_learns_and_is_above_the_truth(material):
    vocabulary, parts, (train, test), guides = material
    tokens = text.predicted(test)
    exact = topics.perplexity(np.logaddexp.reduce(corpus.sentence_log_joint(parts[1].sentences), axis=1), tokens)
    found = []
    for size in (0, 5):
        model = text.LanguageModel(len(vocabulary), context_dim=size)
        text.fit(model, train, guides[0] if size else None, **SHORT)
        found.append(topics.perplexity(model.log_prob(test, guides[1] if size else None).detach(), tokens))
    assert exact < found[0] < 1.4 * exact
    assert found[1] < found[0], "what the document is about helps"


def test_sentences_of_a_topic_are_about_it(material):
    from sklearn.naive_bayes import MultinomialNB

    vocabulary, parts, (train, _), guides = material
    prior = text.TopicPrior(torch.tensor(corpus.word_table()), 16)
    model = text.SentenceVAE(len(vocabulary), 16, prior=prior)
    text.fit(model, train, guides[0], **SHORT)
    judge = MultinomialNB().fit(topics.counts_of(parts[0].sentences, corpus.CONTENT_WORDS).numpy(), parts[0].topics)
    for topic in range(5):
        z = model.prior.sample_topic(topic, 100, generator(topic))
        sentences = vocabulary.decode(model.generate(z, greedy=False, generator=generator()))
        named = judge.predict(topics.counts_of(sentences, corpus.CONTENT_WORDS).numpy())
        assert (named == topic).mean() > 0.5, corpus.TOPICS[topic]


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    tokens = VOCABULARY.encode(["the cat sat", "cat sat", "the cat"] * 20)
    options = {"epochs": 4, "batch_size": 16, "warm_up_epochs": 3, "dropout": 0.2, "progress": False}
    whole, halved = (text.SentenceVAE(7, 2, embedding=3, hidden=4) for _ in range(2))
    text.fit(whole, tokens, **options)
    stopped = []

    def stop(model):
        stopped.append(1)
        if len(stopped) == 3:
            raise KeyboardInterrupt

    place = tmp_path / "run.pt"
    import course_utils.workshop.training as training

    every, training.CHECKPOINT_SECONDS = training.CHECKPOINT_SECONDS, 0.0
    try:
        with pytest.raises(KeyboardInterrupt):
            text.fit(halved, tokens, checkpoint=place, watch=stop, **options)
        again = text.SentenceVAE(7, 2, embedding=3, hidden=4)
        text.fit(again, tokens, checkpoint=place, **options)
    finally:
        training.CHECKPOINT_SECONDS = every
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
