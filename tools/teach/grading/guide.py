"""What the instructor's guide says about an exercise: what to listen for, what to ask the room, which homework."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from tools.teach.grading.course import Place

ROOT = Path(__file__).resolve().parents[3]
GUIDE = "docs/instructor"
_LISTEN, _ASK, _HOMEWORK = "Misconceptions to listen for", "Ask the room", "Homework"


@dataclass(frozen=True)
class Advice:
    """Lines of the guide's page on a lesson, in Markdown: what names the exercise, and questions of its section."""

    page: str
    listen: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    homework: tuple[str, ...] = ()

    def __bool__(self):
        return bool(self.listen or self.ask or self.homework)


@functools.cache
def _sections(lesson):
    """Return the points of each section of a page."""
    path = ROOT / GUIDE / f"{lesson}.md"
    sections: dict[str, list[str]] = {}
    heading = ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        if line.startswith("## "):
            heading = line[3:].strip()
        elif line.startswith("- "):
            sections.setdefault(heading, []).append(line[2:].strip())
    return sections


def advice(place: Place) -> Advice:
    """Return what the guide says about an exercise; nothing where it does not speak of it."""
    sections = _sections(place.lesson)
    named = re.compile(rf"\bexercises? (?:[\d.]+,? (?:and )?)*{re.escape(place.number)}(?![\d.]*\d)", re.IGNORECASE)

    def about(heading):
        return tuple(line for line in sections.get(heading, ()) if named.search(line))

    section = rf"{re.escape(place.section)} ·"
    ask = [line for line in sections.get(_ASK, ()) if place.section and re.match(section, line)]
    both = tuple(dict.fromkeys([*about(_ASK), *ask]))
    return Advice(f"{GUIDE}/{place.lesson}.md", about(_LISTEN), both, about(_HOMEWORK))


__all__ = ["Advice", "advice"]
