"""Make the fonts of the course anew: ``python -m tools.fonts`` (they are committed: only who changes them needs this).

The faces come from two packages of npm, with checksums, and from matplotlib, which ships DejaVu Sans and STIX. Each is
cut to CHARACTERS, freed of hints, and renamed: "Course Text", "Course Code" and "Course Signs" can be no font of the
machine. The digits of the text face are its tabular ones, so that numbers keep their width in every program. The same
sources give the same bytes. The folder course_utils/workshop/fonts is written complete or not at all.

Other tools take from here what a page needs to use the fonts: :func:`stylesheet` and :func:`copy_fonts`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.workshop.style import CODE, FONTS, SIGNS, TEXT, StyleError, font_files
from tools.publish import npm
from tools.publish.folders import interruptible, move_into_place

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

PACKAGES = {
    "@expo-google-fonts/fira-sans": (
        "0.4.1",
        "zQVs67baYyBVEScaCGKG3MBtGe2hPNc7R3Axmj7JmWs310kOem4poL1mB+O52rwfFqiigzxV876BHFZBxoie1Q==",
    ),
    "firacode": (
        "6.2.0",
        "t5R3aO2BmhRXnYtKXbImLVNsILuCIbJ/XlDzBufjpi3il8P/CVdpWco83Ud3r2Tl0gitAmyP4o1fbJ52ozV1jw==",
    ),
}
"""Where the faces come from, as in tools/publish/npm.py; apart from it, for pages need none of these packages."""

CHARACTERS = (
    (0x20, 0x7E),
    (0xA0, 0x17F),  # Latin-1 and the letters of European names
    (0x2B0, 0x2FF),  # raised letters
    (0x300, 0x30C),  # accents that are set over a letter: x̂, z̃
    (0x327, 0x328),
    (0x370, 0x3FF),  # Greek
    (0x1D2C, 0x1D6A),  # raised and lowered letters: ᵀ
    (0x1D9C, 0x1DBF),
    (0x2010, 0x205E),  # dashes, quotation marks, spaces
    (0x2070, 0x209C),  # raised and lowered digits
    (0x20AC, 0x20AC),
    (0x2100, 0x218B),  # letterlike signs and fractions
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x22FF),  # mathematical operators
    (0x2308, 0x230B),
    (0x23DC, 0x23DF),  # braces that lie
    (0x25A0, 0x25FF),  # geometric shapes
    (0x2605, 0x2606),
    (0x26A0, 0x26A0),
    (0x2713, 0x2718),
    (0x27E8, 0x27EB),
    (0x27F5, 0x27FF),  # long arrows
    (0x1D4D0, 0x1D503),  # script letters: 𝓛
    (0x1D7D8, 0x1D7E1),  # open digits: 𝟙
)
"""The first and the last of each range of characters that the fonts keep, where a face has them."""

ALIKE = range(0x2713, 0x2719)
"""Ticks and crosses: of one shape in words and in code, so the face of rare signs gives them to both."""


class FontsError(Exception):
    """The fonts cannot be made or used; the message says why and what to do."""


@dataclass(frozen=True)
class Face:
    """One file of the course's fonts: where it comes from, and what it is called here."""

    family: str
    style: str
    source: Path

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.family}-{self.style}.ttf".replace(" ", "")


def faces(fira_sans: Path, fira_code: Path, matplotlib: Path) -> list[Face]:
    """Return what is made of two packages of npm and matplotlib's folder of fonts; the last face gives rare signs."""
    code = fira_code / "distr" / "ttf"
    return [
        Face(TEXT, "Regular", fira_sans / "400Regular" / "FiraSans_400Regular.ttf"),
        Face(TEXT, "Italic", fira_sans / "400Regular_Italic" / "FiraSans_400Regular_Italic.ttf"),
        Face(TEXT, "Bold", fira_sans / "600SemiBold" / "FiraSans_600SemiBold.ttf"),
        Face(TEXT, "BoldItalic", fira_sans / "600SemiBold_Italic" / "FiraSans_600SemiBold_Italic.ttf"),
        Face(CODE, "Regular", code / "FiraCode-Regular.ttf"),
        Face(CODE, "Bold", code / "FiraCode-SemiBold.ttf"),
        Face(SIGNS, "Regular", matplotlib / "DejaVuSans.ttf"),
    ]


# --- making them ------------------------------------------------------------------------------------------------------


def build(target: Path = FONTS, *, cache: Path = npm.CACHE) -> dict[str, int]:
    """Write the fonts and their licences into the folder `target`; returns the bytes of each font.

    Raises
    ------
    FontsError : a source is missing, or npm cannot bring it.
    """
    import matplotlib
    from fontTools.ttLib import TTLibError

    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    try:
        fira_sans, fira_code = (npm.package(name, cache, packages=PACKAGES) for name in PACKAGES)
    except npm.NpmError as error:
        raise FontsError(str(error)) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fonts-") as name:
        staging = Path(name) / "fonts"
        staging.mkdir()
        everywhere = set(_wanted())
        try:
            *main, signs = faces(fira_sans, fira_code, shipped)
            for face in main:
                font = _opened(face)
                _tabular(font)
                everywhere &= _cut(font, [code for code in _wanted() if code not in ALIKE])
                _save(font, face, staging)
            font = _opened(signs)
            rare = [code for code in _wanted() if code not in everywhere]
            _add_lacking(font, shipped / "STIXGeneral.ttf", rare)
            _cut(font, rare)
            _save(font, signs, staging)
            shutil.copy2(fira_sans / "LICENSE_FONT", staging / "LICENSE-Fira-Sans.txt")
            shutil.copy2(fira_code / "LICENSE", staging / "LICENSE-Fira-Code.txt")
            shutil.copy2(shipped / "LICENSE_DEJAVU", staging / "LICENSE-DejaVu.txt")
            shutil.copy2(shipped / "LICENSE_STIX", staging / "LICENSE-STIX.txt")
        except (OSError, TTLibError) as error:
            raise FontsError(f"a source of the fonts cannot be read: {error}") from error
        if (target / "README.md").is_file():
            shutil.copy2(target / "README.md", staging / "README.md")
        move_into_place(staging, target, Path(name) / "earlier")
    return {path.name: path.stat().st_size for path in sorted(target.glob("*.ttf"))}


def _wanted() -> list[int]:
    return [code for first, last in CHARACTERS for code in range(first, last + 1) if unicodedata.name(chr(code), "")]


def _opened(face: Face) -> TTFont:
    from fontTools.ttLib import TTFont

    return TTFont(face.source, recalcTimestamp=False)


def _tabular(font: TTFont) -> None:
    """Let the digits be those of one width, for programs that cannot ask for them."""
    glyphs = set(font.getGlyphOrder())
    for table in font["cmap"].tables:
        for digit in range(ord("0"), ord("9") + 1):
            if f"{table.cmap.get(digit)}.tf" in glyphs:
                table.cmap[digit] += ".tf"


def _cut(font: TTFont, characters: Iterable[int]) -> set[int]:
    """Keep these characters alone, without hints and ligatures; returns those that the face has."""
    from fontTools import subset

    options = subset.Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl"]
    options.hinting = False
    options.notdef_outline = True
    options.glyph_names = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += ["DSIG", "FFTM", "MATH"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    return set(font.getBestCmap())


def _add_lacking(font: TTFont, source: Path, characters: Iterable[int]) -> None:
    """Add those of the characters that the font lacks and STIX has, such as 𝓛, in the same size."""
    from fontTools.pens.transformPen import TransformPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import TTFont

    stix = TTFont(source)
    shapes, names = stix.getGlyphSet(), stix.getBestCmap()
    scale = font["head"].unitsPerEm / stix["head"].unitsPerEm
    for code in sorted((set(characters) & set(names)) - set(font.getBestCmap())):
        name = f"u{code:X}"
        pen = TTGlyphPen(None)
        shapes[names[code]].draw(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
        glyph = pen.glyph()
        glyph.recalcBounds(font["glyf"])
        font["glyf"][name] = glyph
        font["hmtx"][name] = (round(shapes[names[code]].width * scale), glyph.xMin)
        for table in font["cmap"].tables:
            if table.format == 12 or (table.format == 4 and code <= 0xFFFF):
                table.cmap[code] = name


def _save(font: TTFont, face: Face, folder: Path) -> None:
    """Write the face under its name in the course."""
    bold, italic = face.style.startswith("Bold"), face.style.endswith("Italic")
    style = face.style.replace("BoldItalic", "Bold Italic")
    names = font["name"]
    licence, copyright = names.getDebugName(13) or "", names.getDebugName(0) or ""
    names.names = []
    file = face.file.removesuffix(".ttf")
    for number, text in (
        (0, copyright),
        (1, face.family),
        (2, style),
        (3, file),
        (4, f"{face.family} {style}"),
        (5, "Version 1.000"),
        (6, file),
        (13, licence),
    ):
        if text:
            names.setName(text, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 700 if bold else 400
    font["OS/2"].fsSelection = font["OS/2"].fsSelection & ~0x61 | (0x20 * bold | 0x01 * italic or 0x40)
    font["head"].macStyle = bold | italic << 1
    font.save(folder / face.file)


# --- using them in pages ----------------------------------------------------------------------------------------------


def stylesheet(place: str) -> str:
    """Return CSS that makes the fonts known to a page, from files in the folder `place` beside it.

    It defines the families of :data:`course_utils.workshop.style.TEXT`, CODE and SIGNS, and the variables
    ``--course-text`` and ``--course-code``, which end in no family of the machine.
    """
    rules = []
    for file in font_files():
        family, _, style = file.stem.partition("-")
        name = next(one for one in (TEXT, CODE, SIGNS) if one.replace(" ", "") == family)
        weights = "100 900" if name == SIGNS else "600 900" if style.startswith("Bold") else "100 500"
        slope = "italic" if style.endswith("Italic") else "normal"
        rules.append(
            f'@font-face {{ font-family: "{name}"; font-style: {slope}; font-weight: {weights}; font-display: block;\n'
            f'  src: url("{place}/{file.name}") format("truetype"); }}'
        )
    return "\n".join(
        [
            "/* The fonts of the course, and no other; tools/fonts.py wrote this. */",
            *rules,
            f':root {{ --course-text: "{TEXT}", "{SIGNS}"; --course-code: "{CODE}", "{SIGNS}"; }}',
            "/* MathJax has its own fonts, but not for all signs, nor for what it lays out for screen readers. */",
            "mjx-utext { font-family: var(--course-text) !important; }",
            "mjx-assistive-mml :is(math, math *) { font-family: var(--course-text); text-transform: none; }",
            "",
        ]
    )


def copy_fonts(target: Path, sheet: Path) -> None:
    """Copy the fonts with their licences into the folder `target`, and write the style sheet for them beside it.

    Raises
    ------
    FontsError : the course's fonts are not complete.
    """
    try:
        files = font_files()
    except StyleError as error:
        raise FontsError(str(error)) from error
    target.mkdir(parents=True)
    for file in [*files, *sorted(FONTS.glob("LICENSE-*.txt"))]:
        shutil.copy2(file, target / file.name)
    sheet.write_text(stylesheet(target.relative_to(sheet.parent).as_posix()), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was made."""
    argparse.ArgumentParser(prog="python -m tools.fonts", description="Make the course's fonts anew.").parse_args(
        arguments
    )
    try:
        sizes = build()
    except FontsError as error:
        print(error, file=sys.stderr)
        return 1
    for name, size in sizes.items():
        print(f"{name:<28}{size / 1e3:6.1f} kB")
    print(f"{'together':<28}{sum(sizes.values()) / 1e3:6.1f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
