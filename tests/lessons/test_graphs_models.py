import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from course_utils.lessons import graphs as lesson
from course_utils.models import graphs


def test_the_club_is_networkx_s():
    adjacency, faction = lesson.karate_club()
    club = nx.karate_club_graph()
    np.testing.assert_array_equal(adjacency, nx.to_numpy_array(club, weight=None))
    assert faction.tolist() == [int(club.nodes[node]["club"] == "Officer") for node in club]


def test_training_many_is_training_each_alone():
    adjacency, _ = lesson.karate_club()
    splits = lesson.many_splits(adjacency, 3)
    make = {"latent_dim": 2, "hidden": (8,), "variational": False, "offset": True}  # no draws: the same steps
    alone, together = ([graphs.VGAE(34, seed=seed, **make) for seed in range(3)] for _ in range(2))
    for model, split, weight in zip(alone, splits, (1.0, 2.0, 5.0), strict=True):
        graphs.fit(model, torch.eye(34), split.adjacency, epochs=20, positive_weight=weight)
    tables = torch.stack([split.adjacency for split in splits])
    with torch.no_grad():  # as where a figure is drawn
        trained = lesson.train_many(together, torch.eye(34), tables, epochs=20, positive_weight=[1.0, 2.0, 5.0])
    assert trained is together
    for one, other in zip(alone, together, strict=True):
        for first, second in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


def test_the_weight_of_the_kl_may_differ_between_models():
    adjacency, _ = lesson.karate_club()
    models = [graphs.VGAE(34, 2, (8,), seed=0) for _ in range(2)]
    lesson.train_many(models, torch.eye(34), adjacency.expand(2, -1, -1), epochs=60, beta=(0.0, 100.0))
    free, bound = (model.encode(torch.eye(34), graphs.normalised_adjacency(adjacency))[0] for model in models)
    assert bound.abs().mean() < 0.2 * free.abs().mean()


def test_random_graphs_have_the_densities_asked_for():
    adjacency, block = lesson.two_blocks(200, 0.3, 0.05, seed=1)
    graphs.check_adjacency(adjacency)
    same = (block[:, None] == block) & ~torch.eye(200, dtype=torch.bool)
    assert adjacency[same].mean().item() == pytest.approx(0.3, abs=0.02)
    assert adjacency[block[:, None] != block].mean().item() == pytest.approx(0.05, abs=0.01)
    sides, side = lesson.two_sides(60, 0.5)
    assert sides[side[:, None] == side].sum() == 0
    assert nx.is_bipartite(nx.from_numpy_array(sides.numpy()))


def test_a_line_separates_as_many_as_it_should():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.1], [0.2, 1.0], [2.0, 2.0], [3.0, 2.1], [2.2, 3.0]])
    groups = torch.tensor([0, 0, 0, 1, 1, 1])
    assert lesson.separated(points, groups) == 6
    assert lesson.separated(points, torch.tensor([0, 0, 1, 1, 1, 1])) == 6
    assert lesson.separated(points, torch.tensor([1, 0, 0, 1, 1, 1])) == 5
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.normal(size=(40, 2)), rng.integers(0, 2, 40)
        by_regression = LogisticRegression(C=1e4).fit(x, y).score(x, y) * 40
        assert lesson.separated(torch.as_tensor(x), torch.as_tensor(y)) >= by_regression - 1


def test_rivals_are_tested_on_the_held_out_pairs():
    adjacency, _ = lesson.two_blocks(40, 0.6, 0.05, seed=2)
    splits = lesson.many_splits(adjacency, 4)
    perfect = lesson.tested_table(splits, lambda _: adjacency)
    np.testing.assert_array_equal(perfect, np.ones((4, 2)))
    numbers = []
    lesson.tested(splits, lambda number, pairs: numbers.append(number) or torch.zeros(len(pairs)))
    assert numbers == [0, 1, 2, 3]
    learned = lesson.tested_model(splits, epochs=100)
    assert learned.shape == (4, 2) and learned[:, 0].mean() > 0.6


def test_the_graphs_of_the_smoothing_explorer_are_connected():
    for adjacency, places in lesson.smoothing_graphs().values():
        graphs.check_adjacency(adjacency)
        assert nx.is_connected(nx.from_numpy_array(adjacency.numpy()))
        assert places.shape == (16, 2)


def test_no_two_places_of_a_drawing_coincide():
    for places in (lesson.CLUB_PLACES, lesson.circle(16), lesson.columns(16), lesson.two_blocks_places(16)):
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2)) > 0.05


def test_a_pair_of_one_member_with_itself_says_what_is_shown():
    explorer = lesson.pair()
    explorer.set(first=33, second=33)
    assert explorer.sentence.startswith("A node is no pair with itself: 33 and 0 are shown.")


def test_the_machine_shows_its_shapes():
    drawing = lesson.machine(34, 5, 16, 2)
    words = {text.get_text() for axes in drawing.figure.axes for text in axes.texts}
    assert "(34, 16)" in words and "(34, 2)" in words and any("(34, 5)" in text for text in words)
    assert "features X (34, 5)" in drawing.alt
