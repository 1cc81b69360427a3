"""The β-VAE's benchmark in small: what the recorded results rest on still works."""

import math

import numpy as np
import pytest
import torch

from benchmarks import LONG, beta, kept
from benchmarks.__main__ import BENCHMARKS
from course_utils.models.disentanglement import factor_change_score


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two seeds, few images, one epoch."""
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    monkeypatch.setattr(beta, "SIZE", 400)
    monkeypatch.setattr(beta, "SCORED", 300)
    for name in ("SHORT", "FULL"):
        plan = getattr(beta, name)
        monkeypatch.setattr(beta, name, beta.Plan(plan.cases, dict.fromkeys(plan.epochs, 1), (0, 1)))


def test_it_is_listed():
    assert "beta" in BENCHMARKS


@pytest.mark.parametrize("full", [False, True])
def test_the_whole_benchmark_runs_in_small_and_once(small, monkeypatch, full):
    (monkeypatch.setenv if full else monkeypatch.delenv)(LONG, *(["1"] if full else [False]))
    report = beta.run()
    ours = [row for row in report.rows if row[0].startswith("ours")]
    assert len(ours) == 4 + 2 * full
    assert len({len(row) for row in (*report.rows, report.header)}) == 1
    assert "400 sprites" in report.bar and "bar 60" in report.bar
    assert "shape" in ours[0][7] and "shape" not in ours[2][7] and "orientation" in ours[2][7]
    monkeypatch.setattr(beta.Trainer, "_run_epoch", lambda *_: pytest.fail("trained again"))
    assert [row[:-1] for row in beta.run().rows] == [row[:-1] for row in report.rows], "but for the load"


@pytest.mark.parametrize(("plain", "weighted", "passed"), [(0.86, 0.97, True), (0.88, 0.97, False), (0.7, 0.96, False)])
def test_the_bars(small, monkeypatch, plain, weighted, passed):
    monkeypatch.delenv(LONG, raising=False)

    def score(model, x, factors):
        return beta.Result(model, 1, 0, 1, *[(0.5,) * factors.shape[1]] * 2, 1, 2, 0, 3)

    monkeypatch.setattr(beta, "score", score)

    def train(x, weight, seed, epochs, name):
        load = beta.Load()
        load.seconds = 1.0
        return (weighted if weight == 4 else plain), beta.History(), load

    monkeypatch.setattr(beta, "train", train)
    assert beta.run().passed is passed


def test_the_weight_reaches_the_training(small):
    images, factors = beta.sprites(400, seed=0, side=8)
    x = torch.from_numpy(images)
    rates = [beta.score(beta.train(x, weight, 0, 30)[0], x, factors).rate for weight in (0.01, 20.0)]
    assert rates[0] > rates[1] + 1


def test_the_ceiling_is_what_codes_that_know_some_factors_reach():
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=10_000) for size in (3, 6, 40, 32, 32)], axis=1)
    for encoded in (5, 3, 1):
        codes = factors / factors.std(0)
        codes[:, encoded:] = rng.normal(size=(len(codes), 5 - encoded))  # what is not encoded is noise
        reached = np.mean([factor_change_score(codes, factors, seed=seed) for seed in range(3)])
        assert reached == pytest.approx(beta.ceiling(encoded, 5), abs=0.03)


def test_a_latent_that_is_the_factor_knows_of_it_what_the_bins_leave():
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=20_000) for size in (3, 32)], axis=1)
    assert beta.entropies(factors) == pytest.approx([math.log(3), math.log(32)], abs=1e-3)
    # 12 of 20 bins hold two of the 32 values, the other 8 one
    assert beta.gap_ceilings(factors) == pytest.approx([1, 1 - 24 / 32 * math.log(2) / math.log(32)], abs=2e-3)


def test_what_latents_know_together_is_found_where_no_single_one_knows_it():
    """The sign of a product of two signs: either alone says nothing of it, both together say it."""
    rng = np.random.default_rng(0)
    signs = rng.integers(2, size=(6000, 2))
    factors = np.stack([signs[:, 0] ^ signs[:, 1], rng.integers(4, size=6000)], axis=1)
    codes = torch.from_numpy(signs + 0.1 * rng.normal(size=(6000, 2))).float()
    alone = beta.information_matrix(codes, factors).max(0) / beta.entropies(factors)
    assert alone.max() < 0.02
    together = beta.told_together(codes, factors)
    assert together[0] > 0.95 and together[1] < 0.02, "of what no code knows, nothing is told"


def test_what_is_told_together_is_no_more_than_there_is():
    """A factor of four values that a code names with 90 per cent: the information is known exactly."""
    rng = np.random.default_rng(1)
    factor = rng.integers(4, size=20_000)
    seen = np.where(rng.random(20_000) < 0.9, factor, (factor + rng.integers(1, 4, size=20_000)) % 4)
    truth = 1 + (0.9 * math.log(0.9) + 0.1 * math.log(0.1 / 3)) / math.log(4)
    codes = torch.from_numpy(seen[:, None] + 1e-3 * rng.normal(size=(20_000, 1))).float()
    (told,) = beta.told_together(codes, factor[:, None])
    assert truth - 0.05 < told < truth + 0.01


def test_a_normalised_weight_compares_images_of_different_size():
    small_images, large = beta.FIVE[1], beta.LARGE[1]
    assert (small_images.side, large.side) == (32, 64) and small_images.normalised == large.normalised
    assert beta.FOUR[0].factors == ["scale", "orientation", "x", "y"]


def test_spread_and_better_half():
    assert beta.spread([0.5, 0.25, 1.0]) == "0.58 ± 0.38 (0.25–1.00)"
    assert beta.better_half([0.1, 0.9, 0.5, 0.7, 0.3]) == [0.9, 0.7, 0.5]
