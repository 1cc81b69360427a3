"""Print pages of the course as PDF, by Chromium: nothing is loaded from outside, and every formula is drawn first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.publish import browser

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PATIENCE = 120_000
"""Milliseconds that a page may take until it is ready; a machine may have other work."""

MARKED = {"tagged": True, "outline": True}
"""What a PDF has for those who hear it or look for a heading."""

_NO_FILE = re.compile(r"^(?!file:|data:|blob:)")
READY = """async () => {
  document.querySelectorAll("img").forEach(one => { one.loading = "eager"; });
  if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
  await document.fonts.ready;
  await window.handout;
  await Promise.all([...document.images].filter(one => !one.hidden).map(one => one.decode()));
}"""
RAW = """() => [...document.querySelectorAll(".math")].filter(one => !one.querySelector("mjx-container"))
  .map(one => one.textContent.trim())"""
FAILED = "() => [...document.querySelectorAll('mjx-merror, [data-mml-node=merror]')].map(one => one.textContent.trim())"


class PaperError(Exception):
    """A page cannot be printed; the message says why."""


def page_count(pdf: bytes) -> int:
    """Return how many pages a PDF has that Chromium has printed.

    Raises
    ------
    PaperError : no page is found in it.
    """
    count = len(re.findall(rb"/Type\s*/Page(?![A-Za-z])", pdf))
    if not count:
        raise PaperError("this is no PDF as Chromium prints it: it has no page")
    return count


Print = Callable[[Path, Path], int]
"""Prints a page, a file of HTML, as a PDF, and returns the number of its pages."""


@contextmanager
def printer() -> Iterator[Print]:
    """Start a browser that prints, and stop it in the end.

    What it yields raises PaperError where a page asks for something that is no file, a picture is missing, or a formula
    cannot be drawn.

    Raises
    ------
    browser.BrowserError : there is no browser.
    """
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    with browser.browser() as chromium:
        context = chromium.new_context(color_scheme="light")
        context.set_default_timeout(PATIENCE)
        context.route(_NO_FILE, refuse)

        def printed(source: Path, target: Path) -> int:
            page = context.new_page()
            _open(page, source)
            if asked:
                raise PaperError(f"{source.name} asks for {asked[0]}, which is no file beside it")
            target.parent.mkdir(parents=True, exist_ok=True)
            pdf = page.pdf(path=target, format="A4", prefer_css_page_size=True, print_background=True, **MARKED)
            page.close()
            return page_count(pdf)

        yield printed


def _open(page: Page, source: Path) -> None:
    from playwright.sync_api import Error

    page.goto(source.resolve().as_uri())
    try:
        page.evaluate(READY)
    except Error as error:
        raise PaperError(f"{source.name}: {error.message.splitlines()[0]}") from error
    if raw := page.evaluate(RAW):
        raise PaperError(f"{source.name}: this formula was not drawn: {raw[0]}")
    if failed := page.evaluate(FAILED):
        raise PaperError(f"{source.name}: MathJax says of a formula: {failed[0]}")
