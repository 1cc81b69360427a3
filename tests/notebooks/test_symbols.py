"""Lesson 00's table of letters with several jobs, held against the lessons that it names."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
HEADING = "### One letter, several jobs"
# What shows that a lesson gives a letter this job; the key is the letter as LaTeX and the beginning of the job.
EVIDENCE = {
    (r"\lambda", "the encoder"): r"[qf]_\{?\\lambda",
    (r"\lambda", "an eigenvalue"): r"\\lambda_[i1]",
    (r"\lambda", "the rate"): r"rate λ",
    (r"\lambda", "a Lagrange multiplier"): r"multiplier \$\\lambda",
    (r"\tau", "a precision"): r"precision \$\\tau",
    (r"\tau", "a temperature"): r"temperature\*\* \$\\tau",
    (r"\sigma", "a standard deviation"): r"\\sigma(?!\()|σ(?!\()",
    (r"\sigma", "the logistic function"): r"\\sigma\((?:z|\\phi_n|z_i\^\\top z_j|a)\)",
    ("b", "a parameter"): r"rate \$b\$|\^\{-a-1\}e\^\{-b/|a_0,b_0",
    ("b", "a baseline"): r"f(?:\(z\))?-b\)",
    ("b", "an offset"): r"\+ ?b\b",
    ("b", "the width"): r"Laplace, scale \$b\$",
    (
        "K",
        "the number of components",
    ): r"\bK(?:\\}|! |\^L|\$ shares|-th|\$ (?:ways|components|classes|numbers))|\{k=1\}\^K",
    ("K", "the number of draws"): r"\$K(?:\\ge2)?\$ draws|\\frac1K\\sum_\{k=1\}\^\{K\}w_k",
    ("r", "a responsibility"): r"r_\{nk\}",
    ("r", "a reconstruction"): r"\$?\br\(\\tilde x\)",
    ("r", "a gate"): r"\$r\$ a second gate",
    ("m", "the mean"): r"m_0|mathcal N\(m|\bm_N\b|\\kappa m\b|[^a-z]m=",
    ("m", "the number taken out"): r"= m \+ \\log",
    ("s", "what a prior is worth"): r"number \$s = \\alpha",
    ("s", "a standard deviation"): r"s_0\^2|\$s = 0\.44|scale is \$s=|\(0,s\^2I\)",
    ("s", "the logarithm"): r"e\^\{s\(z_1\)\}",
    (r"\rho", "a correlation"): r"1-\\rho\^2|correlation ρ",
    (r"\rho", "what is normalised"): r"\\rho_\{nk\}",
    (r"\rho", "the distribution of the noise"): r"\\sim\\rho,",
    (r"\rho", "a document's"): r"\\rho=\\operatorname\{softmax\}",
    ("c", "the weight"): r"c\\,\\\|w\\\|\^2",
    ("c", "the variance"): r"2c\b",
}


def prose(number):
    cells = nbformat.read(LESSONS[number], as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown" and HEADING not in cell.source)


PROSE = {number: prose(number) for number in LESSONS}


def table():
    """(letter, job, lessons) of each row; a row without a letter goes on with that of the row above."""
    cells = nbformat.read(LESSONS["00"], as_version=4).cells
    (source,) = [cell.source for cell in cells if cell.source.startswith(HEADING)]
    found, letter = [], ""
    for line in re.findall(r"^\|(.+)\|$", source, re.MULTILINE)[2:]:
        first, job, lessons = (part.strip() for part in line.split("|"))
        letter = first.strip("$") or letter
        found.append((letter, job, lessons.split(", ")))
    return found


def evidence(letter, job):
    (pattern,) = [text for (known, start), text in EVIDENCE.items() if known == letter and job.startswith(start)]
    return re.compile(pattern)


ROWS = table()


@pytest.mark.parametrize(("letter", "job", "lessons"), ROWS, ids=[f"{letter}-{job}" for letter, job, _ in ROWS])
def test_each_lesson_gives_the_letter_this_job(letter, job, lessons):
    assert lessons and [number for number in lessons if not evidence(letter, job).search(PROSE[number])] == []


def test_every_job_is_in_the_table_once_and_every_letter_has_several():
    assert len(ROWS) == len(EVIDENCE)
    letters = [letter for letter, _, _ in ROWS]
    assert all(letters.count(letter) > 1 for letter in letters)


@pytest.mark.parametrize("letter", [r"\lambda", r"\tau"])
def test_no_lesson_that_uses_a_greek_letter_is_missing(letter):
    use = re.compile(re.escape(letter) + r"(?![A-Za-z])|" + {r"\lambda": "λ", r"\tau": "τ"}[letter])
    named = {number for known, _, lessons in ROWS if known == letter for number in lessons}
    assert {number for number in LESSONS if number != "00" and use.search(PROSE[number])} == named
