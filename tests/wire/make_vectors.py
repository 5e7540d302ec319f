"""Makes firmware/wire/vectors anew: PYTHONPATH=.:tests/wire python tests/wire/make_vectors.py

identities.json is made only where it is missing. session.json and record.json differ every time, because TLS and HPKE
draw random numbers; the others come out the same.
"""

import json
from pathlib import Path
from typing import Any

import vector_identities
import vector_lines
import vector_tokens

FOLDER = Path(__file__).parents[2] / "firmware/wire/vectors"


def load(name: str) -> Any:
    """One file of vectors."""
    return json.loads((FOLDER / name).read_text())


def steady(parties: dict[str, vector_identities.Identity]) -> dict[str, Any]:
    """The files that come out the same every time."""
    return {
        "frames.json": vector_lines.frames(),
        "channel.json": vector_lines.channels(),
        "pairing.json": vector_lines.pairing(parties),
        "evidence.json": vector_tokens.evidence(parties),
        "tokens.json": vector_tokens.tokens(parties),
    }


def as_json(content: Any) -> str:
    """As it stands in a file."""
    return json.dumps(content, indent=0, ensure_ascii=False) + "\n"


def _write(name: str, content: Any) -> None:
    (FOLDER / name).write_text(as_json(content))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    if not (FOLDER / "identities.json").exists():
        _write("identities.json", vector_identities.make())
    parties = load("identities.json")
    for name, content in steady(parties).items():
        _write(name, content)
    record = vector_tokens.records(parties)
    _write("record.json", record)
    token = load("tokens.json")["good"]
    _write("session.json", vector_lines.session(parties, bytes.fromhex(record["sealed"]), bytes.fromhex(token["cti"])))


if __name__ == "__main__":
    main()
