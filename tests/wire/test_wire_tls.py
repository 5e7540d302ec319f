"""Messages over TLS over a channel: what each end learns, and how a connection ends that may not go on."""

import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from plain import Luck

from firmware.wire import channel as ch
from firmware.wire import cobs, messages
from firmware.wire.messages import Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured
from host_bridge.certificates import issue, name

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


class Authority:
    def __init__(self) -> None:
        self.key, self.name = new_key(), name("Authority", "00" * 16)
        self.certificate = self._issue(self.name, self.key, None, NOW, NOW + timedelta(days=1))

    def context(self, server: bool, since: datetime = NOW, until: datetime = NOW + timedelta(days=1)) -> ssl.SSLContext:
        """One end, known by a certificate of this authority, which it asks of the other end too."""
        role = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        key = new_key()
        shown = self._issue(name("End", "END-1"), key, role, since, until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        with tempfile.NamedTemporaryFile() as file:
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            Path(file.name).write_bytes(pem + shown.public_bytes(Encoding.PEM))
            context.load_cert_chain(file.name)
        context.load_verify_locations(cadata=self.certificate.public_bytes(Encoding.DER))
        return context

    def _issue(
        self, subject: x509.Name, key: Key, role: x509.ObjectIdentifier | None, since: datetime, until: datetime
    ) -> x509.Certificate:
        return issue(subject, key.public_key(), self.name, self.key, role, since, until)


@cache
def good() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of host and reader that know each other."""
    authority = Authority()
    return authority.context(server=False), authority.context(server=True)


class Line:
    """Two ends and what they learned."""

    def __init__(self, host: ssl.SSLContext, reader: ssl.SSLContext, reader_serves: int = ch.SESSION) -> None:
        luck = Luck(5)
        self.now = 0
        self.host = self._end(host, ch.Channel(True, luck.take, ch.SESSION, cobs), server=False)
        self.reader = self._end(reader, ch.Channel(False, luck.take, reader_serves, cobs), server=True)
        self.at_host: list[Event] = []
        self.at_reader: list[Event] = []
        self.reader.start(0)
        self.host.start(0)

    @staticmethod
    def _end(context: ssl.SSLContext, channel: ch.Channel, server: bool) -> SecureChannel:
        make: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject]
        make = lambda incoming, outgoing: context.wrap_bio(incoming, outgoing, server_side=server)  # noqa: E731
        return SecureChannel(channel, make)

    def carry(self) -> None:
        while (to_reader := self.host.output()) + (to_host := self.reader.output()):
            self.at_reader += self.reader.feed(to_reader, self.now)
            self.at_host += self.host.feed(to_host, self.now)

    def pass_time(self, ms: int) -> None:
        """Everything that is due happens, and what is said arrives."""
        end = self.now + ms
        patience = 1000
        while True:
            times = [at for at in (self.host.due(), self.reader.due()) if at is not None and at <= end]
            if not times:
                break
            patience -= 1
            assert patience, "due, and never done"
            self.now = max(self.now, min(times))
            self.at_host += self.host.tick(self.now)
            self.at_reader += self.reader.tick(self.now)
            self.carry()
        self.now = end


def connected() -> Line:
    line = Line(*good())
    line.pass_time(0)
    return line


def lost(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Lost)]


def test_both_ends_learn_the_certificate_of_the_other_once() -> None:
    line = connected()
    (at_host,) = line.at_host
    (at_reader,) = line.at_reader
    assert isinstance(at_host, Secured)
    assert isinstance(at_reader, Secured)
    for shown, role in ((at_host, ExtendedKeyUsageOID.SERVER_AUTH), (at_reader, ExtendedKeyUsageOID.CLIENT_AUTH)):
        certificate = x509.load_der_x509_certificate(shown.certificate)
        assert role in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value


def test_messages_arrive_both_ways_in_order() -> None:
    line = connected()
    line.reader.send(messages.OPEN_VISIT, 1, b"", 0)
    line.reader.send(messages.DELIVER, 2, b"r" * 9400, 0)
    line.host.send(messages.NONCE, 1, b"n" * 32, 0)
    line.carry()
    assert line.at_reader[1:] == [Received(messages.NONCE, 1, b"n" * 32)]
    assert line.at_host[1:] == [Received(messages.OPEN_VISIT, 1, b""), Received(messages.DELIVER, 2, b"r" * 9400)]


def test_nothing_of_a_message_can_be_read_on_the_line() -> None:
    line = connected()
    line.reader.send(messages.IDENTIFY, 1, b"certificate of somebody", 0)
    assert b"certificate" not in line.reader.output()


def test_what_breaks_the_catalogue_is_not_sent() -> None:
    line = connected()
    with pytest.raises(Malformed):
        line.host.send(messages.NONCE, 1, bytes(33), 0)
    assert line.host.output() == b""


def test_what_is_sent_before_the_handshake_is_over_or_after_a_loss_is_dropped() -> None:
    line = Line(*good())
    line.host.send(messages.NONCE, 1, bytes(32), 0)
    line.pass_time(0)
    assert len(line.at_reader) == 1
    line.host.refuse(0)
    line.host.send(messages.NONCE, 2, bytes(32), 0)
    line.carry()
    assert lost(line.at_reader) == ["refused_by_other_end"]
    line.reader.send(messages.OPEN_VISIT, 3, b"", 0)
    assert line.reader.output() == b""
    assert [event for event in line.at_reader + line.at_host if isinstance(event, Received)] == []


def test_what_is_sent_while_the_next_handshake_runs_is_dropped() -> None:
    line = connected()
    line.host.refuse(0)
    line.carry()
    line.now = ch.REFUSED_MS
    line.host.tick(line.now)
    line.reader.feed(line.host.output(), line.now)
    line.host.feed(line.reader.output(), line.now)  # connected; the handshake has only begun
    line.host.send(messages.NONCE, 2, bytes(32), line.now)
    line.carry()
    assert [event for event in line.at_reader if isinstance(event, Received)] == []


def test_a_refused_end_hears_it_and_both_meet_again_after_the_pause() -> None:
    line = connected()
    line.reader.refuse(line.now)
    line.carry()
    line.pass_time(ch.REFUSED_MS - 100)
    assert lost(line.at_host) == ["refused_by_other_end"]
    assert isinstance(line.at_host[-1], Lost)
    line.pass_time(300)
    assert isinstance(line.at_host[-1], Secured)
    assert isinstance(line.at_reader[-1], Secured)
    line.host.send(messages.DONE, 0, b"", line.now)
    line.carry()
    assert line.at_reader[-1] == Received(messages.DONE, 0, b"")


def test_a_malformed_message_ends_the_connection_at_both_ends() -> None:
    line = connected()
    broken = bytes([messages.NONCE]) + bytes(4) + (33).to_bytes(2, "big")
    assert line.host._tls is not None
    line.host._tls.write(broken)
    line.host._channel.send(line.host._outgoing.read(), 0)
    line.carry()
    assert lost(line.at_reader) == ["malformed: message 65 of 33 bytes"]
    assert lost(line.at_host) == ["broken_protocol"]


def test_a_host_that_ends_a_connection_opens_again_after_its_pause() -> None:
    for bytes_of_reader, pause, reason in (
        (
            bytes([messages.RECEIPT]) + bytes(4) + (84).to_bytes(2, "big"),
            ch.REOPEN_MS,
            "malformed: message 67 of 84 bytes",
        ),
        (None, ch.REOPEN_MS, "closed"),
    ):
        line = connected()
        line.now = 30
        tls = line.reader._tls
        assert tls is not None
        if bytes_of_reader is None:
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()
        else:
            tls.write(bytes_of_reader)
        line.reader._channel.send(line.reader._outgoing.read(), line.now)
        line.carry()
        assert lost(line.at_host) == [reason]
        assert line.host.due() == line.now + pause
    line = Line(*good())
    line.host.tick(0)
    line.reader._channel.feed(line.host.output(), 0)
    line.host.feed(line.reader.output(), 0)
    line.reader._channel.send(b"no TLS at all", 40)
    line.host.feed(line.reader.output(), 40)
    assert line.host.due() == 40 + ch.REFUSED_MS


def test_a_stream_that_the_other_end_closes_is_a_loss() -> None:
    line = connected()
    assert line.host._tls is not None
    with pytest.raises(ssl.SSLWantReadError):
        line.host._tls.unwrap()
    line.host._channel.send(line.host._outgoing.read(), 0)
    line.carry()
    assert lost(line.at_reader) == ["closed"]
    assert lost(line.at_host) == ["broken_protocol"]


def test_what_is_no_tls_ends_the_connection() -> None:
    line = Line(*good())
    line.host._channel.tick(0)
    line.reader.feed(line.host.output(), 0)
    line.host._channel.feed(line.reader.output(), 0)
    line.host._channel.send(b"GET / HTTP/1.1\r\n\r\n", 0)
    line.carry()
    assert lost(line.at_reader) == ["tls: HTTP_REQUEST"]


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        (NOW - timedelta(days=9), NOW - timedelta(days=5), "certificate_expired"),
        (NOW + timedelta(days=5), NOW + timedelta(days=9), "certificate_not_yet_valid"),
    ],
)
def test_a_reader_whose_certificate_does_not_run_is_refused_by_name(
    since: datetime, until: datetime, reason: str
) -> None:
    authority = Authority()
    line = Line(authority.context(server=False), authority.context(server=True, since=since, until=until))
    line.pass_time(0)
    assert lost(line.at_host) == [reason]
    assert not any(isinstance(event, Secured) for event in line.at_host)
    line.pass_time(ch.REFUSED_MS - 100)
    assert lost(line.at_host) == [reason]
    line.pass_time(200)
    assert lost(line.at_host) == [reason, reason]


def test_an_end_of_another_authority_is_refused_by_whoever_sees_it() -> None:
    line = Line(Authority().context(server=False), Authority().context(server=True))
    line.pass_time(0)
    assert lost(line.at_host)[0].startswith("certificate: ")
    assert lost(line.at_reader) == ["refused_by_other_end"]


def test_a_host_of_another_authority_is_refused_by_the_reader() -> None:
    theirs, ours = Authority(), Authority()
    host = theirs.context(server=False)
    host.load_verify_locations(cadata=ours.certificate.public_bytes(Encoding.DER))
    line = Line(host, ours.context(server=True))
    line.pass_time(0)
    assert lost(line.at_reader)[0].startswith("certificate: ")
    assert lost(line.at_host) == ["refused_by_other_end"]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (ch.UNKNOWN, "restarted"),
        (ch.REFUSED, "refused_by_other_end"),
        (ch.BROKEN, "broken_protocol"),
        (99, "unknown"),
    ],
)
def test_a_loss_is_told_by_its_name(reason: int, told: str) -> None:
    line = connected()
    line.reader._channel.drop(reason, 0)
    line.carry()
    assert lost(line.at_host) == [told]


def test_silence_is_told_by_its_name() -> None:
    line = connected()
    line.now = ch.SILENCE_MS
    assert lost(line.reader.tick(line.now)) == ["silent"]


def test_a_replaced_connection_is_told_by_its_name_and_the_new_one_begins() -> None:
    line = connected()
    line.host.start(10)
    line.now = 10
    line.pass_time(0)
    assert lost(line.at_reader) == ["replaced"]
    assert isinstance(line.at_reader[-1], Secured)


def test_a_reader_that_is_not_paired_is_told_by_its_name() -> None:
    line = Line(*good(), reader_serves=ch.PAIRING)
    line.pass_time(0)
    assert lost(line.at_host) == ["unpaired"]


def test_a_reader_that_does_not_serve_pairing_is_told_by_its_name() -> None:
    line = Line(*good())
    line.host = line._end(good()[0], ch.Channel(True, Luck(6).take, ch.PAIRING, cobs), server=False)
    line.host.start(0)
    line.pass_time(0)
    assert lost(line.at_host) == ["being_paired"]


def test_what_follows_the_end_of_a_connection_in_the_same_read_is_not_looked_at() -> None:
    line = connected()
    broken = bytes([messages.NONCE]) + bytes(4) + (33).to_bytes(2, "big")
    assert line.host._tls is not None
    line.host._tls.write(broken)
    line.host._channel.send(line.host._outgoing.read(), 0)
    first = line.host.output()
    again = line.reader.feed(first + first, 0)
    assert lost(again) == ["malformed: message 65 of 33 bytes"]
    assert len(again) == 1


def test_a_line_opened_anew_forgets_the_session() -> None:
    line = connected()
    line.reader.start(10)
    line.reader.send(messages.OPEN_VISIT, 1, b"", 10)
    assert line.reader.output() == b""
    assert line.reader.due() is None
