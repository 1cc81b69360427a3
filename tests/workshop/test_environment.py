"""The environment check and `setup`: what they say of a missing or old package, and what they seed."""

import importlib.metadata
import importlib.util
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from course_utils import check_environment, setup
from course_utils.workshop import environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def no_torch(monkeypatch):
    """A Python without torch."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name))


@pytest.fixture
def old_numpy(monkeypatch):
    """A Python with a numpy of long ago."""
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.9.3" if name == "numpy" else version(name))


@pytest.fixture(autouse=True)
def session_kept():
    """Put back what `setup` sets for the whole process."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    with matplotlib.rc_context():
        yield
    random.setstate(states[0]), np.random.set_state(states[1]), torch.set_rng_state(states[2])
    torch.use_deterministic_algorithms(False)


def test_the_list_is_the_one_that_pip_installs():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(f"{name}>={oldest}" for name, oldest in environment.REQUIRED.values()) == declared["dependencies"]
    assert f">={environment.PYTHON}" == declared["requires-python"]


def test_a_complete_environment_is_reported_in_words_without_versions_of_this_machine(capsys):
    check_environment()
    out = capsys.readouterr().out
    assert out.count("✓") == len(environment.REQUIRED) + 1
    assert "✗" not in out
    assert out.endswith("Everything is in place.\n")
    assert torch.__version__ not in out


def test_a_missing_package_is_named_with_what_to_do(no_torch, capsys):
    check_environment()
    out = capsys.readouterr().out
    assert "✗ torch " in out
    assert "✗ torch is missing" in out
    assert "make lab" in out
    with pytest.raises(ImportError, match=r"needs torch, which this Python .*`make lab`"):
        environment.require_packages()


def test_an_old_package_is_named_with_both_versions(old_numpy, capsys):
    check_environment()
    assert "✗ too old: numpy 1.9.3 (needed: 2.0 or newer)" in capsys.readouterr().out
    setup(0)
    assert "Too old: numpy 1.9.3" in capsys.readouterr().out


def test_importing_the_course_without_torch_gives_one_sentence():
    code = (
        "import importlib.util as u; f = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'torch' else f(name, *rest)\n"
        "import course_utils"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0
    assert run.stderr.strip().splitlines()[-1].startswith("ImportError: The course needs torch")


def test_importing_the_course_leaves_the_heavy_packages_alone():
    heavy = {"torch", "sklearn", "scipy", "matplotlib.pyplot", "ipywidgets"}
    code = f"import sys, course_utils; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_setup_repeats_every_kind_of_random_number(capsys):
    def numbers():
        rng = setup(7)
        return random.random(), np.random.rand(), torch.rand(()).item(), rng.random()

    assert numbers() == numbers()
    assert capsys.readouterr().out == ""
    assert torch.are_deterministic_algorithms_enabled()
    assert setup(8).random() != setup(7).random()


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_a_seed_may_be_an_integer_of_numpy(kind):
    assert setup(kind(7)).random() == setup(7).random()


@pytest.mark.parametrize("seed", [None, "1", 1.0, True])
def test_a_seed_of_the_wrong_type_is_refused(seed):
    with pytest.raises(TypeError, match="seed must be an integer; got"):
        setup(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused_and_changes_nothing(seed):
    before = np.random.get_state()[1].copy()
    with pytest.raises(ValueError, match=re.escape(f"between 0 and 2**32 - 1; got {seed}")):
        setup(seed)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
