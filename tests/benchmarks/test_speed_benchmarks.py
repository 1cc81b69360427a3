"""Benchmarks that measure time alone, in small: each still runs, and what it compares are the same things.

No time is held to a bar here: tests run beside other work.
"""

import numpy as np
import pytest

from benchmarks import em, explorers, imports


@pytest.fixture
def small_em(monkeypatch):
    monkeypatch.setattr(em, "SIZES", ((4000, 2), (3000, 5)))
    monkeypatch.setattr(em, "GROWTH_SIZES", (2000, 4000))
    monkeypatch.setattr(em.products, "numpy_speed", lambda: 1e10)


def test_em_and_scikit_learn_end_in_the_same_place(small_em):
    report = em.run()
    assert len({len(row) for row in (*report.rows, report.header)}) == 1
    pairs = [row for row in report.rows if "iterations" in row[0]]
    assert len(pairs) == 2 and all(float(row[5]) < 1e-10 for row in pairs)
    alone = [row for row in report.rows if "alone" in row[0]]
    assert [float(row[3]) > 0 for row in alone] == [True, True]
    assert len(report.rows) == 6 and "aim 10" in report.bar
    assert len({row[0] for row in report.rows}) == 6, "the page finds a row by its first cell"


def test_what_cannot_be_left_out_changes_nothing(small_em):
    data, start = em.problem(3000, 5)
    before = data.copy(), start.covariances.copy()
    assert em.least(data, start) > 0
    assert np.array_equal(data, before[0]) and np.array_equal(start.covariances, before[1])
    with np.errstate(all="raise"):
        em.least(data, start)


@pytest.mark.parametrize(("name", "value"), [("AGREEMENT_BAR", -1.0), ("SPEED_BAR", 1e9), ("GROWTH_BAR", 0.0)])
def test_a_bar_of_em_that_is_missed_is_said(small_em, monkeypatch, name, value):
    monkeypatch.setattr(em, name, value)
    monkeypatch.setattr(em, "growth_in_a_new_process", em.growth)
    assert not em.run().passed


def test_explorers_in_small(monkeypatch):
    monkeypatch.setattr(explorers, "MOVES", 3)
    monkeypatch.setattr(explorers, "MEDIAN_BAR_MS", 1e6)
    monkeypatch.setattr(explorers, "P95_BAR_MS", 1e6)
    report = explorers.run()
    assert report.passed and [row[0] for row in report.rows] == ["explorer", "interact + new figure", "ratio"]
    monkeypatch.setattr(explorers, "P95_BAR_MS", 0.0)
    assert not explorers.run().passed


def test_imports_in_small(monkeypatch):
    monkeypatch.setattr(imports, "RUNS", 2)
    monkeypatch.setattr(imports, "STATEMENTS", {"torch": "import json", "torch + course_utils": "import json, csv"})
    monkeypatch.setattr(imports, "BAR", 1e6)
    report = imports.run()
    assert report.passed and [row[0] for row in report.rows] == list(imports.STATEMENTS)


def test_an_import_that_fails_stops_the_benchmark():
    with pytest.raises(imports.subprocess.CalledProcessError):
        imports.seconds("import no_such_module")
