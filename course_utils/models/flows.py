"""Normalising flows: invertible maps with a known log-determinant, which turn a Gaussian into a richer density.

A flow f takes draws z of a simple density q₀ to z' = f(z), whose log-density is

    log q(z') = log q₀(z) − log|det ∂f/∂z|.

Every flow here is called with points z (…, L) and returns the pair (z', log_det), of shapes (…, L) and (…). The
functions take the parameters of each layer as tensors that broadcast against the points, so that an encoder can give
every data point a flow of its own: parameters (N, K, L) of K layers, draws (S, N, L). Log-densities are in nats.

Sources: Rezende and Mohamed, "Variational Inference with Normalizing Flows" (2015), arXiv 1505.05770, for planar flows;
Tomczak and Welling, "Improving Variational Auto-Encoders using Householder Flow" (2016), arXiv 1611.09630; Germain,
Gregor, Murray and Larochelle, "MADE" (2015), arXiv 1502.03509, for the masked network; Kingma et al., "Improved
Variational Inference with Inverse Autoregressive Flow" (2016), arXiv 1606.04934; Papamakarios, Pavlakou and Murray,
"Masked Autoregressive Flow for Density Estimation" (2017), arXiv 1705.07057.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import ACTIVATIONS, check_features, check_torch_generator, mlp
from course_utils.models.vae import gaussian_log_prob
from course_utils.workshop.validation import check_choice, check_scalar

KINDS = ("none", "planar", "householder")
"""Flows whose parameters `FlowEncoder` gives to each data point."""


class Flow(Protocol):
    """What every flow is: z (…, L) ↦ (z' (…, L), log|det ∂z'/∂z| (…))."""

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return where z goes, and the log-determinant there."""
        ...


# --- planar flows -----------------------------------------------------------------------------------------------------


def invertible_u(u: Tensor, w: Tensor) -> Tensor:
    """Return û (…, L): u, moved along w as far as makes the planar map with û and w invertible.

    The map z + û tanh(wᵀz + b) is invertible exactly where wᵀû ≥ −1. Here wᵀû = softplus(wᵀu) − 1 > −1, and the part
    of u that is orthogonal to w stays. Where w is 0 the layer moves all points alike, and û = u.

    Shapes: u and w (…, L), which broadcast.

    Source: Rezende and Mohamed (2015), appendix A.1, with log(1 + e^a) − 1.
    """
    along = (w * u).sum(-1, keepdim=True)
    squared = w.square().sum(-1, keepdim=True)
    # a w that is 0 has no direction: divide by 1 instead, and the correction below is 0
    return u + (F.softplus(along) - 1 - along) * w / torch.where(squared > 0, squared, torch.ones_like(squared))


def planar(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return z' = z + u tanh(wᵀz + b) (…, L), and log|1 + uᵀψ| (…), where ψ = (1 − tanh²(wᵀz + b)) w.

    `u` is used as it is given: pass it through `invertible_u` first, or the map need not be invertible.

    Shapes: z, u, w (…, L) and b (…), which broadcast; one layer for all points has u, w (L,) and b ().

    Source: Rezende and Mohamed (2015), equations 10 to 12.
    """
    bend = torch.tanh((w * z).sum(-1) + b)
    slope = 1 - bend.square()
    moved = z + u * bend.unsqueeze(-1)
    return moved, torch.log(torch.abs(1 + slope * (u * w).sum(-1)))


def planar_inverse(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Return the point (…, L) that an invertible planar layer sends to z (…, L), by bisection along w.

    With a = wᵀz at the unknown point, a + wᵀu tanh(a + b) = wᵀz' is one increasing equation in one number; then
    z = z' − u tanh(a + b). There is no formula for it: a planar flow is quick in one direction only.

    Shapes: those of `planar`. `u` must satisfy wᵀu ≥ −1, as what `invertible_u` returns does.
    """
    target, along = (w * z).sum(-1), (w * u).sum(-1)
    low, high = target - along.abs(), target + along.abs()  # tanh lies between −1 and 1
    for _ in range(80):
        middle = (low + high) / 2
        below = middle + along * torch.tanh(middle + b) < target
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return z - u * torch.tanh((low + high) / 2 + b).unsqueeze(-1)


def planar_chain(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Send z (…, L) through K planar layers, made invertible, and return where it ends and the sum of log-determinants.

    Shapes: u and w (…, K, L), b (…, K). Parameters (K, L) are one flow for all points; parameters (N, K, L) give each
    of N data points its own, through which draws (S, N, L) pass.

    Raises
    ------
    TypeError, ValueError : an argument is no tensor, or the shapes do not fit.
    """
    _check_layers(z, u=u, w=w)
    if not isinstance(b, Tensor) or b.shape != u.shape[:-1]:
        raise ValueError(f"b must be a tensor with the shape of u without its last axis; got {_shape_of(b)}")
    u, log_det = invertible_u(u, w), z.new_zeros(())
    for layer in range(u.shape[-2]):
        z, change = planar(z, u[..., layer, :], w[..., layer, :], b[..., layer])
        log_det = log_det + change
    return z, log_det.expand(z.shape[:-1])


class PlanarFlow(nn.Module):
    """K planar layers with parameters of their own, the same for all points.

    Parameters
    ----------
    latent_dim : L.
    layers : K, at least 1.
    seed : for the starting values, small enough that the flow begins close to the identity.
    dtype : of the parameters.

    Attributes
    ----------
    u, w : (K, L); b : (K,). The layers use `invertible_u(u, w)`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not L coordinates.
    """

    def __init__(self, latent_dim: int, layers: int, *, seed: int = 0, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.layers = check_scalar("layers", layers, integer=True, minimum=1)
        generator = _seeded(seed)
        shape = (self.layers, self.latent_dim)
        self.u = nn.Parameter(0.1 * torch.randn(shape, generator=generator, dtype=dtype))
        self.w = nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype))
        self.b = nn.Parameter(torch.randn(shape[:1], generator=generator, dtype=dtype))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z' (…, L) and log|det ∂z'/∂z| (…) for z (…, L)."""
        return planar_chain(check_features(z, self.latent_dim), self.u, self.w, self.b)

    @torch.no_grad()
    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the z (…, L) that is sent to the given z', and log|det ∂z/∂z'| (…), by bisection, without gradient."""
        z, u = check_features(z, self.latent_dim), invertible_u(self.u, self.w)
        for layer in reversed(range(self.layers)):
            z = planar_inverse(z, u[layer], self.w[layer], self.b[layer])
        return z, -self(z)[1]


# --- Householder flows ------------------------------------------------------------------------------------------------


def householder(z: Tensor, v: Tensor) -> Tensor:
    """Return the mirror image z − 2 v vᵀz / ‖v‖² (…, L) of z in the plane through 0 that is orthogonal to v.

    A reflection keeps volumes: its log|det| is 0. Its matrix I − 2vvᵀ/‖v‖² is orthogonal and its own inverse.

    Shapes: z and v (…, L), which broadcast. v must not be 0.
    """
    return z - 2 * v * (v * z).sum(-1, keepdim=True) / v.square().sum(-1, keepdim=True)


def householder_chain(z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Reflect z (…, L) at K planes in turn, v (…, K, L), and return where it ends and log|det| = 0 (…).

    Raises
    ------
    TypeError, ValueError : an argument is no tensor, or the shapes do not fit.
    """
    _check_layers(z, v=v)
    for layer in range(v.shape[-2]):
        z = householder(z, v[..., layer, :])
    return z, z.new_zeros(z.shape[:-1])


class HouseholderFlow(nn.Module):
    """K reflections with vectors of their own, the same for all points: together any rotation, for K large enough.

    Parameters
    ----------
    latent_dim : L.
    layers : K, at least 1. An even number can begin as the identity and end as a rotation of det +1.
    seed : for the starting vectors.
    dtype : of the parameters.

    Attributes
    ----------
    v : (K, L).

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not L coordinates.
    """

    def __init__(self, latent_dim: int, layers: int, *, seed: int = 0, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.layers = check_scalar("layers", layers, integer=True, minimum=1)
        start = torch.randn(self.layers, self.latent_dim, generator=_seeded(seed), dtype=dtype)
        self.v = nn.Parameter(start)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z' (…, L) and log|det ∂z'/∂z| = 0 (…) for z (…, L)."""
        return householder_chain(check_features(z, self.latent_dim), self.v)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the z (…, L) that is sent to the given z', by the same reflections backwards, and 0 (…)."""
        return householder_chain(check_features(z, self.latent_dim), self.v.flip(0))


# --- autoregressive flows ---------------------------------------------------------------------------------------------


def autoregressive_masks(latent_dim: int, hidden: Sequence[int], outputs: int = 2) -> list[Tensor]:
    """Return the masks (out, in) of 0 and 1 that keep output i of a network from seeing any input j ≥ i.

    Input j has the degree j (from 1). A hidden unit of degree m may see inputs and units of degree at most m; output i
    may see units of degree below i. Hidden degrees go round 1, …, L − 1. The last mask has `outputs` blocks of L rows.
    With L = 1 all hidden units have degree 1 and the output sees none: it is its bias.

    Source: Germain et al. (2015).
    """
    latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
    degrees = [torch.arange(1, latent_dim + 1)]
    for size in hidden:
        size = check_scalar("hidden", size, integer=True, minimum=1)
        degrees.append(torch.arange(size) % max(latent_dim - 1, 1) + 1)
    masks = [later[:, None] >= earlier for earlier, later in itertools.pairwise(degrees)]
    masks.append((degrees[0][:, None] > degrees[-1]).repeat(outputs, 1))
    return [mask.to(torch.get_default_dtype()) for mask in masks]


class MaskedNetwork(nn.Module):
    """A fully connected network x (…, L) ↦ (shift, log_scale), each (…, L), whose entry i sees x_1, …, x_{i−1} only.

    Parameters
    ----------
    latent_dim : L.
    hidden : sizes of the hidden layers.
    activation : after each hidden layer, one of `networks.ACTIVATIONS`.
    seed : for the weights; the last layer starts near zero, so that a flow begins close to the identity.

    Attributes
    ----------
    calls : how often the network has been evaluated, for whoever counts.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not L coordinates.
    """

    def __init__(self, latent_dim: int, hidden: Sequence[int] = (32,), *, activation: str = "tanh", seed: int = 0):
        super().__init__()
        self.masks = autoregressive_masks(latent_dim, hidden)
        self.latent_dim, self.calls = latent_dim, 0
        self.activation = ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]()
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linears = nn.ModuleList([nn.Linear(mask.shape[1], mask.shape[0]) for mask in self.masks])
        with torch.no_grad():
            self.linears[-1].weight.mul_(0.1)
            self.linears[-1].bias.mul_(0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return shift and log_scale, each (…, L), for x (…, L), in one evaluation."""
        self.calls += 1
        x = check_features(x, self.latent_dim)
        for number, (linear, mask) in enumerate(zip(self.linears, self.masks, strict=True), start=1):
            x = F.linear(x, linear.weight * mask.to(linear.weight), linear.bias)
            if number < len(self.masks):
                x = self.activation(x)
        shift, log_scale = x.chunk(2, dim=-1)
        return shift, log_scale


class AutoregressiveFlow(nn.Module):
    """One autoregressive layer: z'_i = exp(log_scale_i) z_i + shift_i, both from z_1, …, z_{i−1}.

    Its Jacobian is triangular, so that log|det| is the sum of the log-scales. Called with z it needs one evaluation of
    its network: this is the quick direction. `inverse` finds z from z' coordinate by coordinate, in L evaluations.
    Used to draw, it is an inverse autoregressive flow (quick draws, and the density of its own draws along with them);
    used backwards, from data to noise, it is a masked autoregressive flow (quick densities, slow draws).

    Parameters
    ----------
    latent_dim, hidden, activation, seed : of the `MaskedNetwork`.
    backwards : number the coordinates from the last to the first; alternate it between the layers of a chain, or the
        first coordinate never learns about the others.

    Attributes
    ----------
    network : the `MaskedNetwork`, which counts its evaluations in `calls`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not L coordinates.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int] = (32,),
        *,
        activation: str = "tanh",
        backwards: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.network = MaskedNetwork(latent_dim, hidden, activation=activation, seed=seed)
        self.backwards = backwards

    def _turn(self, z: Tensor) -> Tensor:
        return z.flip(-1) if self.backwards else z

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z' (…, L) and log|det ∂z'/∂z| (…) for z (…, L), in one evaluation of the network."""
        z = self._turn(check_features(z, self.network.latent_dim))
        shift, log_scale = self.network(z)
        return self._turn(log_scale.exp() * z + shift), log_scale.sum(-1)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the z (…, L) that is sent to the given z', and log|det ∂z/∂z'| (…), in L evaluations."""
        target = self._turn(check_features(z, self.network.latent_dim))
        found, log_scale = torch.zeros_like(target), target
        for i in range(self.network.latent_dim):
            shift, log_scale = self.network(found)
            column = (target[..., i] - shift[..., i]) * torch.exp(-log_scale[..., i])
            found = torch.cat([found[..., :i], column.unsqueeze(-1), found[..., i + 1 :]], dim=-1)
        return self._turn(found), -log_scale.sum(-1)


# --- densities, chains, encoders --------------------------------------------------------------------------------------


class Chain(nn.Module):
    """Flows one after the other; their log-determinants add up."""

    def __init__(self, *flows: nn.Module):
        super().__init__()
        self.flows = nn.ModuleList(flows)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z' (…, L) and log|det ∂z'/∂z| (…) for z (…, L)."""
        log_det = z.new_zeros(z.shape[:-1])
        for flow in self.flows:
            z, change = flow(z)
            log_det = log_det + change
        return z, log_det

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the z (…, L) that is sent to the given z', and log|det ∂z/∂z'| (…)."""
        log_det = z.new_zeros(z.shape[:-1])
        for flow in reversed(self.flows):
            z, change = flow.inverse(z)
            log_det = log_det + change
        return z, log_det


def flow_log_prob(flow: Any, z: Tensor) -> Tensor:
    """Return log q(z) (…) in nats at given points z (…, L), where q is what the flow makes of N(0, I).

    It needs the flow's `inverse`, which is slow for some flows; draws know their density without it.
    """
    noise, log_det = flow.inverse(z)
    return standard_log_prob(noise) + log_det


def standard_log_prob(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) (…) in nats for z (…, L)."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


class FlowEncoder(nn.Module):
    """q(z | x): a diagonal Gaussian whose draw goes on through K layers, all of it given by one network of x.

    The network maps x (N, D) to the mean and log-variance of the Gaussian and the parameters of the layers of each data
    point. It is used in the place of `VAE.encoder` where q is to be richer than a diagonal Gaussian.

    Parameters
    ----------
    data_dim : D.
    latent_dim : L.
    hidden : sizes of the network's hidden layers.
    flow : "planar", "householder", or "none" for the diagonal Gaussian.
    layers : K; 0 with "none".
    activation : after each hidden layer, one of `networks.ACTIVATIONS`.
    seed : for the weights. Torch's own random state is left as it was.

    Attributes
    ----------
    network : (…, D) → (…, 2L + K(2L + 1)) with "planar", 2L + KL with "householder", 2L with "none".

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of `sample` likewise.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: Sequence[int] = (200, 200),
        *,
        flow: str = "planar",
        layers: int = 10,
        activation: str = "relu",
        seed: int = 0,
    ):
        super().__init__()
        self.data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.flow = check_choice("flow", flow, KINDS)
        self.layers = check_scalar("layers", layers, integer=True, non_negative=True)
        if (self.flow == "none") != (self.layers == 0):
            raise ValueError(f"a flow has at least one layer, and 'none' has 0; got {flow!r} with layers={layers}")
        per_layer = {"none": 0, "planar": 2 * latent_dim + 1, "householder": latent_dim}[flow]
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = mlp([data_dim, *hidden, 2 * latent_dim + layers * per_layer], activation)
            with torch.no_grad():
                self._start(torch.randn(layers, per_layer))

    def _start(self, layers: Tensor) -> None:
        """Start every flow at the same layers, whatever x: with biases that differ, and weights that hardly count."""
        rows = slice(2 * self.latent_dim, None)
        last = self.network[-1]
        last.weight[rows].mul_(0.1)
        if self.flow == "planar":
            layers[:, : self.latent_dim].mul_(0.1)  # u: nearly the identity
        last.bias[rows] = layers.flatten()

    def parameters_of(self, x: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return mean (N, L), log-variance (N, L), and the layers' parameters for each row of x (N, D).

        The parameters are u (N, K, L), w (N, K, L), b (N, K) of a planar flow, v (N, K, L) of a Householder flow, and
        none without a flow.
        """
        size = self.latent_dim
        output = self.network(check_features(x, self.data_dim))
        mean, log_var, rest = output[..., :size], output[..., size : 2 * size], output[..., 2 * size :]
        if self.flow == "none":
            return mean, log_var, ()
        rest = rest.unflatten(-1, (self.layers, -1))
        if self.flow == "householder":
            return mean, log_var, (rest,)
        return mean, log_var, (rest[..., :size], rest[..., size : 2 * size], rest[..., -1])

    def sample(
        self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return draws z (S, N, L) of q(z | x) for each row of x (N, D), and their log q(z | x) (S, N) in nats.

        Gradients pass to the network along the draws. `noise`, standard normal (S, N, L), takes the place of drawing.
        """
        mean, log_var, layers = self.parameters_of(x)
        if noise is None:
            shape = (check_scalar("samples", samples, integer=True, minimum=1), *mean.shape)
            generator = check_torch_generator(generator)
            noise = torch.randn(shape, generator=generator, dtype=mean.dtype, device=mean.device)
        z = mean + torch.exp(0.5 * log_var) * noise
        log_q = gaussian_log_prob(z, mean, log_var)
        if self.flow == "none":
            return z, log_q
        move = planar_chain if self.flow == "planar" else householder_chain
        z, log_det = move(z, *layers)
        return z, log_q - log_det


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(check_scalar("seed", seed, integer=True, non_negative=True))


def _check_layers(z: Any, **parameters: Any) -> None:
    """Refuse what is no tensor, and layers whose last axis is not that of the points."""
    for name, value in {"z": z, **parameters}.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch tensor; got {type(value).__name__}. torch.as_tensor makes one")
    shapes = {tuple(value.shape) for value in parameters.values()}
    first = next(iter(parameters.values()))
    if len(shapes) > 1 or first.ndim < 2 or first.shape[-1] != z.shape[-1]:
        names = " and ".join(parameters)
        got = " and ".join(str(tuple(value.shape)) for value in parameters.values())
        raise ValueError(
            f"{names} must have the shape (…, K, L), with L = {z.shape[-1] if z.ndim else '?'} as in z; got {got}"
        )


def _shape_of(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
