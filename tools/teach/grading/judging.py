"""Judge the answers of one notebook: the course's own exercises, with inputs that nobody has seen before.

What `Exercise.examine` says in a notebook is said here too, of the same function. Two things differ. The function is a
`Remote`: it runs behind a wall, and only numbers come back. And the inputs that the exercise draws from its law depend
on a secret, so an answer that fits those of the check, or looks them up, is seen as what it is. The probes made by hand
and the extremes are those of the check.
"""

import ast
import dataclasses
import functools
import re
import zlib

import numpy as np

from course_utils.workshop.exercises import Exercise
from course_utils.workshop.outcomes import OutcomeExercise
from tools.teach.grading import course
from tools.teach.grading.extraction import NotebookError, answers_in, cells_of
from tools.teach.grading.remote import Remote
from tools.teach.grading.yard import Seat

CORRECT, SLIP, WRONG, RAISED, SLOW = "correct", "slip", "wrong", "raised", "too slow"
OPEN, MISSING = "not attempted", "missing"
WORDS = (CORRECT, SLIP, WRONG, RAISED, SLOW, OPEN, MISSING)
DRAWS = 24  # of the law, for each answer
_PATIENCE = 2.0  # times the seconds of the check: the machine works on several notebooks
_WORD = {"correct": CORRECT, "misconception": SLIP, "raised": RAISED, "too_slow": SLOW, "not_attempted": OPEN}
_PEEKS = re.compile(
    r"\.\s*_?reference\b|\.\s*_?spellings\b|\.\s*misconceptions\b|\.\s*_right\b|\.\s*_known\b|\bgetsource\b"
    r"|_faults_of_patients|course_utils[/\\.]lessons[/\\.]\w+[/\\.](exercise|problem|clinic)"
)
_HINT = re.compile(r"\n?Hint \d+ of \d+.*|To see the hints again.*", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What is said of one answer: a word of `WORDS`, the name of a slip, a title, details, and notes on the cell."""

    word: str
    slip: str = ""
    title: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    special: str = ""  # "reference", "fitted" or "course's solution": what was noticed besides


class _Secret:
    """An exercise that draws from its law what cannot be foreseen."""

    secret = 0

    def fresh(self, seed, count):
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed, *self.secret])
        return [self.law(rng) for _ in range(count)]


class _SecretExercise(_Secret, Exercise):
    pass


def graded(exercise, secret, times=1):
    """Return an exercise like this one, whose draws depend on `secret`, a text; it has `times` the time."""
    outcome = isinstance(exercise, OutcomeExercise)
    kind = OutcomeExercise if outcome else _SecretExercise
    fields = {item.name: getattr(exercise, item.name) for item in dataclasses.fields(exercise) if item.init}
    fields["seconds"] = exercise.seconds * _PATIENCE * times
    if not outcome:
        fields["draws"] = max(exercise.draws, DRAWS)
    twin = kind(**fields)
    if not outcome:
        twin.secret = [int(secret[k : k + 8], 16) for k in range(0, 32, 8)]
    return twin


class Judge:
    """Judges notebooks, with inputs that depend on `secret` (32 hexadecimal digits), behind the walls of a yard."""

    def __init__(self, yard, secret):
        self._yard, self._secret = yard, secret
        self._twins = {}
        self._plain = {name: one for own in course.exercises().values() for name, one in own.items()}

    def notebook(self, data, topics=()):
        """Return the judgements on a notebook, by exercise, and a sentence where it cannot be read.

        Parameters
        ----------
        data : bytes
            Of the file.
        topics : the lessons that count; none for all.
        """
        try:
            cells = cells_of(data)
        except NotebookError as error:
            return {}, str(error)
        names = {topic: own for topic, own in course.names().items() if not topics or topic in topics}
        answers = answers_in(cells, names, course.own_cells())
        if not answers:
            return {}, "no cell of it answers an exercise of the course"
        seat = Seat(self._yard)
        try:
            return {name: self._judged(answer, seat) for name, answer in answers.items()}, ""
        finally:
            seat.end()

    def _judged(self, answer, seat):
        """Judge an answer in the notebook's process; again in a new one where an earlier answer may have spoilt it."""
        used = seat.is_running
        judgement = self._judge(answer, seat)
        if judgement.word in (RAISED, SLOW, WRONG):
            seat.end()
            if used and judgement.word == RAISED:
                judgement = self._judge(answer, seat)
                seat.end()
        return judgement

    def _judge(self, answer, seat):
        if answer.state == "not attempted":
            return Judgement(OPEN, notes=tuple(answer.notes))
        if answer.state == "broken":
            words = "Python cannot read the cell, so nothing in it could be run."
            return Judgement(RAISED, title=answer.trouble, detail=words, notes=tuple(answer.notes))
        remote = Remote(seat, answer.statements, answer.name, answer.signature)
        notes = list(answer.notes)
        loaded = remote.load()
        notes += [f"a line that it needs failed: {note}" for note in remote.notes]
        if not loaded.get("ok"):
            told = loaded.get("error") or ["TypeError", f"`{answer.name}` is no function", ""]
            name, words, line = (str(part)[:300] for part in told)
            return Judgement(RAISED, title=f"{name}: {words}", detail=line, notes=tuple(notes))
        special = "course's solution" if _alike(answer.text, _solution(answer.exercise)) else ""
        if special:
            notes.append("word for word the course's own solution")
        exercise = self._twin(answer.exercise)
        try:
            verdict = exercise.examine(remote)
            if verdict.kind == "too_slow":
                seat.end()  # the thread that waited for it may still be on its way out
            if verdict.kind == "too_slow" and seat.spent < 0.8 * self._plain[answer.exercise].seconds:
                # it was not the function that took the time: the machine is busy
                remote = Remote(seat, answer.statements, answer.name, answer.signature)
                verdict = self._twin(answer.exercise, 3).examine(remote)
        except Exception as error:  # a verdict is a matter of the course's code, and one that fails must not end a run
            detail = f"the grader could not judge it: {type(error).__name__}: {str(error)[:200]}"
            return Judgement(WRONG, title="look at this one yourself", detail=detail, notes=tuple(notes))
        return self._said(answer, exercise, verdict, remote, notes, special)

    def _twin(self, name, times=1):
        if (name, times) not in self._twins:
            self._twins[name, times] = graded(self._plain[name], self._secret, times)
        return self._twins[name, times]

    def _said(self, answer, exercise, verdict, remote, notes, special):
        peeks = remote.peeked or bool(_PEEKS.search("\n".join(text for text, _ in answer.statements)))
        if verdict.kind == "reference" or (peeks and not verdict.correct):
            words = (
                f"It asks `lesson.{answer.exercise}`, or the course's files, for the answer instead of working it out. "
                "Students' code has no way to it while it is graded, so it came to nothing."
            )
            return Judgement(
                WRONG,
                title="the exercise's own answer is called",
                detail=words,
                notes=tuple(notes),
                special="reference",
            )
        detail = _HINT.sub("", verdict.detail)
        if verdict.kind == "raised" and remote.line:
            detail = f"{remote.line}\n{detail}"
        word = _WORD.get(verdict.kind, WRONG)
        if word in (WRONG, SLIP) and self._fits_the_check(answer.exercise, remote):
            words = (
                "It is right on every input of the check in the notebook, and wrong on others of the same kind: it was "
                "fitted to those inputs, or looks them up."
            )
            title = "right on the inputs of the check only"
            return Judgement(WRONG, title=title, detail=f"{words}\n{detail}", notes=tuple(notes), special="fitted")
        title = "" if verdict.correct else verdict.title
        if verdict.correct:
            detail = ""
        return Judgement(word, verdict.misconception, title, detail, tuple(notes), special)

    def _fits_the_check(self, name, remote):
        exercise = self._plain[name]
        if isinstance(exercise, OutcomeExercise):
            return False
        try:
            return exercise.accepts(remote)
        except Exception:
            return False


@functools.cache
def _solutions():
    return course.solution_texts()


def _solution(name):
    return _solutions().get(name, "")


def _alike(text, solution):
    """Whether two functions are the same to the last name; comments and spaces do not count."""
    try:
        one, other = ([n for n in ast.parse(part).body if isinstance(n, ast.FunctionDef)] for part in (text, solution))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return bool(one and other) and ast.dump(one[0]) == ast.dump(other[0]) and len(one[0].body) > 2


__all__ = [
    "CORRECT",
    "MISSING",
    "OPEN",
    "RAISED",
    "SLIP",
    "SLOW",
    "WORDS",
    "WRONG",
    "Judge",
    "Judgement",
    "graded",
]
