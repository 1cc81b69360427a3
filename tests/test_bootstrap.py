"""The bootstrap installs when it must, never when it need not, and fails in one sentence.

No environment is built here: a shell script stands for the interpreter in .venv, plays pip and keeps a diary.
"""

import ast
import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traitlets.config import PyFileConfigLoader

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tools" / "bootstrap.py"
needs_shell = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")

INTERPRETER = """\
#!/bin/sh
here="$(cd "$(dirname "$0")/.." && pwd -P)"
echo "$@" >> "$here/diary"
case "$*" in
  "-m pip "*) cat "$here/pip-says"; exit "$(cat "$here/pip-status")" ;;
  *find_spec*) echo "[\\"$here\\", [3, 11], true]" ;;
  *python_version*) echo 3.11.9 ;;
  *font_manager*) cat "$here/import-says"; test ! -s "$here/import-says" ;;
esac
"""


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Checkout:
    """A folder with the files the bootstrap reads, and a .venv in which nothing is real."""

    def __init__(self, folder):
        self.folder = folder
        self.venv = folder / ".venv"
        for name in (
            "pyproject.toml",
            "constraints.txt",
            "Makefile",
            "tools/bootstrap.py",
            "tools/teach/jupyter_server_config.py",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)

    def make_environment(self):
        shutil.rmtree(self.venv, ignore_errors=True)
        executable(self.venv / "bin" / "python", INTERPRETER)
        (self.venv / "pyvenv.cfg").touch()
        (self.venv / "import-says").touch()
        self.pip_will("Collecting torch\nInstalling collected packages: torch\nSuccessfully installed torch")

    def fails(self, command):
        """Let the stand-in fail where it is called with arguments that begin so."""
        failing = INTERPRETER.replace("esac", f'  "{command}"*) exit 1 ;;\nesac')
        executable(self.venv / "bin" / "python", failing)

    def pip_will(self, say, status=0):
        (self.venv / "pip-says").write_text(say + "\n")
        (self.venv / "pip-status").write_text(str(status))

    def calls(self, text):
        """How often the stand-in was called with a text among its arguments."""
        diary = self.venv / "diary"
        return diary.read_text().count(text) if diary.exists() else 0

    def module(self):
        """The bootstrap, imported from this checkout; making an environment lays out the stand-in."""
        spec = importlib.util.spec_from_file_location("bootstrap", self.folder / "tools" / "bootstrap.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.made = 0

        def make_environment():
            module.made += 1
            self.make_environment()

        module.make_environment = make_environment
        return module


@pytest.fixture
def checkout(tmp_path):
    return Checkout(Path(os.path.realpath(tmp_path)) / "the course")  # the space in the path is on purpose


@pytest.fixture
def bootstrap(checkout):
    return checkout.module()


def says_one_sentence(capsys):
    """Return what was written to stderr, after checking that it is one line, a sentence, and no traceback."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1, f"expected one line, got: {text!r}"
    assert "Traceback" not in text
    assert text[0].isupper() or text.startswith("pip ")
    assert text.endswith(".\n")
    return text


# ---- installing once


@needs_shell
def test_a_first_run_installs_under_the_constraints_and_a_second_does_nothing(checkout, bootstrap, capsys):
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.made == 1
    assert checkout.calls("pip install") == 1
    assert checkout.calls("-c constraints.txt -e .[lab]") == 1
    capsys.readouterr()
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert (bootstrap.made, checkout.calls("pip install")) == (1, 1)
    assert capsys.readouterr().out == ""


@needs_shell
def test_the_news_popup_is_silenced(checkout, bootstrap):
    bootstrap.main(["lab", "--quiet"])
    settings = json.loads((checkout.venv / "share/jupyter/lab/settings/overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


@needs_shell
def test_the_server_is_told_to_save_explorers_as_pictures(checkout, bootstrap):
    bootstrap.main(["lab", "--quiet"])
    config = PyFileConfigLoader("jupyter_server_config.py", path=str(checkout.venv / "etc/jupyter")).load_config()
    picture, view = "<img alt='a'>", "application/vnd.jupyter.widget-view+json"
    cell = new_code_cell(outputs=[new_output("display_data", data={"text/html": picture, view: {"model_id": "1"}})])
    slider = new_code_cell(outputs=[new_output("display_data", data={view: {"model_id": "2"}})])
    notebook = new_notebook(cells=[cell, slider], metadata={"widgets": {view: {}}})
    config.ContentsManager.pre_save_hook(
        model={"type": "notebook", "content": notebook}, path="", contents_manager=None
    )
    assert cell.outputs[0].data == {"text/html": picture}
    assert view in slider.outputs[0].data, "a reader's own widget, without a picture beside it, is left alone"
    assert "widgets" not in notebook.metadata


@needs_shell
def test_the_server_reads_a_lesson_as_jupyterlab_would_write_it(checkout, bootstrap, tmp_path):
    bootstrap.main(["lab", "--quiet"])
    config = PyFileConfigLoader("jupyter_server_config.py", path=str(checkout.venv / "etc/jupyter")).load_config()
    manager = config.ServerApp.contents_manager_class(root_dir=str(tmp_path), parent=None)
    python = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    other = {"display_name": "R", "language": "R", "name": "ir"}
    for name, kernel in (("lesson", python), ("other", other)):
        metadata = {"kernelspec": kernel, "language_info": {"name": kernel["language"]}}
        nbformat.write(new_notebook(metadata=metadata), tmp_path / f"{name}.ipynb")
    stored = (tmp_path / "lesson.ipynb").read_bytes()

    def language(name):
        return asyncio.run(manager.get(f"{name}.ipynb"))["content"]["metadata"]["language_info"]

    assert language("lesson") == IPythonKernel.language_info
    assert language("lesson")["version"] == sys.version.split()[0]
    assert language("other") == {"name": "R"}, "what another kernel will say is not known"
    assert asyncio.run(manager.get("lesson.ipynb", content=False))["content"] is None
    assert (tmp_path / "lesson.ipynb").read_bytes() == stored


@needs_shell
def test_without_make_the_next_command_is_told(bootstrap, capsys):
    assert bootstrap.main(["lab"]) == 0
    assert "notebooks/00_start_here.ipynb" in capsys.readouterr().out
    assert bootstrap.main(["lab"]) == 0
    assert "notebooks/00_start_here.ipynb" in capsys.readouterr().out


@needs_shell
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_either_file_installs_again_and_a_new_date_does_not(checkout, bootstrap, name):
    bootstrap.main(["lab", "--quiet"])
    os.utime(checkout.folder / name, (4e9, 4e9))
    bootstrap.main(["lab", "--quiet"])
    assert checkout.calls("pip install") == 1
    with (checkout.folder / name).open("a") as file:
        file.write("# changed\n")
    bootstrap.main(["lab", "--quiet"])
    assert (bootstrap.made, checkout.calls("pip install")) == (1, 2)


@needs_shell
def test_the_test_extra_includes_the_lab_extra_and_not_the_other_way_round(checkout, bootstrap):
    bootstrap.main(["lab", "--quiet"])
    bootstrap.main(["test", "--quiet"])
    assert checkout.calls(".[test]") == 1
    bootstrap.main(["lab", "--quiet"])
    assert checkout.calls("pip install") == 2


# ---- never believing half an installation


@needs_shell
def test_a_failed_download_leaves_the_working_environment_in_place(checkout, bootstrap, capsys):
    bootstrap.main(["lab", "--quiet"])
    checkout.pip_will("Collecting pytest\nERROR: No matching distribution found for pytest", status=1)
    assert bootstrap.main(["test", "--quiet"]) == 1
    says_one_sentence(capsys)
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert (bootstrap.made, checkout.calls("pip install")) == (1, 2)


@needs_shell
def test_a_failure_while_packages_change_starts_afresh(checkout, bootstrap, capsys):
    bootstrap.main(["lab", "--quiet"])
    checkout.pip_will("Installing collected packages: pytest\nERROR: [Errno 28] No space left on device", 1)
    assert bootstrap.main(["test", "--quiet"]) == 1
    assert "disk is full" in says_one_sentence(capsys)
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.made == 2


@needs_shell
@pytest.mark.parametrize(("stage", "made"), [("Collecting", 1), ("Installing", 2)])
def test_an_interrupted_installation_is_repeated(bootstrap, monkeypatch, capsys, stage, made):
    def interrupt(line):
        if line and line.startswith(stage):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "show_progress", interrupt)
        assert bootstrap.main(["lab", "--quiet"]) == 130
    assert "repeat" in says_one_sentence(capsys)
    assert not bootstrap.installed("lab")
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.installed("lab")
    assert bootstrap.made == made


@needs_shell
def test_packages_that_do_not_start_are_not_believed(checkout, bootstrap, capsys):
    bootstrap.make_environment()
    (checkout.venv / "import-says").write_text("Traceback ...\nImportError: libtorch.so: wrong ELF class\n")
    assert bootstrap.main(["lab", "--quiet"]) == 1
    assert "libtorch.so: wrong ELF class" in says_one_sentence(capsys)
    assert not bootstrap.installed("lab")


@needs_shell
@pytest.mark.parametrize("text", ["", "[]", "{", '{"folder": 3}'])
def test_a_damaged_stamp_is_not_believed(checkout, bootstrap, text):
    bootstrap.main(["lab", "--quiet"])
    (checkout.venv / ".installed-lab").write_text(text)
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.installed("lab")


# ---- an environment that cannot be used


@needs_shell
def test_a_moved_folder_gets_a_new_environment(checkout, bootstrap, capsys):
    bootstrap.main(["lab", "--quiet"])
    moved = Checkout(checkout.folder.rename(checkout.folder.with_name("moved"))).module()
    capsys.readouterr()
    assert moved.main(["lab", "--quiet"]) == 0
    assert moved.made == 1
    assert "made in another folder" in capsys.readouterr().out


@needs_shell
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("exit 1", "does not run"),
        ('echo "[\\"/somewhere/else\\", [3, 11], true]"', "another environment"),
        ('echo "[\\"$here\\", [3, 9], true]"', "it holds Python 3.9"),
        ('echo "[\\"$here\\", [3, 11], false]"', "it has no pip"),
    ],
)
def test_a_broken_environment_is_made_again(checkout, bootstrap, capsys, answer, reason):
    bootstrap.main(["lab", "--quiet"])
    broken = INTERPRETER.replace('echo "[\\"$here\\", [3, 11], true]"', answer)
    assert broken != INTERPRETER
    executable(checkout.venv / "bin" / "python", broken)
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.made == 2
    assert reason in capsys.readouterr().out


@needs_shell
def test_an_environment_without_interpreter_is_made_again(checkout, bootstrap):
    bootstrap.main(["lab", "--quiet"])
    (checkout.venv / "bin" / "python").unlink()
    assert bootstrap.main(["lab", "--quiet"]) == 0
    assert bootstrap.made == 2


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_not_an_environment_is_left_alone(checkout, bootstrap, capsys, kind):
    thesis = checkout.venv / "thesis.tex" if kind == "folder" else checkout.venv
    thesis.parent.mkdir(exist_ok=True)
    thesis.write_text("years of work")
    assert bootstrap.main(["lab", "--quiet"]) == 1
    assert "rename or remove it" in says_one_sentence(capsys)
    assert thesis.read_text() == "years of work"


# ---- failures in one sentence

NO_NETWORK = """\
Looking in indexes: http://127.0.0.1:9/
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: Failed to establish a \
new connection: [Errno 111] Connection refused')': /setuptools/
ERROR: Could not find a version that satisfies the requirement setuptools (from versions: none)
ERROR: No matching distribution found for setuptools
note: This error originates from a subprocess, and is likely not a problem with pip.
"""


@needs_shell
@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (NO_NETWORK, "cannot reach the network"),
        ("socket.gaierror: [Errno -2] Name or service not known", "cannot reach the network"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...", "PIP_CERT"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("ERROR: [Errno 13] Permission denied: '.venv/lib'", "folder of your own"),
        (
            "ERROR: No matching distribution found for torch==2.13.0",
            "pip finds no torch==2.13.0 for Python 3.11.9",
        ),
        ("ERROR: something nobody foresaw", "ERROR: something nobody foresaw"),
        ("", "no message"),
    ],
)
def test_each_failure_of_pip_has_its_sentence_and_names_the_log(checkout, bootstrap, capsys, output, expected):
    bootstrap.make_environment()
    checkout.pip_will(output, status=1)
    assert bootstrap.main(["lab", "--quiet"]) == 1
    sentence = says_one_sentence(capsys)
    assert expected in sentence
    assert ".venv/install.log" in sentence
    assert output in (checkout.venv / "install.log").read_text()
    assert not bootstrap.installed("lab")


def test_an_old_python_is_told_which_one_to_use(bootstrap):
    with pytest.raises(bootstrap.SetupError, match=r"3\.11 or newer, and this is Python 2\.7\.18: .*install"):
        bootstrap.check_python((2, 7, 18, "final", 0), "lab", candidate=lambda: None)
    with pytest.raises(bootstrap.SetupError, match=r"run `make test PYTHON=python3\.13`"):
        bootstrap.check_python((3, 10, 4, "final", 0), "test", candidate=lambda: "python3.13")
    bootstrap.check_python((3, 11, 0, "final", 0), "lab", candidate=lambda: None)
    bootstrap.check_python((4, 0, 0, "final", 0), "lab", candidate=lambda: None)


@needs_shell
def test_a_newer_python_is_found_only_if_it_runs(bootstrap, tmp_path, monkeypatch):
    executable(tmp_path / "bin" / "python3.12", "#!/bin/sh\nexit 127\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert bootstrap.newer_python() is None
    executable(tmp_path / "bin" / "python3.13", "#!/bin/sh\nexit 0\n")
    assert bootstrap.newer_python() == "python3.13"


def run_as(checkout, preparation):
    """Run the bootstrap in a process of its own, after a line that changes what it finds."""
    command = f"import runpy, sys; {preparation}; sys.argv = ['bootstrap.py', 'lab']; "
    command += "runpy.run_path('tools/bootstrap.py', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", command], cwd=checkout.folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("preparation", "expected"),
    [
        ("sys.version_info = (3, 8, 1, 'final', 0)", "needs Python 3.11 or newer, and this is Python 3.8.1"),
        ("sys.modules['ensurepip'] = None", "apt install python3-venv"),
        ("sys.modules['venv'] = None", "apt install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_fails_in_one_line(checkout, preparation, expected):
    result = run_as(checkout, preparation)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert expected in result.stderr
    assert not checkout.venv.exists()


@needs_shell
@pytest.mark.parametrize(
    ("failing", "message", "expected"),
    [
        ("-m venv", "Error: [Errno 28] No space left on device: '.venv'", "The disk is full"),
        ("-m ensurepip", "OSError: [Errno 28] No space left on device", "The disk is full"),
        (
            "-m venv",
            "Error: [Errno 30] Read-only file system: '.venv'",
            "put the course in a folder of your own",
        ),
        (
            "-m ensurepip",
            "Error: something nobody foresaw.",
            "could not be made: Error: something nobody foresaw.",
        ),
    ],
)
def test_failures_while_making_the_environment_are_one_line(checkout, failing, message, expected):
    interpreter = checkout.folder / "python"
    copy = 'mkdir -p .venv/bin && cp "$0" .venv/bin/python'
    executable(
        interpreter,
        f'#!/bin/sh\ncase "$*" in "{failing}"*) echo "{message}" >&2; exit 1 ;; *) {copy} ;; esac\n',
    )
    result = run_as(checkout, f"sys.executable = {str(interpreter)!r}")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert expected in result.stderr
    assert ".." not in result.stderr


@pytest.mark.parametrize("arguments", [[], ["everything"], ["lab", "test"], ["--quiet"]])
def test_wrong_arguments_show_the_usage(bootstrap, capsys, arguments):
    assert bootstrap.main(arguments) == 2
    assert "bootstrap.py lab|present|classroom|release|test" in capsys.readouterr().err


def test_very_old_interpreters_can_read_the_script():
    source = SCRIPT.read_bytes()
    assert source.isascii(), "Python 2 reads no other characters without a declaration"
    tree = ast.parse(source, feature_version=(3, 4))
    too_new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.YieldFrom, ast.Await)
    for node in ast.walk(tree):
        assert not isinstance(node, too_new), f"line {node.lineno}: {type(node).__name__}"
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            assert not any(isinstance(item, ast.Starred) for item in node.elts), f"line {node.lineno}: *items"
        if isinstance(node, ast.FunctionDef):
            annotations = [node.returns, *(argument.annotation for argument in node.args.args)]
            assert not any(annotations), f"line {node.lineno}: annotations"
            assert not node.args.kwonlyargs, f"line {node.lineno}: keyword-only arguments"
        if isinstance(node, ast.Raise):
            assert node.cause is None, f"line {node.lineno}: raise … from …"


def test_only_the_standard_library_is_imported():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


# ---- make


def make(checkout, *arguments, path=None):
    environment = {**os.environ, "PYTHONPATH": "/of/another/project"}
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", *arguments],
        cwd=checkout.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_make
@needs_shell
def test_make_lab_sets_up_once_and_starts_every_time(checkout, bootstrap):
    checkout.make_environment()
    flags = "LAB_FLAGS=--no-browser --port=8899"
    for run in (1, 2):
        result = make(checkout, "lab", flags)
        assert result.returncode == 0, result.stderr
        assert checkout.calls("pip install") == 1
        assert checkout.calls("-m jupyterlab") == run
    started = (checkout.venv / "diary").read_text().splitlines()[-1]
    assert f"--ServerApp.root_dir={checkout.folder}" in started
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in started
    assert started.endswith("--no-browser --port=8899")


@needs_make
@needs_shell
@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False)])
def test_jupyter_runs_as_root_only_for_root(checkout, tmp_path, user, allowed):
    executable(tmp_path / "stub" / "id", f"#!/bin/sh\necho {user}\n")
    result = make(checkout, "-n", "lab", path=tmp_path / "stub")
    assert ("--allow-root" in result.stdout) is allowed


@needs_make
@needs_shell
@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["test"], "-m tools.check --jobs 2"),
        (["test", "JOBS=5"], "-m tools.check --jobs 5"),
        (["check", "NB=notebooks/08_vae.ipynb"], "-m tools.check --jobs 2 notebooks/08_vae.ipynb"),
    ],
)
def test_make_leaves_the_stages_to_the_check(checkout, arguments, asked):
    checkout.make_environment()
    result = make(checkout, *arguments)
    assert result.returncode == 0, result.stderr
    diary = (checkout.venv / "diary").read_text().splitlines()
    assert [line for line in diary if line.startswith("-m tools")] == [asked]
    checkout.fails("-m tools.check")
    assert make(checkout, *arguments).returncode != 0


@needs_make
def test_an_unknown_python_is_one_sentence(checkout):
    result = make(checkout, "lab", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert result.stderr.startswith("There is no program called no-such-python: install Python 3.11 or newer")


@needs_make
def test_make_alone_lists_the_commands(checkout):
    result = make(checkout)
    for target in ("lab", "test", "check", "student", "execute", "bench", "format", "clean"):
        assert f"make {target} " in result.stdout
