"""Lesson 10, the Gumbel trick: its exercises about relaxed draws and their gradients."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _one_hot(scores):
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).double()


# Uniform numbers near both ends, log-odds far out, cold and warm.
_FAR_BITS = [
    (_tensor(1000.0, -1000.0, 0.0), _tensor(0.3, 0.9, 0.5), 0.001),
    (_tensor(0.2, -0.4, 20.0, -20.0), _tensor(1e-9, 1 - 1e-9, 1e-9, 1 - 1e-9), 0.5),
    (_tensor(0.0004, -0.001, 0.7), _tensor(0.5, 0.5, 0.4), 0.001),
    (_tensor(-3.0, 5.0), _tensor(0.6, 0.1), 1e5),
    (_tensor(30.0, -30.0), _tensor(1e-9, 1 - 1e-9), 1.0),  # noise that nearly outweighs the log-odds
    (_tensor(100.0, -200.0, 1000.0), _tensor(0.5, 0.5, 0.2), 100.0),  # log-odds far out, but warm
]


def _bit_law(rng):
    """Log-odds, some of them 0, and as many uniform numbers; any temperature, often 1."""
    size = rng.integers(1, 7)
    log_odds = rng.normal(0, 1.5, size)
    log_odds[rng.random(size) < 0.15] = 0.0
    temperature = rng.choice([1.0, 10 ** rng.uniform(-0.7, 0.7), 10 ** rng.uniform(-0.7, 0.7)])
    uniform = torch.tensor(rng.uniform(0.01, 0.99, size))
    return torch.tensor(log_odds), uniform, 1 if temperature == 1 else float(temperature)


def _bit(log_odds, uniform, temperature):
    return torch.sigmoid((log_odds + torch.logit(uniform)) / temperature)


def _bit_loop(log_odds, uniform, temperature):
    bits = []
    for a, u in zip(log_odds, uniform.tolist(), strict=True):
        score = (a + math.log(u) - math.log1p(-u)) / temperature
        bits.append(torch.exp(-torch.logaddexp(torch.zeros_like(score), -score)))
    return torch.stack(bits)


relaxed_bit = Exercise(
    name="relaxed_bit",
    arguments=("log_odds", "uniform", "temperature"),
    returns="y",
    reference=_bit,
    spellings={
        "loop": _bit_loop,
        "softmax of two": lambda log_odds, uniform, temperature: (
            torch.stack([log_odds + uniform.log(), torch.log1p(-uniform)], dim=-1) / temperature
        ).softmax(-1)[:, 0],
        "tanh": lambda log_odds, uniform, temperature: (
            (1 + torch.tanh((log_odds + (uniform / (1 - uniform)).log()) / (2 * temperature))) / 2
        ),
        "torch.distributions": lambda log_odds, uniform, temperature: torch.sigmoid(
            (log_odds - torch.distributions.SigmoidTransform().inv(1 - uniform)) / temperature
        ),
    },
    probes=[
        (_tensor(0.0, 0.0), _tensor(0.8, 0.3), 1.0),
        (_tensor(0.7, -1.2, 0.4), _tensor(0.25, 0.6, 0.9), 0.5),
        (_tensor(-0.3), _tensor(0.1), 2.0),
        (_tensor(-1000.0, 1000.0), _tensor(0.4, 0.7), 1.0),  # an infinite exponential spoils a gradient only
    ],
    law=_bit_law,
    extremes=_FAR_BITS,
    stable="torch.sigmoid, and torch.logit for the noise",
    gradients=("log_odds",),
    misconceptions=[
        Misconception(
            "one Gumbel number",
            lambda log_odds, uniform, temperature: torch.sigmoid(
                (log_odds - torch.log(-torch.log(uniform))) / temperature
            ),
            "You gave the first class a Gumbel number and the second none. Both have one; what counts is the "
            "difference of two, and that is distributed symmetrically around 0.",
        ),
        Misconception(
            "u and 1 − u",
            lambda log_odds, uniform, temperature: torch.sigmoid(
                (log_odds - torch.log(-torch.log(uniform)) + torch.log(-torch.log(1 - uniform))) / temperature
            ),
            "You made both Gumbel numbers from the same u, by u and 1 − u. They are not independent, and their "
            "difference scatters too much.",
        ),
        Misconception(
            "Gaussian noise",
            lambda log_odds, uniform, temperature: torch.sigmoid(
                (log_odds + torch.special.ndtri(uniform)) / temperature
            ),
            "You took the quantile of a Gaussian. The difference of two Gumbel variables has heavier tails: "
            "P(G₂ − G₁ < a) is the probability that class 1 wins with logits (a, 0).",
        ),
        Misconception(
            "uniform noise",
            lambda log_odds, uniform, temperature: torch.sigmoid((log_odds + uniform) / temperature),
            "You added u itself. It has to be turned into the noise first, by the quantile function of the difference "
            "of two Gumbel variables.",
        ),
        Misconception(
            "noise divided, log-odds not",
            lambda log_odds, uniform, temperature: torch.sigmoid(log_odds + torch.logit(uniform) / temperature),
            "You divided only the noise by the temperature. Both belong inside the bracket. As it stands, y exceeds ½ "
            "with another probability than π says.",
        ),
        Misconception(
            "log-odds divided, noise not",
            lambda log_odds, uniform, temperature: torch.sigmoid(log_odds / temperature + torch.logit(uniform)),
            "You divided only the log-odds by the temperature. That is a relaxed draw at τ = 1 from *other* "
            "probabilities, proportional to π to the power 1/τ.",
        ),
        Misconception(
            "falling in u",
            lambda log_odds, uniform, temperature: torch.sigmoid((log_odds - torch.logit(uniform)) / temperature),
            "You used 1 − u. The draws have the right distribution, but not at the u that was given: a larger u must "
            "give a larger y.",
        ),
        Misconception(
            "no noise",
            lambda log_odds, uniform, temperature: torch.sigmoid(log_odds / temperature),
            "There is no noise in it: this is no draw, but a function of the log-odds alone.",
        ),
        Misconception(
            "temperature forgotten",
            lambda log_odds, uniform, temperature: _bit(log_odds, uniform, 1.0),
            "The temperature is missing: this is the case τ = 1.",
        ),
        Misconception(
            "temperature multiplied",
            lambda log_odds, uniform, temperature: _bit(log_odds, uniform, 1 / temperature),
            "You multiplied by the temperature. Low temperatures must make the draw sharper: divide.",
        ),
        Misconception(
            "infinite over infinite",
            lambda log_odds, uniform, temperature: (lambda odds: odds / (1 + odds))(
                torch.exp((log_odds + torch.logit(uniform)) / temperature)
            ),
            "Right on paper. But e^1000 is infinite for the machine, and ∞/∞ is no number: torch.sigmoid avoids it.",
        ),
        Misconception(
            "the coin itself",
            lambda log_odds, uniform, temperature: (torch.logit(uniform) > -log_odds).double(),
            "This is the exact draw, 0 or 1, without a slope. The relaxed one has a softmax in place of the argmax.",
        ),
    ],
    hints=(
        "Of two classes the first has y₁ = sigmoid((a + G₁ − G₂)/τ): only the difference of the noises enters. Which "
        "distribution has it?",
        "Section 10.4: class 1 wins against class 2 with probability e^a/(e^a + 1), and it wins if G₂ − G₁ < a. So "
        "this is the distribution function of the difference.",
        "Solve u = 1/(1 + e^{−d}) for d: d = log u − log(1 − u), which is torch.logit(u). Then "
        "`torch.sigmoid((log_odds + d) / temperature)`.",
    ),
    praise="The difference is a logistic variable. At every temperature y exceeds ½ as often as the coin falls on 1.",
)


def _ways_law(rng):
    """One to five draws among two to five classes, from nearly even to in a corner, some of them just there."""
    draws, classes = rng.integers(1, 6), rng.integers(2, 6)
    temperature = float(10 ** rng.uniform(-0.7, 0.7))
    scores = (rng.normal(0, 1, classes) + rng.gumbel(size=(draws, classes))) / temperature
    relaxed = special.softmax(scores, axis=1)
    corners = rng.random(draws) < 0.15
    relaxed[corners] = np.eye(classes)[relaxed[corners].argmax(1)]
    curvature = rng.normal(0, 1, (classes, classes))
    slope = rng.normal(0.3, 1.5, classes)
    arrays = relaxed, curvature + curvature.T, slope
    return *map(torch.tensor, arrays), temperature


def _through_softmax(relaxed, slopes, temperature):
    return relaxed * (slopes - (relaxed * slopes).sum(-1, keepdim=True)) / temperature


def _ways_back(relaxed, curvature, slope, temperature):
    return tuple(
        _through_softmax(relaxed, where @ curvature + slope, temperature) for where in (relaxed, _one_hot(relaxed))
    )


def _ways_by_autograd(relaxed, curvature, slope, temperature):
    def gradient(straight):
        leaf = (relaxed.clamp(min=1e-300).log() * temperature).requires_grad_()
        soft = (leaf / temperature).softmax(-1)
        point = _one_hot(soft) + soft - soft.detach() if straight else soft
        value = 0.5 * ((point @ curvature) * point).sum() + (point @ slope).sum()
        return torch.autograd.grad(value, leaf)[0]

    return gradient(False), gradient(True)


def _ways_by_jacobians(relaxed, curvature, slope, temperature):
    soft, straight = [], []
    for y in relaxed:
        jacobian = (torch.diag(y) - torch.outer(y, y)) / temperature
        corner = torch.zeros_like(y)
        corner[int(y.argmax())] = 1.0
        soft.append(jacobian @ (curvature @ y + slope))
        straight.append(jacobian @ (curvature @ corner + slope))
    return torch.stack(soft), torch.stack(straight)


def _with_slopes(soft_slopes, straight_slopes):
    """Build a misconception about where the slope of f is taken: from (y, C, s)."""

    def answer(relaxed, curvature, slope, temperature):
        return tuple(
            _through_softmax(relaxed, slopes(relaxed, curvature, slope), temperature)
            for slopes in (soft_slopes, straight_slopes)
        )

    return answer


def _with_way(way):
    """Build a misconception about the way from the slopes back to the logits: from (y, z, slopes, τ)."""

    def answer(relaxed, curvature, slope, temperature):
        corner = _one_hot(relaxed)
        return tuple(way(relaxed, corner, where @ curvature + slope, temperature) for where in (relaxed, corner))

    return answer


def _at_y(relaxed, curvature, slope):
    return relaxed @ curvature + slope


def _at_corner(relaxed, curvature, slope):
    return _one_hot(relaxed) @ curvature + slope


ways_back = Exercise(
    name="ways_back",
    arguments=("relaxed", "curvature", "slope", "temperature"),
    returns=("Gumbel-softmax", "straight-through"),
    reference=_ways_back,
    spellings={"autograd": _ways_by_autograd, "Jacobians": _ways_by_jacobians},
    probes=[
        (_tensor([0.75, 0.25]), _tensor([2.0, 0.0], [0.0, 0.0]), _tensor(0.0, 0.0), 1.0),
        (
            _tensor([0.2, 0.7, 0.1], [0.5, 0.1, 0.4]),
            _tensor([1.0, 0.5, -1.0], [0.5, -2.0, 0.3], [-1.0, 0.3, 0.7]),
            _tensor(0.4, -1.0, 2.0),
            0.5,
        ),
        (_tensor([0.0, 1.0], [0.9, 0.1]), _tensor([-1.0, 0.6], [0.6, 3.0]), _tensor(1.0, 0.5), 2.0),
    ],
    law=_ways_law,
    misconceptions=[
        Misconception(
            "slope at y for both",
            _with_slopes(_at_y, _at_y),
            "The first gradient is right. For straight-through f sees the corner on the way there, so its slope is "
            "that at the corner.",
        ),
        Misconception(
            "slope at the corner for both",
            _with_slopes(_at_corner, _at_corner),
            "The second gradient is right. With Gumbel-softmax f never sees the corner: its slope is that at y.",
        ),
        Misconception(
            "back through the corner",
            lambda relaxed, curvature, slope, temperature: (
                _ways_back(relaxed, curvature, slope, temperature)[0],
                _through_softmax(_one_hot(relaxed), _at_corner(relaxed, curvature, slope), temperature),
            ),
            "The first gradient is right. In the second z stands where y belongs, and it vanishes: an argmax has no "
            "slope. On the way back straight-through pretends that it had been y.",
        ),
        Misconception(
            "diagonal of the Jacobian",
            _with_way(lambda y, z, slopes, temperature: slopes * y * (1 - y) / temperature),
            "You took y (1 − y) entry by entry. A softmax couples the classes: one logit moves all of them, "
            "∂y_j/∂a_k = y_j (δ_jk − y_k) / τ, and you need the sum over j.",
        ),
        Misconception(
            "1/τ left out",
            _with_way(lambda y, z, slopes, temperature: _through_softmax(y, slopes, 1.0)),
            "The factor 1/τ is missing: the logits are divided by τ on the way there, and so is the slope on the way "
            "back.",
        ),
        Misconception(
            "identity on the way back",
            _with_way(lambda y, z, slopes, temperature: slopes),
            "These are the slopes of f with respect to its input. They have to go back through the softmax, to the "
            "logits.",
        ),
        Misconception(
            "average not taken off",
            _with_way(lambda y, z, slopes, temperature: y * slopes / temperature),
            "You multiplied the slopes by y, and forgot the softmax's normaliser: raise all logits alike, and nothing "
            "moves. The entries of a row of the gradient must add up to 0.",
        ),
        Misconception(
            "half the curvature",
            _with_slopes(
                lambda y, curvature, slope: y @ curvature / 2 + slope,
                lambda y, curvature, slope: _one_hot(y) @ curvature / 2 + slope,
            ),
            "The slope of ½ vᵀCv is Cv: both places of v contribute one half.",
        ),
        Misconception(
            "curvature alone",
            _with_slopes(
                lambda y, curvature, slope: y @ curvature,
                lambda y, curvature, slope: _one_hot(y) @ curvature,
            ),
            "The linear part of f is missing: the slope of sᵀv is s, everywhere.",
        ),
    ],
    hints=(
        "Three factors by the chain rule: the slope of f where f was evaluated, the softmax, and the division by τ. "
        "Only the first differs between the two.",
        "The slope of f at v is Cv + s: at y for Gumbel-softmax, at the one-hot vector of y's largest entry for "
        "straight-through. The softmax gives ∂y_j/∂a_k = y_j (δ_jk − y_k)/τ.",
        "For slopes t (N, K): y · (t − Σ_j y_j t_j) / τ. And t is `relaxed @ curvature + slope`, with the one-hot rows "
        "in place of `relaxed` for the second.",
    ),
    praise="One way back, two places to ask for a slope. For a quadratic f, as here, either is right as τ → 0.",
)
