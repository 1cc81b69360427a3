"""What is wrong with a drawing, as seen by a ruler: words that touch a line, leave their box or are too small."""

import itertools

import numpy as np
from matplotlib.transforms import Bbox

SMALLEST = 14  # points
AIR = 2.0  # pixels that words keep from lines and from each other
EDGE = 3.0  # pixels that everything keeps from the margin


def named(figure, kind):
    """Artists whose gid is KIND:NAME, as pairs of name and artist."""
    artists = [artist for artist in figure.findobj() if (artist.get_gid() or "").startswith(f"{kind}:")]
    return [(artist.get_gid().partition(":")[2], artist) for artist in artists]


def words(figure):
    """The texts of a drawing by name."""
    return {name: artist.get_text() for name, artist in named(figure, "text")}


def outline(artist):
    """Points (K, 2) along the line of a patch or a stroke, in pixels, less than one pixel apart."""
    path = artist.get_transform().transform_path(artist.get_path())
    parts = []
    for corners in path.to_polygons(closed_only=False):
        for start, end in itertools.pairwise(corners):
            steps = 2 + int(np.hypot(*(end - start)))
            parts.append(np.linspace(start, end, steps))
    return np.concatenate(parts)


def extent_of(points):
    return Bbox([points.min(axis=0), points.max(axis=0)])


def any_within(points, box):
    return bool(np.any(((points > box.min) & (points < box.max)).all(axis=1)))


def grown(box, by):
    return Bbox([[box.x0 - by, box.y0 - by], [box.x1 + by, box.y1 + by]])


def inside(inner, outer):
    return inner.x0 >= outer.x0 and inner.y0 >= outer.y0 and inner.x1 <= outer.x1 and inner.y1 <= outer.y1


def meet(one, other):
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def faults(figure):
    """A sentence for each fault of a drawing; none for a good one."""
    figure.canvas.draw()
    page = grown(figure.bbox, -EDGE)
    texts = [(name, text, text.get_window_extent()) for name, text in named(figure, "text")]
    boxes = [(name, outline(box)) for name, box in named(figure, "box")]
    strokes = [(name, outline(one)) for kind in ("arrow", "line", "funnel") for name, one in named(figure, kind)]
    extents = [(name, extent_of(path)) for name, path in boxes]
    found = []
    for name, text, extent in texts:
        if text.get_fontsize() < SMALLEST:
            found.append(f"{name!r} is written in {text.get_fontsize()} points")
        if not inside(extent, page):
            found.append(f"{name!r} leaves the page")
        for other, path in [*boxes, *strokes]:
            if any_within(path, grown(extent, AIR)):
                found.append(f"{name!r} touches the line of {other!r}")
        for other, box in extents:
            if other == name and not inside(extent, box):
                found.append(f"{name!r} is not inside its box")
    for (name, _, extent), (other, _, rival) in itertools.combinations(texts, 2):
        if meet(grown(extent, AIR / 2), grown(rival, AIR / 2)):
            found.append(f"{name!r} and {other!r} overlap")
    found += [f"the box {name!r} leaves the page" for name, box in extents if not inside(box, page)]
    for (name, box), (other, rival) in itertools.combinations(extents, 2):
        if meet(box, rival) and not inside(box, rival) and not inside(rival, box):
            found.append(f"the boxes {name!r} and {other!r} overlap")
    containers = {outer for (outer, big), (inner, small) in itertools.permutations(extents, 2) if inside(small, big)}
    for name, arrow in named(figure, "arrow"):
        path = outline(arrow)
        for other, box in extents:
            if other not in containers and any_within(path, grown(box, -4)):
                found.append(f"the arrow {name!r} runs over the box {other!r}")
        if not any(any_within(path, grown(box, 4)) for _, box in extents):
            found.append(f"the arrow {name!r} touches no box")
    return found
