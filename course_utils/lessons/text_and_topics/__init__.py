"""Lesson 13, text and topics: its explorers, its exercises, its problems, and questions about earlier lessons."""

from course_utils.lessons import close
from course_utils.lessons.text_and_topics.exercises import (
    EXERCISES,
    bag_log_prob,
    cheapest_topics,
    coherence,
    decoder_pair,
    floored_kl,
    reflected_kl,
    sentence_log_prob,
    text_perplexity,
)
from course_utils.lessons.text_and_topics.problems import PROBLEMS, fair_perplexities, one_or_many, worth_of_notes
from course_utils.lessons.text_and_topics.recall import RECALL

close(__name__)

__all__ = [
    "EXERCISES",
    "PROBLEMS",
    "RECALL",
    "bag_log_prob",
    "cheapest_topics",
    "coherence",
    "decoder_pair",
    "fair_perplexities",
    "floored_kl",
    "one_or_many",
    "reflected_kl",
    "sentence_log_prob",
    "text_perplexity",
    "worth_of_notes",
]
