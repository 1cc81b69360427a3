"""Every explorer of every lesson, at the corners, the middle and random points of its sliders."""

import math
import re
from pathlib import Path

import contracts
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_explorer_of_the_lesson_survives_a_sweep(path):
    notebook = nbformat.read(path, as_version=4)
    module = contracts.lesson_module(notebook)
    assert len(module.EXPLORERS) >= len(contracts.explorer_cells(notebook))
    for name, build in module.EXPLORERS.items():
        explorer = build()
        try:
            states = explorer.sweep()
        finally:
            explorer.close()
        assert len(states) >= 3, name
        for text in (explorer.title, explorer.alt, *(control.caption for control in explorer.controls)):
            assert not re.search(r"[_$^\\{}]", text), (name, text)
        for parameters, sentence in states:
            assert sentence.strip(), (name, parameters)
            # It is shown and read out as it stands: nothing turns an underscore or TeX into a subscript.
            assert not re.search(r"[_$^\\{}]", sentence), (name, sentence)
            assert all(math.isfinite(x) for x in parameters.values() if isinstance(x, float)), (
                name,
                parameters,
            )
