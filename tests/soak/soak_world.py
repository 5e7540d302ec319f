"""Everything a lane has on its disks before the first program starts; run as a program, so that its clock can be back.

`python tests/soak/soak_world.py LANE`: LANE/reader and LANE/bridge are the two disks.
"""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from visit_samples import PERSON, Authority, Card

from board.demo.pair import pair
from board.sim.keystore import make_device
from host_bridge.identity import create_bridge

READER, OTHER_READER = "SOAK-0001", "SOAK-0002"
DAY_S = 86_400
CONFIG = """
institution_code = "1312345670"
facility = "medical"
demo = true
prescriptions = false
maker_roots = "maker_roots.pem"
maker_revoked = "maker_revoked.pem"
state = "state"
identity = "identity"
authority = "authority"
face = "face"
work = "work"
index = "index"
people = "people.json"
port = {port}
window = 0
"""


def make_world(lane: Path) -> None:
    """A bridge, two readers paired with it, a patient's card, and what the bridge knows of that patient."""
    now = int(time.time())
    authority = Authority()
    card = Card(authority, until=now + 900 * DAY_S, since=now - 900 * DAY_S)
    for name, content in authority.files().items():
        (lane / "bridge" / "authority").mkdir(exist_ok=True)
        (lane / "bridge" / "authority" / name).write_bytes(content)
    bridge = create_bridge(lane / "bridge" / "identity")
    for folder, device in (("reader", READER), ("other", OTHER_READER)):
        make_device(lane / folder / "identity", device)
        pair(bridge, lane / folder)
    person = {
        "certificate": card.x509.fingerprint(SHA256()).hex(),
        "registered": True,
        "validity": 1,
        "results": [PERSON],
    }
    (lane / "bridge" / "people.json").write_text(json.dumps({"people": [person], "revoked": []}), "utf-8")
    port = json.dumps(str(lane.absolute() / "cable" / "terminal"))
    (lane / "bridge" / "bridge.toml").write_text(CONFIG.format(port=port), "utf-8")
    (lane / "card.json").write_text(json.dumps(pack_card(card)))


def pack_card(card: Card) -> dict[str, str]:
    """Everything that the scripted patient needs of the card."""
    return {
        "key": _pem(card.key),
        "card_key": _pem(card.card_key),
        **{
            name: base64.b64encode(value).decode()
            for name, value in {
                "certificate": card.certificate,
                "issuer_certificate": card.authority.face_signer_certificate,
                "group1": card.group1,
                "group2_hash": card.group2_hash,
                "photo_hash": card.photo_hash,
                "photo_signature": card.photo_signature,
            }.items()
        },
    }


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


if __name__ == "__main__":
    make_world(Path(sys.argv[1]))
