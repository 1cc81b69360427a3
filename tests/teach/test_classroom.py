"""The class on JupyterHub: settings that refuse danger, work that is never overwritten, and a small real class.

The configuration is read as JupyterHub reads it; npm is played by a function, except before the real class.
"""

import asyncio
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Application, PyFileConfigLoader

from tools.publish import student_copy
from tools.teach import hub

ROOT = Path(__file__).resolve().parents[2]
CLASSROOM = ROOT / "docs" / "classroom"
CONFIG = CLASSROOM / "jupyterhub_config.py"
PASSWORD = "correct horse"
needs_hub = pytest.mark.skipif(
    importlib.util.find_spec("jupyterhub") is None,
    reason="JupyterHub is not installed: run `python tools/bootstrap.py classroom`",
)


def module_from(path):
    """Import a file that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if importlib.util.find_spec("aiohttp"):  # it comes with JupyterHub
    load_test = module_from(CLASSROOM / "load_test.py")


def other_account():
    """Return what runs a command as an account that is not root, but has the same files; nothing where we are not root.

    Skips the test where the system does not let root do that, as in a container.
    """
    if os.geteuid() != 0:
        return []
    command = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("The class's hub does not run as root, and this system gives root no other account to try it.")
    return command


@pytest.fixture(autouse=True)
def same_umask():
    """The hub closes what it writes, and would do so for the tests that follow."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


def is_one_sentence(text):
    return len(text.strip().splitlines()) == 1 and len(text) < 400 and "Traceback" not in text


# --- The configuration ------------------------------------------------------------------------------------


@pytest.fixture
def read_config(monkeypatch, tmp_path):
    """Read the configuration with these settings in the environment."""
    monkeypatch.setattr(Application, "_instance", None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def read(**settings):
        for name in [name for name in os.environ if name.startswith("COURSE_HUB_")]:
            monkeypatch.delenv(name)
        for name, value in {"PASSWORD": PASSWORD, "STATE": str(tmp_path / "state"), **settings}.items():
            if value is not None:
                monkeypatch.setenv(f"COURSE_HUB_{name}", value)
        return PyFileConfigLoader(CONFIG.name, path=str(CONFIG.parent)).load_config()

    return read


@pytest.mark.parametrize("password", [None, "", "seven77"])
def test_no_hub_without_a_password(password, read_config):
    with pytest.raises(SystemExit, match="COURSE_HUB_PASSWORD") as stopped:
        read_config(PASSWORD=password)
    assert is_one_sentence(stopped.value.code)


def test_no_hub_as_root(read_config, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit, match="must not run as root") as stopped:
        read_config()
    assert is_one_sentence(stopped.value.code)
    assert hub.main([]) == 1
    message = capsys.readouterr().err
    assert "do not start this hub as root" in message and is_one_sentence(message)


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:8000",
        "http://192.168.1.20:8000",
        "http://[::]:8000",
        "http://:8000",
        "http://class.example:8000",
        "https://127.0.0.1:8000",
        "http://127.0.0.1",
    ],
)
def test_no_hub_that_others_could_reach(url, read_config):
    with pytest.raises(SystemExit, match="must be a loopback address with a port") as stopped:
        read_config(URL=url)
    assert is_one_sentence(stopped.value.code)


@needs_hub
@pytest.mark.parametrize(
    "argument", ["--ip=0.0.0.0", "--url=http://0.0.0.0:8000", "--port=80", "--JupyterHub.hub_ip=::"]
)
def test_the_command_line_cannot_open_the_hub_to_others(argument, read_config, monkeypatch):
    from jupyterhub.app import JupyterHub

    hub_application = JupyterHub()
    hub_application.parse_command_line([argument])
    monkeypatch.setattr(Application, "_instance", hub_application)
    with pytest.raises(SystemExit, match="come from COURSE_HUB_URL") as stopped:
        read_config()
    assert is_one_sentence(stopped.value.code)


@needs_hub
def test_a_refusal_ends_jupyterhub_itself(tmp_path):
    environment = {**os.environ, "COURSE_HUB_PASSWORD": PASSWORD, "COURSE_HUB_STATE": str(tmp_path)}
    command = [*other_account(), sys.executable, "-m", "jupyterhub", "-f", str(CONFIG), "--ip=0.0.0.0"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert "come from COURSE_HUB_URL" in done.stderr and is_one_sentence(done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_everything_listens_on_loopback_and_keeps_its_state_in_one_folder(read_config, tmp_path):
    config = read_config(URL="http://127.0.0.1:8765")
    addresses = [config.JupyterHub.bind_url, config.ConfigurableHTTPProxy.api_url, config.JupyterHub.hub_bind_url]
    assert addresses == [f"http://127.0.0.1:{port}" for port in (8765, 8766, 8767)]
    state = str(tmp_path / "state")
    for place in (
        config.ConfigurableHTTPProxy.pid_file,
        config.JupyterHub.cookie_secret_file,
        config.JupyterHub.db_url.removeprefix("sqlite:///"),
        config.SimpleLocalProcessSpawner.home_dir_template,
        config.Spawner.environment["MPLCONFIGDIR"],
        config.Spawner.environment["JUPYTER_CONFIG_PATH"],
    ):
        assert place.startswith(state + os.sep)


def test_students_servers_do_not_get_the_password(read_config):
    config = read_config()
    assert PASSWORD not in json.dumps([config.Spawner.environment, config.Spawner.args, config.Spawner.cmd])
    assert "env_keep" not in config.Spawner


def test_a_name_is_one_plain_word(read_config):
    pattern = re.compile(read_config().Authenticator.username_pattern)
    assert all(pattern.match(name) for name in ("ada", "load-01", "x_9"))
    assert not any(
        pattern.match(name) for name in ("", "..", "a/b", "../ada", "Ada", "9a", "a b", "ada\n", "-a", "a" * 32)
    )


@pytest.mark.parametrize(("seats", "limit"), [(None, 0), ("12", 12)])
def test_the_number_of_seats_limits_the_servers(seats, limit, read_config):
    assert read_config(SEATS=seats).JupyterHub.active_server_limit == limit


# --- Each student's own copy ------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path):
    """A students' copy in small."""
    course = tmp_path / "student"
    (course / "notebooks" / "images").mkdir(parents=True)
    (course / student_copy.MARKER).write_text("")
    (course / "course_utils").mkdir()
    (course / "notebooks" / "00_start_here.ipynb").write_text("as handed out")
    (course / "notebooks" / "images" / "map.svg").write_text("a picture")
    return course


@pytest.fixture
def log_in(read_config, course, tmp_path):
    """What the hub does with a student's folder before it starts the server."""
    config = read_config(COURSE=str(course))
    home = tmp_path / "home"

    def arrive():
        config.Spawner.pre_spawn_hook(SimpleNamespace(home_dir=str(home)))
        return home

    return arrive


def tree(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_first_login_brings_the_notebooks_and_nothing_else(log_in):
    assert tree(log_in()) == {"notebooks/00_start_here.ipynb": "as handed out", "notebooks/images/map.svg": "a picture"}


def test_later_logins_overwrite_nothing_and_bring_what_is_new_or_was_removed(log_in, course):
    home = log_in()
    (home / "notebooks" / "00_start_here.ipynb").write_text("an evening's work")
    (home / "notebooks" / "images" / "map.svg").unlink()
    (course / "notebooks" / "00_start_here.ipynb").write_text("a later edition")
    (course / "notebooks" / "01_estimation.ipynb").write_text("a new lesson")
    assert tree(log_in()) == {
        "notebooks/00_start_here.ipynb": "an evening's work",
        "notebooks/01_estimation.ipynb": "a new lesson",
        "notebooks/images/map.svg": "a picture",
    }


def test_nothing_is_written_through_a_link(log_in, tmp_path):
    outside = tmp_path / "outside"
    (tmp_path / "home" / "notebooks").mkdir(parents=True)
    (tmp_path / "home" / "notebooks" / "00_start_here.ipynb").symlink_to(outside)
    log_in()
    assert not outside.exists()


def test_a_students_folder_is_closed_to_others(read_config, course, tmp_path):
    arrive, home = read_config(COURSE=str(course)).Spawner.pre_spawn_hook, tmp_path / "home"
    home.mkdir(mode=0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: home.stat().st_uid)
        arrive(SimpleNamespace(home_dir=str(home)))
    assert mode(home) == 0o700
    assert {mode(path) & 0o077 for path in home.rglob("*")} == {0}


def test_an_interrupted_copy_leaves_no_half_notebook(log_in, tmp_path, monkeypatch):
    def write_half(source, target):
        Path(target).write_text(Path(source).read_text()[:2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", write_half)
        with pytest.raises(KeyboardInterrupt):
            log_in()
    assert tree(tmp_path / "home") == {}
    assert len(tree(log_in())) == 2


# --- The command that starts it ---------------------------------------------------------------------------


@pytest.fixture
def free_port():
    return load_test.free_ports()


def missing(*names):
    return lambda name: None if name in names else f"/usr/bin/{name}"


@needs_hub
def test_what_is_missing_is_named_with_what_to_do(course, free_port, tmp_path):
    hub.require(course, free_port, which=missing(), find=missing())
    for arguments, words in (
        ((course, free_port, missing(), missing("jupyterhub")), "python tools/bootstrap.py classroom"),
        ((course, free_port, missing("node"), missing()), "Node.js"),
        ((tmp_path / "nothing", free_port, missing(), missing()), "make student"),
        ((course, 80, missing(), missing()), "from 1024 to 65533"),
        ((course, 65534, missing(), missing()), "from 1024 to 65533"),
    ):
        place, port, which, find = arguments
        with pytest.raises(hub.HubError, match=re.escape(words)) as raised:
            hub.require(place, port, which=which, find=find)
        assert is_one_sentence(str(raised.value))


@needs_hub
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_taken_port_is_named(offset, course, free_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port + offset))
        other.listen()
        with pytest.raises(hub.HubError, match=f"port {free_port + offset} is taken") as raised:
            hub.require(course, free_port, which=missing(), find=missing())
    assert is_one_sentence(str(raised.value))


@pytest.mark.parametrize("password", [None, "short"])
def test_the_command_asks_for_a_password(password, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("COURSE_HUB_PASSWORD", raising=False)
    if password:
        monkeypatch.setenv("COURSE_HUB_PASSWORD", password)
    assert hub.main([]) == 1
    message = capsys.readouterr().err
    assert "COURSE_HUB_PASSWORD" in message and is_one_sentence(message)


class Npm:
    """Npm as far as the hub asks for it."""

    def __init__(self, code=0, stderr=""):
        self.code, self.stderr, self.calls = code, stderr, []

    def __call__(self, command, *, cwd, **_):
        self.calls.append(command)
        assert {path.name for path in Path(cwd).iterdir()} == {"package.json", "package-lock.json"}
        (Path(cwd) / "node_modules").mkdir()
        return SimpleNamespace(returncode=self.code, stderr=self.stderr)


def test_the_proxy_is_installed_once_from_the_locked_versions(tmp_path):
    npm = Npm()
    for _ in range(2):
        assert hub.install_proxy(tmp_path / "hub" / "proxy", which=missing(), run=npm) == tmp_path / "hub" / "proxy"
    assert [command[1:3] for command in npm.calls] == [["ci", "--ignore-scripts"]]
    assert (tmp_path / "hub" / "proxy" / "node_modules").is_dir()
    assert [path.name for path in (tmp_path / "hub").iterdir()] == ["proxy"]


def test_a_changed_lock_is_installed_anew(tmp_path):
    npm = Npm()
    folder = hub.install_proxy(tmp_path / "proxy", which=missing(), run=npm)
    (folder / "installed").write_text("another lock")
    hub.install_proxy(folder, which=missing(), run=npm)
    assert len(npm.calls) == 2


def test_a_failing_npm_leaves_the_earlier_proxy(tmp_path):
    folder = hub.install_proxy(tmp_path / "proxy", which=missing(), run=Npm())
    (folder / "installed").write_text("another lock")
    with pytest.raises(hub.HubError, match="no route to the registry") as raised:
        hub.install_proxy(folder, which=missing(), run=Npm(code=1, stderr="npm error no route to the registry\nmore"))
    assert is_one_sentence(str(raised.value))
    assert (folder / "node_modules").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["proxy"]


def test_an_interrupted_npm_leaves_nothing(tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.install_proxy(tmp_path / "hub" / "proxy", which=missing(), run=interrupted)
    assert list((tmp_path / "hub").iterdir()) == []


def test_a_missing_npm_is_named(tmp_path):
    with pytest.raises(hub.HubError, match="no program called npm") as raised:
        hub.install_proxy(tmp_path / "proxy", which=missing("npm"))
    assert is_one_sentence(str(raised.value))


def test_the_lock_names_versions_and_checksums_and_no_address_to_fetch_from():
    wanted = json.loads((CLASSROOM / "package.json").read_text())["dependencies"]
    packages = json.loads((CLASSROOM / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert packages["node_modules/configurable-http-proxy"]["version"] == wanted["configurable-http-proxy"]
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_the_settings_are_the_course_s_own(tmp_path):
    fonts = tmp_path / "matplotlib" / "fontlist-v1.json"
    fonts.parent.mkdir()
    fonts.write_text("there already")
    hub.prepare(tmp_path)
    settings = tmp_path / "jupyter"
    overrides = json.loads((settings / "labconfig" / "default_setting_overrides.json").read_text())
    assert overrides == hub.LAB_SETTINGS
    server = (settings / "jupyter_server_config.py").read_bytes()
    assert server == (ROOT / "tools" / "teach" / "jupyter_server_config.py").read_bytes()
    assert fonts.read_text() == "there already"


def test_what_an_earlier_hub_left_open_is_closed(tmp_path):
    state = tmp_path / "state"
    (state / "homes" / "ada").mkdir(parents=True)
    for name in ("hub.sqlite", "cookie_secret", "hub.log"):
        (state / name).write_text("")
        (state / name).chmod(0o644)
    for path in (state, state / "homes", state / "homes" / "ada"):
        path.chmod(0o755)
    hub.close(state)
    assert {mode(path) for path in (state, state / "homes", state / "homes" / "ada")} == {0o700}
    assert {mode(state / name) for name in ("hub.sqlite", "cookie_secret", "hub.log")} == {0o600}
    (state / "new").write_text("")
    assert mode(state / "new") == 0o600


def test_a_state_that_cannot_be_closed_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(hub.HubError, match="cannot be closed to other accounts") as raised:
        hub.close(tmp_path / "file" / "state")
    assert is_one_sentence(str(raised.value))


# --- The load test's own parts ----------------------------------------------------------------------------


def record(name, error="", **memory):
    student = load_test.Student(name, load_test.URL("http://127.0.0.1"), None, error=error, memory=memory)
    student.seconds = {} if error else dict.fromkeys(load_test.PHASES, 2.0)
    student.cpu = 3.0
    return student


@needs_hub
def test_the_table_counts_and_names_those_who_failed():
    students = [
        record("load-01", idle=100, run=400),
        record("load-02", error="run: code cell 2 raised"),
        record("load-03"),
    ]
    text = load_test.table(students, load_test.Meter(students, peak=1234), "07")
    assert text.startswith("2 of 3 students logged in, opened lesson 07 and ran it")
    assert text.endswith("FAILED load-02: run: code cell 2 raised")
    assert "MB in all, highest: 1234" in text


@needs_hub
def test_messages_with_binary_parts_are_read():
    text = json.dumps({"channel": "iopub", "content": {"text": "λ"}}).encode()
    start = 4 * 3
    data = b"".join(number.to_bytes(4, "big") for number in (2, start, start + len(text))) + text + b"\x00\xff picture"
    assert load_test.read_message(data)["content"] == {"text": "λ"}
    alone = b"".join(number.to_bytes(4, "big") for number in (1, 8)) + text
    assert load_test.read_message(alone) == load_test.read_message(text.decode())


@needs_hub
def test_memory_and_processor_time_are_those_of_the_process():
    # A process of its own: one that has run for long finds room for the ballast among what it freed.
    code = "input('ready'); ballast = bytearray(b'x') * 50_000_000; input('full')"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout.read(5) == "ready"
        before = load_test.memory(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.read(4) == "full"
        assert 45 < load_test.memory(child.pid) - before < 60
        child.communicate("\n")
    assert load_test.cpu_seconds(os.getpid()) == pytest.approx(sum(os.times()[:4]), abs=0.1)
    assert load_test.memory(2**22 + 1) == load_test.cpu_seconds(2**22 + 1) == 0.0


@needs_hub
def test_a_students_processes_are_found_with_their_children():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True); input()'])"
    environment = {**os.environ, "JUPYTERHUB_USER": "load-98"}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        found = load_test.processes()["load-98"]
        assert sorted(load_test.descendants(process.pid)) == sorted(found)
        assert len(found) == 2 and process.pid in found
        process.stdin.close()


@needs_hub
def test_a_hub_that_does_not_start_is_explained(tmp_path, capsys):
    assert load_test.main(["--course", str(tmp_path / "nothing")]) == 1
    message = capsys.readouterr().err
    assert "the hub did not start" in message and is_one_sentence(message)
    assert not list(hub.STATE.glob("load-test-*/homes"))


# --- A real class -----------------------------------------------------------------------------------------


@pytest.fixture
def class_room(tmp_path, monkeypatch):
    """A hub with two seats, the real students' copy, and one lesson more, which fails in its second cell."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no program called {program}: JupyterHub's proxy needs Node.js")
    try:
        hub.install_proxy()
    except hub.HubError as error:
        pytest.skip(f"no proxy for JupyterHub: {error}")
    copy, _ = student_copy.build(tmp_path / "student")
    cells = [
        new_code_cell(f"import course_utils\n\nassert course_utils.__file__.startswith({str(copy)!r})"),
        new_markdown_cell("Then something goes wrong."),
        new_code_cell("1 / 0"),
    ]
    metadata = nbformat.read(copy / "notebooks" / "00_start_here.ipynb", as_version=4).metadata
    nbformat.write(new_notebook(cells=cells, metadata=metadata), copy / "notebooks" / "99_broken.ipynb")
    monkeypatch.setenv("COURSE_HUB_SEATS", "2")
    with load_test.own_hub(copy, within=other_account()) as (url, password, pid):

        def hold(users, lesson, password=password):
            work = load_test.hold_class(url, password, users=users, lesson=lesson, hub=pid, limit=240, interval=0.5)
            return asyncio.run(work)

        yield hold


@needs_hub
@pytest.mark.slow
@pytest.mark.timeout(900)  # for a machine that is busy with other things
def test_a_small_class(class_room):
    (stranger,), _ = class_room(1, "00", password="wrong horse")
    assert "is the password right?" in stranger.error and not stranger.seconds

    students, meter = class_room(3, "00")
    (late,) = [student for student in students if student.error]  # there are two seats
    assert late.error.startswith("server:") and "429" in late.error
    seated = [student for student in students if student is not late]
    for student in seated:
        assert set(student.seconds) == set(load_test.PHASES)
        assert 30 < student.memory["idle"] < student.memory["open"] < student.memory["run"] <= student.memory["peak"]
        cells = [cell for cell in student.notebook["cells"] if cell["cell_type"] == "code"]
        assert cells and all(cell["execution_count"] for cell in cells)
    assert meter.peak > sum(student.memory["run"] for student in seated) > 0 < meter.hub_memory

    (student,), _ = class_room(1, "99")
    assert re.match(r"run: code cell 2 of notebooks/99_broken\.ipynb raised .* ZeroDivisionError", student.error)
