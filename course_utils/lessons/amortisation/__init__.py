"""Lesson 05, amortised inference: its explorers, its exercises and its problems."""

from course_utils.lessons import close
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
from course_utils.lessons.amortisation.problems import PROBLEMS, compare_encoders, poisson_encoder
from course_utils.lessons.amortisation.recall import RECALL

close(__name__)

__all__ = [
    "ENCODERS",
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "_answers",
    "_gap_after_steps",
    "compare_encoders",
    "count_parameters",
    "elbo",
    "encode",
    "faithful_mixture",
    "growing",
    "inference_gaps",
    "poisson_encoder",
    "trusted",
    "zeros_and_ones",
]
