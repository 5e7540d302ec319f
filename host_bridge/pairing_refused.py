"""Why a reader is not paired. The value goes to the reader, the words to the technician (`pairing_words`)."""

from enum import StrEnum


class Why(StrEnum):
    """At most 64 bytes each (`firmware.wire.enrolment.MAX_REASON`)."""

    # who the reader is
    MALFORMED = "malformed"
    MAKER_CHAIN = "maker_chain"
    MAKER_UNKNOWN = "maker_unknown"
    NAMELESS = "nameless"
    ROOTS_UNUSABLE = "maker_roots_unusable"
    LIST_MISSING = "maker_list_missing"
    LIST_EXPIRED = "maker_list_expired"
    LIST_FORGED = "maker_list_forged"
    LIST_UNUSABLE = "maker_list_unusable"
    CLOCK = "clock"
    REVOKED_BY_MAKER = "revoked_by_maker"
    DENIED = "denied"
    DENYLIST_UNUSABLE = "denylist_unusable"
    REQUEST = "request"
    PROOF = "proof"
    # how it went
    CODE = "code"
    READER_SAYS = "reader_says"
    """The reader has ended it."""
    SLOW = "slow"
    LOST = "lost"
    """The connection, before anything was issued."""
    LOST_AFTER_ISSUE = "lost_after_issue"
    NOT_TOUCHED = "not_touched"
    STOPPED = "stopped"
    NO_INPUT = "no_input"
    """Nobody can type at the terminal."""
    CANNOT_STORE = "cannot_store"


class PairingRefused(Exception):
    """`facts` are for the words: file, maker, reason."""

    def __init__(self, why: Why, **facts: object) -> None:
        super().__init__(f"{why}: {facts}" if facts else why.value)
        self.why = why
        self.facts = facts
