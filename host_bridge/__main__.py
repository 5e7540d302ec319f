"""The bridge's program: the one place that chooses its parts and puts them together."""

import argparse
import fcntl
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from cryptography import x509

from firmware.policy import Facility
from firmware.token.anchors import AnchorsMalformed, TrustAnchors
from host_bridge import pairing
from host_bridge.config import Config, ConfigError
from host_bridge.courier import Courier
from host_bridge.desk import Desk
from host_bridge.eligibility import EligibilitySimulator, PeopleMalformed
from host_bridge.events import open_log
from host_bridge.journal import Journal, JournalUnavailable
from host_bridge.keys import Seal, load_or_create
from host_bridge.outlets.face_folder import FaceFolder, FaceFolderUnusable
from host_bridge.pairing import BridgeIdentity
from host_bridge.session import serve
from host_bridge.verify import Trust

_UNUSABLE = (
    AnchorsMalformed,
    ConfigError,
    FaceFolderUnusable,
    JournalUnavailable,
    OSError,
    PeopleMalformed,
    ValueError,
)


def main() -> None:
    """Entry point `kiosk-bridge`."""
    parser = argparse.ArgumentParser(prog="kiosk-bridge", description="Bridge on the qualification terminal")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("run", help="serve the reader until stopped")
    start.add_argument("--config", type=Path, required=True, help="the bridge's TOML file")
    start.set_defaults(command=run)
    pairing.add_commands(commands)
    options = parser.parse_args()
    try:
        options.command(options)
    except _UNUSABLE as error:
        sys.exit(f"kiosk-bridge: {error}")


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises what _UNUSABLE lists while starting."""
    config = Config.load(options.config)
    log = open_log(sys.stdout)
    identity = BridgeIdentity.load(config.identity)
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = alone(config.state)
    facility_key = load_or_create(config.state / "facility.key")
    seal = Seal(load_or_create(config.state / "journal.key"))
    authority = x509.load_der_x509_certificate(identity.authority)
    cards = TrustAnchors.from_files(
        (config.authority / "jpki_ca.pem").read_bytes(), (config.authority / "cv_ca.json").read_bytes()
    )
    trust = Trust(identity.bridge_id, authority, cards, facility_key, config.demo)
    eligibility = EligibilitySimulator.load(config.people)
    folder = FaceFolder.prepare(config.face, config.work, config.index)
    journal = Journal(config.state / "journal.db")
    courier = Courier(
        journal,
        seal,
        eligibility,
        folder,
        config.institution_code,
        Facility(config.facility),
        identity.bridge_id,
        log,
    )
    desk = Desk(journal, seal, trust, config.facility, eligibility, log, stored=courier.call)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    carrying = threading.Thread(target=courier.run, name="courier")
    carrying.start()
    log.info("bridge_started", bridge=identity.bridge_id.hex(), demo=config.demo, facility=config.facility.name.lower())
    try:
        serve(config.port, identity, desk, log, stop)
    finally:
        courier.stop()
        carrying.join()
        journal.close()
        lock.close()
        log.info("bridge_stopped")


def alone(state: Path) -> BinaryIO:
    """A lock on the state folder, held while it is open: two bridges would write the same visit's file twice.

    Raises ConfigError where another bridge holds it.
    """
    lock = (state / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(f"{state}: another bridge is running on this folder; end it first") from None
    return lock


if __name__ == "__main__":
    main()
