"""The handouts as they are opened and printed: one or two whole pages of A4 for each lesson."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from browser import pages
from tools.publish import handouts, paper

ROOT = Path(__file__).resolve().parents[2]
LESSONS = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
A4 = (594.96, 841.92)  # points
PAST_THE_EDGE = """() => {
    const right = document.querySelector("main").getBoundingClientRect().right + 1;
    return [...document.querySelectorAll("main *:not(mjx-assistive-mml, mjx-assistive-mml *)")]
        .filter(one => one.getBoundingClientRect().right > right).map(one => one.outerHTML.slice(0, 80));
}"""

# The first test that needs the folder waits until all of it is built.
pytestmark = pytest.mark.timeout(900)


def command(folder):
    # In a process of its own: playwright's loop runs in this one.
    subprocess.run([sys.executable, "-m", "tools.publish.handouts", "--output", folder], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def folder(chromium_path, tmp_path_factory):
    """The handouts of all lessons, built once for all test processes."""
    return pages.once(tmp_path_factory.getbasetemp().parent / "handouts", command)


@pytest.mark.parametrize("name", LESSONS)
def test_a_handout_is_one_or_two_pages_of_a4(name, folder):
    pdf = folder / f"{name}.pdf"
    count = paper.page_count(pdf.read_bytes())
    assert 1 <= count <= handouts.MOST_PAGES
    boxes = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", pdf.read_bytes())
    assert boxes
    for box in boxes:
        assert tuple(map(float, box.split()))[2:] == pytest.approx(A4, abs=1)
    if program := shutil.which("pdfinfo"):
        said = subprocess.run([program, pdf], capture_output=True, text=True, check=True).stdout
        assert int(re.search(r"^Pages:\s+(\d+)", said, re.MULTILINE)[1]) == count
        assert "(A4)" in said


@pytest.mark.parametrize("name", [*LESSONS, handouts.SHEET])
def test_a_handout_reads(name, folder, page, axe, screenshot):
    page.goto((folder / f"{name}.html").as_uri())
    formulas, raw, failed = pages.mathematics(page, "main")
    assert formulas > 1
    assert (raw, failed) == ([], 0)
    page.evaluate("() => window.handout.then(() => true)")
    assert page.evaluate(PAST_THE_EDGE) == []
    pictures = page.locator("img")
    assert pictures.evaluate_all("all => all.filter(one => !one.naturalWidth).map(one => one.alt)") == []
    screenshot(f"handout-{name[:2]}")
    assert axe(page, "main") == []
