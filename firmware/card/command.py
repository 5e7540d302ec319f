"""`kiosk-reader card`: what a technician does with a card, from the command line to the exit status."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from board.contracts import CardFault, CardGone, CardReader, CardSession, ReaderAbsent
from firmware.card.console import read_card
from firmware.token.anchors import TrustAnchors

CARD_HINT_S: Final = 0.7
"""A card that is not seen by then has still to be placed."""


class NamedSession(CardSession, Protocol):
    """A session whose card reader has a name."""

    reader: str


class NamedReader(CardReader, Protocol):
    """A card reader whose sessions name it."""

    async def connect(self) -> NamedSession: ...


def describe(command: argparse.ArgumentParser) -> None:
    """Add its subcommands and options to the command line."""
    commands = command.add_subparsers(dest="card_command", required=True)
    read = commands.add_parser("read", help="read a card step by step, personal data masked")
    read.add_argument("--reader", default="", metavar="NAME", help="part of the PC/SC reader's name (default: any)")
    read.add_argument("--extended", action="store_true", help="try extended APDUs where the reader does not tell")
    read.add_argument("--trace", action="store_true", help="show each APDU, PIN bytes masked")
    read.add_argument("--authority", type=Path, help="folder with jpki_ca.pem and cv_ca.json: whose cards are genuine")
    read.add_argument("--photo", type=Path, metavar="FILE", help="write the photo to a new file, after you confirm")


def obey(options: argparse.Namespace, tray: Callable[[], NamedReader], trusted: Callable[[Path], TrustAnchors]) -> int:
    """Read the card on a reader aloud; the exit status. `trusted` reads a folder: whose cards are genuine."""
    if options.photo is not None and os.path.lexists(options.photo):
        sys.exit(f"kiosk-reader: {options.photo} exists already: name a new file for the photo")
    if options.photo is not None and not options.photo.parent.is_dir():
        sys.exit(f"kiosk-reader: {options.photo.parent} is no folder")
    try:
        anchors = trusted(options.authority) if options.authority else None
    except (OSError, ValueError) as error:
        sys.exit(f"kiosk-reader: {options.authority}: {error}")
    try:
        session = asyncio.run(_connect(tray))
    except ReaderAbsent as absent:
        sys.exit(f"kiosk-reader: {absent.advice}")
    except (CardGone, CardFault) as fault:
        sys.exit(f"kiosk-reader: the card cannot be read: {str(fault) or 'it was lifted'}")
    except KeyboardInterrupt:
        return 1
    try:
        return read_card(session, anchors, trace=options.trace, photo=options.photo)
    except BrokenPipeError:  # whoever reads what is told has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


async def _connect(make_tray: Callable[[], NamedReader]) -> NamedSession:
    """Wait for a card. Raises ReaderAbsent, CardGone, CardFault."""
    tray = make_tray()
    try:
        await tray.check()
        waiting = asyncio.create_task(tray.inserted())
        if not (await asyncio.wait({waiting}, timeout=CARD_HINT_S))[0]:
            print("カードを置いてください（Ctrl-Cで終了） / place a card (Ctrl-C ends)")
        await waiting
        session = await tray.connect()
        print(f"リーダー / reader: {session.reader}")
        return session
    finally:
        await tray.close()
