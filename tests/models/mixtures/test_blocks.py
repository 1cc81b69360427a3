import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from mixture_oracles import random_problem
from threadpoolctl import threadpool_limits

from course_utils.models.mixtures import _blocks, em_step


def test_blocks_change_nothing(monkeypatch):
    data, start = random_problem(3, 2, 1000, 43)
    whole, log_likelihood = em_step(start, data)
    values = start.log_prob(data), start.log_joint(data), start.responsibilities(data)
    monkeypatch.setattr(_blocks, "_BLOCK_PAIRS", 3 * 37)
    monkeypatch.setattr(_blocks, "_SERIAL_PAIRS", 0)
    pieces, in_pieces = em_step(start, data)
    assert in_pieces == pytest.approx(log_likelihood, rel=1e-14)
    np.testing.assert_allclose(pieces.means, whole.means, rtol=1e-12)
    np.testing.assert_allclose(pieces.covariances, whole.covariances, rtol=1e-11, atol=1e-13)
    for one, other in zip(
        (start.log_prob(data), start.log_joint(data), start.responsibilities(data)), values, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


def test_threads_change_no_bit():
    data, start = random_problem(4, 3, 60_000, 44)
    assert data.size * 4 > _blocks._SERIAL_PAIRS
    many, many_log_likelihood = em_step(start, data)
    with threadpool_limits(1):
        one, one_log_likelihood = em_step(start, data)
    assert one_log_likelihood == many_log_likelihood
    np.testing.assert_array_equal(one.covariances, many.covariances)
    np.testing.assert_array_equal(one.means, many.means)


def test_memory_does_not_grow_with_the_data():
    _, start = random_problem(10, 2, 10, 45)
    rng = np.random.default_rng(46)
    peaks = []
    for count in (200_000, 800_000):
        data = rng.normal(size=(count, 2))
        tracemalloc.start()
        em_step(start, data)
        start.log_likelihood(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 12e6  # the responsibilities alone would take 64 MB
    assert peaks[1] < peaks[0] + 1e6


def test_the_module_imports_neither_torch_nor_scipy_nor_scikit_learn():
    program = (
        "import sys, course_utils.models.mixtures as m; f = m.fit_em([[0.], [1.], [2.], [9.]], 1, rng=0);"
        "raise SystemExit(any(name in sys.modules for name in ('torch', 'scipy', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
