"""What a page must not do: report errors on its console, ask for anything outside, shut out a reader.

A `Watch` keeps record of the first two while a page lives; `axe` looks for the third in a page as it stands.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tools.publish import npm

INSIDE = {"127.0.0.1", "localhost", "[::1]"}
LOCAL_SCHEMES = {"about", "blob", "data", "file"}
GRAVE = {"serious", "critical"}


def is_outside(address: str) -> bool:
    """Whether an address leads away from this computer."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    host = re.sub(r":\d*$", "", host)
    return parts.scheme not in LOCAL_SCHEMES and host not in INSIDE


class Watch:
    """A record of what the pages of one browser context did wrong.

    Parameters
    ----------
    context : BrowserContext
        Watched from now on, with all pages that it opens.
    harmless : iterable of str
        Regular expressions; an error on the console that one of them matches is left out.
    """

    def __init__(self, context: BrowserContext, harmless: Iterable[str] = ()):
        self.complaints: list[str] = []
        self._harmless = [re.compile(pattern) for pattern in harmless]
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught error: {error.error}"))
        context.on("request", lambda request: self._on_address(request.url))
        context.on("page", self._on_page)
        for page in context.pages:
            self._on_page(page)

    def check(self) -> None:
        """Raise AssertionError, with all that was recorded, if anything was."""
        assert not self.complaints, "the page did what it must not:\n  " + "\n  ".join(self.complaints)

    def _on_page(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._on_address(socket.url))

    def _on_address(self, address: str) -> None:
        if is_outside(address):
            self.complaints.append(f"asked for something outside: {address}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        place = message.location.get("url", "")
        words = f"error on the console: {message.text} ({place})"
        if not any(pattern.search(words) for pattern in self._harmless):
            self.complaints.append(words)


class Violation(NamedTuple):
    """One element that shuts out some readers, as axe-core says it."""

    rule: str
    impact: str
    element: str
    help: str


def axe(
    page: Page, include: str = ":root", *, exclude: str = "", impacts: Iterable[str] = GRAVE, rules: Iterable[str] = ()
) -> list[Violation]:
    """Return the accessibility violations of a page, by default the serious and critical ones.

    What takes most of the time and is alike is looked at once, so this is the last look at a page. Formulas lose what
    MathJax has drawn of them: it is hidden from readers who hear the page, and has the colour of its text. What they
    hear is left as plain text. Of the words of shown code that have the same classes, at the same place among elements
    of the same classes, the first is left.

    Parameters
    ----------
    page : Page
        As it stands now.
    include, exclude : str
        CSS selectors of what is looked at and what is left out; at least one element must match `include`.
    impacts : iterable of str
        Of minor, moderate, serious and critical.
    rules : iterable of str
        The rules that are checked; by default all.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate((npm.package("axe-core") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        """async ([include, exclude, rules]) => {
            const context = {include: [[include]]};
            if (exclude && document.querySelector(exclude)) context.exclude = [[exclude]];
            document.querySelectorAll("mjx-math[aria-hidden=true]").forEach(drawn => drawn.replaceChildren());
            document.querySelectorAll("mjx-assistive-mml > math").forEach(heard => {
                heard.replaceChildren(heard.textContent.trim());
            });
            const kinds = new Map(), numbers = new Map(), seen = new Set();
            const kind = one => {
                if (one && !kinds.has(one)) {
                    const own = [kind(one.parentElement), one.tagName, one.className, one.getAttribute("style")].join();
                    if (!numbers.has(own)) numbers.set(own, numbers.size);
                    kinds.set(one, numbers.get(own));
                }
                return kinds.get(one);
            };
            const alike = [...document.querySelectorAll("pre span:not(:has(*), [role], [tabindex], [id])")].filter(
                word => seen.size === seen.add(kind(word) + ", " + word.checkVisibility()).size
            );
            alike.forEach(word => word.remove());
            const {violations} = await axe.run(context, {
                resultTypes: ["violations"],
                ...(rules.length && {runOnly: rules}),
                preload: false,  // axe would fetch style sheets itself, which a page of a folder may not
            });
            return violations.flatMap(({id, help, nodes}) => nodes.map(
                ({impact, html}) => ({rule: id, impact, element: html, help})
            ));
        }""",
        [include, exclude, list(rules)],
    )
    wanted = set(impacts)
    return [Violation(**one) for one in found if one["impact"] in wanted]


def take(target, folder: Path, name: str) -> Path:
    """Keep a picture of a page, or of an element, as `folder/name.png`."""
    path = folder / f"{name}.png"
    target.screenshot(path=path)
    return path
