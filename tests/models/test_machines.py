"""The drawings of machines: nothing touches, all can be read, and each shape is the real module's."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from course_utils.models import discrete, machines
from course_utils.models.autoencoders import Autoencoder
from course_utils.workshop.style import palette

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "workshop"))

from drawn import faults, named, words  # noqa: E402

SLIDE = 12.28, 6.91  # inches that a slide of 1280 × 720 has, without its margin

DRAWINGS = {
    "hourglass": lambda: machines.hourglass(64, 8, (128, 64)),
    "hourglass, MNIST": lambda: machines.hourglass(784, 2, (200,)),
    "hourglass, linear": lambda: machines.hourglass(2, 1),
    "hourglass, long": lambda: machines.hourglass(4096, 1000, (2000, 1500, 1200)),
    "hourglass, pictures": lambda: machines.hourglass(64, 2, (32,), images=np.eye(64)[:2]),
    "vae": lambda: machines.vae(64, 2, (128,)),
    "vae, MNIST": lambda: machines.vae(784, 10, (200,)),
    "vae, long": lambda: machines.vae(4096, 100, (1000, 500, 200)),
    "vae, short": lambda: machines.vae(1, 1, (1,)),
    "vae, pictures": lambda: machines.vae(64, 2, (128,), images=np.eye(64)[:2]),
    "categorical": lambda: machines.categorical_vae(64, 3, 8),
    "categorical, MNIST": lambda: machines.categorical_vae(784, 20, 10),
    "categorical, short": lambda: machines.categorical_vae(4, 1, 2),
    "categorical, pictures": lambda: machines.categorical_vae(64, 3, 8, images=np.eye(64)[:2]),
    "graphs": machines.graphs,
    "graphs, count": lambda: machines.graphs(60_000),
    "step": lambda: machines.training_step(100, 64, 2),
    "step, MNIST": lambda: machines.training_step(200, 784, 10),
    "step, short": lambda: machines.training_step(1, 1, 1),
}


@pytest.mark.parametrize("make", DRAWINGS.values(), ids=list(DRAWINGS))
def test_words_keep_off_lines_and_stay_in_their_boxes(make):
    drawing = make()
    assert faults(drawing.figure) == []
    width, height = drawing.figure.get_size_inches()
    assert width <= SLIDE[0] and height <= SLIDE[1]


def numbers(text):
    return set(re.findall(r"\d+", text))


@pytest.mark.parametrize("make", DRAWINGS.values(), ids=list(DRAWINGS))
def test_the_alt_text_says_every_number_of_the_drawing(make):
    drawing = make()
    drawn = {name: text for name, text in words(drawing.figure).items() if name not in ("log_var", "loss", "words 2")}
    assert set().union(*(numbers(text) for text in drawn.values())) <= numbers(drawing.alt)
    assert len(drawing.alt) < 1000 and "\n" not in drawing.alt and "$" not in drawing.alt


@pytest.mark.parametrize("make", DRAWINGS.values(), ids=list(DRAWINGS))
def test_a_drawing_is_the_same_each_time(make):
    pictures = []
    for _ in range(2):
        figure, _ = make()
        figure.canvas.draw()
        pictures.append(bytes(figure.canvas.buffer_rgba()))
    assert pictures[0] == pictures[1]


# --- the shapes are those of the modules


def from_lesson(number, name):
    """The class of that name, from the cell of the notebook that defines it and those of the classes before it."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    sources = [cell for cell in cells if cell.startswith("class ")]
    (last,) = (place for place, source in enumerate(sources) if source.startswith(f"class {name}("))
    namespace = {"np": np, "torch": torch, "nn": torch.nn, "discrete": discrete}
    for source in sources[: last + 1]:
        exec(source, namespace)
    return namespace[name]


def flows(module, x):
    """Shapes of what goes into and comes out of each layer of a network, at its call."""
    seen = []
    handles = [layer.register_forward_hook(lambda _, given, came: seen.append((given[0].shape, came.shape)))
               for layer in module.modules() if isinstance(layer, torch.nn.Linear)]  # fmt: skip
    with torch.no_grad():
        result = x(module)
    for handle in handles:
        handle.remove()
    return [tuple(map(tuple, pair)) for pair in seen], result


def shape_in(text, rows):
    """The shape that a drawing writes, with N replaced."""
    (inner,) = re.findall(r"\(([^()]*)\)", text)
    return tuple(rows if part == "N" else int(part) for part in re.findall(r"N|\d+", inner))


@pytest.mark.parametrize("sizes", [(64, 2, 128), (784, 10, 200)])
def test_the_shapes_of_the_vae_are_those_of_the_lesson(sizes):
    data_dim, latent_dim, hidden = sizes
    model = from_lesson("08", "TinyVAE")(data_dim=data_dim, latent_dim=latent_dim, hidden=hidden)
    layers, terms = flows(model, lambda module: module.elbo_terms(torch.rand(7, data_dim)))
    drawn = words(machines.vae(data_dim, latent_dim, (hidden,)).figure)
    shapes = {name.removeprefix("shape "): shape_in(text, 7) for name, text in drawn.items() if "shape" in name}
    mean, log_var = model.encode(torch.rand(7, data_dim))
    assert shapes["x to shared"] == layers[0][0]
    assert shapes["shared"] == layers[0][1] == layers[1][0]
    assert shapes["heads"] == shapes["noise"] == tuple(mean.shape) == tuple(log_var.shape)
    assert shapes["z to decoder"] == layers[2][0]
    assert shapes["decoder to x_hat"] == layers[3][1]
    assert (shapes["reconstruction"], shapes["kl"]) == tuple(tuple(term.shape) for term in terms)


@pytest.mark.parametrize("sizes", [(64, 3, 8), (784, 20, 10)])
def test_the_shapes_of_the_categorical_vae_are_those_of_the_lesson(sizes):
    data_dim, latents, classes = sizes
    model = from_lesson("10", "TinyCategoricalVAE")(data_dim=data_dim, latents=latents, classes=classes)
    layers, terms = flows(model, lambda module: module.elbo_terms(torch.ones(7, data_dim), 0.7))
    drawn = words(machines.categorical_vae(data_dim, latents, classes).figure)
    shapes = {name.removeprefix("shape "): shape_in(text, 7) for name, text in drawn.items() if "shape" in name}
    library = discrete.CategoricalVAE(data_dim, latents, classes)
    assert shapes["x to encoder"] == layers[0][0]
    assert shapes["logits"] == shapes["z"] == tuple(library.encode(torch.ones(7, data_dim)).shape)
    assert np.prod(shapes["logits"]) == np.prod(layers[1][1])
    assert shapes["z to decoder"] == layers[2][0]
    assert shapes["decoder to x_hat"] == layers[3][1]
    assert (shapes["reconstruction"], shapes["kl"]) == tuple(tuple(term.shape) for term in terms)


@pytest.mark.parametrize("sizes", [(64, 8, (128, 64)), (784, 2, (200,)), (5, 3, ())])
def test_the_bars_of_the_hourglass_are_the_layers(sizes):
    data_dim, latent_dim, hidden = sizes
    layers, _ = flows(Autoencoder(data_dim, latent_dim, hidden=hidden), lambda module: module(torch.rand(7, data_dim)))
    widths = [layers[0][0][1], *(came[1] for _, came in layers)]
    figure = machines.hourglass(data_dim, latent_dim, hidden).figure
    drawn = words(figure)
    assert [int(drawn[f"size{number}"]) for number in range(len(widths))] == widths
    bars = [bar.get_height() for name, bar in named(figure, "box") if name.startswith("layer")]
    if min(widths) > max(widths) / 100:  # else the smallest is drawn higher, to be seen
        np.testing.assert_allclose(np.square(bars) / max(bars) ** 2, np.array(widths) / max(widths), rtol=1e-6)


def test_the_shapes_of_a_training_step_are_those_of_the_lesson():
    model, x = from_lesson("08", "TinyVAE")(data_dim=64, latent_dim=2), torch.rand(100, 64)
    drawn = words(machines.training_step(100, 64, 2).figure)
    mean, log_var = model.encode(x)
    assert shape_in(drawn["words 1"], 0) == tuple(x.shape)
    assert shape_in(drawn["words 2"], 0) == tuple(mean.shape) == tuple(log_var.shape)
    assert shape_in(drawn["words 3"], 0) == tuple(mean.shape)
    assert shape_in(drawn["words 4"], 0) == tuple(model.decoder(mean).shape)
    assert [drawn[f"badge {number}"] for number in range(1, 8)] == list("1234567")


# --- what the drawings say


def colour_of(figure, name):
    (patch,) = (patch for other, patch in named(figure, "box") if other == name)
    return patch.get_edgecolor()[:3]


@pytest.mark.parametrize("make", [DRAWINGS["vae"], DRAWINGS["categorical"]], ids=["vae", "categorical"])
def test_colours_keep_their_meanings(make):
    figure = make().figure
    meanings = {"x": palette.data, "q": palette.approximation, "kl": palette.approximation, "prior": palette.prior}
    meanings |= {"decoder": palette.model, "x_hat": palette.model, "reconstruction": palette.model}
    meanings |= {"noise": palette.warning, "loss": palette.data}
    for name, colour in meanings.items():
        assert colour_of(figure, name) == pytest.approx(to_rgb(colour)), name
    ring = dict(named(figure, "box"))["noise"]
    assert ring.get_linewidth() >= 1.5 * max(
        box.get_linewidth() for name, box in named(figure, "box") if name != "noise"
    )


def test_each_term_is_computed_from_what_its_arrows_bring():
    arrows = {name for name, _ in named(machines.vae(64, 2, (128,)).figure, "arrow")}
    assert {name for name in arrows if name.endswith(" to kl")} == {"q to kl", "prior to kl"}
    assert {name for name in arrows if name.endswith(" to reconstruction")} == {
        "x_hat to reconstruction",
        "x to reconstruction",
    }
    assert {name for name in arrows if name.endswith(" to loss")} == {"kl to loss", "reconstruction to loss"}
    assert {name for name in arrows if name.endswith(" to z")} == {"mean to z", "log_var to z", "noise to z"}


def test_parameters_are_outside_the_plates_unless_there_is_one_for_each_point():
    figure = machines.graphs(272).figure
    figure.canvas.draw()
    extents = {name: patch.get_window_extent() for name, patch in named(figure, "box")}
    within = {
        (dot, plate): extents[f"plate {plate}"].contains(*extents[dot].get_points().mean(axis=0))
        for dot, plate in (
            ("theta", "p"),
            ("phi per point", "per point"),
            ("phi amortised", "amortised"),
            ("lambda", "amortised"),
        )
    }
    assert list(within.values()) == [False, True, True, False]
    assert {text for name, text in words(figure).items() if name.startswith("plate")} == {"$N=272$"}


def test_the_example_of_choices_is_a_distribution_and_a_draw_near_the_corners():
    probabilities, relaxed = machines._example(3, 8)
    for table in (probabilities, relaxed):
        np.testing.assert_allclose(table.sum(axis=1), 1)
    assert relaxed.max(axis=1).mean() > 0.5


def test_pictures_are_drawn_where_they_are_given():
    image = np.linspace(0, 1, 64)
    figure = machines.vae(64, 2, (128,), images=(image, torch.tensor(1 - image))).figure
    shown = [artist.get_array() for artist in figure.axes[0].images]
    np.testing.assert_allclose(shown, np.stack([image, 1 - image]).reshape(2, 8, 8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: machines.vae(64, 2, ()), "hidden must name 1 to 3 layers, or they do not fit; got 0"),
        (lambda: machines.hourglass(64, 2, (1, 2, 3, 4)), "hidden must name 0 to 3 layers, or they do not fit; got 4"),
        (lambda: machines.hourglass(0, 2), "data_dim must be"),
        (lambda: machines.training_step(0, 64, 2), "batch must be"),
        (lambda: machines.graphs(0), "count must be"),
        (lambda: machines.categorical_vae(64, 3, 1), "classes must be"),
        (lambda: machines.hourglass(64, 2, images=np.zeros((3, 64))), "images must be two, a picture and its"),
        (lambda: machines.hourglass(64, 2, images=[np.zeros(64), np.zeros(9)]), r"images must have shape \(64,\)"),
        (lambda: machines.hourglass(60, 2, images=np.zeros((2, 60))), "images must be square; got 60 pixels each"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
