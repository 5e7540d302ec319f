"""What the eligibility simulator knows of the demo's invented people: each holds a card of `personas.toml`."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from board.sim.card.issue import personas

INSURER = {"InsurerNumber": "06139999", "InsurerName": "見本健康保険組合"}
"""An invented insurer."""
PASSCODE = "4649"
"""What the demo's staff type to confirm a patient by eye."""


def write_people(file: Path, cards: Path) -> None:
    """The simulator's file (`host_bridge.eligibility.EligibilitySimulator`) for the cards issued into `cards`."""
    people: list[dict[str, Any]] = []
    revoked: list[str] = []
    for number, (name, persona) in enumerate(personas().items(), 1):
        der = (cards / name / "auth_cert.der").read_bytes()
        if persona.get("certificate") == "revoked":
            revoked.append(f"{x509.load_der_x509_certificate(der).serial_number:x}")
        people.append(
            {
                "certificate": hashlib.sha256(der).hexdigest(),
                "registered": True,
                "validity": 1,
                "results": [_qualification(persona, number)],
                "prescriptions": _prescriptions(number),
            }
        )
    table = {"people": people, "revoked": revoked, "disaster": False, "passcode": PASSCODE}
    file.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _prescriptions(number: int) -> list[dict[str, str]]:
    """Everybody has one; the first person has two to choose from."""
    issued = [("20261120", "見本内科クリニック"), ("20261124", "見本皮膚科医院")]
    return [
        {"id": f"DEMO-{number:04d}-{index}", "day": day, "issuer": issuer}
        for index, (day, issuer) in enumerate(issued[: 2 if number == 1 else 1], 1)
    ]


def _qualification(persona: Mapping[str, Any], number: int) -> dict[str, str]:
    return {
        "InsuredCardClassification": "01",
        **INSURER,
        "InsuredCardSymbol": "見本",
        "InsuredIdentificationNumber": f"{number:04d}",
        "InsuredBranchNumber": "00",
        "PersonalFamilyClassification": "1",
        "InsuredName": persona["name"],
        "Name": persona["name"],
        "NameKana": persona["kana"],
        "Sex1": str(persona["sex"]),
        "Birthdate": f"{persona['birth']:%Y%m%d}",
        "Address": persona["address"],
        "PostNumber": "000-0000",
        "QualificationDate": "20240401",
        "InsuredCertificateIssuanceDate": "20240401",
        "InsuredCardValidDate": "20240401",
        "InsuredPartialContributionRatio": "030",
    }
