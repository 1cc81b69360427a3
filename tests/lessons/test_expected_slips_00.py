"""Wrong answers that people are expected to give to the exercise of lesson 00, and what they are told."""

import numpy as np
import pytest
from scipy import special
from told import assert_told

from course_utils.lessons.start_here import exercises as start


def _around(centre):
    """Build an answer that takes another number than the largest out of the sum."""
    return lambda values: centre(values) + np.log(np.sum(np.exp(values - centre(values))))


def _mended(largest_share):
    """Build an answer that falls back on the largest value where the plain formula fails."""

    def answer(values):
        plain = np.log(np.sum(np.exp(values)))
        return plain if np.isfinite(plain) else np.max(values) + largest_share(values)

    return answer


def _in_place(values):
    largest = values.max()
    values -= largest
    return largest + np.log(np.exp(values).sum())


SLIPS = {
    "the median": (_around(np.median), "numerically unstable"),
    "the smallest": (_around(np.min), "subtract the largest value"),
    "the last": (_around(lambda values: values[-1]), "subtract the largest value"),
    "the largest size": (_around(lambda values: np.abs(values).max()), "subtract the largest value"),
    "the mean": (_around(np.mean), "You subtract the mean"),
    "clipped": (lambda values: np.log(np.sum(np.exp(np.clip(values, -700, 700)))), "Look at the bound"),
    "a small number": (lambda values: np.log(np.sum(np.exp(values)) + 1e-300), "numerically unstable"),
    "the largest as a way out": (_mended(lambda values: 0.0), "numerically unstable"),
    "a tie as a way out": (_mended(lambda values: np.log(len(values))), "numerically unstable"),
    "log1p": (lambda values: values.max() + np.log1p(np.exp(values - values.max()).sum()), "adds a 1"),
    "softmax": (special.softmax, "the softmax"),
    "an axis kept": (
        lambda values: values.max() + np.log(np.exp(values - values.max()).sum(keepdims=True)),
        "an axis of length 1 too much",
    ),
    "in place": (_in_place, "changes `values` in place"),
    "the logs added up": (lambda values: np.log(np.exp(values / 8)).sum() * 8, "not the sum of the logarithms"),
    "around the middle of the range": (_around(lambda values: (values.max() + values.min()) / 2), "unstable"),
    "naive unless large": (
        lambda values: np.log(np.exp(values).sum()) if abs(values).max() < 800 else special.logsumexp(values),
        "unstable",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_an_expected_slip_is_told(slip):
    assert_told(start.log_sum_exp, *SLIPS[slip])
