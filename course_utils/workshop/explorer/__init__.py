"""Explorers: a picture with sliders that is never blank, with or without a running kernel.

An :class:`Explorer` builds its figure once and updates the artists in it. In a notebook with a kernel
it shows labelled controls; everywhere else (a page on the web, a notebook that was not run, a printed
copy) it shows the picture of its default state, with the same words.

Matplotlib and ipywidgets are imported when an explorer first draws or is first displayed.
"""

from course_utils.workshop.explorer.controls import Choice, Slider
from course_utils.workshop.explorer.errors import ExplorerError
from course_utils.workshop.explorer.explorer import Explorer

__all__ = ["Choice", "Explorer", "ExplorerError", "Slider"]
