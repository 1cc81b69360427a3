"""Lesson 16, put to work: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.put_to_work.explorers import EXPLORERS, SCORES, STRANGERS, alarm, brush, line
from course_utils.lessons.put_to_work.models import (
    LINE_STEPS,
    LineData,
    black_digits,
    detector,
    digit_vae,
    line_gan,
    plane_vae,
    split_digits,
    square,
)

close(__name__)

__all__ = [
    "EXPLORERS",
    "LINE_STEPS",
    "SCORES",
    "STRANGERS",
    "LineData",
    "alarm",
    "black_digits",
    "brush",
    "detector",
    "digit_vae",
    "line",
    "line_gan",
    "plane_vae",
    "split_digits",
    "square",
]
