"""The bridge's event log: JSON lines, only events and facts of this catalogue, no personal data."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

CATALOGUE: Final[Mapping[str, frozenset[str]]] = {
    # the program
    "bridge_started": frozenset({"bridge", "demo", "facility", "window"}),
    "bridge_stopped": frozenset(),
    # the cable and the reader at its end
    "link_up": frozenset({"device"}),
    "link_down": frozenset({"device", "reason"}),
    "link_refused": frozenset({"device", "reason"}),
    "answer_failed": frozenset({"device", "question", "reason"}),
    # a visit
    "nonce_issued": frozenset({"device"}),
    "patient_identified": frozenset({"registered", "validity"}),
    "certificate_judged": frozenset({"certificate"}),
    "clock_behind": frozenset(),
    "reception_called": frozenset({"device"}),
    "passcode_checked": frozenset({"device", "verdict", "tries_left"}),
    "token_stored": frozenset({"device", "cti", "method", "certificate", "visited_at", "ms"}),
    "token_repeated": frozenset({"cti"}),
    "counter_gap": frozenset({"device", "last", "counter"}),
    "token_refused": frozenset({"device", "cti", "reason"}),
    # what leaves the bridge
    "face_file_written": frozenset({"cti", "file"}),
    "face_file_failed": frozenset({"cti", "reason"}),
    # the bridge's own trouble
    "journal_unavailable": frozenset({"reason"}),
    "eligibility_unavailable": frozenset({"cti"}),
    "window_failed": frozenset({"reason"}),
}
"""Event name -> names of the facts it may carry."""


Listener = Callable[[Mapping[str, Any]], None]
"""Is given each event as it goes into the log, under the key "event" its name; in the thread that logs, so it must be
quick, and raise nothing."""


def open_log(stream: TextIO, *listeners: Listener) -> FilteringBoundLogger:
    """A logger for one program run; any thread may use it."""

    def tell(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        for listener in listeners:
            listener(event)
        return event

    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            only_catalogued,
            tell,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger


def only_catalogued(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drop what the catalogue does not list, naming what was dropped: no value gets out by accident."""
    name = event.get("event")
    allowed = CATALOGUE.get(str(name))
    if allowed is None:
        return {"event": "event_not_catalogued", "name": name if str(name).isidentifier() else None}
    kept = {key: value for key, value in event.items() if key == "event" or key in allowed}
    dropped = sorted(event.keys() - kept.keys())
    return {**kept, "dropped": dropped} if dropped else kept
