"""A terminal in another language, written from PROTOCOL.md and the vectors alone, serves our reader."""

import asyncio
import hashlib
import subprocess
from datetime import date
from pathlib import Path

import firmware.wire
from board.demo.cable import Cable
from board.demo.pair import pair
from board.linux.serial import SerialHostPort
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.link.journal import Journal
from firmware.link.link import Link
from firmware.link.state import journal_file, open_keys
from firmware.token.claims import FIRST, Claims, DebugStatus, Method
from firmware.token.cose import sign_token
from firmware.token.record import seal
from host_bridge.devices import LOCAL_IDENTITY_LIFE
from host_bridge.identity import create_bridge

FOREIGN = Path(__file__).parent / "foreign"
VECTORS = Path(firmware.wire.__file__).parent / "vectors"
PATIENCE_S = 60
DEVICE = "READER-0001"
EVIDENCE = b"evidence"


def test_the_foreign_host_agrees_with_every_vector() -> None:
    result = subprocess.run(["node", FOREIGN / "vectors.mjs", VECTORS], capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    assert int(result.stdout.split()[0]) > 150


def claims(cti: bytes) -> Claims:
    return Claims(
        device_id=DEVICE,
        cti=cti,
        issued_at=1_796_000_000,
        oemid=b"test maker 00016",
        hwmodel=b"virtual reader",
        oemboot=False,
        debug=DebugStatus.ENABLED,
        firmware=bytes(32),
        face_model=bytes(32),
        method=Method.PIN,
        consents={1: True},
        policy_date=date(2026, 11, 30),
        evidence=hashlib.sha256(EVIDENCE).digest(),
        certificate_mac=bytes(32),
        counter=1,
        previous=FIRST,
    )


async def test_the_foreign_host_takes_a_token_from_our_reader(tmp_path: Path) -> None:
    identity = create_bridge(tmp_path / "bridge")
    state = tmp_path / "device"
    make_device(state / "identity", DEVICE)
    pair(identity, state, LOCAL_IDENTITY_LIFE)
    keys = open_keys(state)
    local = keys.local()
    assert local is not None
    (issued,) = (tmp_path / "bridge/devices").glob(f"{DEVICE}*.pem")
    journal = Journal(journal_file(state))
    async with Cable(tmp_path / "cable") as cable, asyncio.timeout(PATIENCE_S):
        host = await asyncio.create_subprocess_exec(
            *("node", FOREIGN / "host.mjs", cable.terminal, identity.folder, issued), stdout=asyncio.subprocess.PIPE
        )
        assert host.stdout is not None
        try:
            port = SerialHostPort(cable.reader)
            async with Link(port, keys, journal, codec(), lambda *_, **__: None, demo=True) as link:
                assert await host.stdout.readline() == b"settled\n"
                settings = await link.settings()
                assert settings.bridge_id == identity.bridge_id
                nonce, cti = await link.open_visit(), bytes(range(16))
                token = sign_token(claims(cti), identity.bridge_id, nonce, local.sign, local.chain()[0])
                sealed = seal(settings.sealing_key, settings.bridge_id, token, EVIDENCE)
                digest = hashlib.sha256(token).digest()
                receipt = await link.deliver(cti, lambda: journal.put(cti, 1, digest, sealed))
                assert (receipt.cti, receipt.accepted) == (cti, True)
                assert await host.stdout.readline() == f"token {cti.hex()}\n".encode()
        finally:
            host.terminate()
            await host.wait()
            journal.close()
