"""JupyterHub's settings for trying out a class on one machine: loopback only, one account of the system for all.

`python -m tools.teach.hub` prepares what they name and starts the hub. README.md says what a real class must change.

Set in the environment: COURSE_HUB_PASSWORD (one password for everyone), and if the defaults do not suit,
COURSE_HUB_URL, COURSE_HUB_STATE, COURSE_HUB_COURSE and COURSE_HUB_SEATS.
"""

import ipaddress
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from traitlets.config import Application

sys.path.insert(0, str(Path(__file__).resolve().parent))
import start_student

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("COURSE_HUB_STATE") or ROOT / "build" / "hub").resolve()
COURSE = Path(os.environ.get("COURSE_HUB_COURSE") or ROOT / "dist" / "student").resolve()
PROXY = (
    ROOT / "build" / "hub" / "proxy" / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
)
PASSWORD = os.environ.get("COURSE_HUB_PASSWORD", "")
URL = urlsplit(os.environ.get("COURSE_HUB_URL") or "http://127.0.0.1:8000")


def is_loopback(host):
    """Say whether an address can be reached from this machine only; names are not looked up."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def refuse_unsafe():
    """Stop with a sentence where these settings would be dangerous."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        sys.exit(
            "This hub must not run as root, for every student's code would be root's: start it under an account "
            "without rights (docs/classroom/README.md says how a real class gives each student one)."
        )
    if len(PASSWORD) < 8:
        sys.exit("COURSE_HUB_PASSWORD must hold the class's password, 8 characters or more: set it and start again.")
    if URL.scheme != "http" or not is_loopback(URL.hostname) or URL.port is None:
        sys.exit(
            "COURSE_HUB_URL must be a loopback address with a port, such as http://127.0.0.1:8000: with these settings "
            "whoever reaches the hub is this account (docs/classroom/README.md says what a real class needs)."
        )
    # What stands on the command line wins over this file.
    asked = Application.instance().cli_config.get("JupyterHub", {}) if Application.initialized() else {}
    if any(name.endswith(("ip", "url", "port")) for name in asked):
        sys.exit("The hub's addresses come from COURSE_HUB_URL: leave them out of the command line.")


def arrive(spawner):
    """Make a student's folder ready, closed to other accounts of the machine."""
    home = Path(spawner.home_dir)
    start_student.close(home)
    start_student.give_notebooks(home, COURSE)


refuse_unsafe()
c = get_config()  # noqa: F821 - JupyterHub provides it
os.umask(0o077)  # database, log, homes and all that is written in them: for this account alone

# Three ports in a row: what the browsers reach, and two between proxy and hub.
c.JupyterHub.bind_url = URL.geturl()
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{URL.port + 1}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{URL.port + 2}"
c.ConfigurableHTTPProxy.command = [shutil.which("node") or "node", str(PROXY)]
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub.sqlite'}"

# Whoever knows the password logs in, under any name. A name becomes a folder, so it is a plain word.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = PASSWORD
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"^[a-z][a-z0-9_-]{0,30}\Z"

# Servers are processes of the account that runs the hub: nothing protects users from one another, or it from them.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(STATE / "homes" / "{username}")
c.Spawner.pre_spawn_hook = arrive
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab/tree/notebooks/00_start_here.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # a whole class logs in within the same minute

c.Spawner.environment = {
    # course_utils and data are shared: the kernels find them here, and leave no compiled files behind.
    "PYTHONPATH": os.pathsep.join(filter(None, [str(COURSE), os.environ.get("PYTHONPATH")])),
    "PYTHONDONTWRITEBYTECODE": "1",
    # The course's settings for JupyterLab and for saving, and matplotlib's list of fonts.
    "JUPYTER_CONFIG_PATH": str(STATE / "jupyter"),
    "MPLCONFIGDIR": str(STATE / "matplotlib"),
    # One thread for each kernel: more would only wait for one another when all run a cell.
    "OMP_NUM_THREADS": "1",
}

c.Spawner.args = start_student.ARGUMENTS
# One server more than fits would slow down or end everybody's: the one who comes too late reads a message instead.
c.JupyterHub.active_server_limit = int(os.environ.get("COURSE_HUB_SEATS") or 0)
