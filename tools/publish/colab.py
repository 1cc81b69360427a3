"""Copies of the lessons for Colab, which opens a notebook alone: a first cell brings the rest into the empty runtime.

The cell stands in these copies only, which the site holds in downloads/colab: in the notebooks of the course it would
be something to skip in every lesson, and to run in every test. It fetches the students' copy from the published site,
which it knows by its checksum, and goes to the folder of the lessons; a second one installs what the runtime lacks of
the packages that pyproject.toml names, in whatever version does: the runtime's own torch stays.
"""

from __future__ import annotations

import copy
from urllib.parse import quote, urlsplit

import nbformat
from nbformat import NotebookNode

BRANCH = "gh-pages"
"""The branch of the repository from which the site is published, if COURSE_SITE_BRANCH names no other."""

FOLDER = "downloads/colab"
SETUP = """\
# Brings the course's code and data into an empty runtime; at home, nothing is fetched
import hashlib, io, os, tempfile, urllib.request, zipfile

ARCHIVE = "{address}"
SUM = "{digest}"
folder = f"course-{{SUM[:8]}}"  # another edition leaves it, with what you wrote there
if not os.path.isdir("../course_utils"):
    if not os.path.isdir(folder):
        try:
            archive = urllib.request.urlopen(ARCHIVE, timeout=60).read()
        except OSError as error:
            raise SystemExit(f"The course cannot be fetched now ({{error}}): run again.")
        if hashlib.sha256(archive).hexdigest() != SUM:
            raise SystemExit("There is a new edition: open this lesson from its page.")
        with tempfile.TemporaryDirectory(dir=".") as part:
            zipfile.ZipFile(io.BytesIO(archive)).extractall(part)
            os.rename(os.path.join(part, "course"), folder)
    os.chdir(os.path.join(folder, "notebooks"))
"""
PACKAGES = """\
# Installs packages that are missing or too old; the runtime's own IPython stays
import subprocess, sys, tomllib
from importlib.metadata import distributions

from packaging.requirements import Requirement

with open("../pyproject.toml", "rb") as file:
    wanted = map(Requirement, tomllib.load(file)["project"]["dependencies"])
there = {dist.name.lower().replace("_", "-"): dist.version for dist in distributions()}
lacking = [
    str(need)
    for need in wanted
    if need.name != "ipython" and there.get(need.name, "0") not in need.specifier
]
if lacking:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *lacking]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise SystemExit(f"Not installed: {', '.join(lacking)} ({said}): run again.")
if "google.colab" in sys.modules:
    from google.colab import output

    output.enable_custom_widget_manager()  # else explorers have no sliders
"""


def colab_notebook(notebook: NotebookNode, address: str, digest: str) -> NotebookNode:
    """Return a students' notebook with two cells before it that bring the course.

    Parameters
    ----------
    notebook : NotebookNode
        As students get it; it is not changed.
    address : str
        Where the archive of the students' copy is.
    digest : str
        The archive's sha256, in hexadecimal.
    """
    notebook = copy.deepcopy(notebook)
    setup = SETUP.format(address=address, digest=digest)
    notebook.cells[:0] = [nbformat.v4.new_code_cell(setup.rstrip(), id="colab-course")]
    notebook.cells[1:1] = [nbformat.v4.new_code_cell(PACKAGES.rstrip(), id="colab-packages")]
    return notebook


def places(repository: str, lesson: str, branch: str = BRANCH) -> tuple[str, str] | None:
    """Return the address that opens a lesson in Colab, and that of the archive; None where Colab cannot reach it.

    Colab opens what a repository on GitHub holds: the copies are in the branch from which the site is published.
    """
    address = urlsplit(repository.removesuffix("/").removesuffix(".git"))
    if address.scheme != "https" or address.netloc != "github.com":
        return None
    name, branch = address.path.strip("/"), quote(branch)
    return (
        f"https://colab.research.google.com/github/{name}/blob/{branch}/{FOLDER}/{lesson}",
        f"https://raw.githubusercontent.com/{name}/{branch}/downloads/course.zip",
    )
