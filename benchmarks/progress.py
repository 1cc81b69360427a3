"""Progress bars where nobody watches: in a file, a line a minute says as much as a bar that is drawn all the time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

SECONDS = 60.0


class TerseProgress:
    """A text stream that lets one drawing of a progress bar through per minute, as a line; other text passes.

    Parameters
    ----------
    stream : where the text goes.
    seconds : the time between two lines; the first comes after as much.
    clock : returns the time in seconds.
    """

    def __init__(self, stream: TextIO, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic):
        self._stream, self._seconds, self._clock = stream, seconds, clock
        self._last = clock()

    def write(self, text: str) -> int:
        """Write `text`, unless it draws a bar or wipes one; returns its length."""
        if not text.startswith("\r"):
            self._stream.write(text)
        elif text.strip() and self._clock() - self._last >= self._seconds:
            self._last = self._clock()
            # Several bars may be drawn by one text; the last is how things stand.
            self._stream.write(text.rstrip().rpartition("\r")[2] + "\n")
            self._stream.flush()
        return len(text)

    def __getattr__(self, name: str) -> object:
        """Whatever else is asked of it the stream answers."""
        return getattr(self._stream, name)


@contextmanager
def terse_progress() -> Iterator[None]:
    """Keep progress bars to a line a minute while errors do not go to a terminal."""
    stream = sys.stderr
    if stream.isatty():
        yield
        return
    sys.stderr = TerseProgress(stream)
    try:
        yield
    finally:
        sys.stderr = stream
