"""The course's data sets.

Old Faithful and a tenth of MNIST ship with the course, and scikit-learn's digits with scikit-learn. The whole of MNIST,
as grey levels or in black and white, is an opt-in: no lesson needs it, and nothing is downloaded unless
``mnist(..., download=True)`` asks for it.
Whatever is read is compared with its sha256 each time.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import math
import os
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils.workshop.validation import check_choice

if TYPE_CHECKING:
    from torch import Tensor

DATA_VARIABLE = "VAE_COURSE_DATA"

_OLD_FAITHFUL = "old_faithful.csv"
_OLD_FAITHFUL_SHA256 = "a78cc186d2d1c2460cb5ab212c22ebfbc525ec919daa006452961802d2867037"

_MNIST_SMALL = "mnist_small.npz"
_MNIST_SMALL_SHA256 = "a318546352cc516345542ee5b877d06bba4ef9b4d9df90ce643edd910722f59d"

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MNIST_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
_MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

_BINARISED_FILE = "mnist_static_binarized.npz"
# of the packed bits, not of the file: a zip archive of the same arrays may differ in its dates
_BINARISED_SHA256 = {
    "train": "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
    "valid": "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
    "test": "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2",
}
_BINARISED_RECIPE = """
  import numpy as np
  bits = {s: np.loadtxt(f"binarized_mnist_{s}.amat", dtype=np.uint8) for s in ("train", "valid", "test")}
  np.savez_compressed("mnist_static_binarized.npz", **{s: np.packbits(b, axis=1) for s, b in bits.items()})"""


def data_folder() -> Path:
    """Return the folder of the files that ship with the course.

    It is looked for beside the package, then as `data` in the working directory and in each folder above it,
    so that a notebook finds it wherever it was opened.

    Raises
    ------
    FileNotFoundError : there is no such folder; the message says what to do.
    """
    here = Path.cwd()
    for folder in (_shipped_folder(), *(parent / "data" for parent in (here, *here.parents))):
        if (folder / _OLD_FAITHFUL).is_file():
            return folder
    raise FileNotFoundError(
        f"the course's data folder was not found: there is no data/{_OLD_FAITHFUL} beside the package, in "
        f"{_shipped_folder().parent}, nor in {here} or a folder above it. Copy the course's data folder next "
        "to this notebook, or install the package from a clone of the course with `pip install -e .`"
    )


def data_file(name: str) -> Path:
    """Return the path of one of the files that ship with the course.

    Parameters
    ----------
    name : the file's name in the folder `data`, for instance "mnist_plane.safetensors".

    Raises
    ------
    FileNotFoundError : the course's data folder, or the file in it, was not found; the message says what to do.
    """
    path = data_folder() / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} was not found, although the course ships with it. Restore the file from the course's "
            f"repository, for instance with `git checkout -- data/{name}` in a clone of it"
        )
    return path


def old_faithful() -> np.ndarray:
    """Return the 272 eruptions of the Old Faithful geyser.

    Returns
    -------
    (272, 2) float64: duration of the eruption, and waiting time to the next one, both in minutes.

    Raises
    ------
    FileNotFoundError : the course's data folder was not found.
    ValueError : the file is not the published one.

    Source: Härdle, Smoothing Techniques with Implementation in S (1991); in R, the data set `faithful`.
    """
    path = data_folder() / _OLD_FAITHFUL
    # Version control and editors on Windows may change the line ends, which changes no number.
    content = path.read_bytes().replace(b"\r\n", b"\n")
    if _sha256(content) != _OLD_FAITHFUL_SHA256:
        raise ValueError(
            f"{path} is not the published Old Faithful data: its sha256 should be {_OLD_FAITHFUL_SHA256}, "
            f"but is {_sha256(content)}. Restore the file from the course's repository"
        )
    return np.loadtxt(content.decode("ascii").splitlines(), delimiter=",", skiprows=1)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's handwritten digits, which need no download.

    Returns
    -------
    images (1797, 8, 8) float64 in [0, 1], with ink 1 and paper 0, and labels (1797,) int64.

    Source: test set of the UCI "Optical Recognition of Handwritten Digits", Alpaydin and Kaynak (1998).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # the grey levels are the whole numbers 0 to 16
    return bunch.images / 16.0, bunch.target.astype(np.int64)


def mnist_small(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Return the tenth of MNIST that ships with the course and needs no download, as many images of each digit.

    Parameters
    ----------
    split : "train" (6000 images, of MNIST's training set) or "test" (1000, of its test set).

    Returns
    -------
    images (N, 28, 28) float32 in [0, 1], with ink 1 and paper 0, and labels (N,) int64, as `mnist` returns them. The
    digits are mixed.

    Raises
    ------
    FileNotFoundError : the course's data folder, or the file in it, was not found.
    ValueError : the split is unknown, or the file is not the one that ships.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998); chosen at random by
    tools/make_mnist_small.py. Licence: CC BY-SA 3.0.
    """
    split = check_choice("split", split, tuple(_MNIST_FILES))
    path = data_file(_MNIST_SMALL)
    content = path.read_bytes()
    if _sha256(content) != _MNIST_SMALL_SHA256:
        raise ValueError(
            f"{path} is damaged or is another file: its sha256 should be {_MNIST_SMALL_SHA256}, but is "
            f"{_sha256(content)}. Restore the file from the course's repository"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    return np.divide(images, 255, dtype=np.float32), labels.astype(np.int64)


@functools.cache
def large_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `mnist_small` for training: images (6000, 784), labels (6000,), test images (1000, 784), labels (1000,).

    Tensors; grey levels lie in [0, 1], float32.
    """
    import torch  # who needs arrays alone does not wait for it

    parts = []
    for split in _MNIST_FILES:
        images, labels = mnist_small(split)
        parts += [torch.tensor(images).reshape(-1, 784), torch.tensor(labels)]
    return tuple(parts)


def mnist(split: str = "train", *, download: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST's handwritten digits, from a folder of yours, from the cache, or, if asked, from the
    network.

    The files are taken from the folder named by the environment variable VAE_COURSE_DATA, else from the
    cache. With `download`, files found in neither (11 MB for both splits) are fetched into the cache, with a
    progress bar; so is a file that was damaged there. In your own folder nothing is ever written.

    Parameters
    ----------
    split : "train" (60000 images) or "test" (10000 images).
    download : whether the network may be used.

    Returns
    -------
    images (N, 28, 28) float32 in [0, 1], with ink 1 and paper 0, and labels (N,) int64. (float64 would take
    376 MB.)

    Raises
    ------
    FileNotFoundError : a file is missing or damaged and `download` is off, or your folder does not exist.
    ValueError : a file in your folder is damaged.
    ConnectionError : no mirror delivered a file; the message says where to put it.
    PermissionError : there is no folder to which a download can be written.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998).
    """
    split = check_choice("split", split, tuple(_MNIST_FILES))
    images, labels = (_parse_idx(_mnist_file(name, split, download), name) for name in _MNIST_FILES[split])
    return np.divide(images, 255, dtype=np.float32), labels.astype(np.int64)


def mnist_binarised(split: str = "train") -> np.ndarray:
    """Return MNIST in black and white, with the fixed binarisation on which published likelihoods are compared.

    Each pixel was drawn once, as ink with the probability that is its grey level, and is kept for ever. The file
    mnist_static_binarized.npz is taken from the folder named by the environment variable VAE_COURSE_DATA, else from
    the cache. There is no download; the message of the error says how to make it.

    Parameters
    ----------
    split : "train" (50000 images), "valid" (10000), both from MNIST's training set, or "test" (10000).

    Returns
    -------
    images (N, 28, 28) float32, 0 for paper and 1 for ink.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    ValueError : the file is damaged, or holds other images; it is left as it is.

    Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008); Larochelle and
    Murray, "The neural autoregressive distribution estimator" (2011).
    """
    split = check_choice("split", split, tuple(_BINARISED_SHA256))
    path = other_file(_BINARISED_FILE, _by_recipe())
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            packed = np.ascontiguousarray(arrays[split])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} must be a whole npz file with the array {split!r}; {error}. {_by_recipe()}"
        ) from error
    found = _sha256(packed.tobytes())
    if found != _BINARISED_SHA256[split]:
        raise ValueError(
            f"{path} holds other images: the sha256 of {split!r} should be {_BINARISED_SHA256[split]}, but is {found}. "
            f"{_by_recipe()}"
        )
    return np.unpackbits(packed, axis=1).reshape(-1, 28, 28).astype(np.float32)


def other_file(name: str, recipe: str) -> Path:
    """Return the path of a file that the course neither ships nor downloads.

    It is looked for in the folder named by the environment variable VAE_COURSE_DATA, then in the cache.

    Parameters
    ----------
    name : the file's name.
    recipe : sentences that say how to make it, for the error's message.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    """
    folders = [folder for folder in (_own_folder(), *_cache_folders()) if folder is not None]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{name} was not found in {_listed(folders)}. The course has no download for it. {recipe}"
        )
    return path


def _by_recipe() -> str:
    return (
        "Take the three text files binarized_mnist_{train,valid,test}.amat of Larochelle's binarised MNIST, make the "
        f"npz file from them, and put it in a folder that the environment variable {DATA_VARIABLE} names:"
        f"{_BINARISED_RECIPE}"
    )


def _shipped_folder() -> Path:
    return Path(__file__).resolve().parents[2] / "data"


def _cache_folders() -> list[Path]:
    """List the folders in which downloads are kept, the preferred one first."""
    import pooch

    personal = Path(pooch.os_cache("vae-course"))
    # An installed package has no data folder beside it, and what lies beside it is not ours to write to.
    in_checkout = (_shipped_folder() / _OLD_FAITHFUL).is_file()
    return [_shipped_folder() / "cache", personal] if in_checkout else [personal]


def _mnist_file(name: str, split: str, download: bool) -> bytes:
    """Return the verified content of one of MNIST's files."""
    own = _own_folder()
    if own is not None and (own / name).is_file():
        content = (own / name).read_bytes()
        if _sha256(content) != _MNIST_SHA256[name]:
            raise ValueError(
                f"{own / name} is damaged or is another file: its sha256 should be {_MNIST_SHA256[name]}, "
                f"but is {_sha256(content)}. It was left as it is; replace it, or take it out of the folder "
                f"that {DATA_VARIABLE} names"
            )
        return content

    caches = _cache_folders()
    damaged = None
    for folder in caches:
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            if _sha256(content) == _MNIST_SHA256[name]:
                return content
            damaged = folder / name
    if not download:
        found = f"is damaged: {damaged}" if damaged else f"was not found in {_listed([own, *caches])}"
        raise FileNotFoundError(
            f"{name} {found}. Call mnist({split!r}, download=True) to download it once, {_or_by_hand(split)}"
        )
    return _download(name, split, _writable(caches))


def _own_folder() -> Path | None:
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the environment variable {DATA_VARIABLE} names {folder}, which is not a folder; create it, or "
            "unset the variable"
        )
    return folder


def _writable(folders: list[Path]) -> Path:
    """Return the first of `folders` in which a file can be made, creating it if need be."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    raise PermissionError(
        f"MNIST cannot be stored: it is not possible to write to {_listed(folders)}. Change that, or put the "
        f"files in another folder and name it in the environment variable {DATA_VARIABLE}"
    )


def _download(name: str, split: str, folder: Path) -> bytes:
    """Fetch `name` into `folder` from the first mirror that delivers it whole, and return its content.

    The file appears under its name in one step, once it is complete and verified: neither an interruption nor
    a second process that fetches the same file leaves a broken one.
    """
    import pooch

    fetch = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16, timeout=30)
    failures = []
    for mirror in _MNIST_MIRRORS:
        print(f"Downloading {mirror}{name} to {folder}")
        with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as temporary:
            partial = Path(temporary) / name
            try:
                fetch(mirror + name, str(partial), None)
            except OSError as error:  # which every exception of requests is
                failures.append(f"{mirror}: {error}")
                continue
            content = partial.read_bytes()
            if _sha256(content) != _MNIST_SHA256[name]:
                failures.append(f"{mirror}: the file that came has the wrong sha256, {_sha256(content)}")
                continue
            try:
                os.replace(partial, folder / name)
            except PermissionError:
                # Windows refuses while another process reads the file it has itself just put there.
                if _sha256((folder / name).read_bytes()) != _MNIST_SHA256[name]:
                    raise
            return content
    raise ConnectionError(
        f"{name} could not be downloaded ({'; '.join(failures)}). Try again later, {_or_by_hand(split)}"
    )


def _or_by_hand(split: str) -> str:
    files = "".join(f"\n  {name}  sha256 {_MNIST_SHA256[name]}" for name in _MNIST_FILES[split])
    return (
        "or get these files in another way, put them in a folder and name it in the environment variable "
        f"{DATA_VARIABLE}:{files}"
    )


def _listed(folders: list[Path | None]) -> str:
    return " or ".join(str(folder) for folder in folders if folder is not None)


def _parse_idx(compressed: bytes, name: str) -> np.ndarray:
    """Decode a gzipped idx file of unsigned bytes: two zeros, type, rank, big-endian lengths, then the
    entries."""
    try:
        content = gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} must be a complete gzip file; {error}") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{name} must be an idx file of unsigned bytes, 000008…; it begins with {content[:4].hex()}")
    rank = content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise ValueError(f"{name} must have a header of {header} bytes; it has {len(content)} in all")
    shape = struct.unpack_from(f">{rank}I", content, offset=4)
    entries = len(content) - header
    if entries != math.prod(shape):
        raise ValueError(f"{name} must hold {math.prod(shape)} entries, in the shape {shape}; it holds {entries}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
