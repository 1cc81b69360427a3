"""What a notebook needs before it starts: packages that are present and new enough, seeds, plotting style.

Only the standard library is imported at the top, so that a missing package is explained in words.
"""

import importlib.metadata
import importlib.util
import random
import re
import sys

PYTHON = "3.11"
# import name -> (name on the package index, oldest version that the course is written for)
REQUIRED = {
    "IPython": ("ipython", "8.20"),
    "PIL": ("pillow", "10.4"),
    "daft": ("daft-pgm", "0.1.4"),
    "ipywidgets": ("ipywidgets", "8.1"),
    "matplotlib": ("matplotlib", "3.9"),
    "numpy": ("numpy", "2.0"),
    "pooch": ("pooch", "1.8"),
    "safetensors": ("safetensors", "0.5"),
    "scipy": ("scipy", "1.14"),
    "sklearn": ("scikit-learn", "1.5"),
    "torch": ("torch", "2.4"),
    "tqdm": ("tqdm", "4.66"),
}
MEND = (
    "To mend it: close Jupyter, open a terminal in the course's folder (the one that holds README.md) and run "
    "`make lab`; without make, run `python -m pip install -c constraints.txt -e .[lab]`; then start again from there."
)


def _numbers(version):
    """Turn '2.13.0+cpu' into (2, 13, 0): enough to compare releases."""
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", version).group().split("."))


def _missing():
    return [name for module, (name, _) in REQUIRED.items() if importlib.util.find_spec(module) is None]


def _too_old():
    """List what is older than the course needs, each as a phrase."""
    found = []
    if sys.version_info[:2] < _numbers(PYTHON):
        found.append(f"Python {sys.version_info[0]}.{sys.version_info[1]} (needed: {PYTHON} or newer)")
    for name, oldest in REQUIRED.values():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # importable without metadata: nothing to compare
            continue
        if _numbers(version) < _numbers(oldest):
            found.append(f"{name} {version} (needed: {oldest} or newer)")
    return found


def require_packages():
    """Raise one ImportError that names every missing package and says what to do."""
    missing = _missing()
    if missing:
        raise ImportError(
            f"The course needs {', '.join(missing)}, which this Python ({sys.executable}) does not have. {MEND}"
        )


def check_environment():
    """Print, in words that are the same on every machine, what the course needs and whether it is here."""
    missing, too_old = _missing(), _too_old()
    trouble = [phrase.split(" ")[0] for phrase in too_old] + missing
    rows = [("Python", PYTHON), *REQUIRED.values()]
    for name, oldest in rows:
        print(f"{'✗' if name in trouble else '✓'} {name:<13}{oldest} or newer")
    for phrase in [f"{name} is missing" for name in missing] + [f"too old: {phrase}" for phrase in too_old]:
        print(f"✗ {phrase}")
    print(MEND if trouble else "Everything is in place.")


def setup(seed):
    """Make a notebook repeatable and readable: seeds, deterministic algorithms, the course's plotting style.

    Parameters
    ----------
    seed : int, or an integer of numpy
        Not negative. Seeds Python's, NumPy's and torch's global generators.

    Returns
    -------
    numpy.random.Generator
        A generator of its own, seeded with `seed`, for everything the notebook draws.

    Raises
    ------
    TypeError, ValueError
        The seed is no integer, or not within 0 … 2³² − 1.
    """
    import numpy as np
    import torch

    from course_utils.workshop.style import use_style
    from course_utils.workshop.validation import check_scalar

    seed = check_scalar("seed", seed, integer=True)
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie between 0 and 2**32 - 1; got {seed}")

    for phrase in _too_old():
        print(f"Too old: {phrase}. The notebook may still run. {MEND}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    use_style()
    return np.random.default_rng(seed)
