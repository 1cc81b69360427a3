"""Lesson 02, mixtures of Gaussians: its explorers and its exercises."""

from course_utils.lessons.mixtures.exercises import (
    EXERCISES,
    ancestral_sample,
    anomalies,
    mixture_log_prob,
    responsibilities,
)
from course_utils.lessons.mixtures.explorers import EXPLORERS, sculptor, singularity

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "ancestral_sample",
    "anomalies",
    "mixture_log_prob",
    "responsibilities",
    "sculptor",
    "singularity",
]
