"""Lesson 15, richer priors: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.richer_priors.exercises import (
    EXERCISES,
    above_chance,
    aggregate_log_prob,
    gain_bounds,
    kl_to_mixture,
    matched_accuracy,
    sum_out_class,
)
from course_utils.lessons.richer_priors.problems import PROBLEMS, new_shares, prior_to_buy, two_groupings
from course_utils.lessons.richer_priors.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "PROBLEMS",
    "RECALL",
    "above_chance",
    "aggregate_log_prob",
    "gain_bounds",
    "kl_to_mixture",
    "matched_accuracy",
    "new_shares",
    "prior_to_buy",
    "sum_out_class",
    "two_groupings",
]
