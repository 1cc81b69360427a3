"""Wrong versions of lesson 08's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "08_vae.ipynb"

GAUSSIAN = "Gaussian log-likelihood = −squared error / 2c − (D/2) log 2πc"
LAPLACE = "Laplace log-likelihood = −absolute error / b − D log 2b"
BERNOULLI = "Bernoulli log-likelihood = −cross-entropy, pixel by pixel, added up"
RECONSTRUCTION = "the forty lines and course_utils.models.vae: the same reconstruction term"
KL = "the forty lines and course_utils.models.vae: the same KL term"
BEST_C = "at c = mean squared residual, the log-likelihood has no slope in c"

MUTANTS = {
    "Gaussian: 1/c for 1/2c": ("equals=-squared / (2 * c)", "equals=-squared / c", GAUSSIAN),
    "Gaussian: log c for ½ log c": ("- 32 * np.log(2 * np.pi * c)", "- 64 * np.log(2 * np.pi * c)", GAUSSIAN),
    "Gaussian: c taken for a standard deviation": ("Normal(f, c**0.5)", "Normal(f, c)", GAUSSIAN),
    "Laplace: no normaliser": (" - 64 * np.log(2 * b)", "", LAPLACE),
    "Laplace: a ½ too many": ("equals=-absolute / b", "equals=-absolute / (2 * b)", LAPLACE),
    "Bernoulli: ink and paper swapped": (
        "torch.where(ink == 1, p, 1 - p)",
        "torch.where(ink == 1, 1 - p, p)",
        BERNOULLI,
    ),
    "Bernoulli: mean over the pixels": (
        "bernoulli = torch.distributions.Bernoulli(logits=f).log_prob(ink).sum(-1)",
        "bernoulli = torch.distributions.Bernoulli(logits=f).log_prob(ink).mean(-1)",
        BERNOULLI,
    ),
    "the best c is the root of the residual": (
        "np.log(residual.square().mean().item())",
        "np.log(residual.square().mean().item()) / 2",
        BEST_C,
    ),
    "mean over the pixels": (
        "reconstruction = -(error / 2 + log_normaliser).sum(-1)",
        "reconstruction = -(error / 2 + log_normaliser).mean(-1)",
        RECONSTRUCTION,
    ),
    "squared error without its ½": ("-(error / 2 + log_normaliser)", "-(error + log_normaliser)", RECONSTRUCTION),
    "no normaliser": ("-(error / 2 + log_normaliser)", "-(error / 2)", RECONSTRUCTION),
    "variance for scale in the draw": (
        "z = mean + torch.exp(log_var / 2) * torch.randn_like(mean)",
        "z = mean + torch.exp(log_var) * torch.randn_like(mean)",
        RECONSTRUCTION,
    ),
    "no draw at all": ("z = mean + torch.exp(log_var / 2) * torch.randn_like(mean)", "z = mean", RECONSTRUCTION),
    "KL doubled": (
        "kl = 0.5 * (torch.exp(log_var) + mean**2 - 1 - log_var).sum(-1)",
        "kl = (torch.exp(log_var) + mean**2 - 1 - log_var).sum(-1)",
        KL,
    ),
    "KL with the sign of the log-variance": (
        "kl = 0.5 * (torch.exp(log_var) + mean**2 - 1 - log_var).sum(-1)",
        "kl = 0.5 * (torch.exp(log_var) + mean**2 - 1 + log_var).sum(-1)",
        KL,
    ),
    "log-variance taken for log-scale in the KL": (
        "kl = 0.5 * (torch.exp(log_var) + mean**2 - 1 - log_var).sum(-1)",
        "kl = 0.5 * (torch.exp(2 * log_var) + mean**2 - 1 - 2 * log_var).sum(-1)",
        KL,
    ),
    "the closed form without the log-variance": (
        "(log_ratio.mean(0) - vae.gaussian_kl(mean, log_var))",
        "(log_ratio.mean(0) - vae.gaussian_kl(mean, 0 * log_var))",
        "the closed form of the KL term = the average of log q − log p over draws of q",
    ),
    "the gradient cut at the draw": (
        "reconstruction, kl = double.elbo_terms(train_x[:20].double())",
        "reconstruction, kl = (term.detach() * weight.sum() / weight.sum().detach() for term in "
        "double.elbo_terms(train_x[:20].double()))",
        "backward through the draw = finite differences with the noise held fixed",
    ),
    "the reconstruction forgotten in the loss": (
        "loss = -(reconstruction - kl).mean()",
        "loss = kl.mean()",
        "the VAE's bound on test digits is 10 nats or more above a model without latents",
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
