"""Build the students' copy of the course, and the solutions apart from it.

    python -m tools.publish.student_copy [DESTINATION]      (default: dist/student)

DESTINATION gets the notebooks without their solutions and without the verdicts of the exercises, and what is
needed to work through them. Of a presenter's note it gets the questions for the room that have their answer beside
them, each with the answer folded (tools/publish/self_tests.py), and what names commands or files that are not in it is
left out. The folder `solutions` beside it gets one notebook for each lesson: its exercises, each with its solution as
it stands in the course. Nothing is executed.

The check of an exercise compares with right answers and with misconceptions, and makes small changes in the source of
both, so they have to be in the copy. They are there sealed (course_utils/workshop/sealed.py): of a lesson's room, all
but its explorers and its models is stored as compressed source under a stream of bytes, and opened in memory when it is
imported. How hard is that to read? Opening files, searching the folder and `??` in a notebook show nothing. One line of
Python shows all, to whoever reads how `sealed` opens a file: the key is in the copy, and cannot be elsewhere while the
check works offline. A function can also be called, and its bytecode taken apart. So this is an envelope and no safe;
marks are decided elsewhere (tools/teach/grading).

Both folders appear complete or not at all, and replace only what an earlier run has built.
"""

import argparse
import ast
import copy
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor
from nbformat import NotebookNode

from course_utils.workshop import sealed
from tools.publish.folders import interruptible, move_into_place, require_replaceable
from tools.publish.self_tests import NoteError, body, is_note, self_tests, without_notes

ROOT = Path(__file__).resolve().parents[2]
MARKER = ".built-by-student-copy"
FOLDERS = ("course_utils", "data")  # what was downloaded stays
OPEN = {"__init__", "explorers", "models"}  # of a lesson's room; the other modules hold answers
FILES = ("CITATION.cff", "LICENSE*", "Makefile", "constraints.txt", "environment.yml", "pyproject.toml")
TOOLS = ("tools/bootstrap.py", "tools/teach/jupyter_server_config.py")  # `make lab` starts with them
COMMANDS = ("help", "lab")  # what of the Makefile works in the copy
LEAST = 12  # shorter lines, such as 'return x', belong to no solution in particular
LEAST_SAID = 24  # and shorter sentences, such as 'The exercise: six minutes.', to no presenter's note
OPTIONAL = re.compile(r"#+ Optional: ")  # how the heading of an optional part begins
LEFT_OUT = shutil.ignore_patterns("__pycache__", "cache", ".*")
KEPT = {"tags", "jupyter", "slideshow", "jp-MarkdownHeadingCollapsed"}  # the other metadata are an author's
BENCHMARK = re.compile(r"(?:^|(?<=[.!?:)*] ))The course's benchmark `[^\n]*?[.!?](?: (?=[A-Z*$(\[])|$)", re.MULTILINE)
SETTINGS = re.compile(r"^\[tool\.(?:pytest|ruff)[^\n]*\n(?:(?!\[)[^\n]*\n)*", re.MULTILINE)
READ = {".md", ".txt", ".toml", ".yml", ".cff", ""}  # what of the copy, beside the notebooks, is there to be read
NAMED = re.compile(
    r"make (?P<command>[a-z]+)(?=`| [A-Z]+=)|\bmake (?P<other>test|student|site|present|bench)\b"
    r"|(?<![\w./])(?P<path>(?:benchmarks|docs|tests|tools|\.ci)/[\w./-]*\w|CONTRIBUTING\.md|CHANGELOG\.md)"
)
ELSEWHERE = re.compile(r"[`)]* of the full course\b")
BEFORE = "prerequisites.ipynb"  # questions that come before the first lesson
ABOUT_BEFORE = f"""\
   (Not sure whether you bring what is needed? [Fifteen questions](notebooks/{BEFORE}) tell, and where to learn it.)
"""
README = """\
# {title}

Your own copy of the course: write into it as you like.

1. With Python 3.11 or newer and make, type `make lab` in this folder: it installs what is needed and opens
   JupyterLab.
   With conda (Windows too): `conda env create -f environment.yml`, then activate it and type `jupyter lab`.
2. Start with `notebooks/00_start_here.ipynb`, and work through the lessons in order:

{lessons}

An exercise is a function whose body is `...`. Replace the `...`, run the cell, and read what the check says;
it never minds how often you try. The solutions are handed out separately.

Code: BSD-3-Clause. Text and figures: CC BY 4.0. Data: as data/README.md says of each file.
"""


class StudentCopyError(Exception):
    """The copy cannot be built; the message says why and what to do."""


def student_notebook(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without the cells tagged `solution` and what is a teacher's, with the exercises not yet run.

    Raises
    ------
    NoteError : a presenter's note has a form from which its questions cannot be taken.
    """
    remove = TagRemovePreprocessor(enabled=True, remove_cell_tags={"solution"}, remove_all_outputs_tags={"exercise"})
    notebook, _ = remove(copy.deepcopy(notebook), {})
    notebook.cells = without_notes(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_benchmarks(cell.source)
        for name in set(cell.metadata) - KEPT:
            del cell.metadata[name]
        # A collapsed heading hides all cells down to the next one; beside solutions, optional parts have it.
        if not OPTIONAL.match(cell.source):
            cell.metadata.pop("jp-MarkdownHeadingCollapsed", None)
    return notebook


def without_benchmarks(text: str) -> str:
    """Return a text without the sentences that begin with "The course's benchmark `name`": students do not get them."""
    return re.sub(r" +$", "", BENCHMARK.sub("", text), flags=re.MULTILINE) if BENCHMARK.search(text) else text


def solutions_notebook(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook of the lesson's imports and its exercises, each with its solution."""
    notebook = copy.deepcopy(notebook)
    title = nbformat.v4.new_markdown_cell(f"# Solutions to {_title(notebook)}", id="solutions")
    notebook.cells = [title, *(cell for cell in notebook.cells if _belongs_to_solutions(cell))]
    return notebook


def _belongs_to_solutions(cell: NotebookNode) -> bool:
    tags = set(cell.metadata.get("tags", []))
    if cell.cell_type == "markdown":
        return "exercise" in tags
    return bool(tags & {"imports", "solution"})


def _title(notebook: NotebookNode) -> str:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
    return found[1].strip() if found else "a lesson"


def students_makefile(text: str) -> str:
    """Return the course's Makefile without the commands that need what students do not get."""
    kept = []
    for block in text.split("\n\n"):
        command = re.match(r"([a-z-]+):.*## ", block)
        if command is None or command[1] in COMMANDS:
            kept.append(block)
    names = f".PHONY: {' '.join(COMMANDS)} setup-lab"
    text = re.sub(r"^\.PHONY:(?:.*\\\n)*.*$", names, "\n\n".join(kept), flags=re.MULTILINE)
    return re.sub(r"^setup-lab [a-z -]+: setup-%:", "setup-lab: setup-%:", text, flags=re.MULTILINE)


def students_constraints(text: str) -> str:
    """Return the pinned versions with a heading that names only what students have."""
    return text.replace(" make test,", "").replace(" CONTRIBUTING.md says how to bring it up to date.", "")


def students_settings(text: str) -> str:
    """Return pyproject.toml without the settings of tests and of style."""
    return SETTINGS.sub("", text).rstrip() + "\n"


CUT = {"Makefile": students_makefile, "constraints.txt": students_constraints, "pyproject.toml": students_settings}


def solution_lines(notebook: NotebookNode) -> set[str]:
    """Return the lines that only a solution holds: no signature, no docstring, no imports, no call of the check."""
    lines: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type != "code" or "solution" not in cell.metadata.get("tags", []):
            continue
        tree = ast.parse(cell.source)
        shown: set[int] = set(_span(tree.body[-1]))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                shown.update(_span(node))
            elif isinstance(node, ast.FunctionDef) and node in tree.body:
                shown.update(range(node.lineno, node.body[0].lineno))
                if ast.get_docstring(node):
                    shown.update(_span(node.body[0]))
        numbered = enumerate(cell.source.splitlines(), start=1)
        lines.update(line.strip() for number, line in numbered if number not in shown)
    return {line for line in lines if len(line) >= LEAST}


def _span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def leaks(student: Path, notebooks: Path) -> list[str]:
    """Return "file: line" for each line of a solution in `notebooks` that stands in a text file of `student`."""
    secret: set[str] = set()
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        secret |= solution_lines(nbformat.read(path, as_version=4))
    found = []
    for path in sorted(student.rglob("*")):
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix == ".ipynb":
            cells = nbformat.reads(text, as_version=4).cells
            outputs = [output for cell in cells for output in cell.get("outputs", [])]
            said = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs]
            text = "\n".join([*(cell.source for cell in cells), *said])
        name = path.relative_to(student).as_posix()
        found += [f"{name}: {line}" for line in sorted(secret) if _stands_in(line, text)]
    return found


def told(student: Path, notebooks: Path) -> list[str]:
    """Return "file: sentence" for what a student must not read of the presenter's notes in `notebooks`.

    That is each sentence of a note which belongs to no self-test, and each answer of one that is not folded.
    """
    sentences: set[str] = set()
    answers: set[str] = set()
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        for cell in filter(is_note, nbformat.read(path, as_version=4).cells):
            rest = body(cell.source)
            for test in self_tests(cell.source):
                rest = rest.replace(test.question, "\n").replace(test.answer, "\n")
                if len(test.answer) >= LEAST_SAID:
                    answers.add(test.answer)
            parts = (part.strip(' "()') for part in re.split(r"\n|(?<=[.!?:])\s", rest))
            sentences |= {part for part in parts if len(part) >= LEAST_SAID}
    found = []
    for path in sorted(student.rglob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells)
        unfolded = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        name = path.relative_to(student).as_posix()
        found += [f"{name}: {line}" for line in sorted(sentences) if _stands_in(line, text)]
        found += [f"{name}: {line}" for line in sorted(answers) if _stands_in(line, unfolded)]
        found += [f"{name}: a presenter's note" for cell in cells if is_note(cell) or "Presenter's note" in cell.source]
    return found


def named_in_vain(student: Path, texts: Iterable[Path] | None = None) -> list[str]:
    """Return "file: name" for each command and file that a text of the copy names and the copy does not have.

    The texts are those of the folder unless they are given. Program text is left aside, and so is what is said to be
    "of the full course".
    """
    found = []
    for path in sorted(student.rglob("*") if texts is None else texts):
        if path.suffix == ".ipynb":
            text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        elif path.is_file() and path.suffix in READ and not path.name.startswith((".", "LICENSE")):
            text = path.read_text(encoding="utf-8", errors="replace")
        else:
            continue
        for match in NAMED.finditer(text):
            command, file = match["command"] or match["other"], match["path"]
            has = command in COMMANDS if command else any((student / f"{file}{end}").exists() for end in ("", ".md"))
            if not has and not ELSEWHERE.match(text, match.end()):
                found.append(f"{path.relative_to(student).as_posix()}: {match[0]}")
    return found


def _stands_in(line: str, text: str) -> bool:
    return line in text and re.search(rf"(?<!\w){re.escape(line)}(?![\w.(\[])", text) is not None


def build(destination: Path, *, root: Path = ROOT) -> tuple[Path, Path]:
    """Build both folders from the course at `root`; returns where the copy and the solutions are.

    Raises
    ------
    StudentCopyError
        A part of the course is missing, a line of a solution would be in the students' copy, or one of the folders
        exists and is not an earlier copy.
    """
    destination = destination.resolve()
    solutions = destination.with_name("solutions")
    if destination == solutions:
        raise StudentCopyError(f"{destination}: a student copy named 'solutions' would replace the solutions")
    for folder in ("notebooks", *FOLDERS):
        if destination.is_relative_to((root / folder).resolve()):
            raise StudentCopyError(f"{destination}: choose a place outside the course's own {folder} folder")
    for target in (destination, solutions):
        require_replaceable(target, MARKER, StudentCopyError)
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place, on the same disk, so that a rename finishes it.
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".student-copy-") as name:
        staging = Path(name)
        _fill(staging / "student", staging / "solutions", root)
        move_into_place(staging / "student", destination, staging / "earlier-student")
        move_into_place(staging / "solutions", solutions, staging / "earlier-solutions")
    return destination, solutions


def _fill(student: Path, solutions: Path, root: Path) -> None:
    lessons = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise StudentCopyError(f"{root / 'notebooks'} holds no lesson (NN_topic.ipynb)")
    solutions.mkdir()
    student.mkdir()
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            raise StudentCopyError(f"the course's folder {folder} is missing in {root}")
        shutil.copytree(root / folder, student / folder, ignore=LEFT_OUT)
    for path in sorted((student / "course_utils" / "lessons").glob("*/*.py")):
        if path.stem not in OPEN:
            sealed.seal(path.with_suffix(sealed.SUFFIX), path.read_text(encoding="utf-8"))
            path.unlink()
    for file in _files(root):
        (student / file.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, student / file.relative_to(root))
    for name, cut in CUT.items():
        (student / name).write_text(cut((student / name).read_text(encoding="utf-8")), encoding="utf-8")
    # Pictures and settings stand beside the notebooks.
    leave_out = shutil.ignore_patterns("*.ipynb", "__pycache__", ".*")
    shutil.copytree(root / "notebooks", student / "notebooks", ignore=leave_out)
    titles = []
    for lesson in lessons:
        notebook = nbformat.read(lesson, as_version=4)
        titles.append(f"   - [{_title(notebook)}](notebooks/{lesson.name})")
        try:
            _write(student_notebook(notebook), student / "notebooks" / lesson.name)
        except NoteError as error:
            raise StudentCopyError(f"{lesson.name}: {error}") from error
        _write(solutions_notebook(notebook), solutions / lesson.name)
    if found := leaks(student, root / "notebooks"):
        raise StudentCopyError("these lines of solutions would be in the students' copy:\n" + "\n".join(found))
    if found := told(student, root / "notebooks"):
        raise StudentCopyError("these words of presenter's notes would be in the students' copy:\n" + "\n".join(found))
    if (before := root / "notebooks" / BEFORE).is_file():
        _write(student_notebook(nbformat.read(before, as_version=4)), student / "notebooks" / BEFORE)
        titles.insert(0, ABOUT_BEFORE)
    name = "Variational inference and variational autoencoders"
    text = README.format(title=name, lessons="\n".join(titles))
    (student / "README.md").write_text(text, encoding="utf-8")
    if found := named_in_vain(student):
        raise StudentCopyError("the students' copy would name what is not in it:\n" + "\n".join(found))
    for folder in (student, solutions):
        (folder / MARKER).write_text("Built by tools/publish/student_copy.py, which may replace this folder.\n")


def _files(root: Path) -> Iterator[Path]:
    for pattern in (*FILES, *TOOLS):
        found = sorted(root.glob(pattern))
        if not found:
            raise StudentCopyError(f"the course's file {pattern} is missing in {root}")
        yield from found


def _write(notebook: NotebookNode, path: Path) -> None:
    nbformat.validate(notebook)
    nbformat.write(notebook, path, version=nbformat.NO_CONVERT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if nothing was built."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish.student_copy",
        description="Build the students' copy, and the solutions beside it.",
    )
    parser.add_argument("destination", nargs="?", type=Path, default=ROOT / "dist" / "student")
    options = parser.parse_args(arguments)
    try:
        student, solutions = build(options.destination)
    except StudentCopyError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"students' copy: {student}\nsolutions:      {solutions}")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
