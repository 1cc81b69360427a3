"""What a wrong answer is told, for the tests of expected slips."""


def assert_told(exercise, answer, words, title=False):
    """An answer must be refused, in a verdict with these words (where `title` is true, they may stand in its title)."""
    verdict = exercise.examine(answer)
    exercise._failures = exercise._hints_given = 0
    assert not verdict.correct
    assert words in (f"{verdict.title}\n{verdict.detail}" if title else verdict.detail), str(verdict)
