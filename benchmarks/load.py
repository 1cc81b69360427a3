"""How much else a machine did while something was measured."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil


@dataclass
class Load:
    """What other processes took of the machine's cores while a ``with`` block ran.

    Other work makes minutes longer, and so does not belong into a comparison of minutes without being named.

    Parameters
    ----------
    file : where the sums are kept, so that a run which is interrupted and goes on later knows its earlier parts.

    Attributes
    ----------
    seconds : of wall clock, over all blocks.
    others : core-seconds of other processes in them, the system's own work included.
    """

    file: Path | None = None
    seconds: float = 0.0
    others: float = 0.0

    def __post_init__(self) -> None:
        if self.file is not None and self.file.is_file():
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            self.seconds, self.others = kept["seconds"], kept["others"]

    @property
    def cores(self) -> float:
        """How many cores others had on average; NaN before the first block."""
        return self.others / self.seconds if self.seconds else math.nan

    def __enter__(self) -> Load:
        self._start = _clock()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        seconds, busy, own = (end - start for end, start in zip(_clock(), self._start, strict=True))
        self.seconds += seconds
        self.others += max(0.0, busy - own)
        if self.file is not None:
            self.file.write_text(json.dumps({"seconds": self.seconds, "others": self.others}), encoding="utf-8")


def _clock() -> tuple[float, float, float]:
    """Return seconds of wall clock, of all cores' work, and of this process's work."""
    times = psutil.cpu_times()
    # a virtual machine's own waiting is not work that the machine did
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    # what guests did is counted in `user` already
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return time.perf_counter(), sum(times) - idle - guests, time.process_time()
