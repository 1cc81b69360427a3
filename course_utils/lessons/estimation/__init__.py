"""Lesson 01, estimation: its explorers, its exercises and its problems."""

from course_utils.lessons import close
from course_utils.lessons.estimation.exercises import (
    EXERCISES,
    beta_bernoulli_map,
    gaussian_log_likelihood,
    gaussian_mle,
    posterior_predictive,
    ridge_map,
)
from course_utils.lessons.estimation.explorers import EXPLORERS, likelihood_surface, prior_strength
from course_utils.lessons.estimation.problems import PROBLEMS, best_guesses, log_bayes_factor, poisson_rate
from course_utils.lessons.estimation.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "best_guesses",
    "beta_bernoulli_map",
    "gaussian_log_likelihood",
    "gaussian_mle",
    "likelihood_surface",
    "log_bayes_factor",
    "poisson_rate",
    "posterior_predictive",
    "prior_strength",
    "ridge_map",
]
