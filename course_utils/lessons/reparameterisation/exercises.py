"""Lesson 06, the reparameterisation trick: its exercises."""

import numpy as np
import torch
from scipy import linalg, special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _numbers(rng, *shape):
    """Numbers of both signs, with zeros and ties among them and, at times, rows that are all the same."""
    numbers = rng.normal(0, 1.5, shape)
    if rng.random() < 0.2:
        numbers = np.round(numbers)
    numbers[rng.random(shape) < 0.1] = 0.0
    if rng.random() < 0.15:
        numbers[:] = numbers[0]
    return numbers


def _score(z, mean, scale, values):
    return np.mean(values[:, None] * (z - mean) / scale**2, axis=0)


def _score_torch(z, mean, scale, values):
    mean = torch.tensor(mean, requires_grad=True)
    log_q = torch.distributions.Normal(mean, torch.tensor(scale)).log_prob(torch.tensor(z)).sum(dim=1)
    (torch.tensor(values) * log_q).mean().backward()
    return mean.grad


def _score_loop(z, mean, scale, values):
    total = np.zeros(len(mean))
    for draw, value in zip(z, values, strict=True):
        total += value * (draw - mean) / scale / scale
    return total / len(z)


def _score_law(rng):
    count, size = rng.integers(1, 13 if rng.random() < 0.15 else 6, 2)
    mean, scale = _numbers(rng, size), np.exp(rng.normal(0, 0.6, size))
    if rng.random() < 0.3:
        scale = 10 ** rng.uniform(-4, 2, size)
    return mean + scale * rng.standard_normal((count, size)), mean, scale, _numbers(rng, count)


score_gradient = Exercise(
    name="score_gradient",
    arguments=("z", "mean", "scale", "values"),
    returns="gradient",
    reference=_score,
    spellings={
        "torch": _score_torch,
        "loop": _score_loop,
        "matrix product": lambda z, mean, scale, values: values @ ((z - mean) / scale**2) / len(values),
    },
    probes=[
        (np.array([[1.5], [0.0]]), np.array([1.0]), np.array([0.5]), np.array([2.0, 3.0])),
        (
            np.array([[0.1, -1.4], [1.2, 0.6], [-0.5, -3.0]]),
            np.array([0.3, -1.0]),
            np.array([0.7, 1.6]),
            np.array([1.0, -2.0, 0.5]),
        ),
        # as many draws as coordinates: nothing is said of an axis that is mistaken
        (
            np.array([[0.4, 0.501], [-1.0, 0.4998]]),
            np.array([0.0, 0.5]),
            np.array([1.3, 0.0006]),
            np.array([3.0, -0.4]),
        ),
    ],
    law=_score_law,
    misconceptions=[
        Misconception(
            "missing score",
            lambda z, mean, scale, values: np.full(len(mean), np.mean(values)),
            "The score is missing: this is the average of f, the expectation itself. Multiply each value by the score "
            "of its draw, (z − mean)/scale², before you average.",
        ),
        Misconception(
            "mean over the wrong axis",
            lambda z, mean, scale, values: np.mean(values[:, None] * (z - mean) / scale**2, axis=1),
            "The average runs over the coordinates, and one number for each draw is left. Average over the draws: "
            "axis 0. One number for each parameter must remain.",
        ),
        Misconception(
            "mean over everything",
            lambda z, mean, scale, values: np.mean(values[:, None] * (z - mean) / scale**2),
            "One number came back: the average over draws and coordinates. A gradient has one entry for each "
            "parameter, so average over the draws alone.",
        ),
        Misconception(
            "sum over draws",
            lambda z, mean, scale, values: np.sum(values[:, None] * (z - mean) / scale**2, axis=0),
            "You sum over the draws. An expectation is estimated by their mean.",
        ),
        Misconception(
            "scale for variance",
            lambda z, mean, scale, values: np.mean(values[:, None] * (z - mean) / scale, axis=0),
            "You divide by the standard deviation. The derivative of −(z − mean)²/(2 scale²) divides by its square.",
        ),
        Misconception(
            "no variance",
            lambda z, mean, scale, values: np.mean(values[:, None] * (z - mean), axis=0),
            "The deviation z − mean is not divided by anything. The score of the mean is (z − mean)/scale².",
        ),
        Misconception(
            "derivative for z",
            lambda z, mean, scale, values: -_score(z, mean, scale, values),
            "The sign is turned: this is the derivative of log q with respect to z. With respect to the mean it is "
            "(z − mean)/scale².",
        ),
        Misconception(
            "log q for its gradient",
            lambda z, mean, scale, values: np.mean(values * stats.norm.logpdf(z, mean, scale).sum(axis=1)),
            "You multiply by log q itself. The score is its gradient with respect to the mean.",
        ),
        Misconception(
            "log q of each coordinate",
            lambda z, mean, scale, values: values @ stats.norm.logpdf(z, mean, scale) / len(z),
            "You multiply by log q of each coordinate. The score is its derivative with respect to the mean.",
        ),
        Misconception(
            "product of the averages",
            lambda z, mean, scale, values: np.mean(values) * np.mean((z - mean) / scale**2, axis=0),
            "You average values and scores separately. Their product must be averaged: which values go with which "
            "scores is all the information there is.",
        ),
        Misconception(
            "baseline",
            lambda z, mean, scale, values: _score(z, mean, scale, values - values.mean()),
            "The average of the values is subtracted from each: that is a baseline, and comes in the next exercise. "
            "(To subtract the average of the draws comes to the same.) Here f itself multiplies the score, which is "
            "taken with the `mean` of q.",
        ),
        Misconception(
            "divided by K − 1",
            lambda z, mean, scale, values: np.sum(values[:, None] * (z - mean) / scale**2, axis=0) / (len(z) - 1),
            "You divide by K − 1. That is for a variance, where a mean was taken from the same draws. Here the plain "
            "average over K draws is unbiased.",
        ),
        Misconception(
            "gradient for the logarithm of the scale",
            lambda z, mean, scale, values: np.mean(values[:, None] * (((z - mean) / scale) ** 2 - 1), axis=0),
            "This is the gradient with respect to the logarithms of the standard deviations. The one with respect to "
            "the mean is asked for, and its score is (z − mean)/scale².",
        ),
        Misconception(
            "no mean in the score",
            lambda z, mean, scale, values: np.mean(values[:, None] * z / scale**2, axis=0),
            "The draws themselves are divided by the variance. The score knows how far each draw lies from the mean: "
            "(z − mean)/scale².",
        ),
        Misconception(
            "scores alone",
            lambda z, mean, scale, values: np.mean((z - mean) / scale**2, axis=0),
            "This is the average score, which is 0 but for noise, whatever f is. Multiply each draw's score by its "
            "value first.",
        ),
        Misconception(
            "gradient for the scale",
            lambda z, mean, scale, values: np.mean(values[:, None] * ((z - mean) ** 2 / scale**3 - 1 / scale), axis=0),
            "This is the gradient with respect to the standard deviations. The one with respect to the mean is asked "
            "for, and its score is (z − mean)/scale².",
        ),
    ],
    hints=[
        "∇ E[f] = E[f · ∇ log q]: for each draw its value times its score, then the mean.",
        "log q contains −(z − mean)²/(2 scale²); its derivative with respect to the mean is (z − mean)/scale².",
        "np.mean(values[:, None] * (z − mean) / scale**2, axis=0).",
    ],
    praise="You never needed the derivative of f, nor its formula: its values at the draws were enough.",
)


def _leave_one_out(values, scores):
    others = (np.sum(values) - values) / (len(values) - 1)
    return np.mean((values - others)[:, None] * scores, axis=0)


def _leave_one_out_loop(values, scores):
    terms = [(value - np.delete(values, k).mean()) * scores[k] for k, value in enumerate(values)]
    return np.mean(terms, axis=0)


def _leave_one_out_table(values, scores):
    others = (1 - np.eye(len(values))) / (len(values) - 1)  # a row for each draw, with a 0 in its own place
    return scores.T @ (values - others @ values) / len(values)


def _leave_one_out_law(rng):
    count, size = rng.integers(20, 80) if rng.random() < 0.2 else rng.integers(2, 7), rng.integers(1, 6)
    return _numbers(rng, count) + rng.choice([0.0, 30.0]), _numbers(rng, count, size)


leave_one_out_gradient = Exercise(
    name="leave_one_out_gradient",
    arguments=("values", "scores"),
    returns="gradient",
    reference=_leave_one_out,
    spellings={
        "loop": _leave_one_out_loop,
        "table of others": _leave_one_out_table,
        "covariance": lambda values, scores: (values - values.mean()) @ scores / (len(values) - 1),
        "torch": lambda values, scores: (
            ((torch.tensor(values) - torch.tensor(values).mean())[:, None] * torch.tensor(scores)).sum(dim=0)
            / (len(values) - 1)
        ),
    },
    probes=[
        (np.array([1.0, 4.0]), np.array([[0.5], [-1.0]])),
        (np.array([2.0, 3.0, 7.0]), np.array([[1.0, 0.2], [-0.5, 1.0], [0.3, -2.0]])),
        (np.array([-3.0, 2.5]), np.array([[0.7, -1.0, 2.0], [0.4, 0.6, -0.3]])),
    ],
    law=_leave_one_out_law,
    misconceptions=[
        Misconception(
            "its own value in the baseline",
            lambda values, scores: np.mean((values - values.mean())[:, None] * scores, axis=0),
            "The baseline contains the draw's own value, or the scores have their own average subtracted, which comes "
            "to the same. It is then not independent of its score, and the estimate is too small by the factor "
            "(K − 1)/K. Average the values of the other draws only.",
        ),
        Misconception(
            "no baseline",
            lambda values, scores: np.mean(values[:, None] * scores, axis=0),
            "No baseline is subtracted. This is unbiased as well, but it scatters far more.",
        ),
        Misconception(
            "others over K",
            lambda values, scores: np.mean(
                (values - (np.sum(values) - values) / len(values))[:, None] * scores, axis=0
            ),
            "The other values are K − 1, and you divide their sum by K. That does not bias the estimate, but the "
            "baseline is no longer their average.",
        ),
        Misconception(
            "sum over draws",
            lambda values, scores: len(values) * _leave_one_out(values, scores),
            "You sum over the draws. An expectation is estimated by their mean.",
        ),
        Misconception(
            "standardised",
            lambda values, scores: np.mean(((values - values.mean()) / values.std())[:, None] * scores, axis=0),
            "You divide by the standard deviation of the values. That changes the length of the gradient from batch to "
            "batch, and is another quantity: subtract only.",
        ),
        Misconception(
            "standardised, zeros guarded",
            lambda values, scores: np.mean(
                ((values - values.mean()) / (values.std() + 1e-8))[:, None] * scores, axis=0
            ),
            "You standardise the values, as is often done with rewards. The division changes the length of the "
            "gradient from batch to batch: subtract only, and of each value the average of the *others*.",
        ),
        Misconception(
            "added",
            lambda values, scores: np.mean(
                (values + (np.sum(values) - values) / (len(values) - 1))[:, None] * scores, axis=0
            ),
            "The baseline is added. It must be subtracted, so that small numbers multiply the scores.",
        ),
        Misconception(
            "mean over the wrong axis",
            lambda values, scores: np.mean(
                (values - (np.sum(values) - values) / (len(values) - 1))[:, None] * scores, axis=1
            ),
            "The average runs over the parameters, and one number for each draw is left. Average over the draws, "
            "axis 0.",
        ),
        Misconception(
            "others not averaged",
            lambda values, scores: np.mean((values - (np.sum(values) - values))[:, None] * scores, axis=0),
            "You subtract the sum of the other values. The baseline is their average: divide by K − 1.",
        ),
        Misconception(
            "the others' values multiply",
            lambda values, scores: np.mean(((np.sum(values) - values) / (len(values) - 1))[:, None] * scores, axis=0),
            "You multiply the scores by the baselines. The baseline is subtracted from the draw's own value first.",
        ),
        Misconception(
            "one neighbour",
            lambda values, scores: np.mean((values - np.roll(values, 1))[:, None] * scores, axis=0),
            "Each draw's baseline is the value of the draw before it. That is unbiased too, but the average of all "
            "the others is asked for: it is calmer.",
        ),
        Misconception(
            "next neighbour",
            lambda values, scores: np.mean((values - np.roll(values, -1))[:, None] * scores, axis=0),
            "Each draw's baseline is the value of the draw after it. That is unbiased too, but the average of all the "
            "others is asked for: it is calmer.",
        ),
        Misconception(
            "running mean",
            lambda values, scores: np.mean(
                (values - np.r_[0.0, np.cumsum(values)[:-1] / np.arange(1, len(values))])[:, None] * scores, axis=0
            ),
            "Each draw's baseline is the average of the draws before it, and the first has none. Unbiased, but the "
            "later draws are independent as well: average all the others.",
        ),
        Misconception(
            "best constant",
            lambda values, scores: np.mean(
                (values[:, None] - np.sum(values[:, None] * scores**2, axis=0) / np.sum(scores**2, axis=0)) * scores,
                axis=0,
            ),
            "You estimate b* of section 6.2 from the same draws, so each baseline contains its own draw, and the "
            "estimate is biased. Asked for is the plain average of the other values.",
        ),
        Misconception(
            "no scores",
            lambda values, scores: np.full(
                scores.shape[1], np.mean(values - (np.sum(values) - values) / (len(values) - 1))
            ),
            "What you average cancels to 0: differences from the average of the others always do. Multiply each "
            "difference of *values* by the score of its draw, then average; not the values times their scores first.",
        ),
    ],
    hints=[
        "For draw k, the baseline is the average of the other K − 1 values.",
        "All of them at once: (np.sum(values) − values) / (K − 1).",
        "Then the mean over the draws of (value − baseline) times the score, an array (P,).",
    ],
    praise="With K = 2 each draw is the other's baseline. Two draws are enough to do without any knowledge of f.",
)


def _path(noise, mean, log_var):
    scale = np.exp(log_var / 2)
    return mean + scale * noise, np.full(len(mean), float(len(noise))), np.sum(noise * scale / 2, axis=0)


def _path_torch(noise, mean, log_var):
    mean, log_var = (torch.tensor(part, requires_grad=True) for part in (mean, log_var))
    z = mean + torch.exp(0.5 * log_var) * torch.tensor(noise)
    return z, *torch.autograd.grad(z.sum(), (mean, log_var))


def _path_backward(noise, mean, log_var):
    mean, log_var = (torch.tensor(part, requires_grad=True) for part in (mean, log_var))
    z = mean + torch.tensor(noise) * log_var.exp().sqrt()
    z.sum().backward()
    return z, mean.grad, log_var.grad


def _path_row_by_row(noise, mean, log_var):
    m, v = (torch.from_numpy(part).clone().requires_grad_() for part in (mean, log_var))
    q = torch.distributions.Normal(m, torch.exp(v) ** 0.5)
    z = torch.stack([q.loc + q.scale * row for row in torch.as_tensor(noise)])
    ones = torch.ones_like(z)
    return z.detach().numpy(), *(part.numpy() for part in torch.autograd.grad(z, (m, v), ones))


def _path_law(rng):
    count, size = rng.integers(1, 13 if rng.random() < 0.15 else 6, 2)
    log_var = rng.uniform(-4, 3, size)
    if rng.random() < 0.3:
        log_var = rng.uniform(-30, 30, size)
    log_var[rng.random(size) < 0.15] = 0.0
    return _numbers(rng, count, size), _numbers(rng, size), log_var


def _given_scale(noise, mean, scale, slope):
    """The sample with some scale, and the gradients if d scale / d log_var = slope."""
    return mean + scale * noise, np.full(len(mean), float(len(noise))), np.sum(noise * slope, axis=0)


pathwise_sample = Exercise(
    name="pathwise_sample",
    arguments=("noise", "mean", "log_var"),
    returns=("z", "gradient_mean", "gradient_log_var"),
    reference=_path,
    spellings={"torch": _path_torch, "backward": _path_backward, "row by row": _path_row_by_row},
    probes=[
        (np.array([[1.0], [0.5]]), np.array([2.0]), np.array([1.0])),
        (np.array([[0.5, -1.0], [2.0, 0.3], [0.1, -0.4]]), np.array([1.0, -1.0]), np.array([-1.2, 0.6])),
        (np.array([[0.3, -1.2, 0.8]]), np.array([0.2, 3.0, -0.7]), np.array([0.9, -2.0, 1.5])),
    ],
    law=_path_law,
    misconceptions=[
        Misconception(
            "detached path",
            lambda noise, mean, log_var: (_path(noise, mean, log_var)[0], np.zeros(len(mean)), np.zeros(len(mean))),
            "The sample is right, but nothing flows back: both gradients are 0. Was z detached, drawn by `.sample()`, "
            "or computed within torch.no_grad()? Then the path from the parameters to z is cut.",
        ),
        Misconception(
            "detached scale",
            lambda noise, mean, log_var: (*_path(noise, mean, log_var)[:2], np.zeros(len(mean))),
            "The path to the mean is open, that to log_var is cut: σ must be computed from the tensor that requires "
            "the gradient, not from a detached copy.",
        ),
        Misconception(
            "scale = log_var",
            lambda noise, mean, log_var: _given_scale(noise, mean, log_var, np.ones_like(log_var)),
            "You multiply the noise by log_var itself. The standard deviation is exp(log_var / 2); a logarithm may "
            "even be negative.",
        ),
        Misconception(
            "variance for scale",
            lambda noise, mean, log_var: _given_scale(noise, mean, np.exp(log_var), np.exp(log_var)),
            "You multiply the noise by the variance exp(log_var). The standard deviation is its root, "
            "exp(log_var / 2).",
        ),
        Misconception(
            "precision",
            lambda noise, mean, log_var: _given_scale(noise, mean, np.exp(-log_var / 2), -np.exp(-log_var / 2) / 2),
            "The sign inside the exponential is turned: this is 1/σ. The standard deviation is exp(+log_var / 2).",
        ),
        Misconception(
            "gradient for the scale",
            lambda noise, mean, log_var: (*_path(noise, mean, log_var)[:2], np.sum(noise, axis=0)),
            "The last gradient is the one with respect to σ. The parameter is log_var: one more factor, "
            "∂σ/∂log_var = σ/2.",
        ),
        Misconception(
            "half missing in the chain rule",
            lambda noise, mean, log_var: (*_path(noise, mean, log_var)[:2], 2 * _path(noise, mean, log_var)[2]),
            "The gradient for log_var is twice too large: σ = exp(log_var / 2), and the ½ comes down.",
        ),
        Misconception(
            "gradient of the average",
            lambda noise, mean, log_var: (
                _path(noise, mean, log_var)[0],
                np.ones(len(mean)),
                np.mean(noise * np.exp(log_var / 2) / 2, axis=0),
            ),
            "These are the gradients of the average over the draws. The sum of all entries of z is asked for.",
        ),
        Misconception(
            "z.mean()",
            lambda noise, mean, log_var: (
                _path(noise, mean, log_var)[0],
                *(part / noise.size for part in _path(noise, mean, log_var)[1:]),
            ),
            "The gradients are those of `z.mean()`, the average of all entries. Asked for are those of their sum, "
            "`z.sum()`.",
        ),
        Misconception(
            "gradient of one draw",
            lambda noise, mean, log_var: (
                _path(noise, mean, log_var)[0],
                np.ones(len(mean)),
                noise[0] * np.exp(log_var / 2) / 2,
            ),
            "These are the gradients of the first draw alone. The sum runs over all draws, and every row of the noise "
            "adds its part.",
        ),
        Misconception(
            "gradients of z, one by one",
            lambda noise, mean, log_var: (
                _path(noise, mean, log_var)[0],
                np.ones(len(mean)),
                np.exp(log_var / 2) / 2,
            ),
            "The noise is missing in the last gradient: ∂z/∂log_var = σ·ε/2, summed over the draws. Autograd does "
            "this by itself, `torch.autograd.grad(z.sum(), (mean, log_var))`.",
        ),
        Misconception(
            "noise alone",
            lambda noise, mean, log_var: (
                mean + noise,
                np.full(len(mean), float(len(noise))),
                np.zeros(len(mean)),
            ),
            "The noise is not stretched: z = mean + σ · noise, with σ = exp(log_var / 2).",
        ),
    ],
    hints=[
        "Make tensors of mean and log_var with torch.tensor(…, requires_grad=True); the noise needs none.",
        "σ = exp(log_var / 2) and z = mean + σ · noise, all with torch operations.",
        "torch.autograd.grad(z.sum(), (mean, log_var)) returns both gradients.",
    ],
    praise="This is the sampling step of every VAE with a Gaussian q, and the one line that makes it trainable.",
)


def _correlated(noise, mean, covariance):
    return mean + noise @ np.linalg.cholesky(covariance).T


def _correlated_loop(noise, mean, covariance):
    factor = np.linalg.cholesky(covariance)
    return np.array([mean + factor @ one for one in noise])


def _correlated_torch(noise, mean, covariance):
    q = torch.distributions.MultivariateNormal(torch.tensor(mean), covariance_matrix=torch.tensor(covariance))
    return q.loc + (q.scale_tril @ torch.tensor(noise).T).T


def _by_eigenvectors(noise, mean, covariance):
    values, vectors = np.linalg.eigh(covariance)
    return mean + noise @ (vectors * np.sqrt(values)).T


def _by_singular_vectors(noise, mean, covariance):
    left, singular, _ = np.linalg.svd(covariance)
    return mean + noise @ (left * np.sqrt(singular)).T


def _correlated_law(rng):
    count, size = rng.integers(1, 6), rng.integers(1, 13 if rng.random() < 0.25 else 5)
    # standard deviations from a tenth to ten, and every sign of correlation; a few are independent
    factor = rng.standard_normal((size, size)) + 0.5 * np.eye(size)
    covariance = factor @ factor.T + 0.1 * np.eye(size)
    if rng.random() < 0.1:
        covariance = np.diag(np.diag(covariance))
    scale, mean = np.exp(rng.normal(0, 0.8, size)), _numbers(rng, size)
    if rng.random() < 0.3:  # other units for each coordinate
        scale = 10 ** rng.uniform(-3, 3, size)
        mean = mean * scale
    return _numbers(rng, count, size), mean, covariance * np.outer(scale, scale)


correlated_sample = Exercise(
    name="correlated_sample",
    arguments=("noise", "mean", "covariance"),
    returns="z",
    reference=_correlated,
    spellings={
        "loop": _correlated_loop,
        "torch": _correlated_torch,
        "scipy": lambda noise, mean, covariance: mean + noise @ linalg.cholesky(covariance, lower=False),
        "einsum": lambda noise, mean, covariance: mean + np.einsum("de,ke->kd", np.linalg.cholesky(covariance), noise),
    },
    probes=[
        (np.array([[1.0, 0.5]]), np.array([2.0, -1.0]), np.array([[4.0, 1.0], [1.0, 2.0]])),
        (np.array([[0.4, -1.0], [1.5, 0.2], [-0.3, 0.8]]), np.array([0.0, 3.0]), np.array([[0.5, -0.6], [-0.6, 2.0]])),
        (np.array([[1.3], [-0.7]]), np.array([0.6]), np.array([[6.25]])),
        (
            np.array([[0.2, 1.1, -0.9], [-1.4, 0.5, 0.3]]),
            np.array([0.3, -0.2, 1.0]),
            np.array([[2.0, -0.4, 0.7], [-0.4, 1.0, 0.2], [0.7, 0.2, 3.0]]),
        ),
    ],
    law=_correlated_law,
    misconceptions=[
        Misconception(
            "Aᵀ for A",
            lambda noise, mean, covariance: mean + noise @ np.linalg.cholesky(covariance),
            "Each row of the noise is multiplied by Aᵀ. The covariance of such draws is AᵀA, not AAᵀ. With draws in "
            "rows, A ε becomes noise @ A.T.",
        ),
        Misconception(
            "covariance for its factor",
            lambda noise, mean, covariance: mean + noise @ covariance,
            "You multiply by the covariance itself, and get draws with covariance ΣΣ. Multiply by a factor A with "
            "AAᵀ = Σ.",
        ),
        Misconception(
            "root of the entries",
            lambda noise, mean, covariance: mean + noise @ np.sqrt(covariance).T,
            "You take the root of every entry. A matrix root is another thing: AAᵀ = Σ as a matrix product. "
            "np.linalg.cholesky finds such an A.",
        ),
        Misconception(
            "correlations lost",
            lambda noise, mean, covariance: mean + noise * np.sqrt(np.diag(covariance)),
            "Only the diagonal of the covariance is used: the variances are right, the correlations are gone.",
        ),
        Misconception(
            "diagonal not rooted",
            lambda noise, mean, covariance: mean + noise * np.diag(covariance),
            "The noise is multiplied by the variances: no root is taken, and the correlations are gone.",
        ),
        Misconception(
            "symmetric root",
            lambda noise, mean, covariance: mean + noise @ np.real(linalg.sqrtm(covariance)),
            "These draws have the right distribution: the symmetric root is a factor too. So that the check can "
            "compare numbers, use the lower triangular factor, np.linalg.cholesky(covariance).",
        ),
        Misconception(
            "eigenvectors",
            _by_eigenvectors,
            "These draws have the right distribution: eigenvectors times the roots of the eigenvalues are a factor "
            "too. So that the check can compare numbers, use the lower triangular one, np.linalg.cholesky(covariance).",
        ),
        Misconception(
            "singular vectors",
            _by_singular_vectors,
            "These draws have the right distribution: singular vectors times the roots of the singular values are a "
            "factor too. So that the check can compare numbers, use np.linalg.cholesky(covariance).",
        ),
        Misconception(
            "absolute values before the root",
            lambda noise, mean, covariance: mean + noise @ np.sqrt(np.abs(covariance)).T,
            "You take the root of every entry, and the absolute value to make that possible. A negative covariance is "
            "no mistake: a matrix root, AAᵀ = Σ, can hold it. np.linalg.cholesky finds such an A.",
        ),
        Misconception(
            "precision",
            lambda noise, mean, covariance: mean + noise @ np.linalg.inv(np.linalg.cholesky(covariance)).T,
            "You divide by the factor: A⁻¹ turns draws into noise. Noise becomes draws by A.",
        ),
        Misconception(
            "factor of the precision",
            lambda noise, mean, covariance: mean + noise @ np.linalg.cholesky(np.linalg.inv(covariance)).T,
            "You factor the inverse of the covariance. Draws made with it have the *precision* as their covariance: "
            "factor Σ itself.",
        ),
        Misconception(
            "upper triangular factor",
            lambda noise, mean, covariance: mean + noise @ np.linalg.cholesky(covariance[::-1, ::-1])[::-1, ::-1].T,
            "These draws have the right distribution: an upper triangular A with AAᵀ = Σ is a factor too. So that the "
            "check can compare numbers, use the lower triangular one, np.linalg.cholesky(covariance).",
        ),
        Misconception(
            "mean forgotten",
            lambda noise, mean, covariance: noise @ np.linalg.cholesky(covariance).T,
            "The mean is missing.",
        ),
        Misconception(
            "mean stretched too",
            lambda noise, mean, covariance: (mean + noise) @ np.linalg.cholesky(covariance).T,
            "The mean is multiplied by the factor as well. Stretch the noise first, then add the mean.",
        ),
    ],
    hints=[
        "np.linalg.cholesky(covariance) is a lower triangular A with AAᵀ = Σ.",
        "One draw is mean + A @ ε, with a column ε. The noise holds one ε in each row.",
        "In rows, (A ε)ᵀ = εᵀ Aᵀ.",
    ],
    praise="Every Gaussian is an affine image of the standard one. This is the course's q with all its correlations.",
)


def _minibatch(log_likelihoods, log_prior, total):
    return log_prior + total * np.mean(log_likelihoods, axis=1)


def _log_mean_likelihood(log_likelihoods, log_prior, total):
    return log_prior + total * (special.logsumexp(log_likelihoods, axis=1) - np.log(log_likelihoods.shape[1]))


def _minibatch_law(rng):
    draws, batch = rng.integers(1, 6, 2)
    # a density may be above 1, so its logarithm may be positive; the batch may be all the data
    total = int(batch * rng.integers(1, 4) + rng.choice([0, 0, 1, 50, 1003, 60_001]))
    log_likelihoods = rng.normal(-1.5, 1.5, (draws, batch))
    if rng.random() < 0.3:
        log_likelihoods = np.round(log_likelihoods)  # ties
    if rng.random() < 0.3:
        log_likelihoods *= 1000  # those of images
    return log_likelihoods, rng.normal(-1, 2, draws), total


minibatch_log_joint = Exercise(
    name="minibatch_log_joint",
    arguments=("log_likelihoods", "log_prior", "total"),
    returns="log_joint",
    reference=_minibatch,
    spellings={
        "sum": lambda log_likelihoods, log_prior, total: (
            log_prior + total / log_likelihoods.shape[1] * log_likelihoods.sum(axis=1)
        ),
        "loop": lambda log_likelihoods, log_prior, total: np.array(
            [p + total * sum(row) / len(row) for row, p in zip(log_likelihoods, log_prior, strict=True)]
        ),
        "torch": lambda log_likelihoods, log_prior, total: (
            torch.tensor(log_prior) + total * torch.tensor(log_likelihoods).mean(dim=1)
        ),
    },
    probes=[
        (np.array([[-1.0, -2.0]]), np.array([-0.5]), 10),
        (np.array([[-1.0, 0.3, -2.0, -0.7], [-0.2, -4.0, -1.1, -3.0]]), np.array([-1.0, 0.4]), 100),
        (np.array([[-0.5], [-1.2], [-3.0]]), np.array([-4.0, -1.5, -0.3]), 7),
    ],
    law=_minibatch_law,
    misconceptions=[
        Misconception(
            "N/B forgotten",
            lambda log_likelihoods, log_prior, total: log_prior + log_likelihoods.sum(axis=1),
            "The factor N/B is forgotten: the batch counts as if it were all the data, and the prior has too much "
            "weight.",
        ),
        Misconception(
            "N/B inverted",
            lambda log_likelihoods, log_prior, total: (
                log_prior + log_likelihoods.shape[1] / total * log_likelihoods.sum(axis=1)
            ),
            "The factor stands upside down: B/N makes a part smaller still. The batch must stand for all N: N/B.",
        ),
        Misconception(
            "mean alone",
            lambda log_likelihoods, log_prior, total: log_prior + log_likelihoods.mean(axis=1),
            "You average over the batch and stop. The log-likelihood is a sum over N data: N times that average.",
        ),
        Misconception(
            "prior scaled too",
            lambda log_likelihoods, log_prior, total: (
                total / log_likelihoods.shape[1] * (log_prior + log_likelihoods.sum(axis=1))
            ),
            "The prior is scaled as well. It is there once, however many data there are; only the sum over data was "
            "thinned out.",
        ),
        Misconception(
            "N times the sum",
            lambda log_likelihoods, log_prior, total: log_prior + total * log_likelihoods.sum(axis=1),
            "You multiply the sum by N, but it has B terms: N times their average, or N/B times their sum.",
        ),
        Misconception(
            "divided twice",
            lambda log_likelihoods, log_prior, total: (
                log_prior + total / log_likelihoods.shape[1] * log_likelihoods.mean(axis=1)
            ),
            "You divide by B twice: once in the average, once in N/B.",
        ),
        Misconception(
            "whole batches",
            lambda log_likelihoods, log_prior, total: (
                log_prior + total // log_likelihoods.shape[1] * log_likelihoods.sum(axis=1)
            ),
            "N/B is rounded down: // counts whole batches only. N need not be a multiple of B, so divide with /.",
        ),
        Misconception(
            "logarithm of N/B",
            lambda log_likelihoods, log_prior, total: (
                log_prior + np.log(total / log_likelihoods.shape[1]) + log_likelihoods.sum(axis=1)
            ),
            "You add log(N/B). That would multiply the likelihood by N/B. Here there are N/B times as many "
            "*log-likelihoods* in the sum, so their sum itself is multiplied.",
        ),
        Misconception(
            "prior forgotten",
            lambda log_likelihoods, log_prior, total: total * log_likelihoods.mean(axis=1),
            "The prior is missing: this estimates log p(x | z). The joint has log p(z) besides: add `log_prior`, once.",
        ),
        Misconception(
            "K for B",
            lambda log_likelihoods, log_prior, total: (
                log_prior + total / len(log_likelihoods) * log_likelihoods.sum(axis=1)
            ),
            "You divide by the number of draws, K, which is the length of the first axis. B is the size of the batch: "
            "`log_likelihoods.shape[1]`.",
        ),
        Misconception(
            "prior with every datum",
            lambda log_likelihoods, log_prior, total: total * (log_prior + log_likelihoods.mean(axis=1)),
            "The prior is counted N times, once with each datum. It is there once: add it after the multiplication.",
        ),
        Misconception(
            "prior subtracted",
            lambda log_likelihoods, log_prior, total: total * log_likelihoods.mean(axis=1) - log_prior,
            "The prior is subtracted. p(x, z) = p(z) p(x | z), so the logarithms are added.",
        ),
        Misconception(
            "logarithm of the average",
            _log_mean_likelihood,
            "You average the likelihoods and take the logarithm. The log-joint sums log-likelihoods, so the "
            "log-likelihoods themselves are averaged.",
        ),
        Misconception(
            "mean over draws too",
            lambda log_likelihoods, log_prior, total: np.mean(_minibatch(log_likelihoods, log_prior, total)),
            "One number came back. Each draw of z has a log-joint of its own: sum over the batch, axis 1, and leave "
            "the draws apart.",
        ),
        Misconception(
            "per datum",
            lambda log_likelihoods, log_prior, total: _minibatch(log_likelihoods, log_prior, total) / total,
            "Everything is divided by N: the log-joint per datum, which has its optimum in the same place. Here the "
            "log-joint itself is asked for.",
        ),
        Misconception(
            "negative",
            lambda log_likelihoods, log_prior, total: -_minibatch(log_likelihoods, log_prior, total),
            "This is a loss, the negative log-joint. The log-joint itself is asked for.",
        ),
    ],
    hints=[
        "log p(x, z) = log p(z) + Σ_n log p(x_n | z); the prior is there once, the sum has N terms.",
        "The average over the batch estimates the average over the data; the sum over the data is N times that.",
        "log_prior + total * (the mean over axis 1).",
    ],
    praise="B data, and on average the right answer for all N. Lesson 08 trains in this way.",
)

EXERCISES = (score_gradient, leave_one_out_gradient, pathwise_sample, correlated_sample, minibatch_log_joint)
