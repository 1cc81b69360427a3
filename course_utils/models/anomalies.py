"""Alarms: how strange a data point is to a model, and how well such a score tells anomalies from what is usual.

Every score is higher for what is held to be stranger. A model's own log-density is one of them, turned round, and it
can fail: simple pictures of another kind may be denser than the data. A ratio to a background model, and the distance
from the usual log-density, look at the same number in another way. Log-densities are in nats.

Sources: Nalisnick, Matsukawa, Teh, Gorur and Lakshminarayanan, "Do Deep Generative Models Know What They Don't Know?"
(2019), arXiv 1810.09136; Ren et al., "Likelihood Ratios for Out-of-Distribution Detection" (2019), arXiv 1906.02845;
Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality" (2019), arXiv
1906.02994; Serrà et al., "Input complexity and out-of-distribution detection with likelihood-based generative models"
(2020), arXiv 1909.11480.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.models.networks import check_features, check_torch_generator
from course_utils.models.vae import VAE
from course_utils.workshop.validation import check_array, check_scalar

# --- scores -----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def reconstruction_score(model: VAE, x: Tensor) -> Tensor:
    """Return −log p(x | z) (N,) in nats at the mean z of q(z | x): how badly x is reconstructed."""
    return -model.log_likelihood(x, model.encode(x)[0])


@torch.no_grad()
def elbo_score(model: VAE, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """Return −ELBO (N,) in nats, by `samples` draws of z."""
    return -model.elbo(x, samples, generator)


def log_prob_score(model: VAE, x: Tensor, samples: int = 100, generator: torch.Generator | None = None) -> Tensor:
    """Return −log p(x) (N,) in nats, estimated by importance sampling with `samples` draws of q(z | x)."""
    return -model.importance_log_prob(x, samples, generator)


def ratio_score(log_prob: Tensor, background_log_prob: Tensor) -> Tensor:
    """Return log p_background(x) − log p(x) (N,) in nats: how much better the background explains x than the model.

    What makes any picture likely, such as little ink, is in both and cancels.

    Source: Ren et al. (2019), section 3, with the sign of a score.
    """
    _check_pair(log_prob, background_log_prob)
    return background_log_prob - log_prob


def typicality_score(log_prob: Tensor, reference_log_prob: Tensor) -> Tensor:
    """Return |log p(x) − mean of the reference| (N,) in nats: how far log p is from what it usually is, on either side.

    Parameters
    ----------
    log_prob : (N,) of the points to judge.
    reference_log_prob : (M,) of usual points that the model was not trained on.

    Source: Nalisnick et al. (2019, typicality), section 3, for a batch of one.
    """
    for name, value in (("log_prob", log_prob), ("reference_log_prob", reference_log_prob)):
        _check_row(name, value)
    return (log_prob - reference_log_prob.mean()).abs()


# --- backgrounds ------------------------------------------------------------------------------------------------------


class IndependentPixels:
    """The background that knows how often each pixel has ink, and nothing else.

    Parameters
    ----------
    x : (N, D) in [0, 1], from which the probabilities are taken.
    smoothing : so many pictures with half ink everywhere are added, so that no pixel is impossible.

    Attributes
    ----------
    probabilities : (D,) of ink.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, x: Tensor, smoothing: float = 1.0):
        _check_pictures(x)
        smoothing = check_scalar("smoothing", smoothing, positive=True)
        self.probabilities = (x.sum(0) + 0.5 * smoothing) / (len(x) + smoothing)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) (N,) in nats, for x (N, D) in {0, 1}; for grey levels x·log p + (1 − x)·log(1 − p)."""
        check_features(x, len(self.probabilities))
        return x @ self.probabilities.log() + (1 - x) @ torch.log1p(-self.probabilities)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws of x (count, D) in {0, 1}."""
        count = check_scalar("count", count, integer=True, minimum=1)
        rows = self.probabilities.expand(count, -1)
        return torch.bernoulli(rows, generator=check_torch_generator(generator))


def flip(x: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Return x (N, D) with each pixel, with probability `share`, replaced by 0 or 1 at random.

    A VAE that is trained on such pictures is a background: it knows how ink is spread, and less of what it forms.

    Source: Ren et al. (2019), section 3, who mutate a share of all letters or pixels.
    """
    _check_pictures(x)
    share = check_scalar("share", share, minimum=0, maximum=1)
    generator = check_torch_generator(generator)
    chosen = torch.rand(x.shape, generator=generator, dtype=x.dtype) < share
    return torch.where(chosen, torch.bernoulli(torch.full_like(x, 0.5), generator=generator), x)


def compressed_log_prob(x: Tensor) -> Tensor:
    """Return −(length of each compressed picture in bits) · log 2 (N,): the log-probability, in nats, of a compressor.

    Whatever writes pictures as bits, and can be read again, is a model: n bits stand for a probability of 2⁻ⁿ. This one
    is zlib, on eight pixels a byte, which saw no training data. As the background of `ratio_score` it stands for how
    simple a picture is.

    Parameters
    ----------
    x : (N, D) black-and-white pictures, all numbers 0 or 1.

    Raises
    ------
    TypeError, ValueError : x is not as described.

    Source: Serrà et al. (2020), section 3, with compressors made for pictures.
    """
    _check_pictures(x)
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("x must be black and white, all numbers 0 or 1: grey levels do not fit in one bit a pixel")
    rows = np.packbits(x.detach().cpu().numpy().astype(np.uint8), axis=1)
    lengths = [8 * len(zlib.compress(row.tobytes(), 9)) for row in rows]
    return -math.log(2) * torch.tensor(lengths, dtype=x.dtype)


# --- alarms -----------------------------------------------------------------------------------------------------------


class AlarmCurve(NamedTuple):
    """What each threshold gives, from an alarm for nothing to an alarm for everything: the ROC curve."""

    thresholds: np.ndarray
    """(T,) falling, the first +∞; an alarm is given where score ≥ threshold, in `alarm_rates` only above it."""
    false_alarms: np.ndarray
    """(T,) share of usual points with an alarm."""
    detections: np.ndarray
    """(T,) share of anomalies with an alarm."""


def alarm_curve(labels: Any, scores: Any) -> AlarmCurve:
    """Return false alarms and detections for every threshold that makes a difference.

    The area under it is `graphs.area_under_curve(labels, scores)`.

    Parameters
    ----------
    labels : (P,) 1 for an anomaly, 0 for what is usual; both occur.
    scores : (P,) higher for what is stranger.

    Raises
    ------
    TypeError, ValueError : the two are not as described.
    """
    labels, scores = _check_labelled(labels, scores)
    order = (-scores).argsort(kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each group of equal scores
    anomalies = np.cumsum(labels[order])[last]
    usual = last + 1 - anomalies
    return AlarmCurve(
        np.append(np.inf, scores[order][last]),
        np.append(0.0, usual / usual[-1]),
        np.append(0.0, anomalies / anomalies[-1]),
    )


def alarm_rates(labels: Any, scores: Any, threshold: float) -> tuple[float, float]:
    """Return the two kinds of error of the alarm "score > threshold".

    Returns
    -------
    share of usual points with an alarm, and share of anomalies without one.

    Raises
    ------
    TypeError, ValueError : as `alarm_curve`, or the threshold is no finite number.
    """
    labels, scores = _check_labelled(labels, scores)
    alarm = scores > check_scalar("threshold", threshold)
    return float(alarm[labels == 0].mean()), float((~alarm)[labels == 1].mean())


def threshold_for(usual_scores: Any, false_alarms: float) -> float:
    """Return the least threshold, among the scores (N,) of usual points, above which at most this share of them lies.

    Raises
    ------
    TypeError, ValueError : the scores are not finite numbers, or `false_alarms` does not lie between 0 and 1.
    """
    scores = check_array("usual_scores", usual_scores, shape=("N",), min_size=1)
    share = check_scalar("false_alarms", false_alarms)
    if not 0 < share < 1:
        raise ValueError(f"false_alarms must be a share between 0 and 1, both left out; got {share}")
    return float(np.quantile(scores, 1 - share, method="inverted_cdf"))


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_labelled(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    labels = check_array("labels", labels, shape=("P",), dtype="int")
    scores = check_array("scores", scores, shape=(len(labels),))
    if set(labels.tolist()) != {0, 1}:
        raise ValueError(f"labels must hold 0, usual, and 1, strange; they hold {sorted(set(labels.tolist()))[:5]}")
    return labels, scores


def _check_row(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch tensor; got {type(value).__name__}")
    if value.ndim != 1 or not len(value):
        raise ValueError(f"{name} must have one number a data point; got shape {tuple(value.shape)}")


def _check_pair(log_prob: Any, background: Any) -> None:
    for name, value in (("log_prob", log_prob), ("background_log_prob", background)):
        _check_row(name, value)
    if len(log_prob) != len(background):
        raise ValueError(
            f"both log-densities must be of the same points; got {len(log_prob)} and {len(background)} of them"
        )


def _check_pictures(x: Any) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        came = f"{x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x must be a tensor of floating-point numbers; got {came}")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x must have rows and columns; got shape {tuple(x.shape)}")
    if not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(f"x must lie in [0, 1]; got {x.min().item():.6g} to {x.max().item():.6g}")
