"""Wrong versions of lesson 15's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "15_richer_priors.ipynb"

MEANS = "draws, K = 20: the test bound gains 2 nats or more"
BRUTE = "log q̄ by log-sum-exp = log of the mean density"
IDENTITY = "average KL, in closed form = information, by draws + KL(q̄‖p), by a grid"
RISE = "the ELBO with p = q̄ rises by KL(q̄‖p)"
PARTS = "mixture prior: KL term, by draws = information + two parts, by the grid"
BY_HEART = "what q̄ leaves is log N, up to 3 %"
MIXTURE = "our mixture = the course's MixturePrior"
DRAWS = "KL to a mixture: mean of log q − log p at draws = a grid's"
VAMP = "all training digits as pseudo-inputs: q̄"
LOSS = "our loss = the course's, same draws"
ABOVE = "fitted afterwards: 2 nats or more"
ENUMERATION = "enumerating the classes, q(c|z) by Bayes' rule = summing them out"
OTHER = "any other q(c|z) loses KL(q‖p(c|z))"
SLOPE = "∇ of log p(z) = Σ r (z − m) / s²"

MUTANTS = {
    "draws and means exchanged": (
        "(codes, draws, mean)\nnames",
        "(codes, mean, draws)\nnames",
        MEANS,
    ),
    "weights left out of the mixture": (
        "torch.logsumexp(log_weights + q.log_prob(",
        "torch.logsumexp(q.log_prob(",
        BRUTE,
    ),
    "a variance taken for a standard deviation": (
        "q = torch.distributions.Normal(mean, torch.exp(log_var / 2))",
        "q = torch.distributions.Normal(mean, torch.exp(log_var))",
        BRUTE,
    ),
    "a mean of logarithms": (
        "return torch.logsumexp(log_weights + q.log_prob(z[..., None, :]).sum(-1), dim=-1)",
        "return (log_weights.exp() * q.log_prob(z[..., None, :]).sum(-1)).sum(-1)",
        BRUTE,
    ),
    "N times too dense": (
        "torch.full(mean.shape[:1], -np.log(len(mean))",
        "torch.full(mean.shape[:1], 0.0",
        BRUTE,
    ),
    "the information under the prior": (
        "told = log_q - log_q_bar",
        "told = log_q - log_standard(z)",
        IDENTITY,
    ),
    "the KL the other way round": (
        "to_be_had = expected(log_bar, log_bar - log_p)",
        "to_be_had = expected(log_p, log_p - log_bar)",
        IDENTITY,
    ),
    "the gain with its sign turned": (
        "rise = log_q_bar - log_standard(z)",
        "rise = log_standard(z) - log_q_bar",
        RISE,
    ),
    "the third part turned round": (
        "expected(log_bar, log_product - log) for log",
        "expected(log_bar, log - log_product) for log",
        PARTS,
    ),
    "the total correlation under the product": (
        "total_correlation = expected(log_bar, log_bar - log_product)",
        "total_correlation = expected(log_product, log_product - log_bar)",
        PARTS,
    ),
    "the gain added to the KL term": (
        "vae.gaussian_kl(mean, log_var).mean().item() - of_training",
        "vae.gaussian_kl(mean, log_var).mean().item() + of_training",
        BY_HEART,
    ),
    "logits as they are for log-weights": (
        "self.logits.log_softmax(0), self.mean",
        "self.logits, self.mean",
        MIXTURE,
    ),
    "log p − log q": (
        "prices = q_one.log_prob(at).sum(1) - log_p_at",
        "prices = log_p_at - q_one.log_prob(at).sum(1)",
        DRAWS,
    ),
    "log q forgotten": (
        "prices = q_one.log_prob(at).sum(1) - log_p_at",
        "prices = -log_p_at",
        DRAWS,
    ),
    "pseudo-inputs without their weight 1/K": (
        "return log_aggregate(z, *encode(pseudo_inputs))",
        "return log_mixture(z, torch.zeros(len(pseudo_inputs)), *encode(pseudo_inputs))",
        VAMP,
    ),
    "the prior's term with the wrong sign": (
        "price = vae.gaussian_log_prob(z, mean, log_var) - model.prior.log_prob(z)",
        "price = vae.gaussian_log_prob(z, mean, log_var) + model.prior.log_prob(z)",
        LOSS,
    ),
    "log q left out of the loss": (
        "price = vae.gaussian_log_prob(z, mean, log_var) - model.prior.log_prob(z)",
        "price = -model.prior.log_prob(z)",
        LOSS,
    ),
    "differences the other way round": (
        "return rows[name][measure] - standard[measure]",
        "return standard[measure] - rows[name][measure]",
        ABOVE,
    ),
    "the class without its weight": (
        "log_joint = log_pi + normal.log_prob(at[:, None]).sum(-1)",
        "log_joint = normal.log_prob(at[:, None]).sum(-1)",
        ENUMERATION,
    ),
    "the entropy of q(c|z) forgotten": (
        "inner = [(q * (log_joint - q.log())).sum(-1)",
        "inner = [(q * log_joint).sum(-1)",
        ENUMERATION,
    ),
    "the loss of another q, the other way round": (
        "loss_of_other = (other * (other / bayes).log()).sum(-1)",
        "loss_of_other = (bayes * (bayes / other).log()).sum(-1)",
        OTHER,
    ),
    "a gradient without responsibilities": (
        "weighted = bayes[..., None] * (at[:, None] - m)",
        "weighted = (at[:, None] - m)",
        SLOPE,
    ),
    "a gradient with scales for variances": (
        "(at[:, None] - m) * torch.exp(-log_s2)",
        "(at[:, None] - m) * torch.exp(-log_s2 + 1)",
        SLOPE,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
