"""The site as it is read from a folder, without kernel and without network."""

from pathlib import Path

import pytest

from browser import pages
from tools import site

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


# The first test that needs the folder waits until all of it is built.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def folder(chromium_path, tmp_path_factory):
    """The site, built once for all test processes."""
    return pages.once(tmp_path_factory.getbasetemp().parent / "site", lambda folder: site.build(folder))


def in_both_lights(page, axe, what="body"):
    """Check that axe finds nothing grave, in light and in dark."""
    page.add_style_tag(content="* { transition: none !important; }")  # colours must not be looked at on their way
    for scheme, rules in (("light", ()), ("dark", ["color-contrast"])):  # nothing else depends on the light
        page.emulate_media(color_scheme=scheme)
        page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
        assert axe(page, what, rules=rules) == [], scheme


def on_narrow_and_wide(page):
    """Check that nothing has to be scrolled sideways, on a telephone and on a screen."""
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(WIDE) <= 0, width


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
    on_narrow_and_wide(page)
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
    on_narrow_and_wide(page)
    screenshot(f"site-{name.replace('/', '-')}")
    in_both_lights(page, axe)


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
