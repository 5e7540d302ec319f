"""The bridge's end of the link: open the port, open the connection, answer the reader's questions."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from firmware.wire import messages
from firmware.wire.channel import Channel
from firmware.wire.messages import Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured
from host_bridge.desk import Desk
from host_bridge.eligibility import CertificateStatus
from host_bridge.pairing import BridgeIdentity
from host_bridge.port import PortLost, TerminalPort

REOPEN_S = 0.1
"""Pause before a port that is absent is tried again."""
WRITE_S = 2.0
READ_S = 0.25
"""Longest wait for the reader before the thread looks whether it is to stop."""

_STATUSES = {
    CertificateStatus.GOOD: messages.GOOD,
    CertificateStatus.ENDING: messages.ENDING,
    CertificateStatus.ENDED: messages.ENDED,
    CertificateStatus.EXPIRED: messages.EXPIRED,
    CertificateStatus.REVOKED: messages.REVOKED,
    CertificateStatus.UNKNOWN: messages.UNCERTAIN,
}


def serve(
    port_path: Path, identity: BridgeIdentity, desk: Desk, log: FilteringBoundLogger, stop: threading.Event
) -> None:
    """Serve the reader at `port_path` until `stop` is set, in the calling thread.

    The port may be absent, and come back as another device behind the same name.
    """
    port = TerminalPort(port_path)
    session = Session(identity, desk, log)
    try:
        while not stop.is_set():
            try:
                port.open()
                session.converse(port, stop)
            except PortLost:
                session.fell("port_gone")
                stop.wait(REOPEN_S)
    finally:
        port.close()


class Session:
    """One reader at a time, over as many connections as its cable makes of it."""

    def __init__(self, identity: BridgeIdentity, desk: Desk, log: FilteringBoundLogger) -> None:
        self._identity = identity
        self._tls = identity.tls_context()
        self._desk = desk
        self._log = log
        self._device = ""
        self._chain: Sequence[bytes] = ()
        self._up = False
        self._down_for = ""

    def converse(self, port: TerminalPort, stop: threading.Event) -> None:
        """Serve on an open port. Raises PortLost."""
        line = SecureChannel(
            Channel(True, os.urandom),
            lambda incoming, outgoing: self._tls.wrap_bio(incoming, outgoing, server_side=False),
        )
        line.start(_now())
        while not stop.is_set():
            events = line.tick(_now())
            self._flush(line, port)
            if not events:
                due = line.due()
                wait = READ_S if due is None else (due - _now()) / 1000
                events = line.feed(port.read(min(READ_S, max(0.0, wait))), _now())
                self._flush(line, port)  # acknowledge first: the desk may take its time
            for event in events:
                if not self._follow(event, line):
                    break

    def fell(self, reason: str) -> None:
        """The connection is over; an unchanged reason is told once."""
        news = self._up or reason != self._down_for
        self._up = False
        self._down_for = reason
        if news:
            self._log.info("link_down", device=self._device, reason=reason)

    def _flush(self, line: SecureChannel, port: TerminalPort) -> None:
        out = line.output()
        if out:
            port.write(out, WRITE_S)

    def _follow(self, event: Event, line: SecureChannel) -> bool:
        """Whether the connection goes on."""
        if isinstance(event, Lost):
            self.fell(event.reason)
            return True
        if isinstance(event, Secured):
            return self._meet(event, line)
        self._answer(event, line)
        return True

    def _meet(self, reader: Secured, line: SecureChannel) -> bool:
        device = self._identity.paired_device(reader.certificate)
        if device is None:
            line.refuse(_now())
            if self._down_for != "not_paired":
                self._log.info("link_refused", device=None, reason="not_paired")
            self._down_for = "not_paired"
            return False
        self._device = device
        self._chain = (reader.certificate, self._identity.authority)
        settings = self._desk.settings()
        welcome = messages.pack_welcome(
            settings.bridge_id, settings.facility_key, settings.facility_kind, settings.demo, settings.now
        )
        line.send(messages.WELCOME, 0, welcome, _now())
        return True

    def _answer(self, question: Received, line: SecureChannel) -> None:
        if question.kind == messages.DONE and question.request == 0:
            self._up = True
            self._down_for = ""
            self._log.info("link_up", device=self._device)
            return
        try:
            kind, body = self._decide(question)
        except Malformed:
            kind, body = messages.ERROR, bytes([messages.NOT_UNDERSTOOD])
        except Exception as error:  # one question that fails must not end the conversation
            reason = type(error).__name__
            self._log.info("answer_failed", device=self._device, question=question.kind, reason=reason)
            kind, body = messages.ERROR, bytes([messages.CANNOT])
        line.send(kind, question.request, body, _now())

    def _decide(self, question: Received) -> tuple[int, bytes]:
        if question.kind == messages.OPEN_VISIT:
            return messages.NONCE, self._desk.open_visit(self._device)
        if question.kind == messages.IDENTIFY:
            standing = self._desk.identify(question.body)
            status = _STATUSES[standing.certificate]
            return messages.STANDING, messages.pack_standing(standing.registered, status, standing.validity)
        if question.kind == messages.DELIVER:
            token, evidence = messages.unpack_delivery(question.body)
            receipt = self._desk.accept(self._chain, token, evidence)
            return messages.RECEIPT, messages.pack_receipt(receipt.cti, receipt.accepted, receipt.refusal or "")
        if question.kind == messages.CALL_RECEPTION:
            self._desk.reception_called(self._device)
            return messages.DONE, b""
        raise Malformed(f"message {question.kind} from a reader")


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
