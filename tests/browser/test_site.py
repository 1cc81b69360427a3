"""The site as it is read from a folder, without kernel and without network."""

import subprocess
import sys
from pathlib import Path

import pytest

from browser import pages
from tools.publish import paper

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
OTHERS = [
    "index",
    "docs/claims",
    "docs/glossary",
    "docs/instructor/README",
    "docs/instructor/03",
    "genindex",
    "search",
]
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
COLUMNS = 88
"""A line of code that is no longer is shown whole in a window 1280 pixels wide."""
PAPER = 703
"""Pixels between the margins of a page of A4, which course.css makes 12 mm wide."""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
NAMED = "`${one.scrollWidth} in ${one.clientWidth}: ${one.outerHTML.slice(0, 60)} ${one.textContent.slice(0, 80)}`"
CUT = f"""() => Array.from(document.querySelectorAll("article :is(pre, p, li, td, figure, details, [class*=scroll])," +
    "article :is(div.math, .cell_input, .cell_output, mjx-container[display=true], .course-wide > mjx-container)"
)).filter(one =>
    one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1 &&
    !(/auto|scroll/.test(getComputedStyle(one).overflowX) && one.tabIndex === 0)
).map(one => {NAMED})"""
SHORT_AND_SCROLLS = f"""columns => Array.from(
    document.querySelectorAll("article .cell_input pre, article .solution .highlight-python pre")
).filter(one =>
    one.scrollWidth > one.clientWidth && one.textContent.split("\\n").every(line => line.length <= columns)
).map(one => {NAMED})"""
PAST_THE_EDGE = f"""width => Array.from(document.querySelectorAll("body *")).filter(one => {{
    const {{left, right}} = one.getBoundingClientRect();
    return right > width + 1 && right > left && !one.closest("mjx-assistive-mml") && one.checkVisibility();
}}).map(one => Math.round(one.getBoundingClientRect().right) + ", " + {NAMED})"""


# The first test that needs the folder waits until all of it is built.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder(web):
    """The site."""
    return web


def in_both_lights(page, axe, what="body"):
    """Check that axe finds nothing grave, in light and in dark."""
    page.add_style_tag(content="* { transition: none !important; }")  # colours must not be looked at on their way
    for scheme, rules in (("light", ()), ("dark", ["color-contrast"])):  # nothing else depends on the light
        page.emulate_media(color_scheme=scheme)
        page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
        assert axe(page, what, rules=rules) == [], scheme


def on_narrow_and_wide(page):
    """Check that the page has no sideways scrolling, and that what scrolls in it can be reached, from 390 to 1600."""
    page.evaluate("document.querySelectorAll('article details').forEach(one => { one.open = true; })")
    for width in (390, 1600, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(TWO_FRAMES)
        assert page.evaluate(WIDE) <= 0, width
        assert "\n".join(page.evaluate(CUT)) == "", width
    assert "\n".join(page.evaluate(SHORT_AND_SCROLLS, COLUMNS)) == ""
    page.evaluate("document.querySelectorAll('article details').forEach(one => { one.open = false; })")


def on_paper(page):
    """Check that nothing passes the edge of a page of A4, that bars are gone, and that what was folded is shown."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.evaluate(TWO_FRAMES)
    assert "\n".join(page.evaluate(PAST_THE_EDGE, PAPER)) == ""
    for gone in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".course-frames-controls", ".course-filter"):
        assert not any(one.is_visible() for one in page.locator(gone).all()), gone
    assert page.locator("article details:not([open])").count() == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("article details[open]").count() == 0
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_reads_and_its_explorers_answer(name, folder, page, axe, screenshot):
    page.goto((folder / "notebooks" / f"{name}.html").as_uri())
    formulas, raw, failed = pages.mathematics(page, "article")
    assert formulas > 0
    assert (raw, failed) == ([], 0)

    page.evaluate("document.querySelectorAll('article img').forEach(one => { one.loading = 'eager'; })")
    shown = "all => all.filter(one => !one.hidden)"
    pictures = page.locator("article img")
    page.wait_for_function("[...document.querySelectorAll('article img')].every(one => one.hidden || one.complete)")
    assert pictures.evaluate_all(f"all => ({shown})(all).filter(one => !one.naturalWidth).map(one => one.alt)") == []
    assert min(pictures.evaluate_all(f"all => ({shown})(all).map(one => one.alt.trim().length)")) > 10

    explorers = page.locator(".course-frames")
    assert explorers.count() >= 2
    for index in range(explorers.count()):
        assert pages.answers(page, explorers.nth(index)) >= 2
    explorers.first.scroll_into_view_if_needed()
    screenshot(f"site-{name[:2]}-explorer")

    solutions = page.locator("details.solution")
    assert solutions.count() >= 1
    code = solutions.first.locator("pre").first
    assert not code.is_visible()
    solutions.first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert code.is_visible()

    downloads = page.locator(".course-actions a[download]").evaluate_all("all => all.map(one => one.href)")
    assert len(downloads) == 2
    for address in downloads:
        assert Path(address.removeprefix("file://")).is_file()
    assert pages.machine_fonts(page, "body") == []
    on_narrow_and_wide(page)
    on_paper(page)
    in_both_lights(page, axe)


@pytest.mark.parametrize("name", OTHERS)
def test_a_page_reads(name, folder, page, axe, screenshot):
    path = folder / f"{name}.html"
    page.goto(path.as_uri())
    assert page.title()
    if page.locator(".math").count():
        formulas, raw, failed = pages.mathematics(page, "article")
        assert formulas > 0
        assert (raw, failed) == ([], 0)
    assert pages.machine_fonts(page, "body") == []
    on_narrow_and_wide(page)
    screenshot(f"site-{name.replace('/', '-')}")
    on_paper(page)
    in_both_lights(page, axe)


def test_a_lesson_is_printed(folder):
    # In a process of its own: playwright's loop runs in this one.
    command = [sys.executable, "-m", "tools.publish.site", "--output", folder, "--pdf", "00"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    printed = folder / "pdf" / "00_start_here.pdf"
    count = paper.page_count(printed.read_bytes())
    assert count >= 5 and f"{count} pages" in said
    assert [path.name for path in printed.parent.iterdir()] == [printed.name]


def test_the_landing_page_leads_to_every_lesson(folder, page):
    page.goto((folder / "index.html").as_uri())
    links = page.locator("article a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    for name in LESSONS:
        assert f"notebooks/{name}.html" in links


def test_search_finds_what_a_lesson_teaches(folder, page):
    with pages.served(folder) as address:
        page.goto(f"{address}/search.html?q=reparameterisation")
        results = page.locator("#search-results li a")
        results.first.wait_for(timeout=60_000)
        found = results.evaluate_all("all => all.map(one => one.getAttribute('href'))")
        page.goto("about:blank")  # it still asks for excerpts
    assert any("06_reparameterisation" in target for target in found)


def test_claims_are_filtered_by_words_and_by_lesson_with_the_keyboard_alone(folder, page):
    page.goto((folder / "docs" / "claims.html").as_uri())
    texts = page.locator("article tbody tr").all_inner_texts()
    headings = page.locator("article section section h2")
    shown = "all => all.filter(one => one.checkVisibility()).length"
    rows, count = page.locator("article tbody tr"), page.get_by_role("status")
    assert count.inner_text() == f"{len(texts)} of {len(texts)} claims"

    page.get_by_label("Words").focus()
    page.keyboard.type("scipy  ENTROPY")
    fitting = sum("scipy" in text.lower() and "entropy" in text.lower() for text in texts)
    assert 0 < fitting < len(texts)
    assert count.inner_text() == f"{fitting} of {len(texts)} claims"
    assert rows.evaluate_all(shown) == fitting
    assert headings.evaluate_all(shown) < len(LESSONS)

    page.keyboard.type(" no such word")
    assert count.inner_text().startswith("No claim fits")
    assert rows.evaluate_all(shown) == 0
    page.keyboard.press("Escape")
    assert rows.evaluate_all(shown) == len(texts)

    page.keyboard.press("Tab")
    page.keyboard.type("03")
    of_lesson = page.locator("article section section").nth(3).locator("tbody tr").count()
    assert count.inner_text() == f"{of_lesson} of {len(texts)} claims"
    assert headings.evaluate_all(shown) == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('article tr[hidden]')")
    assert count.inner_text() == f"{len(texts)} of {len(texts)} claims"

    page.get_by_label("Words").fill("no such word")
    page.evaluate("() => { location.hash = '#' + document.querySelector('article section section:last-of-type').id; }")
    page.wait_for_function("() => !document.querySelector('article section[hidden]')")


def test_without_a_script_every_claim_is_there(folder, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "docs" / "claims.html").as_uri())
    claims, seen = page.locator("article tbody tr"), page.locator("article tbody tr:visible")
    assert claims.count() == seen.count() > 100
    assert page.locator(".course-filter").count() == 0
    context.close()
