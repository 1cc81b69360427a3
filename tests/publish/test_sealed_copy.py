"""The answers in the students' copy: out of sight in every file of it, and as good for the check as in the course."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import OFFLINE

from course_utils.workshop import sealed
from tools.publish import student_copy

ROOT = Path(__file__).resolve().parents[2]
ROOMS = Path("course_utils/lessons")
LEAST = 40  # shorter lines, such as `counts = responsibilities.sum(axis=0)`, belong to no answer in particular
# Lines of right answers that the lessons, and the models that they teach, write out themselves.
TAUGHT = {
    "_, singular, axes = np.linalg.svd(data - mean, full_matrices=False)",
    "generator = torch.Generator().manual_seed(0)",
    "log_prior = gaussian_log_prob(z, torch.zeros_like(mean), torch.zeros_like(mean))",
    "one = dimensions * (dimensions + 1) // 2",
    "q = torch.distributions.Normal(mean, torch.exp(log_var / 2))",
    'raise Unfit("wrong_shape", "the result has the wrong shape", words)',
    "return mean + torch.exp(log_var / 2) * noise",
    "torch.distributions.Categorical(logits=logits)",
    "z = mean + torch.exp(0.5 * log_var) * noise",
}  # fmt: skip
SLIPS = ("test_expected_slips_01", "test_expected_slips_described")
JUDGED = """
import importlib, json, sys
import course_utils

sys.path.append(sys.argv[1])
said = {"": course_utils.__file__}
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    answers = {key: value[:3] for key, value in module.SLIPS.items() if key.startswith(("1.", "2."))}
    answers |= {f"right, {key}": (*value, "") for key, value in getattr(module, "RIGHT", {}).items()}
    for exercise in {id(exercise): exercise for exercise, *_ in answers.values()}.values():
        answers[f"own, {exercise.name}"] = exercise, exercise.reference, ""
        for slip in exercise.misconceptions[::3]:
            answers[f"{exercise.name}: {slip.name}"] = exercise, lambda *a, slip=slip.function: slip(*a), slip.message
    for key, (exercise, answer, words) in answers.items():
        exercise._failures = exercise._hints_given = 0
        exercise.seconds = 60.0  # both come to an end, however busy the machine is
        verdict = exercise.examine(answer)
        said[key] = [verdict.kind, verdict.title, verdict.detail, verdict.misconception, words]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """The course's own students' copy."""
    return student_copy.build(tmp_path_factory.mktemp("handout") / "student")[0]


def judged(folder):
    """Return what the checker in a folder says of the answers that the tests of expected slips hold."""
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{OFFLINE}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", JUDGED, str(ROOT / "tests" / "lessons"), *SLIPS]
    said = json.loads(subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True).stdout)
    assert Path(said.pop("")).is_relative_to(folder)
    return said


def answers_of(text):
    """Return the lines that stand in functions of a module, without those that are too short to be anyone's own."""
    lines, numbers = text.splitlines(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            first = node.body[0] if isinstance(node, ast.FunctionDef) else node
            numbers.update(range(first.lineno, node.end_lineno + 1))
    found = {lines[number - 1].strip().rstrip(",") for number in numbers}
    return {line for line in found if len(line) >= LEAST}


def texts(folder):
    """Yield each file of a folder with what can be read in it."""
    for path in folder.rglob("*"):
        if path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            outputs = [output for cell in cells for output in cell.get("outputs", [])]
            said = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs]
            yield path, "\n".join([*(cell.source for cell in cells), *said])
        elif path.is_file():
            yield path, path.read_bytes().decode("utf-8", errors="ignore")


def stands_in(line, text):
    return line in text and re.search(rf"(?<!\w){re.escape(line)}", text)  # not as the end of a longer name


def test_no_line_of_a_right_answer_or_a_slip_can_be_read_in_any_file(student):
    rooms = {path: answers_of(path.read_text("utf-8")) for path in (ROOT / ROOMS).glob("*/exercise*.py")}
    rooms |= {path: answers_of(path.read_text("utf-8")) for path in (ROOT / ROOMS).glob("*/problem*.py")}
    secret = set().union(*rooms.values())
    assert all(rooms.values()) and len(secret) > 1500
    seen = {line for _, text in texts(student) for line in secret if stands_in(line, text)}
    assert seen - TAUGHT == set()
    opened = {path: answers_of(sealed.text(path)) for path in student.rglob("*.sealed")}
    assert set().union(*opened.values()) >= secret  # all of it is there, and the search would find it


def test_what_is_left_open_of_a_room_declares_nothing(student):
    rooms = [path for path in (student / ROOMS).iterdir() if path.is_dir()]
    assert len(rooms) == len(list((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")))
    for room in rooms:
        assert {path.stem for path in room.glob("*.py")} <= student_copy.OPEN
        assert list(room.glob("exercise*.sealed"))
    text = "\n".join(path.read_text("utf-8") for path in (student / ROOMS).rglob("*.py"))
    assert not [word for word in ("Exercise(", "Misconception(", "Question(", "right=") if word in text]


@pytest.mark.slow
def test_the_check_says_the_same_in_the_copy_as_in_the_course(student):
    said, course = judged(student), judged(ROOT)
    assert said == course
    kinds = {kind for kind, *_ in said.values()}
    assert {"correct", "misconception", "wrong", "reference"} <= kinds
    for key, (kind, title, detail, _, words) in said.items():
        assert words in f"{title}\n{detail}", key
        assert (kind == "correct") == key.startswith("right, "), key
    # what is seen from the source of right answers is among it
    assert sum("the right formula with one change" in detail for _, _, detail, *_ in said.values()) >= 3
