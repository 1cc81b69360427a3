"""Where long runs keep themselves, so that hours survive a machine that is switched off."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"


def checkpoint(benchmark: str, row: str) -> Path:
    """Return the file of one row of a benchmark, in `build/benchmarks`; delete it, and the row begins anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", row.lower()).strip("-")
    return FOLDER / f"{benchmark}-{name}.pt"


def load_of(benchmark: str, row: str) -> Path:
    """Return the file beside a row's checkpoint in which the machine's other work is summed up."""
    return checkpoint(benchmark, row).with_suffix(".load.json")
