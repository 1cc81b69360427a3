"""Lesson 02, mixtures of Gaussians: its explorers, its exercises and its problems."""

from course_utils.lessons import close
from course_utils.lessons.mixtures.exercises import (
    EXERCISES,
    ancestral_sample,
    anomalies,
    mixture_log_prob,
    responsibilities,
)
from course_utils.lessons.mixtures.explorers import EXPLORERS, sculptor, singularity
from course_utils.lessons.mixtures.problems import PROBLEMS, one_gaussian, stratified_mean, worth_of_draws
from course_utils.lessons.mixtures.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "ancestral_sample",
    "anomalies",
    "mixture_log_prob",
    "one_gaussian",
    "responsibilities",
    "sculptor",
    "singularity",
    "stratified_mean",
    "worth_of_draws",
]
