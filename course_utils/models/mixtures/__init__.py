"""Mixtures of Gaussians: densities, responsibilities, sampling, and fitting by EM and MAP-EM.

Log-densities are in nats. Everything is numpy in float64 and validated; where a gradient is wanted,
``torch.distributions.MixtureSameFamily`` is the tool.

`density` holds the model, `prior` the prior of its parameters, `em` what fits it; `_blocks` says how the sums over
the rows are computed.
"""

from course_utils.models.mixtures.density import STRUCTURES, GaussianMixture, Structure
from course_utils.models.mixtures.em import (
    INITIALISATIONS,
    DegenerateComponentError,
    Fit,
    Initialisation,
    Restart,
    em_step,
    fit_em,
)
from course_utils.models.mixtures.prior import ConjugatePrior

__all__ = [
    "INITIALISATIONS",
    "STRUCTURES",
    "ConjugatePrior",
    "DegenerateComponentError",
    "Fit",
    "GaussianMixture",
    "Initialisation",
    "Restart",
    "Structure",
    "em_step",
    "fit_em",
]
