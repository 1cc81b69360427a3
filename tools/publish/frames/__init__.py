"""Let explorers answer without a kernel: pictures drawn in advance, and a small script that shows them."""

from tools.publish.frames.drawing import (
    PAGE_BUDGET,
    SCRIPT,
    STYLES,
    FramesError,
    all_fragments,
    assets,
    explorers_of,
    for_notebook,
    foundations,
    grid_of,
    html,
    render,
    stops_of,
)

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
