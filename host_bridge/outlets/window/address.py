"""Where a running bridge serves its window: a file that its owner alone may read, and only while the bridge lives.

The bridge holds a lock on the file. A file that nobody locks was left behind by a bridge that was killed: its port may
belong to another program by now, which must not be shown the token.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NAME: Final = "window.address"


@contextmanager
def announced(state: Path, address: str) -> Iterator[None]:
    """Have the address in the folder `state` for as long as this lasts. Raises OSError."""
    fresh = state / f"{_NAME}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(address)
        file.flush()
        fresh.replace(state / _NAME)
        try:
            yield
        finally:
            (state / _NAME).unlink(missing_ok=True)


def read(state: Path) -> str | None:
    """The address, with its token, of the bridge that runs on the folder `state`; None where none runs."""
    try:
        with (state / _NAME).open("r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except FileNotFoundError:
        pass
    return None
