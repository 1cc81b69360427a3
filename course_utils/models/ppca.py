"""Probabilistic PCA in closed form: fitting, density, exact posterior, and the ELBO of any Gaussian q.

The model is z ~ N(0, I) in L dimensions and x | z ~ N(Wz + μ, σ²I) in D. Everything follows from the L×L matrix
M = WᵀW + σ²I; no D×D matrix is ever inverted. Log-densities, bounds and gaps are in nats. Everything is numpy in
float64 and validated; where a gradient is wanted, ``torch.distributions.LowRankMultivariateNormal`` is the tool.

Source: Tipping and Bishop, Probabilistic Principal Component Analysis (1999).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from course_utils.models.gaussians import LOG_2PI
from course_utils.workshop.validation import Shape, check_array, check_covariance, check_generator, check_scalar

# Discarded eigenvalues that sum to less than this share of the largest one are rounding errors, not noise.
_ROUNDING = 64 * np.finfo(np.float64).eps


class Posterior(NamedTuple):
    """The posterior p(z | x) of each of N points: all have the same covariance."""

    means: np.ndarray
    """(N, L) M⁻¹Wᵀ(x_n − μ)."""
    covariance: np.ndarray
    """(L, L) σ²M⁻¹."""


@dataclass(frozen=True, eq=False)
class ProbabilisticPCA:
    """The density p(x) = ∫ N(x | Wz + μ, σ²I) N(z | 0, I) dz = N(x | μ, WWᵀ + σ²I).

    Parameters
    ----------
    mean : (D,) μ.
    loadings : (D, L) W. They may be rotated, W → WR, without changing p(x).
    noise_variance : σ² > 0.

    The arrays become read-only copies.

    Raises
    ------
    TypeError, ValueError : a shape does not fit the other, a number is not finite, or σ² is not positive.

    Source: Tipping and Bishop (1999), equations 2 to 8.
    """

    mean: np.ndarray
    loadings: np.ndarray
    noise_variance: float

    def __post_init__(self) -> None:
        mean = _numbers("mean", self.mean, shape=("D",))
        loadings = _numbers("loadings", self.loadings, shape=(len(mean), "L"))
        noise_variance = check_scalar("noise_variance", self.noise_variance, positive=True)
        for name, array in (("mean", mean), ("loadings", loadings)):
            array = array.copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "noise_variance", noise_variance)

    @property
    def covariance(self) -> np.ndarray:
        """(D, D) WWᵀ + σ²I, the covariance of x."""
        return self.loadings @ self.loadings.T + self.noise_variance * np.eye(len(self.mean))

    @cached_property
    def encoder(self) -> tuple[np.ndarray, np.ndarray]:
        """The exact posterior mean as an affine map Ax + b: A = M⁻¹Wᵀ (L, D) and b = −M⁻¹Wᵀμ (L,)."""
        matrix = np.linalg.solve(self._inner, self.loadings.T)
        return matrix, -matrix @ self.mean

    def posterior(self, data: Any) -> Posterior:
        """Return p(z | x_n) = N(M⁻¹Wᵀ(x_n − μ), σ²M⁻¹) for data (N, D): means (N, L), one covariance (L, L).

        Raises
        ------
        TypeError, ValueError : `data` is not an array (N, D) of finite real numbers, is empty or requires grad.

        Source: Tipping and Bishop (1999), equation 7.
        """
        means = (self._check_data(data) - self.mean) @ self.encoder[0].T
        return Posterior(means, self.noise_variance * np.linalg.inv(self._inner))

    def log_prob(self, data: Any) -> np.ndarray:
        """Log p(x_n) in nats, for data (N, D): an array (N,). Errors as in `posterior`."""
        data = self._check_data(data)
        columns, latents = self.loadings.shape
        means = self.posterior(data).means
        # (x − μ)ᵀC⁻¹(x − μ) as a sum of squares, where Woodbury's identity has a difference of large numbers
        squares = self._residuals(data, means) / self.noise_variance + np.sum(means**2, axis=1)
        log_det = (columns - latents) * math.log(self.noise_variance) + np.linalg.slogdet(self._inner)[1]
        return -0.5 * (columns * LOG_2PI + log_det + squares)

    def log_likelihood(self, data: Any) -> float:
        """Σ_n log p(x_n) in nats, for data (N, D). Errors as in `posterior`."""
        return float(self.log_prob(data).sum())

    def sample(self, count: int, rng: np.random.Generator | int) -> tuple[np.ndarray, np.ndarray]:
        """Draw points by ancestral sampling: first z from N(0, I), then x from N(Wz + μ, σ²I).

        Parameters
        ----------
        count : number of points N.
        rng : generator, which moves on, or seed.

        Returns
        -------
        data (N, D) and latents z (N, L).
        """
        count = check_scalar("count", count, integer=True, non_negative=True)
        rng = check_generator("rng", rng)
        columns, latents = self.loadings.shape
        z = rng.normal(size=(count, latents))
        noise = math.sqrt(self.noise_variance) * rng.normal(size=(count, columns))
        return self.mean + z @ self.loadings.T + noise, z

    def elbo(self, data: Any, means: Any, covariances: Any) -> np.ndarray:
        """ELBO of each point under q_n = N(means_n, covariances_n), without sampling.

        Parameters
        ----------
        data : (N, D).
        means : (N, L).
        covariances : (L, L), one for all points, or (N, L, L).

        Returns
        -------
        (N,) E_q[log p(x_n | z)] − KL(q_n ‖ N(0, I)), in nats.

        Raises
        ------
        TypeError, ValueError : a shape does not fit the others, an argument is not made of finite real numbers, is
            empty or requires grad, or a covariance (the message says which) is not positive definite.
        """
        data, means, covariances, factors = self._check_q(data, means, covariances)
        columns, latents = self.loadings.shape
        # E‖x − μ − Wz‖² = ‖x − μ − Wm‖² + tr(WᵀW S)
        spread = np.einsum("ij,nji->n", self.loadings.T @ self.loadings, covariances)
        fit = -0.5 * columns * (LOG_2PI + math.log(self.noise_variance))
        fit = fit - 0.5 * (self._residuals(data, means) + spread) / self.noise_variance
        log_det = 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        trace = np.trace(covariances, axis1=1, axis2=2)
        return fit - 0.5 * (trace + np.sum(means**2, axis=1) - latents - log_det)

    def gap(self, data: Any, means: Any, covariances: Any) -> np.ndarray:
        """KL(q_n ‖ p(z | x_n)) of each point, in nats: log p(x_n) less the ELBO, without their cancellation.

        Arguments and errors are those of `elbo`; the result (N,) is never negative.
        """
        data, means, _, factors = self._check_q(data, means, covariances)
        # with M/σ² = RRᵀ the posterior is standard in the coordinates Rᵀz, where a KL is a sum over axes
        root = np.linalg.cholesky(self._inner / self.noise_variance)
        scales = np.linalg.svd(root.T @ factors, compute_uv=False)
        shift = (means - self.posterior(data).means) @ root
        log_var = 2 * np.log(scales)
        return 0.5 * (np.sum(np.expm1(log_var) - log_var, axis=1) + np.sum(shift**2, axis=1))

    @cached_property
    def _inner(self) -> np.ndarray:
        """(L, L) M = WᵀW + σ²I."""
        return self.loadings.T @ self.loadings + self.noise_variance * np.eye(self.loadings.shape[1])

    def _residuals(self, data: np.ndarray, means: np.ndarray) -> np.ndarray:
        """(N,) ‖x − μ − Wm‖²."""
        return np.sum((data - self.mean - means @ self.loadings.T) ** 2, axis=1)

    def _check_data(self, data: Any) -> np.ndarray:
        return _numbers("data", data, shape=("N", len(self.mean)))

    def _check_q(
        self, data: Any, means: Any, covariances: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return data, means, covariances (N or 1, L, L) and their Cholesky factors."""
        data, latents = self._check_data(data), self.loadings.shape[1]
        means = _numbers("means", means, shape=(len(data), latents))
        covariances = _numbers("covariances", covariances)
        if covariances.shape == (latents, latents):
            covariances = check_covariance("covariances", covariances)[None]
        elif covariances.shape == (len(data), latents, latents):
            covariances = np.stack([check_covariance(f"covariances[{n}]", one) for n, one in enumerate(covariances)])
        else:
            raise ValueError(
                f"covariances must have shape ({latents}, {latents}), one for all points, or "
                f"({len(data)}, {latents}, {latents}); got {covariances.shape}"
            )
        return data, means, covariances, np.linalg.cholesky(covariances)


def fit_ppca(data: Any, latent_dim: int) -> ProbabilisticPCA:
    """Return the maximum-likelihood probabilistic PCA: the first axes of the 1/N covariance, and the noise beyond.

    σ² is the mean of the D − L smallest eigenvalues, and W = U(Λ − σ²I)^½ holds the L largest, in falling order.
    Any rotation WR fits as well. Of each axis, which has no sign of its own, the largest entry is made positive.

    Parameters
    ----------
    data : (N, D).
    latent_dim : L, from 1 to D − 1.

    Raises
    ------
    TypeError, ValueError : `data` is not an array (N, D) of finite real numbers or requires grad; `latent_dim` is
        out of range; or the points lie in a plane of L dimensions, where the likelihood has no bound.

    Source: Tipping and Bishop (1999), equations 14 and 15.
    """
    data = _numbers("data", data, shape=("N", "D"))
    rows, columns = data.shape
    latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
    if latent_dim >= columns:
        raise ValueError(f"latent_dim must be below the number of columns, {columns}; got {latent_dim}")
    mean = data.mean(axis=0)
    # the eigenvalues of the covariance are squared singular values of the centred data, which keeps their digits
    _, singular, axes = np.linalg.svd((data - mean) / math.sqrt(rows), full_matrices=False)
    eigenvalues = np.zeros(columns)
    eigenvalues[: len(singular)] = singular**2
    noise_variance = eigenvalues[latent_dim:].mean()
    if noise_variance <= _ROUNDING * eigenvalues[0] or rows <= latent_dim:
        raise ValueError(
            f"data must vary in more than latent_dim={latent_dim} directions, or the noise variance is 0 and the "
            f"likelihood has no bound; got shape {data.shape}. Choose a smaller latent_dim"
        )
    axes = axes[:latent_dim]
    axes = axes * np.sign(axes[np.arange(latent_dim), np.argmax(np.abs(axes), axis=1)])[:, None]
    loadings = axes.T * np.sqrt(np.maximum(eigenvalues[:latent_dim] - noise_variance, 0))
    return ProbabilisticPCA(mean, loadings, float(noise_variance))


def _numbers(name: str, value: Any, *, shape: Shape | None = None) -> np.ndarray:
    if getattr(value, "requires_grad", False):
        raise TypeError(
            f"{name} requires grad, but probabilistic PCA is computed in numpy, where the gradient would be lost; "
            f"use torch.distributions.LowRankMultivariateNormal, or pass {name}.detach()"
        )
    return check_array(name, value, shape=shape, min_size=1)
