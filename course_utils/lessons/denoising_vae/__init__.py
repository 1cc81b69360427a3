"""Lesson 11, the denoising VAE: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.denoising_vae.drawings import machine
from course_utils.lessons.denoising_vae.exercises import (
    EXERCISES,
    best_encoder,
    dvae_bound,
    log_q_tilde,
    noise_for_price,
    q_tilde_moments,
    training_pair,
)
from course_utils.lessons.denoising_vae.explorers import (
    EXPLORERS,
    GRID,
    HUMP_VARIANCE,
    best_gaussian,
    cloud,
    hump_encodings,
    modes,
    noisy,
    repair,
    repair_errors,
    repaired,
)
from course_utils.lessons.denoising_vae.models import (
    FEW,
    MANY,
    SEEDS,
    Scores,
    black_digits,
    denoiser,
    fit,
    new_model,
    scores,
    some_digits,
    sweep,
)
from course_utils.lessons.denoising_vae.problems import PROBLEMS, dead_sensor, two_humps, without_truth
from course_utils.lessons.denoising_vae.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "FEW",
    "GRID",
    "HUMP_VARIANCE",
    "MANY",
    "PROBLEMS",
    "RECALL",
    "SEEDS",
    "Scores",
    "best_encoder",
    "best_gaussian",
    "black_digits",
    "cloud",
    "dead_sensor",
    "denoiser",
    "dvae_bound",
    "fit",
    "hump_encodings",
    "log_q_tilde",
    "machine",
    "modes",
    "new_model",
    "noise_for_price",
    "noisy",
    "q_tilde_moments",
    "repair",
    "repair_errors",
    "repaired",
    "scores",
    "some_digits",
    "sweep",
    "training_pair",
    "two_humps",
    "without_truth",
]
