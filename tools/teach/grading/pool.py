"""Give notebooks to processes that judge them, and keep what they say, so that an interruption loses nothing.

What was said of a file is kept under a digest of its bytes, of the course and of the secret, in a file that appears
complete or not at all. A process that ends, or says nothing for long, costs its notebook a remark and no more.
"""

import hashlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.teach.grading.submissions import Submission

ROOT = Path(__file__).resolve().parents[3]
_MOST_SECONDS = 1800  # for one notebook
_MOST_DEATHS = 3  # of a process, one after another, before it is no matter of a notebook


class PoolError(Exception):
    """Nothing can be judged here; the message says why and what to do."""


class Kept:
    """What was said of files, in a folder."""

    def __init__(self, folder: Path, key: str):
        self._folder, self._key = folder, key
        folder.mkdir(parents=True, exist_ok=True)

    def digest(self, data: bytes) -> str:
        """Return the name under which the judgements on a file are kept."""
        return hashlib.sha256(self._key.encode() + b"\0" + data).hexdigest()

    def get(self, digest: str):
        """Return what was said, or None."""
        try:
            return json.loads((self._folder / f"{digest}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, digest: str, said) -> None:
        """Keep what was said."""
        write(self._folder / f"{digest}.json", json.dumps(said, ensure_ascii=False))


def write(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


class _Worker:
    """A process that judges, begun when it is needed."""

    def __init__(self, settings):
        self._settings = settings
        self._process = None
        self._deaths = 0  # since it last answered

    def ask(self, file):
        """Return what is said of a file, or a sentence in its place."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "tools.teach.grading.worker", json.dumps(self._settings)]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
            log = open(self._settings["log"], "ab")
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
            log.close()
        try:
            self._process.stdin.write(json.dumps({"file": str(file)}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line(time.monotonic() + _MOST_SECONDS)
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            self.end()
            self._deaths += 1
            if self._deaths == _MOST_DEATHS:
                return {"failed": f"the process that judges ends again and again; {self._settings['log']} says why"}
            trouble = "the grader's own process ended over it: run it again, or look at it yourself"
            return {"judgements": {}, "trouble": trouble, "again": True}
        self._deaths = 0
        return json.loads(line)

    def _line(self, deadline):
        got = b""
        while not got.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
            if select.select([self._process.stdout], [], [], min(left, 1.0))[0]:
                piece = os.read(self._process.stdout.fileno(), 1 << 20)
                if not piece:
                    break
                got += piece
        return got

    def end(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def judged(
    submissions: Sequence[Submission], kept: Kept, settings: dict, jobs: int, told: Callable[[int, int], None]
) -> list[dict]:
    """Return what is said of each submission, in their order: its ``judgements`` by exercise, and its ``trouble``.

    Parameters
    ----------
    submissions : sequence of Submission
    kept : Kept
    settings : dict
        Of `worker`, and the file ``log`` for what goes wrong there.
    jobs : int
        How many processes judge.
    told : callable
        Is told how many are done, and of how many.

    Raises
    ------
    PoolError
        The wall cannot be built.
    """
    said: list[dict | None] = [None] * len(submissions)
    waiting: dict[str, list[int]] = {}  # by digest: the same file need not be judged twice
    todo: queue.SimpleQueue = queue.SimpleQueue()
    spool = Path(settings["course"]).parent / "spool"
    spool.mkdir(exist_ok=True)
    for index, one in enumerate(submissions):
        if one.trouble:
            said[index] = {"judgements": {}, "trouble": one.trouble}
            continue
        try:
            data = one.read()
        except Exception as error:
            said[index] = {"judgements": {}, "trouble": f"it cannot be read ({str(error)[:100]})"}
            continue
        digest = kept.digest(data)
        if (known := kept.get(digest)) is not None:
            said[index] = known
        elif digest in waiting:
            waiting[digest].append(index)
        else:
            waiting[digest] = [index]
            todo.put(digest)
    lock, failures, stop = threading.Lock(), [], threading.Event()
    done = sum(entry is not None for entry in said)
    told(done, len(submissions))

    def work(worker):
        nonlocal done
        while not stop.is_set():
            try:
                digest = todo.get_nowait()
            except queue.Empty:
                return
            file = spool / digest
            try:
                file.write_bytes(submissions[waiting[digest][0]].read())
                answer = worker.ask(file)
            except OSError as error:
                answer = {"failed": f"a notebook could not be put where it is judged: {error}"}
            file.unlink(missing_ok=True)
            if stop.is_set():
                return
            if "failed" in answer:
                failures.append(answer["failed"])
                stop.set()
                return
            if not answer.get("again"):
                kept.put(digest, answer)
            with lock:
                for index in waiting[digest]:
                    said[index] = answer
                done += len(waiting[digest])
                told(done, len(submissions))

    workers = [_Worker(settings) for _ in range(max(1, min(jobs, len(waiting))))]
    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    finally:
        stop.set()
        for worker in workers:
            worker.end()
    if failures:
        raise PoolError(failures[0])
    return said


__all__ = ["Kept", "PoolError", "judged", "write"]
