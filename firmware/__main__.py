"""The reader's program: the one place that chooses the parts of a board and puts them together.

`run` is what a board starts. It starts `visit` for each patient, and that starts `face`; both end with the visit.
`card read` and `unpair` are a technician's.
"""

import argparse
import asyncio
import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from board.contracts import Light
from board.linux.pcsc import PcscReader
from board.linux.serial import SerialHostPort
from board.peripherals.status_light import StatusLight
from board.profiles import Profile, ProfileError, load_profile
from board.sim.camera import DockCamera, DockCardFace
from board.sim.display import DockDisplay, DockKeypad, DockTouch
from firmware.card.command import describe, obey
from firmware.cobs import codec
from firmware.face.engine import FaceEngine, ModelError
from firmware.flows.events import EventLog
from firmware.flows.face_worker import FaceUnavailable, FaceWorker, refuse, work
from firmware.flows.host import Host
from firmware.flows.kiosk import Kiosk
from firmware.flows.pairing import PairingDesk
from firmware.flows.patient import Patient
from firmware.flows.pipe import Caller, Pipe, PipeBroken
from firmware.flows.process import until_stopped
from firmware.flows.signer import Device, TokenSigner, measure
from firmware.flows.supervisor import Supervisor
from firmware.flows.visit import receive_patient
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable
from firmware.link.keys import FileKeyStore
from firmware.link.link import Link
from firmware.link.state import StateInUse, Undelivered, advice_for, alone, open_journal, open_keys, unpair
from firmware.screens.look import DEMO_FOOTER, Look
from firmware.screens.out_of_order import OutOfOrder
from firmware.tflite import runtime_name
from firmware.token.anchors import TrustAnchors

MANIFEST = Path(__file__).parents[1] / "models" / "manifest.toml"
OUT_OF_ORDER = 3
"""Exit status when the reader cannot serve anybody; the reason is on its screen and on standard error."""
PR_SET_DUMPABLE = 4


def main() -> None:
    """Entry point `kiosk-reader`."""
    os.umask(0o077)  # journal, lock and photos are for this user alone
    parser = argparse.ArgumentParser(prog="kiosk-reader", description="Face-authentication card reader")
    commands = parser.add_subparsers(dest="command", required=True)
    face_command = commands.add_parser("face", help="camera and face decision of one visit (started by visit)")
    visit_command = commands.add_parser("visit", help="serve one patient (started by run)")
    run_command = commands.add_parser("run", help="serve patients until stopped; pair first, where that has to be done")
    unpair_command = commands.add_parser("unpair", help="forget the terminal; the reader must be stopped")
    unpair_command.add_argument("--discard", action="store_true", help="wipe records that no terminal has taken yet")
    card_command = commands.add_parser("card", help="what a technician does with a card")
    describe(card_command)
    for command in (face_command, visit_command, run_command):
        command.add_argument("--profile", default="sim", help="board profile: a name, or a TOML file")
        command.add_argument("--models", type=Path, default=Path("build/models"), help="folder of built models")
        command.add_argument("--dock", type=Path, required=True, help="socket of the virtual reader's surroundings")
    for command in (visit_command, run_command, unpair_command):
        command.add_argument("--state", type=Path, required=True, help="folder of this reader: identity/, authority/")
    for command in (face_command, visit_command):
        command.add_argument("--fd", type=int, required=True, help=argparse.SUPPRESS)
    run_command.add_argument("--port", type=Path, required=True, help="serial line to the terminal")
    options = parser.parse_args()
    leave_no_core()
    if options.command == "card":
        sys.exit(obey(options, lambda: PcscReader(options.reader, extended=options.extended), trusted))
    if options.command == "unpair":
        sys.exit(forget_terminal(options))
    try:
        profile = load_profile(options.profile)
    except ProfileError as error:
        sys.exit(f"kiosk-reader: {error}")
    if options.command != "run":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for `run`; the others end with their pipe
    program = {"run": run, "visit": visit, "face": face}[options.command]
    sys.exit(program(profile, options))


def leave_no_core() -> None:
    """No core dump, and no other process of this user may look inside: memory here holds PINs and photos."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def run(profile: Profile, options: argparse.Namespace) -> int:
    """The process that lasts."""
    return asyncio.run(supervise(profile, options))


def visit(profile: Profile, options: argparse.Namespace) -> int:
    """One patient."""
    return asyncio.run(serve_patient(profile, options))


def face(profile: Profile, options: argparse.Namespace) -> int:
    """Camera and face decision of one visit."""
    end = socket.socket(fileno=options.fd)
    try:
        engine = FaceEngine.load(options.models, MANIFEST)
    except ModelError as error:
        refuse(end, str(error))
        return OUT_OF_ORDER
    work(lambda: DockCamera(options.dock), engine, end)
    return 0


async def supervise(profile: Profile, options: argparse.Namespace) -> int:
    """Serve patients until SIGTERM or SIGINT."""
    log = EventLog()
    try:
        await (await DockDisplay.connect(options.dock, profile.screen.size)).close()
    except OSError as error:
        sys.exit(
            f"kiosk-reader: --dock {options.dock}: 仮想リーダーの画面につながりません。先にデモを起動してください"
            f" / no dock answers ({error.strerror}): start what surrounds the virtual reader first"
        )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        FaceEngine.load(options.models, MANIFEST)
        trusted(options.state / "authority")
        with alone(options.state):
            return await serve(profile, options, open_keys(options.state), log, stop)
    except StateInUse as in_use:  # whoever holds it has the screen
        sys.exit(f"kiosk-reader: {in_use}")
    except ModelError as error:
        why = f"モデルを作り直してください（make models） / {error}; build the models again: make models"
        return await out_of_order(profile, options, log, "M01", why)
    except JournalDamaged as damaged:
        return await out_of_order(profile, options, log, "J01", advice_for(options.state, damaged))
    except (OSError, ValueError, JournalUnavailable) as error:
        why = f"{options.state} を使えません / cannot be used: {error}"
        return await out_of_order(profile, options, log, "S01", why)


async def serve(
    profile: Profile, options: argparse.Namespace, keys: FileKeyStore, log: EventLog, stop: asyncio.Event
) -> int:
    """Be paired, where that has not been done yet, then serve. Raises JournalDamaged, JournalUnavailable."""
    journal = open_journal(options.state, paired=keys.local() is not None)
    port = SerialHostPort(options.port)
    log.write("reader_started", profile=profile.name, tflite=runtime_name(), device=keys.device_id)
    try:
        if keys.local() is None:
            await until_stopped(stop, be_paired(profile, options, port, keys, journal, log))
        if not stop.is_set():
            async with Link(port, keys, journal, codec(), log.write, demo=profile.demo) as link:
                signer = TokenSigner(keys, device_of(profile), journal)
                supervisor = Supervisor(link, signer, again("visit", options), log)
                await until_stopped(stop, supervisor.run(), link.damaged())
    finally:
        journal.close()
    log.write("reader_stopped")
    return 0


async def be_paired(
    profile: Profile,
    options: argparse.Namespace,
    port: SerialHostPort,
    keys: FileKeyStore,
    journal: Journal,
    log: EventLog,
) -> None:
    """Show whoever installs the reader how, until it is paired."""
    StatusLight(profile.status_light).show(Light.CARE)
    display = await DockDisplay.connect(options.dock, profile.screen.size)
    touch = await DockTouch.connect(options.dock)
    try:
        await PairingDesk(display, touch, look_of(profile)).be_paired(port, keys, journal, codec(), log)
    finally:
        await display.close()
        await touch.close()


def forget_terminal(options: argparse.Namespace) -> int:
    """Undo pairing."""
    try:
        with alone(options.state):
            wiped = unpair(options.state, discard=options.discard)
    except JournalDamaged as damaged:
        sys.exit(f"kiosk-reader: {advice_for(options.state, damaged)}")
    except (StateInUse, Undelivered, JournalUnavailable, OSError, ValueError) as error:
        sys.exit(f"kiosk-reader: {error}")
    print(
        f"登録を解除しました。届いていない受付{wiped}件を消しました"
        f" / not paired any more; {wiped} undelivered visits wiped"
    )
    return 0


async def out_of_order(profile: Profile, options: argparse.Namespace, log: EventLog, code: str, why: str) -> int:
    """Say on the screen, in the log and on standard error that nobody can be served, and why."""
    log.write("out_of_order", code=code, reason=why)
    StatusLight(profile.status_light).show(Light.CARE)
    display = await DockDisplay.connect(options.dock, profile.screen.size)
    screen = OutOfOrder(code, why)
    await display.show(screen.draw(look_of(profile)).image, screen.name)
    await display.close()
    print(f"kiosk-reader: {code}: {why}", file=sys.stderr)
    return OUT_OF_ORDER


async def serve_patient(profile: Profile, options: argparse.Namespace) -> int:
    """Warm up, wait for the word to go, serve one patient, end."""
    log = EventLog()
    pipe = await Pipe.over(socket.socket(fileno=options.fd))
    anchors = trusted(options.state / "authority")
    face_worker = await FaceWorker.start(again("face", options))
    worker: FaceWorker | None = face_worker
    try:
        await face_worker.ready()
    except FaceUnavailable as fault:
        log.write("face_unavailable", reason=fault.reason)
        worker = None
    try:
        await pipe.receive()  # the word to go; until then another visit has the screen and the card
        caller = Caller(pipe)
        host = Host(caller)
        display = await DockDisplay.connect(options.dock, profile.screen.size)
        touch, keypad = await DockTouch.connect(options.dock), await DockKeypad.connect(options.dock)
        patient = Patient(display, touch, keypad, host, look_of(profile))
        tray = PcscReader(profile.card_reader.name, extended=profile.card_reader.extended_apdus)
        light = StatusLight(profile.status_light)
        kiosk = Kiosk(patient, tray, DockCardFace(options.dock), light, worker, host, anchors)
        serving = asyncio.create_task(receive_patient(kiosk))
        others = [asyncio.create_task(caller.run()), asyncio.create_task(patient.run())]
        await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, *others):
            task.cancel()
        for ended in await asyncio.gather(*others, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        await asyncio.wait([serving])
        if not serving.cancelled():  # otherwise the reader is being stopped
            log.write("visit_ended", **serving.result().facts())
    except PipeBroken:
        return 0
    finally:
        await face_worker.end()
    return 0


def trusted(folder: Path) -> TrustAnchors:
    """Whose cards this reader believes. Raises OSError, AnchorsMalformed."""
    return TrustAnchors.from_files((folder / "jpki_ca.pem").read_bytes(), (folder / "cv_ca.json").read_bytes())


def device_of(profile: Profile) -> Device:
    """What the reader says of itself in its tokens."""
    return Device(
        oemid=profile.oemid,
        hwmodel=profile.hwmodel.encode(),
        demo=profile.demo,
        firmware=measure(Path(__file__).parent),
        face_model=sha256(MANIFEST.read_bytes()).digest(),
    )


def look_of(profile: Profile) -> Look:
    """How screens look on this board before a patient chooses."""
    return Look(profile.screen.size, profile.screen.px_per_mm, footer=DEMO_FOOTER if profile.demo else None)


def again(command: str, options: argparse.Namespace) -> Sequence[str]:
    """The command line of another process of this program, with the same options."""
    line = [sys.executable, "-m", "firmware", command, "--profile", options.profile]
    line += ["--models", str(options.models), "--dock", str(options.dock)]
    return line if command == "face" else [*line, "--state", str(options.state)]


if __name__ == "__main__":
    main()
