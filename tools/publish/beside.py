"""What other commands have built beside a site: decks and handouts, to which its pages lead."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SLIDES, HANDOUTS = "slides", "handouts"
"""The folders, each with the marker of what has built it."""


@dataclass(frozen=True)
class Beside:
    """What other commands have built of the lessons: decks and handouts, by folder, and where a page finds them."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    inside: bool = True
    """Whether the site holds a copy, or its pages lead to the folders beside it."""

    def links(self, lesson: str) -> Iterator[tuple[str, str, bool]]:
        """Yield the links to what there is of a lesson, for a page of the folder `notebooks`."""
        stem = lesson.removesuffix(".ipynb")
        for name, folder in self.folders.items():
            there = f"{'..' if self.inside else '../..'}/{name}"
            if name == HANDOUTS and (folder / f"{stem}.pdf").is_file():
                yield "Handout", f"{there}/{stem}.pdf", False
            if name == SLIDES:
                for deck in sorted(folder.glob(f"{stem[:2]}-[0-9]*.html")):
                    yield f"Slides, {deck.stem[3:]} minutes", f"{there}/{deck.name}", False
                if (folder / f"{stem}.html").is_file():
                    yield "Slides", f"{there}/{stem}.html", False

    def copy(self, built: Path) -> None:
        """Copy the folders into a built site."""
        for name, folder in self.folders.items() if self.inside else ():
            shutil.copytree(folder, built / name, ignore=shutil.ignore_patterns(".built-by-*"))


def beside(output: Path, *, students: bool = False, inside: bool = True) -> Beside:
    """Return what was built beside the folder of a site; only a folder with its builder's marker counts."""
    names = (HANDOUTS,) if students else (SLIDES, HANDOUTS)
    folders = {name: output.parent / name for name in names}
    there = {name: folder for name, folder in folders.items() if (folder / f".built-by-{name}").is_file()}
    return Beside(there, inside)
