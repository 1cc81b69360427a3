"""Lesson 10, the Gumbel trick: its exercises."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special, stats

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
    praise="Seven symbols of code, and every categorical variable can now be drawn with an argmax.",
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

_SOFT_PROBES = list(zip(_LOGIT_PROBES, _NOISE_PROBES, (0.5, 2.0, 0.8), strict=True))


def _soft_law(rng):
    temperature = rng.choice([1.0, 10 ** rng.uniform(-0.7, 0.7), 10 ** rng.uniform(-0.7, 0.7)])
    return *_draw_law(rng), 1 if temperature == 1 else float(temperature)


# Cold, warm, and logits far apart; among them two classes that are as near to each other as the temperature.
_COLD = [
    (_tensor([0.3, -0.2, 0.0], [5.0, 5.001, 0.0]), _tensor([-0.4, 0.9, 0.1], [0.5, 0.5, -1.0]), 0.001),
    (_tensor([1000.0, 0.0, 999.0], [-1000.0, 1.0, 0.0]), _tensor([0.2, 1.0, 0.9], [0.0, -0.7, 1.4]), 0.5),
    (_tensor([-900.0, -900.0], [800.0, 800.0]), _tensor([1.0, 0.2], [0.5, 0.7]), 0.2),
    (_tensor([0.5, 0.501, 0.5, 0.4995]), _tensor([0.0, 0.0, 0.0, 0.0]), 0.001),
    (_tensor([3.0, -2.0, 1.0]), _tensor([0.1, 1.5, -0.6]), 1e5),
]


def _soft_loop(logits, noise, temperature):
    rows = []
    for one, other in zip(logits, noise, strict=True):
        scores = [(a + b) / temperature for a, b in zip(one, other, strict=True)]
        powers = [torch.exp(score - max(scores)) for score in scores]
        rows.append(torch.stack([power / sum(powers) for power in powers]))
    return torch.stack(rows)


gumbel_softmax = Exercise(
    name="gumbel_softmax",
    arguments=("logits", "noise", "temperature"),
    returns="y",
    reference=lambda logits, noise, temperature: ((logits + noise) / temperature).softmax(-1),
    spellings={
        "log-sum-exp": lambda logits, noise, temperature: torch.exp(
            (logits + noise) / temperature - torch.logsumexp((logits + noise) / temperature, 1, keepdim=True)
        ),
        "loop": _soft_loop,
        "log-probabilities": lambda logits, noise, temperature: F.softmax(
            (logits.log_softmax(-1) + noise) / temperature, dim=1
        ),
    },
    probes=_SOFT_PROBES,
    law=_soft_law,
    extremes=_COLD,
    stable="torch.softmax, or take the largest entry of each row out before you exponentiate",
    gradients=("logits",),
    misconceptions=[
        Misconception(
            "noise divided, logits not",
            lambda logits, noise, temperature: (logits + noise / temperature).softmax(-1),
            "You divided only the noise by the temperature. Both belong inside the bracket: (logits + noise) / τ. As "
            "it stands, the largest entry is no longer distributed as π says.",
        ),
        Misconception(
            "logits divided, noise not",
            lambda logits, noise, temperature: (logits / temperature + noise).softmax(-1),
            "You divided only the logits by the temperature. That is an exact draw's softmax from *other* "
            "probabilities, sharpened by 1/τ.",
        ),
        Misconception(
            "wrong axis",
            lambda logits, noise, temperature: ((logits + noise) / temperature).softmax(0),
            "The softmax runs over the rows: columns add up to one. Each row is a draw, so it belongs to the last "
            "axis.",
        ),
        Misconception(
            "temperature forgotten",
            lambda logits, noise, temperature: (logits + noise).softmax(-1),
            "The temperature is missing: this is the case τ = 1.",
        ),
        Misconception(
            "temperature multiplied",
            lambda logits, noise, temperature: ((logits + noise) * temperature).softmax(-1),
            "You multiplied by the temperature. Low temperatures must make the draw sharper: divide.",
        ),
        Misconception(
            "no noise",
            lambda logits, noise, temperature: (logits / temperature).softmax(-1),
            "There is no noise in it: this is no draw, but a function of the logits alone.",
        ),
        Misconception(
            "noise after the softmax",
            lambda logits, noise, temperature: (logits / temperature).softmax(-1) + noise,
            "The noise was added after the softmax, so the result is no point of the simplex. It belongs inside.",
        ),
        Misconception(
            "not normalised",
            lambda logits, noise, temperature: torch.exp((logits + noise) / temperature),
            "These are the numerators. Divide each row by its sum.",
        ),
        Misconception(
            "divided after the softmax",
            lambda logits, noise, temperature: (logits + noise).softmax(-1) / temperature,
            "You divided the finished softmax by the temperature, so the rows no longer add up to 1. It belongs "
            "inside: divide the sum first.",
        ),
        Misconception(
            "noise on the probabilities",
            lambda logits, noise, temperature: ((logits.softmax(-1) + noise) / temperature).softmax(-1),
            "You added the noise to the probabilities. It is added to their logarithms, or to the logits, which "
            "differ from them by a constant.",
        ),
        Misconception(
            "logarithm of the logits",
            lambda logits, noise, temperature: ((logits.log() + noise) / temperature).softmax(-1),
            "You took the logarithm of the logits, as if they were probabilities. Logits are log-probabilities "
            "already (but for a constant), and may be negative.",
        ),
        Misconception(
            "one-hot already",
            lambda logits, noise, temperature: _one_hot(logits + noise),
            "This is the exact, one-hot draw of Gumbel-max. The relaxed one has a softmax in place of the argmax, and "
            "a slope.",
        ),
    ],
    hints=(
        "Replace the argmax of Gumbel-max by a softmax of the same sum.",
        "Divide the whole sum by the temperature before the softmax.",
        "`torch.softmax(…, dim=-1)`: one row is one draw.",
    ),
    praise="Differentiable in the logits, and as τ falls, ever closer to the exact draw.",
)


def _through_law(rng):
    logits, noise, temperature = _soft_law(rng)
    return logits, noise, temperature, torch.tensor(rng.normal(0.3, 1.5, tuple(logits.shape)))


def _through(logits, noise, temperature, weights, combine):
    leaf = logits.detach().clone().requires_grad_()
    soft = ((leaf + noise) / temperature).softmax(-1)
    z = combine(_one_hot(soft), soft)
    total = (weights * z).sum()
    if not total.requires_grad:
        return z, torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(total, leaf)
    return z.detach(), gradient


def _straight_through(logits, noise, temperature, weights):
    return _through(logits, noise, temperature, weights, lambda hard, soft: hard + soft - soft.detach())


def _through_on_paper(logits, noise, temperature, weights):
    soft = ((logits + noise) / temperature).softmax(-1)
    return _one_hot(soft), soft * (weights - (soft * weights).sum(-1, keepdim=True)) / temperature


def _through_torch(logits, noise, temperature, weights):
    leaf = logits.detach().clone().requires_grad_()
    soft = F.softmax((leaf + noise) / temperature, dim=-1)
    z = (_one_hot(soft) - soft).detach() + soft
    (weights * z).sum().backward()
    return z, leaf.grad


_WEIGHTS = [_tensor([1.0, -0.5, 0.4]), _tensor([0.2, 1.5, -1.0], [1.0, 0.3, 2.0]), _tensor([0.5, -1.0], [2.0, 0.7])]

straight_through = Exercise(
    name="straight_through",
    arguments=("logits", "noise", "temperature", "weights"),
    returns=("z", "gradient"),
    reference=_straight_through,
    spellings={
        "difference detached": _through_torch,
        "on paper": _through_on_paper,
        "loop over rows": lambda logits, noise, temperature, weights: tuple(
            torch.stack(parts)
            for parts in zip(
                *[_through_on_paper(*row[:2], temperature, row[2]) for row in zip(logits, noise, weights, strict=True)],
                strict=True,
            )
        ),
    },
    probes=[(*probe, weights) for probe, weights in zip(_SOFT_PROBES, _WEIGHTS, strict=True)],
    law=_through_law,
    extremes=[(*extreme, extreme[1].flip(-1).contiguous()) for extreme in _COLD],
    stable="torch.softmax, or take the largest entry of each row out before you exponentiate",
    misconceptions=[
        Misconception(
            "detached on the wrong side",
            functools.partial(_through, combine=lambda hard, soft: hard + soft.detach() - soft),
            "The value is right, the gradient has the opposite sign: the term to detach is the one that is subtracted.",
        ),
        Misconception(
            "nothing detached",
            functools.partial(_through, combine=lambda hard, soft: hard + soft - soft),
            "The value is right, but the gradient is zero. Three ways lead here: soft − soft without a `detach`, "
            "which cancels on the way back too; the sum of z without the weights, which is always 1 for a row; and, "
            "by hand, z in the place of y.",
        ),
        Misconception(
            "relaxed forward too",
            functools.partial(_through, combine=lambda hard, soft: soft),
            "The gradient is right. The value should be one-hot: the relaxed draw belongs to the way back only.",
        ),
        Misconception(
            "sum of both",
            functools.partial(_through, combine=lambda hard, soft: hard + soft),
            "The value is the hard draw plus the soft one. Subtract the soft one again, without its gradient.",
        ),
        Misconception(
            "noise left out of the way back",
            lambda logits, noise, temperature, weights: (
                _one_hot(logits + noise),
                _through_on_paper(logits, torch.zeros_like(noise), temperature, weights)[1],
            ),
            "The value is right. The gradient is that of softmax(logits / τ), without the noise: it must be that of "
            "the same draw.",
        ),
        Misconception(
            "temperature left out of the way back",
            lambda logits, noise, temperature, weights: (
                _one_hot(logits + noise),
                _through_on_paper(logits, noise, 1.0, weights)[1],
            ),
            "The value is right. The gradient is that of τ = 1: divide the sum by the temperature before the softmax.",
        ),
        Misconception(
            "1/τ left out of the way back",
            lambda logits, noise, temperature, weights: (
                _one_hot(logits + noise),
                temperature * _through_on_paper(logits, noise, temperature, weights)[1],
            ),
            "The value is right. In the gradient the factor 1/τ is missing: the logits are divided by τ on the way "
            "there, and so is the slope on the way back.",
        ),
        Misconception(
            "diagonal of the Jacobian",
            lambda logits, noise, temperature, weights: (
                _one_hot(logits + noise),
                (lambda y: weights * y * (1 - y) / temperature)(((logits + noise) / temperature).softmax(-1)),
            ),
            "The value is right. For the gradient you took y (1 − y) entry by entry. A softmax couples the classes: "
            "one logit moves all of them, ∂y_j/∂a_k = y_j (δ_jk − y_k) / τ, and you need the sum over j.",
        ),
        Misconception(
            "identity on the way back",
            lambda logits, noise, temperature, weights: (_one_hot(logits + noise), weights.clone()),
            "The gradient was passed on to the logits as if the draw were the logits themselves. It has to go through "
            "the softmax.",
        ),
    ],
    hints=(
        "Start with a copy of the logits that asks for a gradient (`clone`, `requires_grad_`). Make the soft draw and "
        "the one-hot vector of its largest entry.",
        "z = hard + (soft − soft.detach()) has the value of the first and the gradient of the second.",
        "`(gradient,) = torch.autograd.grad((weights * z).sum(), logits)`; return z and gradient.",
    ),
    praise="One-hot on the way there, soft on the way back. The price is a bias, which section 10.7 measures.",
)


def _choice_law(rng):
    return (_draw_law(rng)[0] * rng.choice([0.3, 1.0, 3.0]),)


def _kl_loop(logits):
    rows = []
    for row in logits.tolist():
        powers = [math.exp(value - max(row)) for value in row]
        q = [power / sum(powers) for power in powers]
        rows.append(sum(share * math.log(len(row) * share) for share in q if share > 0))
    return rows


def _entropy(logits):
    return -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)


kl_to_uniform = Exercise(
    name="kl_to_uniform",
    arguments=("logits",),
    returns="kl",
    reference=lambda logits: math.log(logits.shape[-1]) - _entropy(logits),
    spellings={
        "torch.distributions": lambda logits: torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=logits),
            torch.distributions.Categorical(logits=torch.zeros_like(logits)),
        ),
        "loop": _kl_loop,
        "relative entropy": lambda logits: special.rel_entr(
            special.softmax(logits.numpy(), axis=1), 1 / logits.shape[1]
        ).sum(1),
        "scipy": lambda logits: (
            np.log(logits.shape[1]) - stats.entropy(special.softmax(logits.numpy(), axis=1), axis=1)
        ),
    },
    probes=[
        (_tensor([0.0, 1.0]),),
        (_tensor([1.0, -0.4, 0.2], [0.0, 3.0, -1.0]),),
        (_tensor([0.5, 0.1, -2.0, 0.9], [2.0, 2.0, 1.0, -1.0], [0.3, 0.0, 0.2, 0.1]),),
    ],
    law=_choice_law,
    extremes=[
        (_tensor([1000.0, 0.0], [0.0, 0.5]),),
        (_tensor([-1000.0, -999.0, -2000.0], [0.0, 0.0, -1000.0]),),
        (_tensor([900.0, 900.0, 900.0, 901.0]),),
    ],
    stable="log_softmax for log q and softmax for q, so that no logarithm of a 0 is taken",
    misconceptions=[
        Misconception(
            "log K missing",
            lambda logits: -_entropy(logits),
            "Log K is missing: this is minus the entropy, which is never positive. A divergence is never negative.",
        ),
        Misconception(
            "entropy",
            _entropy,
            "This is the entropy of q. The KL is log K minus it: large where q is certain.",
        ),
        Misconception(
            "opposite sign",
            lambda logits: _entropy(logits) - math.log(logits.shape[-1]),
            "Right but for its sign: this is −KL, as it stands in the ELBO. A divergence is never negative.",
        ),
        Misconception(
            "log K added to the entropy",
            lambda logits: math.log(logits.shape[-1]) + _entropy(logits),
            "The sign of the entropy: KL = Σ q log q + log K, and Σ q log q is minus the entropy.",
        ),
        Misconception(
            "log K for each class",
            lambda logits: logits.shape[-1] * math.log(logits.shape[-1]) - _entropy(logits),
            "Log K is added K times. Each class has the weight q_k, and these add up to 1: "
            "Σ q (log q + log K) = Σ q log q + log K.",
        ),
        Misconception(
            "direction swapped",
            lambda logits: -math.log(logits.shape[-1]) - logits.log_softmax(-1).mean(-1),
            "This is KL(uniform ‖ q): the average was taken under the prior. Take it under q. (torch's `kl_div(a, b)` "
            "is KL(b ‖ a), and its a is a logarithm.)",
        ),
        Misconception(
            "logits taken for log-probabilities",
            lambda logits: (logits.softmax(-1) * logits).sum(-1) + math.log(logits.shape[-1]),
            "You used the logits where log q belongs. They differ by the log-sum-exp: use log_softmax.",
        ),
        Misconception(
            "mean over the classes",
            lambda logits: (logits.softmax(-1) * (logits.log_softmax(-1) + math.log(logits.shape[-1]))).mean(-1),
            "You averaged over the classes. The weights q are in the product already: sum.",
        ),
    ],
    hints=(
        "KL(q ‖ p) = Σ_k q_k (log q_k − log p_k), and every log p_k is −log K.",
        "The q_k add up to one, so the second part is the constant log K.",
        "`logits.log_softmax(-1)` is log q; `.exp()` of it is q.",
    ),
    praise="Between 0, where q knows nothing, and log K, where it is certain: a choice among K can cost at most log K "
    "nats.",
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

EXERCISES = (gumbel_noise, gumbel_max, gumbel_softmax, straight_through, kl_to_uniform, score_estimate)
