"""Wrong versions of lesson 13's formulas, each of which one of its claims must reject."""

from mutations import expected, objections

LESSON = "13_text_and_topics.ipynb"

BAG = "the course's counts of this document are ours"
PERPLEXITY = "the course's perplexity is ours"
ENUMERATION = "all bags of four words: probability 1"
BELOW = "the bound is below log p(x), for every bag"
BOUND = "the same draws: the course's bound"
GRU = "our step = torch's GRUCell"
SENTENCE = "our log p = the course's"
LIKELIHOOD = "log p(w|z), same codes"
KL = "KL, in closed form"
PRICE = "log p(w|c) is higher than log p(w) by that price"
NOTHING = "so the bound is the same: it gains nothing"
TAX = "a q that hedges: the bound is lower by KL(q‖posterior)"
ABLATION = "without words to read: KL of 1 nat or more"
MIRROR = "HHᵀ = I"
TAKES = "it takes v to −v"
COVARIANCE = "covariance of draws = H diag(σ²) Hᵀ"
GRID = "draws: the grid's KL"

MUTANTS = {
    "words counted once": (
        "        counts[place[word]] += 1",
        "        counts[place[word]] = 1",
        BAG,
    ),
    "perplexity per document": (
        "torch.exp(-log_probs.sum() / tokens.sum()).item()",
        "torch.exp(-(log_probs / tokens).mean()).item()",
        PERPLEXITY,
    ),
    "a grid without its cell": (
        "log_x = (log_given_z + log_prior).logsumexp(1) + 2 * np.log(0.1)",
        "log_x = (log_given_z + log_prior).logsumexp(1) + np.log(0.1)",
        ENUMERATION,
    ),
    "no prior on the grid": (
        "log_x = (log_given_z + log_prior).logsumexp(1)",
        "log_x = log_given_z.logsumexp(1)",
        ENUMERATION,
    ),
    "a mixture of logarithms": (
        "log_words = torch.log(torch.softmax(z, dim=1) @ model.table())",
        "log_words = torch.softmax(z, dim=1) @ torch.log(model.table())",
        BOUND,
    ),
    "the KL added": (
        "return (counts * log_words).sum(1) - kl",
        "return (counts * log_words).sum(1) + kl",
        BELOW,
    ),
    "a variance for a standard deviation": (
        "z = mean + (0.5 * log_var).exp() * noise",
        "z = mean + log_var.exp() * noise",
        BOUND,
    ),
    "the gate the other way round": (
        "return (1 - g) * proposal + g * h",
        "return g * proposal + (1 - g) * h",
        GRU,
    ),
    "the reset gate forgotten": (
        "from_word[2] + r * from_state[2]",
        "from_word[2] + from_state[2]",
        GRU,
    ),
    "the word itself predicted": (
        "nats = next_word.log_prob(tokens[:, 1:])",
        "nats = next_word.log_prob(tokens[:, :-1])",
        SENTENCE,
    ),
    "a mean over the words": (
        "return (nats * (tokens[:, 1:] != text.PAD)).sum(1)",
        "return (nats * (tokens[:, 1:] != text.PAD)).mean(1)",
        SENTENCE,
    ),
    "the filling counted": (
        "return (nats * (tokens[:, 1:] != text.PAD)).sum(1)",
        "return nats.sum(1)",
        LIKELIHOOD,
    ),
    "half of the KL forgotten": (
        "    return log_prob(model, tokens, z, read), kl",
        "    return log_prob(model, tokens, z, read), 2 * kl",
        KL,
    ),
    "the joint for the conditional": (
        "log_w_given_c = log_joint + np.log(5)",
        "log_w_given_c = log_joint",
        PRICE,
    ),
    "an entropy for a KL": (
        "return gained.mean(), (np.log(5) - torch.special.entr(q).sum(1)).mean()",
        "return gained.mean(), torch.special.entr(q).sum(1).mean()",
        "the topic's price: hardly below log 5",
    ),
    "the tax the other way round": (
        "tax = (hedged * (hedged / right).log()).sum(1).mean()",
        "tax = (right * (right / hedged).log()).sum(1).mean()",
        TAX,
    ),
    "an ablation that changes nothing": (
        "return batch.masked_fill(batch >= text.UNKNOWN, text.UNKNOWN)",
        "return batch",
        ABLATION,
    ),
    "the 2 of the mirror forgotten": (
        "- 2 * torch.outer(v, v) / v.dot(v)",
        "- torch.outer(v, v) / v.dot(v)",
        MIRROR,
    ),
    "v not normalised": (
        "- 2 * torch.outer(v, v) / v.dot(v)",
        "- 2 * torch.outer(v, v)",
        MIRROR,
    ),
    "the scale mirrored, the mean not": (
        "z = (m + s * e) @ H.T",
        "z = m + s * e",
        COVARIANCE,
    ),
    "log p − log q": (
        "nats = q_one.log_prob(at) - mixture.log_prob(at)",
        "nats = mixture.log_prob(at) - q_one.log_prob(at)",
        GRID,
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)
