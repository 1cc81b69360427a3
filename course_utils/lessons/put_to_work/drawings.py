"""Lesson 16, put to work: two drawings, of who generates whom in some uses, and of the whole course."""

from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import palette

_SEEN, _HIDDEN = palette.data, palette.model


def _graph(sketch: Sketch, name: str, left: float, low: float, nodes: dict, arrows: tuple) -> None:
    """Draw one small graph with its name below; nodes are words by place, arrows are pairs of nodes."""
    sketch.text(name, name, left + 1.35, low + 0.28, bold=True)
    places = {}
    for key, (words, x, y, seen) in nodes.items():
        colour = _SEEN if seen else _HIDDEN
        places[key] = sketch.circle(
            f"{name} {key}", words, left + x, low + y, colour, radius=0.31, bold_ring=not seen, size=14.0
        )
    for first, second in arrows:
        start, end = places[first], places[second]
        across, up = end.x - start.x, end.y - start.y
        length = (across**2 + up**2) ** 0.5
        step = 0.33 / length
        sketch.arrow(
            f"{name} {first} to {second}",
            (start.x + step * across, start.y + step * up),
            (end.x - step * across, end.y - step * up),
        )


def uses() -> Drawing:
    """Return a drawing of six graphs, one for each use of a latent-variable model, and its alt text."""
    sketch = Sketch(9.4, 4.9)
    top, low = 2.55, 0.05
    columns = (0.25, 3.35, 6.45)
    _graph(
        sketch,
        "Summary",
        columns[0],
        top,
        {"c": ("$c$", 0.75, 1.25, False), "x": ("$x$", 1.95, 1.25, True)},
        (("c", "x"),),
    )
    sketch.text("Summary words", "short text    long text", columns[0] + 1.35, top + 1.85)
    _graph(
        sketch,
        "Translation",
        columns[1],
        top,
        {"x": ("$x$", 0.45, 0.95, True), "z": ("$z$", 1.35, 1.6, False), "y": ("$y$", 2.25, 0.95, True)},
        (("x", "z"), ("z", "y"), ("x", "y")),
    )
    _graph(
        sketch,
        "Caption",
        columns[2],
        top,
        {"z": ("$z$", 1.35, 1.75, False), "x": ("$x$", 0.6, 0.9, True), "y": ("$y$", 2.1, 0.9, True)},
        (("z", "x"), ("z", "y")),
    )
    _graph(
        sketch,
        "Dialogue",
        columns[0],
        low,
        {"x": ("$x$", 0.45, 0.95, True), "z": ("$z$", 1.35, 1.6, False), "y": ("$y$", 2.25, 0.95, True)},
        (("x", "z"), ("z", "y"), ("x", "y")),
    )
    _graph(
        sketch,
        "Link",
        columns[1],
        low,
        {"i": ("$z_i$", 0.45, 1.25, False), "a": ("$A_{ij}$", 1.35, 1.25, True), "j": ("$z_j$", 2.25, 1.25, False)},
        (("i", "a"), ("j", "a")),
    )
    _graph(
        sketch,
        "Speech",
        columns[2],
        low,
        {"p": ("$x_{<t}$", 0.45, 0.95, True), "z": ("$z_t$", 1.35, 1.6, False), "x": ("$x_t$", 2.25, 0.95, True)},
        (("p", "z"), ("z", "x"), ("p", "x")),
    )
    return Drawing(
        sketch.figure,
        "Six small graphs; grey nodes are seen in training, blue ones with a bold ring are hidden. Summary: the short "
        "text c, hidden, generates the long text x. Translation: the sentence x generates a code z, and both generate "
        "y. Caption: one code z generates picture x and words y. Dialogue: as translation, with what was said for x "
        "and the answer for y. Link: the codes of two nodes generate the entry A of i and j. Speech: what was heard "
        "so far generates the code of this step, and both generate the sound of this step.",
    )


def course_map() -> Drawing:
    """Return a drawing of the whole course: which posterior, which gradient, which gap, in which lesson."""
    sketch = Sketch(10.6, 6.3)
    titles = ("which posterior?", "which gradient?", "which gap?")
    lefts, width = (2.25, 5.0, 7.75), 2.6
    for left, title in zip(lefts, titles, strict=True):
        sketch.text(title, title, left + width / 2, 6.0, bold=True)
    closed, direct = "a closed form:\nmixtures, linear models", "of log p(x) itself;\nor EM's two steps"
    family, score = "a family q, for each\npoint or by one encoder", "score function;\nreparameterisation"
    along, choices = "q from an encoder,\nalong with the decoder", "reparameterisation; for\nchoices Gumbel-softmax"
    further, mended = (
        "a bent q, a richer prior;\nalso for graphs and texts",
        "with many draws: the\ndoubly reparameterised",
    )
    half, judge = "of a half-seen picture:\nweights, draws in turn", "GAN: through a judge"
    rows = (
        ("estimate", palette.data, "01–03", (closed, direct, "none")),
        ("approximate", palette.approximation, "04–06", (family, score, "of the family,\nof the encoder")),
        ("generate", palette.model, "07–10", (along, choices, "both, measured by\nimportance weights")),
        ("extend", palette.prior, "11–15", (further, mended, "smaller by flows and draws;\nlarger with a VampPrior")),
        ("put to work", palette.warning, "16", (half, judge, "flow: none\nGAN: no bound at all")),
    )
    height = 1.02
    for place, (part, colour, lessons, cells) in enumerate(rows):
        middle = 5.2 - 1.13 * place
        sketch.box(part, f"{part}\n{lessons}", Place(1.15, middle, 1.95, height), colour, bold=True)
        for left, title, words in zip(lefts, titles, cells, strict=True):
            sketch.box(f"{part}: {title}", words, Place(left + width / 2, middle, width, height), colour, empty=True)
    return Drawing(
        sketch.figure,
        "A table of boxes, five rows for the parts of the course and three columns for its three questions: which "
        "posterior, which gradient, which gap. "
        + " ".join(
            f"{part.capitalize()}, lessons {lessons}: " + "; ".join(words.replace("\n", " ") for words in cells) + "."
            for part, _, lessons, cells in rows
        ),
    )
