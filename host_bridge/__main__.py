"""The bridge's program: the one place that chooses its parts and puts them together."""

import argparse
import errno
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from cryptography import x509

from firmware.cobs import codec
from firmware.policy import Facility
from firmware.token.anchors import AnchorsMalformed, TrustAnchors
from host_bridge.alone import alone
from host_bridge.commands import add_commands
from host_bridge.config import Config, ConfigError
from host_bridge.courier import Courier
from host_bridge.denylist import DenylistUnusable
from host_bridge.desk import Desk, Site
from host_bridge.eligibility_simulator import EligibilitySimulator, PeopleMalformed
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity
from host_bridge.journal import Journal
from host_bridge.journal_file import JournalUnavailable
from host_bridge.keys import Seal, load_or_create
from host_bridge.outlets.face_folder import FaceFolder, FaceFolderUnusable
from host_bridge.outlets.window.address import announced, read
from host_bridge.outlets.window.window import Window, token_of
from host_bridge.pair import NotPaired
from host_bridge.recall import recall
from host_bridge.reception import Reception
from host_bridge.session import serve
from host_bridge.verify import Trust
from host_bridge.web.server import PortTaken, listen

_UNUSABLE = (
    ConfigError,
    DenylistUnusable,
    FaceFolderUnusable,
    JournalUnavailable,
    OSError,
    PeopleMalformed,
    PortTaken,
    ValueError,
)


_NOT_ALLOWED = (
    ": 権限がありません。受付ソフトを動かす利用者として実行するか、別のフォルダーにしてください"
    " / not allowed: run this as the user whose bridge it is, or give another folder"
)
_NO_FOLDER = ": フォルダーではありません。別のフォルダーにしてください / not a folder: give another one"
_ADVICE = {
    errno.ENOENT: ": ありません。設定を確かめてください / not there: correct the configuration, or put it there",
    errno.EEXIST: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.ENOSPC: ": 空き容量がありません。ファイルを減らしてから、もう一度"
    " / free some space on that disk, and start again",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: ": 書き込めないディスクです / the disk is read-only: make it writable, or give another folder",
}


def main() -> None:
    """Entry point `kiosk-bridge`."""
    os.umask(0o077)  # what it writes is for its user alone, but for the receipt computer's files
    parser = argparse.ArgumentParser(prog="kiosk-bridge", description="Bridge on the qualification terminal")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("run", help="serve the reader until stopped")
    start.add_argument("--config", type=Path, required=True, help="the bridge's TOML file")
    start.set_defaults(command=run)
    show = commands.add_parser("window", help="print the address of the running bridge's page for the reception")
    show.add_argument("--config", type=Path, required=True, help="the bridge's TOML file")
    show.set_defaults(command=window)
    add_commands(commands)
    options = parser.parse_args()
    try:
        options.command(options)
    except NotPaired as refused:
        sys.exit(str(refused))
    except _UNUSABLE as error:
        advice = _ADVICE.get(error.errno or 0, "") if isinstance(error, OSError) else ""
        sys.exit(f"kiosk-bridge: {error}{advice}")


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises what _UNUSABLE lists while starting."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core dump: memory here holds patients' names
    config = Config.load(options.config)
    identity = BridgeIdentity.load(config.identity)
    with alone(config.state), listen(config.window) as listener:
        facility = Facility(config.facility)
        facility_key = load_or_create(config.state / "facility.key")
        window_key = load_or_create(config.state / "window.key")
        seal = Seal(load_or_create(config.state / "journal.key"))
        authority = x509.load_der_x509_certificate(identity.authority)
        cards = _anchors(config.authority)
        trust = Trust(identity.bridge_id, authority, cards, facility_key, config.demo, identity.denylist)
        eligibility = EligibilitySimulator(config.people)
        folder = FaceFolder.prepare(config.face, config.work, config.index)
        reception = Reception(folder)
        log = open_log(sys.stdout, reception.heard)
        with closing(Journal(config.state / "journal.db")) as journal:
            reception.remember(recall(journal, folder, facility, identity.bridge_id, int(time.time())))
            courier = Courier(
                journal,
                seal,
                eligibility,
                folder,
                config.institution_code,
                facility,
                identity.bridge_id,
                reception,
                log,
            )
            site = Site(config.facility, config.prescriptions)
            desk = Desk(journal, seal, identity.record_key, trust, site, eligibility, log, stored=courier.call)
            page = Window(reception, listener, token_of(window_key), config.demo, log)
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            with announced(config.state, page.address), working(courier), working(page):
                log.info(
                    "bridge_started",
                    bridge=identity.bridge_id.hex(),
                    demo=config.demo,
                    facility=config.facility.name.lower(),
                    window=page.port,
                )
                serve(config.port, identity, desk, log, stop, codec())
        log.info("bridge_stopped")


def _anchors(folder: Path) -> TrustAnchors:
    """Whose cards are genuine. Raises ConfigError, OSError."""
    jpki, cv = folder / "jpki_ca.pem", folder / "cv_ca.json"
    try:
        return TrustAnchors.from_files(jpki.read_bytes(), cv.read_bytes())
    except AnchorsMalformed as error:
        raise ConfigError(
            f"{folder}: カードの発行者の証明書を読めません。{jpki.name} と {cv.name} を置き直してください"
            f" / {error}: put {jpki.name} and {cv.name} of the cards' issuer there again"
        ) from error


def window(options: argparse.Namespace) -> None:
    """Print where the running bridge serves its window. Raises ConfigError."""
    state = Config.load(options.config).state
    address = read(state)
    if address is None:
        raise ConfigError(
            f"{state}: 受付ソフトが動いていません。kiosk-bridge run --config FILE で始めてください"
            " / no bridge is running on this folder: start it with that command"
        )
    print(address)


class Worker(Protocol):
    """What runs in a thread of its own beside the link."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """From any thread."""


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    """Have it run for as long as this lasts."""
    thread = threading.Thread(target=worker.run, name=type(worker).__name__)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


if __name__ == "__main__":
    main()
