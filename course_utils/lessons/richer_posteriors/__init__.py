"""Lesson 14, richer posteriors: its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.richer_posteriors.exercises import (
    EXERCISES,
    allowed_u,
    bound_curve,
    draws_needed,
    masked_log_prob,
    planar_stack,
    two_gradients,
    undo_planar,
    weighted_moments,
)
from course_utils.lessons.richer_posteriors.problems import PROBLEMS, fair_difference, mirrors_of, shadow_log_prob
from course_utils.lessons.richer_posteriors.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "PROBLEMS",
    "RECALL",
    "allowed_u",
    "bound_curve",
    "draws_needed",
    "fair_difference",
    "masked_log_prob",
    "mirrors_of",
    "planar_stack",
    "shadow_log_prob",
    "two_gradients",
    "undo_planar",
    "weighted_moments",
]
