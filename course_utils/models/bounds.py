"""Importance-weighted bounds: many draws of a simple q instead of one draw of a rich one.

With K draws z_k of q and weights w_k = p(x, z_k) / q(z_k | x), the bound is L_K = E[log (1/K) Σ w_k]. It is the ELBO at
K = 1, never falls with K, and tends to log p(x). Log-weights have the draws along their first axis, (K, …). Everything
is in nats.

`expected_bound` and `implicit_log_prob` are oracles: where one draw's weights can be integrated, on a grid in one or
two dimensions, they give L_K and the density that it implies for every K, without sampling. Both rest on integrals
over t of φ(t)^K, with the Laplace transform φ(t) = E_q[exp(−t w)] of a single weight.

Sources: Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders" (2016), arXiv 1509.00519; Cremer, Morris
and Duvenaud, "Reinterpreting Importance-Weighted Autoencoders" (2017), arXiv 1704.02916, for the implied density;
Rainforth et al., "Tighter Variational Bounds are Not Necessarily Better" (2018), arXiv 1802.04537; Tucker, Lawson, Gu
and Maddison, "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives" (2019), arXiv 1810.04152.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from course_utils.models.networks import check_torch_generator
from course_utils.models.vae import gaussian_log_prob
from course_utils.workshop.validation import check_array, check_choice, check_scalar

ESTIMATORS = ("standard", "dreg")
"""Gradients of L_K with respect to q's parameters: by differentiating it, or doubly reparameterised."""

_STEP = 0.25
"""Of the integrals in log t: their integrands change over 1, and the trapezoid rule converges exponentially."""


# --- bounds and weights -----------------------------------------------------------------------------------------------


def importance_bound(log_weights: Tensor) -> Tensor:
    """Return log (1/K) Σ_k w_k (…) for log-weights (K, …): one estimate of L_K, however small or large the weights.

    Raises
    ------
    TypeError, ValueError : `log_weights` is no tensor, or has no draws.
    """
    return _check_log_weights(log_weights).logsumexp(0) - math.log(len(log_weights))


def normalised_weights(log_weights: Tensor) -> Tensor:
    """Return w_k / Σ_j w_j (K, …) for log-weights (K, …): the probabilities with which one of the draws stands for q_K.

    Raises
    ------
    TypeError, ValueError : `log_weights` is no tensor, or has no draws.
    """
    return torch.softmax(_check_log_weights(log_weights), dim=0)


def effective_draws(log_weights: Tensor) -> Tensor:
    """Return (Σ w)² / Σ w² (…) for log-weights (K, …): K if all are equal, 1 if one outweighs all others.

    Raises
    ------
    TypeError, ValueError : `log_weights` is no tensor, or has no draws.
    """
    return 1 / normalised_weights(log_weights).square().sum(0)


# --- gradients --------------------------------------------------------------------------------------------------------


def importance_loss(
    log_joint: Callable[[Tensor], Tensor],
    mean: Tensor,
    log_var: Tensor,
    draws: int = 1,
    *,
    estimator: str = "standard",
    generator: torch.Generator | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Return −log (1/K) Σ w_k (N,) for K draws of q = N(mean, diag exp(log_var)), with the gradient of an estimator.

    The value is the same for both estimators; so is the gradient with respect to whatever `log_joint` depends on other
    than its argument, Σ w̃_k ∇ log p(x, z_k) with a minus, where w̃ are the normalised weights. For mean and log-variance
    "standard" differentiates the value, and "dreg" uses Σ w̃_k² ∂(log w_k)/∂z_k · ∂z_k/∂φ, which has the same
    expectation and less noise.

    Parameters
    ----------
    log_joint : function of z (K, N, L) that returns log p(x_n, z_kn) (K, N).
    mean, log_var : (N, L), of q.
    draws : K.
    estimator : one of `ESTIMATORS`.
    generator : for the draws; without it torch's own random state.
    noise : standard normal (K, N, L) that takes the place of drawing.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Burda, Grosse and Salakhutdinov (2016), equation 14; Tucker et al. (2019), equation 8.
    """
    check_choice("estimator", estimator, ESTIMATORS)
    if noise is None:
        shape = (check_scalar("draws", draws, integer=True, minimum=1), *mean.shape)
        generator = check_torch_generator(generator)
        noise = torch.randn(shape, generator=generator, dtype=mean.dtype, device=mean.device)
    z = mean + torch.exp(0.5 * log_var) * noise
    if estimator == "standard":
        return -importance_bound(log_joint(z) - gaussian_log_prob(z, mean, log_var))
    log_weights = log_joint(z) - gaussian_log_prob(z, mean.detach(), log_var.detach())
    shares = normalised_weights(log_weights.detach())
    if z.requires_grad:
        # the path to φ carries a second factor w̃; the path to the model's parameters does not pass through z
        z.register_hook(lambda gradient: gradient * shares.unsqueeze(-1))
    surrogate = (shares * log_weights).sum(0)
    return -importance_bound(log_weights).detach() - (surrogate - surrogate.detach())


# --- oracles on a grid ------------------------------------------------------------------------------------------------


def expected_bound(log_weights: Any, log_mass: Any, draws: int | Sequence[int]) -> np.ndarray:
    """Return L_K = E[log (1/K) Σ w_k] without sampling, from the weights of one draw on a grid.

    With φ(t) = E_q[exp(−t w)], Frullani's log s = ∫ (e^{−t} − e^{−ts}) dt/t gives
    E[log Σ w] = ∫ (e^{−t} − φ(t)^K) dt/t.

    Parameters
    ----------
    log_weights : (G,), log w at the grid's points.
    log_mass : (G,), logarithms of q's probability of each grid point (density times cell), which sum to 1.
    draws : K, or several, (C,), which cost hardly more than one.

    Returns
    -------
    L_K, in the shape of `draws`: () or (C,).

    Raises
    ------
    TypeError, ValueError : the shapes do not fit, a log-weight is not finite, or the masses do not sum to 1.
    """
    log_weights, log_mass = _check_grid(log_weights, log_mass)
    counts = check_array("draws", draws, dtype="int", min_size=1)
    if counts.min() < 1:
        raise ValueError(f"draws must be at least 1; got {counts.min()}")
    top = log_weights.max()
    s = _log_t(log_weights - top, int(counts.max()))
    log_powers = counts[..., None] * _log_laplace(log_weights - top, log_mass, s)
    integrals = _STEP * np.sum(np.exp(-_exp(s)) - np.exp(log_powers), axis=-1)
    return integrals + top - np.log(counts)


def implicit_log_prob(log_joint: Any, log_q: Any, log_weights: Any, log_mass: Any, draws: int) -> np.ndarray:
    """Return log q_K(z) (P,): the density of a draw that is picked from K draws of q by its normalised weight.

    q_K(z) = E[p(x, z) / ((w(z) + Σ_{k>1} w_k) / K)], with K − 1 fresh draws. It is q at K = 1, and tends to the
    posterior.

    Parameters
    ----------
    log_joint, log_q : (P,), log p(x, z) and log q(z) at the points where q_K is wanted.
    log_weights, log_mass, draws : as in `expected_bound`.

    Raises
    ------
    TypeError, ValueError : as in `expected_bound`, or log_joint and log_q differ in shape.

    Source: Cremer, Morris and Duvenaud (2017), equation 7.
    """
    log_joint = check_array("log_joint", log_joint, shape=("P",), min_size=1)
    log_q = check_array("log_q", log_q, shape=(len(log_joint),))
    log_weights, log_mass = _check_grid(log_weights, log_mass)
    draws = check_scalar("draws", draws, integer=True, minimum=1)
    if draws == 1:
        return log_q
    top = max(log_weights.max(), (log_joint - log_q).max())
    s = _log_t(log_weights - top, draws)
    log_powers = (draws - 1) * _log_laplace(log_weights - top, log_mass, s)
    # 1 / (w + S) = ∫ e^{−t (w + S)} dt, and dt = t ds
    exponents = s + log_powers - _exp(s + (log_joint - log_q - top)[:, None])
    return log_joint - top + math.log(draws * _STEP) + logsumexp(exponents, axis=1)


def _log_laplace(log_weights: np.ndarray, log_mass: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return log E_q[exp(−e^s w)] at each s, in blocks that bound the memory."""
    blocks = np.array_split(s, max(1, len(s) * len(log_weights) // 4_000_000))
    return np.concatenate([logsumexp(log_mass - _exp(part[:, None] + log_weights), axis=1) for part in blocks])


def _exp(x: np.ndarray) -> np.ndarray:
    """Return e^x, and 1e304 where it would overflow."""
    return np.exp(np.minimum(x, 700.0))


def _log_t(log_weights: np.ndarray, draws: int) -> np.ndarray:
    """Return the places s = log t of the quadrature, for log-weights of at most 0: all where the integrand is not 0.

    Below, 1 − φ^K is less than K t; above, exp(−t w) is 0 for the smallest weight, too.
    """
    return np.arange(-40.0 - math.log(draws), 6.0 - log_weights.min(), _STEP)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_log_weights(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"log_weights must be a torch tensor; got {type(value).__name__}. torch.as_tensor makes one")
    if value.ndim == 0 or len(value) == 0:
        raise ValueError(
            f"log_weights must have at least one draw along the first axis; got shape {tuple(value.shape)}"
        )
    return value


def _check_grid(log_weights: Any, log_mass: Any) -> tuple[np.ndarray, np.ndarray]:
    log_weights = check_array("log_weights", log_weights, shape=("G",), min_size=1)
    log_mass = check_array("log_mass", log_mass, shape=(len(log_weights),), finite=False)
    total = float(np.exp(logsumexp(log_mass)))
    if not abs(total - 1) < 1e-3:
        raise ValueError(f"log_mass must be logarithms of probabilities that sum to 1; they sum to {total:.6g}")
    held = log_mass > -700  # points that q never visits
    # a missing thousandth would count at every log t from −40 on
    return log_weights[held], log_mass[held] - logsumexp(log_mass[held])
