"""Whose readers are taken: roots, chains and the makers' revocation lists, each of which must hold."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pairing_rig import DEVICE, NOW, Device, Maker

from host_bridge.makers import Makers
from host_bridge.pairing_refused import PairingRefused, Why
from host_bridge.pairing_words import refused

DAY = timedelta(days=1)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def der(*certificates: x509.Certificate) -> list[bytes]:
    return [one.public_bytes(Encoding.DER) for one in certificates]


def trusting(tmp_path: Path, *roots: x509.Certificate, lists: bytes | None = b"") -> Makers:
    makers = Makers(tmp_path / "roots.pem", tmp_path / "revoked.pem")
    makers.roots_file.write_bytes(pem(*roots))
    if lists is not None:
        makers.revoked_file.write_bytes(lists)
    return makers


def why(makers: Makers, chain: list[bytes]) -> Why:
    with pytest.raises(PairingRefused) as error:
        makers.identify(chain, NOW)
    assert "→" in refused(error.value, DEVICE)
    return error.value.why


def test_a_reader_under_an_intermediate_authority_is_known_by_its_name(tmp_path: Path) -> None:
    root = Maker()
    middle = Maker("Test maker, factory 2", root, depth=0)
    device = Device(middle)
    makers = trusting(tmp_path, root.certificate, lists=root.revocations() + middle.revocations())
    for chain in (
        der(device.idevid, middle.certificate),
        der(device.idevid, middle.certificate, root.certificate),
    ):
        assert makers.identify(chain, NOW) == (DEVICE, device.idevid)


def test_each_authority_of_the_chain_needs_its_list(tmp_path: Path) -> None:
    root = Maker()
    middle = Maker("Test maker, factory 2", root, depth=0)
    chain = der(Device(middle).idevid, middle.certificate)
    assert why(trusting(tmp_path, root.certificate, lists=root.revocations()), chain) is Why.LIST_MISSING
    assert why(trusting(tmp_path, root.certificate, lists=middle.revocations()), chain) is Why.LIST_MISSING
    revoked = root.revocations(middle.certificate) + middle.revocations()
    assert why(trusting(tmp_path, root.certificate, lists=revoked), chain) is Why.REVOKED_BY_MAKER


def test_a_list_that_is_missing_expired_forged_or_of_another_maker_lets_nobody_in(tmp_path: Path) -> None:
    maker, other = Maker(), Maker("Another maker")
    namesake = Maker()
    device = Device(maker)
    delta = x509.DeltaCRLIndicator(1)
    later = NOW + DAY
    for lists, expected in (
        (None, Why.LIST_MISSING),
        (b"", Why.LIST_MISSING),
        (other.revocations(), Why.LIST_MISSING),
        (maker.revocations(until=NOW), Why.LIST_EXPIRED),
        (maker.revocations(until=NOW - DAY, since=NOW - 2 * DAY), Why.LIST_EXPIRED),
        (maker.revocations(key=ec.generate_private_key(ec.SECP256R1())), Why.LIST_FORGED),
        (namesake.revocations(), Why.LIST_FORGED),
        (maker.revocations(critical=delta), Why.LIST_FORGED),
        (maker.revocations(since=later, until=later + DAY), Why.CLOCK),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", Why.LIST_UNUSABLE),
    ):
        folder = tmp_path / expected
        folder.mkdir(exist_ok=True)
        (folder / "revoked.pem").unlink(missing_ok=True)
        makers = trusting(folder, maker.certificate, lists=lists)
        assert why(makers, device.chain) is expected, lists
        with pytest.raises(PairingRefused) as error:
            makers.identify(device.chain, NOW)
        assert expected is Why.CLOCK or str(makers.revoked_file) in refused(error.value, DEVICE)


def test_the_newest_list_of_a_maker_counts(tmp_path: Path) -> None:
    maker = Maker()
    device = Device(maker)
    old = maker.revocations(since=NOW - 9 * DAY)
    new = maker.revocations(device.idevid)
    forged = maker.revocations(since=NOW, key=ec.generate_private_key(ec.SECP256R1()))
    for lists in (old + new, new + old, forged + new + old):
        assert why(trusting(tmp_path, maker.certificate, lists=lists), device.chain) is Why.REVOKED_BY_MAKER


def test_a_chain_that_leads_to_no_root_or_does_not_hold_is_refused(tmp_path: Path) -> None:
    root, stranger = Maker(), Maker("A stranger")
    shallow = Maker("No authorities below", depth=0)
    below = Maker("Below it", shallow, depth=0)
    device = Device(root)
    other = Device(root, "READER-0002")
    lists = b"".join(one.revocations() for one in (root, shallow, below))
    makers = trusting(tmp_path, root.certificate, shallow.certificate, lists=lists)
    assert makers.identify(device.chain, NOW)[0] == DEVICE
    assert why(makers, Device(stranger).chain) is Why.MAKER_UNKNOWN
    assert why(makers, der(Device(stranger).idevid, root.certificate)) is Why.MAKER_CHAIN
    assert why(makers, der(device.idevid, other.idevid)) is Why.MAKER_CHAIN  # a reader is no authority
    assert why(makers, der(Device(below).idevid, below.certificate)) is Why.MAKER_UNKNOWN  # one too many
    assert why(makers, der(Device(below).idevid, below.certificate, shallow.certificate)) is Why.MAKER_CHAIN
    assert why(makers, der(root.certificate)) is Why.MAKER_CHAIN  # a root is no reader
    forged = Maker("Its words are not ours", stranger, depth=0)  # whose missing list is nothing to tell of
    assert why(makers, der(Device(forged).idevid, forged.certificate, root.certificate)) is Why.MAKER_CHAIN
    assert why(makers, [b"no certificate"]) is Why.MALFORMED


def test_an_authority_must_be_one_and_may_sign_certificates(tmp_path: Path) -> None:
    root = Maker()
    for ca, signs in ((False, True), (True, False)):
        middle = Maker("Test maker, factory 2", root)
        middle.certificate = root.sign(middle.name, middle.key.public_key(), depth=0, ca=ca, signs=signs)
        makers = trusting(tmp_path, root.certificate, lists=root.revocations() + middle.revocations())
        assert why(makers, der(Device(middle).idevid, middle.certificate)) is Why.MAKER_CHAIN


def test_a_maker_s_certificate_without_a_device_s_name_is_refused(tmp_path: Path) -> None:
    maker = Maker()
    makers = trusting(tmp_path, maker.certificate, lists=maker.revocations())
    for name in ("../../escape", "-", "x" * 33):
        assert why(makers, Device(maker, name).chain) is Why.NAMELESS


def test_roots_that_cannot_be_read_let_nobody_in(tmp_path: Path) -> None:
    makers = trusting(tmp_path, lists=b"")
    assert why(makers, Device(Maker()).chain) is Why.ROOTS_UNUSABLE
    makers.roots_file.unlink()
    assert why(makers, Device(Maker()).chain) is Why.ROOTS_UNUSABLE
