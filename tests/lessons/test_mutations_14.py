"""Wrong versions of lesson 14's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "14_richer_posteriors.ipynb"

GRID = "the gap is more than three nats per test digit"
NODES = "and = by 500 draws"
MASS = "the new density integrates to one, over the new places"
PLANAR = "log|1 + ψᵀu| = the log-determinant of autograd's Jacobian, at 20 points"
FOLD = "counted once for each place, at its leftmost origin, the stated density integrates to less than a quarter"
LIMIT = "w·û is at least −1, for 1000 layers"
ACROSS = "across w, û is u"
RULE = "the course's rule gives the same"
MIRROR = "one reflection turns a diagonal covariance into the wanted one"
BENT = "planar layers leave less than turning"
TRIANGLE = "no output sees a later coordinate: the Jacobian is triangular"
SCALES = "Σ log s = the log-determinant of autograd's Jacobian"
FIRST = "𝓛₁ is the ELBO"
TEN = "𝓛₁₀ is the mean of 50 000 estimates"
PICKS = "20 000 picks out of five draws are distributed like q₅: Kolmogorov–Smirnov p above 0.001"
LAW = "at k = 10 000 the gap is Var(w)/2k, for q's variances 1.5 and 0.8"
STANDARD = "the means of 3000 estimates are the exact gradients"
DOUBLY = "its means are the exact gradients"

MUTANTS = {
    "squared error without its ½": (
        "log_likelihood = -apart / (2 * c) - seen / 2 * torch.log(2 * np.pi * c)",
        "log_likelihood = -apart / c - seen / 2 * torch.log(2 * np.pi * c)",
        NODES,
    ),
    "the grid without the likelihood's constant": (
        "log_likelihood = -apart / (2 * noise) - seen / 2 * torch.log(2 * np.pi * noise)",
        "log_likelihood = -apart / (2 * noise)",
        GRID,
    ),
    "log-variance for log-scale in the density of a draw": (
        "log_q = flows.standard_log_prob(noise) - log_var.sum(-1) / 2",
        "log_q = flows.standard_log_prob(noise) - log_var.sum(-1)",
        NODES,
    ),
    "the log-determinant added": (
        "log_density = stats.norm.logpdf(z) - np.log(1 + 0.9 * np.cos(2 * z))",
        "log_density = stats.norm.logpdf(z) + np.log(1 + 0.9 * np.cos(2 * z))",
        MASS,
    ),
    "ψ at the layer's output": (
        "psi = (1 - h**2)[..., None] * w",
        "psi = (1 - torch.tanh((z + h[..., None] * u) @ w + b) ** 2)[..., None] * w",
        PLANAR,
    ),
    "the slope of tanh forgotten": (
        "psi = (1 - h**2)[..., None] * w",
        "psi = torch.ones_like(h)[..., None] * w",
        PLANAR,
    ),
    "the 1 forgotten": (
        "torch.log(torch.abs(1 + psi @ u))",
        "torch.log(torch.abs(psi @ u))",
        PLANAR,
    ),
    "every origin of a folded place counted": (
        "first_arrival = after >= np.maximum.accumulate(after)",
        "first_arrival = after >= after.min()",
        FOLD,
    ),
    "no constraint at all": ("wanted = torch.nn.functional.softplus(along) - 1", "wanted = along", LIMIT),
    "the −1 forgotten": (
        "wanted = torch.nn.functional.softplus(along) - 1",
        "wanted = torch.nn.functional.softplus(along)",
        RULE,
    ),
    "moved along u instead of w": (
        "return u + (wanted - along) * w / w.square().sum(-1, keepdim=True)",
        "return u + (wanted - along) * u / along",
        ACROSS,
    ),
    "a projection for a reflection": (
        "return z - 2 * (z @ v)[..., None] * v / (v @ v)",
        "return z - (z @ v)[..., None] * v / (v @ v)",
        MIRROR,
    ),
    "the log-determinant of planar layers with the wrong sign": (
        "return mean + torch.exp(log_var / 2) * z, log_q - log_det - log_var.sum(-1) / 2",
        "return mean + torch.exp(log_var / 2) * z, log_q + log_det - log_var.sum(-1) / 2",
        BENT,
    ),
    "the mask lets a coordinate see itself": (
        "self.mask_out = (order[:, None] > degree)",
        "self.mask_out = (order[:, None] >= degree)",
        SCALES,
    ),
    "the mask upside down": (
        "self.mask_in = (degree[:, None] >= order)",
        "self.mask_in = (degree[:, None] <= order)",
        TRIANGLE,
    ),
    "log k forgotten": (
        "return np.array(integrals) + top - np.log(counts)",
        "return np.array(integrals) + top",
        TEN,
    ),
    "one draw whatever k is": ("- phi**k) for k in counts]", "- phi) for k in counts]", TEN),
    "without Frullani's other half": (
        "0.25 * np.sum(np.exp(-np.exp(log_t)) - phi**k)",
        "0.25 * np.sum(-(phi**k))",
        FIRST,
    ),
    "picks without weights": (
        "shares = (w / w.sum(0)).cumsum(0)",
        "shares = np.full_like(w, 0.2).cumsum(0)",
        PICKS,
    ),
    "the ½ of the law forgotten": (
        "equals=[v[s2] / (2 * many[4]) for s2 in v]",
        "equals=[v[s2] / many[4] for s2 in v]",
        LAW,
    ),
    "the mean of the logarithms": (
        "(log_w.logsumexp(0) - np.log(draws)).sum()",
        "log_w.mean(0).sum()",
        STANDARD,
    ),
    "weights not squared": ("return (shares**2 * path).sum(0)", "return (shares * path).sum(0)", DOUBLY),
    "one draw's path for all": ("return (shares**2 * path).sum(0)", "return (shares**2 * path).mean(0)", DOUBLY),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
