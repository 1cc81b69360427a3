"""Lesson 12, graphs: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.graphs.drawings import (
    CLUB_PLACES,
    FACTION_COLOURS,
    circle,
    columns,
    draw_graph,
    draw_results,
    faction_colours,
    machine,
    smoothing_graphs,
    two_blocks_places,
)
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
from course_utils.lessons.graphs.explorers import EXPLORERS, club, pair, smoothing
from course_utils.lessons.graphs.models import (
    BETAS,
    FEATURES,
    club_models,
    karate_club,
    many_splits,
    node_features,
    separated,
    tested,
    tested_model,
    tested_table,
    train_many,
    two_blocks,
    two_sides,
)
from course_utils.lessons.graphs.problems import PROBLEMS, is_it_surprising, links_to_find, rumour
from course_utils.lessons.graphs.recall import RECALL

close(__name__)

__all__ = [
    "BETAS",
    "CLUB_PLACES",
    "EXERCISES",
    "EXPLORERS",
    "FACTION_COLOURS",
    "FEATURES",
    "PROBLEMS",
    "RECALL",
    "average_precision",
    "circle",
    "club",
    "club_models",
    "columns",
    "draw_graph",
    "draw_results",
    "faction_colours",
    "graph_elbo",
    "is_it_surprising",
    "karate_club",
    "links_to_find",
    "listening_layer",
    "machine",
    "many_splits",
    "node_features",
    "pair",
    "propagation_matrix",
    "rumour",
    "separated",
    "smoothing",
    "smoothing_graphs",
    "split_edges",
    "tested",
    "tested_model",
    "tested_table",
    "train_many",
    "two_blocks",
    "two_blocks_places",
    "two_sides",
    "weighted_loss",
    "what_can_change",
]
