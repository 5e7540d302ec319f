"""One bridge to a state folder: two would write the same visit's file twice, and want the same port."""

import fcntl
from pathlib import Path
from typing import BinaryIO

from host_bridge.config import ConfigError
from host_bridge.durable import make_folder


def alone(state: Path) -> BinaryIO:
    """A lock on the state folder, held while it is open; the folder is made where there is none.

    Raises ConfigError where another bridge holds it, OSError.
    """
    make_folder(state, 0o700)
    lock = (state / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(
            f"{state}: 受付ソフト（kiosk-bridge run か pair）が動いています。先に止めてください"
            " / another bridge is running on this folder; end it first"
        ) from None
    return lock
