"""The bridge's wall clock, which the soak moves (`wall_clock.c`)."""

import os
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("wall_clock.c")
_FORM = "=q"


def build_clock(folder: Path) -> Path:
    """The library to preload; needs gcc."""
    library = folder / "wall_clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


class WallClock:
    """One clock, for the programs that are started with `environment`."""

    def __init__(self, file: Path, library: Path, ahead_s: int = 0) -> None:
        """`ahead_s`: seconds before (or, negative, behind) the true time."""
        file.write_bytes(struct.pack(_FORM, ahead_s))
        self._file = file
        self.ahead_s = ahead_s
        self.environment = {"LD_PRELOAD": str(library.absolute()), "WALL_CLOCK": str(file.absolute())}

    def jump(self, ahead_s: int) -> None:
        """At once, for programs that run too."""
        handle = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(handle, struct.pack(_FORM, ahead_s), 0)
        finally:
            os.close(handle)
        self.ahead_s = ahead_s
