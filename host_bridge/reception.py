"""What the reception sees: visits, the cable, calls. In memory only, and no longer than a consent holds.

It hears every event that is logged, and the courier tells it of whom it carries. Any thread may call it; it waits for
nobody who watches.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from host_bridge.eligibility import CertificateStatus
from host_bridge.link_state import UP, WAITING, Link, state_of
from host_bridge.news import Change, Subscription
from host_bridge.outlets.face_folder import FaceFolder
from host_bridge.visits import File, Inquiry, Standing, Visit

VISITS_CAP: Final = 500
REFUSED_CAP: Final = 50
CALLS_CAP: Final = 20
PRESENT_S: Final = 180
"""A patient who began a visit and of whom nothing was heard for so long has left: a visit broken off is not told."""
JUDGED_BY_DATE: Final = (
    CertificateStatus.GOOD,
    CertificateStatus.ENDING,
    CertificateStatus.ENDED,
    CertificateStatus.EXPIRED,
)
"""Of a certificate whose first day has come by this terminal's clock."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A patient asked for somebody."""

    id: int
    reader: str
    since: int


@dataclass(frozen=True)
class Present:
    """Somebody stands at a reader."""

    reader: str
    since: int
    certificate: str | None = None
    """Value of CertificateStatus, once the card has been read: with some of them the reader sends the patient away."""


class Reception:
    """The state, and who is told of its changes."""

    def __init__(self, folder: FaceFolder, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._visits: dict[str, Visit] = {}
        self._link = Link(WAITING, self._now())
        self._present: Present | None = None
        self._calls: list[Call] = []
        self._troubles: dict[str, int] = {}
        self._numbers = 0
        self._events: Mapping[str, Callable[[Event], None]] = {
            "link_up": self._link_up,
            "link_down": self._link_down,
            "link_refused": self._link_down,
            "nonce_issued": self._somebody_came,
            "patient_identified": lambda event: self._over("eligibility"),
            "certificate_judged": self._judged,
            "clock_behind": lambda event: self._trouble("clock"),
            "reception_called": self._called,
            "token_stored": self._stored,
            "token_refused": self._refused,
            "answer_failed": self._answer_failed,
            "face_file_written": self._file_written,
            "face_file_failed": self._file_failed,
            "journal_unavailable": lambda event: self._trouble("journal"),
            "eligibility_unavailable": self._eligibility_unavailable,
        }

    # what is told here

    def heard(self, event: Event) -> None:
        """A listener of the event log."""
        follow = self._events.get(event["event"])
        if follow is not None:
            with self._lock:
                follow(event)

    def agreed(self, visit: Visit) -> None:
        """The courier has a stored visit before it, with the patient's answers."""
        with self._lock:
            known = self._visits.get(visit.id, visit)
            self._put(replace(known, visited_at=visit.visited_at, answers=visit.answers))

    def qualified(self, cti: str, standing: Standing) -> None:
        """The eligibility system has answered for a visit."""
        with self._lock:
            self._over("eligibility")
            self._update(cti, inquiry=Inquiry.ANSWERED, standing=standing)

    def remember(self, visits: Iterable[Visit]) -> None:
        """Visits of an earlier run, oldest first."""
        with self._lock:
            for visit in visits:
                self._put(visit)

    # what the window does

    @contextmanager
    def watched(self, wake: Callable[[], None]) -> Iterator[Subscription]:
        """A subscription: {"snapshot": everything}, then changes of one part each. `wake`: see Subscription."""
        subscription = Subscription(wake)
        with self._lock:
            subscription.offer({"snapshot": self._snapshot()})
            self._subscriptions.add(subscription)
            if self._closed:
                subscription.end()
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def dismiss(self, call: int) -> None:
        """Somebody goes to the patient."""
        with self._lock:
            self._set_calls([other for other in self._calls if other.id != call])

    def look(self) -> None:
        """See which files the receipt computer has taken. Raises OSError: then nothing is known of any."""
        with self._lock:
            written = [(visit.id, _name_there(visit)) for visit in self._visits.values()]
        there = self._folder.names()
        taken = [cti for cti, name in written if name is not None and name not in there]
        with self._lock:
            for cti in taken:
                visit = self._visits.get(cti)
                if visit is not None and visit.file is not None:
                    self._put(replace(visit, file=replace(visit.file, taken=True)))

    def forget(self) -> None:
        """Drop what is over: visits that nobody may look at any more, a patient who has left."""
        now = self._now()
        with self._lock:
            for visit in [visit for visit in self._visits.values() if visit.ends_at <= now]:
                self._drop(visit)
            if self._present is not None and self._present.since + PRESENT_S <= now:
                self._set_present(None)

    def close(self) -> None:
        """End every subscription, those to come too."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription.end()

    # events; the lock is held

    def _link_up(self, event: Event) -> None:
        self._set_link(UP, event)

    def _link_down(self, event: Event) -> None:
        self._set_link(state_of(event["reason"]), event)
        self._set_present(None)

    def _somebody_came(self, event: Event) -> None:
        self._over("journal")
        self._set_present(Present(event["device"], self._now()))

    def _judged(self, event: Event) -> None:
        if event["certificate"] in JUDGED_BY_DATE:
            self._over("clock")
        if self._present is not None:
            self._set_present(replace(self._present, certificate=event["certificate"]))

    def _called(self, event: Event) -> None:
        reader = event["device"]
        if all(call.reader != reader for call in self._calls):
            self._numbers += 1
            self._set_calls([*self._calls, Call(self._numbers, reader, self._now())][-CALLS_CAP:])

    def _stored(self, event: Event) -> None:
        self._left(event["device"])
        self._over("journal")
        now = self._now()
        known = self._visits.get(event["cti"]) or Visit(event["cti"], now, event["visited_at"], event["device"])
        self._put(replace(known, method=event["method"], certificate=event["certificate"]))

    def _refused(self, event: Event) -> None:
        self._left(event["device"])
        self._numbers += 1
        now = self._now()
        self._put(Visit(f"refused-{self._numbers}", now, now, event["device"] or "", refusal=event["reason"]))

    def _answer_failed(self, event: Event) -> None:
        trouble = {"JournalUnavailable": "journal", "EligibilityUnavailable": "eligibility"}.get(event["reason"])
        if trouble is not None:
            self._trouble(trouble)

    def _file_written(self, event: Event) -> None:
        self._over("folder")
        self._update(event["cti"], file=File(event["file"], self._now()), file_failed=False)

    def _file_failed(self, event: Event) -> None:
        if event["reason"] != "NameTaken":  # that one is made anew at once
            self._trouble("folder")
        self._update(event.get("cti", ""), file_failed=True)

    def _eligibility_unavailable(self, event: Event) -> None:
        self._trouble("eligibility")
        self._update(event["cti"], inquiry=Inquiry.UNAVAILABLE)

    # changes; the lock is held

    def _put(self, visit: Visit) -> None:
        known = self._visits.get(visit.id)
        if visit.ends_at <= self._now() or visit == known:
            return
        self._visits[visit.id] = visit
        self._tell({"visit": visit.shown()})
        if known is None:
            refused = visit.refusal is not None
            alike = [other for other in self._visits.values() if (other.refusal is not None) is refused]
            if len(alike) > (REFUSED_CAP if refused else VISITS_CAP):
                self._drop(alike[0])

    def _update(self, cti: str, **facts: Any) -> None:
        """Change a visit that is in the list; one of another day is not."""
        visit = self._visits.get(cti)
        if visit is not None:
            self._put(replace(visit, **facts))

    def _drop(self, visit: Visit) -> None:
        del self._visits[visit.id]
        self._tell({"gone": visit.id})

    def _left(self, reader: str | None) -> None:
        if self._present is not None and self._present.reader == reader:
            self._set_present(None)

    def _set_present(self, present: Present | None) -> None:
        if present != self._present:
            self._present = present
            self._tell({"present": present and asdict(present)})

    def _set_link(self, state: str, event: Event) -> None:
        self._link = Link(state, self._now(), event["device"] or "", event.get("reason", ""))
        self._tell({"link": asdict(self._link)})

    def _set_calls(self, calls: list[Call]) -> None:
        self._calls = calls
        self._tell({"calls": [asdict(call) for call in calls]})

    def _trouble(self, name: str) -> None:
        if name not in self._troubles:
            self._troubles[name] = self._now()
            self._tell({"troubles": dict(self._troubles)})

    def _over(self, name: str) -> None:
        if self._troubles.pop(name, None) is not None:
            self._tell({"troubles": dict(self._troubles)})

    def _snapshot(self) -> Change:
        return {
            "visits": [visit.shown() for visit in self._visits.values()],
            "link": asdict(self._link),
            "present": self._present and asdict(self._present),
            "calls": [asdict(call) for call in self._calls],
            "troubles": dict(self._troubles),
        }

    def _tell(self, change: Change) -> None:
        for subscription in self._subscriptions:
            subscription.offer(change)

    def _now(self) -> int:
        return int(self._clock())


def _name_there(visit: Visit) -> str | None:
    """Name of the visit's file, if it has been handed over and not been seen to be gone."""
    file = visit.file
    return None if file is None or file.written_at is None or file.taken else file.name
