"""What a learner has solved is remembered, by nobody else's doing, and a file or folder in disorder stops no check."""

import json
import multiprocessing
import os
from datetime import date, timedelta
from types import SimpleNamespace

import IPython
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.workshop import progress as memory
from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.verdicts import Verdict
from tools import check, execute
from tools.teach import present

DAY = date(2026, 3, 2)
PASSED = Verdict("correct", "", "")
FAILED = Verdict("wrong", "", "")
SLIPPED = Verdict("misconception", "", "", misconception="ddof")
EMPTY = Verdict("not_attempted", "", "")
SOLUTION = "def mean_of(x):\n    return x.mean()\n\n\nlesson.mean_of.check(mean_of)"
STARTER = SOLUTION.replace("return x.mean()", "...")


def cells():
    return [
        new_markdown_cell("# 01 · Small: and more"),
        new_code_cell(
            "lesson.RECALL[0].check(...)\nlesson.RECALL[1].check(...)", id="ask", metadata={"tags": ["recall"]}
        ),
        new_markdown_cell("### Exercise 1.1 · The mean", metadata={"tags": ["exercise"]}),
        new_code_cell(STARTER, id="mine", metadata={"tags": ["exercise"]}),
        new_markdown_cell("#### Solution", metadata={"tags": ["solution"]}),
        new_code_cell(SOLUTION, id="theirs", metadata={"tags": ["solution"]}),
        new_markdown_cell("### Exercise 1.2 · The sum", metadata={"tags": ["exercise"]}),
        new_code_cell(STARTER.replace("mean_of", "sum_of"), metadata={"tags": ["exercise"]}),
    ]


@pytest.fixture
def folder(tmp_path):
    nbformat.write(new_notebook(cells=cells()), tmp_path / "01_small.ipynb")
    return tmp_path


@pytest.fixture
def lab(folder, monkeypatch):
    """A session that runs a cell of the folder's notebook: `lab(verdict, text, cell id)` is one check in it."""
    at_home(monkeypatch)
    monkeypatch.chdir(folder)

    def run(verdict, source, identity="", name="mean_of", today=DAY):
        request = {"content": {"code": source}, "metadata": {"cellId": identity} if identity else {}}
        shell = SimpleNamespace(get_parent=lambda: request)
        monkeypatch.setattr(memory, "_shell", lambda: shell)
        memory.remember(name, verdict, today=today)
        return memory.load(folder)[0].get(name)

    return run


def at_home(monkeypatch):
    """Let this process, and the kernels that it starts, be a learner's."""
    monkeypatch.delenv(memory.SWITCH, raising=False)
    monkeypatch.delenv("PYTEST_VERSION", raising=False)


def later(**days):
    return DAY + timedelta(**days)


def enter(folder, verdict, text="a", today=DAY, solution=False):
    memory.note(folder, "mean_of", verdict, text, solution, today)
    return memory.load(folder)[0].get("mean_of")


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_what_when_tries_and_slips_are_remembered_and_can_be_read(folder):
    for verdict in (FAILED, SLIPPED, SLIPPED, PASSED):
        record = enter(folder, verdict)
    assert (record.solved, record.tries, record.slips) == (["2026-03-02"], 4, {"ddof": 2})
    stored = json.loads((folder / memory.FILE).read_text())
    assert stored["exercises"]["mean_of"]["solved"] == ["2026-03-02"]
    assert "delete it" in stored["about"]
    assert sorted(path.name for path in folder.iterdir()) == ["01_small.ipynb", memory.FILE]


def test_it_is_to_be_solved_again_after_a_week_three_weeks_and_two_months(folder):
    day = DAY
    for number, days in enumerate((7, 21, 60)):
        record = enter(folder, PASSED, text=f"answer {number}", today=day)
        assert record.state(day + timedelta(days=days - 1)) == "solved"
        day += timedelta(days=days)
        assert record.state(day) == "again"
    record = enter(folder, PASSED, text="the last answer", today=day)
    assert (len(record.solved), record.due(), record.state(later(days=9999))) == (4, None, "solved")


def test_before_it_is_due_solving_again_moves_nothing(folder):
    enter(folder, PASSED)
    assert enter(folder, PASSED, text="b", today=later(days=6)).solved == ["2026-03-02"]


def test_a_cell_that_is_run_once_more_is_no_second_solution_unless_it_was_emptied(folder):
    enter(folder, PASSED)
    assert len(enter(folder, PASSED, today=later(days=8)).solved) == 1
    enter(folder, EMPTY, today=later(days=8))
    assert len(enter(folder, PASSED, today=later(days=8)).solved) == 2


def test_running_through_a_lesson_writes_nothing(folder, lab):
    assert lab(EMPTY, STARTER, "mine") is None
    assert not (folder / memory.FILE).exists()


# --- whose answer it is -----------------------------------------------------------------------------------------------


def test_a_solution_that_is_run_is_read_and_not_solved(lab):
    for identity in ("theirs", "", "unknown to the file"):
        record = lab(PASSED, SOLUTION, identity)
        assert (record.state(DAY), record.read, record.tries) == ("read", "2026-03-02", 0)


def test_a_solution_cell_that_was_changed_is_still_one(lab):
    assert lab(PASSED, SOLUTION + "  # as I would", "theirs").state(DAY) == "read"
    assert lab(FAILED, SOLUTION + "  # as I would", "theirs").tries == 0


def test_an_answer_in_the_starter_counts_even_if_it_reads_like_the_solution(lab):
    assert lab(PASSED, SOLUTION, "mine").state(DAY) == "solved"


def test_another_text_counts_where_the_editor_tells_no_cell(lab):
    assert lab(PASSED, SOLUTION.replace("x.mean()", "sum(x) / len(x)")).state(DAY) == "solved"


def test_a_kernel_tells_which_of_its_cells_is_a_solution(folder, monkeypatch):
    """As a learner's session does it: IPython's own request is read."""
    at_home(monkeypatch)
    monkeypatch.setattr(execute, "_NOBODY", {})
    make = (
        "from course_utils.workshop.exercises import Exercise, Misconception\n"
        "from types import SimpleNamespace\nimport numpy as np\n"
        "e = lambda n, f: Exercise(name=n, arguments=('x',), returns='r', reference=f, "
        "probes=[(np.arange(3.0),)], misconceptions=(), hints=())\n"
        "lesson = SimpleNamespace(mean_of=e('mean_of', np.mean), sum_of=e('sum_of', np.sum))"
    )
    answer = "def sum_of(x):\n    return x.sum()\nlesson.sum_of.check(sum_of)"
    notebook = new_notebook(cells=[new_code_cell(make), new_code_cell(SOLUTION), new_code_cell(answer)])
    execute.run(notebook, folder)
    records, _ = memory.load(folder)
    assert {name: record.state(date.today()) for name, record in records.items()} == {
        "mean_of": "read",
        "sum_of": "solved",
    }
    (folder / memory.FILE).unlink()
    monkeypatch.undo()
    execute.run(notebook, folder)
    assert not (folder / memory.FILE).exists()


def test_outside_ipython_and_where_it_is_switched_off_nothing_is_written(folder, monkeypatch):
    exercise = Exercise(
        name="mean_of",
        arguments=("x",),
        returns="mean",
        reference=abs,
        probes=[(1.0,)],
        misconceptions=(Misconception("zero", lambda x: 0.0, ""),),
        hints=(),
    )
    monkeypatch.chdir(folder)
    exercise.check(abs)
    at_home(monkeypatch)
    exercise.check(lambda x: abs(x))
    assert not (folder / memory.FILE).exists()
    request = {"content": {"code": SOLUTION}, "metadata": {}}
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(get_parent=lambda: request), display=None)
    monkeypatch.setitem(memory.sys.modules, "IPython", ipython)
    monkeypatch.setenv(memory.SWITCH, "off")
    memory.remember("mean_of", PASSED)
    assert not (folder / memory.FILE).exists()
    at_home(monkeypatch)
    memory.remember("mean_of", PASSED)
    assert (folder / memory.FILE).exists()


@pytest.mark.parametrize("switch", [memory.SWITCH, "PYTEST_VERSION"])
def test_a_kernel_that_pytest_starts_is_no_learners(folder, monkeypatch, switch):
    """With nbval as well, however it was called."""
    at_home(monkeypatch)
    monkeypatch.setattr(IPython, "get_ipython", lambda: "a shell")
    assert memory._shell() == "a shell"
    monkeypatch.setenv(switch, "off")
    assert memory._shell() is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_file_may_be_read_by_whom_other_files_may(folder):
    other = folder / "other"
    other.touch()
    enter(folder, PASSED)
    assert (folder / memory.FILE).stat().st_mode == other.stat().st_mode
    (folder / memory.FILE).chmod(0o640)
    enter(folder, FAILED)
    assert (folder / memory.FILE).stat().st_mode & 0o777 == 0o640


# --- disorder ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"exercises": 3}',
        '{"exercises": {"mean_of": 3}}',
        '{"exercises": {"mean_of": {"solved": ["yesterday"]}}}',
        '{"exercises": {"mean_of": {"solved": "2026-03-02"}}}',
        '{"exercises": {"mean_of": {"tries": "many"}}}',
        '{"exercises": {"mean_of": {"slips": [1]}}}',
        '{"exercises": {"mean_of": {"feet": 2}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_and_nothing_is_lost(folder, content, capsys):
    (folder / memory.FILE).write_text(content)
    memory.progress(folder=folder, today=DAY)
    assert "damaged" in capsys.readouterr().out
    assert enter(folder, PASSED).solved == ["2026-03-02"]
    assert (folder / memory.SET_ASIDE).read_text() == content
    memory.progress(folder=folder, today=DAY)
    assert "damaged" not in capsys.readouterr().out


def test_bytes_that_are_no_text_are_damage(folder):
    (folder / memory.FILE).write_bytes(b"\xff\xfe\x00")
    assert enter(folder, PASSED).solved == ["2026-03-02"]


def test_of_a_damaged_file_the_whole_entries_are_kept(folder):
    enter(folder, PASSED)
    stored = json.loads((folder / memory.FILE).read_text())
    stored["exercises"]["sum_of"] = {"solved": 1}
    (folder / memory.FILE).write_text(json.dumps(stored))
    memory.note(folder, "sum_of", PASSED, "", False, DAY)
    assert {name: record.solved for name, record in memory.load(folder)[0].items()} == {
        "mean_of": ["2026-03-02"],
        "sum_of": ["2026-03-02"],
    }


def test_a_folder_that_cannot_be_written_stops_no_check(folder, lab, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(memory.os, "open", refuse)  # a read-only folder, for whoever runs the tests as root too
    assert lab(PASSED, "x", "mine") is None
    monkeypatch.undo()
    assert sorted(path.name for path in folder.iterdir()) == ["01_small.ipynb"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_stops_no_check(folder, lab):
    folder.chmod(0o555)
    try:
        assert lab(PASSED, "x", "mine") is None
    finally:
        folder.chmod(0o755)


def test_a_file_that_cannot_be_read_is_left_alone_and_said(folder, capsys):
    (folder / memory.FILE).mkdir()
    memory.progress(folder=folder)
    assert "cannot be read" in capsys.readouterr().out
    with pytest.raises(OSError):
        enter(folder, PASSED)
    assert (folder / memory.FILE).is_dir()


def test_no_half_file_is_left_where_writing_fails(folder, monkeypatch):
    enter(folder, PASSED)
    before = (folder / memory.FILE).read_bytes()

    def full(*arguments):
        raise OSError("no space")

    monkeypatch.setattr(memory.os, "replace", full)
    with pytest.raises(OSError):
        enter(folder, FAILED)
    assert (folder / memory.FILE).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["01_small.ipynb", memory.FILE]


def test_a_lock_that_was_left_behind_is_taken_away(folder):
    lock = folder / ".progress.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    assert enter(folder, PASSED).solved == ["2026-03-02"]
    assert not lock.exists()


def _write_many(folder, name):
    for number in range(25):
        memory.note(folder, f"{name} {number}", PASSED, "", False, DAY)
        memory.note(folder, "both", FAILED, "", False, DAY)


def test_of_two_kernels_that_write_at_once_nothing_is_lost(folder):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_many, args=(folder, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records, damaged = memory.load(folder)
    assert not damaged
    assert (len(records), records["both"].tries) == (51, 50)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_an_empty_memory_says_how_to_begin(folder, capsys):
    memory.progress(folder=folder, today=DAY)
    memory.progress()  # switched off
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith("Nothing is remembered yet. Solve an exercise")


def test_what_is_done_open_and_due_is_said_and_drawn(folder, capsys):
    enter(folder, SLIPPED)
    enter(folder, PASSED)
    memory.note(folder, "question 1.2", PASSED, "", False, DAY)
    memory.progress(folder=folder, today=later(days=6))
    said = capsys.readouterr().out
    assert "1 of 2 exercises are solved:" in said
    assert "Next: 1.2 · The sum, in 01_small.ipynb" in said
    assert "01 · Small: 1 of 2 exercises, 1 of 2 questions" in said
    assert "once more" not in said
    memory.progress(folder=folder, today=later(days=7))
    said = capsys.readouterr().out
    assert "1 of them to solve once more" in said
    assert "1.1 · The mean (solved 7 days ago; slips met: ddof)" in said


@pytest.mark.parametrize(
    ("verdict", "solution", "words"), [(FAILED, False, "once tried"), (PASSED, True, "its solution was run")]
)
def test_what_was_begun_is_said(folder, capsys, verdict, solution, words):
    enter(folder, verdict, solution=solution)
    memory.progress(folder=folder, today=DAY)
    assert f"Next: 1.1 · The mean, in 01_small.ipynb, {words}" in capsys.readouterr().out


def test_the_end_of_the_course_is_said(folder, capsys):
    for name in ("mean_of", "sum_of"):
        memory.note(folder, name, PASSED, "", False, DAY)
    memory.progress(folder=folder, today=DAY)
    assert "Every exercise of the course is solved." in capsys.readouterr().out


def test_the_board_has_every_exercise_of_the_course():
    """The notebooks' headings and cells are found as they are written."""
    course = memory.lessons(execute.ROOT / "notebooks")
    assert [lesson.number for lesson in course] == list(range(17))
    wanted = {
        path.name: sum(cell.source.startswith("### Exercise ") for cell in execute.read(path).cells)
        for path in (execute.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")
    }
    assert {lesson.file: len(lesson.exercises) for lesson in course} == wanted
    names = [name for lesson in course for _, _, name in lesson.exercises]
    assert len(names) == len(set(names)), "the file remembers exercises by name alone"


def test_the_tools_that_run_notebooks_are_no_learners():
    stage = SimpleNamespace(folder=execute.ROOT, runtime=execute.ROOT)
    assert present._environment(stage, "")[memory.SWITCH] == "off"
    running = [stage for stage in check.stages(1) if "pytest" in stage.commands[0]]
    assert running
    assert all(stage.environment[memory.SWITCH] == "off" for stage in running)
