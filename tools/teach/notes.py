"""The presenter's page of a live deck: for each slide its number, what it shows, and the note of its section.

The page is one file. It follows the deck that is open in another window of the same browser, and turns its pages; with
no deck, it is walked by itself.
"""

import html
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nbconvert.filters import markdown2html
from nbformat import NotebookNode

from tools.publish.slide_types import NOTE, has_picture, kind, speaks_for_itself, unfolded

PAGE = Path(__file__).with_suffix(".html")
LONGEST = 110
"""Letters of a cell that the page shows."""

_ALT = re.compile(r'\balt="([^"]*)"')
_QUESTION = re.compile(r"(&quot;|[\"“])((?:[^\"“”<>]|</?em>)*?\?)(&quot;|[\"”])")


@dataclass
class Slide:
    """What the presenter reads of a slide."""

    title: str
    section: str
    minutes: int
    """What its section may take."""
    begins: int
    """When its section begins, in minutes from the start."""
    note: str
    """HTML."""
    stops: list[tuple[str, str]] = field(default_factory=list)
    """The cells to which a key press leads, by id, and what each shows."""


def slides(notebook: NotebookNode) -> list[Slide]:
    """Return the slides of a lesson, subslides counted as slides.

    A note is about the slides between the one before it, or the beginning of the section, and itself; what a section
    shows after its last note belongs to that one.
    """
    found: list[Slide] = []
    waiting: list[Slide] = []  # for their note
    last: Slide | None = None  # of the section, that has a note
    begins = 0
    title = section = ""
    for cell in notebook.cells:
        if kind(cell) == "notes" and (said := NOTE.match(cell.source)):
            last = _give(waiting, int(said[1]), begins, _note(said[2])) or last
            begins += int(said[1])
        if kind(cell) in ("skip", "notes") or "solution" in cell.metadata.get("tags", []):
            continue
        own = _heading(cell)
        title = own or title
        if kind(cell) == "slide":
            _end(waiting, last, begins)
            last, section = None, title
        if kind(cell) in ("slide", "subslide") or not found:
            found.append(Slide(title if own else f"{title}, continued", section or title, 0, 0, ""))
            waiting.append(found[-1])
        found[-1].stops.append((cell.id, _shows(cell)))
    _end(waiting, last, begins)
    return found


def _give(waiting: list[Slide], minutes: int, begins: int, note: str) -> Slide | None:
    given = waiting[-1] if waiting else None
    for slide in waiting:
        slide.minutes, slide.begins, slide.note = minutes, begins, note
    waiting.clear()
    return given


def _end(waiting: list[Slide], last: Slide | None, begins: int) -> None:
    """End a section: what has no note of its own belongs to the last one."""
    if last is None:
        _give(waiting, 0, begins, "")
    else:
        _give(waiting, last.minutes, last.begins, last.note)


def page(notebook: NotebookNode, name: str, presentation: str, fonts: str) -> str:
    """Return the presenter's page.

    Parameters
    ----------
    notebook : NotebookNode
        The lesson, with its notes.
    name : str
        The lesson's name.
    presentation : str
        The name under which deck and page find each other.
    fonts : str
        The style sheet of the course's fonts.
    """
    shown = slides(notebook)
    known = {
        "presentation": presentation,
        "slides": [asdict(slide) for slide in shown],
        "minutes": max((slide.begins + slide.minutes for slide in shown), default=0),
    }
    # Within a script, a text may not end the script.
    data = json.dumps(known, ensure_ascii=False).replace("</", "<\\/")
    title = html.escape(f"{name[:2]} · {shown[0].title.split(' · ')[-1]}" if shown else name)
    return (
        PAGE.read_text(encoding="utf-8")
        .replace("/* FONTS */", fonts)
        .replace("@TITLE@", title)
        .replace("/* SLIDES */", data)
    )


def _heading(cell: NotebookNode) -> str:
    found = re.search(r"^#{1,4} (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
    return _plain(found[1]) if found else ""


def _shows(cell: NotebookNode) -> str:
    """Say in a few words what a cell shows."""
    tags = cell.metadata.get("tags", [])
    if cell.cell_type == "markdown":
        lines = unfolded(cell.source).strip().splitlines()
        words = [line for line in lines if not line.startswith("#")]
        return _short(_plain(" ".join(words if any(words) else lines)))
    if "explorer" in tags:
        return "Explorer"
    if "exercise" in tags:
        return "Exercise: the starter code"
    if has_picture(cell):
        pages = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
        words = next((found[1] for found in map(_ALT.search, pages) if found), "")
        return _short(f"Figure. {html.unescape(words)}")
    if speaks_for_itself(cell):
        said = " ".join(output.get("text", "") for output in cell.outputs)
        return _short("Claims: " + said.replace("✓ ", "").strip() if "✓" in said else said.strip() or "Output")
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return _short(f"Code: {first}")


def _plain(source: str) -> str:
    """Return a text without the marks of Markdown."""
    text = re.sub(r"<[^>]+>", "", source)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    # Only formulas that read as they are written; there is no MathJax here.
    text = re.sub(r"\$\$.+?\$\$", " … ", text, flags=re.DOTALL)
    text = re.sub(r"\$([^$]*)\$", lambda found: "…" if "\\" in found[1] else found[1], text)
    return re.sub(r"\s+", " ", re.sub(r"[*`#]+", "", text)).strip()


def _short(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0] + " …"


def _note(source: str) -> str:
    """Return the words of a note as HTML, its questions for the room marked."""
    # Formulas of notes are a letter or a comparison: no more is needed than to set them in italics.
    words = re.sub(r"\$([^$]+)\$", r"*\1*", source.strip())
    return _QUESTION.sub(r'<strong class="question">“\2”</strong>', markdown2html(words))
