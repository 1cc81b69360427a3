"""Lesson 10, the Gumbel trick: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.gumbel.exercises import (
    EXERCISES,
    gumbel_max,
    gumbel_noise,
    kl_of_choices,
    relaxed_bit,
    score_estimate,
    ways_back,
)
from course_utils.lessons.gumbel.explorers import (
    EXPLORERS,
    PROBABILITIES,
    TEMPERATURES,
    bias_noise,
    categories,
    draw_triangle,
    on_triangle,
    simplex,
    stamp_estimates,
)
from course_utils.lessons.gumbel.models import (
    CLASSES,
    COLOURS,
    LATENTS,
    PICTURE,
    STAMP_LOGITS,
    STAMPS,
    black_digits,
    categorical_vae,
    large_black_digits,
    large_categorical_vae,
    stamp_score,
    train,
)
from course_utils.lessons.gumbel.problems import PROBLEMS, front_page, log_z_from_heights, sums_behind
from course_utils.lessons.gumbel.recall import RECALL

close(__name__)

__all__ = [
    "CLASSES",
    "COLOURS",
    "EXERCISES",
    "EXPLORERS",
    "LATENTS",
    "PICTURE",
    "PROBABILITIES",
    "PROBLEMS",
    "RECALL",
    "STAMPS",
    "STAMP_LOGITS",
    "TEMPERATURES",
    "bias_noise",
    "black_digits",
    "categorical_vae",
    "categories",
    "draw_triangle",
    "front_page",
    "gumbel_max",
    "gumbel_noise",
    "kl_of_choices",
    "large_black_digits",
    "large_categorical_vae",
    "log_z_from_heights",
    "on_triangle",
    "relaxed_bit",
    "score_estimate",
    "simplex",
    "stamp_estimates",
    "stamp_score",
    "sums_behind",
    "train",
    "ways_back",
]
