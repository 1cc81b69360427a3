"""Wrong answers that people are expected to give to the exercises of lesson 13, and what they are told."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special
from told import assert_told
from torch.distributions import MultivariateNormal, kl_divergence

from course_utils.lessons import text_and_topics as room


def _log_words(z, scores):
    return (z.softmax(1) @ scores.softmax(1)).log()


def _bits_left(log_probs, words):
    left = [-np.delete(log_probs, n).sum() / np.delete(words, n).sum() for n in range(len(words))]
    return min(left) / np.log(2)


def _ahead(logits):
    """Log-probabilities of the next token, in END's column that of all others."""
    nats = logits[:, :-1].log_softmax(2)
    others = nats[:, :, [token for token in range(nats.shape[2]) if token != 2]].logsumexp(2, keepdim=True)
    return torch.cat([nats[:, :, :2], others, nats[:, :, 3:]], 2)


def _said(logits, tokens):
    return _ahead(logits).gather(2, tokens[:, 1:].unsqueeze(2)).squeeze(2)


def _stops(logits, tokens):
    return -F.cross_entropy(logits.mT[:, :, :-1], tokens[:, 1:], ignore_index=0, reduction="none").sum(1)


def _sentence(logits, tokens, counted=lambda wanted: wanted != 0):
    return (_said(logits, tokens) * counted(tokens[:, 1:])).sum(1)


def _read(tokens, uniform, rate, dropped=lambda read: read > 3):
    read = tokens[:, :-1]
    return torch.where(dropped(read) & (uniform < rate), 3, read)


def _term(kl, least, floor=lambda mean, least: mean.clamp(min=least)):
    term = floor(kl.mean(0), least).sum()
    return term, term - kl.sum(1).mean()


def _mirror(v):
    return torch.eye(v.shape[1]).double() - 2 * v[:, :, None] * v[:, None, :] / (v**2).sum(1)[:, None, None]


def _mirrored(mean, log_var, v, prior_mean, prior_log_var, entropy=True, half=0.5):
    mirror = _mirror(v)
    covariance = mirror @ torch.diag_embed(log_var.exp()) @ mirror.mT
    centre = torch.einsum("nij,nj->ni", mirror, mean)
    square = (covariance.diagonal(dim1=1, dim2=2) + (centre - prior_mean) ** 2) / prior_log_var.exp()
    total = square.sum(1) + prior_log_var.sum() - mean.shape[1]
    return half * (total - log_var.sum(1)) if entropy else half * total


def _charged(kls, weights, shares):
    return shares, (shares * (shares.clamp(min=1e-300).log() - weights.log() + kls)).sum(1)


def _npmi(counts, top, never=-1.0, pairs=itertools.combinations):
    there = counts[:, top] > 0
    values = []
    for i, j in pairs(range(len(top)), 2):
        a, b, both = there[:, i].mean(), there[:, j].mean(), (there[:, i] & there[:, j]).mean()
        values.append(never if both == 0 else np.log(both / (a * b)) / -np.log(both))
    return values


def _fair(perplexities, tokens, unknowns, hidden, words):
    nats = (tokens * np.log(perplexities) + unknowns * np.log(hidden)) / words
    return nats.argmin(), np.exp(nats)


def _notes(log_probs):
    guess = special.log_softmax(log_probs, axis=1).diagonal()
    return guess.mean() + math.log(len(guess)), np.exp(guess).mean()


def _order(counts, shares, habits):
    return np.log(shares) + (counts * np.log(habits)).sum(1)


def _cooks(counts, shares, habits):
    scores = _order(counts, shares, habits)
    one, many = special.logsumexp(scores), (counts * np.log(shares @ habits)).sum()
    return special.expit(one - many), special.softmax(scores)


SLIPS = {
    "13.1 probabilities": (
        room.bag_log_prob, lambda c, z, t: (c * _log_words(z, t)).sum(1), "no probability is computed",
    ),
    "13.1 a small number": (
        room.bag_log_prob, lambda c, z, t: (c * (z.softmax(1) @ t.softmax(1) + 1e-10).log()).sum(1), "the small number",
    ),
    "13.1 ProdLDA": (
        room.bag_log_prob, lambda c, z, t: (c * F.log_softmax(z.softmax(1) @ t, 1)).sum(1), "multiplies topics",
    ),
    "13.1 cross-entropy": (
        room.bag_log_prob, lambda c, z, t: -(c * (z.softmax(1) @ t.softmax(1)).log()).sum(1), "sign",
    ),
    "13.1 all documents": (
        room.bag_log_prob, lambda c, z, t: (c * _log_words(z, t)).sum(), "over all its entries",
    ),
    "13.1 z as it is": (
        room.bag_log_prob, lambda c, z, t: (c * (z @ t.softmax(1)).log()).sum(1), "Adding one number to all of `z`",
    ),
    "13.1 logits as they are": (
        room.bag_log_prob, lambda c, z, t: (c * (z.softmax(1) @ t).log()).sum(1),
        "Adding one number to all of `topic_logits`",
    ),
    "13.1 torch's multinomial": (
        room.bag_log_prob,
        lambda c, z, t: torch.stack([
            torch.distributions.Multinomial(int(row.sum()), logits=words).log_prob(row)
            for row, words in zip(c, _log_words(z, t), strict=True)
        ]),
        "in how many orders",
    ),
    "13.1 mean over words": (
        room.bag_log_prob, lambda c, z, t: (c * _log_words(z, t)).mean(1), "divided by the number of columns",
    ),
    "13.1 without z's gradient": (
        room.bag_log_prob,
        lambda c, z, t: (c * (z.detach().log_softmax(1)[:, :, None] + t.log_softmax(1)).logsumexp(1)).sum(1),
        "no gradient reaches `z`",
    ),
    "13.2 sign": (
        room.text_perplexity, lambda x, w: (np.exp(x.sum() / w.sum()), _bits_left(x, w)), "reciprocal",
    ),
    "13.2 nats": (
        room.text_perplexity, lambda x, w: (-x.sum() / w.sum(), _bits_left(x, w)), "logarithm of the right",
    ),
    "13.2 averages by hand": (
        room.text_perplexity,
        lambda x, w: (
            np.exp(-(x / w).mean()), min(-np.delete(x / w, n).mean() for n in range(len(w))) / np.log(2),
        ),
        "as much as one of a",
    ),
    "13.2 order": (
        room.text_perplexity, lambda x, w: (_bits_left(x, w), np.exp(-x.sum() / w.sum())), "changed places",
    ),
    "13.2 log2 of nats": (
        room.text_perplexity, lambda x, w: (np.exp(-x.sum() / w.sum()), np.log2(_bits_left(x, w) * np.log(2))),
        "an exponential left out",
    ),
    "13.2 overflow": (
        room.text_perplexity, lambda x, w: (np.exp(-x.sum()) ** (1 / w.sum()), _bits_left(x, w)),
        "numerically unstable",
    ),
    "13.2 all words": (
        room.text_perplexity, lambda x, w: (np.exp(-x.sum()), _bits_left(x, w)), "a division left out",
    ),
    "13.2 mean of 2 to the bits": (
        room.text_perplexity, lambda x, w: (np.mean(2 ** (-x / w / np.log(2))), _bits_left(x, w)),
        "wrong on probe 1",
    ),
    "13.2 whole text": (
        room.text_perplexity, lambda x, w: (np.exp(-x.sum() / w.sum()), -x.sum() / w.sum() / np.log(2)),
        "One document may be struck out",
    ),
    "13.2 lowest log-probability": (
        room.text_perplexity,
        lambda x, w: (
            np.exp(-x.sum() / w.sum()),
            -(np.sort(x)[1:].sum() / w[np.argsort(x)[1:]].sum()) / np.log(2),
        ),
        "long and easy",
    ),
    "13.2 oddest": (
        room.text_perplexity,
        lambda x, w: (
            np.exp(-x.sum() / w.sum()), -(np.delete(x, (x / w).argmin()).sum() / np.delete(w, (x / w).argmin()).sum())
            / np.log(2),
        ),
        "hardly weighs",
    ),
    "13.2 both numbers of the rest": (
        room.text_perplexity, lambda x, w: (2 ** _bits_left(x, w), _bits_left(x, w)), "with all its documents",
    ),
    "13.2 numerator alone": (
        room.text_perplexity,
        lambda x, w: (np.exp(-x.sum() / w.sum()), (x.min() - x.sum()) / w.sum() / np.log(2)),
        "it has neither",
    ),
    "13.3 counts for presence": (
        room.coherence,
        lambda c, t: np.mean([
            -1.0 if not (both := np.minimum(c[:, i], c[:, j]).sum() / c.sum()) else
            np.log(both / (c[:, i].sum() / c.sum() * c[:, j].sum() / c.sum())) / -np.log(both)
            for i, j in itertools.combinations(t, 2)
        ]),
        "fills one document",
    ),
    "13.3 sum": (room.coherence, lambda c, t: sum(_npmi(c, t)), "a division left out"),
    "13.3 ordered pairs": (room.coherence, lambda c, t: 2 * np.mean(_npmi(c, t)), "2 times the right"),
    "13.3 sign": (room.coherence, lambda c, t: -np.mean(_npmi(c, t)), "sign"),
    "13.3 never is nothing": (room.coherence, lambda c, t: np.mean(_npmi(c, t, never=0)), "opposite of company"),
    "13.3 never is NaN": (room.coherence, lambda c, t: np.nanmean(_npmi(c, t, never=np.nan)), "coherence is NaN"),
    "13.3 median": (room.coherence, lambda c, t: np.median(_npmi(c, t)), "wrong on probe 2"),
    "13.3 first words of the vocabulary": (
        room.coherence, lambda c, t: np.mean(_npmi(c, np.arange(len(t)))), "an index left out",
    ),
    "13.3 correlation": (
        room.coherence,
        lambda c, t: np.mean(np.nan_to_num(np.corrcoef((c[:, t] > 0).T)[np.triu_indices(len(t), 1)])),
        "wrong on probe 2",
    ),
    "13.4 probabilities": (
        room.sentence_log_prob,
        lambda x, t: torch.where(
            t[:, 1:] == 2,
            torch.log(1 - x[:, :-1].softmax(2)[:, :, 2]),
            x[:, :-1].log_softmax(2).gather(2, t[:, 1:, None])[:, :, 0] * (t[:, 1:] > 0),
        ).sum(1),
        "all tokens but the end mark",
    ),
    "13.4 cross-entropy": (
        room.sentence_log_prob,
        lambda x, t: F.nll_loss(_ahead(x).mT, t[:, 1:], ignore_index=0, reduction="none").sum(1), "sign",
    ),
    "13.4 torch's mean": (
        room.sentence_log_prob,
        lambda x, t: torch.stack([
            -F.nll_loss(a, b[1:], ignore_index=0) for a, b in zip(_ahead(x), t, strict=True)
        ]),
        "some ten times",
    ),
    "13.4 copies": (
        room.sentence_log_prob,
        lambda x, t: -F.nll_loss(
            _ahead(F.pad(x, (0, 0, 0, 1))).mT, t, ignore_index=0, reduction="none",
        ).sum(1),
        "that very token",
    ),
    "13.4 filling": (room.sentence_log_prob, lambda x, t: _said(x, t).sum(1), "must not depend on"),
    "13.4 end": (room.sentence_log_prob, lambda x, t: _sentence(x, t, lambda w: w > 2), "its share has to come off"),
    "13.4 stops": (room.sentence_log_prob, _stops, "sentence that *stops* there"),
    "13.4 any other": (
        room.sentence_log_prob, lambda x, t: (1 - _stops(x, t).exp()).log(), "begin in another way",
    ),
    "13.4 endless": (
        room.sentence_log_prob,
        lambda x, t: _stops(x.index_fill(2, torch.tensor([2]), -1e30), t * (t != 2)), "at every place",
    ),
    "13.4 the end taken off": (
        room.sentence_log_prob,
        lambda x, t: 2 * _stops(x, t * (t != 2)) - _stops(x, t), "another factor",
    ),
    "13.4 words only": (room.sentence_log_prob, lambda x, t: _sentence(x, t, lambda w: w > 3), "known words alone"),
    "13.4 summed": (room.sentence_log_prob, lambda x, t: _sentence(x, t).sum(), "over all its entries"),
    "13.4 each token": (room.sentence_log_prob, lambda x, t: _said(x, t) * (t[:, 1:] > 0), "a sum left out"),
    "13.4 NumPy": (
        room.sentence_log_prob, lambda x, t: torch.tensor(_sentence(x, t).detach().numpy()),
        "no gradient reaches `logits`",
    ),
    "13.4 best word": (
        room.sentence_log_prob,
        lambda x, t: torch.where(
            t[:, 1:] == 2, _said(x, t), x[:, :-1].log_softmax(2).amax(2) * (t[:, 1:] > 0),
        ).sum(1),
        "all entries of `logits` are equal",
    ),
    "13.5 in place": (
        room.decoder_pair,
        lambda t, u, r: (t[:, :-1].masked_fill_((t[:, :-1] > 3) & (u < r), 3), t[:, 1:]), "changes `tokens` in place",
    ),
    "13.5 both": (
        room.decoder_pair,
        lambda t, u, r: (lambda x: (x[:, :-1], x[:, 1:]))(
            torch.where((t > 3) & (F.pad(u, (0, 1), value=1.0) < r), 3, t)
        ),
        "learns to say",
    ),
    "13.5 torch's dropout": (
        room.decoder_pair,
        lambda t, u, r: (torch.where((t[:, :-1] > 3) & (torch.rand(u.shape) < r), 3, t[:, :-1]), t[:, 1:]),
        "Called twice",
    ),
    "13.5 start": (
        room.decoder_pair, lambda t, u, r: (_read(t, u, r, lambda x: (x > 3) | (x == 1)), t[:, 1:]),
        "at the beginning",
    ),
    "13.5 everything": (
        room.decoder_pair, lambda t, u, r: (torch.where(u < r, 3, t[:, :-1]), t[:, 1:]), "marks and filling",
    ),
    "13.5 multiplied": (
        room.decoder_pair, lambda t, u, r: (t[:, :-1] * ~((t[:, :-1] > 3) & (u < r)), t[:, 1:]), "end of the table",
    ),
    "13.5 whole sentence": (
        room.decoder_pair, lambda t, u, r: (_read(t, u, r), t), "off by one",
    ),
    "13.5 order": (room.decoder_pair, lambda t, u, r: (t[:, 1:], _read(t, u, r)), "changed places"),
    "13.5 kept": (
        room.decoder_pair, lambda t, u, r: (torch.where((t[:, :-1] > 3) & (u > r), 3, t[:, :-1]), t[:, 1:]),
        "places exchanged",
    ),
    "13.6 sum first": (room.floored_kl, lambda k, m: _term(k.sum(1, keepdim=True), m), "under the sum"),
    "13.6 each sentence": (
        room.floored_kl, lambda k, m: (k.clamp(min=m).sum(1).mean(), k.clamp(min=m).sum(1).mean() - k.sum(1).mean()),
        "wanted by one sentence",
    ),
    "13.6 maximum the other way": (room.floored_kl, lambda k, m: _term(k, m, lambda a, b: a.clamp(max=b)), "capped"),
    "13.6 ReLU": (room.floored_kl, lambda k, m: _term(k, m, lambda a, b: torch.relu(a - b)), "*above* the bound"),
    "13.6 nobody's gradient": (
        room.floored_kl, lambda k, m: _term(k, m, lambda a, b: torch.maximum(a.detach(), torch.tensor(b))), "gradient",
    ),
    "13.6 total": (
        room.floored_kl, lambda k, m: (_term(k, m)[0] * len(k), _term(k, m)[1] * len(k)), "number of rows",
    ),
    "13.6 sum over the batch": (
        room.floored_kl, lambda k, m: (k.sum(0).clamp(min=m).sum(), k.sum(0).clamp(min=m).sum() - k.sum()),
        "a division left out",
    ),
    "13.6 negative surplus": (room.floored_kl, lambda k, m: (_term(k, m)[0], -_term(k, m)[1]), "sign"),
    "13.6 true KL": (room.floored_kl, lambda k, m: (_term(k, m)[0], k.sum(1).mean()), "a term left out"),
    "13.7 before the mirror": (
        room.reflected_kl,
        lambda m, v, n, pm, pv: kl_divergence(
            MultivariateNormal(m, torch.diag_embed(v.exp())), MultivariateNormal(pm, pv.exp().diag())
        ),
        "before the mirror",
    ),
    "13.7 marginals": (
        room.reflected_kl,
        lambda m, v, n, pm, pv: (lambda c, s: 0.5 * (
            ((s + (c - pm) ** 2) / pv.exp()) - 1 + pv - s.log()
        ).sum(1))((_mirror(n) @ m[:, :, None])[:, :, 0], (_mirror(n) ** 2 @ v.exp()[:, :, None])[:, :, 0]),
        "as if the latents were independent",
    ),
    "13.7 half": (room.reflected_kl, lambda *a: _mirrored(*a, half=1.0), "2 times the right"),
    "13.7 entropy": (
        room.reflected_kl, lambda *a: _mirrored(*a, entropy=False), "the sum over the last axis of `log_var`",
    ),
    "13.7 unit v forgotten": (
        room.reflected_kl,
        lambda m, v, n, pm, pv: (lambda h: 0.5 * ((
            ((h**2 @ v.exp()[:, :, None])[:, :, 0] + ((h @ m[:, :, None])[:, :, 0] - pm) ** 2) / pv.exp() - 1 + pv - v
        ).sum(1)))(torch.eye(n.shape[1]) - 2 * n[:, :, None] * n[:, None]),
        "divide by",
    ),
    "13.7 one v for all": (
        room.reflected_kl, lambda m, v, n, pm, pv: _mirrored(m, v, n[:1].expand_as(n), pm, pv),
        "depend on its own entry",
    ),
    "13.7 standard prior": (
        room.reflected_kl, lambda m, v, n, pm, pv: _mirrored(m, v, n, 0 * pm, 0 * pv), "`v` makes no difference",
    ),
    "13.7 other direction": (
        room.reflected_kl,
        lambda m, v, n, pm, pv: torch.stack([
            kl_divergence(
                MultivariateNormal(pm, pv.exp().diag()),
                MultivariateNormal(h @ a, h @ b.exp().diag() @ h),
            ) for a, b, h in zip(m, v, _mirror(n), strict=True)
        ]),
        "KL(p‖q)",
    ),
    "13.8 average": (room.cheapest_topics, lambda k, w: (w, (w * k).sum(1)), "It may choose"),
    "13.8 best": (
        room.cheapest_topics,
        lambda k, w: (F.one_hot((k - w.log()).argmin(1), k.shape[1]), (k - w.log()).amin(1)), "Sharing costs less",
    ),
    "13.8 densities": (
        room.cheapest_topics,
        lambda k, w: (w * (-k).exp() / (w * (-k).exp()).sum(1, keepdim=True), -(w * (-k).exp()).sum(1).log()),
        "numerically unstable",
    ),
    "13.8 sign": (
        room.cheapest_topics, lambda k, w: ((w.log() - k).softmax(1), (w.log() - k).logsumexp(1)), "sign",
    ),
    "13.8 topics of the batch": (
        room.cheapest_topics, lambda k, w: ((w.log() - k).softmax(0), -(w.log() - k).logsumexp(1)), "the wrong axis",
    ),
    "13.8 softmax of weights": (
        room.cheapest_topics, lambda k, w: ((w - k).softmax(1), -(w - k).logsumexp(1)), "exp(`weights`)",
    ),
    "13.8 average of exponentials": (
        room.cheapest_topics, lambda k, w: ((-k).softmax(1), -(-k).exp().mean(1).log()), "replaced by the mean",
    ),
    "13.8 unpaid": (
        room.cheapest_topics, lambda k, w: ((w.log() - k).softmax(1), ((w.log() - k).softmax(1) * k).sum(1)),
        "has to be paid",
    ),
    "13.8 entropy added": (
        room.cheapest_topics,
        lambda k, w: (lambda s: (s, (s * (k - w.log() - s.log())).sum(1)))((w.log() - k).softmax(1)),
        "a plus where a minus",
    ),
    "13.9 reported": (room.fair_perplexities, lambda p, t, u, h, w: (p.argmin(), p), "as they were reported"),
    "13.9 geometric": (
        room.fair_perplexities, lambda p, t, u, h, w: _fair(p, t, 0 * u, h, w), "would be the best",
    ),
    "13.9 guesses instead": (
        room.fair_perplexities, lambda p, t, u, h, w: _fair(p, t - u, u, h, w), "say “unknown” first",
    ),
    "13.9 nats": (
        room.fair_perplexities, lambda p, t, u, h, w: (_fair(p, t, u, h, w)[0], np.log(_fair(p, t, u, h, w)[1])),
        "logarithm of the right",
    ),
    "13.9 whole text": (room.fair_perplexities, lambda p, t, u, h, w: _fair(p, t, u, h, 1), "replaced by 1 in place"),
    "13.9 bits and nats": (
        room.fair_perplexities,
        lambda p, t, u, h, w: (_fair(p, t, u, h, w)[0], 2 ** np.log(_fair(p, t, u, h, w)[1])), "2 to the power of nats",
    ),
    "13.9 product": (
        room.fair_perplexities, lambda p, t, u, h, w: (np.argmin(p * t / w), p * t / w),
        "`unknowns` makes no difference",
    ),
    "13.9 overflow": (
        room.fair_perplexities,
        lambda p, t, u, h, w: (np.argmin(p**t * 1.0**h), (p ** (1.0 * t) * h ** (1.0 * u)) ** (1 / w)),
        "numerically unstable",
    ),
    "13.9 counted from 1": (
        room.fair_perplexities, lambda p, t, u, h, w: (_fair(p, t, u, h, w)[0] + 1, _fair(p, t, u, h, w)[1]),
        "too large by 1",
    ),
    "13.10 mean of logs": (
        room.worth_of_notes, lambda a: ((np.diag(a) - a.mean(1)).mean(), _notes(a)[1]), "averages *probabilities*",
    ),
    "13.10 own and wrong": (
        room.worth_of_notes,
        lambda a: (
            np.mean([row[i] - np.delete(row, i).mean() if len(a) > 1 else 0 for i, row in enumerate(a)]), _notes(a)[1],
        ),
        "right one may lie",
    ),
    "13.10 exponentials": (
        room.worth_of_notes,
        lambda a: (np.mean(np.diag(a) - np.log(np.exp(a).mean(1))), np.mean(np.diag(np.exp(a)) / np.exp(a).sum(1))),
        "Right except",
    ),
    "13.10 shuffled": (
        room.worth_of_notes,
        lambda a: (np.mean(np.diag(a) - a[np.arange(len(a)), np.random.permutation(len(a))]), _notes(a)[1]),
        "Called twice",
    ),
    "13.10 sum": (room.worth_of_notes, lambda a: (_notes(a)[0] * len(a), _notes(a)[1]), "number of rows"),
    "13.10 hits": (
        room.worth_of_notes, lambda a: (_notes(a)[0], np.mean(a.argmax(1) == np.arange(len(a)))), "nearly even",
    ),
    "13.10 columns": (room.worth_of_notes, lambda a: _notes(a.T), "Long speeches"),
    "13.10 next note": (
        room.worth_of_notes, lambda a: (np.mean(np.diag(a) - np.diag(np.roll(a, -1, 1))), _notes(a)[1]), "pure chance",
    ),
    "13.11 ratio of products": (
        room.one_or_many,
        lambda c, s, h: (
            1 / (1 + np.prod((s @ h) ** c) / np.sum(np.prod((s[:, None] * h) ** c, axis=1))),
            _cooks(c, s, h)[1],
        ),
        "one is NaN",
    ),
    "13.11 products": (
        room.one_or_many,
        lambda c, s, h: (lambda one, many: (one.sum() / (one.sum() + many), one / one.sum()))(
            s * np.prod(h**c, axis=1), np.prod((s @ h) ** c)
        ),
        "numerically unstable",
    ),
    "13.11 best cook": (
        room.one_or_many,
        lambda c, s, h: (special.expit(_order(c, s, h).max() - c @ np.log(s @ h)), _cooks(c, s, h)[1]), "any of them",
    ),
    "13.11 kinds": (
        room.one_or_many,
        lambda c, s, h: (
            special.expit(special.logsumexp(_order(c, s, h)) - np.log(s @ h**c).sum()), _cooks(c, s, h)[1],
        ),
        "all dishes of a kind",
    ),
    "13.11 joint": (
        room.one_or_many, lambda c, s, h: (_cooks(c, s, h)[0], _cooks(c, s, h)[0] * _cooks(c, s, h)[1]),
        "*supposing*",
    ),
    "13.11 no Bayes": (
        room.one_or_many,
        lambda c, s, h: (np.exp(special.logsumexp(_order(c, s, h))), _cooks(c, s, h)[1]), "how probable one cook is",
    ),
    "13.11 other way": (
        room.one_or_many, lambda c, s, h: (1 - _cooks(c, s, h)[0], _cooks(c, s, h)[1]), "1 minus the right",
    ),
    "13.11 uniform": (
        room.one_or_many, lambda c, s, h: _cooks(c, np.ones_like(s) / len(s), h), "all cooks alike",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(*SLIPS[slip], title=True)


def _surprise_in_torch(log_probs, words):
    nats, words = -torch.tensor(log_probs), torch.tensor(words)
    bits = (nats.sum() - nats) / (words.sum() - words) / math.log(2)
    return 2 ** (nats.sum() / math.log(2) / words.sum()), bits.amin()


def _whitened(mean, log_var, v, prior_mean, prior_log_var):
    covariance = _mirror(v) @ torch.diag_embed(log_var.exp()) @ _mirror(v)
    q = MultivariateNormal((_mirror(v) @ mean[:, :, None])[:, :, 0], covariance)
    return kl_divergence(q, MultivariateNormal(prior_mean, prior_log_var.exp().diag()))


def _pair_in_lists(tokens, uniform, rate):
    read = [
        [3 if token > 3 and chance < rate else token for token, chance in zip(row, chances, strict=False)]
        for row, chances in zip(tokens.tolist(), uniform.tolist(), strict=True)
    ]
    return np.array(read), tokens.numpy()[:, 1:]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (
            room.bag_log_prob,
            lambda c, z, t: (c * (z[:, :, None] + t.log_softmax(1)).logsumexp(1)).sum(1) - c.sum(1) * z.logsumexp(1),
        ),
        (room.text_perplexity, _surprise_in_torch),
        (room.coherence, lambda c, t: float(np.sum(_npmi(c, t)) / math.comb(len(t), 2))),
        (room.sentence_log_prob, _sentence),
        (
            room.sentence_log_prob,
            lambda x, t: -F.nll_loss(_ahead(x).mT, t[:, 1:], ignore_index=0, reduction="none").sum(-1),
        ),
        (room.decoder_pair, _pair_in_lists),
        (room.decoder_pair, lambda t, u, r: (_read(t, u, r), t[:, 1:])),
        (room.floored_kl, _term),
        (room.reflected_kl, _mirrored),
        (room.reflected_kl, _whitened),
        (room.cheapest_topics, lambda k, w: (F.softmax(w.log() - k, 1), -torch.logsumexp(w.log() - k, 1))),
        (room.cheapest_topics, lambda k, w: _charged(k, w, torch.softmax(w.log() - k, 1))),
        (room.fair_perplexities, _fair),
        (room.worth_of_notes, _notes),
        (room.one_or_many, _cooks),
    ],
)
def test_a_right_answer_written_otherwise_passes(exercise, answer):
    verdict = exercise.examine(answer)
    assert verdict.correct, str(verdict)
