"""Packages of npm: fetched once, checked, complete or not at all."""

import base64
import hashlib
import io
import sys
import tarfile

import pytest

from tools.publish import npm

NAME, VERSION = "mathjax", npm.PACKAGES["mathjax"][0]

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for npm is a POSIX program")


def archive(text="MathJax"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("package.json", "LICENSE", "es5/tex-mml-chtml.js"):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def fake_npm(tmp_path, monkeypatch):
    """Put a program npm first on the path that writes these bytes as the archive it was asked for."""

    def put(content, status=0, expected=None):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "archive").write_bytes(content)
        program = folder / "npm"
        program.write_text(
            f"#!{sys.executable}\nimport shutil, sys\n"
            f"if {status}: sys.exit('npm error: no such host')\n"
            f"assert sys.argv[1:3] == ['pack', '{NAME}@{VERSION}'], sys.argv\n"
            f"shutil.copy({str(folder / 'archive')!r}, sys.argv[-1] + '/{NAME}-{VERSION}.tgz')\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        checksum = base64.b64encode(hashlib.sha512(expected or content).digest()).decode()
        monkeypatch.setattr(npm, "PACKAGES", {NAME: (VERSION, checksum)})

    return put


def test_every_package_has_a_version_and_a_checksum():
    assert {"axe-core", "mathjax", "reveal.js"} <= set(npm.PACKAGES)
    for version, checksum in npm.PACKAGES.values():
        assert len(version.split(".")) == 3
        assert len(base64.b64decode(checksum, validate=True)) == 64


def test_without_npm_one_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    with pytest.raises(npm.NpmError, match=r"no program called npm: install Node\.js, or put npm's package") as caught:
        npm.package(NAME, tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / f"{NAME}-{VERSION}") in str(caught.value)
    assert not any(tmp_path.iterdir())


@posix
def test_a_package_is_fetched_once(fake_npm, monkeypatch, tmp_path):
    fake_npm(archive())
    folder = npm.package(NAME, tmp_path / "cache")
    assert folder == tmp_path / "cache" / f"{NAME}-{VERSION}"
    assert (folder / "es5" / "tex-mml-chtml.js").read_text() == "MathJax"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    assert npm.package(NAME, tmp_path / "cache") == folder


@posix
def test_half_a_package_is_fetched_anew(fake_npm, tmp_path):
    fake_npm(archive())
    half = tmp_path / "cache" / f"{NAME}-{VERSION}"
    (half / "es5").mkdir(parents=True)
    (half / "stray").touch()
    assert (npm.package(NAME, tmp_path / "cache") / "LICENSE").is_file()
    assert not (half / "stray").exists()


@posix
@pytest.mark.parametrize(("status", "words"), [(0, "not the known one"), (1, "no such host")])
def test_what_npm_brings_is_checked_and_what_it_says_is_passed_on(fake_npm, tmp_path, status, words):
    fake_npm(archive("something else"), status, expected=archive())
    with pytest.raises(npm.NpmError, match=words):
        npm.package(NAME, tmp_path / "cache")
    assert not any((tmp_path / "cache").iterdir())
