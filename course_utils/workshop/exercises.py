"""Executable exercises: a reference, inputs, misconceptions and hints, declared once.

An `Exercise` runs a reader's function on many inputs and says one thing about it, in words: not attempted yet · wrong
call, type or shape · raised · too slow · a recognised misconception · what its errors have in common (`diagnosis`) ·
what it does when an argument changes (`experiments`) · not finite · wrong, with the first input that differs · changes
its arguments · no gradient · correct. It never shows the reference, and it leaves the session as it was (`running`).

**Inputs.** They are of three kinds: *probes*, made by hand, the first an easy one; *draws* from a `law`, always the
same ones; and *extremes*, made by hand at the ends of what the exercise's text promises. The law is what makes an
answer that is right by accident fail, so it draws all that is promised: sizes from 1 on, none equal to another by
rule, tables that are not square, negative numbers, zeros, ties, every rank and type.

    def _law(rng):
        count, size = rng.integers(1, 6, 2)
        mean = rng.standard_normal((count, size))
        mean[rng.random((count, size)) < 0.2] = 0.0
        return torch.tensor(mean), torch.tensor(rng.uniform(-3, 2, (count, size)))

    kl_term = Exercise(
        name="kl_term",
        arguments=("mean", "log_var"),
        returns="kl",
        reference=lambda mean, log_var: 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1),
        spellings={"torch.distributions": _kl_by_torch},
        probes=[(torch.tensor([[1.0]]), torch.tensor([[0.0]]))],
        law=_law,
        extremes=[(torch.tensor([[0.0, 1e8]]), torch.tensor([[-700.0, 50.0]]))],
        stable="keep log_var as it is; only its exponential enters besides",
        misconceptions=[Misconception("negative", lambda mean, log_var: …, "Right but for its sign: …")],
        hints=("For one dimension: …", "…"),
        gradients=(),  # ("mean", "log_var") where the text promises that gradients pass
    )

The tests then hold that the reference is finite and agrees with its other spellings on `fresh` draws, that no two
misconceptions agree, and that small changes of all right answers (`variants`) are either rejected
or right on 200 fresh draws. Constant factors, signs, transpositions and the like need no misconception: they are seen.
"""

import functools
import inspect
import re
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np

from course_utils.workshop import (
    diagnosis,
    experiments,
    explanations,
    one_change,
    progress,
    relations,
    running,
    variants,
    verdicts,
)
from course_utils.workshop.explanations import explained
from course_utils.workshop.gradient_check import gradient_trouble
from course_utils.workshop.running import Unfit, is_array
from course_utils.workshop.verdicts import (
    Verdict,
    a,
    advice,
    as_numbers,
    brief,
    is_empty,
    listed,
    noted,
    own_line,
    return_words,
    shape_words,
)

# Verdicts that leave the reader to find the cause, unless they carry a pattern that leads to it.
_UNEXPLAINED = {"wrong", "wrong_shape", "not_finite"}
_LEADS_NOWHERE = {"", "same answer", "some inputs", "experiment", "bound"}
_INFINITE = "infinite", "an overflow, a logarithm of zero, or a division by zero"
_NAN = "NaN", "a logarithm or a root of a negative number, 0/0, 0 · ∞ or ∞ − ∞"


@dataclass(frozen=True)
class Misconception:
    """A wrong implementation and the sentence that helps whoever wrote it."""

    name: str
    function: Callable
    message: str


class _Guarded:
    """A right answer of an exercise, for tests and authors; within an attempt it notes that it was called."""

    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *arguments, **named):
        attempt = running.in_attempt()
        if attempt:
            attempt.peeked = True
        return self.function(*arguments, **named)


def _unguarded(function):
    return function.function if issubclass(type(function), _Guarded) else function  # an object may lie about its class


@dataclass(eq=False, repr=False)
class Exercise:
    """One exercise: what is right, what is commonly wrong, and what to say.

    Parameters
    ----------
    name : str
        The name of the function that the reader writes.
    arguments : sequence of str
        The names of its arguments, in order.
    returns : str or sequence of str
        What the result is called in messages; a sequence declares a tuple of so many results.
    reference : callable
        A correct implementation.
    probes : sequence of tuples
        Argument tuples made by hand: numbers, arrays or tensors. The first is an easy one.
    misconceptions : sequence of Misconception
        Wrong implementations that are recognised.
    hints : sequence of str
        From gentle to nearly complete. From the second failed attempt on the next one is given where the verdict
        cannot name the cause, and offered elsewhere; `hint()` asks for it.
    spellings : mapping of str to callable, optional
        Other correct implementations (a loop, torch, …): the tests hold the checker to accepting them.
    praise : str, optional
        What to say when the answer is correct: what the reader has now shown, or where it leads.
    law : callable, optional
        Draws one argument tuple from a `numpy.random.Generator`, of all shapes, ranks, types and values promised.
    draws : int
        How many inputs of the law a check uses; always the same ones.
    extremes : sequence of tuples
        Argument tuples at the ends of what is promised.
    stable : str
        The name of the way that survives there, for answers that are wrong at extremes only.
    gradients : sequence of str
        Tensor arguments through which gradients must pass, as they do in the reference.
    in_place : sequence of str
        Arguments that the function may change; a change of any other is refused.
    rtol, atol : float
        An answer is right if ``|answer - reference| <= atol + rtol * |reference|`` in every element.
        The defaults leave room for single precision.
    seconds : float
        Time limit for all inputs together.
    """

    name: str
    arguments: Sequence[str]
    returns: str | Sequence[str]
    reference: Callable
    probes: Sequence[tuple]
    misconceptions: Sequence[Misconception]
    hints: Sequence[str]
    spellings: dict[str, Callable] = field(default_factory=dict)
    praise: str = ""
    law: Callable[[np.random.Generator], tuple] | None = None
    draws: int = 12
    extremes: Sequence[tuple] = ()
    stable: str = ""
    gradients: Sequence[str] = ()
    in_place: Sequence[str] = ()
    rtol: float = 1e-5
    atol: float = 1e-8
    seconds: float = 3.0
    _failures: int = field(default=0, init=False, repr=False)
    _hints_given: int = field(default=0, init=False, repr=False)
    _known: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        running.watch_libraries()
        self._reference = _unguarded(self.reference)
        self.reference = _Guarded(self._reference)
        self._spellings = {name: _unguarded(function) for name, function in self.spellings.items()}
        self.spellings = {name: _Guarded(function) for name, function in self._spellings.items()}
        self._made = deepcopy(list(self.probes)), deepcopy(list(self.extremes))
        names = ("name", "arguments", "returns", "reference", "_reference", "probes", "misconceptions", "spellings")
        names += ("law", "draws", "extremes", "gradients", "in_place", "rtol", "atol")
        self._sealed = {name: getattr(self, name) for name in names}

    def __repr__(self):
        return f"<the exercise {self.name}: .check({self.name}) judges your function, .hint() gives a hint>"

    def check(self, function):
        """Judge `function` and show the verdict; nothing is returned and nothing is raised."""
        replaced = running.restore_replaced()  # first of all, or a replaced `examine` would answer
        verdict = self.examine(function)
        if replaced:
            verdict = self._refused(verdict, replaced)
        verdicts.shown(verdict)
        progress.remember(self.name, verdict)

    def hint(self):
        """Print the next hint, without waiting for another failed attempt."""
        print(self._next_hint() if self.hints else "There is no hint for this exercise.")

    def examine(self, function):
        """Judge `function` and return the `Verdict`; failed attempts count towards the hints."""
        if running.in_attempt():
            words = "The call of the check belongs below the function, at the left margin; here it stands inside."
            return Verdict("wrong_call", "the function checks itself", words)
        replaced = self._restored()
        with running.session_kept() as put_back, np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                verdict = self._judge(function)
            except Exception:
                replaced += self._restored()
                if not replaced:
                    raise
                verdict = Verdict("replaced", "", "")
            replaced += self._restored()
        if replaced:
            verdict = self._refused(verdict, replaced)
        if put_back:
            verdict = noted(verdict, f"your function changed {listed(put_back)}; what it was is put back.")
        if verdict.correct:
            self._failures = self._hints_given = 0
        elif verdict.kind != "not_attempted" and self.hints:
            self._failures += 1
            # Where the verdict cannot say what is wrong, the next hint is given; elsewhere it is only offered.
            unexplained = verdict.kind in _UNEXPLAINED and verdict.pattern in _LEADS_NOWHERE
            stuck = self._failures > 1 and unexplained and self._hints_given < len(self.hints)
            verdict = replace(verdict, hint=self._next_hint() if stuck else self._offer())
        return verdict

    def fresh(self, seed, count):
        """Return `count` other argument tuples of the law, for tests and for grading.

        Raises
        ------
        ValueError
            If the exercise declares no law.
        """
        if self.law is None:
            raise ValueError(f"the exercise {self.name} declares no law; give it law=, a function of a Generator")
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        return [self.law(rng) for _ in range(count)]

    def accepts(self, function, probes=None):
        """Return whether `function` is right on `probes` (default: those of the check), and stop at the first failure.

        Nothing is said and nothing is counted. Each probe has the whole time limit.
        """
        with running.session_kept():
            if probes is not None:  # right answers run through all of them: one thread does
                runs = running.run_each(function, probes, self._as_parts, self.seconds)
                if runs and (runs[-1].outcome != "returned" or self._spoilt(runs)):
                    return False
                return self._same([run.value for run in runs], self._right_on(probes))
            for probe, right in zip(self._inputs(), self._right(), strict=True):
                run = running.run(function, probe, self._as_parts, time.monotonic() + self.seconds)
                if run.outcome != "returned" or self._spoilt([run]) or not self._same([run.value], [right]):
                    return False
            return not self.gradients or gradient_trouble(self, function, time.monotonic()) is None

    # --- the inputs and what is known of them -------------------------------------------------------------------------

    def _inputs(self):
        """Return all argument tuples of a check; the draws are made once."""
        if "inputs" not in self._known:
            made, extremes = self._made
            self._known["inputs"] = [*made, *(self.fresh(0, self.draws) if self.law else []), *extremes]
        return self._known["inputs"]

    def _is_extreme(self, position):
        return position >= len(self._inputs()) - len(self._made[1])

    def _right(self):
        """Return the right results, computed once."""
        if "right" not in self._known:
            self._known["right"] = self._results_of(self._reference)
        return self._known["right"]

    def _right_on(self, probes):
        """Return the right results on other probes, kept until others are asked for."""
        known, results = self._known.get("right on", (None, None))
        if known is not probes:
            results = self._results_of(self._reference, probes)
            self._known["right on"] = probes, results
        return results

    def _fresh_ones(self, count):
        """Return further draws of the law with the right results, made once; none without a law."""
        if "fresh" not in self._known:
            inputs = self.fresh(2, count) if self.law else []
            self._known["fresh"] = list(zip(inputs, self._results_of(self._reference, inputs), strict=True))
        return self._known["fresh"]

    def _slips(self):
        """Return the results of the misconceptions; None where one raises."""
        return [None if error else results for results, error in self._slip_runs()]

    def _slip_runs(self):
        """Return, computed once, the results of each misconception up to where it raises, and the error's name."""
        if "slips" not in self._known:
            self._known["slips"] = [self._until_it_raises(item.function) for item in self.misconceptions]
        return self._known["slips"]

    def _until_it_raises(self, function):
        results = []
        try:
            for probe in self._inputs():
                results += self._results_of(function, [probe])
        except Exception as error:
            return results, _kind(error)
        return results, ""

    def _results_of(self, function, probes=None):
        """Return what one of the declared functions gives on all probes."""
        probes = self._inputs() if probes is None else probes
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [self._as_parts(function(*deepcopy(probe))) for probe in probes]

    def _restored(self):
        """Put back what was replaced in the libraries, the checker and this exercise; return the names."""
        found = running.restore_replaced()
        for name, value in self._sealed.items():
            if getattr(self, name) is not value:
                setattr(self, name, value)
                found.append(f"lesson.{self.name}.{name}")
        return found

    def _refused(self, verdict, names):
        quoted = listed([f"`{name}`" for name in dict.fromkeys(names)])
        words = (
            f"{quoted} had been replaced, by your function or in a cell before it. "
            "The original is put back; give your own functions other names, and run the cell again."
        )
        if verdict.correct or verdict.kind == "replaced":
            return replace(verdict, kind="replaced", title="what the check relies on was replaced", detail=words)
        return noted(verdict, words)

    def _offer(self):
        number = self._hints_given + 1
        which = (
            f"Hint {number} of {len(self.hints)} is ready" if number <= len(self.hints) else "To see the hints again"
        )
        return f"{which}: run lesson.{self.name}.hint() in a cell of its own."

    def _next_hint(self):
        """Return the next hint; after the last one, begin again."""
        self._hints_given = self._hints_given % len(self.hints) + 1
        return f"Hint {self._hints_given} of {len(self.hints)}: {self.hints[self._hints_given - 1]}"

    # --- the judgement ------------------------------------------------------------------------------------------------

    def _judge(self, function):
        if not callable(function) or issubclass(type(function), type):
            return Verdict(
                "not_callable",
                f"{self.name} must be a function",
                f"What came is {a(function)}. Write `def {self._call()}:` and hand over `{self.name}` itself, "
                "without brackets behind it.",
            )
        if is_empty(function):
            return self._not_attempted()
        if any(_unguarded(function) is own for own in self._own_answers()):
            return self._peeked()
        trouble = self._wrong_arity(function)
        if trouble:
            return trouble
        deadline = time.monotonic() + self.seconds
        runs = []
        for probe in self._inputs():
            runs.append(running.run(function, probe, self._as_parts, deadline))
            if runs[-1].outcome in ("raised", "too_slow"):
                break
        if any(run.peeked for run in runs):
            verdict = self._peeked()
        elif runs[-1].outcome in ("raised", "too_slow"):
            verdict = self._interrupted(runs[-1], function, len(runs))
            return self._slip_that_raises(runs, verdict) if runs[-1].outcome == "raised" else verdict
        else:
            verdict = self._compare(runs, function, deadline)
        return replace(verdict, printed=next((run.printed for run in runs if run.printed), ""))

    def _call(self):
        return f"{self.name}({', '.join(self.arguments)})"

    def _own_answers(self):
        """Return the right answers that are written in a lesson's room; a library's function may be anyone's answer."""
        answers = [self._reference, *self._spellings.values()]
        return [one for one in answers if (getattr(one, "__module__", None) or "").startswith("course_utils.lessons.")]

    def _peeked(self):
        return Verdict(
            "reference",
            "this is the exercise's own answer",
            f"`lesson.{self.name}` holds a right answer for its tests, and this is it, or calls it. "
            "Write it yourself: that is the exercise.",
        )

    def _not_attempted(self):
        return Verdict(
            "not_attempted",
            self.name,
            f"Replace the `...` in the body of `{self._call()}` and run the cell again.",
        )

    def _wrong_arity(self, function):
        try:
            signature = inspect.signature(function)
        except Exception:  # some built-in functions tell nothing about themselves, some objects tell lies
            return None
        try:
            signature.bind(*self.arguments)
        except TypeError as error:
            asked = ", ".join(signature.parameters) or "no argument"
            count = len(self.arguments)
            return Verdict(
                "wrong_call",
                "the arguments do not fit",
                f"The check calls `{self._call()}`, with {count} argument{'s' * (count != 1)} by position; "
                f"your function takes: {asked}. Python says: {error}.",
            )
        return None

    def _interrupted(self, run, function, number):
        where = f"on probe {number} of {len(self._inputs())}"
        if run.outcome == "too_slow":
            return Verdict(
                "too_slow",
                f"stopped after {self.seconds:g} seconds, {where}",
                "Is there a loop that never ends, or work that grows too fast with the size of the input?",
                printed=run.printed,
            )
        shown = self._probe_words(number) if number > 1 else ""  # where even the easy one fails, the line says it all
        return Verdict(
            "raised",
            f"your function raised {type(run.value).__name__} {where}",
            "\n".join(filter(None, [own_line(run.value, function), run.words, advice(run.words), shown])),
            printed=run.printed,
        )

    def _slip_that_raises(self, runs, verdict):
        """Recognise a misconception that gives the same wrong answers until it raises the same error."""
        *before, last = runs
        answers = [run.value for run in before if run.outcome == "returned"]
        if len(answers) < len(before) or self._same(answers, self._right()[: len(answers)]):
            return verdict
        known = [
            item
            for item, (results, error) in zip(self.misconceptions, self._slip_runs(), strict=True)
            if error == _kind(last.value) and len(results) == len(answers) and self._same(answers, results)
        ]
        if len(known) != 1:
            return verdict
        return replace(
            verdict,
            kind="misconception",
            title="a well-known slip",
            detail=f"{known[0].message}\nBesides: {verdict.title}.\n{verdict.detail}",
            misconception=known[0].name,
        )

    def _compare(self, runs, function, deadline):
        """Judge what was returned for all probes."""
        if all(run.outcome == "ellipsis" for run in runs):
            return self._not_attempted()
        wanted = self._right()
        trouble = None
        for number, (run, reference) in enumerate(zip(runs, wanted, strict=True), start=1):
            if run.outcome == "unfit":
                trouble = Verdict(run.value.kind, run.value.title, f"On probe {number}: {run.value}")
            elif run.outcome == "ellipsis":
                trouble = Verdict("wrong_type", "a `...` came back", f"On probe {number}, a `...` is still to replace.")
            else:
                trouble = self._wrong_shape(number, run.value, reference)
            if trouble:
                break
        if not all(run.outcome == "returned" for run in runs):
            return trouble
        answers = [run.value for run in runs]
        spoilt = self._spoilt(runs)
        if not trouble and self._same(answers, wanted):
            trouble = spoilt or (gradient_trouble(self, function, deadline) if self.gradients else None)
            return trouble or Verdict("correct", self.name, self.praise)
        verdict = explained(self, answers, wanted, function, deadline, trouble)
        return noted(verdict, spoilt.detail) if spoilt else verdict

    def _recognised(self, answers):
        """Return the misconceptions that give the very same answers."""
        slips = zip(self.misconceptions, self._slips(), strict=True)
        return [item for item, results in slips if results and self._same(answers, results)]

    def _ordinary(self, results):
        return [parts for position, parts in enumerate(results) if not self._is_extreme(position)]

    def _spoilt(self, runs):
        """Return the verdict on arguments that were changed in place, or left asking for a gradient."""
        allowed = {position for position, name in enumerate(self.arguments) if name in self.in_place}
        changed = {position for run in runs for position in run.changed} - allowed
        switched = {position for run in runs for position in run.switched_on} - allowed - changed
        if not changed and not switched:
            return None
        words = []
        if changed:
            names = listed([f"`{self.arguments[position]}`" for position in sorted(changed)])
            words.append(
                f"Your function changes {names} in place, which would surprise whoever calls it: "
                "work on a copy, or write `a = a + b` for `a += b`."
            )
        if switched:
            names = listed([f"`{self.arguments[position]}`" for position in sorted(switched)])
            words.append(
                f"Your function switches the gradient of {names} on and leaves it on: "
                "make a tensor of your own first, with `.clone()` or `.detach().clone()`."
            )
        return Verdict("changes_argument", "the function changes its arguments", " ".join(words))

    # --- results ------------------------------------------------------------------------------------------------------

    def _names(self):
        return (self.returns,) if isinstance(self.returns, str) else tuple(self.returns)

    def _as_parts(self, value):
        """Return the result as a tuple of float64 arrays, one for each declared part, or raise `Unfit`."""
        names = self._names()
        if len(names) == 1:
            return (as_numbers(names[0], value),)
        # An array counts as several results only where each of them is a single number.
        several = isinstance(value, (tuple, list)) or (is_array(value) and value.ndim == 1 and self._returns_numbers())
        if not several or len(value) != len(names):
            came = f"{a(value)} of length {len(value)}" if several else a(value)
            written = ", ".join(re.sub(r"\W+", "_", name) for name in names)
            wish = f"expected {len(names)} values, as in `return {written}`; you returned {came}."
            raise Unfit("wrong_type", "the result has the wrong type", wish + return_words(value))
        for name, part in zip(names, value, strict=True):
            if part is None and "gradient" in name:
                words = f"{name} is None: `.grad` is None until `.backward()` has filled it, and only leaves keep one."
                raise Unfit("wrong_type", "a gradient is missing", words)
        return tuple(as_numbers(name, part) for name, part in zip(names, value, strict=True))

    def _returns_numbers(self):
        return all(np.ndim(part) == 0 for part in self._reference(*deepcopy(self._made[0][0])))

    def _wrong_shape(self, number, answer, reference):
        for name, got, expected in zip(self._names(), answer, reference, strict=True):
            if got.shape != expected.shape:
                return Verdict(
                    "wrong_shape",
                    "the result has the wrong shape",
                    f"On probe {number}, {name} should be {shape_words(expected.shape)}; "
                    f"you returned {shape_words(got.shape)}.",
                )
        return None

    def _same(self, answers, wanted, names=None):
        return all(
            got.shape == expected.shape and self._close(got, expected).all()
            for _, _, got, expected in self._pairs(answers, wanted, names)
        )

    def _close(self, got, expected):
        with np.errstate(all="ignore"):
            return np.isclose(got, expected, rtol=self.rtol, atol=self.atol, equal_nan=True)

    def _pairs(self, answers, wanted, names=None):
        for number, (answer, reference) in enumerate(zip(answers, wanted, strict=True), start=1):
            for name, got, expected in zip(names or self._names(), answer, reference, strict=True):
                yield number, name, got, expected

    def _not_finite(self, answers, wanted):
        for number, name, got, expected in self._pairs(answers, wanted):
            bad = ~np.isfinite(got) & np.isfinite(expected)
            if bad.any():
                what, causes = _INFINITE
                if np.isnan(got[bad][0]):
                    what, causes = _NAN
                return Verdict(
                    "not_finite",
                    f"{name} is {what} on probe {number} of {len(self._inputs())}",
                    f"{self._probe_words(number)} Look for {causes}.",
                )
        return None

    def _first_difference(self, answers, wanted):
        pairs = self._pairs(answers, wanted)
        number, name, got, expected = next(pair for pair in pairs if not self._close(pair[2], pair[3]).all())
        wrong = ~self._close(got, expected)
        first = int(np.flatnonzero(wrong.ravel())[0])
        error = abs(float(got.ravel()[first]) - float(expected.ravel()[first]))
        place = ""
        if got.ndim:
            index = ", ".join(str(int(i)) for i in np.unravel_index(first, got.shape))
            place = f" in element [{index}] ({int(wrong.sum())} of {wrong.size} elements differ)"
        return Verdict(
            "wrong",
            f"{name}: wrong on probe {number} of {len(self._inputs())}",
            f"{self._probe_words(number)} The answer is off by {error:.4g}{place}.",
        )

    def _probe_words(self, number):
        values = self._inputs()[number - 1]
        shown = [f"{name} = {brief(value)}" for name, value in zip(self.arguments, values, strict=True)]
        return f"Probe {number}: {', '.join(shown)}."


def _kind(error):
    return type(error).__name__.lstrip("_")  # torch's LinAlgError begins with one


for _thing in (Exercise, Misconception, Verdict):
    running.watch(_thing.__name__, _thing)
for _module in (
    sys.modules[__name__],
    diagnosis,
    experiments,
    explanations,
    one_change,
    relations,
    running,
    variants,
    verdicts,
):
    running.watch(_module.__name__, _module)

__all__ = ["Exercise", "Misconception", "Verdict"]
