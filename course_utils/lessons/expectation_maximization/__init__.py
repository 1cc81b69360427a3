"""Lesson 03, expectation–maximization: its explorers, its exercises and its problems."""

from course_utils.lessons import close
from course_utils.lessons.expectation_maximization.exercises import EXERCISES, bic, e_step, m_step, mixture_elbo
from course_utils.lessons.expectation_maximization.explorers import EXPLORERS, step_through, tangent_bound
from course_utils.lessons.expectation_maximization.problems import (
    PROBLEMS,
    model_probabilities,
    tempered_e_step,
    two_coins_step,
)
from course_utils.lessons.expectation_maximization.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "bic",
    "e_step",
    "m_step",
    "mixture_elbo",
    "model_probabilities",
    "step_through",
    "tangent_bound",
    "tempered_e_step",
    "two_coins_step",
]
