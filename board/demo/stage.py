"""Sets the demo's stage: keys, cards and people, then every program of the house, each a process of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from board.demo.cable import Cable
from board.demo.cards import FACE_CARD, Cards, IssuedCards, OtherCard, OtherCards
from board.demo.insured import write_people
from board.demo.portraits import Faces, chip_photo
from board.demo.program_log import ProgramLog
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from board.sim.card.tray import Tray
from board.sim.dock import Dock
from board.sim.keystore import make_device
from board.sim.pcscd import PcscDaemon
from firmware.link.identity import install_identity, request_identity
from host_bridge.pairing import create_bridge, issue_local_identity

SERIAL_NUMBER = "SIM-0001"
INSTITUTION_CODE = "1312345670"
READY_S = 60.0
MARK = ".left-by-the-demo"
"""In a folder that the demo may empty."""


class StageFault(Exception):
    """The stage cannot be set; the text says what to do."""


@dataclass(frozen=True)
class Folders:
    """Where everything lies, under the demo's output folder."""

    out: Path

    @property
    def cards(self) -> Path:
        return self.out / "cards"

    @property
    def authority(self) -> Path:
        return self.out / "authority"

    @property
    def reader(self) -> Path:
        return self.out / "reader"

    @property
    def bridge(self) -> Path:
        return self.out / "bridge"

    @property
    def face(self) -> Path:
        """What the receipt computer polls."""
        return self.bridge / "face"

    @property
    def database(self) -> Path:
        return self.bridge / "state" / "journal.db"

    @property
    def apdu_trace(self) -> Path:
        return self.out / "apdu.log"


class Program:
    """One program of ours, and its event log as it grows."""

    def __init__(self, name: str, line: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = ProgramLog(folder / f"{name}.jsonl")
        self._line = line
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, again or for the first time. It ends with the demo, however that ends."""
        line = ("setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", *self._line)
        self._process = await asyncio.create_subprocess_exec(
            *line, stdout=asyncio.subprocess.PIPE, env=self._environment
        )
        if self._process.stdout is not None:
            self._following = asyncio.create_task(self.log.follow(self._process.stdout))

    async def end(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        await self._ended()

    async def kill(self) -> None:
        """SIGKILL, and wait."""
        if self._process is not None:
            self._process.kill()
        await self._ended()

    async def wait(self, event: str) -> None:
        """Wait until it has logged `event`. Raises StageFault when it ends, or takes too long, before that."""
        seen = asyncio.create_task(self.log.wait(event))
        ended = asyncio.create_task(self._ended())
        done, _ = await asyncio.wait({seen, ended}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        seen.cancel()
        ended.cancel()
        if seen not in done:
            why = "has ended" if ended in done else f"is not ready after {READY_S:.0f} s"
            raise StageFault(f"{self.name} {why}; its last words are above")

    async def _ended(self) -> None:
        if self._process is not None and self._following is not None:
            await self._process.wait()
            await self._following


@dataclass(frozen=True)
class Stage:
    """The reader, the bridge and everything around them, running."""

    folders: Folders
    dock: Dock
    cards: Cards
    cable: Cable
    reader: Program
    bridge: Program


@asynccontextmanager
async def set_stage(
    out: Path, models: Path, faces: Faces, other: OtherCard | None, dock: Dock, say: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Everything from keys to a reader that waits for its first card; all of it ends with the context.

    Raises StageFault.
    """
    folders = Folders(out)
    say("鍵・カード・登録の用意 / making keys, cards and a pairing")
    await asyncio.to_thread(make_world, folders, faces, other.authority if other else None)
    async with AsyncExitStack() as stack:
        say("PC/SCデーモンと仮想カード / PC/SC daemon and virtual card")
        daemon = await stack.enter_async_context(PcscDaemon(out / "pcsc"))
        cards = OtherCards(daemon, other) if other else await issued_cards(daemon, folders)
        cable = await stack.enter_async_context(Cable(out / "cable"))
        await dock.open(out / "dock.sock")
        stack.push_async_callback(dock.close)
        say("受付の橋と端末 / bridge and reader")
        bridge = Program("bridge", ["host_bridge", "run", "--config", str(folders.bridge / "bridge.toml")], out, {})
        line = ["firmware", "run", "--profile", "sim", "--state", str(folders.reader), "--port", str(cable.reader)]
        line += ["--dock", str(out / "dock.sock"), "--models", str(models)]
        reader = Program("reader", line, out, daemon.environment)
        for program, ready in ((bridge, "bridge_started"), (reader, "link_up")):
            await program.start()
            stack.push_async_callback(program.end)
            await program.wait(ready)
        yield Stage(folders, dock, cards, cable, reader, bridge)


def make_room(out: Path) -> None:
    """An empty folder; what an earlier demo left there goes. Raises StageFault."""
    try:
        if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
            raise StageFault(
                f"{out} holds something that no demo left there: remove it, or give another folder (--out)"
            )
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(mode=0o700, parents=True, exist_ok=True)  # its cards hold keys, its screens faces
        (out / MARK).touch()
    except OSError as error:
        raise StageFault(f"{out}: {error.strerror}; give a folder that can be written: --out") from error


async def issued_cards(daemon: PcscDaemon, folders: Folders) -> Cards:
    """Start the virtual tray in the daemon's network."""
    control = folders.out / "tray.sock"
    line = [sys.executable, "-m", "board.sim.card", "--control", str(control), "--trace", str(folders.apdu_trace)]
    await daemon.start_card(line)
    tray = Tray(control)
    await tray.served()
    return IssuedCards(tray, folders.cards)


def make_world(folders: Folders, faces: Faces, other_authority: Path | None) -> None:
    """Everything that is on disk before the first program starts. Raises StageFault."""
    make_room(folders.out)
    authority = Authority.create()
    authority.save(folders.authority)
    issue_personas(folders.cards, authority, {FACE_CARD: chip_photo(faces.card)})
    for side in (folders.reader, folders.bridge):
        (side / "authority").mkdir(parents=True)
        for name in ("jpki_ca.pem", "cv_ca.json"):
            shutil.copy((other_authority or folders.authority) / name, side / "authority")
    identity = folders.reader / "identity"
    make_device(identity, SERIAL_NUMBER)
    bridge = create_bridge(folders.bridge / "identity")
    roots = x509.load_pem_x509_certificates((identity / "maker_root.pem").read_bytes())
    install_identity(identity, issue_local_identity(bridge, request_identity(identity), roots))
    write_people(folders.bridge / "people.json", folders.cards)
    settings = {
        "institution_code": INSTITUTION_CODE,
        "facility": "medical",
        "demo": True,
        "port": str((folders.out / "cable" / "terminal").absolute()),
        "people": "people.json",
        **{name: name for name in ("state", "identity", "authority", "face", "work", "index")},
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in settings.items())
    (folders.bridge / "bridge.toml").write_text("\n".join(lines) + "\n", "utf-8")
