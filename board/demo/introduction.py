"""A reader and a bridge paired in memory: both ends of the steps, and somebody who reads the code and types it."""

import os
from pathlib import Path

from firmware.cobs import codec
from firmware.link.enrolment import Comparing, Enrolment, Failed, News
from firmware.link.journal import Journal
from firmware.link.keys import FileKeyStore
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase

_STEP_MS = 10
_PATIENCE_MS = 60_000


class NotIntroduced(Exception):
    """The two did not come to an end; the text says how far they came."""


def introduce(keys: FileKeyStore, journal: Journal, bridge: BridgeIdentity, makers: Makers) -> None:
    """Pair them. Raises NotIntroduced."""
    codes: list[str] = []
    failed: list[str] = []

    def hear(news: News) -> None:
        if isinstance(news, Comparing):
            codes.append(news.code)
        elif isinstance(news, Failed):
            failed.append(news.reason)

    host = Pairing(bridge, makers, codec())
    reader = Enrolment(keys, journal, codec(), os.urandom, hear)
    reader.start(0)
    host.start(0)
    for now in range(0, _PATIENCE_MS, _STEP_MS):
        reader.feed(host.output(), now)
        host.feed(reader.output(), now)
        if host.phase is Phase.CODE and codes:
            host.type_code(codes[-1], now)
            reader.confirm(now)
        reader.tick(now)
        host.tick(now)
        if failed or host.over:
            break
    if host.phase is not Phase.PAIRED:
        raise NotIntroduced(f"{host.phase.name}: {host.refused or failed or host.obstacle}")


def makers_of(device: Path) -> Makers:
    """The maker of a reader that `board.sim.keystore` made."""
    return Makers(device / "maker_root.pem", device / "maker_revoked.pem")
