"""A headless browser for the tests of this folder, and what they share.

The browser is Chromium, from the PATH or named in CHROMIUM. Where there is none these tests are skipped, and say so;
COURSE_BROWSER=required makes them fail instead, and COURSE_BROWSER=off leaves them out.
"""

import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import pages, watch
from browser.lab import serve
from tools.publish import browser as chromium
from tools.publish import npm, site, slides, student_copy

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "browser"
SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = (
    *chromium.FLAGS,
    # What a page asks for outside is recorded, and never reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
PATIENCE = 30_000  # milliseconds; a machine may have other work
SIZE = {"width": 1280, "height": 800}
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items):
    """Mark every test of this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("browser")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Tell the fixtures of a test whether it failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def find_chromium(environment):
    """Return the path of Chromium; skip or fail the test, in one sentence, where it or npm's packages are missing."""
    if environment.get("COURSE_BROWSER") == "off":
        pytest.skip("COURSE_BROWSER is off. The browser tests did not run.")
    try:
        path = chromium.chromium()
        for name in npm.PACKAGES:
            npm.package(name)
    except (chromium.BrowserError, npm.NpmError) as error:
        give_up(error, environment)
    return path


def give_up(error, environment):
    """Skip the test, or fail it where the browser tests are wanted."""
    sentence = f"{error} The browser tests did not run."
    if environment.get("CHROMIUM") or environment.get("COURSE_BROWSER") == "required":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium_path():
    """The path of the browser."""
    return find_chromium(os.environ)


# Playwright keeps an event loop running in the thread of the tests. It ends with this folder: for the tests that
# follow, code that asks whether a loop is running (an explorer does) must find none.
@pytest.fixture(scope="package")
def browser(chromium_path):
    """A headless Chromium, one for each test process."""
    expect.set_options(timeout=PATIENCE)
    with ExitStack() as started:
        try:
            playwright = started.enter_context(chromium.driver())
            browser = chromium.launch(playwright, chromium_path, FLAGS)
        except chromium.BrowserError as error:
            give_up(error, os.environ)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def harmless():
    """Regular expressions of console errors to overlook; a module with reason to has its own `harmless`."""
    return ()


@pytest.fixture
def page(browser, harmless, request):
    """An empty page. At the end of the test it must have reported no error and asked for nothing outside."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_navigation_timeout(4 * PATIENCE)
    record = watch.Watch(context, harmless)
    page = context.new_page()
    yield page
    if request.node.stash.get(FAILED, False):
        watch.take(page, SCREENSHOTS, "failed-" + re.sub(r"\W+", "-", request.node.name).strip("-"))
    context.close()
    record.check()


@pytest.fixture
def screenshot(page):
    """Keep a picture of the page, or of the element `target`: `screenshot(name, target)` returns its path."""
    return lambda name, target=page: watch.take(target, SCREENSHOTS, name)


@pytest.fixture(scope="session")
def axe():
    """Find accessibility violations: `axe(page, include, exclude=…)`, see `watch.axe`."""
    return watch.axe


@pytest.fixture(scope="session")
def decks(chromium_path, tmp_path_factory):
    """The decks of all lessons, built once for all test processes."""
    return pages.once(tmp_path_factory.getbasetemp().parent / "slides", slides.build)


@pytest.fixture(scope="session")
def web(chromium_path, tmp_path_factory):
    """The site, built once for all test processes."""
    return pages.once(tmp_path_factory.getbasetemp().parent / "site", lambda folder: site.build(folder))


@pytest.fixture(scope="package")
def lab_server(tmp_path_factory):
    """A JupyterLab as `make lab` starts it, one for each test process; it serves a students' copy of the course."""
    home = tmp_path_factory.mktemp("lab")
    course, _ = student_copy.build(home / "student")
    with serve(course, home) as server:
        yield server


@pytest.fixture
def lab(lab_server):
    """The JupyterLab; its kernels end with the test. Ask for it before `page`, which is then closed first."""
    yield lab_server
    lab_server.end_kernels()
