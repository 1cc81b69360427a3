"""Wrong versions of lesson 12's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "12_graphs.ipynb"

SAME_MATRIX = "the course's matrix is the same"
SQUARES = "xᵀ(I − Â)x = ½ Σ Ã_ij (u_i − u_j)²"
RENUMBERED = "renumber the nodes, and the rows of a graph convolution are renumbered"
POWER = "what nodes differ by never exceeds the second eigenvalue to the power k"
BARE = "without loops there is an eigenvalue −1"
MEANS = "the same means"
RECONSTRUCTION = "the same reconstruction term"
KL = "the KL of torch.distributions, summed over nodes and latents"
SUM_TO_ONE = "the probabilities of all 64 graphs add up to 1"
BELOW = "the ELBO lies below log p(A), by a grid"
LIMIT = "the mean logit never falls below its limit"
REACHED = "centred latents reach it"
SHIFT = "the weighted loss is least where the logit is log w too high"
ACROSS = "across is never above within, loops counted"

MUTANTS = {
    "homework of the instructor's guide: the degree without the loop": (
        "root = with_loops.sum(1).sqrt()",
        "root = adjacency.sum(1).sqrt()",
        SAME_MATRIX,
    ),
    "self-loops forgotten": (
        "with_loops = adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype)",
        "with_loops = adjacency",
        SAME_MATRIX,
    ),
    "rows that sum to 1": (
        "return with_loops / root[:, None] / root",
        "return with_loops / root[:, None] ** 2",
        SAME_MATRIX,
    ),
    "the whole degree on both sides": (
        "root = with_loops.sum(1).sqrt()",
        "root = with_loops.sum(1)",
        SAME_MATRIX,
    ),
    "u without the root of the degree": ("u = x / degrees.sqrt()", "u = x / degrees", SQUARES),
    "the sum of squares without the loops, and with sums": (
        "* (u[:, None] - u) ** 2",
        "* (u[:, None] + u) ** 2",
        SQUARES,
    ),
    "rows are renumbered, columns are not": (
        "new_A = A64[order][:, order]",
        "new_A = A64[order]",
        RENUMBERED,
    ),
    "the limit of averaging: equal numbers": (
        "v1 = degrees.sqrt() / degrees.sum().sqrt()",
        "v1 = torch.full((34,), 34**-0.5, dtype=torch.float64)",
        POWER,
    ),
    "the third eigenvalue": (
        "second = values[:-1].abs().max()",
        "second = values[:-2].abs().max()",
        POWER,
    ),
    "degrees of the two sides with the loop": ("sides.double() / 8", "sides.double() / 9", BARE),
    "one average too few": (
        "mean, log_var = A_hat @ h @ self.mean, A_hat @ h @ self.log_var",
        "mean, log_var = h @ self.mean, A_hat @ h @ self.log_var",
        MEANS,
    ),
    "the first average forgotten": (
        "h = torch.relu(A_hat @ x @ self.first)",
        "h = torch.relu(x @ self.first)",
        MEANS,
    ),
    "the diagonal counted": (
        "i, j = torch.triu_indices(len(A), len(A), offset=1)  # each pair once",
        "i, j = torch.triu_indices(len(A), len(A), offset=0)",
        RECONSTRUCTION,
    ),
    "the mean over pairs": ("return fit.sum(), kl.sum()", "return fit.mean(), kl.sum()", RECONSTRUCTION),
    "edges only": (
        "fit = weight * edge * log_sigmoid(logits) + (1 - edge) * log_sigmoid(-logits)",
        "fit = weight * edge * log_sigmoid(logits)",
        RECONSTRUCTION,
    ),
    "the mean over nodes": ("return fit.sum(), kl.sum()", "return fit.sum(), kl.sum(1).mean()", KL),
    "the ½ of the KL forgotten": (
        "kl = 0.5 * (log_var.exp() + mean**2 - 1 - log_var)",
        "kl = log_var.exp() + mean**2 - 1 - log_var",
        KL,
    ),
    "log-variance read as a standard deviation": (
        "kl = 0.5 * (log_var.exp() + mean**2 - 1 - log_var)",
        "kl = 0.5 * ((2 * log_var).exp() + mean**2 - 1 - 2 * log_var)",
        KL,
    ),
    "an edge adds twice": ("((2 * edge - 1) * logits)", "((3 * edge - 1) * logits)", SUM_TO_ONE),
    "the evidence without the volume of a cell": (
        "log_evidence = torch.logsumexp(log_joint, 0) + cell",
        "log_evidence = torch.logsumexp(log_joint, 0) - np.log(41**4)",
        BELOW,
    ),
    "the limit divided by N": (
        "return (z[i] * z[j]).sum(1).mean(), -(z**2).sum(1).mean() / (len(z) - 1)",
        "return (z[i] * z[j]).sum(1).mean(), -(z**2).sum(1).mean() / len(z)",
        LIMIT,
    ),
    "a limit that is too low": (
        "return (z[i] * z[j]).sum(1).mean(), -(z**2).sum(1).mean() / (len(z) - 1)",
        "return (z[i] * z[j]).sum(1).mean(), -(z**2).sum(1).mean()",
        REACHED,
    ),
    "the weight on the wrong side": (
        "loss = -w * p * p_hat.log() - (1 - p) * (1 - p_hat).log()",
        "loss = -p * p_hat.log() - w * (1 - p) * (1 - p_hat).log()",
        SHIFT,
    ),
    "within: one side counted": (
        "inside = ((a @ a.mT) + (b @ b.mT)).mean((1, 2)) / 2",
        "inside = (a @ a.mT).mean((1, 2))",
        ACROSS,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
