"""Both ends of the link, real and in one process, with a line, disks and a time that a test rules over.

A program that is killed leaves what is in its files at that moment, and nothing else.
"""

import random
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from link_ends import SERIAL, Disk, HostEnd, Lane, ReaderEnd, Visit, site
from visit_samples import TODAY

from board.demo.pair import pair
from firmware.cobs import codec
from firmware.flows.signer import Kept, Signing
from firmware.link.answers import Receipt
from firmware.link.conversation import Question, pending
from firmware.link.journal import JournalUnavailable
from firmware.link.state import unpair
from firmware.token import evidence
from firmware.token.claims import Method
from firmware.token.evidence import binding
from firmware.wire import messages
from firmware.wire.frame import Deframer
from firmware.wire.messages import LIMITS_MS
from host_bridge.identity import BridgeIdentity
from host_bridge.journal import KeptVisit
from host_bridge.journal_file import JournalUnavailable as BridgeJournalUnavailable


class LinkRig:
    """Time, the line and both ends."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, for this rig alone."""
        self.folder = folder
        self.reader_files, self.host_files = folder / "reader-0", folder / "host-0"
        shutil.copytree(site().folder / "state", self.reader_files, symlinks=True)
        shutil.copytree(site().folder / "identity", folder / "identity")
        shutil.copy(site().folder / "people.json", folder)
        self.host_files.mkdir()
        self.now = 1000
        self._began = time.time()
        self.clock_off = 0
        self.chance = random.Random(1).randbytes
        self.to_reader, self.to_host = Lane(), Lane()
        self.plugged = True
        self.reader_disk, self.host_disk = Disk(), Disk()
        self.reader_events: list[tuple[str, dict[str, Any]]] = []
        self.host_events: list[Any] = []
        self._lives = 0
        self._visits = 0
        self.reader: ReaderEnd | None = None
        self.host: HostEnd | None = None
        self.signed: dict[int, bytes] = {}
        """Number -> token id of all that the reader has put into its journal."""
        self.identities: set[bytes] = set()
        """Certificates under which the reader has signed."""
        self.wiped: set[bytes] = set()
        """Token ids of records that were discarded when the reader was unpaired."""
        self.reader_heard = False
        self._ear = Deframer(codec())
        self.start_reader()
        self.start_host()

    def close(self) -> None:
        for end in (self.reader, self.host):
            if end is not None:
                end.journal.close()

    def wall_clock(self) -> float:
        """The terminal's, seconds since 1970."""
        return self._began + self.now / 1000 + self.clock_off

    def reader_says(self, name: str, **facts: Any) -> None:
        self.reader_events.append((name, facts))

    # programs start and end

    def start_reader(self) -> None:
        with self.reader_disk.in_use():
            try:
                self.reader = ReaderEnd(self)
            except JournalUnavailable:
                return
            if self.plugged:
                self._start_reader_line()

    def start_host(self) -> None:
        with self.host_disk.in_use():
            try:
                self.host = HostEnd(self)
            except BridgeJournalUnavailable:
                return
            if self.plugged:
                self.to_host.waiting.clear()
                self.host.session.start(self.now)
        self._collect()

    def kill_reader(self) -> None:
        if self.reader is not None:
            self.reader_files = self._files_as_they_are(self.reader_files, "reader")
            self.reader.journal.close()
            self.reader = None

    def kill_host(self) -> None:
        if self.host is not None:
            self.host_files = self._files_as_they_are(self.host_files, "host")
            self.host.journal.close()
            self.host = None

    def _files_as_they_are(self, files: Path, whose: str) -> Path:
        self._lives += 1
        left = self.folder / f"{whose}-{self._lives}"
        shutil.copytree(files, left, symlinks=True)
        return left

    def pair_anew(self) -> None:
        """Staff unpair the reader at both ends, and pair it again."""
        self.kill_reader()
        self.kill_host()
        identity = BridgeIdentity.load(self.folder / "identity")
        identity.devices.unpair(SERIAL)
        undelivered = unpair(self.reader_files, discard=True)
        last = max(self.signed, default=0)
        self.wiped |= {self.signed[number] for number in range(last - undelivered + 1, last + 1)}
        pair(identity, self.reader_files)
        self.start_reader()
        self.start_host()

    # the cable

    def unplug(self) -> None:
        self.plugged = False
        self.to_reader.waiting.clear()
        self.to_host.waiting.clear()
        if self.reader is not None:
            self.reader.conversation.gone("port_gone", self.now)
            self.reader.conversation.output()
        if self.host is not None:
            self.host.session.fell("port_gone")

    def plug(self) -> None:
        self.plugged = True
        if self.reader is not None:
            self._start_reader_line()
        if self.host is not None:
            self.host.session.start(self.now)
        self._collect()

    def _start_reader_line(self) -> None:
        assert self.reader is not None
        self.to_reader.waiting.clear()
        self.reader_heard, self._ear = False, Deframer(codec())
        self.reader.conversation.start(self.now)
        self._collect()

    # small steps

    def feed_reader(self) -> bool:
        """Whether there was something for it."""
        if found := self.reader is not None and bool(self.to_reader.waiting):
            data = self.to_reader.waiting.pop(0)
            self.reader_heard |= any(frame.from_host for frame in self._ear.feed(data))
            with self.reader_disk.in_use():
                self.reader.conversation.feed(data, self.now)
            self._collect()
        return found

    def feed_host(self) -> bool:
        """Whether there was something for it."""
        if found := self.host is not None and bool(self.to_host.waiting):
            data = self.to_host.waiting.pop(0)
            with self.host_disk.in_use():
                self.host.session.feed(data, self.now)
            self._collect()
        return found

    def tick_reader(self) -> None:
        if self.reader is not None:
            self._give_up()
            with self.reader_disk.in_use():
                self.reader.conversation.tick(self.now)
            self._collect()

    def tick_host(self) -> None:
        if self.host is not None and self.plugged:
            with self.host_disk.in_use():
                self.host.session.tick(self.now)
            self._collect()

    def _collect(self) -> None:
        if self.reader is not None:
            out = self.reader.conversation.output()
            assert not out or self.reader_heard, "the reader talks first"
            if out and self.plugged:
                self.to_host.put(out, self.to_reader)
        if self.host is not None:
            out = self.host.session.output()
            if out and self.plugged:
                self.to_reader.put(out, self.to_host)

    def _give_up(self) -> None:
        assert self.reader is not None
        for visit in self.reader.visits:
            if self.now >= visit.until and not visit.opened.answer.done():
                self.reader.conversation.forget(visit.opened)
            if visit.judged is not None and self.now >= visit.judged_until and not visit.judged.answer.done():
                self.reader.conversation.forget(visit.judged)

    # time

    def run(self, ms: int, *, carry: bool = True) -> None:
        """Time passes; with `carry` what lies on the line arrives."""
        until = self.now + ms
        while True:
            for _ in range(2000):
                busy = carry and (self.feed_reader() | self.feed_host())
                due = [at for at in self._due() if at <= self.now]
                if not due and not busy:
                    break
                self.tick_host()
                self.tick_reader()
            else:
                raise AssertionError("they talk without end, and no time passes")
            if self.now >= until:
                return
            self.now = min([until, *(at for at in self._due() if at > self.now)])

    def _due(self) -> list[int]:
        due = []
        if self.reader is not None and (at := self.reader.conversation.due()) is not None:
            due.append(at)
        if self.host is not None and self.plugged:
            due.append(self.host.session.due())
        return due

    # a visit

    def open_visit(self, consents: dict[int, bool] | None = None) -> Visit | None:
        if self.reader is None:
            return None
        self._visits += 1
        question = Question(messages.OPEN_VISIT, b"")
        self.reader.conversation.ask(question)
        limit = self.now + LIMITS_MS[messages.OPEN_VISIT]
        visit = Visit(b"visit %010d" % self._visits, consents or {1: True, 2: False}, question, limit)
        self.reader.visits.append(visit)
        self.tick_reader()
        return visit

    def identify(self, visit: Visit) -> None:
        assert self.reader is not None
        visit.judged = Question(messages.IDENTIFY, site().card.certificate)
        visit.judged_until = self.now + LIMITS_MS[messages.IDENTIFY]
        self.reader.conversation.ask(visit.judged)
        self.tick_reader()

    def sign(self, visit: Visit) -> Kept | None:
        """Into the journal, and no further. None where that was not to be had."""
        assert self.reader is not None and visit.nonce is not None and self.reader.conversation.met is not None
        met, card = self.reader.conversation.met, site().card
        bound = binding(met.settings.bridge_id, visit.nonce, visit.cti, visit.consents, Method.PIN)
        signing = Signing(
            cti=visit.cti,
            bridge_id=met.settings.bridge_id,
            sealing_key=met.settings.sealing_key,
            nonce=visit.nonce,
            facility_key=met.settings.facility_key,
            issued_at=met.time(self.now),
            certificate=card.certificate,
            method=Method.PIN,
            consents=visit.consents,
            policy_date=TODAY,
            evidence=evidence.encode(card.pin_evidence(bound)),
        )
        self.reader.conversation.expect(visit.cti, pending())
        local = self.reader.keys.local()
        assert local is not None
        self.identities.add(local.chain()[0])
        kept = None
        with self.reader_disk.in_use(), suppress(JournalUnavailable):
            kept = self.reader.signer.sign(signing)
        counter, _ = self.reader.journal.last()
        fresh = counter > max(self.signed, default=0)
        assert fresh or kept is None, f"number {counter} was used before"
        if fresh:  # it is on the disk, whatever was said of it
            assert counter == max(self.signed, default=0) + 1, f"number {counter} leaves one out"
            self.signed[counter] = visit.cti
        return kept

    # what has come of it

    def rows(self) -> list[KeptVisit]:
        """All that the bridge has stored."""
        assert self.host is not None
        return list(self.host.journal.recent_visits(-1, 1 << 40))

    def host_up(self) -> bool:
        states = [one["event"] for one in self.host_events if one["event"] in ("link_up", "link_down", "link_refused")]
        return self.host is not None and bool(states) and states[-1] == "link_up"

    def receipts(self) -> list[dict[str, Any]]:
        return [facts for name, facts in self.reader_events if name == "token_receipt"]

    def visit(self) -> Receipt | None:
        """A whole visit, over a line that works. None where it came to nothing."""
        visit = self.open_visit()
        self.run(500)
        if visit is None or visit.nonce is None:
            return None
        self.identify(visit)
        self.run(500)
        self.sign(visit)
        self.tick_reader()
        self.run(2000)
        for facts in self.receipts():
            if facts["cti"] == visit.cti.hex():
                return Receipt(visit.cti, facts["accepted"], facts["refusal"])
        return None
