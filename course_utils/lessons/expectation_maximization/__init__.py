"""Lesson 03, expectation–maximization: its explorers and its exercises."""

from course_utils.lessons.expectation_maximization.exercises import EXERCISES, bic, e_step, m_step, mixture_elbo
from course_utils.lessons.expectation_maximization.explorers import EXPLORERS, step_through, tangent_bound

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "bic",
    "e_step",
    "m_step",
    "mixture_elbo",
    "step_through",
    "tangent_bound",
]
