"""The β-VAE's benchmark in small: what the recorded results rest on still works."""

import pytest
import torch

from benchmarks import beta
from benchmarks.__main__ import BENCHMARKS


@pytest.fixture
def small(monkeypatch):
    """Two seeds and two weights, few and small images, one epoch."""
    for name, value in {"SIZE": 400, "SIDE": 8, "SCORED": 300, "BETAS": (1.0, 4.0), "SEEDS": (0, 1)}.items():
        monkeypatch.setattr(beta, name, value)
    monkeypatch.setattr(beta, "train", lambda x, weight, seed: train(x, weight, seed, epochs=1))


train = beta.train


def test_it_is_listed():
    assert "beta" in BENCHMARKS


def test_the_whole_benchmark_runs_in_small(small):
    report = beta.run()
    ours = [row for row in report.rows if row[0].startswith("ours")]
    assert [row[0] for row in ours] == ["ours, β = 1", "ours, β = 4"]
    assert len({len(row) for row in (*report.rows, report.header)}) == 1
    assert "400 sprites" in report.bar and "bar 60" in report.bar


@pytest.mark.parametrize(("change", "passed"), [(0.2, True), (0.0, True), (-0.2, False)])
def test_a_score_that_falls_at_the_larger_weight_fails(small, monkeypatch, change, passed):
    scores = iter([0.6, 0.6, 0.6 + change, 0.6 + change])
    monkeypatch.setattr(beta, "score", lambda *_: beta.Result(next(scores), 0, 1, 2, 0, 3, 4))
    assert beta.run().passed is passed


def test_the_weight_reaches_the_training(small):
    x = torch.from_numpy(beta.sprites(400, seed=0, side=8).images)
    rates = [beta.score(train(x, weight, 0, epochs=30)[0], x, beta.sprites(400, seed=0, side=8).factors).rate
             for weight in (0.01, 20.0)]  # fmt: skip
    assert rates[0] > rates[1] + 1


def test_spread_shows_median_and_range():
    assert beta.spread([0.5, 0.25, 1.0]) == "0.500 (0.250–1.000)"
