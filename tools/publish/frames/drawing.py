"""Let explorers answer without a kernel: pictures drawn in advance, and a small script that shows them.

    python -m tools.publish.frames [LESSON ...]   (03, 03_expectation_maximization or a notebook's path; default: all)

The command draws the frames and prints what they cost; pages and decks take them from :func:`for_notebook` and
:func:`all_fragments`. What was drawn is kept in `build/frames` until something changes that it depends on.

The explorer draws every state of a grid of its controls, through the figure it uses in a notebook. The default state
is kept as a whole picture; of every other state, only the blocks of pixels that differ from it. The page lays them
over the default picture. A fragment holds all of this itself, so it works from a file and without a network. It needs
the page to hold `frames.css` and `frames.js` once (:func:`assets`); without the script it shows the default state.
"""

from __future__ import annotations

import argparse
import ast
import base64
import functools
import glob
import hashlib
import html as markup
import importlib
import importlib.metadata
import io
import itertools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from PIL import Image

from course_utils.workshop.explorer import Choice, Explorer, ExplorerError, Slider
from course_utils.workshop.explorer.stage import LIVE_DENSITY

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "notebooks"
CACHE = ROOT / "build" / "frames"
SCRIPT, STYLES = Path(__file__).with_name("frames.js"), Path(__file__).with_name("frames.css")

BUDGET = 1_500_000
"""Bytes of one explorer's fragment."""

PAGE_BUDGET = 6_000_000
"""Bytes of one lesson's page, its text and its other pictures included."""

REST = 1_200_000
"""Bytes of a page that are kept for its text and its other pictures."""

MOST = 240
"""Frames of one explorer, however small they are: each takes time to draw."""

JOBS = 2
"""Lessons that are drawn at a time."""

_SLOWEST = ("08", "02", "04", "10", "06", "03", "05", "01", "07", "00", "09")  # numbers of lessons, as measured
_PACKAGES = ("matplotlib", "numpy", "pillow", "scikit-learn", "scipy", "torch")

_FEWEST_STOPS = 3
_BLOCK = 8
_MARGIN = 2  # pixels kept around a change: where the page scales the picture, neighbours mix
_GRADES = ((1.0, 31), (0.8, 15), (0.72, 15))
"""Pixels, relative to a live frame, and steps of a colour channel. With 31 steps no colour is further than 4 of 255
from what was drawn, which no eye sees; the others are for explorers whose coarsest grid would not fit."""

_PROBES = 24  # states drawn to guess how many frames fit
_FULL = 0.75  # of the budget: what is left would add no stop worth the time
_COUNTER = itertools.count(1)


class FramesError(Exception):
    """Frames cannot be made; the message names the explorer and says why."""


@dataclass(frozen=True)
class Frames:
    """The drawn states of one explorer.

    Attributes
    ----------
    name, title, about : str
        Of the explorer; `about` is what the picture shows in every state.
    size : tuple of int
        Width and height in CSS pixels.
    controls : tuple of Slider or Choice
    grid : dict of str to tuple
        The values of each control. States are numbered as `itertools.product` visits them.
    default : int
        The number of the default state.
    base : bytes
        The default state as WebP.
    patches : tuple of bytes
        WebP pictures of the same size, transparent but where they differ from `base`; each differs from the others.
    states : tuple of (int, str)
        Of each state the number of its patch, from 1 (0: it looks like the default), and its sentence.
    """

    name: str
    title: str
    about: str
    size: tuple[int, int]
    controls: tuple[Slider | Choice, ...]
    grid: dict[str, tuple[Any, ...]]
    default: int
    base: bytes
    patches: tuple[bytes, ...]
    states: tuple[tuple[int, str], ...]

    def __len__(self) -> int:
        return len(self.states)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The parameters of every state."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def picture(self, state: int) -> np.ndarray:
        """Return the pixels of a state as the page shows them, shape (height, width, 3)."""
        with Image.open(io.BytesIO(self.base)) as base:
            whole = base.convert("RGBA")
        number, _ = self.states[state]
        if number:
            with Image.open(io.BytesIO(self.patches[number - 1])) as patch:
                whole.alpha_composite(patch.convert("RGBA"))
        return np.asarray(whole)[..., :3]

    @functools.cached_property
    def bytes(self) -> int:
        """The size of the fragment."""
        return len(html(self, key=f"frames-{self.name}").encode())


# --- the grid ---------------------------------------------------------------------------------------------------------


def stops_of(slider: Slider) -> tuple[float, ...]:
    """Return the positions of a slider, from end to end; the default is one of them."""
    forth, back = (math.log10, lambda place: 10**place) if slider.log else (float, float)
    low, high, default = forth(slider.minimum), forth(slider.maximum), slider.check(slider.value)
    steps = math.floor((high - low) / slider.step + 1e-9)
    first, last = slider.ends
    inner = {slider.from_widget(back(low + step * slider.step)) for step in range(1, steps + 1)} - {first, last}
    if inner and default not in {first, last} | inner:  # a default beside the scale takes the nearest place
        inner.remove(min(inner, key=lambda stop: abs(forth(stop) - forth(default))))
    return tuple(sorted(inner | {first, default, last}))


def grid_of(explorer: Explorer, most: int) -> dict[str, tuple[Any, ...]]:
    """Return the values of each control at which frames are drawn, at most `most` frames in all.

    Choices keep all their options. A slider keeps all its stops where they fit, else some of them, evenly spread over
    its scale, the ends and the default among them.

    Raises
    ------
    FramesError
        Even with three stops for each slider there are more than `most` frames.
    """
    values = {control.name: _values(control) for control in explorer.controls}
    sliders = [control.name for control in explorer.controls if isinstance(control, Slider)]
    counts = _fewest(explorer)
    if math.prod(counts.values()) > most:
        raise FramesError(
            f"explorer {explorer.name!r} needs at least {math.prod(counts.values())} frames, three stops for each of "
            f"its sliders and all options of its other controls; at most {most} are allowed"
        )
    growing = [name for name in sliders if counts[name] < len(values[name])]
    while growing:
        name = min(growing, key=counts.__getitem__)
        if math.prod(counts.values()) // counts[name] * (counts[name] + 1) > most:
            growing.remove(name)
            continue
        counts[name] += 1
        if counts[name] == len(values[name]):
            growing.remove(name)
    return {
        control.name: _spread(values[control.name], control.check(control.value), counts[control.name])
        for control in explorer.controls
    }


def _fewest(explorer: Explorer) -> dict[str, int]:
    """Return how many values of each control the coarsest grid has."""
    return {
        control.name: min(_FEWEST_STOPS if isinstance(control, Slider) else math.inf, len(_values(control)))
        for control in explorer.controls
    }


def _values(control: Slider | Choice) -> tuple[Any, ...]:
    return stops_of(control) if isinstance(control, Slider) else tuple(control.ends)


def _spread(stops: tuple[Any, ...], default: Any, count: int) -> tuple[Any, ...]:
    """Return `count` stops: both ends, the default, and the others evenly spread on its two sides."""
    if count >= len(stops):
        return stops
    last, place = len(stops) - 1, stops.index(default)
    left = round((count - 1) * place / last)
    if 0 < place < last:
        left = min(max(left, 1), count - 2)
        left = min(max(left, count - 1 - (last - place)), place)  # no side has more gaps than it has stops
    places = [round(place * gap / left) for gap in range(left)] if left else []
    right = count - 1 - left
    places += [place + round((last - place) * gap / right) for gap in range(right + 1)] if right else [place]
    return tuple(stops[index] for index in places)


# --- drawing ----------------------------------------------------------------------------------------------------------


def render(explorer: Explorer, budget: int = BUDGET, *, most: int = MOST) -> Frames:
    """Draw an explorer's frames: as many, up to `most`, as make a fragment of no more than `budget` bytes.

    Raises
    ------
    FramesError
        A state cannot be drawn, or the coarsest grid is over the budget.
    """
    fewest = math.prod(_fewest(explorer).values())
    finest = grid_of(explorer, most)
    for grade in _GRADES:
        studio = _Studio(explorer, *grade)
        grid = finest
        expected = studio.expected_bytes(grid)
        if expected > budget:
            grid = grid_of(explorer, max(fewest, int(0.95 * _count(grid) * budget / expected)))
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
            if best and _count(grid) <= len(best):
                return best
    raise FramesError(
        f"explorer {explorer.name!r} does not fit its budget: its coarsest grid ({fewest} frames) takes "
        f"{frames.bytes:,} bytes, and {budget:,} are allowed. Make its picture smaller or give it fewer options"
    )


def _count(grid: dict[str, tuple[Any, ...]]) -> int:
    return math.prod(map(len, grid.values()))


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
        count = _count(grid)
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


# --- the page ---------------------------------------------------------------------------------------------------------

_HIDDEN = "position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"
# A page's own rules for pictures, such as a card behind them on dark pages, must not part the two layers.
_BARE = "margin:0!important;padding:0!important;border:0!important;filter:none!important;max-width:none;max-height:none"
_PICTURE = f"display:block;width:100%;height:auto;background:#fff!important;{_BARE}"
_PATCH = f"position:absolute;inset:0;width:100%;height:100%;background:none!important;border-radius:0!important;{_BARE}"


def assets() -> str:
    """Return the style sheet and the script that a page with fragments needs, once."""
    styles, script = STYLES.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    return f"<style>\n{styles}</style>\n<script>\n{script}</script>\n"


def html(frames: Frames, key: str | None = None) -> str:
    """Return the fragment of a page that shows the frames.

    Parameters
    ----------
    frames : Frames
    key : str, optional
        Begins every id, and must differ between the fragments of a page. By default they are numbered.
    """
    key = markup.escape(f"frames-{frames.name}-{next(_COUNTER)}" if key is None else key)
    width, height = frames.size
    _, sentence = frames.states[frames.default]
    # A letter is about 0.56 em wide.
    label = 0.56 * max(len(control.caption) for control in frames.controls) + 0.5
    readout = max(
        (
            len(_words(control, value))
            for control in frames.controls
            if isinstance(control, Slider)
            for value in frames.grid[control.name]
        ),
        default=0,
    )
    controls = "\n".join(_control(control, frames.grid[control.name], key) for control in frames.controls)
    words = markup.escape(sentence)
    return f"""\
<figure class="course-frames" id="{key}" aria-labelledby="{key}-title" data-prevent-swipe>
<p class="course-frames-title" id="{key}-title"><strong>{markup.escape(frames.title)}</strong></p>
<div class="course-frames-controls" style="--label:{label:.1f}em;--readout:{readout}ch" hidden>
{controls}
<button type="button">Reset</button>
</div>
<p style="{_HIDDEN}">{markup.escape(frames.about)}</p>
<div class="course-frames-picture" style="position:relative;width:{width}px;max-width:100%">
<img class="course-frames-base" alt="{words}" src="data:image/webp;base64,{_text(frames.base)}" width="{width}" \
height="{height}" decoding="sync" style="{_PICTURE};aspect-ratio:{width}/{height}">
<img class="course-frames-patch" alt="" decoding="sync" hidden style="{_PATCH}">
</div>
<p class="course-frames-sentence" role="status" aria-live="polite">{words}</p>
<script type="application/json">{_data(frames)}</script>
</figure>
"""


def _control(control: Slider | Choice, values: tuple[Any, ...], key: str) -> str:
    name, place = f"{key}-{control.name}", values.index(control.check(control.value))
    label = f'<label for="{name}">{markup.escape(control.caption)}</label>'
    if isinstance(control, Slider):
        words = markup.escape(_words(control, control.check(control.value)))
        field = (
            f'<input type="range" id="{name}" min="0" max="{len(values) - 1}" step="1" value="{place}" '
            f'aria-valuetext="{words}" autocomplete="off"><span aria-hidden="true">{words}</span>'
        )
    else:
        options = "".join(
            f"<option{' selected' if index == place else ''}>{markup.escape(str(value))}</option>"
            for index, value in enumerate(values)
        )
        field = f'<select id="{name}" autocomplete="off">{options}</select>'
    return f'<div class="course-frames-control">{label}{field}</div>'


def _words(slider: Slider, value: float) -> str:
    number = f"{value:.3g}" if slider.log else f"{value:.6g}"
    return f"{number} {slider.unit}".rstrip().replace("-", "−")


def _data(frames: Frames) -> str:
    sentences = list(dict.fromkeys(sentence for _, sentence in frames.states))
    numbers = {sentence: number for number, sentence in enumerate(sentences)}
    data = {
        "counts": [len(frames.grid[control.name]) for control in frames.controls],
        "words": [
            [_words(control, value) for value in frames.grid[control.name]] if isinstance(control, Slider) else None
            for control in frames.controls
        ],
        "states": [[patch, numbers[sentence]] for patch, sentence in frames.states],
        "sentences": sentences,
        "patches": [_text(patch) for patch in frames.patches],
    }
    # "</script>" and "<!--" in a sentence would end or change the element.
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


# --- lessons ----------------------------------------------------------------------------------------------------------


def explorers_of(path: Path) -> Iterator[tuple[int, Explorer]]:
    """Yield the explorers of a notebook, each with the number of its cell.

    Raises
    ------
    FramesError
        The notebook cannot be read, has no lesson module, or a cell tagged `explorer` does not call one of its
        explorers.
    """
    room, cells = _cells_of(path)
    for index, source in cells:
        yield index, _explorer(path, room, index, source)


def _cells_of(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Return the name of a notebook's lesson module, and number and source of each cell tagged `explorer`."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise FramesError(f"{path} cannot be read as a notebook: {str(error).splitlines()[0]}") from error
    cells = [
        (index, cell.source) for index, cell in enumerate(notebook.cells) if "explorer" in cell.metadata.get("tags", [])
    ]
    return (_room(path, notebook), cells) if cells else ("", [])


def _room(path: Path, notebook: nbformat.NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type != "code" or "course_utils.lessons" not in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module == "course_utils.lessons":
                for alias in node.names:
                    if alias.asname == "lesson":
                        return f"course_utils.lessons.{alias.name}"
    raise FramesError(f"{path}: no cell holds 'from course_utils.lessons import … as lesson'")


def _explorer(path: Path, room: str, index: int, source: str) -> Explorer:
    mapping = importlib.import_module(room).EXPLORERS
    name = _called(source)
    if name not in mapping:
        raise FramesError(
            f"{path}, cell {index}: a cell tagged 'explorer' must be lesson.NAME() with one of the names "
            f"{', '.join(mapping)}; got {source!r}"
        )
    return mapping[name]()


def _called(source: str) -> str | None:
    """Return NAME if the source is `lesson.NAME()` alone."""
    try:
        match ast.parse(source).body:
            case [ast.Expr(ast.Call(ast.Attribute(ast.Name("lesson"), name), [], []))]:
                return name
    except SyntaxError:
        pass
    return None


def for_notebook(path: Path, *, cache: Path | None = None) -> dict[int, str]:
    """Return the fragment of each explorer of a notebook, by the number of its cell.

    Parameters
    ----------
    path : Path
    cache : Path, optional
        The folder in which fragments are kept. By default, those of the course's lessons are kept in `build/frames`,
        and those of any other notebook are drawn each time.

    Raises
    ------
    FramesError
        See :func:`explorers_of` and :func:`render`.
    """
    return {index: entry.html for index, entry in _entries(Path(path), cache)}


def all_fragments(paths: Sequence[Path], *, jobs: int = JOBS, cache: Path | None = None) -> dict[Path, dict[int, str]]:
    """Return what :func:`for_notebook` does for several notebooks, `jobs` of them drawn at a time.

    Raises
    ------
    FramesError
        See :func:`for_notebook`.
    """
    for _ in _in_turn(paths, jobs, cache):
        pass
    return {path: for_notebook(path, cache=cache) for path in paths}


# --- what is kept -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """A fragment as it is kept: the explorer's name, its grid, and the CPU seconds of its first and other frames."""

    name: str
    grid: tuple[int, ...]
    seconds: tuple[float, float]
    html: str

    def write(self, place: Path) -> None:
        """Write beside the place, then rename: nobody reads half an entry."""
        text = json.dumps([self.name, self.grid, self.seconds]) + "\n" + self.html
        content = text.encode()
        place.parent.mkdir(parents=True, exist_ok=True)
        file, name = tempfile.mkstemp(dir=place.parent, prefix=".")
        try:
            with open(file, "wb") as stream:
                stream.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            os.replace(name, place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def read(cls, place: Path) -> _Entry | None:
        """Return what is kept at a place; None if there is nothing, or it is damaged."""
        try:
            checksum, _, content = place.read_bytes().partition(b"\n")
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest().encode() != checksum:
            return None
        head, _, fragment = content.decode().partition("\n")
        name, grid, seconds = json.loads(head)
        return cls(name, tuple(grid), tuple(seconds), fragment)


@dataclass(frozen=True)
class _Task:
    """The explorer of one cell, to be drawn within a budget; `place` is where its fragment is kept, if anywhere."""

    path: Path
    room: str
    index: int
    source: str
    budget: int
    place: Path | None

    def draw(self) -> _Entry:
        explorer = _explorer(self.path, self.room, self.index, self.source)
        try:
            begin = time.process_time()
            explorer.frame()  # what is trained or loaded for the first picture is counted apart
            first = time.process_time()
            frames = render(explorer, self.budget)
            fragment = html(frames, key=f"frames-{self.path.stem}-{self.index}")
            end = time.process_time()
        except (ExplorerError, FramesError) as error:
            raise FramesError(f"{self.path}, cell {self.index}: {error}") from error
        finally:
            explorer.close()
        counts = tuple(map(len, frames.grid.values()))
        entry = _Entry(frames.name, counts, (round(first - begin, 1), round(end - first, 1)), fragment)
        if self.place is not None:
            entry.write(self.place)
        return entry

    @classmethod
    def all(cls, path: Path, cache: Path | None) -> list[_Task]:
        """Return the tasks of a notebook."""
        room, cells = _cells_of(path)
        if not cells:
            return []
        budget = min(BUDGET, (PAGE_BUDGET - REST) // len(cells))
        if cache is None and (NOTEBOOKS / path.name).is_file():
            cache = CACHE
        known = foundations() if cache is not None else ""
        tasks = []
        for index, source in cells:
            task = cls(path, room, index, source, budget, None)
            if cache is not None:
                digest = hashlib.sha256(json.dumps([known, path.stem, room, index, source, budget]).encode())
                place = cache / f"{path.stem}-{index}-{digest.hexdigest()[:40]}.html"
                task = cls(path, room, index, source, budget, place)
            tasks.append(task)
        return tasks


def foundations(root: Path = ROOT) -> str:
    """Return a digest of all that frames depend on beside their cell: code, data and versions of packages."""
    names = [*root.glob("course_utils/**/*.py"), *root.glob("course_utils/**/*.ttf")]
    names += [*root.glob("data/**/*"), *root.glob("tools/publish/frames/*")]
    left_out = root / "data" / "cache"  # downloads, which no explorer waits for
    digest = hashlib.sha256()
    for path in sorted(names):
        if path.is_file() and not path.is_relative_to(left_out):
            digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    versions = [platform.python_version(), *map(importlib.metadata.version, _PACKAGES)]
    digest.update(json.dumps(versions).encode())
    return digest.hexdigest()


def _entries(path: Path, cache: Path | None) -> Iterator[tuple[int, _Entry]]:
    tasks = _Task.all(path, cache)
    for task in tasks:
        yield task.index, (task.place and _Entry.read(task.place)) or task.draw()
    places = {task.place for task in tasks if task.place is not None}
    for folder in {place.parent for place in places}:
        for older in set(folder.glob(f"{glob.escape(path.stem)}-*.html")) - places:
            older.unlink(missing_ok=True)


def _in_turn(paths: Sequence[Path], jobs: int, cache: Path | None) -> Iterator[Path]:
    """Draw what is not kept, each notebook in a process of its own; yields a notebook when all its frames are there.

    A notebook whose fragments are not kept, or that is alone, is left to this process.
    """
    waiting = []
    for path in paths:
        tasks = _Task.all(path, cache)
        if jobs > 1 and any(task.place is not None and _Entry.read(task.place) is None for task in tasks):
            waiting.append((path, tasks[0].place.parent))
        else:
            yield path
    if len(waiting) == 1:
        yield waiting.pop()[0]
    lock, processes, ended = threading.Lock(), [], False

    def draw(path: Path, folder: Path) -> Path:
        command = [
            sys.executable,
            "-m",
            "tools.publish.frames",
            path.resolve(),
            "--jobs",
            "1",
            "--cache",
            folder.resolve(),
        ]
        with lock:
            if ended:
                return path
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
        _, said = process.communicate()
        if process.returncode:
            raise FramesError((said.strip().splitlines() or [f"{path}: drawing ended with {process.returncode}"])[-1])
        return path

    def cost(item: tuple[Path, Path]) -> int:
        number = item[0].stem[:2]
        return _SLOWEST.index(number) if number in _SLOWEST else len(_SLOWEST)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(draw, *item) for item in sorted(waiting, key=cost)]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            with lock:
                ended = True
                for process in processes:
                    process.terminate()


# --- the command ------------------------------------------------------------------------------------------------------


def _notebook(lesson: str) -> Path:
    """Return the notebook that is called by its number, its name or its path."""
    path = Path(lesson)
    if path.suffix == ".ipynb":
        return path
    found = sorted(NOTEBOOKS.glob(f"{lesson}.ipynb")) or sorted(NOTEBOOKS.glob(f"{lesson}_*.ipynb"))
    if len(found) != 1:
        raise FramesError(f"there is no lesson {lesson!r} in {NOTEBOOKS}: name it by its number, such as 03")
    return found[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if frames cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish.frames", description="Draw the explorers' frames and print what they cost."
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 03 (default: all)")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"lessons at a time (default: {JOBS})")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where frames are kept (default: build/frames)")
    options = parser.parse_args(arguments)
    total = 0.0
    print(f"{'lesson':<28} {'explorer':<22} {'grid':<14} {'frames':>6} {'kB':>6} {'first':>7} {'seconds':>7}")
    try:
        paths = [_notebook(lesson) for lesson in options.lessons] or sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
        for path in _in_turn(paths, options.jobs, options.cache):
            page = 0
            for _, entry in _entries(path, options.cache):
                size = len(entry.html.encode())
                page += size
                total += sum(entry.seconds)
                print(
                    f"{path.stem:<28} {entry.name:<22} {'×'.join(map(str, entry.grid)):<14} "
                    f"{math.prod(entry.grid):>6} {size / 1000:>6.0f} {entry.seconds[0]:>7.1f} {entry.seconds[1]:>7.1f}",
                    flush=True,
                )
            print(f"{path.stem:<28} {'all':<44} {page / 1000:>6.0f}", flush=True)
    except FramesError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{total:.0f} CPU seconds in all")
    return 0
