"""Pages that need nothing beside them: the course's fonts, its style, and bars as pictures, all in one file."""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence

from course_utils.workshop.style import CODE, SIGNS, TEXT, font_files
from tools.teach.grading.judging import CORRECT, MISSING, OPEN, RAISED, SLIP, SLOW, WORDS, WRONG

COLOURS = {
    CORRECT: "#009e73", SLIP: "#e69f00", WRONG: "#d55e00", RAISED: "#cc79a7", SLOW: "#56b4e9", OPEN: "#c8c8c8",
    MISSING: "#ffffff",
}  # fmt: skip
"""Of the verdicts, from Okabe and Ito's set; each has a hatching of its own besides, for print and for every eye."""

_HATCHES = {
    SLIP: "M0 8L8 0", WRONG: "M0 0L8 8M0 8L8 0", RAISED: "M0 4H8", SLOW: "M4 0V8", MISSING: "M4 4h.01",
}  # fmt: skip
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 var(--course-text); color: #1a1a1a; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1.2rem; font-synthesis: none; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; } h2 { font-size: 1.4rem; margin: 2.4rem 0 .6rem;
  border-bottom: 2px solid #0072b2; } h3 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; }
h1, h2, h3, strong, th { font-weight: 600; } p { margin: .4rem 0; } ul, ol { margin: .3rem 0; padding-left: 1.4rem; }
li { margin: .25rem 0; } code, pre { font-family: var(--course-code); font-size: .9em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .5rem .8rem; margin: .4rem 0; }
.small { font-size: .875rem; color: #4a4a4a; } .monday { border-left: 4px solid #0072b2; padding: .1rem .9rem;
  margin: .6rem 0; background: #f2f7fb; } svg { display: block; max-width: 100%; height: auto; margin: .3rem 0; }
.warn { border-left: 4px solid #d55e00; padding: .1rem .9rem; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid #ccc; } .number { text-align: right; white-space: nowrap; }
.verdict { white-space: nowrap; } .swatch { display: inline-block; vertical-align: -2px; margin-right: .4em; }
details summary { cursor: pointer; }
@media print { body { font-size: 10.5pt; margin: 0; max-width: none; } h2 { break-after: avoid; }
  h3 { break-after: avoid; } svg, tr, .monday, li { break-inside: avoid; } .monday, pre { background: none; }
  @page { margin: 16mm; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def fonts(texts: Sequence[str]) -> str:
    """Return CSS with the course's fonts inside it, as far as these texts need them."""
    from fontTools import subset, ttLib

    wanted = {ord(char) for text in texts for char in text} | set(range(0x20, 0x7F))
    rules = []
    for file in font_files():
        family, _, style = file.stem.partition("-")
        if style == "BoldItalic":
            continue
        name = next(one for one in (TEXT, CODE, SIGNS) if one.replace(" ", "") == family)
        font = ttLib.TTFont(file)
        options = subset.Options(layout_features=["kern", "mark", "ccmp"], notdef_outline=True, name_IDs=[1, 2])
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=wanted)
        cutter.subset(font)
        out = io.BytesIO()
        font.save(out)
        weights = "100 900" if name == SIGNS else "600 900" if style == "Bold" else "100 500"
        data = base64.b64encode(out.getvalue()).decode()
        rules.append(
            f'@font-face {{ font-family: "{name}"; font-style: {"italic" if style == "Italic" else "normal"}; '
            f'font-weight: {weights}; src: url("data:font/ttf;base64,{data}") format("truetype"); }}'
        )
    rules.append(f':root {{ --course-text: "{TEXT}", "{SIGNS}", sans-serif; ')
    rules.append(f'--course-code: "{CODE}", "{SIGNS}", monospace; }}')
    return "\n".join(rules)


def page(title: str, body: str, faces: str) -> str:
    """Return a whole page. It may not run anything, and asks for nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{faces}\n{_STYLE}</style>\n</head>\n<body>\n{_hatching()}{body}\n"
        "</body>\n</html>\n"
    )


def escape(text: object) -> str:
    """Return a text as HTML, whatever it holds."""
    return html.escape("".join(char for char in str(text) if char.isprintable() or char in "\n\t"))


def marked(text: str) -> str:
    """Return a line of Markdown as HTML: code, bold and slanted words, and nothing else."""
    text = escape(text)
    parts = re.split(r"(`[^`]+`)", text)
    for k, part in enumerate(parts):
        if part.startswith("`") and len(part) > 2:
            parts[k] = f"<code>{part[1:-1]}</code>"
        else:
            part = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", part)
            part = re.sub(r"(?<!\*)\*([^*]+)\*(?!\*)", r"<em>\1</em>", part)
            parts[k] = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", part)
    return "".join(parts)


def lines(text: str) -> str:
    """Return text of several lines as HTML."""
    return "<br>\n".join(marked(line) for line in text.strip().splitlines())


def _hatching():
    patterns = "".join(
        f'<pattern id="hatch-{word.replace(" ", "-")}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="{COLOURS[word]}"/><path d="{path}" stroke="#000" stroke-opacity=".38" '
        f'stroke-linecap="round" stroke-width="{2 if word == MISSING else 1}"/></pattern>'
        for word, path in _HATCHES.items()
    )
    return f'<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>{patterns}</defs></svg>\n'


def fill(word: str) -> str:
    """Return what the colour and the hatching of a verdict are called in a picture."""
    return f"url(#hatch-{word.replace(' ', '-')})" if word in _HATCHES else COLOURS[word]


def swatch(word: str) -> str:
    """Return a small square in the colour of a verdict."""
    return (
        f'<svg class="swatch" width="14" height="14" aria-hidden="true" style="display:inline-block">'
        f'<rect x=".5" y=".5" width="13" height="13" fill="{fill(word)}" stroke="#555"/></svg>'
    )


def legend() -> str:
    """Return what the colours mean."""
    return '<p class="small">' + " &ensp; ".join(f"{swatch(word)}{word}" for word in WORDS) + "</p>"


def spoken(counts: Mapping[str, int]) -> str:
    """Return counts of verdicts as words."""
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts.get(word)) or "nothing"


def bars(rows: Sequence[tuple[str, Mapping[str, int]]], alt: str, label: int = 300) -> str:
    """Return a picture with a bar for each row: its label and the counts of its verdicts."""
    width, height, most = 900, 24, max((sum(counts.values()) for _, counts in rows), default=1) or 1
    scale = (width - label - 10) / most
    drawn = []
    for k, (name, counts) in enumerate(rows):
        x, y = float(label), k * height
        if label:
            drawn.append(f'<text x="{label - 8}" y="{y + 16}" text-anchor="end" font-size="14">{escape(name)}</text>')
        for word in WORDS:
            count = counts.get(word, 0)
            if not count:
                continue
            size = count * scale
            drawn.append(
                f'<rect x="{x:.1f}" y="{y + 2.5}" width="{size:.1f}" height="{height - 5}" fill="{fill(word)}" '
                'stroke="#555" stroke-width=".7"/>'
            )
            if size > 9 * len(str(count)) + 5:
                drawn.append(
                    f'<text x="{x + size / 2:.1f}" y="{y + 16.5}" text-anchor="middle" font-size="13" '
                    'paint-order="stroke" stroke="#fff" stroke-width="3.5" stroke-linejoin="round">'
                    f"{count}</text>"
                )
            x += size
    return (
        f'<svg viewBox="0 0 {width} {max(1, len(rows)) * height}" role="img" aria-label="{escape(alt)}" '
        f'font-family="{TEXT}, {SIGNS}, sans-serif"><title>{escape(alt)}</title>{"".join(drawn)}</svg>'
    )


__all__ = ["COLOURS", "bars", "escape", "fonts", "legend", "lines", "marked", "page", "spoken", "swatch"]
