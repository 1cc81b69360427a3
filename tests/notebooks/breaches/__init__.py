"""What breaks the contracts: each breach is a change to a lesson that is good but for it, for the rule that finds it.

The modules have the names of those in `contracts` whose rules they break.
"""

from breaches import activities, code, decks, file, folding, numbers, outputs, slide_show, times, words
from breaches.registry import BROKEN

__all__ = [
    "BROKEN",
    "activities",
    "code",
    "decks",
    "file",
    "folding",
    "numbers",
    "outputs",
    "slide_show",
    "times",
    "words",
]
