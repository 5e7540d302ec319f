"""What token and link cost, each figure beside its goal: `make bench-link`.

    PYTHONPATH=.:tests/bench:tests/soak:tests/token python tests/bench/link_figures.py ORACLE_PYTHON

The bridge is its real program, the cable the virtual one in a process of its own, the reader's link, journal and signer
are in this process. Disks are real; "durable" is when the bridge tells that it has committed, so a little late.
"""

import asyncio
import io
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cobs_bench
import token_bench
from soak_card import SoakCard
from soak_process import Program
from soak_reader import DEVICE
from soak_world import make_world

from board.demo.cable import Cable
from board.linux.serial import SerialHostPort
from firmware.cobs import codec
from firmware.flows.events import EventLog
from firmware.flows.signer import TokenSigner
from firmware.flows.supervisor import Supervisor
from firmware.link.conversation import Conversation
from firmware.link.journal import Journal
from firmware.link.link import Link
from firmware.link.state import journal_file, open_keys
from firmware.policy import FacilityKind
from firmware.token.claims import Method
from firmware.token.evidence import binding
from host_bridge.desk import Settings
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity
from host_bridge.session import Session, serve

HANDSHAKES = 200
VISITS = 500
REPLUGS = 20
FLIPS = 100
"""In a million bytes: 1e-4."""
PATIENCE_S = 20.0


class Times:
    """When each event of each token was first told, monotonic seconds; anybody may wait for one."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], float] = {}
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def heard(self, event: str, facts: dict[str, Any], at: float) -> None:
        """From the bridge's program."""
        self._at.setdefault((event, str(facts.get("cti", ""))), at)
        self._news.set()

    def tell(self, event: str, **facts: Any) -> None:
        """From the link's thread."""
        at = time.monotonic()
        self._loop.call_soon_threadsafe(self.heard, event, facts, at)

    def forget(self, event: str) -> None:
        self._at.pop((event, ""), None)

    async def of(self, event: str, cti: str = "") -> float:
        async with asyncio.timeout(PATIENCE_S):
            while (event, cti) not in self._at:
                self._news.clear()
                await self._news.wait()
        return self._at[event, cti]


class Visits:
    """Visits without a patient: the reader's own answers, and a card's keys."""

    def __init__(self, supervisor: Supervisor, card: SoakCard, times: Times) -> None:
        self._supervisor = supervisor
        self._card = card
        self._times = times

    async def begin(self) -> tuple[dict[bytes, Any], dict[str, Any]]:
        """Everything up to the delivery: what was opened, and what to deliver."""
        opened: dict[bytes, Any] = {}
        begun = await self._supervisor.answer({"call": "open_visit"}, opened)
        cti = begun["cti"]
        question = {"call": "identify", "cti": cti, "certificate": self._card.certificate}
        await self._supervisor.answer(question, opened)
        bound = binding(begun["bridge_id"], begun["nonce"], cti, {1: True}, Method.FACE)
        evidence = self._card.evidence(Method.FACE, bound)
        return opened, {"call": "deliver", "cti": cti, "method": "face", "consents": {1: True}, "evidence": evidence}

    async def end(self, opened: dict[bytes, Any], delivery: dict[str, Any]) -> float:
        """Deliver; seconds from journalled to durable."""
        done = asyncio.create_task(self._supervisor.answer(delivery, opened))
        cti = delivery["cti"].hex()
        stored = await self._times.of("token_stored", cti)
        took = stored - await self._times.of("record_journalled", cti)
        await done
        return took


class TimedLog(EventLog):
    """The reader's log, heard instead of written."""

    def __init__(self, times: Times) -> None:
        self._times = times

    def write(self, event: str, **facts: Any) -> None:
        self._times.tell(event, **facts)


class OnlySettings:
    """As much of a desk as a handshake needs."""

    def __init__(self, identity: BridgeIdentity) -> None:
        self._settings = Settings(
            identity.bridge_id,
            bytes(32),
            identity.sealing_key,
            FacilityKind.MEDICAL,
            demo=True,
            disaster=False,
            prescriptions=False,
            staff_check=False,
            now=int(time.time()),
        )

    def settings(self) -> Settings:
        return self._settings


def handshakes_in_memory(identity: BridgeIdentity, state: Path) -> list[float]:
    """From the first OPEN to settings taken, both ends in this thread; seconds each."""
    took = []
    keys = open_keys(state)
    with closing(Journal(journal_file(state))) as journal:
        for _ in range(HANDSHAKES):
            told: list[str] = []
            reader = Conversation(
                keys, journal, codec(), os.urandom, lambda name, told=told, **_: told.append(name), demo=True
            )
            host = Session(identity, OnlySettings(identity), open_log(io.StringIO()), codec())
            since, now = time.perf_counter(), 0
            reader.start(now)
            host.start(now)
            while "link_up" not in told:
                now += 1
                host.tick(now)
                reader.feed(host.output(), now)
                reader.tick(now)
                host.feed(reader.output(), now)
            took.append(time.perf_counter() - since)
    return took


async def handshakes_over_cable(identity: BridgeIdentity, state: Path, cable: Cable) -> list[float]:
    """The same over the cable, from opening the terminal's port; seconds each."""
    took = []
    keys = open_keys(state)
    with closing(Journal(journal_file(state))) as journal:
        for _ in range(HANDSHAKES // 4):
            times = Times()
            stop = threading.Event()
            line = (cable.terminal, identity, OnlySettings(identity), open_log(io.StringIO()), stop, codec())
            host = threading.Thread(target=serve, args=line)
            async with Link(SerialHostPort(cable.reader), keys, journal, codec(), times.tell, demo=True):
                since = time.monotonic()
                host.start()
                took.append(await times.of("link_up") - since)
                stop.set()
                await asyncio.to_thread(host.join)
    return took


async def deliveries(visits: Visits) -> list[float]:
    return [await visits.end(*await visits.begin()) for _ in range(VISITS)]


async def replugs(visits: Visits, cable: Cable, times: Times) -> list[float]:
    """From the plug put in again to the next token on the terminal's disk; seconds each."""
    took = []
    for _ in range(REPLUGS):
        opened, delivery = await visits.begin()
        times.forget("link_down")
        await cable.unplug()
        await times.of("link_down")
        done = asyncio.create_task(visits.end(opened, delivery))
        await times.of("record_journalled", delivery["cti"].hex())
        since = time.monotonic()
        await cable.plug()
        took.append(await times.of("token_stored", delivery["cti"].hex()) - since)
        await done
    return took


async def measure(folder: Path) -> None:
    for side in ("reader", "bridge"):
        (folder / side).mkdir()
    make_world(folder)
    identity = BridgeIdentity.load(folder / "bridge" / "identity")
    state = folder / "reader"
    took = handshakes_in_memory(identity, state)
    print(f"handshake, both ends in one thread             p50 {p(took, 0.5)}, p95 {p(took, 0.95)}")
    async with Cable(folder / "cable") as cable:
        took = await handshakes_over_cable(identity, state, cable)
        print(f"handshake over the cable                       p50 {p(took, 0.5)}, p95 {p(took, 0.95)}", flush=True)
        times = Times()
        line = [sys.executable, "-m", "host_bridge", "run", "--config", str(folder / "bridge" / "bridge.toml")]
        bridge = await Program.start(line, {}, (folder / "bridge.log").open("wb"), times.heard)
        keys = open_keys(state)
        with closing(Journal(journal_file(state))) as journal:
            port = SerialHostPort(cable.reader)
            async with Link(port, keys, journal, codec(), times.tell, demo=True) as link:
                await times.of("link_up")
                supervisor = Supervisor(link, TokenSigner(keys, DEVICE, journal), [], TimedLog(times))
                visits = Visits(supervisor, SoakCard(folder / "card.json"), times)
                took = await deliveries(visits)
                goal("journalled -> durable, clean, p50", took, 0.5, 0.005)
                goal("journalled -> durable, clean, p99", took, 0.99, 0.050)
                await cable.flip_rate(FLIPS)
                took = await deliveries(visits)
                await cable.flip_rate(0)
                print(f"journalled -> durable, 1e-4 byte flips          p50 {p(took, 0.5)}")
                goal("journalled -> durable, 1e-4 byte flips, p99", took, 0.99, 0.250)
                took = await replugs(visits, cable, times)
                print(f"replug -> next token durable                    p50 {p(took, 0.5)}")
                goal("replug -> next token durable, slowest", took, 1.0, 1.0)
        bridge.send(signal.SIGTERM)
        await bridge.ended()


def p(values: Sequence[float], share: float) -> str:
    return f"{quantile(values, share) * 1000:.1f} ms"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def goal(name: str, values: Sequence[float], share: float, most: float) -> None:
    value = quantile(values, share)
    print(f"{name:<46} {value * 1000:8.1f} ms   goal <= {most * 1000:.0f} ms: {'met' if value <= most else 'NOT MET'}")


def main() -> None:
    print("\n".join(token_bench.token_figures(Path(sys.argv[1]))), flush=True)
    print("\n".join(cobs_bench.lines()), flush=True)
    folder = Path("build/bench-link")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    asyncio.run(measure(folder))


if __name__ == "__main__":
    main()
