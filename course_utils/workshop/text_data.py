"""Texts that the course does not ship: 20 Newsgroups as bags of words, and film reviews."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from course_utils.workshop.data import DATA_VARIABLE, other_file
from course_utils.workshop.validation import check_choice

SPLITS = ("train", "test")

_NEWSGROUPS = "20newsgroups_bow5000.npz"
# of the arrays' bytes as int32, and of the words with line ends between them; a zip file may differ in its dates
_NEWSGROUPS_SHA256 = {
    "train_indptr": "7891ed7b45be9f7439af14f7c5f126c0fa7b415c2556a9e5da2e2ddf75f0729e",
    "train_indices": "1f73a2017eedf4948e19a8d47912330496fcd54cc38b8f38d14b0efbc883a6f5",
    "train_counts": "6043a6d87ae757226c9d800e66923961beba40f74ef2a87d9bb7de4d1c4618fa",
    "train_labels": "44a56a0b9ddd1dcdc06a90686ec3b9f4d1a45fa2dd0b642dbec93655cb6040c9",
    "test_indptr": "53938884fa82e86f9ec05d53407c4a46e9a3cbae9a24539d495b98cac2d0320d",
    "test_indices": "e455dbd53819ce3f49c7739531d3d44246c6976223c86d8a4ad54ec8f2440dbb",
    "test_counts": "45b4f333b59d45d23bfaeb5b39d9241fcc18d689b0c4d7308a23c235dd763e4d",
    "test_labels": "5e98307eb52dfa1aca18f191b2a49147c2f5402f6b411542da093b952533951b",
    "vocab": "0ebc927675bf7e59fcca6a7a3b33eb957cd4d089a44fecd8274621541a902ef4",
}
_NEWSGROUPS_RECIPE = (
    "It is made from the folder data/20NG of the repository BobXWu/ECRTM (posts of the bydate split, in lower case, "
    "without snowball's stop words, words of three letters or more): the two tables documents × 5000 words as the "
    "parts indptr, indices and counts of a CSR matrix under the names train_… and test_…, the groups' numbers as "
    "train_labels and test_labels, and the words as vocab, in one npz file. Put it in a folder that the environment "
    f"variable {DATA_VARIABLE} names"
)

_REVIEWS = "imdb_reviews_{}.tsv.gz"
_REVIEWS_SHA256 = {  # of the text, unpacked: a packed file may differ in its date
    "train": "a0d35c49908257bb2f4d09b2318533b4a301b0eefa0712cbbe07f1086d3e440f",
    "test": "fd4e8cc39c48986f10984a73a50bda0e2a9554c81c1cc44bb30685b03120e665",
}
_REVIEWS_RECIPE = (
    "It is made from the Large Movie Review Dataset: of each class the reviews with the ids 100 to 5099 (train) or 100 "
    "to 1099 (test), one a line: pos or neg, the rating, and the text, in which HTML breaks and runs of white space "
    "are one space, with tabs between the three, packed by gzip. Put it in a folder that the environment variable "
    f"{DATA_VARIABLE} names"
)


class Newsgroups(NamedTuple):
    """Posts as bags of words.

    Attributes
    ----------
    counts : (D, 5000) scipy sparse array (CSR), int32.
    labels : (D,) int64, the newsgroup of each post, 0 to 19.
    words : the 5000 words, one for each column.
    """

    counts: object
    labels: np.ndarray
    words: tuple[str, ...]


class Review(NamedTuple):
    """A film review: whether it praises, its rating from 1 to 10, and its text."""

    positive: bool
    rating: int
    text: str


def newsgroups(split: str = "train") -> Newsgroups:
    """Return 20 Newsgroups: 11314 posts for training, or 7532 later ones for the test, with 5000 words.

    The file 20newsgroups_bow5000.npz is taken from the folder named by the environment variable VAE_COURSE_DATA, else
    from the cache. There is no download; the message of the error says how to make it.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    ValueError : the split is unknown, or the file is damaged or holds other texts; it is left as it is.

    Source: Lang, "NewsWeeder: learning to filter netnews" (1995); in this form Wu, Dong, Nguyen and Luu, "Effective
    neural topic modeling with embedding clustering regularization" (2023), arXiv 2306.04217.
    """
    from scipy.sparse import csr_array

    split = check_choice("split", split, SPLITS)
    path = other_file(_NEWSGROUPS, _NEWSGROUPS_RECIPE)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            words = tuple(arrays["vocab"].tolist())
            names = [f"{split}_{part}" for part in ("indptr", "indices", "counts", "labels")]
            kept = {name: np.ascontiguousarray(arrays[name], dtype="<i4") for name in names}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} must be a whole npz file of 20 Newsgroups; {error}. {_NEWSGROUPS_RECIPE}") from error
    contents = {name: array.tobytes() for name, array in kept.items()} | {"vocab": "\n".join(words).encode()}
    for name, content in contents.items():
        _check(path, name, content, _NEWSGROUPS_SHA256[name], _NEWSGROUPS_RECIPE)
    indptr, indices, counts, labels = kept.values()
    table = csr_array((counts, indices, indptr), shape=(len(indptr) - 1, len(words)))
    return Newsgroups(table, labels.astype(np.int64), words)


def reviews(split: str = "train") -> tuple[Review, ...]:
    """Return film reviews, half of them positive: 10000 for training or 2000 for the test.

    The file imdb_reviews_train.tsv.gz or imdb_reviews_test.tsv.gz is taken from the folder named by the environment
    variable VAE_COURSE_DATA, else from the cache. There is no download; the message of the error says how to make it.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    ValueError : the split is unknown, or the file is damaged or holds other texts; it is left as it is.

    Source: Maas et al., "Learning word vectors for sentiment analysis" (2011), of which these are a part.
    """
    split = check_choice("split", split, SPLITS)
    path = other_file(_REVIEWS.format(split), _REVIEWS_RECIPE)
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} must be a whole gzip file; {error}. {_REVIEWS_RECIPE}") from error
    _check(path, "the text", content, _REVIEWS_SHA256[split], _REVIEWS_RECIPE)
    rows = (line.split("\t", 2) for line in content.decode("utf-8").splitlines())
    return tuple(Review(kind == "pos", int(rating), words) for kind, rating, words in rows)


def _check(path: object, name: str, content: bytes, expected: str, recipe: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} holds other texts: the sha256 of {name} should be {expected}, but is {found}. {recipe}"
        )
