"""Lesson 01, estimation: its explorers and its exercises."""

from course_utils.lessons.estimation.exercises import (
    EXERCISES,
    beta_bernoulli_map,
    gaussian_log_likelihood,
    gaussian_mle,
    posterior_predictive,
    ridge_map,
)
from course_utils.lessons.estimation.explorers import EXPLORERS, likelihood_surface, prior_strength

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "beta_bernoulli_map",
    "gaussian_log_likelihood",
    "gaussian_mle",
    "likelihood_surface",
    "posterior_predictive",
    "prior_strength",
    "ridge_map",
]
