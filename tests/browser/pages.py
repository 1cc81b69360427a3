"""What the pages that are built for reading without a kernel have in common: the site and the slides."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from filelock import FileLock
from playwright.sync_api import Locator, Page, expect

from tools.publish import plans

ROOT = Path(__file__).resolve().parents[2]

_STATE = """figure => {
    const [base, patch] = ["base", "patch"].map(name => figure.querySelector(".course-frames-" + name));
    return {
        sentence: figure.querySelector(".course-frames-sentence").textContent,
        alt: base.alt,
        picture: patch.hidden ? base.src : patch.src,
    };
}"""
_RAW = r"""root => {
    const found = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest("script, style, pre, code, mjx-container, .course-frames")) continue;
        if (/\$|\\\(|\\\[/.test(node.data)) found.push(node.data.trim().slice(0, 80));
    }
    return found;
}"""
# Marks elements whose own text is shown, until all signs of each style have been seen; returns how these texts begin.
_NEW_SIGNS = r"""root => {
    const signs = new Intl.Segmenter(), seen = new Set(), words = [];
    for (const one of [root, ...root.querySelectorAll("*")]) {
        if (one.matches("script, style")) continue;
        const text = [...one.childNodes].filter(child => child.nodeType === Node.TEXT_NODE).map(child => child.data);
        const own = text.join("").trim();
        const style = getComputedStyle(one);
        if (!own || !(one.checkVisibility() || style.display === "contents")) continue;
        const kind = [
            style.fontFamily, style.fontStyle, style.fontWeight, style.fontStretch, style.fontVariant,
            style.fontFeatureSettings, style.textTransform, one.closest("[lang]")?.lang,
        ].join();
        const before = seen.size;
        for (const {segment} of signs.segment(own)) seen.add(kind + segment);
        if (seen.size === before) continue;
        one.setAttribute("data-new-signs", "");
        words.push(own.slice(0, 60));
    }
    return words;
}"""


def decks() -> list[str]:
    """The names of all decks, in the order of their list: of a lesson with plans one for each of its plans."""
    names = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        found = plans.plans_of(nbformat.read(path, as_version=4))
        names += [f"{path.stem[:2]}-{plan}" for plan in found] or [path.stem]
    return names


def once(folder: Path, build: Callable[[Path], object]) -> Path:
    """Return `folder`, built by the first of several test processes that asks for it."""
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            build(folder)
    return folder


def mathematics(page: Page, selector: str) -> tuple[int, list[str], int]:
    """Wait for the formulas; return how many there are, the text that still looks like TeX, and how many failed."""
    page.wait_for_function("() => window.MathJax?.startup?.promise")
    page.evaluate("() => MathJax.startup.promise.then(() => true)")
    raw = [text for root in page.query_selector_all(selector) for text in root.evaluate(_RAW)]
    return page.locator("mjx-container").count(), raw, page.locator("mjx-merror, [data-mml-node=merror]").count()


def answers(page: Page, explorer: Locator) -> int:
    """Move the first and the last control of an explorer by keyboard; return how many other states were seen.

    Raises AssertionError where a control does not change picture and sentence, or the alt text does not follow.
    """
    controls = explorer.locator("input[type=range], select")
    assert controls.count(), "an explorer without controls"
    states = [explorer.evaluate(_STATE)]
    for control in (controls.first, controls.last):
        expect(control).to_be_visible()  # a fragment takes a moment to appear, and what is hidden takes no focus
        control.focus()
        expect(control).to_be_focused()
        slider = control.get_attribute("type") == "range"
        start = states[0]
        seen = [start]
        for key in ("Home", "ArrowRight", "End") if slider else ("Home", "End"):
            page.keyboard.press(key)
            seen.append(explorer.evaluate(_STATE))
            assert seen[-1]["alt"] == seen[-1]["sentence"], "the alt text does not follow the picture"
        assert any(state["picture"] != start["picture"] for state in seen), f"{control} does not change the picture"
        assert any(state["sentence"] != start["sentence"] for state in seen), f"{control} does not change the words"
        states += seen[1:]
        explorer.get_by_role("button", name="Reset").click()
        assert explorer.evaluate(_STATE) == start, "Reset does not lead back"
    return len({state["sentence"] for state in states}) - 1


def machine_fonts(page: Page, selector: str) -> list[str]:
    """Return "family: words" for the text of an element that is shown in a font of the machine, not of the page.

    Of text in one style, words that hold no sign which other words did not hold are not asked for their font.
    """
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    words = page.locator(selector).first.evaluate(_NEW_SIGNS)
    document = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    asked = session.send("DOM.querySelectorAll", {"nodeId": document, "selector": "[data-new-signs]"})["nodeIds"]
    assert len(asked) == len(words)
    found = []
    for node, text in zip(asked, words, strict=True):
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        found += [f"{font['familyName']}: {text}" for font in fonts if not font["isCustomFont"]]
    session.detach()
    page.evaluate("document.querySelectorAll('[data-new-signs]').forEach(one => one.removeAttribute('data-new-signs'))")
    return found


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this computer; yields its address."""
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
