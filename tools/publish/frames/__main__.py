"""The command: ``python -m tools.publish.frames`` draws the frames and prints what they cost."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.publish.folders import interruptible
from tools.publish.frames.cache import JOBS, entries, in_turn
from tools.publish.frames.errors import FramesError
from tools.publish.frames.lessons import all_lessons, lesson_called


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if frames cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish.frames", description="Draw the explorers' frames and print what they cost."
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 03 (default: all)")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"lessons at a time (default: {JOBS})")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where frames are kept (default: build/frames)")
    options = parser.parse_args(arguments)
    total = 0.0
    print(f"{'lesson':<28} {'explorer':<22} {'grid':<14} {'frames':>6} {'kB':>6} {'first':>7} {'seconds':>7}")
    try:
        paths = [lesson_called(lesson) for lesson in options.lessons] or all_lessons()
        for path in in_turn(paths, options.jobs, options.cache):
            page = 0
            for _, entry in entries(path, options.cache):
                size = len(entry.html.encode())
                page += size
                total += sum(entry.seconds)
                print(
                    f"{path.stem:<28} {entry.name:<22} {'×'.join(map(str, entry.grid)):<14} "
                    f"{math.prod(entry.grid):>6} {size / 1000:>6.0f} {entry.seconds[0]:>7.1f} {entry.seconds[1]:>7.1f}",
                    flush=True,
                )
            print(f"{path.stem:<28} {'all':<44} {page / 1000:>6.0f}", flush=True)
    except FramesError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{total:.0f} CPU seconds in all")
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
