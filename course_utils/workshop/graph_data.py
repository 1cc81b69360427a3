"""A graph that is an opt-in, as the whole of MNIST is: no lesson needs it, and nothing is downloaded.

Whatever is read is compared with its sha256 each time.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from course_utils.workshop import data

_FILE = "cora.npz"
_ARRAYS = ("feature_rows", "feature_cols", "edges", "labels")
# of the numbers, not of the file: a zip archive of the same arrays may differ in its dates
_SHA256 = "3529895226ab5766b3d8ca31c7dccb8494da87430d274b06bb29a2b6913691d1"
_NODES, _FEATURES = 2708, 1433


class CitationGraph(NamedTuple):
    """Papers and who cites whom.

    Attributes
    ----------
    feature_rows, feature_cols : paper and word of each 1 of the binary matrix (2708, 1433) of features, int64.
    edges : (5278, 2) int64, each citation once, as i < j; directions, and citations of oneself, are left out.
    labels : (2708,) int64, the field of a paper, one of 7.
    """

    feature_rows: np.ndarray
    feature_cols: np.ndarray
    edges: np.ndarray
    labels: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Papers and words: the shape of the matrix of features."""
        return _NODES, _FEATURES


def cora() -> CitationGraph:
    """Return Cora: 2708 papers on machine learning, the words they use, and 5278 citations among them.

    The file cora.npz is taken from the folder named by the environment variable VAE_COURSE_DATA, else from the cache.
    There is no download; the message of the error says how to make it.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    ValueError : the file is damaged, or holds another graph; it is left as it is.

    Source: McCallum, Nigam, Rennie and Seymore (2000); Sen et al., "Collective classification in network data" (2008);
    in the form of Yang, Cohen and Salakhutdinov, "Revisiting semi-supervised learning with graph embeddings" (2016).
    """
    folders = [folder for folder in (data._own_folder(), *data._cache_folders()) if folder is not None]
    path = next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{_FILE} was not found in {data._listed(folders)}. The course has no download for it. {_recipe()}"
        )
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            graph = CitationGraph(*(np.ascontiguousarray(arrays[name], dtype=np.int64) for name in _ARRAYS))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} must be a whole npz file with the arrays {', '.join(_ARRAYS)}; {error}. {_recipe()}"
        ) from error
    found = _checksum(graph)
    if found != _SHA256:
        raise ValueError(
            f"{path} holds another graph: the sha256 of its arrays should be {_SHA256}, but is {found}. {_recipe()}"
        )
    return graph


def _checksum(graph: CitationGraph) -> str:
    """Return the sha256 of the arrays as little-endian int64, one after the other."""
    return hashlib.sha256(b"".join(array.astype("<i8").tobytes() for array in graph)).hexdigest()


def _recipe() -> str:
    return (
        "Take Cora as Planetoid has it (2708 nodes, test nodes put in the order of test.index), write the arrays "
        "feature_rows and feature_cols (row and column of each 1 of the features, row by row), edges (E, 2) (each "
        "once, i < j, sorted, without loops) and labels with numpy.savez_compressed, and put the file "
        f"{_FILE} in a folder that the environment variable {data.DATA_VARIABLE} names"
    )
