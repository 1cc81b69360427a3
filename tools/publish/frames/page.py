"""The drawn states of an explorer, and the fragment of a page that shows them."""

from __future__ import annotations

import base64
import functools
import html as markup
import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from course_utils.workshop.explorer import Choice, Slider

SCRIPT, STYLES = Path(__file__).with_name("frames.js"), Path(__file__).with_name("frames.css")

_COUNTER = itertools.count(1)

_HIDDEN = "position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"
# A page's own rules for pictures, such as a card behind them on dark pages, must not part the two layers.
_BARE = "margin:0!important;padding:0!important;border:0!important;filter:none!important;max-width:none;max-height:none"
_PICTURE = f"display:block;width:100%;height:auto;background:#fff!important;{_BARE}"
_PATCH = f"position:absolute;inset:0;width:100%;height:100%;background:none!important;border-radius:0!important;{_BARE}"


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
