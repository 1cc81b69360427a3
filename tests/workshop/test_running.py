"""How a reader's function is run: stopped in time, with the session and the checker as they were."""

import builtins
import decimal
import gc
import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hostile import SLOW

from course_utils.workshop import running
from course_utils.workshop.exercises import Exercise, Verdict


def _mean_and_variance(data):
    return data.mean(), ((data - data.mean()) ** 2).mean()


@pytest.fixture
def exercise():
    """Mean and 1/N variance of a sample."""
    return Exercise(
        name="mean_and_variance",
        arguments=("data",),
        returns=("mean", "variance"),
        reference=_mean_and_variance,
        probes=[(np.array([1.0, 2.0, 4.0]),), (np.array([-3.0, 0.5, 2.0, 8.0]),), (np.linspace(0, 9, 20),)],
        misconceptions=[],
        hints=[],
        seconds=1.0,
    )


def _doubling(**more):
    probes = [(torch.tensor([1.0, 2.0]),), (torch.tensor([-3.0, 0.5]),)]
    return Exercise("double", ("x",), "doubled", lambda x: 2 * x, probes, [], [], **more)


@pytest.mark.parametrize("name", ["appends", "fills a dict", "grows a comprehension"])
def test_what_piles_up_is_stopped_in_time_and_shows_nothing_of_the_checker(exercise, name):
    exercise.seconds = 0.3
    for _ in range(5):
        start = time.monotonic()
        cpu = time.process_time()
        verdict = exercise.examine(SLOW[name])
        assert verdict.kind == "too_slow"
        assert verdict.printed == ""
        assert min(time.monotonic() - start, time.process_time() - cpu) < 1.5


def test_an_interrupt_while_the_thread_starts_leaves_no_thread(exercise, monkeypatch):
    exercise.seconds = 5.0
    start = threading.Thread.start

    def interrupted(thread):
        start(thread)
        if thread.name == "exercise":
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        exercise.examine(SLOW["loops"])
    assert threading.active_count() <= before, "the reader's loop still runs"


def test_a_tensor_with_a_negative_bit_is_a_result():
    exercise = _doubling()

    def imaginary(x):
        return torch.complex(torch.zeros_like(x), -2 * x).conj().imag

    assert exercise.examine(imaginary).correct


def _sets_the_dtype():
    torch.set_default_dtype(torch.float64)


def _sets_anomaly_mode():
    torch.autograd.set_detect_anomaly(True)


def _sets_the_environment():
    os.environ["COURSE_LEAK"] = "1"
    os.environ.pop("PATH", None)


def _leaves_a_figure():
    plt.figure()


def _closes_figures():
    plt.close("all")


def _sets_matplotlib():
    plt.rcParams["lines.linewidth"] = 17.0


def _sets_decimals():
    decimal.getcontext().prec = 5


def _threads_of_the_next_check():
    with ThreadPoolExecutor() as pool:  # a thread that starts now takes on what another one has set for itself
        return pool.submit(torch.get_num_threads).result()


LEAKS = {
    "default dtype": (_sets_the_dtype, torch.get_default_dtype, "torch's default dtype"),
    "anomaly mode": (_sets_anomaly_mode, torch.is_anomaly_enabled, "torch's anomaly mode"),
    "deterministic mode": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        torch.are_deterministic_algorithms_enabled,
        "torch's deterministic mode",
    ),
    "threads": (lambda: torch.set_num_threads(7), _threads_of_the_next_check, "torch's number of threads"),
    "garbage collector": (gc.disable, gc.isenabled, "the garbage collector"),
    "environment": (_sets_the_environment, lambda: dict(os.environ), "environment variables"),
    "working directory": (lambda: os.chdir("/"), os.getcwd, "the working directory"),
    "search path": (lambda: sys.path.append("/nowhere"), lambda: list(sys.path), "the module search path"),
    "a figure": (_leaves_a_figure, plt.get_fignums, "the open figures"),
    "closed figures": (_closes_figures, plt.get_fignums, "the open figures"),
    "rcParams": (_sets_matplotlib, lambda: plt.rcParams["lines.linewidth"], "matplotlib's settings"),
    "decimals": (_sets_decimals, lambda: decimal.getcontext().prec, "the precision of decimal numbers"),
    "errstate": (lambda: np.seterr(all="raise"), np.geterr, ""),
    "print options": (lambda: np.set_printoptions(precision=2), lambda: np.get_printoptions()["precision"], ""),
    "warnings": (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters), ""),
    "gradient mode": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled, ""),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_what_a_function_leaves_behind_is_put_back_and_named(exercise, leak):
    change, read, name = LEAKS[leak]
    figure = plt.figure()
    before = read()

    def leaks(data):
        result = _mean_and_variance(data)
        change()
        return result

    verdict = exercise.examine(leaks)
    assert read() == before
    assert verdict.correct
    assert name in verdict.detail  # torch may set an environment variable of its own besides
    assert ("what it was is put back" in verdict.detail) >= bool(name)
    plt.close(figure)


def test_what_a_library_sets_when_it_is_imported_stays_and_is_not_the_readers(exercise, tmp_path, monkeypatch):
    (tmp_path / "sets_a_variable.py").write_text("import os\n\nos.environ['COURSE_LIBRARY'] = '1'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sets_a_variable", raising=False)
    monkeypatch.setenv("COURSE_LIBRARY", "")
    monkeypatch.delenv("COURSE_LIBRARY")

    def answer(data):
        import sets_a_variable

        return sets_a_variable and np.mean(data)

    assert "put back" not in exercise.examine(answer).detail
    assert os.environ["COURSE_LIBRARY"] == "1"


def _always(*arguments, **named):
    return True


PATCHES = {
    "np.isclose": (np, "isclose"),
    "np.asarray": (np, "asarray"),
    "builtins.len": (builtins, "len"),
    "builtins.abs": (builtins, "abs"),
    "builtins.all": (builtins, "all"),
    "torch.Tensor.detach": (torch.Tensor, "detach"),
    "Exercise._same": (Exercise, "_same"),
    "Exercise._close": (Exercise, "_close"),
    "Exercise.examine": (Exercise, "examine"),
    "Verdict.correct": (Verdict, "correct"),
}


@pytest.mark.parametrize("when", ["inside", "before"])
@pytest.mark.parametrize("name", PATCHES)
def test_a_replaced_function_is_put_back_and_never_makes_an_answer_pass(exercise, name, when, capsys):
    thing, attribute = PATCHES[name]
    original = vars(thing).get(attribute)

    def patches(data):
        setattr(thing, attribute, _always)
        return (0.0, 0.0)

    if when == "before":
        setattr(thing, attribute, _always)
    exercise.check(patches if when == "inside" else lambda data: (0.0, 0.0))
    said = capsys.readouterr().out
    assert vars(thing).get(attribute) is original
    assert said.startswith("✗")
    assert attribute in said and "had been replaced" in said
    exercise.check(lambda data: (0.0, 0.0))
    assert capsys.readouterr().out.startswith("✗")
    assert exercise.examine(_mean_and_variance).correct


class _EqualToAll:
    def __call__(self, *arguments, **named):
        return np.True_

    def __eq__(self, other):
        return True

    __hash__ = None


def test_what_claims_to_be_the_original_is_put_back_too(exercise):
    original = np.isclose

    def patches(data):
        np.isclose = _EqualToAll()
        return (0.0, 0.0)

    verdict = exercise.examine(patches)
    assert np.isclose is original
    assert verdict.kind == "replaced" and "np.isclose" in verdict.detail


def test_a_right_answer_that_replaces_something_is_not_called_correct(exercise):
    def patches(data):
        result = _mean_and_variance(data)
        np.isclose = _always
        return result

    verdict = exercise.examine(patches)
    assert verdict.kind == "replaced"
    assert "`np.isclose` had been replaced" in verdict.detail
    assert exercise.examine(_mean_and_variance).correct


@pytest.mark.parametrize(("name", "value"), [("rtol", 1e9), ("probes", []), ("reference", lambda data: (0.0, 0.0))])
def test_an_exercise_that_was_changed_is_put_right(exercise, name, value):
    setattr(exercise, name, value)
    verdict = exercise.examine(lambda data: (0.0, 0.0))
    assert not verdict.correct
    assert f"lesson.mean_and_variance.{name}" in verdict.detail
    assert not exercise.examine(lambda data: (0.0, 0.0)).correct


def test_the_exercises_own_answer_is_called_by_its_name(exercise):
    own = exercise.reference
    for answer in (lambda data: exercise.reference(data), lambda data: own(data), own):
        verdict = exercise.examine(answer)
        assert verdict.kind == "reference"
        assert "write it yourself" in verdict.detail.lower()
    assert own(np.array([1.0, 3.0])) == (2.0, 1.0)


def test_another_spelling_of_the_exercise_is_its_own_answer_too():
    exercise = _doubling(spellings={"sum": lambda x: x + x})
    assert exercise.examine(lambda x: exercise.spellings["sum"](x)).kind == "reference"
    assert exercise.examine(exercise._spellings["sum"]).correct


def test_a_loop_that_had_no_time_to_end_is_ended_after_the_verdict(exercise, monkeypatch):
    monkeypatch.setattr(running, "_PATIENCE", 0.0)  # as on a machine too busy to let it run
    before = threading.active_count()
    exercise.seconds = 0.1
    assert exercise.examine(SLOW["catches around a call"]).kind == "too_slow"
    assert threading.active_count() > before
    until = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() == before


_TRACED = """
import cProfile, sys, time
import numpy as np
from course_utils.workshop.exercises import Exercise

exercise = Exercise(
    name="mean", arguments=("data",), returns="mean", reference=np.mean,
    probes=[(np.array([1.0, 2.0]),), (np.array([-3.0, 0.5, 2.0]),), (np.arange(4.0),)],
    misconceptions=[], hints=[], seconds=0.3,
)

def endless(data):
    while True:
        pass

def work():
    return sum(i * i for i in range(1000))

for answer, kind in ((np.mean, "correct"), (endless, "too_slow"), (lambda data: 1 / 0, "raised")):
    assert exercise.examine(answer).kind == kind
    cProfile.Profile().runcall(work)
    sys.settrace(lambda *event: None)
    work()
    sys.settrace(None)
profile = cProfile.Profile()
profile.enable()
assert exercise.examine(np.mean).kind == "correct"
profile.disable()
"""


def test_a_profiler_and_a_tracer_work_after_and_around_a_check():
    # in a process of its own, since what is tested is whether it ends at all
    run = subprocess.run([sys.executable, "-c", _TRACED], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
