"""Lesson 07, autoencoders and PCA: its explorers, its exercises, and questions about earlier lessons."""

from course_utils.lessons.autoencoders.exercises import (
    EXERCISES,
    denoising_loss,
    pca,
    reconstruction_loss,
    subspace_angle,
)
from course_utils.lessons.autoencoders.explorers import EXPLORERS, bottleneck, latent_plane
from course_utils.lessons.autoencoders.models import CLASS_COLOURS, letters, printed
from course_utils.lessons.autoencoders.recall import RECALL

__all__ = [
    "CLASS_COLOURS",
    "EXERCISES",
    "EXPLORERS",
    "RECALL",
    "bottleneck",
    "denoising_loss",
    "latent_plane",
    "letters",
    "pca",
    "printed",
    "reconstruction_loss",
    "subspace_angle",
]
