"""Lesson 10, the Gumbel trick: its exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special, stats

from course_utils.lessons.gumbel.exercises_relaxed import relaxed_bit, ways_back
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _clamped(uniform, smallest):
    return uniform.clamp(smallest, 1 - smallest)


def _uniform_law(rng):
    """Numbers inside the interval, at its ends, and beside them: beyond `smallest`, just there, just inside."""
    smallest = float(10 ** rng.uniform(-10, -1.3))
    ends = np.array([0.0, 5e-324, smallest / 3, smallest, 2 * smallest])
    pool = np.concatenate([ends, 1 - ends, rng.random(12)])
    return torch.tensor(rng.choice(pool, rng.integers(1, 9))), smallest


gumbel_noise = Exercise(
    name="gumbel_noise",
    arguments=("uniform", "smallest"),
    returns="noise",
    reference=lambda uniform, smallest: -torch.log(-torch.log(_clamped(uniform, smallest))),
    spellings={
        "numpy": lambda uniform, smallest: -np.log(-np.log(np.clip(np.asarray(uniform), smallest, 1 - smallest))),
        "loop": lambda uniform, smallest: [
            -math.log(-math.log(min(max(u, smallest), 1 - smallest))) for u in uniform.tolist()
        ],
        "exponential": lambda uniform, smallest: -(1 / _clamped(uniform, smallest)).log().log(),
        "scipy": lambda uniform, smallest: stats.gumbel_r.ppf(np.clip(uniform.numpy(), smallest, 1 - smallest)),
        "clamped afterwards": lambda uniform, smallest: (-(-uniform.log()).log()).clamp(
            -math.log(-math.log(smallest)), -math.log(-math.log(1 - smallest))
        ),
    },
    probes=[
        (_tensor(0.5, 0.2), 1e-9),
        (_tensor(0.01, 0.37, 0.99, 0.8), 1e-9),
        (_tensor(0.0, 0.6, 1.0), 1e-9),
        (_tensor(1.0, 0.3, 0.0, 0.7), 1e-6),
        (_tensor(5e-324, 0.45, 1e-12, 1 - 1e-12), 1e-9),
    ],
    law=_uniform_law,
    misconceptions=[
        Misconception(
            "no clamp",
            lambda uniform, smallest: -torch.log(-torch.log(uniform)),
            "Right inside the interval. At u = 0 and u = 1 it is infinite, and one infinite number spoils a whole "
            "gradient: clamp u to [smallest, 1 − smallest] first.",
        ),
        Misconception(
            "clamped from below only",
            lambda uniform, smallest: -torch.log(-torch.log(uniform.clamp(min=smallest))),
            "u = 0 is taken care of. At u = 1 the inner logarithm is 0, and the outer one infinite: clamp from above "
            "too.",
        ),
        Misconception(
            "clamped from above only",
            lambda uniform, smallest: -torch.log(-torch.log(uniform.clamp(max=1 - smallest))),
            "u = 1 is taken care of. At u = 0 the inner logarithm is infinite, and so is the outer one: clamp from "
            "below too.",
        ),
        Misconception(
            "only the ends are moved",
            lambda uniform, smallest: (
                -torch.log(-torch.log(uniform.where(uniform > 0, smallest).where(uniform < 1, 1 - smallest)))
            ),
            "0 and 1 are taken care of. A number between 0 and `smallest` is to move as well, and one between 1 − "
            "`smallest` and 1: compare with the bounds, as clamp does.",
        ),
        Misconception(
            "a small number added",
            lambda uniform, smallest: -torch.log(-torch.log(uniform + smallest) + smallest),
            "You added `smallest` inside each logarithm. That shifts every draw, and near u = 1 the two additions "
            "cancel: −log(1 + s) + s is nearly 0. Clamp u to [smallest, 1 − smallest] instead.",
        ),
        Misconception(
            "inner sign",
            lambda uniform, smallest: -torch.log(torch.log(_clamped(uniform, smallest))),
            "The logarithm of u is negative, and the outer logarithm of a negative number is NaN: it needs −log u.",
        ),
        Misconception(
            "outer sign",
            lambda uniform, smallest: torch.log(-torch.log(_clamped(uniform, smallest))),
            "The sign is opposite everywhere: this variable has its long tail on the left, and its maximum is no "
            "Gumbel. The outer minus is missing.",
        ),
        Misconception(
            "one logarithm",
            lambda uniform, smallest: -torch.log(_clamped(uniform, smallest)),
            "This is an exponential variable. Gumbel is minus its logarithm: one logarithm more.",
        ),
        Misconception(
            "logistic",
            lambda uniform, smallest: torch.logit(_clamped(uniform, smallest)),
            "This is a logistic variable, the difference of two Gumbel ones. The quantile function is −log(−log u).",
        ),
        Misconception(
            "1 − u inside",
            lambda uniform, smallest: -torch.log(-torch.log(1 - _clamped(uniform, smallest))),
            "You used 1 − u. The draws have the right distribution, but not at the u that was given: −log(−log u) "
            "rises with u.",
        ),
        Misconception(
            "a tiny number of its own",
            lambda uniform, smallest: -torch.log(-torch.log(uniform + 1e-20) + 1e-20),
            "Finite, but `smallest` is not used: it says how far the numbers at 0 and at 1 are to move. Clamp u to "
            "[smallest, 1 − smallest].",
        ),
    ],
    hints=(
        "The distribution function is F(g) = exp(−exp(−g)). Solve u = F(g) for g.",
        "First `u = uniform.clamp(smallest, 1 - smallest)`.",
        "Then two logarithms, each with a minus in front.",
    ),
    praise="Two logarithms, and every categorical variable can now be drawn with an argmax.",
)


def _draw_law(rng):
    """Logits, some of them 0 or all equal, and Gumbel noise; one to five draws among one to five classes."""
    shape = tuple(rng.integers(1, 6, 2))
    logits = rng.normal(0, 1.5, shape)
    logits[rng.random(shape) < 0.15] = 0.0
    if rng.random() < 0.1:
        logits[:] = logits[0, 0]
    return torch.tensor(logits), torch.tensor(rng.gumbel(size=shape))


_LOGIT_PROBES = [
    _tensor([0.3, -0.2, 0.0]),
    _tensor([1.0, 0.0, -1.0], [0.2, 0.1, 0.7]),
    _tensor([2.0, -0.5], [0.0, 1.1]),
]
_NOISE_PROBES = [
    _tensor([-0.4, 0.9, 0.1]),
    _tensor([-0.8, 0.5, 1.6], [0.3, 1.9, -0.7]),
    _tensor([-0.9, 1.2], [1.5, -0.3]),
]


def _one_hot(scores):
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).double()


def _gumbel_max_loop(logits, noise):
    rows = []
    for one, other in zip(logits.tolist(), noise.tolist(), strict=True):
        scores = [a + b for a, b in zip(one, other, strict=True)]
        rows.append([float(k == scores.index(max(scores))) for k in range(len(scores))])
    return rows


gumbel_max = Exercise(
    name="gumbel_max",
    arguments=("logits", "noise"),
    returns="z",
    reference=lambda logits, noise: _one_hot(logits + noise),
    spellings={
        "numpy": lambda logits, noise: np.eye(logits.shape[1])[np.argmax((logits + noise).numpy(), axis=1)],
        "loop": _gumbel_max_loop,
        "of log-probabilities": lambda logits, noise: _one_hot(logits.log_softmax(-1) + noise),
        "compared with the maximum": lambda logits, noise: (
            logits + noise == (logits + noise).max(-1, keepdim=True).values
        ).double(),
    },
    probes=[*zip(_LOGIT_PROBES, _NOISE_PROBES, strict=True)],
    law=_draw_law,
    extremes=[(_tensor([1.0, 0.0], [0.5, 0.5]), _tensor([0.5, 1.5 + 1e-9], [2.0, 2.0 - 1e-9]))],  # a narrow victory
    stable="argmax, which a narrow victory is enough for; a softmax, however cold, is not",
    misconceptions=[
        Misconception(
            "no noise",
            lambda logits, noise: _one_hot(logits),
            "This is the most probable class, the same in every draw. Add the noise before you take the largest.",
        ),
        Misconception(
            "noise alone",
            lambda logits, noise: _one_hot(noise),
            "The logits are left out: this draws each class equally often.",
        ),
        Misconception(
            "noise on the probabilities",
            lambda logits, noise: _one_hot(logits.softmax(-1) + noise),
            "You added the noise to the probabilities. The proof needs their logarithms (or the logits, which differ "
            "from them by a constant).",
        ),
        Misconception(
            "noise multiplied",
            lambda logits, noise: _one_hot(logits * noise),
            "You multiplied by the noise. It is added: a Gumbel variable is shifted by a logit.",
        ),
        Misconception(
            "noise subtracted",
            lambda logits, noise: _one_hot(logits - noise),
            "You subtracted the noise. The Gumbel distribution is not symmetric, and the class with the largest logit "
            "− g does not have the right frequencies.",
        ),
        Misconception(
            "smallest",
            lambda logits, noise: _one_hot(-(logits + noise)),
            "This marks the smallest of logit + noise. Gumbel-max takes the largest.",
        ),
        Misconception(
            "the probabilities, no draw",
            lambda logits, noise: (logits + noise).softmax(-1),
            "This is a point inside the simplex: the relaxation of section 10.5. Gumbel-max returns a one-hot vector.",
        ),
        Misconception(
            "the probabilities rounded",
            lambda logits, noise: (logits + noise).softmax(-1).round(),
            "You rounded a softmax. Where no class has more than one half, that is a row of zeros; the largest entry "
            "wins even then.",
        ),
        Misconception(
            "the index",
            lambda logits, noise: (logits + noise).argmax(-1),
            "This is the index of the class. A one-hot row is asked for, with a 1 at that place: shape (N, K).",
        ),
    ],
    hints=(
        "Add, then find the largest entry of each row.",
        "`(logits + noise).argmax(-1)` gives the class. One more step turns it into a one-hot vector.",
        "`torch.nn.functional.one_hot(index, number_of_classes)`.",
    ),
    praise="An exact draw: everything random is in the noise, and the logits only shift it.",
)


def _choices_law(rng):
    """One to four pictures, one to four choices, one to five classes; q and prior even, narrow, or alike."""
    pictures, choices, classes = rng.integers(1, 5), rng.integers(1, 5), rng.integers(1, 6)
    logits = rng.normal(0, rng.choice([0.5, 1.5, 3.0]), (pictures, choices, classes)) + rng.normal(0, 1)
    prior_logits = rng.normal(0, rng.choice([0.0, 1.0, 2.0]), (choices, classes)) + rng.normal(0, 1)
    if rng.random() < 0.15:
        logits[0] = prior_logits
    return torch.tensor(logits), torch.tensor(prior_logits)


def _kl_loop(logits, prior_logits):
    totals = []
    for picture in logits.tolist():
        total = 0.0
        for row, prior in zip(picture, prior_logits.tolist(), strict=True):
            log_q, log_p = special.log_softmax(row), special.log_softmax(prior)
            total += sum(math.exp(a) * (a - b) for a, b in zip(log_q, log_p, strict=True))
        totals.append(total)
    return totals


def _kl_parts(logits, prior_logits):
    return logits.softmax(-1), logits.log_softmax(-1), prior_logits.log_softmax(-1)


def _with_kl(kl_of):
    """Build a misconception from (q, log q, log p)."""
    return lambda logits, prior_logits: kl_of(*_kl_parts(logits, prior_logits))


kl_of_choices = Exercise(
    name="kl_of_choices",
    arguments=("logits", "prior_logits"),
    returns="kl",
    reference=lambda logits, prior_logits: (
        logits.softmax(-1) * (logits.log_softmax(-1) - prior_logits.log_softmax(-1))
    ).sum((-1, -2)),
    spellings={
        "torch.distributions": lambda logits, prior_logits: torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=logits),
            torch.distributions.Categorical(logits=prior_logits.expand_as(logits)),
        ).sum(1),
        "loop": _kl_loop,
        "cross-entropy minus entropy": lambda logits, prior_logits: (
            torch.einsum("nlk,lk->n", logits.softmax(-1), -prior_logits.log_softmax(-1))
            - stats.entropy(logits.softmax(-1).numpy(), axis=2).sum(1)
        ),
        "torch's kl_div": lambda logits, prior_logits: F.kl_div(
            prior_logits.log_softmax(-1).expand_as(logits), logits.log_softmax(-1), reduction="none", log_target=True
        ).sum((1, 2)),
    },
    probes=[
        (_tensor([[0.0, 0.0]]), _tensor([0.0, math.log(3)])),
        (_tensor([[1.0, -0.4, 0.2], [0.0, 3.0, -1.0]]), _tensor([0.5, 0.5, -1.0], [2.0, 0.0, 0.3])),
        (
            _tensor([[0.5, 0.1, -2.0, 0.9]], [[2.0, 2.0, 1.0, -1.0]], [[0.3, 0.0, 0.2, 0.1]]),
            _tensor([0.2, -1.0, 0.4, 1.3]),
        ),
    ],
    law=_choices_law,
    extremes=[
        (_tensor([[1000.0, 0.0], [0.0, 0.5]]), _tensor([0.0, 1.0], [-50.0, 0.0])),
        (_tensor([[-1000.0, -999.0, -2000.0]], [[0.0, 0.0, -1000.0]]), _tensor([0.3, 0.0, -50.0])),
        (_tensor([[900.0, 900.0, 900.0, 901.0]]), _tensor([-900.0, -900.0, -930.0, -902.0])),
    ],
    stable="log_softmax for log q and log p and softmax for q, so that no logarithm of a 0 is taken",
    misconceptions=[
        Misconception(
            "uniform prior",
            lambda logits, prior_logits: (
                (logits.softmax(-1) * logits.log_softmax(-1)).sum((-1, -2))
                + logits.shape[1] * math.log(logits.shape[2])
            ),
            "This is the KL to the uniform prior of the text. Here each choice has a prior of its own, with "
            "favourites: log K becomes an average of −log p under q.",
        ),
        Misconception(
            "prior logits for log p",
            lambda logits, prior_logits: (logits.softmax(-1) * (logits.log_softmax(-1) - prior_logits)).sum((-1, -2)),
            "You used the prior's logits where log p belongs. They differ by their log-sum-exp: use log_softmax.",
        ),
        Misconception(
            "logits for log q",
            lambda logits, prior_logits: (logits.softmax(-1) * (logits - prior_logits.log_softmax(-1))).sum((-1, -2)),
            "You used q's logits where log q belongs. They differ by their log-sum-exp: use log_softmax.",
        ),
        Misconception(
            "only logits",
            lambda logits, prior_logits: (logits.softmax(-1) * (logits - prior_logits)).sum((-1, -2)),
            "You took the difference of the logits. Neither are normalised: each needs its log_softmax.",
        ),
        Misconception(
            "direction swapped",
            _with_kl(lambda q, log_q, log_p: (log_p.exp() * (log_p - log_q)).sum((-1, -2))),
            "This is KL(prior ‖ q): the average was taken under the prior. Take it under q. (torch's `kl_div(a, b)` "
            "is KL(b ‖ a), and its a is a logarithm.)",
        ),
        Misconception(
            "entropy left out",
            _with_kl(lambda q, log_q, log_p: -(q * log_p).sum((-1, -2))),
            "This is the cross-entropy, −E[log p]. Subtract the entropy of q: a q that equals the prior costs nothing.",
        ),
        Misconception(
            "mean over the choices",
            _with_kl(lambda q, log_q, log_p: (q * (log_q - log_p)).sum(-1).mean(-1)),
            "You averaged over the choices. They are independent in q and in the prior, so their KLs add up.",
        ),
        Misconception(
            "mean over the classes",
            _with_kl(lambda q, log_q, log_p: (q * (log_q - log_p)).mean(-1).sum(-1)),
            "You averaged over the classes. The weights q are in the product already: sum.",
        ),
        Misconception(
            "softmax over all choices",
            lambda logits, prior_logits: torch.distributions.kl_divergence(
                torch.distributions.Categorical(logits=logits.flatten(1)),
                torch.distributions.Categorical(logits=prior_logits.flatten().expand(len(logits), -1)),
            ),
            "You normalised over all choices together, as if there were one choice among L · K classes. Each of the L "
            "choices has probabilities of its own.",
        ),
    ],
    hints=(
        "KL(q ‖ p) = Σ_k q_k (log q_k − log p_k) for one choice. What happens with several independent ones?",
        "Both log q and log p are a `log_softmax` of their logits over the last axis; the prior's (L, K) broadcasts.",
        "`(log_q.exp() * (log_q - log_p)).sum((-1, -2))`.",
    ),
    praise="A learned prior makes codes cheaper. But log K is no ceiling any more: what the prior never expects is "
    "dear.",
)


def _score_loop(values, chosen, logits, baseline):
    q = logits.softmax(-1).tolist()
    rows = []
    for value, label in zip(values.tolist(), chosen.tolist(), strict=True):
        rows.append([(value - baseline) * ((k == label) - q[k]) for k in range(len(q))])
    return np.mean(rows, axis=0)


def _score(values, chosen, logits, baseline):
    score = F.one_hot(chosen, len(logits)) - logits.softmax(-1)
    return ((values - baseline)[:, None] * score).mean(0)


def _score_law(rng):
    draws, classes = rng.integers(1, 7), rng.integers(1, 5)
    values = rng.normal(0, 3, draws)
    values[rng.random(draws) < 0.1] = 0.0
    baseline = 0 if rng.random() < 0.15 else float(rng.normal(0.5, 1.5))
    logits = torch.tensor(rng.normal(0, 1.5, classes))
    return torch.tensor(values), torch.tensor(rng.integers(0, classes, draws)), logits, baseline


def _score_by_autograd(values, chosen, logits, baseline):
    leaf = logits.detach().clone().requires_grad_()
    surrogate = ((values - baseline) * leaf.log_softmax(-1)[chosen]).mean()
    return torch.autograd.grad(surrogate, leaf)[0]


score_estimate = Exercise(
    name="score_estimate",
    arguments=("values", "chosen", "logits", "baseline"),
    returns="gradient",
    reference=_score,
    spellings={
        "loop": _score_loop,
        "autograd": _score_by_autograd,
        "numpy": lambda values, chosen, logits, baseline: (
            (values.numpy() - baseline)
            @ (np.eye(len(logits))[chosen.numpy()] - logits.softmax(-1).numpy())
            / len(values)
        ),
    },
    probes=[
        (_tensor(2.0, -1.0), torch.tensor([0, 1]), _tensor(0.3, -0.4), 0.0),
        (_tensor(1.0, 0.5, -2.0, 3.0), torch.tensor([2, 0, 1, 2]), _tensor(0.1, 1.0, -0.7), 0.8),
        (_tensor(4.0, -0.5, 1.5), torch.tensor([3, 1, 1]), _tensor(0.0, 0.5, 0.2, 1.1), -0.6),
    ],
    law=_score_law,
    extremes=[
        (_tensor(1.5, -0.5), torch.tensor([0, 1]), _tensor(1000.0, 999.0, 0.0), 0.3),
        (_tensor(2.0, 0.5, 1.0), torch.tensor([1, 0, 1]), _tensor(-1000.0, -1001.0), -0.4),
        (_tensor(2.0), torch.tensor([1]), _tensor(0.0, -100.0), 0.0),  # an improbable class was drawn
    ],
    stable="torch.softmax, or take the largest logit out before you exponentiate",
    misconceptions=[
        Misconception(
            "no score",
            lambda values, chosen, logits, baseline: (
                (values - baseline)[:, None] * F.one_hot(chosen, len(logits))
            ).mean(0),
            "The score for the logits is z − q. You used z alone, the derivative of the chosen logit without that of "
            "the normaliser.",
        ),
        Misconception(
            "baseline forgotten",
            lambda values, chosen, logits, baseline: _score(values, chosen, logits, 0.0),
            "Unbiased, but the baseline is not used: subtract it from the values.",
        ),
        Misconception(
            "the mean of the values as baseline",
            lambda values, chosen, logits, baseline: _score(values, chosen, logits, values.mean()),
            "You subtracted the mean of these very values. It knows the draws, so the estimate is biased (of a single "
            "draw nothing would be left). Use the `baseline` that is handed over.",
        ),
        Misconception(
            "baseline added",
            lambda values, chosen, logits, baseline: _score(values, chosen, logits, -baseline),
            "The baseline was added. It is to be subtracted, so that only surprising values move the logits.",
        ),
        Misconception(
            "baseline subtracted from the gradient",
            lambda values, chosen, logits, baseline: _score(values, chosen, logits, 0.0) - baseline,
            "You subtracted the baseline from the finished gradient. That makes it biased: it belongs beside the "
            "value, inside the product.",
        ),
        Misconception(
            "score with the sign turned",
            lambda values, chosen, logits, baseline: -_score(values, chosen, logits, baseline),
            "The sign is opposite: this is the descent direction, q − z. The gradient of log q(z) is z − q.",
        ),
        Misconception(
            "logits for probabilities",
            lambda values, chosen, logits, baseline: (
                (values - baseline)[:, None] * (F.one_hot(chosen, len(logits)) - logits)
            ).mean(0),
            "You subtracted the logits. What is subtracted from the one-hot vector are the probabilities, "
            "softmax(logits).",
        ),
    ],
    hints=(
        "log q(z) is the chosen logit minus the log-sum-exp of all. What is its derivative?",
        "The score of a draw is z − softmax(logits), with z one-hot.",
        "Multiply each score by (value − baseline), and average over the draws.",
    ),
    praise="Unbiased whatever the baseline is, as long as it does not know the draw.",
)

EXERCISES = (gumbel_noise, gumbel_max, relaxed_bit, ways_back, kl_of_choices, score_estimate)
