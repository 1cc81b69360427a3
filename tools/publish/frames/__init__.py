"""Let explorers answer without a kernel: pictures drawn in advance, and a small script that shows them.

    python -m tools.publish.frames [LESSON ...]   (03, 03_expectation_maximization or a notebook's path; default: all)

The command draws the frames and prints what they cost; pages and decks take them from :func:`for_notebook` and
:func:`all_fragments`. What was drawn is kept in `build/frames` until something changes that it depends on.

The explorer draws every state of a grid of its controls, through the figure it uses in a notebook. The default state
is kept as a whole picture; of every other state, only the blocks of pixels that differ from it. The page lays them
over the default picture. A fragment holds all of this itself, so it works from a file and without a network. It needs
the page to hold `frames.css` and `frames.js` once (:func:`assets`); without the script it shows the default state.
"""

from tools.publish.frames.cache import PAGE_BUDGET, all_fragments, for_notebook, foundations
from tools.publish.frames.drawing import render
from tools.publish.frames.errors import FramesError
from tools.publish.frames.grid import grid_of, stops_of
from tools.publish.frames.lessons import explorers_of
from tools.publish.frames.page import SCRIPT, STYLES, assets, html

__all__ = [
    "PAGE_BUDGET",
    "SCRIPT",
    "STYLES",
    "FramesError",
    "all_fragments",
    "assets",
    "explorers_of",
    "for_notebook",
    "foundations",
    "grid_of",
    "html",
    "render",
    "stops_of",
]
