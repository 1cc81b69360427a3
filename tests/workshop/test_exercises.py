"""The checker itself, on an exercise of its own: every verdict, the hints, the time limit, what is put back."""

import _thread
import random
import sys
import threading
import time

import numpy as np
import pytest
import torch
from hostile import CALLABLES, NOT_FUNCTIONS, SLOW

from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.verdicts import a


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
        misconceptions=[
            Misconception("ddof", lambda data: (data.mean(), data.var(ddof=1)), "You divide by N - 1."),
            Misconception("std", lambda data: (data.mean(), data.std()), "That is the standard deviation."),
        ],
        hints=["Start with the mean.", "Then average the squares."],
        seconds=1.0,
    )


@pytest.fixture
def total():
    """A single number, so that patterns of error can be told."""
    return Exercise(
        name="total",
        arguments=("data", "scale"),
        returns="total",
        reference=lambda data, scale: scale * np.sum(data),
        probes=[(np.array([1.0, 2.0]), 1.0), (np.array([3.0, 5.0]), 2.0), (np.array([1.0, -4.0, 5.5]), 0.5)],
        misconceptions=[],
        hints=[],
        seconds=1.0,
    )


def test_which_of_several_results_is_right_is_told_where_nothing_else_is(exercise):
    verdict = exercise.examine(lambda data: (data.mean(), np.ptp(data) ** 1.5))
    assert verdict.detail.endswith("\nmean: right.")
    assert "right." not in exercise.examine(lambda data: (np.median(data), np.ptp(data) ** 1.5)).detail


def test_an_error_that_leads_astray_comes_with_what_to_do(total):
    def detached(data, scale):
        torch.tensor(scale, requires_grad=True).detach().backward()

    verdict = total.examine(detached)
    assert "does not require grad" in verdict.detail
    assert "`.rsample()`" in verdict.detail

    def divides(data, scale):
        return 1 // 0

    assert "`.rsample()`" not in total.examine(divides).detail


def test_an_empty_body_is_not_attempted_and_costs_no_hint(exercise):
    def documented(data):
        """Return something."""
        ...

    def passing(data):
        pass

    for function in (documented, passing, lambda data: ...):
        verdict = exercise.examine(function)
        assert verdict.kind == "not_attempted"
        assert str(verdict).startswith("○ Not attempted yet")
        assert not verdict.hint


def test_a_body_that_does_something_and_returns_nothing_is_told_so(exercise):
    def forgot(data):
        data.mean()

    verdict = exercise.examine(forgot)
    assert verdict.kind == "wrong_type"
    assert "Is `return` missing?" in verdict.detail


@pytest.mark.parametrize(
    "answer",
    [
        _mean_and_variance,
        lambda data: [float(np.mean(data)), float(np.var(data))],
        lambda data: np.array([np.mean(data), np.var(data)]),
        lambda data: (torch.tensor(data).mean(), torch.tensor(data).var(correction=0)),
        lambda data: (np.float32(np.mean(data)), np.float32(np.var(data))),
        lambda data: (torch.tensor(data, requires_grad=True).mean(), torch.tensor(data).var(correction=0)),
        lambda data, /: _mean_and_variance(data),
        lambda *everything: _mean_and_variance(*everything),
    ],
)
def test_right_answers_in_unusual_spellings(exercise, answer):
    assert exercise.examine(answer).correct


def test_misconceptions_get_their_own_words(exercise):
    verdict = exercise.examine(lambda data: (np.mean(data), np.sum((data - np.mean(data)) ** 2) / (len(data) - 1)))
    assert (verdict.kind, verdict.misconception, verdict.detail) == (
        "misconception",
        "ddof",
        "You divide by N - 1.",
    )
    assert str(verdict).startswith("✗ Not yet")


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda data: data.mean(), "wrong_type", "expected 2 values"),
        (
            lambda data: (data.mean(), data),
            "wrong_shape",
            "should be a single number; you returned an array of shape",
        ),
        (lambda data: (data.mean(), np.nan), "not_finite", "variance is NaN"),
        (lambda data: (data.mean(), np.inf), "not_finite", "variance is infinite"),
        (lambda data: (data.mean(), np.log(-data.var())), "not_finite", "a root of a negative number"),
        (lambda data: (data.mean(), data.var() / 0), "not_finite", "a division by zero"),
        (lambda data: (data.mean(), 1j), "wrong_type", "real number"),
        (lambda data: (data.mean(), torch.ones((), device="meta")), "wrong_device", "on meta"),
        (lambda data, extra: 0, "wrong_call", "your function takes: data, extra"),
        (lambda: 0, "wrong_call", "no argument"),
        (lambda data: (data.mean(), data.var() + 1), "wrong", "off by 1."),
    ],
)
def test_each_kind_of_trouble_is_named(exercise, answer, kind, words):
    verdict = exercise.examine(answer)
    assert verdict.kind == kind
    assert words in str(verdict)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda data, scale: -scale * data.sum(), "sign is opposite"),
        (lambda data, scale: 2 * scale * data.sum(), "2 times the right one"),
        (lambda data, scale: scale * data.sum() + 7, "off by the same amount"),
    ],
)
def test_patterns_of_error_are_pointed_out(total, answer, words):
    assert words in total.examine(answer).detail


def test_the_first_differing_probe_is_shown_without_the_reference(total):
    verdict = total.examine(lambda data, scale: np.sum(data))
    assert "probe 2 of 3" in verdict.title
    assert "data = [3., 5.], scale = 2" in verdict.detail
    assert "16" not in str(verdict)


def test_an_exception_shows_the_reader_their_own_line(exercise):
    def broken(data):
        middle = len(data)
        return data[middle]

    verdict = exercise.examine(broken)
    assert verdict.kind == "raised"
    assert "Line 3 of your function: return data[middle]" in verdict.detail
    assert "IndexError" in verdict.detail


def test_what_the_function_prints_is_shown_in_short(exercise):
    def chatty(data):
        print("the mean is near")
        return _mean_and_variance(data)

    verdict = exercise.examine(chatty)
    assert verdict.correct
    assert "| the mean is near" in str(verdict)


def test_hints_come_one_by_one_and_begin_again_after_success(exercise, capsys):
    wrong = lambda data: (0.0, 0.0)  # noqa: E731 - so wrong that no relation leads to the cause
    shown = [exercise.examine(wrong).hint for _ in range(4)]
    assert shown[0] == "Hint 1 of 2 is ready: run lesson.mean_and_variance.hint() in a cell of its own."
    assert shown[1:3] == ["Hint 1 of 2: Start with the mean.", "Hint 2 of 2: Then average the squares."]
    assert shown[3].startswith("To see the hints again")
    assert exercise.examine(_mean_and_variance).correct
    exercise.hint()
    assert capsys.readouterr().out == "Hint 1 of 2: Start with the mean.\n"
    assert exercise.examine(wrong).hint.startswith("Hint 2 of 2 is ready")
    assert exercise.examine(wrong).hint == "Hint 2 of 2: Then average the squares."
    exercise.hint()
    assert capsys.readouterr().out == "Hint 1 of 2: Start with the mean.\n"


def test_a_verdict_that_names_the_cause_offers_a_hint_and_does_not_spend_it(exercise):
    causes = [lambda data: data.sort(), lambda data: data / "x", lambda data: (data.mean(), data.std())]
    for answer in causes:
        assert exercise.examine(answer).hint.startswith("Hint 1 of 2 is ready")


@pytest.mark.parametrize("name", SLOW)
def test_the_time_limit_ends_what_never_ends(total, name):
    total.seconds = 0.3
    start = time.monotonic()
    verdict = total.examine(SLOW[name])
    assert verdict.kind == "too_slow"
    assert time.monotonic() - start < 15  # and not for ever; what has piled up is freed first


def _falls_to(threads):
    """Whether no more than `threads` are left within a minute: on a busy machine a loop ends behind the verdict."""
    patience = time.monotonic() + 60
    while threading.active_count() > threads and time.monotonic() < patience:
        time.sleep(0.05)
    return threading.active_count() <= threads


@pytest.mark.parametrize("name", [name for name in SLOW if name != "sleeps"])
def test_stopped_loops_leave_no_thread_behind(total, name):
    before = threading.active_count()
    total.seconds = 0.3
    total.examine(SLOW[name])
    assert _falls_to(before)


@pytest.mark.parametrize("name", [*CALLABLES, *NOT_FUNCTIONS])
def test_hostile_submissions_get_a_verdict(exercise, name):
    verdict = exercise.examine({**CALLABLES, **NOT_FUNCTIONS}[name])
    assert not verdict.correct
    assert len(str(verdict)) < 2500
    assert verdict.title


def test_a_check_inside_the_function_is_told_so_and_starts_no_threads(exercise):
    before = threading.active_count()

    def checks_itself(data):
        assert exercise.examine(checks_itself).title == "the function checks itself"
        exercise.check(checks_itself)
        return _mean_and_variance(data)

    verdict = exercise.examine(checks_itself)
    assert verdict.correct
    assert "at the left margin" in verdict.printed
    assert threading.active_count() == before


def test_an_import_is_never_cut_off_in_the_middle(exercise, tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nfor _ in range(40):\n    time.sleep(0.02)\nready = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    exercise.seconds = 0.2

    def imports(data):
        import slow_to_import

        return _mean_and_variance(data) if slow_to_import.ready else None

    exercise.examine(imports)
    import slow_to_import

    assert slow_to_import.ready


def test_an_array_is_no_pair_where_the_results_are_arrays(total):
    pair = Exercise(
        name="pair",
        arguments=("data",),
        returns=("mean", "spread"),
        reference=lambda data: (data.mean(axis=0), data.std(axis=0)),
        probes=[(np.array([[1.0, 2.0], [3.0, 5.0]]),)],
        misconceptions=[],
        hints=[],
    )
    verdict = pair.examine(lambda data: data.mean(axis=0))
    assert verdict.kind == "wrong_type"
    assert "expected 2 values" in verdict.detail


def test_a_rounded_constant_is_called_nearly_right(total):
    assert "Nearly right" in total.examine(lambda data, scale: 1.0004 * scale * data.sum()).detail


def test_a_raised_recursion_limit_is_put_back_and_deep_recursion_ends_in_time(total):
    def deep(data, scale):
        sys.setrecursionlimit(20_000)

        def dive(n):
            return dive(n + 1)

        return dive(0)

    before, start = sys.getrecursionlimit(), time.monotonic()
    assert total.examine(deep).kind == "raised"
    assert sys.getrecursionlimit() == before
    assert time.monotonic() - start < 15  # and not for ever; what has piled up is freed first


def test_random_states_are_put_back(exercise):
    def seeds(data):
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)
        return _mean_and_variance(data)

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(()).item()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert exercise.examine(seeds).correct
    assert (random.random(), np.random.rand(), torch.rand(()).item()) == expected


def test_probes_cannot_be_damaged(exercise):
    def destroys(data):
        result = _mean_and_variance(data)
        data[:] = 0
        return result

    before = [probe[0].copy() for probe in exercise.probes]
    verdict = exercise.examine(destroys)
    assert verdict.kind == "changes_argument"
    assert "changes `data` in place" in verdict.detail
    for probe, copy in zip(exercise.probes, before, strict=True):
        np.testing.assert_array_equal(probe[0], copy)


def test_a_result_that_is_changed_later_is_judged_as_it_was(exercise):
    shared = np.zeros(2)

    def reuses(data):
        shared[:] = _mean_and_variance(data)
        return shared

    assert exercise.examine(reuses).correct


def test_the_rich_form_says_the_same_in_words_and_escapes(exercise):
    def says(data):
        raise ValueError("<script>alert(1)</script>")

    bundle = exercise.examine(says)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "<script>" not in bundle["text/html"]
    assert "Not yet" in bundle["text/html"]
    assert 'role="status"' in bundle["text/html"]


def test_check_shows_and_returns_nothing(exercise, capsys):
    assert exercise.check(_mean_and_variance) is None
    assert capsys.readouterr().out.startswith("✓ Correct: mean_and_variance")


def test_a_keyboard_interrupt_while_waiting_passes_through(exercise):
    exercise.seconds = 5.0
    threading.Timer(0.3, _thread.interrupt_main).start()
    start = time.monotonic()
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        exercise.examine(SLOW["loops"])
    assert time.monotonic() - start < 15  # and not for ever; what has piled up is freed first
    assert _falls_to(before), "the reader's loop still runs"


def test_one_argument_is_singular(exercise):
    assert "with 1 argument by position" in exercise.examine(lambda data, extra: 0).detail


# --- inputs -----------------------------------------------------------------------------------------------------------


def _doubling(**more):
    settings = {
        "probes": [(torch.tensor([1.0, 2.0]),), (torch.tensor([-3.0, 0.5]),)],
        "misconceptions": [],
        "hints": [],
        "law": lambda rng: (torch.tensor(rng.normal(size=rng.integers(1, 5))),),
    }
    return Exercise(name="double", arguments=("x",), returns="doubled", reference=lambda x: 2 * x, **settings | more)


def test_the_draws_of_a_check_are_always_the_same_and_fresh_ones_are_others():
    one, other = _doubling(), _doubling()
    drawn = one._inputs()[2:]
    assert len(drawn) == one.draws == 12
    for (first,), (second,) in zip(drawn, other._inputs()[2:], strict=True):
        assert torch.equal(first, second)
    fresh = one.fresh(1, 12)
    assert not any(torch.equal(first, second) for (first,), (second,) in zip(drawn, fresh, strict=True))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(fresh, one.fresh(1, 12), strict=True))


def test_the_law_is_drawn_once_and_the_reference_asked_once_per_input():
    calls = []

    def law(rng):
        calls.append("law")
        return (rng.normal(size=2),)

    def reference(x):
        calls.append("reference")
        return 2 * x

    exercise = _doubling(law=law, probes=[(np.ones(2),)])
    exercise = Exercise("double", ("x",), "doubled", reference, [(np.ones(2),)], [], [], law=law)
    for _ in range(3):
        assert exercise.examine(lambda x: x + x).correct
    assert (calls.count("law"), calls.count("reference")) == (12, 13)


def test_an_exercise_without_a_law_has_no_fresh_inputs():
    with pytest.raises(ValueError, match=r"double declares no law; give it law="):
        _doubling(law=None).fresh(1, 3)


def test_an_answer_that_is_right_on_the_hand_made_inputs_alone_fails():
    assert not _doubling().examine(lambda x: 2 * x[:2] if len(x) > 1 else x).correct


def test_accepts_stops_at_the_first_failure_and_counts_nothing():
    exercise = _doubling(hints=["Add x to itself."])
    calls = []

    def wrong(x):
        calls.append(x)
        return x

    assert not exercise.accepts(wrong)
    assert (len(calls), exercise._failures) == (1, 0)
    assert exercise.accepts(lambda x: x + x)
    assert exercise.accepts(lambda x: x + x, exercise.fresh(5, 20))
    assert not exercise.accepts(lambda x: x + 1, exercise.fresh(5, 20))


def _turned_round(x):
    np.negative(x, out=x)
    return -2 * x


def _slow(x):
    time.sleep(0.02)
    return 2 * x


def _loops(x):
    while True:
        pass


@pytest.mark.parametrize("answer", [_turned_round, _loops, lambda x: ..., lambda x: x.missing, lambda x: "2x"])
def test_on_fresh_draws_only_right_answers_are_accepted(answer):
    exercise = _doubling()
    exercise.seconds = 0.1
    assert not exercise.accepts(answer, exercise.fresh(5, 20))


def test_each_fresh_draw_has_the_whole_time_limit():
    exercise = _doubling()
    exercise.seconds = 0.3
    assert exercise.accepts(_slow, exercise.fresh(5, 40))


def test_an_exception_on_a_drawn_input_shows_the_input():
    verdict = _doubling().examine(lambda x: 2 * x[:2] if len(x) > 1 else x[1])
    assert verdict.kind == "raised"
    assert "Probe" in verdict.detail and "x = [" in verdict.detail


def test_what_fails_at_extremes_only_is_called_unstable():
    exercise = Exercise(
        "log_sum_exp",
        ("x",),
        "value",
        lambda x: np.logaddexp.reduce(x),
        [(np.array([0.0, 1.0]),)],
        [],
        [],
        law=lambda rng: (rng.normal(size=rng.integers(1, 5)),),
        extremes=[(np.array([1000.0, 1000.0]),)],
        stable="take the maximum out",
    )
    verdict = exercise.examine(lambda x: np.log(np.sum(np.exp(x))))
    assert (verdict.kind, verdict.pattern) == ("not_finite", "extremes")
    assert "Right except at extreme inputs, so numerically unstable" in verdict.detail
    assert "The stable way: take the maximum out." in verdict.detail


# --- purity and gradients ---------------------------------------------------------------------------------------------


def _in_place(x):
    x *= 2
    return x


def _leaves_on(x):
    x.requires_grad_()
    return (2 * x).detach()


@pytest.mark.parametrize(("answer", "words"), [(_in_place, "changes `x` in place"), (_leaves_on, "leaves it on")])
def test_a_function_that_changes_its_arguments_is_refused_although_its_numbers_are_right(answer, words):
    verdict = _doubling().examine(answer)
    assert verdict.kind == "changes_argument"
    assert words in verdict.detail


def test_a_declared_change_is_allowed_and_a_wrong_answer_comes_before_the_change():
    assert _doubling(in_place=("x",)).examine(_in_place).correct

    def wrong(x):
        x *= 3
        return x

    verdict = _doubling().examine(wrong)
    assert verdict.pattern == "factor"
    assert "Note: Your function changes `x` in place" in verdict.detail


def _without_grad(x):
    with torch.no_grad():
        return 2 * x


CUTS = {
    "detached": lambda x: (2 * x).detach(),
    "no_grad": _without_grad,
    "numpy": lambda x: 2 * x.numpy(),
    "numpy of a detached": lambda x: 2 * x.detach().numpy(),
    "numbers": lambda x: [2 * value.item() for value in x],
    "a new tensor": lambda x: torch.tensor([2 * float(value) for value in x]),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_missing_gradient_is_told(cut):
    assert _doubling().examine(CUTS[cut]).correct
    verdict = _doubling(gradients=("x",)).examine(CUTS[cut])
    assert (verdict.kind, verdict.title) == ("gradient", "the gradient is missing"), str(verdict)
    assert "argument 0" not in verdict.detail, "an error of the checker's own is shown"
    assert "no gradient reaches `x`" in verdict.detail


def test_right_gradients_pass_and_wrong_ones_are_told():
    exercise = _doubling(gradients=("x",))
    for answer in (lambda x: x + x, lambda x: torch.stack([2 * v for v in x]), lambda x: [2 * v for v in x]):
        assert exercise.examine(answer).correct
    verdict = exercise.examine(lambda x: x + x.detach())
    assert (verdict.kind, verdict.title) == ("gradient", "the gradient is wrong")
    assert "with respect to `x`" in verdict.detail


def test_an_infinite_way_to_a_right_number_is_told():
    exercise = _doubling(gradients=("x",))
    verdict = exercise.examine(lambda x: 2 * x + 1 / (1 + torch.exp(1000 + x * 0)))
    assert (verdict.kind, verdict.title) == ("gradient", "the gradient is not finite"), str(verdict)


def test_of_several_gradients_the_missing_one_is_named():
    exercise = Exercise(
        "product", ("x", "y"), "z", lambda x, y: x * y, [(torch.ones(2), torch.ones(2))], [], [],
        law=lambda rng: (torch.tensor(rng.normal(size=3)), torch.tensor(rng.normal(size=3))), gradients=("x", "y"),
    )  # fmt: skip
    assert "no gradient reaches `y`" in exercise.examine(lambda x, y: x * y.detach()).detail


def test_randomness_of_its_own_is_noticed_although_the_first_wrong_answer_comes_back(total):
    calls = []

    def answer(data, scale):
        calls.append(scale)
        return 0.0 if scale == 1.0 else float(len(calls))

    assert total.examine(answer).pattern == "own randomness"


# --- slips in one part, and slips that raise --------------------------------------------------------------------------


def test_where_several_parts_are_wrong_a_known_slip_in_one_of_them_is_named(exercise):
    verdict = exercise.examine(lambda data: (2 * data.mean(), data.std()))
    assert verdict.kind == "wrong"
    assert "mean: Everywhere your answer is 2 times the right one" in verdict.detail
    assert "variance: That is the standard deviation." in verdict.detail


def test_a_sentence_that_calls_the_other_part_right_is_not_said_where_it_is_wrong(exercise):
    slip = Misconception("std", lambda data: (data.mean(), data.std()), "The mean is right; the rest is a root.")
    known = Exercise("f", ("data",), ("mean", "variance"), exercise.reference, exercise.probes, [slip], [])
    assert "The mean is right" in known.examine(slip.function).detail
    assert "The mean is right" not in known.examine(lambda data: (2 * data.mean(), data.std())).detail


@pytest.fixture
def share():
    """A share with one imagined success and failure; without them there is no answer for no trial."""
    return Exercise(
        name="share",
        arguments=("successes", "trials"),
        returns="share",
        reference=lambda successes, trials: (successes + 1) / (trials + 2),
        probes=[(1, 4), (2, 3), (0, 0), (5, 6)],
        misconceptions=[
            Misconception("bare", lambda successes, trials: successes / trials, "The imagined ones are missing."),
            Misconception("odds", lambda successes, trials: successes / (trials - successes), "These are the odds."),
        ],
        hints=[],
    )


def test_a_misconception_that_raises_is_recognised_up_to_there(share):
    verdict = share.examine(lambda successes, trials: 1 / (trials / successes) if trials else 1 / trials)
    assert (verdict.kind, verdict.misconception) == ("misconception", "bare")
    assert verdict.detail.startswith("The imagined ones are missing.\nBesides: your function raised ZeroDivisionError")
    assert "Probe 3: successes = 0, trials = 0." in verdict.detail


@pytest.mark.parametrize(
    "answer",
    [
        lambda successes, trials: (successes + 1) / (trials + 2) if trials else 1 / trials,  # right until there
        lambda successes, trials: (successes + 2) / trials,  # wrong in another way
        lambda successes, trials: successes / trials if trials else [][0],  # another error
        lambda successes, trials: successes / trials if trials != 3 else 1 / 0,  # elsewhere
    ],
)
def test_what_raises_otherwise_is_no_such_misconception(share, answer):
    verdict = share.examine(answer)
    assert (verdict.kind, verdict.misconception) == ("raised", "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros(2), "an ndarray"),
        (3, "an int"),
        (0.5, "a float"),
        (np.uint8(1), "a uint8"),
        ([], "a list"),
        (torch.zeros(2), "a Tensor"),
        (None, "None"),
    ],
)
def test_a_type_has_the_article_that_one_says(value, words):
    assert a(value) == words
