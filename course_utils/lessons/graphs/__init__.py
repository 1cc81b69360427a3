"""Lesson 12, graphs: its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.graphs.exercises import (
    EXERCISES,
    average_precision,
    graph_elbo,
    listening_layer,
    propagation_matrix,
    split_edges,
    weighted_loss,
    what_can_change,
)
from course_utils.lessons.graphs.problems import PROBLEMS, is_it_surprising, links_to_find, rumour
from course_utils.lessons.graphs.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "PROBLEMS",
    "RECALL",
    "average_precision",
    "graph_elbo",
    "is_it_surprising",
    "links_to_find",
    "listening_layer",
    "propagation_matrix",
    "rumour",
    "split_edges",
    "weighted_loss",
    "what_can_change",
]
