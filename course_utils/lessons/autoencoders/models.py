"""Lesson 07, autoencoders and PCA: what its notebook, explorers and exercises share."""

import string
from functools import cache
from pathlib import Path

import numpy as np
import torch

from course_utils.models.autoencoders import Autoencoder, autoencoder_loss
from course_utils.workshop.data import mnist_small
from course_utils.workshop.model_cache import kept
from course_utils.workshop.training import train_quietly

CLASS_COLOURS = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#777777",
)  # fmt: skip
"""Ten colours for ten digits, told apart by colour-blind eyes (Tol, 2021)."""


@cache
def large_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 6000 digits of 28 by 28 pixels as rows, 1000 others kept apart, and the labels of the first."""
    (images, labels), (new, _) = mnist_small(), mnist_small("test")
    return images.reshape(-1, 784), new.reshape(-1, 784), labels


@kept
def trained(size: int, hidden: tuple[int, ...], epochs: int, activation: str = "relu", seed: int = 0) -> Autoencoder:
    """Train an autoencoder 784-hidden-size on the digits of 28 by 28 pixels; 20 epochs take about three seconds."""
    data = large_digits()[0]
    mean = data.mean(axis=0, dtype=np.float64)
    model = Autoencoder(784, size, hidden=hidden, activation=activation, mean=mean, seed=seed)
    pace = {"epochs": epochs, "batch_size": 200, "learning_rate": 5e-3}
    return train_quietly(model, autoencoder_loss(model), torch.tensor(data), **pace)


@cache
def plane() -> Autoencoder:
    """Return the autoencoder 784-200-64-2 that notebook and explorer share; train it on the first call."""
    return trained(2, (200, 64), 16, "tanh", 1)


def printed(characters: str, face: str = "DejaVuSans") -> np.ndarray:
    """Print characters as the handwritten digits of 28 by 28 pixels are: filling a square of 20 in the middle.

    Parameters
    ----------
    characters : K of them.
    face : a font that matplotlib ships.

    Returns
    -------
    (K, 784), ink 1 and paper 0.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    size = 96
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)
    images = np.zeros((len(characters), 28, 28))
    for image, character in zip(images, characters, strict=True):
        page = Image.new("L", (3 * size, 3 * size), 0)
        ImageDraw.Draw(page).text((size, size), character, fill=255, font=font)
        ink = page.crop(page.getbbox())
        square = Image.new("F", (max(ink.size),) * 2, 0)
        square.paste(ink.convert("F"), tuple((max(ink.size) - side) // 2 for side in ink.size))
        image[4:24, 4:24] = np.asarray(square.resize((20, 20), Image.Resampling.BOX)) / 255
    return np.clip(images, 0, 1).reshape(-1, 784)


def letters() -> np.ndarray:
    """Return the 52 Latin letters in two printed faces: (104, 784), ink 1 and paper 0."""
    return np.concatenate([printed(string.ascii_letters, face) for face in ("DejaVuSans", "DejaVuSerif")])
