"""Benchmarks: measured claims about speed and quality, each with a peer and a bar.

``python -m benchmarks`` lists them, ``python -m benchmarks NAME`` runs one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LONG = "VAE_BENCH_LONG"
"""The environment variable that asks benchmarks for their longest settings."""


@dataclass(frozen=True)
class Report:
    """What one run of a benchmark gave.

    Parameters
    ----------
    setting : str
        What was measured and how.
    header, rows : sequences of str
        The table.
    bar : str
        The condition that must hold, in words and with the measured values.
    passed : bool
        Whether it holds.
    """

    setting: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    bar: str
    passed: bool

    def table(self) -> str:
        """Return the table as Markdown with aligned columns."""
        lines = [list(self.header), *map(list, self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        cells = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        rule = "|".join("-" * (width + 2) for width in widths)
        first, *others = (f"| {line} |" for line in cells)
        return "\n".join([first, f"|{rule}|", *others])


def percentile_95(values: Sequence[float]) -> float:
    """Return the 95th percentile of at least two values."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
