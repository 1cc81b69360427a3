"""Lesson 09, the β-VAE: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.beta_vae.exercises import (
    EXERCISES,
    information_gap,
    minibatch_correlation,
    two_bills,
    warm_up,
    water_level,
)
from course_utils.lessons.beta_vae.explorers import EXPLORERS, MODELS, draw_frames, rate_distortion, traversals, valve
from course_utils.lessons.beta_vae.models import (
    BETAS,
    CAPACITY,
    EPOCHS,
    LATENTS,
    PRESSURE,
    SIDE,
    batch_correlation,
    beta_vae,
    capacity_vae,
    codes,
    digit_vae,
    ellipses,
    every_ellipse,
    latent_kls,
    new_vae,
    rate_and_distortion,
    tc_vae,
    train,
    traversal,
    warmed_up,
)
from course_utils.lessons.beta_vae.problems import PROBLEMS, fitted_prior, gap_ceiling, market_shares
from course_utils.lessons.beta_vae.recall import RECALL
from course_utils.workshop.data import large_digits

close(__name__)

__all__ = [
    "BETAS",
    "CAPACITY",
    "EPOCHS",
    "EXERCISES",
    "EXPLORERS",
    "LATENTS",
    "MODELS",
    "PRESSURE",
    "PROBLEMS",
    "RECALL",
    "SIDE",
    "batch_correlation",
    "beta_vae",
    "capacity_vae",
    "codes",
    "digit_vae",
    "draw_frames",
    "ellipses",
    "every_ellipse",
    "fitted_prior",
    "gap_ceiling",
    "information_gap",
    "large_digits",
    "latent_kls",
    "market_shares",
    "minibatch_correlation",
    "new_vae",
    "rate_and_distortion",
    "rate_distortion",
    "tc_vae",
    "train",
    "traversal",
    "traversals",
    "two_bills",
    "valve",
    "warm_up",
    "warmed_up",
    "water_level",
]
