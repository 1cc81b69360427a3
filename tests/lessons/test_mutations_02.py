"""Wrong versions of lesson 02's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "02_mixtures.ipynb"

MUTANTS = {
    "the bent model made straight": (
        "height = joint(grid, 0.7, bend)",
        "height = joint(grid, 0.7, lambda z: 2 * z)",
        "at x = 0.7 the posterior of the bent model has three humps",
    ),
    "a refit that does not move": (
        "refitted = mixtures.fit_em(data, 2, start=kept).mixture",
        "refitted = kept",
        "refitting changes the responsibilities of some old eruption",
    ),
    "homework of the instructor's guide: an alarm at a tenth": (
        "np.quantile(fitted.log_prob(data), 0.02)",
        "np.quantile(fitted.log_prob(data), 0.10)",
        "about 2 % of the model's own draws set off the alarm",
    ),
    "the weights are left out of the joint": (
        "return np.log(weights) + np.stack(densities, axis=1)",
        "return np.stack(densities, axis=1)",
        "our mixture density is that of torch.distributions",
    ),
    "the log is taken inside the sum": (
        "return special.logsumexp(log_joint(data, weights, means, covariances), axis=1)",
        "return log_joint(data, weights, means, covariances).sum(axis=1)",
        "our mixture density is that of torch.distributions",
    ),
    "the sum is naive and underflows": (
        "return special.logsumexp(log_joint(data, weights, means, covariances), axis=1)",
        "return np.log(np.exp(log_joint(data, weights, means, covariances)).sum(axis=1))",
        "our mixture density is that of torch.distributions",
    ),
    "responsibilities are normalised over the data": (
        "return special.softmax(log_joint(data, weights, means, covariances), axis=1)",
        "return special.softmax(log_joint(data, weights, means, covariances), axis=0)",
        "even where densities are 0, a point is shared out",
    ),
    "responsibilities ignore the weights": (
        "return special.softmax(log_joint(data, weights, means, covariances), axis=1)",
        "return special.softmax(log_joint(data, weights, means, covariances) - np.log(weights), axis=1)",
        "our responsibilities are scikit-learn's",
    ),
    "the variance stands where the width belongs": (
        "narrow = np.log(0.1) + stats.norm.logpdf(points, points[0], np.exp(log_scale))",
        "narrow = np.log(0.1) + stats.norm.logpdf(points, points[0], np.exp(2 * log_scale))",
        "near the singularity the log-likelihood grows as −log σ",
    ),
    "one weight too many is counted": (
        "return components - 1 + components * dimensions + covariances[structure]",
        "return components + components * dimensions + covariances[structure]",
        "the number of free parameters, for 4 structures and 4 sizes",
    ),
    "a covariance is counted without its symmetry": (
        "one = dimensions * (dimensions + 1) // 2",
        "one = dimensions * dimensions",
        "the number of free parameters, for 4 structures and 4 sizes",
    ),
    "Fisher's identity without responsibilities": (
        "expected = (torch.tensor(shares) * table).sum()",
        "expected = (0.5 * table).sum()",
        "Fisher's identity for the weights",
    ),
    "the change of units is forgotten": (
        "constant = -len(data) * np.log(data.std(axis=0)).sum()",
        "constant = -np.log(data.std(axis=0)).sum()",
        "gradient ascent reaches the known maximum −1130.264",
    ),
    "the noise is left out of the marginal": (
        "density = stats.norm.pdf(0.7, 0, np.sqrt(4 + noise**2))",
        "density = stats.norm.pdf(0.7, 0, np.sqrt(4.0))",
        "the relative variance of a blind draw is R^D − 1, for D = 1, 2, 4",
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
