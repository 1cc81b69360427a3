"""Choose the 7000 of MNIST's images that ship with the course.

    python tools/make_mnist_small.py

MNIST is read from the folder that VAE_COURSE_DATA names, or from the cache. The choice is written to
data/mnist_small.npz; `course_utils/workshop/data.py` and data/README.md then need the checksum that is printed.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.workshop import data  # noqa: E402

TARGET = ROOT / "data" / "mnist_small.npz"
PER_DIGIT = {"train": 600, "test": 100}
SEED = 0


def chosen_rows(labels: np.ndarray, per_digit: int, rng: np.random.Generator) -> np.ndarray:
    """Return row numbers (10 · per_digit,) of images drawn without replacement, as many of each digit, in ascending
    order: the digits stay as mixed as they were.

    Raises
    ------
    ValueError : there are fewer images of a digit than are wanted.
    """
    rows = [rng.choice(np.flatnonzero(labels == digit), per_digit, replace=False) for digit in range(10)]
    return np.sort(np.concatenate(rows))


def selection() -> dict[str, np.ndarray]:
    """Return images (N, 28, 28) and labels (N,), uint8, of both splits, by the names they have in the file.

    Raises
    ------
    FileNotFoundError, ValueError : MNIST's files are missing or damaged.
    """
    rng = np.random.default_rng(SEED)
    arrays = {}
    for split, per_digit in PER_DIGIT.items():
        images, labels = data.mnist(split)
        rows = chosen_rows(labels, per_digit, rng)
        arrays[f"{split}_images"] = np.rint(images[rows] * 255).astype(np.uint8)
        arrays[f"{split}_labels"] = labels[rows].astype(np.uint8)
    return arrays


def main() -> None:
    """Choose, write the file and print what data/README.md says of it."""
    np.savez_compressed(TARGET, **selection())
    content = TARGET.read_bytes()
    print(f"{TARGET.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
