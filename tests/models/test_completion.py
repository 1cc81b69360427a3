import math

import numpy as np
import pytest
import torch
from mutations import assert_rejected
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from course_utils.models import completion
from course_utils.models.completion import (
    HalfEncoder,
    WeightedDraws,
    alternate,
    completions,
    coverage,
    gaussian_conditional,
    guess,
    importance_draws,
    interval,
    linear_vae,
    log_evidence,
    pixel_log_probs,
    predictive_log_prob,
    predictive_mean,
    random_halves,
    random_squares,
    train_half_encoder,
)
from course_utils.models.ppca import ProbabilisticPCA
from course_utils.models.vae import VAE

SEEN = torch.tensor([True, True, False, True, False, True])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ppca(seed=0, size=6, latent_dim=2):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(size, latent_dim)))  # orthogonal columns: then q is the exact posterior
    return ProbabilisticPCA(rng.normal(size=size), axes * [2.0, 1.2], 0.3)


def points(rows=5, seed=3):
    return torch.tensor(ppca().sample(rows, seed)[0])


def by_blocks(model, x, seen):
    """The conditional of the Gaussian with its D×D covariance, by the formula of blocks."""
    covariance, h = model.covariance, ~seen
    gain = covariance[np.ix_(h, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    means = model.mean[h] + (x[:, seen] - model.mean[seen]) @ gain.T
    return means, covariance[np.ix_(h, h)] - gain @ covariance[np.ix_(seen, h)]


def tiny(likelihood="bernoulli", seed=1):
    """A VAE with one latent and six pixels, far from its start."""
    options = {} if likelihood == "bernoulli" else {"scale": 0.7}
    model = VAE(6, 1, (5,), likelihood=likelihood, activation="tanh", seed=seed, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.8)
    return model


def bits(rows=4, seed=5):
    return (torch.rand(rows, 6, generator=generator(seed), dtype=torch.float64) < 0.5).double()


def by_grid(model, x, seen):
    """log p(x_seen), log p(x_hidden | x_seen), and E[x | x_seen] of a model with one latent, by quadrature."""
    grid = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    with torch.no_grad():
        each = pixel_log_probs(model, x[:, None], grid[:, None])
        log_mass = -0.5 * grid**2 - 0.5 * math.log(2 * math.pi) + math.log(grid[1] - grid[0])
        joint_seen = (each * seen).sum(-1) + log_mass
        evidence = joint_seen.logsumexp(1)
        hidden = (each.sum(-1) + log_mass).logsumexp(1) - evidence
        mean = joint_seen.softmax(1) @ model.decode(grid[:, None])
    return evidence, hidden, mean


# --- the linear model


def conditional_is_that_of_blocks(module):
    for seed in range(4):
        model, seen = ppca(seed, size=7, latent_dim=3 if seed == 0 else 2) if seed else ppca(), SEEN.numpy()
        if len(model.mean) == 7:
            seen = np.append(seen, False)
        x = model.sample(5, seed)[0]
        for ours, theirs in zip(module.gaussian_conditional(model, x, seen), by_blocks(model, x, seen), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_conditional_is_that_of_the_whole_covariance():
    conditional_is_that_of_blocks(completion)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("loadings @ covariance @ loadings.T + noise", "loadings @ covariance @ loadings.T"),
        ("return model.mean[~seen] + means @ loadings.T,", "return means @ loadings.T,"),
        ("model.loadings[seen], model.noise_variance)", "model.loadings[seen], 1.0)"),
    ],
)
def test_other_conditionals_are_rejected(right, wrong):
    assert_rejected(completion, right, wrong, conditional_is_that_of_blocks)


def test_hidden_values_are_not_looked_at():
    model, x = ppca(), points().numpy()
    other = np.where(SEEN.numpy(), x, np.nan)
    for one, two in zip(
        gaussian_conditional(model, x, SEEN.numpy()), gaussian_conditional(model, other, SEEN.numpy()), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_the_linear_vae_is_the_model():
    model, x = ppca(), points()
    vae = linear_vae(model)
    posterior = model.posterior(x)
    mean, log_var = vae.encode(x)
    np.testing.assert_allclose(mean.detach(), posterior.means, atol=1e-12)
    np.testing.assert_allclose(log_var.exp().detach()[0], np.diag(posterior.covariance), rtol=1e-10)
    np.testing.assert_allclose(vae.elbo(x, 4000, generator()).detach(), model.log_prob(x), atol=0.05)
    np.testing.assert_allclose(vae.importance_log_prob(x, 5, generator()), model.log_prob(x), atol=1e-10)


def completing_the_linear_model_is_its_conditional(module):
    model, x, seen = ppca(), points(), SEEN
    means, covariance = gaussian_conditional(model, x, seen.numpy())
    hidden = x[:, ~seen].numpy()
    exact = [multivariate_normal(m, covariance).logpdf(v) for m, v in zip(means, hidden, strict=True)]
    vae = linear_vae(model)
    weighted = module.importance_draws(vae, x, seen, 200_000, prior_share=0.5, generator=generator(1))
    np.testing.assert_allclose(module.predictive_log_prob(vae, x, seen, weighted), exact, atol=0.1)
    np.testing.assert_allclose(module.predictive_mean(vae, weighted)[:, ~seen], means, atol=0.03)
    evidence = multivariate_normal(model.mean[seen], model.covariance[np.ix_(seen, seen)]).logpdf(x[:, seen])
    np.testing.assert_allclose(module.log_evidence(weighted), evidence, atol=0.03)
    whole = module.completions(vae, x, seen, weighted, 20_000, generator=generator(2))
    assert torch.equal(whole[:, :, seen], x[:, seen].expand(20_000, -1, -1))
    np.testing.assert_allclose(whole[..., ~seen].mean(0), means, atol=0.05)
    np.testing.assert_allclose(np.cov(whole[:, 0][:, ~seen].T), covariance, atol=0.05)


def test_completing_the_linear_model_is_its_conditional():
    completing_the_linear_model_is_its_conditional(completion)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("_seen_log_prob(model, x, seen, z) + log_prior - log_r", "_seen_log_prob(model, x, seen, z) + log_prior"),
        ("_seen_log_prob(model, x, seen, z) + log_prior - log_r", "_seen_log_prob(model, x, seen, z) - log_r"),
        ("hidden = _seen_log_prob(model, x, ~seen, weighted.z)", "hidden = _seen_log_prob(model, x, seen, weighted.z)"),
        (
            "(weighted.log_weights.log_softmax(0) + hidden).logsumexp(0)",
            "(weighted.log_weights.softmax(0) * hidden).sum(0)",
        ),
        (
            "(weighted.log_weights.log_softmax(0) + hidden).logsumexp(0)",
            "hidden.logsumexp(0) - math.log(len(hidden))",
        ),
        (
            "weighted.log_weights.logsumexp(0) - math.log(len(weighted.log_weights))",
            "weighted.log_weights.logsumexp(0)",
        ),
        (
            "torch.multinomial(weighted.shares().T, count",
            "torch.multinomial(torch.ones_like(weighted.shares()).T, count",
        ),
        ("return mean + model.log_scale.exp() * noise", "return mean"),
    ],
)
def test_other_completions_are_rejected(right, wrong):
    assert_rejected(completion, right, wrong, completing_the_linear_model_is_its_conditional)


# --- VAEs with a grid


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "laplace"])
def test_pixels_add_up_to_the_likelihood(likelihood):
    model, x = tiny(likelihood), bits()
    z = torch.randn(3, 4, 1, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(pixel_log_probs(model, x, z).sum(-1), model.log_likelihood(x, z))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "laplace"])
@pytest.mark.parametrize("prior_share", [0.1, 1.0])
def test_importance_weights_find_what_a_grid_finds(likelihood, prior_share):
    model, x = tiny(likelihood), bits()
    evidence, hidden, mean = by_grid(model, x, SEEN)
    weighted = importance_draws(model, x, SEEN, 40_000, prior_share=prior_share, generator=generator(4))
    torch.testing.assert_close(log_evidence(weighted), evidence, atol=0.03, rtol=0)
    torch.testing.assert_close(predictive_log_prob(model, x, SEEN, weighted), hidden, atol=0.05, rtol=0)
    torch.testing.assert_close(predictive_mean(model, weighted), mean, atol=0.03, rtol=0)


def test_each_row_may_have_a_mask_of_its_own():
    model, x = tiny(), bits(3)
    seen = torch.tensor([[True] * 6, [True, False] * 3, [False] * 5 + [True]])
    weighted = importance_draws(model, x, seen, 20_000, generator=generator())
    scores = predictive_log_prob(model, x, seen, weighted)
    assert scores[0] == pytest.approx(0, abs=1e-12)
    for row in (1, 2):
        evidence, hidden, _ = by_grid(model, x[row : row + 1], seen[row])
        assert scores[row].item() == pytest.approx(hidden.item(), abs=0.05)
        assert log_evidence(weighted)[row].item() == pytest.approx(evidence.item(), abs=0.05)


def test_hidden_pixels_may_be_missing():
    model, x = tiny(), bits()
    missing = torch.where(SEEN, x, math.nan)
    one, two = (importance_draws(model, data, SEEN, 50, generator=generator()) for data in (x, missing))
    assert torch.equal(one.z, two.z) and torch.equal(one.log_weights, two.log_weights)
    whole = completions(model, missing, SEEN, one, 3, generator=generator())
    assert torch.isfinite(whole).all() and set(whole[..., ~SEEN].flatten().tolist()) <= {0.0, 1.0}
    smooth = completions(model, missing, SEEN, one, 3, means=True, generator=generator())
    assert torch.equal(smooth[..., SEEN], x[:, SEEN].expand(3, -1, -1))
    assert torch.isfinite(guess(model, missing, SEEN)).all()


def chain_stays_the_posterior(module):
    """Chains that start at draws of the posterior, by a grid, have the same means some steps later."""
    model, x, copies = tiny(), bits(3, seed=8), 6000
    _, _, mean = by_grid(model, x, SEEN)
    grid = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    each = pixel_log_probs(model, x[:, None], grid[:, None]).detach()
    shares = ((each * SEEN).sum(-1) - 0.5 * grid**2).softmax(1)
    start = grid[torch.multinomial(shares, copies, replacement=True, generator=generator(2))].T.reshape(-1, 1)
    chain = module.alternate(model, x.repeat(copies, 1), SEEN, 15, start=start, generator=generator(3))
    late = chain.z[-1].reshape(copies, 3, 1)
    assert (model.decode(late).mean(0).detach() - mean).abs().max() < 0.015
    pixels = chain.x[-1].reshape(copies, 3, 6).mean(0)
    assert (pixels - torch.where(SEEN, x, mean)).abs().max() < 0.025


def test_metropolis_draws_are_those_of_the_posterior_and_pseudo_ones_are_not():
    chain_stays_the_posterior(completion)
    model, x = tiny(), bits(3, seed=8)
    _, _, mean = by_grid(model, x, SEEN)
    chain = alternate(model, x.repeat(300, 1), SEEN, 80, kind="pseudo", generator=generator(3))
    assert chain.accepted.all()
    found = model.decode(chain.z[20:].reshape(60, 300, 3, 1)).mean((0, 1)).detach()
    assert (found - mean).abs().max() > 0.06


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("generator=generator, dtype=x.dtype).log() < gain", "generator=generator, dtype=x.dtype) < gain.sign() + 1"),
        ("gaussian_log_prob(z, zero, zero) - gaussian_log_prob(z, mean, log_var)", "gaussian_log_prob(z, zero, zero)"),
        ("model.log_likelihood(x, z) + gaussian_log_prob(z, zero", "gaussian_log_prob(z, zero"),
    ],
)
def test_other_chains_are_rejected(right, wrong):
    assert_rejected(completion, right, wrong, chain_stays_the_posterior)


def test_where_q_is_exact_metropolis_accepts_every_proposal():
    vae, x = linear_vae(ppca()), points()
    chain = alternate(vae, x, SEEN, 50, generator=generator())
    assert chain.accepted.all()
    assert chain.z.shape == (50, 5, 2) and chain.x.shape == (50, 5, 6)
    assert torch.equal(chain.x[:, :, SEEN], x[:, SEEN].expand(50, -1, -1))


def test_an_encoder_of_halves_is_a_better_proposal():
    model, seen = VAE(16, 2, (16,), seed=3), torch.arange(16) < 8
    with torch.no_grad():
        model.decoder[-1].weight.mul_(6)
    x = torch.bernoulli(model.sample_means(2000, generator()), generator=generator(1))
    model.requires_grad_(False)
    half = train_half_encoder(model, x, lambda rows: seen.expand(rows, -1), hidden=(16,), epochs=8)
    assert isinstance(half, HalfEncoder)
    own, learned = (
        importance_draws(model, x[:100], seen, 400, prior_share=0.05, proposal=proposal, generator=generator(2))
        for proposal in (None, half)
    )
    exact = log_evidence(importance_draws(model, x[:100], seen, 20_000, prior_share=1.0, generator=generator(3)))
    assert (log_evidence(learned) - exact).abs().mean() < 0.1

    def share(weighted):
        return 1 / weighted.shares().square().sum(0)

    assert share(learned).median() > share(own).median()


def test_halves_are_halves():
    masks = random_halves(400, generator=generator())
    assert masks.shape == (400, 784) and masks.dtype == torch.bool
    shares = masks.double().mean(1)
    assert 0.2 < shares.min() and shares.max() < 0.8 and shares.mean() == pytest.approx(0.5, abs=0.03)
    assert masks.double().mean(0).std() < 0.06  # no place is seen more often than another


def test_squares_are_squares():
    masks = random_squares(300, generator=generator()).reshape(-1, 28, 28)
    for hidden in ~masks:
        rows, columns = hidden.any(1), hidden.any(0)
        assert torch.equal(hidden, rows[:, None] & columns)
        for line in (rows, columns):
            assert 1 <= line.sum() <= 21 and line.nonzero().diff(dim=0).eq(1).all()  # no gap
    sizes = (~masks).any(2).sum(1)
    assert sizes.min() <= 6 and sizes.max() >= 18


# --- intervals


def test_intervals_hold_their_share():
    draws = np.random.default_rng(0).normal(size=(200_000, 2)) * [1, 3]
    lower, upper = interval(draws, 0.9)
    np.testing.assert_allclose(upper, [1.6449, 4.9346], rtol=0.02)
    np.testing.assert_allclose(lower, -upper, rtol=0.03)
    fresh = np.random.default_rng(1).normal(size=(50_000, 2)) * [1, 3]
    assert coverage(fresh, *np.broadcast_arrays(lower, upper, fresh)[:2]) == pytest.approx(0.9, abs=0.01)
    assert coverage([1.0, 2.0, 3.0, 4.0], [1.0] * 4, [3.0] * 4) == 0.75


# --- errors


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda m, x: importance_draws(m, x, ~SEEN & SEEN, 5),
            ValueError,
            "no pixel of row 0.*the prior.*sample_means",
        ),
        (
            lambda m, x: importance_draws(m, torch.where(SEEN, math.nan, x), SEEN, 5),
            ValueError,
            "row 0 has nan at pixel 0",
        ),
        (lambda m, x: importance_draws(m, x, SEEN.double(), 5), TypeError, "truth values"),
        (lambda m, x: importance_draws(m, x, SEEN[:5], 5), ValueError, "seen must have the shape"),
        (lambda m, x: importance_draws(m, x[:, :5], SEEN, 5), ValueError, "6 features"),
        (lambda m, x: importance_draws(m, x.long(), SEEN, 5), TypeError, "floating-point"),
        (lambda m, x: importance_draws(m, x, SEEN, 0), ValueError, "draws"),
        (lambda m, x: importance_draws(m, x, SEEN, 5, prior_share=2), ValueError, "prior_share"),
        (lambda m, x: importance_draws(m, x, SEEN, 5, generator=3), TypeError, "generator"),
        (lambda m, x: alternate(m, x, SEEN, 5, kind="gibbs"), ValueError, "metropolis"),
        (lambda m, x: alternate(m, x, SEEN, 5, start=torch.zeros(2, 1)), ValueError, "start must have the shape"),
        (
            lambda m, x: predictive_log_prob(m, torch.where(SEEN, x, math.nan), SEEN, importance_draws(m, x, SEEN, 5)),
            ValueError,
            "its hidden pixels are what is scored",
        ),
        (
            lambda m, x: completions(m, x, SEEN, WeightedDraws(torch.zeros(5, 2, 1), torch.zeros(5, 2)), 3),
            ValueError,
            "weighted must hold draws",
        ),
        (lambda m, x: interval(x, 1.0), ValueError, "between 0 and 1"),
        (lambda m, x: gaussian_conditional(ppca(), points(), [True] * 6), ValueError, "nothing to condition on"),
        (lambda m, x: gaussian_conditional(ppca(), points(), [True] * 5), ValueError, "6 truth values"),
    ],
)
def test_what_is_not_as_described_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call(tiny(), bits())


def test_a_score_is_a_log_of_a_mean():
    """On a Bernoulli model with fixed draws, by numpy."""
    model, x = tiny(), bits(1)
    weighted = importance_draws(model, x, SEEN, 7, generator=generator())
    with torch.no_grad():
        hidden = (pixel_log_probs(model, x, weighted.z) * ~SEEN).sum(-1)[:, 0].numpy()
    shares = weighted.shares()[:, 0].numpy()
    expected = logsumexp(hidden, b=shares)
    assert predictive_log_prob(model, x, SEEN, weighted).item() == pytest.approx(expected, rel=1e-12)
