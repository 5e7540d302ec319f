"""The host's end of pairing: the steps of `firmware.wire.enrolment`, without any input or output of its own.

One run shows one code. Until the host has revealed its nonce, a connection may be lost and begun anew; after that
any loss ends the run, so that somebody on the cable has no choice of the code here; how often they may try for the
same one at the reader stands in PROTOCOL.md. It may be typed TYPINGS times, because it is the same one each time.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from firmware.wire import channel as ch
from firmware.wire import enrolment
from firmware.wire.messages import Malformed
from host_bridge.certificates import RequestMalformed, organization, requested_key
from host_bridge.denylist import DenylistUnusable
from host_bridge.devices import LOCAL_IDENTITY_LIFE, NotServed
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing_refused import PairingRefused, Why
from host_bridge.presence import Presence

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

TYPINGS: Final = 3
ALREADY_PAIRED: Final = "already_paired"
"""An obstacle beside those of `presence`: the reader has a local identity."""
_HALF: Final = enrolment.SIGNATURE_SIZE // 2


class Phase(Enum):
    """How far a pairing has come."""

    SEEKING = auto()
    """No reader yet; `obstacle` says what is in the way."""
    CHECKING = auto()
    CODE = auto()
    """The reader shows a code: `type_code` is awaited."""
    TOUCH = auto()
    """Issued: the reader's button is to be touched."""
    PAIRED = auto()
    REFUSED = auto()
    """Over; `refused` says why."""


class Pairing:
    """One run. Same life as a channel: `start`, then `feed` and `tick`; write `output` after every call."""

    def __init__(
        self,
        identity: BridgeIdentity,
        makers: Makers,
        codec: "Codec",
        urandom: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        life: timedelta = LOCAL_IDENTITY_LIFE,
    ) -> None:
        """`life`: of the local identity."""
        self._identity = identity
        self._makers = makers
        self._urandom = urandom
        self._clock = clock
        self._life = life
        self._channel = ch.Channel(True, urandom, ch.PAIRING, codec)
        self._steps = enrolment.Steps(self._channel)
        self._presence = Presence(codec)
        self._nonce = b""
        self._limit: int | None = None
        self._closed = False
        self._transcript = b""
        self._key: ec.EllipticCurvePublicKey | None = None
        self._idevid: x509.Certificate | None = None
        self._issued = b""
        self.phase = Phase.SEEKING
        self.obstacle = ""
        """While seeking: "", ALREADY_PAIRED, or a verdict of `presence`."""
        self.device_id = ""
        """Once checked."""
        self.maker = ""
        self.typings_left = TYPINGS
        self.refused: PairingRefused | None = None

    @property
    def over(self) -> bool:
        """Whether nothing will come of it any more."""
        return self.phase in (Phase.PAIRED, Phase.REFUSED)

    def start(self, now: int) -> None:
        """The line has been opened. Once a nonce is revealed it stays with one line: see `lost_port`."""
        self._presence.start(now)
        self._steps.start(now)
        self.obstacle = ""

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line."""
        if not self._closed:
            self._presence.heard(data, now)
            self._follow(self._steps.feed(data, now), now)

    def tick(self, now: int) -> None:
        """To be called at `due` at the latest; after the end too, until what was said last has arrived."""
        if self._closed:
            return
        self._follow(self._steps.tick(now), now)
        if self.phase is Phase.SEEKING:
            self.obstacle = self._presence.verdict(now) or self.obstacle
        if self._limit is not None and now >= self._limit and not self.over:
            self._out_of_time(now)

    def due(self) -> int | None:
        """When `tick` must be called next, in milliseconds."""
        times = [at for at in (self._steps.due(), self._limit) if at is not None]
        return None if self._closed else min(times, default=None)

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._steps.output()

    def type_code(self, typed: str, now: int) -> bool:
        """What staff read from the reader, in the phase CODE; whether it is the code. The reader is issued its
        identity then. After TYPINGS wrong ones the run is over."""
        if typed != enrolment.code(self._transcript):
            self.typings_left -= 1
            if self.typings_left == 0:
                self._refuse(PairingRefused(Why.CODE), now)
            return False
        self._issue(now)
        return True

    def stop(self, now: int, why: Why = Why.STOPPED) -> None:
        """Staff have ended it, or cannot go on."""
        if not self.over:
            self._refuse(PairingRefused(why), now)

    def lost_port(self) -> None:
        """The line is gone; `start` may follow where the run is not over by that."""
        self._lost()

    def _follow(self, events: list[tuple[int, int, bytes]], now: int) -> None:
        for kind, step, body in events:
            if self.over:
                self._closed = self._closed or kind == ch.LOST
            elif kind == ch.CONNECTED:
                self._greet(now)
            elif kind == ch.LOST:
                self.obstacle = ALREADY_PAIRED if step == ch.PAIRED else ""
                self._lost()
            else:
                self._take(step, body, now)

    def _take(self, step: int, body: bytes, now: int) -> None:
        try:
            if step == enrolment.REFUSED:
                raise PairingRefused(Why.READER_SAYS, reason=enrolment.unpack_reason(body))
            if step == enrolment.IDENTITY and self.phase is Phase.CHECKING and not self._transcript:
                self._check(body, now)
            elif step == enrolment.PROOF and self.phase is Phase.CHECKING and self._transcript:
                self._prove(body)
                self._limit = now + enrolment.HAND_MS
                self.phase = Phase.CODE
            elif step == enrolment.DONE and self.phase is Phase.TOUCH:
                self.phase = Phase.PAIRED
            else:
                raise Malformed(f"step {step} in {self.phase.name}")
        except Malformed as error:
            self._refuse(PairingRefused(Why.MALFORMED, reason=str(error)), now)
        except PairingRefused as refused:
            self._refuse(refused, now)

    def _greet(self, now: int) -> None:
        self._nonce = self._urandom(enrolment.NONCE_SIZE)
        hello = enrolment.pack_hello(self._identity.authority, enrolment.commitment(self._nonce))
        self._steps.send(enrolment.HELLO, hello, now)
        self._limit = now + enrolment.STEP_MS
        self.phase = Phase.CHECKING
        self.obstacle = ""

    def _check(self, body: bytes, now: int) -> None:
        """Raises PairingRefused, Malformed."""
        chain, request, reader_nonce = enrolment.unpack_identity(body)
        now_utc = self._clock()
        if now_utc < self._identity.devices.authority.not_valid_before_utc:
            raise PairingRefused(Why.CLOCK, now=now_utc.isoformat(timespec="minutes"))
        device_id, self._idevid = self._makers.identify(chain, now_utc)
        self.maker = organization(self._idevid.issuer)
        try:
            self._key = requested_key(request, device_id)
            if device_id in self._identity.denylist.devices():
                raise PairingRefused(Why.DENIED, device=device_id)
        except RequestMalformed as error:
            raise PairingRefused(Why.REQUEST, reason=str(error)) from error
        except DenylistUnusable as error:
            raise PairingRefused(Why.DENYLIST_UNUSABLE, reason=str(error)) from error
        self.device_id = device_id
        authority = self._identity.authority
        self._transcript = enrolment.transcript(authority, chain[0], request, self._nonce, reader_nonce)
        self._steps.send(enrolment.REVEAL, self._nonce, now)
        self._limit = now + enrolment.STEP_MS

    def _prove(self, body: bytes) -> None:
        """Raises PairingRefused, Malformed."""
        signature = enrolment.unpack_signature(body)
        r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
        key = self._idevid.public_key() if self._idevid is not None else None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise PairingRefused(Why.PROOF)
        try:
            key.verify(encode_dss_signature(r, s), enrolment.signed(self._transcript), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise PairingRefused(Why.PROOF) from error

    def _issue(self, now: int) -> None:
        if self._key is None or self._idevid is None:
            raise RuntimeError("a code before a request")
        devices = self._identity.devices
        try:
            local = devices.pair(self.device_id, self._key, self._idevid, self._life, self._clock())
        except NotServed:
            self._refuse(PairingRefused(Why.DENIED, device=self.device_id), now)
        except DenylistUnusable as error:
            self._refuse(PairingRefused(Why.DENYLIST_UNUSABLE, reason=str(error)), now)
        except (OSError, ValueError) as error:
            self._refuse(PairingRefused(Why.CANNOT_STORE, reason=str(error)), now)
        else:
            self._issued = local
            self._steps.send(enrolment.ISSUED, local, now)
            self._limit = now + enrolment.HAND_MS
            self.phase = Phase.TOUCH

    def _out_of_time(self, now: int) -> None:
        if self._transcript:
            self._refuse(PairingRefused(Why.NOT_TOUCHED if self.phase is Phase.TOUCH else Why.SLOW), now)
        else:
            self._channel.drop(ch.BROKEN, now)
            self._lost()

    def _lost(self) -> None:
        if self.over:
            return
        if self._transcript:
            self.refused = PairingRefused(Why.LOST_AFTER_ISSUE if self.phase is Phase.TOUCH else Why.LOST)
            self.phase = Phase.REFUSED
            self._closed = True
        else:
            self._limit = None
            self.phase = Phase.SEEKING

    def _refuse(self, refused: PairingRefused, now: int) -> None:
        """Tell the reader too: it shows the end of it. What was issued is taken back: a reader that is told not to be
        paired must not be served."""
        if self._issued:
            try:
                self._identity.devices.withdraw(self.device_id, self._issued)
            except (OSError, ValueError) as error:
                refused = PairingRefused(Why.CANNOT_STORE, reason=str(error))
        if refused.why is not Why.READER_SAYS:
            self._steps.send(enrolment.REFUSED, refused.why.encode(), now)
        self.refused = refused
        self.phase = Phase.REFUSED
