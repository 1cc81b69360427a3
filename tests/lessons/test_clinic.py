"""The six VAEs of lesson 08's problem: each fault leaves its signature, whatever the seed, and no other does."""

import inspect

import numpy as np
import pytest
import torch

from course_utils.lessons.vae import clinic, problems
from course_utils.workshop.data import data_file

SEEDS = (1, 2)  # beside seed 0, whose curves come with the course
CASES = [(fault, seed) for seed in SEEDS for fault in clinic.FAULTS]


def baseline():
    """The test log-likelihood of the mean digit with Gaussian noise: the dashed line of the figure."""
    train, _, test, _ = clinic.split_digits()
    scale = (train - train.mean(0)).square().mean().sqrt()
    return torch.distributions.Normal(train.mean(0), scale).log_prob(test).sum(-1).mean().item()


def signs(curves):
    """What can be read off a pair of panels, as statements that are true or false."""
    line, late = baseline(), slice(-10, None)
    kl = curves.kl[late].sum(1).mean()
    steps = np.diff(curves.train)
    return {
        "honest": np.abs(curves.reported - curves.train)[late].mean() < 2,
        "reports far more": (curves.reported - curves.train)[late].min() > 15,
        "off the chart": curves.train[late].max() < -300,
        "above the line": curves.train[late].min() > line + 8,
        "on the line": np.abs(curves.train[late] - line).max() < 2,
        "below the line": curves.train[late].max() < line - 15,
        "restless": np.sum(steps < -10) >= 3 and np.sum(steps > 10) >= 3,
        "unmoved": np.ptp(curves.train) < 15 and curves.train.max() < -100,
        "a number for a pixel": np.abs(curves.reported[late]).max() < 1,
        "no KL": kl < 0.1,
        "little KL": kl < 1,
        "KL of a few nats for each latent": np.all((curves.kl[late] > 1) & (curves.kl[late] < 4)),
        "KL more than twice a healthy one": kl > 20,
        "training and test part": (curves.train - curves.test)[late].min() > 20,
    }


SIGNATURES = {
    "healthy": {"honest", "above the line", "KL of a few nats for each latent"},
    "no KL": {"reports far more", "above the line", "KL more than twice a healthy one"},
    "averaged": {"on the line", "a number for a pixel", "no KL"},
    "no noise": {"reports far more", "off the chart", "little KL"},
    "gradients kept": {"honest", "below the line", "restless"},
    "two sigmoids": {"honest", "below the line", "little KL"},
    "few digits": {"honest", "above the line", "KL of a few nats for each latent", "training and test part"},
    "no step": {"honest", "below the line", "unmoved", "little KL"},
}


def assert_its_own_signature(fault, curves):
    read = {name for name, true in signs(curves).items() if true}
    assert SIGNATURES[fault] <= read
    # of those that fit, the one that says most is its own: "no step" is "two sigmoids" and something more
    fitting = [name for name, signature in SIGNATURES.items() if signature <= read]
    most = max(fitting, key=lambda name: len(SIGNATURES[name]))
    assert most == fault, (fitting, sorted(read))


@pytest.mark.parametrize(("fault", "seed"), CASES)
def test_a_fault_has_its_signature_and_no_other_one(fault, seed):
    assert_its_own_signature(fault, clinic.trained_with(fault, seed))


PATIENTS = clinic._faults_of_patients()


@pytest.mark.parametrize("letter", PATIENTS)
def test_the_curves_of_the_lesson_are_those_of_their_faults(letter):
    curves = clinic.patients()[letter]
    assert curves.kl.shape == (clinic.EPOCHS, 5)
    assert curves.reported.shape == curves.train.shape == curves.test.shape == (clinic.EPOCHS,)
    assert_its_own_signature(PATIENTS[letter], curves)


@pytest.mark.parametrize("letter", PATIENTS)
def test_training_again_begins_as_the_curves_that_come_with_the_course(letter):
    shipped, again = clinic.patients()[letter], clinic.trained_with(PATIENTS[letter], epochs=3)
    for name in ("reported", "train", "test", "kl"):
        np.testing.assert_allclose(getattr(shipped, name)[:3], getattr(again, name), rtol=1e-2, atol=0.05)


def test_the_file_of_the_curves_does_not_say_who_has_what():
    content = data_file("six_vaes.safetensors").read_bytes().lower()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")].decode()
    assert "a.reported" in header
    assert not [fault for fault in clinic.FAULTS if fault.lower() in header]


def test_patients_have_different_faults_and_two_names_belong_to_none():
    faults = list(clinic._faults_of_patients().values())
    assert len(set(faults)) == 6
    assert set(clinic.FAULTS) - set(faults) == {"few digits", "no step"}


def test_training_leaves_the_random_state_as_it_was():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    clinic.trained_with("healthy", seed=7, epochs=1)
    assert torch.equal(before, torch.get_rng_state())


# --- what is said to every confusion ----------------------------------------------------------------------------------

CONFUSIONS = [(letter, said) for letter in "ABCDEF" for said in clinic.FAULTS]


@pytest.mark.parametrize(("letter", "said"), CONFUSIONS)
def test_every_confusion_is_told_something_of_its_own(letter, said):
    true = clinic._faults_of_patients()[letter]
    verdict = problems.diagnose_six.examine(lambda: clinic._faults_of_patients() | {letter: said})
    problems.diagnose_six._failures = problems.diagnose_six._hints_given = 0
    if said == true:
        assert verdict.correct
        return
    assert not verdict.correct
    assert letter in verdict.detail
    assert f'"{true}"' not in verdict.detail  # the answer is not given away
    if not verdict.misconception:
        assert problems._WOULD_SHOW[said] in verdict.detail
        assert problems._LOOK_AT[true] in verdict.detail


def test_the_first_wrong_letter_is_told_and_the_others_are_counted():
    right = clinic._faults_of_patients()
    verdict = problems.diagnose_six.examine(lambda: right | {"B": "healthy", "D": "no step", "E": "healthy"})
    assert verdict.detail.startswith('B is not "healthy".')
    assert verdict.detail.endswith("Besides, 2 more are not right yet.")


RIGHT = clinic._faults_of_patients()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: {letter.lower(): fault for letter, fault in RIGHT.items()},
        lambda: {f" {letter}. ": f"  {fault.title()} " for letter, fault in RIGHT.items()},
        lambda: tuple(RIGHT.values()),
        lambda: list(RIGHT.items()),
        lambda: [[letter, fault] for letter, fault in reversed(RIGHT.items())],
        lambda: dict(sorted(RIGHT.items(), reverse=True)),
        lambda: {letter: fault.upper().replace(" ", "  ") for letter, fault in RIGHT.items()},
    ],
)
def test_an_odd_spelling_of_the_right_diagnoses_is_accepted(answer):
    verdict = problems.diagnose_six.examine(answer)
    assert verdict.correct, str(verdict)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: print(), "Is `return` missing?"),
        (lambda: {}, "A is missing"),
        (lambda: {letter: RIGHT[letter] for letter in "ABCDE"}, "F is missing"),
        (lambda: RIGHT | {"G": "healthy"}, "G is none of them"),
        (lambda: RIGHT | {"A": "KL forgotten"}, '"kl forgotten" is none of the names'),
        (lambda: RIGHT | {"A": ""}, "is none of the names"),
        (lambda: RIGHT | {"A": 3}, "should be a string"),
        (lambda: {0: "healthy"}, "should be a string"),
        (lambda: "ABCDEF", "should be a dictionary"),
        (lambda: ["healthy"] * 5, "should be a dictionary"),
        (lambda: [("A",)], "should be a dictionary"),
        (lambda: {fault: letter for letter, fault in RIGHT.items()}, "A is missing"),
        (lambda: [("A", "no KL")] * 6, "B is missing"),
        (lambda: set(RIGHT), "should be a dictionary"),
        (lambda: RIGHT, ""),
    ],
)  # fmt: skip
def test_what_is_no_diagnosis_is_told_in_words(answer, words):
    verdict = problems.diagnose_six.examine(answer)
    assert verdict.correct == (words == "")
    assert words in verdict.detail, str(verdict)


def test_all_alike_is_wrong_whatever_it_is():
    for fault in clinic.FAULTS:
        assert not problems.diagnose_six.examine(lambda fault=fault: [fault] * 6).correct


def test_the_names_in_the_lesson_are_those_of_the_check():
    import nbformat
    from spelling_mutants import NOTEBOOKS

    cells = nbformat.read(NOTEBOOKS / "08_vae.ipynb", as_version=4).cells
    text = next(cell.source for cell in cells if cell.source.startswith("### Exercise 8.6"))
    for name, words in clinic.FAULTS.items():
        assert f'- `"{name}"`: {words.replace("of q", "of $q$")}' in text
    assert inspect.signature(problems.diagnose_six._reference).parameters == {}
