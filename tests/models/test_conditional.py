import itertools
import math

import pytest
import torch
from mutations import assert_rejected
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_utils.models import conditional
from course_utils.models.conditional import ConditionalVAE, conditional_kl
from course_utils.models.vae import gaussian_kl
from course_utils.workshop.training import train_quietly


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def tiny(module=conditional, learn_prior=True, latent_dim=1):
    """Three pixels, two classes, far from its start, in double precision."""
    model = module.ConditionalVAE(3, latent_dim, 2, (5,), learn_prior=learn_prior, seed=1).double()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            if parameter.requires_grad:
                parameter.add_(0.5 * draw(*parameter.shape, seed=number))
    return model


EVERY = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)


def kl_is_torchs(module):
    mean, log_var, prior_mean, prior_log_var = (draw(4, 3, seed=seed) for seed in range(4))
    q, p = (Normal(m, (0.5 * v).exp()) for m, v in ((mean, log_var), (prior_mean, prior_log_var)))
    expected = kl_divergence(q, p).sum(-1)
    torch.testing.assert_close(module.conditional_kl(mean, log_var, prior_mean, prior_log_var), expected)


def test_the_divergence_is_torchs_and_that_of_lesson_08():
    kl_is_torchs(conditional)
    mean, log_var = draw(4, 3), draw(4, 3, seed=1)
    zero = torch.zeros(3, dtype=torch.float64)
    torch.testing.assert_close(conditional_kl(mean, log_var, zero, zero), gaussian_kl(mean, log_var))
    assert torch.equal(conditional_kl(mean, log_var, mean, log_var), torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("change = log_var - prior_log_var", "change = prior_log_var - log_var"),
        ("torch.exp(-prior_log_var)", "torch.exp(-log_var)"),
        ("return 0.5 * (change.exp()", "return (change.exp()"),
    ],
)
def test_other_divergences_are_rejected(right, wrong):
    assert_rejected(conditional, right, wrong, kl_is_torchs)


def log_probs(model, labels):
    """log p(x | y) of all eight pictures, by quadrature over the one latent."""
    grid = torch.linspace(-12, 12, 3001, dtype=torch.float64)
    values = []
    for x, label in zip(EVERY, labels, strict=True):
        mean, log_var = model.prior_mean[label], model.prior_log_var[label]
        prior = Normal(mean, (0.5 * log_var).exp()).log_prob(grid)
        many = label.expand(len(grid))
        likelihood = Bernoulli(probs=model.decode(grid[:, None], many)).log_prob(x).sum(1)
        values.append((prior + likelihood).logsumexp(0) + math.log(grid[1] - grid[0]))
    return torch.stack(values)


def bound_is_a_bound(module):
    model = tiny(module)
    for label in (0, 1):
        labels = torch.full((8,), label)
        with torch.no_grad():
            exact = log_probs(model, labels)
            bound = model.elbo(EVERY, labels, 20_000, generator())
        assert exact.exp().sum().item() == pytest.approx(1, abs=1e-6)
        assert (bound <= exact + 0.02).all()
        # log p = ELBO + KL(q ‖ posterior), with q and the posterior on a grid
        grid = torch.linspace(-12, 12, 3001, dtype=torch.float64)
        width = grid[1] - grid[0]
        with torch.no_grad():
            mean, log_var = model.encode(EVERY, labels)
            q = Normal(mean, (0.5 * log_var).exp()).log_prob(grid)
            p_mean, p_log_var = model.prior_mean[label], model.prior_log_var[label]
            prior = Normal(p_mean, (0.5 * p_log_var).exp()).log_prob(grid)
            many = labels[:1].expand(len(grid))
            ink = model.decode(grid[:, None], many)
            joint = prior + Bernoulli(probs=ink).log_prob(EVERY[:, None]).sum(-1)
            gap = (q.exp() * (q - (joint - exact[:, None]))).sum(1) * width
        torch.testing.assert_close(bound + gap, exact, atol=0.03, rtol=0)


def test_the_bound_is_one_and_its_gap_is_a_divergence():
    bound_is_a_bound(conditional)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "self.prior_mean[labels], self.prior_log_var[labels])\n        return {",
            "0 * mean, 0 * log_var)\n        return {",
        ),
        ('return terms["reconstruction"] - terms["kl"]', 'return terms["reconstruction"]'),
        (
            "mean + torch.exp(0.5 * log_var) * self._noise((samples",
            "mean + 0 * torch.exp(0.5 * log_var) * self._noise((samples",
        ),
    ],
)
def test_other_bounds_are_rejected(right, wrong):
    assert_rejected(conditional, right, wrong, bound_is_a_bound)


def test_what_is_learned():
    fixed, learned = ConditionalVAE(3, 2, 4), ConditionalVAE(3, 2, 4, learn_prior=True)
    assert not fixed.prior_mean.requires_grad and learned.prior_log_var.requires_grad
    assert torch.equal(fixed.prior_mean, torch.zeros(4, 2))


def test_it_draws_the_kind_that_is_asked_for_and_tells_kinds_apart():
    patterns = torch.eye(3).repeat_interleave(3, dim=1)  # nine pixels, three kinds
    labels = torch.arange(600) % 3
    noise = (torch.rand(600, 9, generator=generator()) < 0.1).float()
    x = (patterns[labels] - noise).abs()
    model = ConditionalVAE(9, 1, 3, (16,), seed=0).start_at_mean(x)
    assert model.decode(torch.zeros(2, 1), torch.tensor([0, 1])).shape == (2, 9)
    train_quietly(model, model.loss, (x, labels), epochs=30, batch_size=100)
    wanted = torch.tensor([2, 0, 1])
    assert torch.equal((model.sample_means(wanted, generator()) > 0.5).float(), patterns[wanted])
    assert (model.classify(x[:100], 5, generator()) == labels[:100]).double().mean() > 0.9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.encode(torch.zeros(2, 3), torch.tensor([0, 2])), "from 0 to 1"),
        (lambda m: m.encode(torch.zeros(2, 3), torch.tensor([0])), "one a row"),
        (lambda m: m.encode(torch.zeros(2, 3), torch.tensor([0.0, 1.0])), "int64"),
        (lambda m: m.encode(torch.zeros(2, 4), torch.tensor([0, 1])), "3 features"),
        (lambda m: m.elbo(torch.zeros(2, 3), torch.tensor([0, 1]), 0), "samples"),
        (lambda m: ConditionalVAE(3, 1, 0), "classes"),
    ],
)
def test_what_is_not_as_described_is_refused_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(ConditionalVAE(3, 1, 2))
