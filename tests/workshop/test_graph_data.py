import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scipy import sparse

from course_utils.workshop import data, graph_data


@pytest.fixture
def cora():
    try:
        return graph_data.cora()
    except FileNotFoundError:
        pytest.skip(f"Cora is not here: name a folder that has its file in {data.DATA_VARIABLE}")


def test_the_graph_has_the_published_size(cora):
    assert (cora.nodes, len(cora.edges), cora.words) == (2708, 5278, 1433)
    assert cora.edges.max() == 2707 and (cora.edges[:, 0] < cora.edges[:, 1]).all()
    assert len(np.unique(cora.edges, axis=0)) == 5278
    assert cora.features[:, 0].max() == 2707 and cora.features[:, 1].max() == 1432
    assert np.bincount(cora.labels).tolist() == [351, 217, 418, 818, 426, 298, 180]


def test_papers_of_one_field_cite_each_other(cora):
    """Homophily of .81 is a published fact of this graph (Pei et al. 2020, arXiv 2002.05287)."""
    same = cora.labels[cora.edges[:, 0]] == cora.labels[cora.edges[:, 1]]
    assert same.mean() == pytest.approx(0.81, abs=0.005)


def test_the_recipe_makes_the_file_from_planetoids_parts(cora, tmp_path, monkeypatch):
    """The parts are made from the graph, in Planetoid's form: test rows at the end, in the order of test.index."""
    table = np.zeros((cora.nodes, cora.words), np.float32)
    table[tuple(cora.features.T)] = 1
    one_hot = np.eye(7, dtype=np.int32)[cora.labels]
    order = 1708 + np.random.default_rng(0).permutation(1000)
    neighbours = {node: [] for node in range(cora.nodes)}
    for i, j in cora.edges.tolist():
        neighbours[i] += [j, j]  # twice, as some are there
        neighbours[j] += [i]
    neighbours[5] += [5]
    parts = {
        "allx": sparse.csr_matrix(table[:1708]),
        "tx": sparse.csr_matrix(table[order]),
        "ally": one_hot[:1708],
        "ty": one_hot[order],
        "graph": neighbours,
    }
    for name, part in parts.items():
        (tmp_path / f"ind.cora.{name}").write_bytes(pickle.dumps(part))
    (tmp_path / "ind.cora.test.index").write_text("\n".join(map(str, order)))
    subprocess.run([sys.executable, "-c", textwrap.dedent(graph_data.RECIPE)], cwd=tmp_path, check=True)
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    made = graph_data.cora()
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(made, cora, strict=True))


def test_a_missing_file_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(data, "_cache_folders", lambda: [])
    with pytest.raises(FileNotFoundError, match=r"cora\.npz was not found in .*ind\.cora\."):
        graph_data.cora()


@pytest.mark.parametrize("damage", ["cut", "other", "lacking"])
def test_a_damaged_file_is_left_as_it_is(damage, tmp_path, monkeypatch):
    path = tmp_path / "cora.npz"
    few = np.zeros((2, 2), np.int32)
    names = ("edges", "feature_rows", "feature_cols", "labels")[: 1 if damage == "lacking" else 4]
    np.savez_compressed(path, **dict.fromkeys(names, few))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    before = path.read_bytes()
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match="another graph" if damage == "other" else "must be a whole npz file of Cora"):
        graph_data.cora()
    assert path.read_bytes() == before
