"""What the commands that build folders share: a folder appears complete or not at all, and replaces only its like."""

from __future__ import annotations

import os
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path


def require_replaceable(target: Path, marker: str, error: type[Exception]) -> None:
    """Raise `error` unless `target` is free, empty, or holds the file `marker` of an earlier build."""
    if not target.exists() or (target / marker).is_file() or (target.is_dir() and not any(target.iterdir())):
        return
    raise error(
        f"{target} exists and was not built by this command, so it is left alone: name another folder, or move it away"
    )


def move_into_place(built: Path, target: Path, earlier: Path) -> None:
    """Put `built` where `target` is; if that fails, `target` is what it was."""
    if target.exists():
        target.rename(earlier)
    try:
        built.rename(target)
    except BaseException:
        if earlier.exists():
            earlier.rename(target)
        raise


def write_zip(folder: Path, target: Path, name: str) -> None:
    """Write a folder as an archive in which it is called `name`: the same bytes for the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
                archive.writestr(entry, path.read_bytes())


def interruptible(main: Callable[[], int]) -> int:
    """Run a command so that SIGTERM ends it as Ctrl-C does: it takes away what is half made, and returns 130."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return main()
    except KeyboardInterrupt:
        print("Interrupted: nothing half made is left.", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
