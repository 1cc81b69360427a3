import itertools

import numpy as np
import pytest
import torch
from mutations import assert_rejected
from scipy import integrate, stats
from scipy.special import logsumexp
from sklearn.linear_model import Ridge
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_utils.models import denoising
from course_utils.models.denoising import CORRUPTIONS, DenoisingVAE, LinearEncoder, corrupt
from course_utils.models.ppca import ProbabilisticPCA
from course_utils.models.vae import VAE

GRID = np.linspace(-14, 14, 5601)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# --- corruption -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_amount_zero_changes_nothing_and_draws_nothing(kind):
    x, dice = torch.rand(3, 4), generator()
    state = dice.get_state()
    assert torch.equal(corrupt(x, kind, 0, generator=dice), x)
    assert torch.equal(dice.get_state(), state)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_entry_has_noise_of_its_own_and_the_input_stays_as_it_was(kind):
    x = torch.full((2000, 6), 0.4, dtype=torch.float64)
    damaged = corrupt(x, kind, 0.5, generator=generator())
    assert torch.all(x == 0.4)
    changed = (damaged - x).numpy()
    assert changed.shape == (2000, 6)
    between_rows = np.corrcoef(changed[:-1].ravel(), changed[1:].ravel())[0, 1]
    between_columns = np.corrcoef(changed[:, :-1].ravel(), changed[:, 1:].ravel())[0, 1]
    assert abs(between_rows) < 0.05 and abs(between_columns) < 0.05


def test_gaussian_noise_is_gaussian_with_this_scale():
    noise = corrupt(torch.full((20_000,), 3.0, dtype=torch.float64), "gaussian", 0.7, generator=generator()) - 3
    assert stats.kstest(noise.numpy(), stats.norm(scale=0.7).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("kind", "shares"), [("salt and pepper", {0.0: 0.15, 1.0: 0.15, 0.25: 0.7}), ("masking", {0.0: 0.3, 0.25: 0.7})]
)
def test_shares_of_pixels_hit(kind, shares):
    damaged = corrupt(torch.full((40_000,), 0.25), kind, 0.3, generator=generator())
    assert set(damaged.unique().tolist()) == set(shares)
    counts = [int((damaged == value).sum()) for value in shares]
    assert stats.chisquare(counts, 40_000 * np.array(list(shares.values()))).pvalue > 0.01


def test_clipping_brings_grey_levels_back():
    x = torch.rand(500)
    loose, clipped = (corrupt(x, "gaussian", 1.0, clip=clip, generator=generator()) for clip in (False, True))
    assert loose.min() < 0 and loose.max() > 1
    assert torch.equal(clipped, loose.clamp(0, 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(2), "salt", 0.1), "kind must be one of"),
        ((torch.zeros(2), "masking", 1.1), "at most 1"),
        ((torch.zeros(2), "gaussian", -0.1), "not be negative"),
        ((np.zeros(2), "gaussian", 0.1), "torch tensor"),
    ],
)
def test_corrupt_says_what_is_wrong(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        corrupt(*arguments)


# --- the network, against enumeration and quadrature ------------------------------------------------------------------


def tiny(kind="salt and pepper", amount=0.4):
    """Three pixels, one latent, weights large enough that corruptions matter."""
    model = DenoisingVAE(3, 1, (5,), kind=kind, amount=amount, activation="tanh", seed=3).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.5)
    return model


def exact(model, x):
    """Bounds of one black-and-white x (3,): all eight patterns of flips, and quadrature over z."""
    flip = model.amount / 2  # a pixel that is hit keeps its value half of the time
    patterns = np.array(list(itertools.product((0, 1), repeat=3)))
    weights = np.prod(np.where(patterns == 1, flip, 1 - flip), axis=1)
    seen = torch.tensor(np.abs(x.numpy() - patterns))
    with torch.no_grad():
        mean, log_var = model.encode(seen)
        log_q = Normal(mean, torch.exp(log_var / 2)).log_prob(torch.tensor(GRID)).numpy()
        z = torch.tensor(GRID)[:, None]
        log_joint = (model.log_likelihood(x, z) + Normal(0.0, 1.0).log_prob(z[:, 0])).numpy()
    return denoising.bounds_by_quadrature(GRID, log_joint, log_q, weights)


def check_chain(bounds, atol=1e-9):
    assert bounds.log_prob >= bounds.mixture - atol
    assert bounds.information >= 0
    assert bounds.mixture - bounds.denoising == pytest.approx(bounds.information, abs=atol)


@pytest.mark.parametrize("row", [(0, 0, 1), (1, 0, 1), (1, 1, 1)])
def test_network_against_enumeration(row):
    model, x = tiny(), torch.tensor(row, dtype=torch.float64)
    bounds = exact(model, x)
    check_chain(bounds)
    assert bounds.information > 0.01  # or the test could see nothing
    rows = x.expand(4000, 3)
    with torch.no_grad():
        draws = model.denoising_bound(rows, 10, generator(1)).numpy()
    assert abs(draws.mean() - bounds.denoising) < 5 * draws.std() / 4000**0.5
    lower, upper = (one.numpy() for one in model.sandwich(rows, 60, 3, generator(2)))
    error = 5 * max(lower.std(), upper.std()) / 4000**0.5
    assert lower.mean() < bounds.mixture + error and upper.mean() > bounds.mixture - error
    assert upper.mean() - lower.mean() < 0.05


def test_sandwich_of_one_corruption_is_the_denoising_bound():
    model, x = tiny(), torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    lower, _ = model.sandwich(x.expand(4000, 3), 1, 20, generator())
    assert abs(lower.mean() - exact(model, x).denoising) < 5 * lower.std() / 4000**0.5


def check_against_vae(module):
    """With amount 0: the terms, the loss and the trained weights' gradient of a VAE with the same seed."""
    x = torch.rand(7, 3, generator=generator(4))
    plain, model = VAE(3, 2, (4,), seed=5), module.DenoisingVAE(3, 2, (4,), seed=5, amount=0)
    ours = model.denoising_terms(x, 3, generator(6))
    for name, term in plain.elbo_terms(x, 3, generator(6)).items():
        torch.testing.assert_close(ours[name], term, rtol=1e-6, atol=0)
    noisy = module.DenoisingVAE(3, 2, (4,), seed=5, kind="masking", amount=1)
    with torch.no_grad():
        seen, target = noisy.encode(torch.zeros(7, 3)), noisy.denoising_terms(x, 2, generator(7))
        z = noisy.reparameterise(seen[0].expand(2, 7, 2), seen[1].expand(2, 7, 2), _after_mask(7))
        assert torch.allclose(target["reconstruction"], noisy.log_likelihood(x, z).mean(0))


def _after_mask(seed):
    dice = generator(seed)
    torch.rand(2, 7, 3, generator=dice)
    return dice


def test_amount_zero_is_the_vae_and_the_target_is_clean():
    check_against_vae(denoising)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('self.log_likelihood(x, z).mean(0), "kl"', 'self.log_likelihood(self.corrupted(x), z).mean(0), "kl"'),
        ("gaussian_kl(mean, log_var).mean(0)", "gaussian_kl(mean, log_var).sum(0)"),
        ("self.encode(self.corrupted(x, samples, generator))", "self.encode(x.expand(samples, *x.shape))"),
    ],
)
def test_wrong_networks_are_seen(right, wrong):
    assert_rejected(denoising, right, wrong, check_against_vae)


def test_loss_is_the_negative_bound_and_corrupts_afresh():
    model, x = tiny(), torch.eye(3, dtype=torch.float64)
    torch.manual_seed(1)
    first, second = (sum(model.loss(x).values()).item() for _ in range(2))
    assert first != second
    torch.manual_seed(1)
    assert first == pytest.approx(-model.denoising_bound(x).mean().item())


def test_mixture_log_prob_against_torch():
    means, log_vars = torch.randn(5, 4, 2, generator=generator(1)), torch.randn(5, 4, 2, generator=generator(2))
    z = torch.randn(4, 2, generator=generator(3))
    parts = Independent(Normal(means.movedim(0, 1), torch.exp(log_vars.movedim(0, 1) / 2)), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(4, 5)), parts)
    torch.testing.assert_close(denoising.mixture_log_prob(z, means, log_vars), mixture.log_prob(z))
    with pytest.raises(ValueError, match="same shape"):
        denoising.mixture_log_prob(z, means, log_vars[:3])


# --- quadrature -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "variance"), [(1.5, 0.09), (-0.4, 0.5), (3.0, 1.3)])
def test_folded_model_against_quadrature(x, variance):
    def joint(z):
        return stats.norm.pdf(z) * stats.norm.pdf(x, abs(z), variance**0.5)

    evidence = integrate.quad(joint, -12, 0)[0] + integrate.quad(joint, 0, 12)[0]
    assert denoising.folded_log_prob(x, variance) == pytest.approx(np.log(evidence), abs=1e-9)
    assert denoising.folded_log_joint(x, -0.7, variance) == pytest.approx(np.log(joint(-0.7)))


def test_bounds_by_quadrature_on_a_gaussian_case():
    model = ProbabilisticPCA([0.2, -0.1], [[1.1], [0.4]], 0.3)
    encoder = LinearEncoder(np.array([[0.5, 0.3]]), np.array([0.1]), np.array([[0.2]]))
    noise, x = np.array([[0.4, 0.1], [0.1, 0.3]]), np.array([0.7, -0.5])
    closed = denoising.linear_bounds(model, encoder, x, noise)
    # the mean of q is one number, Gaussian over corruptions: 40 nodes of Gauss and Hermite
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    spread = (encoder.weights @ noise @ encoder.weights.T).item() ** 0.5
    centres = (encoder.weights @ x + encoder.offset).item() + spread * nodes
    log_q = stats.norm.logpdf(GRID, centres[:, None], 0.2**0.5)
    log_joint = stats.norm.logpdf(GRID) + sum(
        stats.norm.logpdf(x[d], model.mean[d] + model.loadings[d, 0] * GRID, 0.3**0.5) for d in range(2)
    )
    bounds = denoising.bounds_by_quadrature(GRID, log_joint, log_q, weights / weights.sum())
    np.testing.assert_allclose(bounds, closed, atol=1e-8)
    check_chain(closed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": [0.5, 0.6]}, "with the sum 1"),
        ({"grid": [0.0, 1.0, 3.0]}, "equal steps"),
        ({"log_joint": [0.0]}, "log_joint must have shape"),
    ],
)
def test_bounds_by_quadrature_say_what_is_wrong(changes, words):
    right = {"grid": [0.0, 1.0, 2.0], "log_joint": np.zeros(3), "log_densities": np.zeros((2, 3)), "weights": [0.5] * 2}
    with pytest.raises(ValueError, match=words):
        denoising.bounds_by_quadrature(**(right | changes))


# --- linear encoder and decoder ---------------------------------------------------------------------------------------


def linear_case(seed=0, columns=4, latents=2):
    rng = np.random.default_rng(seed)
    model = ProbabilisticPCA(rng.normal(size=columns), rng.normal(size=(columns, latents)), 0.4)
    root, spread = rng.normal(size=(latents, latents)), rng.normal(size=(columns, columns))
    encoder = LinearEncoder(
        rng.normal(size=(latents, columns)), rng.normal(size=latents), root @ root.T + 0.2 * np.eye(latents)
    )
    return model, encoder, rng.normal(size=columns), 0.3 * spread @ spread.T, rng


def check_penalty(module):
    """A quadratic function is averaged exactly by 2D points: x plus and minus √D times the columns of S's root."""
    model, encoder, x, noise, _ = linear_case()
    root = np.linalg.cholesky(noise) * len(x) ** 0.5
    seen = np.concatenate([x + root.T, x - root.T])
    means = seen @ encoder.weights.T + encoder.offset
    average = model.elbo(np.tile(x, (len(seen), 1)), means, encoder.covariance).mean()
    clean = model.elbo(x[None], x[None] @ encoder.weights.T + encoder.offset, encoder.covariance).item()
    assert clean - average == pytest.approx(module.linear_penalty(model, encoder, noise))
    assert module.linear_bounds(model, encoder, x, noise).denoising == pytest.approx(average)


def test_penalty_is_what_corruption_takes():
    check_penalty(denoising)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("0.5 * float(np.trace(", "float(np.trace("),
        ("np.trace(precision @ weights", "np.trace(weights"),
        ("np.eye(len(weights)) + model.loadings.T", "model.loadings.T"),
    ],
)
def test_wrong_penalties_are_seen(right, wrong):
    assert_rejected(denoising, right, wrong, check_penalty)


def test_averaged_posterior_against_draws():
    _, encoder, x, noise, rng = linear_case(1)
    seen = rng.multivariate_normal(x, noise, size=200_000)
    z = seen @ encoder.weights.T + encoder.offset
    z += rng.multivariate_normal(np.zeros(2), encoder.covariance, size=len(z))
    np.testing.assert_allclose(np.cov(z.T), denoising.averaged_covariance(encoder, noise), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_chain_in_closed_form(seed):
    model, encoder, x, noise, _ = linear_case(seed)
    check_chain(denoising.linear_bounds(model, encoder, x, noise))


def test_best_weights_are_a_ridge_regression_on_the_clean_inputs():
    model, encoder, _, _, rng = linear_case(2)
    data = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    codes = model.posterior(data).means
    ridge = Ridge(alpha=50 * 0.7**2).fit(data, codes)
    weights = denoising.best_linear_weights(model, np.cov(data.T, bias=True), 0.7**2 * np.eye(4))
    np.testing.assert_allclose(weights, ridge.coef_, atol=1e-9)

    def average(weights):
        chosen = encoder._replace(weights=weights, offset=codes.mean(0) - weights @ data.mean(0))
        clean = model.elbo(data, data @ weights.T + chosen.offset, chosen.covariance).mean()
        return clean - denoising.linear_penalty(model, chosen, 0.7**2 * np.eye(4))

    best = average(weights)
    for _ in range(20):
        assert average(weights + 0.05 * rng.normal(size=weights.shape)) < best


def test_linear_functions_say_what_is_wrong():
    model, encoder, x, noise, _ = linear_case()
    with pytest.raises(ValueError, match="noise must have shape"):
        denoising.averaged_covariance(encoder, noise[:2])
    with pytest.raises(ValueError, match="no negative eigenvalue"):
        denoising.linear_information(encoder, -noise)
    with pytest.raises(ValueError, match=r"encoder.weights must have shape \(2, 4\)"):
        denoising.linear_bounds(model, encoder._replace(weights=encoder.weights.T), x, noise)
    with pytest.raises(ValueError, match=r"encoder.covariance"):
        denoising.averaged_covariance(encoder._replace(covariance=-np.eye(2)), noise)


def test_mixture_needs_logarithms_of_sums():
    log_q = stats.norm.logpdf(GRID, np.array([[-2.0], [2.0]]), 0.3)
    bounds = denoising.bounds_by_quadrature(GRID, stats.norm.logpdf(GRID), log_q, [0.25, 0.75])
    log_mixture = logsumexp(log_q + np.log([[0.25], [0.75]]), axis=0)
    entropy = -np.trapezoid(np.exp(log_mixture) * log_mixture, GRID)
    assert bounds.information == pytest.approx(entropy - stats.norm(scale=0.3).entropy(), abs=1e-9)
