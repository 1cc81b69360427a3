"""JupyterLab for the browser tests: a server with the course's settings and nobody else's, and a notebook in it."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from playwright.sync_api import Locator, Page, expect

from tools.bootstrap import LAB_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "browser-tests"


class LabServer:
    """A running JupyterLab."""

    def __init__(self, address: str, folder: Path):
        self.address = address
        self.folder = folder
        """What it serves."""

    def url(self, name: str) -> str:
        """Return the address of a notebook, opened in a workspace that remembers nothing."""
        return f"{self.address}/lab/tree/{name}?token={TOKEN}&reset"

    def end_kernels(self) -> None:
        """Shut down all kernels, and with them their memory."""
        for session in json.loads(self._ask("GET", "api/sessions")):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.address}/{path}", method=method)
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@contextmanager
def serve(course: Path, home: Path) -> Iterator[LabServer]:
    """Start a JupyterLab that serves `course/notebooks`; what it stores of its own is in `home`.

    Its kernels find the packages of `course` before any other.
    """
    folder, settings, config = course / "notebooks", home / "settings", home / "config"
    for new in (settings, config):
        new.mkdir()
    (settings / "overrides.json").write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")
    shutil.copy(ROOT / "tools" / "teach" / "jupyter_server_config.py", config)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environment |= {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_TOKEN": TOKEN,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(course), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={folder}", f"--LabApp.app_settings_dir={settings}"]
    process = subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab", line):
                break
        else:
            raise RuntimeError("JupyterLab did not start:\n" + "".join(said[-20:]))
        reader = threading.Thread(target=said.extend, args=[process.stdout], daemon=True)
        reader.start()
        yield LabServer(found[1], folder)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class LabNotebook:
    """A notebook open in JupyterLab; cells are numbered as in the file."""

    CELL = ".jp-Notebook .jp-Cell"

    def __init__(self, page: Page, server: LabServer, name: str):
        self.page = page
        self.path = server.folder / name
        page.goto(server.url(name))
        # The indicator beside the kernel's name shows 'idle' before there is a kernel; the status bar does not.
        page.locator("#jp-main-statusbar").get_by_text("(ipykernel) | Idle").wait_for(timeout=120_000)
        # Of a long notebook JupyterLab adds the cells one by one, when it has time.
        cells = nbformat.read(self.path, as_version=4).cells
        expect(page.locator(self.CELL)).to_have_count(len(cells), timeout=180_000)

    def cell(self, index: int) -> Locator:
        """Return a cell."""
        return self.page.locator(self.CELL).nth(index)

    def run_all(self, timeout: float) -> None:
        """Run all cells and wait until the last has a number, or one has raised and the others are given up.

        Parameters
        ----------
        timeout : float
            In seconds.
        """
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputPrompt")];
                const raised = document.querySelector(".jp-Notebook [data-mime-type='application/vnd.jupyter.stderr']");
                const waiting = prompts.some(prompt => prompt.textContent.includes("*"));
                return (!waiting && (raised || /\\d/.test(prompts.at(-1).textContent)))
                    || document.querySelector(".jp-Dialog");
            }""",
            timeout=timeout * 1000,
            polling=200,  # milliseconds; asked for every frame, the question took as long as the lesson
        )
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)

    def write(self, index: int, source: str) -> None:
        """Replace the source of a code cell from the keyboard, and run it."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.run_again(index)

    def run_again(self, index: int) -> None:
        """Run a code cell from the keyboard, and wait until it has."""
        prompt = self.cell(index).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.cell(index).locator(".cm-content").focus()
        self.page.keyboard.press("Control+Enter")
        expect(prompt).not_to_have_text(before)
        expect(prompt).to_have_text(re.compile(r"\d"))

    def save(self) -> NotebookNode:
        """Save the notebook from the keyboard, and return what is then on disk."""
        self.page.keyboard.press("Escape")
        # The request and not an answer is awaited: an answer may be that to an earlier save, which Lab made by itself.
        with self.page.expect_request(lambda r: r.method == "PUT" and "/api/contents/" in r.url) as saving:
            self.page.keyboard.press("Control+S")
        assert saving.value.response().ok
        return nbformat.read(self.path, as_version=4)
