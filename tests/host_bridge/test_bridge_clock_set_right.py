"""A terminal's clock that was ahead and is set right: whoever was issued something meanwhile is served."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from host_bridge.identity import create_bridge

TIME_ZONE = timedelta(hours=9)
"""Of Japan, from UTC: by so much is a clock wrong whose zone was taken for the other."""


@pytest.mark.parametrize("ahead", [TIME_ZONE, 2 * TIME_ZONE])
def test_an_identity_issued_by_a_clock_that_was_ahead_is_valid_at_once(tmp_path: Path, ahead: timedelta) -> None:
    bridge = create_bridge(tmp_path / "bridge")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    now = datetime.now(UTC)
    authority = x509.load_der_x509_certificate(bridge.authority)
    issued = bridge.devices.pair("READER-0001", key, authority, timedelta(days=30), now + ahead)
    assert x509.load_der_x509_certificate(issued).not_valid_before_utc < now
    assert authority.not_valid_before_utc < now - ahead
