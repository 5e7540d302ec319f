"""A virtual My Number Card for anybody's PC/SC program."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from board.sim.card.authority import Authority
from board.sim.card.issue import issue_persona, issue_personas, personas
from board.sim.card.radio import RATES
from board.sim.card.server import LINE_CAP, TrayRefused, TrayServer
from board.sim.card.trace import Trace
from board.sim.card.vpcd import PORT

CARDS = Path("build/cards")

EXAMPLES = """\
first, with Debian's packages pcscd and vsmartcard-vpcd installed and pcscd running:

  python -m board.sim.card serve --persona adult     lay that card on the virtual reader; Ctrl-C lifts it
  opensc-tool --name                                 meanwhile elsewhere: what OpenSC takes it for
  python -m firmware card read                       what this project reads from it

The first time, cards are issued into %(cards)s, with an authority of their own; nobody on them exists. What a card is
made of and who holds it is in personas.toml. The README beside this program says what is modelled and what is guessed.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m board.sim.card",
        description=__doc__,
        epilog=EXAMPLES % {"cards": CARDS},
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("personas", help="list the cards there are")
    listing.set_defaults(program=list_personas)
    issuing = commands.add_parser("issue", help="issue all cards anew, with an authority of their own")
    issuing.add_argument("folder", type=Path, help="new folder: authority/ and cards/")
    issuing.add_argument("--photo", type=Path, help="JP2 file for the card of `adult`")
    issuing.set_defaults(program=issue)
    serving = commands.add_parser("serve", help="lay cards on vpcd, the virtual reader")
    card = serving.add_mutually_exclusive_group()
    card.add_argument("--persona", choices=list(personas()), metavar="NAME", help="place this card; issued if need be")
    card.add_argument("--card", type=Path, metavar="FOLDER", help="place the card of this folder")
    serving.add_argument(
        "--cards", type=Path, default=CARDS, metavar="FOLDER", help="issued cards (default: %(default)s)"
    )
    serving.add_argument("--control", type=Path, metavar="SOCKET", help="Unix socket for orders, see server.py")
    serving.add_argument("--trace", type=Path, metavar="FILE", help="append a line for every command (default: none)")
    serving.add_argument(
        "--rf", type=int, choices=RATES, metavar="KBIT_S", help="answer as slowly as a radio of 106, 212, 424"
    )
    serving.add_argument(
        "--select-ends-security", action="store_true", help="selecting another application ends what is verified"
    )
    serving.add_argument("--host", default="127.0.0.1", help="where vpcd listens (default: %(default)s)")
    serving.add_argument("--port", type=int, default=PORT, help="its port (default: %(default)s)")
    serving.set_defaults(program=serve)
    options = parser.parse_args()
    if options.command == "serve" and not (options.card or options.persona or options.control):
        serving.error("nothing to do: give --persona, --card or --control")
    try:
        options.program(options)
    except (TrayRefused, OSError, ValueError) as error:
        sys.exit(f"virtual card: {error}")
    except KeyboardInterrupt:
        sys.exit("virtual card: stopped")


def list_personas(options: argparse.Namespace) -> None:
    """A line each."""
    for name, fields in personas().items():
        print(f"{name:20} born {fields['birth']}  PIN {fields['pin'] or 'none'}  {fields['note']}")


def issue(options: argparse.Namespace) -> None:
    """Raises OSError, ValueError."""
    photos = {"adult": options.photo.read_bytes()} if options.photo else {}
    authority = Authority.create()
    authority.save(options.folder / "authority")
    print(f"issuing {len(personas())} cards into {options.folder / 'cards'}", flush=True)
    issue_personas(options.folder / "cards", authority, photos)


def issued(folder: Path, persona: str) -> Path:
    """The card folder of a persona, issued now if it is not there. Raises OSError, ValueError."""
    card = folder / "cards" / persona
    if not card.exists():
        print(f"issuing {persona} into {card}", flush=True)
        if not (folder / "authority").exists():
            Authority.create().save(folder / "authority")
        issue_persona(folder / "cards", persona, Authority.load(folder / "authority"))
    return card


def serve(options: argparse.Namespace) -> None:
    """Until SIGTERM or SIGINT. Raises TrayRefused, OSError, ValueError."""
    card = issued(options.cards, options.persona) if options.persona else options.card
    asyncio.run(lie_and_be_controlled(options, card))


async def lie_and_be_controlled(options: argparse.Namespace, card: Path | None) -> None:
    """Serve until told to stop. Raises TrayRefused, OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with open(options.trace or "/dev/null", "a", buffering=1, encoding="utf-8") as trace:
        server = TrayServer(
            (options.host, options.port),
            options.cards / "cards",
            Trace(lambda line: print(line, file=trace)),
            kbit_s=options.rf,
            select_ends_security=options.select_ends_security,
        )
        if card is not None:
            server.place(str(card))
            if options.control is None:
                await server.taken()
                print(f"{card.name} lies on the virtual reader at {options.host}:{options.port}", flush=True)
        if options.control is not None:
            await asyncio.start_unix_server(server.control, options.control, limit=LINE_CAP)
        await stop.wait()
        await server.lift()


if __name__ == "__main__":
    main()
