"""What mean field needs of data, whatever the model."""

from typing import Any

import numpy as np

from course_utils.workshop.validation import check_array

# The square of a larger number, summed over many points, would leave float64.
_LARGEST = 1e150


def check_data(value: Any, *, shape: tuple[int | str, ...], min_size: int | None = None) -> np.ndarray:
    data = check_array("data", value, shape=shape, min_size=min_size)
    if data.size and np.max(np.abs(data)) > _LARGEST:
        raise ValueError(
            f"data must stay below {_LARGEST:g}, because squares are needed; got {np.max(np.abs(data)):.3g}. "
            "Measure in a larger unit"
        )
    return data
