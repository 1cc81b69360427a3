"""Lesson 05, amortised inference: its explorers and its exercises."""

from course_utils.lessons.amortisation.exercises import EXERCISES, count_parameters, elbo, encode, inference_gaps
from course_utils.lessons.amortisation.explorers import (
    ENCODERS,
    EXPLORERS,
    _answers,
    _gap_after_steps,
    growing,
    trusted,
)
from course_utils.lessons.amortisation.models import faithful_mixture, zeros_and_ones

__all__ = [
    "ENCODERS",
    "EXERCISES",
    "EXPLORERS",
    "_answers",
    "_gap_after_steps",
    "count_parameters",
    "elbo",
    "encode",
    "faithful_mixture",
    "growing",
    "inference_gaps",
    "trusted",
    "zeros_and_ones",
]
