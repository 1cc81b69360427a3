import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mutations import assert_rejected
from torch.distributions import Bernoulli, Laplace, MultivariateNormal, Normal, kl_divergence

from course_utils.models import vae
from course_utils.models.vae import LIKELIHOODS, VAE, load_checkpoint, save_checkpoint
from course_utils.workshop.training import Trainer

GRID = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
"""Values of a one-dimensional latent variable, for quadrature."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def tiny(module, likelihood, latent_dim=1, **options):
    """A model in float64 with three features, five hidden units and a scale that is not 1."""
    scale = {} if likelihood == "bernoulli" else {"scale": 0.6, "learn_scale": True}
    options = {"likelihood": likelihood, "activation": "tanh", "seed": 1} | scale | options
    return module.VAE(3, latent_dim, (5,), **options).double()


def points(likelihood, rows=4):
    x = draw(rows, 3, seed=5)
    return (x > 0).double() if likelihood == "bernoulli" else x


def observed(model, z):
    """The distribution p(x | z), said with torch.distributions."""
    output = model.decoder(z)
    if model.likelihood == "bernoulli":
        return Bernoulli(logits=output)
    return {"gaussian": Normal, "laplace": Laplace}[model.likelihood](output, model.log_scale.exp())


def log_joint_on_grid(model, x):
    """log p(x, z) (N, grid) of a model with one latent dimension, for quadrature over z."""
    conditional = observed(model, GRID[:, None])
    return conditional.log_prob(x[:, None]).sum(-1) + Normal(0.0, 1.0).log_prob(GRID)


def integral(values):
    return torch.trapezoid(values, GRID)


def posterior_on_grid(model, x):
    """log q(z | x) (N, grid)."""
    mean, log_var = model.encode(x)
    return Normal(mean, torch.exp(0.5 * log_var)).log_prob(GRID)


def exact_linear(module):
    """A linear Gaussian VAE whose encoder is the exact posterior, and the covariance of its data.

    The columns of W are orthogonal, so M = WᵀW + σ²I, and with it the posterior's covariance σ²M⁻¹, is diagonal.
    """
    model = module.VAE(4, 2, (), likelihood="gaussian", scale=0.7).double()
    weights = torch.tensor([[1.0, 0.5], [1.0, -0.5], [1.0, 0.5], [1.0, -0.5]], dtype=torch.float64)
    offset = torch.tensor([0.3, -1.0, 2.0, 0.0], dtype=torch.float64)
    variance = 0.7**2
    m = weights.T @ weights + variance * torch.eye(2, dtype=torch.float64)
    gain = torch.linalg.solve(m, weights.T)
    with torch.no_grad():
        model.log_scale.fill_(math.log(0.7))  # again, now in double precision
        model.decoder[0].weight.copy_(weights)
        model.decoder[0].bias.copy_(offset)
        model.encoder[0].weight.copy_(torch.cat([gain, torch.zeros(2, 4)]))
        model.encoder[0].bias.copy_(torch.cat([-gain @ offset, torch.log(variance / m.diagonal())]))
    return model, offset, weights @ weights.T + variance * torch.eye(4, dtype=torch.float64)


def assert_within_errors(draws, value, errors=5):
    """Whether the mean of the draws (K, N) is `value` (N,), to within so many standard errors."""
    error = draws.std(0) / math.sqrt(len(draws))
    assert torch.all((draws.mean(0) - value).abs() <= errors * error), (draws.mean(0), value, error)


# --- oracles: each takes the module to test, because wrong versions of it are tried on them too


def kl_is_that_of_torch(module):
    mean, log_var = draw(7, 3), draw(7, 3, seed=1)
    oracle = kl_divergence(Normal(mean, torch.exp(log_var / 2)), Normal(torch.zeros(3), torch.ones(3))).sum(-1)
    torch.testing.assert_close(module.gaussian_kl(mean, log_var), oracle, rtol=1e-12, atol=1e-12)
    assert module.gaussian_kl(torch.zeros(2), torch.zeros(2)) == 0


def gaussian_log_prob_is_that_of_torch(module):
    x, mean, log_var = draw(6, 7, 3), draw(7, 3, seed=1), draw(7, 3, seed=2)
    oracle = Normal(mean, torch.exp(log_var / 2)).log_prob(x).sum(-1)
    torch.testing.assert_close(module.gaussian_log_prob(x, mean, log_var), oracle, rtol=1e-12, atol=1e-12)


def likelihoods_are_those_of_torch(module):
    for likelihood in LIKELIHOODS:
        model, x, z = tiny(module, likelihood), points(likelihood), draw(6, 4, 1)
        oracle = observed(model, z).log_prob(x).sum(-1)
        assert oracle.shape == (6, 4)
        torch.testing.assert_close(model.log_likelihood(x, z), oracle, rtol=1e-12, atol=1e-12)


def grey_levels_enter_the_cross_entropy(module):
    model, z = tiny(module, "bernoulli"), draw(4, 1)
    x = torch.rand(4, 3, generator=generator(), dtype=torch.float64)
    p = torch.sigmoid(model.decoder(z))
    oracle = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1)
    torch.testing.assert_close(model.log_likelihood(x, z), oracle, rtol=1e-10, atol=1e-10)


def draws_have_the_moments_of_q(module):
    model = tiny(module, "gaussian", latent_dim=2)
    mean, log_var = draw(5, 2), draw(5, 2, seed=1)
    z = model.reparameterise(mean.expand(40_000, 5, 2), log_var.expand(40_000, 5, 2), generator())
    assert_within_errors(z, mean)
    assert_within_errors((z - mean).square(), log_var.exp())


def elbo_and_gap_make_the_evidence(module):
    for likelihood in LIKELIHOODS:
        model, x = tiny(module, likelihood), points(likelihood)
        with torch.no_grad():
            log_joint, log_q = log_joint_on_grid(model, x), posterior_on_grid(model, x)
            evidence = torch.log(integral(log_joint.exp()))
            gap = integral(log_q.exp() * (log_q - (log_joint - evidence[:, None])))
            expected = integral(log_q.exp() * (log_joint - Normal(0.0, 1.0).log_prob(GRID)))
            terms = model.elbo_terms(x.expand(20_000, 4, 3).reshape(-1, 3), 1, generator())
        assert torch.all(gap > 0.01)  # or the check below would say little
        draws = terms["reconstruction"].reshape(20_000, 4)
        assert_within_errors(draws, expected)
        torch.testing.assert_close(expected - terms["kl"][:4] + gap, evidence, rtol=0, atol=1e-9)
        many = {name: term.detach() for name, term in model.elbo_terms(x, 20_000, generator()).items()}
        assert torch.all((many["reconstruction"] - expected).abs() <= 5 * draws.std(0) / math.sqrt(20_000))
        torch.testing.assert_close(many["kl"], terms["kl"][:4], rtol=1e-12, atol=0)


def importance_sampling_converges_to_quadrature(module):
    for likelihood in LIKELIHOODS:
        model, x = tiny(module, likelihood), points(likelihood)
        with torch.no_grad():
            evidence = torch.log(integral(log_joint_on_grid(model, x).exp()))
        estimate = model.importance_log_prob(x, 40_000, generator())
        torch.testing.assert_close(estimate, evidence, rtol=0, atol=0.03)


def importance_sampling_rises_from_the_elbo(module):
    model, x = tiny(module, "gaussian"), points("gaussian", rows=2)
    with torch.no_grad():
        evidence = torch.log(integral(log_joint_on_grid(model, x).exp())).sum()
        elbo = model.elbo(x, 200_000, generator(9)).sum()
    repeats, means, errors = 8000, [], []
    for samples in (1, 3, 10, 40):
        rows = x.expand(repeats, 2, 3).reshape(-1, 3)
        estimates = model.importance_log_prob(rows, samples, generator(samples)).reshape(repeats, 2).sum(1)
        means.append(estimates.mean().item())
        errors.append(estimates.std().item() / math.sqrt(repeats))
    assert abs(means[0] - elbo) < 5 * errors[0]
    rises = np.diff([*means, evidence.item()])
    assert np.all(rises > 0) and rises[0] > 10 * errors[0]


def importance_sampling_is_exact_with_the_exact_posterior(module):
    model, offset, covariance = exact_linear(module)
    x = offset + 2 * draw(6, 4)
    oracle = MultivariateNormal(offset, covariance).log_prob(x)
    for samples in (1, 2, 50):
        estimate = model.importance_log_prob(x, samples, generator(samples))
        torch.testing.assert_close(estimate, oracle, rtol=1e-11, atol=1e-11)


def loss_is_minus_the_mean_elbo(module):
    for likelihood in LIKELIHOODS:
        model, x = tiny(module, likelihood, latent_dim=2), points(likelihood)
        torch.manual_seed(3)
        elbo = model.elbo(x)
        torch.manual_seed(3)
        terms = model.elbo_terms(x)
        torch.testing.assert_close(elbo, terms["reconstruction"] - terms["kl"], rtol=1e-12, atol=0)
        for beta in (1.0, 4.0):
            torch.manual_seed(3)
            loss = model.loss(x, beta)
            assert list(loss) == ["reconstruction", "kl"]
            oracle = -elbo.mean() + (beta - 1) * terms["kl"].mean()
            torch.testing.assert_close(sum(loss.values()), oracle, rtol=1e-12, atol=0)


ORACLES = (
    kl_is_that_of_torch,
    gaussian_log_prob_is_that_of_torch,
    likelihoods_are_those_of_torch,
    grey_levels_enter_the_cross_entropy,
    draws_have_the_moments_of_q,
    elbo_and_gap_make_the_evidence,
    importance_sampling_converges_to_quadrature,
    importance_sampling_rises_from_the_elbo,
    importance_sampling_is_exact_with_the_exact_posterior,
    loss_is_minus_the_mean_elbo,
)


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_oracle(oracle):
    oracle(vae)


# --- wrong versions of the formulas, each of which an oracle must reject

KL = "return 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(-1)"
CROSS_ENTROPY = 'return -F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)'
WEIGHTS = "return self.log_likelihood(x, z) + log_prior - gaussian_log_prob(z, mean, log_var)"
DRAW = "return mean + torch.exp(0.5 * log_var) * noise"

MUTANTS = {
    "KL: sign of log_var": (KL, KL.replace("- log_var", "+ log_var"), kl_is_that_of_torch),
    "KL: no ½": (KL, KL.replace("0.5 * ", ""), kl_is_that_of_torch),
    "KL: no −1": (KL, KL.replace(" - 1", ""), kl_is_that_of_torch),
    "KL: mean over dimensions": (KL, KL.replace(".sum(-1)", ".mean(-1)"), kl_is_that_of_torch),
    "density: variance for precision": (
        "torch.exp(-log_var) + log_var",
        "torch.exp(log_var) + log_var",
        gaussian_log_prob_is_that_of_torch,
    ),
    "Bernoulli: mean over pixels": (
        CROSS_ENTROPY,
        CROSS_ENTROPY.replace(".sum(-1)", ".mean(-1)"),
        likelihoods_are_those_of_torch,
    ),
    "Bernoulli: wrong sign": (CROSS_ENTROPY, CROSS_ENTROPY.replace("-F.", "F."), likelihoods_are_those_of_torch),
    "Bernoulli: grey levels rounded": (
        "torch.broadcast_tensors(output, x)",
        "torch.broadcast_tensors(output, x.round())",
        grey_levels_enter_the_cross_entropy,
    ),
    "Gaussian: scale for log-scale": (
        "residual = (x - output) / self.log_scale.exp()",
        "residual = (x - output) / self.log_scale",
        likelihoods_are_those_of_torch,
    ),
    "Gaussian: log-scale forgotten": (
        "return -(terms + self.log_scale).sum(-1)",
        "return -terms.sum(-1)",
        likelihoods_are_those_of_torch,
    ),
    "Laplace: constant of the Gaussian": (
        "residual.abs() + math.log(2)",
        "residual.abs() + 0.5 * math.log(2 * math.pi)",
        likelihoods_are_those_of_torch,
    ),
    "draw: variance for scale": (DRAW, DRAW.replace("0.5 * ", ""), draws_have_the_moments_of_q),
    "ELBO: KL doubled": (
        '"kl": gaussian_kl(mean, log_var)}',
        '"kl": 2 * gaussian_kl(mean, log_var)}',
        elbo_and_gap_make_the_evidence,
    ),
    "ELBO: KL added": (
        'return terms["reconstruction"] - terms["kl"]',
        'return terms["reconstruction"] + terms["kl"]',
        loss_is_minus_the_mean_elbo,
    ),
    "ELBO: q's mean for its draws": (
        "z = self.reparameterise(mean.expand(shape), log_var.expand(shape), generator)\n"
        '        return {"reconstruction"',
        'z = mean.expand(shape)\n        return {"reconstruction"',
        elbo_and_gap_make_the_evidence,
    ),
    "loss: wrong sign": (
        '{"reconstruction": -terms["reconstruction"].mean()',
        '{"reconstruction": terms["reconstruction"].mean()',
        loss_is_minus_the_mean_elbo,
    ),
    "importance: mean of the logarithms": (
        ".logsumexp(0))\n        return (log_sums - math.log(samples))",
        ".mean(0))\n        return log_sums",
        importance_sampling_converges_to_quadrature,
    ),
    "importance: sum for mean": (
        "(log_sums - math.log(samples))",
        "log_sums",
        importance_sampling_is_exact_with_the_exact_posterior,
    ),
    "importance: q forgotten": (
        WEIGHTS,
        WEIGHTS.replace(" - gaussian_log_prob(z, mean, log_var)", ""),
        importance_sampling_is_exact_with_the_exact_posterior,
    ),
    "importance: prior forgotten": (
        WEIGHTS,
        WEIGHTS.replace(" + log_prior", ""),
        importance_sampling_is_exact_with_the_exact_posterior,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_rejected(name):
    assert_rejected(vae, *MUTANTS[name])


# --- gradients


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradients_are_those_of_finite_differences(likelihood):
    model, x = tiny(vae, likelihood, latent_dim=2), points(likelihood)

    def loss():
        return -model.elbo(x, 3, generator(4)).mean()  # the same noise each time

    loss().backward()
    step = 1e-6
    for name, parameter in model.named_parameters():
        flat, exact = parameter.data.view(-1), parameter.grad.reshape(-1)
        for entry in range(0, len(flat), 3):
            kept, values = flat[entry].item(), []
            for sign in (1, -1):
                flat[entry] = kept + sign * step
                values.append(loss().item())
            flat[entry] = kept
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(exact[entry].item(), abs=1e-7), name
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_a_fixed_scale_is_not_fitted_and_a_learned_one_is():
    for learn in (False, True):
        model = VAE(3, 1, (4,), likelihood="gaussian", scale=0.5, learn_scale=learn)
        assert model.log_scale.requires_grad == learn
        assert model.log_scale.item() == pytest.approx(math.log(0.5))
    assert not hasattr(VAE(3, 1, (4,)), "log_scale")


# --- networks


def test_the_decoder_mirrors_the_encoder():
    model = VAE(7, 2, (5, 3))
    sizes = [[tuple(layer.weight.shape) for layer in part[::2]] for part in (model.encoder, model.decoder)]
    assert sizes == [[(5, 7), (3, 5), (4, 3)], [(3, 2), (5, 3), (7, 5)]]
    linear = VAE(7, 2, ())
    assert len(linear.encoder) == len(linear.decoder) == 1


def test_the_first_weights_are_determined_by_the_seed_and_nothing_else():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    states = [VAE(4, 2, (3,), seed=seed).state_dict() for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["encoder.0.weight"], states[2]["encoder.0.weight"])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_learning_can_start_at_the_mean(likelihood):
    x = (draw(50, 6) > 0.3).double() if likelihood == "bernoulli" else 4 + draw(50, 6)
    x[:, 0] = 0  # a pixel without ink
    model = VAE(6, 2, (5,), likelihood=likelihood).double()
    assert model.start_at_mean(x) is model
    output = model.decode(torch.zeros(1, 2, dtype=torch.float64))
    away = VAE(6, 2, (5,), likelihood=likelihood).double().decode(torch.zeros(1, 2, dtype=torch.float64))
    mean = x.mean(0)
    assert (output - mean).abs().mean() < 0.5 * (away - mean).abs().mean()
    with torch.no_grad():
        model.decoder[-1].weight.zero_()
    at_zero = model.decode(torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(at_zero, mean.clamp(1e-3, 1 - 1e-3) if likelihood == "bernoulli" else mean)


# --- random numbers


def test_draws_are_determined_by_the_generator_and_nothing_else():
    model, x = tiny(vae, "gaussian", latent_dim=2), points("gaussian")
    calls = {
        "elbo": lambda g: model.elbo(x, 2, g),
        "reparameterise": lambda g: model.reparameterise(*model.encode(x), g),
        "importance": lambda g: model.importance_log_prob(x, 5, g),
        "sample_means": lambda g: model.sample_means(3, g),
    }
    for name, call in calls.items():
        torch.manual_seed(0)
        state = torch.get_rng_state()
        first = call(generator(7))
        assert torch.equal(torch.get_rng_state(), state), name
        torch.manual_seed(1)
        assert torch.equal(call(generator(7)), first), name
        assert not torch.equal(call(generator(8)), first), name


def test_without_a_generator_the_draws_are_torchs():
    model = tiny(vae, "gaussian", latent_dim=2)
    torch.manual_seed(2)
    first = model.sample_means(3)
    torch.manual_seed(2)
    assert torch.equal(model.sample_means(3), first)
    assert not torch.equal(model.sample_means(3), first)


# --- how much of the latent space is used


def test_active_units_are_those_whose_mean_varies():
    model = VAE(3, 4, (), likelihood="gaussian")
    with torch.no_grad():
        model.encoder[0].weight.zero_()
        model.encoder[0].bias.fill_(5.0)  # far from the prior, but the same for every point
        model.encoder[0].weight[0, 0] = 1.0
        model.encoder[0].weight[2, 1] = 0.05
    x = draw(20_000, 3).float()  # variances of the means: 1, 0, 0.0025, 0
    assert model.active_units(x).tolist() == [True, False, False, False]
    assert model.active_units(x, threshold=0.001).tolist() == [True, False, True, False]
    assert not model.active_units(x).requires_grad


def test_the_variance_of_active_units_is_over_all_rows():
    model = VAE(1, 1, (), likelihood="gaussian")
    with torch.no_grad():
        model.encoder[0].weight[:] = torch.tensor([[1.0], [0.0]])
        model.encoder[0].bias.zero_()
    x = torch.tensor([[0.0], [2.0]])  # variance 1 with 1/N, 2 with 1/(N − 1)
    assert model.active_units(x, threshold=0.99).item() and not model.active_units(x, threshold=1.01).item()


# --- the whole: a linear VAE is probabilistic PCA


def test_a_trained_linear_vae_reaches_the_likelihood_of_probabilistic_pca():
    features, latents = 6, 2
    directions = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, -1, 1]]) * [[0.9], [0.6]]
    covariance = directions.T @ directions + 0.5 * np.eye(features)
    data = np.random.default_rng(0).multivariate_normal(np.linspace(-1, 1, features), covariance, size=300)
    # Tipping and Bishop (1999): eigenvalues of the 1/N covariance, noise the mean of the discarded ones
    eigenvalues = np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]
    noise = eigenvalues[latents:].mean()
    best = -0.5 * (
        features * math.log(2 * math.pi)
        + np.log(eigenvalues[:latents]).sum()
        + (features - latents) * math.log(noise)
        + features
    )
    x = torch.tensor(data)
    model = VAE(features, latents, (), likelihood="gaussian", learn_scale=True).double().start_at_mean(x)
    settings = {"epochs": 100, "batch_size": 50, "learning_rate": 0.1, "schedule": "one_cycle", "progress": False}
    Trainer(model, model.loss, x, **settings).run()
    with torch.no_grad():
        weights, offset, variance = model.decoder[0].weight, model.decoder[0].bias, (2 * model.log_scale).exp()
        fitted = weights @ weights.T + variance * torch.eye(features)
        exact = MultivariateNormal(offset, fitted).log_prob(x).mean().item()
        elbo = model.elbo(x, 200, generator()).mean().item()
        estimate = model.importance_log_prob(x, 200, generator()).mean().item()
    assert exact <= best + 1e-9  # nothing is better than the maximum
    assert exact == pytest.approx(best, rel=0.005)
    assert estimate == pytest.approx(exact, rel=0.001)
    # The columns of W turn until the posterior's covariance is diagonal, so that the bound has almost no gap.
    assert elbo == pytest.approx(best, rel=0.005)
    assert variance.item() == pytest.approx(noise, rel=0.05)


# --- shapes


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_shapes(likelihood):
    model = VAE(5, 2, (4,), likelihood=likelihood)
    x = torch.rand(3, 5)
    for batch in ((), (3,), (2, 3)):
        mean, log_var = model.encode(torch.rand(*batch, 5))
        assert mean.shape == log_var.shape == (*batch, 2)
        assert model.decode(torch.rand(*batch, 2)).shape == (*batch, 5)
    assert model.log_likelihood(x, torch.rand(7, 3, 2)).shape == (7, 3)
    assert model.log_likelihood(x[:, None], torch.rand(7, 2)).shape == (3, 7)
    assert {name: term.shape for name, term in model.elbo_terms(x, 4).items()} == {"reconstruction": (3,), "kl": (3,)}
    assert model.elbo(x).shape == (3,)
    for batch in ((), (3,), (2, 3)):
        assert model.importance_log_prob(torch.rand(*batch, 5), 6).shape == batch
    assert model.active_units(x).shape == (2,)
    assert all(term.shape == () for term in model.loss(x).values())
    sample = model.sample_means(4)
    assert sample.shape == (4, 5) and not sample.requires_grad
    if likelihood == "bernoulli":
        assert sample.min() > 0 and sample.max() < 1


def test_importance_sampling_in_blocks_is_no_other_estimate(monkeypatch):
    model, offset, covariance = exact_linear(vae)
    x = offset + draw(9, 4)
    monkeypatch.setattr(vae, "_BLOCK", 4 * 50 * 2)  # two rows at a time, the last one alone
    estimate = model.importance_log_prob(x, 50, generator())
    torch.testing.assert_close(estimate, MultivariateNormal(offset, covariance).log_prob(x), rtol=1e-11, atol=1e-11)
    assert not estimate.requires_grad


# --- bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data_dim": 0}, ValueError, "data_dim must be at least 1; got 0"),
        ({"latent_dim": 1.5}, TypeError, "latent_dim must be an integer; got 1.5"),
        ({"hidden": (3, 0)}, ValueError, "sizes must be at least 1; got 0"),
        ({"likelihood": "poisson"}, ValueError, "likelihood must be one of 'bernoulli', 'gaussian', 'laplace'; got"),
        ({"likelihood": "gaussian", "scale": 0}, ValueError, "scale must be positive; got 0"),
        ({"learn_scale": True}, ValueError, "a Bernoulli likelihood has no scale"),
        ({"scale": 0.5}, ValueError, "a Bernoulli likelihood has no scale"),
        (
            {"activation": "gelu"},
            ValueError,
            "activation must be one of 'none', 'relu', 'elu', 'silu', 'tanh', 'sigmoid'; got 'gelu'",
        ),
        ({"activation": "gelu", "hidden": ()}, ValueError, "activation must be one of"),
        ({"seed": -1}, ValueError, "seed must not be negative; got -1"),
    ],
)
def test_arguments_are_checked(change, error, message):
    with pytest.raises(error, match=message):
        VAE(**{"data_dim": 4, "latent_dim": 2, "hidden": (3,)} | change)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.encode(np.zeros((2, 4))), TypeError, r"x must be a torch tensor; got ndarray\. torch\.as_tensor"),
        (
            lambda m: m.elbo(torch.zeros(2, 3)),
            ValueError,
            r"x must have 4 features along its last axis; got .*\(2, 3\)",
        ),
        (lambda m: m.elbo(torch.tensor(1.0)), ValueError, r"4 features along its last axis; got shape \(\)"),
        (lambda m: m.elbo(torch.zeros(2, 4), 0), ValueError, "samples must be at least 1; got 0"),
        (lambda m: m.importance_log_prob(np.zeros((2, 4))), TypeError, "x must be a torch tensor; got ndarray"),
        (lambda m: m.importance_log_prob(torch.zeros(2, 4), 0), ValueError, "samples must be at least 1; got 0"),
        (lambda m: m.sample_means(0), ValueError, "count must be at least 1; got 0"),
        (lambda m: m.sample_means(2.5), TypeError, "count must be an integer"),
        (lambda m: m.active_units(torch.zeros(1, 4)), ValueError, r"at least two rows.*got shape \(1, 4\)"),
        (lambda m: m.start_at_mean(torch.zeros(2, 3)), ValueError, "x must have 4 features"),
        (lambda m: m.log_likelihood(torch.zeros(2, 1), torch.zeros(2, 2)), ValueError, "x must have 4 features"),
        (lambda m: m.elbo(torch.zeros(2, 4), 1, 3), TypeError, r"generator must be a torch\.Generator, .*; got int"),
        (lambda m: m.sample_means(2, "seed"), TypeError, r"generator must be a torch\.Generator, .*; got str"),
    ],
)
def test_calls_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call(VAE(4, 2, (3,)))


# --- checkpoints


def saved(path, **options):
    model = VAE(5, 2, **{"hidden": (4, 3), "seed": 3} | options)
    save_checkpoint(model, path, {"command": "none", "epochs": "7"})
    return model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden": ()},
        {"activation": "silu"},
        {"likelihood": "gaussian", "scale": 0.3, "learn_scale": True},
        {"likelihood": "laplace", "scale": 2.0, "activation": "elu"},
    ],
)
def test_a_checkpoint_brings_the_model_and_its_provenance_back(tmp_path, options):
    path = tmp_path / "model.safetensors"
    model = saved(path, **options)
    again, provenance = load_checkpoint(str(path))
    assert provenance == {"command": "none", "epochs": "7"}
    assert not again.training
    assert (again.likelihood, again.activation, again.hidden) == (model.likelihood, model.activation, model.hidden)
    state = model.state_dict()
    assert state.keys() == again.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in again.state_dict().items())
    x = torch.rand(6, 5)
    assert torch.equal(again.elbo(x, 2, generator()), model.elbo(x, 2, generator()))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_checkpoint_keeps_double_precision(tmp_path):
    model = VAE(5, 2, (3,)).double()
    save_checkpoint(model, tmp_path / "model", {})
    again, provenance = load_checkpoint(tmp_path / "model")
    assert provenance == {} and torch.equal(again.encoder[0].weight, model.encoder[0].weight)


@pytest.mark.parametrize("moment", ["write", "replace"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, moment):
    path = tmp_path / "model.safetensors"
    saved(path)
    before = path.read_bytes()

    def half(self, content):
        with open(self, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("no space left on device")

    def refuse(self, target):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, *{"write": ("write_bytes", half), "replace": ("replace", refuse)}[moment])
    with pytest.raises(OSError, match="no space left"):
        saved(path, seed=4)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_provenance_is_words_under_names_of_its_own(tmp_path):
    with pytest.raises(ValueError, match="provenance must leave the name 'hidden' to the model's shape"):
        save_checkpoint(VAE(5, 2), tmp_path / "model", {"hidden": "few"})
    with pytest.raises(TypeError):
        save_checkpoint(VAE(5, 2), tmp_path / "model", {"epochs": 7})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["half of it", "nothing", "text", "no metadata", "another shape", "another model"])
def test_a_damaged_checkpoint_is_reported(tmp_path, damage):
    from safetensors.torch import save

    path = tmp_path / "model.safetensors"
    model = saved(path)
    whole = path.read_bytes()
    words = {"data_dim": "5", "latent_dim": "2", "hidden": "4 3", "likelihood": "bernoulli", "activation": "relu"}
    weights = model.state_dict()
    assert save(weights, words)  # the form that the damaged ones below depart from
    content = {
        "half of it": whole[: len(whole) // 2],
        "nothing": b"",
        "text": b"these are not weights",
        "no metadata": save(weights),
        "another shape": save(weights, words | {"hidden": "4 four"}),
        "another model": save(weights, words | {"hidden": "3 4"}),
    }
    path.write_bytes(content[damage])
    with pytest.raises(ValueError, match="is damaged, or no checkpoint of this course: ") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_a_missing_checkpoint_is_reported(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no checkpoint at"):
            load_checkpoint(path)
