"""Chromium, driven by playwright: where it is, and how it starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserError(Exception):
    """There is no browser, or it does not start; the message says what to do."""


def chromium() -> str:
    """Return the path of Chromium: what the environment variable CHROMIUM names, or the first of NAMES on the path.

    Raises
    ------
    BrowserError : there is none.
    """
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        wanted = f"CHROMIUM names {named}, which is no program" if named else "There is no Chromium"
        raise BrowserError(
            f"{wanted}: install it (on Debian and Ubuntu `sudo apt install chromium`), or name its program in the "
            "environment variable CHROMIUM."
        )
    return found


def launch(playwright: Playwright, program: str, flags: Sequence[str] = FLAGS) -> Browser:
    """Start a Chromium without a window.

    Raises
    ------
    BrowserError : the program ends at once, or is no Chromium that playwright can drive.
    """
    from playwright.sync_api import Error

    try:
        return playwright.chromium.launch(executable_path=program, args=list(flags))
    except Error as error:
        raise BrowserError(
            f"{program} did not start as a browser ({error.message.splitlines()[0].rstrip('.')}): install a current "
            "Chromium, or name another program in the environment variable CHROMIUM."
        ) from error


@contextmanager
def driver() -> Iterator[Playwright]:
    """Start playwright, which drives browsers, and stop it in the end.

    Raises
    ------
    BrowserError : it is missing, or its own program does not start.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise BrowserError(
            "The package playwright is missing: `python tools/bootstrap.py release` installs it."
        ) from error
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # playwright has no narrower class for this
        raise BrowserError(
            f"playwright's own program did not start ({str(error).splitlines()[0].rstrip('.')}): on Debian and Ubuntu "
            "it needs `sudo apt install libatomic1`."
        ) from error
    try:
        yield playwright
    finally:
        playwright.stop()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a window, and stop it in the end.

    Raises
    ------
    BrowserError : there is none, it does not start, or playwright is missing.
    """
    program = chromium()
    with driver() as playwright:
        started = launch(playwright, program)
        try:
            yield started
        finally:
            started.close()
