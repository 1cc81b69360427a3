"""Lesson 16, put to work: its exercises about completing what was half seen."""

import numpy as np
import torch
from torch.nn import functional

from course_utils.lessons.put_to_work.exercises_checks import interval_coverage, precision_and_recall
from course_utils.lessons.put_to_work.exercises_densities import conditional_kl, flow_log_prob
from course_utils.lessons.put_to_work.exercises_games import gan_losses, gan_value
from course_utils.lessons.put_to_work.exercises_scores import anomaly_scores, auc_with_error
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- 16.1 -------------------------------------------------------------------------------------------------------------


def _pixel_logs(picture, logits):
    """Log-probabilities (K, D) of the picture's pixels under each draw."""
    return picture * logits - functional.softplus(logits)


def _log_weights(picture, seen, logits, log_prior, log_q):
    return _pixel_logs(picture, logits)[:, seen].sum(1) + log_prior - log_q


def _filled(picture, seen, predicted):
    return torch.where(seen, picture, predicted)


def _complete(picture, seen, logits, log_prior, log_q):
    weights = _log_weights(picture, seen, logits, log_prior, log_q).softmax(0)
    return _filled(picture, seen, weights @ logits.sigmoid())


def _complete_loop(picture, seen, logits, log_prior, log_q):
    logs = []
    for row, prior, proposal in zip(logits.tolist(), log_prior.tolist(), log_q.tolist(), strict=True):
        log_weight = prior - proposal
        for value, logit, was_seen in zip(picture.tolist(), row, seen.tolist(), strict=True):
            if was_seen:
                log_weight -= np.logaddexp(0, -logit if value == 1 else logit)
        logs.append(log_weight)
    total = np.logaddexp.reduce(logs)
    answer = picture.clone()
    for place in np.flatnonzero(~seen.numpy()):
        parts = [log - total - np.logaddexp(0, -row[place]) for log, row in zip(logs, logits.tolist(), strict=True)]
        answer[place] = np.exp(parts).sum()
    return answer


def _complete_by_torch(picture, seen, logits, log_prior, log_q):
    pixels = torch.distributions.Bernoulli(logits=logits)
    log_w = (pixels.log_prob(picture) * seen).sum(-1) + log_prior - log_q
    weights = torch.exp(log_w - torch.logsumexp(log_w, 0))
    answer = (weights[:, None] * pixels.probs).sum(0)
    answer[seen] = picture[seen]
    return answer


def _with_log_weights(log_weights):
    """Build a misconception from other log-weights."""

    def answer(picture, seen, logits, log_prior, log_q):
        weights = log_weights(picture, seen, logits, log_prior, log_q).softmax(0)
        return _filled(picture, seen, weights @ logits.sigmoid())

    return answer


def _with_prediction(predict):
    """Build a misconception from what is done with the log-weights and the logits."""

    def answer(picture, seen, logits, log_prior, log_q):
        return _filled(picture, seen, predict(_log_weights(picture, seen, logits, log_prior, log_q), logits))

    return answer


def _half_seen_law(rng):
    """One to seven draws and pixels; all seen, none, or some; decoders that are sure and decoders that are not."""
    draws, pixels = rng.integers(1, 8), rng.integers(1, 8)
    seen = rng.random(pixels) < rng.choice([0.0, 0.3, 0.6, 0.8, 1.0], p=[0.1, 0.3, 0.3, 0.2, 0.1])
    logits = rng.normal(0, rng.choice([0.7, 2.0]), (draws, pixels))
    picture = rng.integers(0, 2, pixels)
    log_prior, log_q = rng.normal(-3, 1, (2, draws))
    picture, logits, log_prior, log_q = (
        torch.tensor(value, dtype=torch.float64) for value in (picture, logits, log_prior, log_q)
    )
    return picture, torch.tensor(seen), logits, log_prior, log_q


complete_pixels = Exercise(
    name="complete_pixels",
    arguments=("picture", "seen", "logits", "log_prior", "log_q"),
    returns="completed",
    reference=_complete,
    spellings={"loop": _complete_loop, "torch.distributions": _complete_by_torch},
    probes=[
        (
            _tensor(1, 0),
            torch.tensor([True, False]),
            _tensor([0.9, 0.8], [0.3, 0.4]).logit(),
            _tensor(-1.0, -1.0),
            _tensor(-1.0, -1.0),
        ),
        (
            _tensor(1, 0, 1, 0),
            torch.tensor([True, True, False, False]),
            _tensor([0.5, -1.0, 2.0, -0.3], [-1.5, 0.4, -0.7, 1.2], [1.1, 0.9, 0.3, -2.0]),
            _tensor(-2.0, -1.2, -2.9),
            _tensor(-1.1, -2.3, -1.7),
        ),
        (
            _tensor(0, 1, 1, 0, 1),
            torch.tensor([True, False, True, False, True]),
            _tensor([-0.4, 1.3, 0.8, 0.2, 1.0], [1.0, -0.6, 0.1, -1.5, -0.2]),
            _tensor(-3.0, -2.2),
            _tensor(-2.1, -2.9),
        ),
        (
            _tensor(0, 1, 0),
            torch.tensor([False, False, False]),
            _tensor([0.3, -1.0, 2.0], [1.4, 0.2, -0.5], [-0.8, 0.6, 0.1]),
            _tensor(-1.0, -2.0, -1.5),
            _tensor(-1.8, -1.0, -1.2),
        ),
    ],
    law=_half_seen_law,
    extremes=[
        (
            _tensor(1, 0, 1),
            torch.tensor([True, True, False]),
            _tensor([-900.0, 2.0, 1.0], [-880.0, -3.0, -0.5], [-881.0, 1.0, 0.2]),
            _tensor(-2.0, -1.0, -3.0),
            _tensor(-1.5, -2.5, -1.0),
        ),
        (
            _tensor(1, 0, 0),
            torch.tensor([True, False, False]),
            _tensor([900.0, -900.0, 0.3], [800.0, 700.0, -1.2]),
            _tensor(-3000.0, -3001.0),
            _tensor(-1.0, -1.5),
        ),
        (
            _tensor(1, 1),
            torch.tensor([True, False]),
            _tensor([0.4, 1.0], [0.1, -1.0]),
            _tensor(-9.0, -9.5),
            _tensor(-2900.0, -2900.4),
        ),
    ],
    stable="softmax of the log-weights, or torch.logsumexp; no weight is computed on its own",
    misconceptions=[
        Misconception(
            "weights from all pixels",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _pixel_logs(picture, logits).sum(1) + log_prior - log_q
            ),
            "Your weights look at the hidden pixels as well. What stands in `picture` there was never seen, and the "
            "completion follows it: add up over the *seen* pixels only.",
        ),
        Misconception(
            "weights from the hidden pixels",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _log_weights(picture, ~seen, logits, log_prior, log_q)
            ),
            "Your weights look at the hidden pixels and at nothing else: the mask is the wrong way round.",
        ),
        Misconception(
            "prior forgotten",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _log_weights(
                    picture, seen, logits, 0 * log_prior, log_q
                )
            ),
            "The prior is not in your weights. Draws come from q, and the target is p(z) p(seen | z): a code that the "
            "prior thinks improbable has to count less.",
        ),
        Misconception(
            "proposal forgotten",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _log_weights(
                    picture, seen, logits, log_prior, 0 * log_q
                )
            ),
            "You did not divide by q. Where q is dense there are many draws already, and without the division they "
            "count twice: as many, and with the full weight.",
        ),
        Misconception(
            "likelihood only",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _log_weights(picture, seen, logits, 0, 0)
            ),
            "Your weights are the likelihoods of the seen pixels. That is right if the draws come from the prior; "
            "these come from q.",
        ),
        Misconception(
            "log-weights without the likelihood",
            _with_log_weights(lambda picture, seen, logits, log_prior, log_q: log_prior - log_q),
            "What was seen is not in your weights: they are p(z)/q(z), and the completion is the same for every "
            "picture.",
        ),
        Misconception(
            "p and q exchanged",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: _log_weights(picture, seen, logits, log_q, log_prior)
            ),
            "The prior divides in your weights, and q multiplies. It is the other way round: target over proposal.",
        ),
        Misconception(
            "mean over the seen pixels",
            _with_log_weights(
                lambda picture, seen, logits, log_prior, log_q: (
                    _pixel_logs(picture, logits)[:, seen].sum(1) / max(int(seen.sum()), 1) + log_prior - log_q
                )
            ),
            "You averaged the log-probabilities of the seen pixels. Each pixel is evidence of its own, so they are "
            "added: ten pixels that fit say more than one.",
        ),
        Misconception(
            "not normalised",
            _with_prediction(lambda log_w, logits: log_w.exp() @ logits.sigmoid()),
            "Your weights do not add up to 1, and what you return are no probabilities. Divide by the sum of the "
            "weights.",
        ),
        Misconception(
            "joint instead of conditional",
            _with_prediction(lambda log_w, logits: log_w.exp() @ logits.sigmoid() / len(log_w)),
            "This estimates p(ink *and* what was seen). Given what was seen, divide by p(seen), which the mean of the "
            "weights estimates.",
        ),
        Misconception(
            "logits averaged",
            _with_prediction(lambda log_w, logits: (log_w.softmax(0) @ logits).sigmoid()),
            "You averaged the logits and took σ afterwards. A probability given what was seen is an average of "
            "*probabilities*; averaged logits let one draw that is very sure outvote the others.",
        ),
        Misconception(
            "no weights",
            _with_prediction(lambda log_w, logits: logits.sigmoid().mean(0)),
            "All draws count the same in your answer. They come from q, and not from the posterior given what was "
            "seen.",
        ),
        Misconception(
            "the best draw",
            _with_prediction(lambda log_w, logits: logits[log_w.argmax()].sigmoid()),
            "You took the draw with the largest weight alone. That is one answer, given as if it were the only one; "
            "the others have their share.",
        ),
        Misconception(
            "log-weights as weights",
            _with_prediction(lambda log_w, logits: log_w / log_w.sum() @ logits.sigmoid()),
            "You divided *log*-weights by their sum. Take them to weights first: `softmax`.",
        ),
        Misconception(
            "rounded",
            lambda *arguments: _complete(*arguments).round(),
            "You decided for 0 or 1. Asked for is how probable ink is.",
        ),
        Misconception(
            "seen pixels predicted",
            lambda picture, seen, logits, log_prior, log_q: (
                _log_weights(picture, seen, logits, log_prior, log_q).softmax(0) @ logits.sigmoid()
            ),
            "You returned the model's probabilities for the seen pixels too. What they are is known: keep them.",
        ),
    ],
    hints=(
        "From which distribution do the draws come, and from which should they come? A weight is the ratio of the two, "
        "up to a factor.",
        "The log-weight of draw k: `log_prior[k] − log_q[k]` + the sum of log p(x_d | z_k) over the seen pixels, where "
        "log p is x · logit − softplus(logit). Turn log-weights to weights that add up to 1 by `softmax`.",
        "`torch.where(seen, picture, torch.softmax(log_w, 0) @ torch.sigmoid(logits))`.",
    ),
    praise="The weights make up for a q that is not quite right, as long as some draws lie where the posterior is.",
)


# --- 16.2 -------------------------------------------------------------------------------------------------------------


def _gaussian_parts(seen, loadings, scale):
    covariance = loadings @ loadings.T + scale**2 * np.eye(len(seen))
    hidden = ~seen
    return (
        covariance[np.ix_(hidden, hidden)],
        covariance[np.ix_(hidden, seen)],
        covariance[np.ix_(seen, seen)],
    )


def _conditional(x, seen, offset, loadings, scale):
    within, across, known = _gaussian_parts(seen, loadings, scale)
    gain = np.linalg.solve(known, across.T).T
    return offset[~seen] + gain @ (x - offset)[seen], within - gain @ across.T


def _by_posterior(x, seen, offset, loadings, scale):
    """By way of the posterior of z given what was seen."""
    above, below = loadings[seen], loadings[~seen]
    precision = np.eye(loadings.shape[1]) + above.T @ above / scale**2
    spread = np.linalg.inv(precision)
    centre = spread @ above.T @ (x[seen] - offset[seen]) / scale**2
    return offset[~seen] + below @ centre, below @ spread @ below.T + scale**2 * np.eye(len(below))


def _by_precision(x, seen, offset, loadings, scale):
    """By the precision of all entries: its hidden block is the precision that is left."""
    precision = np.linalg.inv(loadings @ loadings.T + scale**2 * np.eye(len(x)))
    left = np.linalg.inv(precision[~seen][:, ~seen])
    return offset[~seen] - left @ precision[~seen][:, seen] @ (x - offset)[seen], left


def _one_by_one(x, seen, offset, loadings, scale):
    """One seen entry after the other, as a filter does."""
    mean, covariance = offset.copy(), loadings @ loadings.T + scale**2 * np.eye(len(x))
    for place in np.flatnonzero(seen):
        gain = covariance[:, place] / covariance[place, place]
        mean = mean + gain * (x[place] - mean[place])
        covariance = covariance - np.outer(gain, covariance[place])
    return mean[~seen], covariance[~seen][:, ~seen]


def _with_mean(mean):
    return lambda *arguments: (mean(*arguments), _conditional(*arguments)[1])


def _with_covariance(covariance):
    return lambda *arguments: (_conditional(*arguments)[0], covariance(*arguments))


def _gain(seen, loadings, scale):
    _, across, known = _gaussian_parts(seen, loadings, scale)
    return across @ np.linalg.inv(known)


def _by_least_squares(x, seen, offset, loadings, scale):
    """With the code that fits what was seen best, as if it had no prior."""
    spread = np.linalg.pinv(loadings[seen].T @ loadings[seen] / scale**2)
    centre = spread @ loadings[seen].T @ (x - offset)[seen] / scale**2
    below = loadings[~seen]
    return offset[~seen] + below @ centre, below @ spread @ below.T + scale**2 * np.eye(len(below))


def _everything_seen(x, seen, offset, loadings, scale):
    mean, covariance = _by_posterior(
        np.concatenate([x, x[~seen]]),
        np.concatenate([np.ones(len(x), dtype=bool), np.zeros(np.sum(~seen), dtype=bool)]),
        np.concatenate([offset, offset[~seen]]),
        np.concatenate([loadings, loadings[~seen]]),
        scale,
    )
    return mean, covariance


def _linear_law(rng):
    """One to six entries and one to four latents; some entries seen, or none, and at least one hidden."""
    size, latents = rng.integers(1, 7), rng.integers(1, 5)
    seen = rng.random(size) < rng.choice([0.3, 0.7])
    seen[rng.integers(size)] = False
    x, offset = rng.normal(0, 2, (2, size))
    loadings = rng.standard_normal((size, latents))
    loadings[rng.random((size, latents)) < 0.15] = 0.0
    return x, seen, offset, loadings, float(rng.uniform(0.2, 1.5))


complete_gaussian = Exercise(
    name="complete_gaussian",
    arguments=("x", "seen", "offset", "loadings", "scale"),
    returns=("mean", "covariance"),
    reference=_conditional,
    spellings={"by the posterior of z": _by_posterior, "by the precision": _by_precision, "one by one": _one_by_one},
    probes=[
        (np.array([2.0, -1.0]), np.array([True, False]), np.zeros(2), np.array([[1.0], [1.0]]), 1.0),
        (
            np.array([1.5, -0.3, 0.7, 2.0]),
            np.array([True, False, True, False]),
            np.array([0.4, 1.0, -0.6, 0.2]),
            np.array([[1.2, 0.3], [-0.5, 0.8], [0.4, -1.1], [0.9, 0.6]]),
            0.7,
        ),
        (
            np.array([-1.0, 0.5, 3.0]),
            np.array([False, True, False]),
            np.array([0.5, -0.8, 1.1]),
            np.array([[0.7, -0.2], [1.5, 0.4], [-0.6, 1.0]]),
            0.4,
        ),
        (
            np.array([0.6, -1.4, 0.9, 0.1, 2.2]),
            np.array([True, True, False, True, True]),
            np.array([0.1, -0.5, 0.3, 0.9, -0.2]),
            np.array([[0.8, 0.1], [-0.3, 1.3], [1.0, -0.7], [0.2, 0.5], [1.1, 0.6]]),
            1.3,
        ),
        (np.array([5.0, 1.0]), np.array([False, False]), np.array([0.3, -0.4]), np.array([[1.0], [-2.0]]), 0.5),
    ],
    law=_linear_law,
    misconceptions=[
        Misconception(
            "noise of the hidden entries left out",
            _with_covariance(
                lambda x, seen, offset, loadings, scale: (
                    _conditional(x, seen, offset, loadings, scale)[1] - scale**2 * np.eye(np.sum(~seen))
                )
            ),
            "The mean is right. The covariance is that of m + Wz at the hidden entries, the picture without noise. The "
            "entries themselves are asked for: each has its own σε besides.",
        ),
        Misconception(
            "noise of the seen entries left out",
            lambda x, seen, offset, loadings, scale: (
                lambda within, across, known: (
                    offset[~seen] + across @ np.linalg.pinv(known) @ (x - offset)[seen],
                    within - across @ np.linalg.pinv(known) @ across.T,
                )
            )(*_gaussian_parts(seen, loadings, scale)[:2], loadings[seen] @ loadings[seen].T),
            "You took the covariance of the seen entries as WWᵀ, without their noise. Then what was seen is believed "
            "to the last digit: σ² belongs on its diagonal.",
        ),
        Misconception(
            "as before seeing",
            _with_covariance(lambda x, seen, offset, loadings, scale: _gaussian_parts(seen, loadings, scale)[0]),
            "The mean is right. The covariance is the one from before anything was seen. What was seen narrows it.",
        ),
        Misconception(
            "covariance widened",
            _with_covariance(
                lambda x, seen, offset, loadings, scale: (
                    2 * _gaussian_parts(seen, loadings, scale)[0] - _conditional(x, seen, offset, loadings, scale)[1]
                )
            ),
            "The mean is right. You *added* what seeing explains to the covariance. To see something never makes a "
            "Gaussian wider: subtract it.",
        ),
        Misconception(
            "single variances",
            _with_covariance(lambda *arguments: np.diag(np.diag(_conditional(*arguments)[1]))),
            "The mean is right. You kept the variances alone. The hidden entries still share the unknown part of z: if "
            "one comes out large, others do too.",
        ),
        Misconception(
            "offset not subtracted",
            _with_mean(lambda x, seen, offset, loadings, scale: offset[~seen] + _gain(seen, loadings, scale) @ x[seen]),
            "The covariance is right. For the mean you put in the seen values themselves. What tells something is by "
            "how much they differ from their mean: x − m.",
        ),
        Misconception(
            "offset not added",
            _with_mean(
                lambda x, seen, offset, loadings, scale: (
                    _conditional(x, seen, offset, loadings, scale)[0] - offset[~seen]
                )
            ),
            "The covariance is right. Your mean is the deviation from m at the hidden entries: add m there.",
        ),
        Misconception(
            "scale for its square",
            lambda x, seen, offset, loadings, scale: _conditional(x, seen, offset, loadings, np.sqrt(scale)),
            "You took `scale` for the variance of the noise. It is σ, and its square stands on the diagonal.",
        ),
        Misconception(
            "without a prior",
            _by_least_squares,
            "This is the code that fits the seen entries best, as least squares finds it. It forgets that z is "
            "standard normal beforehand: with few seen entries the code runs off.",
        ),
        Misconception(
            "hidden values used",
            _everything_seen,
            "What stands in `x` at the hidden entries has gone into your answer. It means nothing: keep only the seen "
            "rows of x, m and W.",
        ),
        Misconception(
            "entries independent of each other",
            _with_mean(
                lambda x, seen, offset, loadings, scale: (
                    offset[~seen] + _single_gains(seen, loadings, scale) @ (x - offset)[seen]
                )
            ),
            "The covariance is right. For the mean you predicted from each seen entry by itself and added up. Seen "
            "entries partly say the same thing, and that must not count twice: the inverse of their *whole* "
            "covariance takes care of it.",
        ),
        Misconception(
            "standard deviation",
            _with_covariance(lambda *arguments: np.sqrt(np.abs(_conditional(*arguments)[1]))),
            "The mean is right. You took the root of the covariance's entries. A covariance matrix was asked for.",
        ),
    ],
    hints=(
        "All entries together are Gaussian, with mean m. What is their covariance? (Two sources: z and the noise.)",
        "C = WWᵀ + σ²I. Cut it into blocks: hidden–hidden, hidden–seen, seen–seen. What do you know of a Gaussian of "
        "which a part was seen? Or go by way of the posterior of z.",
        "`gain = C_hs @ inv(C_ss)`; the mean is `m_h + gain @ (x_s − m_s)`, the covariance `C_hh − gain @ C_hs.T`. "
        "`np.ix_(~seen, seen)` cuts a block.",
    ),
    praise="An exact answer, against which completing by draws can be tested. The covariance never looked at x.",
)


def _single_gains(seen, loadings, scale):
    _, across, known = _gaussian_parts(seen, loadings, scale)
    return across / np.diag(known)


EXERCISES = (
    complete_pixels,
    complete_gaussian,
    interval_coverage,
    anomaly_scores,
    auc_with_error,
    conditional_kl,
    gan_losses,
    gan_value,
    flow_log_prob,
    precision_and_recall,
)
