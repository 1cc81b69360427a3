"""Where long runs keep themselves, so that hours survive a machine that is switched off."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"


def checkpoint(benchmark: str, row: str) -> Path:
    """Return the file of one row of a benchmark, in `build/benchmarks`; delete it, and the row begins anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", row.lower()).strip("-")
    return FOLDER / f"{benchmark}-{name}.pt"


def load_of(benchmark: str, row: str) -> Path:
    """Return the file beside a row's checkpoint in which the machine's other work is summed up."""
    return checkpoint(benchmark, row).with_suffix(".load.json")


def remembered(benchmark: str, row: str, models: tuple[nn.Module, ...], compute: Callable[[], float]) -> float:
    """Return a number that takes minutes to compute, from a file where it was computed for the same weights already."""
    digest = hashlib.sha256()
    for model in models:
        for name, value in model.state_dict().items():
            digest.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    file = checkpoint(benchmark, row).with_suffix(".value.json")
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["weights"] == digest.hexdigest():
            return known["value"]
    value = compute()
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps({"weights": digest.hexdigest(), "value": value}), encoding="utf-8")
    new.replace(file)  # in one step: whoever stops us now leaves the old file or the new one
    return value
