"""The VAE's benchmarks in small, and the checkpoint that ships: what the recorded results rest on still works."""

import hashlib
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import kept, vae_dynamic, vae_quality, vae_speed
from benchmarks.__main__ import BENCHMARKS
from benchmarks.load import Load
from course_utils.models.vae import load_checkpoint
from course_utils.workshop import data
from tools import train_mnist_plane

ROOT = Path(__file__).resolve().parents[2]
PLANE = ROOT / "data" / "mnist_plane.safetensors"


def enlarged_digits():
    """scikit-learn's digits as bytes (N, 28, 28): each pixel becomes nine, with a border of two."""
    images, _ = data.digits()
    return np.pad(np.kron(np.rint(images * 255), np.ones((3, 3))), ((0, 0), (2, 2), (2, 2))).astype(np.uint8)


def grey(images):
    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / 255)


def from_folder(load, split):
    """What `load` returns for a split, or a skipped test where the files are not there."""
    try:
        return load(split)
    except FileNotFoundError:
        pytest.skip(f"MNIST is not here: name a folder that has its files in {data.DATA_VARIABLE}")


def entropy_of_the_mean(x):
    """Nats per image of a model that knows the mean image only: what any VAE must undercut."""
    mean = x.mean(0).clamp(1e-6, 1 - 1e-6)
    return -(mean * mean.log() + (1 - mean) * (1 - mean).log()).sum().item()


# --- the comparison with the example is fair


def test_both_networks_are_the_same_and_so_are_their_losses():
    peer, ours = vae_speed.Peer(), vae_speed.train_ours(grey(enlarged_digits()[:10]), epochs=1)[0]
    assert vae_speed.parameters(peer) == vae_speed.parameters(ours) == 652_824
    with torch.no_grad():
        for layer, source in ((ours.encoder[0], peer.fc1), (ours.decoder[0], peer.fc3), (ours.decoder[2], peer.fc4)):
            layer.load_state_dict(source.state_dict())
        ours.encoder[2].weight.copy_(torch.cat([peer.fc21.weight, peer.fc22.weight]))
        ours.encoder[2].bias.copy_(torch.cat([peer.fc21.bias, peer.fc22.bias]))
    x = grey(enlarged_digits()[:300])
    assert vae_speed.loss_of_ours(ours, x) == pytest.approx(vae_speed.loss_of_peer(peer, x), rel=1e-5)


def test_the_peers_data_path_changes_no_pixel():
    images = enlarged_digits()[:5]
    read = vae_speed.Images(images)
    assert len(read) == 5 and read[3].dtype == torch.float32 and read[3].shape == (1, 28, 28)
    assert torch.equal(torch.stack([read[row] for row in range(5)]).reshape(5, -1), grey(images))


# --- short versions, which fail where a loader or the trainer does not work


def assert_both_learn(images, test, floor, bar):
    x, test = grey(images), grey(test)
    settings = {"epochs": 3, "batch_size": 64}
    ours, seconds = vae_speed.train_ours(x, **settings)
    peer, peer_seconds = vae_speed.train_peer(images, epochs=1)
    losses = vae_speed.loss_of_ours(ours, test), vae_speed.loss_of_peer(peer, test)
    assert floor < losses[0] < bar < entropy_of_the_mean(test)
    assert floor < losses[1] < 1.5 * entropy_of_the_mean(test)
    assert seconds > 0 and peer_seconds > 0
    again, _ = vae_speed.train_ours(x, **settings)
    assert vae_speed.loss_of_ours(again, test) == losses[0]


def test_speed_in_small_on_digits():
    images = np.random.default_rng(0).permutation(enlarged_digits())
    assert_both_learn(images[:1400], images[1400:], floor=150, bar=215)


def test_speed_in_small_on_mnist():
    images, test = (np.rint(from_folder(data.mnist, split)[0] * 255).astype(np.uint8) for split in ("train", "test"))
    assert_both_learn(images[:2000], test[:500], floor=100, bar=180)


def assert_quality_is_measured(monkeypatch, folder, x, valid, test, bar, dynamic=False):
    monkeypatch.setattr(vae_quality, "BATCH_SIZE", 64)
    setting = vae_quality.Setting(4, bar=bar, dynamic=dynamic)
    model, history, load = vae_quality.train(x, valid, setting)
    assert len(history.validation) == 4 and history.best_epoch >= 1 and history.seconds > 0
    assert load.seconds >= history.seconds and load.cores >= 0
    nll, bound, _ = vae_quality.evaluate(model, test, samples=50)
    assert nll < bound < bar < entropy_of_the_mean(test)
    # the kept weights are those of the best epoch: their bound, with other draws, is the recorded one
    _, again, _ = vae_quality.evaluate(model, valid, samples=1)
    assert again == pytest.approx(min(history.validation), rel=0.02)
    assert vae_quality.evaluate(model, test, samples=50)[0] == nll
    # what is kept is not trained again, and its minutes and its machine's load are known
    assert len(list(folder.iterdir())) == 2
    same, as_before, again = vae_quality.train(x, valid, setting)
    assert as_before == history and again.seconds == pytest.approx(load.seconds, abs=1)
    assert torch.equal(same.decoder[0].weight, model.decoder[0].weight)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def test_quality_in_small_on_digits(monkeypatch, folder):
    images = np.random.default_rng(0).permutation(data.digits()[0].reshape(-1, 64))
    black = torch.from_numpy((images > 0.5).astype(np.float32))
    assert_quality_is_measured(monkeypatch, folder, black[:1200], black[1200:1500], black[1500:], bar=24)


@pytest.fixture(scope="module")
def images():
    """Training, validation and test images of a fixed and of a dynamic setting."""
    settings = {dynamic: vae_quality.Setting(1, bar=0, dynamic=dynamic) for dynamic in (False, True)}
    return from_folder(lambda _: {kind: vae_quality.images_of(one) for kind, one in settings.items()}, "all")


@pytest.mark.parametrize("dynamic", [False, True])
def test_quality_in_small_on_binarised_mnist(monkeypatch, folder, images, dynamic):
    parts = images[dynamic]
    rows = (part[:size] for part, size in zip(parts, (3000, 300, 300), strict=True))
    assert_quality_is_measured(monkeypatch, folder, *rows, bar=180, dynamic=dynamic)


def test_originals_are_found_in_any_order():
    levels = grey(enlarged_digits()).clamp(0.02, 0.98)[:500]
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    drawn = torch.bernoulli(levels[order], generator=torch.Generator().manual_seed(1))
    assert (vae_quality.originals(drawn, levels) == order).float().mean() > 0.99


def test_no_validation_image_is_trained_on_in_grey(images):
    """Each binarised pixel was drawn with its grey level: no ink where the original is white, no paper where black."""
    x, valid, _ = images[True]
    levels = torch.from_numpy(data.mnist("train")[0].reshape(-1, 784))
    assert 50_000 <= len(x) <= 60_000 - 0.99 * len(valid)
    own = levels[vae_quality.originals(valid[:100], levels)]
    assert not (valid[:100] * (own == 0)).any() and not ((1 - valid[:100]) * (own == 1)).any()
    assert not any((x == one).all(1).any() for one in own)


def test_pixels_are_drawn_anew_with_their_grey_levels(monkeypatch, folder):
    x, seen = torch.full((200, 12), 0.3), []
    monkeypatch.setattr(vae_quality, "BATCH_SIZE", 200)
    draw = vae_quality.draw_pixels
    monkeypatch.setattr(vae_quality, "draw_pixels", lambda batch: seen.append(draw(batch)) or seen[-1])
    vae_quality.train(x, x.round(), vae_quality.Setting(3, bar=0, dynamic=True), keep=False)
    assert len(seen) == 3, "for training, and not for validation, whose pixels are black and white"
    assert all(set(one.unique().tolist()) == {0.0, 1.0} and abs(one.mean() - 0.3) < 0.05 for one in seen)
    assert not torch.equal(seen[0], seen[1])
    vae_quality.train(x.round(), x.round(), vae_quality.Setting(1, bar=0), keep=False)
    assert len(seen) == 3


def test_a_run_ends_where_validation_does_not_get_better(monkeypatch, folder):
    x = (grey(enlarged_digits()[:64]) > 0.5).float()
    # what is noise in validation cannot be learned: training on noise only makes it worse
    noise = torch.bernoulli(torch.full(x.shape, 0.5), generator=torch.Generator().manual_seed(0))
    _, history, _ = vae_quality.train(x, noise, vae_quality.Setting(100, bar=0), keep=False)
    assert history.stopped_early and len(history.loss) == history.best_epoch + 20


# --- from end to end


def test_the_benchmark_of_speed_reports(monkeypatch):
    images = enlarged_digits() / np.float32(255)
    monkeypatch.setattr(vae_speed, "mnist", lambda split: (images[:300] if split == "train" else images[300:400], None))
    monkeypatch.setattr(vae_speed, "ROUNDS", 1)
    monkeypatch.setattr(vae_speed, "train_peer", lambda images, seed: (vae_speed.Peer(), 40.0))
    monkeypatch.setattr(vae_speed, "loss_of_ours", lambda model, x: 105.0)
    monkeypatch.setattr(vae_speed, "train_ours", lambda x, seed: (vae_speed.VAE(784, 20, (400,)), 8.0))
    report = vae_speed.run()
    assert report.passed and "test loss 105.00" in report.bar and "1/5.0" in report.bar
    assert "| ours " in report.table() and "652,824" in report.setting
    monkeypatch.setattr(vae_speed, "loss_of_ours", lambda model, x: 105.7)
    assert not vae_speed.run().passed
    monkeypatch.setattr(vae_speed, "loss_of_ours", lambda model, x: 105.0)
    monkeypatch.setattr(vae_speed, "train_ours", lambda x, seed: (vae_speed.VAE(784, 20, (400,)), 10.5))
    assert not vae_speed.run().passed
    monkeypatch.setattr(vae_speed, "train_ours", lambda x, seed: (vae_speed.VAE(784, 20, (401,)), 8.0))
    with pytest.raises(RuntimeError, match="the networks differ"):
        vae_speed.run()


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("benchmark", [vae_quality, vae_dynamic])
def test_the_benchmark_of_quality_reports(monkeypatch, benchmark, long):
    images = (enlarged_digits() > 127).astype(np.float32)
    monkeypatch.setattr(vae_quality, "mnist_binarised", lambda split: images[:100])
    monkeypatch.setattr(vae_quality, "mnist", lambda split: (images[:120] / 2, None))
    settings = (*benchmark.SETTINGS, *benchmark.LONGEST * long)
    nll = {one.name: one.bar - 0.1 for one in settings}
    monkeypatch.setattr(vae_quality, "evaluate", lambda model, test, samples=500: (model - samples / 5e4, 95.0, 30.0))
    (monkeypatch.setenv if long else monkeypatch.delenv)(vae_quality.LONG, *(["1"] if long else [False]))

    def train(x, valid, setting):
        class Model(float):
            def active_units(self, test):
                return torch.ones(20).sum().int()

        dynamic = benchmark is vae_dynamic
        assert setting.dynamic == dynamic and x.max() == (0.5 if dynamic else 1.0)
        load = Load()
        load.seconds, load.others = 200.0, 80.0
        history = vae_quality.History(loss=[99.0] * 7 + [91.23, 90.0], best_epoch=8, seconds=200.0)
        return Model(nll[setting.name] + 0.01), history, load

    monkeypatch.setattr(vae_quality, "train", train)
    report = benchmark.run()
    table = report.table()
    assert report.passed
    for one in settings:
        assert f"{one.name} {one.bar - 0.1:.2f} (bar {one.bar:g})" in report.bar and f"ours, {one.name}" in table
    many = benchmark.LONGEST[0].bar - 0.1 + 0.01 - 0.1
    assert (f"| {many:.2f} " in table) == long, "with more samples"
    assert all(
        words in table for words in (benchmark.PUBLISHED[0][1], "20 of 50", "8 of 9", "| 3.3 ", "| 0.4 ", "91.23")
    )
    assert ("drawn anew" in report.setting) == (benchmark is vae_dynamic)
    for name in nll:
        monkeypatch.setitem(nll, name, nll[name] + 1)
        assert not benchmark.run().passed, name
        monkeypatch.setitem(nll, name, nll[name] - 1)


def test_a_settings_decay_reaches_the_training(folder):
    x = (grey(enlarged_digits()[:64]) > 0.5).float()
    sizes = []
    for decay in (0.0, 30.0):
        model, *_ = vae_quality.train(x, x, vae_quality.Setting(10, bar=0, decay=decay), keep=False)
        sizes.append(model.encoder[0].weight.norm().item())
    assert sizes[1] < 0.8 * sizes[0]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_that_is_listed_can_be_run(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").run)


# --- the checkpoint that ships


@pytest.fixture(scope="module")
def plane():
    return load_checkpoint(PLANE)


def test_the_plane_is_small_and_the_readme_has_its_checksum(plane):
    content = PLANE.read_bytes()
    assert len(content) < 2_000_000
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"| mnist_plane.safetensors | {len(content)} | {hashlib.sha256(content).hexdigest()} |" in readme
    _, provenance = plane
    assert provenance["command"] in readme and provenance["test_elbo"] in readme
    assert data._MNIST_SHA256["train-images-idx3-ubyte.gz"] in provenance["data"]
    assert provenance["seed"] == str(train_mnist_plane.SEED)
    assert all(f"{name} {value}" in provenance["training"] for name, value in train_mnist_plane.SETTINGS.items())


def test_the_plane_is_decoded_to_images_that_look_like_digits(plane):
    model, _ = plane
    assert (model.data_dim, model.latent_dim, model.likelihood, model.training) == (784, 2, "bernoulli", False)
    assert model.hidden == train_mnist_plane.HIDDEN
    images = model.sample_means(500, torch.Generator().manual_seed(0)).reshape(-1, 28, 28)
    ink = images.mean((1, 2))
    assert 0.005 < ink.min() and ink.max() < 0.35  # MNIST's digits have 13 % on average
    border = torch.cat([images[:, [0, 1, -2, -1]].flatten(), images[:, :, [0, 1, -2, -1]].flatten()])
    assert border.mean() < 0.01 < 0.1 < images[:, 10:18, 10:18].mean()
    assert images.std(0).max() > 0.3  # and they differ
    assert (images - 0.5).abs().mean() > 0.4  # mostly paper or ink, little between


def test_the_plane_reaches_its_elbo_and_sorts_the_digits_of_mnist(plane):
    model, provenance = plane
    images, labels = from_folder(data.mnist, "test")
    x = torch.from_numpy(images.reshape(-1, 784))
    with torch.no_grad():
        elbo = model.elbo(x[:2000], 5, torch.Generator().manual_seed(0))
        codes, _ = model.encode(x)
    recorded = float(re.match(r"-\d+\.\d+", provenance["test_elbo"]).group())
    # of all test images; the first 2000 are a little harder
    assert elbo.mean().item() == pytest.approx(recorded, abs=2)
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = KNeighborsClassifier(15).fit(codes[:5000], labels[:5000])
    assert neighbours.score(codes[5000:7000], labels[5000:7000]) > 0.78


def test_the_command_that_trains_the_plane_in_small(tmp_path, monkeypatch, capsys):
    x = grey(np.random.default_rng(0).permutation(enlarged_digits()))
    monkeypatch.setattr(train_mnist_plane, "pixels", lambda split: x[:600] if split == "train" else x[600:700])
    monkeypatch.setattr(train_mnist_plane, "SETTINGS", train_mnist_plane.SETTINGS | {"epochs": 2})
    monkeypatch.setattr(train_mnist_plane, "ROOT", tmp_path)
    monkeypatch.setattr(train_mnist_plane, "TARGET", tmp_path / "plane.safetensors")
    train_mnist_plane.main()
    model, provenance = load_checkpoint(tmp_path / "plane.safetensors")
    recorded = float(re.match(r"-\d+\.\d+", provenance["test_elbo"]).group())
    elbo = model.elbo(x[600:700], 20, torch.Generator().manual_seed(0)).mean().item()
    assert elbo == pytest.approx(recorded, abs=0.006)
    content = (tmp_path / "plane.safetensors").read_bytes()
    printed = capsys.readouterr().out
    assert f"plane.safetensors: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}" in printed
    assert "training: epochs 2, " in printed
