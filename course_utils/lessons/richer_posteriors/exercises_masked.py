"""Lesson 14, richer posteriors: its exercise about a masked autoregressive density."""

import math

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _masked_log_prob(x, degrees, inner, mean_weights, log_scale_weights):
    place = torch.arange(1, x.shape[1] + 1)
    hidden = torch.tanh(x @ (inner * (place <= degrees[:, None])).T)
    earlier = degrees < place[:, None]
    mean, log_scale = hidden @ (mean_weights * earlier).T, hidden @ (log_scale_weights * earlier).T
    noise = (x - mean) * torch.exp(-log_scale)
    return (-0.5 * noise**2 - log_scale - 0.5 * math.log(2 * math.pi)).sum(1)


def _masked_loop(x, degrees, inner, mean_weights, log_scale_weights):
    total = torch.zeros(len(x), dtype=x.dtype)
    for d in range(x.shape[1]):
        mean = log_scale = torch.zeros(len(x), dtype=x.dtype)
        for h, degree in enumerate(degrees.tolist()):
            if degree <= d:
                unit = torch.tanh(x[:, :degree] @ inner[h, :degree])
                mean = mean + mean_weights[d, h] * unit
                log_scale = log_scale + log_scale_weights[d, h] * unit
        total = total + torch.distributions.Normal(mean, log_scale.exp()).log_prob(x[:, d])
    return total


def _masked_numpy(x, degrees, inner, mean_weights, log_scale_weights):
    x, degrees, inner, means, scales = (part.numpy() for part in (x, degrees, inner, mean_weights, log_scale_weights))
    index = np.arange(x.shape[1])
    hidden = np.tanh(np.einsum("nd,hd,hd->nh", x, inner, degrees[:, None] > index))
    seen = degrees <= index[:, None]
    mean, log_scale = hidden @ np.where(seen, means, 0).T, hidden @ np.where(seen, scales, 0).T
    return np.sum(-((x - mean) ** 2) / (2 * np.exp(2 * log_scale)) - log_scale - np.log(2 * np.pi) / 2, axis=1)


def _with_masks(inner_mask, outer_mask):
    """Build a misconception from the masks (H, D) and (D, H), given the degrees and the places 1 … D."""

    def answer(x, degrees, inner, mean_weights, log_scale_weights):
        place, degree = torch.arange(1, x.shape[1] + 1), degrees[:, None]
        hidden = torch.tanh(x @ (inner * inner_mask(place, degree)).T)
        mask = outer_mask(place, degree).T
        mean, log_scale = hidden @ (mean_weights * mask).T, hidden @ (log_scale_weights * mask).T
        return torch.distributions.Normal(mean, log_scale.exp()).log_prob(x).sum(1)

    return answer


def _with_outputs(log_prob):
    """Build a misconception from x and the right means and log-scales, each (N, D)."""

    def answer(x, degrees, inner, mean_weights, log_scale_weights):
        place = torch.arange(1, x.shape[1] + 1)
        hidden = torch.tanh(x @ (inner * (place <= degrees[:, None])).T)
        earlier = degrees < place[:, None]
        mean, log_scale = hidden @ (mean_weights * earlier).T, hidden @ (log_scale_weights * earlier).T
        return log_prob(x, mean, log_scale).sum(1)

    return answer


def _standard(noise):
    return -0.5 * noise**2 - 0.5 * math.log(2 * math.pi)


def _all_seen(place, degree):
    return torch.ones(len(degree), len(place))


def _masked_law(rng):
    """One to five points in one to five dimensions, one to six hidden units of any degree, in any order."""
    points, size, units = rng.integers(1, 6), rng.integers(1, 6), rng.integers(1, 7)
    degrees = torch.tensor(rng.integers(1, size + 1, units))
    x, inner = torch.tensor(rng.normal(0, 1.5, (points, size))), torch.tensor(rng.normal(0, 1, (units, size)))
    weights = (torch.tensor(rng.normal(0, scale, (size, units))) for scale in (1.0, 0.5))
    return x, degrees, inner, *weights


masked_log_prob = Exercise(
    name="masked_log_prob",
    arguments=("x", "degrees", "inner", "mean_weights", "log_scale_weights"),
    returns="log_prob",
    reference=_masked_log_prob,
    spellings={"loop": _masked_loop, "numpy": _masked_numpy},
    probes=[
        (
            _tensor([0.0, 1.0]),
            torch.tensor([1, 2]),
            _tensor([0.5, 0.9], [0.3, -0.4]),
            _tensor([1.0, 2.0], [-1.0, 3.0]),
            _tensor([0.5, 0.2], [0.4, 1.0]),
        ),
        (
            _tensor([0.4, -1.2, 0.7], [1.1, 0.2, -0.5]),
            torch.tensor([2, 1, 3, 1]),
            _tensor([0.5, -0.8, 0.3], [1.2, 0.4, -0.6], [0.1, 0.7, 0.9], [-0.9, 0.2, 0.5]),
            _tensor([0.6, -0.3, 0.8, 0.2], [-0.5, 1.1, 0.4, -0.7], [0.9, 0.3, -0.2, 0.6]),
            _tensor([0.2, 0.4, -0.5, 0.1], [0.3, -0.6, 0.2, 0.5], [-0.4, 0.1, 0.7, -0.2]),
        ),
        (_tensor([1.5]), torch.tensor([1]), _tensor([0.8]), _tensor([0.7]), _tensor([-0.3])),
        (
            _tensor([0.9, 0.3], [-1.0, 2.0], [0.2, -0.6]),
            torch.tensor([1, 1, 1]),
            _tensor([1.0, 0.5], [-0.7, 0.8], [0.4, -0.9]),
            _tensor([0.3, 0.6, -0.5], [0.8, -1.2, 0.4]),
            _tensor([-0.2, 0.5, 0.3], [0.6, 0.1, -0.8]),
        ),
    ],
    law=_masked_law,
    misconceptions=[
        Misconception(
            "a coordinate sees itself",
            _with_masks(lambda place, degree: place <= degree, lambda place, degree: degree <= place),
            "Off by one in the second mask: coordinate d sees units that have seen x_d itself. Then −log σ is no "
            "longer the log-determinant, and this is no density. A unit of degree m is for the coordinates *after* m.",
        ),
        Misconception(
            "a unit sees one too few",
            _with_masks(lambda place, degree: place < degree, lambda place, degree: degree < place),
            "Off by one in the first mask: a unit of degree m sees the first m coordinates, the last of them "
            "included. Yours is a density, but of a smaller family: nothing ever depends on the neighbour before.",
        ),
        Misconception(
            "degrees counted from 0",
            _with_masks(lambda place, degree: place <= degree + 1, lambda place, degree: degree + 1 < place),
            "Your masks fit each other, but they are for degrees that count from 0. Here a unit of degree 1 sees one "
            "coordinate.",
        ),
        Misconception(
            "second mask forgotten",
            _with_masks(lambda place, degree: place <= degree, _all_seen),
            "The second mask is missing: mean and scale of the first coordinate depend on all hidden units, and so on "
            "itself.",
        ),
        Misconception(
            "first mask forgotten",
            _with_masks(_all_seen, lambda place, degree: degree < place),
            "The first mask is missing: each hidden unit sees all coordinates, so whatever sees a unit sees "
            "everything.",
        ),
        Misconception(
            "no masks",
            _with_masks(_all_seen, _all_seen),
            "There is no mask: each mean depends on the coordinate that it is the mean of. That is not a density.",
        ),
        Misconception(
            "later for earlier",
            _with_masks(lambda place, degree: place >= degree, lambda place, degree: degree > place),
            "Your order runs backwards: coordinate d depends on those after it. It is to depend on those before.",
        ),
        Misconception(
            "log-determinant added",
            _with_outputs(lambda x, mean, log_scale: _standard((x - mean) * (-log_scale).exp()) + log_scale),
            "The sign of the log-determinant is opposite. A large scale spreads the probability out: the density falls "
            "by log σ.",
        ),
        Misconception(
            "log-determinant forgotten",
            _with_outputs(lambda x, mean, log_scale: _standard((x - mean) * (-log_scale).exp())),
            "This is the density of the noise. In terms of x each coordinate brings its log-determinant, −log σ.",
        ),
        Misconception(
            "way of the sampler",
            _with_outputs(lambda x, mean, log_scale: _standard(mean + log_scale.exp() * x) + log_scale),
            "You put x through the sampler, as if it were noise. The density wants the noise that x came from: "
            "(x − μ)/σ.",
        ),
        Misconception(
            "multiplied by the scale",
            _with_outputs(lambda x, mean, log_scale: _standard((x - mean) * log_scale.exp()) - log_scale),
            "You multiply x − μ by σ. Noise is what is left after the division by σ.",
        ),
        Misconception(
            "log-variance",
            _with_outputs(lambda x, mean, log_var: torch.distributions.Normal(mean, (log_var / 2).exp()).log_prob(x)),
            "You took the network's output for a log-*variance*. It is log σ.",
        ),
    ],
    hints=(
        "Two masks of ones and zeros, the size of the weights. Try D = 2: which units may the mean of x₂ use, and what "
        "may these have seen?",
        "With places d = 1 … D: unit h sees place d if d ≤ degree; coordinate d sees unit h if degree < d. Then each "
        "coordinate is Gaussian given those before it.",
        "`place = torch.arange(1, D + 1)`; first mask `place <= degrees[:, None]` (H, D), second "
        "`degrees < place[:, None]` (D, H). The log-density is that of Normal(mean, log_scale.exp()), summed over d.",
    ),
    praise="One pass of a network gives all D conditional densities. Drawing takes D passes, one after another.",
)
