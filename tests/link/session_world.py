"""A reader's conversation and a host, joined in memory, with time of their own and a line that a test may disturb."""

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from board.demo.pair import pair
from board.sim.keystore import make_device
from firmware.link.conversation import Conversation
from firmware.link.journal import Journal
from firmware.link.questions import Question
from firmware.link.state import journal_file, open_keys
from firmware.token.record import open_record, seal
from firmware.wire import cobs, messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.tls import Lost, Received, SecureChannel, Secured
from host_bridge.identity import BridgeIdentity, create_bridge

NOW = int(time.time())
SERIAL = "READER-0001"

Answer = Callable[[Received], list[tuple[int, int, bytes]]]
"""What a host says to a question: kind, request id, body of each message."""


def made(folder: Path) -> BridgeIdentity:
    """A bridge in `folder`/bridge, and a reader in `folder`/device that is paired with it."""
    identity = create_bridge(folder / "bridge")
    make_device(folder / "device" / "identity", SERIAL)
    pair(identity, folder / "device")
    return identity


class Host:
    """A terminal that answers as a test tells it; without a word from the test, as a good one does."""

    def __init__(self, identity: BridgeIdentity) -> None:
        self.identity = identity
        self.settings = self.settings_body()
        self.greeting: list[tuple[int, int, bytes]] | None = None
        """In place of its settings, if not None."""
        self.lies: dict[int, Answer] = {}
        """Kind of question -> what it says."""
        self.heard: list[Received] = []
        self.lost: list[str] = []
        self.certificates: list[bytes] = []
        self.tokens: list[bytes] = []
        """Every token handed in, repeated ones too."""
        tls = identity.tls_context()
        self.line = SecureChannel(
            Channel(True, os.urandom, SESSION, cobs),
            lambda incoming, outgoing: tls.wrap_bio(incoming, outgoing, server_side=False),
        )

    def settings_body(self, now: int = NOW, flags: int = messages.DEMO, sealing_key: bytes | None = None) -> bytes:
        key = self.identity.sealing_key if sealing_key is None else sealing_key
        return messages.pack_settings(self.identity.bridge_id, bytes(32), key, 1, flags, now)

    def follow(self, events: list[Any], now: int) -> None:
        for event in events:
            if isinstance(event, Secured):
                self.certificates.append(event.certificate)
                assert self.identity.devices.serving(event.certificate) == SERIAL
                for message in self.greeting if self.greeting is not None else [(messages.SETTINGS, 0, self.settings)]:
                    self.line.send(*message, now)
            elif isinstance(event, Lost):
                self.lost.append(event.reason)
            else:
                self.heard.append(event)
                if event.kind != messages.DONE:
                    for message in self.lies.get(event.kind, self.answer)(event):
                        self.line.send(*message, now)

    def answer(self, question: Received) -> list[tuple[int, int, bytes]]:
        kind, body = {
            messages.OPEN_VISIT: lambda: (messages.NONCE, bytes(32)),
            messages.IDENTIFY: lambda: (messages.STANDING, messages.pack_standing(True, 1, messages.ASK_CONSENTS)),
            messages.REVOCATION: lambda: (messages.CERTIFICATE_STATUS, bytes([messages.GOOD])),
            messages.DELIVER: lambda: (messages.RECEIPT, self.receipt(question.body)),
            messages.CALL_RECEPTION: lambda: (messages.DONE, b""),
            messages.RENEW: lambda: (messages.ERROR, bytes([messages.CANNOT])),
        }[question.kind]()
        return [(kind, question.request, body)]

    def receipt(self, sealed: bytes) -> bytes:
        token, _ = open_record(self.identity.record_key, self.identity.bridge_id, sealed)
        self.tokens.append(token)
        return messages.pack_receipt(token[:16], True, "")


class World:
    """Time, the line, and both ends."""

    def __init__(self, folder: Path, identity: BridgeIdentity, *, demo: bool = True) -> None:
        """`folder` as `made` left it."""
        self.now = 1_000_000
        self.state = folder / "device"
        self.keys = open_keys(self.state)
        self.journal = Journal(journal_file(self.state))
        self.events: list[tuple[str, dict[str, object]]] = []
        self.host = Host(identity)
        self.demo = demo
        self.reader = self._new_reader()
        self.to_reader: list[bytes] = []
        self.to_host: list[bytes] = []
        self.plugged = False

    def plug(self) -> None:
        self.plugged = True
        self.reader.start(self.now)
        self.host.line.start(self.now)

    def unplug(self) -> None:
        """What is on its way is lost."""
        self.to_reader.clear()
        self.to_host.clear()
        self.reader.gone("port_gone", self.now)
        self.host.follow([Lost("port_gone")], self.now)
        self.plugged = False

    def restart(self) -> None:
        """The reader's program begins anew on the same state; the line stays as it is."""
        self.journal.close()
        self.keys = open_keys(self.state)
        self.journal = Journal(journal_file(self.state))
        self.reader = self._new_reader()
        if self.plugged:
            self.reader.start(self.now)

    def close(self) -> None:
        self.journal.close()

    def keep(self, token: bytes) -> None:
        """Put a token into the journal; its first 16 bytes are its id."""
        bridge = self.host.identity
        sealed = seal(bridge.sealing_key, bridge.bridge_id, token, b"evidence")
        self.journal.put(token[:16], self.journal.last()[0] + 1, hashlib.sha256(token).digest(), sealed)

    def ask(self, kind: int, body: bytes = b"") -> "Future[Any]":
        question = Question(kind, body)
        self.reader.ask(question)
        return question.answer

    def carry(self) -> None:
        """Everything on its way arrives, and so does what it causes."""
        self._collect()
        while self.to_reader or self.to_host:
            if self.to_reader:
                self.reader.feed(self.to_reader.pop(0), self.now)
            if self.to_host:
                self.host.follow(self.host.line.feed(self.to_host.pop(0), self.now), self.now)
            self._collect()

    def tick(self) -> None:
        """Both ends do what is due."""
        self.reader.tick(self.now)
        if self.plugged:
            self.host.follow(self.host.line.tick(self.now), self.now)
        self._collect()

    def wait(self, ms: int) -> None:
        """Time passes while the line works."""
        end = self.now + ms
        self.tick()
        self.carry()
        while self.now < end:
            dues = [at for at in (self.reader.due(), self.host.line.due() if self.plugged else None) if at is not None]
            self.now = max(self.now + 1, min([end, *dues]))
            self.tick()
            self.carry()

    def until(self, happened: Callable[[], bool], limit: int = 20_000) -> None:
        end = self.now + limit
        self.wait(0)
        while not happened():
            assert self.now < end, f"not within {limit} ms; {self.events[-5:]}; {self.host.lost[-5:]}"
            self.wait(10)

    def told(self, name: str) -> list[dict[str, object]]:
        return [facts for event, facts in self.events if event == name]

    def _new_reader(self) -> Conversation:
        return Conversation(
            self.keys,
            self.journal,
            cobs,
            os.urandom,
            lambda name, **facts: self.events.append((name, facts)),
            demo=self.demo,
        )

    def _collect(self) -> None:
        for out, line in ((self.reader.output(), self.to_host), (self.host.line.output(), self.to_reader)):
            if out and self.plugged:
                line.append(out)
