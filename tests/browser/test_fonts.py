"""What a room sees does not depend on the fonts of the machine: no box moves by a pixel.

That none of them is used is asked of every page where it is tested, by `pages.machine_fonts`.
"""

import base64
import os
import shutil
from pathlib import Path

import matplotlib
import pytest

from browser import conftest, pages
from course_utils.workshop import style

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
DECKS = pages.decks()
SHIPPED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BOXES = """() => [...document.body.querySelectorAll("*")].filter(one => !one.matches("script, style")).map(one => {
    const {x, y, width, height} = one.getBoundingClientRect();
    return [one.tagName, x, y, width, height];
})"""
# The first test that needs a folder waits until all of it is built.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def machines(browser, chromium_path, tmp_path):
    """A page on each of two machines: one has DejaVu alone, the other the serifs of STIX alone."""
    started = []
    for name in ("DejaVu", "STIX"):
        fonts = tmp_path / name
        fonts.mkdir()
        for file in SHIPPED.glob(f"{name}*.ttf"):
            shutil.copy2(file, fonts)
        settings = tmp_path / f"{name}.conf"
        settings.write_text(
            f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{fonts}</dir>'
            f"<cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
        )
        environment = os.environ | {"FONTCONFIG_FILE": str(settings)}
        launched = browser.browser_type.launch(executable_path=chromium_path, args=conftest.FLAGS, env=environment)
        started.append(launched)
    pages_of_both = [one.new_page(viewport=conftest.SIZE) for one in started]
    for page in pages_of_both:
        page.set_default_navigation_timeout(4 * conftest.PATIENCE)
    yield pages_of_both
    for one in started:
        one.close()


def differences(one, other):
    """Return what is elsewhere on the second page than on the first."""
    assert len(one) == len(other)
    return [(here, there) for here, there in zip(one, other, strict=True) if here != there]


def test_the_two_machines_show_other_pages_differently(machines):
    boxes = []
    for page in machines:
        page.set_content("<p><span>Words in whatever the machine has</span></p>")
        boxes.append(page.evaluate(BOXES))
    assert differences(*boxes)
    assert pages.machine_fonts(machines[0], "body")[0].startswith("DejaVu")


def test_one_sign_that_the_page_s_own_font_lacks_is_found(page):
    face = base64.b64encode((style.FONTS / "CourseText-Regular.ttf").read_bytes()).decode()
    sheet = f"@font-face {{ font-family: Own; src: url(data:font/ttf;base64,{face}); }} * {{ font-family: Own; }}"
    page.set_content(f"<style>{sheet}</style><p>Words</p><p hidden>Word \N{SNOWMAN}</p><p>More words</p>")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    assert pages.machine_fonts(page, "body") == []
    page.evaluate("() => { document.querySelector('p[hidden]').hidden = false; }")
    assert [found.partition(": ")[2] for found in pages.machine_fonts(page, "body")] == ["Word \N{SNOWMAN}"]


def start(page, address):
    page.goto(address)
    page.add_style_tag(content="* { animation: none !important; transition: none !important; }")
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
    page.evaluate("document.documentElement.classList.add('laid-out', 'laid-out-visibly')")


@pytest.mark.parametrize("name", [DECKS[3], DECKS[-3]])
def test_a_deck_looks_the_same_on_both(name, decks, machines):
    boxes = []
    for page in machines:
        start(page, (decks / f"{name}.html").as_uri())
        boxes.append(page.evaluate(BOXES))
    assert len(boxes[0]) > 1000
    assert differences(*boxes) == []


@pytest.mark.parametrize("name", ["index.html", f"notebooks/{LESSONS[4]}.html"])
def test_a_page_of_the_site_looks_the_same_on_both(name, web, machines):
    boxes = []
    for page in machines:
        page.goto((web / name).as_uri())
        page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
        page.evaluate("() => document.fonts.ready.then(() => true)")
        boxes.append(page.evaluate(BOXES))
    assert len(boxes[0]) > 200
    assert differences(*boxes) == []
