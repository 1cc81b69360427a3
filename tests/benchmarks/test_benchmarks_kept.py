"""Numbers that take minutes are computed once for the same weights."""

import json

import pytest
import torch

from benchmarks import kept
from course_utils.models.vae import VAE


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def test_a_value_is_computed_once_for_the_same_weights(folder):
    model, other, calls = VAE(12, 3, (8,), seed=0), VAE(12, 3, (8,), seed=1), []

    def compute():
        calls.append(1)
        return 88.0 + len(calls)

    assert kept.remembered("bounds", "a row", (model,), compute) == 89.0
    assert kept.remembered("bounds", "a row", (model,), compute) == 89.0
    assert kept.remembered("bounds", "another", (model,), compute) == 90.0
    assert kept.remembered("bounds", "a row", (model, other), compute) == 91.0
    with torch.no_grad():
        model.decoder[0].bias[0] += 1e-6
    assert kept.remembered("bounds", "a row", (model,), compute) == 92.0
    assert len(calls) == 4 and not list(folder.glob("*.new"))


def test_nothing_is_kept_of_what_failed(folder):
    model = VAE(12, 3, (8,), seed=0)
    with pytest.raises(KeyboardInterrupt):
        kept.remembered("bounds", "a row", (model,), lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert not list(folder.iterdir())
    kept.remembered("bounds", "a row", (model,), lambda: 1.5)
    (file,) = folder.iterdir()
    assert json.loads(file.read_text())["value"] == 1.5
