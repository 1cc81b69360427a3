"""Completing a half-seen data point: the posterior of z given some pixels, and what it says about the others.

A VAE's likelihood has a factor for each pixel, so p(x_seen | z) is the product of those that are seen, and the hidden
ones need no integral. What is left to find is p(z | x_seen), for which the encoder was not trained: here by importance
weights, whose proposal begins at the encoder, and by alternating draws of hidden pixels and z. For the linear model
both have an oracle, the conditional of a Gaussian. `seen` is True for the pixels that are seen, (D,) for all rows alike
or (N, D); hidden pixels are never looked at, and may be NaN. Log-densities are in nats.

Sources: Rezende, Mohamed and Wierstra, "Stochastic Backpropagation" (2014), arXiv 1401.4082, appendix F, for the
alternating draws; Mattei and Frellsen, "Leveraging the Exact Likelihood of Deep Latent Variable Models" (2018), arXiv
1802.04826, for the step that makes them right; the same, "MIWAE" (2019), arXiv 1812.02633, for importance weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import check_features, check_torch_generator, mlp
from course_utils.models.ppca import ProbabilisticPCA
from course_utils.models.vae import VAE, gaussian_log_prob
from course_utils.workshop.training import train_quietly
from course_utils.workshop.validation import check_array, check_choice, check_scalar

KINDS = ("metropolis", "pseudo")

_BLOCK = 4_000_000
"""Numbers in one block of draws and pixels: bounds the memory to some tens of megabytes."""


def pixel_log_probs(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """Return log p(x_d | z) (…, D) in nats of each pixel, for x (…, D) and z (…, L), which broadcast.

    Their sum over the last axis is `model.log_likelihood(x, z)`.
    """
    output, x = torch.broadcast_tensors(model.decoder(z), check_features(x, model.data_dim))
    if model.likelihood == "bernoulli":
        return -F.binary_cross_entropy_with_logits(output, x, reduction="none")
    residual = (x - output) / model.log_scale.exp()
    if model.likelihood == "gaussian":
        return -0.5 * residual.square() - 0.5 * math.log(2 * math.pi) - model.log_scale
    return -residual.abs() - math.log(2) - model.log_scale


def check_seen(x: Any, seen: Any, size: int) -> tuple[Tensor, Tensor]:
    """Return x (N, D) with 0 in the place of hidden pixels, and `seen` (N, D), or say what is wrong with them.

    Raises
    ------
    TypeError : x is no tensor of floating-point numbers, or `seen` is not made of truth values.
    ValueError : a shape does not fit, a pixel that is seen is not finite, or a row has no pixel that is seen.
    """
    check_features(x, size)
    if not x.is_floating_point() or x.ndim != 2:
        raise TypeError(f"x must be rows of floating-point numbers; got shape {tuple(x.shape)} and {x.dtype}")
    seen = torch.as_tensor(seen)
    if seen.dtype != torch.bool:
        raise TypeError(f"seen must be truth values, True where a pixel is seen; got {seen.dtype}")
    if seen.shape not in ((size,), tuple(x.shape)):
        raise ValueError(f"seen must have the shape ({size},) or {tuple(x.shape)}; got {tuple(seen.shape)}")
    seen = seen.expand(x.shape)
    empty = (~seen.any(1)).nonzero()[:, 0]
    if len(empty):
        raise ValueError(
            f"seen leaves no pixel of row {int(empty[0])}: where nothing is seen, the posterior is the prior, and "
            "VAE.sample_means draws from it. Is the mask upside down?"
        )
    damaged = (seen & ~torch.isfinite(x)).nonzero()
    if len(damaged):
        row, pixel = damaged[0].tolist()
        raise ValueError(
            f"x must be finite where it is seen; row {row} has {x[row, pixel].item()} at pixel {pixel}. "
            "A missing pixel is to be hidden by the mask"
        )
    return torch.where(seen, x, 0.0), seen


# --- importance weights -----------------------------------------------------------------------------------------------


class WeightedDraws(NamedTuple):
    """Draws of z for each of N half-seen points, with weights: together they stand for p(z | x_seen)."""

    z: Tensor
    """(K, N, L)."""
    log_weights: Tensor
    """(K, N) log p(x_seen, z) − log r(z), where r is the density from which z was drawn."""

    def shares(self) -> Tensor:
        """Return the normalised weights (K, N), which sum to 1 over the draws."""
        return self.log_weights.softmax(0)


@torch.no_grad()
def importance_draws(
    model: VAE,
    x: Tensor,
    seen: Tensor,
    draws: int = 500,
    *,
    rounds: int = 5,
    prior_share: float = 0.1,
    proposal: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    generator: torch.Generator | None = None,
) -> WeightedDraws:
    """Return weighted draws of p(z | x_seen) for each row of x (N, D).

    They come from r(z) = (1 − a) q(z | x') + a N(z; 0, I), with a = `prior_share`, where x' is `guess` of x. With any
    guess, the weights are right; and they are at most p(x_seen | z) / a, thanks to the second part.

    A `proposal`, such as a trained `HalfEncoder`, takes the place of q(z | x'): a function of x, with 0 where it is
    hidden, and of `seen`, which returns means and log-variances, each (N, L).

    Parameters
    ----------
    draws : K.
    rounds : how often the guess is renewed.
    prior_share : a, from 0 to 1. 1 draws from the prior alone.

    Raises
    ------
    TypeError, ValueError : as `check_seen`, or an argument is not as described.
    """
    x, seen = check_seen(x, seen, model.data_dim)
    draws = check_scalar("draws", draws, integer=True, minimum=1)
    rounds = check_scalar("rounds", rounds, integer=True, non_negative=True)
    share = check_scalar("prior_share", prior_share, minimum=0, maximum=1)
    generator = check_torch_generator(generator)
    mean, log_var = model.encode(guess(model, x, seen, rounds)) if proposal is None else proposal(x, seen)
    shape = (draws, *mean.shape)
    noise = torch.randn(shape, generator=generator, dtype=mean.dtype, device=mean.device)
    from_prior = torch.rand(shape[:2], generator=generator, dtype=mean.dtype, device=mean.device) < share
    z = torch.where(from_prior[..., None], noise, mean + torch.exp(0.5 * log_var) * noise)
    log_prior = gaussian_log_prob(z, torch.zeros_like(mean), torch.zeros_like(mean))
    log_q = gaussian_log_prob(z, mean, log_var)
    parts = [(1 - share, log_q), (share, log_prior)]
    log_r = torch.stack([math.log(part) + value for part, value in parts if part > 0]).logsumexp(0)
    return WeightedDraws(z, _seen_log_prob(model, x, seen, z) + log_prior - log_r)


class HalfEncoder(nn.Module):
    """An encoder of half-seen points: called with x and `seen`, both (N, D), it returns mean and log-variance (N, L).

    Parameters
    ----------
    data_dim : D.
    latent_dim : L.
    hidden : sizes of the hidden layers of a network with 2D inputs, which sees x, 0 where it is hidden, and the mask.
    seed : for the weights. Torch's own random state is left as it was.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, data_dim: int, latent_dim: int, hidden: Sequence[int] = (200,), *, seed: int = 0):
        super().__init__()
        data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = mlp([2 * data_dim, *hidden, 2 * latent_dim])

    def forward(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log-variances, each (N, L)."""
        inputs = torch.cat([torch.where(seen, x, 0.0), seen.to(x.dtype)], dim=-1)
        mean, log_var = self.network(inputs).chunk(2, dim=-1)
        return mean, log_var


def train_half_encoder(
    model: VAE,
    x: Tensor,
    masks: Callable[[int], Tensor],
    *,
    hidden: Sequence[int] = (200,),
    epochs: int = 12,
    batch_size: int = 200,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> HalfEncoder:
    """Return an encoder that says of half a picture what the model's own encoder says of the whole one.

    It maximises log r(z | x_seen) at draws z ~ q(z | x) of the whole x, under masks drawn anew for each batch. Its
    optimum covers all the z that the whole pictures behind one half may have, as a proposal should. The model stays as
    it is.

    Parameters
    ----------
    x : whole training pictures (N, D).
    masks : called with a number of rows n, returns truth values (n, D), at random.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    check_features(x, model.data_dim)
    encoder = HalfEncoder(model.data_dim, model.latent_dim, hidden, seed=seed)

    def loss(batch: Tensor) -> Tensor:
        with torch.no_grad():
            z = model.reparameterise(*model.encode(batch))
        return -gaussian_log_prob(z, *encoder(batch, masks(len(batch)))).mean()

    settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    return train_quietly(encoder, loss, x, **settings)


def random_halves(count: int, side: int = 28, generator: torch.Generator | None = None) -> Tensor:
    """Return masks (count, side²): of each square picture what lies on one side of a straight line is seen.

    The line has any direction, and passes the middle at a distance of at most 0.18 of the side.
    """
    count = check_scalar("count", count, integer=True, minimum=1)
    side = check_scalar("side", side, integer=True, minimum=2)
    generator = check_torch_generator(generator)
    angle, shift = 2 * math.pi * torch.rand(count, 1, generator=generator), torch.rand(count, 1, generator=generator)
    place = (torch.arange(side) - (side - 1) / 2) / side
    down, across = place.repeat_interleave(side), place.repeat(side)
    return angle.cos() * across + angle.sin() * down > 0.36 * (shift - 0.5)


def random_squares(count: int, side: int = 28, generator: torch.Generator | None = None) -> Tensor:
    """Return masks (count, side²): of each square picture a square is hidden, and all else is seen.

    Its centre lies anywhere but in the outer fifth of the picture, and its side is between a seventh and five sevenths
    of the picture's.
    """
    count = check_scalar("count", count, integer=True, minimum=1)
    side = check_scalar("side", side, integer=True, minimum=7)
    generator = check_torch_generator(generator)
    centre = side * (0.2 + 0.6 * torch.rand(count, 2, generator=generator))
    reach = side * (1 + 4 * torch.rand(count, 1, generator=generator)) / 14
    place = torch.arange(side) + 0.5
    rows, columns = ((place - centre[:, axis, None]).abs() <= reach for axis in (0, 1))
    return ~(rows[:, :, None] & columns[:, None, :]).reshape(count, side * side)


@torch.no_grad()
def guess(model: VAE, x: Tensor, seen: Tensor, rounds: int = 5) -> Tensor:
    """Return x (N, D) with its hidden pixels filled: by the decoder at z = 0, then `rounds` times at q's mean."""
    x, seen = check_seen(x, seen, model.data_dim)
    filled = torch.where(seen, x, model.decode(x.new_zeros(model.latent_dim)))
    for _ in range(rounds):
        filled = torch.where(seen, x, model.decode(model.encode(filled)[0]))
    return filled


def log_evidence(weighted: WeightedDraws) -> Tensor:
    """Return the estimate of log p(x_seen) (N,) in nats: the logarithm of the mean weight."""
    return weighted.log_weights.logsumexp(0) - math.log(len(weighted.log_weights))


@torch.no_grad()
def predictive_log_prob(model: VAE, x: Tensor, seen: Tensor, weighted: WeightedDraws) -> Tensor:
    """Return log p(x_hidden | x_seen) (N,) in nats: the log-score of what the hidden pixels of x (N, D) truly are.

    It is the logarithm of the mean of p(x_hidden | z) under the weights, and 0 where no pixel is hidden.

    Raises
    ------
    TypeError, ValueError : as `check_seen`, a pixel of x is not finite, or the draws are not those of x.
    """
    _, seen = check_seen(x, seen, model.data_dim)
    if not torch.isfinite(x).all():
        raise ValueError("x must be finite everywhere: its hidden pixels are what is scored")
    _check_weighted(weighted, len(x))
    hidden = _seen_log_prob(model, x, ~seen, weighted.z)
    return (weighted.log_weights.log_softmax(0) + hidden).logsumexp(0)


@torch.no_grad()
def predictive_mean(model: VAE, weighted: WeightedDraws) -> Tensor:
    """Return E[x_d | x_seen] (N, D) of every pixel, seen ones included: the weighted mean of the decoder's answers."""
    columns = zip(weighted.z.unbind(1), weighted.shares().unbind(1), strict=True)
    return torch.stack([share @ model.decode(z) for z, share in columns])


@torch.no_grad()
def completions(
    model: VAE,
    x: Tensor,
    seen: Tensor,
    weighted: WeightedDraws,
    count: int,
    *,
    means: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return whole pictures (count, N, D): seen pixels as they are, hidden ones drawn from p(x_hidden | x_seen).

    Parameters
    ----------
    weighted : of `importance_draws`; z is drawn again from it by its weights.
    means : give each hidden pixel its mean given z, without the likelihood's own noise.

    Raises
    ------
    TypeError, ValueError : as `check_seen`, or an argument is not as described.
    """
    x, seen = check_seen(x, seen, model.data_dim)
    _check_weighted(weighted, len(x))
    count = check_scalar("count", count, integer=True, minimum=1)
    generator = check_torch_generator(generator)
    chosen = torch.multinomial(weighted.shares().T, count, replacement=True, generator=generator).T
    z = weighted.z.gather(0, chosen[..., None].expand(-1, -1, weighted.z.shape[-1]))
    return torch.where(seen, x, model.decode(z) if means else _draw_pixels(model, z, generator))


# --- alternating draws ------------------------------------------------------------------------------------------------


class Chain(NamedTuple):
    """What alternating draws went through, step by step, for each of N points."""

    z: Tensor
    """(T, N, L)."""
    x: Tensor
    """(T, N, D) with the hidden pixels drawn given z."""
    accepted: Tensor
    """(T, N) whether the proposed z was taken; with "pseudo" always."""


@torch.no_grad()
def alternate(
    model: VAE,
    x: Tensor,
    seen: Tensor,
    steps: int,
    *,
    kind: str = "metropolis",
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Chain:
    """Return a chain of draws that takes turns: z given a whole picture, then the hidden pixels given z.

    "pseudo" takes z ~ q(z | x) as if q were the posterior, and so ends up in another distribution than p(z | x_seen).
    "metropolis" takes the same draw as a proposal z', which replaces z with probability

        min(1, p(x, z') q(z | x) / (p(x, z) q(z' | x))),

    and stays at z otherwise: its draws do come from p(z, x_hidden | x_seen) in the long run.

    Parameters
    ----------
    steps : T.
    kind : one of `KINDS`.
    start : z (N, L) of the first step; without it the mean of q for `guess(model, x, seen)`.

    Raises
    ------
    TypeError, ValueError : as `check_seen`, or an argument is not as described.

    Source: Rezende et al. (2014), appendix F; Mattei and Frellsen (2018), algorithm 1.
    """
    x, seen = check_seen(x, seen, model.data_dim)
    steps = check_scalar("steps", steps, integer=True, minimum=1)
    check_choice("kind", kind, KINDS)
    generator = check_torch_generator(generator)
    z = model.encode(guess(model, x, seen))[0] if start is None else start
    if z.shape != (len(x), model.latent_dim):
        raise ValueError(f"start must have the shape {(len(x), model.latent_dim)}; got {tuple(z.shape)}")
    whole = torch.where(seen, x, _draw_pixels(model, z, generator))
    history = []
    for _ in range(steps):
        mean, log_var = model.encode(whole)
        proposal = model.reparameterise(mean, log_var, generator)
        accepted = torch.ones(len(x), dtype=torch.bool)
        if kind == "metropolis":
            # the weight p(x, z) / q(z | x) of the proposal over that of where the chain stands
            gain = _log_weight(model, whole, proposal, mean, log_var) - _log_weight(model, whole, z, mean, log_var)
            accepted = torch.rand(len(x), generator=generator, dtype=x.dtype).log() < gain
        z = torch.where(accepted[:, None], proposal, z)
        whole = torch.where(seen, x, _draw_pixels(model, z, generator))
        history.append((z, whole, accepted))
    return Chain(*(torch.stack(part) for part in zip(*history, strict=True)))


def _log_weight(model: VAE, x: Tensor, z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    zero = torch.zeros_like(mean)
    return model.log_likelihood(x, z) + gaussian_log_prob(z, zero, zero) - gaussian_log_prob(z, mean, log_var)


# --- intervals --------------------------------------------------------------------------------------------------------


def interval(draws: Any, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return the two ends of the central interval that holds the share `level` of draws (K, …), each (…).

    Raises
    ------
    TypeError, ValueError : draws are not finite numbers, or `level` does not lie between 0 and 1.
    """
    draws = check_array("draws", draws, min_size=1)
    level = check_scalar("level", level, positive=True)
    if level >= 1:
        raise ValueError(f"level must lie between 0 and 1, both left out; got {level}")
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def coverage(values: Any, lower: Any, upper: Any) -> float:
    """Return the share of values that lie in their intervals, ends included; all of one shape."""
    values = check_array("values", values)
    lower = check_array("lower", lower, shape=values.shape)
    upper = check_array("upper", upper, shape=values.shape)
    return float(np.mean((lower <= values) & (values <= upper)))


# --- the linear model, where all is known -----------------------------------------------------------------------------


def gaussian_conditional(model: ProbabilisticPCA, x: Any, seen: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (N, H) and covariance (H, H) of the H hidden pixels given the others, in closed form.

    p(z | x_seen) is the posterior of the model whose rows are the pixels that are seen, and the hidden pixels are
    W z + μ with noise σ² around it.

    Parameters
    ----------
    x : (N, D).
    seen : (D,) truth values, the same for all rows.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or no pixel is seen, or none hidden.
    """
    x = check_array("x", x, shape=(None, len(model.mean)), min_size=1, finite=False)
    seen = np.asarray(seen)
    if seen.dtype != bool or seen.shape != model.mean.shape:
        raise ValueError(f"seen must be {len(model.mean)} truth values; got shape {seen.shape} of {seen.dtype}")
    if seen.all() or not seen.any():
        raise ValueError("seen must be True for some pixels and False for others: there is nothing to condition on")
    part = ProbabilisticPCA(model.mean[seen], model.loadings[seen], model.noise_variance)
    means, covariance = part.posterior(x[:, seen])
    loadings = model.loadings[~seen]
    noise = model.noise_variance * np.eye(len(loadings))
    return model.mean[~seen] + means @ loadings.T, loadings @ covariance @ loadings.T + noise


def linear_vae(model: ProbabilisticPCA) -> VAE:
    """Return the VAE without hidden layers that is this probabilistic PCA, in float64.

    Its decoder is W z + μ with a Gaussian likelihood of variance σ². Its encoder has the exact posterior mean, and the
    variances on the diagonal of the exact covariance, which is q itself where the columns of W are orthogonal.
    """
    size, latent_dim = model.loadings.shape
    scale = math.sqrt(model.noise_variance)
    vae = VAE(size, latent_dim, (), likelihood="gaussian", scale=scale).double()
    matrix, shift = model.encoder
    variances = np.diag(model.posterior(model.mean[None]).covariance)
    with torch.no_grad():
        vae.log_scale.fill_(math.log(scale))  # not by way of single precision
        vae.decoder[0].weight.copy_(torch.as_tensor(model.loadings.copy()))
        vae.decoder[0].bias.copy_(torch.as_tensor(model.mean.copy()))
        vae.encoder[0].weight.zero_()
        vae.encoder[0].weight[:latent_dim] = torch.as_tensor(matrix)
        vae.encoder[0].bias.copy_(torch.as_tensor(np.concatenate([shift, np.log(variances)])))
    return vae


# --- shared -----------------------------------------------------------------------------------------------------------


def _seen_log_prob(model: VAE, x: Tensor, seen: Tensor, z: Tensor) -> Tensor:
    """Return log p(x_seen | z) (K, N) for z (K, N, L), in blocks of draws."""
    rows = max(1, _BLOCK // (len(x) * model.data_dim))
    # a product with the mask would turn −∞ at a hidden pixel into NaN
    parts = [torch.where(seen, pixel_log_probs(model, x, part), 0.0).sum(-1) for part in z.split(rows)]
    return torch.cat(parts)


def _draw_pixels(model: VAE, z: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return a draw of p(x | z) (…, D) for each z (…, L)."""
    mean = model.decode(z)
    if model.likelihood == "bernoulli":
        return torch.bernoulli(mean, generator=generator)
    if model.likelihood == "gaussian":
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    else:
        uniform = torch.rand(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device) - 0.5
        noise = -uniform.sign() * torch.log1p(-2 * uniform.abs())
    return mean + model.log_scale.exp() * noise


def _check_weighted(weighted: WeightedDraws, rows: int) -> None:
    if weighted.z.ndim != 3 or weighted.z.shape[:2] != weighted.log_weights.shape or weighted.z.shape[1] != rows:
        raise ValueError(
            f"weighted must hold draws (K, {rows}, L) and weights (K, {rows}); got {tuple(weighted.z.shape)} "
            f"and {tuple(weighted.log_weights.shape)}"
        )
