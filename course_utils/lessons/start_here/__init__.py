"""Lesson 00, start here: its explorers and its exercises, and the questions that come before it."""

from course_utils.lessons import close
from course_utils.lessons.start_here.exercises import EXERCISES, log_sum_exp
from course_utils.lessons.start_here.explorers import EXPLORERS, digit_plane, machine, one_latent
from course_utils.lessons.start_here.prerequisites import PREREQUISITES, TOPICS

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PREREQUISITES",
    "TOPICS",
    "digit_plane",
    "log_sum_exp",
    "machine",
    "one_latent",
]
