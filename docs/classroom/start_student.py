"""A student's server on a hub, started as the student: `python start_student.py [ARGUMENTS OF jupyterhub.singleuser]`.

The home is closed to others, the notebooks that are not there are copied into it, and the process becomes JupyterHub's
single-user server. Nothing of this runs as anyone but the student. COURSE_HUB_COURSE names the students' copy (default:
the folder of this file, or /opt/course).
"""

import os
import shutil
import sys
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARGUMENTS = [
    # Memory comes back when a kernel has been idle for 45 minutes, and when a server without kernels has been for an
    # hour. Variables are lost then, notebooks are not. A kernel behind an open tab counts too: students leave them.
    "--MappingKernelManager.cull_idle_timeout=2700",
    "--MappingKernelManager.cull_interval=300",
    "--MappingKernelManager.cull_connected=True",
    "--TerminalManager.cull_inactive_timeout=2700",
    "--ServerApp.shutdown_no_activity_timeout=3600",
    "--LabApp.extension_manager=readonly",  # the packages are everybody's
    "--LanguageServerManager.autodetect=False",
]


def give_notebooks(home, course):
    """Copy into `home` the notebooks, and what stands beside them, that are not there; nothing is overwritten."""
    for source in sorted(path for path in (course / "notebooks").rglob("*") if path.is_file()):
        give(source, home / source.relative_to(course))


def give(source, target):
    """Copy a file, whole or not at all, to a place where there is none."""
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        shutil.copyfile(source, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def close(home):
    """Let nobody but its owner into a home, and no new file of this process be read by others."""
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid == os.geteuid():  # a volume of a container may belong to its system, and to one student alone
        home.chmod(0o700)


def main():
    """Prepare the home, and become the server; exits with a sentence where that cannot be."""
    if os.geteuid() == 0:
        sys.exit("start_student.py must run as the student and not as root: name a spawner that changes the account.")
    course = Path(os.environ.get("COURSE_HUB_COURSE") or (HERE if (HERE / "notebooks").is_dir() else "/opt/course"))
    if not (course / "notebooks").is_dir():
        sys.exit(f"{course} holds no students' copy: copy dist/student there, or name its place in COURSE_HUB_COURSE.")
    home = Path.home()
    try:
        close(home)
        give_notebooks(home, course)
        # Without matplotlib's list of fonts, the first figure would come with a notice that it is being built.
        for fonts in (course / "matplotlib").glob("fontlist*"):
            give(fonts, home / ".cache" / "matplotlib" / fonts.name)
    except OSError as error:
        sys.exit(f"The notebooks could not be copied into {home}: {error}.")
    os.chdir(home)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *ARGUMENTS, *sys.argv[1:]])


if __name__ == "__main__":
    main()
