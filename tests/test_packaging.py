"""The files that say what is installed agree with each other and with the environment the tests run in."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]
PINS = {canonicalize_name(name): version for name, _, version in (row.partition("==") for row in CONSTRAINTS)}
NAME = PROJECT["project"]["name"]


def direct_requirements():
    """Everything pyproject.toml asks for by name, whatever the extra."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    rows = PROJECT["project"]["dependencies"] + [row for extra in extras for row in extra]
    return [requirement for requirement in map(Requirement, rows) if requirement.name != NAME]


def needed(requirements):
    """The names of all packages that requirements lead to in this environment, those they need included."""
    seen = set()
    waiting = [(canonicalize_name(one.name), frozenset(one.extras)) for one in requirements]
    while waiting:
        name, extras = package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        for one in map(Requirement, importlib.metadata.requires(name) or []):
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                waiting.append((canonicalize_name(one.name), frozenset(one.extras)))
    return {name for name, _ in seen}


def test_every_constraint_is_one_exact_version():
    assert CONSTRAINTS, "constraints.txt pins nothing"
    for row in CONSTRAINTS:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", row), f"not an exact public version: {row!r}"
    assert len(PINS) == len(CONSTRAINTS), "a package is pinned twice"
    assert CONSTRAINTS == sorted(CONSTRAINTS, key=str.upper), "constraints.txt is not in alphabetical order"


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_every_direct_dependency_is_pinned_to_a_version_it_admits(requirement):
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} is in pyproject.toml but not in constraints.txt"
    assert requirement.specifier.contains(pin, prereleases=True), f"{requirement} does not admit {pin}"


def test_the_build_uses_the_pinned_setuptools():
    assert PROJECT["build-system"]["requires"] == [f"setuptools=={PINS['setuptools']}"]


def test_whatever_the_dependencies_need_is_pinned_too():
    # The libraries of torch's CUDA build depend on the machine; torch itself asks for them exactly.
    names = needed(direct_requirements())
    loose = {name for name in names - set(PINS) if not name.startswith(("nvidia-", "cuda-", "triton"))}
    platform_only = {"colorama", "pywinpty", "appnope", "pywin32"}
    assert loose <= platform_only, f"not in constraints.txt: {sorted(loose)}; run `make constraints`"


def test_this_environment_holds_the_pinned_versions():
    names = needed(direct_requirements()) & set(PINS)
    # A local label, as in 2.13.0+cpu, says how a version was built and not which one it is.
    found = {name: Version(importlib.metadata.version(name)).public for name in names}
    wrong = [f"{name} {found[name]}, not {PINS[name]}" for name in sorted(names) if found[name] != PINS[name]]
    assert not wrong, f"run `make test`, which installs what constraints.txt says: {wrong}"


def test_the_pinned_versions_install_under_the_very_oldest_python():
    # Debian 12 has Python 3.11.2, and packages may refuse the first releases of a minor version.
    oldest = SpecifierSet(PROJECT["project"]["requires-python"])
    first = next(iter(oldest)).version + ".0"
    assert oldest.contains(first)
    asked = {name: importlib.metadata.metadata(name)["Requires-Python"] for name in needed(direct_requirements())}
    refused = {name: spec for name, spec in asked.items() if spec and not SpecifierSet(spec).contains(first)}
    assert not refused, f"Python {first} is refused: pin an earlier version in constraints.txt for {refused}"


def test_conda_installs_the_same_extras_under_the_same_constraints():
    assert ENVIRONMENT["name"] == NAME
    *conda, pip_section = ENVIRONMENT["dependencies"]
    extras = ",".join(sorted(PROJECT["project"]["optional-dependencies"]))
    assert pip_section == {"pip": ["-c constraints.txt", f"-e .[{extras}]"]}
    # Anything else from conda would come in a version of conda's choice.
    assert [row.partition("=")[0] for row in conda] == ["python", "pip"]


def test_all_files_mean_the_same_oldest_python():
    conda_python = next(row.partition("=")[2] for row in ENVIRONMENT["dependencies"] if str(row).startswith("python"))
    assert PROJECT["project"]["requires-python"] == f">={conda_python}"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + conda_python.replace(".", "")
    bootstrap = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    assert f"MINIMUM = ({conda_python.replace('.', ', ')})" in bootstrap
    assert f"Python {conda_python} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_running_python_is_one_the_course_supports():
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(platform.python_version())


def test_citation_and_changelog_name_the_version():
    version = PROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == version
    assert citation["title"] in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_licences_are_whole_and_declared():
    code, text = PROJECT["project"]["license-files"]
    assert (ROOT / code).read_text(encoding="utf-8").startswith("BSD 3-Clause License")
    legal_code = (ROOT / text).read_text(encoding="utf-8")
    assert legal_code.startswith("Attribution 4.0 International")
    for section in range(1, 9):
        assert f"\nSection {section} -- " in legal_code
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"({code})" in readme
    assert f"({text})" in readme


def test_ci_runs_the_contributors_command():
    script = ROOT / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1].startswith("make test")
    if os.name != "nt":
        assert os.access(script, os.X_OK)


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "dirname"))), reason="CI's script is one of bash")
@pytest.mark.parametrize("there", ["", "npm dpkg-query", "chromium npm dpkg-query"])
def test_ci_installs_what_the_browser_tests_lack(there, tmp_path):
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    diary, first = tmp_path / "diary", f"#!{shutil.which('bash')}"
    for name in ("apt-get", "make", "id", *there.split()):
        (tmp_path / name).write_text(f'{first}\necho "{name} $COURSE_BROWSER $*" >> "{diary}"\necho 0\n')
        (tmp_path / name).chmod(0o755)
    result = subprocess.run([ROOT / ".ci" / "run"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    said = diary.read_text(encoding="utf-8").splitlines()
    installed = [line for line in said if line.startswith("apt-get") and " install " in line]
    packages = {"chromium": "chromium", "npm": "npm", "dpkg-query": "libatomic1"}
    missing = [package for name, package in packages.items() if name not in there.split()]
    assert installed == ([f"apt-get  -qq install -y --no-install-recommends {' '.join(missing)}"] if missing else [])
    assert said[-1] == "make required test"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (ROOT / target.partition("#")[0]).exists()]
    assert not missing, f"{name} points to what does not exist: {missing}"
