"""JupyterHub's settings for a class in which each student has an account of the machine, or a container.

They say what a server is and what it runs, and nothing of who may log in, of addresses, or of limits: these belong to
the hub that reads this file. The Littlest JupyterHub reads it from /opt/tljh/config/jupyterhub_config.d; a hub of your
own with `load_subconfig("/opt/course/users_config.py")` in its configuration. README.md says the rest.

Set in the environment if the defaults do not suit: COURSE_HUB_COURSE, where the students' copy is (default:
/opt/course), and COURSE_HUB_PYTHON, which runs the servers (default: the copy's own .venv).
"""

import os
from pathlib import Path

COURSE = Path(os.environ.get("COURSE_HUB_COURSE") or "/opt/course")
PYTHON = os.environ.get("COURSE_HUB_PYTHON") or str(COURSE / ".venv" / "bin" / "python")

c = get_config()  # noqa: F821 - JupyterHub provides it

# The student's own process closes the home and copies notebooks into it: the hub, which may be root, must not write
# where a student can place links.
c.Spawner.cmd = [PYTHON, str(COURSE / "start_student.py")]
c.Spawner.default_url = "/lab/tree/notebooks/00_start_here.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # a whole class logs in within the same minute
c.Spawner.environment = {
    "COURSE_HUB_COURSE": str(COURSE),
    "PYTHONPATH": str(COURSE),  # course_utils and data are shared, and belong to root
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",  # more threads would only wait for one another when all run a cell
}
