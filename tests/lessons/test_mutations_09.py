"""Wrong versions of lesson 09's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "09_beta_vae.ipynb"

BILLS = "ELBO = −D − R"
RATE = "a linear VAE's rate is the one of reverse water-filling at the level βc"
SLOPE = "the slope of squared error against rate is −2 × the water level, so that of D = error/2c is −β"
DISGUISE = "gradient with weight β and variance c = β × gradient of the plain VAE with variance βc"
PER_PIXEL = "averages with the weight β_norm = βL/P: the gradient of D + βR, over P"
COUNTED = "the total correlation = Σ q(z) log q(z) / q(z₁)q(z₂), by counting"
GAUSSIAN = "total correlation of two Gaussians with correlation ρ = −½ log(1 − ρ²)"
DRAWS = "the estimate from 2000 codes = the formula"
PERFECT = "the MIG of a perfect code is 1"
NEGATIVE = "none of the three parts is negative, for six models, within 5 standard errors"
CEILING = "the MIG of all ellipses' own factors is the ceiling, 0.9"

# A wrong rate or error has no best encoder, and the search for it never settles: two prices and fewer steps will do.
LIGHTER = (
    ("prices = (1.5, 3.0, 6.0, 12.0, 20.0)", "prices = (3.0, 20.0)"),
    ('"max_iter": 1000', '"max_iter": 200'),
)

MUTANTS = {
    "homework of the instructor's guide: a price below the largest variance": (
        "prices = (3.0, 20.0)",
        "prices = (3.0, 15.0)",
        "above β = v/c for the largest variance v, rate zero: everything has collapsed",
    ),
    "the distortion with the sign of the reconstruction": (
        "equals=-distortion - rate",
        "equals=distortion - rate",
        BILLS,
    ),
    "the rate added": ("equals=-distortion - rate", "equals=-distortion + rate", BILLS),
    "rate: the log-variance added": ("0.5 * (spread - 1 - log_var).sum()", "0.5 * (spread - 1 + log_var).sum()", RATE),
    "rate without its ½": ("0.5 * (spread - 1 - log_var).sum()", "(spread - 1 - log_var).sum()", RATE),
    "rate: variance of q left out of the spread": (
        "spread = ((encoder**2) @ variances) + log_var.exp()",
        "spread = ((encoder**2) @ variances) + 1",
        RATE,
    ),
    "the squared error without the noise of q": (
        "error = (missing**2 @ variances).sum() + (decoder**2 @ log_var.exp()).sum()",
        "error = (missing**2 @ variances).sum()",
        RATE,
    ),
    "β on the reconstruction": (
        "total = error / (2 * c) + beta * rate",
        "total = beta * error / (2 * c) + rate",
        RATE,
    ),
    "β on both terms": ("total = error / (2 * c) + beta * rate", "total = beta * (error / (2 * c) + rate)", RATE),
    "1/c for 1/2c": ("total = error / (2 * c) + beta * rate", "total = error / c + beta * rate", RATE),
    "slope of one level, not two": ("equals=-2 * 0.3", "equals=-0.3", SLOPE),
    "β multiplies the scale instead of the variance": ("scale=(beta * c) ** 0.5", "scale=beta * c**0.5", DISGUISE),
    "the factor β between the gradients forgotten": ("equals=beta * gradients[1]", "equals=gradients[1]", DISGUISE),
    "β_norm without the number of latents": (
        "beta_norm = beta * latents / pixels",
        "beta_norm = beta / pixels",
        PER_PIXEL,
    ),
    "β_norm upside down": ("beta_norm = beta * latents / pixels", "beta_norm = beta * pixels / latents", PER_PIXEL),
    "the marginals of the aggregate exchanged for the prior": (
        "independent = np.outer(aggregate.sum(1), aggregate.sum(0))",
        "independent = np.full((2, 2), 0.25)",
        COUNTED,
    ),
    "total correlation of the wrong sign": (
        "equals=(aggregate[used] * np.log(aggregate[used] / independent[used])).sum()",
        "equals=(aggregate[used] * np.log(independent[used] / aggregate[used])).sum()",
        COUNTED,
    ),
    "total correlation without its ½": ("equals=-0.5 * np.log(1 - rho**2)", "equals=-np.log(1 - rho**2)", GAUSSIAN),
    "ρ for its square": ("equals=-0.5 * np.log(1 - rho**2)", "equals=-0.5 * np.log(1 - rho)", GAUSSIAN),
    "the noise of q not taken off the aggregate": (
        "disentanglement.gaussian_kl_parts(S - np.diag(noise), noise)",
        "disentanglement.gaussian_kl_parts(S, noise)",
        GAUSSIAN,
    ),
    "scales given for log-variances": (
        "np.tile(np.log(noise), (2000, 1)), seed=1",
        "np.tile(np.sqrt(noise), (2000, 1)), seed=1",
        DRAWS,
    ),
    "minibatch weights where the batch is all there is": (
        "np.tile(np.log(noise), (2000, 1)), seed=1",
        'np.tile(np.log(noise), (2000, 1)), weighting="weighted", seed=1',
        DRAWS,
    ),
    "q(z) as a sum over the images, not their mean": (
        "joint = log_q.sum(-1).logsumexp(1) - np.log(len(mean))",
        "joint = log_q.sum(-1).logsumexp(1)",
        NEGATIVE,
    ),
    "its marginals likewise": (
        "alone = (log_q.logsumexp(1) - np.log(len(mean))).sum(-1)",
        "alone = log_q.logsumexp(1).sum(-1)",
        NEGATIVE,
    ),
    "the image's own q for q(z)": (
        "joint = log_q.sum(-1).logsumexp(1) - np.log(len(mean))",
        "joint = own - np.log(len(mean))",
        NEGATIVE,
    ),
    "ceiling: two places in every bin": ("0.75 * np.log(2) / np.log(32)", "np.log(2) / np.log(32)", CEILING),
    "MIG of a code that mixes its factors": (
        "perfect = grid[:, [2, 0, 1]] * [1.0, -5.0, 0.2]",
        "perfect = grid @ np.array([[1, 1, 0], [1, -1, 0], [0, 0, 1]])",
        PERFECT,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS, LIGHTER) == expected(MUTANTS)
