"""The reader's program as the soak runs it: the real keys, journal, signer, link and answers, and scripted patients in
place of the visit's process. Screens, camera, card reader and models are left out.

`python tests/soak/soak_reader.py LANE`: LANE/reader is its state, LANE/cable/reader its port. While LANE/rest exists,
nobody comes.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from hashlib import sha256
from pathlib import Path

from soak_card import SoakCard

from board.linux.serial import SerialHostPort
from firmware.cobs import codec
from firmware.flows.events import EventLog
from firmware.flows.signer import Device, TokenSigner
from firmware.flows.supervisor import Supervisor
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable
from firmware.link.link import Link
from firmware.link.state import alone, journal_file, open_keys
from firmware.token.claims import Method
from firmware.token.evidence import binding

PATIENTS = 2
"""At the same time: more than one record can then wait for the terminal."""
PATIENCE_S = 0.5
"""A patient waits so long for the terminal's receipt, and leaves then."""
PAUSE_S = (0.1, 0.4)
DEVICE = Device(
    oemid=b"soak maker 00016",
    hwmodel=b"soak reader",
    demo=True,
    firmware=sha256(b"firmware").digest(),
    face_model=sha256(b"models").digest(),
)


class CopiedJournal(Journal):
    """The real journal; somebody copies each sealed record, for `soak_forger`."""

    def __init__(self, state: Path, copy: Path) -> None:
        super().__init__(journal_file(state))
        self._copy = copy

    def put(self, cti: bytes, counter: int, digest: bytes, sealed: bytes) -> None:
        super().put(cti, counter, digest, sealed)
        fresh = self._copy.with_suffix(".new")
        fresh.write_bytes(sealed)
        fresh.replace(self._copy)


async def visit(supervisor: Supervisor, card: SoakCard) -> None:
    """One patient, from placing the card to leaving; a terminal that is silent sends them away."""
    opened: dict[bytes, object] = {}
    method = random.choice((Method.PIN, Method.FACE))
    consents = {number: random.random() < 0.5 for number in (1, 2)}
    begun = await supervisor.answer({"call": "open_visit"}, opened)
    if "silent" in begun:
        return
    cti = begun["cti"]
    if "silent" in await supervisor.answer({"call": "identify", "cti": cti, "certificate": card.certificate}, opened):
        return
    bound = binding(begun["bridge_id"], begun["nonce"], cti, consents, method)
    asked = {"call": "deliver", "cti": cti, "method": method.value, "consents": consents}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await supervisor.answer({**asked, "evidence": card.evidence(method, bound)}, opened)


async def come_and_go(lane: Path, supervisor: Supervisor, card: SoakCard) -> None:
    """Patients, one after the other, until they are to rest."""
    while not (lane / "rest").exists():
        await visit(supervisor, card)
        await asyncio.sleep(random.uniform(*PAUSE_S))


async def serve(lane: Path, supervisor: Supervisor, card: SoakCard, journal: Journal) -> None:
    """All patients; when nobody comes any more, tell how many records wait."""
    await asyncio.gather(*(come_and_go(lane, supervisor, card) for _ in range(PATIENTS)))
    while True:
        with contextlib.suppress(JournalUnavailable):
            tell("resting", undelivered=journal.undelivered())
        await asyncio.sleep(PAUSE_S[0])


async def run(lane: Path) -> int:
    """Until SIGTERM, or until the journal is found damaged."""
    log = EventLog()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    state = lane / "reader"
    with alone(state), contextlib.closing(CopiedJournal(state, lane / "captured")) as journal:
        keys = open_keys(state)
        card = SoakCard(lane / "card.json")
        port = SerialHostPort(lane / "cable" / "reader")
        async with Link(port, keys, journal, codec(), log.write, demo=True) as link, asyncio.TaskGroup() as group:
            supervisor = Supervisor(link, TokenSigner(keys, DEVICE, journal), [], log)
            serving = group.create_task(serve(lane, supervisor, card, journal))
            damaged = group.create_task(link.damaged())
            stopped = group.create_task(stop.wait())
            await asyncio.wait({damaged, stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (damaged, stopped, serving):
                task.cancel()
        if damaged.done() and not damaged.cancelled():
            raise damaged.result()
    return 0


def tell(event: str, **facts: object) -> None:
    """What only the soak wants to know, among the events of the log."""
    print(json.dumps({"event": event, **facts}), flush=True)


def main() -> int:
    """Exit status 1 where the reader cannot work."""
    try:
        return asyncio.run(run(Path(sys.argv[1])))
    except JournalUnavailable as error:
        tell("journal_unavailable", reason=error.reason)
    except JournalDamaged as damaged:
        tell("journal_damaged", reason=str(damaged))
    except OSError as error:
        tell("state_unusable", reason=os.strerror(error.errno or 0))
    return 1


if __name__ == "__main__":
    sys.exit(main())
