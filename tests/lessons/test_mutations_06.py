"""Wrong versions of lesson 06's formulas, each of which one of its claims or one of its oracles must reject."""

import numpy as np
import pytest
import torch
from mutations import expected, objections

from course_utils.lessons import reparameterisation as lesson
from course_utils.models import gradients

LESSON = "06_reparameterisation.ipynb"

SCORE_UNBIASED = "the score-function estimator is unbiased: 2μ"
COURSE_SCORES = "our score estimates are those of course_utils"
OTHERS = "K = 2, baseline without its own value: the average estimate is 2"
COURSE_PATHS = "autograd's gradients are those of course_utils"
COVARIANCE = "Cov[Aε + b] = AAᵀ"
LOG_DENSITY = "log N(ε; 0, I) − log|det A| is torch's log-density at z"
IMPLICIT = "implicit slopes of Gamma draws are those of torch"
LANDING = "q = p = N(0, 0.5²): the path alone has variance 0"
UNBIASED_BATCH = "minibatch × one draw is unbiased: on average the gradient of the ELBO of all eight"
MEANS = "black-box VI finds the exact posterior means"
WIDTHS = "black-box VI finds the exact posterior standard deviations"

MUTANTS = {
    "fresh throws on both sides": (
        "shared = np.array([quotient(1.0, h, throws, throws)",
        "shared = np.array([quotient(1.0, h, throws, others)",
        "with the same throws the difference quotient is 2(μ + ε), whatever h",
    ),
    "REINFORCE without the score": (
        "return ((mu + noise) ** 2 - baseline) * noise",
        "return (mu + noise) ** 2 - baseline",
        SCORE_UNBIASED,
    ),
    "the score for z": (
        "return ((mu + noise) ** 2 - baseline) * noise",
        "return -((mu + noise) ** 2 - baseline) * noise",
        SCORE_UNBIASED,
    ),
    "log q in place of its gradient": (
        "return ((mu + noise) ** 2 - baseline) * noise",
        "return ((mu + noise) ** 2 - baseline) * -0.5 * noise**2",
        SCORE_UNBIASED,
    ),
    "the score over the standard deviation": ("(z - mean) / scale**2", "(z - mean) / scale", COURSE_SCORES),
    "no score in several dimensions": ("* (z - mean) / scale**2", "* torch.ones_like(z)", COURSE_SCORES),
    "the baseline knows its own draw": (
        "(values - values[:, ::-1])",
        "(values - values.mean(axis=1)[:, None])",
        OTHERS,
    ),
    "the baseline added": ("(values - values[:, ::-1])", "(values + 3 * values[:, ::-1] ** 0 * values)", OTHERS),
    "f's value on the path": (
        "mean_and_variance(2 * (mu + nodes))",
        "mean_and_variance((mu + nodes) ** 2)",
        "the pathwise estimator is unbiased: 2μ",
    ),
    "variance for scale on the path": (
        "z = mean + scale * noise\nslopes",
        "z = mean + scale**2 * noise\nslopes",
        COURSE_PATHS,
    ),
    "the path to the scale detached": (
        "slopes = torch.autograd.grad(wave(z).mean(), (mean, scale))",
        "slopes = torch.autograd.grad(wave(mean + scale.detach() * noise + 0 * scale).mean(), (mean, scale))",
        COURSE_PATHS,
    ),
    "ε forgotten": ("slope * (z - mean) / scale", "slope * 1.0", "rsample passes on ∂f/∂z · ε to the scale"),
    "Aᵀ for A": ("z = epsilon @ A.T + b", "z = epsilon @ A + b", COVARIANCE),
    "the covariance for its factor": ("z = epsilon @ A.T + b", "z = epsilon @ (A @ A.T) + b", COVARIANCE),
    "no determinant": (" - A.det().abs().log()", "", LOG_DENSITY),
    "the determinant's sign": (" - A.det().abs().log()", " + A.det().abs().log()", LOG_DENSITY),
    "the outer product transposed": (
        '"k,kd,ke->de"',
        '"k,kd,ke->ed"',
        "E[∇f εᵀ] is the gradient of E‖z‖² = tr AAᵀ + ‖b‖², that is 2A",
    ),
    "the inverse distribution function upside down": (
        "(-torch.log1p(-u) / rate)",
        "(-torch.log1p(-u) * rate)",
        "inverse distribution function: ∂E[z]/∂λ = −1/λ² for the exponential",
    ),
    "the implicit slope without its minus": ("ours = -slope_of_cdf", "ours = slope_of_cdf", IMPLICIT),
    "the implicit slope not over the density": (" / stats.gamma.pdf(draws, 2.3)", "", IMPLICIT),
    "the coin's score for tails": (
        "-1 / (1 - p))",
        "1 / (1 - p))",
        "the score function gives f(1) − f(0)",
    ),
    "the baseline forgets the other dimensions": (
        "best = 4 + 19 * 2",
        "best = 4",
        "the three closed forms, at D = 20, are what simulation gives",
    ),
    "the wrong φ detached": (
        "seen_by_q = copies.detach() if path_only else copies",
        "seen_by_q = copies if path_only else copies.detach()",
        LANDING,
    ),
    "log q forgotten": (
        "terms = torch.distributions.Normal(0.0, target).log_prob(z) - log_q",
        "terms = torch.distributions.Normal(0.0, target).log_prob(z)",
        LANDING,
    ),
    "log q added": (".log_prob(z) - log_q", ".log_prob(z) + log_q", LANDING),
    "the best baseline for the score alone": (
        "best = node_weights @ (z**2 * score**2) / (node_weights @ score**2)",
        "best = node_weights @ (z**2)",
        "all six variances of the table, for nine q",
    ),
    "a score that forgets the width": (
        "((nodes / sigma, 1.0), (",
        "((nodes, 1.0), (",
        "all six variances of the table, for nine q",
    ),
    "ripples seen by a score without its width": (
        "np.cos(omega * z) * fine / sigma",
        "np.cos(omega * z) * fine",
        "the ratio of variances is (ωσ)² for ωσ = 10, whether ω or σ is large",
    ),
    "the mean weights plugged in": (
        "torch.sigmoid(weights @ patient).mean()",
        "torch.sigmoid(mean @ patient)",
        "the predicted chance of malignancy is the exact one",
    ),
    "the Jacobian of the reciprocal": (
        " + jacobian * u",
        " - jacobian * u",
        "with the Jacobian: the mean rate is 1",
    ),
    "N/B forgotten": ("8 / 2 * slopes", "slopes", UNBIASED_BATCH),
    "N/B inverted": ("8 / 2 * slopes", "2 / 8 * slopes", UNBIASED_BATCH),
    "the prior scaled too": ("(-z / 4 + 8 / 2 *", "(-z / 4 * 8 / 2 + 8 / 2 *", UNBIASED_BATCH),
    "variances of the means added wrongly": (
        "equals=variances.mean() + means.var()",
        "equals=variances.mean() + means.var() / 28",
        "total variance = noise of the draw + noise of the batch",
    ),
    "drawn with replacement": (
        "8**2 / 2 * (1 - 2 / 8) * spread",
        "8**2 / 2 * spread",
        "the batch's part is N²/B (1 − B/N) S²",
    ),
    "black-box VI with the covariance for its factor": (
        "z = mean + noise @ factor.T\n",
        "z = mean + noise @ (factor @ factor.T)\n",
        WIDTHS,
    ),
    "black-box VI without entropy": (
        "return (joint(z) - log_q).mean()",
        "return joint(z).mean()",
        WIDTHS,
    ),
    "black-box VI without N/B": (
        "return (joint(z) - log_q).mean()",
        "return (log_prior(z) + log_likelihood(z, batch.expand(len(z), -1)).sum(dim=1) - log_q).mean()",
        MEANS,
    ),
    "the entropy without its e": (
        "1.5 * np.log(2 * np.pi * np.e)",
        "1.5 * np.log(2 * np.pi)",
        "with correlations, the fitted ELBO is within 0.15 nats of the log evidence",
    ),
    "the gradient for θ without q's spread": (
        "0.8 * (1.5**2 + 0.5**2)",
        "0.8 * 1.5**2",
        "for θ, the gradient of the average of plain draws is right: xμ − θ(μ² + σ²)",
    ),
    "the non-centred form without its Jacobian": (
        " + np.log(3) + 9 / 2 * 3 * epsilon[:, 0]",
        " + np.log(3)",
        "in ε the model is a product of standard normals: all draws are effective",
    ),
    "the entropy of ten Gaussians with a nat too much": (
        "constants = 5 - 4.5 * np.log(2 * np.pi)",
        "constants = 6 - 4.5 * np.log(2 * np.pi)",
        "no gap is negative",
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)


BASELINES = {
    "score function": 0.0,
    "score function, leave-one-out": "leave-one-out",
    "score function, best baseline": 4.0 + 2 * 6,  # μ² + 3 + (D − 1)(μ² + 1) at μ = 1, D = 7
}


@pytest.mark.parametrize("estimator", BASELINES)
def test_the_explorers_closed_forms_are_those_of_simulation(estimator):
    generator, averages = torch.Generator().manual_seed(0), []
    for _ in range(2500):
        estimates = gradients.score_gradient(
            lambda z: (z**2).sum(dim=1),
            np.ones(7),
            np.ones(7),
            samples=3,
            generator=generator,
            baseline=BASELINES[estimator],
        ).mean
        averages.append(estimates.mean(dim=0))
    found = torch.stack(averages).std(dim=0).numpy()  # seven coordinates with the same distribution
    assert np.sqrt(np.mean(found**2)) == pytest.approx(lesson.gradient_scale(estimator, 7, 3), rel=0.04)


def test_the_explorers_pathwise_scatter_is_two_over_the_root_of_the_draws():
    np.testing.assert_allclose(lesson.gradient_scale("pathwise", np.array([2, 50]), 9), 2 / 3)
