"""Lesson 13, text and topics: its exercises about what a code costs."""

import math

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- 13.6 -------------------------------------------------------------------------------------------------------------


def _floored(kl, least):
    mean = kl.mean(0)
    return mean.clamp(min=least).sum(), (least - mean).clamp(min=0).sum()


def _floored_loop(kl, least):
    term, above = 0.0, 0.0
    for column in kl.T:
        mean = column.sum() / len(column)
        if mean < least:
            term, above = term + least + 0 * mean, above + least - mean
        else:
            term, above = term + mean, above + 0 * mean
    return term, above


def _floored_by_relu(kl, least):
    missing = torch.relu(least - kl.sum(0) / kl.shape[0])
    return kl.sum(1).mean() + missing.sum(), missing.sum()


def _floored_with(term_of):
    """Build a misconception from the term alone; the second number is what it is above the KL."""

    def answer(kl, least):
        term = term_of(kl, least)
        return term, term - kl.sum(1).mean()

    return answer


def _as_term(above_of):
    """Build a misconception about the second number alone."""
    return lambda kl, least: (_floored(kl, least)[0], above_of(kl, least))


def _floored_law(rng):
    """One to six sentences, one to five latents, some of which nobody uses; a floor below, among or above them."""
    sentences, latents = rng.integers(1, 7), rng.integers(1, 6)
    kl = rng.gamma(0.7, rng.choice([0.1, 1.0, 3.0], latents), (sentences, latents))
    kl[:, rng.random(latents) < 0.15] = 0.0
    return torch.tensor(kl), float(rng.choice([0.05, rng.uniform(0.1, 1), 2.0]))


floored_kl = Exercise(
    name="floored_kl",
    arguments=("kl", "least"),
    returns=("term", "surplus"),
    reference=_floored,
    spellings={"loop": _floored_loop, "what is missing": _floored_by_relu},
    probes=[
        (_tensor([0.0, 3.0], [0.4, 1.0]), 0.5),
        (_tensor([0.1, 0.0, 2.5, 0.7], [0.3, 0.2, 0.9, 0.1], [0.0, 0.1, 4.0, 0.4]), 0.25),
        (_tensor([0.9, 0.2, 0.3]), 0.6),
        (_tensor([0.02], [1.7]), 0.5),
    ],
    law=_floored_law,
    gradients=("kl",),
    misconceptions=[
        Misconception(
            "floor under the sum",
            _floored_with(lambda kl, least: kl.sum(1).mean().clamp(min=least)),
            "Your floor lies under the sum over all latents. One latent that carries it sets all others free to "
            "collapse. Each latent has a floor of its own.",
        ),
        Misconception(
            "floor of all latents under the sum",
            _floored_with(lambda kl, least: kl.sum(1).mean().clamp(min=least * kl.shape[1])),
            "You laid the floors together, under the sum over all latents. Then one busy latent fills it for the "
            "others. Compare each latent with its own.",
        ),
        Misconception(
            "floor under each sentence",
            _floored_with(lambda kl, least: kl.clamp(min=least).mean(0).sum()),
            "Your floor lies under every single sentence. A latent that is wanted by one sentence in ten would then "
            "pay nine times for nothing. Take the mean over the batch first.",
        ),
        Misconception(
            "floor under the sentence's sum",
            _floored_with(lambda kl, least: kl.sum(1).clamp(min=least).mean()),
            "You compare the sum of each sentence with the floor. It lies under the latents' averages over the batch.",
        ),
        Misconception(
            "a ceiling",
            _floored_with(lambda kl, least: kl.mean(0).clamp(max=least).sum()),
            "You capped the KL: above the floor more information would cost nothing, and below it every nat is pressed "
            "out. It is the other way round.",
        ),
        Misconception(
            "taken off",
            _floored_with(lambda kl, least: (kl.mean(0) - least).clamp(min=0).sum()),
            "Your term is smaller by the floor of each latent. The gradients are the same; but the objective then lies "
            "*above* the bound, and is none. Count the floor where the KL is smaller.",
        ),
        Misconception(
            "added",
            _floored_with(lambda kl, least: kl.mean(0).sum() + least * kl.shape[1]),
            "You added the floor to every latent. A constant has no gradient, and nothing is free.",
        ),
        Misconception(
            "silent latents count nothing",
            _floored_with(lambda kl, least: torch.where(kl.mean(0) > least, kl.mean(0), 0 * kl.mean(0)).sum()),
            "Below the floor your term is 0, and at the floor it jumps. A latent that wakes up would have to pay the "
            "whole floor at once, which no gradient shows. Below it, count the floor.",
        ),
        Misconception(
            "mean over latents",
            _floored_with(lambda kl, least: kl.mean(0).clamp(min=least).mean()),
            "You averaged over the latents. Their nats add up: a code with more latents may cost more.",
        ),
        Misconception(
            "number of silent latents",
            _as_term(lambda kl, least: (kl.mean(0) < least).sum() + 0 * kl.sum()),
            "The term is right. The second number counts the latents below the floor. Asked for is how many nats are "
            "counted that nobody paid.",
        ),
        Misconception(
            "surplus over the floor",
            _as_term(lambda kl, least: (kl.mean(0) - least).clamp(min=0).sum()),
            "The term is right. The second number says by how much the busy latents are above the floor. Asked for is "
            "what the silent ones are below it: that is counted, and not spent.",
        ),
    ],
    hints=(
        "Which comes first: the mean over the batch, the comparison with the floor, or the sum over the latents?",
        "Mean over the sentences (L,), then the larger of it and `least`, then the sum. The surplus is the same sum "
        "without what the KL really is.",
        "`kl.mean(0).clamp(min=least).sum()`, and from it `kl.mean(0).sum()` is taken off for the second number.",
    ),
    praise="The objective is still a bound, a looser one. Below the floor a latent feels the reconstruction alone. For "
    "a report, take the ELBO without the floor.",
)


# --- 13.7 -------------------------------------------------------------------------------------------------------------


def _reflected(mean, log_var, v, prior_mean, prior_log_var):
    unit = v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)
    centre = mean - 2 * (unit * mean).sum(-1, keepdim=True) * unit
    table = torch.eye(v.shape[-1], dtype=v.dtype) - 2 * unit.unsqueeze(-1) * unit.unsqueeze(-2)
    variance = (table**2 * log_var.exp().unsqueeze(-2)).sum(-1)
    square = (variance + (centre - prior_mean) ** 2) * (-prior_log_var).exp()
    return (square - 1 + prior_log_var - log_var).sum(-1) / 2


def _reflected_prior(mean, log_var, v, prior_mean, prior_log_var):
    """The prior in the mirror, and q as it is: a KL does not change when both are moved."""
    values = []
    for centre, spread, normal in zip(mean, log_var, v, strict=True):
        mirror = torch.eye(len(normal), dtype=normal.dtype) - 2 * torch.outer(normal, normal) / (normal @ normal)
        precision = mirror @ torch.diag((-prior_log_var).exp()) @ mirror
        gap = centre - mirror @ prior_mean
        trace = (precision.diagonal() * spread.exp()).sum()
        values.append(0.5 * (trace + gap @ precision @ gap - len(gap) + (prior_log_var - spread).sum()))
    return torch.stack(values)


def _reflected_by_columns(mean, log_var, v, prior_mean, prior_log_var):
    """Each latent's direction in the mirror, one after another."""
    axes = torch.eye(v.shape[1], dtype=v.dtype)
    scale, centre = (0.5 * log_var).exp(), prior_mean * 0.0 + 0 * mean
    far = 0.0
    for j, axis in enumerate(axes):
        turned = axis - 2 * v * (v[:, j] / (v**2).sum(1))[:, None]  # H e_j for each sentence
        centre = centre + mean[:, j, None] * turned
        far = far + ((scale[:, j, None] * turned) ** 2 / prior_log_var.exp()).sum(1)
    far = far + ((centre - prior_mean) ** 2 / prior_log_var.exp()).sum(1)
    return 0.5 * (far - len(axes) + prior_log_var.sum() - log_var.sum(1))


def _moved(mean, v, factor=2.0, divided=2):
    length = v.norm(dim=1, keepdim=True) ** divided
    return mean - factor * (v * mean).sum(1, keepdim=True) * v / length


def _table(v, factor=2.0, divided=2):
    outer = v[:, :, None] * v[:, None] / v.norm(dim=1)[:, None, None] ** divided
    return torch.eye(v.shape[1], dtype=v.dtype) - factor * outer


def _kl_of(centre, variance, log_det, prior_mean, prior_log_var):
    far = (variance + (centre - prior_mean) ** 2) / prior_log_var.exp()
    return 0.5 * ((far - 1 + prior_log_var).sum(1) - log_det)


def _spread(table, log_var):
    return (table**2 @ log_var.exp()[:, :, None])[:, :, 0]


def _reflected_with(centre_of=_moved, variance_of=lambda v, log_var: _spread(_table(v), log_var), log_det_of=None):
    """Build a misconception from the mean, the variances of the coordinates, and the log-determinant."""

    def answer(mean, log_var, v, prior_mean, prior_log_var):
        variance = variance_of(v, log_var)
        log_det = log_var.sum(1) if log_det_of is None else log_det_of(v, log_var, variance)
        return _kl_of(centre_of(mean, v), variance, log_det, prior_mean, prior_log_var)

    return answer


def _prior_to_q(mean, log_var, v, prior_mean, prior_log_var):
    precision = _table(v) @ torch.diag_embed((-log_var).exp()) @ _table(v)
    gap = prior_mean - _moved(mean, v)
    far = (precision.diagonal(dim1=1, dim2=2) * prior_log_var.exp()).sum(1) + torch.einsum(
        "ni,nij,nj->n", gap, precision, gap
    )
    return 0.5 * (far - len(prior_mean) + log_var.sum(1) - prior_log_var.sum())


def _with_mirror(factor, divided):
    return _reflected_with(
        lambda mean, v: _moved(mean, v, factor, divided),
        lambda v, log_var: _spread(_table(v, factor, divided), log_var),
    )


def _mirror_law(rng):
    """One to four sentences, one to five latents; v of any length, sometimes an axis; variances equal now and then."""
    sentences, latents = rng.integers(1, 5), rng.integers(1, 6)
    mean, v = rng.normal(0, 1.5, (2, sentences, latents))
    log_var = rng.uniform(-2.5, 1.5, (sentences, latents))
    if rng.random() < 0.2:
        v[0] = np.eye(latents)[rng.integers(latents)]
    v *= 10 ** rng.uniform(-1, 1, (sentences, 1)) / np.linalg.norm(v, axis=1, keepdims=True)
    if rng.random() < 0.2:
        log_var[:] = log_var[:, :1]
    mean[rng.random(mean.shape) < 0.1] = 0.0
    prior = rng.normal(0, 1.5, latents), rng.uniform(-1.5, 1.5, latents)
    return tuple(map(torch.tensor, (mean, log_var, v, *prior)))


reflected_kl = Exercise(
    name="reflected_kl",
    arguments=("mean", "log_var", "v", "prior_mean", "prior_log_var"),
    returns="kl",
    reference=_reflected,
    spellings={"the prior in the mirror": _reflected_prior, "axis by axis": _reflected_by_columns},
    probes=[
        (
            _tensor([1.0, 0.0]),
            _tensor([math.log(4), 0.0]),
            _tensor([1.0, -1.0]),
            _tensor(0.0, 1.0),
            _tensor(0.0, math.log(4)),
        ),
        (
            _tensor([0.5, -1.0], [1.5, 0.3]),
            _tensor([-1.0, 0.5], [-2.0, 0.2]),
            _tensor([2.0, 1.0], [0.3, -0.1]),
            _tensor(-0.4, 0.8),
            _tensor(0.3, -0.6),
        ),
        (
            _tensor([0.2, -0.7, 1.1], [0.0, 0.9, -0.3], [1.0, 1.0, 1.0]),
            _tensor([-0.5, 0.4, -1.2], [0.1, -2.0, 0.6], [-0.8, -0.3, 0.9]),
            _tensor([1.0, 2.0, -1.0], [0.1, 0.0, 0.3], [-3.0, 1.0, 0.5]),
            _tensor(0.5, -0.5, 1.0),
            _tensor(0.7, -0.4, 0.2),
        ),
    ],
    law=_mirror_law,
    extremes=[
        (
            _tensor([40.0, -70.0], [0.1, 0.2]),
            _tensor([-7.0, 3.0], [2.0, -8.0]),
            _tensor([3e6, -1e6], [2e-6, 1e-6]),
            _tensor(0.0, 5.0),
            _tensor(0.5, -0.5),
        ),
    ],
    stable="v divided by its own length before anything else",
    gradients=("mean", "log_var", "v"),
    misconceptions=[
        Misconception(
            "no mirror",
            _reflected_with(lambda mean, v: mean, lambda v, log_var: log_var.exp()),
            "This is the KL of q before the mirror. A mirror changes nothing for N(0, I), which looks alike from all "
            "sides. This prior does not: mean and covariance have to be mirrored.",
        ),
        Misconception(
            "noise alone in the mirror",
            _reflected_with(lambda mean, v: mean),
            "The noise is mirrored and the mean is not. But z = H(μ + σε): the mean becomes Hμ.",
        ),
        Misconception(
            "mean alone in the mirror",
            _reflected_with(variance_of=lambda v, log_var: log_var.exp()),
            "The mean is mirrored, and the variances are those from before. The long axis of q points elsewhere now: "
            "the covariance is H diag(σ²) Hᵀ, and its diagonal enters.",
        ),
        Misconception(
            "determinant of the diagonal",
            _reflected_with(log_det_of=lambda v, log_var, variance: variance.log().sum(1)),
            "Mean and variances are right. For the entropy you took the logarithms of the *new* variances, as if the "
            "latents were independent. The covariance's determinant is what it was: a mirror leaves volumes alone.",
        ),
        Misconception(
            "2 forgotten",
            _with_mirror(1.0, 2),
            "The 2 is missing: I − vvᵀ/‖v‖² lays space flat onto the mirror. Such a z has no density at all. The "
            "mirror image is as far again behind.",
        ),
        Misconception(
            "v not of length 1",
            _with_mirror(2.0, 0),
            "Right where v has length 1. Otherwise I − 2vvᵀ stretches space along v: divide by ‖v‖².",
        ),
        Misconception(
            "divided by the length",
            _with_mirror(2.0, 1),
            "You divided vvᵀ by the length of v. v stands there twice: divide by ‖v‖².",
        ),
        Misconception(
            "log-variances in the mirror",
            _reflected_with(variance_of=lambda v, log_var: _moved(log_var, v).exp()),
            "You mirrored the log-variances as if they were a point. What is mirrored is z; its covariance is "
            "H diag(σ²) Hᵀ.",
        ),
        Misconception(
            "standard deviations in the mirror",
            _reflected_with(variance_of=lambda v, log_var: _moved((0.5 * log_var).exp(), v) ** 2),
            "You mirrored the vector of standard deviations and squared it. The noises are independent: their "
            "variances add up, each with the square of its entry of H.",
        ),
        Misconception(
            "variances in the mirror",
            _reflected_with(variance_of=lambda v, log_var: _moved(log_var.exp(), v)),
            "You mirrored the vector of variances. They may come out negative so. Each coordinate of z is a sum of "
            "independent noises, and their variances count with the *squares* of H's entries.",
        ),
        Misconception(
            "H from one side",
            _reflected_with(variance_of=lambda v, log_var: _table(v).diagonal(dim1=1, dim2=2) * log_var.exp()),
            "You took the diagonal of H diag(σ²). A covariance is moved from both sides, H diag(σ²) Hᵀ.",
        ),
        Misconception(
            "the other direction",
            _prior_to_q,
            "This is KL(p‖q). Asked for is KL(q‖p), an average under q: the prior's variances divide.",
        ),
        Misconception(
            "variance for scale",
            _reflected_with(variance_of=lambda v, log_var: _spread(_table(v), 2 * log_var)),
            "You took e^log_var for standard deviations and squared it again. It is the variance.",
        ),
    ],
    hints=(
        "z = Hμ + Hσε is Gaussian. What are its mean and its covariance?",
        "Hμ and H diag(σ²) Hᵀ. In the KL to a *diagonal* Gaussian stand the variances of the coordinates, the distance "
        "of the means, and log|det| of the covariance, which a mirror does not change.",
        "Variances `(H**2 @ log_var.exp()[:, :, None])[:, :, 0]`; then ½ Σ [(variance + (Hμ − m)²)/s² − 1 + log s² − "
        "log_var].",
    ),
    praise="Under N(0, I) the mirror would earn nothing in the KL. Under a topic's Gaussian it can lay the long axis "
    "of q along the topic's.",
)


# --- 13.8 -------------------------------------------------------------------------------------------------------------


def _cheapest(kls, weights):
    scores = weights.log() - kls
    total = scores.logsumexp(1)
    return (scores - total[:, None]).exp(), -total


def _cheapest_loop(kls, weights):
    shares, values = [], []
    for row, prior in zip(kls.numpy(), weights.numpy(), strict=True):
        nearest = row.min()
        factors = prior * np.exp(nearest - row)
        shares.append(factors / factors.sum())
        values.append(nearest - np.log(factors.sum()))
    return np.array(shares), np.array(values)


def _cheapest_by_entropy(kls, weights):
    shares = torch.softmax(weights.log() - kls, 1)
    return shares, (shares * kls - torch.special.entr(shares) - shares * weights.log()).sum(1)


def _price(shares, kls, weights):
    return (torch.xlogy(shares, shares) - shares * weights.log() + shares * kls).sum(1)


def _priced(shares_of, price_of=_price):
    """Build a misconception from the shares, and from the price for them."""

    def answer(kls, weights):
        shares = shares_of(kls, weights)
        return shares, price_of(shares, kls, weights)

    return answer


def _best(kls, weights):
    return (weights.log() - kls).softmax(1)


def _one(scores):
    return torch.nn.functional.one_hot(scores.argmax(1), scores.shape[1]).to(scores.dtype)


def _charge_law(rng):
    """One to five sentences, one to six topics; topics near and far, some at the same KL; weights even or not."""
    sentences, topics = rng.integers(1, 6), rng.integers(1, 7)
    kls = rng.gamma(1.5, rng.choice([0.3, 2.0, 8.0]), (sentences, topics))
    if rng.random() < 0.2:
        kls[:, 0] = kls[:, -1]
    weights = np.maximum(rng.dirichlet(np.full(topics, rng.choice([0.5, 3.0])), sentences), 1e-3)
    return torch.tensor(kls), torch.tensor(weights / weights.sum(1, keepdims=True))


cheapest_topics = Exercise(
    name="cheapest_topics",
    arguments=("kls", "weights"),
    returns=("shares", "kl of the pair"),
    reference=_cheapest,
    spellings={"numpy": _cheapest_loop, "with the entropy": _cheapest_by_entropy},
    probes=[
        (_tensor([1.0, 1.0]), _tensor([0.5, 0.5])),
        (_tensor([0.5, 2.0, 1.0], [3.0, 0.2, 0.4]), _tensor([0.2, 0.5, 0.3], [0.6, 0.1, 0.3])),
        (
            _tensor([4.0, 1.0], [0.3, 2.5], [1.2, 0.7]),
            _tensor([0.9, 0.1], [0.5, 0.5], [0.25, 0.75]),
        ),
    ],
    law=_charge_law,
    extremes=[
        (_tensor([1.0, 1001.0], [2500.0, 2400.0]), _tensor([0.5, 0.5], [0.9, 0.1])),
        (_tensor([900.0, 0.1, 3000.0]), _tensor([1 - 2e-30, 1e-30, 1e-30])),
    ],
    stable="log-weights minus KL, with softmax and log-sum-exp",
    misconceptions=[
        Misconception(
            "shares of the prior",
            _priced(lambda kls, weights: weights, lambda shares, kls, weights: (weights * kls).sum(1)),
            "You left the shares at the prior's weights, and got the average of the KLs. A sentence about music then "
            "pays for its distance to the kitchen too. It may choose: which shares make the sum smallest?",
        ),
        Misconception(
            "the one topic",
            _priced(lambda kls, weights: _one(weights.log() - kls)),
            "You put all on the one topic for which KL − log weight is smallest. Sharing costs less: the entropy of "
            "the shares is paid back.",
        ),
        Misconception(
            "the nearest topic",
            _priced(lambda kls, weights: _one(-kls)),
            "You put all on the topic with the smallest KL. Naming a rare topic costs −log of its weight, and sharing "
            "between near ones costs less than any of them.",
        ),
        Misconception(
            "the nearest topic, for nothing",
            _priced(lambda kls, weights: _one(-kls), lambda shares, kls, weights: kls.amin(1)),
            "You put all on the nearest topic and paid its KL alone. Which topic it is has to be paid for as well: the "
            "prior would have named it with its weight only.",
        ),
        Misconception(
            "weights left out",
            _priced(lambda kls, weights: (-kls).softmax(1)),
            "Your shares do not depend on the weights. A topic that the prior hardly ever names is dear: log s_k − log "
            "w_k stands in the KL.",
        ),
        Misconception(
            "equal weights",
            _priced(
                lambda kls, weights: (-kls).softmax(1),
                lambda shares, kls, weights: math.log(kls.shape[1]) - (-kls).logsumexp(1),
            ),
            "You took equal weights for all topics. Each sentence has weights of its own.",
        ),
        Misconception(
            "shares that nobody pays",
            _priced(_best, lambda shares, kls, weights: (shares * kls).sum(1)),
            "The shares are right. The value is their average KL. Which topic it is has to be paid for too: the KL of "
            "the shares to the weights is missing.",
        ),
        Misconception(
            "only the topic is paid",
            _priced(_best, lambda shares, kls, weights: _price(shares, 0 * kls, weights)),
            "The shares are right. The value is the KL of the shares to the weights alone. The KL of z under the topic "
            "that was named is missing, averaged with the shares.",
        ),
        Misconception(
            "mean of the logarithms",
            _priced(_best, lambda shares, kls, weights: -(weights * (weights.log() - kls)).sum(1)),
            "The shares are right. The value is a mean of logarithms. Put the best shares in: the logarithm of a sum "
            "is left.",
        ),
        Misconception(
            "inverse distances",
            _priced(
                lambda kls, weights: (weights / kls.clamp(min=1e-9)) / (weights / kls.clamp(min=1e-9)).sum(1, True)
            ),
            "You shared by weight over distance. That looks reasonable and is not the minimum. Set the derivative of "
            "Σ s (log s − log w + KL), with a multiplier for Σ s = 1, to 0: an exponential comes out.",
        ),
        Misconception(
            "far topics first",
            _priced(lambda kls, weights: (weights.log() + kls).softmax(1)),
            "Your shares grow with the KL: the farther a topic is, the more it gets. Turn the sign.",
        ),
    ],
    hints=(
        "The KL of a pair has two parts: for naming the topic, KL(s‖w), and for z, the average of the KLs with shares "
        "s.",
        "Minimise Σ s_k (log s_k − log w_k + KL_k). Compare it with the KL between s and the distribution that is "
        "proportional to w_k e^−KL_k.",
        "The shares are the softmax of log w − KL, and the value is minus its log-sum-exp.",
    ),
    praise="The mirror image of a posterior: weight times e^−KL, where Bayes' rule has weight times density. The value "
    "is a bound in closed form, and never above the average of the KLs.",
)
