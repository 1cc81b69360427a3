"""Present one lesson as slides in JupyterLab, with explorers that move and code that runs.

    python -m tools.teach.present LESSON   (a number, a name or a notebook: 03, mixtures, notebooks/02_mixtures.ipynb)
    python -m tools.teach.present LESSON --plan 45

With a plan the slides are those of its deck (tools/publish/plans.py), in their words and in large type; without one,
those of the whole lesson.

The lesson is copied to build/present, without its solutions and the presenter's notes, and the copy is run from top
to bottom; then JupyterLab opens it as a deck, attached to the kernel that ran it. What is written into the slides
stays in the copy, until the lesson is presented again. The notes are a page of their own, for a second window, which
follows the deck. Ctrl-C ends the server and its kernel.
"""

import argparse
import contextlib
import copy
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from urllib.parse import quote

import nbformat
from jupyter_client import BlockingKernelClient
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary
from nbformat.v4 import output_from_msg

from tools import fonts
from tools.bootstrap import LAB_SETTINGS
from tools.execute import CELL_SECONDS, NotebookError, describe, read, write
from tools.publish import plans
from tools.publish.folders import move_into_place
from tools.publish.slide_types import kind, speaks_for_itself, unfolded
from tools.teach import notes

ROOT = Path(__file__).resolve().parents[2]
STYLE = Path(__file__).with_suffix(".css")
PLAN_STYLE = Path(__file__).with_name("present_plan.css")
EXTENSION = Path(__file__).with_suffix(".js")
NOTES = "notes.html"
START_SECONDS = 60
# What else ends the program, a closed terminal for instance, must like Ctrl-C end the server and its kernel first.
ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

SETTINGS = {
    **LAB_SETTINGS,
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {
        # A line of code may have 120 letters; on the screen they are too large for that.
        "codeCellConfig": {"lineNumbers": False, "lineWrap": True},
        "windowingMode": "none",  # the deck's own; settings that arrive after it has started would change it back
    },
    "jupyterlab-slideshow:plugin": {"active": True},
}
CONFIG = '''\
"""The settings of one presentation; `python -m tools.teach.present` writes them anew."""


def keep_live_views(**_):
    """Store explorers as they are: reloaded in the browser, a slide finds them alive in its kernel."""


get_config().ContentsManager.pre_save_hook = keep_live_views
# JupyterLab's own manager of files: with the course's, which fills in the kernel's language, slides did not come to
# rest.
get_config().ServerApp.contents_manager_class = (
    "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"
)
'''


PACKAGE = {
    "name": "course-deck",
    "version": "1.0.0",
    "jupyterlab": {"extension": True, "_build": {"load": "static/present.js", "extension": "./extension"}},
}
"""How JupyterLab knows the deck's extension."""

# Before a room, an exception is its last line: what is large is read, and no library's code stands between.
KERNEL_CONFIG = 'get_config().InteractiveShell.xmode = "Minimal"\n'


class PresentError(Exception):
    """The lesson cannot be presented; the message says why and what to do."""


def lessons(root: Path = ROOT) -> list[Path]:
    """Return the course's lessons in reading order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def find_lesson(wanted: str, root: Path = ROOT) -> Path:
    """Return the notebook that `wanted` says: a number, a name, or a path.

    Raises
    ------
    PresentError
        There is no such lesson; the message lists those there are.
    """
    there = lessons(root)
    known = ", ".join(path.stem for path in there)
    if not wanted:
        raise PresentError(f"say which lesson, for example make present LESSON=03; the lessons are {known}")
    given = Path(wanted)
    if given.suffix == ".ipynb" and given.is_file():
        return given.resolve()
    if wanted.isdecimal():
        found = [path for path in there if int(path.stem[:2]) == int(wanted)]
    else:
        name = given.stem
        found = [path for path in there if name in (path.stem, path.stem[3:])]
    if not found:
        raise PresentError(f"there is no lesson {wanted!r}; the lessons are {known}")
    return found[0]


def plan_copy(original: NotebookNode, lesson: Path, plan: str) -> NotebookNode:
    """Return the lesson with the slides, the words and the minutes of a plan; all its code stays.

    Raises
    ------
    PresentError
        There is no such plan, or it cannot be cut from the lesson.
    """
    way_out = "; without PLAN, the whole lesson is presented"
    if not plan.isdecimal():
        raise PresentError(f"a plan is named by its minutes, for example PLAN=45, and not by {plan!r}{way_out}")
    try:
        return plans.plan_of(lesson, original, int(plan), lesson.parents[1])[0]
    except plans.PlanError as error:
        raise PresentError(f"{error}{way_out}") from None


def room_copy(notebook: NotebookNode) -> NotebookNode:
    """Return a copy for the screen in the room.

    The solutions and the presenter's notes are left out, and so is prose that no slide shows; code that no slide
    shows stays, for later cells need it. A cell of claims or with a picture hides its source, and an answer is
    unfolded, as in the decks.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if _belongs_to_room(cell)]
    for cell in notebook.cells:
        cell.metadata.pop("jp-MarkdownHeadingCollapsed", None)
        # The deck would give a cell without a type a key press of its own.
        cell.metadata.setdefault("slideshow", NotebookNode()).setdefault("slide_type", kind(cell))
        if cell.cell_type == "markdown":
            cell.source = unfolded(cell.source)
        elif speaks_for_itself(cell):
            cell.metadata.setdefault("jupyter", NotebookNode()).source_hidden = True
    return notebook


def _belongs_to_room(cell: NotebookNode) -> bool:
    if "solution" in cell.metadata.get("tags", []) or kind(cell) == "notes":
        return False
    return cell.cell_type == "code" or kind(cell) != "skip"


@dataclass(frozen=True)
class Stage:
    """The folders of one presentation, all below `folder`."""

    folder: Path
    name: str

    @property
    def notebook(self) -> Path:
        """The copy that is presented."""
        return self.folder / "notebooks" / self.name

    @property
    def runtime(self) -> Path:
        """Where the server and its kernels say how to reach them."""
        return self.folder / "runtime"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    def write(self, notebook: NotebookNode) -> None:
        """Store the copy, as one whose pictures and explorers the browser may trust."""
        write(notebook, self.notebook)
        NotebookNotary(data_dir=str(self.folder / "data")).sign(nbformat.read(self.notebook, as_version=4))


def prepare(lesson: Path, folder: Path, plan: str = "") -> Stage:
    """Fill `folder` with the copy of a lesson and the settings of a private JupyterLab.

    Parameters
    ----------
    lesson : Path
        The notebook.
    folder : Path
        Replaced whole, or left as it is.
    plan : str
        The minutes of the plan whose deck is presented; empty presents the whole lesson.

    Raises
    ------
    PresentError
        The lesson cannot be read, it has no such plan, or the course's fonts are not complete.
    """
    try:
        original = read(lesson)
    except NotebookError as error:
        raise PresentError(str(error)) from None
    if plan:
        original = plan_copy(original, lesson, plan)
    notebook = room_copy(original)
    if all(cell.metadata.slideshow.slide_type == "skip" for cell in notebook.cells):
        raise PresentError(f"{lesson}: no cell has a slide type, so there is nothing to present")
    presentation = secrets.token_hex(8)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".present-") as name:
        staging = Stage(Path(name) / "stage", lesson.name)
        for part in ("config/custom", "data", "ipython/profile_default", "notebooks", "runtime", "settings"):
            (staging.folder / part).mkdir(parents=True)
        if (lesson.parent / "images").is_dir():
            shutil.copytree(lesson.parent / "images", staging.folder / "notebooks" / "images")
        (staging.folder / "config" / "jupyter_server_config.py").write_text(CONFIG, encoding="utf-8")
        (staging.folder / "settings" / "overrides.json").write_text(json.dumps(SETTINGS, indent=2), encoding="utf-8")
        (staging.folder / "ipython" / "profile_default" / "ipython_config.py").write_text(
            KERNEL_CONFIG, encoding="utf-8"
        )
        face = _write_style(staging.folder / "config" / "custom", [STYLE, *([PLAN_STYLE] if plan else [])])
        page = notes.page(original, lesson.stem, presentation, face)
        (staging.folder / "config" / "custom" / NOTES).write_text(page, encoding="utf-8")
        _write_extension(staging.folder / "data" / "labextensions" / PACKAGE["name"], presentation, plan)
        staging.write(notebook)
        move_into_place(staging.folder, folder, Path(name) / "earlier")
    return Stage(folder, lesson.name)


def _write_style(folder: Path, styles: Sequence[Path]) -> str:
    """Write the style sheet that JupyterLab loads, and return its part of fonts; it serves these from beside it."""
    sheet = folder / "custom.css"
    try:
        fonts.copy_fonts(folder / "fonts", sheet)
    except fonts.FontsError as error:
        raise PresentError(str(error)) from None
    face = sheet.read_text(encoding="utf-8")
    sheet.write_text("".join([face, *(style.read_text(encoding="utf-8") for style in styles)]), encoding="utf-8")
    return face


def _write_extension(folder: Path, presentation: str, plan: str) -> None:
    """Write the deck's extension where JupyterLab looks for prebuilt ones; it is written by hand and needs no build."""
    (folder / "static").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=2), encoding="utf-8")
    source = EXTENSION.read_text(encoding="utf-8").replace("@PRESENTATION@", presentation).replace("@PLAN@", plan)
    (folder / "static" / EXTENSION.name).write_text(source, encoding="utf-8")


class Server:
    """A running JupyterLab of one presentation."""

    def __init__(self, process: subprocess.Popen, stage: Stage, token: str) -> None:
        self._process, self._stage, self._token = process, stage, token
        self._port = 0

    @property
    def address(self) -> str:
        """Where a browser finds the deck."""
        return f"http://127.0.0.1:{self._port}/lab/tree/{quote(self._stage.name)}?token={self._token}"

    @property
    def notes(self) -> str:
        """Where a browser finds the presenter's page."""
        return f"http://127.0.0.1:{self._port}/custom/{NOTES}"

    def wait_until_ready(self) -> None:
        """Wait for the first answer, or raise `PresentError` where the server ends or takes too long."""
        described = self._stage.runtime / f"jpserver-{self._process.pid}.json"
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            self.require_running()
            with contextlib.suppress(OSError, ValueError):
                self._port = json.loads(described.read_text(encoding="utf-8"))["port"]
                self._ask("status")
                return
            time.sleep(0.05)
        raise PresentError(f"JupyterLab gave no answer within {START_SECONDS} seconds; {self._stage.log} may say why")

    def require_running(self) -> None:
        """Raise `PresentError` if the server has ended."""
        if self._process.poll() is not None:
            said = self._stage.log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
            raise PresentError(f"JupyterLab has ended; its last words ({self._stage.log}): {said[-1].strip()}")

    def open_session(self) -> Path:
        """Start the notebook's kernel and return the file that says how to reach it."""
        request = {
            "kernel": {"name": "python3"},
            "name": self._stage.name,
            "path": self._stage.name,
            "type": "notebook",
        }
        try:
            session = self._ask("sessions", request)
        except (OSError, ValueError) as error:
            raise PresentError(
                f"JupyterLab could not start a kernel ({error}); {self._stage.log} may say why"
            ) from None
        return self._stage.runtime / f"kernel-{session['kernel']['id']}.json"

    def _ask(self, what: str, content: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/api/{what}",
            data=None if content is None else json.dumps(content).encode(),
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
        with direct.open(request, timeout=START_SECONDS) as answer:
            return json.load(answer)

    def wait(self) -> None:
        """Return when the server has ended."""
        self._process.wait()


@contextlib.contextmanager
def serve(stage: Stage, *, port: int = 0, token: str = "") -> Iterator[Server]:
    """Run JupyterLab for a presentation; on leaving, it and its kernel have ended.

    Parameters
    ----------
    stage : Stage
        What `prepare` has made.
    port : int
        Where to listen; 0 takes a free one.
    token : str
        What a browser must know; empty makes one.
    """
    token = token or secrets.token_hex(24)
    as_root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with open(stage.log, "wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--custom-css"),
                f"--ServerApp.root_dir={stage.notebook.parent}",
                f"--LabApp.app_settings_dir={stage.folder / 'settings'}",
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", *as_root),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(stage, token),
            start_new_session=True,  # Ctrl-C reaches this program alone, which then ends the server
        )
        try:
            server = Server(process, stage, token)
            server.wait_until_ready()
            yield server
        finally:
            _end(process)


def _environment(stage: Stage, token: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    search = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **inherited,
        "IPYTHONDIR": str(stage.folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(stage.folder / "config"),
        "JUPYTER_DATA_DIR": str(stage.folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(stage.runtime),
        "JUPYTER_PREFER_ENV_PATH": "0",  # else the environment's settings would win over these
        "JUPYTER_TOKEN": token,
        "PYTHONPATH": os.pathsep.join(search),
        "VAE_COURSE_PROGRESS": "off",  # what is tried before a class is not what the presenter has learnt
        "TQDM_DISABLE": "1",  # progress bars would make slides taller than they were when tested
    }


def _end(process: subprocess.Popen) -> None:
    process.terminate()  # the server ends its kernels first
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:  # in vain, or Ctrl-C was pressed again
            process.kill()
            process.wait()


def run_cells(
    notebook: NotebookNode,
    connection: Path,
    *,
    chosen: Callable[[NotebookNode], object] | None = None,
    progress: Callable[[int], None] = lambda index: None,
    require_running: Callable[[], None] = lambda: None,
    timeout: float = CELL_SECONDS,
) -> None:
    """Run the code of `notebook` in a kernel that is running already, and store their outputs in it.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place.
    connection : Path
        The kernel's connection file.
    chosen : callable, optional
        Says of a code cell whether it is run; the others keep the outputs they have.
    progress : callable
        Called with the index of each code cell before it runs.
    require_running : callable
        Called once a second while a cell says nothing; raises where waiting is in vain.
    timeout : float
        Seconds that one cell may take.

    Raises
    ------
    PresentError
        A cell raised or took too long.
    """
    kernel = BlockingKernelClient(connection_file=str(connection))
    kernel.load_connection_file()
    kernel.start_channels()
    displays: dict[str, list[NotebookNode]] = {}
    try:
        _wait_for_kernel(kernel, require_running)
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and (chosen is None or chosen(cell)):
                progress(index)
                _run_cell(cell, index, kernel, displays, require_running, time.monotonic() + timeout)
    finally:
        kernel.stop_channels()


def _wait_for_kernel(kernel: BlockingKernelClient, require_running: Callable[[], None]) -> None:
    """Ask until the kernel answers on the channel of outputs, which misses what was said before it was heard."""
    asked = set()
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        require_running()
        asked.add(kernel.kernel_info())
        with contextlib.suppress(Empty):
            while kernel.get_iopub_msg(timeout=1)["parent_header"].get("msg_id") not in asked:
                pass
            return
    raise PresentError(f"the kernel gave no answer within {START_SECONDS} seconds: try again")


def _run_cell(
    cell: NotebookNode,
    index: int,
    kernel: BlockingKernelClient,
    displays: dict[str, list[NotebookNode]],
    require_running: Callable[[], None],
    end: float,
) -> None:
    content = {
        "code": cell.source,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    request = kernel.session.msg("execute_request", content)
    # As JupyterLab does: an explorer that is run again on its slide then replaces this one.
    request["metadata"]["cellId"] = cell.id
    cell.outputs = []
    kernel.shell_channel.send(request)
    running = True
    while running:
        try:
            message = kernel.get_iopub_msg(timeout=1)
        except Empty:
            require_running()
            if time.monotonic() > end:
                raise PresentError(f"{describe(index, cell)} takes too long to be run before a room") from None
            continue
        if message["parent_header"].get("msg_id") == request["header"]["msg_id"]:
            running = not _record(message, cell, displays)
    for output in cell.outputs:
        if output.output_type == "error":
            raise PresentError(f"{describe(index, cell)} raised {output.ename}: {output.evalue}")


def _record(message: dict, cell: NotebookNode, displays: dict[str, list[NotebookNode]]) -> bool:
    """Store in the cell what a message of the kernel says; return whether it was the cell's last."""
    kind, content = message["msg_type"], message["content"]
    if kind == "status":
        return content["execution_state"] == "idle"
    display = content.get("transient", {}).get("display_id")
    if kind == "execute_input":
        cell.execution_count = content["execution_count"]
    elif kind == "clear_output":
        cell.outputs = []
    elif kind == "update_display_data":
        for output in displays.get(display, []):
            output.update(data=content["data"], metadata=content["metadata"])
    elif kind in ("stream", "display_data", "execute_result", "error"):
        output = output_from_msg(message)
        if cell.outputs and kind == "stream" and cell.outputs[-1].get("name") == output.name:
            cell.outputs[-1].text += output.text
        else:
            cell.outputs.append(output)
        if display:
            displays.setdefault(display, []).append(output)
    return False


def present(lesson: Path, folder: Path, plan: str = "", *, port: int, token: str, browser: bool) -> None:
    """Prepare, run and serve a lesson, or the deck of one of its plans, until the server ends or Ctrl-C is pressed."""
    for ending in ENDINGS:
        signal.signal(ending, _interrupt)
    stage = prepare(lesson, folder, plan)
    name = f"{lesson.stem} in {plan} minutes" if plan else lesson.stem
    notebook = nbformat.read(stage.notebook, as_version=4)
    count = len(notebook.cells)
    with serve(stage, port=port, token=token) as server:
        if sys.stdout.isatty():

            def progress(index: int) -> None:
                print(f"\rrunning {name}: cell {index + 1} of {count}", end="", flush=True)

            run_cells(notebook, server.open_session(), progress=progress, require_running=server.require_running)
            print()
        else:
            print(f"running {name}: {count} cells", flush=True)
            run_cells(notebook, server.open_session(), require_running=server.require_running)
        stage.write(notebook)
        print(f"presenting {name}: {server.address}")
        print(f"your notes, for a second window of the same browser: {server.notes}")
        print(
            "Space goes on, Shift+Space back, Ctrl+Enter runs a cell; Escape stays on the slide. Whatever happened to "
            "the window, reload it or open the address again: it shows the slide where you were. Ctrl-C here ends all."
        )
        sys.stdout.flush()
        if browser:
            webbrowser.open(server.address)
        server.wait()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if the lesson could not be presented."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.teach.present", description="Present one lesson as slides in JupyterLab."
    )
    parser.add_argument("lesson", nargs="?", default="", help="a number, a name or a notebook: 03, mixtures")
    parser.add_argument("--plan", default="", help="the minutes of a plan, 45 or 90 (default: the whole lesson)")
    parser.add_argument("--no-browser", action="store_true", help="say the address, and open nothing")
    parser.add_argument("--port", type=int, default=0, help="where to listen (default: a free port)")
    parser.add_argument("--token", default="", help="what a browser must know (default: a new one)")
    parser.add_argument("--folder", type=Path, help="where the copy is made (default: below build/present)")
    options = parser.parse_args(arguments)
    try:
        lesson = find_lesson(options.lesson)
        name = f"{lesson.stem}-{options.plan}" if options.plan.isdecimal() else lesson.stem
        folder = options.folder or ROOT / "build" / "present" / name
        present(
            lesson,
            folder.resolve(),
            options.plan,
            port=options.port,
            token=options.token,
            browser=not options.no_browser,
        )
    except PresentError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
