from types import SimpleNamespace

import numpy as np
import pytest

from course_utils.workshop import data, graph_data


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A tiny graph in a folder of the user's, and an empty cache."""
    graph = graph_data.CitationGraph(
        np.array([0, 0, 2]), np.array([1, 3, 0]), np.array([[0, 1], [1, 2]]), np.array([1, 0, 1])
    )
    folder, cache = tmp_path / "own", tmp_path / "cache"
    folder.mkdir()
    file = folder / "cora.npz"
    np.savez(file, **{name: array.astype(np.int32) for name, array in graph._asdict().items()})
    monkeypatch.setenv(data.DATA_VARIABLE, str(folder))
    monkeypatch.setattr(data, "_cache_folders", lambda: [cache])
    monkeypatch.setattr(graph_data, "_SHA256", graph_data._checksum(graph))
    return SimpleNamespace(graph=graph, folder=folder, cache=cache, file=file)


def assert_same(found, expected):
    for name, array in expected._asdict().items():
        assert getattr(found, name).dtype == np.int64
        np.testing.assert_array_equal(getattr(found, name), array)


def test_the_graph_is_read_from_the_folder_and_from_the_cache(own, monkeypatch):
    assert_same(graph_data.cora(), own.graph)
    own.cache.mkdir()
    own.file.rename(own.cache / "cora.npz")
    assert_same(graph_data.cora(), own.graph)
    monkeypatch.delenv(data.DATA_VARIABLE)
    assert_same(graph_data.cora(), own.graph)


def test_a_missing_file_is_explained(own):
    own.file.unlink()
    with pytest.raises(FileNotFoundError, match=r"cora\.npz was not found in") as caught:
        graph_data.cora()
    message = str(caught.value)
    assert f"{own.folder} or {own.cache}" in message
    assert "no download" in message and "Planetoid" in message and data.DATA_VARIABLE in message


def test_a_missing_folder_is_explained(own, monkeypatch):
    monkeypatch.setenv(data.DATA_VARIABLE, str(own.folder / "none"))
    with pytest.raises(FileNotFoundError, match="which is not a folder"):
        graph_data.cora()


@pytest.mark.parametrize("damage", ["half of it", "nothing", "text", "an array too few", "pickled objects"])
def test_a_damaged_file_is_reported(own, damage):
    arrays = own.graph._asdict()
    if damage == "an array too few":
        np.savez(own.file, **{name: arrays[name] for name in list(arrays)[:3]})
    elif damage == "pickled objects":
        np.savez(own.file, **arrays | {"labels": np.array([{}, None], dtype=object)})
    else:
        whole = own.file.read_bytes()
        own.file.write_bytes({"half of it": whole[: len(whole) // 2], "nothing": b"", "text": b"text"}[damage])
    with pytest.raises(ValueError, match="must be a whole npz file with the arrays feature_rows") as caught:
        graph_data.cora()
    assert str(own.file) in str(caught.value) and "numpy.savez_compressed" in str(caught.value)


def test_another_graph_is_refused_and_left_alone(own):
    np.savez(own.file, **own.graph._asdict() | {"labels": 1 - own.graph.labels})
    before = own.file.read_bytes()
    with pytest.raises(ValueError, match="holds another graph: the sha256 of its arrays should be"):
        graph_data.cora()
    assert own.file.read_bytes() == before


def test_cora_is_the_published_graph():
    try:
        graph = graph_data.cora()
    except FileNotFoundError as error:
        pytest.skip(f"{data.DATA_VARIABLE} names no folder with the file: {error}".splitlines()[0])
    assert graph.shape == (2708, 1433)
    assert len(graph.feature_rows) == 49_216 and graph.edges.shape == (5278, 2)
    np.testing.assert_array_equal(np.bincount(graph.labels), [351, 217, 418, 818, 426, 298, 180])
    assert np.all(graph.edges[:, 0] < graph.edges[:, 1])
