"""The slides as they are shown from a folder, without kernel and without network."""

import re

import pytest
from playwright.sync_api import expect

from browser import pages
from tools.publish import slides

DECKS = pages.decks()
READY = "() => window.Reveal && Reveal.isReady()"
PLACE = """() => {
    const {h, v, f} = Reveal.getIndices();
    return [h, v || 0, f === undefined ? -1 : f];
}"""
# What the room sees: the slide, and which of its fragments.
SEEN = """() => {
    const slide = Reveal.getCurrentSlide();
    const parts = [...slide.querySelectorAll(".fragment")].filter(part => !part.matches(".visible"));
    const hidden = parts.map(part => part.textContent.length);
    return JSON.stringify([Reveal.getSlidePastCount(), hidden]);
}"""


# The first test that needs the folder waits until all of it is built.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder(decks):
    """The decks of all lessons."""
    return decks


def start(page, folder, name):
    page.set_viewport_size({"width": slides.WIDTH, "height": slides.HEIGHT})
    page.goto((folder / f"{name}.html").as_uri())
    page.wait_for_function(READY, timeout=120_000)


@pytest.mark.parametrize("name", DECKS)
def test_a_deck_is_whole(name, folder, page, axe, screenshot):
    start(page, folder, name)
    total = page.evaluate("Reveal.getTotalSlides()")
    assert 8 <= total <= (slides.MOST if "_" in name else 60)

    formulas, raw, failed = pages.mathematics(page, ".slides section:not(:has(> section)) > .cell, .fragment > .cell")
    assert (raw, failed) == ([], 0)
    assert formulas > 0

    pictures = page.locator(".slides img")
    assert pictures.evaluate_all("all => all.filter(one => !one.hidden && !one.naturalWidth).map(one => one.alt)") == []
    named = pictures.evaluate_all("all => all.filter(one => !one.hidden).map(one => one.alt.trim().length)")
    assert named and min(named) > 10

    # By keyboard from the first slide to the last: each press shows something new.
    presses = 0
    page.keyboard.press("Home")
    before = page.evaluate(SEEN)
    while not page.evaluate("Reveal.isLastSlide() && !Reveal.availableFragments().next"):
        page.keyboard.press("Space")
        presses += 1
        after = page.evaluate(SEEN)
        assert after != before, f"press {presses} shows nothing new at {page.evaluate(PLACE)}"
        before = after
        assert presses < 200
    assert presses >= total - 1

    assert slides.cut_off(page) == []

    explorers = page.locator(".course-frames")
    for index in range(explorers.count()):
        explorer = explorers.nth(index)
        explorer.evaluate("""one => {
            const {h, v} = Reveal.getIndices(one.closest("section"));
            Reveal.slide(h, v, 99);
        }""")
        place = page.evaluate(PLACE)
        assert pages.answers(page, explorer) >= 2
        assert page.evaluate(PLACE) == place, "a key for the explorer turned the page"
        screenshot(f"deck-{name[:2]}-explorer-{index + 1}")
        explorer.locator("input, select").first.focus()
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(PLACE) != place, "Escape did not leave the explorer"
    assert explorers.count() >= (2 if "_" in name else 1)

    page.evaluate("Reveal.slide(0)")
    screenshot(f"deck-{name[:2]}-title")
    # All slides at once, as they are laid out before a deck starts.
    page.evaluate("document.documentElement.classList.add('laid-out', 'laid-out-visibly')")
    assert pages.machine_fonts(page, "body") == []
    assert axe(page, ".slides") == []


def test_the_presenter_sees_notes_with_minutes(folder, page):
    start(page, folder, DECKS[3])
    page.evaluate("Reveal.slide(3)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    expect(notes).to_contain_text(re.compile(r"\d+ minutes for this section"))


def test_the_list_of_decks_leads_to_each(folder, page, axe):
    page.goto((folder / "index.html").as_uri())
    assert pages.machine_fonts(page, "body") == []
    links = page.get_by_role("link")
    assert links.evaluate_all("all => all.map(one => one.getAttribute('href'))") == [f"{name}.html" for name in DECKS]
    assert axe(page) == []
    links.first.click()
    page.wait_for_function(READY)
