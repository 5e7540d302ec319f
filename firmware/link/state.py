"""The folder in which a reader keeps what outlives its power.

STATE/identity/   its keys (`firmware.link.keys`)
STATE/journal.db  its journal (`firmware.link.journal`)
STATE/lock        held by the program that uses them
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from firmware.link.journal import Journal, JournalDamaged
from firmware.link.keys import FileKeyStore


class StateInUse(Exception):
    """Another program holds the folder."""


class NoReader(ValueError):
    """The folder is not a reader's; the text says what to do."""


class Undelivered(Exception):
    """Records would be lost; the text says what to do."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"端末に届いていない受付が{count}件あります。届くまで端末につなぐか、--discard を付けて消してください。"
            f"何も変えていません / {count} visits have not reached the terminal: connect the reader until they have, or"
            " wipe them with --discard. Nothing was changed"
        )
        self.count = count


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold the folder: two readers in one would use the same counter twice. Raises StateInUse, NoReader, OSError."""
    if not (state / "identity" / "idevid").is_dir():
        raise NoReader(
            f"{state}: リーダーのフォルダーではありません（identity/idevid がありません）。--state を直してください"
            " / no reader's folder: there is no identity/idevid; correct --state"
        )
    with (state / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUse(
                f"{state}: このフォルダーのリーダーが動いています。先に止めてください"
                " / a reader is running on this folder; end it first"
            ) from None
        yield


def open_keys(state: Path) -> FileKeyStore:
    """The keys. Raises OSError, ValueError."""
    try:
        return FileKeyStore(state / "identity")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # OpenSSL's own words help nobody
        raise ValueError(
            f"{state / 'identity'}: 鍵か証明書が壊れています。バックアップから戻すか、製造元に連絡してください"
            " / a key or a certificate is damaged: restore the folder from a backup, or ask the reader's maker"
        ) from error


def open_journal(state: Path, *, paired: bool) -> Journal:
    """The journal; a reader that is not paired may still get a new one.

    Raises JournalUnavailable, JournalDamaged.
    """
    return Journal(journal_file(state)) if paired else Journal.make(journal_file(state))


def journal_file(state: Path) -> Path:
    """Where the journal lies."""
    return state / "journal.db"


def unpair(state: Path, *, discard: bool) -> int:
    """Forget the terminal; returns how many records were wiped, which only `discard` allows.

    A journal that is missing, because somebody set it aside, holds nobody up. The folder must be held (`alone`).
    Raises Undelivered, JournalUnavailable, JournalDamaged, OSError, ValueError.
    """
    keys = open_keys(state)
    wiped = 0
    if journal_file(state).exists():
        journal = Journal(journal_file(state))
        try:
            count = journal.undelivered()
            if count and not discard:
                raise Undelivered(count)
            wiped = journal.wipe()
        finally:
            journal.close()
    keys.forget()
    return wiped


def advice_for(state: Path, damaged: JournalDamaged) -> str:
    """What a technician does about a damaged journal."""
    file = journal_file(state)
    return (
        f"ジャーナルが壊れています。何も変えていません。1. {file}* を別の場所に移し、保管する"
        f"（端末に届いていない受付があるかもしれません） 2. kiosk-reader unpair --state {state}"
        " 3. リーダーを起動し、もう一度登録する\n"
        f"{damaged}. Nothing was changed. 1. Move {file}* to another place, and keep it: visits in it may not have"
        f" reached the terminal. 2. kiosk-reader unpair --state {state} 3. Start the reader, and pair it again"
    )
