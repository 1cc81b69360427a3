"""Explorers of bells to draw frames of, and a reader of what a page holds of them."""

from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np

from course_utils.workshop.explorer import Choice, Explorer, Slider

GRID = np.linspace(-4, 4, 81)
MEAN = Slider("mean", "mean", symbol="μ", unit="min", minimum=-2, maximum=2, step=0.5, value=0)
SCALE = Slider("scale", "scale", minimum=0.1, maximum=10.0, step=0.05, value=1.0, log=True)
FINE = Slider("x", "x", minimum=0.0, maximum=1.0, step=0.01, value=0.3)
COUNT = Slider("count", "points", minimum=1, maximum=4, step=1, value=2)
KIND = Choice("kind", "kind", ["full", "half & <half>"], "half & <half>")
TRUTH = Choice("truth", "show the truth", [False, True], False)


def build(figure):
    axes = figure.subplots()
    (curve,) = axes.plot(GRID, GRID)
    axes.set(xlim=(-4, 4), ylim=(0, 1))
    return SimpleNamespace(axes=axes, curve=curve)


def draw(parts, mean):
    parts.curve.set_ydata(np.exp(-0.5 * (GRID - mean) ** 2))
    return f"The curve peaks at {mean:g} min."


def draw_all(parts, mean=0, scale=1, x=0, count=1, kind="full", truth=False):
    height = (0.5 if kind.startswith("half") else 1.0) / count
    parts.curve.set_ydata(height * np.exp(-0.5 * ((GRID - mean - x) / scale) ** 2))
    parts.curve.set_color("black" if truth else "blue")
    return f"Mean {mean:g}, scale {scale:g}, x {x:g}, </script> {kind}, {count} points, {'true' if truth else 'model'}."


def make(draw=draw, controls=(MEAN,), build=build, **options):
    words = {"name": "bell", "title": "Bell & <curve>", "alt": "A bell curve.", "width": 5.0, "height": 3.0}
    return Explorer(build, draw, controls, **{**words, **options})


def number_of(grid):
    return int(np.prod([len(values) for values in grid.values()]))


VOID = {"img", "input", "br", "meta", "link"}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        assert self.tags[self.open.pop()][0] == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def words(self, tag):
        return [self.text.get(place, "") for place, (name, _) in enumerate(self.tags) if name == tag]
