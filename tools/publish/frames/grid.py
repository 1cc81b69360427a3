"""The grid of an explorer: the values of its controls at which frames are drawn."""

from __future__ import annotations

import math
from typing import Any

from course_utils.workshop.explorer import Choice, Explorer, Slider
from tools.publish.frames.errors import FramesError

_FEWEST_STOPS = 3


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
    counts = fewest_of(explorer)
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


def fewest_of(explorer: Explorer) -> dict[str, int]:
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


def count_of(grid: dict[str, tuple[Any, ...]]) -> int:
    """Return how many frames a grid has."""
    return math.prod(map(len, grid.values()))
