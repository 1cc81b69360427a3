"""More training pictures from few: shifted and turned copies, and whether a difference between two ways is one.

Source of the interval: any textbook; Student, "The probable error of a mean" (1908).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from course_utils.models.networks import check_torch_generator
from course_utils.workshop.validation import check_array, check_scalar


def jitter(x: Tensor, generator: torch.Generator | None = None, *, shift: float = 2.0, turn: float = 10.0) -> Tensor:
    """Return square pictures (N, side²), each shifted and turned about its middle by amounts of its own.

    Grey levels between pixels are interpolated, and what comes in from outside is paper, 0.

    Parameters
    ----------
    x : (N, side²).
    shift : largest shift along each axis, in pixels; uniform on both sides of 0.
    turn : largest angle in degrees; uniform on both sides of 0.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"x must be a tensor of floating-point numbers; got {type(x).__name__}")
    side = math.isqrt(x.shape[-1]) if x.ndim == 2 else 0
    if not len(x) or side < 2 or side * side != x.shape[1]:
        raise ValueError(f"x must be rows of square pictures, (N, side²); got shape {tuple(x.shape)}")
    shift = check_scalar("shift", shift, non_negative=True)
    turn = check_scalar("turn", turn, non_negative=True)
    generator = check_torch_generator(generator)
    amounts = 2 * torch.rand(3, len(x), generator=generator, dtype=x.dtype) - 1
    angle, moves = math.radians(turn) * amounts[0], 2 * shift / side * amounts[1:]
    # where each pixel of the result comes from, in coordinates from −1 to 1
    rows = [
        torch.stack([angle.cos(), -angle.sin(), moves[0]], -1),
        torch.stack([angle.sin(), angle.cos(), moves[1]], -1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [len(x), 1, side, side], align_corners=False)
    return F.grid_sample(x.reshape(-1, 1, side, side), grid, align_corners=False).reshape(len(x), -1)


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval."""

    mean: float
    lower: float
    upper: float


def paired_interval(first: Any, second: Any, level: float = 0.95) -> Interval:
    """Return the mean of first − second, which were measured in pairs, with Student's confidence interval.

    Parameters
    ----------
    first, second : (S,) with S ≥ 2; entry s of both comes from the same seed.
    level : confidence, between 0 and 1.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """
    first = check_array("first", first, shape=("S",), min_size=2)
    difference = first - check_array("second", second, shape=first.shape)
    level = check_scalar("level", level, positive=True)
    if level >= 1:
        raise ValueError(f"level must lie between 0 and 1, both left out; got {level}")
    mean, error = difference.mean(), difference.std(ddof=1) / math.sqrt(len(difference))
    reach = stats.t.ppf(0.5 + level / 2, len(difference) - 1) * error
    return Interval(float(mean), float(mean - reach), float(mean + reach))
