"""A conjugate prior of a mixture's parameters, under which EM's objective has an upper bound."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.models.gaussians import LOG_2PI
from course_utils.models.mixtures._checks import check_numbers, check_varies, covariance_of
from course_utils.models.mixtures.density import GaussianMixture
from course_utils.workshop.validation import check_covariance, check_scalar


@dataclass(frozen=True, eq=False)
class ConjugatePrior:
    """Dirichlet prior of the weights and Normal–inverse-Wishart prior of means and covariances.

    π ~ Dirichlet(α, …, α),  Σ_k ~ IW(Ψ, ν),  μ_k | Σ_k ~ N(m, Σ_k / κ).

    Parameters
    ----------
    concentration : α ≥ 1. Each component counts as if it held α − 1 points more.
    mean : (D,) m.
    strength : κ > 0, the number of points that m is worth.
    scatter : (D, D) Ψ, positive definite.
    degrees_of_freedom : ν > D − 1.

    Under the other structures the prior is the one of the same form: tied covariances have one Σ ~ IW(Ψ, ν);
    diagonal ones have σ²_kj ~ InverseGamma(ν/2, Ψ_jj/2); spherical ones σ²_k ~ InverseGamma(ν/2, tr Ψ / 2D).

    Raises
    ------
    TypeError, ValueError : a parameter is out of its range, or shapes do not fit.

    Where the updates come from. The E-step is that of EM. With r_nk from it, the M-step maximises
    Σ_nk r_nk [log π_k + log N(x_n | μ_k, Σ_k)] + log p(π, μ, Σ). Write N_k = Σ_n r_nk, x̄_k for the weighted
    mean and S_k = Σ_n r_nk (x_n − x̄_k)(x_n − x̄_k)ᵀ.

    - Weights: Σ_k (N_k + α − 1) log π_k under Σ π_k = 1 gives π_k = (N_k + α − 1) / (N + Kα − K).
    - Means: N_k and κ points at x̄_k and m pull with the same Σ_k⁻¹, so μ_k = (N_k x̄_k + κ m) / (N_k + κ),
      whatever Σ_k is. Put back, the two squares leave (N_k κ / (N_k + κ)) (x̄_k − m)(x̄_k − m)ᵀ.
    - Covariances: what remains is −½ [(N_k + ν + D + 2) log |Σ_k| + tr(Σ_k⁻¹ T_k)] with
      T_k = Ψ + S_k + (N_k κ / (N_k + κ)) (x̄_k − m)(x̄_k − m)ᵀ. Of the D + 2, D + 1 are in the exponent of the
      inverse Wishart and 1 in that of μ_k's normal. Hence Σ_k = T_k / (N_k + ν + D + 2).
    - Tied: the components share Ψ and the exponent, so Σ = (Ψ + Σ_k (T_k − Ψ)) / (N + ν + D + 1 + K). Diagonal:
      each column is a case of D = 1, σ²_kj = (T_k)_jj / (N_k + ν + 3). Spherical: the D columns are D N_k values
      with one variance, σ²_k = (tr Ψ / D + tr(T_k − Ψ)) / (D N_k + ν + D + 2).

    No denominator is ever zero and T_k ≥ Ψ, so the log-posterior has an upper bound where the log-likelihood
    has none: a component that holds no point, or one point only, stays a proper Gaussian.

    Source: Fraley and Raftery, Bayesian Regularization for Normal Mixture Estimation and Model-Based Clustering
    (2007), section 3; Murphy, Machine Learning: A Probabilistic Perspective (2012), section 11.4.2.8.
    """

    concentration: float
    mean: np.ndarray
    strength: float
    scatter: np.ndarray
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        check_scalar("concentration", self.concentration, minimum=1)
        check_scalar("strength", self.strength, positive=True)
        mean = check_numbers("mean", self.mean, shape=("D",))
        scatter = check_covariance("scatter", check_numbers("scatter", self.scatter), size=len(mean))
        check_scalar("degrees_of_freedom", self.degrees_of_freedom)
        if self.degrees_of_freedom <= len(mean) - 1:
            raise ValueError(
                f"degrees_of_freedom must be above D − 1 = {len(mean) - 1}, or the prior is no distribution; "
                f"got {self.degrees_of_freedom}"
            )
        for name, array in (("mean", mean), ("scatter", scatter)):
            array = array.copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_data(cls, data: Any, components: int) -> "ConjugatePrior":
        """Build a weak prior that knows where the data lie and how wide they are.

        m is their mean with the strength of κ = 0.01 points, ν = D + 2, and Ψ = Cov(data) / K^(2/D), as wide as
        a K-th of the data's volume; α = 2, one extra point for each component, so that no weight vanishes.

        Parameters
        ----------
        data : (N, D).
        components : number of components K.

        Raises
        ------
        TypeError, ValueError : `data` is not an array (N, D) of finite numbers, or its covariance is singular.

        Source: Fraley and Raftery (2007), section 3.2, for all but the weights.
        """
        data = check_numbers("data", data, shape=("N", "D"))
        components = check_scalar("components", components, integer=True, minimum=1)
        check_varies(data, "Leave it out, or choose the scatter of the prior yourself")
        covariance = covariance_of(data)
        columns = data.shape[1]
        return cls(2.0, data.mean(axis=0), 0.01, covariance / components ** (2 / columns), columns + 2.0)

    def log_prob(self, mixture: GaussianMixture) -> float:
        """Log-density of a mixture's parameters under the prior of its structure, in nats.

        It is a density of the weights π_1 … π_{K−1}, the means, and each free entry of the covariances.

        Raises
        ------
        ValueError : the mixture has another number of columns than the prior.
        """
        from scipy.special import gammaln, multigammaln, xlogy

        check_prior(self, mixture.means.shape[1])
        components, columns = mixture.means.shape
        alpha, kappa, dof = self.concentration, self.strength, self.degrees_of_freedom
        weights = gammaln(components * alpha) - components * gammaln(alpha) + np.sum(xlogy(alpha - 1, mixture.weights))
        log_dets = 2 * mixture._view.log_volumes
        pulls = np.einsum("kij,kj->ki", mixture._view.inverses, mixture.means - self.mean)
        means = -0.5 * np.sum(columns * (LOG_2PI - math.log(kappa)) + log_dets + kappa * np.sum(pulls**2, axis=1))
        if mixture.structure in ("full", "tied"):
            distinct = slice(None) if mixture.structure == "full" else slice(1)
            traces = np.sum((mixture._view.inverses[distinct] @ np.linalg.cholesky(self.scatter)) ** 2, axis=(1, 2))
            log_norm = 0.5 * dof * (np.linalg.slogdet(self.scatter)[1] - columns * math.log(2))
            log_norm -= multigammaln(dof / 2, columns)
            covariances = log_norm - 0.5 * ((dof + columns + 1) * log_dets[distinct] + traces)
        else:
            variances, scatters = np.diagonal(mixture.covariances, axis1=1, axis2=2), np.diag(self.scatter)
            if mixture.structure == "spherical":
                variances, scatters = variances[:, 0], scatters.mean()
            log_norm = 0.5 * dof * np.log(scatters / 2) - gammaln(dof / 2)
            covariances = log_norm - (0.5 * dof + 1) * np.log(variances) - 0.5 * scatters / variances
        return float(weights + means + np.sum(covariances))


def check_prior(prior: ConjugatePrior, columns: int) -> None:
    """Refuse a prior that is not one for data with this number of columns."""
    if len(prior.mean) != columns:
        raise ValueError(f"prior must be one for {columns} columns; its mean has {len(prior.mean)}")
