"""Questions about earlier lessons, with which a lesson begins.

A question is declared once, in the lesson's `recall.py`: it is answered by a letter or by a number, and each wrong
answer that one may expect has the reason why it is wrong. The notebook shows the text that `as_markdown` makes of it.

    Question(
        name="4.1",
        text="log p(x) is −10 nats and the bound with some q is −12.5. How many nats is KL(q‖posterior)?",
        number=2.5,
        tolerance=0.01,
        reasons={-2.5: "A divergence is never negative: …"},
        otherwise="Look at the identity that holds for every q.",
        praise="The bound lies below log p(x) by exactly the divergence.",
    )
    Question(
        name="4.2",
        text="…",
        choices=("…", "…", "…"),
        right="b",
        reasons={"a": "…", "c": "…"},
        praise="…",
    )
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from course_utils.workshop import progress
from course_utils.workshop.verdicts import Verdict, shown

HEADING = "### Before you begin: three questions from earlier lessons"
INTRODUCTION = (
    "What you fetch from memory stays longer than what you read again. Answer before you look anything up: put a "
    'letter, such as `"b"`, or a number in place of the dots.'
)


@dataclass(frozen=True)
class Question:
    """One question, answered by a letter or by a number.

    Parameters
    ----------
    name : str
        Its number, such as "4.1".
    text : str
        The question, in Markdown.
    reasons : mapping
        For each wrong letter, or for wrong numbers that one may expect, why it is wrong.
    praise : str
        What to say to the right answer: why it is right.
    choices : sequence of str
        The answers to choose from; empty where a number is asked for.
    right : str
        The letter of the right choice.
    number, tolerance : float
        The right number, and how far an answer may be from it.
    otherwise : str
        What to say to a wrong number that nobody expected.

    Raises
    ------
    ValueError
        A wrong choice has no reason, or neither a letter nor a number is declared right.
    """

    name: str
    text: str
    reasons: Mapping
    praise: str
    choices: Sequence[str] = ()
    right: str = ""
    number: float = math.nan
    tolerance: float = 0.0
    otherwise: str = ""

    @property
    def letters(self) -> str:
        """The letters of the choices, one after the other."""
        return "abcdef"[: len(self.choices)]

    def __post_init__(self):
        wrong = set(self.letters) - {self.right}
        if self.choices and (self.right not in tuple(self.letters) or set(self.reasons) != wrong):
            raise ValueError(f"question {self.name}: give one right letter, and a reason for each of the others")
        if not self.choices and not (math.isfinite(self.number) and self.reasons and self.otherwise):
            raise ValueError(f"question {self.name}: give choices, or a number, reasons and what to say otherwise")

    def check(self, answer):
        """Judge an answer and show the verdict; nothing is returned and nothing is raised."""
        verdict = self.examine(answer)
        shown(verdict)
        progress.remember(f"question {self.name}", verdict)

    def examine(self, answer):
        """Judge an answer and return the `Verdict`."""
        if answer is ...:
            what = "a letter, in quotes," if self.choices else "a number"
            return Verdict("not_attempted", f"question {self.name}", f"Write {what} in place of the dots.")
        try:
            return self._of_letter(answer) if self.choices else self._of_number(answer)
        except Exception:  # whatever it was, it cannot be read as an answer
            wish = "one number, such as 0.5"
            if self.choices:
                wish = f'a letter from a to {self.letters[-1]}, in quotes: "a"'
            return Verdict("wrong_type", f"question {self.name}", f"The answer should be {wish}.")

    def _of_letter(self, answer):
        letter = str.strip(answer, " .()").lower()
        if letter == self.right:
            return Verdict("correct", f"question {self.name}", self.praise)
        return Verdict("wrong", f"question {self.name}", self.reasons[letter], misconception=letter)

    def _of_number(self, answer):
        if isinstance(answer, (bool, np.bool_)):
            raise TypeError("a truth value is no number")
        value = _number(answer.replace("−", "-")) if isinstance(answer, str) else float(answer)
        if math.isnan(value):
            raise ValueError("not a number")
        if abs(value - self.number) <= self.tolerance:
            return Verdict("correct", f"question {self.name}", self.praise)
        for expected, reason in self.reasons.items():
            if value == expected or abs(value - expected) <= self.tolerance:
                return Verdict("wrong", f"question {self.name}", reason, misconception=f"{expected:g}")
        return Verdict("wrong", f"question {self.name}", self.otherwise)


def _number(text):
    """Return the number that a text such as 0.25 or 1/4 stands for."""
    above, slash, below = text.partition("/")
    return float(Fraction(int(above), int(below))) if slash else float(text)


def as_markdown(questions: Sequence[Question], opening: Sequence[str] = (HEADING, INTRODUCTION)) -> str:
    """Return the text of the cell that asks these questions, after the paragraphs of its `opening`."""
    parts = list(opening)
    for question in questions:
        parts.append(f"**Question {question.name}.** {question.text}")
        if question.choices:
            lettered = zip(question.letters, question.choices, strict=True)
            parts.append("\n".join(f"- **{letter}** · {choice}" for letter, choice in lettered))
    return "\n\n".join(parts)


__all__ = ["Question", "as_markdown"]
