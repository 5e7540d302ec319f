"""Sets the demo's stage: keys, cards and people, then every program of the house, each a process of its own."""

import asyncio
import fcntl
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from board.demo.cable import Cable
from board.demo.cards import Cards, IssuedCards
from board.demo.insured import write_people
from board.demo.pair import pair
from board.demo.program import Program, StageFault
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from board.sim.card.tray import Tray
from board.sim.dock import Dock
from board.sim.keystore import make_device
from board.sim.pcscd import PcscDaemon
from host_bridge.identity import create_bridge

SERIAL_NUMBER = "SIM-0001"
INSTITUTION_CODE = "1312345670"
C = TypeVar("C", bound=Cards, covariant=True)
MARK = ".left-by-the-demo"
"""In a folder that the demo may empty."""


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


@dataclass(frozen=True)
class Plan:
    """What a stage is made from."""

    out: Path
    """Folder for everything the demo leaves."""
    models: Path
    photos: Mapping[str, bytes]
    """Photos in the chips: JP2 by persona; the rest get a drawn silhouette."""
    window: int = 0
    """Port of the bridge's staff page; 0: any free one."""
    authority: Path | None = None
    """Whose cards are believed, where it is not the demo's own issuer."""


LayCards = Callable[[PcscDaemon, Folders], Awaitable[C]]
"""Makes the patients' cards ready before the daemon."""


@dataclass(frozen=True)
class Stage(Generic[C]):
    """The reader, the bridge and everything around them, running."""

    folders: Folders
    daemon: PcscDaemon
    dock: Dock
    cards: C
    cable: Cable
    reader: Program
    bridge: Program


@asynccontextmanager
async def set_stage(
    plan: Plan, dock: Dock, lay_cards: LayCards[C], say: Callable[[str], None]
) -> AsyncIterator[Stage[C]]:
    """Everything from keys to a reader that waits for its first card; all of it ends with the context.

    Raises StageFault.
    """
    out, folders = plan.out, Folders(plan.out)
    say("鍵・カード・登録の用意 / making keys, cards and a pairing")
    async with AsyncExitStack() as stack:
        stack.enter_context(await asyncio.to_thread(make_room, out))
        await asyncio.to_thread(make_world, folders, plan)
        say("PC/SCデーモンと仮想カード / PC/SC daemon and virtual card")
        daemon = await stack.enter_async_context(PcscDaemon(out / "pcsc"))
        cards = await lay_cards(daemon, folders)
        cable = await stack.enter_async_context(Cable(out / "cable"))
        await dock.open(out / "dock.sock")
        stack.push_async_callback(dock.close)
        say("受付ソフトとリーダー / bridge and reader")
        bridge = Program("bridge", ["host_bridge", "run", "--config", str(folders.bridge / "bridge.toml")], out, {})
        line = ["firmware", "run", "--profile", "sim", "--state", str(folders.reader), "--port", str(cable.reader)]
        line += ["--dock", str(out / "dock.sock"), "--models", str(plan.models)]
        reader = Program("reader", line, out, daemon.environment)
        for program, ready in ((bridge, "bridge_started"), (reader, "link_up")):
            await program.start()
            stack.push_async_callback(program.end)
            await program.wait(ready)
        yield Stage(folders, daemon, dock, cards, cable, reader, bridge)


def make_room(out: Path) -> BinaryIO:
    """An empty folder; what an earlier demo left there goes. The file that is returned locks it while it is open.

    Raises StageFault.
    """
    try:
        if out.exists() and any(out.iterdir()):
            if not (out / MARK).exists():
                raise StageFault(
                    f"{out} holds something that no demo left there: remove it, or give another folder (--out)"
                )
            locked(out / MARK).close()
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(mode=0o700, parents=True, exist_ok=True)  # its cards hold keys, its screens faces
        return locked(out / MARK)
    except OSError as error:
        raise StageFault(f"{out}: {error.strerror}; give a folder that can be written: --out") from error


def locked(mark: Path) -> BinaryIO:
    """A demo's mark, locked while it is open. Raises StageFault where another demo holds it, OSError."""
    file = mark.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StageFault(f"another demo runs in {mark.parent}: end it, or give another folder (--out)") from None
    return file


async def issued_cards(daemon: PcscDaemon, folders: Folders) -> IssuedCards:
    """Start the virtual tray in the daemon's network."""
    control = folders.out / "tray.sock"
    line = (sys.executable, "-m", "board.sim.card", "serve", "--control", control, "--trace", folders.apdu_trace)
    await daemon.start_card([str(one) for one in line])
    tray = Tray(control)
    await tray.served()
    return IssuedCards(tray, folders.cards)


def make_world(folders: Folders, plan: Plan) -> None:
    """Everything that is on disk before the first program starts. Raises StageFault, OSError."""
    authority = Authority.create()
    authority.save(folders.authority)
    issue_personas(folders.cards, authority, plan.photos)
    for side in (folders.reader, folders.bridge):
        (side / "authority").mkdir(parents=True)
        for name in ("jpki_ca.pem", "cv_ca.json"):
            shutil.copy((plan.authority or folders.authority) / name, side / "authority")
    identity = folders.reader / "identity"
    make_device(identity, SERIAL_NUMBER)
    bridge = create_bridge(folders.bridge / "identity")
    pair(bridge, folders.reader)
    write_people(folders.bridge / "people.json", folders.cards)
    settings = {
        "institution_code": INSTITUTION_CODE,
        "facility": "medical",
        "demo": True,
        "prescriptions": False,
        "maker_roots": str((identity / "maker_root.pem").absolute()),
        "maker_revoked": str((identity / "maker_revoked.pem").absolute()),
        "window": plan.window,
        "port": str((folders.out / "cable" / "terminal").absolute()),
        "people": "people.json",
        **{name: name for name in ("state", "identity", "authority", "face", "work", "index")},
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in settings.items())
    (folders.bridge / "bridge.toml").write_text("\n".join(lines) + "\n", "utf-8")
