"""Fetches pinned packages with pip and npm and takes single files out of them; nothing is installed."""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

PACKAGES = Path(__file__).with_name("packages.txt")
CACHE = Path("build/packages")
_MAX_FILE_BYTES = 64 << 20
_LINE = re.compile(r"(?P<name>[\w.-]+==[\w.]+|@[\w.-]+/[\w.-]+@[\w.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
_WHEEL = (
    *("--only-binary", ":all:", "--platform", "manylinux2014_x86_64"),
    *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
)
_SOURCE = ("--no-binary", ":all:", "--no-build-isolation")
_OPTIONS = {"mediapipe==0.10.14": _WHEEL}
"""The wheel of one platform is named, so that every machine fetches the same file."""


class PackageError(Exception):
    """A package could not be had, or a file in it is not the one expected."""


@dataclass(frozen=True)
class Package:
    """One line of packages.txt."""

    name: str
    sha256: str


def pinned(name: str) -> Package:
    """The package `name`==version as pinned. Raises PackageError."""
    for line in PACKAGES.read_text("utf-8").splitlines():
        found = _LINE.fullmatch(line)
        if found and found["name"] == name:
            return Package(name, found["sha256"])
    raise PackageError(f"{name} is not pinned in {PACKAGES.name}")


def fetch(name: str, cache: Path = CACHE) -> Path:
    """The archive of a pinned package, downloaded if `cache` lacks it. Raises PackageError."""
    package = pinned(name)
    cache.mkdir(parents=True, exist_ok=True)
    cached = _archive(package, cache)
    if cached:
        return cached
    tool = "npm" if name.startswith("@") else "pip"
    try:
        failed = _npm(name, cache) if tool == "npm" else _pip(package, cache)
    except FileNotFoundError as error:
        raise PackageError(f"{tool} is not installed, and {name} comes with it") from error
    if failed:
        raise PackageError(f"{tool} could not download {name}: is its package index reachable?")
    downloaded = _archive(package, cache)
    if downloaded is None:
        raise PackageError(f"{tool} downloaded {name}, but not the pinned file")
    return downloaded


def extract(archive: Path, member: str, sha256: str) -> bytes:
    """One file of a wheel or source archive, checked. Raises PackageError."""
    try:
        content = _from_zip(archive, member) if archive.suffix == ".whl" else _from_tar(archive, member)
    except (KeyError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise PackageError(f"{member} cannot be read from {archive.name}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise PackageError(f"{member} in {archive.name} is not the file expected (SHA-256 differs)")
    return content


def _pip(package: Package, cache: Path) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirement:
        requirement.write(f"{package.name} --hash=sha256:{package.sha256}\n")
        requirement.flush()
        pip = (sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps")
        hashed = ("--require-hashes", "--dest", str(cache), "-r", requirement.name)
        return subprocess.run([*pip, *hashed, *_OPTIONS.get(package.name, _SOURCE)], check=False).returncode


def _npm(name: str, cache: Path) -> int:
    quiet = ("--loglevel=error", "--ignore-scripts", "--pack-destination", str(cache))
    return subprocess.run(["npm", "pack", name, *quiet], stdout=subprocess.DEVNULL, check=False).returncode


def _archive(package: Package, cache: Path) -> Path | None:
    distribution = package.name.replace("==", "-").removeprefix("@").replace("/", "-").replace("@", "-")
    for path in sorted(cache.glob(f"{distribution}[.-]*")):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == package.sha256:
                return path
    return None


def _from_zip(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
        return file.read(_MAX_FILE_BYTES)


def _from_tar(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as source:
        file = source.extractfile(member)
        if file is None:
            raise KeyError(member)
        return file.read(_MAX_FILE_BYTES)
