"""The denoising VAE: corruptions, the denoising bound, the averaged posterior q̃ and its closed forms.

A denoising VAE encodes a corrupted x̃ ~ p(x̃ | x) and rebuilds the clean x. Averaged over corruptions its encoder is
q̃(z | x) = E[q(z | x̃)], a mixture, and

    log p(x)  ≥  L(q̃)  ≥  L_DVAE = E[ELBO of q(z | x̃)],        L(q̃) − L_DVAE = I(z; x̃ | x).

Every quantity is in nats and per data point. Networks are torch; closed forms and quadratures are numpy in float64.

Source: Im, Ahn, Memisevic and Bengio, "Denoising Criterion for Variational Auto-Encoding Framework" (2017), arXiv
1511.06406; Yin and Zhou, "Semi-Implicit Variational Inference" (2018), arXiv 1805.11183, for `DenoisingVAE.sandwich`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import log_ndtr, logsumexp
from torch import Tensor

from course_utils.models import autoencoders
from course_utils.models.networks import check_features, check_torch_generator
from course_utils.models.ppca import ProbabilisticPCA
from course_utils.models.vae import VAE, gaussian_kl, gaussian_log_prob
from course_utils.workshop.validation import check_array, check_choice, check_covariance, check_scalar

CORRUPTIONS = ("gaussian", "salt and pepper", "masking")


# --- damaging the input -----------------------------------------------------------------------------------------------


def corrupt(
    x: Tensor, kind: str, amount: float, *, clip: bool = False, generator: torch.Generator | None = None
) -> Tensor:
    """Return a damaged copy of x: every entry of every row with noise of its own.

    Parameters
    ----------
    x : any shape; for "salt and pepper" values between 0 and 1.
    kind : "gaussian" adds noise of standard deviation `amount`; "salt and pepper" sets each entry, with probability
        `amount`, to 0 or 1 by the throw of a fair coin; "masking" sets it to 0 with probability `amount`.
    amount : not negative, and at most 1 where it is a probability. With 0 nothing is drawn, and x comes back as it is.
    clip : bring what leaves the interval from 0 to 1 back to its ends, as a picture file would.
    generator : for the draws; without it they come from torch's own state, which `Trainer` seeds.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Vincent et al. (2010), section 3.3, for the three kinds.
    """
    kind = check_choice("kind", kind, CORRUPTIONS)
    amount = check_scalar("amount", amount, non_negative=True, maximum=None if kind == "gaussian" else 1)
    generator = check_torch_generator(generator)
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch tensor; got {type(x).__name__}. torch.as_tensor(x) makes one")
    if amount == 0:
        damaged = x
    elif kind == "salt and pepper":
        hit, coin = (torch.rand(x.shape, dtype=x.dtype, generator=generator) for _ in range(2))
        damaged = torch.where(hit < amount, (coin < 0.5).to(x.dtype), x)
    else:
        damaged = autoencoders.corrupt(x, kind, amount, generator=generator)
    return damaged.clamp(0, 1) if clip else damaged


# --- the network ------------------------------------------------------------------------------------------------------


class DenoisingVAE(VAE):
    """A VAE that is trained to rebuild x from a corrupted x̃; with amount 0 it is the VAE of lesson 08.

    `elbo`, `encode`, `importance_log_prob` and all else of `VAE` read the clean x, and are what they were. What has
    "denoising" in its name, and `loss`, corrupt what the encoder reads, and never the target.

    Parameters
    ----------
    data_dim, latent_dim, hidden : as in `VAE`, and so is every further argument by name.
    kind, amount, clip : of `corrupt`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Im et al. (2017).
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: Sequence[int] = (200, 200),
        *,
        kind: str = "gaussian",
        amount: float = 0.2,
        clip: bool = False,
        **vae: Any,
    ):
        super().__init__(data_dim, latent_dim, hidden, **vae)
        corrupt(torch.zeros(0), kind, amount)  # a wrong kind or amount is refused now, and not in the first step
        self.kind, self.amount, self.clip = kind, float(amount), bool(clip)

    def corrupted(self, x: Tensor, count: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Return a corruption of x (N, D), or `count` of them (count, N, D), each entry with noise of its own."""
        x = check_features(x, self.data_dim)
        if count is not None:
            x = x.expand(check_scalar("count", count, integer=True, minimum=1), *x.shape)
        return corrupt(x, self.kind, self.amount, clip=self.clip, generator=generator)

    def denoising_terms(
        self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Return the two terms of the denoising bound for each row of x (N, D), in nats.

        "reconstruction" (N,) is E[log p(x | z)], with x clean and z drawn from q(z | x̃); "kl" (N,) is
        E[KL(q(z | x̃) ‖ p(z))]. Both are averages over `samples` corruptions, with one draw of z for each.
        """
        mean, log_var = self.encode(self.corrupted(x, samples, generator))
        z = self.reparameterise(mean, log_var, generator)
        return {"reconstruction": self.log_likelihood(x, z).mean(0), "kl": gaussian_kl(mean, log_var).mean(0)}

    def denoising_bound(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Return L_DVAE (N,) of each row of x (N, D), in nats, estimated by `samples` corruptions."""
        terms = self.denoising_terms(x, samples, generator)
        return terms["reconstruction"] - terms["kl"]

    def loss(self, x: Tensor, beta: float = 1.0) -> dict[str, Tensor]:
        """Return the terms of −L_DVAE, averaged over the rows of x (N, D): what the training loop minimises."""
        terms = self.denoising_terms(x)
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": beta * terms["kl"].mean()}

    @torch.no_grad()
    def sandwich(
        self, x: Tensor, corruptions: int = 100, samples: int = 20, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return estimates of a lower and an upper bound on L(q̃), each (N,), in nats, for x (N, D).

        z is drawn from q(z | x̃) of one corruption, and the density of q̃ there is an average over `corruptions`
        densities: with the one that z came from among them (lower bound) or with a fresh one in its place (upper
        bound). With one corruption the lower bound is L_DVAE. Both are averaged over `samples` draws.

        Source: Yin and Zhou (2018), section 3, for the lower bound.
        """
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        corruptions = check_scalar("corruptions", corruptions, integer=True, minimum=1)
        lower, upper = torch.zeros(x.shape[:-1], dtype=x.dtype), torch.zeros(x.shape[:-1], dtype=x.dtype)
        for _ in range(samples):
            means, log_vars = self.encode(self.corrupted(x, corruptions + 1, generator))
            z = self.reparameterise(means[0], log_vars[0], generator)
            log_joint = self.log_likelihood(x, z) + gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))
            lower += (log_joint - mixture_log_prob(z, means[:-1], log_vars[:-1])) / samples
            upper += (log_joint - mixture_log_prob(z, means[1:], log_vars[1:])) / samples
        return lower, upper


def mixture_log_prob(z: Tensor, means: Tensor, log_vars: Tensor) -> Tensor:
    """Return log (1/C) Σ_c N(z; means_c, diag exp(log_vars_c)), the density of q̃ from C corruptions, in nats.

    Shapes: z (…, L), means and log_vars (C, …, L), result (…).

    Raises
    ------
    ValueError : means and log_vars have different shapes, or no first axis of corruptions.
    """
    if means.shape != log_vars.shape or means.ndim < 2 or len(means) == 0:
        raise ValueError(
            "means and log_vars must have the same shape (C, …, L) with at least one corruption; got "
            f"{tuple(means.shape)} and {tuple(log_vars.shape)}"
        )
    return torch.logsumexp(gaussian_log_prob(z, means, log_vars), dim=0) - math.log(len(means))


# --- one latent: every term by quadrature -----------------------------------------------------------------------------


class Bounds(NamedTuple):
    """The terms of the chain for one data point, in nats.

    log_prob : log p(x).
    mixture : L(q̃), the ELBO of the average of the encoder's answers.
    denoising : L_DVAE, the average of their ELBOs.
    information : I(z; x̃ | x), by its own definition, the average KL(q(z | x̃) ‖ q̃).
    """

    log_prob: float
    mixture: float
    denoising: float
    information: float


def bounds_by_quadrature(grid: Any, log_joint: Any, log_densities: Any, weights: Any) -> Bounds:
    """Return all terms of the chain of bounds for one data point whose latent is one number.

    Parameters
    ----------
    grid : (G,) equally spaced values of z, wide and fine enough that all densities are smooth on it and vanish at
        its ends: the trapezoidal rule then errs by less than rounding.
    log_joint : (G,) log p(x, z) on the grid.
    log_densities : (C, G) log q(z | x̃_c) for each of C corruptions.
    weights : (C,) their probabilities p(x̃_c | x); positive, with the sum 1.

    Raises
    ------
    TypeError, ValueError : shapes do not fit, the grid is not equally spaced, or the weights are no probabilities.
    """
    grid = check_array("grid", grid, shape=("G",), min_size=2)
    log_joint = check_array("log_joint", log_joint, shape=(len(grid),))
    log_q = check_array("log_densities", log_densities, shape=("C", len(grid)), min_size=1)
    weights = check_array("weights", weights, shape=(len(log_q),), positive=True)
    if not np.allclose(np.diff(grid), grid[1] - grid[0]) or grid[1] <= grid[0]:
        raise ValueError("grid must rise in equal steps")
    if not math.isclose(weights.sum(), 1, abs_tol=1e-9):
        raise ValueError(f"weights must be probabilities with the sum 1; their sum is {weights.sum():.6g}")
    step = grid[1] - grid[0]
    log_mixture = logsumexp(log_q + np.log(weights)[:, None], axis=0)

    def expected(log_density: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.trapezoid(np.exp(log_density) * values, dx=step, axis=-1)

    return Bounds(
        log_prob=float(logsumexp(log_joint) + math.log(step)),
        mixture=float(expected(log_mixture, log_joint - log_mixture)),
        denoising=float(weights @ expected(log_q, log_joint - log_q)),
        information=float(weights @ expected(log_q, log_q - log_mixture)),
    )


def folded_log_joint(x: Any, z: Any, variance: float) -> np.ndarray:
    """Return log p(x, z) in nats of the model z ~ N(0, 1), x | z ~ N(|z|, variance); x and z broadcast.

    The sign of z leaves no trace in x: p(z | x) has two humps, one the mirror image of the other.

    Raises
    ------
    TypeError, ValueError : x or z does not hold finite real numbers, or the variance is not positive.
    """
    x, z = check_array("x", x), check_array("z", z)
    variance = check_scalar("variance", variance, positive=True)
    return -0.5 * ((x - np.abs(z)) ** 2 / variance + z**2) - 0.5 * math.log(variance) - math.log(2 * math.pi)


def folded_log_prob(x: Any, variance: float) -> np.ndarray:
    """Return log p(x) in nats of the same model, in closed form: 2 N(x; 0, 1 + c) Φ(x / √(c (1 + c))), c the variance.

    Errors as in `folded_log_joint`.

    Source: Azzalini (1985): the sum of a half-normal and a normal variable is skew-normal.
    """
    x = check_array("x", x)
    variance = check_scalar("variance", variance, positive=True)
    total = 1 + variance
    log_normal = -0.5 * (x**2 / total + math.log(2 * math.pi * total))
    return math.log(2) + log_normal + log_ndtr(x / math.sqrt(variance * total))


# --- linear encoder and decoder: every term in closed form ------------------------------------------------------------


class LinearEncoder(NamedTuple):
    """The encoder q(z | x̃) = N(W x̃ + offset, covariance), the same covariance for every x̃.

    weights : W (L, D).
    offset : (L,).
    covariance : Σ_q (L, L), symmetric positive definite.
    """

    weights: np.ndarray
    offset: np.ndarray
    covariance: np.ndarray


def averaged_covariance(encoder: LinearEncoder, noise: Any) -> np.ndarray:
    """Return the covariance Σ_q + W S Wᵀ (L, L) of q̃ under additive Gaussian corruption with covariance S.

    q̃(z | x) is the Gaussian N(W x + offset, Σ_q + W S Wᵀ): it is never narrower than W S Wᵀ.

    Parameters
    ----------
    encoder : linear encoder.
    noise : S (D, D), symmetric positive semidefinite.

    Raises
    ------
    TypeError, ValueError : a shape does not fit, or a matrix is not symmetric and (semi)definite.
    """
    weights, _, covariance = _check_encoder(encoder)
    return covariance + weights @ _check_noise(noise, weights.shape[1]) @ weights.T


def linear_information(encoder: LinearEncoder, noise: Any) -> float:
    """Return I(z; x̃ | x) = ½ log (det(Σ_q + W S Wᵀ) / det Σ_q) in nats, the same for all x. Errors as above."""
    averaged = averaged_covariance(encoder, noise)
    return 0.5 * float(np.linalg.slogdet(averaged)[1] - np.linalg.slogdet(encoder.covariance)[1])


def linear_penalty(model: ProbabilisticPCA, encoder: LinearEncoder, noise: Any) -> float:
    """Return ½ tr(Λ W S Wᵀ) in nats, Λ the posterior's precision: what corruption takes from the ELBO, exactly.

    L_DVAE(x) = ELBO(x) − ½ tr(Λ W S Wᵀ) for every x, where the model is linear with Gaussian noise and q(z | x̃) is a
    Gaussian whose mean is linear and whose covariance is constant in x̃.

    Raises
    ------
    TypeError, ValueError : a shape does not fit, or a matrix is not symmetric and (semi)definite.
    """
    weights, _, _ = _check_encoder(encoder, model)
    noise = _check_noise(noise, weights.shape[1])
    precision = np.eye(len(weights)) + model.loadings.T @ model.loadings / model.noise_variance
    return 0.5 * float(np.trace(precision @ weights @ noise @ weights.T))


def linear_bounds(model: ProbabilisticPCA, encoder: LinearEncoder, x: Any, noise: Any) -> Bounds:
    """Return the chain of bounds of one data point x (D,) in closed form, for a linear model and a linear encoder.

    Parameters
    ----------
    model : probabilistic PCA, whose log p(x) is known.
    encoder : linear encoder.
    x : (D,).
    noise : S (D, D), covariance of the additive Gaussian corruption.

    Raises
    ------
    TypeError, ValueError : a shape does not fit, or a matrix is not symmetric and (semi)definite.
    """
    weights, offset, covariance = _check_encoder(encoder, model)
    x = check_array("x", x, shape=(weights.shape[1],))[None]
    means, averaged = x @ weights.T + offset, averaged_covariance(encoder, noise)
    return Bounds(
        log_prob=float(model.log_prob(x)[0]),
        mixture=float(model.elbo(x, means, averaged)[0]),
        denoising=float(model.elbo(x, means, covariance)[0]) - linear_penalty(model, encoder, noise),
        information=linear_information(encoder, noise),
    )


def best_linear_weights(model: ProbabilisticPCA, data_covariance: Any, noise: Any) -> np.ndarray:
    """Return the weights (L, D) that maximise the average L_DVAE: the exact ones times C (C + S)⁻¹.

    It is the regression of the exact posterior mean on the corrupted input: a ridge regression. The offset moves along,
    so that the data's mean is encoded as before.

    Parameters
    ----------
    model : probabilistic PCA.
    data_covariance : C (D, D) of the clean data, symmetric positive semidefinite.
    noise : S (D, D); C + S must be invertible.

    Raises
    ------
    TypeError, ValueError : a shape does not fit, or a matrix is not symmetric and (semi)definite.
    """
    columns = len(model.mean)
    clean = _check_noise(data_covariance, columns, "data_covariance")
    seen = check_covariance("data_covariance + noise", clean + _check_noise(noise, columns))
    return np.linalg.solve(seen, clean @ model.encoder[0].T).T


def _check_encoder(encoder: LinearEncoder, model: ProbabilisticPCA | None = None) -> LinearEncoder:
    weights = check_array("encoder.weights", encoder.weights, shape=("L", "D"), min_size=1)
    if model is not None and weights.shape != model.loadings.T.shape:
        raise ValueError(f"encoder.weights must have shape {model.loadings.T.shape}, (L, D); got {weights.shape}")
    offset = check_array("encoder.offset", encoder.offset, shape=(len(weights),))
    return LinearEncoder(weights, offset, check_covariance("encoder.covariance", encoder.covariance, size=len(weights)))


def _check_noise(noise: Any, size: int, name: str = "noise") -> np.ndarray:
    matrix = check_array(name, noise, shape=(size, size))
    smallest = np.linalg.eigvalsh((matrix + matrix.T) / 2).min()
    if not np.allclose(matrix, matrix.T) or smallest < -1e-9 * max(1.0, np.abs(matrix).max()):
        raise ValueError(f"{name} must be a covariance: symmetric, with no negative eigenvalue; got {smallest:.3g}")
    return (matrix + matrix.T) / 2
