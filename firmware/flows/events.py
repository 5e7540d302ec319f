"""The reader's event log: one JSON line an event, by name from a catalogue, never a personal fact."""

import contextlib
import sys
from typing import TextIO

import structlog

Fact = str | int | float | bool | None | dict[str, float]

CATALOGUE: dict[str, frozenset[str]] = {
    "reader_started": frozenset({"profile", "tflite", "device"}),
    "reader_stopped": frozenset(),
    "out_of_order": frozenset({"code", "reason"}),
    "link_up": frozenset({"bridge"}),
    "link_down": frozenset({"reason"}),
    "pairing_code_shown": frozenset(),
    "pairing_failed": frozenset({"reason"}),
    "paired": frozenset({"bridge"}),
    "identity_renewed": frozenset(),
    "renewal_failed": frozenset({"reason"}),
    "face_unavailable": frozenset({"reason"}),
    "visit_process_failed": frozenset({"status"}),
    "visit_ended": frozenset(
        {"method", "verified", "score", "threshold", "cti", "acknowledged", "refused", "ms"},
    ),
    "record_journalled": frozenset({"cti", "counter", "bytes"}),
    "record_expired": frozenset({"cti"}),
    "journal_unavailable": frozenset({"reason"}),
    "journal_available": frozenset(),
    "question_refused": frozenset({"reason"}),
    "token_receipt": frozenset({"cti", "accepted", "refusal"}),
}
"""Event -> the facts it may carry. What is not listed cannot be written."""


class EventLog:
    """Writes events to a stream, standard output unless told otherwise."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[structlog.processors.TimeStamper(fmt="iso", key="at"), structlog.processors.JSONRenderer()],
        )

    def write(self, event: str, **facts: Fact) -> None:
        """Write one event. Raises ValueError for an event or a fact that the catalogue does not know."""
        unknown = facts.keys() - CATALOGUE.get(event, frozenset())
        if event not in CATALOGUE or unknown:
            raise ValueError(f"the catalogue of events has no {event} with {sorted(unknown)}")
        with contextlib.suppress(OSError):  # whoever reads the log has gone: no reason to send patients away
            self._logger.msg(event, **facts)
