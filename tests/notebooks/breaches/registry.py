"""All breaches of contracts; a breach registers itself where it is defined."""

import pytest

BROKEN = []


def breaks(rule, words):
    """Declare that a change to the good lesson breaks `rule`, with these words in the message."""

    def keep(change):
        BROKEN.append(pytest.param(rule, words, change, id=f"{rule}-{change.__name__}"))
        return change

    return keep
