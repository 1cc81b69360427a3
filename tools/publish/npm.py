"""Packages of npm that pages of the course carry with them, in the versions and with the checksums named here.

They are fetched once, with npm, into `build/npm`; nothing of them is executed by fetching.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / "build" / "npm"
PACKAGES = {
    "axe-core": (
        "4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ),
    "mathjax": (
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    ),
    "reveal.js": (
        "4.6.1",
        "1CW0auaXNPmwmvQ7TwpszwVxMi2Xr5cTS3J3EBC/HHgbPF32Dn7aiu/LKWDOGjMbaDwKQiGmfqcoGQ74HUHCMw==",
    ),
}
"""A package's name, with its version and the SHA-512 of its archive in base 64."""

MATHJAX_PARTS = ("tex-mml-chtml.js", "a11y", "input/tex/extensions", "output/chtml/fonts", "sre", "ui")
"""What MathJax loads for TeX shown as HTML, its menu and its speech included."""


class NpmError(Exception):
    """A package is not there and cannot be fetched; the message says why and what to do."""


def package(name: str, cache: Path = CACHE, *, packages: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Return the folder of a package, fetched by npm where `cache` does not hold it.

    `packages` is a table like PACKAGES, and PACKAGES where it is not given.

    Raises
    ------
    NpmError : it is not there, and npm is missing, fails, or brings something else.
    """
    version, checksum = (PACKAGES if packages is None else packages)[name]
    plain = name.removeprefix("@").replace("/", "-")  # as npm calls the archive of @scope/name
    folder = cache / f"{plain}-{version}"
    if (folder / "package.json").is_file():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError(
            f"{name} {version} comes from npm, and there is no program called npm: install Node.js, or put npm's "
            f"package {name} {version}, unpacked, into {folder}."
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{plain}-") as place:
        command = [npm, "pack", f"{name}@{version}", "--silent", "--pack-destination", place]
        result = subprocess.run(command, capture_output=True, text=True, cwd=place)
        archive = Path(place) / f"{plain}-{version}.tgz"
        if result.returncode or not archive.is_file():
            said = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise NpmError(f"npm could not fetch {name} {version} (is there a network?): {said}")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
        if digest != checksum:
            raise NpmError(f"npm brought a {name} {version} with the checksum sha512-{digest}, not the known one.")
        with tarfile.open(archive) as content:
            # The checksum says what is in it; early Pythons 3.11 have no filters.
            content.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        shutil.rmtree(folder, ignore_errors=True)
        (Path(place) / "package").rename(folder)
    return folder


def copy_mathjax(package: Path, target: Path) -> None:
    """Copy what pages load of MathJax's package into the folder `target`, with its licence."""
    for part in MATHJAX_PARTS:
        source, copied = package / "es5" / part, target / part
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copied) if source.is_dir() else shutil.copy2(source, copied)
    shutil.copy2(package / "LICENSE", target / "LICENSE")


def main() -> int:
    """Fetch all packages; returns 0, or 1 if one cannot be had."""
    try:
        for name in PACKAGES:
            package(name)
    except NpmError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
