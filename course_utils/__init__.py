"""What the first cell of a notebook needs; the rest is in three storeys.

`workshop` has what every lesson needs and none teaches (claims, exercises, explorers, figures, data), `models` the
models and algorithms that are taught, one concept in each module, `lessons` one room per lesson. Nothing imports
upward.

Importing the package costs little: torch, scikit-learn and ipywidgets are imported by the functions that need them.
"""

from course_utils.workshop.environment import check_environment, require_packages

require_packages()

from course_utils.workshop.claims import ClaimError, claim  # noqa: E402  (after the check, which explains a missing package)
from course_utils.workshop.data import old_faithful  # noqa: E402
from course_utils.workshop.environment import setup  # noqa: E402
from course_utils.workshop.progress import progress  # noqa: E402
from course_utils.workshop.style import palette, panels, show  # noqa: E402

__version__ = "1.0.0"

__all__ = [
    "ClaimError",
    "check_environment",
    "claim",
    "old_faithful",
    "palette",
    "panels",
    "progress",
    "setup",
    "show",
]
