import shutil
import subprocess
from collections import Counter
from pathlib import Path

import contracts
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import self_tests, student_copy

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
every_lesson = pytest.mark.parametrize("name", [path.name for path in LESSONS])

STARTER = 'def double(x):\n    """Return twice x."""\n    ...\n\n\nlesson.double.check(double)'
SOLUTION = STARTER.replace("...", "answer = x + x  # the whole secret\n    return answer")


def read(path):
    return nbformat.read(path, as_version=4)


def leaks(notebook, student, folder):
    """Return the lines of the solutions in `notebook` that the search finds in `student`."""
    for name, one in (("notebooks", notebook), ("student", student)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        nbformat.write(one, folder / name / "00_lesson.ipynb")
    found = student_copy.leaks(folder / "student", folder / "notebooks")
    return [line.removeprefix("00_lesson.ipynb: ") for line in found]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The course's own student copy, and the solutions."""
    if not LESSONS:
        pytest.fail("notebooks/ holds no lesson: there is no student copy to test")
    return student_copy.build(tmp_path_factory.mktemp("handout") / "student")


# --- The course's own lessons -----------------------------------------------------------------------------


@every_lesson
def test_no_line_of_a_solution_is_left(name, built, tmp_path):
    notebook, student = read(ROOT / "notebooks" / name), read(built[0] / "notebooks" / name)
    lines = student_copy.solution_lines(notebook)
    assert lines, "no line to look for: the search would find nothing whatever is left"
    assert leaks(notebook, notebook, tmp_path) == sorted(lines)
    assert leaks(notebook, student, tmp_path) == []


def test_no_line_of_any_solution_stands_anywhere_in_the_copy(built):
    assert student_copy.leaks(built[0], ROOT / "notebooks") == []


@every_lesson
def test_all_else_is_kept(name, built):
    notebook, student = read(ROOT / "notebooks" / name), read(built[0] / "notebooks" / name)
    kept = {cell.id: cell for cell in notebook.cells if "solution" not in contracts.tags(cell)}
    for identity, cell in list(kept.items()):
        if self_tests.is_note(cell) and not self_tests.self_tests(cell.source):
            del kept[identity]
    assert [cell.id for cell in student.cells] == list(kept)
    for cell in student.cells:
        original = kept[cell.id]
        if self_tests.is_note(original):
            questions = [test.question for test in self_tests.self_tests(original.source)]
            assert cell.source.count("<details>") == len(questions) == cell.source.count(self_tests.ASK)
            assert all(question[1:] in cell.source for question in questions)
            continue
        assert cell.source == original.source or "The course's benchmark `" in original.source
        for name, value in cell.metadata.items():
            assert name in student_copy.KEPT and value == original.metadata[name]
        if "exercise" not in contracts.tags(cell):
            assert cell.get("outputs") == original.get("outputs")


def test_no_words_of_a_presenters_note_and_no_unfolded_answer_are_left(built):
    student, _ = built
    assert student_copy.told(student, ROOT / "notebooks") == []
    assert len(student_copy.told(ROOT / "notebooks", ROOT / "notebooks")) > 200  # and the search would find them
    tests = [
        cell
        for path in sorted((student / "notebooks").glob("*.ipynb"))
        for cell in read(path).cells
        if self_tests.PLACE in contracts.tags(cell)
    ]
    assert len(tests) >= 30


def test_nothing_is_named_that_the_copy_lacks(built):
    assert student_copy.named_in_vain(built[0]) == []
    found = "\n".join(student_copy.named_in_vain(ROOT / "notebooks"))
    assert "make bench" in found and "benchmarks/RESULTS.md" in found


@pytest.mark.parametrize("name", [path.name for path in LESSONS])
def test_a_benchmark_is_named_only_at_the_beginning_of_a_sentence(name, built):
    """So that the sentence can go."""
    benchmarks = [path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")]
    assert benchmarks
    for cell in read(built[0] / "notebooks" / name).cells:
        assert "benchmark `" not in cell.source


@every_lesson
def test_links_hold_in_the_copy(name, built):
    path = built[0] / "notebooks" / name
    assert contracts.links(read(path), path) == []


@every_lesson
def test_the_solutions_are_complete(name, built):
    notebook, solutions = read(ROOT / "notebooks" / name), read(built[1] / name)
    names = Counter(tag for cell in solutions.cells for tag in contracts.tags(cell))
    exercises = len(contracts.starters(notebook))
    assert (names["imports"], names["exercise"], names["solution"]) == (1, exercises, exercises)
    assert student_copy.solution_lines(solutions) == student_copy.solution_lines(notebook)


def test_the_copy_holds_what_a_student_needs_and_no_more(built):
    student, _ = built
    entries = {path.name for path in student.iterdir()}
    assert {
        "README.md",
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "environment.yml",
        "pyproject.toml",
    } <= entries
    assert not entries & {"tests", "benchmarks", ".git", "dist", ".venv"}
    paths = [path.relative_to(student) for path in student.rglob("*")]
    assert not [path for path in paths if "__pycache__" in path.parts or path.parts[:2] == ("data", "cache")]
    text = (student / "README.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{path.name})" in text for path in LESSONS)
    assert f"(notebooks/{student_copy.BEFORE})" in text
    assert (student / "notebooks" / student_copy.BEFORE).is_file()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no program called make")
def test_make_in_the_copy_lists_what_works_there(built):
    said = subprocess.run(["make"], cwd=built[0], capture_output=True, text=True, check=True).stdout
    # Run by another make, it says also which folder it enters.
    assert [line.split()[1] for line in said.splitlines() if line.startswith("  make ")] == ["help", "lab"]
    planned = subprocess.run(["make", "-n", "lab"], cwd=built[0], capture_output=True, text=True, check=True).stdout
    assert "tools/bootstrap.py" in planned and "-m jupyterlab" in planned
    unknown = subprocess.run(["make", "-n", "site"], cwd=built[0], capture_output=True, text=True)
    assert unknown.returncode and "No rule to make target" in unknown.stderr


# --- A small course ---------------------------------------------------------------------------------------


NOTE = """<details><summary>Presenter's note · 2 min</summary>

Let them type it in without looking. Ask: "what is twice nothing, then?" (Expected: nothing, as everybody will say.)

</details>"""


def small_notebook():
    verdict = {"text/plain": "○ Not attempted yet: double"}
    metadata = {"tags": ["solution"], "jp-MarkdownHeadingCollapsed": True}
    return new_notebook(
        cells=[
            new_markdown_cell("# 01 · Small"),
            new_code_cell("import numpy", metadata={"tags": ["imports"]}, execution_count=1),
            new_markdown_cell("### Exercise 1.1 · Double", metadata={"tags": ["exercise"]}),
            new_code_cell(
                STARTER,
                metadata={"tags": ["exercise"]},
                execution_count=2,
                outputs=[new_output("display_data", verdict)],
            ),
            new_markdown_cell("#### Solution", metadata=metadata),
            new_code_cell(
                SOLUTION,
                metadata={"tags": ["solution"]},
                execution_count=3,
                outputs=[new_output("display_data", {"text/plain": "✓ Correct: double"})],
            ),
            new_markdown_cell("### After\n\nSeen again.", metadata={"numbers": {"0.899": "lesson 03"}}),
            new_code_cell(
                "4",
                execution_count=4,
                outputs=[new_output("execute_result", {"text/plain": "4"}, execution_count=4)],
            ),
        ]
    )


@pytest.fixture
def root(tmp_path):
    """A course with one lesson and every file that the copy takes along."""
    root = tmp_path / "course"
    for folder in (
        "course_utils",
        "course_utils/__pycache__",
        "data",
        "data/cache",
        "notebooks/figures",
        "notebooks/.ipynb_checkpoints",
        "tools/teach",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "file.txt").write_text("")
    for pattern in (*student_copy.FILES, *student_copy.TOOLS):
        (root / pattern.replace("*", "")).write_text(pattern)
    (root / "LICENSE-CC-BY-4.0.txt").write_text("")
    nbformat.write(small_notebook(), root / "notebooks" / "01_small.ipynb")
    return root


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_solutions_go_verdicts_are_cleared_and_nothing_stays_folded():
    notebook = small_notebook()
    student = student_copy.student_notebook(notebook)
    assert [cell.source.splitlines()[0] for cell in student.cells] == [
        "# 01 · Small", "import numpy", "### Exercise 1.1 · Double", "def double(x):", "### After", "4"
    ]  # fmt: skip
    starter = student.cells[3]
    assert (starter.outputs, starter.execution_count) == ([], None)
    assert student.cells[5].outputs[0].data["text/plain"] == "4"
    assert not [cell for cell in student.cells if "jp-MarkdownHeadingCollapsed" in cell.metadata]
    assert len(notebook.cells) == 8  # the course's own notebook is not touched
    assert notebook.cells[3].outputs


def test_of_a_presenters_note_the_question_is_left_with_its_answer_folded(tmp_path):
    notebook = small_notebook()
    notebook.cells.insert(1, new_markdown_cell(NOTE, metadata={"tags": ["notes"]}))
    student = student_copy.student_notebook(notebook)
    assert student.cells[1].source == (
        "**Ask yourself.** What is twice nothing, then?\n\n<details><summary>Answer</summary>\n\n"
        "Nothing, as everybody will say.\n\n</details>"
    )
    assert student.cells[1].id == notebook.cells[1].id
    assert not [cell for cell in student.cells if "numbers" in cell.metadata]
    for words, found in [
        ("Let them type it in without looking.", ["Let them type it in without looking."]),
        ("It is nothing, as everybody will say.", ["nothing, as everybody will say."]),
        ("Nothing else.", []),
    ]:
        careless = student_copy.student_notebook(notebook)
        careless.cells[0].source += f"\n\n{words}"
        for name, one in (("notebooks", notebook), ("student", careless)):
            (tmp_path / name).mkdir(exist_ok=True)
            nbformat.write(one, tmp_path / name / "00_lesson.ipynb")
        said = student_copy.told(tmp_path / "student", tmp_path / "notebooks")
        assert said == [f"00_lesson.ipynb: {line}" for line in found]


def test_a_note_of_another_form_is_no_copy(root, tmp_path):
    notebook = small_notebook()
    notebook.cells.insert(1, new_markdown_cell("Presenter: be quick.", metadata={"tags": ["notes"]}))
    nbformat.write(notebook, root / "notebooks" / "01_small.ipynb")
    with pytest.raises(student_copy.StudentCopyError, match=r"01_small\.ipynb: a presenter's note is one folded"):
        student_copy.build(tmp_path / "out" / "student", root=root)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("One. The course's benchmark `a` does it in 0.5 s. Two.", "One. Two."),
        ("The course's benchmark `a` does it; `b/R.md` holds it.\n\nTwo.", "\n\nTwo."),
        ("**Bold.** The course's benchmark `a` does it.", "**Bold.**"),
        ("See the course's benchmark `a`.", "See the course's benchmark `a`."),
        ("Two spaces  \nat an end.", "Two spaces  \nat an end."),
    ],
)
def test_sentences_about_benchmarks_go(text, left):
    assert student_copy.without_benchmarks(text) == left


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("type `make lab`", []),
        ("type `make bench BENCH=em`", ["make bench"]),
        ("run make test first", ["make test"]),
        ("see [it](docs/claims.md)", ["docs/claims.md"]),
        ("see `benchmarks/RESULTS.md`.", ["benchmarks/RESULTS.md"]),
        ("made by `tools/make_it.py` of the full course", []),
        ("what they make of data/README.md", []),
    ],
)
def test_what_is_not_there_is_not_named(text, found, tmp_path):
    (tmp_path / "README.md").write_text(text)
    assert student_copy.named_in_vain(tmp_path) == [f"README.md: {name}" for name in found]


def test_a_copy_that_names_what_it_lacks_is_not_built(root, tmp_path):
    (root / "data" / "README.md").write_text("Made by `make bench BENCH=em`.")
    with pytest.raises(student_copy.StudentCopyError, match=r"data/README\.md: make bench"):
        student_copy.build(tmp_path / "out" / "student", root=root)
    assert list((tmp_path / "out").iterdir()) == []


def test_settings_of_tests_and_style_go():
    text = '[project]\nname = "a"\n\n[tool.pytest.ini_options]\nx = [\n    "y",\n]\n\n[tool.setuptools]\nz = 1\n'
    assert student_copy.students_settings(text) == '[project]\nname = "a"\n\n[tool.setuptools]\nz = 1\n'


def test_an_optional_part_stays_folded():
    folded = {"jp-MarkdownHeadingCollapsed": True}
    cells = [new_markdown_cell(source, metadata=folded) for source in ("### Optional: more", "### After")]
    student = student_copy.student_notebook(new_notebook(cells=cells))
    assert ["jp-MarkdownHeadingCollapsed" in cell.metadata for cell in student.cells] == [True, False]


def test_the_search_for_solutions_finds_them(tmp_path):
    notebook = small_notebook()
    assert student_copy.solution_lines(notebook) == {"answer = x + x  # the whole secret", "return answer"}
    assert leaks(notebook, student_copy.student_notebook(notebook), tmp_path) == []
    careless = student_copy.student_notebook(notebook)
    careless.cells[0].source += "\nRemember that `return answer` ends it."
    assert leaks(notebook, careless, tmp_path) == ["return answer"]
    careful = student_copy.student_notebook(notebook)
    careful.cells[0].source += "\nOne could also return answers."
    assert leaks(notebook, careful, tmp_path) == []
    untagged = small_notebook()
    del untagged.cells[5].metadata["tags"]
    assert len(leaks(notebook, student_copy.student_notebook(untagged), tmp_path)) == 2


def test_a_copy_that_would_tell_a_solution_is_not_built(root, tmp_path):
    (root / "course_utils" / "helper.py").write_text("def double(x):\n    answer = x + x  # the whole secret\n")
    with pytest.raises(student_copy.StudentCopyError, match=r"course_utils/helper\.py: answer = x \+ x"):
        student_copy.build(tmp_path / "out" / "student", root=root)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_solutions_notebook_holds_the_exercises_with_their_answers():
    solutions = student_copy.solutions_notebook(small_notebook())
    nbformat.validate(solutions)
    assert [cell.source for cell in solutions.cells] == [
        "# Solutions to 01 · Small", "import numpy", "### Exercise 1.1 · Double", SOLUTION
    ]  # fmt: skip
    assert solutions.cells[-1].outputs


def test_both_folders_are_built_without_caches(root, tmp_path):
    student, solutions = student_copy.build(tmp_path / "out" / "student", root=root)
    assert sorted(tree(student)) == [
        student_copy.MARKER, "CITATION.cff", "LICENSE", "LICENSE-CC-BY-4.0.txt", "Makefile", "README.md",
        "constraints.txt", "course_utils/file.txt", "data/file.txt", "environment.yml",
        "notebooks/01_small.ipynb", "notebooks/figures/file.txt", "pyproject.toml", "tools/bootstrap.py",
        "tools/teach/jupyter_server_config.py",
    ]  # fmt: skip
    assert solutions == tmp_path / "out" / "solutions"
    assert sorted(tree(solutions)) == [student_copy.MARKER, "01_small.ipynb"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["solutions", "student"]


def test_an_earlier_copy_is_replaced(root, tmp_path):
    student, _ = student_copy.build(tmp_path / "out" / "student", root=root)
    before = tree(tmp_path / "out")
    (student / "notebooks" / "stale.txt").write_text("of an earlier build")
    student_copy.build(student, root=root)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["student", "solutions"])
def test_what_the_command_did_not_build_is_left_alone(name, tmp_path, capsys):
    mine = tmp_path / "out" / name / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("three years of work")
    assert student_copy.main([str(tmp_path / "out" / "student")]) == 1
    message = capsys.readouterr().err
    assert f"{mine.parent} exists and was not built by this command" in message
    assert len(message.splitlines()) == 1
    assert tree(tmp_path / "out") == {f"{name}/thesis.txt": b"three years of work"}


def test_the_course_itself_is_never_a_destination(root):
    for place in (root, root / "notebooks", root / "data" / "student", root / "dist" / "solutions"):
        before = tree(root)
        with pytest.raises(student_copy.StudentCopyError):
            student_copy.build(place, root=root)
        assert tree(root) == before


@pytest.mark.parametrize("earlier", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("moment", ["copying", "writing", "renaming"])
def test_an_interrupted_build_leaves_no_half_copy(moment, earlier, root, tmp_path, monkeypatch):
    target = tmp_path / "out" / "student"
    if earlier:
        student_copy.build(target, root=root)
    else:
        target.parent.mkdir()
    before = tree(tmp_path / "out")
    (root / "Makefile").write_text("changed since")

    rename = Path.rename

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    def interrupt_the_last_step(path, to):
        return interrupt() if to == target and path.name == "student" else rename(path, to)

    if moment == "copying":
        monkeypatch.setattr("shutil.copy2", interrupt)
    elif moment == "writing":
        monkeypatch.setattr(student_copy, "solutions_notebook", interrupt)
    else:
        monkeypatch.setattr(Path, "rename", interrupt_the_last_step)
    with pytest.raises(KeyboardInterrupt):
        student_copy.build(target, root=root)
    assert tree(tmp_path / "out") == before
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("missing", ["notebooks/01_small.ipynb", "data", "constraints.txt"])
def test_a_missing_part_is_named(missing, root, tmp_path):
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(student_copy.StudentCopyError, match=r"holds no lesson|is missing"):
        student_copy.build(tmp_path / "out" / "student", root=root)
    assert not (tmp_path / "out" / "student").exists()
