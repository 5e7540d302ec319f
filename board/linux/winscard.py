"""What the reader and its monitor share of PC/SC: contexts, names of readers, and what results mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from smartcard import scard

from board.contracts import CardFault, CardGone, CardInUse

_GONE: Final = frozenset(
    (
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_NOT_TRANSACTED,  # what the first command after a removal meets
        scard.SCARD_E_READER_UNAVAILABLE,
        scard.SCARD_E_UNKNOWN_READER,
        scard.SCARD_E_NO_READERS_AVAILABLE,
        scard.SCARD_E_NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED,
        scard.SCARD_E_INVALID_HANDLE,  # the daemon was restarted
        scard.SCARD_F_COMM_ERROR,  # the daemon died meanwhile
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
    )
)
"""Whatever of this happens, the session is over and the card has to be looked for again."""


def check_result(result: int) -> None:
    """Raises CardGone, CardInUse, CardFault for anything but success."""
    if result == scard.SCARD_S_SUCCESS:
        return
    if result in _GONE:
        raise CardGone
    if result == scard.SCARD_E_SHARING_VIOLATION:
        raise CardInUse
    raise CardFault(f"PC/SC {result & 0xFFFFFFFF:08X}: {scard.SCardGetErrorMessage(result)}")


def establish() -> Any:
    """A context, to be released. Raises CardGone where no daemon answers, CardFault."""
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    check_result(result)
    return context


@contextmanager
def context() -> Iterator[Any]:
    """A context for as long as it is needed. Raises CardGone where no daemon answers, CardFault."""
    established = establish()
    try:
        yield established
    finally:
        scard.SCardReleaseContext(established)


def readers(established: Any, name: str) -> list[str]:
    """The readers attached whose names contain `name`. Raises CardGone, CardFault."""
    result, found = scard.SCardListReaders(established, [])
    if result == scard.SCARD_E_NO_READERS_AVAILABLE:
        return []
    check_result(result)
    return [reader for reader in found if name in reader]
