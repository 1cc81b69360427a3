"""Lesson 04, variational inference: its exercises."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _entropy_loop(scale):
    total = 0.0
    for one in scale:
        total += 0.5 + 0.5 * np.log(2 * np.pi) + np.log(one)
    return total


def _scales_law(rng):
    """Scales so small and so large that the entropy has either sign; ones and ties among them."""
    scale = np.exp(rng.uniform(-3.5, 1.5, rng.integers(1, 7)))
    if rng.random() < 0.35:
        scale = 10 ** (rng.uniform(-5, 5) + rng.uniform(-1, 1, rng.integers(1, 13)))
    scale[rng.random(len(scale)) < 0.15] = 1.0
    if rng.random() < 0.2:
        scale[:] = scale[0]
    return (scale,)


gaussian_entropy = Exercise(
    name="gaussian_entropy",
    arguments=("scale",),
    returns="entropy",
    reference=lambda scale: np.sum(np.log(2 * np.pi * np.e * scale**2)) / 2,
    spellings={
        "loop": _entropy_loop,
        "scipy": lambda scale: stats.norm.entropy(scale=scale).sum(),
        "torch": lambda scale: torch.distributions.Normal(0.0, torch.as_tensor(scale)).entropy().sum(),
        "determinant": lambda scale: np.linalg.slogdet(2 * np.pi * np.e * np.diag(scale**2))[1] / 2,
    },
    probes=[
        (np.array([2.0]),),
        (np.array([0.3, 1.7, 4.0]),),
        (np.array([1.0, 1.0]),),
        (np.array([0.05, 0.2, 0.9, 3.1]),),
    ],
    law=_scales_law,
    extremes=[(np.linspace(0.01, 0.1, 300),), (np.linspace(50.0, 90.0, 200),)],
    stable="take the logarithm of each coordinate and add; the product of so many scales overflows or becomes 0",
    misconceptions=[
        Misconception(
            "half missing",
            lambda scale: np.sum(np.log(2 * np.pi * np.e * scale**2)),
            "Exactly twice too large: the ½ in front of log(2πe σ²) is missing. It comes from the square root in "
            "the density's 1/√(2πσ²).",
        ),
        Misconception(
            "scale for variance",
            lambda scale: np.sum(np.log(2 * np.pi * np.e * scale)) / 2,
            "You put `scale` where the variance belongs. `scale` is the standard deviation: square it inside the "
            "logarithm.",
        ),
        Misconception(
            "bits",
            lambda scale: np.sum(np.log2(2 * np.pi * np.e * scale**2)) / 2,
            "This is the entropy in bits, with log2. The course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "not summed",
            lambda scale: np.log(2 * np.pi * np.e * scale**2) / 2,
            "These are the entropies of the single coordinates. The coordinates are independent, so the entropy of "
            "the whole is their sum.",
        ),
        Misconception(
            "mean for sum",
            lambda scale: np.mean(np.log(2 * np.pi * np.e * scale**2)) / 2,
            "You average over the coordinates. Entropies of independent parts add up.",
        ),
        Misconception(
            "logarithm of the sum",
            lambda scale: np.log(2 * np.pi * np.e * np.sum(scale**2)) / 2,
            "You add the variances and take one logarithm. The entropies add up: first the logarithm of each "
            "coordinate, then the sum.",
        ),
        Misconception(
            "constant once",
            lambda scale: np.log(2 * np.pi * np.e) / 2 + np.sum(np.log(scale)),
            "The constant ½ log(2πe) is there once, but every one of the D coordinates brings its own.",
        ),
        Misconception(
            "e missing",
            lambda scale: np.sum(np.log(2 * np.pi * scale**2)) / 2,
            "Too small by ½ for every coordinate: the expected square ½ E[(z − m)²]/s² = ½ is missing, the e in "
            "log(2πe s²).",
        ),
        Misconception(
            "never negative",
            lambda scale: max(0.0, np.sum(np.log(2 * np.pi * np.e * scale**2)) / 2),
            "You keep the entropy from falling below 0. That of a density may: a narrow one exceeds 1, and −log q is "
            "negative there.",
        ),
    ],
    hints=[
        "Begin with one coordinate: E[−log q(z)], with −log q(z) = ½ log(2π s²) + (z − m)²/(2s²).",
        "E[(z − m)²] = s², so one coordinate has ½ log(2π s²) + ½ = ½ log(2πe s²).",
        "Sum 0.5 * np.log(2 * np.pi * np.e * scale**2) over the coordinates.",
    ],
    praise="The mean does not appear: moving a distribution makes it no less uncertain.",
)


def _kl(mean_q, log_var_q, mean_p, log_var_p):
    ratio = np.exp(log_var_q - log_var_p)
    distance = (mean_q - mean_p) ** 2 / np.exp(log_var_p)
    return np.sum(ratio + distance - 1 - (log_var_q - log_var_p)) / 2


def _kl_torch(mean_q, log_var_q, mean_p, log_var_p):
    q, p = (
        torch.distributions.Normal(torch.as_tensor(mean), torch.exp(0.5 * torch.as_tensor(log_var)))
        for mean, log_var in ((mean_q, log_var_q), (mean_p, log_var_p))
    )
    return torch.distributions.kl_divergence(q, p).sum()


def _kl_scales(mean_q, log_var_q, mean_p, log_var_p):
    scale_q, scale_p = np.exp(log_var_q / 2), np.exp(log_var_p / 2)
    return (np.log(scale_p / scale_q) + (scale_q**2 + (mean_q - mean_p) ** 2) / (2 * scale_p**2) - 0.5).sum()


def _kl_full(mean_q, log_var_q, mean_p, log_var_p):
    """The formula for full covariances."""
    precision, shift = np.diag(np.exp(-log_var_p)), mean_p - mean_q
    log_det = np.sum(log_var_p) - np.sum(log_var_q)
    trace = np.trace(precision @ np.diag(np.exp(log_var_q)))
    return (trace + shift @ precision @ shift - len(shift) + log_det) / 2


def _kl_loop(mean_q, log_var_q, mean_p, log_var_p):
    total = 0.0
    for a, u, b, v in zip(mean_q, log_var_q, mean_p, log_var_p, strict=True):
        total += 0.5 * (v - u) + (np.exp(u) + (a - b) ** 2) / (2 * np.exp(v)) - 0.5
    return total


def _two_gaussians_law(rng):
    """Two Gaussians; now and then p is N(0, I), or q itself, or both are in other units."""
    size = rng.integers(1, 13) if rng.random() < 0.2 else rng.integers(1, 6)
    mean_q, log_var_q = rng.normal(0, 1.5, size), rng.normal(0, 1.2, size)
    mean_p, log_var_p = rng.normal(0, 1.5, size), rng.normal(0, 1.2, size)
    log_var_q[rng.random(size) < 0.1] = 0.0
    mean_p[rng.random(size) < 0.1] = 0.0
    kind = rng.random()
    if kind < 0.1:
        mean_p, log_var_p = np.zeros(size), np.zeros(size)
    elif kind < 0.16:
        mean_p, log_var_p = mean_q.copy(), log_var_q.copy()
    elif kind < 0.4:
        log_var_p = log_var_q.copy()
    if rng.random() < 0.25:  # other units: the divergence stays as it is
        log_unit = rng.uniform(-10, 10, size)
        mean_q, mean_p = mean_q * np.exp(log_unit / 2), mean_p * np.exp(log_unit / 2)
        log_var_q, log_var_p = log_var_q + log_unit, log_var_p + log_unit
    return mean_q, log_var_q, mean_p, log_var_p


def _read_as_variances(mean_q, log_var_q, mean_p, log_var_p):
    ratio = log_var_q / log_var_p
    return np.sum(ratio + (mean_q - mean_p) ** 2 / log_var_p - 1 - np.log(ratio)) / 2


def _read_as_variances_apart(mean_q, log_var_q, mean_p, log_var_p):
    fit = (log_var_q + (mean_q - mean_p) ** 2) / log_var_p
    return np.sum(fit - 1 - (np.log(log_var_q) - np.log(log_var_p))) / 2


def _read_as_scales(mean_q, log_var_q, mean_p, log_var_p):
    fit = (log_var_q**2 + (mean_q - mean_p) ** 2) / (2 * log_var_p**2)
    return np.sum(np.log(log_var_p / log_var_q) + fit - 0.5)


gaussian_kl = Exercise(
    name="gaussian_kl",
    arguments=("mean_q", "log_var_q", "mean_p", "log_var_p"),
    returns="divergence",
    reference=_kl,
    spellings={"torch": _kl_torch, "loop": _kl_loop, "scales": _kl_scales, "full covariances": _kl_full},
    probes=[
        (np.array([1.0]), np.array([0.0]), np.array([0.0]), np.array([0.5])),
        (np.array([0.5]), np.array([-1.2]), np.array([-0.3]), np.array([0.4])),
        (np.array([2.0, -1.0, 0.3]), np.array([0.7, -2.0, 1.0]), np.array([1.5, 0.2, 0.0]), np.array([-0.5, 0.3, 0.6])),
        (np.array([0.4, 3.0]), np.array([-0.6, 0.9]), np.zeros(2), np.array([0.2, -0.4])),
    ],
    law=_two_gaussians_law,
    extremes=[
        (np.zeros(3), np.array([-300.0, -280.0, -290.0]), np.array([0.5, -1.0, 2.0]), np.array([0.3, -1.0, 0.7])),
        (np.zeros(3), np.array([300.0, 290.0, 299.0]), np.array([0.5, -1.0, 2.0]), np.array([290.0, 285.0, 300.0])),
        (np.zeros(2), np.array([-300.0, -299.0]), np.array([0.5, -1.0]), np.array([300.0, 299.0])),
        (np.zeros(2), np.array([300.0, 280.0]), np.array([0.5, -1.0]), np.array([-300.0, 0.0])),
    ],
    stable="the logarithms are there already: add and subtract them, and take none of a product",
    misconceptions=[
        Misconception(
            "direction swapped",
            lambda mean_q, log_var_q, mean_p, log_var_p: _kl(mean_p, log_var_p, mean_q, log_var_q),
            "This is KL(p‖q). The divergence is not symmetric: here the expectation is under q.",
        ),
        Misconception(
            "symmetrised",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                (_kl(mean_q, log_var_q, mean_p, log_var_p) + _kl(mean_p, log_var_p, mean_q, log_var_q)) / 2
            ),
            "This is the mean of both directions. Variational inference needs one of them: KL(q‖p), an average over q, "
            "because only q can be averaged over.",
        ),
        Misconception(
            "cross-entropy",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p) + np.sum(np.log(2 * np.pi * np.e) + log_var_q) / 2
            ),
            "This is −E_q[log p(z)] alone. The divergence is E_q[log q(z) − log p(z)]: the entropy of q is subtracted "
            "from yours.",
        ),
        Misconception(
            "to the standard normal",
            lambda mean_q, log_var_q, mean_p, log_var_p: _kl(mean_q, log_var_q, 0 * mean_p, 0 * log_var_p),
            "This is KL(q‖N(0, I)): your p is the standard normal, whatever `mean_p` and `log_var_p` are. Here p has a "
            "mean and a variance of its own.",
        ),
        Misconception(
            "log-variances read as variances",
            _read_as_variances,
            "You took the `log_var` for the variances themselves; they may be 0 or negative, as no variance can. The "
            "variance is np.exp(log_var), and its logarithm is log_var.",
        ),
        Misconception(
            "log-variances read as variances, logarithms apart",
            _read_as_variances_apart,
            "You took the `log_var` for the variances themselves, and the logarithm of a negative one is not a number. "
            "log_var is log σ² already, and σ² is np.exp(log_var).",
        ),
        Misconception(
            "log-variances read as scales",
            _read_as_scales,
            "You took the `log_var` for standard deviations; they may be negative. σ² is np.exp(log_var), and σ is "
            "np.exp(log_var / 2).",
        ),
        Misconception(
            "spread of q forgotten",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p) - np.sum(np.exp(log_var_q - log_var_p)) / 2
            ),
            "You put the mean of q in the place of z: E_q[(z − m_p)²] is larger than (m_q − m_p)², by σ_q².",
        ),
        Misconception(
            "log-variance for variance",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                np.sum((log_var_q + (mean_q - mean_p) ** 2) / log_var_p - 1 - (log_var_q - log_var_p)) / 2
            ),
            "You use `log_var` where the variance belongs. Both arguments are logarithms: the variance is "
            "np.exp(log_var).",
        ),
        Misconception(
            "log-variance for variance, in the ratio",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                np.sum(log_var_q - log_var_p + (mean_q - mean_p) ** 2 / np.exp(log_var_p) - 1 - log_var_q + log_var_p)
                / 2
            ),
            "In the ratio of the variances the logarithms have stayed: σ_q²/σ_p² is np.exp(log_var_q − log_var_p).",
        ),
        Misconception(
            "scale for variance",
            lambda mean_q, log_var_q, mean_p, log_var_p: _kl(mean_q, 2 * log_var_q, mean_p, 2 * log_var_p),
            "You read exp(log_var) as the standard deviation and square it. It is the variance already; the standard "
            "deviation is exp(log_var / 2).",
        ),
        Misconception(
            "minus one missing",
            lambda mean_q, log_var_q, mean_p, log_var_p: _kl(mean_q, log_var_q, mean_p, log_var_p) + len(mean_q) / 2,
            "The −1 is missing, once for every coordinate: this does not become 0 when q = p.",
        ),
        Misconception(
            "minus one only once",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p) + (len(mean_q) - 1) / 2
            ),
            "The −1 is there once, but each of the D coordinates brings its own. For D = 1 this is right.",
        ),
        Misconception(
            "variance ratio inverted",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                np.sum(
                    np.exp(log_var_p - log_var_q)
                    + (mean_q - mean_p) ** 2 / np.exp(log_var_p)
                    - 1
                    - (log_var_q - log_var_p)
                )
                / 2
            ),
            "The ratio of the variances stands upside down: it is σ_q²/σ_p², because E_q[(z − m_q)²] = σ_q² is "
            "divided by the variance of p.",
        ),
        Misconception(
            "shift over the wrong variance",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                np.sum(
                    np.exp(log_var_q - log_var_p)
                    + (mean_q - mean_p) ** 2 / np.exp(log_var_q)
                    - 1
                    - (log_var_q - log_var_p)
                )
                / 2
            ),
            "The squared distance of the means is divided by the variance of q. It comes from log p, so it is divided "
            "by the variance of p.",
        ),
        Misconception(
            "sign of the logarithm",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p) + np.sum(log_var_q - log_var_p)
            ),
            "The logarithm has the wrong sign: a narrower q has a larger log q, so the term is −log(σ_q²/σ_p²).",
        ),
        Misconception(
            "logarithm forgotten",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p) + np.sum(log_var_q - log_var_p) / 2
            ),
            "The logarithm of the ratio of the variances is missing. It comes from the factors 1/σ in front of the two "
            "densities, and keeps q from shrinking to a point.",
        ),
        Misconception(
            "not squared",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                _kl(mean_q, log_var_q, mean_p, log_var_p)
                + np.sum((np.abs(mean_q - mean_p) - (mean_q - mean_p) ** 2) / np.exp(log_var_p)) / 2
            ),
            "The distance of the means is not squared.",
        ),
        Misconception(
            "not summed",
            lambda mean_q, log_var_q, mean_p, log_var_p: (
                (
                    np.exp(log_var_q - log_var_p)
                    + (mean_q - mean_p) ** 2 / np.exp(log_var_p)
                    - 1
                    - (log_var_q - log_var_p)
                )
                / 2
            ),
            "These are the divergences of the single coordinates. q and p are products, so their sum is asked for.",
        ),
    ],
    hints=[
        "KL(q‖p) = E_q[log q(z)] − E_q[log p(z)], one coordinate at a time, then the sum.",
        "E_q[(z − m_p)²] = σ_q² + (m_q − m_p)², and E_q[(z − m_q)²] = σ_q².",
        "½ Σ (σ_q²/σ_p² + (m_q − m_p)²/σ_p² − 1 − log(σ_q²/σ_p²)), with σ² = np.exp(log_var).",
    ],
    praise="With p = N(0, 1) it becomes ½ Σ (σ² + m² − 1 − log σ²), the second half of every VAE's loss.",
)


def _coin(logits, data):
    """Log-probability of the sequence of zeros and ones for each of the log-odds (M,)."""
    return data.sum() * logits - len(data) * np.logaddexp(0, logits)


def _standard(values):
    return -(values**2) / 2 - np.log(2 * np.pi) / 2


def _elbo(noise, mean, scale, data):
    z = mean + scale * noise
    return np.mean(_coin(z, data) + _standard(z) - _standard(noise) + np.log(scale))


def _elbo_torch(noise, mean, scale, data):
    q = torch.distributions.Normal(torch.tensor(float(mean)).double(), float(scale))
    z = q.loc + q.scale * torch.as_tensor(noise)
    likelihood = torch.distributions.Bernoulli(logits=z[:, None]).log_prob(torch.as_tensor(data)).sum(dim=1)
    return (likelihood + torch.distributions.Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).mean()


def _elbo_loop(noise, mean, scale, data):
    total = 0.0
    for one in noise:
        z = mean + scale * one
        total -= sum(np.logaddexp(0, -z) if x else np.logaddexp(0, z) for x in data)
        total += stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, scale)
    return total / len(noise)


def _with_likelihood(function):
    """Return the estimate with another log-likelihood, `function(z, mean, data)` for each draw."""

    def estimate(noise, mean, scale, data):
        z = mean + scale * noise
        return np.mean(function(z, mean, data) + _standard(z) - _standard(noise) + np.log(scale))

    return estimate


def _log_weights(noise, mean, scale, data):
    z = mean + scale * noise
    return _coin(z, data) + _standard(z) - _standard(noise) + np.log(scale)


def _coin_law(rng):
    draws, count = rng.integers(1, 7, 2)
    noise = rng.standard_normal(draws)
    noise[rng.random(draws) < 0.1] = 0.0
    mean, scale = float(rng.normal(0, 1.2)), float(rng.uniform(0.1, 2.5))
    if rng.random() < 0.15:
        noise = rng.choice(noise, draws)  # ties
    if rng.random() < 0.2:
        scale = float(10 ** rng.uniform(-4, 1))
    data = rng.integers(0, 2, count).astype(float)
    if rng.random() < 0.2:  # many data, so certain that only the tail of log(1 + eᶻ) is left
        one = rng.integers(0, 2)
        mean, data = float((2 * one - 1) * rng.uniform(5, 11)), np.full(rng.integers(200, 2000), float(one))
    return noise, mean, 1.0 if rng.random() < 0.1 else scale, data


def _given(z, mean, scale, data):
    """The estimate from draws z, wherever they came from."""
    return np.mean(_coin(z, data) + _standard(z) - stats.norm.logpdf(z, mean, scale))


elbo_estimate = Exercise(
    name="elbo_estimate",
    arguments=("noise", "mean", "scale", "data"),
    returns="ELBO",
    reference=_elbo,
    spellings={
        "torch": _elbo_torch,
        "loop": _elbo_loop,
        "scipy": lambda noise, mean, scale, data: np.mean(
            special.log_expit((2 * data - 1) * (mean + scale * noise)[:, None]).sum(axis=1)
            + stats.norm.logpdf(mean + scale * noise)
            - stats.norm.logpdf(mean + scale * noise, mean, scale)
        ),
    },
    probes=[
        (np.array([0.5, -1.0]), 1.0, 0.5, np.array([1.0, 1.0, 0.0])),
        (np.array([0.3]), -0.4, 1.6, np.array([1.0])),
        (np.array([1.2, -0.7, 0.1, 2.0]), 0.6, 0.0002, np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0])),
        (np.array([-0.2, 0.4, 1.5]), -1.5, 2.0, np.zeros(4)),
    ],
    law=_coin_law,
    extremes=[
        (np.array([0.5, -1.0]), 60.0, 1.0, np.array([1.0, 0.0, 0.0])),
        (np.array([0.0, 0.3]), -60.0, 2.0, np.array([1.0, 0.0])),
        (np.array([0.2]), 900.0, 0.5, np.array([0.0, 1.0])),
        (np.array([0.4, -0.1]), -900.0, 0.5, np.array([0.0, 1.0, 1.0])),
    ],
    stable="np.logaddexp(0, z) for log(1 + eᶻ), whose exponentials do not overflow on either side; 1 − σ(z) is rounded "
    "to 0 for large z",
    misconceptions=[
        Misconception(
            "log q forgotten",
            lambda noise, mean, scale, data: np.mean(
                _coin(mean + scale * noise, data) + _standard(mean + scale * noise)
            ),
            "The −log q(z) is missing. Without it nothing rewards a wide q, and the best q would be a point.",
        ),
        Misconception(
            "sampling from the prior",
            lambda noise, mean, scale, data: _given(noise, mean, scale, data),
            "Your draws come from the prior. The expectation is under q: z = mean + scale · noise.",
        ),
        Misconception(
            "expected likelihood under the prior",
            lambda noise, mean, scale, data: np.mean(_coin(noise, data)),
            "This averages log p(x | z) over draws from the prior. The draws must come from q, z = mean + scale · "
            "noise, and log p(z) and −log q(z) belong to the average.",
        ),
        Misconception(
            "sign of log q",
            lambda noise, mean, scale, data: (
                _elbo(noise, mean, scale, data) + 2 * np.mean(stats.norm.logpdf(mean + scale * noise, mean, scale))
            ),
            "log q has the wrong sign: the ELBO is E[log p(x, z) − log q(z)].",
        ),
        Misconception(
            "prior forgotten",
            lambda noise, mean, scale, data: _elbo(noise, mean, scale, data) - np.mean(_standard(mean + scale * noise)),
            "The log-prior is missing: log p(x, z) = log p(x | z) + log p(z).",
        ),
        Misconception(
            "mean over data",
            lambda noise, mean, scale, data: (
                _elbo(noise, mean, scale, data) - np.mean(_coin(mean + scale * noise, data)) * (1 - 1 / len(data))
            ),
            "The log-likelihood is averaged over the data. It is a sum, one term for each observation; only the draws "
            "are averaged.",
        ),
        Misconception(
            "log-odds read as a probability",
            _with_likelihood(lambda z, mean, data: data.sum() * np.log(z) + (1 - data).sum() * np.log(1 - z)),
            "You took z for the probability of a one; a draw from q may be negative, or larger than 1. z are the "
            "log-odds: the probability is σ(z) = 1/(1 + e^(−z)).",
        ),
        Misconception(
            "number of ones for their sequence",
            _with_likelihood(
                lambda z, mean, data: (
                    _coin(z, data) - special.betaln(data.sum() + 1, (1 - data).sum() + 1) - np.log(len(data) + 1)
                )
            ),
            "This takes the binomial probability of how many ones there are. The data are a sequence: each datum has "
            "its own σ(z) or 1 − σ(z), and no binomial coefficient stands before them.",
        ),
        Misconception(
            "only the ones",
            _with_likelihood(lambda z, mean, data: -data.sum() * np.logaddexp(0, -z)),
            "Only the ones count here. A zero has a probability too, 1 − σ(z).",
        ),
        Misconception(
            "likelihood at the mean",
            _with_likelihood(lambda z, mean, data: _coin(mean, data)),
            "The log-likelihood is taken at the mean of q. Like the other two terms it is averaged over the draws.",
        ),
        Misconception(
            "prior and q once for each datum",
            lambda noise, mean, scale, data: (
                _elbo(noise, mean, scale, data) + (len(data) - 1) * np.mean(_log_weights(noise, mean, scale, data[:0]))
            ),
            "log p(z) and −log q(z) are there once for each of the N observations. z is one unknown for all of them: "
            "add up the log-likelihood over the data first, then add the other two once.",
        ),
        Misconception(
            "log of the mean weight",
            lambda *arguments: special.logsumexp(_log_weights(*arguments)) - np.log(len(arguments[0])),
            "This is the logarithm of the average of p(x, z)/q(z), a tighter bound of its own. The ELBO is the average "
            "of the logarithms.",
        ),
        Misconception(
            "variance in log q",
            lambda noise, mean, scale, data: np.mean(
                _coin(mean + scale * noise, data)
                + _standard(mean + scale * noise)
                - stats.norm.logpdf(mean + scale * noise, mean, scale**2)
            ),
            "The draws are right, but log q is computed with `scale`² as the standard deviation: scipy and torch take "
            "the standard deviation itself.",
        ),
        Misconception(
            "scale squared",
            lambda noise, mean, scale, data: _given(mean + scale**2 * noise, mean, scale, data),
            "The draws use the variance: z = mean + scale · noise, with the standard deviation.",
        ),
        Misconception(
            "q at the noise",
            lambda noise, mean, scale, data: _elbo(noise, mean, scale, data) - np.log(scale),
            "Only log(scale) is missing. q(z) is the density N(z; mean, scale²), which is that of the noise divided by "
            "`scale`. Was it evaluated at the noise, or left without its constant?",
        ),
        Misconception(
            "expected log-likelihood",
            lambda noise, mean, scale, data: np.mean(_coin(mean + scale * noise, data)),
            "This is E_q[log p(x | z)] alone. Either log p(z) and −log q(z) were left out, or q was taken for N(0, 1), "
            "so that they cancel. q(z) is N(z; mean, scale²).",
        ),
        Misconception(
            "negative",
            lambda noise, mean, scale, data: -_elbo(noise, mean, scale, data),
            "This is the negative ELBO: right for a loss to minimise; here the bound itself is asked for.",
        ),
        Misconception(
            "KL in closed form",
            lambda noise, mean, scale, data: (
                np.mean(_coin(mean + scale * noise, data)) - (scale**2 + mean**2 - 1 - 2 * np.log(scale)) / 2
            ),
            "A good estimate, of the second form: the KL to the prior in closed form. Its average is the same, its "
            "value for given noise is not. Here all three terms are averaged over the same draws.",
        ),
        Misconception(
            "entropy in closed form",
            lambda noise, mean, scale, data: (
                np.mean(_coin(mean + scale * noise, data) + _standard(mean + scale * noise))
                + np.log(2 * np.pi * np.e * scale**2) / 2
            ),
            "A good estimate, with the entropy in closed form. Its average is the same, its value for given noise is "
            "not. Here −log q(z) is averaged over the same draws.",
        ),
    ],
    hints=[
        "First the draws: z = mean + scale * noise, an array of the length of noise.",
        "Three terms for each draw: log p(x | z), log p(z) under N(0, 1), and −log q(z) under N(mean, scale²).",
        "log p(x | z) = h z − N log(1 + eᶻ), with h ones among N data; np.logaddexp(0, z) is log(1 + eᶻ).",
    ],
    praise="A mean, and no integral: lesson 06 takes the gradient of this estimate, and lesson 08 trains on it.",
)


def _update_precision(data, mean, scale, prior_mean, prior_strength, prior_shape, prior_rate):
    squares = np.sum((data - mean) ** 2) + len(data) * scale**2
    offset = (mean - prior_mean) ** 2 + scale**2
    return prior_shape + (len(data) + 1) / 2, prior_rate + (squares + prior_strength * offset) / 2


def _update_precision_loop(data, mean, scale, prior_mean, prior_strength, prior_shape, prior_rate):
    shape, rate = prior_shape + 0.5, prior_rate + 0.5 * prior_strength * ((mean - prior_mean) ** 2 + scale**2)
    for x in data:
        shape += 0.5
        rate += 0.5 * ((x - mean) ** 2 + scale**2)
    return shape, rate


def _update_precision_torch(data, mean, scale, prior_mean, prior_strength, prior_shape, prior_rate):
    data = torch.as_tensor(data)
    second = mean**2 + scale**2  # E[μ²]
    squares = (data**2 - 2 * data * mean + second).sum()
    shift = second - 2 * mean * prior_mean + prior_mean**2
    return torch.tensor(prior_shape + (len(data) + 1) / 2), prior_rate + 0.5 * squares + 0.5 * prior_strength * shift


def _precision_law(rng):
    """Data with ties at times; and parameters of many orders of magnitude."""
    data = rng.normal(rng.normal(0, 2), 2, rng.integers(1, 7))
    if rng.random() < 0.25:
        data = np.round(data)
    mean, prior_mean = rng.normal(0, 2, 2)
    scale, others = rng.uniform(0.1, 2), rng.uniform(0.2, 4, 3)
    if rng.random() < 0.25:
        scale, *others = 10 ** rng.uniform(-4, 3, 4)
    if rng.random() < 0.2:
        mean = prior_mean
    return data, float(mean), float(scale), float(prior_mean), *map(float, others)


def _exact_posterior(data, mean, scale, prior_mean, prior_strength, prior_shape, prior_rate):
    average, total = data.mean(), prior_strength + len(data)
    squares = np.sum((data - average) ** 2)
    pull = prior_strength * len(data) / total * (average - prior_mean) ** 2
    return prior_shape + len(data) / 2, prior_rate + (squares + pull) / 2


def _changed(shape=0.0, rate=None):
    """Return the update with something added to its shape, and to its rate what `rate` gives."""

    def function(*arguments):
        good_shape, good_rate = _update_precision(*arguments)
        return good_shape + shape, good_rate + (rate(*arguments) if rate else 0.0)

    return function


update_precision = Exercise(
    name="update_precision",
    arguments=("data", "mean", "scale", "prior_mean", "prior_strength", "prior_shape", "prior_rate"),
    returns=("shape", "rate"),
    reference=_update_precision,
    spellings={"loop": _update_precision_loop, "torch": _update_precision_torch},
    probes=[
        (np.array([1.0, 3.0]), 2.0, 0.5, 0.0, 1.0, 1.0, 1.0),
        (np.array([79.0, 74.0, 85.0, 88.0]), 80.5, 2.5, 70.0, 0.5, 2.0, 60.0),
        (np.array([-0.4]), 0.3, 1.2, 1.0, 3.0, 0.7, 0.2),
        # narrow, weak and small: whatever was added for safety would show
        (np.array([0.49, 0.52]), 0.5, 0.0005, 0.3, 0.0005, 0.002, 0.0001),
    ],
    law=_precision_law,
    misconceptions=[
        Misconception(
            "half for the mean forgotten",
            _changed(shape=-0.5),
            "The shape is too small by ½: it grows by ½ for every datum and by ½ once more, because the prior of μ, "
            "with its variance 1/(κ₀τ), also carries a factor √τ.",
        ),
        Misconception(
            "N for N/2",
            lambda *a: (a[5] + len(a[0]) + 1, _update_precision(*a)[1]),
            "The shape grows by ½ for each datum and ½ for μ: a Gaussian density contains √τ, not τ.",
        ),
        Misconception(
            "floor of N/2",
            lambda *a: (a[5] + (len(a[0]) + 1) // 2, _update_precision(*a)[1]),
            "The shape is rounded down: // drops the half. A shape need not be whole, so divide with /.",
        ),
        Misconception(
            "mean of τ for its shape",
            lambda *a: (np.divide(*_update_precision(*a)), _update_precision(*a)[1]),
            "Your first number is a/b, the mean of τ. It is what the update of q(μ) will need; here the shape a itself "
            "is asked for.",
        ),
        Misconception(
            "half missing in the rate",
            lambda *a: (_update_precision(*a)[0], 2 * _update_precision(*a)[1] - a[6]),
            "The ½ in front of the expected squares is missing in the rate.",
        ),
        Misconception(
            "plug-in squares",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: -(len(x) + l0) * s**2 / 2),
            "You put the mean of q(μ) in the place of μ. The expected square is larger: E[(x − μ)²] = (x − m)² + s². "
            "Leaving s² out ignores what is unknown about μ.",
        ),
        Misconception(
            "exact posterior",
            _exact_posterior,
            "These are shape and rate of the exact posterior, which does not ask for q(μ). Mean field does: average "
            "the squares under q(μ) = N(mean, scale²).",
        ),
        Misconception(
            "exponent for shape",
            _changed(shape=-1.0),
            "This is what multiplies log τ, and that is a − 1: the density of Gamma(a, b) contains τ^(a−1). Add the 1 "
            "to get the shape.",
        ),
        Misconception(
            "squares around the data's mean",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: -len(x) * (x.mean() - m) ** 2 / 2),
            "You square the distances to the average of the data. Under q(μ) the mean is `mean`, which the prior has "
            "pulled away from it.",
        ),
        Misconception(
            "scale for variance",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: (len(x) + l0) * (s - s**2) / 2),
            "You add `scale` where its square belongs: E[(x − μ)²] = (x − m)² + s².",
        ),
        Misconception(
            "variance once",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: -(len(x) - 1) * s**2 / 2),
            "The variance s² of q(μ) is there once for the data; each of the N expected squares contains it.",
        ),
        Misconception(
            "variance missing in the prior's square",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: -l0 * s**2 / 2),
            "The expected square of the prior needs the variance too: E[(μ − μ₀)²] = (m − μ₀)² + s².",
        ),
        Misconception(
            "prior of the mean forgotten",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: -l0 * ((m - m0) ** 2 + s**2) / 2),
            "The prior of μ depends on τ too: its term ½ κ₀ E[(μ − μ₀)²] belongs to the rate.",
        ),
        Misconception(
            "prior's strength forgotten",
            _changed(rate=lambda x, m, s, m0, l0, a0, b0: (1 - l0) * ((m - m0) ** 2 + s**2) / 2),
            "E[(μ − μ₀)²] must be multiplied by the prior's strength κ₀.",
        ),
        Misconception(
            "scale of the Gamma",
            lambda *a: (_update_precision(*a)[0], 1 / _update_precision(*a)[1]),
            "You return the inverse of the rate. Here Gamma(a, b) has the rate b, with mean a/b.",
        ),
        Misconception(
            "order",
            lambda *a: _update_precision(*a)[::-1],
            "Right numbers, wrong order: return the shape first, then the rate.",
        ),
    ],
    hints=[
        "Collect what depends on τ in log p(x | μ, τ) + log p(μ | τ) + log p(τ): multiples of log τ and of τ.",
        "The log of Gamma(a, b) is (a − 1) log τ − b τ + const: a − 1 is what multiplies log τ, −b what multiplies τ.",
        "E[(x − μ)²] = (x − m)² + s² under q(μ) = N(m, s²), and likewise for (μ − μ₀)².",
    ],
    praise="Half of an algorithm. The other half updates q(μ) in the same way.",
)

EXERCISES = (gaussian_entropy, gaussian_kl, elbo_estimate, update_precision)
