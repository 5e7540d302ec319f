"""A journal copied to another reader: the bridge takes nothing from it, and the reader that signed is not harmed."""

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from link_bench import NOW, Bench, Heard, MemoryDesk, local, pair

from board.linux.serial import SerialHostPort
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.flows.signer import Device, Signing, TokenSigner
from firmware.link.journal import Journal
from firmware.link.link import Link
from firmware.link.state import journal_file
from firmware.token.claims import Method
from firmware.token.cose import verify_token
from firmware.token.record import open_record
from firmware.token.refusal import TokenRefused
from host_bridge.desk import Receipt

CTI, NONCE = b"c" * 16, b"n" * 32


class CheckingDesk(MemoryDesk):
    """Takes a token only from the reader that signed it."""

    def accept(self, device_chain: Sequence[bytes], sealed: bytes) -> Receipt:
        token, _ = open_record(self.identity.record_key, self.bridge_id, sealed)
        try:
            verify_token(token, self.bridge_id, NONCE, device_chain[0])
        except TokenRefused as refused:
            return Receipt(CTI, False, refused.refusal)
        self.stored.append(token)
        return Receipt(CTI, True, None)


async def test_a_journal_copied_to_another_reader_is_refused_and_the_first_reader_still_delivers(
    bench: Bench, tmp_path: Path
) -> None:
    bench.desk = CheckingDesk(bench.identity, bench.desk.heard, bench.identity.bridge_id)
    journal = Journal(journal_file(bench.state))
    TokenSigner(bench.keys, Device(b"m" * 16, b"model", True, b"f" * 32, b"g" * 32), journal).sign(
        Signing(
            cti=CTI,
            bridge_id=bench.identity.bridge_id,
            sealing_key=bench.identity.sealing_key,
            nonce=NONCE,
            facility_key=b"k" * 32,
            issued_at=NOW,
            certificate=local(bench.keys).chain()[0],
            method=Method.PIN,
            consents={1: True},
            policy_date=date(2026, 11, 23),
            evidence=b"evidence",
        )
    )
    journal.close()
    make_device(tmp_path / "other" / "identity", "READER-0002")
    other_keys = pair(bench.identity, tmp_path / "other")
    shutil.copy(journal_file(bench.state), journal_file(tmp_path / "other"))
    copied, heard = Journal(journal_file(tmp_path / "other")), Heard()
    port = SerialHostPort(bench.cable.reader)
    async with bench.bridge(), Link(port, other_keys, copied, codec(), heard.tell, demo=True):
        await heard.until("token_receipt", accepted=False, refusal="device_certificate_not_named")
    copied.close()
    assert bench.desk.stored == []
    heard = Heard()
    async with bench.bridge(), bench.reader(heard):
        await heard.until("token_receipt", accepted=True)
    assert len(bench.desk.stored) == 1
