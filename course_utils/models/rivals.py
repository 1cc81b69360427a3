"""Two rivals of the VAE, a flow of coupling layers and a generative adversarial network, and what all can be judged by.

RealNVP turns a Gaussian into the data by invertible layers, so that its density is exact. A GAN has no density: its
generator learns from a discriminator, which tells its pictures from true ones. Their samples are compared with data by
the modes that they cover, and by precision and recall. Log-densities and values of games are in nats.

Sources: Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP" (2017), arXiv 1605.08803; Goodfellow et
al., "Generative Adversarial Nets" (2014), arXiv 1406.2661; Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved
Precision and Recall Metric for Assessing Generative Models" (2019), arXiv 1904.06991.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import rel_entr, xlog1py, xlogy
from torch import Tensor, nn

from course_utils.models.flows import standard_log_prob
from course_utils.models.networks import check_features, check_torch_generator, mlp
from course_utils.workshop.training import TrainingError
from course_utils.workshop.validation import check_array, check_choice, check_scalar

GENERATOR_LOSSES = ("non-saturating", "minimax")


def number_of_parameters(model: nn.Module) -> int:
    """Return how many numbers of a model are learned."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


# --- a flow of coupling layers ----------------------------------------------------------------------------------------


class AffineCoupling(nn.Module):
    """A layer that scales and shifts some coordinates by amounts that a network computes from the others.

    x = z where the mask is True, and x = z · exp(s) + t elsewhere, with s and t from a network that sees the masked
    coordinates alone. These are the same in x and in z, so the inverse needs the network once too, and never its
    inverse; the Jacobian is triangular, and log|det| is the sum of s.

    Parameters
    ----------
    size : D, coordinates of a point.
    hidden : sizes of the network's hidden layers.
    mask : (D,) truth values: True for the coordinates that stay. Both kinds must occur.
    activation : after each hidden layer, one of `networks.ACTIVATIONS`.
    bound : largest |s|; no layer scales by more than exp(bound), which keeps training calm.
    seed : for the weights. The last layer starts near zero, so that the layer begins close to the identity.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not D coordinates.

    Source: Dinh, Sohl-Dickstein and Bengio (2017), section 3.
    """

    def __init__(
        self,
        size: int,
        hidden: Sequence[int] = (64,),
        *,
        mask: Any,
        activation: str = "relu",
        bound: float = 2.0,
        seed: int = 0,
    ):
        super().__init__()
        size = check_scalar("size", size, integer=True, minimum=2)
        self.bound = check_scalar("bound", bound, positive=True)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        mask = torch.as_tensor(mask)
        if mask.shape != (size,) or mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be {size} truth values; got shape {tuple(mask.shape)} and dtype {str(mask.dtype)[6:]}"
            )
        if mask.all() or not mask.any():
            raise ValueError("mask must be True for some coordinates, which stay, and False for others, which move")
        kept, moved = int(mask.sum()), int((~mask).sum())
        self.register_buffer("stays", mask.nonzero()[:, 0])
        self.register_buffer("moves", (~mask).nonzero()[:, 0])
        self.size = size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = mlp([kept, *hidden, 2 * moved], activation)
        with torch.no_grad():
            self.network[-1].weight.mul_(0.1)
            self.network[-1].bias.zero_()

    def scale_and_shift(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t (…, moved) at points (…, D), of which only the coordinates that stay are looked at."""
        raw, shift = self.network(point[..., self.stays]).chunk(2, dim=-1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x (…, D) and log|det ∂x/∂z| (…) for z (…, D)."""
        log_scale, shift = self.scale_and_shift(check_features(z, self.size))
        moved = z[..., self.moves] * log_scale.exp() + shift
        return z.index_copy(-1, self.moves, moved), log_scale.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the z (…, D) that is sent to the given x, and log|det ∂z/∂x| (…)."""
        log_scale, shift = self.scale_and_shift(check_features(x, self.size))
        moved = (x[..., self.moves] - shift) * torch.exp(-log_scale)
        return x.index_copy(-1, self.moves, moved), -log_scale.sum(-1)


class RealNVP(nn.Module):
    """A density over D coordinates: N(0, I), sent through coupling layers whose masks take turns.

    Even coordinates stay in one layer, odd ones in the next, so that two layers move all. In the end each coordinate is
    multiplied by `spread` and shifted by `centre`, which are no parameters: `fit_scale` takes them from data.

    Parameters
    ----------
    size : D, at least 2.
    layers : coupling layers; 0 leaves a Gaussian.
    hidden : sizes of the hidden layers of each network.
    seed : for the weights.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not D coordinates.
    """

    def __init__(self, size: int, layers: int = 6, hidden: Sequence[int] = (64,), *, seed: int = 0):
        super().__init__()
        self.size = check_scalar("size", size, integer=True, minimum=2)
        layers = check_scalar("layers", layers, integer=True, non_negative=True)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        self.hidden = tuple(hidden)
        even = torch.arange(size) % 2 == 0
        masks = [even if layer % 2 == 0 else ~even for layer in range(layers)]
        self.couplings = nn.ModuleList(
            AffineCoupling(size, hidden, mask=mask, seed=1000 * seed + layer) for layer, mask in enumerate(masks)
        )
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    @torch.no_grad()
    def fit_scale(self, x: Tensor, least: float = 1e-3) -> RealNVP:
        """Set `centre` and `spread` to mean and standard deviation of the columns of x (N, D), and return the flow.

        A column that hardly varies gets the spread `least`.
        """
        check_features(x, self.size)
        self.centre.copy_(x.mean(0))
        self.spread.copy_(x.std(0, correction=0).clamp(min=check_scalar("least", least, positive=True)))
        return self

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x (…, D) and log|det ∂x/∂z| (…) for noise z (…, D)."""
        point, log_det = check_features(z, self.size), self.spread.log().sum()
        for coupling in self.couplings:
            point, change = coupling(point)
            log_det = log_det + change
        return point * self.spread + self.centre, log_det.expand(z.shape[:-1])

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise z (…, D) that is sent to x, and log|det ∂z/∂x| (…)."""
        point, log_det = (check_features(x, self.size) - self.centre) / self.spread, -self.spread.log().sum()
        for coupling in reversed(self.couplings):
            point, change = coupling.inverse(point)
            log_det = log_det + change
        return point, log_det.expand(x.shape[:-1])

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) (…) in nats for x (…, D), exactly: log N(z; 0, I) + log|det ∂z/∂x|."""
        z, log_det = self.inverse(x)
        return standard_log_prob(z) + log_det

    def loss(self, x: Tensor) -> Tensor:
        """Return −log p, averaged over the rows of x (N, D): what the training loop minimises."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws of x (count, D)."""
        return self(_noise(count, self.size, generator, self.spread))[0]


# --- a generative adversarial network ---------------------------------------------------------------------------------


class GAN(nn.Module):
    """A generator x = G(z) of noise z ~ N(0, I), and a discriminator D(x), the probability that x is true.

    Parameters
    ----------
    size : D, features of a data point.
    latent_dim : coordinates of the noise.
    hidden : sizes of the hidden layers of both networks; the discriminator has them in reverse.
    bounded : pass what is generated through a sigmoid, as pictures in [0, 1] need.
    seed : for the weights. Torch's own random state is left as it was.

    Attributes
    ----------
    generator : network (…, latent_dim) → (…, D), before the sigmoid.
    discriminator : network (…, D) → (…, 1), logits: D(x) is their sigmoid.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or points have not D features.

    Source: Goodfellow et al. (2014).
    """

    def __init__(
        self,
        size: int,
        latent_dim: int = 2,
        hidden: Sequence[int] = (64, 64),
        *,
        bounded: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.size = check_scalar("size", size, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.hidden, self.bounded = tuple(hidden), bool(bounded)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = mlp([latent_dim, *hidden, size])
            self.discriminator = mlp([size, *reversed(hidden), 1])
            for layer in self.discriminator:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)

    def generate(self, z: Tensor) -> Tensor:
        """Return G(z) (…, D) for noise z (…, latent_dim); gradients pass."""
        x = self.generator(z)
        return torch.sigmoid(x) if self.bounded else x

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return what is generated (count, D) from fresh noise."""
        return self.generate(_noise(count, self.latent_dim, generator, self.generator[0].weight))

    def logits(self, x: Tensor) -> Tensor:
        """Return log D(x) − log(1 − D(x)) (…) for x (…, D)."""
        return self.discriminator(check_features(x, self.size))[..., 0]

    def value(self, x: Tensor, fake: Tensor) -> Tensor:
        """Return the value of the game, mean of log D(x) over true x plus mean of log(1 − D) over what is generated.

        The discriminator raises it and the generator lowers it. It is 0 for a discriminator that is always right, and
        −log 4 for one that always says ½.
        """
        return F.logsigmoid(self.logits(x)).mean() + F.logsigmoid(-self.logits(fake)).mean()

    def generator_loss(self, fake: Tensor, kind: str = "non-saturating") -> Tensor:
        """Return what the generator minimises on its own points (N, D), which must carry its gradient.

        "minimax" is its part of the value, mean of log(1 − D), whose gradient dies where the discriminator is sure;
        "non-saturating" is the mean of −log D, which has the same fixed points and a gradient there.

        Source: Goodfellow et al. (2014), section 3.
        """
        check_choice("kind", kind, GENERATOR_LOSSES)
        logits = self.logits(fake)
        return F.logsigmoid(-logits).mean() if kind == "minimax" else -F.logsigmoid(logits).mean()


@torch.enable_grad()  # also where the caller needs none
def train_gan(
    gan: GAN,
    x: Tensor,
    *,
    updates: int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    kind: str = "non-saturating",
    discriminator_steps: int = 1,
    seed: int = 0,
) -> list[float]:
    """Train a GAN in place, and return the value of the game before each update of the generator.

    Each update takes `discriminator_steps` steps of the discriminator, on rows of x drawn with replacement and as many
    generated points, then one of the generator; both by Adam with first momentum ½. Deterministic under its seed.

    Parameters
    ----------
    x : data (N, D).
    updates : of the generator.
    kind : of `GAN.generator_loss`.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    TrainingError : the value became NaN or infinite.
    """
    check_features(x, gan.size)
    updates = check_scalar("updates", updates, integer=True, minimum=1)
    batch_size = check_scalar("batch_size", batch_size, integer=True, minimum=1)
    learning_rate = check_scalar("learning_rate", learning_rate, positive=True)
    steps = check_scalar("discriminator_steps", discriminator_steps, integer=True, minimum=1)
    check_choice("kind", kind, GENERATOR_LOSSES)
    draws = torch.Generator().manual_seed(check_scalar("seed", seed, integer=True, non_negative=True))
    settings = {"lr": learning_rate, "betas": (0.5, 0.999), "fused": True}
    of_generator = torch.optim.Adam(gan.generator.parameters(), **settings)
    of_discriminator = torch.optim.Adam(gan.discriminator.parameters(), **settings)
    values = []
    for update in range(1, updates + 1):
        for _ in range(steps):
            true = x[torch.randint(len(x), (batch_size,), generator=draws)]
            value = gan.value(true, gan.sample(batch_size, draws))
            of_discriminator.zero_grad()
            (-value).backward()
            of_discriminator.step()
        values.append(value.item())
        if not math.isfinite(values[-1]):
            raise TrainingError(
                f"the value of the game is {values[-1]} in update {update}; try a smaller learning_rate"
            )
        fake = gan.generate(_noise(batch_size, gan.latent_dim, draws, x))
        loss = gan.generator_loss(fake, kind)
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
    return values


def optimal_discriminator(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return p / (p + q), the D that is best against a generator with density q, from log p and log q, which broadcast.

    Source: Goodfellow et al. (2014), proposition 1.
    """
    return torch.sigmoid(log_p - log_q)


def minimax_value(p: Any, q: Any, discriminator: Any) -> float:
    """Return Σ p log D + Σ q log(1 − D) in nats for tables of probabilities p and q, and of D, all of one shape (K,).

    A density on a grid is such a table once it is multiplied by the width of a cell. Where p is 0, D may be 0, and
    where q is 0 it may be 1.

    Raises
    ------
    TypeError, ValueError : the tables have not one shape, p or q is no table of probabilities, or D leaves [0, 1].
    """
    p, q = _check_pair(p, q)
    discriminator = check_array("discriminator", discriminator, shape=p.shape)
    if discriminator.min() < 0 or discriminator.max() > 1:
        raise ValueError(f"discriminator must lie in [0, 1]; got {discriminator.min()} to {discriminator.max()}")
    return float(np.sum(xlogy(p, discriminator) + xlog1py(q, -discriminator)))


def jensen_shannon(p: Any, q: Any) -> float:
    """Return the Jensen–Shannon divergence ½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½(p + q), of two tables (K,), in nats.

    It is 0 where the two are equal, and log 2 where they have no value in common.
    """
    p, q = _check_pair(p, q)
    middle = 0.5 * (p + q)
    return float(0.5 * np.sum(rel_entr(p, middle) + rel_entr(q, middle)))


# --- measures of samples ----------------------------------------------------------------------------------------------


def ring(
    count: int, generator: torch.Generator, *, modes: int = 8, radius: float = 2.0, scale: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Return points (count, 2) of Gaussians with equal weights on a ring, and their centres (modes, 2)."""
    count = check_scalar("count", count, integer=True, minimum=1)
    modes = check_scalar("modes", modes, integer=True, minimum=1)
    radius, scale = check_scalar("radius", radius, positive=True), check_scalar("scale", scale, positive=True)
    check_torch_generator(generator)
    angles = torch.arange(modes) * (2 * math.pi / modes)
    centres = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    chosen = torch.randint(modes, (count,), generator=generator)
    return centres[chosen] + scale * torch.randn(count, 2, generator=generator), centres


def ring_log_prob(x: Tensor, centres: Tensor, scale: float = 0.1) -> Tensor:
    """Return the log-density (N,) in nats of the ring's mixture at points x (N, 2)."""
    squares = torch.cdist(check_features(x, 2), centres).square()
    each = -0.5 * squares / scale**2 - math.log(2 * math.pi * scale**2)
    return each.logsumexp(1) - math.log(len(centres))


class Modes(NamedTuple):
    """Which of K known modes samples reach."""

    covered: int
    """How many modes have at least the least share."""
    near: float
    """Share of the samples that lie near some centre."""
    shares: Tensor
    """(K,) share of all samples that lies near each centre; a sample belongs to the nearest one only."""


def modes_covered(samples: Tensor, centres: Tensor, scale: float, *, within: float = 3.0, least: float = 0.01) -> Modes:
    """Return which modes samples (N, D) reach, when the centres (K, D) and the standard deviation `scale` are known.

    A sample is near its nearest centre if it lies within so many standard deviations of it. A mode is covered if at
    least the share `least` of all samples is near it.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    _check_points("samples", samples)
    _check_points("centres", centres, samples.shape[1])
    reach = check_scalar("within", within, positive=True) * check_scalar("scale", scale, positive=True)
    least = check_scalar("least", least, positive=True, maximum=1)
    distance, nearest = torch.cdist(samples, centres.to(samples)).min(1)
    near = distance <= reach
    shares = torch.bincount(nearest[near], minlength=len(centres)) / len(samples)
    return Modes(int((shares >= least).sum()), near.double().mean().item(), shares)


class PrecisionRecall(NamedTuple):
    """How much of what is generated looks true, and how much of what is true is generated."""

    precision: float
    recall: float


def precision_recall(samples: Tensor, data: Tensor, neighbours: int = 3) -> PrecisionRecall:
    """Return precision and recall of samples (M, D) against data (N, D), which no model was trained on.

    Balls around the data, each as large as the distance to the point's own k-th nearest neighbour, stand for the region
    of the data: precision is the share of samples in it. Recall is the share of the data in the region that is made
    from the samples in the same way.

    Parameters
    ----------
    neighbours : k, below both M and N.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Kynkäänniemi et al. (2019), equations 1 and 2; they measure distances between features of a network.
    """
    _check_points("samples", samples)
    _check_points("data", data, samples.shape[1])
    most = min(len(samples), len(data)) - 1
    neighbours = check_scalar("neighbours", neighbours, integer=True, minimum=1, maximum=most)
    # without the matrix product, in which small distances between far points lose their digits
    between = torch.cdist(samples, data, compute_mode="donot_use_mm_for_euclid_dist")
    of_data, of_samples = _radii(data, neighbours), _radii(samples, neighbours)
    precision = (between <= of_data).any(1).double().mean().item()
    recall = (between <= of_samples[:, None]).any(0).double().mean().item()
    return PrecisionRecall(precision, recall)


def _radii(points: Tensor, neighbours: int) -> Tensor:
    """Return the distance (N,) of each point to its k-th nearest neighbour, itself not counted."""
    apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.fill_diagonal_(-1.0).kthvalue(neighbours + 1, dim=1).values


# --- checks -----------------------------------------------------------------------------------------------------------


def _noise(count: int, size: int, generator: torch.Generator | None, like: Tensor) -> Tensor:
    count = check_scalar("count", count, integer=True, minimum=1)
    generator = check_torch_generator(generator)
    return torch.randn(count, size, generator=generator, dtype=like.dtype, device=like.device)


def _check_points(name: str, value: Any, size: int | None = None) -> None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        came = f"{value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of floating-point numbers; got {came}")
    if value.ndim != 2 or 0 in value.shape or (size is not None and value.shape[1] != size):
        wanted = "rows and columns" if size is None else f"rows of {size} numbers"
        raise ValueError(f"{name} must have {wanted}; got shape {tuple(value.shape)}")
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} must be finite; it holds NaN or infinite values")


def _check_pair(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    p = check_array("p", p, shape=("K",), min_size=1)
    q = check_array("q", q, shape=p.shape)
    for name, table in (("p", p), ("q", q)):
        if table.min() < 0 or abs(table.sum() - 1) > 1e-6:
            raise ValueError(
                f"{name} must be probabilities that sum to 1; the smallest is {table.min():.6g}, "
                f"the sum {table.sum():.6g}"
            )
    return p, q
