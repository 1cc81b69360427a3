"""Lesson 07, autoencoders and PCA: what its notebook, explorers and exercises share."""

import string
from pathlib import Path

import numpy as np

CLASS_COLOURS = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#777777",
)  # fmt: skip
"""Ten colours for ten digits, told apart by colour-blind eyes (Tol, 2021)."""


def printed(characters: str, face: str = "DejaVuSans") -> np.ndarray:
    """Print characters at 8×8 pixels, each filling its square as the handwritten digits do.

    Parameters
    ----------
    characters : K of them.
    face : a font that matplotlib ships.

    Returns
    -------
    (K, 64), ink 1 and paper 0.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    size = 96
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)
    images = []
    for character in characters:
        page = Image.new("L", (3 * size, 3 * size), 0)
        ImageDraw.Draw(page).text((size, size), character, fill=255, font=font)
        ink = page.crop(page.getbbox())
        square = Image.new("F", (max(ink.size),) * 2, 0)
        square.paste(ink.convert("F"), tuple((max(ink.size) - side) // 2 for side in ink.size))
        images.append(np.asarray(square.resize((8, 8), Image.Resampling.BOX)).ravel() / 255)
    return np.clip(np.array(images, dtype=np.float64), 0, 1)


def letters() -> np.ndarray:
    """Return the 52 Latin letters in two printed faces: (104, 64), ink 1 and paper 0."""
    return np.concatenate([printed(string.ascii_letters, face) for face in ("DejaVuSans", "DejaVuSerif")])
