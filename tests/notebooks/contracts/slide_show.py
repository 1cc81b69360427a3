"""Slides: every cell has its place in the slide show."""

import re
from pathlib import Path

from nbformat import NotebookNode

from contracts.cells import Heading, headings, tags
from contracts.registry import rule
from tools.execute import describe

SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}


@rule
def slides(notebook: NotebookNode, path: Path) -> list[str]:
    """Every cell has its place in the slide show; sections start slides; each has a note with minutes."""
    found = []
    starts = {heading.cell: heading for heading in headings(notebook) if heading.level <= 2}
    for index, cell in enumerate(notebook.cells):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        name = describe(index, cell)
        if kind not in SLIDE_TYPES:
            found.append(f"{name} has the slide type {kind!r}; choose from {', '.join(sorted(SLIDE_TYPES))}")
        elif index in starts and kind != "slide" and not (kind == "skip" and _may_be_skipped(starts[index])):
            found.append(f"{name} starts a section, but no slide (its type is {kind})")
        if ("notes" in tags(cell)) != (kind == "notes"):
            found.append(f"{name}: the tag notes and the slide type notes go together")
        if "notes" in tags(cell) and not _minutes(cell):
            found.append(f"{name} must start with <details><summary>Presenter's note · N min</summary>")
    sections = [heading for heading in headings(notebook) if heading.level == 2]
    bounds = [*(section.cell for section in sections), len(notebook.cells)]
    for section, end in zip(sections, bounds[1:], strict=True):
        inside = notebook.cells[section.cell : end]
        if section.text[0].isdigit() and not any("notes" in tags(cell) and _minutes(cell) for cell in inside):
            found.append(f"the section '{section.text}' has no presenter's note with minutes")
    return found


def _may_be_skipped(heading: Heading) -> bool:
    """Whether it opens what one reads at home: a second-level section without a number."""
    return heading.level == 2 and not heading.text[0].isdigit()


def _minutes(cell: NotebookNode) -> bool:
    start = r"<details>\s*<summary>\s*Presenter['’]s note · \d+ min\s*</summary>"
    return re.match(start, cell.source) is not None
