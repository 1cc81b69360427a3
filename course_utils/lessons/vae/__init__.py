"""Lesson 08, the variational autoencoder: explorers, exercises, problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.vae.clinic import EPOCHS, FAULTS, patients
from course_utils.lessons.vae.exercises import (
    EXERCISES,
    bernoulli_term,
    importance_estimate,
    pixel_variances,
    tilted_kl,
    tiny_elbo,
    training_steps,
)
from course_utils.lessons.vae.explorers import (
    BALANCES,
    EXPLORERS,
    PAIRS,
    balance,
    interpolation,
    latent_plane,
    mnist_plane,
    plot_numerals,
)
from course_utils.lessons.vae.models import (
    DEEP,
    LARGE_SIZES,
    gaussian_vae,
    large_autoencoder,
    large_vae,
    plain_autoencoder,
    plane_vae,
    split_digits,
    train,
    train_large_autoencoder,
    train_large_vae,
)
from course_utils.lessons.vae.problems import PROBLEMS, diagnose_six, elbo_terms_with_gaps, train_vae
from course_utils.lessons.vae.recall import RECALL
from course_utils.workshop.data import large_digits

close(__name__)

__all__ = [
    "BALANCES",
    "DEEP",
    "EPOCHS",
    "EXERCISES",
    "EXPLORERS",
    "FAULTS",
    "LARGE_SIZES",
    "PAIRS",
    "PROBLEMS",
    "RECALL",
    "balance",
    "bernoulli_term",
    "diagnose_six",
    "elbo_terms_with_gaps",
    "gaussian_vae",
    "importance_estimate",
    "interpolation",
    "large_autoencoder",
    "large_digits",
    "large_vae",
    "latent_plane",
    "mnist_plane",
    "patients",
    "pixel_variances",
    "plain_autoencoder",
    "plane_vae",
    "plot_numerals",
    "split_digits",
    "tilted_kl",
    "tiny_elbo",
    "train",
    "train_large_autoencoder",
    "train_large_vae",
    "train_vae",
    "training_steps",
]
