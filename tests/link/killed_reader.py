"""A reader that signs a visit, lets its record leave, and erases it: killed wherever it is told to be.

    python killed_reader.py STATE         visit after visit, until somebody kills it
    python killed_reader.py STATE lines   killed before the first line, the second, and so on, each time anew

Each token that has left the reader is a line on standard output: counter and sealed record, in hex.
"""

import os
import signal
import sys
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

from firmware.flows import signer as signer_module
from firmware.flows.signer import Device, Signing, TokenSigner
from firmware.link import journal as journal_module
from firmware.link.journal import Journal
from firmware.link.state import open_journal, open_keys
from firmware.token.claims import Method

WATCHED = {signer_module.__file__, journal_module.__file__}


def visit(state: Path) -> None:
    keys = open_keys(state)
    identity = keys.local()
    assert identity is not None
    journal = open_journal(state, paired=True)
    device = Device(b"m" * 16, b"model", demo=True, firmware=b"f" * 32, face_model=b"g" * 32)
    signing = Signing(
        cti=os.urandom(16),
        bridge_id=b"b" * 16,
        sealing_key=bytes.fromhex(os.environ["SEALING_KEY"]),
        nonce=b"n" * 32,
        facility_key=b"k" * 32,
        issued_at=1_800_000_000,
        certificate=identity.chain()[0],
        method=Method.PIN,
        consents={1: True},
        policy_date=date(2026, 11, 23),
        evidence=b"evidence" * 100,
    )
    TokenSigner(keys, device, journal).sign(signing)
    deliver_all(journal)
    journal.close()


def deliver_all(journal: Journal) -> None:
    while record := journal.oldest():
        os.write(1, f"{record.counter} {record.sealed.hex()}\n".encode())
        journal.delivered(record.counter)


def killed_before(line: int, state: Path) -> bool:
    """Whether the visit was killed; False once it has fewer lines."""
    child = os.fork()
    if child == 0:
        seen = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal seen
            if frame.f_code.co_filename not in WATCHED:
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        visit(state)
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["lines"]:
        step = 1
        while killed_before(step, folder):
            step += 1
            journal = open_journal(folder, paired=True)
            deliver_all(journal)
            journal.close()
        os.write(2, b"%d\n" % step)
    else:
        while True:
            visit(folder)
