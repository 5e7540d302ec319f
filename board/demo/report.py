"""What the demo leaves behind: its last line, and what others need to check every token with tools of their own."""

import json
import sqlite3
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.demo.program_log import Event
from board.demo.stage import Folders
from board.demo.visits import Story
from host_bridge.identity import BridgeIdentity
from host_bridge.journal import split_chain

STEPS = ("card", "person", "consent", "token", "host")


@dataclass(frozen=True)
class Played:
    """A story, and the reader's own account of the visit (its event visit_ended)."""

    story: Story
    ended: Mapping[str, Any]
    fault: str | None
    """What the script waited for in vain."""


class Records:
    """What the bridge has on disk, read after it has ended."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._database = sqlite3.connect(f"file:{folders.database}?mode=ro", uri=True)

    def close(self) -> None:
        self._database.close()

    def tokens(self) -> list[bytes]:
        """The cti of every stored token, one entry a row."""
        return [row[0] for row in self._database.execute("SELECT cti FROM token")]

    def face_files(self, cti: bytes) -> list[Path]:
        """The receipt computer's files of a visit, in the folder it polls."""
        names = self._database.execute("SELECT file_name FROM outbox WHERE cti = ?", (cti,))
        return [path for (name,) in names if name and (path := self._folders.face / name).exists()]

    def export(self, folder: Path) -> None:
        """CTI.cbor, CTI.nonce (32 bytes) and CTI.chain.pem for every stored token, and the bridge's id."""
        folder.mkdir()
        (folder / "bridge_id").write_bytes(BridgeIdentity.load(self._folders.bridge / "identity").bridge_id)
        rows = self._database.execute(
            "SELECT cti, nonce, token, chain FROM token JOIN device USING (certificate_sha256)"
        )
        for cti, nonce, token, chain in rows:
            (folder / f"{cti.hex()}.cbor").write_bytes(token)
            (folder / f"{cti.hex()}.nonce").write_bytes(nonce)
            (folder / f"{cti.hex()}.chain.pem").write_text("".join(map(ssl.DER_cert_to_PEM_cert, split_chain(chain))))


def report(folders: Folders, played: Sequence[Played], reader: Sequence[Event]) -> dict[str, Any]:
    """The demo's last line. "pcsc": whether any card was read, which only the daemon can do;
    "lost": tokens accepted by a receipt that are not on disk; "duplicates": rows or files beyond one a token, and
    files of no token."""
    started = next(event for event in reader if event["event"] == "reader_started")
    signed = {event["cti"] for event in reader if event["event"] == "record_journalled"}
    accepted = {event["cti"] for event in reader if event["event"] == "token_receipt" and event["accepted"]}
    with closing(Records(folders)) as records:
        stored = [cti.hex() for cti in records.tokens()]
        files = {cti: records.face_files(bytes.fromhex(cti)) for cti in stored}
        records.export(folders.out / "tokens")
    all_files = set(folders.face.iterdir())
    again = sum(max(0, len(found) - 1) for found in files.values())
    return {
        "pcsc": any(one.ended["ms"].get("card") for one in played),
        "tflite": started["tflite"],
        "visits": [_visit(one, signed, stored, files) for one in played],
        "lost": len(accepted - set(stored)),
        "duplicates": len(stored) - len(set(stored)) + len(all_files - set().union(*files.values())) + again,
    }


def faults(visit: Mapping[str, Any], one: Played) -> list[str]:
    """How a visit went differently from its story; nothing if all is well."""
    story = one.story
    expected = {
        "method": story.method,
        "verified": story.verified,
        "acknowledged": story.verified,
        "stored": int(story.verified),
        "refused": story.refused,
    }
    wrong = [] if one.fault is None else [one.fault]
    wrong += [f"{name} is {visit[name]!r}, not {value!r}" for name, value in expected.items() if visit[name] != value]
    if story.verified and visit["face_xml"] is None:
        wrong.append("no file for the receipt computer")
    if not story.verified and visit["token_id"] is not None:
        wrong.append("a token was signed")
    return wrong


def _visit(one: Played, signed: set[str], stored: Sequence[str], files: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    ended = one.ended
    cti = ended["cti"] if ended["cti"] in signed else None
    own_files = files.get(cti, ()) if cti else ()
    return {
        "name": one.story.name,
        "method": ended["method"],
        "verified": ended["verified"],
        "score": ended["score"],
        "threshold": ended["threshold"],
        "token_id": cti,
        "acknowledged": ended["acknowledged"],
        "stored": stored.count(cti) if cti else 0,
        "face_xml": str(own_files[0]) if own_files else None,
        "refused": ended["refused"],
        "ms": {step: round(ended["ms"].get(step, 0.0), 1) for step in STEPS},
    }


def last_line(reported: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(reported, ensure_ascii=False)
