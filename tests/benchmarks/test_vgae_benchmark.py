"""The benchmark of graph autoencoders in small, on a graph of two blocks."""

import itertools

import pytest
import torch

from benchmarks import vgae
from course_utils.models import graphs
from course_utils.workshop import data


@pytest.fixture(scope="module")
def split():
    """Two blocks of 20 nodes with many edges inside and few between."""
    generator = torch.Generator().manual_seed(0)
    pairs = torch.tensor(list(itertools.combinations(range(40), 2)))
    chance = torch.where((pairs[:, 0] < 20) == (pairs[:, 1] < 20), 0.5, 0.02)
    edges = pairs[torch.rand(len(pairs), generator=generator) < chance]
    return graphs.split_edges(graphs.adjacency_matrix(edges, 40, sparse=True), generator=generator)


@pytest.mark.parametrize("variational", [True, False])
def test_a_short_training_finds_the_blocks(split, variational):
    short, longer = (
        vgae.train(vgae.identity(40), split, vgae.Row("", False, variational, ""), seed=0, epochs=epochs)
        for epochs in (1, 60)
    )
    # a perfect knowledge of the blocks gives about .75: most pairs without an edge lie between the blocks
    assert longer.auc > max(short.auc, 0.62) and longer.ap > 0.6 and longer.seconds > 0


def test_the_rivals_are_judged_alike(split):
    runs = {name: vgae.rank(score, split) for name, score in vgae.RIVALS.items()}
    assert runs["common neighbours"].auc > 0.62 > runs["product of degrees"].auc
    flat = vgae.rank(torch.zeros_like, split)
    assert flat.auc == 0.5, "a score that is the same everywhere ranks nothing"


def test_the_features_are_the_papers_words():
    places = torch.tensor([[0, 2], [1, 0], [1, 2]])
    assert vgae.word_features(places, 2, 3).to_dense().tolist() == [[0, 0, 1], [1, 0, 1]]
    assert torch.equal(vgae.identity(4).to_dense(), torch.eye(4))


def test_a_row_gives_mean_and_spread():
    runs = [vgae.Run(0.90, 0.80, 2.0), vgae.Run(0.92, 0.90, 4.0)]
    assert vgae.line("x", runs, "91") == ("x", "0.910 ± 0.014", "0.850 ± 0.071", "3.0", "91")


def test_cora_is_read():
    try:
        graph = vgae.cora()
    except FileNotFoundError:
        pytest.skip(f"Cora is not here: name a folder that has its file in {data.DATA_VARIABLE}")
    words = vgae.word_features(torch.from_numpy(graph.features), graph.nodes, graph.words)
    assert words.shape == (2708, 1433) and words.sum() == 49216
