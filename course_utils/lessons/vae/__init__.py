"""Lesson 08, the variational autoencoder: its explorers, its exercises, and questions about earlier lessons."""

from course_utils.lessons.vae.exercises import (
    EXERCISES,
    bernoulli_term,
    importance_estimate,
    kl_term,
    latent_sample,
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
from course_utils.lessons.vae.models import DEEP, gaussian_vae, plain_autoencoder, split_digits, train
from course_utils.lessons.vae.recall import RECALL

__all__ = [
    "BALANCES",
    "DEEP",
    "EXERCISES",
    "EXPLORERS",
    "PAIRS",
    "RECALL",
    "balance",
    "bernoulli_term",
    "gaussian_vae",
    "importance_estimate",
    "interpolation",
    "kl_term",
    "latent_plane",
    "latent_sample",
    "mnist_plane",
    "plain_autoencoder",
    "plot_numerals",
    "split_digits",
    "tiny_elbo",
    "train",
    "training_steps",
]
