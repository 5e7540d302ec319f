"""The demo for people: the reader's page and the bridge's window in a browser, until Ctrl-C."""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import numpy as np

from board.contracts import Frame
from board.demo.cards import FACE_CARD, PIN_CARD, IssuedCards
from board.demo.page.app import reader_page
from board.demo.page.viewer import Screen
from board.demo.portraits import before_camera, chip_photo, load_faces
from board.demo.program import StageFault
from board.demo.program_log import Event
from board.demo.stage import Plan, Stage, issued_cards, set_stage
from board.demo.visits import empty_room
from board.demo.wallet import Wallet
from board.demo.world import Sight, World
from board.profiles import load_profile
from board.sim.dock import Dock
from host_bridge.outlets.window.address import read as window_address
from host_bridge.web.server import LocalServer, address, listen


async def live(out: Path, models: Path, faces_folder: Path | None, port: int, say: Callable[[str], None]) -> int:
    """Serve both pages until cancelled; the exit status.

    Raises StageFault, PortTaken and what the stage's parts raise.
    """
    with listen(port) as listener:
        listen(port + 1).close()  # the bridge's: say it now if that one is taken
        faces = load_faces(faces_folder)
        people = {
            Sight.PATIENT: before_camera("patient", faces.patient),
            Sight.OTHER: before_camera("other", faces.other),
            Sight.NOBODY: empty_room(),
        }
        people[Sight.BOTH] = side_by_side(people[Sight.PATIENT], people[Sight.OTHER])
        plan = Plan(out, models, photos_of(chip_photo(faces.card), chip_photo(faces.other)), window=port + 1)
        dock, screen = Dock(), Screen(load_profile("sim").screen.size)
        dock.on_show = screen.show
        async with set_stage(plan, dock, issued_cards, say) as stage:
            token = secrets.token_urlsafe()
            window = window_address(stage.folders.bridge / "state")
            if window is None:
                raise StageFault("the bridge serves no window")
            wallet = Wallet(stage.folders.cards, stage.folders.authority, plan.photos)
            world = World(stage, wallet, people, screen)
            narrate(stage, screen)
            watching = asyncio.create_task(watch(stage, world, say))
            page = reader_page(dock, screen, world, wallet, window=window, portraits=faces_folder is None)
            server = LocalServer(page, listener, token, camera=True)
            serving = asyncio.create_task(server.run())
            pages = {"reader": address(server.port, token), "window": window}
            try:
                print(f"\n  リーダー / the reader:  {pages['reader']}\n  受付画面 / the window:  {pages['window']}\n")
                print("  終わるには Ctrl-C / Ctrl-C ends it", flush=True)
                with opened_on_desktop(pages):
                    await asyncio.wait({serving})
            except asyncio.CancelledError:
                say("片付けています / putting everything away")
            finally:
                watching.cancel()
                server.stop()
                await serving
    say("終わりました。何も動いていません / ended, nothing is left running")
    return 0


FACE_CARDS = (
    FACE_CARD,
    "pin_locked",
    "no_pin",
    "one_try_left",
    "ending_certificate",
    "ended_certificate",
    "next_generation",
    "slow",
)
"""They bear the face of person A; the others differ in something that comes before the face, or bear a silhouette."""


def photos_of(patient: bytes, other: bytes) -> Mapping[str, bytes]:
    """JP2 by persona, for the cards that a face is compared with."""
    return {**dict.fromkeys(FACE_CARDS, patient), PIN_CARD: other}


def side_by_side(left: Frame, right: Frame) -> Frame:
    """The middles of two pictures of one size: two people before the camera."""
    width = left.shape[1]
    quarter = width // 4
    return np.concatenate([left[:, quarter : quarter + width // 2], right[:, quarter : width - quarter]], axis=1)


async def watch(stage: Stage[IssuedCards], world: World, say: Callable[[str], None]) -> None:
    """Say it when a simulated part ends before the demo does."""
    parts = [asyncio.create_task(part) for part in (stage.daemon.ended(), stage.cable.ended())]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        world.part_ended()
        say("仮想の部品が終わりました。起動し直してください / a simulated part has ended: start the demo again")
    finally:
        for part in parts:
            part.cancel()


def narrate(stage: Stage[IssuedCards], screen: Screen) -> None:
    """The event logs of both programs, told to the page as they grow."""
    for program in (stage.reader, stage.bridge):

        def tell(event: Event, name: str = program.name) -> None:
            screen.tell({"event": {**event, "program": name}})

        program.log.on_event = tell


@contextmanager
def opened_on_desktop(pages: Mapping[str, str]) -> Iterator[None]:
    """Open the addresses in the browser of whoever sits there, where there is a desktop.

    They hold tokens, and a command line is for everybody to read: the browser gets a file that leads there.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or shutil.which("xdg-open") is None:
        yield
        return
    user = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None  # a desktop's browser does not belong to root
    with TemporaryDirectory(prefix="face-card-reader-") as folder:
        for name, page in pages.items():
            leads = Path(folder) / f"{name}.html"
            leads.touch(mode=0o600)
            leads.write_text(f'<meta http-equiv="refresh" content="0; url={page}">', "utf-8")
            if user:
                shutil.chown(folder, user)
                shutil.chown(leads, user)
            line = [*(["runuser", "-u", user, "--"] if user else []), "xdg-open", str(leads)]
            with suppress(OSError):  # the addresses have been printed
                subprocess.Popen(line, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
        yield
