"""Draw the states of an explorer: as many as fit a budget, the default as a whole, of the others what differs.

The explorer draws every state of a grid of its controls, through the figure it uses in a notebook. The default state
is kept as a whole picture; of every other state, only the blocks of pixels that differ from it.
"""

from __future__ import annotations

import io
import itertools
import math
from typing import Any

import numpy as np
from PIL import Image

from course_utils.workshop.explorer import Explorer, ExplorerError
from course_utils.workshop.explorer.stage import LIVE_DENSITY
from tools.publish.frames.errors import FramesError
from tools.publish.frames.grid import count_of, fewest_of, grid_of
from tools.publish.frames.page import Frames

BUDGET = 1_500_000
"""Bytes of one explorer's fragment."""

MOST = 240
"""Frames of one explorer, however small they are: each takes time to draw."""

_BLOCK = 8
_MARGIN = 2  # pixels kept around a change: where the page scales the picture, neighbours mix

_GRADES = ((1.0, 31), (0.8, 15), (0.72, 15))
"""Pixels, relative to a live frame, and steps of a colour channel. With 31 steps no colour is further than 4 of 255
from what was drawn, which no eye sees; the others are for explorers whose coarsest grid would not fit."""

_PROBES = 24  # states drawn to guess how many frames fit
_FULL = 0.75  # of the budget: what is left would add no stop worth the time


def render(explorer: Explorer, budget: int = BUDGET, *, most: int = MOST) -> Frames:
    """Draw an explorer's frames: as many, up to `most`, as make a fragment of no more than `budget` bytes.

    Raises
    ------
    FramesError
        A state cannot be drawn, or the coarsest grid is over the budget.
    """
    fewest = math.prod(fewest_of(explorer).values())
    finest = grid_of(explorer, most)
    for grade in _GRADES:
        studio = _Studio(explorer, *grade)
        grid = finest
        expected = studio.expected_bytes(grid)
        if expected > budget:
            grid = grid_of(explorer, max(fewest, int(0.95 * count_of(grid) * budget / expected)))
        best = None
        while True:  # ends: a grid over the budget is followed by a smaller one, one within it by a larger one or none
            frames = studio.frames(grid)
            if frames.bytes <= budget:
                best = frames
            if len(frames) == fewest and not best:
                break
            if best and best.bytes > _FULL * budget:
                return best
            grid = grid_of(explorer, min(most, max(fewest, int(0.97 * len(frames) * budget / frames.bytes))))
            if best and count_of(grid) <= len(best):
                return best
    raise FramesError(
        f"explorer {explorer.name!r} does not fit its budget: its coarsest grid ({fewest} frames) takes "
        f"{frames.bytes:,} bytes, and {budget:,} are allowed. Make its picture smaller or give it fewer options"
    )


class _Studio:
    """Draws states of one explorer, each once, and keeps how they differ from the default."""

    def __init__(self, explorer: Explorer, share: float, levels: int) -> None:
        self._explorer, self._density, self._levels = explorer, share * LIVE_DENSITY, levels
        self._states: dict[tuple[Any, ...], tuple[int, str]] = {}
        self._patches: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        drawn, _ = self._draw(explorer.defaults)
        self._default = drawn
        self._base = _webp(_reduced(drawn[..., :3], levels))

    def expected_bytes(self, grid: dict[str, tuple[Any, ...]]) -> int:
        """Guess the size of a grid's fragment from some of its states."""
        count = count_of(grid)
        places = {count * probe // _PROBES for probe in range(_PROBES)}
        states = [values for place, values in enumerate(itertools.product(*grid.values())) if place in places]
        drawn = [self._state(dict(zip(grid, values, strict=True))) for values in states]
        patches = sum(len(self._patches[number - 1]) for number in {number for number, _ in drawn} - {0})
        sentences = sum(len(sentence.encode()) for sentence in {sentence for _, sentence in drawn})
        return 4 * len(self._base) // 3 + count * (4 * patches // 3 + sentences) // len(drawn)

    def frames(self, grid: dict[str, tuple[Any, ...]]) -> Frames:
        explorer = self._explorer
        states = [self._state(dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())]
        used = sorted({number for number, _ in states} - {0})
        renumbered = {0: 0} | {number: place for place, number in enumerate(used, start=1)}
        default = 0
        for name, values in grid.items():
            default = default * len(values) + values.index(explorer.defaults[name])
        height, width = self._default.shape[:2]
        return Frames(
            name=explorer.name,
            title=explorer.title,
            about=explorer.alt,
            size=(round(width / self._density), round(height / self._density)),
            controls=tuple(explorer.controls),
            grid=grid,
            default=default,
            base=self._base,
            patches=tuple(self._patches[number - 1] for number in used),
            states=tuple((renumbered[number], sentence) for number, sentence in states),
        )

    def _state(self, parameters: dict[str, Any]) -> tuple[int, str]:
        key = tuple(parameters.values())
        if key not in self._states:
            pixels, sentence = self._draw(parameters)
            self._states[key] = self._number(pixels), sentence
        return self._states[key]

    def _draw(self, parameters: dict[str, Any]) -> tuple[np.ndarray, str]:
        try:
            return self._explorer.snapshot(parameters, self._density)
        except ExplorerError as error:
            raise FramesError(str(error)) from error

    def _number(self, pixels: np.ndarray) -> int:
        patch = _patch(pixels, self._default, self._levels)
        if patch is None:
            return 0
        if patch not in self._numbers:
            self._patches.append(patch)
            self._numbers[patch] = len(self._patches)
        return self._numbers[patch]


def _patch(pixels: np.ndarray, default: np.ndarray, levels: int) -> bytes | None:
    """Encode the blocks of pixels in which something changed, the rest transparent; None if nothing changed."""
    changed = (pixels.view(np.uint32) != default.view(np.uint32))[..., 0]
    if not changed.any():
        return None
    height, width = changed.shape
    rows, columns = -(-height // _BLOCK), -(-width // _BLOCK)
    near = np.zeros((rows * _BLOCK + 2 * _MARGIN, columns * _BLOCK + 2 * _MARGIN), dtype=bool)
    # Shifted both ways, a change reaches the blocks that lie within the margin.
    for down, right in itertools.product((0, _MARGIN, 2 * _MARGIN), repeat=2):
        near[down : down + height, right : right + width] |= changed
    eights = np.ascontiguousarray(near[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]).view(np.uint64)  # rows of a block as one
    blocks = (eights != 0).reshape(rows, _BLOCK, columns).any(axis=1)
    shown = blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]
    patch = np.zeros_like(pixels)
    patch[shown] = _reduced(pixels[shown], levels)
    return _webp(patch)


def _reduced(pixels: np.ndarray, levels: int) -> np.ndarray:
    """Return pixels with that many steps of each channel, black and white among them."""
    shades = np.round(np.round(np.arange(256) * levels / 255) * 255 / levels).astype(np.uint8)
    return shades[pixels]


def _webp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    # Without loss: of flat plots that is smaller, too. More effort takes longer and saves next to nothing.
    Image.fromarray(pixels).save(buffer, "webp", lossless=True, quality=50, method=2)
    return buffer.getvalue()
