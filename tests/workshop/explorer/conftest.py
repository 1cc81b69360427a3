"""What holds for all tests of explorers."""

import ipywidgets.widgets.widget as registry
import pytest

from course_utils.workshop.explorer import live


@pytest.fixture(autouse=True)
def no_widget_survives():
    """Each test closes what it displays; whatever is left belongs to the library."""
    yield
    for shown in list(live._displayed.values()):
        for left in list(shown[1]):
            left.close()
    live._displayed.clear()
    assert not registry._instances
