"""Lesson 05, amortised inference: its exercises."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _counts(points, columns, latents):
    return 2 * latents * points, 2 * latents * (columns + 1)


def _counts_by_listing(points, columns, latents):
    means, log_vars = (np.broadcast_to(0.0, (points, latents)) for _ in range(2))  # takes no memory
    weights, bias = np.zeros((columns, 2 * latents)), np.zeros(2 * latents)
    return np.array([means.size + log_vars.size, weights.size + bias.size])


def _sizes_law(rng):
    return tuple(int(size) for size in np.exp(rng.uniform(0, [10, 8, 5])))


count_parameters = Exercise(
    name="count_parameters",
    arguments=("points", "columns", "latents"),
    returns=("per point", "amortised"),
    reference=_counts,
    spellings={
        "arrays": _counts_by_listing,
        "torch": lambda points, columns, latents: (
            torch.tensor(points * latents * 2),
            sum(one.numel() for one in torch.nn.Linear(columns, 2 * latents).parameters()),
        ),
    },
    probes=[
        (10, 3, 1),
        (1000, 64, 2),
        (7, 5, 4),
        (60_000, 784, 20),
        (1, 1, 1),
        (100_003, 3072, 201),
        (400_001, 3000, 3100),
    ],
    law=_sizes_law,
    rtol=1e-12,  # counts: nearly right is wrong
    atol=0.0,
    misconceptions=[
        Misconception(
            "scales forgotten",
            lambda n, d, k: (k * n, k * (d + 1)),
            "Both are half of what is needed: a Gaussian has a mean and a log-variance in each latent coordinate.",
        ),
        Misconception(
            "scales forgotten in the encoder",
            lambda n, d, k: (2 * k * n, k * (d + 1)),
            "The encoder gives the means only. It must give the log-variances too, another L outputs.",
        ),
        Misconception(
            "bias forgotten",
            lambda n, d, k: (2 * k * n, 2 * k * d),
            "The encoder's bias is missing: each of its 2L outputs has D weights and one constant.",
        ),
        Misconception(
            "bias of one number",
            lambda n, d, k: (2 * k * n, 2 * k * d + 1),
            "The bias counts as one number; each of the 2L outputs has its own.",
        ),
        Misconception(
            "bias for every column",
            lambda n, d, k: (2 * k * n, 2 * k * d + d),
            "You count a bias for each of the D inputs. A bias is added to an output, and there are 2L of these.",
        ),
        Misconception(
            "encoder per point",
            lambda n, d, k: (2 * k * n, 2 * k * (d + 1) * n),
            "You give every point an encoder of its own. There is one for all points: the count does not contain N.",
        ),
        Misconception(
            "order",
            lambda n, d, k: _counts(n, d, k)[::-1],
            "Right numbers, wrong order: first one φ per point, then the encoder.",
        ),
        Misconception(
            "full covariance",
            lambda n, d, k: (n * (k + k * (k + 1) // 2), (d + 1) * (k + k * (k + 1) // 2)),
            "You count a full covariance for every q. Here q is diagonal: L means and L log-variances.",
        ),
        Misconception(
            "one scale for all coordinates",
            lambda n, d, k: (n * (k + 1), (d + 1) * (k + 1)),
            "You count one log-variance for all L coordinates. Each has its own: q may be narrow in one direction and "
            "wide in another.",
        ),
        Misconception(
            "numbers of a single q",
            lambda n, d, k: (2 * k, 2 * k * (d + 1)),
            "2L numbers describe the q of one point. Without an encoder each of the N points has its own.",
        ),
        Misconception(
            "decoder",
            lambda n, d, k: (2 * k * n, 2 * d * (k + 1)),
            "You count a map from z to means and log-variances of x, a decoder. An encoder goes the other way: D "
            "numbers go in, 2L come out.",
        ),
        Misconception(
            "log-variances that do not look at x",
            lambda n, d, k: (2 * k * n, k * (d + 1) + k),
            "Your encoder has L log-variances that are the same for all x. Here it maps x to all 2L numbers: each "
            "log-variance has D weights and a bias, too.",
        ),
        Misconception(
            "encoder and decoder",
            lambda n, d, k: (2 * k * n, 2 * k * (d + 1) + d * (k + 1)),
            "You count a decoder as well. It belongs to the model, and is needed with or without an encoder.",
        ),
        Misconception(
            "size of the data",
            lambda n, d, k: (n * d, 2 * k * (d + 1)),
            "N·D numbers are the data. q describes the latent variables, of which a point has L.",
        ),
    ],
    hints=[
        "One q has L means and L log-variances.",
        "A linear map from D numbers to 2L numbers has a weight for every pair, and a bias for every output.",
        "2 · L · N, and 2 · L · (D + 1).",
    ],
    praise="With 784 pixels and 20 latent coordinates the encoder is the smaller one from 786 points on.",
)


def _encode(data, weights, bias):
    outputs = data @ weights + bias
    half = len(bias) // 2
    return outputs[:, :half], np.exp(outputs[:, half:] / 2)


def _encode_torch(data, weights, bias):
    outputs = torch.as_tensor(data) @ torch.as_tensor(weights) + torch.as_tensor(bias)
    mean, log_var = outputs.chunk(2, dim=1)
    return mean, log_var.mul(0.5).exp()


def _encode_loop(data, weights, bias):
    half = len(bias) // 2
    means, scales = np.empty((len(data), half)), np.empty((len(data), half))
    for n, x in enumerate(data):
        for j in range(half):
            means[n, j] = x @ weights[:, j] + bias[j]
            scales[n, j] = np.sqrt(np.exp(x @ weights[:, half + j] + bias[half + j]))
    return means, scales


def _encoder_law(rng):
    count, columns, latents = rng.integers(1, [5, 13, 13] if rng.random() < 0.2 else 5, 3)
    data, weights = rng.normal(0, 1.2, (count, columns)), rng.normal(0, 0.9, (columns, 2 * latents))
    bias = rng.normal(0, 1, 2 * latents)
    data[rng.random(data.shape) < 0.1] = 0.0
    weights[rng.random(weights.shape) < 0.1] = 0.0
    return data, weights, bias


def _from_outputs(function):
    """Return an encoder with `function(first half, second half)` of the outputs as its result."""

    def encoder(data, weights, bias):
        outputs = data @ weights + bias
        return function(*np.split(outputs, 2, axis=1))

    return encoder


encode = Exercise(
    name="encode",
    arguments=("data", "weights", "bias"),
    returns=("mean", "scale"),
    reference=_encode,
    spellings={"torch": _encode_torch, "loop": _encode_loop},
    probes=[
        (np.array([[1.0, 2.0]]), np.array([[0.5, -1.0], [0.0, 0.7]]), np.array([0.1, -0.6])),
        (
            np.array([[0.3, -1.0], [2.0, 0.4], [-0.5, -0.2]]),
            np.array([[0.5, 1.0, -0.3, 0.8], [-0.2, 0.6, 0.9, -1.1]]),
            np.array([0.1, -0.2, 0.4, -0.3]),
        ),
        (np.array([[0.0, 0.0, 0.0]]), np.ones((3, 2)), np.array([0.7, -3.0])),
        (np.array([[0.2], [-0.9]]), np.array([[1.5, -0.4]]), np.array([-0.3, 0.8])),
    ],
    law=_encoder_law,
    extremes=[
        (np.array([[0.5, -0.2], [0.0, 1.0]]), np.array([[0.3, -0.7], [1.1, 0.4]]), np.array([0.2, -30.0])),
        (np.array([[0.4]]), np.array([[0.6, -1.0, 0.8, 0.5]]), np.array([0.1, -0.3, 30.0, -28.0])),
    ],
    stable="exp(log_var / 2) as it is, with no bound and nothing added",
    atol=1e-12,  # a scale may be as small as exp(−15), and smaller
    misconceptions=[
        Misconception(
            "scale = log_var",
            _from_outputs(lambda mean, log_var: (mean, log_var)),
            "You return log_var itself as the scale, and it may be negative. The scale is exp(log_var / 2).",
        ),
        Misconception(
            "variance for scale",
            _from_outputs(lambda mean, log_var: (mean, np.exp(log_var))),
            "exp(log_var) is the variance. The scale is its square root, exp(log_var / 2).",
        ),
        Misconception(
            "absolute value",
            _from_outputs(lambda mean, log_var: (mean, np.abs(log_var))),
            "The absolute value makes any number positive, but it is another number: the output is the logarithm of a "
            "variance, so the scale is exp(log_var / 2).",
        ),
        Misconception(
            "square root of the log-variance",
            _from_outputs(lambda mean, log_var: (mean, np.sqrt(log_var))),
            "You took the outputs for the variances themselves, and some are negative: then there is no square root. "
            "They are logarithms of variances: the scale is exp(log_var / 2).",
        ),
        Misconception(
            "half without exp",
            _from_outputs(lambda mean, log_var: (mean, log_var / 2)),
            "log_var / 2 is the logarithm of the scale, and may be negative. The scale is its exponential.",
        ),
        Misconception(
            "softplus",
            _from_outputs(lambda mean, log_var: (mean, np.logaddexp(0, log_var))),
            "Softplus is another good way to a positive scale. Here the outputs are declared as log-variances, so the "
            "scale is exp(log_var / 2): an encoder and its ELBO must agree on this.",
        ),
        Misconception(
            "square",
            _from_outputs(lambda mean, log_var: (mean, log_var**2)),
            "A square is positive, but −2 and 2 then give the same scale. The output is the logarithm of a variance: "
            "the scale is exp(log_var / 2).",
        ),
        Misconception(
            "sigmoid",
            _from_outputs(lambda mean, log_var: (mean, special.expit(log_var))),
            "A sigmoid stays below 1, and a posterior may be wider. The output is the logarithm of a variance, so the "
            "scale is exp(log_var / 2).",
        ),
        Misconception(
            "relu",
            _from_outputs(lambda mean, log_var: (mean, np.maximum(log_var, 0))),
            "Cutting at zero gives scales of exactly 0, whose logarithm is −∞. The scale is exp(log_var / 2).",
        ),
        Misconception(
            "precision for variance",
            _from_outputs(lambda mean, log_var: (mean, np.exp(-log_var / 2))),
            "The sign is turned: exp(−log_var / 2) is one over the scale.",
        ),
        Misconception(
            "halves swapped",
            _from_outputs(lambda first, second: (second, np.exp(first / 2))),
            "The halves are swapped: the first L outputs are the means, the last L the log-variances.",
        ),
        Misconception(
            "every second column",
            lambda data, weights, bias: (lambda out: (out[:, ::2], np.exp(out[:, 1::2] / 2)))(data @ weights + bias),
            "You read the outputs in turn, mean, log-variance, mean, … With L = 1 this is the same; here all L means "
            "come first, then all L log-variances.",
        ),
        Misconception(
            "bias outside the exponential",
            lambda data, weights, bias: (
                lambda mean, log_var, shift: (mean + shift[0], np.exp(log_var / 2) + shift[1])
            )(*np.split(data @ weights, 2, axis=1), np.split(bias, 2)),
            "The bias of the scale is added after the exponential, and can make it negative. It belongs to the linear "
            "outputs: exp((data @ weights + bias) / 2).",
        ),
        Misconception(
            "bias forgotten",
            lambda data, weights, bias: _encode(data, weights, 0 * bias),
            "The bias is missing: the outputs are data @ weights + bias.",
        ),
        Misconception(
            "exponential of everything",
            _from_outputs(lambda mean, log_var: (np.exp(mean), np.exp(log_var / 2))),
            "The means go through the exponential too. They may be negative: leave them as they are.",
        ),
        Misconception(
            "log-scale",
            _from_outputs(lambda mean, log_var: (mean, np.exp(2 * log_var))),
            "You multiply by two where the square root asks for a half: scale = exp(log_var / 2).",
        ),
    ],
    hints=[
        "First all outputs at once: data @ weights + bias has shape (N, 2L).",
        "The first L columns are the means; the last L are logarithms of variances.",
        "np.exp(log_var / 2) is the square root of np.exp(log_var).",
    ],
    praise="This is the encoder of a VAE, but for the layers before its last one.",
)


def _elbo(x, mean, scale, loadings, offset, noise_variance):
    squares = np.sum((x - offset - loadings @ mean) ** 2) + np.sum(loadings**2 * scale**2)
    fit = -0.5 * len(x) * np.log(2 * np.pi * noise_variance) - squares / (2 * noise_variance)
    return fit - _price(mean, scale)


def _price(mean, scale):
    return 0.5 * np.sum(scale**2 + mean**2 - 1 - 2 * np.log(scale))


def _elbo_torch(x, mean, scale, loadings, offset, noise_variance):
    x, mean, scale, loadings, offset = (torch.as_tensor(one) for one in (x, mean, scale, loadings, offset))
    q, prior = torch.distributions.Normal(mean, scale), torch.distributions.Normal(0.0, 1.0)
    likelihood = torch.distributions.Normal(offset + loadings @ mean, noise_variance**0.5).log_prob(x).sum()
    trace = torch.trace(loadings @ torch.diag(scale**2) @ loadings.T)
    return likelihood - trace / (2 * noise_variance) - torch.distributions.kl_divergence(q, prior).sum()


def _elbo_by_evidence(x, mean, scale, loadings, offset, noise_variance):
    """Compute it as log p(x) − KL(q‖posterior)."""
    latents = loadings.shape[1]
    covariance = loadings @ loadings.T + noise_variance * np.eye(len(x))
    inner = loadings.T @ loadings + noise_variance * np.eye(latents)
    shift = mean - np.linalg.solve(inner, loadings.T @ (x - offset))
    ratio = inner @ np.diag(scale**2) / noise_variance
    kl = np.trace(ratio) + shift @ inner @ shift / noise_variance - latents - np.linalg.slogdet(ratio)[1]
    return stats.multivariate_normal(offset, covariance).logpdf(x) - kl / 2


def _elbo_loop(x, mean, scale, loadings, offset, noise_variance):
    total = 0.0
    for j in range(len(mean)):
        total -= (scale[j] ** 2 + mean[j] ** 2 - 1) / 2 - np.log(scale[j])
    for d in range(len(x)):
        expected = offset[d] + loadings[d] @ mean
        spread = sum((loadings[d, j] * scale[j]) ** 2 for j in range(len(mean)))
        total -= ((x[d] - expected) ** 2 + spread) / (2 * noise_variance) + np.log(2 * np.pi * noise_variance) / 2
    return total


def _linear_gaussian_law(rng):
    columns, latents = rng.integers(1, 6, 2)
    if rng.random() < 0.2:
        columns = rng.choice([1, 12])
    x, offset = rng.normal(0, 1.5, columns), rng.normal(0, 1, columns)
    mean, scale = rng.normal(0, 1, latents), rng.uniform(0.1, 2, latents)
    if rng.random() < 0.25:
        scale = 10 ** rng.uniform(-5, 0.5, latents)
    loadings = rng.normal(0, 1, (columns, latents))
    loadings[rng.random(loadings.shape) < 0.1] = 0.0
    mean[rng.random(latents) < 0.1] = 0.0
    scale[rng.random(latents) < 0.1] = 1.0
    noise_variance = 10 ** rng.uniform(-4, 3) if rng.random() < 0.25 else rng.uniform(0.2, 3)
    return x, mean, scale, loadings, offset, float(noise_variance)


def _fit_changed(change):
    """Return the ELBO with something added, which `change` computes from the same arguments."""
    return lambda *arguments: _elbo(*arguments) + change(*arguments)


elbo = Exercise(
    name="elbo",
    arguments=("x", "mean", "scale", "loadings", "offset", "noise_variance"),
    returns="ELBO",
    reference=_elbo,
    spellings={"torch": _elbo_torch, "evidence minus gap": _elbo_by_evidence, "loop": _elbo_loop},
    probes=[
        (np.array([1.0]), np.array([0.5]), np.array([0.8]), np.array([[2.0]]), np.array([0.3]), 0.5),
        (
            np.array([1.0, -0.5, 2.0]),
            np.array([0.4, -0.7]),
            np.array([0.6, 1.3]),
            np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, 1.5]]),
            np.array([0.1, 0.2, -0.4]),
            0.7,
        ),
        (
            np.array([0.2, 0.9]),
            np.array([-1.2]),
            np.array([0.3]),
            np.array([[0.4], [-1.1]]),
            np.array([0.5, 0.0]),
            0.0004,
        ),
        (
            np.array([-0.6, 0.3, 1.1, 0.8]),
            np.array([0.9, 0.1, -0.5]),
            np.array([0.5, 0.9, 1.7]),
            np.array([[0.3, -0.2, 1.0], [0.7, 0.4, -0.6], [-1.2, 0.5, 0.1], [0.2, 0.9, 0.8]]),
            np.array([0.0, -0.1, 0.6, 0.3]),
            0.25,
        ),
    ],
    law=_linear_gaussian_law,
    misconceptions=[
        Misconception(
            "spread of q forgotten",
            _fit_changed(lambda x, m, s, w, b, v: np.sum(w**2 * s**2) / (2 * v)),
            "You put the mean of q in the place of z. E‖x − μ − Wz‖² is larger, by the sum of W² · scale²: a wide q "
            "misses the point more often.",
        ),
        Misconception(
            "scale not squared in the spread",
            _fit_changed(lambda x, m, s, w, b, v: np.sum(w**2 * (s**2 - s)) / (2 * v)),
            "The spread of Wz needs the variances of q: sum of W² · scale², with both squared.",
        ),
        Misconception(
            "loadings not squared in the spread",
            _fit_changed(lambda x, m, s, w, b, v: np.sum((w**2 - w) * s**2) / (2 * v)),
            "The variance of W z grows with the square of W: sum of W² · scale².",
        ),
        Misconception(
            "spreads added before squaring",
            _fit_changed(lambda x, m, s, w, b, v: (np.sum(w**2 * s**2) - np.sum((w @ s) ** 2)) / (2 * v)),
            "For the spread you square loadings @ scale, which adds up the coordinates first. They are independent, so "
            "their variances add up: square each W_dl · s_l, then sum.",
        ),
        Misconception(
            "log p(x) itself",
            lambda x, m, s, w, b, v: stats.multivariate_normal(b, w @ w.T + v * np.eye(len(x))).logpdf(x),
            "This is log p(x) itself, which does not ask for q. The ELBO of this q lies below it, by the KL to the "
            "posterior.",
        ),
        Misconception(
            "logarithm of the mean likelihood",
            lambda x, m, s, w, b, v: (
                stats.multivariate_normal(b + w @ m, w * s**2 @ w.T + v * np.eye(len(x))).logpdf(x) - _price(m, s)
            ),
            "Your fit is log E_q[p(x|z)], where the spread of q has become part of the covariance. The ELBO has "
            "E_q[log p(x|z)]: the average of the logarithm.",
        ),
        Misconception(
            "entropy forgotten",
            _fit_changed(lambda x, m, s, w, b, v: -np.sum(np.log(2 * np.pi * np.e * s**2)) / 2),
            "This is the energy E_q[log p(x, z)] alone. The entropy of q is missing; with it, the log-prior and "
            "the entropy together are −KL(q‖N(0, I)).",
        ),
        Misconception(
            "scale for variance in the KL",
            _fit_changed(lambda x, m, s, w, b, v: _price(m, s) - _price(m, np.sqrt(s))),
            "In the KL you put `scale` where the variance belongs. `scale` is the standard deviation: square it, "
            "in the logarithm too.",
        ),
        Misconception(
            "scale read as a log-variance in the KL",
            _fit_changed(lambda x, m, s, w, b, v: _price(m, s) - _price(m, np.exp(s / 2))),
            "In the KL you take `scale` for a log-variance, as networks give it. Here it is the standard deviation "
            "itself: s² + m² − 1 − log s².",
        ),
        Misconception(
            "log-joint at the mean",
            lambda x, m, s, w, b, v: stats.norm.logpdf(x, b + w @ m, np.sqrt(v)).sum() + stats.norm.logpdf(m).sum(),
            "This is log p(x, z) at the mean of q: what one maximises for a single best z. The ELBO averages it over "
            "q, which costs the spread of W z and of z, and adds the entropy.",
        ),
        Misconception(
            "KL averaged",
            _fit_changed(lambda x, m, s, w, b, v: _price(m, s) * (1 - 1 / len(m))),
            "You average the KL over the L latent coordinates. They are independent: their divergences add up.",
        ),
        Misconception(
            "KL forgotten",
            _fit_changed(lambda x, m, s, w, b, v: _price(m, s)),
            "This is the expected log-likelihood alone. The price, KL(q‖N(0, I)), is missing.",
        ),
        Misconception(
            "KL added",
            _fit_changed(lambda x, m, s, w, b, v: 2 * _price(m, s)),
            "The KL to the prior has the wrong sign: it is a price, and is subtracted.",
        ),
        Misconception(
            "KL doubled",
            _fit_changed(lambda x, m, s, w, b, v: -_price(m, s)),
            "The KL to the prior is twice too large: the ½ in front of its sum is missing.",
        ),
        Misconception(
            "log of the scale once",
            _fit_changed(lambda x, m, s, w, b, v: -np.sum(np.log(s)) / 2),
            "In the KL the logarithm is that of the variance, log(scale²) = 2 · log(scale); yours is half of it.",
        ),
        Misconception(
            "one constant for all columns",
            _fit_changed(lambda x, m, s, w, b, v: (len(x) - 1) * np.log(2 * np.pi * v) / 2),
            "The constant −½ log(2πσ²) is there once, but each of the D columns brings its own. For D = 1 it is right.",
        ),
        Misconception(
            "constant left out",
            _fit_changed(lambda x, m, s, w, b, v: len(x) * np.log(2 * np.pi * v) / 2),
            "The constant −½ D log(2πσ²) is missing. For comparing two q it does not matter; for a bound on log p(x), "
            "and for learning σ², it does.",
        ),
        Misconception(
            "noise missing in the constant",
            _fit_changed(lambda x, m, s, w, b, v: len(x) * np.log(v) / 2),
            "The constant has no σ²: it is −½ D log(2πσ²). It is what keeps a model from explaining "
            "everything as noise: with a larger σ² the squares weigh less.",
        ),
        Misconception(
            "mean over columns",
            lambda x, m, s, w, b, v: (_elbo(x, m, s, w, b, v) + _price(m, s)) / len(x) - _price(m, s),
            "You average the log-likelihood over the columns. It is their sum; with the mean, the KL weighs D times "
            "too much.",
        ),
        Misconception(
            "standard deviation of the noise",
            lambda x, m, s, w, b, v: _elbo(x, m, s, w, b, v**2),
            "You square `noise_variance`. It is the variance σ² already.",
        ),
        Misconception(
            "square root of the noise",
            lambda x, m, s, w, b, v: _elbo(x, m, s, w, b, v**0.5),
            "You divide by the standard deviation of the noise. The squares are divided by 2σ², the variance.",
        ),
        Misconception(
            "not centred",
            lambda x, m, s, w, b, v: _elbo(x, m, s, w, 0 * b, v),
            "The offset μ is missing: p(x|z) has the mean Wz + μ.",
        ),
        Misconception(
            "half missing",
            lambda x, m, s, w, b, v: (
                _elbo(x, m, s, w, b, v) - (np.sum((x - b - w @ m) ** 2) + np.sum(w**2 * s**2)) / (2 * v)
            ),
            "The expected squares are divided by σ²; they belong over 2σ².",
        ),
        Misconception(
            "negative",
            lambda *arguments: -_elbo(*arguments),
            "This is the negative ELBO: right for a loss to minimise; here the bound itself is asked for.",
        ),
    ],
    hints=[
        "Two terms: E_q[log p(x|z)], a Gaussian in x with independent columns, minus KL(q‖N(0, I)).",
        "E‖x − μ − Wz‖² = ‖x − μ − W m‖² + Σ_dl W_dl² s_l²: the square at the mean, and the spread around it.",
        "The KL is ½ Σ (s² + m² − 1 − log s²), as in lesson 04.",
    ],
    praise="No sample was drawn: with a linear decoder and Gaussian noise a VAE's loss has a closed form. With a "
    "network it has none, as a rule.",
)


def _gaps(log_evidence, elbos, chosen):
    best = np.max(elbos, axis=1)
    return np.mean(log_evidence - best), np.mean(best - elbos[np.arange(len(elbos)), chosen])


def _gaps_torch(log_evidence, elbos, chosen):
    elbos = torch.as_tensor(elbos)
    best = elbos.max(dim=1).values
    given = elbos.gather(1, torch.as_tensor(chosen)[:, None]).squeeze(1)
    return (torch.as_tensor(log_evidence) - best).mean(), (best - given).mean()


def _gaps_loop(log_evidence, elbos, chosen):
    approximation = amortisation = 0.0
    for evidence, row, choice in zip(log_evidence, elbos, chosen, strict=True):
        approximation += (evidence - max(row)) / len(elbos)
        amortisation += (max(row) - row[choice]) / len(elbos)
    return approximation, amortisation


def _given(elbos, chosen):
    return np.take_along_axis(elbos, chosen[:, None], axis=1)[:, 0]


def _gaps_law(rng):
    """Evidence, ELBOs and choices; gaps of 0, ties for the best and a single candidate among them."""
    count, candidates = rng.integers(1, 6, 2)
    elbos = rng.normal(-2, 2, (count, candidates))
    if rng.random() < 0.2:
        elbos = np.round(elbos)
    if rng.random() < 0.3:
        elbos -= rng.choice([1500.0, 1.5e6])  # those of an image
    log_evidence = elbos.max(axis=1) + rng.exponential(1, count) * (rng.random(count) < 0.85)
    return log_evidence, elbos, rng.integers(0, candidates, count)


inference_gaps = Exercise(
    name="inference_gaps",
    arguments=("log_evidence", "elbos", "chosen"),
    returns=("approximation gap", "amortisation gap"),
    reference=_gaps,
    spellings={
        "torch": _gaps_torch,
        "loop": _gaps_loop,
        "diagonal": lambda e, t, c: (np.mean(e - t.max(1)), np.mean(t.max(1) - np.diag(t[:, c]))),
        "one-hot": lambda e, t, c: [
            np.mean(e) - np.mean(np.max(t, axis=1)),
            np.mean(np.max(t, axis=1)) - np.mean(np.sum(t * (c[:, None] == np.arange(t.shape[1])), axis=1)),
        ],
    },
    probes=[
        (np.array([-1.0, -2.0]), np.array([[-1.5, -3.0], [-4.0, -2.2]]), np.array([0, 0])),
        (
            np.array([-3.0, -1.2, -5.0]),
            np.array([[-3.3, -4.0, -3.6], [-2.0, -1.9, -3.3], [-6.5, -7.0, -5.4]]),
            np.array([2, 0, 1]),
        ),
        (np.array([-0.5]), np.array([[-0.9, -0.7, -2.0]]), np.array([0])),
        (
            np.array([-2.0, -2.5, -1.0, -0.3]),
            np.array([[-2.4, -2.1], [-3.0, -4.0], [-1.6, -1.1], [-0.9, -1.8]]),
            np.array([0, 1, 1, 1]),
        ),
    ],
    law=_gaps_law,
    misconceptions=[
        Misconception(
            "one member for all points",
            lambda e, t, c: (np.mean(e) - np.max(t.mean(axis=0)), np.max(t.mean(axis=0)) - np.mean(_given(t, c))),
            "You take the member that is best on average. The best q is another one for every point: first the maximum "
            "in each row, then the mean over points.",
        ),
        Misconception(
            "log-sum-exp for the best",
            lambda e, t, c: (
                np.mean(e - special.logsumexp(t, axis=1)),
                np.mean(special.logsumexp(t, axis=1) - _given(t, c)),
            ),
            "You add up exp(ELBO) over the candidates, as if they were parts of one q. What the family can do is what "
            "its best member does: the maximum in each row.",
        ),
        Misconception(
            "best of the whole table",
            lambda e, t, c: (np.mean(e) - np.max(t), np.max(t) - np.mean(_given(t, c))),
            "You take the largest number of the whole table. Each point has its own best q: the maximum along its row.",
        ),
        Misconception(
            "inference gap",
            lambda e, t, c: (np.mean(e - t.max(axis=1)), np.mean(e - _given(t, c))),
            "Your second number is the whole inference gap, from the evidence down to the encoder. The amortisation "
            "gap begins at the best member of the family.",
        ),
        Misconception(
            "inference gap first",
            lambda e, t, c: (np.mean(e - _given(t, c)), _gaps(e, t, c)[1]),
            "Your first number is the whole inference gap, from the evidence down to the encoder. The approximation "
            "gap ends at the best member of the family.",
        ),
        Misconception(
            "every choice for every point",
            lambda e, t, c: (_gaps(e, t, c)[0], np.mean(t.max(axis=1)) - np.mean(t[:, c])),
            "elbos[:, chosen] is a table of N × N: every point with the columns of all the others. Point n asks for "
            "row n and column chosen[n] together: elbos[np.arange(N), chosen].",
        ),
        Misconception(
            "sign",
            lambda e, t, c: tuple(-gap for gap in _gaps(e, t, c)),
            "Both have the wrong sign. A gap is what is missing: the larger number minus the smaller one.",
        ),
        Misconception(
            "sign of the amortisation gap",
            lambda e, t, c: (_gaps(e, t, c)[0], -_gaps(e, t, c)[1]),
            "The amortisation gap has the wrong sign: it is the best ELBO minus the encoder's.",
        ),
        Misconception(
            "order",
            lambda e, t, c: _gaps(e, t, c)[::-1],
            "Right numbers, wrong order: first the approximation gap, then the amortisation gap.",
        ),
        Misconception(
            "sum over points",
            lambda e, t, c: tuple(len(e) * gap for gap in _gaps(e, t, c)),
            "You sum over the points. The gaps are reported per point: take means.",
        ),
        Misconception(
            "not averaged",
            lambda e, t, c: (e - t.max(axis=1), t.max(axis=1) - _given(t, c)),
            "These are the gaps of the single points. One number each is asked for: the means over points.",
        ),
        Misconception(
            "one averaged, one not",
            lambda e, t, c: (np.mean(e - t.max(axis=1)), np.mean(t.max(axis=1)) - _given(t, c)),
            "You mix a mean with values per point: the amortisation gap subtracts from a mean over points the ELBO of "
            "every single one. Subtract first, then average.",
        ),
        Misconception(
            "average member for the best",
            lambda e, t, c: (np.mean(e - t.mean(axis=1)), np.mean(t.mean(axis=1) - _given(t, c))),
            "You average over the members of the family. What the family can do is what its best member does.",
        ),
        Misconception(
            "position for value",
            lambda e, t, c: (np.mean(e - t.argmax(axis=1)), np.mean(t.argmax(axis=1) - _given(t, c))),
            "argmax says in which column the best ELBO stands, not how large it is: take the maximum itself.",
        ),
        Misconception(
            "worst for the best",
            lambda e, t, c: (np.mean(e - t.min(axis=1)), np.mean(t.min(axis=1) - _given(t, c))),
            "You take the smallest ELBO of each row. The best q has the largest.",
        ),
    ],
    hints=[
        "Begin with the best member for each point: the maximum along each row.",
        "The encoder's ELBO of point n stands in row n, column chosen[n]: elbos[np.arange(N), chosen].",
        "mean(log_evidence − best) and mean(best − the encoder's).",
    ],
    praise="Their sum is the mean of log p(x) − ELBO. A better family lowers the first, a better encoder the second.",
)

EXERCISES = (count_parameters, encode, elbo, inference_gaps)
