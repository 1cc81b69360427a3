"""The explorers of a lesson's notebook, and the command that draws them."""

import re

import pytest

from tools.publish.frames import FramesError, explorers_of
from tools.publish.frames.__main__ import main


@pytest.mark.parametrize("source", ["lesson.unknown()", "lesson.bell(1)", "bell()", "x = lesson.bell()", "lesson."])
def test_a_cell_that_is_no_explorer_is_named(notebook, source):
    with pytest.raises(FramesError, match=r"01_try\.ipynb, cell 2: .*one of the names bell, broken; got"):
        list(explorers_of(notebook(source)))


def test_the_command_prints_what_frames_cost(notebook, capsys):
    notebook("lesson.bell()")
    assert main(["01"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"01_try +bell +9 +9 +\d+ +\d+\.\d +\d+\.\d\n", out)


def test_the_command_says_what_failed(notebook, capsys):
    notebook("lesson.broken()")
    assert main(["01_try"]) == 1
    assert re.search(r"cell 2: explorer 'bell' cannot draw mean μ = 0 min: ZeroDiv", capsys.readouterr().err)
    assert main(["77"]) == 1
    assert "there is no lesson '77'" in capsys.readouterr().err
