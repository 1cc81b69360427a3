"""What the tests of mixtures share: random problems, the same mixture elsewhere, and what a right formula fulfils."""

import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer
from torch import distributions as td

from course_utils.models.mixtures import ConjugatePrior, GaussianMixture, fit_em

PEER_WORDS = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


def random_mixture(components, columns, seed, structure="full", spread=2.0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(components, columns, columns + 2))
    covariances = roots @ roots.transpose(0, 2, 1) / (columns + 2)
    if structure == "tied":
        covariances = np.repeat(covariances[:1], components, axis=0)
    if structure == "diagonal":
        covariances = covariances * np.eye(columns)
    if structure == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(columns)
    weights = rng.dirichlet(np.full(components, 5.0))
    return GaussianMixture(weights, spread * rng.normal(size=(components, columns)), covariances, structure)


def random_problem(components, columns, count, seed, structure="full"):
    """Data of one mixture, and another one to start from: as wide as the data, and centred on some of them."""
    data, _ = random_mixture(components, columns, seed).sample(count, seed + 1)
    shape = random_mixture(components, columns, seed + 2, structure)
    rows = np.random.default_rng(seed + 3).choice(data, size=components, replace=False)
    return data, GaussianMixture(shape.weights, rows, (shape.covariances + 2 * np.eye(columns)) * data.var(), structure)


def random_prior(columns, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(columns, columns + 2))
    return ConjugatePrior(1.7, rng.normal(size=columns), 0.6, root @ root.T, columns + 1.5)


def torch_mixture(weights, means, covariances):
    return td.MixtureSameFamily(td.Categorical(probs=weights), td.MultivariateNormal(means, covariances))


def tensors(mixture):
    return [torch.tensor(array) for array in (mixture.weights, mixture.means, mixture.covariances)]


def peer(mixture, iterations=1):
    """scikit-learn's mixture with the same start and no floor under its covariances."""
    precisions = np.linalg.inv(mixture.covariances)
    initial = {
        "full": precisions,
        "tied": precisions[0],
        "diagonal": np.diagonal(precisions, axis1=1, axis2=2),
        "spherical": precisions[:, 0, 0],
    }
    return Peer(
        len(mixture.weights),
        covariance_type=PEER_WORDS[mixture.structure],
        reg_covar=0,
        tol=0,
        max_iter=iterations,
        weights_init=mixture.weights / mixture.weights.sum(),
        means_init=mixture.means,
        precisions_init=initial[mixture.structure],
    )


def peer_fit(mixture, data, iterations=1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return peer(mixture, iterations).fit(data)


def peer_covariances(fitted):
    components, columns = fitted.means_.shape
    if fitted.covariance_type in ("full", "tied"):
        return np.broadcast_to(fitted.covariances_, (components, columns, columns))
    return fitted.covariances_.reshape(components, -1)[:, :, None] * np.eye(columns)


# --- what a right formula must agree with; the mutants are held against the same functions


def assert_is_log_density(log_prob):
    """`log_prob(weights, means, covariances, data)` is that of torch, and far out too."""
    mixture = random_mixture(3, 2, 0)
    data = np.vstack([mixture.sample(50, 1)[0], [[80.0, -120.0], [-40.0, 3.0]]])
    expected = torch_mixture(*tensors(mixture)).log_prob(torch.tensor(data)).numpy()
    np.testing.assert_allclose(
        log_prob(mixture.weights, mixture.means, mixture.covariances, data), expected, rtol=1e-12, atol=1e-12
    )


def assert_is_em_step(step, structure="full"):
    """`step(weights, means, covariances, data)` gives the parameters that scikit-learn's step gives."""
    data, start = random_problem(3, 2, 200, 3, structure)
    weights, means, covariances = step(start.weights, start.means, start.covariances, data)
    fitted = peer_fit(start, data)
    np.testing.assert_allclose(weights, fitted.weights_, rtol=1e-9)
    np.testing.assert_allclose(means, fitted.means_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(covariances, peer_covariances(fitted), rtol=1e-9, atol=1e-9)


def assert_is_bic(bic):
    """`bic(mixture, data)` is scikit-learn's after a fit."""
    data, start = random_problem(3, 4, 300, 5)
    fit = fit_em(data, 3, start=start, max_iterations=3, tolerance=0)
    assert bic(fit.mixture, data) == pytest.approx(peer_fit(start, data, 3).bic(data), rel=1e-10)


def assert_is_map_step(step, structure="full"):
    """At the point that `step(mixture, data, prior)` no longer changes, the log-posterior has no slope."""
    data, start = random_problem(2, 2, 80, 7, structure)
    prior = random_prior(2, 8)
    mixture = start
    for _ in range(300):
        mixture = step(mixture, data, prior)
    for slope in log_posterior_slopes(mixture, data, prior):
        np.testing.assert_allclose(slope, 0, atol=1e-6)


def log_posterior_slopes(mixture, data, prior):
    """Slopes of the log-posterior in logits of the weights, means, and free factors of the covariances, by autograd
    through torch's own densities."""
    weights, means, covariances = tensors(mixture)
    factors = torch.linalg.cholesky(covariances)
    diagonals = torch.diagonal(factors, dim1=1, dim2=2)
    free = {"full": factors, "tied": factors[:1], "diagonal": diagonals, "spherical": diagonals[:, :1]}
    leaves = [weights.log(), means, free[mixture.structure].clone()]
    for leaf in leaves:
        leaf.requires_grad_()
    logits, means, roots = leaves
    columns = means.shape[1]
    if mixture.structure in ("full", "tied"):
        roots = torch.tril(roots)
        distinct = roots @ roots.transpose(1, 2)
        covariances = distinct.expand(len(means), -1, -1)
    else:
        distinct = roots**2
        covariances = torch.diag_embed(distinct.expand(-1, columns))
    weights = torch.softmax(logits, 0)
    objective = torch_mixture(weights, means, covariances).log_prob(torch.tensor(data)).sum()
    objective = objective + torch_log_prior(prior, mixture.structure, weights, means, covariances, distinct)
    objective.backward()
    return [leaf.grad.numpy() for leaf in leaves]


def torch_log_prior(prior, structure, weights, means, covariances, distinct):
    scatter = torch.tensor(prior.scatter)
    columns = len(scatter)
    dof = torch.tensor(prior.degrees_of_freedom, dtype=torch.float64)
    value = td.Dirichlet(torch.full_like(weights, prior.concentration)).log_prob(weights)
    normal = td.MultivariateNormal(torch.tensor(prior.mean), covariances / prior.strength)
    value = value + normal.log_prob(means).sum()
    if structure in ("full", "tied"):
        # Σ ~ IW(Ψ, ν) if Σ⁻¹ ~ W(Ψ⁻¹, ν); |∂Σ⁻¹/∂Σ| = |Σ|^−(D+1)
        wishart = td.Wishart(dof, torch.linalg.inv(scatter), validate_args=False)
        value = value + (wishart.log_prob(torch.linalg.inv(distinct)) - (columns + 1) * torch.logdet(distinct)).sum()
    else:
        rates = torch.diag(scatter) if structure == "diagonal" else torch.diag(scatter).mean()
        value = value + td.InverseGamma(dof / 2, rates / 2).log_prob(distinct).sum()
    return value


def assert_is_elbo(elbo):
    """`elbo(responsibilities, mixture, data)` is log p − KL(q‖posterior), so log p at the posterior itself."""
    mixture = random_mixture(3, 2, 9)
    data, _ = mixture.sample(40, 10)
    posterior = mixture.responsibilities(data)
    assert elbo(posterior, mixture, data) == pytest.approx(mixture.log_likelihood(data), rel=1e-12)
    other = np.random.default_rng(11).dirichlet(np.ones(3), size=40)
    gap = stats.entropy(other, posterior, axis=1).sum()
    assert elbo(other, mixture, data) == pytest.approx(mixture.log_likelihood(data) - gap, rel=1e-12)
