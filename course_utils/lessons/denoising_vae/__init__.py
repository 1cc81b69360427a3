"""Lesson 11, the denoising VAE: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.denoising_vae.exercises import (
    EXERCISES,
    best_encoder,
    dvae_bound,
    log_q_tilde,
    noise_for_price,
    q_tilde_moments,
    training_pair,
)
from course_utils.lessons.denoising_vae.problems import PROBLEMS, dead_sensor, two_humps, without_truth
from course_utils.lessons.denoising_vae.recall import RECALL

EXPLORERS = ()

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "best_encoder",
    "dead_sensor",
    "dvae_bound",
    "log_q_tilde",
    "noise_for_price",
    "q_tilde_moments",
    "training_pair",
    "two_humps",
    "without_truth",
]
