"""The models of lesson 08 that its pictures of 28 by 28 pixels come from, and the files that some of them come in."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch.nn import functional

from course_utils.lessons import vae as lesson
from course_utils.lessons.vae import clinic, models
from course_utils.models.vae import VAE, load_checkpoint
from course_utils.workshop import data
from tools import train_vae_lesson

ROOT = Path(__file__).resolve().parents[2]
VAES = {size: f"large_vae_{size}.safetensors" for size in models.LARGE_SIZES}
MODELS = [*VAES.values(), "large_autoencoder_10.safetensors"]


def test_the_large_digits_are_grey_levels_with_a_label_each() -> None:
    train, train_labels, test, test_labels = lesson.large_digits()
    assert train.shape == (6000, 784) and test.shape == (1000, 784)
    assert train.dtype == test.dtype == torch.float32
    assert train.min() == 0 and train.max() == 1
    assert torch.bincount(train_labels).tolist() == [600] * 10
    assert torch.bincount(test_labels).tolist() == [100] * 10


def test_one_epoch_of_the_large_vae_beats_a_model_without_latents() -> None:
    train, _, test, _ = lesson.large_digits()
    mean = train.mean(0).clamp(1e-3, 1 - 1e-3).expand_as(test)
    without = -functional.binary_cross_entropy(mean, test, reduction="sum") / len(test)
    model = lesson.train_large_vae(5, epochs=1)
    with torch.no_grad():
        elbo = model.elbo(test, 3, torch.Generator().manual_seed(0)).mean()
    assert model.latent_dim == 5 and not model.training
    assert elbo > without + 10


def test_the_plain_autoencoder_is_the_vae_without_draw_and_kl_term() -> None:
    model = lesson.train_large_autoencoder(5, epochs=1)
    untouched = VAE(784, 5, (200,), seed=8)
    means, log_vars = model.encoder[-1].weight.split(5)
    first_means, first_log_vars = untouched.encoder[-1].weight.split(5)
    assert torch.equal(log_vars, first_log_vars)  # nothing asked for a variance
    assert not torch.allclose(means, first_means)
    train = lesson.large_digits()[0]
    error = (model.decode(model.encode(train)[0]) - train).square().sum(1).mean()
    assert error < (train - train.mean(0)).square().sum(1).mean() * 0.8  # nearer than the mean digit


def test_the_shipped_plane_knows_digits_that_it_has_not_seen() -> None:
    model, unseen = lesson.plane_vae(), lesson.large_digits()[2]
    assert (model.data_dim, model.latent_dim, model.training) == (784, 2, False)
    with torch.no_grad():
        elbo = model.elbo(unseen, 3, torch.Generator().manual_seed(0)).mean()
    assert -140 < elbo < -134  # its own record, on all 10 000 test images, is -137.05


# --- what comes trained


def recorded(provenance: dict[str, str]) -> float:
    return float(re.match(r"-\d+\.\d\d", provenance["test"])[0])


@pytest.mark.parametrize("name", [*MODELS, train_vae_lesson.CURVES])
def test_the_readme_has_the_checksum_and_the_command_of_what_comes_trained(name: str) -> None:
    content = (ROOT / "data" / name).read_bytes()
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"| {name} | {len(content)} | {hashlib.sha256(content).hexdigest()} |" in readme
    with safe_open(ROOT / "data" / name, "pt") as file:
        provenance = file.metadata()
    assert provenance["command"] == train_vae_lesson.COMMAND in readme
    assert (ROOT / provenance["command"].removeprefix("python ")).is_file()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_comes_trained_is_worth_what_its_record_says(name: str) -> None:
    model, provenance = load_checkpoint(ROOT / "data" / name)
    assert (model.data_dim, model.hidden, model.likelihood) == (784, (200,), "bernoulli")
    assert provenance["data"].endswith(data._MNIST_SMALL_SHA256)
    assert f"epochs {models.LARGE_EPOCHS}, " in provenance["training"]
    assert float(train_vae_lesson.measured(model.float(), name).split()[0]) == pytest.approx(
        recorded(provenance), abs=0.05
    )
    assert provenance["test"].split()[0] in (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def test_training_again_gives_what_came_trained() -> None:
    again = lesson.train_large_vae(5)
    shipped, (_, _, test, _) = lesson.large_vae(5), lesson.large_digits()
    assert shipped.encoder[0].weight.dtype == torch.float32 and not shipped.training
    record = recorded(load_checkpoint(ROOT / "data" / VAES[5])[1])
    assert float(train_vae_lesson.measured(again, VAES[5]).split()[0]) == pytest.approx(record, abs=1.5)
    with torch.no_grad():
        apart = (shipped.decode(shipped.encode(test)[0]) - again.decode(again.encode(test)[0])).square().sum(1).mean()
        alone = (shipped.decode(shipped.encode(test)[0]) - test).square().sum(1).mean()
    assert apart < alone / 2  # two trainings that rounding sends apart would still draw alike


def test_a_vae_that_does_not_come_trained_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"with 2, 5, 10, 20 latents come .* got 7, which train_large_vae can train"):
        lesson.large_vae(7)


def test_training_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="stop"), models.one_thread():
        assert torch.get_num_threads() == 1
        raise RuntimeError("stop")
    assert torch.get_num_threads() == before


def test_the_command_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    train, broken = models.train_large_vae, clinic.trained_with
    monkeypatch.setattr(train_vae_lesson, "FOLDER", tmp_path)
    monkeypatch.setattr(models, "LARGE_SIZES", (2,))
    monkeypatch.setattr(models, "train_large_vae", lambda size: train(size, epochs=1))
    monkeypatch.setattr(models, "train_large_autoencoder", lambda size: train(size, epochs=1))
    monkeypatch.setattr(clinic, "trained_with", lambda fault: broken(fault, epochs=1))
    train_vae_lesson.main()
    printed = capsys.readouterr().out.splitlines()
    names = [VAES[2], "large_autoencoder_10.safetensors", train_vae_lesson.CURVES]
    assert len(printed) == len(names)
    for line, name in zip(printed, names, strict=True):
        content = (tmp_path / name).read_bytes()
        assert line == f"| {name} | {len(content)} | {hashlib.sha256(content).hexdigest()} |"
    assert load_checkpoint(tmp_path / VAES[2])[0].latent_dim == 2
