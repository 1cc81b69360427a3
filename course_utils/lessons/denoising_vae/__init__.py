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

EXPLORERS = ()

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "best_encoder",
    "dvae_bound",
    "log_q_tilde",
    "noise_for_price",
    "q_tilde_moments",
    "training_pair",
]
