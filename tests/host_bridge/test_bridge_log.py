"""What a whole visit leaves in the bridge's log."""

import json
import re
from dataclasses import replace

import pytest
from bridge_rig import INSTITUTION, PERSON, Bridge, System
from cryptography.hazmat.primitives.hashes import SHA256
from visit_samples import NAME, NOW, World

from firmware.token.claims import Method
from firmware.token.refusal import Refusal
from host_bridge.eligibility import CertificateStatus, EligibilityUnavailable, Qualification, QualificationValidity
from host_bridge.events import CATALOGUE

SECRETS = {"InsuredIdentificationNumber": "987654321098", "ReferenceNumber": "4321", "Address": "見本県見本市一丁目"}
FORMS = {
    "event": "|".join(CATALOGUE),
    "at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "device": "TEST-0001",
    "cti": "[0-9a-f]{32}",
    "method": "|".join(Method),
    "certificate": "|".join(CertificateStatus),
    "verdict": "right|wrong",
    "tries_left": "[0-5]",
    "registered": "True|False",
    "validity": "[1-6]",
    "visited_at": str(NOW),
    "ms": r"\d+\.\d{1,2}",
    "file": rf"OQSsiquc01res_face_{INSTITUTION}[0-9a-f]{{20}}_\d{{14}}\.xml",
    "reason": "|".join([*Refusal, "RuntimeError"]),
}
"""What the value of each fact may look like: no room for a name, a number or a PIN."""
ONE_VISIT = {
    "nonce_issued",
    "patient_identified",
    "certificate_judged",
    "passcode_checked",
    "reception_called",
    "token_stored",
    "token_repeated",
    "token_refused",
    "face_file_written",
    "face_file_failed",
    "eligibility_unavailable",
}


class Talkative(System):
    """An eligibility system whose answers, and whose faults, are full of the patient."""

    def __init__(self) -> None:
        super().__init__(code="4649")
        said = f"{NAME} {SECRETS}"
        self.faults: list[Exception] = [EligibilityUnavailable(said), RuntimeError(said)]

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        if self.faults:
            raise self.faults.pop(0)
        return Qualification(True, QualificationValidity.VALID, ({**PERSON, **SECRETS},))


@pytest.mark.parametrize("method", Method)
def test_a_whole_visit_writes_nothing_of_the_patient_to_the_log(bridge: Bridge, world: World, method: Method) -> None:
    bridge.kill(Talkative())
    delivery = bridge.visit(method=method)
    assert bridge.deliver(replace(delivery, evidence=NAME.encode())) == "evidence_not_named"
    assert [bridge.deliver(delivery), bridge.deliver(delivery)] == [None, None]
    assert [bridge.courier.deliver_all() for _ in range(3)] == [False, False, True]
    bridge.desk.identify(world.card.certificate)
    bridge.desk.certificate_status(world.card.certificate)
    bridge.desk.reception_called("TEST-0001")
    for typed in ("8264", f"{NAME}", "4649"):
        bridge.desk.check_passcode("TEST-0001", typed)
    (file,) = bridge.face_files()
    assert SECRETS["InsuredIdentificationNumber"].encode() in file.read_bytes()

    events = bridge.events()
    assert {event["event"] for event in events} == ONE_VISIT
    for event in events:
        for fact, value in event.items():
            assert re.fullmatch(FORMS[fact], str(value)), (event["event"], fact)
    written = json.dumps(events, ensure_ascii=False)
    assert written.isascii()
    card = world.card.x509
    assert not re.search("8264|4649", written)
    numbers = [*PERSON.values(), *SECRETS.values(), f"{card.serial_number:x}", card.fingerprint(SHA256()).hex()]
    for number in numbers:
        assert len(number) < 8 or number not in written  # shorter ones may be in a random name by chance
