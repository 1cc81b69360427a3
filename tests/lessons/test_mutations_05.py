"""Wrong versions of lesson 05's formulas, each of which one of its claims must reject."""

import numpy as np
from mutations import expected, objections

from course_utils import old_faithful
from course_utils.lessons import amortisation as lesson
from course_utils.models.mixtures import fit_em
from course_utils.models.ppca import ProbabilisticPCA, fit_ppca

LESSON = "05_amortisation.ipynb"

SEARCHES = "272 searches close the gap: the ELBOs sum to the log-likelihood"
QUADRATIC = "the exact log-odds are a + bᵀx + xᵀCx, on the data and far from them"
FIT = "our fit of pPCA is that of course_utils"
POSTERIOR = "log p(x, z) − log p(z | x) is log p(x), at any z"
ELBO = "the closed-form ELBO is log p(x) − KL(q‖posterior), for 60 random q"

MUTANTS = {
    "no entropy": ("(log_q.exp() * (log_joint - log_q))", "(log_q.exp() * log_joint)", SEARCHES),
    "short for long": (
        "torch.stack([-log_odds, log_odds], dim=1)",
        "torch.stack([log_odds, -log_odds], dim=1)",
        "the q of each search is the responsibility",
    ),
    "the curvature turned around": (
        "C, b = (precision1 - precision2) / 2",
        "C, b = (precision2 - precision1) / 2",
        QUADRATIC,
    ),
    "the determinants left out": (
        "a += (np.linalg.slogdet(precision2)[1] - np.linalg.slogdet(precision1)[1]) / 2",
        "",
        QUADRATIC,
    ),
    "no mixed term among the features": (
        "[u * u, u * v, v * v]",
        "[u * u, u, v * v]",
        "the quadratic encoder has no gap on any eruption",
    ),
    "noise spread over all directions": (
        "noise = eigenvalues[latents:].mean()",
        "noise = eigenvalues[latents:].sum() / len(eigenvalues)",
        FIT,
    ),
    "loadings that count the noise twice": (
        "np.sqrt(eigenvalues[:latents] - noise)",
        "np.sqrt(eigenvalues[:latents])",
        FIT,
    ),
    "M with unit noise": (
        "M = loadings.T @ loadings + noise * np.eye(2)",
        "M = loadings.T @ loadings + np.eye(2)",
        POSTERIOR,
    ),
    "the posterior covariance without its σ²": ("noise * np.linalg.inv(M)", "np.linalg.inv(M)", POSTERIOR),
    "q without its spread": (" + variance @ (W**2).sum(dim=0)", "", ELBO),
    "KL doubled": ("price = 0.5 * (variance", "price = (variance", ELBO),
    "KL with the wrong sign of the logarithm": (
        "- 1 - 2 * log_scale).sum(dim=1)",
        "- 1 + 2 * log_scale).sum(dim=1)",
        ELBO,
    ),
    "scale for log-scale": ("variance, noise = torch.exp(2 * log_scale)", "variance, noise = log_scale**2", ELBO),
    "mean over pixels": (
        "misfit = ((x - mu - mean @ W.T) ** 2).sum(dim=1)",
        "misfit = ((x - mu - mean @ W.T) ** 2).mean(dim=1)",
        ELBO,
    ),
    "descent for ascent": (
        "path[-1] + rate * slope",
        "path[-1] - rate * slope",
        "late in the climb each step leaves the fraction 1 − κ_min/κ_max of the error",
    ),
    "the approximation gap without its ½": (
        "approximation = 0.5 * np.log(",
        "approximation = np.log(",
        "the best diagonal q of each digit lacks ½ log(Π M_ii / det M)",
    ),
    "the amortisation gap turned around": (
        "best_elbo - image_elbo(turned, x, *encoder(x)).numpy()",
        "image_elbo(turned, x, *encoder(x)).numpy() - best_elbo",
        "no amortisation gap is negative, for any digit and any encoder",
    ),
    "the marginal variances for the best ones": (
        "diagonal = np.diag(noise / np.diag(M_turned))",
        "diagonal = np.diag(noise * np.diag(np.linalg.inv(M_turned)))",
        "the restricted encoder is as good as a regression of the exact means",
    ),
    "every step is taken": (
        "torch.where(better, moved, phi)",
        "moved",
        "refinement never lowers the ELBO, of any image in any step",
    ),
    "the means of the model before the turn": (
        "best_phi = np.column_stack([turned.posterior(smudged).means",
        "best_phi = np.column_stack([model.posterior(smudged).means",
        "refinement ends at the best diagonal q of each image: its mean, its scales",
    ),
    "the correlations left in the diagonal q": (
        "T = T if correlated else T.diag().diag()",
        "T = T",
        "with a diagonal q, training turns the columns of W until they are orthogonal",
    ),
    "the correlations left out of every q": (
        "T = T if correlated else T.diag().diag()",
        "T = T.diag().diag()",
        "with any covariance in q, nothing turns W: the columns keep their angle",
    ),
    "an offset for the encoder that should have none": (
        "few = (train[:10] - mean, ",
        "few = (train[:10] - train[:10].mean(axis=0), ",
        "without an offset, 10 digits leave the gap of the explorer's encoder",
    ),
    "a smudge that loses its weight": (
        "smudged[:, corner] = inks",
        "smudged[:, corner] = inks / 5",
        "full ink where no digit had any, no more than a scan gives, costs over one nat",
    ),
    "intervals that leave a tenth on each side": (
        "stats.norm.ppf(0.95) * widths",
        "stats.norm.ppf(0.9) * widths",
        "of the intervals that should hold z in 90 % of all images, 90 % do",
    ),
    "the noise left in the draws": (
        "model.mean + rng.normal(size=(300, 2)) @ model.loadings.T",
        "model.sample(300, rng)[0]",
        "draws without noise leave the weights of blank pixels at their random start",
    ),
    "a random start for the encoder that should have none": (
        "train_encoder(lambda: seen, np.zeros((2, 64)))",
        "train_encoder(lambda: seen, start)",
        "from a start at zero, the digits teach the whole matrix M⁻¹Wᵀ, within 2 %",
    ),
    "asleep, a normaliser for half of the width": (
        "return -(misfit / 2 + log_widths).sum(dim=1)",
        "return -(misfit / 2 + log_widths / 2).sum(dim=1)",
        "asleep, the encoder's variances are the posterior's marginal ones, Σ_ii",
    ),
    "asleep, the z of other draws": (
        "misfit = ((causes - means) / log_widths.exp()) ** 2",
        "misfit = ((causes.roll(1, 0) - means) / log_widths.exp()) ** 2",
        "asleep, the encoder's variances are the posterior's marginal ones, Σ_ii",
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)


def test_the_mixture_of_the_lesson_is_the_fit_of_lesson_03():
    fit = fit_em(old_faithful(), 2, restarts=3, rng=0)
    order = np.argsort(fit.mixture.means[:, 0])
    known = lesson.faithful_mixture()
    np.testing.assert_allclose(known.weights, fit.mixture.weights[order], atol=1e-4)
    np.testing.assert_allclose(known.means, fit.mixture.means[order], atol=1e-3)
    np.testing.assert_allclose(known.covariances, fit.mixture.covariances[order], rtol=1e-3)


def gap_by_climbing(model, shifts):
    """The explorer's closed form, by the steps themselves."""
    posterior = model.posterior(model.mean[None])
    precision = np.linalg.inv(posterior.covariance)
    gaps, data = [], np.repeat(model.mean[None], len(shifts), axis=0)
    for _ in range(21):
        gaps.append(model.gap(data, posterior.means + shifts, posterior.covariance).mean())
        shifts = shifts - shifts @ precision / np.linalg.eigvalsh(precision)[-1]
    return gaps


def test_the_explorers_gaps_are_those_of_gradient_ascent():
    model = fit_ppca(lesson.zeros_and_ones()[0], 2)
    shifts = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(lesson._gap_after_steps(model, shifts), gap_by_climbing(model, shifts), rtol=1e-8)
    turned = ProbabilisticPCA(model.mean, 1.1 * model.loadings, model.noise_variance)
    assert not np.allclose(lesson._gap_after_steps(model, shifts), gap_by_climbing(turned, shifts), rtol=1e-3)


def test_the_explorers_gap_is_that_of_the_mixture():
    points = np.array([[4.3, 80.0], [2.4, 71.0], [0.5, 120.0], [3.0, 60.0]])
    exact = lesson.faithful_mixture().responsibilities(points)
    for kind in lesson.ENCODERS:
        log_odds, logit, gap = lesson._answers(points, kind)
        q = np.stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))], axis=1)
        expected = np.sum(q * (np.log(q) - np.log(exact)), axis=1)
        np.testing.assert_allclose(gap, expected, atol=1e-9)
        np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), exact[:, 1], atol=1e-12)
