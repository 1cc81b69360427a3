"""Lesson 04, variational inference: its explorers and its exercises."""

from course_utils.lessons.variational_inference.exercises import (
    EXERCISES,
    elbo_estimate,
    gaussian_entropy,
    gaussian_kl,
    update_precision,
)
from course_utils.lessons.variational_inference.explorers import (
    EXPLORERS,
    cavi_path,
    mean_field,
    pruning,
    pruning_start,
    tug_of_war,
)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "cavi_path",
    "elbo_estimate",
    "gaussian_entropy",
    "gaussian_kl",
    "mean_field",
    "pruning",
    "pruning_start",
    "tug_of_war",
    "update_precision",
]
