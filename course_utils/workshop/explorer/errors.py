"""What an explorer says when it cannot draw."""

from __future__ import annotations


class ExplorerError(RuntimeError):
    """An explorer could not draw one of its states; the message names the parameters."""


def reason(error: BaseException | None) -> str:
    """Return the kind of an error and what it says, in one line."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
