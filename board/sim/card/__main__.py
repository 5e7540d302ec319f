"""`python -m board.sim.card`: serve a virtual tray to vpcd, controlled over a Unix socket."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from board.sim.card.server import LINE_CAP, TrayRefused, TrayServer
from board.sim.card.trace import Trace
from board.sim.card.vpcd import PORT


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m board.sim.card", description=__doc__)
    parser.add_argument("--card", metavar="FOLDER", help="card to place at once")
    parser.add_argument("--cards", type=Path, metavar="FOLDER", help="where personas' card folders are")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="Unix socket for orders, see server.py")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="append a line for every command (default: none)")
    parser.add_argument("--host", default="127.0.0.1", help="where vpcd listens (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="its port (default: %(default)s)")
    options = parser.parse_args()
    if options.card is None and options.control is None:
        parser.error("nothing to do: give --card or --control")
    try:
        asyncio.run(serve(options))
    except (TrayRefused, OSError) as error:
        sys.exit(f"virtual tray: {error}")


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises TrayRefused, OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with open(options.trace or "/dev/null", "a", buffering=1, encoding="utf-8") as trace:
        server = TrayServer((options.host, options.port), options.cards, Trace(lambda line: print(line, file=trace)))
        if options.card is not None:
            server.place(options.card)
        if options.control is not None:
            await asyncio.start_unix_server(server.control, options.control, limit=LINE_CAP)
        await stop.wait()
        await server.lift()


if __name__ == "__main__":
    main()
