import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from course_utils.models.augmentation import jitter, paired_interval


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blob():
    picture = np.zeros((28, 28))
    picture[8:18, 11:16] = 1
    return ndimage.gaussian_filter(picture, 1.5)


def test_without_amounts_nothing_changes():
    x = torch.rand(5, 49, generator=generator())
    torch.testing.assert_close(jitter(x, generator(), shift=0, turn=0), x, atol=1e-6, rtol=0)


def test_ink_is_moved_and_not_made():
    x = torch.tensor(blob(), dtype=torch.float32).reshape(1, -1).repeat(200, 1)
    moved = jitter(x, generator())
    torch.testing.assert_close(moved.sum(1), x.sum(1), rtol=0.02, atol=0)
    centres = np.array([ndimage.center_of_mass(one.reshape(28, 28).numpy()) for one in moved])
    shifts = centres - ndimage.center_of_mass(blob())
    # up to two pixels by the shift, and a little by the turn about the picture's middle
    assert 1.5 < np.abs(shifts).max() < 2.6 and np.abs(shifts.mean(0)).max() < 0.3
    assert len({tuple(one) for one in centres.round(3).tolist()}) > 190


def test_a_turn_is_scipys():
    x = torch.tensor(blob()).reshape(1, -1)
    turned = jitter(x, generator(3), shift=0, turn=30).reshape(28, 28).numpy()
    angle = 30 * (2 * torch.rand(3, 1, generator=generator(3), dtype=torch.float64)[0].item() - 1)
    both = [ndimage.rotate(blob(), sign * angle, reshape=False, order=1) for sign in (1, -1)]
    assert min(np.abs(turned - one).max() for one in both) < 1e-6


def test_the_interval_is_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=10), rng.normal(size=10)
    expected = stats.ttest_rel(first, second).confidence_interval(0.9)
    ours = paired_interval(first, second, 0.9)
    assert ours.mean == pytest.approx((first - second).mean())
    assert (ours.lower, ours.upper) == pytest.approx((expected.low, expected.high))


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(2000, 2, 6)) + rng.normal(size=(2000, 1, 6))
    intervals = [paired_interval(one + 0.3, two) for one, two in pairs]
    assert np.mean([low <= 0.3 <= high for _, low, high in intervals]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jitter(torch.zeros(2, 50)), "square pictures"),
        (lambda: jitter(torch.zeros(0, 49)), "square pictures"),
        (lambda: jitter(torch.zeros(2, 49), shift=-1), "shift"),
        (lambda: jitter(np.zeros((2, 49))), "tensor"),
        (lambda: jitter(torch.zeros(2, 49), 3), "generator"),
        (lambda: paired_interval([1.0], [2.0]), "first"),
        (lambda: paired_interval([1.0, 2.0], [2.0]), "second"),
        (lambda: paired_interval([1.0, 2.0], [2.0, 1.0], 1.0), "between 0 and 1"),
    ],
)
def test_what_is_not_as_described_is_refused_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
