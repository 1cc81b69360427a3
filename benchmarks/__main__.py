"""Command line: ``python -m benchmarks [NAME | --all] [--record]``."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.metadata import version

from filelock import FileLock

from benchmarks import LONG, Report, kept, results
from benchmarks.progress import terse_progress

BENCHMARKS = {
    "bernoulli": "a VAE with Bernoulli latents on fixed binarised MNIST, three estimators, beside published figures",
    "beta": "factor-change score and MIG of β-VAEs on sprites over seeds, beside published figures",
    "bounds": "importance-weighted bounds and a planar flow on fixed binarised MNIST, against the plain VAE",
    "em": "twenty iterations of EM for a Gaussian mixture, against scikit-learn, and how time and memory grow",
    "explorers": "time of one explorer redraw, against a new figure for every move",
    "gumbel": "a VAE with categorical latents on fixed binarised MNIST, three estimators, beside published figures",
    "imports": "what importing course_utils costs beside importing torch",
    "priors": "VampPrior and mixtures as a VAE's prior on fixed binarised MNIST, against the standard one",
    "text": "sentence VAEs on film reviews and their cures, beside the language model that is their decoder",
    "topics": "coherence and diversity of neural topics on 20 Newsgroups, and time, beside scikit-learn's LDA",
    "vae_dynamic": "test likelihood of a VAE on MNIST whose pixels are drawn anew, beside a published figure",
    "vae_quality": "test likelihood of a VAE on fixed binarised MNIST, beside published figures",
    "vae_speed": "time to train a VAE on MNIST to one test loss, against pytorch/examples",
    "vgae": "link prediction on Cora by graph autoencoders over seeds, beside published figures and simple rivals",
}
"""Name of each benchmark (a module of this package with ``run() -> Report``) and what it measures."""

TIMED = ("em", "explorers", "imports", "topics", "vae_speed", "vgae")
"""Those whose bar is a time: nothing may run beside them. (That of beta is one too, and ten times what it needs.)"""

TRUNK = ("bounds", "priors")
"""Those that go on from the same trained model, which the first of them leaves."""


def main() -> int:
    """List the benchmarks, or run one, print its table and verdict, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="the benchmark to run; without it, a list")
    parser.add_argument("--all", action="store_true", help="run every benchmark with its longest settings: a night")
    parser.add_argument("--record", action="store_true", help=f"also write the result to {results.RESULTS.name}")
    arguments = parser.parse_args()
    if arguments.all:
        if arguments.name is not None:
            parser.error(f"--all runs {arguments.name} as well: leave one of the two out")
        return run_all(arguments.record)
    if arguments.name is None:
        for name, summary in BENCHMARKS.items():
            print(f"{name:12} {summary}")
        return 0
    os.environ["VAE_COURSE_PROGRESS"] = "off"  # no benchmark is a learner
    with terse_progress():
        report: Report = importlib.import_module(f"benchmarks.{arguments.name}").run()
    verdict = f"{arguments.name}: {report.bar} {'pass' if report.passed else 'fail'}"
    print(report.setting, "", report.table(), "", verdict, sep="\n")
    if arguments.record:
        record(arguments.name, report, verdict)
    return 0 if report.passed else 1


def run_all(recorded: bool) -> int:
    """Run every benchmark in a process of its own, say how each ended, and return the worst exit status.

    Those that measure time have the machine to themselves. Then as many others as there are cores run side by side,
    with one thread each: several small networks train faster so than one after the other. One that fails, or stops,
    does not hide the next. Long runs have checkpoints: after an interrupt they go on.
    """
    ends: dict[str, tuple[str, str, str, int]] = {}
    interrupted = threading.Event()

    def run(names: Sequence[str], environment: Mapping[str, str]) -> None:
        for name in names:
            if interrupted.is_set():
                return
            start = time.monotonic()
            command = [sys.executable, "-m", "benchmarks", name, *["--record"] * recorded]
            environment = {**os.environ, LONG: "1", **environment}
            status = subprocess.run(command, env=environment, check=False).returncode
            if status == -signal.SIGINT:
                interrupted.set()  # Ctrl-C reaches the process before it reaches us
            words = {0: "pass", 1: "fail"}.get(status, f"stopped, exit status {status}")
            ends[name] = (name, f"{(time.monotonic() - start) / 60:.0f}", words, status)

    run(TIMED, {})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [pool.submit(run, names, {"OMP_NUM_THREADS": "1"}) for names in chains()]
        try:
            for task in tasks:
                task.result()
        except KeyboardInterrupt:
            interrupted.set()  # the processes have had it too; none is started after them
            raise
    if interrupted.is_set():
        raise KeyboardInterrupt
    rows = [ends[name] for name in BENCHMARKS]
    print("", Report("", ("benchmark", "minutes", "verdict"), [end[:3] for end in rows], "", True).table(), sep="\n")
    return max(abs(end[3]) for end in rows)


def chains() -> list[tuple[str, ...]]:
    """Return what may run side by side, the longest first: benchmarks that share a checkpoint come one by one."""
    return [TRUNK, *((name,) for name in BENCHMARKS if name not in (*TIMED, *TRUNK))]


def record(name: str, report: Report, verdict: str) -> None:
    """Replace the section of one benchmark in the results page, or add it, and write the page's twin."""
    section = f"## {name}\n\n{report.setting}\n\n{date.today()} · {machine()}\n\n{report.table()}\n\n`{verdict}`\n"
    pattern = re.compile(rf"^## {name}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    kept.FOLDER.mkdir(parents=True, exist_ok=True)
    # of two benchmarks that end together, one waits for the other
    with FileLock(kept.FOLDER / "results.lock"):
        text = results.RESULTS.read_text(encoding="utf-8")
        if pattern.search(text):
            text = pattern.sub(lambda _: f"{section}\n", text)
        else:
            text = f"{text.rstrip()}\n\n{section}"
        text = f"{text.rstrip()}\n"
        twin = results.twin(text)
        results.RESULTS.write_text(text, encoding="utf-8")
        results.TWIN.write_text(twin, encoding="utf-8")


def machine() -> str:
    """Return processor cores, system and versions in general words."""
    packages = ("numpy", "matplotlib", "ipywidgets", "torch")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    sys.exit(main())
