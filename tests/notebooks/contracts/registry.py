"""All rules, by name; a rule registers itself where it is defined."""

from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

Rule = Callable[[NotebookNode, Path], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Register a rule under its function's name."""
    RULES[function.__name__] = function
    return function
