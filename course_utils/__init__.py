"""Workshop of the course: claims, exercises, explorers, figures and data (ground storey).

Importing the package costs little: torch, scikit-learn and ipywidgets are imported by the functions that need them.
"""

from course_utils.environment import check_environment, require_packages

require_packages()

from course_utils.claims import ClaimError, claim  # noqa: E402  (after the check, which explains a missing package)
from course_utils.data import old_faithful  # noqa: E402
from course_utils.environment import setup  # noqa: E402
from course_utils.style import palette, panels, show  # noqa: E402

__version__ = "1.0.0"

__all__ = [
    "ClaimError",
    "check_environment",
    "claim",
    "old_faithful",
    "palette",
    "panels",
    "setup",
    "show",
]
