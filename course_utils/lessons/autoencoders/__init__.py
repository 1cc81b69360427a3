"""Lesson 07, autoencoders and PCA: its explorers and its exercises."""

from course_utils.lessons.autoencoders.exercises import (
    EXERCISES,
    denoising_loss,
    pca,
    reconstruction_loss,
    subspace_angle,
)
from course_utils.lessons.autoencoders.explorers import EXPLORERS, bottleneck, latent_plane
from course_utils.lessons.autoencoders.models import CLASS_COLOURS, letters, printed

__all__ = [
    "CLASS_COLOURS",
    "EXERCISES",
    "EXPLORERS",
    "bottleneck",
    "denoising_loss",
    "latent_plane",
    "letters",
    "pca",
    "printed",
    "reconstruction_loss",
    "subspace_angle",
]
