"""Keep the course's environment, .venv, as pyproject.toml and constraints.txt ask for.

    python tools/bootstrap.py lab          what a reader needs
    python tools/bootstrap.py present      what an instructor needs to show a lesson as slides, which includes it
    python tools/bootstrap.py classroom    what a class needs on a JupyterHub, which includes it
    python tools/bootstrap.py release      what building slides and site needs
    python tools/bootstrap.py test         what a contributor needs, which includes all

Make calls this script; where there is no make, call it yourself. It needs the standard library only.
A failure is one sentence that says what to do, and a non-zero exit.

The file keeps to syntax that very old interpreters can read: one that cannot read it could not say that it
is too old.
"""

from __future__ import print_function

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys

MINIMUM = (3, 11)
EXTRAS = {
    "lab": ("lab", "present", "classroom", "test"),
    "present": ("present", "test"),
    "classroom": ("classroom", "test"),
    "release": ("release", "test"),
    "test": ("test",),
}  # an extra, and the extras whose installation provides it
ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
LOG = os.path.join(".venv", "install.log")

LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}

# What pip or venv say when they fail, and what to do about it. The first pattern that is found decides, so
# causes stand before their consequences: pip, having lost the network, ends with 'No matching distribution'.
REMEDIES = (
    (
        r"No space left on device|Errno 28|not enough space on the disk|WinError 112|Disk quota exceeded",
        "The disk is full: free about 3 GB for .venv and for pip's temporary files, then repeat the command",
    ),
    (
        r"Permission denied|Read-only file system|Access is denied",
        "Some files cannot be written: put the course in a folder of your own, then repeat the command",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "This network's certificate is not trusted: name its certificate file in the environment variable "
        "PIP_CERT, or use another network, then repeat the command",
    ),
    (
        r"NewConnectionError|ConnectTimeoutError|ReadTimeout|NameResolutionError|ProtocolError|ProxyError"
        r"|RemoteDisconnected|IncompleteRead|Failed to establish a new connection|Max retries exceeded"
        r"|Connection (refused|reset|aborted|broken)|getaddrinfo failed|Name or service not known"
        r"|Temporary failure in name resolution|Network is unreachable",
        "pip cannot reach the network: connect, or set PIP_INDEX_URL to an index that you can reach, or set "
        "PIP_NO_INDEX=1 and PIP_FIND_LINKS to a folder of wheels, then repeat the command",
    ),
    (
        r"No matching distribution found for (?P<requirement>[^\s]+)",
        "pip finds no {requirement} for Python {python} on {system}: the versions were chosen with Python "
        "{minimum}, so try that one; if you install from a folder of wheels, add this package to it",
    ),
)


class SetupError(Exception):
    """A failure whose message is the whole sentence a user should read."""


def dotted(version):
    """Write a version tuple the usual way: (3, 11) as '3.11'."""
    return ".".join(str(part) for part in version)


def remedy(output, default, python):
    """Return the sentence that helps with pip's or venv's output, or the default where no cause is known."""
    for pattern, sentence in REMEDIES:
        found = re.search(pattern, output)
        if found:
            system = platform.system() + " " + platform.machine()
            return sentence.format(python=python, system=system, minimum=dotted(MINIMUM), **found.groupdict())
    return default


def last_line(output):
    """Return the last line that says something, without its full stop."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no message"


def output_of(command):
    """Run a command and return its exit status and everything it printed."""
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return 127, str(error)
    output = process.communicate()[0]
    return process.returncode, output.decode("utf-8", "replace")


def environment():
    """Return the environment for pip and for .venv's Python, without what would lead them elsewhere."""
    variables = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"):
        variables.pop(name, None)
    variables.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8", PIP_QUIET="0")
    return variables


# ---- which Python


def newer_python():
    """Return the name of a Python on the PATH that is new enough and runs, or None."""
    test = "import sys; sys.exit(sys.version_info < {0})".format(MINIMUM)
    for minor in range(MINIMUM[1], MINIMUM[1] + 4):
        name = "python3.{0}".format(minor)
        if output_of([name, "-c", test])[0] == 0:
            return name
    return None


def check_python(version, extra, candidate=newer_python):
    """Raise SetupError if the Python that is to make the environment is too old."""
    if tuple(version[:2]) >= MINIMUM:
        return
    sentence = "The course needs Python {0} or newer, and this is Python {1}: ".format(
        dotted(MINIMUM), dotted(version[:3])
    )
    name = candidate()
    if name:
        raise SetupError(sentence + "you also have {0}, so run `make {1} PYTHON={0}`.".format(name, extra))
    raise SetupError(sentence + "install a newer one, then run, say, `make {0} PYTHON=python3.12`.".format(extra))


def check_venv_modules(import_module=__import__):
    """Raise SetupError if this Python cannot make environments, as on a Debian without python3-venv."""
    try:
        for name in ("venv", "ensurepip"):
            import_module(name)
        return
    except ImportError:
        pass
    raise SetupError(
        "This Python has no venv module: on Debian and Ubuntu run `sudo apt install python3-venv`, elsewhere "
        "install a complete Python, then repeat the command."
    )


# ---- the environment on disk


def inside(*parts):
    """Return a path in .venv."""
    return os.path.join(ROOT, ".venv", *parts)


def venv_python():
    """Return the path of .venv's interpreter."""
    return inside("Scripts", "python.exe") if os.name == "nt" else inside("bin", "python")


def stamp(extra):
    """Return the path of the file that says an extra was installed, and from what."""
    return inside(".installed-" + extra)


def unfinished():
    """Return the path of the file that exists while pip changes packages."""
    return inside(".unfinished")


def read_stamp(extra):
    """Return what an installation left on record, or an empty record."""
    try:
        with io.open(stamp(extra), encoding="utf-8") as file:
            record = json.load(file)
    except (IOError, OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def fingerprint():
    """Return a digest of the two files that decide what is installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read() + b"\0")
    return digest.hexdigest()


def installed(extra):
    """Say whether an extra is installed from the files as they are now."""
    wanted = {"folder": ROOT, "fingerprint": fingerprint()}
    return any(read_stamp(name) == wanted for name in EXTRAS[extra])


def fault():
    """Return why .venv has to be made (again), or None if it can be used as it is."""
    if not os.path.lexists(inside()):
        return "it does not exist yet"
    if not os.path.isfile(inside("pyvenv.cfg")):
        if not os.path.isdir(inside()) or os.listdir(inside()):
            raise SetupError(
                "There is a .venv in this folder that is not a virtual environment: rename or remove it, "
                "then repeat the command."
            )
        return "it is empty"
    folders = [record["folder"] for record in map(read_stamp, sorted(EXTRAS)) if "folder" in record]
    if any(folder != ROOT for folder in folders):
        return "it was made in another folder"
    if os.path.exists(unfinished()):
        return "an installation did not finish"
    probe = (
        "import json, sys, importlib.util as u; "
        "print(json.dumps([sys.prefix, sys.version_info[:2], u.find_spec('pip') is not None]))"
    )
    status, output = output_of([venv_python(), "-c", probe])
    if status != 0:
        return "its Python does not run any more"
    prefix, version, has_pip = json.loads(output.splitlines()[-1])
    if os.path.realpath(prefix) != os.path.realpath(inside()):
        return "its Python belongs to another environment"
    if tuple(version) < MINIMUM:
        return "it holds Python " + dotted(version)
    return None if has_pip else "it has no pip"


def make_environment():
    """Make .venv afresh with the Python that runs this script."""
    # In two steps, because venv keeps to itself what went wrong while it installed pip.
    for command in (
        [sys.executable, "-m", "venv", "--clear", "--without-pip", inside()],
        [venv_python(), "-m", "ensurepip", "--upgrade", "--default-pip"],
    ):
        status, output = output_of(command)
        if status != 0:
            default = "The environment .venv could not be made: " + last_line(output)
            raise SetupError(remedy(output, default, dotted(sys.version_info[:2])) + ".")


# ---- the packages in it


def install(extra):
    """Install the course with an extra, and leave a stamp if every step succeeded."""
    python = venv_python()
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "-c", "constraints.txt", "-e", ".[{0}]".format(extra)]
    status, output = run_pip(command)
    version = output_of([python, "-c", "import platform; print(platform.python_version())"])[1].strip()
    if status != 0:
        default = "The packages could not be installed: " + last_line(output)
        raise SetupError(remedy(output, default, version) + " (pip's own words are in {0}).".format(LOG))
    # The imports prove that the compiled packages fit this computer. The second builds matplotlib's list of
    # fonts, which would otherwise print a notice into a reader's first notebook.
    status, output = output_of([python, "-c", "import torch; import matplotlib.font_manager"])
    if status != 0:
        raise SetupError("The packages were installed but do not start on this computer: " + last_line(output) + ".")
    settings = inside("share", "jupyter", "lab", "settings")
    if not os.path.isdir(settings):
        os.makedirs(settings)
    write_json(os.path.join(settings, "overrides.json"), LAB_SETTINGS)
    server = inside("etc", "jupyter")
    if not os.path.isdir(server):
        os.makedirs(server)
    shutil.copy(os.path.join(ROOT, "tools", "teach", "jupyter_server_config.py"), server)
    write_json(stamp(extra), {"folder": ROOT, "fingerprint": fingerprint()})
    if os.path.exists(unfinished()):
        os.remove(unfinished())


def run_pip(command):
    """Run pip, keep its words in the log, and show how far it is; return exit status and output.

    Up to 'Installing collected packages' pip only downloads, and an interruption is harmless. From there on
    an interrupted package may look complete without being so: the file `unfinished` then makes the next run
    start afresh.
    """
    lines = []
    with io.open(inside("install.log"), "wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            for raw in iter(process.stdout.readline, b""):
                log.write(raw)
                line = raw.decode("utf-8", "replace").strip()
                lines.append(line)
                if line.startswith("Installing collected packages"):
                    forget_stamps()
                show_progress(line)
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            show_progress(None)
    return process.returncode, "\n".join(lines)


def forget_stamps():
    """Put the environment on record as being changed."""
    write_json(unfinished(), True)
    for extra in EXTRAS:
        if os.path.exists(stamp(extra)):
            os.remove(stamp(extra))


def write_json(path, value):
    """Write a small file."""
    with io.open(path, "wb") as file:
        file.write((json.dumps(value, indent=2, sort_keys=True) + "\n").encode("utf-8"))


def show_progress(line):
    """Show one line of pip's on a terminal, over the one before it; None wipes it."""
    if not sys.stdout.isatty():
        return
    if line is None:
        sys.stdout.write("\r" + " " * 76 + "\r")
    elif line.startswith(("Collecting", "Downloading", "Installing", "Building")):
        sys.stdout.write("\r" + line[:76].ljust(76))
    sys.stdout.flush()


# ---- the command


def prepare(extra):
    """Bring .venv to the state an extra asks for; do nothing if it is there already."""
    reason = fault()
    if reason:
        check_python(sys.version_info, extra)
        check_venv_modules()
        print("Making the environment .venv ({0}) with Python {1} ...".format(reason, dotted(sys.version_info[:3])))
        sys.stdout.flush()
        make_environment()
    elif installed(extra):
        return
    print("Installing the course's packages (about 2 GB on disk; a few minutes the first time) ...")
    sys.stdout.flush()
    install(extra)


def next_command(extra):
    """Return what to type next, for those who have no make."""
    python = os.path.relpath(venv_python(), ROOT)
    if extra in ("release", "classroom"):
        return python + " -m tools." + {"release": "release", "classroom": "hub"}[extra]
    if extra != "test":
        return python + " -m jupyterlab --ServerApp.root_dir=. notebooks/00_start_here.ipynb"
    return python + " -m pytest"


def main(arguments):
    """Run the script and return its exit status."""
    options = [argument for argument in arguments if argument == "--quiet"]
    extras = [argument for argument in arguments if argument != "--quiet"]
    if len(extras) != 1 or extras[0] not in EXTRAS:
        print("Usage: python tools/bootstrap.py {0} [--quiet]".format("|".join(EXTRAS)), file=sys.stderr)
        return 2
    try:
        prepare(extras[0])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: repeat the command to go on.", file=sys.stderr)
        return 130
    except (IOError, OSError) as error:
        default = "The environment could not be written: " + str(error)
        print(remedy(str(error), default, dotted(sys.version_info[:2])) + ".", file=sys.stderr)
        return 1
    if not options:
        print("The environment is ready. Next: " + next_command(extras[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
