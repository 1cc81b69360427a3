"""Lesson 06, the reparameterisation trick: its explorers, its exercises and its problems."""

from course_utils.lessons import close
from course_utils.lessons.reparameterisation.exercises import (
    EXERCISES,
    correlated_sample,
    leave_one_out_gradient,
    minibatch_log_joint,
    pathwise_sample,
    score_gradient,
)
from course_utils.lessons.reparameterisation.explorers import (
    EXPLORERS,
    SCORE_COLOUR,
    computation_graph,
    gradient_clouds,
    gradient_scale,
)
from course_utils.lessons.reparameterisation.problems import PROBLEMS, rate_gradient, regression_log_joint
from course_utils.lessons.reparameterisation.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "EXPLORERS",
    "PROBLEMS",
    "RECALL",
    "SCORE_COLOUR",
    "computation_graph",
    "correlated_sample",
    "gradient_clouds",
    "gradient_scale",
    "leave_one_out_gradient",
    "minibatch_log_joint",
    "pathwise_sample",
    "rate_gradient",
    "regression_log_joint",
    "score_gradient",
]
