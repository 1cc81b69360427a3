"""Topics of documents: bags of words, a neural topic model, and how good topics are.

A document is a bag of words, a row n of counts. The model mixes K topics, each a distribution over V words:

    z ~ N(0, s² I),    θ = softmax(z),    each word ~ Categorical(θ · table),    q(z | n) = N(encoder(log(1 + n))).

The likelihood is that of the words in their order, Σ_w n_w log p_w; the multinomial coefficient, which counts the
orders, depends on no parameter and is left out unless asked for. All bounds are in nats and belong to a document.

Sources: Miao, Grefenstette and Blunsom, "Discovering Discrete Latent Topics with Neural Variational Inference" (2017),
arXiv 1706.00359, for the model; Blei, Ng and Jordan, "Latent Dirichlet Allocation" (2003), for its rival; Bouma,
"Normalized (Pointwise) Mutual Information in Collocation Extraction" (2009), and Dieng, Ruiz and Blei (2020), arXiv
1907.04907, for coherence and diversity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.models.networks import check_torch_generator, mlp
from course_utils.models.vae import gaussian_kl, gaussian_log_prob
from course_utils.workshop.training import History, Trainer
from course_utils.workshop.validation import check_array, check_scalar

# --- bags of words ----------------------------------------------------------------------------------------------------


def counts_of(sentences: Iterable[Any], words: Sequence[str], documents: Any = None, *, strict: bool = False) -> Tensor:
    """Return how often each word stands in each sentence, or document: (D, V) float32.

    Parameters
    ----------
    sentences : each a string with spaces, or a sequence of words.
    words : the V columns.
    documents : (N,) numbers from 0 to D − 1, the document of each sentence; without it each is its own.
    strict : refuse words that are no column, which otherwise are left out.

    Raises
    ------
    ValueError : there are fewer than two words, one stands twice, or with `strict` a word is unknown.
    """
    columns = {word: column for column, word in enumerate(words)}
    if len(columns) < 2 or len(columns) < len(words):
        raise ValueError(f"words must be two or more, each once; got {len(words)}, of which {len(columns)} differ")
    rows = [sentence.split() if isinstance(sentence, str) else list(sentence) for sentence in sentences]
    groups = np.arange(len(rows)) if documents is None else check_array("documents", documents, shape=(None,))
    if len(groups) != len(rows):
        raise ValueError(f"documents must have a number for each of the {len(rows)} sentences; got {len(groups)}")
    counts = torch.zeros(int(max(groups, default=-1)) + 1, len(columns))
    for number, (row, group) in enumerate(zip(rows, groups, strict=True)):
        for word in row:
            if word in columns:
                counts[int(group), columns[word]] += 1
            elif strict:
                raise ValueError(
                    f"sentence {number} has the word {word!r}, which is no column. Leave `strict` out, and such words "
                    "are left out"
                )
    return counts


def check_counts(counts: Any, words: int | None = None) -> Tensor:
    """Return `counts` as a float tensor (D, V) if they are bags of words, or say what is wrong with them.

    Raises
    ------
    TypeError : they are no tensor or array of numbers.
    ValueError : they have one column or none, another number than `words`, a negative or broken number, or a document
        without a word.
    """
    counts = torch.as_tensor(counts) if isinstance(counts, np.ndarray) else counts
    if not isinstance(counts, Tensor):
        raise TypeError(f"counts must be a torch tensor; got {type(counts).__name__}. counts_of(…) makes one")
    if counts.ndim != 2 or not len(counts):
        raise ValueError(f"counts must have a row for each document; got shape {tuple(counts.shape)}")
    if counts.shape[1] < 2:
        raise ValueError(
            f"counts must have two columns or more: a vocabulary of {counts.shape[1]} words has no topics to tell apart"
        )
    if words is not None and counts.shape[1] != words:
        raise ValueError(f"counts must have a column for each of the model's {words} words; got {counts.shape[1]}")
    counts = counts if counts.is_floating_point() else counts.float()
    if not torch.isfinite(counts).all() or (counts < 0).any() or (counts != counts.round()).any():
        raise ValueError("counts must be whole numbers, none below 0")
    if len(empty := torch.nonzero(counts.sum(1) == 0)):
        raise ValueError(
            f"document {int(empty[0, 0])} has no word of the vocabulary, so that nothing can be said about its topics. "
            "Leave such documents out"
        )
    return counts


def bag_log_likelihood(counts: Tensor, probabilities: Tensor, *, coefficient: bool = False) -> Tensor:
    """Return Σ_w n_w log p_w (…) in nats for counts and probabilities (…, V), which broadcast.

    That is the log-probability of the words in one order. With `coefficient` it is the multinomial's, of the bag: plus
    log(n! / Π n_w!), the logarithm of the number of orders. A word that does not occur may have probability 0.
    """
    terms = torch.special.xlogy(counts, probabilities).sum(-1)
    if coefficient:
        terms = terms + torch.lgamma(counts.sum(-1) + 1) - torch.lgamma(counts + 1).sum(-1)
    return terms


def perplexity(log_probs: Tensor, tokens: Tensor) -> float:
    """Return exp(−Σ log p / Σ tokens): of all texts together, with log p in nats and the numbers of their tokens.

    It is the number of equally likely words among which a model would be as unsure. With lower bounds in the place of
    log p it is an upper bound.

    Raises
    ------
    ValueError : there is not a log p for each number, or no token at all.
    """
    log_probs, tokens = torch.as_tensor(log_probs), torch.as_tensor(tokens)
    if log_probs.shape != tokens.shape or tokens.sum() <= 0:
        raise ValueError(
            f"there must be one log p for each number of tokens, and a token at least; got shapes "
            f"{tuple(log_probs.shape)} and {tuple(tokens.shape)}"
        )
    return math.exp(-float(log_probs.double().sum()) / float(tokens.double().sum()))


# --- the model --------------------------------------------------------------------------------------------------------


class TopicModel(nn.Module):
    """A variational autoencoder of bags of words, whose decoder is a table of topics.

    Parameters
    ----------
    words : V.
    topics : K.
    hidden : sizes of the encoder's hidden layers.
    prior_scale : s, the standard deviation of each z under the prior; the larger, the more a document has one topic.
    normalised : give q's means of each topic, over a batch of documents, the mean 0 and the prior's scale (batch
        normalisation), so that no topic can be left unused. Documents are then bags (D, V), D ≥ 2 while training.
    seed : for the weights. Torch's own random state is left as it was.

    Attributes
    ----------
    encoder : network (…, V) → (…, 2K), means then log-variances, from log(1 + counts).
    logits : (K, V), whose softmax along each row is the table.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise, as `check_counts`.
    """

    def __init__(
        self,
        words: int,
        topics: int,
        hidden: Sequence[int] = (100,),
        *,
        prior_scale: float = 1.0,
        normalised: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.words = check_scalar("words", words, integer=True, minimum=2)
        self.topics = check_scalar("topics", topics, integer=True, minimum=1)
        self.prior_scale = check_scalar("prior_scale", prior_scale, positive=True)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = mlp([words, *hidden, 2 * topics], "silu")
            self.logits = nn.Parameter(0.1 * torch.randn(topics, words))
        self.norm = nn.BatchNorm1d(topics, affine=False) if normalised else None

    @torch.no_grad()
    def start_at_mean(self, counts: Tensor) -> TopicModel:
        """Add to each topic the logarithm of the words' shares in counts (D, V): what is common to all comes first."""
        share = check_counts(counts, self.words).sum(0) + 1
        self.logits += torch.log(share / share.sum())
        return self

    def table(self) -> Tensor:
        """Return p(word | topic) (K, V), rows that sum to 1."""
        return self.logits.softmax(-1)

    def encode(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | counts), each (D, K)."""
        mean, log_var = self.encoder(counts.log1p()).chunk(2, dim=-1)
        return mean if self.norm is None else self.prior_scale * self.norm(mean), log_var

    def proportions(self, counts: Tensor, samples: int = 0, generator: torch.Generator | None = None) -> Tensor:
        """Return θ (D, K) of each document: softmax of q's mean, or the average over `samples` draws of z."""
        mean, log_var = self.encode(check_counts(counts, self.words))
        if not check_scalar("samples", samples, integer=True, non_negative=True):
            return mean.softmax(-1)
        return _draws(mean, log_var, samples, generator).softmax(-1).mean(0)

    def word_probs(self, z: Tensor) -> Tensor:
        """Return p(word | z) (…, V) for z (…, K)."""
        return z.softmax(-1) @ self.table()

    def log_likelihood(self, counts: Tensor, z: Tensor) -> Tensor:
        """Return Σ_w n_w log p(w | z) (…) in nats for counts (…, V) and z (…, K), which broadcast."""
        return bag_log_likelihood(counts, self.word_probs(z))

    def elbo_terms(
        self, counts: Tensor, samples: int = 1, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Return the ELBO's terms (D,) for documents (D, V), in nats: "reconstruction" from draws, "kl" exactly."""
        return self._terms(check_counts(counts, self.words), samples, generator)

    def elbo(self, counts: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Return the ELBO (D,) of each document in nats."""
        terms = self.elbo_terms(counts, samples, generator)
        return terms["reconstruction"] - terms["kl"]

    def loss(self, counts: Tensor, beta: float = 1.0) -> dict[str, Tensor]:
        """Return the terms of −ELBO, averaged over documents, the KL with the weight `beta`."""
        terms = self._terms(counts if counts.is_floating_point() else counts.float())
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": beta * terms["kl"].mean()}

    @torch.no_grad()
    def importance_log_prob(
        self, counts: Tensor, samples: int = 200, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return an estimate of log p(words) (D,) in nats: log (1/S) Σ_s p(n, z_s) / q(z_s | n), z_s ~ q."""
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        rows = max(1, 4_000_000 // (samples * self.words))
        parts = []
        for part in check_counts(counts, self.words).split(rows):
            mean, log_var = self.encode(part)
            z = _draws(mean, log_var, samples, generator)
            origin = torch.zeros_like(mean)
            log_prior = gaussian_log_prob(z, origin, origin + 2 * math.log(self.prior_scale))
            log_weights = self.log_likelihood(part, z) + log_prior - gaussian_log_prob(z, mean, log_var)
            parts.append(log_weights.logsumexp(0) - math.log(samples))
        return torch.cat(parts)

    def _terms(self, counts: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        mean, log_var = self.encode(counts)
        z = _draws(mean, log_var, samples, generator)
        kl = gaussian_kl(mean / self.prior_scale, log_var - 2 * math.log(self.prior_scale))
        return {"reconstruction": self.log_likelihood(counts, z).mean(0), "kl": kl}


def _draws(mean: Tensor, log_var: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
    """Return draws (S, D, K), through which gradients pass."""
    shape = (check_scalar("samples", samples, integer=True, minimum=1), *mean.shape)
    noise = torch.randn(shape, generator=check_torch_generator(generator), dtype=mean.dtype)
    return mean + torch.exp(0.5 * log_var) * noise


def fit_topics(
    model: TopicModel,
    counts: Tensor,
    *,
    epochs: int = 100,
    batch_size: int = 50,
    learning_rate: float = 1e-2,
    schedule: str = "one_cycle",
    smoothing: float = 0.2,
    seed: int = 0,
    **options: Any,
) -> History:
    """Train on documents (D, V), and return the history; counts may be whole numbers of a small type.

    Parameters
    ----------
    model, counts : as they are.
    epochs, batch_size, learning_rate, schedule, seed : as for `Trainer`.
    smoothing : a Dirichlet prior of the topics with 1 + this: as if each topic had been seen to give each word so many
        times. With 0, a word that training never showed in a topic may get nearly no probability there.
    options : of `Trainer`: validation, patience, checkpoint, progress.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    for part in counts.split(1000):  # one part at a time: as numbers of four bytes all may be too large
        check_counts(part, model.words)
    smoothing = check_scalar("smoothing", smoothing, non_negative=True)

    def loss(batch: Tensor) -> dict[str, Tensor]:
        prior = -smoothing / len(counts) * model.logits.log_softmax(-1).sum()
        return model.loss(batch) | {"prior of the topics": prior}

    return Trainer(
        model,
        loss,
        counts,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        seed=seed,
        **options,
    ).run()


@torch.no_grad()
def context_proportions(model: TopicModel, counts: Tensor, documents: Any) -> Tensor:
    """Return for each sentence the proportions (N, K) of the rest of its document, without the sentence itself.

    Parameters
    ----------
    model : a topic model.
    counts : (N, V), bags of the sentences; a sentence may have no word of the vocabulary.
    documents : (N,), the document of each.

    A sentence whose document has no other word gets equal proportions. Proportions that have seen the sentence would
    make every bound with them too high: p(sentence | the sentence's own topics) is not p(sentence).
    """
    groups = torch.as_tensor(check_array("documents", documents, shape=(len(counts),), dtype="int"))
    totals = counts.new_zeros(int(groups.max()) + 1, counts.shape[1]).index_add(0, groups, counts)
    rest = totals[groups] - counts
    known = rest.sum(1) > 0
    result = torch.full((len(counts), model.topics), 1 / model.topics)
    if known.any():
        result[known] = model.proportions(rest[known])
    return result


# --- how good topics are ----------------------------------------------------------------------------------------------


def top_words(table: Any, words: Sequence[str], count: int = 10) -> list[list[str]]:
    """Return the `count` likeliest words of each topic, the likeliest first, for a table (K, V).

    Raises
    ------
    ValueError : there is not a word for each column.
    """
    table = check_array("table", table, shape=("K", len(words)))
    return [[words[column] for column in row] for row in _top(table, count)]


def match_topics(found: Any, true: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which found topic is the partner of each true one, and the cosines of the pairs, under the best matching.

    Parameters
    ----------
    found : (K, V).
    true : (M, V), M ≤ K.

    Returns
    -------
    order (M,) int64, cosines (M,): `found[order]` stands beside `true`. Order is that of the largest sum of cosines.

    Raises
    ------
    TypeError, ValueError : they are no such tables, or a row is zero.
    """
    from scipy.optimize import linear_sum_assignment

    true = check_array("true", true, shape=("M", "V"), min_size=1)
    found = check_array("found", found, shape=("K", true.shape[1]), min_size=1)
    if len(found) < len(true):
        raise ValueError(f"there must be a found topic for each of the {len(true)} true ones; got {len(found)}")
    lengths = [np.linalg.norm(table, axis=1, keepdims=True) for table in (true, found)]
    if not all(length.all() for length in lengths):
        raise ValueError("a topic of zeros has no direction: each row must have a positive entry")
    cosines = (true / lengths[0]) @ (found / lengths[1]).T
    rows, order = linear_sum_assignment(cosines, maximize=True)
    return order, cosines[rows, order]


def npmi(table: Any, counts: Any, top: int = 10) -> np.ndarray:
    """Return the coherence (K,) of each topic: normalised pointwise mutual information of its likeliest words.

    For two words it is log(p_ij / (p_i p_j)) / −log p_ij, where p counts documents that have the words: 1 if they
    always come together, 0 if they are independent, −1 if they never meet. A topic has the mean over the pairs of its
    `top` words.

    Parameters
    ----------
    table : (K, V).
    counts : (D, V), the documents in which words are looked up, an array or a scipy sparse matrix.
    top : at least 2.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or a topic's word is in no document.

    Source: Bouma (2009); over documents as in Dieng, Ruiz and Blei (2020).
    """
    top = check_scalar("top", top, integer=True, minimum=2)
    best = _top(check_array("table", table, shape=("K", counts.shape[1])), top)
    used = np.unique(best)
    columns = counts[:, used]
    has = np.asarray(columns.toarray() if hasattr(columns, "toarray") else columns) > 0
    share = has.astype(np.float64).T @ has / len(has)
    single = np.diag(share)
    if not single.all():
        raise ValueError(f"the word in column {used[np.argmin(single)]} is in no document, so it has no coherence")
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = np.log(share / np.outer(single, single)) / -np.log(share)
    pairs[share == 0], pairs[share == 1] = -1, 1  # the limits; words of every document always come together
    places = np.searchsorted(used, best)
    first, second = np.triu_indices(best.shape[1], 1)
    return pairs[places[:, first], places[:, second]].mean(1)


def diversity(table: Any, top: int = 25) -> float:
    """Return how many of the topics' `top` likeliest words differ, as a share: 1 if no two topics share one.

    Source: Dieng, Ruiz and Blei (2020), section 6.
    """
    best = _top(check_array("table", table, shape=("K", "V"), min_size=1), top)
    return len(np.unique(best)) / best.size


def _top(table: np.ndarray, count: int) -> np.ndarray:
    count = check_scalar("count", count, integer=True, minimum=1, maximum=table.shape[1])
    return np.argsort(-table, axis=1, kind="stable")[:, :count]


# --- the rival --------------------------------------------------------------------------------------------------------


def lda_log_prob(
    table: Any, concentration: Any, counts: Any, *, samples: int = 200, iterations: int = 50, seed: int = 0
) -> np.ndarray:
    """Return an estimate of log p(words) (D,) in nats under latent Dirichlet allocation with the topics given.

    θ ~ Dirichlet(concentration), each word from θ · table. Importance sampling from the variational posterior, a
    Dirichlet distribution whose parameters are iterated to their fixed point: the same kind of estimate as
    `TopicModel.importance_log_prob`, so that the two may be compared. (scikit-learn's `perplexity` is a bound that also
    charges for not knowing the topics.)

    Parameters
    ----------
    table : (K, V), rows that sum to 1; of a fit of scikit-learn `components_`, divided by its rows' sums.
    concentration : a number, or (K,), all positive; of scikit-learn `doc_topic_prior_`.
    counts : (D, V).

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Blei, Ng and Jordan (2003), equations 6 and 7.
    """
    from scipy.special import digamma, gammaln, logsumexp, xlogy

    table = check_array("table", table, shape=("K", "V"), min_size=1)
    counts = check_counts(counts, table.shape[1]).double().numpy()
    prior = np.broadcast_to(check_array("concentration", concentration, positive=True), len(table))
    samples = check_scalar("samples", samples, integer=True, minimum=1)
    rng = np.random.default_rng(check_scalar("seed", seed, integer=True, non_negative=True))
    posterior = prior + counts.sum(1, keepdims=True) / len(table)
    for _ in range(check_scalar("iterations", iterations, integer=True, minimum=1)):
        weights = np.exp(digamma(posterior) - digamma(posterior.sum(1, keepdims=True)))
        posterior = prior + weights * ((counts / np.maximum(weights @ table, 1e-300)) @ table.T)
    result = np.empty(len(counts))
    for row, (bag, after) in enumerate(zip(counts, posterior, strict=True)):
        used = bag > 0
        theta = np.maximum(rng.dirichlet(after, samples), 1e-300)
        log_theta = np.log(theta)
        log_words = xlogy(bag[used], theta @ table[:, used]).sum(1)
        log_prior, log_q = (
            ((alpha - 1) * log_theta).sum(1) + gammaln(alpha.sum()) - gammaln(alpha).sum() for alpha in (prior, after)
        )
        result[row] = logsumexp(log_words + log_prior - log_q) - math.log(samples)
    return result
