"""The reader's program: the one place that chooses the parts of a board and puts them together.

`run` is what a board starts. It starts `visit` for each patient, and that starts `face`; both end with the visit.
"""

import argparse
import asyncio
import contextlib
import ctypes
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from board.contracts import Camera, CardFace, Display, Indicator, Touch
from board.linux.pcsc import PcscReader
from board.linux.serial import SerialHostPort
from board.peripherals.status_light import StatusLight
from board.profiles import Profile, ProfileError, load_profile
from board.sim.camera import DockCamera, DockCardFace
from board.sim.display import DockDisplay, DockTouch
from board.sim.keystore import FileKeyStore
from firmware.face.engine import FaceEngine, ModelError
from firmware.flows.events import EventLog
from firmware.flows.face_worker import FaceUnavailable, FaceWorker, work
from firmware.flows.host import Host
from firmware.flows.kiosk import Kiosk
from firmware.flows.patient import Patient
from firmware.flows.pipe import Caller, Pipe, PipeBroken
from firmware.flows.signer import Device, TokenSigner, measure
from firmware.flows.supervisor import Supervisor
from firmware.flows.visit import receive_patient
from firmware.link.link import Link
from firmware.screens.look import Look
from firmware.screens.out_of_order import OutOfOrder
from firmware.tflite import runtime_name
from firmware.token.anchors import TrustAnchors

OUT_OF_ORDER = 3
"""Exit status when the reader cannot serve anybody; the reason is on its screen and on standard error."""
PR_SET_DUMPABLE = 4
DEMO_FOOTER = "デモ：なりすまし検知はありません  Demo: no presentation-attack detection"


def main() -> None:
    """Entry point `kiosk-reader`."""
    parser = argparse.ArgumentParser(prog="kiosk-reader", description="Face-authentication card reader")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("run", "serve patients until stopped"),
        ("visit", "serve one patient (started by run)"),
        ("face", "camera and face decision of one visit (started by visit)"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--profile", default="sim", help="board profile: a name, or a TOML file")
        command.add_argument("--state", type=Path, required=True, help="folder of this reader: identity/, authority/")
        command.add_argument("--models", type=Path, default=Path("build/models"), help="folder of built models")
        command.add_argument("--port", type=Path, required=True, help="serial line to the terminal")
        command.add_argument("--dock", type=Path, help="socket of the virtual reader's surroundings (profile sim)")
        if name != "run":
            command.add_argument("--fd", type=int, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    leave_no_core()
    try:
        profile = load_profile(options.profile)
    except ProfileError as error:
        sys.exit(f"kiosk-reader: {error}")
    program = {"run": run, "visit": visit, "face": face}[options.command]
    sys.exit(program(profile, options))


def leave_no_core() -> None:
    """No core dump, and no other process of this user may look inside: memory here holds PINs and photos."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
