"""Pairing without a cable and without a hand: both ends' steps, joined in memory."""

import os
import time
from datetime import timedelta
from pathlib import Path

from firmware.cobs import codec
from firmware.link.enrolment import Comparing, Enrolment, Failed, News, Paired
from firmware.link.state import open_journal, open_keys
from firmware.wire import enrolment
from host_bridge.devices import LOCAL_IDENTITY_LIFE
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase


class NotPaired(Exception):
    """One end refused; the text says why."""


def pair(
    bridge: BridgeIdentity, reader: Path, life: timedelta = LOCAL_IDENTITY_LIFE, makers: Makers | None = None
) -> None:
    """Pair the reader whose state folder is `reader`, made by `board.sim.keystore.make_device`, with a bridge, as
    staff would: the code typed, the button touched.

    `makers`: by default the reader's own maker. Raises NotPaired.
    """
    identity = reader / "identity"
    makers = makers or Makers(identity / "maker_root.pem", identity / "maker_revoked.pem")
    keys = open_keys(reader)
    journal = open_journal(reader, paired=keys.local() is not None)
    heard: list[News] = []
    device = Enrolment(keys, journal, codec(), os.urandom, heard.append)
    host = Pairing(bridge, makers, codec(), life=life)
    since = time.monotonic_ns() // 1_000_000
    device.start(since)
    host.start(since)
    try:
        for now in range(since, since + enrolment.HAND_MS):
            host.tick(now)
            device.feed(host.output(), now)
            device.tick(now)
            host.feed(device.output(), now)
            match heard.pop(0) if heard else None:
                case Comparing(code):
                    staff_code = code
                case Failed(reason):
                    raise NotPaired(f"{reason}; {host.refused}")
                case Paired():
                    return
            if host.phase is Phase.CODE:
                host.type_code(staff_code, now)
            elif host.phase is Phase.TOUCH:
                device.confirm(now)
            elif host.phase is Phase.REFUSED:
                raise NotPaired(str(host.refused))
    finally:
        journal.close()
    raise NotPaired("it took too long")
