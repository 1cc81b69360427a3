"""A trained model that was kept is the model that was trained, bit for bit, or it is trained again."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_utils.lessons import gumbel
from course_utils.workshop import model_cache

trained = []


def train(size: int, seed: int = 0, name: str = "", kind: tuple = ()):
    """Fit a line, and say so."""
    trained.append((size, seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, x = nn.Linear(size, 1), torch.randn(20, size)
        search = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(3):
            search.zero_grad()
            model(x).square().mean().backward()
            search.step()
    model.note = SimpleNamespace(name=name, losses=[0.5, float("nan")], kind=kind)
    return model.eval()


train.__module__ = "course_utils.lessons.linear"  # as if it were of the package
remembered = model_cache.kept(train)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder in which models are model_cache."""
    monkeypatch.setenv(model_cache.FOLDER, str(tmp_path / "models"))
    trained.clear()
    return tmp_path / "models"


def entries(folder):
    return sorted(folder.glob("*")) + sorted(folder.glob(".*"))


def same(one, other):
    """Whether two models have the same bits: parameters, gradients, mode."""
    pairs = list(zip(one.named_parameters(), other.named_parameters(), strict=True))
    assert pairs
    return one.training == other.training and all(
        name == again
        and left.requires_grad == right.requires_grad
        and left.detach().numpy().tobytes() == right.detach().numpy().tobytes()
        and left.grad.numpy().tobytes() == right.grad.numpy().tobytes()
        for (name, left), (again, right) in pairs
    )


def test_a_hit_is_the_model_bit_for_bit_and_nothing_is_trained(folder):
    live = train(3, seed=1)
    trained.clear()
    miss, hit = remembered(3, seed=1), remembered(3, seed=1)
    assert trained == [(3, 1)]
    assert same(live, miss)
    assert same(live, hit)
    assert hit.note.losses[0] == 0.5
    assert len(entries(folder)) == 1


def test_what_one_call_returned_is_nobody_elses():
    first = remembered(3)
    with torch.no_grad():
        first.weight.zero_()
    assert remembered(3).weight.abs().sum() > 0


def test_random_numbers_go_on_as_if_nothing_had_been_read():
    torch.manual_seed(0)
    remembered(3)
    state = torch.get_rng_state()
    remembered(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_other_arguments_are_another_model_and_another_spelling_is_the_same():
    models = [remembered(3), remembered(3, 1), remembered(3, seed=2), remembered(3, kind=(1, "a"))]
    assert len(trained) == 4
    assert not same(models[0], models[1])
    remembered(size=3, seed=0, name="")
    remembered(3, 2)
    assert len(trained) == 4
    assert remembered(3, 1.0) is not None  # 1.0 is no 1
    assert len(trained) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        lambda content: pickle.dumps("another"),
    ],
)
def test_a_damaged_entry_is_trained_again_and_mended(folder, damage):
    live = remembered(3)
    [place] = entries(folder)
    place.write_bytes(damage(place.read_bytes()))
    assert same(remembered(3), live)
    assert len(trained) == 2
    assert same(remembered(3), live)
    assert len(trained) == 2


def test_under_other_code_it_is_trained_again_and_the_earlier_one_goes(folder, monkeypatch):
    remembered(3)
    remembered(4)
    before = entries(folder)
    monkeypatch.setattr(model_cache, "foundations", lambda root, threads: "of other code")
    remembered(3)
    assert trained == [(3, 0), (4, 0), (3, 0)]
    after = entries(folder)
    assert len(after) == 2
    assert len(set(before) & set(after)) == 1


@pytest.fixture
def tree(tmp_path):
    """A course of three files."""
    for name, text in (("course_utils/a.py", "a"), ("data/b.csv", "b"), ("data/cache/download", "c")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fresh(tree, threads=1):
    model_cache.foundations.cache_clear()
    return model_cache.foundations(tree, threads)


def test_the_digest_is_of_code_data_versions_and_threads(tree, monkeypatch):
    seen = {fresh(tree), fresh(tree, threads=2)}
    (tree / "course_utils" / "a.py").write_text("A")
    seen.add(fresh(tree))
    (tree / "data" / "b.csv").write_text("B")
    seen.add(fresh(tree))
    (tree / "course_utils" / "a.py").rename(tree / "course_utils" / "z.py")
    seen.add(fresh(tree))
    (tree / "data" / "cache" / "download").write_text("C")
    assert fresh(tree) in seen, "downloads do not count"
    monkeypatch.setattr(model_cache.importlib.metadata, "version", lambda name: "0.0")
    seen.add(fresh(tree))
    assert len(seen) == 6
    model_cache.foundations.cache_clear()


def test_the_digest_is_of_this_course_and_never_of_nothing(tmp_path):
    assert (model_cache.ROOT / "course_utils" / "workshop" / "model_cache.py").is_file()
    assert (model_cache.ROOT / "data" / "README.md").is_file()
    with pytest.raises(FileNotFoundError, match="a digest of nothing would fit all code"):
        fresh(tmp_path)


def test_an_interrupted_write_leaves_nothing(folder, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model_cache.os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remembered(3)
    assert entries(folder) == []
    remembered(3)
    assert len(entries(folder)) == 1


def test_an_error_is_not_kept(folder):
    with pytest.raises(TypeError):
        remembered()
    with pytest.raises(RuntimeError):
        remembered(-1)
    assert not folder.exists()


def test_nothing_is_kept_unless_asked_for_or_where_it_would_be_unsound(folder, monkeypatch):
    remembered(3, name=SimpleNamespace())
    assert not folder.exists(), "an object has no lasting name"
    with monkeypatch.context() as patch:
        patch.setattr(train, "__module__", "mutant")
        remembered(3)
    assert not folder.exists(), "a changed copy of a module is not what the digest describes"
    monkeypatch.delenv(model_cache.FOLDER)
    remembered(3)
    remembered(3)
    assert len(trained) == 4
    assert not folder.exists()


def test_a_lessons_model_is_the_same_from_another_process(folder):
    live = gumbel.categorical_vae.__wrapped__.__wrapped__(epochs=2)
    ask = "from course_utils.lessons import gumbel; gumbel.categorical_vae(epochs=2)"
    subprocess.run([sys.executable, "-c", ask], check=True)
    [place] = entries(folder)
    written = place.stat().st_mtime_ns
    read = gumbel.categorical_vae.__wrapped__(epochs=2)
    [again] = entries(folder)
    assert (again, again.stat().st_mtime_ns) == (place, written), "this process has trained as well"
    assert same(read, live)
