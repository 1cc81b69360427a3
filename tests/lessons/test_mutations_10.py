"""Wrong versions of lesson 10's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "10_gumbel.ipynb"

EXACT = "Σ π f (z − π) = autograd of the exact expectation"
BASELINE = "the mean is the exact gradient, for each of three baselines"
HALVED = "with the average of f as baseline the variance is less than half of that"
GUMBEL = "−log(−log u) is a standard Gumbel variable for scipy: Kolmogorov–Smirnov p above 0.01"
MAXIMUM = "the maximum of shifted Gumbels is a Gumbel at their log-sum-exp: Kolmogorov–Smirnov p above 0.01"
RACE = "the first to arrive has the largest sum, in each of 20 000 races"
TIE = "the density of a tie at the top is π_k π_j"
PARABOLA = "quadratic f: the limit of straight-through is the exact gradient"
CHI_SQUARED = "Gumbel-max draws each class as often as softmax says: χ² test, p above 0.01"
PLACE = "the largest entry is where Gumbel-max puts its one, at every draw"
SOFTMAX = "softmax((a + g)/τ) = torch.nn.functional.gumbel_softmax under shared noise"
VALUE = "straight-through: the value is torch's, and one-hot"
SLOPE = "straight-through: the gradient is torch's"
KL = "log K − entropy = KL to the uniform distribution by torch.distributions"
SAME_KL = "the same KL term"
HARD = "one-hot draws: the same reconstruction term as course_utils.models.discrete"
RELAXED = "relaxed draws: the same reconstruction term"
SAVED = "a prior that knows q(z) saves half a nat per digit or more"
TOGETHER = "all three choices together name the kind of 70 % or more of the test digits"
MIXTURE = "the best ELBO of a VAE with one choice and a table = the log-likelihood found by EM"

MUTANTS = {
    "homework of the instructor's guide: Gumbel noise after all": (
        "gaussian_noise = torch.as_tensor(rng.normal(0, np.pi / 6**0.5",
        "gaussian_noise = torch.as_tensor(rng.gumbel(0, 1",
        "with Gaussian noise of the same variance the test rejects: p below 0.001",
    ),
    "the score without π": ("f_values[:, None] * (corners - pi)).sum(0)", "f_values[:, None] * corners).sum(0)", EXACT),
    "the sum without its weights": (
        "exact = (pi[:, None] * f_values[:, None]",
        "exact = (f_values[:, None]",
        EXACT,
    ),
    "baseline outside the product": (
        "estimates = (f_values[:, None] - b) * (corners - pi)",
        "estimates = f_values[:, None] * (corners - pi) - b",
        BASELINE,
    ),
    "baseline added": (
        "estimates = (f_values[:, None] - b) * (corners - pi)",
        "estimates = (f_values[:, None] + b) * (corners - pi)",
        HALVED,
    ),
    "one logarithm only": ("g = -torch.log(-torch.log(u))", "g = -torch.log(u)", GUMBEL),
    "outer sign of the noise": ("g = -torch.log(-torch.log(u))", "g = torch.log(-torch.log(u))", GUMBEL),
    "place of the maximum: the largest logit": (
        "torch.logsumexp(stamp_logits, 0).item()",
        "stamp_logits.max().item()",
        MAXIMUM,
    ),
    "noise subtracted": (
        "scores = stamp_logits + discrete.gumbel_noise(",
        "scores = stamp_logits - discrete.gumbel_noise(",
        MAXIMUM,
    ),
    "race: the rates upside down": (
        "times = -torch.log(u) / stamp_logits.exp()",
        "times = -torch.log(u) * stamp_logits.exp()",
        RACE,
    ),
    "straight-through as τ → 0: one end of the edge only": (
        "along = (own[:, :, None] - at + at.mT - own[:, None, :]) / 2",
        "along = own[:, :, None] - at",
        PARABOLA,
    ),
    "straight-through as τ → 0: ends added, not averaged": (
        "along = (own[:, :, None] - at + at.mT - own[:, None, :]) / 2",
        "along = own[:, :, None] - at + at.mT - own[:, None, :]",
        PARABOLA,
    ),
    "a tie anywhere, not at the top": ("- 2 * g - stamp_logits.exp().sum() * torch", "- 2 * g - torch", TIE),
    "the smallest wins": ("winners = scores.argmax(-1)", "winners = scores.argmin(-1)", CHI_SQUARED),
    "noise added to probabilities": (
        "z = discrete.gumbel_max(stamp_logits, noise=noise)",
        "z = discrete.gumbel_max(stamp_logits.softmax(-1), noise=noise)",
        PLACE,
    ),
    "only the noise divided by τ": (
        "y = torch.softmax((stamp_logits + noise) / 0.7, dim=-1)",
        "y = torch.softmax(stamp_logits + noise / 0.7, dim=-1)",
        PLACE,
    ),
    "multiplied by τ": (
        "torch.softmax((rows + shared) / 0.7, dim=-1)",
        "torch.softmax((rows + shared) * 0.7, dim=-1)",
        SOFTMAX,
    ),
    "softmax over the draws": (
        "torch.softmax((rows + shared) / 0.7, dim=-1)",
        "torch.softmax((rows + shared) / 0.7, dim=0)",
        SOFTMAX,
    ),
    "detached on the wrong side": (
        "return hard + (soft - soft.detach())",
        "return hard + (soft.detach() - soft)",
        SLOPE,
    ),
    "nothing subtracted": ("return hard + (soft - soft.detach())", "return hard + soft", VALUE),
    "soft forward": ("return hard + (soft - soft.detach())", "return soft", VALUE),
    "log K missing": ("np.log(8) - q.entropy(),", "-q.entropy(),", KL),
    "log K missing in the class": (
        "kl = (log_q.exp() * (log_q + np.log(self.code[1]))).sum((-1, -2))",
        "kl = (log_q.exp() * log_q).sum((-1, -2))",
        SAME_KL,
    ),
    "KL of one choice only": (
        "kl = (log_q.exp() * (log_q + np.log(self.code[1]))).sum((-1, -2))",
        "kl = (log_q.exp() * (log_q + np.log(self.code[1]))).sum(-1).mean(-1)",
        SAME_KL,
    ),
    "the decoder sees probabilities": (
        "z = torch.nn.functional.one_hot(noisy.argmax(-1), self.code[1]).to(x.dtype)",
        "z = logits.softmax(-1)",
        HARD,
    ),
    "temperature forgotten in the class": (
        "z = torch.softmax(noisy / temperature, dim=-1)",
        "z = torch.softmax(noisy, dim=-1)",
        RELAXED,
    ),
    "mean over the pixels": (
        "return pixels.log_prob(x).sum(-1), kl",
        "return pixels.log_prob(x).mean(-1), kl",
        HARD,
    ),
    "the uniform prior over 512 codes forgotten": (
        "saved = (in_use * (in_use * 512)",
        "saved = (in_use * in_use",
        SAVED,
    ),
    "the kind that is rarest in a code": (
        "(table[tuple(seen[1].T)].argmax(-1)",
        "(table[tuple(seen[1].T)].argmin(-1)",
        TOGETHER,
    ),
    "the ELBO of the mixture without its entropy": (
        "loss = -(log_q.exp() * (log_joint - log_q)).sum()",
        "loss = -(log_q.exp() * log_joint).sum()",
        MIXTURE,
    ),
    "the mixture without its weights": (
        "return log_q, weight.log_softmax(-1) + log_normal",
        "return log_q, 0 * weight + log_normal",
        MIXTURE,
    ),
    "the covariance without its determinant": (
        " - diagonal.log().sum(-1) - np.log(2 * np.pi)",
        " - np.log(2 * np.pi)",
        MIXTURE,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
