"""What the demo leaves behind: its last line, and what others need to check every token with tools of their own."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from board.demo.visits import Story

MS = ("card", "person", "consent", "token", "host")


@dataclass(frozen=True)
class Played:
    """A story, and the reader's own account of the visit (event visit_ended)."""

    story: Story
    ended: Mapping[str, Any]


def visit_report(played: Played, database: sqlite3.Connection, face: Path, index: Path) -> dict[str, Any]:
    """One entry of "visits" in the demo's last line."""
    ended = played.ended
    token_id = ended["cti"] if ended["signed"] else None
    file = _face_file(database, token_id)
    return {
        "name": played.story.name,
        "method": ended["method"],
        "verified": ended["verified"] and ended["acknowledged"],
        "score": ended["score"],
        "threshold": ended["threshold"],
        "token_id": token_id,
        "acknowledged": ended["acknowledged"],
        "stored": _count(database, token_id),
        "face_xml": str(face / file) if file and (face / file).exists() else None,
        "refused": ended["refused"],
        "ms": {step: round(ended["ms"].get(step, 0.0), 1) for step in MS},
    }
