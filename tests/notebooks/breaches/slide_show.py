"""Slides: what breaks its rules."""

from breaches.lesson import find, replace
from breaches.registry import breaks


@breaks("slides", "slide type None")
def no_slide_type(notebook, module):
    del notebook.cells[2].metadata["slideshow"]


@breaks("slides", "slide type 'slides'")
def mistyped_slide_type(notebook, module):
    notebook.cells[2].metadata.slideshow.slide_type = "slides"


@breaks("slides", "starts a section, but no slide")
def section_without_slide(notebook, module):
    notebook.cells[find(notebook, "## 1.2")].metadata.slideshow.slide_type = "subslide"


@breaks("slides", "starts a section, but no slide")
def skipped_section(notebook, module):
    notebook.cells[find(notebook, "## 1.2")].metadata.slideshow.slide_type = "skip"


@breaks("slides", "the tag notes and the slide type notes go together")
def untagged_notes(notebook, module):
    del notebook.cells[find(notebook, "<details>")].metadata["tags"]


@breaks("slides", "must start with <details>")
def notes_without_minutes(notebook, module):
    replace(notebook, " · 6 min", "")


@breaks("slides", "the section '1.2 The median' has no presenter's note")
def section_without_notes(notebook, module):
    del notebook.cells[find(notebook, "## 1.2") + 1]
