"""Lesson 04, variational inference: its explorers, its exercises and its problems."""

from course_utils.lessons import close
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
from course_utils.lessons.variational_inference.problems import PROBLEMS, judge_q, mean_field_table, update_row_rates
from course_utils.lessons.variational_inference.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "cavi_path",
    "elbo_estimate",
    "gaussian_entropy",
    "gaussian_kl",
    "judge_q",
    "mean_field",
    "mean_field_table",
    "pruning",
    "pruning_start",
    "tug_of_war",
    "update_precision",
    "update_row_rates",
]
