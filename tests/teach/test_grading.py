"""Grading: what is cut out of notebooks, the wall, the verdicts of a small class, and what the instructor gets."""

from __future__ import annotations

import _thread
import csv
import html
import json
import os
import re
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import simulated_class
from simulated_class import HOSTILE, empty_cell, hostile_cell, wrong_cell

from tools.teach.grading import __main__ as command
from tools.teach.grading import course, guide, interchange, page, stripped, wire
from tools.teach.grading.extraction import NotebookError, answers_in, cells_of
from tools.teach.grading.judging import MISSING, Judgement, graded
from tools.teach.grading.marks import Marks, Student, collected, marks_csv
from tools.teach.grading.rubric import Rubric, RubricError, read_rubric
from tools.teach.grading.submissions import SubmissionsError, submissions_in

ROOT = Path(__file__).resolve().parents[2]
RIGHT = (
    "import numpy as np\n\n\ndef log_sum_exp(values):\n    top = values.max()\n"
    "    return top + np.log(np.exp(values - top).sum())\n\n\nlesson.log_sum_exp.check(log_sum_exp)"
)


def notebook(*cells, **metadata):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, metadata=metadata) for cell in cells])
    return nbformat.writes(made).encode()


def answers(data):
    return answers_in(cells_of(data), course.names(), course.own_cells())


# --- cut out of a notebook --------------------------------------------------------------------------------------------


def test_only_what_an_answer_needs_is_taken():
    cells = (
        "import os, numpy as np",
        "broken (",
        "%matplotlib inline\nshift = 3\nraise SystemExit",
        "def top(values):\n    return np.max(values) + shift",
        "def log_sum_exp(values):\n    m = top(values)\n    return m\nlesson.log_sum_exp.check(log_sum_exp)",
    )
    answer = answers(notebook(*cells))["log_sum_exp"]
    assert answer.state == "ready"
    texts = [text for text, _ in answer.statements]
    assert texts[0] == "import numpy as np"
    assert texts[1] == "shift = 3"
    assert texts[2].startswith("def top")
    assert len(texts) == 4


def test_a_solution_that_was_handed_out_is_not_the_students():
    both = nbformat.reads(notebook(empty_cell("log_sum_exp"), RIGHT).decode(), as_version=4)
    both.cells[1].metadata.tags = ["solution"]
    answer = answers(nbformat.writes(both).encode())["log_sum_exp"]
    assert answer.state == "not attempted"
    assert "solution" in answer.notes[0]


@pytest.mark.parametrize(
    ("cells", "state", "note"),
    [
        ([RIGHT, empty_cell("log_sum_exp")], "ready", "more than once"),
        ([RIGHT, RIGHT], "ready", "the last counts"),
        ([RIGHT], "ready", "was not run"),
        ([RIGHT.split("\n\n\nlesson")[0]], "ready", "check is gone"),
        ([RIGHT.replace("import numpy as np", "")], "ready", "`np`: not in this notebook"),
        (["lesson.log_sum_exp.check(log_sum_exp)"], "not attempted", "defines no function"),
        (["lesson.log_sum_exp.check(lambda values: values.max())"], "ready", ""),
        (["def log_sum_exp(values)\n    return 1\nlesson.log_sum_exp.check(log_sum_exp)"], "broken", ""),
    ],
)
def test_cells_that_were_deleted_doubled_or_broken(cells, state, note):
    answer = answers(notebook(*cells))["log_sum_exp"]
    assert answer.state == state
    assert note in " ".join(answer.notes)


def test_a_helper_of_another_lesson_is_no_answer():
    text = "from course_utils.lessons import gumbel as lesson\ndef elbo(x):\n    return x"
    assert "elbo" not in answers(notebook(text))


def test_a_converted_script_is_read():
    assert answers(RIGHT.encode())["log_sum_exp"].state == "ready"


@pytest.mark.parametrize("text", ["", "{", "\xff\xfe\x00", "[1, 2]", '{"a": 1}', "deep"])
def test_what_is_no_notebook_is_said_in_a_sentence(text):
    with pytest.raises(NotebookError):
        cells_of(b'{"a":' * 100_000 if text == "deep" else text.encode("latin-1"))


# --- who handed in what -----------------------------------------------------------------------------------------------


def test_names_of_folders_and_files(tmp_path):
    names = {
        "Ann Miller_123_assignsubmission_file_/a.ipynb": "Ann Miller",
        "Bo/deeper/b.ipynb": "Bo",
        "dee_03_expectation_maximization.ipynb": "dee",
        "mileseve_LATE_77_88_01.ipynb": "mileseve",
        "ann-01_estimation.ipynb": "ann",
    }
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    found, remarks = submissions_in(tmp_path)
    assert {one.file: one.student for one in found} == names
    assert not remarks


def test_two_students_with_one_name_are_kept_apart(tmp_path):
    for number in ("1", "2"):
        (tmp_path / f"Ann Miller_{number}_assignsubmission_file_").mkdir()
        (tmp_path / f"Ann Miller_{number}_assignsubmission_file_" / "a.ipynb").write_bytes(b"{}")
    found, remarks = submissions_in(tmp_path)
    assert [one.student for one in found] == ["Ann Miller (1)", "Ann Miller (2)"]
    assert len(remarks) == 1


def test_a_zip_that_climbs_out_and_a_huge_notebook(tmp_path):
    target, right = tmp_path / "all.zip", notebook(RIGHT)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/01.ipynb", right)
        archive.writestr("../../bo/01.ipynb", notebook(RIGHT))
        archive.writestr("/etc/cy/01.ipynb", notebook(RIGHT))
        archive.writestr("dee/01.ipynb", b" " * 200_000_000)
    found, remarks = submissions_in(target)
    assert [one.student for one in found] == ["ann", "dee"]
    assert len(remarks) == 2
    assert all("climb out" in remark for remark in remarks)
    assert found[0].read() == right
    assert "200" in found[1].trouble or "190 MB" in found[1].trouble
    assert not (tmp_path / "ann").exists()


def test_a_link_out_of_the_folder_is_left_out(tmp_path):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (tmp_path / "class" / "ann" / "a.ipynb").symlink_to(ROOT / "notebooks" / "00_start_here.ipynb")
    with pytest.raises(SubmissionsError, match="nothing to grade"):
        submissions_in(tmp_path / "class")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("x"), lambda path: None])
def test_nothing_to_grade_is_one_sentence(tmp_path, capsys, make):
    make(tmp_path / "place")
    assert command.main([str(tmp_path / "place"), str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


# --- across the wall --------------------------------------------------------------------------------------------------


def passed(*values):
    data = wire.packed({}, *values)
    text, blob = wire.sizes(data[: wire.HEADER.size])
    body = data[wire.HEADER.size :]
    return wire.unpacked(body[:text], body[text : text + blob])["values"]


def test_values_cross_the_wall_as_they_are():
    torch = pytest.importorskip("torch")
    values = [None, ..., True, -(10**30), 0.1, float("nan"), 1 + 2j, "ä", np.float32(0.1), [1, (2, {"a": 3})]]
    back = passed(*values, np.arange(6.0).reshape(2, 3), np.array([True]), torch.ones(2, 0), torch.tensor(3))
    assert repr(back[: len(values)]) == repr(values)
    assert back[-4].shape == (2, 3)
    assert back[-3].dtype == bool
    assert back[-2].shape == (2, 0)
    assert back[-1].dtype == torch.int64


def test_what_does_not_cross_keeps_the_name_of_its_type():
    back = passed(object(), lambda: 0, np.array([object()]), "x".__class__)
    assert [type(value).__name__ for value in back] == ["object", "function", "ndarray", "type"]


@pytest.mark.parametrize(
    "entry",
    [
        ["array", "<f8", [10**9], 0], ["array", "|O", [1], 0], ["array", "<f8", [-1, -8], 0], ["array", "<f8", [1], -8],
        ["_class__"], ["source", "A", "class A: pass", ["none"]], ["tensor", "<f8", [1], 0, "load", False], [], 3,
    ],
)  # fmt: skip
def test_a_message_made_by_hand_is_refused(entry):
    with pytest.raises(wire.WireError):
        wire.unpacked(json.dumps({"values": [entry]}).encode(), bytes(8))


def test_the_copy_that_students_code_sees_holds_no_answer(tmp_path):
    stripped.build(tmp_path / "course", course.names())
    rooms = tmp_path / "course" / "course_utils" / "lessons"
    assert not [path for path in rooms.rglob("*.py") if path.stem.startswith(("exercise", "problem", "clinic"))]
    text = "\n".join(path.read_text() for path in rooms.rglob("*.py") if path.stem != "models")
    assert "Misconception(" not in text
    assert "_faults_of_patients" not in text
    assert "def tiny_elbo" in text  # what a notebook hands to its readers is there
    for solution in course.solution_texts().values():
        inside = re.findall(r"^    (?!\"\"\"|#)(.{30,})$", solution, re.MULTILINE)
        assert not [line for line in inside if line.strip() in text and "import" not in line]
    names = {path.name for path in (tmp_path / "course").iterdir()}
    assert names == {"course_utils", "data", "tools"}


# --- verdicts ---------------------------------------------------------------------------------------------------------


def test_the_inputs_depend_on_the_secret():
    exercise = course.exercises()["start_here"]["log_sum_exp"]
    one, other, again = (graded(exercise, secret * 4) for secret in ("0" * 8, "1" * 8, "0" * 8))
    assert not np.array_equal(one.fresh(0, 1)[0][0], other.fresh(0, 1)[0][0])
    assert np.array_equal(one.fresh(0, 1)[0][0], again.fresh(0, 1)[0][0])
    assert not np.array_equal(one.fresh(0, 1)[0][0], exercise.fresh(0, 1)[0][0])


def small_class():
    """Return cells of lesson 00 for each student, with the verdict that is due."""
    slips = simulated_class.misconceptions("start_here")["log_sum_exp"]
    planned = {f"slip {k}": ([wrong_cell("log_sum_exp", code)], f"slip: {name}") for k, (name, code) in
               enumerate(slips.items())}  # fmt: skip
    short = set(HOSTILE) - {"memory", "endless loop"}
    planned |= {name: ([hostile_cell("log_sum_exp", HOSTILE[name][0])], HOSTILE[name][1]) for name in short}
    table = (
        "from course_utils.workshop.exercises import Exercise\nimport zlib\n"
        "def log_sum_exp(values):\n    return TABLE.get(values.tobytes(), 0.0)"
    )
    inputs = course.exercises()["start_here"]["log_sum_exp"]._inputs()
    known = {values.tobytes(): float(np.logaddexp.reduce(values)) for (values,) in inputs}
    planned |= {
        "right": ([RIGHT], "correct"),
        "a lambda around the reference": (
            ["lesson.log_sum_exp.check(lambda values: lesson.log_sum_exp.reference(values))"],
            "wrong",
        ),
        "open": ([empty_cell("log_sum_exp")], "not attempted"),
        "fitted": ([f"TABLE = {known!r}", table + "\nlesson.log_sum_exp.check(log_sum_exp)"], "wrong"),
    }
    return planned


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    if not sys.platform.startswith("linux"):
        pytest.skip("the wall needs Linux")
    place = tmp_path_factory.mktemp("class")
    planned = small_class()
    for name, (cells, _) in planned.items():
        (place / "in" / name).mkdir(parents=True)
        text = notebook(simulated_class.imports("start_here"), simulated_class.helpers("start_here"), *cells)
        (place / "in" / name / "Copy of it.ipynb").write_bytes(text)
    (place / "in" / "nothing").mkdir()
    (place / "in" / "nothing" / "a.ipynb").write_bytes(b"")
    arguments = [str(place / "in"), str(place / "out"), "--jobs", "1"]
    if command.main(arguments):
        pytest.skip("no wall can be built here")
    return place, planned, arguments


def rows(out):
    with open(out / "marks.csv", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_every_student_has_the_verdict_that_is_due(graded_class):
    place, planned, _ = graded_class
    found = rows(place / "out")
    assert {name: found[name]["log_sum_exp"] for name in planned} == {name: due for name, (_, due) in planned.items()}
    assert found["nothing"]["log_sum_exp"] == "missing"
    assert found["right"]["points"] == "1"
    assert not Path("/root/taken").exists()


def test_the_report_counts_every_planted_slip(graded_class):
    place, planned, _ = graded_class
    for name in ("report.html", "report.txt"):
        report = html.unescape((place / "out" / name).read_text())
        for _, due in planned.values():
            if due.startswith("slip"):
                assert due.removeprefix("slip: ") in report
        said = re.search(r"call the exercise's own answer, [^:]+: ([^.]+)", report.replace("\n", " "))[1]
        named = ("reads the reference", "wraps the reference", "a lambda around the reference")
        assert all(f"{name} (log_sum_exp)" in re.sub(r"\s+", " ", said) for name in named)
        assert "right on the inputs of the check only" in report.replace("\n", " ")
        assert "nothing" in report
    text = (place / "out" / "report.html").read_text()
    slips = sum(due.startswith("slip") for _, due in planned.values())
    assert re.search(rf"0\.1 · [^:]+: 1 correct, {slips} slip, ", text)
    assert not re.search(r"https?:", text)
    assert text.count("<title>") == text.count('role="img"') + 1


def test_each_student_has_a_page_and_results(graded_class):
    place, planned, _ = graded_class
    pages = list((place / "out" / "feedback").glob("*.html"))
    assert len(pages) == len(planned) + 1
    results = json.loads((place / "out" / "results" / "right.json").read_text())
    assert results["score"] == 1
    assert results["tests"][0]["status"] == "passed"
    text = (place / "out" / "feedback" / "reads-the-reference.html").read_text()
    assert "own answer" in text


def test_a_second_run_judges_nothing_again(graded_class, monkeypatch, capsys):
    place, _, arguments = graded_class
    before = rows(place / "out")
    monkeypatch.setattr("tools.teach.grading.pool._Worker.ask", lambda *_: pytest.fail("judged again"))
    assert command.main(arguments) == 0
    assert rows(place / "out") == before


def test_an_interruption_loses_nothing(tmp_path, monkeypatch, capsys):
    for name in ("ann", "bo"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "a.ipynb").write_bytes(notebook(f"# {name}", RIGHT))
    asked = []

    def ask(self, file):
        asked.append(file)
        if len(asked) == 2:
            _thread.interrupt_main()
            time.sleep(2)
        return {"judgements": {"log_sum_exp": vars(Judgement("correct"))}, "trouble": ""}

    monkeypatch.setattr("tools.teach.grading.pool._Worker.ask", ask)
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--jobs", "1", "--wall", "none"]
    assert command.main(arguments) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / ".kept").glob("*.json"))) == 1
    assert not (tmp_path / "out" / "marks.csv").exists()
    assert command.main(arguments) == 0
    assert len(asked) == 3  # the first was kept
    assert [row["log_sum_exp"] for row in rows(tmp_path / "out").values()] == ["correct", "correct"]


def test_a_folder_that_is_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "a.ipynb").write_bytes(notebook(RIGHT))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert command.main([str(tmp_path / "in"), str(tmp_path / "out")]) == 1
    assert "left alone" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]


# --- points and tables ------------------------------------------------------------------------------------------------


def test_points_of_a_rubric(tmp_path):
    path = tmp_path / "points.yaml"
    path.write_text("points: 2\nverdicts: {slip: 0.5}\nexercises: {e_step: {points: 4, slip: 0.25}, bic: 0}\n")
    rubric = read_rubric(path, course.places())
    assert rubric.earned("m_step", "correct") == 2
    assert rubric.earned("m_step", "slip") == 1
    assert rubric.earned("e_step", "slip") == 1
    assert rubric.earned("bic", "correct") == 0
    assert rubric.earned("m_step", "raised") == 0


@pytest.mark.parametrize(
    "text",
    ["", "- 1", "hello", "a: [", "exercises: {e_stp: 1}", "points: -1", "points: 0", "verdicts: {right: 1}", "x: 1"],
)
def test_a_rubric_that_names_no_exercise_is_one_sentence(tmp_path, text):
    path = tmp_path / "points.yaml"
    path.write_text(text)
    with pytest.raises(RubricError) as caught:
        read_rubric(path, course.places())
    assert len(str(caught.value).splitlines()) == 1


def test_of_two_files_the_better_counts_and_nothing_is_computed_by_a_spreadsheet():
    class One:
        def __init__(self, student, file):
            self.student, self.file = student, file

    def said(word):
        return {"judgements": {"log_sum_exp": vars(Judgement(word)) | {"notes": []}}, "trouble": ""}

    both = [One("=cmd()", "a.ipynb"), One("=cmd()", "b.ipynb")]
    marks = collected(both, [said("wrong"), said("correct")], Rubric(), ["Zoe"])
    assert marks_csv(marks).splitlines() == [
        "student,log_sum_exp,points,of", "'=cmd(),correct,1,1", "Zoe,missing,0,1",
    ]  # fmt: skip
    assert "the better counts" in marks.students[0].troubles[0]
    assert marks.students[1].verdict("log_sum_exp").word == MISSING


def test_tables_for_moodle_and_canvas_carry_the_rosters_numbers(tmp_path):
    path = tmp_path / "class.csv"
    path.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Email address\n    Points Possible,,,,,\n"
        '"Miller, Ann",7,s7,amiller,A,ann@example.org\n',
    )
    roster = interchange.Roster.read(path)
    assert roster.names() == ["Ann Miller"]
    assert roster.recognised("millerann") == "Ann Miller"
    marks = Marks([Student("Ann Miller", {"bic": Judgement("correct")})], ["bic"], Rubric())
    assert interchange.canvas_csv(marks, roster).splitlines()[2] == '"Miller, Ann",7,s7,amiller,A,1'
    assert "ann@example.org" in interchange.moodle_csv(marks, roster)
    assert interchange.moodle_csv(marks, roster).splitlines()[0] == "Student,Email address,bic,Total"


def test_the_guide_is_quoted_where_it_speaks_of_an_exercise():
    places = course.places()
    assert set(places) == {name for own in course.names().values() for name in own}
    found = guide.advice(places["pathwise_sample"])
    assert any("log_var" in line for line in found.listen)
    assert any("Exercise 6.3" in line for line in found.homework)
    assert not any("Exercise 6.3" in line for line in guide.advice(places["correlated_sample"]).homework)


def test_names_and_words_of_students_are_no_html():
    body = page.escape("<script>alert(1)</script>\x1b[31m")
    assert "<" not in body
    assert page.marked("`a<b` **bold** *slant*") == "<code>a&lt;b</code> <strong>bold</strong> <em>slant</em>"
    assert "default-src 'none'" in page.page("t", body, "")
