"""Richer priors of a VAE: the aggregate posterior, a mixture of Gaussians, the VampPrior, and the clusters they make.

The model is ``z ~ p(z)``, ``x | z ~ likelihood(decoder(z))`` as in `vae`, with another p(z) than N(0, I). All priors
here are mixtures of K Gaussians over z (…, L): one component at the origin (`StandardPrior`), components with
parameters of their own (`MixturePrior`, `FullMixturePrior`), one for each data point (`AggregatePrior`), or the
encoder's answers to K learned inputs (`VampPrior`). With a mixture the model has a latent class, ``c ~ π``,
``z | c ~ N(mean_c, Σ_c)``, which the sum over components takes out exactly: the categorical–Gaussian mixture VAE.
Everything is in nats.

Sources: Hoffman and Johnson, "ELBO surgery" (2016), for the aggregate posterior; Tomczak and Welling, "VAE with a
VampPrior" (2018), arXiv 1705.07120; Jiang and others, "Variational Deep Embedding" (2017), arXiv 1611.05148, for
the clusters.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.models.networks import check_features, check_torch_generator
from course_utils.models.vae import VAE, gaussian_kl, gaussian_log_prob
from course_utils.workshop.validation import check_array, check_scalar

_BLOCK = 4_000_000
"""Numbers in one block of a table of densities, points × components: some tens of megabytes."""


class Components(NamedTuple):
    """A mixture of diagonal Gaussians: log-weights (K,), means (K, L) and log-variances (K, L)."""

    log_weights: Tensor
    mean: Tensor
    log_var: Tensor


# --- densities --------------------------------------------------------------------------------------------------------


def component_log_probs(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log N(z; mean_k, diag exp(log_var_k)) in nats for every point and component: (…, L) → (…, K).

    Parameters
    ----------
    z : (…, L).
    mean, log_var : (K, L).

    Raises
    ------
    TypeError, ValueError : an argument is no tensor of floating-point numbers, or the shapes do not fit.

    Notes
    -----
    The square is expanded, which makes two matrix products of the table, and a difference of large numbers: points are
    first moved so that the means' average is the origin. In single precision the error is about 1e-7 · (z / scale)².
    """
    _check_components(mean, log_var)
    _check_points(z, mean.shape[1])
    centre = mean.mean(0)
    z, mean = z - centre, mean - centre
    precision = torch.exp(-log_var)
    weighted = mean * precision
    constant = (mean * weighted + log_var).sum(-1) + mean.shape[1] * math.log(2 * math.pi)
    return z @ weighted.T - 0.5 * (z.square() @ precision.T + constant)


def mixture_log_prob(z: Tensor, log_weights: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log Σ_k exp(log_weights_k) N(z; mean_k, diag exp(log_var_k)) (…) in nats for z (…, L).

    Raises
    ------
    TypeError, ValueError : as for `component_log_probs`, or there is not one log-weight for each component.
    """
    _check_log_weights(log_weights, mean)
    return torch.logsumexp(log_weights + component_log_probs(z, mean, log_var), dim=-1)


@torch.no_grad()
def aggregate_log_prob(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log q̄(z) (…) in nats for z (…, L), with q̄(z) = (1/N) Σ_n N(z; mean_n, diag exp(log_var_n)).

    Shapes: mean and log_var (N, L), the encoder's answers to N data points. Without gradient, in blocks of points.

    Raises
    ------
    TypeError, ValueError : as for `component_log_probs`.

    Source: Hoffman and Johnson (2016).
    """
    return AggregatePrior(mean, log_var).log_prob(z)


# --- priors -----------------------------------------------------------------------------------------------------------


class Prior(nn.Module):
    """What all priors share; a subclass says what `joint_log_probs` and `sample` are."""

    def joint_log_probs(self, z: Tensor) -> Tensor:
        """Return log p(c) + log p(z | c) (…, K) in nats for z (…, L) and each of the K components c."""
        raise NotImplementedError

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws of z (count, L): first a component, then a point of it."""
        raise NotImplementedError

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) (…) in nats for z (…, L): the component is summed out."""
        return self.joint_log_probs(z).logsumexp(-1)

    def class_log_probs(self, z: Tensor) -> Tensor:
        """Return log p(c | z) (…, K), the logarithm of lesson 02's responsibilities, for z (…, L)."""
        return self.joint_log_probs(z).log_softmax(-1)


class DiagonalPrior(Prior):
    """A prior whose components are diagonal Gaussians; a subclass says which `components` it has."""

    def components(self) -> Components:
        """Return log-weights (K,), means (K, L) and log-variances (K, L), through which gradients pass."""
        raise NotImplementedError

    def joint_log_probs(self, z: Tensor) -> Tensor:
        """Return log p(c) + log p(z | c) (…, K) in nats for z (…, L) and each of the K components c."""
        log_weights, mean, log_var = self.components()
        return log_weights + component_log_probs(z, mean, log_var)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws of z (count, L): first a component, then a point of it."""
        log_weights, mean, log_var = self.components()
        chosen, noise = _chosen_and_noise(log_weights, mean, count, generator)
        return mean[chosen] + torch.exp(0.5 * log_var[chosen]) * noise


class StandardPrior(DiagonalPrior):
    """N(0, I) in L dimensions, as a mixture of one component.

    Raises
    ------
    TypeError, ValueError : `latent_dim` is not a positive whole number.
    """

    def __init__(self, latent_dim: int):
        super().__init__()
        latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.register_buffer("origin", torch.zeros(1, latent_dim))

    def components(self) -> Components:
        """Return the one component, N(0, I)."""
        return Components(self.origin[:, 0], self.origin, self.origin)


class AggregatePrior(DiagonalPrior):
    """The aggregate posterior q̄ of N data points, fixed: (1/N) Σ_n N(mean_n, diag exp(log_var_n)).

    Parameters
    ----------
    mean, log_var : (N, L), the encoder's answers; kept without their gradients.

    Raises
    ------
    TypeError, ValueError : they are no tensors of floating-point numbers, or not of one shape (N, L).
    """

    def __init__(self, mean: Tensor, log_var: Tensor):
        super().__init__()
        _check_components(mean, log_var)
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("log_var", log_var.detach().clone())
        self.register_buffer("log_weights", torch.full_like(self.mean[:, 0], -math.log(len(mean))))

    def components(self) -> Components:
        """Return one component for each data point, all with the same weight."""
        return Components(self.log_weights, self.mean, self.log_var)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log q̄(z) (…) in nats for z (…, L), in blocks: N may be large."""
        points = _check_points(z, self.mean.shape[1]).reshape(-1, self.mean.shape[1])
        blocks = points.split(max(1, _BLOCK // len(self.mean)))
        parts = [mixture_log_prob(block, *self.components()) for block in blocks]
        return torch.cat(parts).reshape(z.shape[:-1])


class MixturePrior(DiagonalPrior):
    """A mixture of K diagonal Gaussians whose weights, means and variances are parameters.

    Parameters
    ----------
    latent_dim : L.
    components : K.
    spread : standard deviation of the means where learning starts; the components begin with variance 1 and equal
        weights.
    seed : for the means. Torch's own random state is left as it was.

    Attributes
    ----------
    logits (K,), mean (K, L), log_var (K, L) : the parameters; the weights are softmax(logits).

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, latent_dim: int, components: int, *, spread: float = 1.0, seed: int = 0):
        super().__init__()
        latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        count = check_scalar("components", components, integer=True, minimum=1)
        spread = check_scalar("spread", spread, positive=True)
        generator = torch.Generator().manual_seed(check_scalar("seed", seed, integer=True, non_negative=True))
        self.logits = nn.Parameter(torch.zeros(count))
        self.mean = nn.Parameter(spread * torch.randn(count, latent_dim, generator=generator))
        self.log_var = nn.Parameter(torch.zeros(count, latent_dim))

    def components(self) -> Components:
        """Return the components that the parameters describe."""
        return Components(self.logits.log_softmax(0), self.mean, self.log_var)

    @torch.no_grad()
    def fit(self, z: Tensor, *, seed: int = 0, restarts: int = 1) -> MixturePrior:
        """Set the parameters by EM on points z (N, L), N ≥ K, and return the prior.

        What to fit to is draws of q(z | x_n), one or more for each data point: the optimum is then the mixture that is
        nearest to q̄ in KL(q̄ ‖ p). The means are a narrower cloud.

        Parameters
        ----------
        z : (N, L).
        seed : for the k-means that EM starts from.
        restarts : of which the one with the highest likelihood is kept.

        Raises
        ------
        TypeError, ValueError : z is no such array or tensor, or holds fewer points than there are components.
        """
        fit = _em(z, self.mean, "diag", seed, restarts)
        self.logits.copy_(torch.as_tensor(np.log(fit.weights_)))
        self.mean.copy_(torch.as_tensor(fit.means_))
        self.log_var.copy_(torch.as_tensor(np.log(fit.covariances_)))
        return self


class FullMixturePrior(Prior):
    """A mixture of K Gaussians with full covariances, whose weights, means and factors are parameters.

    Parameters
    ----------
    latent_dim, components, spread, seed : as for `MixturePrior`.

    Attributes
    ----------
    logits (K,), mean (K, L) : as for `MixturePrior`.
    factor (K, L, L) : its lower triangle is a lower factor P of each precision, Σ⁻¹ = PᵀP, with the logarithms of P's
        diagonal on the diagonal. What is above the diagonal is not used.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, latent_dim: int, components: int, *, spread: float = 1.0, seed: int = 0):
        super().__init__()
        start = MixturePrior(latent_dim, components, spread=spread, seed=seed)
        self.logits, self.mean = start.logits, start.mean
        self.factor = nn.Parameter(torch.zeros(components, latent_dim, latent_dim))

    def precision_factors(self) -> Tensor:
        """Return P (K, L, L), lower triangular with a positive diagonal, of which PᵀP is a component's precision."""
        diagonal = self.factor.diagonal(dim1=-2, dim2=-1).exp()
        return self.factor.tril(-1) + torch.diag_embed(diagonal)

    def joint_log_probs(self, z: Tensor) -> Tensor:
        """Return log p(c) + log p(z | c) (…, K) in nats for z (…, L) and each of the K components c."""
        size = self.mean.shape[1]
        residual = _check_points(z, size).unsqueeze(-2) - self.mean
        whitened = torch.einsum("kij,...kj->...ki", self.precision_factors(), residual)
        log_det = self.factor.diagonal(dim1=-2, dim2=-1).sum(-1)
        log_normal = log_det - 0.5 * whitened.square().sum(-1) - 0.5 * size * math.log(2 * math.pi)
        return self.logits.log_softmax(0) + log_normal

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return draws of z (count, L): first a component, then a point of it."""
        chosen, noise = _chosen_and_noise(self.logits.log_softmax(0), self.mean, count, generator)
        factors = self.precision_factors()[chosen]
        return self.mean[chosen] + torch.linalg.solve_triangular(factors, noise[..., None], upper=False)[..., 0]

    @torch.no_grad()
    def fit(self, z: Tensor, *, seed: int = 0, restarts: int = 1) -> FullMixturePrior:
        """Set the parameters by EM on points z (N, L), as `MixturePrior.fit` does, and return the prior."""
        fit = _em(z, self.mean, "full", seed, restarts)
        factors = torch.as_tensor(fit.precisions_cholesky_).mT
        self.logits.copy_(torch.as_tensor(np.log(fit.weights_)))
        self.mean.copy_(torch.as_tensor(fit.means_))
        self.factor.copy_(factors.tril(-1) + torch.diag_embed(factors.diagonal(dim1=-2, dim2=-1).log()))
        return self


class VampPrior(DiagonalPrior):
    """The encoder's answers to K pseudo-inputs u_k, which are learned: (1/K) Σ_k q(z | u_k).

    Parameters
    ----------
    encode : from inputs (K, D) to means and log-variances, each (K, L): `encode` of the VAE whose prior this is. Its
        weights are not parameters of the prior, though gradients pass through them.
    pseudo_inputs : (K, D), where learning starts: some data points, or the mean with noise.
    bounds : pair of numbers to which pseudo-inputs are cut, as pixels are; None for no bounds.

    Attributes
    ----------
    pseudo_inputs (K, D) : the parameters.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.

    Source: Tomczak and Welling (2018), who cut pseudo-inputs to [0, 1] too.
    """

    def __init__(
        self,
        encode: Callable[[Tensor], tuple[Tensor, Tensor]],
        pseudo_inputs: Tensor,
        *,
        bounds: tuple[float, float] | None = (0.0, 1.0),
    ):
        super().__init__()
        if not callable(encode):
            raise TypeError(f"encode must be a function, such as the encode of a VAE; got {type(encode).__name__}")
        _check_matrix("pseudo_inputs", pseudo_inputs)
        if bounds is not None:
            low, high = (check_scalar("bounds", bound) for bound in bounds)
            if not low < high:
                raise ValueError(f"bounds must be a pair (low, high) with low below high; got {bounds}")
            bounds = low, high
        self.encode, self.bounds = encode, bounds
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.detach().clone())

    def components(self) -> Components:
        """Return the encoder's answers to the pseudo-inputs, all with the same weight."""
        inputs = self.pseudo_inputs if self.bounds is None else self.pseudo_inputs.clamp(*self.bounds)
        mean, log_var = self.encode(inputs)
        return Components(torch.full_like(mean[:, 0], -math.log(len(mean))), mean, log_var)


# --- the VAE with a prior of its own ----------------------------------------------------------------------------------


class PriorVAE(VAE):
    """A VAE whose prior is one of the priors above, learned with it or fixed.

    With a `MixturePrior` of K components it is the categorical–Gaussian mixture VAE, c ~ π, z | c ~ N(mean_c, …),
    x | z, whose class is summed out. All that `VAE` does is done with this prior: bound, importance-sampled
    log-likelihood, samples.

    Parameters
    ----------
    Those of `VAE`. The prior is N(0, I) until `prior` is set to another one.

    Attributes
    ----------
    prior : a `Prior` over z (…, L). Its parameters are parameters of the model.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.prior: Prior = StandardPrior(self.latent_dim)

    def elbo_terms(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the ELBO's two terms for each row of x (N, D), in nats, estimated by `samples` draws of z.

        "kl" is exact for N(0, I). For a mixture there is no closed form: it is the mean of log q(z | x) − log p(z) at
        the same draws, and may be negative by chance.
        """
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        mean, log_var = self.encode(x)
        z = self.reparameterise(mean.expand(samples, *mean.shape), log_var.expand(samples, *mean.shape), generator)
        reconstruction = self.log_likelihood(x, z).mean(0)
        if isinstance(self.prior, StandardPrior):
            return {"reconstruction": reconstruction, "kl": gaussian_kl(mean, log_var)}
        kl = gaussian_log_prob(z, mean, log_var) - self.prior.log_prob(z)
        return {"reconstruction": reconstruction, "kl": kl.mean(0)}

    @torch.no_grad()
    def aggregate(self, x: Tensor) -> AggregatePrior:
        """Return q̄ of the rows of x (N, D): of all priors the one with the highest bound on them, for this encoder."""
        return AggregatePrior(*self.encode(check_features(x, self.data_dim)))

    @torch.no_grad()
    def class_probs(self, x: Tensor, samples: int = 20, generator: torch.Generator | None = None) -> Tensor:
        """Return q(c | x) = E_q(z | x)[p(c | z)] (N, K) for the rows of x (N, D), averaged over `samples` draws of z.

        Source: Jiang and others (2017), equation 16.
        """
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        mean, log_var = self.encode(x)
        z = self.reparameterise(mean.expand(samples, *mean.shape), log_var.expand(samples, *mean.shape), generator)
        return self.prior.class_log_probs(z).exp().mean(0)

    @torch.no_grad()
    def sample_means(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return E[x | z] (count, D) for draws of z from the prior: pictures without the likelihood's own noise."""
        return self.decode(self.prior.sample(count, generator))

    def _log_weights(self, x: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
        mean, log_var = self.encode(x)
        z = self.reparameterise(mean.expand(samples, *mean.shape), log_var.expand(samples, *mean.shape), generator)
        return self.log_likelihood(x, z) + self.prior.log_prob(z) - gaussian_log_prob(z, mean, log_var)


# --- clusters ---------------------------------------------------------------------------------------------------------


def matched_accuracy(clusters: Any, labels: Any) -> float:
    """Return the share of points whose cluster is the label's partner, under the best one-to-one matching.

    Parameters
    ----------
    clusters, labels : (N,) whole numbers from 0. With more clusters than labels some clusters have no partner, and
        their points count as wrong.

    Raises
    ------
    TypeError, ValueError : they are no whole numbers from 0, or not equally many.

    Source: the usual measure of clustering; the matching by scipy's `linear_sum_assignment`.
    """
    from scipy.optimize import linear_sum_assignment

    clusters = check_array("clusters", clusters, shape=(None,), dtype="int", min_size=1)
    labels = check_array("labels", labels, shape=clusters.shape, dtype="int")
    for name, values in (("clusters", clusters), ("labels", labels)):
        if values.min() < 0:
            raise ValueError(f"{name} must be whole numbers from 0; got {values.min()}")
    table = np.zeros((clusters.max() + 1, labels.max() + 1))
    np.add.at(table, (clusters, labels), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(labels))


# --- shared -----------------------------------------------------------------------------------------------------------


def _chosen_and_noise(
    log_weights: Tensor, mean: Tensor, count: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Return a component for each of `count` draws (count,), and standard normal numbers (count, L)."""
    count = check_scalar("count", count, integer=True, minimum=1)
    generator = check_torch_generator(generator)
    chosen = torch.multinomial(log_weights.exp(), count, replacement=True, generator=generator)
    return chosen, torch.randn(count, mean.shape[1], generator=generator, dtype=mean.dtype, device=mean.device)


def _em(z: Any, mean: Tensor, structure: str, seed: int, restarts: int) -> Any:
    """Return scikit-learn's fit of as many Gaussians as there are means (K, L) to points z (N, L)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    points = check_array("z", z, shape=(None, mean.shape[1]), min_size=len(mean))
    seed = check_scalar("seed", seed, integer=True, non_negative=True)
    restarts = check_scalar("restarts", restarts, integer=True, minimum=1)
    settings = {"covariance_type": structure, "n_init": restarts, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after a hundred steps it is near enough for a prior
        return GaussianMixture(len(mean), **settings).fit(points)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        came = f"{value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of floating-point numbers; got {came}")


def _check_matrix(name: str, value: Any) -> None:
    _check_tensor(name, value)
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} must have two axes, and rows; got shape {tuple(value.shape)}")


def _check_components(mean: Any, log_var: Any) -> None:
    _check_matrix("mean", mean)
    _check_tensor("log_var", log_var)
    if log_var.shape != mean.shape:
        raise ValueError(f"log_var must have the shape of mean, {tuple(mean.shape)}; got {tuple(log_var.shape)}")


def _check_log_weights(log_weights: Any, mean: Tensor) -> None:
    _check_tensor("log_weights", log_weights)
    if log_weights.shape != mean.shape[:1]:
        raise ValueError(
            f"log_weights must be one for each of the {len(mean)} components; got shape {tuple(log_weights.shape)}"
        )


def _check_points(z: Any, size: int) -> Tensor:
    _check_tensor("z", z)
    if z.shape[-1:] != (size,):
        raise ValueError(f"z must have {size} latents along its last axis; got shape {tuple(z.shape)}")
    return z
