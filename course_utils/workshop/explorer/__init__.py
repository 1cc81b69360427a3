"""Explorers: a picture with sliders that is never blank, with or without a running kernel."""

from course_utils.workshop.explorer.explorer import Choice, Explorer, ExplorerError, Slider

__all__ = ["Choice", "Explorer", "ExplorerError", "Slider"]
