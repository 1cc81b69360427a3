"""Estimators of the gradient of an expectation, ∇_φ E_{q_φ}[f(z)], for a Gaussian q_φ.

The Gaussian is z = mean + A ε with ε ~ N(0, I), so that its covariance is AAᵀ. φ = (mean, factor), where `factor` is
either an invertible matrix A (D, D), or a vector (D,) of standard deviations: the diagonal of a diagonal A.

Every estimator returns its K gradients one by one, never only their average, because the course studies how they
scatter. They are computed in float64. Random numbers come from a `torch.Generator`, or from a whole number that seeds
one. Functions of z take all K draws at once, (K, D), and return (K,): row k of the result depends on row k alone.

Sources: Williams (1992) for the score function; Kingma and Welling (2014), Rezende, Mohamed and Wierstra (2014),
Titsias and Lázaro-Gredilla (2014) for the pathwise estimator; Roeder, Wu and Duvenaud (2017) for the path alone;
Mohamed et al. (2020) for all of them, side by side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.models.gaussians import LOG_2PI
from course_utils.workshop.validation import check_array, check_choice, check_scalar

Function = Callable[[Tensor], Tensor]


class GradientSamples(NamedTuple):
    """K estimates of the gradient with respect to φ, each from one draw.

    mean : (K, D), gradients with respect to the mean.
    factor : (K, D) or (K, D, D), gradients with respect to the factor, in its shape.
    values : (K,), the integrand at the draws; their average estimates the expectation itself.
    """

    mean: Tensor
    factor: Tensor
    values: Tensor

    def flat(self) -> Tensor:
        """Return all gradients (K, P), one row for each draw: the mean's columns first, then the factor's."""
        return torch.cat([self.mean, self.factor.flatten(start_dim=1)], dim=1)


def reparameterise(noise: Any, mean: Any, factor: Any) -> Tensor:
    """Turn standard normal noise into draws of N(mean, AAᵀ), through which gradients flow to mean and factor.

    Parameters
    ----------
    noise : (K, D).
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.

    Returns
    -------
    (K, D): mean + A ε for each row ε of the noise.

    Raises
    ------
    TypeError, ValueError : an argument is not made of finite real numbers, the shapes do not fit, a standard deviation
        is not positive or a matrix is not invertible.
    """
    mean, factor = _check_gaussian(mean, factor)
    noise = _tensor("noise", noise, ("K", len(mean)))
    return mean + (noise * factor if factor.ndim == 1 else noise @ factor.T)


def gaussian_log_prob(z: Any, mean: Any, factor: Any) -> Tensor:
    """Log-density of N(mean, AAᵀ) at each draw, in nats; gradients flow to all three arguments.

    Parameters
    ----------
    z : (K, D).
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.

    Returns
    -------
    (K,): log N(ε; 0, I) − log|det A| with ε = A⁻¹(z − mean).

    Raises
    ------
    TypeError, ValueError : as for `reparameterise`.
    """
    mean, factor = _check_gaussian(mean, factor)
    z = _tensor("z", z, ("K", len(mean)))
    noise = _whiten(z, mean, factor)
    log_det = factor.log().sum() if factor.ndim == 1 else torch.linalg.slogdet(factor)[1]
    return -0.5 * (noise**2).sum(dim=1) - log_det - 0.5 * len(mean) * LOG_2PI


def gaussian_score(z: Any, mean: Any, factor: Any) -> tuple[Tensor, Tensor]:
    """Gradient of log q_φ(z) with respect to φ while z is held fixed, in closed form.

    Parameters
    ----------
    z : (K, D).
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.

    Returns
    -------
    The scores for the mean, A⁻ᵀε, (K, D), and for the factor, A⁻ᵀ(εεᵀ − I), (K, D, D) or its diagonal (K, D).

    Raises
    ------
    TypeError, ValueError : as for `reparameterise`.
    """
    mean, factor = (part.detach() for part in _check_gaussian(mean, factor))
    noise = _whiten(_tensor("z", z, ("K", len(mean))).detach(), mean, factor)
    if factor.ndim == 1:
        return noise / factor, (noise**2 - 1) / factor
    squares = noise[:, :, None] * noise[:, None, :] - torch.eye(len(mean), dtype=mean.dtype)
    inverse = torch.linalg.inv(factor)
    return noise @ inverse, inverse.T @ squares


def score_gradient(
    function: Function,
    mean: Any,
    factor: Any,
    *,
    samples: int,
    generator: torch.Generator | int,
    baseline: float | str = 0.0,
) -> GradientSamples:
    """Score-function estimates (f(z) − b) ∇_φ log q_φ(z); f may be any function, differentiable or not.

    Parameters
    ----------
    function : f, from draws (K, D) to (K,). It must not depend on φ.
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.
    samples : K.
    generator : a torch.Generator, or a seed.
    baseline : b. A number; or "leave-one-out", for each draw the average of f over the other draws; or "optimal", the
        number with the least variance for each parameter, estimated from K further draws.

    Returns
    -------
    GradientSamples. Their average is unbiased with each baseline. With "leave-one-out" the K estimates share their
    draws, and are not independent of each other.

    Raises
    ------
    TypeError, ValueError : as for `reparameterise`; or `function` does not return K finite numbers, or "leave-one-out"
        is asked of a single draw.
    """
    mean, factor = (part.detach() for part in _check_gaussian(mean, factor))
    samples, generator = _check_draws(samples, generator)
    if isinstance(baseline, str):
        check_choice("baseline", baseline, ("leave-one-out", "optimal"))
    else:
        baseline = check_scalar("baseline", baseline)
    z = reparameterise(_noise(samples, len(mean), generator), mean, factor)
    values = _evaluate(function, z)
    scores = gaussian_score(z, mean, factor)
    if baseline == "leave-one-out":
        centred = [_times(values - leave_one_out(values), score) for score in scores]
    elif baseline == "optimal":
        pilot = reparameterise(_noise(samples, len(mean), generator), mean, factor)
        pilot_values = _evaluate(function, pilot)
        best = [optimal_baseline(pilot_values, score) for score in gaussian_score(pilot, mean, factor)]
        centred = [_times(values, score) - b * score for b, score in zip(best, scores, strict=True)]
    else:
        centred = [_times(values - baseline, score) for score in scores]
    return GradientSamples(*centred, values)


def leave_one_out(values: Any) -> Tensor:
    """Average of the other values, for each value: a baseline that its own draw knows nothing of.

    Parameters
    ----------
    values : (K,), at least two.

    Returns
    -------
    (K,).

    Raises
    ------
    TypeError, ValueError : `values` is not made of finite real numbers, or holds fewer than two.
    """
    values = _tensor("values", values, ("K",))
    if len(values) < 2:
        raise ValueError(f"values must hold at least 2 numbers, or no other is left to average; got {len(values)}")
    return (values.sum() - values) / (len(values) - 1)


def optimal_baseline(values: Any, scores: Any) -> Tensor:
    """Constant b that minimises the variance of (f − b) s for each parameter: the average of f s² over that of s².

    Parameters
    ----------
    values : (K,), f at the draws.
    scores : (K, …), the scores at the same draws.

    Returns
    -------
    (…), one baseline for each parameter.

    Raises
    ------
    TypeError, ValueError : an argument is not made of finite real numbers, or the two differ in K.

    Source: Greensmith, Bartlett and Baxter (2004).
    """
    values = _tensor("values", values, ("K",))
    scores = _tensor("scores", scores, (len(values), *([None] * (torch.as_tensor(scores).ndim - 1))))
    return _times(values, scores**2).mean(dim=0) / (scores**2).mean(dim=0)


def pathwise_gradient(
    function: Function, mean: Any, factor: Any, *, samples: int, generator: torch.Generator | int
) -> GradientSamples:
    """Pathwise estimates ∇_φ f(mean + A ε): ∇f for the mean, ∇f εᵀ for the factor.

    Parameters
    ----------
    function : f, from draws (K, D) to (K,), made of torch operations. It must not depend on φ, and must be continuous
        and differentiable almost everywhere, or the estimates are biased.
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.
    samples : K.
    generator : a torch.Generator, or a seed.

    Returns
    -------
    GradientSamples.

    Raises
    ------
    TypeError, ValueError : as for `reparameterise`; or `function` does not return K finite numbers, or they carry no
        gradient with respect to z.
    """
    mean, factor = (part.detach() for part in _check_gaussian(mean, factor))
    samples, generator = _check_draws(samples, generator)
    noise = _noise(samples, len(mean), generator)
    return _along_the_path(function, noise, mean, factor)


def elbo_gradient(
    log_joint: Function,
    mean: Any,
    factor: Any,
    *,
    samples: int,
    generator: torch.Generator | int,
    path_only: bool = False,
) -> GradientSamples:
    """Gradient of the ELBO E_q[log p(x, z) − log q_φ(z)] by reparameterisation, one estimate for each draw.

    φ acts in two ways: it moves z, and it changes the function log q_φ. The gradient of the second is minus the score,
    whose expectation is zero: with `path_only` it is left out ("sticking the landing"), and the estimate loses all its
    noise where q is the posterior.

    Parameters
    ----------
    log_joint : log p(x, z) in nats, from draws (K, D) to (K,), made of torch operations.
    mean : (D,).
    factor : (D,) standard deviations, or (D, D) matrix A.
    samples : K.
    generator : a torch.Generator, or a seed.
    path_only : leave the score out.

    Returns
    -------
    GradientSamples; `values` holds log p(x, z) − log q_φ(z).

    Raises
    ------
    TypeError, ValueError : as for `pathwise_gradient`.

    Source: Roeder, Wu and Duvenaud (2017), arXiv:1703.09194.
    """
    mean, factor = (part.detach() for part in _check_gaussian(mean, factor))
    samples, generator = _check_draws(samples, generator)
    noise = _noise(samples, len(mean), generator)
    return _elbo_from_noise(log_joint, noise, mean, factor, path_only)


def minibatch_log_joint(
    log_prior: Function, log_likelihood: Callable[[Tensor, Tensor], Tensor], indices: Any, total: int
) -> Function:
    """Return the estimate log p(z) + (N/B) Σ_{n in batch} log p(x_n | z) of log p(x, z), from B of the N data.

    Parameters
    ----------
    log_prior : log p(z) in nats, from draws (K, D) to (K,).
    log_likelihood : log p(x_n | z) in nats, from draws (K, D) and indices (K, B) to (K, B).
    indices : (B,), one batch for all draws, or (K, B), a batch for each of them; drawn uniformly from 0, …, N − 1.
    total : N.

    Returns
    -------
    A function from draws (K, D) to (K,).

    Raises
    ------
    TypeError, ValueError : `indices` are not whole numbers from 0 to N − 1, or `total` is not a positive whole number;
        when called, `log_likelihood` does not return (K, B).
    """
    total = check_scalar("total", total, integer=True, minimum=1)
    array = check_array("indices", indices, dtype="int")
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"indices must have shape (B,) or (K, B) and hold at least one; got {array.shape}")
    if array.min() < 0 or array.max() >= total:
        raise ValueError(f"indices must lie between 0 and {total - 1}; got {array.min()} to {array.max()}")
    batch = torch.as_tensor(array)

    def log_joint(z: Tensor) -> Tensor:
        if batch.ndim == 2 and len(batch) != len(z):
            raise ValueError(f"indices must hold one batch for each of the {len(z)} draws; got {len(batch)}")
        rows = batch.expand(len(z), -1)
        terms = log_likelihood(z, rows)
        if not isinstance(terms, Tensor) or terms.shape != rows.shape:
            raise ValueError(
                f"log_likelihood must return a tensor of shape {tuple(rows.shape)}, one number for each draw and each "
                f"datum; got {_shape_of(terms)}"
            )
        return log_prior(z) + total / batch.shape[-1] * terms.sum(dim=1)

    return log_joint


def minibatch_elbo_gradient(
    log_prior: Function,
    log_likelihood: Callable[[Tensor, Tensor], Tensor],
    total: int,
    mean: Any,
    factor: Any,
    *,
    batch_size: int,
    samples: int,
    generator: torch.Generator | int,
    path_only: bool = False,
) -> GradientSamples:
    """Doubly stochastic gradient of the ELBO: each of the K estimates draws its own noise and its own batch of data.

    Parameters
    ----------
    log_prior, log_likelihood, total : as for `minibatch_log_joint`.
    mean, factor, samples, generator, path_only : as for `elbo_gradient`.
    batch_size : B, drawn without replacement.

    Returns
    -------
    GradientSamples. Each estimate is unbiased for the gradient with all N data.

    Raises
    ------
    TypeError, ValueError : as for `elbo_gradient`; or `batch_size` is not a whole number from 1 to N.

    Source: Titsias and Lázaro-Gredilla (2014).
    """
    total = check_scalar("total", total, integer=True, minimum=1)
    batch_size = check_scalar("batch_size", batch_size, integer=True, minimum=1, maximum=total)
    mean, factor = (part.detach() for part in _check_gaussian(mean, factor))
    samples, generator = _check_draws(samples, generator)
    noise = _noise(samples, len(mean), generator)
    order = torch.rand(samples, total, generator=generator).argsort(dim=1)  # K shuffles of the data at once
    log_joint = minibatch_log_joint(log_prior, log_likelihood, order[:, :batch_size], total)
    return _elbo_from_noise(log_joint, noise, mean, factor, path_only)


def _elbo_from_noise(
    log_joint: Function, noise: Tensor, mean: Tensor, factor: Tensor, path_only: bool
) -> GradientSamples:
    # φ is detached here, so that log q depends on z alone: the derivative of this function is the path.
    path = _along_the_path(lambda z: log_joint(z) - gaussian_log_prob(z, mean, factor), noise, mean, factor)
    if path_only:
        return path
    scores = gaussian_score(reparameterise(noise, mean, factor), mean, factor)
    return GradientSamples(path.mean - scores[0], path.factor - scores[1], path.values)


def _along_the_path(function: Function, noise: Tensor, mean: Tensor, factor: Tensor) -> GradientSamples:
    z = reparameterise(noise, mean, factor).requires_grad_()
    with torch.enable_grad():
        values = _evaluate(function, z)
        if not values.requires_grad:
            raise ValueError(
                "function must be made of torch operations on z; its result carries no gradient. For a function that "
                "cannot be differentiated use score_gradient"
            )
        # row k depends on z_k alone, so the gradient of the sum holds every row's own gradient
        (slopes,) = torch.autograd.grad(values.sum(), z)
    factors = slopes * noise if factor.ndim == 1 else slopes[:, :, None] * noise[:, None, :]
    return GradientSamples(slopes, factors, values.detach())


def _evaluate(function: Function, z: Tensor) -> Tensor:
    values = function(z)
    if not isinstance(values, Tensor) or values.shape != z.shape[:1]:
        raise ValueError(
            f"function must return a tensor of shape {tuple(z.shape[:1])}, one number for each draw; "
            f"got {_shape_of(values)}"
        )
    if not torch.isfinite(values).all():
        first = int(torch.nonzero(~torch.isfinite(values))[0])
        raise ValueError(f"function must return finite numbers; got {values[first].item()} for draw {first}")
    return values


def _shape_of(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _times(weights: Tensor, rows: Tensor) -> Tensor:
    """Multiply row k by weight k, whatever the shape of a row."""
    return weights.reshape(-1, *([1] * (rows.ndim - 1))) * rows


def _whiten(z: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    if factor.ndim == 1:
        return (z - mean) / factor
    return torch.linalg.solve(factor, (z - mean).T).T


def _tensor(name: str, value: Any, shape: tuple[int | str | None, ...]) -> Tensor:
    """Check `value` and return it in float64; a tensor keeps its graph."""
    array = check_array(name, value, shape=shape)
    return value.to(torch.float64) if isinstance(value, Tensor) else torch.tensor(array, dtype=torch.float64)


def _check_gaussian(mean: Any, factor: Any) -> tuple[Tensor, Tensor]:
    mean = _tensor("mean", mean, ("D",))
    size = len(mean)
    array = check_array("factor", factor)
    if size == 0 or array.shape not in ((size,), (size, size)):
        raise ValueError(
            f"factor must hold {size} standard deviations, shape ({size},), or be a matrix of shape ({size}, {size}), "
            f"for a mean of at least one entry; got shape {array.shape}"
        )
    if array.ndim == 1:
        check_array("factor, as standard deviations,", array, positive=True)
    elif (rank := int(np.linalg.matrix_rank(array))) < size:
        raise ValueError(f"factor must be an invertible matrix, or the draws fill no volume; got rank {rank} of {size}")
    return mean, factor.to(torch.float64) if isinstance(factor, Tensor) else torch.tensor(array)


def _check_draws(samples: Any, generator: Any) -> tuple[int, torch.Generator]:
    samples = check_scalar("samples", samples, integer=True, minimum=1)
    if isinstance(generator, torch.Generator):
        return samples, generator
    if isinstance(generator, bool) or not isinstance(generator, int):
        raise TypeError(f"generator must be a torch.Generator or a whole number; got {type(generator).__name__}")
    return samples, torch.Generator().manual_seed(generator)


def _noise(samples: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randn(samples, size, dtype=torch.float64, generator=generator)
