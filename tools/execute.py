"""Run notebooks in place and store them in the one form the course commits.

    python tools/execute.py notebooks/01_estimation.ipynb [more.ipynb ...]
    python tools/execute.py --check notebooks/*.ipynb

Why not ``jupyter nbconvert --execute``: it stores live widgets without their kernel ('Error displaying
widget'), timings, and the metadata of whoever ran it, so that every run differs from the last.

A notebook is replaced only after all of it has run; if a cell fails, the file stays as it was.
"""

import argparse
import copy
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 120
_NOBODY = {"VAE_COURSE_PROGRESS": "off"}  # what is run here is no learner's answer
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What a cell may say about itself; timings, scroll positions and the marks of other editors are dropped.
CELL_METADATA = ("deck", "glossary", "jp-MarkdownHeadingCollapsed", "jupyter", "numbers", "slideshow", "tags")
FOLDED = {"source_hidden": True}  # all that `jupyter` may say: a folded output would not be seen
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class NotebookError(Exception):
    """A notebook that cannot be read or run; the message names the cell and says what happened."""


def describe(index: int, cell: NotebookNode) -> str:
    """Name a cell for messages: its position, from 0 over all cells, and its first line that is not blank."""
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "(empty)")
    return f"cell {index} ({first if len(first) <= 60 else first[:59] + '…'})"


def read(path: Path) -> NotebookNode:
    """Read a notebook of format 4; raises `NotebookError` if there is none at `path`."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise NotebookError(f"{path}: this is not a notebook that can be read ({reason})") from None


def run(notebook: NotebookNode, folder: Path, *, timeout: int = CELL_SECONDS, path: Sequence[Path] = (ROOT,)) -> None:
    """Run all cells of `notebook` in a fresh kernel, and store their outputs in it.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place: outputs and execution counts.
    folder : Path
        The working directory of the kernel.
    timeout : int
        Seconds that one cell may take.
    path : sequence of Path
        Folders put in front of the kernel's import path: by default the course's own.

    Raises
    ------
    NotebookError
        A cell raised, took too long or ended the kernel.
    """
    started = []
    client = NotebookClient(
        notebook,
        kernel_name=METADATA["kernelspec"]["name"],
        timeout=timeout,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # else the kernel prints advice on its transport
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: started.append(describe(cell_index, cell)),
    )
    inherited = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    search = os.pathsep.join([*map(str, path), *inherited])
    try:
        client.execute(env={**os.environ, "PYTHONPATH": search, "TQDM_DISABLE": "1", **_NOBODY})  # no progress bars
    except CellExecutionError as error:
        raise NotebookError(f"{started[-1]} raised {error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise NotebookError(f"{started[-1]} was stopped after {timeout} seconds") from error
    except DeadKernelError as error:
        raise NotebookError(f"{started[-1]} ended the kernel (too little memory, or a crash?)") from error


def canonical(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in the form the course commits.

    The metadata are `METADATA`; cells keep their ids, tags, slide types and folds; execution counts are 1..n; of a
    live widget the static picture stays; consecutive pieces of one stream are joined.
    """
    notebook = nbformat.v4.upgrade(copy.deepcopy(notebook))  # gives ids to the cells of older files
    notebook.metadata = nbformat.from_dict(METADATA)
    count = 0
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        if "jupyter" in kept and kept.pop("jupyter").get("source_hidden") and cell.cell_type == "code":
            kept["jupyter"] = FOLDED
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = _canonical_outputs(cell.outputs, count)
    return notebook


def _canonical_outputs(outputs: list[NotebookNode], count: int) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
            # Only what is truly empty goes: nbval does compare a line that is blank.
            elif output.text:
                kept.append(output)
            continue
        if "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            if not output.data:
                continue
        if output.output_type == "execute_result":
            output.execution_count = count
        kept.append(output)
    return kept


def text_of(notebook: NotebookNode) -> str:
    """Return the text of the file that holds `notebook`."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"


def write(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` to `path` in one step: a reader sees the old file or the new one, never half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text_of(notebook))
        if path.exists():
            shutil.copymode(path, name)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def execute(path: Path, *, timeout: int = CELL_SECONDS) -> None:
    """Run the notebook at `path` in its own folder and replace the file, or raise `NotebookError`."""
    notebook = read(path)
    try:
        run(notebook, path.parent, timeout=timeout)
    except NotebookError as error:
        raise NotebookError(f"{path}: {error}; the file is unchanged") from error
    write(canonical(notebook), path)


def not_canonical(path: Path) -> str:
    """Say where the stored notebook first departs from the canonical form; an empty string if nowhere."""
    notebook = read(path)
    wanted = canonical(notebook)
    for index, (cell, good) in enumerate(zip(notebook.cells, wanted.cells, strict=True)):
        if cell.get("execution_count") != good.get("execution_count"):
            came, wish = cell.execution_count, good.execution_count
            return f"{describe(index, cell)} has execution count {came} where {wish} belongs"
        if cell != good:
            return f"{describe(index, cell)} holds metadata or outputs that are not stored"
    if notebook != wanted:
        return "the notebook's metadata or format version are not the course's"
    if path.read_text(encoding="utf-8") != text_of(wanted):
        return "the file is laid out differently (indentation, order of keys, or its last line)"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 if every notebook is well, else 1."""
    parser = argparse.ArgumentParser(description="Run notebooks and store them in the course's form.")
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK.ipynb")
    parser.add_argument(
        "--check", action="store_true", help="say whether each file is canonical; run and write nothing"
    )
    parser.add_argument("--timeout", type=int, default=CELL_SECONDS, help="seconds for one cell (default: %(default)s)")
    options = parser.parse_args(arguments)
    failed = False
    for path in options.notebooks:
        try:
            if options.check:
                trouble = not_canonical(path)
                if trouble:
                    raise NotebookError(f"{path}: {trouble}; run: python tools/execute.py {path}")
            else:
                execute(path, timeout=options.timeout)
        except NotebookError as error:
            print(_plain(str(error)), file=sys.stderr)
            failed = True
        else:
            print(f"{path}: {'canonical' if options.check else 'executed'}")
    return int(failed)


def _plain(text: str) -> str:
    """Drop the colours that a kernel may put into its messages."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


if __name__ == "__main__":
    sys.exit(main())
