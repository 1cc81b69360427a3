"""The benchmark of discrete latents in small: what its recorded results rest on still works."""

import numpy as np
import pytest
import torch

from benchmarks import gumbel
from benchmarks.__main__ import BENCHMARKS
from course_utils.models.discrete import CategoricalVAE
from course_utils.workshop import data


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
    runs = [gumbel.train(x[:1500], x[1500:], code, estimator, epochs=15, seed=1) for _ in range(2)]
    assert runs[0].hard < without_latents - 1
    assert (runs[0].hard, runs[0].relaxed) == (runs[1].hard, runs[1].relaxed) and runs[0].seconds > 0


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


def test_the_report(monkeypatch):
    assert "gumbel" in BENCHMARKS
    monkeypatch.delenv(gumbel.LONG, raising=False)
    monkeypatch.setattr(gumbel, "mnist_binarised", lambda split: np.zeros((4, 28, 28), dtype=np.float32))
    calls = []

    def train(x, test, code, estimator, epochs, seed=0):
        calls.append((code, estimator, epochs, seed))
        return gumbel.Run(104.0 + (epochs == gumbel.EPOCHS) * (6 + len(estimator) % 3) + seed, 95.0, 300.0)

    monkeypatch.setattr(gumbel, "train", train)
    report = gumbel.run()
    assert report.passed and len(calls) == 19 and len(report.rows) == 7
    assert calls[-1] == ((20, 10), "gumbel-softmax", gumbel.BAR_EPOCHS, 0)
    assert "104.00 hard in 5.0 min" in report.bar and "in the paper)" in report.bar
    assert "| 101.5 |" in report.table() and "± 1.0" in report.table()
    monkeypatch.setenv(gumbel.LONG, "1")
    assert len(gumbel.run().rows) == 8
    monkeypatch.setattr(gumbel, "MINUTES", 4.9)
    assert not gumbel.run().passed
    monkeypatch.setattr(gumbel, "MINUTES", 10.0)
    monkeypatch.setattr(gumbel, "BAR", 103.9)
    assert not gumbel.run().passed
