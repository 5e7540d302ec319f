"""`kiosk-bridge pair`: the loop around a pairing, between the port and whoever stands at the terminal."""

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Final, TextIO

from firmware.cobs import codec
from firmware.wire.enrolment import CODE_DIGITS
from host_bridge import pairing_words as words
from host_bridge.alone import alone
from host_bridge.config import Config
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase
from host_bridge.pairing_refused import PairingRefused, Why
from host_bridge.port import PortLost, TerminalPort
from host_bridge.session import REOPEN_S, WRITE_S, monotonic_ms

TOLD_S: Final = 5.0
"""From one line of progress to the next while nothing changes."""
READ_S: Final = 0.1
LINGER_S: Final = 0.5
"""After the end, so that the reader learns of it."""


class NotPaired(Exception):
    """The text says why and what to do, in both languages."""


def pair(config: Config) -> None:
    """Pair the reader at the configured port. Raises NotPaired, and what the parts raise while starting."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in what it starts
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a stray byte is a wrong code, and no more
    elif sys.stdin is None:
        raise NotPaired(words.refused(PairingRefused(Why.NO_INPUT), ""))
    identity = BridgeIdentity.load(config.identity)
    with alone(config.state):
        pairing = Pairing(identity, Makers(config.maker_roots, config.maker_revoked), codec())
        _Run(pairing, TerminalPort(config.port), str(config.port), _Typist(sys.stdin), _say).run()


def _say(text: str) -> None:
    print(text, flush=True)


@dataclass
class _Run:
    pairing: Pairing
    port: TerminalPort
    path: str
    typist: "_Typist"
    say: Callable[[str], None]
    _said: str = ""
    _said_at: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Until the reader is paired. Raises NotPaired."""
        self._tell(words.obstacle("", self.path))
        try:
            for obstacle in self._turns():
                self._follow(obstacle)
                if self.pairing.over:
                    break
        except KeyboardInterrupt:
            self.pairing.stop(monotonic_ms())
        except EOFError:
            self.pairing.stop(monotonic_ms(), Why.NO_INPUT)
        finally:
            self._linger()
            self.port.close()
        if self.pairing.phase is not Phase.PAIRED:
            raise NotPaired(words.refused(self.pairing.refused, self.pairing.device_id))
        self.say(words.PAIRED.format(device=self.pairing.device_id))

    def _turns(self) -> Iterator[str]:
        """What is in the way, after each turn of the loop; "" for nothing."""
        opened = False
        while True:
            try:
                if not opened:
                    self.port.open()
                    self.pairing.start(monotonic_ms())
                    opened = True
                self._turn()
                yield self.pairing.obstacle if self.pairing.phase is Phase.SEEKING else ""
            except PortLost as lost:
                opened = False
                self.pairing.lost_port()
                yield lost.reason
                time.sleep(REOPEN_S)

    def _turn(self) -> None:
        """Raises PortLost."""
        self.pairing.feed(self.port.read(READ_S), monotonic_ms())
        self._flush()
        self.pairing.tick(monotonic_ms())
        self._flush()

    def _flush(self) -> None:
        out = self.pairing.output()
        if out:
            self.port.write(out, WRITE_S)

    def _follow(self, obstacle: str) -> None:
        phase = self.pairing.phase
        if phase is Phase.CHECKING:
            self._tell(words.CHECKING)
        elif phase is Phase.CODE:
            self._ask()
        elif phase is Phase.TOUCH:
            self._tell(words.TOUCH)
        elif phase is Phase.SEEKING:
            self._tell(words.obstacle(obstacle, self.path))

    def _ask(self) -> None:
        """The code, while the link is kept alive."""
        if self._said != words.ASK:
            pairing = self.pairing
            self.say(words.FOUND.format(device=pairing.device_id, maker=words.printable(pairing.maker)))
            self._said = words.ASK
            self.typist.ask(words.ASK)
            return
        typed = self.typist.typed()
        if typed is None:
            return
        digits = words.digits(typed)
        if len(digits) != CODE_DIGITS:
            self.say(words.NOT_SIX)
        elif not self.pairing.type_code(digits, monotonic_ms()) and not self.pairing.over:
            self.say(words.WRONG.format(left=self.pairing.typings_left))
        if self.pairing.phase is Phase.CODE:
            self.typist.ask(words.ASK)

    def _tell(self, text: str) -> None:
        """A line when it changes, and a sign of life every few seconds."""
        now = time.monotonic()
        if text != self._said:
            self.say(text)
        elif now - self._said_at >= TOLD_S:
            self.say(words.WAITING.format(seconds=round(now - self._began)))
        else:
            return
        self._said, self._said_at = text, now

    def _linger(self) -> None:
        until = time.monotonic() + LINGER_S
        try:
            self._flush()
            while time.monotonic() < until:
                self._turn()
        except (PortLost, KeyboardInterrupt):
            pass


class _Typist:
    """Reads lines from the terminal in a thread, one when it is asked for one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask(self, prompt: str) -> None:
        """Print the prompt and wait for a line in the background."""
        print(prompt, end="", flush=True)
        threading.Thread(target=self._read, name="typist", daemon=True).start()  # a read cannot be called back

    def typed(self) -> str | None:
        """The line, once it is there. Raises EOFError at the end of the input."""
        try:
            line = self._lines.get_nowait()
        except queue.Empty:
            return None
        if not line:
            raise EOFError
        return line

    def _read(self) -> None:
        self._lines.put(self._stream.readline())
