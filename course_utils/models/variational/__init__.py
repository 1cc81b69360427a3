"""Variational inference: mean field by coordinate ascent (CAVI), beside exact answers.

Three parts, each of them small enough to be compared with something exact:

- `normal_gamma`, a Gaussian with unknown mean and precision: exact posterior (`NormalGamma`) and mean field
  (`cavi_normal_gamma`);
- `bayesian_mixture`, the Bayesian Gaussian mixture: `cavi_mixture` with every term of its bound, and the exact
  evidence of a few points (`log_evidence_by_enumeration`);
- `gaussian`, mean field on a correlated Gaussian (`mean_field_gaussian`, `cavi_gaussian`).

Everything is numpy in float64. Bounds and entropies are in nats, for the whole data set. Bishop stands for
C. M. Bishop, Pattern Recognition and Machine Learning (2006).
"""

from course_utils.models.variational.bayesian_mixture import (
    MixtureFactors,
    MixtureFit,
    MixturePrior,
    cavi_mixture,
    expected_log_det,
    expected_log_weights,
    expected_quadratic,
    log_evidence_by_enumeration,
    mixture_elbo,
    update_factors,
    update_responsibilities,
    weak_prior,
)
from course_utils.models.variational.gaussian import (
    cavi_gaussian,
    mean_field_gaussian,
)
from course_utils.models.variational.normal_gamma import (
    NormalGamma,
    NormalGammaFactors,
    NormalGammaFit,
    cavi_normal_gamma,
    normal_gamma_elbo,
    update_mean_factor,
    update_precision_factor,
)

__all__ = [
    "MixtureFactors",
    "MixtureFit",
    "MixturePrior",
    "NormalGamma",
    "NormalGammaFactors",
    "NormalGammaFit",
    "cavi_gaussian",
    "cavi_mixture",
    "cavi_normal_gamma",
    "expected_log_det",
    "expected_log_weights",
    "expected_quadratic",
    "log_evidence_by_enumeration",
    "mean_field_gaussian",
    "mixture_elbo",
    "normal_gamma_elbo",
    "update_factors",
    "update_mean_factor",
    "update_precision_factor",
    "update_responsibilities",
    "weak_prior",
]
