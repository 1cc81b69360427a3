"""The instruments of the browser tests notice what they are there to notice."""

import pytest

from browser.conftest import find_chromium
from browser.watch import Watch, is_outside
from tools.publish import npm


@pytest.fixture
def watched(browser):
    """A page and the record of it, which nobody checks but the test."""
    context = browser.new_context()
    record = Watch(context, harmless=[r"a known \w+"])
    yield context.new_page(), record
    context.close()


@pytest.mark.parametrize(
    ("script", "event", "words"),
    [
        ("console.error('the sky is falling')", "console", "the sky is falling"),
        (
            "setTimeout(() => { throw new TypeError('no such slider') })",
            "pageerror",
            "uncaught error: .*no such slider",
        ),
        ("Promise.reject(new Error('a promise broken'))", "pageerror", "uncaught error: .*a promise broken"),
        ("new Image().src = 'https://example.org/a.png'", "request", "outside: https://example.org/a.png"),
        ("fetch('https://192.0.2.1/').catch(() => {})", "request", "outside: https://192.0.2.1/"),
        ("new WebSocket('ws://example.org/feed')", "websocket", "outside: ws://example.org/feed"),
    ],
)
def test_what_a_page_must_not_do_is_recorded(watched, script, event, words):
    page, record = watched
    with page.expect_event(event):
        page.evaluate(f"() => {{ {script} }}")
    with pytest.raises(AssertionError, match=words):
        record.check()


def test_a_quiet_page_is_not_blamed(watched):
    page, record = watched
    page.set_content("<title>t</title><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''>")
    page.evaluate("console.error('a known nuisance'); console.warn('a warning'); console.log('a word')")
    page.evaluate("fetch(URL.createObjectURL(new Blob(['text'])))")
    record.check()


@pytest.mark.parametrize(
    "address",
    ["http://example.org", "https://127.0.0.1.example.org/", "ws://localhost@example.org", "http://10.0.0.1:80"],
)
def test_addresses_outside(address):
    assert is_outside(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8888/lab?next=//example.org",
        "ws://localhost:8888/api",
        "http://[::1]:80/",
        "blob:x",
        "about:blank",
    ],
)
def test_addresses_inside(address):
    assert not is_outside(address)


def test_axe_finds_a_picture_without_words_and_nothing_else(page, axe):
    page.set_content(
        "<html lang='en'><title>t</title><main><h1>t</h1><p id='good'>Words</p>"
        "<p id='bad'><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='></p></main>"
    )
    assert [found.rule for found in axe(page)] == ["image-alt"]
    assert [found.rule for found in axe(page, "p")] == ["image-alt"]
    assert axe(page, "#good") == []
    assert axe(page, exclude="#bad") == []
    assert axe(page, impacts=["minor", "moderate"]) == []


def test_axe_looks_once_at_words_of_code_that_are_alike(page, axe):
    page.set_content(
        "<html lang='en'><title>t</title><style>.k { color: #333; } .faint .k { color: #ddd; }</style>"
        "<main><h1>t</h1><pre><span class='k'>if</span> a: <span class='k'>if</span></pre>"
        "<pre class='faint'><span class='k'>if</span> b: <span class='k'>if</span></pre>"
        "<pre><span class='k'>if</span> <span class='k' style='color: #eee'>or</span></pre></main>"
    )
    found = axe(page)
    assert [one.rule for one in found] == ["color-contrast"] * 2
    assert page.locator("pre span").count() == 3


def test_a_screenshot_is_kept(page, screenshot):
    page.set_content("<p>Words</p>")
    path = screenshot("test-of-the-screenshot", page.locator("p"))
    assert path.read_bytes().startswith(b"\x89PNG")
    path.unlink()


def test_without_a_browser_the_tests_are_skipped_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match=r"There is no Chromium: install it.* The browser tests did not run"
    ):
        find_chromium({})
    with pytest.raises(pytest.fail.Exception, match="The browser tests did not run"):
        find_chromium({"COURSE_BROWSER": "required"})


def test_without_what_pages_carry_with_them_the_tests_are_skipped_too(monkeypatch, tmp_path):
    program = tmp_path / "my-browser"
    program.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(program))

    def fail(name):
        raise npm.NpmError("There is no npm.")

    monkeypatch.setattr(npm, "package", fail)
    with pytest.raises(pytest.skip.Exception, match=r"There is no npm\. The browser tests did not run"):
        find_chromium({})


def test_a_browser_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setattr(npm, "package", lambda name: tmp_path)
    program = tmp_path / "my-browser"
    program.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(program))
    assert find_chromium({"CHROMIUM": str(program)}) == str(program)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "my-brwoser"))
    with pytest.raises(pytest.fail.Exception, match="my-brwoser"):
        find_chromium({"CHROMIUM": str(tmp_path / "my-brwoser")})
