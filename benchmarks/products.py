"""How fast the machine multiplies matrices, and what share of that a program reaches."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import torch

SIDE, RUNS = 1536, 5


def numpy_speed(side: int = SIDE, runs: int = RUNS) -> float:
    """Return additions and multiplications per second of NumPy's product of two square matrices in double precision.

    The quickest of several runs, with as many threads as NumPy takes by itself.
    """
    a = np.random.default_rng(0).normal(size=(side, side))
    return _speed(lambda: a @ a, side, runs)


def torch_speed(side: int = SIDE, runs: int = RUNS) -> float:
    """Return the same of torch in single precision, with torch's threads."""
    a = torch.randn(side, side, generator=torch.Generator().manual_seed(0))
    return _speed(lambda: a @ a, side, runs)


@functools.cache
def half_is_quicker(side: int = 256) -> bool:
    """Return whether this machine multiplies matrices faster in bfloat16 than in single precision.

    Processors without instructions for it need a hundred times as long. Measured once in a process.
    """
    a = torch.randn(side, side, generator=torch.Generator().manual_seed(0))
    half = a.bfloat16()
    return _speed(lambda: half @ half, side, 3) > _speed(lambda: a @ a, side, 3)


def _speed(multiply: Callable[[], object], side: int, runs: int) -> float:
    multiply()  # threads are started, memory is fetched
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def em_operations(rows: int, columns: int, components: int) -> int:
    """Return additions and multiplications in the two matrix products of one step of EM with full covariances.

    Each row is seen by each component, y = L⁻¹(x − μ), and its y yᵀ is added up. Exponentials, which are as many as
    rows times components, are not counted: with few columns they are most of the work.
    """
    return 2 * rows * components * columns * (columns + 1 + columns)


def network_operations(weights: int, rows: int) -> int:
    """Return additions and multiplications of training on so many rows: forward, and twice as much backward.

    The first layer needs no gradient of its input, which is counted all the same.
    """
    return 6 * weights * rows
