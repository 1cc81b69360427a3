"""Lesson 07, autoencoders and PCA: explorers, exercises, problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.autoencoders.exercises import (
    EXERCISES,
    denoising_loss,
    pca,
    reconstruction_loss,
    subspace_angle,
)
from course_utils.lessons.autoencoders.explorers import EXPLORERS, bottleneck, latent_plane
from course_utils.lessons.autoencoders.models import CLASS_COLOURS, letters, plane, printed
from course_utils.lessons.autoencoders.problems import PROBLEMS, best_repair, cost_of_not_centring, translate_codes
from course_utils.lessons.autoencoders.recall import RECALL

close(__name__)

__all__ = [
    "CLASS_COLOURS",
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "best_repair",
    "bottleneck",
    "cost_of_not_centring",
    "denoising_loss",
    "latent_plane",
    "letters",
    "pca",
    "plane",
    "printed",
    "reconstruction_loss",
    "subspace_angle",
    "translate_codes",
]
