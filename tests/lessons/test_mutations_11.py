"""Wrong versions of lesson 11's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "11_denoising_vae.ipynb"

EVIDENCE = "∫ p(x, z) dz by quadrature = the closed form"
HALF = "the best single Gaussian is log 2 below log p(x), within a hundredth of a nat"
CHANGED = "salt and pepper changes a share ρ/2 of the pixels"
LOST = "masking takes a share ρ of the ink, and touches nothing else"
FRESH = "the noise of one digit and of the next are correlated by less than 0.02"
DENSITY = "q̃ is a density: its integral is 1"
MODES = "each answer of the encoder has one hump, and q̃ has two"
LOWER_STEP = "L(q̃) ≥ L_DVAE"
IDENTITY = "L(q̃) − L_DVAE = I(z; x̃ | x)"
ENTROPY = "without other noise, the price is at most the entropy of the turned sign"
ONE_COPY = "one copy: the lower bound is L_DVAE"
MORE_COPIES = "the lower bound rises with K"
BETWEEN = "at every K it stays below the exact L(q̃), and the upper one above"
PENALTY = "L_DVAE = L_VAE − ½ tr(Λ W S Wᵀ), for a good encoder and for a bad one"
FLOOR = "50 000 draws of q̃ have the covariance Σ_q + W S Wᵀ"
MENDED = "mended by hand, L(q̃) is log p(x)"
RIDGE = "W C (C + s²I)⁻¹ has no slope under noise"
DECAY = "the other has none under decay"
AS_08 = "zero noise: the terms of lesson 08's VAE, number for number"
AS_MODULE = "with noise: the terms of course_utils.models.denoising"
ENUMERATED = "the denoising bound from draws = eight outcomes and an integral"

PRICE = "L(q̃) − L_DVAE = ½ log (det(Σ_q + W S Wᵀ) / det Σ_q)"
NOTHING_LOST = "its exponential has the integral exp(−m²/2v), far below 1"

MUTANTS = {
    "scale for variance in the marginal": (
        "stats.norm.logpdf(x, 0, np.sqrt(1 + c))",
        "stats.norm.logpdf(x, 0, 1 + c)",
        EVIDENCE,
    ),
    "the second hump forgotten": ("closed = np.log(2) + stats", "closed = stats", EVIDENCE),
    "the ELBO without its entropy": (
        "np.exp(log_q) * (log_joint - log_q), z)",
        "np.exp(log_q) * log_joint, z)",
        HALF,
    ),
    "every pixel that is hit changes": (
        "salt_and_pepper = torch.where(hit, coin, digits)",
        "salt_and_pepper = torch.where(hit, 1 - digits, digits)",
        CHANGED,
    ),
    "masking keeps what it should take": (
        "generator=dice) < rho, 0.0, digits)",
        "generator=dice) >= rho, 0.0, digits)",
        LOST,
    ),
    "one noise for the whole batch": (
        "gaussian = digits + s * torch.randn(digits.shape, generator=dice)",
        "gaussian = digits + s * torch.randn(1, 64, generator=dice)",
        FRESH,
    ),
    "the mixture without its weights": (
        "rho])\nlog_mixture = special.logsumexp(log_answers + np.log(weights)[:, None], axis=0)",
        "rho])\nlog_mixture = special.logsumexp(log_answers, axis=0)",
        DENSITY,
    ),
    "the mean of logarithms for q̃": (
        "rho])\nlog_mixture = special.logsumexp(log_answers + np.log(weights)[:, None], axis=0)",
        "rho])\nlog_mixture = weights @ log_answers",
        DENSITY,
    ),
    "both answers on one hump": ("z, sign * mean, width)", "z, mean, width)", MODES),
    "a sum of logarithms for their mean": (
        "mean_of_logs = weights @ log_answers",
        "mean_of_logs = log_answers.sum(0)",
        NOTHING_LOST,
    ),
    "log q for log q̃ in L(q̃)": (
        "mixture = np.trapezoid(q_tilde * (log_joint - log_mixture), z)",
        "mixture = weights @ np.trapezoid(q * (log_joint - log_answers), z)",
        IDENTITY,
    ),
    "log q̃ for log q in L_DVAE": (
        "each = np.trapezoid(q * (log_joint - log_answers), z)",
        "each = np.trapezoid(q * (log_joint - log_mixture), z)",
        IDENTITY,
    ),
    "what is left of the uncertainty for what is told": (
        "price = special.entr(weights).sum() - left",
        "price = left",
        IDENTITY,
    ),
    "the entropy without one of its outcomes": (
        "special.entr(flips) + special.entr(1 - flips)",
        "special.entr(flips)",
        ENTROPY,
    ),
    "responsibilities without the weights": (
        "blame = np.exp(log_answers + np.log(weights)[:, None] - log_mixture)",
        "blame = np.exp(log_answers - log_mixture)",
        IDENTITY,
    ),
    "L_DVAE without its own density": (
        "each = np.trapezoid(q * (log_joint - log_answers), z)",
        "each = np.trapezoid(q * log_joint, z)",
        IDENTITY,
    ),
    "the sign of the entropy": (
        "mixture = np.trapezoid(q_tilde * (log_joint - log_mixture), z)",
        "mixture = np.trapezoid(q_tilde * (log_joint + log_mixture), z)",
        LOWER_STEP,
    ),
    "own copy left out of both bounds": (
        "special.logsumexp(log_q[:, :copies], axis=1)",
        "special.logsumexp(log_q[:, 1:], axis=1)",
        ONE_COPY,
    ),
    "own copy in both bounds": (
        "special.logsumexp(log_q[:, 1:], axis=1)",
        "special.logsumexp(log_q[:, :copies], axis=1)",
        BETWEEN,
    ),
    "the logarithm of K forgotten": (
        "own_in = special.logsumexp(log_q[:, :copies], axis=1) - np.log(copies)",
        "own_in = special.logsumexp(log_q[:, :copies], axis=1)",
        MORE_COPIES,
    ),
    "the penalty without its half": (
        "penalties.append(0.5 * np.trace(",
        "penalties.append(np.trace(",
        PENALTY,
    ),
    "the penalty blind to the posterior": (
        "np.trace(precision @ W_ @ S @ W_.T)",
        "np.trace(W_ @ S @ W_.T)",
        PENALTY,
    ),
    "the likelihood alone in the precision": (
        "precision = np.eye(5) + model.loadings.T",
        "precision = model.loadings.T",
        PENALTY,
    ),
    "the ratio of volumes without its half": ("volumes.append(0.5 * np", "volumes.append(np", PRICE),
    "scale for variance in the floor": (
        "predicted = Sigma_q + W @ S @ W.T",
        "predicted = Sigma_q + W @ np.sqrt(S) @ W.T",
        FLOOR,
    ),
    "the floor without the encoder's own width": (
        "predicted = Sigma_q + W @ S @ W.T",
        "predicted = W @ S @ W.T",
        FLOOR,
    ),
    "mended in the wrong direction": (
        "exact._replace(covariance=Sigma_q - W @ S @ W.T)",
        "exact._replace(covariance=Sigma_q + W @ S @ W.T)",
        MENDED,
    ),
    "ridge with the scale of the noise": (
        "np.linalg.inv(C + s**2 * np.eye(64))",
        "np.linalg.inv(C + s * np.eye(64))",
        RIDGE,
    ),
    "decay weighed by the precision": (
        "linalg.solve_sylvester(kappa * Sigma_q, C, W @ C)",
        "linalg.solve_sylvester(kappa * precision, C, W @ C)",
        DECAY,
    ),
    "noise where there is none": ("        if self.s:\n", "        if True:\n", AS_08),
    "KL of the clean code": (
        "self.log_likelihood(x, z), vae.gaussian_kl(mean, log_var)",
        "self.log_likelihood(x, z), vae.gaussian_kl(*self.encode(x))[None]",
        AS_MODULE,
    ),
    "noise on the target": (
        "fit, kl = self.log_likelihood(x, z)",
        "fit, kl = self.log_likelihood(seen, z)",
        AS_MODULE,
    ),
    "variance of the noise for its scale": (
        "seen = seen + self.s * torch.randn",
        "seen = seen + self.s**2 * torch.randn",
        AS_MODULE,
    ),
    "every hit pixel counted as flipped": (
        "chances = (0.2 * flipped + 0.8 * (1 - flipped)).prod(1)",
        "chances = (0.4 * flipped + 0.6 * (1 - flipped)).prod(1)",
        ENUMERATED,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
