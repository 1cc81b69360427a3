"""A student's server where each student has an account: what runs as the student, and two of them on a real hub."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from jsonschema import Draft7Validator
from nbformat.v4 import new_code_cell, new_notebook
from test_classroom import CLASSROOM, is_one_sentence, load_test, mode, module_from, needs_hub

from tools.publish import student_copy
from tools.teach import hub

ROOT = Path(__file__).resolve().parents[2]
START = CLASSROOM / "start_student.py"


# --- What runs as the student -----------------------------------------------------------------------------


@pytest.fixture
def start(monkeypatch, tmp_path):
    """The program, with a home, a course, and what the process would become instead of becoming it."""
    module = module_from(START)
    course, home, became = tmp_path / "course", tmp_path / "home", []
    (course / "notebooks").mkdir(parents=True)
    (course / "notebooks" / "00_start_here.ipynb").write_text("as handed out")
    (course / "matplotlib").mkdir()
    (course / "matplotlib" / "fontlist-v1.json").write_text("fonts")
    monkeypatch.setenv("COURSE_HUB_COURSE", str(course))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["start_student.py", "--more"])
    monkeypatch.setattr(os, "execv", lambda program, arguments: became.append(arguments))
    home.mkdir(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid or 1000)
    module.home, module.course, module.became = home, course, became
    before = os.umask(0o022)
    yield module
    os.umask(before)


def test_the_students_process_brings_the_notebooks_and_becomes_the_server(start):
    start.main()
    assert (start.home / "notebooks" / "00_start_here.ipynb").read_text() == "as handed out"
    assert (start.home / ".cache" / "matplotlib" / "fontlist-v1.json").read_text() == "fonts"
    ((_, option, server, *arguments),) = start.became
    assert (option, server, arguments[-1]) == ("-m", "jupyterhub.singleuser", "--more")
    assert Path.cwd() == start.home
    assert mode(start.home / "notebooks" / "00_start_here.ipynb") == 0o600


def test_nothing_is_overwritten(start):
    start.main()
    (start.home / "notebooks" / "00_start_here.ipynb").write_text("an evening's work")
    start.main()
    assert (start.home / "notebooks" / "00_start_here.ipynb").read_text() == "an evening's work"


def test_it_does_not_run_as_root(start, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit, match="must run as the student") as stopped:
        start.main()
    assert is_one_sentence(stopped.value.code)
    assert not start.became and not list(start.home.iterdir())


def test_a_missing_course_and_a_full_disk_are_named(start, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(SystemExit, match=r"could not be copied .* No space left") as stopped:
        start.main()
    assert is_one_sentence(stopped.value.code)
    assert not list((start.home / "notebooks").iterdir())
    monkeypatch.setenv("COURSE_HUB_COURSE", "/nowhere")
    with pytest.raises(SystemExit, match="/nowhere holds no students' copy") as stopped:
        start.main()
    assert is_one_sentence(stopped.value.code)
    assert not start.became


# --- What a container is made of --------------------------------------------------------------------------


def test_what_the_image_copies_is_there(tmp_path):
    copy, _ = student_copy.build(tmp_path / "student")
    lines = (CLASSROOM / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert ["--from=student", "."] in copies
    for files in copies:
        for file in files if "--from=student" not in files else ():
            assert (CLASSROOM / file).is_file(), file
    assert (copy / "constraints.txt").is_file() and (copy / "tools" / "bootstrap.py").is_file()
    assert lines[-2].startswith("USER ") and lines[-2] != "USER root"


@pytest.fixture(scope="module")
def schema():
    """The part of the chart's own schema that the values use; keys that it does not have are errors there too."""
    text = (Path(__file__).parent / "z2jh.schema.yaml").read_text(encoding="utf-8")
    return Draft7Validator(yaml.safe_load(text))


def values():
    return yaml.safe_load((CLASSROOM / "kubernetes.yaml").read_text(encoding="utf-8"))


def test_the_values_for_kubernetes_have_the_form_that_the_chart_asks_for(schema):
    assert [error.message for error in schema.iter_errors(values())] == []
    wrong = values()
    wrong["singleuser"]["memory"]["limits"] = "2G"
    wrong["proxy"]["https"]["type"] = "lets-encrypt"
    assert len(list(schema.iter_errors(wrong))) == 2


def test_a_container_has_the_limits_and_the_server_of_the_class():
    single = values()["singleuser"]
    assert single["cmd"][-1] == "/opt/course/start_student.py"
    assert single["memory"]["limit"] and single["cpu"]["limit"]
    assert single["uid"] == 1000 and single["allowPrivilegeEscalation"] is False
    assert values()["hub"]["activeServerLimit"] == 30
    assert values()["proxy"]["https"]["enabled"] is True


# --- Two students with an account each --------------------------------------------------------------------

PROBE = [
    """\
import os
from pathlib import Path

home, me = Path.home(), os.environ["JUPYTERHUB_USER"]
assert os.getuid() == os.geteuid() >= 41001
assert home.name == me and home.stat().st_mode & 0o777 == 0o700
(home / "answer.txt").write_text(me)""",
    """\
def closed(path):
    try:
        return not (os.listdir(path) if os.path.isdir(path) else [open(path, "rb").read(1)])
    except PermissionError:
        return True


assert not closed(home) and not closed(home / "answer.txt")""",
    """\
(other,) = [folder for folder in home.parent.iterdir() if folder != home]
assert all(closed(other / name) for name in ("", "answer.txt", "notebooks/00_start_here.ipynb"))""",
    """\
state = home.parent.parent / "state"
assert closed(state) and closed(state / "hub.sqlite") and closed(state / "cookie_secret")""",
    """\
strangers = [path for path in Path("/proc").glob("[0-9]*") if path.stat().st_uid != os.getuid()]
assert len(strangers) > 2 and all(closed(path / "environ") for path in strangers)""",
    """\
import course_utils

course = Path(course_utils.__file__).parents[1]
assert course == home.parent.parent / "course"
assert not any(os.access(path, os.W_OK) for path in (course, course / "start_student.py", course / "data"))""",
]
HUB = """\
load_subconfig("/mnt/course/users_config.py")
c = get_config()
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.pid_file = "/mnt/state/proxy.pid"
c.JupyterHub.cookie_secret_file = "/mnt/state/cookie_secret"
c.JupyterHub.db_url = "sqlite:////mnt/state/hub.sqlite"
"""
# In mounts of its own: two more accounts, their homes, the course that belongs to root, and the way to the interpreter,
# which may lie in a folder that only root may enter.
STAGE = """\
set -eu
mount --make-rprivate /
{open}
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/homes /mnt/course
mkdir -m 700 /mnt/state
cp -r {copy}/. {start} {config} /mnt/course
chmod -R a+rX,go-w /mnt/course
cp /etc/passwd /etc/group /mnt
for number in 1 2; do
    echo "load-0$number:x:4100$number:4100$number::/mnt/homes/load-0$number:/bin/sh" >> /mnt/passwd
    echo "load-0$number:x:4100$number:" >> /mnt/group
    mkdir -m 755 /mnt/homes/load-0$number
    chown 4100$number:4100$number /mnt/homes/load-0$number
done
mount --bind /mnt/passwd /etc/passwd
mount --bind /mnt/group /etc/group
cd /mnt/state
exec {python} -m jupyterhub -f {hub}
"""


def ways(*needed):
    """Return the commands that open, in mounts of one's own, the way to folders below what only root may enter."""
    blocked = {}
    for path in sorted({Path(path).resolve() for path in needed}):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                blocked.setdefault(folder, []).append(path)
                break
    lines = []
    for folder, paths in blocked.items():
        lines.append("mount -t tmpfs tmpfs /mnt")
        lines += [f"mkdir /mnt/{i} && mount --bind '{path}' /mnt/{i}" for i, path in enumerate(paths)]
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs '{folder}'")
        lines += [f"mkdir -p '{path}' && mount --bind /mnt/{i} '{path}'" for i, path in enumerate(paths)]
        lines.append("umount -R /mnt")
    return "\n".join(lines)


@pytest.fixture
def two_accounts(tmp_path):
    """A hub, run by root, with an account for each of two students; yields its address and its password."""
    if os.geteuid() != 0:
        pytest.skip("Only root can give two students an account each.")
    apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).returncode:
        pytest.skip("This system does not let root mount anything, as in a container.")
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no program called {program}: JupyterHub's proxy needs Node.js")
    try:
        proxy = hub.install_proxy()
    except hub.HubError as error:
        pytest.skip(f"no proxy for JupyterHub: {error}")
    copy, _ = student_copy.build(tmp_path / "student")
    metadata = nbformat.read(copy / "notebooks" / "00_start_here.ipynb", as_version=4).metadata
    probe = new_notebook(cells=[new_code_cell(source) for source in PROBE], metadata=metadata)
    nbformat.write(probe, copy / "notebooks" / "98_probe.ipynb")
    port, password = load_test.free_ports(), "correct horse"
    program = proxy / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    command = [shutil.which("node"), str(program)]
    config, stage, log = tmp_path / "hub.py", tmp_path / "stage.sh", tmp_path / "hub.log"
    config.write_text(HUB.format(password=password, port=port, api=port + 1, hub=port + 2, proxy=command))
    stage.write_text(
        STAGE.format(
            open=ways(sys.base_prefix, sys.prefix, program.parents[3]),
            copy=copy,
            start=START,
            config=CLASSROOM / "users_config.py",
            python=sys.executable,
            hub=config,
        )
    )
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "COURSE_HUB_COURSE": "/mnt/course",
        "COURSE_HUB_PYTHON": sys.executable,
    }
    with log.open("wb") as file:
        process = subprocess.Popen([*apart, "sh", str(stage)], stdout=file, stderr=file, env=environment)
    try:
        load_test.wait_for_hub(process, log, 240)
        yield f"http://127.0.0.1:{port}", password
    finally:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), 15)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@needs_hub
@pytest.mark.slow
@pytest.mark.timeout(900)  # for a machine that is busy with other things
def test_of_two_students_with_an_account_each_neither_reads_the_other(two_accounts):
    url, password = two_accounts
    work = load_test.hold_class(url, password, users=2, lesson="98", limit=240, interval=5)
    students, _ = asyncio.run(work)
    assert [student.error for student in students] == ["", ""]
    for student in students:
        cells = [cell for cell in student.notebook["cells"] if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in cells] == list(range(1, len(PROBE) + 1))
