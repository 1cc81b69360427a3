"""Sentences: vocabulary, a recurrent language model, and the VAE whose decoder is one.

A sentence is a row of word numbers, START w_1 … w_n END PAD …, as `Vocabulary.encode` makes it. Its probability is the
product over w_1, …, w_n and END of p(word | words before, z): START is given, and PAD is none of the sentence. The
decoder is a gated recurrent unit (GRU) whose first state and every input hold z as well:

    z ~ p(z),    w_t ~ Categorical(softmax(W h_t)),    h_t = GRU(h_{t−1}, [word t − 1, z]).

The language model is the same network without z, and so the plain rival of everything here. q(z | x) is a diagonal
Gaussian, on wish reflected (Householder). p(z) is N(0, I), a mixture of `priors`, or a `TopicPrior`: one Gaussian for
each topic. All bounds are in nats and belong to a sentence; `topics.perplexity` turns them into a number a word.

Sources: Bowman et al., "Generating Sentences from a Continuous Space" (2016), arXiv 1511.06349, for the model, its
collapse, warm-up and word dropout; Kingma et al. (2016), arXiv 1606.04934, for free bits; Wang et al., "Topic-Guided
Variational Autoencoders for Text Generation" (2019), arXiv 1903.07137, for topic prior and reflections; Zheng, Vafa and
Blei, "Revisiting Topic-Guided Language Models" (2023), arXiv 2312.02331, for why the plain model stands beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.flows import FlowEncoder, householder
from course_utils.models.networks import check_features, check_torch_generator
from course_utils.models.priors import Components, DiagonalPrior, Prior, StandardPrior, component_log_probs
from course_utils.models.vae import gaussian_kl, gaussian_log_prob
from course_utils.workshop.training import History, Trainer
from course_utils.workshop.validation import check_choice, check_scalar

PAD, START, END, UNKNOWN = range(4)
MARKS = ("<pad>", "<start>", "<end>", "<unknown>")
"""What stands at the places 0 to 3 of every vocabulary."""

ENCODERS = ("gru", "bag")
_ROWS = 4096
"""Sentences that an importance-sampled estimate decodes at once."""

Sentence = str | Sequence[str]

# --- words and numbers ------------------------------------------------------------------------------------------------


class Vocabulary:
    """The words that have a number: the four `MARKS`, then the words that are given.

    Parameters
    ----------
    words : each once, none of them a mark.

    Attributes
    ----------
    words : tuple, marks in front.
    numbers : dict from word to number.

    Raises
    ------
    TypeError, ValueError : a word is no string, stands twice or is a mark, or there are fewer than two words.
    """

    def __init__(self, words: Iterable[str]):
        words = tuple(words)
        if wrong := [word for word in words if not isinstance(word, str)]:
            raise TypeError(f"words must be strings; got {wrong[0]!r}")
        if len(words) < 2:
            raise ValueError(f"a vocabulary needs at least two words, or there is nothing to choose; got {len(words)}")
        twice = [word for word, times in Counter(MARKS + words).items() if times > 1]
        if twice:
            raise ValueError(f"each word must stand once, and no word may be one of {MARKS}; see {twice[0]!r}")
        self.words = MARKS + words
        self.numbers = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def of(cls, sentences: Iterable[Sentence], most: int | None = None) -> Vocabulary:
        """Return the vocabulary of some sentences: the `most` frequent words, or all, frequent ones first."""
        counts = Counter(word for sentence in sentences for word in _split(sentence))
        if most is not None:
            most = check_scalar("most", most, integer=True, minimum=2)
        return cls(sorted(counts, key=lambda word: (-counts[word], word))[:most])

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentences: Iterable[Sentence], length: int | None = None, *, strict: bool = False) -> Tensor:
        """Return START, the words' numbers, END and as many PAD as make `length` columns: (N, T) int64.

        Parameters
        ----------
        sentences : each a string with spaces, or a sequence of words.
        length : T; without it the longest sentence decides.
        strict : refuse words without a number, which otherwise become UNKNOWN.

        Raises
        ------
        ValueError : there is no sentence, one is too long or has no word, or with `strict` a word is unknown.
        """
        rows = [_split(sentence) for sentence in sentences]
        if not rows:
            raise ValueError("there must be at least one sentence to encode")
        longest = max(map(len, rows)) + 2
        length = longest if length is None else check_scalar("length", length, integer=True, minimum=3)
        tokens = torch.full((len(rows), length), PAD)
        for number, words in enumerate(rows):
            if not 0 < len(words) <= length - 2:
                raise ValueError(
                    f"sentence {number} must have 1 to {length - 2} words, beside its two marks; it has {len(words)}"
                )
            missing = [word for word in words if word not in self.numbers]
            if strict and missing:
                raise ValueError(
                    f"sentence {number} has the word {missing[0]!r}, which the vocabulary does not have. Leave "
                    "`strict` out, and it counts as unknown"
                )
            numbers = [self.numbers.get(word, UNKNOWN) for word in words]
            tokens[number, : len(words) + 2] = torch.tensor([START, *numbers, END])
        return tokens

    def decode(self, tokens: Tensor) -> list[str]:
        """Return each row of (N, T) as a string of words: from START, which may be missing, to END or the end."""
        sentences = []
        for row in check_tokens(tokens, len(self)).tolist():
            ends = row.index(END) if END in row else len(row)
            sentences.append(" ".join(self.words[number] for number in row[:ends] if number not in (START, PAD)))
        return sentences


def _split(sentence: Any) -> list[str]:
    """Return the words of a sentence, a string with spaces or a sequence of words."""
    return sentence.split() if isinstance(sentence, str) else list(sentence)


def check_tokens(tokens: Any, vocabulary: int) -> Tensor:
    """Return `tokens` if they are an int64 tensor (N, T) of numbers below `vocabulary`, or say what is wrong with them.

    Raises
    ------
    TypeError, ValueError : they are not.
    """
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64:
        got = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
        raise TypeError(f"tokens must be a torch tensor of int64, as Vocabulary.encode makes it; got {got}")
    if tokens.ndim != 2 or tokens.shape[1] < 2 or not len(tokens):
        raise ValueError(f"tokens must have a row for each sentence, START … END; got shape {tuple(tokens.shape)}")
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        raise ValueError(f"tokens must be numbers of words, 0 to {vocabulary - 1}; got {low} to {high}")
    return tokens


def predicted(tokens: Tensor) -> Tensor:
    """Return how many tokens of each row (N, T) are predicted (N,): its words and END, neither START nor PAD."""
    return (tokens[:, 1:] != PAD).sum(1)


def word_dropout(tokens: Tensor, rate: float, generator: torch.Generator | None = None) -> Tensor:
    """Return (N, T) with each word made UNKNOWN with probability `rate`: what the decoder reads, not what it must say.

    START, END and PAD stay. Source: Bowman et al. (2016), section 3.1.

    Raises
    ------
    TypeError, ValueError : `rate` is no number from 0 to 1.
    """
    rate = check_scalar("rate", rate, non_negative=True, maximum=1)
    drawn = torch.rand(tokens.shape, generator=check_torch_generator(generator))
    return torch.where((drawn < rate) & (tokens >= UNKNOWN), UNKNOWN, tokens)


# --- networks ---------------------------------------------------------------------------------------------------------


class WordDecoder(nn.Module):
    """A GRU that predicts each word from those before it, and from a code that it sees all the time.

    Parameters
    ----------
    vocabulary : V, marks counted.
    code_dim : L; 0 for a decoder that sees words alone.
    embedding, hidden : numbers in a word's vector, and in the GRU's state.
    """

    def __init__(self, vocabulary: int, code_dim: int, embedding: int, hidden: int):
        super().__init__()
        self.vocabulary = check_scalar("vocabulary", vocabulary, integer=True, minimum=6)
        self.code_dim = check_scalar("code_dim", code_dim, integer=True, non_negative=True)
        embedding = check_scalar("embedding", embedding, integer=True, minimum=1)
        hidden = check_scalar("hidden", hidden, integer=True, minimum=1)
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.start = nn.Linear(code_dim, hidden) if code_dim else None
        self.gru = nn.GRU(embedding + code_dim, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def states(self, inputs: Tensor, code: Tensor | None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the states (N, T, H) after each of the inputs (N, T), and the last one (1, N, H)."""
        vectors = self.embedding(inputs)
        if self.code_dim:
            code = check_features(code, self.code_dim)
            vectors = torch.cat([vectors, code[:, None].expand(-1, inputs.shape[1], -1)], dim=-1)
            state = torch.tanh(self.start(code))[None] if state is None else state
        return self.gru(vectors, state)

    def log_prob(self, tokens: Tensor, code: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        """Return log p(words and END | code) (N,) for tokens (N, T); the decoder reads `inputs` if given."""
        inputs, targets = (tokens if inputs is None else inputs)[:, :-1], tokens[:, 1:]
        states, _ = self.states(inputs, code)
        rows, columns = torch.nonzero(targets != PAD, as_tuple=True)
        lost = F.cross_entropy(self.output(states[rows, columns]), targets[rows, columns], reduction="none")
        return lost.new_zeros(len(tokens)).index_add(0, rows, -lost)

    @torch.no_grad()
    def generate(
        self, code: Tensor | None, count: int, *, greedy: bool, generator: torch.Generator | None, length: int
    ) -> Tensor:
        """Return `count` sentences (count, length), word by word: the likeliest one, or one that is drawn.

        START, PAD and UNKNOWN are never chosen. A sentence that has not ended by itself ends in the last column.
        """
        length = check_scalar("length", length, integer=True, minimum=3)
        generator = check_torch_generator(generator)
        tokens = torch.full((count, length), PAD)
        tokens[:, 0], state, going = START, None, torch.ones(count, dtype=torch.bool)
        for place in range(1, length - 1):
            states, state = self.states(tokens[:, place - 1 : place], code, state)
            logits = self.output(states[:, 0])
            logits[:, [PAD, START, UNKNOWN]] = -math.inf
            if greedy:
                word = logits.argmax(-1)
            else:
                word = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
            tokens[going, place] = word[going]
            going = going & (word != END)
        tokens[going, length - 1] = END
        return tokens


class LanguageModel(nn.Module):
    """The decoder alone: a GRU language model without a latent.

    Parameters
    ----------
    vocabulary : V, marks counted.
    embedding, hidden : numbers in a word's vector, and in the GRU's state.
    context_dim : size of something known about each sentence that the model is given, such as the proportions of its
        document's topics; 0 for nothing.
    seed : for the weights. Torch's own random state is left as it was.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, vocabulary: int, *, embedding: int = 32, hidden: int = 64, context_dim: int = 0, seed: int = 0):
        super().__init__()
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder = WordDecoder(vocabulary, context_dim, embedding, hidden)

    def log_prob(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """Return log p(sentence | context) (N,) in nats for tokens (N, T) and, where the model has one, context."""
        return self.decoder.log_prob(check_tokens(tokens, self.decoder.vocabulary), context)

    def loss(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """Return −log p, averaged over sentences."""
        return -self.log_prob(tokens, context).mean()

    def generate(
        self,
        count: int,
        *,
        context: Tensor | None = None,
        greedy: bool = False,
        generator: torch.Generator | None = None,
        length: int = 14,
    ) -> Tensor:
        """Return `count` sentences as tokens (count, length), drawn word by word; greedy ones are all the same."""
        count = check_scalar("count", count, integer=True, minimum=1)
        return self.decoder.generate(context, count, greedy=greedy, generator=generator, length=length)


class SentenceVAE(nn.Module):
    """A VAE of sentences: an encoder that reads the words, a Gaussian q, and a GRU that writes them again.

    Parameters
    ----------
    vocabulary : V, marks counted.
    latent_dim : L.
    embedding, hidden : numbers in a word's vector, and in the GRUs' states.
    encoder : "bag" counts the words, "gru" reads them in order.
    reflections : how many Householder reflections, each with a vector that depends on the sentence, turn q; 0 leaves
        it diagonal.
    prior : None for N(0, I), else a prior over z as in `priors`, or a `TopicPrior`. Its parameters are the model's.
    seed : for the weights. Torch's own random state is left as it was.

    Attributes
    ----------
    decoder : `WordDecoder`.
    head : `flows.FlowEncoder`, from what the encoder read to q.
    steps : how many batches `fit` has trained on, which a warm-up needs to know.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise.
    """

    def __init__(
        self,
        vocabulary: int,
        latent_dim: int = 16,
        *,
        embedding: int = 32,
        hidden: int = 64,
        encoder: str = "bag",
        reflections: int = 0,
        prior: Prior | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.encoder = check_choice("encoder", encoder, ENCODERS)
        self.reflections = check_scalar("reflections", reflections, integer=True, non_negative=True)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        if prior is not None and not isinstance(prior, Prior):
            raise TypeError(f"prior must be None or one of course_utils.models.priors; got {type(prior).__name__}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder = WordDecoder(vocabulary, latent_dim, embedding, hidden)
            if encoder == "gru":
                self.reader: nn.Module = nn.GRU(embedding, hidden, batch_first=True)
                self.read_embedding = nn.Embedding(vocabulary, embedding)
            else:
                self.reader = nn.Sequential(nn.Linear(vocabulary, hidden), nn.Tanh())
        flow = "householder" if reflections else "none"
        self.head = FlowEncoder(hidden, latent_dim, (), flow=flow, layers=reflections, seed=seed)
        self.prior: Prior = StandardPrior(latent_dim) if prior is None else prior
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    # q(z | x)

    def read(self, tokens: Tensor) -> Tensor:
        """Return what the encoder read (N, H): its state at END, or a function of log(1 + counts)."""
        tokens = check_tokens(tokens, self.decoder.vocabulary)
        if self.encoder == "bag":
            counts = F.one_hot(tokens, self.decoder.vocabulary).sum(1).float()
            counts[:, :UNKNOWN] = 0  # the marks say nothing
            return self.reader(counts.log1p())
        states, _ = self.reader(self.read_embedding(tokens))
        return states[torch.arange(len(tokens)), predicted(tokens)]

    def encode(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return mean and log-variance (N, L) before the reflections, and their vectors (N, R, L), or None."""
        mean, log_var, rest = self.head.parameters_of(self.read(tokens))
        return mean, log_var, rest[0] if rest else None

    def posterior_mean(self, tokens: Tensor) -> Tensor:
        """Return E_q[z] (N, L): the mean, reflected as draws are."""
        mean, _, vectors = self.encode(tokens)
        return mean if vectors is None else _reflected(mean, vectors)

    def sample(
        self, tokens: Tensor, samples: int = 1, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return draws z (S, N, L) of q(z | x), through which gradients pass, and log q(z | x) (S, N)."""
        return self.head.sample(self.read(tokens), samples, generator)

    # p(x, z)

    def log_likelihood(self, tokens: Tensor, z: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return log p(x | z) (…, N) for tokens (N, T) and z (…, N, L)."""
        tokens, rows = check_tokens(tokens, self.decoder.vocabulary), check_features(z, self.latent_dim)
        repeats = z.shape[:-2].numel()
        inputs = tokens if inputs is None else inputs
        flat = self.decoder.log_prob(
            tokens.repeat(repeats, 1), rows.reshape(-1, self.latent_dim), inputs.repeat(repeats, 1)
        )
        return flat.reshape(z.shape[:-1])

    def log_prior(self, z: Tensor, proportions: Tensor | None = None) -> Tensor:
        """Return log p(z) (…, N) for z (…, N, L), where topics guide it with the sentences' proportions (N, K)."""
        if isinstance(self.prior, TopicPrior):
            return self.prior.log_prob(z, proportions)
        if proportions is not None:
            raise ValueError("proportions guide a TopicPrior; this model's prior is another one")
        return self.prior.log_prob(z)

    # bounds

    def elbo_terms(
        self,
        tokens: Tensor,
        proportions: Tensor | None = None,
        samples: int = 1,
        generator: torch.Generator | None = None,
        inputs: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the ELBO's terms for each sentence, in nats.

        "reconstruction" (N,) is E_q[log p(x | z)], estimated by `samples` draws, and "kl" (N,) is KL(q ‖ p(z)): exact
        for N(0, I), which a reflection leaves as it is, and log q − log p at the same draws for every other prior. For
        N(0, I) there is "kl_per_latent" (N, L) as well, before the reflections.
        """
        read = self.read(tokens)
        z, log_q = self.head.sample(read, samples, generator)
        terms = {"reconstruction": self.log_likelihood(tokens, z, inputs).mean(0)}
        if isinstance(self.prior, StandardPrior) and proportions is None:
            mean, log_var, _ = self.head.parameters_of(read)
            terms["kl_per_latent"] = gaussian_kl(mean[..., None], log_var[..., None])
            terms["kl"] = terms["kl_per_latent"].sum(-1)
        else:
            terms["kl"] = (log_q - self.log_prior(z, proportions)).mean(0)
        return terms

    def elbo(self, tokens: Tensor, proportions: Tensor | None = None, samples: int = 1) -> Tensor:
        """Return the ELBO (N,) of each sentence in nats."""
        terms = self.elbo_terms(tokens, proportions, samples)
        return terms["reconstruction"] - terms["kl"]

    def loss(
        self,
        tokens: Tensor,
        proportions: Tensor | None = None,
        *,
        beta: float = 1.0,
        floor: float = 0.0,
        dropout: float = 0.0,
    ) -> dict[str, Tensor]:
        """Return the terms of what training minimises, averaged over sentences.

        `beta` is the weight of the KL term (warm-up), `floor` what each latent may cost for nothing (free bits; for a
        prior other than N(0, I) the sum is compared with L · floor), `dropout` the share of words that the decoder
        cannot read. With 1, 0 and 0 it is −ELBO, with others it is not.
        """
        inputs = word_dropout(tokens, dropout) if dropout else None
        terms = self.elbo_terms(tokens, proportions, inputs=inputs)
        if "kl_per_latent" in terms:
            kl = free_bits(terms["kl_per_latent"], floor)
        else:
            kl = free_bits(terms["kl"][:, None], self.latent_dim * floor)
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": beta * kl}

    @torch.no_grad()
    def importance_log_prob(
        self,
        tokens: Tensor,
        samples: int = 50,
        proportions: Tensor | None = None,
        generator: torch.Generator | None = None,
        inputs: Tensor | None = None,
    ) -> Tensor:
        """Return an estimate of log p(x) (N,) in nats: log (1/S) Σ_s p(x, z_s) / q(z_s | x), z_s ~ q.

        On average a lower bound, which rises with `samples` towards log p(x). The decoder reads `inputs` (N, T) where
        they are given, as for a model that was trained without words.
        """
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        size = max(1, _ROWS // samples)
        guides = [None] * len(tokens) if proportions is None else proportions.split(size)
        reads = (tokens if inputs is None else inputs).split(size)
        parts = []
        for part, guide, read in zip(tokens.split(size), guides, reads, strict=False):
            z, log_q = self.sample(part, samples, generator)
            log_weights = self.log_likelihood(part, z, read) + self.log_prior(z, guide) - log_q
            parts.append(log_weights.logsumexp(0) - math.log(samples))
        return torch.cat(parts)

    def generate(
        self, z: Tensor, *, greedy: bool = True, generator: torch.Generator | None = None, length: int = 14
    ) -> Tensor:
        """Return a sentence for each code, tokens (N, length) for z (N, L): the likeliest words, or drawn ones."""
        return self.decoder.generate(z, len(z), greedy=greedy, generator=generator, length=length)


# --- cures ------------------------------------------------------------------------------------------------------------


def free_bits(kl: Tensor, floor: float) -> Tensor:
    """Return Σ_l max(floor, mean over n of kl_nl) () for kl (N, L): below the floor a latent's KL has no gradient.

    Source: Kingma et al. (2016), appendix C.8, with one group for each latent.
    """
    return kl.mean(0).clamp(min=check_scalar("floor", floor, non_negative=True)).sum() if floor else kl.mean(0).sum()


def warm_up(step: int, steps: int) -> float:
    """Return the KL term's weight in a step, from 0: step / steps, and 1 from then on, or at once if steps = 0."""
    return 1.0 if step >= steps else step / steps


# --- priors -----------------------------------------------------------------------------------------------------------


class TopicPrior(DiagonalPrior):
    """A Gaussian for each topic, whose mean and variance are read off the topic's words: similar topics lie close.

    The mean is W β_k / ‖β_k‖ and the log-variance V β_k / ‖β_k‖ with matrices W and V. A sentence whose document has
    the topics t gets the mixture Σ_k t_k N(mean_k, …); without t all topics have the same weight.

    Parameters
    ----------
    table : (K, V) words of each topic, rows that sum to 1; fixed.
    latent_dim : L.
    spread : standard deviation of the entries of W, and about that of the means, at the start; variances begin at 1.
    learned : train W and V with the other parameters. Otherwise they stay as they start: Gaussians far apart, where
        each topic has its place, and cannot be moved together.
    seed : for the start.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise.

    Source: Wang et al. (2019), equation 5, where networks that are learned stand in the place of W and V.
    """

    def __init__(self, table: Tensor, latent_dim: int, *, spread: float = 1.0, learned: bool = False, seed: int = 0):
        super().__init__()
        latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        spread = check_scalar("spread", spread, positive=True)
        generator = torch.Generator().manual_seed(check_scalar("seed", seed, integer=True, non_negative=True))
        table = torch.as_tensor(table).detach().float()
        if table.ndim != 2 or not len(table) or (table < 0).any() or (table.sum(1) - 1).abs().max() > 1e-4:
            raise ValueError(
                f"table must have a row for each topic, probabilities that sum to 1; got shape {tuple(table.shape)}"
            )
        self.register_buffer("directions", table / table.norm(dim=1, keepdim=True))
        self.to_mean = nn.Parameter(spread * torch.randn(table.shape[1], latent_dim, generator=generator))
        self.to_log_var = nn.Parameter(torch.zeros(table.shape[1], latent_dim))
        self.requires_grad_(bool(learned))

    def components(self) -> Components:
        """Return log-weights (K,), all the same, means (K, L) and log-variances (K, L)."""
        mean = self.directions @ self.to_mean
        log_weights = torch.full_like(mean[:, 0], -math.log(len(mean)))
        return Components(log_weights, mean, self.directions @ self.to_log_var)

    def joint_log_probs(self, z: Tensor, proportions: Tensor | None = None) -> Tensor:
        """Return log p(topic) + log p(z | topic) (…, N, K) for z (…, N, L) and proportions (N, K), or equal ones."""
        log_weights, mean, log_var = self.components()
        if proportions is not None:
            if proportions.shape != (z.shape[-2], len(mean)):
                raise ValueError(
                    f"proportions must have a row for each sentence and a column for each topic, "
                    f"{(z.shape[-2], len(mean))}; got {tuple(proportions.shape)}"
                )
            log_weights = proportions.clamp(min=1e-6).log()  # no topic is ever quite impossible
        return log_weights + component_log_probs(z, mean, log_var)

    def log_prob(self, z: Tensor, proportions: Tensor | None = None) -> Tensor:
        """Return log p(z) (…, N) in nats for z (…, N, L): the topic is summed out."""
        return self.joint_log_probs(z, proportions).logsumexp(-1)

    @torch.no_grad()
    def sample_topic(self, topic: int, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws (count, L) from the Gaussian of one topic."""
        _, mean, log_var = self.components()
        topic = check_scalar("topic", topic, integer=True, minimum=0, maximum=len(mean) - 1)
        noise = torch.randn(count, mean.shape[1], generator=check_torch_generator(generator))
        return mean[topic] + torch.exp(0.5 * log_var[topic]) * noise


def mixture_kl(
    mean: Tensor,
    log_var: Tensor,
    prior: Prior,
    samples: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return an estimate of KL(N(mean, diag exp(log_var)) ‖ prior) (N,) in nats: the mean of log q − log p at draws.

    Shapes: mean and log_var (N, L). There is no closed form for a mixture; the estimate is unbiased, and may be
    negative by chance.
    """
    shape = (check_scalar("samples", samples, integer=True, minimum=1), *mean.shape)
    noise = torch.randn(shape, generator=check_torch_generator(generator), dtype=mean.dtype)
    z = mean + torch.exp(0.5 * log_var) * noise
    return (gaussian_log_prob(z, mean, log_var) - prior.log_prob(z)).mean(0)


# --- reflections ------------------------------------------------------------------------------------------------------


def reflected_covariance(log_var: Tensor, vectors: Tensor) -> Tensor:
    """Return the covariance (…, L, L) of a diagonal Gaussian after reflections: H diag(exp(log_var)) Hᵀ.

    Shapes: log_var (…, L), vectors (…, R, L), the first reflection first. H is the product of the reflections.
    """
    size = log_var.shape[-1]
    identity = torch.eye(size, dtype=log_var.dtype).expand(*log_var.shape, size)
    images = _reflected(identity, vectors.unsqueeze(-3).expand(*log_var.shape, *vectors.shape[-2:]))
    scaled = images * torch.exp(log_var)[..., None]  # row l of `images` is H e_l
    return images.mT @ scaled


def _reflected(z: Tensor, vectors: Tensor) -> Tensor:
    for layer in range(vectors.shape[-2]):
        z = householder(z, vectors[..., layer, :])
    return z


# --- training ---------------------------------------------------------------------------------------------------------


def fit(
    model: LanguageModel | SentenceVAE,
    tokens: Tensor,
    extra: Tensor | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 5e-3,
    schedule: str = "one_cycle",
    warm_up_epochs: float = 0,
    floor: float = 0.0,
    dropout: float = 0.0,
    seed: int = 0,
    watch: Callable[[nn.Module], None] | None = None,
    **options: Any,
) -> History:
    """Train on sentences (N, T), and return the history.

    Parameters
    ----------
    model : a language model or a sentence VAE.
    tokens : (N, T), START … END PAD.
    extra : what is known about each sentence, a row each: the language model's context, the topic prior's proportions.
    epochs, batch_size, learning_rate, schedule, seed : as for `Trainer`.
    warm_up_epochs : over so many epochs the KL term's weight climbs from 0 to 1.
    floor : free bits of each latent, in nats.
    dropout : share of words that the decoder cannot read while it trains.
    watch : called with the model before each epoch, without gradients, to record what it likes.
    options : of `Trainer`: validation, patience, checkpoint, progress. On validation sentences the loss is −ELBO, the
        cures left out.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    per_epoch = math.ceil(len(tokens) / check_scalar("batch_size", batch_size, integer=True, minimum=1))
    climbing = per_epoch * check_scalar("warm_up_epochs", warm_up_epochs, non_negative=True)
    variational = isinstance(model, SentenceVAE)
    if not variational and (climbing or floor or dropout):
        raise ValueError("warm-up, free bits and word dropout are a VAE's cures; a language model has no latent")
    taken = 0

    def loss(*batch: Tensor) -> Any:
        nonlocal taken
        if not model.training:
            return model.loss(*batch)
        if watch is not None and taken % per_epoch == 0:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                watch(model)
        taken += 1
        if not variational:
            return model.loss(*batch)
        model.steps += 1
        beta = warm_up(int(model.steps) - 1, climbing)
        return model.loss(*batch, beta=beta, floor=floor, dropout=dropout)

    data = tokens if extra is None else (tokens, extra)
    return Trainer(
        model,
        loss,
        data,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        seed=seed,
        **options,
    ).run()
