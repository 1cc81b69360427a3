"""Lesson 16, put to work: its exercises about the game of generator and discriminator."""

import math

import numpy as np
import torch
from scipy import special
from torch import nn
from torch.nn import functional

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- 16.7 -------------------------------------------------------------------------------------------------------------


def _players(real_logits, fake_logits):
    judged = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
    return judged, functional.softplus(-fake_logits).mean()


def _players_by_library(real_logits, fake_logits):
    cross = functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(fake_logits), torch.zeros_like(fake_logits)
    return cross(real_logits, torch.ones_like(real_logits)) + cross(fake_logits, zeros), cross(fake_logits, ones)


def _players_by_log_sigmoid(real_logits, fake_logits):
    log_d, log_not = functional.logsigmoid(fake_logits), functional.logsigmoid(-fake_logits)
    return -nn.LogSigmoid()(real_logits).mean() - log_not.mean(), -log_d.mean()


def _players_loop(real_logits, fake_logits):
    nothing = torch.tensor(0.0, dtype=torch.float64)
    judged = sum(torch.logaddexp(nothing, -logit) for logit in real_logits) / len(real_logits)
    judged = judged + sum(torch.logaddexp(nothing, logit) for logit in fake_logits) / len(fake_logits)
    return judged, sum(torch.logaddexp(nothing, -logit) for logit in fake_logits) / len(fake_logits)


def _with_generator(loss):
    return lambda real_logits, fake_logits: (_players(real_logits, fake_logits)[0], loss(real_logits, fake_logits))


def _with_discriminator(loss):
    return lambda real_logits, fake_logits: (loss(real_logits, fake_logits), _players(real_logits, fake_logits)[1])


def _logits_law(rng):
    """One to seven pictures in each batch; discriminators that are fooled, right, or sure."""
    m, n = rng.integers(1, 8, 2)
    width = rng.choice([0.5, 2.0, 5.0])
    return torch.tensor(rng.normal(rng.normal(), width, m)), torch.tensor(rng.normal(rng.normal(), width, n))


gan_losses = Exercise(
    name="gan_losses",
    arguments=("real_logits", "fake_logits"),
    returns=("discriminator's loss", "generator's loss"),
    reference=_players,
    spellings={"library": _players_by_library, "log-sigmoid": _players_by_log_sigmoid, "loop": _players_loop},
    probes=[
        (_tensor(0.0), torch.tensor([0.0, math.log(3)], dtype=torch.float64)),
        (_tensor(1.2, -0.5, 2.0), _tensor(-1.0, 0.4)),
        (_tensor(0.3, 0.7), _tensor(-2.2, 0.9, -0.1, 1.6, -0.6)),
    ],
    law=_logits_law,
    extremes=[
        (_tensor(1000.0, -1000.0), _tensor(-1000.0, 1000.0)),
        (_tensor(800.0), _tensor(-900.0, -950.0, 3.0)),
        (_tensor(-700.0, 2.0), _tensor(40.0, -45.0)),
    ],
    stable="softplus, logsigmoid or binary_cross_entropy_with_logits; no probability is computed",
    gradients=("real_logits", "fake_logits"),
    misconceptions=[
        Misconception(
            "saturating",
            _with_generator(lambda real, fake: -functional.softplus(fake).mean()),
            "The generator's loss is the mean of log(1 − D), the game's own. It falls in the right direction, but "
            "where D is near 0 it is nearly flat, and a generator that is found out learns little. The non-saturating "
            "form is −log D.",
        ),
        Misconception(
            "generator on the discriminator's side",
            _with_generator(lambda real, fake: functional.softplus(fake).mean()),
            "Your generator pays −log(1 − D): it is rewarded if its pictures are *found out*. It wants D to be large.",
        ),
        Misconception(
            "generator paid for real pictures",
            _with_generator(lambda real, fake: _players(real, fake)[1] + functional.softplus(real).mean()),
            "Your generator pays for the real pictures as well. It cannot change them: its own pictures are all it is "
            "judged by.",
        ),
        Misconception(
            "generator as the opposite",
            _with_generator(lambda real, fake: -_players(real, fake)[0]),
            "Your generator's loss is minus the discriminator's. That is the game as Goodfellow and others first wrote "
            "it down, and it is nearly flat where the discriminator is sure that a picture was invented. The "
            "non-saturating form is −log D.",
        ),
        Misconception(
            "sign of the generator",
            _with_generator(lambda real, fake: -functional.softplus(-fake).mean()),
            "The generator's loss is the mean of log D. That is to be made *large*; a loss is made small.",
        ),
        Misconception(
            "one mean over both batches",
            _with_discriminator(
                lambda real, fake: 2 * torch.cat([functional.softplus(-real), functional.softplus(fake)]).mean()
            ),
            "You took one mean over both batches. If they are not equally large, the larger one counts more: each has "
            "its own mean.",
        ),
        Misconception(
            "half of it",
            _with_discriminator(lambda real, fake: _players(real, fake)[0] / 2),
            "The discriminator's loss is half as large as asked for: you averaged the two means instead of adding "
            "them.",
        ),
        Misconception(
            "discriminator looks at real pictures only",
            _with_discriminator(lambda real, fake: functional.softplus(-real).mean()),
            "The invented pictures are missing from the discriminator's loss. It would call everything real.",
        ),
        Misconception(
            "log D of invented pictures",
            _with_discriminator(
                lambda real, fake: functional.softplus(-real).mean() + functional.softplus(-fake).mean()
            ),
            "Your discriminator is paid for calling invented pictures real too: of these the logarithm of 1 − D "
            "counts.",
        ),
        Misconception(
            "minus log D for 1 − D",
            _with_discriminator(
                lambda real, fake: functional.softplus(-real).mean() - functional.softplus(-fake).mean()
            ),
            "You turned the sign of log D for the invented pictures. log(1 − D) is not −log D.",
        ),
        Misconception(
            "labels exchanged",
            _with_discriminator(
                lambda real, fake: functional.softplus(real).mean() + functional.softplus(-fake).mean()
            ),
            "Your discriminator learns the opposite: D is to be near 1 for *real* pictures.",
        ),
        Misconception(
            "logits as losses",
            lambda real, fake: (fake.mean() - real.mean(), -fake.mean()),
            "You compared the logits themselves. That is the loss of a *critic*, as in a Wasserstein GAN, which needs "
            "a bound on how steep it is. Here D = σ(logit), and its logarithm counts.",
        ),
        Misconception(
            "probabilities without logarithms",
            lambda real, fake: ((1 - real.sigmoid()).mean() + fake.sigmoid().mean(), (1 - fake.sigmoid()).mean()),
            "You counted mistaken probabilities. With the logarithm a sure mistake is far dearer than a doubtful one.",
        ),
        Misconception(
            "logarithm of the mean",
            lambda real, fake: (
                -real.sigmoid().mean().log() - (-fake).sigmoid().mean().log(),
                -fake.sigmoid().mean().log(),
            ),
            "You averaged probabilities and took the logarithm afterwards. The losses are means of logarithms.",
        ),
    ],
    hints=(
        "Who wants which D to be large? Write both losses with log D and log(1 − D) first.",
        "With D = σ(a): −log D = softplus(−a), and −log(1 − D) = softplus(a).",
        "`softplus(-real).mean() + softplus(fake).mean()` and `softplus(-fake).mean()`, with "
        "`torch.nn.functional.softplus`.",
    ),
    praise="Where D is near 0, the slope of −log σ(a) is nearly −1, and that of log(1 − σ(a)) nearly 0: this loss "
    "still tells a generator something if all its pictures are found out.",
)


# --- 16.8 -------------------------------------------------------------------------------------------------------------


def _best_judge(data, model):
    both = data + model
    return np.divide(data, both, out=np.full(len(data), 0.5), where=both > 0)


def _value_against(data, model, judge):
    return np.sum(special.xlogy(data, judge) + special.xlogy(model, 1 - judge))


def _game(data, model):
    judge = _best_judge(data, model)
    return judge, np.sum(special.xlogy(data, judge) + special.xlogy(model, _best_judge(model, data)))


def _game_loop(data, model):
    judge, value = [], 0.0
    for p, q in zip(data.tolist(), model.tolist(), strict=True):
        judge.append(p / (p + q) if p + q > 0 else 0.5)
        value += (p * np.log(p / (p + q)) if p > 0 else 0.0) + (q * np.log(q / (p + q)) if q > 0 else 0.0)
    return np.array(judge), value


def _divergence(first, second):
    return np.sum(special.rel_entr(first, second))


def _game_by_divergence(data, model):
    """By way of Jensen and Shannon's divergence."""
    middle = (data + model) / 2
    judge = np.where(middle > 0, data, 1.0) / np.where(middle > 0, 2 * middle, 2.0)
    return judge, _divergence(data, middle) + _divergence(model, middle) - np.log(4)


def _with_judge(judge):
    """Build a misconception from another discriminator, with the value against it."""
    return lambda data, model: (judge(data, model), _value_against(data, model, judge(data, model)))


def _with_value(value):
    return lambda data, model: (_best_judge(data, model), value(data, model))


def _kinds_law(rng):
    """One to seven kinds; equal, overlapping or separate; kinds that one never makes, or neither."""
    kinds = rng.integers(1, 8)
    data, model = rng.dirichlet(np.ones(kinds), 2)
    for shares in (data, model):
        lost = rng.random(kinds) < 0.25
        if not lost.all():
            shares[lost] = 0.0
            shares /= shares.sum()
    if rng.random() < 0.1:
        model = data.copy()
    return data, model


gan_value = Exercise(
    name="gan_value",
    arguments=("data", "model"),
    returns=("discriminator", "value"),
    reference=_game,
    spellings={"loop": _game_loop, "divergences": _game_by_divergence},
    probes=[
        (np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.5])),
        (np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3])),
        (np.array([0.7, 0.0, 0.3, 0.0]), np.array([0.1, 0.4, 0.5, 0.0])),
        (np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        (np.array([0.25, 0.75]), np.array([0.25, 0.75])),
    ],
    law=_kinds_law,
    extremes=[
        (np.array([1e-200, 1 - 1e-12, 1e-12]), np.array([1 - 1e-12, 1e-200, 1e-12])),
        (np.array([1.0, 0.0, 0.0]), np.array([1e-300, 1.0, 0.0])),
    ],
    stable="take 1 − D as model/(data + model), which is not 0 where D is nearly 1",
    misconceptions=[
        Misconception(
            "log D of both",
            _with_value(
                lambda data, model: (
                    lambda judge: np.sum(
                        special.xlogy(data, judge)
                        + special.xlogy(model, np.where(model > 0, np.maximum(judge, 1e-300), 1.0))
                    )
                )(_best_judge(data, model))
            ),
            "D is right. For invented pictures the logarithm of 1 − D counts, the probability that they are found out.",
        ),
        Misconception(
            "real pictures only",
            _with_value(lambda data, model: np.sum(special.xlogy(data, _best_judge(data, model)))),
            "D is right. The value has a second half, about the invented pictures.",
        ),
        Misconception(
            "not weighted",
            _with_value(
                lambda data, model: (
                    lambda d: np.mean(np.log(np.maximum(d, 1e-300)) + np.log(np.maximum(1 - d, 1e-300)))
                )(_best_judge(data, model))
            ),
            "D is right. You averaged over the kinds as if all were equally frequent. The first expectation weighs a "
            "kind by how often real pictures are of it, the second by how often invented ones are.",
        ),
        Misconception(
            "log 2 for log 4",
            _with_value(lambda data, model: _game(data, model)[1] + np.log(2)),
            "D is right. The value is too large by log 2. Without any difference D is ½ everywhere, and both halves "
            "give −log 2.",
        ),
        Misconception(
            "the divergence",
            _with_value(lambda data, model: (_game(data, model)[1] + np.log(4)) / 2),
            "D is right. You gave the Jensen–Shannon divergence. The value is twice that, minus log 4.",
        ),
        Misconception(
            "one divergence",
            _with_value(lambda data, model: (_game(data, model)[1] + np.log(4)) / 2 - np.log(4)),
            "D is right. The divergence enters twice: each half of the value holds one KL to the mixture.",
        ),
        Misconception(
            "the distance",
            _with_value(lambda data, model: 2 * np.sqrt(max(_game(data, model)[1] + np.log(4), 0) / 2) - np.log(4)),
            "D is right. You took the root of the Jensen–Shannon divergence, its *distance*, which is what SciPy's "
            "`jensenshannon` returns: square it.",
        ),
        Misconception(
            "averaged over the kinds",
            _with_value(lambda data, model: _game(data, model)[1] / len(data)),
            "D is right. You averaged over the kinds. An expectation is a sum of probability times value, and the "
            "probabilities add up to 1 already.",
        ),
        Misconception(
            "in bits",
            _with_value(lambda data, model: _game(data, model)[1] / np.log(2)),
            "D is right. The value is in bits; nats were asked for.",
        ),
        Misconception(
            "the loss",
            _with_value(lambda data, model: -_game(data, model)[1]),
            "D is right. You gave what the discriminator pays. The value is what it gains, and never above 0.",
        ),
        Misconception(
            "a small number",
            lambda data, model: (lambda d: (d, np.sum(data * np.log(d + 1e-3) + model * np.log(1 - d + 1e-3))))(
                data / (data + model + 1e-3)
            ),
            "You added a small number against a division by 0. It changes all other answers as well: treat the zeros "
            "as cases of their own.",
        ),
        Misconception(
            "data against model",
            lambda data, model: (
                np.divide(data, model, out=np.ones(len(data)), where=model > 0),
                _game(data, model)[1],
            ),
            "Your D is the ratio of `data` to `model`. It is a probability of *real*, by Bayes' rule: data "
            "divided by the sum of both.",
        ),
        Misconception(
            "yes or no",
            lambda data, model: (lambda judge: (judge, _game(data, model)[1]))(
                np.where(data > model, 1.0, np.where(data < model, 0.0, 0.5))
            ),
            "Your D decides for the more frequent side and is always sure. A sure judge who is wrong pays without "
            "bound; the best one says how probable *real* is.",
        ),
        Misconception(
            "probability of invented",
            lambda data, model: (1 - _best_judge(data, model), _game(data, model)[1]),
            "Your D is the probability that a picture was invented. D is that of *real*.",
        ),
        Misconception(
            "1 where neither",
            lambda data, model: (np.where(data + model > 0, _best_judge(data, model), 0.0), _game(data, model)[1]),
            "The value is right. Where neither makes a kind, D was to be ½.",
        ),
    ],
    hints=(
        "A picture is as often real as not, and is of kind k. How probable is it real? That is Bayes' rule.",
        "D = data/(data + model). In the value, 0 · log 0 is 0: a kind that nobody makes costs nothing.",
        "`np.sum(xlogy(data, D) + xlogy(model, E))` with `scipy.special.xlogy`, where E is 1 − D, but written as "
        "model/(data + model), so that its digits survive; and `np.where` for kinds that neither makes.",
    ),
    praise="Twice the Jensen–Shannon divergence, minus log 4: it lies between −log 4, where nobody can tell them "
    "apart, and 0, where everybody can.",
)
