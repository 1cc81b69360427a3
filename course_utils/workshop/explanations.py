"""What is said of an answer with wrong numbers: a known slip, what its errors have in common, or how it responds.

Whatever is said of all errors holds on fresh draws of the exercise's law too, for which the reader's function is
called again: the inputs of a check are few, and a relation may hold on them by accident.
"""

import functools
import itertools
import re
import time
from dataclasses import dataclass, replace

import numpy as np

from course_utils.workshop import diagnosis, running
from course_utils.workshop.diagnosis import Case, Finding, diagnose
from course_utils.workshop.experiments import observed
from course_utils.workshop.one_change import changes_that_fit
from course_utils.workshop.running import is_array
from course_utils.workshop.verdicts import SMALL_NUMBER, Verdict, bound_in, listed

_DIAGNOSIS_SECONDS = 1.0  # how long the reference may be tried on other arguments
_FRESH = 20  # draws that confirm what is said
_ORDER = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class _Evidence:
    """Inputs with what came and what is right: the ordinary ones of the check, fresh draws behind them, and extremes.

    `confirmed` tells whether a fresh draw is among them, or none is needed because there is no law.
    """

    inputs: list
    answers: list
    wanted: list
    extremes: list  # of (input, answer, right answer)
    confirmed: bool


def explained(exercise, answers, wanted, function, deadline, trouble):
    """Return the `Verdict` on an answer that is wrong.

    Parameters
    ----------
    exercise : Exercise
        With the right results, the misconceptions and their results.
    answers, wanted : sequence of tuples of arrays
        What came for the inputs of the check, and what is right.
    function : callable
        The reader's.
    deadline : float
        Of the clock `time.monotonic`.
    trouble : Verdict or None
        On a wrong shape.
    """
    known = exercise._recognised(answers)
    if len(known) == 1:
        return Verdict("misconception", "a well-known slip", known[0].message, misconception=known[0].name)
    plain = trouble or exercise._not_finite(answers, wanted) or exercise._first_difference(answers, wanted)
    if not trouble and _draws_by_itself(exercise, answers, wanted, function, deadline):
        words = (
            "Called twice with the same inputs, your function gives different answers: it draws random numbers of "
            "its own, or keeps something from one call to the next. All randomness is in its arguments."
        )
        return replace(plain, kind="wrong", title="the answer changes from call to call", detail=words,
                       pattern="own randomness")  # fmt: skip
    evidence = _evidence(exercise, answers, wanted, function, deadline)
    bounded = bound_in(function)
    finding = _structure(exercise, evidence, bounded)
    if (
        finding and finding.pattern == "some inputs" and len(exercise._names()) == 1
    ):  # which part of it goes wrong there
        seen = _experiments(exercise, evidence, function)
        finding = replace(finding, words=f"{finding.words}\n{seen.words}") if seen else finding
    if finding and finding.pattern != "one change":
        return replace(plain, detail=f"{finding.words}\n{plain.detail}", pattern=finding.pattern)
    if len(known) > 1:
        words = "Several slips give just this: " + " Or: ".join(item.message for item in known)
        return Verdict("misconception", "one of several slips", words, misconception=known[0].name)
    slip = _slip_but_for_extremes(exercise, answers, wanted)
    if not slip and not finding:
        slip = _two_slips(exercise, answers, wanted)
        finding = None if slip else _experiments(exercise, evidence, function)
    if not slip and finding:
        return replace(plain, detail=f"{finding.words}\n{plain.detail}", pattern=finding.pattern)
    return slip or _with_right_parts(exercise, _with_bound(exercise, evidence, plain, bounded), answers, wanted)


def _evidence(exercise, answers, wanted, function, deadline):
    """Return the inputs of the check and fresh draws, as far as the function gives an answer in time."""
    everything = list(zip(exercise._inputs(), answers, wanted, strict=True))
    extremes = [entry for position, entry in enumerate(everything) if exercise._is_extreme(position)]
    ordinary = everything[: len(everything) - len(extremes)]
    until = max(deadline, time.monotonic() + 0.2)
    fresh = []
    for probe, right in exercise._fresh_ones(_FRESH):
        run = running.run(function, probe, exercise._as_parts, until)
        if run.outcome != "returned":
            break
        fresh.append((probe, run.value, right))
    columns = (list(column) for column in zip(*ordinary, *fresh, strict=True))
    return _Evidence(*columns, extremes, bool(fresh) or not exercise.law)


def _experiments(exercise, evidence, function):
    """Return what a few more calls of the reader's function show, as a finding, or None."""
    if not exercise.law:
        return None
    found = observed(exercise, evidence.inputs, evidence.answers, evidence.wanted, function)
    names = exercise._names()
    if not found or len(names) == 1:
        return found.get(0)
    right = [name for part, name in enumerate(names) if _agree(exercise, evidence, part, part)]
    words = [f"{names[part]}: {finding.words}" for part, finding in found.items()]
    return Finding("experiment", "\n".join([*words, *(f"{name}: right." for name in right)]))


def _with_bound(exercise, evidence, verdict, bounded):
    """Ask whether a bound or a small number in the source matters, where it may."""
    pairs = zip(evidence.answers, evidence.wanted, strict=True)
    wrong = sum(not exercise._same([got], [right]) for got, right in pairs)
    if not bounded or (wrong > len(evidence.inputs) / 2 and SMALL_NUMBER not in bounded):
        return verdict
    words = f"Look at {bounded} in your function: does it matter here?"
    return replace(verdict, detail=f"{words}\n{verdict.detail}", pattern="bound")


def _with_right_parts(exercise, verdict, answers, wanted):
    """Add which of several results are right."""
    columns = zip(exercise._names(), zip(*answers, strict=True), zip(*wanted, strict=True), strict=True)
    right = [name for name, *both in columns if exercise._same(*map(zip, both), (name,))]
    return replace(verdict, detail=f"{verdict.detail}\n{listed(right)}: right.") if right else verdict


def _wrong_slips(exercise, wanted):
    """Yield the misconceptions that are wrong on ordinary inputs, with their results there."""
    right = exercise._ordinary(wanted)
    for item, results in zip(exercise.misconceptions, exercise._slips(), strict=True):
        if results and not exercise._same(exercise._ordinary(results), right):
            yield item, exercise._ordinary(results)


def _slip_but_for_extremes(exercise, answers, wanted):
    """Recognise a misconception that fails at extremes too."""
    ordinary = exercise._ordinary(answers)
    for item, results in _wrong_slips(exercise, wanted):
        if exercise._same(ordinary, results):
            way = f" (the stable way: {exercise.stable})" if exercise.stable else ""
            return _two(item, f"it fails at extreme inputs{way}")
    return None


def _two_slips(exercise, answers, wanted):
    """Recognise a misconception that has a wrong sign, factor or summand besides."""
    ordinary = exercise._ordinary(answers)
    for item, results in _wrong_slips(exercise, wanted):
        besides = diagnosis.besides(_flat(ordinary), _flat(results), exercise._close)
        if besides:
            return _two(item, besides)
    return None


def _two(item, besides):
    words = f"Two things: {item.message} And besides, {besides}."
    return Verdict("misconception", "two slips at once", words, misconception=item.name, pattern="two")


def _flat(results):
    return [part for parts in results for part in parts]


def _structure(exercise, evidence, bounded):
    """Return what the errors have in common, as a finding; with several results, for each that is wrong."""
    names, findings, right = exercise._names(), [], []
    until = time.thread_time() + _DIAGNOSIS_SECONDS  # of work: on a busy machine the words must not change
    if len(names) > 1 and (finding := _in_other_order(exercise, evidence)):
        return finding
    changes = functools.cache(
        lambda: changes_that_fit(exercise, evidence.inputs, evidence.answers, evidence.wanted)
    )  # only if nothing simpler is found, and once for all parts
    wrong = [part for part in range(len(names)) if not _agree(exercise, evidence, part, part)]
    for part, name in enumerate(names):
        if part not in wrong:
            right.append(name)
            continue
        ordinary = zip(evidence.inputs, evidence.answers, evidence.wanted, strict=True)
        cases = [
            Case(dict(zip(exercise.arguments, probe, strict=True)), got[part], expected[part], extreme)
            for extreme, entries in ((False, ordinary), (True, evidence.extremes))
            for probe, got, expected in entries
        ]
        finding = None
        if len(names) > 1:
            finding = _slip_in_part(exercise, part, evidence) or _another_result(exercise, part, evidence)
        finding = finding or diagnose(
            cases,
            exercise._close,
            functools.partial(_retry, exercise, part, until),
            exercise.stable,
            change=lambda part=part: changes().get(part),
            bounded=bounded,
            confirmed=evidence.confirmed,
            alone=len(wrong) == 1,
        )
        if not finding and len(names) > 1:
            finding = _slip_in_part(exercise, part, evidence, alone=False)
        findings.append((name, finding))
    found = [(name, finding) for name, finding in findings if finding]
    if not found or len(names) == 1:
        return found[0][1] if found else None
    words = [f"{name}: {finding.words}" for name, finding in found] + [f"{name}: right." for name in right]
    return Finding(found[0][1].pattern, "\n".join(words))


def _slip_in_part(exercise, part, evidence, alone=True):
    """Return the sentence of a misconception that explains this part, or None; if `alone`, it is about no other."""

    def same(ones, others, k):
        return exercise._same([(parts[k],) for parts in ones], [(parts[k],) for parts in others], exercise._names()[:1])

    count = len(exercise._ordinary(exercise._inputs()))
    answers = evidence.answers[:count] + [answer for _, answer, _ in evidence.extremes]
    for item, results in zip(exercise.misconceptions, exercise._slips(), strict=True):
        # a sentence that calls other parts right would say too much: they may be wrong in a way of their own
        if results and same(answers, results, part) and not re.search(r"\b(is|are) right\b", item.message):
            wrong = [k for k in range(len(exercise._names())) if not same(results, exercise._right(), k)]
            if wrong == [part] or (part in wrong and not alone):
                return Finding("known slip", item.message)
    return None


def _agree(exercise, evidence, part, other):
    """Return whether one of the results that came is another one of the right ones (or, with equal places, right)."""
    answers = evidence.answers + [answer for _, answer, _ in evidence.extremes]
    wanted = evidence.wanted + [right for *_, right in evidence.extremes]
    return exercise._same([(parts[part],) for parts in answers], [(parts[other],) for parts in wanted], ("",))


def _another_result(exercise, part, evidence):
    """Return the finding on a result that is right for another place, or None."""
    for other, name in enumerate(exercise._names()):
        if other != part and _agree(exercise, evidence, part, other):
            return Finding("another result", f"These are the right numbers for the {name.removeprefix('the ')}.")
    return None


def _in_other_order(exercise, evidence):
    """Return the finding on results that are right but for their order, or None."""
    names = exercise._names()
    answers = evidence.answers + [answer for _, answer, _ in evidence.extremes]
    wanted = evidence.wanted + [right for *_, right in evidence.extremes]
    if len(names) > len(_ORDER):
        return None
    for order in itertools.permutations(range(len(names))):
        if order == tuple(range(len(names))):
            continue
        if exercise._same(answers, [tuple(parts[k] for k in order) for parts in wanted]):
            return Finding("order", _order_words(names, order))
    return None


def _order_words(names, order):
    moved = [k for k, other in enumerate(order) if k != other]
    right = f"The results are right, but not in the order {listed(names)}"
    if len(moved) == 2:
        first, second = moved
        return f"{right}: the {_ORDER[first]} and the {_ORDER[second]} have changed places."
    return f"{right}: you return {listed([names[k] for k in order])}."


def _retry(exercise, part, until, arguments):
    """Return one part of the right answer for other arguments; None if there is none, or no more time.

    What was right for them is kept for the session: the next wrong answer is asked about with the same ones.
    """
    kept = exercise._known.setdefault("retried", {})
    key = tuple(map(_content, arguments.values()))
    if key not in kept:
        if time.thread_time() > until:
            return None
        try:
            kept[key] = exercise._results_of(exercise._reference, [tuple(arguments.values())])[0]
        except Exception:
            kept[key] = None
    return kept[key] and kept[key][part]


def _content(value):
    """Return what makes two arguments the same, as a key."""
    if not is_array(value):
        return type(value), repr(value)
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    return type(value), array.dtype.str, array.shape, array.tobytes(), getattr(value, "requires_grad", False)


def _draws_by_itself(exercise, answers, wanted, function, deadline):
    until = max(deadline, time.monotonic() + 0.2)
    for probe, answer, right in zip(exercise._inputs(), answers, wanted, strict=True):
        if not exercise._same([answer], [right]):  # several of them: two draws of a class may agree by chance
            again = running.run(function, probe, exercise._as_parts, until)
            if again.outcome != "returned" or not exercise._same([again.value], [answer]):
                return again.outcome == "returned"
    return False


__all__ = ["explained"]
