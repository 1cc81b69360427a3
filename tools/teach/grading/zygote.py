"""A process that has loaded what students' code imports, and no answers, and divides for each notebook.

    python -m tools.teach.grading.zygote CONTROL '{"wall": …, "world": …, "readable": […]}'

runs in the stripped copy of the course (`stripped`), the only folder of the course on its path. It reads one byte after
another from the socket with the number CONTROL, each with a socket attached: behind that socket it puts a new process,
walled in, which answers (`answering`). To divide takes milliseconds, to load torch takes seconds.
"""

import gc
import importlib
import json
import os
import pkgutil
import socket
import sys

from tools.teach.grading import answering, wall, wire

_LOADED = ("numpy", "scipy.special", "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.integrate", "torch")
_LOADED += ("torch.distributions", "torch.nn.functional", "matplotlib.pyplot", "sklearn.mixture")
_LOADED += ("sklearn.decomposition", "course_utils")


def load():
    """Import what lessons import, and the rooms of all lessons; what fails is left to the student's own import."""
    sys.path[:] = [entry for entry in sys.path if entry]
    # an editable installation would find the course itself, answers included
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _is_editable(finder)]
    for name in _LOADED:
        _imported(name)
    for package in ("course_utils.models", "course_utils.lessons"):
        if found := _imported(package):
            for module in pkgutil.iter_modules(found.__path__):
                _imported(f"{package}.{module.name}")
    _warm_up()
    gc.collect()
    gc.freeze()


def _warm_up():
    """Use what is used most once, so that no new process has to begin with it; no gradients, which start threads."""
    import numpy as np
    import torch
    from scipy import special, stats

    torch.set_num_threads(1)
    table = np.eye(3) + np.ones((3, 3))
    np.linalg.inv(table), np.linalg.cholesky(table), np.linalg.svd(table), np.einsum("ij,jk->ik", table, table)
    special.logsumexp(table, axis=1), stats.multivariate_normal(np.ones(3), table).logpdf(np.ones((2, 3)))
    stats.norm(0, 1).logpdf(table), stats.beta(2, 3).logpdf(0.5), stats.gamma(2.0).logpdf(0.5)
    with torch.no_grad():
        tensor = torch.tensor(table)
        (tensor @ tensor).exp().logsumexp(0), torch.nn.functional.softplus(tensor).softmax(0)
        torch.distributions.Normal(tensor, tensor).log_prob(tensor), torch.linalg.cholesky(tensor)


def _is_editable(finder):
    return "editable" in f"{getattr(finder, '__module__', '')}{getattr(finder, '__name__', '')}".lower()


def _imported(name):
    try:
        return importlib.import_module(name)
    except Exception:
        return None


def serve(control, settings):
    """Divide for each socket that arrives, until the grader is gone."""
    while True:
        try:
            said, sockets, _, _ = socket.recv_fds(control, 1, 1)
        except InterruptedError:
            continue
        _collect()
        if not said:
            return
        (number,) = sockets
        if os.fork() == 0:
            _begin(number, settings)
        os.close(number)


def _collect():
    """Let the system forget the processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _begin(number, settings):
    """Build the wall in this new process, and let its only child answer; never returns."""
    try:
        channel = socket.socket(fileno=number)
        wall.die_with_parent()
        _keep_only(number)
        try:
            if settings["wall"] == "namespaces":
                wall.enter(settings["world"], settings["readable"], settings["megabytes"])
            else:
                wall.limit(settings["megabytes"], 100, wall.running())
        except (wall.WallError, OSError) as error:
            channel.sendall(wire.packed({"failed": str(error)}))
            os._exit(1)
        try:
            child = os.fork()
        except OSError as error:
            channel.sendall(wire.packed({"failed": str(error), "again": True}))
            os._exit(1)
        if child == 0:
            wall.die_with_parent()
            answering.answer(channel)
            os._exit(0)
        channel.sendall(wire.packed({"started": child}))
        channel.close()
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def _keep_only(number):
    """Close all files but one; the standard ones become nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        if standard != number:
            os.dup2(nothing, standard)
    os.closerange(3, number)
    os.closerange(number + 1, 4096)


def main():
    """Run the process; returns when the grader is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    wall.die_with_parent()
    if settings["loaded"]:
        load()
    if settings["wall"] == "bubblewrap":  # this process is behind its wall already, and answers itself
        wall.limit(settings["megabytes"], 100, wall.running())
        control.sendall(wire.packed({"started": 0}))
        answering.answer(control)
        return
    control.sendall(b"+")
    serve(control, settings)


if __name__ == "__main__":
    main()
