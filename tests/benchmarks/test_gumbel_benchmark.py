"""The benchmark of discrete latents in small: what its recorded results rest on still works."""

import importlib

import numpy as np
import pytest
import torch

from benchmarks import gumbel, kept
from benchmarks.__main__ import BENCHMARKS
from course_utils.models.discrete import CategoricalVAE
from course_utils.workshop import data
from course_utils.workshop.training import Trainer


def black_digits():
    """scikit-learn's digits in black and white (1797, 64), in random order."""
    images = np.random.default_rng(0).permutation(data.digits()[0].reshape(-1, 64))
    return torch.tensor(images >= 0.5, dtype=torch.float32)


@pytest.mark.parametrize("estimator", gumbel.NAMES)
@pytest.mark.parametrize("code", [(8, 2), (3, 6)])
def test_every_row_in_small_learns_and_is_repeatable(code, estimator):
    x = black_digits()
    mean = x[:1500].mean(0).clamp(1e-3, 1 - 1e-3)
    without_latents = -torch.distributions.Bernoulli(mean).log_prob(x[1500:]).sum(-1).mean().item()
    runs = [gumbel.train(x[:1500], x[1500:], code, estimator, epochs=15, seed=1, rate=3e-3) for _ in range(2)]
    assert runs[0].hard < without_latents - 1
    assert (runs[0].hard, runs[0].relaxed) == (runs[1].hard, runs[1].relaxed) and runs[0].seconds > 0


def test_with_validation_images_the_epoch_with_the_best_hard_bound_is_taken(monkeypatch):
    trainers, x = [], black_digits()
    monkeypatch.setattr(gumbel, "Trainer", lambda *a, **k: trainers.append(Trainer(*a, **k)) or trainers[-1])
    run = gumbel.train(
        x[:300], x[600:], (8, 2), "gumbel-softmax", epochs=200, rate=0.02, end=0.2, share=1.0, valid=x[300:600]
    )
    [trainer] = trainers
    bounds = trainer.history.validation
    assert run.epoch == 1 + int(np.argmin(bounds)) < 200, "so few digits are learned by heart"
    hard, _ = gumbel.evaluate(trainer.model, x[300:600])
    assert hard == pytest.approx(min(bounds), abs=0.3) and hard < bounds[-1]


def test_the_evaluation_is_that_of_one_hot_draws():
    model, x = CategoricalVAE(64, 2, 4, (20,), seed=2), black_digits()[:800]
    hard, relaxed = gumbel.evaluate(model, x)
    with torch.no_grad():
        assert hard == pytest.approx(-model.exact_elbo(x).mean().item(), abs=0.05)
        assert -model.exact_log_prob(x).mean().item() <= hard + 0.05
    assert relaxed != hard


def test_the_order_is_said():
    assert gumbel.order_words({"gumbel-softmax": 1.0, "st-gumbel": 2.0, "score": 3.0}).endswith("(as in the paper)")
    words = gumbel.order_words({"gumbel-softmax": 1.0, "st-gumbel": 3.0, "score": 2.0})
    assert words == "Gumbel-softmax < score function < ST-Gumbel (not as in the paper)"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def test_the_rate_is_chosen_on_validation_images_and_trials_are_kept(monkeypatch, folder):
    x = black_digits()
    monkeypatch.setattr(gumbel, "RATES", (1e-6, 3e-3))
    arguments = x[:1000], x[1000:1300], (3, 6), "gumbel-softmax", 5
    assert gumbel.best_rate(*arguments, name="row") == 3e-3, "with the other nothing is learned"
    kept_files = sorted(folder.iterdir())
    assert len(kept_files) == 4 and sum(file.suffix == ".pt" for file in kept_files) == 2
    monkeypatch.setattr(gumbel.Trainer, "_run_epoch", lambda *_: pytest.fail("trained again"))
    assert gumbel.best_rate(*arguments, name="row") == 3e-3


def test_overlaps_are_named_where_the_paper_has_a_gap():
    published = {"gumbel-softmax": 1.0, "st-gumbel": 3.0, "score": 3.5}
    apart = {"gumbel-softmax": [1.0, 1.2], "st-gumbel": [2.0, 2.2], "score": [2.1, 2.2]}
    assert gumbel.overlaps(apart, published) == [], "the last two are half a nat apart in the paper"
    near = apart | {"st-gumbel": [1.0, 2.2]}
    assert gumbel.overlaps(near, published) == ["Gumbel-softmax and ST-Gumbel"]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("benchmark", "code"), [("gumbel", gumbel.CATEGORICAL), ("bernoulli", gumbel.BERNOULLI)])
def test_the_report(monkeypatch, benchmark, code, full):
    assert benchmark in BENCHMARKS
    run = importlib.import_module(f"benchmarks.{benchmark}").run
    (monkeypatch.setenv if full else monkeypatch.delenv)(gumbel.LONG, *(["1"] if full else [False]))
    plan, bars = (gumbel.FULL, gumbel.FULL_BARS) if full else (gumbel.SHORT, gumbel.BARS)
    monkeypatch.setattr(gumbel, "mnist_binarised", lambda split: np.zeros((4, 28, 28), dtype=np.float32))
    calls, levels = [], dict(zip(gumbel.NAMES, (110.0, 115.0, 120.0), strict=True))
    barred = dict(gumbel.FULL_BARS)

    def train(x, test, sizes, estimator, epochs, seed=0, *, rate, end=gumbel.END, share=gumbel.SHARE, valid=None, name):
        assert sizes == gumbel.CODES[code]
        calls.append((estimator, epochs, seed, rate, name))
        long = epochs in (plan.barred_trial, plan.barred)
        assert (end, share) == ((gumbel.BAR_END, gumbel.BAR_SHARE) if long else (gumbel.END, gumbel.SHARE))
        assert (valid is not None) == (epochs == plan.barred)
        if epochs in (plan.trial, plan.barred_trial):
            value = abs(rate - gumbel.RATES[2 if long else 1])
        elif epochs == plan.barred:
            value = barred[code]
        else:
            value = levels[estimator] + seed
        return gumbel.Run(value, 95.0, 300.0, 0.25, 17)

    monkeypatch.setattr(gumbel, "train", train)
    report = run()
    table, has_bar = report.table(), code in bars
    assert report.passed and len(report.rows) == 3 + has_bar
    assert len(calls) == (3 + has_bar) * len(gumbel.RATES) + 3 * 3 + has_bar
    assert len({call[-1] for call in calls}) == len(calls), "each run has a checkpoint of its own"
    assert {call[3] for call in calls if call[1] == plan.comparison} == {gumbel.RATES[1]}
    assert {call[3] for call in calls if call[1] == plan.barred} == ({gumbel.RATES[2]} if has_bar else set())
    assert report.bar.count("(as in the paper), apart") == 1
    said = f"best of {plan.barred} epochs the 17th: {gumbel.FULL_BARS[code]:.2f} hard (bar"
    assert (said in report.bar) == has_bar
    assert f"| {gumbel.FULL_BARS[code]:.1f} |" in table and "± 1.0" in table and "| 0.2 " in table and "| 5.0 " in table
    levels["st-gumbel"] = 111.0
    report = run()
    assert report.passed != full and "overlap of Gumbel-softmax and ST-Gumbel" in report.bar
    levels["st-gumbel"] = 125.0
    report = run()
    assert not report.passed and "(not as in the paper)" in report.bar
    levels["st-gumbel"] = 115.0
    if has_bar:
        monkeypatch.setitem(barred, code, bars[code] + 0.1)
        assert not run().passed
