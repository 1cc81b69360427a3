"""Lesson 13, text and topics: its exercises about sentences, word by word, and the list of all."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.lessons.text_and_topics.exercises_latents import cheapest_topics, floored_kl, reflected_kl
from course_utils.lessons.text_and_topics.exercises_topics import bag_log_prob, coherence, text_perplexity
from course_utils.workshop.exercises import Exercise, Misconception

FILLING, START, END, UNKNOWN = range(4)  # the four marks; words have numbers from 4 on


def _ids(*rows):
    return torch.tensor(rows)


def _sentences(rng, words):
    """One to four padded sentences of words from 3 to `words` − 1; a sentence may have no word at all."""
    lengths = rng.integers(0, rng.integers(2, 7), rng.integers(1, 5))
    tokens = np.full((len(lengths), lengths.max() + 2 + rng.integers(0, 2)), FILLING)
    for row, length in zip(tokens, lengths, strict=True):
        row[0], row[length + 1] = START, END
        row[1 : length + 1] = rng.integers(UNKNOWN, words, length)
    return tokens


# --- 13.4 -------------------------------------------------------------------------------------------------------------


def _going_on(logits):
    """Log-probabilities (N, T, V) of the next token; in END's column stands that of any other one."""
    total = logits.logsumexp(2, keepdim=True)
    return torch.where(torch.arange(logits.shape[2]) == END, _others(logits)[:, :, None], logits) - total


def _others(logits):
    """Log-sum-exp (N, T) of the scores of all tokens but END."""
    return logits.index_fill(2, torch.tensor([END]), -torch.inf).logsumexp(2)


def _sentence(logits, tokens):
    following = tokens[:, 1:]
    said = _going_on(logits[:, :-1]).gather(2, following[:, :, None])[:, :, 0]
    return said.masked_fill(following == FILLING, 0).sum(1)


def _sentence_by_cross_entropy(logits, tokens):
    scores, following = logits[:, :-1], tokens[:, 1:]
    only_words = following.masked_fill(following == END, FILLING)
    nats = F.cross_entropy(scores.transpose(1, 2), only_words, ignore_index=FILLING, reduction="none")
    further = torch.where(following == END, _going_on(scores)[:, :, END], 0.0)
    return further.sum(dim=1) - nats.sum(dim=1)


def _sentence_loop(logits, tokens):
    values = []
    for scores, row in zip(logits, tokens.tolist(), strict=True):
        total = 0 * scores.sum()
        for place, token in enumerate(row[1:]):
            nats = scores[place].log_softmax(0)
            if token == END:
                total = total + torch.cat([nats[:END], nats[END + 1 :]]).logsumexp(0)
                break
            total = total + nats[token]
        values.append(total)
    return torch.stack(values)


def _picked(logits, wanted):
    return _going_on(logits).gather(2, wanted[:, :, None])[:, :, 0]


def _said(logits, tokens):
    return _picked(logits[:, :-1], tokens[:, 1:])


def _sentence_with(counted, weight_of=lambda tokens: 1.0):
    """Build a misconception from which of the predicted tokens count, and by what the sum is divided."""

    def answer(logits, tokens):
        return torch.where(counted(tokens[:, 1:]), _said(logits, tokens), 0.0).sum(1) / weight_of(tokens)

    return answer


def _not_shifted(logits, tokens):
    return torch.where(tokens > 0, _picked(logits, tokens), 0.0).sum(1)


def _not_shifted_without_start(logits, tokens):
    return torch.where(tokens[:, 1:] > 0, _picked(logits[:, 1:], tokens[:, 1:]), 0.0).sum(1)


def _shifted_back(logits, tokens):
    return torch.where(tokens[:, :-1] > 0, _picked(logits[:, 1:], tokens[:, :-1]), 0.0).sum(1)


def _masked_by_what_is_read(logits, tokens):
    return torch.where(tokens[:, :-1] > 0, _said(logits, tokens), 0.0).sum(1)


def _over_places(logits, tokens):
    chosen = logits[:, :-1].log_softmax(1).gather(2, tokens[:, 1:, None])[:, :, 0]
    chosen = torch.where(tokens[:, 1:] == END, _said(logits, tokens), chosen)
    return torch.where(tokens[:, 1:] > 0, chosen, 0.0).sum(1)


def _not_normalised(logits, tokens):
    chosen = logits[:, :-1].gather(2, tokens[:, 1:, None])[:, :, 0]
    chosen = torch.where(tokens[:, 1:] == END, _others(logits[:, :-1]), chosen)
    return torch.where(tokens[:, 1:] > 0, chosen, 0.0).sum(1)


def _stopping_there(logits, tokens):
    chosen = logits[:, :-1].log_softmax(2).gather(2, tokens[:, 1:, None])[:, :, 0]
    return torch.where(tokens[:, 1:] > 0, chosen, 0.0).sum(1)


def _any_other(logits, tokens):
    return torch.log1p(-_stopping_there(logits, tokens).exp())


def _no_end_anywhere(logits, tokens):
    endless = logits[:, :-1].index_fill(2, torch.tensor([END]), -torch.inf).log_softmax(2)
    chosen = endless.gather(2, tokens[:, 1:, None])[:, :, 0]
    return torch.where(tokens[:, 1:] > END, chosen, 0.0).sum(1)


def _divided_by_the_end(logits, tokens):
    ending = torch.where(tokens[:, 1:] == END, logits[:, :-1].log_softmax(2)[:, :, END], 0.0)
    return torch.where(tokens[:, 1:] > END, _said(logits, tokens), -ending).sum(1)


def _one_for_all(logits, tokens):
    return torch.where(tokens[:, 1:] > 0, _said(logits, tokens), 0.0).sum().expand(len(tokens))


def _sentence_law(rng):
    """Scores of any size for one to four sentences of up to five words, from vocabularies of five to eight."""
    words = int(rng.integers(5, 9))
    tokens = _sentences(rng, words)
    return torch.tensor(rng.normal(0, rng.choice([0.5, 3.0]), (*tokens.shape, words))), torch.tensor(tokens)


def _scores(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).normal(0, 1.5, shape).round(2))


def _sure_to_end():
    """Equal scores, but after the first word the end mark is as good as certain."""
    scores = torch.zeros(1, 4, 6, dtype=torch.float64)
    scores[0, 1, END] = 2000.0
    return scores


sentence_log_prob = Exercise(
    name="sentence_log_prob",
    arguments=("logits", "tokens"),
    returns="log-probability",
    reference=_sentence,
    spellings={"cross-entropy": _sentence_by_cross_entropy, "loop": _sentence_loop},
    probes=[
        (torch.zeros(1, 4, 6, dtype=torch.float64), _ids([1, 4, 2, 0])),
        (_scores(0, 2, 5, 6), _ids([1, 4, 5, 3, 2], [1, 5, 2, 0, 0])),
        (_scores(1, 3, 6, 7), _ids([1, 6, 2, 0, 0, 0], [1, 2, 0, 0, 0, 0], [1, 5, 4, 6, 2, 0])),
    ],
    law=_sentence_law,
    extremes=[
        (1500 * _scores(2, 2, 4, 6), _ids([1, 4, 5, 2], [1, 2, 0, 0])),
        (_scores(3, 1, 4, 5) - 4000, _ids([1, 4, 2, 0])),
        (_sure_to_end(), _ids([1, 4, 2, 0])),
    ],
    stable="log-sum-exp over all tokens but the end mark",
    gradients=("logits",),
    misconceptions=[
        Misconception(
            "not shifted",
            _not_shifted,
            "You looked at place t for token t. There the network has read that very token, and copying it would be "
            "perfect. The scores at place t are about token t + 1.",
        ),
        Misconception(
            "not shifted, start left out",
            _not_shifted_without_start,
            "You left out the start mark, from scores and tokens alike, and so compare the scores at place t with "
            "token t, which has been read there. They are about token t + 1.",
        ),
        Misconception(
            "shifted the other way",
            _shifted_back,
            "You shifted the other way: your scores are about the token *before*. What was read up to t predicts t + "
            "1.",
        ),
        Misconception(
            "filling counts",
            _sentence_with(lambda wanted: wanted >= 0),
            "The zeros at the end are predicted in your answer as well. They belong to the table and not to the "
            "sentence: a sentence's probability must not depend on how long the longest one beside it is.",
        ),
        Misconception(
            "one zero too many",
            _masked_by_what_is_read,
            "Your mask looks at what is read. After the end mark the first zero is still predicted. What counts is the "
            "token that is to be said.",
        ),
        Misconception(
            "the sentence itself",
            _stopping_there,
            "This is the log-probability of the sentence that *stops* there. Asked for is everything else that begins "
            "so: at the last place all tokens but the end mark.",
        ),
        Misconception(
            "all that begins so",
            _sentence_with(lambda wanted: wanted > END),
            "You counted the words alone. Among all that begins so is the sentence that stops there: its share has to "
            "come off, in the last factor.",
        ),
        Misconception(
            "any other sentence",
            _any_other,
            "This is the probability of *any* other sentence, also of those that begin in another way. Only the last "
            "factor is turned round.",
        ),
        Misconception(
            "no end anywhere",
            _no_end_anywhere,
            "You forbade the end mark at every place. Before each word the model might have stopped, and its "
            "probabilities are what they are: only behind the last word is the end left out.",
        ),
        Misconception(
            "divided by the end",
            _divided_by_the_end,
            "You took log p(END) off. The words are followed by something else with probability 1 − p(END), which is "
            "another factor than 1/p(END).",
        ),
        Misconception(
            "mean over words",
            _sentence_with(lambda wanted: wanted > 0, lambda tokens: (tokens[:, 1:] > 0).sum(1)),
            "This is the mean for each token. In the ELBO the KL of one code stands against the log-probability of the "
            "*whole* sentence: a mean makes the KL some ten times too heavy.",
        ),
        Misconception(
            "mean over the table",
            _sentence_with(lambda wanted: wanted > 0, lambda tokens: tokens.shape[1] - 1),
            "You divided by the length of the table. That is neither the sentence's log-probability nor its mean, and "
            "it changes with the sentences beside it.",
        ),
        Misconception(
            "softmax over places",
            _over_places,
            "Your softmax runs over the places of the sentence. At each place the words of the vocabulary compete: the "
            "last axis.",
        ),
        Misconception(
            "scores for log-probabilities",
            _not_normalised,
            "You added up the scores. They are log-probabilities only after log-sum-exp over the vocabulary is taken "
            "off.",
        ),
        Misconception(
            "one number for all",
            _one_for_all,
            "You summed over the sentences too. Each has its own code and its own KL: one number for each.",
        ),
        Misconception(
            "known words alone",
            _sentence_with(lambda wanted: wanted > UNKNOWN),
            "You counted the known words alone. That an unknown word comes, and that the sentence goes on, has its "
            "probability as well: only the zeros count for nothing.",
        ),
        Misconception(
            "unknown words left out",
            _sentence_with(lambda wanted: (wanted > 0) & (wanted != UNKNOWN)),
            "You left out the unknown words. The model has to say that one comes there: 3 is a token like any other.",
        ),
    ],
    hints=(
        "At which place does the network know the tokens 0 to t, and which token comes then? And what may come behind "
        "the last word?",
        "Take `logits[:, :-1]` and `tokens[:, 1:]`. log_softmax over the vocabulary, and pick the token that came; "
        "where that is the end mark, take log-sum-exp over all the others. Then a sum over the places at which it is "
        "no 0.",
        "With `ahead` for the log_softmax: `further = ahead[:, :, [0, 1, *range(3, ahead.shape[2])]].logsumexp(-1)`, "
        "and `torch.where(wanted == 2, further, said)`, with a mask from `wanted != 0`.",
    ),
    praise="Together with the sentence itself it makes up all that begins so. With END in place of the rest, and a "
    "code as second input of the GRU, the same sum is the reconstruction term of section 13.4.",
)


# --- 13.5 -------------------------------------------------------------------------------------------------------------


def _pair(tokens, uniform, rate):
    inputs = tokens[:, :-1]
    return inputs.masked_fill((inputs > UNKNOWN) & (uniform < rate), UNKNOWN), tokens[:, 1:]


def _pair_loop(tokens, uniform, rate):
    inputs, targets = [], []
    for row, chances in zip(tokens.tolist(), uniform.tolist(), strict=True):
        targets.append(row[1:])
        lost = [token > UNKNOWN and chance < rate for token, chance in zip(row[:-1], chances, strict=True)]
        inputs.append([UNKNOWN if gap else token for token, gap in zip(row[:-1], lost, strict=True)])
    return np.array(inputs), np.array(targets)


def _pair_by_numbers(tokens, uniform, rate):
    read = tokens.numpy()[:, :-1]
    kept = np.logical_or(read <= UNKNOWN, uniform.numpy() >= rate)
    return kept * read + UNKNOWN * ~kept, tokens.numpy()[:, 1:]


def _pair_with(dropped, targets_of=lambda tokens, inputs: tokens[:, 1:], put=UNKNOWN):
    """Build a misconception from what is dropped of what is read, what is to be said, and what is put there."""

    def answer(tokens, uniform, rate):
        inputs = tokens[:, :-1]
        inputs = torch.where(dropped(inputs, uniform, rate), put, inputs)
        return inputs, targets_of(tokens, inputs)

    return answer


def _words_below(inputs, uniform, rate):
    return (inputs > UNKNOWN) & (uniform < rate)


def _pair_dropped_twice(tokens, uniform, rate):
    """The same places of the whole sentence are dropped before it is cut in two."""
    padded = torch.cat([uniform, torch.ones_like(uniform[:, :1])], 1)
    lost = torch.where((tokens > UNKNOWN) & (padded < rate), UNKNOWN, tokens)
    return lost[:, :-1], lost[:, 1:]


def _pair_aligned_with_target(tokens, uniform, rate):
    """The random number of a place belongs to the word that is said there."""
    inputs = tokens[:, :-1].clone()
    inputs[:, 1:] = torch.where(_words_below(inputs[:, 1:], uniform[:, :-1], rate), UNKNOWN, inputs[:, 1:])
    return inputs, tokens[:, 1:]


def _pair_that_stays(tokens, uniform, rate):
    """What is read and what is said are the same tokens."""
    inputs = tokens[:, 1:]
    return torch.where(_words_below(inputs, uniform, rate), UNKNOWN, inputs), inputs


def _pair_by_sentence(tokens, uniform, rate):
    inputs = tokens[:, :-1]
    return torch.where((inputs > UNKNOWN) & (uniform[:, :1] < rate), UNKNOWN, inputs), tokens[:, 1:]


def _pair_that_ends(tokens, uniform, rate):
    inputs = tokens[:, :-1]
    inputs = torch.where(inputs == END, FILLING, inputs)
    return torch.where(_words_below(inputs, uniform, rate), UNKNOWN, inputs), tokens[:, 1:]


def _pair_law(rng):
    """Sentences of up to five words; a rate that is 0, 1 or between, and random numbers that are 0 now and then."""
    tokens = _sentences(rng, int(rng.integers(5, 12)))
    uniform = rng.random((len(tokens), tokens.shape[1] - 1))
    uniform[rng.random(uniform.shape) < 0.1] = 0.0
    rate = float(rng.choice([0.0, 1.0, rng.uniform(0.05, 0.95)], p=[0.1, 0.1, 0.8]))
    return torch.tensor(tokens), torch.tensor(uniform), rate


decoder_pair = Exercise(
    name="decoder_pair",
    arguments=("tokens", "uniform", "rate"),
    returns=("what is read", "what is to be said"),
    reference=_pair,
    spellings={"loop": _pair_loop, "numpy": _pair_by_numbers},
    probes=[
        (_ids([1, 7, 5, 2]), torch.tensor([[0.1, 0.2, 0.9]], dtype=torch.float64), 0.5),
        (
            _ids([1, 6, 4, 9, 2, 0], [1, 5, 8, 2, 0, 0]),
            torch.tensor([[0.05, 0.2, 0.9, 0.1, 0.3], [0.8, 0.7, 0.15, 0.02, 0.01]], dtype=torch.float64),
            0.4,
        ),
        (
            _ids([1, 3, 8, 4, 4, 2], [1, 2, 0, 0, 0, 0], [1, 7, 7, 2, 0, 0]),
            torch.tensor(
                [[0.9, 0.1, 0.3, 0.6, 0.0], [0.0, 0.2, 0.0, 0.5, 0.6], [0.7, 0.55, 0.65, 0.4, 0.9]], dtype=torch.float64
            ),
            0.6,
        ),
    ],
    law=_pair_law,
    misconceptions=[
        Misconception(
            "the targets are dropped too",
            _pair_dropped_twice,
            "You dropped words from the sentence and then cut it in two: what is to be said has lost them as well. "
            "Then the decoder learns to say “unknown”. It has to say the *whole* sentence, with gaps in what it read.",
        ),
        Misconception(
            "targets lose what was not read",
            _pair_with(
                _words_below,
                lambda tokens, inputs: torch.where(inputs != tokens[:, :-1], UNKNOWN, tokens[:, 1:]),
            ),
            "Where a word was not read, the one after it is lost from what is to be said. Those are the very words for "
            "which the decoder has to look at the code: all of them are to be said.",
        ),
        Misconception(
            "the start mark is dropped",
            _pair_with(lambda inputs, uniform, rate: ((inputs > UNKNOWN) | (inputs == START)) & (uniform < rate)),
            "The start mark is dropped now and then. It says nothing about the sentence, and without it the decoder "
            "does not know that it is at the beginning.",
        ),
        Misconception(
            "all is dropped",
            _pair_with(lambda inputs, uniform, rate: uniform < rate),
            "You dropped marks and filling as well. Words alone, from number 4 on, give away what comes next.",
        ),
        Misconception(
            "marks but not filling",
            _pair_with(lambda inputs, uniform, rate: (inputs != FILLING) & (uniform < rate)),
            "The filling stays in your answer, but start and end marks are dropped. Words alone are: numbers from 4 "
            "on.",
        ),
        Misconception(
            "the end mark is dropped",
            _pair_with(lambda inputs, uniform, rate: (inputs > START) & (uniform < rate)),
            "The end mark is dropped now and then. It is a mark, and stays. (Nothing that counts is read after it.)",
        ),
        Misconception(
            "the rate at which words are kept",
            _pair_with(lambda inputs, uniform, rate: (inputs > UNKNOWN) & (uniform >= rate)),
            "You keep words at the rate at which they should be dropped. At rate 0 nothing is lost.",
        ),
        Misconception(
            "not shifted",
            _pair_that_stays,
            "The decoder reads the word that it has to say at the same place: it copies, and learns nothing else. What "
            "it reads is one token behind, and begins with the start mark.",
        ),
        Misconception(
            "numbers of the places that are said",
            _pair_aligned_with_target,
            "You used the random number of each place for the word that is *said* there. It belongs to the token that "
            "is read at this place.",
        ),
        Misconception(
            "one number for the sentence",
            _pair_by_sentence,
            "One random number decides for a whole sentence in your answer: all its words are lost, or none. Each "
            "place has a number of its own.",
        ),
        Misconception(
            "filling for unknown",
            _pair_with(_words_below, put=FILLING),
            "A lost word became 0, the filling. Then the decoder cannot tell a gap from the end of the table. It reads "
            "3, “unknown”.",
        ),
        Misconception(
            "end mark not read",
            _pair_that_ends,
            "You replaced the end mark by filling in what is read. It does no harm, and was not asked for: marks are "
            "read as they are.",
        ),
    ],
    hints=(
        "First without dropping: if the sentence is 1, 7, 5, 2, what has been read when 7 is to be said, and when 2 "
        "is?",
        "It reads `tokens[:, :-1]` and says `tokens[:, 1:]`. The mask is a table for what it reads: a word, and a "
        "number below the rate.",
        "`torch.where((read > 3) & (uniform < rate), 3, read)`, and the second part of the pair as it is.",
    ),
    praise="At rate 1 nothing but the code is left to read. Word dropout weakens the decoder in training; to judge a "
    "model, set the rate to 0.",
)

EXERCISES = (
    bag_log_prob,
    text_perplexity,
    coherence,
    sentence_log_prob,
    decoder_pair,
    floored_kl,
    reflected_kl,
    cheapest_topics,
)
