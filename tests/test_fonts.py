"""The course's fonts: they have every character that the course shows, and are complete or not made at all."""

import ast
import html
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tokenize
import unicodedata
import zipfile
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTFont

from course_utils.workshop import style
from tools import fonts
from tools.publish import npm

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HAVE = {file.stem: set(map(chr, TTFont(file).getBestCmap())) for file in style.font_files()}
SIGNS = HAVE["CourseSigns-Regular"]
TEXT_FACES = [name for name in HAVE if name.startswith("CourseText")]
CODE_FACES = [name for name in HAVE if name.startswith("CourseCode")]


def lacking(text, faces):
    """The characters of a text that some face and the face of signs lack, in words."""
    shown = {one for one in text if not one.isspace() and unicodedata.category(one) not in ("Cf", "Cc")}
    missing = {one for one in shown - SIGNS if any(one not in HAVE[face] for face in faces)}
    return sorted(f"{one} U+{ord(one):04X} {unicodedata.name(one, '')}" for one in missing)


def shown_by(notebook):
    """All words and all code of a notebook, with its outputs and their alternative texts."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        yield "".join(cell["source"])
        for output in cell.get("outputs", []):
            yield "".join(output.get("text", ""))
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/"):
                    yield html.unescape(re.sub(r"base64,[^\"]*", "", "".join(data)))


def strings_of(module):
    """The strings of a module, where a reader may see one; the code itself is not shown."""
    source = module.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):  # a solution's comments are
        if token.type == tokenize.COMMENT:
            yield token.string


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_faces_have_every_character_of_a_lesson(path):
    text = "\n".join(shown_by(path))
    assert len(text) > 10_000
    assert lacking(text, TEXT_FACES) == []
    assert lacking(text, CODE_FACES) == []


def test_the_faces_have_every_character_of_the_package_and_the_tools():
    modules = [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    assert len(modules) > 30
    text = "\n".join(string for module in modules for string in strings_of(module))
    assert lacking(text, [*TEXT_FACES, *CODE_FACES]) == []


def test_the_faces_have_every_character_of_the_pages():
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.css")]
    files += [
        *(ROOT / "data").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / "course_utils").rglob("*.md"),
    ]
    files += [file for file in (ROOT / "tools").rglob("*") if file.suffix in (".css", ".j2", ".js")]
    assert len(files) > 20
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert lacking(text, [*TEXT_FACES, *CODE_FACES]) == []


def test_a_character_that_no_face_has_is_named():
    assert lacking("a ∇ 漢", TEXT_FACES) == ["漢 U+6F22 CJK UNIFIED IDEOGRAPH-6F22"]


@pytest.mark.parametrize("face", TEXT_FACES)
def test_digits_have_one_width(face):
    font = TTFont(style.FONTS / f"{face}.ttf")
    widths = {font["hmtx"][font.getBestCmap()[ord(digit)]][0] for digit in "0123456789"}
    assert len(widths) == 1


@pytest.mark.parametrize("face", CODE_FACES)
def test_code_has_one_width_and_no_ligatures(face):
    font = TTFont(style.FONTS / f"{face}.ttf")
    names = font.getBestCmap()
    accents = {code for code in names if unicodedata.combining(chr(code))}
    assert len({font["hmtx"][name][0] for code, name in names.items() if code not in accents}) == 1
    features = {one.FeatureTag for one in font["GSUB"].table.FeatureList.FeatureRecord} if "GSUB" in font else set()
    assert not features & {"calt", "liga", "dlig", "clig", "rlig"}


def test_the_files_are_small_and_their_licences_lie_beside_them():
    assert sum(file.stat().st_size for file in style.font_files()) < 600_000
    licences = sorted(file.name for file in style.FONTS.glob("LICENSE-*.txt"))
    assert licences == [f"LICENSE-{name}.txt" for name in ("DejaVu", "Fira-Code", "Fira-Sans", "STIX")]
    for name in ("Fira-Code", "Fira-Sans"):
        assert "SIL Open Font License" in (style.FONTS / f"LICENSE-{name}.txt").read_text(encoding="utf-8")


def test_the_families_are_called_as_the_pages_call_them():
    families = {TTFont(file)["name"].getDebugName(1) for file in style.font_files()}
    assert families == {style.TEXT, style.CODE, style.SIGNS}


def test_an_installed_course_has_its_fonts(tmp_path):
    for name in ("course_utils", "pyproject.toml", "README.md", "LICENSE", "LICENSE-CC-BY-4.0.txt"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tmp_path)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", "w"]
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools, which builds the package, is not installed here.")
    subprocess.run([*command, "."], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "w").glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}
    assert {file.name for file in style.font_files()} | {"LICENSE-Fira-Sans.txt"} <= names


# --- what a page gets -------------------------------------------------------------------------------------------------


def test_a_page_gets_all_faces_and_a_sheet_that_names_them(tmp_path):
    fonts.copy_fonts(tmp_path / "assets" / "fonts", tmp_path / "assets" / "fonts.css")
    sheet = (tmp_path / "assets" / "fonts.css").read_text(encoding="utf-8")
    named = re.findall(r'url\("([^"]+)"\)', sheet)
    assert len(named) == len(style.font_files())
    for address in named:
        assert (tmp_path / "assets" / address).is_file()
    assert '--course-text: "Course Text", "Course Signs"; --course-code: "Course Code", "Course Signs"' in sheet
    assert "http" not in sheet
    assert len(list((tmp_path / "assets" / "fonts").glob("LICENSE-*.txt"))) == 4


def test_nothing_that_a_page_loads_names_another_family():
    files = [ROOT / "tools/publish/slides.py", ROOT / "tools/publish/frames/page.py"]
    files += [file for folder in ("tools", "docs/site") for file in (ROOT / folder).rglob("*.css")]
    found = []
    for file in files:
        for value in re.findall(r"font(?:-family)?\s*:\s*([^;}]+)", file.read_text(encoding="utf-8")):
            if re.search(r"\b(?:sans-serif|serif|monospace|system-ui|Arial|Helvetica|Roboto|Menlo)\b", value):
                found.append(f"{file.name}: {value}")
    assert found == []


def test_missing_fonts_are_named_and_a_page_gets_none(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "FONTS", tmp_path / "none")
    with pytest.raises(fonts.FontsError, match=r"CourseText-Regular\.ttf.* install the course again"):
        fonts.copy_fonts(tmp_path / "fonts", tmp_path / "fonts.css")
    assert list(tmp_path.iterdir()) == []


# --- making them ------------------------------------------------------------------------------------------------------


def test_the_sources_have_versions_and_checksums_and_are_not_fetched_for_pages():
    assert not set(fonts.PACKAGES) & set(npm.PACKAGES)
    for version, checksum in fonts.PACKAGES.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert len(checksum) == 88


def test_without_npm_one_sentence_says_so_and_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    monkeypatch.setattr(npm, "CACHE", tmp_path)
    with pytest.raises(fonts.FontsError, match=r"there is no program called npm: install Node\.js"):
        fonts.build(tmp_path / "fonts", cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def sources(tmp_path):
    """Packages as npm would bring them; in place of both families there is DejaVu Sans, which all machines have."""
    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    sans, code = tmp_path / "cache/expo-google-fonts-fira-sans-0.4.1", tmp_path / "cache/firacode-6.2.0"
    for face in fonts.faces(sans, code, shipped)[:-1]:
        face.source.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(shipped / "DejaVuSans.ttf", face.source)
    for package, licence in ((sans, "LICENSE_FONT"), (code, "LICENSE")):
        (package / "package.json").write_text("{}")
        (package / licence).write_text("SIL Open Font License")
    return tmp_path / "cache"


def test_the_same_sources_give_the_same_bytes_under_the_course_s_names(tmp_path, sources):
    made = []
    for _ in range(2):
        sizes = fonts.build(tmp_path / "fonts", cache=sources)
        made.append([(tmp_path / "fonts" / name).read_bytes() for name in sizes])
    assert list(sizes) == sorted(file.name for file in style.font_files())
    assert made[0] == made[1]
    font = TTFont(tmp_path / "fonts" / "CourseText-BoldItalic.ttf")
    assert (font["name"].getDebugName(1), font["name"].getDebugName(2)) == ("Course Text", "Bold Italic")
    assert (font["OS/2"].usWeightClass, font["head"].macStyle) == (700, 3)


def test_a_broken_source_leaves_the_fonts_as_they_were(tmp_path, sources):
    fonts.build(tmp_path / "fonts", cache=sources)
    before = {file.name: file.read_bytes() for file in (tmp_path / "fonts").iterdir()}
    next(sources.rglob("FiraCode-SemiBold.ttf")).unlink()
    with pytest.raises(fonts.FontsError, match=r"FiraCode-SemiBold\.ttf"):
        fonts.build(tmp_path / "fonts", cache=sources)
    assert {file.name: file.read_bytes() for file in (tmp_path / "fonts").iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cache", "fonts"]
