"""Wrong versions of lesson 04's formulas, each of which one of its claims or one of its oracles must reject."""

import numpy as np
import pytest
from mutations import expected, objections
from scipy import special

from course_utils import old_faithful
from course_utils.lessons import variational_inference as lesson
from course_utils.models import variational as v

LESSON = "04_variational_inference.ipynb"

SECOND_FORM = "energy + entropy = fit − KL to the prior, for 25 random φ"
TORCH_ENTROPY = "our entropies are those of torch.distributions"
TORCH_KL = "our KL to N(0, I) is that of torch.distributions"
LOOP = "our loop ends where course_utils's CAVI ends"
ONE_SWEEP = "1 sweep of ours is that of course_utils: responsibilities"
SURVIVORS = "survivors: both averaged 2, only Gaussians 2, only weights 4, neither 6"

MUTANTS = {
    "the evidence without the prior": (
        "return log_likelihood(z) + gaussians.normal_log_prob(z, 0, 1)",
        "return log_likelihood(z)",
        "the evidence is the likelihood, averaged over the prior",
    ),
    "KL in the wrong direction": (
        "return np.trapezoid(np.exp(log_p_grid) * (log_p_grid - log_q), grid)",
        "return np.trapezoid(np.exp(log_q) * (log_q - log_p_grid), grid)",
        "the Gaussian with the smallest KL(p‖q) has the mean and scale of p",
    ),
    "the sign of the entropy": (
        "return expect(log_joint, mean, scale) + gaussians.normal_entropy(scale)",
        "return expect(log_joint, mean, scale) - gaussians.normal_entropy(scale)",
        SECOND_FORM,
    ),
    "no entropy": (
        "return expect(log_joint, mean, scale) + gaussians.normal_entropy(scale)",
        "return expect(log_joint, mean, scale)",
        SECOND_FORM,
    ),
    "the KL to the prior turned around": (
        "gaussians.normal_kl(mean, scale, 0, 1)",
        "gaussians.normal_kl(0, 1, mean, scale)",
        SECOND_FORM,
    ),
    "the evidence left out of the posterior": (
        "(log_q - (log_joint(z) - log_evidence))",
        "(log_q - log_joint(z))",
        "energy + entropy = evidence − KL to the posterior, for 25 random φ",
    ),
    "entropy without its ½": (
        "return np.sum(0.5 * np.log(2 * np.pi * np.e * scale**2), axis=-1)",
        "return np.sum(np.log(2 * np.pi * np.e * scale**2), axis=-1)",
        TORCH_ENTROPY,
    ),
    "entropy without its e": (
        "return np.sum(0.5 * np.log(2 * np.pi * np.e * scale**2), axis=-1)",
        "return np.sum(0.5 * np.log(2 * np.pi * scale**2), axis=-1)",
        TORCH_ENTROPY,
    ),
    "KL without its −1": (
        "scale**2 + mean**2 - 1 - np.log(scale**2)",
        "scale**2 + mean**2 - np.log(scale**2)",
        TORCH_KL,
    ),
    "KL with the logarithm of the scale": (
        "scale**2 + mean**2 - 1 - np.log(scale**2)",
        "scale**2 + mean**2 - 1 - np.log(scale)",
        TORCH_KL,
    ),
    "the sampled bound forgets log q": (
        "return log_joint(z) - stats.norm.logpdf(z, mean, scale)",
        "return log_joint(z)",
        "the sampled ELBO agrees with quadrature, for a good and a poor q",
    ),
    "the sampled bound draws from the prior": (
        "    z = mean + scale * noise\n    return log_joint(z)",
        "    z = noise\n    return log_joint(z)",
        "the sampled ELBO agrees with quadrature, for a good and a poor q",
    ),
    "mean field with the marginal variances": (
        "mean_field_scales = 1 / np.sqrt(np.diag(precision))",
        "mean_field_scales = np.sqrt(np.diag(covariance))",
        "mean field has the variances 1/Λ_ii: those of a search over all diagonal Gaussians",
    ),
    "mean field pulled the wrong way": (
        "m1 = mu[0] - precision[0, 1]",
        "m1 = mu[0] + precision[0, 1]",
        "each sweep leaves the fraction ρ² of the error in the mean",
    ),
    "the ½ of the mean's prior forgotten": ("a = 1 + (waits.size + 1) / 2", "a = 1 + waits.size / 2", LOOP),
    "plug-in squares": (
        "np.sum((waits - m) ** 2 + variance) + 1.0 * ((m - 70) ** 2 + variance)",
        "np.sum((waits - m) ** 2) + 1.0 * (m - 70) ** 2",
        LOOP,
    ),
    "the prior's square forgotten": (" + 1.0 * ((m - 70) ** 2 + variance)", "", LOOP),
    "digamma forgotten": (
        "log_rho[:, k] = special.digamma(concentrations[k])",
        "log_rho[:, k] = np.log(concentrations[k])",
        ONE_SWEEP,
    ),
    "the log-determinant taken at the mean": (
        "special.digamma([degrees[k] / 2, (degrees[k] - 1) / 2]).sum()",
        "2 * np.log(degrees[k] / 2)",
        ONE_SWEEP,
    ),
    "the uncertainty of the mean forgotten": (
        "square = degrees[k] * distances + 2 / strengths[k]",
        "square = degrees[k] * distances",
        ONE_SWEEP,
    ),
    "what the Gaussians lose, without its half": (
        ".sum(axis=0) / 2\n    return by_weights, halves",
        ".sum(axis=0) / 4\n    return by_weights, halves",
        SURVIVORS,
    ),
    "what the weights lose, given back by the Gaussians": (
        "given_back -= 0 if averaged_gaussians else by_gaussians",
        "given_back -= 0 if averaged_gaussians else by_weights",
        SURVIVORS,
    ),
    "two groups that lie where they are": (
        "np.repeat([-30, 30], 4)",
        "np.repeat([0, 0], 4)",
        "for two groups far apart, the gap is log 2: the price of one naming",
    ),
    "draws from p weighted as if from q": (
        "width = np.sqrt(1 - rho**2)",
        "width = 1.0",
        "mean field at ρ = 0.3: the effective share is √(1 − 4ρ²)/(1 − ρ²)",
    ),
    "weights turned around": (
        "np.exp(log_joint(coin_draws) - log_q)",
        "np.exp(log_joint(coin_draws) + log_q)",
        "the coin's q is good: more than 99 % of its draws are effective",
    ),
    "the price of independence at half the angle": (
        "np.cos(2 * angles) ** 2",
        "np.cos(angles) ** 2",
        "turned by ω, independence costs ½ log(1 + ρ²/(1 − ρ²) cos² 2ω)",
    ),
    "durations that are not centred": (
        "regression_price(durations - durations.mean())",
        "regression_price(durations)",
        "with centred durations, independent intercept and slope cost nothing",
    ),
    "humps that lie nearer": (
        "54.47852 + 30.0",
        "54.47852 + 25.0",
        "with humps five deviations apart, the best q is hardly wider than the higher one",
    ),
    "the labels' doubt without its other half": (
        "np.sum(r * (1 - r))",
        "np.sum(r)",
        "the growth of the share's standard deviation is that of draws",
    ),
    "the mixed term of the Wasserstein distance halved": (
        "- 2 * 1.0 * slope",
        "- 1.0 * slope",
        "the expanded square is that of the Wasserstein-2 distance, for m = 3.5, s = 1",
    ),
    "N for N_k": (
        "averages = responsibilities.T @ data / counts[:, None]",
        "averages = responsibilities.T @ data / len(data)",
        ONE_SWEEP,
    ),
    "no pull towards the prior's mean": (
        "scatters.append(prior.scatter + within + pull)",
        "scatters.append(prior.scatter + within)",
        ONE_SWEEP,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)


def explorer_path(data, prior, start, sweeps):
    return lesson.cavi_path(data, prior, start, sweeps)


def wrong_explorer_path(data, prior, start, sweeps):
    """The same loop with the log of the expected weights in place of the expected log."""
    path = [start]
    for _ in range(sweeps):
        factors = v.update_factors(data, path[-1], prior)
        log_rho = np.log(factors.weights) + (v.expected_log_det(factors) - v.expected_quadratic(data, factors)) / 2
        path.append(special.softmax(log_rho, axis=1))
    return np.array(path)


@pytest.mark.parametrize(("follow", "accepted"), [(explorer_path, True), (wrong_explorer_path, False)])
def test_the_explorers_quick_sweeps_are_those_of_cavi_mixture(follow, accepted):
    data = old_faithful()
    prior, start = v.weak_prior(data, concentration=0.3), lesson.pruning_start(data, 4)
    oracle = v.cavi_mixture(data, prior, start, sweeps=8, tolerance=0).responsibilities
    assert np.allclose(follow(data, prior, start, 8)[-1], oracle, atol=1e-9) == accepted
