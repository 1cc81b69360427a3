"""Lesson 16, put to work: its exercises about conditional VAEs and flows."""

import math

import numpy as np
import torch
from torch.nn import functional

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- 16.6 -------------------------------------------------------------------------------------------------------------


def _kl_terms(mean, log_var, other_mean, other_log_var):
    ratio = log_var - other_log_var
    return 0.5 * (ratio.exp() + (mean - other_mean) ** 2 * (-other_log_var).exp() - 1 - ratio)


def _class_kl(mean, log_var, labels, class_means, class_log_vars):
    return _kl_terms(mean, log_var, class_means[labels], class_log_vars[labels]).sum(1)


def _class_kl_by_torch(mean, log_var, labels, class_means, class_log_vars):
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    prior = torch.distributions.Normal(class_means, (class_log_vars / 2).exp())
    own = torch.distributions.Normal(prior.loc[labels], prior.scale[labels])
    return torch.distributions.kl_divergence(q, own).sum(-1)


def _class_kl_one_hot(mean, log_var, labels, class_means, class_log_vars):
    chosen = functional.one_hot(labels, len(class_means)).to(mean.dtype)
    centre, spread = chosen @ class_means, chosen @ class_log_vars
    return ((log_var - spread).exp() + (mean - centre).square() / spread.exp() - 1 - log_var + spread).sum(-1) / 2


def _class_kl_loop(mean, log_var, labels, class_means, class_log_vars):
    answers = []
    for m, v, label in zip(mean, log_var, labels.tolist(), strict=True):
        m0, v0 = class_means[label], class_log_vars[label]
        answers.append(0.5 * torch.sum((v.exp() + (m - m0) ** 2) / v0.exp() - 1 + v0 - v))
    return torch.stack(answers)


def _with_terms(terms):
    """Build a misconception from the terms, as a function of q's parameters and those of the own class."""
    return lambda mean, log_var, labels, class_means, class_log_vars: terms(
        mean, log_var, class_means[labels], class_log_vars[labels]
    ).sum(1)


def _class_law(rng):
    """One to six pictures, one to four latents and classes; classes that do not occur; priors wide and narrow."""
    count, latents, classes = rng.integers(1, 7), rng.integers(1, 5), rng.integers(1, 5)
    mean, log_var = rng.normal(0, 1.5, (count, latents)), rng.uniform(-3, 1, (count, latents))
    class_means, class_log_vars = rng.normal(0, 1.5, (classes, latents)), rng.uniform(-2, 2, (classes, latents))
    if rng.random() < 0.2:
        class_means[0], class_log_vars[0] = 0.0, 0.0
    labels = torch.tensor(rng.integers(0, classes, count))
    mean, log_var, class_means, class_log_vars = map(torch.tensor, (mean, log_var, class_means, class_log_vars))
    return mean, log_var, labels, class_means, class_log_vars


conditional_kl = Exercise(
    name="conditional_kl",
    arguments=("mean", "log_var", "labels", "class_means", "class_log_vars"),
    returns="kl",
    reference=_class_kl,
    spellings={"torch.distributions": _class_kl_by_torch, "one-hot": _class_kl_one_hot, "loop": _class_kl_loop},
    probes=[
        (
            _tensor([1.0]),
            _tensor([0.0]),
            torch.tensor([1]),
            _tensor([0.0], [3.0]),
            torch.tensor([[0.0], [math.log(4)]], dtype=torch.float64),
        ),
        (
            _tensor([0.4, -1.2], [1.5, 0.3], [-0.7, 0.9]),
            _tensor([0.3, -0.8], [-1.1, 0.5], [0.2, -0.4]),
            torch.tensor([2, 0, 2]),
            _tensor([0.5, 1.0], [-1.3, 0.2], [0.8, -0.6]),
            _tensor([-0.4, 0.7], [0.9, -1.0], [0.3, -0.2]),
        ),
        (
            _tensor([0.6, 1.1, -0.5], [-0.9, 0.2, 1.4]),
            _tensor([0.1, -0.6, 0.4], [-1.3, 0.8, -0.2]),
            torch.tensor([1, 0]),
            _tensor([1.2, -0.4, 0.3], [-0.5, 0.7, 0.9]),
            _tensor([0.6, -0.9, 0.2], [-0.3, 1.1, -0.7]),
        ),
    ],
    law=_class_law,
    extremes=[
        (_tensor([0.0, 2.0]), _tensor([-30.0, 30.0]), torch.tensor([0]), _tensor([1.0, 0.0]), _tensor([0.0, 30.0])),
        (
            _tensor([1e4], [0.0]),
            _tensor([0.0], [-30.0]),
            torch.tensor([1, 0]),
            _tensor([0.0], [1.0]),
            _tensor([-30.0], [30.0]),
        ),
    ],
    stable="keep log-variances as they are; only their differences and exponentials enter",
    gradients=("mean", "log_var", "class_means", "class_log_vars"),
    misconceptions=[
        Misconception(
            "the prior without a class",
            lambda mean, log_var, labels, class_means, class_log_vars: (
                _kl_terms(mean, log_var, 0 * mean + 0 * class_means.sum(), 0 * log_var + 0 * class_log_vars.sum())
            ).sum(1),
            "You compared with N(0, I). In this model each class has a prior of its own, and the one of the picture's "
            "class is meant.",
        ),
        Misconception(
            "the other direction",
            _with_terms(lambda mean, log_var, m, v: _kl_terms(m, v, mean, log_var)),
            "The two have changed places: you computed KL(p(z|y) ‖ q). The bound has KL(q ‖ p), an expectation under "
            "q.",
        ),
        Misconception(
            "the average class",
            lambda mean, log_var, labels, class_means, class_log_vars: _kl_terms(
                mean, log_var, class_means.mean(0), class_log_vars.mean(0)
            ).sum(1),
            "You averaged the classes' means and log-variances. That is one prior for all pictures, and the labels are "
            "not used.",
        ),
        Misconception(
            "average over the classes",
            lambda mean, log_var, labels, class_means, class_log_vars: (
                _kl_terms(mean[:, None], log_var[:, None], class_means, class_log_vars).sum(2).mean(1)
            ),
            "You averaged the divergences to all classes. The class is known: only its prior counts.",
        ),
        Misconception(
            "the nearest class",
            lambda mean, log_var, labels, class_means, class_log_vars: (
                _kl_terms(mean[:, None], log_var[:, None], class_means, class_log_vars).sum(2).amin(1)
            ),
            "You took the class whose prior lies nearest to q. The picture's class is given by its label, near or not.",
        ),
        Misconception(
            "means of the class only",
            _with_terms(lambda mean, log_var, m, v: _kl_terms(mean, log_var, m, 0 * v)),
            "Your priors have the classes' means and the variance 1. Their variances are learnt too.",
        ),
        Misconception(
            "distance not divided by the prior's variance",
            _with_terms(lambda mean, log_var, m, v: 0.5 * ((log_var - v).exp() + (mean - m) ** 2 - 1 - log_var + v)),
            "The squared distance of the means is not divided by the prior's variance. A step of 1 is dear under a "
            "narrow prior and cheap under a wide one.",
        ),
        Misconception(
            "distance divided by q's variance",
            _with_terms(
                lambda mean, log_var, m, v: (
                    0.5 * ((log_var - v).exp() + (mean - m) ** 2 * (-log_var).exp() - 1 - log_var + v)
                )
            ),
            "You divided the squared distance of the means by the variance of q. The prior's belongs there: under it "
            "the draws are judged.",
        ),
        Misconception(
            "log-variance for the scale",
            _with_terms(lambda mean, log_var, m, v: _kl_terms(mean, 2 * log_var, m, 2 * v)),
            "You took e^log_var for the standard deviation. It is the variance.",
        ),
        Misconception(
            "the label's price added",
            lambda mean, log_var, labels, class_means, class_log_vars: (
                _class_kl(mean, log_var, labels, class_means, class_log_vars) + math.log(len(class_means))
            ),
            "You added log C, the price of the label. In a conditional model the label is *given*; nothing is paid for "
            "it.",
        ),
    ],
    hints=(
        "Which row of the tables belongs to picture n? A tensor of labels can be used as an index.",
        "For one latent: KL(N(m, v) ‖ N(m₀, v₀)) = ½(v/v₀ + (m − m₀)²/v₀ − 1 − log(v/v₀)). Add up over the latents.",
        "With `m0 = class_means[labels]` and `v0 = class_log_vars[labels]`: half of `(log_var - v0).exp() + (mean - "
        "m0)**2 / v0.exp() - 1 - log_var + v0`, summed over dim 1.",
    ),
    praise="Where all classes have the prior N(0, I) this is lesson 05's price, and the label works through encoder "
    "and decoder alone.",
)


# --- 16.9 -------------------------------------------------------------------------------------------------------------


def _standard_normal(z):
    return -0.5 * (z**2 + math.log(2 * math.pi)).sum(1)


def _log_scale(kept, matrix):
    return (kept @ matrix.T).tanh()


def _backwards(x, keep, scales, shifts):
    z, log_det = x, 0.0
    for mask, matrix, shift in zip(keep.flip(0), scales.flip(0), shifts.flip(0), strict=True):
        kept = z * mask
        log_scale = _log_scale(kept, matrix) * ~mask
        z = torch.where(mask, z, (z - kept @ shift.T) * (-log_scale).exp())
        log_det = log_det - log_scale.sum(1)
    return z, _standard_normal(z) + log_det


def _backwards_loop(x, keep, scales, shifts):
    noise, answers = [], []
    for picture in x.tolist():
        v, log_det = list(picture), 0.0
        for k in range(len(keep) - 1, -1, -1):
            a = [value if kept else 0.0 for value, kept in zip(v, keep[k].tolist(), strict=True)]
            for d, kept in enumerate(keep[k].tolist()):
                if not kept:
                    s = math.tanh(sum(weight * value for weight, value in zip(scales[k][d].tolist(), a, strict=True)))
                    t = sum(weight * value for weight, value in zip(shifts[k][d].tolist(), a, strict=True))
                    v[d] = (v[d] - t) / math.exp(s)
                    log_det -= s
        noise.append(v)
        answers.append(sum(-0.5 * value**2 - 0.5 * math.log(2 * math.pi) for value in v) + log_det)
    return noise, answers


def _backwards_by_jacobian(x, keep, scales, shifts):
    """With the determinant of the way there, as automatic differentiation gives it."""

    def made(z):
        for mask, matrix, shift in zip(keep, scales, shifts, strict=True):
            seen = mask.double() * z
            z = torch.where(mask, z, z * torch.tanh(matrix @ seen).exp() + shift @ seen)
        return z

    def noise(y):
        for mask, matrix, shift in reversed(list(zip(keep, scales, shifts, strict=True))):
            seen = mask.double() * y
            y = torch.where(mask, y, (y - shift @ seen) / torch.tanh(matrix @ seen).exp())
        return y

    z = torch.stack([noise(one) for one in x])
    volumes = torch.stack([torch.linalg.slogdet(torch.autograd.functional.jacobian(made, one))[1] for one in z])
    return z, torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1) - volumes


def _flow_with(order=reversed, undo=None, part=None, looks=None, sign=-1, base=_standard_normal):
    """Build a misconception from one changed step of the way back."""
    undo = undo or (lambda v, s, t: (v - t) * (-s).exp())
    part = part or (lambda s, mask: (s * ~mask).sum(1))
    looks = looks or (lambda v, mask: v * mask)

    def answer(x, keep, scales, shifts):
        z, log_det = x, 0.0
        for k in order(range(len(keep))):
            kept = looks(z, keep[k])
            s, t = _log_scale(kept, scales[k]), kept @ shifts[k].T
            z = torch.where(keep[k], z, undo(z, s, t))
            log_det = log_det + sign * part(s, keep[k])
        return z, base(z) + log_det

    return answer


def _at_the_picture(x, keep, scales, shifts):
    z, log_prob = _backwards(x, keep, scales, shifts)
    return z, log_prob - _standard_normal(z) + _standard_normal(x)


def _with_density(change):
    def answer(x, keep, scales, shifts):
        z, log_prob = _backwards(x, keep, scales, shifts)
        return z, change(z, log_prob)

    return answer


def _coupling_law(rng):
    """One to four pictures, one to five entries, one to four layers; masks of all kinds, also all or nothing."""
    count, size, layers = rng.integers(1, 5), rng.integers(1, 6), rng.integers(1, 5)
    keep = rng.random((layers, size)) < rng.choice([0.3, 0.5, 0.7])
    scales, shifts = rng.normal(0, 0.6, (2, layers, size, size))
    return (
        torch.tensor(rng.normal(0, 1.2, (count, size))),
        torch.tensor(keep),
        torch.tensor(scales),
        torch.tensor(shifts),
    )


def _drawn(seed, count, size, layers):
    rng = np.random.default_rng(seed)
    keep = np.arange(size) % 2 == np.arange(layers)[:, None] % 2
    tables = (rng.normal(0, 1.0, (count, size)), keep, *rng.normal(0, 0.7, (2, layers, size, size)))
    return tuple(map(torch.tensor, tables))


flow_log_prob = Exercise(
    name="flow_log_prob",
    arguments=("x", "keep", "scales", "shifts"),
    returns=("noise", "log_prob"),
    reference=_backwards,
    spellings={"loop": _backwards_loop, "Jacobian": _backwards_by_jacobian},
    probes=[
        (
            _tensor([1.0, 2.0]),
            torch.tensor([[True, False]]),
            torch.tensor([[[0.0, 0.0], [math.atanh(0.5), 0.0]]], dtype=torch.float64),
            _tensor([[0.0, 0.0], [1.0, 0.0]]),
        ),
        _drawn(0, 2, 2, 2),
        _drawn(1, 3, 3, 3),
        _drawn(2, 2, 4, 2),
    ],
    law=_coupling_law,
    misconceptions=[
        Misconception(
            "layers in the order of making",
            _flow_with(order=iter),
            "You undid layer 0 first. It came first on the way there, so it is the *last* to be undone.",
        ),
        Misconception(
            "the way there",
            _flow_with(order=iter, undo=lambda v, s, t: v * s.exp() + t, sign=1),
            "You ran the layers forwards, as if the pictures were noise. To know how dense x is, find the noise it "
            "was made from.",
        ),
        Misconception(
            "log-determinant added",
            _flow_with(sign=1),
            "The noise is right. The log-determinant has the wrong sign: a layer that stretches (s > 0) makes things "
            "*less* dense.",
        ),
        Misconception(
            "log-determinant left out",
            _with_density(lambda z, log_prob: _standard_normal(z)),
            "The noise is right. You gave the density of the noise. Stretching thins it out: the log-determinant is "
            "missing.",
        ),
        Misconception(
            "sum over all entries",
            _flow_with(part=lambda s, mask: s.sum(1)),
            "The noise is right. You added s up over all entries. What is kept is not stretched: only the others "
            "count.",
        ),
        Misconception(
            "sum over the kept entries",
            _flow_with(part=lambda s, mask: (s * mask).sum(1)),
            "The noise is right. You added s up over the wrong half: the kept entries are not stretched, the others "
            "are.",
        ),
        Misconception(
            "scales instead of their logarithms",
            _flow_with(part=lambda s, mask: (s.exp() * ~mask).sum(1)),
            "The noise is right. You added up the factors eˢ. The determinant is their product, and its logarithm the "
            "sum of the s.",
        ),
        Misconception(
            "divided before the shift",
            _flow_with(undo=lambda v, s, t: v * (-s).exp() - t),
            "You divided by eˢ first and subtracted t afterwards. On the way there t came last, so it goes first.",
        ),
        Misconception(
            "shift added",
            _flow_with(undo=lambda v, s, t: (v + t) * (-s).exp()),
            "You added t. On the way there it was added; on the way back it is subtracted.",
        ),
        Misconception(
            "looked at everything",
            _flow_with(looks=lambda v, mask: v),
            "Your layers look at all entries. On the way there they saw the kept ones only, the others set to 0: what "
            "has changed since, one cannot know on the way back.",
        ),
        Misconception(
            "looked at the other half",
            _flow_with(looks=lambda v, mask: v * ~mask),
            "Your layers look at the entries that are *not* kept. These have changed since.",
        ),
        Misconception(
            "matrices transposed",
            lambda x, keep, scales, shifts: _backwards(x, keep, scales.transpose(1, 2), shifts.transpose(1, 2)),
            "You multiplied the rows by the matrices as they are. S a is matrix times *column*; for pictures in rows "
            "that is `a @ S.T`.",
        ),
        Misconception(
            "density at the picture",
            _at_the_picture,
            "The noise is right, and so is the log-determinant. The standard normal density was taken at x; it "
            "belongs to the noise z.",
        ),
        Misconception(
            "mean over the entries",
            _flow_with(base=lambda z: -0.5 * (z**2 + math.log(2 * math.pi)).mean(1)),
            "The noise is right. You averaged the log-density of the noise over the entries. They are independent: "
            "add up.",
        ),
    ],
    hints=(
        "Undo one layer first. What is kept tells s and t, on the way back as on the way there. Which layer comes "
        "first?",
        "With `a = v * keep[k]`: s = tanh(S a), t = T a, and (v − t)·e⁻ˢ where not kept. For rows, S a is "
        "`a @ scales[k].T`. Each layer subtracts the sum of its s over the entries that are not kept.",
        "`for k in reversed(range(K))`: … `z = torch.where(keep[k], z, (z - t) * torch.exp(-s))`, `total = total - "
        "(s * ~keep[k]).sum(1)`; then Normal(0, 1).log_prob(z).sum(1) + total.",
    ),
    praise="No bound, and no draw: a flow's density is exact. Its price is that z is as large as x.",
)
