"""Import time of the course package, in fresh interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks import Report, percentile_95

RUNS = 7
BAR = 0.15
"""Largest share of torch's own import time that course_utils may add to it. A reader waits for torch in
every lesson; a seventh more goes unnoticed, while eager imports of matplotlib.pyplot, scikit-learn and
ipywidgets would double the wait."""

STATEMENTS = {
    "torch": "import torch",
    "torch + course_utils": "import torch, course_utils",
    "course_utils": "import course_utils",
    "numpy": "import numpy",
}
_TIMER = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds(statement: str) -> float:
    """Time one import statement in a fresh interpreter."""
    command = [sys.executable, "-c", _TIMER.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run() -> Report:
    """Time every statement in turn, several times, after one untimed round that fills the file cache."""
    for statement in STATEMENTS.values():
        seconds(statement)
    times: dict[str, list[float]] = {how: [] for how in STATEMENTS}
    for _ in range(RUNS):
        for how, statement in STATEMENTS.items():
            times[how].append(seconds(statement))
    median = {how: statistics.median(values) for how, values in times.items()}
    # Differences within a round cancel what else the machine does; their median ignores the odd bad round.
    rounds = zip(times["torch"], times["torch + course_utils"], strict=True)
    added = statistics.median((both - torch) / torch for torch, both in rounds)
    return Report(
        setting=f"Import time in a fresh interpreter, {RUNS} rounds of all rows in turn, files cached.",
        header=("imported", "median s", "p95 s", "of torch"),
        rows=[
            (how, f"{middle:.2f}", f"{percentile_95(times[how]):.2f}", f"{middle / median['torch']:.2f}")
            for how, middle in median.items()
        ],
        bar=f"course_utils adds {added:.0%} to torch's import; bar {BAR:.0%}",
        passed=added <= BAR,
    )
