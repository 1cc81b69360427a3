"""The wall around one process that runs a student's code, from inside that process, before any of the code is there.

Linux gives it to every account that may make namespaces: a file system of its own, in which only what Python needs can
be read and nothing but a small folder in memory be written; no network; no view of other processes; no rights to
change any of that. `rlimits` bound time, memory, size of files and number of processes everywhere.
"""

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

MEGABYTE = 1024 * 1024
HOME = "/tmp/home"
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_UIDS = range(60_000, 64_000)  # accounts that nobody has, for a grader that runs as root
_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, uts, ipc, pid, net
_USER = 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_MOUNT_SETATTR, _AT_RECURSIVE = 442, 0x8000
_SET_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _DROP_BOUND = 1, 38, 24
_libc = ctypes.CDLL(None, use_errno=True)


class WallError(Exception):
    """The wall cannot be built here; the message says what failed."""


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise WallError(f"{name}: {os.strerror(number)}")


def limit(megabytes, seconds, others=0, processes=24):
    """Bound this process and its children: memory beyond what it has, processor time, files, processes.

    `others` is how many processes of the same account count, besides.
    """
    # what is mapped by now: libraries reserve far more than they use
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _has_proc() else 0
    for which, bound in (
        (resource.RLIMIT_AS, used + megabytes * MEGABYTE if used else resource.RLIM_INFINITY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 16 * MEGABYTE),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, processes + others),
    ):
        _, most = resource.getrlimit(which)
        bound = bound if most == resource.RLIM_INFINITY else min(bound, most)
        resource.setrlimit(which, (bound, bound))


def _has_proc():
    return os.path.exists("/proc/self/statm")


def running():
    """Return how many threads this account runs now: without namespaces the limit on processes counts all of them."""
    count, own = 0, os.getuid()
    try:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and entry.stat().st_uid == own:
                count += len(os.listdir(f"/proc/{entry.name}/task"))
    except OSError:
        pass
    return count


def die_with_parent():
    """Have this process killed when the one that started it ends; also where that happened a moment ago."""
    parent = os.getppid()
    _libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter(world, readable, megabytes=1500, seconds=100):
    """Put this process behind the wall; its next child is the first that runs in the new world of processes.

    Parameters
    ----------
    world : str
        An empty folder, over which the new file system is mounted; in no folder of `readable`.
    readable : sequence of str
        Folders that stay readable, besides those of the system: Python's, and the copy of the course.
    megabytes, seconds : int
        Of memory beyond what is used now, and of processor time.

    Raises
    ------
    WallError
        A part of it cannot be built, so none of it may be relied on.
    """
    root = os.getuid() == 0
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NAMESPACES | (0 if root else _USER))
    if not root:
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{file}").write_text(text)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")  # none within this one
    _furnish(world, readable)
    limit(megabytes, seconds)
    os.chdir(world)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir(HOME)
    _renounce(root)


def _furnish(world, readable):
    """Mount a small folder in memory, with what may be read bound into it."""
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    _call("mount", b"tmpfs", world.encode(), b"tmpfs", _MS_NOSUID, b"size=8m,mode=755")
    for place in (*_SYSTEM, *sorted(set(readable), key=len), *_DEVICES):
        if os.path.lexists(place):
            _bind(place, world + place, place not in _DEVICES)
    os.makedirs(world + HOME)
    _call("mount", b"tmpfs", (world + HOME).encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=64m,mode=777")
    _call("mount", b"none", world.encode(), None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID, None)


def _bind(source, target, read_only):
    if source in _SYSTEM and os.path.islink(source) and os.path.isdir(source):  # /lib may be a link to usr/lib
        os.symlink(os.readlink(source), target)
        return
    if os.path.exists(target) and source not in _DEVICES and os.path.samefile(source, target):
        return  # within a folder that is bound already
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    _call("mount", source.encode(), target.encode(), None, _MS_BIND | _MS_REC, None)
    if read_only:
        _make_read_only(target)


def _make_read_only(target):
    attributes = struct.pack("=QQQQ", _MS_RDONLY | _MS_NOSUID, 0, 0, 0)
    if _libc.syscall(_MOUNT_SETATTR, -100, target.encode(), _AT_RECURSIVE, attributes, len(attributes)) != 0:
        raise WallError(f"mount_setattr: {os.strerror(ctypes.get_errno())} (Linux 5.12 or newer is needed)")


def _renounce(root):
    """Give up every right that could take the wall down."""
    for capability in range(64):
        if _libc.prctl(_DROP_BOUND, capability, 0, 0, 0) != 0:
            break
    if root:
        own = _UIDS[os.getpid() % len(_UIDS)]  # each its own: the limit on processes counts all of an account
        os.setgroups([])
        os.setresgid(own, own, own)
        os.setresuid(own, own, own)
    header, data = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _call("capset", header, data)
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


__all__ = ["HOME", "MEGABYTE", "WallError", "die_with_parent", "enter", "limit", "running"]
