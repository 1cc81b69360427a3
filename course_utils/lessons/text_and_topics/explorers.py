"""Lesson 13, text and topics: its explorers, and the drawings of its machines."""

import functools
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.lessons.text_and_topics.models import (
    LENGTH,
    NO_TOPIC,
    TOPIC_COUNTS,
    corpora,
    counts,
    cure_runs,
    rival_level,
    sentence_vae,
    subject_of,
    topic_model,
    vocabulary,
)
from course_utils.models.corpus import CONTENT_WORDS, TOPICS
from course_utils.models.topics import top_words
from course_utils.workshop.explorer import Choice, Explorer, Slider
from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import palette

# --- topics, and one document -----------------------------------------------------------------------------------------

_DOCUMENTS = 30


@functools.cache
@torch.no_grad()
def _topics_of(count: int) -> tuple[list[str], np.ndarray]:
    """Return the words of each topic, and the proportions (D, K) that the model finds in test documents."""
    model = topic_model(0, count)
    words = [", ".join(row) for row in top_words(model.table(), CONTENT_WORDS, 5)]
    return words, model.proportions(counts()[1]).numpy()


def _true_share(document: int) -> np.ndarray:
    """Return the shares (5,) of the true topics among a test document's sentences."""
    test = corpora()[1]
    return np.bincount(test.topics[test.documents == document], minlength=len(TOPICS)) / np.sum(
        test.documents == document
    )


def _build_topics(figure):
    found, true = figure.subplots(1, 2, width_ratios=(1.2, 1))
    most = max(TOPIC_COUNTS)
    bars = found.barh(range(most), [0] * most, color=palette.approximation, height=0.35)
    names = [found.text(0.01, row - 0.42, "", fontsize=10, va="center") for row in range(most)]
    found.set(title="Topics the model found", xlabel="share of the document", xlim=(0, 1), yticks=[])
    found.set(ylim=(most - 0.4, -0.8))
    truth = true.barh(range(len(TOPICS)), [0] * len(TOPICS), color=palette.data, height=0.5)
    true.set(title="Topics of its sentences", xlabel="share of its sentences", xlim=(0, 1))
    true.set(yticks=range(len(TOPICS)), yticklabels=TOPICS)
    true.invert_yaxis()
    return SimpleNamespace(bars=list(bars), names=names, truth=list(truth))


def _draw_topics(parts, document, count):
    words, proportions = _topics_of(int(count))
    shares, true = proportions[document], _true_share(document)
    for row, (bar, name) in enumerate(zip(parts.bars, parts.names, strict=True)):
        here = row < len(words)
        bar.set_width(shares[row] if here else 0)
        name.set_text(words[row] if here else "")
    for bar, share in zip(parts.truth, true, strict=True):
        bar.set_width(share)
    first = int(shares.argmax())
    about = ", ".join(f"{TOPICS[k]} {true[k]:.0%}" for k in np.argsort(-true) if true[k] > 0)
    return (
        f"{count} topics, document {document}: the largest share, {shares[first]:.0%}, has the topic with "
        f"{words[first]}. Its sentences are about: {about}."
    )


def topic_explorer():
    """Return the explorer of topics, their words, and what a document is about."""
    return Explorer(
        _build_topics,
        _draw_topics,
        [
            Slider("document", label="document", minimum=0, maximum=_DOCUMENTS - 1, step=1, value=3),
            Choice("count", "topics", options=tuple(map(str, TOPIC_COUNTS)), value="5"),
        ],
        name="topic_explorer",
        title="Topics, and one document",
        alt="Left, a bar for each topic that the model found, with its five most probable words: its share of the "
        "document. Right, the true topics of the document's sentences.",
        width=10.4,
        height=4.6,
    )


# --- cures ------------------------------------------------------------------------------------------------------------


WARM_UPS, FLOORS = ("0", "3", "6", "12"), ("0", "0.1", "0.25", "0.5")
"""What the explorer of cures offers: epochs of warm-up, and free nats for each latent."""


def _build_cures(figure):
    course, result = figure.subplots(1, 2, width_ratios=(1.2, 1))
    (curve,) = course.plot([], [], "o-", color=palette.approximation)
    course.axhline(0, color=palette.prior, linewidth=1)
    course.set(
        title="KL over the epochs", xlabel="epoch", ylabel="KL, nats per sentence", xlim=(-0.3, 12.5), ylim=(-0.3, 9)
    )
    (dot,) = result.plot([], [], "o", color=palette.approximation, markersize=11, label="VAE")
    result.axhline(rival_level(), color=palette.model, label="GRU without a code")
    result.set(title="What the code costs", xlabel="KL, nats per sentence", ylabel="perplexity per word")
    result.set(xlim=(-0.4, 8.4), ylim=(8.4, 10.1))
    result.legend(loc="upper left")
    return SimpleNamespace(curve=curve, dot=dot)


def _draw_cures(parts, warm_up, floor):
    run = cure_runs()[warm_up, floor]
    parts.curve.set_data(range(len(run["curve"])), run["curve"])
    parts.dot.set_data([run["kl"]], [run["perplexity"]])
    return (
        f"Warm-up over {warm_up} epochs, {floor} free nats a latent: in the end the KL is {run['kl']:.2f} nats and the "
        f"perplexity of unseen sentences {run['perplexity']:.2f}, beside {rival_level():.2f} of the GRU."
    )


def cures():
    """Return the explorer of warm-up and free bits over trained models, with their KL and perplexity."""
    return Explorer(
        _build_cures,
        _draw_cures,
        [
            Choice("warm_up", "warm-up, epochs", options=WARM_UPS, value=WARM_UPS[0]),
            Choice("floor", "free nats a latent", options=FLOORS, value=FLOORS[0]),
        ],
        name="cures",
        title="Two cures, and what the code costs",
        alt="Left, the KL of unseen sentences over the epochs of training. Right, a dot for this model, "
        "KL against perplexity, and a line for the GRU without a code.",
        width=10.0,
        height=4.0,
    )


# --- the way from one sentence to another -----------------------------------------------------------------------------

STOPS = 7
WAY_MODELS = {"plain training": "plain", "free bits": "free bits", "topic prior": "topic prior, warm-up"}
"""Models whose latent spaces can be walked, by the names that a reader sees."""

COLOURS = dict(
    zip((*TOPICS, NO_TOPIC), ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#999999"), strict=True)
)
"""A colour for each topic, where sentences are drawn, and one for sentences without."""

WAY_ENDS = (3, 60, 130, 200, 268, 330)
"""Test sentences between which one can walk."""


@torch.no_grad()
def way(model, first: Tensor, last: Tensor, stops: int = STOPS) -> list[str]:
    """Return the likeliest sentences at equal steps from one sentence's code (1, T) to another's."""
    start, end = (model.posterior_mean(tokens) for tokens in (first, last))
    steps = torch.linspace(0, 1, stops)[:, None]
    return vocabulary().decode(model.generate(start + steps * (end - start), length=LENGTH))


def _build_way(figure):
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set(xlim=(0, 1), ylim=(STOPS + 3.2, -0.7))
    for place, (kind, colour) in enumerate(COLOURS.items()):
        axis.plot([0.05 + 0.16 * place], [STOPS + 2.6], "o", markersize=7, color=colour)
        axis.text(0.07 + 0.16 * place, STOPS + 2.6, kind, fontsize=11, va="center", color=palette.data)
    lines = [axis.text(0.09, row, "", fontsize=12, va="center") for row in range(STOPS + 2)]
    dots = [axis.plot([0.05], [row], "o", markersize=9)[0] for row in range(STOPS + 2)]
    for row, name in ((0, "read"), (STOPS + 1, "read")):
        axis.text(-0.06, row, name, fontsize=11, va="center", color=palette.data)
    return SimpleNamespace(lines=lines, dots=dots)


def _draw_way(parts, model, start, end):
    tokens, sentences = _ends()
    vae = sentence_vae(WAY_MODELS[model])
    ends = [WAY_ENDS.index(WAY_ENDS[number]) for number in (start, end)]
    stops = way(vae, tokens[ends[:1]], tokens[ends[1:]])
    rows = [sentences[ends[0]], *stops, sentences[ends[1]]]
    kinds = subject_of(rows)
    for line, dot, row, kind in zip(parts.lines, parts.dots, rows, kinds, strict=True):
        line.set_text(row)
        dot.set_color(COLOURS[kind])
    different = len(set(stops))
    return (
        f"{model}: from \u201c{rows[0]}\u201d ({kinds[0]}) to \u201c{rows[-1]}\u201d ({kinds[-1]}), the {STOPS} stops "
        f"are {'all the same sentence' if different == 1 else f'{different} different sentences'}, about "
        f"{', '.join(dict.fromkeys(kinds[1:-1]))}."
    )


@functools.cache
def _ends() -> tuple[Tensor, list[str]]:
    """Return the sentences at the ends of ways, as word numbers and as words."""
    chosen = [corpora()[1].sentences[number] for number in WAY_ENDS]
    return vocabulary().encode(chosen, LENGTH), [" ".join(sentence) for sentence in chosen]


def way_explorer():
    """Return the explorer of the way from one sentence to another, through a VAE's latent space."""
    last = len(WAY_ENDS) - 1
    return Explorer(
        _build_way,
        _draw_way,
        [
            Choice("model", "model", options=tuple(WAY_MODELS), value="plain training"),
            Slider("start", label="first sentence", minimum=0, maximum=last, step=1, value=1),
            Slider("end", label="last sentence", minimum=0, maximum=last, step=1, value=3),
        ],
        name="way_explorer",
        title="From one sentence to another",
        alt="Two sentences that were read, first and last line, and between them what the decoder writes at equal "
        "steps on the way from one code to the other, with a dot in the colour of its topic, grey where it has none.",
        width=8.6,
        height=5.0,
    )


def two_ways() -> Drawing:
    """Return a picture of the same way for a collapsed model and for one whose code is used, and its alt text."""
    from course_utils.workshop.style import panels

    figure, axes = panels(2, height=3.3, width=11.4)
    tokens, sentences = _ends()
    counted = []
    titles = ("KL near 0: the code is not read", "A code that is used")
    for axis, name, title in zip(axes, ("plain", WAY_MODELS["topic prior"]), titles, strict=True):
        stops = way(sentence_vae(name), tokens[1:2], tokens[3:4], 5)
        counted.append(len(set(stops)))
        axis.set(title=title, xlim=(0, 1), ylim=(4.6, -0.6))
        axis.set_axis_off()
        for row, (stop, kind) in enumerate(zip(stops, subject_of(stops), strict=True)):
            axis.plot([0.02], [row], "o", markersize=9, color=COLOURS[kind])
            axis.text(0.07, row, stop, fontsize=12, va="center")
    marks = [axes[0].plot([], [], "o", color=colour, label=kind)[0] for kind, colour in COLOURS.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize=11, handletextpad=0.2)
    return Drawing(
        figure,
        f"Five sentences each, at equal steps from the code of a sentence to that of another. Left, of the model whose "
        f"KL is nearly zero: {counted[0]} different. Right, of a model whose code is used: {counted[1]} different, the "
        f"first about the topic of {sentences[1]!r}, the last about that of {sentences[3]!r}.",
    )


# --- the machines -----------------------------------------------------------------------------------------------------


def sentence_machine(length: int, embedding: int, hidden: int, latent_dim: int) -> Drawing:
    """Return a drawing of a VAE of sentences, with the shapes of a batch, and its alt text."""
    sketch = Sketch(10.6, 4.2)
    words, state, code = f"(N, {length})", f"(N, {hidden})", f"(N, {latent_dim})"
    middle, q_colour, p_colour = 2.6, palette.approximation, palette.model
    w = sketch.box("w", "$w$", Place(0.6, middle, 0.9, 0.9), palette.data, size=18)
    reader = sketch.box("reader", "GRU\nreads", Place(2.6, middle, 1.2, 1.3), q_colour)
    head = sketch.box("head", "$\\mu,\\ \\log\\,\\sigma^2$", Place(4.45, middle, 1.2, 0.9), q_colour)
    draw = sketch.box("z", "draw\n$z=\\mu+\\sigma\\,\\varepsilon$", Place(6.3, middle, 1.5, 1.1), q_colour)
    writer = sketch.box("writer", "GRU\nwrites", Place(8.4, middle, 1.2, 1.3), p_colour)
    each = sketch.box("each", "next word", Place(10.0, middle, 1.1, 0.9), p_colour)
    noise = sketch.circle("noise", r"$\varepsilon$", draw.x, 3.85, palette.warning, radius=0.24, bold_ring=True)
    for name, left, right, shape in (
        ("w to reader", w, reader, words),
        ("reader to head", reader, head, state),
        ("head to z", head, draw, ""),
        ("z to writer", draw, writer, code),
        ("writer to each", writer, each, ""),
    ):
        sketch.arrow(name, left.at(1), right.at(-1))
        sketch.text(name, shape, (left.at(1)[0] + right.at(-1)[0]) / 2, left.y + 0.26)
    sketch.arrow("noise to z", noise.at(0, -1.1), draw.at(0, 1))
    sketch.arrow("words to writer", w.at(0, -1), (w.x, 0.75), (writer.x, 0.75), writer.at(0, -1))
    sketch.text("given", f"the words so far, as vectors (N, {length - 1}, {embedding})", 4.6, 1.03)
    return Drawing(
        sketch.figure,
        f"A VAE of sentences, for a batch of N. Words {words} go through a GRU that reads them; its last state {state} "
        f"gives mean and log-variance {code}, and with noise in a bold ring the draw z {code}. A second GRU writes: at "
        f"every step it gets z, and from below the word before, a vector of {embedding} numbers; it gives the next "
        "word's probabilities.",
    )


def guided_machine(length: int, hidden: int, latent_dim: int, topics: int) -> Drawing:
    """Return a drawing of a sentence VAE with a topic-guided prior, with the shapes of a batch, and its alt text."""
    sketch = Sketch(10.6, 4.6)
    top, low, q_colour, p_colour = 3.6, 1.0, palette.approximation, palette.model
    w = sketch.box("w", "sentence $w$", Place(1.0, top, 1.6, 0.8), palette.data)
    encoder = sketch.box("encoder", "reads a bag", Place(3.7, top, 1.5, 0.9), q_colour)
    code = sketch.box("z", "$z$", Place(6.0, top, 0.9, 0.9), q_colour, size=18)
    decoder = sketch.box("decoder", "GRU writes", Place(8.6, top, 1.5, 0.9), p_colour)
    rest = sketch.box("rest", "the other\nsentences", Place(1.0, low, 1.6, 1.0), palette.data)
    model = sketch.box("model", "topic model", Place(3.7, low, 1.5, 0.9), q_colour)
    prior = sketch.box(
        "prior",
        f"$\\rho_k\\,\\mathcal{{N}}(m_k,\\ s_k^2)$\n{topics} Gaussians",
        Place(6.7, low, 2.3, 1.1),
        palette.prior,
    )
    table = sketch.box("table", "topics $\\omega$", Place(9.6, low, 1.3, 0.9), palette.prior)
    for name, left, right, shape in (
        ("w to encoder", w, encoder, f"(N, {length})"),
        ("encoder to z", encoder, code, f"(N, {latent_dim})"),
        ("z to decoder", code, decoder, f"(N, {latent_dim})"),
        ("rest to model", rest, model, "counts"),
    ):
        sketch.arrow(name, left.at(1), right.at(-1))
        sketch.text(name, shape, (left.at(1)[0] + right.at(-1)[0]) / 2, left.y + 0.26)
    sketch.arrow("model to prior", model.at(1), prior.at(-1))
    sketch.text("shape rho", f"$\\rho$ (N, {topics})", (model.at(1)[0] + prior.at(-1)[0]) / 2, low + 0.28)
    sketch.arrow("table to prior", table.at(-1), prior.at(1))
    sketch.arrow("prior to z", (code.x, prior.at(0, 1)[1]), code.at(0, -1))
    sketch.text("price", "$\\log\\,q(z\\,|\\,w)-\\log\\,p(z\\,|\\,\\rho)$", code.x + 1.5, 2.35)
    return Drawing(
        sketch.figure,
        f"Above, the sentence VAE: a sentence, a network that reads its bag of words, the code z (N, {latent_dim}), a "
        f"GRU with {hidden} numbers of state that writes. Below, the counts of the document's other sentences go "
        f"through the topic model, which gives proportions (N, {topics}); they are the weights of {topics} Gaussians, "
        "whose means and variances come from the topics' words. This mixture is the prior of z.",
    )


EXPLORERS = {"topic_explorer": topic_explorer, "cures": cures, "way_explorer": way_explorer}
