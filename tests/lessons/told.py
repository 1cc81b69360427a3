"""What a wrong answer is told, for the tests of expected slips."""

from contextlib import contextmanager

import pytest

from course_utils.workshop import experiments, explanations, one_change

_MORE = 8  # times the work that a diagnosis may take


@contextmanager
def more_time():
    """Grant every diagnosis more work: what a machine can tell does not hang on how fast it is, only how soon."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (one_change, "_SECONDS"),
            (one_change, "_WALL_SECONDS"),
            (experiments, "_SECONDS"),
            (experiments, "_WALL_SECONDS"),
            (explanations, "_DIAGNOSIS_SECONDS"),
        ):
            patch.setattr(module, name, _MORE * getattr(module, name))
        yield


def assert_told(exercise, answer, words, title=False):
    """An answer must be refused, in a verdict with these words (where `title` is true, they may stand in its title).

    Where they are missing it is asked once more with more time, since a slow or busy machine tries fewer explanations.
    """
    verdict = _verdict(exercise, answer)
    if words not in _told(verdict, title):
        with more_time():
            verdict = _verdict(exercise, answer)
    assert not verdict.correct
    assert words in _told(verdict, title), str(verdict)


def _verdict(exercise, answer):
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    return verdict


def _told(verdict, title):
    return f"{verdict.title}\n{verdict.detail}" if title else verdict.detail
