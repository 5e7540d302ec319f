"""A small disk of its own for each side, that really can be full: ext4 in an image, mounted where only we see it."""

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS = 0x20000
_CHUNK = 1 << 20


def own_mounts() -> None:
    """From here on this process and its children have a mount table of their own: what they mount ends with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no mount table of our own: run this as root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class Disk:
    """A file system of so many megabytes at `folder`."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        image = folder.with_suffix(".img")
        folder.mkdir(parents=True)
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "1024", str(image)], check=True)
        options = ["-o", "loop,noatime"]
        if subprocess.run(["mount", *options, str(image), str(folder)], capture_output=True).returncode:
            image.unlink()  # no loop devices here
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "soak", str(folder)], check=True)

    def fill(self, left_kb: int) -> None:
        """Leave so much room: whoever asks for more gets ENOSPC."""
        handle = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for size in (_CHUNK, 1024):
                with suppress(OSError):
                    while True:
                        self._grow(handle, size)
            size = os.fstat(handle).st_size
            os.truncate(handle, max(0, size - (left_kb << 10)))
        finally:
            os.close(handle)

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    @staticmethod
    def _grow(handle: int, size: int) -> None:
        os.posix_fallocate(handle, os.fstat(handle).st_size, size)
