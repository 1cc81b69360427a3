"""Lesson 10's room: its two sets of digits in black and white."""

import pytest
import torch

from course_utils.lessons import gumbel as lesson
from course_utils.workshop.data import mnist_small


@pytest.mark.parametrize("digits", [lesson.black_digits, lesson.large_black_digits])
def test_every_pixel_is_ink_or_paper_and_every_digit_has_its_label(digits):
    x, labels, test_x, test_labels = digits()
    for images, kinds in ((x, labels), (test_x, test_labels)):
        assert images.dtype == torch.float32 and len(images) == len(kinds)
        assert set(images.unique().tolist()) == {0.0, 1.0}
        assert set(kinds.tolist()) == set(range(10))


def test_the_large_digits_are_the_course_s_part_of_mnist_cut_at_one_half():
    images, labels = mnist_small("test")
    _, _, x, kinds = lesson.large_black_digits()
    assert torch.equal(x, torch.tensor(images.reshape(-1, 784) >= 0.5).float())
    assert kinds.tolist() == labels.tolist()
