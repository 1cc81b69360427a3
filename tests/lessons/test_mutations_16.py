"""Wrong versions of lesson 16's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "16_put_to_work.ipynb"

PIXELS = "seen pixels: torch's Bernoulli, added up"
CHAIN_RULE = "log p(x_h | x_v) = log p(x) − log p(x_v)"
DRAWS = "hidden ink, by weights of draws from the prior = by the grid"
CODE = "through the code: the same means"
COVARIANCE = "and covariance"
EVIDENCE = "p(x, z) / q(z | x), averaged over q = p(x)"
METROPOLIS = "Metropolis: half as far off, or less, at the median"
AUC = "AUC by pairs = scikit-learn's"
REVERSED = "−log p, ones: an AUC below 0.3"
RATIO = "ones: both above 0.5, and 0.2 or more above −log p"
NEAREST = "without a model: ones, upside down, eights 0.8 or more"
GAME = "V(D*, G) = 2·JS − log 4"
WEAK = "minimax: −D"
STRONG = "non-saturating: −(1 − D)"
HUMPS = "each hump has a quarter or more of what is made"
JACOBIAN = "log|det| = autograd's"
BACK = "there and back"

MUTANTS = {
    "the logarithm of paper left out": (
        "return ink @ x[:, chosen].T - paper.sum(1, keepdim=True)",
        "return ink @ x[:, chosen].T",
        PIXELS,
    ),
    "all pixels counted as paper": (
        "paper = torch.nn.functional.softplus(ink)",
        "paper = torch.nn.functional.softplus(logits)",
        PIXELS,
    ),
    "weights of whole pictures": (
        "log_joint = log_pixels(logits, x, seen) + log_prior[:, None]",
        "log_joint = log_pixels(logits, x, seen | True) + log_prior[:, None]",
        CHAIN_RULE,
    ),
    "the prior forgotten in the weights": (
        "log_joint = log_pixels(logits, x, seen) + log_prior[:, None]",
        "log_joint = log_pixels(logits, x, seen)",
        CHAIN_RULE,
    ),
    "a mean of logarithms as the log-score": (
        "return torch.logsumexp(log_w + log_pixels(logits, x, hidden), 0)",
        "return (log_w.exp() * log_pixels(logits, x, hidden)).sum(0)",
        CHAIN_RULE,
    ),
    "q forgotten in the weights": (
        "return (log_joint - log_q[:, None]).log_softmax(0)",
        "return log_joint.log_softmax(0)",
        DRAWS,
    ),
    "the gain without the seen covariance": (
        "gain = np.linalg.solve(cov[np.ix_(seen, seen)], cross)",
        "gain = cross",
        CODE,
    ),
    "the covariance as if nothing were seen": (
        "return means, cov[np.ix_(~seen, ~seen)] - cross.T @ gain",
        "return means, cov[np.ix_(~seen, ~seen)]",
        COVARIANCE,
    ),
    "a step that accepts the other way round": (
        "take = (uniform.log() < gain)",
        "take = (uniform.log() < -gain)",
        METROPOLIS,
    ),
    "q left out of the Metropolis step": (
        "return model.log_likelihood(x, z) + normal.log_prob(z).sum(-1) - log_q",
        "return model.log_likelihood(x, z) + normal.log_prob(z).sum(-1)",
        EVIDENCE,
    ),
    "ordinary above anomalous": (
        "higher = torch.sign(anomalous[:, None] - ordinary).double()",
        "higher = torch.sign(ordinary - anomalous[:, None]).double()",
        AUC,
    ),
    "the ratio the other way round": (
        "(background.log_prob(x) - logs[name], ",
        "(logs[name] - background.log_prob(x), ",
        RATIO,
    ),
    "pixels off the nearest digit, whatever the ink": (
        "return apart.amin(1) / ink.clamp(min=1)",
        "return apart.amin(1)",
        NEAREST,
    ),
    "log p where −log p is the score": (
        "reversed_area = auc(-logs[",
        "reversed_area = 1 - auc(-logs[",
        REVERSED,
    ),
    "the discriminator's odds for its probability": (
        "best = true / (true + made)",
        "best = true / (2 * np.maximum(true, made))",
        GAME,
    ),
    "half of the divergence": (
        "js = (kl(true, middle) + kl(made, middle)) / 2",
        "js = (kl(true, middle) + kl(made, middle)) / 4",
        GAME,
    ),
    "the loss of the other player": (
        "saturating = torch.log(1 - torch.sigmoid(a)).sum()",
        "saturating = torch.log(torch.sigmoid(a)).sum()",
        WEAK,
    ),
    "the generator's loss with the wrong sign": (
        "pulling = -torch.log(torch.sigmoid(a)).sum()",
        "pulling = torch.log(torch.sigmoid(a)).sum()",
        STRONG,
    ),
    "a discriminator that lowers the value": (
        "(of_generator if side is gan.generator else -value).backward()",
        "(of_generator if side is gan.generator else value).backward()",
        HUMPS,
    ),
    "a determinant of all scales": (
        "return z * torch.exp(s) + t, s.sum(-1)",
        "return z * torch.exp(s) + t, s.exp().sum(-1)",
        JACOBIAN,
    ),
    "the scale undone before the shift": (
        "return (x - t) * torch.exp(-s), -s.sum(-1)",
        "return x * torch.exp(-s) - t, -s.sum(-1)",
        BACK,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
