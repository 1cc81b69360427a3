"""Let a class of invented students log in to a JupyterHub, open a lesson and run all of it, at the same time.

    python docs/classroom/load_test.py --users 10 --lesson 01

Without --url a hub of its own is started, and ended. With --url, and the password in COURSE_HUB_PASSWORD, students
named load-01, load-02, … log in to a running hub that has the form with a name and a password; memory is then
measured if the hub runs on this machine, under this account.

The exit status is 0 if every student's every cell ran without error, and 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp
import nbformat
from yarl import URL

ROOT = Path(__file__).resolve().parents[2]
PAGE = {"Sec-Fetch-Mode": "navigate"}
PHASES = ("login", "server", "open", "run")
STATES = ("idle", "open", "run", "peak")


class LoadError(Exception):
    """A student could not go on, or the test cannot begin; the message says why."""


@dataclass
class Student:
    """One invented student: the browser's side of the talk, and what it took."""

    name: str
    url: URL
    session: aiohttp.ClientSession
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    cpu: float = 0.0
    error: str = ""
    path: str = ""
    notebook: dict = field(default_factory=dict)
    socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def server(self) -> URL:
        """The address of the student's own server."""
        return self.url / "user" / self.name

    def token(self, url: URL) -> dict[str, str]:
        """Return the header that proves to `url` that the request comes from its own page."""
        cookie = self.session.cookie_jar.filter_cookies(url).get("_xsrf")
        return {"X-XSRFToken": cookie.value if cookie else ""}

    async def api(self, method: str, url: URL, **arguments) -> dict:
        """Ask for something as the page's script does, and return the answer."""
        headers = {"Sec-Fetch-Mode": "same-origin", **self.token(url)}
        async with self.session.request(method, url, headers=headers, **arguments) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise LoadError(f"{method} {url.path} answered {answer.status}: {text[:200]}")
            return json.loads(text) if text else {}

    async def page(self, url: URL) -> str:
        """Open a page, following redirections, and return its source."""
        async with self.session.get(url, headers=PAGE) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise LoadError(f"the page {url.path} answered {answer.status}")
            return text


async def log_in(student: Student, password: str) -> None:
    """Fill in the login form."""
    url = student.url / "hub" / "login"
    await student.page(url)
    form = {"username": student.name, "password": password, "_xsrf": student.token(url)["X-XSRFToken"]}
    target = url.with_query(next="/hub/home")
    async with student.session.post(target, data=form, headers=PAGE, allow_redirects=False) as answer:
        if answer.status != 302:
            raise LoadError(f"logging in as {student.name} answered {answer.status}: is the password right?")


async def start_server(student: Student) -> None:
    """Press the button that starts the student's server, and wait for its page as the browser does."""
    await student.page(student.url / "hub" / "spawn")
    url = student.url / "hub" / "api" / "users" / student.name / "server" / "progress"
    async with student.session.get(url, headers={"Sec-Fetch-Mode": "same-origin", **student.token(url)}) as events:
        if events.status != 200:
            raise LoadError(f"the server of {student.name} is not starting ({events.status})")
        event = {}
        async for line in events.content:
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
    if not event.get("ready"):
        raise LoadError(f"the server of {student.name} did not start: {event.get('message', 'no reason given')}")
    await student.page(student.server / "lab")  # logs in to the student's own server


async def open_lesson(student: Student, lesson: str) -> None:
    """Open JupyterLab's page on the lesson with what that page loads first, read the notebook, start its kernel."""
    listing = await student.api("GET", student.server / "api" / "contents" / "notebooks")
    found = [item["path"] for item in listing["content"] if re.fullmatch(rf"{lesson}_\w+\.ipynb", item["name"])]
    if len(found) != 1:
        raise LoadError(f"{student.name} has {len(found)} notebooks of lesson {lesson}")
    student.path = found[0]
    html = await student.page(student.server / "lab" / "tree" / student.path)
    for script in re.findall(r'<script[^>]+src="([^"]+)"', html):
        await student.page(student.url.join(URL(script, encoded=True)))
    await student.api("GET", student.server / "lab" / "api" / "settings")
    await student.api("GET", student.server / "api" / "kernelspecs")
    student.notebook = (await student.api("GET", student.server / "api" / "contents" / student.path))["content"]
    request = {
        "path": student.path,
        "name": Path(student.path).name,
        "type": "notebook",
        "kernel": {"name": student.notebook["metadata"]["kernelspec"]["name"]},
    }
    session = await student.api("POST", student.server / "api" / "sessions", json=request)
    channels = student.server / "api" / "kernels" / session["kernel"]["id"] / "channels"
    student.socket = await student.session.ws_connect(
        channels.with_query(session_id=uuid.uuid4().hex),
        headers={"Sec-Fetch-Mode": "websocket", "Origin": str(student.url.origin())},
        max_msg_size=0,
        heartbeat=30,
    )
    await ask(student, "kernel_info_request", {})


async def ask(student: Student, kind: str, content: dict) -> list[dict]:
    """Send a request to the kernel, and return all that it publishes until it has answered and is idle again."""
    identifier = uuid.uuid4().hex
    header = {"msg_id": identifier, "msg_type": kind, "session": student.name, "username": student.name}
    header |= {"version": "5.3", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await student.socket.send_json({**message, "buffers": []})
    published, open_ends = [], {"reply", "idle"}
    while open_ends:
        received = await student.socket.receive()
        if received.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise LoadError(f"the connection to the kernel of {student.name} ended")
        message = read_message(received.data)
        state = message["content"].get("execution_state")
        if state in ("restarting", "dead"):
            raise LoadError(f"the kernel of {student.name} died")
        if message["parent_header"].get("msg_id") != identifier:
            continue
        if message["channel"] == "shell":
            open_ends.discard("reply")
        elif state == "idle":
            open_ends.discard("idle")
        elif message["channel"] == "iopub":
            published.append(message)
    return published


def read_message(data: str | bytes) -> dict:
    """Return a message without its binary parts, which follow the text where there are any."""
    if isinstance(data, bytes):
        start, end = (int.from_bytes(data[place : place + 4], "big") for place in (4, 8))
        data = data[start:end] if int.from_bytes(data[:4], "big") > 1 else data[start:]
    return json.loads(data)


async def run_lesson(student: Student) -> None:
    """Execute all code cells in their order, and save the notebook with what they showed."""
    cells = [cell for cell in student.notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, start=1):
        content = {"code": source_of(cell), "silent": False, "store_history": True, "user_expressions": {}}
        published = await ask(student, "execute_request", {**content, "allow_stdin": False, "stop_on_error": True})
        for message in published:
            if message["header"]["msg_type"] == "error":
                said = f"{message['content']['ename']}: {message['content']['evalue']}"
                raise LoadError(f"code cell {number} of {student.path} raised for {student.name}: {said[:300]}")
        cell["outputs"] = list(outputs_of(published))
        cell["execution_count"] = number
    whole = {"type": "notebook", "format": "json", "content": student.notebook}
    await student.api("PUT", student.server / "api" / "contents" / student.path, json=whole)


def source_of(cell: dict) -> str:
    """Return a cell's source, which a file may keep in lines."""
    return "".join(cell["source"])


def outputs_of(published: Sequence[dict]) -> Iterator[dict]:
    """Return what a cell shows, as it stands in a notebook."""
    for message in published:
        if message["header"]["msg_type"] in ("stream", "display_data", "execute_result"):
            yield nbformat.v4.output_from_msg({**message, "msg_type": message["header"]["msg_type"]})


async def stop_server(student: Student) -> None:
    """Give the student's memory back, and wait until that is done."""
    if student.socket is not None:
        await student.socket.close()
    await student.api("DELETE", student.url / "hub" / "api" / "users" / student.name / "server")
    while (await student.api("GET", student.url / "hub" / "api" / "user")).get("servers"):
        await asyncio.sleep(0.5)


# ---- what the students' processes use


def processes() -> dict[str, list[int]]:
    """Return the processes of each hub user on this machine that this account may read, by the user's name."""
    found: dict[str, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for variable in (folder / "environ").read_bytes().split(b"\0"):
                # The server has the variable from the hub, and all that it starts from the server.
                if variable.startswith(b"JUPYTERHUB_USER="):
                    found.setdefault(variable.partition(b"=")[2].decode(), []).append(int(folder.name))
    return found


def memory(pid: int) -> float:
    """Return the MB of a process; what several processes share counts in equal parts (PSS)."""
    with contextlib.suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), flags=re.MULTILINE)
        return int(found[1]) * 1024 / 1e6 if found else 0.0
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return the seconds of a processor that a process and its ended children have used."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def descendants(root: int) -> list[int]:
    """Return a process and all that it has started."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


@dataclass
class Meter:
    """Memory over time: each student's, and the whole of it, the hub and its proxy included where they are ours."""

    students: Sequence[Student]
    hub: int | None = None
    peak: float = 0.0
    hub_memory: float = 0.0

    def take(self, state: str | None = None) -> None:
        """Measure now; `state` names the moment in each student's record."""
        of_users = processes()
        total = 0.0
        for student in self.students:
            pids = of_users.get(student.name, [])
            used = sum(map(memory, pids))
            total += used
            student.cpu = max(student.cpu, sum(map(cpu_seconds, pids)))
            student.memory["peak"] = max(student.memory.get("peak", 0.0), used)
            if state:
                student.memory[state] = used
        if self.hub is not None:
            servers = {pid for pids in of_users.values() for pid in pids}
            self.hub_memory = sum(memory(pid) for pid in descendants(self.hub) if pid not in servers)
        self.peak = max(self.peak, total + self.hub_memory)

    @contextlib.asynccontextmanager
    async def watch(self, interval: float) -> AsyncIterator[None]:
        """Measure again and again, for the peak."""

        async def repeat() -> None:
            while True:
                await asyncio.to_thread(self.take)
                await asyncio.sleep(interval)

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


# ---- the test


async def all_at_once(
    phase: str, students: Sequence[Student], step: Callable[[Student], Awaitable], limit: float
) -> None:
    """Let every student who has come so far take a step, all at the same time; who fails stays behind."""

    async def take_it(student: Student) -> None:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                await step(student)
        except TimeoutError:
            student.error = f"{phase}: not done after {limit:.0f} s"
        except (LoadError, aiohttp.ClientError, KeyError, ValueError) as error:
            student.error = f"{phase}: {error or type(error).__name__}"
        else:
            student.seconds[phase] = time.perf_counter() - start

    await asyncio.gather(*(take_it(student) for student in students if not student.error))


async def hold_class(
    url: str,
    password: str,
    *,
    users: int,
    lesson: str,
    hub: int | None = None,
    limit: float = 1800,
    interval: float = 2.0,
) -> tuple[list[Student], Meter]:
    """Let a class come, open the lesson, run it and leave; returns the students' records and the memory's."""
    async with contextlib.AsyncExitStack() as stack:
        students = []
        for number in range(1, users + 1):
            jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)  # unsafe: the host may be a number
            session = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=None))
            students.append(Student(f"load-{number:02}", URL(url), await stack.enter_async_context(session)))
        meter = Meter(students, hub)
        async with meter.watch(interval):
            await all_at_once("login", students, lambda student: log_in(student, password), limit)
            await all_at_once("server", students, start_server, limit)
            await asyncio.to_thread(meter.take, "idle")
            await all_at_once("open", students, lambda student: open_lesson(student, lesson), limit)
            await asyncio.to_thread(meter.take, "open")
            await all_at_once("run", students, run_lesson, limit)
            await asyncio.to_thread(meter.take, "run")
        started = [student for student in students if "server" in student.seconds]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(120):
                await asyncio.gather(*map(stop_server, started), return_exceptions=True)
    return students, meter


def free_ports() -> int:
    """Return the first of three ports in a row that are free on loopback."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                for number in (port + 1, port + 2):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
                return port


def wait_for_hub(process: subprocess.Popen, log: Path, patience: float) -> None:
    """Wait until a hub says in its log that it is running; raise LoadError where it ends, or says nothing in time."""
    end = time.monotonic() + patience
    while b"JupyterHub is now running" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > end:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
            raise LoadError(f"the hub did not start: {said[-1]}")
        time.sleep(0.2)


@contextlib.contextmanager
def own_hub(
    course: Path | None = None, patience: float = 240, within: Sequence[str] = ()
) -> Iterator[tuple[str, str, int]]:
    """Start a hub with a state of its own; yields its address, its password and its process id, and ends it.

    `within` is a command that runs another, such as one that changes the account.

    Raises
    ------
    LoadError : it did not start.
    """
    build = ROOT / "build" / "hub"
    build.mkdir(parents=True, exist_ok=True)
    port, password = free_ports(), secrets.token_urlsafe(16)
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(dir=build, prefix="load-test-", ignore_cleanup_errors=True) as state:
        command = [*within, sys.executable, "-m", "tools.teach.hub", "--port", str(port), "--state", state]
        command += ["--course", str(course)] if course else []
        log = Path(state) / "hub.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=file, stderr=file, env={**os.environ, "COURSE_HUB_PASSWORD": password}
            )
        try:
            wait_for_hub(process, log, patience)
            yield url, password, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def table(students: Sequence[Student], meter: Meter, lesson: str) -> str:
    """Return what is worth knowing, in lines."""
    whole = [student for student in students if not student.error]
    lines = [f"{len(whole)} of {len(students)} students logged in, opened lesson {lesson} and ran it", ""]
    words = dict(zip(PHASES, ("log in", "server ready", "lesson open", "lesson run"), strict=True))
    lines.append(f"{'seconds':24}{'median':>10}{'longest':>10}")
    for phase in PHASES:
        values = [student.seconds[phase] for student in students if phase in student.seconds]
        if values:
            lines.append(f"{words[phase]:24}{median(values):10.1f}{max(values):10.1f}")
    if any(student.cpu for student in students):
        values = [student.cpu for student in students]
        lines.append(f"{'processor, in all':24}{median(values):10.1f}{max(values):10.1f}")
        words = dict(zip(STATES, ("server", "lesson open", "lesson run", "highest"), strict=True))
        lines += ["", f"{'MB for each student':24}{'median':>10}{'largest':>10}"]
        for state in STATES:
            values = [student.memory.get(state, 0.0) for student in whole or students]
            lines.append(f"{words[state]:24}{median(values):10.0f}{max(values):10.0f}")
        lines += ["", f"MB in all, highest: {meter.peak:.0f}, of which the hub and its proxy {meter.hub_memory:.0f}"]
    lines += [f"FAILED {student.name}: {student.error}" for student in students if student.error]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if a student failed or the test could not begin."""
    parser = argparse.ArgumentParser(description="Let a class log in to a JupyterHub, open a lesson and run it.")
    parser.add_argument("--users", type=int, default=10, help="how many students (default: 10)")
    parser.add_argument("--lesson", default="01", help="the lesson's number, in two digits (default: 01)")
    parser.add_argument("--url", help="a running hub, such as http://127.0.0.1:8000 (default: start one)")
    parser.add_argument("--course", type=Path, help="the students' copy for the hub that is started")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that each step may take (default: 1800)")
    options = parser.parse_args(arguments)
    if options.users < 1 or not re.fullmatch(r"\d\d", options.lesson):
        parser.error("--users is 1 or more, and --lesson has two digits")
    try:
        if options.url:
            hub = contextlib.nullcontext((options.url, os.environ.get("COURSE_HUB_PASSWORD", ""), None))
        else:
            hub = own_hub(options.course)
        with hub as (url, password, pid):
            work = hold_class(url, password, users=options.users, lesson=options.lesson, hub=pid, limit=options.limit)
            students, meter = asyncio.run(work)
    except LoadError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    print(table(students, meter, options.lesson))
    return 1 if any(student.error for student in students) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a hub of its own ends with it
    sys.exit(main())
