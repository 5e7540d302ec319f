"""Disks that take nothing for a while: real where this user may mount one, else a limit on file sizes."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    folder: Path

    def refuse(self) -> None:
        """From now on nothing can be written."""

    def recover(self) -> None:
        """From now on it can."""


class FullDisk:
    """A disk with no block left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refuse(self, free: int = 0) -> None:
        """`free` bytes of room stay."""
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            with suppress(OSError):
                while True:
                    filler.write(bytes(4096))
            filler.truncate(max(0, filler.tell() - free))

    def recover(self) -> None:
        (self.folder / "filler").unlink()


class BrokenDisk:
    """A file system that has found an error, and has made itself read-only."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder = folder
        self._image = image

    def refuse(self) -> None:
        _run("mount", "-o", "remount,abort", str(self.folder))

    def recover(self) -> None:
        _run("umount", "-l", str(self.folder))
        subprocess.run(["fsck.ext4", "-p", "-f", str(self._image)], capture_output=True)  # 1 says: mended
        _run("mount", "-o", "loop", str(self._image), str(self.folder))


class ReadOnlyDisk:
    """A file system that is mounted read-only, while no file in it is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refuse(self) -> None:
        _run("mount", "-o", "remount,ro", str(self.folder))

    def recover(self) -> None:
        _run("mount", "-o", "remount,rw", str(self.folder))


class LimitedDisk:
    """No file of this process may grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def refuse(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._before[1]))

    def recover(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextmanager
def limited(folder: Path) -> Iterator[Disk]:
    disk = LimitedDisk(folder)
    try:
        yield disk
    finally:
        disk.recover()


@contextmanager
def full(folder: Path) -> Iterator[Disk]:
    """A tmpfs of 1 MB."""
    yield from _mounted(folder, FullDisk(folder), "-t", "tmpfs", "-o", "size=1m", "none")


@contextmanager
def read_only(folder: Path) -> Iterator[Disk]:
    """A tmpfs."""
    yield from _mounted(folder, ReadOnlyDisk(folder), "-t", "tmpfs", "none")


@contextmanager
def broken(folder: Path) -> Iterator[Disk]:
    """An ext4 of 8 MB in a file."""
    image = folder.with_name("image")
    with image.open("wb") as file:
        file.truncate(8 << 20)
    _run("mkfs.ext4", "-q", str(image))
    yield from _mounted(folder, BrokenDisk(folder, image), "-o", "loop", str(image))


def _mounted(folder: Path, disk: Disk, *what: str) -> Iterator[Disk]:
    try:
        _run("mount", *what, str(folder))
    except (OSError, subprocess.CalledProcessError):  # not for this user
        with limited(folder) as other:
            yield other
        return
    try:
        yield disk
    finally:
        _run("umount", "-l", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
