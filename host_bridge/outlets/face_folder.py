"""The folder that a receipt computer polls: finished files only, none twice, none overwritten.

Its files are readable by the owner and the group, those of `index` by the owner alone. Who gets at them is what the
folder's mode says: made by the bridge it is the owner's alone. A receipt computer under another user needs `face` and
`work` made beforehand with a group of both (`install -d -m 2770 -g GROUP face work`).
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host_bridge.durable import make_folder, sync_folder
from host_bridge.outlets.oqs_face import FILE_PREFIX


class FaceFolderUnusable(Exception):
    """The folders are not as they must be; the text says which and why."""


class NameTaken(Exception):
    """A file of that name lies in the folder already, and it is not ours to overwrite."""


@dataclass(frozen=True)
class FaceFolder:
    """Three folders: files under way, files for the receipt computer, notes on who wrote which file."""

    face: Path
    work: Path
    """On the volume of `face`, so that a rename is one step."""
    index: Path

    @classmethod
    def prepare(cls, face: Path, work: Path, index: Path) -> "FaceFolder":
        """Make the folders that are missing. Raises FaceFolderUnusable."""
        try:
            for folder in (face, work, index):
                make_folder(folder)
            if face.stat().st_dev != work.stat().st_dev:
                raise FaceFolderUnusable(
                    f"{work}: {face} と同じディスクに置いてください / must be on the volume of {face}"
                )
        except OSError as error:
            raise FaceFolderUnusable(f"フォルダーを使えません / a folder cannot be used: {error}") from error
        return cls(face, work, index)

    def finish(self, name: str, content: bytes, note: dict[str, str]) -> None:
        """Have a file ready in `work`, on disk, and its note in `index`. Raises OSError."""
        _write(self.work / name, content, 0o640)
        sync_folder(self.work)
        _write(self.index / f"{name}.json", json.dumps(note).encode(), 0o600)
        sync_folder(self.index)

    def hand_over(self, name: str) -> None:
        """Move a finished file to the receipt computer, unless that has happened already.

        A finished file that is no longer in `work` was handed over: only this rename takes it away. Raises
        NameTaken, OSError.
        """
        if not (self.work / name).exists():
            return
        if (self.face / name).exists():  # names are random and this bridge alone makes them
            raise NameTaken(name)
        (self.work / name).rename(self.face / name)
        sync_folder(self.face)
        sync_folder(self.work)

    def names(self) -> frozenset[str]:
        """What lies in the receipt computer's folder. Raises OSError, also where the folder itself is away, or only
        its empty mount point is there."""
        if self.face.stat().st_dev != self.work.stat().st_dev:
            raise FileNotFoundError(f"{self.face} is not on the volume of {self.work}")
        return frozenset(os.listdir(self.face))

    def read(self, name: str, cap: int) -> bytes | None:
        """At most `cap` bytes of a file, handed over or about to be; None where it lies in neither folder.

        Raises OSError.
        """
        for folder in (self.face, self.work):
            with suppress(FileNotFoundError), (folder / name).open("rb") as stream:
                return stream.read(cap)
        return None

    def discard_except(self, names: set[str]) -> None:
        """Remove work files that nobody remembers finishing, and their notes. Raises OSError."""
        for file in self.work.glob(f"{FILE_PREFIX}*"):
            if file.name not in names:
                (self.index / f"{file.name}.json").unlink(missing_ok=True)
                file.unlink()


def _write(file: Path, content: bytes, mode: int) -> None:
    """Write a new file to disk, with `mode` whatever the umask; a file cut short is removed."""
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        try:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                file.unlink()
            raise
