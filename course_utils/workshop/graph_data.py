"""Graphs that the course does not ship: Cora, the citation network on which link prediction is compared."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from course_utils.workshop.data import DATA_VARIABLE, other_file

_FILE = "cora.npz"
_NODES, _FEATURES = 2708, 1433
# of the arrays' bytes as int32, not of the file: a zip archive of the same arrays may differ in its dates
_SHA256 = {
    "edges": "e6bb1272300aece105a864b565592078fcbfc4ffadd74ddc48a15b6e2590c7e9",
    "feature_rows": "d445f197ca108b68118cf99f86950d03e94700fb433bb2f6e40baff363621a0d",
    "feature_cols": "e927312de3e1a5175c8ba21df70bbed22073bee54aa47725312ffb695e9ca83f",
    "labels": "57ae1a50829808f8d6806f5ecc2e4889118d9d6c33f7c4ab8ec3592a68a3b94c",
}
RECIPE = """
  import pickle
  import numpy as np, scipy.sparse as sp
  x, y, words, classes, graph = (
      pickle.load(open(f"ind.cora.{part}", "rb"), encoding="latin1") for part in ("tx", "ty", "allx", "ally", "graph")
  )
  order = np.loadtxt("ind.cora.test.index", dtype=int)
  features, labels = sp.vstack([words, x]).toarray(), np.vstack([classes, y]).argmax(1)
  features[order], labels[order] = features[np.sort(order)], labels[np.sort(order)]
  edges = sorted({(min(i, j), max(i, j)) for i, others in graph.items() for j in others if i != j})
  rows, cols = np.nonzero(features)
  np.savez_compressed("cora.npz", edges=edges, feature_rows=rows, feature_cols=cols, labels=labels)"""


class CitationGraph(NamedTuple):
    """Papers that cite each other.

    Attributes
    ----------
    edges : (E, 2) int64, pairs of papers i < j of which one cites the other; each pair once.
    features : (F, 2) int64, the places (paper, word) of the ones in the binary table of words.
    labels : (N,) int64, the field of each paper.
    nodes, words : N papers, and how many words the table has.
    """

    edges: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    nodes: int
    words: int


def cora() -> CitationGraph:
    """Return Cora: 2708 papers on machine learning, 5278 citations, 1433 words, 7 fields.

    The file cora.npz is taken from the folder named by the environment variable VAE_COURSE_DATA, else from the cache.
    There is no download; the message of the error says how to make it.

    Raises
    ------
    FileNotFoundError : the file is missing, or your folder does not exist.
    ValueError : the file is damaged, or holds another graph; it is left as it is.

    Source: McCallum, Nigam, Rennie and Seymore, "Automating the construction of internet portals with machine learning"
    (2000); in this form Yang, Cohen and Salakhutdinov, "Revisiting semi-supervised learning with graph embeddings"
    (2016), arXiv 1603.08861.
    """
    path = other_file(_FILE, _by_recipe())
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            kept = {name: np.ascontiguousarray(arrays[name], dtype="<i4") for name in _SHA256}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} must be a whole npz file of Cora; {error}. {_by_recipe()}") from error
    for name, expected in _SHA256.items():
        found = hashlib.sha256(kept[name].tobytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"{path} holds another graph: the sha256 of {name!r} should be {expected}, but is {found}. "
                f"{_by_recipe()}"
            )
    features = np.column_stack([kept["feature_rows"], kept["feature_cols"]]).astype(np.int64)
    edges, labels = kept["edges"].astype(np.int64), kept["labels"].astype(np.int64)
    return CitationGraph(edges, features, labels, _NODES, _FEATURES)


def _by_recipe() -> str:
    return (
        "Take the files ind.cora.* of the Planetoid repository (from a source that you trust, for they are pickles), "
        f"make the npz file from them, and put it in a folder that the environment variable {DATA_VARIABLE} names:"
        f"{RECIPE}"
    )
