"""The next local identity, in time before the one in use ends: asked of the terminal, and taken into use."""

from collections.abc import Callable
from typing import Final

from board.contracts import KeyStore
from firmware.link.identity import IdentityRefused, check_issued, renew_from
from firmware.link.journal import Journal, JournalUnavailable

AGAIN_MS: Final = 600_000
"""Pause between two requests, whatever became of the first."""


class Renewal:
    """One reader's. `on_event` hears identity_renewed, renewal_failed(reason)."""

    def __init__(self, keys: KeyStore, journal: Journal, on_event: Callable[..., None]) -> None:
        self._keys = keys
        self._journal = journal
        self._on_event = on_event
        self._not_before = 0
        self._request = b""

    def due(self, now: int, host_time: int) -> bool:
        """Whether it is time, by the terminal's clock (seconds since 1970 UTC)."""
        identity = self._keys.local()
        return now >= self._not_before and identity is not None and host_time >= renew_from(identity.chain()[0])

    def request(self, now: int) -> bytes | None:
        """What the terminal is asked, or None where the disk takes no key."""
        self._not_before = now + AGAIN_MS
        try:
            self._request = self._keys.request()
        except OSError as error:
            self.failed(f"the key cannot be kept: {error.strerror}")
            return None
        return self._request

    def take(self, certificate: bytes) -> bool:
        """Take what the terminal issued into use, unless a visit was signed meanwhile: its token names the identity
        before. Whether it is in use. Raises IdentityRefused, JournalDamaged."""
        identity = self._keys.local()
        if identity is None:
            return False
        authority = identity.chain()[-1]
        try:
            check_issued(certificate, authority, self._request)
            with self._journal.turn():
                if self._journal.undelivered():
                    self.failed("a visit came between")
                    return False
                self._keys.install(certificate, authority)
        except IdentityRefused as refused:
            self.failed(str(refused))
            raise
        except (JournalUnavailable, OSError) as error:
            self.failed(f"it cannot be kept: {error}")
            return False
        self._on_event("identity_renewed")
        return True

    def failed(self, reason: str) -> None:
        """It came to nothing; the identity in use stays."""
        self._on_event("renewal_failed", reason=reason)
