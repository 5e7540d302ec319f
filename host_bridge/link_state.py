"""How it stands with the cable and the reader at its end, in the words' codes of the reception's page."""

from dataclasses import dataclass
from typing import Final

WAITING: Final = "waiting"
UP: Final = "up"
_STATES: Final = {
    # no line
    "port_absent": "unplugged",
    "port_gone": "unplugged",
    "port_busy": "busy",
    "port_denied": "no_permission",
    "port_blocked": "silent",
    # a line, and no reader to talk to
    "no_answer": "silent",
    "port_foreign": "foreign",
    "foreign_device": "foreign",
    "unpaired": "new",
    # a reader that is not served
    "certificate_not_yet_valid": "clock",
    "certificate_expired": "expired",
    "not_paired": "unpaired",
    "refused_by_other_end": "unpaired",
    "denied": "denied",
    "denylist_unusable": "identity",
    "identity_unusable": "identity",
}
_UNTRUSTED: Final = ("certificate:", "tls:")
"""How the reasons begin that OpenSSL words, of either end's certificate."""
STATES: Final = frozenset({WAITING, UP, *_STATES.values()})


@dataclass(frozen=True)
class Link:
    """The cable and the reader at its end."""

    state: str
    """One of STATES: "waiting" since the start of the bridge; "clock": the reader's certificate is not valid yet, so
    this terminal's clock is behind; "new": a reader that is paired with no terminal."""
    since: int
    reader: str = ""
    reason: str = ""
    """As logged, for a technician."""


def state_of(reason: str) -> str:
    """What the reason of a link that is down, or was refused, comes to."""
    return _STATES.get(reason, "unpaired" if reason.startswith(_UNTRUSTED) else "silent")
