"""Explorers of one bell curve, and what the page shows of them."""

import re
from types import SimpleNamespace

import ipywidgets
import ipywidgets.widgets.widget as registry
import numpy as np

from course_utils.workshop.explorer import Choice, Explorer, Slider

GRID = np.linspace(-4, 4, 81)
ALT = "A bell curve over points."
RANGE = {"minimum": -2, "maximum": 2, "step": 0.5, "value": 0}


def mean_slider(**changes):
    return Slider("mean", "mean", **{"symbol": "μ", "unit": "min", **RANGE, **changes})


def build(figure):
    axes = figure.subplots()
    (curve,) = axes.plot(GRID, GRID)
    axes.plot([-1, 0, 1], [0.1, 0.1, 0.1], "o", zorder=3)
    axes.set(xlim=(-4, 4), ylim=(0, 1), title="A bell")
    return SimpleNamespace(axes=axes, curve=curve)


def draw(parts, mean):
    parts.curve.set_ydata(np.exp(-0.5 * (GRID - mean) ** 2))
    return f"The curve peaks at {mean:g} min."


def make(draw=draw, build=build, controls=None, **options):
    controls = [mean_slider()] if controls is None else controls
    return Explorer(build, draw, controls, **{"name": "bell", "title": "Bell", "alt": ALT, **options})


def make_at(mean, **options):
    explorer = make(**options)
    explorer.set(mean=mean)
    return explorer


THREE = [
    mean_slider(),
    Choice("family", "family", ["a", "b", "c"], "b"),
    Choice("truth", "show the truth", [False, True], True),
]


def draw_three(parts, mean, family, truth):
    return f"{draw(parts, mean)} Family {family}, truth {truth}."


def half_drawn_at_an_end(parts, mean):
    parts.axes.set_xlim(-4, 4 if mean != 2 else 40)
    sentence = draw(parts, mean)
    if mean == 2:
        raise ValueError("too far")
    return sentence


def failing_at_an_end(parts, mean):
    if mean == 2:
        raise RuntimeError("no such curve")
    return draw(parts, mean)


def widgets(kind):
    return [widget for widget in registry._instances.values() if isinstance(widget, kind)]


def page():
    """Return the live picture's alt text, its caption and the error line."""
    texts = [widget.value for widget in widgets(ipywidgets.HTML)]
    picture = next((text for text in texts if "<img" in text), "")
    error = next((text for text in texts if 'role="alert"' in text), "")
    alt = re.search(r'alt="([^"]*)"', picture)
    caption = re.search(r'role="status"[^>]*>([^<]*)<', picture)
    return SimpleNamespace(alt=alt and alt.group(1), caption=caption and caption.group(1), error=error, picture=picture)
