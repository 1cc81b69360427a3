"""The folder of wheels: complete or not at all, and enough to install from with the index switched off."""

import hashlib
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest

from tools.teach import wheelhouse


def make_wheel(folder, name, version):
    """Write a wheel that can be installed: one module, with its metadata."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def course(tmp_path):
    (tmp_path / "constraints.txt").write_text("# pins\nfirst-thing==1.0\nsecond.thing==2.5\n")
    return tmp_path


def pip_that_writes(*packages, code=0, stderr=""):
    """A pip that puts these wheels where it is asked to."""

    def pip(arguments):
        folder = wheelhouse.Path(arguments[arguments.index("--wheel-dir") + 1])
        for name, version in packages:
            make_wheel(folder, name, version)
        return SimpleNamespace(returncode=code, stderr=stderr)

    return pip


BOTH = (("first_thing", "1.0"), ("second_thing", "2.5"))


def test_the_folder_holds_every_wheel_with_its_checksum(course):
    wheels = wheelhouse.collect(course / "dist" / "wheels", root=course, pip=pip_that_writes(*BOTH))
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["first_thing", "second_thing"]
    folder = wheels[0].parent
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    page = (folder / "README.md").read_text()
    assert "2 wheels" in page and 'PIP_FIND_LINKS="$PWD/wheels"' in page
    assert [path.name for path in folder.parent.iterdir()] == ["wheels"]


def test_a_local_version_counts_as_the_pinned_one(course):
    wheels = wheelhouse.collect(
        course / "wheels", root=course, pip=pip_that_writes(("first_thing", "1.0+cpu"), ("second_thing", "2.5"))
    )
    assert len(wheels) == 2


@pytest.mark.parametrize(
    ("pip", "message"),
    [
        (pip_that_writes(BOTH[0]), r"no wheel came for second\.thing==2\.5, so nothing was written"),
        (pip_that_writes(BOTH[0], ("second_thing", "2.4")), r"no wheel came for second\.thing==2\.5"),
        (pip_that_writes(code=1, stderr="trying\nERROR: no route to host"), "nothing was written: ERROR: no route to"),
        (pip_that_writes(code=1), "pip said nothing"),
    ],
)
def test_a_failure_writes_nothing_and_keeps_what_was_there(course, pip, message):
    wheelhouse.collect(course / "wheels", root=course, pip=pip_that_writes(*BOTH))
    before = sorted(path.name for path in (course / "wheels").iterdir())
    with pytest.raises(wheelhouse.WheelhouseError, match=message):
        wheelhouse.collect(course / "wheels", root=course, pip=pip)
    assert sorted(path.name for path in (course / "wheels").iterdir()) == before
    with pytest.raises(wheelhouse.WheelhouseError):
        wheelhouse.collect(course / "new", root=course, pip=pip)
    assert sorted(path.name for path in course.iterdir()) == ["constraints.txt", "wheels"]


def test_a_folder_with_other_things_is_left_alone(course):
    (course / "mine").mkdir()
    (course / "mine" / "thesis.tex").write_text("words")
    with pytest.raises(wheelhouse.WheelhouseError, match="is no wheelhouse: name another folder"):
        wheelhouse.collect(course / "mine", root=course, pip=pip_that_writes(*BOTH))
    assert (course / "mine" / "thesis.tex").read_text() == "words"


def test_packages_install_from_the_folder_with_the_index_switched_off(course):
    wheels = wheelhouse.collect(course / "wheels", root=course, pip=pip_that_writes(*BOTH))
    target = course / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels[0].parent)]
    subprocess.run([*command, "--target", str(target), "-r", str(course / "constraints.txt")], check=True)
    assert (target / "first_thing.py").is_file() and (target / "second_thing.py").is_file()


def test_the_command_says_what_it_made_or_why_not(monkeypatch, capsys, tmp_path):
    def refuse(destination):
        raise wheelhouse.WheelhouseError("no way")

    monkeypatch.setattr(wheelhouse, "collect", refuse)
    assert wheelhouse.main([str(tmp_path)]) == 1 and capsys.readouterr().err == "no way\n"
    monkeypatch.setattr(wheelhouse, "collect", lambda destination: [make_wheel(tmp_path, "first_thing", "1.0")])
    assert wheelhouse.main([str(tmp_path)]) == 0 and "1 wheels, 0 MB" in capsys.readouterr().out
