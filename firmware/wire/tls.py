"""Messages over TLS 1.3 over a channel. CPython only: the one module here that needs the ssl module.

The caller makes the TLS object (certificates, role, roots) and says whether the other end's certificate is the
one expected; this module moves bytes between channel, TLS and messages.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from firmware.wire import channel as ch
from firmware.wire.messages import Malformed, Messages, pack

_REASONS = {
    ch.SILENT: "silent",
    ch.UNKNOWN: "restarted",
    ch.REPLACED: "replaced",
    ch.REFUSED: "refused_by_other_end",
    ch.BROKEN: "broken_protocol",
    ch.UNPAIRED: "unpaired",
    ch.PAIRED: "being_paired",
}
_CERTIFICATES = {9: "certificate_not_yet_valid", 10: "certificate_expired"}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL's x509_vfy.h; Python has no names for
them."""
_READ_SIZE = 16384

MakeTls = Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject]
"""Makes the TLS object over (incoming, outgoing)."""


@dataclass(frozen=True)
class Secured:
    """The handshake is done; `certificate` (DER) chains to the root that the caller trusts."""

    certificate: bytes


@dataclass(frozen=True)
class Received:
    """One message of the catalogue."""

    kind: int
    request: int
    body: bytes


@dataclass(frozen=True)
class Lost:
    """The connection is over; a new one begins by itself. `reason` is for the event log."""

    reason: str


Event = Secured | Received | Lost


class SecureChannel:
    """A channel with TLS and messages on it. Same life as a channel: after each call write `output`."""

    def __init__(self, channel: ch.Channel, make_tls: MakeTls) -> None:
        self._channel = channel
        self._make_tls = make_tls
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._messages = Messages()
        self._secured = False

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._tls = None
        self._channel.start(now)

    def feed(self, data: bytes, now: int) -> list[Event]:
        """Bytes from the line; returns what happened."""
        return self._follow(self._channel.feed(data, now), now)

    def tick(self, now: int) -> list[Event]:
        """To be called at `due` at the latest; returns what happened."""
        return self._follow(self._channel.tick(now), now)

    def due(self) -> int | None:
        """When `tick` must be called next, in milliseconds."""
        return self._channel.due()

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._channel.output()

    def send(self, kind: int, request: int, body: bytes, now: int) -> None:
        """Send one message. Raises Malformed where it breaks the catalogue. After `Secured`; dropped once
        the connection is over."""
        message = pack(kind, request, body)
        if self._tls is not None and self._secured:
            self._tls.write(message)
            self._channel.send(self._outgoing.read(), now)

    def unsent(self) -> int:
        """Bytes that wait here until what is on its way has arrived."""
        return self._channel.unsent()

    def refuse(self, now: int) -> None:
        """The other end is not who it should be: end the connection, tell it so, and try again later."""
        self._end(ch.REFUSED, now)

    def _follow(self, events: list[tuple[int, bytes, int]], now: int) -> list[Event]:
        happened: list[Event] = []
        for kind, data, reason in events:
            if kind == ch.CONNECTED:
                self._begin()
            elif kind == ch.LOST:
                self._tls = None
                happened.append(Lost(_REASONS.get(reason, "unknown")))
                continue
            else:
                self._incoming.write(data)
            self._pump(now, happened)
        return happened

    def _begin(self) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = self._make_tls(self._incoming, self._outgoing)
        self._messages = Messages()
        self._secured = False

    def _pump(self, now: int, happened: list[Event]) -> None:
        if self._tls is None:
            return  # what follows the end of a connection in the same read
        try:
            if not self._secured:
                self._tls.do_handshake()
                self._secured = True
                happened.append(Secured(self._tls.getpeercert(binary_form=True) or b""))
            while data := self._tls.read(_READ_SIZE):
                happened.extend(Received(*message) for message in self._messages.feed(data))
            self._end(ch.BROKEN, now)
            happened.append(Lost("closed"))
        except ssl.SSLWantReadError:
            self._channel.send(self._outgoing.read(), now)
        except Malformed as malformed:
            self._end(ch.BROKEN, now)
            happened.append(Lost(f"malformed: {malformed}"))
        except ssl.SSLCertVerificationError as error:
            self._end(ch.REFUSED, now)
            happened.append(Lost(_CERTIFICATES.get(error.verify_code, f"certificate: {error.verify_message}")))
        except ssl.SSLError as error:
            self._end(ch.REFUSED, now)
            happened.append(Lost(f"tls: {error.reason}"))

    def _end(self, reason: int, now: int) -> None:
        self._tls = None
        self._channel.drop(reason, now)
