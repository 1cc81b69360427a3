"""Processes for students' code: where they come from, how they are spoken to, and how they end."""

import contextlib
import functools
import inspect
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tools.teach.grading import wire

MEGABYTES = 1500  # that a student's code may map beyond what was loaded before it
_RESIDENT = 2_500_000_000  # bytes that it and all its children may hold together
_START_SECONDS = 120

WALLS = {
    "namespaces": "Linux namespaces and limits",
    "bubblewrap": "bubblewrap and limits",
    "none": "limits only, no wall",
}
LIMITS = {
    "namespaces": "It cannot stop an attack on the Linux kernel itself, which student's code and grader share, nor the "
    "use of one processor for the seconds that are granted.",
    "bubblewrap": "It cannot stop an attack on the Linux kernel itself, which student's code and grader share, nor the "
    "use of one processor for the seconds that are granted.",
    "none": "It stops neither reading your account's files, the course's answers among them, nor writing to them, nor "
    "the network, nor the ending of your account's other processes. Use it for code that you trust.",
}


class WallMissing(Exception):
    """No wall can be built on this machine; the message says what to do."""


class ProcessEnded(Exception):
    """The process that ran a student's code is gone."""


class Yard:
    """Starts processes behind walls of one kind, from the stripped course in `folder`."""

    def __init__(self, folder, wall, loaded=True):
        self.wall, self.folder = wall, Path(folder)
        self._control = self._zygote = None
        world = self.folder.parent / f"world-{os.getpid()}"
        world.mkdir(exist_ok=True)
        readable = [sys.base_prefix, sys.prefix, os.path.realpath(sys.prefix), str(self.folder)]
        self._settings = {"wall": wall, "world": str(world), "readable": readable, "megabytes": MEGABYTES}
        self._settings["loaded"] = loaded  # False only tries the wall

    def start(self):
        """Return the socket of a new process, its number, and what ends it.

        Raises
        ------
        WallMissing
            The wall cannot be built.
        """
        if self.wall == "bubblewrap":
            here, there = socket.socketpair()
            process = self._run(there, self._bubblewrap())
            return here, process.pid, process.kill
        if self._zygote is None or self._zygote.poll() is not None:
            self._control, there = socket.socketpair()
            self._zygote = self._run(there, [])
            self._control.settimeout(_START_SECONDS)
            if self._control.recv(1) != b"+":
                raise WallMissing("the process that loads the course's packages ended at once")
        here, there = socket.socketpair()
        socket.send_fds(self._control, [b"."], [there.fileno()])
        there.close()
        message = _message(here, time.monotonic() + _START_SECONDS, None)
        if message.get("again"):
            raise ProcessEnded(f"no process could be started ({message['failed']})")
        if "failed" in message:
            raise WallMissing(f"this system lets no wall be built ({message['failed']})")
        number = int(message["started"])
        try:
            handle = os.pidfd_open(number)
        except ProcessLookupError:
            raise ProcessEnded("it ended as it began") from None

        def end():
            nonlocal handle
            if handle is not None:
                try:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                os.close(handle)
                handle = None

        return here, number, end

    def _run(self, there, before):
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        environment = inherited | {
            "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "HOME": "/tmp/home",
            "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg", "MPLCONFIGDIR": "/tmp/home",
            "VAE_COURSE_PROGRESS": "off", "PYTHONHASHSEED": "0",
        }  # fmt: skip
        program = [sys.executable, "-m", "tools.teach.grading.zygote", str(there.fileno()), json.dumps(self._settings)]
        process = subprocess.Popen(
            [*before, *program], pass_fds=[there.fileno()], env=environment, cwd=None if before else self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        there.close()
        return process

    def _bubblewrap(self):
        places = [*self._settings["readable"], "/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache"]
        bound = [word for place in places if os.path.lexists(place) for word in ("--ro-bind", place, place)]
        return [
            bubblewrap(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--tmpfs", "/tmp",
            "--dir", "/tmp/home", "--dev", "/dev", "--proc", "/proc", *bound, "--chdir", str(self.folder),
        ]  # fmt: skip

    def close(self):
        """End the process that divides."""
        if self._zygote is not None:
            self._control.close()
            self._zygote.kill()
            self._zygote.wait()
            self._zygote = None


def bubblewrap():
    """Return the program of bubblewrap, or an empty text."""
    return shutil.which(os.environ.get("BWRAP", "bwrap")) or ""


def _receive(channel, count, deadline, watch):
    pieces = []
    while count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        # in short steps, so that the time limit of `running` gets a chance to interrupt
        ready, _, _ = select.select([channel], [], [], min(left, 0.1))
        if watch:
            watch()
        if not ready:
            continue
        try:
            piece = channel.recv(min(count, 1 << 20))
        except ConnectionError:
            piece = b""
        if not piece:
            raise ProcessEnded("the process ended, and with it your function")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _message(channel, deadline, functions, watch=None):
    text, blob = wire.sizes(_receive(channel, wire.HEADER.size, deadline, watch))
    text, blob = (_receive(channel, count, deadline, watch) for count in (text, blob))
    return wire.unpacked(text, blob, functions)


class Seat:
    """The process in which the functions of one notebook run; begun anew where one of them ends it."""

    def __init__(self, yard):
        self._yard = yard
        self._channel = self._end = None
        self._number, self._looked, self._asked = 0, 0.0, 0.0
        self.life = 0
        self.spent = 0.0  # seconds of the processor that the last process had used when it was ended
        self.holds: object = None  # whose function is loaded

    @property
    def is_running(self):
        """Whether there is a process."""
        return self._channel is not None

    def begin(self):
        """See to it that there is a process."""
        if self._channel is None:
            self.life += 1
            self.holds, self.spent = None, 0.0
            self._channel, self._number, self._end = self._started()
            if self._yard.wall == "bubblewrap":
                _message(self._channel, time.monotonic() + _START_SECONDS, None)

    def _started(self):
        for pause in (0.1, 1.0, 3.0):  # a full table of processes empties again
            try:
                return self._yard.start()
            except (ProcessEnded, ConnectionError):
                time.sleep(pause)
        return self._yard.start()

    def exchange(self, message, values, deadline, functions):
        """Send a message and return the answer; whatever goes wrong ends the process."""
        if self._channel is None:
            raise ProcessEnded("the process that holds this function is gone")
        self._asked = time.monotonic()
        channel, life = self._channel, self.life
        try:
            channel.sendall(wire.packed(message, *values, functions=_by_source))
            return _message(channel, deadline, functions, self._watch)
        except (wire.WireError, ConnectionError, ValueError) as error:  # closed by another thread, too
            self._end_life(life)
            raise ProcessEnded(f"the process ended, and with it your function ({error})") from None
        except BaseException:  # the time limit, too: what still comes would be taken for the next answer
            self._end_life(life)
            raise

    def _end_life(self, life):
        """End the process, unless it is a later one: a thread may notice late that its time is over."""
        if self.life == life:
            self.end()

    def _watch(self):
        """End what holds too much memory, all its children together."""
        now = time.monotonic()
        if now - max(self._looked, self._asked) < 0.4:
            return
        self._looked = now
        if _held(self._number) > _RESIDENT:
            raise MemoryError("the function, with the processes that it started, took more than 2.5 GB")

    def end(self):
        """End the process, if there is one."""
        if self._channel is not None:
            with contextlib.suppress(OSError, IndexError):
                fields = _read(f"/proc/{self._number}/stat").rpartition(")")[2].split()
                self.spent = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            self._end()
            self._channel.close()
            self._channel = self.holds = None


def _held(number):
    """Return how many bytes a process and all that descend from it hold, what they share counted once."""
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(entry.name)] = int(_read(f"/proc/{entry.name}/stat").rpartition(")")[2].split()[1])
    total = 0
    for process in parents:
        step = process
        while step in parents and step != number:
            step = parents[step]
        if step == number:
            with contextlib.suppress(OSError):
                found = re.search(r"^Pss: +(\d+) kB", _read(f"/proc/{process}/smaps_rollup"), re.MULTILINE)
                total += 1024 * int(found[1]) if found else 0
    return total


def _read(path):
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _by_source(value, pack):
    """Hand a course's own object over as the source of its class and its attributes."""
    kind = type(value)
    if not kind.__module__.startswith("course_utils."):
        return ["other", kind.__name__]
    return ["source", kind.__name__, _source_of(kind), pack(dict(vars(value)))]


@functools.cache
def _source_of(kind):
    return textwrap.dedent(inspect.getsource(kind))


__all__ = ["LIMITS", "WALLS", "ProcessEnded", "Seat", "WallMissing", "Yard", "bubblewrap"]
