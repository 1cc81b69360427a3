"""The rows of the data, block by block: joint log-densities, their sums and what is made of them in place.

With a factor Σ_k = L_k L_kᵀ, component k sees a point as y = L_k⁻¹ (x − μ_k), and (x − μ_k)ᵀ Σ_k⁻¹ (x − μ_k) = yᵀy.
That square is never expanded into xᵀΣ_k⁻¹x − 2 … + …, whose terms cancel where a component is narrow or the data are
far from the origin.

Rows are worked on in blocks that stay in the processor's cache, so memory beyond the data does not grow with
their number. Neither blocks nor results depend on how many threads share the work.
"""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from course_utils.models.gaussians import LOG_2PI

# Most numbers of a block, rows × components and rows × components × columns: few enough for the processor's
# caches, enough for threads to hand over the interpreter's lock seldom.
_BLOCK_PAIRS = 60_000
_BLOCK_COORDINATES = 500_000
_BLOCKS_IN_A_TASK = 8
# A pass over fewer pairs (row, component) takes about a millisecond, and threads would not make it shorter.
_SERIAL_PAIRS = 100_000


class View(NamedTuple):
    """How the components see the rows: y_k = L_k⁻¹ (x − μ_k), one affine map for all of them."""

    origin: np.ndarray
    """(D,) the mixture's mean, subtracted from a row before all else, so that no digits go to a common offset."""
    factors: np.ndarray
    """(K, D, D) L_k, lower triangular with L_k L_kᵀ = Σ_k."""
    inverses: np.ndarray
    """(K, D, D) L_k⁻¹."""
    matrix: np.ndarray
    """(K D, D + 1) takes (x − origin, 1) to all y_k, one below the other."""
    log_volumes: np.ndarray
    """(K,) ½ log |Σ_k|."""
    constants: np.ndarray
    """(K,) log π_k − ½ log |2πΣ_k|."""


class Block(NamedTuple):
    """Buffers for some rows. The rows are the last axis, along which processors are fast."""

    centred: np.ndarray
    """(D + 1, rows) the rows less the origin, and ones."""
    whitened: np.ndarray
    """(K, D, rows) y_k."""
    log_joint: np.ndarray
    """(K, rows) log π_k + log N(x | μ_k, Σ_k)."""


def view_of(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> View:
    components, columns = means.shape
    factors = np.linalg.cholesky(covariances)
    inverses = np.linalg.inv(factors)
    origin = weights @ means
    matrix = np.empty((components, columns, columns + 1))
    matrix[:, :, :-1] = inverses
    matrix[:, :, -1] = -np.einsum("kij,kj->ki", inverses, means - origin)
    log_volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    with np.errstate(divide="ignore"):  # a component of weight 0 has log-weight −∞, as it should
        constants = np.log(weights) - log_volumes - 0.5 * columns * LOG_2PI
    return View(origin, factors, inverses, matrix.reshape(-1, columns + 1), log_volumes, constants)


def blocks(view: View, data: np.ndarray, rows: range) -> Iterator[tuple[slice, Block]]:
    """Yield runs of rows with their joint log-densities, in the same buffers each time."""
    components, columns, _ = view.factors.shape
    step = min(_block_rows(view), len(rows))
    buffers = Block(np.ones((columns + 1, step)), np.empty((components, columns, step)), np.empty((components, step)))
    for first in range(rows.start, rows.stop, step):
        part = slice(first, min(first + step, rows.stop))
        block = Block(*(buffer[..., : part.stop - first] for buffer in buffers))
        with np.errstate(over="ignore", invalid="ignore"):  # `_highest` speaks of a point too far away
            np.subtract(data[part].T, view.origin[:, None], out=block.centred[:-1])
            np.matmul(view.matrix, block.centred, out=block.whitened.reshape(components * columns, -1))
            np.einsum("kdn,kdn->kn", block.whitened, block.whitened, out=block.log_joint)
            np.multiply(block.log_joint, -0.5, out=block.log_joint)
            np.add(block.log_joint, view.constants[:, None], out=block.log_joint)
        yield part, block


def normalise(block: Block) -> np.ndarray:
    """Turn joint log-densities into responsibilities, in place, and return log p(x) of each row."""
    scores = block.log_joint
    top = _highest(block)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=0)
    scores /= total
    return top + np.log(total)


def joint_log_densities(block: Block) -> np.ndarray:
    _highest(block)
    return block.log_joint.T


def posteriors(block: Block) -> np.ndarray:
    normalise(block)
    return block.log_joint.T


def _highest(block: Block) -> np.ndarray:
    top = block.log_joint.max(axis=0)
    if not np.isfinite(top).all():
        point = block.centred[:-1, np.argmin(np.isfinite(top))]
        raise ValueError(
            "data must have a log-density in the range of float64; a point at distance "
            f"{math.hypot(*point):.3g} from the mixture's mean has none"
        )
    return top


def total_log_density(view: View, data: np.ndarray) -> float:
    def task(rows: range) -> float:
        return sum(normalise(block).sum() for _, block in blocks(view, data, rows))

    return math.fsum(run(task, view, len(data)))


def _block_rows(view: View) -> int:
    components, columns, _ = view.factors.shape
    return max(1, min(_BLOCK_PAIRS // components, _BLOCK_COORDINATES // (components * columns)))


def run(task: Callable[[range], Any], view: View, count: int) -> list[Any]:
    """Give runs of rows to a task, in as many threads as the linear algebra would use, and list what it returns."""
    length = _BLOCKS_IN_A_TASK * _block_rows(view)
    parts = [range(first, min(first + length, count)) for first in range(0, count, length)]
    blas = _blas()
    # The matrices of a block are too small to be shared between threads; blocks are not, and numpy lets go of
    # the interpreter's lock while it computes.
    workers = 1
    if count * len(view.factors) > _SERIAL_PAIRS:
        workers = max((library["num_threads"] for library in blas.info()), default=os.cpu_count() or 1)
    with blas.limit(limits=1):
        if workers == 1:
            return [task(part) for part in parts]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(task, parts))


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
